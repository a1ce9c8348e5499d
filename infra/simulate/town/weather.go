package town

import (
	"time"

	"sportello/infra/simulate/audit"
	"sportello/infra/simulate/store"
)

// quiet is how many days a world is given to come to rest after the year: the longest way is a term of sixty days, an outcome, the thirty
// days for a rating, and preservation.
const quiet = 130

// forecast plans what befalls the year: partners out of service, queues wiped, mailboxes rebuilt, the register's table restored.
func (w *World) forecast() {
	for day := 3 + w.sky.IntN(10); day < w.Days; day += 15 + w.sky.IntN(30) {
		w.outage(day, &w.registers.CompaniesDown)
	}
	for day := 5 + w.sky.IntN(10); day < w.Days; day += 20 + w.sky.IntN(30) {
		w.outage(day, &w.mail.Down)
	}
	for day := 8 + w.sky.IntN(10); day < w.Days; day += 20 + w.sky.IntN(30) {
		w.outage(day, &w.keeper.Down)
	}
	for day := 6 + w.sky.IntN(10); day < w.Days; day += 20 + w.sky.IntN(30) {
		w.outage(day, &w.protocol.Down)
	}
	for day := 4 + w.sky.IntN(10); day < w.Days; day += 15 + w.sky.IntN(30) {
		w.outage(day, &w.authority.Down)
	}
	for day := 2 + w.sky.IntN(10); day < w.Days; day += 20 + w.sky.IntN(30) {
		w.outage(day, &w.registers.AddressesDown)
	}
	for day := 1 + w.sky.IntN(10); day < w.Days; day += 20 + w.sky.IntN(30) {
		w.outage(day, &w.institute.Down)
	}
	for day := 3 + w.sky.IntN(10); day < w.Days; day += 10 + w.sky.IntN(20) {
		w.outage(day, &w.revocation.Down)
	}
	for day := 1 + w.sky.IntN(6); day < w.Days; day += 3 + w.sky.IntN(12) {
		w.add(w.moment(day), true, w.wipe)
	}
	for day := 9 + w.sky.IntN(20); day < w.Days; day += 40 + w.sky.IntN(60) {
		w.add(w.moment(day), true, func() {
			w.tally["mailboxes rebuilt"]++
			w.mail.Rebuild(w.chambers[w.sky.IntN(len(w.chambers))].ID)
		})
	}
	for day := w.sky.IntN(5); day < w.Days; day += 1 + w.sky.IntN(6) {
		w.resign(day)
	}
	for day := 4 + w.sky.IntN(8); day < w.Days; day += 12 + w.sky.IntN(20) {
		w.fog(day)
	}
	for day := 2 + w.sky.IntN(4); day < w.Days-2; day += 15 + w.sky.IntN(25) {
		w.restore(day)
	}
}

// moment is some instant of a day of the run.
func (w *World) moment(day int) time.Time {
	return w.Start.AddDate(0, 0, day).Add(time.Duration(w.sky.Int64N(int64(24 * time.Hour))))
}

// outage puts a partner out of service for some hours or days.
func (w *World) outage(day int, down *bool) {
	begin := w.moment(day)
	lasts := time.Duration(1+w.sky.IntN(72)) * time.Hour
	w.add(begin, true, func() { *down = !w.closing; w.tally["outages"]++ })
	w.add(begin.Add(lasts), true, func() { *down = false })
}

// resign takes somebody out of their company for some days: who filled in the form may not file it any more.
func (w *World) resign(day int) {
	p := w.people[w.sky.IntN(len(w.people))]
	for _, profile := range p.Profiles[1:] {
		w.add(w.moment(day), true, func() { w.registers.Represent(p.TaxCode, profile.TaxCode, false) })
		w.add(w.moment(day+1+w.sky.IntN(20)), true, func() { w.registers.Represent(p.TaxCode, profile.TaxCode, true) })
	}
}

// fog is a day or two in which the sweep does not run and many messages are lost: what is presented then is registered after its day was
// sealed.
func (w *World) fog(day int) {
	begin := w.moment(day)
	lasts := time.Duration(20+w.sky.IntN(40)) * time.Hour
	w.add(begin, true, func() { w.foggy = !w.closing; w.tally["days without a sweep"]++ })
	w.add(begin.Add(lasts), true, func() {
		w.foggy = false
		w.planSweep(w.now)
	})
}

// wipe loses every message, as a restart of queues in memory does.
func (w *World) wipe() {
	w.tally["queues wiped"]++
	for _, q := range w.queues.all() {
		w.tally["messages wiped"] += q.Wipe()
	}
}

// restore puts the register's table back to what it was some days before. Whoever does that points the functions at the restored table,
// which starts new processes. Some restores come right after the archive took nothing for an hour or two.
func (w *World) restore(day int) {
	copied := w.moment(day)
	back := copied.Add(time.Duration(6+w.sky.IntN(24*9)) * time.Hour)
	if w.sky.IntN(2) == 0 {
		opens := time.Duration(8+w.sky.IntN(8)) * time.Hour
		down := w.Start.AddDate(0, 0, day).Truncate(24 * time.Hour).Add(opens)
		up := down.Add(time.Duration(10+w.sky.IntN(110)) * time.Minute)
		copied, back = down.Add(-time.Hour), up.Add(time.Duration(1+w.sky.IntN(20))*time.Minute)
		w.add(down, true, func() { w.readOnly = !w.closing; w.tally["times the archive took nothing"]++ })
		w.add(up, true, func() { w.readOnly = false })
		for range 24 { // a busy day
			w.errandAt(w.chambers[w.sky.IntN(len(w.chambers))], down.Add(time.Duration(w.sky.Int64N(int64(back.Sub(down))))))
		}
	}
	var then store.Snapshot
	var known audit.Moment
	w.add(copied, true, func() { then, known = w.register.Snapshot(), w.audit.Moment() })
	w.add(back, true, func() {
		if w.closing || then == nil {
			return
		}
		w.tally["registers restored"]++
		w.note("the world", "register", "restored to "+copied.Format(time.RFC3339))
		w.register.Restore(then)
		w.audit.Restored(known)
		w.restart()
	})
}
