// Package companies asks the Registro Imprese which companies a person represents, and where a company has its seat.
package companies

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"sportello/shared/domain/identity"
	"sportello/shared/platform/infocamere"
	"sportello/shared/platform/partner"
)

// ErrUnavailable is returned, wrapped, when the register cannot be asked now. It never means "represents nobody": who is logged in
// keeps what they have, and what needs a fresh answer says to try later.
var ErrUnavailable = partner.ErrUnavailable

// ErrUnknown is returned by Seat for a company the register does not know.
var ErrUnknown = errors.New("companies: not in the register")

// Client asks the register. It may be used by several goroutines.
type Client struct{ session *infocamere.Session }

// New makes a client; see infocamere.Config. Name may be left empty.
func New(config infocamere.Config) (*Client, error) {
	if config.Name == "" {
		config.Name = "Registro Imprese"
	}
	session, err := infocamere.New(config)
	if err != nil {
		return nil, err
	}
	return &Client{session}, nil
}

// Company is a company as the register lists it.
type Company struct {
	TaxCode identity.TaxCode
	Name    string
}

// Represented lists the companies of which a person is legal representative, as the register has them now.
func (c *Client) Represented(ctx context.Context, person identity.TaxCode) ([]Company, error) {
	var out struct {
		Companies *[]struct {
			TaxCode string `json:"cfImpresa"`
			Name    string `json:"denominazione"`
		} `json:"elencoImpreseRappresentate"`
	}
	status, failure, err := c.session.Call(ctx, http.MethodGet, "/listaLegaleRappresentante/"+url.PathEscape(string(person)), nil, nil, &out)
	switch {
	case err != nil:
		return nil, err
	case status == http.StatusNotFound:
		return nil, nil
	case status != http.StatusOK || out.Companies == nil:
		return nil, refused(status, failure)
	}
	companies := make([]Company, 0, len(*out.Companies))
	for _, listed := range *out.Companies {
		code, err := identity.ParseTaxCode(listed.TaxCode)
		if err != nil {
			continue // a wrong code in the register names nobody: nothing could be filed for it
		}
		companies = append(companies, Company{code, strings.TrimSpace(listed.Name)})
	}
	return companies, nil
}

// Represents tells whether a person is legal representative of a company now.
func (c *Client) Represents(ctx context.Context, person, company identity.TaxCode) (bool, error) {
	var out struct {
		Result string `json:"esitoVerifica"`
	}
	query := url.Values{"cfImpresa": {string(company)}}
	status, failure, err := c.session.Call(ctx, http.MethodGet, "/legaleRappresentante/"+url.PathEscape(string(person)), query, nil, &out)
	switch {
	case err != nil:
		return false, err
	case status == http.StatusNotFound:
		return false, nil
	case status != http.StatusOK:
		return false, refused(status, failure)
	}
	// The specification leaves esitoVerifica an open string. An unknown word must open nothing and close nothing.
	switch strings.ToLower(strings.TrimSpace(out.Result)) {
	case "ok", "true", "si", "sì", "success", "positivo":
		return true, nil
	case "ko", "false", "no", "failure", "negativo":
		return false, nil
	}
	return false, refused(status, failure)
}

// Seat is a company's registered office.
type Seat struct {
	TaxCode      identity.TaxCode
	Name         string
	Street       string // with its kind and number: "Via Meravigli 9/B"
	PostalCode   string
	Municipality string
	Province     string // acronym
}

// Seat asks for a company's registered office; ErrUnknown if the register does not have the company.
func (c *Client) Seat(ctx context.Context, company identity.TaxCode) (Seat, error) {
	var out struct {
		Place *struct {
			Denominazione, Toponimo, Via, NCivico, Comune, Provincia, CAP string
		} `json:"indirizzoLocalizzazione"`
	}
	status, failure, err := c.session.Call(ctx, http.MethodPost, "/sede/"+url.PathEscape(string(company)), nil, nil, &out)
	switch {
	case err != nil:
		return Seat{}, err
	case status == http.StatusNotFound:
		return Seat{}, ErrUnknown
	case status != http.StatusOK || out.Place == nil:
		return Seat{}, refused(status, failure)
	}
	p := out.Place
	return Seat{
		TaxCode: company, Name: strings.TrimSpace(p.Denominazione),
		Street:     strings.Join(strings.Fields(p.Toponimo+" "+p.Via+" "+p.NCivico), " "),
		PostalCode: strings.TrimSpace(p.CAP), Municipality: strings.TrimSpace(p.Comune), Province: strings.TrimSpace(p.Provincia),
	}, nil
}

// refused is an answer that the register gave and that says neither yes nor no. Its description may name people: only the code is told.
func refused(status int, failure infocamere.Failure) error {
	return fmt.Errorf("asking Registro Imprese: %w: status %d, code %.20q", partner.ErrAnswer, status, failure.Code)
}
