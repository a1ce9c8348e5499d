// Package exchange is the applicant's desk after presentation: the list of cases, the story of each, messages, answers to what the
// office asked, withdrawal. Messages are always accepted, whoever has the case in charge.
package exchange

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sportello/shared/domain/application"
	"sportello/shared/domain/catalogue"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/problem"
	"sportello/shared/domain/register"
	"sportello/shared/flow/access"
	"sportello/shared/flow/casefile"
	"sportello/shared/flow/correspondence"
	"sportello/shared/flow/draft"
	"sportello/shared/flow/inbox"
	"sportello/shared/flow/payment"
	"sportello/shared/flow/step"
	"sportello/shared/platform/archive"
	"sportello/shared/platform/table"
)

// Config is what the desk needs; every field is required.
type Config struct {
	Table     table.Table // applications
	Documents archive.Documents
	Inspect   draft.Inspector
	Post      step.Post
	Now       step.Clock
	NewID     step.IDs
}

// Desk serves applicants.
type Desk struct{ Config }

// New checks the configuration.
func New(c Config) (*Desk, error) {
	if c.Table == nil || c.Documents == nil || c.Inspect == nil || c.Now == nil || c.NewID == nil || !c.Post.Complete() {
		return nil, errors.New("exchange: incomplete configuration")
	}
	return &Desk{c}, nil
}

// mine loads a case of the applicant's.
func (d *Desk) mine(ctx context.Context, who access.Applicant, id string) (casefile.Case, error) {
	c, err := casefile.Load(ctx, d.Table, id)
	if err != nil {
		return c, err
	}
	return c, who.Check(c.Application)
}

// Open returns a case to somebody who may see it.
func (d *Desk) Open(ctx context.Context, who access.Applicant, id string) (casefile.Case, error) {
	return d.mine(ctx, who, id)
}

// Show returns a case, as its applicant sees it.
func (d *Desk) Show(ctx context.Context, who access.Applicant, id string) (casefile.View, error) {
	c, err := d.mine(ctx, who, id)
	if err != nil {
		return casefile.View{}, err
	}
	v, err := c.Show(ctx, d.Table)
	v.Officer = c.Responsible()
	return v, err
}

// List returns a page of the cases of one of the applicant's profiles, newest first; without a profile, of the person.
func (d *Desk) List(ctx context.Context, who access.Applicant, profile string, after *table.Cursor) ([]casefile.Summary, *table.Cursor, error) {
	owner := who.TaxCode
	if profile != "" {
		p, err := who.Profile(profile)
		if err != nil {
			return nil, nil, problem.Hidden()
		}
		owner = p.TaxCode
	}
	page, err := d.Table.Query(ctx, table.Query{PK: layout.Owner(owner), Descending: true, Limit: pageSize, After: after})
	if err != nil {
		return nil, nil, err
	}
	list, err := d.summaries(ctx, who, page.Items)
	return list, page.Next, err
}

const pageSize = 25

// summaries loads the cases of a page of the owner's list.
func (d *Desk) summaries(ctx context.Context, who access.Applicant, items []table.Item) ([]casefile.Summary, error) {
	list := []casefile.Summary{}
	if len(items) == 0 {
		return list, nil
	}
	var keys []table.Key
	for _, item := range items {
		var row struct {
			ID string `json:"id"`
		}
		if err := json.Unmarshal(item.Body, &row); err != nil {
			return nil, fmt.Errorf("reading list: %w", err)
		}
		keys = append(keys, layout.Meta(row.ID))
	}
	metas, err := d.Table.Get(ctx, keys...)
	if err != nil {
		return nil, err
	}
	for _, meta := range metas {
		if !meta.Exists() {
			continue // a draft that was discarded this moment
		}
		c, err := casefile.Of(meta)
		if err != nil {
			return nil, err
		}
		if who.Owns(c.Application) {
			list = append(list, c.Summary(c.Responsible()))
		}
	}
	return list, nil
}

// Timeline tells the story of a case.
func (d *Desk) Timeline(ctx context.Context, who access.Applicant, id string) (casefile.Story, error) {
	c, err := d.mine(ctx, who, id)
	if err != nil {
		return casefile.Story{}, err
	}
	return c.Story(ctx, d.Table)
}

// Download returns an address from which the browser fetches a document or a file of the case.
func (d *Desk) Download(ctx context.Context, who access.Applicant, id, document string) (string, error) {
	c, err := d.mine(ctx, who, id)
	if err != nil {
		return "", err
	}
	return c.Link(ctx, d.Table, d.Documents, document, application.Applicant)
}

// Sent says that a message or a reply has arrived.
type Sent struct {
	ID string    `json:"id"`
	At time.Time `json:"at"`
}

// Message sends a message to the office. A formal statement is registered like any document of the case.
func (d *Desk) Message(ctx context.Context, who access.Applicant, id, text string, formal bool) (Sent, error) {
	m := application.Message{ID: d.NewID(), From: application.Applicant, By: who.TaxCode, Text: text, At: d.Now(), Formal: formal}
	var owed step.Owed
	err := step.Retry(ctx, func() error {
		owed = step.Owed{}
		c, err := d.mine(ctx, who, id)
		if err != nil {
			return err
		}
		if c.State == application.Draft {
			return problem.New(problem.Conflict, "La bozza non è ancora stata presentata: non c'è ancora un ufficio a cui scrivere.")
		}
		if c.Unbought() {
			return problem.New(problem.Conflict, "L'istanza non è stata pagata: l'ufficio la riceve, e puoi scrivergli, quando il pagamento arriva.")
		}
		changes, done, err := casefile.Say(ctx, d.Table, c, m)
		if err != nil || done {
			return err
		}
		if formal {
			filed := Filed{Kind: register.Message, Document: application.MessageDocument, Subject: "Dichiarazione", Text: text}
			if owed, err = d.file(ctx, changes, c, who, m.ID, filed, m.At); err != nil {
				return err
			}
		}
		return changes.Commit(ctx, d.Table)
	})
	d.sendIf(ctx, err, owed)
	return Sent{m.ID, m.At}, err
}

func (d *Desk) sendIf(ctx context.Context, err error, owed step.Owed) {
	if err == nil && owed.Event != "" {
		d.Post.Send(ctx, owed)
	}
}

// Filed is what an applicant files after presentation.
type Filed struct {
	Kind     register.Kind
	Document string // kind of the document
	Subject  string
	Text     string
	Request  string
	Files    []application.Attachment
}

// statement is the document that such a filing becomes: its digest is the impronta in the register.
type statement struct {
	Format      string            `json:"format"`
	Application string            `json:"application"`
	Event       string            `json:"event"`
	Kind        register.Kind     `json:"kind"`
	By          application.Party `json:"by"`
	Text        string            `json:"text"`
	Request     string            `json:"request,omitempty"`
	Files       []fileOf          `json:"files"`
}

type fileOf struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
}

// file keeps the statement, and adds to the commit its document and its place in the register's queue. The object goes first: a crash leaves
// an orphan under its digest.
func (d *Desk) file(ctx context.Context, changes *casefile.Changes, c casefile.Case, who access.Applicant, event string, f Filed, at time.Time) (step.Owed, error) {
	s := statement{
		Format: "sportello statement v1", Application: c.ID, Event: event, Kind: f.Kind, By: who.Party(), Text: f.Text,
		Request: f.Request, Files: []fileOf{},
	}
	for _, a := range f.Files {
		s.Files = append(s.Files, fileOf{a.Name, a.SHA256})
	}
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return step.Owed{}, err
	}
	digest := register.Digest(data)
	key := layout.DocumentKey(c.ID, digest)
	if err := d.Documents.Put(ctx, key, data, "application/json"); err != nil {
		return step.Owed{}, err
	}
	changes.Add(casefile.Row(table.Item{}, layout.Document(c.ID, event), application.Document{
		ID: event, Kind: f.Document, Name: f.Document + ".json", MediaType: "application/json", Size: int64(len(data)),
		SHA256: digest, Key: key, At: at, Text: f.Text,
	}))
	filing, err := d.filing(c, event, f, digest, at)
	if err != nil {
		return step.Owed{}, err
	}
	return correspondence.File(changes, c.Chamber, filing, event, c.ID, at), nil
}

func (d *Desk) filing(c casefile.Case, event string, f Filed, digest string, at time.Time) (correspondence.Filing, error) {
	service, err := catalogue.Find(c.Chamber, c.Service)
	if err != nil {
		return correspondence.Filing{}, err
	}
	entry := register.Entry{
		Direction: register.In, Kind: f.Kind, Event: event, Application: c.ID, Chamber: c.Chamber,
		Book: correspondence.Book(service.Chamber), PresentedAt: register.Instant(at), PresentationDate: register.Date(at),
		Senders: []register.Party{correspondence.PartyOf(c.Owner)}, Recipients: []register.Party{correspondence.Us(service.Chamber)},
		Subject: f.Subject + ": " + service.Title, Document: register.Document{SHA256: digest, MediaType: "application/json"},
		Classification: service.Classification.Code, Reserved: c.Reserved,
	}
	for _, a := range f.Files {
		entry.Attachments = append(entry.Attachments, register.Document{SHA256: a.SHA256, MediaType: a.MediaType})
	}
	return correspondence.Filing{Entry: entry, Target: correspondence.ToDocument, ID: event}, nil
}

// Attach declares a file that will go with a reply to the office.
func (d *Desk) Attach(ctx context.Context, who access.Applicant, id string, claim draft.Claim) (draft.Attached, error) {
	claim.Field = application.ReplyFile
	return draft.Declare(ctx, d.files(), who.TaxCode, claim, false, func() (casefile.Case, error) {
		c, err := d.asked(ctx, who, id)
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

// asked loads a case of the applicant's of which the office waits for something.
func (d *Desk) asked(ctx context.Context, who access.Applicant, id string) (casefile.Case, error) {
	c, err := d.mine(ctx, who, id)
	if err == nil && c.State != application.AwaitingIntegration {
		err = problem.New(problem.Conflict, "L'ufficio non ha chiesto documenti: per ora non è possibile allegarne.")
	}
	return c, err
}

// Complete looks at the bytes of such a file.
func (d *Desk) Complete(ctx context.Context, who access.Applicant, id, attachment string) (draft.Completed, error) {
	load := func() (casefile.Case, error) { return d.asked(ctx, who, id) }
	return draft.Confirm(ctx, d.files(), attachment, false, load, isReply)
}

// Detach deletes such a file, as long as no reply filed it.
func (d *Desk) Detach(ctx context.Context, who access.Applicant, id, attachment string) error {
	load := func() (casefile.Case, error) { return d.asked(ctx, who, id) }
	return draft.Drop(ctx, d.files(), attachment, false, load, isReply)
}

func isReply(a application.Attachment) bool { return a.Field == application.ReplyFile }

func (d *Desk) files() draft.Config {
	return draft.Config{Table: d.Table, Documents: d.Documents, Inspect: d.Inspect, Now: d.Now, NewID: d.NewID}
}

// Reply answers the open integration request: it is registered, and the term goes on from now (L. 241/1990 art. 2 c.7).
func (d *Desk) Reply(ctx context.Context, who access.Applicant, id, request, text string, files []string) (Sent, error) {
	event, at := d.NewID(), d.Now()
	var owed step.Owed
	err := step.Retry(ctx, func() error {
		owed = step.Owed{}
		c, err := d.mine(ctx, who, id)
		if err != nil {
			return err
		}
		if done, err := d.replied(ctx, c, request, event); err != nil || done {
			return err
		}
		var changes casefile.Changes
		attached, err := d.attached(ctx, &changes, c, event, files)
		if err != nil {
			return err
		}
		next, line, err := inbox.Answered(ctx, d.Table, &changes, c, event, text, files, at)
		if err != nil {
			return err
		}
		line.By, line.Document, line.Text = who.TaxCode, event, text
		changes.Add(c.Put(next))
		changes.Add(casefile.Tell(c.ID, event, line))
		owed, err = d.file(ctx, &changes, c, who, event, Filed{
			Kind: register.Integration, Document: application.ReplyDocument, Subject: "Integrazione", Text: text, Request: request, Files: attached,
		}, at)
		if err != nil {
			return err
		}
		return changes.Commit(ctx, d.Table)
	})
	d.sendIf(ctx, err, owed)
	return Sent{event, at}, err
}

// replied tells whether this very reply is there already, and refuses another answer to an answered request.
func (d *Desk) replied(ctx context.Context, c casefile.Case, request, event string) (bool, error) {
	r, _, there, err := casefile.One[application.Request](ctx, d.Table, layout.Request(c.ID, request))
	switch {
	case err != nil:
		return false, err
	case !there:
		return false, problem.New(problem.Invalid, "La richiesta dell'ufficio a cui rispondi non esiste.").At("#/request", "Richiesta sconosciuta.")
	case r.Answered == event:
		return true, nil
	case r.Answered != "":
		return false, problem.New(problem.Conflict, "A questa richiesta hai già risposto.")
	case c.Request != request:
		return false, problem.New(problem.Conflict, "Questa richiesta non aspetta più una risposta: puoi scrivere all'ufficio con un messaggio.")
	}
	return false, nil
}

// attached returns the files of a reply, all complete and the case's own, and adds to the commit that the reply files them.
func (d *Desk) attached(ctx context.Context, changes *casefile.Changes, c casefile.Case, event string, ids []string) ([]application.Attachment, error) {
	var files []application.Attachment
	for n, id := range ids {
		file, item, there, err := casefile.One[application.Attachment](ctx, d.Table, layout.Attachment(c.ID, id))
		pointer := fmt.Sprintf("#/attachments/%d", n)
		switch {
		case err != nil:
			return nil, err
		case !there || !isReply(file) || file.Used != "" || slices.Contains(ids[:n], id):
			return nil, problem.New(problem.Invalid, "Un allegato indicato non esiste.").At(pointer, "Allegato sconosciuto.")
		case !file.Complete:
			return nil, problem.New(problem.Invalid, "Il caricamento di un allegato non è terminato.").At(pointer, "Caricamento non terminato.")
		}
		if err := draft.Verify(ctx, d.Documents, c.ID, file, pointer); err != nil {
			return nil, err
		}
		file.Used = event
		changes.Add(casefile.Row(item, item.Key, file))
		files = append(files, file)
	}
	return files, nil
}

// Withdraw takes the application back. It keeps, or will get, its number; the withdrawal is registered after it.
func (d *Desk) Withdraw(ctx context.Context, who access.Applicant, id, reason string) (casefile.View, error) {
	event, at := d.NewID(), d.Now()
	var owed step.Owed
	err := step.Retry(ctx, func() error {
		owed = step.Owed{}
		c, err := d.mine(ctx, who, id)
		if err != nil {
			return err
		}
		if c.State == application.Withdrawn {
			return nil // asked twice, or an unclear commit that went through
		}
		var changes casefile.Changes
		next, line, err := c.Move(application.WasWithdrawn, at, application.Applicant)
		if err != nil {
			return err
		}
		line.By, line.Document, line.Text = who.TaxCode, event, strings.TrimSpace(reason)
		next.Outcome = &application.Outcome{Kind: application.Withdrawal, Event: event, At: at}
		if c.State == application.AwaitingPayment {
			return d.cancel(ctx, c, next, line)
		}
		closing := at.Add(24 * time.Hour)
		next.CloseAt, next.Request = &closing, ""
		changes.Add(c.Put(next))
		changes.Add(casefile.Tell(c.ID, event, line))
		owed, err = d.file(ctx, &changes, c, who, event, Filed{
			Kind: register.Withdrawal, Document: application.WithdrawalDocument, Subject: "Rinuncia", Text: reason,
		}, at)
		if err != nil {
			return err
		}
		return changes.Commit(ctx, d.Table)
	})
	d.sendIf(ctx, err, owed)
	if err != nil {
		return casefile.View{}, err
	}
	return d.Show(ctx, who, id)
}

// cancel takes back an application that nobody paid for: it never entered the register, so there is nothing to number, to close or to preserve.
func (d *Desk) cancel(ctx context.Context, c casefile.Case, next application.Application, line application.Line) error {
	line.Document = ""
	var changes casefile.Changes
	changes.Add(c.Put(next))
	changes.Add(casefile.Tell(c.ID, next.Outcome.Event, line))
	if err := payment.Cancel(ctx, d.Table, &changes, c, next.Outcome.At); err != nil {
		return err
	}
	return changes.Commit(ctx, d.Table)
}
