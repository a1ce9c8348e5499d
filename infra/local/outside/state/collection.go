// Package state keeps the outside world's memory on disk, so that a killed process loses nothing
// that it acknowledged.
package state

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
)

// Collection is a set of records by id: one JSON file each, all of them also in memory.
//
// Put returns after the file and its folder are fsynced. A crash in between leaves either the old
// record or the new one, never half of one; a leftover *.tmp file is removed at the next opening.
// Values are handed out and taken in by copy through JSON, so callers may change what they got.
type Collection[T any] struct {
	dir string

	mu      sync.Mutex
	records map[string]json.RawMessage
}

// OpenCollection opens the folder, making it if it is not there, and reads every record.
func OpenCollection[T any](dir string) (*Collection[T], error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("opening collection: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("opening collection: %w", err)
	}
	c := &Collection[T]{dir: dir, records: map[string]json.RawMessage{}}
	for _, e := range entries {
		if err := c.load(e.Name()); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *Collection[T]) load(name string) error {
	path := filepath.Join(c.dir, name)
	if strings.HasSuffix(name, ".tmp") {
		return os.Remove(path)
	}
	id, ok := decodeName(name)
	if !ok {
		return nil
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading record: %w", err)
	}
	var probe T
	if err := json.Unmarshal(raw, &probe); err != nil {
		return fmt.Errorf("reading record %s: %w", path, err)
	}
	c.records[id] = raw
	return nil
}

// Get returns the record with that id.
func (c *Collection[T]) Get(id string) (T, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.get(id)
}

func (c *Collection[T]) get(id string) (T, bool) {
	var v T
	raw, ok := c.records[id]
	if !ok {
		return v, false
	}
	// What is in memory went through Marshal or was probed at load: it parses.
	_ = json.Unmarshal(raw, &v)
	return v, true
}

// Put writes the record durably, replacing one with the same id.
func (c *Collection[T]) Put(id string, v T) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.put(id, v)
}

func (c *Collection[T]) put(id string, v T) error {
	raw, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding record: %w", err)
	}
	if err := WriteFile(filepath.Join(c.dir, encodeName(id)), raw, 0o600); err != nil {
		return err
	}
	c.records[id] = raw
	return nil
}

// ErrSkip, returned by an Update's function, leaves the record as it is; Update returns nil.
var ErrSkip = errors.New("state: record left as it is")

// Update changes one record under the collection's lock. f gets the zero value and false when
// there is no such record. An error of f (ErrSkip apart) is returned and nothing is written.
func (c *Collection[T]) Update(id string, f func(v *T, found bool) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, found := c.get(id)
	if err := f(&v, found); errors.Is(err, ErrSkip) {
		return nil
	} else if err != nil {
		return err
	}
	return c.put(id, v)
}

// Take returns the record and deletes it: of two callers only one gets it.
func (c *Collection[T]) Take(id string) (T, bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, ok := c.get(id)
	if !ok {
		return v, false, nil
	}
	return v, true, c.delete(id)
}

// Delete removes the record, if there is one.
func (c *Collection[T]) Delete(id string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.delete(id)
}

func (c *Collection[T]) delete(id string) error {
	err := os.Remove(filepath.Join(c.dir, encodeName(id)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("deleting record: %w", err)
	}
	delete(c.records, id)
	return syncDir(c.dir)
}

// All returns every record, ordered by id.
func (c *Collection[T]) All() []T {
	c.mu.Lock()
	defer c.mu.Unlock()
	ids := make([]string, 0, len(c.records))
	for id := range c.records {
		ids = append(ids, id)
	}
	sort.Strings(ids)
	out := make([]T, 0, len(ids))
	for _, id := range ids {
		v, _ := c.get(id)
		out = append(out, v)
	}
	return out
}

// encodeName turns an id into a file name that no id can escape from: plain ids stay readable,
// any other becomes hexadecimal.
func encodeName(id string) string {
	plain := id != "" && len(id) <= 120 && !strings.HasPrefix(id, "x-") && strings.IndexFunc(id, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-')
	}) < 0
	if plain {
		return id + ".json"
	}
	return "x-" + hex.EncodeToString([]byte(id)) + ".json"
}

func decodeName(name string) (string, bool) {
	id, ok := strings.CutSuffix(name, ".json")
	if !ok {
		return "", false
	}
	if h, coded := strings.CutPrefix(id, "x-"); coded {
		raw, err := hex.DecodeString(h)
		return string(raw), err == nil
	}
	return id, true
}

// DeleteFunc removes the records f holds for. A record that cannot be removed stays, and is tried
// again by the next call.
func (c *Collection[T]) DeleteFunc(f func(T) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id := range c.records {
		if v, _ := c.get(id); f(v) {
			_ = c.delete(id)
		}
	}
}
