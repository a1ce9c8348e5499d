package book

import (
	"fmt"
	"slices"

	"sportello/infra/verify/finding"
)

// Chain is a book as far as it has been read. The zero value is of no use: see NewChain.
type Chain struct {
	// Name is the book's, such as milano#2026.
	Name    string
	Chamber string
	Year    int
	// Seq, Number and Hash are those of the last record.
	Seq, Number uint64
	Hash        string

	annexes map[uint64]int
}

// NewChain begins an empty book.
func NewChain(name string) (*Chain, bool) {
	chamber, year, ok := SplitName(name)
	return &Chain{Name: name, Chamber: chamber, Year: year, Hash: Zero, annexes: map[uint64]int{}}, ok
}

// Checked is a record that holds, with what it says.
type Checked struct {
	Record
	Entry     *Entry     // of a numbered record
	Annulment *Annulment // of an annex
	Label     string     // with its line
}

// Block holds the next block to the chain; first is the number in its name. On a finding the records before it are returned too.
func (c *Chain) Block(first uint64, data []byte) ([]Checked, error) {
	switch {
	case first <= c.Seq:
		return nil, finding.New("", "il blocco comincia da seq %d, che è già in un blocco precedente", first)
	case first != c.Seq+1:
		return nil, finding.New("", "il blocco comincia da seq %d e il precedente finisce a seq %d", first, c.Seq)
	}
	records, broken := ParseBlock(data)
	var checked []Checked
	for n, r := range records {
		one, err := c.add(r, n+1)
		if err != nil {
			return checked, err
		}
		if r.First != first || r.Count < n+1 {
			return checked, finding.New(one.Label, "dichiara di stare nel blocco di %d registrazioni che comincia da seq %d", r.Count, r.First)
		}
		checked = append(checked, one)
	}
	if broken != nil {
		return checked, broken
	}
	last := checked[len(checked)-1]
	for _, one := range checked {
		if one.Count != len(checked) {
			return checked, finding.New(last.Label, "il blocco ha %d registrazioni e dichiara di averne %d", len(checked), one.Count)
		}
	}
	return checked, nil
}

// add holds one record to what came before it.
func (c *Chain) add(r Record, line int) (Checked, error) {
	label := r.at(line)
	fault := func(format string, args ...any) (Checked, error) {
		return Checked{}, finding.New(label, format, args...)
	}
	switch {
	case r.Book != c.Name:
		return fault("è del registro %q, non di %s", r.Book, c.Name)
	case r.Seq != c.Seq+1:
		return fault("ha seq %d dopo seq %d", r.Seq, c.Seq)
	case r.Prev != c.Hash:
		return fault("non prosegue la catena: prev non è l'impronta della registrazione precedente")
	case r.Hash != r.Sum():
		return fault("l'impronta della catena non corrisponde")
	}
	if err := c.place(r); err != nil {
		return fault("%s", err)
	}
	checked := Checked{Record: r, Label: label}
	if what := checked.body(c); what != "" {
		return fault("%s", what)
	}
	c.Seq, c.Hash = r.Seq, r.Hash
	if r.Annex > 0 {
		c.annexes[r.Number] = r.Annex
	} else {
		c.Number = r.Number
	}
	return checked, nil
}

// place holds number and annex to their order.
func (c *Chain) place(r Record) error {
	switch {
	case r.Annex < 0:
		return fmt.Errorf("il numero d'ordine dell'annotazione è negativo")
	case r.Annex == 0 && r.Number != c.Number+1:
		return fmt.Errorf("ha il numero %s dopo il %s", Number(r.Number), Number(c.Number))
	case r.Annex > 0 && (r.Number == 0 || r.Number > c.Number):
		return fmt.Errorf("annota il numero %s, che non esiste", Number(r.Number))
	case r.Annex > 0 && r.Annex != c.annexes[r.Number]+1:
		return fmt.Errorf("è l'annotazione %d del numero %s, dopo la %d", r.Annex, Number(r.Number), c.annexes[r.Number])
	case !eventShape.MatchString(r.Event):
		return fmt.Errorf("l'evento non è scritto nella forma prevista")
	case !validDate(r.Page):
		return fmt.Errorf("il giorno non è una data")
	}
	return nil
}

// body reads what the record says; it returns what is wrong, or nothing.
func (k *Checked) body(c *Chain) string {
	if k.Annex > 0 {
		a, what := parseAnnulment(k.Body)
		if what == "" {
			what = a.check(c, k.Record)
		}
		k.Annulment = &a
		return what
	}
	e, what := parseEntry(k.Body)
	if what == "" {
		what = e.check(c, k.Record)
	}
	k.Entry = &e
	return what
}

// Digests are the digests of the entry's document and attachments.
func (e *Entry) Digests() []string {
	digests := []string{e.Document.SHA256}
	for _, d := range e.Attachments {
		digests = append(digests, d.SHA256)
	}
	return digests
}

// Holds tells whether a digest is among the entry's.
func (e *Entry) Holds(digest string) bool { return slices.Contains(e.Digests(), digest) }
