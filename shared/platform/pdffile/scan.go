package pdffile

import (
	"bytes"
	"cmp"
	"errors"
	"maps"
	"slices"
)

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
