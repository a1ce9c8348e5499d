// Package step holds what every step of the road shares: clock and ids from outside, the outbox that makes an effect owed in the same
// transaction as the change that asks for it, and the loop that reads again when a commit did not go through.
package step

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"sportello/shared/domain/layout"
	"sportello/shared/platform/queue"
	"sportello/shared/platform/table"
)

// Clock tells the time in UTC, to the millisecond.
type Clock func() time.Time

// IDs makes UUIDv7s.
type IDs func() string

// Kind says what is owed; it names the queue and the step that pays it.
type Kind string

// The kinds.
const (
	Register  Kind = "REG" // a document to be numbered
	Seal      Kind = "DAY" // a day to be sealed
	Statement Kind = "SGL" // a sealed day to be declared: signed, timestamped, published
	Receipt   Kind = "RCP" // a receipt to be made
	Mail      Kind = "PEC" // a certified message to be sent
	Preserve  Kind = "PRS" // a case, or a day of the register, to be handed to preservation
	Verify    Kind = "SIG" // signatures that nobody could verify at presentation
	External  Kind = "EXT" // a number of the protocol that the chamber keeps itself
)

// Apply is not owed by a row of its own: it hands a number over, on the word of the REG row.
const Apply Kind = "APP"

// schema is the format number of outbox rows.
const schema = 1

// Owed is an outbox row: an effect that is promised. It exists from the commit that promises it to the commit that records it as
// done, whatever is lost in between. Messages only point at it.
type Owed struct {
	Kind        Kind            `json:"kind"`
	Chamber     string          `json:"chamber"`
	Day         string          `json:"day"` // of creation, Europe/Rome
	Event       string          `json:"event"`
	Application string          `json:"application,omitempty"`
	CreatedAt   time.Time       `json:"createdAt"`
	Attempts    int             `json:"attempts,omitempty"` // how often the sweep sent it again
	Problem     string          `json:"problem,omitempty"`  // the problem opened about it, if any
	Parked      bool            `json:"parked,omitempty"`   // waits for a person: the sweep leaves it alone
	Retried     bool            `json:"retried,omitempty"`  // a person had it tried again
	Waits       time.Time       `json:"waits,omitzero"`     // until then nothing is expected: a partner answers in its own time
	Payload     json.RawMessage `json:"payload,omitempty"`
}

// Key is where the row is.
func (o Owed) Key() table.Key {
	return layout.Outbox(string(o.Kind), o.Chamber, o.Day, o.Event)
}

// Envelope points at the row.
func (o Owed) Envelope() queue.Envelope {
	key := o.Key()
	return queue.Envelope{Version: queue.Version, Kind: string(o.Kind), PK: key.PK, SK: key.SK, Attempt: o.Attempts}
}

// Age is for how long the effect has been missing: since it was promised, or since the end of the last wait by design.
func (o Owed) Age(now time.Time) time.Duration {
	since := o.CreatedAt
	if o.Waits.After(since) {
		since = o.Waits
	}
	return max(now.Sub(since), 0)
}

// FirstSweep is how long the message that is sent right after the commit has before the sweep sends another.
const FirstSweep = 2 * time.Minute

// MaxBackoff is the longest that the sweep waits: nothing owed lies further ahead.
const MaxBackoff = time.Hour

// Backoff is how long the sweep waits after so many attempts: FirstSweep, doubling, at most MaxBackoff.
func Backoff(attempts int) time.Duration {
	wait := FirstSweep
	for range attempts {
		if wait *= 2; wait >= MaxBackoff {
			return MaxBackoff
		}
	}
	return wait
}

// Row returns the outbox row as an item, before the sweep at next (never, if parked).
func (o Owed) Row(item table.Item, next time.Time) (table.Item, error) {
	item.Key = o.Key()
	item, err := item.With(schema, o)
	if err != nil || o.Parked {
		return item, err
	}
	return item.Indexed(layout.Timers, layout.TimerPlace(next, o.Event)), nil
}

// Promise is the change that makes o owed.
func (o Owed) Promise() (table.Change, error) {
	item, err := o.Row(table.Item{}, o.CreatedAt.Add(FirstSweep))
	return table.Put(item), err
}

// With returns o carrying a payload.
func (o Owed) With(payload any) (Owed, error) {
	body, err := json.Marshal(payload)
	if err != nil {
		return o, fmt.Errorf("encoding payload: %w", err)
	}
	o.Payload = body
	return o, nil
}

// Read returns the outbox row that an envelope points at. ok is false when it is gone: somebody has paid it, and there is nothing to do.
func Read(ctx context.Context, t table.Table, key table.Key) (o Owed, item table.Item, ok bool, err error) {
	o, item, err = table.Load[Owed](ctx, t, key, schema)
	if errors.Is(err, table.ErrNotFound) {
		return o, item, false, nil
	}
	return o, item, err == nil, err
}

// ReadItem decodes an outbox row that was read with others.
func ReadItem(item table.Item) (Owed, error) { return table.Decode[Owed](item, schema) }

// Payload decodes what o carries.
func Payload[T any](o Owed) (T, error) {
	var v T
	if err := json.Unmarshal(o.Payload, &v); err != nil {
		return v, fmt.Errorf("decoding payload of %s: %w", o.Kind, err)
	}
	return v, nil
}

// Post sends pointers to the steps' queues.
type Post struct {
	Registration queue.Sender // FIFO, one group per chamber
	Registered   queue.Sender
	Mail         queue.Sender
	Preservation queue.Sender
	// Missed is told of a send that did not succeed. Nothing else happens: the sweep will send again.
	Missed func(ctx context.Context, kind Kind, err error)
}

// Complete tells whether there is a queue for everything. Missed may be nil: then nobody is told.
func (p Post) Complete() bool {
	return p.Registration != nil && p.Registered != nil && p.Mail != nil && p.Preservation != nil
}

// Send sends a pointer to each, at best effort.
func (p Post) Send(ctx context.Context, owed ...Owed) {
	for _, o := range owed {
		if err := p.Try(ctx, o); err != nil && p.Missed != nil {
			p.Missed(ctx, o.Kind, err)
		}
	}
}

// Try sends a pointer to one and says whether that worked.
func (p Post) Try(ctx context.Context, o Owed) error {
	to, err := p.queue(o.Kind)
	if err != nil {
		return err
	}
	return to.Send(ctx, queue.Message{Envelope: o.Envelope(), Group: o.Chamber})
}

// HandOver sends pointers to the queue of what follows a number.
func (p Post) HandOver(ctx context.Context, owed ...Owed) {
	var messages []queue.Message
	for _, o := range owed {
		envelope := o.Envelope()
		envelope.Kind = string(Apply)
		messages = append(messages, queue.Message{Envelope: envelope})
	}
	if err := p.Registered.Send(ctx, messages...); err != nil && p.Missed != nil {
		p.Missed(ctx, Apply, err)
	}
}

func (p Post) queue(kind Kind) (queue.Sender, error) {
	switch kind {
	case Register, Seal:
		return p.Registration, nil
	case External:
		return p.Registered, nil
	case Mail:
		return p.Mail, nil
	case Receipt, Statement, Preserve, Verify:
		return p.Preservation, nil
	}
	return nil, fmt.Errorf("sending %q: %w: no queue for it", kind, queue.ErrPermanent)
}

// tries is how often a step reads again before it gives the work back to the queue or the caller.
const tries = 8

// ErrBusy is returned by Retry when somebody else kept winning. The work can be tried again later.
var ErrBusy = errors.New("step: too many conflicts")

// Retry runs a step that reads, decides and commits. A conflict and an unclear outcome are one case: run it again, and it will read what
// is there. So a step must find its own earlier commit by reading, and make ids and instants before Retry.
func Retry(ctx context.Context, attempt func() error) error {
	var err error
	for range tries {
		err = attempt()
		if !errors.Is(err, table.ErrConflict) && !errors.Is(err, table.ErrUnclear) {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return fmt.Errorf("%w: %w", ErrBusy, err)
}
