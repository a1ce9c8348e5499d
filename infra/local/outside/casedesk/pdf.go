package casedesk

import (
	"bytes"
	"fmt"
	"strings"

	"golang.org/x/text/encoding/charmap"
)

// Layout of a page: A4, in points.
const (
	lineWidth    = 88 // characters that fit at 11 points of Helvetica, on the safe side
	linesPerPage = 48
)

// PDF writes a plain PDF 1.4 document: a title and paragraphs in Helvetica, on as many A4 pages as
// they need. Characters outside Windows-1252 become question marks.
func PDF(title string, paragraphs []string) []byte {
	pages := paginate(title, paragraphs)
	w := &pdfWriter{}
	w.buf.WriteString("%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
	var kids []string
	for i := range pages {
		kids = append(kids, fmt.Sprintf("%d 0 R", 4+2*i))
	}
	w.object("<< /Type /Catalog /Pages 2 0 R /Lang (it-IT) /ViewerPreferences << /DisplayDocTitle true >> >>")
	w.object(fmt.Sprintf("<< /Type /Pages /Kids [%s] /Count %d >>", strings.Join(kids, " "), len(pages)))
	w.object("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>")
	for i, p := range pages {
		w.object(fmt.Sprintf("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >> /Contents %d 0 R >>", 5+2*i))
		w.object(fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(p), p))
	}
	w.object("<< /Title " + literal(title) + " /Producer (Gestionale di prova) >>")
	return w.end()
}

// paginate breaks the paragraphs into lines and the lines into page contents.
func paginate(title string, paragraphs []string) []string {
	lines := []string{title, ""}
	for _, p := range paragraphs {
		for _, l := range strings.Split(strings.ReplaceAll(p, "\r\n", "\n"), "\n") {
			lines = append(lines, wrap(l)...)
		}
	}
	var pages []string
	for first := true; first || len(lines) > 0; first = false {
		n := min(linesPerPage, len(lines))
		var b strings.Builder
		b.WriteString("BT\n/F1 11 Tf\n14.5 TL\n62 780 Td\n")
		for i, l := range lines[:n] {
			if first && i == 0 {
				b.WriteString("/F1 16 Tf\n" + literal(l) + " Tj\n/F1 11 Tf\nT*\n")
				continue
			}
			b.WriteString(literal(l) + " Tj\nT*\n")
		}
		b.WriteString("ET")
		pages, lines = append(pages, b.String()), lines[n:]
	}
	return pages
}

func wrap(text string) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		for len([]rune(word)) > lineWidth {
			r := []rune(word)
			lines, word = append(lines, string(r[:lineWidth])), string(r[lineWidth:])
		}
		if line != "" && len([]rune(line))+1+len([]rune(word)) > lineWidth {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

// literal is a PDF string in Windows-1252.
func literal(s string) string {
	var b strings.Builder
	b.WriteByte('(')
	for _, r := range s {
		c, ok := charmap.Windows1252.EncodeRune(r)
		switch {
		case !ok:
			b.WriteByte('?')
		case c == '(' || c == ')' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ':
			b.WriteByte(' ')
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte(')')
	return b.String()
}

type pdfWriter struct {
	buf     bytes.Buffer
	offsets []int
}

func (w *pdfWriter) object(body string) {
	w.offsets = append(w.offsets, w.buf.Len())
	fmt.Fprintf(&w.buf, "%d 0 obj\n%s\nendobj\n", len(w.offsets), body)
}

// end writes the cross-reference table; the last object is the document's information.
func (w *pdfWriter) end() []byte {
	start, size := w.buf.Len(), len(w.offsets)+1
	fmt.Fprintf(&w.buf, "xref\n0 %d\n0000000000 65535 f \n", size)
	for _, o := range w.offsets {
		fmt.Fprintf(&w.buf, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(&w.buf, "trailer\n<< /Size %d /Root 1 0 R /Info %d 0 R >>\nstartxref\n%d\n%%%%EOF\n", size, size-1, start)
	return w.buf.Bytes()
}
