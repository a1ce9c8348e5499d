package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// event is a line of `go test -json` (go doc test2json).
type event struct {
	Action     string
	Package    string
	ImportPath string // of a build
	Test       string
	Elapsed    float64
	Output     string
}

// spoken begins what a test says even when it passes.
const spoken = "CRASH "

type reader struct {
	w       io.Writer
	outcome map[string]string   // package and test -> pass, fail, skip
	parent  map[string]bool     // tests with subtests: only their leaves are counted
	output  map[string][]string // kept until the test ends, printed if it failed
	broken  map[string]bool     // packages with a failed test
	total   counts              // failures of packages without one
	last    string              // line that is no event and not empty
}

func newReader(w io.Writer) *reader {
	return &reader{w: w, outcome: map[string]string{}, parent: map[string]bool{}, output: map[string][]string{}, broken: map[string]bool{}}
}

// read takes lines until the end. What is no event of a test is passed on as it is.
func (r *reader) read(in io.Reader) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			r.line(line)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (r *reader) line(line string) {
	var e event
	if !strings.HasPrefix(line, `{"`) || json.Unmarshal([]byte(line), &e) != nil || e.Action == "" {
		fmt.Fprint(r.w, line)
		if said := strings.TrimSpace(line); said != "" {
			r.last = said
		}
		return
	}
	switch e.Action {
	case "output":
		if strings.HasPrefix(e.Output, spoken) {
			fmt.Fprint(r.w, e.Output)
		}
		key := e.Package + " " + e.Test
		r.output[key] = append(r.output[key], e.Output)
	case "build-output":
		fmt.Fprint(r.w, e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			r.endPackage(e)
		} else {
			r.endTest(e)
		}
	}
}

func (r *reader) endTest(e event) {
	key := e.Package + " " + e.Test
	r.outcome[key] = e.Action
	for name := e.Test; ; {
		at := strings.LastIndex(name, "/")
		if at < 0 {
			break
		}
		name = name[:at]
		r.parent[e.Package+" "+name] = true
	}
	if e.Action == "fail" {
		r.broken[e.Package] = true
		fmt.Fprint(r.w, strings.Join(r.output[key], ""))
	}
	delete(r.output, key)
}

func (r *reader) endPackage(e event) {
	said := r.output[e.Package+" "]
	delete(r.output, e.Package+" ")
	if e.Action != "fail" {
		for _, line := range said {
			if strings.HasPrefix(line, "ok") {
				fmt.Fprint(r.w, line)
			}
		}
		return
	}
	fmt.Fprint(r.w, strings.Join(said, ""))
	if !r.broken[e.Package] {
		r.total.Failed++ // it did not build, or died outside a test
	}
}

func (r *reader) counts() counts {
	c := r.total
	c.Said = r.last
	for key, outcome := range r.outcome {
		if r.parent[key] {
			continue
		}
		_, test, _ := strings.Cut(key, " ")
		switch outcome {
		case "pass":
			c.Passed++
		case "fail":
			c.Failed++
		case "skip":
			c.Skipped++
		}
		if strings.HasPrefix(test, "TestCrash") && outcome != "skip" {
			c.Crash++
		}
	}
	for key, outcome := range r.outcome {
		_, test, _ := strings.Cut(key, " ")
		if strings.HasPrefix(test, "Fuzz") && !strings.Contains(test, "/") && outcome != "skip" {
			c.Fuzz = append(c.Fuzz, key)
		}
	}
	slices.Sort(c.Fuzz)
	return c
}

// readReport counts a JSON report of vitest or of playwright.
func readReport(name string) (counts, error) {
	body, err := os.ReadFile(name)
	if err != nil {
		return counts{}, err
	}
	var report struct {
		NumPassedTests  int // vitest
		NumFailedTests  int
		NumPendingTests int
		NumTodoTests    int
		Stats           *struct { // playwright
			Expected, Unexpected, Flaky, Skipped int
		}
	}
	if err := json.Unmarshal(body, &report); err != nil {
		return counts{}, err
	}
	if s := report.Stats; s != nil {
		// A test that passed only when repeated is counted as failed: what it covers is not proven.
		return counts{Passed: s.Expected, Failed: s.Unexpected + s.Flaky, Skipped: s.Skipped}, nil
	}
	return counts{Passed: report.NumPassedTests, Failed: report.NumFailedTests, Skipped: report.NumPendingTests + report.NumTodoTests}, nil
}
