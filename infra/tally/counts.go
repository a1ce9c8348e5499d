package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// counts is what one stage ran. Crash is part of Passed and Failed; a fuzz target's seeds are, one by one.
type counts struct {
	Passed  int `json:"passed"`
	Failed  int `json:"failed"`
	Skipped int `json:"skipped"`
	Crash   int `json:"crash"` // cases of the crash tables: subtests of TestCrash…
	// Fuzz is the fuzz targets, by package and name, run on their seeds and found inputs: a package may be in more than one stage.
	Fuzz    []string `json:"fuzz,omitempty"`
	Said    string   `json:"said,omitempty"` // the last line that the command printed besides its tests
	Seconds float64  `json:"seconds"`
	At      int64    `json:"at"`
}

func (c *counts) add(o counts) {
	c.Passed += o.Passed
	c.Failed += o.Failed
	c.Skipped += o.Skipped
	c.Crash += o.Crash
	c.Fuzz = append(c.Fuzz, o.Fuzz...)
	slices.Sort(c.Fuzz)
	c.Fuzz = slices.Compact(c.Fuzz)
	c.Seconds += o.Seconds
}

func (c counts) String() string {
	return fmt.Sprintf("%d passed, %d failed, %d skipped", c.Passed, c.Failed, c.Skipped)
}

// does says what a stage came to: its tests or, if it has none, its own last words.
func (c counts) does() string {
	if c.Passed+c.Failed+c.Skipped > 0 {
		return c.String()
	}
	if c.Said == "" {
		return "no tests, no complaint"
	}
	return c.Said
}

func (c counts) save(folder, name string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	c.At = time.Now().UnixNano()
	body, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return os.WriteFile(path(folder, name), body, 0o644)
}

// sum prints the stages in the order they ended. No stage, no test run or a failure is an error.
func sum(w io.Writer, folder string) error {
	files, err := filepath.Glob(path(folder, "*"))
	if err != nil {
		return err
	}
	type done struct {
		name string
		counts
	}
	var stages []done
	for _, f := range files {
		if strings.HasPrefix(filepath.Base(f), "report-") {
			continue // a test runner's own
		}
		body, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		d := done{name: strings.TrimSuffix(filepath.Base(f), ".json")}
		if err := json.Unmarshal(body, &d.counts); err != nil {
			return fmt.Errorf("reading %s: %w", f, err)
		}
		stages = append(stages, d)
	}
	slices.SortFunc(stages, func(a, b done) int { return int(a.At - b.At) })
	var total counts
	for _, s := range stages {
		fmt.Fprintf(w, "%-12s %6.1f s  %s\n", s.name, s.Seconds, s.does())
		total.add(s.counts)
	}
	fmt.Fprintf(w, "%d crash cases and %d fuzz targets among these, in %.0f s\n", total.Crash, len(total.Fuzz), total.Seconds)
	fmt.Fprintln(w, total)
	if total.Failed > 0 {
		return errors.New("there are failures")
	}
	if total.Passed == 0 {
		return errors.New("nothing was run")
	}
	return nil
}
