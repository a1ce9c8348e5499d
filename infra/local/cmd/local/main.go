// Command local is the local cloud: it builds what is stale and runs the
// product on this machine from template.yaml, with no account and no container.
//
//	local build     builds functions, emulators and site, as far as they are stale
//	local run       runs the local cloud until it is interrupted
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
	"syscall"

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
	if len(args) == 0 {
		return errors.New("usage: local build | run | version")
	}
	set := flag.NewFlagSet("local "+args[0], flag.ContinueOnError)
	var c supervisor.Config
	complete := c.Flags(set, os.Getenv)
	if err := set.Parse(args[1:]); err != nil {
		return err
	}
	if set.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", set.Arg(0))
	}
	if err := complete(); err != nil {
		return err
	}
	switch args[0] {
	case "run":
		return runCloud(ctx, c)
	}
	return fmt.Errorf("unknown command %q: build, run or version", args[0])
}

func runCloud(ctx context.Context, c supervisor.Config) error {
	// Standard output belongs to the READY line when a program reads it.
	var out io.Writer = os.Stdout
	var ready func(supervisor.Addresses)
	if c.FreePorts {
		out, ready = os.Stderr, supervisor.Ready(os.Stdout)
	}
	return supervisor.Run(ctx, c, out, ready)
}
