// Package evidence makes a case's evidence file (fascicolo di prova) when somebody asks for it: what was presented, its place in the register, the
// sealed and timestamped statement of the day, the certified mail, the outcome. It reads and decides nothing; what is not there yet is said in it.
// The file is kept under its digest, so that asking again for the same facts stores nothing new.
package evidence

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"sportello/shared/domain/application"
	"sportello/shared/domain/evidence"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/problem"
	"sportello/shared/domain/register"
	"sportello/shared/domain/signature"
	"sportello/shared/flow/casefile"
	"sportello/shared/flow/correspondence"
	"sportello/shared/platform/archive"
	"sportello/shared/platform/table"
)

// Documents are the case's files.
type Documents interface {
	Open(ctx context.Context, key string) (archive.Object, error)
	Put(ctx context.Context, key string, body []byte, mediaType string) error
	Link(ctx context.Context, key, name string) (string, error)
}

// Archive is the write-once store, to be read.
type Archive interface {
	Get(ctx context.Context, key string) ([]byte, error)
}

// Config is what the step needs; every field is required.
type Config struct {
	Table     table.Table // applications
	Register  table.Table // read only
	Archive   Archive
	Documents Documents
}

// Desk makes evidence files.
type Desk struct{ Config }

// New checks the configuration.
func New(c Config) (*Desk, error) {
	if c.Table == nil || c.Register == nil || c.Archive == nil || c.Documents == nil {
		return nil, errors.New("evidence: incomplete configuration")
	}
	return &Desk{c}, nil
}

// Link makes the file of a case, keeps it, and returns an address from which a browser can fetch it.
func (d *Desk) Link(ctx context.Context, c casefile.Case) (string, error) {
	body, err := d.Make(ctx, c)
	if err != nil {
		return "", err
	}
	key := layout.EvidenceKey(c.ID, register.Digest(body))
	if err := d.Documents.Put(ctx, key, body, "application/zip"); err != nil {
		return "", err
	}
	return d.Documents.Link(ctx, key, fmt.Sprintf("fascicolo-%s-%d.zip", c.Protocol.Number, c.Protocol.Year))
}

// Bounds of what is put in: the function that makes it holds all of it in memory.
const (
	maxFile  = 8 << 20
	maxTotal = 32 << 20
)

// making is a file on its way.
type making struct {
	*Desk
	ctx  context.Context
	c    casefile.Case
	b    evidence.Builder
	last time.Time // of the facts inside
	days map[string]*register.Leaves
	acts map[string]*signature.Report // on the office's documents, by their ids
}

// Make writes the evidence file of a registered case. The same facts give the same bytes.
func (d *Desk) Make(ctx context.Context, c casefile.Case) ([]byte, error) {
	if c.Protocol == nil || c.Submission == nil {
		return nil, problem.New(problem.Conflict, "L'istanza non ha ancora un numero di protocollo: il fascicolo di prova si può scaricare da quando lo ha.")
	}
	m := &making{Desk: d, ctx: ctx, c: c, last: c.UpdatedAt, days: map[string]*register.Leaves{}, acts: map[string]*signature.Report{}}
	m.b.Application, m.b.Chamber, m.b.Service = c.ID, c.Chamber, c.Service
	for _, gather := range []func() error{m.snapshot, m.attachments, m.documents, m.mail} {
		if err := gather(); err != nil {
			return nil, err
		}
	}
	if c.Outcome == nil {
		m.b.Miss("esito", "la pratica non è ancora conclusa", "")
	}
	m.b.CreatedAt = register.Instant(m.last)
	return m.b.Bytes()
}

// at notes that a fact inside is of an instant.
func (m *making) at(t time.Time) {
	if t.After(m.last) {
		m.last = t
	}
}

func (m *making) snapshot() error {
	body, err := m.read(layout.SnapshotKey(m.c.ID, m.c.Submission.Digest))
	if err != nil {
		return err
	}
	m.b.Add(evidence.Application, "istanza.json", body)
	return nil
}

// read reads a whole object of the documents bucket.
func (m *making) read(key string) ([]byte, error) {
	object, err := m.Documents.Open(m.ctx, key)
	if err != nil {
		return nil, err
	}
	defer object.Body.Close()
	return io.ReadAll(object.Body)
}

// attachments lists the applicant's files, with what was found of their signatures; what was found of the office's is kept for its documents.
func (m *making) attachments() error {
	files, err := casefile.Rows[application.Attachment](m.ctx, m.Table, m.c.ID, layout.AttachmentPrefix)
	if err != nil {
		return err
	}
	for _, f := range files {
		ofForm := f.Field != application.OfficeFile && f.Field != application.ReplyFile
		if f.Field == application.OfficeFile && f.Used != "" && f.Signature != nil {
			m.acts[f.Used] = f.Signature
		}
		if !f.Complete || f.Field == application.OfficeFile || !ofForm && f.Used == "" {
			continue
		}
		a := evidence.Attachment{
			Role: f.Field, Name: f.Name, Size: f.Size, SHA256: f.SHA256, MediaType: f.MediaType, Filed: cmp.Or(f.Used, m.c.Submission.Event),
		}
		if f.Signature != nil {
			if a.Report, err = m.report(fmt.Sprintf("firme/%02d.json", len(m.b.Attachments)+1), f.Signature); err != nil {
				return err
			}
		}
		m.b.Attachments = append(m.b.Attachments, a)
	}
	return nil
}

// report puts in what was found of the signatures of a file.
func (m *making) report(path string, found *signature.Report) (string, error) {
	body, err := json.MarshalIndent(found, "", "  ")
	if err != nil {
		return "", fmt.Errorf("writing signature report: %w", err)
	}
	m.at(found.CheckedAt)
	return m.b.Add(evidence.Report, path, append(body, '\n')), nil
}

// ends are the ends of file names.
var ends = map[string]string{
	"application/pdf": "pdf", "application/json": "json", "application/jose": "jws", "application/pkcs7-mime": "p7m", "text/plain": "txt",
	"message/rfc822": "eml",
}

// documents puts in what the sportello made or filed, then the records that the documents got.
func (m *making) documents() error {
	documents, err := casefile.Rows[application.Document](m.ctx, m.Table, m.c.ID, layout.DocumentPrefix)
	if err != nil {
		return err
	}
	slices.SortStableFunc(documents, func(a, b application.Document) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID)) })
	places := []application.Protocol{*m.c.Protocol}
	for n, d := range documents {
		m.at(d.At)
		if d.Protocol != nil {
			places = append(places, *d.Protocol)
		} else if registered[d.Kind] {
			m.b.Miss("registrazione di un documento ("+d.Kind+")", "il documento non ha ancora un numero di protocollo", d.SHA256)
		}
		if d.Kind == application.ApplicationDocument && d.SHA256 == m.c.Submission.Digest {
			continue // istanza.json
		}
		if !m.fits(d.Size) {
			m.b.Miss("documento ("+d.Kind+")", "è troppo grande per il fascicolo: si scarica dalla pratica", d.SHA256)
			continue
		}
		body, err := m.read(d.Key)
		if err != nil {
			return err
		}
		m.b.Add(evidence.Role(d.Kind), fmt.Sprintf("documenti/%02d-%s.%s", n+1, d.Kind, cmp.Or(ends[d.MediaType], "bin")), body)
		if found := m.acts[d.ID]; found != nil {
			if _, err := m.report(fmt.Sprintf("firme/documento-%02d.json", n+1), found); err != nil {
				return err
			}
		}
	}
	return m.records(places)
}

// registered are the kinds of documents that get a number of their own.
var registered = map[string]bool{
	application.OutcomeDocument: true, application.RequestDocument: true, application.ReplyDocument: true, application.WithdrawalDocument: true,
	application.MessageDocument: true, application.MailDocument: true,
}

func (m *making) fits(size int64) bool { return size <= maxFile && int64(m.b.Size())+size <= maxTotal }

// mail puts in the certified messages to the applicant as they went out and their receipts as they came.
func (m *making) mail() error {
	mails, err := casefile.Rows[correspondence.Mail](m.ctx, m.Table, m.c.ID, layout.MailPrefix)
	if err != nil {
		return err
	}
	for _, one := range mails {
		if one.Kind == correspondence.OfficeNotice {
			continue // between the sportello and the office
		}
		if one.SentAt == nil {
			m.b.Miss("messaggio PEC ("+one.Kind+")", "non è ancora stato spedito, o non ha potuto esserlo", "")
			continue
		}
		kept := evidence.Mail{ID: one.ID, Kind: one.Kind, Receipts: []string{}}
		if kept.Message, err = m.letter(evidence.Message, "pec/"+one.ID+".eml", layout.MailObject(m.c.ID, one.ID), 0, "messaggio PEC ("+one.Kind+")"); err != nil {
			return err
		}
		m.at(*one.SentAt)
		for n, p := range one.Proofs {
			path, err := m.letter(evidence.Receipt, fmt.Sprintf("pec/%s-%d-%s.eml", one.ID, n+1, p.Kind), p.Key, p.Size, "ricevuta PEC ("+string(p.Kind)+")")
			if err != nil {
				return err
			}
			if path != "" {
				kept.Receipts = append(kept.Receipts, path)
			}
			m.at(p.At)
		}
		if len(one.Proofs) == 0 {
			m.b.Miss("ricevute PEC ("+one.Kind+")", "i gestori non le hanno ancora mandate", "")
		}
		m.b.Mail = append(m.b.Mail, kept)
	}
	return nil
}

// letter puts in a message of the archive, unless it is too large.
func (m *making) letter(role evidence.Role, path, key string, size int64, what string) (string, error) {
	const why = "è troppo grande per il fascicolo"
	if !m.fits(size) {
		m.b.Miss(what, why, "")
		return "", nil
	}
	body, err := m.Archive.Get(m.ctx, key)
	if err != nil {
		return "", err
	}
	if !m.fits(int64(len(body))) {
		m.b.Miss(what, why, register.Digest(body))
		return "", nil
	}
	return m.b.Add(role, path, body), nil
}
