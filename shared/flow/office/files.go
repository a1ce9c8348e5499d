package office

import (
	"context"

	"sportello/shared/domain/application"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/problem"
	"sportello/shared/flow/access"
	"sportello/shared/flow/casefile"
	"sportello/shared/flow/draft"
	"sportello/shared/platform/table"
)

// Attach declares a file of the office, such as the outcome's document.
func (d *Desk) Attach(ctx context.Context, who access.Officer, id string, claim draft.Claim) (draft.Attached, error) {
	if err := who.May(access.Work); err != nil {
		return draft.Attached{}, err
	}
	claim.Field = application.OfficeFile
	return draft.Declare(ctx, d.files(), who.TaxCode, claim, false, func() (casefile.Case, error) {
		c, err := d.open(ctx, who, id)
		if err != nil {
			return c, err
		}
		others, err := draft.Count(ctx, d.Table, id, claim.Field, d.Now())
		if err != nil {
			return c, err
		}
		return c, claim.Check(others)
	})
}

// Complete looks at the bytes of such a file.
func (d *Desk) Complete(ctx context.Context, who access.Officer, id, attachment string) (draft.Completed, error) {
	if err := who.May(access.Work); err != nil {
		return draft.Completed{}, err
	}
	load := func() (casefile.Case, error) { return d.open(ctx, who, id) }
	return draft.Confirm(ctx, d.files(), attachment, false, load, isOffice)
}

func isOffice(a application.Attachment) bool { return a.Field == application.OfficeFile }

func (d *Desk) files() draft.Config {
	return draft.Config{Table: d.Table, Documents: d.Documents, Signatures: d.Signatures, Inspect: d.Inspect, Now: d.Now, NewID: d.NewID}
}

// document returns the office's file that becomes the outcome's document; its bytes are looked at again.
func (d *Desk) document(ctx context.Context, c casefile.Case, id string) (application.Attachment, table.Item, error) {
	file, item, ok, err := casefile.One[application.Attachment](ctx, d.Table, layout.Attachment(c.ID, id))
	if err != nil {
		return file, item, err
	}
	if !ok || file.Field != application.OfficeFile || !file.Complete {
		return file, item, problem.New(problem.Invalid, "Manca il documento dell'esito.").At("#/document", "Carica prima il documento e indicane l'identificativo.")
	}
	return file, item, draft.Verify(ctx, d.Documents, c.ID, file, "#/document")
}
