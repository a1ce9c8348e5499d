//go:build road

package crash

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"sportello/infra/road"
	"sportello/shared/domain/application"
	"sportello/shared/domain/catalogue"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/payment"
)

// What people do about an act that a fee buys, and what the tables and the institute hold of its money.

// sign signs the price list at the desk and uploads it; what an earlier try left of it is removed first.
func (f *filed) sign(ctx context.Context) error {
	if f.list {
		return nil
	}
	raw, err := f.Sign(ctx, url.Values{"persona": {f.who.persona}, "style": {"pades"}, "name": {"listino.pdf"}}, road.PDF("Listino prezzi 2027"))
	if err != nil {
		return err
	}
	var left struct{ Attachments []struct{ ID string } }
	if err := f.ask(ctx, "GET", f.path(""), nil, &left, nil); err != nil {
		return err
	}
	for _, a := range left.Attachments {
		if err := f.ask(ctx, "DELETE", f.path("/attachments/"+a.ID), nil, nil, nil); err != nil {
			return err
		}
	}
	_, err = f.citizen.Upload(ctx, f.path("/attachments"), "list", "listino.pdf", "application/pdf", raw)
	f.list = err == nil
	return err
}

// checkout asks for the institute's page; who has paid meanwhile is told so.
func (f *filed) checkout(ctx context.Context) error {
	return done(f.ask(ctx, "POST", f.path("/checkout"), map[string]any{}, nil, nil))
}

// Ways in which a payment goes, as the institute names them.
const (
	paysWell     = "ok"
	neverTold    = "callback-never"
	toldTwice    = "callback-twice"
	outOfOrder   = "out-of-order"
	forgedFirst  = "callback-forged"
	wrongAmount  = "wrong-amount"
	paysTwice    = "twice"
	moneyTooLate = "late-settlement"
)

// pay pays at the institute.
func pay(behaviour string) deed {
	return func(f *filed, ctx context.Context) error {
		return done(f.World().Post(ctx, "/control/institute/pay", map[string]any{"iuv": f.iuv(), "behaviour": behaviour}, nil))
	}
}

// outlive waits until nothing can be paid any more.
func (f *filed) outlive(ctx context.Context) error { return f.Advance(ctx, week) }

// acts does one thing after the other.
func acts(deeds ...deed) deed {
	return func(f *filed, ctx context.Context) error {
		for _, do := range deeds {
			if err := do(f, ctx); err != nil {
				return err
			}
		}
		return nil
	}
}

// iuv is the number by which the case is paid for. It follows from the case, so that a fault can name it before there is one.
func (f *filed) iuv() string {
	c, _ := catalogue.ChamberByID(f.chamber)
	number, err := payment.IUV(c.Payments.Segregation, f.id, 0)
	if err != nil {
		panic(err) // of the catalogue, which has a test
	}
	return number
}

// fee is what the tables hold of a payment.
type fee struct {
	payment.Payment
	timer string // when the sweep looks at it
	told  int    // receipts that are recorded
}

// payment reads the payment under a number.
func (w *town) payment(ctx context.Context, iuv string) (*fee, error) {
	items, err := w.partition(ctx, w.cases, layout.Payment(iuv).PK)
	if err != nil {
		return nil, err
	}
	var f fee
	for _, item := range items {
		if item.SK != layout.Payment(iuv).SK {
			f.told++
			continue
		}
		if f.Payment, err = decode[payment.Payment](item); err != nil {
			return nil, fmt.Errorf("reading payment: %w", err)
		}
		f.timer = item.Timer
	}
	return &f, nil
}

// position is what the institute holds of one.
type position struct {
	IUPD, IUV, State string
	Receipts         []struct {
		ID     string
		Amount int
	}
	Refunds []struct {
		ID, ReceiptID string
		Amount        int
		SettledAt     *time.Time
	}
}

func (w *town) positions(ctx context.Context) ([]position, error) {
	var list struct{ Positions []position }
	err := w.World().Get(ctx, "/control/institute", &list)
	return list.Positions, err
}

// payable says what keeps the case from being paid for.
func (r *rows) payable(ctx context.Context) string {
	all, err := r.positions(ctx)
	if err != nil {
		return err.Error()
	}
	if !slices.ContainsFunc(all, func(p position) bool { return p.IUPD == payment.IUPD(r.id) && p.State == "VALID" }) {
		return "no position that can be paid"
	}
	return ""
}

// unbought tells whether a case at that stage has not been paid for, for the time being or for good.
func unbought(at stage) bool {
	return slices.Contains([]stage{unpaid, repaid, renounced, expired}, at)
}

// unsettled says what is still missing for a case to have settled at a stage at which it is not paid for.
func (r *rows) unsettled(to stage) string {
	want := map[stage]application.State{
		unpaid: application.AwaitingPayment, repaid: application.AwaitingPayment, renounced: application.Withdrawn, expired: application.Expired,
	}
	waits := 0
	if want[to] == application.AwaitingPayment {
		waits = 1
	}
	switch {
	case r.fee == nil || r.meta.State != want[to]:
		return "state " + string(r.meta.State)
	case r.fee.Paid == nil && r.fee.Opened == nil:
		return "no position"
	case to == repaid && len(r.fee.Refunds) == 0 || r.fee.Owes():
		return "money not given back"
	case waits == 0 && !r.fee.Closed:
		return "the institute may still take money"
	case waits == 1 && r.fee.timer == "":
		return "nobody asks for the payment"
	case r.foreseen && r.pending != waits:
		return fmt.Sprintf("%d pending", r.pending)
	}
	return ""
}

// money: I3, one position at most; what came counts once or went back, once; nothing is told twice.
func (v *verdict) money(r *rows, all []position) {
	if r.fee == nil {
		return
	}
	mine := slices.DeleteFunc(slices.Clone(all), func(p position) bool { return p.IUV != r.fee.IUV && p.IUPD != payment.IUPD(r.id) })
	if len(mine) != 1 {
		v.hold(false, "I3: %d positions", len(mine))
		return
	}
	p, back, counts := mine[0], map[string]int{}, 0
	for _, refund := range p.Refunds {
		back[refund.ReceiptID] += refund.Amount
		v.hold(refund.SettledAt != nil, "I1: money is ordered back and not gone")
	}
	for _, receipt := range p.Receipts {
		owed := receipt.Amount
		if r.fee.Paid != nil && r.fee.Paid.Receipt == receipt.ID {
			counts++
			owed = 0
			v.hold(receipt.Amount == r.fee.Cents, "I3: %d cents count for %d", receipt.Amount, r.fee.Cents)
		}
		v.hold(back[receipt.ID] == owed, "I3: of a receipt of %d cents %d went back, not %d", receipt.Amount, back[receipt.ID], owed)
	}
	bought := 0
	if r.meta.Protocol != nil {
		bought = 1
	}
	v.hold(counts == bought, "I3: %d payments count for %d numbers", counts, bought)
	v.hold(r.fee.told == len(p.Receipts), "I3: %d receipts recorded of %d", r.fee.told, len(p.Receipts))
	v.hold(len(r.fee.Refunds) == len(p.Refunds), "I3: %d refunds recorded of %d", len(r.fee.Refunds), len(p.Refunds))
	v.hold(p.State != "VALID" || r.meta.State == application.AwaitingPayment, "I3: the institute takes money for an act that is %s", r.meta.State)
	times := map[application.Event]int{}
	for _, line := range r.story {
		times[line.Event]++
	}
	for event, n := range map[application.Event]int{
		application.WasPaid: counts, application.PaymentRefunding: len(p.Refunds), application.PaymentRefunded: len(p.Refunds),
	} {
		v.hold(times[event] == n, "I3: %s is told %d times, not %d", event, times[event], n)
	}
}

// tell brings the institute's signed notices of the case's money again, twice, the last first. It returns how many that were.
func (f *filed) tell(ctx context.Context, r *rows) (int, error) {
	if r.fee == nil {
		return 0, nil
	}
	prefix := "payments/" + r.fee.IUV + "/"
	list, err := f.objects.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &f.archive, Prefix: &prefix})
	if err != nil {
		return 0, err
	}
	kept := slices.DeleteFunc(list.Contents, func(o types.Object) bool { return !strings.HasSuffix(*o.Key, ".jws") })
	slices.SortFunc(kept, func(a, b types.Object) int { return b.LastModified.Compare(*a.LastModified) })
	kept = append(kept, kept...)
	for _, o := range kept {
		if err := insist(ctx, func() error { return f.notice(ctx, *o.Key) }); err != nil {
			return 0, fmt.Errorf("told again: %w", err)
		}
	}
	return len(kept), nil
}

// notice brings one that is in the archive.
func (f *filed) notice(ctx context.Context, key string) error {
	object, err := f.objects.GetObject(ctx, &s3.GetObjectInput{Bucket: &f.archive, Key: aws.String(key)})
	if err != nil {
		return err
	}
	defer object.Body.Close()
	raw, err := io.ReadAll(object.Body)
	if err != nil {
		return err
	}
	parts := strings.Split(string(raw), ".")
	if len(parts) != 3 {
		return errors.New("no signed notice")
	}
	body, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return err
	}
	signature := http.Header{"X-Jws-Signature": {parts[0] + ".." + parts[2]}}
	return f.citizen.Anonymous().Call(ctx, "POST", "/api/v1/payments/callback/istituto", json.RawMessage(body), nil, signature)
}

// balanced: I1, no payment is looked after any more once its days have gone by; I3, every position is of a case.
func (w *town) balanced(ctx context.Context) error {
	left, err := w.attended(ctx)
	for _, r := range left {
		err = errors.Join(err, fmt.Errorf("I1: %s is looked after for ever", r.PK))
	}
	positions, wrong := w.positions(ctx)
	if err = errors.Join(err, wrong); err != nil {
		return err
	}
	cases := map[string]bool{}
	for _, l := range w.lanes {
		for _, f := range l.all {
			cases[payment.IUPD(f.id)] = true
		}
	}
	for _, p := range positions {
		if !cases[p.IUPD] {
			err = errors.Join(err, fmt.Errorf("I3: position %s is of no case", p.IUPD))
		}
	}
	return err
}

// attended are the payments that the sweep looks after.
func (w *town) attended(ctx context.Context) ([]row, error) {
	rows, err := w.scan(ctx, layout.PaymentPrefix, layout.PaymentPrefix)
	return slices.DeleteFunc(rows, func(r row) bool { return r.Timer == "" }), err
}

// ended lets the days go by in which payments are waited for and asked about, if there are any.
func (w *town) ended(ctx context.Context) error {
	left, err := w.attended(ctx)
	if err != nil || len(left) == 0 {
		return err
	}
	if err := w.Advance(ctx, week); err != nil {
		return err
	}
	_, err = w.until(ctx, func() (bool, error) {
		left, err := w.attended(ctx)
		return len(left) == 0, err
	})
	return err
}

// week is longer than any payment is waited for.
const week = 7 * 24 * time.Hour
