package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sportello/shared/platform/ledger"
	"sportello/shared/platform/table"
)

const book = "milano#2026"

// open returns a new ledger with an empty book, on a table that the test may break.
func open(t *testing.T) (*ledger.Ledger, *flaky) {
	t.Helper()
	f := &flaky{Memory: table.NewMemory()}
	l := ledger.New(f)
	if err := l.Create(t.Context(), book); err != nil {
		t.Fatal(err)
	}
	return l, f
}

// flaky fails the next commit: before it happens, after it happened, or by letting somebody else write first.
type flaky struct {
	*table.Memory
	before, after error
	first         func()
}

func (f *flaky) Commit(ctx context.Context, changes ...table.Change) error {
	if f.first != nil {
		first := f.first
		f.first = nil
		first()
	}
	before, after := f.before, f.after
	f.before, f.after = nil, nil
	if before != nil {
		return before
	}
	if err := f.Memory.Commit(ctx, changes...); err != nil {
		return err
	}
	return after
}

func records(page string, events ...string) []ledger.Record {
	var rs []ledger.Record
	for _, e := range events {
		rs = append(rs, ledger.Record{Event: e, Page: page, Body: []byte(`{"what":"` + e + `"}`)})
	}
	return rs
}

// enter appends as the registration does: load, take out what is known, append.
func enter(t *testing.T, l *ledger.Ledger, page string, events ...string) []ledger.Entry {
	t.Helper()
	state, err := l.Load(t.Context(), book, events...)
	if err != nil {
		t.Fatal(err)
	}
	var fresh []string
	for _, e := range events {
		if _, known := state.Known[e]; !known {
			fresh = append(fresh, e)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	entries, err := l.Append(t.Context(), state, records(page, fresh...))
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// check re-verifies the whole book: numbers 1..n, the chain, one place per event, every block rebuilt.
func check(t *testing.T, l *ledger.Ledger, want int) {
	t.Helper()
	all, err := l.Entries(t.Context(), book, 1, 9999999, 10000)
	if err != nil {
		t.Fatal(err)
	}
	bySeq := map[uint64]ledger.Entry{}
	numbered := 0
	for _, e := range all {
		if _, twice := bySeq[e.Seq]; twice {
			t.Errorf("seq %d twice", e.Seq)
		}
		bySeq[e.Seq] = e
		if e.Annex == 0 {
			numbered++
			if e.Number != uint64(numbered) {
				t.Errorf("number %d at place %d", e.Number, numbered)
			}
		}
		found, ok, err := l.Find(t.Context(), e.Event)
		if err != nil || !ok || found != e {
			t.Errorf("event %s leads to %+v, %v, %v", e.Event, found, ok, err)
		}
		if _, err := l.Block(t.Context(), e); err != nil {
			t.Errorf("block of seq %d: %v", e.Seq, err)
		}
	}
	if numbered != want {
		t.Errorf("%d numbers, want %d", numbered, want)
	}
	prev := ledger.Genesis
	for seq := uint64(1); seq <= uint64(len(bySeq)); seq++ {
		e := bySeq[seq]
		if e.Prev != prev || e.Hash != ledger.Hash(e) {
			t.Errorf("chain broken at %d", seq)
		}
		prev = e.Hash
	}
}

func TestAppendGivesNumbersInOrder(t *testing.T) {
	l, _ := open(t)
	enter(t, l, "2026-11-22", "a", "b", "c")
	enter(t, l, "2026-11-23", "d")
	enter(t, l, "2026-11-22", "a", "e", "c") // a redelivery with one new event
	check(t, l, 5)
}

func TestLoadTellsNewFromLost(t *testing.T) {
	l := ledger.New(table.NewMemory())
	if _, err := l.Load(t.Context(), book); !errors.Is(err, ledger.ErrNoBook) {
		t.Fatalf("got %v", err)
	}
	if err := l.Create(t.Context(), book); err != nil {
		t.Fatal(err)
	}
	if err := l.Create(t.Context(), book); !errors.Is(err, table.ErrConflict) {
		t.Fatalf("creating twice: %v", err)
	}
}

// Each commit fails before, fails after persisting, or loses the race; then the same is delivered twice more.
func TestFaults(t *testing.T) {
	faults := map[string]func(f *flaky, rival func()){
		"fails before":           func(f *flaky, _ func()) { f.before = errors.New("network") },
		"unclear, not persisted": func(f *flaky, _ func()) { f.before = table.ErrUnclear },
		"unclear, persisted":     func(f *flaky, _ func()) { f.after = table.ErrUnclear },
		"a rival writes first":   func(f *flaky, rival func()) { f.first = rival },
	}
	for name, inject := range faults {
		t.Run(name, func(t *testing.T) {
			l, f := open(t)
			enter(t, l, "2026-11-22", "before")
			state, err := l.Load(t.Context(), book, "x", "y")
			if err != nil {
				t.Fatal(err)
			}
			inject(f, func() { enter(t, l, "2026-11-22", "y", "z") })
			if _, err := l.Append(t.Context(), state, records("2026-11-22", "x", "y")); err == nil {
				t.Fatal("the fault was not felt")
			}
			enter(t, l, "2026-11-22", "x", "y", "z")
			enter(t, l, "2026-11-22", "z", "y", "x")
			check(t, l, 4)
		})
	}
}

func TestAnnexHasNoNumber(t *testing.T) {
	l, _ := open(t)
	enter(t, l, "2026-11-22", "a", "b")
	for n, event := range []string{"annul-1", "annul-2"} {
		state, err := l.Load(t.Context(), book, event)
		if err != nil {
			t.Fatal(err)
		}
		entries, err := l.Append(t.Context(), state, []ledger.Record{{Event: event, Page: "2026-11-22", Body: []byte("{}"), About: 1}})
		if err != nil {
			t.Fatal(err)
		}
		if entries[0].Number != 1 || entries[0].Annex != n+1 {
			t.Errorf("annex at %d/%d", entries[0].Number, entries[0].Annex)
		}
	}
	enter(t, l, "2026-11-22", "c")
	check(t, l, 3)
	state, _ := l.Load(t.Context(), book)
	if _, err := l.Append(t.Context(), state, []ledger.Record{{Event: "no", Page: "2026-11-22", Body: []byte("{}"), About: 9}}); !errors.Is(err, ledger.ErrUnknownNumber) {
		t.Errorf("annex to a number never given: %v", err)
	}
}

func TestSealedPageTakesNoMore(t *testing.T) {
	l, _ := open(t)
	enter(t, l, "2026-11-21", "a", "b")
	enter(t, l, "2026-11-22", "c")
	state, _ := l.Load(t.Context(), book)
	if _, err := l.Seal(t.Context(), state, "2026-11-21", []byte("first words")); err != nil {
		t.Fatal(err)
	}
	again, err := l.Seal(t.Context(), state, "2026-11-21", []byte("other words"))
	if err != nil || string(again) != "first words" {
		t.Errorf("sealing again: %q, %v", again, err)
	}
	state, _ = l.Load(t.Context(), book)
	if _, err := l.Append(t.Context(), state, records("2026-11-21", "late")); !errors.Is(err, ledger.ErrSealed) {
		t.Errorf("entering on a sealed page: %v", err)
	}
	page, _ := l.Page(t.Context(), book, "2026-11-21")
	on, err := l.OnPage(t.Context(), book, page)
	if err != nil || len(on) != 2 || on[0].Event != "a" {
		t.Errorf("on the page: %+v, %v", on, err)
	}
}

// A table restored to an earlier moment takes the archived blocks in again, and ends as it was.
func TestRestoreRollsForward(t *testing.T) {
	l, _ := open(t)
	var blocks [][]byte
	for n := range 4 {
		entries := enter(t, l, "2026-11-22", fmt.Sprintf("a%d", n), fmt.Sprintf("b%d", n))
		data, err := ledger.Marshal(entries)
		if err != nil {
			t.Fatal(err)
		}
		blocks = append(blocks, data)
	}
	for lost := range 5 {
		restored := ledger.New(table.NewMemory())
		for round := range 2 { // the second round meets what is there already
			for n, data := range blocks {
				if round == 0 && n >= lost {
					break
				}
				block, err := ledger.Unmarshal(data)
				if err != nil {
					t.Fatal(err)
				}
				if err := restored.Restore(t.Context(), book, block); err != nil {
					t.Fatal(err)
				}
			}
		}
		check(t, restored, 8)
		want, _ := l.Load(t.Context(), book)
		got, _ := restored.Load(t.Context(), book)
		if diff := cmp.Diff(want.Head, got.Head); diff != "" {
			t.Errorf("head differs:\n%s", diff)
		}
	}
	other, _ := ledger.Unmarshal(blocks[2])
	fresh := ledger.New(table.NewMemory())
	if err := fresh.Restore(t.Context(), book, other); !errors.Is(err, ledger.ErrBroken) {
		t.Errorf("a block that does not follow: %v", err)
	}
}

func FuzzUnmarshal(f *testing.F) {
	e := ledger.Entry{Book: book, Seq: 1, Number: 1, Event: "a", Page: "2026-11-22", Body: "{}", Prev: ledger.Genesis, First: 1, Count: 1}
	e.Hash = ledger.Hash(e)
	seed, _ := ledger.Marshal([]ledger.Entry{e})
	f.Add(seed)
	f.Fuzz(func(t *testing.T, data []byte) {
		block, err := ledger.Unmarshal(data)
		if err != nil {
			return
		}
		again, err := ledger.Marshal(block)
		if err != nil {
			t.Fatal(err)
		}
		back, err := ledger.Unmarshal(again)
		if err != nil || !cmp.Equal(block, back) {
			t.Errorf("what parses must parse again: %v", err)
		}
	})
}
