// Package jws writes JSON Web Signatures (RFC 7515) with a key that is somewhere else, such as in KMS.
package jws

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
)

// Signer signs with one RSA key, by RSASSA-PKCS1-v1_5 with SHA-256 over message. The call may cross the network, so it takes the
// caller's context; it is safe for several goroutines.
type Signer interface {
	Sign(ctx context.Context, message []byte) ([]byte, error)
}

// Compact signs claims and returns the compact serialization. "alg" is added to the header.
func Compact(ctx context.Context, signer Signer, header, claims map[string]any) (string, error) {
	protected := map[string]any{"alg": "RS256"}
	for name, value := range header {
		protected[name] = value
	}
	h, err := json.Marshal(protected)
	if err != nil {
		return "", fmt.Errorf("writing JWS header: %w", err)
	}
	c, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("writing JWS claims: %w", err)
	}
	input := base64.RawURLEncoding.EncodeToString(h) + "." + base64.RawURLEncoding.EncodeToString(c)
	signature, err := signer.Sign(ctx, []byte(input))
	if err != nil {
		return "", fmt.Errorf("signing JWS: %w", err)
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

// ID is a fresh jti: 128 bits that nobody can guess.
func ID() string { return rand.Text() }
