package login

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sportello/shared/domain/layout"
	"sportello/shared/flow/step"
	"sportello/shared/platform/table"
)

// Redemption is a hand-off code as a browser brings it.
type Redemption struct {
	Handoff string
	Binding string // from the cookie that Start gave
	Chamber string // whose host was asked
	Current string // the session cookie that the browser already has, if any
}

// Granted is a session that was opened: Cookie is its secret.
type Granted struct {
	Redirect
	Cookie  string
	Expires time.Time
}

// Redeem turns a hand-off code and the binding secret into a session: one session, however often it is asked. A session that the
// browser had before is closed. It returns a *Failure for a code that is not, or no longer, worth one.
func (d *Desk) Redeem(ctx context.Context, r Redemption) (Granted, error) {
	if !isSecret(r.Handoff) {
		return Granted{}, fail(Stale, Redirect{}, nil)
	}
	var granted Granted
	var answer *companies // asked once, however often the commit is tried
	err := step.Retry(ctx, func() (err error) {
		h, item, err := table.Load[handoff](ctx, d.table, layout.Handoff(digest(r.Handoff)), schema)
		switch {
		case errors.Is(err, table.ErrNotFound):
			return fail(Stale, Redirect{}, nil)
		case err != nil:
			return fmt.Errorf("reading hand-off: %w", err)
		case h.Chamber != r.Chamber:
			return fail(Stale, Redirect{}, nil)
		case h.Session != "":
			granted, err = d.again(ctx, r, h)
			return err
		case !matches(r.Binding, h.Binding), !d.now().Before(h.ExpiresAt), h.Person == nil:
			return fail(Stale, h.back(), nil)
		}
		if answer == nil {
			asked := d.ask(ctx, *h.Person)
			answer = &asked
		}
		granted, err = d.grant(ctx, r, h, item, *answer)
		return err
	})
	if err != nil {
		return Granted{}, err
	}
	return granted, nil
}

// again answers a code that has its session: with that session, if the browser holds it already, or if it brings the binding secret
// in time, for then the first answer may have been lost on the way. A session that was closed stays closed.
func (d *Desk) again(ctx context.Context, r Redemption, h handoff) (Granted, error) {
	cookie := ""
	switch {
	case matches(r.Current, h.Session):
		cookie = r.Current
	case matches(r.Binding, h.Binding) && d.now().Before(h.ExpiresAt):
		cookie = d.derive("session", r.Handoff, r.Binding)
	default:
		return Granted{}, fail(Stale, h.back(), nil)
	}
	kept, _, err := d.sessions.live(ctx, digest(cookie))
	if errors.Is(err, errEnded) {
		return Granted{}, fail(Stale, h.back(), nil)
	}
	return Granted{h.back(), cookie, kept.ExpiresAt}, err
}

// grant writes the session and marks the hand-off in one transaction, so that neither is without the other.
func (d *Desk) grant(ctx context.Context, r Redemption, h handoff, item table.Item, answer companies) (Granted, error) {
	cookie := d.derive("session", r.Handoff, r.Binding)
	now := d.now()
	s := d.record(*h.Person, answer, now)
	s.Provider, s.Level, s.Chamber = h.Provider, h.Level, h.Chamber
	s.CreatedAt, s.SeenAt, s.ExpiresAt = now, now, now.Add(SessionLife)
	row, err := s.row(table.Item{Key: layout.Session(digest(cookie))})
	if err != nil {
		return Granted{}, err
	}
	h.Session, h.Person = digest(cookie), nil
	marked, err := item.With(schema, h)
	if err != nil {
		return Granted{}, err
	}
	marked.Expires = h.ExpiresAt.Add(AttemptLife)
	changes := []table.Change{table.Put(row), table.Put(marked)}
	more, err := d.alongside(ctx, r.Current, answer)
	if err != nil {
		return Granted{}, err
	}
	if err := d.table.Commit(ctx, append(changes, more...)...); err != nil {
		return Granted{}, fmt.Errorf("opening session: %w", err)
	}
	return Granted{h.back(), cookie, s.ExpiresAt}, nil
}

// alongside is what changes with a new session: the browser's old one ends, and the register's word is remembered.
func (d *Desk) alongside(ctx context.Context, current string, answer companies) ([]table.Change, error) {
	var changes []table.Change
	if isSecret(current) {
		old, err := table.One(ctx, d.table, layout.Session(digest(current)))
		switch {
		case err == nil:
			changes = append(changes, table.Delete(old))
		case !errors.Is(err, table.ErrNotFound):
			return nil, fmt.Errorf("reading old session: %w", err)
		}
	}
	remember, err := d.remember(ctx, answer)
	return append(changes, remember...), err
}
