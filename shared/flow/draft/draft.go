// Package draft is the applicant's desk before presentation: a draft that is saved at any moment and resumed on another
// device, and its files, which the browser puts into the bucket by itself.
package draft

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"sportello/shared/domain/application"
	"sportello/shared/domain/catalogue"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/problem"
	"sportello/shared/flow/access"
	"sportello/shared/flow/casefile"
	"sportello/shared/flow/signatures"
	"sportello/shared/flow/step"
	"sportello/shared/platform/archive"
	"sportello/shared/platform/table"
)

// Config is what the desk needs; every field is required.
type Config struct {
	Table      table.Table // applications
	Documents  archive.Documents
	Signatures signatures.Verifier
	Inspect    Inspector
	Now        step.Clock
	NewID      step.IDs
	// Report is told what went wrong and stopped nobody.
	Report func(ctx context.Context, item string, err error)
}

// Desk serves drafts.
type Desk struct{ Config }

// New checks the configuration.
func New(c Config) (*Desk, error) {
	if c.Table == nil || c.Documents == nil || c.Signatures == nil || c.Inspect == nil || c.Now == nil || c.NewID == nil || c.Report == nil {
		return nil, errors.New("draft: incomplete configuration")
	}
	return &Desk{c}, nil
}

// owned is a row of a person's or company's list.
type owned struct {
	ID string `json:"id"`
}

// Create opens a draft for one of the applicant's profiles.
func (d *Desk) Create(ctx context.Context, who access.Applicant, chamber, service, profile string) (casefile.View, error) {
	offered, err := catalogue.Lookup(chamber, service)
	if err != nil {
		return casefile.View{}, err
	}
	p, err := who.Profile(profile)
	if err != nil {
		return casefile.View{}, err
	}
	if !slices.Contains(offered.Profiles, p.Kind) {
		return casefile.View{}, problem.New(problem.Invalid, "Questo servizio non è previsto per il profilo indicato.").
			At("#/profile", "Scegli un altro profilo.")
	}
	if err := d.room(ctx, p.TaxCode); err != nil {
		return casefile.View{}, err
	}
	now := d.Now()
	a := application.Application{
		ID: d.NewID(), Chamber: chamber, Service: service, State: application.Draft, CreatedAt: now, UpdatedAt: now,
		Owner: application.Party{Kind: p.Kind, TaxCode: p.TaxCode, Name: p.Name}, Filer: who.Party(),
	}
	if a.Owner.TaxCode == a.Filer.TaxCode {
		a.Owner = a.Filer // the session knows the parts of their name
	}
	err = step.Retry(ctx, func() error {
		// After an unclear commit the draft may be there already: its id is ours alone.
		if _, err := casefile.Load(ctx, d.Table, a.ID); err == nil || !problem.Is(err, problem.NotFound) {
			return err
		}
		var changes casefile.Changes
		changes.Add(casefile.Case{}.Put(a))
		changes.Add(casefile.Row(table.Item{}, layout.Answers(a.ID), application.Answers{Values: json.RawMessage("{}")}))
		changes.Add(casefile.Row(table.Item{}, layout.Owned(a.Owner.TaxCode, a.CreatedAt, a.ID), owned{a.ID}))
		return changes.Commit(ctx, d.Table)
	})
	if err != nil {
		return casefile.View{}, err
	}
	return d.show(ctx, a.ID)
}

// MaxDrafts is how many drafts in a row a person or company may open without presenting or deleting one.
const MaxDrafts = 40

// room tells whether the owner may open one more draft: the newest of their cases must not all be drafts.
func (d *Desk) room(ctx context.Context, owner string) error {
	page, err := d.Table.Query(ctx, table.Query{PK: layout.Owner(owner), Descending: true, Limit: MaxDrafts})
	if err != nil || len(page.Items) < MaxDrafts {
		return err
	}
	keys := make([]table.Key, len(page.Items))
	for n, item := range page.Items {
		row, err := table.Decode[owned](item, application.Schema)
		if err != nil {
			return err
		}
		keys[n] = layout.Meta(row.ID)
	}
	metas, err := d.Table.Get(ctx, keys...)
	if err != nil {
		return err
	}
	for _, meta := range metas {
		if !meta.Exists() {
			return nil
		}
		if c, err := casefile.Of(meta); err != nil || c.State != application.Draft {
			return err
		}
	}
	return problem.Newf(problem.Conflict, "Ci sono già %d bozze non presentate: presentane una o elimina quelle che non servono.", MaxDrafts)
}

// ErrPresented is the cause of the problem that who works on a draft meets when it is none any more.
var ErrPresented = errors.New("draft: presented already")

// mine loads a draft of the applicant's; what was presented is no draft any more.
func (d *Desk) mine(ctx context.Context, who access.Applicant, id string) (casefile.Case, error) {
	c, err := casefile.Load(ctx, d.Table, id)
	if err != nil {
		return c, err
	}
	if err := who.Check(c.Application); err != nil {
		return c, err
	}
	if c.State != application.Draft {
		return c, problem.New(problem.Conflict, "L'istanza è già stata presentata e non può più essere modificata.").Because(ErrPresented)
	}
	return c, nil
}

func (d *Desk) show(ctx context.Context, id string) (casefile.View, error) {
	c, err := casefile.Load(ctx, d.Table, id)
	if err != nil {
		return casefile.View{}, err
	}
	return c.Show(ctx, d.Table)
}

// Save replaces the answers of a draft, on condition that it is still at version.
func (d *Desk) Save(ctx context.Context, who access.Applicant, id string, version int64, answers json.RawMessage) (casefile.View, error) {
	c, err := d.mine(ctx, who, id)
	if err != nil {
		return casefile.View{}, err
	}
	if fields := catalogue.ValidateDraft(c.Service, answers); len(fields) > 0 {
		p := problem.New(problem.Invalid, "Alcune risposte non sono nel formato richiesto.")
		p.Fields = fields
		return casefile.View{}, p
	}
	kept, item, _, err := casefile.One[application.Answers](ctx, d.Table, layout.Answers(id))
	if err != nil {
		return casefile.View{}, err
	}
	if equal(kept.Values, answers) {
		return c.Show(ctx, d.Table) // a repeated save, or one whose answer was lost (RFC 9110, 13.1.1, allows it to succeed)
	}
	if c.Item.Version != version {
		return casefile.View{}, superseded()
	}
	next := c.Application
	next.UpdatedAt = d.Now()
	var changes casefile.Changes
	changes.Add(c.Put(next))
	changes.Add(casefile.Row(item, layout.Answers(id), application.Answers{Values: answers}))
	err = changes.Commit(ctx, d.Table)
	if errors.Is(err, table.ErrConflict) {
		return casefile.View{}, superseded()
	}
	if errors.Is(err, table.ErrUnclear) {
		return casefile.View{}, problem.New(problem.Unavailable, "Non è stato possibile confermare il salvataggio. Riprova tra poco.").Because(err)
	}
	if err != nil {
		return casefile.View{}, err
	}
	return d.show(ctx, id)
}

// equal tells whether two texts are the same JSON, written in the same order.
func equal(a, b json.RawMessage) bool {
	one, errOne := json.Marshal(a)
	other, errOther := json.Marshal(b)
	return errOne == nil && errOther == nil && bytes.Equal(one, other)
}

func superseded() error {
	return problem.New(problem.VersionMismatch, "La bozza è stata modificata altrove, per esempio su un altro dispositivo. Ricarica la pagina per vedere l'ultima versione.")
}

// Discard deletes a draft and its files.
func (d *Desk) Discard(ctx context.Context, who access.Applicant, id string) error {
	tried := false
	return step.Retry(ctx, func() error {
		c, err := d.mine(ctx, who, id)
		if tried && problem.Is(err, problem.NotFound) {
			return nil // an unclear commit that went through
		}
		if err != nil {
			return err
		}
		tried = true
		err = Remove(ctx, d.Table, d.Documents, c)
		if errors.Is(err, ErrLeftBehind) {
			d.Report(ctx, id, err)
			return nil
		}
		return err
	})
}

// ErrLeftBehind is returned, wrapped, by Remove when the draft is gone and a file of it could not be deleted. Nothing needs to be done again.
var ErrLeftBehind = errors.New("draft: file of a removed draft left behind")

// Remove deletes a draft: first the row that makes it a draft of somebody, so that a crash leaves files without a draft (uploads expire by
// the bucket's lifecycle; a kept copy stays, named by nothing but its digest), never a draft without files. Whoever presents the draft
// at the same moment changes its row: one of the two finds a conflict.
func Remove(ctx context.Context, t table.Table, documents archive.Documents, c casefile.Case) error {
	items, err := table.All(ctx, t, table.Query{PK: layout.Application(c.ID)})
	if err != nil {
		return err
	}
	attachments, err := casefile.Rows[application.Attachment](ctx, t, c.ID, layout.AttachmentPrefix)
	if err != nil {
		return err
	}
	changes := []table.Change{table.Delete(c.Item)}
	list, err := table.One(ctx, t, layout.Owned(c.Owner.TaxCode, c.CreatedAt, c.ID))
	switch {
	case err == nil:
		changes = append(changes, table.Delete(list))
	case !errors.Is(err, table.ErrNotFound):
		return err
	}
	for _, item := range items {
		if item.Key != c.Item.Key {
			changes = append(changes, table.Delete(item))
		}
	}
	if len(changes) > table.MaxChanges {
		return fmt.Errorf("removing draft of %d rows: %w", len(changes), table.ErrInvalid)
	}
	if err := t.Commit(ctx, changes...); err != nil {
		return fmt.Errorf("removing draft: %w", err)
	}
	var left []error
	for _, a := range attachments {
		for _, key := range []string{layout.UploadKey(c.ID, a.ID), layout.DocumentKey(c.ID, a.SHA256)} {
			if err := documents.Delete(ctx, key); err != nil {
				left = append(left, err)
			}
		}
	}
	if len(left) > 0 {
		return fmt.Errorf("%w: %w", ErrLeftBehind, errors.Join(left...))
	}
	return nil
}
