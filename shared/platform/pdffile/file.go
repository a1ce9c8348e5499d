package pdffile

import (
	"bytes"
	"cmp"
	"errors"
	"maps"
	"slices"
)

// maxObjects bounds object numbers, as ISO 32000-1 annex C does.
const maxObjects = 8_388_607

// maxSections bounds the revisions of a file.
const maxSections = 256

// File is a PDF, read through its cross-references.
type File struct {
	Trailer  Dict
	Sections []Section // newest first

	data     []byte
	fuel     int
	unpacked int
	holders  map[int]container // object streams that were unpacked
	held     int               // bytes of them
}

// Section is one cross-reference section: what one revision added or changed. The two that a linearised file has of its first revision
// count as two.
type Section struct {
	At      int
	Entries map[int]Entry
	Trailer Dict
}

// Entry is where an object stands: at an offset, or as the index-th of an object stream. Neither: it is deleted.
type Entry struct {
	Offset, Generation int
	Stream, Index      int
}

// InUse tells whether there is an object at all.
func (e Entry) InUse() bool { return e.Offset > 0 || e.Stream > 0 }

// maxHeld is how much of unpacked object streams is kept at hand.
const maxHeld = 32 << 20

// container is an unpacked object stream.
type container struct {
	offsets []int
	numbers []int
	body    []byte
}

// New prepares to read a file, without looking for its cross-references.
func New(data []byte) *File {
	return &File{data: data, fuel: 8*len(data) + 1<<20, unpacked: maxUnpacked, holders: map[int]container{}}
}

// Open reads a file's cross-references back to the first revision.
func Open(data []byte) (*File, error) {
	f := New(data)
	if !bytes.HasPrefix(data, []byte("%PDF-")) {
		return nil, ErrMalformed
	}
	at, err := f.start()
	if err != nil {
		return nil, err
	}
	seen := map[int]bool{}
	for at >= 0 {
		if seen[at] || len(f.Sections) >= maxSections {
			return nil, ErrMalformed
		}
		seen[at] = true
		s, err := f.section(at)
		if err != nil {
			return nil, err
		}
		f.Sections = append(f.Sections, s)
		at = s.Trailer.Int("Prev", -1)
	}
	f.Trailer = f.Sections[0].Trailer
	return f, nil
}

// tail is how much of the end is searched for startxref.
const tail = 2048

// start finds where the newest section is. After the end mark there may be only white space: bytes there would be nobody's.
func (f *File) start() (int, error) {
	from := max(0, len(f.data)-tail)
	at := bytes.LastIndex(f.data[from:], []byte("startxref"))
	if at < 0 {
		return 0, ErrMalformed
	}
	l := lexer{f.data, from + at + len("startxref"), &f.fuel}
	for l.pos < len(f.data) && isSpace(f.data[l.pos]) {
		l.pos++
	}
	offset, err := l.whole()
	if err != nil {
		return 0, err
	}
	rest, found := bytes.CutPrefix(bytes.TrimLeft(f.data[l.pos:], "\r\n\t "), []byte("%%EOF"))
	if !found || len(bytes.Trim(rest, "\r\n\t \x00")) > 0 {
		return 0, ErrMalformed
	}
	return offset, nil
}

func (f *File) section(at int) (Section, error) {
	if at <= 0 || at >= len(f.data) {
		return Section{}, ErrMalformed
	}
	l := lexer{f.data, at, &f.fuel}
	l.skip()
	if !bytes.HasPrefix(f.data[l.pos:], []byte("xref")) {
		return f.streamed(at)
	}
	l.pos += len("xref")
	s := Section{At: at, Entries: map[int]Entry{}}
	for {
		l.skip()
		if bytes.HasPrefix(f.data[l.pos:], []byte("trailer")) {
			l.pos += len("trailer")
			break
		}
		if err := f.table(&l, s.Entries); err != nil {
			return s, err
		}
	}
	o, err := l.object(0)
	if err != nil {
		return s, err
	}
	var ok bool
	if s.Trailer, ok = o.(Dict); !ok {
		return s, ErrMalformed
	}
	// A hybrid file keeps what older readers must not see in a stream beside the table (7.5.8.4).
	if beside := s.Trailer.Int("XRefStm", -1); beside >= 0 {
		more, err := f.streamed(beside)
		if err != nil {
			return s, err
		}
		for number, e := range more.Entries {
			if !s.Entries[number].InUse() {
				s.Entries[number] = e
			}
		}
	}
	return s, nil
}

// table reads one subsection of a cross-reference table.
func (f *File) table(l *lexer, entries map[int]Entry) error {
	first, err := l.whole()
	if err != nil {
		return err
	}
	l.skip()
	count, err := l.whole()
	if err != nil || first+count > maxObjects {
		return ErrMalformed
	}
	for number := first; number < first+count; number++ {
		var e Entry
		l.skip()
		if e.Offset, err = l.whole(); err != nil {
			return err
		}
		l.skip()
		if e.Generation, err = l.whole(); err != nil {
			return err
		}
		l.skip()
		kind, err := l.word()
		if err != nil || kind != "n" && kind != "f" {
			return ErrMalformed
		}
		if kind == "f" {
			e = Entry{}
		}
		if _, twice := entries[number]; twice {
			return ErrMalformed
		}
		entries[number] = e
	}
	return nil
}

// streamed reads a cross-reference stream (7.5.8).
func (f *File) streamed(at int) (Section, error) {
	s := Section{At: at, Entries: map[int]Entry{}}
	if at <= 0 || at >= len(f.data) {
		return s, ErrMalformed
	}
	l := lexer{f.data, at, &f.fuel}
	_, o, err := l.indirect(func(Ref) int { return -1 })
	if err != nil {
		return s, err
	}
	stream, ok := o.(*Stream)
	if !ok || stream.Dict["Type"] != Name("XRef") {
		return s, ErrMalformed
	}
	s.Trailer = stream.Dict
	body, err := stream.unpack(&f.unpacked)
	if err != nil {
		return s, err
	}
	var width [3]int
	w, _ := stream.Dict["W"].(Array)
	if len(w) != 3 {
		return s, ErrMalformed
	}
	for i := range width {
		v, ok := w[i].(float64)
		if !ok || v < 0 || v > 8 {
			return s, ErrMalformed
		}
		width[i] = int(v)
	}
	ranges, ok := stream.Dict["Index"].(Array)
	if !ok {
		ranges = Array{0.0, float64(stream.Dict.Int("Size", 0))}
	}
	return s, s.fill(body, width, ranges)
}

func (s *Section) fill(body []byte, width [3]int, ranges Array) error {
	size := width[0] + width[1] + width[2]
	if len(ranges)%2 != 0 || size == 0 {
		return ErrMalformed
	}
	for ; len(ranges) > 0; ranges = ranges[2:] {
		first, ok1 := ranges[0].(float64)
		count, ok2 := ranges[1].(float64)
		if !ok1 || !ok2 || first < 0 || count < 0 || first+count > maxObjects {
			return ErrMalformed
		}
		for number := int(first); number < int(first+count); number++ {
			if len(body) < size {
				return ErrMalformed
			}
			kind := 1
			if width[0] > 0 {
				kind = big(body[:width[0]])
			}
			second, third := big(body[width[0]:width[0]+width[1]]), big(body[width[0]+width[1]:size])
			body = body[size:]
			if second < 0 || third < 0 {
				return ErrMalformed // eight bytes hold more than an offset can be
			}
			if _, twice := s.Entries[number]; twice {
				return ErrMalformed
			}
			switch kind {
			case 0:
				s.Entries[number] = Entry{}
			case 1:
				s.Entries[number] = Entry{Offset: second, Generation: third}
			case 2:
				s.Entries[number] = Entry{Stream: second, Index: third}
			}
		}
	}
	return nil
}

func big(b []byte) (n int) {
	for _, x := range b {
		n = n<<8 | int(x)
	}
	return n
}

// Entry finds where an object stands in this edition of the file.
func (f *File) Entry(number int) (Entry, bool) {
	for i := range f.Sections {
		if e, there := f.Sections[i].Entries[number]; there {
			return e, true
		}
	}
	return Entry{}, false
}

// Resolve follows references to the object they end at; what is not there is null.
func (f *File) Resolve(o any) (any, error) {
	for range 16 {
		ref, ok := o.(Ref)
		if !ok {
			return o, nil
		}
		var err error
		if o, err = f.Object(ref.Number); err != nil {
			return nil, err
		}
	}
	return nil, ErrMalformed
}

// Object reads the object of a number; nil if there is none.
func (f *File) Object(number int) (any, error) {
	e, there := f.Entry(number)
	if !there || !e.InUse() {
		return nil, nil
	}
	return f.read(number, e, 0)
}

// At reads the object that an entry of any section stands for.
func (f *File) At(number int, e Entry) (any, error) {
	if !e.InUse() {
		return nil, nil
	}
	return f.read(number, e, 0)
}

func (f *File) read(number int, e Entry, depth int) (any, error) {
	if e.Stream > 0 {
		return f.packed(number, e, depth)
	}
	if e.Offset >= len(f.data) {
		return nil, ErrMalformed
	}
	l := lexer{f.data, e.Offset, &f.fuel}
	id, o, err := l.indirect(func(r Ref) int { return f.length(r, depth) })
	if err != nil {
		return nil, err
	}
	if id.Number != number || id.Generation != e.Generation {
		return nil, ErrMalformed
	}
	return o, nil
}

// length reads a stream's length that stands elsewhere; -1 if it cannot be read.
func (f *File) length(r Ref, depth int) int {
	e, there := f.Entry(r.Number)
	if !there || e.Offset == 0 || depth > 0 {
		return -1
	}
	o, err := f.read(r.Number, e, depth+1)
	if v, ok := o.(float64); err == nil && ok {
		return int(v)
	}
	return -1
}

// packed reads an object out of an object stream (7.5.7).
func (f *File) packed(number int, e Entry, depth int) (any, error) {
	if depth > 0 {
		return nil, ErrMalformed
	}
	holder, there := f.Entry(e.Stream)
	if !there || holder.Stream > 0 || holder.Offset == 0 {
		return nil, ErrMalformed
	}
	c, err := f.holder(e.Stream, holder)
	if err != nil {
		return nil, err
	}
	if e.Index >= len(c.numbers) || c.numbers[e.Index] != number {
		return nil, ErrMalformed
	}
	l := lexer{c.body, c.offsets[e.Index], &f.fuel}
	return l.object(0)
}

func (f *File) holder(number int, e Entry) (container, error) {
	if c, known := f.holders[e.Offset]; known {
		return c, nil
	}
	o, err := f.read(number, e, 0)
	if err != nil {
		return container{}, err
	}
	s, ok := o.(*Stream)
	if !ok {
		return container{}, ErrMalformed
	}
	c, err := f.unpackObjects(s)
	if err != nil {
		return container{}, err
	}
	if f.held += len(c.body); f.held > maxHeld {
		clear(f.holders)
		f.held = len(c.body)
	}
	f.holders[e.Offset] = c
	return c, nil
}

// unpackObjects reads an object stream's table of contents.
func (f *File) unpackObjects(s *Stream) (c container, err error) {
	if s.Dict["Type"] != Name("ObjStm") {
		return c, ErrMalformed
	}
	if c.body, err = s.unpack(&f.unpacked); err != nil {
		return c, err
	}
	count, first := s.Dict.Int("N", -1), s.Dict.Int("First", -1)
	if count < 0 || first < 0 || first > len(c.body) || count > maxItems {
		return c, ErrMalformed
	}
	l := lexer{c.body[:first], 0, &f.fuel}
	for range count {
		l.skip()
		number, err := l.whole()
		if err != nil {
			return c, err
		}
		l.skip()
		offset, err := l.whole()
		if err != nil || offset > len(c.body)-first {
			return c, ErrMalformed
		}
		c.numbers, c.offsets = append(c.numbers, number), append(c.offsets, first+offset)
	}
	return c, nil
}

// All goes through every object of every revision, also those that a later one replaced, as far as they can be read.
func (f *File) All(each func(number int, o any) error) error {
	for i := range f.Sections {
		entries := f.Sections[i].Entries
		// Those of one object stream together, so that it is unpacked once.
		order := slices.SortedFunc(maps.Keys(entries), func(a, b int) int {
			return cmp.Or(cmp.Compare(entries[a].Stream, entries[b].Stream), cmp.Compare(a, b))
		})
		for _, number := range order {
			o, err := f.At(number, entries[number])
			if errors.Is(err, ErrTooMuch) {
				return err
			}
			if err != nil || o == nil {
				continue
			}
			if err := each(number, o); err != nil {
				return err
			}
		}
	}
	return nil
}

var objWord = []byte("obj")

// Scan goes through everything in the bytes that looks like an object, wherever it stands, and through what object streams hold: readers
// that repair a file find objects that its cross-references do not name.
func (f *File) Scan(each func(o any) error) error {
	for at := 0; ; {
		next := bytes.Index(f.data[at:], objWord)
		if next < 0 {
			return nil
		}
		at += next + len(objWord)
		if before := at - len(objWord) - 1; before < 0 || !isSpace(f.data[before]) && !isDigit(f.data[before]) {
			continue // endobj, or part of a word
		}
		o, err := f.after(at)
		if errors.Is(err, ErrTooMuch) {
			return err
		}
		if err != nil {
			continue
		}
		if err := each(o); err != nil {
			return err
		}
		s, ok := o.(*Stream)
		if !ok || s.Dict["Type"] != Name("ObjStm") {
			continue
		}
		if err := f.scanPacked(s, each); err != nil {
			return err
		}
	}
}

// after reads the object after the word obj.
func (f *File) after(at int) (any, error) {
	l := lexer{f.data, at, &f.fuel}
	o, err := l.object(0)
	if err != nil {
		return nil, err
	}
	if _, bad := o.(keyword); bad {
		return nil, ErrMalformed
	}
	dict, ok := o.(Dict)
	if !ok {
		return o, nil
	}
	if word, err := l.object(0); err != nil || word != keyword("stream") {
		return o, nil
	}
	raw, err := l.stream(dict, func(Ref) int { return -1 })
	if err != nil {
		return o, nil
	}
	return &Stream{dict, raw}, nil
}

func (f *File) scanPacked(s *Stream, each func(o any) error) error {
	c, err := f.unpackObjects(s)
	if errors.Is(err, ErrTooMuch) {
		return err
	}
	for _, offset := range c.offsets {
		l := lexer{c.body, offset, &f.fuel}
		o, err := l.object(0)
		if errors.Is(err, ErrTooMuch) {
			return err
		}
		if err != nil {
			continue
		}
		if err := each(o); err != nil {
			return err
		}
	}
	return nil
}

// Root is the catalogue.
func (f *File) Root() (Dict, error) {
	o, err := f.Resolve(f.Trailer["Root"])
	if err != nil {
		return nil, err
	}
	root, ok := o.(Dict)
	if !ok {
		return nil, ErrMalformed
	}
	return root, nil
}

// Data are the file's bytes.
func (f *File) Data() []byte { return f.data }
