// Package oidc logs people in with SPID and CIE: authorization code with PKCE, a client that proves itself by a signed assertion
// (private_key_jwt), and answers that are believed only after signature, issuer, audience, time, nonce and level are checked.
//
// Sources: "Regole tecniche OpenID Connect in SPID" and "SPID/CIE OIDC Federation"; OpenID Connect Core 1.0; RFC 7636; RFC 9207.
package oidc

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"sportello/shared/domain/identity"
	"sportello/shared/domain/problem"
	"sportello/shared/platform/jws"
	"sportello/shared/platform/partner"
)

var (
	// ErrCancelled is returned by Finish when the person stopped at the provider, or refused to give the data. Nothing is wrong: offer
	// the choice of provider again.
	ErrCancelled = errors.New("oidc: the person cancelled")
	// ErrForged is returned, wrapped, by Finish for an answer that the provider did not give for this attempt: another state or nonce, a
	// bad signature, another issuer or audience, an expired token, a used code. Start again; log it, it may be an attack.
	ErrForged = errors.New("oidc: the answer is not to be believed")
	// ErrLevel is returned by Finish, with a complete Login beside it, when the answer is genuine and its level of assurance is below
	// Config.Level: who it is, is known, and it is not enough.
	ErrLevel = errors.New("oidc: level of assurance too low")
)

// Unavailable providers come as a problem of kind problem.Unavailable. What remains is an internal error: a configuration the provider
// refuses, or claims that miss (identity.ErrMissingClaim).

// Levels of assurance, which are acr values of SPID and of CIE alike.
const acrPrefix = "https://www.spid.gov.it/SpidL"

// Config describes one provider and our registration with it.
type Config struct {
	Issuer      string     // required, exactly as the provider writes it
	ClientID    string     // required
	RedirectURL string     // required: the one callback
	Signer      jws.Signer // required: the registered key

	KeyID   func(context.Context) (string, error) // the key's id in our registered key set; nil: none is sent
	Level   int                                   // least level of assurance to ask for and accept: 1 to 3; 0 means 2
	HTTP    *http.Client                          // nil: one of its own
	Timeout time.Duration                         // of one call; 0: partner.DefaultTimeout
	Now     func() time.Time                      // nil: time.Now; tokens live in real time
}

// Provider is one identity provider. It may be used by several goroutines, and keeps what it discovered.
type Provider struct {
	config Config
	caller *partner.Caller
	client *http.Client
	found  discovery
}

// New checks the configuration. Nothing is called yet.
func New(config Config) (*Provider, error) {
	if config.Issuer == "" || config.ClientID == "" || config.RedirectURL == "" || config.Signer == nil {
		return nil, errors.New("configuring identity provider: Issuer, ClientID, RedirectURL and Signer are required")
	}
	if config.Level == 0 {
		config.Level = 2
	}
	if config.Level < 1 || config.Level > 3 {
		return nil, errors.New("configuring identity provider: Level is 1, 2 or 3")
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Timeout <= 0 {
		config.Timeout = partner.DefaultTimeout
	}
	p := &Provider{config: config, caller: partner.New(partner.Config{Name: "identity provider", HTTP: config.HTTP, Timeout: config.Timeout})}
	p.client = &http.Client{Timeout: config.Timeout}
	if config.HTTP != nil {
		p.client.Transport = config.HTTP.Transport
	}
	p.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return p, nil
}

// Attempt is one try to log in. It holds secrets: it is kept on our side under State, used once, and forgotten after minutes.
type Attempt struct {
	State    string `json:"state"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"`
	URL      string `json:"-"` // where to send the browser
}

// Begin prepares an attempt. The provider is asked only for its addresses, and those are remembered.
func (p *Provider) Begin(ctx context.Context) (Attempt, error) {
	metadata, _, err := p.discover(ctx)
	if err != nil {
		return Attempt{}, err
	}
	a := Attempt{State: jws.ID(), Nonce: jws.ID(), Verifier: oauth2.GenerateVerifier()}
	claims, err := requestedClaims()
	if err != nil {
		return Attempt{}, err
	}
	a.URL = p.oauth(metadata).AuthCodeURL(a.State,
		oauth2.S256ChallengeOption(a.Verifier),
		oauth2.SetAuthURLParam("nonce", a.Nonce),
		oauth2.SetAuthURLParam("acr_values", fmt.Sprint(acrPrefix, p.config.Level)),
		oauth2.SetAuthURLParam("prompt", "consent login"), // a public desk's browser must not log the next person in as the last
		oauth2.SetAuthURLParam("claims", claims))
	return a, nil
}

// requestedClaims asks for the few claims we need, in userinfo (OpenID Connect Core, 5.5).
func requestedClaims() (string, error) {
	essential := map[string]any{}
	for _, name := range identity.Requested() {
		essential[name] = map[string]bool{"essential": true}
	}
	text, err := json.Marshal(map[string]any{"userinfo": essential})
	return string(text), err
}

func (p *Provider) oauth(m metadata) *oauth2.Config {
	return &oauth2.Config{
		ClientID: p.config.ClientID, RedirectURL: p.config.RedirectURL, Scopes: []string{"openid"},
		Endpoint: oauth2.Endpoint{AuthURL: m.AuthURL, TokenURL: m.TokenURL, AuthStyle: oauth2.AuthStyleInParams},
	}
}

// Login is who logged in, and how.
type Login struct {
	Person  identity.Person
	Subject string    // the provider's own name of the person
	Level   int       // of assurance reached
	At      time.Time // when the person proved themselves, UTC
}

// Finish turns the callback's parameters into a login. The attempt must be the one stored under the state that came back, and must
// have been removed from the store before: a second call with the same parameters must not find it.
func (p *Provider) Finish(ctx context.Context, attempt Attempt, callback url.Values) (Login, error) {
	metadata, keys, err := p.discover(ctx)
	if err != nil {
		return Login{}, err
	}
	if err := p.checkCallback(attempt, callback); err != nil {
		return Login{}, err
	}
	token, err := p.exchange(ctx, metadata, attempt, callback.Get("code"))
	if err != nil {
		return Login{}, err
	}
	login, err := p.believe(ctx, metadata, keys, attempt, token)
	if err != nil {
		return Login{}, err
	}
	claims, err := p.userinfo(ctx, metadata, keys, token, login.Subject)
	if err != nil {
		return Login{}, err
	}
	if login.Person, err = claims.Person(); err != nil {
		return Login{}, err
	}
	if login.Level < p.config.Level {
		return login, ErrLevel
	}
	return login, nil
}

// checkCallback looks at what the browser brought back, before anything is asked with it.
func (p *Provider) checkCallback(attempt Attempt, callback url.Values) error {
	if attempt.State == "" || attempt.Verifier == "" || attempt.Nonce == "" ||
		subtle.ConstantTimeCompare([]byte(callback.Get("state")), []byte(attempt.State)) != 1 {
		return fmt.Errorf("%w: other state", ErrForged)
	}
	// RFC 9207: the issuer that answers must be the one that was asked. Providers that do not send it are checked by the id token.
	if iss := callback.Get("iss"); iss != "" && iss != p.config.Issuer {
		return fmt.Errorf("%w: other issuer", ErrForged)
	}
	switch code := callback.Get("error"); code {
	case "":
	case "access_denied", "login_required", "consent_required", "interaction_required":
		return ErrCancelled
	case "server_error", "temporarily_unavailable":
		return unavailable(errors.New("the provider answered " + code))
	default:
		return fmt.Errorf("logging in: the provider refused the request: %.40q", code)
	}
	if callback.Get("code") == "" {
		return fmt.Errorf("%w: no code", ErrForged)
	}
	return nil
}

// exchange turns the code into tokens.
func (p *Provider) exchange(ctx context.Context, m metadata, attempt Attempt, code string) (*oauth2.Token, error) {
	assertion, err := p.assertion(ctx, m)
	if err != nil {
		return nil, err
	}
	ctx = context.WithValue(ctx, oauth2.HTTPClient, p.client)
	token, err := p.oauth(m).Exchange(ctx, code,
		oauth2.VerifierOption(attempt.Verifier),
		oauth2.SetAuthURLParam("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
		oauth2.SetAuthURLParam("client_assertion", assertion))
	var refused *oauth2.RetrieveError
	switch {
	case err == nil:
		return token, nil
	case !errors.As(err, &refused):
		return nil, unavailable(partner.Plain(err))
	case refused.Response.StatusCode >= 500 || refused.Response.StatusCode == http.StatusTooManyRequests:
		return nil, unavailable(fmt.Errorf("token endpoint: status %d", refused.Response.StatusCode))
	case refused.ErrorCode == "invalid_grant":
		return nil, fmt.Errorf("%w: code refused", ErrForged)
	}
	return nil, fmt.Errorf("asking for tokens: status %d, %.40q", refused.Response.StatusCode, refused.ErrorCode)
}

// assertion proves who we are to the token endpoint (RFC 7523, 3).
func (p *Provider) assertion(ctx context.Context, m metadata) (string, error) {
	header := map[string]any{"typ": "JWT"}
	if p.config.KeyID != nil {
		kid, err := p.config.KeyID(ctx)
		if err != nil {
			return "", err
		}
		header["kid"] = kid
	}
	now := p.config.Now()
	return jws.Compact(ctx, p.config.Signer, header, map[string]any{
		"iss": p.config.ClientID, "sub": p.config.ClientID, "aud": m.TokenURL,
		"iat": now.Unix(), "exp": now.Add(3 * time.Minute).Unix(), "jti": jws.ID(),
	})
}

func unavailable(cause error) error {
	return problem.New(problem.Unavailable, "Il servizio di identità non risponde. Riprova tra qualche minuto oppure scegli un altro modo di accesso.").Because(cause)
}

// levelOf reads an acr value; 0 when it is none of ours.
func levelOf(acr string) int {
	return slices.Index([]string{acrPrefix + "1", acrPrefix + "2", acrPrefix + "3"}, strings.TrimSpace(acr)) + 1
}
