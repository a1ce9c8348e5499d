// Tally runs the stages of `make test` and counts what they ran.
//
//	tally run [-report FILE] STAGE COMMAND...   runs one stage and keeps its counts
//	tally sum                                   prints all counts, last the line "N passed, N failed, N skipped"
//
// A stage's output is condensed: a line for each package, and the whole output of what failed. A stage that fails
// without a failed test (a build, a linter) counts as one failure, so that no red stage can look green in the sum.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "tally:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return errors.New("want run or sum")
	}
	flags := flag.NewFlagSet("tally "+args[0], flag.ContinueOnError)
	folder := flags.String("dir", ".local/tally", "where counts are kept")
	report := flags.String("report", "", "a report of vitest or playwright (JSON) to count when the stage ends")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	switch args[0] {
	case "run":
		if flags.NArg() < 2 {
			return errors.New("run wants a stage and a command")
		}
		return stage(*folder, flags.Arg(0), *report, flags.Args()[1:])
	case "sum":
		return sum(os.Stdout, *folder)
	}
	return fmt.Errorf("unknown command %q", args[0])
}

// stage runs the command and keeps its counts, whatever the command's end.
func stage(folder, name, report string, command []string) error {
	fmt.Printf("== %s\n", name)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	if report != "" {
		if err := os.Remove(report); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err // a report of an earlier run must not be counted
		}
	}
	start := time.Now()
	counts, commandErr := execute(command)
	if report != "" {
		reported, err := readReport(report)
		if err != nil && commandErr == nil {
			return fmt.Errorf("reading report of %s: %w", name, err)
		}
		counts.add(reported)
	}
	if commandErr != nil && counts.Failed == 0 {
		counts.Failed = 1
	}
	counts.Seconds = time.Since(start).Seconds()
	fmt.Printf("== %s: %s, %.1f s\n", name, counts.does(), counts.Seconds)
	if err := counts.save(folder, name); err != nil {
		return err
	}
	if commandErr != nil {
		return fmt.Errorf("%s: %w", name, commandErr)
	}
	return nil
}

func execute(command []string) (counts, error) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return counts{}, err
	}
	if err := cmd.Start(); err != nil {
		return counts{}, err
	}
	r := newReader(os.Stdout)
	readErr := r.read(out)
	if err := cmd.Wait(); err != nil {
		return r.counts(), err
	}
	return r.counts(), readErr
}

// path is where the counts of a stage stand.
func path(folder, name string) string { return filepath.Join(folder, name+".json") }
