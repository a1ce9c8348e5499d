package store

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"sportello/shared/platform/queue"
)

// Queue is an SQS queue as far as its promises go. A standard one delivers at least once and in any order; a FIFO one keeps the order of
// each group, gives out one batch of a group at a time, and drops what it has seen in the last five minutes.
type Queue struct {
	Name       string
	FIFO       bool
	Batch      int           // messages in one delivery
	Visibility time.Duration // until a delivered message that was not acknowledged comes back
	Now        func() time.Time
	Random     *rand.Rand
	// Fate decides what becomes of a message that was sent; nil: it arrives at once, once.
	Fate func() Fate
	// Wake is told when a message becomes visible.
	Wake func(at time.Time)

	waiting []*message
	seen    map[string]time.Time
	count   int

	// Dead counts the messages that went to the dead letter queue.
	Dead int
}

// Fate is what becomes of a message.
type Fate struct {
	Lost   bool
	Copies int // besides the message itself; a FIFO queue makes none
	Delay  time.Duration
}

type message struct {
	id        int
	group     string
	body      []byte
	visibleAt time.Time
	receives  int
	inFlight  bool
}

var _ queue.Sender = (*Queue)(nil)

const (
	// maxReceives is how often a message is delivered before it goes to the dead letter queue.
	maxReceives = 5
	dedupWindow = 5 * time.Minute
)

// Send implements queue.Sender.
func (q *Queue) Send(_ context.Context, messages ...queue.Message) error {
	now := q.Now()
	for _, m := range messages {
		if q.FIFO && q.repeated(m.DedupID(), now) {
			continue
		}
		body, err := json.Marshal(m.Envelope)
		if err != nil {
			return err
		}
		fate := Fate{}
		if q.Fate != nil {
			fate = q.Fate()
		}
		if fate.Lost {
			continue
		}
		copies := 1
		group := ""
		if q.FIFO {
			group = m.Group
		} else {
			copies += fate.Copies
		}
		for range copies {
			q.count++
			q.waiting = append(q.waiting, &message{id: q.count, group: group, body: body, visibleAt: now.Add(fate.Delay)})
		}
		q.Wake(now.Add(fate.Delay))
	}
	return nil
}

// repeated tells whether a deduplication id was sent in the last five minutes.
func (q *Queue) repeated(id string, now time.Time) bool {
	if q.seen == nil {
		q.seen = map[string]time.Time{}
	}
	if len(q.seen) > 5000 {
		for known, at := range q.seen {
			if now.Sub(at) >= dedupWindow {
				delete(q.seen, known)
			}
		}
	}
	at, known := q.seen[id]
	if known && now.Sub(at) < dedupWindow {
		return true
	}
	q.seen[id] = now
	return false
}

// Delivery is a batch in somebody's hands.
type Delivery struct {
	Messages []queue.Received
	queue    *Queue
	held     []*message
	receives []int // of each, when it was delivered: a later delivery makes this one stale
}

// Receive gives out the next batch, nil if nothing is visible.
func (q *Queue) Receive() *Delivery {
	now := q.Now()
	q.expire(now)
	var batch []*message
	if q.FIFO {
		batch = q.fromGroup(now)
	} else {
		batch = q.fromAll(now)
	}
	d := &Delivery{queue: q}
	for _, m := range batch {
		m.receives++
		m.inFlight, m.visibleAt = true, now.Add(q.Visibility)
		d.held, d.receives = append(d.held, m), append(d.receives, m.receives)
		d.Messages = append(d.Messages, queue.Received{ID: fmt.Sprintf("%s-%d-%d", q.Name, m.id, m.receives), Group: m.group, Body: m.body})
	}
	if len(batch) == 0 {
		return nil
	}
	q.Wake(now.Add(q.Visibility))
	return d
}

// expire brings back what was not acknowledged in time, and buries what came back too often.
func (q *Queue) expire(now time.Time) {
	for _, m := range q.waiting {
		if m.inFlight && !m.visibleAt.After(now) {
			m.inFlight = false
		}
	}
	before := len(q.waiting)
	q.waiting = slices.DeleteFunc(q.waiting, func(m *message) bool {
		return !m.inFlight && m.receives >= maxReceives && !m.visibleAt.After(now)
	})
	q.Dead += before - len(q.waiting)
}

// fromGroup takes the first messages of the first group that nobody has in hand.
func (q *Queue) fromGroup(now time.Time) []*message {
	busy := map[string]bool{}
	for _, m := range q.waiting {
		if m.inFlight {
			busy[m.group] = true
		}
	}
	group, chosen := "", false
	var batch []*message
	for _, m := range q.waiting {
		switch {
		case busy[m.group] || chosen && m.group != group:
			continue
		case m.visibleAt.After(now):
			busy[m.group] = true // order is kept: what is behind waits
			if chosen {
				return batch
			}
			continue
		}
		group, chosen = m.group, true
		if batch = append(batch, m); len(batch) == q.Batch {
			break
		}
	}
	return batch
}

// fromAll takes visible messages in any order.
func (q *Queue) fromAll(now time.Time) []*message {
	var visible []*message
	for _, m := range q.waiting {
		if !m.inFlight && !m.visibleAt.After(now) {
			visible = append(visible, m)
		}
	}
	q.Random.Shuffle(len(visible), func(a, b int) { visible[a], visible[b] = visible[b], visible[a] })
	return visible[:min(len(visible), q.Batch)]
}

// Done acknowledges a delivery, but for the messages that failed: those come back when their visibility ends. Of a message that was
// delivered again meanwhile, a standard queue lets the older delivery delete it, a FIFO queue does not.
func (d *Delivery) Done(failed []string) {
	for n, m := range d.held {
		stale := m.receives != d.receives[n]
		if slices.Contains(failed, d.Messages[n].ID) || stale && d.queue.FIFO {
			continue
		}
		d.queue.waiting = slices.DeleteFunc(d.queue.waiting, func(o *message) bool { return o == m })
	}
}

// Expire ends the visibility of a delivery at once, as when a function takes longer than it may: the batch goes to another instance while
// the first goes on.
func (d *Delivery) Expire() {
	now := d.queue.Now()
	for n, m := range d.held {
		if m.inFlight && m.receives == d.receives[n] {
			m.inFlight, m.visibleAt = false, now
		}
	}
}

// Wipe loses everything, as a restart of a queue in memory does. It returns how many messages were lost.
func (q *Queue) Wipe() int {
	n := len(q.waiting)
	q.waiting = nil
	return n
}

// Len is how many messages there are.
func (q *Queue) Len() int { return len(q.waiting) }
