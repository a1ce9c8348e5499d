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

// document is a PDF to be continued by incremental updates (ISO 32000-1, 7.5.6). Only what these
// need is read: where the objects are, in tables or in streams (7.5.8), and the few that change.
type document struct {
	raw      []byte
	trailer  dictionary
	places   map[int]place
	newest   int  // where the newest cross-reference section is
	streamed bool // that section is a stream, and so must the next be
}

// place is where an object is: at an offset of the file or, when stream is not 0, the index-th in an
// object stream.
type place struct{ offset, stream, index int }

var (
	errNoPDF     = errors.New("non comincia come un PDF")
	errBroken    = errors.New("la sua struttura è danneggiata")
	errEncrypted = errors.New("è cifrato")
)

// maxSections is more revisions than any real file has.
const maxSections = 200

func openPDF(raw []byte) (*document, error) {
	if !bytes.Contains(raw[:min(1024, len(raw))], []byte("%PDF-")) {
		return nil, errNoPDF
	}
	d := &document{raw: raw, places: map[int]place{}}
	var err error
	if d.newest, err = startOf(raw); err != nil {
		return nil, err
	}
	read := map[int]bool{}
	for at := d.newest; ; {
		if read[at] || len(read) == maxSections {
			return nil, errBroken
		}
		read[at] = true
		trailer, err := d.readSection(at)
		if err != nil {
			return nil, errBroken
		}
		if d.trailer == nil {
			d.trailer = trailer
			_, d.streamed = trailer.get("W")
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

// readSection adds the places of one cross-reference section that no newer one has.
func (d *document) readSection(at int) (dictionary, error) {
	if at < 0 || at >= len(d.raw) {
		return nil, errBroken
	}
	rest, plain := bytes.CutPrefix(d.raw[at:], []byte("xref"))
	if !plain {
		return d.readStreamSection(at)
	}
	trailer, err := d.readTable(rest)
	if err != nil {
		return nil, err
	}
	// A file for old and new readers has a stream beside the table (7.5.8.4).
	if beside, has := trailer.get("XRefStm"); has {
		if at, err = strconv.Atoi(beside); err != nil || at < 0 || at >= len(d.raw) {
			return nil, errBroken
		}
		if _, err := d.readStreamSection(at); err != nil {
			return nil, err
		}
	}
	return trailer, nil
}

// found keeps the newest place of an object.
func (d *document) found(n int, p place) {
	if _, newer := d.places[n]; !newer {
		d.places[n] = p
	}
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

// readTable reads the table that follows the word xref.
func (d *document) readTable(rest []byte) (dictionary, error) {
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
			if kind == "n" {
				d.found(n, place{offset: offset})
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
	p, found := d.places[n]
	if !found {
		return "", errBroken
	}
	if p.stream != 0 {
		return d.packed(p)
	}
	body, err := d.bodyAt(p.offset)
	if err != nil {
		return "", err
	}
	end, err := valueEnd(body, 0, 0)
	return string(body[:end]), err
}

// bodyAt is the file from an object's value on.
func (d *document) bodyAt(at int) ([]byte, error) {
	if at < 0 || at >= len(d.raw) {
		return nil, errBroken
	}
	head := heading.FindIndex(d.raw[at:min(at+64, len(d.raw))])
	if head == nil {
		return nil, errBroken
	}
	return bytes.TrimLeft(d.raw[at+head[1]:], whitespace), nil
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
	offsets := map[int]int{}
	for _, n := range numbers {
		offsets[n] = b.Len()
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", n, u.objects[n])
	}
	start := b.Len()
	if u.doc.streamed {
		u.writeStream(&b, numbers, offsets)
	} else {
		fmt.Fprintf(&b, "xref\n")
		for _, n := range numbers {
			fmt.Fprintf(&b, "%d 1\n%010d 00000 n \n", n, offsets[n])
		}
		fmt.Fprintf(&b, "trailer\n%s\n", u.trailer(u.next))
	}
	fmt.Fprintf(&b, "startxref\n%d\n%%%%EOF\n", start)
	return b.Bytes()
}

// trailer is the new section's: what it says of the document stays.
func (u *update) trailer(size int) dictionary {
	d := dictionary{{"Size", strconv.Itoa(size)}}
	for _, key := range []string{"Root", "Info", "ID"} {
		if v, has := u.doc.trailer.get(key); has {
			d = d.with(key, v)
		}
	}
	return d.with("Prev", strconv.Itoa(u.doc.newest))
}
