// Package preservation makes the package in which a closed case, or a day of the register, is handed to long-term preservation (pacchetto di
// versamento), and which stays in the write-once archive: the documents, their metadata, and an index that holds every digest.
//
//	PIndex.xml             the index, UNI 11386:2020 (SInCRO)
//	documenti/0001-….pdf   the documents, in the order of time
//	fascicolo.xml          what the case is: AgID, Allegato 5, aggregazione documentale informatica
//	metadati/0001.xml      what each document is: AgID, Allegato 5, documento amministrativo informatico
//
// The same case gives the same bytes, always: nothing comes from a clock or from the build, files are stored uncompressed (a compressor
// may change its output between versions), names are sorted, times are the closing instant. So a step that is repeated after a crash puts
// the same object under its write-once key.
//
// The elements of Allegato 5 have the names of the final text (Det. AgID 371/2021) as public implementations write them; its official
// schema was not at hand, so those two files are well-formed and not validated. The index is validated against UNI's schema by the tests.
package preservation

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"sportello/shared/domain/register"
)

// Case is everything the package is made of.
type Case struct {
	ID          string // of the package; the same at every attempt
	Application string
	Producer    Administration
	Service     string // title of the service, such as "Reclami e segnalazioni"
	Subject     string // oggetto of the case

	Classification Classification
	OpenedAt       time.Time
	ClosedAt       time.Time
	Applicant      Subject
	// Responsible is the officer in charge (responsabile del procedimento), if one was named.
	Responsible *Subject
	// Series tells that this is no case but a day of a register: a series of documents, of no procedure.
	Series bool
	// Signer is who seals what is preserved; nil: the administration itself, as a legal person.
	Signer *Subject
	// RetentionYears is how long the case is kept by the filing plan; Forever for good.
	RetentionYears int
	Documents      []Document
}

// Forever is the retention that never ends.
const Forever = 9999

// Administration is the chamber that produced the case.
type Administration struct {
	Name, TaxCode, IPA, AOO string
	Office                  string // that answered for the case
	PEC                     string
}

// Classification is the place in the filing plan (titolario).
type Classification struct{ Index, Description, Plan string }

// Subject is a person or a company.
type Subject struct {
	Company bool
	// Given and Family are a person's names; if only Name is known it stands for both. Name is a company's.
	Given, Family, Name string
	TaxCode             string
	Address             string // domicilio digitale
}

// Kind says what a document is.
type Kind string

// The kinds of documents of a case.
const (
	Application        Kind = "application"         // what was presented, as data
	Attachment         Kind = "attachment"          // a file of the applicant or of the office
	Receipt            Kind = "receipt"             // ricevuta di presentazione
	IntegrationRequest Kind = "integration-request" //
	Reply              Kind = "reply"               // to an integration request
	Message            Kind = "message"
	Withdrawal         Kind = "withdrawal"
	Outcome            Kind = "outcome"
	Mail               Kind = "mail"         // a certified message, sent or received
	MailReceipt        Kind = "mail-receipt" // accettazione, consegna…
	PaymentReceipt     Kind = "payment"      // the notice that the act was paid for
	Verification       Kind = "verification" // what was found of a file's signatures
	Story              Kind = "story"        // the case's timeline
)

// The kinds of documents of a day of the register.
const (
	Records   Kind = "records"   // what was entered on the day, in full
	DayList   Kind = "day-list"  // the list that closed the day
	Statement Kind = "statement" // what was declared of it
	Seal      Kind = "seal"      // on the statement
	Timestamp Kind = "timestamp" // over the seal
)

// kinds tells type and way of formation (modalità di formazione, Allegato 5) of each kind.
var kinds = map[Kind]struct{ label, formation string }{
	Application:        {"Istanza", fromForm},
	Attachment:         {"Allegato", acquired},
	Receipt:            {"Ricevuta di presentazione", created},
	IntegrationRequest: {"Richiesta di integrazione", created},
	Reply:              {"Integrazione", fromForm},
	Message:            {"Comunicazione", fromForm},
	Withdrawal:         {"Rinuncia", fromForm},
	Outcome:            {"Provvedimento o comunicazione di esito", acquired},
	Mail:               {"Messaggio di posta elettronica certificata", acquired},
	MailReceipt:        {"Ricevuta di posta elettronica certificata", acquired},
	PaymentReceipt:     {"Ricevuta di pagamento", acquired},
	Verification:       {"Rapporto di verifica della firma", grouped},
	Story:              {"Cronologia della pratica", grouped},

	Records:   {"Registro giornaliero di protocollo", grouped},
	DayList:   {"Elenco di chiusura del registro giornaliero", grouped},
	Statement: {"Dichiarazione di chiusura del registro giornaliero", grouped},
	Seal:      {"Sigillo elettronico", created},
	Timestamp: {"Marca temporale", acquired},
}

// The four ways of formation, in the fixed phrases of Allegato 5.
const (
	created  = "creazione tramite utilizzo di strumenti software che assicurino la produzione di documenti nei formati previsti in allegato 2"
	acquired = "acquisizione di un documento informatico per via telematica o su supporto informatico, acquisizione della copia per immagine su supporto informatico di un documento analogico, acquisizione della copia informatica di un documento analogico"
	fromForm = "memorizzazione su supporto informatico in formato digitale delle informazioni risultanti da transazioni o processi informatici o dalla presentazione telematica di dati attraverso moduli o formulari resi disponibili ad utente"
	grouped  = "generazione o raggruppamento anche in via automatica di un insieme di dati o registrazioni, provenienti da una o più banche dati, anche appartenenti a più soggetti interoperanti, secondo una struttura logica predeterminata e memorizzata in forma statica"
)

// Flow says which way a document went (tipologia di flusso).
type Flow string

// The three flows.
const (
	In       Flow = "E"
	Out      Flow = "U"
	Internal Flow = "I"
)

// Document is one file of the case.
type Document struct {
	ID        string // unique within the case
	Kind      Kind
	Name      string // as its author called it
	MediaType string
	Size      int64
	SHA256    string    // hex
	Subject   string    // oggetto, if it has one of its own
	At        time.Time // when it was presented, issued or received
	Flow      Flow
	// Protocol is its segnatura; an attachment has that of its primary document. nil: not registered.
	Protocol *register.Stamp
	Primary  string // ID of the document it is attached to, if any

	Signed                        bool // bears a signature, verified or not
	Sealed, Timestamped, Reserved bool

	// Open gives the bytes. It is called twice: once to hold them to the digest before anything is written, once to copy them.
	Open func() (io.ReadCloser, error)
}

var (
	// ErrInvalid is returned for a case that no package can be made of: a programming error, or data that were never checked.
	ErrInvalid = errors.New("preservation: case cannot be packaged")
	// ErrMismatch is returned when a document's bytes are not those of its digest: they were changed, and somebody must look.
	ErrMismatch = errors.New("preservation: document differs from its digest")
)

var (
	digestShape = regexp.MustCompile(`^[0-9a-f]{64}$`)
	codeShape   = regexp.MustCompile(`^[A-Za-z0-9]{1,28}$`) // what an AgentID of SInCRO takes
	mediaShape  = regexp.MustCompile(`^[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*$`)
)

// ordered returns the case with its documents by time, then ID: the order in which they were collected must not show.
func (c Case) ordered() Case {
	c.Documents = slices.Clone(c.Documents)
	slices.SortFunc(c.Documents, func(a, b Document) int {
		if order := a.At.Compare(b.At); order != 0 {
			return order
		}
		return strings.Compare(a.ID, b.ID)
	})
	return c
}

func (c Case) check() error {
	switch {
	case c.ID == "", c.Application == "", c.Subject == "", c.Classification.Index == "":
		return fmt.Errorf("%w: id, application, subject or classification missing", ErrInvalid)
	case c.Producer.Name == "", !codeShape.MatchString(c.Producer.TaxCode), c.Producer.IPA == "", c.Producer.AOO == "":
		return fmt.Errorf("%w: producer", ErrInvalid)
	case c.Applicant.full() == "":
		return fmt.Errorf("%w: applicant", ErrInvalid)
	case c.OpenedAt.IsZero(), c.ClosedAt.Before(c.OpenedAt), c.ClosedAt.Year() < 1980, c.ClosedAt.Year() > 2107:
		return fmt.Errorf("%w: opened and closed", ErrInvalid)
	case c.RetentionYears < 1, c.RetentionYears > Forever:
		return fmt.Errorf("%w: retention", ErrInvalid)
	case len(c.Documents) == 0:
		return fmt.Errorf("%w: no documents", ErrInvalid)
	}
	known := map[string]bool{}
	for _, d := range c.Documents {
		if err := d.check(); err != nil {
			return err
		}
		if known[d.ID] {
			return fmt.Errorf("%w: document %s twice", ErrInvalid, d.ID)
		}
		known[d.ID] = true
	}
	for _, d := range c.Documents {
		if d.Primary != "" && (!known[d.Primary] || d.Primary == d.ID) {
			return fmt.Errorf("%w: document %s is attached to nothing", ErrInvalid, d.ID)
		}
	}
	return nil
}

func (d Document) check() error {
	_, known := kinds[d.Kind]
	switch {
	case d.ID == "", d.Open == nil, d.Size < 0, d.At.IsZero():
		return fmt.Errorf("%w: document %s: id, bytes, size or time missing", ErrInvalid, d.ID)
	case !known:
		return fmt.Errorf("%w: document %s: kind %s", ErrInvalid, d.ID, d.Kind)
	case !digestShape.MatchString(d.SHA256), !mediaShape.MatchString(d.MediaType):
		return fmt.Errorf("%w: document %s: digest or media type", ErrInvalid, d.ID)
	case d.Flow != In && d.Flow != Out && d.Flow != Internal:
		return fmt.Errorf("%w: document %s: flow", ErrInvalid, d.ID)
	}
	return nil
}

// full is a subject's whole name.
func (s Subject) full() string {
	if s.Name != "" {
		return s.Name
	}
	return strings.TrimSpace(s.Family + " " + s.Given)
}

// ---- names within the package ----

const (
	indexName = "PIndex.xml"
	caseName  = "fascicolo.xml"
)

// path is the document's place in the package, by its number among the documents.
func (d Document) path(n int) string { return fmt.Sprintf("documenti/%04d-%s", n+1, safeName(d.Name)) }

func metadataPath(n int) string { return fmt.Sprintf("metadati/%04d.xml", n+1) }

// plain are the accented letters of Italian, without accents: the name stays readable in any file system.
var plain = strings.NewReplacer("à", "a", "è", "e", "é", "e", "ì", "i", "ò", "o", "ù", "u", "À", "A", "È", "E", "É", "E", "Ì", "I", "Ò", "O", "Ù", "U")

const maxSafeName = 80

// safeName makes a name that every file system and every unzip takes; the true one is in the metadata.
func safeName(name string) string {
	safe := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '_':
			return r
		}
		return '-'
	}, plain.Replace(name))
	for strings.Contains(safe, "--") || strings.Contains(safe, "..") {
		safe = strings.ReplaceAll(strings.ReplaceAll(safe, "--", "-"), "..", ".")
	}
	if len(safe) > maxSafeName {
		safe = safe[len(safe)-maxSafeName:] // the end has the extension
	}
	if safe = strings.Trim(safe, ".-"); safe == "" {
		return "documento"
	}
	return safe
}

// extension is the part after the last dot, in lower case, or "".
func extension(name string) string {
	n := strings.LastIndexByte(name, '.')
	if n < 0 {
		return ""
	}
	return strings.ToLower(name[n+1:])
}
