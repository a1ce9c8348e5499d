package office_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/shared/domain/application"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/problem"
	"sportello/shared/flow/access"
	"sportello/shared/flow/correspondence"
	"sportello/shared/flow/draft"
	"sportello/shared/flow/flowtest"
	"sportello/shared/flow/office"
	"sportello/shared/platform/table"
)

var ctx = context.Background()

// Which act is possible in which state: everything else is a conflict that changes nothing.
func TestStates(t *testing.T) {
	states := map[string]func(w *flowtest.World) string{
		"presented":   func(w *flowtest.World) string { return w.Presented() },
		"registered":  func(w *flowtest.World) string { return w.Registered() },
		"in progress": func(w *flowtest.World) string { return w.InProgress() },
		"awaiting":    func(w *flowtest.World) string { id, _ := w.Asked(10); return id },
		"decided":     func(w *flowtest.World) string { return w.Decided() },
		"withdrawn": func(w *flowtest.World) string {
			id := w.Registered()
			w.Must(func() error { _, err := w.Cases.Withdraw(ctx, w.Applicant(), id, ""); return err })
			return id
		},
		"closed": func(w *flowtest.World) string { return w.Closed() },
	}
	acts := map[string]struct {
		do func(w *flowtest.World, id string) error
		in []string
	}{
		"assign to another": {func(w *flowtest.World, id string) error {
			_, err := w.Office.Assign(ctx, w.Officer(), id, flowtest.Pietro)
			return err
		}, []string{"registered", "in progress", "awaiting"}},
		"ask": {func(w *flowtest.World, id string) error {
			_, err := w.Office.RequestIntegration(ctx, w.Officer(), id, "Manca", 10)
			return err
		}, []string{"in progress"}},
		"decide": {func(w *flowtest.World, id string) error {
			_, err := w.Office.Decide(ctx, w.Officer(), id, "founded", "Sì", w.OfficeFile(id))
			return err
		}, []string{"in progress", "awaiting"}},
		"message": {func(w *flowtest.World, id string) error {
			_, err := w.Office.Message(ctx, w.Officer(), id, "Ciao")
			return err
		}, []string{"presented", "registered", "in progress", "awaiting", "decided", "withdrawn"}},
	}
	for state, make := range states {
		for act, c := range acts {
			t.Run(state+": "+act, func(t *testing.T) {
				w := flowtest.New(t)
				id := make(w)
				before := w.Meta(id).State
				err := c.do(w, id)
				can := false
				for _, s := range c.in {
					can = can || s == state
				}
				if can != (err == nil) || err != nil && !problem.Is(err, problem.Conflict) {
					t.Fatalf("%v, want possible %v", err, can)
				}
				if !can {
					w.State(id, before)
				}
				w.Check()
			})
		}
	}
}

// The request suspends the term once, for at most thirty days, and tells until when.
func TestRequestIntegration(t *testing.T) {
	w := flowtest.New(t)
	id := w.InProgress()
	for _, days := range []int{0, 31, -1} {
		_, err := w.Office.RequestIntegration(ctx, w.Officer(), id, "Manca", days)
		flowtest.Refused(t, fmt.Sprintf("%d days", days), err, problem.Invalid, "#/days")
	}
	w.State(id, application.InProgress)
	w.Pass(24 * time.Hour)
	sent, err := w.Office.RequestIntegration(ctx, w.Officer(), id, "Manca la copia.", 13)
	if err != nil || sent.Due != "2026-12-09" { // 24 November + 13 is 7 December, the patron's day, then the Immaculate
		t.Fatalf("due %s, %v", sent.Due, err)
	}
	w.Settle()
	letter := w.Letter(id, correspondence.RequestLetter)
	if !strings.Contains(letter.Text, "entro il 09/12/2026") || !strings.Contains(letter.Text, "Manca la copia.") || letter.Protocol == nil {
		t.Errorf("letter %+v", letter.Letter)
	}
	v, err := w.Office.Show(ctx, w.Officer(), id)
	if err != nil || !v.Deadline.Suspended || v.Deadline.Due != "2027-01-05" { // 23 December + 13
		t.Errorf("deadline %+v, %v", v.Deadline, err)
	}
	w.Must(func() error { _, err := w.Cases.Reply(ctx, w.Applicant(), id, sent.ID, "Ecco", nil); return err })
	_, err = w.Office.RequestIntegration(ctx, w.Officer(), id, "Manca altro", 5)
	flowtest.Refused(t, "a second suspension", err, problem.Conflict)
	w.State(id, application.InProgress)

	id = w.InProgress()
	w.Pass(40 * 24 * time.Hour)
	_, err = w.Office.RequestIntegration(ctx, w.Officer(), id, "Manca", 5)
	flowtest.Refused(t, "after the term", err, problem.Conflict)
}

func TestDecideRefuses(t *testing.T) {
	w := flowtest.New(t)
	id := w.InProgress()
	file := w.OfficeFile(id)
	_, claim := flowtest.PDF("altro.pdf")
	pending, err := w.Office.Attach(ctx, w.Officer(), id, claim)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ outcome, file, pointer string }{
		"outcome":      {"granted", file, "#/outcome"},
		"withdrawal":   {application.Withdrawal, file, "#/outcome"},
		"no document":  {"founded", "nothing", "#/document"},
		"pending file": {"founded", pending.ID, "#/document"},
	} {
		_, err := w.Office.Decide(ctx, w.Officer(), id, c.outcome, "Sì", c.file)
		flowtest.Refused(t, name, err, problem.Invalid, c.pointer)
	}
	key := layout.DocumentKey(id, w.Files(id)[0].SHA256)
	_ = w.Documents.Delete(ctx, key)
	_ = w.Documents.Put(ctx, key, []byte("%PDF-1.7 esitO.pdf"), "application/pdf")
	_, err = w.Office.Decide(ctx, w.Officer(), id, "founded", "Sì", file)
	flowtest.Refused(t, "a document that changed", err, problem.FileMismatch, "#/document")
	w.State(id, application.InProgress)
	if len(w.Outbox()) != 0 {
		t.Error("something is owed")
	}
	for name, c := range map[string]struct {
		change  func(*draft.Claim)
		pointer string
	}{
		"type":      {func(c *draft.Claim) { c.MediaType = "application/zip" }, "#/mediaType"},
		"too large": {func(c *draft.Claim) { c.Size = 30 << 20 }, "#/size"},
		"digest":    {func(c *draft.Claim) { c.SHA256 = "00" }, "#/sha256"},
	} {
		bad := claim
		c.change(&bad)
		_, err := w.Office.Attach(ctx, w.Officer(), id, bad)
		flowtest.Refused(t, "attaching: "+name, err, problem.Invalid, c.pointer)
	}
}

// Uploads that never arrive take no place for long: a case whose officer tried forty times is not left without a decision.
func TestForgottenUploads(t *testing.T) {
	w := flowtest.New(t)
	id := w.InProgress()
	_, claim := flowtest.PDF("esito.pdf")
	for range draft.MaxAttachments {
		w.Must(func() error { _, err := w.Office.Attach(ctx, w.Officer(), id, claim); return err })
	}
	_, err := w.Office.Attach(ctx, w.Officer(), id, claim)
	flowtest.Refused(t, "one file more", err, problem.Invalid, "#/field")
	w.Pass(draft.Forgotten + time.Second)
	file := w.OfficeFile(id)
	if _, err := w.Office.Decide(ctx, w.Officer(), id, "founded", "Sì", file); err != nil {
		t.Errorf("deciding later: %v", err)
	}
	w.Settle()
	w.Check()
}

// A decision is taken once, whatever becomes of its commit: one outcome, one number, one letter with one token.
func TestDecideOnce(t *testing.T) {
	for _, fault := range append([]flowtest.Fault{0}, flowtest.Faults...) {
		t.Run(fmt.Sprint(int(fault)), func(t *testing.T) {
			w := flowtest.New(t)
			id := w.InProgress()
			file := w.OfficeFile(id)
			if fault != 0 {
				w.Applications.FailNext(fault)
			}
			_, err := w.Office.Decide(ctx, w.Officer(), id, "founded", "Il reclamo è fondato.", file)
			if fault == flowtest.Before {
				_, err = w.Office.Decide(ctx, w.Officer(), id, "founded", "Il reclamo è fondato.", file)
			}
			if err != nil {
				t.Fatal(err)
			}
			_, err = w.Office.Decide(ctx, w.Officer(), id, "unfounded", "No", file)
			flowtest.Refused(t, "deciding again", err, problem.Conflict)
			w.Rest()
			letters, outcomes := 0, 0
			for _, m := range w.Mails(id) {
				if m.Kind == correspondence.OutcomeLetter {
					letters++
					if strings.Contains(m.Text, correspondence.Token) || strings.Contains(m.Text, correspondence.Mark) || !strings.Contains(m.Text, "/valuta/?t=") {
						t.Errorf("the letter says %q", m.Text)
					}
					if len(m.Documents) != 1 || m.Documents[0].Name != "esito.pdf" {
						t.Errorf("enclosed %+v", m.Documents)
					}
				}
			}
			for _, d := range w.DocumentsOf(id) {
				if d.Kind == application.OutcomeDocument {
					outcomes++
				}
			}
			if letters != 1 || outcomes != 1 || w.Told(id, application.WasDecided) != 1 || w.Meta(id).Outcome.Kind != "founded" {
				t.Errorf("%d letters, %d documents, told %d times", letters, outcomes, w.Told(id, application.WasDecided))
			}
			w.Check()
		})
	}
}

// Who reads only the portal gets no letter: the outcome is served by being there, the token of the survey is at the desk, and the case closes.
func TestPortalOnly(t *testing.T) {
	w := flowtest.New(t)
	id := w.Decided("domicile", "portal")
	if n := len(w.Mails(id)); n != 1 { // the office's notice
		t.Errorf("%d letters", n)
	}
	v, err := w.Cases.Show(ctx, w.Applicant(), id)
	if err != nil || v.Survey == nil || v.Survey.Token == "" {
		t.Fatalf("survey %+v, %v", v.Survey, err)
	}
	if o, err := w.Office.Show(ctx, w.Officer(), id); err != nil || o.Survey.Token != "" {
		t.Errorf("the office sees the token: %v", err)
	}
	w.Pass(31 * 24 * time.Hour)
	w.Rest()
	w.State(id, application.Preserved)
}

// A case is given only to who may see it.
func TestAssign(t *testing.T) {
	w := flowtest.New(t)
	c := w.Office.Config
	c.Colleague = func(_ context.Context, _ access.Officer, taxCode string) (access.Officer, error) {
		switch taxCode {
		case flowtest.Pietro:
			return access.Officer{Chamber: flowtest.Chamber, TaxCode: taxCode, Name: "Pietro Neri"}, nil
		case flowtest.Marco:
			return access.Officer{Chamber: flowtest.Chamber, TaxCode: taxCode, Name: "Marco Bianchi", Offices: []string{"protesti"}}, nil
		}
		return access.Officer{}, problem.New(problem.Invalid, "Non è un addetto.").At("#/officer", "Sconosciuto.")
	}
	desk, err := office.New(c)
	if err != nil {
		t.Fatal(err)
	}
	id := w.Registered("officer", "Neri Pietro")
	for name, taxCode := range map[string]string{"complained of": flowtest.Pietro, "another office's": flowtest.Marco, "nobody": flowtest.Giulia} {
		_, err := desk.Assign(ctx, w.Officer(), id, taxCode)
		flowtest.Refused(t, name, err, problem.Invalid, "#/officer")
	}
	w.State(id, application.Registered)
	if v, err := desk.Assign(ctx, w.Officer(), id, ""); err != nil || v.Officer.TaxCode != flowtest.Lucia {
		t.Errorf("to oneself: %v", err)
	}
	if _, err := desk.Assign(ctx, w.Officer(), id, ""); err != nil || w.Told(id, application.TakenInCharge) != 1 {
		t.Errorf("taken in charge twice: told %d times, %v", w.Told(id, application.TakenInCharge), err)
	}
}

func TestList(t *testing.T) {
	w := flowtest.New(t)
	first := w.Registered()
	w.Pass(2 * 24 * time.Hour)
	second := w.InProgress()
	done := w.Decided()
	w.Draft()
	for name, c := range map[string]struct {
		f    office.Filter
		want []string
	}{
		"open, by due":     {office.Filter{}, []string{first, second}},
		"state":            {office.Filter{State: "decided"}, []string{done}},
		"assignee":         {office.Filter{Assignee: flowtest.Lucia}, []string{second}},
		"nobody's":         {office.Filter{Assignee: "none"}, []string{first}},
		"due before":       {office.Filter{DueBefore: "2026-12-24"}, []string{first}},
		"service":          {office.Filter{Service: "other"}, nil},
		"changed since":    {office.Filter{ChangedSince: w.Now()}, []string{second}},
		"state, assignee":  {office.Filter{State: "in_progress", Assignee: flowtest.Lucia}, []string{second}},
		"unknown assignee": {office.Filter{Assignee: flowtest.Pietro}, nil},
	} {
		list, _, err := w.Office.List(ctx, w.Officer(), c.f, nil)
		if err != nil || list == nil {
			t.Errorf("%s: %v, %v", name, list, err)
		}
		var got []string
		for _, s := range list {
			got = append(got, s.ID)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
	// An applicant's message is a change that who watches sees.
	w.Pass(time.Hour)
	since := w.Now()
	w.Must(func() error { _, err := w.Cases.Message(ctx, w.Applicant(), first, "Allora?", false); return err })
	list, _, err := w.Office.List(ctx, w.Officer(), office.Filter{ChangedSince: since}, nil)
	if err != nil || len(list) != 1 || list[0].ID != first {
		t.Errorf("changed since: %d cases, %v", len(list), err)
	}
}

// The register is read page by page, and an annulled number shows its annulment wherever the page ends.
func TestRegister(t *testing.T) {
	w := flowtest.New(t)
	for range 56 {
		w.Presented("domicile", "portal")
	}
	w.Settle()
	for _, n := range []uint64{1, 49, 50} {
		if _, err := w.Office.Annul(ctx, w.Officer(), 2026, n, "Errore", "Determinazione n. 7"); err != nil {
			t.Fatal(err)
		}
	}
	w.Settle()
	var seen []string
	annulled := map[string]bool{}
	var after *table.Cursor
	for {
		list, next, err := w.Office.Entries(ctx, w.Officer(), 2026, 0, 0, after)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			seen = append(seen, e.Number)
			if e.Annulled {
				annulled[e.Number] = true
			}
		}
		if after = next; after == nil {
			break
		}
	}
	if len(seen) != 56 || seen[0] != "0000001" || seen[55] != "0000056" {
		t.Errorf("%d numbers: %v", len(seen), seen)
	}
	if diff := cmp.Diff(map[string]bool{"0000001": true, "0000049": true, "0000050": true}, annulled); diff != "" {
		t.Error(diff)
	}
	for name, c := range map[string]struct {
		from, to uint64
		want     int
	}{"range": {10, 12, 3}, "one": {10, 10, 1}, "backwards": {12, 10, 0}, "beyond": {100, 200, 0}, "from": {55, 0, 2}} {
		if list, _, err := w.Office.Entries(ctx, w.Officer(), 2026, c.from, c.to, nil); err != nil || len(list) != c.want {
			t.Errorf("%s: %d entries, %v", name, len(list), err)
		}
	}
	if list, _, err := w.Office.Entries(ctx, w.Officer(), 2025, 0, 0, nil); err != nil || list == nil || len(list) != 0 {
		t.Errorf("a year without a register: %v, %v", list, err)
	}
	_, err := w.Office.Entry(ctx, w.Officer(), 2026, 57)
	flowtest.Refused(t, "a number that does not exist", err, problem.NotFound)
	_, err = w.Office.Annul(ctx, w.Officer(), 2026, 57, "Errore", "Det. 1")
	flowtest.Refused(t, "annulling it", err, problem.NotFound)
	_, err = w.Office.Annul(ctx, w.Officer(), 2026, 1, "Errore", "Det. 2")
	flowtest.Refused(t, "annulling again", err, problem.Conflict)
	if v, err := w.Office.Seal(ctx, w.Officer(), "2026-11-23"); err != nil || v.State != "open" || v.Seal != nil {
		t.Errorf("seal %+v, %v", v, err)
	}
	w.At(time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC))
	w.CloseDays()
	w.Settle()
	if v, err := w.Office.Seal(ctx, w.Officer(), "2026-11-23"); err != nil || v.State != "sealed" || v.Seal == nil {
		t.Errorf("seal %+v, %v", v, err)
	}
	w.Check()
}

// Problems are the chamber's own; a term that ran out is not dealt with by saying so.
func TestProblems(t *testing.T) {
	w := flowtest.New(t)
	id := w.InProgress()
	w.Pass(31 * 24 * time.Hour)
	w.Sweep()
	list, err := w.Office.Problems(ctx, w.Officer())
	if err != nil || len(list) != 1 || list[0].Application != id || list[0].Retryable {
		t.Fatalf("problems %+v, %v", list, err)
	}
	other := w.Officer()
	other.Chamber = flowtest.Other
	if theirs, err := w.Office.Problems(ctx, other); err != nil || theirs == nil || len(theirs) != 0 {
		t.Errorf("another chamber sees %v, %v", theirs, err)
	}
	flowtest.Refused(t, "another chamber's", w.Office.RetryProblem(ctx, other, list[0].ID), problem.NotFound)
	flowtest.Refused(t, "unknown", w.Office.RetryProblem(ctx, w.Officer(), "nothing"), problem.NotFound)
	flowtest.Refused(t, "a term that ran out", w.Office.RetryProblem(ctx, w.Officer(), list[0].ID), problem.Conflict)
	w.Decide(id)
	if left := w.Problems(); len(left) != 0 {
		t.Errorf("decided, and open are %+v", left)
	}
	if err := w.Office.RetryProblem(ctx, w.Officer(), list[0].ID); err != nil {
		t.Errorf("retrying what is resolved: %v", err)
	}
	w.Check()
}
