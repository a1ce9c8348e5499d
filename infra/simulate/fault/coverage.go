package fault

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Pair is how often an effect of a step was met and went through, and how often the process was killed around it.
type Pair struct{ Seen, Done, Before, After int }

// Coverage is the registry of all pairs that were met. A pair that ever went through must be crashed; some only exist as the loser's part of
// a race, and never do.
type Coverage struct {
	Need  int // kills before, and kills after, that make a pair covered
	pairs map[place]*Pair
	focus map[place]bool // if set, only these are killed more often than others
}

type place struct{ step, effect string }

// NewCoverage returns an empty registry.
func NewCoverage(need int) *Coverage { return &Coverage{Need: need, pairs: map[place]*Pair{}} }

// Focus leaves all pairs but these, as Uncovered lists them, to the ordinary rate.
func (c *Coverage) Focus(pairs []string) {
	c.focus = map[place]bool{}
	for _, pair := range pairs {
		step, rest, _ := strings.Cut(pair, ", ")
		effect, _, _ := strings.Cut(rest, ": met")
		c.focus[place{step, effect}] = true
	}
}

// wanted tells whether a pair must still be killed, by how often that was done.
func (c *Coverage) wanted(step, effect string, done int) bool {
	return done < c.Need && (c.focus == nil || c.focus[place{step, effect}])
}

func (c *Coverage) pair(step, effect string) *Pair {
	p, ok := c.pairs[place{step, effect}]
	if !ok {
		p = &Pair{}
		c.pairs[place{step, effect}] = p
	}
	return p
}

// Add counts what another run covered.
func (c *Coverage) Add(o *Coverage) {
	for at, p := range o.pairs {
		own := c.pair(at.step, at.effect)
		own.Seen += p.Seen
		own.Done += p.Done
		own.Before += p.Before
		own.After += p.After
	}
}

// Uncovered lists the pairs that were not crashed often enough.
func (c *Coverage) Uncovered() []string {
	var list []string
	for _, at := range c.sorted() {
		p := c.pairs[at]
		if !p.covered(c.Need) {
			list = append(list, fmt.Sprintf("%s, %s: met %d times, killed %d before and %d after", at.step, at.effect, p.Seen, p.Before, p.After))
		}
	}
	return list
}

func (p *Pair) covered(need int) bool { return p.Done == 0 || p.Before >= need && p.After >= need }

// Len is how many pairs were met.
func (c *Coverage) Len() int { return len(c.pairs) }

// Crashes is how often a process was killed.
func (c *Coverage) Crashes() int {
	n := 0
	for _, p := range c.pairs {
		n += p.Before + p.After
	}
	return n
}

// Print writes the pairs, step by step.
func (c *Coverage) Print(w io.Writer) {
	step := ""
	for _, at := range c.sorted() {
		if at.step != step {
			step = at.step
			fmt.Fprintf(w, "  %-70s %9s %8s %8s\n", step, "met", "before", "after")
		}
		p := c.pairs[at]
		mark := ""
		switch {
		case p.Done == 0:
			mark = "  always refused: the loser of a race"
		case !p.covered(c.Need):
			mark = "  UNCOVERED"
		}
		fmt.Fprintf(w, "    %-68s %9d %8d %8d%s\n", at.effect, p.Seen, p.Before, p.After, mark)
	}
}

func (c *Coverage) sorted() []place {
	return slices.SortedFunc(maps.Keys(c.pairs), func(a, b place) int {
		return cmp.Or(cmp.Compare(a.step, b.step), cmp.Compare(a.effect, b.effect))
	})
}
