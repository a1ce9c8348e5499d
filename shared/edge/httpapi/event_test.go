package httpapi

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"
)

func chamberByLabel(label string) (string, bool) {
	return label, label == "milano" || label == "varese"
}

func newAPI(t testing.TB, log io.Writer) *API {
	t.Helper()
	if log == nil {
		log = io.Discard
	}
	a, err := New(Config{
		Log: slog.New(slog.NewJSONHandler(log, nil)), Portal: "https://sportello.example.it", Chamber: chamberByLabel,
		OriginSecret: "origin-secret", Strict: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func fixture(t testing.TB, name string) json.RawMessage {
	t.Helper()
	body, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// seen is what a handler could see of a request.
type seen struct {
	Method, Path, Escaped, Query, Body, RequestID, Chamber, Host, Remote string
	Cookies                                                              []string
	Header                                                               map[string][]string
}

// see serves an event with one handler that notes what it sees.
func see(t testing.TB, event json.RawMessage, answer http.HandlerFunc) (seen, any) {
	t.Helper()
	var got seen
	a := newAPI(t, nil)
	a.Handle("/", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got = seen{
			Method: r.Method, Path: r.URL.Path, Escaped: r.URL.EscapedPath(), Query: r.URL.RawQuery, Body: string(body),
			RequestID: RequestID(r.Context()), Chamber: Chamber(r.Context()), Host: Host(r.Context()), Remote: r.RemoteAddr, Header: map[string][]string{},
		}
		for _, name := range []string{"Accept-Language", "X-Api-Key", "X-Api-Version", "If-Match"} {
			if values := r.Header.Values(name); len(values) > 0 {
				got.Header[name] = values
			}
		}
		for _, cookie := range r.Cookies() {
			got.Cookies = append(got.Cookies, cookie.Name+"="+cookie.Value)
		}
		answer(w, r)
	}))
	handler, err := a.Handler()
	if err != nil {
		t.Fatal(err)
	}
	out, err := handler(context.Background(), event)
	if err != nil {
		t.Fatal(err)
	}
	return got, out
}

func nothing(http.ResponseWriter, *http.Request) {}

func TestEvents(t *testing.T) {
	const host = "milano.sportello.example.it"
	for name, want := range map[string]seen{
		"http-get.json": {
			Method: "GET", Path: "/api/v1/applications", Escaped: "/api/v1/applications", Query: "profile=p-1&cursor=a%2Bb%20c&cursor=2",
			RequestID: "UhVxGjkCMu8EPpQ=", Chamber: "milano", Host: host, Remote: "198.51.100.9",
			Cookies: []string{"__Host-session=c2VjcmV0", "theme=dark"}, Header: map[string][]string{"Accept-Language": {"it-IT,it;q=0.9"}},
		},
		"http-patch.json": {
			Method: "PATCH", Path: "/api/v1/applications/019aab6e-3c00-7d4a-9f3e-5a1c2b7d8e90",
			Escaped: "/api/v1/applications/019aab6e-3c00-7d4a-9f3e-5a1c2b7d8e90", Body: `{"answers": {"facts": "È successo così: <b>niente</b>."}}`,
			RequestID: "UhVxGjkCMu8EPpQ=", Chamber: "milano", Host: host, Remote: "198.51.100.9",
			Cookies: []string{"__Host-session=c2VjcmV0"}, Header: map[string][]string{"If-Match": {`"3"`}},
		},
		"http-base64.json": {
			Method: "POST", Path: "/api/v1/applications", Escaped: "/api/v1/applications", Body: "\x00\xff binary",
			RequestID: "UhVxGjkCMu8EPpQ=", Chamber: "milano", Host: host, Remote: "198.51.100.9", Header: map[string][]string{},
		},
		"rest-get.json": {
			Method: "GET", Path: "/chamber/v1/applications/a/b c", Escaped: "/chamber/v1/applications/a%2Fb%20c",
			Query:     "assignee=none&state=registered&state=in_progress",
			RequestID: "8a0c1b5e-53c5-4b8f-9d5c-3f1c2b4d5e6f", Chamber: "milano", Host: host, Remote: "198.51.100.9",
			Header: map[string][]string{"X-Api-Key": {"chamber-key"}, "X-Api-Version": {"1", "2"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, _ := see(t, fixture(t, name), nothing)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
}

// An HTTP API decodes the path, a REST API does not; a stage of an HTTP API is part of its path.
func TestPaths(t *testing.T) {
	v2 := func(stage, raw string) json.RawMessage {
		var e events.APIGatewayV2HTTPRequest
		must(t, json.Unmarshal(fixture(t, "http-get.json"), &e))
		e.RawPath, e.RequestContext.Stage = raw, stage
		return marshal(t, e)
	}
	v1 := func(path string) json.RawMessage {
		var e events.APIGatewayProxyRequest
		must(t, json.Unmarshal(fixture(t, "rest-get.json"), &e))
		e.Path = path
		return marshal(t, e)
	}
	for _, c := range []struct {
		event json.RawMessage
		path  string
	}{
		{v2("$default", "/a/b"), "/a/b"},
		{v2("live", "/live/a/b"), "/a/b"},
		{v2("$default", "/a/100%"), "/a/100%"},
		{v2("$default", "/a/b c?d"), "/a/b c?d"},
		{v2("$default", "/a/%41"), "/a/%41"},
		{v1("/a/%41"), "/a/A"},
		{v1("/a/100%"), "/a/100%"},
		{v1("/a/b%20c"), "/a/b c"},
	} {
		if got, _ := see(t, c.event, nothing); got.Path != c.path {
			t.Errorf("got %q, want %q", got.Path, c.path)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func marshal(t testing.TB, v any) json.RawMessage {
	t.Helper()
	body, err := json.Marshal(v)
	must(t, err)
	return body
}

func rich(contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "1"})
		http.SetCookie(w, &http.Cookie{Name: "b", Value: "2"})
		w.Header().Add("Vary", "Accept")
		w.Header().Add("Vary", "Cookie")
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(http.StatusCreated)
		w.WriteHeader(http.StatusTeapot) // too late, as in net/http
		_, _ = io.WriteString(w, body)
	}
}

func TestHTTPAPIAnswer(t *testing.T) {
	_, out := see(t, fixture(t, "http-get.json"), rich("application/json", `{"è":1}`))
	want := events.APIGatewayV2HTTPResponse{
		StatusCode: 201, Body: `{"è":1}`, Cookies: []string{"a=1", "b=2"},
		Headers: map[string]string{
			"vary": "Accept, Cookie", "content-type": "application/json", "cache-control": "no-store", "x-content-type-options": "nosniff",
		},
	}
	if diff := cmp.Diff(want, out); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}

func TestRESTAnswer(t *testing.T) {
	_, out := see(t, fixture(t, "rest-get.json"), rich("application/json", `{}`))
	want := events.APIGatewayProxyResponse{
		StatusCode: 201, Body: `{}`,
		MultiValueHeaders: map[string][]string{
			"Set-Cookie": {"a=1", "b=2"}, "Vary": {"Accept", "Cookie"}, "Content-Type": {"application/json"},
			"Cache-Control": {"no-store"}, "X-Content-Type-Options": {"nosniff"},
		},
	}
	if diff := cmp.Diff(want, out); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}

func TestBodyEncoding(t *testing.T) {
	for _, c := range []struct {
		contentType, body string
		encoded           bool
	}{
		{"application/json", `{}`, false},
		{"application/problem+json; charset=utf-8", `{}`, false},
		{"text/plain; charset=utf-8", "è", false},
		{"image/svg+xml", "<svg/>", false},
		{"text/plain", "\xff", true},
		{"application/pdf", "%PDF", true},
		{"", "x", true},
		{"application/pdf", "", false},
	} {
		_, out := see(t, fixture(t, "http-get.json"), rich(c.contentType, c.body))
		answer := out.(events.APIGatewayV2HTTPResponse)
		body := answer.Body
		if answer.IsBase64Encoded {
			decoded, err := base64.StdEncoding.DecodeString(body)
			must(t, err)
			body = string(decoded)
		}
		if answer.IsBase64Encoded != c.encoded || body != c.body {
			t.Errorf("%s %q: encoded %v, %q", c.contentType, c.body, answer.IsBase64Encoded, body)
		}
	}
}

func TestForeignEvents(t *testing.T) {
	handler, err := newAPI(t, nil).Handler()
	must(t, err)
	for _, event := range []string{`{"Records":[]}`, `{}`, `null`, `[]`, `"x"`, `{"version":"2.0"}`, `{"version":2}`,
		`{"version":"2.0","body":"%","isBase64Encoded":true,"requestContext":{"http":{"method":"GET"}}}`} {
		if out, err := handler(context.Background(), json.RawMessage(event)); err == nil {
			t.Errorf("%s was answered: %v", event, out)
		}
	}
}

// FuzzEvent: whatever the event, there is an answer that API Gateway takes, or an error, and never a panic.
func FuzzEvent(f *testing.F) {
	for _, name := range []string{"http-get.json", "http-patch.json", "http-base64.json", "rest-get.json"} {
		f.Add([]byte(fixture(f, name)))
	}
	f.Add([]byte(`{"version":"2.0","rawPath":"//..%2f","requestContext":{"http":{"method":"GET"}}}`))
	a := newAPI(f, nil)
	public := Open(a, "/api/v1")
	JSON(public, "GET /surveys/{token}", func(_ context.Context, c Call[None], _ None) (map[string]any, error) {
		return map[string]any{"chamber": "milano", "service": "reclami", "decidedAt": "2026-11-22T10:15:30Z", "rated": false}, nil
	})
	JSON(public, "POST /surveys/{token}", func(context.Context, Call[None], struct{ Rating int }) (None, error) { return None{}, nil })
	handler, err := a.Handler()
	must(f, err)
	f.Fuzz(func(t *testing.T, event []byte) {
		out, err := handler(context.Background(), event)
		if err != nil {
			return
		}
		status, body := 0, ""
		switch out := out.(type) {
		case events.APIGatewayV2HTTPResponse:
			status, body = out.StatusCode, out.Body
		case events.APIGatewayProxyResponse:
			status, body = out.StatusCode, out.Body
		}
		if status < 200 || status > 599 || status == 500 || !utf8.ValidString(body) {
			t.Errorf("answered %d %q", status, body)
		}
	})
}

// FuzzRequest: what a viewer sends through an HTTP API is what a handler sees.
func FuzzRequest(f *testing.F) {
	f.Add("GET", "/api/v1/applications", "a=1&b=%20", "body", "value")
	f.Add("POST", "/è/ü%", "", "\x00\xff", "a, b")
	f.Fuzz(func(t *testing.T, method, path, query, body, header string) {
		if method == "" || !strings.HasPrefix(path, "/") {
			t.Skip()
		}
		e := events.APIGatewayV2HTTPRequest{
			RawPath: path, RawQueryString: query, Headers: map[string]string{"accept-language": header},
			Body: base64.StdEncoding.EncodeToString([]byte(body)), IsBase64Encoded: true,
		}
		e.RequestContext.HTTP.Method = method
		r, err := requestV2(context.Background(), e)
		must(t, err)
		got, err := io.ReadAll(r.Body)
		must(t, err)
		if r.Method != method || r.URL.Path != path || r.URL.RawQuery != query || string(got) != body || r.Header.Get("Accept-Language") != header {
			t.Errorf("saw %s %q ? %q: %q", r.Method, r.URL.Path, r.URL.RawQuery, got)
		}
		if decoded, err := url.PathUnescape(r.URL.EscapedPath()); err != nil || decoded != path {
			t.Errorf("escaped path %q of %q", r.URL.EscapedPath(), path)
		}
	})
}
