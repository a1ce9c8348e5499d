// Signatures holds our verdicts on signed files, and the files that we sign ourselves, against other people's tools.
//
//	signatures [-python PATH] [-json FILE] [-only TEXT]      the table: signing desk's files, judged by us, OpenSSL and pyHanko
//	signatures -made -data FOLDER [-python PATH] [-schema FILE] [-json FILE]
//	                                                         what a local cloud has sealed, stamped and packed, judged by OpenSSL, pyHanko and xmllint
//
// It exits with 0 when all agree or disagree for a reason that is written down (reasons.go), 1 when they do not, 2 when it could not be
// found out, 3 when a tool is missing and the table is not whole.
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
)

func main() {
	// A reader of our output that goes away ends the run in order as well: the outside world is not left behind.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGPIPE)
	defer stop()
	o, err := parse(os.Args[1:], os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err == nil {
		err = o.run(ctx, os.Stdout)
	}
	code := exitCode(err)
	if code == 2 {
		fmt.Fprintln(os.Stderr, "signatures:", err)
	}
	os.Exit(code)
}

// What a run can come to besides a fault.
var (
	errDisagree = errors.New("there are disagreements that nothing explains")
	errPartial  = errors.New("a tool is missing: the table is not whole")
)

func exitCode(err error) int {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errDisagree), errors.Is(err, errRefused):
		return 1
	case errors.Is(err, errPartial):
		return 3
	}
	return 2
}

type options struct {
	outside, python, json, only string
	made                        bool
	data, schema                string
}

func parse(args []string, out io.Writer) (o options, err error) {
	set := flag.NewFlagSet("signatures", flag.ContinueOnError)
	set.SetOutput(out)
	set.StringVar(&o.outside, "outside", ".local/bin/outside", "the outside world's program")
	set.StringVar(&o.python, "python", "", "a Python interpreter that has pyHanko")
	set.StringVar(&o.json, "json", "", "write the lines as JSON into this file as well")
	set.StringVar(&o.only, "only", "", "only cases whose \"style fault key\" contains this")
	set.BoolVar(&o.made, "made", false, "judge what a local cloud has made")
	set.StringVar(&o.data, "data", ".local", "with -made: the local cloud's data folder")
	set.StringVar(&o.schema, "schema", "", "with -made: the XML schema of a package's index (UNI 11386)")
	if err := set.Parse(args); err != nil {
		return o, err
	}
	if set.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", set.Arg(0))
	}
	return o, nil
}

func (o options) run(ctx context.Context, out io.Writer) error {
	folder, err := os.MkdirTemp("", "signatures-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	if o.made {
		return o.judgeMade(ctx, folder, out)
	}
	return o.judgeDesk(ctx, folder, out)
}
