package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// measurement is one thing that is measured.
type measurement struct {
	name, what string
	run        func(*bench) ([]line, error)
}

var measurements = []measurement{
	{"ledger", "entries per second over a bare SDK loop", ledgers},
	{"registration", "the registration function over a bare loop of its own calls", registrations},
	{"warm", "warm handlers over a no-op function", warm},
	{"start", "start of each function over a no-op function's", starts},
	{"units", "write units and calls of one application of each service, and of a day", applications},
	{"cost", "cost of one application of each service, of a day and of a year", costs},
	{"size", "size of each function as it is uploaded", sizes},
	{"pages", "weight of the first load of three pages", pages},
}

// bench is one run.
type bench struct {
	ctx       context.Context
	root, bin string
	folder    string // temporary
	flags     string // with which functions are built
	quick     bool
	volume    float64 // applications in a year

	deployment deployment
	emulators  emulators
	cloud      *cloud
	noop       string   // the no-op function, once it is built
	stories    *stories // the applications that units and costs are counted on
	untold     error    // why there are none
	closers    []func()
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

// errBroken is returned when everything was tried and a bound is broken or a measurement failed.
var errBroken = errors.New("a bound is broken, or was not measured")

func run(ctx context.Context) error {
	b := &bench{ctx: ctx}
	flag.StringVar(&b.root, "root", ".", "the repository")
	flag.StringVar(&b.flags, "flags", "-trimpath -ldflags=-s -tags=lambda.norpc", "the flags that functions are built with")
	flag.BoolVar(&b.quick, "quick", false, "a fifth of the rounds: whether everything works, not how fast it is")
	flag.Float64Var(&b.volume, "volume", 50_000, "applications in a year")
	only := flag.String("only", "", "measure only these, separated by commas: "+names())
	flag.Parse()
	wanted := strings.FieldsFunc(*only, func(r rune) bool { return r == ',' })
	for _, name := range wanted {
		if !slices.ContainsFunc(measurements, func(m measurement) bool { return m.name == name }) {
			return fmt.Errorf("there is no measurement %q; there are %s", name, names())
		}
	}
	if err := b.prepare(); err != nil {
		return err
	}
	defer b.close()
	return b.measure(wanted)
}

func names() string {
	var list []string
	for _, m := range measurements {
		list = append(list, m.name)
	}
	return strings.Join(list, ", ")
}

func (b *bench) prepare() (err error) {
	if b.root, err = filepath.Abs(b.root); err != nil {
		return err
	}
	b.bin = filepath.Join(b.root, ".local", "bin")
	if b.deployment, err = read(b.root); err != nil {
		return err
	}
	b.folder, err = os.MkdirTemp("", "sportello-bench-")
	return err
}

// close ends what was started, the last first.
func (b *bench) close() {
	for _, end := range slices.Backward(b.closers) {
		end()
	}
	_ = os.RemoveAll(b.folder)
}

func (b *bench) measure(wanted []string) error {
	sound := true
	for _, m := range measurements {
		if len(wanted) > 0 && !slices.Contains(wanted, m.name) {
			continue
		}
		began := time.Now()
		lines, err := m.run(b)
		if b.ctx.Err() != nil {
			return b.ctx.Err()
		}
		if err != nil {
			lines = append(lines, failure(m.name, err))
		}
		for _, l := range lines {
			sound = sound && l.OK
			b.tell(l)
			if err := l.write(os.Stdout); err != nil {
				return err
			}
		}
		b.note("%s: %.1f s", m.what, time.Since(began).Seconds())
	}
	if !sound {
		return errBroken
	}
	return nil
}

// note is for people.
func (b *bench) note(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// tell says a line in short.
func (b *bench) tell(l line) {
	verdict := ""
	if l.Bound != nil {
		verdict = "  bound " + l.Bound.String()
	}
	if !l.OK {
		verdict += "  BROKEN"
		if l.Details["error"] != nil {
			verdict += fmt.Sprint(": ", l.Details["error"])
		}
	}
	b.note("  %-40s %10.4g %-12s%s", l.Name, l.Value, l.Unit, verdict)
}

// rounds is how often something is repeated.
func (b *bench) rounds(n int) int {
	if b.quick {
		return max(2, n/5)
	}
	return n
}
