package signatures_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"sportello/shared/domain/application"
	"sportello/shared/domain/problem"
	"sportello/shared/flow/casefile"
	"sportello/shared/flow/draft"
	"sportello/shared/flow/flowtest"
	"sportello/shared/flow/problems"
	"sportello/shared/flow/signatures"
	"sportello/shared/flow/step"
)

var ctx = context.Background()

// list opens the draft of a company's price list.
func list(t *testing.T, w *flowtest.World) string {
	t.Helper()
	v, err := w.Drafts.Create(ctx, w.Applicant(), flowtest.Chamber, "listino-prezzi", "c-giulia")
	if err != nil {
		t.Fatal(err)
	}
	answers := `{"sector":"arredo-serramenti","listName":"Listino 2027","validFrom":"2027-01-01","public":"public","domicile":"registered","privacy":true}`
	if _, err := w.Drafts.Save(ctx, w.Applicant(), v.ID, v.Version, []byte(answers)); err != nil {
		t.Fatal(err)
	}
	return v.ID
}

// attach uploads a file as the price list, and says what was found of its signature.
func attach(t *testing.T, w *flowtest.World, id, body string) (string, *casefile.SignatureView) {
	t.Helper()
	sum := sha256.Sum256([]byte(body))
	a, err := w.Drafts.Attach(ctx, w.Applicant(), id, draft.Claim{
		Field: "list", Name: "listino.pdf", Size: int64(len(body)), SHA256: hex.EncodeToString(sum[:]), MediaType: "application/pdf",
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Upload(id, a.ID, []byte(body), "application/pdf")
	done, err := w.Drafts.Complete(ctx, w.Applicant(), id, a.ID)
	if err != nil {
		t.Fatal(err)
	}
	return a.ID, done.Signature
}

func verdict(t *testing.T, w *flowtest.World, id string) string {
	t.Helper()
	v, err := w.Cases.Show(ctx, w.Applicant(), id)
	if err != nil || len(v.Attachments) != 1 || v.Attachments[0].Signature == nil {
		t.Fatalf("%+v, %v", v.Attachments, err)
	}
	return v.Attachments[0].Signature.Verdict
}

func present(w *flowtest.World, id string) error {
	_, err := w.Submit.Present(ctx, w.Applicant(), id, flowtest.Key(id), 0)
	return err
}

// wrapped is well signed around something that no price list is.
var wrapped = "%PDF-1.7 " + flowtest.Wrapped + "firmato da " + flowtest.Giulia + "\n"

func TestCompletionSaysWhatTheSignatureIsWorth(t *testing.T) {
	for name, test := range map[string]struct{ body, verdict string }{
		"signed":   {flowtest.SignedBy(flowtest.Giulia), "valid"},
		"unsigned": {"%PDF-1.7 un listino", "invalid"},
		"altered":  {flowtest.Broken(flowtest.SignedBy(flowtest.Giulia)), "invalid"},
		"wrapped":  {wrapped, "invalid"},
	} {
		w := flowtest.New(t)
		id := list(t, w)
		_, found := attach(t, w, id, test.body)
		if found == nil || found.Verdict != test.verdict || found.Text == "" || verdict(t, w, id) != test.verdict {
			t.Errorf("%s: %+v", name, found)
		}
	}
	w := flowtest.New(t)
	id := w.Draft()
	w.Attach(id, "prova.pdf")
	if w.Signatures.Asked != 0 {
		t.Error("a form that wants no signature had one verified")
	}
}

// A file that would act when opened is not taken at all, signed or not, wherever it is uploaded.
func TestActiveContentIsRefused(t *testing.T) {
	w := flowtest.New(t)
	id := list(t, w)
	body := flowtest.SignedBy(flowtest.Giulia) + flowtest.Acting
	sum := sha256.Sum256([]byte(body))
	a, err := w.Drafts.Attach(ctx, w.Applicant(), id, draft.Claim{
		Field: "list", Name: "listino.pdf", Size: int64(len(body)), SHA256: hex.EncodeToString(sum[:]), MediaType: "application/pdf",
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Upload(id, a.ID, []byte(body), "application/pdf")
	_, err = w.Drafts.Complete(ctx, w.Applicant(), id, a.ID)
	flowtest.Refused(t, "active content", err, problem.FileMismatch, "#/mediaType")
	if w.Signatures.Asked != 0 {
		t.Error("a file that is not taken had its signature verified")
	}
}

func TestSubmissionRefusesWhatIsNotSignedAsItMust(t *testing.T) {
	for name, test := range map[string]struct{ body, detail string }{
		"unsigned":              {"%PDF-1.7 un listino", "non è firmato"},
		"altered":               {flowtest.Broken(flowtest.SignedBy(flowtest.Giulia)), "cambiato dopo la firma"},
		"by somebody else":      {flowtest.SignedBy("VRDNNA85A41F205W"), "non risulta rappresentare"},
		"by nobody in the law":  {flowtest.SignedBy(""), "non risulta rappresentare"},
		"around something else": {wrapped, "Firma il PDF"},
		"by a foreign number":   {flowtest.SignedBy("12345678901"), "non risulta rappresentare"},
	} {
		w := flowtest.New(t)
		id := list(t, w)
		attach(t, w, id, test.body)
		err := present(w, id)
		flowtest.Refused(t, name, err, problem.Invalid, "#/attachments/list")
		var p *problem.Problem
		if !errors.As(err, &p) || !strings.Contains(p.Fields[0].Detail, test.detail) {
			t.Errorf("%s: %v", name, p)
		}
	}
}

// Another legal representative may have signed: the register is asked about who did.
func TestACoRepresentativeMaySign(t *testing.T) {
	w := flowtest.New(t)
	id := list(t, w)
	attach(t, w, id, flowtest.SignedBy(flowtest.Marco))
	if err := present(w, id); err != nil {
		t.Fatal(err)
	}
}

// What was valid when it was uploaded may be invalid when it is presented: the second look counts.
func TestSubmissionLooksAgain(t *testing.T) {
	w := flowtest.New(t)
	id := list(t, w)
	attach(t, w, id, flowtest.SignedBy(flowtest.Giulia))
	asked := w.Signatures.Asked
	if err := present(w, id); err != nil {
		t.Fatal(err)
	}
	if w.Signatures.Asked == asked {
		t.Error("presented without a second look")
	}
}

func TestAnOpenVerdictIsAskedAgainAtCompletion(t *testing.T) {
	w := flowtest.New(t)
	w.Signatures.Down = true
	id := list(t, w)
	file, found := attach(t, w, id, flowtest.SignedBy(flowtest.Giulia))
	if found.Verdict != "indeterminate" {
		t.Fatalf("%+v", found)
	}
	w.Signatures.Down = false
	again, err := w.Drafts.Complete(ctx, w.Applicant(), id, file)
	if err != nil || again.Signature.Verdict != "valid" {
		t.Fatalf("%+v, %v", again, err)
	}
	asked := w.Signatures.Asked
	if _, err := w.Drafts.Complete(ctx, w.Applicant(), id, file); err != nil || w.Signatures.Asked != asked {
		t.Errorf("a verdict that is there was asked again: %v", err)
	}
}

// presentedBlind is a case that was presented while nobody could say what its signature is worth.
func presentedBlind(t *testing.T, w *flowtest.World) string {
	t.Helper()
	id := list(t, w)
	attach(t, w, id, flowtest.SignedBy(flowtest.Giulia))
	w.Signatures.Down = true
	if err := present(w, id); err != nil {
		t.Fatalf("a service that does not answer refused a presentation: %v", err)
	}
	if verdict(t, w, id) != "indeterminate" {
		t.Fatal("a verdict was made up")
	}
	return id
}

// owed counts the verdicts that are owed.
func owed(t *testing.T, w *flowtest.World) int {
	t.Helper()
	n := 0
	for _, item := range w.Outbox() {
		o, err := step.ReadItem(item)
		if err != nil {
			t.Fatal(err)
		}
		if o.Kind == step.Verify {
			n++
		}
	}
	return n
}

func TestAnOpenVerdictIsSettledLater(t *testing.T) {
	w := flowtest.New(t)
	id := presentedBlind(t, w)
	w.Pass(signatures.Wait + time.Minute)
	w.Sweep()
	w.Settle()
	if owed(t, w) != 1 || verdict(t, w, id) != "indeterminate" {
		t.Fatal("asked while nobody answers, and not left for later")
	}
	w.Signatures.Down = false
	for range 2 { // the second finds nothing to do
		w.Pass(signatures.Wait + time.Minute)
		w.Sweep()
		w.Settle()
	}
	if owed(t, w) != 0 || verdict(t, w, id) != "valid" {
		t.Fatalf("%d owed, %s", owed(t, w), verdict(t, w, id))
	}
	if told := w.Told(id, application.SignatureVerified); told != 1 {
		t.Errorf("told %d times", told)
	}
}

// A service that stays down is a problem with an owner, not silence.
func TestAVerdictThatNeverComesIsAProblem(t *testing.T) {
	w := flowtest.New(t)
	presentedBlind(t, w)
	for range 3 * 24 {
		w.Pass(time.Hour)
		w.Sweep()
		w.Settle()
	}
	if owed(t, w) != 1 || !slices.Contains(w.Kinds(), problems.Overdue) {
		t.Errorf("%d owed, problems %v", owed(t, w), w.Kinds())
	}
}

// An answer that will never come is not waited for without end: the office decides on what there is.
func TestAVerdictIsNotAskedForWithoutEnd(t *testing.T) {
	w := flowtest.New(t)
	id := presentedBlind(t, w)
	for range 33 {
		w.Pass(24 * time.Hour)
		w.Sweep()
		w.Settle()
	}
	if owed(t, w) != 0 || verdict(t, w, id) != "indeterminate" || !slices.Contains(w.Kinds(), problems.BadSignature) || slices.Contains(w.Kinds(), problems.Overdue) {
		t.Errorf("%d owed, %s, problems %v", owed(t, w), verdict(t, w, id), w.Kinds())
	}
}

func TestConfiguration(t *testing.T) {
	c := flowtest.New(t).Verdicts.Config
	c.Verifier = nil
	if _, err := signatures.New(c); err == nil {
		t.Error("an incomplete configuration was taken")
	}
}
