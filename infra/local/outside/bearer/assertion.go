package bearer

import (
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Verifier checks the assertions (private_key_jwt, PDND client assertion, InfoCamere JWS) that a
// registered client signs. Tokens live on real time, whatever the clock of the simulated world says.
type Verifier struct {
	Registry Registry

	mu   sync.Mutex
	used map[string]time.Time // client and jti -> expiry; forgotten at a restart, which is short of one exp
}

// Expectation is what an assertion must say beside being signed by its client.
type Expectation struct {
	// ClientID is the client the request names, empty when the request names none.
	ClientID string
	// Audiences are the values of which aud must have one.
	Audiences []string
	// Once refuses a jti seen before.
	Once bool
}

// Assertion is a verified assertion.
type Assertion struct {
	Client Client
	Claims map[string]any
}

const (
	maxAssertionLife = 10 * time.Minute
	leeway           = 30 * time.Second
)

var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.PS256, jose.ES256}

// Verify checks shape, signature, times and use of an assertion. The signature must verify with a
// registered key of the client it names (RFC 7523 section 3); when the header carries x5c, as
// InfoCamere asks, the leaf certificate must hold that very key: the certificate's own chain is
// not checked, because the registered key is what makes it trusted.
func (v *Verifier) Verify(token string, want Expectation) (*Assertion, error) {
	parsed, err := jwt.ParseSigned(token, algorithms)
	if err != nil {
		return nil, fmt.Errorf("parsing the assertion: %w", err)
	}
	var unverified jwt.Claims
	if err := parsed.UnsafeClaimsWithoutVerification(&unverified); err != nil {
		return nil, fmt.Errorf("reading the assertion: %w", err)
	}
	if want.ClientID != "" && unverified.Issuer != want.ClientID {
		return nil, errors.New("the assertion's iss is not the client_id of the request")
	}
	client, err := v.Registry.Find(unverified.Issuer)
	if err != nil {
		return nil, err
	}
	claims, key, err := verifySignature(parsed, client)
	if err != nil {
		return nil, err
	}
	if err := checkCertificate(token, key); err != nil {
		return nil, err
	}
	if err := checkClaims(unverified, want, time.Now()); err != nil {
		return nil, err
	}
	if want.Once && !v.markUsed(client.ID+"\n"+unverified.ID, unverified.Expiry.Time()) {
		return nil, errors.New("the assertion's jti has been used already")
	}
	return &Assertion{Client: client, Claims: claims}, nil
}

func verifySignature(token *jwt.JSONWebToken, client Client) (map[string]any, crypto.PublicKey, error) {
	for _, key := range client.Keys.Keys {
		public := key.Public()
		claims := map[string]any{}
		if token.Claims(public.Key, &claims) == nil {
			return claims, public.Key, nil
		}
	}
	return nil, nil, errors.New("the assertion is not signed by a registered key")
}

func checkClaims(c jwt.Claims, want Expectation, now time.Time) error {
	switch {
	case c.Subject != c.Issuer:
		return errors.New("the assertion's sub is not its iss")
	case !anyOf(c.Audience, want.Audiences):
		return fmt.Errorf("the assertion's aud is none of %s", strings.Join(want.Audiences, ", "))
	case c.Expiry == nil:
		return errors.New("the assertion has no exp")
	case now.After(c.Expiry.Time().Add(leeway)):
		return errors.New("the assertion has expired")
	case c.Expiry.Time().After(now.Add(maxAssertionLife + leeway)):
		return errors.New("the assertion lives longer than ten minutes")
	case c.IssuedAt != nil && c.IssuedAt.Time().After(now.Add(leeway)):
		return errors.New("the assertion was issued in the future")
	case c.NotBefore != nil && c.NotBefore.Time().After(now.Add(leeway)):
		return errors.New("the assertion is not valid yet")
	case c.ID == "":
		return errors.New("the assertion has no jti")
	}
	return nil
}

func anyOf(have jwt.Audience, want []string) bool {
	for _, w := range want {
		if have.Contains(w) {
			return true
		}
	}
	return false
}

// checkCertificate looks at x5c, if there is one: its first certificate must hold the key that
// signed.
func checkCertificate(token string, key crypto.PublicKey) error {
	head, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil {
		return fmt.Errorf("reading the header: %w", err)
	}
	var header struct {
		X5C []string `json:"x5c"`
	}
	if err := json.Unmarshal(raw, &header); err != nil {
		return fmt.Errorf("reading the header: %w", err)
	}
	if len(header.X5C) == 0 {
		return nil
	}
	der, err := base64.StdEncoding.DecodeString(header.X5C[0])
	if err != nil {
		return fmt.Errorf("reading x5c: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return fmt.Errorf("reading x5c: %w", err)
	}
	if k, ok := key.(interface{ Equal(crypto.PublicKey) bool }); !ok || !k.Equal(cert.PublicKey) {
		return errors.New("the certificate in x5c does not hold the registered key")
	}
	return nil
}

func (v *Verifier) markUsed(id string, expiry time.Time) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := time.Now()
	for k, exp := range v.used {
		if now.After(exp.Add(leeway)) {
			delete(v.used, k)
		}
	}
	if _, seen := v.used[id]; seen {
		return false
	}
	if v.used == nil {
		v.used = map[string]time.Time{}
	}
	v.used[id] = expiry
	return true
}
