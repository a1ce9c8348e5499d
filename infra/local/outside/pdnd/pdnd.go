// Package pdnd issues the vouchers of the Piattaforma Digitale Nazionale Dati: an access token
// against a client assertion (DOMAIN: PDND; contract in pdnd-v2.yaml, /token.oauth2).
package pdnd

import (
	"errors"
	"net/http"
	"time"

	"sportello/infra/local/outside/bearer"
	"sportello/infra/local/outside/calls"
)

const (
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	voucherType   = "at+jwt"
	voucherLife   = 10 * time.Minute
	maxForm       = 64 << 10
)

// Config is what the platform needs; every field is required.
type Config struct {
	Issuer   string // absolute URL without a final slash
	Signer   *bearer.Signer
	Verifier *bearer.Verifier
	Calls    *calls.Log
}

// Platform issues and checks vouchers.
type Platform struct{ Config }

// New checks the configuration.
func New(cfg Config) (*Platform, error) {
	if cfg.Issuer == "" || cfg.Signer == nil || cfg.Verifier == nil || cfg.Calls == nil {
		return nil, errors.New("pdnd: incomplete configuration")
	}
	return &Platform{cfg}, nil
}

// Routes adds the platform's endpoints.
func (p *Platform) Routes(mux *http.ServeMux) {
	mux.HandleFunc("POST /pdnd/token.oauth2", p.Calls.Handler("pdnd", p.token))
	mux.HandleFunc("GET /pdnd/.well-known/jwks.json", func(w http.ResponseWriter, _ *http.Request) {
		bearer.WriteJSON(w, http.StatusOK, p.Signer.KeySet())
	})
}

func (p *Platform) token(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		problem(w, http.StatusBadRequest, "015-0001", "The body is not a form")
		return
	}
	f := r.PostForm
	if f.Get("grant_type") != "client_credentials" || f.Get("client_assertion_type") != assertionType {
		problem(w, http.StatusBadRequest, "015-0002", "grant_type or client_assertion_type is not supported")
		return
	}
	assertion, err := p.Verifier.Verify(f.Get("client_assertion"), bearer.Expectation{
		ClientID: f.Get("client_id"), Audiences: []string{p.Issuer, p.Issuer + "/token.oauth2"}, Once: true,
	})
	if err != nil {
		problem(w, http.StatusBadRequest, "015-0008", "Unable to generate a token: "+err.Error())
		return
	}
	purpose, _ := assertion.Claims["purposeId"].(string)
	if purpose == "" {
		problem(w, http.StatusBadRequest, "015-0010", "The assertion has no purposeId")
		return
	}
	p.issue(w, assertion, purpose)
}

func (p *Platform) issue(w http.ResponseWriter, a *bearer.Assertion, purpose string) {
	now := time.Now()
	claims := map[string]any{
		"iss": p.Issuer, "sub": a.Client.ID, "client_id": a.Client.ID, "aud": "inad", "purposeId": purpose,
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(voucherLife).Unix(), "jti": bearer.NewID(),
	}
	// AUDIT_REST_02: the digest of the tracking evidence travels in the voucher.
	if digest, ok := a.Claims["digest"]; ok {
		claims["digest"] = digest
	}
	voucher, err := p.Signer.Sign(voucherType, claims)
	if err != nil {
		problem(w, http.StatusInternalServerError, "015-9999", "The voucher could not be signed")
		return
	}
	bearer.WriteJSON(w, http.StatusOK, map[string]any{
		"access_token": voucher, "token_type": "Bearer", "expires_in": int(voucherLife.Seconds()),
	})
}

// Check tells whether a request carries a valid voucher.
func (p *Platform) Check(r *http.Request) error {
	_, err := p.Signer.Open(bearer.Token(r), voucherType, p.Issuer)
	return err
}

func problem(w http.ResponseWriter, status int, code, detail string) {
	bearer.WriteJSON(w, status, map[string]any{
		"type": "about:blank", "status": status, "title": http.StatusText(status),
		"errors": []map[string]string{{"code": code, "detail": detail}},
	})
}
