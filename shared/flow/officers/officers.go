// Package officers says who works for a chamber. A person is an officer while they are on the chamber's list; a machine works for a
// chamber while it holds a live API key of it. Both are looked up at every request, in our own rows, so what is taken
// away is gone at once and without a deploy. Of another chamber's things neither learns anything.
//
// Nothing is deleted: a row that is revoked stays, and every change writes a line of who did what (AUD#) in the same
// transaction.
package officers

import (
	"context"
	"errors"

	"sportello/shared/domain/problem"
	"sportello/shared/flow/access"
	"sportello/shared/flow/step"
	"sportello/shared/platform/table"
)

// schema is the format number of all rows of this package.
const schema = 1

// Config is what a Desk needs; every field but Offices is required.
type Config struct {
	Applications table.Table // holds the list of officers and the lines of who changed it
	Sessions     table.Table // holds the API keys
	// SignedIn finds the person behind a session cookie of the host that was asked.
	SignedIn func(ctx context.Context, cookie string) (access.Applicant, error)
	// Chamber tells at which chamber's host a request came, "" at none.
	Chamber func(ctx context.Context) string
	Now     step.Clock
	NewID   step.IDs
	// Offices names a chamber's offices, for officers who work for some of them only. nil: names are not checked.
	Offices func(chamber string) []string
}

// Desk opens the two doors of the office's work and keeps the list.
type Desk struct {
	*Roster
	*Keyring
	signedIn func(ctx context.Context, cookie string) (access.Applicant, error)
	chamber  func(ctx context.Context) string
}

// New returns a Desk.
func New(c Config) (*Desk, error) {
	roster, rosterErr := NewRoster(c.Applications, c.Now, c.NewID, c.Offices)
	keyring, keyringErr := NewKeyring(c.Sessions, c.Now, nil)
	if err := errors.Join(rosterErr, keyringErr); err != nil {
		return nil, err
	}
	if c.SignedIn == nil || c.Chamber == nil {
		return nil, errors.New("officers: no way to tell who asks, and where")
	}
	return &Desk{roster, keyring, c.SignedIn, c.Chamber}, nil
}

// Officer returns the officer behind a session cookie, at the chamber whose host was asked. To who is signed in and not on that
// chamber's list the office does not exist.
func (d *Desk) Officer(ctx context.Context, cookie string) (access.Officer, error) {
	person, err := d.signedIn(ctx, cookie)
	if err != nil {
		return access.Officer{}, err
	}
	chamber := d.chamber(ctx)
	if chamber == "" {
		return access.Officer{}, notListed()
	}
	found, err := d.find(ctx, chamber, person.TaxCode)
	switch {
	case errors.Is(err, errNotListed):
		return access.Officer{}, notListed()
	case err != nil:
		return access.Officer{}, err
	}
	return access.Officer{Chamber: chamber, TaxCode: found.TaxCode, Name: found.Name, Offices: found.Offices, Rights: found.Rights}, nil
}

func notListed() error {
	return problem.New(problem.NotFound,
		"La pagina non esiste, oppure non risulti tra gli addetti di questa Camera di commercio. Chi la gestisce può aggiungerti all’elenco.")
}

// Key returns who works with an API key. officer is the tax code that the key's holder asserts: it is checked to be one and recorded
// as asserted, for the chamber answers for its own people. A key of one chamber is nothing at another's host.
func (d *Desk) Key(ctx context.Context, key, officer string) (access.Officer, error) {
	found, err := d.live(ctx, key)
	switch {
	case errors.Is(err, errNoKey):
		return access.Officer{}, problem.New(problem.Unauthenticated, "La chiave di accesso non è valida: non esiste, è scaduta o è stata revocata.")
	case err != nil:
		return access.Officer{}, err
	}
	if at := d.chamber(ctx); at != "" && at != found.Chamber {
		return access.Officer{}, problem.Hidden()
	}
	taxCode, err := personTaxCode(officer)
	if err != nil {
		return access.Officer{}, problem.New(problem.Malformed,
			"L’intestazione X-Officer deve contenere il codice fiscale dell’addetto per conto del quale si opera.").Because(err)
	}
	who := access.Officer{Chamber: found.Chamber, TaxCode: taxCode, Rights: found.Rights, Key: found.Name}
	// Whom the chamber's list knows has a name, and by it cases that are hidden from them: a key is no way around that.
	listed, err := d.find(ctx, found.Chamber, taxCode)
	switch {
	case err == nil:
		who.Name = listed.Name
	case !errors.Is(err, errNotListed):
		return access.Officer{}, err
	}
	return who, nil
}
