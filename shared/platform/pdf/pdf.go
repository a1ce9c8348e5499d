// Package pdf makes the documents that the sportello itself writes for people, as PDF.
//
// The same input gives the same bytes: dates come from the input, the fonts are embedded in the program, the file's parts are sorted. (The
// compressor is the standard library's: a new release of Go may pack the same pages otherwise, so a document that was stored is kept, not
// made again.) The text is Italian and can be selected, searched and read aloud in its order; title and language are declared. The files are
// not tagged (PDF/UA) nor PDF/A: the library writes neither.
package pdf

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/go-pdf/fpdf"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/text/unicode/norm"

	"sportello/shared/domain/deadline"
)

// Measures in millimetres, of an A4 page.
const (
	margin     = 20.0
	top        = 14.0
	bottom     = 18.0
	labelWidth = 55.0
	lineHeight = 4.8
	textWidth  = 210 - 2*margin
)

const (
	textFont = "text"
	monoFont = "mono"
)

// sheet is a document being written, from top to bottom.
type sheet struct {
	pdf             *fpdf.Fpdf
	red, green, blu int // of the chamber, for lines and headings
}

// about is what the file says of itself.
type about struct {
	title, subject, author string
	at                     time.Time
	colour                 string // #rrggbb; empty: dark grey
	footer                 string // on every page, before the page's number
}

func newSheet(a about) *sheet {
	pdf := fpdf.New("P", "mm", "A4", "")
	// The library renumbers the parts of composed letters (è, ò…) in the very bytes it is given, so each document gets its own: with
	// shared ones the second receipt of a process would show other accents, and two at once would race.
	pdf.AddUTF8FontFromBytes(textFont, "", bytes.Clone(goregular.TTF))
	pdf.AddUTF8FontFromBytes(textFont, "B", bytes.Clone(gobold.TTF))
	pdf.AddUTF8FontFromBytes(monoFont, "", bytes.Clone(gomono.TTF))
	pdf.SetCatalogSort(true)
	pdf.SetCreationDate(a.at.UTC())
	pdf.SetModificationDate(a.at.UTC())
	pdf.SetTitle(clean(a.title), true)
	pdf.SetSubject(clean(a.subject), true)
	pdf.SetAuthor(clean(a.author), true)
	pdf.SetCreator("Sportello virtuale", true)
	pdf.SetProducer("Sportello virtuale", true)
	pdf.SetLang("it-IT")
	pdf.SetMargins(margin, top, margin)
	pdf.SetCellMargin(0)
	pdf.SetAutoPageBreak(true, bottom)
	pdf.AliasNbPages("{pages}")
	s := &sheet{pdf: pdf}
	if _, err := fmt.Sscanf(a.colour, "#%02x%02x%02x", &s.red, &s.green, &s.blu); err != nil {
		s.red, s.green, s.blu = 51, 51, 51
	}
	pdf.SetFooterFunc(func() {
		pdf.SetY(-12)
		pdf.SetFont(textFont, "", 8)
		pdf.SetTextColor(85, 85, 85)
		// Not aligned to the right: the width of the number of pages is not known yet.
		pdf.CellFormat(textWidth-22, 5, clean(a.footer), "", 0, "L", false, 0, "")
		pdf.CellFormat(22, 5, fmt.Sprintf("Pagina %d di {pages}", pdf.PageNo()), "", 0, "L", false, 0, "")
	})
	pdf.AddPage()
	return s
}

// heading opens a section; it never stands alone at the foot of a page.
func (s *sheet) heading(text string) {
	s.room(8 + 3*lineHeight)
	s.pdf.Ln(3)
	s.pdf.SetFont(textFont, "B", 11.5)
	s.pdf.SetTextColor(s.red, s.green, s.blu)
	s.pdf.CellFormat(textWidth, 6, clean(text), "", 1, "L", false, 0, "")
	s.pdf.SetDrawColor(s.red, s.green, s.blu)
	s.pdf.SetLineWidth(0.3)
	s.pdf.Line(margin, s.pdf.GetY(), margin+textWidth, s.pdf.GetY())
	s.pdf.Ln(1.5)
}

// row writes a label and its value beside it; a value of several lines is kept together where it fits a page.
func (s *sheet) row(label, value string) {
	if strings.TrimSpace(value) == "" {
		return
	}
	s.pdf.SetFont(textFont, "", 10)
	s.room(s.height(value, textWidth-labelWidth) + 1)
	begin := s.pdf.GetY()
	s.pdf.SetTextColor(85, 85, 85)
	s.pdf.MultiCell(labelWidth, lineHeight, clean(label), "", "L", false)
	below := s.pdf.GetY()
	s.pdf.SetXY(margin+labelWidth, begin)
	s.pdf.SetTextColor(0, 0, 0)
	s.pdf.MultiCell(textWidth-labelWidth, lineHeight, clean(value), "", "L", false)
	s.pdf.SetY(max(s.pdf.GetY(), below) + 1)
}

// paragraph writes a text over the whole width.
func (s *sheet) paragraph(text string) {
	if strings.TrimSpace(text) == "" {
		return
	}
	s.pdf.SetFont(textFont, "", 10)
	s.pdf.SetTextColor(0, 0, 0)
	s.room(min(s.height(text, textWidth), 3*lineHeight))
	s.pdf.MultiCell(textWidth, lineHeight, clean(text), "", "L", false)
	s.pdf.Ln(1)
}

// digest writes a file's name and, under it, its impronta.
func (s *sheet) digest(name, sha256 string) {
	s.pdf.SetFont(textFont, "", 10)
	s.room(s.height(name, textWidth) + lineHeight + 1)
	s.pdf.SetTextColor(0, 0, 0)
	s.pdf.MultiCell(textWidth, lineHeight, clean(name), "", "L", false)
	s.pdf.SetFont(monoFont, "", 8.5)
	s.pdf.SetTextColor(51, 51, 51)
	s.pdf.MultiCell(textWidth, lineHeight, clean(sha256), "", "L", false)
	s.pdf.Ln(1)
}

// height is how much a text takes in the current font.
func (s *sheet) height(text string, width float64) float64 {
	return float64(len(s.pdf.SplitText(clean(text), width))) * lineHeight
}

// room starts a new page if what comes does not fit this one, and would fit an empty one.
func (s *sheet) room(height float64) {
	const page = 297 - top - bottom
	if s.pdf.GetY()+height > 297-bottom && height < page {
		s.pdf.AddPage()
	}
}

func (s *sheet) write(w io.Writer) error {
	if err := s.pdf.Output(w); err != nil {
		return fmt.Errorf("writing PDF: %w", err)
	}
	return nil
}

// ---- text ----

var glyphs = sync.OnceValue(func() *sfnt.Font {
	font, err := sfnt.Parse(goregular.TTF)
	if err != nil {
		panic("pdf: embedded font does not parse: " + err.Error())
	}
	return font
})

// clean makes a text printable in our fonts (Latin, Greek, Cyrillic): composed letters, no control characters but the new line, and a
// question mark for what the fonts cannot draw, as in a name in another script. Without it the library would leave holes, or panic.
func clean(text string) string {
	var buffer sfnt.Buffer
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case r == '\t' || r == '\r' || r == '\u2028' || r == '\u2029':
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r):
			return -1 // also marks of direction: they would reorder what stands around them
		}
		if n, err := glyphs().GlyphIndex(&buffer, r); err != nil || n == 0 {
			return '?'
		}
		return r
	}, norm.NFC.String(strings.ToValidUTF8(text, "?")))
}

var months = [...]string{"gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno", "luglio", "agosto", "settembre", "ottobre", "novembre", "dicembre"}

// longDate writes a day as "22 novembre 2026".
func longDate(d deadline.Date) string {
	day := fmt.Sprint(d.Day)
	if d.Day == 1 {
		day = "1°"
	}
	return fmt.Sprintf("%s %s %d", day, months[d.Month-1], d.Year)
}

// longInstant writes an instant by the clock of Rome.
func longInstant(t time.Time) string {
	return fmt.Sprintf("%s, ore %s", longDate(deadline.DateOf(t)), t.In(deadline.Rome()).Format("15:04:05"))
}
