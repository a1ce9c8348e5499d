// Verify re-derives the register, its archive and what was preserved from what lies there, and names the first record that does not hold.
// It reads and never writes, and shares no code with what it checks (infra/docs/register-format.md is all it knows).
//
// It exits with 0 if everything holds, 1 if something does not, 2 if it could not look. make verify runs it over the local cloud's data;
// an operator runs it over AWS, or over a copy of the archive's bucket and an export of the tables.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"sportello/infra/verify/audit"
	"sportello/infra/verify/finding"
)

// What the exit code says.
const (
	holds  = 0
	broken = 1
	failed = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

// run is the whole program.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	o, err := parse(args, getenv, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return holds
	}
	if err == nil && o.flips > 0 {
		return o.turn(ctx, stdout, stderr)
	}
	if err == nil && o.evidence != "" {
		return o.prove(stdout, stderr)
	}
	if err == nil {
		var report audit.Report
		if report, err = o.check(ctx); err == nil {
			return o.tell(stdout, report)
		}
	}
	fmt.Fprintln(stderr, "verify:", err)
	return failed
}

// check opens the sources and looks.
func (o options) check(ctx context.Context) (audit.Report, error) {
	in, err := o.open(ctx)
	if err != nil {
		return audit.Report{}, err
	}
	defer in.close()
	return look(ctx, in, o.settle)
}

// tries is how often a system that moves is looked at before the last finding counts.
const tries = 5

// look runs the audit. What a running system shows for a moment is no finding: it is one when it is seen twice, the second time after it
// had time to settle.
func look(ctx context.Context, in input, settle time.Duration) (audit.Report, error) {
	var last *finding.Broken
	for try := 1; ; try++ {
		report, err := audit.Run(ctx, in.Config)
		report.Notes = append(in.notes[:len(in.notes):len(in.notes)], report.Notes...)
		if err != nil || report.OK || !in.live || try == tries || last != nil && *last == *report.Broken {
			return report, err
		}
		last = report.Broken
		select {
		case <-time.After(settle):
		case <-ctx.Done():
			return report, ctx.Err()
		}
	}
}
