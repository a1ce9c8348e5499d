package cms_test

import (
	"bytes"
	"crypto"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"strings"
	"testing"

	"sportello/shared/platform/cms"
	"sportello/shared/platform/signing/signingtest"
)

func TestParseMessage(t *testing.T) {
	w := signingtest.New(t)
	who := w.Person(signingtest.Options{})
	content := bytes.Repeat([]byte("Listino prezzi\n"), 400)
	for name, style := range map[string]signingtest.Style{"DER": {}, "streamed": {Streamed: true}, "key identifier": {KeyID: true, Digest: crypto.SHA384}} {
		m, err := cms.ParseMessage(signingtest.Envelope(content, style, who, who))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !bytes.Equal(m.Content, content) || m.ContentType != cms.OIDData || m.Detached || len(m.Signers) != 2 || m.Certificate(m.Signers[1]) == nil {
			t.Errorf("%s: %+v", name, m)
		}
		hash, err := m.Signers[0].Hash()
		if err != nil {
			t.Fatal(err)
		}
		digest := func(b []byte) []byte { h := hash.New(); h.Write(b); return h.Sum(nil) }
		if err := m.Signers[0].Check(m.ContentType, digest(content), who.Certificate); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := m.Signers[0].Check(m.ContentType, digest([]byte("x")), who.Certificate); !errors.Is(err, cms.ErrAltered) {
			t.Errorf("%s, another content: %v", name, err)
		}
		if err := m.Signers[0].Check(m.ContentType, digest(content), w.CA.Certificate); !errors.Is(err, cms.ErrInvalid) {
			t.Errorf("%s, another key: %v", name, err)
		}
	}
	m, err := cms.ParseMessage(signingtest.Envelope(nil, signingtest.Style{Detached: true}, who))
	if err != nil || !m.Detached {
		t.Errorf("detached: %+v, %v", m, err)
	}
}

// What a card program may write, and what an attacker may.
func TestArmor(t *testing.T) {
	w := signingtest.New(t)
	der := signingtest.Envelope(bytes.Repeat([]byte("Listino prezzi\n"), 400), signingtest.Style{}, w.Person(signingtest.Options{}))
	text := base64.StdEncoding.EncodeToString(der)
	framed := string(pem.EncodeToMemory(&pem.Block{Type: "PKCS7", Bytes: der}))
	wrapped := ""
	for i := 0; i < len(text); i += 76 {
		wrapped += text[i:min(len(text), i+76)] + "\r\n"
	}
	for name, c := range map[string]struct {
		file        string
		looks, good bool
	}{
		"binary": {string(der), true, true}, "PEM": {framed, true, true}, "PEM after a mark": {"\ufeff" + framed, true, true},
		"base64": {text, true, true}, "base64 in lines": {wrapped, true, true},
		"PEM without end": {framed[:len(framed)/2], true, false}, "base64 cut": {text[:len(text)/2+1], true, false},
		"base64 with a hole":   {text[:4000] + "==" + text[4000:], true, false},
		"base64 with nonsense": {text[:4000] + "?" + text[4001:], true, false},
		"PEM of nothing":       {"-----BEGIN PKCS7-----", false, false},
		"PEM of a certificate": {string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.CA.Certificate.Raw})), false, false},
		"text":                 {"MIIB, disse.", false, false}, "nothing": {"", false, false},
	} {
		if got := cms.Looks([]byte(c.file)); got != c.looks {
			t.Errorf("%s looks like an envelope: %v", name, got)
		}
		opened, err := cms.Open([]byte(c.file))
		if (err == nil) != c.good || c.good && !bytes.Equal(opened, der) {
			t.Errorf("%s: %d bytes, %v", name, len(opened), err)
		}
	}
	if !cms.IsEncrypted([]byte{0x30, 0x80, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 3, 0xa0, 0x80}) || cms.IsEncrypted(der) {
		t.Error("an encrypted envelope")
	}
}

func TestHostileMessages(t *testing.T) {
	for name, der := range map[string][]byte{
		"nothing": nil, "one byte": {0x30}, "length of lengths": {0x30, 0x89, 1, 1, 1, 1, 1, 1, 1, 1, 1},
		"longer than it is": {0x30, 0x84, 0xff, 0xff, 0xff, 0xff}, "high tag": {0x3f, 0x81, 0x01, 0x00},
		"without end":   bytes.Repeat([]byte{0x30, 0x80}, 1<<20),
		"many in depth": []byte(strings.Repeat("\x30\x80", 20) + strings.Repeat("\x04\x00", 1<<20)),
	} {
		if m, err := cms.ParseMessage(der); !errors.Is(err, cms.ErrMalformed) {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
}

func FuzzParseMessage(f *testing.F) {
	w := signingtest.New(f)
	who := w.Person(signingtest.Options{})
	f.Add(signingtest.Envelope([]byte("x"), signingtest.Style{}, who))
	f.Add(signingtest.Envelope([]byte("x"), signingtest.Style{Streamed: true, PSS: true, CRLs: [][]byte{w.CRL(w.CA, signingtest.Now)}}, w.Person(signingtest.Options{Key: signingtest.RSA(f, 2048)})))
	f.Add(signingtest.Stamp(who, signingtest.Now)([]byte("x")))
	f.Add([]byte(base64.StdEncoding.EncodeToString(signingtest.Envelope([]byte("x"), signingtest.Style{BindingV1: true}, who))))
	f.Fuzz(func(t *testing.T, data []byte) {
		if !cms.Looks(data) {
			return
		}
		der, err := cms.Open(data)
		if err != nil {
			return
		}
		m, err := cms.ParseMessage(der)
		if err != nil {
			return
		}
		_, _ = cms.ParseTimestamp(m)
		for _, s := range m.Signers {
			_, _ = s.Algorithm(), s.SigningTime()
			_ = s.Evidence()
			if s.Check(m.ContentType, make([]byte, 32), who.Certificate) == nil {
				t.Fatal("a digest of zeros is signed")
			}
			_ = s.Binding(who.Certificate)
		}
	})
}
