package flowtest

import (
	"fmt"
	"slices"
	"strings"

	"sportello/shared/domain/application"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/register"
	"sportello/shared/flow/correspondence"
	"sportello/shared/flow/problems"
	"sportello/shared/flow/step"
)

// entry is what Check needs of a register's row.
type entry struct {
	Book   string `json:"book"`
	Seq    uint64 `json:"seq"`
	Number uint64 `json:"number"`
	Annex  int    `json:"annex"`
	Event  string `json:"event"`
	Page   string `json:"page"`
	Prev   string `json:"prev"`
	Hash   string `json:"hash"`
}

// Check holds the world to its invariants: the register has no gap and no event twice, every effect is there once, whatever is still owed is on
// its way or has a problem with an owner, and nothing of a case that was presented is gone.
func (w *World) Check() {
	w.T.Helper()
	w.checkRegister()
	w.checkMail()
	w.checkOwed()
	w.checkStories()
	w.checkKept()
}

// Entries reads a book in the order of seq.
func (w *World) Entries(book string) []entry {
	var list []entry
	for _, item := range w.Register.Snapshot() {
		if item.PK == layout.LedgerEntries(book) {
			list = append(list, decode[entry](w, item))
		}
	}
	slices.SortFunc(list, func(a, b entry) int { return int(a.Seq) - int(b.Seq) })
	return list
}

func (w *World) checkRegister() {
	w.T.Helper()
	events, books := map[string]bool{}, map[string]bool{}
	for _, item := range w.Register.Snapshot() {
		if book, ok := strings.CutPrefix(item.PK, "E#"); ok {
			books[book] = true
		}
	}
	for book := range books {
		number, prev := uint64(0), strings.Repeat("0", 64)
		for n, e := range w.Entries(book) {
			if e.Annex == 0 {
				number++
			}
			switch {
			case events[e.Event]:
				w.T.Errorf("%s: event %s has two places", book, e.Event)
			case e.Seq != uint64(n+1), e.Annex == 0 && e.Number != number, e.Prev != prev:
				w.T.Errorf("%s: broken at %+v", book, e)
			case !strings.HasSuffix(book, "#"+e.Page[:4]) && e.Annex == 0:
				w.T.Errorf("%s holds an entry of %s", book, e.Page)
			}
			events[e.Event], prev = true, e.Hash
		}
	}
}

// checkMail: each message was taken once, or twice with the doubt recorded.
func (w *World) checkMail() {
	w.T.Helper()
	taken := map[string]int{}
	for _, m := range w.Mail.Taken {
		taken[m.MessageID]++
	}
	for _, item := range w.Applications.Snapshot() {
		if !strings.HasPrefix(item.PK, "APP#") || !strings.HasPrefix(item.SK, layout.MailPrefix) {
			continue
		}
		m := decode[correspondence.Mail](w, item)
		if n := taken[m.MessageID]; n > 2 || n == 2 && !m.Doubt {
			w.T.Errorf("message %s was sent %d times, doubt %v", m.ID, n, m.Doubt)
		}
	}
}

// checkOwed: an outbox row is before the sweep, or parked under an open problem.
func (w *World) checkOwed() {
	w.T.Helper()
	open := map[string]bool{}
	for _, item := range w.Applications.Snapshot() {
		if strings.HasPrefix(item.PK, "CH#") && strings.HasPrefix(item.SK, layout.ProblemPrefix) {
			p := decode[problems.Problem](w, item)
			open[p.ID] = p.ResolvedAt == nil
			if _, listed := item.Index[layout.ByDue]; listed != open[p.ID] {
				w.T.Errorf("problem %s is open %v and listed %v", p.ID, open[p.ID], listed)
			}
		}
	}
	for _, item := range w.Outbox() {
		o := decode[step.Owed](w, item)
		_, timed := item.Index[layout.Timers]
		switch {
		case o.Parked && !open[o.Problem]:
			w.T.Errorf("%s of %s is parked and nobody has a problem", o.Kind, o.Event)
		case !o.Parked && !timed:
			w.T.Errorf("%s of %s waits for nobody", o.Kind, o.Event)
		}
	}
}

// checkKept: what was presented, answered or issued lies among the documents under its digest. Nothing takes it away, not even its preservation.
func (w *World) checkKept() {
	w.T.Helper()
	for _, item := range w.Applications.Snapshot() {
		if !strings.HasPrefix(item.PK, "APP#") || item.SK != layout.Meta("").SK {
			continue
		}
		a := decode[application.Application](w, item)
		if a.Submission == nil {
			continue
		}
		keys := map[string]string{layout.SnapshotKey(a.ID, a.Submission.Digest): a.Submission.Digest}
		for _, d := range w.DocumentsOf(a.ID) {
			keys[d.Key] = d.SHA256
		}
		for _, f := range w.Files(a.ID) {
			if f.Complete {
				keys[layout.DocumentKey(a.ID, f.SHA256)] = f.SHA256
			}
		}
		for key, digest := range keys {
			if body, err := w.Documents.Get(ctx, key); err != nil || register.Digest(body) != digest {
				w.T.Errorf("%s, of a case that is %s: %v", key, a.State, err)
			}
		}
	}
}

// checkStories: what happens once is told once.
func (w *World) checkStories() {
	w.T.Helper()
	once := []application.Event{
		application.Submitted, application.WasRegistered, application.WasDecided, application.WasWithdrawn, application.WasClosed,
		application.WasPreserved, application.ReceiptIssued, application.WasRated, application.TermExpired, application.OutcomeDelivered,
	}
	told := map[string]int{}
	for _, item := range w.Applications.Snapshot() {
		if strings.HasPrefix(item.PK, "APP#") && strings.HasPrefix(item.SK, layout.TimelinePrefix) {
			l := decode[application.Line](w, item)
			if slices.Contains(once, l.Event) {
				told[fmt.Sprintf("%s of %s", l.Event, item.PK)]++
			}
		}
	}
	for what, n := range told {
		if n > 1 {
			w.T.Errorf("%s is told %d times", what, n)
		}
	}
}
