package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"sportello/shared/domain/catalogue"
	"sportello/shared/domain/identity"
	"sportello/shared/domain/problem"
	"sportello/shared/edge/httpapi"
	"sportello/shared/flow/login"
	"sportello/shared/platform/table"
)

// function is the function as Lambda calls it, over a table in memory, with a browser's cookies.
type function struct {
	t        *testing.T
	handle   func(context.Context, json.RawMessage) (any, error)
	provider *fakeProvider
	register *companiesDown
	log      bytes.Buffer
	now      time.Time
	cookies  map[string]string
}

const portal = "http://localhost:8080"

func newFunction(t *testing.T) *function { return newFunctionAt(t, portal) }

func newFunctionAt(t *testing.T, portal string) *function {
	f := &function{
		t: t, provider: &fakeProvider{}, register: &companiesDown{}, now: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC), cookies: map[string]string{},
	}
	log := slog.New(slog.NewJSONHandler(&f.log, nil))
	api, err := httpapi.New(httpapi.Config{Log: log, Portal: portal, Chamber: chamberByLabel, OriginSecret: "origin-secret"})
	if err != nil {
		t.Fatal(err)
	}
	sessions, err := login.NewSessions(login.SessionsConfig{
		Table: table.NewMemory(), Now: func() time.Time { return f.now }, Chamber: httpapi.Chamber,
	})
	if err != nil {
		t.Fatal(err)
	}
	desk, err := login.New(login.Config{
		Sessions: sessions, Providers: map[string]login.Provider{"spid": f.provider}, Companies: f.register, Key: make([]byte, 32), Random: rand.Reader,
	})
	if err != nil {
		t.Fatal(err)
	}
	h, err := newHandler(api, desk, sessions, portal, log)
	if err != nil {
		t.Fatal(err)
	}
	handle, err := h.register()
	if err != nil {
		t.Fatal(err)
	}
	f.handle = handle.(func(context.Context, json.RawMessage) (any, error))
	return f
}

func chamberByLabel(label string) (string, bool) {
	c, ok := catalogue.ChamberByHost(label)
	return c.ID, ok
}

// call sends the event of a file, changed, and keeps the cookies of the answer.
func (f *function) call(file string, changes ...func(*events.APIGatewayV2HTTPRequest)) events.APIGatewayV2HTTPResponse {
	f.t.Helper()
	body, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		f.t.Fatal(err)
	}
	var event events.APIGatewayV2HTTPRequest
	if err := json.Unmarshal(body, &event); err != nil {
		f.t.Fatal(err)
	}
	event.Cookies = nil
	for name, value := range f.cookies {
		event.Cookies = append(event.Cookies, name+"="+value)
	}
	for _, change := range changes {
		change(&event)
	}
	if body, err = json.Marshal(event); err != nil {
		f.t.Fatal(err)
	}
	out, err := f.handle(context.Background(), body)
	if err != nil {
		f.t.Fatal(err)
	}
	answer := out.(events.APIGatewayV2HTTPResponse)
	for _, line := range answer.Cookies {
		cookie, err := http.ParseSetCookie(line)
		switch {
		case err != nil:
			f.t.Fatal(err)
		case !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" || cookie.Domain != "":
			f.t.Errorf("cookie %s", line)
		case cookie.MaxAge < 0:
			delete(f.cookies, cookie.Name)
		default:
			f.cookies[cookie.Name] = cookie.Value
		}
	}
	return answer
}

func query(name, value string) func(*events.APIGatewayV2HTTPRequest) {
	return func(e *events.APIGatewayV2HTTPRequest) {
		q, _ := url.ParseQuery(e.RawQueryString)
		q.Set(name, value)
		e.RawQueryString = q.Encode()
	}
}

func header(name, value string) func(*events.APIGatewayV2HTTPRequest) {
	return func(e *events.APIGatewayV2HTTPRequest) { e.Headers[name] = value }
}

func host(name string) func(*events.APIGatewayV2HTTPRequest) { return header("x-forwarded-host", name) }

// asProgram is a caller that is no browser.
var asProgram = header("accept", "*/*")

// led checks a redirect and returns where it leads.
func (f *function) led(answer events.APIGatewayV2HTTPResponse, pattern string) *url.URL {
	f.t.Helper()
	location := answer.Headers["location"]
	if answer.StatusCode != http.StatusFound || !regexp.MustCompile(pattern).MatchString(location) {
		f.t.Fatalf("answer %d %q %s, want 302 to %s", answer.StatusCode, location, answer.Body, pattern)
	}
	if answer.Headers["referrer-policy"] != "no-referrer" || answer.Headers["cache-control"] != "no-store" {
		f.t.Errorf("headers %v", answer.Headers)
	}
	u, err := url.Parse(location)
	if err != nil {
		f.t.Fatal(err)
	}
	return u
}

func (f *function) refused(answer events.APIGatewayV2HTTPResponse, status int, kind problem.Kind) {
	f.t.Helper()
	var p struct{ Type, Detail string }
	_ = json.Unmarshal([]byte(answer.Body), &p)
	if answer.StatusCode != status || !strings.HasSuffix(p.Type, string(kind)) || p.Detail == "" {
		f.t.Errorf("answer %d %s, want %d %s", answer.StatusCode, answer.Body, status, kind)
	}
}

// signIn goes all the way.
func (f *function) signIn() {
	f.t.Helper()
	f.led(f.call("login.json"), `^https://idp\.example\.it/authorize\?state=state-1$`)
	to := f.led(f.call("callback-answer.json"), `^http://milano\.localhost:8080/api/v1/login/callback\?handoff=[A-Za-z0-9_-]{43}$`)
	f.led(f.call("callback-handoff.json", query("handoff", to.Query().Get("handoff"))), `^http://milano\.localhost:8080/pratiche/\?stato=aperte$`)
}

func TestStory(t *testing.T) {
	f := newFunction(t)
	f.refused(f.call("session.json"), http.StatusUnauthorized, problem.Unauthenticated)
	f.signIn()

	session := f.call("session.json")
	want := `{"person":{"givenName":"Giulia","familyName":"Rinaldi","taxCode":"RNLGLI79D52F205F"},"provider":"spid","level":2,"expiresAt":"2026-11-23T09:30:00.000Z"}`
	if session.StatusCode != http.StatusOK || session.Body != want {
		t.Errorf("session %d %s", session.StatusCode, session.Body)
	}

	type profile struct{ Kind, TaxCode, Name, Role string }
	type profiles struct {
		Items      []profile
		Incomplete bool
	}
	var got profiles
	if err := json.Unmarshal([]byte(f.call("profiles.json").Body), &got); err != nil {
		t.Fatal(err)
	}
	me := profile{"person", "RNLGLI79D52F205F", "Giulia Rinaldi", ""}
	if diff := cmp.Diff(profiles{[]profile{me}, true}, got); diff != "" {
		t.Error(diff)
	}
	// The register is back.
	f.register.up, f.now = true, f.now.Add(time.Minute)
	got = profiles{}
	if err := json.Unmarshal([]byte(f.call("profiles.json").Body), &got); err != nil {
		t.Fatal(err)
	}
	company := profile{"company", "09900000010", "Rinaldi S.r.l.", "legale rappresentante"}
	if diff := cmp.Diff(profiles{[]profile{me, company}, false}, got); diff != "" {
		t.Error(diff)
	}

	// Another host's session is none.
	f.refused(f.call("session.json", host("bergamo.localhost:8080")), http.StatusUnauthorized, problem.Unauthenticated)

	cookie := f.cookies["session"]
	for name, change := range map[string]func(*events.APIGatewayV2HTTPRequest){
		"no header":     func(e *events.APIGatewayV2HTTPRequest) { delete(e.Headers, "x-requested-with") },
		"other origin":  header("origin", "http://bergamo.localhost:8080"),
		"foreign fetch": header("sec-fetch-site", "cross-site"),
	} {
		if answer := f.call("logout.json", change); answer.StatusCode != http.StatusForbidden {
			t.Errorf("logout with %s: %d", name, answer.StatusCode)
		}
	}
	if answer := f.call("logout.json"); answer.StatusCode != http.StatusNoContent || len(f.cookies) != 0 {
		t.Errorf("logout %d, cookies left %v", answer.StatusCode, f.cookies)
	}
	f.cookies["session"] = cookie
	f.refused(f.call("session.json"), http.StatusUnauthorized, problem.Unauthenticated)
	if answer := f.call("logout.json"); answer.StatusCode != http.StatusNoContent {
		t.Errorf("second logout %d", answer.StatusCode)
	}
	f.logIsClean()
}

// logIsClean checks that no line names the person, or holds a code or a cookie.
func (f *function) logIsClean() {
	f.t.Helper()
	for _, secret := range []string{"RNLGLI79D52F205F", "Giulia", "SplxlOBeZQQYbYS6WxSbIA", "handoff=", "state-1", f.cookies["session"], f.cookies["login"]} {
		if secret != "" && strings.Contains(f.log.String(), secret) {
			f.t.Errorf("the log holds %q:\n%s", secret, f.log.String())
		}
	}
}

func TestStartRefused(t *testing.T) {
	f := newFunction(t)
	for _, to := range []string{"//evil.example", "/\\evil.example", "https://evil.example/", "/api/v1/logout"} {
		f.refused(f.call("login.json", query("return", to)), http.StatusBadRequest, problem.Malformed)
	}
	f.refused(f.call("login.json", query("provider", "facebook")), http.StatusBadRequest, problem.Malformed)
	f.refused(f.call("login.json", query("provider", "")), http.StatusBadRequest, problem.Malformed)
	for _, name := range []string{"localhost:8080", "accesso.localhost:8080", "evil.example", "milano.localhost:8080.evil.example", "nessuna.localhost:8080"} {
		f.refused(f.call("login.json", host(name)), http.StatusNotFound, problem.NotFound)
	}
	f.refused(f.call("login.json", header("x-origin-verify", "guess")), http.StatusForbidden, problem.Forbidden)

	f.provider.down = problem.New(problem.Unavailable, "giù")
	f.led(f.call("login.json"), `^http://milano\.localhost:8080/accesso/\?errore=non-raggiungibile&return=%2Fpratiche%2F%3Fstato%3Daperte$`)
	f.refused(f.call("login.json", asProgram), http.StatusServiceUnavailable, problem.Unavailable)
	f.provider.down = errors.New("a fault of ours")
	f.led(f.call("login.json"), `^http://milano\.localhost:8080/accesso/\?errore=interno$`)
	if answer := f.call("login.json", asProgram); answer.StatusCode != http.StatusInternalServerError || strings.Contains(answer.Body, "fault of ours") {
		t.Errorf("answer %d %s", answer.StatusCode, answer.Body)
	}
	if len(f.cookies) != 0 {
		t.Errorf("cookies %v", f.cookies)
	}
}

func TestAnswerRefused(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		code string
	}{
		"cancelled":   {login.ErrCancelled, "annullato"},
		"forged":      {fmt.Errorf("%w: nonce", login.ErrForged), "non-riuscito"},
		"no tax code": {fmt.Errorf("%w: fiscal_number", identity.ErrMissingClaim), "dati-mancanti"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFunction(t)
			f.call("login.json")
			f.provider.refuse = c.err
			f.led(f.call("callback-answer.json"), `^http://milano\.localhost:8080/accesso/\?errore=`+c.code+`&return=%2Fpratiche%2F%3Fstato%3Daperte$`)
			program := f.call("callback-answer.json", asProgram)
			if name == "cancelled" {
				f.led(program, `errore=annullato`)
			} else if program.StatusCode < http.StatusBadRequest {
				t.Errorf("a program gets %d", program.StatusCode)
			}
			if logged := strings.Contains(f.log.String(), "login failed"); logged == (name == "cancelled") {
				t.Errorf("log:\n%s", f.log.String())
			}
			f.logIsClean()
		})
	}
}

func TestStaleWays(t *testing.T) {
	f := newFunction(t)
	// A provider's answer nobody waits for, and one at the wrong host.
	f.led(f.call("callback-answer.json"), `^http://localhost:8080/accesso/\?errore=scaduto$`)
	f.refused(f.call("callback-answer.json", asProgram), http.StatusUnauthorized, problem.Unauthenticated)
	f.refused(f.call("callback-answer.json", host("localhost:8080")), http.StatusNotFound, problem.NotFound)
	f.led(f.call("callback-answer.json", host("milano.localhost:8080")), `^http://milano\.localhost:8080/accesso/\?errore=scaduto$`)

	// A hand-off in a browser that did not begin the login.
	f.call("login.json")
	to := f.led(f.call("callback-answer.json"), `handoff=`).Query().Get("handoff")
	own := f.cookies
	f.cookies = map[string]string{}
	f.led(f.call("callback-handoff.json", query("handoff", to)), `^http://milano\.localhost:8080/accesso/\?errore=scaduto`)
	f.refused(f.call("callback-handoff.json", query("handoff", to), asProgram), http.StatusUnauthorized, problem.Unauthenticated)
	f.cookies["login"] = strings.Repeat("A", 43)
	f.led(f.call("callback-handoff.json", query("handoff", to)), `errore=scaduto`)
	if f.cookies["session"] != "" {
		t.Fatal("a stranger got a session")
	}
	// In another chamber's host it is nothing either.
	f.cookies = own
	f.led(f.call("callback-handoff.json", query("handoff", to), host("bergamo.localhost:8080")), `^http://bergamo\.localhost:8080/accesso/\?errore=scaduto$`)

	// In its own it works, also twice, and no more after a minute.
	f.led(f.call("callback-handoff.json", query("handoff", to)), `/pratiche/`)
	first := f.cookies["session"]
	delete(f.cookies, "session")
	f.led(f.call("callback-handoff.json", query("handoff", to)), `/pratiche/`)
	if f.cookies["session"] != first {
		t.Error("another session")
	}
	delete(f.cookies, "session")
	f.now = f.now.Add(login.HandoffLife)
	f.led(f.call("callback-handoff.json", query("handoff", to)), `errore=scaduto`)
	f.logIsClean()
}

// Where there is TLS the cookies are bound to their host by name.
func TestSecureCookies(t *testing.T) {
	f := newFunctionAt(t, "https://sportello.example.it")
	f.call("login.json", host("milano.sportello.example.it"))
	to := f.call("callback-answer.json", host("accesso.sportello.example.it")).Headers["location"]
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "https" || u.Host != "milano.sportello.example.it" {
		t.Fatalf("led to %q", to)
	}
	answer := f.call("callback-handoff.json", host(u.Host), query("handoff", u.Query().Get("handoff")))
	if f.cookies["__Host-login"] == "" || f.cookies["__Host-session"] == "" || len(f.cookies) != 2 {
		t.Errorf("cookies %v", f.cookies)
	}
	for _, line := range answer.Cookies {
		if !strings.Contains(line, "; Secure") {
			t.Errorf("cookie %s", line)
		}
	}
}

func TestCallbackURL(t *testing.T) {
	for base, want := range map[string]string{
		"http://localhost:8080":           "http://accesso.localhost:8080/api/v1/login/callback",
		"https://sportello.example.it":    "https://accesso.sportello.example.it/api/v1/login/callback",
		"sportello.example.it":            "",
		"https://sportello.example.it:%z": "",
	} {
		got, err := callbackURL(base)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("callbackURL(%q) = %q, %v", base, got, err)
		}
	}
}

// fakeProvider knows one person.
type fakeProvider struct {
	down, refuse error
}

var _ login.Provider = (*fakeProvider)(nil)

func (p *fakeProvider) Begin(context.Context) (login.Attempt, error) {
	const state = "state-1"
	return login.Attempt{URL: "https://idp.example.it/authorize?state=" + state, State: state, Nonce: "n", Verifier: "v"}, p.down
}

func (p *fakeProvider) Finish(_ context.Context, _ login.Attempt, answer url.Values) (login.Identity, error) {
	if p.refuse == nil && answer.Get("code") != "SplxlOBeZQQYbYS6WxSbIA" {
		return login.Identity{}, login.ErrForged
	}
	giulia := identity.Person{GivenName: "Giulia", FamilyName: "Rinaldi", TaxCode: "RNLGLI79D52F205F"}
	return login.Identity{Person: giulia, Level: 2}, p.refuse
}

// companiesDown is a register that does not answer until it is up.
type companiesDown struct{ up bool }

var _ login.Register = (*companiesDown)(nil)

func (c *companiesDown) Represented(context.Context, identity.TaxCode) ([]login.Company, error) {
	if !c.up {
		return nil, errors.New("down")
	}
	return []login.Company{{TaxCode: "09900000010", Name: "Rinaldi S.r.l."}}, nil
}
