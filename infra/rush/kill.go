package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"syscall"
	"time"
)

// kills counts what was killed.
type kills struct {
	sync.Mutex
	of   map[string]int // by function
	busy int            // while the function was at work
	all  int
}

// killing kills processes of functions until it is told to stop.
func (r *rush) killing(ctx context.Context) func() {
	r.kills.of = map[string]int{}
	if r.Every == 0 {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		random := rand.New(rand.NewPCG(r.Seed, 2))
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Duration(random.ExpFloat64() * float64(r.Every))):
			}
			if err := r.kill(ctx, random); err != nil && ctx.Err() == nil {
				fmt.Fprintln(os.Stderr, "rush: nothing killed:", err)
			}
		}
	}()
	return func() { cancel(); <-ended }
}

// kill kills a process with SIGKILL, as a crash would: every other time one of a function that is at work, for an idle one loses nothing.
func (r *rush) kill(ctx context.Context, random *rand.Rand) error {
	var status struct {
		Functions []struct {
			Name string
			PIDs []int
			Busy int
		}
	}
	if err := r.Controls().Get(ctx, "/status", &status); err != nil {
		return err
	}
	var running, working []process
	for _, f := range status.Functions {
		for _, pid := range f.PIDs {
			p := process{f.Name, pid, f.Busy > 0}
			running = append(running, p)
			if p.busy {
				working = append(working, p)
			}
		}
	}
	from := running
	if len(working) > 0 && random.IntN(2) == 0 {
		from = working
	}
	if len(from) == 0 {
		return nil
	}
	p := from[random.IntN(len(from))]
	switch err := syscall.Kill(p.pid, syscall.SIGKILL); {
	case errors.Is(err, syscall.ESRCH): // it ended by itself
		return nil
	case err != nil:
		return err
	}
	r.kills.Lock()
	defer r.kills.Unlock()
	r.kills.of[p.function]++
	r.kills.all++
	if p.busy {
		r.kills.busy++
	}
	return nil
}

// process is an instance of a function; busy tells whether the function is at work.
type process struct {
	function string
	pid      int
	busy     bool
}
