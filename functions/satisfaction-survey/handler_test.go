package main

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"sportello/shared/domain/layout"
	"sportello/shared/domain/problem"
	rating "sportello/shared/domain/survey"
	"sportello/shared/edge/edgetest"
	"sportello/shared/flow/correspondence"
	"sportello/shared/flow/flowtest"
	"sportello/shared/flow/sealing"
	"sportello/shared/flow/survey"
)

func newFunction(t *testing.T) (*edgetest.Function, *flowtest.World) {
	t.Helper()
	f, w := edgetest.New(t), flowtest.New(t)
	var err error
	if f.Handle, err = (handler{w.Survey, w.Applications}).register(f.API); err != nil {
		t.Fatal(err)
	}
	return f, w
}

// decided is a decided case's token, as the outcome's letter carries it.
func decided(t *testing.T, w *flowtest.World) string {
	t.Helper()
	id := w.Decided()
	_, after, _ := strings.Cut(w.Letter(id, correspondence.OutcomeLetter).Text, "/valuta/?t=")
	token, _, found := strings.Cut(after, "\n")
	if !found {
		t.Fatal("no token")
	}
	return token
}

// Nobody signs in: the token is the right to rate, once.
func TestStory(t *testing.T) {
	f, w := newFunction(t)
	f.Values["token"] = decided(t, w)
	var s survey.Subject
	if f.Call("show.json", edgetest.Cookie("")).Is(200, &s); s.Chamber != "milano" || s.Rated {
		t.Errorf("subject %+v", s)
	}
	for range 2 {
		f.Call("rate.json", edgetest.Cookie("")).Is(201, nil)
	}
	if f.Call("show.json").Is(200, &s); !s.Rated {
		t.Errorf("subject %+v", s)
	}
	f.Call("rate.json", edgetest.Body(map[string]any{"rating": 1})).Refused(409, problem.Conflict)
	if strings.Contains(f.Log.String(), f.Values["token"]) {
		t.Error("the token is in the log")
	}
}

func TestRefusals(t *testing.T) {
	f, w := newFunction(t)
	f.Values["token"] = decided(t, w)
	for name, c := range map[string]struct {
		body     any
		pointers []string
	}{
		"no rating":      {map[string]any{}, []string{"#/rating"}},
		"six stars":      {map[string]any{"rating": 6}, []string{"#/rating"}},
		"foreign reason": {map[string]any{"rating": 5, "reasons": []string{"Perché sì"}}, []string{"#/reasons/0"}},
		"long text":      {map[string]any{"rating": 5, "text": strings.Repeat("a", 201)}, []string{"#/text"}},
		"unknown":        {map[string]any{"rating": 5, "name": "Giulia"}, []string{"#/name"}},
	} {
		t.Run(name, func(t *testing.T) {
			f.T = t
			f.Call("rate.json", edgetest.Body(c.body)).Refused(422, problem.Invalid, c.pointers...)
		})
	}
	f.T = t
	f.Values["token"] = "AAAAAAAAAAAAAAAAAAAAAA"
	f.Call("show.json").Refused(404, problem.NotFound)
	f.Call("rate.json").Refused(404, problem.NotFound)
}

// complaints are the figures of the service whose cases the tests rate.
func complaints(t *testing.T, got statistics) rating.Public {
	t.Helper()
	at := slices.IndexFunc(got.Services, func(f survey.Figures) bool { return f.Service == flowtest.Service })
	if at < 0 {
		t.Fatalf("no figures of complaints: %+v", got)
	}
	return got.Services[at].Ratings
}

// Figures are for everybody; few of them are nobody's business.
func TestStatistics(t *testing.T) {
	f, w := newFunction(t)
	var got statistics
	if f.Call("statistics.json").Is(200, &got); got.Chamber != "milano" || len(got.Services) != 2 || !complaints(t, got).Suppressed {
		t.Errorf("figures %+v", got)
	}
	f.Call("statistics.json", edgetest.Query("")).Refused(400, problem.Malformed, "?chamber")
	f.Call("statistics.json", edgetest.Query("chamber=bergamo")).Is(200, &got)
	for range 5 {
		f.Values["token"] = decided(t, w)
		f.Call("rate.json").Is(201, nil)
	}
	if f.Call("statistics.json").Is(200, &got); complaints(t, got).Count != 5 || complaints(t, got).Average != 5 {
		t.Errorf("figures %+v", got)
	}
	f.Call("statistics.json", edgetest.Query("chamber=roma")).Refused(404, problem.NotFound, "?chamber")
}

// A declared day is for everybody, byte for byte; what is none is not there.
func TestDeclaredDay(t *testing.T) {
	f, w := newFunction(t)
	w.Registered()
	w.Pass(24 * time.Hour)
	w.CloseDays()
	w.Rest()
	f.Values["chamber"], f.Values["date"] = "milano", "2026-11-23"
	var got sealing.Declared
	answer := f.Call("declared.json", edgetest.Cookie(""))
	answer.Is(200, &got)
	if h := answer.Header; h["cache-control"] != "public, max-age=31536000, immutable" || h["access-control-allow-origin"] != "*" {
		t.Errorf("headers %v", h)
	}
	want, err := w.Archive.Get(context.Background(), layout.Statement("milano", "2026-11-23"))
	if err != nil || !bytes.Equal(got.Statement, want) || len(got.Signature) == 0 || len(got.Timestamp) == 0 {
		t.Errorf("%+v, %v", got, err)
	}
	for name, at := range map[string][2]string{
		"a day that is not over": {"milano", "2026-11-24"}, "another chamber": {"bergamo", "2026-11-23"},
		"no chamber": {"roma", "2026-11-23"}, "no day": {"milano", "ieri"}, "no day of the calendar": {"milano", "2026-02-30"},
	} {
		t.Run(name, func(t *testing.T) {
			f.T = t
			f.Values["chamber"], f.Values["date"] = at[0], at[1]
			answer := f.Call("declared.json", edgetest.Cookie(""))
			answer.Refused(404, problem.NotFound)
			if answer.Header["cache-control"] != "no-store" { // the day may be there tomorrow
				t.Errorf("headers %v", answer.Header)
			}
		})
	}
}
