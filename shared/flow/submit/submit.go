// Package submit presents an application (istanza). Once Present has answered, the application reaches a final state or an open problem with
// an owner, whatever fails afterwards (I1); the instant of presentation is this one (I5).
package submit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"time"

	"sportello/shared/domain/application"
	"sportello/shared/domain/catalogue"
	"sportello/shared/domain/deadline"
	"sportello/shared/domain/layout"
	money "sportello/shared/domain/payment"
	"sportello/shared/domain/problem"
	"sportello/shared/domain/register"
	"sportello/shared/flow/access"
	"sportello/shared/flow/casefile"
	"sportello/shared/flow/correspondence"
	"sportello/shared/flow/draft"
	"sportello/shared/flow/payment"
	"sportello/shared/flow/signatures"
	"sportello/shared/flow/step"
	"sportello/shared/platform/archive"
	"sportello/shared/platform/table"
)

// Representation asks the company register whether a person still represents a company. An error means that it did not answer.
type Representation interface {
	Represents(ctx context.Context, person, company string) (bool, error)
}

// Config is what presenting needs; every field is required.
type Config struct {
	Table          table.Table // applications
	Documents      archive.Documents
	Representation Representation
	Signatures     signatures.Verifier
	Post           step.Post
	Now            step.Clock
	NewID          step.IDs
}

// Desk presents applications.
type Desk struct{ Config }

// New checks the configuration.
func New(c Config) (*Desk, error) {
	if c.Table == nil || c.Documents == nil || c.Representation == nil || c.Signatures == nil || c.Now == nil || c.NewID == nil || !c.Post.Complete() {
		return nil, errors.New("submit: incomplete configuration")
	}
	return &Desk{c}, nil
}

// Presented is the answer to the applicant: from here on the application is safe.
type Presented struct {
	State       string           `json:"state"`
	PresentedAt time.Time        `json:"presentedAt"`
	Receipt     casefile.Receipt `json:"receipt"`
	Payment     *Charge          `json:"payment,omitempty"` // where the fee buys the act: what registration waits for
}

// Charge is what is to be paid.
type Charge struct {
	State        string `json:"state"`
	Amount       int    `json:"amount"` // euro cents
	NoticeNumber string `json:"noticeNumber"`
	Due          string `json:"due"` // YYYY-MM-DD
}

// File is a file of what was presented.
type File struct {
	Field     string `json:"field,omitempty"`
	Name      string `json:"name"`
	Size      int64  `json:"size,omitempty"`
	SHA256    string `json:"sha256"`
	MediaType string `json:"mediaType,omitempty"`
}

// Snapshot is what was presented, as it is kept for good. Its SHA-256 is the impronta (DPR 445/2000 art. 53 c.1 f). It holds
// no instant, so a retry makes the same snapshot.
type Snapshot struct {
	Format      string            `json:"format"` // "sportello application v1"
	Application string            `json:"application"`
	Chamber     string            `json:"chamber"`
	Service     string            `json:"service"`
	Owner       application.Party `json:"owner"`
	Filer       application.Party `json:"filer"`
	Answers     json.RawMessage   `json:"answers"`
	Attachments []File            `json:"attachments"`
}

// used is the row that remembers an Idempotency-Key of a person.
type used struct {
	Application string `json:"application"`
	Body        string `json:"body"`
}

// reading is all that presenting looks at.
type reading struct {
	casefile.Case
	answers     application.Answers
	attachments []application.Attachment
	rows        map[string]table.Item // of the attachments, by id
	key         table.Item            // the row of the Idempotency-Key
	keyUsed     *used
}

// Present presents the draft. key is the request's Idempotency-Key, body the digest of its content: the same key with the same content
// gets the same answer for ever, with other content a problem.
func (d *Desk) Present(ctx context.Context, who access.Applicant, id, key string, version int64) (Presented, error) {
	event := d.NewID()
	var answer Presented
	err := step.Retry(ctx, func() (err error) {
		answer, err = d.attempt(ctx, who, id, key, event, version)
		return err
	})
	return answer, err
}

func (d *Desk) attempt(ctx context.Context, who access.Applicant, id, key, event string, version int64) (Presented, error) {
	r, err := d.read(ctx, who, id, key)
	if err != nil {
		return Presented{}, err
	}
	snapshot, err := r.snapshot()
	if err != nil {
		return Presented{}, err
	}
	if r.keyUsed != nil && (r.keyUsed.Application != id || r.keyUsed.Body != digest(snapshot)) {
		return Presented{}, problem.New(problem.KeyReused, "La chiave Idempotency-Key è già stata usata per un'altra richiesta.")
	}
	if r.Submission != nil {
		return r.answered(key)
	}
	if r.State != application.Draft {
		return Presented{}, problem.New(problem.Conflict, "L'istanza non è una bozza e non può essere presentata.")
	}
	if version != 0 && r.Item.Version != version {
		return Presented{}, problem.New(problem.VersionMismatch, "La bozza è cambiata dopo il riepilogo che hai visto. Ricontrolla il riepilogo e presenta di nuovo.")
	}
	if err := d.check(ctx, r); err != nil {
		return Presented{}, err
	}
	if err := d.signed(ctx, r); err != nil {
		return Presented{}, err
	}
	// The snapshot goes first: a crash after it leaves a draft and an object that the retry finds equal.
	if err := d.Documents.Put(ctx, layout.SnapshotKey(id, digest(snapshot)), snapshot, "application/json"); err != nil {
		return Presented{}, fmt.Errorf("keeping snapshot: %w", err)
	}
	return d.commit(ctx, r, snapshot, key, event)
}

// read loads the case, its answers and files, and what the key was used for.
func (d *Desk) read(ctx context.Context, who access.Applicant, id, key string) (reading, error) {
	c, err := casefile.Load(ctx, d.Table, id)
	if err != nil {
		return reading{}, err
	}
	if err := who.Check(c.Application); err != nil {
		return reading{}, err
	}
	r := reading{Case: c}
	if r.Submission == nil {
		// Who presents is the filer: a colleague may have begun the draft, and it is this person's powers that count (CAD art. 65 c.1 b).
		r.Filer = who.Party()
	}
	if r.answers, _, _, err = casefile.One[application.Answers](ctx, d.Table, layout.Answers(id)); err != nil {
		return reading{}, err
	}
	if err := d.files(ctx, &r); err != nil {
		return reading{}, err
	}
	before, item, there, err := casefile.One[used](ctx, d.Table, layout.Idempotency(who.TaxCode, key))
	if err != nil {
		return reading{}, err
	}
	if r.key = item; there {
		r.keyUsed = &before
	}
	return r, nil
}

// files reads the form's files with their rows: presenting writes on those that must be signed what was found of their signatures.
func (d *Desk) files(ctx context.Context, r *reading) error {
	items, err := table.All(ctx, d.Table, table.Query{PK: layout.Application(r.ID), Prefix: layout.AttachmentPrefix})
	if err != nil {
		return fmt.Errorf("reading attachments: %w", err)
	}
	r.rows = map[string]table.Item{}
	for _, item := range items {
		a, err := table.Decode[application.Attachment](item, application.Schema)
		if err != nil {
			return err
		}
		r.rows[a.ID] = item
		r.attachments = append(r.attachments, a)
	}
	// The office's files, and those of later replies, are no part of what is presented.
	r.attachments = casefile.Form(r.attachments)
	return nil
}

// snapshot writes what is presented, the same bytes for the same content.
func (r reading) snapshot() ([]byte, error) {
	files := []File{}
	for _, a := range r.attachments {
		files = append(files, File{a.Field, a.Name, a.Size, a.SHA256, a.MediaType})
	}
	sort.Slice(files, func(a, b int) bool {
		return files[a].Field+"\x00"+files[a].Name+"\x00"+files[a].SHA256 < files[b].Field+"\x00"+files[b].Name+"\x00"+files[b].SHA256
	})
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(Snapshot{
		"sportello application v1", r.ID, r.Chamber, r.Service, r.Owner, r.Filer, r.answers.Values, files,
	})
	if err != nil {
		return nil, fmt.Errorf("writing snapshot: %w", err)
	}
	return out.Bytes(), nil
}

// answered repeats the first answer to a case that was presented already.
func (r reading) answered(key string) (Presented, error) {
	if r.Submission.Key != key {
		return Presented{}, problem.New(problem.Conflict, "L'istanza è già stata presentata.")
	}
	return r.presented(), nil
}

// check is everything that must hold before an application may be presented.
func (d *Desk) check(ctx context.Context, r reading) error {
	fields := catalogue.ValidateAnswers(r.Service, r.answers.Values, register.Date(d.Now()))
	uploads := []catalogue.Upload{}
	for _, a := range r.attachments {
		if !a.Complete {
			fields = append(fields, problem.Field{Pointer: "#/attachments/" + a.Field, Detail: "Il caricamento di un file non è terminato: completalo o rimuovi il file."})
			continue
		}
		uploads = append(uploads, catalogue.Upload{Field: a.Field, Name: a.Name, MediaType: a.MediaType, Size: a.Size})
	}
	fields = append(fields, catalogue.ValidateAttachments(r.Service, uploads)...)
	fields = append(fields, elsewhere(r.Owner, r.answers.Values)...)
	if len(fields) > 0 {
		p := problem.New(problem.Invalid, "L'istanza non è completa: controlla i campi indicati.")
		p.Fields = fields
		return p
	}
	for _, a := range r.attachments {
		if err := draft.Verify(ctx, d.Documents, r.ID, a, "#/attachments/"+a.Field); err != nil {
			return fmt.Errorf("checking attachment %s: %w", a.ID, err)
		}
	}
	return d.representation(ctx, r)
}

// representation asks the register again: who filled in the form may have left the company since.
func (d *Desk) representation(ctx context.Context, r reading) error {
	if r.Owner.Kind != application.Company {
		return nil
	}
	yes, err := d.Representation.Represents(ctx, r.Filer.TaxCode, r.Owner.TaxCode)
	if err != nil {
		return silent(err)
	}
	if !yes {
		return problem.New(problem.Forbidden, "Il Registro Imprese non ti indica come rappresentante di questa impresa.")
	}
	return nil
}

// silent is what the applicant is told when the register does not answer.
func silent(err error) error {
	return problem.New(problem.Unavailable, "Il Registro Imprese non risponde: non è possibile verificare ora i tuoi poteri. La bozza è salva: riprova tra poco.").Because(err)
}

// commit writes the presentation: state, story, what is pending, and what is owed because of it, in one transaction.
func (d *Desk) commit(ctx context.Context, r reading, snapshot []byte, key, event string) (Presented, error) {
	now := d.Now()
	service, err := catalogue.Lookup(r.Chamber, r.Service)
	if err != nil {
		return Presented{}, err
	}
	act := application.Submitted
	if service.Cost.BuysAct() {
		act = application.SubmittedUnpaid
	}
	next, line, err := r.Move(act, now, application.Applicant)
	if err != nil {
		return Presented{}, err
	}
	line.Event = application.Submitted // paid for or not, it is presented
	term := deadline.Start(now, service.TermDays)
	next.Term = &term
	next.Domicile = domicile(r.Owner, r.answers.Values)
	next.Against = against(service, r.answers.Values)
	next.Reserved = catalogue.Reserved(r.Service, r.answers.Values)
	next.Submission = &application.Submission{Event: event, PresentedAt: now, Key: key, Digest: digest(snapshot)}
	line.By = r.Filer.TaxCode
	line.Document = event

	var changes casefile.Changes
	owed, err := d.owe(ctx, &changes, &next, service, r)
	if err != nil {
		return Presented{}, err
	}
	changes.Add(r.Put(next))
	changes.Add(casefile.Tell(r.ID, event, line))
	changes.Add(casefile.Row(r.key, layout.Idempotency(r.Filer.TaxCode, key), used{r.ID, digest(snapshot)}))
	changes.Add(casefile.Row(table.Item{}, layout.Document(r.ID, event), application.Document{
		ID: event, Kind: application.ApplicationDocument, Name: "istanza.json", MediaType: "application/json",
		Size: int64(len(snapshot)), SHA256: digest(snapshot), Key: layout.SnapshotKey(r.ID, digest(snapshot)), At: now,
	}))
	receipt := step.Owed{Kind: step.Receipt, Chamber: r.Chamber, Day: register.Date(now), Event: event, Application: r.ID, CreatedAt: now}
	changes.Add(receipt.Promise())
	if err := r.reports(&changes, receipt); err != nil {
		return Presented{}, err
	}
	if err := changes.Commit(ctx, d.Table); err != nil {
		return Presented{}, err
	}
	d.Post.Send(ctx, append(owed, receipt)...)
	return reading{Case: casefile.Case{Application: next}, attachments: r.attachments}.presented(), nil
}

// elected is the form's word for a certified address of the case's own.
const elected = "elected"

// choice is where the form asks for the answer.
type choice struct {
	Domicile string `json:"domicile"`
	PEC      string `json:"pec"`
}

// elsewhere refuses another address to a company: its domicile is the one in INI-PEC, and it is reached nowhere else (CAD art. 6-bis).
func elsewhere(owner application.Party, answers json.RawMessage) []problem.Field {
	var form choice
	if owner.Kind != application.Company || json.Unmarshal(answers, &form) != nil || form.Domicile != elected {
		return nil
	}
	return []problem.Field{{
		Pointer: "#/answers/domicile",
		Detail:  "Un'impresa riceve le comunicazioni al domicilio digitale iscritto nel Registro Imprese: scegli il domicilio che risulta dai registri pubblici.",
	}}
}

// domicile is the certified address that a person may choose for this case (CAD art. 3-bis c.4-quinquies): empty for the one in the registers,
// and for a company, which has one there by law.
func domicile(owner application.Party, answers json.RawMessage) string {
	var form choice
	if owner.Kind != application.Person || json.Unmarshal(answers, &form) != nil {
		return ""
	}
	switch form.Domicile {
	case elected:
		return form.PEC
	case application.PortalOnly:
		return application.PortalOnly
	}
	return ""
}

// against is the person a complaint is about, who must not see it.
func against(service catalogue.Service, answers json.RawMessage) string {
	var form struct {
		Officer string `json:"officer"`
	}
	if !service.Rules.HiddenFromOfficerComplainedOf || json.Unmarshal(answers, &form) != nil {
		return ""
	}
	return form.Officer
}

// presented is the answer, made only of what is stored: the same at every repetition.
func (r reading) presented() Presented {
	p := Presented{State: string(application.Presented), PresentedAt: r.PresentedAt(), Receipt: casefile.ReceiptOf(r.Application, r.attachments)}
	if r.Fee != nil {
		p.State = string(application.AwaitingPayment)
		p.Payment = &Charge{string(money.Requested), r.Fee.Cents, money.NoticeNumber(r.Fee.IUV), r.Fee.Due}
	}
	return p
}

// owe adds to the presentation what follows from it: the document is owed to the register, or waits for the fee that buys it.
func (d *Desk) owe(ctx context.Context, changes *casefile.Changes, next *application.Application, s catalogue.Service, r reading) ([]step.Owed, error) {
	now := next.PresentedAt()
	if s.Cost.BuysAct() {
		correspondence.Hold(changes, *next)
		return nil, payment.Demand(ctx, d.Table, changes, next, s, now)
	}
	filing := correspondence.Application(*next, s, r.attachments)
	return []step.Owed{correspondence.File(changes, r.Chamber, filing, next.Submission.Event, r.ID, now)}, nil
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
