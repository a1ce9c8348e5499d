//go:build road

package crash

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
)

// crash is one case of the table: a point and an effect, in one lane.
type crash struct {
	point
	effect
	*filed

	fault       string // its id, if there is one
	hits        int
	redelivered int
	verdict     verdict
}

func (c *crash) String() string { return c.row + "/" + c.point.name + "/" + c.effect.name }

// round runs cases in their lanes, in phases that all share, for the clock is everybody's: everything crashes; what broke is healed and
// everything delivered again, twice and late; and what must hold is held.
type round struct {
	*town
	crashes []*crash
	// wiped empties all queues before healing, and delivers nothing by hand: only the sweep is left.
	wiped bool
	// held keeps the provider's receipts back until every case has recorded its doubt.
	held bool
	// night moves the clock to the next 3:30, when the day before is sealed.
	night bool
	dawn  time.Time
	// then, if set, is done when people have done what they do; late between the crashes and the healing.
	then func(ctx context.Context) error
	late func(ctx context.Context) error
}

// run brings every case to its verdict. An error is of the test, not of the product.
func (r *round) run(t *testing.T) error {
	for n, c := range r.crashes {
		if c.filed == nil {
			c.filed = &filed{lane: r.lanes[n%len(r.lanes)]}
		}
	}
	var took []time.Duration
	for _, phase := range []func(context.Context) error{r.prepare, r.strike, r.heal, r.repeat, r.judge} {
		began := time.Now()
		if err := phase(t.Context()); err != nil {
			return err
		}
		took = append(took, time.Since(began).Round(100*time.Millisecond))
	}
	t.Logf("%s and %d more: prepare, strike, heal, repeat, judge: %v", r.crashes[0], len(r.crashes)-1, took)
	return nil
}

// each does the same for every case, in all lanes at once.
func (r *round) each(do func(*crash) error) error {
	return r.town.each(func(l *lane) error {
		for _, c := range r.crashes {
			if c.lane != l {
				continue
			}
			if err := do(c); err != nil {
				return fmt.Errorf("%s: %w", c, err)
			}
		}
		return nil
	})
}

// prepare brings a case to each lane and arms its fault.
func (r *round) prepare(ctx context.Context) error {
	day, err := r.dusk(ctx)
	if err != nil {
		return err
	}
	err = r.each(func(c *crash) (err error) {
		if err = c.take(ctx); err != nil {
			return err
		}
		if c.day = day; c.before != nil {
			err = insist(ctx, func() error { return c.before(c.filed, ctx) })
		}
		return err
	})
	if err == nil && r.held {
		err = r.hold(ctx, true)
	}
	if err != nil {
		return err
	}
	return r.each(func(c *crash) (err error) {
		if c.call == nil {
			return nil
		}
		fault := c.call(c.filed)
		fault.When, fault.Effect, fault.Times = c.when, c.effect.effect, c.times
		c.fault, err = r.Arm(ctx, fault)
		return err
	})
}

// take brings the crash the case that it needs.
func (c *crash) take(ctx context.Context) error {
	f, err := c.bring(ctx, c.needs, c.what)
	if err == nil {
		c.filed = f
	}
	return err
}

// strike has people do what makes the writes happen, and waits until every fault has struck. What they are answered does not matter: they
// may see an error.
func (r *round) strike(ctx context.Context) error {
	if err := r.each(func(c *crash) error { _ = c.act(c.filed, ctx); return nil }); err != nil {
		return err
	}
	if err := r.sleep(ctx); err != nil {
		return err
	}
	if r.then != nil {
		if err := r.then(ctx); err != nil {
			return err
		}
	}
	if _, err := r.until(ctx, func() (bool, error) { return r.struck(ctx) }); err != nil {
		return err
	}
	err := r.each(func(c *crash) error {
		if c.meanwhile == nil {
			return nil
		}
		return c.meanwhile(c.filed, ctx)
	})
	if err == nil && r.late != nil {
		err = r.late(ctx)
	}
	return err
}

// struck reads how often the faults have struck, and tells whether all have.
func (r *round) struck(ctx context.Context) (bool, error) {
	hits, err := r.Hits(ctx)
	all := true
	for _, c := range r.crashes {
		c.hits = max(c.hits, hits[c.fault])
		all = all && (c.hits > 0 || c.fault == "")
	}
	return all, err
}

// late is after how long everything that was left over comes back by itself: the sweep, each queue's visibility, the doubt about a message.
const late = 33 * time.Minute

// heal ends the faults, delivers again what the tables promise, lets time pass, and has people ask again. Everything must settle.
func (r *round) heal(ctx context.Context) error {
	if _, err := r.struck(ctx); err != nil {
		return err
	}
	if err := r.Heal(ctx); err != nil {
		return err
	}
	again := func(c *crash) error {
		c.filed.handed = c.point.handed
		return c.deliver(ctx)
	}
	if r.wiped {
		again = func(*crash) error { return nil }
		if err := r.Wipe(ctx); err != nil {
			return err
		}
	}
	if err := r.each(again); err != nil {
		return err
	}
	if err := r.Advance(ctx, late); err != nil {
		return err
	}
	if r.held {
		if err := r.doubted(ctx); err != nil {
			return err
		}
	}
	return r.each(func(c *crash) error {
		if c.again != nil {
			c.verdict.err("asked again", insist(ctx, func() error { return c.again(c.filed, ctx) }))
		}
		c.verdict.err("I1", c.reach(ctx, c.ends, c.also))
		return nil
	})
}

// hold stops the provider's receipts, or lets them out.
func (r *round) hold(ctx context.Context, on bool) error {
	return r.World().Post(ctx, "/control/hold", map[string]any{"on": on}, nil)
}

// doubted waits until every case has a letter that was sent in doubt, and lets the receipts out.
func (r *round) doubted(ctx context.Context) error {
	err := r.each(func(c *crash) error {
		ok, err := c.until(ctx, func() (bool, error) {
			rows, err := c.items(ctx)
			return err == nil && rows.doubtful() > 0, err
		})
		c.verdict.hold(ok, "I3: no doubt is recorded")
		return err
	})
	return errors.Join(err, r.hold(ctx, false))
}

// deliver repeats the messages of the case.
func (c *crash) deliver(ctx context.Context) error {
	n, err := c.redeliver(ctx)
	c.redelivered += n
	return err
}

// repeat delivers everything again now that it is done, and waits until the queues are empty.
func (r *round) repeat(ctx context.Context) error {
	if err := r.each(func(c *crash) error { return c.deliver(ctx) }); err != nil {
		return err
	}
	return r.drained(ctx)
}

// judge checks every case and keeps it for the rounds to come.
func (r *round) judge(ctx context.Context) error {
	return r.each(func(c *crash) error {
		s, err := c.look(ctx)
		if err != nil {
			return err
		}
		c.verdict.hold(c.hits > 0 || c.fault == "", "the fault never struck")
		c.verdict = append(c.verdict, c.check(ctx, c.ends, s)...)
		if len(c.verdict) == 0 {
			c.ready[c.ends] = append(c.ready[c.ends], c.filed)
		}
		return nil
	})
}
