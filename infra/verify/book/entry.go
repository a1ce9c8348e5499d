package book

import (
	"regexp"
	"strings"
	"time"
	_ "time/tzdata" // the legal day is Rome's, also where the system knows no time zones
	"unicode"
	"unicode/utf8"
)

// Entry is the body of a numbered record, in the order of its fields.
type Entry struct {
	Direction        string     `json:"direction"`
	Kind             string     `json:"kind"`
	Event            string     `json:"event"`
	Application      string     `json:"application,omitempty"`
	Chamber          string     `json:"chamber"`
	Book             Register   `json:"book"`
	PresentedAt      string     `json:"presentedAt"`
	PresentationDate string     `json:"presentationDate"`
	RegistrationDate string     `json:"registrationDate"`
	Deferred         bool       `json:"deferred"`
	Senders          []Party    `json:"senders"`
	Recipients       []Party    `json:"recipients"`
	Subject          string     `json:"subject"`
	Document         Document   `json:"document"`
	Attachments      []Document `json:"attachments"`
	Classification   string     `json:"classification"`
	Reserved         bool       `json:"reserved"`
	Received         *Received  `json:"received,omitempty"`
}

// Register names the register of a year as the law does.
type Register struct {
	Administration string `json:"administration"`
	AOO            string `json:"aoo"`
	Code           string `json:"code"`
	Year           int    `json:"year"`
}

// Party is a sender or a recipient.
type Party struct {
	Name    string `json:"name"`
	TaxCode string `json:"taxCode,omitempty"`
	Address string `json:"address,omitempty"`
}

// Document is a file by its digest.
type Document struct {
	SHA256    string `json:"sha256"`
	MediaType string `json:"mediaType"`
}

// Received is how the sender registered it.
type Received struct {
	Protocol string `json:"protocol"`
	Date     string `json:"date"`
}

// IncomingMail is the kind of certified mail that somebody sent.
const IncomingMail = "incoming-mail"

// Application is the kind of what a person presents.
const Application = "application"

var directions = map[string]string{
	Application: "in", "integration": "in", "message": "in", "withdrawal": "in", IncomingMail: "in",
	"decision": "out", "integration-request": "out", "communication": "out",
}

var (
	eventShape   = regexp.MustCompile(`^[0-9a-z][0-9a-z._:-]{7,127}$`)
	taxCodeShape = regexp.MustCompile(`^([A-Z0-9]{16}|[0-9]{11})$`)
	digestShape  = regexp.MustCompile(`^[0-9a-f]{64}$`)
	mediaShape   = regexp.MustCompile(`^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$`)
	codeShape    = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,16}$`)
	ipaShape     = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)
)

func parseEntry(body string) (Entry, string) {
	var e Entry
	if err := decode([]byte(body), &e); err != nil {
		return e, "il contenuto non è scritto nella forma prevista"
	}
	if e.Senders == nil || e.Recipients == nil || e.Attachments == nil {
		return e, "il contenuto non è scritto nella forma prevista: manca una lista"
	}
	return e, ""
}

// check holds the entry to its record and to the rules that every entry obeys (DPR 445/2000 art. 53 ff.).
func (e *Entry) check(c *Chain, r Record) string {
	for _, what := range []string{e.identity(c, r), e.dates(r), e.parties(), e.documents()} {
		if what != "" {
			return what
		}
	}
	return ""
}

func (e *Entry) identity(c *Chain, r Record) string {
	switch {
	case e.Event != r.Event:
		return "il contenuto è di un altro evento"
	case e.Chamber != c.Chamber:
		return "il contenuto è di un'altra Camera di commercio"
	case e.Book.Year != c.Year:
		return "l'anno del registro nel contenuto non è quello del registro"
	case e.Book.bad():
		return "il contenuto non identifica amministrazione, AOO e registro"
	case directions[e.Kind] == "" || directions[e.Kind] != e.Direction:
		return "tipo di documento o verso non previsti"
	case e.Application == "" && e.Kind != IncomingMail, e.Application != "" && !eventShape.MatchString(e.Application):
		return "manca la pratica, o non è scritta nella forma prevista"
	case !line(e.Subject, 1000):
		return "manca l'oggetto, o non è su una riga"
	case !line(e.Classification, 64):
		return "manca la classificazione"
	}
	return ""
}

func (b Register) bad() bool {
	return !ipaShape.MatchString(b.Administration) || !ipaShape.MatchString(b.AOO) || !codeShape.MatchString(b.Code)
}

// dates: the day of registration is the record's page; it is that of presentation unless the registration is deferred
// (L. 241/1990 art. 18-bis).
func (e *Entry) dates(r Record) string {
	at, ok := ParseInstant(e.PresentedAt)
	switch {
	case e.RegistrationDate != r.Page:
		return "la data di registrazione non è il giorno in cui è stata fatta"
	case yearOf(r.Page) != e.Book.Year:
		return "la data di registrazione è di un altro anno"
	case !ok:
		return "l'istante di presentazione non è scritto nella forma prevista"
	case Day(at) != e.PresentationDate:
		return "la data di presentazione non è quella dell'istante di presentazione"
	case e.Deferred != (e.RegistrationDate != e.PresentationDate):
		return "è segnata come differita e non lo è, o viceversa"
	case e.RegistrationDate < e.PresentationDate:
		return "è registrata prima di essere presentata"
	}
	if e.Received != nil && (e.Direction != "in" || !line(e.Received.Protocol, 64) || !validDate(e.Received.Date) ||
		e.Received.Date > e.PresentationDate) {
		return "il protocollo del mittente non è scritto nella forma prevista"
	}
	return ""
}

func (e *Entry) parties() string {
	switch {
	case e.Direction == "in" && len(e.Senders) == 0:
		return "manca il mittente"
	case e.Direction == "out" && len(e.Recipients) == 0:
		return "manca il destinatario"
	}
	for _, parties := range [][]Party{e.Senders, e.Recipients} {
		for _, p := range parties {
			if !line(p.Name, 300) || p.TaxCode != "" && !taxCodeShape.MatchString(p.TaxCode) || p.Address != "" && !line(p.Address, 320) {
				return "un mittente o un destinatario non è scritto nella forma prevista"
			}
		}
	}
	return ""
}

func (e *Entry) documents() string {
	for _, d := range append([]Document{e.Document}, e.Attachments...) {
		if !digestShape.MatchString(d.SHA256) || !mediaShape.MatchString(d.MediaType) {
			return "l'impronta di un documento non è scritta nella forma prevista"
		}
	}
	return ""
}

// Annulment is the body of an annex (DPR 445/2000 art. 54).
type Annulment struct {
	Kind      string   `json:"kind"`
	Event     string   `json:"event"`
	Book      Register `json:"book"`
	Number    string   `json:"number"`
	Reason    string   `json:"reason"`
	Provision string   `json:"provision"`
	Operator  string   `json:"operator"`
	At        string   `json:"at"`
	Date      string   `json:"date"`
}

func parseAnnulment(body string) (Annulment, string) {
	var a Annulment
	if err := decode([]byte(body), &a); err != nil {
		return a, "l'annullamento non è scritto nella forma prevista"
	}
	return a, ""
}

// check holds the annulment to its record. It stands in the book of the number, on the day it was made, which may be of a later year.
func (a *Annulment) check(c *Chain, r Record) string {
	at, ok := ParseInstant(a.At)
	number, written := ParseNumber(a.Number)
	switch {
	case a.Kind != "annulment":
		return "l'annotazione non è un annullamento"
	case a.Event != r.Event:
		return "l'annullamento è di un altro evento"
	case a.Book.Year != c.Year || a.Book.bad():
		return "l'annullamento è di un altro registro"
	case !written || number != r.Number:
		return "l'annullamento è di un altro numero"
	case !ok || Day(at) != a.Date || a.Date != r.Page || yearOf(r.Page) < c.Year:
		return "la data dell'annullamento non è il giorno in cui è stato fatto"
	case !line(a.Reason, 1000), !line(a.Provision, 300), !line(a.Operator, 64):
		return "all'annullamento mancano motivo, provvedimento od operatore"
	}
	return ""
}

// ---- days and instants ----

const instantForm = "2006-01-02T15:04:05.000Z"

// ParseInstant reads an instant: RFC 3339, UTC, milliseconds, nothing else.
func ParseInstant(s string) (time.Time, bool) {
	t, err := time.Parse(instantForm, s)
	return t, err == nil && t.UTC().Format(instantForm) == s
}

// rome is where the law's days are.
var rome = func() *time.Location {
	zone, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		panic("book: no Europe/Rome among the time zones: " + err.Error()) // tzdata is linked in
	}
	return zone
}()

// Day is the day of an instant in Rome.
func Day(t time.Time) string { return t.In(rome).Format(time.DateOnly) }

// DayBefore is the calendar day before another.
func DayBefore(day string) string { return shift(day, -1) }

// DayAfter is the calendar day after another.
func DayAfter(day string) string { return shift(day, 1) }

func shift(day string, days int) string {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return ""
	}
	return t.AddDate(0, 0, days).Format(time.DateOnly)
}

func validDate(s string) bool { return yearOf(s) != 0 }

func yearOf(s string) int {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil || t.Format(time.DateOnly) != s || t.Year() < 1900 {
		return 0
	}
	return t.Year()
}

// line tells whether a text is one line that a person can read.
func line(s string, most int) bool {
	return s != "" && s == strings.TrimSpace(s) && utf8.ValidString(s) && utf8.RuneCountInString(s) <= most &&
		!strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' })
}
