package register

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"
)

// words is a seal with annulments of two earlier years.
func words(t *testing.T, change func(*Seal)) []byte {
	t.Helper()
	s := seal()
	s.Earlier = []Earlier{
		{2025, []Sealed{{90, "0000007", 2, strings.Repeat("9", 64)}, {88, "0000003", 1, strings.Repeat("8", 64)}}},
		{2024, []Sealed{{12, "0000012", 1, strings.Repeat("7", 64)}}},
	}
	if change != nil {
		change(&s)
	}
	body, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// counting is randomness that counts.
type counting byte

func (c *counting) Read(p []byte) (int, error) {
	for n := range p {
		*c++
		p[n] = byte(*c)
	}
	return len(p), nil
}

func leavesOf(t *testing.T, words []byte) Leaves {
	t.Helper()
	s, err := ParseSeal(words)
	if err != nil {
		t.Fatal(err)
	}
	leaves, err := SaltedLeaves(s, new(counting))
	if err != nil {
		t.Fatal(err)
	}
	return leaves
}

func TestStatementGolden(t *testing.T) {
	body := words(t, nil)
	golden(t, "seal-earlier.json", body)
	leaves := leavesOf(t, body)
	text, err := leaves.Encode()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "leaves.json", text)
	statement, err := StatementOf(body, leaves, NoSeal)
	if err != nil {
		t.Fatal(err)
	}
	text, err = statement.Encode()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "statement.json", text)
	back, err := ParseStatement(text)
	if err != nil || back.Tree.Size != 6 || len(back.Records) != 3 || back.Records[1] != (Span{2025, 88, 90, 2}) {
		t.Errorf("parsed %+v, %v", back, err)
	}
	if bytes.Contains(text, []byte(seal().Pending[0].Event)) || bytes.Contains(text, []byte(leaves.Leaves[0].Salt)) {
		t.Error("the statement tells what it should only commit to")
	}
}

// RFC 6962, 2.1, written down again.
func merkle(leaves [][]byte) []byte {
	sum := func(parts ...[]byte) []byte { h := sha256.Sum256(bytes.Join(parts, nil)); return h[:] }
	switch n := len(leaves); n {
	case 0:
		return sum()
	case 1:
		return sum([]byte{0}, leaves[0])
	default:
		k := 1
		for k*2 < n {
			k *= 2
		}
		return sum([]byte{1}, merkle(leaves[:k]), merkle(leaves[k:]))
	}
}

func TestTreeIsThatOfTheRFC(t *testing.T) {
	var l Leaves
	var data [][]byte
	for n := range 40 {
		tree, err := l.Tree()
		if err != nil || tree.Size != n || tree.Root != hex.EncodeToString(merkle(data)) {
			t.Fatalf("%d leaves: %+v, %v", n, tree, err)
		}
		leaf := Leaf{2026, uint64(n + 1), strings.Repeat("a", 64), strings.Repeat("0", 32)}
		l.Leaves, data = append(l.Leaves, leaf), append(data, leaf.data())
	}
}

func TestEmptyDayHasAStatement(t *testing.T) {
	body := words(t, func(s *Seal) { s.Entries, s.Earlier, s.Pending = nil, nil, nil })
	statement, err := StatementOf(body, leavesOf(t, body), NoSeal)
	if err != nil || statement.Tree.Size != 0 || statement.Records == nil || len(statement.Records) != 0 {
		t.Errorf("%+v, %v", statement, err)
	}
}

func TestStatementContradictions(t *testing.T) {
	body := words(t, nil)
	for name, change := range map[string]func(*Leaves){
		"another day":     func(l *Leaves) { l.Day = "2026-11-21" },
		"another chamber": func(l *Leaves) { l.Chamber = "bergamo" },
		"one too few":     func(l *Leaves) { l.Leaves = l.Leaves[1:] },
		"one twice":       func(l *Leaves) { l.Leaves[0] = l.Leaves[1] },
		"another hash":    func(l *Leaves) { l.Leaves[2].Hash = strings.Repeat("0", 64) },
		"no salt":         func(l *Leaves) { l.Leaves[2].Salt = "" },
		"other order":     func(l *Leaves) { slices.Reverse(l.Leaves) },
	} {
		leaves := leavesOf(t, body)
		change(&leaves)
		if _, err := StatementOf(body, leaves, NoSeal); !errors.Is(err, ErrStatement) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := StatementOf(body, leavesOf(t, body), strings.Repeat("1", 64)); !errors.Is(err, ErrStatement) {
		t.Errorf("a previous statement without a previous seal: %v", err)
	}
}

func TestEarlierContradictions(t *testing.T) {
	good := Earlier{2025, []Sealed{{88, "0000003", 1, strings.Repeat("8", 64)}}}
	for name, change := range map[string]func(*Earlier){
		"this year":     func(e *Earlier) { e.Year = 2026 },
		"none":          func(e *Earlier) { e.Entries = nil },
		"a number":      func(e *Earlier) { e.Entries[0].Annex = 0 },
		"no hash":       func(e *Earlier) { e.Entries[0].Hash = "" },
		"no number":     func(e *Earlier) { e.Entries[0].Number = "3" },
		"no seq":        func(e *Earlier) { e.Entries[0].Seq = 0 },
		"the same year": func(e *Earlier) { e.Year = 2024 },
	} {
		s := seal()
		bad := Earlier{good.Year, slices.Clone(good.Entries)}
		change(&bad)
		s.Earlier = []Earlier{{2024, slices.Clone(good.Entries)}, bad}
		if _, err := s.Encode(); !errors.Is(err, ErrSeal) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParseStatement(f *testing.F) {
	f.Add([]byte(`{"format":"sportello register statement v1"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := ParseStatement(data)
		if err != nil {
			return
		}
		if again, err := s.Encode(); err != nil || string(again) != string(data) {
			t.Errorf("%q became %q, %v", data, again, err)
		}
	})
}
