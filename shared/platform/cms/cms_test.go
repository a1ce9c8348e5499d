package cms_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"sportello/shared/platform/cms"
	"sportello/shared/platform/cms/cmstest"
)

func TestSignatures(t *testing.T) {
	now := time.Now()
	content := []byte("Content-Type: text/plain\r\n\r\nricevuta")
	trusted, stranger := cmstest.New(t, "Gestore", now.Add(-time.Hour)), cmstest.New(t, "Estraneo", now.Add(-time.Hour))
	roots, err := cms.ParseRoots(append([]byte("# a comment\n"), trusted.PEM...))
	if err != nil {
		t.Fatal(err)
	}
	detached, enveloped := trusted.Detached(t, content), trusted.Enveloped(t, content)
	for name, c := range map[string]struct {
		content, der []byte
		at           time.Time
		want         error
	}{
		"good":                    {content, detached, now, nil},
		"altered":                 {append([]byte("x"), content...), detached, now, cms.ErrAltered},
		"signed by a stranger":    {content, stranger.Detached(t, content), now, cms.ErrUntrusted},
		"before its time":         {content, detached, now.AddDate(0, 0, -1), cms.ErrExpired},
		"after its time":          {content, detached, now.AddDate(2, 0, 0), cms.ErrExpired},
		"brings its own content":  {content, enveloped, now, cms.ErrMalformed},
		"empty":                   {content, nil, now, cms.ErrMalformed},
		"no ASN.1":                {content, []byte("-----BEGIN PKCS7-----"), now, cms.ErrMalformed},
		"cut":                     {content, detached[:len(detached)/2], now, cms.ErrMalformed},
		"larger than a signature": {content, append(detached, make([]byte, 1<<20)...), now, cms.ErrMalformed},
	} {
		if err := roots.Detached(c.content, c.der, c.at); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if got, err := roots.Enveloped(enveloped, now); err != nil || !bytes.Equal(got, content) {
		t.Errorf("enveloped: %q, %v", got, err)
	}
	for name, c := range map[string]struct {
		der  []byte
		want error
	}{
		"without content": {detached, cms.ErrMalformed},
		"stranger":        {stranger.Enveloped(t, content), cms.ErrUntrusted},
		"altered":         {bytes.Replace(enveloped, []byte("ricevuta"), []byte("ricevute"), 1), cms.ErrAltered},
	} {
		if got, err := roots.Enveloped(c.der, now); !errors.Is(err, c.want) || got != nil {
			t.Errorf("enveloped, %s: %q, %v", name, got, err)
		}
	}
}

func TestParseRoots(t *testing.T) {
	for name, bundle := range map[string]string{
		"empty": "", "no PEM": "CA", "a key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
		"no certificate": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
	} {
		if _, err := cms.ParseRoots([]byte(bundle)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzDetached(f *testing.F) {
	authority := cmstest.New(f, "Gestore", time.Now().Add(-time.Hour))
	roots, err := cms.ParseRoots(authority.PEM)
	if err != nil {
		f.Fatal(err)
	}
	good := authority.Detached(f, []byte("x"))
	f.Add(good)
	f.Add([]byte{0x30, 0x80, 0x30, 0x80, 0, 0})
	f.Fuzz(func(t *testing.T, der []byte) {
		if roots.Detached([]byte("y"), der, time.Now()) == nil {
			t.Fatal("a signature over another content is believed")
		}
	})
}
