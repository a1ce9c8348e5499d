// Package schema checks JSON against JSON Schema 2020-12 and says in Italian, to the person who filled the form, what is
// wrong and where. The services' forms and the bodies of the APIs are checked by it; the browser checks the same forms
// with its own validator, so only keywords on which both agree are used.
//
// A schema may carry "x-detail", an Italian sentence that replaces the general one for whatever its own keywords refuse: a
// pattern is a rule for a machine, and "Scrivi il codice fiscale, 16 caratteri" is one for a person.
package schema

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"sportello/shared/domain/problem"
)

// Document is a JSON document that holds schemas: a form, or an OpenAPI description.
type Document struct {
	url  string
	root any

	mu       sync.Mutex // a compiler serves one caller at a time
	compiler *jsonschema.Compiler
}

// New reads a document; the URL names it in references and is never fetched.
func New(url string, body []byte) (*Document, error) {
	root, err := Parse(body)
	if err != nil {
		return nil, fmt.Errorf("reading schema %s: %w", url, err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	compiler.UseLoader(nothing{})
	if err := compiler.AddResource(url, root); err != nil {
		return nil, fmt.Errorf("reading schema %s: %w", url, err)
	}
	return &Document{url: url, root: root, compiler: compiler}, nil
}

// nothing loads nothing: a schema that refers to another document is a mistake, not a reason to go and fetch it.
type nothing struct{}

func (nothing) Load(url string) (any, error) { return nil, fmt.Errorf("schema %s is not at hand", url) }

// Root is the document itself, decoded, numbers as json.Number. It must not be changed.
func (d *Document) Root() any { return d.root }

// Schema compiles the schema at a JSON pointer, "" for the whole document. Several goroutines may ask.
func (d *Document) Schema(pointer string) (*Schema, error) {
	fragment := url.URL{Fragment: pointer}
	d.mu.Lock()
	defer d.mu.Unlock()
	compiled, err := d.compiler.Compile(d.url + fragment.String())
	if err != nil {
		return nil, fmt.Errorf("compiling schema %s: %w", pointer, err)
	}
	return &Schema{d, compiled}, nil
}

// Schema is a compiled schema; it may be used by several goroutines.
type Schema struct {
	document *Document
	compiled *jsonschema.Schema
}

// maxFields is how many offending places are reported: a person mends a screenful at a time.
const maxFields = 50

// Check returns the offending places of a value made by Parse, sorted; none if it is valid.
func (s *Schema) Check(value any) []problem.Field { return s.CheckAt(value, "#") }

// CheckAt is Check for a value that stands at a place of a larger one, such as #/answers.
func (s *Schema) CheckAt(value any, place string) []problem.Field {
	err := s.compiled.Validate(value)
	var invalid *jsonschema.ValidationError
	if err == nil {
		return nil
	}
	if !errors.As(err, &invalid) {
		return []problem.Field{{Pointer: place, Detail: "Valore non valido."}}
	}
	fields := s.document.fields(invalid, place)
	slices.SortStableFunc(fields, func(a, b problem.Field) int { return strings.Compare(a.Pointer, b.Pointer) })
	fields = slices.Compact(fields)
	return fields[:min(len(fields), maxFields)]
}

// Parse decodes JSON the way Check wants it. Bytes that are not UTF-8 are refused, since decoding would silently change them, and so are
// objects that name a member twice, since it would silently leave one out.
func Parse(body []byte) (any, error) {
	if !utf8.Valid(body) {
		return nil, errors.New("parsing JSON: not UTF-8")
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("parsing JSON: %w", err)
	}
	if repeats(body) {
		return nil, errors.New("parsing JSON: a member twice in one object")
	}
	return value, nil
}

// fields walks down to the errors a person can mend.
func (d *Document) fields(err *jsonschema.ValidationError, place string) []problem.Field {
	if isChoice(err) || len(err.Causes) == 0 {
		return d.leaf(err, place)
	}
	var fields []problem.Field
	for _, cause := range err.Causes {
		fields = append(fields, d.fields(cause, place)...)
	}
	return fields
}

func (d *Document) leaf(err *jsonschema.ValidationError, place string) []problem.Field {
	at := place + pointer(err.InstanceLocation)
	if names := properties(err); names != nil {
		fields := make([]problem.Field, len(names))
		for n, name := range names {
			fields[n] = problem.Field{Pointer: at + pointer([]string{name}), Detail: sentence(err)}
		}
		return fields
	}
	if own := d.ownDetail(err.SchemaURL); own != "" {
		return []problem.Field{{Pointer: at, Detail: own}}
	}
	return []problem.Field{{Pointer: at, Detail: sentence(err)}}
}

// ownDetail finds the x-detail of the schema that refused.
func (d *Document) ownDetail(schemaURL string) string {
	_, fragment, _ := strings.Cut(schemaURL, "#")
	fragment, err := url.PathUnescape(fragment)
	if err != nil {
		return ""
	}
	node, _ := d.At(fragment)
	object, _ := node.(map[string]any)
	detail, _ := object["x-detail"].(string)
	return detail
}

// At returns what stands at a JSON pointer (RFC 6901) of the document.
func (d *Document) At(pointer string) (any, bool) {
	node, ok := d.root, true
	for n, token := range strings.Split(pointer, "/") {
		if n == 0 {
			continue // before the first slash
		}
		token = unescaper.Replace(token)
		switch parent := node.(type) {
		case map[string]any:
			node, ok = parent[token]
		case []any:
			index, err := strconv.Atoi(token)
			if ok = err == nil && index >= 0 && index < len(parent); ok {
				node = parent[index]
			}
		default:
			ok = false
		}
		if !ok {
			return nil, false
		}
	}
	return node, true
}

var (
	escaper   = strings.NewReplacer("~", "~0", "/", "~1")
	unescaper = strings.NewReplacer("~1", "/", "~0", "~")
)

// Escape writes a token of a JSON pointer.
func Escape(token string) string { return escaper.Replace(token) }

// pointer writes a location as the rest of a JSON pointer in a URI fragment (RFC 6901, 6).
func pointer(location []string) string {
	var b strings.Builder
	for _, token := range location {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(escaper.Replace(token)))
	}
	return b.String()
}
