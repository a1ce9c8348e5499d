package audit

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"sportello/shared/domain/application"
	"sportello/shared/domain/layout"
	"sportello/shared/flow/problems"
	"sportello/shared/platform/table"
)

// Check looks at what can be looked at while things are on their way.
func (a *Auditor) Check() {
	for _, name := range slices.Sorted(maps.Keys(a.books)) {
		a.table(name)
		a.archived(name, false)
	}
	a.mail()
	a.ratings()
	a.terms()
}

// Final looks at a world that has come to rest: nothing is owed any more, and every case has its end or an owner.
func (a *Auditor) Final() {
	a.Check()
	for _, name := range slices.Sorted(maps.Keys(a.books)) {
		a.archived(name, true)
	}
	a.beside()
	a.missing()
	a.received()
	for _, key := range slices.Sorted(maps.Keys(a.seals)) {
		words := a.seals[key]
		chamber, day := key[:len(key)-11], key[len(key)-10:]
		kept, err := a.Archive.Get(context.Background(), layout.Seal(chamber, day))
		if err != nil || string(kept) != words {
			a.Report(Register, "the archived seal of %s is not the one that was committed", key)
		}
	}
	a.days()
	a.open = a.problems()
	a.owedAtRest(a.open)
	a.ends(a.open)
	a.money()
}

// open are the problems that nobody has resolved: by case, and by the row they parked.
type open struct {
	cases map[string]bool
	rows  map[table.Key]bool
}

func (a *Auditor) problems() open {
	o := open{map[string]bool{}, map[table.Key]bool{}}
	for _, item := range rows(a.Applications, "CH#") {
		if !strings.HasPrefix(item.SK, layout.ProblemPrefix) {
			continue
		}
		p := parse[problems.Problem](item)
		if p.ResolvedAt != nil {
			continue
		}
		if p.Application != "" {
			o.cases[p.Application] = true
		}
		if p.Work != nil {
			o.rows[*p.Work] = true
		}
	}
	return o
}

// owedAtRest: no effect is owed but what is parked under an open problem; nothing is pending but what waits there for its number.
func (a *Auditor) owedAtRest(o open) {
	parked := map[string]bool{}
	for _, key := range slices.SortedFunc(maps.Keys(a.outbox), byKey) {
		row := a.outbox[key]
		switch {
		case !row.Parked:
			a.Report(Safe, "still owed: %s of %s (case %s)", row.Kind, row.Day, row.Application)
		case !o.rows[key]:
			a.Report(Safe, "parked without an open problem: %s of case %s", row.Kind, row.Application)
		default:
			parked[row.Event] = true
		}
	}
	for _, key := range slices.SortedFunc(maps.Keys(a.pending), byKey) {
		if !parked[key.SK] {
			a.Report(Safe, "still pending: %s on %s", key.SK, key.PK)
		}
	}
}

func byKey(x, y table.Key) int { return cmp.Or(cmp.Compare(x.PK, y.PK), cmp.Compare(x.SK, y.SK)) }

// ends: every case that was presented is preserved, or ended unpaid, or has an open problem.
func (a *Auditor) ends(o open) {
	for _, id := range slices.Sorted(maps.Keys(a.cases)) {
		if s := a.cases[id]; !s.state.Final() && !s.unbought && !o.cases[id] {
			a.Report(Safe, "case %s is %s, nothing is owed and nobody has a problem with it", id, s.state)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(a.answers)) {
		if _, ok := a.cases[id]; !ok {
			a.Report(Safe, "case %s was answered as presented and does not exist", id)
		}
	}
}

// Numbers counts what was registered.
func (a *Auditor) Numbers() (numbers, annexes, deferred, sealed, cases int) {
	for _, b := range a.books {
		for _, r := range b.records {
			if r.Annex > 0 {
				annexes++
				continue
			}
			numbers++
			if f := a.filings[r.Event]; f.date != r.Page {
				deferred++
			}
		}
	}
	return numbers, annexes, deferred, len(a.seals), len(a.cases)
}

// States counts the cases in each state.
func (a *Auditor) States() map[application.State]int {
	n := map[application.State]int{}
	for _, s := range a.cases {
		n[s.state]++
	}
	return n
}

// Presented tells when a case was presented.
func (a *Auditor) Presented(id string) (time.Time, bool) {
	s, ok := a.cases[id]
	if !ok {
		return time.Time{}, false
	}
	return s.presented, true
}

// Preserved lists the cases that came to their end.
func (a *Auditor) Preserved() []string {
	var list []string
	for _, id := range slices.Sorted(maps.Keys(a.cases)) {
		if a.cases[id].state == application.Preserved {
			list = append(list, id)
		}
	}
	return list
}

// Open lists the cases of a chamber that the office has still to decide.
func (a *Auditor) Open(chamber string) []string {
	var list []string
	for _, id := range slices.Sorted(maps.Keys(a.cases)) {
		if s := a.cases[id]; s.chamber == chamber && s.state.Open() {
			list = append(list, id)
		}
	}
	return list
}
