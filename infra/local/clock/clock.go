// Package clock is the movable clock of the local cloud: real time plus an
// offset that is kept in a file, where the functions, the queues and the
// outside world read it too.
package clock

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Clock is safe for concurrent use.
type Clock struct {
	path   string
	mu     sync.Mutex
	offset time.Duration
	moved  chan struct{}
}

// Open reads the offset at path; no file means none.
func Open(path string) (*Clock, error) {
	c := &Clock{path: path, moved: make(chan struct{})}
	text, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return c, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading clock: %w", err)
	}
	ms, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("reading clock %s: %w", path, err)
	}
	c.offset = time.Duration(ms) * time.Millisecond
	return c, nil
}

// Path is the file with the offset in milliseconds.
func (c *Clock) Path() string { return c.path }

// Now is the moved time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.offset)
}

// Offset is how far the clock is from real time.
func (c *Clock) Offset() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.offset
}

// Moved returns a channel that is closed at the next change of the offset.
func (c *Clock) Moved() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.moved
}

// Set changes the offset. The file is replaced in one step: a reader sees the
// old value or the new one.
func (c *Clock) Set(offset time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.set(offset)
}

// Advance moves the clock by d.
func (c *Clock) Advance(d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.set(c.offset + d)
}

func (c *Clock) set(offset time.Duration) error {
	offset = offset.Truncate(time.Millisecond)
	temporary, err := os.CreateTemp(filepath.Dir(c.path), ".clock-*")
	if err != nil {
		return fmt.Errorf("moving clock: %w", err)
	}
	defer os.Remove(temporary.Name())
	_, err = fmt.Fprintf(temporary, "%d\n", offset.Milliseconds())
	if closing := temporary.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Chmod(temporary.Name(), 0o644)
	}
	if err == nil {
		err = os.Rename(temporary.Name(), c.path)
	}
	if err != nil {
		return fmt.Errorf("moving clock: %w", err)
	}
	c.offset = offset
	close(c.moved)
	c.moved = make(chan struct{})
	return nil
}
