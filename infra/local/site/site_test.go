package site_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sportello/infra/local/site"
	"sportello/infra/local/template"
)

const viewer = `
function handler(event) {
  var request = event.request;
  if (request.uri.indexOf('/api/') === 0) {
    request.headers['x-forwarded-host'] = { value: request.headers.host.value };
    delete request.headers['x-secret'];
    return request;
  }
  if (request.uri === '/cookie') { request.uri = '/' + request.cookies.theme.value + '/index.html'; return request; }
  if (request.uri === '/many') { request.querystring = { a: { value: '2', multiValue: [{ value: '1' }, { value: '2' }] } }; request.uri = '/api/many'; return request; }
  if (request.uri === '/fails') { throw new Error('no'); }
  if (request.uri === '/forever') { for (;;) {} }
  if (request.uri.indexOf('.') < 0) {
    return { statusCode: 404, statusDescription: 'Not Found', headers: { 'content-type': { value: 'text/html' } }, body: 'Pagina non trovata' };
  }
  return request;
}`

func portal(t *testing.T, change func(*template.Behavior)) http.Handler {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"index.html": "home", "dark/index.html": "dark", "app.js": "js"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	headers := []template.Header{{Name: "content-security-policy", Value: "default-src 'none'", Override: true}, {Name: "x-mine", Value: "policy"}}
	standard := template.Behavior{
		Methods: []string{"GET", "HEAD"}, Origin: template.Origin{Bucket: "Site"}, ViewerRequest: viewer, Headers: headers, Remove: []string{"server"},
	}
	if change != nil {
		change(&standard)
	}
	s, err := site.New(site.Config{
		Distribution: template.Distribution{DefaultRoot: "index.html", Behaviors: []template.Behavior{
			{
				Pattern: "/api/*", Methods: []string{"GET", "POST"}, ViewerRequest: viewer, Headers: headers,
				Origin: template.Origin{API: "Api", Headers: []template.Header{{Name: "x-origin-verify", Value: "secret"}}},
			},
			standard,
		}},
		Buckets: map[string]http.Handler{"Site": site.Folder(dir)},
		APIs:    map[string]http.Handler{"Api": http.HandlerFunc(mirror)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// mirror answers what the origin got.
func mirror(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Mine", "origin")
	w.Header().Set("Server", "mirror")
	w.WriteHeader(http.StatusTeapot)
	_ = json.NewEncoder(w).Encode(map[string]any{"path": r.URL.EscapedPath(), "query": r.URL.RawQuery, "header": r.Header, "host": r.Host})
}

func get(t *testing.T, h http.Handler, target string, headers ...string) (*http.Response, string) {
	t.Helper()
	r := httptest.NewRequest("GET", target, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	body, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Result(), string(body)
}

func TestFiles(t *testing.T) {
	h := portal(t, nil)
	for _, c := range []struct {
		target string
		status int
		body   string
		kind   string
	}{
		{"http://milano.localhost:8080/index.html", 200, "home", "text/html; charset=utf-8"},
		{"http://milano.localhost:8080/app.js", 200, "js", "text/javascript; charset=utf-8"},
		{"http://milano.localhost:8080/none.js", 404, "NoSuchKey", "application/xml"},
		{"http://milano.localhost:8080/../../etc/passwd.x", 404, "NoSuchKey", "application/xml"},
		{"http://milano.localhost:8080/nothing", 404, "Pagina non trovata", "text/html"},
		{"http://milano.localhost:8080/dark/index.html", 200, "dark", "text/html; charset=utf-8"},
	} {
		got, body := get(t, h, c.target)
		if got.StatusCode != c.status || !strings.Contains(body, c.body) || got.Header.Get("Content-Type") != c.kind {
			t.Errorf("%s: %s %s %q", c.target, got.Status, got.Header.Get("Content-Type"), body)
		}
	}
	if got, body := get(t, h, "http://h/cookie", "Cookie", "theme=dark"); body != "dark" || got.Header.Get("Content-Security-Policy") == "" {
		t.Errorf("by cookie: %q %v", body, got.Header)
	}
}

func TestPassThrough(t *testing.T) {
	got, body := get(t, portal(t, nil), "http://milano.localhost:8080/api/v1/a%2Fb?x=1&y=a%20b", "X-Secret", "x", "Cookie", "b=2; a=1", "X-Origin-Verify", "guess")
	var seen struct {
		Path, Query string
		Header      http.Header
	}
	if err := json.Unmarshal([]byte(body), &seen); err != nil {
		t.Fatalf("%q: %v", body, err)
	}
	if got.StatusCode != http.StatusTeapot || seen.Path != "/api/v1/a%2Fb" || seen.Query != "x=1&y=a%20b" {
		t.Errorf("the origin saw %+v", seen)
	}
	for name, want := range map[string]string{
		"X-Origin-Verify": "secret", "X-Forwarded-Host": "milano.localhost:8080", "X-Secret": "", "Cookie": "a=1; b=2", "X-Forwarded-For": "192.0.2.1",
	} {
		if v := seen.Header.Get(name); v != want {
			t.Errorf("%s is %q, want %q", name, v, want)
		}
	}
	if v := got.Header.Get("X-Mine"); v != "origin" {
		t.Errorf("the policy replaced a header it must not: %q", v)
	}
	if v := got.Header.Get("Content-Security-Policy"); v != "default-src 'none'" {
		t.Errorf("the policy is %q", v)
	}
}

func TestMethodNotAllowed(t *testing.T) {
	w := httptest.NewRecorder()
	portal(t, nil).ServeHTTP(w, httptest.NewRequest("POST", "/index.html", nil))
	if w.Code != http.StatusForbidden {
		t.Errorf("answered %d", w.Code)
	}
}

func TestFunctionFails(t *testing.T) {
	h := portal(t, nil)
	for _, path := range []string{"/fails", "/forever"} {
		if got, _ := get(t, h, "http://h"+path); got.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("%s: %s", path, got.Status)
		}
	}
}

func TestViewerResponse(t *testing.T) {
	h := portal(t, func(b *template.Behavior) {
		b.ViewerResponse = `async function handler(event) { event.response.headers['x-late'] = { value: 'yes' }; return event.response; }`
	})
	if got, body := get(t, h, "http://h/app.js"); got.Header.Get("X-Late") != "yes" || body != "js" {
		t.Errorf("%v %q", got.Header, body)
	}
}

func TestBadFunctionStopsTheStart(t *testing.T) {
	for name, code := range map[string]string{"syntax": "function (", "no handler": "var x = 1;", "import": "import cf from 'cloudfront';"} {
		_, err := site.New(site.Config{
			Distribution: template.Distribution{Behaviors: []template.Behavior{{Origin: template.Origin{Bucket: "Site"}, ViewerRequest: code}}},
			Buckets:      map[string]http.Handler{"Site": site.Folder(t.TempDir())},
		})
		if err == nil {
			t.Errorf("%s: it was taken", name)
		}
	}
}
