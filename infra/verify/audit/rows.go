package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"strings"

	"sportello/infra/verify/book"
	"sportello/infra/verify/finding"
	"sportello/infra/verify/source"
)

// rows is the register's table as it was read. Of entries only a digest is kept.
type rows struct {
	count   int
	heads   map[string]headRow  // by book: as of before the rows were read
	entries map[string]entryRow // by book and sort key
	places  map[string]placeRow // by event
	pages   map[string]*pageRow // by book and day
}

type headRow struct {
	Number        uint64    `json:"number"`
	Seq           uint64    `json:"seq"`
	Hash          string    `json:"hash"`
	SealedThrough string    `json:"sealedThrough,omitempty"`
	From          string    `json:"from,omitempty"`
	Last          *placeRow `json:"last,omitempty"`
}

type entryRow struct {
	digest [sha256.Size]byte
	seq    uint64
	seen   bool
}

// placeRow leads from an event to its record.
type placeRow struct {
	Book   string `json:"book"`
	Number uint64 `json:"number"`
	Annex  int    `json:"annex,omitempty"`
}

// pageRow is a day of a book.
type pageRow struct {
	Ranges  []numbers  `json:"ranges,omitempty"`
	Annexes []placeRow `json:"annexes,omitempty"`
	Sealed  bool       `json:"sealed,omitempty"`
	Seal    string     `json:"seal,omitempty"`

	digest string // of Seal, which is not kept
	seen   bool
}

// numbers is a run of numbers, both ends included.
type numbers struct {
	First uint64 `json:"first"`
	Last  uint64 `json:"last"`
}

// rowName names a row for a person.
func rowName(pk, sk string) string { return "tabella registro, " + pk + "/" + sk }

const headKey = "HEAD"

// readRows reads the heads of the books that are known, then every row.
func readRows(ctx context.Context, table source.Rows, books []string) (*rows, error) {
	r := &rows{
		heads: map[string]headRow{}, entries: map[string]entryRow{}, places: map[string]placeRow{}, pages: map[string]*pageRow{},
	}
	for _, name := range books {
		if err := r.head(ctx, table, name); err != nil && !errors.Is(err, source.ErrNotFound) {
			return nil, err
		}
	}
	// A scan has no order: of several findings the one with the smallest key is named.
	var first *finding.Broken
	err := table.Scan(ctx, func(row source.Row) error {
		r.count++
		broken, is := finding.Of(r.take(row))
		if is && (first == nil || broken.Where < first.Where) {
			first = broken
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if first != nil {
		return nil, first
	}
	return r, nil
}

func (r *rows) head(ctx context.Context, table source.Rows, name string) error {
	row, err := table.Get(ctx, "H#"+name, headKey)
	if err != nil {
		return err
	}
	return r.take(row)
}

// take sorts a row out by its key.
func (r *rows) take(row source.Row) error {
	kind, rest, _ := strings.Cut(row.PK, "#")
	fault := func(what string) error { return finding.At(rowName(row.PK, row.SK), "", "%s", what) }
	const unreadable = "la riga non è scritta nella forma prevista"
	switch {
	case kind == "H" && row.SK == headKey:
		var h headRow
		if _, _, ok := book.SplitName(rest); !ok || !exact(row.Body, &h) {
			return fault(unreadable)
		}
		if _, known := r.heads[rest]; !known {
			r.heads[rest] = h
		}
	case kind == "E":
		var e struct{ Seq uint64 }
		if json.Unmarshal([]byte(row.Body), &e) != nil || e.Seq == 0 {
			return fault(unreadable)
		}
		r.entries[rest+"/"+row.SK] = entryRow{digest: sha256.Sum256([]byte(row.Body)), seq: e.Seq}
	case kind == "D" && row.SK == "D":
		var p placeRow
		if !exact(row.Body, &p) {
			return fault(unreadable)
		}
		r.places[rest] = p
	case kind == "DAY" && row.SK == "DAY":
		var p pageRow
		if !exact(row.Body, &p) {
			return fault(unreadable)
		}
		if p.Sealed {
			p.digest = book.Digest([]byte(p.Seal))
		}
		p.Seal = ""
		r.pages[rest] = &p
	default:
		return fault("la riga non è tra quelle che il registro tiene")
	}
	return nil
}

// exact reads a row that must be written exactly as the register writes it.
func exact(body string, into any) bool {
	decoder := json.NewDecoder(strings.NewReader(body))
	decoder.DisallowUnknownFields()
	if decoder.Decode(into) != nil {
		return false
	}
	again, err := json.Marshal(into)
	return err == nil && bytes.Equal(again, []byte(body))
}
