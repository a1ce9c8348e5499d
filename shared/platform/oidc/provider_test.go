package oidc

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"

	"sportello/shared/platform/jws"
	"sportello/shared/platform/jws/jwstest"
)

// idp is a small identity provider: it checks what a provider must check, and its fields spoil its answers.
type idp struct {
	t      *testing.T
	server *httptest.Server
	key    jwstest.Key
	client jwstest.Key

	mu          sync.Mutex
	codes       map[string]url.Values // authorization requests by code, each good once
	discoveries int
	keyFetches  int

	issuer       string                      // in the discovery document; empty: its own
	down         map[string]bool             // paths that answer 503
	spoil        func(claims map[string]any) // of the id token
	kid          string                      // in tokens
	sign         func(input string) []byte   // instead of the true signature
	user         func(claims map[string]any) // of userinfo
	userinfoJWT  bool
	userinfoType string
}

func newIDP(t *testing.T) *idp {
	p := &idp{t: t, key: jwstest.New(t), client: jwstest.New(t), codes: map[string]url.Values{}, down: map[string]bool{}, kid: "k1"}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.discovery)
	mux.HandleFunc("GET /jwks", p.jwks)
	mux.HandleFunc("POST /token", p.token)
	mux.HandleFunc("GET /userinfo", p.userinfo)
	p.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.down[r.URL.Path] {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(p.server.Close)
	return p
}

func (p *idp) discovery(w http.ResponseWriter, _ *http.Request) {
	p.discoveries++
	issuer := p.issuer
	if issuer == "" {
		issuer = p.server.URL
	}
	json.NewEncoder(w).Encode(map[string]string{
		"issuer": issuer, "authorization_endpoint": p.server.URL + "/authorize", "token_endpoint": p.server.URL + "/token",
		"userinfo_endpoint": p.server.URL + "/userinfo", "jwks_uri": p.server.URL + "/jwks",
	})
}

func (p *idp) jwks(w http.ResponseWriter, _ *http.Request) {
	p.keyFetches++
	json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{Key: &p.key.PublicKey, KeyID: "enc", Use: "enc"}, {Key: &p.key.PublicKey, KeyID: "k1", Use: "sig", Algorithm: "RS256"},
	}})
}

// authorize plays the person at the provider's page: it checks the request and returns the callback's parameters.
func (p *idp) authorize(address string) url.Values {
	p.t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		p.t.Fatal(err)
	}
	q := u.Query()
	for name, want := range map[string]string{
		"response_type": "code", "client_id": "sportello", "redirect_uri": "https://accesso.example.it/callback", "scope": "openid",
		"acr_values": "https://www.spid.gov.it/SpidL2", "code_challenge_method": "S256",
	} {
		if q.Get(name) != want {
			p.t.Errorf("authorization request: %s = %q, want %q", name, q.Get(name), want)
		}
	}
	if len(q.Get("state")) < 22 || len(q.Get("nonce")) < 22 || len(q.Get("code_challenge")) != 43 || !json.Valid([]byte(q.Get("claims"))) {
		p.t.Errorf("authorization request lacks something: %v", q)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	code := jws.ID()
	p.codes[code] = q
	return url.Values{"code": {code}, "state": {q.Get("state")}, "iss": {p.server.URL}}
}

func (p *idp) token(w http.ResponseWriter, r *http.Request) {
	refuse := func(code string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		json.NewEncoder(w).Encode(map[string]string{"error": code})
	}
	assertion, err := jose.ParseSignedCompact(r.FormValue("client_assertion"), []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		refuse("invalid_client")
		return
	}
	payload, err := assertion.Verify(&p.client.PublicKey)
	var claims struct {
		Iss, Sub, Aud, Jti string
		Exp                int64
	}
	if err != nil || json.Unmarshal(payload, &claims) != nil || claims.Iss != "sportello" || claims.Sub != "sportello" || claims.Jti == "" ||
		claims.Aud != p.server.URL+"/token" || time.Until(time.Unix(claims.Exp, 0)) > 10*time.Minute {
		refuse("invalid_client")
		return
	}
	p.mu.Lock()
	request, ok := p.codes[r.FormValue("code")]
	delete(p.codes, r.FormValue("code"))
	p.mu.Unlock()
	if !ok || oauth2.S256ChallengeFromVerifier(r.FormValue("code_verifier")) != request.Get("code_challenge") ||
		r.FormValue("redirect_uri") != request.Get("redirect_uri") {
		refuse("invalid_grant")
		return
	}
	access := jws.ID()
	hash := sha256.Sum256([]byte(access))
	id := map[string]any{
		"iss": p.server.URL, "sub": "subject", "aud": "sportello", "nonce": request.Get("nonce"), "acr": request.Get("acr_values"),
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(), "auth_time": time.Now().Add(-time.Second).Unix(),
		"at_hash": base64.RawURLEncoding.EncodeToString(hash[:16]),
	}
	if p.spoil != nil {
		p.spoil(id)
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": 60, "id_token": p.signed(id)})
}

func (p *idp) userinfo(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") == "" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	claims := map[string]any{
		"sub": "subject", "given_name": "Mario", "family_name": "Rossi", "birthdate": "1980-01-01",
		"https://attributes.eid.gov.it/fiscal_number": "TINIT-RSSMRA80A01H501U",
	}
	if p.user != nil {
		p.user(claims)
	}
	switch {
	case p.userinfoType != "":
		w.Header().Set("Content-Type", p.userinfoType)
		w.Write([]byte("a.b.c.d.e"))
	case p.userinfoJWT:
		if claims["iss"] == nil {
			claims["iss"] = p.server.URL
		}
		w.Header().Set("Content-Type", "application/jwt")
		w.Write([]byte(p.signed(claims)))
	default:
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(claims)
	}
}

func (p *idp) signed(claims map[string]any) string {
	header, _ := json.Marshal(map[string]string{"alg": "RS256", "kid": p.kid})
	payload, _ := json.Marshal(claims)
	input := base64.RawURLEncoding.EncodeToString(header) + "." + base64.RawURLEncoding.EncodeToString(payload)
	digest := sha256.Sum256([]byte(input))
	signature, err := rsa.SignPKCS1v15(nil, p.key.PrivateKey, crypto.SHA256, digest[:])
	if err != nil {
		p.t.Error(err)
	}
	if p.sign != nil {
		signature = p.sign(input)
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(signature)
}
