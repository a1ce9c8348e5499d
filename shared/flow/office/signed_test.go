package office_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"sportello/shared/domain/application"
	"sportello/shared/domain/problem"
	"sportello/shared/flow/access"
	"sportello/shared/flow/casefile"
	"sportello/shared/flow/flowtest"
	"sportello/shared/flow/office"
	"sportello/shared/flow/problems"
)

// bought is a price list that was paid for and that an officer has in charge: the act that decides it must be signed.
func bought(t *testing.T) (*flowtest.World, string) {
	t.Helper()
	w := flowtest.New(t)
	id := w.Unpaid()
	w.Checkout(id)
	w.Tell(w.Pay(id, 300))
	w.Rest()
	w.Must(func() error { _, err := w.Office.Assign(ctx, w.Officer(), id, ""); return err })
	return w, id
}

// listed is the desk of a chamber whose list of officers has Lucia and Pietro.
func listed(t *testing.T, w *flowtest.World) *office.Desk {
	t.Helper()
	c := w.Office.Config
	c.Colleague = func(_ context.Context, by access.Officer, taxCode string) (access.Officer, error) {
		if by.Key == "" && !slices.Contains([]string{flowtest.Lucia, flowtest.Pietro}, taxCode) {
			return access.Officer{}, problem.New(problem.Invalid, "Sconosciuto.").At("#/officer", "Sconosciuto.")
		}
		return access.Officer{TaxCode: taxCode}, nil
	}
	desk, err := office.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return desk
}

const elsewhere = "VRDNNA85A41F205W"

func TestOutcomeIsSigned(t *testing.T) {
	w, id := bought(t)
	w.Office = listed(t, w)
	byKey := w.Officer()
	byKey.Key = "gestionale"
	for name, c := range map[string]struct {
		who    access.Officer
		body   string
		detail string
	}{
		"not signed":                  {w.Officer(), "%PDF-1.7 esito", "Il file non è firmato."},
		"changed after signing":       {w.Officer(), flowtest.Broken(flowtest.SignedBy(flowtest.Lucia)), "La firma non è valida: il file è cambiato dopo la firma."},
		"by nobody of the chamber":    {w.Officer(), flowtest.SignedBy(elsewhere), "Il documento è firmato da " + elsewhere + ": deve firmarlo chi lavora per la Camera di commercio, e mai chi ha presentato la pratica."},
		"by the company's own":        {w.Officer(), flowtest.SignedBy(flowtest.Giulia), "Il documento è firmato da " + flowtest.Giulia + ": deve firmarlo chi lavora per la Camera di commercio, e mai chi ha presentato la pratica."},
		"by the company's own, a key": {byKey, flowtest.SignedBy(flowtest.Giulia), "Il documento è firmato da " + flowtest.Giulia + ": deve firmarlo chi lavora per la Camera di commercio, e mai chi ha presentato la pratica."},
		"by nobody in the law, a key": {byKey, flowtest.SignedBy(""), "Il documento è firmato da : deve firmarlo chi lavora per la Camera di commercio, e mai chi ha presentato la pratica."},
	} {
		_, err := w.Office.Decide(ctx, c.who, id, "deposited", "Depositato.", w.OfficeFileOf(id, c.body))
		flowtest.Refused(t, name, err, problem.Invalid, "#/document")
		if p, ok := err.(*problem.Problem); ok && p.Fields[0].Detail != c.detail {
			t.Errorf("%s: %s", name, p.Fields[0].Detail)
		}
	}
	w.State(id, application.InProgress)
	if len(w.Outbox()) != 0 {
		t.Error("something is owed")
	}
	// A manager signs what an officer has prepared. What was found is shown with the act, to both sides.
	v, err := w.Office.Decide(ctx, w.Officer(), id, "deposited", "Depositato.", w.OfficeFileOf(id, flowtest.SignedBy(flowtest.Pietro)))
	if err != nil {
		t.Fatal(err)
	}
	applicants, err := w.Cases.Show(ctx, w.Applicant(), id)
	if err != nil {
		t.Fatal(err)
	}
	for _, view := range []casefile.View{v, applicants} {
		if s := actOf(t, view).Signature; s == nil || s.Verdict != "valid" || s.Signers[0].TaxCode != flowtest.Pietro {
			t.Errorf("the act's signature: %+v", s)
		}
	}
	w.Check()
}

func actOf(t *testing.T, v casefile.View) casefile.DocumentView {
	t.Helper()
	n := slices.IndexFunc(v.Documents, func(d casefile.DocumentView) bool { return d.Kind == application.OutcomeDocument })
	if n < 0 {
		t.Fatal("the case shows no outcome's document")
	}
	return v.Documents[n]
}

// A chamber's own system may name whoever signs for it, and a sheet may want no signature; one that is there must hold all the same.
func TestOutcomeOfAKeyOrOfAComplaint(t *testing.T) {
	w, id := bought(t)
	w.Office = listed(t, w)
	byKey := w.Officer()
	byKey.Key = "gestionale"
	if _, err := w.Office.Decide(ctx, byKey, id, "deposited", "Depositato.", w.OfficeFileOf(id, flowtest.SignedBy(elsewhere))); err != nil {
		t.Error(err)
	}
	complaint := w.InProgress()
	_, err := w.Office.Decide(ctx, w.Officer(), complaint, "founded", "Sì", w.OfficeFileOf(complaint, flowtest.Broken(flowtest.SignedBy(flowtest.Lucia))))
	flowtest.Refused(t, "a signature that does not hold", err, problem.Invalid, "#/document")
	v, err := w.Office.Decide(ctx, w.Officer(), complaint, "founded", "Sì", w.OfficeFileOf(complaint, "%PDF-1.7 esito"))
	if err != nil || actOf(t, v).Signature != nil {
		t.Errorf("%+v, %v", v.Documents, err)
	}
}

// Who is complained of does not sign what becomes of the complaint, through neither door, nor beside others.
func TestOutcomeIsNotSignedByWhoIsComplainedOf(t *testing.T) {
	w := flowtest.New(t)
	id := w.InProgress("officer", flowtest.Pietro)
	who := w.Officer()
	for _, key := range []string{"", "gestionale"} {
		who.Key = key
		_, err := w.Office.Decide(ctx, who, id, "founded", "Sì", w.OfficeFileOf(id, flowtest.SignedBy(flowtest.Pietro)))
		flowtest.Refused(t, "complained of", err, problem.Invalid, "#/document")
	}
	if _, err := w.Office.Decide(ctx, who, id, "founded", "Sì", w.OfficeFileOf(id, flowtest.SignedBy(flowtest.Lucia))); err != nil {
		t.Error(err)
	}
}

// While nobody says what a signature is worth the act goes out; the verdict is asked for as of the decision, and a bad one is somebody's problem.
func TestOutcomesVerdictIsOwed(t *testing.T) {
	for name, c := range map[string]struct {
		spoil   bool
		verdict string
		kinds   []problems.Kind
	}{"good": {false, "valid", []problems.Kind{}}, "bad": {true, "invalid", []problems.Kind{problems.BadSignature}}} {
		w, id := bought(t)
		w.Signatures.Down = true
		file := w.OfficeFileOf(id, flowtest.SignedBy(flowtest.Lucia))
		decided := w.Now()
		v, err := w.Office.Decide(ctx, w.Officer(), id, "deposited", "Depositato.", file)
		if err != nil || actOf(t, v).Signature.Verdict != "indeterminate" {
			t.Fatalf("%s: %+v, %v", name, v.Documents, err)
		}
		w.Signatures.Down = false
		w.Signatures.Spoiled = c.spoil
		w.Pass(time.Hour)
		w.Rest()
		v, err = w.Office.Show(ctx, w.Officer(), id)
		if err != nil || actOf(t, v).Signature.Verdict != c.verdict || !slices.Equal(w.Kinds(), c.kinds) {
			t.Errorf("%s: %+v, problems %v, %v", name, actOf(t, v).Signature, w.Kinds(), err)
		}
		for _, f := range w.Files(id) {
			if f.ID == file && !f.Signature.ReferenceTime.Equal(decided) {
				t.Errorf("%s: judged as of %s, decided %s", name, f.Signature.ReferenceTime, decided)
			}
		}
		if w.Told(id, application.SignatureVerified) != 1 || len(w.Outbox()) != 0 {
			t.Errorf("%s: told %d times, %d owed", name, w.Told(id, application.SignatureVerified), len(w.Outbox()))
		}
		w.Check()
	}
}

// Nobody asks the applicant for another paper because of the office's own act.
func TestOutcomesVerdictNeverComes(t *testing.T) {
	w, id := bought(t)
	w.Signatures.Down = true
	file := w.OfficeFileOf(id, flowtest.SignedBy(flowtest.Lucia))
	w.Must(func() error {
		_, err := w.Office.Decide(ctx, w.Officer(), id, "deposited", "Depositato.", file)
		return err
	})
	for range 33 {
		w.Pass(24 * time.Hour)
		w.Sweep()
		w.Settle()
	}
	list, err := problems.List(ctx, w.Applications, flowtest.Chamber)
	n := slices.IndexFunc(list, func(p problems.Problem) bool { return p.Kind == problems.BadSignature })
	if err != nil || n < 0 || list[n].Text != "La firma sul documento dell'esito non è stata verificabile in un mese di tentativi: decidere se comunicare un nuovo atto firmato." {
		t.Errorf("%+v, %v", list, err)
	}
}

// The decision looks again: what was not known when the file was uploaded may be known now, and what held then may not.
func TestDecisionLooksAgain(t *testing.T) {
	w, id := bought(t)
	w.Signatures.Down = true
	file := w.OfficeFileOf(id, flowtest.SignedBy(flowtest.Lucia))
	w.Signatures.Down, w.Signatures.Spoiled = false, true
	_, err := w.Office.Decide(ctx, w.Officer(), id, "deposited", "Depositato.", file)
	flowtest.Refused(t, "revoked meanwhile", err, problem.Invalid, "#/document")
	w.Signatures.Spoiled = false
	v, err := w.Office.Decide(ctx, w.Officer(), id, "deposited", "Depositato.", file)
	if err != nil || actOf(t, v).Signature.Verdict != "valid" {
		t.Errorf("%+v, %v", actOf(t, v).Signature, err)
	}
	w.Rest()
	if n := w.Told(id, application.SignatureVerified); n != 0 || len(w.Outbox()) != 0 {
		t.Errorf("asked for again: told %d times, %d owed", n, len(w.Outbox()))
	}
}

// A decision whose commit fails in any of the four ways is one decision, with its verdict.
func TestSignedDecisionOnce(t *testing.T) {
	for _, fault := range flowtest.Faults {
		w, id := bought(t)
		w.Signatures.Down = true
		file := w.OfficeFileOf(id, flowtest.SignedBy(flowtest.Lucia))
		w.Applications.FailNext(fault)
		for range 3 {
			if w.Meta(id).Outcome == nil {
				_, _ = w.Office.Decide(ctx, w.Officer(), id, "deposited", "Depositato.", file)
			}
		}
		w.State(id, application.Decided)
		w.Signatures.Down = false
		w.Rest()
		w.Pass(time.Hour)
		w.Rest()
		if n := w.Told(id, application.SignatureVerified); n != 1 {
			t.Errorf("%v: told %d times", fault, n)
		}
		w.Check()
	}
}
