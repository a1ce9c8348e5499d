// Package letter reads certified mail as it is archived: whose message it is, and what a provider's signature (RFC 6109, S/MIME) says about
// it.
package letter

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"strings"

	"sportello/infra/verify/signature"
)

// Header is what the outside of a message says. Anybody could have written it.
type Header struct {
	MessageIDs []string // of every Message-ID field, as written
	To         []string // bare addresses, lower case
	// Certified tells that it calls itself a receipt or a certified message; Receipt is which receipt (X-Ricevuta).
	Certified bool
	Receipt   string
}

var errMessage = errors.New("non è un messaggio di posta leggibile")

// Parse reads a message's header.
func Parse(raw []byte) (Header, error) {
	fields, _, err := split(raw)
	if err != nil {
		return Header{}, err
	}
	h := Header{MessageIDs: fields["Message-Id"], Receipt: strings.TrimSpace(fields.Get("X-Ricevuta"))}
	h.Certified = h.Receipt != "" || strings.EqualFold(strings.TrimSpace(fields.Get("X-Trasporto")), "posta-certificata")
	for _, name := range []string{"To", "Delivered-To"} {
		list, err := mail.ParseAddressList(fields.Get(name))
		if err != nil {
			continue
		}
		for _, a := range list {
			h.To = append(h.To, strings.ToLower(a.Address))
		}
	}
	return h, nil
}

func split(raw []byte) (textproto.MIMEHeader, []byte, error) {
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil || len(m.Header) == 0 {
		return nil, nil, errMessage
	}
	body, err := io.ReadAll(m.Body)
	if err != nil {
		return nil, nil, errMessage
	}
	return textproto.MIMEHeader(m.Header), body, nil
}

// Certification is what a trusted provider signed.
type Certification struct {
	Kind      string // tipo: accettazione, avvenuta-consegna, posta-certificata…
	Reference string // msgid: the Message-ID that the message was sent with, without brackets
	Original  []byte // postacert.eml: the message itself; nil if it is not enclosed whole
}

// Why a message certifies nothing.
var (
	ErrUnsigned = errors.New("non è firmato da un gestore")
	ErrContent  = errors.New("la certificazione firmata non è leggibile")
)

// Certify checks the provider's signature over a message and reads the certification under it. The signer must be the roots' as of the message's own
// date: who could forge that could not forge the signature.
func Certify(raw []byte, roots *signature.Roots) (*Certification, error) {
	c, _, err := CertifyBy(raw, roots)
	return c, err
}

// CertifyBy is Certify, and says whose certificate it was. With no roots whoever signed, signed.
func CertifyBy(raw []byte, roots *signature.Roots) (*Certification, *x509.Certificate, error) {
	signed, content, err := open(raw, roots)
	if err != nil {
		return nil, nil, err
	}
	c, err := certification(content)
	return c, signed.Signer(), err
}

// open checks the signature over a message's first part.
func open(raw []byte, roots *signature.Roots) (*signature.Signed, []byte, error) {
	fields, body, err := split(raw)
	if err != nil {
		return nil, nil, err
	}
	mediaType, params, err := mime.ParseMediaType(fields.Get("Content-Type"))
	if err != nil || mediaType != "multipart/signed" || params["boundary"] == "" {
		return nil, nil, ErrUnsigned
	}
	parts := bodyParts(body, params["boundary"])
	if len(parts) != 2 {
		return nil, nil, ErrUnsigned
	}
	der, err := decodePart(parts[1])
	if err != nil {
		return nil, nil, ErrUnsigned
	}
	signed, err := signature.Parse(der)
	if err != nil || len(signed.Content) > 0 {
		return nil, nil, signature.ErrMalformed
	}
	date, err := mail.ParseDate(fields.Get("Date"))
	if err != nil {
		return nil, nil, ErrContent
	}
	signed.Content = parts[0]
	if err = signed.Verify(roots, date); errors.Is(err, signature.ErrInvalid) {
		signed.Content = lines(parts[0]) // some gateways write LF where CRLF was signed (RFC 8551, 3.1.1)
		err = signed.Verify(roots, date)
	}
	if err != nil {
		return nil, nil, err
	}
	return signed, parts[0], nil
}

// Signed are the ranges (from, to) of a certified message's signed part and of its signature, in base64.
func Signed(raw []byte) (content, signature [2]int, ok bool) {
	fields, body, err := split(raw)
	if err != nil {
		return content, signature, false
	}
	mediaType, params, err := mime.ParseMediaType(fields.Get("Content-Type"))
	if err != nil || mediaType != "multipart/signed" {
		return content, signature, false
	}
	parts := bodyParts(body, params["boundary"])
	if len(parts) != 2 {
		return content, signature, false
	}
	_, encoded, _ := bytes.Cut(parts[1], []byte("\r\n\r\n"))
	from, end := bytes.Index(raw, parts[0]), bytes.LastIndex(raw, parts[1])+len(parts[1])
	return [2]int{from, from + len(parts[0])}, [2]int{end - len(encoded), end}, true
}

// Unsigned are the ranges of a certified message that nobody signs: its cover, outside the part that the provider signed and the signature itself. A
// message that is not signed has none.
func Unsigned(raw []byte) [][2]int {
	content, signature, ok := Signed(raw)
	if !ok {
		return nil
	}
	return [][2]int{{0, content[0]}, {content[1], signature[0]}, {signature[1], len(raw)}}
}

// Breaks are the ranges of the line breaks within a message's signature.
func Breaks(raw []byte) (list [][2]int) {
	_, signature, _ := Signed(raw)
	for at := signature[0]; at < signature[1]; at++ {
		if n := len(list); raw[at] != '\r' && raw[at] != '\n' {
			continue
		} else if n > 0 && list[n-1][1] == at {
			list[n-1][1]++
		} else {
			list = append(list, [2]int{at, at + 1})
		}
	}
	return list
}

// lines makes every line end with CRLF.
func lines(b []byte) []byte {
	return bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
}

// bodyParts splits a multipart body byte by byte: what is signed is what stands between two delimiter lines, without the line break before the
// second (RFC 2046, 5.1.1).
func bodyParts(body []byte, boundary string) [][]byte {
	var parts [][]byte
	start := -1
	for at := 0; at < len(body); {
		end := bytes.IndexByte(body[at:], '\n')
		if end < 0 {
			end = len(body)
		} else {
			end += at + 1
		}
		after, delimiter := bytes.CutPrefix(body[at:end], []byte("--"+boundary))
		last := bytes.HasPrefix(after, []byte("--"))
		if delimiter && len(bytes.TrimSpace(bytes.TrimPrefix(after, []byte("--")))) == 0 {
			if start >= 0 {
				parts = append(parts, bytes.TrimSuffix(bytes.TrimSuffix(body[start:at], []byte("\n")), []byte("\r")))
			}
			start = end
			if last {
				return parts
			}
		}
		at = end
	}
	return nil // no closing delimiter
}

// decodePart reads a part's body in its transfer encoding.
func decodePart(part []byte) ([]byte, error) {
	fields, body, err := split(part)
	if err != nil {
		return nil, err
	}
	return decode(fields.Get("Content-Transfer-Encoding"), body)
}

func decode(encoding string, body []byte) ([]byte, error) {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "base64":
		return base64.StdEncoding.Strict().DecodeString(string(bytes.Join(bytes.Fields(body), nil)))
	case "quoted-printable":
		return io.ReadAll(quotedprintable.NewReader(bytes.NewReader(body)))
	}
	return body, nil
}

// certification finds daticert.xml and postacert.eml among the parts that were signed, not inside postacert.eml: that was written by whoever
// sent it. A name that occurs twice makes the whole unreadable.
func certification(content []byte) (*Certification, error) {
	fields, body, err := split(content)
	if err != nil {
		return nil, ErrContent
	}
	mediaType, params, err := mime.ParseMediaType(fields.Get("Content-Type"))
	if err != nil || !strings.HasPrefix(mediaType, "multipart/") {
		return nil, ErrContent
	}
	named := map[string][]byte{}
	reader := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for {
		part, err := reader.NextRawPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, ErrContent
		}
		name := strings.ToLower(nameOf(part.Header))
		if name == "" {
			continue
		}
		raw, err := io.ReadAll(part)
		if err == nil {
			raw, err = decode(part.Header.Get("Content-Transfer-Encoding"), raw)
		}
		if _, twice := named[name]; twice || err != nil {
			return nil, ErrContent
		}
		named[name] = raw
	}
	return parseData(named["daticert.xml"], named["postacert.eml"])
}

func nameOf(h textproto.MIMEHeader) string {
	for _, field := range []struct{ name, parameter string }{{"Content-Disposition", "filename"}, {"Content-Type", "name"}} {
		if _, params, err := mime.ParseMediaType(h.Get(field.name)); err == nil && params[field.parameter] != "" {
			return params[field.parameter]
		}
	}
	return ""
}

// parseData reads daticert.xml (RFC 6109, 4.4).
func parseData(text, original []byte) (*Certification, error) {
	var x struct {
		XMLName xml.Name `xml:"postacert"`
		Kind    string   `xml:"tipo,attr"`
		Data    struct {
			MessageID string `xml:"msgid"`
			Level     struct {
				Type string `xml:"tipo,attr"`
			} `xml:"ricevuta"`
		} `xml:"dati"`
	}
	decoder := xml.NewDecoder(bytes.NewReader(text))
	decoder.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return latin(in) }
	if err := decoder.Decode(&x); err != nil || x.Kind == "" {
		return nil, ErrContent
	}
	c := &Certification{Kind: x.Kind, Reference: Bare(x.Data.MessageID)}
	if x.Kind != "avvenuta-consegna" || x.Data.Level.Type == "completa" {
		c.Original = original
	}
	return c, nil
}

// latin reads bytes as Latin 1. What we look at is ASCII in every character set that providers use.
func latin(in io.Reader) (io.Reader, error) {
	raw, err := io.ReadAll(in)
	var text strings.Builder
	for _, b := range raw {
		text.WriteRune(rune(b))
	}
	return strings.NewReader(text.String()), err
}

// Bare strips blanks and brackets from a Message-ID.
func Bare(id string) string {
	id = strings.TrimSpace(id)
	if strings.HasPrefix(id, "<") && strings.HasSuffix(id, ">") {
		id = strings.TrimSpace(id[1 : len(id)-1])
	}
	return id
}

// Confirms tells whether a message that a provider carried back is the one we archived: the same body, and every line of our header in its header,
// to which carriers add lines of their own.
func Confirms(original, archived []byte) bool {
	theirs, theirBody, ok := bytes.Cut(lines(original), []byte("\r\n\r\n"))
	ours, ourBody, ok2 := bytes.Cut(lines(archived), []byte("\r\n\r\n"))
	if !ok || !ok2 || !bytes.Equal(bytes.TrimRight(theirBody, "\r\n"), bytes.TrimRight(ourBody, "\r\n")) {
		return false
	}
	there := map[string]bool{}
	for l := range bytes.SplitSeq(theirs, []byte("\r\n")) {
		there[string(l)] = true
	}
	for l := range bytes.SplitSeq(ours, []byte("\r\n")) {
		if !there[string(l)] {
			return false
		}
	}
	return true
}
