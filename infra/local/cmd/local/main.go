// Command local is the local cloud: it runs the product on this machine from
// template.yaml, with no account and no container.
//
//	local [run]     builds what is stale, and runs until it is interrupted
//	local build     builds functions, emulators and site, as far as they are stale
//	local grants    prints which permissions of the template no run used (--grants)
//	local version   prints the versions of what it is made of
//
// Every flag has an environment variable; `local run -help` lists both.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"sportello/infra/local/build"
	"sportello/infra/local/supervisor"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	err := run(ctx, os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "local:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	command := "run"
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		command, args = args[0], args[1:]
	}
	set := flag.NewFlagSet("local "+command, flag.ContinueOnError)
	var c supervisor.Config
	complete := c.Flags(set, os.Getenv)
	asIs := set.Bool("no-build", os.Getenv("NO_BUILD") != "", "run what is built already (NO_BUILD)")
	if err := set.Parse(args); err != nil {
		return err
	}
	if set.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", set.Arg(0))
	}
	if err := complete(); err != nil {
		return err
	}
	// Standard output belongs to the READY line when a program reads it.
	out := os.Stdout
	var ready func(supervisor.Addresses)
	if c.FreePorts {
		out, ready = os.Stderr, supervisor.Ready(os.Stdout)
	}
	c.Plain = c.Plain || !terminal(out)
	switch command {
	case "build":
		return makeAll(ctx, c, out)
	case "run":
		if !*asIs {
			if err := makeAll(ctx, c, out); err != nil {
				return err
			}
		}
		err := supervisor.Run(ctx, c, out, ready)
		if ctx.Err() != nil {
			return nil
		}
		return err
	case "grants":
		return supervisor.Unused(c, os.Stdout)
	case "version":
		return version(os.Stdout)
	}
	return fmt.Errorf("unknown command %q: run, build, grants or version", command)
}

func makeAll(ctx context.Context, c supervisor.Config, out io.Writer) error {
	return build.Run(ctx, build.Config{
		Root: c.Root, Bin: c.Bin, Output: out,
		Report: func(phase string, took time.Duration) {
			_, _ = fmt.Fprintf(out, "  %-20s %6.1f s\n", phase, took.Seconds())
		},
	})
}

func terminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// version prints this module's dependencies that decide how the cloud behaves.
func version(w io.Writer) error {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return errors.New("this binary has no build information")
	}
	_, _ = fmt.Fprintln(w, "local", info.Main.Version, runtime.Version(), runtime.GOOS+"/"+runtime.GOARCH)
	for _, d := range info.Deps {
		if strings.HasPrefix(d.Path, "github.com/aws/aws-sdk-go-v2/service/") && !strings.Contains(d.Path, "/internal/") || d.Path == "github.com/dop251/goja" {
			_, _ = fmt.Fprintln(w, d.Path, d.Version)
		}
	}
	return nil
}
