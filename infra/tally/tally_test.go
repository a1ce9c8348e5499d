package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReader(t *testing.T) {
	tests := []struct {
		name, in  string
		want      counts
		says, not string
	}{
		{
			name: "only leaves count",
			in: `{"Action":"pass","Package":"p","Test":"TestA/x"}
{"Action":"skip","Package":"p","Test":"TestA/y"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s\n"}
{"Action":"pass","Package":"p"}
`,
			want: counts{Passed: 1, Skipped: 1}, says: "ok",
		},
		{
			name: "a failure is shown, a success is not",
			in: `{"Action":"output","Package":"p","Test":"TestA","Output":"quiet\n"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestB","Output":"loud\n"}
{"Action":"fail","Package":"p","Test":"TestB"}
{"Action":"fail","Package":"p"}
`,
			want: counts{Passed: 1, Failed: 1}, says: "loud", not: "quiet",
		},
		{
			name: "a package that does not build is a failure",
			in: `{"Action":"build-output","ImportPath":"p","Output":"p.go:1: broken\n"}
{"Action":"build-fail","ImportPath":"p"}
{"Action":"fail","Package":"p","FailedBuild":"p"}
`,
			want: counts{Failed: 1}, says: "broken",
		},
		{
			name: "crash cases and fuzz targets",
			in: `{"Action":"pass","Package":"p","Test":"TestCrashTable/before"}
{"Action":"pass","Package":"p","Test":"TestCrashTable/after"}
{"Action":"pass","Package":"p","Test":"TestCrashTable"}
{"Action":"pass","Package":"p","Test":"FuzzParse/seed#0"}
{"Action":"pass","Package":"p","Test":"FuzzParse/seed#1"}
{"Action":"pass","Package":"p","Test":"FuzzParse"}
`,
			want: counts{Passed: 4, Crash: 2, Fuzz: 1},
		},
		{name: "other lines pass through", in: "{not an event\nvet: fine\n", says: "{not an event\nvet: fine\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			r := newReader(&out)
			if err := r.read(strings.NewReader(test.in)); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, r.counts()); diff != "" {
				t.Errorf("counts (-want +got):\n%s", diff)
			}
			if !strings.Contains(out.String(), test.says) || test.not != "" && strings.Contains(out.String(), test.not) {
				t.Errorf("said %q", out.String())
			}
		})
	}
}

func TestReadReport(t *testing.T) {
	for name, test := range map[string]struct {
		in   string
		want counts
	}{
		"vitest":     {`{"numPassedTests":3,"numFailedTests":1,"numPendingTests":2}`, counts{Passed: 3, Failed: 1, Skipped: 2}},
		"playwright": {`{"stats":{"expected":5,"unexpected":0,"flaky":1,"skipped":0}}`, counts{Passed: 5, Failed: 1}},
	} {
		file := filepath.Join(t.TempDir(), "report.json")
		if err := os.WriteFile(file, []byte(test.in), 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := readReport(file)
		if err != nil || got != test.want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestSum(t *testing.T) {
	folder := t.TempDir()
	var out bytes.Buffer
	if err := sum(&out, folder); err == nil {
		t.Error("nothing was run, and the sum is fine")
	}
	for _, s := range []struct {
		name string
		counts
	}{{"second-by-name", counts{Passed: 2, Crash: 1}}, {"first-by-name", counts{Passed: 1, Skipped: 1, Fuzz: 2}}} {
		if err := s.save(folder, s.name); err != nil {
			t.Fatal(err)
		}
	}
	out.Reset()
	if err := sum(&out, folder); err != nil {
		t.Error(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if last := lines[len(lines)-1]; last != "3 passed, 0 failed, 1 skipped" {
		t.Errorf("last line %q", last)
	}
	if !strings.HasPrefix(lines[0], "second-by-name") || !strings.Contains(out.String(), "1 crash cases and 2 fuzz targets") {
		t.Errorf("said %q", out.String())
	}
	if err := (counts{Failed: 1}).save(folder, "bad"); err != nil {
		t.Fatal(err)
	}
	if err := sum(&out, folder); err == nil {
		t.Error("a failure, and the sum is fine")
	}
}

func TestStageCountsWhatFailsWithoutTest(t *testing.T) {
	folder := t.TempDir()
	if err := stage(folder, "lint", "", []string{"false"}); err == nil {
		t.Error("a failed command, and the stage is fine")
	}
	var out bytes.Buffer
	if err := sum(&out, folder); err == nil || !strings.Contains(out.String(), "0 passed, 1 failed, 0 skipped") {
		t.Errorf("sum %q, %v", out.String(), err)
	}
	if err := run([]string{"run", "-dir", folder, "only-a-stage"}); err == nil {
		t.Error("no command, and no error")
	}
}
