package audit

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sportello/infra/verify/book"
	"sportello/infra/verify/finding"
	"sportello/infra/verify/source"
)

// shelf is a book with what is remembered of its records.
type shelf struct {
	*book.Chain
	records []*kept            // records[n] has seq n+1
	pages   map[string][]*kept // by day, in the order of seq
}

// kept is what is remembered of a record.
type kept struct {
	shelf          *shelf
	seq, number    uint64
	annex          int
	hash, page     string
	key, label     string // where it is archived, and what it is called there
	event          string
	register       book.Register
	kind           string // empty: an annex
	application    string
	presentedAt    string
	presented      string // day
	deferred       bool
	digests        []string
	recipientBoxes []string
}

func (k *kept) place() placeRow { return placeRow{k.shelf.Name, k.number, k.annex} }

func (k *kept) broken(format string, args ...any) error {
	return finding.At(k.key, k.label, format, args...)
}

// book reads one book, record by record, each held to its row.
func (a *audit) book(name string) error {
	chain, ok := book.NewChain(name)
	if !ok {
		return finding.At(name, "", "non è il nome di un registro")
	}
	s := &shelf{Chain: chain, pages: map[string][]*kept{}}
	a.shelves[name] = s
	a.report.Checked.Books++
	var keys []string
	first := map[string]uint64{}
	for _, b := range a.blocks[name] {
		keys = append(keys, b.key)
		first[b.key] = b.first
	}
	err := a.each(keys, func(key string, body []byte) error {
		if first[key] > s.Seq+1 {
			return finding.At(blockKey(s.Chamber, s.Year, s.Seq+1), fmt.Sprintf("seq %d", s.Seq+1),
				"manca il blocco: dopo seq %d l'archivio riprende da seq %d", s.Seq, first[key])
		}
		checked, broken := s.Block(first[key], body)
		for _, one := range checked {
			if err := a.keep(s, key, one); err != nil {
				return err
			}
		}
		a.report.Checked.Blocks++
		return broken
	})
	if err != nil {
		return err
	}
	return a.end(s)
}

// keep remembers a record, and holds it to what must be once in all books and to its row.
func (a *audit) keep(s *shelf, key string, c book.Checked) error {
	k := &kept{
		shelf: s, seq: c.Seq, number: c.Number, annex: c.Annex, hash: c.Hash, page: c.Page, key: key, label: c.Label, event: c.Event,
	}
	s.records = append(s.records, k)
	s.pages[c.Page] = append(s.pages[c.Page], k)
	if other, twice := a.events[c.Event]; twice {
		return k.broken("lo stesso evento è già registrato in %s, %s", other.key, other.label)
	}
	a.events[c.Event] = k
	if c.Annulment != nil {
		a.report.Checked.Annexes++
		k.register = c.Annulment.Book
	} else {
		a.report.Checked.Entries++
		if err := a.entry(k, c.Entry); err != nil {
			return err
		}
	}
	return a.row(k, c.Record)
}

func (a *audit) entry(k *kept, e *book.Entry) error {
	k.register, k.kind, k.application, k.deferred = e.Book, e.Kind, e.Application, e.Deferred
	k.presentedAt, k.presented, k.digests = e.PresentedAt, e.PresentationDate, e.Digests()
	for _, p := range e.Recipients {
		k.recipientBoxes = append(k.recipientBoxes, p.Address)
	}
	stamp := strings.Join([]string{e.Book.Administration, e.Book.AOO, e.Book.Code, book.Number(k.number), k.page}, "|")
	if other, twice := a.stamps[stamp]; twice {
		return k.broken("la stessa segnatura è già di %s, %s", other.key, other.label)
	}
	a.stamps[stamp] = k
	if k.application != "" {
		a.cases[k.application] = append(a.cases[k.application], k)
	}
	return nil
}

// row holds a record to its row. What is after the head that was read first may have come after the rows were read.
func (a *audit) row(k *kept, r book.Record) error {
	if a.rows == nil || k.seq > a.rows.heads[k.shelf.Name].Seq {
		return nil
	}
	want, err := r.RowBody()
	if err != nil {
		return err
	}
	at := k.shelf.Name + "/" + r.Row()
	row, there := a.rows.entries[at]
	switch {
	case !there:
		return finding.At(rowName("E#"+k.shelf.Name, r.Row()), r.Label(), "la tabella non ha la riga di una registrazione archiviata")
	case row.digest != sha256.Sum256(want):
		return finding.At(rowName("E#"+k.shelf.Name, r.Row()), r.Label(), "la riga della tabella e la registrazione archiviata in %s (%s) non sono uguali", k.key, k.label)
	}
	row.seen = true
	a.rows.entries[at] = row
	if place, there := a.rows.places[k.event]; !there || place != k.place() {
		return finding.At(rowName("D#"+k.event, "D"), r.Label(), "l'evento non porta alla sua registrazione")
	}
	return nil
}

// end holds the book to its head.
func (a *audit) end(s *shelf) error {
	if a.rows == nil {
		return nil
	}
	head, there := a.rows.heads[s.Name]
	where := rowName("H#"+s.Name, headKey)
	switch {
	case !there:
		return finding.At(where, "", "la tabella non ha la testa di un registro che l'archivio ha")
	case head.Seq > s.Seq:
		return finding.At(blockKey(s.Chamber, s.Year, s.Seq+1), fmt.Sprintf("seq %d", s.Seq+1),
			"manca il blocco: l'archivio finisce a seq %d e la testa della tabella arriva a seq %d (%s)", s.Seq, head.Seq, where)
	case head.Hash != s.hashAt(head.Seq), head.Number != s.numbersAt(head.Seq):
		return finding.At(where, fmt.Sprintf("seq %d", head.Seq), "la testa non è quella della registrazione a cui arriva")
	case !s.leads(head):
		return finding.At(where, fmt.Sprintf("seq %d", head.Seq), "la testa non porta alla registrazione a cui arriva")
	}
	if sk := a.unseenRow(s.Name, head); sk != "" {
		return finding.At(rowName("E#"+s.Name, sk), "", "la tabella ha una registrazione che l'archivio non ha")
	}
	return a.beyond(s, head)
}

// unseenRow is the first row of a book, up to its head, that no archived record is.
func (a *audit) unseenRow(name string, head headRow) string {
	var unseen []string
	for key, row := range a.rows.entries {
		if b, sk, _ := strings.Cut(key, "/"); b == name && !row.seen && row.seq <= head.Seq {
			unseen = append(unseen, sk)
		}
	}
	if len(unseen) == 0 {
		return ""
	}
	return slices.Min(unseen)
}

// beyond: what the archive has after the head must have come meanwhile.
func (a *audit) beyond(s *shelf, head headRow) error {
	if s.Seq <= head.Seq || a.OlderTables {
		return nil
	}
	var now headRow
	row, err := a.Register.Get(a.ctx, "H#"+s.Name, headKey)
	if err != nil && !errors.Is(err, source.ErrNotFound) {
		return err
	}
	if err != nil || !exact(row.Body, &now) || now.Seq < s.Seq {
		return finding.At(rowName("H#"+s.Name, headKey), fmt.Sprintf("seq %d", now.Seq),
			"la testa della tabella è rimasta indietro: l'archivio arriva a seq %d", s.Seq)
	}
	return nil
}

// leads tells whether the head says where its record is.
func (s *shelf) leads(head headRow) bool {
	if head.Seq == 0 || head.Last == nil {
		return head.Seq == 0 && head.Last == nil
	}
	return *head.Last == s.records[head.Seq-1].place()
}

func (s *shelf) hashAt(seq uint64) string {
	if seq == 0 {
		return book.Zero
	}
	return s.records[seq-1].hash
}

func (s *shelf) numbersAt(seq uint64) uint64 {
	for ; seq > 0; seq-- {
		if k := s.records[seq-1]; k.annex == 0 {
			return k.number
		}
	}
	return 0
}

// places: no event leads to a record that is not there.
func (a *audit) places() error {
	if a.rows == nil {
		return nil
	}
	var strays []string
	for event, place := range a.rows.places {
		if _, known := a.events[event]; known {
			continue
		}
		row, there := a.rows.entries[place.Book+"/"+book.Record{Number: place.Number, Annex: place.Annex}.Row()]
		if there && row.seq > a.rows.heads[place.Book].Seq {
			continue // came after the head was read
		}
		strays = append(strays, event)
	}
	for _, key := range sortedKeys(a.rows.entries) {
		if name, sk, _ := strings.Cut(key, "/"); a.shelves[name] == nil {
			return finding.At(rowName("E#"+name, sk), "", "la registrazione è di un registro che non ha testa né blocchi")
		}
	}
	if len(strays) == 0 {
		return nil
	}
	return finding.At(rowName("D#"+slices.Min(strays), "D"), "", "l'evento porta a una registrazione che non c'è")
}

// sortedKeys are a map's keys in order, so that the first finding is always the same.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// rowOf reads a row of a table, where absence is an answer.
func rowOf(ctx context.Context, table source.Rows, pk, sk string) (source.Row, bool, error) {
	row, err := table.Get(ctx, pk, sk)
	if errors.Is(err, source.ErrNotFound) {
		return row, false, nil
	}
	return row, err == nil, err
}
