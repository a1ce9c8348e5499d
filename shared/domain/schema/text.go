package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"sportello/shared/domain/problem"
)

// Unwritable finds the texts of a value made by Parse that hold characters nobody can have meant to write: they cannot be printed in a
// document, written in XML nor sent by mail. place is where the value stands, such as #/answers.
func Unwritable(value any, place string) []problem.Field {
	fields := unwritable(value, place)
	slices.SortFunc(fields, func(a, b problem.Field) int { return strings.Compare(a.Pointer, b.Pointer) })
	return fields[:min(len(fields), maxFields)]
}

func unwritable(value any, place string) (fields []problem.Field) {
	switch v := value.(type) {
	case string:
		if strings.ContainsFunc(v, IsUnwritable) {
			return []problem.Field{{Pointer: place, Detail: "Il testo contiene caratteri che non si possono usare."}}
		}
	case []any:
		for n, one := range v {
			fields = append(fields, unwritable(one, fmt.Sprintf("%s/%d", place, n))...)
		}
	case map[string]any:
		for name, one := range v {
			fields = append(fields, unwritable(one, place+pointer([]string{name}))...)
		}
	}
	return fields
}

// rightToLeft makes what follows read backwards: a text would show something else than it says. The other marks of direction stay: telephones
// put them around the numbers that people paste.
const rightToLeft = '\u202e'

// IsUnwritable tells control characters, other than new line and tab, from what people write; so are code points that are no characters.
func IsUnwritable(r rune) bool {
	return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' || r == rightToLeft || unicode.Is(unicode.Noncharacter_Code_Point, r)
}

// IsBlank tells a text in which there is nothing to read: blanks, and characters that take no room.
func IsBlank(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return unicode.In(r, unicode.L, unicode.N, unicode.P, unicode.S) })
}

// repeats tells whether an object of the text has two members with one name. Each reader would choose its own, and what was signed and
// registered would not be what was read (RFC 8259, 4; RFC 7493, 2.3). The text is JSON, or what is wrong is found elsewhere. It is read by
// hand because every function that answers requests reads its whole contract when it starts: a decoder's tokens take ten times as long.
func repeats(body []byte) bool {
	type level struct {
		names  map[string]bool // nil: an array, or the top
		isName bool            // the next text is a name
	}
	levels := []level{{}}
	for n := 0; n < len(body); n++ {
		in := &levels[len(levels)-1]
		switch body[n] {
		case '"':
			text := quoted(body[n:])
			if in.isName {
				name := unquoted(text)
				if in.names[name] {
					return true
				}
				in.names[name], in.isName = true, false
			}
			n += len(text) - 1
		case ',':
			in.isName = in.names != nil
		case '{':
			levels = append(levels, level{map[string]bool{}, true})
		case '[':
			levels = append(levels, level{})
		case '}', ']':
			levels = levels[:max(1, len(levels)-1)]
		}
	}
	return false
}

// quoted is the text that begins here, quotation marks and all.
func quoted(body []byte) []byte {
	for n := 1; n < len(body); n++ {
		switch body[n] {
		case '\\':
			n++
		case '"':
			return body[:n+1]
		}
	}
	return body
}

// unquoted is what a quoted text says: a name may be spelled in several ways.
func unquoted(text []byte) string {
	if bytes.IndexByte(text, '\\') < 0 {
		return string(bytes.Trim(text, `"`))
	}
	var name string
	_ = json.Unmarshal(text, &name) // it is JSON
	return name
}
