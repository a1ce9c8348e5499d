package town_test

import (
	"os"
	"strconv"
	"testing"
	"time"

	"sportello/infra/simulate/town"
)

func TestCalm(t *testing.T) {
	begin := time.Now()
	o := town.Options{Seed: 1, Days: 6, Calm: true}
	if os.Getenv("TRACE") != "" {
		o.Trace = os.Stderr
	}
	r := town.New(o).Run()
	t.Logf("%v %+v %v %v %v %s", time.Since(begin), r.Numbers, r.Tally, r.States, r.Lines, r.Digest)
	for _, v := range r.Violations {
		t.Error(v)
	}
}

func TestStorm(t *testing.T) {
	begin := time.Now()
	seed, _ := strconv.ParseUint(os.Getenv("SEED"), 10, 64)
	days, _ := strconv.Atoi(os.Getenv("DAYS"))
	o := town.Options{Seed: seed, Days: max(days, 5)}
	if os.Getenv("TRACE") != "" {
		o.Trace = os.Stderr
	}
	w := town.New(o)
	r := w.Run()
	if id := os.Getenv("CASE"); id != "" {
		w.Dump(id, os.Stdout)
	}
	t.Logf("%v %+v %v %v %v %s %v", time.Since(begin), r.Numbers, r.Tally, r.States, r.Lines, r.Digest, r.Injected)
	t.Logf("pairs %d crashes %d uncovered %d", r.Coverage.Len(), r.Coverage.Crashes(), len(r.Coverage.Uncovered()))
	for _, v := range r.Violations {
		t.Error(v)
	}
}
