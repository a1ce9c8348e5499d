// Package mailbox keeps certified mailboxes on disk: one folder per address, one .eml file per
// message, and an index that is only ever appended to.
package mailbox

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"sportello/infra/local/outside/state"
)

// Store is the set of mailboxes.
type Store struct {
	dir   string
	clock state.Clock

	mu    sync.Mutex
	boxes map[string]*Mailbox
}

// Open reads every mailbox in the folder.
func Open(dir string, clock state.Clock) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("opening mailboxes: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("opening mailboxes: %w", err)
	}
	s := &Store{dir: dir, clock: clock, boxes: map[string]*Mailbox{}}
	for _, e := range entries {
		address, ok := decodeFolder(e.Name())
		if !ok {
			continue
		}
		if _, err := s.Box(address); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Box returns the mailbox of an address, making an empty one if there is none.
func (s *Store) Box(address string) (*Mailbox, error) {
	address = Normal(address)
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.boxes[address]; m != nil {
		return m, nil
	}
	m, err := openMailbox(filepath.Join(s.dir, encodeFolder(address)), address, s.clock)
	if err != nil {
		return nil, err
	}
	s.boxes[address] = m
	return m, nil
}

// Addresses lists the addresses that have a mailbox, in order.
func (s *Store) Addresses() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]string, 0, len(s.boxes))
	for a := range s.boxes {
		out = append(out, a)
	}
	slices.Sort(out)
	return out
}

// Normal is an address in the one form used as a name: addresses of certified mail are compared
// without regard to case.
func Normal(address string) string { return strings.ToLower(strings.TrimSpace(address)) }

func encodeFolder(address string) string {
	odd := strings.IndexFunc(address, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune("@.-_+", r))
	}) >= 0
	if odd || address == "" || len(address) > 120 || strings.HasPrefix(address, ".") || strings.HasPrefix(address, "x-") {
		return "x-" + hex.EncodeToString([]byte(address))
	}
	return address
}

func decodeFolder(name string) (string, bool) {
	if h, coded := strings.CutPrefix(name, "x-"); coded {
		raw, err := hex.DecodeString(h)
		return string(raw), err == nil
	}
	return name, strings.Contains(name, "@")
}
