package main

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"sportello/shared/domain/problem"
	"sportello/shared/edge/httpapi"
	"sportello/shared/flow/login"
)

// Addresses of ours.
const (
	callbackPath = "/api/v1/login/callback"
	accessPage   = "/accesso/"
)

// internalError is the code that the access page shows for a fault of ours.
const internalError = "interno"

type handler struct {
	api      *httpapi.API
	desk     *login.Desk
	sessions *login.Sessions
	portal   *url.URL
	log      *slog.Logger
}

func newHandler(api *httpapi.API, desk *login.Desk, sessions *login.Sessions, portal string, log *slog.Logger) (*handler, error) {
	base, err := url.Parse(portal)
	if err != nil {
		return nil, errors.New("reading environment: PORTAL_BASE is no address")
	}
	return &handler{api, desk, sessions, base, log}, nil
}

// register registers the routes and returns what Lambda calls.
func (h *handler) register() (any, error) {
	h.api.Handle("GET /api/v1/login", http.HandlerFunc(h.start))
	h.api.Handle("GET "+callbackPath, http.HandlerFunc(h.callback))
	h.api.Handle("POST /api/v1/logout", h.api.CSRF(http.HandlerFunc(h.logout)))
	door := httpapi.Cookie(h.api, "/api/v1", h.sessions.Session)
	httpapi.JSON(door, "GET /session", h.session)
	httpapi.JSON(door, "GET /profiles", h.profiles)
	return h.api.Handler()
}

// start sends the browser to the identity provider.
func (h *handler) start(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	started, err := h.desk.Start(r.Context(), login.Request{
		Provider: query.Get("provider"), Return: query.Get("return"), Binding: h.binding(r),
		Chamber: httpapi.Chamber(r.Context()), Site: h.site(r),
	})
	if err != nil {
		h.fail(w, r, err)
		return
	}
	h.bind(w, started.Binding, int(login.AttemptLife/time.Second))
	redirect(w, started.URL)
}

// site is the chamber's host that was asked, with its scheme; "" at any other host.
func (h *handler) site(r *http.Request) string {
	if httpapi.Chamber(r.Context()) == "" {
		return ""
	}
	return h.portal.Scheme + "://" + httpapi.Host(r.Context())
}

// callback has two parts to play: at the callback host it takes the provider's answer, at a chamber's host the hand-off code.
func (h *handler) callback(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.EqualFold(httpapi.Host(r.Context()), httpapi.CallbackLabel+"."+h.portal.Host):
		h.answer(w, r)
	case httpapi.Chamber(r.Context()) != "":
		h.redeem(w, r)
	default:
		h.api.Fail(w, r, problem.Hidden())
	}
}

func (h *handler) answer(w http.ResponseWriter, r *http.Request) {
	answered, err := h.desk.Callback(r.Context(), r.URL.Query())
	if err != nil {
		h.fail(w, r, err)
		return
	}
	redirect(w, answered.Site+callbackPath+"?"+url.Values{"handoff": {answered.Handoff}}.Encode())
}

func (h *handler) redeem(w http.ResponseWriter, r *http.Request) {
	current, _ := h.api.SessionCookie(r)
	granted, err := h.desk.Redeem(r.Context(), login.Redemption{
		Handoff: r.URL.Query().Get("handoff"), Binding: h.binding(r), Current: current, Chamber: httpapi.Chamber(r.Context()),
	})
	if err != nil {
		h.fail(w, r, err)
		return
	}
	h.log.InfoContext(r.Context(), "signed in", slog.String("chamber", httpapi.Chamber(r.Context())), slog.String("request", httpapi.RequestID(r.Context())))
	// No expiry: the cookie goes with the browser's session, and the row knows when it is over.
	h.api.SetSession(w, granted.Cookie, time.Time{})
	redirect(w, granted.Site+granted.Path)
}

func redirect(w http.ResponseWriter, to string) {
	w.Header().Set("Location", to)
	w.Header().Set("Referrer-Policy", "no-referrer") // addresses on this way carry codes
	w.WriteHeader(http.StatusFound)
}

// fail ends a login that does not go on. A person sees the access page, which has a sentence for each code; a program gets a problem.
// Who turned back at the provider is not told that anything is wrong.
func (h *handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	var failure *login.Failure
	var known *problem.Problem
	ofLogin, ofProblem := errors.As(err, &failure), errors.As(err, &known)
	isPage := strings.Contains(r.Header.Get("Accept"), "text/html")
	switch {
	case ofLogin && (isPage || failure.Code == login.Cancelled):
		if ofProblem && known.Unwrap() != nil {
			h.logged(r, slog.LevelWarn, err)
		}
		redirect(w, h.page(r, failure.Redirect, string(failure.Code)))
	case isPage && !ofProblem:
		h.logged(r, slog.LevelError, err)
		redirect(w, h.page(r, login.Redirect{}, internalError))
	default:
		h.api.Fail(w, r, err)
	}
}

func (h *handler) logged(r *http.Request, level slog.Level, err error) {
	h.log.Log(r.Context(), level, "login failed", slog.String("request", httpapi.RequestID(r.Context())), slog.Any("error", err))
}

// page is the access page with what went wrong: where the login began if that is known, else at the host that was asked, if it is a
// chamber's, else at the portal's own.
func (h *handler) page(r *http.Request, back login.Redirect, code string) string {
	site := cmp.Or(back.Site, h.site(r), h.portal.Scheme+"://"+h.portal.Host)
	query := url.Values{"errore": {code}}
	if back.Path != "" && back.Path != "/" {
		query.Set("return", back.Path)
	}
	return site + accessPage + "?" + query.Encode()
}

// ---- the binding cookie ----

// bindingName: see httpapi's session cookie, which has the prefix for the same reason.
func (h *handler) bindingName() string {
	if h.portal.Scheme == "https" {
		return "__Host-login"
	}
	return "login"
}

func (h *handler) binding(r *http.Request) string {
	cookie, err := r.Cookie(h.bindingName())
	if err != nil {
		return ""
	}
	return cookie.Value
}

// bind gives the chamber's host the binding cookie. SameSite=Lax lets it come along when the callback host sends the browser back.
func (h *handler) bind(w http.ResponseWriter, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{
		Name: h.bindingName(), Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, Secure: h.portal.Scheme == "https", SameSite: http.SameSiteLaxMode,
	})
}

// ---- who is signed in ----

// instant is how times are written: RFC 3339, UTC, with milliseconds.
const instant = "2006-01-02T15:04:05.000Z"

type sessionAnswer struct {
	Person    personAnswer `json:"person"`
	Provider  string       `json:"provider"`
	Level     int          `json:"level"`
	ExpiresAt string       `json:"expiresAt"`
}

type personAnswer struct {
	GivenName  string `json:"givenName"`
	FamilyName string `json:"familyName"`
	TaxCode    string `json:"taxCode"`
}

func (h *handler) session(_ context.Context, c httpapi.Call[login.Session], _ httpapi.None) (sessionAnswer, error) {
	who := c.Caller.Applicant
	return sessionAnswer{
		Person:   personAnswer{who.GivenName, who.FamilyName, who.TaxCode},
		Provider: c.Caller.Provider, Level: c.Caller.Level, ExpiresAt: c.Caller.ExpiresAt.UTC().Format(instant),
	}, nil
}

type profilesAnswer struct {
	Items      []profileAnswer `json:"items"`
	Incomplete bool            `json:"incomplete,omitempty"`
}

type profileAnswer struct {
	ID      string `json:"id"`
	Kind    string `json:"kind"`
	TaxCode string `json:"taxCode"`
	Name    string `json:"name"`
	Role    string `json:"role,omitempty"`
}

// profiles lists in whose name the person may act, asking the register again where that is due.
func (h *handler) profiles(ctx context.Context, c httpapi.Call[login.Session], _ httpapi.None) (profilesAnswer, error) {
	s, err := h.desk.Refresh(ctx, c.Caller)
	if err != nil {
		return profilesAnswer{}, err
	}
	out := profilesAnswer{Items: []profileAnswer{}, Incomplete: s.Applicant.Incomplete}
	for _, p := range s.Applicant.Profiles {
		out.Items = append(out.Items, profileAnswer{p.ID, p.Kind, p.TaxCode, p.Name, p.Role})
	}
	return out, nil
}

// logout closes the session and takes the cookies back; without a session that is done already.
func (h *handler) logout(w http.ResponseWriter, r *http.Request) {
	if cookie, ok := h.api.SessionCookie(r); ok {
		if err := h.desk.Logout(r.Context(), cookie); err != nil {
			h.api.Fail(w, r, err)
			return
		}
	}
	h.api.ClearSession(w)
	h.bind(w, "", -1)
	w.WriteHeader(http.StatusNoContent)
}
