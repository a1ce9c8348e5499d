package login

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sportello/shared/domain/application"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/problem"
	"sportello/shared/flow/access"
	"sportello/shared/flow/step"
	"sportello/shared/platform/table"
)

// record is the S# row. Expiry is checked here; the table's own only cleans up.
type record struct {
	GivenName  string `json:"givenName"`
	FamilyName string `json:"familyName"`
	TaxCode    string `json:"taxCode"`              // the person's key: for people known through eIDAS, country and identifier
	Registered bool   `json:"registered,omitempty"` // it is an Italian tax code
	Provider   string `json:"provider"`
	Level      int    `json:"level"`
	Chamber    string `json:"chamber"`

	Profiles    []profile `json:"profiles"`
	CompaniesAt time.Time `json:"companiesAt"`
	AskedAt     time.Time `json:"askedAt"`
	Incomplete  bool      `json:"incomplete,omitempty"`

	CreatedAt time.Time `json:"createdAt"`
	SeenAt    time.Time `json:"seenAt"`
	ExpiresAt time.Time `json:"expiresAt"` // absolute
}

type profile struct {
	ID      string `json:"id"`
	Kind    string `json:"kind"`
	TaxCode string `json:"taxCode"`
	Name    string `json:"name"`
	Role    string `json:"role,omitempty"`
}

func (r record) row(item table.Item) (table.Item, error) {
	item, err := item.With(schema, r)
	item.Expires = r.ExpiresAt
	return item, err
}

// ends is when the session is over if nothing more happens.
func (r record) ends() time.Time {
	if idle := r.SeenAt.Add(IdleLife); idle.Before(r.ExpiresAt) {
		return idle
	}
	return r.ExpiresAt
}

func (r record) session(digest string) Session {
	s := Session{
		Provider: r.Provider, Level: r.Level, Chamber: r.Chamber, ExpiresAt: r.ends(), digest: digest, record: r,
		Applicant: access.Applicant{TaxCode: r.TaxCode, GivenName: r.GivenName, FamilyName: r.FamilyName, Incomplete: r.Incomplete},
	}
	for _, p := range r.Profiles {
		s.Applicant.Profiles = append(s.Applicant.Profiles, access.Profile{
			ID: p.ID, Kind: p.Kind, Role: p.Role, Party: application.Party{Kind: p.Kind, TaxCode: p.TaxCode, Name: p.Name},
		})
	}
	return s
}

// Session is a person who is signed in.
type Session struct {
	Applicant access.Applicant
	Provider  string // spid, cie, …
	Level     int
	Chamber   string    // at whose host
	ExpiresAt time.Time // unless something is asked meanwhile

	digest string
	record record
}

// SessionsConfig is what Sessions need.
type SessionsConfig struct {
	Table table.Table // required: the sessions table
	Now   step.Clock  // required
	// Chamber tells at which chamber's host a request came. Required: a session is worth something only where it was made.
	Chamber func(ctx context.Context) string
	// Missed is told of what did not work and stopped nobody: a register that did not answer, a session's idle limit that could
	// not be moved on. nil: nobody is told.
	Missed func(ctx context.Context, err error)
}

// Sessions finds who is behind a session cookie. Every function that serves people has one; only a Desk opens sessions.
type Sessions struct {
	table   table.Table
	now     step.Clock
	chamber func(ctx context.Context) string
	missed  func(ctx context.Context, err error)
}

// NewSessions returns Sessions.
func NewSessions(c SessionsConfig) (*Sessions, error) {
	switch {
	case c.Table == nil:
		return nil, errors.New("login: no sessions table")
	case c.Now == nil:
		return nil, errors.New("login: no clock")
	case c.Chamber == nil:
		return nil, errors.New("login: no way to tell the chamber")
	}
	if c.Missed == nil {
		c.Missed = func(context.Context, error) {}
	}
	return &Sessions{c.Table, c.Now, c.Chamber, c.Missed}, nil
}

// errEnded is a session that does not exist, has expired or was closed.
var errEnded = errors.New("login: no such session")

// ended turns errEnded into what a person reads.
func ended(err error) error {
	if !errors.Is(err, errEnded) {
		return err
	}
	return problem.New(problem.Unauthenticated, "L’accesso è terminato. Per continuare accedi di nuovo: ciò che hai salvato è al suo posto.")
}

// live reads a session that has not ended.
func (s *Sessions) live(ctx context.Context, digest string) (record, table.Item, error) {
	r, item, err := table.Load[record](ctx, s.table, layout.Session(digest), schema)
	switch {
	case errors.Is(err, table.ErrNotFound):
		return r, item, errEnded
	case err != nil:
		return r, item, fmt.Errorf("reading session: %w", err)
	case !s.now().Before(r.ends()):
		return r, item, errEnded
	}
	return r, item, nil
}

// Session returns the session behind a cookie, and moves its idle limit on. It returns a problem of kind Unauthenticated if there is
// none, or not at this host.
func (s *Sessions) Session(ctx context.Context, cookie string) (Session, error) {
	if !isSecret(cookie) {
		return Session{}, ended(errEnded)
	}
	key := digest(cookie)
	r, item, err := s.live(ctx, key)
	if err == nil && r.Chamber != s.chamber(ctx) {
		err = errEnded
	}
	if err != nil {
		return Session{}, ended(err)
	}
	return s.touch(ctx, r, item).session(key), nil
}

// touch moves the idle limit on, at best effort: a conflict means that another request did, and any other failure shortens the session
// rather than refusing who is in.
func (s *Sessions) touch(ctx context.Context, r record, item table.Item) record {
	now := s.now()
	if now.Sub(r.SeenAt) < touchEvery {
		return r
	}
	seen := r
	seen.SeenAt = now
	row, err := seen.row(item)
	if err == nil {
		err = s.table.Commit(ctx, table.Put(row))
	}
	switch {
	case err == nil:
		return seen
	case !errors.Is(err, table.ErrConflict):
		s.missed(ctx, fmt.Errorf("moving idle limit on: %w", err))
	}
	return r
}

// Applicant returns who is behind a cookie, as the citizens' desk knows people.
func (s *Sessions) Applicant(ctx context.Context, cookie string) (access.Applicant, error) {
	found, err := s.Session(ctx, cookie)
	return found.Applicant, err
}

// Logout closes a session; one that is over already is no error.
func (d *Desk) Logout(ctx context.Context, cookie string) error {
	if !isSecret(cookie) {
		return nil
	}
	err := step.Retry(ctx, func() error {
		item, err := table.One(ctx, d.table, layout.Session(digest(cookie)))
		switch {
		case errors.Is(err, table.ErrNotFound):
			return nil
		case err != nil:
			return err
		}
		return d.table.Commit(ctx, table.Delete(item))
	})
	if err != nil {
		return fmt.Errorf("closing session: %w", err)
	}
	return nil
}
