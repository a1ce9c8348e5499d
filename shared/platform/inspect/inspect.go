// Package inspect looks at what a file really is, by its bytes, and at what it would do when opened: programs, macros and active content in
// PDFs are refused, also inside signed envelopes. What an office opens, prints and keeps for decades must be a document.
//
// It knows the ways in which documents act, not viruses. What it cannot read it does not call harmless: a PDF whose parts unpack without
// end, or that is encrypted, is refused with its own reason.
package inspect

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"sportello/shared/platform/cms"
)

// MaxSize is the largest file that is taken.
const MaxSize = 30 << 20

// maxEnvelopes is how many signed envelopes are opened, one inside the other.
const maxEnvelopes = 5

// Type is what a file is. Documents have their media type.
type Type string

// The types that are told apart.
const (
	PDF        Type = "application/pdf"
	PNG        Type = "image/png"
	JPEG       Type = "image/jpeg"
	HEIC       Type = "image/heic"
	Signed     Type = "application/pkcs7-mime"
	XML        Type = "application/xml"
	Text       Type = "text/plain"
	ZIP        Type = "application/zip"
	DOCX       Type = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
	XLSX       Type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	PPTX       Type = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
	ODT        Type = "application/vnd.oasis.opendocument.text"
	ODS        Type = "application/vnd.oasis.opendocument.spreadsheet"
	OldOffice  Type = "application/x-ole-storage"
	RTF        Type = "application/rtf"
	HTML       Type = "text/html"
	Executable Type = "application/x-executable"
	Script     Type = "application/x-script"
	Encrypted  Type = "application/pkcs7-mime; encrypted"
	Empty      Type = "empty"
	Unknown    Type = "application/octet-stream"
)

// Code says why a file is refused, for machines: it stays the same when the sentences are improved.
type Code string

// The codes.
const (
	TooLarge       Code = "too-large"
	IsEmpty        Code = "empty"
	Program        Code = "program"
	Macros         Code = "macros"
	ActivePage     Code = "active-page"
	Locked         Code = "encrypted"
	Damaged        Code = "damaged"
	TooDeep        Code = "too-deep"
	Bomb           Code = "bomb"
	JavaScript     Code = "pdf-javascript"
	Launch         Code = "pdf-launch"
	OpenAction     Code = "pdf-open-action"
	EmbeddedFile   Code = "pdf-embedded-file"
	XFA            Code = "pdf-xfa"
	RichMedia      Code = "pdf-rich-media"
	TooComplicated Code = "too-complicated"
)

// sentences are in Italian, for who uploaded the file: what is wrong, and what to do.
var sentences = map[Code]string{
	TooLarge:       "Il file supera i 30 MB: riducilo e caricalo di nuovo.",
	IsEmpty:        "Il file è vuoto: controllalo e caricalo di nuovo.",
	Program:        "Il file è, o contiene, un programma: carica il documento, per esempio in PDF.",
	Macros:         "Il file contiene macro: salvalo come PDF e carica il nuovo file.",
	ActivePage:     "Il file è una pagina web, che può eseguire istruzioni: salvala come PDF e carica il nuovo file.",
	Locked:         "Il file è cifrato o protetto da una password: togli la protezione e caricalo di nuovo.",
	Damaged:        "Il file è danneggiato e non si può leggere: creane uno nuovo e caricalo.",
	TooDeep:        "Il file è chiuso in più di cinque buste firmate, una dentro l’altra: caricane uno con meno buste.",
	Bomb:           "Il PDF contiene una parte compressa che si espande oltre misura: creane uno nuovo, per esempio stampandolo in PDF, e caricalo.",
	JavaScript:     "Il PDF contiene istruzioni JavaScript: salvalo come PDF/A, o stampalo in PDF, e carica il nuovo file.",
	Launch:         "Il PDF può avviare un programma o aprire un altro file: salvalo come PDF/A, o stampalo in PDF, e carica il nuovo file.",
	OpenAction:     "Il PDF apre un indirizzo di internet appena viene aperto: salvalo come PDF/A, o stampalo in PDF, e carica il nuovo file.",
	EmbeddedFile:   "Il PDF contiene altri file allegati: toglili, e carica ciascun documento per conto suo.",
	XFA:            "Il PDF contiene un modulo dinamico (XFA): stampalo in PDF e carica il nuovo file.",
	RichMedia:      "Il PDF contiene audio, video o oggetti attivi: salvalo come PDF/A, o stampalo in PDF, e carica il nuovo file.",
	TooComplicated: "Il file è troppo complesso per essere controllato: creane uno più semplice, per esempio stampandolo in PDF, e caricalo.",
}

// Finding is why a file is refused. Detail is Italian, for who uploaded it.
type Finding struct {
	Code   Code
	Detail string
}

// Result is what a file was found to be.
type Result struct {
	Type      Type // of the file as it is
	Content   Type // of what is inside all envelopes; Type, if there are none
	Envelopes int
	Finding   *Finding // nil: nothing stands against it
}

// Is tells whether the file is of a media type that somebody declared. Mail and tables are texts by their bytes.
func (r Result) Is(mediaType string) bool {
	switch mediaType {
	case "message/rfc822", "text/csv", "text/plain":
		return r.Type == Text
	case "text/xml":
		return r.Type == XML
	case string(ZIP):
		return r.Type == ZIP
	}
	return Type(mediaType) == r.Type
}

func refused(c Code) *Finding { return &Finding{c, sentences[c]} }

// File inspects a file. An error is a fault of reading; a bad file is a finding. One copy of the file is held, and what signed envelopes hold
// is read within it.
func File(file io.ReaderAt, size int64) (Result, error) {
	switch {
	case size > MaxSize:
		return Result{Type: Unknown, Content: Unknown, Finding: refused(TooLarge)}, nil
	case size <= 0:
		return Result{Type: Empty, Content: Empty, Finding: refused(IsEmpty)}, nil
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(io.NewSectionReader(file, 0, size), data); err != nil {
		return Result{}, fmt.Errorf("reading file: %w", err)
	}
	return within(data), nil
}

// Bytes inspects a file in memory, which is left as it is.
func Bytes(data []byte) Result {
	if len(data) > MaxSize {
		return Result{Type: Unknown, Content: Unknown, Finding: refused(TooLarge)}
	}
	if TypeOf(data) == Signed {
		data = bytes.Clone(data) // envelopes are opened in place
	}
	return within(data)
}

// within inspects bytes that may be changed: text and pieces of envelopes are worked out in place.
func within(data []byte) Result {
	r := Result{Type: TypeOf(data)}
	r.Content = r.Type
	for r.Content == Signed {
		if r.Envelopes == maxEnvelopes {
			r.Finding = refused(TooDeep)
			return r
		}
		inner, detached, err := opened(data)
		if err != nil {
			r.Finding = refused(Damaged)
			return r
		}
		r.Envelopes++
		if detached {
			return r // a signature and nothing else: what to make of it is for who verifies it
		}
		data = inner
		r.Content = TypeOf(data)
	}
	r.Finding = look(r.Content, data)
	return r
}

func opened(data []byte) (content []byte, detached bool, err error) {
	der, err := cms.Open(data)
	if err != nil {
		return nil, false, err
	}
	m, err := cms.ParseMessage(der)
	if err != nil {
		return nil, false, err
	}
	return m.Content, m.Detached, nil
}

// look judges a content by its type.
func look(t Type, data []byte) *Finding {
	switch t {
	case Empty:
		return refused(IsEmpty)
	case Executable, Script:
		return refused(Program)
	case HTML:
		return refused(ActivePage)
	case Encrypted:
		return refused(Locked)
	case OldOffice, RTF:
		return oldOffice(data)
	case ZIP, DOCX, XLSX, PPTX, ODT, ODS:
		return archive(data)
	case PDF:
		return document(data)
	}
	return nil
}

var marks = []struct {
	prefix string
	kind   Type
}{
	{"%PDF-", PDF}, {"\x89PNG\r\n\x1a\n", PNG}, {"\xff\xd8\xff", JPEG}, {"MZ", Executable}, {"\x7fELF", Executable}, {"#!", Script},
	{"\xfe\xed\xfa\xce", Executable}, {"\xfe\xed\xfa\xcf", Executable}, {"\xce\xfa\xed\xfe", Executable}, {"\xcf\xfa\xed\xfe", Executable},
	{"\xca\xfe\xba\xbe", Executable}, {"\x00asm", Executable}, {"L\x00\x00\x00\x01\x14\x02\x00", Executable}, // Mach-O for many, WebAssembly, Windows link
	{"!<arch>\n", Executable}, {"dex\n", Executable}, {"MSCF", Executable}, {"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", OldOffice}, {"{\\rtf", RTF},
}

// TypeOf tells what bytes are. Names of files and declared types are not asked.
func TypeOf(data []byte) Type {
	if len(data) == 0 {
		return Empty
	}
	for _, m := range marks {
		if bytes.HasPrefix(data, []byte(m.prefix)) {
			if m.prefix == "MZ" && isText(data) {
				break // a text may begin so
			}
			return m.kind
		}
	}
	switch {
	case bytes.HasPrefix(data, []byte("PK\x03\x04")), bytes.HasPrefix(data, []byte("PK\x05\x06")):
		return zipType(data)
	case len(data) >= 12 && string(data[4:8]) == "ftyp" && strings.Contains("heic heix mif1 msf1 hevc", string(data[8:12])):
		return HEIC
	case cms.Looks(data):
		return Signed
	case cms.IsEncrypted(data):
		return Encrypted
	case isText(data):
		return textType(data)
	}
	return Unknown
}

// textHead is what is looked at of a text.
const textHead = 4 << 10

func textType(data []byte) Type {
	head := strings.ToLower(strings.TrimLeft(string(data[:min(len(data), textHead)]), "\ufeff \t\r\n"))
	switch {
	case strings.HasPrefix(head, "#!"):
		return Script
	case strings.HasPrefix(head, "<!doctype html"), strings.HasPrefix(head, "<html"), strings.HasPrefix(head, "<script"), strings.Contains(head, "<html"):
		return HTML
	case strings.HasPrefix(head, "<svg"), strings.Contains(head, "<svg "), strings.HasPrefix(head, "<hta:"):
		return HTML
	case strings.HasPrefix(head, "<?xml"):
		return XML
	}
	return Text
}

// isText tells whether bytes are UTF-8, or an older Western text, without control characters.
func isText(data []byte) bool {
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		return len(data)%2 == 0 // UTF-16, as spreadsheets write it
	}
	for _, b := range data {
		if b < 0x20 && b != '\n' && b != '\r' && b != '\t' && b != '\f' && b != 0x1b {
			return false
		}
	}
	return utf8.Valid(data) || latin(data)
}

// latin tells whether bytes that are not UTF-8 are mostly letters all the same.
func latin(data []byte) bool {
	high := 0
	for _, b := range data {
		if b >= 0x80 {
			high++
		}
	}
	return high*4 < len(data)
}

// oldOffice finds macros in the binary formats of old, which are not read further: names in their directory are UTF-16.
func oldOffice(data []byte) *Finding {
	for _, name := range []string{"VBA", "_VBA_PROJECT", "Macros", "_XMLMACROSHEET"} {
		var wide []byte
		for _, r := range name {
			wide = binary.LittleEndian.AppendUint16(wide, uint16(r))
		}
		if bytes.Contains(data, append(wide, 0, 0)) {
			return refused(Macros)
		}
	}
	for _, mark := range []string{"\\objocx", "\\objemb", "\\objdata", "\\objautlink"} {
		if bytes.HasPrefix(data, []byte("{\\rtf")) && bytes.Contains(data, []byte(mark)) {
			return refused(Macros)
		}
	}
	return nil
}
