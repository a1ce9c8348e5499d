// Package fault stands between the steps and everything they touch. Each effect of a step goes through an Injector, which may kill the
// process before or after it, answer that its outcome is unknown, fail it, or let somebody else run in its middle; and which counts what it
// did, so that no pair of step and effect is left untried.
package fault

import (
	"errors"
	"fmt"
	"math/rand/v2"
)

// Crash is what a killed process panics with. Only the scheduler catches it.
type Crash struct {
	Step, Effect string
	After        bool
}

func (c Crash) String() string {
	when := "before"
	if c.After {
		when = "after"
	}
	return fmt.Sprintf("killed in %s %s %s", c.Step, when, c.Effect)
}

// ErrInjected is every ordinary error made here.
var ErrInjected = errors.New("simulated failure")

// Rates are probabilities of one effect.
type Rates struct {
	Crash   float64 // of a pair that was crashed often enough; others are crashed more
	Error   float64 // fails and was not done
	Unclear float64 // the caller does not learn whether it was done
	Meet    float64 // somebody else runs in the middle of the step
}

// Kind of an effect says how it can fail.
type Kind int

// The kinds.
const (
	Read  Kind = iota // nothing changes: it fails, or not
	Write             // may have been done although it failed
)

// Frame is a step at work.
type Frame struct {
	Step string
	// Part is the part of the step it is in, where one function does several things; part of the pair's name.
	Part string
	// Subject is the case it works on, if that is known.
	Subject string
	// Faulty is set once something was injected: an error of this step proves nothing any more.
	Faulty bool
	outer  string // the part it was in before it began to compare a book with its archive
	probed bool   // a book was looked for in the archive, and is not there
	// Meeting offers what may run in the middle of this step, such as the second delivery of the same messages.
	Meeting func()
}

// Injector decides at every effect. It is used by one goroutine.
type Injector struct {
	Random *rand.Rand
	Rates  Rates
	Off    bool // nothing fails
	Cover  *Coverage
	Count  map[string]int // what was injected, by name
	// Tick lets time pass at an effect.
	Tick func()
	// Meet runs somebody else in the middle of a step.
	Meet func(f *Frame)
	// Note is told of everything that happens, for the history.
	Note func(step, effect, outcome string)

	frames []*Frame
}

// Enter begins a step; the function returned ends it.
func (i *Injector) Enter(f *Frame) (leave func()) {
	i.frames = append(i.frames, f)
	depth := len(i.frames)
	return func() { i.frames = i.frames[:depth-1] }
}

// Depth is how many steps are at work, one inside the other.
func (i *Injector) Depth() int { return len(i.frames) }

// Frame is the step at work, nil outside of any.
func (i *Injector) Frame() *Frame {
	if len(i.frames) == 0 {
		return nil
	}
	return i.frames[len(i.frames)-1]
}

// Inside tells whether a step of that name is at work, at any depth.
func (i *Injector) Inside(step string) bool {
	for _, f := range i.frames {
		if f.Step == step {
			return true
		}
	}
	return false
}

func (f *Frame) name() string {
	if f.Part != "" {
		return f.Part
	}
	return f.Step
}

// Do runs an effect of the step at work. unclear is the error for an unknown outcome; nil: ErrInjected.
func (i *Injector) Do(effect string, kind Kind, unclear error, do func() error) error {
	f := i.Frame()
	if f == nil { // the checks look at the world without a step
		return do()
	}
	i.Tick()
	if i.Off {
		err := do()
		i.Note(f.name(), effect, outcome(err))
		return err
	}
	if i.Meet != nil && i.Random.Float64() < i.Rates.Meet {
		i.Meet(f)
	}
	pair := i.Cover.pair(f.name(), effect)
	pair.Seen++
	if i.crashes(i.Cover.wanted(f.name(), effect, pair.Before), pair.Seen) {
		pair.Before++
		i.crash(f, effect, false)
	}
	if i.Random.Float64() < i.Rates.Error {
		return i.fail(f, effect, "error", ErrInjected)
	}
	if unclear == nil {
		unclear = ErrInjected
	}
	if kind == Write && i.Random.Float64() < i.Rates.Unclear/2 {
		return i.fail(f, effect, "unclear, not done", unclear)
	}
	err := do()
	if err == nil {
		pair.Done++
	}
	if err == nil && i.crashes(i.Cover.wanted(f.name(), effect, pair.After), pair.Seen) {
		pair.After++
		i.crash(f, effect, true)
	}
	if err == nil && kind == Write && i.Random.Float64() < i.Rates.Unclear/2 {
		return i.fail(f, effect, "unclear, done", unclear)
	}
	i.Note(f.name(), effect, outcome(err))
	return err
}

// crashes decides whether to kill the process here: often where it was not done often enough, more so where the chances are few.
func (i *Injector) crashes(wanted bool, seen int) bool {
	p := i.Rates.Crash
	switch {
	case p == 0 || !wanted:
	case i.Cover.focus != nil:
		p = 0.5
	case seen < 80:
		p = 0.4
	case seen < 400:
		p = 0.15
	default:
		p = max(p, 0.05)
	}
	return i.Random.Float64() < p
}

func (i *Injector) crash(f *Frame, effect string, after bool) {
	f.Faulty = true
	c := Crash{f.name(), effect, after}
	i.Count["killed"]++
	i.Note(f.name(), effect, c.String())
	panic(c)
}

func (i *Injector) fail(f *Frame, effect, how string, err error) error {
	f.Faulty = true
	i.Count[how]++
	i.Note(f.name(), effect, how)
	return fmt.Errorf("%s: %w", effect, err)
}

func outcome(err error) string {
	if err == nil {
		return "ok"
	}
	return err.Error()
}
