package signing_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"sportello/shared/domain/signature"
	"sportello/shared/platform/signing"
	"sportello/shared/platform/signing/signingtest"
)

func verifier(t testing.TB, w *signingtest.World) *signing.Verifier {
	t.Helper()
	v, err := signing.New(signing.Config{List: w.List, Fetch: w.Fetch, Now: func() time.Time { return signingtest.Now }})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func verify(t testing.TB, w *signingtest.World, file []byte) signature.Report {
	t.Helper()
	r, err := verifier(t, w).Verify(context.Background(), bytes.NewReader(file), int64(len(file)), signingtest.Now)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestWalk(t *testing.T) {
	w := signingtest.New(t)
	who := w.Person(signingtest.Options{})
	doc := signingtest.PDF("ciao")
	one := signingtest.Sign(doc, 10, signingtest.PDFStyle{}, who)
	for name, file := range map[string][]byte{
		"cades":  signingtest.Envelope([]byte("ciao"), signingtest.Style{}, who),
		"pades":  one,
		"two":    signingtest.Sign(one, 20, signingtest.PDFStyle{}, who),
		"packed": signingtest.Sign(signingtest.Packed("ciao"), 10, signingtest.PDFStyle{}, who),
		"dss":    signingtest.Store(one, 20, [][]byte{w.OCSP(w.CA, who.Certificate.SerialNumber, signingtest.Now)}, nil),
	} {
		r := verify(t, w, file)
		t.Log(name, r.Code, r.Text, len(r.Signers))
		if r.Verdict != signature.Valid {
			t.Error(name)
		}
	}
}
