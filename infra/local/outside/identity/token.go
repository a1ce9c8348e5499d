package identity

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"time"

	"sportello/infra/local/outside/bearer"
	"sportello/infra/local/outside/people"
)

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// token spends a code. The client is authenticated first: a stranger's attempt leaves the code
// alone. After that the code is gone whatever the answer (RFC 6749 section 4.1.2).
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		refuse(w, http.StatusBadRequest, "invalid_request", "the body is not a form")
		return
	}
	f := r.PostForm
	if f.Get("grant_type") != "authorization_code" {
		refuse(w, http.StatusBadRequest, "unsupported_grant_type", "only authorization_code is supported")
		return
	}
	if f.Get("client_assertion_type") != assertionType {
		refuse(w, http.StatusUnauthorized, "invalid_client", "private_key_jwt is required")
		return
	}
	assertion, err := p.Verifier.Verify(f.Get("client_assertion"), bearer.Expectation{
		ClientID: f.Get("client_id"), Audiences: []string{p.Issuer + "/token", p.Issuer}, Once: true,
	})
	if err != nil {
		refuse(w, http.StatusUnauthorized, "invalid_client", err.Error())
		return
	}
	grant, found, err := p.Codes.Take(f.Get("code"))
	if err != nil {
		refuse(w, http.StatusInternalServerError, "server_error", "the code could not be spent")
		return
	}
	if !found || !redeems(grant, assertion.Client.ID, f) {
		refuse(w, http.StatusBadRequest, "invalid_grant", "the code is unknown, spent or expired, or does not match redirect_uri or code_verifier")
		return
	}
	p.issue(w, grant)
}

func redeems(g Grant, clientID string, f url.Values) bool {
	sum := sha256.Sum256([]byte(f.Get("code_verifier")))
	challenge := base64.RawURLEncoding.EncodeToString(sum[:])
	return g.ClientID == clientID &&
		g.RedirectURI == f.Get("redirect_uri") &&
		time.Now().Before(g.Expires) &&
		subtle.ConstantTimeCompare([]byte(challenge), []byte(g.Challenge)) == 1
}

func (p *Provider) issue(w http.ResponseWriter, g Grant) {
	person, _ := people.FindPerson(g.Persona)
	now := time.Now()
	sub := p.subject(person, g.ClientID)
	access, err := p.Signer.Sign("at+jwt", map[string]any{
		"iss": p.Issuer, "sub": sub, "aud": p.Issuer + "/userinfo", "client_id": g.ClientID,
		"iat": now.Unix(), "exp": now.Add(tokenLife).Unix(), "jti": bearer.NewID(),
		"persona": person.ID, "outcome": g.Outcome,
	})
	if err != nil {
		refuse(w, http.StatusInternalServerError, "server_error", "the token could not be signed")
		return
	}
	idToken, err := p.idToken(g, sub, access, now)
	if err != nil {
		refuse(w, http.StatusInternalServerError, "server_error", "the token could not be signed")
		return
	}
	bearer.WriteJSON(w, http.StatusOK, map[string]any{
		"access_token": access, "token_type": "Bearer", "expires_in": int(tokenLife.Seconds()), "id_token": idToken, "scope": "openid",
	})
}

func (p *Provider) idToken(g Grant, sub, access string, now time.Time) (string, error) {
	half := sha256.Sum256([]byte(access))
	claims := map[string]any{
		"iss": p.Issuer, "sub": sub, "aud": g.ClientID, "nonce": g.Nonce, "acr": g.ACR, "jti": bearer.NewID(),
		"iat": now.Unix(), "exp": now.Add(tokenLife).Unix(), "auth_time": g.SignedInAt.Unix(),
		"at_hash": base64.RawURLEncoding.EncodeToString(half[:16]),
	}
	signer := p.Signer
	switch g.Outcome {
	case "wrong-nonce":
		claims["nonce"] = bearer.NewID()
	case "expired":
		claims["iat"], claims["exp"] = now.Add(-2*time.Hour).Unix(), now.Add(-time.Hour).Unix()
	case "wrong-signature":
		signer = p.Stranger
	}
	return signer.Sign("JWT", claims)
}

// subject is pairwise: stable for a person and a client, meaningless to others.
func (p *Provider) subject(person people.Person, clientID string) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{p.Issuer, clientID, person.TaxCode}, "\n")))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func refuse(w http.ResponseWriter, status int, code, description string) {
	bearer.WriteJSON(w, status, map[string]string{"error": code, "error_description": description})
}
