package httpapi

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sportello/shared/domain/problem"
)

func TestCookieDoor(t *testing.T) {
	a := newAPI(t, nil)
	desk := Cookie(a, "/api/v1", sessions)
	JSON(desk, "DELETE /applications/{id}", func(_ ctxt, c Call[person], _ None) (None, error) { return None{}, nil })
	JSON(desk, "GET /applications/{id}/documents/{doc}", func(_ ctxt, c Call[person], _ None) (None, error) { return None{}, nil })

	for cookie, status := range map[string]int{"__Host-session=good": 302, "": 401, "session=good": 401, "__Host-session=": 401, "__Host-session=old": 401, "__Host-session=broken": 500} {
		r := newRequest("GET", aid+"/documents/1", "") // reading needs no mark of the page
		r.Header.Set("Cookie", cookie)
		if w := serve(a, r); w.Code != status {
			t.Errorf("cookie %q: %d %s", cookie, w.Code, w.Body)
		}
	}
}

func TestCSRF(t *testing.T) {
	a := newAPI(t, nil)
	JSON(Cookie(a, "/api/v1", sessions), "DELETE /applications/{id}", func(ctxt, Call[person], None) (None, error) { return None{}, nil })
	a.Handle("POST /api/v1/logout", a.CSRF(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) })))
	for _, c := range []struct {
		name   string
		change func(h http.Header)
		status int
	}{
		{"own page", func(http.Header) {}, 204},
		{"no marks but the header", func(h http.Header) { h.Del("Origin"); h.Del("Sec-Fetch-Site") }, 204},
		{"header missing", func(h http.Header) { h.Del("X-Requested-With") }, 403},
		{"header of another", func(h http.Header) { h.Set("X-Requested-With", "XMLHttpRequest") }, 403},
		{"other chamber's page", func(h http.Header) { h.Set("Origin", "https://varese.sportello.example.it") }, 403},
		{"other site", func(h http.Header) { h.Set("Origin", "https://evil.example") }, 403},
		{"without TLS", func(h http.Header) { h.Set("Origin", "http://milano.sportello.example.it") }, 403},
		{"hidden origin", func(h http.Header) { h.Set("Origin", "null") }, 403},
		{"same site", func(h http.Header) { h.Set("Sec-Fetch-Site", "same-site") }, 403},
		{"cross site", func(h http.Header) { h.Set("Sec-Fetch-Site", "cross-site") }, 403},
		{"not our host", func(h http.Header) { h.Set(forwardedHost, "roma.sportello.example.it"); h.Del("Origin") }, 403},
	} {
		for _, target := range []string{"DELETE " + aid, "POST /api/v1/logout"} {
			method, path, _ := strings.Cut(target, " ")
			r := browserRequest(method, path, "")
			c.change(r.Header)
			w := serve(a, r)
			if w.Code != c.status {
				t.Errorf("%s, %s: %d", c.name, target, w.Code)
			}
			if c.status == 403 {
				wantProblem(t, w, 403, problem.Forbidden)
			}
		}
	}
}

func TestKeyedDoor(t *testing.T) {
	a := newAPI(t, nil)
	var officers []string
	chamber := Keyed(a, "/chamber/v1", func(_ ctxt, key, officer string) (string, error) {
		if key != "chamber-key" {
			return "", problem.New(problem.Unauthenticated, "La chiave non è valida.")
		}
		officers = append(officers, officer)
		return "milano", nil
	})
	JSON(chamber, "DELETE /officers/{id}", func(ctxt, Call[string], None) (None, error) { return None{}, nil })
	for key, status := range map[string]int{"chamber-key": 204, "other": 401, "": 401} {
		r := newRequest("DELETE", "/chamber/v1/officers/1", "") // no cookie comes along by itself, so no mark of a page is asked
		r.Header.Set("X-Api-Key", key)
		r.Header.Set("X-Officer", "RSSMRA80A01F205X")
		r.Header.Set("Cookie", "__Host-session=good")
		if w := serve(a, r); w.Code != status {
			t.Errorf("key %q: %d", key, w.Code)
		}
	}
	if len(officers) != 1 || officers[0] != "RSSMRA80A01F205X" {
		t.Errorf("officers %v", officers)
	}
}

func TestSessionCookie(t *testing.T) {
	secure := newAPI(t, nil)
	local, err := New(Config{Log: secure.log, Portal: "http://localhost:8080", Chamber: chamberByLabel, OriginSecret: "s"})
	must(t, err)
	for _, c := range []struct {
		api          *API
		set, cleared string
	}{
		{secure, "__Host-session=v; Path=/; Expires=Sun, 22 Nov 2026 10:00:00 GMT; HttpOnly; Secure; SameSite=Lax", "__Host-session=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax"},
		{local, "session=v; Path=/; Expires=Sun, 22 Nov 2026 10:00:00 GMT; HttpOnly; SameSite=Lax", "session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"},
	} {
		w := httptest.NewRecorder()
		c.api.SetSession(w, "v", time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC))
		c.api.ClearSession(w)
		if got := w.Header().Values("Set-Cookie"); len(got) != 2 || got[0] != c.set || got[1] != c.cleared {
			t.Errorf("cookies %q", got)
		}
	}
}
