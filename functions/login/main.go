// Login signs people in and out: it sends the browser to an identity provider, takes its answer at the one callback host, opens the
// session at the chamber's own host, and says who is signed in and in whose name they may act.
//
// Trigger: HTTP API, GET /api/v1/login, /api/v1/login/callback, /api/v1/session, /api/v1/profiles and POST /api/v1/logout.
//
// Effect: rows of the sessions table (L# attempts, H# hand-offs, S# sessions, R# companies last known); calls to the identity
// provider and to the company register; cookies. Nothing else: no officer's list, no application.
//
// On retry: a browser that repeats a request gets the answer the first one made, or would have got (flow/login tells how); one login
// ends in one session. An interrupted login leaves rows that expire.
//
// On poison: there is no queue. What cannot be believed ends at the access page with a code that says why, and a log line.
package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"

	"sportello/shared/assembly"
	"sportello/shared/domain/identity"
	"sportello/shared/edge/httpapi"
	"sportello/shared/edge/lambdafn"
	"sportello/shared/flow/login"
	"sportello/shared/platform/companies"
	"sportello/shared/platform/jws"
	"sportello/shared/platform/kmssign"
	"sportello/shared/platform/oidc"
)

type environment struct {
	lambdafn.Environment
	assembly.InfoCamere
	Sessions    string `env:"TABLE_SESSIONS,required,notEmpty"`
	Portal      string `env:"PORTAL_BASE,required,notEmpty"`
	SPID        string `env:"SPID_ISSUER,required,notEmpty"`
	CIE         string `env:"CIE_ISSUER,required,notEmpty"`
	ClientID    string `env:"OIDC_CLIENT_ID,required,notEmpty"`
	IdentityKey string `env:"IDENTITY_KEY,required,notEmpty"`
	Companies   string `env:"COMPANIES_URL,required,notEmpty"`
}

// The time outside calls may take. A callback makes up to five and must answer within the function's 15 s; a register that is slower
// than this counts as down, which keeps nobody out.
const (
	providerTimeout = 4 * time.Second
	registerTimeout = 3 * time.Second
)

func main() { lambdafn.Main(wire) }

func wire(ctx context.Context, p *lambdafn.Process, env environment) (any, error) {
	parameters, err := p.Parameters(ctx, assembly.OriginParameter, assembly.KeyParameter)
	if err != nil {
		return nil, err
	}
	api, err := assembly.API(p, env.Portal, parameters[assembly.OriginParameter])
	if err != nil {
		return nil, err
	}
	sessions, err := assembly.Sessions(p, env.Sessions)
	if err != nil {
		return nil, err
	}
	desk, err := newDesk(p, env, sessions, parameters[assembly.KeyParameter])
	if err != nil {
		return nil, err
	}
	h, err := newHandler(api, desk, sessions, env.Portal, p.Log)
	if err != nil {
		return nil, err
	}
	return h.register()
}

func newDesk(p *lambdafn.Process, env environment, sessions *login.Sessions, secret string) (*login.Desk, error) {
	key, err := hex.DecodeString(strings.TrimSpace(secret))
	if err != nil {
		return nil, errors.New("reading parameters: " + assembly.KeyParameter + " is not hexadecimal") // the value is secret
	}
	signer, err := kmssign.New(kms.NewFromConfig(p.AWS), env.IdentityKey)
	if err != nil {
		return nil, err
	}
	providers, err := newProviders(env, signer)
	if err != nil {
		return nil, err
	}
	infocamere, err := env.InfoCamere.Companies(env.Companies, signer)
	if err != nil {
		return nil, err
	}
	infocamere.Timeout = registerTimeout
	client, err := companies.New(infocamere)
	if err != nil {
		return nil, err
	}
	return login.New(login.Config{
		Sessions: sessions, Providers: providers, Companies: register{client}, Key: key,
		Random: rand.Reader, Wait: wait,
	})
}

func newProviders(env environment, signer *kmssign.Key) (map[string]login.Provider, error) {
	callback, err := callbackURL(env.Portal)
	if err != nil {
		return nil, err
	}
	providers := map[string]login.Provider{}
	for name, issuer := range map[string]string{"spid": env.SPID, "cie": env.CIE} {
		client, err := oidc.New(oidc.Config{
			Issuer: issuer, ClientID: env.ClientID, RedirectURL: callback, Signer: jws.Signer(signer), KeyID: signer.Thumbprint,
			Level: login.MinimumLevel, Timeout: providerTimeout,
		})
		if err != nil {
			return nil, fmt.Errorf("configuring %s: %w", name, err)
		}
		providers[name] = provider{client}
	}
	return providers, nil
}

// callbackURL is the one address that identity providers send browsers back to, registered with each of them.
func callbackURL(portal string) (string, error) {
	base, err := url.Parse(portal)
	if err != nil || base.Host == "" {
		return "", errors.New("reading environment: PORTAL_BASE is no scheme and domain")
	}
	return base.Scheme + "://" + httpapi.CallbackLabel + "." + base.Host + callbackPath, nil
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// provider is an OpenID provider as flow/login sees one.
type provider struct{ client *oidc.Provider }

var _ login.Provider = provider{}

func (p provider) Begin(ctx context.Context) (login.Attempt, error) {
	a, err := p.client.Begin(ctx)
	return login.Attempt{URL: a.URL, State: a.State, Nonce: a.Nonce, Verifier: a.Verifier}, err
}

func (p provider) Finish(ctx context.Context, a login.Attempt, answer url.Values) (login.Identity, error) {
	found, err := p.client.Finish(ctx, oidc.Attempt{State: a.State, Nonce: a.Nonce, Verifier: a.Verifier}, answer)
	switch {
	case errors.Is(err, oidc.ErrCancelled):
		err = login.ErrCancelled
	case errors.Is(err, oidc.ErrForged):
		err = fmt.Errorf("%w: %w", login.ErrForged, err)
	case errors.Is(err, oidc.ErrLevel):
		err = nil // the level is in the answer, and flow/login judges it
	}
	return login.Identity{Person: found.Person, Level: found.Level}, err
}

// register is the company register as flow/login sees it.
type register struct{ client *companies.Client }

var _ login.Register = register{}

func (r register) Represented(ctx context.Context, person identity.TaxCode) ([]login.Company, error) {
	found, err := r.client.Represented(ctx, person)
	if err != nil {
		return nil, err
	}
	list := make([]login.Company, len(found))
	for n, c := range found {
		list[n] = login.Company{TaxCode: c.TaxCode, Name: c.Name}
		if c.Name == "" {
			list[n].Name = string(c.TaxCode) // the register holds a few without a name, and a profile must show something
		}
	}
	return list, nil
}
