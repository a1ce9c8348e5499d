// Package town is the simulated year: chambers, people, companies and officers who use the sportello's real steps, a clock that only
// moves when something happens, and bad weather.
//
// Everything runs in one goroutine and draws from one seed, so that the same seed replays the same history. A step that is killed panics out of
// its effect and loses all it had in memory; what it committed stays. Steps run inside each other where two instances would run at once.
package town

import (
	"container/heap"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"slices"
	"time"

	"sportello/infra/simulate/audit"
	"sportello/infra/simulate/fault"
	"sportello/infra/simulate/outside"
	"sportello/infra/simulate/store"
	"sportello/shared/domain/application"
	"sportello/shared/domain/catalogue"
	money "sportello/shared/domain/payment"
	"sportello/shared/platform/table"
)

// Options describe a run. The zero value of each field but Seed and Days is usable.
type Options struct {
	Seed     uint64
	Days     int
	Chambers int       // 0: three
	Start    time.Time // zero: chosen so that a New Year lies within
	Calm     bool      // nothing fails, nobody interferes
	Need     int       // kills before and after each pair; 0: 20
	Focus    []string  // pairs to kill more often than others; nil: all that are not covered yet
	// Guard takes a guard out: it wraps the table of that name (applications, register).
	Guard func(name string, t table.Table) table.Table
	Trace io.Writer // the history, line by line
}

// World is a simulated year.
type World struct {
	Options
	now    time.Time
	events events
	count  int

	life, sky *rand.Rand // what people do; what befalls them
	ids       *rand.Rand

	chambers     []catalogue.Chamber
	applications *store.Table
	register     *store.Table
	documents    *store.Archive
	archive      *store.Archive
	queues       queues
	mail         *outside.Mail
	keeper       *outside.Keeper
	authority    *outside.Authority
	protocol     *outside.Protocol
	registers    *outside.Registers
	institute    *outside.Institute
	revocation   *outside.Revocation
	inject       *fault.Injector
	audit        *audit.Auditor
	instances    []*instance // of every function, by how many run at once
	timers       timers
	reading      map[string]bool // chambers whose mailbox will be read soon

	people   []*person
	errands  map[string]*errand // by case
	byNumber map[string]*errand // by number of payment
	byPerson map[*person][]*errand
	tokens   map[string]bool
	readOnly bool // the archive takes nothing
	foggy    bool // the sweep does not run and messages are lost
	closing  bool // the year is over: nobody begins anything new

	history hash.Hash
	lines   int
	tally   map[string]int
}

// New builds a world before its first day.
func New(o Options) *World {
	if o.Chambers == 0 {
		o.Chambers = 3
	}
	if o.Need == 0 {
		o.Need = 20
	}
	if o.Start.IsZero() {
		o.Start = start(o.Days)
	}
	w := &World{
		Options: o, now: o.Start, life: source(o.Seed, 1), sky: source(o.Seed, 2), ids: source(o.Seed, 3),
		chambers:     chambers(o.Chambers),
		applications: store.NewTable(), register: store.NewTable(), documents: store.NewArchive(), archive: store.NewArchive(),
		keeper: outside.NewKeeper(), authority: &outside.Authority{}, protocol: outside.NewProtocol(), institute: outside.NewInstitute(), registers: outside.NewRegisters(), revocation: &outside.Revocation{}, reading: map[string]bool{}, errands: map[string]*errand{}, byNumber: map[string]*errand{}, byPerson: map[*person][]*errand{},
		tokens: map[string]bool{}, history: sha256.New(), tally: map[string]int{},
	}
	w.furnish()
	w.populate()
	w.forget()
	w.regret()
	w.schedule()
	return w
}

// chambers are so many of the catalogue's, with one that keeps a protocol of its own among them.
func chambers(n int) []catalogue.Chamber {
	list := catalogue.Chambers()
	own := slices.IndexFunc(list, func(c catalogue.Chamber) bool { return c.Register.External() })
	if own >= n {
		list[n-1] = list[own]
	}
	return list[:n]
}

// start puts a New Year into the run, early in a short one.
func start(days int) time.Time {
	before := min(days*2/3, 120)
	return time.Date(2027, time.January, 1, 5, 0, 0, 0, time.UTC).AddDate(0, 0, -max(before, 2))
}

func source(seed, stream uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, stream)) }

// furnish makes stores, partners, faults and checks, and ties them to the clock.
func (w *World) furnish() {
	var names []string
	for _, c := range w.chambers {
		names = append(names, c.ID)
	}
	w.mail = outside.NewMail(names...)
	w.mail.Now, w.mail.Random, w.mail.After = w.clock, source(w.Seed, 4), w.after
	w.mail.Arrived, w.mail.Delivered = w.arrived, w.delivered
	w.keeper.Now, w.keeper.Random = w.clock, source(w.Seed, 5)
	w.authority.Now, w.authority.Random = w.clock, source(w.Seed, 9)
	w.protocol.Now, w.protocol.Random = w.clock, source(w.Seed, 8)
	w.institute.Now, w.institute.Random, w.institute.After, w.institute.Told = w.clock, source(w.Seed, 10), w.after, w.told
	w.inject = &fault.Injector{
		Random: source(w.Seed, 6), Off: w.Calm, Cover: fault.NewCoverage(w.Need), Count: map[string]int{}, Tick: w.tick,
		Meet: w.meet, Note: w.note, Rates: fault.Rates{Crash: 0.002, Error: 0.001, Unclear: 0.002, Meet: 0.01},
	}
	if w.Focus != nil {
		w.inject.Cover.Focus(w.Focus)
	}
	w.audit = audit.New(audit.Config{
		Now: w.clock, During: w.during, Applications: w.applications, Register: w.register, Archive: w.archive,
		Transmissions: func() map[string]int { return w.mail.Transmissions }, Deposited: w.keeper.Holds,
		Given: func(chamber, event string) []application.External {
			given, _ := w.protocol.Find(chamber, event) // nobody is out of service at the end
			return given
		},
		Money: func() []money.Notice { return w.institute.Money }, GivenBack: w.institute.Returned,
	})
	watch := w.applications.Watch
	w.applications.Watch = func(changes []store.Applied) {
		watch(changes)
		w.watchTimers(changes)
	}
	w.queues = w.newQueues()
	if !w.Calm {
		w.applications.Lag = w.lag
	}
}

// lag makes index queries miss the newest writes now and then.
func (w *World) lag(waiting int) int {
	if w.inject.Off || w.sky.Float64() > 0.3 {
		return 0
	}
	w.tally["stale index reads"]++
	return w.sky.IntN(min(waiting, 20) + 1)
}

func (w *World) clock() time.Time { return w.now }

func (w *World) during() string {
	if f := w.inject.Frame(); f != nil {
		return f.Step
	}
	return "the world"
}

// tick lets a little time pass at each effect, and now and then more.
func (w *World) tick() {
	d := time.Duration(1+w.sky.IntN(12)) * time.Millisecond
	if w.sky.Float64() < 0.0005 {
		d += time.Duration(w.sky.IntN(20)) * time.Second
	}
	w.now = w.now.Add(d)
}

func (w *World) note(step, effect, outcome string) {
	w.lines++
	line := fmt.Appendf(nil, "%s %d %s | %s | %s\n", w.now.Format("2006-01-02T15:04:05.000"), w.inject.Depth(), step, effect, outcome)
	w.history.Write(line)
	if w.Trace != nil {
		w.Trace.Write(line)
	}
}

// Digest names the history so far.
func (w *World) Digest() string { return hex.EncodeToString(w.history.Sum(nil))[:16] }

// ---- events ----

// event is something that will happen. One that is alone never happens in the middle of a step.
type event struct {
	at    time.Time
	order int
	alone bool
	do    func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(a, b int) bool {
	if !e[a].at.Equal(e[b].at) {
		return e[a].at.Before(e[b].at)
	}
	return e[a].order < e[b].order
}
func (e events) Swap(a, b int) { e[a], e[b] = e[b], e[a] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	old := *e
	last := old[len(old)-1]
	*e = old[:len(old)-1]
	return last
}

func (w *World) at(at time.Time, do func()) { w.add(at, false, do) }

func (w *World) add(at time.Time, alone bool, do func()) {
	w.count++
	heap.Push(&w.events, event{at.Truncate(time.Millisecond), w.count, alone, do})
}

func (w *World) after(wait time.Duration, do func()) { w.at(w.now.Add(wait), do) }

// until runs what happens up to an instant, or to the first violation.
func (w *World) until(end time.Time) {
	for len(w.events) > 0 && !w.events[0].at.After(end) && len(w.audit.Violations) == 0 {
		w.next()
	}
	if end.After(w.now) && len(w.audit.Violations) == 0 {
		w.now = end
	}
}

func (w *World) next() {
	e := heap.Pop(&w.events).(event)
	if e.at.After(w.now) {
		w.now = e.at
	}
	e.do()
}

// ---- steps ----

// errKilled is what becomes of a step whose process was killed.
var errKilled = errors.New("killed")

// step runs a step of the sportello in an instance of its function.
func (w *World) step(name, subject string, meeting func(), do func(i *instance) error) (err error) {
	f := &fault.Frame{Step: name, Subject: subject, Meeting: meeting}
	depth := w.inject.Depth()
	leave := w.inject.Enter(f)
	defer func() {
		killed := recover()
		if crash, ok := killed.(fault.Crash); ok {
			w.instances[depth] = nil // all that was in its memory is gone
			err = fmt.Errorf("%w: %s", errKilled, crash)
		} else if killed != nil {
			panic(killed)
		}
		w.judge(f, err)
		leave()
	}()
	return do(w.instance(depth))
}

// call is step for what a person asks for.
func (w *World) call(name, subject string, do func(i *instance) error) error {
	return w.step(name, subject, nil, do)
}

// maxDepth is how many instances run at once, one inside the other.
const maxDepth = 3

// meet lets somebody else run in the middle of a step.
func (w *World) meet(f *fault.Frame) {
	if w.inject.Depth() >= maxDepth {
		return
	}
	f.Faulty = true // what it finds afterwards may not be what it read before
	w.tally["steps that met another"]++
	chance := w.sky.Float64()
	switch e := w.errands[f.Subject]; {
	case f.Meeting != nil && chance < 0.5:
		f.Meeting()
	case e != nil && chance < 0.7:
		e.rival()
	case len(w.events) > 0 && !w.events[0].alone && w.events[0].at.Before(w.now.Add(20*time.Second)):
		w.next()
	}
}
