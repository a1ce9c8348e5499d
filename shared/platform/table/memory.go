package table

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"sync"
)

// Memory is a Table in memory, for tests and the simulation. It keeps the contract to the letter, limits included.
type Memory struct {
	mu    sync.RWMutex
	items map[Key]Item
}

var _ Table = (*Memory)(nil)

// NewMemory returns an empty table.
func NewMemory() *Memory { return &Memory{items: map[Key]Item{}} }

// Get implements Table.
func (m *Memory) Get(_ context.Context, keys ...Key) ([]Item, error) {
	if len(keys) == 0 || len(keys) > MaxChanges {
		return nil, fmt.Errorf("%w: %d keys", ErrInvalid, len(keys))
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	items := make([]Item, len(keys))
	for n, key := range keys {
		if item, ok := m.items[key]; ok {
			items[n] = clone(item)
		} else {
			items[n] = Item{Key: key}
		}
	}
	return items, nil
}

// pageSize keeps pages small, so that tests meet cursors.
const pageSize = 50

// Query implements Table. The indexes of memory are always up to date; a wrapper makes them lag.
func (m *Memory) Query(_ context.Context, q Query) (Page, error) {
	if q.PK == "" {
		return Page{}, fmt.Errorf("%w: query without partition", ErrInvalid)
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	found := m.within(q)
	limit := q.Limit
	if limit <= 0 {
		limit = pageSize
	}
	page := Page{}
	for n, item := range found {
		if n == limit {
			last := page.Items[n-1]
			page.Next = &Cursor{Key: last.Key, Index: last.Index[q.Index]}
			break
		}
		page.Items = append(page.Items, clone(item))
	}
	return page, nil
}

// within returns the items of the query's range in its order, after its cursor.
func (m *Memory) within(q Query) []Item {
	var found []Item
	for _, item := range m.items {
		if place, ok := place(item, q.Index); ok && place.PK == q.PK && inRange(place.SK, q) && isAfter(item, q) {
			found = append(found, item)
		}
	}
	sort.Slice(found, func(a, b int) bool { return less(found[a], found[b], q.Index) != q.Descending })
	return found
}

func place(item Item, index Index) (Key, bool) {
	if index == "" {
		return item.Key, true
	}
	key, ok := item.Index[index]
	return key, ok
}

func inRange(sk string, q Query) bool {
	if q.Prefix != "" {
		return strings.HasPrefix(sk, q.Prefix)
	}
	return sk >= q.From && (q.To == "" || sk <= q.To)
}

func isAfter(item Item, q Query) bool {
	if q.After == nil {
		return true
	}
	last := Item{Key: q.After.Key}
	if q.Index != "" {
		last.Index = map[Index]Key{q.Index: q.After.Index}
	}
	if q.Descending {
		return less(item, last, q.Index)
	}
	return less(last, item, q.Index)
}

func less(a, b Item, index Index) bool {
	pa, _ := place(a, index)
	pb, _ := place(b, index)
	if pa.SK != pb.SK {
		return pa.SK < pb.SK
	}
	if a.PK != b.PK {
		return a.PK < b.PK
	}
	return a.SK < b.SK
}

// Commit implements Table.
func (m *Memory) Commit(_ context.Context, changes ...Change) error {
	if err := Validate(changes); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if failed := m.failed(changes); len(failed) > 0 {
		return &Conflict{Failed: failed}
	}
	for _, change := range changes {
		switch change.Op {
		case OpPut:
			item := clone(change.Item)
			item.Version++
			m.items[item.Key] = item
		case OpDelete:
			delete(m.items, change.Item.Key)
		}
	}
	return nil
}

func (m *Memory) failed(changes []Change) []int {
	var failed []int
	for n, change := range changes {
		if m.items[change.Item.Key].Version != change.Item.Version {
			failed = append(failed, n)
		}
	}
	return failed
}

// Validate refuses a Commit that no table could serve; every implementation calls it first.
func Validate(changes []Change) error {
	if len(changes) == 0 || len(changes) > MaxChanges {
		return fmt.Errorf("%w: %d changes", ErrInvalid, len(changes))
	}
	seen := make(map[Key]bool, len(changes))
	for _, change := range changes {
		key := change.Item.Key
		switch {
		case key.PK == "" || key.SK == "":
			return fmt.Errorf("%w: empty key", ErrInvalid)
		case seen[key]:
			return fmt.Errorf("%w: %s twice in one commit", ErrInvalid, key.SK)
		case change.Op == OpPut && len(change.Item.Body) == 0:
			return fmt.Errorf("%w: %s without body", ErrInvalid, key.SK)
		case change.Op == OpPut && len(key.PK)+len(key.SK)+len(change.Item.Body) > MaxItem:
			return fmt.Errorf("%w: %d bytes in one item", ErrInvalid, len(change.Item.Body))
		case change.Op == OpDelete && change.Item.Version == 0:
			return fmt.Errorf("%w: %s deleted without having been read", ErrInvalid, key.SK)
		}
		seen[key] = true
	}
	return nil
}

func clone(item Item) Item {
	item.Body = slices.Clone(item.Body)
	item.Index = maps.Clone(item.Index)
	return item
}

// Snapshot returns every item in the order of its key: what the checker of the invariants reads.
func (m *Memory) Snapshot() []Item {
	m.mu.RLock()
	defer m.mu.RUnlock()
	items := make([]Item, 0, len(m.items))
	for _, item := range m.items {
		items = append(items, clone(item))
	}
	sort.Slice(items, func(a, b int) bool { return less2(items[a].Key, items[b].Key) })
	return items
}

func less2(a, b Key) bool {
	if a.PK != b.PK {
		return a.PK < b.PK
	}
	return a.SK < b.SK
}
