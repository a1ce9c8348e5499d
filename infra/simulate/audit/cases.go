package audit

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	"sportello/infra/simulate/store"
	"sportello/shared/domain/application"
	"sportello/shared/domain/register"
	"sportello/shared/flow/casefile"
	"sportello/shared/platform/table"
)

// shadow is what must stay so of a case, once it was presented.
type shadow struct {
	submission []byte // as it was committed
	presented  time.Time
	protocol   *application.Protocol
	state      application.State
	chamber    string
	against    string
	unbought   bool // it waits for its payment, or ended without
	changed    time.Time
	gone       bool
}

// forgotten tells whether the rows of a case may go: it ended unpaid, long ago.
func (a *Auditor) forgotten(id string) bool {
	s, ok := a.cases[id]
	return ok && s.unbought && s.state != application.AwaitingPayment && a.Now().Sub(s.changed) >= casefile.DraftLife
}

// filing is a document that somebody is promised a number for.
type filing struct {
	chamber, date, presentedAt string
	annul                      bool
}

// owed is an outbox row.
type owed struct {
	Kind        string          `json:"kind"`
	Chamber     string          `json:"chamber"`
	Day         string          `json:"day"`
	Event       string          `json:"event"`
	Application string          `json:"application"`
	Parked      bool            `json:"parked"`
	Payload     json.RawMessage `json:"payload"`
}

// Answered notes that an applicant was told that the application is presented.
func (a *Auditor) Answered(id string, at time.Time) {
	a.answers[id] = at
	s, ok := a.cases[id]
	switch {
	case !ok:
		a.Report(Safe, "the applicant was told that %s is presented, and it is not", id)
	case !s.presented.Equal(at):
		a.Report(Clock, "the applicant was told another instant of presentation of %s", id)
	}
}

// meta looks at a change of a case.
func (a *Auditor) meta(id string, c store.Applied) {
	s, known := a.cases[id]
	if !c.After.Exists() {
		if known && !a.forgotten(id) {
			a.Report(Safe, "case %s was presented and is gone", id)
		}
		if known {
			s.gone = true
		}
		return
	}
	var row struct {
		application.Application
		Submission json.RawMessage `json:"submission"`
	}
	if err := json.Unmarshal(c.After.Body, &row); err != nil {
		panic("audit: a case cannot be read: " + err.Error())
	}
	if len(row.Submission) == 0 {
		if known {
			a.Report(Safe, "case %s was presented and is a draft again", id)
		}
		return
	}
	if !known {
		s = a.presented(id, row.Application, row.Submission)
	} else if !bytes.Equal(s.submission, row.Submission) {
		a.Report(Clock, "the submission of case %s was changed", id)
	}
	if row.State == application.Draft {
		a.Report(Safe, "case %s was presented and is a draft again", id)
	}
	if s.protocol != nil && (row.Protocol == nil || row.Protocol.Own() != s.protocol.Own()) {
		a.Report(Register, "the number of case %s was changed", id)
	} else if s.protocol == nil && row.Protocol != nil {
		var submission application.Submission
		if json.Unmarshal(row.Submission, &submission) == nil {
			a.numbered("case "+id, submission.Event, *row.Protocol)
		}
	}
	var submission application.Submission
	if unpaid := row.State == application.AwaitingPayment; json.Unmarshal(row.Submission, &submission) == nil {
		a.unpaid[submission.Event] = unpaid
		if unpaid && !known {
			day := row.Chamber + " " + register.Date(submission.PresentedAt)
			a.byDay[day] = append(a.byDay[day], submission.Event)
		}
	}
	row.Application.Submission = &submission
	s.protocol, s.state, s.unbought, s.changed = row.Protocol, row.State, row.Application.Unbought(), row.UpdatedAt
}

// presented takes note of a submission: its instant is this one.
func (a *Auditor) presented(id string, row application.Application, submission []byte) *shadow {
	var sub application.Submission
	if err := json.Unmarshal(submission, &sub); err != nil {
		panic("audit: a submission cannot be read: " + err.Error())
	}
	s := &shadow{submission: bytes.Clone(submission), presented: sub.PresentedAt, chamber: row.Chamber, against: row.Against}
	a.cases[id] = s
	if late := a.Now().Sub(sub.PresentedAt); late < 0 || late > 5*time.Minute {
		a.Report(Clock, "case %s was committed %s after its instant of presentation", id, late)
	}
	return s
}

// numbered holds a number that is shown to the one that the register gave.
func (a *Auditor) numbered(what, event string, p application.Protocol) {
	at, ok := a.events[event]
	switch {
	case !ok:
		a.Report(Register, "%s shows number %s, the register gave none", what, p.Number)
	case register.Number(at.number) != p.Number || at.page != p.Date || register.Year(at.page) != p.Year:
		a.Report(Register, "%s shows number %s of %s, the register gave %d of %s", what, p.Number, p.Date, at.number, at.page)
	}
}

// document looks at a document of a case: the number it shows is the register's, and stays.
func (a *Auditor) document(id string, c store.Applied) {
	before, after := parse[application.Document](c.Before), parse[application.Document](c.After)
	switch {
	case !c.After.Exists() && a.forgotten(id):
	case !c.After.Exists():
		a.Report(Safe, "a document of case %s is gone", id)
	case before.Protocol != nil && (after.Protocol == nil || after.Protocol.Own() != before.Protocol.Own()):
		a.Report(Register, "the number of document %s was changed", after.ID)
	case before.Protocol == nil && after.Protocol != nil:
		a.numbered("document "+after.ID, after.ID, *after.Protocol)
	}
}

// incoming looks at a certified message that arrived.
func (a *Auditor) incoming(c store.Applied) {
	var before, after struct {
		ID       string                `json:"id"`
		Protocol *application.Protocol `json:"protocol"`
	}
	_ = json.Unmarshal(c.Before.Body, &before)
	_ = json.Unmarshal(c.After.Body, &after)
	if before.Protocol == nil && after.Protocol != nil {
		a.numbered("message "+after.ID, after.ID, *after.Protocol)
	}
}

// owes looks at an outbox row.
func (a *Auditor) owes(key table.Key, c store.Applied) {
	if !c.After.Exists() {
		delete(a.outbox, key)
		return
	}
	o := parse[owed](c.After)
	a.outbox[key] = o
	if c.Before.Exists() || !strings.HasPrefix(key.PK, "OUT#REG#") {
		return
	}
	var f struct {
		Entry register.Entry `json:"entry"`
		Annul *struct{}      `json:"annul"`
	}
	if err := json.Unmarshal(o.Payload, &f); err != nil {
		panic("audit: a filing cannot be read: " + err.Error())
	}
	// An annulment is named by what it says: asked for again, it is the same event, and the register holds it once.
	if _, twice := a.filings[o.Event]; twice && f.Annul == nil {
		a.Report(Once, "event %s was filed twice", o.Event)
	}
	a.filings[o.Event] = filing{o.Chamber, f.Entry.PresentationDate, f.Entry.PresentedAt, f.Annul != nil}
	if _, waited := a.unpaid[o.Event]; f.Annul == nil && !waited {
		day := o.Chamber + " " + f.Entry.PresentationDate
		a.byDay[day] = append(a.byDay[day], o.Event)
	}
}

// State is the state of a case that was presented, "" of one that was not.
func (a *Auditor) State(id string) application.State {
	if s, ok := a.cases[id]; ok {
		return s.state
	}
	return ""
}

// Unbought tells whether a case waits for its payment, or ended without.
func (a *Auditor) Unbought(id string) bool {
	s, ok := a.cases[id]
	return ok && s.unbought
}

// Against is whom a case complains of.
func (a *Auditor) Against(id string) string {
	if s, ok := a.cases[id]; ok {
		return s.against
	}
	return ""
}
