package audit

import (
	"encoding/json"
	"fmt"

	"sportello/infra/verify/finding"
)

// Memory is what a report saw, for a later one to find again: nothing of it may ever change. It is the one witness against somebody who
// rewrites archive and tables together.
type Memory struct {
	Heads []Head      `json:"heads"`
	Seals []LastSeal  `json:"seals"`
	Cases []Deposited `json:"cases"`
}

// Head is the last record of a book.
type Head struct {
	Book string `json:"book"`
	Seq  uint64 `json:"seq"`
	Hash string `json:"hash"`
}

// LastSeal is the last sealed day of a chamber; it is chained to all before.
type LastSeal struct {
	Chamber string `json:"chamber"`
	Day     string `json:"day"`
	SHA256  string `json:"sha256"`
}

// Deposited is a package.
type Deposited struct {
	Application string `json:"application"`
	SHA256      string `json:"sha256"`
}

// ParseMemory reads what an earlier report printed as JSON. A report that found something broken is no witness.
func ParseMemory(report []byte) (*Memory, error) {
	var r Report
	if err := json.Unmarshal(report, &r); err != nil {
		return nil, fmt.Errorf("reading an earlier report: %w", err)
	}
	if !r.OK {
		return nil, fmt.Errorf("reading an earlier report: it is not one that found all in order")
	}
	return &r.Memory, nil
}

func (a *audit) remember() Memory {
	m := Memory{Heads: []Head{}, Seals: []LastSeal{}, Cases: []Deposited{}}
	for _, name := range sortedKeys(a.shelves) {
		s := a.shelves[name]
		m.Heads = append(m.Heads, Head{name, s.Seq, s.Hash})
	}
	for _, chamber := range sortedKeys(a.days) {
		days := sortedKeys(a.days[chamber])
		last := a.days[chamber][days[len(days)-1]]
		m.Seals = append(m.Seals, LastSeal{chamber, last.Day, last.digest})
	}
	for _, application := range sortedKeys(a.digestOf) {
		m.Cases = append(m.Cases, Deposited{application, a.digestOf[application]})
	}
	return m
}

// compare holds what is there now to what was there before.
func (a *audit) compare() error {
	if a.Before == nil {
		return nil
	}
	for _, h := range a.Before.Heads {
		s := a.shelves[h.Book]
		if s == nil || s.Seq < h.Seq {
			return finding.At(h.Book, fmt.Sprintf("seq %d", h.Seq), "c'era in un controllo precedente e non c'è più")
		}
		if s.hashAt(h.Seq) != h.Hash {
			return finding.At(h.Book, fmt.Sprintf("seq %d", h.Seq), "non è più quella di un controllo precedente")
		}
	}
	for _, l := range a.Before.Seals {
		if d := a.days[l.Chamber][l.Day]; d == nil || d.digest != l.SHA256 {
			return finding.At(sealKeyOf(l.Chamber, l.Day), "", "non è più il sigillo di un controllo precedente")
		}
	}
	for _, d := range a.Before.Cases {
		if a.digestOf[d.Application] != d.SHA256 {
			return finding.At(packageKey(d.Application), "", "non è più il pacchetto di un controllo precedente")
		}
	}
	return nil
}
