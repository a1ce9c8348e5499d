package deadlines

import (
	"context"
	"errors"
	"slices"
	"time"

	"sportello/shared/domain/application"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/payment"
	"sportello/shared/flow/casefile"
	"sportello/shared/platform/table"
)

// forget removes a case that ended without its act having been bought: it never entered the register, and nothing asks for its data to be kept any
// longer (GDPR art. 5 c.1 e). The payment's own row stays, of nobody any more: it is what the books rest on. While money is still to go back, the
// institute has not told its last word, or the receipt is not made, the case stays too, for as long again.
//
// The case's own row goes last: whoever dies in between finds it at the next sweep, and goes on.
func (d *Desk) forget(ctx context.Context, c casefile.Case, now time.Time) error {
	documents, err := casefile.Rows[application.Document](ctx, d.Table, c.ID, layout.DocumentPrefix)
	if err != nil {
		return err
	}
	waits, err := d.disown(ctx, c.Fee.IUV, documents)
	if err != nil {
		return err
	}
	if waits {
		next := c.Application
		next.UpdatedAt = now
		change, err := c.Put(next)
		if err != nil {
			return err
		}
		return d.Table.Commit(ctx, change)
	}
	if err := d.forgetFiles(ctx, c, documents); err != nil {
		return err
	}
	items, err := table.All(ctx, d.Table, table.Query{PK: layout.Application(c.ID)})
	if err != nil {
		return err
	}
	var changes []table.Change
	for _, item := range items {
		if item.Key != c.Item.Key {
			changes = append(changes, table.Delete(item))
		}
	}
	for some := range slices.Chunk(changes, table.MaxChanges) {
		if err := d.Table.Commit(ctx, some...); err != nil {
			return err
		}
	}
	last := []table.Change{table.Delete(c.Item)}
	for _, key := range []table.Key{layout.Owned(c.Owner.TaxCode, c.CreatedAt, c.ID), layout.Idempotency(c.Filer.TaxCode, c.Submission.Key)} {
		item, err := table.One(ctx, d.Table, key)
		if err == nil {
			last = append(last, table.Delete(item))
		} else if !errors.Is(err, table.ErrNotFound) {
			return err
		}
	}
	return d.Table.Commit(ctx, last...)
}

// disown parts a payment from its case: money that comes from now on is told in no story. waits tells that it is too early for that.
func (d *Desk) disown(ctx context.Context, iuv string, documents []application.Document) (waits bool, err error) {
	p, item, err := table.Load[payment.Payment](ctx, d.Table, layout.Payment(iuv), payment.Schema)
	if err != nil || p.Application == "" {
		return false, err
	}
	receipt := slices.ContainsFunc(documents, func(doc application.Document) bool { return doc.Kind == application.ReceiptDocument })
	if p.Owes() || !p.Closed || !receipt {
		return true, nil
	}
	p.Application = ""
	if item, err = item.With(payment.Schema, p); err != nil {
		return false, err
	}
	return false, d.Table.Commit(ctx, table.Put(item)) // closed, nothing owed: the sweep has nothing to wait for
}

// forgetFiles removes what the applicant uploaded and what the sportello made of it.
func (d *Desk) forgetFiles(ctx context.Context, c casefile.Case, documents []application.Document) error {
	keys := []string{layout.SnapshotKey(c.ID, c.Submission.Digest)}
	attachments, err := casefile.Rows[application.Attachment](ctx, d.Table, c.ID, layout.AttachmentPrefix)
	if err != nil {
		return err
	}
	for _, a := range attachments {
		keys = append(keys, layout.UploadKey(c.ID, a.ID), layout.DocumentKey(c.ID, a.SHA256))
	}
	for _, document := range documents {
		keys = append(keys, document.Key)
	}
	for _, key := range keys {
		if err := d.Documents.Delete(ctx, key); err != nil {
			return err
		}
	}
	return nil
}
