// Package registration gives documents their place in the register (protocollo): the only writer of the ledger.
//
// Events of one chamber arrive in one FIFO group. Handle takes them in blocks: numbers are given in one commit, the block is archived, and
// each number is handed over to Apply on another queue, so that the group is held for one transaction and one put. A
// redelivery finds the numbers given and does the rest again.
package registration

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"sportello/shared/domain/layout"
	"sportello/shared/domain/register"
	"sportello/shared/flow/correspondence"
	"sportello/shared/flow/problems"
	"sportello/shared/flow/step"
	"sportello/shared/platform/archive"
	"sportello/shared/platform/ledger"
	"sportello/shared/platform/queue"
	"sportello/shared/platform/table"
)

// Config is what the register needs; every field is required.
type Config struct {
	Applications table.Table
	Register     table.Table
	Archive      archive.Store
	Post         step.Post
	Now          step.Clock
	Random       io.Reader // for the survey's one-use tokens
	MailDomain   string    // of our Message-IDs
	Portal       func(chamber, path string) string
	// Report is told of each error that is not returned to a caller.
	Report func(ctx context.Context, event string, err error)
}

// Desk is the registry office (ufficio protocollo).
type Desk struct {
	Config
	ledger *ledger.Ledger

	mu     sync.Mutex
	rolled map[string]bool // books whose archive this process has compared with the table
	absent map[string]bool // books of years before the first, which neither has
	// archived is how far this process knows each book to be in the archive, by seq.
	archived map[string]uint64
}

// New checks the configuration.
func New(c Config) (*Desk, error) {
	if c.Applications == nil || c.Register == nil || c.Archive == nil || c.Now == nil || c.Random == nil ||
		c.MailDomain == "" || c.Portal == nil || c.Report == nil || !c.Post.Complete() {
		return nil, errors.New("registration: incomplete configuration")
	}
	return &Desk{Config: c, ledger: ledger.New(c.Register), rolled: map[string]bool{}, absent: map[string]bool{}, archived: map[string]uint64{}}, nil
}

// Handle works a batch of the registration queue and returns the ids of the messages to be delivered again. Within a chamber order is
// kept: after the first failure the rest of its messages wait.
func (d *Desk) Handle(ctx context.Context, batch []queue.Received) (failed []string) {
	for _, group := range byGroup(batch) {
		failed = append(failed, d.group(ctx, group)...)
	}
	return failed
}

func byGroup(batch []queue.Received) [][]queue.Received {
	var groups [][]queue.Received
	at := map[string]int{}
	for _, r := range batch {
		n, ok := at[r.Group]
		if !ok {
			n = len(groups)
			at[r.Group] = n
			groups = append(groups, nil)
		}
		groups[n] = append(groups[n], r)
	}
	return groups
}

// job is a message of the batch that was understood.
type job struct {
	queue.Envelope
	id string
}

// group works one chamber's messages in order, in runs of documents between the closings of days.
func (d *Desk) group(ctx context.Context, group []queue.Received) (failed []string) {
	var run []job
	first := 0 // the message that the run began with
	for n, received := range group {
		envelope, err := queue.Parse(received.Body)
		if errors.Is(err, queue.ErrPermanent) {
			d.Report(ctx, received.ID, err) // no envelope: it points nowhere, and the outbox will be swept
			continue
		}
		if err == nil && envelope.Kind == string(step.Register) {
			if len(run) == 0 {
				first = n
			}
			run = append(run, job{envelope, received.ID})
			continue
		}
		if err := d.enter(ctx, run); err != nil {
			return d.rest(ctx, group, first, err)
		}
		run = nil
		if err == nil {
			err = d.other(ctx, envelope)
		}
		if errors.Is(err, queue.ErrPermanent) {
			d.Report(ctx, received.ID, err)
			continue
		}
		if err != nil {
			return d.rest(ctx, group, n, err)
		}
	}
	if err := d.enter(ctx, run); err != nil {
		return d.rest(ctx, group, first, err)
	}
	return nil
}

// rest reports an error and fails the messages from the n-th on. Redelivering one that was done is harmless.
func (d *Desk) rest(ctx context.Context, group []queue.Received, n int, err error) (failed []string) {
	d.Report(ctx, group[n].ID, err)
	for _, r := range group[n:] {
		failed = append(failed, r.ID)
	}
	return failed
}

func (d *Desk) other(ctx context.Context, e queue.Envelope) error {
	if e.Kind == string(step.Seal) {
		return d.CloseDay(ctx, table.Key{PK: e.PK, SK: e.SK})
	}
	return fmt.Errorf("registering %q: %w: unknown kind", e.Kind, queue.ErrPermanent)
}

// work is a document owed to the register.
type work struct {
	owed   step.Owed
	item   table.Item
	filing correspondence.Filing
}

// enter gives a run of documents of one chamber their numbers, archives them and hands them over.
func (d *Desk) enter(ctx context.Context, run []job) error {
	works, err := d.read(ctx, run)
	if err != nil {
		return err
	}
	var numbers, annexes []work
	for _, w := range works {
		if w.filing.Annul != nil {
			annexes = append(annexes, w)
		} else {
			numbers = append(numbers, w)
		}
	}
	for start := 0; start < len(numbers); start += ledger.MaxBlock {
		if err := d.block(ctx, numbers[start:min(start+ledger.MaxBlock, len(numbers))]); err != nil {
			return err
		}
	}
	for _, w := range annexes {
		if err := d.annul(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

// read loads the outbox rows that the run points at; those that are gone were registered and applied already.
func (d *Desk) read(ctx context.Context, run []job) ([]work, error) {
	var works []work
	seen := map[table.Key]bool{}
	for _, j := range run {
		key := table.Key{PK: j.PK, SK: j.SK}
		if seen[key] {
			continue
		}
		seen[key] = true
		owed, item, there, err := step.Read(ctx, d.Applications, key)
		if err != nil {
			return nil, err
		}
		if !there || owed.Parked {
			continue
		}
		filing, err := step.Payload[correspondence.Filing](owed)
		if err == nil && filing.Annul == nil && register.Year(filing.Entry.PresentationDate) == 0 {
			err = errNoDay
		}
		if err != nil { // it would keep the whole group from going on
			if err := d.poison(ctx, work{owed, item, filing}, err); err != nil {
				return nil, err
			}
			continue
		}
		works = append(works, work{owed, item, filing})
	}
	return works, nil
}

// errNoDay is why a document without a day of presentation is refused: it has a place in no book.
var errNoDay = errors.New("registration: document without a day of presentation")

// block numbers documents of one chamber: first those whose own day is open, then those that became deferred because it was sealed.
func (d *Desk) block(ctx context.Context, works []work) error {
	for len(works) > 0 {
		year := register.Year(works[0].filing.Entry.PresentationDate)
		var now, later []work
		for _, w := range works {
			if register.Year(w.filing.Entry.PresentationDate) == year {
				now = append(now, w)
			} else {
				later = append(later, w)
			}
		}
		if err := d.bookFor(ctx, now, year); err != nil {
			return err
		}
		works = later
	}
	return nil
}

// bookFor enters documents presented in a year. Where their day is sealed they go to the open day's book, which may be the next year's.
func (d *Desk) bookFor(ctx context.Context, works []work, year int) error {
	chamber := works[0].owed.Chamber
	head, err := d.load(ctx, layout.Book(chamber, year))
	if err != nil {
		return err
	}
	var open, deferred []work
	for _, w := range works {
		if w.filing.Entry.PresentationDate <= head.SealedThrough {
			deferred = append(deferred, w)
		} else {
			open = append(open, w)
		}
	}
	if err := d.append(ctx, open, layout.Book(chamber, year), ""); err != nil {
		return err
	}
	return d.append(ctx, deferred, layout.Book(chamber, register.Year(register.Date(d.Now()))), head.SealedThrough)
}

// errOtherYear is returned by attempt when a document's day turns out to be in another year than the book: 31 December was sealed, or went
// by, since the book was chosen. A redelivery chooses again.
var errOtherYear = errors.New("registration: the day is in another year's book")

// append commits works to a book, archives the blocks they are in and hands them over. sealed is the last sealed day of the book of their
// own year, where that is another one: on 2 January a document of 31 December may have to go into the new year's book.
func (d *Desk) append(ctx context.Context, works []work, book, sealed string) error {
	if len(works) == 0 {
		return nil
	}
	var entered []ledger.Entry
	err := step.Retry(ctx, func() (err error) {
		entered, err = d.attempt(ctx, works, book, sealed)
		return err
	})
	if err != nil {
		return err
	}
	return d.after(ctx, works, entered)
}

// attempt loads the book and commits what it does not know yet. It returns the entries of all works that have one.
func (d *Desk) attempt(ctx context.Context, works []work, book, sealed string) ([]ledger.Entry, error) {
	var events []string
	for _, w := range works {
		events = append(events, w.owed.Event)
	}
	state, err := d.load(ctx, book, events...)
	if err != nil {
		return nil, err
	}
	var entered []ledger.Entry
	var records []ledger.Record
	for _, w := range works {
		if known, ok := state.Known[w.owed.Event]; ok {
			entered = append(entered, known)
			continue
		}
		record, err := d.record(w, max(sealed, state.SealedThrough))
		if err != nil {
			if err := d.poison(ctx, w, err); err != nil {
				return nil, err
			}
			continue
		}
		if layout.Book(w.owed.Chamber, register.Year(record.Page)) != book {
			return nil, errOtherYear
		}
		records = append(records, record)
	}
	if len(records) == 0 {
		return entered, nil
	}
	if err := d.kept(ctx, book, state); err != nil {
		return nil, err
	}
	fresh, err := d.ledger.Append(ctx, state, records)
	if errors.Is(err, ledger.ErrSealed) {
		return nil, table.ErrConflict // the day was sealed under our feet: decide again
	}
	return append(entered, fresh...), err
}

// record holds the document to the register's rules and dates it.
func (d *Desk) record(w work, sealedThrough string) (ledger.Record, error) {
	entry := w.filing.Entry.Registered(sealedThrough, register.Date(d.Now()))
	checked, err := register.Check(entry)
	if err != nil {
		return ledger.Record{}, err
	}
	admitted, err := checked.Use()
	if err != nil {
		return ledger.Record{}, err
	}
	return ledger.Record{Event: admitted.Event, Page: admitted.Page, Body: admitted.Body}, nil
}

// poison turns a document that the rules refuse into a problem; the group goes on.
func (d *Desk) poison(ctx context.Context, w work, cause error) error {
	d.Report(ctx, w.owed.Event, cause)
	changes, err := problems.Park(ctx, d.Applications, w.owed, w.item, problems.Poisoned,
		"Il protocollo ha rifiutato un documento: "+sentence(cause), d.Now())
	if err != nil {
		return err
	}
	return d.Applications.Commit(ctx, changes...)
}

// sentence says in Italian why a document was refused.
func sentence(cause error) string {
	var violations register.Violations
	switch {
	case errors.As(cause, &violations):
		return violations.Sentence()
	case errors.Is(cause, ledger.ErrUnknownNumber):
		return "il numero da annullare non esiste."
	}
	return "non rispetta le regole di registrazione."
}

// after archives the blocks of the entries and hands the numbers over. Crash before: a redelivery finds the numbers and comes here.
func (d *Desk) after(ctx context.Context, works []work, entered []ledger.Entry) error {
	archived := map[string]bool{}
	numbered := map[string]bool{}
	for _, e := range entered {
		numbered[e.Event] = true
		if archived[e.ArchiveKey()] {
			continue
		}
		archived[e.ArchiveKey()] = true
		if err := d.archive(ctx, e); err != nil {
			return err
		}
	}
	var owed []step.Owed
	for _, w := range works {
		if numbered[w.owed.Event] {
			owed = append(owed, w.owed)
		}
	}
	if len(owed) > 0 {
		d.Post.HandOver(ctx, owed...)
	}
	return nil
}

func (d *Desk) archive(ctx context.Context, e ledger.Entry) error {
	block, err := d.ledger.Block(ctx, e)
	if err != nil {
		return err
	}
	data, err := ledger.Marshal(block)
	if err != nil {
		return err
	}
	if err := d.Archive.Put(ctx, e.ArchiveKey(), data, "application/jsonl"); err != nil {
		return err
	}
	d.archivedThrough(e.Book, block[len(block)-1].Seq)
	return nil
}

// annul appends an annulment to the number it is about, in the book of that number's year (DPR 445/2000 art. 54). It is of the day it is made
// on, and stands under that day's seal also where the number is of an earlier year: so this year's head is swapped along, and no day can be
// sealed in between.
func (d *Desk) annul(ctx context.Context, w work) error {
	a := w.filing.Annul
	book := layout.Book(w.owed.Chamber, a.Year)
	var entered ledger.Entry
	err := step.Retry(ctx, func() error {
		state, err := d.load(ctx, book, w.owed.Event)
		if err != nil {
			return err
		}
		if known, ok := state.Known[w.owed.Event]; ok {
			entered = known
			return nil
		}
		now := d.Now()
		var beside []ledger.State
		sealed := state.SealedThrough
		if this := layout.Book(w.owed.Chamber, register.Year(register.Date(now))); this != book {
			current, err := d.load(ctx, this)
			if err != nil {
				return err
			}
			beside, sealed = append(beside, current), max(sealed, current.SealedThrough)
		}
		record, err := d.annulment(w, now, sealed)
		if errors.Is(err, ledger.ErrSealed) {
			return table.ErrConflict // the day ended and was sealed while we looked: it is another day now
		}
		if err != nil {
			return d.poison(ctx, w, err)
		}
		if err := d.kept(ctx, book, state); err != nil {
			return err
		}
		entries, err := d.ledger.Append(ctx, state, []ledger.Record{record}, beside...)
		if errors.Is(err, ledger.ErrUnknownNumber) {
			return d.poison(ctx, w, err)
		}
		if err == nil {
			entered = entries[0]
		}
		return err
	})
	if err != nil || entered.Event == "" {
		return err
	}
	return d.after(ctx, []work{w}, []ledger.Entry{entered})
}

func (d *Desk) annulment(w work, now time.Time, sealedThrough string) (ledger.Record, error) {
	a := w.filing.Annul
	checked, err := register.CheckAnnulment(register.Annulment{
		Event: w.owed.Event, Book: w.filing.Entry.Book, Number: register.Number(a.Number), Reason: a.Reason,
		Provision: a.Provision, Operator: a.Operator, At: register.Instant(now),
	})
	if err != nil {
		return ledger.Record{}, err
	}
	annulment, body, err := checked.Use()
	if err != nil {
		return ledger.Record{}, err
	}
	if annulment.Date <= sealedThrough {
		return ledger.Record{}, fmt.Errorf("annulling on %s: %w", annulment.Date, ledger.ErrSealed)
	}
	return ledger.Record{Event: w.owed.Event, Page: annulment.Date, Body: body, About: a.Number}, nil
}
