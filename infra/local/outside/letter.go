package outside

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/textproto"
	"strings"
	"time"

	"sportello/infra/local/outside/bearer"
	"sportello/infra/local/outside/mailbox"
	"sportello/infra/local/outside/pec"
)

// Letter is a message that a person writes on a page, or a test by JSON.
type Letter struct {
	From    string `json:"from"`
	To      string `json:"to"`
	Subject string `json:"subject"`
	Text    string `json:"text"`
	// InReplyTo is the Message-ID of the message answered, with or without brackets.
	InReplyTo string `json:"inReplyTo,omitempty"`
	// Certified false makes it ordinary mail, which arrives in an anomaly envelope. Default true.
	Certified *bool `json:"certified,omitempty"`
	// MessageID, if set, is used as it is: the same letter sent twice.
	MessageID   string   `json:"messageId,omitempty"`
	ReceiptType string   `json:"receiptType,omitempty"`
	Attachments []Upload `json:"attachments,omitempty"`
	// Raw, if set, is the whole message, sent as it is; From and To are then the envelope's.
	Raw []byte `json:"raw,omitempty"` // base64 in JSON
}

// Upload is a file in a letter.
type Upload struct {
	Name      string `json:"name"`
	MediaType string `json:"mediaType"`
	Content   []byte `json:"content"` // base64 in JSON
}

func trimmed(id string) string { return strings.Trim(strings.TrimSpace(id), "<>") }

// post writes the letter as a message and hands it to the certified-mail provider.
func (w *World) post(l Letter) (pec.Message, error) {
	l.From, l.To = mailbox.Normal(l.From), mailbox.Normal(l.To)
	for _, a := range []string{l.From, l.To} {
		if err := checkAddress(a); err != nil {
			return pec.Message{}, err
		}
	}
	if l.Subject == "" && l.Raw == nil {
		return pec.Message{}, errors.New("manca l’oggetto")
	}
	certified := l.Certified == nil || *l.Certified
	if certified && !pec.Certified(l.From) {
		return pec.Message{}, fmt.Errorf("%s non è un indirizzo di posta certificata: indicare certified false", l.From)
	}
	raw := l.Raw
	if raw == nil {
		var err error
		if raw, err = w.write(l); err != nil {
			return pec.Message{}, err
		}
	}
	return w.provider.Submit(pec.Submission{From: l.From, To: []string{l.To}, Raw: raw, Certified: certified})
}

func (w *World) write(l Letter) ([]byte, error) {
	id := trimmed(l.MessageID)
	if id == "" {
		_, domain, _ := strings.Cut(l.From, "@")
		id = bearer.NewHex(12) + "@" + domain
	}
	var buf bytes.Buffer
	field := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&buf, "%s: %s\r\n", name, strings.NewReplacer("\r", " ", "\n", " ").Replace(value))
		}
	}
	field("From", l.From)
	field("To", l.To)
	field("Subject", mime.QEncoding.Encode("utf-8", l.Subject))
	field("Date", w.clock.Now().Format(time.RFC1123Z))
	field("Message-ID", "<"+id+">")
	if reply := trimmed(l.InReplyTo); reply != "" {
		field("In-Reply-To", "<"+reply+">")
		field("References", "<"+reply+">")
	}
	field("X-TipoRicevuta", l.ReceiptType)
	field("MIME-Version", "1.0")
	parts := multipart.NewWriter(&buf)
	fmt.Fprintf(&buf, "Content-Type: multipart/mixed; boundary=%q\r\n\r\n", parts.Boundary())
	if err := l.writeParts(parts); err != nil {
		return nil, fmt.Errorf("writing the message: %w", err)
	}
	return buf.Bytes(), nil
}

func (l Letter) writeParts(parts *multipart.Writer) error {
	body, err := parts.CreatePart(textproto.MIMEHeader{
		"Content-Type": {"text/plain; charset=utf-8"}, "Content-Transfer-Encoding": {"quoted-printable"},
	})
	if err != nil {
		return err
	}
	q := quotedprintable.NewWriter(body)
	if _, err := q.Write([]byte(l.Text)); err != nil {
		return err
	}
	if err := q.Close(); err != nil {
		return err
	}
	for _, a := range l.Attachments {
		kind := a.MediaType
		if _, _, err := mime.ParseMediaType(kind); err != nil {
			kind = "application/octet-stream"
		}
		part, err := parts.CreatePart(textproto.MIMEHeader{
			"Content-Type":              {kind},
			"Content-Disposition":       {mime.FormatMediaType("attachment", map[string]string{"filename": a.Name})},
			"Content-Transfer-Encoding": {"base64"},
		})
		if err != nil {
			return err
		}
		text := base64.StdEncoding.EncodeToString(a.Content)
		for len(text) > 0 {
			n := min(76, len(text))
			if _, err := part.Write([]byte(text[:n] + "\r\n")); err != nil {
				return err
			}
			text = text[n:]
		}
	}
	return parts.Close()
}
