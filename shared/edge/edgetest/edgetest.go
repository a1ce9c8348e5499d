// Package edgetest plays API Gateway for the tests of HTTP functions: it reads events as the service sends them from testdata, hands them to the
// function, and looks at the answers. The API it makes is strict: an answer that openapi.json does not describe is a fault of ours.
package edgetest

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"sportello/shared/domain/catalogue"
	"sportello/shared/domain/problem"
	"sportello/shared/edge/httpapi"
)

// Portal is where the tests' portal is; OriginSecret is what CloudFront adds.
const (
	Portal       = "http://localhost:8080"
	OriginSecret = "origin-secret"
)

// Function is a function as Lambda calls it.
type Function struct {
	T      *testing.T
	API    *httpapi.API
	Log    bytes.Buffer
	Handle any // what the function's registration returned

	// Values are put in the place of {name} in the events' text.
	Values map[string]string
}

// New returns a function whose API has no handlers yet.
func New(t *testing.T) *Function {
	t.Helper()
	f := &Function{T: t, Values: map[string]string{}}
	api, err := httpapi.New(httpapi.Config{
		Log: slog.New(slog.NewJSONHandler(&f.Log, nil)), Portal: Portal, OriginSecret: OriginSecret, Strict: true,
		Chamber: func(label string) (string, bool) {
			c, ok := catalogue.ChamberByHost(label)
			return c.ID, ok
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	f.API = api
	return f
}

// Cursors are made with a key of nothing but zeros.
func Cursors(t *testing.T) *httpapi.Cursors {
	t.Helper()
	c, err := httpapi.NewCursors(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Answer is what the caller gets.
type Answer struct {
	T      *testing.T
	Status int
	Header map[string]string // names in lower case
	Body   string
}

// Change changes an event's text before it is sent.
type Change func(event map[string]any)

// Header sets a header; an empty value takes it away.
func Header(name, value string) Change {
	return func(event map[string]any) {
		headers := event["headers"].(map[string]any)
		if headers[name] = value; value == "" {
			delete(headers, name)
		}
		if many, ok := event["multiValueHeaders"].(map[string]any); ok {
			if many[name] = []any{value}; value == "" {
				delete(many, name)
			}
		}
	}
}

// Cookie is who asks at the citizens' doors, "" for nobody.
func Cookie(value string) Change {
	return func(event map[string]any) {
		if event["cookies"] = []any{"session=" + value}; value == "" {
			delete(event, "cookies")
		}
	}
}

// Body replaces the event's body.
func Body(v any) Change {
	return func(event map[string]any) {
		body, err := json.Marshal(v)
		if err != nil {
			panic("edgetest: " + err.Error())
		}
		event["body"] = string(body)
	}
}

// Query sets the query as it is written.
func Query(raw string) Change {
	return func(event map[string]any) {
		if event["version"] == "2.0" {
			event["rawQueryString"] = raw
			return
		}
		values := map[string]any{}
		for pair := range strings.SplitSeq(raw, "&") {
			name, value, _ := strings.Cut(pair, "=")
			values[name] = []any{value}
		}
		event["multiValueQueryStringParameters"] = values
	}
}

// Call sends the event of a file, with the function's values in place and changed.
func (f *Function) Call(file string, changes ...Change) Answer {
	f.T.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		f.T.Fatal(err)
	}
	text := string(raw)
	for name, value := range f.Values {
		text = strings.ReplaceAll(text, "{"+name+"}", value)
	}
	var event map[string]any
	if err := json.Unmarshal([]byte(text), &event); err != nil {
		f.T.Fatalf("%s: %v", file, err)
	}
	for _, change := range changes {
		change(event)
	}
	body, err := json.Marshal(event)
	if err != nil {
		f.T.Fatal(err)
	}
	handle, ok := f.Handle.(func(context.Context, json.RawMessage) (any, error))
	if !ok {
		f.T.Fatalf("the function is a %T", f.Handle)
	}
	f.Log.Reset()
	out, err := handle(context.Background(), body)
	if err != nil {
		f.T.Fatalf("%s: %v", file, err)
	}
	answer := f.answer(out)
	f.described(event, answer.Status)
	if answer.Status >= 500 && answer.Status != 503 {
		f.T.Errorf("%s: %d %s\n%s", file, answer.Status, answer.Body, f.Log.String())
	}
	return answer
}

// described holds an answer's status to those that openapi.json lists for the operation. Who passes by CloudFront, or asks at an address that
// is none, is no client.
func (f *Function) described(event map[string]any, status int) {
	f.T.Helper()
	var document struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(httpapi.Document(), &document); err != nil {
		f.T.Fatal(err)
	}
	method, path := asked(event)
	for pattern, item := range document.Paths {
		if !matches(pattern, path) {
			continue
		}
		// The chamber's door refers to the office's.
		item = document.Paths[strings.Replace(pattern, "/chamber/v1", "/api/v1/office", 1)]
		var operation struct {
			Responses map[string]any
		}
		if err := json.Unmarshal(item[strings.ToLower(method)], &operation); err != nil {
			f.T.Fatalf("%s %s: %v", method, pattern, err)
		}
		if _, listed := operation.Responses[strconv.Itoa(status)]; !listed && event["headers"].(map[string]any)["x-origin-verify"] != "guess" {
			f.T.Errorf("%s %s answers %d, which openapi.json does not list", method, pattern, status)
		}
		return
	}
}

func asked(event map[string]any) (method, path string) {
	if event["version"] == "2.0" {
		http := event["requestContext"].(map[string]any)["http"].(map[string]any)
		return http["method"].(string), event["rawPath"].(string)
	}
	return event["httpMethod"].(string), event["path"].(string)
}

func matches(pattern, path string) bool {
	want, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return false
	}
	for n := range want {
		if want[n] != got[n] && !strings.HasPrefix(want[n], "{") {
			return false
		}
	}
	return true
}

func (f *Function) answer(out any) Answer {
	switch a := out.(type) {
	case events.APIGatewayV2HTTPResponse:
		return Answer{f.T, a.StatusCode, a.Headers, a.Body}
	case events.APIGatewayProxyResponse:
		headers := map[string]string{}
		for name, values := range a.MultiValueHeaders {
			headers[strings.ToLower(name)] = strings.Join(values, ", ")
		}
		return Answer{f.T, a.StatusCode, headers, a.Body}
	}
	f.T.Fatalf("the answer is a %T", out)
	return Answer{}
}

// Is holds the answer to a success, and reads it into v, which may be nil.
func (a Answer) Is(status int, v any) Answer {
	a.T.Helper()
	if a.Status != status {
		a.T.Fatalf("answer %d %s, want %d", a.Status, a.Body, status)
	}
	if strings.Contains(a.Body, ":null") {
		a.T.Errorf("null in %s", a.Body)
	}
	if v != nil {
		if err := json.Unmarshal([]byte(a.Body), v); err != nil {
			a.T.Fatalf("%s: %v", a.Body, err)
		}
	}
	return a
}

// Refused holds the answer to a problem and the places it points at.
func (a Answer) Refused(status int, kind problem.Kind, pointers ...string) {
	a.T.Helper()
	var p struct {
		Type, Detail string
		Status       int
		Errors       []struct{ Pointer string }
	}
	if err := json.Unmarshal([]byte(a.Body), &p); err != nil {
		a.T.Fatalf("answer %d %s is no problem, want %d %s", a.Status, a.Body, status, kind)
	}
	if a.Status != status || p.Status != status || !strings.HasSuffix(p.Type, "/"+string(kind)) || p.Detail == "" {
		a.T.Errorf("answer %d %s, want %d %s", a.Status, a.Body, status, kind)
	}
	got := []string{}
	for _, e := range p.Errors {
		got = append(got, e.Pointer)
	}
	if strings.Join(got, " ") != strings.Join(pointers, " ") {
		a.T.Errorf("it points at %v, want %v", got, pointers)
	}
}
