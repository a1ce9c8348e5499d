package institute

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/go-jose/go-jose/v4"

	"sportello/infra/local/outside/state"
)

// sealer signs callbacks: JWS, ES256, the payload detached.
type sealer struct {
	key *ecdsa.PrivateKey
	kid string
}

// openSealer loads the key kept in the folder, or makes it.
func openSealer(dir, name string) (*sealer, error) {
	key, err := openKey(dir, name)
	if err != nil {
		return nil, fmt.Errorf("opening the institute's key: %w", err)
	}
	return newSealer(key)
}

func newSealer(key *ecdsa.PrivateKey) (*sealer, error) {
	sum, err := (&jose.JSONWebKey{Key: key.Public()}).Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("naming the institute's key: %w", err)
	}
	return &sealer{key: key, kid: base64.RawURLEncoding.EncodeToString(sum)}, nil
}

func openKey(dir, name string) (*ecdsa.PrivateKey, error) {
	path := filepath.Join(dir, name+".key")
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return makeKey(path)
	}
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("no PEM block in %s", filepath.Base(path))
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("key %s is not of an elliptic curve", name)
	}
	return key, nil
}

func makeKey(path string) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	return key, state.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
}

// sign returns the compact JWS without its payload, which travels as the body.
func (s *sealer) sign(body []byte, at time.Time) (string, error) {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: s.key, KeyID: s.kid}},
		(&jose.SignerOptions{}).WithHeader("iat", at.Unix()))
	if err != nil {
		return "", fmt.Errorf("signing a callback: %w", err)
	}
	signed, err := signer.Sign(body)
	if err != nil {
		return "", fmt.Errorf("signing a callback: %w", err)
	}
	return signed.DetachedCompactSerialize()
}

// forge signs with a key made for the occasion, and gives the name of the true one.
func (s *sealer) forge(body []byte, at time.Time) (string, error) {
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", fmt.Errorf("forging a callback: %w", err)
	}
	return (&sealer{key: stranger, kid: s.kid}).sign(body, at)
}

func (s *sealer) keySet() jose.JSONWebKeySet {
	return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: s.key.Public(), KeyID: s.kid, Algorithm: string(jose.ES256), Use: "sig"}}}
}
