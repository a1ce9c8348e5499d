// Package application is the life of an application (istanza): its states and the table of their edges, what is kept of it, and
// the lines of its story. It is pure: no clock, no storage.
package application

import (
	"encoding/json"
	"strings"
	"time"

	"sportello/shared/domain/deadline"
	"sportello/shared/domain/signature"
)

// Schema is the format number of all rows of this package.
const Schema = 1

// Application is the META row; answers, files and messages are rows beside it. It stays under 1 kB, so that every step's
// write costs one unit.
type Application struct {
	ID      string `json:"id"`
	Chamber string `json:"chamber"`
	Service string `json:"service"`

	// Owner is whose case it is: the person, or the company represented. The case belongs to the company.
	Owner Party `json:"owner"`
	// Filer is the person who wrote it, identified by SPID, CIE or CNS (CAD art. 65 c.1 b).
	Filer Party `json:"filer"`
	// Domicile is the certified address chosen for this case (CAD art. 3-bis c.4-quinquies), empty for the one in the public
	// registers, PortalOnly for a person who has none.
	Domicile string `json:"domicile,omitempty"`
	// Against is the officer whom a complaint names: the case is hidden from them.
	Against string `json:"against,omitempty"`
	// Reserved says that its owner asked for confidentiality: so the register and the package call its documents.
	Reserved bool `json:"reserved,omitempty"`

	State     State     `json:"state"`
	CreatedAt time.Time `json:"createdAt"`
	UpdatedAt time.Time `json:"updatedAt"`

	Submission *Submission `json:"submission,omitempty"`
	Protocol   *Protocol   `json:"protocol,omitempty"`
	// Fee is what buys the act, where a fee does; nil where registration waits for no payment.
	Fee *Fee `json:"fee,omitempty"`
	// Term is the legal clock; nil before presentation.
	Term *deadline.Clock `json:"term,omitempty"`
	// TermExpired is when the term ran out unanswered; the event is told once.
	TermExpired *time.Time `json:"termExpired,omitempty"`

	Officer string `json:"officer,omitempty"` // tax code of who has it in charge
	// Request is the integration request that is open, if any.
	Request string   `json:"request,omitempty"`
	Outcome *Outcome `json:"outcome,omitempty"`
	// CloseAt is when a decided or withdrawn case closes by itself; nil: not before something happens.
	CloseAt *time.Time `json:"closeAt,omitempty"`
	Rated   bool       `json:"rated,omitempty"`
	// Survey is the one-use token of the rating, kept here only for who receives no letter: the desk shows it to them.
	Survey  string `json:"survey,omitempty"`
	Package string `json:"package,omitempty"` // SHA-256 of the package in preservation, hex
}

// Kind of a party.
const (
	Person  = "person"
	Company = "company"
)

// Party is a person or a company, by tax code.
type Party struct {
	Kind    string `json:"kind,omitempty"`
	TaxCode string `json:"taxCode"`
	Name    string `json:"name"`             // a person's: given name, then family name
	Family  string `json:"family,omitempty"` // the part of Name that is the family name, where it is known
}

// Given is a person's given name; empty if it is not known which part of Name that is.
func (p Party) Given() string {
	if given, ok := strings.CutSuffix(p.Name, " "+p.Family); ok && p.Family != "" {
		return given
	}
	return ""
}

// Submission is the act of presenting. PresentedAt is the instant of presentation, in milliseconds, whatever happens
// later (L. 241/1990 art. 18-bis).
type Submission struct {
	Event       string    `json:"event"`
	PresentedAt time.Time `json:"presentedAt"`
	Key         string    `json:"key"`    // the Idempotency-Key it came with
	Digest      string    `json:"digest"` // SHA-256 of the snapshot, hex: the impronta (DPR 445/2000 art. 53 c.1 f)
}

// Fee is the price of the act as it was when the application was presented. What came of it is in the payment's own row, by IUV.
type Fee struct {
	IUV   string `json:"iuv"`
	Cents int    `json:"cents"`
	Due   string `json:"due"` // YYYY-MM-DD, the last day, Europe/Rome
}

// Protocol is a place in the register. Number has at least seven digits (DPR 445/2000 art. 57).
type Protocol struct {
	Number string `json:"number"`
	Year   int    `json:"year"`
	Date   string `json:"date"` // YYYY-MM-DD, Europe/Rome
	// External is the number beside ours in the protocol that the chamber keeps itself, once it has given it.
	External *External `json:"external,omitempty"`
}

// Own is the place in our register alone: it never changes.
func (p Protocol) Own() Protocol {
	p.External = nil
	return p
}

// External is a place in a chamber's own protocol.
type External struct {
	Number   string `json:"number"`
	Year     int    `json:"year"`
	Date     string `json:"date"` // YYYY-MM-DD
	Register string `json:"register,omitempty"`
}

// Outcome is what the office decided. Kind is one of the service's outcomes, or Withdrawal.
type Outcome struct {
	Kind     string    `json:"kind"`
	Event    string    `json:"event"`
	At       time.Time `json:"at"`
	Document string    `json:"document,omitempty"` // id of the outcome's document
	// DeliveredAt is when the certified message with it was delivered: acts that limit rights take effect from
	// there (L. 241/1990 art. 21-bis).
	DeliveredAt *time.Time `json:"deliveredAt,omitempty"`
}

// PortalOnly is the domicile of a person who has no certified address: the answer is in the personal area (and on paper where the
// law asks for service).
const PortalOnly = "portal"

// Withdrawal is the outcome of a case that its owner took back.
const Withdrawal = "withdrawn"

// Answers is what the form says, kept apart from META for its size.
type Answers struct {
	Values json.RawMessage `json:"values"` // a JSON object by the service's form
}

// Attachment is one file of an application.
type Attachment struct {
	ID        string    `json:"id"`
	Field     string    `json:"field"` // the form's field, or OfficeFile, or ReplyFile
	Name      string    `json:"name"`
	Size      int64     `json:"size"`
	SHA256    string    `json:"sha256"` // hex
	MediaType string    `json:"mediaType"`
	Complete  bool      `json:"complete"` // the bytes are there and are what was declared
	By        string    `json:"by"`       // tax code of who uploaded it
	CreatedAt time.Time `json:"createdAt"`
	// Used is the event that filed it (submission, reply, decision); a file in use is never deleted.
	Used string `json:"used,omitempty"`
	// Signature is what was found of its signatures, where the form asks for a signed file: the last look counts.
	Signature *signature.Report `json:"signature,omitempty"`
}

// Fields of attachments that no form declares.
const (
	OfficeFile = "office"
	ReplyFile  = "reply"
)

// Document is a file of the case that the sportello made or filed: receipt, outcome, snapshot of a reply.
type Document struct {
	ID        string    `json:"id"`
	Kind      string    `json:"kind"`
	Name      string    `json:"name"`
	MediaType string    `json:"mediaType"`
	Size      int64     `json:"size"`
	SHA256    string    `json:"sha256"`
	Key       string    `json:"key"` // where its bytes are in the documents bucket
	At        time.Time `json:"at"`
	Text      string    `json:"text,omitempty"` // what the office or the applicant wrote with it
	Protocol  *Protocol `json:"protocol,omitempty"`
}

// Kinds of documents.
const (
	ApplicationDocument = "application"
	ReceiptDocument     = "receipt"
	OutcomeDocument     = "outcome"
	RequestDocument     = "integration-request"
	ReplyDocument       = "reply"
	WithdrawalDocument  = "withdrawal"
	MessageDocument     = "message"
	MailDocument        = "mail"
	PaymentDocument     = "payment" // the notice that says it was paid, as it came
)

// Request is an integration request and, once there, its answer.
type Request struct {
	ID       string    `json:"id"`
	Text     string    `json:"text"`
	By       string    `json:"by"`
	At       time.Time `json:"at"`
	Due      string    `json:"due"`                // YYYY-MM-DD
	Answered string    `json:"answered,omitempty"` // the event of the reply
	Lapsed   bool      `json:"lapsed,omitempty"`
	// Reply is what the applicant answered.
	Reply       string     `json:"reply,omitempty"`
	RepliedAt   *time.Time `json:"repliedAt,omitempty"`
	Attachments []string   `json:"attachments,omitempty"`
}

// Message is one message between applicant and office. Formal ones are registered.
type Message struct {
	ID     string    `json:"id"`
	From   Actor     `json:"from"`
	By     string    `json:"by"` // tax code
	Text   string    `json:"text"`
	At     time.Time `json:"at"`
	Formal bool      `json:"formal,omitempty"`
}

// Actor says on whose side something happened.
type Actor string

// The actors of the timeline.
const (
	Applicant Actor = "applicant"
	Office    Actor = "office"
	System    Actor = "system"
	MailBox   Actor = "mail"
)

// Line is one line of the timeline.
type Line struct {
	At       time.Time `json:"at"`
	Event    Event     `json:"event"`
	Actor    Actor     `json:"actor"`
	By       string    `json:"by,omitempty"` // tax code, for the office's own eyes
	Text     string    `json:"text,omitempty"`
	Document string    `json:"document,omitempty"`
	From     State     `json:"from,omitempty"`
	To       State     `json:"to,omitempty"`
}

// Move applies an event to a copy of the application: the next state, and the line that tells it. The caller fills in the line's
// words.
func (a Application) Move(on Event, at time.Time, by Actor) (Application, Line, error) {
	next, err := a.State.Next(on)
	if err != nil {
		return a, Line{}, err
	}
	line := Line{At: at, Event: on, Actor: by, From: a.State, To: next}
	a.State = next
	a.UpdatedAt = at
	return a, line, nil
}

// Unbought tells whether the case ended, or is, without the act having been paid for: it has no number, will get none, and nothing of it is preserved.
func (a Application) Unbought() bool {
	return a.State == AwaitingPayment || a.State == Expired || a.State == Withdrawn && a.Fee != nil && a.CloseAt == nil && a.Protocol == nil
}

// PresentedAt is the instant of presentation, or the zero time before it.
func (a Application) PresentedAt() time.Time {
	if a.Submission == nil {
		return time.Time{}
	}
	return a.Submission.PresentedAt
}
