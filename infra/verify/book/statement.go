package book

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"

	"sportello/infra/verify/finding"
)

// Statement is what is declared of a sealed day, in the order of its fields.
type Statement struct {
	Format   string   `json:"format"`
	Chamber  string   `json:"chamber"`
	Book     Register `json:"book"`
	Day      string   `json:"day"`
	SealedAt string   `json:"sealedAt"`
	Records  []Span   `json:"records"`
	Pending  int      `json:"pending"`
	Seal     string   `json:"seal"`
	Tree     Tree     `json:"tree"`
	Previous string   `json:"previous"`
}

// Span is how many records of a year's book stand on the day, and between which.
type Span struct {
	Year  int    `json:"year"`
	First uint64 `json:"first"`
	Last  uint64 `json:"last"`
	Count int    `json:"count"`
}

// Tree is the root over the day's salted leaves.
type Tree struct {
	Size int    `json:"size"`
	Root string `json:"root"`
}

// ReadStatement reads a statement and holds it to itself: who has it alone has not the day's list.
func ReadStatement(chamber, day string, data []byte) (Statement, error) {
	var s Statement
	if err := decode(data, &s); err != nil || s.Records == nil {
		return s, finding.New("", "la dichiarazione del giorno non è scritta nella forma prevista")
	}
	sealedAt, ok := ParseInstant(s.SealedAt)
	switch {
	case s.Format != "sportello register statement v1":
		return s, finding.New("", "la dichiarazione è di un formato che non si conosce")
	case s.Chamber != chamber, s.Day != day:
		return s, finding.New("", "la dichiarazione è di un'altra Camera di commercio o di un altro giorno")
	case yearOf(day) == 0, s.Book.Year != yearOf(day), s.Book.bad():
		return s, finding.New("", "la dichiarazione non identifica il registro del suo anno")
	case !ok, Day(sealedAt) <= day:
		return s, finding.New("", "il giorno è dichiarato prima di essere finito")
	case !digestShape.MatchString(s.Previous), !digestShape.MatchString(s.Seal), !digestShape.MatchString(s.Tree.Root), s.Pending < 0:
		return s, finding.New("", "un'impronta della dichiarazione non è scritta nella forma prevista")
	}
	count := 0
	for n, r := range s.Records {
		if r.Count < 1 || r.First < 1 || r.Last < r.First || r.Last-r.First+1 < uint64(r.Count) || r.Year > s.Book.Year || n > 0 && s.Records[n-1].Year >= r.Year {
			return s, finding.New("", "la dichiarazione conta le registrazioni in un modo che non può essere")
		}
		count += r.Count
	}
	if count != s.Tree.Size {
		return s, finding.New("", "la dichiarazione conta %d registrazioni e il suo albero ne ha %d", count, s.Tree.Size)
	}
	return s, nil
}

// Leaf is a record of the day with its secret salt, in the order of its fields.
type Leaf struct {
	Year int    `json:"year"`
	Seq  uint64 `json:"seq"`
	Hash string `json:"hash"`
	Salt string `json:"salt"`
}

var saltShape = regexp.MustCompile(`^[0-9a-f]{32}$`)

// errLeaf says what a leaf must be.
var errLeaf = finding.New("", "un sale o un'impronta non sono scritti nella forma prevista")

// sum is the leaf's hash: RFC 6962, 2.1, over these lines.
func (l Leaf) sum() ([32]byte, error) {
	if !saltShape.MatchString(l.Salt) || !digestShape.MatchString(l.Hash) {
		return [32]byte{}, errLeaf
	}
	return sha256.Sum256(fmt.Appendf([]byte{0}, "sportello register leaf v1\n%d\n%d\n%s\n%s\n", l.Year, l.Seq, l.Hash, l.Salt)), nil
}

func node(left, right [32]byte) [32]byte {
	return sha256.Sum256(append(append([]byte{1}, left[:]...), right[:]...))
}

// Root computes the root over leaves.
func Root(leaves []Leaf) (string, error) {
	sums := make([][32]byte, len(leaves))
	for n, l := range leaves {
		var err error
		if sums[n], err = l.sum(); err != nil {
			return "", err
		}
	}
	root := sha256.Sum256(nil)
	if len(sums) > 0 {
		root = subtree(sums)
	}
	return hex.EncodeToString(root[:]), nil
}

// subtree splits at the largest power of two below the number of leaves.
func subtree(sums [][32]byte) [32]byte {
	if len(sums) == 1 {
		return sums[0]
	}
	k := 1
	for k*2 < len(sums) {
		k *= 2
	}
	return node(subtree(sums[:k]), subtree(sums[k:]))
}

// records are those of the day that the seal lists, of earlier years' books first, without salts.
func (s Seal) records() []Leaf {
	var list []Leaf
	for _, b := range s.Earlier {
		for _, e := range b.Entries {
			list = append(list, Leaf{Year: b.Year, Seq: e.Seq, Hash: e.Hash})
		}
	}
	for _, e := range s.Entries {
		list = append(list, Leaf{Year: s.Book.Year, Seq: e.Seq, Hash: e.Hash})
	}
	return list
}

// ParseLeaves reads a day's salted leaves, which must be the records that its seal lists.
func ParseLeaves(data []byte, s Seal) ([]Leaf, error) {
	var l struct {
		Format  string `json:"format"`
		Chamber string `json:"chamber"`
		Day     string `json:"day"`
		Leaves  []Leaf `json:"leaves"`
	}
	if err := decode(data, &l); err != nil || l.Leaves == nil || l.Format != "sportello register leaves v1" {
		return nil, finding.New("", "l'elenco delle foglie non è scritto nella forma prevista")
	}
	if l.Chamber != s.Chamber || l.Day != s.Day {
		return nil, finding.New("", "l'elenco delle foglie è di un'altra Camera di commercio o di un altro giorno")
	}
	plain := slices.Clone(l.Leaves)
	for n := range plain {
		if !saltShape.MatchString(plain[n].Salt) {
			return nil, finding.New(fmt.Sprintf("foglia %d", n), "il sale non è scritto nella forma prevista")
		}
		plain[n].Salt = ""
	}
	want := s.records()
	for n, leaf := range plain {
		if n >= len(want) || leaf != want[n] {
			return nil, finding.New(fmt.Sprintf("seq %d del %d", leaf.Seq, leaf.Year), "la foglia non è di una registrazione che il sigillo elenca")
		}
	}
	if n := len(plain); n < len(want) {
		return nil, finding.New(fmt.Sprintf("seq %d del %d", want[n].Seq, want[n].Year), "il sigillo la elenca e non ha una foglia")
	}
	return l.Leaves, nil
}

// ParseStatement reads what was declared of a day, which must say what its seal and its leaves say.
func ParseStatement(data []byte, seal Seal, digest string, leaves []Leaf) (Statement, error) {
	s, err := ReadStatement(seal.Chamber, seal.Day, data)
	if err != nil {
		return s, err
	}
	root, err := Root(leaves)
	if err != nil {
		return s, err
	}
	switch {
	case s.Seal != digest:
		return s, finding.New("", "la dichiarazione è di un altro sigillo")
	case s.Book != seal.Book, s.SealedAt != seal.SealedAt, s.Pending != len(seal.Pending):
		return s, finding.New("", "la dichiarazione non dice ciò che dice il sigillo")
	case s.Tree != Tree{Size: len(leaves), Root: root}:
		return s, finding.New("", "la radice dichiarata non è quella delle foglie")
	case !slices.Equal(s.Records, spans(leaves)):
		return s, finding.New("", "la dichiarazione conta altre registrazioni")
	}
	return s, nil
}

func spans(leaves []Leaf) []Span {
	list := []Span{}
	for _, l := range leaves {
		if n := len(list); n == 0 || list[n-1].Year != l.Year {
			list = append(list, Span{Year: l.Year, First: l.Seq})
		}
		last := &list[len(list)-1]
		last.Last = l.Seq
		last.Count++
	}
	return list
}

// Lines reads records written one a line, each held to its own hash; there may be none.
func Lines(data []byte) ([]Record, error) {
	if len(data) == 0 {
		return nil, nil
	}
	records, err := ParseBlock(data)
	if err != nil {
		return nil, err
	}
	for n, r := range records {
		if r.Hash != r.Sum() {
			return nil, finding.New(r.at(n+1), "l'impronta della catena non corrisponde")
		}
	}
	return records, nil
}

// Holds tells whether the records are those that the seal lists.
func (s Seal) Holds(records []Record) bool {
	var list []Leaf
	for _, r := range records {
		chamber, year, ok := SplitName(r.Book)
		if !ok || chamber != s.Chamber {
			return false
		}
		list = append(list, Leaf{Year: year, Seq: r.Seq, Hash: r.Hash})
	}
	return slices.Equal(list, s.records())
}
