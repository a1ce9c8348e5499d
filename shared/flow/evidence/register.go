package evidence

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sportello/shared/domain/application"
	"sportello/shared/domain/evidence"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/register"
	"sportello/shared/platform/archive"
	"sportello/shared/platform/table"
)

// row is what is read of the ledger's rows, and of a line of an archived block. Only flow/registration writes them, with package ledger.
type row struct {
	Book   string `json:"book"`
	Seq    uint64 `json:"seq"`
	Number uint64 `json:"number"`
	Annex  int    `json:"annex"`
	Page   string `json:"page"`
	Body   string `json:"body"`
	Prev   string `json:"prev"`
	Hash   string `json:"hash"`
	First  uint64 `json:"first"`
}

// records puts in the records of the numbers that the case got, and their annulments.
func (m *making) records(places []application.Protocol) error {
	seen := map[string]bool{}
	var rows []row
	for _, p := range places {
		number, err := register.ParseNumber(p.Number)
		if err != nil {
			return err
		}
		book := layout.Book(m.c.Chamber, p.Year)
		if key := book + "/" + p.Number; seen[key] {
			continue
		} else {
			seen[key] = true
		}
		found, err := m.rows(book, number)
		if err != nil {
			return err
		}
		rows = append(rows, found...)
	}
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.Page, b.Page), cmp.Compare(a.Book, b.Book), cmp.Compare(a.Seq, b.Seq))
	})
	for _, r := range rows {
		if err := m.record(r); err != nil {
			return err
		}
	}
	return nil
}

// rows finds a number and its annexes in the ledger, which tells in which block of the archive they stand.
func (m *making) rows(book string, number uint64) ([]row, error) {
	items, err := table.All(m.ctx, m.Register, table.Query{PK: layout.LedgerEntries(book), Prefix: layout.LedgerEntry(book, number).SK})
	if err != nil {
		return nil, err
	}
	var rows []row
	for _, item := range items {
		r, err := table.Decode[row](item, 1)
		if err != nil {
			return nil, err
		}
		if r.Annex == 0 {
			entry, err := register.ParseEntry([]byte(r.Body))
			if err != nil {
				return nil, err
			}
			if entry.Application != m.c.ID {
				return nil, fmt.Errorf("number %s of %s is of another case", register.Number(number), book)
			}
		}
		rows = append(rows, r)
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("number %s of %s is not in the register", register.Number(number), book)
	}
	return rows, nil
}

// record puts in one record as the archive has it, with its place in the day's tree.
func (m *making) record(r row) error {
	line, err := m.line(r)
	if err != nil {
		return err
	}
	_, year, _ := strings.Cut(r.Book, "#")
	entry := evidence.Record{
		Entry: m.b.Add(evidence.Entry, fmt.Sprintf("registro/%s-%06d.json", year, r.Seq), line),
		Book:  r.Book, Seq: r.Seq, Number: register.Number(r.Number), Annex: r.Annex, Date: r.Page, Previous: r.Prev, Hash: r.Hash,
	}
	if r.Annex == 0 {
		told, err := register.ParseEntry([]byte(r.Body))
		if err != nil {
			return err
		}
		entry.Document = told.Document.SHA256
	}
	leaves, err := m.day(r.Page)
	if err != nil {
		return err
	}
	if leaves != nil {
		index, path, err := leaves.Prove(register.Year(year+"-01-01"), r.Seq)
		if err != nil {
			return err
		}
		entry.Proof = &evidence.Proof{Day: r.Page, Index: index, Size: len(leaves.Leaves), Salt: leaves.Leaves[index].Salt, Path: path}
	}
	m.b.Register = append(m.b.Register, entry)
	return nil
}

// line is the record's in its block, byte for byte. The block's other lines are of other people.
func (m *making) line(r row) ([]byte, error) {
	block, err := m.Archive.Get(m.ctx, layout.Block(r.Book, r.First))
	if err != nil {
		return nil, err
	}
	for line := range bytes.Lines(block) {
		var other row
		if err := json.Unmarshal(line, &other); err != nil {
			return nil, fmt.Errorf("reading block: %w", err)
		}
		if other.Seq != r.Seq {
			continue
		}
		if other != r {
			break
		}
		return bytes.Clone(line), nil
	}
	return nil, fmt.Errorf("record %d of %s is not in its block as it is in the table", r.Seq, r.Book)
}

// day puts in the statement of a day, once, and returns its leaves; nil before the day is declared.
func (m *making) day(day string) (*register.Leaves, error) {
	if leaves, looked := m.days[day]; looked {
		return leaves, nil
	}
	m.days[day] = nil
	parts := map[string][]byte{}
	chamber := m.c.Chamber
	for _, key := range []string{layout.Statement(chamber, day), layout.StatementSignature(chamber, day), layout.StatementTimestamp(chamber, day), layout.Leaves(chamber, day)} {
		body, err := m.Archive.Get(m.ctx, key)
		if err != nil && !errors.Is(err, archive.ErrNotFound) {
			return nil, err
		}
		parts[key] = body
	}
	words := parts[layout.Statement(chamber, day)]
	if words == nil {
		m.b.Miss("sigillo del registro del "+day, "il giorno non è ancora stato chiuso e dichiarato: avviene il giorno lavorativo successivo", "")
		return nil, nil
	}
	statement, err := register.ParseStatement(words)
	if err != nil {
		return nil, err
	}
	leaves, err := register.ParseLeaves(parts[layout.Leaves(chamber, day)])
	if err != nil {
		return nil, err
	}
	sealedAt, err := register.ParseInstant(statement.SealedAt)
	if err != nil {
		return nil, err
	}
	m.at(sealedAt)
	m.declare(day, words, parts[layout.StatementSignature(chamber, day)], parts[layout.StatementTimestamp(chamber, day)])
	m.days[day] = &leaves
	return &leaves, nil
}

// declare puts in a statement with what there is over it.
func (m *making) declare(day string, words, seal, token []byte) {
	folder := "registro/giorni/" + day + "/"
	declared := evidence.Day{Day: day, Statement: m.b.Add(evidence.Statement, folder+"statement.json", words)}
	if seal == nil {
		m.b.Miss("sigillo del registro del "+day, "il giorno è chiuso e il sigillo elettronico non è ancora stato apposto", "")
		token = nil
	} else {
		declared.Seal = m.b.Add(evidence.Seal, folder+"statement.p7s", seal)
		if chain, err := evidence.Chain(seal); err == nil {
			declared.Certificates = m.b.Add(evidence.Certificates, folder+"certificati.pem", chain)
		}
	}
	if token == nil {
		m.b.Miss("marca temporale del "+day, "l'autorità di validazione temporale non ha ancora risposto", "")
	} else {
		declared.Timestamp = m.b.Add(evidence.Timestamp, folder+"statement.tst", token)
	}
	m.b.Days = append(m.b.Days, declared)
}
