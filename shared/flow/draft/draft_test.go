package draft_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"sportello/shared/domain/application"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/problem"
	"sportello/shared/flow/draft"
	"sportello/shared/flow/flowtest"
	"sportello/shared/platform/archive"
)

var ctx = context.Background()

func TestCreateRefuses(t *testing.T) {
	w := flowtest.New(t)
	for name, c := range map[string]struct {
		chamber, service, profile string
		kind                      problem.Kind
		pointer                   string
	}{
		"chamber": {"roma", flowtest.Service, "me", problem.NotFound, "#/chamber"},
		"service": {flowtest.Chamber, "anagrafe", "me", problem.NotFound, "#/service"},
		"profile": {flowtest.Chamber, flowtest.Service, "c-marco", problem.Invalid, "#/profile"},
	} {
		_, err := w.Drafts.Create(ctx, w.Applicant(), c.chamber, c.service, c.profile)
		flowtest.Refused(t, name, err, c.kind, c.pointer)
	}
	if rows := w.Applications.Snapshot(); len(rows) != 0 {
		t.Errorf("%d rows were written", len(rows))
	}
}

// Nobody fills the sportello with drafts: one is presented or deleted before the next is opened.
func TestTooManyDrafts(t *testing.T) {
	w := flowtest.New(t)
	open := func() (string, error) {
		w.Pass(time.Second)
		v, err := w.Drafts.Create(ctx, w.Applicant(), flowtest.Chamber, flowtest.Service, "me")
		return v.ID, err
	}
	var last string
	for range draft.MaxDrafts {
		w.Must(func() (err error) { last, err = open(); return err })
	}
	_, err := open()
	flowtest.Refused(t, "one more", err, problem.Conflict)
	if _, err := w.Drafts.Create(ctx, w.Applicant(), flowtest.Chamber, flowtest.Service, "c-giulia"); err != nil {
		t.Errorf("for the company: %v", err)
	}
	if err := w.Drafts.Discard(ctx, w.Applicant(), last); err != nil {
		t.Fatal(err)
	}
	if last, err = open(); err != nil {
		t.Errorf("after deleting one: %v", err)
	}
	_, err = open()
	flowtest.Refused(t, "one more again", err, problem.Conflict)
}

func TestSave(t *testing.T) {
	w := flowtest.New(t)
	v, err := w.Drafts.Create(ctx, w.Applicant(), flowtest.Chamber, flowtest.Service, "me")
	if err != nil {
		t.Fatal(err)
	}
	first, err := w.Drafts.Save(ctx, w.Applicant(), v.ID, v.Version, flowtest.Answers("request", "Chiedo <A & B>."))
	if err != nil || first.Version != v.Version+1 {
		t.Fatalf("version %d after %d, %v", first.Version, v.Version, err)
	}
	// The answer was lost, and the page sends the same again, for the version it knows.
	again, err := w.Drafts.Save(ctx, w.Applicant(), v.ID, v.Version, flowtest.Answers("request", "Chiedo <A & B>."))
	if err != nil || again.Version != first.Version {
		t.Errorf("the same again: version %d, %v", again.Version, err)
	}
	// Another device has an older page.
	_, err = w.Drafts.Save(ctx, w.Applicant(), v.ID, v.Version, flowtest.Answers("request", "Chiedo altro, da un altro."))
	flowtest.Refused(t, "another device", err, problem.VersionMismatch)
	_, err = w.Drafts.Save(ctx, w.Applicant(), v.ID, first.Version+1, flowtest.Answers("request", "Chiedo altro, dal futuro."))
	flowtest.Refused(t, "a version that is not there yet", err, problem.VersionMismatch)

	for name, c := range map[string]struct {
		answers json.RawMessage
		pointer string
	}{
		"unknown field": {flowtest.Answers("age", "7"), "#/answers"},
		"wrong type":    {json.RawMessage(`{"privacy":"yes"}`), "#/answers/privacy"},
		"too long":      {flowtest.Answers("facts", strings.Repeat("a", 5001)), "#/answers/facts"},
		"control":       {flowtest.Answers("facts", "a\x00b"), "#/answers/facts"},
		"no object":     {json.RawMessage(`[]`), "#/answers"},
	} {
		_, err := w.Drafts.Save(ctx, w.Applicant(), v.ID, first.Version, c.answers)
		p, ok := err.(*problem.Problem)
		if !ok || p.Kind != problem.Invalid || len(p.Fields) == 0 || !strings.HasPrefix(p.Fields[0].Pointer, c.pointer) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Each of the four ways a save can go wrong, and what the person is told: either it is saved, or to try again, or to look.
func TestSaveFails(t *testing.T) {
	for fault, want := range map[flowtest.Fault]problem.Kind{
		flowtest.Persisted: problem.Unavailable, flowtest.Lost: problem.Unavailable, flowtest.Rival: problem.VersionMismatch, flowtest.Before: "",
	} {
		w := flowtest.New(t)
		id := w.Draft()
		v, err := w.Cases.Show(ctx, w.Applicant(), id)
		if err != nil {
			t.Fatal(err)
		}
		w.Applications.FailNext(fault)
		body := flowtest.Answers("request", "Chiedo tutt'altra cosa.")
		_, err = w.Drafts.Save(ctx, w.Applicant(), id, v.Version, body)
		if want != "" && !problem.Is(err, want) || want == "" && err == nil {
			t.Errorf("%s: %v, want %q", fault, err, want)
		}
		if fault == flowtest.Rival {
			continue
		}
		if _, err = w.Drafts.Save(ctx, w.Applicant(), id, v.Version, body); err != nil {
			t.Errorf("%s, then again: %v", fault, err)
		}
	}
}

func TestAttachRefuses(t *testing.T) {
	w := flowtest.New(t)
	id := w.Draft()
	_, good := flowtest.PDF("prova.pdf")
	for name, c := range map[string]struct {
		change  func(*draft.Claim)
		pointer string
	}{
		"unknown field":   {func(c *draft.Claim) { c.Field = "photo" }, "#/field"},
		"office's field":  {func(c *draft.Claim) { c.Field = application.OfficeFile }, "#/field"},
		"reply's field":   {func(c *draft.Claim) { c.Field = application.ReplyFile }, "#/field"},
		"no name":         {func(c *draft.Claim) { c.Name = "" }, "#/name"},
		"extension":       {func(c *draft.Claim) { c.Name = "prova.exe" }, "#/name"},
		"path":            {func(c *draft.Claim) { c.Name = "../prova.pdf" }, "#/name"},
		"type":            {func(c *draft.Claim) { c.MediaType = "text/html" }, "#/mediaType"},
		"type and name":   {func(c *draft.Claim) { c.MediaType = "image/png" }, "#/mediaType"},
		"empty":           {func(c *draft.Claim) { c.Size = 0 }, "#/size"},
		"too large":       {func(c *draft.Claim) { c.Size = 10<<20 + 1 }, "#/size"},
		"digest too long": {func(c *draft.Claim) { c.SHA256 += "00" }, "#/sha256"},
		"no digest":       {func(c *draft.Claim) { c.SHA256 = "zz" }, "#/sha256"},
	} {
		claim := good
		c.change(&claim)
		_, err := w.Drafts.Attach(ctx, w.Applicant(), id, claim)
		flowtest.Refused(t, name, err, problem.Invalid, c.pointer)
	}
	for n := range 5 {
		w.Attach(id, fmt.Sprintf("prova%d.pdf", n))
	}
	_, err := w.Drafts.Attach(ctx, w.Applicant(), id, good)
	flowtest.Refused(t, "one too many", err, problem.Invalid, "#/field")
	if n := len(w.Files(id)); n != 5 {
		t.Errorf("%d files are declared", n)
	}
}

// What arrived is held to what was declared, byte by byte.
func TestCompleteRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		put     []byte
		kind    problem.Kind
		pointer []string
	}{
		"nothing":        {nil, problem.Conflict, nil},
		"another size":   {[]byte("%PDF-1.7 longer than declared"), problem.FileMismatch, []string{"#/size"}},
		"another digest": {[]byte("%PDF-1.7 provA.pdf"), problem.FileMismatch, []string{"#/sha256"}},
	} {
		w := flowtest.New(t)
		id := w.Draft()
		_, claim := flowtest.PDF("prova.pdf")
		a, err := w.Drafts.Attach(ctx, w.Applicant(), id, claim)
		if err != nil {
			t.Fatal(err)
		}
		if c.put != nil { // past the signature, as if the store had lost it
			if err := w.Documents.Put(ctx, layout.UploadKey(id, a.ID), c.put, claim.MediaType); err != nil {
				t.Fatal(err)
			}
		}
		_, err = w.Drafts.Complete(ctx, w.Applicant(), id, a.ID)
		flowtest.Refused(t, name, err, c.kind, c.pointer...)
		if w.Files(id)[0].Complete {
			t.Errorf("%s: complete all the same", name)
		}
	}
	w := flowtest.New(t)
	id := w.Draft()
	body, claim := flowtest.PDF("prova.pdf")
	claim.Name, claim.MediaType = "prova.png", "image/png"
	a, err := w.Drafts.Attach(ctx, w.Applicant(), id, claim)
	if err != nil {
		t.Fatal(err)
	}
	w.Upload(id, a.ID, body, claim.MediaType)
	_, err = w.Drafts.Complete(ctx, w.Applicant(), id, a.ID)
	flowtest.Refused(t, "another type", err, problem.FileMismatch, "#/mediaType")
	_, err = w.Drafts.Complete(ctx, w.Applicant(), id, "nothing")
	flowtest.Refused(t, "a file that was never declared", err, problem.NotFound)
}

// A draft and its files are deleted whole, and deleting again is no error.
func TestDetachAndDiscard(t *testing.T) {
	w := flowtest.New(t)
	id := w.Draft()
	one, two, twin := w.Attach(id, "uno.pdf"), w.Attach(id, "due.pdf"), w.Attach(id, "uno.pdf")
	digest := w.Files(id)[0].SHA256
	kept := func(sha string) bool {
		_, err := w.Documents.Open(ctx, layout.DocumentKey(id, sha))
		return err == nil
	}
	for range 2 {
		if err := w.Drafts.Detach(ctx, w.Applicant(), id, one); err != nil {
			t.Fatal(err)
		}
	}
	if !kept(digest) {
		t.Error("the bytes went that another file of the draft has too")
	}
	if err := w.Drafts.Detach(ctx, w.Applicant(), id, twin); err != nil {
		t.Fatal(err)
	}
	if kept(digest) {
		t.Error("the bytes of a deleted file were left behind")
	}
	_ = two
	if err := w.Drafts.Discard(ctx, w.Applicant(), id); err != nil {
		t.Fatal(err)
	}
	for _, item := range w.Applications.Snapshot() {
		t.Errorf("left behind: %s %s", item.PK, item.SK)
	}
	if keys, _ := w.Documents.List(ctx, "documents/", "", 10); len(keys) != 0 {
		t.Errorf("left behind: %v", keys)
	}
	flowtest.Refused(t, "discarding again", w.Drafts.Discard(ctx, w.Applicant(), id), problem.NotFound)
}

func TestDiscardFails(t *testing.T) {
	for _, fault := range []flowtest.Fault{flowtest.Persisted, flowtest.Lost, flowtest.Rival} {
		w := flowtest.New(t)
		id := w.Draft()
		w.Applications.FailNext(fault)
		if err := w.Drafts.Discard(ctx, w.Applicant(), id); err != nil {
			t.Errorf("%s: %v", fault, err)
		}
		if rows := w.Applications.Snapshot(); len(rows) != 0 {
			t.Errorf("%s: %d rows left", fault, len(rows))
		}
	}
}

// A draft goes by itself after a year; one that is presented at that very moment does not.
func TestExpiry(t *testing.T) {
	w := flowtest.New(t)
	id := w.Draft()
	w.Pass(365*24*time.Hour - time.Second)
	w.Sweep()
	if _, err := w.Cases.Show(ctx, w.Applicant(), id); err != nil {
		t.Fatalf("gone too early: %v", err)
	}
	w.Pass(time.Second)
	w.Sweep()
	_, err := w.Cases.Show(ctx, w.Applicant(), id)
	flowtest.Refused(t, "after a year", err, problem.NotFound)
	if rows := w.Applications.Snapshot(); len(rows) != 0 {
		t.Errorf("%d rows left", len(rows))
	}

	w = flowtest.New(t)
	id = w.Draft()
	w.Pass(365 * 24 * time.Hour)
	w.Applications.Interfere(func() { w.Present(id) })
	w.Sweep()
	w.State(id, application.Presented)
	w.Rest()
	w.State(id, application.Registered)

	w = flowtest.New(t)
	id = w.Draft()
	w.Pass(365 * 24 * time.Hour)
	w.Applications.Interfere(func() { w.Sweep() })
	_, err = w.Submit.Present(ctx, w.Applicant(), id, flowtest.Key(id), 0)
	flowtest.Refused(t, "presented while it expired", err, problem.NotFound)
	if len(w.Outbox()) != 0 {
		t.Error("something is owed for a draft that is gone")
	}
}

// A file that is declared, completed or deleted while the draft is being presented changes nothing of what was presented.
func TestFilesRaceWithSubmission(t *testing.T) {
	_, claim := flowtest.PDF("prova.pdf")
	t.Run("declared", func(t *testing.T) {
		w := flowtest.New(t)
		id := w.Draft()
		w.Applications.Interfere(func() { w.Present(id) })
		_, err := w.Drafts.Attach(ctx, w.Applicant(), id, claim)
		flowtest.Refused(t, "attaching", err, problem.Conflict)
		if n := len(w.Files(id)); n != 0 {
			t.Errorf("%d files came to an application that was presented", n)
		}
	})
	t.Run("deleted", func(t *testing.T) {
		w := flowtest.New(t)
		id := w.Draft()
		aid := w.Attach(id, "prova.pdf")
		w.Applications.Interfere(func() { w.Present(id) })
		flowtest.Refused(t, "detaching", w.Drafts.Detach(ctx, w.Applicant(), id, aid), problem.Conflict)
		if n := len(w.Files(id)); n != 1 {
			t.Errorf("the application has %d files", n)
		}
		w.Rest()
		w.State(id, application.Registered)
	})
	t.Run("presented meanwhile", func(t *testing.T) {
		w := flowtest.New(t)
		id := w.Draft()
		aid := w.Attach(id, "prova.pdf")
		w.Applications.Interfere(func() {
			if err := w.Drafts.Detach(ctx, w.Applicant(), id, aid); err != nil {
				t.Error(err)
			}
		})
		p := w.Present(id)
		if len(p.Receipt.Attachments) != 0 {
			t.Errorf("the receipt names %d files", len(p.Receipt.Attachments))
		}
		w.Rest()
		w.State(id, application.Registered)
	})
}

func TestDraftIsOver(t *testing.T) {
	w := flowtest.New(t)
	id := w.Presented()
	_, claim := flowtest.PDF("prova.pdf")
	_, saved := w.Drafts.Save(ctx, w.Applicant(), id, 1, flowtest.Answers("request", "Chiedo altro, adesso."))
	_, attached := w.Drafts.Attach(ctx, w.Applicant(), id, claim)
	for what, err := range map[string]error{
		"save": saved, "attach": attached, "discard": w.Drafts.Discard(ctx, w.Applicant(), id), "detach": w.Drafts.Detach(ctx, w.Applicant(), id, "x"),
	} {
		flowtest.Refused(t, what, err, problem.Conflict)
	}
}

// sticky is a bucket in which nothing can be deleted.
type sticky struct{ archive.Documents }

func (sticky) Delete(context.Context, string) error { return errors.New("store on fire") }

// A file that cannot be deleted stops nobody from deleting the draft; somebody is told.
func TestDiscardLeavesFiles(t *testing.T) {
	w := flowtest.New(t)
	id := w.Draft()
	w.Attach(id, "prova.pdf")
	c := w.Drafts.Config
	c.Documents = sticky{w.Documents}
	desk, err := draft.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := desk.Discard(ctx, w.Applicant(), id); err != nil {
		t.Error(err)
	}
	if _, err := w.Cases.Show(ctx, w.Applicant(), id); !problem.Is(err, problem.NotFound) {
		t.Errorf("the draft is there: %v", err)
	}
	if len(w.Reported) != 1 || !errors.Is(w.Reported[0], draft.ErrLeftBehind) {
		t.Errorf("reported %v", w.Reported)
	}
}
