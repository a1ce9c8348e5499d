//go:build road

package crash

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"sportello/infra/road"
)

// pulse is the town's life while somebody waits: schedules fire. It beats when all is quiet: nothing waits to be delivered, nobody is at work.
// Then only the schedules can help, and where they do not, the passing of time. So it is counted in beats how long somebody waited, never in seconds: a slow
// machine beats more slowly, and no message is taken from who is still at work on it.
type pulse struct {
	sync.Mutex
	beats, jumped int // how many, and at which the clock was moved
	last          activity
	same          int       // how often the last look was seen again
	fired, seen   time.Time // when the last beat and the last look were, by the machine's clock
	besides       []string  // schedules that fire as often as the sweep
}

// activity is what a look at the town shows.
type activity struct {
	busy, invocations int64
	waiting           int  // messages that are visible
	crowded           bool // a schedule's function has enough to do
}

const (
	// look is how soon somebody who waits looks again, seldom how often if it takes long: looking is work too.
	look, seldom = 100 * time.Millisecond, 300 * time.Millisecond
	// apart is the least between beats, for what the outside world does takes real time.
	apart = 250 * time.Millisecond
	// stubborn is how often the same number of visible messages is seen, with nobody at work, until they are taken for held up: their FIFO group
	// waits for another message to become visible again.
	stubborn = 4
	// tireless is after how many times apart the schedules fire all the same although somebody is at work; what they set going is work as well, so
	// sooner the town would never be seen at rest. early is until how many beats time passes in small steps.
	tireless, early = 24, 4
	// patience is after how many beats somebody gives up, endless after how long in any case: only a town that never comes to rest waits so long.
	patience, least, endless = 150, 30 * time.Second, 15 * time.Minute
)

// until asks until the answer is yes. It returns false when it gave up.
func (w *town) until(ctx context.Context, ok func() (bool, error)) (bool, error) {
	began, since := time.Now(), w.pulse.count()
	for pause := look; ; pause = min(pause+look/4, seldom) {
		done, err := ok()
		if done || err != nil {
			return done, err
		}
		waited := time.Since(began)
		if waited > endless || waited > least && w.pulse.count()-since > patience {
			return false, nil
		}
		if err := w.live(ctx, since); err != nil {
			return false, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

func (p *pulse) count() int {
	p.Lock()
	defer p.Unlock()
	return p.beats
}

// live lets the town's life go on while somebody waits since a beat. One who waits looks for all.
func (w *town) live(ctx context.Context, since int) error {
	p := &w.pulse
	if !p.TryLock() {
		return nil
	}
	defer p.Unlock()
	if time.Since(p.seen) < look {
		return nil
	}
	p.seen = time.Now()
	quiet, err := w.quiet(ctx)
	if err != nil || time.Since(p.fired) < apart {
		return err
	}
	if !quiet {
		// Who is at work may be failing again and again at one mailbox, while the others wait.
		if time.Since(p.fired) < tireless*apart || p.last.crowded {
			return nil
		}
		return w.fire(ctx)
	}
	p.beats++
	p.same = 0
	// Ever more seldom, lest messages die of old age, and farther, for one of preservation is hidden for half an hour.
	if waited := p.beats - since; waited > 2 && p.beats-p.jumped > max(2, waited/2) {
		p.jumped = p.beats
		step := 3 * time.Minute
		if waited > early {
			step = late
		}
		if err := w.Advance(ctx, step); err != nil {
			return err
		}
	}
	return w.fire(ctx)
}

// fire runs the schedules.
func (w *town) fire(ctx context.Context) error {
	w.pulse.fired = time.Now()
	for _, schedule := range append([]string{"Inbox", "Sweep"}, w.pulse.besides...) {
		if err := w.Fire(ctx, schedule); err != nil {
			return err
		}
	}
	return nil
}

// quiet tells whether nothing moves: seen twice, for a message may just be on its way from a queue to a function.
func (w *town) quiet(ctx context.Context) (bool, error) {
	p := &w.pulse
	now, err := w.activity(ctx)
	if err != nil {
		return false, err
	}
	if now != p.last {
		p.last, p.same = now, 0
		return false, nil
	}
	p.same++
	return now.busy == 0 && (now.waiting == 0 || p.same >= stubborn), nil
}

// rest waits until nothing moves, and lets nothing happen by itself.
func (w *town) rest(ctx context.Context) error {
	w.pulse.Lock()
	defer w.pulse.Unlock()
	w.pulse.same = 0
	for began := time.Now(); ; {
		quiet, err := w.quiet(ctx)
		if quiet || err != nil {
			return err
		}
		if time.Since(began) > endless {
			return errors.New("the town does not come to rest")
		}
		select {
		case <-time.After(look):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// background is who works on queues and schedules. What an API answers meanwhile may be to somebody who waits.
var background = []string{registering, notifying, reading, preserving, sweeping}

// activity looks at functions and, if none is at work, at queues.
func (w *town) activity(ctx context.Context) (a activity, err error) {
	var status struct {
		Functions []struct {
			Name              string
			Busy, Invocations int64
		}
	}
	if err := w.Controls().Get(ctx, "/status", &status); err != nil {
		return a, err
	}
	for _, f := range status.Functions {
		if slices.Contains(background, f.Name) {
			a.busy += f.Busy
			a.invocations += f.Invocations
			a.crowded = a.crowded || f.Busy > 2 && (f.Name == reading || f.Name == sweeping)
		}
	}
	if a.busy > 0 {
		return a, nil
	}
	queues, err := w.Queues(ctx)
	for _, q := range queues {
		if !dead(q) {
			a.waiting += q.Visible
		}
	}
	return a, err
}

// sight is what the tables promise, read once for all who ask at the same time.
type sight struct {
	sync.Mutex
	reading sync.Mutex
	next    *glance
}

type glance struct {
	done chan struct{}
	rows []row
	err  error
}

// promises returns the rows that say that something is still to come. Whoever asks gets what was read after asking.
func (w *town) promises(ctx context.Context) ([]row, error) {
	s := &w.sight
	s.Lock()
	r, first := s.next, s.next == nil
	if first {
		r = &glance{done: make(chan struct{})}
		s.next = r
	}
	s.Unlock()
	if first {
		s.reading.Lock()
		s.Lock()
		s.next = nil
		s.Unlock()
		r.rows, r.err = w.scan(ctx, "OUT#", "PEND#")
		s.reading.Unlock()
		close(r.done)
	}
	<-r.done
	return r.rows, r.err
}

// dead tells whether a queue is for dead letters. Those are evidence, not work: the outbox is the truth, and it is checked.
func dead(q road.Queue) bool { return strings.HasSuffix(q.ID, "DeadLetterQueue") }
