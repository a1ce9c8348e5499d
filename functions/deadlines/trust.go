package main

import (
	"context"
	"crypto/x509"
	"net/http"
	"time"

	"sportello/shared/edge/lambdafn"
	"sportello/shared/flow/trustlist"
	"sportello/shared/platform/partner"
	published "sportello/shared/platform/signing/trustlist"
)

// operatorParameter is the certificates (PEM) of who signs the trust list: at a change of operator both stand there.
const operatorParameter = "/trust-list-operator"

// publisher is the trust list's operator, by the address where it publishes.
type publisher struct {
	url       string
	caller    *partner.Caller
	operators []*x509.Certificate
	now       func() time.Time
}

var _ trustlist.Publisher = publisher{}

func newPublisher(p *lambdafn.Process, url, operators string) (publisher, error) {
	certificates, err := published.ParseOperators([]byte(operators))
	caller := partner.New(partner.Config{Name: "trust list", Timeout: 30 * time.Second, Limit: published.MaxSize})
	return publisher{url, caller, certificates, p.Now}, err
}

// Fetch implements trustlist.Publisher.
func (p publisher) Fetch(ctx context.Context) (trustlist.Edition, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url, nil)
	if err != nil {
		return trustlist.Edition{}, err
	}
	answer, err := p.caller.Do(ctx, req)
	if err != nil {
		return trustlist.Edition{}, err
	}
	if answer.Status != http.StatusOK {
		return trustlist.Edition{}, p.caller.Unexpected(answer)
	}
	list, err := published.Parse(answer.Body, p.operators, p.now())
	if err != nil {
		return trustlist.Edition{}, err
	}
	compact, err := list.Compact()
	return trustlist.Edition{
		Raw: answer.Body, Compact: compact, Sequence: list.Sequence, IssuedAt: list.IssuedAt, NextUpdate: list.NextUpdate,
	}, err
}

// often is how old the list in use may become before it is fetched again.
const often = time.Hour

// trustList takes the published trust list into use, if it is time to, and tells the alarms how the one in use stands.
func (h handler) trustList(ctx context.Context) error {
	standing, err := h.trust.Standing(ctx)
	if err != nil {
		return err
	}
	if standing.Age >= often {
		if err := h.trust.Refresh(ctx); err != nil {
			// The one in use goes on until it ends; the alarm is on its age.
			h.p.Log.WarnContext(ctx, "trust list not taken into use", "error", err)
		}
		if standing, err = h.trust.Standing(ctx); err != nil {
			return err
		}
	}
	h.p.Metrics.Put("TrustListAgeHours", lambdafn.Count, standing.Age.Hours())
	h.p.Metrics.Put("TrustListLeftHours", lambdafn.Count, standing.Left.Hours())
	return nil
}
