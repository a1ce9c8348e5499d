package login_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"sportello/shared/domain/application"
	"sportello/shared/domain/identity"
	"sportello/shared/domain/problem"
	"sportello/shared/flow/access"
	"sportello/shared/flow/login"
	"sportello/shared/platform/table"
)

func TestSignIn(t *testing.T) {
	w := newWorld(t)
	w.register.list[giulia.TaxCode] = []login.Company{{TaxCode: "09900000010", Name: "Rinaldi S.r.l."}}
	granted := w.signIn(giulia)
	if want := (login.Redirect{Site: site, Path: "/pratiche/?stato=aperte"}); granted.Redirect != want {
		t.Errorf("led to %+v, want %+v", granted.Redirect, want)
	}
	got, err := w.sessions.Session(context.Background(), granted.Cookie)
	if err != nil {
		t.Fatal(err)
	}
	want := login.Session{
		Provider: "spid", Level: 2, Chamber: chamber, ExpiresAt: w.clock().Add(login.IdleLife),
		Applicant: access.Applicant{
			TaxCode: "RNLGLI79D52F205F", GivenName: "Giulia", FamilyName: "Rinaldi",
			Profiles: []access.Profile{
				{Kind: application.Person, Party: application.Party{Kind: application.Person, TaxCode: "RNLGLI79D52F205F", Name: "Giulia Rinaldi"}},
				{Kind: application.Company, Role: "legale rappresentante",
					Party: application.Party{Kind: application.Company, TaxCode: "09900000010", Name: "Rinaldi S.r.l."}},
			},
		},
	}
	opaque := cmpopts.IgnoreFields(access.Profile{}, "ID")
	if diff := cmp.Diff(want, got, opaque, cmpopts.IgnoreUnexported(login.Session{})); diff != "" {
		t.Error(diff)
	}
	// Signing in again gives the same opaque ids: an address with one can be kept.
	again, err := w.sessions.Session(context.Background(), w.signIn(giulia).Cookie)
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for n, p := range got.Applicant.Profiles {
		if p.ID != again.Applicant.Profiles[n].ID || strings.Contains(p.ID, p.TaxCode) || len(p.ID) != 22 {
			t.Errorf("profile id %q, then %q", p.ID, again.Applicant.Profiles[n].ID)
		}
		ids[p.ID] = true
	}
	if len(ids) != 2 {
		t.Errorf("%d ids for two profiles", len(ids))
	}
}

// No secret is in the table, and no more personal data than the session needs.
func TestRowsHoldNoSecrets(t *testing.T) {
	w := newWorld(t)
	w.provider.know(giulia)
	state, binding := w.begin("")
	handoff := w.callback(state, giulia)
	granted := w.redeem(handoff, binding)
	var text strings.Builder
	for _, item := range w.table.Table.(*table.Memory).Snapshot() {
		text.WriteString(item.PK + " " + item.SK + " " + string(item.Body) + "\n")
		if item.Expires.IsZero() {
			t.Errorf("%s never goes away", item.PK)
		}
		if !strings.HasPrefix(item.PK, "S#") && strings.Contains(string(item.Body), string(giulia.TaxCode)) {
			t.Errorf("%s names the person", item.PK)
		}
	}
	for _, secret := range []string{`"` + state, "#" + state, binding, handoff, granted.Cookie, "verifier of", giulia.BirthDate} {
		if strings.Contains(text.String(), secret) {
			t.Errorf("%q is in the table:\n%s", secret, text.String())
		}
	}
}

func TestStartRefuses(t *testing.T) {
	down := problem.New(problem.Unavailable, "giù")
	for name, c := range map[string]struct {
		change func(*login.Request)
		down   error
		kind   problem.Kind
	}{
		"unknown provider": {change: func(r *login.Request) { r.Provider = "facebook" }, kind: problem.Malformed},
		"no chamber":       {change: func(r *login.Request) { r.Chamber, r.Site = "", "" }, kind: problem.NotFound},
		"foreign return":   {change: func(r *login.Request) { r.Return = "//evil.example" }, kind: problem.Malformed},
		"provider down":    {down: down, kind: problem.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.provider.down = c.down
			r := request("")
			if c.change != nil {
				c.change(&r)
			}
			if _, err := w.desk.Start(context.Background(), r); !problem.Is(err, c.kind) {
				t.Errorf("error %v, want %s", err, c.kind)
			}
			if n := w.rows(""); n != 0 {
				t.Errorf("%d rows written", n)
			}
		})
	}
}

func TestLocalPath(t *testing.T) {
	for _, good := range []string{"/", "/pratiche/", "/pratiche/?profilo=a&b=c", "/pratica/#documenti", "/a//b", "/%C3%A0", "/apiario/", "/x?u=https://other.example/"} {
		if got, err := login.LocalPath(good); err != nil || got != good {
			t.Errorf("LocalPath(%q) = %q, %v", good, got, err)
		}
	}
	if got, err := login.LocalPath(""); err != nil || got != "/" {
		t.Errorf("LocalPath of nothing = %q, %v", got, err)
	}
	for _, bad := range []string{
		"//evil", "///evil", "/\\evil", "\\\\evil", "\\/evil", "https://evil", "https:evil", "HTTPS:/evil", "javascript:alert(1)", "evil", "./x",
		"/\tevil", "/\t/evil", "\t//evil", " /x", "/x y", "/x\r\nSet-Cookie: a=b", "/\x00", "/à", "/a\\b", "/%5c%5cevil", "/%5Cevil", "/%2Fevil/", "/%2f%2fevil",
		"/api", "/api/v1/logout", "/api/v1/login?provider=spid", "/%61pi/v1/session", "/chamber/v1/applications", "/x/../api/v1/session", "/./api/", "/..", "/%zz",
		"//user@evil", "/" + strings.Repeat("a", 512), "?x=y", "#x",
	} {
		if got, err := login.LocalPath(bad); !problem.Is(err, problem.Malformed) {
			t.Errorf("LocalPath(%q) = %q, %v", bad, got, err)
		}
	}
}

// Whatever is accepted stays on the host, as browsers read addresses: tabs and line ends dropped, backslashes turned.
func FuzzLocalPath(f *testing.F) {
	for _, seed := range []string{"/", "/a", "//a", "/\\a", "https://a", "/\t/a", "/%2f/a", "/a?b#c", "/..//a"} {
		f.Add(seed)
	}
	base, _ := url.Parse(site + "/accesso/")
	f.Fuzz(func(t *testing.T, text string) {
		path, err := login.LocalPath(text)
		if err != nil {
			return
		}
		read := strings.NewReplacer("\t", "", "\n", "", "\r", "", "\\", "/").Replace(strings.TrimSpace(path))
		to, err := base.Parse(read)
		if err != nil || to.Scheme != base.Scheme || to.Host != base.Host || !strings.HasPrefix(path, "/") || strings.HasPrefix(to.Path, "/api/") {
			t.Errorf("%q leads to %v (%v)", path, to, err)
		}
	})
}

func TestRepeatedCallback(t *testing.T) {
	w := newWorld(t)
	w.provider.know(giulia)
	state, binding := w.begin("")
	first := w.callback(state, giulia)
	if second := w.callback(state, giulia); second != first {
		t.Errorf("hand-off %q, then %q", first, second)
	}
	w.redeem(first, binding)
	if third := w.callback(state, giulia); third != first {
		t.Errorf("hand-off %q after redemption, then %q", first, third)
	}
	w.pass(login.AttemptLife)
	_, err := w.desk.Callback(context.Background(), answer(state, giulia))
	if f := failed(t, err, login.Stale); f.Site != site {
		t.Errorf("stale login leads to %+v", f.Redirect)
	}
	if n := w.rows("S#"); n != 1 {
		t.Errorf("%d sessions", n)
	}
}

func TestCallbackAtTheSameTime(t *testing.T) {
	w := newWorld(t)
	w.provider.know(giulia)
	state, binding := w.begin("")
	handoffs := make([]string, 8)
	var group sync.WaitGroup
	for n := range handoffs {
		group.Go(func() {
			answered, err := w.desk.Callback(context.Background(), answer(state, giulia))
			var f *login.Failure
			if err != nil && !errors.As(err, &f) { // one that gave up waiting is told so
				t.Errorf("Callback: %v", err)
			}
			handoffs[n] = answered.Handoff
		})
	}
	group.Wait()
	good := map[string]bool{}
	for _, h := range handoffs {
		if h != "" {
			good[h] = true
		}
	}
	if len(good) != 1 {
		t.Fatalf("%d different hand-offs", len(good))
	}
	cookies := make([]string, 8)
	for h := range good {
		for n := range cookies {
			group.Go(func() {
				granted, err := w.desk.Redeem(context.Background(), login.Redemption{Handoff: h, Binding: binding, Chamber: chamber})
				if err != nil {
					t.Errorf("Redeem: %v", err)
				}
				cookies[n] = granted.Cookie
			})
		}
	}
	group.Wait()
	for _, c := range cookies {
		if c != cookies[0] {
			t.Errorf("different cookies")
		}
	}
	if n := w.rows("S#"); n != 1 {
		t.Errorf("%d sessions", n)
	}
}

func TestCallbackFails(t *testing.T) {
	missing := fmt.Errorf("%w: fiscal_number", identity.ErrMissingClaim)
	for name, c := range map[string]struct {
		refuse error
		level  int
		code   login.Code
	}{
		"cancelled":    {refuse: login.ErrCancelled, code: login.Cancelled},
		"forged":       {refuse: fmt.Errorf("%w: nonce", login.ErrForged), code: login.Refused},
		"unknown":      {refuse: errors.New("500"), code: login.Refused},
		"no tax code":  {refuse: missing, code: login.NoTaxCode},
		"down":         {refuse: problem.New(problem.Unavailable, "giù"), code: login.Unreachable},
		"slow":         {refuse: context.DeadlineExceeded, code: login.Unreachable},
		"empty person": {code: login.NoTaxCode},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.provider.refuse = c.refuse
			w.provider.know(identity.Person{GivenName: "Senza", FamilyName: "Codice"})
			state, binding := w.begin("")
			for range 2 { // the second time the provider is not asked: it would fail the test
				_, err := w.desk.Callback(context.Background(), answer(state, identity.Person{}))
				if f := failed(t, err, c.code); f.Redirect != (login.Redirect{Site: site, Path: "/pratiche/?stato=aperte"}) {
					t.Errorf("leads to %+v", f.Redirect)
				}
			}
			if n := w.rows("H#"); n != 0 {
				t.Errorf("%d hand-offs", n)
			}
			// The person starts again, in the same browser, and gets in.
			w.provider.refuse = nil
			w.provider.know(giulia)
			state, again := w.begin(binding)
			if again != binding {
				t.Error("another binding secret: the other tab's login is lost")
			}
			w.redeem(w.callback(state, giulia), binding)
		})
	}
}

func TestLevelTooLow(t *testing.T) {
	w := newWorld(t)
	low := &lowly{provider: w.provider}
	desk, err := login.New(login.Config{Sessions: w.sessions, Providers: map[string]login.Provider{"spid": low}, Companies: w.register, Key: make([]byte, 32), Random: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	w.provider.know(giulia)
	w.desk = desk
	state, _ := w.begin("")
	_, err = desk.Callback(context.Background(), answer(state, giulia))
	failed(t, err, login.WeakIdentity)
}

// lowly is a provider that vouches at level 1.
type lowly struct{ *provider }

func (p *lowly) Finish(ctx context.Context, a login.Attempt, answer url.Values) (login.Identity, error) {
	found, err := p.provider.Finish(ctx, a, answer)
	found.Level = 1
	return found, err
}

func TestCallbackOfStrangers(t *testing.T) {
	w := newWorld(t)
	for name, state := range map[string]string{"none": "", "unknown": "nobody-began-this", "long": strings.Repeat("x", 4096)} {
		_, err := w.desk.Callback(context.Background(), answer(state, giulia))
		if f := failed(t, err, login.Stale); f.Site != "" {
			t.Errorf("%s: leads to %+v", name, f.Redirect)
		}
	}
}

func TestRedeemRefuses(t *testing.T) {
	other := strings.Repeat("A", 43)
	for name, c := range map[string]struct {
		change func(w *world, r *login.Redemption)
	}{
		"no binding":    {func(_ *world, r *login.Redemption) { r.Binding = "" }},
		"other browser": {func(_ *world, r *login.Redemption) { r.Binding = other }},
		"other chamber": {func(_ *world, r *login.Redemption) { r.Chamber = "bergamo" }},
		"no chamber":    {func(_ *world, r *login.Redemption) { r.Chamber = "" }},
		"other code":    {func(_ *world, r *login.Redemption) { r.Handoff = other }},
		"no code":       {func(_ *world, r *login.Redemption) { r.Handoff = "" }},
		"too late":      {func(w *world, _ *login.Redemption) { w.pass(login.HandoffLife) }},
		"cookie of nothing": {func(_ *world, r *login.Redemption) {
			r.Binding, r.Current = "", other
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.provider.know(giulia)
			state, binding := w.begin("")
			good := login.Redemption{Handoff: w.callback(state, giulia), Binding: binding, Chamber: chamber}
			bad := good
			c.change(w, &bad)
			_, err := w.desk.Redeem(context.Background(), bad)
			failed(t, err, login.Stale)
			if n := w.rows("S#"); n != 0 {
				t.Errorf("%d sessions", n)
			}
			if w.register.asked != 0 {
				t.Error("the register was asked for a stranger")
			}
			if name == "too late" {
				return
			}
			// A stranger's attempt takes nothing from the person.
			if _, err := w.desk.Redeem(context.Background(), good); err != nil {
				t.Errorf("Redeem after a stranger: %v", err)
			}
		})
	}
}

func TestRepeatedRedemption(t *testing.T) {
	w := newWorld(t)
	w.provider.know(giulia)
	state, binding := w.begin("")
	handoff := w.callback(state, giulia)
	first := w.redeem(handoff, binding)
	// The answer was lost: the browser asks again with what it has.
	if again := w.redeem(handoff, binding); again.Cookie != first.Cookie {
		t.Error("another cookie")
	}
	// It arrived, and the person goes back later: they are in already.
	w.pass(10 * time.Minute)
	back := login.Redemption{Handoff: handoff, Chamber: chamber, Current: first.Cookie}
	granted, err := w.desk.Redeem(context.Background(), back)
	if err != nil || granted.Cookie != first.Cookie {
		t.Errorf("with the session's own cookie: %+v, %v", granted, err)
	}
	_, err = w.desk.Redeem(context.Background(), login.Redemption{Handoff: handoff, Binding: binding, Chamber: chamber})
	failed(t, err, login.Stale)
	if n := w.rows("S#"); n != 1 {
		t.Errorf("%d sessions", n)
	}
}

func TestRedemptionAfterLogout(t *testing.T) {
	w := newWorld(t)
	w.provider.know(giulia)
	state, binding := w.begin("")
	handoff := w.callback(state, giulia)
	granted := w.redeem(handoff, binding)
	for range 2 {
		if err := w.desk.Logout(context.Background(), granted.Cookie); err != nil {
			t.Fatal(err)
		}
	}
	_, err := w.desk.Redeem(context.Background(), login.Redemption{Handoff: handoff, Binding: binding, Chamber: chamber, Current: granted.Cookie})
	failed(t, err, login.Stale)
	if n := w.rows("S#"); n != 0 {
		t.Errorf("%d sessions after logout", n)
	}
}

// A new session in the same browser ends the one before.
func TestSessionIsReplaced(t *testing.T) {
	w := newWorld(t)
	w.provider.know(giulia)
	old := w.signIn(giulia)
	state, binding := w.begin("")
	granted, err := w.desk.Redeem(context.Background(), login.Redemption{
		Handoff: w.callback(state, giulia), Binding: binding, Chamber: chamber, Current: old.Cookie,
	})
	if err != nil || granted.Cookie == old.Cookie {
		t.Fatalf("%+v, %v", granted, err)
	}
	if n := w.rows("S#"); n != 1 {
		t.Errorf("%d sessions", n)
	}
}

// Each commit of a login goes wrong in each way; the browser asks again, and if it must the person starts again. There is one session
// at the end, and the provider is never asked twice for one attempt.
func TestFaults(t *testing.T) {
	for _, how := range []fault{before, unclear, after, crash} {
		for at := 1; at <= 4; at++ {
			t.Run(fmt.Sprintf("commit %d %s", at, how), func(t *testing.T) {
				w := newWorld(t)
				w.provider.know(giulia)
				w.table.at, w.table.how = at, how
				var granted login.Granted
				for try := 0; granted.Cookie == "" && try < 3; try++ {
					granted = w.stubbornly(t)
				}
				if _, err := w.sessions.Session(context.Background(), granted.Cookie); err != nil {
					t.Fatalf("no session in the end: %v", err)
				}
				if n := w.rows("S#"); n != 1 {
					t.Errorf("%d sessions", n)
				}
			})
		}
	}
}

// stubbornly goes the whole way, asking each question twice if the first answer is no good.
func (w *world) stubbornly(t *testing.T) login.Granted {
	t.Helper()
	ctx := context.Background()
	var started login.Started
	err := errFault
	for try := 0; err != nil && try < 2; try++ {
		started, err = w.desk.Start(ctx, request(""))
	}
	if err != nil {
		t.Fatalf("Start: %v", err)
	}
	u, _ := url.Parse(started.URL)
	var answered login.Answered
	err = errFault
	for try := 0; err != nil && try < 2; try++ {
		answered, err = w.desk.Callback(ctx, answer(u.Query().Get("state"), giulia))
	}
	if err != nil {
		failed(t, err, login.Stale) // the person reads that, and starts again
		return login.Granted{}
	}
	var granted login.Granted
	err = errFault
	for try := 0; err != nil && try < 2; try++ {
		granted, err = w.desk.Redeem(ctx, login.Redemption{Handoff: answered.Handoff, Binding: started.Binding, Chamber: chamber})
	}
	if err != nil {
		t.Fatalf("Redeem: %v", err)
	}
	return granted
}

// Two browsers do whatever they like, in any order, and the second sees every address the first one visits. Still a browser only ever
// gets a session of the person who answered a login that this very browser began.
func TestNoSessionWithoutTheBinding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		victim, attacker := giulia, identity.Person{GivenName: "Eva", FamilyName: "Neri", TaxCode: "CNTSFO91L65A794B"}
		w.provider.know(victim)
		w.provider.know(attacker)
		people := []identity.Person{victim, attacker}
		bindings := []string{"", ""}
		begunIn := map[string]int{}                // state -> browser
		answeredBy := map[string]identity.Person{} // hand-off -> who the provider named
		origin := map[string]int{}                 // hand-off -> browser
		cookies := map[string]int{}                // cookie -> browser
		var states, handoffs []string
		t.Repeat(map[string]func(*rapid.T){
			"start": func(t *rapid.T) {
				b := rapid.IntRange(0, 1).Draw(t, "browser")
				state, binding := w.begin(bindings[b])
				bindings[b] = binding
				states, begunIn[state] = append(states, state), b
			},
			"callback": func(t *rapid.T) {
				if len(states) == 0 {
					t.Skip()
				}
				state := rapid.SampledFrom(states).Draw(t, "state")
				who := rapid.SampledFrom(people).Draw(t, "person")
				answered, err := w.desk.Callback(context.Background(), answer(state, who))
				if err != nil {
					return
				}
				if _, known := answeredBy[answered.Handoff]; !known {
					handoffs = append(handoffs, answered.Handoff)
					answeredBy[answered.Handoff], origin[answered.Handoff] = who, begunIn[state]
				}
			},
			"redeem": func(t *rapid.T) {
				if len(handoffs) == 0 {
					t.Skip()
				}
				b := rapid.IntRange(0, 1).Draw(t, "browser")
				h := rapid.SampledFrom(handoffs).Draw(t, "handoff")
				binding := rapid.SampledFrom([]string{bindings[b], "", h, strings.Repeat("A", 43)}).Draw(t, "binding")
				granted, err := w.desk.Redeem(context.Background(), login.Redemption{Handoff: h, Binding: binding, Chamber: chamber})
				if err != nil {
					return
				}
				if origin[h] != b || binding != bindings[b] {
					t.Fatalf("browser %d got in with a login begun in browser %d", b, origin[h])
				}
				cookies[granted.Cookie] = b
				s, err := w.sessions.Session(context.Background(), granted.Cookie)
				if err != nil || s.Applicant.TaxCode != string(answeredBy[h].TaxCode) {
					t.Fatalf("session of %q, want %q (%v)", s.Applicant.TaxCode, answeredBy[h].TaxCode, err)
				}
			},
			"time": func(t *rapid.T) { w.pass(time.Duration(rapid.IntRange(1, 900).Draw(t, "seconds")) * time.Second) },
			"": func(t *rapid.T) {
				if n := w.rows("S#"); n != len(cookies) {
					t.Fatalf("%d sessions for %d cookies", n, len(cookies))
				}
			},
		})
	})
}

func TestNewRefuses(t *testing.T) {
	w := newWorld(t)
	good := login.Config{Sessions: w.sessions, Providers: map[string]login.Provider{"spid": w.provider}, Companies: w.register, Key: make([]byte, 32), Random: rand.Reader}
	for name, change := range map[string]func(*login.Config){
		"sessions":  func(c *login.Config) { c.Sessions = nil },
		"providers": func(c *login.Config) { c.Providers = nil },
		"companies": func(c *login.Config) { c.Companies = nil },
		"random":    func(c *login.Config) { c.Random = nil },
		"key":       func(c *login.Config) { c.Key = make([]byte, 31) },
	} {
		c := good
		change(&c)
		if _, err := login.New(c); err == nil {
			t.Errorf("without %s: no error", name)
		}
	}
	if _, err := login.NewSessions(login.SessionsConfig{}); err == nil {
		t.Error("sessions without anything: no error")
	}
}

// A row of newer code is not guessed at.
func TestNewerRow(t *testing.T) {
	w := newWorld(t)
	granted := w.signIn(giulia)
	for _, item := range w.table.Table.(*table.Memory).Snapshot() {
		if strings.HasPrefix(item.PK, "S#") {
			newer, err := item.With(99, json.RawMessage(`{}`))
			if err != nil {
				t.Fatal(err)
			}
			if err := w.table.Commit(context.Background(), table.Put(newer)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := w.sessions.Session(context.Background(), granted.Cookie); !errors.Is(err, table.ErrNewerSchema) {
		t.Errorf("error %v", err)
	}
}
