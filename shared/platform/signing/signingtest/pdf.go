package signingtest

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Objects of the PDFs made here: 1 catalogue, 2 pages, 3 page, 4 its content, 5 information.
const (
	catalogue = 1
	page      = 3
)

// PDF is a document of one page, with what else belongs to its catalogue.
func PDF(text string, catalogueExtra ...string) []byte {
	return Update([]byte("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"), map[int]string{
		1: "<< /Type /Catalog /Pages 2 0 R " + strings.Join(catalogueExtra, " ") + " >>",
		2: "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		3: "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << >> >>",
		4: Stream("", []byte("BT ("+text+") Tj ET")),
		5: "<< /Producer (prova) >>",
	})
}

// Stream writes a stream object.
func Stream(dict string, body []byte) string {
	return fmt.Sprintf("<< %s /Length %d >>\nstream\n%s\nendstream", dict, len(body), body)
}

// Deflated writes a packed stream object.
func Deflated(dict string, body []byte) string {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, _ = w.Write(body)
	_ = w.Close()
	return Stream(dict+" /Filter /FlateDecode", b.Bytes())
}

// Bomb is a packed stream object of a few hundred kilobytes that unpacks to so many megabytes of zeros. Twice makes a bomb of a bomb.
func Bomb(megabytes int, twice bool) string {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	var first int
	for range 2 {
		first = b.Len()
		_, _ = w.Write(make([]byte, 1<<20))
		_ = w.Flush() // ends at a whole byte, so that the second piece may stand any number of times
	}
	body := append(b.Bytes(), bytes.Repeat(b.Bytes()[first:], megabytes)...)
	if twice {
		return strings.Replace(Deflated("", body), "/FlateDecode", "[/FlateDecode /FlateDecode]", 1)
	}
	return Stream("/Filter /FlateDecode", body)
}

var startxref = regexp.MustCompile(`startxref\s+(\d+)\s+%%EOF`)

func lastXref(pdf []byte) (offset int, there bool) {
	all := startxref.FindAllSubmatch(pdf, -1)
	if all == nil {
		return 0, false
	}
	offset, err := strconv.Atoi(string(all[len(all)-1][1]))
	return offset, err == nil
}

// Update appends a revision with these objects.
func Update(pdf []byte, objects map[int]string) []byte {
	out := bytes.Clone(pdf)
	if n := len(out); n > 0 && out[n-1] != '\n' {
		out = append(out, '\n')
	}
	var table strings.Builder
	table.WriteString("xref\n")
	previous, there := lastXref(pdf)
	if !there {
		table.WriteString("0 1\n0000000000 65535 f \n")
	}
	for _, number := range slices.Sorted(maps.Keys(objects)) {
		fmt.Fprintf(&table, "%d 1\n%010d 00000 n \n", number, len(out))
		out = fmt.Appendf(out, "%d 0 obj\n%s\nendobj\n", number, objects[number])
	}
	at := len(out)
	out = append(out, table.String()...)
	out = append(out, "trailer\n<< /Size 1000 /Root 1 0 R /Info 5 0 R"...)
	if there {
		out = fmt.Appendf(out, " /Prev %d", previous)
	}
	return fmt.Appendf(out, " >>\nstartxref\n%d\n%%%%EOF\n", at)
}

// Packed is the same document as PDF makes, with its objects in an object stream and its cross-references in a stream.
func Packed(text string, catalogueExtra ...string) []byte { return packed(2, text, catalogueExtra...) }

// PackedWide writes offsets in eight bytes, as some programs do.
func PackedWide(text string) []byte { return packed(8, text) }

func packed(width int, text string, catalogueExtra ...string) []byte {
	out := []byte("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
	four := len(out)
	out = fmt.Appendf(out, "4 0 obj\n%s\nendobj\n", Stream("", []byte("BT ("+text+") Tj ET")))
	inside := []string{"<< /Type /Catalog /Pages 2 0 R " + strings.Join(catalogueExtra, " ") + " >>", "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << >> >>"}
	var head, body strings.Builder
	for i, o := range inside {
		fmt.Fprintf(&head, "%d %d ", i+1, body.Len())
		body.WriteString(o + " ")
	}
	holder := len(out)
	out = fmt.Appendf(out, "6 0 obj\n%s\nendobj\n", Deflated(fmt.Sprintf("/Type /ObjStm /N %d /First %d", len(inside), head.Len()), []byte(head.String()+body.String())))
	at := len(out)
	var rows []byte
	for _, row := range [][3]int{{0, 0, 0}, {2, 6, 0}, {2, 6, 1}, {2, 6, 2}, {1, four, 0}, {0, 0, 0}, {1, holder, 0}, {1, at, 0}} {
		offset := binary.BigEndian.AppendUint64(nil, uint64(row[1]))
		rows = append(append(append(rows, byte(row[0])), offset[8-width:]...), byte(row[2]))
	}
	out = fmt.Appendf(out, "7 0 obj\n%s\nendobj\n", Deflated(fmt.Sprintf("/Type /XRef /Size 8 /Root 1 0 R /W [1 %d 1]", width), rows))
	return fmt.Appendf(out, "startxref\n%d\n%%%%EOF\n", at)
}

// PDFStyle says how a PDF is signed, and what is wrong with it.
type PDFStyle struct {
	Style
	SubFilter   string // ETSI.CAdES.detached unless said
	Range       func([4]int) [4]int
	DocMDP      int                 // certification: what is allowed afterwards
	Also        map[int]string      // further objects in the same revision
	Contents    []byte              // instead of a signature
	Stamp       func([]byte) []byte // a timestamp instead of a signature
	RangeText   func([4]int) string // how the byte range is written
	UseField    int                 // an empty signature field that is there already
	Attached    bool                // the signature brings a content of its own
	Unreachable bool                // no field refers to it
}

const room = 12000 // hexadecimal digits

// Sign adds a signature in a revision of its own. Number is that of its first object: it takes two.
func Sign(pdf []byte, number int, s PDFStyle, who *Identity) []byte {
	s.Detached = !s.Attached
	return finish(pdf, number, s, func(data []byte) []byte { return Envelope(data, s.Style, who) })
}

// StampPDF adds a document timestamp.
func StampPDF(pdf []byte, number int, stamp func([]byte) []byte) []byte {
	return finish(pdf, number, PDFStyle{SubFilter: "ETSI.RFC3161"}, stamp)
}

func finish(pdf []byte, number int, s PDFStyle, sign func([]byte) []byte) []byte {
	if s.SubFilter == "" {
		s.SubFilter = "ETSI.CAdES.detached"
	}
	extra := ""
	if s.DocMDP > 0 {
		extra = fmt.Sprintf(" /Reference [<< /Type /SigRef /TransformMethod /DocMDP /TransformParams << /Type /TransformParams /P %d /V /1.2 >> >>]", s.DocMDP)
	}
	objects := map[int]string{}
	maps.Copy(objects, s.Also)
	objects[number] = fmt.Sprintf("<< /Type /Sig /Filter /Adobe.PPKLite /SubFilter /%s /ByteRange [0 %010d %010d %010d]%s /Contents <%s> >>",
		s.SubFilter, 0, 0, 0, extra, strings.Repeat("0", room))
	field := number + 1
	if s.UseField > 0 {
		field = s.UseField
	}
	if !s.Unreachable {
		objects[field] = fmt.Sprintf("<< /Type /Annot /Subtype /Widget /FT /Sig /T (Firma%d) /Rect [0 0 0 0] /F 132 /P 3 0 R /V %d 0 R >>", field, number)
		if s.UseField == 0 {
			withField(pdf, objects, field)
		}
	}
	out := Update(pdf, objects)
	at := bytes.LastIndex(out, []byte("/Contents <"+strings.Repeat("0", room))) + len("/Contents ")
	span := [4]int{0, at, at + room + 2, len(out) - at - room - 2}
	if s.Range != nil {
		span = s.Range(span)
	}
	old := []byte(fmt.Sprintf("[0 %010d %010d %010d]", 0, 0, 0))
	where := bytes.LastIndex(out, old)
	written := fmt.Sprintf("[%d %010d %010d %010d]", span[0], span[1], span[2], span[3])
	if s.RangeText != nil {
		written = fmt.Sprintf("%-*s", len(old), s.RangeText(span))
	}
	copy(out[where:], written)
	der := s.Contents
	if s.Stamp != nil {
		sign = s.Stamp
	}
	if der == nil {
		der = sign(slices.Concat(out[span[0]:span[0]+span[1]], out[span[2]:span[2]+span[3]]))
	}
	hex.Encode(out[at+1:], der)
	return out
}

var fields = regexp.MustCompile(`/AcroForm << /SigFlags 3 /Fields \[([^\]]*)\] >>`)
var annotations = regexp.MustCompile(`/Annots \[([^\]]*)\]`)

// withField writes catalogue and page anew with one more signature field.
func withField(pdf []byte, objects map[int]string, field int) {
	ref := fmt.Sprintf("%d 0 R", field)
	objects[catalogue] = grown(latest(pdf, objects, catalogue), fields, "/AcroForm << /SigFlags 3 /Fields [%s] >>", ref)
	objects[page] = grown(latest(pdf, objects, page), annotations, "/Annots [%s]", ref)
}

func grown(object string, list *regexp.Regexp, form, ref string) string {
	if m := list.FindStringSubmatch(object); m != nil {
		return strings.Replace(object, m[0], fmt.Sprintf(form, m[1]+" "+ref), 1)
	}
	return strings.TrimSuffix(strings.TrimSpace(object), ">>") + fmt.Sprintf(form, ref) + " >>"
}

// latest is the text of an object as the newest revision has it.
func latest(pdf []byte, objects map[int]string, number int) string {
	if o, there := objects[number]; there {
		return o
	}
	all := regexp.MustCompile(fmt.Sprintf(`(?s)\n%d 0 obj\n(.*?)\nendobj`, number)).FindAllSubmatch(pdf, -1)
	if all == nil {
		return map[int]string{catalogue: "<< /Type /Catalog /Pages 2 0 R >>",
			page: "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << >> >>"}[number]
	}
	return string(all[len(all)-1][1])
}

// Store adds a security store (DSS) from object number on.
func Store(pdf []byte, number int, ocsps, crls [][]byte) []byte {
	objects := map[int]string{}
	next := number
	list := func(all [][]byte) string {
		var refs []string
		for _, der := range all {
			next++
			objects[next] = Deflated("", der)
			refs = append(refs, fmt.Sprintf("%d 0 R", next))
		}
		return "[" + strings.Join(refs, " ") + "]"
	}
	objects[number] = fmt.Sprintf("<< /Type /DSS /OCSPs %s /CRLs %s >>", list(ocsps), list(crls))
	objects[catalogue] = strings.TrimSuffix(strings.TrimSpace(latest(pdf, objects, catalogue)), ">>") + fmt.Sprintf("/DSS %d 0 R >>", number)
	return Update(pdf, objects)
}
