package trial

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"sportello/infra/verify/book"
)

// Deceit is what somebody does who knows how register and archive are made, and what the audit says of it.
type Deceit struct {
	What string // in Italian
	// Named is the finding; empty: nothing was noticed.
	Named string
	// None: there is nothing to do it with.
	None bool
	// Fault: it was not noticed, or something else was named than Wanted, with which the finding begins.
	Fault  bool
	Wanted string
}

// Deceive tries each way on the store.
func (s *Store) Deceive(ctx context.Context) ([]Deceit, error) {
	var list []Deceit
	for _, way := range []struct {
		what string
		do   func() (variant, string)
	}{
		{"una registrazione sostituita e la catena ricalcolata dopo di lei, nell'archivio", s.replaced},
		{"la stessa, ricalcolata anche nella tabella", s.replacedEverywhere},
		{"la coda dell'archivio tagliata", s.cut},
		{"la coda tagliata anche nella tabella, fin dentro i giorni chiusi", s.cutEverywhere},
		{"due oggetti scambiati", s.swapped},
		{"un pacchetto rifatto", s.repacked},
	} {
		v, wanted := way.do()
		d := Deceit{What: way.what, Wanted: wanted, None: wanted == ""}
		if !d.None {
			report, err := s.audit(ctx, v)
			if err != nil {
				return nil, err
			}
			if report.Broken != nil {
				d.Named = report.Broken.Error()
			}
			d.Fault = !strings.HasPrefix(d.Named, wanted)
		}
		list = append(list, d)
	}
	return list, nil
}

// blocks are the keys of the blocks of one book, in order: of the book that has most.
func (s *Store) blocks() []string {
	books := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(s.objects)) {
		if folder, _, is := strings.Cut(name, "/blocks/"); is {
			books[folder] = append(books[folder], name)
		}
	}
	var most []string
	for _, folder := range slices.Sorted(maps.Keys(books)) {
		if len(books[folder]) > len(most) {
			most = books[folder]
		}
	}
	return most
}

// records are those of a block that holds.
func (s *Store) records(name string) []book.Record {
	records, _ := book.ParseBlock(s.objects[name])
	return records
}

// replaced changes the first record's words and makes the archive that follows fit: the table tells.
func (s *Store) replaced() (variant, string) {
	v, first := s.forged()
	v.rows = nil
	if first.Book == "" {
		return v, ""
	}
	return v, key{"E#" + first.Book, first.Row()}.String()
}

// replacedEverywhere makes the table fit too: the list of the day tells, once the day is closed.
func (s *Store) replacedEverywhere() (variant, string) {
	v, first := s.forged()
	if !s.closed(first) {
		return v, ""
	}
	return v, s.blocks()[0] + ": riga 1 (" + first.Label() + ")"
}

// closed tells whether the day of a record is.
func (s *Store) closed(r book.Record) bool {
	chamber, _, _ := strings.Cut(r.Book, "#")
	return s.objects["register/"+chamber+"/seals/"+r.Page+".json"] != nil
}

// forged is the first book with another first record and all hashes after it computed anew, in the archive and in the table.
func (s *Store) forged() (v variant, first book.Record) {
	v = variant{map[string][]byte{}, map[key]*string{}}
	before := book.Zero
	for _, name := range s.blocks() {
		var body bytes.Buffer
		for _, r := range s.records(name) {
			if before == book.Zero {
				r.Body = strings.Replace(r.Body, `"subject":"`, `"subject":"X`, 1)
				first = r
			}
			old := r.Hash
			r.Prev = before
			r.Hash = r.Sum()
			before = r.Hash
			body.Write(r.Line())
			if row, err := r.RowBody(); err == nil {
				text := string(row)
				v.rows[key{"E#" + r.Book, r.Row()}] = &text
			}
			at := key{"H#" + r.Book, "HEAD"}
			if head := strings.Replace(s.register[at], old, r.Hash, 1); head != s.register[at] {
				v.rows[at] = &head
			}
		}
		v.objects[name] = body.Bytes()
	}
	return v, first
}

// cut takes the last block away: the table's head tells.
func (s *Store) cut() (variant, string) {
	blocks := s.blocks()
	if len(blocks) == 0 {
		return variant{}, ""
	}
	last := blocks[len(blocks)-1]
	return variant{objects: map[string][]byte{last: nil}}, last + ": seq "
}

// cutEverywhere takes away all that follows the first block, the rows too, and sets the head back: the list of a closed day tells.
func (s *Store) cutEverywhere() (variant, string) {
	blocks := s.blocks()
	if len(blocks) < 2 || !s.closed(s.records(blocks[1])[0]) {
		return variant{}, ""
	}
	v := variant{map[string][]byte{}, map[key]*string{}}
	for _, name := range blocks[1:] {
		v.objects[name] = nil
		for _, r := range s.records(name) {
			v.rows[key{"E#" + r.Book, r.Row()}], v.rows[key{"D#" + r.Event, "D"}] = nil, nil
		}
	}
	kept := s.records(blocks[0])
	last := kept[len(kept)-1]
	at := key{"H#" + last.Book, "HEAD"}
	var head struct {
		Number        uint64 `json:"number"`
		Seq           uint64 `json:"seq"`
		Hash          string `json:"hash"`
		SealedThrough string `json:"sealedThrough,omitempty"`
		From          string `json:"from,omitempty"`
		Last          struct {
			Book   string `json:"book"`
			Number uint64 `json:"number"`
		} `json:"last"`
	}
	if json.Unmarshal([]byte(s.register[at]), &head) != nil || last.Annex > 0 {
		return variant{}, ""
	}
	head.Number, head.Seq, head.Hash, head.Last.Number = last.Number, last.Seq, last.Hash, last.Number
	text, err := json.Marshal(head)
	if err != nil {
		return variant{}, ""
	}
	back := string(text)
	v.rows[at] = &back
	return v, blocks[1] + ": seq "
}

// swapped exchanges the first block and the last.
func (s *Store) swapped() (variant, string) {
	blocks := s.blocks()
	if len(blocks) < 2 {
		return variant{}, ""
	}
	a, b := blocks[0], blocks[len(blocks)-1]
	return variant{objects: map[string][]byte{a: s.objects[b], b: s.objects[a]}}, a + ": riga 1 "
}

// repacked makes a package's zip say something at its end that no reader looks at: the receipt tells.
func (s *Store) repacked() (variant, string) {
	for _, name := range slices.Sorted(maps.Keys(s.objects)) {
		folder, is := strings.CutSuffix(name, "/package.zip")
		if is && strings.HasPrefix(folder, "packages/") && s.objects[folder+"/receipt.p7m"] != nil {
			body, comment := s.objects[name], "rifatto"
			again := append(bytes.Clone(body[:len(body)-2]), byte(len(comment)), 0)
			return variant{objects: map[string][]byte{name: append(again, comment...)}}, folder + "/receipt.p7m: "
		}
	}
	return variant{}, ""
}
