package pec

import (
	"slices"
	"strings"
	"time"
)

// State is where one of our messages stands.
type State string

// The states of a message.
const (
	StatePrepared  State = "prepared"  // composed and archived, never offered to the server
	StateSending   State = "sending"   // offered; the answer is not recorded yet
	StateAccepted  State = "accepted"  // the provider has it
	StateDelivered State = "delivered" // in the mailbox of every recipient
	StateFailed    State = "failed"    // refused by the server or by the provider, or not delivered to some recipient
	StateUncertain State = "uncertain" // offered, the answer was lost and no receipt was found
)

// Delivery is where the message stands for one recipient.
type Delivery struct {
	Address     string
	State       State // accepted, delivered, failed, or the message's own state when no receipt speaks of it
	DeliveredAt time.Time
	FailedAt    time.Time // stays set when a delivery came after a failure, so that the story can be told
	DelayedAt   time.Time // a warning: not delivered within twelve hours
	Failure     Failure
	Detail      string
	External    bool // an ordinary mailbox: no delivery receipt will come
}

// Outcome is what the receipts of a message say, all together.
type Outcome struct {
	State       State
	AcceptedAt  time.Time // the instant the message counts as sent
	DeliveredAt time.Time // the instant the last recipient had it; set in state delivered only
	FailedAt    time.Time // the first failure that still stands; set in state failed when a receipt says so
	Failure     Failure
	Detail      string
	Recipients  []Delivery // in the order asked, one each
}

// Evaluate computes a message's state from the set of its receipts: order of arrival and duplicates do not matter, only what they
// certify and when. own is what our row says by itself (prepared, sending, uncertain, failed, or accepted once the server said 250);
// a receipt is stronger evidence than any of them. Receipts of other messages must not be among them.
//
// DPR 68/2005, art. 6 c.3: "La ricevuta di avvenuta consegna fornisce al mittente prova che il suo messaggio di posta elettronica
// certificata è effettivamente pervenuto all'indirizzo elettronico dichiarato dal destinatario". So a delivery holds whatever else is
// certified, before or after: the failure of a second copy, sent because the first send was in doubt, takes nothing back.
func Evaluate(own State, recipients []string, receipts []Receipt) Outcome {
	o := Outcome{State: own, Recipients: make([]Delivery, 0, len(recipients))}
	for _, address := range recipients {
		o.Recipients = append(o.Recipients, Delivery{Address: address, State: own})
	}
	var refused *Receipt
	for _, r := range ordered(receipts) {
		switch r.Kind {
		case Accepted:
			first(&o.AcceptedAt, r.At)
			o.markExternal(r.Addressees)
		case NotAccepted:
			if refused == nil {
				refused = &r
			}
		case TakenInCharge, Virus:
			// Between providers: it proves that ours sent the message on.
		case Delivered, NotDelivered, Delayed:
			for _, i := range o.concerned(r) {
				o.Recipients[i].apply(r)
			}
		}
	}
	o.settle(receipts, refused)
	return o
}

// settle derives each recipient's state, then the message's.
func (o *Outcome) settle(receipts []Receipt, refused *Receipt) {
	taken := slices.ContainsFunc(receipts, func(r Receipt) bool { return r.Kind != NotAccepted && r.Kind != Certified })
	for i := range o.Recipients {
		d := &o.Recipients[i]
		switch {
		case !d.DeliveredAt.IsZero():
			d.State = StateDelivered
		case !d.FailedAt.IsZero():
			d.State = StateFailed
		case taken:
			// Taken once is taken: a refusal beside it is of a copy sent again in doubt.
			d.State = StateAccepted
		case refused != nil:
			d.State, d.FailedAt, d.Failure, d.Detail = StateFailed, refused.At, refused.Failure, refused.Detail
		}
	}
	o.State = o.overall(taken, refused != nil)
	for _, d := range o.Recipients {
		switch {
		case o.State == StateDelivered && d.DeliveredAt.After(o.DeliveredAt):
			o.DeliveredAt = d.DeliveredAt
		case o.State == StateFailed && d.State == StateFailed && !d.FailedAt.IsZero() && (o.FailedAt.IsZero() || d.FailedAt.Before(o.FailedAt)):
			o.FailedAt, o.Failure, o.Detail = d.FailedAt, d.Failure, d.Detail
		}
	}
}

// overall is the message's state: delivered when everybody has it, failed as soon as somebody will not have it (the office must act),
// accepted when the provider has it.
func (o *Outcome) overall(taken, refused bool) State {
	delivered := 0
	for _, d := range o.Recipients {
		switch d.State {
		case StateFailed:
			return StateFailed
		case StateDelivered:
			delivered++
		}
	}
	switch {
	case delivered > 0 && delivered == len(o.Recipients):
		return StateDelivered
	case taken:
		return StateAccepted
	case refused:
		return StateFailed
	}
	return o.State
}

// concerned tells which recipients a delivery receipt speaks of: the one it names; else, when providers write another form of the
// address there, the only addressee it lists; else the only recipient there is. A receipt about nobody we wrote to changes nobody.
func (o *Outcome) concerned(r Receipt) []int {
	if i := o.index(r.Recipient); i >= 0 {
		return []int{i}
	}
	if len(r.Addressees) == 1 {
		if i := o.index(r.Addressees[0].Address); i >= 0 {
			return []int{i}
		}
	}
	if len(o.Recipients) == 1 {
		return []int{0}
	}
	return nil
}

func (o *Outcome) index(address string) int {
	return slices.IndexFunc(o.Recipients, func(d Delivery) bool { return address != "" && strings.EqualFold(d.Address, address) })
}

func (o *Outcome) markExternal(addressees []Addressee) {
	for _, a := range addressees {
		if i := o.index(a.Address); i >= 0 && !a.Certified {
			o.Recipients[i].External = true
		}
	}
}

func (d *Delivery) apply(r Receipt) {
	switch r.Kind {
	case Delivered:
		first(&d.DeliveredAt, r.At)
	case Delayed:
		first(&d.DelayedAt, r.At)
	case NotDelivered:
		if d.FailedAt.IsZero() {
			d.FailedAt, d.Failure, d.Detail = r.At, r.Failure, r.Detail
		}
	}
}

func first(at *time.Time, candidate time.Time) {
	if at.IsZero() || candidate.Before(*at) {
		*at = candidate
	}
}

// ordered sorts receipts by their own instants; equal ones by content, so that any order of arrival gives the same answer.
func ordered(receipts []Receipt) []Receipt {
	sorted := slices.Clone(receipts)
	slices.SortStableFunc(sorted, func(a, b Receipt) int {
		if c := a.At.Compare(b.At); c != 0 {
			return c
		}
		return strings.Compare(a.order(), b.order())
	})
	return sorted
}

func (r Receipt) order() string {
	return strings.Join([]string{string(r.Kind), r.Recipient, string(r.Failure), r.Detail, r.Ident}, "\x00")
}
