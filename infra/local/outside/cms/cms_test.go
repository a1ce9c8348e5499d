package cms

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"

	"github.com/smallstep/pkcs7"
)

func signer(t *testing.T) Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "Prova"}, NotBefore: time.Unix(0, 0), NotAfter: time.Now().Add(time.Hour)}
	raw, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return Signer{Certificate: c, Key: key}
}

// TestBER: the rewriting keeps the signature, in as many pieces as the content needs.
func TestBER(t *testing.T) {
	s := signer(t)
	for _, size := range []int{1, chunk, 3*chunk + 1} {
		content := bytes.Repeat([]byte("x"), size)
		raw, err := Sign(s, Message{Content: content, SigningTime: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		ber, err := BER(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := bytes.Count(ber, []byte{0x04, 0x82, chunk >> 8, chunk & 0xff}); ber[1] != 0x80 || got != size/chunk {
			t.Errorf("%d bytes: %d whole pieces, first length %x", size, got, ber[1])
		}
		for _, form := range [][]byte{raw, ber} {
			p, err := pkcs7.Parse(form)
			if err != nil {
				t.Fatalf("%d bytes: %v", size, err)
			}
			if p.Verify() != nil || !bytes.Equal(p.Content, content) {
				t.Errorf("%d bytes: %v", size, p.Verify())
			}
		}
	}
	detached, err := Sign(s, Message{Content: []byte("x"), Detached: true})
	if err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string][]byte{"detached": detached, "nonsense": []byte("?"), "nothing": nil} {
		if _, err := BER(raw); err == nil {
			t.Errorf("%s was rewritten", name)
		}
	}
}

func TestSignNeedsASigner(t *testing.T) {
	if _, err := Sign(Signer{}, Message{}); err == nil {
		t.Error("signed by nobody")
	}
}
