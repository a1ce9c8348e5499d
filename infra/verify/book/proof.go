package book

import (
	"encoding/hex"

	"sportello/infra/verify/finding"
)

// Covers tells whether a record can be among those of the day.
func (s Statement) Covers(year int, seq uint64) bool {
	for _, r := range s.Records {
		if r.Year == year && r.First <= seq && seq <= r.Last {
			return true
		}
	}
	return false
}

// RootFrom computes the root that a leaf's audit path leads to (RFC 6962, 2.1.1; as RFC 9162, 2.1.3.2 walks it).
func RootFrom(l Leaf, index, size int, path []string) (string, error) {
	at, err := l.sum()
	if err != nil {
		return "", err
	}
	if index < 0 || index >= size {
		return "", finding.New("", "la posizione nell'albero del giorno non esiste")
	}
	fn, sn := index, size-1
	for _, step := range path {
		raw, err := hex.DecodeString(step)
		if err != nil || len(raw) != 32 || hex.EncodeToString(raw) != step || sn == 0 {
			return "", finding.New("", "il percorso nell'albero del giorno non è scritto nella forma prevista")
		}
		other := [32]byte(raw)
		if fn%2 == 1 || fn == sn {
			at = node(other, at)
			for fn%2 == 0 && fn != 0 {
				fn, sn = fn/2, sn/2
			}
		} else {
			at = node(at, other)
		}
		fn, sn = fn/2, sn/2
	}
	if sn != 0 {
		return "", finding.New("", "il percorso nell'albero del giorno è incompleto")
	}
	return hex.EncodeToString(at[:]), nil
}

// Alone reads one line of a block by itself: what it says is held to its own hash, not to the records around it.
func Alone(line []byte) (Checked, error) {
	records, err := ParseBlock(line)
	if err != nil {
		return Checked{}, finding.New("", "non è una registrazione scritta nella forma prevista")
	}
	r := records[0]
	c, ok := NewChain(r.Book)
	switch {
	case len(records) != 1 || !ok:
		return Checked{}, finding.New("", "non è una sola registrazione di un registro")
	case r.Hash != r.Sum():
		return Checked{}, finding.New(r.Label(), "l'impronta della catena non corrisponde: la registrazione è cambiata")
	case r.First == 0 || r.First > r.Seq || r.Count < 1 || r.Seq-r.First >= uint64(r.Count):
		return Checked{}, finding.New(r.Label(), "dichiara un blocco in cui non può stare")
	case r.Annex < 0, r.Number == 0, !digestShape.MatchString(r.Prev), !eventShape.MatchString(r.Event), !validDate(r.Page):
		return Checked{}, finding.New(r.Label(), "non è scritta nella forma prevista")
	}
	checked := Checked{Record: r, Label: r.Label()}
	if what := checked.body(c); what != "" {
		return Checked{}, finding.New(r.Label(), "%s", what)
	}
	return checked, nil
}

// Line writes the record as it stands in a block.
func (r Record) Line() []byte {
	line, err := encode(r)
	if err != nil {
		return nil
	}
	return append(line, '\n')
}
