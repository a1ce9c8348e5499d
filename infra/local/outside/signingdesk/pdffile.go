package signingdesk

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// document is a PDF to be continued by incremental updates (ISO 32000-1, 7.5.6). It reads what it
// needs of files with a plain cross-reference table; the others are refused by name.
type document struct {
	raw     []byte
	trailer dictionary
	offsets map[int]int
	table   int // where the newest cross-reference table is
}

var (
	errNoPDF      = errors.New("non comincia come un PDF")
	errBroken     = errors.New("la sua struttura è danneggiata")
	errCompressed = errors.New("la sua tabella degli oggetti è compressa (PDF 1.5); salvarlo come PDF/A-1 o PDF 1.4")
	errEncrypted  = errors.New("è cifrato")
)

func openPDF(raw []byte) (*document, error) {
	if !bytes.Contains(raw[:min(1024, len(raw))], []byte("%PDF-")) {
		return nil, errNoPDF
	}
	d := &document{raw: raw, offsets: map[int]int{}}
	var err error
	if d.table, err = startOf(raw); err != nil {
		return nil, err
	}
	for at, rounds := d.table, 0; ; rounds++ {
		trailer, err := d.readTable(at)
		if err != nil || rounds > 1000 {
			return nil, errors.Join(err, errBroken)
		}
		if d.trailer == nil {
			d.trailer = trailer
		}
		previous, has := trailer.get("Prev")
		if !has {
			break
		}
		if at, err = strconv.Atoi(previous); err != nil {
			return nil, errBroken
		}
	}
	if _, has := d.trailer.get("Encrypt"); has {
		return nil, errEncrypted
	}
	return d, nil
}

// startOf reads the last startxref.
func startOf(raw []byte) (int, error) {
	i := bytes.LastIndex(raw, []byte("startxref"))
	if i < 0 {
		return 0, errBroken
	}
	fields := bytes.Fields(raw[i:])
	if len(fields) < 2 {
		return 0, errBroken
	}
	at, err := strconv.Atoi(string(fields[1]))
	if err != nil {
		return 0, errBroken
	}
	return at, nil
}

// readTable adds the entries of one cross-reference table that no newer one has.
func (d *document) readTable(at int) (dictionary, error) {
	if at < 0 || at >= len(d.raw) {
		return nil, errBroken
	}
	rest, plain := bytes.CutPrefix(d.raw[at:], []byte("xref"))
	if !plain {
		return nil, errCompressed
	}
	lines := scanner{rest}
	for {
		first := lines.next()
		if first == "trailer" {
			break
		}
		start, err := strconv.Atoi(first)
		count, err2 := strconv.Atoi(lines.next())
		if err != nil || err2 != nil || count > len(rest)/18 {
			return nil, errBroken
		}
		for n := start; n < start+count; n++ {
			offset, err := strconv.Atoi(lines.next())
			_, kind := lines.next(), lines.next()
			if err != nil {
				return nil, errBroken
			}
			if _, newer := d.offsets[n]; !newer && kind == "n" {
				d.offsets[n] = offset
			}
		}
	}
	return parseDictionary(lines.rest)
}

// scanner gives the words of a table.
type scanner struct{ rest []byte }

func (s *scanner) next() string {
	s.rest = bytes.TrimLeft(s.rest, whitespace)
	end := bytes.IndexAny(s.rest, whitespace+"<")
	if end < 0 {
		end = len(s.rest)
	}
	word := string(s.rest[:end])
	s.rest = s.rest[end:]
	return word
}

var (
	reference = regexp.MustCompile(`^(\d+)\s+(\d+)\s+R`)
	heading   = regexp.MustCompile(`^\s*\d+\s+\d+\s+obj`)
)

// number is the object that a reference names, or -1.
func number(value string) int {
	m := reference.FindStringSubmatch(value)
	if m == nil {
		return -1
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		return -1
	}
	return n
}

// object is the value of an object; of a stream, its dictionary.
func (d *document) object(n int) (string, error) {
	at, found := d.offsets[n]
	if !found || at < 0 || at >= len(d.raw) {
		return "", errBroken
	}
	head := heading.FindIndex(d.raw[at:min(at+64, len(d.raw))])
	if head == nil {
		return "", errBroken
	}
	body := bytes.TrimLeft(d.raw[at+head[1]:], whitespace)
	end, err := valueEnd(body, 0, 0)
	return string(body[:end]), err
}

func (d *document) dictionary(n int) (dictionary, error) {
	raw, err := d.object(n)
	if err != nil {
		return nil, err
	}
	return parseDictionary([]byte(raw))
}

// catalog is the document's root.
func (d *document) catalog() (int, dictionary, error) {
	root, _ := d.trailer.get("Root")
	n := number(root)
	c, err := d.dictionary(n)
	return n, c, err
}

// firstPage goes down the tree of pages.
func (d *document) firstPage() (int, dictionary, error) {
	_, node, err := d.catalog()
	if err != nil {
		return 0, nil, err
	}
	next, _ := node.get("Pages")
	for range 50 {
		n := number(next)
		if node, err = d.dictionary(n); err != nil {
			return 0, nil, err
		}
		kids, has := node.get("Kids")
		if !has {
			return n, node, nil
		}
		if at := number(kids); at >= 0 {
			if kids, err = d.object(at); err != nil {
				return 0, nil, err
			}
		}
		next = strings.TrimLeft(kids, "["+whitespace)
	}
	return 0, nil, errBroken
}

// update is a revision being written.
type update struct {
	doc     *document
	next    int
	objects map[int]string
}

func (d *document) update() (*update, error) {
	size, _ := d.trailer.get("Size")
	next, err := strconv.Atoi(size)
	if err != nil {
		return nil, errBroken
	}
	return &update{doc: d, next: next, objects: map[int]string{}}, nil
}

// add returns the number of a new object.
func (u *update) add(body string) int {
	n := u.next
	u.next++
	u.objects[n] = body
	return n
}

func (u *update) addStream(extra string, data []byte) int {
	return u.add(fmt.Sprintf("<< %s/Length %d >>\nstream\n%s\nendstream", extra, len(data), data))
}

// extend adds an item to an array that may be missing, here, or in an object of its own.
func (u *update) extend(array, item string) (string, error) {
	n := number(array)
	if n < 0 {
		if array == "" {
			return "[" + item + "]", nil
		}
		return strings.TrimSuffix(strings.TrimRight(array, whitespace), "]") + " " + item + "]", nil
	}
	own, err := u.doc.object(n)
	if err != nil {
		return "", err
	}
	if !strings.HasPrefix(own, "[") { // one thing, not a list: a content stream
		return "[" + array + " " + item + "]", nil
	}
	u.objects[n], err = u.extend(own, item)
	return array, err
}

// write is the document with the revision after it.
func (u *update) write() []byte {
	var b bytes.Buffer
	b.Write(u.doc.raw)
	if !bytes.HasSuffix(u.doc.raw, []byte("\n")) {
		b.WriteByte('\n')
	}
	var numbers []int
	for n := range u.objects {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	var table strings.Builder
	for _, n := range numbers {
		fmt.Fprintf(&table, "%d 1\n%010d 00000 n \n", n, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", n, u.objects[n])
	}
	trailer := dictionary{{"Size", strconv.Itoa(u.next)}}
	for _, key := range []string{"Root", "Info", "ID"} {
		if v, has := u.doc.trailer.get(key); has {
			trailer = trailer.with(key, v)
		}
	}
	trailer = trailer.with("Prev", strconv.Itoa(u.doc.table))
	start := b.Len()
	fmt.Fprintf(&b, "xref\n%strailer\n%s\nstartxref\n%d\n%%%%EOF\n", table.String(), trailer, start)
	return b.Bytes()
}
