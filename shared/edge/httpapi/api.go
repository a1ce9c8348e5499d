// Package httpapi is the HTTP edge of the sportello: API Gateway events become net/http requests and back, requests are
// checked against openapi.json before a handler sees them, and every error becomes an RFC 9457 problem in one place.
//
// A function makes one API, opens doors on it (who may come in, and how they are known), registers handlers with
// JSON, and gives Handler to Lambda. The operation's description in openapi.json is part of the code: it says what a
// body may hold, which parameters exist and what a success answers; registering what it does not describe is an error.
package httpapi

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"runtime/debug"
	"strings"
	"time"

	"sportello/shared/domain/problem"
)

// Config is what an API needs; every field is required.
type Config struct {
	Log *slog.Logger
	// Portal is the portal's scheme and domain, such as https://sportello.example.it; a chamber's host is one label before it.
	Portal string
	// Chamber tells which chamber a label is the host of.
	Chamber func(label string) (id string, ok bool)
	// OriginSecret is what is accepted in X-Origin-Verify, which CloudFront sends, so that nobody passes by. While the secret is
	// being changed that is both, the new and the old, with a comma between.
	OriginSecret string
	// Strict makes an answer that openapi.json does not describe an error of ours: for tests.
	Strict bool
}

// API is the HTTP side of a function. Register everything before the first request.
type API struct {
	log      *slog.Logger
	mux      *http.ServeMux
	contract *contract
	portal   *url.URL
	chamber  func(label string) (id string, ok bool)
	origins  [][sha256.Size]byte
	errs     []error
}

// New returns an API without handlers.
func New(c Config) (*API, error) {
	portal, err := url.Parse(c.Portal)
	switch {
	case c.Log == nil:
		return nil, errors.New("httpapi: no logger")
	case err != nil || portal.Scheme == "" || portal.Host == "" || strings.Trim(portal.Path, "/") != "":
		return nil, fmt.Errorf("httpapi: portal %q is no scheme and domain", c.Portal)
	case c.Chamber == nil:
		return nil, errors.New("httpapi: no chambers")
	case strings.Trim(c.OriginSecret, ", ") == "":
		return nil, errors.New("httpapi: no origin secret")
	}
	contract, err := readContract(c.Strict)
	if err != nil {
		return nil, err
	}
	a := &API{log: c.Log, mux: http.NewServeMux(), contract: contract, portal: portal, chamber: c.Chamber}
	for secret := range strings.SplitSeq(c.OriginSecret, ",") {
		if secret = strings.TrimSpace(secret); secret != "" {
			a.origins = append(a.origins, sha256.Sum256([]byte(secret)))
		}
	}
	return a, nil
}

// Handle registers a plain handler, for what is not JSON (redirects, pages). Errors are written with Fail.
func (a *API) Handle(pattern string, h http.Handler) {
	defer func() {
		// ServeMux panics on a pattern it cannot take: at start that is an error like the others.
		if reason := recover(); reason != nil {
			a.errs = append(a.errs, fmt.Errorf("httpapi: registering %s: %v", pattern, reason))
		}
	}()
	a.mux.Handle(pattern, h)
}

// ServeHTTP implements http.Handler: what is common to all requests, then the route.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	started := time.Now()
	info := a.describe(r)
	r = r.WithContext(context.WithValue(r.Context(), infoKey{}, info))
	answer := &recorder{header: w.Header()}
	answer.defaults()
	a.guarded(answer, r)
	if r.Method == http.MethodHead {
		answer.body.Reset()
	}
	w.WriteHeader(answer.code())
	_, _ = w.Write(answer.body.Bytes())
	a.log.InfoContext(r.Context(), "request",
		slog.String("request", info.request), slog.String("method", r.Method), slog.String("route", info.route),
		slog.Int("status", answer.code()), slog.Int64("ms", time.Since(started).Milliseconds()))
}

// guarded runs the route; whatever it had begun to write before a panic is thrown away.
func (a *API) guarded(w *recorder, r *http.Request) {
	defer func() {
		reason := recover()
		if reason == nil {
			return
		}
		// The value of a panic may quote data; its type and the stack say where to look.
		a.log.ErrorContext(r.Context(), "panic", slog.String("request", RequestID(r.Context())),
			slog.String("type", fmt.Sprintf("%T", reason)), slog.String("stack", string(debug.Stack())))
		w.reset()
		writeProblem(w, r, internalProblem)
	}()
	if !a.fromPortal(r) {
		a.Fail(w, r, problem.New(problem.Forbidden, "Il servizio si raggiunge soltanto dall’indirizzo del portale."))
		return
	}
	a.route(w, r)
}

// fromPortal compares digests, so that neither the length nor the content of the secret shows in the time taken.
func (a *API) fromPortal(r *http.Request) bool {
	sent := sha256.Sum256([]byte(r.Header.Get("X-Origin-Verify")))
	found := 0
	for _, origin := range a.origins {
		found |= subtle.ConstantTimeCompare(sent[:], origin[:])
	}
	return found == 1
}

// route hands the request to its handler, and says in our own words what ServeMux says in English.
func (a *API) route(w *recorder, r *http.Request) {
	if r.URL.Path != path.Clean(r.URL.Path) {
		a.Fail(w, r, problem.Hidden()) // ServeMux would redirect
		return
	}
	fallback, pattern := a.mux.Handler(r)
	if pattern != "" {
		infoOf(r.Context()).route = pattern
		a.mux.ServeHTTP(w, r)
		return
	}
	refused := &recorder{header: http.Header{}}
	fallback.ServeHTTP(refused, r)
	if refused.code() == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", refused.header.Get("Allow"))
		a.Fail(w, r, problem.New(methodNotAllowed, "Questo indirizzo non accetta il metodo della richiesta."))
		return
	}
	a.Fail(w, r, problem.Hidden())
}
