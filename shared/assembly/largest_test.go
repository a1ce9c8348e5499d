package assembly_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"testing"

	"sportello/shared/assembly"
	"sportello/shared/domain/problem"
	"sportello/shared/domain/signature"
	"sportello/shared/flow/draft"
	"sportello/shared/flow/flowtest"
	"sportello/shared/flow/submit"
	"sportello/shared/platform/signing"
	"sportello/shared/platform/signing/signingtest"
)

const largest = 30 << 20 // what the form of a price list takes

// filled is a PDF of some bytes more than it needs.
func filled(bytesMore int) []byte {
	return signingtest.Update(signingtest.PDF("Listino"), map[int]string{9: signingtest.Stream("", bytes.Repeat([]byte("0123456789abcdef"), bytesMore/16+1)[:bytesMore])})
}

// sized grows a file to the largest size, to the byte.
func sized(t *testing.T, make func(bytesMore int) []byte) []byte {
	t.Helper()
	more := 29 << 20
	for range 4 {
		file := make(more)
		if len(file) == largest {
			return file
		}
		more += largest - len(file)
	}
	t.Fatal("no file of that size can be made")
	return nil
}

// The largest file that the form takes goes from upload to presentation, looked into and verified as the functions do it; one byte more is refused
// before it is uploaded.
func TestLargestSignedFile(t *testing.T) {
	world := signingtest.New(t)
	who := world.Person(signingtest.Options{Name: "Giulia Rinaldi", TaxCode: flowtest.Giulia, Key: signingtest.RSA(t, 2048)}) // an RSA key: its signatures are all of one length
	for name, file := range map[string][]byte{
		"listino.pdf":     sized(t, func(more int) []byte { return signingtest.Sign(filled(more), 10, signingtest.PDFStyle{}, who) }),
		"listino.pdf.p7m": sized(t, func(more int) []byte { return signingtest.Envelope(filled(more), signingtest.Style{}, who) }),
	} {
		t.Run(name, func(t *testing.T) {
			w := flowtest.New(t)
			verifier, err := signing.New(signing.Config{List: world.List, Fetch: world.Fetch, Now: w.Now})
			if err != nil {
				t.Fatal(err)
			}
			drafts, presenting := w.Drafts.Config, w.Submit.Config
			drafts.Signatures, drafts.Inspect, presenting.Signatures = verifier, assembly.Inspect, verifier
			w.Drafts, w.Submit = &draft.Desk{Config: drafts}, &submit.Desk{Config: presenting}
			id := unsigned(t, w)
			sum := sha256.Sum256(file)
			claim := draft.Claim{Field: "list", Name: name, Size: largest + 1, SHA256: hex.EncodeToString(sum[:]), MediaType: "application/pdf"}
			if name != "listino.pdf" {
				claim.MediaType = "application/pkcs7-mime"
			}
			_, err = w.Drafts.Attach(context.Background(), w.Applicant(), id, claim)
			flowtest.Refused(t, "a byte too many", err, problem.Invalid, "#/size")
			claim.Size = largest
			a, err := w.Drafts.Attach(context.Background(), w.Applicant(), id, claim)
			if err != nil {
				t.Fatal(err)
			}
			w.Upload(id, a.ID, file, claim.MediaType)
			done, err := w.Drafts.Complete(context.Background(), w.Applicant(), id, a.ID)
			if err != nil || done.Signature == nil || done.Signature.Verdict != string(signature.Valid) {
				t.Fatalf("%+v, %v", done.Signature, err)
			}
			presented, err := w.Submit.Present(context.Background(), w.Applicant(), id, flowtest.Key(id), 0)
			if err != nil || presented.State != "awaiting_payment" {
				t.Errorf("presented as %s: %#v", presented.State, err)
			}
		})
	}
}

// unsigned is a draft of a price list without its file.
func unsigned(t *testing.T, w *flowtest.World) string {
	t.Helper()
	v, err := w.Drafts.Create(context.Background(), w.Applicant(), flowtest.Chamber, flowtest.PriceList, "c-giulia")
	if err != nil {
		t.Fatal(err)
	}
	answers, err := json.Marshal(map[string]any{
		"sector": "altro", "listName": "Listino 2027", "validFrom": "2027-01-01", "public": "public", "domicile": "registered", "privacy": true,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Drafts.Save(context.Background(), w.Applicant(), v.ID, v.Version, answers); err != nil {
		t.Fatal(err)
	}
	return v.ID
}
