package login

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"sportello/shared/domain/identity"
	"sportello/shared/domain/layout"
	"sportello/shared/flow/step"
	"sportello/shared/platform/table"
)

// handoff is the H# row, found by the digest of its code. Once redeemed it holds no personal data any more.
type handoff struct {
	Chamber   string           `json:"chamber"`
	Site      string           `json:"site"`
	Return    string           `json:"return"`
	Binding   string           `json:"binding"` // digest
	Provider  string           `json:"provider"`
	Level     int              `json:"level"`
	Person    *identity.Person `json:"person,omitempty"`
	ExpiresAt time.Time        `json:"expiresAt"`
	// Session is the digest of the session's cookie, once there is a session.
	Session string `json:"session,omitempty"`
}

func (h handoff) back() Redirect { return Redirect{h.Site, h.Return} }

// Answered is a provider's answer that was good: send the browser to the callback of Site with the code.
type Answered struct {
	Redirect
	Handoff string
}

// lookAgain and looks bound the wait for another request that is finishing the same login: a browser that asks twice shows only
// the answer to its last question.
const (
	lookAgain = 500 * time.Millisecond
	looks     = 8
)

// maxState bounds what a stranger may make us digest.
const maxState = 512

// Callback takes a provider's answer. It returns a *Failure when the login does not go on.
func (d *Desk) Callback(ctx context.Context, answer url.Values) (Answered, error) {
	state := answer.Get("state")
	if state == "" || len(state) > maxState {
		return Answered{}, fail(Stale, Redirect{}, nil)
	}
	claim, err := d.secret()
	if err != nil {
		return Answered{}, err
	}
	a, mine, err := d.claim(ctx, state, claim)
	switch {
	case err != nil:
		return Answered{}, err
	case a.Failed != "":
		return Answered{}, fail(a.Failed, a.back(), nil)
	case !mine:
		return Answered{Redirect{a.Site, a.Return}, d.derive("handoff", state)}, nil
	}
	who, err := d.finish(ctx, state, a, answer)
	if err != nil {
		return Answered{}, d.recordFailure(ctx, state, claim, a, err)
	}
	return d.handOver(ctx, state, claim, a, who)
}

// claim takes the attempt for this request alone, since a code is presented once. mine is false for an attempt that is over: it
// is answered, or has failed.
func (d *Desk) claim(ctx context.Context, state, claim string) (a attempt, mine bool, err error) {
	for look := range looks {
		err = step.Retry(ctx, func() error {
			a, mine, err = d.tryClaim(ctx, state, claim)
			return err
		})
		if err != nil || mine || a.Answered || a.Failed != "" {
			return a, mine, err
		}
		if look == looks-1 || d.wait(ctx, lookAgain) != nil {
			break
		}
	}
	return a, false, fail(Stale, a.back(), nil)
}

func (d *Desk) tryClaim(ctx context.Context, state, claim string) (attempt, bool, error) {
	a, item, err := table.Load[attempt](ctx, d.table, layout.Login(digest(state)), schema)
	switch {
	case errors.Is(err, table.ErrNotFound):
		return a, false, fail(Stale, Redirect{}, nil)
	case err != nil:
		return a, false, fmt.Errorf("reading attempt: %w", err)
	case !d.now().Before(a.ExpiresAt):
		return a, false, fail(Stale, a.back(), nil)
	case a.Claim == claim: // an earlier try of ours, whose outcome was unclear
		return a, true, nil
	case a.Claim != "":
		return a, false, nil
	}
	a.Claim = claim
	return a, true, d.putAttempt(ctx, item, a)
}

func (d *Desk) putAttempt(ctx context.Context, item table.Item, a attempt, more ...table.Change) error {
	item, err := item.With(schema, a)
	if err != nil {
		return err
	}
	item.Expires = a.ExpiresAt
	return d.table.Commit(ctx, append(more, table.Put(item))...)
}

// finish asks the provider who it is, and takes nobody below the level we ask for.
func (d *Desk) finish(ctx context.Context, state string, a attempt, answer url.Values) (Identity, error) {
	provider, ok := d.providers[a.Provider]
	if !ok {
		return Identity{}, fmt.Errorf("provider %s is no longer configured", a.Provider)
	}
	who, err := provider.Finish(ctx, Attempt{State: state, Nonce: a.Nonce, Verifier: a.Verifier}, answer)
	switch {
	case err != nil:
		return Identity{}, err
	case who.Person.Key() == "":
		return Identity{}, fmt.Errorf("%w: no identifier", identity.ErrMissingClaim)
	case who.Level < MinimumLevel:
		return Identity{}, errLevel
	}
	return who, nil
}

var errLevel = errors.New("login: level of assurance too low")

// recordFailure makes a repeated callback repeat the failure. If that write does not go through, the attempt stays claimed, and a
// repeated callback says that it is stale: as true, and less helpful.
func (d *Desk) recordFailure(ctx context.Context, state, claim string, a attempt, cause error) error {
	code, ok := codeOf(cause)
	if !ok {
		return cause
	}
	if errors.Is(cause, errLevel) {
		code = WeakIdentity
	}
	if code == Cancelled || code == WeakIdentity {
		cause = nil // the person's doing: nothing to log
	}
	failure := fail(code, a.back(), cause)
	err := d.onClaimed(ctx, state, claim, func(item table.Item, a attempt) error {
		a.Failed, a.Verifier = code, ""
		return d.putAttempt(ctx, item, a)
	})
	if err != nil {
		failure.problem = failure.problem.Because(errors.Join(cause, fmt.Errorf("recording failure: %w", err)))
	}
	return failure
}

// handOver writes the hand-off and closes the attempt, in one transaction.
func (d *Desk) handOver(ctx context.Context, state, claim string, a attempt, who Identity) (Answered, error) {
	code := d.derive("handoff", state)
	person := who.Person
	person.BirthDate = "" // not needed from here on (GDPR art. 5 c.1 c)
	h := handoff{
		Chamber: a.Chamber, Site: a.Site, Return: a.Return, Binding: a.Binding,
		Provider: a.Provider, Level: who.Level, Person: &person, ExpiresAt: d.now().Add(HandoffLife),
	}
	row, err := table.Item{Key: layout.Handoff(digest(code))}.With(schema, h)
	if err != nil {
		return Answered{}, err
	}
	row.Expires = a.ExpiresAt.Add(HandoffLife)
	err = d.onClaimed(ctx, state, claim, func(item table.Item, a attempt) error {
		a.Answered, a.Verifier = true, ""
		return d.putAttempt(ctx, item, a, table.Put(row))
	})
	if err != nil {
		return Answered{}, fmt.Errorf("handing over: %w", err)
	}
	return Answered{Redirect{a.Site, a.Return}, code}, nil
}

// onClaimed runs a write on the attempt that this request claimed, until it is seen to be done.
func (d *Desk) onClaimed(ctx context.Context, state, claim string, write func(item table.Item, a attempt) error) error {
	return step.Retry(ctx, func() error {
		a, item, err := table.Load[attempt](ctx, d.table, layout.Login(digest(state)), schema)
		switch {
		case err != nil:
			return err
		case a.Claim != claim:
			return errors.New("login: attempt claimed by another request")
		case a.Answered || a.Failed != "":
			return nil // an earlier try, whose outcome was unclear
		}
		return write(item, a)
	})
}
