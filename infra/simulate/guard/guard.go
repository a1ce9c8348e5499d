// Package guard takes one guard at a time out of the tables, to show that the simulation would notice: with the guard ignored, the ordinary
// workload must break the invariant that is predicted here.
package guard

import (
	"context"
	"encoding/json"
	"strings"

	"sportello/infra/simulate/audit"
	"sportello/infra/simulate/town"
	"sportello/shared/domain/application"
	"sportello/shared/platform/table"
)

// Guard is a condition that the steps rely on, and what breaks without it.
type Guard struct {
	Name     string
	Predicts audit.Invariant
	Because  string
	Quick    bool // breaks within a few days of any seed
	table    string
	blind    func(t table.Table) table.Table
}

// All returns the guards.
func All() []Guard {
	return []Guard{
		{"dedup key", audit.Register, "a redelivered event gets a second number", true, "register", func(t table.Table) table.Table {
			return blind{t, isDedup, func(keys []table.Key) bool { return strings.HasPrefix(keys[0].PK, "H#") }, ignore}
		}},
		{"head's version", audit.Register, "two writers build on the same head, and it falls behind the last record", false, "register",
			func(t table.Table) table.Table { return blind{t, isHead, never, ignore} }},
		{"outbox row", audit.Once, "a delivery that read the row before another paid it tells its effect a second time", false, "applications",
			func(t table.Table) table.Table { return blind{t, isOutbox, never, ignore} }},
		{"draft's version", audit.Safe, "a save that began before the submission puts the draft back over it", false, "applications",
			func(t table.Table) table.Table { return drafts{t} }},
		{"pending row", audit.Register, "a day's seal does not list what was presented and had no number", false, "applications",
			func(t table.Table) table.Table { return blind{t, isPending, never, drop} }},
	}
}

// Experiment is what became of a run without a guard.
type Experiment struct {
	Guard
	Seeds  int               // tried, the last one broke it
	Broken []audit.Violation // of the last seed
	Others []audit.Violation // the first of each seed that broke another invariant
}

// Run tries seeds until the predicted invariant breaks.
func (g Guard) Run(first uint64, most, days int) Experiment {
	e := Experiment{Guard: g}
	for n := range most {
		e.Seeds++
		w := town.New(town.Options{Seed: first + uint64(n), Days: days, Need: 1, Guard: func(name string, t table.Table) table.Table {
			if name == g.table {
				return g.blind(t)
			}
			return t
		}})
		e.Broken = w.Run().Violations
		for _, v := range e.Broken {
			if v.Invariant == g.Predicts {
				return e
			}
		}
		if len(e.Broken) > 0 {
			e.Others = append(e.Others, e.Broken[0])
		}
	}
	return e
}

// Holds tells whether the experiment went as predicted.
func (e Experiment) Holds() bool {
	for _, v := range e.Broken {
		if v.Invariant == e.Predicts {
			return true
		}
	}
	return false
}

func isDedup(key table.Key) bool   { return strings.HasPrefix(key.PK, "D#") }
func isHead(key table.Key) bool    { return strings.HasPrefix(key.PK, "H#") }
func isOutbox(key table.Key) bool  { return strings.HasPrefix(key.PK, "OUT#") }
func isPending(key table.Key) bool { return strings.HasPrefix(key.PK, "PEND#") }

func never([]table.Key) bool { return false }

// blind is a table that does not see some rows' conditions.
type blind struct {
	table.Table
	row   func(key table.Key) bool
	hides func(keys []table.Key) bool // whether such rows look absent in a read of these keys
	how   how
}

// how a change of such a row is treated.
type how int

const (
	ignore how = iota // as if the condition held
	drop              // as if it were not in the commit
)

// Get implements table.Table.
func (b blind) Get(ctx context.Context, keys ...table.Key) ([]table.Item, error) {
	items, err := b.Table.Get(ctx, keys...)
	if err != nil || !b.hides(keys) {
		return items, err
	}
	seen := append([]table.Item(nil), items...)
	for n, key := range keys {
		if b.row(key) {
			seen[n] = table.Item{Key: key}
		}
	}
	return seen, nil
}

// Commit implements table.Table.
func (b blind) Commit(ctx context.Context, changes ...table.Change) error {
	var kept []table.Change
	for _, c := range changes {
		if !b.row(c.Item.Key) {
			kept = append(kept, c)
			continue
		}
		if b.how == drop {
			continue
		}
		c, ok, err := unconditional(ctx, b.Table, c)
		if err != nil {
			return err
		}
		if ok {
			kept = append(kept, c)
		}
	}
	if len(kept) == 0 {
		return nil
	}
	return b.Table.Commit(ctx, kept...)
}

// unconditional returns the change as it would be without its condition; ok is false if nothing is left of it.
func unconditional(ctx context.Context, t table.Table, c table.Change) (table.Change, bool, error) {
	items, err := t.Get(ctx, c.Item.Key)
	if err != nil {
		return c, false, err
	}
	c.Item.Version = items[0].Version
	return c, c.Op == table.OpPut || c.Op == table.OpDelete && items[0].Exists(), nil
}

// drafts is a table that does not see the version of a case when a draft is written, or is written over.
type drafts struct{ table.Table }

// Commit implements table.Table.
func (d drafts) Commit(ctx context.Context, changes ...table.Change) error {
	kept := append([]table.Change(nil), changes...)
	for n, c := range changes {
		if c.Op != table.OpPut || c.Item.SK != "META" || c.Item.Version == 0 || !draft(c.Item) {
			continue
		}
		var err error
		if kept[n], _, err = unconditional(ctx, d.Table, c); err != nil {
			return err
		}
	}
	return d.Table.Commit(ctx, kept...)
}

func draft(item table.Item) bool {
	var a application.Application
	return json.Unmarshal(item.Body, &a) == nil && a.State == application.Draft
}
