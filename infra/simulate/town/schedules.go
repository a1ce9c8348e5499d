package town

import (
	"container/heap"
	"context"
	"encoding/json"
	"time"

	"sportello/infra/simulate/audit"
	"sportello/infra/simulate/store"
	"sportello/shared/domain/catalogue"
	"sportello/shared/domain/deadline"
	"sportello/shared/domain/layout"
	"sportello/shared/platform/table"
)

// schedule begins what comes back by itself: days being closed, mailboxes, people and weather.
func (w *World) schedule() {
	today := deadline.DateOf(w.now)
	for day := range w.Days + quiet {
		date := today.AddDays(day)
		w.add(date.Start().Add(3*time.Hour), false, w.closeDays)
		w.add(date.Start().Add(12*time.Hour+5*time.Minute), false, w.alarms)
		if day >= w.Days {
			continue
		}
		w.add(date.Start(), true, func() { w.dawn(date) })
	}
	if !w.Calm {
		w.forecast()
	}
}

// dawn plans what people will do on a day, and looks at the world as it is.
func (w *World) dawn(date deadline.Date) {
	if date.Day == 1 || date.Day == 16 {
		w.audit.Check()
		w.tidy()
	}
	for _, c := range w.chambers {
		w.planApplicants(c, date)
		w.planOffice(c, date)
		w.planMail(c, date)
	}
	w.planStrangers(date)
}

// closeDays is the schedule of 03:00; now and then it does not fire, or fires twice.
func (w *World) closeDays() {
	times := 1
	if !w.inject.Off {
		switch chance := w.sky.Float64(); {
		case chance < 0.02:
			times = 0
		case chance < 0.06:
			times = 2
		}
	}
	for range times {
		for _, c := range w.chambers {
			_ = w.call("plan days", "", func(i *instance) error { return i.registration.PlanDays(context.Background(), c.ID) })
		}
	}
}

// alarms is what the alarms are told from, but for the ends of chambers' keys, which no history touches; now and then is enough here.
func (w *World) alarms() {
	if w.closing || w.life.IntN(3) > 0 && w.now.After(w.Start.AddDate(0, 0, 10)) {
		return
	}
	for _, c := range w.chambers {
		_ = w.call("alarms", "", func(i *instance) error {
			if _, err := i.registration.Unsealed(context.Background(), c.ID); err != nil {
				return err
			}
			if _, err := i.inbox.Age(context.Background(), c); err != nil {
				return err
			}
			_, err := i.deadlines.OpenProblems(context.Background(), c.ID)
			return err
		})
	}
}

// ---- the sweep ----

// timers knows when the sweep has something to do, from the table as it truly is: a sweep in each idle minute would change nothing.
type timers struct {
	due   map[table.Key]time.Time
	queue timerQueue
	ticks map[int64]bool // minutes at which a sweep is planned
	stuck map[table.Key]int
}

type timer struct {
	at  time.Time
	key table.Key
}

type timerQueue []timer

func (q timerQueue) Len() int { return len(q) }
func (q timerQueue) Less(a, b int) bool {
	if !q[a].at.Equal(q[b].at) {
		return q[a].at.Before(q[b].at)
	}
	return q[a].key.PK+q[a].key.SK < q[b].key.PK+q[b].key.SK
}
func (q timerQueue) Swap(a, b int) { q[a], q[b] = q[b], q[a] }
func (q *timerQueue) Push(x any)   { *q = append(*q, x.(timer)) }
func (q *timerQueue) Pop() any {
	old := *q
	last := old[len(old)-1]
	*q = old[:len(old)-1]
	return last
}

// watchTimers notes when each row is due.
func (w *World) watchTimers(changes []store.Applied) {
	t := &w.timers
	if t.due == nil {
		t.due, t.ticks, t.stuck = map[table.Key]time.Time{}, map[int64]bool{}, map[table.Key]int{}
	}
	for _, c := range changes {
		key := c.Key()
		place, placed := c.After.Index[layout.Timers]
		at, ok := layout.TimerInstant(place)
		if !placed || !ok {
			delete(t.due, key)
			delete(t.stuck, key)
			continue
		}
		if !t.due[key].Equal(at) {
			delete(t.stuck, key)
		}
		t.due[key] = at
		heap.Push(&t.queue, timer{at, key})
		w.planSweep(at)
	}
}

// planSweep plans a sweep at the first full minute after an instant.
func (w *World) planSweep(at time.Time) {
	if at.Before(w.now) {
		at = w.now
	}
	minute := at.Unix()/60 + 1
	if w.timers.ticks[minute] {
		return
	}
	w.timers.ticks[minute] = true
	w.at(time.Unix(minute*60, 0).UTC(), func() {
		delete(w.timers.ticks, minute)
		w.sweep()
	})
}

// tooLong is after how many sweeps a row that is still due is stuck in silence.
const tooLong = 5000

func (w *World) sweep() {
	if w.foggy {
		return
	}
	_ = w.call("sweep", "", func(i *instance) error {
		_, err := i.deadlines.Sweep(context.Background())
		return err
	})
	w.tally["sweeps"]++
	// What is still due was missed: by an index that lagged, by a crash, by an error. The next minute's sweep finds it.
	t := &w.timers
	var left []timer
	for len(t.queue) > 0 && !t.queue[0].at.After(w.now) {
		first := heap.Pop(&t.queue).(timer)
		if at, ok := t.due[first.key]; ok && at.Equal(first.at) {
			left = append(left, first)
		}
	}
	for _, one := range left {
		heap.Push(&t.queue, one)
		if t.stuck[one.key]++; t.stuck[one.key] == tooLong {
			w.audit.Report(audit.Safe, "%s %s has been due since %s and no sweep moves it", one.key.PK, one.key.SK, one.at)
		}
	}
	if len(left) > 0 {
		w.planSweep(w.now)
	}
}

// ---- the mailboxes ----

// arrived plans a reading of a chamber's mailbox: at the next minute or some minutes later.
func (w *World) arrived(chamber string) {
	w.planReading(chamber, time.Duration(1+w.sky.IntN(4))*time.Minute)
}

func (w *World) planReading(chamber string, wait time.Duration) {
	if w.reading[chamber] {
		return
	}
	w.reading[chamber] = true
	w.after(wait, func() {
		w.reading[chamber] = false
		w.readMail(chamber)
	})
}

func (w *World) readMail(chamber string) {
	c, _ := catalogue.ChamberByID(chamber)
	_ = w.step("inbox", "", func() { w.tally["second instances"]++; w.readMail(chamber) }, func(i *instance) error {
		_, err := i.inbox.Read(context.Background(), c)
		return err
	})
	var cursor struct {
		Validity, Last uint32
	}
	item := w.applications.Peek(layout.Mailbox(c.ID, c.PEC))
	if item.Exists() {
		if err := json.Unmarshal(item.Body, &cursor); err != nil {
			panic("town: a cursor cannot be read: " + err.Error())
		}
	}
	if w.mail.Unread(chamber, cursor.Validity, cursor.Last) {
		wait := time.Minute
		if w.mail.Down {
			wait = 30 * time.Minute
		}
		w.planReading(chamber, wait)
	}
}

// tidy drops the bytes of packages that are preserved: nothing reads them again.
func (w *World) tidy() {
	if w.inject.Depth() > 0 {
		return
	}
	for _, id := range w.audit.Preserved() {
		w.archive.Forget(layout.Package(id))
	}
}
