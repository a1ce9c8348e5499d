package town

import (
	"context"
	"fmt"
	"time"

	"sportello/infra/simulate/fault"
	"sportello/shared/domain/application"
	"sportello/shared/domain/catalogue"
	money "sportello/shared/domain/payment"
	"sportello/shared/flow/payment"
)

// bank is the payment institute as the steps see it, with faults in front.
type bank struct{ *World }

var _ payment.Institute = bank{}

// Open implements payment.Institute.
func (b bank) Open(_ context.Context, p money.Position) error {
	return b.inject.Do("institute.Open", fault.Write, nil, func() error { return b.institute.Open(p) })
}

// Page implements payment.Institute.
func (b bank) Page(_ context.Context, p money.Position, _ payment.Return) (url string, err error) {
	err = b.inject.Do("institute.Page", fault.Write, nil, func() (err error) {
		url, err = b.institute.Page(p)
		return err
	})
	return url, err
}

// Status implements payment.Institute.
func (b bank) Status(_ context.Context, _, iupd string) (s money.Status, err error) {
	err = b.inject.Do("institute.Status", fault.Read, nil, func() (err error) {
		s, err = b.institute.Status(iupd)
		return err
	})
	return s, err
}

// Close implements payment.Institute.
func (b bank) Close(_ context.Context, _, iupd string) error {
	return b.inject.Do("institute.Close", fault.Write, nil, func() error { return b.institute.Close(iupd) })
}

// Refund implements payment.Institute.
func (b bank) Refund(_ context.Context, iuv string, r money.Refund) (settled bool, err error) {
	err = b.inject.Do("institute.Refund", fault.Write, nil, func() (err error) {
		settled, err = b.institute.Refund(iuv, r)
		return err
	})
	return settled, err
}

// told is a notice that reaches us: taken, or brought again.
func (w *World) told(n money.Notice, raw payment.Raw) bool {
	name := "payment notice"
	if n.Type == money.TypeRefunded {
		name = "refund notice"
	}
	id := ""
	if e := w.byNumber[n.IUV]; e != nil {
		id = e.id
	}
	again := func() { w.tally["second instances"]++; w.told(n, raw) } // brought twice at once
	err := w.step(name, id, again, func(i *instance) error { return i.payments.Record(context.Background(), n, raw) })
	return err == nil
}

// pays plans how somebody pays for a case, or does not. Whoever is told twice, late or never is the institute's business.
func (e *errand) pays() {
	if e.answer.Payment == nil {
		return
	}
	fee := e.answer.Payment
	iuv := fee.NoticeNumber[1:]
	e.byNumber[iuv] = e
	pay := func(cents int, lost bool) func() {
		return func() {
			c, _ := catalogue.ChamberByID(e.chamber)
			e.institute.Pay(money.IUPD(e.id), c.TaxCode, iuv, cents, lost)
			e.tally["payments"]++
		}
	}
	soon := func() time.Duration { return time.Duration(1+e.life.IntN(40)) * time.Minute }
	e.after(time.Duration(10+e.life.IntN(90))*time.Second, func() { e.checkout(0) })
	switch chance := e.life.IntN(100); {
	case chance < 46:
		e.after(soon(), pay(fee.Amount, false))
	case chance < 58: // never told of
		e.after(soon(), pay(fee.Amount, true))
	case chance < 66: // late
		e.after(time.Duration(e.life.Int64N(int64(6*24*time.Hour))), pay(fee.Amount, e.life.IntN(2) == 0))
	case chance < 74: // twice
		e.after(soon(), pay(fee.Amount, false))
		e.after(soon(), pay(fee.Amount, e.life.IntN(2) == 0))
	case chance < 80: // not what is due; some pay again
		e.after(soon(), pay(fee.Amount-100, e.life.IntN(2) == 0))
		if e.life.IntN(2) == 0 {
			e.after(time.Hour+soon(), pay(fee.Amount, false))
		}
	case chance < 86: // when it is over
		e.after(7*24*time.Hour+soon(), pay(fee.Amount, false))
	case chance < 92: // taken back, and paid for all the same by half of them
		e.after(soon(), e.withdraw)
		if e.life.IntN(2) == 0 {
			e.after(soon(), pay(fee.Amount, false))
		}
	}
	if e.life.IntN(10) == 0 { // somebody else types a wrong number
		if wrong, err := money.IUV("05", fmt.Sprint("stray", e.life.Uint64()), 0); err == nil {
			c, _ := catalogue.ChamberByID(e.chamber)
			e.after(soon(), func() { e.institute.Pay("", c.TaxCode, wrong, 300, false) })
		}
	}
}

// checkout opens the institute's page, twice by some.
func (e *errand) checkout(tries int) {
	if e.audit.State(e.id) != application.AwaitingPayment {
		return
	}
	err := e.call("checkout", e.id, func(i *instance) error {
		_, err := i.payments.Checkout(context.Background(), e.who.Applicant, e.id)
		return err
	})
	if again(err) && tries < 4 {
		e.soon(func() { e.checkout(tries + 1) })
	}
}
