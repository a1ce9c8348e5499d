// Package addresses finds the certified address (domicilio digitale) of a person or a company in the public lists.
package addresses

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"sportello/shared/domain/identity"
	"sportello/shared/platform/infocamere"
	"sportello/shared/platform/jws"
	"sportello/shared/platform/partner"
)

// ErrUnavailable is returned, wrapped, when a list cannot be asked now. It never means "has no address".
var ErrUnavailable = partner.ErrUnavailable

// Source says where an address comes from.
type Source string

// The sources, in Italian as they are shown.
const (
	INIPEC Source = "INI-PEC"
	INAD   Source = "INAD"
)

// Config names the lists and the key that is registered with all of them.
type Config struct {
	INIPECURL string     // base address, required
	INADURL   string     // base address, required
	PDNDURL   string     // base address of the PDND authorization server, required
	Signer    jws.Signer // the key that is registered with all of them, required

	ClientID string // as registered with InfoCamere, required

	Scope       string   // of INI-PEC; infocamere.DefaultScope if empty
	Certificate [][]byte // DER, sent to InfoCamere as x5c; may be absent

	PDNDClientID string                                // as registered with PDND, required
	KeyID        func(context.Context) (string, error) // the key's id at PDND; nil: none is sent
	PurposeID    string                                // of the PDND purpose under which INAD is asked, required
	Audience     string                                // of PDND's authorization server; PDNDURL if empty

	HTTP    *http.Client  // nil: one of its own
	Timeout time.Duration // of one call; 0: partner.DefaultTimeout
	Now     func() time.Time
}

// Book finds addresses. It may be used by several goroutines.
type Book struct {
	inipec *inipec
	inad   *inad
}

// New checks the configuration. Nothing is called yet.
func New(config Config) (*Book, error) {
	if config.INADURL == "" || config.PDNDURL == "" || config.PDNDClientID == "" || config.PurposeID == "" {
		return nil, errors.New("configuring addresses: INADURL, PDNDURL, PDNDClientID and PurposeID are required")
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	session, err := infocamere.New(infocamere.Config{
		Name: "INI-PEC", URL: config.INIPECURL, ClientID: config.ClientID, Scope: config.Scope, Signer: config.Signer,
		Certificate: config.Certificate, HTTP: config.HTTP, Timeout: config.Timeout, Now: config.Now,
	})
	if err != nil {
		return nil, err
	}
	return &Book{inipec: newINIPEC(session, config.Now), inad: newINAD(config)}, nil
}

// Query asks for an address.
type Query struct {
	TaxCode identity.TaxCode
	Kind    identity.Kind
	// Except are addresses that are not wanted: nothing could be delivered there. Upper and lower case are the same.
	Except []string
	// Reference is the case's protocol number or id: INAD records it with every question (practicalReference). Required for a person.
	Reference string
	// Ticket is what an earlier Answer gave for the same question while it was pending; empty the first time.
	Ticket string
}

// wanted tells whether an address is one to write to.
func (q Query) wanted(address string) bool {
	return address != "" && !slices.ContainsFunc(q.Except, func(e string) bool { return strings.EqualFold(e, address) })
}

// Answer is what is known now. Pending: ask again in a minute or more, with Ticket. Otherwise Address, or nothing: there is none.
type Answer struct {
	Address string
	Source  Source
	Pending bool
	Ticket  string
}

// Certified finds the address to write to, without waiting: INI-PEC answers a question only some time after it is asked, so the first
// Answer for a company is pending. Losing the ticket costs a new question, nothing else.
//
// CAD art. 6-bis c.1: for companies and professionals INI-PEC is the list to be used; art. 6-quater: the domiciles of natural persons are in
// INAD. An address that a person elected for one case (art. 3-bis c.4-quinquies) is known to the caller, and not asked for here.
func (b *Book) Certified(ctx context.Context, q Query) (Answer, error) {
	switch {
	case q.Kind == identity.KindCompany:
		return b.inipec.find(ctx, q)
	case q.Kind != identity.KindPerson:
		return Answer{}, fmt.Errorf("finding address: unknown kind %q", q.Kind)
	case !q.TaxCode.IsPerson():
		return Answer{}, nil // identified by another state: in no Italian list
	}
	return b.inad.find(ctx, q)
}
