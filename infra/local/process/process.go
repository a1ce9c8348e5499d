// Package process starts the programs the local cloud is made of and makes
// sure that none outlives it: each has a process group of its own, which is
// ended with it, and on Linux the kernel kills them even when the supervisor
// itself is killed.
package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// Config describes a program to start.
type Config struct {
	Name string
	Path string
	Args []string
	Dir  string
	// Env is the whole environment: nothing is inherited.
	Env []string
	// Output receives what the program prints, a line or more at a time. Nil
	// throws it away.
	Output io.Writer
	// Stdout, if set, receives the standard output instead of Output.
	Stdout io.Writer
}

// Process is a program that was started.
type Process struct {
	Name string
	cmd  *exec.Cmd
	done chan struct{}
	err  error
}

// Start starts the program.
func Start(c Config) (*Process, error) {
	cmd := exec.Command(c.Path, c.Args...)
	cmd.Dir, cmd.Env = c.Dir, c.Env
	cmd.Stdout, cmd.Stderr = c.Output, c.Output
	if c.Stdout != nil {
		cmd.Stdout = c.Stdout
	}
	// A grandchild that keeps the pipes open must not keep Wait from returning.
	cmd.WaitDelay = time.Second
	if cmd.Env == nil {
		cmd.Env = []string{}
	}
	bind(cmd)
	if err := start(cmd); err != nil {
		return nil, fmt.Errorf("starting %s: %w", c.Name, err)
	}
	p := &Process{Name: c.Name, cmd: cmd, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		// What is left of the group goes with its leader.
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		close(p.done)
	}()
	return p, nil
}

// PID is the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err says how the program ended; it is valid once Done is closed.
func (p *Process) Err() error { return p.err }

// Kill ends the program and its group at once, without letting it clean up.
func (p *Process) Kill() {
	select {
	case <-p.done:
		// The id may belong to another program by now.
	default:
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	}
}

// Stop asks the program to end and kills it when ctx is over. It returns when
// the program is gone.
func (p *Process) Stop(ctx context.Context) {
	select {
	case <-p.done:
		return
	default:
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGTERM)
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		p.Kill()
		<-p.done
	}
}

// Run runs a program to its end and returns an error that names it if it fails.
func Run(ctx context.Context, c Config) error {
	p, err := Start(c)
	if err != nil {
		return err
	}
	select {
	case <-p.Done():
	case <-ctx.Done():
		p.Kill()
		<-p.Done()
		return ctx.Err()
	}
	if p.Err() != nil && !errors.Is(p.Err(), exec.ErrWaitDelay) {
		return fmt.Errorf("%s: %w", c.Name, p.Err())
	}
	return nil
}

// Environment is the supervisor's own environment with more variables. It is
// for tools (the Go compiler, npm, the operator), never for functions.
func Environment(more ...string) []string { return append(os.Environ(), more...) }
