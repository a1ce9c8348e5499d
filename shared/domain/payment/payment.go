package payment

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"sportello/shared/domain/deadline"
)

// Schema is the format number of all rows of this package.
const Schema = 1

// Days is for how many days after presentation an act can be paid for, at most.
const Days = 15

// DueOf is the last day on which what was presented at an instant can be paid for. The office's term of so many days runs from presentation,
// whatever the payment does: it is never over before the payment's.
func DueOf(presented time.Time, termDays int) deadline.Date {
	return deadline.DateOf(presented).AddDays(min(Days, termDays))
}

// Payment is a payment's row: what is owed, what was paid, and what is owed back. It is also before the sweep, which asks the institute what nobody
// told us, orders refunds, and lets what is not paid expire.
type Payment struct {
	IUV          string `json:"iuv"`
	Application  string `json:"application,omitempty"` // "" for money that came under a number we never gave, or whose case was removed
	Chamber      string `json:"chamber"`
	Organization string `json:"organization"` // tax code of the creditor
	Cents        int    `json:"cents"`
	Due          string `json:"due"` // YYYY-MM-DD, Europe/Rome

	CreatedAt time.Time `json:"createdAt"`
	// Opened is when the institute was last asked to make the position, noted before it is asked; nil: the next checkout or sweep asks.
	Opened *time.Time `json:"opened,omitempty"`
	// Paid is the one settlement that counts.
	Paid *Settlement `json:"paid,omitempty"`
	// Expired is since when money that comes is too late: the due day went by, or the application was withdrawn.
	Expired *time.Time `json:"expired,omitempty"`
	// Closed is set once the institute has told all that it has to tell, and takes no money for it any more: there is nothing left to ask.
	Closed  bool     `json:"closed,omitempty"`
	Refunds []Refund `json:"refunds,omitempty"`

	// NextAt is when the sweep looks at it; zero: there is nothing to wait for.
	NextAt time.Time `json:"nextAt,omitzero"`
	// Misses is how often in a row the institute did not answer.
	Misses int `json:"misses,omitempty"`
}

// Settlement is money that counts.
type Settlement struct {
	Provider string    `json:"provider"`
	Receipt  string    `json:"receipt"`
	PaidAt   time.Time `json:"paidAt"`
	PSP      string    `json:"psp,omitempty"`
}

// Refund is money that came and is no payment: it goes back.
type Refund struct {
	Receipt string `json:"receipt"`
	// Organization is whose money it was said to be: the payment's creditor, but for NotOurs.
	Organization string     `json:"organization"`
	Cents        int        `json:"cents"`
	Reason       Verdict    `json:"reason"`
	At           time.Time  `json:"at"`
	Ordered      *time.Time `json:"ordered,omitempty"` // when the institute took the order
	Settled      *time.Time `json:"settled,omitempty"` // when it told that the money is back
}

// Key is the idempotency key of the order: the same refund is never ordered twice.
func (r Refund) Key(iuv string) string { return "refund-" + iuv + "-" + r.Receipt }

// State is how far a payment has come.
type State string

// The states.
const (
	Requested State = "requested"
	Settled   State = "paid"
	Lapsed    State = "expired"
	Refunding State = "refunding"
	Refunded  State = "refunded"
)

// State follows from what is recorded: money that counts comes before money that goes back.
func (p Payment) State() State {
	switch {
	case p.Paid != nil:
		return Settled
	case p.Owes():
		return Refunding
	case len(p.Refunds) > 0:
		return Refunded
	case p.Expired != nil:
		return Lapsed
	}
	return Requested
}

// Owes tells whether money is still to go back.
func (p Payment) Owes() bool {
	return slices.ContainsFunc(p.Refunds, func(r Refund) bool { return r.Settled == nil })
}

// Awaited tells whether the payment may still be made.
func (p Payment) Awaited() bool { return p.Application != "" && p.Paid == nil && p.Expired == nil }

// Overdue tells whether the last day has gone by.
func (p Payment) Overdue(now time.Time) bool {
	due, err := deadline.ParseDate(p.Due)
	return err == nil && !now.Before(due.End())
}

// Next is when the institute is asked again whether a payment was made that it never told us of: at 15 minutes, then hourly for a day, then daily, and
// when the last day is over.
func (p Payment) Next(now time.Time) time.Time {
	age := now.Sub(p.CreatedAt)
	next := now.Add(24 * time.Hour)
	switch {
	case age < FirstAsk:
		next = p.CreatedAt.Add(FirstAsk)
	case age < 24*time.Hour:
		next = now.Add(time.Hour)
	}
	if due, err := deadline.ParseDate(p.Due); err == nil && due.End().After(now) && due.End().Before(next) {
		next = due.End()
	}
	return next
}

// FirstAsk is after how long the institute is asked for the first time.
const FirstAsk = 15 * time.Minute

// Type says what a notice is about.
type Type string

// The types.
const (
	TypeSettled  Type = "payment.settled"
	TypeFailed   Type = "payment.failed"
	TypeRefunded Type = "refund.settled"
)

// Notice is a fact that a provider tells, called back or asked: both say the same thing.
type Notice struct {
	Provider     string    `json:"provider"`
	Type         Type      `json:"type"`
	Organization string    `json:"organization"` // tax code of the creditor
	IUV          string    `json:"iuv"`
	Cents        int       `json:"cents"`
	PaidAt       time.Time `json:"paidAt"`
	Receipt      string    `json:"receipt"` // the provider's id of the payment
	PSP          string    `json:"psp,omitempty"`
}

// ErrNotice is returned for a notice that says nothing a payment could be.
var ErrNotice = errors.New("payment: not a notice")

var (
	receiptShape      = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,70}$`)
	organizationShape = regexp.MustCompile(`^[0-9]{11}$`)
	providerShape     = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)
)

// MaxCents is more than any fee of a chamber: 100,000 EUR.
const MaxCents = 10_000_000

// Check refuses a notice whose parts have another form.
func (n Notice) Check() error {
	what := ""
	switch {
	case !providerShape.MatchString(n.Provider):
		what = "provider"
	case n.Type != TypeSettled && n.Type != TypeFailed && n.Type != TypeRefunded:
		what = "type"
	case !organizationShape.MatchString(n.Organization):
		what = "organization"
	case !ValidIUV(n.IUV):
		what = "iuv"
	case n.Type != TypeFailed && (n.Cents < 1 || n.Cents > MaxCents):
		what = "amount"
	case n.Type != TypeFailed && n.PaidAt.IsZero():
		what = "paidAt"
	case n.Type != TypeFailed && !receiptShape.MatchString(n.Receipt):
		what = "receiptId"
	case len(n.PSP) > 140:
		what = "psp"
	}
	if what != "" {
		return fmt.Errorf("%w: %s", ErrNotice, what) // the value may be anything
	}
	return nil
}

// Verdict says what a notice of money does to a payment.
type Verdict string

// The verdicts: the first right one pays; whatever else comes goes back.
const (
	Pays        Verdict = "paid"
	Known       Verdict = "known" // the same receipt again: nothing happens
	WrongAmount Verdict = "wrong-amount"
	Twice       Verdict = "paid-twice"
	TooLate     Verdict = "too-late"
	Unknown     Verdict = "unknown-number"
	NotOurs     Verdict = "other-organization"
)

// Decide is the table: what money that a notice tells of does to the payment. Whether its receipt was seen before, another row knows.
func (p Payment) Decide(n Notice) Verdict {
	seen := func(r Refund) bool { return r.Receipt == n.Receipt }
	switch {
	case p.Paid != nil && p.Paid.Receipt == n.Receipt, slices.ContainsFunc(p.Refunds, seen):
		return Known
	case p.Application == "":
		return Unknown
	case n.Organization != p.Organization:
		return NotOurs
	case p.Paid != nil:
		return Twice
	case p.Expired != nil:
		return TooLate
	case n.Cents != p.Cents:
		return WrongAmount
	}
	return Pays
}

// Italian says to an office why money goes back.
func (v Verdict) Italian() string {
	switch v {
	case WrongAmount:
		return "l'importo versato non è quello dovuto"
	case Twice:
		return "la somma era già stata pagata"
	case TooLate:
		return "il pagamento è arrivato dopo la scadenza o dopo la rinuncia"
	case Unknown:
		return "il codice di versamento non corrisponde a nessuna pratica"
	case NotOurs:
		return "il pagamento è intestato a un altro ente"
	}
	return string(v)
}

// Apply records what a notice of money did. The verdict is Decide's.
func (p Payment) Apply(n Notice, v Verdict, now time.Time) Payment {
	switch v {
	case Known:
	case Pays:
		p.Paid = &Settlement{n.Provider, n.Receipt, n.PaidAt, n.PSP}
	default:
		p.Refunds = append(slices.Clone(p.Refunds), Refund{Receipt: n.Receipt, Organization: n.Organization, Cents: n.Cents, Reason: v, At: now})
	}
	return p
}

// Order records that the institute took the order to give a receipt's money back.
func (p *Payment) Order(receipt string, at time.Time) {
	p.Refunds = slices.Clone(p.Refunds)
	for n, r := range p.Refunds {
		if r.Receipt == receipt && r.Ordered == nil {
			p.Refunds[n].Ordered = &at
		}
	}
}

// Rest is when the sweep looks at a payment again; zero if nothing can happen to it by itself any more.
func (p Payment) Rest(now time.Time) time.Time {
	if slices.ContainsFunc(p.Refunds, func(r Refund) bool { return r.Ordered == nil && r.Settled == nil }) {
		return now
	}
	var next time.Time
	switch {
	case p.Application == "" || p.Closed:
	case p.Paid != nil:
		next = now.Add(Reconcile)
		if due, err := deadline.ParseDate(p.Due); err == nil && due.End().After(next) && now.Sub(p.Paid.PaidAt) >= Reconcile {
			next = due.End()
		}
	default:
		next = p.Next(now)
	}
	if again := now.Add(AskRefund); p.Owes() && (next.IsZero() || again.Before(next)) {
		next = again
	}
	return next
}

// Reconcile is how long after a payment the institute is asked once more, and then when the last day is over: money may have come besides that we were
// never told of.
const Reconcile = 24 * time.Hour

// AskRefund is how often the institute is asked about money that it should have given back, and has not told of.
const AskRefund = 6 * time.Hour

// Returned records that the money of a receipt is back, all of it; false if no such refund was owed any more.
func (p Payment) Returned(receipt string, cents int, at time.Time) (Payment, bool) {
	for n, r := range p.Refunds {
		if r.Receipt == receipt && r.Cents == cents && r.Settled == nil {
			p.Refunds = slices.Clone(p.Refunds)
			p.Refunds[n].Settled = &at
			return p, true
		}
	}
	return p, false
}

// ---- the institute's side ----

// Position is what the institute is asked to collect.
type Position struct {
	IUPD, IUV    string
	Organization string // tax code of the creditor
	Creditor     string // its name
	IBAN         string // where the money goes
	Category     string // of the fee, in PagoPA's taxonomy
	PayerTaxCode string // "" for who has none
	PayerName    string
	PayerCompany bool
	Cents        int
	Description  string // at most 140 characters
	Due          string // YYYY-MM-DD
}

// Status is what the institute says of a position when it is asked.
type Status struct {
	Found bool
	// Paid are all the receipts, told us already or not, in the order in which they were paid.
	Paid []Notice
	// Closed tells that no money will be taken for it any more.
	Closed bool
	Raw    []byte // the answer as it came
}
