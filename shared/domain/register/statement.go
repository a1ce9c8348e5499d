package register

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"
)

// Statement is what the sportello declares of a sealed day, and signs, has timestamped and publishes: how much was entered, and digests that
// commit to all of it without telling any of it. Statements are chained as the seals are. Whoever keeps one can show later that the register
// was changed; whoever has none learns nothing of who wrote to the chamber.
//
// What is covered is told by book and seq, not by number: an annulment stands under the day it was made on, whatever year's number it is about.
type Statement struct {
	Format   string `json:"format"` // StatementFormat
	Chamber  string `json:"chamber"`
	Book     Book   `json:"book"`
	Day      string `json:"day"`
	SealedAt string `json:"sealedAt"`
	Records  []Span `json:"records"`  // by year; none on a day without entries
	Pending  int    `json:"pending"`  // how much was presented and had no number yet
	Seal     string `json:"seal"`     // digest of the day's list
	Tree     Tree   `json:"tree"`     // over the salted leaves
	Previous string `json:"previous"` // digest of the statement of the day before; NoSeal for the first
}

// Span is how many records of a book stand on a day, between which seq. Between them there may be others, of other days.
type Span struct {
	Year  int    `json:"year"`
	First uint64 `json:"first"`
	Last  uint64 `json:"last"`
	Count int    `json:"count"`
}

// Tree is the root of the day's Merkle tree, hashed as RFC 6962 section 2.1 says.
type Tree struct {
	Size int    `json:"size"`
	Root string `json:"root"`
}

// The names of these versions of the documents.
const (
	StatementFormat = "sportello register statement v1"
	LeavesFormat    = "sportello register leaves v1"
	leafFormat      = "sportello register leaf v1"
)

// Leaves are the day's records with a secret salt each. They stay in the archive: with a leaf somebody can be shown that his document is under
// the published root, and nobody can guess from the root what else is.
type Leaves struct {
	Format  string `json:"format"` // LeavesFormat
	Chamber string `json:"chamber"`
	Day     string `json:"day"`
	Leaves  []Leaf `json:"leaves"` // by year, then seq
}

// Leaf is one record.
type Leaf struct {
	Year int    `json:"year"`
	Seq  uint64 `json:"seq"`
	Hash string `json:"hash"` // the chain's
	Salt string `json:"salt"` // 16 bytes, hex
}

const saltSize = 16

var saltShape = regexp.MustCompile(`^[0-9a-f]{32}$`)

// ErrStatement is returned for statements and leaves that contradict themselves or the seal.
var ErrStatement = errors.New("register: statement is inconsistent")

// SaltedLeaves gives each record of a sealed day a salt.
func SaltedLeaves(s Seal, random io.Reader) (Leaves, error) {
	l := Leaves{Format: LeavesFormat, Chamber: s.Chamber, Day: s.Day, Leaves: []Leaf{}}
	for _, leaf := range s.records() {
		salt := make([]byte, saltSize)
		if _, err := io.ReadFull(random, salt); err != nil {
			return Leaves{}, fmt.Errorf("salting leaves: %w", err)
		}
		leaf.Salt = hex.EncodeToString(salt)
		l.Leaves = append(l.Leaves, leaf)
	}
	return l, nil
}

// records are the day's, of earlier years' books first.
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

// Encode writes the leaves.
func (l Leaves) Encode() ([]byte, error) { return encode(l) }

// ParseLeaves reads what Encode writes, and nothing else.
func ParseLeaves(body []byte) (Leaves, error) {
	var l Leaves
	if err := decode(body, &l, func() ([]byte, error) { return l.Encode() }); err != nil {
		return Leaves{}, fmt.Errorf("parsing leaves: %w", err)
	}
	if l.Format != LeavesFormat {
		return Leaves{}, fmt.Errorf("parsing leaves: %w: format", ErrStatement)
	}
	return l, nil
}

// of tells whether the leaves are those of the seal, each salted.
func (l Leaves) of(s Seal) bool {
	records := s.records()
	if l.Chamber != s.Chamber || l.Day != s.Day || len(l.Leaves) != len(records) {
		return false
	}
	for n, leaf := range l.Leaves {
		if !saltShape.MatchString(leaf.Salt) {
			return false
		}
		if leaf.Salt = ""; leaf != records[n] {
			return false
		}
	}
	return true
}

// data is what is hashed of a leaf.
func (l Leaf) data() []byte {
	return []byte(leafFormat + "\n" + strconv.Itoa(l.Year) + "\n" + strconv.FormatUint(l.Seq, 10) + "\n" + l.Hash + "\n" + l.Salt + "\n")
}

// Tree is the root over the leaves.
func (l Leaves) Tree() (Tree, error) {
	read, err := l.hashes()
	if err != nil {
		return Tree{}, err
	}
	root, err := tlog.TreeHash(int64(len(l.Leaves)), read)
	if err != nil {
		return Tree{}, fmt.Errorf("hashing leaves: %w", err)
	}
	return Tree{Size: len(l.Leaves), Root: hex.EncodeToString(root[:])}, nil
}

// Prove finds a record among the leaves: its index, and the audit path from it to the root (RFC 6962 section 2.1.1), in hex.
func (l Leaves) Prove(year int, seq uint64) (index int, path []string, err error) {
	index = slices.IndexFunc(l.Leaves, func(leaf Leaf) bool { return leaf.Year == year && leaf.Seq == seq })
	if index < 0 {
		return 0, nil, fmt.Errorf("%w: the record is not of that day", ErrStatement)
	}
	read, err := l.hashes()
	if err != nil {
		return 0, nil, err
	}
	proof, err := tlog.ProveRecord(int64(len(l.Leaves)), int64(index), read)
	if err != nil {
		return 0, nil, fmt.Errorf("proving a leaf: %w", err)
	}
	path = []string{}
	for _, hash := range proof {
		path = append(path, hex.EncodeToString(hash[:]))
	}
	return index, path, nil
}

// hashes are those of the tree, in memory.
func (l Leaves) hashes() (tlog.HashReader, error) {
	var stored []tlog.Hash
	read := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		hashes := make([]tlog.Hash, len(indexes))
		for n, index := range indexes {
			hashes[n] = stored[index]
		}
		return hashes, nil
	})
	for n, leaf := range l.Leaves {
		hashes, err := tlog.StoredHashes(int64(n), leaf.data(), read)
		if err != nil {
			return nil, fmt.Errorf("hashing leaves: %w", err)
		}
		stored = append(stored, hashes...)
	}
	return read, nil
}

// StatementOf declares a sealed day: words are those of the seal, previous is the digest of the statement of the day before.
func StatementOf(words []byte, leaves Leaves, previous string) (Statement, error) {
	seal, err := ParseSeal(words)
	if err != nil {
		return Statement{}, err
	}
	if !leaves.of(seal) || !digestShape.MatchString(previous) || (previous == NoSeal) != (seal.Previous == NoSeal) {
		return Statement{}, fmt.Errorf("%w: leaves or previous statement", ErrStatement)
	}
	tree, err := leaves.Tree()
	if err != nil {
		return Statement{}, err
	}
	return Statement{
		Format: StatementFormat, Chamber: seal.Chamber, Book: seal.Book, Day: seal.Day, SealedAt: seal.SealedAt,
		Records: spans(leaves.Leaves), Pending: len(seal.Pending), Seal: Digest(words), Tree: tree, Previous: previous,
	}, nil
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

// Encode writes the statement: what is signed.
func (s Statement) Encode() ([]byte, error) { return encode(s) }

// ParseStatement reads what Encode writes, and nothing else.
func ParseStatement(body []byte) (Statement, error) {
	var s Statement
	if err := decode(body, &s, func() ([]byte, error) { return s.Encode() }); err != nil {
		return Statement{}, fmt.Errorf("parsing statement: %w", err)
	}
	if s.Format != StatementFormat {
		return Statement{}, fmt.Errorf("parsing statement: %w: format", ErrStatement)
	}
	return s, nil
}
