package pdffile

import (
	"bytes"
)

// tail is how much of the end is searched for startxref.
const tail = 2048

// start finds where the newest section is. After the end mark there may be only white space: bytes there would be nobody's.
func (f *File) start() (int, error) {
	from := max(0, len(f.data)-tail)
	at := bytes.LastIndex(f.data[from:], []byte("startxref"))
	if at < 0 {
		return 0, ErrMalformed
	}
	l := lexer{data: f.data, pos: from + at + len("startxref"), fuel: f.fuel}
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
	l := lexer{data: f.data, pos: at, fuel: f.fuel}
	l.skip()
	if !bytes.HasPrefix(f.data[l.pos:], []byte("xref")) {
		return f.streamed(at)
	}
	entries, err := f.tables(&l)
	s := Section{At: at, Entries: entries}
	if err != nil {
		return s, err
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

// tables reads a cross-reference table from the word xref to the word trailer. A comment in it is a table to some readers and to others a file
// to be repaired.
func (f *File) tables(l *lexer) (map[int]Entry, error) {
	from, entries := l.pos, map[int]Entry{}
	l.pos += len("xref")
	for {
		l.skip()
		if bytes.HasPrefix(f.data[l.pos:], []byte("trailer")) {
			break
		}
		if err := f.table(l, entries); err != nil {
			return nil, err
		}
	}
	if bytes.IndexByte(f.data[from:l.pos], '%') >= 0 {
		return nil, ErrMalformed
	}
	l.pos += len("trailer")
	return entries, nil
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
		if err := f.counted(); err != nil {
			return err
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
	l := lexer{data: f.data, pos: at, fuel: f.fuel}
	_, o, err := l.indirect(func(Ref) int { return -1 })
	if err != nil {
		return s, err
	}
	stream, ok := o.(*Stream)
	if !ok || stream.Dict["Type"] != Name("XRef") {
		return s, ErrMalformed
	}
	s.Trailer = stream.Dict
	body, err := stream.unpack(f.unpacked)
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
		if !ok || v < 0 || v > 8 || v != float64(int(v)) {
			return s, ErrMalformed
		}
		width[i] = int(v)
	}
	ranges, ok := stream.Dict["Index"].(Array)
	if !ok {
		ranges = Array{0.0, float64(stream.Dict.Int("Size", 0))}
	}
	return s, f.fill(&s, body, width, ranges)
}

func (f *File) fill(s *Section, body []byte, width [3]int, ranges Array) error {
	size := width[0] + width[1] + width[2]
	if len(ranges)%2 != 0 || size == 0 {
		return ErrMalformed
	}
	for ; len(ranges) > 0; ranges = ranges[2:] {
		first, ok1 := ranges[0].(float64)
		count, ok2 := ranges[1].(float64)
		if !ok1 || !ok2 || first < 0 || count < 0 || first+count > maxObjects || first != float64(int(first)) || count != float64(int(count)) {
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
			if err := f.counted(); err != nil {
				return err
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
