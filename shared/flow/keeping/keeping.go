// Package keeping hands closed cases and declared days of the register to long-term preservation (conservazione), and keeps the provider's
// signed receipts. Nothing of a case is deleted before its receipt.
package keeping

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"sportello/shared/domain/application"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/preservation"
	"sportello/shared/flow/casefile"
	"sportello/shared/flow/problems"
	"sportello/shared/flow/step"
	"sportello/shared/platform/archive"
	"sportello/shared/platform/queue"
	"sportello/shared/platform/table"
)

// Provider is the preservation provider (conservatore).
type Provider interface {
	// Deposit hands a package over. The same package under the same id succeeds again. ErrRefused: never as it is.
	Deposit(ctx context.Context, id string, zip []byte) error
	// Receipt asks what became of it.
	Receipt(ctx context.Context, id string) (Receipt, error)
	// Verify checks that the provider signed the receipt and that it is about this very package.
	Verify(receipt []byte, id string, digest [32]byte, at time.Time) error
}

// Receipt is the provider's answer.
type Receipt struct {
	State  State
	Signed []byte // the rapporto di versamento, when preserved
	Reason string // when refused
}

// State is where a package is at the provider.
type State string

// The states.
const (
	Unknown   State = "unknown" // the provider does not have it
	Received  State = "received"
	Preserved State = "preserved"
	Refused   State = "refused"
)

// ErrRefused is returned by a Provider that will not take the package, whatever the number of tries.
var ErrRefused = errors.New("keeping: package refused")

// Config is what the step needs; every field is required.
type Config struct {
	Table     table.Table // applications
	Documents archive.Documents
	Archive   archive.Store
	Provider  Provider
	Now       step.Clock
}

// Desk hands cases over.
type Desk struct{ Config }

// New checks the configuration.
func New(c Config) (*Desk, error) {
	if c.Table == nil || c.Documents == nil || c.Archive == nil || c.Provider == nil || c.Now == nil {
		return nil, errors.New("keeping: incomplete configuration")
	}
	return &Desk{c}, nil
}

// Wait is after how long the provider is asked again.
const Wait = 5 * time.Minute

// Keep brings the case that the envelope points at as far towards preservation as it comes now: package made and archived, handed over, receipt
// archived, case preserved. Every part finds what an earlier attempt did.
func (d *Desk) Keep(ctx context.Context, e queue.Envelope) error {
	owed, item, there, err := step.Read(ctx, d.Table, table.Key{PK: e.PK, SK: e.SK})
	if err != nil || !there || owed.Parked {
		return err
	}
	if owed.Application == "" {
		return d.keepDay(ctx, owed, item)
	}
	c, err := casefile.Load(ctx, d.Table, owed.Application)
	if err != nil {
		return err
	}
	if c.State == application.Preserved {
		paid, err := problems.Paid(ctx, d.Table, owed, item, d.Now())
		if err != nil {
			return err
		}
		return lost(d.Table.Commit(ctx, paid...))
	}
	zip, err := d.packed(ctx, c)
	if err != nil {
		return err
	}
	return d.hand(ctx, parcel{id: c.ID, zip: zip, receipt: layout.PackageReceipt(c.ID)}, owed, item, func(at time.Time, digest [32]byte) error {
		return d.preserved(ctx, c, owed, at, digest)
	})
}

// parcel is what is handed over.
type parcel struct {
	id      string // at the provider
	zip     []byte
	receipt string // where its receipt is archived
}

// hand brings a parcel as far as it comes; recorded writes down that it is preserved.
func (d *Desk) hand(ctx context.Context, p parcel, owed step.Owed, item table.Item, recorded func(at time.Time, digest [32]byte) error) error {
	receipt, err := d.entrusted(ctx, p.id, p.zip, owed.Retried)
	if errors.Is(err, ErrRefused) {
		return d.refused(ctx, owed, item, "la richiesta di versamento non è stata accettata")
	}
	if err != nil {
		return err
	}
	switch receipt.State {
	case Preserved:
		return d.received(ctx, p, receipt.Signed, recorded)
	case Refused:
		return d.refused(ctx, owed, item, receipt.Reason)
	}
	return d.later(ctx, owed, item)
}

// received verifies and archives the receipt (AgID guidelines 4.7), before anything is said of it.
func (d *Desk) received(ctx context.Context, p parcel, receipt []byte, recorded func(at time.Time, digest [32]byte) error) error {
	digest := sha256.Sum256(p.zip)
	if err := d.Provider.Verify(receipt, p.id, digest, d.Now()); err != nil {
		return fmt.Errorf("verifying preservation receipt: %w", err)
	}
	err := d.Archive.Put(ctx, p.receipt, receipt, "application/pkcs7-mime")
	if err != nil && !errors.Is(err, archive.ErrDifferent) {
		return err // a provider that signs anew at every question gives a second, equally good receipt: the first stays
	}
	return recorded(d.Now(), digest)
}

// entrusted asks the provider about the package, and hands it over if it does not have it, or, again, if it refused it: then somebody has
// spoken with the provider and had it retried.
func (d *Desk) entrusted(ctx context.Context, id string, zip []byte, again bool) (Receipt, error) {
	receipt, err := d.Provider.Receipt(ctx, id)
	if err != nil {
		return receipt, fmt.Errorf("asking for the receipt: %w", err)
	}
	if receipt.State != Unknown && !(receipt.State == Refused && again) {
		return receipt, nil
	}
	if err := d.Provider.Deposit(ctx, id, zip); err != nil {
		return receipt, fmt.Errorf("depositing package: %w", err)
	}
	receipt, err = d.Provider.Receipt(ctx, id)
	if err != nil {
		return receipt, fmt.Errorf("asking for the receipt: %w", err)
	}
	return receipt, nil
}

func lost(err error) error {
	if errors.Is(err, table.ErrConflict) {
		return nil
	}
	return err
}

// packed returns the case's package.
func (d *Desk) packed(ctx context.Context, c casefile.Case) ([]byte, error) {
	return d.pack(ctx, layout.Package(c.ID), func() (preservation.Case, error) { return d.collect(ctx, c) })
}

// pack returns a package: the archived one if an earlier attempt made it, for late receipts must not change what was handed over.
func (d *Desk) pack(ctx context.Context, key string, collect func() (preservation.Case, error)) ([]byte, error) {
	zip, err := d.Archive.Get(ctx, key)
	if !errors.Is(err, archive.ErrNotFound) {
		return zip, err
	}
	contents, err := collect()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if _, err := preservation.Write(&out, contents); err != nil {
		return nil, fmt.Errorf("writing package: %w", err)
	}
	err = d.Archive.Put(ctx, key, out.Bytes(), "application/zip")
	if errors.Is(err, archive.ErrDifferent) {
		return d.Archive.Get(ctx, key) // another delivery was quicker; its package is as good
	}
	return out.Bytes(), err
}

// preserved tells the case.
func (d *Desk) preserved(ctx context.Context, c casefile.Case, owed step.Owed, at time.Time, digest [32]byte) error {
	return step.Retry(ctx, func() error {
		c, err := casefile.Load(ctx, d.Table, c.ID)
		if err != nil {
			return err
		}
		owed, item, there, err := step.Read(ctx, d.Table, owed.Key())
		if err != nil || !there {
			return err
		}
		next, line, err := c.Move(application.WasPreserved, at, application.System)
		if err != nil {
			return err
		}
		next.Package = hex.EncodeToString(digest[:])
		var changes casefile.Changes
		changes.Add(c.Put(next))
		changes.Add(casefile.Tell(c.ID, owed.Event+"-preserved", line))
		paid, err := problems.Paid(ctx, d.Table, owed, item, at)
		if err != nil {
			return err
		}
		changes.List = append(changes.List, paid...)
		return changes.Commit(ctx, d.Table)
	})
}

// refused parks the work: a person must find out what the provider did not like.
func (d *Desk) refused(ctx context.Context, owed step.Owed, item table.Item, reason string) error {
	changes, err := problems.Park(ctx, d.Table, owed, item, problems.Refused, "Il conservatore ha rifiutato il pacchetto: "+reason, d.Now())
	if err != nil {
		return err
	}
	return lost(d.Table.Commit(ctx, changes...))
}

// Patience is how long the provider may take before the sweep counts its tries against it: a package may be examined for a day.
const Patience = 48 * time.Hour

// later leaves the question to the sweep.
func (d *Desk) later(ctx context.Context, owed step.Owed, item table.Item) error {
	if d.Now().Before(owed.CreatedAt.Add(Patience)) {
		owed.Attempts, owed.Waits = 0, d.Now().Add(Wait)
	}
	item, err := owed.Row(item, d.Now().Add(Wait))
	if err != nil {
		return err
	}
	return lost(d.Table.Commit(ctx, table.Put(item)))
}
