package inspect_test

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-pdf/fpdf"
	"github.com/google/go-cmp/cmp"

	"sportello/shared/platform/inspect"
	"sportello/shared/platform/signing/signingtest"
)

const pe = "MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff\x00\x00"

func zipped(names ...string) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range names {
		name, body, _ := strings.Cut(name, "=")
		f, err := w.Create(name)
		if err == nil {
			_, err = f.Write([]byte(body))
		}
		if err != nil {
			panic(err)
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// with is a PDF with one more object.
func with(object string) []byte {
	return signingtest.Update(signingtest.PDF("ciao"), map[int]string{9: object})
}

// hidden is a PDF with one more object inside an object stream.
func hidden(object string) []byte {
	return with(signingtest.Deflated("/Type /ObjStm /N 1 /First 4", []byte("9 0 "+object)))
}

// related is a Word document that says where its template is.
func related(settings string) []byte {
	return zipped("[Content_Types].xml=<Types/>", "word/document.xml=x", "word/_rels/settings.xml.rels="+settings)
}

func TestInspect(t *testing.T) {
	w := signingtest.New(t)
	who := w.Person(signingtest.Options{})
	wrap := func(b []byte) []byte { return signingtest.Envelope(b, signingtest.Style{}, who) }
	deep := []byte("ciao")
	for range 6 {
		deep = wrap(deep)
	}
	bomb := signingtest.Bomb(300, false)
	for name, c := range map[string]struct {
		file    []byte
		kind    inspect.Type
		content inspect.Type // if another
		code    inspect.Code // empty: nothing stands against it
	}{
		"PDF":               {signingtest.PDF("ciao"), inspect.PDF, "", ""},
		"packed PDF":        {signingtest.Packed("ciao"), inspect.PDF, "", ""},
		"signed PDF":        {signingtest.Sign(signingtest.PDF("ciao"), 10, signingtest.PDFStyle{}, who), inspect.PDF, "", ""},
		"PNG":               {[]byte("\x89PNG\r\n\x1a\nxx"), inspect.PNG, "", ""},
		"JPEG":              {[]byte("\xff\xd8\xff\xe0xx"), inspect.JPEG, "", ""},
		"text":              {[]byte("Ciao, perché no?"), inspect.Text, "", ""},
		"text of MZ":        {[]byte("MZ è una sigla"), inspect.Text, "", ""},
		"old text":          {[]byte("perch\xe9 no, citt\xe0"), inspect.Text, "", ""},
		"XML":               {[]byte("<?xml version=\"1.0\"?><a/>"), inspect.XML, "", ""},
		"Word":              {zipped("[Content_Types].xml=<Types/>", "word/document.xml=x"), inspect.DOCX, "", ""},
		"OpenDocument":      {zipped("mimetype=application/vnd.oasis.opendocument.text", "content.xml=x"), inspect.ODT, "", ""},
		"p7m of text":       {wrap([]byte("ciao")), inspect.Signed, inspect.Text, ""},
		"p7m of a PDF":      {wrap(wrap(signingtest.PDF("ciao"))), inspect.Signed, inspect.PDF, ""},
		"p7m in PEM":        {pem.EncodeToMemory(&pem.Block{Type: "PKCS7", Bytes: wrap([]byte("ciao"))}), inspect.Signed, inspect.Text, ""},
		"p7m in base64":     {[]byte(base64.StdEncoding.EncodeToString(wrap([]byte("ciao")))), inspect.Signed, inspect.Text, ""},
		"signature alone":   {signingtest.Envelope([]byte("x"), signingtest.Style{Detached: true}, who), inspect.Signed, inspect.Signed, ""},
		"a link to click":   {with("<< /Type /Annot /Subtype /Link /A << /S /URI /URI (https://example.org) >> >>"), inspect.PDF, "", ""},
		"opens at a page":   {signingtest.PDF("ciao", "/OpenAction [3 0 R /Fit]"), inspect.PDF, "", ""},
		"unknown":           {[]byte{0, 1, 2, 3}, inspect.Unknown, "", ""},
		"empty":             {nil, inspect.Empty, "", inspect.IsEmpty},
		"Windows program":   {[]byte(pe), inspect.Executable, "", inspect.Program},
		"Linux program":     {[]byte("\x7fELF\x02\x01"), inspect.Executable, "", inspect.Program},
		"macOS program":     {[]byte("\xcf\xfa\xed\xfe\x07"), inspect.Executable, "", inspect.Program},
		"script":            {[]byte("#!/bin/sh\nrm -rf /"), inspect.Script, "", inspect.Program},
		"p7m of a program":  {wrap([]byte(pe)), inspect.Signed, inspect.Executable, inspect.Program},
		"p7m in p7m of one": {wrap(wrap([]byte("\x7fELF\x02"))), inspect.Signed, inspect.Executable, inspect.Program},
		"six envelopes":     {deep, inspect.Signed, "", inspect.TooDeep},
		"cut p7m":           {wrap([]byte("ciao"))[:300], inspect.Signed, "", inspect.Damaged},
		"web page":          {[]byte("<!DOCTYPE html><script>1</script>"), inspect.HTML, "", inspect.ActivePage},
		"drawing that acts": {[]byte("<?xml version=\"1.0\"?><svg onload=\"x\"/>"), inspect.HTML, "", inspect.ActivePage},
		"Word with macros":  {zipped("[Content_Types].xml=<Types/>", "word/document.xml=x", "word/vbaProject.bin=x"), inspect.DOCX, "", inspect.Macros},
		"declared macros":   {zipped("[Content_Types].xml=application/vnd.ms-word.document.macroEnabled.main+xml", "word/document.xml=x"), inspect.DOCX, "", inspect.Macros},
		"macros from elsewhere": {zipped("[Content_Types].xml=<Types/>", "word/document.xml=x",
			`word/_rels/settings.xml.rels=<Relationship Type="http://x/attachedTemplate" Target="http://example.org/a.dotm" TargetMode="External"/>`), inspect.DOCX, "", inspect.Macros},
		"template on a server":  {related(`<R><Relationship Type='http://x/attachedTemplate' Target='file:///\\example.org\a.dotm' TargetMode='External'/></R>`), inspect.DOCX, "", inspect.Macros},
		"template, spelled out": {related(`<R><Relationship Type="http://x/attachedTemplate" Target="&#104;ttp://example.org/a.dotm" TargetMode="External"/></R>`), inspect.DOCX, "", inspect.Macros},
		"template, said twice":  {related(`<R xmlns:b="b"><Relationship Type="http://x/attachedTemplate" Target="http://example.org/a.dotm" b:Target="a" TargetMode="External"/></R>`), inspect.DOCX, "", inspect.Macros},
		"template, malformed":   {related(`<R><Relationship Type="http://x/attachedTemplate" Target="http://example.org/a.dotm" TargetMode="External">`), inspect.DOCX, "", inspect.Macros},
		"template on the disk":  {related(`<R><Relationship Type="http://x/attachedTemplate" Target="file:///C:\Users\giulia\Lettera%20studio.dotx" TargetMode="External"/></R>`), inspect.DOCX, "", ""},
		"template by its name":  {related(`<R><Relationship Type="http://x/attachedTemplate" Target="Normal.dotm" TargetMode="External"/></R>`), inspect.DOCX, "", ""},
		"relations without end": {zipped(slices.Repeat([]string{"word/a.rels=" + strings.Repeat("x", 1<<19)}, 40)...), inspect.DOCX, "", inspect.TooComplicated},
		"linked page": {zipped("[Content_Types].xml=<Types/>", "word/document.xml=x",
			`word/_rels/document.xml.rels=<Relationship Type="http://x/hyperlink" Target="http://example.org/" TargetMode="External"/>`), inspect.DOCX, "", ""},
		"ODT with macros":   {zipped("mimetype=application/vnd.oasis.opendocument.text", "Basic/Standard/M.xml=x"), inspect.ODT, "", inspect.Macros},
		"program in a ZIP":  {zipped("a/Fattura.pdf.EXE=x"), inspect.ZIP, "", inspect.Program},
		"old Word, macros":  {append([]byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), []byte("V\x00B\x00A\x00\x00\x00")...), inspect.OldOffice, "", inspect.Macros},
		"broken ZIP":        {[]byte("PK\x03\x04xxxx"), inspect.ZIP, "", inspect.Damaged},
		"JavaScript":        {with("<< /S /JavaScript /JS (app.alert\\(1\\)) >>"), inspect.PDF, "", inspect.JavaScript},
		"JavaScript, odd":   {with("<</S/J#61vaScript/J#53 (x)>>"), inspect.PDF, "", inspect.JavaScript},
		"JavaScript, names": {signingtest.PDF("ciao", "/Names << /JavaScript << /Names [(a) << /JS 9 0 R >>] >> >>"), inspect.PDF, "", inspect.JavaScript},
		"empty names":       {signingtest.PDF("ciao", "/Names << /EmbeddedFiles << /Names [] >> /JavaScript << /Names [] >> >>"), inspect.PDF, "", ""},
		"hidden JavaScript": {hidden("<< /S /JavaScript /JS (x) >>"), inspect.PDF, "", inspect.JavaScript},
		"in an old revision": {signingtest.Update(with("<< /S /JavaScript /JS (x) >>"), map[int]string{9: "null"}), inspect.PDF, "",
			inspect.JavaScript},
		"beside a key named twice":     {with("<< /S /JavaScript /JS (x) /A 1 /A 2 >>"), inspect.PDF, "", inspect.JavaScript},
		"beside a number that is none": {with("<< /S /Java#53cript /JS (x) /A --1 >>"), inspect.PDF, "", inspect.JavaScript},
		"too deep to be read":          {with(strings.Repeat("[", 70) + "<< /S /Launch /F (cmd.exe) >>" + strings.Repeat("]", 70)), inspect.PDF, "", inspect.Launch},
		"hidden, malformed":            {hidden("<< /S /JavaScript /JS (x) /A 1 /A 2 >>"), inspect.PDF, "", inspect.JavaScript},
		"hidden under no type": {with(signingtest.Deflated("/N 1 /First 4", []byte("9 0 << /S /JavaScript /JS (x) >>"))), inspect.PDF, "",
			inspect.JavaScript},
		"hidden by another filter": {with(signingtest.Stream("/Type /ObjStm /N 1 /First 4 /Filter /LZWDecode", []byte("x"))), inspect.PDF, "",
			inspect.TooComplicated},
		"hidden by a filter elsewhere": {with(signingtest.Stream("/Type /ObjStm /N 1 /First 4 /Filter 8 0 R", []byte("x"))), inspect.PDF, "",
			inspect.TooComplicated},
		"launch by reference": {signingtest.Update(signingtest.PDF("x"), map[int]string{8: "/Launch", 9: "<< /A << /S 8 0 R /F (cmd.exe) >> >>"}), inspect.PDF, "",
			inspect.Launch},
		"content of another file": {with(signingtest.Stream("/F (http://example.org/a)", nil)), inspect.PDF, "", inspect.Launch},
		"sends by itself":         {signingtest.PDF("ciao", "/OpenAction << /S /GoTo /D [3 0 R] /Next [<< /S /SubmitForm /F (http://example.org) >>] >>"), inspect.PDF, "", inspect.OpenAction},
		"odd but harmless":        {with("<< /A 1 /A 2 >>"), inspect.PDF, "", ""},
		"odd, colours mixed":      {with("<< /A 1 /A 2 /BM /Screen >>"), inspect.PDF, "", ""},
		"odd, a film on a screen": {with("<< /A 1 /A 2 /Subtype /Screen /A << /S /Rendition >> >>"), inspect.PDF, "", inspect.RichMedia},
		"p7m of JavaScript":       {wrap(with("<< /S /JavaScript /JS (x) >>")), inspect.Signed, inspect.PDF, inspect.JavaScript},
		"launch":                  {with("<< /S /Launch /F (cmd.exe) >>"), inspect.PDF, "", inspect.Launch},
		"opens an address":        {signingtest.PDF("ciao", "/OpenAction << /S /URI /URI (http://example.org) >>"), inspect.PDF, "", inspect.OpenAction},
		"opens elsewhere": {signingtest.Update(signingtest.PDF("ciao", "/OpenAction 9 0 R"), map[int]string{9: "<< /S /URI /URI (http://example.org) >>"}), inspect.PDF, "",
			inspect.OpenAction},
		"page event":     {signingtest.PDF("ciao", "/AA << /O << /S /URI /URI (http://example.org) >> >>"), inspect.PDF, "", inspect.OpenAction},
		"embedded file":  {with(signingtest.Deflated("/Type /EmbeddedFile", []byte(pe))), inspect.PDF, "", inspect.EmbeddedFile},
		"attached file":  {with("<< /Type /Annot /Subtype /FileAttachment /FS 8 0 R >>"), inspect.PDF, "", inspect.EmbeddedFile},
		"XFA":            {signingtest.PDF("ciao", "/AcroForm << /XFA 9 0 R /Fields [] >>"), inspect.PDF, "", inspect.XFA},
		"rich media":     {with("<< /Type /Annot /Subtype /RichMedia >>"), inspect.PDF, "", inspect.RichMedia},
		"encrypted":      {bytes.ReplaceAll(signingtest.PDF("ciao"), []byte("/Size 1000"), []byte("/Encrypt 9 0 R")), inspect.PDF, "", inspect.Locked},
		"bomb":           {with(bomb), inspect.PDF, "", inspect.Bomb},
		"p7m of a bomb":  {wrap(with(bomb)), inspect.Signed, inspect.PDF, inspect.Bomb},
		"bomb of a bomb": {with(signingtest.Bomb(300, true)), inspect.PDF, "", inspect.Bomb},
		"head alone":     {[]byte("%PDF-1.7\n"), inspect.PDF, "", inspect.Damaged},
		"nested arrays":  {with(strings.Repeat("[", 100_000)), inspect.PDF, "", ""},
	} {
		if c.content == "" {
			c.content = c.kind
		}
		before := bytes.Clone(c.file)
		r, err := inspect.File(bytes.NewReader(c.file), int64(len(c.file)))
		if err != nil {
			t.Fatal(err)
		}
		code := inspect.Code("")
		if r.Finding != nil {
			code = r.Finding.Code
		}
		if r.Type != c.kind || code != c.code || r.Content != c.content && code != inspect.TooDeep && code != inspect.Damaged {
			t.Errorf("%s: %s holding %s, %q; want %s, %s, %q", name, r.Type, r.Content, code, c.kind, c.content, c.code)
		}
		if r.Finding != nil && !strings.HasSuffix(r.Finding.Detail, ".") {
			t.Errorf("%s: no sentence: %q", name, r.Finding.Detail)
		}
		if c.code == inspect.Bomb {
			continue // once is enough
		}
		if again := inspect.Bytes(c.file); !cmp.Equal(r, again) || !bytes.Equal(before, c.file) {
			t.Errorf("%s: in memory %+v, or the bytes were changed", name, again)
		}
	}
}

// What the product writes itself would be taken.
func TestOwnDocuments(t *testing.T) {
	doc := fpdf.New("P", "mm", "A4", "")
	doc.AddPage()
	doc.SetFont("Helvetica", "", 12)
	doc.Cell(40, 10, "Ricevuta")
	var b bytes.Buffer
	if err := doc.Output(&b); err != nil {
		t.Fatal(err)
	}
	if r := inspect.Bytes(b.Bytes()); r.Type != inspect.PDF || r.Finding != nil {
		t.Errorf("%+v", r)
	}
}

type endless struct{}

func (endless) ReadAt(p []byte, _ int64) (int, error) { return len(p), nil }

type broken struct{}

var errDisk = errors.New("disk")

func (broken) ReadAt([]byte, int64) (int, error) { return 0, errDisk }

func TestLimits(t *testing.T) {
	if r, err := inspect.File(endless{}, inspect.MaxSize+1); err != nil || r.Finding == nil || r.Finding.Code != inspect.TooLarge {
		t.Errorf("over 30 MB: %+v, %v", r, err)
	}
	if _, err := inspect.File(broken{}, 10); !errors.Is(err, errDisk) {
		t.Errorf("a fault of reading: %v", err)
	}
}

func TestIs(t *testing.T) {
	for declared, kind := range map[string]inspect.Type{"text/csv": inspect.Text, "message/rfc822": inspect.Text, "application/pdf": inspect.PDF, "application/zip": inspect.ZIP} {
		if !(inspect.Result{Type: kind}).Is(declared) || (inspect.Result{Type: inspect.Executable}).Is(declared) {
			t.Error(declared)
		}
	}
}

// Files made to cost their reader: each must be answered, whatever the answer. Read in linear time they take tenths of a second; by the square of
// their size, hours: the bound between the two is no measure of the machine.
func TestHostile(t *testing.T) {
	const size = 4 << 20
	for name, text := range map[string]string{
		"objects in strings":     strings.Repeat("1 0 obj ( ", size/10),
		"objects in arrays":      strings.Repeat("1 0 obj [ ", size/10),
		"objects in a word":      strings.Repeat("obj", size/3),
		"objects in a name":      strings.Repeat("obj/", size/4),
		"objects in hex":         strings.Repeat("1 0 obj <00", size/11),
		"streams without end":    strings.Repeat("1 0 obj << >> stream\n", size/21),
		"comments":               strings.Repeat("1 0 obj %", size/9),
		"white space":            strings.Repeat("1 0 obj", 1000) + strings.Repeat(" ", size) + strings.Repeat("1 0 obj", 1000),
		"references in a circle": fmt.Sprintf("1 0 obj\n1 0 R\nendobj\nxref\n0 2\n0000000000 65535 f \n%010d 00000 n \ntrailer\n<< /Root 1 0 R >>\nstartxref\n32\n%%%%EOF", 9),
		"revisions in a circle":  "xref\n0 0\ntrailer\n<< /Prev 9 >>\nstartxref\n9\n%%EOF",
	} {
		start := time.Now()
		r := inspect.Bytes([]byte("%PDF-1.7\n" + text))
		if took := time.Since(start); took > 2*time.Minute {
			t.Errorf("%s: %v, %+v", name, took, r)
		}
	}
}

func FuzzBytes(f *testing.F) {
	f.Add(signingtest.PDF("ciao"))
	f.Add(signingtest.Packed("ciao"))
	f.Add(hidden("<< /S /JavaScript /JS (x) >>"))
	f.Add(zipped("word/vbaProject.bin=x"))
	f.Add([]byte("-----BEGIN PKCS7-----\nMIIB\n-----END PKCS7-----\n"))
	f.Add([]byte{0x30, 0x80, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2, 0xa0, 0x80, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		r := inspect.Bytes(data)
		if r.Type == "" || r.Content == "" || r.Finding != nil && r.Finding.Detail == "" {
			t.Fatalf("%+v", r)
		}
	})
}
