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
			want: counts{Passed: 4, Crash: 2, Fuzz: []string{"p FuzzParse"}},
		},
		{
			name: "other lines pass through, and the last is kept", in: "{not an event\nvet: fine\n\n", says: "{not an event\nvet: fine\n",
			want: counts{Said: "vet: fine"},
		},
		{
			name: "the crash table is shown though its test passes",
			in: `{"Action":"output","Package":"p","Test":"TestCrashTable","Output":"CRASH queue wiped\n"}
{"Action":"output","Package":"p","Test":"TestCrashTable","Output":"not this\n"}
{"Action":"pass","Package":"p","Test":"TestCrashTable"}
`,
			want: counts{Passed: 1, Crash: 1}, says: "CRASH queue wiped\n", not: "not this",
		},
		{
			name: "a fuzz target that is skipped is none",
			in:   `{"Action":"skip","Package":"p","Test":"FuzzParse"}` + "\n",
			want: counts{Skipped: 1},
		},
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
		if diff := cmp.Diff(test.want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
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
	}{
		{"second-by-name", counts{Passed: 2, Crash: 1, Fuzz: []string{"p FuzzA"}}},
		{"first-by-name", counts{Passed: 1, Skipped: 1, Fuzz: []string{"p FuzzA", "p FuzzB"}}}, // FuzzA runs in both stages
		{"simulate", counts{Said: "2 runs, 0 violations"}},
	} {
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
	if !strings.HasPrefix(lines[0], "second-by-name") || !strings.Contains(out.String(), "1 crash cases and 2 fuzz targets") ||
		!strings.HasSuffix(lines[2], "s  2 runs, 0 violations") {
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
