package problems_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/shared/domain/layout"
	"sportello/shared/domain/problem"
	"sportello/shared/flow/flowtest"
	"sportello/shared/flow/problems"
	"sportello/shared/flow/step"
	"sportello/shared/platform/queue"
	"sportello/shared/platform/table"
)

var (
	ctx = context.Background()
	at  = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
)

func commit(t *testing.T, w table.Table, changes ...table.Change) {
	t.Helper()
	if err := w.Commit(ctx, changes...); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, w table.Table, id string, at time.Time) bool {
	t.Helper()
	change, ok, err := problems.Open(ctx, w, "milano", problems.Problem{ID: id, Kind: problems.MailFailed, At: at, Text: "Testo."})
	if err != nil {
		t.Fatal(err)
	}
	if ok {
		commit(t, w, change)
	}
	return ok
}

func ids(t *testing.T, w table.Table) []string {
	t.Helper()
	list, err := problems.List(ctx, w, "milano")
	if err != nil {
		t.Fatal(err)
	}
	got := []string{}
	for _, p := range list {
		got = append(got, p.ID)
	}
	return got
}

func none(context.Context, problems.Problem) ([]table.Change, error) { return nil, nil }

// A problem is opened once, listed while it is open, kept when it is resolved, and opened again by the same cause.
func TestLife(t *testing.T) {
	w := table.NewMemory()
	for n, id := range []string{"a", "b", "c"} {
		if !open(t, w, id, at.Add(time.Duration(n)*time.Minute)) {
			t.Errorf("%s was not opened", id)
		}
	}
	if open(t, w, "a", at) {
		t.Error("opened twice")
	}
	if diff := cmp.Diff([]string{"c", "b", "a"}, ids(t, w)); diff != "" {
		t.Errorf("newest first:\n%s", diff)
	}
	for range 2 {
		if err := problems.Retry(ctx, w, step.Post{}, "milano", "b", flowtest.Lucia, at, none); err != nil {
			t.Fatal(err)
		}
	}
	changes, err := problems.Close(ctx, w, "milano", "c", at)
	if err != nil {
		t.Fatal(err)
	}
	commit(t, w, changes...)
	if again, err := problems.Close(ctx, w, "milano", "c", at); err != nil || len(again) != 0 {
		t.Errorf("closed twice: %v, %v", again, err)
	}
	if diff := cmp.Diff([]string{"a"}, ids(t, w)); diff != "" {
		t.Error(diff)
	}
	for id, by := range map[string]string{"b": flowtest.Lucia, "c": problems.System} {
		p, _, err := table.Load[problems.Problem](ctx, w, layout.Problem("milano", id), 1)
		if err != nil || p.ResolvedBy != by || p.ResolvedAt == nil {
			t.Errorf("%s: %+v, %v", id, p, err)
		}
	}
	if !open(t, w, "b", at.Add(time.Hour)) || len(ids(t, w)) != 2 {
		t.Error("not opened again")
	}
	if err := problems.Retry(ctx, w, step.Post{}, "bergamo", "a", flowtest.Lucia, at, none); !problem.Is(err, problem.NotFound) {
		t.Errorf("another chamber's: %v", err)
	}
	if list, err := problems.List(ctx, w, "bergamo"); err != nil || list == nil || len(list) != 0 {
		t.Errorf("another chamber's: %v, %v", list, err)
	}
}

// Parked work is woken once, with a new attempt, whatever becomes of the commit; a refusal elsewhere wakes nothing.
func TestPark(t *testing.T) {
	for _, fault := range append([]flowtest.Fault{0}, flowtest.Faults...) {
		w := flowtest.NewTable()
		owed := step.Owed{Kind: step.Mail, Chamber: "milano", Day: "2026-11-23", Event: "e-a", CreatedAt: at, Attempts: 7}
		promise, err := owed.Promise()
		if err != nil {
			t.Fatal(err)
		}
		commit(t, w, promise)
		owed, item, _, err := step.Read(ctx, w, owed.Key())
		if err != nil {
			t.Fatal(err)
		}
		changes, err := problems.Park(ctx, w, owed, item, problems.Refused, "Testo.", at)
		if err != nil {
			t.Fatal(err)
		}
		commit(t, w, changes...)
		id := ids(t, w)[0]

		no := errors.New("not now")
		err = problems.Retry(ctx, w, step.Post{}, "milano", id, "x", at, func(context.Context, problems.Problem) ([]table.Change, error) { return nil, no })
		if !errors.Is(err, no) || len(ids(t, w)) != 1 {
			t.Errorf("refused elsewhere: %v", err)
		}

		var mail queue.Memory
		if fault != 0 {
			w.FailNext(fault)
		}
		err = problems.Retry(ctx, w, step.Post{Mail: &mail}, "milano", id, "x", at, none)
		if (err != nil) != (fault == flowtest.Before) {
			t.Errorf("%v: %v", fault, err)
		}
		if fault == flowtest.Before {
			err = problems.Retry(ctx, w, step.Post{Mail: &mail}, "milano", id, "x", at, none)
		}
		woken, item, _, readErr := step.Read(ctx, w, owed.Key())
		if err != nil || readErr != nil || woken.Parked || woken.Problem != "" || woken.Attempts != 8 || !woken.Retried || len(item.Index) != 1 {
			t.Errorf("%v: woken as %+v, %v, %v", fault, woken, err, readErr)
		}
		if sent := mail.Take(); len(sent) != 1 || sent[0].Attempt != 8 {
			t.Errorf("%v: sent %+v", fault, sent)
		}
		// Paid: the row goes, and with it the problem that the sweep may have opened meanwhile.
		woken.Problem = problems.WorkOf(woken, at)
		open(t, w, woken.Problem, at)
		paid, err := problems.Paid(ctx, w, woken, item, at)
		if err != nil {
			t.Fatal(err)
		}
		commit(t, w, paid...)
		if len(ids(t, w)) != 0 {
			t.Error("paid, and the problem is open")
		}
	}
}
