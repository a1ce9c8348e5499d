package pdffile

import (
	"bytes"
)

// maxObjects bounds object numbers, as ISO 32000-1 annex C does.
const maxObjects = 8_388_607

// maxSections bounds the revisions of a file, maxEntries the lines of all their tables: packed, some kilobytes hold millions.
const (
	maxSections = 256
	maxEntries  = 1 << 20
)

// The fuel of a file: so many times its bytes, and as much for a small one as any needs. A file that is all structure and has dozens of
// signatures, each with a revision to compare, runs out of it.
const (
	fuelTimes = 6
	fuelLeast = 16 << 20
)

// File is a PDF, read through its cross-references.
type File struct {
	Trailer  Dict
	Sections []Section // newest first

	data     []byte
	fuel     *int // what may still be read, over all editions of the file
	unpacked *int
	entries  int               // of all sections
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
	fuel, unpacked := fuelTimes*len(data)+fuelLeast, maxUnpacked
	return &File{data: data, fuel: &fuel, unpacked: &unpacked, holders: map[int]container{}}
}

// Open reads a file's cross-references back to the first revision.
func Open(data []byte) (*File, error) { return New(data).open() }

// Until is the edition of the file that ended there, read as a file of its own. The bounds are those of the whole.
func (f *File) Until(end int) (*File, error) {
	return (&File{data: f.data[:end], fuel: f.fuel, unpacked: f.unpacked, holders: map[int]container{}}).open()
}

func (f *File) open() (*File, error) {
	if !bytes.HasPrefix(f.data, []byte("%PDF-")) {
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
		if at = s.Trailer.Int("Prev", -1); at < 0 && s.Trailer["Prev"] != nil {
			return nil, ErrMalformed // another reader may follow it
		}
	}
	f.Trailer = f.Sections[0].Trailer
	return f, nil
}

// counted takes note of one more line of a table.
func (f *File) counted() error {
	if f.entries++; f.entries > maxEntries {
		return ErrTooMuch
	}
	return nil
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
	l := lexer{data: f.data, pos: e.Offset, fuel: f.fuel}
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
	l := lexer{data: c.body, pos: c.offsets[e.Index], fuel: f.fuel, packed: true}
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
	if !s.holds() {
		return c, ErrMalformed
	}
	if c.body, err = s.unpack(f.unpacked); err != nil {
		return c, err
	}
	count, first := s.Dict.Int("N", -1), s.Dict.Int("First", -1)
	if count < 0 || first < 0 || first > len(c.body) || count > maxItems {
		return c, ErrMalformed
	}
	l := lexer{data: c.body[:first], fuel: f.fuel}
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
