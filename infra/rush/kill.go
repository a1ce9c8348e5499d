package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"
)

// kills counts what was killed.
type kills struct {
	sync.Mutex
	of   map[string]int  // by function
	ran  map[string]bool // that had a process when something was to be killed
	busy int             // while the function was at work
	all  int
}

// killing kills processes of functions until it is told to stop.
func (r *rush) killing(ctx context.Context) func() {
	r.kills.of, r.kills.ran = map[string]int{}, map[string]bool{}
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

// kill kills a process with SIGKILL, as a crash would: every other time one of a function that is at work, for an idle one loses nothing. The
// function is drawn before its process: one that runs alone is struck as often as one that runs eight times.
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
	var running []function
	for _, f := range status.Functions {
		if len(f.PIDs) > 0 {
			running = append(running, function{f.Name, f.PIDs, f.Busy > 0})
		}
	}
	if len(running) == 0 {
		return nil
	}
	f := draw(running, random)
	switch err := syscall.Kill(f.pids[random.IntN(len(f.pids))], syscall.SIGKILL); {
	case errors.Is(err, syscall.ESRCH): // it ended by itself
		return nil
	case err != nil:
		return err
	}
	r.kills.Lock()
	defer r.kills.Unlock()
	for _, one := range running {
		r.kills.ran[one.name] = true
	}
	r.kills.of[f.name]++
	r.kills.all++
	if f.busy {
		r.kills.busy++
	}
	return nil
}

// function is one that has processes; busy tells whether one of them is at work.
type function struct {
	name string
	pids []int
	busy bool
}

// draw draws a function, every other time of those at work if there are any.
func draw(running []function, random *rand.Rand) function {
	from := running
	if random.IntN(2) == 0 {
		working := slices.DeleteFunc(slices.Clone(running), func(f function) bool { return !f.busy })
		if len(working) > 0 {
			from = working
		}
	}
	return from[random.IntN(len(from))]
}
