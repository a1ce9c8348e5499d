package survey

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestValidate(t *testing.T) {
	tests := []struct {
		name   string
		rating Rating
		want   []string
	}{
		{"only stars", Rating{Stars: 1}, nil},
		{"liked", Rating{Stars: 4, Reasons: []string{"Le indicazioni erano chiare", "Altro"}, Text: "Bene.\nGrazie"}, nil},
		{"disliked", Rating{Stars: 3, Reasons: []string{"Ho avuto problemi tecnici"}}, nil},
		{"no stars", Rating{}, []string{"#/rating"}},
		{"six stars", Rating{Stars: 6}, []string{"#/rating"}},
		{"negative reason for five stars", Rating{Stars: 5, Reasons: []string{"Ho avuto problemi tecnici"}}, []string{"#/reasons/0"}},
		{"own reason", Rating{Stars: 2, Reasons: []string{"Altro", "Il colore"}}, []string{"#/reasons/1"}},
		{"reason twice", Rating{Stars: 2, Reasons: []string{"Altro", "Altro"}}, []string{"#/reasons/1"}},
		{"longest text, accented", Rating{Stars: 5, Text: strings.Repeat("è", 200)}, nil},
		{"text too long", Rating{Stars: 5, Text: strings.Repeat("è", 201)}, []string{"#/text"}},
		{"control character", Rating{Stars: 5, Text: "a\x00b"}, []string{"#/text"}},
		{"broken UTF-8", Rating{Stars: 5, Text: "a\xffb"}, []string{"#/text"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, f := range test.rating.Validate() {
				got = append(got, f.Pointer)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("pointers (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPublic(t *testing.T) {
	tests := []struct {
		name  string
		stars []int
		want  string
	}{
		{"none", nil, `{"suppressed":true}`},
		{"four are too few", []int{5, 5, 5, 5}, `{"suppressed":true}`},
		{"five", []int{5, 4, 5, 1, 3}, `{"count":5,"average":3.6,"stars":[1,0,1,1,2]}`},
		{"half goes up", []int{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2}, `{"count":20,"average":1.1,"stars":[19,1,0,0,0]}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var a Aggregate
			for _, stars := range test.stars {
				a = a.Add(Rating{Stars: stars})
			}
			got, err := json.Marshal(a.Public())
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// The sums agree with each other whatever is added, and the average never leaves the scale.
func TestAggregateAddsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var a Aggregate
		for _, stars := range rapid.SliceOf(rapid.IntRange(1, 5)).Draw(t, "stars") {
			a = a.Add(Rating{Stars: stars})
		}
		count, sum := 0, 0
		for n, c := range a.Stars {
			count += c
			sum += c * (n + 1)
		}
		if count != a.Count || sum != a.Sum {
			t.Fatalf("%+v: stars say %d and %d", a, count, sum)
		}
		public := a.Public()
		if public.Suppressed != (a.Count < MinPublic) {
			t.Fatalf("%+v published as %+v", a, public)
		}
		if !public.Suppressed && (public.Average < 1 || public.Average > 5) {
			t.Fatalf("average %v", public.Average)
		}
	})
}

func TestReasonsAreCopies(t *testing.T) {
	Reasons(5)[0] = "changed"
	if Reasons(5)[0] == "changed" {
		t.Error("a caller can change the list of reasons")
	}
}
