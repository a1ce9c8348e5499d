// Command outside runs the world around the product on this machine: identity providers, registers,
// certified mail, preservation, a chamber's case system, and pages for people.
//
// It prints one line, READY and a JSON object of its addresses, when everything answers. Killed at
// any moment it goes on where it stopped: what it acknowledged is on disk.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"sportello/infra/local/outside"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "outside:", err)
		os.Exit(1)
	}
}

type options struct {
	http, smtp, imap, data, clockFile, portal, base string
	pace, slow                                      time.Duration
	personas, verbose                               bool
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	if o.personas {
		enc := json.NewEncoder(stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(outside.Personas())
	}
	doors, err := listen(o)
	if err != nil {
		return err
	}
	if o.base == "" {
		_, port, _ := net.SplitHostPort(doors.HTTP.Addr().String())
		o.base = "http://localhost:" + port
	}
	level := slog.LevelInfo
	if o.verbose {
		level = slog.LevelDebug
	}
	world, err := outside.Open(outside.Config{
		Data: o.data, Base: o.base, Portal: o.portal, ClockFile: o.clockFile, Pace: o.pace, SlowCall: o.slow,
		Log: slog.New(slog.NewJSONHandler(stderr, &slog.HandlerOptions{Level: level})),
	})
	if err != nil {
		return err
	}
	ready, err := json.Marshal(map[string]string{
		"http": o.base, "smtp": doors.SMTP.Addr().String(), "imap": doors.IMAP.Addr().String(),
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "READY %s\n", ready)
	return world.Serve(ctx, doors)
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("outside", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.http, "http", "127.0.0.1:8090", "address of the HTTP side")
	f.StringVar(&o.smtp, "smtp", "127.0.0.1:8025", "address of the SMTP server")
	f.StringVar(&o.imap, "imap", "127.0.0.1:8143", "address of the IMAP server")
	f.StringVar(&o.data, "data", ".local/outside", "folder of everything that lasts")
	f.StringVar(&o.clockFile, "clock-file", "", "file with the offset of the clock, in milliseconds")
	f.StringVar(&o.portal, "portal", "http://localhost:8080", "URL of the portal")
	f.StringVar(&o.base, "base", "", "public URL of the HTTP side (default: localhost and the port)")
	f.DurationVar(&o.pace, "pace", 300*time.Millisecond, "real time between the steps of certified mail")
	f.DurationVar(&o.slow, "slow", 20*time.Second, "how long a register switched to slow takes")
	f.BoolVar(&o.personas, "personas", false, "print the personas and the companies as JSON, and exit")
	f.BoolVar(&o.verbose, "verbose", false, "log what the servers do")
	err := f.Parse(args)
	return o, err
}

// listen takes the three addresses; a busy one is named.
func listen(o options) (outside.Listeners, error) {
	var l outside.Listeners
	for _, door := range []struct {
		name, address string
		listener      *net.Listener
	}{{"HTTP", o.http, &l.HTTP}, {"SMTP", o.smtp, &l.SMTP}, {"IMAP", o.imap, &l.IMAP}} {
		listener, err := net.Listen("tcp", door.address)
		if err != nil {
			return l, fmt.Errorf("address %s (%s) cannot be used: %w", door.address, door.name, err)
		}
		*door.listener = listener
	}
	return l, nil
}
