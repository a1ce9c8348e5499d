// Simulate lives a year of the sportello in seconds: the real steps over stores, queues, partners and a clock in memory, driven by a seed,
// killed between any two effects, with messages lost, doubled, late and out of order, commits whose outcome is unknown, index reads that are
// stale, partners out of service and a register table restored from a copy. The invariants I1 to I5 are checked all along and when the
// world has come to rest.
//
//	simulate -seeds 3            three years, seeds 1 to 3
//	simulate -seed 7 -trace      one year again, with its history
//	simulate -guards             takes one guard out at a time and shows that its invariant breaks
//
// It exits non-zero on a violation, or when a pair of step and effect was not killed before and after often enough.
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"time"

	"sportello/infra/simulate/town"
)

func main() {
	// The steps' own warnings are part of what is simulated; the history tells them better.
	slog.SetDefault(slog.New(slog.DiscardHandler))
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "simulate:", err)
		os.Exit(1)
	}
}

type settings struct {
	seeds, days, chambers, need, workers int
	seed                                 uint64
	trace, guards, pairs                 bool
	focus                                string
}

func run(args []string, out io.Writer) error {
	var s settings
	flags := flag.NewFlagSet("simulate", flag.ContinueOnError)
	flags.IntVar(&s.seeds, "seeds", 1, "how many years, with the seeds from 1 on")
	flags.Uint64Var(&s.seed, "seed", 0, "only this seed")
	flags.IntVar(&s.days, "days", 365, "days of a run")
	flags.IntVar(&s.chambers, "chambers", 3, "chambers, 1 to 7")
	flags.IntVar(&s.need, "need", 20, "how often each pair must be killed, before and after")
	flags.IntVar(&s.workers, "workers", runtime.GOMAXPROCS(0), "runs at the same time, each with its own world")
	flags.BoolVar(&s.trace, "trace", false, "print the history, line by line")
	flags.BoolVar(&s.guards, "guards", false, "take out one guard at a time until its invariant breaks")
	flags.StringVar(&s.focus, "focus", "", "kill these pairs more often than others, as a failed run's replay command says (separated by semicolons)")
	flags.BoolVar(&s.pairs, "pairs", true, "print the pairs")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	s.workers = max(s.workers, 1)
	if s.trace {
		s.workers = 1 // one history at a time
	}
	if s.days < 1 || s.chambers < 1 || s.chambers > 7 || s.seeds < 1 {
		return errors.New("want at least one day, one seed and 1 to 7 chambers")
	}
	if s.guards {
		return experiments(out, s)
	}
	return years(out, s)
}

// years runs one world for each seed, as many at a time as there are processors, and prints them in the order of the seeds.
func years(out io.Writer, s settings) error {
	seeds := []uint64{s.seed}
	if s.seed == 0 {
		seeds = nil
		for n := range s.seeds {
			seeds = append(seeds, uint64(n+1))
		}
	}
	begin := time.Now()
	sum := newSummary(out, s)
	var runs []town.Options
	for _, seed := range seeds {
		o := town.Options{Seed: seed, Days: s.days, Chambers: s.chambers, Need: s.need}
		if s.focus != "" {
			o.Focus = strings.Split(s.focus, ";")
		}
		runs = append(runs, o)
	}
	live(runs, s, out, sum.add)
	// What happens only a few times a year, such as a register being opened, is met more often around New Year and with all chambers.
	for n := uint64(1); n <= makeUps && s.days >= makeUpFrom && len(sum.coverage.Uncovered()) > 0 && !sum.broken(); n += uint64(s.workers) {
		runs = nil
		for k := range uint64(s.workers) {
			runs = append(runs, town.Options{
				Seed: seeds[0]*makeUpSeeds + n + k, Days: makeUpDays, Chambers: 7, Need: s.need, Focus: sum.coverage.Uncovered(),
			})
		}
		live(runs, s, out, sum.add)
	}
	return sum.print(time.Since(begin))
}

// Runs that make up for rare pairs follow only on whole years.
const (
	makeUps     = 40
	makeUpDays  = 12
	makeUpFrom  = 300
	makeUpSeeds = 1000
)

type yearOf struct {
	town.Result
	options town.Options
	took    time.Duration
}

// live runs worlds, as many at a time as there are workers, and hands on the results in the order of the runs.
func live(runs []town.Options, s settings, out io.Writer, done func(yearOf)) {
	results := make([]chan yearOf, len(runs))
	for n := range results {
		results[n] = make(chan yearOf, 1)
	}
	slots := make(chan struct{}, max(s.workers, 1))
	go func() {
		for n, o := range runs {
			slots <- struct{}{}
			go func() {
				results[n] <- one(o, s, out)
				<-slots
			}()
		}
	}()
	for _, result := range results {
		done(<-result)
	}
}

func one(o town.Options, s settings, out io.Writer) yearOf {
	begin := time.Now()
	if s.trace {
		history := bufio.NewWriter(out)
		o.Trace = history
		defer history.Flush()
	}
	return yearOf{town.New(o).Run(), o, time.Since(begin)}
}
