package pec

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html"
	"mime"
	"mime/quotedprintable"
	"strings"
	"time"

	"golang.org/x/text/encoding/charmap"
)

// part is one body of the signed content.
type part struct {
	header [][2]string
	body   []byte
}

// compose makes the message of a step: a receipt for the sender or an envelope for a recipient.
func (p *Provider) compose(m Message, s Step, at time.Time) ([]byte, error) {
	original, err := p.Original(m.ID)
	if err != nil {
		return nil, fmt.Errorf("reading the original: %w", err)
	}
	w := words(m, s, at)
	parts := []part{alternative(m, s, w)}
	if s.Kind != anomaly {
		cert, err := p.daticert(m, s, at)
		if err != nil {
			return nil, fmt.Errorf("writing daticert.xml: %w", err)
		}
		if s.Flaw == BadXML {
			cert = cert[:len(cert)/2]
		}
		parts = append(parts, attachment("application/xml", "daticert.xml", cert))
	}
	if attached, ok := enclosed(m, s, original); ok {
		parts = append(parts, part{[][2]string{
			{"Content-Type", `message/rfc822; name="postacert.eml"`},
			{"Content-Disposition", `inline; filename="postacert.eml"`},
			{"Content-Transfer-Encoding", encodingOf(attached)},
		}, attached})
	}
	content := bundle("mixed", boundary(m, s, at, "mixed"), parts)
	return p.seal(p.header(m, s, w, at), content.entity(), s.Flaw, boundary(m, s, at, "signed"))
}

// header is the outer header. A receipt goes to the sender and refers to the original; an envelope
// goes to the original's recipients in the name of its sender, under the provider's identifier
// (RFC 6109 sections 2.2.1 and 3.1.4).
func (p *Provider) header(m Message, s Step, w wording, at time.Time) [][2]string {
	provider := "posta-certificata@" + p.Domain
	h := [][2]string{{"Return-Path", "<" + provider + ">"}}
	add := func(name, value string) { h = append(h, [2]string{name, value}) }
	if s.Kind == transport || s.Kind == anomaly {
		add("Delivered-To", s.Recipient)
		add("Reply-To", m.ReplyTo)
		add("From", mime.QEncoding.Encode("utf-8", "Per conto di: "+m.From)+" <"+provider+">")
		add("To", addresses(m))
		add("X-Trasporto", map[string]string{transport: "posta-certificata", anomaly: "errore"}[s.Kind])
		add("Message-ID", "<"+m.Identifier+">")
	} else {
		add("Delivered-To", m.From)
		add("From", provider)
		add("To", m.From)
		add("X-Ricevuta", s.Kind)
		add("Message-ID", "<"+p.receiptID(m, s)+">")
	}
	if s.Kind == VirusFound {
		add("X-VerificaSicurezza", "errore")
	}
	if m.Wanted != "" && s.Kind == transport {
		add("X-TipoRicevuta", m.Wanted)
	}
	if m.MessageID != "" {
		reference := m.MessageID
		if s.Flaw == WrongReference {
			reference = "<altro." + m.Identifier + ">"
		}
		add("X-Riferimento-Message-ID", reference)
	}
	add("Date", at.In(rome).Format(time.RFC1123Z))
	add("Subject", encodedSubject(w.prefix+": "+m.Subject))
	return h
}

// encodedSubject folds a long subject at its encoded words.
func encodedSubject(s string) string {
	return strings.ReplaceAll(mime.QEncoding.Encode("utf-8", s), "?= =?", "?=\r\n =?")
}

// receiptID is the same for a receipt that is given twice.
func (p *Provider) receiptID(m Message, s Step) string {
	sum := sha256.Sum256([]byte(m.ID + s.Kind + s.Recipient + string(s.Flaw)))
	return "ric." + hex.EncodeToString(sum[:6]) + "." + m.Identifier
}

func addresses(m Message) string {
	list := make([]string, 0, len(m.To))
	for _, r := range m.To {
		list = append(list, r.Address)
	}
	return strings.Join(list, ",\r\n ")
}

// enclosed is the message attached as postacert.eml, if any: the whole of it in an envelope and in a
// complete delivery receipt, without its attachments in a brief one.
func enclosed(m Message, s Step, original []byte) ([]byte, bool) {
	switch {
	case s.Kind == transport || s.Kind == anomaly:
		return canonical(original), true
	case s.Kind == Delivery && m.Wanted == "breve":
		return canonical(abridged(original)), true
	case s.Kind == Delivery && m.Wanted == "completa":
		return canonical(original), true
	}
	return nil, false
}

// canonical ends every line with CRLF, as what is signed must.
func canonical(raw []byte) []byte {
	raw = bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n"))
	return bytes.ReplaceAll(raw, []byte("\n"), []byte("\r\n"))
}

func encodingOf(raw []byte) string {
	if bytes.ContainsFunc(raw, func(r rune) bool { return r > 126 }) {
		return "8bit"
	}
	return "7bit"
}

func alternative(m Message, s Step, w wording) part {
	plain := w.text(m, s.Kind != anomaly)
	page := "<html>\n<head><title>" + html.EscapeString(w.title) + "</title></head>\n<body>\n<h3>" +
		html.EscapeString(w.title) + "</h3>\n<hr><br>\n" +
		strings.ReplaceAll(html.EscapeString(w.body), "\n", "<br>\n") +
		"<br>\nIdentificativo messaggio: " + html.EscapeString(m.Identifier) + "<br>\n</body>\n</html>\n"
	return bundle("alternative", boundary(m, s, m.ReceivedAt, "alternative"),
		[]part{textual("text/plain", plain), textual("text/html", page)})
}

// textual writes in Latin 1, as real providers do, when the text allows it.
func textual(kind, text string) part {
	name := "iso-8859-1"
	raw, err := charmap.ISO8859_1.NewEncoder().String(text)
	if err != nil {
		name, raw = "utf-8", text
	}
	var buf bytes.Buffer
	q := quotedprintable.NewWriter(&buf)
	_, _ = q.Write([]byte(raw)) // a bytes.Buffer takes everything
	_ = q.Close()
	return part{[][2]string{
		{"Content-Type", kind + `; charset="` + name + `"`},
		{"Content-Disposition", "inline"},
		{"Content-Transfer-Encoding", "quoted-printable"},
	}, canonical(buf.Bytes())}
}

func attachment(kind, name string, raw []byte) part {
	return part{[][2]string{
		{"Content-Type", kind + `; name="` + name + `"`},
		{"Content-Disposition", `inline; filename="` + name + `"`},
		{"Content-Transfer-Encoding", "base64"},
	}, wrapped(raw)}
}

// wrapped is base64 in lines of 76 characters.
func wrapped(raw []byte) []byte {
	text := base64.StdEncoding.EncodeToString(raw)
	var buf bytes.Buffer
	for len(text) > 76 {
		buf.WriteString(text[:76] + "\r\n")
		text = text[76:]
	}
	buf.WriteString(text)
	return buf.Bytes()
}

// bundle puts parts together into a multipart entity.
func bundle(kind, boundary string, parts []part) part {
	var buf bytes.Buffer
	encoding := "7bit"
	for _, p := range parts {
		buf.WriteString("--" + boundary + "\r\n")
		buf.Write(p.entity())
		buf.WriteString("\r\n")
		if encodingOf(p.body) == "8bit" {
			encoding = "8bit"
		}
	}
	buf.WriteString("--" + boundary + "--\r\n")
	return part{[][2]string{
		{"Content-Type", "multipart/" + kind + `; boundary="` + boundary + `"`},
		{"Content-Transfer-Encoding", encoding},
	}, buf.Bytes()}
}

// entity is the part with its header, as bytes.
func (p part) entity() []byte {
	var buf bytes.Buffer
	for _, h := range p.header {
		buf.WriteString(h[0] + ": " + h[1] + "\r\n")
	}
	buf.WriteString("\r\n")
	buf.Write(p.body)
	return buf.Bytes()
}

// boundary is unlikely to be in a body and the same each time a message is composed.
func boundary(m Message, s Step, at time.Time, level string) string {
	sum := sha256.Sum256([]byte(m.ID + s.Kind + s.Recipient + at.String() + level))
	return "----------=_" + hex.EncodeToString(sum[:12])
}
