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
// earlier moment must take its archived blocks in again before it may give numbers.
func (d *Desk) load(ctx context.Context, book string, events ...string) (ledger.State, error) {
	state, err := d.ledger.Load(ctx, book, events...)
	switch {
	case errors.Is(err, ledger.ErrNoBook):
		if err := d.open(ctx, book); err != nil {
			return state, err
		}
	case err != nil:
		return state, err
	case d.compared(book):
		return state, nil
	default:
		if err := d.rollForward(ctx, book, state.Seq, state.SealedThrough); err != nil {
			return state, err
		}
	}
	d.mu.Lock()
	d.rolled[book] = true
	d.mu.Unlock()
	return d.ledger.Load(ctx, book, events...)
}

func (d *Desk) compared(book string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rolled[book]
}

// open creates the book of a new year, or, when the archive says that it existed, rebuilds it. A year that is neither this one nor the last
// cannot begin now.
func (d *Desk) open(ctx context.Context, book string) error {
	chamber, text, _ := strings.Cut(book, "#")
	year, err := strconv.Atoi(text)
	if err != nil {
		return fmt.Errorf("opening book %q: %w", book, err)
	}
	this := register.Year(register.Date(d.Now()))
	if year > this || year < this-1 {
		return fmt.Errorf("opening book %s of %s: the year is not open", text, chamber)
	}
	keys, err := d.Archive.List(ctx, layout.BlockPrefix(book), "", 1)
	if err != nil {
		return err
	}
	if len(keys) > 0 {
		return d.rollForward(ctx, book, 0, "")
	}
	if err := d.ledger.Create(ctx, book); err != nil && !errors.Is(err, table.ErrConflict) && !errors.Is(err, table.ErrUnclear) {
		return err
	}
	return nil
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
