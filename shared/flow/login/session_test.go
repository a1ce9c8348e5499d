package login_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"sportello/shared/domain/identity"
	"sportello/shared/domain/problem"
	"sportello/shared/flow/login"
	"sportello/shared/platform/table"
)

func TestSessionEnds(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	granted := w.signIn(giulia)
	alive := func(want bool) {
		t.Helper()
		_, err := w.sessions.Applicant(ctx, granted.Cookie)
		if want && err != nil || !want && !problem.Is(err, problem.Unauthenticated) {
			t.Fatalf("alive %v expected at %s: %v", want, w.clock(), err)
		}
	}
	// Used now and then, it lives through the day, and not a second longer.
	for w.clock().Before(granted.Expires.Add(-20 * time.Minute)) {
		w.pass(20 * time.Minute)
		if w.clock().Before(granted.Expires) {
			alive(true)
		}
	}
	w.pass(granted.Expires.Sub(w.clock()) - time.Millisecond)
	alive(true)
	w.pass(time.Millisecond)
	alive(false)

	// Left alone, it is over after the idle limit.
	granted = w.signIn(giulia)
	w.pass(login.IdleLife - time.Millisecond)
	alive(true)
	w.pass(login.IdleLife)
	alive(false)
}

func TestSessionOfStrangers(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	granted := w.signIn(giulia)
	for name, cookie := range map[string]string{
		"none": "", "unknown": strings.Repeat("A", 43), "short": granted.Cookie[:42], "long": granted.Cookie + "A", "not base64": strings.Repeat("!", 43),
	} {
		if _, err := w.sessions.Session(ctx, cookie); !problem.Is(err, problem.Unauthenticated) {
			t.Errorf("%s: error %v", name, err)
		}
		if err := w.desk.Logout(ctx, cookie); err != nil {
			t.Errorf("%s: logout: %v", name, err)
		}
	}
	for _, elsewhere := range []string{"bergamo", ""} {
		w.chamber = elsewhere
		if _, err := w.sessions.Session(ctx, granted.Cookie); !problem.Is(err, problem.Unauthenticated) {
			t.Errorf("at the host of %q: error %v", elsewhere, err)
		}
	}
	w.chamber = chamber
	if _, err := w.sessions.Session(ctx, granted.Cookie); err != nil {
		t.Errorf("at home: %v", err)
	}
}

// A write that may not be done, or is lost, refuses nobody who is in.
func TestIdleLimitIsBestEffort(t *testing.T) {
	for _, how := range []fault{before, unclear, after} {
		w := newWorld(t)
		granted := w.signIn(giulia)
		w.pass(10 * time.Minute)
		w.table.at, w.table.how = w.table.commits+1, how
		if _, err := w.sessions.Session(context.Background(), granted.Cookie); err != nil {
			t.Errorf("%s: %v", how, err)
		}
		if len(w.missed) != 1 {
			t.Errorf("%s: told of %v", how, w.missed)
		}
	}
}

func TestReadingCostsNoWrites(t *testing.T) {
	w := newWorld(t)
	granted := w.signIn(giulia)
	writes := w.table.commits
	for range 10 {
		w.pass(10 * time.Second)
		if _, err := w.sessions.Session(context.Background(), granted.Cookie); err != nil {
			t.Fatal(err)
		}
	}
	if w.table.commits != writes {
		t.Errorf("%d writes", w.table.commits-writes)
	}
}

var errDown = errors.New("register down")

func companiesOf(s login.Session) string {
	var names []string
	for _, p := range s.Applicant.Profiles[1:] {
		names = append(names, p.Name)
	}
	if s.Applicant.Incomplete {
		names = append(names, "?")
	}
	return strings.Join(names, ",")
}

func TestRegisterDown(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	w.register.list[giulia.TaxCode] = []login.Company{{TaxCode: "09900000010", Name: "Alfa"}}
	signed := func() string {
		t.Helper()
		s, err := w.sessions.Session(ctx, w.signIn(giulia).Cookie)
		if err != nil {
			t.Fatal(err)
		}
		return companiesOf(s)
	}
	w.register.down = errDown
	if got := signed(); got != "?" {
		t.Errorf("register down from the start: %q", got)
	}
	if len(w.missed) != 1 || !errors.Is(w.missed[0], errDown) {
		t.Errorf("told of %v", w.missed)
	}
	w.register.down = nil
	if got := signed(); got != "Alfa" {
		t.Errorf("register up: %q", got)
	}
	// Down again: an owner is not locked out of what is filed.
	w.register.down = errDown
	w.pass(29 * 24 * time.Hour)
	if got := signed(); got != "Alfa,?" {
		t.Errorf("register down later: %q", got)
	}
	w.pass(2 * 24 * time.Hour)
	if got := signed(); got != "?" {
		t.Errorf("register down for too long: %q", got)
	}
}

// TestRegistersWordIsKeptOnce: what has not changed is not written again for an hour, so that sign-ins of one person at several counters at once do not
// stand in each other's way.
func TestRegistersWordIsKeptOnce(t *testing.T) {
	w := newWorld(t)
	kept := func() (version int64) {
		w.signIn(giulia)
		for _, item := range w.table.Table.(*table.Memory).Snapshot() {
			if strings.HasPrefix(item.PK, "R#") {
				version = int64(item.Version)
			}
		}
		return version
	}
	alfa := []login.Company{{TaxCode: "09900000010", Name: "Alfa"}}
	both, turned := append(alfa, login.Company{TaxCode: "01234560157", Name: "Beta"}), []login.Company{{TaxCode: "01234560157", Name: "Beta"}, alfa[0]}
	for n, c := range []struct {
		later time.Duration
		list  []login.Company
		want  int64
	}{{0, alfa, 1}, {59 * time.Minute, alfa, 1}, {time.Minute, alfa, 2}, {time.Minute, nil, 3}, {time.Minute, nil, 3}, {time.Minute, both, 4}, {time.Minute, turned, 4}} {
		w.pass(c.later)
		w.register.list[giulia.TaxCode] = c.list
		if got := kept(); got != c.want {
			t.Errorf("%d: written %d times, want %d", n, got, c.want)
		}
	}
}

// What a later release remembered, which this one cannot read after a roll back, keeps nobody out and is left to that release.
func TestUnreadableMemoryKeepsNobodyOut(t *testing.T) {
	w := newWorld(t)
	w.register.list[giulia.TaxCode] = []login.Company{{TaxCode: "09900000010", Name: "Alfa"}}
	w.signIn(giulia)
	for _, item := range w.table.Table.(*table.Memory).Snapshot() {
		if !strings.HasPrefix(item.PK, "R#") {
			continue
		}
		item, err := item.With(1<<10, map[string]any{"companies": "another form"})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.table.Table.Commit(context.Background(), table.Put(item)); err != nil {
			t.Fatal(err)
		}
	}
	w.pass(2 * time.Hour)
	granted := w.signIn(giulia)
	if s, err := w.sessions.Session(context.Background(), granted.Cookie); err != nil || companiesOf(s) != "Alfa" || len(w.missed) == 0 {
		t.Errorf("%q, %v, told of %v", companiesOf(s), err, w.missed)
	}
}

func TestRefresh(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	w.register.list[giulia.TaxCode] = []login.Company{{TaxCode: "09900000010", Name: "Alfa"}}
	w.register.down = errDown
	granted := w.signIn(giulia)
	refresh := func() string {
		t.Helper()
		s, err := w.sessions.Session(ctx, granted.Cookie)
		if err != nil {
			t.Fatal(err)
		}
		if s, err = w.desk.Refresh(ctx, s); err != nil {
			t.Fatal(err)
		}
		kept, err := w.sessions.Session(ctx, granted.Cookie)
		if err != nil || companiesOf(kept) != companiesOf(s) {
			t.Errorf("told %q, kept %q (%v)", companiesOf(s), companiesOf(kept), err)
		}
		return companiesOf(s)
	}
	// Not asked again at once; after a minute it is, down or not.
	asked := w.register.asked
	if got := refresh(); got != "?" || w.register.asked != asked {
		t.Errorf("at once: %q, asked %d times", got, w.register.asked-asked)
	}
	w.pass(time.Minute)
	if got := refresh(); got != "?" || w.register.asked != asked+1 {
		t.Errorf("after a minute: %q, asked %d times", got, w.register.asked-asked)
	}
	w.register.down = nil
	w.pass(time.Minute)
	if got := refresh(); got != "Alfa" {
		t.Errorf("register up: %q", got)
	}
	asked = w.register.asked
	w.pass(10 * time.Minute)
	if got := refresh(); got != "Alfa" || w.register.asked != asked {
		t.Errorf("answered already: %q, asked %d times", got, w.register.asked-asked)
	}
}

func TestRefreshOfAClosedSession(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	w.register.down = errDown
	granted := w.signIn(giulia)
	s, err := w.sessions.Session(ctx, granted.Cookie)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.desk.Logout(ctx, granted.Cookie); err != nil {
		t.Fatal(err)
	}
	w.pass(2 * time.Minute)
	if _, err := w.desk.Refresh(ctx, s); !problem.Is(err, problem.Unauthenticated) {
		t.Errorf("error %v", err)
	}
	if n := w.rows("S#"); n != 0 {
		t.Errorf("%d sessions", n)
	}
}

// People known through another state have no tax code: the register cannot know them, and is not asked.
func TestForeignPerson(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	w.register.down = errDown
	maria := identity.Person{GivenName: "María", FamilyName: "García", Foreign: &identity.Foreign{Country: "ES", Identifier: "02635542Y"}}
	granted := w.signIn(maria)
	s, err := w.sessions.Session(ctx, granted.Cookie)
	if err != nil {
		t.Fatal(err)
	}
	if s.Applicant.TaxCode != "eidas:ES:02635542Y" || companiesOf(s) != "" || w.register.asked != 0 {
		t.Errorf("%+v, register asked %d times", s.Applicant, w.register.asked)
	}
	w.pass(5 * time.Minute)
	if _, err := w.desk.Refresh(ctx, s); err != nil || w.register.asked != 0 {
		t.Errorf("refresh: %v, register asked %d times", err, w.register.asked)
	}
}

func TestLogoutFaults(t *testing.T) {
	for _, how := range []fault{unclear, after} {
		w := newWorld(t)
		granted := w.signIn(giulia)
		w.table.at, w.table.how = w.table.commits+1, how
		if err := w.desk.Logout(context.Background(), granted.Cookie); err != nil {
			t.Errorf("%s: %v", how, err)
		}
		if n := w.rows("S#"); n != 0 {
			t.Errorf("%s: %d sessions", how, n)
		}
	}
	w := newWorld(t)
	granted := w.signIn(giulia)
	w.table.at, w.table.how = w.table.commits+1, before
	if err := w.desk.Logout(context.Background(), granted.Cookie); !errors.Is(err, errFault) || errors.Is(err, table.ErrUnclear) {
		t.Errorf("a session that was not closed was reported closed: %v", err)
	}
}
