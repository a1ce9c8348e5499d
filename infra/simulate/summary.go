package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"sportello/infra/simulate/fault"
	"sportello/shared/domain/application"
)

// summary adds up what the runs saw.
type summary struct {
	settings
	out      io.Writer
	runs     []yearOf
	coverage *fault.Coverage
}

func newSummary(out io.Writer, s settings) *summary {
	return &summary{settings: s, out: out, coverage: fault.NewCoverage(s.need)}
}

// broken tells whether any run violated an invariant.
func (s *summary) broken() bool {
	return slices.ContainsFunc(s.runs, func(r yearOf) bool { return len(r.Violations) > 0 })
}

// add takes in a run and prints its line.
func (s *summary) add(r yearOf) {
	s.runs = append(s.runs, r)
	s.coverage.Add(r.Coverage)
	n := r.Numbers
	fmt.Fprintf(s.out, "seed %d: %d days, %d chambers, %d applications, %d numbers, %d crashes, %d effects, history %s, %.1f s\n",
		r.Seed, r.Days, r.options.Chambers, n.Cases, n.Given, r.Coverage.Crashes(), r.Lines, r.Digest, r.took.Seconds())
	for _, v := range r.Violations {
		fmt.Fprintf(s.out, "  %s\n", v)
	}
	if len(r.Violations) > 0 {
		fmt.Fprintf(s.out, "  replay: %s\n", r.replay())
	}
}

// replay is the command that lives the same history again.
func (r yearOf) replay() string {
	o := r.options
	command := fmt.Sprintf("go run ./infra/simulate -seed %d -days %d -chambers %d -need %d -trace", o.Seed, o.Days, o.Chambers, o.Need)
	if o.Focus == nil {
		return command
	}
	var pairs []string
	for _, pair := range o.Focus {
		pair, _, _ = strings.Cut(pair, ": met")
		pairs = append(pairs, pair)
	}
	return command + " -focus '" + strings.Join(pairs, ";") + "'"
}

// print writes the sums and says what is wrong, if anything is.
func (s *summary) print(took time.Duration) error {
	tally, injected, states := map[string]int{}, map[string]int{}, map[string]int{}
	days, numbers, annexes, deferred, sealed, cases, dead, violations := 0, 0, 0, 0, 0, 0, 0, 0
	for _, r := range s.runs {
		days += r.Days
		n := r.Numbers
		numbers, annexes, deferred, sealed = numbers+n.Given, annexes+n.Annexes, deferred+n.Deferred, sealed+n.Days
		cases, dead, violations = cases+n.Cases, dead+n.Dead, violations+len(r.Violations)
		merge(tally, r.Tally)
		merge(injected, r.Injected)
		for state, n := range r.States {
			states[string(state)] += n
		}
	}
	tally["messages given up to the dead letter queue"] = dead
	fmt.Fprintf(s.out, "\n%d runs in %.1f s\n", len(s.runs), took.Seconds())
	fmt.Fprintf(s.out, "  applications  %d presented: %s\n", cases, ends(states))
	fmt.Fprintf(s.out, "  register      %d numbers (%d deferred), %d annulments, %d days sealed\n", numbers, deferred, annexes, sealed)
	list(s.out, "people and weather", tally)
	list(s.out, "faults injected", injected)
	if s.pairs {
		fmt.Fprintf(s.out, "\npairs of step and effect (how often met; killed before; killed after)\n")
		s.coverage.Print(s.out)
	}
	uncovered := s.coverage.Uncovered()
	fmt.Fprintf(s.out, "\n%d pairs, each to be killed %d times before and %d after; uncovered: %d\n", s.coverage.Len(), s.need, s.need, len(uncovered))
	for _, pair := range uncovered {
		fmt.Fprintf(s.out, "  uncovered: %s\n", pair)
	}
	fmt.Fprintf(s.out, "%d runs of %d days in all, %d crashes, %d violations\n", len(s.runs), days, s.coverage.Crashes(), violations)
	switch {
	case violations > 0:
		return fmt.Errorf("%d violations", violations)
	case len(uncovered) > 0:
		return fmt.Errorf("%d pairs are uncovered", len(uncovered))
	}
	return nil
}

func merge(into, from map[string]int) {
	for name, n := range from {
		into[name] += n
	}
}

// ends writes how many cases came to which state, the last state first.
func ends(states map[string]int) string {
	var parts []string
	for _, state := range slices.SortedFunc(maps.Keys(states), func(a, b string) int { return cmp.Compare(states[b], states[a]) }) {
		parts = append(parts, fmt.Sprintf("%d %s", states[state], application.State(state).Italian()))
	}
	return strings.Join(parts, ", ")
}

func list(out io.Writer, title string, counts map[string]int) {
	fmt.Fprintf(out, "\n%s\n", title)
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(out, "  %9d  %s\n", counts[name], name)
	}
}
