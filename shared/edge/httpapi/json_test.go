package httpapi

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sportello/shared/domain/problem"
)

type ctxt = context.Context

type person struct{ name string }

func sessions(_ ctxt, cookie string) (person, error) {
	switch cookie {
	case "good":
		return person{"Maria"}, nil
	case "broken":
		return person{}, errors.New("no table")
	}
	return person{}, problem.New(problem.Unauthenticated, "La sessione è scaduta.")
}

const aid = "/api/v1/applications/019aab6e-3c00-7d4a-9f3e-5a1c2b7d8e90"

// browserRequest is what a page of the chamber's host sends.
func browserRequest(method, path, body string) *http.Request {
	r := newRequest(method, path, body)
	r.Header.Set("Cookie", "__Host-session=good")
	r.Header.Set("X-Requested-With", "sportello")
	r.Header.Set("Origin", "https://milano.sportello.example.it")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

func TestJSON(t *testing.T) {
	type saved struct {
		Answers map[string]any `json:"answers"`
	}
	type upload struct {
		URL     string            `json:"url"`
		Method  string            `json:"method"`
		Headers map[string]string `json:"headers"`
	}
	type made struct {
		ID     string `json:"id"`
		Upload upload `json:"upload"`
	}
	a := newAPI(t, nil)
	desk := Cookie(a, "/api/v1", sessions)
	var got struct {
		who     person
		chamber string
		id      string
		in      saved
		version int64
	}
	JSON(desk, "PATCH /applications/{id}", func(_ ctxt, c Call[person], in saved) (None, error) {
		version, err := c.Version()
		got.who, got.chamber, got.id, got.in, got.version = c.Caller, c.Chamber, c.Path("id"), in, version
		c.SetVersion(version + 1)
		return None{}, err
	})
	JSON(desk, "POST /applications/{id}/attachments", func(ctxt, Call[person], map[string]any) (made, error) {
		return made{"1", upload{"https://s3.example/x", "PUT", map[string]string{"If-None-Match": "*"}}}, nil
	})
	JSON(desk, "GET /applications/{id}/documents/{doc}", func(_ ctxt, c Call[person], _ None) (None, error) {
		c.Redirect("https://s3.example/" + c.Path("doc"))
		return None{}, nil
	})
	JSON(desk, "DELETE /applications/{id}", func(ctxt, Call[person], None) (None, error) { return None{}, nil })

	r := browserRequest("PATCH", aid, `{"answers":{"facts":"È <b>"}}`)
	r.Header.Set("If-Match", `"3"`)
	w := serve(a, r)
	if w.Code != 200 || w.Header().Get("ETag") != `"4"` {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	if got.who.name != "Maria" || got.chamber != "milano" || got.id != strings.TrimPrefix(aid, "/api/v1/applications/") || got.version != 3 {
		t.Errorf("handler saw %+v", got)
	}
	if diff := cmp.Diff(map[string]any{"facts": "È <b>"}, got.in.Answers); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
	wantProblem(t, serve(a, browserRequest("PATCH", aid, `{"answers":{}}`)), 428, problem.VersionRequired)

	w = serve(a, browserRequest("POST", aid+"/attachments", `{"field":"evidence","name":"a.pdf","size":3,"sha256":"`+strings.Repeat("ab", 32)+`","mediaType":"application/pdf"}`))
	if w.Code != 201 || w.Header().Get("Content-Type") != "application/json" || !strings.HasPrefix(w.Body.String(), `{"id":"1",`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	w = serve(a, browserRequest("GET", aid+"/documents/receipt", ""))
	if w.Code != 302 || w.Header().Get("Location") != "https://s3.example/receipt" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if w := serve(a, browserRequest("DELETE", aid, "")); w.Code != 204 || w.Body.Len() != 0 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// What does not fit the description never reaches the handler.
func TestRefusedRequests(t *testing.T) {
	a := newAPI(t, nil)
	desk := Cookie(a, "/api/v1", sessions)
	never := func(_ ctxt, c Call[person], in map[string]any) (None, error) {
		t.Errorf("handled %s %v", c.Path("id"), in)
		return None{}, nil
	}
	JSON(desk, "POST /applications", never)
	JSON(desk, "POST /applications/{id}/messages", never)
	JSON(desk, "GET /applications", never)
	JSON(desk, "DELETE /applications/{id}", never)
	JSON(desk, "POST /applications/{id}/withdrawal", never)
	JSON(desk, "PATCH /applications/{id}", never)
	JSON(desk, "POST /applications/{id}/attachments", func(_ ctxt, _ Call[person], in struct {
		Size int64 `json:"size"`
	}) (None, error) {
		t.Errorf("handled %v", in)
		return None{}, nil
	})
	JSON(Open(a, "/api/v1"), "GET /statistics", func(ctxt, Call[None], None) (None, error) {
		t.Error("handled statistics")
		return None{}, nil
	})
	sized := func(size string) string {
		return `{"field":"evidence","name":"a.pdf","size":` + size + `,"sha256":"` + strings.Repeat("ab", 32) + `","mediaType":"application/pdf"}`
	}
	const fine = `{"chamber":"milano","service":"reclami","profile":"me"}`
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		kind                     problem.Kind
		pointers                 string
	}{
		{"no JSON", "POST", "/api/v1/applications", `{"chamber"`, 400, problem.Malformed, ""},
		{"two values", "POST", "/api/v1/applications", fine + fine, 400, problem.Malformed, ""},
		{"not UTF-8", "POST", "/api/v1/applications", "{\"chamber\":\"\xff\"}", 400, problem.Malformed, ""},
		{"too large", "POST", "/api/v1/applications", `"` + strings.Repeat("x", maxBody) + `"`, 413, problem.TooLarge, ""},
		{"no body", "POST", "/api/v1/applications", "", 415, problem.UnsupportedMedia, ""},
		{"no object", "POST", "/api/v1/applications", `[]`, 422, problem.Invalid, "#"},
		{"missing and unknown", "POST", "/api/v1/applications", `{"chamber":"milano","admin":true}`, 422, problem.Invalid, "#/admin #/profile #/service"},
		{"other case", "POST", "/api/v1/applications", `{"Chamber":"milano","service":"reclami","profile":"me"}`, 422, problem.Invalid, "#/Chamber #/chamber"},
		{"a member twice", "POST", "/api/v1/applications", `{"chamber":"milano","service":"reclami","profile":"me","profile":"you"}`, 400, problem.Malformed, ""},
		{"a member twice, inside", "PATCH", aid, `{"answers":{"facts":"a","f\u0061cts":"b"}}`, 400, problem.Malformed, ""},
		{"a whole number with decimals", "POST", aid + "/attachments", sized("10.0"), 422, problem.Invalid, "#/size"},
		{"a whole number with exponent", "POST", aid + "/attachments", sized("1e1"), 422, problem.Invalid, "#/size"},
		{"a zero byte", "POST", aid + "/messages", `{"text":"a\u0000b"}`, 422, problem.Invalid, "#/text"},
		{"an escape", "POST", aid + "/withdrawal", `{"reason":"a\u001b[2Jb"}`, 422, problem.Invalid, "#/reason"},
		{"no character", "POST", aid + "/messages", `{"text":"a\uffffb"}`, 422, problem.Invalid, "#/text"},
		{"backwards", "POST", aid + "/messages", `{"text":"a\u202eb"}`, 422, problem.Invalid, "#/text"},
		{"nothing to read", "POST", aid + "/messages", `{"text":"\u200b\u00a0\u2028"}`, 422, problem.Invalid, "#/text"},
		{"wrong id in path", "POST", "/api/v1/applications/1/messages", `{"text":"x"}`, 404, problem.NotFound, ""},
		{"blank text", "POST", aid + "/messages", `{"text":" \n "}`, 422, problem.Invalid, "#/text"},
		{"body where none is", "DELETE", aid, `{}`, 400, problem.Malformed, ""},
		{"unknown parameter", "GET", "/api/v1/applications?state=draft", "", 400, problem.Malformed, "?state"},
		{"parameter twice", "GET", "/api/v1/applications?profile=a&profile=b", "", 400, problem.Malformed, "?profile"},
		{"wrong parameter", "GET", "/api/v1/applications?cursor=%2F", "", 400, problem.Malformed, "?cursor"},
		{"broken query", "GET", "/api/v1/applications?cursor=%zz", "", 400, problem.Malformed, ""},
		{"missing parameter", "GET", "/api/v1/statistics", "", 400, problem.Malformed, "?chamber"},
		{"unknown in optional body", "POST", aid + "/withdrawal", `{"why":"x"}`, 422, problem.Invalid, "#/why"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := wantProblem(t, serve(a, browserRequest(c.method, c.path, c.body)), c.status, c.kind)
			var pointers []string
			for _, e := range d.Errors {
				pointers = append(pointers, e.Pointer)
				if e.Detail == "" {
					t.Errorf("%s has no sentence", e.Pointer)
				}
			}
			if got := strings.Join(pointers, " "); got != c.pointers {
				t.Errorf("errors at %q, want %q", got, c.pointers)
			}
		})
	}
	r := browserRequest("POST", "/api/v1/applications", fine)
	r.Header.Set("Content-Type", "text/plain")
	wantProblem(t, serve(a, r), 415, problem.UnsupportedMedia)
}

func TestOptionalBody(t *testing.T) {
	a := newAPI(t, nil)
	calls := 0
	JSON(Cookie(a, "/api/v1", sessions), "POST /applications/{id}/attachments/{aid}/completion", func(ctxt, Call[person], None) (map[string]any, error) {
		calls++
		return map[string]any{"id": "1", "state": "complete"}, nil
	})
	for _, body := range []string{"", "{}"} {
		if w := serve(a, browserRequest("POST", aid+"/attachments/1/completion", body)); w.Code != 200 {
			t.Errorf("%q: %d %s", body, w.Code, w.Body)
		}
	}
	if calls != 2 {
		t.Errorf("%d calls", calls)
	}
}

// Under Strict, an answer that is not described does not leave.
func TestStrictAnswers(t *testing.T) {
	a := newAPI(t, nil)
	for pattern, answer := range map[string]map[string]any{
		"POST /applications/{id}/messages":   {"id": "1", "at": "2026-11-22T10:15:30.123Z", "by": "RSSMRA80A01F205X"},
		"POST /applications/{id}/replies":    {"id": "1"},
		"GET /applications/{id}/timeline":    {"items": nil, "next": []any{}},
		"GET /applications":                  {"items": []any{map[string]any{"id": "1"}}},
		"POST /applications/{id}/submission": {"state": "presented", "presentedAt": "yesterday", "receipt": map[string]any{}},
	} {
		JSON(Open(a, "/api/v1"), pattern, func(ctxt, Call[None], map[string]any) (map[string]any, error) { return answer, nil })
	}
	_, err := a.Handler()
	must(t, err)
	for method, body := range map[string]string{"POST messages": `{"text":"x"}`, "POST replies": `{"request":"1","text":"x","attachments":[]}`, "GET timeline": "", "POST submission": "{}"} {
		method, path, _ := strings.Cut(method, " ")
		wantProblem(t, serve(a, browserRequest(method, aid+"/"+path, body)), 500, internal)
	}
	wantProblem(t, serve(a, browserRequest("GET", "/api/v1/applications", "")), 500, internal)
}

func TestVersion(t *testing.T) {
	for header, want := range map[string]int64{
		`"1"`: 1, `"42"`: 42, `W/"7"`: 7, "": 0, "1": 0, `"0"`: 0, `"-1"`: 0, `"+1"`: 0, `"x"`: 0, `""`: 0, `"`: 0, "*": 0, `"1", "2"`: 0, `"99999999999999999999"`: 0,
	} {
		r := newRequest("PATCH", "/", "")
		r.Header.Set("If-Match", header)
		got, err := Call[None]{request: r}.Version()
		if got != want || (err == nil) != (want > 0) {
			t.Errorf("%s: %d, %v", header, got, err)
		}
		if want == 0 && !problem.Is(err, problem.Malformed) && !problem.Is(err, problem.VersionRequired) {
			t.Errorf("%s: %v", header, err)
		}
	}
}

func TestIdempotencyKey(t *testing.T) {
	for header, want := range map[string]string{
		"8E03978E-40D5-43E8-BC93-6894A57F9324": "8e03978e-40d5-43e8-bc93-6894a57f9324",
		"8e03978e-40d5-43e8-bc93-6894a57f9324": "8e03978e-40d5-43e8-bc93-6894a57f9324",
		"":                                     "", "x": "", "8e03978e40d543e8bc936894a57f9324": "", "8e03978e-40d5-43e8-bc93-6894a57f932g": "", "8e03978e-40d5-43e8-bc93-6894a57f93244": "",
	} {
		r := newRequest("POST", "/", "")
		r.Header.Set("Idempotency-Key", header)
		got, err := Call[None]{request: r}.IdempotencyKey()
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", header, got, err)
		}
	}
}
