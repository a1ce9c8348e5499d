package town

import (
	"bytes"
	"fmt"
	"io"
	"time"

	"sportello/infra/simulate/audit"
	"sportello/infra/simulate/fault"
	"sportello/shared/domain/application"
	"sportello/shared/domain/layout"
	"sportello/shared/platform/table"
)

// Result is what a run saw.
type Result struct {
	Seed       uint64
	Days       int
	Violations []audit.Violation
	Coverage   *fault.Coverage
	Injected   map[string]int // faults of single effects, by name
	Tally      map[string]int // what people did and what befell them
	States     map[application.State]int
	Numbers    Numbers
	Lines      int // of the history
	Digest     string
}

// Numbers is what the register gave.
type Numbers struct{ Given, Annexes, Deferred, Days, Cases, Dead int }

// Run lives the days, then lets the world come to rest and looks at everything.
func (w *World) Run() Result {
	end := w.Start.AddDate(0, 0, w.Days)
	w.until(end)
	if len(w.audit.Violations) == 0 {
		w.rest()
		w.until(end.AddDate(0, 0, quiet))
	}
	if len(w.audit.Violations) == 0 {
		w.audit.Final()
	}
	return w.result()
}

// rest is the end of the year: everything works again, nobody begins anything, and the offices finish what they have.
func (w *World) rest() {
	w.closing, w.foggy, w.readOnly = true, false, false
	w.inject.Off = true
	w.mail.Down, w.keeper.Down, w.registers.CompaniesDown, w.registers.AddressesDown = false, false, false, false
	w.mail.Calm, w.keeper.Calm, w.protocol.Calm, w.protocol.Down = true, true, true, false
	w.authority.Calm, w.authority.Down = true, false
	w.institute.Calm, w.institute.Down = true, false
	w.planSweep(w.now)
	for day := range quiet - 40 {
		for _, c := range w.chambers {
			w.at(w.now.Add(time.Duration(day*24+9)*time.Hour), func() { w.finish(c.ID) })
			w.at(w.now.Add(time.Duration(day*24+10)*time.Hour), func() { w.problems(c) })
		}
	}
}

// finish decides every case of a chamber that is open.
func (w *World) finish(chamber string) {
	for _, c := range w.chambers {
		if c.ID != chamber {
			continue
		}
		for _, id := range w.audit.Open(chamber) {
			w.office(c, w.life.IntN(2), id)
		}
	}
}

func (w *World) result() Result {
	r := Result{
		Seed: w.Seed, Days: w.Days, Violations: w.audit.Violations, Coverage: w.inject.Cover, Injected: w.inject.Count, Tally: w.tally,
		States: w.audit.States(), Lines: w.lines, Digest: w.Digest(),
	}
	n := &r.Numbers
	n.Given, n.Annexes, n.Deferred, n.Days, n.Cases = w.audit.Numbers()
	for _, q := range w.queues.all() {
		n.Dead += q.Dead
	}
	return r
}

// Dump writes the rows of a case, for whoever looks for what went wrong.
func (w *World) Dump(id string, out io.Writer) {
	w.applications.Items(func(item table.Item) {
		if item.PK == layout.Application(id) || bytes.Contains(item.Body, []byte(id)) {
			fmt.Fprintf(out, "%s %s v%d %s\n", item.PK, item.SK, item.Version, item.Body)
		}
	})
}
