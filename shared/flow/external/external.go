// Package external asks a chamber that keeps a protocol of its own for its number of what our register has numbered (register mode
// `external`). Our number proves order and content; the chamber's stands beside it, in the case and on the document.
//
// The question is promised in the commit that writes our number into the case, and is asked outside the register's group: a protocol that is
// down, slow or silent holds up nothing but its own number. It is asked for what it has under our reference first, and only then for a number,
// with the reference as idempotency key, so that an answer that got lost is found and no document is numbered twice.
package external

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sportello/shared/domain/application"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/register"
	"sportello/shared/flow/casefile"
	"sportello/shared/flow/correspondence"
	"sportello/shared/flow/problems"
	"sportello/shared/flow/step"
	"sportello/shared/platform/queue"
	"sportello/shared/platform/table"
)

// System is the protocols that chambers keep themselves.
type System interface {
	// Find returns the numbers that a reference has in a chamber's protocol, the first given first.
	Find(ctx context.Context, chamber, reference string) ([]application.External, error)
	// Register asks for a number. The same question under the same reference gets the same number. ErrRefused: never as it is.
	Register(ctx context.Context, chamber string, q Question) (application.External, error)
}

// ErrRefused is returned by a System that will not take the document, whatever the number of tries.
var ErrRefused = errors.New("external: document refused")

// Question is what a chamber's protocol is told, and the payload of an EXT row.
type Question struct {
	Reference string                `json:"reference"` // the event
	Target    correspondence.Target `json:"target"`    // the row that takes the number
	ID        string                `json:"id,omitempty"`
	Entry     register.Entry        `json:"entry"`
	Protocol  application.Protocol  `json:"protocol"` // our number
}

// Promise adds to the commit that applies our number the question for the chamber's.
func Promise(changes *casefile.Changes, numbered step.Owed, filing correspondence.Filing, protocol application.Protocol, now time.Time) step.Owed {
	owed, err := step.Owed{
		Kind: step.External, Chamber: numbered.Chamber, Day: correspondence.Day(now), Event: numbered.Event, Application: numbered.Application, CreatedAt: now,
	}.With(Question{numbered.Event, filing.Target, filing.ID, filing.Entry, protocol})
	if err != nil {
		changes.Add(table.Change{}, err)
		return owed
	}
	changes.Add(owed.Promise())
	return owed
}

// Config is what the step needs; every field is required.
type Config struct {
	Table  table.Table // applications
	System System
	Now    step.Clock
	// Report is told of each error that is left to the sweep.
	Report func(ctx context.Context, event string, err error)
}

// Desk asks.
type Desk struct{ Config }

// New checks the configuration.
func New(c Config) (*Desk, error) {
	if c.Table == nil || c.System == nil || c.Now == nil || c.Report == nil {
		return nil, errors.New("external: incomplete configuration")
	}
	return &Desk{c}, nil
}

// Ask gets the chamber's number of what the envelope points at, and writes it where ours is. What the chamber's protocol does not do now is
// left to the sweep, which comes back at growing distances and opens a problem: the queue is not for waiting.
func (d *Desk) Ask(ctx context.Context, e queue.Envelope) error {
	owed, item, there, err := step.Read(ctx, d.Table, table.Key{PK: e.PK, SK: e.SK})
	if err != nil || !there || owed.Parked {
		return err
	}
	q, err := step.Payload[Question](owed)
	if err != nil {
		return problems.Halt(ctx, d.Table, e, d.Now(), fmt.Errorf("%w: %w", queue.ErrPermanent, err))
	}
	number, err := d.number(ctx, owed.Chamber, q)
	switch {
	case errors.Is(err, ErrRefused):
		return d.refused(ctx, owed, item)
	case err != nil && ctx.Err() != nil:
		return err // the process had no time left: whoever delivers it again may have
	case err != nil:
		d.Report(ctx, owed.Event, err)
		return nil
	}
	return problems.Halt(ctx, d.Table, e, d.Now(), d.written(ctx, owed.Key(), q, number))
}

func (d *Desk) number(ctx context.Context, chamber string, q Question) (application.External, error) {
	given, err := d.System.Find(ctx, chamber, q.Reference)
	if err != nil {
		return application.External{}, fmt.Errorf("asking for the number given: %w", err)
	}
	if len(given) > 0 {
		return given[0], nil // one that was given twice counts by the first; the second is the chamber's to annul
	}
	number, err := d.System.Register(ctx, chamber, q)
	if err != nil {
		return number, fmt.Errorf("asking for a number: %w", err)
	}
	return number, nil
}

// refused parks the work: a person must find out what the chamber's protocol did not like.
func (d *Desk) refused(ctx context.Context, owed step.Owed, item table.Item) error {
	changes, err := problems.Park(ctx, d.Table, owed, item, problems.NumberRefused,
		"Il protocollo della Camera ha rifiutato un documento già registrato qui: va chiarito con chi lo tiene, poi si riprova.", d.Now())
	if err != nil {
		return err
	}
	err = d.Table.Commit(ctx, changes...)
	if errors.Is(err, table.ErrConflict) {
		return nil // another delivery was quicker
	}
	return err
}

// written puts the number beside ours, tells it, and pays the row.
func (d *Desk) written(ctx context.Context, key table.Key, q Question, number application.External) error {
	return step.Retry(ctx, func() error {
		owed, item, there, err := step.Read(ctx, d.Table, key)
		if err != nil || !there {
			return err
		}
		w := writing{Desk: d, q: q, owed: owed, number: number}
		if err := w.target(ctx); err != nil {
			return err
		}
		paid, err := problems.Paid(ctx, d.Table, owed, item, d.Now())
		if err != nil {
			return err
		}
		w.changes.List = append(w.changes.List, paid...)
		return w.changes.Commit(ctx, d.Table)
	})
}

// writing is one number on its way into its case.
type writing struct {
	*Desk
	q       Question
	owed    step.Owed
	number  application.External
	changes casefile.Changes
}

func (w *writing) target(ctx context.Context) error {
	switch w.q.Target {
	case correspondence.ToApplication:
		return w.toApplication(ctx)
	case correspondence.ToDocument:
		if err := w.toDocument(ctx, w.q.ID); err != nil {
			return err
		}
		w.tell(w.q.ID)
		return nil
	case correspondence.ToIncoming:
		return w.toIncoming(ctx)
	}
	return fmt.Errorf("writing to %q: %w: unknown target", w.q.Target, queue.ErrPermanent)
}

func (w *writing) toApplication(ctx context.Context) error {
	c, err := casefile.Load(ctx, w.Table, w.owed.Application)
	if err != nil {
		return err
	}
	next := c.Application
	next.Protocol = w.beside(c.Protocol)
	w.changes.Add(c.Put(next))
	w.tell(w.owed.Event)
	return w.toDocument(ctx, w.owed.Event)
}

func (w *writing) toDocument(ctx context.Context, id string) error {
	key := layout.Document(w.owed.Application, id)
	document, item, there, err := casefile.One[application.Document](ctx, w.Table, key)
	if err != nil || !there {
		return err
	}
	document.Protocol = w.beside(document.Protocol)
	w.changes.Add(casefile.Row(item, key, document))
	return nil
}

func (w *writing) toIncoming(ctx context.Context) error {
	key := layout.Incoming(w.owed.Chamber, w.q.ID)
	row, item, there, err := casefile.One[correspondence.Incoming](ctx, w.Table, key)
	if err != nil || !there {
		return err
	}
	row.Protocol = w.beside(row.Protocol)
	w.changes.Add(casefile.Row(item, key, row))
	return nil
}

// beside is our number with the chamber's.
func (w *writing) beside(ours *application.Protocol) *application.Protocol {
	p := w.q.Protocol
	if ours != nil {
		p = *ours
	}
	p.External = &w.number
	return &p
}

// externalLine tells the line of the chamber's number apart from the others of the same event.
const externalLine = "-external"

func (w *writing) tell(document string) {
	w.changes.Add(casefile.Tell(w.owed.Application, w.owed.Event+externalLine, application.Line{
		At: w.Now(), Event: application.NumberedOutside, Actor: application.System, Document: document,
		Text: "Protocollo della Camera " + correspondence.CiteExternal(w.number),
	}))
}
