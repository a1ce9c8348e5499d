package survey_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/shared/domain/application"
	"sportello/shared/domain/catalogue"
	"sportello/shared/domain/problem"
	rating "sportello/shared/domain/survey"
	"sportello/shared/flow/correspondence"
	"sportello/shared/flow/flowtest"
	"sportello/shared/flow/survey"
)

var ctx = context.Background()

// token is what the outcome's letter carries.
func token(t *testing.T, w *flowtest.World, id string) string {
	t.Helper()
	_, after, found := strings.Cut(w.Letter(id, correspondence.OutcomeLetter).Text, "/valuta/?t=")
	if !found {
		t.Fatal("no token in the letter")
	}
	token, _, _ := strings.Cut(after, "\n")
	return token
}

func figures(t *testing.T, w *flowtest.World) rating.Public {
	t.Helper()
	list, err := w.Survey.Statistics(ctx, flowtest.Chamber)
	at := slices.IndexFunc(list, func(f survey.Figures) bool { return f.Service == flowtest.Service })
	if err != nil || at < 0 || len(list) != len(catalogue.Services(flowtest.Chamber)) {
		t.Fatalf("statistics %+v, %v", list, err)
	}
	return list[at].Ratings
}

// One rating for an application: the same again succeeds and counts once, another is refused, whatever becomes of the commit.
func TestRateOnce(t *testing.T) {
	five := rating.Rating{Stars: 5, Reasons: rating.Reasons(5)[:1], Text: "Tutto chiaro."}
	for _, fault := range append([]flowtest.Fault{0}, flowtest.Faults...) {
		w := flowtest.New(t)
		id := w.Decided()
		key := token(t, w, id)
		subject, err := w.Survey.Show(ctx, key)
		want := survey.Subject{Chamber: flowtest.Chamber, Service: flowtest.Service, DecidedAt: w.Meta(id).Outcome.At}
		if diff := cmp.Diff(want, subject); err != nil || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
		if fault != 0 {
			w.Applications.FailNext(fault)
		}
		err = w.Survey.Rate(ctx, key, five)
		if (err != nil) != (fault == flowtest.Before) {
			t.Errorf("%v: %v", fault, err)
		}
		for range 2 {
			if err := w.Survey.Rate(ctx, key, five); err != nil {
				t.Errorf("%v: the same again: %v", fault, err)
			}
		}
		if err := w.Survey.Rate(ctx, key, rating.Rating{Stars: 1}); !problem.Is(err, problem.Conflict) {
			t.Errorf("%v: another rating: %v", fault, err)
		}
		if err := w.Survey.Rate(ctx, key, rating.Rating{Stars: 5, Reasons: rating.Reasons(5)[1:2], Text: five.Text}); !problem.Is(err, problem.Conflict) {
			t.Errorf("%v: other reasons: %v", fault, err)
		}
		if n := w.Told(id, application.WasRated); n != 1 {
			t.Errorf("%v: told %d times", fault, n)
		}
		if s, err := w.Survey.Show(ctx, key); err != nil || !s.Rated {
			t.Errorf("%v: %+v, %v", fault, s, err)
		}
		w.Sweep() // the owner has had the last word
		w.State(id, application.Closed)
		w.Check()
	}
}

func TestRateRefuses(t *testing.T) {
	w := flowtest.New(t)
	id := w.Decided()
	key := token(t, w, id)
	for name, c := range map[string]struct {
		r       rating.Rating
		pointer string
	}{
		"no stars":       {rating.Rating{}, "#/rating"},
		"six stars":      {rating.Rating{Stars: 6}, "#/rating"},
		"foreign reason": {rating.Rating{Stars: 5, Reasons: []string{"Perché sì"}}, "#/reasons/0"},
		"long text":      {rating.Rating{Stars: 5, Text: strings.Repeat("a", 201)}, "#/text"},
	} {
		err := w.Survey.Rate(ctx, key, c.r)
		p, ok := err.(*problem.Problem)
		if !ok || p.Kind != problem.Invalid || len(p.Fields) != 1 || p.Fields[0].Pointer != c.pointer {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A token that is not, and one that is over, look the same.
	_, none := w.Survey.Show(ctx, "AAAAAAAAAAAAAAAAAAAAAA")
	w.Pass(survey.Validity)
	if _, err := w.Survey.Show(ctx, key); err != nil {
		t.Errorf("on its last instant: %v", err)
	}
	w.Pass(time.Second)
	_, over := w.Survey.Show(ctx, key)
	if !problem.Is(none, problem.NotFound) || fmt.Sprint(none) != fmt.Sprint(over) || none.(*problem.Problem).Detail != over.(*problem.Problem).Detail {
		t.Errorf("none: %v, over: %v", none, over)
	}
	if err := w.Survey.Rate(ctx, key, rating.Rating{Stars: 5}); !problem.Is(err, problem.NotFound) {
		t.Errorf("rated when it was over: %v", err)
	}
}

// A rating that comes before the outcome is delivered does not close the case; the delivery then does.
func TestRatedBeforeDelivery(t *testing.T) {
	w := flowtest.New(t)
	id := w.InProgress()
	w.Mail.Silent = true
	w.Decide(id)
	w.Settle()
	if err := w.Survey.Rate(ctx, token(t, w, id), rating.Rating{Stars: 3}); err != nil {
		t.Fatal(err)
	}
	w.Sweep()
	w.State(id, application.Decided)
	m := w.Letter(id, correspondence.OutcomeLetter)
	w.Mail.Receipt(flowtest.Chamber, m.MessageID, m.Address, "avvenuta-consegna")
	w.Settle()
	w.Sweep()
	w.State(id, application.Closed)
	if err := w.Survey.Rate(ctx, token(t, w, id), rating.Rating{Stars: 3}); err != nil {
		t.Errorf("the same again, after the end: %v", err)
	}
}

// Figures below five are nobody's business.
func TestStatistics(t *testing.T) {
	w := flowtest.New(t)
	for n := range rating.MinPublic {
		if got := figures(t, w); !got.Suppressed || got.Count != 0 {
			t.Errorf("after %d ratings: %+v", n, got)
		}
		id := w.Decided()
		if err := w.Survey.Rate(ctx, token(t, w, id), rating.Rating{Stars: 1 + n%5}); err != nil {
			t.Fatal(err)
		}
	}
	if got := figures(t, w); got.Suppressed || got.Count != 5 || got.Average != 3 || *got.Stars != [5]int{1, 1, 1, 1, 1} {
		t.Errorf("figures %+v", got)
	}
	if _, err := w.Survey.Statistics(ctx, "roma"); !problem.Is(err, problem.NotFound) {
		t.Errorf("a chamber that is not there: %v", err)
	}
}
