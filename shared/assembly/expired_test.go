package assembly_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"sportello/shared/domain/application"
	"sportello/shared/domain/signature"
	"sportello/shared/flow/draft"
	"sportello/shared/flow/flowtest"
	"sportello/shared/flow/signatures"
	"sportello/shared/flow/submit"
	"sportello/shared/platform/signing"
	"sportello/shared/platform/signing/signingtest"
	"sportello/shared/platform/signing/trust"
)

// The trust list in use has ended: nobody is told that a signature is valid, nobody loses the instant of presentation, and once there is a list again
// the verdict comes by itself, as of that instant.
func TestTrustListExpired(t *testing.T) {
	world, w := signingtest.New(t), flowtest.New(t)
	list := trust.New(trust.List{Territory: "IT", Sequence: 6, NextUpdate: w.Now().Add(-time.Hour), Services: world.Trust().Services})
	verifier, err := signing.New(signing.Config{
		List: func(context.Context) (*trust.List, error) { return list, nil }, Fetch: world.Fetch, Now: w.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	drafts, presenting, verdicts := w.Drafts.Config, w.Submit.Config, w.Verdicts.Config
	drafts.Signatures, presenting.Signatures, verdicts.Verifier = verifier, verifier, verifier
	w.Drafts, w.Submit, w.Verdicts = &draft.Desk{Config: drafts}, &submit.Desk{Config: presenting}, &signatures.Desk{Config: verdicts}
	id := unsigned(t, w)
	file := signingtest.Sign(signingtest.PDF("Listino"), 10, signingtest.PDFStyle{}, world.Person(signingtest.Options{Name: "Giulia Rinaldi", TaxCode: flowtest.Giulia}))
	sum := sha256.Sum256(file)
	claim := draft.Claim{Field: "list", Name: "listino.pdf", Size: int64(len(file)), SHA256: hex.EncodeToString(sum[:]), MediaType: "application/pdf"}
	a, err := w.Drafts.Attach(context.Background(), w.Applicant(), id, claim)
	if err != nil {
		t.Fatal(err)
	}
	w.Upload(id, a.ID, file, claim.MediaType)
	done, err := w.Drafts.Complete(context.Background(), w.Applicant(), id, a.ID)
	if err != nil || done.Signature == nil || done.Signature.Verdict != string(signature.Indeterminate) || !strings.Contains(done.Signature.Text, "l’elenco di fiducia dei prestatori è scaduto") {
		t.Fatalf("%+v, %v", done.Signature, err)
	}
	w.Present(id)
	presented := w.Meta(id).Submission.PresentedAt
	w.Pass(2 * time.Hour)
	w.Rest()
	if v := w.Files(id)[0].Signature; v.Verdict != signature.Indeterminate {
		t.Errorf("without a list: %s", v.Verdict)
	}
	list = world.Trust()
	w.Pass(2 * time.Hour)
	w.Rest()
	if r := w.Files(id)[0].Signature; r.Verdict != signature.Valid || !r.ReferenceTime.Equal(presented) {
		t.Errorf("%s as of %s, presented %s", r.Verdict, r.ReferenceTime, presented)
	}
	if n := w.Told(id, application.SignatureVerified); n != 1 || len(w.Kinds()) != 0 {
		t.Errorf("told %d times, problems %v", n, w.Kinds())
	}
	w.Check()
}
