// Package book reads a chamber's register as infra/docs/register-format.md describes it: records, their chain, what they say, the seals of
// days. It was written from that document and shares no code with what writes the register.
package book

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"sportello/infra/verify/finding"
)

// Record is one record of a book, in the order of its fields.
type Record struct {
	Book   string `json:"book"`
	Seq    uint64 `json:"seq"`
	Number uint64 `json:"number"`
	Annex  int    `json:"annex,omitempty"`
	Event  string `json:"event"`
	Page   string `json:"page"`
	Body   string `json:"body"`
	Prev   string `json:"prev"`
	Hash   string `json:"hash"`
	First  uint64 `json:"first"`
	Count  int    `json:"count"`
}

// Zero is the hash before the first record, and the digest of the seal before the first.
var Zero = strings.Repeat("0", 64)

// Sum computes the hash that the record should have.
func (r Record) Sum() string {
	lines := []string{
		"sportello register entry v1", r.Book, strconv.FormatUint(r.Seq, 10), strconv.FormatUint(r.Number, 10), strconv.Itoa(r.Annex),
		r.Event, r.Page, r.Prev, Digest([]byte(r.Body)),
	}
	return Digest([]byte(strings.Join(lines, "\n") + "\n"))
}

// Digest is SHA-256 in lower-case hex.
func Digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Label names the record for a person.
func (r Record) Label() string {
	if r.Annex > 0 {
		return fmt.Sprintf("seq %d, annotazione %d al protocollo %s", r.Seq, r.Annex, Number(r.Number))
	}
	return fmt.Sprintf("seq %d, protocollo %s", r.Seq, Number(r.Number))
}

// Row is the sort key of the record's row in the table.
func (r Record) Row() string {
	if r.Annex > 0 {
		return fmt.Sprintf("%s#A%d", Number(r.Number), r.Annex)
	}
	return Number(r.Number)
}

// RowBody is what the row's attribute b must hold, byte for byte.
func (r Record) RowBody() ([]byte, error) { return json.Marshal(r) }

// Number writes a protocol number: at least seven digits (DPR 445/2000 art. 57).
func Number(n uint64) string { return fmt.Sprintf("%07d", n) }

// ParseNumber reads what Number writes and nothing else.
func ParseNumber(s string) (uint64, bool) {
	n, err := strconv.ParseUint(s, 10, 64)
	return n, err == nil && n > 0 && Number(n) == s
}

var nameShape = regexp.MustCompile(`^([a-z0-9][a-z0-9-]{0,63})#([0-9]{4})$`)

// SplitName takes a book's name apart.
func SplitName(name string) (chamber string, year int, ok bool) {
	m := nameShape.FindStringSubmatch(name)
	if m == nil {
		return "", 0, false
	}
	year, err := strconv.Atoi(m[2])
	return m[1], year, err == nil && year >= 1900
}

// encode writes JSON as the register does: fields in order, no blanks, <, > and & as they are.
func encode(v any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// decode reads JSON that must be written exactly so: another spelling of the same facts is another text.
func decode(data []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("decoding: %w", err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return fmt.Errorf("decoding: something follows")
	}
	again, err := encode(into)
	if err != nil {
		return fmt.Errorf("writing again: %w", err)
	}
	if !bytes.Equal(again, data) {
		return errSpelling
	}
	return nil
}

var errSpelling = finding.New("", "non è scritto nella forma prevista")

// ParseBlock reads a block: one record a line, in the order of seq. It looks at the lines alone; Chain looks at what they say.
func ParseBlock(data []byte) ([]Record, error) {
	var records []Record
	for n := 1; len(data) > 0; n++ {
		line, rest, ended := bytes.Cut(data, []byte("\n"))
		data = rest
		var r Record
		if err := decode(line, &r); err != nil {
			return records, finding.New(fmt.Sprintf("riga %d", n), "non è una registrazione scritta nella forma prevista")
		}
		if !ended {
			return records, finding.New(r.at(n), "la riga non finisce con un a capo: il blocco è troncato")
		}
		records = append(records, r)
	}
	if len(records) == 0 {
		return nil, finding.New("", "il blocco è vuoto")
	}
	return records, nil
}

// at names the record and its line.
func (r Record) at(line int) string { return fmt.Sprintf("riga %d (%s)", line, r.Label()) }
