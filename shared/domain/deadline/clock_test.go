package deadline

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func noon(s string) time.Time { return d(s).Start().Add(12 * time.Hour) }

func TestClock(t *testing.T) {
	c := Start(time.Date(2026, 9, 30, 22, 30, 0, 0, time.UTC), 30) // half past midnight of 1 October in Rome
	if c.Start != d("2026-10-01") || c.Due(milano) != d("2026-10-31") {
		t.Fatalf("started %s, due %s", c.Start, c.Due(milano))
	}
	c, err := c.Suspend(noon("2026-10-11"), 15, milano)
	if err != nil {
		t.Fatal(err)
	}
	if c.ReplyBy != d("2026-10-26") || c.Due(milano) != d("2026-11-16") { // 15 more days end on a Sunday
		t.Errorf("reply by %s, due %s", c.ReplyBy, c.Due(milano))
	}
	if _, err := c.Suspend(noon("2026-10-12"), 1, milano); !errors.Is(err, ErrAlreadySuspended) {
		t.Errorf("second suspension: %v", err)
	}
	early, err := c.Resume(noon("2026-10-16"))
	if err != nil || early.Due(milano) != d("2026-11-05") {
		t.Errorf("resumed after five days: due %s, %v", early.Due(milano), err)
	}
	if _, err := early.Suspend(noon("2026-10-20"), 1, milano); !errors.Is(err, ErrAlreadySuspended) {
		t.Errorf("suspension after the first one ended: %v", err)
	}
	if _, err := early.Resume(noon("2026-10-17")); !errors.Is(err, ErrNotSuspended) {
		t.Errorf("resumed twice: %v", err)
	}
	late, err := c.Resume(noon("2026-11-10"))
	if err != nil || late.Due(milano) != c.Due(milano) {
		t.Errorf("an answer after the limit moved the term to %s, %v", late.Due(milano), err)
	}
}

func TestClockRefuses(t *testing.T) {
	c := Start(noon("2026-10-01"), 30)
	for name, f := range map[string]struct {
		do   func() error
		want error
	}{
		"zero days":        {func() error { _, err := c.Suspend(noon("2026-10-02"), 0, milano); return err }, ErrSuspensionLength},
		"31 days":          {func() error { _, err := c.Suspend(noon("2026-10-02"), 31, milano); return err }, ErrSuspensionLength},
		"after the end":    {func() error { _, err := c.Suspend(noon("2026-11-02"), 5, milano); return err }, ErrExpired},
		"before the start": {func() error { _, err := c.Suspend(noon("2026-09-30"), 5, milano); return err }, ErrBackwards},
		"resume, running":  {func() error { _, err := c.Resume(noon("2026-10-02")); return err }, ErrNotSuspended},
		"resume, backwards": {func() error {
			s, _ := c.Suspend(noon("2026-10-05"), 5, milano)
			_, err := s.Resume(noon("2026-10-04"))
			return err
		}, ErrBackwards},
	} {
		if err := f.do(); !errors.Is(err, f.want) {
			t.Errorf("%s: %v, want %v", name, err, f.want)
		}
	}
	if _, err := c.Suspend(noon("2026-10-31"), 30, milano); err != nil {
		t.Errorf("30 days on the last day: %v", err)
	}
}

// The thirtieth day is a Sunday, and the office asks on the Monday after: the term does not end before the day of the answer.
func TestSuspendedOnAnAddedDay(t *testing.T) {
	c, err := Start(noon("2026-10-30"), 30).Suspend(noon("2026-11-30"), 10, milano)
	if err != nil || c.ReplyBy != d("2026-12-10") || c.Due(milano) != c.ReplyBy {
		t.Errorf("reply by %s, due %s, %v", c.ReplyBy, c.Due(milano), err)
	}
	if c, err = c.Resume(noon("2026-12-02")); err != nil || c.Due(milano) != d("2026-12-02") {
		t.Errorf("due %s, %v", c.Due(milano), err)
	}
}

func TestClockProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start, days := drawDate(t, "start"), rapid.IntRange(1, 180).Draw(t, "days")
		running := Start(start.Start(), days)
		limit := rapid.IntRange(1, MaxSuspension).Draw(t, "limit")
		from := start.AddDays(rapid.IntRange(0, days).Draw(t, "from"))
		stopped, err := running.Suspend(from.Start(), limit, milano)
		if err != nil {
			t.Fatal(err)
		}
		pause := rapid.IntRange(0, 60).Draw(t, "pause")
		resumed, err := stopped.Resume(from.AddDays(pause).Start())
		if err != nil {
			t.Fatal(err)
		}
		// Days run plus days paused are the whole way from start to due, but for the holiday at its end.
		if want := milano.Expiry(start, days+min(pause, limit)); resumed.Due(milano) != want {
			t.Fatalf("due %s, want %s", resumed.Due(milano), want)
		}
		if stopped.Due(milano).Before(stopped.ReplyBy) {
			t.Fatal("the term ends while it may be answered")
		}
		if resumed.Due(milano).Before(running.Due(milano)) || resumed.Due(milano).After(stopped.Due(milano)) {
			t.Fatal("a suspension shortens the term, or lengthens it beyond its limit")
		}
		raw, err := json.Marshal(resumed)
		if err != nil {
			t.Fatal(err)
		}
		var back Clock
		if err := json.Unmarshal(raw, &back); err != nil || back != resumed {
			t.Fatalf("%s comes back as %+v: %v", raw, back, err)
		}
	})
}

func TestClockIsSmall(t *testing.T) {
	raw, err := json.Marshal(Start(noon("2026-10-01"), 30))
	if err != nil || string(raw) != `{"start":"2026-10-01","days":30}` {
		t.Errorf("%s, %v", raw, err)
	}
}
