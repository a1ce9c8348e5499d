// Package deadlines is what time does: it sends again what a step still owes, ends terms, lets drafts expire and cases close. It finds its work in
// the timers index and decides on what it reads consistently, so that it may run twice, late, or stop in the middle.
package deadlines

import (
	"context"
	"errors"
	"strings"
	"time"

	"sportello/shared/domain/layout"
	"sportello/shared/flow/correspondence"
	"sportello/shared/flow/problems"
	"sportello/shared/flow/step"
	"sportello/shared/platform/archive"
	"sportello/shared/platform/table"
)

// Payments sees to the payments that are due.
type Payments interface {
	Wake(ctx context.Context, key table.Key) error
}

// Config is what the step needs; every field is required.
type Config struct {
	Table     table.Table // applications
	Documents archive.Documents
	Post      step.Post
	Payments  Payments
	Now       step.Clock
	NewID     step.IDs
	Report    func(ctx context.Context, item string, err error)
}

// Desk watches the clock.
type Desk struct{ Config }

// New checks the configuration.
func New(c Config) (*Desk, error) {
	if c.Table == nil || c.Documents == nil || c.Payments == nil || c.Now == nil || c.NewID == nil || c.Report == nil {
		return nil, errors.New("deadlines: incomplete configuration")
	}
	return &Desk{c}, nil
}

// Swept is what a sweep found, for the alarms.
type Swept struct {
	Done          int
	Failed        int
	OldestOverdue time.Duration // of outbox rows: since they were promised, or since they stopped waiting by design
	Oldest        step.Owed     // whose age that is
	// OldestRegistration is the same for documents without a number.
	OldestRegistration time.Duration
}

// saw counts a row that is owed.
func (s *Swept) saw(owed step.Owed, now time.Time) {
	age := owed.Age(now)
	if age > s.OldestOverdue {
		s.OldestOverdue, s.Oldest = age, owed
	}
	if owed.Kind == step.Register {
		s.OldestRegistration = max(s.OldestRegistration, age)
	}
}

// MaxSweep bounds one sweep; the next goes on. It keeps a sweep within its minute.
const MaxSweep = 500

// Sweep does what is due now. One item's failure does not keep the others waiting.
func (d *Desk) Sweep(ctx context.Context) (Swept, error) {
	var swept Swept
	now := d.Now()
	for shard := range layout.Shards {
		if err := d.shard(ctx, shard, now, &swept); err != nil {
			return swept, err
		}
		if err := d.waiting(ctx, shard, now, &swept); err != nil {
			return swept, err
		}
	}
	return swept, nil
}

// maxPages bounds how many pages of failing items a sweep looks past: they stay in front, where they were due.
const maxPages = 8

// part is a shard's part of a sweep.
const part = MaxSweep / layout.Shards

// shard works on what is due in one shard, at most its part of a sweep.
func (d *Desk) shard(ctx context.Context, shard int, now time.Time, swept *Swept) error {
	q := table.Query{Index: layout.Timers, PK: layout.TimerShard(shard), To: layout.Millis(now) + "~", Limit: part}
	for range maxPages {
		page, err := d.Table.Query(ctx, q)
		if err != nil {
			return err
		}
		failed := swept.Failed
		for _, item := range page.Items {
			if err := d.due(ctx, item.Key, now, swept); err != nil {
				swept.Failed++
				d.Report(ctx, item.SK, err)
				continue
			}
			swept.Done++
		}
		if page.Next == nil || swept.Failed == failed {
			return nil
		}
		q.After = page.Next
	}
	return nil
}

// waiting measures the rows of a shard that are owed and not due in this sweep: one that is stuck is due at growing distances, and an alarm
// that saw it only then would fall silent in between. It begins with those that were tried most often, which lie furthest ahead, and stops
// after as many pages as a sweep: what is left out then is due soonest, and the next sweeps count it.
func (d *Desk) waiting(ctx context.Context, shard int, now time.Time, swept *Swept) error {
	q := table.Query{
		Index: layout.Timers, PK: layout.TimerShard(shard), Limit: part, Descending: true,
		From: layout.Millis(now), To: layout.Millis(now.Add(step.MaxBackoff)) + "~",
	}
	for range maxPages {
		page, err := d.Table.Query(ctx, q)
		if err != nil {
			return err
		}
		for _, item := range page.Items {
			if !strings.HasPrefix(item.PK, "OUT#") {
				continue
			}
			if owed, err := step.ReadItem(item); err == nil { // an unreadable one is reported when it is due
				swept.saw(owed, now)
			}
		}
		if page.Next == nil {
			return nil
		}
		q.After = page.Next
	}
	return nil
}

// due works on one item that the index says is due.
func (d *Desk) due(ctx context.Context, key table.Key, now time.Time, swept *Swept) error {
	switch {
	case strings.HasPrefix(key.PK, "OUT#"):
		return d.overdue(ctx, key, now, swept)
	case strings.HasPrefix(key.PK, layout.PaymentPrefix):
		return d.Payments.Wake(ctx, key)
	case strings.HasPrefix(key.SK, layout.MailPrefix):
		return d.silent(ctx, key, now)
	}
	return d.wake(ctx, key, now)
}

// Attempts is after how many sweeps a problem is opened. The work goes on all the same, at longer distances.
const Attempts = 5

// overdueText says what does not succeed: a step of a case, or of a day of the register.
func overdueText(owed step.Owed) string {
	of := "della pratica"
	if owed.Application == "" {
		of = "del registro del " + owed.Day
	}
	return "Un passaggio " + of + " (" + string(owed.Kind) + ") non riesce nonostante più tentativi: si continua a riprovare."
}

// overdue sends again what a step still owes.
func (d *Desk) overdue(ctx context.Context, key table.Key, now time.Time, swept *Swept) error {
	owed, item, there, err := step.Read(ctx, d.Table, key)
	if err != nil || !there || owed.Parked {
		return err
	}
	if at, placed := dueAt(item); placed && at.After(now) {
		return nil // the index lagged
	}
	swept.saw(owed, now)
	owed.Attempts++
	var changes []table.Change
	if owed.Attempts >= Attempts && owed.Problem == "" {
		owed.Problem = problems.WorkOf(owed, now)
		change, ok, err := problems.Open(ctx, d.Table, owed.Chamber, problems.Problem{
			ID: owed.Problem, Kind: problems.Overdue, At: now, Application: owed.Application, Work: &key,
			Text: overdueText(owed),
		})
		if err != nil {
			return err
		}
		if ok {
			changes = append(changes, change)
		}
	}
	row, err := owed.Row(item, now.Add(step.Backoff(owed.Attempts)))
	if err != nil {
		return err
	}
	err = d.Table.Commit(ctx, append(changes, table.Put(row))...)
	if errors.Is(err, table.ErrConflict) {
		return nil // paid or swept meanwhile
	}
	if err != nil && !errors.Is(err, table.ErrUnclear) {
		return err
	}
	return d.Post.Try(ctx, owed)
}

// dueAt reads an item's place before the sweep, if it was read from a table that tells (Get of DynamoDB does).
func dueAt(item table.Item) (time.Time, bool) {
	place, ok := item.Index[layout.Timers]
	if !ok {
		return time.Time{}, false
	}
	return layout.TimerInstant(place)
}

// silent tells the office that a message has had no final receipt for too long.
func (d *Desk) silent(ctx context.Context, key table.Key, now time.Time) error {
	mail, item, err := table.Load[correspondence.Mail](ctx, d.Table, key, 1)
	if errors.Is(err, table.ErrNotFound) {
		return nil
	}
	if err != nil || !mail.Silent(now) {
		return err
	}
	mail.Late = &now
	change, err := mail.Row(item)
	if err != nil {
		return err
	}
	changes := []table.Change{change}
	opened, ok, err := problems.Open(ctx, d.Table, mail.Chamber, problems.Problem{
		ID: problems.LateMailOf(mail.ID), Kind: problems.MailUncertain, At: now, Application: mail.Application,
		Text: "Un messaggio PEC non ha ancora una ricevuta di consegna dopo più di un giorno: chiedere al gestore.",
	})
	if err != nil {
		return err
	}
	if ok {
		changes = append(changes, opened)
	}
	err = d.Table.Commit(ctx, changes...)
	if errors.Is(err, table.ErrConflict) || errors.Is(err, table.ErrUnclear) {
		return nil // the next sweep finds whatever is left
	}
	return err
}

// Open is what a chamber's owners have not dealt with.
type Open struct {
	Problems int
	// OldestSilence is for how long at least a message has had no final receipt, until that comes or somebody has dealt with it.
	OldestSilence time.Duration
}

// OpenProblems counts the problems of a chamber that nobody has dealt with.
func (d *Desk) OpenProblems(ctx context.Context, chamber string) (Open, error) {
	list, err := problems.List(ctx, d.Table, chamber)
	open := Open{Problems: len(list)}
	for _, p := range list {
		if strings.HasPrefix(p.ID, problems.LateMailOf("")) {
			open.OldestSilence = max(open.OldestSilence, d.Now().Sub(p.At)+correspondence.Silence)
		}
	}
	return open, err
}
