// Package identity is an OpenID Connect provider of the SPID and CIE kind: authorization code with
// PKCE, private_key_jwt, the claims of the SPID/CIE OIDC federation. Whoever signs in picks a
// persona on a page instead of typing a password; a machine posts the same form.
//
// What it leaves out of the federation profile: signed request objects, trust marks and entity
// statements, and the encryption of the userinfo answer.
package identity

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"sportello/infra/local/outside/bearer"
	"sportello/infra/local/outside/people"
	"sportello/infra/local/outside/state"
)

// Kind is which identity scheme a provider speaks for.
type Kind string

const (
	SPID Kind = "spid"
	CIE  Kind = "cie"
)

// Config is what a provider needs; every field is required.
type Config struct {
	Kind     Kind
	Issuer   string // absolute URL without a final slash
	Signer   *bearer.Signer
	Stranger *bearer.Signer // a key that is not in the JWKS, for the outcome wrong-signature
	Verifier *bearer.Verifier
	Codes    *state.Collection[Grant]
}

// Provider is one issuer.
type Provider struct{ Config }

// Grant is what an authorization code stands for until it is spent.
type Grant struct {
	ClientID    string    `json:"clientId"`
	RedirectURI string    `json:"redirectUri"`
	Challenge   string    `json:"challenge"`
	Nonce       string    `json:"nonce"`
	Persona     string    `json:"persona"`
	ACR         string    `json:"acr"`
	Outcome     string    `json:"outcome"`
	SignedInAt  time.Time `json:"signedInAt"`
	Expires     time.Time `json:"expires"`
}

const (
	codeLife  = time.Minute
	tokenLife = 5 * time.Minute
	acrPrefix = "https://www.spid.gov.it/SpidL"
	maxForm   = 64 << 10
)

// New checks the configuration.
func New(cfg Config) (*Provider, error) {
	switch {
	case cfg.Kind != SPID && cfg.Kind != CIE:
		return nil, fmt.Errorf("identity: unknown kind %q", cfg.Kind)
	case cfg.Issuer == "", cfg.Signer == nil, cfg.Stranger == nil, cfg.Verifier == nil, cfg.Codes == nil:
		return nil, errors.New("identity: incomplete configuration")
	}
	return &Provider{cfg}, nil
}

// Routes adds the provider's endpoints under its issuer's path.
func (p *Provider) Routes(mux *http.ServeMux) {
	at := "/" + string(p.Kind)
	mux.HandleFunc("GET "+at+"/.well-known/openid-configuration", p.discovery)
	mux.HandleFunc("GET "+at+"/jwks", p.jwks)
	mux.HandleFunc("GET "+at+"/authorize", p.authorize)
	mux.HandleFunc("POST "+at+"/authorize", p.authorize)
	mux.HandleFunc("POST "+at+"/token", p.token)
	mux.HandleFunc("GET "+at+"/userinfo", p.userinfo)
	mux.HandleFunc("POST "+at+"/userinfo", p.userinfo)
}

func (p *Provider) discovery(w http.ResponseWriter, _ *http.Request) {
	bearer.WriteJSON(w, http.StatusOK, map[string]any{
		"issuer":                                           p.Issuer,
		"authorization_endpoint":                           p.Issuer + "/authorize",
		"token_endpoint":                                   p.Issuer + "/token",
		"userinfo_endpoint":                                p.Issuer + "/userinfo",
		"jwks_uri":                                         p.Issuer + "/jwks",
		"response_types_supported":                         []string{"code"},
		"response_modes_supported":                         []string{"query"},
		"grant_types_supported":                            []string{"authorization_code"},
		"subject_types_supported":                          []string{"pairwise"},
		"scopes_supported":                                 []string{"openid", "profile", "email"},
		"acr_values_supported":                             []string{acrPrefix + "1", acrPrefix + "2", acrPrefix + "3"},
		"id_token_signing_alg_values_supported":            []string{"RS256"},
		"userinfo_signing_alg_values_supported":            []string{"RS256"},
		"token_endpoint_auth_methods_supported":            []string{"private_key_jwt"},
		"token_endpoint_auth_signing_alg_values_supported": []string{"RS256", "PS256", "ES256"},
		"code_challenge_methods_supported":                 []string{"S256"},
		"claims_parameter_supported":                       true,
		"request_parameter_supported":                      false,
		"authorization_response_iss_parameter_supported":   true,
		"claims_supported":                                 p.claimNames(),
	})
}

func (p *Provider) jwks(w http.ResponseWriter, _ *http.Request) {
	bearer.WriteJSON(w, http.StatusOK, p.Signer.KeySet())
}

// request is an authorization request whose client and redirect URI are known to be good.
type request struct {
	values      url.Values
	redirectURI string
}

// refusal is an OAuth error that goes back to the client.
type refusal struct{ code, description string }

// errUnsafe marks requests that must not be redirected (RFC 6749 section 4.1.2.1): the client or
// its redirect URI is not to be trusted, so the person is told instead.
type errUnsafe struct{ reason string }

func (e errUnsafe) Error() string { return e.reason }

func (p *Provider) parse(values url.Values) (request, *refusal, error) {
	client, err := p.Verifier.Registry.Find(values.Get("client_id"))
	if err != nil {
		return request{}, nil, errUnsafe{"Il servizio che chiede l’accesso non è registrato."}
	}
	redirectURI := values.Get("redirect_uri")
	if !slices.Contains(client.RedirectURIs, redirectURI) {
		return request{}, nil, errUnsafe{"L’indirizzo di ritorno non è fra quelli registrati dal servizio."}
	}
	return request{values, redirectURI}, check(values), nil
}

func check(v url.Values) *refusal {
	scopes := strings.Fields(v.Get("scope"))
	switch {
	case v.Get("response_type") != "code":
		return &refusal{"unsupported_response_type", "response_type must be code"}
	case !slices.Contains(scopes, "openid"):
		return &refusal{"invalid_scope", "scope must contain openid"}
	case v.Get("code_challenge_method") != "S256" || len(v.Get("code_challenge")) != 43:
		return &refusal{"invalid_request", "PKCE with S256 is required"}
	case len(v.Get("state")) < 22:
		return &refusal{"invalid_request", "state of at least 22 characters is required"}
	case len(v.Get("nonce")) < 22:
		return &refusal{"invalid_request", "nonce of at least 22 characters is required"}
	case v.Get("request") != "" || v.Get("request_uri") != "":
		return &refusal{"request_not_supported", "request objects are not supported"}
	case v.Get("prompt") == "none":
		return &refusal{"login_required", "the person must choose a persona"}
	}
	return nil
}

// acr is the level granted: the lowest asked for, level 2 when none is asked, as SPID does.
func acr(values url.Values) string {
	lowest := ""
	for _, a := range strings.Fields(values.Get("acr_values")) {
		if level, ok := strings.CutPrefix(a, acrPrefix); ok && slices.Contains([]string{"1", "2", "3"}, level) {
			if lowest == "" || a < lowest {
				lowest = a
			}
		}
	}
	if lowest == "" {
		return acrPrefix + "2"
	}
	return lowest
}

func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		p.showError(w, "La richiesta di accesso non è leggibile.")
		return
	}
	req, refused, err := p.parse(r.Form)
	if err != nil {
		p.showError(w, err.Error())
		return
	}
	if refused != nil {
		p.redirect(w, r, req, url.Values{"error": {refused.code}, "error_description": {refused.description}})
		return
	}
	who := r.Form.Get("persona")
	if r.Method == http.MethodGet {
		who = r.Form.Get("login_hint")
	}
	outcome := r.Form.Get("outcome")
	person, found := people.FindPerson(who)
	switch {
	case outcome == "cancel":
		p.redirect(w, r, req, url.Values{"error": {"access_denied"}, "error_description": {"the person cancelled"}})
	case !found && r.Method == http.MethodPost:
		p.showChooser(w, req, "Scegliere una persona.")
	case !found:
		p.showChooser(w, req, "")
	default:
		p.grant(w, r, req, person, outcome)
	}
}

func (p *Provider) grant(w http.ResponseWriter, r *http.Request, req request, person people.Person, outcome string) {
	now := time.Now()
	g := Grant{
		ClientID: req.values.Get("client_id"), RedirectURI: req.redirectURI, Challenge: req.values.Get("code_challenge"),
		Nonce: req.values.Get("nonce"), Persona: person.ID, ACR: acr(req.values), Outcome: outcome,
		SignedInAt: now, Expires: now.Add(codeLife),
	}
	if outcome == "level1" {
		g.ACR = acrPrefix + "1"
	}
	p.forgetExpired(now)
	code := bearer.NewID()
	if err := p.Codes.Put(code, g); err != nil {
		p.redirect(w, r, req, url.Values{"error": {"server_error"}})
		return
	}
	p.redirect(w, r, req, url.Values{"code": {code}})
}

// forgetExpired removes the codes nobody came for. They carry no id: each is looked at.
func (p *Provider) forgetExpired(now time.Time) {
	p.Codes.DeleteFunc(func(g Grant) bool { return now.After(g.Expires.Add(time.Hour)) })
}

// redirect goes back to the client with state and iss (RFC 9207).
func (p *Provider) redirect(w http.ResponseWriter, r *http.Request, req request, answer url.Values) {
	answer.Set("state", req.values.Get("state"))
	if r.Form.Get("outcome") == "wrong-state" {
		answer.Set("state", bearer.NewID())
	}
	answer.Set("iss", p.Issuer)
	target := req.redirectURI
	if strings.Contains(target, "?") {
		target += "&"
	} else {
		target += "?"
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	http.Redirect(w, r, target+answer.Encode(), http.StatusFound)
}
