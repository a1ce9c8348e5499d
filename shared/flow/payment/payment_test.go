package payment_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sportello/shared/domain/application"
	"sportello/shared/domain/layout"
	money "sportello/shared/domain/payment"
	"sportello/shared/domain/problem"
	"sportello/shared/domain/register"
	"sportello/shared/flow/correspondence"
	"sportello/shared/flow/flowtest"
	"sportello/shared/flow/payment"
	"sportello/shared/flow/problems"
	"sportello/shared/platform/table"
)

var ctx = context.Background()

const price = 300

// pending reads the row of the day on which a case was presented.
func pending(t testing.TB, w *flowtest.World, id string) (correspondence.Pending, bool) {
	t.Helper()
	a := w.Meta(id)
	item, err := table.One(ctx, w.Applications, layout.Pending(a.Chamber, register.Date(a.PresentedAt()), a.Submission.Event))
	if errors.Is(err, table.ErrNotFound) {
		return correspondence.Pending{}, false
	}
	var row correspondence.Pending
	if err == nil {
		err = json.Unmarshal(item.Body, &row)
	}
	if err != nil {
		t.Fatal(err)
	}
	return row, true
}

// Submission asks for the fee in the same answer, calls nobody, and owes the register nothing yet.
func TestUnpaid(t *testing.T) {
	w := flowtest.New(t)
	w.Institute.Down = true
	id := w.List()
	first := w.Present(id)
	if first.State != "awaiting_payment" || first.Payment == nil || first.Payment.Amount != price || first.Payment.State != "requested" ||
		!money.ValidIUV(first.Payment.NoticeNumber[1:]) || first.Payment.Due != "2026-11-28" || !first.PresentedAt.Equal(w.Now()) {
		t.Errorf("answer %+v, %+v", first, first.Payment)
	}
	if w.Institute.Calls != 0 {
		t.Error("submission called the institute")
	}
	w.Settle()
	w.State(id, application.AwaitingPayment)
	if row, ok := pending(t, w, id); !ok || row.Awaiting != register.AwaitingPayment {
		t.Errorf("pending %v %+v", ok, row)
	}
	w.Institute.Down = false
	w.Checkout(id)
	w.Pass(time.Hour)
	w.Pay(id, price)
	w.Settle()
	w.State(id, application.Registered)
	again := w.Present(id)
	a, _ := json.Marshal(first)
	b, _ := json.Marshal(again)
	if !bytes.Equal(a, b) {
		t.Errorf("asked again:\n%s\n%s", a, b)
	}
	if at := w.Meta(id).PresentedAt(); !at.Equal(first.PresentedAt) {
		t.Errorf("presented at %s", at)
	}
	if _, still := pending(t, w, id); still {
		t.Error("pending although it has its number")
	}
	v, err := w.Cases.Show(ctx, w.Applicant(), id)
	if err != nil || v.Payment == nil || v.Payment.State != "paid" || v.Payment.PaidAt == nil || v.Payment.ReceiptID == "" || v.Payment.Amount != price {
		t.Errorf("view %+v, %v", v.Payment, err)
	}
	o, err := w.Office.Show(ctx, w.Officer(), id)
	if err != nil || o.Payment == nil || o.Payment.IUV != v.Payment.IUV {
		t.Errorf("the office sees %+v, %v", o.Payment, err)
	}
	w.Check()
}

// bought is a life from draft to archive of an act that is paid for.
func bought(t testing.TB, w *flowtest.World) {
	id := w.List()
	first := w.Present(id)
	w.Checkout(id)
	w.Rest()
	n := w.Pay(id, price)
	w.Tell(n)
	w.Rest()
	w.Tell(n)
	w.Must(func() error { _, err := w.Office.Assign(ctx, w.Officer(), id, ""); return err })
	file := w.OfficeFile(id)
	w.Must(func() error {
		if w.Meta(id).Outcome != nil {
			return nil
		}
		_, err := w.Office.Decide(ctx, w.Officer(), id, "deposited", "Il listino è depositato.", file)
		return err
	})
	w.Rest()
	w.Pass(31 * 24 * time.Hour)
	w.Rest()
	w.State(id, application.Preserved)
	if got := w.Meta(id).PresentedAt(); !got.Equal(first.PresentedAt) {
		t.Errorf("presented at %s, the applicant was told %s", got, first.PresentedAt)
	}
	if owed := w.Outbox(); len(owed) > 0 {
		t.Errorf("%d effects are still owed", len(owed))
	}
	if open := w.Kinds(); len(open) > 0 {
		t.Errorf("open problems %v", open)
	}
	counted(t, w, id, 1)
	if n := w.Told(id, application.WasPaid); n != 1 {
		t.Errorf("the payment is told %d times", n)
	}
	w.Check()
}

// counted holds the payment to having counted so often, and the books to the notices that came.
func counted(t testing.TB, w *flowtest.World, id string, times int) {
	t.Helper()
	p := w.Payment(w.Meta(id).Fee.IUV)
	if (p.Paid != nil) != (times == 1) {
		t.Errorf("payment %+v, want %d", p.Paid, times)
	}
	got := 0
	for _, item := range w.Applications.Snapshot() {
		if strings.HasPrefix(item.PK, layout.PaymentPrefix) && strings.HasPrefix(item.SK, "N#") && bytes.Contains(item.Body, []byte(`"verdict":"paid"`)) {
			got++
		}
	}
	if got != times {
		t.Errorf("%d notices paid", got)
	}
}

func TestLife(t *testing.T) {
	w := flowtest.New(t)
	bought(t, w)
	packed := false
	for _, zip := range w.Keeper.Packages {
		packed = packed || bytes.Contains(zip, []byte("pagamento.jws"))
	}
	if !packed {
		t.Error("no package holds the notice of payment")
	}
	t.Logf("%d commits on applications", w.Applications.Commits)
}

// Every commit of such a life fails once in each of the four ways.
func TestEveryCommitFails(t *testing.T) { flowtest.EachFault(t, bought) }

// What may come instead of the one right payment, and what becomes of it.
func TestMoney(t *testing.T) {
	for name, c := range map[string]struct {
		pay     func(w *flowtest.World, id string)
		state   application.State
		payment money.State
		refunds int
	}{
		"twice":               {func(w *flowtest.World, id string) { w.Pay(id, price); w.Pay(id, price) }, application.Registered, money.Settled, 1},
		"a euro less":         {func(w *flowtest.World, id string) { w.Pay(id, 200) }, application.AwaitingPayment, money.Refunding, 1},
		"wrong, then right":   {func(w *flowtest.World, id string) { w.Pay(id, 200); w.Pay(id, price) }, application.Registered, money.Settled, 1},
		"after withdrawal":    {func(w *flowtest.World, id string) { withdraw(w, id); w.Pay(id, price) }, application.Withdrawn, money.Refunding, 1},
		"after the last day":  {func(w *flowtest.World, id string) { expire(w); w.Pay(id, price) }, application.Expired, money.Refunding, 1},
		"never":               {func(w *flowtest.World, _ string) { expire(w) }, application.Expired, money.Lapsed, 0},
		"withdrawn, no money": {withdraw, application.Withdrawn, money.Lapsed, 0},
		"told out of turn": {func(w *flowtest.World, id string) {
			w.Institute.Silent = true
			n := w.Pay(id, price)
			failed := n
			failed.Type, failed.Receipt, failed.Cents, failed.PaidAt = money.TypeFailed, "", 0, time.Time{}
			w.Tell(n)
			w.Tell(failed)
		}, application.Registered, money.Settled, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := flowtest.New(t)
			id := w.Unpaid()
			w.Checkout(id)
			w.Pass(time.Minute)
			c.pay(w, id)
			for range 3 {
				w.Pass(2 * time.Minute)
				w.Sweep()
				w.Settle()
			}
			w.State(id, c.state)
			p := w.Payment(w.Meta(id).Fee.IUV)
			if p.State() != c.payment || len(p.Refunds) != c.refunds || len(w.Institute.Orders) != c.refunds {
				t.Errorf("%s, refunds %+v, orders %d", p.State(), p.Refunds, len(w.Institute.Orders))
			}
			open := slices.DeleteFunc(w.Kinds(), func(k problems.Kind) bool { return k != problems.Refund })
			if len(open) != c.refunds {
				t.Errorf("problems %v", open)
			}
			if _, still := pending(t, w, id); still != (c.state == application.AwaitingPayment) {
				t.Errorf("pending: %v", still)
			}
			w.GiveBack()
			w.GiveBack()
			if w.Payment(p.IUV).Owes() || len(slices.DeleteFunc(w.Kinds(), func(k problems.Kind) bool { return k != problems.Refund })) > 0 {
				t.Error("still owed after it was given back")
			}
			if n := w.Told(id, application.PaymentRefunded); n != c.refunds {
				t.Errorf("given back %d times", n)
			}
			w.Check()
		})
	}
}

func withdraw(w *flowtest.World, id string) {
	w.Must(func() error { _, err := w.Cases.Withdraw(ctx, w.Applicant(), id, "Ci ho ripensato."); return err })
}

// expire lets the last day go by.
func expire(w *flowtest.World) {
	for range 8 {
		w.Pass(24 * time.Hour)
		w.Sweep()
		w.Settle()
	}
}

// What was never told is asked for: at a quarter of an hour, then hourly, then daily; and not more often.
func TestAsked(t *testing.T) {
	w := flowtest.New(t)
	w.Institute.Silent = true
	id := w.Unpaid()
	w.Checkout(id)
	var asked []time.Duration
	start, calls := w.Now(), w.Institute.Calls
	for range 50 * 60 {
		w.Pass(time.Minute)
		w.Sweep()
		if w.Institute.Calls > calls {
			asked = append(asked, w.Now().Sub(start))
			calls = w.Institute.Calls
		}
	}
	if len(asked) < 26 || asked[1] != 15*time.Minute || asked[2] != 75*time.Minute || asked[len(asked)-1]-asked[len(asked)-2] != 24*time.Hour {
		t.Errorf("asked after %v", asked)
	}
	w.Pay(id, price)
	w.Pass(24 * time.Hour)
	w.Sweep()
	w.Settle()
	w.State(id, application.Registered)
	counted(t, w, id, 1)
	w.Check()
}

// A position that is asked for while the application is withdrawn is closed when it appears: nothing can be paid that nobody looks after.
func TestOpenedTooLate(t *testing.T) {
	w := flowtest.New(t)
	id := w.Unpaid()
	w.Institute.Meanwhile = func() {
		withdraw(w, id)
		w.Pass(time.Minute)
		w.Sweep()
	}
	w.Checkout(id)
	if w.Institute.Positions[money.IUPD(id)].Closed {
		t.Fatal("closed before it was there")
	}
	w.Pass(2 * time.Hour)
	w.Sweep()
	if !w.Institute.Positions[money.IUPD(id)].Closed || !w.Payment(w.Meta(id).Fee.IUV).Closed {
		t.Error("left open")
	}
	w.Check()
}

// A position that never arrived, or that the institute has lost, is made again as soon as that is learnt: meanwhile nobody can pay.
func TestLostOverThere(t *testing.T) {
	w := flowtest.New(t)
	id := w.Unpaid()
	w.Checkout(id)
	delete(w.Institute.Positions, money.IUPD(id))
	w.Pass(15 * time.Minute)
	w.Sweep()
	if _, there := w.Institute.Positions[money.IUPD(id)]; !there {
		t.Fatal("not made again")
	}
	w.Pay(id, price)
	w.Settle()
	w.State(id, application.Registered)
	counted(t, w, id, 1)
	w.Check()
}

// slow is a table on which something happens between two reads.
type slow struct {
	table.Table
	before map[string]func() // by sort key, once
}

func (s slow) Get(ctx context.Context, keys ...table.Key) ([]table.Item, error) {
	if do := s.before[keys[0].SK+keys[0].PK[:3]]; do != nil {
		delete(s.before, keys[0].SK+keys[0].PK[:3])
		do()
	}
	return s.Table.Get(ctx, keys...)
}

// A withdrawal between two reads of a notice is a conflict, not a refusal: read again, the money goes back.
func TestWithdrawnInBetween(t *testing.T) {
	w := flowtest.New(t)
	id := w.Unpaid()
	w.Checkout(id)
	w.Institute.Silent = true
	n := w.Pay(id, price)
	c := w.Payments.Config
	c.Table = slow{w.Applications, map[string]func(){"METAAPP": func() { withdraw(w, id) }}}
	desk, err := payment.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := desk.Record(ctx, n, payment.Raw{Bytes: []byte("x"), Kind: payment.JWS}); err != nil {
		t.Fatal(err)
	}
	w.State(id, application.Withdrawn)
	if p := w.Payment(n.IUV); len(p.Refunds) != 1 || p.Refunds[0].Reason != money.TooLate {
		t.Errorf("payment %+v", p)
	}
	w.Check()
}

// Money that came before the payment that counts, and that nobody told us of, is found and goes back.
func TestReconciled(t *testing.T) {
	w := flowtest.New(t)
	id := w.Unpaid()
	w.Checkout(id)
	w.Institute.Silent = true
	w.Pay(id, price-100)
	w.Institute.Silent = false
	w.Pay(id, price)
	w.Settle()
	w.State(id, application.Registered)
	for range 4 {
		w.Pass(money.Reconcile / 2)
		w.Sweep()
	}
	p := w.Payment(w.Meta(id).Fee.IUV)
	if len(p.Refunds) != 1 || p.Refunds[0].Reason != money.Twice || len(w.Institute.Orders) != 1 {
		t.Errorf("payment %+v", p)
	}
	w.GiveBack()
	expire(w)
	if p := w.Payment(p.IUV); !p.Closed {
		t.Errorf("payment %+v", p)
	}
	calls := w.Institute.Calls
	w.Pass(30 * 24 * time.Hour)
	w.Sweep()
	if w.Institute.Calls != calls || !w.Payment(p.IUV).NextAt.IsZero() {
		t.Error("asked again when all was told")
	}
	w.Check()
}

// An institute that does not answer lets nothing expire; the office is told, and the asking goes on.
func TestNothingExpiresUnasked(t *testing.T) {
	w := flowtest.New(t)
	id := w.Unpaid()
	w.Checkout(id)
	w.Institute.Down = true
	for range 12 * 24 {
		w.Pass(time.Hour)
		w.Sweep()
	}
	w.State(id, application.AwaitingPayment)
	if !slices.Contains(w.Kinds(), problems.Overdue) {
		t.Errorf("problems %v", w.Kinds())
	}
	w.Institute.Down = false
	w.Institute.Silent = true
	w.Pay(id, price) // on the day before the institute's own end
	w.Pass(2 * time.Hour)
	w.Sweep()
	w.Settle()
	w.State(id, application.Registered)
	if slices.Contains(w.Kinds(), problems.Overdue) {
		t.Errorf("problems %v", w.Kinds())
	}
	w.Check()
}

// late is an institute that takes its time, which goes by meanwhile.
type late struct {
	*flowtest.Institute
	pass func()
}

func (l late) Status(ctx context.Context, organization, iupd string) (money.Status, error) {
	l.pass()
	return l.Institute.Status(ctx, organization, iupd)
}

// A sweep has other work than payments: an institute that is mute, or slow, costs it one wait or some, though the clock goes on meanwhile.
func TestSweepIsBounded(t *testing.T) {
	for name, c := range map[string]struct {
		down bool
		most int
	}{"mute": {true, 1}, "slow": {false, 4}} {
		t.Run(name, func(t *testing.T) {
			w := flowtest.New(t)
			for range 12 {
				w.Checkout(w.Unpaid())
			}
			w.Pass(money.FirstAsk)
			w.Institute.Down, w.Institute.Calls = c.down, 0
			config := w.Payments.Config
			config.Institute = late{w.Institute, func() { w.Pass(6 * time.Second) }}
			desk, err := payment.New(config)
			if err != nil {
				t.Fatal(err)
			}
			asked := func() int {
				before := w.Institute.Calls
				for _, item := range w.Applications.Snapshot() {
					if strings.HasPrefix(item.PK, layout.PaymentPrefix) && item.Key == layout.Payment(strings.TrimPrefix(item.PK, layout.PaymentPrefix)) {
						_ = desk.Wake(ctx, item.Key) // the sweep reports it and goes on
					}
				}
				return w.Institute.Calls - before
			}
			if n := asked(); n == 0 || n > c.most {
				t.Errorf("asked %d times", n)
			}
			w.Institute.Down = false
			for range 4 {
				w.Pass(time.Minute)
				asked()
			}
			if w.Institute.Calls < 12 {
				t.Errorf("%d asked of 12", w.Institute.Calls)
			}
		})
	}
}

// A payment whose refund is refused keeps neither the others waiting nor its own application: what was never told of it is asked for all the same.
func TestRefusedRefund(t *testing.T) {
	w := flowtest.New(t)
	stuck, other := w.Unpaid(), w.Unpaid()
	w.Checkout(stuck)
	w.Checkout(other)
	wrong := w.Pay(stuck, price-100)
	w.Institute.Refuses = map[string]bool{wrong.Receipt: true}
	w.Institute.Silent = true
	w.Pay(other, price)
	w.Pass(money.FirstAsk + time.Minute)
	for _, id := range []string{stuck, other} { // in this order: one sweep
		_ = w.Payments.Wake(ctx, layout.Payment(w.Meta(id).Fee.IUV)) // the sweep reports it and goes on
	}
	w.Settle()
	w.State(other, application.Registered)
	w.Pay(stuck, price)
	for range 40 {
		w.Pass(time.Hour)
		w.Sweep()
	}
	w.Settle()
	w.State(stuck, application.Registered)
	if got := w.Kinds(); !slices.Contains(got, problems.Overdue) || !slices.Contains(got, problems.Refund) {
		t.Errorf("problems %v", got)
	}
	w.Institute.Refuses = nil
	w.Pass(2 * time.Hour)
	w.Sweep()
	w.GiveBack()
	if got := w.Kinds(); len(got) != 0 {
		t.Errorf("problems %v", got)
	}
	w.Check()
}

// confused is an institute that answers with another payment.
type confused struct {
	*flowtest.Institute
	with money.Notice
}

func (c confused) Status(context.Context, string, string) (money.Status, error) {
	return money.Status{Found: true, Paid: []money.Notice{c.with}, Raw: []byte("{}")}, nil
}

// Told of another payment, nothing is done, neither to the one asked about nor to the other; and the office is told when it goes on.
func TestToldOfAnother(t *testing.T) {
	w := flowtest.New(t)
	id, other := w.Unpaid(), w.Unpaid()
	w.Checkout(other)
	w.Institute.Silent = true
	c := w.Payments.Config
	c.Institute = confused{w.Institute, w.Pay(other, price)}
	desk, err := payment.New(c)
	if err != nil {
		t.Fatal(err)
	}
	w.Checkout(id)
	for range 8 * 24 {
		w.Pass(time.Hour)
		_ = desk.Wake(ctx, layout.Payment(w.Meta(id).Fee.IUV)) // the sweep reports it and goes on
	}
	w.State(id, application.AwaitingPayment)
	w.State(other, application.AwaitingPayment)
	if got := w.Kinds(); !slices.Equal(got, []problems.Kind{problems.Overdue}) {
		t.Errorf("problems %v", got)
	}
	w.Check()
}

// The institute takes back what counts, or gives back another sum than is owed: the office is told, and nothing counts as returned.
func TestReturnedUnasked(t *testing.T) {
	for name, c := range map[string]struct {
		paid, back, refunds int
	}{"what counts": {price, price, 0}, "less than is owed": {price - 100, price - 200, 1}} {
		t.Run(name, func(t *testing.T) {
			w := flowtest.New(t)
			id := w.Unpaid()
			w.Checkout(id)
			n := w.Pay(id, c.paid)
			state := w.Payment(n.IUV).State()
			n.Type, n.Cents = money.TypeRefunded, c.back
			w.Tell(n)
			w.Tell(n)
			if got := w.Kinds(); len(got) != c.refunds+1 || got[0] != problems.Refund {
				t.Errorf("problems %v", got)
			}
			if p := w.Payment(n.IUV); p.State() != state || w.Told(id, application.PaymentRefunded) > 0 {
				t.Errorf("payment %+v", p)
			}
			w.Settle()
			w.Check()
		})
	}
}

// A position that the institute closes before its last day cannot be paid by anybody: the office is told.
func TestClosedTooSoon(t *testing.T) {
	w := flowtest.New(t)
	id := w.Unpaid()
	w.Checkout(id)
	w.Institute.Positions[money.IUPD(id)].Closed = true
	for range 24 {
		w.Pass(time.Hour)
		w.Sweep()
		w.Settle()
	}
	w.State(id, application.AwaitingPayment)
	if got := w.Kinds(); !slices.Equal(got, []problems.Kind{problems.Overdue}) {
		t.Errorf("problems %v", got)
	}
	expire(w)
	w.State(id, application.Expired)
	if got := w.Kinds(); len(got) != 0 {
		t.Errorf("problems %v", got)
	}
	w.Check()
}

// Receipts that are never told are found when the institute is asked once more, a day after the payment and when the last day is over, and go back.
func TestPaidTwiceInSilence(t *testing.T) {
	w := flowtest.New(t)
	id := w.Unpaid()
	w.Checkout(id)
	w.Pay(id, price)
	w.Institute.Silent = true
	w.Pay(id, price)
	w.Pay(id, price+100)
	for range 4 {
		w.Pass(money.Reconcile / 2)
		w.Sweep()
	}
	iuv := w.Meta(id).Fee.IUV
	if p := w.Payment(iuv); len(p.Refunds) != 2 || p.Refunds[0].Reason != money.Twice || p.Refunds[1].Cents != price+100 || len(w.Institute.Orders) != 2 {
		t.Errorf("a day later: %+v", p)
	}
	w.Pay(id, price)
	expire(w)
	if p := w.Payment(iuv); len(p.Refunds) != 3 || len(w.Institute.Orders) != 3 {
		t.Errorf("at the end: %+v", p)
	}
	w.GiveBack()
	expire(w)
	if p := w.Payment(iuv); p.Owes() || !p.Closed || !p.NextAt.IsZero() {
		t.Errorf("afterwards: %+v", p)
	}
	counted(t, w, id, 1)
	w.Check()
}

// Money under a number that we never gave goes back; for somebody who is none of ours it is not taken.
func TestStray(t *testing.T) {
	w := flowtest.New(t)
	n := money.Notice{
		Provider: payment.Provider, Type: money.TypeSettled, Organization: w.TheChamber().TaxCode, IUV: "01000000000004285", Cents: price, PaidAt: w.Now(), Receipt: "R1",
	}
	w.Tell(n)
	w.Tell(n)
	w.Pass(time.Minute)
	w.Sweep()
	if got := w.Kinds(); len(got) != 1 || got[0] != problems.Refund || len(w.Institute.Orders) != 1 {
		t.Errorf("problems %v, orders %v", got, w.Institute.Orders)
	}
	w.GiveBack()
	if got := w.Kinds(); len(got) != 0 {
		t.Errorf("problems %v", got)
	}
	n.Organization, n.IUV = "02313821007", "01000000000000144"
	if err := w.Payments.Record(ctx, n, payment.Raw{Bytes: []byte("x"), Kind: payment.JWS}); !problem.Is(err, problem.Invalid) {
		t.Errorf("for a stranger: %v", err)
	}
	// Another chamber's money under the number of a case of ours.
	id := w.Unpaid()
	n.Organization, n.IUV, n.Receipt = "99000000019", w.Meta(id).Fee.IUV, "R2"
	w.Tell(n)
	w.State(id, application.AwaitingPayment)
	if p := w.Payment(n.IUV); len(p.Refunds) != 1 || p.Refunds[0].Reason != money.NotOurs {
		t.Errorf("refunds %+v", p.Refunds)
	}
	w.Check()
}

func TestCheckoutRefuses(t *testing.T) {
	w := flowtest.New(t)
	unpaid, complaint := w.Unpaid(), w.Presented()
	ask := func(id string) error { _, err := w.Payments.Checkout(ctx, w.Applicant(), id); return err }
	flowtest.Refused(t, "a complaint", ask(complaint), problem.Conflict)
	_, err := w.Payments.Checkout(ctx, w.Stranger(), unpaid)
	flowtest.Refused(t, "a stranger", err, problem.NotFound)
	w.Institute.Down = true
	flowtest.Refused(t, "institute down", ask(unpaid), problem.Unavailable)
	w.Institute.Down = false
	first, second := w.Checkout(unpaid), w.Checkout(unpaid)
	if first == second || len(w.Institute.Positions) != 1 {
		t.Errorf("%s, %s: %d positions", first, second, len(w.Institute.Positions))
	}
	w.Pay(unpaid, price)
	flowtest.Refused(t, "paid", ask(unpaid), problem.Conflict)
	late := w.Unpaid()
	w.Pass(6 * 24 * time.Hour)
	flowtest.Refused(t, "over", ask(late), problem.Conflict)
}

// Each fault of the commits of a notice and of an expiry.
func TestFaults(t *testing.T) {
	for name, do := range map[string]struct {
		make func(w *flowtest.World, id string)
		want application.State
	}{
		"notice": {func(w *flowtest.World, id string) { w.Pay(id, price) }, application.Registered},
		"expiry": {func(w *flowtest.World, _ string) { w.Pass(6 * 24 * time.Hour) }, application.Expired},
	} {
		for _, fault := range flowtest.Faults {
			t.Run(fmt.Sprintf("%s %s", name, fault), func(t *testing.T) {
				w := flowtest.New(t)
				id := w.Unpaid()
				w.Checkout(id)
				w.Settle()
				w.Applications.FailNext(fault)
				if name == "notice" {
					do.make(w, id)
				} else {
					do.make(w, id)
					w.Sweep()
				}
				w.Rest()
				w.State(id, do.want)
				w.Check()
			})
		}
	}
}
