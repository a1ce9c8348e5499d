package casedesk

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"sportello/infra/local/outside/state"
)

// api is a chamber API that keeps one case; it fails the test on a request outside the contract.
type api struct {
	t        *testing.T
	url      string
	state    string
	messages []string
	days     int
	declared map[string]any
	uploaded []byte
	complete bool
	decision map[string]string
}

func (a *api) handler() http.Handler {
	mux := http.NewServeMux()
	at := "/chamber/v1/applications"
	one := map[string]any{"id": "p1", "service": "reclami", "state": "registered", "profile": map[string]any{"kind": "person", "name": "Sofia Conti"},
		"protocol": map[string]any{"number": "0000042", "year": 2026, "date": "2026-11-22"}}
	mux.HandleFunc("GET "+at, func(w http.ResponseWriter, r *http.Request) {
		a.answer(w, 200, map[string]any{"items": []any{one}, "cursor": "dopo"})
	})
	mux.HandleFunc("GET "+at+"/{id}", func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("id") != "p1" {
			a.answer(w, 404, map[string]any{"title": "Non trovato", "detail": "La pratica non c’è.", "status": 404})
			return
		}
		full := map[string]any{"answers": map[string]any{"facts": "I fatti"}, "documents": []any{map[string]any{"id": "d1", "name": "ricevuta.pdf", "kind": "receipt", "size": 9}},
			"attachments": []any{map[string]any{"id": "a0", "name": "listino.pdf", "size": 9, "signature": map[string]any{"verdict": "valid", "text": "La firma di Sofia Conti è valida."}}}}
		if a.state == "in_progress" {
			full["officer"] = map[string]any{"taxCode": "CLMNNA74P48F205H"} // by tax code alone: who it is, the chamber knows
		}
		for k, v := range one {
			full[k] = v
		}
		full["state"] = a.state
		a.answer(w, 200, full)
	})
	mux.HandleFunc("GET "+at+"/p1/timeline", func(w http.ResponseWriter, _ *http.Request) {
		a.answer(w, 200, map[string]any{"items": []any{map[string]any{"at": "2026-11-22T10:00:00.000Z", "event": "presented", "actor": "applicant", "title": "Presentata"}}, "next": []any{}})
	})
	mux.HandleFunc("GET "+at+"/p1/documents/d1", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, a.url+"/s3/d1?firma=x", http.StatusFound)
	})
	mux.HandleFunc("POST "+at+"/p1/assignment", func(w http.ResponseWriter, _ *http.Request) {
		a.state = "in_progress"
		a.answer(w, 200, one)
	})
	mux.HandleFunc("POST "+at+"/p1/messages", func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Text string }
		a.read(r, &in)
		a.messages = append(a.messages, in.Text)
		a.answer(w, 201, map[string]any{"id": "m1", "at": "2026-11-22T10:00:00.000Z"})
	})
	mux.HandleFunc("POST "+at+"/p1/integration-requests", func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Days int }
		a.read(r, &in)
		if in.Days > 30 {
			a.answer(w, 422, map[string]any{"title": "Dati non validi", "status": 422, "errors": []any{map[string]any{"pointer": "#/days", "detail": "al massimo 30"}}})
			return
		}
		a.days = in.Days
		a.answer(w, 201, map[string]any{"id": "r1", "due": "2026-12-22"})
	})
	mux.HandleFunc("POST "+at+"/p1/attachments", func(w http.ResponseWriter, r *http.Request) {
		a.read(r, &a.declared)
		a.answer(w, 201, map[string]any{"id": "a1", "upload": map[string]any{"url": a.url + "/s3/up", "method": "PUT", "headers": map[string]string{"Content-Type": "application/pdf", "If-None-Match": "*"}}})
	})
	mux.HandleFunc("PUT /s3/up", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("If-None-Match") != "*" || r.Header.Get("x-api-key") != "" {
			a.t.Errorf("upload with headers %v", r.Header)
		}
		a.uploaded, _ = io.ReadAll(r.Body)
	})
	mux.HandleFunc("POST "+at+"/p1/attachments/a1/completion", func(w http.ResponseWriter, _ *http.Request) {
		a.complete = true
		a.answer(w, 200, map[string]any{"id": "a1", "state": "complete"})
	})
	mux.HandleFunc("POST "+at+"/p1/decision", func(w http.ResponseWriter, r *http.Request) {
		if !a.complete {
			a.t.Error("decided before the document was complete")
		}
		a.read(r, &a.decision)
		a.answer(w, 200, one)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/chamber/") && (r.Header.Get("x-api-key") != "chiave" || r.Header.Get("X-Officer") != "CLMNNA74P48F205H") {
			a.t.Errorf("%s %s: key %q, officer %q", r.Method, r.URL.Path, r.Header.Get("x-api-key"), r.Header.Get("X-Officer"))
		}
		mux.ServeHTTP(w, r)
	})
}

func (a *api) answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		a.t.Error(err)
	}
}

func (a *api) read(r *http.Request, v any) {
	if err := json.NewDecoder(r.Body).Decode(v); err != nil {
		a.t.Errorf("%s: %v", r.URL.Path, err)
	}
}

// open is a desk before such an API.
func open(t *testing.T) (*api, func(method, path string, form url.Values) (int, string, string)) {
	t.Helper()
	a := &api{t: t, state: "registered"}
	portal := httptest.NewServer(a.handler())
	t.Cleanup(portal.Close)
	a.url = portal.URL
	keys := filepath.Join(t.TempDir(), "keys.json")
	if err := state.WriteJSON(keys, map[string]string{"milano": "chiave"}); err != nil {
		t.Fatal(err)
	}
	d, err := New(Config{Portal: portal.URL, KeysFile: keys, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	d.Routes(mux)
	return a, func(method, path string, form url.Values) (int, string, string) {
		t.Helper()
		req := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
		if form != nil {
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		rec := httptest.NewRecorder()
		mux.ServeHTTP(rec, req)
		return rec.Code, rec.Header().Get("Location"), rec.Body.String()
	}
}

func TestWorkingACase(t *testing.T) {
	a, do := open(t)
	code, _, html := do("GET", "/gestionale/milano?state=registered", nil)
	if code != 200 || !strings.Contains(html, "0000042/2026") || !strings.Contains(html, "protocollata") || !strings.Contains(html, "cursor=dopo") {
		t.Fatalf("list: %d\n%s", code, html)
	}
	code, _, html = do("GET", "/gestionale/milano/p1", nil)
	if code != 200 || !strings.Contains(html, "I fatti") || !strings.Contains(html, "Presentata") || !strings.Contains(html, "La firma di Sofia Conti è valida.") || strings.Contains(html, "In carico a") {
		t.Fatalf("case: %d\n%s", code, html)
	}
	steps := []struct {
		action string
		form   url.Values
	}{
		{"assignment", url.Values{}},
		{"messages", url.Values{"text": {"Buongiorno"}}},
		{"integration-requests", url.Values{"text": {"Manca la data"}, "days": {"10"}}},
		{"decision", url.Values{"outcome": {"founded"}, "text": {"È fondato: perché (così) è."}}},
	}
	for _, s := range steps {
		code, location, html := do("POST", "/gestionale/milano/p1/"+s.action, s.form)
		if code != http.StatusSeeOther {
			t.Fatalf("%s: %d\n%s", s.action, code, html)
		}
		if code, _, html := do("GET", location, nil); code != 200 || !strings.Contains(html, confirmations[s.action]) {
			t.Errorf("%s: after it %d\n%s", s.action, code, html)
		}
	}
	if _, _, html := do("GET", "/gestionale/milano/p1", nil); !strings.Contains(html, `<dt>In carico a</dt><dd><span class="code">CLMNNA74P48F205H</span></dd>`) {
		t.Errorf("nobody has it in charge\n%s", html)
	}
	if a.state != "in_progress" || a.messages[0] != "Buongiorno" || a.days != 10 {
		t.Errorf("the API got %+v", a)
	}
	sum := sha256.Sum256(a.uploaded)
	if a.declared["sha256"] != hex.EncodeToString(sum[:]) || a.declared["size"] != float64(len(a.uploaded)) || !bytes.HasPrefix(a.uploaded, []byte("%PDF-1.4")) {
		t.Errorf("declared %v of %d bytes", a.declared, len(a.uploaded))
	}
	if a.decision["outcome"] != "founded" || a.decision["document"] != "a1" {
		t.Errorf("decision %v", a.decision)
	}
	if code, location, _ := do("GET", "/gestionale/milano/p1/documents/d1", nil); code != http.StatusFound || !strings.HasSuffix(location, "/s3/d1?firma=x") {
		t.Errorf("document: %d %s", code, location)
	}
}

func TestTheApisRefusalIsShown(t *testing.T) {
	_, do := open(t)
	code, _, html := do("POST", "/gestionale/milano/p1/integration-requests", url.Values{"text": {"x"}, "days": {"90"}})
	if code != http.StatusBadGateway || !strings.Contains(html, "#/days: al massimo 30") {
		t.Errorf("%d\n%s", code, html)
	}
	for _, form := range []url.Values{{"outcome": {"boh"}, "text": {"x"}}, {"outcome": {"founded"}}} {
		if code, _, _ := do("POST", "/gestionale/milano/p1/decision", form); code != http.StatusBadGateway {
			t.Errorf("%v: %d", form, code)
		}
	}
	if code, _, html := do("GET", "/gestionale/milano/altra", nil); code != http.StatusBadGateway || !strings.Contains(html, "La pratica non c’è.") {
		t.Errorf("unknown case: %d\n%s", code, html)
	}
	if code, _, _ := do("GET", "/gestionale/varese/p1", nil); code != http.StatusBadGateway {
		t.Errorf("chamber without key: %d", code)
	}
}

// Each service is decided in its own words.
func TestOutcomes(t *testing.T) {
	for service, want := range map[string]string{"reclami": "founded", "listino-prezzi": "deposited", "altro": ""} {
		got := ""
		if list := (Case{Service: service}).Outcomes(); len(list) > 0 {
			got = list[0].ID
		}
		if got != want {
			t.Errorf("%s: %q", service, got)
		}
	}
}

func TestPDF(t *testing.T) {
	long := strings.Repeat("Una frase abbastanza lunga da riempire la riga. ", 150) + strings.Repeat("x", 300)
	raw := PDF("Esito (prova)", []string{"perché è così – “virgolette”", "\\ ( )", long, "漢"})
	if got := bytes.Count(raw, []byte("/Type /Page ")); got != 2 {
		t.Errorf("%d pages, want 2", got)
	}
	if !bytes.Contains(raw, []byte(`(Esito \(prova\)) Tj`)) || !bytes.Contains(raw, []byte("(?) Tj")) {
		t.Error("text is not as it should be")
	}
	checkXref(t, raw)
}

// checkXref finds every object where the table says it is.
func checkXref(t *testing.T, raw []byte) {
	t.Helper()
	var start int
	tail := raw[bytes.LastIndex(raw, []byte("startxref")):]
	if _, err := fmt.Sscanf(string(tail), "startxref\n%d", &start); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(raw[start:]), "\n")
	var first, count int
	if _, err := fmt.Sscanf(lines[1], "%d %d", &first, &count); err != nil {
		t.Fatal(err)
	}
	for i := 1; i < count; i++ {
		var offset int
		if _, err := fmt.Sscanf(lines[2+i], "%d", &offset); err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("%d 0 obj", i); !bytes.HasPrefix(raw[offset:], []byte(want)) {
			t.Errorf("object %d is not at %d", i, offset)
		}
	}
}
