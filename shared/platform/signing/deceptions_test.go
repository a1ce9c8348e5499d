package signing_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"sportello/shared/domain/signature"
	"sportello/shared/platform/signing/signingtest"
)

// onPage lays an annotation on the page of what signingtest.Sign made once.
func onPage(refs string) string {
	return "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << >> /Annots [ 11 0 R" + refs + "] >>"
}

const overlay = "<< /Type /Annot /Subtype /Widget /FT /Sig /T (Sopra) /Rect [0 0 595 842] /F 4 /P 3 0 R /V %d 0 R /AP << /N %d 0 R >> >>"

var drawn = signingtest.Stream("/Type /XObject /Subtype /Form /BBox [0 0 595 842]", []byte("BT (900 euro) Tj ET"))

const hashName = "/0123456789abcdef0123456789abcdef01234567"

// deceptions are files that say one thing to who signed and another to who reads: none may be valid.
var deceptions = []struct {
	name string
	file func(s scene) []byte
}{
	{"a page covered by the field of a worthless timestamp", func(s scene) []byte {
		one := signingtest.Sign(signingtest.PDF("x"), 10, pdfStyle{}, s.person(options{}))
		return signingtest.Sign(one, 20, pdfStyle{SubFilter: "ETSI.RFC3161", Contents: []byte("nonsense"), Unreachable: true,
			Also: map[int]string{3: onPage(" 21 0 R"), 21: fmt.Sprintf(overlay, 20, 22), 22: drawn}}, s.person(options{}))
	}},
	{"a page covered by the field of a good timestamp", func(s scene) []byte {
		one := signingtest.Sign(signingtest.PDF("x"), 10, pdfStyle{}, s.person(options{}))
		return signingtest.Sign(one, 20, pdfStyle{SubFilter: "ETSI.RFC3161", Stamp: signingtest.Stamp(s.Stamper(options{}), now), Unreachable: true,
			Also: map[int]string{3: onPage(" 21 0 R"), 21: fmt.Sprintf(overlay, 20, 22), 22: drawn}}, s.person(options{}))
	}},
	{"a note that says to be the field of a second signature", func(s scene) []byte {
		one := signingtest.Sign(signingtest.PDF("x"), 10, pdfStyle{}, s.person(options{}))
		return signingtest.Sign(one, 20, pdfStyle{Unreachable: true,
			Also: map[int]string{3: onPage(" 21 0 R"), 21: strings.Replace(fmt.Sprintf(overlay, 20, 22), "/Widget", "/FreeText", 1), 22: drawn}}, s.person(options{}))
	}},
	{"a gap named like a store", func(s scene) []byte {
		doc := signingtest.Update(signingtest.PDF("x"), map[int]string{3: "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /XObject 50 0 R >> >>",
			50: "<< " + hashName + " 40 0 R >>"})
		one := signingtest.Sign(doc, 10, pdfStyle{}, s.person(options{}))
		return signingtest.Update(one, map[int]string{40: drawn})
	}},
	{"resources that are the store too", func(s scene) []byte {
		doc := signingtest.Update(signingtest.PDF("x", "/DSS << /VRI 50 0 R >>"), map[int]string{3: "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /XObject 50 0 R >> >>",
			50: "<< " + hashName + " 51 0 R >>", 51: signingtest.Stream("/Type /XObject /Subtype /Form", []byte("BT (100) Tj ET"))})
		one := signingtest.Sign(doc, 10, pdfStyle{}, s.person(options{}))
		return signingtest.Update(one, map[int]string{50: "<< " + hashName + " 40 0 R >>", 40: drawn})
	}},
	{"a gap in resources that are the store too", func(s scene) []byte {
		doc := signingtest.Update(signingtest.PDF("x", "/DSS << /VRI 50 0 R >>"), map[int]string{3: "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /XObject 50 0 R >> >>",
			50: "<< " + hashName + " 40 0 R >>"})
		one := signingtest.Sign(doc, 10, pdfStyle{}, s.person(options{}))
		return signingtest.Update(one, map[int]string{40: drawn})
	}},
	{"a font under the name of information", func(s scene) []byte {
		doc := signingtest.Update(signingtest.PDF("x"), map[int]string{5: "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
			3: "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>"})
		one := signingtest.Sign(doc, 10, pdfStyle{}, s.person(options{}))
		return signingtest.Update(one, map[int]string{5: "<< /Type /Font /Subtype /Type1 /BaseFont /Symbol >>"})
	}},
	{"an object beyond the signed end", func(s scene) []byte {
		const far = 20000
		doc := signingtest.PDF("x")
		doc = bytes.Replace(signingtest.Update(doc, map[int]string{3: "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents [4 0 R 40 0 R] /Resources << >> >>", 40: "null"}),
			[]byte("\n40 1\n"), []byte("\n41 1\n"), 1)
		at := bytes.LastIndex(doc, []byte("trailer"))
		doc = append(append(bytes.Clone(doc[:at]), fmt.Sprintf("40 1\n%010d 00000 n \n", far)...), doc[at:]...)
		one := signingtest.Sign(doc, 10, pdfStyle{}, s.person(options{}))
		if len(one) > far {
			s.t.Fatal(len(one))
		}
		one = append(one, bytes.Repeat([]byte("\n"), far-len(one))...)
		one = append(one, "40 0 obj\n"+drawn+"\nendobj\n"...)
		return signingtest.Update(one, map[int]string{60: "<< /Producer (x) >>"})
	}},
	{"a generation that came later", func(s scene) []byte {
		doc := signingtest.Update(signingtest.PDF("x"), map[int]string{3: "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents [4 0 R 40 1 R] /Resources << >> >>", 40: drawn})
		one := signingtest.Sign(doc, 10, pdfStyle{}, s.person(options{}))
		two := signingtest.Update(one, map[int]string{40: drawn})
		copy(two[bytes.LastIndex(two, []byte(" 00000 n ")):], " 00001 n ")
		copy(two[bytes.LastIndex(two, []byte("40 0 obj")):], "40 1 obj")
		return two
	}},
	{"an object that nothing names, for who repairs", func(s scene) []byte {
		one := signingtest.Sign(signingtest.PDF("x"), 10, pdfStyle{}, s.person(options{}))
		one = append(one, "4 0 obj\n"+signingtest.Stream("", []byte("BT (900) Tj ET"))+"\nendobj\n"...)
		return signingtest.Update(one, map[int]string{60: "<< /Producer (x) >>"})
	}},
	{"an object left open at the signed end", func(s scene) []byte {
		doc := signingtest.Update(signingtest.PDF("x"), map[int]string{3: "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents [4 0 R 40 0 R] /Resources << >> >>",
			40: "<< /Length 41 0 R >>\nstream\n"})
		one := signingtest.Sign(doc, 10, pdfStyle{}, s.person(options{}))
		one = append(one, "BT (900 euro) Tj ET\nendstream\nendobj\n"...)
		return signingtest.Update(one, map[int]string{60: "<< /Producer (x) >>"})
	}},
	{"a number that only some readers know", func(s scene) []byte {
		return signingtest.Sign(signingtest.PDF("x"), 10, pdfStyle{RangeText: func(r [4]int) string { return fmt.Sprintf("[0 %d %d %d.e0]", r[1], r[2], r[3]) }}, s.person(options{}))
	}},
	{"two tables", func(s scene) []byte {
		one := signingtest.Sign(signingtest.PDF("x"), 10, pdfStyle{}, s.person(options{}))
		packed := signingtest.Deflated("/Type /ObjStm /N 1 /First 4", []byte("3 0 << /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << >> /Annots [ 11 0 R] >>"))
		rows := signingtest.Deflated("/Type /XRef /Size 1000 /Index [3 1] /W [1 1 1] /Root 1 0 R", []byte{2, 50, 0})
		two := signingtest.Update(one, map[int]string{50: packed, 51: rows})
		two = bytes.Replace(two, []byte("xref\n50 1\n"), []byte("xref\n3 1\n0000000000 65535 f \n50 1\n"), 1)
		at := bytes.LastIndex(two, []byte("/Size 1000 /Root"))
		return slices.Concat(two[:at], fmt.Appendf(nil, "/XRefStm %d ", bytes.LastIndex(two, []byte("51 0 obj"))), two[at:])
	}},
	{"another font for a field of text", func(s scene) []byte {
		form := "<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [8 0 R] /NeedAppearances true%s >> >>"
		doc := signingtest.Update(signingtest.PDF("x"), map[int]string{1: fmt.Sprintf(form, ""), 3: strings.Replace(onPage(""), "11 0 R", "8 0 R", 1),
			8: "<< /Type /Annot /Subtype /Widget /FT /Tx /T (prezzo) /V (100) /DA (/F1 12 Tf 0 g) /Rect [0 0 90 20] /P 3 0 R >>"})
		one := signingtest.Sign(doc, 10, pdfStyle{Unreachable: true}, s.person(options{}))
		return signingtest.Update(one, map[int]string{1: fmt.Sprintf(form, " /DR << /Font << /F1 40 0 R >> >>"), 40: strings.Replace(font, "Helvetica", "Symbol", 1)})
	}},
	{"resources for a drawing that has none", func(s scene) []byte {
		form := "<< /Type /Catalog /Pages 2 0 R /AcroForm << /SigFlags 3 /Fields [8 0 R]%s >> >>"
		doc := signingtest.Update(signingtest.PDF("x"), map[int]string{1: fmt.Sprintf(form, ""), 3: strings.Replace(onPage(""), "11 0 R", "8 0 R", 1),
			8: "<< /Type /Annot /Subtype /Widget /FT /Sig /T (vuota) /Rect [0 0 90 20] /P 3 0 R /AP << /N 9 0 R >> >>",
			9: signingtest.Stream("/Type /XObject /Subtype /Form /BBox [0 0 90 20]", []byte("/Fm0 Do"))})
		one := signingtest.Sign(doc, 10, pdfStyle{Unreachable: true}, s.person(options{}))
		return signingtest.Update(one, map[int]string{1: fmt.Sprintf(form, " /DR << /XObject << /Fm0 40 0 R >> >>"), 40: drawn})
	}},
	{"other resources in place of those laid by", func(s scene) []byte {
		form := "<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [] /DR << /Font << /Helv %d 0 R >> >> >> >>"
		doc := signingtest.Update(signingtest.PDF("x"), map[int]string{1: fmt.Sprintf(form, 8), 8: font})
		one := signingtest.Sign(doc, 10, pdfStyle{Unreachable: true}, s.person(options{}))
		return signingtest.Update(one, map[int]string{1: fmt.Sprintf(form, 40), 40: strings.Replace(font, "Helvetica", "Symbol", 1)})
	}},
	{"a page in place of a field", func(s scene) []byte {
		doc := signingtest.Update(signingtest.PDF("x"), map[int]string{2: "<< /Type /Pages /Kids 30 0 R /Count 2 >>", 30: "[3 0 R]"})
		one := signingtest.Sign(doc, 10, pdfStyle{}, s.person(options{}))
		return signingtest.Sign(one, 20, pdfStyle{Unreachable: true,
			Also: map[int]string{30: "[3 0 R 31 0 R]", 31: "<< /Type /Page /FT /Sig /V 20 0 R /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 32 0 R >>", 32: drawn}}, s.person(options{}))
	}},
}

func TestDeceptions(t *testing.T) {
	for _, c := range deceptions {
		t.Run(c.name, func(t *testing.T) {
			w := signingtest.New(t)
			r := verify(t, w, c.file(scene{w, t}))
			if r.Verdict != signature.Invalid {
				t.Errorf("%s: %s", r.Code, r.Text)
			}
		})
	}
}
