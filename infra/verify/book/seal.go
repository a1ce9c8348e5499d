package book

import (
	"cmp"
	"slices"

	"sportello/infra/verify/finding"
)

// Seal is a closed day of a chamber's register, in the order of its fields.
type Seal struct {
	Format   string    `json:"format"`
	Chamber  string    `json:"chamber"`
	Book     Register  `json:"book"`
	Day      string    `json:"day"`
	SealedAt string    `json:"sealedAt"`
	Entries  []Sealed  `json:"entries"`
	Earlier  []Earlier `json:"earlier,omitempty"`
	Pending  []Pending `json:"pending"`
	Head     SealHead  `json:"head"`
	Previous string    `json:"previous"`
}

// Sealed is a record of the day.
type Sealed struct {
	Seq    uint64 `json:"seq"`
	Number string `json:"number"`
	Annex  int    `json:"annex,omitempty"`
	Hash   string `json:"hash"`
}

// Earlier is what was appended on the day to the book of an earlier year.
type Earlier struct {
	Year    int      `json:"year"`
	Entries []Sealed `json:"entries"`
}

// Pending was presented that day and had no number yet.
type Pending struct {
	Event       string `json:"event"`
	Application string `json:"application"`
	PresentedAt string `json:"presentedAt"`
	Awaiting    string `json:"awaiting"`
}

// SealHead is where the book stood when the day was closed.
type SealHead struct {
	Seq  uint64 `json:"seq"`
	Hash string `json:"hash"`
}

// ParseSeal reads a seal and holds it to itself and to its name.
func ParseSeal(chamber, day string, data []byte) (Seal, error) {
	var s Seal
	if err := decode(data, &s); err != nil || s.Entries == nil || s.Pending == nil {
		return s, finding.New("", "il sigillo non è scritto nella forma prevista")
	}
	sealedAt, ok := ParseInstant(s.SealedAt)
	switch {
	case s.Format != "sportello register day v1":
		return s, finding.New("", "il sigillo è di un formato che non si conosce")
	case s.Chamber != chamber, s.Day != day:
		return s, finding.New("", "il sigillo è di un'altra Camera di commercio o di un altro giorno")
	case yearOf(day) == 0, s.Book.Year != yearOf(day), s.Book.bad():
		return s, finding.New("", "il sigillo non identifica il registro del suo anno")
	case !ok, Day(sealedAt) <= day:
		return s, finding.New("", "il giorno è chiuso prima di essere finito")
	case !digestShape.MatchString(s.Previous), !digestShape.MatchString(s.Head.Hash):
		return s, finding.New("", "un'impronta non è scritta nella forma prevista")
	case (s.Head.Seq == 0) != (s.Head.Hash == Zero):
		return s, finding.New("", "la testa del registro non è scritta nella forma prevista")
	}
	if what := s.lists(); what != "" {
		return s, finding.New("", "%s", what)
	}
	return s, nil
}

// lists holds the two lists to their order.
func (s Seal) lists() string {
	if !slices.IsSortedFunc(s.Entries, func(a, b Sealed) int { return cmp.Compare(a.Seq, b.Seq) }) {
		return "le registrazioni del giorno non sono in ordine"
	}
	for n, e := range s.Entries {
		_, ok := ParseNumber(e.Number)
		if !ok || e.Seq == 0 || e.Annex < 0 || !digestShape.MatchString(e.Hash) || n > 0 && s.Entries[n-1].Seq == e.Seq {
			return "una registrazione del giorno non è scritta nella forma prevista"
		}
	}
	if !s.earlier() {
		return "una registrazione nel registro di un anno precedente non è scritta nella forma prevista"
	}
	if !slices.IsSortedFunc(s.Pending, func(a, b Pending) int {
		return cmp.Or(cmp.Compare(a.PresentedAt, b.PresentedAt), cmp.Compare(a.Event, b.Event))
	}) {
		return "ciò che era in attesa non è in ordine"
	}
	seen := map[string]bool{}
	for _, p := range s.Pending {
		at, ok := ParseInstant(p.PresentedAt)
		switch {
		case !ok, Day(at) != s.Day:
			return "tra ciò che era in attesa c'è qualcosa che non fu presentato quel giorno"
		case !eventShape.MatchString(p.Event), seen[p.Event], p.Application != "" && !eventShape.MatchString(p.Application),
			p.Awaiting != "registration" && p.Awaiting != "payment":
			return "ciò che era in attesa non è scritto nella forma prevista"
		}
		seen[p.Event] = true
	}
	return ""
}

// earlier holds the lists of earlier years to their order: years rise, and what stands there are annotations.
func (s Seal) earlier() bool {
	for n, b := range s.Earlier {
		if b.Year >= s.Book.Year || b.Year < 1900 || n > 0 && s.Earlier[n-1].Year >= b.Year || len(b.Entries) == 0 {
			return false
		}
		for k, e := range b.Entries {
			_, ok := ParseNumber(e.Number)
			if !ok || e.Seq == 0 || e.Annex < 1 || !digestShape.MatchString(e.Hash) || k > 0 && b.Entries[k-1].Seq >= e.Seq {
				return false
			}
		}
	}
	return true
}
