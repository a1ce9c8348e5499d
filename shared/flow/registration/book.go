package registration

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"sportello/shared/domain/layout"
	"sportello/shared/domain/register"
	"sportello/shared/platform/ledger"
	"sportello/shared/platform/table"
)

// load reads a book, and once in the life of this process compares it with the archive first: a register table that was restored to an
// earlier moment must take its archived blocks in again before it may give numbers. The year before is compared too, and first: days are
// chained across New Year, and nobody else would look at a book that takes no more numbers.
func (d *Desk) load(ctx context.Context, book string, events ...string) (ledger.State, error) {
	if d.compared(book) {
		return d.ledger.Load(ctx, book, events...)
	}
	before, err := earlier(book)
	if err != nil {
		return ledger.State{}, err
	}
	if err := d.compare(ctx, before, false); err != nil {
		return ledger.State{}, err
	}
	if err := d.compare(ctx, book, true); err != nil {
		return ledger.State{}, err
	}
	state, err := d.ledger.Load(ctx, book, events...)
	if err != nil {
		return state, err // such as a book whose creation was unclear and did not go through: it is looked at again
	}
	d.mu.Lock()
	d.rolled[book] = true
	d.mu.Unlock()
	return state, nil
}

// past reads the book of an earlier year, compared with the archive as load does; such a book is never created.
func (d *Desk) past(ctx context.Context, book string) (ledger.State, error) {
	known, absent := d.looked(book)
	state, err := d.ledger.Load(ctx, book)
	if known || absent && errors.Is(err, ledger.ErrNoBook) {
		return state, err
	}
	if err := d.compare(ctx, book, false); err != nil {
		return ledger.State{}, err
	}
	state, err = d.ledger.Load(ctx, book)
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case err == nil:
		d.rolled[book] = true
	case errors.Is(err, ledger.ErrNoBook):
		d.absent[book] = true // as long as it has no head: the archive is not asked again at each day's end
	}
	return state, err
}

// looked tells whether this process has compared a book with the archive, or found that neither table nor archive has it.
func (d *Desk) looked(book string) (known, absent bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rolled[book], d.absent[book]
}

// compare takes in what the archive has and the table has not. A book that neither knows is created if it may be.
func (d *Desk) compare(ctx context.Context, book string, create bool) error {
	state, err := d.ledger.Load(ctx, book)
	if errors.Is(err, ledger.ErrNoBook) {
		return d.open(ctx, book, create)
	}
	if err != nil {
		return err
	}
	return d.rollForward(ctx, book, state.Seq, state.SealedThrough)
}

// earlier is the same chamber's book of the year before.
func earlier(book string) (string, error) {
	chamber, text, _ := strings.Cut(book, "#")
	year, err := strconv.Atoi(text)
	if err != nil {
		return "", fmt.Errorf("opening book %q: %w", book, err)
	}
	return layout.Book(chamber, year-1), nil
}

func (d *Desk) compared(book string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rolled[book]
}

// kept makes sure that the archive has the book up to its head before anything is built on it. A block whose put failed, and whose
// messages were given up, would be a gap that later blocks stand behind, and a restored table could not be brought past it.
func (d *Desk) kept(ctx context.Context, book string, state ledger.State) error {
	if d.archivedThrough(book, 0) == state.Seq {
		return nil
	}
	last, ok, err := d.ledger.Last(ctx, state)
	if err != nil || !ok {
		return err
	}
	return d.archive(ctx, last)
}

// archivedThrough notes that this process archived a book through seq, and returns how far it has.
func (d *Desk) archivedThrough(book string, seq uint64) uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.archived[book] = max(d.archived[book], seq)
	return d.archived[book]
}

// open rebuilds a book that the table lost and the archive has, or creates the book of a new year. A year that is neither this one nor the
// last cannot begin now.
func (d *Desk) open(ctx context.Context, book string, create bool) error {
	keys, err := d.Archive.List(ctx, layout.BlockPrefix(book), "", 1)
	if err != nil {
		return err
	}
	if len(keys) > 0 {
		return d.rollForward(ctx, book, 0, "")
	}
	if !create {
		return nil
	}
	chamber, text, _ := strings.Cut(book, "#")
	year, err := strconv.Atoi(text)
	if err != nil {
		return fmt.Errorf("opening book %q: %w", book, err)
	}
	this := register.Year(register.Date(d.Now()))
	if year > this || year < this-1 {
		return fmt.Errorf("opening book %s of %s: the year is not open", text, chamber)
	}
	if err := d.ledger.Create(ctx, book); err != nil && !errors.Is(err, table.ErrConflict) && !errors.Is(err, table.ErrUnclear) {
		return err
	}
	return d.reseal(ctx, book, "") // its first days may have been sealed empty, before the table was lost
}

// rollForward takes in the archived blocks after seq, then the sealed days after sealedThrough.
func (d *Desk) rollForward(ctx context.Context, book string, seq uint64, sealedThrough string) error {
	after := ""
	if seq > 0 {
		after = layout.Block(book, seq)
	}
	for {
		keys, err := d.Archive.List(ctx, layout.BlockPrefix(book), after, 100)
		if err != nil {
			return err
		}
		if len(keys) == 0 {
			return d.reseal(ctx, book, sealedThrough)
		}
		for _, key := range keys {
			data, err := d.Archive.Get(ctx, key)
			if err != nil {
				return err
			}
			block, err := ledger.Unmarshal(data)
			if err != nil {
				return fmt.Errorf("reading %s: %w", key, err)
			}
			if err := d.ledger.Restore(ctx, book, block); err != nil {
				return err
			}
			after = key
		}
	}
}

// reseal notes again the archived seals of days that the table believes open.
func (d *Desk) reseal(ctx context.Context, book, sealedThrough string) error {
	chamber, year, _ := strings.Cut(book, "#")
	after := layout.Seal(chamber, max(sealedThrough, year+"-00-00"))
	for {
		keys, err := d.Archive.List(ctx, layout.SealPrefix(chamber), after, 100)
		if err != nil || len(keys) == 0 {
			return err
		}
		for _, key := range keys {
			after = key
			day := layout.SealDay(key)
			if !strings.HasPrefix(day, year+"-") {
				continue
			}
			seal, err := d.Archive.Get(ctx, key)
			if err != nil {
				return err
			}
			if err := d.ledger.Resealed(ctx, book, day, seal); err != nil {
				return err
			}
		}
	}
}
