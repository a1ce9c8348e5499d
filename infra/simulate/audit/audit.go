// Package audit holds the simulated sportello to its invariants (I1 to I5 of the design). It watches every commit, keeps its own
// shadow of what must be so, and computes the register's chain, the legal terms and the figures with its own code: nothing here asks the steps
// whether they were right.
//
//	register.go  I2: numbers, chain, sealed days             cases.go  I1, I5: what was presented, and when
//	story.go     I3, I5: each effect once, the terms          final.go  everything, when the world has come to rest
//	payments.go  I1, I3: what was paid, and what went back
//	mail.go      I3: certified messages                       days.go    I1, I2: what was declared of each day
package audit

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"sportello/infra/simulate/store"
	"sportello/shared/domain/application"
	"sportello/shared/domain/layout"
	money "sportello/shared/domain/payment"
	"sportello/shared/platform/table"
)

// Invariant names one of the five.
type Invariant string

// The invariants. Fault stands for an error that nobody caused: no invariant is broken, and yet something is wrong.
const (
	Safe     Invariant = "I1"
	Register Invariant = "I2"
	Once     Invariant = "I3"
	Hidden   Invariant = "I4"
	Clock    Invariant = "I5"
	Fault    Invariant = "fault"
)

// Violation is an invariant that was found broken.
type Violation struct {
	Invariant Invariant
	At        time.Time
	During    string // the step that was at work
	Text      string
}

func (v Violation) String() string {
	return fmt.Sprintf("%s broken at %s in %q: %s", v.Invariant, v.At.Format("2006-01-02T15:04:05.000Z"), v.During, v.Text)
}

// Config is what the auditor looks at.
type Config struct {
	Now           func() time.Time
	During        func() string
	Applications  *store.Table
	Register      *store.Table
	Archive       *store.Archive
	Transmissions func() map[string]int // certified messages taken by the provider, by Message-ID
	// Deposited tells whether the preservation provider holds a package.
	Deposited func(id string) bool
	// Given are the numbers that a chamber's own protocol gave to an event.
	Given func(chamber, event string) []application.External
	// Money is all that the payment institute took, and GivenBack whether it was ordered to give a receipt's money back.
	Money     func() []money.Notice
	GivenBack func(iuv, receipt string) bool
}

// Auditor watches.
type Auditor struct {
	Config
	Violations []Violation

	books   map[string]*book
	events  map[string]place // what has a number
	seals   map[string]string
	cases   map[string]*shadow
	filings map[string]filing // by event
	byDay   map[string][]string
	told    map[string]bool // lines of the timelines
	outbox  map[table.Key]owed
	pending map[table.Key]bool
	unpaid  map[string]bool      // submissions that waited for their payment, and whether they still do
	answers map[string]time.Time // submissions that were answered to the applicant
	arrived map[string]string    // messages in the mailboxes, and the case they are about
	lost    lost
	open    open // problems, when the world has come to rest
}

// New returns an auditor of an empty world, and begins to watch its tables.
func New(c Config) *Auditor {
	a := &Auditor{
		Config: c, books: map[string]*book{}, events: map[string]place{}, seals: map[string]string{}, cases: map[string]*shadow{},
		filings: map[string]filing{}, byDay: map[string][]string{}, told: map[string]bool{}, outbox: map[table.Key]owed{},
		pending: map[table.Key]bool{}, unpaid: map[string]bool{}, answers: map[string]time.Time{}, arrived: map[string]string{}, lost: newLost(),
	}
	c.Applications.Watch = a.applications
	c.Register.Watch = a.register
	return a
}

// most is how many violations are kept: the first is what matters.
const most = 20

// Report notes a violation.
func (a *Auditor) Report(i Invariant, format string, args ...any) {
	if len(a.Violations) < most {
		a.Violations = append(a.Violations, Violation{i, a.Now(), a.During(), fmt.Sprintf(format, args...)})
	}
}

// applications looks at a commit on the applications table.
func (a *Auditor) applications(changes []store.Applied) {
	for _, c := range changes {
		key := c.Key()
		switch {
		case strings.HasPrefix(key.PK, "APP#"):
			a.inCase(strings.TrimPrefix(key.PK, "APP#"), key.SK, c)
		case strings.HasPrefix(key.PK, "OUT#"):
			a.owes(key, c)
		case strings.HasPrefix(key.PK, "PEND#"):
			if c.After.Exists() {
				a.pending[key] = true
			} else {
				delete(a.pending, key)
			}
		case strings.HasPrefix(key.PK, layout.PaymentPrefix):
			a.paid(key, c)
		case strings.HasPrefix(key.PK, "CH#") && strings.HasPrefix(key.SK, layout.IncomingPrefix):
			a.incoming(c)
		}
	}
}

// inCase looks at a row of a case.
func (a *Auditor) inCase(id, sk string, c store.Applied) {
	switch kind, _, _ := strings.Cut(sk, "#"); kind {
	case "META":
		a.meta(id, c)
	case "TL":
		a.line(id, sk, c)
	case "DOC":
		a.document(id, c)
	case "RATING":
		if c.Before.Exists() {
			a.Report(Once, "the rating of %s was changed", id)
		}
	}
}

// parse reads a row; one that cannot be read is a fault of the simulation.
func parse[T any](item table.Item) T {
	var v T
	if !item.Exists() {
		return v
	}
	if err := json.Unmarshal(item.Body, &v); err != nil {
		panic("audit: a row cannot be read: " + err.Error())
	}
	return v
}
