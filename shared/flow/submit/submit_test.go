package submit_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/shared/domain/application"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/problem"
	"sportello/shared/domain/register"
	"sportello/shared/flow/flowtest"
	"sportello/shared/flow/submit"
	"sportello/shared/platform/archive"
)

var ctx = context.Background()

func pointers(err error) []string {
	var p *problem.Problem
	var list []string
	if errors.As(err, &p) {
		for _, f := range p.Fields {
			list = append(list, f.Pointer)
		}
	}
	return list
}

func TestPresentRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		answers []string
		before  func(w *flowtest.World, id string)
		kind    problem.Kind
		want    []string
	}{
		"incomplete":      {[]string{"facts", "", "request", ""}, nil, problem.Invalid, []string{"#/answers/facts", "#/answers/request"}},
		"future":          {[]string{"factsDate", "2026-11-24"}, nil, problem.Invalid, []string{"#/answers/factsDate"}},
		"address missing": {[]string{"domicile", "elected"}, nil, problem.Invalid, []string{"#/answers/pec"}},
		"file not there": {nil, func(w *flowtest.World, id string) {
			_, claim := flowtest.PDF("prova.pdf")
			_, err := w.Drafts.Attach(ctx, w.Applicant(), id, claim)
			if err != nil {
				w.T.Fatal(err)
			}
		}, problem.Invalid, []string{"#/attachments/evidence"}},
		"file changed": {nil, func(w *flowtest.World, id string) {
			w.Attach(id, "prova.pdf")
			key := layout.DocumentKey(id, w.Files(id)[0].SHA256)
			_ = w.Documents.Delete(ctx, key)
			_ = w.Documents.Put(ctx, key, []byte("%PDF-1.7 provA.pdf"), "application/pdf")
		}, problem.FileMismatch, []string{"#/attachments/evidence"}},
		"file lost": {nil, func(w *flowtest.World, id string) {
			w.Attach(id, "prova.pdf")
			_ = w.Documents.Delete(ctx, layout.DocumentKey(id, w.Files(id)[0].SHA256))
		}, problem.FileMismatch, []string{"#/attachments/evidence"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := flowtest.New(t)
			id := w.Draft(c.answers...)
			if c.before != nil {
				c.before(w, id)
			}
			_, err := w.Submit.Present(ctx, w.Applicant(), id, flowtest.Key(id), 0)
			var p *problem.Problem
			if !errors.As(err, &p) || p.Kind != c.kind {
				t.Fatalf("%v, want %s", err, c.kind)
			}
			if diff := cmp.Diff(c.want, pointers(err)); diff != "" {
				t.Error(diff)
			}
			w.State(id, application.Draft)
			if len(w.Outbox()) != 0 {
				t.Error("something is owed for a draft")
			}
		})
	}
}

// Representation is asked of the register again, and of who presents: a colleague may have begun the draft.
func TestRepresentation(t *testing.T) {
	present := func(w *flowtest.World, id string) error {
		_, err := w.Submit.Present(ctx, w.Colleague(), id, flowtest.Key(id), 0)
		return err
	}
	w := flowtest.New(t)
	id := w.DraftOf(w.Applicant(), "c-giulia")
	w.Registers.Down = true
	if err := present(w, id); !problem.Is(err, problem.Unavailable) {
		t.Errorf("register down: %v", err)
	}
	w.Registers.Down = false
	w.Registers.Represent[flowtest.Marco] = nil
	if err := present(w, id); !problem.Is(err, problem.Forbidden) {
		t.Errorf("who left the company presents: %v", err)
	}
	w.State(id, application.Draft)
	w.Registers.Represent[flowtest.Marco] = []string{flowtest.Company}
	w.Registers.Represent[flowtest.Giulia] = nil
	if err := present(w, id); err != nil {
		t.Fatalf("who began the draft left the company, a colleague presents: %v", err)
	}
	if got := w.Meta(id); got.Filer.TaxCode != flowtest.Marco || got.Owner.TaxCode != flowtest.Company {
		t.Errorf("filed by %s for %s", got.Filer.Name, got.Owner.Name)
	}
	if err := present(w, id); err != nil {
		t.Errorf("asked again: %v", err)
	}
	// A person needs nobody's word.
	w.Registers.Down = true
	w.Presented()
}

// The same key with the same content gets the same answer for ever; with other content a problem; another key a conflict.
func TestIdempotencyKey(t *testing.T) {
	w := flowtest.New(t)
	one, two := w.Draft(), w.Draft()
	first := w.Present(one)
	w.Rest()
	w.Pass(40 * 24 * time.Hour)
	again := w.Present(one)
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("the second answer is another one:\n%s", diff)
	}
	_, err := w.Submit.Present(ctx, w.Applicant(), two, flowtest.Key(one), 0)
	if !problem.Is(err, problem.KeyReused) {
		t.Errorf("the key of another application: %v", err)
	}
	w.State(two, application.Draft)
	_, err = w.Submit.Present(ctx, w.Applicant(), one, flowtest.Key(two), 0)
	if !problem.Is(err, problem.Conflict) {
		t.Errorf("another key for what is presented: %v", err)
	}
	// Two people may choose the same key.
	other := w.DraftOf(w.Colleague(), "me")
	if _, err := w.Submit.Present(ctx, w.Colleague(), other, flowtest.Key(one), 0); err != nil {
		t.Errorf("somebody else's key: %v", err)
	}
	// A key whose request was refused is free.
	bad := w.Draft("facts", "")
	if _, err := w.Submit.Present(ctx, w.Applicant(), bad, flowtest.Key(bad), 0); !problem.Is(err, problem.Invalid) {
		t.Fatal(err)
	}
	v, err := w.Cases.Show(ctx, w.Applicant(), bad)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Drafts.Save(ctx, w.Applicant(), bad, v.Version, flowtest.Answers()); err != nil {
		t.Fatal(err)
	}
	w.Present(bad)
}

// What is presented is what was seen: a draft that changed after the summary is shown again.
func TestSummaryVersion(t *testing.T) {
	w := flowtest.New(t)
	id := w.Draft()
	v, err := w.Cases.Show(ctx, w.Applicant(), id)
	if err != nil {
		t.Fatal(err)
	}
	w.Attach(id, "prova.pdf")
	if _, err := w.Submit.Present(ctx, w.Applicant(), id, flowtest.Key(id), v.Version); !problem.Is(err, problem.VersionMismatch) {
		t.Errorf("a file came after the summary: %v", err)
	}
	w.State(id, application.Draft)
}

// Whatever becomes of the commit, the same key gets one answer, with the instant that is kept.
func TestCommitFails(t *testing.T) {
	for _, fault := range flowtest.Faults {
		t.Run(fault.String(), func(t *testing.T) {
			w := flowtest.New(t)
			id := w.Draft()
			w.Applications.FailNext(fault)
			answer, err := w.Submit.Present(ctx, w.Applicant(), id, flowtest.Key(id), 0)
			if fault == flowtest.Before {
				if err == nil {
					t.Fatal("presented, and nothing was written")
				}
				w.State(id, application.Draft)
				answer = w.Present(id)
			} else if err != nil {
				t.Fatal(err)
			}
			w.Pass(time.Hour)
			if again := w.Present(id); again.PresentedAt != answer.PresentedAt || again.Receipt.ID != answer.Receipt.ID {
				t.Errorf("another answer: %+v, %+v", again, answer)
			}
			if owed := w.Outbox(); len(owed) != 2 {
				t.Errorf("%d effects are owed, want registration and receipt", len(owed))
			}
			if got := w.Meta(id).Submission.PresentedAt; !got.Equal(answer.PresentedAt) {
				t.Errorf("kept %s, told %s", got, answer.PresentedAt)
			}
			w.Rest()
			w.State(id, application.Registered)
			w.Check()
		})
	}
}

// The snapshot is the impronta: kept before anything is said, complete, and the same at every try.
func TestSnapshot(t *testing.T) {
	w := flowtest.New(t)
	id := w.Draft()
	w.Attach(id, "b.pdf")
	w.Attach(id, "a.pdf")
	answer := w.Present(id)
	body, err := w.Documents.Get(ctx, layout.SnapshotKey(id, answer.Receipt.Digest))
	if err != nil {
		t.Fatal(err)
	}
	if got := register.Digest(body); got != answer.Receipt.Digest {
		t.Errorf("digest %s of %s", answer.Receipt.Digest, got)
	}
	var s submit.Snapshot
	if err := json.Unmarshal(body, &s); err != nil {
		t.Fatal(err)
	}
	if len(s.Attachments) != 2 || s.Attachments[0].Name != "a.pdf" || s.Owner.TaxCode != flowtest.Giulia || s.Filer.TaxCode != flowtest.Giulia {
		t.Errorf("snapshot %+v", s)
	}
	want, got := map[string]any{}, map[string]any{}
	_ = json.Unmarshal(flowtest.Answers(), &want)
	_ = json.Unmarshal(s.Answers, &got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	objects, _ := w.Documents.List(ctx, "snapshots/", "", 10)
	if len(objects) != 1 {
		t.Errorf("%d snapshots", len(objects))
	}
}

// broken is a documents store that cannot keep the snapshot.
type broken struct{ archive.Documents }

func (broken) Put(context.Context, string, []byte, string) error { return errors.New("store on fire") }

func TestSnapshotFirst(t *testing.T) {
	w := flowtest.New(t)
	id := w.Draft()
	c := w.Submit.Config
	c.Documents = broken{w.Documents}
	desk, err := submit.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := desk.Present(ctx, w.Applicant(), id, flowtest.Key(id), 0); err == nil {
		t.Error("presented without a snapshot")
	}
	w.State(id, application.Draft)
}

// The receipt holds what the law wants in it (L. 241/1990 art. 18-bis c.1, art. 8 c.2).
func TestReceipt(t *testing.T) {
	w := flowtest.New(t)
	w.At(time.Date(2026, 12, 31, 22, 59, 59, 999e6, time.UTC)) // the last millisecond of the year in Rome
	id := w.Draft()
	w.Attach(id, "prova.pdf")
	r := w.Present(id).Receipt
	for name, text := range map[string]string{
		"id": r.ID, "application": r.Application, "subject": r.Subject, "digest": r.Digest, "office": r.Office, "responsible": r.Responsible,
		"substitute": r.Substitute, "silence": r.Silence, "remedies": r.Remedies, "access": r.Access,
	} {
		if strings.TrimSpace(text) == "" {
			t.Errorf("the receipt has no %s", name)
		}
	}
	if r.Due != "2027-01-30" || len(r.Attachments) != 1 { // 31 December + 30
		t.Errorf("due %s, %d files", r.Due, len(r.Attachments))
	}
	w.Settle()
	if p := w.Meta(id).Protocol; p == nil || p.Date != "2026-12-31" || p.Year != 2026 {
		t.Errorf("registered as %+v", p)
	}
}

// A company is reached at its address in the registers and nowhere else.
func TestCompanyElectsNothing(t *testing.T) {
	w := flowtest.New(t)
	id := w.DraftOf(w.Applicant(), "c-giulia", "domicile", "elected", "pec", "altra@pec.example.it")
	_, err := w.Submit.Present(ctx, w.Applicant(), id, flowtest.Key(id), 0)
	if diff := cmp.Diff([]string{"#/answers/domicile"}, pointers(err)); !problem.Is(err, problem.Invalid) || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	w.State(id, application.Draft)
}

func TestDomicile(t *testing.T) {
	for name, c := range map[string]struct {
		profile string
		answers []string
		want    string
	}{
		"registered":          {"me", nil, ""},
		"elected":             {"me", []string{"domicile", "elected", "pec", "altra@pec.example.it"}, "altra@pec.example.it"},
		"portal":              {"me", []string{"domicile", "portal"}, application.PortalOnly},
		"a company's portal":  {"c-giulia", []string{"domicile", "portal"}, ""}, // it has an address by law
		"address left behind": {"me", []string{"domicile", "registered", "pec", "altra@pec.example.it"}, ""},
	} {
		w := flowtest.New(t)
		id := w.DraftOf(w.Applicant(), c.profile, c.answers...)
		w.Present(id)
		if got := w.Meta(id).Domicile; got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
