// Package cmstest gives tests a certification authority and signatures under it.
package cmstest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/smallstep/pkcs7"
)

// Authority issues the certificate of one signer.
type Authority struct {
	PEM    []byte
	root   *x509.Certificate
	signer *x509.Certificate
	key    *rsa.PrivateKey
}

var keys = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// New makes an authority whose signer's certificate is good from notBefore for a year.
func New(t testing.TB, name string, notBefore time.Time) *Authority {
	t.Helper()
	key, err := keys()
	if err != nil {
		t.Fatal(err)
	}
	a := &Authority{key: key}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: notBefore.AddDate(-1, 0, 0), NotAfter: notBefore.AddDate(10, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.root = issue(t, &template, &template, key)
	a.signer = issue(t, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "Signer of " + name}, NotBefore: notBefore, NotAfter: notBefore.AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection},
	}, a.root, key)
	a.PEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.root.Raw})
	return a
}

func issue(t testing.TB, template, parent *x509.Certificate, key *rsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

// Detached signs content and returns the signature alone; Enveloped returns it with the content inside.
func (a *Authority) Detached(t testing.TB, content []byte) []byte {
	t.Helper()
	return a.sign(t, content, true)
}

func (a *Authority) Enveloped(t testing.TB, content []byte) []byte {
	t.Helper()
	return a.sign(t, content, false)
}

func (a *Authority) sign(t testing.TB, content []byte, detached bool) []byte {
	signed, err := pkcs7.NewSignedData(content)
	if err != nil {
		t.Fatal(err)
	}
	signed.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	if err := signed.AddSigner(a.signer, a.key, pkcs7.SignerInfoConfig{}); err != nil {
		t.Fatal(err)
	}
	if detached {
		signed.Detach()
	}
	der, err := signed.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return der
}
