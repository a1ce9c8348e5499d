package schedule_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/infra/local/schedule"
	"sportello/infra/local/template"
)

func at(t *testing.T, text string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestNext(t *testing.T) {
	for _, c := range []struct{ expression, zone, from, want string }{
		{"rate(1 minute)", "UTC", "2026-01-01T00:00:10Z", "2026-01-01T00:01:10Z"},
		{"rate(5 hours)", "UTC", "2026-01-01T00:00:00Z", "2026-01-01T05:00:00Z"},
		{"cron(0 3 * * ? *)", "Europe/Rome", "2026-01-01T01:59:59Z", "2026-01-01T02:00:00Z"},
		{"cron(0 3 * * ? *)", "Europe/Rome", "2026-01-01T02:00:00Z", "2026-01-02T02:00:00Z"},
		{"cron(0 3 * * ? *)", "Europe/Rome", "2026-07-01T00:00:00Z", "2026-07-01T01:00:00Z"},
		// The clocks go forward at 02:00 on 29 March 2026: there is no 02:30.
		{"cron(30 2 * * ? *)", "Europe/Rome", "2026-03-28T12:00:00Z", "2026-03-29T01:30:00Z"},
		// They go back at 03:00 on 25 October 2026: 02:30 comes twice and fires once.
		{"cron(30 2 * * ? *)", "Europe/Rome", "2026-10-24T12:00:00Z", "2026-10-25T01:30:00Z"},
		{"cron(30 2 * * ? *)", "Europe/Rome", "2026-10-25T01:30:00Z", "2026-10-26T01:30:00Z"},
		{"cron(0/15 8-9 ? * MON-FRI *)", "UTC", "2026-11-20T09:45:00Z", "2026-11-23T08:00:00Z"},
		{"cron(0 0 L * ? *)", "UTC", "2026-02-01T00:00:00Z", "2026-02-28T00:00:00Z"},
		{"cron(0 0 1W * ? *)", "UTC", "2026-07-31T12:00:00Z", "2026-08-03T00:00:00Z"},
		{"cron(0 0 ? * 6L *)", "UTC", "2026-11-01T00:00:00Z", "2026-11-27T00:00:00Z"},
		{"cron(0 0 ? * 2#1 *)", "UTC", "2026-11-03T00:00:00Z", "2026-12-07T00:00:00Z"},
		{"cron(0 12 29 FEB ? *)", "UTC", "2026-01-01T00:00:00Z", "2028-02-29T12:00:00Z"},
		{"cron(0 12 1 1 ? 2025)", "UTC", "2026-01-01T00:00:00Z", ""},
		{"at(2026-05-01T10:00:00)", "Europe/Rome", "2026-01-01T00:00:00Z", "2026-05-01T08:00:00Z"},
		{"at(2026-05-01T10:00:00)", "Europe/Rome", "2026-05-01T08:00:00Z", ""},
	} {
		e, err := schedule.Parse(c.expression, c.zone)
		if err != nil {
			t.Errorf("%s: %v", c.expression, err)
			continue
		}
		got := e.Next(at(t, c.from))
		if c.want == "" {
			if !got.IsZero() {
				t.Errorf("%s after %s: %v, want never", c.expression, c.from, got)
			}
			continue
		}
		if !got.Equal(at(t, c.want)) {
			t.Errorf("%s in %s after %s: %s, want %s", c.expression, c.zone, c.from, got.UTC().Format(time.RFC3339), c.want)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, text := range []string{
		"", "every minute", "rate(0 minutes)", "rate(1 week)", "rate(x)", "cron(0 3 * * ?)", "cron(60 3 * * ? *)", "cron(0 3 * * * *)", "cron(0 3 ? * ? *)",
		"cron(0 3 9-2 * ? *)", "cron(0/0 3 * * ? *)", "at(tomorrow)", "rate(1 minute",
	} {
		if _, err := schedule.Parse(text, "UTC"); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
	if _, err := schedule.Parse("rate(1 minute)", "Europe/Sportello"); err == nil {
		t.Error("a zone that is not was taken")
	}
}

// hand is a clock moved by hand.
type hand struct {
	mu    sync.Mutex
	now   time.Time
	moved chan struct{}
}

func (h *hand) Now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *hand) Moved() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.moved
}

func (h *hand) advance(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
	close(h.moved)
	h.moved = make(chan struct{})
}

type fired struct{ Name, Payload string }

func scheduler(t *testing.T, clock *hand, state string) (*schedule.Scheduler, chan fired) {
	t.Helper()
	out := make(chan fired, 100)
	s, err := schedule.New(schedule.Config{
		Clock: clock, State: state, Region: "eu-south-1", Account: "000000000000", Log: slog.New(slog.DiscardHandler),
		Fire: func(one template.Schedule, payload []byte) { out <- fired{one.Name, string(payload)} },
		Schedules: []template.Schedule{
			{Name: "DeadlinesSweep", Expression: "rate(1 minute)", Zone: "UTC", Input: `{"task":"sweep"}`, Enabled: true},
			{Name: "DeadlinesDaily", Expression: "cron(0 3 * * ? *)", Zone: "Europe/Rome", Input: `{"at":"<aws.scheduler.scheduled-time>"}`, Enabled: true},
			{Name: "Off", Expression: "rate(1 minute)", Zone: "UTC", Enabled: false},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s, out
}

func next(t *testing.T, out chan fired) fired {
	t.Helper()
	select {
	case f := <-out:
		return f
	case <-time.After(20 * time.Second):
		t.Fatal("nothing fired")
		return fired{}
	}
}

// A rate that never fired does so at the start, and then a jump fires each schedule once, in the order in which they were due.
func TestJumpFiresEachOnceInOrder(t *testing.T) {
	clock := &hand{now: at(t, "2026-11-22T17:00:00Z"), moved: make(chan struct{})}
	s, out := scheduler(t, clock, filepath.Join(t.TempDir(), "state"))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { s.Run(ctx); close(done) }()
	got := []fired{next(t, out)}
	clock.advance(26 * time.Hour)
	got = append(got, next(t, out), next(t, out))
	cancel()
	<-done
	sweep := fired{"DeadlinesSweep", `{"task":"sweep"}`}
	want := []fired{sweep, sweep, {"DeadlinesDaily", `{"at":"2026-11-23T02:00:00Z"}`}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(out) > 0 {
		t.Errorf("%v fired too", <-out)
	}
}

// TestFiresWhatWasMissed starts again after a night: what came due meanwhile
// fires once.
func TestFiresWhatWasMissed(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	clock := &hand{now: at(t, "2026-11-22T17:00:00Z"), moved: make(chan struct{})}
	for night := range 2 {
		s, out := scheduler(t, clock, state)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { s.Run(ctx); close(done) }()
		if night == 0 {
			next(t, out) // the rate, which never fired
		}
		clock.advance(26 * time.Hour)
		next(t, out)
		next(t, out)
		cancel()
		<-done
		if len(out) > 0 {
			t.Errorf("%v fired too", <-out)
		}
	}
	// Off for two days, then on with no jump.
	clock.mu.Lock()
	clock.now = clock.now.Add(48 * time.Hour)
	clock.mu.Unlock()
	s, out := scheduler(t, clock, state)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	defer func() { cancel(); <-done }() // it writes its state after it fired
	go func() { s.Run(ctx); close(done) }()
	if got := []string{next(t, out).Name, next(t, out).Name}; !cmp.Equal(got, []string{"DeadlinesSweep", "DeadlinesDaily"}) {
		t.Errorf("fired %v", got)
	}
}

func TestFire(t *testing.T) {
	clock := &hand{now: at(t, "2026-11-22T17:00:00Z"), moved: make(chan struct{})}
	s, out := scheduler(t, clock, filepath.Join(t.TempDir(), "state"))
	if err := s.Fire("Sweep"); err != nil {
		t.Error(err)
	}
	if f := next(t, out); f.Name != "DeadlinesSweep" {
		t.Errorf("fired %v", f)
	}
	if err := s.Fire("Nothing"); !errors.Is(err, schedule.ErrUnknown) {
		t.Errorf("got %v", err)
	}
}
