package login_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"sportello/shared/domain/identity"
	"sportello/shared/domain/problem"
	"sportello/shared/flow/login"
	"sportello/shared/platform/table"
)

var giulia = identity.Person{GivenName: "Giulia", FamilyName: "Rinaldi", TaxCode: "RNLGLI79D52F205F", BirthDate: "1979-04-12"}

const (
	site    = "https://milano.sportello.example.it"
	chamber = "milano"
)

// reporter is what world needs of *testing.T, which rapid's T has too.
type reporter interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// world is a desk with everything around it, in memory.
type world struct {
	t        reporter
	table    *faulty
	desk     *login.Desk
	sessions *login.Sessions
	provider *provider
	register *register
	chamber  string // whose host is asked
	missed   []error

	mu  sync.Mutex
	now time.Time
}

func newWorld(t reporter) *world {
	w := &world{
		t: t, table: &faulty{Table: table.NewMemory()}, chamber: chamber, now: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC),
		provider: &provider{t: t, finished: map[string]bool{}}, register: &register{list: map[identity.TaxCode][]login.Company{}},
	}
	var err error
	w.sessions, err = login.NewSessions(login.SessionsConfig{
		Table: w.table, Now: w.clock, Chamber: func(context.Context) string { return w.chamber },
		Missed: func(_ context.Context, err error) { w.missed = append(w.missed, err) },
	})
	if err != nil {
		t.Fatalf("NewSessions: %v", err)
	}
	w.desk, err = login.New(login.Config{
		Sessions: w.sessions, Providers: map[string]login.Provider{"spid": w.provider}, Companies: w.register, Key: make([]byte, 32), Random: rand.Reader,
		Wait: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return w
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// request is a login at the chamber's host by a browser that has the binding secret, if any.
func request(binding string) login.Request {
	return login.Request{Provider: "spid", Chamber: chamber, Site: site, Return: "/pratiche/?stato=aperte", Binding: binding}
}

// begin starts a login and returns the provider's state and the browser's binding secret.
func (w *world) begin(binding string) (state, bound string) {
	w.t.Helper()
	started, err := w.desk.Start(context.Background(), request(binding))
	if err != nil {
		w.t.Fatalf("Start: %v", err)
	}
	u, err := url.Parse(started.URL)
	if err != nil {
		w.t.Fatalf("Start: %v", err)
	}
	return u.Query().Get("state"), started.Binding
}

// answer is what the provider sends a browser back with.
func answer(state string, who identity.Person) url.Values {
	return url.Values{"state": {state}, "code": {"code of " + string(who.TaxCode)}}
}

func (w *world) callback(state string, who identity.Person) string {
	w.t.Helper()
	answered, err := w.desk.Callback(context.Background(), answer(state, who))
	if err != nil {
		w.t.Fatalf("Callback: %v", err)
	}
	return answered.Handoff
}

func (w *world) redeem(handoff, binding string) login.Granted {
	w.t.Helper()
	granted, err := w.desk.Redeem(context.Background(), login.Redemption{Handoff: handoff, Binding: binding, Chamber: chamber})
	if err != nil {
		w.t.Fatalf("Redeem: %v", err)
	}
	return granted
}

// signIn goes all the way.
func (w *world) signIn(who identity.Person) login.Granted {
	w.t.Helper()
	w.provider.know(who)
	state, binding := w.begin("")
	return w.redeem(w.callback(state, who), binding)
}

// rows counts the rows whose partition begins with a prefix.
func (w *world) rows(prefix string) int {
	n := 0
	for _, item := range w.table.Table.(*table.Memory).Snapshot() {
		if strings.HasPrefix(item.PK, prefix) {
			n++
		}
	}
	return n
}

// failed checks that err is a Failure with a code.
func failed(t *testing.T, err error, code login.Code) *login.Failure {
	t.Helper()
	var f *login.Failure
	if !errors.As(err, &f) || f.Code != code {
		t.Fatalf("error %v, want failure %q", err, code)
	}
	var p *problem.Problem
	if !errors.As(err, &p) || p.Detail == "" {
		t.Errorf("failure %q has no words for people", code)
	}
	return f
}

// provider knows people by their codes, and fails the test if it is asked to finish an attempt twice.
type provider struct {
	t      reporter
	level  int   // 0: 2
	down   error // of Begin
	refuse error // of Finish

	mu       sync.Mutex
	attempts int
	people   []identity.Person
	finished map[string]bool
}

var _ login.Provider = (*provider)(nil)

func (p *provider) know(who identity.Person) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.people = append(p.people, who)
}

func (p *provider) Begin(context.Context) (login.Attempt, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down != nil {
		return login.Attempt{}, p.down
	}
	p.attempts++
	state := fmt.Sprintf("state-%04d", p.attempts)
	return login.Attempt{
		URL: "https://idp.example.it/authorize?state=" + state, State: state, Nonce: "nonce of " + state, Verifier: "verifier of " + state,
	}, nil
}

func (p *provider) Finish(_ context.Context, a login.Attempt, answer url.Values) (login.Identity, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.finished[a.State] {
		p.t.Errorf("attempt %s finished twice", a.State)
	}
	p.finished[a.State] = true
	if a.Nonce != "nonce of "+a.State || a.Verifier != "verifier of "+a.State || answer.Get("state") != a.State {
		p.t.Errorf("attempt came back changed: %+v", a)
	}
	if p.refuse != nil {
		return login.Identity{}, p.refuse
	}
	for _, who := range p.people {
		if answer.Get("code") == "code of "+string(who.TaxCode) {
			return login.Identity{Person: who, Level: max(p.level, 2)}, nil
		}
	}
	return login.Identity{}, login.ErrForged
}

type register struct {
	list  map[identity.TaxCode][]login.Company
	down  error
	asked int
}

var _ login.Register = (*register)(nil)

func (r *register) Represented(_ context.Context, person identity.TaxCode) ([]login.Company, error) {
	r.asked++
	if r.down != nil {
		return nil, r.down
	}
	return r.list[person], nil
}

// faulty is a table whose commits can go wrong: at is which one (from 1), how is in which way.
type faulty struct {
	table.Table
	mu      sync.Mutex
	commits int
	at      int
	how     fault
}

type fault string

const (
	before  fault = "fails before"             // nothing is written, and the caller is told so
	unclear fault = "unclear, nothing written" // nothing is written, and the caller does not know
	after   fault = "unclear, written"         // all is written, and the caller does not know
	crash   fault = "written, then crash"      // all is written, and the caller is gone
)

var errFault = errors.New("fault")

func (f *faulty) Commit(ctx context.Context, changes ...table.Change) error {
	f.mu.Lock()
	f.commits++
	hit := f.commits == f.at
	f.mu.Unlock()
	if !hit {
		return f.Table.Commit(ctx, changes...)
	}
	switch f.how {
	case before:
		return errFault
	case unclear:
		return table.ErrUnclear
	}
	if err := f.Table.Commit(ctx, changes...); err != nil {
		return err
	}
	if f.how == crash {
		return errFault
	}
	return table.ErrUnclear
}
