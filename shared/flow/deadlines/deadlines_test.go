package deadlines_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sportello/shared/domain/application"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/pec"
	"sportello/shared/flow/correspondence"
	"sportello/shared/flow/deadlines"
	"sportello/shared/flow/flowtest"
	"sportello/shared/flow/problems"
	"sportello/shared/flow/step"
	"sportello/shared/platform/queue"
	"sportello/shared/platform/table"
)

var ctx = context.Background()

// The term runs out at the end of its last day, once, with a word to the office; weekends and holidays prolong it.
func TestTermExpires(t *testing.T) {
	for name, c := range map[string]struct {
		presented time.Time
		last      string // the last instant of the term, in UTC
	}{
		"a working day": {time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC), "2026-12-23T22:59:59.999Z"},
		"Christmas":     {time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC), "2026-12-28T22:59:59.999Z"},  // 25, 26, and a Sunday
		"New Year":      {time.Date(2026, 12, 2, 9, 0, 0, 0, time.UTC), "2027-01-02T22:59:59.999Z"},   // 1 January; Saturday is none
		"near midnight": {time.Date(2026, 12, 2, 23, 30, 0, 0, time.UTC), "2027-01-02T22:59:59.999Z"}, // already the 3rd in Rome
		"the patron's":  {time.Date(2027, 11, 7, 9, 0, 0, 0, time.UTC), "2027-12-09T22:59:59.999Z"},   // 7 and 8 December
		"summer time":   {time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC), "2027-03-31T21:59:59.999Z"},    // the clocks changed on 28 March
	} {
		t.Run(name, func(t *testing.T) {
			w := flowtest.New(t)
			w.At(c.presented)
			id := w.InProgress()
			last, err := time.Parse(time.RFC3339, c.last)
			if err != nil {
				t.Fatal(err)
			}
			w.At(last)
			w.Sweep()
			if n := w.Told(id, application.TermExpired); n != 0 {
				t.Error("told before the day was over")
			}
			w.Pass(time.Millisecond)
			for range 3 {
				w.Sweep()
				w.Pass(time.Hour)
			}
			if n := w.Told(id, application.TermExpired); n != 1 {
				t.Errorf("told %d times", n)
			}
			if got := w.Kinds(); !slices.Equal(got, []problems.Kind{problems.TermExpired}) {
				t.Errorf("problems %v", got)
			}
			w.State(id, application.InProgress) // the office still owes a decision
			if !w.Meta(id).PresentedAt().Equal(c.presented) {
				t.Error("another instant of presentation")
			}
			w.Check()
		})
	}
}

// The request lapses, the term goes on from there, and then runs out.
func TestLapseThenExpire(t *testing.T) {
	w := flowtest.New(t)
	id, request := w.Asked(10) // on the first day: until 3 December, and the term until 2 January
	w.At(time.Date(2026, 12, 4, 10, 0, 0, 0, time.UTC))
	for range 2 {
		w.Sweep()
	}
	w.State(id, application.InProgress)
	if n := w.Told(id, application.IntegrationLapsed); n != 1 || w.Meta(id).Request != "" {
		t.Errorf("told %d times, request %q", n, w.Meta(id).Request)
	}
	if r := w.Requests(id)[0]; r.ID != request || !r.Lapsed {
		t.Errorf("request %+v", r)
	}
	w.At(time.Date(2027, 1, 2, 22, 59, 0, 0, time.UTC))
	w.Sweep()
	if n := w.Told(id, application.TermExpired); n != 0 {
		t.Error("the suspension does not count")
	}
	w.Pass(time.Minute)
	w.Sweep()
	if n := w.Told(id, application.TermExpired); n != 1 {
		t.Errorf("told %d times", n)
	}
	w.Check()
}

// Each of what time does, its commit failing in the four ways: done once.
func TestFaults(t *testing.T) {
	for name, c := range map[string]struct {
		make func(w *flowtest.World) string
		pass time.Duration
		want application.Event
	}{
		"lapse":  {func(w *flowtest.World) string { id, _ := w.Asked(10); return id }, 12 * 24 * time.Hour, application.IntegrationLapsed},
		"expire": {func(w *flowtest.World) string { return w.InProgress() }, 31 * 24 * time.Hour, application.TermExpired},
		"close":  {func(w *flowtest.World) string { return w.Decided() }, 31 * 24 * time.Hour, application.WasClosed},
	} {
		for _, fault := range flowtest.Faults {
			t.Run(fmt.Sprintf("%s %s", name, fault), func(t *testing.T) {
				w := flowtest.New(t)
				id := c.make(w)
				w.Pass(c.pass)
				w.Applications.FailNext(fault)
				w.Sweep()
				w.Sweep()
				if n := w.Told(id, c.want); n != 1 {
					t.Errorf("told %d times", n)
				}
				w.Check()
			})
		}
	}
}

// Closing waits for numbers, for the receipt, and for the end of every message.
func TestClosingWaits(t *testing.T) {
	t.Run("for a receipt of delivery", func(t *testing.T) {
		w := flowtest.New(t)
		id := w.Registered()
		w.Mail.Silent = true
		w.Must(func() error { _, err := w.Cases.Withdraw(ctx, w.Applicant(), id, ""); return err })
		w.Settle()
		// A letter of the office travels still.
		mails := w.Mails(id)
		travelling := mails[0]
		travelling.State, travelling.Receipts = pec.StateAccepted, nil
		item, err := table.One(ctx, w.Applications, layout.Mail(id, travelling.ID))
		if err != nil {
			t.Fatal(err)
		}
		change, err := travelling.Row(item)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Applications.Commit(ctx, change); err != nil {
			t.Fatal(err)
		}
		w.Pass(24*time.Hour + 30*time.Minute)
		w.Sweep()
		w.State(id, application.Withdrawn)
		w.Pass(time.Hour) // now the silence is told, and is an end
		w.Sweep()
		w.Pass(time.Hour)
		w.Sweep()
		w.State(id, application.Closed)
		if got := w.Kinds(); !slices.Equal(got, []problems.Kind{problems.MailUncertain}) {
			t.Errorf("problems %v", got)
		}
	})
	t.Run("for a number", func(t *testing.T) {
		w := flowtest.New(t)
		id := w.Registered()
		w.Must(func() error { _, err := w.Cases.Withdraw(ctx, w.Applicant(), id, ""); return err })
		w.Waiting() // lost
		w.Pass(25 * time.Hour)
		w.Sweep()
		w.State(id, application.Withdrawn)
		w.Settle() // the sweep sent it again
		w.Pass(deadlines.Again)
		w.Sweep()
		w.State(id, application.Closed)
		w.Check()
	})
}

// What is overdue is sent again at growing distances; after five times somebody has a problem, and the tries go on.
func TestBackoff(t *testing.T) {
	w := flowtest.New(t)
	w.Presented()
	w.Waiting()
	var at []time.Duration
	start := w.Now()
	for range 8 * 60 {
		w.Pass(time.Minute)
		w.Sweep()
		for _, m := range w.Waiting() {
			if m.Kind == string(step.Register) {
				at = append(at, w.Now().Sub(start))
				if m.Attempt != len(at) {
					t.Errorf("attempt %d is the %d-th", m.Attempt, len(at))
				}
			}
		}
	}
	want := []time.Duration{2, 6, 14, 30, 62, 122, 182, 242, 302, 362, 422}
	for n := range want {
		want[n] *= time.Minute
	}
	if !slices.Equal(at, want) {
		t.Errorf("sent at %v, want %v", at, want)
	}
	if got := w.Kinds(); !slices.Equal(got, []problems.Kind{problems.Overdue, problems.Overdue}) { // registration and receipt
		t.Errorf("problems %v", got)
	}
	w.Check()
}

// stuck is a table on which the rows of some cases cannot be read.
type stuck struct {
	table.Table
	bad map[string]bool
}

var errStuck = errors.New("row unreadable")

func (s stuck) Get(ctx context.Context, keys ...table.Key) ([]table.Item, error) {
	for _, key := range keys {
		if s.bad[key.PK] {
			return nil, errStuck
		}
	}
	return s.Table.Get(ctx, keys...)
}

// However many items fail for ever, those behind them are worked on.
func TestFailuresDoNotStarve(t *testing.T) {
	w := flowtest.New(t)
	bad := map[string]bool{}
	for n := range 600 {
		who := w.Applicant() // many people: one may not fill the sportello with drafts
		who.TaxCode = fmt.Sprintf("RSSMRA80A01F%03dX", n/20)
		who.Profiles[0].Party.TaxCode = who.TaxCode
		bad[layout.Application(w.DraftOf(who, "me"))] = true
	}
	w.Pass(365 * 24 * time.Hour)
	id := w.Presented()
	w.Waiting()
	w.Pass(10 * time.Minute)
	c := w.Deadlines.Config
	c.Table = stuck{w.Applications, bad}
	desk, err := deadlines.New(c)
	if err != nil {
		t.Fatal(err)
	}
	swept, err := desk.Sweep(ctx)
	if err != nil || swept.Failed != 600 || swept.Done != 2 {
		t.Fatalf("swept %+v, %v", swept, err)
	}
	w.Settle()
	w.State(id, application.Registered)
	for _, err := range w.Reported {
		if strings.Contains(err.Error(), flowtest.Giulia) {
			t.Errorf("a report names a person: %v", err)
		}
	}
}

// A sender that fails keeps nothing from going on, and the sweep says so.
type noSender struct{}

func (noSender) Send(context.Context, ...queue.Message) error {
	return errors.New("queue out of service")
}

func TestQueueDown(t *testing.T) {
	w := flowtest.New(t)
	w.Presented()
	w.Waiting()
	w.Pass(10 * time.Minute)
	c := w.Deadlines.Config
	c.Post.Registration = noSender{}
	desk, err := deadlines.New(c)
	if err != nil {
		t.Fatal(err)
	}
	swept, err := desk.Sweep(ctx)
	if err != nil || swept.Failed != 1 || swept.Done != 1 {
		t.Errorf("swept %+v, %v", swept, err)
	}
	if swept.OldestOverdue != 10*time.Minute || swept.OldestRegistration != 10*time.Minute {
		t.Errorf("the alarms see %+v", swept)
	}
}

// Silence after a day is told once.
func TestSilence(t *testing.T) {
	w := flowtest.New(t)
	w.Mail.Silent = true
	id := w.Registered()
	w.Pass(correspondence.Silence - time.Second)
	w.Sweep()
	if got := w.Kinds(); len(got) != 0 {
		t.Errorf("too early: %v", got)
	}
	for range 3 {
		w.Pass(time.Hour)
		w.Sweep()
	}
	if got := w.Kinds(); len(got) != 2 { // the office's notice and the acknowledgement
		t.Errorf("problems %v", got)
	}
	if m := w.Letter(id, correspondence.Acknowledgement); m.Late == nil || m.State != pec.StateAccepted {
		t.Errorf("late %v, %s", m.Late, m.State)
	}
	w.Check()
}

// counted is a table that counts its queries.
type counted struct {
	table.Table
	queries *int
}

func (c counted) Query(ctx context.Context, q table.Query) (table.Page, error) {
	*c.queries++
	return c.Table.Query(ctx, q)
}

// What is owed is measured at a bounded cost, however much was promised a moment ago; the row that waits longest is not lost in it.
func TestMeasuringIsBounded(t *testing.T) {
	w := flowtest.New(t)
	w.Presented()
	w.Waiting() // lost
	for range 6 {
		w.Pass(time.Minute)
		w.Sweep()
		w.Waiting()
	}
	at := w.Now()
	for n := range 6000 {
		promise, err := step.Owed{
			Kind: step.Receipt, Chamber: flowtest.Chamber, Day: "2026-11-23", Event: fmt.Sprintf("00000000-0000-7000-8000-%012d", n), CreatedAt: at,
		}.Promise()
		if err == nil {
			err = w.Applications.Commit(ctx, promise)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	queries := 0
	c := w.Deadlines.Config
	c.Table = counted{w.Applications, &queries}
	desk, err := deadlines.New(c)
	if err != nil {
		t.Fatal(err)
	}
	w.Pass(time.Minute)
	swept, err := desk.Sweep(ctx)
	if err != nil || swept.OldestOverdue != 7*time.Minute || swept.OldestRegistration != 7*time.Minute || swept.Oldest.Kind == "" {
		t.Errorf("swept %+v, %v", swept, err)
	}
	if most := layout.Shards * 9; queries > most {
		t.Errorf("%d queries, at most %d", queries, most)
	}
}
