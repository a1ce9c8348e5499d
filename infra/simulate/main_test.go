package main

import (
	"bytes"
	"strings"
	"testing"
)

// The summary says what was lived, and the run fails when a pair was not tried often enough.
func TestRun(t *testing.T) {
	var out bytes.Buffer
	err := run([]string{"-seed", "3", "-days", "3", "-chambers", "1", "-need", "5"}, &out)
	if err == nil || !strings.Contains(err.Error(), "uncovered") {
		t.Errorf("three days cannot cover every pair: %v", err)
	}
	for _, part := range []string{"seed 3: 3 days, 1 chambers", "0 violations", "pairs of step and effect", "uncovered:", "killed", "registration"} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("%q is not in the summary:\n%s", part, out.String())
		}
	}
}

func TestFlags(t *testing.T) {
	for _, args := range [][]string{{"-days", "0"}, {"-chambers", "8"}, {"-seeds", "0"}, {"-nothing"}} {
		if err := run(args, &bytes.Buffer{}); err == nil {
			t.Errorf("%v was taken", args)
		}
	}
}

// The last line is what `make test` says of the simulation, which has no tests to count.
func TestLastWords(t *testing.T) {
	var out bytes.Buffer
	if err := run([]string{"-seeds", "2", "-days", "2", "-chambers", "1", "-need", "0", "-pairs=false"}, &out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	last := lines[len(lines)-1]
	if !strings.HasPrefix(last, "2 runs of 4 days in all, ") || !strings.HasSuffix(last, " crashes, 0 violations") {
		t.Errorf("last line %q", last)
	}
}
