package draft

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

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
	return Declare(ctx, d.Config, who.TaxCode, claim, true, func() (casefile.Case, error) {
		c, err := d.mine(ctx, who, id)
		if err != nil {
			return c, err
		}
		return c, d.takes(ctx, c, claim)
	})
}

// takes tells whether the draft's form takes one more such file.
func (d *Desk) takes(ctx context.Context, c casefile.Case, claim Claim) error {
	present, err := casefile.Rows[application.Attachment](ctx, d.Table, c.ID, layout.AttachmentPrefix)
	if err != nil {
		return err
	}
	if len(present) >= MaxAttachments {
		return TooMany()
	}
	if fields := catalogue.ValidateUpload(c.Service, claim.upload(count(present, claim.Field))); len(fields) > 0 {
		p := problem.New(problem.Invalid, "Il file non può essere allegato.")
		p.Fields = fields
		return p
	}
	return nil
}

// TooMany is what who attaches one file too many is told.
func TooMany() error {
	return problem.Newf(problem.Invalid, "Una pratica può avere al massimo %d file.", MaxAttachments).At("#/field", "I file sono già troppi.")
}

func count(present []application.Attachment, field string) int {
	n := 0
	for _, a := range present {
		if a.Field == field {
			n++
		}
	}
	return n
}

// Loader loads a case and says whether its files may change now, and by whom. It is asked at every try, for the case may be presented,
// decided or somebody else's meanwhile.
type Loader func() (casefile.Case, error)

// Declare writes the row of a file that will be uploaded and signs the upload. raise says whether the case's version goes
// up with it (a draft's does, so that what is submitted is what was seen).
func Declare(ctx context.Context, d Config, by string, claim Claim, raise bool, load Loader) (Attached, error) {
	digest, err := hex.DecodeString(strings.ToLower(claim.SHA256))
	if err != nil || len(digest) != sha256.Size {
		return Attached{}, problem.New(problem.Invalid, "L'impronta del file non è valida.").At("#/sha256", "Servono 64 cifre esadecimali (SHA-256).")
	}
	now := d.Now()
	a := application.Attachment{
		ID: d.NewID(), Field: claim.Field, Name: claim.Name, Size: claim.Size, SHA256: hex.EncodeToString(digest),
		MediaType: claim.MediaType, By: by, CreatedAt: now,
	}
	var c casefile.Case
	declared := false
	err = step.Retry(ctx, func() error {
		if declared { // an earlier try of ours, whose outcome was unclear
			_, _, there, err := casefile.One[application.Attachment](ctx, d.Table, layout.Attachment(c.ID, a.ID))
			if err != nil || there {
				return err
			}
		}
		if c, err = load(); err != nil {
			return err
		}
		declared = true
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

// Completed says that a file is there and is what was declared, and what its signatures are worth where the form wants them.
type Completed struct {
	ID        string                  `json:"id"`
	State     string                  `json:"state"`
	Signature *casefile.SignatureView `json:"signature,omitempty"`
}

// Complete looks at the bytes that were uploaded and keeps them under their digest.
func (d *Desk) Complete(ctx context.Context, who access.Applicant, id, attachment string) (Completed, error) {
	load := func() (casefile.Case, error) { return d.mine(ctx, who, id) }
	return Confirm(ctx, d.Config, attachment, true, load, func(application.Attachment) bool { return true })
}

// Confirm checks the bytes of a declared file and copies them to where they stay. own tells whether the file is of those that load's caller
// may touch. Crash: before the commit the copy is an orphan under its digest, and the next completion makes the same copy.
func Confirm(ctx context.Context, d Config, attachment string, raise bool, load Loader, own func(application.Attachment) bool) (Completed, error) {
	now := d.Now()
	var kept application.Attachment
	err := step.Retry(ctx, func() error {
		c, err := load()
		if err != nil {
			return err
		}
		a, item, there, err := casefile.One[application.Attachment](ctx, d.Table, layout.Attachment(c.ID, attachment))
		if err != nil {
			return err
		}
		if !there || !own(a) {
			return problem.Hidden()
		}
		if kept = a; a.Complete && !signatures.Pending([]application.Attachment{a}) {
			return nil
		}
		if kept, err = confirmed(ctx, d, c, a); err != nil {
			return err
		}
		var changes casefile.Changes
		changes.Add(casefile.Row(item, item.Key, kept))
		changes.Add(touch(c, now, raise))
		return changes.Commit(ctx, d.Table)
	})
	return Completed{attachment, "complete", casefile.SignatureOf(kept.Signature)}, err
}

// confirmed looks at a file that was not there before, and at the signatures of one that the form wants signed or an office decides with. A verdict that is bad does not
// refuse the file: its owner reads why, and takes another.
func confirmed(ctx context.Context, d Config, c casefile.Case, a application.Attachment) (application.Attachment, error) {
	if !a.Complete {
		if err := verify(ctx, d.Documents, layout.UploadKey(c.ID, a.ID), a, d.Inspect); err != nil {
			return a, err
		}
		if err := d.Documents.Copy(ctx, layout.UploadKey(c.ID, a.ID), layout.DocumentKey(c.ID, a.SHA256)); err != nil {
			return a, err
		}
		a.Complete = true
	}
	if a.Field == application.OfficeFile {
		report, err := signatures.OfOffice(ctx, d.Documents, d.Signatures, c, a, d.Now())
		a.Signature = report
		return a, err
	}
	if !signatures.Wanted(c.Service, a.Field) {
		return a, nil
	}
	report, err := signatures.Look(ctx, d.Documents, d.Signatures, c.Service, c.ID, a, d.Now())
	if err != nil {
		return a, err
	}
	a.Signature = &report
	return a, nil
}

// verify compares the bytes in the bucket with what was declared: length and digest. Where there is an inspector, the file is held in memory once
// and looked at whole; no form takes one above 30 MB.
func verify(ctx context.Context, documents archive.Documents, key string, a application.Attachment, inspect Inspector) error {
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
	whole := &bytes.Buffer{}
	to := []io.Writer{hash}
	if inspect != nil {
		whole.Grow(int(object.Size))
		to = append(to, whole)
	}
	if _, err := io.Copy(io.MultiWriter(to...), object.Body); err != nil {
		return fmt.Errorf("reading upload: %w", err)
	}
	if hex.EncodeToString(hash.Sum(nil)) != a.SHA256 {
		return problem.New(problem.FileMismatch, "Il file caricato non è quello dichiarato: l'impronta è diversa. Ricaricalo.").At("#/sha256", "Impronta diversa da quella dichiarata.")
	}
	if inspect == nil {
		return nil
	}
	if refusal := inspect(whole.Bytes(), a.MediaType); refusal != "" {
		return problem.New(problem.FileMismatch, refusal).At("#/mediaType", refusal)
	}
	return nil
}

// Verify compares the kept bytes of a file with its row: what was complete may have changed under our feet. pointer is where the request of
// who meets the problem names the file.
func Verify(ctx context.Context, documents archive.Documents, application string, a application.Attachment, pointer string) error {
	err := verify(ctx, documents, layout.DocumentKey(application, a.SHA256), a, nil) // inspected when it came, and of the same digest
	var p *problem.Problem
	if !errors.As(err, &p) {
		return err
	}
	return problem.New(problem.FileMismatch, "Un file allegato manca o non è più quello che era stato caricato. Rimuovilo e caricalo di nuovo.").
		At(pointer, "File mancante o diverso da quello caricato: caricalo di nuovo.").Because(err)
}

// Detach deletes a file of a draft.
func (d *Desk) Detach(ctx context.Context, who access.Applicant, id, attachment string) error {
	load := func() (casefile.Case, error) { return d.mine(ctx, who, id) }
	return Drop(ctx, d.Config, attachment, true, load, func(application.Attachment) bool { return true })
}

// Drop deletes a file that was not filed yet, row first. Deleting twice is deleting once.
func Drop(ctx context.Context, d Config, attachment string, raise bool, load Loader, own func(application.Attachment) bool) error {
	now := d.Now()
	var c casefile.Case
	var gone application.Attachment
	shared := false // another file of the case has the same bytes
	err := step.Retry(ctx, func() (err error) {
		if c, err = load(); err != nil {
			return err
		}
		all, err := casefile.Rows[application.Attachment](ctx, d.Table, c.ID, layout.AttachmentPrefix)
		if err != nil {
			return err
		}
		a, item, there, err := casefile.One[application.Attachment](ctx, d.Table, layout.Attachment(c.ID, attachment))
		if err != nil || !there {
			return err
		}
		if !own(a) || a.Used != "" {
			return problem.Hidden()
		}
		gone = a
		shared = slices.ContainsFunc(all, func(o application.Attachment) bool { return o.ID != a.ID && o.SHA256 == a.SHA256 })
		var changes casefile.Changes
		changes.List = append(changes.List, table.Delete(item))
		changes.Add(touch(c, now, raise))
		return changes.Commit(ctx, d.Table)
	})
	if err != nil || gone.ID == "" {
		return err
	}
	if raise && !shared { // once presented, a document of the case may be kept under the same digest
		if err := d.Documents.Delete(ctx, layout.DocumentKey(c.ID, gone.SHA256)); err != nil {
			return err
		}
	}
	return d.Documents.Delete(ctx, layout.UploadKey(c.ID, gone.ID))
}

// Check holds a file that no form describes to what everybody can open and keep (AgID guidelines, annex 2); others is how many there are.
func (c Claim) Check(others int) error {
	if fields := catalogue.Files(c.Field, "Allegato", MaxAttachments).Check(c.upload(others)); len(fields) > 0 {
		p := problem.New(problem.Invalid, "Il file non può essere allegato.")
		p.Fields = fields
		return p
	}
	return nil
}

func (c Claim) upload(others int) catalogue.Upload {
	return catalogue.Upload{Field: c.Field, Name: c.Name, MediaType: c.MediaType, Size: c.Size, Others: others}
}

// Forgotten is how long after it was declared a file without bytes counts no more: its upload's address has ended by then, and nobody who
// tried often enough on a bad line must be left without a place for a file.
const Forgotten = time.Hour

// Count tells how many files of a kind a case has, and may still get.
func Count(ctx context.Context, t table.Table, id, field string, now time.Time) (int, error) {
	present, err := casefile.Rows[application.Attachment](ctx, t, id, layout.AttachmentPrefix)
	present = slices.DeleteFunc(present, func(a application.Attachment) bool { return !a.Complete && now.Sub(a.CreatedAt) > Forgotten })
	return count(present, field), err
}
