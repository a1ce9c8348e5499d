package signingdesk

import (
	"bytes"
	"compress/zlib"
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
	"golang.org/x/text/encoding/charmap"
)

const sampleTitle = "Listino prezzi"

var sampleLines = []string{
	"OFFICINE RINALDI S.R.L. - codice fiscale 09900000010 - REA MI-9900001",
	"Listino dei servizi di officina, valido dal 1 gennaio 2027",
	"",
	"Manodopera, un'ora: euro 42,00",
	"Tornitura di precisione, al pezzo: euro 18,50",
	"Fresatura, un'ora: euro 55,00",
	"Rettifica, un'ora: euro 61,00",
	"Uscita sul posto, entro 30 km: euro 70,00",
	"",
	"Prezzi al netto dell'IVA. Documento di prova: nessun valore.",
}

// SamplePDF is a price list of one page to sign: PDF/A-2b, with its font inside and text that is
// not compressed, so that what a fault changes can be seen. The same instant gives the same bytes.
func SamplePDF(at time.Time) ([]byte, error) {
	typeface, err := sampleFont()
	if err != nil {
		return nil, fmt.Errorf("reading the font: %w", err)
	}
	content := sampleContent()
	metadata := sampleMetadata(at)
	var b bytes.Buffer
	b.WriteString("%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
	objects := []string{
		"<< /Type /Catalog /Pages 2 0 R /Lang (it-IT) /Metadata 8 0 R /ViewerPreferences << /DisplayDocTitle true >> >>",
		"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		// Grey by calibrated white: PDF/A wants no device colour where no output intent says which device.
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> " +
			"/ColorSpace << /C1 [/CalGray << /WhitePoint [0.9505 1 1.089] /Gamma 2.2 >>] >> >> >>",
		fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(content), content),
		fmt.Sprintf("<< /Type /Font /Subtype /TrueType /BaseFont /GoRegular /Encoding /WinAnsiEncoding /FirstChar 32 /LastChar 255 "+
			"/Widths [%s] /FontDescriptor 6 0 R >>", typeface.widths),
		"<< /Type /FontDescriptor /FontName /GoRegular /Flags 32 /FontBBox [-210 -276 1121 1013] /ItalicAngle 0 /Ascent 948 /Descent -212 " +
			"/CapHeight 729 /StemV 80 /FontFile2 7 0 R >>",
		fmt.Sprintf("<< /Filter /FlateDecode /Length %d /Length1 %d >>\nstream\n%s\nendstream", len(typeface.program), len(goregular.TTF), typeface.program),
		fmt.Sprintf("<< /Type /Metadata /Subtype /XML /Length %d >>\nstream\n%s\nendstream", len(metadata), metadata),
		"<< /Title (" + sampleTitle + ") /CreationDate (D:" + at.UTC().Format("20060102150405") + "+00'00') >>",
	}
	var table strings.Builder
	for i, body := range objects {
		fmt.Fprintf(&table, "%010d 00000 n \n", b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, body)
	}
	id := fmt.Sprintf("<%x>", sha256.Sum256(b.Bytes()))[:33] + ">"
	start := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R /Info %d 0 R /ID [%s %s] >>\nstartxref\n%d\n%%%%EOF\n",
		len(objects)+1, table.String(), len(objects)+1, len(objects), id, id, start)
	return b.Bytes(), nil
}

func sampleContent() string {
	var b strings.Builder
	b.WriteString("/C1 cs 0 sc\nBT\n/F1 18 Tf\n56 780 Td\n(" + sampleTitle + ") Tj\n/F1 11 Tf\n18 TL\n0 -18 Td\n")
	for _, l := range sampleLines {
		b.WriteString("T*\n(" + l + ") Tj\n")
	}
	return b.String() + "ET"
}

func sampleMetadata(at time.Time) string {
	return `<?xpacket begin="` + "\ufeff" + `" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/"><pdfaid:part>2</pdfaid:part><pdfaid:conformance>B</pdfaid:conformance></rdf:Description>
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title><rdf:Alt><rdf:li xml:lang="x-default">` + sampleTitle + `</rdf:li></rdf:Alt></dc:title></rdf:Description>
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/"><xmp:CreateDate>` + at.UTC().Format("2006-01-02T15:04:05+00:00") + `</xmp:CreateDate></rdf:Description>
</rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>`
}

// face is the compressed font and the widths of the characters from 32 to 255, in thousandths.
type face struct{ program, widths string }

var sampleFont = sync.OnceValues(func() (face, error) {
	parsed, err := sfnt.Parse(goregular.TTF)
	if err != nil {
		return face{}, err
	}
	var buf sfnt.Buffer
	var widths []string
	for c := 32; c <= 255; c++ {
		glyph, err := parsed.GlyphIndex(&buf, charmap.Windows1252.DecodeByte(byte(c)))
		if err != nil {
			return face{}, err
		}
		advance, err := parsed.GlyphAdvance(&buf, glyph, fixed.I(1000), font.HintingNone)
		if err != nil {
			return face{}, err
		}
		widths = append(widths, strconv.Itoa(advance.Round()))
	}
	var program bytes.Buffer
	z := zlib.NewWriter(&program)
	if _, err := z.Write(goregular.TTF); err != nil {
		return face{}, err
	}
	if err := z.Close(); err != nil {
		return face{}, err
	}
	return face{program.String(), strings.Join(widths, " ")}, nil
})
