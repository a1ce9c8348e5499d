package flowtest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"sportello/shared/platform/table"
)

// Fault is a way for a commit to go wrong.
type Fault int

// The four ways.
const (
	// Before: nothing was written, and the caller knows.
	Before Fault = iota + 1
	// Persisted: all was written, and the caller does not know.
	Persisted
	// Lost: nothing was written, and the caller does not know.
	Lost
	// Rival: somebody else wrote one of the rows a moment earlier, without changing what it says.
	Rival
)

// Faults are all of them.
var Faults = []Fault{Before, Persisted, Lost, Rival}

func (f Fault) String() string { return [...]string{"none", "before", "persisted", "lost", "rival"}[f] }

// ErrDown is what a table answers that fails before it writes.
var ErrDown = errors.New("flowtest: table out of service")

// Table is a table that fails at a commit of the test's choice. It counts commits from one.
type Table struct {
	*table.Memory
	Commits int
	at      int
	fault   Fault
	on      map[int]func() // by the number of the commit it precedes: for races that a test plays by hand
}

// NewTable returns an empty table.
func NewTable() *Table {
	return &Table{Memory: table.NewMemory(), on: map[int]func(){}}
}

// FailAt makes the n-th commit from the beginning fail.
func (t *Table) FailAt(n int, f Fault) { t.at, t.fault = n, f }

// FailNext makes the next commit fail.
func (t *Table) FailNext(f Fault) { t.FailAt(t.Commits+1, f) }

// Interfere runs do right before the next commit.
func (t *Table) Interfere(do func()) { t.on[t.Commits+1] = do }

// Commit implements table.Table.
func (t *Table) Commit(ctx context.Context, changes ...table.Change) error {
	t.Commits++
	n := t.Commits
	if do := t.on[n]; do != nil {
		delete(t.on, n)
		do()
	}
	if n != t.at {
		return t.Memory.Commit(ctx, changes...)
	}
	switch t.fault {
	case Before:
		return ErrDown
	case Persisted:
		if err := t.Memory.Commit(ctx, changes...); err != nil {
			return err
		}
		return fmt.Errorf("committing: %w", table.ErrUnclear)
	case Lost:
		return fmt.Errorf("committing: %w", table.ErrUnclear)
	case Rival:
		if !t.rival(ctx, changes) {
			return &table.Conflict{}
		}
	}
	return t.Memory.Commit(ctx, changes...)
}

// rival writes the first row that exists already once more; false if all are new.
func (t *Table) rival(ctx context.Context, changes []table.Change) bool {
	for _, c := range changes {
		if c.Item.Version == 0 {
			continue
		}
		items, err := t.Memory.Get(ctx, c.Item.Key)
		if err == nil && items[0].Exists() {
			return t.Memory.Commit(ctx, table.Put(items[0])) == nil
		}
	}
	return false
}

// EachFault lives a life once to count its commits, and then again and again, each time with one commit going wrong in one way. What must hold
// afterwards is live's to check.
func EachFault(t *testing.T, live func(t testing.TB, w *World)) {
	t.Helper()
	clean := New(t)
	live(t, clean)
	for name, pick := range map[string]func(*World) *Table{
		"applications": func(w *World) *Table { return w.Applications },
		"register":     func(w *World) *Table { return w.Register },
	} {
		for n := 1; n <= pick(clean).Commits; n++ {
			for _, f := range Faults {
				t.Run(fmt.Sprintf("%s %d %s", name, n, f), func(t *testing.T) {
					w := New(t)
					pick(w).FailAt(n, f)
					live(t, w)
				})
			}
		}
	}
}
