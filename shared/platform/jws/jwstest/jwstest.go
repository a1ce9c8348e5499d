// Package jwstest gives tests a signing key in memory.
package jwstest

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"sync"
	"testing"

	"sportello/shared/platform/jws"
)

// Key signs with an RSA key of its own.
type Key struct{ *rsa.PrivateKey }

var _ jws.Signer = Key{}

var shared = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// New returns a key; all keys of one test process are the same, because making one takes long.
func New(t testing.TB) Key {
	t.Helper()
	private, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return Key{private}
}

// Sign implements jws.Signer.
func (k Key) Sign(_ context.Context, message []byte) ([]byte, error) {
	digest := sha256.Sum256(message)
	return rsa.SignPKCS1v15(nil, k.PrivateKey, crypto.SHA256, digest[:])
}
