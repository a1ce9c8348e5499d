//go:build road

package crash

import (
	"context"
	"errors"
	"strings"

	"sportello/shared/platform/queue"
)

// ahead is a version that no code here knows.
const ahead = 99

// newer tells whether a message is of newer code.
func newer(body []byte) bool {
	_, err := queue.Parse(body)
	return errors.Is(err, queue.ErrNewerVersion)
}

// rolledBack has each queue deliver an envelope of newer code, each in a lane of its own. It must be tried again and never dropped, end as a
// dead letter, and hold nobody up for good.
func (w *town) rolledBack() *round {
	kinds := []struct{ kind, queue string }{
		{"REG", "RegistrationQueue"}, {"APP", "RegisteredQueue"}, {"PEC", "PecQueue"}, {"RCP", "PreservationQueue"},
	}
	r, had := &round{town: w}, make([]int, len(kinds))
	for n, k := range kinds {
		r.crashes = append(r.crashes, &crash{effect: effect{name: "envelope of a newer version"}, point: point{
			row: "roll back with new messages in flight", name: k.queue, needs: drafted, ends: registered, again: (*filed).submit,
			before: func(_ *filed, ctx context.Context) error {
				held, err := w.count(ctx)
				had[n] = held[grave(k.queue)]
				return err
			},
			act: func(f *filed, ctx context.Context) error {
				e := f.registration()
				e.Version, e.Kind = ahead, k.kind
				return w.post(ctx, f.chamber, e)
			},
		}})
	}
	r.late = func(ctx context.Context) error { return r.buried(ctx, had) }
	return r
}

// grave is the queue of a queue's dead letters.
func grave(id string) string { return strings.TrimSuffix(id, "Queue") + "DeadLetterQueue" }

// count returns how many messages each queue holds.
func (w *town) count(ctx context.Context) (map[string]int, error) {
	queues, err := w.Queues(ctx)
	held := map[string]int{}
	for _, q := range queues {
		held[q.ID] = q.Visible + q.InFlight + q.Delayed
	}
	return held, err
}

// deaths is more often than any message is received before it is a dead letter.
const deaths = 20

// buried lets time pass until every message is one more among the dead letters than there were. Until then it must be on its queue.
func (r *round) buried(ctx context.Context, had []int) error {
	for range deaths {
		if err := r.rest(ctx); err != nil {
			return err
		}
		held, err := r.count(ctx)
		if err != nil {
			return err
		}
		left := 0
		for n, c := range r.crashes {
			if held[grave(c.point.name)] > had[n] {
				continue
			}
			left++
			if held[c.point.name] == 0 {
				c.verdict.hold(false, "it was dropped")
			}
		}
		if left == 0 {
			return nil
		}
		if err := r.Advance(ctx, late); err != nil {
			return err
		}
	}
	for n, c := range r.crashes {
		held, err := r.count(ctx)
		if err != nil {
			return err
		}
		c.verdict.hold(held[grave(c.point.name)] > had[n], "it is tried for ever")
	}
	return nil
}
