package oidc

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/shared/domain/identity"
	"sportello/shared/domain/problem"
)

func relyingParty(t *testing.T, p *idp, change func(*Config)) *Provider {
	t.Helper()
	config := Config{
		Issuer: p.server.URL, ClientID: "sportello", RedirectURL: "https://accesso.example.it/callback", Signer: p.client,
		KeyID: func(context.Context) (string, error) { return "client-key", nil }, Timeout: 2 * time.Second,
	}
	if change != nil {
		change(&config)
	}
	rp, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	return rp
}

func begin(t *testing.T, rp *Provider) Attempt {
	t.Helper()
	attempt, err := rp.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return attempt
}

func TestLogin(t *testing.T) {
	for name, jwt := range map[string]bool{"userinfo as JSON": false, "userinfo signed": true} {
		t.Run(name, func(t *testing.T) {
			p := newIDP(t)
			p.userinfoJWT = jwt
			rp := relyingParty(t, p, nil)
			for range 3 {
				attempt := begin(t, rp)
				login, err := rp.Finish(t.Context(), attempt, p.authorize(attempt.URL))
				if err != nil {
					t.Fatal(err)
				}
				want := identity.Person{GivenName: "Mario", FamilyName: "Rossi", BirthDate: "1980-01-01", TaxCode: "RSSMRA80A01H501U"}
				if diff := cmp.Diff(want, login.Person); diff != "" || login.Subject != "subject" || login.Level != 2 || time.Since(login.At) > time.Minute {
					t.Errorf("%+v\n%s", login, diff)
				}
			}
			if p.discoveries != 1 || p.keyFetches != 1 {
				t.Errorf("%d discoveries and %d key fetches for three logins", p.discoveries, p.keyFetches)
			}
		})
	}
}

func TestAttemptsDiffer(t *testing.T) {
	p := newIDP(t)
	rp := relyingParty(t, p, nil)
	a, b := begin(t, rp), begin(t, rp)
	if a.State == b.State || a.Nonce == b.Nonce || a.Verifier == b.Verifier || strings.Contains(a.URL, a.Verifier) {
		t.Error("secrets repeat, or the verifier is in the address")
	}
}

func TestForgedAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		idp      func(*idp)
		callback func(url.Values)
		attempt  func(*Attempt)
	}{
		"other state":           {callback: func(q url.Values) { q.Set("state", "x") }},
		"no state":              {callback: func(q url.Values) { q.Del("state") }},
		"other issuer answers":  {callback: func(q url.Values) { q.Set("iss", "https://evil.example") }},
		"no code":               {callback: func(q url.Values) { q.Del("code") }},
		"invented code":         {callback: func(q url.Values) { q.Set("code", "invented") }},
		"other verifier":        {attempt: func(a *Attempt) { a.Verifier = strings.Repeat("v", 43) }},
		"attempt without nonce": {attempt: func(a *Attempt) { a.Nonce = "" }},
		"other nonce":           {idp: func(p *idp) { p.spoil = func(c map[string]any) { c["nonce"] = "x" } }},
		"no nonce":              {idp: func(p *idp) { p.spoil = func(c map[string]any) { delete(c, "nonce") } }},
		"other token issuer":    {idp: func(p *idp) { p.spoil = func(c map[string]any) { c["iss"] = "https://evil.example" } }},
		"other audience":        {idp: func(p *idp) { p.spoil = func(c map[string]any) { c["aud"] = "another client" } }},
		"expired":               {idp: func(p *idp) { p.spoil = func(c map[string]any) { c["exp"] = time.Now().Add(-time.Minute).Unix() } }},
		"unknown level":         {idp: func(p *idp) { p.spoil = func(c map[string]any) { c["acr"] = "https://www.spid.gov.it/SpidL9" } }},
		"no level":              {idp: func(p *idp) { p.spoil = func(c map[string]any) { delete(c, "acr") } }},
		"no subject":            {idp: func(p *idp) { p.spoil = func(c map[string]any) { c["sub"] = "" } }},
		"other access token":    {idp: func(p *idp) { p.spoil = func(c map[string]any) { c["at_hash"] = "AAAAAAAAAAAAAAAAAAAAAA" } }},
		"bad signature":         {idp: func(p *idp) { p.sign = func(string) []byte { return make([]byte, 256) } }},
		"no signature":          {idp: func(p *idp) { p.sign = func(string) []byte { return nil } }},
		"unknown key":           {idp: func(p *idp) { p.kid = "k2" }},
		"key for encryption":    {idp: func(p *idp) { p.kid = "enc" }},
		"userinfo of another":   {idp: func(p *idp) { p.user = func(c map[string]any) { c["sub"] = "somebody else" } }},
		"userinfo, other issuer": {idp: func(p *idp) {
			p.userinfoJWT = true
			p.user = func(c map[string]any) { c["iss"] = "https://evil.example" }
		}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newIDP(t)
			rp := relyingParty(t, p, nil)
			attempt := begin(t, rp)
			if c.idp != nil {
				c.idp(p)
			}
			callback := p.authorize(attempt.URL)
			if c.callback != nil {
				c.callback(callback)
			}
			if c.attempt != nil {
				c.attempt(&attempt)
			}
			login, err := rp.Finish(t.Context(), attempt, callback)
			if !errors.Is(err, ErrForged) || login != (Login{}) {
				t.Errorf("%+v, %v; want ErrForged and nobody", login, err)
			}
		})
	}
}

func TestCodeUsedTwice(t *testing.T) {
	p := newIDP(t)
	rp := relyingParty(t, p, nil)
	attempt := begin(t, rp)
	callback := p.authorize(attempt.URL)
	if _, err := rp.Finish(t.Context(), attempt, callback); err != nil {
		t.Fatal(err)
	}
	if _, err := rp.Finish(t.Context(), attempt, callback); !errors.Is(err, ErrForged) {
		t.Errorf("second use: %v", err)
	}
}

func TestCancelledAndRefused(t *testing.T) {
	p := newIDP(t)
	rp := relyingParty(t, p, nil)
	for code, want := range map[string]func(error) bool{
		"access_denied":           func(err error) bool { return errors.Is(err, ErrCancelled) },
		"login_required":          func(err error) bool { return errors.Is(err, ErrCancelled) },
		"temporarily_unavailable": func(err error) bool { return problem.Is(err, problem.Unavailable) },
		"invalid_request": func(err error) bool {
			return err != nil && !errors.Is(err, ErrCancelled) && !errors.Is(err, ErrForged) && !problem.Is(err, problem.Unavailable)
		},
	} {
		attempt := begin(t, rp)
		_, err := rp.Finish(t.Context(), attempt, url.Values{"state": {attempt.State}, "error": {code}, "error_description": {"x"}})
		if !want(err) {
			t.Errorf("%s: %v", code, err)
		}
		_, err = rp.Finish(t.Context(), attempt, url.Values{"state": {"other"}, "error": {code}})
		if !errors.Is(err, ErrForged) {
			t.Errorf("%s with another state: %v", code, err)
		}
	}
}

func TestUnavailable(t *testing.T) {
	for _, path := range []string{"/.well-known/openid-configuration", "/jwks", "/token", "/userinfo"} {
		t.Run(path, func(t *testing.T) {
			p := newIDP(t)
			rp := relyingParty(t, p, nil)
			if path == "/.well-known/openid-configuration" {
				p.down[path] = true
				_, err := rp.Begin(t.Context())
				if !problem.Is(err, problem.Unavailable) {
					t.Fatalf("begin: %v", err)
				}
				p.down[path] = false // it must recover by itself
			}
			attempt := begin(t, rp)
			callback := p.authorize(attempt.URL)
			p.down[path] = path != "/.well-known/openid-configuration"
			_, err := rp.Finish(t.Context(), attempt, callback)
			if p.down[path] && !problem.Is(err, problem.Unavailable) || !p.down[path] && err != nil {
				t.Errorf("finish: %v", err)
			}
		})
	}
	p := newIDP(t)
	p.server.Close()
	if _, err := relyingParty(t, p, nil).Begin(t.Context()); !problem.Is(err, problem.Unavailable) {
		t.Errorf("nobody there: %v", err)
	}
}

func TestDiscoveryIsKeptWhileTheProviderIsDown(t *testing.T) {
	p := newIDP(t)
	now := time.Now()
	rp := relyingParty(t, p, func(c *Config) { c.Now = func() time.Time { return now } })
	begin(t, rp)
	p.down["/.well-known/openid-configuration"] = true
	now = now.Add(2 * discoveryLife)
	begin(t, rp)
	p.down["/.well-known/openid-configuration"] = false
	now = now.Add(2 * time.Minute)
	begin(t, rp)
	if p.discoveries != 2 {
		t.Errorf("%d discoveries", p.discoveries)
	}
}

func TestOtherIssuerInDiscovery(t *testing.T) {
	p := newIDP(t)
	p.issuer = "https://evil.example"
	if _, err := relyingParty(t, p, nil).Begin(t.Context()); !errors.Is(err, ErrForged) {
		t.Errorf("%v", err)
	}
}

func TestLevel(t *testing.T) {
	p := newIDP(t)
	p.spoil = func(c map[string]any) { c["acr"] = "https://www.spid.gov.it/SpidL1" }
	rp := relyingParty(t, p, nil)
	attempt := begin(t, rp)
	login, err := rp.Finish(t.Context(), attempt, p.authorize(attempt.URL))
	if !errors.Is(err, ErrLevel) || login.Level != 1 || login.Person.TaxCode == "" {
		t.Errorf("%+v, %v", login, err)
	}
	p.spoil = func(c map[string]any) { c["acr"] = "https://www.spid.gov.it/SpidL3" }
	attempt = begin(t, rp)
	if login, err := rp.Finish(t.Context(), attempt, p.authorize(attempt.URL)); err != nil || login.Level != 3 {
		t.Errorf("a higher level: %+v, %v", login, err)
	}
}

func TestClaimsThatMiss(t *testing.T) {
	p := newIDP(t)
	p.user = func(c map[string]any) { delete(c, "https://attributes.eid.gov.it/fiscal_number") }
	rp := relyingParty(t, p, nil)
	attempt := begin(t, rp)
	if _, err := rp.Finish(t.Context(), attempt, p.authorize(attempt.URL)); !errors.Is(err, identity.ErrMissingClaim) {
		t.Errorf("%v", err)
	}
	p.user, p.userinfoType = nil, "application/jwt"
	attempt = begin(t, rp)
	_, err := rp.Finish(t.Context(), attempt, p.authorize(attempt.URL))
	if err == nil || !strings.Contains(err.Error(), "encrypted") {
		t.Errorf("encrypted userinfo: %v", err)
	}
}

func TestConfig(t *testing.T) {
	p := newIDP(t)
	for name, change := range map[string]func(*Config){
		"issuer": func(c *Config) { c.Issuer = "" }, "client": func(c *Config) { c.ClientID = "" },
		"redirect": func(c *Config) { c.RedirectURL = "" }, "signer": func(c *Config) { c.Signer = nil }, "level": func(c *Config) { c.Level = 4 },
	} {
		config := Config{Issuer: "i", ClientID: "c", RedirectURL: "r", Signer: p.client}
		change(&config)
		if _, err := New(config); err == nil {
			t.Errorf("without %s: no error", name)
		}
	}
}
