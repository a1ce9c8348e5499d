// Package problem holds the errors that a person may read: a kind that a caller can branch on, and a detail in Italian that says what
// to do. Everything else that goes wrong is an internal error, and the person learns only that it is our fault.
//
// The HTTP status of each kind is decided in one place, edge/httpapi.
package problem

import (
	"errors"
	"fmt"
	"strings"
)

// Kind says what sort of refusal it is; it is the last part of the problem's type URI (RFC 9457).
type Kind string

// The kinds, with who meets them.
const (
	Malformed        Kind = "richiesta-malformata"       // the request is no JSON, or a parameter is no number
	Invalid          Kind = "dati-non-validi"            // a field breaks the schema or a rule; Fields says which
	Unauthenticated  Kind = "accesso-richiesto"          // no session, expired session, no or wrong API key
	Forbidden        Kind = "non-consentito"             // known person, own case, yet the act is not theirs
	NotFound         Kind = "non-trovato"                // it does not exist, or it is somebody else's: the two look the same
	Conflict         Kind = "stato-incompatibile"        // the case is in a state that does not allow the act
	VersionMismatch  Kind = "versione-superata"          // If-Match names an older version
	VersionRequired  Kind = "versione-richiesta"         // If-Match is missing
	KeyReused        Kind = "chiave-gia-usata"           // Idempotency-Key seen with other content
	TooLarge         Kind = "troppo-grande"              // body or file over the limit
	UnsupportedMedia Kind = "formato-non-accettato"      // content type or file type refused
	FileMismatch     Kind = "file-diverso"               // bytes differ from the declared size, type or digest
	Unavailable      Kind = "servizio-non-raggiungibile" // a partner is down: nothing was stored, try again
	TooMany          Kind = "troppe-richieste"
)

// Problem is an error with a public face. Detail and Fields never hold personal data nor internals.
type Problem struct {
	Kind   Kind
	Detail string // Italian, for a person, one or two sentences
	Fields []Field
	cause  error
}

// Field points at one offending place of the request.
type Field struct {
	Pointer string // JSON pointer as a URI fragment, such as #/answers/facts
	Detail  string // Italian
}

func (p *Problem) Error() string {
	var b strings.Builder
	b.WriteString(string(p.Kind))
	for _, f := range p.Fields {
		b.WriteString(" " + f.Pointer)
	}
	if p.cause != nil {
		b.WriteString(": " + p.cause.Error())
	}
	return b.String()
}

// Unwrap gives the internal cause, for logs.
func (p *Problem) Unwrap() error { return p.cause }

// New returns a problem of a kind; detail is in Italian.
func New(kind Kind, detail string) *Problem { return &Problem{Kind: kind, Detail: detail} }

// Newf is New with arguments, which must not be personal data.
func Newf(kind Kind, format string, args ...any) *Problem {
	return &Problem{Kind: kind, Detail: fmt.Sprintf(format, args...)}
}

// At adds an offending place and returns the problem.
func (p *Problem) At(pointer, detail string) *Problem {
	p.Fields = append(p.Fields, Field{pointer, detail})
	return p
}

// Because keeps the internal cause for the log and returns the problem.
func (p *Problem) Because(err error) *Problem {
	p.cause = err
	return p
}

// Is tells whether err is a problem of that kind.
func Is(err error, kind Kind) bool {
	var p *Problem
	return errors.As(err, &p) && p.Kind == kind
}

// Hidden is what a stranger gets: the same words for what does not exist and for what is not theirs (I4).
func Hidden() *Problem {
	return New(NotFound, "La pagina o la pratica richiesta non esiste, oppure non è accessibile con questo accesso.")
}
