package identity

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"sportello/infra/local/outside/bearer"
	"sportello/infra/local/outside/people"
)

const attribute = "https://attributes.eid.gov.it/"

func (p *Provider) claimNames() []string {
	names := []string{"sub", "given_name", "family_name", "birthdate", "gender", "place_of_birth", attribute + "fiscal_number"}
	if p.Kind == SPID {
		names = append(names, "email", attribute+"spid_code")
	}
	return names
}

// userinfo answers JSON, or a signed JWT to who asks for application/jwt.
func (p *Provider) userinfo(w http.ResponseWriter, r *http.Request) {
	token, err := p.Signer.Open(bearer.Token(r), "at+jwt", p.Issuer)
	if err != nil {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		refuse(w, http.StatusUnauthorized, "invalid_token", "the access token is not valid")
		return
	}
	id, _ := token["persona"].(string)
	person, found := people.FindPerson(id)
	if !found {
		refuse(w, http.StatusUnauthorized, "invalid_token", "the person is unknown")
		return
	}
	outcome, _ := token["outcome"].(string)
	claims := p.claims(person, outcome)
	claims["sub"] = token["sub"]
	if !strings.Contains(r.Header.Get("Accept"), "application/jwt") {
		bearer.WriteJSON(w, http.StatusOK, claims)
		return
	}
	claims["iss"], claims["aud"] = p.Issuer, token["client_id"]
	claims["iat"], claims["exp"] = time.Now().Unix(), time.Now().Add(tokenLife).Unix()
	signed, err := p.Signer.Sign("JWT", claims)
	if err != nil {
		refuse(w, http.StatusInternalServerError, "server_error", "the answer could not be signed")
		return
	}
	w.Header().Set("Content-Type", "application/jwt")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte(signed))
}

// claims are the attributes of the two schemes (SPID/CIE OIDC, "attributi dell'utente"): CIE knows
// no e-mail and has no SPID code.
func (p *Provider) claims(person people.Person, outcome string) map[string]any {
	c := map[string]any{
		"given_name":     person.GivenName,
		"family_name":    person.FamilyName,
		"birthdate":      person.Birthdate,
		"gender":         person.Gender,
		"place_of_birth": map[string]string{"locality": person.BirthPlace, "region": person.Province},
	}
	if outcome != "no-fiscal-number" {
		c[attribute+"fiscal_number"] = "TINIT-" + person.TaxCode
	}
	if p.Kind == SPID {
		sum := sha256.Sum256([]byte("spid code of " + person.ID))
		c["email"] = person.Email
		c[attribute+"spid_code"] = "PROV" + strings.ToUpper(hex.EncodeToString(sum[:5]))
	}
	return c
}
