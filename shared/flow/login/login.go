// Package login lets people in: from the choice of an identity provider to a session at their chamber's host, and out again.
//
// The way has three requests, on two hosts. Start, at the chamber's host, gives the browser a binding secret and writes an
// attempt (L#). Callback, at the one host that identity providers know, turns the provider's answer into a one-use
// hand-off code (H#). Redeem, at the chamber's host again, turns that code together with the binding secret into a session (S#).
// A code alone opens nothing: whoever did not start the login in this very browser cannot finish it, which is what keeps
// an attacker from signing a victim in as the attacker, and from using a code read in somebody's history.
//
// Secrets (state, binding, hand-off, cookie) are never stored: rows are found by digests. The hand-off code and the cookie are
// derived, by a key, from what the browser brings. So a request that arrives twice finds what the first one made instead of
// making another, and one login ends in one session, whatever is repeated and wherever a crash falls:
//   - after the attempt is claimed and before the hand-off is written: the login is lost, the person starts again;
//   - after the hand-off is written and before the answer arrives: the same callback leads to the same hand-off;
//   - after the session is written and before the cookie arrives: the same redemption gives the same cookie.
package login

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

	"sportello/shared/domain/identity"
	"sportello/shared/flow/step"
	"sportello/shared/platform/table"
)

// schema is the format number of all rows of this package.
const schema = 1

// How long things last, and why.
const (
	// AttemptLife: a person may have to find the phone, install an app and type codes at the provider.
	AttemptLife = 15 * time.Minute
	// HandoffLife: two redirects, with room for a slow network.
	HandoffLife = time.Minute
	// SessionLife is a working day: officers sign in in the morning.
	SessionLife = 8 * time.Hour
	// IdleLife: a form left open on a shared computer is closed to the next person.
	IdleLife = 30 * time.Minute
	// touchEvery spares writes: the idle limit moves on at most this often.
	touchEvery = 5 * time.Minute
	// companiesLife is how long the company register's word is taken without asking again.
	companiesLife = 24 * time.Hour
	// askAgain is how soon a register that did not answer is asked again.
	askAgain = time.Minute
	// rememberedLife bounds how old a list of companies may be that stands in for a register that does not answer. It opens
	// only what is already filed: at filing the register itself is asked.
	rememberedLife = 30 * 24 * time.Hour
	// rememberEvery spares writes: what the register says unchanged is kept again at most this often.
	rememberEvery = time.Hour
)

// MinimumLevel is the level of assurance asked of everybody: CAD art. 65 c.1 b with SPID level 2 (substantial, Reg. (EU)
// 2015/1502).
const MinimumLevel = 2

// Provider is an identity provider.
type Provider interface {
	// Begin prepares a login. An error that is a problem of kind Unavailable means that the provider cannot be reached.
	Begin(ctx context.Context) (Attempt, error)
	// Finish checks the provider's answer and says who it is. It uses the answer's code up: it is never called twice for
	// one attempt. Errors: ErrCancelled, ErrForged, identity.ErrMissingClaim, a problem of kind Unavailable.
	Finish(ctx context.Context, a Attempt, answer url.Values) (Identity, error)
}

// Attempt is a login under way: where to send the browser, and what its answer is checked against.
type Attempt struct {
	URL      string // Begin only
	State    string
	Nonce    string
	Verifier string // of PKCE (RFC 7636)
}

// Identity is who the provider says it is.
type Identity struct {
	Person identity.Person
	Level  int // of assurance: 1, 2 or 3
}

var (
	// ErrCancelled is returned by a Provider when the person turned back or refused.
	ErrCancelled = errors.New("login: cancelled by the person")
	// ErrForged is returned by a Provider for an answer that is not what it should be: signature, nonce, audience, code.
	ErrForged = errors.New("login: answer not genuine")
)

// Register is the company register.
type Register interface {
	// Represented returns the companies whose legal representative the person is. Any error means that it is not known now.
	Represented(ctx context.Context, person identity.TaxCode) ([]Company, error)
}

// Company is one that a person represents.
type Company struct {
	TaxCode identity.TaxCode `json:"taxCode"`
	Name    string           `json:"name"`
}

// Config is what a Desk needs.
type Config struct {
	Sessions  *Sessions           // required: the sessions this desk opens, refreshes and closes
	Providers map[string]Provider // required: by name, such as spid and cie
	Companies Register            // required
	Key       []byte              // required: 32 bytes or more, the same in every process
	Random    io.Reader           // required: crypto/rand, or a seeded one where a run must be repeatable
	// Wait passes some time between two looks at a login that another request is finishing. nil: do not wait.
	Wait func(ctx context.Context, d time.Duration) error
}

// Desk signs people in and out. It may be used by several goroutines.
type Desk struct {
	sessions  *Sessions
	table     table.Table
	now       step.Clock
	providers map[string]Provider
	companies Register
	key       []byte
	random    io.Reader
	wait      func(ctx context.Context, d time.Duration) error
}

// New returns a Desk.
func New(c Config) (*Desk, error) {
	switch {
	case c.Sessions == nil:
		return nil, errors.New("login: no sessions")
	case len(c.Providers) == 0:
		return nil, errors.New("login: no identity provider")
	case c.Companies == nil:
		return nil, errors.New("login: no company register")
	case c.Random == nil:
		return nil, errors.New("login: no randomness")
	case len(c.Key) < sha256.Size:
		return nil, fmt.Errorf("login: key shorter than %d bytes", sha256.Size)
	}
	// The installation's key serves other purposes too: what is made here never fits there.
	key, err := hkdf.Key(sha256.New, c.Key, nil, "sportello login", sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("login: deriving key: %w", err)
	}
	d := &Desk{
		sessions: c.Sessions, table: c.Sessions.table, now: c.Sessions.now,
		providers: c.Providers, companies: c.Companies, key: key, random: c.Random, wait: c.Wait,
	}
	if d.wait == nil {
		d.wait = func(context.Context, time.Duration) error { return errNoWait }
	}
	return d, nil
}

var errNoWait = errors.New("login: not waiting")

// secretLength is the length of every secret we hand out: 32 bytes in unpadded base64url.
const secretLength = 43

// secret returns a new one.
func (d *Desk) secret() (string, error) {
	b := make([]byte, sha256.Size)
	if _, err := io.ReadFull(d.random, b); err != nil {
		return "", fmt.Errorf("reading randomness: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

// isSecret tells whether s has the form of one: a cookie that has not is not worth a look at the table.
func isSecret(s string) bool {
	if len(s) != secretLength {
		return false
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	return err == nil && len(b) == sha256.Size
}

// derive makes a secret of what is known only to who brings the parts. Labels keep purposes apart; lengths keep ("a", "bc") and
// ("ab", "c") apart.
func (d *Desk) derive(label string, parts ...string) string {
	return base64.RawURLEncoding.EncodeToString(d.mac(label, parts...))
}

func (d *Desk) mac(label string, parts ...string) []byte {
	h := hmac.New(sha256.New, d.key)
	for _, part := range append([]string{label}, parts...) {
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		h.Write(length[:])
		h.Write([]byte(part))
	}
	return h.Sum(nil)
}

// digest is what a secret is stored and found as.
func digest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// matches tells whether a secret is the one with that digest.
func matches(secret, stored string) bool {
	return isSecret(secret) && hmac.Equal([]byte(digest(secret)), []byte(stored))
}
