// Package kmssign signs with an RSA key that never leaves AWS KMS.
package kmssign

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/go-jose/go-jose/v4"

	"sportello/shared/platform/jws"
)

// Key is one signing key, by its id or alias. It may be used by several goroutines.
type Key struct {
	client *kms.Client
	id     string

	mu     sync.Mutex
	public *rsa.PublicKey
}

var _ jws.Signer = (*Key)(nil)

// New names a key. Nothing is asked of KMS yet.
func New(client *kms.Client, id string) (*Key, error) {
	if client == nil || id == "" {
		return nil, errors.New("making signing key: client or key id missing")
	}
	return &Key{client: client, id: id}, nil
}

// Sign implements jws.Signer. The digest is computed here, because KMS takes messages of at most 4096 bytes.
func (k *Key) Sign(ctx context.Context, message []byte) ([]byte, error) {
	digest := sha256.Sum256(message)
	out, err := k.client.Sign(ctx, &kms.SignInput{
		KeyId: aws.String(k.id), Message: digest[:], MessageType: types.MessageTypeDigest,
		SigningAlgorithm: types.SigningAlgorithmSpecRsassaPkcs1V15Sha256,
	})
	if err != nil {
		return nil, fmt.Errorf("signing with KMS: %w", err)
	}
	return out.Signature, nil
}

// Public asks KMS for the public half, once per process.
func (k *Key) Public(ctx context.Context) (*rsa.PublicKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.public != nil {
		return k.public, nil
	}
	out, err := k.client.GetPublicKey(ctx, &kms.GetPublicKeyInput{KeyId: aws.String(k.id)})
	if err != nil {
		return nil, fmt.Errorf("asking KMS for the public key: %w", err)
	}
	parsed, err := x509.ParsePKIXPublicKey(out.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("parsing the public key: %w", err)
	}
	public, ok := parsed.(*rsa.PublicKey)
	if !ok {
		return nil, errors.New("parsing the public key: not an RSA key")
	}
	k.public = public
	return public, nil
}

// Thumbprint is the key's RFC 7638 thumbprint, by which others find it in our key set (kid).
func (k *Key) Thumbprint(ctx context.Context) (string, error) {
	public, err := k.Public(ctx)
	if err != nil {
		return "", err
	}
	sum, err := (&jose.JSONWebKey{Key: public}).Thumbprint(crypto.SHA256)
	if err != nil {
		return "", fmt.Errorf("computing the key's thumbprint: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(sum), nil
}
