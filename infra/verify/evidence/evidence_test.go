package evidence_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"flag"
	"io"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/smallstep/pkcs7"

	verify "sportello/infra/verify/evidence"
	"sportello/infra/verify/finding"
	"sportello/infra/verify/signature"
	"sportello/shared/domain/application"
	"sportello/shared/domain/deadline"
	"sportello/shared/flow/casefile"
	"sportello/shared/flow/flowtest"
	"sportello/shared/platform/pdf"
	"sportello/shared/platform/sealing"
)

var flips = flag.Int("flips", 300, "how many bits are turned")

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// authority issues one certificate.
type authority struct {
	root, certificate *x509.Certificate
	key               *rsa.PrivateKey
}

func (a authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.root.Raw})
}

func issue(name string, purpose ...x509.ExtKeyUsage) authority {
	rootKey, key := must(rsa.GenerateKey(rand.Reader, 2048)), must(rsa.GenerateKey(rand.Reader, 2048))
	template := func(n int64, name string, ca bool) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(n), Subject: pkix.Name{CommonName: name}, IsCA: ca, BasicConstraintsValid: true,
			NotBefore: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC),
			KeyUsage: map[bool]x509.KeyUsage{true: x509.KeyUsageCertSign, false: x509.KeyUsageDigitalSignature}[ca],
		}
	}
	top := template(1, name+" CA", true)
	root := must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, top, top, &rootKey.PublicKey, rootKey))))
	leaf := template(2, name, false)
	leaf.ExtKeyUsage = purpose
	return authority{root, must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, leaf, root, &key.PublicKey, rootKey)))), key}
}

// Sign implements sealing.Signer.
func (a authority) Sign(_ context.Context, message []byte) ([]byte, error) {
	sum := sha256.Sum256(message)
	return rsa.SignPKCS1v15(nil, a.key, crypto.SHA256, sum[:])
}

// stamp is a token of an authority (RFC 3161) over content.
func (a authority) stamp(content []byte, at time.Time) []byte {
	sum := sha256.Sum256(content)
	type algorithm struct {
		Type asn1.ObjectIdentifier
		Null asn1.RawValue
	}
	type imprint struct {
		Algorithm algorithm
		Digest    []byte
	}
	info := must(asn1.Marshal(struct {
		Version int
		Policy  asn1.ObjectIdentifier
		Imprint imprint
		Serial  int
		Time    time.Time `asn1:"generalized"`
	}{1, asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 1}, imprint{algorithm{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}, asn1.NullRawValue}, sum[:]}, 7, at.UTC()}))
	s := must(pkcs7.NewSignedData(info))
	s.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	s.GetSignedData().ContentInfo.ContentType, s.GetSignedData().Version = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}, 3
	certificate := sha256.Sum256(a.certificate.Raw)
	type id struct{ Hash []byte }
	type ids struct{ IDs []id }
	if err := s.AddSignerChain(a.certificate, a.key, []*x509.Certificate{a.root}, pkcs7.SignerInfoConfig{ExtraSignedAttributes: []pkcs7.Attribute{
		{Type: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47}, Value: ids{[]id{{certificate[:]}}}},
	}}); err != nil {
		panic(err)
	}
	return must(s.Finish())
}

// world is made once: keys are slow.
var world = sync.OnceValue(func() (w struct {
	seal, tsa authority
	trust     verify.Trust
}) {
	w.seal, w.tsa = issue("Sportello di prova"), issue("Marche di prova", x509.ExtKeyUsageTimeStamping)
	w.trust.Seals = must(signature.ParseRoots(append(w.seal.pem(), w.tsa.pem()...)))
	return w
})

// stamper does with a real key what the kit's does by name.
type stamper struct{ now func() time.Time }

func (s stamper) Stamp(_ context.Context, content []byte) ([]byte, error) {
	return world().tsa.stamp(content, s.now()), nil
}

// file is the evidence file of a case whose day is sealed. It is answered in the portal: the kit's certified mail is nobody's.
func file(t *testing.T) []byte {
	t.Helper()
	w := desk(t)
	w.Registered()
	id := w.Decided("domicile", "portal")
	w.Registered()
	w.Pass(24 * time.Hour)
	w.CloseDays()
	w.Rest()
	return must(w.Evidence.Make(t.Context(), must(casefile.Load(t.Context(), w.Applications, id))))
}

// desk is a world whose seals, stamps and receipts are real.
func desk(t *testing.T) *flowtest.World {
	t.Helper()
	w := flowtest.New(t)
	a := world().seal
	seals := must(sealing.New(a, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw})))
	w.Sealing.Sealer, w.Sealing.Stamper = seals, stamper{w.Now}
	w.Receipts.Print = func(out io.Writer, _ application.Application, _ casefile.Receipt) error {
		return pdf.Receipt(out, pdf.Presentation{
			ID: "r", Application: "a", Chamber: "Camera", Service: "s", Subject: "o", Applicant: "Giulia", Digest: "d", Office: "u", Responsible: "p",
			Substitute: "q", Silence: "s", Remedies: "r", Access: "a", PresentedAt: w.Now(), Due: deadline.DateOf(w.Now()),
		})
	}
	w.Receipts.Seal = func(ctx context.Context, printed []byte, _ application.Application, at time.Time) ([]byte, error) {
		return seals.PDF(ctx, printed, sealing.Note{At: at, Name: "Sportello", Reason: "Ricevuta"})
	}
	return w
}

// A file that is made before the day is closed says what it lacks, and holds; when it does not say so, that is named.
func TestHoldsEarly(t *testing.T) {
	w := desk(t)
	id := w.Decided("domicile", "portal")
	data := must(w.Evidence.Make(t.Context(), must(casefile.Load(t.Context(), w.Applications, id))))
	r := verify.Check(data, world().trust)
	if !r.OK || !strings.Contains(strings.Join(r.Missing, "\n"), "sigillo del registro del 2026-11-23") {
		t.Errorf("%v, %q", r.Broken, r.Missing)
	}
	silent := verify.Rewrite(data, func(list string) string {
		return strings.Replace(list, "sigillo del registro del 2026-11-23", "altro", 1)
	})
	if r = verify.Check(silent, world().trust); r.OK || !strings.Contains(r.Broken.Error(), "non dice che manca: sigillo del registro del 2026-11-23") {
		t.Errorf("what is missing is not said: %v", r.Broken)
	}
}

func TestHolds(t *testing.T) {
	data := file(t)
	r := verify.Check(data, world().trust)
	if !r.OK {
		t.Fatal(r.Broken)
	}
	said := strings.Join(append(r.Holds, r.Keys...), "\n")
	for _, want := range []string{"sigillata da «Sportello di prova»", "marca temporale del 2026-11-24", "foglia 2 di 4", "-receipt.pdf: sigillo di", "impronta SHA-256 "} {
		if !strings.Contains(said, want) {
			t.Errorf("does not say %q:\n%s", want, said)
		}
	}
	if r = verify.Check(data, verify.Trust{}); !r.OK || !strings.Contains(strings.Join(r.Open, "\n"), "non è stato confrontato") {
		t.Errorf("without authorities: %v, %v", r.Broken, r.Open)
	}
	stranger := verify.Trust{Seals: must(signature.ParseRoots(issue("Nessuno").pem()))}
	if r = verify.Check(data, stranger); r.OK || !strings.Contains(r.Broken.Error(), "di cui ci si fida") {
		t.Errorf("a stranger's seal: %v", r.Broken)
	}
}

// Every bit turned is noticed, also where somebody wrote list and zip anew after it, but for the bytes that the report lists as vouched for by nobody.
func TestFlips(t *testing.T) {
	data := file(t)
	for n, trust := range []verify.Trust{world().trust, {}} {
		open := verify.Check(data, trust).Unauthenticated
		for _, f := range verify.Flip(data, trust, *flips, uint64(n+1)) {
			if f.Broken == nil && !(f.Anew && finding.Covers(open, f.Place, f.At)) {
				t.Errorf("not noticed: %+v", f)
			}
		}
	}
}

// The list cannot leave out what one would expect to find, nor call missing what is there, nor be older than what it lists.
func TestLacking(t *testing.T) {
	data := file(t)
	for name, c := range map[string]struct{ old, new, named string }{
		"older than its day":    {`"createdAt": "2026`, `"createdAt": "2025`, "createdAt: è prima di un fatto"},
		"a seal that is there":  {`"missing": []`, `"missing": [` + lacks("sigillo del registro del 2026-11-23", "") + "\n  ]", "dice che manca, e c'è"},
		"a stamp that is there": {`"missing": []`, `"missing": [` + lacks("marca temporale del 2026-11-23", "") + "\n  ]", "dice che manca, e c'è"},
		"a document's kind":     {`"role": "outcome"`, `"role": "outcomf"`, "non è del tipo che dice il suo nome"},
		"what is not decided":   {`"missing": []`, `"missing": [` + lacks("esito", "") + "\n  ]", ""},
	} {
		r := verify.Check(verify.Rewrite(data, func(list string) string { return strings.Replace(list, c.old, c.new, 1) }), world().trust)
		switch {
		case c.named == "" && !r.OK, c.named != "" && (r.OK || !strings.Contains(r.Broken.Error(), c.named)):
			t.Errorf("%s: %v", name, r.Broken)
		}
	}
	without := verify.Without(data, "documenti/03-outcome.pdf")
	if r := verify.Check(without, world().trust); r.OK || !strings.Contains(r.Broken.Error(), "non dice che manca: documento") {
		t.Errorf("a registered document left out: %v", r.Broken)
	}
}

func lacks(what, sha256 string) string {
	return "\n    {\n      \"what\": \"" + what + "\",\n      \"why\": \"x\"" + sha256 + "\n    }"
}

// What was found of the signature of the act that decides is in the file, and of no other file.
func TestActVerified(t *testing.T) {
	w := desk(t)
	id := w.InProgress("domicile", "portal")
	act := w.OfficeFileOf(id, flowtest.SignedBy(w.Officer().TaxCode))
	w.Must(func() error {
		_, err := w.Office.Decide(t.Context(), w.Officer(), id, "founded", "Fondato.", act)
		return err
	})
	w.Settle()
	data := must(w.Evidence.Make(t.Context(), must(casefile.Load(t.Context(), w.Applications, id))))
	r := verify.Check(data, world().trust)
	if said := strings.Join(r.Holds, "\n"); !r.OK || !strings.Contains(said, "firma di documenti/03-outcome.pdf: la verifica fatta allora riguarda proprio questo file; esito allora: valid") {
		t.Fatalf("%v\n%s", r.Broken, said)
	}
	other := verify.Replace(data, "firme/documento-03.json", []byte(`{"verdict":"valid","sha256":"`+strings.Repeat("0", 64)+`","size":1}`))
	if r := verify.Check(other, world().trust); r.OK || !strings.Contains(r.Broken.Error(), "firme/documento-03.json") {
		t.Errorf("of another file: %v", r.Broken)
	}
}

// What somebody would do who wants to deceive: each is named.
func TestDeceived(t *testing.T) {
	data := file(t)
	trust := world().trust
	for name, c := range map[string]struct {
		change func() []byte
		named  string
	}{
		"another application": {func() []byte { return verify.Replace(data, "istanza.json", []byte("{}")) }, "istanza.json"},
		"something follows":   {func() []byte { return append(data[:len(data):len(data)], 0) }, "lo zip non è scritto nella forma prevista"},
		"something before":    {func() []byte { return append([]byte{0}, data...) }, "non è uno zip"},
		"the tail cut":        {func() []byte { return data[:len(data)-30] }, "lo zip"},
		"another seal": {func() []byte {
			return verify.Replace(data, "registro/giorni/2026-11-23/statement.p7s", world().tsa.stamp([]byte("x"), time.Now()))
		}, "registro/giorni/2026-11-23"},
		"another time": {func() []byte {
			return verify.Replace(data, "registro/giorni/2026-11-23/statement.tst", world().tsa.stamp([]byte("x"), time.Now()))
		}, "statement.tst"},
	} {
		r := verify.Check(c.change(), trust)
		if r.OK || !strings.Contains(r.Broken.Error(), c.named) {
			t.Errorf("%s: %v", name, r.Broken)
		}
	}
}

// A file whose bytes are anything is no panic.
func FuzzCheck(f *testing.F) {
	f.Add([]byte("PK\x03\x04"))
	f.Fuzz(func(_ *testing.T, data []byte) { verify.Check(data, verify.Trust{}) })
}
