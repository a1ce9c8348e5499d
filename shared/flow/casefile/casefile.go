// Package casefile reads and writes the rows of one application, and shows them: the same view at the applicant's desk
// and at the office's two doors.
package casefile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sportello/shared/domain/application"
	"sportello/shared/domain/catalogue"
	"sportello/shared/domain/deadline"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/problem"
	"sportello/shared/platform/table"
)

// Case is an application as it was read; what a step commits is conditioned on it.
type Case struct {
	application.Application
	Item table.Item
}

// Load reads a case. One that does not exist is problem.Hidden.
func Load(ctx context.Context, t table.Table, id string) (Case, error) {
	a, item, err := table.Load[application.Application](ctx, t, layout.Meta(id), application.Schema)
	if errors.Is(err, table.ErrNotFound) {
		return Case{}, problem.Hidden()
	}
	if err != nil {
		return Case{}, fmt.Errorf("loading application: %w", err)
	}
	return Case{a, item}, nil
}

// Put is the change that replaces the case by next, placed in every index where it belongs now.
func (c Case) Put(next application.Application) (table.Change, error) {
	item := c.Item
	item.Key = layout.Meta(next.ID)
	item, err := item.With(application.Schema, next)
	if err != nil {
		return table.Change{}, err
	}
	return table.Put(places(item, next)), nil
}

// Touch is the change that only notes that something of the case changed.
func (c Case) Touch(at time.Time) (table.Change, error) {
	next := c.Application
	next.UpdatedAt = at
	return c.Put(next)
}

// places puts the item in the indexes: a draft only before the timer that ends it, an open case in the office's inboxes.
func places(item table.Item, a application.Application) table.Item {
	if at, ok := Wake(a); ok {
		item = item.Indexed(layout.Timers, layout.TimerPlace(at, a.ID))
	}
	if a.State == application.Draft {
		return item
	}
	item = item.Indexed(layout.ByState, layout.StatePlace(a.Chamber, string(a.State), a.PresentedAt(), a.ID))
	if a.State.Open() {
		due := Due(a).End()
		item = item.Indexed(layout.ByOfficer, layout.OfficerPlace(a.Chamber, a.Officer, due, a.ID))
		item = item.Indexed(layout.ByDue, layout.DuePlace(a.Chamber, due, a.ID))
	}
	return item
}

// DraftLife is how long a draft is kept, and, from its end, a case that ended unpaid. Both hold personal data that no act rests on (GDPR art. 5 c.1 e).
const DraftLife = 365 * 24 * time.Hour

// LastWord is how long a decided case waits for its owner's rating, once the outcome has reached them, before it closes by itself.
const LastWord = 30 * 24 * time.Hour

// Wake is the instant at which time itself does something to the application.
func Wake(a application.Application) (at time.Time, ok bool) {
	switch {
	case a.State == application.Draft:
		return a.CreatedAt.Add(DraftLife), true
	case a.Unbought() && a.State != application.AwaitingPayment:
		return a.UpdatedAt.Add(DraftLife), true
	case a.CloseAt != nil && (a.State == application.Decided || a.State == application.Withdrawn):
		return *a.CloseAt, true
	case a.State == application.AwaitingIntegration && a.Term != nil:
		return a.Term.ReplyBy.End(), true
	case a.State.Open() && a.Term != nil && a.TermExpired == nil:
		return Due(a).End(), true
	}
	return time.Time{}, false
}

// Due is the last day of the term.
func Due(a application.Application) deadline.Date {
	if a.Term == nil {
		return deadline.Date{}
	}
	return a.Term.Due(Calendar(a.Chamber))
}

// Calendar is the chamber's calendar of working days.
func Calendar(chamber string) deadline.Calendar {
	c, ok := catalogue.ChamberByID(chamber)
	patron, err := time.Parse("01-02", c.PatronDay)
	if !ok || err != nil {
		return deadline.NewCalendar()
	}
	return deadline.NewCalendar(deadline.Anniversary{Month: patron.Month(), Day: patron.Day()})
}

// Tell is the change that adds a line to the timeline; the event makes it the same line when it is told again.
func Tell(id, event string, line application.Line) (table.Change, error) {
	item, err := table.Item{Key: layout.Timeline(id, line.At, event)}.With(application.Schema, line)
	return table.Put(item), err
}

// Row is the change that writes a row of the case that was read as item (or is new).
func Row(item table.Item, key table.Key, v any) (table.Change, error) {
	item.Key = key
	item, err := item.With(application.Schema, v)
	return table.Put(item), err
}

// Rows reads all rows of a kind of the case, oldest first.
func Rows[T any](ctx context.Context, t table.Table, id, prefix string) ([]T, error) {
	items, err := table.All(ctx, t, table.Query{PK: layout.Application(id), Prefix: prefix})
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", prefix, err)
	}
	rows := make([]T, 0, len(items))
	for _, item := range items {
		row, err := table.Decode[T](item, application.Schema)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// One reads a single row of the case; ok is false if it is not there. The item comes back either way.
func One[T any](ctx context.Context, t table.Table, key table.Key) (row T, item table.Item, ok bool, err error) {
	row, item, err = table.Load[T](ctx, t, key, application.Schema)
	if errors.Is(err, table.ErrNotFound) {
		return row, item, false, nil
	}
	return row, item, err == nil, err
}

// Changes collects the parts of a commit and the first error met while making them.
type Changes struct {
	List []table.Change
	Err  error
}

// Add takes the result of any maker of changes.
func (c *Changes) Add(change table.Change, err error) {
	if err != nil && c.Err == nil {
		c.Err = err
	}
	c.List = append(c.List, change)
}

// Commit commits what was collected, or returns the error met on the way.
func (c *Changes) Commit(ctx context.Context, t table.Table) error {
	if c.Err != nil {
		return c.Err
	}
	return t.Commit(ctx, c.List...)
}

func isConflict(err error) bool { return errors.Is(err, table.ErrConflict) }
