// Package ledger gives numbers without gaps and chains what it numbers, on one table. It knows no law: a Book is a
// name, a Record some bytes with the event they come from, a page a label that can be sealed.
//
// One head row per book is the only thing that writers compete for. Append swaps it, puts the entries and one
// deduplication row per event in a single Commit, so whatever is killed a number is never given twice nor skipped:
//
//	Load    reads the head and what became of the events, consistently
//	Append  commits a block against that very head; ErrConflict and ErrUnclear both mean: Load again
//	Seal    closes a page against the head; a sealed page takes no more entries
//
// The chain runs over seq, which counts every record; number counts only numbered ones (an annex has none).
package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"sportello/shared/domain/layout"
	"sportello/shared/platform/table"
)

// schema is the format number of the rows written here.
const schema = 1

var (
	// ErrNoBook is returned by Load for a book without a head. The caller must find out whether the book is new (Create) or was
	// lost (Restore): creating and loading are different verbs, so that a lost table is never silently restarted at one.
	ErrNoBook = errors.New("ledger: book has no head")
	// ErrSealed is returned by Append for a record of a sealed page, before anything is written.
	ErrSealed = errors.New("ledger: page is sealed")
	// ErrUnknownNumber is returned when an annex names a number that the book has not given.
	ErrUnknownNumber = errors.New("ledger: no such number")
	// ErrBroken is returned when rows contradict each other: a bug or a tampered table. Nothing may be written.
	ErrBroken = errors.New("ledger: book is broken")
)

// Ledger keeps books on a table. It has no state of its own.
type Ledger struct{ table table.Table }

// New returns the ledger kept on t, which must be strongly consistent and written by nobody else.
func New(t table.Table) *Ledger { return &Ledger{table: t} }

// Record is what is to be entered.
type Record struct {
	Event string // unique: the same event never gets a second place
	Page  string // the page it is entered on, compared as text with the sealed one
	Body  []byte // kept and hashed byte for byte
	// About makes the record an annex to that number, without a number of its own. Zero: a numbered record.
	About uint64
}

// Entry is a record in its place.
type Entry struct {
	Book   string `json:"book"`
	Seq    uint64 `json:"seq"`             // 1, 2, 3… over all records of the book
	Number uint64 `json:"number"`          // 1, 2, 3… over numbered records; of an annex, the number it is about
	Annex  int    `json:"annex,omitempty"` // 1, 2… for the annexes of a number
	Event  string `json:"event"`
	Page   string `json:"page"`
	Body   string `json:"body"`
	Prev   string `json:"prev"` // hash of the record before, hex; of the first, 64 zeros
	Hash   string `json:"hash"`
	// First and Count tell the block it was committed with: any redelivery rebuilds the same archived bytes.
	First uint64 `json:"first"`
	Count int    `json:"count"`
}

// Head tells how far a book has come. It is the row that is swapped.
type Head struct {
	Number        uint64 `json:"number"`
	Seq           uint64 `json:"seq"`
	Hash          string `json:"hash"`
	SealedThrough string `json:"sealedThrough,omitempty"`
	From          string `json:"from,omitempty"` // the first page that anything was entered on; empty while nothing was
	Last          *place `json:"last,omitempty"` // where the record at the head is; nil while there is none
}

// place is the deduplication row: where an event's entry is.
type place struct {
	Book   string `json:"book"`
	Number uint64 `json:"number"`
	Annex  int    `json:"annex,omitempty"`
}

// State is a book as it was read, to be appended to. It is the only token Append accepts, so nobody can write to a
// head that was not read.
type State struct {
	Head
	// Known are the entries of those events that have one already.
	Known map[string]Entry

	book string
	head table.Item
}

// Load reads a book and what became of the events in it. At most MaxBlock events.
func (l *Ledger) Load(ctx context.Context, book string, events ...string) (State, error) {
	keys := []table.Key{layout.LedgerHead(book)}
	for _, event := range events {
		keys = append(keys, layout.LedgerEvent(event))
	}
	items, err := l.table.Get(ctx, keys...)
	if err != nil {
		return State{}, fmt.Errorf("loading book %s: %w", book, err)
	}
	state := State{book: book, head: items[0], Known: map[string]Entry{}}
	if !items[0].Exists() {
		return state, fmt.Errorf("loading book %s: %w", book, ErrNoBook)
	}
	if state.Head, err = table.Decode[Head](items[0], schema); err != nil {
		return State{}, err
	}
	for n, event := range events {
		if !items[n+1].Exists() {
			continue
		}
		if state.Known[event], err = l.at(ctx, items[n+1]); err != nil {
			return State{}, err
		}
	}
	return state, nil
}

// Find returns the entry an event was given, in whatever book; ok is false if it has none.
func (l *Ledger) Find(ctx context.Context, event string) (entry Entry, ok bool, err error) {
	items, err := l.table.Get(ctx, layout.LedgerEvent(event))
	if err != nil || !items[0].Exists() {
		return Entry{}, false, err
	}
	entry, err = l.at(ctx, items[0])
	return entry, err == nil, err
}

func (l *Ledger) at(ctx context.Context, dedup table.Item) (Entry, error) {
	where, err := table.Decode[place](dedup, schema)
	if err != nil {
		return Entry{}, err
	}
	entry, _, err := table.Load[Entry](ctx, l.table, where.key(), schema)
	if errors.Is(err, table.ErrNotFound) {
		return Entry{}, fmt.Errorf("following %s: %w: no entry", dedup.PK, ErrBroken)
	}
	return entry, err
}

func (e Entry) place() *place { return &place{Book: e.Book, Number: e.Number, Annex: e.Annex} }

func (p place) key() table.Key {
	if p.Annex > 0 {
		return layout.LedgerAnnex(p.Book, p.Number, p.Annex)
	}
	return layout.LedgerEntry(p.Book, p.Number)
}

// Create opens a new book at number zero. It returns table.ErrConflict if the book exists.
func (l *Ledger) Create(ctx context.Context, book string) error {
	item, err := table.Item{Key: layout.LedgerHead(book)}.With(schema, Head{Hash: Genesis})
	if err != nil {
		return err
	}
	return l.table.Commit(ctx, table.Put(item))
}

// MaxBlock is how many records one Append takes: each costs an entry and a deduplication row, besides head and pages.
const MaxBlock = 40

// Append gives the records their places, in order, in one commit on the head that was loaded. Records whose event is known
// already must have been taken out. On ErrConflict or ErrUnclear nothing is known: Load again and look at Known.
//
// beside are other books whose pages of the same name must be open, and stay so until the commit: their heads are swapped along.
func (l *Ledger) Append(ctx context.Context, state State, records []Record, beside ...State) ([]Entry, error) {
	if len(records) == 0 || len(records) > MaxBlock {
		return nil, fmt.Errorf("appending %d records: %w", len(records), table.ErrInvalid)
	}
	entries, next, err := l.number(ctx, state, records)
	if err != nil {
		return nil, err
	}
	changes, err := l.changes(ctx, state, entries, next)
	if err != nil {
		return nil, err
	}
	for _, other := range beside {
		for _, r := range records {
			if r.Page <= other.SealedThrough {
				return nil, fmt.Errorf("entering on %s beside %s: %w through %s", r.Page, other.book, ErrSealed, other.SealedThrough)
			}
		}
		same, err := other.head.With(schema, other.Head)
		if err != nil {
			return nil, err
		}
		changes = append(changes, table.Put(same))
	}
	if err := l.table.Commit(ctx, changes...); err != nil {
		return nil, fmt.Errorf("appending to %s: %w", state.book, err)
	}
	return entries, nil
}

// number computes the entries and the head that follows them.
func (l *Ledger) number(ctx context.Context, state State, records []Record) ([]Entry, Head, error) {
	next := state.Head
	var entries []Entry
	for _, r := range records {
		if r.Page <= state.SealedThrough {
			return nil, Head{}, fmt.Errorf("entering on %s: %w through %s", r.Page, ErrSealed, state.SealedThrough)
		}
		if _, known := state.Known[r.Event]; known {
			return nil, Head{}, fmt.Errorf("entering a known event: %w", table.ErrInvalid)
		}
		next.Seq++
		next.From = earlier(next.From, r.Page)
		e := Entry{
			Book: state.book, Seq: next.Seq, Event: r.Event, Page: r.Page, Body: string(r.Body),
			Prev: next.Hash, First: state.Seq + 1, Count: len(records),
		}
		if r.About == 0 {
			next.Number++
			e.Number = next.Number
		} else if err := l.annex(ctx, state.book, r.About, &e); err != nil {
			return nil, Head{}, err
		}
		e.Hash = Hash(e)
		next.Hash, next.Last = e.Hash, e.place()
		entries = append(entries, e)
	}
	return entries, next, nil
}

// earlier is the smaller of two pages, where empty means none.
func earlier(a, b string) string {
	if a == "" || b < a {
		return b
	}
	return a
}

// annex gives e the next annex place of a number.
func (l *Ledger) annex(ctx context.Context, book string, number uint64, e *Entry) error {
	prefix := layout.LedgerEntry(book, number).SK
	items, err := table.All(ctx, l.table, table.Query{PK: layout.LedgerEntries(book), Prefix: prefix})
	if err != nil {
		return err
	}
	if len(items) == 0 || items[0].SK != prefix {
		return fmt.Errorf("adding to %d: %w", number, ErrUnknownNumber)
	}
	e.Number, e.Annex = number, len(items)
	return nil
}

// changes is the block as one commit: head, entries, deduplication rows, pages.
func (l *Ledger) changes(ctx context.Context, state State, entries []Entry, next Head) ([]table.Change, error) {
	h, err := state.head.With(schema, next)
	if err != nil {
		return nil, err
	}
	changes := []table.Change{table.Put(h)}
	for _, e := range entries {
		where := *e.place()
		entry, err := table.Item{Key: where.key()}.With(schema, e)
		if err != nil {
			return nil, err
		}
		dedup, err := table.Item{Key: layout.LedgerEvent(e.Event)}.With(schema, where)
		if err != nil {
			return nil, err
		}
		changes = append(changes, table.Put(entry), table.Put(dedup))
	}
	pages, err := l.pages(ctx, state.book, entries)
	return append(changes, pages...), err
}

// Block returns the entries that were committed together with e, in order.
func (l *Ledger) Block(ctx context.Context, e Entry) ([]Entry, error) {
	if e.Annex > 0 && e.Count == 1 {
		return []Entry{e}, nil
	}
	// The block's numbers are contiguous and contain e's, so they lie within Count of it on both sides.
	low := uint64(1)
	if e.Number > uint64(e.Count) {
		low = e.Number - uint64(e.Count)
	}
	items, err := table.All(ctx, l.table, table.Query{
		PK:   layout.LedgerEntries(e.Book),
		From: layout.LedgerEntry(e.Book, low).SK, To: layout.LedgerEntry(e.Book, e.Number+uint64(e.Count)).SK,
	})
	if err != nil {
		return nil, err
	}
	var block []Entry
	for _, item := range items {
		other, err := table.Decode[Entry](item, schema)
		if err != nil {
			return nil, err
		}
		if other.First == e.First && other.Count == e.Count {
			block = append(block, other)
		}
	}
	slices.SortFunc(block, func(a, b Entry) int { return int(a.Seq) - int(b.Seq) })
	if len(block) != e.Count {
		return nil, fmt.Errorf("rebuilding block %d: %w: %d of %d", e.First, ErrBroken, len(block), e.Count)
	}
	return block, nil
}

// Last returns the record at the head; ok is false for a book without records.
func (l *Ledger) Last(ctx context.Context, state State) (entry Entry, ok bool, err error) {
	if state.Last == nil {
		return Entry{}, false, nil
	}
	entry, _, err = table.Load[Entry](ctx, l.table, state.Last.key(), schema)
	if errors.Is(err, table.ErrNotFound) || err == nil && entry.Seq != state.Seq {
		return Entry{}, false, fmt.Errorf("looking for seq %d of %s: %w: no record", state.Seq, state.book, ErrBroken)
	}
	return entry, err == nil, err
}

// Entries returns numbered entries and their annexes between two numbers, inclusive, at most limit rows.
func (l *Ledger) Entries(ctx context.Context, book string, from, to uint64, limit int) ([]Entry, error) {
	page, err := l.table.Query(ctx, table.Query{
		PK: layout.LedgerEntries(book), From: layout.LedgerEntry(book, from).SK,
		To: layout.LedgerEntry(book, to).SK + "#A~", Limit: limit,
	})
	if err != nil {
		return nil, err
	}
	var entries []Entry
	for _, item := range page.Items {
		e, err := table.Decode[Entry](item, schema)
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}
