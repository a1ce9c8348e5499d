package audit

import (
	"maps"
	"slices"
	"time"

	"sportello/shared/domain/layout"
)

// Moment is the register as it was when its table was copied.
type Moment struct {
	books  map[string]*book
	events map[string]place
	seals  map[string]string
}

// Moment returns the register as it is.
func (a *Auditor) Moment() Moment {
	m := Moment{map[string]*book{}, maps.Clone(a.events), maps.Clone(a.seals)}
	for name, b := range a.books {
		m.books[name] = b.clone()
	}
	return m
}

// lost is what a restore took out of the table and the archive still has: all of it must come back as it was.
type lost struct {
	records map[string]map[uint64]record
	seals   map[string]string
}

func newLost() lost { return lost{map[string]map[uint64]record{}, map[string]string{}} }

// Restored tells that the register's table is again what it was at a moment.
func (a *Auditor) Restored(m Moment) {
	for name, b := range a.books {
		kept := 0
		if old, ok := m.books[name]; ok {
			kept = len(old.records)
		}
		for _, r := range b.records[kept:] {
			if a.Archive.Has(layout.Block(name, r.First)) {
				if a.lost.records[name] == nil {
					a.lost.records[name] = map[uint64]record{}
				}
				a.lost.records[name][r.Seq] = r
			}
		}
	}
	for key, words := range a.seals {
		chamber, day := key[:len(key)-11], key[len(key)-10:]
		if _, kept := m.seals[key]; !kept && a.Archive.Has(layout.Seal(chamber, day)) {
			a.lost.seals[key] = words
		}
	}
	a.books, a.events, a.seals = map[string]*book{}, maps.Clone(m.events), maps.Clone(m.seals)
	for name, b := range m.books {
		a.books[name] = b.clone()
	}
}

// expects tells whether a record is one that was lost, as it was.
func (l lost) expects(r record) bool {
	was, ok := l.records[r.Book][r.Seq]
	return ok && was == r
}

// back takes in a record; if one with its seq was lost, it must be the same.
func (l lost) back(a *Auditor, r record) {
	if was, ok := l.records[r.Book][r.Seq]; ok && was != r {
		a.Report(Register, "%s: seq %d was %s before the table was restored, and is now %s", r.Book, r.Seq, was.Event, r.Event)
	}
}

// seal takes in a seal; if that day's was lost, it must be the same. It tells whether it was one that came back.
func (l lost) seal(a *Auditor, key, words string) bool {
	was, ok := l.seals[key]
	if ok && was != words {
		a.Report(Register, "the seal of %s is another one since the table was restored", key)
	}
	return ok
}

// missing reports what never came back.
func (a *Auditor) missing() {
	for _, name := range slices.Sorted(maps.Keys(a.lost.records)) {
		for _, seq := range slices.Sorted(maps.Keys(a.lost.records[name])) {
			if b, ok := a.books[name]; !ok || uint64(len(b.records)) < seq {
				a.Report(Register, "%s: seq %d never came back after the table was restored", name, seq)
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(a.lost.seals)) {
		if _, ok := a.seals[key]; !ok {
			a.Report(Register, "the seal of %s never came back after the table was restored", key)
		}
	}
}

func yesterday(day string) string {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return ""
	}
	return t.AddDate(0, 0, -1).Format(time.DateOnly)
}
