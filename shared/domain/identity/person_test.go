package identity

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestClaims(t *testing.T) {
	for name, c := range map[string]struct {
		json string
		want Person
		key  string
	}{
		"SPID": {
			`{"given_name":"Mario","family_name":"Rossi","birthdate":"1980-01-01","https://attributes.eid.gov.it/fiscal_number":"TINIT-RSSMRA80A01H501U","email":"x@y"}`,
			Person{GivenName: "Mario", FamilyName: "Rossi", BirthDate: "1980-01-01", TaxCode: "RSSMRA80A01H501U"}, "RSSMRA80A01H501U",
		},
		"CIE without prefix, padded": {
			`{"given_name":" LUCIA ","family_name":"VERDI\n","https://attributes.eid.gov.it/fiscal_number":"vrdlgu75m45f205e"}`,
			Person{GivenName: "LUCIA", FamilyName: "VERDI", TaxCode: "VRDLGU75M45F205E"}, "VRDLGU75M45F205E",
		},
		"eIDAS": {
			`{"given_name":"Ana","family_name":"García","http://eidas.europa.eu/attributes/naturalperson/PersonIdentifier":"ES/IT/02635542Y"}`,
			Person{GivenName: "Ana", FamilyName: "García", Foreign: &Foreign{"ES", "02635542Y"}}, "eidas:ES:02635542Y",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var claims Claims
			if err := json.Unmarshal([]byte(c.json), &claims); err != nil {
				t.Fatal(err)
			}
			got, err := claims.Person()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if got.Key() != c.key || got.Own().Kind != KindPerson || got.Own().Name != got.Name() {
				t.Errorf("key %q, own %+v", got.Key(), got.Own())
			}
		})
	}
}

func TestClaimsRefused(t *testing.T) {
	full := Claims{GivenName: "Mario", FamilyName: "Rossi", FiscalNumber: "TINIT-RSSMRA80A01H501U"}
	for name, c := range map[string]struct {
		change func(*Claims)
		want   error
		names  string
	}{
		"no name":          {func(c *Claims) { c.GivenName = " " }, ErrMissingClaim, "given_name"},
		"no surname":       {func(c *Claims) { c.FamilyName = "" }, ErrMissingClaim, "family_name"},
		"no code":          {func(c *Claims) { c.FiscalNumber = "" }, ErrMissingClaim, "fiscal_number"},
		"wrong code":       {func(c *Claims) { c.FiscalNumber = "TINIT-RSSMRA80A01H501X" }, ErrBadClaim, "fiscal_number"},
		"a company's code": {func(c *Claims) { c.FiscalNumber = "TINIT-02313821007" }, ErrBadClaim, "fiscal_number"},
		"another state":    {func(c *Claims) { c.FiscalNumber = "TINES-02635542Y" }, ErrBadClaim, "fiscal_number"},
		"bad birth date":   {func(c *Claims) { c.BirthDate = "1980-02-30" }, ErrBadClaim, "birthdate"},
		"bad eIDAS":        {func(c *Claims) { c.FiscalNumber, c.PersonIdentifier = "", "02635542Y" }, ErrBadClaim, "PersonIdentifier"},
	} {
		t.Run(name, func(t *testing.T) {
			claims := full
			c.change(&claims)
			_, err := claims.Person()
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.names) {
				t.Errorf("got %v, want %v naming %s", err, c.want, c.names)
			}
			if err != nil && strings.Contains(err.Error(), "RSSMRA") {
				t.Errorf("error repeats personal data: %v", err)
			}
		})
	}
}
