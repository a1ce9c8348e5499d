// Package sealing declares each sealed day of a register to everybody: a statement that commits to all of the day's records and tells of none,
// sealed with the sportello's key, timestamped by an authority that is not ours, published at a stable address, and promised to preservation.
// After that, not even the sportello can change the day unseen.
//
// Every part is kept write-once before the next is made, and found again by its key: the leaves with their salts, the statement, the seal on
// it, the timestamp over that. While the timestamping authority is out of service a day waits, sealed and without its time; the sweep asks again.
package sealing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"sportello/shared/domain/deadline"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/register"
	"sportello/shared/flow/problems"
	"sportello/shared/flow/step"
	"sportello/shared/platform/archive"
	"sportello/shared/platform/queue"
	"sportello/shared/platform/table"
)

// Sealer puts the sportello's seal beside a document: CMS, detached.
type Sealer interface {
	Detached(ctx context.Context, content []byte, at time.Time) ([]byte, error)
}

// Stamper has something timestamped (RFC 3161) and checks the token. ErrRefused: not this, whatever the number of tries.
type Stamper interface {
	Stamp(ctx context.Context, content []byte) ([]byte, error)
}

// ErrRefused is returned by a Stamper whose authority will not stamp what it was asked.
var ErrRefused = errors.New("sealing: timestamp refused")

// Config is what the step needs; every field is required.
type Config struct {
	Table   table.Table // applications
	Archive archive.Store
	Sealer  Sealer
	Stamper Stamper
	Post    step.Post
	Random  io.Reader // for the salts: they are secret
	Now     step.Clock
}

// Desk declares days.
type Desk struct{ Config }

// New checks the configuration.
func New(c Config) (*Desk, error) {
	if c.Table == nil || c.Archive == nil || c.Sealer == nil || c.Stamper == nil || c.Random == nil || c.Now == nil || c.Post.Preservation == nil {
		return nil, errors.New("sealing: incomplete configuration")
	}
	return &Desk{c}, nil
}

const schema = 1

// Declared is a day as it is published. Nothing in it is personal.
type Declared struct {
	Chamber   string `json:"chamber"`
	Day       string `json:"day"`
	Statement []byte `json:"statement"` // the JSON that was sealed, byte for byte
	Signature []byte `json:"signature"` // CMS (CAdES-B) over Statement, detached, DER
	Timestamp []byte `json:"timestamp"` // RFC 3161 token over Signature, DER
}

// Find returns a published day; ok is false if it is none.
func Find(ctx context.Context, t table.Table, chamber, day string) (d Declared, ok bool, err error) {
	d, _, err = table.Load[Declared](ctx, t, layout.Declared(chamber, day), schema)
	if errors.Is(err, table.ErrNotFound) {
		return d, false, nil
	}
	return d, err == nil, err
}

// Declare makes and publishes the statement that the envelope points at, and before it those of the days that were sealed on the way to it.
func (d *Desk) Declare(ctx context.Context, e queue.Envelope) error {
	key := table.Key{PK: e.PK, SK: e.SK}
	owed, _, there, err := step.Read(ctx, d.Table, key)
	if err != nil || !there || owed.Parked {
		return err
	}
	days, previous, err := d.owing(ctx, owed.Chamber, owed.Day)
	if err != nil {
		return err
	}
	for _, day := range days {
		declared, err := d.make(ctx, owed.Chamber, day, previous)
		if errors.Is(err, ErrRefused) {
			return d.refused(ctx, key)
		}
		if err != nil {
			return err
		}
		if err := d.publish(ctx, declared); err != nil {
			return err
		}
		previous = register.Digest(declared.Statement)
	}
	return step.Retry(ctx, func() error {
		owed, item, there, err := step.Read(ctx, d.Table, key)
		if err != nil || !there {
			return err
		}
		paid, err := problems.Paid(ctx, d.Table, owed, item, d.Now())
		if err != nil {
			return err
		}
		return d.Table.Commit(ctx, paid...)
	})
}

// owing lists the sealed days up to one that are not published, oldest first, with the digest of the statement before the first of them.
func (d *Desk) owing(ctx context.Context, chamber, last string) (days []string, previous string, err error) {
	date, err := deadline.ParseDate(last)
	if err != nil {
		return nil, "", fmt.Errorf("declaring %q: %w", last, err)
	}
	for ; ; date = date.AddDays(-1) {
		declared, there, err := Find(ctx, d.Table, chamber, date.String())
		if err != nil {
			return nil, "", err
		}
		if there {
			previous = register.Digest(declared.Statement)
			break
		}
		seal, err := d.seal(ctx, chamber, date.String())
		if err != nil {
			return nil, "", err
		}
		days = append(days, date.String())
		if seal.Previous == register.NoSeal {
			previous = register.NoSeal
			break
		}
	}
	slices.Reverse(days)
	return days, previous, nil
}

func (d *Desk) seal(ctx context.Context, chamber, day string) (register.Seal, error) {
	words, err := d.Archive.Get(ctx, layout.Seal(chamber, day))
	if err != nil {
		return register.Seal{}, err
	}
	return register.ParseSeal(words)
}

// make goes through the parts of a day, each from the archive if an earlier attempt made it.
func (d *Desk) make(ctx context.Context, chamber, day, previous string) (Declared, error) {
	declared := Declared{Chamber: chamber, Day: day}
	words, err := d.Archive.Get(ctx, layout.Seal(chamber, day))
	if err != nil {
		return declared, err
	}
	leaves, err := d.leaves(ctx, chamber, day)
	if err != nil {
		return declared, err
	}
	statement, err := register.StatementOf(words, leaves, previous)
	if err != nil {
		return declared, err
	}
	if declared.Statement, err = statement.Encode(); err != nil {
		return declared, err
	}
	// Not found again but made again: another text under this key means that seal or leaves are not what was declared.
	if err := d.Archive.Put(ctx, layout.Statement(chamber, day), declared.Statement, "application/json"); err != nil {
		return declared, err
	}
	declared.Signature, err = d.kept(ctx, layout.StatementSignature(chamber, day), "application/pkcs7-signature", func() ([]byte, error) {
		return d.Sealer.Detached(ctx, declared.Statement, d.Now())
	})
	if err != nil {
		return declared, fmt.Errorf("sealing statement: %w", err)
	}
	declared.Timestamp, err = d.kept(ctx, layout.StatementTimestamp(chamber, day), "application/timestamp-reply", func() ([]byte, error) {
		return d.Stamper.Stamp(ctx, declared.Signature)
	})
	if err != nil {
		return declared, fmt.Errorf("timestamping statement: %w", err)
	}
	return declared, nil
}

// leaves are the day's records, salted once and for all.
func (d *Desk) leaves(ctx context.Context, chamber, day string) (register.Leaves, error) {
	body, err := d.kept(ctx, layout.Leaves(chamber, day), "application/json", func() ([]byte, error) {
		seal, err := d.seal(ctx, chamber, day)
		if err != nil {
			return nil, err
		}
		leaves, err := register.SaltedLeaves(seal, d.Random)
		if err != nil {
			return nil, err
		}
		return leaves.Encode()
	})
	if err != nil {
		return register.Leaves{}, err
	}
	return register.ParseLeaves(body)
}

// kept returns what the archive has under a key, or makes it. Where another delivery was quicker, what it made is as good.
func (d *Desk) kept(ctx context.Context, key, mediaType string, make func() ([]byte, error)) ([]byte, error) {
	body, err := d.Archive.Get(ctx, key)
	if !errors.Is(err, archive.ErrNotFound) {
		return body, err
	}
	if body, err = make(); err != nil {
		return nil, err
	}
	err = d.Archive.Put(ctx, key, body, mediaType)
	if errors.Is(err, archive.ErrDifferent) {
		return d.Archive.Get(ctx, key)
	}
	return body, err
}

// publish shows a day to everybody, and promises its hand-over to the preservation provider.
func (d *Desk) publish(ctx context.Context, declared Declared) error {
	owed := step.Owed{
		Kind: step.Preserve, Chamber: declared.Chamber, Day: declared.Day, Event: "day-" + declared.Chamber + "-" + declared.Day, CreatedAt: d.Now(),
	}
	sent := false
	err := step.Retry(ctx, func() error {
		if _, there, err := Find(ctx, d.Table, declared.Chamber, declared.Day); err != nil || there {
			return err // another delivery was quicker, or our own commit was unclear and went through
		}
		item, err := table.Item{Key: layout.Declared(declared.Chamber, declared.Day)}.With(schema, declared)
		if err != nil {
			return err
		}
		changes := []table.Change{table.Put(item)}
		if _, _, there, err := step.Read(ctx, d.Table, owed.Key()); err != nil {
			return err
		} else if !there {
			promise, err := owed.Promise()
			if err != nil {
				return err
			}
			changes = append(changes, promise)
		}
		err = d.Table.Commit(ctx, changes...)
		sent = err == nil
		return err
	})
	if sent {
		d.Post.Send(ctx, owed)
	}
	return err
}

// refused parks the work: a person must find out what the authority did not like.
func (d *Desk) refused(ctx context.Context, key table.Key) error {
	return step.Retry(ctx, func() error {
		owed, item, there, err := step.Read(ctx, d.Table, key)
		if err != nil || !there || owed.Parked {
			return err
		}
		changes, err := problems.Park(ctx, d.Table, owed, item, problems.Halted,
			"L'autorità di validazione temporale ha rifiutato la marca per il registro del "+owed.Day+": va avvisata l'assistenza tecnica.", d.Now())
		if err != nil {
			return err
		}
		return d.Table.Commit(ctx, changes...)
	})
}
