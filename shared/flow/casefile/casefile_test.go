package casefile_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/shared/domain/application"
	"sportello/shared/domain/deadline"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/problem"
	"sportello/shared/flow/casefile"
	"sportello/shared/flow/flowtest"
	"sportello/shared/platform/table"
)

var ctx = context.Background()

// META stays small all its life: every step writes it. A case with an address and a person of its own is the longest.
func TestMetaIsSmall(t *testing.T) {
	w := flowtest.New(t)
	id := w.DraftOf(w.Applicant(), "me", "domicile", "elected", "pec", "rinaldi.srl.amministrazione@pec.example.it", "officer", "Maria Antonietta Bevilacqua")
	w.Present(id)
	w.Settle()
	w.Must(func() error { _, err := w.Office.Assign(ctx, w.Officer(), id, ""); return err })
	w.Ask(id, 30)
	w.Decide(id)
	w.Settle()
	item, err := table.One(ctx, w.Applications, layout.Meta(id))
	if err != nil {
		t.Fatal(err)
	}
	// What DynamoDB counts: attribute names and values, the indexes' keys among them.
	size := len(item.Body) + len(item.PK) + len(item.SK)
	for _, place := range item.Index {
		size += len(place.PK) + len(place.SK) + 10
	}
	if size >= 1536 {
		t.Errorf("META has %d bytes: %s", size, item.Body)
	}
	t.Logf("META has %d bytes", size)
}

// Who writes without end waits for tomorrow; the office's messages do not count, and the office goes on writing.
func TestTooManyMessages(t *testing.T) {
	w := flowtest.New(t)
	id := w.InProgress()
	say := func(n int) (refused int) {
		for range n {
			w.Pass(time.Second)
			if _, err := w.Cases.Message(ctx, w.Applicant(), id, "Quando?", false); problem.Is(err, problem.Conflict) {
				refused++
			} else if err != nil {
				t.Fatal(err)
			}
		}
		return refused
	}
	for range casefile.MaxMessages {
		w.Pass(time.Second)
		w.Must(func() error { _, err := w.Office.Message(ctx, w.Officer(), id, "Presto."); return err })
	}
	if n := say(casefile.MaxMessages + 3); n != 3 {
		t.Errorf("%d refused on the first day", n)
	}
	w.Must(func() error { _, err := w.Office.Message(ctx, w.Officer(), id, "Domani."); return err })
	w.Pass(24 * time.Hour)
	if n := say(1); n != 0 {
		t.Error("refused on the next day")
	}
}

// However much was written to a case, its story is an answer that Lambda lets through, with what the law needs and the last words.
func TestStoryFits(t *testing.T) {
	w := flowtest.New(t)
	id := w.InProgress()
	for n := range 1500 {
		change, err := casefile.Tell(id, fmt.Sprintf("m-%04d", n), application.Line{
			At: w.Now().Add(time.Duration(n) * time.Second), Event: application.MailReceived, Actor: application.MailBox,
			Text: fmt.Sprint(n) + strings.Repeat("<", 5000),
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Applications.Commit(ctx, change); err != nil {
			t.Fatal(err)
		}
	}
	story, err := w.Cases.Timeline(ctx, w.Applicant(), id)
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(story)
	if err != nil || len(body) > 5<<20 || len(story.Items) != 1000 {
		t.Errorf("%d lines, %d bytes, %v", len(story.Items), len(body), err)
	}
	first, last := story.Items[0], story.Items[len(story.Items)-1]
	if first.Event != string(application.Submitted) || !strings.HasPrefix(last.Text, "1499<") {
		t.Errorf("from %s to %.10s", first.Event, last.Text)
	}
}

// Every view of every state has lists where it has no items, and can be written as JSON.
func TestViewsHaveLists(t *testing.T) {
	for name, make := range map[string]func(w *flowtest.World) string{
		"draft":        func(w *flowtest.World) string { return w.Draft() },
		"presented":    func(w *flowtest.World) string { return w.Presented() },
		"asked":        func(w *flowtest.World) string { id, _ := w.Asked(10); return id },
		"decided":      func(w *flowtest.World) string { return w.Decided() },
		"preserved":    func(w *flowtest.World) string { return w.Preserved() },
		"portal only":  func(w *flowtest.World) string { return w.Decided("domicile", "portal") },
		"never opened": func(w *flowtest.World) string { return w.Registered("domicile", "portal") },
	} {
		t.Run(name, func(t *testing.T) {
			w := flowtest.New(t)
			id := make(w)
			v, err := w.Cases.Show(ctx, w.Applicant(), id)
			if err != nil {
				t.Fatal(err)
			}
			body, err := json.Marshal(v)
			if err != nil || bytes.Contains(body, []byte("null")) {
				t.Errorf("%v: %s", err, body)
			}
			story, err := w.Cases.Timeline(ctx, w.Applicant(), id)
			if err != nil {
				t.Fatal(err)
			}
			if body, _ = json.Marshal(story); bytes.Contains(body, []byte("null")) {
				t.Errorf("story %s", body)
			}
			for _, told := range story.Items {
				if told.Title == told.Event {
					t.Errorf("event %s has no title in Italian", told.Event)
				}
			}
		})
	}
}

func TestLoad(t *testing.T) {
	w := flowtest.New(t)
	if _, err := casefile.Load(ctx, w.Applications, "nothing"); !problem.Is(err, problem.NotFound) {
		t.Errorf("a case that does not exist: %v", err)
	}
	// A row of newer code is left for newer code, and the error names no person.
	item := table.Item{Key: layout.Meta("newer"), Schema: application.Schema + 1, Body: []byte(`{}`)}
	if err := w.Applications.Commit(ctx, table.Put(item)); err != nil {
		t.Fatal(err)
	}
	if _, err := casefile.Load(ctx, w.Applications, "newer"); !strings.Contains(err.Error(), table.ErrNewerSchema.Error()) {
		t.Errorf("a newer row: %v", err)
	}
}

// Time does something to a case at the end of the right day.
func TestWake(t *testing.T) {
	presented := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	clock := deadline.Start(presented, 30)
	stopped, err := clock.Suspend(presented, 10, casefile.Calendar("milano"))
	if err != nil {
		t.Fatal(err)
	}
	closing := presented.Add(time.Hour)
	end := func(day string) time.Time {
		d, err := deadline.ParseDate(day)
		if err != nil {
			t.Fatal(err)
		}
		return d.End()
	}
	for name, c := range map[string]struct {
		a    application.Application
		want time.Time
	}{
		"draft":                 {application.Application{State: application.Draft, CreatedAt: presented}, presented.AddDate(1, 0, 0)},
		"presented":             {application.Application{State: application.Presented, Term: &clock}, end("2026-12-23")},
		"expired":               {application.Application{State: application.InProgress, Term: &clock, TermExpired: &closing}, time.Time{}},
		"awaiting, for ten":     {application.Application{State: application.AwaitingIntegration, Term: &stopped}, end("2026-12-03")},
		"decided, delivered":    {application.Application{State: application.Decided, Term: &clock, CloseAt: &closing}, closing},
		"decided, on the way":   {application.Application{State: application.Decided, Term: &clock}, time.Time{}},
		"withdrawn":             {application.Application{State: application.Withdrawn, Term: &clock, CloseAt: &closing}, closing},
		"closed":                {application.Application{State: application.Closed, Term: &clock, CloseAt: &closing}, time.Time{}},
		"suspended and running": {application.Application{State: application.InProgress, Term: &stopped}, end("2027-01-02")},
	} {
		c.a.Chamber = "milano"
		got, ok := casefile.Wake(c.a)
		if ok == c.want.IsZero() || !got.Equal(c.want) {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// An open case is in the inboxes, a draft in none, a closed one only among its like.
func TestPlaces(t *testing.T) {
	for name, c := range map[string]struct {
		make func(w *flowtest.World) string
		want []layout.Index
	}{
		"draft":     {func(w *flowtest.World) string { return w.Draft() }, []layout.Index{layout.Timers}},
		"presented": {func(w *flowtest.World) string { return w.Presented() }, []layout.Index{layout.ByDue, layout.ByOfficer, layout.ByState, layout.Timers}},
		"preserved": {func(w *flowtest.World) string { return w.Preserved() }, []layout.Index{layout.ByState}},
	} {
		w := flowtest.New(t)
		item, err := table.One(ctx, w.Applications, layout.Meta(c.make(w)))
		if err != nil {
			t.Fatal(err)
		}
		got := []layout.Index{}
		for _, index := range []layout.Index{layout.ByDue, layout.ByOfficer, layout.ByState, layout.Timers} {
			if _, in := item.Index[index]; in {
				got = append(got, index)
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

// Who looked is recorded before anything is shown, and does not weigh on what is shown.
func TestLook(t *testing.T) {
	w := flowtest.New(t)
	id := w.InProgress()
	for range 3 {
		w.Pass(time.Second)
		if _, err := w.Office.Show(ctx, w.Officer(), id); err != nil {
			t.Fatal(err)
		}
	}
	page, err := w.Applications.Query(ctx, table.Query{PK: layout.Application(id), Prefix: "SEEN#"})
	if err != nil || len(page.Items) < 3 {
		t.Errorf("%d looks are recorded, %v", len(page.Items), err)
	}
	w.Pass(time.Second)
	w.Applications.FailNext(flowtest.Before)
	if _, err := w.Office.Show(ctx, w.Officer(), id); err == nil {
		t.Error("shown without a record of it")
	}
}

// The receipt is the same whenever it is looked at: what came after the presentation changes nothing in it.
func TestReceiptStays(t *testing.T) {
	w := flowtest.New(t)
	id := w.Draft()
	if v, err := w.Cases.Show(ctx, w.Applicant(), id); err != nil || v.Receipt != nil {
		t.Errorf("the receipt of a draft: %+v, %v", v.Receipt, err)
	}
	w.Attach(id, "foto.pdf")
	presented := w.Present(id)
	w.Settle()
	w.Must(func() error { _, err := w.Office.Assign(ctx, w.Officer(), id, ""); return err })
	w.Ask(id, 10)
	w.Decide(id)
	w.Settle()
	v, err := w.Cases.Show(ctx, w.Applicant(), id)
	if err != nil || v.Receipt == nil || len(v.Receipt.Attachments) != 1 {
		t.Fatalf("receipt %+v, %v", v.Receipt, err)
	}
	if diff := cmp.Diff(presented.Receipt, *v.Receipt); diff != "" {
		t.Errorf("-presented +shown:\n%s", diff)
	}
}
