package signingdesk

import (
	"bytes"
	"compress/flate"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"

	"sportello/infra/local/outside/cms"
	"sportello/infra/local/outside/people"
)

// room is how many bytes are kept for a signature: certificates, a timestamp and the largest key fit.
const room = 16 << 10

// placeholder is as wide as any file's ByteRange needs.
const placeholder = "[0 0000000000 0000000000 0000000000]"

// addSignature appends a revision with a signature field and its value (ISO 32000-1, 12.8.1; EN 319
// 142-1, 6). The signing time of PAdES is in /M alone; the old style has it in the CMS as well.
func addSignature(raw []byte, s signature, p people.Person, old bool) ([]byte, error) {
	doc, err := openPDF(raw)
	if err != nil {
		return nil, notPDF(err)
	}
	filter := "/ETSI.CAdES.detached"
	if old {
		filter, s.message.SigningTime = "/adbe.pkcs7.detached", s.at
	}
	u, err := doc.update()
	if err != nil {
		return nil, notPDF(err)
	}
	value := u.add(fmt.Sprintf("<< /Type /Sig /Filter /Adobe.PPKLite /SubFilter %s /ByteRange %s /Contents <%s> /M (D:%s+00'00') /Name (%s) >>",
		filter, placeholder, strings.Repeat("0", 2*room), s.at.UTC().Format("20060102150405"), p.Name()))
	if err := u.addField(value); err != nil {
		return nil, notPDF(err)
	}
	return s.fill(u.write(), len(raw))
}

// addField puts the signature's field, a widget that shows nothing, on the first page and in the form.
func (u *update) addField(value int) error {
	pageNumber, page, err := u.doc.firstPage()
	if err != nil {
		return err
	}
	field := u.next
	widget := fmt.Sprintf("%d 0 R", u.add(fmt.Sprintf(
		"<< /Type /Annot /Subtype /Widget /FT /Sig /T (Firma%d) /V %d 0 R /F 132 /Rect [0 0 0 0] /P %d 0 R >>", field, value, pageNumber)))
	annotations, _ := page.get("Annots")
	if annotations, err = u.extend(annotations, widget); err != nil {
		return err
	}
	u.objects[pageNumber] = page.with("Annots", annotations).String()
	rootNumber, root, err := u.doc.catalog()
	if err != nil {
		return err
	}
	return u.addToForm(rootNumber, root, widget)
}

func (u *update) addToForm(rootNumber int, root dictionary, widget string) error {
	written, has := root.get("AcroForm")
	formNumber := number(written)
	form := dictionary{}
	var err error
	switch {
	case formNumber >= 0:
		form, err = u.doc.dictionary(formNumber)
	case has:
		form, err = parseDictionary([]byte(written))
	}
	if err != nil {
		return err
	}
	fields, _ := form.get("Fields")
	if fields, err = u.extend(fields, widget); err != nil {
		return err
	}
	form = form.with("Fields", fields).with("SigFlags", "3")
	if formNumber >= 0 {
		u.objects[formNumber] = form.String()
		return nil
	}
	u.objects[rootNumber] = root.with("AcroForm", fmt.Sprintf("%d 0 R", u.add(form.String()))).String()
	return nil
}

// fill signs all but the hole and writes the signature into it; the placeholders are after from.
func (s signature) fill(raw []byte, from int) ([]byte, error) {
	ranges := from + bytes.Index(raw[from:], []byte(placeholder))
	open := from + bytes.Index(raw[from:], []byte("/Contents <0")) + len("/Contents ")
	end := open + 2*room + 2
	copy(raw[ranges:], fmt.Sprintf("%-*s", len(placeholder), fmt.Sprintf("[0 %d %d %d]", open, end, len(raw)-end)))
	m := s.message
	m.Content, m.Detached = append(bytes.Clone(raw[:open]), raw[end:]...), true
	value, err := cms.Sign(s.signer, m)
	if err != nil {
		return nil, err
	}
	if len(value) > room {
		return nil, fmt.Errorf("a signature of %d bytes: too long", len(value))
	}
	hex.Encode(raw[open+1:], value)
	return raw, nil
}

// revise appends a revision that changes the catalog and the first page.
func (d *document) revise(change func(u *update, root, page dictionary) (dictionary, dictionary, error)) ([]byte, error) {
	u, err := d.update()
	if err != nil {
		return nil, err
	}
	rootNumber, root, err := d.catalog()
	if err != nil {
		return nil, err
	}
	pageNumber, page, err := d.firstPage()
	if err != nil {
		return nil, err
	}
	newRoot, newPage, err := change(u, root, page)
	if err != nil {
		return nil, err
	}
	if newRoot != nil {
		u.objects[rootNumber] = newRoot.String()
	}
	if newPage != nil {
		u.objects[pageNumber] = newPage.String()
	}
	return u.write(), nil
}

func (u *update) drawOn(page dictionary, stream int) (dictionary, error) {
	contents, _ := page.get("Contents")
	contents, err := u.extend(contents, fmt.Sprintf("%d 0 R", stream))
	return page.with("Contents", contents), err
}

// withOverlay draws over the page: what is seen is no longer what was signed.
func (d *document) withOverlay() ([]byte, error) {
	return d.revise(func(u *update, _, page dictionary) (dictionary, dictionary, error) {
		page, err := u.drawOn(page, u.addStream("", []byte("q 0 g 56 560 480 120 re f Q")))
		return nil, page, err
	})
}

// withEvidence adds a document security store (EN 319 142-1, 5.4.2.2), as whoever keeps signatures does.
func (d *document) withEvidence(chain []*x509.Certificate) ([]byte, error) {
	return d.revise(func(u *update, root, _ dictionary) (dictionary, dictionary, error) {
		var list []string
		for _, c := range chain {
			list = append(list, fmt.Sprintf("%d 0 R", u.addStream("", c.Raw)))
		}
		store := u.add("<< /Type /DSS /Certs [" + strings.Join(list, " ") + "] >>")
		return root.with("DSS", fmt.Sprintf("%d 0 R", store)), nil, nil
	})
}

// withScript makes the document run JavaScript when it is opened.
func (d *document) withScript() ([]byte, error) {
	return d.revise(func(u *update, root, _ dictionary) (dictionary, dictionary, error) {
		action := u.add("<< /Type /Action /S /JavaScript /JS (app.alert\\('Prova: questo PDF contiene codice.'\\);) >>")
		return root.with("OpenAction", fmt.Sprintf("%d 0 R", action)), nil, nil
	})
}

// withBomb draws with a stream of white space that is small in the file and enormous out of it.
func (d *document) withBomb() ([]byte, error) {
	data, err := bomb()
	if err != nil {
		return nil, err
	}
	return d.revise(func(u *update, _, page dictionary) (dictionary, dictionary, error) {
		page, err := u.drawOn(page, u.addStream("/Filter /FlateDecode ", data))
		return nil, page, err
	})
}

const (
	bombPiece  = 1 << 20
	bombPieces = 1100
)

// bomb is a zlib stream of 1100 MB of zero bytes, PDF's white space. One piece is compressed and
// repeated: it refers to nothing before itself.
func bomb() ([]byte, error) {
	var piece bytes.Buffer
	w, err := flate.NewWriter(&piece, flate.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(make([]byte, bombPiece)); err != nil {
		return nil, err
	}
	if err := w.Flush(); err != nil {
		return nil, err
	}
	out := append([]byte{0x78, 0xda}, bytes.Repeat(piece.Bytes(), bombPieces)...)
	out = append(out, 1, 0, 0, 0xff, 0xff) // an empty last block
	// Adler-32 of n zero bytes: the low half stays 1, the high half adds it n times.
	return binary.BigEndian.AppendUint32(out, uint32(bombPiece*bombPieces%65521)<<16|1), nil
}

var shownText = regexp.MustCompile(`\((?:[^()\\]|\\.)*\d(?:[^()\\]|\\.)*\) Tj`)

// shownDigit finds the last digit of the first text with one that an uncompressed page draws, or -1.
func shownDigit(raw []byte) int {
	m := shownText.FindIndex(raw)
	if m == nil {
		return -1
	}
	return m[0] + bytes.LastIndexAny(raw[m[0]:m[1]], "0123456789")
}

// withDigit is raw with the digit at that place changed into another.
func withDigit(raw []byte, at int) []byte {
	out := bytes.Clone(raw)
	out[at] = '0' + (out[at]-'0'+1)%10
	return out
}
