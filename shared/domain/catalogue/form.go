package catalogue

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"sportello/shared/domain/problem"
	"sportello/shared/domain/schema"
)

// form is the JSON Schema of a service's answers, with the extensions that data/README.md describes.
type form struct {
	id      string
	fields  map[string]field
	uploads []UploadField
	// Compiled at first use, so that a cold start that validates nothing pays nothing.
	full, draft func() *schema.Schema
}

// field is what a message needs to know of a property.
type field struct {
	Title  string `json:"title"`
	Latest string `json:"x-latest"`
	After  string `json:"x-after"`
	// Reserved is the answer by which the applicant asks that the case stay between them and the office.
	Reserved string `json:"x-reserved"`
}

func loadForm(source fs.FS, name string) (*form, error) {
	body, err := fs.ReadFile(source, name)
	if err != nil {
		return nil, err
	}
	var own struct {
		ID         string                 `json:"$id"`
		Properties map[string]field       `json:"properties"`
		Uploads    map[string]UploadField `json:"x-attachments"`
	}
	var loose any
	for _, v := range []any{&own, &loose} {
		if err := json.Unmarshal(body, v); err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
	}
	f := &form{id: own.ID, fields: own.Properties}
	for id, u := range own.Uploads {
		u.Field = id
		f.uploads = append(f.uploads, u)
	}
	slices.SortFunc(f.uploads, func(a, b UploadField) int { return strings.Compare(a.Field, b.Field) })
	f.full = sync.OnceValue(func() *schema.Schema { return mustCompile(own.ID, body) })
	f.draft = sync.OnceValue(func() *schema.Schema {
		relaxed, err := json.Marshal(relax(loose))
		if err != nil {
			panic("catalogue: relaxing an embedded form: " + err.Error())
		}
		return mustCompile(own.ID, relaxed)
	})
	return f, nil
}

// mustCompile panics on a form that is no schema: it is embedded, and the tests compile every one.
func mustCompile(id string, body []byte) *schema.Schema {
	document, err := schema.New(id, body)
	if err != nil {
		panic("catalogue: embedded form: " + err.Error())
	}
	compiled, err := document.Schema("")
	if err != nil {
		panic("catalogue: embedded form: " + err.Error())
	}
	return compiled
}

// lasting are the keywords that a draft is held to: what breaks them cannot be mended by writing more.
var lasting = []string{"$schema", "$id", "$ref", "$defs", "type", "maxLength", "maxItems", "additionalProperties", "properties", "items", "x-detail"}

// relax keeps of a schema only what a draft must obey.
func relax(node any) any {
	object, ok := node.(map[string]any)
	if !ok {
		return node // true and false are schemas too
	}
	kept := map[string]any{}
	for _, keyword := range lasting {
		value, ok := object[keyword]
		if !ok {
			continue
		}
		switch keyword {
		case "properties", "$defs":
			named := map[string]any{}
			for name, child := range value.(map[string]any) {
				named[name] = relax(child)
			}
			kept[keyword] = named
		case "items", "additionalProperties":
			kept[keyword] = relax(value)
		default:
			kept[keyword] = value
		}
	}
	return kept
}

// ValidateAnswers holds the answers to the service's form, at submission. today is the date in Rome (YYYY-MM-DD), for dates that
// may not lie in the future. It returns one field for each place that is wrong, by pointer (#/answers/…); nil if none is.
func ValidateAnswers(service string, answers []byte, today string) []problem.Field {
	f, values, fields := prepare(service, answers)
	if fields != nil {
		return fields
	}
	fields = append(schema.Unwritable(values, "#/answers"), f.full().CheckAt(values, "#/answers")...)
	fields = append(fields, blank(values)...)
	fields = append(fields, f.latest(values, today)...)
	return f.told(append(fields, f.after(values)...))
}

// ValidateDraft holds the answers of a draft to what will never be right: unknown fields, wrong types, texts that are too long. What
// is missing, unfinished or empty is left for later.
func ValidateDraft(service string, answers []byte) []problem.Field {
	f, values, fields := prepare(service, answers)
	if fields != nil {
		return fields
	}
	fields = schema.Unwritable(values, "#/answers")
	return f.told(append(fields, f.draft().CheckAt(filled(values), "#/answers")...))
}

func prepare(service string, answers []byte) (*form, map[string]any, []problem.Field) {
	entry, ok := data().services[service]
	if !ok {
		return nil, nil, []problem.Field{{Pointer: "#/service", Detail: "Servizio sconosciuto."}}
	}
	value, err := schema.Parse(answers)
	values, ok := value.(map[string]any)
	if err != nil || !ok {
		return nil, nil, []problem.Field{{Pointer: "#/answers", Detail: "Le risposte al modulo non sono leggibili."}}
	}
	return entry.form, values, nil
}

// filled leaves out the empty strings: fields of a draft that are not yet filled in.
func filled(values map[string]any) map[string]any {
	kept := make(map[string]any, len(values))
	for name, value := range values {
		if value != "" {
			kept[name] = value
		}
	}
	return kept
}

// blank finds texts in which there is nothing to read: blanks fill no field.
func blank(values map[string]any) []problem.Field {
	var fields []problem.Field
	for name, value := range values {
		if text, ok := value.(string); ok && text != "" && schema.IsBlank(text) {
			fields = append(fields, problem.Field{Pointer: "#/answers/" + schema.Escape(name), Detail: "Questo campo non può essere vuoto."})
		}
	}
	return fields
}

// Reserved tells whether the answers ask that the case stay confidential.
func Reserved(service string, answers []byte) bool {
	entry, ok := data().services[service]
	var values map[string]any
	if !ok || json.Unmarshal(answers, &values) != nil {
		return false
	}
	for name, own := range entry.form.fields {
		if own.Reserved != "" && values[name] == own.Reserved {
			return true
		}
	}
	return false
}

// latest checks x-latest: a date not after today.
func (f *form) latest(values map[string]any, today string) []problem.Field {
	var fields []problem.Field
	for name, own := range f.fields {
		if value, ok := values[name].(string); ok && own.Latest == "today" && value > today {
			fields = append(fields, problem.Field{Pointer: "#/answers/" + name, Detail: "La data non può essere nel futuro."})
		}
	}
	return fields
}

// after checks x-after: a date later than that of another field, where both are given and are dates. A schema cannot compare two values.
func (f *form) after(values map[string]any) []problem.Field {
	var fields []problem.Field
	for name, own := range f.fields {
		last, first := values[name], values[own.After]
		if own.After != "" && isDate(first) && isDate(last) && last.(string) <= first.(string) {
			detail := fmt.Sprintf("La data deve venire dopo quella di «%s».", f.fields[own.After].Title)
			fields = append(fields, problem.Field{Pointer: "#/answers/" + name, Detail: detail})
		}
	}
	return fields
}

func isDate(value any) bool {
	text, ok := value.(string)
	if !ok {
		return false
	}
	_, err := time.Parse(time.DateOnly, text)
	return err == nil
}

// nameShape is what a field's name looks like. Other names come from outside and are not repeated: they could hold anything.
var nameShape = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// told makes one field of all that is wrong in one place, and names the place by its title. Of several sentences the longest stays: it
// is the most particular one.
func (f *form) told(fields []problem.Field) []problem.Field {
	details := map[string]string{}
	for _, one := range fields {
		place := "#/answers"
		name, _, _ := strings.Cut(strings.TrimPrefix(one.Pointer, place+"/"), "/")
		if nameShape.MatchString(name) {
			place = one.Pointer
		}
		detail := one.Detail
		if title := f.fields[name].Title; title != "" {
			detail = "«" + title + "»: " + detail
		}
		if len(detail) > len(details[place]) {
			details[place] = detail
		}
	}
	var told []problem.Field
	for place, detail := range details {
		told = append(told, problem.Field{Pointer: place, Detail: detail})
	}
	slices.SortFunc(told, byPointer)
	return told
}

func byPointer(a, b problem.Field) int { return strings.Compare(a.Pointer, b.Pointer) }
