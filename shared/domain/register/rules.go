package register

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Rule is one clause that an entry must obey. Check returns what is wrong, in Italian and without the entry's own words
// (they are personal data), or "".
type Rule struct {
	ID        string
	Citation  string
	Effective string // day it came into force; entries registered before are not held to it
	Check     func(Entry) string
}

// Rules returns the clauses in the order of the law. The number itself (art. 53 c. 1 lett. a, art. 57) is the ledger's.
func Rules() []Rule { return append([]Rule(nil), rules...) }

const dpr445 = "2001-03-07"

var rules = []Rule{
	{"art53-1-a", "DPR 445/2000 art. 53 c. 1 lett. a", dpr445, oneNumber},
	{"art53-1-b", "DPR 445/2000 art. 53 c. 1 lett. b", dpr445, registrationDate},
	{"art53-1-c", "DPR 445/2000 art. 53 c. 1 lett. c", dpr445, parties},
	{"art53-1-d", "DPR 445/2000 art. 53 c. 1 lett. d", dpr445, subject},
	{"art53-1-e", "DPR 445/2000 art. 53 c. 1 lett. e", dpr445, received},
	{"art53-1-f", "DPR 445/2000 art. 53 c. 1 lett. f", dpr445, digests},
	{"art53-5", "DPR 445/2000 art. 53 c. 5", dpr445, kind},
	{"art55-1", "DPR 445/2000 art. 55 c. 1", dpr445, segnatura},
	{"art56-1", "DPR 445/2000 art. 56 c. 1", dpr445, classification},
	{"art57-1", "DPR 445/2000 art. 57 c. 1", dpr445, solarYear},
	{"art18bis-1", "L. 241/1990 art. 18-bis c. 1", "2016-07-28", presentation},
}

// Limits of what one entry holds, in characters: it is a row of a table, written in one transaction with nine others.
const (
	MaxSubject   = 1000
	MaxName      = 300
	MaxAddress   = 320
	maxParties   = 50
	maxDocuments = 200
	maxTerm      = 64
)

var (
	eventShape   = shaped(`^[0-9a-z][0-9a-z._:-]{7,127}$`) // lower case: one spelling for one id
	taxCodeShape = shaped(`^([A-Z0-9]{16}|[0-9]{11})$`)
	digestShape  = shaped(`^[0-9a-f]{64}$`)
	mediaShape   = shaped(`^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$`)
	idShape      = shaped(`^[a-z0-9][a-z0-9-]{0,63}$`)
	// codeShape is CodiceRegistro of the segnatura's schema; codes of IPA are held to the same letters, so that the
	// segnatura can separate them with a bar.
	codeShape = shaped(`^[A-Za-z0-9_.-]{1,16}$`)
	ipaShape  = shaped(`^[A-Za-z0-9_.-]{1,64}$`)
)

// shape is a pattern that is compiled when it is first asked for: repetitions with a bound take their time, and most functions that this
// package is a part of start without needing one.
type shape func() *regexp.Regexp

func shaped(expression string) shape {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}

// MatchString tells whether the text has the shape.
func (s shape) MatchString(text string) bool { return s().MatchString(text) }

// "a) numero di protocollo del documento generato automaticamente dal sistema e registrato in forma non modificabile": the number
// follows the event, so there must be one, and an event that is not an id could be spelled twice.
func oneNumber(e Entry) string {
	if !eventShape.MatchString(e.Event) {
		return "Manca l'identificativo dell'evento da registrare."
	}
	return ""
}

// "b) data di registrazione di protocollo assegnata automaticamente dal sistema e registrata in forma non modificabile"
func registrationDate(e Entry) string {
	if !validDate(e.RegistrationDate) {
		return "La data di registrazione manca o non è una data."
	}
	return ""
}

// "c) mittente per i documenti ricevuti o, in alternativa, il destinatario o i destinatari per i documenti spediti"
func parties(e Entry) string {
	switch {
	case e.Direction == In && len(e.Senders) == 0:
		return "Manca il mittente del documento ricevuto."
	case e.Direction == Out && len(e.Recipients) == 0:
		return "Manca il destinatario del documento spedito."
	case len(e.Senders) > maxParties || len(e.Recipients) > maxParties:
		return fmt.Sprintf("I mittenti o i destinatari sono più di %d.", maxParties)
	}
	for _, p := range append(append([]Party(nil), e.Senders...), e.Recipients...) {
		switch {
		case !line(p.Name, MaxName):
			return "Un mittente o un destinatario è senza nome, o il nome non è scrivibile su una riga."
		case p.TaxCode != "" && !taxCodeShape.MatchString(p.TaxCode):
			return "Il codice fiscale di un mittente o di un destinatario non ha 16 caratteri né 11 cifre."
		case p.Address != "" && !line(p.Address, MaxAddress):
			return "L'indirizzo di un mittente o di un destinatario non è scrivibile su una riga."
		}
	}
	return ""
}

// "d) oggetto del documento"
func subject(e Entry) string {
	if !line(e.Subject, MaxSubject) {
		return fmt.Sprintf("L'oggetto manca, è più lungo di %d caratteri o non è su una riga.", MaxSubject)
	}
	return ""
}

// "e) data e protocollo del documento ricevuto, se disponibili"
func received(e Entry) string {
	if e.Received == nil {
		return ""
	}
	switch {
	case e.Direction != In:
		return "Il protocollo del mittente riguarda solo i documenti ricevuti."
	case !line(e.Received.Protocol, maxTerm):
		return "Il protocollo del documento ricevuto manca o non è scrivibile."
	case !validDate(e.Received.Date):
		return "La data del documento ricevuto manca o non è una data."
	case e.Received.Date > e.PresentationDate:
		return "Il documento ricevuto ha una data successiva alla sua presentazione."
	}
	return ""
}

// "f) l'impronta del documento informatico, se trasmesso per via telematica, costituita dalla sequenza di simboli binari in grado di
// identificarne univocamente il contenuto": all our documents are electronic, so it is never left out.
func digests(e Entry) string {
	if len(e.Attachments) > maxDocuments {
		return fmt.Sprintf("Gli allegati sono più di %d.", maxDocuments)
	}
	for _, d := range append([]Document{e.Document}, e.Attachments...) {
		switch {
		case !digestShape.MatchString(d.SHA256):
			return "Manca l'impronta SHA-256 del documento o di un allegato."
		case !mediaShape.MatchString(d.MediaType):
			return "Manca il formato del documento o di un allegato."
		}
	}
	return ""
}

// "Sono oggetto di registrazione obbligatoria i documenti ricevuti e spediti dall'amministrazione e tutti i documenti informatici":
// what is neither received nor sent by us is no entry of this register.
func kind(e Entry) string {
	direction := e.Kind.Direction()
	switch {
	case direction == "":
		return "Il tipo di documento non è tra quelli da registrare."
	case direction != e.Direction:
		return "Il verso della registrazione non è quello del tipo di documento."
	case e.Application == "" && e.Kind != IncomingMail:
		return "Manca la pratica a cui il documento appartiene."
	case e.Application != "" && !eventShape.MatchString(e.Application):
		return "L'identificativo della pratica non è valido."
	}
	return ""
}

// "La segnatura di protocollo è l'apposizione o l'associazione all'originale del documento, in forma permanente non modificabile, delle
// informazioni riguardanti il documento stesso. [...] a) il progressivo di protocollo; b) la data di protocollo; c)
// l'identificazione in forma sintetica dell'amministrazione o dell'area organizzativa"
func segnatura(e Entry) string {
	switch {
	case !idShape.MatchString(e.Chamber):
		return "Manca la Camera di commercio."
	case !ipaShape.MatchString(e.Book.Administration) || !ipaShape.MatchString(e.Book.AOO):
		return "Manca il codice dell'amministrazione o dell'area organizzativa omogenea."
	case !codeShape.MatchString(e.Book.Code):
		return "Manca il codice del registro, o non ha da 1 a 16 lettere, cifre, punti, trattini."
	}
	return ""
}

// "Le operazioni di registrazione [...] e le operazioni di segnatura di protocollo [...] nonché le operazioni di classificazione
// costituiscono operazioni necessarie e sufficienti per la tenuta del sistema di gestione informatica dei documenti"
func classification(e Entry) string {
	if !line(e.Classification, maxTerm) {
		return "Manca la classificazione."
	}
	return ""
}

// "La numerazione è rinnovata ogni anno solare": the book is the year of the day of registration.
func solarYear(e Entry) string {
	if year := Year(e.RegistrationDate); year == 0 || e.Book.Year != year {
		return "L'anno del registro non è quello della data di registrazione."
	}
	return ""
}

// "La data di protocollazione dell'istanza, segnalazione o comunicazione non può comunque essere diversa da quella di effettiva
// presentazione": a deferred registration keeps both dates, and stands after.
func presentation(e Entry) string {
	at, err := ParseInstant(e.PresentedAt)
	switch {
	case err != nil:
		return "L'istante di presentazione manca o non è in tempo universale al millisecondo."
	case Date(at) != e.PresentationDate:
		return "La data di presentazione non è quella dell'istante di presentazione."
	case !e.Deferred && e.RegistrationDate != e.PresentationDate:
		return "La data di registrazione è diversa da quella di presentazione e la registrazione non è differita."
	case e.Deferred && e.RegistrationDate <= e.PresentationDate:
		return "La registrazione è differita, ma non è successiva alla presentazione."
	}
	return ""
}

// line tells whether s is a text of one line that a person can read: not blank, no control characters, valid UTF-8.
func line(s string, most int) bool {
	return s == strings.TrimSpace(s) && s != "" && utf8.ValidString(s) &&
		utf8.RuneCountInString(s) <= most && strings.IndexFunc(s, unwritable) < 0
}

func unwritable(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }
