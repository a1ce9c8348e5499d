//go:build road

package crash

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
)

// table is where the table goes: what was run, case by case.
var table = flag.String("table", root+"/.local/crash.txt", "the `file` that the table is written to")

// unclear is the row of all commits that were done and whose answer was withheld, whatever other row they belong to.
const unclear = "commit answered nothing (unclear)"

// say prints a line that stays visible when the test passes: what begins so is passed on by tally.
var say = func() func(*testing.T, string, ...any) {
	var one sync.Mutex
	return func(_ *testing.T, format string, args ...any) {
		one.Lock()
		defer one.Unlock()
		fmt.Printf("CRASH "+format+"\n", args...)
	}
}()

// report writes the table, and says what came of each of its rows.
func report(t *testing.T, all []*crash) {
	var text bytes.Buffer
	cases := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(cases, "row\tpoint\teffect\tfault hit\tredeliveries\tverdict")
	wrong := 0
	var names []string
	rows := map[string]*total{}
	count := func(row string, c *crash) {
		if rows[row] == nil {
			rows[row] = &total{}
			names = append(names, row)
		}
		rows[row].add(c)
	}
	for _, c := range all {
		fmt.Fprintf(cases, "%s\t%s\t%s\t%s\t%d\t%s\n", c.row, c.point.name, c.effect.name, c.struck(), c.redelivered, c.said())
		if len(c.verdict) > 0 {
			wrong++
		}
		count(c.row, c)
		if c.call != nil && c.effect == failsAfter && c.call(c.filed).Action == "TransactWriteItems" {
			count(unclear, c)
		}
	}
	_ = cases.Flush()
	var sums bytes.Buffer
	w := tabwriter.NewWriter(&sums, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "row\tpoints\tcases\tfaults hit\tredeliveries\tverdict")
	for _, row := range names {
		fmt.Fprintf(w, "%s\t%s\n", row, rows[row])
	}
	_ = w.Flush()
	for _, line := range strings.Split(strings.TrimSpace(sums.String()), "\n") {
		say(t, "%s", line)
	}
	if err := os.WriteFile(*table, slices.Concat(text.Bytes(), []byte("\n"), sums.Bytes()), 0o644); err != nil {
		t.Error(err)
	}
	file, err := filepath.Abs(*table)
	if err != nil {
		file = *table
	}
	say(t, "%d cases, %d wrong, one by one in %s", len(all), wrong, file)
}

// struck is how often the fault struck, where there was one.
func (c *crash) struck() string {
	if c.fault == "" {
		return "-"
	}
	return fmt.Sprint(c.hits)
}

func (c *crash) said() string {
	if len(c.verdict) > 0 {
		return c.verdict[0]
	}
	return "ok"
}

// total is what the cases of a row came to.
type total struct {
	points                          []string
	cases, hits, redelivered, wrong int
}

func (n *total) add(c *crash) {
	if !slices.Contains(n.points, c.point.name) {
		n.points = append(n.points, c.point.name)
	}
	n.cases++
	n.hits += c.hits
	n.redelivered += c.redelivered
	n.wrong += min(len(c.verdict), 1)
}

func (n *total) String() string {
	verdict := "ok"
	if n.wrong > 0 {
		verdict = fmt.Sprintf("%d WRONG", n.wrong)
	}
	return fmt.Sprintf("%d\t%d\t%d\t%d\t%s", len(n.points), n.cases, n.hits, n.redelivered, verdict)
}
