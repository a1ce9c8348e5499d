package payment

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sportello/shared/domain/application"
	"sportello/shared/domain/layout"
	money "sportello/shared/domain/payment"
	"sportello/shared/flow/casefile"
	"sportello/shared/flow/problems"
	"sportello/shared/flow/step"
	"sportello/shared/platform/table"
)

// sweep bounds what one sweep asks of the institute, which answers in its own time: the sweep has a minute for everything that is due. Nobody says
// here when a sweep begins, and the clock goes on within one: what is asked soon after the first question belongs to it.
type sweep struct {
	at    time.Time
	calls int
	talk  time.Duration
	down  bool
}

// maxCalls is how many payments one sweep looks after, and maxTalk how long it talks about them; the others are put off by a minute. A sweep is over
// after length.
const (
	maxCalls = 50
	maxTalk  = 20 * time.Second
	length   = 45 * time.Second
)

// allowed tells whether this sweep may still ask. An institute that did not answer is left in peace until the next.
func (s *sweep) allowed(now time.Time) bool {
	if now.Before(s.at) || now.Sub(s.at) >= length {
		*s = sweep{at: now}
	}
	s.calls++
	return !s.down && s.calls <= maxCalls && s.talk < maxTalk
}

// Wake does what is due about a payment: the position is made, the institute is asked what it never told, refunds are ordered, and what was not
// paid by its day, on the institute's word, expires. Nothing expires unasked.
func (d *Desk) Wake(ctx context.Context, key table.Key) error {
	p, item, err := table.Load[money.Payment](ctx, d.Table, key, money.Schema)
	if err != nil {
		return err
	}
	now := d.Now()
	if p.NextAt.IsZero() || p.NextAt.After(now) || item.Key != layout.Payment(p.IUV) {
		return nil // the index lagged
	}
	if !d.sweep.allowed(now) {
		return d.change(ctx, p.IUV, func(p *money.Payment, now time.Time) { p.NextAt = now.Add(time.Minute) })
	}
	err = d.attend(ctx, p, now)
	d.sweep.talk += d.Now().Sub(now)
	if err != nil {
		d.sweep.down = errors.Is(err, ErrSilent) // one payment that is answered badly is no reason to leave the others
		return d.missed(ctx, p.IUV, err)
	}
	return d.met(ctx, p.IUV)
}

// attend talks to the institute. Each thing learnt is recorded by itself, and one that it refuses keeps it from none of the others.
func (d *Desk) attend(ctx context.Context, p money.Payment, now time.Time) error {
	var failed error
	for _, r := range p.Refunds {
		if r.Settled != nil {
			continue
		}
		err := d.giveBack(ctx, p.IUV, r)
		if errors.Is(err, ErrSilent) {
			return err
		}
		failed = errors.Join(failed, err)
	}
	if p.Application == "" || p.Closed {
		return failed
	}
	return errors.Join(failed, d.ask(ctx, p, now))
}

// giveBack orders a refund, or asks what became of the order.
func (d *Desk) giveBack(ctx context.Context, iuv string, r money.Refund) error {
	settled, err := d.Institute.Refund(ctx, iuv, r)
	switch {
	case err != nil:
		return fmt.Errorf("ordering refund: %w", err)
	case settled:
		return d.returned(ctx, iuv, r.Receipt, r.Cents)
	case r.Ordered == nil:
		return d.change(ctx, iuv, func(p *money.Payment, now time.Time) { p.Order(r.Receipt, now) })
	}
	return nil
}

// ask learns from the institute whether the payment was made.
func (d *Desk) ask(ctx context.Context, p money.Payment, now time.Time) error {
	c, err := casefile.Load(ctx, d.Table, p.Application)
	if err != nil {
		return err
	}
	over := p.Expired != nil || p.Overdue(now)
	if p.Opened == nil && p.Paid == nil && !over {
		return d.makePosition(ctx, c.Application, p)
	}
	status, told, err := d.status(ctx, p)
	switch {
	case err != nil || told:
		return err
	case p.Paid != nil && !over:
		return nil // money may still come besides
	case p.Paid != nil:
		return d.change(ctx, p.IUV, func(p *money.Payment, _ time.Time) { p.Closed = true })
	case !status.Found && !over:
		return d.makePosition(ctx, c.Application, p) // it never arrived, or was lost over there
	case status.Closed && !over: // by whom? Nobody can pay, and nobody is told why
		return errors.New("asking for the payment: closed before its last day")
	case !over, !status.Found && p.Opened != nil && now.Sub(*p.Opened) < flight:
		return nil
	}
	// Over. What was paid by a receipt that we gave back, is closed, or was never there takes no more money.
	if status.Found && len(status.Paid) == 0 && !status.Closed {
		if err := d.Institute.Close(ctx, p.Organization, money.IUPD(p.Application)); err != nil {
			return fmt.Errorf("closing the position: %w", err)
		}
		if _, told, err := d.status(ctx, p); err != nil || told { // paid in this very moment
			return err
		}
	}
	return d.expire(ctx, p.IUV)
}

// makePosition has the institute make the position that can be paid. Asked again it makes no second one.
func (d *Desk) makePosition(ctx context.Context, a application.Application, p money.Payment) error {
	position, err := position(a, p)
	if err != nil {
		return err
	}
	return d.open(ctx, p.IUV, position)
}

// status asks what the institute knows of a payment, and records what it never told; told tells that there was some of that. An answer about
// another payment says nothing about this one.
func (d *Desk) status(ctx context.Context, p money.Payment) (status money.Status, told bool, err error) {
	status, err = d.Institute.Status(ctx, p.Organization, money.IUPD(p.Application))
	if err != nil {
		return status, false, fmt.Errorf("asking for the payment: %w", err)
	}
	if slices.ContainsFunc(status.Paid, func(n money.Notice) bool { return n.IUV != p.IUV }) {
		return status, false, errors.New("asking for the payment: told of another")
	}
	news := slices.DeleteFunc(slices.Clone(status.Paid), func(n money.Notice) bool { return p.Decide(n) == money.Known })
	if len(news) == 0 {
		return status, false, nil
	}
	raw := Raw{status.Raw, JSON}
	key, err := d.keep(ctx, p.IUV, raw)
	if err != nil {
		return status, true, err
	}
	for _, n := range news {
		if err := d.settled(ctx, n, raw, key); err != nil {
			return status, true, err
		}
	}
	return status, true, nil
}

// expire ends a payment that can no longer be made; an application that waited for it ends with it. It was never registered, nothing of it is
// preserved, and its day waits for it no more.
func (d *Desk) expire(ctx context.Context, iuv string) error {
	return step.Retry(ctx, func() error {
		p, item, there, err := load(ctx, d.Table, iuv)
		if err != nil || !there || p.Paid != nil || p.Closed {
			return err
		}
		now := d.Now()
		p.Closed = true
		var changes casefile.Changes
		if p.Expired == nil {
			p.Expired = &now
			if err := d.lapse(ctx, &changes, p, now); err != nil {
				return err
			}
		}
		changes.Add(row(item, p))
		return changes.Commit(ctx, d.Table)
	})
}

func (d *Desk) lapse(ctx context.Context, changes *casefile.Changes, p money.Payment, now time.Time) error {
	c, err := d.waiting(ctx, p)
	if err != nil {
		return err
	}
	next, line, err := c.Move(application.PaymentExpired, now, application.System)
	if err != nil {
		return err
	}
	line.Text = "Il pagamento di " + Euro(p.Cents) + " non è arrivato in tempo: l'istanza non viene registrata. Per continuare presentane una nuova."
	changes.Add(c.Put(next))
	changes.Add(casefile.Tell(c.ID, c.Submission.Event+"-unpaid", line))
	return forget(ctx, d.Table, changes, c)
}

// met puts a payment that was looked after before the sweep again, if there is anything left to wait for.
func (d *Desk) met(ctx context.Context, iuv string) error {
	return step.Retry(ctx, func() error {
		p, item, there, err := load(ctx, d.Table, iuv)
		if err != nil || !there {
			return err
		}
		now := d.Now()
		closing, err := problems.Close(ctx, d.Table, p.Chamber, problems.InstituteOf(iuv), now)
		if err != nil {
			return err
		}
		due := !p.NextAt.IsZero() && !p.NextAt.After(now)
		if !due && len(closing) == 0 {
			return nil
		}
		if due {
			p.NextAt, p.Misses = p.Rest(now), 0
		}
		changes := casefile.Changes{List: closing}
		changes.Add(row(item, p))
		return changes.Commit(ctx, d.Table)
	})
}

// complaint says to the office what is wrong with the institute.
func complaint(cause error) string {
	switch {
	case errors.Is(cause, ErrRefused):
		return "L'istituto di pagamento rifiuta più volte di restituire una somma: va chiarito con l'istituto. Si continua a chiederlo."
	case errors.Is(cause, ErrSilent):
		return "L'istituto di pagamento non risponde a più domande su un pagamento: si continua a chiedere."
	}
	return "Più domande all'istituto di pagamento su un pagamento non hanno avuto una risposta che si capisca: si continua a chiedere."
}

// patience is after how many silences in a row the office is told.
const patience = 5

// missed puts a payment off whose institute did not answer, at growing distances; in the end the office has a problem, and the asking goes on.
func (d *Desk) missed(ctx context.Context, iuv string, cause error) error {
	err := step.Retry(ctx, func() error {
		p, item, there, err := load(ctx, d.Table, iuv)
		now := d.Now()
		if err != nil || !there || p.NextAt.After(now) || p.NextAt.IsZero() {
			return err
		}
		p.NextAt = now.Add(step.Backoff(p.Misses))
		p.Misses++
		var changes casefile.Changes
		changes.Add(row(item, p))
		if p.Misses >= patience {
			opened, ok, err := problems.Open(ctx, d.Table, p.Chamber, problems.Problem{
				ID: problems.InstituteOf(iuv), Kind: problems.Overdue, At: now, Application: p.Application,
				Text: complaint(cause),
			})
			if err != nil {
				return err
			}
			if ok {
				changes.List = append(changes.List, opened)
			}
		}
		return changes.Commit(ctx, d.Table)
	})
	if err != nil {
		return fmt.Errorf("putting off: %w (after: %w)", err, cause)
	}
	return cause
}
