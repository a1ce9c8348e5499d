package pdffile

import (
	"bytes"
	"compress/zlib"
	"encoding/ascii85"
	"encoding/hex"
	"errors"
	"io"
)

// Limits on what is unpacked. Structure (object and cross-reference streams) is held in memory one stream at a time; everything else is
// only counted.
const (
	maxStructure = 16 << 20
	maxUnpacked  = 256 << 20
	maxFilters   = 8
)

// filters are the names of a stream's filters, first to be undone first.
func (s *Stream) filters() []Name {
	switch v := s.Dict["Filter"].(type) {
	case Name:
		return []Name{v}
	case Array:
		var all []Name
		for _, one := range v {
			name, _ := one.(Name)
			all = append(all, name)
		}
		return all
	}
	return nil
}

// counted passes on what it reads and takes it off a budget.
type counted struct {
	r      io.Reader
	budget *int
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if *c.budget -= n; *c.budget < 0 {
		return n, ErrUnpacked
	}
	return n, err
}

// errFilter is a filter that is not undone here: images, mostly.
var errFilter = errors.New("PDF filter not read")

func (s *Stream) reader(budget *int) (io.Reader, error) {
	var r io.Reader = bytes.NewReader(s.Raw)
	filters := s.filters()
	if len(filters) > maxFilters {
		return nil, ErrUnpacked
	}
	for _, name := range filters {
		switch name {
		case "FlateDecode", "Fl":
			z, err := zlib.NewReader(r)
			if errors.Is(err, ErrTooMuch) {
				return nil, err
			}
			if err != nil {
				return nil, ErrMalformed
			}
			r = counted{z, budget}
		case "ASCIIHexDecode", "AHx":
			r = counted{hex.NewDecoder(&until{r: r, end: '>'}), budget}
		case "ASCII85Decode", "A85":
			r = counted{ascii85.NewDecoder(&until{r: r, end: '~'}), budget}
		default:
			return r, errFilter
		}
	}
	return r, nil
}

// until ends where an ASCII filter's data do, and leaves white space out.
type until struct {
	r    io.Reader
	end  byte
	done bool
}

func (u *until) Read(p []byte) (int, error) {
	if u.done {
		return 0, io.EOF
	}
	n, err := u.r.Read(p)
	kept := 0
	for _, b := range p[:n] {
		if b == u.end {
			u.done = true
			return kept, io.EOF
		}
		if !isSpace(b) {
			p[kept] = b
			kept++
		}
	}
	return kept, err
}

// unpack returns a structural stream's bytes.
func (s *Stream) unpack(budget *int) ([]byte, error) {
	r, err := s.reader(budget)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(r, maxStructure+1))
	switch {
	case errors.Is(err, ErrTooMuch) || len(data) > maxStructure:
		return nil, ErrUnpacked
	case err != nil:
		return nil, ErrMalformed
	}
	return s.unpredict(data)
}

// Measure unpacks a stream as far as its filters are known, for the size alone.
func (f *File) Measure(s *Stream) error {
	r, err := s.reader(f.unpacked)
	if err != nil && !errors.Is(err, errFilter) {
		if errors.Is(err, ErrTooMuch) {
			return err
		}
		return nil // not unpackable: harmless in this respect
	}
	if _, packed := r.(*bytes.Reader); packed {
		return nil
	}
	if _, err := io.Copy(io.Discard, r); errors.Is(err, ErrTooMuch) {
		return err
	}
	return nil
}

// unpredict undoes the PNG predictors (ISO 32000-1 7.4.4.4) that cross-reference streams are packed with.
func (s *Stream) unpredict(data []byte) ([]byte, error) {
	parameters, _ := s.Dict["DecodeParms"].(Dict)
	if list, ok := s.Dict["DecodeParms"].(Array); ok && len(list) > 0 {
		parameters, _ = list[len(list)-1].(Dict)
	}
	predictor := parameters.Int("Predictor", 1)
	if predictor == 1 {
		return data, nil
	}
	columns := parameters.Int("Columns", 1)
	if predictor < 10 || columns < 1 || columns > 1<<16 || parameters.Int("Colors", 1) != 1 || parameters.Int("BitsPerComponent", 8) != 8 {
		return nil, ErrMalformed
	}
	out := make([]byte, 0, len(data))
	above := make([]byte, columns)
	for len(data) > columns {
		row := bytes.Clone(data[1 : columns+1])
		if !unfilter(data[0], row, above) {
			return nil, ErrMalformed
		}
		out, above, data = append(out, row...), row, data[columns+1:]
	}
	return out, nil
}

func unfilter(kind byte, row, above []byte) bool {
	for i := range row {
		var left, corner byte
		if i > 0 {
			left, corner = row[i-1], above[i-1]
		}
		switch kind {
		case 0:
		case 1:
			row[i] += left
		case 2:
			row[i] += above[i]
		case 3:
			row[i] += byte((int(left) + int(above[i])) / 2)
		case 4:
			row[i] += paeth(left, above[i], corner)
		default:
			return false
		}
	}
	return true
}

func paeth(a, b, c byte) byte {
	p := int(a) + int(b) - int(c)
	pa, pb, pc := distance(p, a), distance(p, b), distance(p, c)
	switch {
	case pa <= pb && pa <= pc:
		return a
	case pb <= pc:
		return b
	}
	return c
}

func distance(p int, x byte) int {
	if d := p - int(x); d >= 0 {
		return d
	}
	return int(x) - p
}

// Int is a whole number of a dictionary, or otherwise.
func (d Dict) Int(key Name, otherwise int) int {
	v, ok := d[key].(float64)
	if !ok || v != float64(int(v)) {
		return otherwise
	}
	return int(v)
}

// Unpack returns a small stream's bytes.
func (f *File) Unpack(s *Stream) ([]byte, error) { return s.unpack(f.unpacked) }
