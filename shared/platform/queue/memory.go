package queue

import (
	"context"
	"sync"
)

// Memory is a queue in memory. Whoever runs the test or the simulation takes messages out and decides what is lost, doubled or
// delivered late.
type Memory struct {
	mu      sync.Mutex
	waiting []Message
}

var _ Sender = (*Memory)(nil)

// Send implements Sender.
func (m *Memory) Send(_ context.Context, messages ...Message) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.waiting = append(m.waiting, messages...)
	return nil
}

// Take empties the queue and returns what was in it, oldest first.
func (m *Memory) Take() []Message {
	m.mu.Lock()
	defer m.mu.Unlock()
	taken := m.waiting
	m.waiting = nil
	return taken
}
