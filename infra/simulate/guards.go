package main

import (
	"fmt"
	"io"
	"time"

	"sportello/infra/simulate/guard"
)

// The budget of an experiment: short years, for what a guard prevents happens within days.
const (
	experimentSeeds = 40
	experimentDays  = 20
)

// experiments takes out one guard at a time. One whose removal breaks nothing is no guard, or the simulation is blind.
func experiments(out io.Writer, s settings) error {
	missing := 0
	for _, g := range guard.All() {
		begin := time.Now()
		e := g.Run(max(s.seed, 1), experimentSeeds, min(s.days, experimentDays))
		fmt.Fprintf(out, "without the %s: predicted %s, because %s\n", g.Name, g.Predicts, g.Because)
		if !e.Holds() {
			missing++
			fmt.Fprintf(out, "  NOT BROKEN in %d seeds of %d days \n", e.Seeds, experimentDays)
		} else {
			fmt.Fprintf(out, "  broken after %d seeds, %.1f s: %s\n", e.Seeds, time.Since(begin).Seconds(), e.Broken[0])
		}
		for _, v := range e.Others {
			fmt.Fprintf(out, "  another seed: %s\n", v)
		}
	}
	if missing > 0 {
		return fmt.Errorf("%d guards can be taken out and nobody notices", missing)
	}
	return nil
}
