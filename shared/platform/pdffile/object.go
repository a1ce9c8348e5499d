// Package pdffile reads the objects of a PDF (ISO 32000-1 chapter 7) that comes from outside, as far as signatures and active content
// need: cross-reference tables and streams, revisions, object streams. It draws nothing and follows nothing.
//
// It is our own because the libraries at hand read a whole file into their own model of it, without revisions and without bounds on
// what a hostile file makes them unpack; here every loop, depth and decompression has a bound, and the file is one slice that is never
// copied. Bytes that are not as the standard has them are an error, not repaired: a signature over a file that two readers see
// differently proves nothing.
package pdffile

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Why a file is not read on.
var (
	ErrMalformed = errors.New("PDF malformed")
	ErrTooMuch   = errors.New("PDF too large to read")
	ErrUnpacked  = fmt.Errorf("%w: it unpacks without end", ErrTooMuch)
)

// The kinds of object. Null is nil, numbers are float64, the rest bool or one of these.
type (
	Name  string
	Array []any
	Dict  map[Name]any
	Ref   struct{ Number, Generation int }

	// String also knows where it stood in the file; in an object stream it stood nowhere, and both are -1.
	String struct {
		Value   []byte
		At, End int
		Hex     bool
	}
	// Stream is a dictionary with bytes, still packed.
	Stream struct {
		Dict   Dict
		Raw    []byte
		Beyond bool // the length that it states reaches beyond Raw: another reader may believe it
	}
	// keyword is any other word: obj, endobj, stream, R.
	keyword string
)

const (
	maxDepth  = 64
	maxWord   = 128
	maxName   = 1024
	maxString = 32 << 20
	maxItems  = 1 << 20 // of one object, whatever it is nested in: each costs many times its bytes
)

// lexer reads objects from data at pos. Fuel is what may still be read, over all lexers of a file: it bounds what overlapping objects
// cost.
type lexer struct {
	data   []byte
	pos    int
	fuel   *int
	items  int  // read so far
	packed bool // data are an object stream's, not the file's
}

func (l *lexer) burn(n int) error {
	if *l.fuel -= n; *l.fuel < 0 {
		return ErrTooMuch
	}
	return nil
}

func isSpace(b byte) bool {
	return b == ' ' || b == '\n' || b == '\r' || b == '\t' || b == '\f' || b == 0
}
func isDelimiter(b byte) bool { return bytes.IndexByte([]byte("()<>[]{}/%"), b) >= 0 }
func isDigit(b byte) bool     { return b >= '0' && b <= '9' }

// skip passes white space and comments.
func (l *lexer) skip() {
	from := l.pos
	defer func() { *l.fuel -= l.pos - from }()
	for l.pos < len(l.data) {
		switch b := l.data[l.pos]; {
		case isSpace(b):
			l.pos++
		case b == '%':
			for l.pos < len(l.data) && l.data[l.pos] != '\n' && l.data[l.pos] != '\r' {
				l.pos++
			}
		default:
			return
		}
	}
}

// object reads one object. A word that begins none comes back as keyword.
func (l *lexer) object(depth int) (any, error) {
	l.skip()
	if err := l.burn(1); err != nil {
		return nil, err
	}
	if l.items++; l.items > maxItems {
		return nil, ErrTooMuch
	}
	if l.pos >= len(l.data) || depth > maxDepth {
		return nil, ErrMalformed
	}
	switch b := l.data[l.pos]; {
	case b == '/':
		return l.name()
	case b == '(':
		return l.literal()
	case b == '[':
		return l.array(depth)
	case b == '<' && l.pos+1 < len(l.data) && l.data[l.pos+1] == '<':
		return l.dict(depth)
	case b == '<':
		return l.hex()
	case isDigit(b) || b == '+' || b == '-' || b == '.':
		return l.number()
	case isDelimiter(b):
		return nil, ErrMalformed
	}
	word, err := l.word()
	switch word {
	case "true":
		return true, err
	case "false":
		return false, err
	case "null":
		return nil, err
	}
	return keyword(word), err
}

func (l *lexer) word() (string, error) {
	from := l.pos
	for l.pos < len(l.data) && l.pos-from <= maxWord && !isSpace(l.data[l.pos]) && !isDelimiter(l.data[l.pos]) {
		l.pos++
	}
	if err := l.burn(l.pos - from); err != nil {
		return "", err
	}
	if l.pos == from || l.pos-from > maxWord {
		return "", ErrMalformed
	}
	return string(l.data[from:l.pos]), nil
}

// number reads a number, or a reference if two whole numbers and an R follow each other.
func (l *lexer) number() (any, error) {
	word, err := l.word()
	if err != nil {
		return nil, err
	}
	value, err := strconv.ParseFloat(word, 64)
	if err != nil || strings.Trim(word, "+-.0123456789") != "" {
		return nil, ErrMalformed // 1e3 is a number to Go and none to a reader
	}
	whole, err := strconv.Atoi(word)
	if err != nil || whole < 0 || whole > maxObjects {
		return value, nil
	}
	if generation, after, ok := l.reference(); ok {
		l.pos = after
		return Ref{whole, generation}, nil
	}
	return value, nil
}

// reference looks ahead for "<generation> R".
func (l *lexer) reference() (generation, after int, ok bool) {
	p := l.pos
	for p < len(l.data) && isSpace(l.data[p]) && p-l.pos < 16 {
		p++
	}
	from := p
	for p < len(l.data) && isDigit(l.data[p]) && p-from < 5 {
		p++
	}
	if p == from || p == l.pos {
		return 0, 0, false
	}
	generation, _ = strconv.Atoi(string(l.data[from:p]))
	from = p
	for p < len(l.data) && isSpace(l.data[p]) && p-from < 16 {
		p++
	}
	if p == from || p >= len(l.data) || l.data[p] != 'R' || p+1 < len(l.data) && !isSpace(l.data[p+1]) && !isDelimiter(l.data[p+1]) {
		return 0, 0, false
	}
	return generation, p + 1, true
}

func (l *lexer) name() (any, error) {
	l.pos++
	from := l.pos
	for l.pos < len(l.data) && l.pos-from <= maxName && !isSpace(l.data[l.pos]) && !isDelimiter(l.data[l.pos]) {
		l.pos++
	}
	raw := l.data[from:l.pos]
	if err := l.burn(len(raw)); err != nil {
		return nil, err
	}
	if len(raw) > maxName {
		return nil, ErrMalformed
	}
	if bytes.IndexByte(raw, '#') >= 0 {
		raw = unescaped(raw) // /J#61vaScript is /JavaScript to every viewer
	}
	return Name(raw), nil
}

func unescaped(raw []byte) []byte {
	var out []byte
	for i := 0; i < len(raw); i++ {
		if raw[i] == '#' && i+2 < len(raw) {
			high, low := nibble(raw[i+1]), nibble(raw[i+2])
			if high >= 0 && low >= 0 {
				out = append(out, byte(high<<4|low))
				i += 2
				continue
			}
		}
		out = append(out, raw[i])
	}
	return out
}

func nibble(b byte) int {
	switch {
	case isDigit(b):
		return int(b - '0')
	case b >= 'a' && b <= 'f':
		return int(b-'a') + 10
	case b >= 'A' && b <= 'F':
		return int(b-'A') + 10
	}
	return -1
}

// literal reads a string in parentheses. Escapes are kept as they stand: nobody here reads text.
func (l *lexer) literal() (any, error) {
	from, open := l.pos, 0
	for ; l.pos < len(l.data); l.pos++ {
		switch l.data[l.pos] {
		case '\\':
			l.pos++
		case '(':
			open++
		case ')':
			open--
		}
		if open == 0 && l.pos < len(l.data) {
			l.pos++
			return l.string(l.data[from+1:l.pos-1], from, false), l.burn(l.pos - from)
		}
		if l.pos-from > maxString {
			break
		}
	}
	_ = l.burn(l.pos - from)
	return nil, ErrMalformed
}

func (l *lexer) hex() (any, error) {
	from := l.pos
	length := bytes.IndexByte(l.data[from:], '>')
	if length < 0 {
		_ = l.burn(len(l.data) - from)
		return nil, ErrMalformed
	}
	l.pos = from + length + 1
	if err := l.burn(length); err != nil {
		return nil, err
	}
	value := make([]byte, 0, length/2)
	half := -1
	for _, b := range l.data[from+1 : l.pos-1] {
		n := nibble(b)
		switch {
		case isSpace(b):
		case n < 0:
			return nil, ErrMalformed
		case half < 0:
			half = n
		default:
			value, half = append(value, byte(half<<4|n)), -1
		}
	}
	if half >= 0 {
		value = append(value, byte(half<<4))
	}
	return l.string(value, from, true), nil
}

func (l *lexer) string(value []byte, from int, hex bool) String {
	if l.packed {
		return String{Value: value, At: -1, End: -1, Hex: hex}
	}
	return String{Value: value, At: from, End: l.pos, Hex: hex}
}

func (l *lexer) array(depth int) (any, error) {
	l.pos++
	all := Array{}
	for {
		l.skip()
		if l.pos < len(l.data) && l.data[l.pos] == ']' {
			l.pos++
			return all, nil
		}
		o, err := l.object(depth + 1)
		if err != nil {
			return nil, err
		}
		if _, bad := o.(keyword); bad {
			return nil, ErrMalformed
		}
		all = append(all, o)
	}
}

func (l *lexer) dict(depth int) (any, error) {
	l.pos += 2
	all := Dict{}
	for {
		l.skip()
		if bytes.HasPrefix(l.data[l.pos:], []byte(">>")) {
			l.pos += 2
			return all, nil
		}
		key, err := l.object(depth + 1)
		if err != nil {
			return nil, err
		}
		name, ok := key.(Name)
		if !ok {
			return nil, ErrMalformed
		}
		value, err := l.object(depth + 1)
		if err != nil {
			return nil, err
		}
		if _, bad := value.(keyword); bad {
			return nil, ErrMalformed
		}
		if _, twice := all[name]; twice {
			return nil, ErrMalformed // which one counts depends on the reader
		}
		all[name] = value
	}
}

// indirect reads "n g obj … endobj" at pos. Length is asked for the length of a stream where it stands elsewhere.
func (l *lexer) indirect(length func(Ref) int) (Ref, any, error) {
	l.skip()
	number, err := l.whole()
	if err != nil {
		return Ref{}, nil, err
	}
	l.skip()
	generation, err := l.whole()
	if err != nil {
		return Ref{}, nil, err
	}
	id := Ref{number, generation}
	if word, err := l.object(0); err != nil || word != keyword("obj") {
		return id, nil, ErrMalformed
	}
	o, err := l.object(0)
	if err != nil {
		return id, nil, err
	}
	if _, bad := o.(keyword); bad {
		if o == keyword("endobj") {
			return id, nil, nil
		}
		return id, nil, ErrMalformed
	}
	dict, ok := o.(Dict)
	if !ok {
		return id, o, nil
	}
	at := l.pos
	if word, err := l.object(0); err != nil || word != keyword("stream") {
		l.pos = at
		return id, o, nil
	}
	s, err := l.stream(dict, length)
	return id, s, err
}

func (l *lexer) whole() (int, error) {
	word, err := l.word()
	if errors.Is(err, ErrTooMuch) {
		return 0, err
	}
	if err != nil || len(word) > 10 {
		return 0, ErrMalformed
	}
	n, err := strconv.Atoi(word)
	if err != nil || n < 0 || word[0] == '+' {
		return 0, ErrMalformed
	}
	return n, nil
}

var endStream = []byte("endstream")

// stream reads a stream, after the word stream. A length that does not lead to endstream is not believed.
func (l *lexer) stream(dict Dict, length func(Ref) int) (*Stream, error) {
	if bytes.HasPrefix(l.data[l.pos:], []byte("\r\n")) {
		l.pos += 2
	} else if l.pos < len(l.data) && (l.data[l.pos] == '\n' || l.data[l.pos] == '\r') {
		l.pos++
	}
	size := -1
	switch v := dict["Length"].(type) {
	case float64:
		size = int(v)
	case Ref:
		size = length(v)
	}
	if size >= 0 && size <= len(l.data)-l.pos {
		after := lexer{data: l.data, pos: l.pos + size, fuel: l.fuel}
		after.skip()
		if bytes.HasPrefix(l.data[after.pos:], endStream) {
			raw := l.data[l.pos : l.pos+size]
			l.pos = after.pos + len(endStream)
			return &Stream{Dict: dict, Raw: raw}, l.burn(1)
		}
	}
	end := bytes.Index(l.data[l.pos:], endStream)
	if end < 0 {
		_ = l.burn(len(l.data) - l.pos)
		return nil, ErrMalformed
	}
	raw := l.data[l.pos : l.pos+end]
	l.pos += end + len(endStream)
	return &Stream{Dict: dict, Raw: raw, Beyond: size > len(raw)}, l.burn(end)
}
