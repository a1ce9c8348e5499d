// Demo drives every service from login to archive through the public APIs only, as different personas, on a fresh local cloud, then holds the
// invariants against what it saw and has the verifier read the archive.
//
//	demo [--local .local/bin/local] [--verify .local/bin/verify] [--out .local/demo.json] [--keep]
//
// It starts the local cloud in a temporary folder on free ports, prints the story, writes demo.json, and exits with 1 when an invariant does not
// hold, with 2 when the story could not be told to its end.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"sportello/infra/road"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx)
	switch {
	case errors.Is(err, errBroken):
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	case err != nil:
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(2)
	}
}

// errBroken is returned when the story was told and an invariant did not hold.
var errBroken = errors.New("demo: un invariante non regge")

func run(ctx context.Context) error {
	local := flag.String("local", ".local/bin/local", "the local cloud's program")
	verify := flag.String("verify", ".local/bin/verify", "the verifier")
	out := flag.String("out", ".local/demo.json", "where to write the result for machines")
	keep := flag.Bool("keep", false, "keep the temporary folder")
	flag.Parse()

	began := time.Now()
	cloud, err := road.Start(ctx, *local)
	if err != nil {
		return err
	}
	defer end(cloud, *keep)
	d := &demo{Cloud: cloud, verifier: *verify}
	if err := d.tell(ctx); err != nil {
		return err
	}
	report := d.check(ctx, filepath.Join(filepath.Dir(*out), "evidence"))
	report.proveVerifier(ctx, d)
	report.Seconds = time.Since(began).Round(time.Second).Seconds()
	if err := report.write(*out); err != nil {
		return err
	}
	report.print()
	if !report.sound() {
		return errBroken
	}
	return nil
}

// end stops the cloud and, unless it is to be kept, removes its folder.
func end(cloud *road.Cloud, keep bool) {
	cloud.Stop()
	if keep {
		fmt.Println("Dati in", cloud.Folder)
		return
	}
	cloud.Remove()
}
