package signature

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"testing"
	"time"

	"github.com/smallstep/pkcs7"
)

// signed makes a signed object and the PEM of its signer, who is an authority of its own.
func signed(t testing.TB, from, to time.Time) (der, bundle []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Prova"}, NotBefore: from, NotAfter: to, IsCA: true, BasicConstraintsValid: true,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	s, err := pkcs7.NewSignedData([]byte("contenuto"))
	if err != nil {
		t.Fatal(err)
	}
	s.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	if err := s.AddSigner(certificate, key, pkcs7.SignerInfoConfig{}); err != nil {
		t.Fatal(err)
	}
	if der, err = s.Finish(); err != nil {
		t.Fatal(err)
	}
	return der, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})
}

func TestVerify(t *testing.T) {
	now := time.Now()
	der, bundle := signed(t, now.Add(-time.Hour), now.Add(time.Hour))
	_, stranger := signed(t, now.Add(-time.Hour), now.Add(time.Hour))
	roots, err := ParseRoots(bundle)
	if err != nil {
		t.Fatal(err)
	}
	others, err := ParseRoots(stranger)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		roots   *Roots
		at      time.Time
		content string
		want    error
	}{
		"as it is":        {roots, now, "contenuto", nil},
		"no roots":        {nil, now, "contenuto", nil},
		"another content": {roots, now, "altro", ErrInvalid},
		"a stranger":      {others, now, "contenuto", ErrUntrusted},
		"expired":         {roots, now.Add(2 * time.Hour), "contenuto", ErrUntrusted},
	} {
		s, err := Parse(der)
		if err != nil {
			t.Fatal(err)
		}
		s.Content = []byte(c.content)
		if err := s.Verify(c.roots, c.at); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Parse(append(der, 0)); !errors.Is(err, ErrMalformed) {
		t.Errorf("something follows: %v", err)
	}
	for _, none := range [][]byte{nil, []byte("x"), []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")} {
		if _, err := ParseRoots(none); err == nil {
			t.Errorf("%q trusts nobody", none)
		}
	}
}

func FuzzParse(f *testing.F) {
	der, _ := signed(f, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	f.Add(der)
	f.Add([]byte{0x30, 0x80})
	f.Fuzz(func(t *testing.T, der []byte) {
		s, err := Parse(der)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Error(err)
			}
			return
		}
		_ = s.Verify(nil, time.Now())
	})
}
