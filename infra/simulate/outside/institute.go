package outside

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"sportello/shared/domain/deadline"
	money "sportello/shared/domain/payment"
	"sportello/shared/flow/payment"
)

// Institute is the payment institute. It holds the money that people paid, tells of it as its habits are, and gives back what it is ordered to.
type Institute struct {
	Now    func() time.Time
	Random *rand.Rand
	Down   bool
	// Calm is set when the year is over: every notice arrives.
	Calm bool
	// After runs something later; Told is a notice on its way, again until it is taken.
	After func(wait time.Duration, do func())
	Told  func(n money.Notice, raw payment.Raw) (taken bool)

	positions map[string]*collected // by IUPD
	orders    map[string]bool
	Money     []money.Notice // every payment it ever took, as it would tell it
}

type collected struct {
	money.Position
	closed bool
	paid   []money.Notice
}

var errMute = fmt.Errorf("%w: %w", payment.ErrSilent, ErrDown)

// NewInstitute returns an institute that collects nothing.
func NewInstitute() *Institute {
	return &Institute{positions: map[string]*collected{}, orders: map[string]bool{}}
}

// Open makes a position.
func (i *Institute) Open(p money.Position) error {
	if i.Down {
		return errMute
	}
	if there := i.positions[p.IUPD]; there == nil {
		i.positions[p.IUPD] = &collected{Position: p}
	} else if there.Position != p {
		return ErrOther
	}
	return nil
}

// Page makes a page on which a position can be paid.
func (i *Institute) Page(p money.Position) (string, error) {
	if i.Down {
		return "", errMute
	}
	return "https://istituto.example.it/paga/" + p.IUV, nil
}

// Status tells of a position.
func (i *Institute) Status(iupd string) (money.Status, error) {
	if i.Down {
		return money.Status{}, errMute
	}
	p := i.positions[iupd]
	if p == nil {
		return money.Status{}, nil
	}
	raw, err := json.Marshal(p.paid)
	return money.Status{Found: true, Closed: p.closed, Paid: p.paid, Raw: raw}, err
}

// Close takes no more money for a position.
func (i *Institute) Close(iupd string) error {
	if i.Down {
		return errMute
	}
	if p := i.positions[iupd]; p != nil && len(p.paid) == 0 {
		p.closed = true
	}
	return nil
}

// Refund takes the order to give money back; the notice that it is back follows, and at times gets lost: who orders again is told that it is settled.
func (i *Institute) Refund(iuv string, r money.Refund) (bool, error) {
	if i.Down {
		return false, errMute
	}
	key := r.Key(iuv)
	if i.orders[key] {
		return true, nil
	}
	i.orders[key] = true
	if i.Calm || i.Random.IntN(3) > 0 {
		i.tell(money.Notice{
			Provider: payment.Provider, Type: money.TypeRefunded, Organization: r.Organization, IUV: iuv, Cents: r.Cents, PaidAt: i.Now(), Receipt: r.Receipt,
		}, time.Duration(i.Random.IntN(3600))*time.Second)
	}
	return false, nil
}

// Returned tells whether a receipt's money was ordered back.
func (i *Institute) Returned(iuv, receipt string) bool {
	return i.orders[money.Refund{Receipt: receipt}.Key(iuv)]
}

// Pay takes money under a number, also where it should not. lost: nobody is ever told, who asks learns it.
func (i *Institute) Pay(iupd, organization, iuv string, cents int, lost bool) {
	n := money.Notice{
		Provider: payment.Provider, Type: money.TypeSettled, Organization: organization, IUV: iuv, Cents: cents, PaidAt: i.Now(),
		Receipt: fmt.Sprintf("R%08d", len(i.Money)+1), PSP: "Banca",
	}
	i.Money = append(i.Money, n)
	if p := i.positions[iupd]; p != nil && !p.closed {
		p.paid = append(p.paid, n)
		due, err := deadline.ParseDate(p.Due)
		lost = lost && err == nil && i.Now().Before(due.End()) // later nobody asks
	} else {
		lost = false // its answer would not say it
	}
	if lost {
		return
	}
	wait := time.Duration(i.Random.IntN(20)) * time.Second
	switch i.Random.IntN(6) {
	case 0:
		wait += time.Duration(i.Random.Int64N(int64(60 * time.Hour))) // late
	case 1:
		i.tell(n, wait+time.Duration(i.Random.IntN(600))*time.Second) // twice
	}
	i.tell(n, wait)
}

// pauses are between two deliveries of a notice.
var pauses = []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 6 * time.Hour}

func (i *Institute) tell(n money.Notice, wait time.Duration) {
	body, err := json.Marshal(n)
	if err != nil {
		panic("outside: " + err.Error())
	}
	tries := 0
	var deliver func()
	deliver = func() {
		if i.Told(n, payment.Raw{Bytes: body, Kind: payment.JWS}) {
			return
		}
		i.After(pauses[min(tries, len(pauses)-1)], deliver)
		tries++
	}
	i.After(wait, deliver)
}
