package httpapi

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
)

// Handler returns the function for Lambda: it takes events of an HTTP API (payload format 2.0) and of a REST API alike,
// because the office's work has both doors. It returns all that went wrong while handlers were registered.
//
// Formats: "Create AWS Lambda proxy integrations for HTTP APIs" and "Lambda proxy integrations in API Gateway", Amazon API
// Gateway Developer Guide.
func (a *API) Handler() (func(ctx context.Context, event json.RawMessage) (any, error), error) {
	if err := errors.Join(a.errs...); err != nil {
		return nil, err
	}
	return a.invoke, nil
}

func (a *API) invoke(ctx context.Context, event json.RawMessage) (any, error) {
	var probe struct {
		Version string `json:"version"`
	}
	if err := json.Unmarshal(event, &probe); err != nil {
		return nil, fmt.Errorf("reading event: %w", err)
	}
	if probe.Version == "2.0" {
		var in events.APIGatewayV2HTTPRequest
		if err := json.Unmarshal(event, &in); err != nil {
			return nil, fmt.Errorf("reading HTTP API event: %w", err)
		}
		return a.serveHTTPAPI(ctx, in)
	}
	var in events.APIGatewayProxyRequest
	if err := json.Unmarshal(event, &in); err != nil {
		return nil, fmt.Errorf("reading REST API event: %w", err)
	}
	return a.serveREST(ctx, in)
}

func (a *API) serveHTTPAPI(ctx context.Context, in events.APIGatewayV2HTTPRequest) (any, error) {
	r, err := requestV2(ctx, in)
	if err != nil {
		return nil, err
	}
	w := &recorder{header: http.Header{}}
	a.ServeHTTP(w, r)
	return w.v2(), nil
}

func (a *API) serveREST(ctx context.Context, in events.APIGatewayProxyRequest) (any, error) {
	r, err := requestV1(ctx, in)
	if err != nil {
		return nil, err
	}
	w := &recorder{header: http.Header{}}
	a.ServeHTTP(w, r)
	return w.v1(), nil
}

// requestV2 converts an event of an HTTP API. There the path comes percent-decoded, the query as it was written, headers with
// several values joined by commas, and cookies apart.
func requestV2(ctx context.Context, in events.APIGatewayV2HTTPRequest) (*http.Request, error) {
	path := in.RawPath
	if stage := in.RequestContext.Stage; stage != "" && stage != "$default" {
		path = strings.TrimPrefix(path, "/"+stage)
	}
	header := make(http.Header, len(in.Headers)+2)
	for name, value := range in.Headers {
		header.Set(name, value)
	}
	if len(in.Cookies) > 0 {
		header.Set("Cookie", strings.Join(in.Cookies, "; "))
	}
	header.Set(requestIDHeader, in.RequestContext.RequestID)
	return request(ctx, parts{
		method: in.RequestContext.HTTP.Method, url: &url.URL{Path: rooted(path), RawQuery: in.RawQueryString}, header: header,
		remote: in.RequestContext.HTTP.SourceIP, body: in.Body, isBase64: in.IsBase64Encoded,
	})
}

// requestV1 converts an event of a REST API. There the path comes as it was written, without the stage, and the query decoded.
func requestV1(ctx context.Context, in events.APIGatewayProxyRequest) (*http.Request, error) {
	address := &url.URL{Path: rooted(in.Path), RawQuery: queryV1(in)}
	if decoded, err := url.PathUnescape(address.Path); err == nil && decoded != address.Path {
		address.Path, address.RawPath = decoded, address.Path
	}
	header := make(http.Header, len(in.MultiValueHeaders)+1)
	for name, value := range in.Headers {
		header.Set(name, value)
	}
	for name, values := range in.MultiValueHeaders {
		header[textproto.CanonicalMIMEHeaderKey(name)] = values
	}
	header.Set(requestIDHeader, in.RequestContext.RequestID)
	return request(ctx, parts{
		method: in.HTTPMethod, url: address, header: header,
		remote: in.RequestContext.Identity.SourceIP, body: in.Body, isBase64: in.IsBase64Encoded,
	})
}

func queryV1(in events.APIGatewayProxyRequest) string {
	query := url.Values(in.MultiValueQueryStringParameters)
	if len(query) == 0 {
		query = url.Values{}
		for name, value := range in.QueryStringParameters {
			query.Set(name, value)
		}
	}
	return query.Encode()
}

func rooted(path string) string {
	if !strings.HasPrefix(path, "/") {
		return "/" + path
	}
	return path
}

// parts is what the two formats have in common.
type parts struct {
	method   string
	url      *url.URL
	header   http.Header
	remote   string
	body     string
	isBase64 bool
}

func request(ctx context.Context, p parts) (*http.Request, error) {
	if p.method == "" {
		return nil, errors.New("reading event: no method: not an event of API Gateway")
	}
	body := []byte(p.body)
	if p.isBase64 {
		decoded, err := base64.StdEncoding.DecodeString(p.body)
		if err != nil {
			return nil, fmt.Errorf("reading event: body: %w", err)
		}
		body = decoded
	}
	r := &http.Request{
		Method: p.method, URL: p.url, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: p.header,
		Host: p.header.Get("Host"), RemoteAddr: p.remote, RequestURI: p.url.RequestURI(),
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}
	return r.WithContext(ctx), nil
}

// recorder is the http.ResponseWriter of an event's answer.
type recorder struct {
	header http.Header
	body   bytes.Buffer
	status int
}

func (w *recorder) Header() http.Header { return w.header }

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *recorder) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p)
}

func (w *recorder) code() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}

func (w *recorder) reset() {
	w.status = 0
	w.body.Reset()
	for name := range w.header {
		w.header.Del(name)
	}
	w.defaults()
}

// defaults are the headers of every answer: it is personal, unless the handler says otherwise, and is what it says it is.
func (w *recorder) defaults() {
	w.header.Set("Cache-Control", "no-store")
	w.header.Set("X-Content-Type-Options", "nosniff")
}

// v2 is the answer for an HTTP API: cookies apart, other headers with several values joined.
func (w *recorder) v2() events.APIGatewayV2HTTPResponse {
	out := events.APIGatewayV2HTTPResponse{StatusCode: w.code(), Headers: map[string]string{}, Cookies: w.header["Set-Cookie"]}
	for name, values := range w.header {
		if name != "Set-Cookie" {
			out.Headers[strings.ToLower(name)] = strings.Join(values, ", ")
		}
	}
	out.Body, out.IsBase64Encoded = w.text()
	return out
}

// v1 is the answer for a REST API.
func (w *recorder) v1() events.APIGatewayProxyResponse {
	out := events.APIGatewayProxyResponse{StatusCode: w.code(), MultiValueHeaders: map[string][]string(w.header.Clone())}
	out.Body, out.IsBase64Encoded = w.text()
	return out
}

// text writes the body as an event carries it: as it is when it is text, else in base64.
func (w *recorder) text() (string, bool) {
	if w.body.Len() == 0 {
		return "", false
	}
	if isText(w.header.Get("Content-Type")) && utf8.Valid(w.body.Bytes()) {
		return w.body.String(), false
	}
	return base64.StdEncoding.EncodeToString(w.body.Bytes()), true
}

func isText(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return false
	}
	return strings.HasPrefix(media, "text/") || media == "application/json" || media == "application/xml" ||
		strings.HasSuffix(media, "+json") || strings.HasSuffix(media, "+xml")
}
