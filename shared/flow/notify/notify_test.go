package notify_test

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
	"sportello/shared/flow/flowtest"
	"sportello/shared/flow/notify"
	"sportello/shared/flow/problems"
	"sportello/shared/platform/queue"
	"sportello/shared/platform/table"
)

var ctx = context.Background()

var errTemporary = errors.New("451 try again")

// letters brings a case to where its two letters are owed, and returns their messages: the office's first.
func letters(t *testing.T, w *flowtest.World, answers ...string) (id string, messages []queue.Message) {
	t.Helper()
	id = w.Presented(answers...)
	for _, q := range []*queue.Memory{w.RegistrationQueue, w.RegisteredQueue} {
		for _, m := range q.Take() {
			if err := w.Deliver(m); err != nil {
				t.Fatal(err)
			}
		}
	}
	messages = w.MailQueue.Take()
	slices.SortFunc(messages, func(a, b queue.Message) int { return -compare(a.SK, b.SK) })
	if len(messages) != 2 {
		t.Fatalf("%d letters are owed", len(messages))
	}
	return id, messages
}

func compare(a, b string) int {
	if a < b {
		return -1
	}
	return 1
}

// acknowledgement is the applicant's letter alone.
func acknowledgement(t *testing.T, w *flowtest.World, answers ...string) (string, queue.Message) {
	t.Helper()
	id, messages := letters(t, w, answers...)
	if err := w.Deliver(messages[0]); err != nil {
		t.Fatal(err)
	}
	w.Mail.Taken = nil
	return id, messages[1]
}

// taken counts how often a letter was taken.
func taken(w *flowtest.World, m correspondence.Mail) int {
	n := 0
	for _, one := range w.Mail.Taken {
		if one.MessageID == m.MessageID {
			n++
		}
	}
	return n
}

// What the provider answers, what the message becomes, and whether somebody has a problem; then time goes by.
func TestAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		answers []error
		state   pec.State // right after the first try
		end     pec.State // when time has gone by
		taken   int
		doubt   bool
		problem []problems.Kind
	}{
		"taken":                       {nil, pec.StateAccepted, pec.StateDelivered, 1, false, nil},
		"refused":                     {[]error{notify.ErrRefused}, pec.StateFailed, pec.StateFailed, 0, false, []problems.Kind{problems.MailFailed}},
		"temporary, twice":            {[]error{errTemporary, errTemporary}, pec.StatePrepared, pec.StateDelivered, 1, false, nil},
		"unclear, taken":              {[]error{flowtest.ErrTakenUnheard}, pec.StateSending, pec.StateDelivered, 1, false, nil},
		"unclear, not taken":          {[]error{notify.ErrUnclear}, pec.StateSending, pec.StateDelivered, 1, true, nil},
		"unclear twice, never taken":  {[]error{notify.ErrUnclear, notify.ErrUnclear}, pec.StateSending, pec.StateUncertain, 0, true, []problems.Kind{problems.MailUncertain}},
		"unclear, then temporary":     {[]error{notify.ErrUnclear, errTemporary}, pec.StateSending, pec.StateDelivered, 1, true, nil},
		"unclear, then refused":       {[]error{notify.ErrUnclear, notify.ErrRefused}, pec.StateSending, pec.StateFailed, 0, true, []problems.Kind{problems.MailFailed}},
		"temporary, then unclear, in": {[]error{errTemporary, flowtest.ErrTakenUnheard}, pec.StatePrepared, pec.StateDelivered, 1, false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := flowtest.New(t)
			id, message := acknowledgement(t, w)
			w.Mail.Answers = c.answers
			_ = w.Deliver(message) // an error brings it back
			mail := w.Letter(id, correspondence.Acknowledgement)
			if mail.State != c.state {
				t.Errorf("after the first try %s, want %s", mail.State, c.state)
			}
			w.Rest()
			mail = w.Letter(id, correspondence.Acknowledgement)
			if mail.State != c.end || mail.Doubt != c.doubt || taken(w, mail) != c.taken {
				t.Errorf("in the end %s, doubt %v, taken %d; want %s, %v, %d", mail.State, mail.Doubt, taken(w, mail), c.end, c.doubt, c.taken)
			}
			if got := w.Kinds(); !slices.Equal(got, append([]problems.Kind{}, c.problem...)) {
				t.Errorf("problems %v", got)
			}
			if n := len(w.Outbox()); n != 0 {
				t.Errorf("%d effects are still owed", n)
			}
			w.Check()
		})
	}
}

// A message in doubt is left alone for half an hour, then the mailbox is looked at before anything is sent again.
func TestDoubtWaits(t *testing.T) {
	w := flowtest.New(t)
	_, message := acknowledgement(t, w)
	w.Mail.Answers = []error{notify.ErrUnclear}
	_ = w.Deliver(message)
	w.Pass(notify.Doubt - time.Second)
	for range 3 {
		if err := w.Deliver(message); err != nil {
			t.Error(err)
		}
	}
	if w.Mail.Searched != 0 || len(w.Mail.Taken) != 0 {
		t.Errorf("too early: searched %d, sent %d", w.Mail.Searched, len(w.Mail.Taken))
	}
	w.Pass(time.Second)
	if err := w.Deliver(message); err != nil {
		t.Error(err)
	}
	if w.Mail.Searched != 1 || len(w.Mail.Taken) != 1 {
		t.Errorf("searched %d, sent %d", w.Mail.Searched, len(w.Mail.Taken))
	}
	if err := w.Deliver(message); err != nil || len(w.Mail.Taken) != 1 {
		t.Errorf("a recorded 250 was sent again: %d, %v", len(w.Mail.Taken), err)
	}
}

// Every commit of a sending fails in the four ways, the process dying before and after the provider was spoken to among them.
func TestFaults(t *testing.T) {
	for n := 1; n <= 3; n++ {
		for _, fault := range flowtest.Faults {
			t.Run(fmt.Sprintf("%d %s", n, fault), func(t *testing.T) {
				w := flowtest.New(t)
				id, message := acknowledgement(t, w)
				w.Applications.FailAt(w.Applications.Commits+n, fault)
				_ = w.Deliver(message)
				_ = w.Deliver(message)
				w.Rest()
				mail := w.Letter(id, correspondence.Acknowledgement)
				if mail.State != pec.StateDelivered {
					t.Errorf("state %s", mail.State)
				}
				if taken(w, mail) == 0 || len(w.Outbox()) != 0 || len(w.Problems()) != 0 {
					t.Errorf("taken %d, owed %d, problems %v", taken(w, mail), len(w.Outbox()), w.Kinds())
				}
				w.Check()
			})
		}
	}
}

// The second send is of the very bytes of the first, also if another release composes others.
func TestSameBytes(t *testing.T) {
	w := flowtest.New(t)
	id, message := acknowledgement(t, w)
	w.Mail.Answers = []error{notify.ErrUnclear}
	_ = w.Deliver(message)
	c := w.Notify.Config
	c.Writer = newer{w.Mail}
	desk, err := notify.New(c)
	if err != nil {
		t.Fatal(err)
	}
	w.Pass(notify.Doubt)
	if err := desk.Send(ctx, message.Envelope); err != nil {
		t.Fatal(err)
	}
	if mail := w.Letter(id, correspondence.Acknowledgement); taken(w, mail) != 1 || w.Mail.Taken[0].Subject != mail.Subject {
		t.Errorf("sent %+v", w.Mail.Taken)
	}
}

type newer struct{ notify.Writer }

func (n newer) Compose(m notify.Message) ([]byte, error) {
	m.Subject += " (nuovo)"
	return n.Writer.Compose(m)
}

// Addresses: elected, registered, looked for later, none.
func TestAddresses(t *testing.T) {
	t.Run("elected", func(t *testing.T) {
		w := flowtest.New(t)
		id := w.Registered("domicile", "elected", "pec", "altra@pec.example.it")
		if m := w.Letter(id, correspondence.Acknowledgement); m.Address != "altra@pec.example.it" || w.Registers.Asked != 0 {
			t.Errorf("sent to %s, registers asked %d times", m.Address, w.Registers.Asked)
		}
	})
	t.Run("pending", func(t *testing.T) {
		w := flowtest.New(t)
		w.Registers.Pending = 20
		id := w.Registered()
		if m := w.Letter(id, correspondence.Acknowledgement); m.Ticket != "t" || m.State != pec.StatePrepared {
			t.Errorf("ticket %q, state %s", m.Ticket, m.State)
		}
		for range 30 {
			w.Pass(notify.AddressWait)
			w.Sweep()
			w.Settle()
		}
		if m := w.Letter(id, correspondence.Acknowledgement); m.State != pec.StateDelivered || m.Address != flowtest.Address {
			t.Errorf("state %s", m.State)
		}
		if got := w.Kinds(); len(got) != 0 {
			t.Errorf("an address that is looked for is no failure: %v", got)
		}
		w.Check()
	})
	t.Run("pending for ever", func(t *testing.T) {
		w := flowtest.New(t)
		w.Registers.Pending = 1 << 20
		w.Registered()
		w.Pass(notify.Patience)
		for range 12 {
			w.Pass(time.Hour)
			w.Sweep()
			w.Settle()
		}
		if got := w.Kinds(); !slices.Equal(got, []problems.Kind{problems.Overdue}) {
			t.Errorf("problems %v", got)
		}
	})
	t.Run("none, for a number that the desk shows", func(t *testing.T) {
		w := flowtest.New(t)
		delete(w.Registers.Addresses, flowtest.Giulia)
		id := w.Registered()
		if m := w.Letter(id, correspondence.Acknowledgement); m.State != pec.StateFailed {
			t.Errorf("state %s", m.State)
		}
		if got := w.Kinds(); len(got) != 0 {
			t.Errorf("problems %v", got)
		}
	})
	t.Run("registers down", func(t *testing.T) {
		w := flowtest.New(t)
		w.Registers.Down = true
		id := w.Registered()
		if m := w.Letter(id, correspondence.Acknowledgement); m.State != pec.StatePrepared {
			t.Errorf("state %s", m.State)
		}
		w.Registers.Down = false
		w.Rest()
		if m := w.Letter(id, correspondence.Acknowledgement); m.State != pec.StateDelivered {
			t.Errorf("state %s", m.State)
		}
	})
	t.Run("portal", func(t *testing.T) {
		w := flowtest.New(t)
		id := w.Registered("domicile", "portal")
		if mails := w.Mails(id); len(mails) != 1 || mails[0].Kind != correspondence.OfficeNotice {
			t.Errorf("letters %+v", mails)
		}
	})
}

// An outcome that certified mail cannot bring leaves a problem, and the owner's word lets the case go on to its end (I1).
func TestOutcomeUndelivered(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(w *flowtest.World)
		kind  problems.Kind
	}{
		"no address": {func(w *flowtest.World) { delete(w.Registers.Addresses, flowtest.Giulia) }, problems.NoAddress},
		"refused":    {func(w *flowtest.World) { w.Mail.Answers = []error{notify.ErrRefused} }, problems.MailFailed},
		"bounced":    {func(w *flowtest.World) { w.Mail.Bounce = true }, problems.MailFailed},
		"uncertain":  {func(w *flowtest.World) { w.Mail.Answers = []error{notify.ErrUnclear, notify.ErrUnclear} }, problems.MailUncertain},
		"silent":     {func(w *flowtest.World) { w.Mail.Silent = true }, problems.MailUncertain},
	} {
		t.Run(name, func(t *testing.T) {
			w := flowtest.New(t)
			id := w.InProgress()
			c.spoil(w)
			w.Decide(id)
			w.Settle()
			w.Rest()
			w.Pass(correspondence.Silence)
			w.Rest()
			if got := w.Kinds(); !slices.Equal(got, []problems.Kind{c.kind}) {
				t.Fatalf("problems %v, want %s", got, c.kind)
			}
			w.Pass(90 * 24 * time.Hour)
			w.Rest()
			w.State(id, application.Decided) // it waits for its owner's word
			if err := w.Office.RetryProblem(ctx, w.Officer(), w.Problems()[0].ID); err != nil {
				t.Fatal(err)
			}
			w.State(id, application.Decided) // it waits for the rating
			w.Pass(31 * 24 * time.Hour)
			w.Rest()
			w.State(id, application.Preserved)
			w.Check()
		})
	}
}

// A delivery that comes after all closes the problem by itself.
func TestLateDelivery(t *testing.T) {
	w := flowtest.New(t)
	id := w.InProgress()
	w.Mail.Silent = true
	w.Decide(id)
	w.Settle()
	w.Pass(correspondence.Silence)
	w.Rest()
	if got := w.Kinds(); !slices.Equal(got, []problems.Kind{problems.MailUncertain}) {
		t.Fatalf("problems %v", got)
	}
	mail := w.Letter(id, correspondence.OutcomeLetter)
	r := w.Mail.Receipt(flowtest.Chamber, mail.MessageID, mail.Address, pec.Delivered)
	w.Settle()
	if got := w.Kinds(); len(got) != 0 {
		t.Errorf("problems %v", got)
	}
	if o := w.Meta(id).Outcome; o.DeliveredAt == nil || !o.DeliveredAt.Equal(r.At) {
		t.Errorf("delivered at %v, want %s", o.DeliveredAt, r.At)
	}
	w.Pass(31 * 24 * time.Hour)
	w.Rest()
	w.State(id, application.Preserved)
}

// clumsy cannot compose.
type clumsy struct{ notify.Writer }

func (clumsy) Compose(notify.Message) ([]byte, error) {
	return nil, fmt.Errorf("too large: %w", queue.ErrPermanent)
}

// What no retry can mend has an owner at once, whatever becomes of a commit: work that waits for the developers is parked, and a message that
// cannot be one ends as the provider's refusal does.
func TestPermanent(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(t *testing.T, w *flowtest.World, m correspondence.Mail)
		state pec.State
		kind  problems.Kind
		owed  int
	}{
		"no row": {func(t *testing.T, w *flowtest.World, m correspondence.Mail) {
			item, err := table.One(ctx, w.Applications, layout.Mail(m.Application, m.ID))
			if err != nil || w.Applications.Memory.Commit(ctx, table.Delete(item)) != nil {
				t.Fatal(err)
			}
		}, "", problems.Halted, 1},
		"unknown chamber": {func(t *testing.T, w *flowtest.World, m correspondence.Mail) {
			item, err := table.One(ctx, w.Applications, layout.Mail(m.Application, m.ID))
			if err != nil {
				t.Fatal(err)
			}
			m.Chamber = "nowhere"
			change, err := m.Row(item)
			if err != nil || w.Applications.Memory.Commit(ctx, change) != nil {
				t.Fatal(err)
			}
		}, pec.StatePrepared, problems.Halted, 1},
		"the provider has no such account": {func(_ *testing.T, w *flowtest.World, _ correspondence.Mail) {
			w.Mail.Answers = slices.Repeat([]error{queue.ErrPermanent}, 9)
		}, pec.StatePrepared, problems.Halted, 1},
		"cannot be composed": {func(t *testing.T, w *flowtest.World, _ correspondence.Mail) {
			c := w.Notify.Config
			c.Writer = clumsy{c.Writer}
			var err error
			if w.Notify, err = notify.New(c); err != nil {
				t.Fatal(err)
			}
		}, pec.StateFailed, problems.MailFailed, 0},
	} {
		t.Run(name, func(t *testing.T) {
			for n := 0; n <= 4; n++ {
				for _, fault := range flowtest.Faults {
					w := flowtest.New(t)
					id, message := acknowledgement(t, w)
					c.spoil(t, w, w.Letter(id, correspondence.Acknowledgement))
					w.Applications.FailAt(w.Applications.Commits+n, fault) // n = 0: none fails
					_ = w.Deliver(message)
					_ = w.Deliver(message) // as the queue does after a failure
					if n == 0 {
						stopped(t, w, c.kind, c.owed)
						if c.state != "" && w.Letter(id, correspondence.Acknowledgement).State != c.state {
							t.Errorf("the letter is %s", w.Letter(id, correspondence.Acknowledgement).State)
						}
					}
					w.Pass(2 * time.Hour)
					w.Sweep()
					w.Settle()
					stopped(t, w, c.kind, c.owed)
				}
			}
		})
	}
}

func stopped(t *testing.T, w *flowtest.World, kind problems.Kind, owed int) {
	t.Helper()
	n := 0
	for _, item := range w.Outbox() {
		if strings.HasPrefix(item.PK, "OUT#PEC#") {
			n++
		}
	}
	if got := w.Kinds(); !slices.Equal(got, []problems.Kind{kind}) || n != owed || len(w.Mail.Taken) != 0 {
		t.Errorf("problems %v, owed %d, taken %d", got, n, len(w.Mail.Taken))
	}
}
