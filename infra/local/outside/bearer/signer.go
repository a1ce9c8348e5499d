package bearer

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Signer issues tokens of one authority, RS256.
type Signer struct {
	key *rsa.PrivateKey
	kid string
}

// NewSigner names the key by its RFC 7638 thumbprint.
func NewSigner(key *rsa.PrivateKey) (*Signer, error) {
	sum, err := (&jose.JSONWebKey{Key: key.Public()}).Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("naming the signing key: %w", err)
	}
	return &Signer{key: key, kid: base64.RawURLEncoding.EncodeToString(sum)}, nil
}

// Sign makes a compact JWS of the claims; typ is the header's.
func (s *Signer) Sign(typ string, claims map[string]any) (string, error) {
	opts := (&jose.SignerOptions{}).WithType(jose.ContentType(typ))
	signer, err := jose.NewSigner(jose.SigningKey{
		Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: s.key, KeyID: s.kid},
	}, opts)
	if err != nil {
		return "", fmt.Errorf("signing a token: %w", err)
	}
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		return "", fmt.Errorf("signing a token: %w", err)
	}
	return token, nil
}

// Open verifies a token that this signer issued and returns its claims. It fails on an expired
// token, and on one of another issuer or typ than asked.
func (s *Signer) Open(token, typ, issuer string) (map[string]any, error) {
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return nil, fmt.Errorf("parsing the token: %w", err)
	}
	var std jwt.Claims
	claims := map[string]any{}
	if err := parsed.Claims(&s.key.PublicKey, &std, &claims); err != nil {
		return nil, errors.New("the token is not signed by its issuer")
	}
	if got, _ := parsed.Headers[0].ExtraHeaders[jose.HeaderType].(string); got != typ {
		return nil, fmt.Errorf("the token's typ is not %s", typ)
	}
	if std.Issuer != issuer {
		return nil, errors.New("the token is of another issuer")
	}
	if std.Expiry == nil || time.Now().After(std.Expiry.Time()) {
		return nil, errors.New("the token has expired")
	}
	return claims, nil
}

// KeySet is the public half as a JWK set.
func (s *Signer) KeySet() jose.JSONWebKeySet {
	return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{
		Key: s.key.Public(), KeyID: s.kid, Algorithm: string(jose.RS256), Use: "sig",
	}}}
}

// Token returns the bearer token of a request, or "".
func Token(r *http.Request) string {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// NewID makes an identifier nobody can guess: 22 characters.
func NewID() string {
	raw := make([]byte, 16)
	_, _ = rand.Read(raw) // never fails since Go 1.24
	return base64.RawURLEncoding.EncodeToString(raw)
}

// WriteJSON answers with a JSON body that no cache keeps.
func WriteJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the peer has gone: nothing to do about it
}

// NewHex makes n random bytes in hexadecimal.
func NewHex(n int) string {
	raw := make([]byte, n)
	_, _ = rand.Read(raw) // never fails since Go 1.24
	return hex.EncodeToString(raw)
}
