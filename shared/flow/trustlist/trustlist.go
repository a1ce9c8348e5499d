// Package trustlist keeps the trust list at hand: fetched out of band, verified, and left where the steps that verify signatures find it, so
// that no applicant waits for it and no request depends on its publisher (eIDAS art. 22; ETSI TS 119 612).
//
// Every edition that was ever used is kept, for a report on a signature names the edition that it rests on.
package trustlist

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"sportello/shared/domain/layout"
	"sportello/shared/flow/casefile"
	"sportello/shared/flow/step"
	"sportello/shared/platform/archive"
	"sportello/shared/platform/table"
)

// Territory is whose list it is: signers with a certificate of another member state are told that it is not recognised here.
const Territory = "IT"

// Edition is a list as it was published and verified.
type Edition struct {
	Raw        []byte // as published, XML
	Compact    []byte // what verifiers read
	Sequence   int
	IssuedAt   time.Time
	NextUpdate time.Time
}

// Publisher fetches the list and verifies that its operator signed it.
type Publisher interface {
	Fetch(ctx context.Context) (Edition, error)
}

// kept is the row that leads to the edition in use.
type kept struct {
	SHA256     string    `json:"sha256"` // of the compact form
	Sequence   int       `json:"sequence"`
	IssuedAt   time.Time `json:"issuedAt"`
	NextUpdate time.Time `json:"nextUpdate"`
	FetchedAt  time.Time `json:"fetchedAt"`
}

// Config is what the step needs; every field is required.
type Config struct {
	Table     table.Table // applications
	Documents archive.Documents
	Publisher Publisher
	Now       step.Clock
}

// Desk keeps the list.
type Desk struct{ Config }

// New checks the configuration.
func New(c Config) (*Desk, error) {
	if c.Table == nil || c.Documents == nil || c.Publisher == nil || c.Now == nil {
		return nil, errors.New("trustlist: incomplete configuration")
	}
	return &Desk{c}, nil
}

// Refresh takes the published edition into use. One with an older sequence number than the one in use, or whose time is over, is refused: who
// can replay an old list could bring back a service that was withdrawn. Crash: an object without a row leading to it is of no consequence.
func (d *Desk) Refresh(ctx context.Context) error {
	e, err := d.Publisher.Fetch(ctx)
	if err != nil {
		return fmt.Errorf("fetching trust list: %w", err)
	}
	now := d.Now()
	if !e.NextUpdate.After(now) {
		return fmt.Errorf("fetching trust list: edition %d ended on %s", e.Sequence, e.NextUpdate.Format(time.RFC3339))
	}
	sum := sha256.Sum256(e.Compact)
	next := kept{SHA256: hex.EncodeToString(sum[:]), Sequence: e.Sequence, IssuedAt: e.IssuedAt, NextUpdate: e.NextUpdate, FetchedAt: now}
	if err := d.Documents.Put(ctx, layout.TrustListObject(Territory, next.SHA256, "xml"), e.Raw, "application/xml"); err != nil && !errors.Is(err, archive.ErrDifferent) {
		return fmt.Errorf("keeping trust list: %w", err) // signed anew over the same content: the first stays
	}
	if err := d.Documents.Put(ctx, layout.TrustListObject(Territory, next.SHA256, "json.gz"), e.Compact, "application/gzip"); err != nil {
		return fmt.Errorf("keeping trust list: %w", err)
	}
	return step.Retry(ctx, func() error {
		before, item, _, err := casefile.One[kept](ctx, d.Table, layout.TrustList(Territory))
		if err != nil {
			return err
		}
		if before.Sequence > next.Sequence {
			return fmt.Errorf("taking trust list into use: edition %d is older than %d", next.Sequence, before.Sequence)
		}
		change, err := casefile.Row(item, layout.TrustList(Territory), next)
		if err != nil {
			return err
		}
		return d.Table.Commit(ctx, change)
	})
}

// Standing is how the list in use stands, for the alarms.
type Standing struct {
	Age  time.Duration // since it was last fetched; without a list: since ever
	Left time.Duration // until it ends
}

// Standing reads how the list in use stands.
func (d *Desk) Standing(ctx context.Context) (Standing, error) {
	row, _, there, err := casefile.One[kept](ctx, d.Table, layout.TrustList(Territory))
	if err != nil {
		return Standing{}, err
	}
	if !there {
		return Standing{Age: 365 * 24 * time.Hour}, nil
	}
	return Standing{Age: d.Now().Sub(row.FetchedAt), Left: row.NextUpdate.Sub(d.Now())}, nil
}

// ErrNone is returned by Load before a list was ever fetched.
var ErrNone = errors.New("trustlist: no list was fetched yet")

// Load returns the compact form of the list in use.
func Load(ctx context.Context, t table.Table, documents archive.Documents) ([]byte, error) {
	row, _, there, err := casefile.One[kept](ctx, t, layout.TrustList(Territory))
	if err != nil {
		return nil, fmt.Errorf("loading trust list: %w", err)
	}
	if !there {
		return nil, ErrNone
	}
	object, err := documents.Open(ctx, layout.TrustListObject(Territory, row.SHA256, "json.gz"))
	if err != nil {
		return nil, fmt.Errorf("loading trust list: %w", err)
	}
	defer object.Body.Close()
	data, err := io.ReadAll(object.Body)
	if err != nil {
		return nil, fmt.Errorf("loading trust list: %w", err)
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != row.SHA256 {
		return nil, errors.New("loading trust list: the object is not the one that was kept")
	}
	return data, nil
}
