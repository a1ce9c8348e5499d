package sealing

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

// Note is what the seal of a PDF says of itself.
type Note struct {
	At     time.Time // signing time
	Name   string    // who seals
	Reason string
}

// ErrPDF is returned for a PDF that is not as platform/pdf writes them: one cross-reference table, one catalog, no form.
var ErrPDF = errors.New("sealing: not a PDF of our own")

// room is how many bytes a signature may take: the chain and some hundreds. What is left of it is zeros.
const room = 12 << 10

// PDF seals a PDF that we printed: PAdES baseline B, as an incremental update, so that the bytes before it stay what they were. The field is
// invisible and on the first page.
func (s *Sealer) PDF(ctx context.Context, file []byte, note Note) ([]byte, error) {
	p, err := parsePDF(file)
	if err != nil {
		return nil, err
	}
	out, gap, err := p.update(note)
	if err != nil {
		return nil, err
	}
	signed := append(append([]byte{}, out[:gap.from]...), out[gap.to:]...)
	// No signing time among the attributes: in a PDF it is /M (EN 319 142-1, 6.3).
	der, err := s.sign(ctx, signed, false, nil)
	if err != nil {
		return nil, err
	}
	if len(der) > room {
		return nil, fmt.Errorf("sealing: a signature of %d bytes is too long for its place", len(der))
	}
	hex.Encode(out[gap.from+1:], der)
	return out, nil
}

// gap is where the signature stands, with its angle brackets.
type gap struct{ from, to int }

// printed is what must be known of a PDF to add to it.
type printed struct {
	file               []byte
	size               int // objects, number 0 among them
	xref               int // where the cross-reference table begins
	root, info, page   int // numbers of objects
	rootText, pageText string
	offsets            []int
	identity           string // the trailer's /ID, if any
}

var (
	endShape    = regexp.MustCompile(`startxref\s+(\d+)\s+%%EOF\s*$`)
	sizeShape   = regexp.MustCompile(`/Size (\d+)`)
	rootShape   = regexp.MustCompile(`/Root (\d+) 0 R`)
	infoShape   = regexp.MustCompile(`/Info (\d+) 0 R`)
	idShape     = regexp.MustCompile(`/ID\s*\[[^\]]*\]`)
	pagesShape  = regexp.MustCompile(`/Pages (\d+) 0 R`)
	firstShape  = regexp.MustCompile(`/Kids\s*\[\s*(\d+) 0 R`)
	objectShape = regexp.MustCompile(`^\d+ 0 obj\s`)
)

func parsePDF(file []byte) (*printed, error) {
	p := &printed{file: file}
	end := endShape.FindSubmatch(file[max(0, len(file)-64):])
	if end == nil || !bytes.HasPrefix(file, []byte("%PDF-1.")) {
		return nil, ErrPDF
	}
	p.xref = atoi(end[1])
	if p.xref <= 0 || p.xref >= len(file) {
		return nil, ErrPDF
	}
	table := file[p.xref:]
	trailer := bytes.Index(table, []byte("trailer"))
	if trailer < 0 || bytes.Contains(table[trailer:], []byte("/Prev")) {
		return nil, ErrPDF
	}
	p.size, p.root = number(sizeShape, table[trailer:]), number(rootShape, table[trailer:])
	p.info, p.identity = number(infoShape, table[trailer:]), string(idShape.Find(table[trailer:]))
	if err := p.table(table[:trailer]); err != nil {
		return nil, err
	}
	p.rootText = p.object(p.root)
	pages := p.object(number(pagesShape, []byte(p.rootText)))
	p.page = number(firstShape, []byte(pages))
	p.pageText = p.object(p.page)
	if p.rootText == "" || p.pageText == "" || strings.Contains(p.rootText, "/AcroForm") || strings.Contains(p.pageText, "/Annots") {
		return nil, ErrPDF
	}
	return p, nil
}

// table reads the one section of the cross-reference table.
func (p *printed) table(text []byte) error {
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) != p.size+2 || strings.TrimSpace(lines[0]) != "xref" || strings.TrimSpace(lines[1]) != fmt.Sprintf("0 %d", p.size) {
		return ErrPDF
	}
	for _, line := range lines[2:] {
		if len(line) < 18 {
			return ErrPDF
		}
		p.offsets = append(p.offsets, atoi([]byte(line[:10])))
	}
	return nil
}

// object is the text of a dictionary object, from its opening to its closing brackets; "" if it is none.
func (p *printed) object(n int) string {
	if n <= 0 || n >= len(p.offsets) || p.offsets[n] <= 0 || p.offsets[n] >= len(p.file) {
		return ""
	}
	body := p.file[p.offsets[n]:]
	head := objectShape.Find(body)
	end := bytes.Index(body, []byte("endobj"))
	if head == nil || !strings.HasPrefix(string(head), fmt.Sprintf("%d 0 obj", n)) || end < 0 {
		return ""
	}
	text := strings.TrimSpace(string(body[len(head):end]))
	if !strings.HasPrefix(text, "<<") || !strings.HasSuffix(text, ">>") {
		return ""
	}
	return text
}

// update writes the file with a signature field, a signature dictionary that has no signature yet, and what points at them.
func (p *printed) update(note Note) ([]byte, gap, error) {
	field, dictionary := p.size, p.size+1
	out := append([]byte{}, p.file...)
	if !bytes.HasSuffix(out, []byte("\n")) {
		out = append(out, '\n')
	}
	at := map[int]int{}
	begin := func(n int) {
		at[n] = len(out)
		out = fmt.Appendf(out, "%d 0 obj\n", n)
	}
	begin(p.root)
	out = fmt.Appendf(out, "%s\n/AcroForm << /Fields [%d 0 R] /SigFlags 3 >>\n>>\nendobj\n", strings.TrimSuffix(p.rootText, ">>"), field)
	begin(p.page)
	out = fmt.Appendf(out, "%s\n/Annots [%d 0 R]\n>>\nendobj\n", strings.TrimSuffix(p.pageText, ">>"), field)
	begin(field)
	out = fmt.Appendf(out, "<< /Type /Annot /Subtype /Widget /FT /Sig /T (Sigillo) /F 132 /Rect [0 0 0 0] /P %d 0 R /V %d 0 R >>\nendobj\n", p.page, dictionary)
	begin(dictionary)
	out = fmt.Appendf(out, "<< /Type /Sig /Filter /Adobe.PPKLite /SubFilter /ETSI.CAdES.detached /M (D:%s+00'00') /Name %s /Reason %s\n/ByteRange ",
		note.At.UTC().Format("20060102150405"), text(note.Name), text(note.Reason))
	ranges := len(out)
	const blank = "[0 ########## ########## ##########]"
	out = append(out, blank+"\n/Contents "...)
	g := gap{from: len(out)}
	out = append(append(append(out, '<'), bytes.Repeat([]byte{'0'}, 2*room)...), '>')
	g.to = len(out)
	out = append(out, " >>\nendobj\n"...)
	xref := len(out)
	out = append(out, p.section(at, field)...)
	out = fmt.Appendf(out, "trailer\n<< /Size %d /Root %d 0 R%s%s /Prev %d >>\nstartxref\n%d\n%%%%EOF\n",
		dictionary+1, p.root, p.infoEntry(), spaced(p.identity), p.xref, xref)
	place := fmt.Sprintf("[0 %d %d %d]", g.from, g.to, len(out)-g.to)
	if len(place) > len(blank) {
		return nil, g, fmt.Errorf("sealing: a file of %d bytes is too long", len(out))
	}
	copy(out[ranges:], place+strings.Repeat(" ", len(blank)-len(place)))
	return out, g, nil
}

// section is the update's cross-reference table: the two objects that changed, each by itself, and the two that are new.
func (p *printed) section(at map[int]int, field int) string {
	var b strings.Builder
	b.WriteString("xref\n")
	for _, n := range []int{min(p.root, p.page), max(p.root, p.page)} {
		fmt.Fprintf(&b, "%d 1\n%010d 00000 n \n", n, at[n])
	}
	fmt.Fprintf(&b, "%d 2\n%010d 00000 n \n%010d 00000 n \n", field, at[field], at[field+1])
	return b.String()
}

func (p *printed) infoEntry() string {
	if p.info == 0 {
		return ""
	}
	return fmt.Sprintf(" /Info %d 0 R", p.info)
}

func spaced(s string) string {
	if s == "" {
		return ""
	}
	return " " + s
}

// text writes a text string in UTF-16, as hexadecimal: nothing in it can be taken for syntax.
func text(s string) string {
	out := []byte{0xfe, 0xff}
	for _, unit := range utf16.Encode([]rune(s)) {
		out = append(out, byte(unit>>8), byte(unit))
	}
	return fmt.Sprintf("<%X>", out)
}

func number(shape *regexp.Regexp, in []byte) int {
	found := shape.FindSubmatch(in)
	if found == nil {
		return 0
	}
	return atoi(found[1])
}

func atoi(digits []byte) int {
	n, err := strconv.Atoi(string(digits))
	if err != nil {
		return 0
	}
	return n
}
