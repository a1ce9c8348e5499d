package login

import (
	"context"
	"errors"

	"sportello/shared/domain/identity"
	"sportello/shared/domain/problem"
)

// Code says why a login did not come to its end; the access page has a sentence for each.
type Code string

// The codes.
const (
	Cancelled    Code = "annullato"         // the person turned back
	Stale        Code = "scaduto"           // too late, used already, or begun in another browser
	Refused      Code = "non-riuscito"      // the provider's answer was not genuine, or an error
	Unreachable  Code = "non-raggiungibile" // the provider does not answer
	WeakIdentity Code = "livello"           // below MinimumLevel
	NoTaxCode    Code = "dati-mancanti"     // the provider gave no tax code, nor an eIDAS identifier
)

// Failure is a login that did not come to its end, and the page from which the person can begin again. errors.As finds the
// *problem.Problem in it, for callers that are no browser.
type Failure struct {
	Code Code
	Redirect
	problem *problem.Problem
}

func (f *Failure) Error() string { return "login: " + string(f.Code) + ": " + f.problem.Error() }

// Unwrap gives the problem; its cause, if any, is for the log.
func (f *Failure) Unwrap() error { return f.problem }

// fail makes a Failure of a code; cause may be nil.
func fail(code Code, back Redirect, cause error) *Failure {
	p := problemOf(code)
	if cause != nil {
		p = p.Because(cause)
	}
	return &Failure{code, back, p}
}

func problemOf(code Code) *problem.Problem {
	switch code {
	case Cancelled:
		return problem.New(problem.Unauthenticated, "L’accesso è stato annullato. Puoi ricominciare quando vuoi.")
	case Stale:
		return problem.New(problem.Unauthenticated,
			"Questo accesso non è più valido: è scaduto, è già stato usato o è iniziato in un altro browser. Torna alla pagina di accesso e ricomincia.")
	case Unreachable:
		return problem.New(problem.Unavailable, "Il gestore dell’identità non risponde. Riprova tra qualche minuto.")
	case WeakIdentity:
		return problem.New(problem.Forbidden, "Per questo servizio serve un’identità digitale di livello 2 o superiore. Ricomincia e scegli il livello 2.")
	case NoTaxCode:
		return problem.New(problem.Forbidden, "Il gestore dell’identità non ha comunicato i dati necessari (nome, cognome e codice fiscale). Rivolgiti al tuo gestore.")
	}
	return problem.New(problem.Unauthenticated, "Il gestore dell’identità non ha confermato l’accesso. Torna alla pagina di accesso e riprova.")
}

// codeOf is the one switch from what a provider returned to what the person learns. ok is false for what is no answer of the
// provider's at all, such as our own timeout.
func codeOf(err error) (code Code, ok bool) {
	switch {
	case errors.Is(err, context.Canceled):
		return "", false
	case errors.Is(err, ErrCancelled):
		return Cancelled, true
	case errors.Is(err, identity.ErrMissingClaim), errors.Is(err, identity.ErrBadClaim):
		return NoTaxCode, true
	case problem.Is(err, problem.Unavailable), errors.Is(err, context.DeadlineExceeded):
		return Unreachable, true
	}
	return Refused, true
}
