// Package runtime runs functions as Lambda does: the very same binaries, which
// fetch their invocations from the Runtime API. A function has a pool of
// instances that are started when needed, kept warm, killed when they exceed
// their timeout and replaced when they crash.
package runtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Config describes one function.
type Config struct {
	// Name is the logical id, ARN what the function sees as its own.
	Name, ARN string
	// Binary is the bootstrap file; its folder is the working directory.
	Binary string
	// Timeout ends an invocation; InitTimeout ends a start.
	Timeout, InitTimeout time.Duration
	// Most is how many instances may run at once.
	Most int
	// Environment gives the variables of the instance in a slot. Slots are
	// numbered from 0; a slot holds one instance at a time. The Runtime API's
	// address is added to it.
	Environment func(slot int) ([]string, error)
	// Output receives what the function prints.
	Output io.Writer
}

// Result is what an invocation came to.
type Result struct {
	Payload []byte
	// Failed is set when the function answered with an error, crashed or ran
	// out of time; Payload is then Lambda's error document.
	Failed bool
}

// Failure is Lambda's error document.
type Failure struct {
	Type    string `json:"errorType"`
	Message string `json:"errorMessage"`
}

// ErrClosed is returned by Invoke once the pool is closed.
var ErrClosed = errors.New("the function's pool is closed")

// Pool runs one function.
type Pool struct {
	config      Config
	invocations atomic.Int64
	errors      atomic.Int64
	busy        atomic.Int64 // invocations that run or wait for an instance
	spent       atomic.Int64 // nanoseconds in invocations, starts included

	mu      sync.Mutex
	slots   []*slot
	idle    []*instance
	waiting []chan *instance
	free    []int // slots without an instance
	closed  bool
}

// New makes a pool; nothing is started until the first invocation.
func New(c Config) (*Pool, error) {
	if c.Name == "" || c.Binary == "" || c.Environment == nil {
		return nil, errors.New("a function needs a name, a binary and an environment")
	}
	if _, err := os.Stat(c.Binary); err != nil {
		return nil, fmt.Errorf("function %s is not built: %w", c.Name, err)
	}
	binary, err := filepath.Abs(c.Binary)
	if err != nil {
		return nil, err
	}
	c.Binary = binary
	if c.InitTimeout == 0 {
		// Lambda gives ten seconds, to a machine that does nothing else.
		c.InitTimeout = 30 * time.Second
	}
	c.Most = max(c.Most, 1)
	if c.Output == nil {
		c.Output = io.Discard
	}
	return &Pool{config: c}, nil
}

// Name is the function's logical id.
func (p *Pool) Name() string { return p.config.Name }

// Timeout is how long one invocation may take.
func (p *Pool) Timeout() time.Duration { return p.config.Timeout }

// Invoke runs the function once. It waits for an instance when all are busy,
// until ctx is over; once begun, an invocation goes on whatever becomes of ctx,
// as in Lambda. The error is for what the function has no part in.
func (p *Pool) Invoke(ctx context.Context, payload []byte) (Result, error) {
	p.busy.Add(1)
	defer p.busy.Add(-1)
	i, err := p.acquire(ctx)
	if err != nil {
		return Result{}, fmt.Errorf("invoking %s: %w", p.config.Name, err)
	}
	p.invocations.Add(1)
	began := time.Now()
	result, alive := i.invoke(payload)
	p.spent.Add(int64(time.Since(began)))
	if result.Failed {
		p.errors.Add(1)
	}
	if alive {
		p.release(i)
	} else {
		p.discard(i)
	}
	return result, nil
}

// acquire takes an idle instance, starts one, or waits.
func (p *Pool) acquire(ctx context.Context) (*instance, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, ErrClosed
	}
	for len(p.idle) > 0 {
		i := p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		if i.alive() {
			p.mu.Unlock()
			return i, nil
		}
		p.vacate(i)
	}
	if s, ok := p.vacant(); ok {
		i, err := p.start(s)
		p.mu.Unlock()
		if err != nil {
			// Whoever waits tries the slot in turn.
			p.wake(nil)
		}
		return i, err
	}
	turn := make(chan *instance, 1)
	p.waiting = append(p.waiting, turn)
	p.mu.Unlock()
	select {
	case i := <-turn:
		if i == nil {
			return p.acquire(ctx)
		}
		return i, nil
	case <-ctx.Done():
		p.mu.Lock()
		p.waiting = slices.DeleteFunc(p.waiting, func(c chan *instance) bool { return c == turn })
		p.mu.Unlock()
		select {
		case i := <-turn:
			// It was handed over in the meantime: pass it on.
			if i != nil {
				p.release(i)
			} else {
				p.wake(nil)
			}
		default:
		}
		return nil, ctx.Err()
	}
}

// vacant is a slot without an instance, made if there may be one more.
func (p *Pool) vacant() (int, bool) {
	if n := len(p.free); n > 0 {
		s := p.free[n-1]
		p.free = p.free[:n-1]
		return s, true
	}
	if len(p.slots) >= p.config.Most {
		return 0, false
	}
	p.slots = append(p.slots, nil)
	return len(p.slots) - 1, true
}

// start starts an instance in slot s. The caller holds the lock.
func (p *Pool) start(s int) (*instance, error) {
	if p.slots[s] == nil {
		made, err := newSlot(s)
		if err != nil {
			p.free = append(p.free, s)
			return nil, err
		}
		p.slots[s] = made
	}
	i, err := p.slots[s].start(p.config)
	if err != nil {
		p.free = append(p.free, s)
		return nil, err
	}
	return i, nil
}

func (p *Pool) release(i *instance) {
	p.mu.Lock()
	if p.closed || !i.alive() {
		p.mu.Unlock()
		p.discard(i)
		return
	}
	defer p.mu.Unlock()
	if len(p.waiting) > 0 {
		p.waiting[0] <- i
		p.waiting = p.waiting[1:]
		return
	}
	p.idle = append(p.idle, i)
}

// discard ends an instance and gives its slot to whoever waits.
func (p *Pool) discard(i *instance) {
	i.kill()
	<-i.process.Done()
	p.mu.Lock()
	p.vacate(i)
	p.mu.Unlock()
	p.wake(nil)
}

// vacate frees the slot of a dead instance. The caller holds the lock.
func (p *Pool) vacate(i *instance) {
	if p.slots[i.slot.number].clear(i) {
		p.free = append(p.free, i.slot.number)
	}
}

func (p *Pool) wake(i *instance) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting) > 0 {
		p.waiting[0] <- i
		p.waiting = p.waiting[1:]
	}
}

// Kill kills every instance with SIGKILL, busy or not, and returns how many
// when they are gone.
func (p *Pool) Kill() int {
	p.mu.Lock()
	slots := slices.Clone(p.slots)
	p.mu.Unlock()
	killed := 0
	for _, s := range slots {
		if s != nil && s.kill() {
			killed++
		}
	}
	return killed
}

// KillSlot kills the instance in one slot, and returns when it is gone.
func (p *Pool) KillSlot(number int) {
	p.mu.Lock()
	var s *slot
	if number < len(p.slots) {
		s = p.slots[number]
	}
	p.mu.Unlock()
	if s != nil {
		s.kill()
	}
}

// Close ends all instances; invocations that run are lost.
func (p *Pool) Close() {
	p.mu.Lock()
	p.closed = true
	slots, waiting := p.slots, p.waiting
	p.waiting = nil
	p.mu.Unlock()
	for _, turn := range waiting {
		turn <- nil
	}
	for _, s := range slots {
		if s != nil {
			s.close()
		}
	}
}

// Status is a pool's figures.
type Status struct {
	Name        string `json:"name"`
	PIDs        []int  `json:"pids"`
	Busy        int64  `json:"busy"` // that run or wait for an instance
	Invocations int64  `json:"invocations"`
	Errors      int64  `json:"errors"`
	// Millis is the time that invocations took, starts included, as Lambda bills it.
	Millis int64 `json:"millis"`
}

// Status returns the figures since the start.
func (p *Pool) Status() Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := Status{
		Name: p.config.Name, PIDs: []int{}, Busy: p.busy.Load(), Invocations: p.invocations.Load(), Errors: p.errors.Load(),
		Millis: time.Duration(p.spent.Load()).Milliseconds(),
	}
	for _, slot := range p.slots {
		if slot != nil {
			if pid := slot.pid(); pid != 0 {
				s.PIDs = append(s.PIDs, pid)
			}
		}
	}
	return s
}

func failed(kind, message string) Result {
	payload, err := json.Marshal(Failure{Type: kind, Message: message})
	if err != nil {
		payload = []byte(`{}`)
	}
	return Result{Payload: payload, Failed: true}
}
