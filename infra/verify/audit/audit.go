// Package audit re-derives a register, its archive and what was preserved from what lies there, and names the first record that does not
// hold. The order is fixed: books in the order of their names and records in the order of seq, then sealed days, received mail, packages,
// sent mail, and last what an archive should not have at all.
package audit

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"sportello/infra/verify/finding"
	"sportello/infra/verify/signature"
	"sportello/infra/verify/source"
)

// Config is what to look at. Only Objects is required.
type Config struct {
	// Objects is the archive.
	Objects source.Objects
	// Register and Applications are the tables; nil: not looked at, and the report says what that leaves open.
	Register, Applications source.Rows
	// Preservation and Mail are the authorities of the preservation provider and of the certified mail providers. nil: of a receipt only the
	// signature itself is checked, of mail no signature.
	Preservation, Mail *signature.Roots
	// Seals are the authorities of the sportello's seal, Stamps those of the time-stamping authority. nil: only the signatures themselves are checked.
	Seals, Stamps *signature.Roots
	// Before is what an earlier report saw: it must still be there. nil: nothing is known.
	Before *Memory
	// OlderTables tells that the tables were written out before the archive was copied: records that they do not have yet are no finding.
	OlderTables bool
	// Known is what an earlier run understood of the same bytes. nil: everything is computed.
	Known *Known
}

// Counts is what was looked at.
type Counts struct {
	Books      int `json:"books"`
	Entries    int `json:"entries"`
	Annexes    int `json:"annexes"`
	Blocks     int `json:"blocks"`
	Seals      int `json:"seals"`
	Statements int `json:"statements"`
	Packages   int `json:"packages"`
	Receipts   int `json:"receipts"`
	Mails      int `json:"mails"`
	Rows       int `json:"rows"`
}

// Report is the outcome.
type Report struct {
	OK      bool   `json:"ok"`
	Checked Counts `json:"checked"`
	// Broken is the first record that does not hold.
	Broken *finding.Broken `json:"broken,omitempty"`
	// Notes say, in Italian, what could not be checked and why.
	Notes []string `json:"notes,omitempty"`
	// Open are the bytes that nothing authenticates, or not yet, each range with its reason.
	Open []finding.Open `json:"unauthenticated,omitempty"`
	Memory

	open
}

// Run looks at everything. An error means that it could not look: it is no verdict.
func Run(ctx context.Context, c Config) (Report, error) {
	a := &audit{
		Config: c, ctx: ctx, shelves: map[string]*shelf{}, events: map[string]*kept{}, stamps: map[string]*kept{},
		cases: map[string][]*kept{}, days: map[string]map[string]*day{}, received: map[string]received{},
	}
	err := a.run()
	if broken, ok := finding.Of(err); ok {
		a.report.Broken, err = broken, nil
	}
	a.report.OK = err == nil && a.report.Broken == nil
	a.report.Memory = a.remember()
	return a.report, err
}

// audit is one run.
type audit struct {
	Config
	ctx    context.Context
	report Report

	inventory
	rows     *rows // nil without the register's table
	shelves  map[string]*shelf
	events   map[string]*kept   // by event
	stamps   map[string]*kept   // by segnatura
	cases    map[string][]*kept // by application
	days     map[string]map[string]*day
	received map[string]received // by digest

	carried       map[string][][]byte // messages that delivery receipts carried back, by case and message
	confirmations map[string]bool     // sent mail that a package or a receipt confirms, by key
	digestOf      map[string]string   // packages, by application
	parted        map[parted]bool     // payments whose case ended unpaid and was removed
}

func (a *audit) run() error {
	if err := a.read(); err != nil {
		return err
	}
	for _, name := range a.books() {
		if err := a.book(name); err != nil {
			return err
		}
	}
	steps := []func() error{a.places, a.seals, a.pages, a.waiting, a.mailIn, a.payments, a.packages, a.preserved, a.mailOut, a.declared, a.strangers, a.compare}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	a.remarks()
	return nil
}

// read lists the archive and reads the register's table, in an order that a live register cannot upset: heads first, then rows, then the
// archive. What came after the heads is left for the next time.
func (a *audit) read() error {
	if err := a.list(); err != nil {
		return err
	}
	if a.Register == nil {
		return nil
	}
	rows, err := readRows(a.ctx, a.Register, slices.Sorted(maps.Keys(a.blocks)))
	if err != nil {
		return err
	}
	a.rows, a.report.Checked.Rows = rows, rows.count
	return a.list()
}

func (a *audit) list() error {
	objects, err := a.Objects.List(a.ctx)
	if err != nil {
		return err
	}
	a.inventory = sortOut(objects)
	return nil
}

// get gets one object that was listed.
func (a *audit) get(key string) ([]byte, error) {
	body, err := a.Objects.Get(a.ctx, key)
	if errors.Is(err, source.ErrNotFound) {
		return nil, finding.At(key, "", "l'oggetto non c'è più")
	}
	return body, err
}

// each gets objects ahead and visits them in order.
func (a *audit) each(keys []string, visit func(key string, body []byte) error) error {
	return source.Each(a.ctx, objects{a}, keys, func(key string, body []byte) error { return finding.In(key, visit(key, body)) })
}

// objects makes an object that vanished after it was listed a finding.
type objects struct{ a *audit }

func (o objects) List(ctx context.Context) ([]source.Object, error) { return o.a.Objects.List(ctx) }
func (o objects) Get(_ context.Context, key string) ([]byte, error) { return o.a.get(key) }

// books are the names of all books that the archive or the table knows.
func (a *audit) books() []string {
	names := map[string]bool{}
	for name := range a.blocks {
		names[name] = true
	}
	if a.rows != nil {
		for name := range a.rows.heads {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// leave notes that nothing authenticates an object yet.
func (a *audit) leave(key string, body []byte, why string) { a.leaveRange(key, 0, len(body), why) }

func (a *audit) leaveRange(key string, from, to int, why string) {
	a.report.Open = append(a.report.Open, finding.Open{Where: key, From: from, To: to, Why: why})
}

func (a *audit) note(format string, args ...any) {
	a.report.Notes = append(a.report.Notes, fmt.Sprintf(format, args...))
}
