// Package problems keeps the open problems of a chamber: what went wrong, with which case, and who must look at it. A problem is written in
// the same commit that parks the work, so that nothing is stuck in silence (I1).
package problems

import (
	"context"
	"errors"
	"slices"
	"time"

	"sportello/shared/domain/layout"
	"sportello/shared/domain/problem"
	"sportello/shared/flow/step"
	"sportello/shared/platform/table"
)

const schema = 1

// Kind says what went wrong.
type Kind string

// The kinds, with what the owner does.
const (
	Poisoned      Kind = "registration-refused" // the register's rules refuse the document: call the developers
	Overdue       Kind = "overdue"              // a step failed five times: look at the partner, then retry
	MailFailed    Kind = "mail-failed"          // no certified delivery: paper, or another address
	MailUncertain Kind = "mail-uncertain"       // sent twice, no receipt: ask the provider
	NoAddress     Kind = "no-address"           // the recipient has no certified address: paper
	MailUnmatched Kind = "mail-unmatched"       // certified mail that belongs to no known case: read and assign
	MailUntrusted Kind = "mail-untrusted"       // a message that claims to be certified and is not
	TermExpired   Kind = "term-expired"         // the legal term ran out
	Refused       Kind = "preservation-refused" // the provider refused the package
)

// Problem is one open problem.
type Problem struct {
	ID          string     `json:"id"`
	Kind        Kind       `json:"kind"`
	At          time.Time  `json:"at"`
	Application string     `json:"application,omitempty"`
	Text        string     `json:"text"`           // Italian, for the owner, without personal data
	Work        *table.Key `json:"work,omitempty"` // the parked outbox row that a retry wakes
	ResolvedAt  *time.Time `json:"resolvedAt,omitempty"`
	ResolvedBy  string     `json:"resolvedBy,omitempty"`
}

// Open is the change that opens a problem. The id comes from the event, so that a redelivery opens the same one; ok is false when it is open
// already. One that was resolved opens again: what went wrong since has no owner.
func Open(ctx context.Context, t table.Table, chamber string, p Problem) (change table.Change, ok bool, err error) {
	before, item, err := table.Load[Problem](ctx, t, layout.Problem(chamber, p.ID), schema)
	switch {
	case err == nil && before.ResolvedAt == nil:
		return change, false, nil
	case err != nil && !errors.Is(err, table.ErrNotFound):
		return change, false, err
	}
	item, err = item.With(schema, p)
	return table.Put(item), true, err
}

// List returns the chamber's problems that are not resolved, newest first.
func List(ctx context.Context, t table.Table, chamber string) ([]Problem, error) {
	items, err := table.All(ctx, t, table.Query{PK: layout.Chamber(chamber), Prefix: layout.ProblemPrefix})
	if err != nil {
		return nil, err
	}
	list := []Problem{}
	for _, item := range items {
		p, err := table.Decode[Problem](item, schema)
		if err != nil {
			return nil, err
		}
		if p.ResolvedAt == nil {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b Problem) int { return b.At.Compare(a.At) })
	return list, nil
}

// Retry wakes the work that a problem parked, or, where there is none, marks the problem as dealt with.
func Retry(ctx context.Context, t table.Table, post step.Post, chamber, id, by string, now time.Time) error {
	var woken *step.Owed
	err := step.Retry(ctx, func() error {
		p, item, err := table.Load[Problem](ctx, t, layout.Problem(chamber, id), schema)
		if errors.Is(err, table.ErrNotFound) {
			return problem.Hidden()
		}
		if err != nil {
			return err
		}
		if p.ResolvedAt != nil {
			return nil
		}
		p.ResolvedAt, p.ResolvedBy = &now, by
		if item, err = item.With(schema, p); err != nil {
			return err
		}
		changes := []table.Change{table.Put(item)}
		if p.Work != nil {
			owed, change, err := wake(ctx, t, *p.Work, now)
			if err != nil {
				return err
			}
			if owed != nil {
				woken = owed
				changes = append(changes, change)
			}
		}
		return t.Commit(ctx, changes...)
	})
	if err == nil && woken != nil {
		post.Send(ctx, *woken)
	}
	return err
}

// wake takes an outbox row out of its parking; one that is gone was paid meanwhile.
func wake(ctx context.Context, t table.Table, key table.Key, now time.Time) (*step.Owed, table.Change, error) {
	owed, item, there, err := step.Read(ctx, t, key)
	if err != nil || !there {
		return nil, table.Change{}, err
	}
	// The attempt goes up so that the message's deduplication id is new.
	owed.Parked, owed.Problem, owed.Attempts = false, "", owed.Attempts+1
	item, err = owed.Row(item, now.Add(step.FirstSweep))
	return &owed, table.Put(item), err
}

// Park is the pair of changes that takes an outbox row out of the sweep and opens a problem about it.
func Park(ctx context.Context, t table.Table, owed step.Owed, item table.Item, kind Kind, text string, now time.Time) ([]table.Change, error) {
	key := owed.Key()
	id := string(owed.Kind) + "-" + owed.Event + "-" + layout.Millis(now)
	owed.Parked, owed.Problem = true, id
	item, err := owed.Row(item, now)
	if err != nil {
		return nil, err
	}
	changes := []table.Change{table.Put(item)}
	change, ok, err := Open(ctx, t, owed.Chamber, Problem{
		ID: id, Kind: kind, At: now, Application: owed.Application, Text: text, Work: &key,
	})
	if ok {
		changes = append(changes, change)
	}
	return changes, err
}
