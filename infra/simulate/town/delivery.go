package town

import (
	"context"
	"time"

	"sportello/infra/simulate/fault"
	"sportello/infra/simulate/store"
	"sportello/shared/domain/catalogue"
	"sportello/shared/flow/step"
	"sportello/shared/platform/queue"
)

// queues are the steps' queues, with the timeouts of DATA.md.
type queues struct{ registration, registered, mail, preservation *store.Queue }

func (q queues) all() []*store.Queue {
	return []*store.Queue{q.registration, q.registered, q.mail, q.preservation}
}

func (w *World) newQueues() queues {
	random := source(w.Seed, 7)
	make := func(name string, fifo bool, batch int, visibility time.Duration) *store.Queue {
		q := &store.Queue{Name: name, FIFO: fifo, Batch: batch, Visibility: visibility, Now: w.clock, Random: random}
		q.Wake = func(at time.Time) { w.at(at, func() { w.deliver(q) }) }
		if !w.Calm {
			q.Fate = w.fate
		}
		return q
	}
	return queues{
		registration: make("registration", true, 10, 120*time.Second),
		registered:   make("registered", false, 10, 180*time.Second),
		mail:         make("pec", false, 1, 360*time.Second),
		preservation: make("preservation", false, 1, 1800*time.Second),
	}
}

func (w *World) sender(q *store.Queue) queue.Sender {
	return fault.Sender{Inner: q, Name: q.Name, Injector: w.inject}
}

// fate decides what becomes of a message.
func (w *World) fate() store.Fate {
	f := store.Fate{Delay: time.Duration(20+w.sky.IntN(400)) * time.Millisecond}
	if w.inject.Off {
		return f
	}
	switch chance := w.sky.Float64(); {
	case chance < 0.02, w.foggy && chance < 0.4:
		f.Lost = true
		w.tally["messages lost"]++
	case chance < 0.06:
		f.Copies = 1 + w.sky.IntN(2)
		w.tally["messages doubled"]++
	case chance < 0.10:
		f.Delay += time.Duration(w.sky.IntN(3600)) * time.Second
		w.tally["messages late"]++
	}
	return f
}

// deliver hands the next batch of a queue to a function.
func (w *World) deliver(q *store.Queue) {
	d := q.Receive()
	if d == nil {
		return
	}
	var failed []string
	again := func() {
		w.tally["second instances"]++
		if q.FIFO && w.sky.IntN(3) == 0 {
			w.overtake(q, d.Messages[0].Group)
			return
		}
		d.Expire() // the batch took longer than it may: another instance gets it while the first goes on
		w.deliver(q)
	}
	err := w.step(w.consumer(q, d.Messages[0].Body), "", again, func(i *instance) error {
		failed = w.consume(i, q, d.Messages)
		return nil
	})
	if err == nil {
		d.Done(failed)
	}
	if q.Len() > 0 {
		w.after(100*time.Millisecond, func() { w.deliver(q) })
	}
}

// overtake loses what a queue holds while an instance works on a batch of it: what comes next goes to another instance at once, though the
// first goes on.
func (w *World) overtake(q *store.Queue, chamber string) {
	w.tally["messages wiped"] += q.Wipe()
	for _, id := range w.audit.Open(chamber) {
		if e := w.errands[id]; e != nil && w.sky.IntN(3) == 0 {
			e.message(true)
			break
		}
	}
	if c, ok := catalogue.ChamberByID(chamber); ok && w.sky.IntN(2) == 0 {
		w.registry(c)
	}
	w.now = w.now.Add(2 * time.Second) // the messages are on their way
	w.deliver(q)
}

// consumer names the step that consumes a queue.
func (w *World) consumer(q *store.Queue, body []byte) string {
	switch q {
	case w.queues.registration:
		return "register"
	case w.queues.registered:
		return "apply"
	case w.queues.mail:
		return "notify"
	}
	if e, err := queue.Parse(body); err == nil {
		switch step.Kind(e.Kind) {
		case step.Receipt:
			return "receipt"
		case step.Statement:
			return "declare"
		case step.Verify:
			return "verify"
		}
	}
	return "keep"
}

func (w *World) consume(i *instance, q *store.Queue, batch []queue.Received) []string {
	ctx := context.Background()
	report := func(r queue.Received, err error) { w.report(ctx, r.ID, err) }
	switch q {
	case w.queues.registration:
		return i.registration.Handle(ctx, batch)
	case w.queues.registered:
		return queue.Consume(ctx, batch, func(ctx context.Context, e queue.Envelope) error {
			if step.Kind(e.Kind) == step.External {
				return i.external.Ask(ctx, e)
			}
			return i.registration.Apply(ctx, e)
		}, report)
	case w.queues.mail:
		return queue.Consume(ctx, batch, i.notify.Send, report)
	}
	return queue.Consume(ctx, batch, func(ctx context.Context, e queue.Envelope) error {
		switch step.Kind(e.Kind) {
		case step.Receipt:
			return i.receipts.Make(ctx, e)
		case step.Statement:
			return i.statements.Declare(ctx, e)
		case step.Verify:
			return i.verdicts.Settle(ctx, e)
		}
		return i.keeping.Keep(ctx, e)
	}, report)
}
