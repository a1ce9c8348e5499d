package flowtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"sportello/shared/domain/catalogue"
	"sportello/shared/flow/inbox"
	"sportello/shared/flow/step"
	"sportello/shared/platform/queue"
)

// Deliver hands a message of a queue to its step, as the functions do. An error means that the queue would deliver it again.
func (w *World) Deliver(m queue.Message) error {
	ctx := context.Background()
	var err error
	switch step.Kind(m.Kind) {
	case step.Register, step.Seal:
		if failed := w.Registration.Handle(ctx, []queue.Received{Received(m)}); len(failed) > 0 {
			return fmt.Errorf("flowtest: registration failed: %w", w.lastReport())
		}
	case step.Apply:
		err = w.Registration.Apply(ctx, m.Envelope)
	case step.External:
		err = w.External.Ask(ctx, m.Envelope)
	case step.Mail:
		err = w.Notify.Send(ctx, m.Envelope)
	case step.Receipt:
		err = w.Receipts.Make(ctx, m.Envelope)
	case step.Statement:
		err = w.Sealing.Declare(ctx, m.Envelope)
	case step.Preserve:
		err = w.Keeping.Keep(ctx, m.Envelope)
	case step.Verify:
		err = w.Verdicts.Settle(ctx, m.Envelope)
	default:
		w.T.Fatalf("a message of kind %q", m.Kind)
	}
	if errors.Is(err, queue.ErrPermanent) {
		w.Reported = append(w.Reported, err)
		return nil
	}
	return err
}

func (w *World) lastReport() error {
	if len(w.Reported) == 0 {
		return nil
	}
	return w.Reported[len(w.Reported)-1]
}

// Received is a message as the registration's queue delivers it.
func Received(m queue.Message) queue.Received {
	body, err := json.Marshal(m.Envelope)
	if err != nil {
		panic("flowtest: " + err.Error())
	}
	return queue.Received{ID: m.DedupID(), Group: m.Group, Body: body}
}

// Waiting empties the queues and returns what was in them.
func (w *World) Waiting() []queue.Message {
	var all []queue.Message
	for _, q := range []*queue.Memory{w.RegistrationQueue, w.RegisteredQueue, w.MailQueue, w.PreservationQueue} {
		all = append(all, q.Take()...)
	}
	return all
}

// Work delivers what is in the queues, and what comes of it, until they are empty. A message that fails is delivered up to five times.
func (w *World) Work() {
	w.T.Helper()
	received := map[string]int{}
	for range 1000 {
		messages := w.Waiting()
		if len(messages) == 0 {
			return
		}
		for _, m := range messages {
			if err := w.Deliver(m); err != nil {
				key := m.Kind + m.DedupID()
				if received[key]++; received[key] < 5 {
					w.Again(m)
				}
			}
		}
	}
	w.T.Fatal("the queues never come to rest")
}

// Again puts a message back into its queue.
func (w *World) Again(m queue.Message) {
	to := w.PreservationQueue
	switch step.Kind(m.Kind) {
	case step.Register, step.Seal:
		to = w.RegistrationQueue
	case step.Apply, step.External:
		to = w.RegisteredQueue
	case step.Mail:
		to = w.MailQueue
	}
	_ = to.Send(context.Background(), m) // memory never fails
}

// ReadMail reads the chamber's mailbox; a failure, or another reader's lease, is mended by reading again.
func (w *World) ReadMail() error {
	var err error
	for n := 0; n < 3 || err != nil && n < 4; n++ { // an empty mailbox is looked at to the end, and that look may be what fails
		var read int
		if read, err = w.Inbox.Read(context.Background(), w.TheChamber()); err == nil && read > 0 {
			return nil
		}
		w.Pass(inbox.Lease + time.Minute)
	}
	return err
}

// Settle works and reads mail until nothing moves.
func (w *World) Settle() {
	w.T.Helper()
	w.Work()
	for w.read < w.Mail.arrived {
		arrived := w.Mail.arrived
		if err := w.ReadMail(); err != nil {
			w.T.Fatal(err)
		}
		w.read = arrived
		w.Work()
	}
}

// Sweep runs the sweep once, and tells whether nothing failed.
func (w *World) Sweep() bool {
	w.T.Helper()
	swept, err := w.Deadlines.Sweep(context.Background())
	if err != nil && !errors.Is(err, ErrDown) {
		w.T.Fatal(err)
	}
	return err == nil && swept.Failed == 0
}

// Rest lets up to six hours go by with sweeps, mail and queues, so that whatever was lost is mended.
func (w *World) Rest() {
	w.T.Helper()
	for range 24 {
		w.Pass(15 * time.Minute)
		whole := w.Sweep()
		w.Settle()
		if whole && len(w.Outbox()) == 0 {
			return
		}
	}
}

// CloseDays promises the sealing of the days that are over, of every chamber.
func (w *World) CloseDays() {
	w.T.Helper()
	for _, c := range catalogue.Chambers() {
		if err := w.Registration.PlanDays(context.Background(), c.ID); err != nil && !errors.Is(err, ErrDown) {
			w.T.Fatal(err)
		}
	}
}
