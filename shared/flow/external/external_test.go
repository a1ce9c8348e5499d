package external_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"sportello/shared/domain/application"
	"sportello/shared/domain/catalogue"
	"sportello/shared/domain/problem"
	"sportello/shared/flow/casefile"
	"sportello/shared/flow/correspondence"
	"sportello/shared/flow/flowtest"
	"sportello/shared/flow/problems"
	"sportello/shared/flow/step"
	"sportello/shared/platform/queue"
)

var ctx = context.Background()

// outside is the chamber that keeps a protocol of its own.
const outside = "varese"

// presented is a case of that chamber that was presented; nothing has followed yet.
func presented(w *flowtest.World) string {
	w.T.Helper()
	var v casefile.View
	w.Must(func() (err error) {
		v, err = w.Drafts.Create(ctx, w.Applicant(), outside, flowtest.Service, "me")
		return err
	})
	for range 2 { // as flowtest's own drafts are written
		w.Must(func() error {
			now, err := w.Cases.Show(ctx, w.Applicant(), v.ID)
			if err == nil {
				_, err = w.Drafts.Save(ctx, w.Applicant(), v.ID, now.Version, flowtest.Answers())
			}
			if problem.Is(err, problem.VersionMismatch) {
				return nil
			}
			return err
		})
	}
	w.Present(v.ID)
	return v.ID
}

// numbered wants the case to have our number and, beside it, the first that the chamber gave, told once.
func numbered(w *flowtest.World, id string) application.Protocol {
	w.T.Helper()
	c := w.Meta(id)
	given := w.Protocol.Numbers[c.Submission.Event]
	if c.Protocol == nil || c.Protocol.External == nil || len(given) == 0 || *c.Protocol.External != given[0] {
		w.T.Fatalf("protocol %+v, the chamber gave %+v", c.Protocol, given)
	}
	if n := w.Told(id, application.NumberedOutside); n != 1 {
		w.T.Errorf("told %d times", n)
	}
	return *c.Protocol
}

func TestTheChambersNumberStandsBesideOurs(t *testing.T) {
	w := flowtest.New(t)
	id := presented(w)
	w.Settle()
	p := numbered(w, id)
	if p.Number != "0000001" || p.External.Number != "0000901" || p.External.Register != "PG-varese" {
		t.Errorf("%+v %+v", p, p.External)
	}
	if got, want := correspondence.Cite(p), "n. 0000001 del 23/11/2026, protocollo della Camera n. 0000901 del 23/11/2026"; got != want {
		t.Errorf("cited %q", got)
	}
	documents := w.DocumentsOf(id)
	if n := slices.IndexFunc(documents, func(d application.Document) bool { return d.Kind == application.ApplicationDocument }); n < 0 ||
		documents[n].Protocol == nil || documents[n].Protocol.External == nil || *documents[n].Protocol.External != *p.External {
		t.Errorf("documents: %+v", documents)
	}
	lines := w.Lines(id)
	if !slices.ContainsFunc(lines, func(l application.Line) bool {
		return l.Event == application.NumberedOutside && l.Text == "Protocollo della Camera n. 0000901 del 23/11/2026"
	}) {
		t.Errorf("story: %+v", lines)
	}
	asked := w.Protocol.Asked[0]
	if len(w.Protocol.Asked) != 1 || asked.Reference != w.Meta(id).Submission.Event || asked.Protocol != p.Own() ||
		asked.Entry.Document.SHA256 != w.Meta(id).Submission.Digest {
		t.Errorf("asked %+v", w.Protocol.Asked)
	}
	w.Check()
}

// A later document of the case, a withdrawal, has its own number there too.
func TestLaterDocuments(t *testing.T) {
	w := flowtest.New(t)
	id := presented(w)
	w.Settle()
	w.Must(func() error {
		_, err := w.Cases.Withdraw(ctx, w.Applicant(), id, "Ho risolto.")
		return err
	})
	w.Settle()
	documents := w.DocumentsOf(id)
	n := slices.IndexFunc(documents, func(d application.Document) bool { return d.Kind == application.WithdrawalDocument })
	if n < 0 || documents[n].Protocol == nil || documents[n].Protocol.External == nil || documents[n].Protocol.External.Number != "0000902" {
		t.Errorf("documents: %+v", documents)
	}
	if len(w.Protocol.Asked) != 2 || w.Told(id, application.NumberedOutside) != 2 {
		t.Errorf("asked %d times, told %d times", len(w.Protocol.Asked), w.Told(id, application.NumberedOutside))
	}
	w.Check()
}

func TestAChamberWithoutAProtocolIsNotAsked(t *testing.T) {
	w := flowtest.New(t)
	id := w.Registered()
	if p := w.Meta(id).Protocol; p.External != nil || len(w.Protocol.Asked) != 0 {
		t.Errorf("protocol %+v, asked %+v", p, w.Protocol.Asked)
	}
}

// A protocol that is down holds up nothing but its number: the case goes on, the office is told, and the number comes in the end.
func TestDown(t *testing.T) {
	w := flowtest.New(t)
	w.Protocol.Down = true
	first, second := presented(w), presented(w)
	w.Settle()
	for _, id := range []string{first, second} {
		if c := w.Meta(id); c.State != application.Registered || c.Protocol == nil || c.Protocol.External != nil {
			t.Errorf("%s, %+v", c.State, c.Protocol)
		}
	}
	if w.Letter(first, correspondence.Acknowledgement).Protocol == nil {
		t.Error("the letter waits for the chamber's number")
	}
	w.Rest()
	open := w.ProblemsOf(outside)
	if len(open) != 2 || open[0].Kind != problems.Overdue {
		t.Errorf("problems: %+v", open)
	}
	w.Protocol.Down = false
	w.Rest()
	numbered(w, first)
	numbered(w, second)
	if open = w.ProblemsOf(outside); len(open) != 0 || len(w.Outbox()) != 0 {
		t.Errorf("problems: %+v, owed: %d", open, len(w.Outbox()))
	}
	w.Check()
}

// An answer that got lost is found by the reference; a number that the chamber gave twice counts by the first.
func TestOneNumberWhateverIsLost(t *testing.T) {
	for name, set := range map[string]func(*flowtest.Protocol){
		"answer lost": func(p *flowtest.Protocol) { p.Lose = 1 },
		"given twice": func(p *flowtest.Protocol) { p.Twice = true },
		"both":        func(p *flowtest.Protocol) { p.Lose, p.Twice = 1, true },
	} {
		t.Run(name, func(t *testing.T) {
			w := flowtest.New(t)
			set(w.Protocol)
			id := presented(w)
			w.Settle()
			w.Rest()
			numbered(w, id)
			if len(w.Protocol.Asked) != 1 {
				t.Errorf("asked %d times", len(w.Protocol.Asked))
			}
			w.Check()
		})
	}
}

func TestRefused(t *testing.T) {
	w := flowtest.New(t)
	w.Protocol.Refuse = true
	id := presented(w)
	w.Settle()
	w.Rest()
	open := w.ProblemsOf(outside)
	if len(open) != 1 || open[0].Kind != problems.NumberRefused || open[0].Application != id || strings.Contains(open[0].Text, flowtest.Giulia) {
		t.Fatalf("problems: %+v", open)
	}
	w.Protocol.Refuse = false
	officer := w.Officer()
	officer.Chamber = outside
	w.Must(func() error { return w.Office.RetryProblem(ctx, officer, open[0].ID) })
	w.Settle()
	numbered(w, id)
	if open = w.ProblemsOf(outside); len(open) != 0 {
		t.Errorf("problems: %+v", open)
	}
	w.Check()
}

// Whatever fails at any commit, the chamber is asked for one number, and it arrives.
func TestEachFault(t *testing.T) {
	flowtest.EachFault(t, func(t testing.TB, w *flowtest.World) {
		id := presented(w)
		w.Settle()
		w.Rest()
		numbered(w, id)
		if len(w.Protocol.Asked) != 1 || len(w.Outbox()) != 0 {
			t.Errorf("asked %d times, %d owed", len(w.Protocol.Asked), len(w.Outbox()))
		}
		w.Check()
	})
}

// A case is closed, and its package made, with all its numbers in it.
func TestClosingWaits(t *testing.T) {
	w := flowtest.New(t)
	chamber, _ := catalogue.ChamberByID(outside)
	settle := func() {
		t.Helper()
		for range 3 {
			w.Rest()
			for {
				n, err := w.Inbox.Read(ctx, chamber)
				if err != nil {
					t.Fatal(err)
				}
				if n == 0 {
					break
				}
			}
			w.Settle()
		}
	}
	id := presented(w)
	settle()
	w.Protocol.Down = true
	w.Must(func() error {
		_, err := w.Cases.Withdraw(ctx, w.Applicant(), id, "Ho risolto.")
		return err
	})
	settle()
	w.Pass(60 * 24 * time.Hour)
	settle()
	w.State(id, application.Withdrawn)
	w.Protocol.Down = false
	settle()
	w.Pass(2 * time.Hour)
	settle()
	w.State(id, application.Preserved)
	w.Check()
}

// A question that no release of ours would ask is put before a person.
func TestUnreadable(t *testing.T) {
	w := flowtest.New(t)
	owed := step.Owed{Kind: step.External, Chamber: outside, Day: "2026-11-23", Event: "e", CreatedAt: w.Now(), Payload: []byte(`{"target":"elsewhere"}`)}
	change, err := owed.Promise()
	if err == nil {
		err = w.Applications.Commit(ctx, change)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Deliver(queue.Message{Envelope: owed.Envelope()}); err != nil {
		t.Fatal(err)
	}
	if open := w.ProblemsOf(outside); len(open) != 1 || open[0].Kind != problems.Halted {
		t.Errorf("problems: %+v", open)
	}
	w.Check()
}
