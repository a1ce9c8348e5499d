package identity

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Person is who logged in. Either TaxCode or Foreign is set: people identified through another state (eIDAS) have no tax code.
type Person struct {
	GivenName  string   `json:"givenName"`
	FamilyName string   `json:"familyName"`
	TaxCode    TaxCode  `json:"taxCode,omitempty"`
	BirthDate  string   `json:"birthDate,omitempty"` // YYYY-MM-DD, as the identity provider says
	Foreign    *Foreign `json:"foreign,omitempty"`
}

// Foreign identifies a person through another state: Reg. (EU) 2015/1501, annex, point 1 d.
type Foreign struct {
	Country    string `json:"country"`    // ISO 3166-1 alpha-2 of the state that identified them
	Identifier string `json:"identifier"` // unique and as persistent as possible, within that state
}

// Name is the person's name as people write it.
func (p Person) Name() string { return strings.TrimSpace(p.GivenName + " " + p.FamilyName) }

// Key names the person in our lists: the tax code, or state and identifier. It is personal data: never in an address nor in a log.
func (p Person) Key() string {
	if p.TaxCode == "" && p.Foreign != nil {
		return "eidas:" + p.Foreign.Country + ":" + p.Foreign.Identifier
	}
	return string(p.TaxCode)
}

// Kind says in whose name one acts.
type Kind string

// The kinds of profile.
const (
	KindPerson  Kind = "person"
	KindCompany Kind = "company"
)

// Profile is in whose name a person acts: themselves, or a company they represent.
type Profile struct {
	Kind    Kind    `json:"kind"`
	TaxCode TaxCode `json:"taxCode,omitempty"`
	Name    string  `json:"name"`
	Role    string  `json:"role,omitempty"` // Italian, such as "legale rappresentante"
}

// Own is the profile of a person who acts for themselves.
func (p Person) Own() Profile { return Profile{Kind: KindPerson, TaxCode: p.TaxCode, Name: p.Name()} }

// Claims are what SPID, CIE and the eIDAS node say of a person in OpenID Connect ("Regole tecniche OpenID Connect SPID e CIE",
// attributi utente). Only what the sportello needs is asked and kept (GDPR art. 5 c.1 c).
type Claims struct {
	GivenName        string `json:"given_name"`
	FamilyName       string `json:"family_name"`
	BirthDate        string `json:"birthdate"`
	FiscalNumber     string `json:"https://attributes.eid.gov.it/fiscal_number"`
	PersonIdentifier string `json:"http://eidas.europa.eu/attributes/naturalperson/PersonIdentifier"`
}

// Requested names the claims to ask of the identity provider.
func Requested() []string {
	return []string{"given_name", "family_name", "birthdate", fiscalNumberClaim}
}

const (
	fiscalNumberClaim = "https://attributes.eid.gov.it/fiscal_number"
	personIDClaim     = "http://eidas.europa.eu/attributes/naturalperson/PersonIdentifier"
)

var (
	// ErrMissingClaim is returned when the identity provider did not give something we cannot do without; the text names the claim.
	// The person can do nothing about it: it goes to the operator.
	ErrMissingClaim = errors.New("identity: claim missing")
	// ErrBadClaim is returned when a claim cannot be what its name says; the text names the claim, never its value.
	ErrBadClaim = errors.New("identity: claim malformed")
)

// eIDAS identifiers are nationality code, destination code and identifier, such as ES/IT/02635542Y.
var eidasIdentifier = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^([A-Z]{2})/[A-Z]{2}/(\S{1,256})$`)
})

// Person checks the claims and makes a person of them.
func (c Claims) Person() (Person, error) {
	p := Person{GivenName: clean(c.GivenName), FamilyName: clean(c.FamilyName), BirthDate: strings.TrimSpace(c.BirthDate)}
	switch {
	case p.GivenName == "":
		return Person{}, fmt.Errorf("%w: given_name", ErrMissingClaim)
	case p.FamilyName == "":
		return Person{}, fmt.Errorf("%w: family_name", ErrMissingClaim)
	}
	if p.BirthDate != "" {
		if _, err := time.Parse(time.DateOnly, p.BirthDate); err != nil {
			return Person{}, fmt.Errorf("%w: birthdate", ErrBadClaim)
		}
	}
	if c.FiscalNumber != "" {
		return p.withTaxCode(c.FiscalNumber)
	}
	return p.withForeign(c.PersonIdentifier)
}

// withTaxCode takes a fiscal_number claim, which is written TINIT-<tax code> (ETSI EN 319 412-1, 5.1.3).
func (p Person) withTaxCode(claim string) (Person, error) {
	claim = strings.ToUpper(strings.TrimSpace(claim))
	code, err := ParseTaxCode(strings.TrimPrefix(claim, "TINIT-"))
	if err != nil || !code.IsPerson() {
		return Person{}, fmt.Errorf("%w: %s", ErrBadClaim, fiscalNumberClaim)
	}
	p.TaxCode = code
	return p, nil
}

func (p Person) withForeign(claim string) (Person, error) {
	if claim == "" {
		return Person{}, fmt.Errorf("%w: %s", ErrMissingClaim, fiscalNumberClaim)
	}
	m := eidasIdentifier().FindStringSubmatch(strings.TrimSpace(claim))
	if m == nil {
		return Person{}, fmt.Errorf("%w: %s", ErrBadClaim, personIDClaim)
	}
	p.Foreign = &Foreign{Country: m[1], Identifier: m[2]}
	return p, nil
}

// clean makes a name one line: identity providers send names padded and, rarely, with control characters.
func clean(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, name)
	return strings.Join(strings.Fields(name), " ")
}
