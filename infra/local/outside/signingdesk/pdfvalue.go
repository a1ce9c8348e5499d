package signingdesk

import (
	"bytes"
	"strings"
)

const (
	whitespace = " \t\r\n\f\x00"
	delimiters = whitespace + "()<>[]{}/%"
)

// dictionary is a PDF dictionary, its values as they are written.
type dictionary []entry

type entry struct{ key, value string }

func (d dictionary) get(key string) (string, bool) {
	for _, e := range d {
		if e.key == key {
			return e.value, true
		}
	}
	return "", false
}

// with is the dictionary with one value set.
func (d dictionary) with(key, value string) dictionary {
	out := dictionary{}
	for _, e := range d {
		if e.key != key {
			out = append(out, e)
		}
	}
	return append(out, entry{key, value})
}

func (d dictionary) String() string {
	var b strings.Builder
	b.WriteString("<<")
	for _, e := range d {
		b.WriteString(" /" + e.key + " " + e.value)
	}
	b.WriteString(" >>")
	return b.String()
}

// parseDictionary reads the dictionary that raw begins with.
func parseDictionary(raw []byte) (dictionary, error) {
	at := skipSpace(raw, 0)
	if !bytes.HasPrefix(raw[at:], []byte("<<")) {
		return nil, errBroken
	}
	d := dictionary{}
	for at += 2; ; {
		if at = skipSpace(raw, at); bytes.HasPrefix(raw[at:], []byte(">>")) {
			return d, nil
		}
		if at >= len(raw) || raw[at] != '/' {
			return nil, errBroken
		}
		keyEnd, err := valueEnd(raw, at, 0)
		if err != nil {
			return nil, err
		}
		start := skipSpace(raw, keyEnd)
		end, err := valueEnd(raw, start, 0)
		if err != nil {
			return nil, err
		}
		d = append(d, entry{string(raw[at+1 : keyEnd]), string(raw[start:end])})
		at = end
	}
}

// skipSpace goes over white space and comments.
func skipSpace(raw []byte, at int) int {
	for at < len(raw) {
		switch {
		case strings.IndexByte(whitespace, raw[at]) >= 0:
			at++
		case raw[at] == '%':
			for at < len(raw) && raw[at] != '\n' && raw[at] != '\r' {
				at++
			}
		default:
			return at
		}
	}
	return len(raw)
}

// deepest is how far values may be nested: more than any real file, less than the stack.
const deepest = 60

// valueEnd is where the value that begins at at ends.
func valueEnd(raw []byte, at, depth int) (int, error) {
	if at >= len(raw) || depth > deepest {
		return 0, errBroken
	}
	switch {
	case raw[at] == '/':
		return wordEnd(raw, at+1), nil
	case raw[at] == '(':
		return stringEnd(raw, at)
	case bytes.HasPrefix(raw[at:], []byte("<<")):
		return listEnd(raw, at+2, ">>", depth)
	case raw[at] == '[':
		return listEnd(raw, at+1, "]", depth)
	case raw[at] == '<':
		if n := bytes.IndexByte(raw[at:], '>'); n >= 0 {
			return at + n + 1, nil
		}
		return 0, errBroken
	}
	if m := reference.FindIndex(raw[at:min(at+32, len(raw))]); m != nil {
		return at + m[1], nil
	}
	end := wordEnd(raw, at)
	if end == at {
		return 0, errBroken
	}
	return end, nil
}

func wordEnd(raw []byte, at int) int {
	for at < len(raw) && strings.IndexByte(delimiters, raw[at]) < 0 {
		at++
	}
	return at
}

func listEnd(raw []byte, at int, closing string, depth int) (int, error) {
	for {
		if at = skipSpace(raw, at); bytes.HasPrefix(raw[at:], []byte(closing)) {
			return at + len(closing), nil
		}
		var err error
		if at, err = valueEnd(raw, at, depth+1); err != nil {
			return 0, err
		}
	}
}

func stringEnd(raw []byte, at int) (int, error) {
	open := 0
	for ; at < len(raw); at++ {
		switch raw[at] {
		case '\\':
			at++
		case '(':
			open++
		case ')':
			if open--; open == 0 {
				return at + 1, nil
			}
		}
	}
	return 0, errBroken
}
