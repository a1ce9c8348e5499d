// Package draft is the applicant's desk before presentation: a draft that is saved at any moment and resumed on another
// device, and its files, which the browser puts into the bucket by itself.
package draft

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"sportello/shared/domain/application"
	"sportello/shared/domain/catalogue"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/problem"
	"sportello/shared/flow/access"
	"sportello/shared/flow/casefile"
	"sportello/shared/flow/step"
	"sportello/shared/platform/archive"
	"sportello/shared/platform/table"
)

// Config is what the desk needs; every field is required.
type Config struct {
	Table     table.Table // applications
	Documents archive.Documents
	Now       step.Clock
	NewID     step.IDs
}

// Desk serves drafts.
type Desk struct{ Config }

// New checks the configuration.
func New(c Config) (*Desk, error) {
	if c.Table == nil || c.Documents == nil || c.Now == nil || c.NewID == nil {
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
	if _, err := catalogue.Lookup(chamber, service); err != nil {
		return casefile.View{}, err
	}
	p, err := who.Profile(profile)
	if err != nil {
		return casefile.View{}, err
	}
	now := d.Now()
	a := application.Application{
		ID: d.NewID(), Chamber: chamber, Service: service, State: application.Draft, CreatedAt: now, UpdatedAt: now,
		Owner: application.Party{Kind: p.Kind, TaxCode: p.TaxCode, Name: p.Name}, Filer: who.Party(),
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
		return c, problem.New(problem.Conflict, "L'istanza è già stata presentata e non può più essere modificata.")
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
	if c.Item.Version != version {
		return casefile.View{}, superseded()
	}
	kept, item, _, err := casefile.One[application.Answers](ctx, d.Table, layout.Answers(id))
	if err != nil {
		return casefile.View{}, err
	}
	if string(kept.Values) == string(answers) {
		return c.Show(ctx, d.Table) // a repeated save, or one whose answer was lost
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

func superseded() error {
	return problem.New(problem.VersionMismatch, "La bozza è stata modificata altrove, per esempio su un altro dispositivo. Ricarica la pagina per vedere l'ultima versione.")
}

// Discard deletes a draft and its files.
func (d *Desk) Discard(ctx context.Context, who access.Applicant, id string) error {
	c, err := d.mine(ctx, who, id)
	if err != nil {
		return err
	}
	return Remove(ctx, d.Table, d.Documents, c)
}

// Remove deletes a draft: first the row that makes it a draft of somebody, so that a crash leaves files without a draft (they expire by
// the bucket's lifecycle), never a draft without files.
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
	if err == nil {
		changes = append(changes, table.Delete(list))
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
	for _, a := range attachments {
		for _, key := range []string{layout.UploadKey(c.ID, a.ID), layout.DocumentKey(c.ID, a.SHA256)} {
			if err := documents.Delete(ctx, key); err != nil {
				slog.WarnContext(ctx, "file of a removed draft left behind", "error", err)
			}
		}
	}
	return nil
}

// MaxAttachments is how many files a case may have: a draft is removed in one commit.
const MaxAttachments = 40

// Claim is what the browser says of a file it will upload.
type Claim struct {
	Field     string `json:"field"`
	Name      string `json:"name"`
	Size      int64  `json:"size"`
	SHA256    string `json:"sha256"`
	MediaType string `json:"mediaType"`
}

// Attached tells how to upload a file.
type Attached struct {
	ID     string         `json:"id"`
	Upload archive.Upload `json:"upload"`
}

// Attach declares a file of a draft and returns how to put its bytes into the bucket.
func (d *Desk) Attach(ctx context.Context, who access.Applicant, id string, claim Claim) (Attached, error) {
	c, err := d.mine(ctx, who, id)
	if err != nil {
		return Attached{}, err
	}
	present, err := casefile.Rows[application.Attachment](ctx, d.Table, id, layout.AttachmentPrefix)
	if err != nil {
		return Attached{}, err
	}
	if len(present) >= MaxAttachments {
		return Attached{}, problem.Newf(problem.Conflict, "Una pratica può avere al massimo %d file.", MaxAttachments)
	}
	others := 0
	for _, a := range present {
		if a.Field == claim.Field {
			others++
		}
	}
	if fields := catalogue.ValidateUpload(c.Service, catalogue.Upload{
		Field: claim.Field, Name: claim.Name, MediaType: claim.MediaType, Size: claim.Size, Others: others,
	}); len(fields) > 0 {
		p := problem.New(problem.Invalid, "Il file non può essere allegato.")
		p.Fields = fields
		return Attached{}, p
	}
	return Declare(ctx, d.Config, c, who.TaxCode, claim, true)
}

// Declare writes the row of a file that will be uploaded and signs the upload. raise says whether the case's version goes
// up with it (a draft's does, so that what is submitted is what was seen).
func Declare(ctx context.Context, d Config, c casefile.Case, by string, claim Claim, raise bool) (Attached, error) {
	digest, err := hex.DecodeString(strings.ToLower(claim.SHA256))
	if err != nil || len(digest) != sha256.Size {
		return Attached{}, problem.New(problem.Invalid, "L'impronta del file non è valida.").At("#/sha256", "Servono 64 cifre esadecimali (SHA-256).")
	}
	now := d.Now()
	a := application.Attachment{
		ID: d.NewID(), Field: claim.Field, Name: claim.Name, Size: claim.Size, SHA256: hex.EncodeToString(digest),
		MediaType: claim.MediaType, By: by, CreatedAt: now,
	}
	err = step.Retry(ctx, func() error {
		_, _, there, err := casefile.One[application.Attachment](ctx, d.Table, layout.Attachment(c.ID, a.ID))
		if err != nil || there {
			return err
		}
		if c, err = casefile.Load(ctx, d.Table, c.ID); err != nil {
			return err
		}
		var changes casefile.Changes
		changes.Add(casefile.Row(table.Item{}, layout.Attachment(c.ID, a.ID), a))
		changes.Add(touch(c, now, raise))
		return changes.Commit(ctx, d.Table)
	})
	if err != nil {
		return Attached{}, err
	}
	upload, err := d.Documents.Presign(ctx, layout.UploadKey(c.ID, a.ID), archive.File{
		Size: a.Size, SHA256: [32]byte(digest), MediaType: a.MediaType,
	})
	return Attached{a.ID, upload}, err
}

// touch raises the case's version, or only holds the commit to it.
func touch(c casefile.Case, now time.Time, raise bool) (table.Change, error) {
	if !raise {
		return table.Check(c.Item), nil
	}
	next := c.Application
	next.UpdatedAt = now
	return c.Put(next)
}

// Completed says that a file is there and is what was declared.
type Completed struct {
	ID    string `json:"id"`
	State string `json:"state"`
}

// Complete looks at the bytes that were uploaded and keeps them under their digest.
func (d *Desk) Complete(ctx context.Context, who access.Applicant, id, attachment string) (Completed, error) {
	c, err := d.mine(ctx, who, id)
	if err != nil {
		return Completed{}, err
	}
	return Confirm(ctx, d.Config, c, attachment, true)
}

// Confirm checks the bytes of a declared file and copies them to where they stay. Crash: before the commit the copy is an orphan under its
// digest, and the next completion makes the same copy.
func Confirm(ctx context.Context, d Config, c casefile.Case, attachment string, raise bool) (Completed, error) {
	now := d.Now()
	err := step.Retry(ctx, func() error {
		a, item, there, err := casefile.One[application.Attachment](ctx, d.Table, layout.Attachment(c.ID, attachment))
		if err != nil {
			return err
		}
		if !there {
			return problem.Hidden()
		}
		if a.Complete {
			return nil
		}
		if err := verify(ctx, d.Documents, layout.UploadKey(c.ID, a.ID), a); err != nil {
			return err
		}
		if err := d.Documents.Copy(ctx, layout.UploadKey(c.ID, a.ID), layout.DocumentKey(c.ID, a.SHA256)); err != nil {
			return err
		}
		if c, err = casefile.Load(ctx, d.Table, c.ID); err != nil {
			return err
		}
		a.Complete = true
		var changes casefile.Changes
		changes.Add(casefile.Row(item, item.Key, a))
		changes.Add(touch(c, now, raise))
		return changes.Commit(ctx, d.Table)
	})
	return Completed{attachment, "complete"}, err
}

// verify compares the bytes in the bucket with what was declared: length, digest, and the type their first bytes show.
func verify(ctx context.Context, documents archive.Documents, key string, a application.Attachment) error {
	object, err := documents.Open(ctx, key)
	if errors.Is(err, archive.ErrNotFound) {
		return problem.New(problem.Conflict, "Il file non è ancora stato caricato: carica il file e riprova.")
	}
	if err != nil {
		return err
	}
	defer object.Body.Close()
	if object.Size != a.Size {
		return problem.New(problem.FileMismatch, "Il file caricato non ha la dimensione dichiarata. Ricaricalo.").At("#/size", "Dimensione diversa da quella dichiarata.")
	}
	hash := sha256.New()
	head := &firstBytes{}
	if _, err := io.Copy(io.MultiWriter(hash, head), object.Body); err != nil {
		return fmt.Errorf("reading upload: %w", err)
	}
	if hex.EncodeToString(hash.Sum(nil)) != a.SHA256 {
		return problem.New(problem.FileMismatch, "Il file caricato non è quello dichiarato: l'impronta è diversa. Ricaricalo.").At("#/sha256", "Impronta diversa da quella dichiarata.")
	}
	if !Looks(a.MediaType, head.bytes) {
		return problem.New(problem.FileMismatch, "Il contenuto del file non corrisponde al suo tipo. Controlla di avere scelto il file giusto.").At("#/mediaType", "Il contenuto non è del tipo dichiarato.")
	}
	return nil
}

// Verify compares the kept bytes of a file with its row: what was complete may have changed under our feet.
func Verify(ctx context.Context, documents archive.Documents, application string, a application.Attachment) error {
	return verify(ctx, documents, layout.DocumentKey(application, a.SHA256), a)
}

// firstBytes keeps the beginning of what is written to it.
type firstBytes struct{ bytes []byte }

func (f *firstBytes) Write(p []byte) (int, error) {
	if room := 512 - len(f.bytes); room > 0 {
		f.bytes = append(f.bytes, p[:min(room, len(p))]...)
	}
	return len(p), nil
}

// Detach deletes a file of a draft.
func (d *Desk) Detach(ctx context.Context, who access.Applicant, id, attachment string) error {
	now := d.Now()
	var gone application.Attachment
	err := step.Retry(ctx, func() error {
		c, err := d.mine(ctx, who, id)
		if err != nil {
			return err
		}
		a, item, there, err := casefile.One[application.Attachment](ctx, d.Table, layout.Attachment(id, attachment))
		if err != nil {
			return err
		}
		if !there {
			return nil // deleting twice is deleting once
		}
		gone = a
		var changes casefile.Changes
		changes.List = append(changes.List, table.Delete(item))
		changes.Add(touch(c, now, true))
		return changes.Commit(ctx, d.Table)
	})
	if err != nil || gone.ID == "" {
		return err
	}
	// The kept copy is named by digest and may serve another file of the draft: only the upload goes, the copy with the draft.
	return d.Documents.Delete(ctx, layout.UploadKey(id, gone.ID))
}

// MaxFile is the largest file outside a form: what fits a certified message (RFC 6109 §3.1.1).
const MaxFile = 30 << 20

// Check holds a file that no form describes to what everybody can open and keep (AgID guidelines, annex 2).
func (c Claim) Check() error {
	p := problem.New(problem.Invalid, "Il file non può essere allegato.")
	if c.Size < 1 || c.Size > MaxFile {
		p.At("#/size", "Il file deve avere da 1 byte a 30 MB.")
	}
	switch c.MediaType {
	case "application/pdf", "image/jpeg", "image/png", "application/pkcs7-mime":
	default:
		p.At("#/mediaType", "Sono accettati PDF, JPEG, PNG e documenti firmati P7M.")
	}
	if len(p.Fields) > 0 {
		return p
	}
	return nil
}
