package catalogue

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"sportello/shared/domain/problem"
	"sportello/shared/domain/schema"
)

// UploadField is a place for files: of a form, or of the office.
type UploadField struct {
	Field       string   `json:"-"`
	Title       string   `json:"title"`
	Description string   `json:"description"`
	Min         int      `json:"min"` // files
	Max         int      `json:"max"`
	MaxBytes    int64    `json:"maxBytes"` // of one file
	MediaTypes  []string `json:"mediaTypes"`
	Extensions  []string `json:"extensions"` // with the dot, lower case
	Signed      bool     `json:"signed"`     // each file must bear a valid signature of the legal representative
}

// Upload is a file as its sender describes it, before a byte of it was seen.
type Upload struct {
	Field, Name, MediaType string
	Size                   int64
	Others                 int // files that the same field has already
}

// maxName is how many characters a file's name may have.
const maxName = 200

// mediaTypes tells what a file with that extension is. A name and a type that disagree would reach an officer as a file that
// does not open, or opens as something else.
var mediaTypes = map[string]string{
	".pdf": "application/pdf", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png",
	".p7m": "application/pkcs7-mime", ".xml": "application/xml", ".txt": "text/plain",
}

// Files returns a field for what no form declares, such as an officer's documents or an answer to an integration request.
func Files(field, title string, most int) UploadField {
	return UploadField{
		Field: field, Title: title, Max: most, MaxBytes: 10 << 20,
		MediaTypes: []string{"application/pdf", "image/jpeg", "image/png", "application/pkcs7-mime"},
		Extensions: []string{".pdf", ".jpg", ".jpeg", ".png", ".p7m"},
	}
}

// ValidateUpload says whether the service's form takes such a file; pointers are those of the request (#/field, #/name, #/size,
// #/mediaType). nil is yes.
func ValidateUpload(service string, u Upload) []problem.Field {
	f, ok := uploadField(service, u.Field)
	if !ok {
		return []problem.Field{{Pointer: "#/field", Detail: "Il modulo non prevede allegati in questo punto."}}
	}
	return f.Check(u)
}

func uploadField(service, name string) (UploadField, bool) {
	entry, ok := data().services[service]
	if !ok {
		return UploadField{}, false
	}
	n := slices.IndexFunc(entry.form.uploads, func(f UploadField) bool { return f.Field == name })
	if n < 0 {
		return UploadField{}, false
	}
	return entry.form.uploads[n], true
}

// MustBeSigned tells whether the service's form takes only signed files in that place.
func MustBeSigned(service, field string) bool {
	f, ok := uploadField(service, field)
	return ok && f.Signed
}

// Takes tells whether the service's form takes a type of document in that place.
func Takes(service, field, mediaType string) bool {
	f, ok := uploadField(service, field)
	return ok && slices.Contains(f.MediaTypes, mediaType)
}

// Check says what is wrong with a file for this field.
func (f UploadField) Check(u Upload) []problem.Field {
	var fields []problem.Field
	add := func(pointer, detail string, args ...any) {
		fields = append(fields, problem.Field{Pointer: pointer, Detail: fmt.Sprintf(detail, args...)})
	}
	extension := strings.ToLower(path.Ext(u.Name))
	if u.Others >= f.Max {
		add("#/field", "«%s» accetta al massimo %d file.", f.Title, f.Max)
	}
	switch {
	case strings.TrimSpace(u.Name) == "" || utf8.RuneCountInString(u.Name) > maxName:
		add("#/name", "Il nome del file deve avere da 1 a %d caratteri.", maxName)
	case !utf8.ValidString(u.Name) || strings.ContainsFunc(u.Name, unnameable):
		add("#/name", "Il nome del file contiene caratteri che non si possono usare.")
	case !slices.Contains(f.Extensions, extension):
		add("#/name", "«%s» accetta solo file con estensione %s.", f.Title, strings.Join(f.Extensions, ", "))
	}
	switch {
	case !slices.Contains(f.MediaTypes, u.MediaType):
		add("#/mediaType", "«%s» non accetta file di questo formato.", f.Title)
	case mediaTypes[extension] != "" && mediaTypes[extension] != u.MediaType:
		add("#/mediaType", "Il formato del file non corrisponde al suo nome.")
	}
	switch {
	case u.Size < 1:
		add("#/size", "Il file è vuoto.")
	case u.Size > f.MaxBytes:
		add("#/size", "Il file è troppo grande: il massimo è %s.", megabytes(f.MaxBytes))
	}
	return fields
}

// unnameable tells what no file's name may hold: what is no text, what separates folders and lines, and what does not show (but for the
// joiners that some scripts and pictures need): by such characters a name reads as another, with another extension.
func unnameable(r rune) bool {
	const nonJoiner, joiner = '\u200c', '\u200d'
	return schema.IsUnwritable(r) || strings.ContainsRune("/\\\n\r\t", r) ||
		unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) && r != nonJoiner && r != joiner
}

func megabytes(n int64) string {
	if n%(1<<20) == 0 {
		return fmt.Sprintf("%d MB", n>>20)
	}
	return fmt.Sprintf("%d kB", n>>10)
}

// ValidateAttachments says, at submission, whether the files that are there are those the form asks for. Pointers are
// #/attachments/<field>.
func ValidateAttachments(service string, present []Upload) []problem.Field {
	entry, ok := data().services[service]
	if !ok {
		return []problem.Field{{Pointer: "#/service", Detail: "Servizio sconosciuto."}}
	}
	return entry.form.missing(present)
}

// missing compares the files that are there with those that the form asks for.
func (f *form) missing(present []Upload) []problem.Field {
	count := map[string]int{}
	for _, u := range present {
		count[u.Field]++
	}
	var fields []problem.Field
	add := func(field, detail string, args ...any) {
		pointer := strings.TrimSuffix("#/attachments/"+field, "/")
		fields = append(fields, problem.Field{Pointer: pointer, Detail: fmt.Sprintf(detail, args...)})
	}
	for _, f := range f.uploads {
		n := count[f.Field]
		delete(count, f.Field)
		switch {
		case n < f.Min && f.Min == 1:
			add(f.Field, "Manca un file in «%s».", f.Title)
		case n < f.Min:
			add(f.Field, "«%s» richiede almeno %d file.", f.Title, f.Min)
		case n > f.Max:
			add(f.Field, "«%s» accetta al massimo %d file.", f.Title, f.Max)
		}
	}
	for field := range count {
		if !nameShape.MatchString(field) {
			field = ""
		}
		add(field, "Il modulo non prevede allegati in questo punto.")
	}
	slices.SortFunc(fields, byPointer)
	return fields
}
