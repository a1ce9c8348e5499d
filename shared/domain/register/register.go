// Package register is the law of the protocol register (protocollo informatico): what an entry says, when it may be made, how its
// number and segnatura are written, how it is annulled, how a day is sealed. It gives no numbers: that is platform/ledger,
// which knows no law. Between the two stands a token: nothing is appended that Check did not pass.
//
// Sources: DPR 445/2000 art. 53-57 and 61; L. 241/1990 art. 18-bis; AgID, Linee guida sulla formazione, gestione e conservazione dei
// documenti informatici (Det. 371/2021), § 3.
//
// Every text that leaves this package (entries, annulments, seals) is JSON with a fixed order of fields, so that the same facts always
// give the same bytes and a stranger can compute the same digests. Instants are RFC 3339 in UTC with milliseconds, dates
// are YYYY-MM-DD in Europe/Rome, digests are SHA-256 in lower-case hex.
package register

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"sportello/shared/domain/deadline"
)

// Direction says which way a document went.
type Direction string

// The two directions.
const (
	In  Direction = "in"
	Out Direction = "out"
)

// Kind says what was registered.
type Kind string

// What is registered; messages in the portal only when they are marked as formal statements.
const (
	Application        Kind = "application"         // in: an istanza
	Integration        Kind = "integration"         // in: an answer to an integration request
	Message            Kind = "message"             // in: a formal statement of the applicant
	Withdrawal         Kind = "withdrawal"          // in
	IncomingMail       Kind = "incoming-mail"       // in: a certified message, matched to a case or not
	Decision           Kind = "decision"            // out: the signed outcome
	IntegrationRequest Kind = "integration-request" // out
)

// directions tells the one direction of each kind.
var directions = map[Kind]Direction{
	Application: In, Integration: In, Message: In, Withdrawal: In, IncomingMail: In,
	Decision: Out, IntegrationRequest: Out,
}

// Direction returns the direction of what is registered as k, or "" for an unknown kind.
func (k Kind) Direction() Direction { return directions[k] }

// Entry is what the register says of one document, without the number, which the ledger gives and chains to it. The order of the
// fields is the order of the JSON.
type Entry struct {
	Direction Direction `json:"direction"`
	Kind      Kind      `json:"kind"`
	Event     string    `json:"event"` // one event is registered once
	// Application is the case it belongs to; absent only for mail not matched yet.
	Application string `json:"application,omitempty"`
	Chamber     string `json:"chamber"`
	Book        Book   `json:"book"`
	// PresentedAt is the instant the document was presented (in) or issued (out); PresentationDate is its day in Rome.
	PresentedAt      string `json:"presentedAt"`
	PresentationDate string `json:"presentationDate"`
	// RegistrationDate is the day the entry stands on. It is the presentation date, unless that day was sealed: then Deferred.
	RegistrationDate string     `json:"registrationDate"`
	Deferred         bool       `json:"deferred"`
	Senders          []Party    `json:"senders"`
	Recipients       []Party    `json:"recipients"`
	Subject          string     `json:"subject"` // oggetto, one line
	Document         Document   `json:"document"`
	Attachments      []Document `json:"attachments"`
	Classification   string     `json:"classification"` // index of the filing plan (titolario)
	Reserved         bool       `json:"reserved"`
	Received         *Received  `json:"received,omitempty"`
}

// Book names the register of a year: the numbering starts again each 1 January (DPR 445/2000 art. 57).
type Book struct {
	Administration string `json:"administration"` // IPA code
	AOO            string `json:"aoo"`            // area organizzativa omogenea, IPA code
	Code           string `json:"code"`           // of the register within the AOO
	Year           int    `json:"year"`
}

// Party is a sender or a recipient.
type Party struct {
	Name    string `json:"name"`
	TaxCode string `json:"taxCode,omitempty"` // 16 characters or 11 digits; eIDAS persons have none
	Address string `json:"address,omitempty"` // domicilio digitale, or a postal address in one line
}

// Document is a file by its impronta. Names are left out: they may tell more than the register should.
type Document struct {
	SHA256    string `json:"sha256"`
	MediaType string `json:"mediaType"`
}

// Received is how a document was registered by who sent it (DPR 445/2000 art. 53 c. 1 lett. e).
type Received struct {
	Protocol string `json:"protocol"`
	Date     string `json:"date"`
}

// Presented returns the entry with instant and date of its presentation.
func (e Entry) Presented(at time.Time) Entry {
	e.PresentedAt, e.PresentationDate = Instant(at), Date(at)
	return e
}

// Registered returns the entry placed on the first day that is still open: its own, or, if that day is sealed already, the open day
// given, as a deferred registration (it keeps its presentation date: L. 241/1990 art. 18-bis). sealedThrough is the last sealed
// day of the chamber, in whatever year's book, empty if none is. open is today in Rome. The book of the entry is then that of
// e.Book.Year: a document of 31 December that is deferred stands in the new year's.
//
// Names, addresses and subject are written on one line, so that a stray blank from another register does not poison an entry.
func (e Entry) Registered(sealedThrough, open string) Entry {
	e = e.tidy()
	day := e.PresentationDate
	if day <= sealedThrough {
		day = open
	}
	e.RegistrationDate, e.Deferred = day, day != e.PresentationDate
	e.Book.Year = Year(day)
	return e
}

func (e Entry) tidy() Entry {
	e.Subject = OneLine(e.Subject, MaxSubject)
	for _, parties := range []*[]Party{&e.Senders, &e.Recipients} {
		*parties = slices.Clone(*parties)
		for n := range *parties {
			p := &(*parties)[n]
			p.Name, p.Address = OneLine(p.Name, MaxName), OneLine(p.Address, MaxAddress)
		}
	}
	return e
}

// OneLine makes a text fit for subject, names and addresses: white space and control characters become single spaces, broken
// UTF-8 becomes the replacement character, and what is longer than most characters is cut and ends with an ellipsis.
func OneLine(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if unwritable(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
	s = strings.Join(strings.Fields(s), " ")
	if runes := []rune(s); len(runes) > most {
		s = strings.TrimSpace(string(runes[:most-1])) + "…"
	}
	return s
}

// Encode writes the entry as the ledger keeps it.
func (e Entry) Encode() ([]byte, error) {
	if e.Senders == nil {
		e.Senders = []Party{}
	}
	if e.Recipients == nil {
		e.Recipients = []Party{}
	}
	if e.Attachments == nil {
		e.Attachments = []Document{}
	}
	return encode(e)
}

// ParseEntry reads what Encode wrote, and nothing else: other spellings of the same facts are refused.
func ParseEntry(body []byte) (Entry, error) {
	var e Entry
	if err := decode(body, &e, func() ([]byte, error) { return e.Encode() }); err != nil {
		return Entry{}, fmt.Errorf("parsing register entry: %w", err)
	}
	return e, nil
}

// ErrNotCanonical is returned by the parsers for JSON that says what a record could say, in other bytes than ours.
var ErrNotCanonical = errors.New("register: not in canonical form")

func encode(v any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, fmt.Errorf("encoding register record: %w", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

func decode(body []byte, v any, again func() ([]byte, error)) error {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return ErrNotCanonical
	}
	canonical, err := again()
	if err != nil {
		return err
	}
	if !bytes.Equal(canonical, body) {
		return ErrNotCanonical
	}
	return nil
}

// Digest is the SHA-256 of some bytes in lower-case hex.
func Digest(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// ---- instants and days ----

const instantForm = "2006-01-02T15:04:05.000Z"

// Instant writes an instant: RFC 3339, UTC, milliseconds (the rest is cut off).
func Instant(t time.Time) string { return t.UTC().Format(instantForm) }

// ParseInstant reads what Instant writes.
func ParseInstant(s string) (time.Time, error) {
	t, err := time.Parse(instantForm, s)
	if err != nil || Instant(t) != s {
		return time.Time{}, fmt.Errorf("parsing instant %q: %w", s, ErrNotCanonical)
	}
	return t, nil
}

// Date is the day of an instant in Rome, YYYY-MM-DD.
func Date(t time.Time) string { return deadline.DateOf(t).String() }

// Year is the year of a date, or 0 if it is none.
func Year(date string) int {
	d, err := deadline.ParseDate(date)
	if err != nil || d.String() != date || d.Year < 1900 {
		return 0
	}
	return d.Year
}

func validDate(s string) bool { return Year(s) != 0 }
