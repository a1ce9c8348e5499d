package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/infra/local/gateway"
	"sportello/infra/local/runtime"
	"sportello/infra/local/template"
)

type keys map[string]string

func (k keys) Allowed(api, value string) (string, bool) {
	id, ok := k[api+" "+value]
	return id, ok
}

// fake is a function: it notes what it was given and answers what it is told.
type fake struct {
	function string
	event    []byte
	answer   string
	failed   bool
	err      error
}

func (f *fake) invoke(_ context.Context, function string, payload []byte) (runtime.Result, error) {
	f.function, f.event = function, payload
	return runtime.Result{Payload: []byte(f.answer), Failed: f.failed}, f.err
}

var (
	citizens = template.API{
		ID: "CitizenApi", PhysicalID: "citizenapi", Stage: "$default", Routes: []template.Route{
			{Function: "All", Method: "ANY", Path: "/api/v1/applications", Timeout: time.Minute},
			{Function: "Proxy", Method: "ANY", Path: "/api/v1/applications/{proxy+}", Timeout: time.Minute},
			{Function: "Submit", Method: "POST", Path: "/api/v1/applications/{id}/submission", Timeout: time.Minute},
			{Function: "Survey", Method: "GET", Path: "/api/v1/surveys/{token}", Timeout: time.Minute},
		},
	}
	chambers = template.API{
		ID: "ChamberApi", PhysicalID: "chamberapi", Stage: "live", REST: true, BinaryTypes: []string{"application/pdf"}, Routes: []template.Route{
			{Function: "Office", Method: "ANY", Path: "/chamber/v1/{proxy+}", KeyRequired: true, Timeout: time.Minute},
			{Function: "Open", Method: "GET", Path: "/open", Timeout: time.Minute},
		},
	}
)

func serve(api template.API, f *fake, r *http.Request) *http.Response {
	a := gateway.New(gateway.Config{
		API: api, Region: "eu-south-1", Account: "000000000000", Invoke: f.invoke, Keys: keys{"ChamberApi good": "key1"},
		Now: func() time.Time { return time.Date(2026, 7, 1, 10, 20, 30, 456e6, time.UTC) },
	})
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	return w.Result()
}

// golden compares an event with a file; ids that are random are blanked.
func golden(t *testing.T, name string, event []byte) {
	t.Helper()
	var got, want map[string]any
	if err := json.Unmarshal(event, &got); err != nil {
		t.Fatal(err)
	}
	inner := got["requestContext"].(map[string]any)
	for _, id := range []string{"requestId", "extendedRequestId"} {
		if v, ok := inner[id].(string); ok && v != "" {
			inner[id] = "random"
		}
	}
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func request(method, target, body string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	r.RemoteAddr = "192.0.2.7:1234"
	return r
}

func TestEvents(t *testing.T) {
	for _, c := range []struct {
		golden string
		api    template.API
		r      *http.Request
	}{
		{"http.json", citizens, request("PATCH", "http://milano.localhost/api/v1/applications/a1?x=1&x=2&y=a%20b", `{"a":"è"}`,
			"Content-Type", "application/json", "If-Match", `"3"`, "Cookie", "session=s1; theme=dark", "Accept", "application/json", "X-Multi", "1", "X-Multi", "2", "User-Agent", "test")},
		{"http-binary.json", citizens, request("POST", "http://milano.localhost/api/v1/applications/a1/submission", "a=1&b=2",
			"Content-Type", "application/x-www-form-urlencoded")},
		{"rest.json", chambers, request("POST", "http://milano.localhost/chamber/v1/applications/a1/messages?x=1&x=2", `{"text":"è"}`,
			"Content-Type", "application/json", "X-Api-Key", "good", "X-Officer", "CLMNNA74P48F205H", "X-Multi", "1", "X-Multi", "2", "User-Agent", "test")},
		{"rest-empty.json", chambers, request("GET", "http://milano.localhost/open", "")},
	} {
		t.Run(c.golden, func(t *testing.T) {
			f := &fake{answer: `{"statusCode":204}`}
			if got := serve(c.api, f, c.r); got.StatusCode != 204 {
				t.Errorf("answered %s", got.Status)
			}
			golden(t, c.golden, f.event)
		})
	}
}

func TestRouting(t *testing.T) {
	for _, c := range []struct {
		api            template.API
		method, target string
		function       string
		status         int
	}{
		{citizens, "GET", "/api/v1/applications", "All", 200},
		{citizens, "GET", "/api/v1/applications/a1", "Proxy", 200},
		{citizens, "POST", "/api/v1/applications/a1/submission", "Submit", 200},
		{citizens, "GET", "/api/v1/applications/a1/submission", "Proxy", 200},
		{citizens, "GET", "/api/v1/surveys/t%2F1", "Survey", 200},
		{citizens, "DELETE", "/api/v1/surveys/t1", "", 404},
		{citizens, "GET", "/api/v1/surveys/", "", 404},
		{citizens, "GET", "/api/v1/nothing", "", 404},
		{chambers, "GET", "/chamber/v1/applications", "", 403}, // no key
		{chambers, "GET", "/nothing", "", 403},
		{chambers, "POST", "/open", "", 403},
		{chambers, "GET", "/open", "Open", 200},
	} {
		f := &fake{answer: `{"statusCode":200}`}
		got := serve(c.api, f, request(c.method, "http://h"+c.target, ""))
		if got.StatusCode != c.status || f.function != c.function {
			t.Errorf("%s %s: %d by %q, want %d by %q", c.method, c.target, got.StatusCode, f.function, c.status, c.function)
		}
	}
}

func TestAnswers(t *testing.T) {
	open := request("GET", "http://h/open", "")
	pdf := request("GET", "http://h/open", "", "Accept", "application/pdf")
	all := request("GET", "http://h/api/v1/applications", "")
	for name, c := range map[string]struct {
		api    template.API
		r      *http.Request
		f      fake
		status int
		header http.Header
		body   string
	}{
		"http cookies": {citizens, all, fake{answer: `{"statusCode":302,"headers":{"Location":"/x","X-N":5},"cookies":["a=1; HttpOnly","b=2"]}`}, 302,
			http.Header{"Location": {"/x"}, "X-N": {"5"}, "Set-Cookie": {"a=1; HttpOnly", "b=2"}}, ""},
		"http base64":      {citizens, all, fake{answer: `{"statusCode":200,"headers":{"content-type":"application/pdf"},"body":"JVBERg==","isBase64Encoded":true}`}, 200, http.Header{"Content-Type": {"application/pdf"}}, "%PDF"},
		"http plain":       {citizens, all, fake{answer: `{"statusCode":200,"body":"{}"}`}, 200, http.Header{"Content-Type": {"application/json"}}, "{}"},
		"http bare value":  {citizens, all, fake{answer: `{"hello":1}`}, 200, http.Header{"Content-Type": {"application/json"}}, `{"hello":1}`},
		"http failed":      {citizens, all, fake{answer: `{"errorMessage":"x"}`, failed: true}, 500, nil, `{"message":"Internal Server Error"}`},
		"http bad base64":  {citizens, all, fake{answer: `{"statusCode":200,"body":"?","isBase64Encoded":true}`}, 500, nil, `{"message":"Internal Server Error"}`},
		"http timeout":     {citizens, all, fake{err: context.DeadlineExceeded}, 503, nil, `{"message":"Service Unavailable"}`},
		"http unavailable": {citizens, all, fake{err: errors.New("closed")}, 500, nil, `{"message":"Internal Server Error"}`},
		"rest multi": {chambers, open, fake{answer: `{"statusCode":200,"headers":{"X-A":"1"},"multiValueHeaders":{"Set-Cookie":["a=1","b=2"]},"body":"x"}`}, 200,
			http.Header{"X-A": {"1"}, "Set-Cookie": {"a=1", "b=2"}}, "x"},
		"rest binary":     {chambers, pdf, fake{answer: `{"statusCode":200,"body":"JVBERg==","isBase64Encoded":true}`}, 200, nil, "%PDF"},
		"rest not binary": {chambers, open, fake{answer: `{"statusCode":200,"body":"JVBERg==","isBase64Encoded":true}`}, 200, nil, "JVBERg=="},
		"rest no status":  {chambers, open, fake{answer: `{"hello":1}`}, 502, nil, `{"message":"Internal server error"}`},
		"rest failed":     {chambers, open, fake{failed: true}, 502, nil, `{"message":"Internal server error"}`},
		"rest timeout":    {chambers, open, fake{err: context.DeadlineExceeded}, 504, nil, `{"message":"Endpoint request timed out"}`},
	} {
		t.Run(name, func(t *testing.T) {
			got := serve(c.api, &c.f, c.r.Clone(t.Context()))
			body, err := io.ReadAll(got.Body)
			if err != nil || got.StatusCode != c.status || string(body) != c.body {
				t.Errorf("got %d %q, want %d %q", got.StatusCode, body, c.status, c.body)
			}
			for name, want := range c.header {
				if diff := cmp.Diff(want, got.Header.Values(name)); diff != "" {
					t.Errorf("%s: %s", name, diff)
				}
			}
		})
	}
}

func TestTooLarge(t *testing.T) {
	r := httptest.NewRequest("POST", "http://h/api/v1/applications", bytes.NewReader(make([]byte, 10<<20+1)))
	if got := serve(citizens, &fake{}, r); got.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("answered %s", got.Status)
	}
}
