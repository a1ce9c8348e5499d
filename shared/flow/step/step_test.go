package step_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/shared/domain/layout"
	"sportello/shared/flow/step"
	"sportello/shared/platform/queue"
	"sportello/shared/platform/table"
)

var ctx = context.Background()

func TestRetry(t *testing.T) {
	other := errors.New("other")
	for name, c := range map[string]struct {
		errs  []error // of the attempts; then nil
		want  error
		tries int
	}{
		"at once":       {nil, nil, 1},
		"conflict":      {[]error{&table.Conflict{}}, nil, 2},
		"unclear":       {[]error{table.ErrUnclear, &table.Conflict{}}, nil, 3},
		"another error": {[]error{other}, other, 1},
		"then another":  {[]error{table.ErrUnclear, other}, other, 2},
		"always a conflict": {[]error{
			table.ErrConflict, table.ErrConflict, table.ErrConflict, table.ErrConflict, table.ErrConflict, table.ErrConflict, table.ErrConflict,
			table.ErrConflict, table.ErrConflict,
		}, step.ErrBusy, 8},
	} {
		tries := 0
		err := step.Retry(ctx, func() error {
			tries++
			if tries <= len(c.errs) {
				return c.errs[tries-1]
			}
			return nil
		})
		if !errors.Is(err, c.want) || tries != c.tries {
			t.Errorf("%s: %v after %d tries", name, err, tries)
		}
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if err := step.Retry(ended, func() error { return table.ErrConflict }); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
}

func TestOutbox(t *testing.T) {
	w := table.NewMemory()
	at := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	o := step.Owed{Kind: step.Mail, Chamber: "milano", Day: "2026-11-23", Event: "e-a", Application: "a", CreatedAt: at}
	o, err := o.With(map[string]string{"x": "y"})
	if err != nil {
		t.Fatal(err)
	}
	promise, err := o.Promise()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(ctx, promise); err != nil {
		t.Fatal(err)
	}
	got, item, there, err := step.Read(ctx, w, o.Key())
	if err != nil || !there {
		t.Fatal(there, err)
	}
	if diff := cmp.Diff(o, got); diff != "" {
		t.Error(diff)
	}
	if due, ok := layout.TimerInstant(item.Index[layout.Timers]); !ok || !due.Equal(at.Add(step.FirstSweep)) {
		t.Errorf("due at %s", due)
	}
	o.Parked = true
	if parked, err := o.Row(item, at); err != nil || len(parked.Index) != 0 {
		t.Errorf("a parked row is before the sweep: %v, %v", parked.Index, err)
	}
	if _, _, there, err := step.Read(ctx, w, table.Key{PK: "OUT#PEC#milano#2026-11-23", SK: "other"}); there || err != nil {
		t.Errorf("a row that is gone: %v, %v", there, err)
	}
	if _, err := step.Payload[int](o); err == nil {
		t.Error("another payload was read")
	}
}

func TestPost(t *testing.T) {
	var registration, registered, mail, preservation queue.Memory
	missed := []step.Kind{}
	post := step.Post{Registration: &registration, Registered: &registered, Mail: &mail, Preservation: &preservation,
		Missed: func(_ context.Context, kind step.Kind, _ error) { missed = append(missed, kind) }}
	for _, kind := range []step.Kind{step.Register, step.Seal, step.Receipt, step.Mail, step.Preserve, "XXX"} {
		post.Send(ctx, step.Owed{Kind: kind, Chamber: "milano", Day: "2026-11-23", Event: "e"})
	}
	post.HandOver(ctx, step.Owed{Kind: step.Register, Chamber: "milano", Day: "2026-11-23", Event: "e"})
	if a, b, c, d := registration.Take(), registered.Take(), mail.Take(), preservation.Take(); len(a) != 2 || len(b) != 1 || len(c) != 1 || len(d) != 2 {
		t.Errorf("sent %d, %d, %d, %d", len(a), len(b), len(c), len(d))
	} else if a[0].Group != "milano" || b[0].Kind != string(step.Apply) || b[0].SK != "e" {
		t.Errorf("sent %+v, %+v", a[0], b[0])
	}
	if diff := cmp.Diff([]step.Kind{"XXX"}, missed); diff != "" {
		t.Error(diff)
	}
}

func TestBackoff(t *testing.T) {
	for attempts, want := range []time.Duration{2, 4, 8, 16, 32, 60, 60} {
		if got := step.Backoff(attempts); got != want*time.Minute {
			t.Errorf("after %d: %s", attempts, got)
		}
	}
	if got := step.Backoff(1 << 30); got != time.Hour {
		t.Errorf("after very many: %s", got)
	}
}
