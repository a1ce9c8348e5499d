package httpapi

import (
	"context"
	"net/http"
	"strings"
)

// info is what is known of a request before any handler sees it.
type info struct {
	request string // API Gateway's request id
	host    string // as the viewer wrote it
	chamber string // "" on the portal's own host and on the callback host
	known   bool   // the host is one of ours
	route   string // the pattern that matched; the path itself is not logged, it may hold a token
}

type infoKey struct{}

func infoOf(ctx context.Context) *info {
	if i, ok := ctx.Value(infoKey{}).(*info); ok {
		return i
	}
	return &info{}
}

// RequestID is API Gateway's id of the request: what a problem shows and the log repeats.
func RequestID(ctx context.Context) string { return infoOf(ctx).request }

// Chamber is the id of the chamber whose host was asked, or "" on the portal's own host and the callback host.
func Chamber(ctx context.Context) string { return infoOf(ctx).chamber }

// Host is the host the viewer asked, with its port if any.
func Host(ctx context.Context) string { return infoOf(ctx).host }

// forwardedHost carries the viewer's host: CloudFront does not forward Host to an origin that needs its own, so the
// viewer function copies it. It is believed because nobody passes by CloudFront (see fromPortal).
const forwardedHost = "X-Forwarded-Host"

// requestIDHeader carries the request id from the event's conversion to ServeHTTP; a client's own value never survives.
const requestIDHeader = "X-Request-Id"

func (a *API) describe(r *http.Request) *info {
	i := &info{request: r.Header.Get(requestIDHeader), host: strings.ToLower(r.Header.Get(forwardedHost))}
	domain := strings.ToLower(a.portal.Host)
	if i.host == domain {
		i.known = true
		return i
	}
	label, ok := strings.CutSuffix(i.host, "."+domain)
	switch {
	case !ok:
	case label == CallbackLabel:
		i.known = true
	default:
		if id, known := a.chamber(label); known {
			i.chamber, i.known = id, true
		}
	}
	return i
}

// CallbackLabel is the label of the one host that identity providers call back.
const CallbackLabel = "accesso"

// sameOrigin tells whether a request that a browser marks was sent by a page of the very host it asks. The chambers' hosts
// are one site to a browser, so "same-site" is not enough. A client that marks nothing is no browser of today.
func (a *API) sameOrigin(r *http.Request) bool {
	i := infoOf(r.Context())
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" {
		return false
	}
	origin := r.Header.Get("Origin")
	return i.known && (origin == "" || strings.EqualFold(origin, a.portal.Scheme+"://"+i.host))
}

func isUnsafe(method string) bool {
	return method != http.MethodGet && method != http.MethodHead && method != http.MethodOptions
}
