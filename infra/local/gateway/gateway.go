// Package gateway stands in for API Gateway: it turns HTTP requests into the
// events of an HTTP API (payload format 2.0) or of a REST API, invokes the
// function that the template routes them to, and turns its answer back.
package gateway

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"sportello/infra/local/runtime"
	"sportello/infra/local/template"
)

// Keys checks API keys of REST APIs.
type Keys interface {
	// Allowed gives the id of an enabled key that a usage plan of the API
	// (by logical id) admits.
	Allowed(api, value string) (id string, ok bool)
}

// Config is what an API needs.
type Config struct {
	API             template.API
	Region, Account string
	// Invoke runs a function, by logical id.
	Invoke func(ctx context.Context, function string, payload []byte) (runtime.Result, error)
	Keys   Keys
	Now    func() time.Time
	// Log is told of each request by its route, which unlike its path holds no
	// identifier and no token; the route is empty if there was none.
	Log func(api, method, route string, status int, took time.Duration)
}

// API is an http.Handler. The request's URL path is the route's, without the
// stage; its Host is ignored: functions see the API's own name.
type API struct{ config Config }

// New returns the API.
func New(c Config) *API { return &API{c} }

// Domain is the API's own host name.
func (a *API) Domain() string {
	return fmt.Sprintf("%s.execute-api.%s.amazonaws.com", a.config.API.PhysicalID, a.config.Region)
}

// limit is the size of a request body that API Gateway takes.
const limit = 10 << 20

func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	m, ok := find(a.config.API, r.Method, r.URL.EscapedPath())
	status := a.serve(w, r, m, ok)
	if a.config.Log != nil {
		a.config.Log(a.config.API.ID, r.Method, m.route.Path, status, time.Since(began))
	}
}

func (a *API) serve(w http.ResponseWriter, r *http.Request, m match, ok bool) int {
	if !ok {
		if a.config.API.REST {
			return a.refuse(w, "MISSING_AUTHENTICATION_TOKEN", http.StatusForbidden, "Missing Authentication Token")
		}
		return message(w, http.StatusNotFound, "Not Found")
	}
	keyID := ""
	if m.route.KeyRequired {
		if keyID, ok = a.config.Keys.Allowed(a.config.API.ID, r.Header.Get("X-Api-Key")); !ok {
			return a.refuse(w, "INVALID_API_KEY", http.StatusForbidden, "Forbidden")
		}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err != nil {
		return a.refuse(w, "REQUEST_TOO_LARGE", http.StatusRequestEntityTooLarge, "Request Entity Too Large")
	}
	event, err := json.Marshal(a.event(r, m, body, keyID))
	if err != nil {
		return message(w, http.StatusInternalServerError, "Internal Server Error")
	}
	result, err := a.invoke(r.Context(), m.route, event)
	if errors.Is(err, errTimeout) {
		if a.config.API.REST {
			return a.refuse(w, "INTEGRATION_TIMEOUT", http.StatusGatewayTimeout, "Endpoint request timed out")
		}
		return message(w, http.StatusServiceUnavailable, "Service Unavailable")
	}
	if err != nil || result.Failed {
		return a.broken(w)
	}
	if a.config.API.REST {
		return a.writeREST(w, r, result.Payload)
	}
	return a.writeHTTP(w, result.Payload)
}

func (a *API) event(r *http.Request, m match, body []byte, keyID string) any {
	if a.config.API.REST {
		return a.restEvent(r, m, body, keyID)
	}
	return a.httpEvent(r, m, body)
}

var errTimeout = errors.New("the integration timed out")

// invoke gives up after the route's timeout; the function goes on alone, as it
// does in the cloud.
func (a *API) invoke(ctx context.Context, route template.Route, event []byte) (runtime.Result, error) {
	type answer struct {
		result runtime.Result
		err    error
	}
	answers := make(chan answer, 1)
	// A browser that goes away does not stop the function either.
	waiting, cancel := context.WithTimeout(context.WithoutCancel(ctx), route.Timeout)
	go func() {
		defer cancel()
		result, err := a.config.Invoke(waiting, route.Function, event)
		answers <- answer{result, err}
	}()
	select {
	case got := <-answers:
		if errors.Is(got.err, context.DeadlineExceeded) {
			return runtime.Result{}, errTimeout
		}
		return got.result, got.err
	case <-time.After(route.Timeout):
		return runtime.Result{}, errTimeout
	}
}

// broken is what a client sees of a function that failed.
func (a *API) broken(w http.ResponseWriter) int {
	if a.config.API.REST {
		return a.refuse(w, "INTEGRATION_FAILURE", http.StatusBadGateway, "Internal server error")
	}
	return message(w, http.StatusInternalServerError, "Internal Server Error")
}

// refuse answers as the template says a REST API shall by itself: for this very
// cause, else for all of its kind, else as the gateway does unasked.
func (a *API) refuse(w http.ResponseWriter, cause string, status int, text string) int {
	response, ok := a.config.API.Responses[cause]
	if !ok {
		response, ok = a.config.API.Responses[fmt.Sprintf("DEFAULT_%dXX", status/100)]
	}
	if !ok {
		return message(w, status, text)
	}
	if response.Status != 0 {
		status = response.Status
	}
	w.Header().Set("Content-Type", "application/json")
	for name, value := range response.Headers {
		w.Header().Set(name, value)
	}
	w.WriteHeader(status)
	body := response.Body
	if body == "" {
		body = fmt.Sprintf(`{"message":%q}`, text)
	}
	_, _ = io.WriteString(w, strings.ReplaceAll(body, template.RequestIDVariable, uuid()))
	return status
}

func message(w http.ResponseWriter, status int, text string) int {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"message":%q}`, text)
	return status
}

// responseV2 is an answer in payload format 2.0.
type responseV2 struct {
	StatusCode      *int           `json:"statusCode"`
	Headers         map[string]any `json:"headers"`
	Cookies         []string       `json:"cookies"`
	Body            string         `json:"body"`
	IsBase64Encoded bool           `json:"isBase64Encoded"`
}

// writeHTTP writes an answer in payload format 2.0. One without a statusCode is
// itself the body, as JSON.
func (a *API) writeHTTP(w http.ResponseWriter, payload []byte) int {
	var r responseV2
	if err := json.Unmarshal(payload, &r); err != nil || r.StatusCode == nil {
		if !json.Valid(payload) {
			return a.broken(w)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusOK)
		_, _ = w.Write(payload)
		return http.StatusOK
	}
	body, err := plain(r.Body, r.IsBase64Encoded)
	if err != nil || *r.StatusCode < 100 || *r.StatusCode > 599 {
		return a.broken(w)
	}
	for name, v := range r.Headers {
		setHeader(w.Header(), name, v)
	}
	for _, c := range r.Cookies {
		w.Header().Add("Set-Cookie", c)
	}
	return finish(w, *r.StatusCode, body)
}

// responseV1 is an answer to a REST API.
type responseV1 struct {
	StatusCode        *int             `json:"statusCode"`
	Headers           map[string]any   `json:"headers"`
	MultiValueHeaders map[string][]any `json:"multiValueHeaders"`
	Body              *string          `json:"body"`
	IsBase64Encoded   bool             `json:"isBase64Encoded"`
}

func (a *API) writeREST(w http.ResponseWriter, request *http.Request, payload []byte) int {
	var r responseV1
	if err := json.Unmarshal(payload, &r); err != nil || r.StatusCode == nil || *r.StatusCode < 100 || *r.StatusCode > 599 {
		return a.broken(w)
	}
	text := ""
	if r.Body != nil {
		text = *r.Body
	}
	// The gateway decodes a body only for clients that accept one of the API's
	// binary types; others get the text as it is.
	body, err := plain(text, r.IsBase64Encoded && a.binary(request.Header.Get("Accept")))
	if err != nil {
		return a.broken(w)
	}
	for name, v := range r.Headers {
		setHeader(w.Header(), name, v)
	}
	for name, values := range r.MultiValueHeaders {
		w.Header().Del(name)
		for _, v := range values {
			w.Header().Add(name, fmt.Sprint(v))
		}
	}
	return finish(w, *r.StatusCode, body)
}

func setHeader(h http.Header, name string, v any) {
	if v != nil {
		h.Set(name, fmt.Sprint(v))
	}
}

func finish(w http.ResponseWriter, status int, body []byte) int {
	if w.Header().Get("Content-Type") == "" && len(body) > 0 {
		w.Header().Set("Content-Type", "application/json")
	}
	// The gateway counts for itself.
	w.Header().Del("Content-Length")
	w.Header().Del("Connection")
	w.WriteHeader(status)
	if status != http.StatusNoContent && status != http.StatusNotModified {
		_, _ = w.Write(body)
	}
	return status
}

func plain(body string, encoded bool) ([]byte, error) {
	if encoded {
		return base64.StdEncoding.DecodeString(body)
	}
	return []byte(body), nil
}

// binary says whether a media type is one of the API's binary types.
func (a *API) binary(mediaType string) bool {
	mediaType, _, _ = strings.Cut(mediaType, ",")
	mediaType, _, _ = strings.Cut(mediaType, ";")
	mediaType = strings.TrimSpace(mediaType)
	for _, t := range a.config.API.BinaryTypes {
		family, any := strings.CutSuffix(t, "/*")
		if t == "*/*" || t == mediaType || any && strings.HasPrefix(mediaType, family+"/") {
			return true
		}
	}
	return false
}

func identifier() string {
	var b [12]byte
	_, _ = rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}
