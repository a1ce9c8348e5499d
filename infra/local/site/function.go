package site

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/dop251/goja"
)

// function is a CloudFront function. A program is compiled once; each call has
// an engine of its own, as calls share nothing in the cloud either.
type function struct {
	kind    string
	program *goja.Program
}

// limit is generous: CloudFront allows about a millisecond of a fast machine.
const limit = time.Second

func compile(code, kind string) (*function, error) {
	if code == "" {
		return nil, nil
	}
	program, err := goja.Compile(kind+".js", code, false)
	if err != nil {
		return nil, fmt.Errorf("compiling the %s function: %w", kind, err)
	}
	f := &function{kind, program}
	if _, _, err := f.load(); err != nil {
		return nil, fmt.Errorf("loading the %s function: %w", kind, err)
	}
	return f, nil
}

func (f *function) load() (*goja.Runtime, goja.Callable, error) {
	engine := goja.New()
	log := engine.NewObject()
	_ = log.Set("log", func(goja.FunctionCall) goja.Value { return goja.Undefined() })
	_ = engine.Set("console", log)
	if _, err := engine.RunProgram(f.program); err != nil {
		return nil, nil, err
	}
	handler, ok := goja.AssertFunction(engine.Get("handler"))
	if !ok {
		return nil, nil, errors.New("there is no function handler")
	}
	return engine, handler, nil
}

func (f *function) run(event map[string]any) (map[string]any, error) {
	engine, handler, err := f.load()
	if err != nil {
		return nil, err
	}
	timer := time.AfterFunc(limit, func() { engine.Interrupt("the function took too long") })
	defer timer.Stop()
	value, err := handler(goja.Undefined(), engine.ToValue(plainObject(engine, event)))
	if err != nil {
		return nil, err
	}
	if promise, ok := value.Export().(*goja.Promise); ok {
		if promise.State() != goja.PromiseStateFulfilled {
			return nil, fmt.Errorf("the function did not answer: %v", promise.Result())
		}
		value = promise.Result()
	}
	result, ok := value.Export().(map[string]any)
	if !ok {
		return nil, errors.New("the function returned no object")
	}
	return result, nil
}

// plainObject builds real JavaScript objects: a Go map would not behave as one
// for a function that adds and deletes properties.
func plainObject(engine *goja.Runtime, v any) goja.Value {
	switch x := v.(type) {
	case map[string]any:
		o := engine.NewObject()
		for _, name := range sortedNames(x) {
			_ = o.Set(name, plainObject(engine, x[name]))
		}
		return o
	case []any:
		items := make([]any, len(x))
		for i, item := range x {
			items[i] = plainObject(engine, item)
		}
		return engine.NewArray(items...)
	}
	return engine.ToValue(v)
}

func sortedNames(m map[string]any) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// verdict is what a viewer-request function returned: a request to go on with,
// or a response.
type verdict struct {
	uri      string
	query    string
	headers  http.Header
	response *response
}

type response struct {
	status  int
	headers http.Header
	body    []byte
}

func (f *function) event(r *http.Request) map[string]any {
	viewer, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		viewer = r.RemoteAddr
	}
	headers := map[string]any{"host": map[string]any{"value": r.Host}}
	cookies := map[string]any{}
	for name, values := range r.Header {
		name = strings.ToLower(name)
		if name == "cookie" {
			for _, c := range r.Cookies() {
				cookies[c.Name] = map[string]any{"value": c.Value}
			}
			continue
		}
		headers[name] = several(values)
	}
	query := map[string]any{}
	for name, values := range r.URL.Query() {
		query[name] = several(values)
	}
	return map[string]any{
		"version": "1.0",
		"context": map[string]any{
			"distributionDomainName": "dlocal.cloudfront.net", "distributionId": "ELOCAL",
			"eventType": f.kind, "requestId": trace(),
		},
		"viewer": map[string]any{"ip": viewer},
		"request": map[string]any{
			"method": r.Method, "uri": r.URL.EscapedPath(), "querystring": query, "headers": headers, "cookies": cookies,
		},
	}
}

// several is a value of the event model: repeated ones are listed too.
func several(values []string) map[string]any {
	one := map[string]any{"value": values[len(values)-1]}
	if len(values) > 1 {
		all := make([]any, len(values))
		for i, v := range values {
			all[i] = map[string]any{"value": v}
		}
		one["multiValue"] = all
	}
	return one
}

func (f *function) request(r *http.Request) (*verdict, error) {
	result, err := f.run(f.event(r))
	if err != nil {
		return nil, err
	}
	if status, ok := result["statusCode"]; ok {
		made, err := made(status, result)
		return &verdict{response: made}, err
	}
	uri, ok := result["uri"].(string)
	if !ok || !strings.HasPrefix(uri, "/") {
		return nil, errors.New("the function returned neither a request nor a response")
	}
	v := &verdict{uri: uri, headers: http.Header{}}
	query := url.Values{}
	each(result["querystring"], func(name, value string) { query.Add(name, value) })
	v.query = query.Encode()
	each(result["headers"], func(name, value string) { v.headers.Add(name, value) })
	var cookies []string
	each(result["cookies"], func(name, value string) { cookies = append(cookies, name+"="+value) })
	if len(cookies) > 0 {
		slices.Sort(cookies)
		v.headers.Set("Cookie", strings.Join(cookies, "; "))
	}
	return v, nil
}

// each calls f for every value of a headers, cookies or query object.
func each(v any, f func(name, value string)) {
	object, ok := v.(map[string]any)
	if !ok {
		return
	}
	for name, one := range object {
		fields, ok := one.(map[string]any)
		if !ok {
			continue
		}
		if all, ok := fields["multiValue"].([]any); ok {
			for _, item := range all {
				if m, ok := item.(map[string]any); ok {
					f(name, fmt.Sprint(m["value"]))
				}
			}
			continue
		}
		f(name, fmt.Sprint(fields["value"]))
	}
}

// apply makes the request that goes on to the origin.
func (v *verdict) apply(r *http.Request) *http.Request {
	if decoded, err := url.PathUnescape(v.uri); err == nil {
		r.URL.Path, r.URL.RawPath = decoded, v.uri
	}
	// A query that the function did not change keeps its own spelling.
	if before, err := url.ParseQuery(r.URL.RawQuery); err != nil || before.Encode() != v.query {
		r.URL.RawQuery = v.query
	}
	v.headers.Del("Host")
	r.Header = v.headers
	return r
}

func made(status any, result map[string]any) (*response, error) {
	code, ok := status.(int64)
	if !ok || code < 200 || code > 599 {
		return nil, fmt.Errorf("the function returned status %v", status)
	}
	r := &response{status: int(code), headers: http.Header{}}
	each(result["headers"], func(name, value string) { r.headers.Add(name, value) })
	each(result["cookies"], func(name, value string) { r.headers.Add("Set-Cookie", name+"="+value) })
	switch body := result["body"].(type) {
	case nil:
	case string:
		r.body = []byte(body)
	case map[string]any:
		data := fmt.Sprint(body["data"])
		r.body = []byte(data)
		if body["encoding"] == "base64" {
			decoded, err := base64.StdEncoding.DecodeString(data)
			if err != nil {
				return nil, fmt.Errorf("decoding the function's body: %w", err)
			}
			r.body = decoded
		}
	}
	return r, nil
}

func (r *response) write(w http.ResponseWriter) {
	for name, values := range r.headers {
		w.Header()[http.CanonicalHeaderKey(name)] = values
	}
	w.Header().Set("X-Cache", "FunctionGeneratedResponse from cloudfront")
	w.WriteHeader(r.status)
	_, _ = w.Write(r.body)
}

// response runs a viewer-response function over the headers to be sent and
// gives the status. One that fails leaves the answer as it is.
func (f *function) response(status int, h http.Header) int {
	headers := map[string]any{}
	for name, values := range h {
		headers[strings.ToLower(name)] = several(values)
	}
	result, err := f.run(map[string]any{
		"version": "1.0", "context": map[string]any{"eventType": f.kind},
		"response": map[string]any{"statusCode": status, "headers": headers},
	})
	if err != nil {
		return http.StatusServiceUnavailable
	}
	for name := range h {
		h.Del(name)
	}
	each(result["headers"], func(name, value string) { h.Add(name, value) })
	if code, ok := result["statusCode"].(int64); ok {
		return int(code)
	}
	return status
}
