package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sportello/shared/domain/problem"
)

// request is a request as CloudFront passes it on, with the request id that the event's conversion puts.
func newRequest(method, path, body string) *http.Request {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("X-Origin-Verify", "origin-secret")
	r.Header.Set(forwardedHost, "milano.sportello.example.it")
	r.Header.Set(requestIDHeader, "req-1")
	return r
}

func serve(a *API, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	return w
}

// wantProblem checks that the answer is a problem of that status and kind, whole and in Italian.
func wantProblem(t *testing.T, w *httptest.ResponseRecorder, status int, kind problem.Kind) document {
	t.Helper()
	var d document
	if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil {
		t.Fatalf("answer %d %q is no problem: %v", w.Code, w.Body, err)
	}
	if w.Code != status || d.Status != status || d.Type != problemBase+string(kind) {
		t.Errorf("got %d %s (%s), want %d %s", w.Code, d.Type, d.Detail, status, kind)
	}
	if w.Header().Get("Content-Type") != "application/problem+json" || w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("Content-Language") != "it" {
		t.Errorf("headers %v", w.Header())
	}
	if d.Title == "" || d.Detail == "" || d.Instance != "req-1" {
		t.Errorf("problem %+v", d)
	}
	return d
}

func TestNew(t *testing.T) {
	good := Config{Log: slog.New(slog.DiscardHandler), Portal: "http://localhost:8080", Chamber: chamberByLabel, OriginSecret: "s"}
	if _, err := New(good); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Config){
		"logger": func(c *Config) { c.Log = nil }, "portal": func(c *Config) { c.Portal = "" }, "scheme": func(c *Config) { c.Portal = "localhost:8080" },
		"path": func(c *Config) { c.Portal += "/x" }, "chambers": func(c *Config) { c.Chamber = nil }, "secret": func(c *Config) { c.OriginSecret = " , " },
	} {
		c := good
		spoil(&c)
		if _, err := New(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// What is wrong with the registrations is told together, at start.
func TestHandlerTellsAllErrors(t *testing.T) {
	a := newAPI(t, nil)
	JSON(Open(a, "/api/v1"), "GET /nothing", func(_ ctxt, _ Call[None], _ None) (None, error) { return None{}, nil })
	JSON(Open(a, "/api/v1"), "DELETE /session", func(_ ctxt, _ Call[None], _ None) (None, error) { return None{}, nil })
	a.Handle("GET /a/{x", http.NotFoundHandler())
	a.Handle("GET /b", http.NotFoundHandler())
	a.Handle("GET /b", http.NotFoundHandler())
	_, err := a.Handler()
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range []string{"GET /api/v1/nothing", "DELETE /api/v1/session", "/a/{x", "GET /b"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not name %s", err, part)
		}
	}
}

func TestRoutes(t *testing.T) {
	a := newAPI(t, nil)
	ok := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "ok") })
	a.Handle("GET /api/v1/a/{id}", ok)
	a.Handle("POST /api/v1/a/{id}", ok)

	if w := serve(a, newRequest("GET", "/api/v1/a/1", "")); w.Code != 200 || w.Body.String() != "ok" {
		t.Errorf("%d %q", w.Code, w.Body)
	}
	if w := serve(a, newRequest("HEAD", "/api/v1/a/1", "")); w.Code != 200 || w.Body.Len() != 0 {
		t.Errorf("HEAD: %d %q", w.Code, w.Body)
	}
	wantProblem(t, serve(a, newRequest("GET", "/api/v1/nothing", "")), 404, problem.NotFound)
	wantProblem(t, serve(a, newRequest("GET", "/api/v1/a/", "")), 404, problem.NotFound)
	for _, path := range []string{"/api/v1//a/1", "/api/v1/b/../a/1", "/api/v1/./a/1"} {
		wantProblem(t, serve(a, newRequest("GET", path, "")), 404, problem.NotFound)
	}
	w := serve(a, newRequest("DELETE", "/api/v1/a/1", ""))
	wantProblem(t, w, 405, methodNotAllowed)
	if allow := w.Header().Get("Allow"); allow != "GET, HEAD, POST" {
		t.Errorf("Allow %q", allow)
	}
}

func TestOrigin(t *testing.T) {
	b, err := New(Config{Log: slog.New(slog.DiscardHandler), Portal: "https://sportello.example.it", Chamber: chamberByLabel, OriginSecret: "new, old"})
	must(t, err)
	b.Handle("GET /", http.HandlerFunc(nothing))
	for secret, status := range map[string]int{"new": 200, "old": 200, "": 403, "new, old": 403, "other": 403} {
		r := newRequest("GET", "/x", "")
		r.Header.Set("X-Origin-Verify", secret)
		if w := serve(b, r); w.Code != status {
			t.Errorf("secret %q: %d", secret, w.Code)
		}
	}
}

func TestHosts(t *testing.T) {
	a := newAPI(t, nil)
	var chamber, host string
	a.Handle("GET /", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		chamber, host = Chamber(r.Context()), Host(r.Context())
	}))
	for _, c := range []struct{ host, chamber string }{
		{"milano.sportello.example.it", "milano"},
		{"MILANO.sportello.example.it", "milano"},
		{"sportello.example.it", ""},
		{"accesso.sportello.example.it", ""},
		{"roma.sportello.example.it", ""},
		{"a.milano.sportello.example.it", ""},
		{"milano.sportello.example.it.evil.example", ""},
		{"milanosportello.example.it", ""},
		{"", ""},
	} {
		r := newRequest("GET", "/x", "")
		r.Header.Set(forwardedHost, c.host)
		serve(a, r)
		if chamber != c.chamber || host != strings.ToLower(c.host) {
			t.Errorf("%s: chamber %q, host %q", c.host, chamber, host)
		}
	}
}

// A panic and an internal error look the same to a client, and neither tells anything.
func TestInternalErrors(t *testing.T) {
	var log bytes.Buffer
	a := newAPI(t, &log)
	a.Handle("GET /panic", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Set-Cookie", "half=done")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, "half")
		panic("RSSMRA80A01F205X")
	}))
	a.Handle("GET /error", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.Fail(w, r, fmt.Errorf("committing: %w", errors.New("table on fire")))
	}))
	for _, path := range []string{"/panic", "/error"} {
		log.Reset()
		w := serve(a, newRequest("GET", path, ""))
		d := wantProblem(t, w, 500, internal)
		if d.Detail != internalProblem.Detail || w.Header().Get("Set-Cookie") != "" {
			t.Errorf("%s tells %+v %v", path, d, w.Header())
		}
		if !strings.Contains(log.String(), `"request":"req-1"`) || !strings.Contains(log.String(), `"level":"ERROR"`) {
			t.Errorf("%s logged %s", path, &log)
		}
		if strings.Contains(log.String(), "RSSMRA") {
			t.Errorf("the log quotes a panic: %s", &log)
		}
	}
}

// The log says which route was taken, never the address: that may hold a token.
func TestAccessLog(t *testing.T) {
	var log bytes.Buffer
	a := newAPI(t, &log)
	a.Handle("GET /api/v1/surveys/{token}", http.HandlerFunc(nothing))
	serve(a, newRequest("GET", "/api/v1/surveys/secret-token?x=secret-query", ""))
	var line map[string]any
	must(t, json.Unmarshal(log.Bytes(), &line))
	if line["route"] != "GET /api/v1/surveys/{token}" || line["status"] != 200.0 || line["request"] != "req-1" || strings.Contains(log.String(), "secret") {
		t.Errorf("log %s", &log)
	}
}

// Each kind has a face of its own; a kind that nobody gave one is a fault of ours.
func TestFaces(t *testing.T) {
	kinds := map[problem.Kind]int{
		problem.Malformed: 400, problem.Invalid: 422, problem.Unauthenticated: 401, problem.Forbidden: 403, problem.NotFound: 404,
		problem.Conflict: 409, problem.VersionMismatch: 412, problem.VersionRequired: 428, problem.KeyReused: 422, problem.TooLarge: 413,
		problem.UnsupportedMedia: 415, problem.FileMismatch: 422, problem.Unavailable: 503, problem.TooMany: 429, methodNotAllowed: 405,
	}
	titles := map[string]problem.Kind{}
	for kind, status := range kinds {
		f := faceOf(kind)
		if f.status != status {
			t.Errorf("%s is %d, want %d", kind, f.status, status)
		}
		if other, twice := titles[f.title]; twice {
			t.Errorf("%s and %s have the same title", kind, other)
		}
		titles[f.title] = kind
	}
	if f := faceOf("nobody-knows"); f.status != 500 {
		t.Errorf("unknown kind is %d", f.status)
	}
}

func TestProblems(t *testing.T) {
	var log bytes.Buffer
	a := newAPI(t, &log)
	var fail error
	a.Handle("GET /", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.Fail(w, r, fail) }))

	fail = fmt.Errorf("saving: %w", problem.New(problem.Invalid, "Correggi.").At("#/answers/facts", "Obbligatorio."))
	d := wantProblem(t, serve(a, newRequest("GET", "/", "")), 422, problem.Invalid)
	if len(d.Errors) != 1 || d.Errors[0] != (wrong{"#/answers/facts", "Obbligatorio."}) {
		t.Errorf("errors %+v", d.Errors)
	}

	log.Reset()
	fail = problem.New(problem.Unavailable, "Il Registro Imprese non risponde.").Because(errors.New("connection refused"))
	w := serve(a, newRequest("GET", "/", ""))
	wantProblem(t, w, 503, problem.Unavailable)
	if w.Header().Get("Retry-After") == "" || strings.Contains(w.Body.String(), "refused") || !strings.Contains(log.String(), "connection refused") {
		t.Errorf("%v %s\n%s", w.Header(), w.Body, &log)
	}
}
