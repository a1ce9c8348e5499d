// Package receipt makes and seals the document of the receipt that the applicant was given at once as data (L. 241/1990 art. 18-bis).
package receipt

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"sportello/shared/domain/application"
	"sportello/shared/domain/layout"
	"sportello/shared/flow/casefile"
	"sportello/shared/flow/problems"
	"sportello/shared/flow/step"
	"sportello/shared/platform/archive"
	"sportello/shared/platform/queue"
	"sportello/shared/platform/table"
)

// Printer prints the receipt: the same data always as the same bytes, so that a redelivery repeats the same document.
type Printer func(w io.Writer, a application.Application, r casefile.Receipt) error

// Sealer puts the sportello's seal on a printed receipt. at is the signing time: with the same one, the same document is sealed as the same bytes.
type Sealer func(ctx context.Context, printed []byte, a application.Application, at time.Time) ([]byte, error)

// Config is what the step needs; every field is required.
type Config struct {
	Table     table.Table // applications
	Documents archive.Documents
	Print     Printer
	Seal      Sealer
	Now       step.Clock
}

// Desk makes receipts.
type Desk struct{ Config }

// New checks the configuration.
func New(c Config) (*Desk, error) {
	if c.Table == nil || c.Documents == nil || c.Print == nil || c.Seal == nil || c.Now == nil {
		return nil, errors.New("receipt: incomplete configuration")
	}
	return &Desk{c}, nil
}

// Make prints, seals and keeps the receipt that the envelope points at. Its signing time is the row's instant. Crash after the object is kept:
// the next delivery makes the same bytes under the same key, and commits.
func (d *Desk) Make(ctx context.Context, e queue.Envelope) error {
	return step.Retry(ctx, func() error {
		owed, item, there, err := step.Read(ctx, d.Table, table.Key{PK: e.PK, SK: e.SK})
		if err != nil || !there || owed.Parked {
			return err
		}
		c, err := casefile.Load(ctx, d.Table, owed.Application)
		if err != nil {
			return err
		}
		document, err := d.print(ctx, c.Application, owed.CreatedAt)
		if err != nil {
			return err
		}
		var changes casefile.Changes
		changes.Add(casefile.Row(table.Item{}, layout.Document(c.ID, document.ID), document))
		changes.Add(casefile.Tell(c.ID, document.ID, application.Line{
			At: document.At, Event: application.ReceiptIssued, Actor: application.System, Document: document.ID,
		}))
		paid, err := problems.Paid(ctx, d.Table, owed, item, document.At)
		if err != nil {
			return err
		}
		changes.List = append(changes.List, paid...)
		return changes.Commit(ctx, d.Table)
	})
}

func (d *Desk) print(ctx context.Context, a application.Application, at time.Time) (application.Document, error) {
	attachments, err := casefile.Rows[application.Attachment](ctx, d.Table, a.ID, layout.AttachmentPrefix)
	if err != nil {
		return application.Document{}, err
	}
	var out bytes.Buffer
	if err := d.Print(&out, a, casefile.ReceiptOf(a, casefile.Form(attachments))); err != nil {
		return application.Document{}, fmt.Errorf("printing receipt: %w", err)
	}
	sealed, err := d.Seal(ctx, out.Bytes(), a, at)
	if err != nil {
		return application.Document{}, fmt.Errorf("sealing receipt: %w", err)
	}
	sum := sha256.Sum256(sealed)
	document := application.Document{
		ID: a.Submission.Event + "-r", Kind: application.ReceiptDocument, Name: "ricevuta.pdf", MediaType: "application/pdf",
		Size: int64(len(sealed)), SHA256: hex.EncodeToString(sum[:]), At: d.Now(),
	}
	document.Key = layout.DocumentKey(a.ID, document.SHA256)
	return document, d.Documents.Put(ctx, document.Key, sealed, document.MediaType)
}
