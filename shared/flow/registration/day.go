package registration

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"sportello/shared/domain/catalogue"
	"sportello/shared/domain/deadline"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/register"
	"sportello/shared/flow/casefile"
	"sportello/shared/flow/correspondence"
	"sportello/shared/flow/problems"
	"sportello/shared/flow/step"
	"sportello/shared/platform/ledger"
	"sportello/shared/platform/table"
)

// PlanDays promises the sealing of every day of a chamber that is over and not sealed, oldest first, if today is a working day: the daily
// register is to be in preservation within the next working day (DPCM 3/12/2013 art. 7 c.5; AgID guidelines 3.1.6). Here begins what leads
// there: the seal promises the statement (flow/sealing), and that the hand-over (flow/keeping). It may run twice or not at all one day: it
// promises what is missing.
func (d *Desk) PlanDays(ctx context.Context, chamber string) error {
	now := d.Now()
	today := deadline.DateOf(now)
	if !casefile.Calendar(chamber).Working(today) {
		return nil
	}
	days, err := d.unsealed(ctx, chamber, today)
	if err != nil {
		return err
	}
	for _, day := range days {
		owed := step.Owed{
			Kind: step.Seal, Chamber: chamber, Day: day.String(), Event: "day-" + chamber + "-" + day.String(), CreatedAt: now,
		}
		promise, err := owed.Promise()
		if err != nil {
			return err
		}
		err = d.Applications.Commit(ctx, promise)
		if err != nil && !errors.Is(err, table.ErrConflict) && !errors.Is(err, table.ErrUnclear) {
			return fmt.Errorf("promising to seal %s: %w", day, err)
		}
		if err == nil {
			d.Post.Send(ctx, owed)
		}
	}
	return nil
}

// Unsealed counts the days of a chamber that should have been sealed by now: those that are over, after noon of a working day.
func (d *Desk) Unsealed(ctx context.Context, chamber string) (int, error) {
	now := d.Now()
	today := deadline.DateOf(now)
	if now.Before(today.Start().Add(12*time.Hour)) || !casefile.Calendar(chamber).Working(today) {
		return 0, nil
	}
	days, err := d.unsealed(ctx, chamber, today)
	return len(days), err
}

// unsealed lists the days before today that the chamber's register has not sealed, at most thirty at a time.
func (d *Desk) unsealed(ctx context.Context, chamber string, today deadline.Date) ([]deadline.Date, error) {
	day, ok, err := d.firstOpen(ctx, chamber, register.Year(today.String()))
	if err != nil || !ok {
		return nil, err
	}
	var days []deadline.Date
	for ; day.Before(today) && len(days) < 30; day = day.AddDays(1) {
		days = append(days, day)
	}
	return days, nil
}

// firstOpen finds the first day that is not sealed: after the last sealed one, or the day of the register's first entry.
func (d *Desk) firstOpen(ctx context.Context, chamber string, year int) (deadline.Date, bool, error) {
	for _, y := range []int{year, year - 1} {
		book := layout.Book(chamber, y)
		state, err := d.ledger.Load(ctx, book)
		if errors.Is(err, ledger.ErrNoBook) {
			continue
		}
		if err != nil {
			return deadline.Date{}, false, err
		}
		if state.SealedThrough != "" {
			last, err := deadline.ParseDate(state.SealedThrough)
			return last.AddDays(1), err == nil, err
		}
		if y == year {
			if day, ok, err := d.firstOpen(ctx, chamber, year-1); ok || err != nil {
				return day, ok, err
			}
		}
		if state.From == "" {
			return deadline.Date{}, false, nil
		}
		day, err := deadline.ParseDate(state.From)
		if err != nil {
			return day, false, err
		}
		day, err = d.firstPending(ctx, chamber, day)
		return day, err == nil, err
	}
	return deadline.Date{}, false, nil
}

// unnumbered is for how many days before a register's first number something may have been presented and wait: longer than any payment may take.
const unnumbered = 31

// firstPending is the first day of a register that has sealed none: that of its first number or, before it in the same year, the first on which
// something was presented that waits for its payment. The seal of that day lists it.
func (d *Desk) firstPending(ctx context.Context, chamber string, first deadline.Date) (deadline.Date, error) {
	for n := unnumbered; n > 0; n-- {
		day := first.AddDays(-n)
		if day.Year != first.Year {
			continue
		}
		page, err := d.Applications.Query(ctx, table.Query{PK: layout.PendingDay(chamber, day.String()), Limit: 1})
		if err != nil {
			return first, fmt.Errorf("looking for what waits since %s: %w", day, err)
		}
		if len(page.Items) > 0 {
			return day, nil
		}
	}
	return first, nil
}

// CloseDay seals a day, and promises its statement: under the same swap of the head as a registration, with the list of what was entered and of what was
// presented and still waits. Messages may come in any order, and a register is closed day after day: the days before that are still open
// are sealed first. Crash after a commit: a redelivery archives the words that were committed.
func (d *Desk) CloseDay(ctx context.Context, key table.Key) error {
	owed, item, there, err := step.Read(ctx, d.Applications, key)
	if err != nil || !there || owed.Parked {
		return err
	}
	chamber, ok := catalogue.ChamberByID(owed.Chamber)
	if !ok {
		return fmt.Errorf("sealing for an unknown chamber %q", owed.Chamber)
	}
	days, err := d.through(ctx, chamber.ID, owed.Day)
	if err != nil {
		return err
	}
	for _, day := range days {
		if err := d.close(ctx, chamber, day); err != nil {
			return err
		}
	}
	return d.closed(ctx, owed, item)
}

// closed pays the row and promises the day's statement in its place. The days that were sealed on the way are not promised one by one: a
// statement names the one before, so whoever makes it makes those first.
func (d *Desk) closed(ctx context.Context, owed step.Owed, item table.Item) error {
	changes, err := problems.Paid(ctx, d.Applications, owed, item, d.Now())
	if err != nil {
		return err
	}
	key := step.Owed{Kind: step.Statement, Chamber: owed.Chamber, Day: owed.Day, Event: owed.Event}.Key()
	statement, row, there, err := step.Read(ctx, d.Applications, key)
	if err != nil {
		return err
	}
	if !there { // it is when a day was promised twice: then it is only looked at sooner
		statement = step.Owed{Kind: step.Statement, Chamber: owed.Chamber, Day: owed.Day, Event: owed.Event, CreatedAt: d.Now()}
	}
	if row, err = statement.Row(row, d.Now().Add(step.FirstSweep)); err != nil {
		return err
	}
	changes = append(changes, table.Put(row))
	err = d.Applications.Commit(ctx, changes...)
	if errors.Is(err, table.ErrConflict) {
		return nil // another delivery was quicker
	}
	if err == nil {
		d.Post.Send(ctx, statement)
	}
	return err
}

// through lists the days that are still open up to a day, itself last even if it is sealed already.
func (d *Desk) through(ctx context.Context, chamber, day string) ([]string, error) {
	last, err := deadline.ParseDate(day)
	if err != nil {
		return nil, fmt.Errorf("sealing %q: %w", day, err)
	}
	if _, err := d.load(ctx, layout.Book(chamber, last.Year)); err != nil {
		return nil, err
	}
	first, ok, err := d.firstOpen(ctx, chamber, last.Year)
	if err != nil {
		return nil, err
	}
	var days []string
	for date := first; ok && date.Before(last); date = date.AddDays(1) {
		days = append(days, date.String())
	}
	return append(days, day), nil
}

// close commits the seal of a day and archives it.
func (d *Desk) close(ctx context.Context, chamber catalogue.Chamber, day string) error {
	var sealed []byte
	err := step.Retry(ctx, func() (err error) {
		sealed, err = d.seal(ctx, chamber, day)
		return err
	})
	if err != nil {
		return err
	}
	return d.Archive.Put(ctx, layout.Seal(chamber.ID, day), sealed, "application/json")
}

// seal commits the seal of a day, or returns the one that was committed.
func (d *Desk) seal(ctx context.Context, chamber catalogue.Chamber, day string) ([]byte, error) {
	book := layout.Book(chamber.ID, register.Year(day))
	state, err := d.load(ctx, book)
	if err != nil {
		return nil, err
	}
	page, err := d.ledger.Page(ctx, book, day)
	if err != nil {
		return nil, err
	}
	if page.Sealed {
		return []byte(page.Seal), nil
	}
	if err := d.kept(ctx, book, state); err != nil {
		return nil, err
	}
	seal := register.Seal{
		Chamber: chamber.ID, Book: correspondence.Book(chamber), Day: day, SealedAt: register.Instant(d.Now()),
		Head: register.Head{Seq: state.Seq, Hash: state.Hash},
	}
	seal.Book.Year = register.Year(day)
	if seal.Entries, err = d.onDay(ctx, book, page); err != nil {
		return nil, err
	}
	if seal.Earlier, err = d.earlier(ctx, chamber.ID, seal.Book.Year, day); err != nil {
		return nil, err
	}
	if seal.Pending, err = d.pending(ctx, chamber.ID, day); err != nil {
		return nil, err
	}
	if seal.Previous, err = d.previous(ctx, chamber.ID, day); err != nil {
		return nil, err
	}
	words, err := seal.Encode()
	if err != nil {
		return nil, err
	}
	return d.ledger.Seal(ctx, state, day, words)
}

// earlier lists what was appended on the day to the books of earlier years, back to the chamber's first. Nothing more can be: whoever
// appends there swaps this year's head, which the seal is about to.
func (d *Desk) earlier(ctx context.Context, chamber string, year int, day string) ([]register.Earlier, error) {
	var list []register.Earlier
	for year--; ; year-- {
		book := layout.Book(chamber, year)
		state, err := d.past(ctx, book)
		if errors.Is(err, ledger.ErrNoBook) {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		page, err := d.ledger.Page(ctx, book, day)
		if err != nil {
			return nil, err
		}
		entries, err := d.onDay(ctx, book, page)
		if err != nil {
			return nil, err
		}
		if len(entries) == 0 {
			continue
		}
		if err := d.kept(ctx, book, state); err != nil {
			return nil, err
		}
		list = append(list, register.Earlier{Year: year, Entries: entries})
	}
}

func (d *Desk) onDay(ctx context.Context, book string, page ledger.Page) ([]register.Sealed, error) {
	entries, err := d.ledger.OnPage(ctx, book, page)
	var sealed []register.Sealed
	for _, e := range entries {
		sealed = append(sealed, register.Sealed{Seq: e.Seq, Number: register.Number(e.Number), Annex: e.Annex, Hash: e.Hash})
	}
	return sealed, err
}

// pending lists what was presented on the day and has no number yet. A row whose event has one is only waiting to be cleaned up.
func (d *Desk) pending(ctx context.Context, chamber, day string) ([]register.Pending, error) {
	items, err := table.All(ctx, d.Applications, table.Query{PK: layout.PendingDay(chamber, day)})
	if err != nil {
		return nil, err
	}
	var pending []register.Pending
	for _, item := range items {
		row, err := table.Decode[correspondence.Pending](item, 1)
		if err != nil {
			return nil, err
		}
		_, numbered, err := d.ledger.Find(ctx, row.Event)
		if err != nil {
			return nil, err
		}
		if numbered {
			continue
		}
		pending = append(pending, register.Pending{
			Event: row.Event, Application: row.Application, PresentedAt: register.Instant(row.PresentedAt),
			Awaiting: cmp.Or(row.Awaiting, register.AwaitingRegistration),
		})
	}
	return pending, nil
}

// previous is the digest of the seal of the day before, which chains the days. That seal is archived first: a crash may have kept it from
// there, and a day that was sealed on the way to another is owed by no row of its own.
func (d *Desk) previous(ctx context.Context, chamber, day string) (string, error) {
	date, err := deadline.ParseDate(day)
	if err != nil {
		return "", err
	}
	before := date.AddDays(-1).String()
	page, err := d.ledger.Page(ctx, layout.Book(chamber, register.Year(before)), before)
	if err != nil {
		return "", err
	}
	if !page.Sealed {
		return register.NoSeal, nil
	}
	if err := d.Archive.Put(ctx, layout.Seal(chamber, before), []byte(page.Seal), "application/json"); err != nil {
		return "", err
	}
	return register.Digest([]byte(page.Seal)), nil
}
