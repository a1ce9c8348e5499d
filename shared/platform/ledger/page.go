package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sportello/shared/domain/layout"
	"sportello/shared/platform/table"
)

// Range is a run of numbers, both ends included.
type Range struct {
	First uint64 `json:"first"`
	Last  uint64 `json:"last"`
}

// Page is one page of a book. Seal holds what the sealer wrote on it, byte for byte, once it is sealed.
type Page struct {
	Ranges  []Range `json:"ranges,omitempty"`  // the numbers entered on it
	Annexes []place `json:"annexes,omitempty"` // and the annexes, which stand beside the number they are about
	Sealed  bool    `json:"sealed,omitempty"`
	Seal    string  `json:"seal,omitempty"`
}

// pages returns the changes that note the entries on their pages.
func (l *Ledger) pages(ctx context.Context, book string, entries []Entry) ([]table.Change, error) {
	var changes []table.Change
	for _, name := range pageNames(entries) {
		page, item, err := l.page(ctx, book, name)
		if err != nil {
			return nil, err
		}
		if page.Sealed {
			return nil, fmt.Errorf("entering on %s: %w", name, ErrSealed)
		}
		for _, e := range entries {
			switch {
			case e.Page != name:
			case e.Annex > 0:
				page.Annexes = append(page.Annexes, place{e.Book, e.Number, e.Annex})
			default:
				page.Ranges = extend(page.Ranges, e.Number)
			}
		}
		if item, err = item.With(schema, page); err != nil {
			return nil, err
		}
		changes = append(changes, table.Put(item))
	}
	return changes, nil
}

func pageNames(entries []Entry) []string {
	var names []string
	for _, e := range entries {
		if !slices.Contains(names, e.Page) {
			names = append(names, e.Page)
		}
	}
	return names
}

func extend(ranges []Range, number uint64) []Range {
	if n := len(ranges); n > 0 && ranges[n-1].Last+1 == number {
		ranges[n-1].Last = number
		return ranges
	}
	return append(ranges, Range{number, number})
}

func (l *Ledger) page(ctx context.Context, book, name string) (Page, table.Item, error) {
	page, item, err := table.Load[Page](ctx, l.table, layout.LedgerPage(book, name), schema)
	if errors.Is(err, table.ErrNotFound) {
		return Page{}, item, nil
	}
	return page, item, err
}

// Page returns a page of a book; a page that nothing was entered on is empty.
func (l *Ledger) Page(ctx context.Context, book, name string) (Page, error) {
	page, _, err := l.page(ctx, book, name)
	return page, err
}

// OnPage returns the entries of a page in the order of seq.
func (l *Ledger) OnPage(ctx context.Context, book string, page Page) ([]Entry, error) {
	var items []table.Item
	for _, r := range page.Ranges {
		some, err := table.All(ctx, l.table, table.Query{
			PK: layout.LedgerEntries(book), From: layout.LedgerEntry(book, r.First).SK, To: layout.LedgerEntry(book, r.Last).SK,
		})
		if err != nil {
			return nil, err
		}
		items = append(items, slices.DeleteFunc(some, func(i table.Item) bool { return strings.Contains(i.SK, "#A") })...)
	}
	for _, annex := range page.Annexes {
		item, err := table.One(ctx, l.table, annex.key())
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	var entries []Entry
	for _, item := range items {
		e, err := table.Decode[Entry](item, schema)
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(a, b Entry) int { return int(a.Seq) - int(b.Seq) })
	return entries, nil
}

// Seal closes a page for good, under the same swap of the head as an Append, and keeps the sealer's words on it. Pages are
// sealed in order; sealing a sealed page changes nothing and returns what was written then, so a redelivery repeats it.
// On ErrConflict or ErrUnclear: Load again.
func (l *Ledger) Seal(ctx context.Context, state State, name string, seal []byte) ([]byte, error) {
	page, item, err := l.page(ctx, state.book, name)
	if err != nil {
		return nil, err
	}
	if page.Sealed {
		return []byte(page.Seal), nil
	}
	if name <= state.SealedThrough {
		return nil, fmt.Errorf("sealing %s after %s: %w", name, state.SealedThrough, ErrSealed)
	}
	next := state.Head
	next.SealedThrough = name
	h, err := state.head.With(schema, next)
	if err != nil {
		return nil, err
	}
	page.Sealed, page.Seal = true, string(seal)
	if item, err = item.With(schema, page); err != nil {
		return nil, err
	}
	if err := l.table.Commit(ctx, table.Put(h), table.Put(item)); err != nil {
		return nil, fmt.Errorf("sealing %s of %s: %w", name, state.book, err)
	}
	return seal, nil
}
