// Package problems keeps the open problems of a chamber: what went wrong, with which case, and who must look at it. A problem is written in
// the same commit that parks the work, so that nothing is stuck in silence (I1).
package problems

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sportello/shared/domain/layout"
	"sportello/shared/domain/problem"
	"sportello/shared/flow/step"
	"sportello/shared/platform/queue"
	"sportello/shared/platform/table"
)

const schema = 1

// Kind says what went wrong.
type Kind string

// The kinds, with what the owner does.
const (
	Poisoned      Kind = "registration-refused" // the register's rules refuse the document: call the developers
	Overdue       Kind = "overdue"              // a step failed five times: look at the partner, then retry
	Halted        Kind = "halted"               // a step cannot go on with what it was given: call the developers, then retry
	MailFailed    Kind = "mail-failed"          // no certified delivery: paper, or another address
	MailUncertain Kind = "mail-uncertain"       // sent twice, no receipt: ask the provider
	NoAddress     Kind = "no-address"           // the recipient has no certified address: paper
	MailUnmatched Kind = "mail-unmatched"       // certified mail that belongs to no known case: read and assign
	MailUntrusted Kind = "mail-untrusted"       // a message that claims to be certified and is not
	TermExpired   Kind = "term-expired"         // the legal term ran out
	Refused       Kind = "preservation-refused" // the provider refused the package
	NumberRefused Kind = "external-refused"     // the chamber's own protocol refused a document: speak with who keeps it, then retry
	BadSignature  Kind = "signature-invalid"    // taken on trust at presentation, and not valid: ask for an integration, or decide
	Refund        Kind = "payment-refund"       // money came that is no payment: it goes back, and the problem ends by itself when it is there
)

// Problem is one open problem.
type Problem struct {
	ID          string     `json:"id"`
	Kind        Kind       `json:"kind"`
	At          time.Time  `json:"at"`
	Application string     `json:"application,omitempty"`
	Text        string     `json:"text"`           // Italian, for the owner, without personal data
	Work        *table.Key `json:"work,omitempty"` // the outbox row that a retry wakes
	ResolvedAt  *time.Time `json:"resolvedAt,omitempty"`
	ResolvedBy  string     `json:"resolvedBy,omitempty"`
}

// The ids of problems that more than one step knows: who opens them, and who sees their cause go.
func TermOf(application string) string { return "TERM-" + application }
func MailOf(mail string) string        { return "PEC-" + mail }
func LateMailOf(mail string) string    { return "PEC-late-" + mail }

func RefundOf(iuv, receipt string) string { return "PAY-" + iuv + "-" + receipt }
func InstituteOf(iuv string) string       { return "PAY-" + iuv }

// WorkOf is the id of a problem about an outbox row; the instant makes the next one, after a retry that did not help, another.
func WorkOf(owed step.Owed, now time.Time) string {
	return string(owed.Kind) + "-" + owed.Event + "-" + layout.Millis(now)
}

// System is who resolved a problem whose cause went by itself.
const System = "system"

// Open is the change that opens a problem, or opens one again that was resolved. The id comes from the event, so that a redelivery opens the
// same one; ok is false when it is open already.
func Open(ctx context.Context, t table.Table, chamber string, p Problem) (change table.Change, ok bool, err error) {
	before, item, err := table.Load[Problem](ctx, t, layout.Problem(chamber, p.ID), schema)
	if err != nil && !errors.Is(err, table.ErrNotFound) || err == nil && before.ResolvedAt == nil {
		return change, false, err
	}
	change, err = p.row(item, chamber)
	return change, true, err
}

// row is the change that writes the problem: among the open ones while it is.
func (p Problem) row(item table.Item, chamber string) (table.Change, error) {
	item, err := item.With(schema, p)
	if err != nil || p.ResolvedAt != nil {
		return table.Put(item), err
	}
	return table.Put(item.Indexed(layout.ByDue, layout.ProblemPlace(chamber, p.At, p.ID))), nil
}

// List returns the chamber's problems that are not resolved, newest first. It reads an index: one that was opened or resolved a moment ago
// may show late.
func List(ctx context.Context, t table.Table, chamber string) ([]Problem, error) {
	items, err := table.All(ctx, t, table.Query{Index: layout.ByDue, PK: layout.OpenProblems(chamber), Descending: true})
	if err != nil {
		return nil, err
	}
	list := []Problem{}
	for _, item := range items {
		p, err := table.Decode[Problem](item, schema)
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

// Close is what resolves a problem because its cause has gone; no changes if it is not open.
func Close(ctx context.Context, t table.Table, chamber, id string, now time.Time) ([]table.Change, error) {
	p, item, err := table.Load[Problem](ctx, t, layout.Problem(chamber, id), schema)
	if errors.Is(err, table.ErrNotFound) || err == nil && p.ResolvedAt != nil {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	p.ResolvedAt, p.ResolvedBy = &now, System
	change, err := p.row(item, chamber)
	return []table.Change{change}, err
}

// Paid is what ends an outbox row whose effect is recorded in the same commit: the row goes, and the problem about it, if one was opened.
func Paid(ctx context.Context, t table.Table, owed step.Owed, item table.Item, now time.Time) ([]table.Change, error) {
	changes := []table.Change{table.Delete(item)}
	if owed.Problem == "" {
		return changes, nil
	}
	closing, err := Close(ctx, t, owed.Chamber, owed.Problem, now)
	return append(changes, closing...), err
}

// Follow is what an owner's word that a problem is dealt with means elsewhere: changes for the same commit.
type Follow func(ctx context.Context, p Problem) ([]table.Change, error)

// Retry wakes the work that a problem is about, or, where there is none, marks the problem as dealt with.
func Retry(ctx context.Context, t table.Table, post step.Post, chamber, id, by string, now time.Time, follow Follow) error {
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
		changes, err := follow(ctx, p)
		if err != nil {
			return err
		}
		p.ResolvedAt, p.ResolvedBy = &now, by
		resolved, err := p.row(item, chamber)
		if err != nil {
			return err
		}
		changes = append(changes, resolved)
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

// wake takes an outbox row out of its parking, or brings its next try forward; one that is gone was paid meanwhile.
func wake(ctx context.Context, t table.Table, key table.Key, now time.Time) (*step.Owed, table.Change, error) {
	owed, item, there, err := step.Read(ctx, t, key)
	if err != nil || !there {
		return nil, table.Change{}, err
	}
	// The attempt goes up so that the message's deduplication id is new.
	owed.Parked, owed.Problem, owed.Retried, owed.Attempts, owed.Waits = false, "", true, owed.Attempts+1, now
	item, err = owed.Row(item, now.Add(step.FirstSweep))
	return &owed, table.Put(item), err
}

// Park is the changes that take an outbox row out of the sweep and open a problem about it, in the place of one that was open before.
func Park(ctx context.Context, t table.Table, owed step.Owed, item table.Item, kind Kind, text string, now time.Time) ([]table.Change, error) {
	key := owed.Key()
	var changes []table.Change
	if owed.Problem != "" {
		closing, err := Close(ctx, t, owed.Chamber, owed.Problem, now)
		if err != nil {
			return nil, err
		}
		changes = closing
	}
	id := WorkOf(owed, now)
	owed.Parked, owed.Problem, owed.Retried = true, id, false
	item, err := owed.Row(item, now)
	if err != nil {
		return nil, err
	}
	changes = append(changes, table.Put(item))
	change, ok, err := Open(ctx, t, owed.Chamber, Problem{
		ID: id, Kind: kind, At: now, Application: owed.Application, Text: text, Work: &key,
	})
	if ok {
		changes = append(changes, change)
	}
	return changes, err
}

// Halt is what a step makes of the error that it ended with. One that no retry can mend parks the outbox row and opens its problem at once,
// and goes on to the log; if the parking did not go through, what comes back is to be retried, so that neither is forgotten.
func Halt(ctx context.Context, t table.Table, e queue.Envelope, now time.Time, cause error) error {
	if !errors.Is(cause, queue.ErrPermanent) {
		return cause
	}
	err := step.Retry(ctx, func() error {
		owed, item, there, err := step.Read(ctx, t, table.Key{PK: e.PK, SK: e.SK})
		if err != nil || !there || owed.Parked {
			return err
		}
		changes, err := Park(ctx, t, owed, item, Halted, "Un passaggio automatico non può proseguire: va avvisata l'assistenza tecnica.", now)
		if err != nil {
			return err
		}
		return t.Commit(ctx, changes...)
	})
	if err != nil {
		return fmt.Errorf("parking: %w (after: %v)", err, cause) // not %w: the cause alone would count as done
	}
	return cause
}
