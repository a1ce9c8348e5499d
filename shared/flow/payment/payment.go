// Package payment is the order in which an act is paid for: the position at the payment institute, the page on which a person pays, the notices
// that say what was paid, the questions to the institute about what it never told, and money that goes back. A payment's row is written in the
// same commit as the case that it moves, so that a payment counts once and an application never waits for money that came (I1, I3).
//
// A browser's return is never proof: only a notice that the institute signed, or its answer to our question, moves anything (CAD art. 5).
package payment

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sportello/shared/domain/application"
	"sportello/shared/domain/catalogue"
	"sportello/shared/domain/layout"
	money "sportello/shared/domain/payment"
	"sportello/shared/domain/problem"
	"sportello/shared/domain/register"
	"sportello/shared/flow/access"
	"sportello/shared/flow/casefile"
	"sportello/shared/flow/correspondence"
	"sportello/shared/flow/step"
	"sportello/shared/platform/archive"
	"sportello/shared/platform/table"
)

// Provider is the institute's name in addresses and rows.
const Provider = "istituto"

// Return is where a person's browser goes back to from the institute's page.
type Return struct{ OK, Cancelled, Failed string }

// Errors of an Institute.
var (
	// ErrSilent is returned, wrapped, when it did not answer: whatever else it were asked now would not be answered either.
	ErrSilent = errors.New("payment: the institute does not answer")
	// ErrRefused is returned, wrapped, by Refund when it does not take the order, whatever the number of tries.
	ErrRefused = errors.New("payment: the institute refuses")
)

// Institute is the payment institute. Every call may be repeated; an error means that it did not answer (ErrSilent), or not so that anything follows.
type Institute interface {
	// Open makes the position and publishes it; one that is there already, and the same, is fine.
	Open(ctx context.Context, p money.Position) error
	// Page returns the address of a page on which the position can be paid.
	Page(ctx context.Context, p money.Position, back Return) (url string, err error)
	// Status asks what it knows of a position.
	Status(ctx context.Context, organization, iupd string) (money.Status, error)
	// Close has it take no more money for a position. What was paid, or is closed already, is no error: Status tells.
	Close(ctx context.Context, organization, iupd string) error
	// Refund orders that a receipt's money goes back, under the refund's own key; settled tells that it has.
	Refund(ctx context.Context, iuv string, r money.Refund) (settled bool, err error)
}

// Config is what the step needs; every field is required.
type Config struct {
	Table     table.Table // applications
	Documents archive.Documents
	Archive   archive.Store
	Institute Institute
	Post      step.Post
	Now       step.Clock
	// Portal addresses a page of a chamber.
	Portal func(chamber, path string) string
}

// Desk sees to payments.
type Desk struct {
	Config
	sweep sweep
}

// New checks the configuration.
func New(c Config) (*Desk, error) {
	if c.Table == nil || c.Documents == nil || c.Archive == nil || c.Institute == nil || c.Now == nil || c.Portal == nil || !c.Post.Complete() {
		return nil, errors.New("payment: incomplete configuration")
	}
	return &Desk{Config: c}, nil
}

// ---- what submission and withdrawal do ----

// numbers is how many numbers of payment are tried: each is one of ten million million.
const numbers = 4

// Demand adds to a presentation what makes its fee owed: the payment's row under a number that nobody has, before the sweep. It calls nobody.
func Demand(ctx context.Context, t table.Table, changes *casefile.Changes, next *application.Application, s catalogue.Service, now time.Time) error {
	for try := range numbers {
		iuv, err := money.IUV(s.Chamber.Payments.Segregation, next.ID, try)
		if err != nil {
			return err
		}
		_, item, there, err := load(ctx, t, iuv)
		if err != nil {
			return err
		}
		if there {
			continue // another application's
		}
		next.Fee = &application.Fee{IUV: iuv, Cents: s.Cost.Cents, Due: money.DueOf(now, s.TermDays).String()}
		changes.Add(row(item, money.Payment{
			IUV: iuv, Application: next.ID, Chamber: next.Chamber, Organization: s.Chamber.TaxCode, Cents: s.Cost.Cents, Due: next.Fee.Due,
			CreatedAt: now, NextAt: now.Add(step.FirstSweep),
		}))
		return nil
	}
	return errors.New("payment: no free number")
}

// Cancel adds to the withdrawal of an application that was not paid for: money that comes from now on goes back, and the day it was presented on
// waits for it no more.
func Cancel(ctx context.Context, t table.Table, changes *casefile.Changes, c casefile.Case, now time.Time) error {
	p, item, there, err := load(ctx, t, c.Fee.IUV)
	if err == nil && !there {
		err = errors.New("payment: the application's payment is missing")
	}
	if err != nil {
		return err
	}
	p.Expired, p.NextAt = &now, now // the sweep has the institute take no more
	changes.Add(row(item, p))
	return forget(ctx, t, changes, c)
}

// forget takes the pending row away: nothing of the case will be registered.
func forget(ctx context.Context, t table.Table, changes *casefile.Changes, c casefile.Case) error {
	pending, err := table.One(ctx, t, layout.Pending(c.Chamber, register.Date(c.PresentedAt()), c.Submission.Event))
	if errors.Is(err, table.ErrNotFound) {
		return nil
	}
	changes.Add(table.Delete(pending), err)
	return err
}

func load(ctx context.Context, t table.Table, iuv string) (p money.Payment, item table.Item, there bool, err error) {
	p, item, err = table.Load[money.Payment](ctx, t, layout.Payment(iuv), money.Schema)
	if errors.Is(err, table.ErrNotFound) {
		return p, item, false, nil
	}
	return p, item, err == nil, err
}

// row is the change that writes a payment, before the sweep as long as there is something to wait for.
func row(item table.Item, p money.Payment) (table.Change, error) {
	item.Key = layout.Payment(p.IUV)
	item, err := item.With(money.Schema, p)
	if err != nil || p.NextAt.IsZero() {
		return table.Put(item), err
	}
	return table.Put(item.Indexed(layout.Timers, layout.TimerPlace(p.NextAt, p.IUV))), nil
}

// ---- paying ----

// Page is where an application can be paid for.
type Page struct {
	URL string `json:"url"`
}

// Checkout returns the address of the institute's page for the applicant's payment, a new one at each call. The position is made first, if it is not
// there: a crash in between leaves a position that can be paid by its number, and that the next call finds.
func (d *Desk) Checkout(ctx context.Context, who access.Applicant, id string) (Page, error) {
	c, err := casefile.Load(ctx, d.Table, id)
	if err != nil {
		return Page{}, err
	}
	if err := who.Check(c.Application); err != nil {
		return Page{}, err
	}
	p, err := d.payable(ctx, c)
	if err != nil {
		return Page{}, err
	}
	position, err := position(c.Application, p)
	if err != nil {
		return Page{}, err
	}
	if err := d.open(ctx, p.IUV, position); err != nil {
		return Page{}, err
	}
	back := func(outcome string) string { return d.Portal(c.Chamber, "/pagamento/?id="+c.ID+"&esito="+outcome) }
	url, err := d.Institute.Page(ctx, position, Return{OK: back("ok"), Cancelled: back("annullato"), Failed: back("errore")})
	if err != nil {
		return Page{}, silent(err)
	}
	return Page{url}, nil
}

func silent(err error) error {
	return problem.New(problem.Unavailable,
		"L'istituto di pagamento non risponde: riprova tra poco. L'istanza è presentata e puoi pagare anche altrove, con il numero di avviso.").Because(err)
}

// payable refuses a checkout where there is nothing to pay, with the reason.
func (d *Desk) payable(ctx context.Context, c casefile.Case) (money.Payment, error) {
	refuse := func(why string) (money.Payment, error) { return money.Payment{}, problem.New(problem.Conflict, why) }
	if c.Fee == nil {
		return refuse("Per questa istanza non c'è nulla da pagare.")
	}
	p, _, there, err := load(ctx, d.Table, c.Fee.IUV)
	switch {
	case err != nil:
		return p, err
	case !there:
		return p, errors.New("payment: the application's payment is missing")
	case p.Paid != nil:
		return refuse("Il pagamento è già arrivato.")
	case !p.Awaited() || p.Overdue(d.Now()):
		return p, errOver
	case len(p.Refunds) > 0:
		return refuse("È arrivato un pagamento di importo diverso, che ti viene restituito: per continuare ritira l'istanza e presentane un'altra.")
	}
	return p, nil
}

// position is what the institute is asked to collect.
func position(a application.Application, p money.Payment) (money.Position, error) {
	s, err := catalogue.Find(a.Chamber, a.Service)
	if err != nil {
		return money.Position{}, err
	}
	payer := correspondence.PartyOf(a.Owner)
	return money.Position{
		IUPD: money.IUPD(a.ID), IUV: p.IUV, Organization: p.Organization, Creditor: register.OneLine(s.Chamber.Name, maxText),
		IBAN: s.Chamber.Payments.IBAN, Category: s.Chamber.Payments.Category,
		PayerTaxCode: payer.TaxCode, PayerName: register.OneLine(payer.Name, maxText), PayerCompany: a.Owner.Kind == application.Company,
		Cents: p.Cents, Description: register.OneLine(s.Title, maxText), Due: p.Due,
	}, nil
}

// maxText is the longest text of a position.
const maxText = 140

// errOver is returned by open for a payment that can no longer be made.
var errOver = problem.New(problem.Conflict, "Il pagamento non è più possibile: presenta una nuova istanza.")

// open has the position made; one that is there stays. That it is asked for is noted first: whoever ends the payment meanwhile knows that a position may
// still appear, and asks until it is closed.
func (d *Desk) open(ctx context.Context, iuv string, position money.Position) error {
	over := false
	err := d.change(ctx, iuv, func(p *money.Payment, now time.Time) {
		if over = !p.Awaited(); !over {
			p.Opened = &now
		}
	})
	if err != nil {
		return err
	}
	if over {
		return errOver
	}
	if err := d.Institute.Open(ctx, position); err != nil {
		return silent(err)
	}
	return nil
}

// flight is for how long a position that was asked for may still appear.
const flight = 10 * time.Minute

// change writes a payment that nothing else depends on.
func (d *Desk) change(ctx context.Context, iuv string, do func(p *money.Payment, now time.Time)) error {
	return step.Retry(ctx, func() error {
		p, item, there, err := load(ctx, d.Table, iuv)
		if err != nil || !there {
			return err
		}
		do(&p, d.Now())
		change, err := row(item, p)
		if err != nil {
			return err
		}
		return d.Table.Commit(ctx, change)
	})
}

// Euro writes an amount as people read it.
func Euro(cents int) string { return fmt.Sprintf("%d,%02d euro", cents/100, cents%100) }
