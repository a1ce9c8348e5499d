// Rush presents many applications of both services through the public APIs while the functions that serve them are killed at random, then holds
// the register, the payments and the receipts against what was presented.
//
//	rush [-n 3000] [-parallel 8] [-seed 1] [-every 2s] [-patience 6m] [-local …] [-verify …] [-out .local/rush.json] [-keep]
//
// It starts a local cloud of its own on free ports. The schedules run by themselves, so what is told of the time to a number has every wait in it that
// a killed function costs; only when all that was told in time has its number is the clock moved, for the payments that nobody told us of. It writes
// rush.json, and exits with 1 when something was lost, doubled or broken, with 2 when it could not be brought to its end.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"sportello/infra/road"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch err := run(ctx); {
	case errors.Is(err, errBroken):
		fmt.Fprintln(os.Stderr, "rush:", err)
		os.Exit(1)
	case err != nil:
		fmt.Fprintln(os.Stderr, "rush:", err)
		os.Exit(2)
	}
}

// errBroken is returned when the run came to its end and something does not hold.
var errBroken = errors.New("qualcosa non regge")

// options are how a run goes.
type options struct {
	N        int           `json:"n"`
	Parallel int           `json:"parallel"`
	Seed     uint64        `json:"seed"`
	Every    time.Duration `json:"everyNanoseconds"`

	patience time.Duration
	verify   string
}

func run(ctx context.Context) error {
	var o options
	flag.IntVar(&o.N, "n", 3000, "how many applications")
	flag.IntVar(&o.Parallel, "parallel", 8, "how many at a time")
	flag.Uint64Var(&o.Seed, "seed", 1, "of who presents what, and of what is killed")
	flag.DurationVar(&o.Every, "every", 2*time.Second, "mean time between two kills; 0: none")
	flag.DurationVar(&o.patience, "patience", 6*time.Minute, "how long numbers may take before the clock is moved")
	flag.StringVar(&o.verify, "verify", ".local/bin/verify", "the verifier")
	local := flag.String("local", ".local/bin/local", "the local cloud's program")
	out := flag.String("out", ".local/rush.json", "where to write the result for machines")
	keep := flag.Bool("keep", false, "keep the temporary folder")
	flag.Parse()
	if o.N < 1 || o.Parallel < 1 || o.Every < 0 || flag.NArg() > 0 {
		return errors.New("-n and -parallel are at least 1, -every is not negative")
	}
	began := time.Now()
	cloud, err := road.Start(ctx, *local)
	if err != nil {
		return err
	}
	r := &rush{Cloud: cloud, options: o}
	defer func() { r.end(*keep) }()
	if err := r.drive(ctx); err != nil {
		return err
	}
	result := r.judge(ctx)
	result.Seconds = time.Since(began).Seconds()
	if err := result.write(*out); err != nil {
		return err
	}
	result.print()
	if len(result.Breaches) > 0 {
		r.broken = true
		return errBroken
	}
	return nil
}

// rush is one run.
type rush struct {
	*road.Cloud
	options
	cases   []*filed
	offices map[string]*road.Browser
	ahead   time.Duration // the cloud's clock before ours, until it is moved
	tally   tally
	kills   kills
	moved   int // cases told in time that had no number yet when the clock was moved: their waits say nothing
	broken  bool
}

// end stops the cloud; what is broken is kept to be looked at.
func (r *rush) end(keep bool) {
	r.Stop()
	if keep || r.broken {
		fmt.Println("Dati e log in", r.Folder)
		return
	}
	r.Remove()
}

// drive presents everything, killing all the while, and waits for the numbers.
func (r *rush) drive(ctx context.Context) error {
	keys, err := r.Keys()
	if err != nil {
		return err
	}
	r.offices = map[string]*road.Browser{}
	for _, c := range chambers {
		r.offices[c] = road.OpenOffice(r.Cloud, keys[c], officer)
	}
	// The list of who issues qualified certificates is fetched once a minute while there is none.
	if err := r.Fire(ctx, "TrustList"); err != nil {
		return err
	}
	now, err := r.Now(ctx)
	if err != nil {
		return err
	}
	r.ahead = time.Until(now)
	r.cases = r.plan()
	fmt.Printf("%d pratiche, %d alla volta, a %d Camere; seme %d, una funzione uccisa ogni %s in media\n", r.N, r.Parallel, len(chambers), r.Seed, r.Every)
	stop := r.killing(ctx)
	r.present(ctx)
	// What waits for its number is struck too, for a while: then it is to come to its end.
	err = r.numbered(ctx, (*filed).prompt, r.patience/3)
	stop()
	if err != nil {
		return err
	}
	if err := r.numbered(ctx, (*filed).prompt, r.patience); err != nil {
		return err
	}
	return r.late(ctx)
}
