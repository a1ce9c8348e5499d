package officers_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/shared/domain/problem"
	"sportello/shared/flow/access"
	"sportello/shared/flow/officers"
	"sportello/shared/platform/table"
)

const (
	anna  = "CLMNNA74P48F205H"
	paolo = "GRCPLA82E17A794J"
	sofia = "CNTSFO91L65A794B"
)

// world is a desk over tables in memory. A cookie is the tax code of who holds it.
type world struct {
	t                      *testing.T
	applications, sessions *faulty
	desk                   *officers.Desk
	keyring                *officers.Keyring // the operator's, which makes keys
	chamber                string
	now                    time.Time
	ids                    int
}

func newWorld(t *testing.T) *world {
	w := &world{
		t: t, chamber: "milano", now: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC),
		applications: &faulty{Table: table.NewMemory()}, sessions: &faulty{Table: table.NewMemory()},
	}
	var err error
	w.desk, err = officers.New(officers.Config{
		Applications: w.applications, Sessions: w.sessions, Now: func() time.Time { return w.now }, NewID: w.newID,
		Chamber: func(context.Context) string { return w.chamber },
		Offices: func(string) []string { return []string{"reclami", "urp"} },
		SignedIn: func(_ context.Context, cookie string) (access.Applicant, error) {
			if cookie == "" {
				return access.Applicant{}, problem.New(problem.Unauthenticated, "Accedi.")
			}
			return access.Applicant{TaxCode: cookie}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.keyring, err = officers.NewKeyring(w.sessions, func() time.Time { return w.now }, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) newID() string {
	w.ids++
	return fmt.Sprintf("id-%03d", w.ids)
}

func (w *world) appoint(chamber, taxCode, name string, rights ...access.Right) officers.Officer {
	w.t.Helper()
	o, err := w.desk.Appoint(context.Background(), chamber, officers.Details{TaxCode: taxCode, Name: name, Rights: rights})
	if err != nil {
		w.t.Fatal(err)
	}
	return o
}

func (w *world) officer(cookie string) access.Officer {
	w.t.Helper()
	o, err := w.desk.Officer(context.Background(), cookie)
	if err != nil {
		w.t.Fatal(err)
	}
	return o
}

// lines returns the acts of a chamber's audit, in the order of their keys.
func (w *world) lines(chamber string) []string {
	w.t.Helper()
	items, err := table.All(context.Background(), w.applications.Table, table.Query{PK: "CH#" + chamber, Prefix: "AUD#"})
	if err != nil {
		w.t.Fatal(err)
	}
	acts := []string{}
	for _, item := range items {
		var line struct{ Act, By, Key, TaxCode string }
		if err := json.Unmarshal(item.Body, &line); err != nil {
			w.t.Fatal(err)
		}
		acts = append(acts, strings.TrimSpace(line.By+" "+line.Act+" "+line.TaxCode+" "+line.Key))
	}
	return acts
}

func refused(t *testing.T, err error, kind problem.Kind) {
	t.Helper()
	if !problem.Is(err, kind) {
		t.Errorf("error %v, want %s", err, kind)
	}
}

func TestOfficer(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	w.appoint("milano", " clmnna74p48f205h ", " Anna  Colombo ", access.Manage, access.Work)
	w.appoint("bergamo", paolo, "Paolo Greco", access.Work)
	want := access.Officer{Chamber: "milano", TaxCode: anna, Name: "Anna Colombo", Offices: []string{}, Rights: []access.Right{access.Manage, access.Work}}
	if diff := cmp.Diff(want, w.officer(anna)); diff != "" {
		t.Error(diff)
	}
	_, err := w.desk.Officer(ctx, "")
	refused(t, err, problem.Unauthenticated)
	for _, stranger := range []string{paolo, sofia} {
		_, err := w.desk.Officer(ctx, stranger)
		refused(t, err, problem.NotFound)
	}
	for _, host := range []string{"bergamo", ""} {
		w.chamber = host
		_, err = w.desk.Officer(ctx, anna)
		refused(t, err, problem.NotFound)
	}
}

func TestRoster(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	w.appoint("milano", anna, "Anna Colombo", access.Work, access.Manage)
	by := w.officer(anna)

	added, err := w.desk.Add(ctx, by, officers.Details{TaxCode: paolo, Name: "Paolo Greco", Offices: []string{"urp", "reclami", "urp"}, Rights: []access.Right{access.Work}})
	if err != nil {
		t.Fatal(err)
	}
	if added.ID == "" || strings.Contains(added.ID, paolo) || !cmp.Equal(added.Offices, []string{"reclami", "urp"}) {
		t.Errorf("added %+v", added)
	}
	_, err = w.desk.Add(ctx, by, officers.Details{TaxCode: paolo, Name: "Paolo Greco", Rights: []access.Right{access.Work}})
	refused(t, err, problem.Conflict)

	if o, err := w.desk.Find(ctx, by, strings.ToLower(paolo)); err != nil || o.ID != added.ID {
		t.Errorf("Find: %+v, %v", o, err)
	}
	for _, nobody := range []string{sofia, "", "x"} {
		_, err = w.desk.Find(ctx, by, nobody)
		refused(t, err, problem.Invalid)
	}

	changed, err := w.desk.Change(ctx, by, added.ID, officers.Details{Name: "Paolo Greco", Rights: []access.Right{access.Work, access.Register}})
	if err != nil || changed.TaxCode != paolo || len(changed.Offices) != 0 {
		t.Errorf("changed %+v, %v", changed, err)
	}
	list, err := w.desk.List(ctx, by)
	if err != nil || len(list) != 2 || list[0].Name != "Anna Colombo" || !cmp.Equal(list[1], changed) {
		t.Errorf("list %+v, %v", list, err)
	}

	// Who may not manage may not look either, and another chamber's officers do not exist.
	colleague := w.officer(paolo)
	_, err = w.desk.List(ctx, colleague)
	refused(t, err, problem.Forbidden)
	refused(t, w.desk.Remove(ctx, colleague, added.ID), problem.Forbidden)
	stranger := access.Officer{Chamber: "bergamo", TaxCode: paolo, Rights: officers.Rights()}
	refused(t, w.desk.Remove(ctx, stranger, added.ID), problem.NotFound)

	w.now = w.now.Add(time.Second)
	if err := w.desk.Remove(ctx, by, added.ID); err != nil {
		t.Fatal(err)
	}
	_, err = w.desk.Officer(ctx, paolo)
	refused(t, err, problem.NotFound)
	refused(t, w.desk.Remove(ctx, by, added.ID), problem.NotFound)

	// They may come back, as another row of the story.
	w.now = w.now.Add(time.Second)
	back, err := w.desk.Add(ctx, by, officers.Details{TaxCode: paolo, Name: "Paolo Greco", Rights: []access.Right{access.Work}})
	if err != nil || back.ID == added.ID || back.RevokedAt != nil {
		t.Errorf("back %+v, %v", back, err)
	}
	want := []string{
		"operator officer-added " + anna, anna + " officer-added " + paolo, anna + " officer-changed " + paolo,
		anna + " officer-removed " + paolo, anna + " officer-added " + paolo,
	}
	if diff := cmp.Diff(want, w.lines("milano")); diff != "" {
		t.Error(diff)
	}
}

func TestDetailsRefused(t *testing.T) {
	w := newWorld(t)
	good := officers.Details{TaxCode: paolo, Name: "Paolo Greco", Rights: []access.Right{access.Work}}
	for pointer, change := range map[string]func(*officers.Details){
		"#/taxCode":   func(d *officers.Details) { d.TaxCode = "GRCPLA82E17A794A" },
		"#/name":      func(d *officers.Details) { d.Name = "  " },
		"#/rights":    func(d *officers.Details) { d.Rights = nil },
		"#/rights/1":  func(d *officers.Details) { d.Rights = append(d.Rights, "root") },
		"#/offices/0": func(d *officers.Details) { d.Offices = []string{"tesoreria"} },
	} {
		d := good
		change(&d)
		_, err := w.desk.Appoint(context.Background(), "milano", d)
		var p *problem.Problem
		if !errors.As(err, &p) || len(p.Fields) != 1 || p.Fields[0].Pointer != pointer {
			t.Errorf("%s: %v", pointer, err)
		} else if strings.Contains(p.Error()+p.Fields[0].Detail, "GRCPLA") {
			t.Errorf("%s: the problem repeats the code", pointer)
		}
	}
	company := good
	company.TaxCode = "09900000010"
	_, err := w.desk.Appoint(context.Background(), "milano", company)
	refused(t, err, problem.Invalid)
}

func TestLastManagerStays(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	boss := w.appoint("milano", anna, "Anna Colombo", access.Work, access.Manage)
	w.appoint("milano", paolo, "Paolo Greco", access.Work)
	by := w.officer(anna)
	refused(t, w.desk.Remove(ctx, by, boss.ID), problem.Conflict)
	_, err := w.desk.Change(ctx, by, boss.ID, officers.Details{Name: "Anna Colombo", Rights: []access.Right{access.Work}})
	refused(t, err, problem.Conflict)
	if _, err := w.desk.Change(ctx, by, boss.ID, officers.Details{Name: "Anna C.", Rights: []access.Right{access.Manage}}); err != nil {
		t.Errorf("a manager who stays one: %v", err)
	}
	w.appoint("milano", sofia, "Sofia Conti", access.Manage)
	if err := w.desk.Remove(ctx, by, boss.ID); err != nil {
		t.Errorf("with another manager: %v", err)
	}
	// The operator may take the last one.
	if err := w.desk.Dismiss(ctx, "milano", sofia); err != nil {
		t.Error(err)
	}
	refused(t, w.desk.Dismiss(ctx, "milano", "RNLGLI79D52F205F"), problem.NotFound)
}

// Two managers remove each other at the same moment: one of them stays.
func TestManagersRemoveEachOther(t *testing.T) {
	for range 50 {
		w := newWorld(t)
		first := w.appoint("milano", anna, "Anna Colombo", access.Manage)
		second := w.appoint("milano", paolo, "Paolo Greco", access.Manage)
		byFirst, bySecond := w.officer(anna), w.officer(paolo)
		rosters := [2]*officers.Roster{}
		for n := range rosters {
			roster, err := officers.NewRoster(w.applications, func() time.Time { return w.now }, func() string { return fmt.Sprint("own-", n) }, nil)
			if err != nil {
				t.Fatal(err)
			}
			rosters[n] = roster
		}
		var group sync.WaitGroup
		errs := make([]error, 2)
		group.Go(func() { errs[0] = rosters[0].Remove(context.Background(), byFirst, second.ID) })
		group.Go(func() { errs[1] = rosters[1].Remove(context.Background(), bySecond, first.ID) })
		group.Wait()
		if (errs[0] == nil) == (errs[1] == nil) {
			t.Fatalf("removed: %v and %v", errs[0], errs[1])
		}
	}
}

func TestKeys(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	w.chamber = ""
	n := officers.NewKey{Chamber: "milano", Name: "gestionale", Rights: []access.Right{access.Work}, Life: 30 * 24 * time.Hour}
	secret, made, err := w.keyring.Make(ctx, n)
	if err != nil {
		t.Fatal(err)
	}
	want := access.Officer{Chamber: "milano", TaxCode: anna, Rights: []access.Right{access.Work}, Key: "gestionale"}
	got, err := w.desk.Key(ctx, secret, " clmnna74p48f205h")
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	for _, item := range w.sessions.Table.(*table.Memory).Snapshot() {
		if strings.Contains(item.PK+item.SK+string(item.Body), secret) {
			t.Errorf("%s holds the secret", item.PK)
		}
	}

	for name, key := range map[string]string{
		"none": "", "short": secret[:20], "unknown": "sportello" + strings.Repeat("0", 64), "longer": secret + "0", "padded": " " + secret,
	} {
		if _, err := w.desk.Key(ctx, key, anna); !problem.Is(err, problem.Unauthenticated) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, officer := range []string{"", "CLMNNA74P48F205A", "09900000010", "Anna"} {
		_, err := w.desk.Key(ctx, secret, officer)
		refused(t, err, problem.Malformed)
		if err != nil && officer != "" && strings.Contains(err.Error(), officer) {
			t.Errorf("the error repeats %q", officer)
		}
	}
	w.chamber = "milano"
	if _, err := w.desk.Key(ctx, secret, anna); err != nil {
		t.Errorf("at its own host: %v", err)
	}
	w.chamber = "bergamo"
	_, err = w.desk.Key(ctx, secret, anna)
	refused(t, err, problem.NotFound)

	// The name is taken as long as the key is good.
	_, _, err = w.keyring.Make(ctx, n)
	refused(t, err, problem.Conflict)
	w.chamber, w.now = "", made.ExpiresAt.Add(-time.Millisecond)
	if _, err := w.desk.Key(ctx, secret, anna); err != nil {
		t.Errorf("just before the end: %v", err)
	}
	w.now = made.ExpiresAt
	_, err = w.desk.Key(ctx, secret, anna)
	refused(t, err, problem.Unauthenticated)
	second, _, err := w.keyring.Make(ctx, n)
	if err != nil {
		t.Fatalf("after the first expired: %v", err)
	}
	if ok, err := w.desk.Opens(ctx, "milano", second); !ok || err != nil {
		t.Errorf("Opens: %v, %v", ok, err)
	}
	if ok, err := w.desk.Opens(ctx, "bergamo", second); ok || err != nil {
		t.Errorf("Opens another chamber: %v, %v", ok, err)
	}
	for range 2 {
		if err := w.desk.Revoke(ctx, "milano", "gestionale"); err != nil {
			t.Fatal(err)
		}
	}
	_, err = w.desk.Key(ctx, second, anna)
	refused(t, err, problem.Unauthenticated)
	refused(t, w.desk.Revoke(ctx, "bergamo", "gestionale"), problem.NotFound)
	keys, err := w.desk.Keys(ctx, "milano")
	if err != nil || len(keys) != 1 || keys[0].RevokedAt == nil {
		t.Errorf("keys %+v, %v", keys, err)
	}
}

func TestNewKeyRefused(t *testing.T) {
	w := newWorld(t)
	good := officers.NewKey{Chamber: "milano", Name: "gestionale", Rights: []access.Right{access.Work}, Life: 24 * time.Hour}
	if _, _, err := w.desk.Make(context.Background(), good); err == nil {
		t.Error("a function made a key")
	}
	for name, change := range map[string]func(*officers.NewKey){
		"chamber":  func(n *officers.NewKey) { n.Chamber = "" },
		"no name":  func(n *officers.NewKey) { n.Name = "" },
		"name":     func(n *officers.NewKey) { n.Name = "Gestionale #1" },
		"short":    func(n *officers.NewKey) { n.Life = time.Hour },
		"for ever": func(n *officers.NewKey) { n.Life = 10 * 365 * 24 * time.Hour },
		"rights":   func(n *officers.NewKey) { n.Rights = nil },
		"root":     func(n *officers.NewKey) { n.Rights = []access.Right{"root"} },
	} {
		n := good
		change(&n)
		if _, _, err := w.keyring.Make(context.Background(), n); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// Where the outcome of a commit is unclear, the act is done once, told once, and reported done.
func TestUnclearCommits(t *testing.T) {
	for _, written := range []bool{true, false} {
		ctx := context.Background()
		w := newWorld(t)
		w.appoint("milano", anna, "Anna Colombo", access.Manage)
		by := w.officer(anna)
		w.applications.unclear, w.applications.written = true, written
		added, err := w.desk.Add(ctx, by, officers.Details{TaxCode: paolo, Name: "Paolo Greco", Rights: []access.Right{access.Work}})
		if err != nil {
			t.Fatal(err)
		}
		w.applications.unclear, w.now = true, w.now.Add(time.Second)
		if changed, err := w.desk.Change(ctx, by, added.ID, officers.Details{Name: "P. Greco", Rights: []access.Right{access.Work}}); err != nil || changed.Name != "P. Greco" {
			t.Errorf("changed %+v, %v", changed, err)
		}
		w.applications.unclear, w.now = true, w.now.Add(time.Second)
		if err := w.desk.Remove(ctx, by, added.ID); err != nil {
			t.Error(err)
		}
		want := []string{"operator officer-added " + anna, anna + " officer-added " + paolo, anna + " officer-changed " + paolo, anna + " officer-removed " + paolo}
		if diff := cmp.Diff(want, w.lines("milano")); diff != "" {
			t.Errorf("written %v: %s", written, diff)
		}
		w.sessions.unclear, w.sessions.written = true, written
		secret, _, err := w.keyring.Make(ctx, officers.NewKey{Chamber: "milano", Name: "k", Rights: officers.Rights(), Life: 24 * time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		if ok, err := w.desk.Opens(ctx, "milano", secret); !ok || err != nil {
			t.Errorf("written %v: key opens %v, %v", written, ok, err)
		}
		w.sessions.unclear = true
		if err := w.desk.Revoke(ctx, "milano", "k"); err != nil {
			t.Error(err)
		}
		if ok, _ := w.desk.Opens(ctx, "milano", secret); ok {
			t.Errorf("written %v: revoked key opens", written)
		}
	}
}

// An appointment given twice changes nothing; with other rights it changes them.
func TestAppointTwice(t *testing.T) {
	w := newWorld(t)
	first := w.appoint("milano", anna, "Anna Colombo", access.Manage)
	again := w.appoint("milano", anna, "Anna Colombo", access.Manage)
	if again.ID != first.ID {
		t.Errorf("%s, then %s", first.ID, again.ID)
	}
	w.now = w.now.Add(time.Second)
	w.appoint("milano", anna, "Anna Colombo", access.Manage, access.Work)
	want := []string{"operator officer-added " + anna, "operator officer-changed " + anna}
	if diff := cmp.Diff(want, w.lines("milano")); diff != "" {
		t.Error(diff)
	}
}

// faulty is a table whose next commit may be unclear, written or not.
type faulty struct {
	table.Table
	unclear, written bool
}

func (f *faulty) Commit(ctx context.Context, changes ...table.Change) error {
	if !f.unclear {
		return f.Table.Commit(ctx, changes...)
	}
	f.unclear = false
	if f.written {
		if err := f.Table.Commit(ctx, changes...); err != nil {
			return err
		}
	}
	return table.ErrUnclear
}

// Through the door of the keys too, whom the list knows has their name: it is by name that a complaint is hidden from the officer it is about.
func TestKeyKnowsNames(t *testing.T) {
	w := newWorld(t)
	w.appoint("milano", anna, "Anna Colombo", access.Manage)
	w.appoint("bergamo", paolo, "Paolo Greco", access.Work)
	secret, _, err := w.keyring.Make(context.Background(), officers.NewKey{
		Chamber: "milano", Name: "gestionale", Rights: []access.Right{access.Work}, Life: 48 * time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	for taxCode, want := range map[string]string{anna: "Anna Colombo", paolo: ""} {
		who, err := w.desk.Key(context.Background(), secret, taxCode)
		if err != nil || who.Name != want || who.TaxCode != taxCode {
			t.Errorf("%q, want %q, %v", who.Name, want, err)
		}
	}
}

// A colleague is on the chamber's list; only a key's holder is believed about others.
func TestColleague(t *testing.T) {
	w := newWorld(t)
	w.appoint("milano", anna, "Anna Colombo", access.Manage)
	w.appoint("milano", paolo, "Paolo Greco", access.Work)
	w.appoint("bergamo", sofia, "Sofia Conti", access.Work)
	by := access.Officer{Chamber: "milano", TaxCode: anna}
	if o, err := w.desk.Colleague(context.Background(), by, strings.ToLower(paolo)); err != nil || o.Name != "Paolo Greco" || o.TaxCode != paolo {
		t.Errorf("%+v, %v", o, err)
	}
	for _, taxCode := range []string{sofia, "nobody"} {
		if _, err := w.desk.Colleague(context.Background(), by, taxCode); !problem.Is(err, problem.Invalid) {
			t.Errorf("who is not on the list: %v", err)
		}
	}
	by.Key = "gestionale"
	if o, err := w.desk.Colleague(context.Background(), by, sofia); err != nil || o.Chamber != "milano" || o.Name != "" {
		t.Errorf("by a key: %+v, %v", o, err)
	}
	if _, err := w.desk.Colleague(context.Background(), by, "nobody"); !problem.Is(err, problem.Invalid) {
		t.Errorf("by a key, no tax code: %v", err)
	}
}
