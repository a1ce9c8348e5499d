package main

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"sportello/shared/domain/application"
	"sportello/shared/domain/problem"
	"sportello/shared/edge/edgetest"
	"sportello/shared/flow/access"
	"sportello/shared/flow/casefile"
	"sportello/shared/flow/draft"
	"sportello/shared/flow/exchange"
	"sportello/shared/flow/flowtest"
)

// function is the function over a sportello in memory. A cookie is who holds it.
type function struct {
	*edgetest.Function
	w *flowtest.World
}

func newFunction(t *testing.T) *function {
	t.Helper()
	f := &function{edgetest.New(t), flowtest.New(t)}
	h := &handler{drafts: f.w.Drafts, cases: f.w.Cases, evidence: f.w.Evidence, cursors: edgetest.Cursors(t)}
	var err error
	f.Handle, err = h.register(f.API, func(_ context.Context, cookie string) (access.Applicant, error) {
		switch cookie {
		case "giulia":
			return f.w.Applicant(), nil
		case "anna":
			return f.w.Stranger(), nil
		}
		return access.Applicant{}, problem.New(problem.Unauthenticated, "Accedi.")
	})
	if err != nil {
		t.Fatal(err)
	}
	_, claim := flowtest.PDF("prova.pdf")
	f.Values = map[string]string{"cookie": "giulia", "sha256": claim.SHA256, "version": "1", "aid": "a-1", "doc": "d-1", "request": "r-1"}
	return f
}

// view reads the case as the page does.
func (f *function) view() casefile.View {
	f.T.Helper()
	var v casefile.View
	a := f.Call("show.json").Is(200, &v)
	if a.Header["etag"] != strconv.Quote(strconv.FormatInt(v.Version, 10)) {
		f.T.Errorf("etag %s of version %d", a.Header["etag"], v.Version)
	}
	f.Values["version"] = strconv.FormatInt(v.Version, 10)
	return v
}

// A price list as its owner sees it, from the signed file to the office's signed act: the contract describes all that is told of signature and payment.
func TestPriceList(t *testing.T) {
	f := newFunction(t)
	id := f.w.List()
	f.Values["id"] = id
	f.Values["aid"] = f.w.Files(id)[0].ID
	var done draft.Completed
	if f.Call("complete.json").Is(200, &done); done.Signature == nil || done.Signature.Verdict != "valid" {
		t.Errorf("completed %+v", done.Signature)
	}
	if v := f.view(); v.Attachments[0].Signature == nil || v.Attachments[0].Signature.Signers[0].TaxCode != flowtest.Giulia {
		t.Errorf("the file's signature %+v", v.Attachments[0].Signature)
	}
	f.w.Present(id)
	if v := f.view(); v.State != "awaiting_payment" || v.Payment == nil || v.Payment.State != "requested" {
		t.Errorf("%s, %+v", v.State, v.Payment)
	}
	f.w.Checkout(id)
	f.w.Tell(f.w.Pay(id, 300))
	f.w.Rest()
	f.w.Must(func() error {
		_, err := f.w.Office.Assign(context.Background(), f.w.Officer(), id, "")
		return err
	})
	f.w.Must(func() error {
		_, err := f.w.Office.Decide(context.Background(), f.w.Officer(), id, "deposited", "Depositato.", f.w.OfficeFile(id))
		return err
	})
	v := f.view()
	for _, d := range v.Documents {
		if (d.Kind == application.OutcomeDocument) != (d.Signature != nil) {
			t.Errorf("%s: signature %+v", d.Kind, d.Signature)
		}
	}
	if v.State != "decided" || v.Payment.State != "paid" {
		t.Errorf("%s, %+v", v.State, v.Payment)
	}
}

// A draft is opened, saved, given a file, and presented elsewhere; then the case is followed, answered and withdrawn.
func TestStory(t *testing.T) {
	f := newFunction(t)
	var v casefile.View
	f.Call("create.json").Is(201, &v)
	f.Values["id"] = v.ID
	if v.State != "draft" || v.ExpiresAt == nil || v.Profile.TaxCode != flowtest.Giulia {
		t.Errorf("created %+v", v)
	}
	f.view()
	f.Call("save.json").Is(200, &v)
	if !strings.Contains(string(v.Answers), "registro-imprese") {
		t.Errorf("saved %s", v.Answers)
	}

	body, claim := flowtest.PDF("prova.pdf")
	var a draft.Attached
	f.Call("attach.json").Is(201, &a)
	f.Values["aid"] = a.ID
	f.Call("complete.json").Refused(409, problem.Conflict)
	f.w.Upload(v.ID, a.ID, body, claim.MediaType)
	for range 2 {
		var done draft.Completed
		if f.Call("complete.json").Is(200, &done); done.State != "complete" {
			t.Errorf("completed %+v", done)
		}
	}
	if v = f.view(); len(v.Attachments) != 1 || v.Attachments[0].State != "complete" {
		t.Errorf("attachments %+v", v.Attachments)
	}
	var list page
	if f.Call("list.json").Is(200, &list); len(list.Items) != 1 || list.Items[0].ID != v.ID {
		t.Errorf("list %+v", list)
	}

	f.w.Present(v.ID)
	f.w.Settle()
	if v = f.view(); v.State != "registered" || v.Protocol == nil || v.PresentedAt == nil || len(v.Mail) != 2 || len(v.Documents) != 2 {
		t.Errorf("registered %+v", v)
	}
	f.Call("save.json").Refused(409, problem.Conflict)
	f.Call("discard.json").Refused(409, problem.Conflict)
	f.Call("detach.json").Refused(409, problem.Conflict)
	f.Call("attach.json").Refused(409, problem.Conflict)
	f.Values["doc"] = v.Documents[0].ID
	if a := f.Call("document.json").Is(302, nil); a.Header["location"] == "" || a.Header["cache-control"] != "no-store" {
		t.Errorf("document %v", a.Header)
	}
	f.Values["doc"] = f.Values["aid"]
	f.Call("document.json").Is(302, nil)
	if a := f.Call("evidence.json").Is(302, nil); !v.Evidence || a.Header["location"] == "" || a.Header["cache-control"] != "no-store" {
		t.Errorf("evidence %v, %v", v.Evidence, a.Header)
	}
	var story casefile.Story
	if f.Call("timeline.json").Is(200, &story); len(story.Items) < 3 || len(story.Next) == 0 {
		t.Errorf("story %+v", story)
	}
	var sent exchange.Sent
	f.Call("message.json").Is(201, &sent)
	f.Call("message.json", edgetest.Body(map[string]any{"text": "Dichiaro.", "formal": true})).Is(201, &sent)
	f.w.Settle()
	f.view()

	f.w.Must(func() error {
		_, err := f.w.Office.Assign(context.Background(), f.w.Officer(), v.ID, "")
		return err
	})
	f.Values["request"] = f.w.Ask(v.ID, 10)
	f.view()
	f.Call("attach.json").Is(201, &a)
	f.Values["aid"] = a.ID
	f.w.Upload(v.ID, a.ID, body, claim.MediaType)
	f.Call("complete.json").Is(200, nil)
	f.Call("detach.json").Is(204, nil)
	f.Call("attach.json").Is(201, &a)
	f.Values["aid"] = a.ID
	f.w.Upload(v.ID, a.ID, body, claim.MediaType)
	f.Call("complete.json").Is(200, nil)
	f.Call("reply.json", edgetest.Body(map[string]any{"request": f.Values["request"], "text": "Ecco.", "attachments": []string{a.ID}})).Is(201, &sent)
	f.Call("reply.json").Refused(409, problem.Conflict)
	if v = f.view(); v.State != "in_progress" || len(v.Requests) != 1 || !v.Requests[0].Answered || len(v.Attachments) != 2 {
		t.Errorf("answered %+v", v)
	}
	if f.Call("withdraw.json").Is(200, &v); v.State != "withdrawn" {
		t.Errorf("withdrawn %s", v.State)
	}
	f.w.Rest()
	f.w.Pass(25 * 3600e9)
	f.w.Rest()
	if v = f.view(); v.State != "preserved" {
		t.Errorf("in the end %s", v.State)
	}
	f.Call("message.json").Refused(409, problem.Conflict)
	f.Call("timeline.json").Is(200, nil)
}

// A decided case, its survey and its outcome, in every way it can be shown.
func TestDecided(t *testing.T) {
	for _, answers := range [][]string{nil, {"domicile", "portal"}} {
		f := newFunction(t)
		f.Values["id"] = f.w.Decided(answers...)
		v := f.view()
		if v.Outcome == nil || v.Survey == nil || (v.Survey.Token != "") != (answers != nil) {
			t.Errorf("decided %+v, %+v", v.Outcome, v.Survey)
		}
		f.Call("timeline.json").Is(200, nil)
		f.Call("withdraw.json").Refused(409, problem.Conflict)
	}
}

func TestRefusals(t *testing.T) {
	f := newFunction(t)
	f.Values["id"] = f.w.Draft()
	f.view()
	file := map[string]any{"field": "evidence", "name": "prova.pdf", "size": 18, "sha256": f.Values["sha256"], "mediaType": "application/pdf"}
	with := func(name string, value any) edgetest.Change {
		changed := map[string]any{}
		for k, v := range file {
			changed[k] = v
		}
		changed[name] = value
		return edgetest.Body(changed)
	}
	for name, c := range map[string]struct {
		file     string
		change   edgetest.Change
		status   int
		kind     problem.Kind
		pointers []string
	}{
		"nobody":               {"show.json", edgetest.Cookie(""), 401, problem.Unauthenticated, nil},
		"an old session":       {"show.json", edgetest.Cookie("old"), 401, problem.Unauthenticated, nil},
		"past CloudFront":      {"show.json", edgetest.Header("x-origin-verify", "guess"), 403, problem.Forbidden, nil},
		"another site's page":  {"save.json", edgetest.Header("origin", "https://evil.example"), 403, problem.Forbidden, nil},
		"no header of ours":    {"discard.json", edgetest.Header("x-requested-with", ""), 403, problem.Forbidden, nil},
		"a stranger":           {"show.json", edgetest.Cookie("anna"), 404, problem.NotFound, nil},
		"a stranger's proof":   {"evidence.json", edgetest.Cookie("anna"), 404, problem.NotFound, nil},
		"no number to prove":   {"evidence.json", nil, 409, problem.Conflict, nil},
		"a stranger writes":    {"save.json", edgetest.Cookie("anna"), 404, problem.NotFound, nil},
		"no version":           {"save.json", edgetest.Header("if-match", ""), 428, problem.VersionRequired, nil},
		"a version of old":     {"save.json", edgetest.Header("if-match", `"1"`), 412, problem.VersionMismatch, nil},
		"no version at all":    {"save.json", edgetest.Header("if-match", "*"), 400, problem.Malformed, nil},
		"unknown answer":       {"save.json", edgetest.Body(map[string]any{"answers": map[string]any{"age": 7}}), 422, problem.Invalid, []string{"#/answers/age"}},
		"answers missing":      {"save.json", edgetest.Body(map[string]any{}), 422, problem.Invalid, []string{"#/answers"}},
		"no chamber":           {"create.json", edgetest.Body(map[string]any{"service": "reclami", "profile": "me"}), 422, problem.Invalid, []string{"#/chamber"}},
		"unknown chamber":      {"create.json", edgetest.Body(map[string]any{"chamber": "roma", "service": "reclami", "profile": "me"}), 404, problem.NotFound, []string{"#/chamber"}},
		"another's profile":    {"create.json", edgetest.Body(map[string]any{"chamber": "milano", "service": "reclami", "profile": "c-anna"}), 422, problem.Invalid, []string{"#/profile"}},
		"unknown field":        {"attach.json", with("field", "photo"), 422, problem.Invalid, []string{"#/field"}},
		"file too large":       {"attach.json", with("size", 11<<20), 422, problem.Invalid, []string{"#/size"}},
		"digest":               {"attach.json", with("sha256", "zz"), 422, problem.Invalid, []string{"#/sha256"}},
		"name":                 {"attach.json", with("name", "a/b.pdf"), 422, problem.Invalid, []string{"#/name"}},
		"unknown file":         {"complete.json", nil, 404, problem.NotFound, nil},
		"message to nobody":    {"message.json", nil, 409, problem.Conflict, nil},
		"empty message":        {"message.json", edgetest.Body(map[string]any{"text": " "}), 422, problem.Invalid, []string{"#/text"}},
		"reply to nothing":     {"reply.json", nil, 422, problem.Invalid, []string{"#/request"}},
		"withdraw a draft":     {"withdraw.json", nil, 409, problem.Conflict, nil},
		"unknown document":     {"document.json", nil, 404, problem.NotFound, nil},
		"forged cursor":        {"list.json", edgetest.Query("cursor=AAAA"), 400, problem.Malformed, nil},
		"unknown parameter":    {"list.json", edgetest.Query("owner=x"), 400, problem.Malformed, []string{"?owner"}},
		"profile of another's": {"list.json", edgetest.Query("profile=c-anna"), 404, problem.NotFound, nil},
		"not JSON":             {"create.json", edgetest.Header("content-type", "text/plain"), 415, problem.UnsupportedMedia, nil},
	} {
		t.Run(name, func(t *testing.T) {
			f.T = t
			changes := []edgetest.Change{}
			if c.change != nil {
				changes = append(changes, c.change)
			}
			f.Call(c.file, changes...).Refused(c.status, c.kind, c.pointers...)
		})
	}
}

// The list goes on behind an opaque cursor that is good for this list alone, and holds no personal data.
func TestPages(t *testing.T) {
	f := newFunction(t)
	for range 30 {
		f.w.Draft()
		f.w.Pass(1e9)
	}
	var first, second page
	if f.Call("list.json").Is(200, &first); len(first.Items) != 25 || first.Cursor == "" {
		t.Fatalf("%d items, cursor %q", len(first.Items), first.Cursor)
	}
	if f.Call("list.json", edgetest.Query("cursor="+first.Cursor)).Is(200, &second); len(second.Items) != 5 || second.Cursor != "" {
		t.Errorf("%d items, cursor %q", len(second.Items), second.Cursor)
	}
	f.Call("list.json", edgetest.Query("profile=c-giulia&cursor="+first.Cursor)).Refused(400, problem.Malformed)
	f.Call("list.json", edgetest.Cookie("anna"), edgetest.Query("cursor="+first.Cursor)).Refused(400, problem.Malformed)
	if strings.Contains(first.Cursor, flowtest.Giulia) {
		t.Error("a tax code in a cursor")
	}
}

// A draft that is deleted is gone, for its owner as for everybody.
func TestDiscard(t *testing.T) {
	f := newFunction(t)
	f.Values["id"] = f.w.Draft()
	f.Call("discard.json").Is(204, nil)
	f.Call("discard.json").Refused(404, problem.NotFound)
	f.Call("show.json").Refused(404, problem.NotFound)
}
