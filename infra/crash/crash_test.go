//go:build road

package crash

import (
	"flag"
	"os"
	"regexp"
	"slices"
	"testing"
)

var some = flag.String("only", "", "run only the crash cases whose `name` matches this regular expression")

// TestCrashTable goes through the table of crash points, row by row.
func TestCrashTable(t *testing.T) {
	w := found(t, "--faults")
	if err := w.quietWeek(t.Context()); err != nil {
		t.Fatal(err)
	}
	var all []*crash
	for _, r := range w.rounds() {
		if err := r.run(t); err != nil {
			t.Fatal(err)
		}
		all = append(all, r.crashes...)
	}
	if err := w.whole(t.Context()); err != nil {
		t.Error(err)
	}
	newer, err := w.rollBack(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all = append(all, newer...)
	report(os.Stdout, all)
	for _, c := range all {
		t.Run(c.String(), func(t *testing.T) {
			for _, wrong := range c.verdict {
				t.Errorf("%s: %s", c.id, wrong)
			}
		})
	}
}

// rounds are the cases in the order they run: cases that were brought through one crash are brought to the next.
func (w *town) rounds() []*round {
	var rounds []*round
	for few := range slices.Chunk(casesOf(filingPoints, workPoints, keepingPoints), len(w.lanes)) {
		rounds = append(rounds, &round{town: w, crashes: few})
	}
	rounds = append(rounds,
		&round{town: w, crashes: casesOf(only1(wipedPoints, killedBefore)), wiped: true},
		&round{town: w, crashes: casesOf(heldPoints), held: true},
		w.asked(),
		&round{town: w, crashes: casesOf(hastyPoints)},
		w.sideBySide(),
		w.overtaken(),
	)
	for few := range slices.Chunk(casesOf(nightPoints), len(w.lanes)) {
		rounds = append(rounds, &round{town: w, crashes: few, night: true})
	}
	wanted := regexp.MustCompile(*some)
	return slices.DeleteFunc(rounds, func(r *round) bool {
		r.crashes = slices.DeleteFunc(r.crashes, func(c *crash) bool { return !wanted.MatchString(c.String()) })
		return len(r.crashes) == 0
	})
}

func casesOf(points ...[]point) []*crash {
	var all []*crash
	for _, p := range slices.Concat(points...) {
		all = append(all, p.cases()...)
	}
	return all
}

// only1 is the points with one effect each.
func only1(points []point, e effect) []point {
	var list []point
	for _, p := range points {
		list = append(list, only(p, e))
	}
	return list
}
