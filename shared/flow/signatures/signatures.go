// Package signatures has the signed files of a case verified: when a file is uploaded, again when it is presented, and again later where a
// trust or revocation service did not answer. What was found is kept on the file's row, for the applicant, the office and the package in
// preservation to read.
//
// A service that does not answer never costs the applicant the instant of presentation (L. 241/1990 art. 18-bis): the file is taken with
// the verdict "non verificabile ora", and asked about again until there is an answer.
package signatures

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"sportello/shared/domain/application"
	"sportello/shared/domain/catalogue"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/signature"
	"sportello/shared/flow/casefile"
	"sportello/shared/flow/problems"
	"sportello/shared/flow/step"
	"sportello/shared/platform/archive"
	"sportello/shared/platform/queue"
	"sportello/shared/platform/table"
)

// Verifier says what the signatures of a file are worth. At is the time that counts where no trusted timestamp proves an earlier one. An error
// means that the file could not be read to its end; a bad file is a verdict.
type Verifier interface {
	Verify(ctx context.Context, file io.ReaderAt, size int64, at time.Time) (signature.Report, error)
}

// Wanted tells whether the form takes only signed files in that place.
func Wanted(service, field string) bool { return catalogue.MustBeSigned(service, field) }

// Look verifies a file of a case that is kept under its digest. It holds the whole file in memory once: no form takes one above 30 MB. An envelope
// takes in anything: one around something else than the form takes in that place is not signed as the form wants it, however well it is.
func Look(ctx context.Context, documents archive.Documents, v Verifier, service, id string, a application.Attachment, at time.Time) (signature.Report, error) {
	object, err := documents.Open(ctx, layout.DocumentKey(id, a.SHA256))
	if err != nil {
		return signature.Report{}, fmt.Errorf("opening signed file: %w", err)
	}
	defer object.Body.Close()
	file := bytes.NewBuffer(make([]byte, 0, object.Size))
	if _, err := file.ReadFrom(object.Body); err != nil {
		return signature.Report{}, fmt.Errorf("reading signed file: %w", err)
	}
	report, err := v.Verify(ctx, bytes.NewReader(file.Bytes()), int64(file.Len()), at)
	if err != nil {
		return signature.Report{}, fmt.Errorf("verifying signatures: %w", err)
	}
	if report.ContentType != "" && Wanted(service, a.Field) && !catalogue.Takes(service, a.Field, report.ContentType) {
		report.Refuse(signature.OtherContent)
	}
	return report, nil
}

// OfOffice verifies the file by which an office decides: nil where it bears no signature and the service's sheet wants none. A signature that is there
// must hold all the same: nobody can rely on an act whose signature does not.
func OfOffice(ctx context.Context, documents archive.Documents, v Verifier, c casefile.Case, a application.Attachment, at time.Time) (*signature.Report, error) {
	service, err := catalogue.Find(c.Chamber, c.Service)
	if err != nil {
		return nil, err
	}
	report, err := Look(ctx, documents, v, c.Service, c.ID, a, at)
	if err != nil || report.Code == signature.Unsigned && !service.Rules.OutcomeSigned {
		return nil, err
	}
	return &report, nil
}

// Pending tells whether a verdict is still owed for one of the files.
func Pending(files []application.Attachment) bool {
	for _, f := range files {
		if f.Signature != nil && f.Signature.Verdict == signature.Indeterminate {
			return true
		}
	}
	return false
}

// Promise is the outbox row by which a presented case's open verdicts are asked for again.
func Promise(chamber, day, event, id string, now time.Time) step.Owed {
	return step.Owed{Kind: step.Verify, Chamber: chamber, Day: day, Event: event, Application: id, CreatedAt: now, Waits: now.Add(Wait)}
}

// Wait is after how long a service that did not answer is asked again, in the first hour, and Later from then on; Patience is how long that goes on before the sweep counts its tries,
// and after five opens a problem: a revocation service that is down for a day is mended by its owner, not by us.
// End is when nobody is asked any more: what has not been told by then (an issuer that no longer tells of certificates that expired) will not be,
// and the office decides on what there is.
const (
	Wait     = 10 * time.Minute
	Later    = time.Hour
	Patience = 24 * time.Hour
	End      = 30 * 24 * time.Hour
)

// Config is what the step needs; every field is required.
type Config struct {
	Table     table.Table // applications
	Documents archive.Documents
	Verifier  Verifier
	Now       step.Clock
}

// Desk asks again for verdicts that are owed.
type Desk struct{ Config }

// New checks the configuration.
func New(c Config) (*Desk, error) {
	if c.Table == nil || c.Documents == nil || c.Verifier == nil || c.Now == nil {
		return nil, errors.New("signatures: incomplete configuration")
	}
	return &Desk{c}, nil
}

// verdict is a file whose verdict was owed, with what was found now.
type verdict struct {
	file application.Attachment
	item table.Item
}

// Settle asks again for the open verdicts of the case that the envelope points at, each as of the instant of presentation, the outcome's as of the decision. Nothing is
// written before all files were looked at; a crash loses a look, which the next delivery repeats.
func (d *Desk) Settle(ctx context.Context, e queue.Envelope) error {
	return step.Retry(ctx, func() error {
		owed, item, there, err := step.Read(ctx, d.Table, table.Key{PK: e.PK, SK: e.SK})
		if err != nil || !there || owed.Parked {
			return err
		}
		c, err := casefile.Load(ctx, d.Table, owed.Application)
		if err != nil {
			return err
		}
		found, open, err := d.look(ctx, c, owed.Event)
		if err != nil {
			return err
		}
		changes := casefile.Changes{}
		for _, v := range found {
			changes.Add(casefile.Row(v.item, v.item.Key, v.file))
			d.tell(ctx, &changes, c, owed, v.file)
		}
		if open && d.Now().Before(owed.CreatedAt.Add(End)) {
			changes.Add(d.later(owed, item))
			return changes.Commit(ctx, d.Table)
		}
		if open {
			d.give(ctx, &changes, c, owed)
		}
		paid, err := problems.Paid(ctx, d.Table, owed, item, d.Now())
		if err != nil {
			return err
		}
		changes.List = append(changes.List, paid...)
		return changes.Commit(ctx, d.Table)
	})
}

// look verifies the files whose verdict is owed since an event, presentation or decision; open tells whether one of them still is.
func (d *Desk) look(ctx context.Context, c casefile.Case, event string) (found []verdict, open bool, err error) {
	items, err := table.All(ctx, d.Table, table.Query{PK: layout.Application(c.ID), Prefix: layout.AttachmentPrefix})
	if err != nil {
		return nil, false, err
	}
	for _, item := range items {
		a, err := table.Decode[application.Attachment](item, application.Schema)
		if err != nil {
			return nil, false, err
		}
		at, mine := c.PresentedAt(), event == c.Submission.Event && a.Field != application.OfficeFile
		if a.Field == application.OfficeFile && c.Outcome != nil {
			at, mine = c.Outcome.At, a.Used == event
		}
		if !mine || !Pending([]application.Attachment{a}) {
			continue
		}
		report, err := Look(ctx, d.Documents, d.Verifier, c.Service, c.ID, a, at)
		if err != nil {
			return nil, false, err
		}
		if report.Verdict == signature.Indeterminate {
			open = true
			continue
		}
		a.Signature = &report
		found = append(found, verdict{a, item})
	}
	return found, open, nil
}

// tell writes the verdict into the story. One that is bad is told to the office as a problem too: the case was taken on trust, and may have
// been decided meanwhile.
func (d *Desk) tell(ctx context.Context, changes *casefile.Changes, c casefile.Case, owed step.Owed, a application.Attachment) {
	now := d.Now()
	changes.Add(casefile.Tell(c.ID, owed.Event+"-"+a.ID, application.Line{
		At: now, Event: application.SignatureVerified, Actor: application.System, Text: "«" + a.Name + "»: " + a.Signature.Text,
	}))
	if a.Signature.Verdict != signature.Invalid {
		return
	}
	text := "La firma di un documento, che al momento della presentazione non era verificabile, non è valida: decidere se chiedere un'integrazione."
	if a.Field == application.OfficeFile {
		text = "La firma sul documento dell'esito, che al momento della decisione non era verificabile, non è valida: va comunicato un nuovo atto firmato."
	}
	change, ok, err := problems.Open(ctx, d.Table, c.Chamber, problems.Problem{ID: "SIG-" + a.ID, Kind: problems.BadSignature, At: now, Application: c.ID, Text: text})
	if ok || err != nil {
		changes.Add(change, err)
	}
}

// give hands the question to the office: nobody has answered in a month.
func (d *Desk) give(ctx context.Context, changes *casefile.Changes, c casefile.Case, owed step.Owed) {
	text := "La firma di un documento non è stata verificabile in un mese di tentativi: decidere se chiedere un'integrazione."
	if c.Outcome != nil && c.Outcome.Event == owed.Event {
		text = "La firma sul documento dell'esito non è stata verificabile in un mese di tentativi: decidere se comunicare un nuovo atto firmato."
	}
	change, ok, err := problems.Open(ctx, d.Table, c.Chamber, problems.Problem{
		ID: "SIG-" + owed.Event, Kind: problems.BadSignature, At: d.Now(), Application: c.ID,
		Text: text,
	})
	if ok || err != nil {
		changes.Add(change, err)
	}
}

// later leaves the question to the sweep.
func (d *Desk) later(owed step.Owed, item table.Item) (table.Change, error) {
	now, wait := d.Now(), Wait
	if now.After(owed.CreatedAt.Add(Later)) {
		wait = Later
	}
	if now.Before(owed.CreatedAt.Add(Patience)) {
		owed.Attempts, owed.Waits = 0, now.Add(wait)
	}
	item, err := owed.Row(item, now.Add(wait))
	return table.Put(item), err
}
