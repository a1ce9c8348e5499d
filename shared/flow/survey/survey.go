// Package survey takes one rating for each application (CAD art. 63: services follow the users' judgement) and keeps the public
// figures. The one-use token travels only in the outcome message; here only its digest is kept.
package survey

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"sportello/shared/domain/application"
	"sportello/shared/domain/catalogue"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/problem"
	"sportello/shared/domain/survey"
	"sportello/shared/flow/casefile"
	"sportello/shared/flow/step"
	"sportello/shared/platform/table"
)

// Validity is how long a token works.
const Validity = 180 * 24 * time.Hour

// invitation is what a token leads to.
type invitation struct {
	Application string    `json:"application"`
	Until       time.Time `json:"until"`
}

// Invite is the change that makes a token good for one rating of an application.
func Invite(digest, applicationID string, at time.Time) (table.Change, error) {
	return casefile.Row(table.Item{}, layout.Survey(digest), invitation{applicationID, at.Add(Validity)})
}

// Config is what the survey needs; every field is required.
type Config struct {
	Table table.Table // applications
	Now   step.Clock
}

// Desk takes ratings.
type Desk struct{ Config }

// New checks the configuration.
func New(c Config) (*Desk, error) {
	if c.Table == nil || c.Now == nil {
		return nil, errors.New("survey: incomplete configuration")
	}
	return &Desk{c}, nil
}

// Subject is what a token's holder may see: nothing personal.
type Subject struct {
	Chamber   string    `json:"chamber"`
	Service   string    `json:"service"`
	DecidedAt time.Time `json:"decidedAt"`
	Rated     bool      `json:"rated"`
}

// rated is the RATING row.
type rated struct {
	survey.Rating
	At time.Time `json:"at"`
}

// Show tells what a token is about.
func (d *Desk) Show(ctx context.Context, token string) (Subject, error) {
	c, err := d.follow(ctx, token)
	if err != nil {
		return Subject{}, err
	}
	return Subject{c.Chamber, c.Service, c.Outcome.At, c.Rated}, nil
}

// follow finds the case of a token. A token that does not exist and one that is over get the same answer.
func (d *Desk) follow(ctx context.Context, token string) (casefile.Case, error) {
	sum := sha256.Sum256([]byte(token))
	inv, _, ok, err := casefile.One[invitation](ctx, d.Table, layout.Survey(hex.EncodeToString(sum[:])))
	if err != nil {
		return casefile.Case{}, err
	}
	if !ok || d.Now().After(inv.Until) {
		return casefile.Case{}, problem.New(problem.NotFound, "Il collegamento per la valutazione non è valido o è scaduto.")
	}
	c, err := casefile.Load(ctx, d.Table, inv.Application)
	if err == nil && c.Outcome == nil {
		return c, problem.Hidden()
	}
	return c, err
}

// Rate takes the rating. The same rating again succeeds (the answer may have been lost); another one is refused.
func (d *Desk) Rate(ctx context.Context, token string, r survey.Rating) error {
	if fields := r.Validate(); len(fields) > 0 {
		p := problem.New(problem.Invalid, "La valutazione non è completa.")
		p.Fields = fields
		return p
	}
	now := d.Now()
	return step.Retry(ctx, func() error {
		c, err := d.follow(ctx, token)
		if err != nil {
			return err
		}
		before, item, there, err := casefile.One[rated](ctx, d.Table, layout.Rating(c.ID))
		if err != nil {
			return err
		}
		if there {
			return same(before.Rating, r)
		}
		return d.commit(ctx, c, item, r, now)
	})
}

func same(before, now survey.Rating) error {
	if before.Stars == now.Stars && before.Text == now.Text && slices.Equal(before.Reasons, now.Reasons) {
		return nil
	}
	return problem.New(problem.Conflict, "Hai già valutato questo servizio: la valutazione si può dare una volta sola.")
}

// commit writes the rating, counts it, and lets the case close: its owner has had the last word.
func (d *Desk) commit(ctx context.Context, c casefile.Case, item table.Item, r survey.Rating, now time.Time) error {
	var changes casefile.Changes
	changes.Add(casefile.Row(item, layout.Rating(c.ID), rated{r, now}))
	next := c.Application
	next.Rated, next.UpdatedAt = true, now
	if next.State == application.Decided && (next.Outcome.DeliveredAt != nil || next.Domicile == application.PortalOnly) {
		next.CloseAt = &now
	}
	changes.Add(c.Put(next))
	changes.Add(casefile.Tell(c.ID, "rating", application.Line{At: now, Event: application.WasRated, Actor: application.Applicant}))
	total, statistics, _, err := casefile.One[survey.Aggregate](ctx, d.Table, layout.Statistics(c.Chamber, c.Service))
	if err != nil {
		return err
	}
	changes.Add(casefile.Row(statistics, statistics.Key, total.Add(r)))
	return changes.Commit(ctx, d.Table)
}

// Figures are the public numbers of a service.
type Figures struct {
	Service string        `json:"service"`
	Title   string        `json:"title"`
	Ratings survey.Public `json:"ratings"`
}

// Statistics returns the public figures of a chamber; those below five are suppressed, so that nobody is recognised in them.
func (d *Desk) Statistics(ctx context.Context, chamber string) ([]Figures, error) {
	if _, ok := catalogue.ChamberByID(chamber); !ok {
		return nil, problem.New(problem.NotFound, "La Camera di commercio indicata non esiste.").At("?chamber", "Camera sconosciuta.")
	}
	figures := []Figures{}
	for _, s := range catalogue.Services(chamber) {
		total, _, _, err := casefile.One[survey.Aggregate](ctx, d.Table, layout.Statistics(chamber, s.ID))
		if err != nil {
			return nil, err
		}
		figures = append(figures, Figures{s.ID, s.Title, total.Public()})
	}
	return figures, nil
}
