// Package store is the simulated cloud's memory: a table whose indexes lag and which can be restored to an earlier moment, a write-once
// archive, and queues that lose, double, delay and reorder. Nothing here fails by itself: faults are put in front (package fault).
package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"sync"

	"sportello/shared/domain/layout"
	"sportello/shared/platform/table"
)

// Table is a table.Table in memory, sorted by partition so that a year fits into seconds. Items are shared between the table and its
// readers: no step changes a body in place.
type Table struct {
	mu      sync.Mutex
	parts   map[string]*partition
	indexes map[table.Index]map[string]*partition
	shown   map[table.Key]table.Item // what the indexes show of each item, at the moment
	unseen  []table.Item             // writes that the indexes do not show yet, oldest first

	// Lag returns how many of the newest writes an index query may miss; nil: none.
	Lag func(waiting int) int
	// Watch is told of every commit that went through, before the one who made it.
	Watch func(changes []Applied)
}

// Applied is one change of a commit that went through.
type Applied struct {
	Before table.Item // Version 0: was absent
	After  table.Item // Version 0: is gone
}

// Key is the item's key.
func (a Applied) Key() table.Key {
	if a.After.Exists() {
		return a.After.Key
	}
	return a.Before.Key
}

var _ table.Table = (*Table)(nil)

// NewTable returns an empty table.
func NewTable() *Table {
	t := &Table{parts: map[string]*partition{}, indexes: map[table.Index]map[string]*partition{}, shown: map[table.Key]table.Item{}}
	for _, index := range []table.Index{layout.ByState, layout.ByOfficer, layout.ByDue, layout.Timers} {
		t.indexes[index] = map[string]*partition{}
	}
	return t
}

// partition keeps items in the order of place, then key.
type partition struct{ rows []row }

type row struct {
	place string // sort key in the table or in the index
	item  table.Item
}

func (p *partition) find(place string, key table.Key) (int, bool) {
	n := sort.Search(len(p.rows), func(n int) bool { return !before(p.rows[n], place, key) })
	return n, n < len(p.rows) && p.rows[n].place == place && p.rows[n].item.Key == key
}

// before tells whether a row stands before a place.
func before(r row, place string, key table.Key) bool {
	if r.place != place {
		return r.place < place
	}
	if r.item.PK != key.PK {
		return r.item.PK < key.PK
	}
	return r.item.SK < key.SK
}

func (p *partition) put(place string, item table.Item) {
	n, there := p.find(place, item.Key)
	if there {
		p.rows[n].item = item
		return
	}
	p.rows = slices.Insert(p.rows, n, row{place, item})
}

func (p *partition) drop(place string, key table.Key) {
	if n, there := p.find(place, key); there {
		p.rows = slices.Delete(p.rows, n, n+1)
	}
}

func (t *Table) get(key table.Key) table.Item {
	if p, ok := t.parts[key.PK]; ok {
		if n, there := p.find(key.SK, key); there {
			return p.rows[n].item
		}
	}
	return table.Item{Key: key}
}

// Peek returns an item as it is, without a fault in front; for the checks.
func (t *Table) Peek(key table.Key) table.Item { return t.get(key) }

// Get implements table.Table.
func (t *Table) Get(_ context.Context, keys ...table.Key) ([]table.Item, error) {
	if len(keys) == 0 || len(keys) > table.MaxChanges {
		return nil, fmt.Errorf("%w: %d keys", table.ErrInvalid, len(keys))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	items := make([]table.Item, len(keys))
	for n, key := range keys {
		items[n] = t.get(key)
	}
	return items, nil
}

// pageSize keeps pages small, so that the steps meet cursors.
const pageSize = 50

// Query implements table.Table.
func (t *Table) Query(_ context.Context, q table.Query) (table.Page, error) {
	if q.PK == "" {
		return table.Page{}, fmt.Errorf("%w: query without partition", table.ErrInvalid)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	parts := t.parts
	if q.Index != "" {
		t.show()
		parts = t.indexes[q.Index]
	}
	p, ok := parts[q.PK]
	if !ok {
		return table.Page{}, nil
	}
	return p.query(q), nil
}

func (p *partition) query(q table.Query) table.Page {
	low, high := p.bounds(q)
	limit := q.Limit
	if limit <= 0 {
		limit = pageSize
	}
	page := table.Page{}
	for n := range high - low {
		at := low + n
		if q.Descending {
			at = high - 1 - n
		}
		if n == limit {
			last := page.Items[n-1]
			page.Next = &table.Cursor{Key: last.Key, Index: last.Index[q.Index]}
			break
		}
		page.Items = append(page.Items, p.rows[at].item)
	}
	return page
}

// bounds returns the half-open range of rows that the query asks for.
func (p *partition) bounds(q table.Query) (low, high int) {
	from, to := q.From, q.To
	if q.Prefix != "" {
		from, to = q.Prefix, ""
	}
	low = sort.Search(len(p.rows), func(n int) bool { return p.rows[n].place >= from })
	high = len(p.rows)
	switch {
	case q.Prefix != "":
		high = sort.Search(len(p.rows), func(n int) bool {
			return p.rows[n].place >= from && !strings.HasPrefix(p.rows[n].place, q.Prefix)
		})
	case to != "":
		high = sort.Search(len(p.rows), func(n int) bool { return p.rows[n].place > to })
	}
	if q.After != nil {
		place := q.After.Key.SK
		if q.Index != "" {
			place = q.After.Index.SK
		}
		n, there := p.find(place, q.After.Key)
		if q.Descending {
			high = min(high, n)
		} else {
			if there {
				n++
			}
			low = max(low, n)
		}
	}
	return low, max(low, high)
}

// Commit implements table.Table.
func (t *Table) Commit(_ context.Context, changes ...table.Change) error {
	if err := table.Validate(changes); err != nil {
		return err
	}
	applied, err := t.apply(changes)
	if err == nil && t.Watch != nil {
		t.Watch(applied)
	}
	return err
}

func (t *Table) apply(changes []table.Change) ([]Applied, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var failed []int
	for n, change := range changes {
		if t.get(change.Item.Key).Version != change.Item.Version {
			failed = append(failed, n)
		}
	}
	if failed != nil {
		return nil, &table.Conflict{Failed: failed}
	}
	var applied []Applied
	for _, change := range changes {
		item := change.Item
		switch change.Op {
		case table.OpPut:
			item.Body, item.Index = slices.Clone(item.Body), maps.Clone(item.Index)
			item.Version++
		case table.OpDelete:
			item = table.Item{Key: item.Key}
		default:
			continue
		}
		applied = append(applied, Applied{t.get(item.Key), item})
		t.write(item)
	}
	return applied, nil
}

func (t *Table) write(item table.Item) {
	p := t.parts[item.PK]
	if p == nil {
		p = &partition{}
		t.parts[item.PK] = p
	}
	if item.Exists() {
		p.put(item.SK, item)
	} else {
		p.drop(item.SK, item.Key)
	}
	if len(item.Index) > 0 || len(t.shown[item.Key].Index) > 0 || len(t.unseen) > 0 {
		t.unseen = append(t.unseen, item)
	}
}

// show brings the indexes up to date, but for the newest writes that lag.
func (t *Table) show() {
	keep := 0
	if t.Lag != nil && len(t.unseen) > 0 {
		keep = t.Lag(len(t.unseen))
	}
	upto := max(0, len(t.unseen)-keep)
	for _, item := range t.unseen[:upto] {
		old := t.shown[item.Key]
		for index, place := range old.Index {
			t.indexes[index][place.PK].drop(place.SK, item.Key)
		}
		if len(item.Index) == 0 {
			delete(t.shown, item.Key)
			continue
		}
		t.shown[item.Key] = item
		for index, place := range item.Index {
			p := t.indexes[index][place.PK]
			if p == nil {
				p = &partition{}
				t.indexes[index][place.PK] = p
			}
			p.put(place.SK, item)
		}
	}
	t.unseen = slices.Delete(t.unseen, 0, upto)
}

// Earliest returns the first place of an index partition as it truly is, for whoever decides when the next sweep is worth its while.
func (t *Table) Earliest(index table.Index, pk string) (string, bool) {
	lag := t.Lag
	t.Lag = nil
	t.show()
	t.Lag = lag
	p := t.indexes[index][pk]
	if p == nil || len(p.rows) == 0 {
		return "", false
	}
	return p.rows[0].place, true
}

// Snapshot is a table at a moment.
type Snapshot map[string][]row

// Snapshot returns the table as it is.
func (t *Table) Snapshot() Snapshot {
	s := Snapshot{}
	for pk, p := range t.parts {
		s[pk] = slices.Clone(p.rows)
	}
	return s
}

// Restore makes the table what it was. Its indexes, if it has any, are not restored: the register's table has none.
func (t *Table) Restore(s Snapshot) {
	t.parts = map[string]*partition{}
	for pk, rows := range s {
		t.parts[pk] = &partition{slices.Clone(rows)}
	}
}

// Items calls yield for every item, in the order of the keys.
func (t *Table) Items(yield func(table.Item)) {
	for _, pk := range slices.Sorted(maps.Keys(t.parts)) {
		for _, r := range t.parts[pk].rows {
			yield(r.item)
		}
	}
}
