package schedule

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"sportello/infra/local/template"
)

// Clock is what schedules run by.
type Clock interface {
	Now() time.Time
	// Moved is closed when the clock jumps.
	Moved() <-chan struct{}
}

// Config is what a Scheduler needs.
type Config struct {
	Schedules []template.Schedule
	Clock     Clock
	// State is a file with the last firing of each schedule, so that one that
	// came due while the local cloud was off fires at the next start.
	State           string
	Region, Account string
	// Fire invokes the function asynchronously and must not block.
	Fire func(s template.Schedule, payload []byte)
	Log  *slog.Logger
}

// Scheduler fires schedules. A jump of the clock fires each schedule that came
// due in it once, in order of due time.
type Scheduler struct {
	config Config
	mu     sync.Mutex
	items  []*item
	last   map[string]time.Time
}

type item struct {
	schedule   template.Schedule
	expression Expression
	next       time.Time
}

// New parses the expressions.
func New(c Config) (*Scheduler, error) {
	s := &Scheduler{config: c, last: map[string]time.Time{}}
	if text, err := os.ReadFile(c.State); err == nil {
		if err := json.Unmarshal(text, &s.last); err != nil {
			return nil, fmt.Errorf("reading %s: %w", c.State, err)
		}
	}
	var problems []error
	now := c.Clock.Now()
	for _, one := range c.Schedules {
		e, err := Parse(one.Expression, one.Zone)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", one.Name, err))
			continue
		}
		s.items = append(s.items, &item{one, e, s.first(one.Name, e, now)})
	}
	return s, errors.Join(problems...)
}

// first is when a schedule is due after a start: as if the local cloud had
// been on all along, though never more than once for the time it was off. A
// rate that never fired does so at once, as one without a start date does in
// AWS (EventBridge Scheduler user guide, Schedule types).
func (s *Scheduler) first(name string, e Expression, now time.Time) time.Time {
	last, fired := s.last[name]
	if _, steady := e.(rate); steady && !fired {
		return now
	}
	if fired && !last.After(now) {
		return e.Next(last)
	}
	return e.Next(now)
}

// Names lists the schedules.
func (s *Scheduler) Names() []string {
	var out []string
	for _, i := range s.items {
		out = append(out, i.schedule.Name)
	}
	return out
}

// ErrUnknown is returned by Fire for a name that no schedule has.
var ErrUnknown = errors.New("there is no such schedule")

// Fire fires a schedule now, due or not. A name may be short of the function's:
// Sweep for DeadlinesFunctionSweep, when only one ends so.
func (s *Scheduler) Fire(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []*item
	for _, i := range s.items {
		if i.schedule.Name == name {
			found = []*item{i}
			break
		}
		if strings.HasSuffix(i.schedule.Name, name) {
			found = append(found, i)
		}
	}
	if len(found) != 1 {
		return fmt.Errorf("%w: %q (there are %s)", ErrUnknown, name, strings.Join(s.Names(), ", "))
	}
	s.fire(found[0], s.config.Clock.Now())
	return nil
}

// Run fires what is due until ctx is over.
func (s *Scheduler) Run(ctx context.Context) {
	for {
		moved := s.config.Clock.Moved()
		wait := s.due()
		select {
		case <-ctx.Done():
			return
		case <-moved:
		case <-time.After(wait):
		}
	}
}

// due fires what is due and says how long to wait for the next.
func (s *Scheduler) due() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.config.Clock.Now()
	var ready []*item
	wait := time.Minute
	for _, i := range s.items {
		if !i.schedule.Enabled || i.next.IsZero() {
			continue
		}
		// A clock that went back brings the next firing nearer.
		if sooner := i.expression.Next(now); i.next.After(now) && sooner.Before(i.next) {
			i.next = sooner
		}
		if i.next.After(now) {
			wait = min(wait, i.next.Sub(now))
			continue
		}
		ready = append(ready, i)
	}
	slices.SortStableFunc(ready, func(a, b *item) int { return a.next.Compare(b.next) })
	for _, i := range ready {
		scheduled := i.next
		i.next = i.expression.Next(now)
		s.last[i.schedule.Name] = now
		s.fire(i, scheduled)
		wait = min(wait, i.next.Sub(now))
	}
	if len(ready) > 0 {
		s.save()
	}
	return max(wait, time.Millisecond)
}

// save keeps the firings; one that is lost in a crash fires again, which a
// function must bear anyway.
func (s *Scheduler) save() {
	text, err := json.Marshal(s.last)
	if err == nil {
		err = os.WriteFile(s.config.State+".new", text, 0o600)
	}
	if err == nil {
		err = os.Rename(s.config.State+".new", s.config.State)
	}
	if err != nil {
		s.config.Log.Error("saving schedules", "error", err)
	}
}

func (s *Scheduler) fire(i *item, scheduled time.Time) {
	s.config.Fire(i.schedule, s.payload(i.schedule, scheduled))
}

// payload is the schedule's input with the scheduler's keywords replaced, or
// the event that EventBridge makes when there is no input.
func (s *Scheduler) payload(one template.Schedule, scheduled time.Time) []byte {
	id, at := rand.Text(), scheduled.UTC().Format(time.RFC3339)
	if one.Input != "" {
		return []byte(strings.NewReplacer(
			"<aws.scheduler.schedule-arn>", one.ARN, "<aws.scheduler.scheduled-time>", at,
			"<aws.scheduler.execution-id>", id, "<aws.scheduler.attempt-number>", "1",
		).Replace(one.Input))
	}
	text, err := json.Marshal(map[string]any{
		"version": "0", "id": id, "detail-type": "Scheduled Event", "source": "aws.scheduler",
		"account": s.config.Account, "time": at, "region": s.config.Region, "resources": []string{one.ARN}, "detail": "{}",
	})
	if err != nil {
		return []byte("{}")
	}
	return text
}
