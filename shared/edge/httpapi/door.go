package httpapi

import (
	"context"
	"net/http"
	"strings"
	"time"

	"sportello/shared/domain/problem"
)

// Sessions finds who is behind a session cookie. It returns a problem of kind Unauthenticated for a session that does not
// exist or has ended.
type Sessions[P any] func(ctx context.Context, cookie string) (P, error)

// Keys finds who holds an API key. officer is the tax code the holder asserts in X-Officer, possibly "". It returns a
// problem of kind Unauthenticated for a key that does not exist, has expired or was revoked.
type Keys[P any] func(ctx context.Context, key, officer string) (P, error)

// Door is a way in: a prefix of the paths, and how callers are identified as a P.
type Door[P any] struct {
	api    *API
	prefix string
	admit  func(r *http.Request) (P, error)
}

// pattern puts the door's prefix into a pattern.
func (d Door[P]) pattern(pattern string) string {
	method, path, _ := strings.Cut(pattern, " ")
	return method + " " + d.prefix + path
}

// Open is a door for anyone.
func Open(a *API, prefix string) Door[None] {
	return Door[None]{a, prefix, func(*http.Request) (None, error) { return None{}, nil }}
}

// Cookie is a door for people in a browser. Since the browser sends the cookie by itself, requests that change something
// must show that a page of the same host sent them.
func Cookie[P any](a *API, prefix string, sessions Sessions[P]) Door[P] {
	return Door[P]{a, prefix, func(r *http.Request) (P, error) {
		var nobody P
		if isUnsafe(r.Method) && !a.fromOwnPage(r) {
			return nobody, foreignPage()
		}
		cookie, ok := a.SessionCookie(r)
		if !ok {
			return nobody, problem.New(problem.Unauthenticated, "Per continuare accedi con SPID o con la carta d’identità elettronica.")
		}
		return sessions(r.Context(), cookie)
	}}
}

// Keyed is the door of the chambers' own systems. It never looks at cookies.
func Keyed[P any](a *API, prefix string, keys Keys[P]) Door[P] {
	return Door[P]{a, prefix, func(r *http.Request) (P, error) {
		key := r.Header.Get("X-Api-Key")
		if key == "" {
			var nobody P
			return nobody, problem.New(problem.Unauthenticated, "Manca la chiave di accesso (intestazione x-api-key).")
		}
		return keys(r.Context(), key, r.Header.Get("X-Officer"))
	}}
}

// requestedWith is a header that a page of another origin cannot send without asking first, which nobody grants.
const requestedWith = "X-Requested-With"

func foreignPage() error {
	return problem.New(problem.Forbidden, "La richiesta non viene da una pagina di questo sportello: ricarica la pagina e riprova.")
}

func (a *API) fromOwnPage(r *http.Request) bool {
	return r.Header.Get(requestedWith) == "sportello" && a.sameOrigin(r)
}

// CSRF lets through requests that change nothing, and the others only from a page of the same host: for handlers registered
// with Handle that act on the cookie.
func (a *API) CSRF(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isUnsafe(r.Method) && !a.fromOwnPage(r) {
			a.Fail(w, r, foreignPage())
			return
		}
		next.ServeHTTP(w, r)
	})
}

// sessionName is the cookie's name. The prefix __Host- makes the browser refuse one set by another host or without TLS
// (RFC 6265bis, 4.1.3.2), which is why it can't be used where the local portal speaks plain HTTP.
func (a *API) sessionName() string {
	if a.portal.Scheme == "https" {
		return "__Host-session"
	}
	return "session"
}

// SessionCookie returns the value of the session cookie.
func (a *API) SessionCookie(r *http.Request) (string, bool) {
	cookie, err := r.Cookie(a.sessionName())
	if err != nil || cookie.Value == "" {
		return "", false
	}
	return cookie.Value, true
}

// SetSession gives the host asked its session cookie, until the browser closes or expires at most.
func (a *API) SetSession(w http.ResponseWriter, value string, expires time.Time) {
	http.SetCookie(w, a.cookie(value, expires, 0))
}

// ClearSession takes the session cookie back.
func (a *API) ClearSession(w http.ResponseWriter) {
	http.SetCookie(w, a.cookie("", time.Time{}, -1))
}

func (a *API) cookie(value string, expires time.Time, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: a.sessionName(), Value: value, Path: "/", Expires: expires, MaxAge: maxAge,
		HttpOnly: true, Secure: a.portal.Scheme == "https", SameSite: http.SameSiteLaxMode,
	}
}
