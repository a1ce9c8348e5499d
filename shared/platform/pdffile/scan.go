package pdffile

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// All goes through every object of every revision, also those that a later one replaced, as far as they can be read.
func (f *File) All(each func(number int, o any) error) error {
	return f.Every(func(number int, _ Entry, o any, err error) error {
		if err != nil || o == nil {
			return nil
		}
		return each(number, o)
	})
}

// Every goes through the entries of every revision, with what they stand for or why that cannot be read.
func (f *File) Every(each func(number int, e Entry, o any, err error) error) error {
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
			if err := each(number, entries[number], o, err); err != nil {
				return err
			}
		}
	}
	return nil
}

var objWord = []byte("obj")

// ErrUnread is an object stream that another reader may read and this one cannot.
var ErrUnread = fmt.Errorf("%w: objects are packed in a way that is not read", ErrTooMuch)

// Scan goes through everything in the bytes that looks like an object, wherever it stands, and through what object streams hold: readers
// that repair a file find objects that its cross-references do not name. What looks like one and cannot be read comes as raw bytes, which may
// be long: others may make something of it.
func (f *File) Scan(each func(o any) error) error {
	odd := false
	if err := f.scan(func(o any) error {
		if _, bad := o.([]byte); bad {
			odd = true
			return nil
		}
		return each(o)
	}, each); err != nil || !odd {
		return err
	}
	return each(f.data)
}

// scan hands the bytes of an object stream that holds something odd to packed, and nothing but a mark for the file's own.
func (f *File) scan(each, packed func(o any) error) error {
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
			o = []byte(nil)
		}
		if err := each(o); err != nil {
			return err
		}
		s, ok := o.(*Stream)
		if !ok || !s.holds() {
			continue
		}
		if err := f.scanPacked(s, packed); err != nil {
			return err
		}
	}
}

// after reads the object after the word obj.
func (f *File) after(at int) (any, error) {
	l := lexer{data: f.data, pos: at, fuel: f.fuel}
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
	s, err := l.stream(dict, func(Ref) int { return -1 })
	if err != nil {
		return o, nil
	}
	return s, nil
}

// holds tells whether a reader may take a stream for one of objects: not all ask for its type.
func (s *Stream) holds() bool {
	_, elsewhere := s.Dict["Type"].(Ref)
	return s.Dict["Type"] == Name("ObjStm") || s.Dict["First"] != nil && (elsewhere || s.Dict["Type"] == nil)
}

func (f *File) scanPacked(s *Stream, each func(o any) error) error {
	c, err := f.unpackObjects(s)
	if errors.Is(err, ErrTooMuch) {
		return err
	}
	if err != nil {
		return ErrUnread
	}
	odd := false
	for _, offset := range c.offsets {
		l := lexer{data: c.body, pos: offset, fuel: f.fuel, packed: true}
		o, err := l.object(0)
		if errors.Is(err, ErrTooMuch) {
			return err
		}
		if err != nil {
			odd = true
			continue
		}
		if err := each(o); err != nil {
			return err
		}
	}
	if !odd {
		return nil
	}
	return each(c.body)
}

// Names goes through everything in raw bytes that another reader could take for a name.
func Names(data []byte, each func(Name) error) error {
	for {
		at := bytes.IndexByte(data, '/')
		if at < 0 {
			return nil
		}
		data = data[at+1:]
		end := 0
		for end < len(data) && end < maxWord && !isSpace(data[end]) && !isDelimiter(data[end]) {
			end++
		}
		if err := each(Name(unescaped(data[:end]))); err != nil {
			return err
		}
	}
}

// Added goes through what was added to a file after an offset, from one object to the next, and tells whether there is nothing that the sections
// do not name: a reader that repairs files would take an object that stands there unnamed for the newest of its number.
func (f *File) Added(from int, sections []Section) error {
	named := map[int]Ref{}
	tables := map[int]bool{}
	for _, s := range sections {
		tables[f.begin(s.At)] = true
		tables[f.begin(s.Trailer.Int("XRefStm", 0))] = true
		for number, e := range s.Entries {
			if e.Offset > 0 {
				named[f.begin(e.Offset)] = Ref{number, e.Generation}
			}
		}
	}
	l := lexer{data: f.data, pos: from, fuel: f.fuel}
	for {
		if l.skip(); l.pos >= len(f.data) {
			return nil
		}
		at := l.pos
		rest := f.data[at:]
		switch {
		case bytes.HasPrefix(rest, []byte("xref")) && tables[at]:
			if err := f.pass(&l); err != nil {
				return err
			}
		case bytes.HasPrefix(rest, []byte("startxref")):
			l.pos += len("startxref")
			l.skip()
			if _, err := l.whole(); err != nil {
				return err
			}
		default:
			id, _, err := l.indirect(func(r Ref) int { return f.length(r, 0) })
			if err != nil {
				return err
			}
			if want, there := named[at]; (!there || want != id) && !tables[at] {
				return ErrMalformed
			}
			if word, err := l.object(0); err != nil || word != keyword("endobj") {
				return ErrMalformed
			}
		}
	}
}

// begin is where the word at an offset begins: some programs name the line end before it.
func (f *File) begin(at int) int {
	for at < len(f.data) && isSpace(f.data[at]) {
		at++
	}
	return at
}

// pass goes over a table and its trailer.
func (f *File) pass(l *lexer) error {
	if _, err := f.tables(l); err != nil {
		return err
	}
	_, err := l.object(0)
	return err
}
