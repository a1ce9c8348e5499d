//go:build road

package crash

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sportello/infra/road"
	"sportello/shared/domain/application"
	"sportello/shared/domain/pec"
)

const (
	// hundred complaints are presented, abreast at a time; when middle of them have been answered, everything is killed.
	hundred = 100
	abreast = 8
	middle  = 60
)

// TestCrashHundredInFlight kills the whole local cloud (functions, emulators with all that was queued, outside world, supervisor) while a
// hundred complaints are on their way, and starts it again on what is on disk. Whoever got no answer asks again with the same key. All must end.
func TestCrashHundredInFlight(t *testing.T) {
	t.Parallel()
	w, err := found(t)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	if err := w.crowd(ctx); err != nil {
		t.Fatal(err)
	}
	cases, err := w.drafts(ctx)
	if err != nil {
		t.Fatal(err)
	}
	told, queued, err := w.rush(ctx, cases)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.rise(ctx); err != nil {
		t.Fatal(err)
	}
	// Before anybody asks again: the sweep has not come round since, and the queues are empty.
	atKill, err := w.toll(ctx, cases)
	if err != nil {
		t.Fatal(err)
	}
	say(t, "killed with %d of %d answered: %s", told, len(cases), atKill)
	say(t, "lost with the queues: %s", queued)
	if err := abreastOf(cases, func(f *filed) error { return insist(ctx, func() error { return f.submit(ctx) }) }); err != nil {
		t.Errorf("asked again: %v", err)
	}
	if err := w.Advance(ctx, late); err != nil {
		t.Fatal(err)
	}
	if err := w.settle(ctx); err != nil {
		t.Fatal(err)
	}
	if err := w.judge(ctx, cases); err != nil {
		t.Error(err)
	}
	if err := w.whole(ctx); err != nil {
		t.Error(err)
	}
	after, err := w.toll(ctx, cases)
	if err != nil {
		t.Fatal(err)
	}
	say(t, "what came of it: %s", after)
}

// crowd adds lanes, so that each chamber has three citizens: one of them without a certified address.
func (w *town) crowd(ctx context.Context) error {
	for _, l := range w.lanes {
		for _, who := range []citizen{
			{"luca", "cie", map[string]any{"domicile": "elected", "pec": "luca.marini@pec.example.it"}},
			{"sofia", "spid", map[string]any{"domicile": "portal"}},
		} {
			another := &lane{town: w, chamber: l.chamber, pec: l.pec, office: l.office, who: who, citizen: road.OpenBrowser(w.Cloud, l.chamber)}
			w.lanes = append(w.lanes, another)
			if err := another.enter(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// drafts has the citizens fill in their forms.
func (w *town) drafts(ctx context.Context) ([]*filed, error) {
	cases := make([]*filed, hundred)
	for n := range cases {
		cases[n] = &filed{lane: w.lanes[n%len(w.lanes)]}
	}
	err := abreastOf(cases, func(f *filed) error {
		return insist(ctx, func() error {
			fresh, err := f.draft(ctx, need{})
			if err == nil {
				*f = *fresh
			}
			return err
		})
	})
	for _, f := range cases {
		f.all = append(f.all, f)
	}
	return cases, err
}

// abreastOf does something for every case, a few at a time.
func abreastOf(cases []*filed, do func(*filed) error) error {
	next, ends := make(chan *filed), make(chan error, len(cases))
	for range abreast {
		go func() {
			for f := range next {
				err := do(f)
				if err != nil {
					err = fmt.Errorf("%s %s: %w", f.chamber, f.id, err)
				}
				ends <- err
			}
		}()
	}
	for _, f := range cases {
		next <- f
	}
	close(next)
	var all error
	for range cases {
		all = errors.Join(all, <-ends)
	}
	return all
}

// rush presents all cases and kills the cloud in the middle of it. It returns how many were answered, and what the queues held.
func (w *town) rush(ctx context.Context, cases []*filed) (int, string, error) {
	var told atomic.Int64
	enough, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		_ = abreastOf(cases, func(f *filed) error {
			if err := f.submit(ctx); err != nil {
				return err // it will ask again
			}
			if told.Add(1) == middle {
				close(enough)
			}
			return nil
		})
	}()
	select {
	case <-enough:
	case <-over:
		return 0, "", errors.New("too few were answered")
	}
	programs, err := w.programs(ctx)
	if err != nil {
		return 0, "", err
	}
	queues, err := w.Queues(ctx)
	if err != nil {
		return 0, "", err
	}
	w.Kill()
	<-over
	return int(told.Load()), inQueues(queues), gone(programs)
}

// inQueues says what the queues hold.
func inQueues(queues []road.Queue) string {
	var parts []string
	for _, q := range queues {
		if q.Visible+q.InFlight+q.Delayed > 0 {
			parts = append(parts, fmt.Sprintf("%s %d waiting and %d at work", q.ID, q.Visible+q.Delayed, q.InFlight))
		}
	}
	if parts == nil {
		return "nothing"
	}
	return strings.Join(parts, ", ")
}

// programs are the process ids of everything that runs.
func (w *town) programs(ctx context.Context) ([]int, error) {
	var status struct {
		Functions []struct{ PIDs []int }
		Programs  map[string]int
	}
	if err := w.Controls().Get(ctx, "/status", &status); err != nil {
		return nil, err
	}
	var pids []int
	for _, f := range status.Functions {
		pids = append(pids, f.PIDs...)
	}
	for _, pid := range status.Programs {
		pids = append(pids, pid)
	}
	if len(pids) < 5 {
		return nil, fmt.Errorf("only %d programs run", len(pids))
	}
	return pids, nil
}

// gone waits until none of the processes runs any more: what survived would go on with the data of the next.
func gone(pids []int) error {
	deadline := time.Now().Add(endless)
	for _, pid := range pids {
		for running(pid) {
			if time.Now().After(deadline) {
				return fmt.Errorf("process %d survived", pid)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	return nil
}

// running tells whether a process is there and not dead already.
func running(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(after, "Z")
}

// rise starts the cloud again on the same data; everybody finds it at its new address.
func (w *town) rise(ctx context.Context) error {
	if err := w.Again(ctx); err != nil {
		return err
	}
	if err := w.connect(ctx); err != nil {
		return err
	}
	keys, err := w.Keys()
	if err != nil {
		return err
	}
	for _, l := range w.lanes {
		l.citizen.Reopen(w.Cloud, l.chamber)
		l.office = road.OpenOffice(w.Cloud, keys[l.chamber], officer)
	}
	return nil
}

// toll is how far the cases have come, and what is promised.
type toll struct {
	states                             map[application.State]int
	numbered, unheard, sent, delivered int
	owed                               map[string]int
}

// toll counts.
func (w *town) toll(ctx context.Context, cases []*filed) (toll, error) {
	c := toll{states: map[application.State]int{}, owed: map[string]int{}}
	for _, f := range cases {
		rows, err := f.items(ctx)
		if err != nil {
			return c, err
		}
		c.states[rows.meta.State]++
		if rows.meta.Protocol != nil {
			c.numbered++
		}
		if f.told == nil && rows.meta.Submission != nil {
			c.unheard++
		}
		for _, m := range rows.mails {
			c.sent++
			if m.State == pec.StateDelivered {
				c.delivered++
			}
		}
	}
	left, err := w.promises(ctx)
	for _, r := range left {
		what, rest, _ := strings.Cut(r.PK, "#")
		if what == "PEND" {
			c.owed["pending"]++
			continue
		}
		kind, _, _ := strings.Cut(rest, "#")
		c.owed["owed "+kind]++
	}
	return c, err
}

func (c toll) String() string {
	var parts []string
	for state, n := range c.states {
		parts = append(parts, fmt.Sprintf("%d %s", n, state))
	}
	slices.Sort(parts)
	parts = append(parts, fmt.Sprintf("%d numbered", c.numbered), fmt.Sprintf("%d presented without having heard of it", c.unheard),
		fmt.Sprintf("%d letters, %d delivered", c.sent, c.delivered))
	var owed []string
	for what, n := range c.owed {
		owed = append(owed, fmt.Sprintf("%d %s", n, what))
	}
	slices.Sort(owed)
	if owed == nil {
		owed = []string{"nothing owed"}
	}
	return strings.Join(append(parts, owed...), ", ")
}

// settle waits until nothing is owed any more.
func (w *town) settle(ctx context.Context) error {
	var left []row
	ok, err := w.until(ctx, func() (done bool, err error) {
		left, err = w.promises(ctx)
		return err == nil && len(left) == 0, err
	})
	if err == nil && !ok {
		err = fmt.Errorf("I1: %d promises are left, such as %s", len(left), left[0].PK)
	}
	return err
}

// judge checks every case.
func (w *town) judge(ctx context.Context, cases []*filed) error {
	views := map[string]seen{}
	for _, l := range w.lanes {
		s, err := l.look(ctx)
		if err != nil {
			return err
		}
		views[l.chamber] = s
	}
	return abreastOf(cases, func(f *filed) error {
		if err := f.reach(ctx, registered, nil); err != nil {
			return err
		}
		if wrong := f.check(ctx, registered, views[f.chamber]); len(wrong) > 0 {
			text, err := json.Marshal(wrong)
			return errors.Join(errors.New(string(text)), err)
		}
		return nil
	})
}
