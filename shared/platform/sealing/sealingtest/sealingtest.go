// Package sealingtest gives tests a sealing key with its certificate.
package sealingtest

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"sync"
	"testing"
	"time"
)

// Key signs as KMS does.
type Key struct{ private *rsa.PrivateKey }

// Sign implements sealing.Signer.
func (k Key) Sign(_ context.Context, message []byte) ([]byte, error) {
	digest := sha256.Sum256(message)
	return rsa.SignPKCS1v15(nil, k.private, crypto.SHA256, digest[:])
}

var keys = sync.OnceValues(func() ([2]*rsa.PrivateKey, error) {
	one, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return [2]*rsa.PrivateKey{}, err
	}
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	return [2]*rsa.PrivateKey{one, other}, err
})

// The certificates are good for any instant that a test may live in.
var begin, end = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2060, 1, 1, 0, 0, 0, 0, time.UTC)

// New returns a key, the chain of its certificate, and the root, both in PEM.
func New(t testing.TB) (key Key, chain, root []byte) {
	t.Helper()
	pair, err := keys()
	if err != nil {
		t.Fatal(err)
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Radice di prova dei sigilli"}, NotBefore: begin,
		NotAfter: end, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	ca = issue(t, ca, ca, pair[1], pair[1])
	leaf := issue(t, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "Sigillo di prova", Organization: []string{"Sportello"}},
		NotBefore: begin, NotAfter: end, KeyUsage: x509.KeyUsageDigitalSignature,
	}, ca, pair[0], pair[1])
	root = encode(ca)
	return Key{pair[0]}, append(encode(leaf), root...), root
}

// Other is a key that the chain is not of.
func Other(t testing.TB) Key {
	t.Helper()
	pair, err := keys()
	if err != nil {
		t.Fatal(err)
	}
	return Key{pair[1]}
}

func encode(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

func issue(t testing.TB, template, parent *x509.Certificate, key, by *rsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, by)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
