package main

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sportello/shared/domain/application"
	"sportello/shared/domain/problem"
	"sportello/shared/edge/edgetest"
	"sportello/shared/flow/access"
	"sportello/shared/flow/flowtest"
	"sportello/shared/flow/submit"
)

func newFunction(t *testing.T) (*edgetest.Function, *flowtest.World) {
	t.Helper()
	f, w := edgetest.New(t), flowtest.New(t)
	var err error
	f.Handle, err = handler{w.Submit}.register(f.API, func(_ context.Context, cookie string) (access.Applicant, error) {
		switch cookie {
		case "giulia":
			return w.Applicant(), nil
		case "anna":
			return w.Stranger(), nil
		}
		return access.Applicant{}, problem.New(problem.Unauthenticated, "Accedi.")
	})
	if err != nil {
		t.Fatal(err)
	}
	f.Values["cookie"] = "giulia"
	return f, w
}

// The same key gets the same answer, however it is spelt, also when the case has gone on.
func TestSubmit(t *testing.T) {
	f, w := newFunction(t)
	f.Values["id"] = w.Draft()
	w.Attach(f.Values["id"], "prova.pdf")
	var first, again submit.Presented
	f.Call("submit.json").Is(200, &first)
	if first.State != "presented" || len(first.Receipt.Attachments) != 1 || !first.PresentedAt.Equal(w.Now()) {
		t.Errorf("answer %+v", first)
	}
	w.Rest()
	f.Call("submit.json", edgetest.Header("idempotency-key", "7c9e6679-7425-40de-944b-e07fc1f90ae7")).Is(200, &again)
	if diff := cmp.Diff(first, again); diff != "" {
		t.Error(diff)
	}
	w.State(f.Values["id"], application.Registered)
	f.Call("submit.json", edgetest.Header("idempotency-key", "7c9e6679-7425-40de-944b-e07fc1f90ae8")).Refused(409, problem.Conflict)
	f.Values["id"] = w.Draft()
	f.Call("submit.json").Refused(422, problem.KeyReused)
}

func TestRefusals(t *testing.T) {
	f, w := newFunction(t)
	whole, company, half := w.Draft(), w.DraftOf(w.Applicant(), "c-giulia"), w.Draft("facts", "")
	for name, c := range map[string]struct {
		id       string
		change   edgetest.Change
		status   int
		kind     problem.Kind
		pointers []string
	}{
		"nobody":             {whole, edgetest.Cookie(""), 401, problem.Unauthenticated, nil},
		"a stranger":         {whole, edgetest.Cookie("anna"), 404, problem.NotFound, nil},
		"another's page":     {whole, edgetest.Header("origin", "http://bergamo.localhost:8080"), 403, problem.Forbidden, nil},
		"no key":             {whole, edgetest.Header("idempotency-key", ""), 400, problem.Malformed, nil},
		"a key of no form":   {whole, edgetest.Header("idempotency-key", "1234"), 400, problem.Malformed, nil},
		"an older summary":   {whole, edgetest.Header("if-match", `"1"`), 412, problem.VersionMismatch, nil},
		"unreadable version": {whole, edgetest.Header("if-match", "one"), 400, problem.Malformed, nil},
		"incomplete":         {half, edgetest.Header("accept", "*/*"), 422, problem.Invalid, []string{"#/answers/facts"}},
		"with content":       {whole, edgetest.Body(map[string]any{"fast": true}), 422, problem.Invalid, []string{"#", "#/fast"}},
		"no such case":       {"019aab6e-3c00-7d4a-9f3e-ffffffffffff", edgetest.Header("accept", "*/*"), 404, problem.NotFound, nil},
		"no id at all":       {"RNLGLI79D52F205F", edgetest.Header("accept", "*/*"), 404, problem.NotFound, nil},
	} {
		t.Run(name, func(t *testing.T) {
			f.T, f.Values["id"] = t, c.id
			f.Call("submit.json", c.change).Refused(c.status, c.kind, c.pointers...)
		})
	}
	f.T, f.Values["id"] = t, company
	w.Registers.Down = true
	if a := f.Call("submit.json"); a.Header["retry-after"] == "" {
		t.Errorf("headers %v", a.Header)
	} else {
		a.Refused(503, problem.Unavailable)
	}
	w.Registers.Down, w.Registers.Represent = false, nil
	f.Call("submit.json").Refused(403, problem.Forbidden)
	for _, id := range []string{whole, company, half} {
		w.State(id, application.Draft)
	}
}
