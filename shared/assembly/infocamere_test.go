package assembly

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"testing"
)

func TestCertificate(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		given string
		chain int
		ok    bool
	}{
		"none":              {"", 0, true},
		"one":               {base64.StdEncoding.EncodeToString(der), 1, true},
		"not base64":        {"-----BEGIN CERTIFICATE-----", 0, false},
		"no certificate":    {base64.StdEncoding.EncodeToString([]byte("no certificate")), 0, false},
		"cut in the middle": {base64.StdEncoding.EncodeToString(der[:len(der)/2]), 0, false},
	} {
		chain, err := InfoCamere{InfoCamereCertificate: c.given}.Certificate()
		if len(chain) != c.chain || (err == nil) != c.ok {
			t.Errorf("%s: %d certificates, %v", name, len(chain), err)
		}
	}
}
