package book

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sportello/infra/verify/finding"
)

// golden reads a record as the register's own tests have it: their files, none of their code.
func golden(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "domain", "register", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(string(data), "\n")
}

func TestGoldenEntry(t *testing.T) {
	body := golden(t, "entry.json")
	e, what := parseEntry(body)
	if what != "" {
		t.Fatal(what)
	}
	c, _ := NewChain("milano#2026")
	if what := e.check(c, Record{Event: e.Event, Page: e.RegistrationDate, Body: body}); what != "" {
		t.Error(what)
	}
}

func TestGoldenAnnulment(t *testing.T) {
	body := golden(t, "annulment.json")
	a, what := parseAnnulment(body)
	if what != "" {
		t.Fatal(what)
	}
	c, _ := NewChain("milano#2026")
	if what := a.check(c, Record{Event: a.Event, Page: a.Date, Number: 42, Annex: 1}); what != "" {
		t.Error(what)
	}
}

func TestGoldenSeal(t *testing.T) {
	if _, err := ParseSeal("milano", "2026-11-20", []byte(golden(t, "seal.json"))); err != nil {
		t.Error(err)
	}
}

// The example of infra/docs/register-format.md, so that document and code cannot part.
func TestHashOfTheDocument(t *testing.T) {
	r := Record{Book: "milano#2026", Seq: 1, Number: 1, Event: "01939f3e-0000-7000-8000-000000000001", Page: "2026-11-22", Body: `{"direction":"in"}`, Prev: Zero}
	document, err := os.ReadFile(filepath.Join("..", "..", "docs", "register-format.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{Digest([]byte(r.Body)), r.Sum()} {
		if !strings.Contains(string(document), want) {
			t.Errorf("the document does not have %s", want)
		}
	}
}

func TestNumbers(t *testing.T) {
	for text, want := range map[string]uint64{"0000001": 1, "0000042": 42, "12345678": 12345678} {
		if n, ok := ParseNumber(text); !ok || n != want || Number(n) != text {
			t.Errorf("%s: %d, %v", text, n, ok)
		}
	}
	for _, text := range []string{"", "0", "1", "0000000", "00000001", "-000001", "+000001", "000000a", " 0000001"} {
		if _, ok := ParseNumber(text); ok {
			t.Errorf("%q is taken for a number", text)
		}
	}
}

func TestDays(t *testing.T) {
	at, ok := ParseInstant("2026-03-29T00:30:00.000Z")
	if !ok || Day(at) != "2026-03-29" || DayBefore("2027-01-01") != "2026-12-31" || DayAfter("2026-02-28") != "2026-03-01" {
		t.Error("days")
	}
	if at, _ := ParseInstant("2026-12-31T23:00:00.000Z"); Day(at) != "2027-01-01" {
		t.Error("New Year in Rome")
	}
	for _, text := range []string{"2026-03-29T00:30:00Z", "2026-03-29T00:30:00.000+00:00", "2026-03-29 00:30:00.000Z", "2026-02-30T00:00:00.000Z"} {
		if _, ok := ParseInstant(text); ok {
			t.Errorf("%q is taken for an instant", text)
		}
	}
}

// oneLine is a block of one record that holds in an empty book.
func oneLine(t testing.TB) []byte {
	t.Helper()
	body := golden(t, "entry.json")
	var e Entry
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		t.Fatal(err)
	}
	r := Record{Book: "milano#2026", Seq: 1, Number: 1, Event: e.Event, Page: e.RegistrationDate, Body: body, Prev: Zero, First: 1, Count: 1}
	r.Hash = r.Sum()
	text, err := encode(r)
	if err != nil {
		t.Fatal(err)
	}
	return append(text, '\n')
}

// What a chain takes is written in one way only, and says what its hash says.
func FuzzBlock(f *testing.F) {
	f.Add(oneLine(f))
	f.Add([]byte("{}\n"))
	f.Add([]byte("\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, _ := NewChain("milano#2026")
		checked, err := c.Block(1, data)
		if err != nil {
			if _, ok := finding.Of(err); !ok {
				t.Errorf("no finding: %v", err)
			}
			return
		}
		var again []byte
		for _, one := range checked {
			text, err := encode(one.Record)
			if err != nil || one.Hash != one.Sum() {
				t.Fatal(one.Label, err)
			}
			again = append(append(again, text...), '\n')
		}
		if diff := cmp.Diff(string(data), string(again)); diff != "" {
			t.Error(diff)
		}
	})
}

func FuzzSeal(f *testing.F) {
	f.Add([]byte(golden(f, "seal.json")))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := ParseSeal("milano", "2026-11-20", data)
		if err != nil {
			return
		}
		if again, err := encode(s); err != nil || string(again) != string(data) {
			t.Errorf("written again: %s, %v", again, err)
		}
	})
}

func FuzzBody(f *testing.F) {
	f.Add(golden(f, "entry.json"))
	f.Add(golden(f, "annulment.json"))
	f.Fuzz(func(t *testing.T, body string) {
		if e, what := parseEntry(body); what == "" {
			if again, err := encode(e); err != nil || string(again) != body {
				t.Errorf("written again: %s, %v", again, err)
			}
		}
		if a, what := parseAnnulment(body); what == "" {
			if again, err := encode(a); err != nil || string(again) != body {
				t.Errorf("written again: %s, %v", again, err)
			}
		}
	})
}

func TestDecodeTellsSpelling(t *testing.T) {
	var v struct {
		A int `json:"a"`
	}
	for _, text := range []string{`{"a":1} `, `{"a": 1}`, `{"a":1}{}`, `{"A":1}`, `{"a":1,"a":1}`, `{"a":1.0}`} {
		if decode([]byte(text), &v) == nil {
			t.Errorf("%s is taken", text)
		}
	}
	if err := decode([]byte(`{"a": 1}`), &v); !errors.Is(err, errSpelling) {
		t.Error(err)
	}
}
