//go:build road

package crash

import (
	"flag"
	"regexp"
	"slices"
	"testing"
)

var some = flag.String("only", "", "run only the crash cases whose `name` matches this regular expression")

// TestCrashTable goes through the table of crash points, row by row, in towns side by side: most of the time is spent waiting for one who tries
// again, not working.
func TestCrashTable(t *testing.T) {
	t.Parallel()
	program := []func(*town) []*round{(*town).filingRounds, (*town).specialRounds, (*town).deskRounds, (*town).paidRounds, (*town).refundRounds}
	done := make(chan []*crash)
	for _, rounds := range program {
		go func() {
			all, err := live(t, rounds)
			if err != nil {
				t.Error(err)
			}
			done <- all
		}()
	}
	var all []*crash
	for range program {
		all = append(all, <-done...)
	}
	report(t, all)
	for _, c := range all {
		t.Run(c.String(), func(t *testing.T) {
			for _, wrong := range c.verdict {
				t.Errorf("%s: %s", c.id, wrong)
			}
		})
	}
}

// live goes through the rounds in a town of their own, and holds it as a whole to the invariants. It returns the cases that came to a verdict.
func live(t *testing.T, rounds func(*town) []*round) ([]*crash, error) {
	w, err := found(t, "--faults")
	if err != nil {
		return nil, err
	}
	if err := w.quietWeek(t.Context()); err != nil {
		return nil, err
	}
	var all []*crash
	for _, r := range w.wanted(rounds(w)) {
		if err := r.run(t); err != nil {
			return all, err
		}
		all = append(all, r.crashes...)
	}
	if len(all) == 0 {
		return nil, nil
	}
	return all, w.whole(t.Context())
}

// filingRounds are the writes from the submission to the receipts about the number.
func (w *town) filingRounds() []*round { return w.abreast(casesOf(filingPoints), false) }

// specialRounds are what no single write is about, and the night.
func (w *town) specialRounds() []*round {
	rounds := []*round{
		{town: w, crashes: casesOf(only1(wipedPoints, killedBefore)), wiped: true},
		{town: w, crashes: casesOf(heldPoints), held: true},
		w.asked(),
		{town: w, crashes: casesOf(hastyPoints)},
		w.sideBySide(),
		w.overtaken(),
		w.rolledBack(),
	}
	return slices.Concat(rounds, w.outsideRounds(), w.abreast(casesOf(withdrawnPoints), false), w.abreast(casesOf(nightPoints), true))
}

// deskRounds are what people do with a case that has its number, to its end.
func (w *town) deskRounds() []*round { return w.abreast(casesOf(workPoints, keepingPoints), false) }

// abreast makes rounds of as many cases as there are lanes. They run in the order of the road: cases that were brought through one crash are
// brought to the next.
func (w *town) abreast(cases []*crash, night bool) []*round {
	var rounds []*round
	for few := range slices.Chunk(cases, len(w.lanes)) {
		rounds = append(rounds, &round{town: w, crashes: few, night: night})
	}
	return rounds
}

// wanted leaves the cases that the flag names.
func (w *town) wanted(rounds []*round) []*round {
	named := regexp.MustCompile(*some)
	return slices.DeleteFunc(rounds, func(r *round) bool {
		r.crashes = slices.DeleteFunc(r.crashes, func(c *crash) bool { return !named.MatchString(c.String()) })
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
