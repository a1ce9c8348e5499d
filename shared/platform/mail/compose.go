// Package mail composes, sends, fetches and reads certified mail. It knows SMTP, IMAP, MIME and S/MIME; what receipts mean is in
// domain/pec.
//
// A message is composed once, archived, and sent as archived: Compose gives the same bytes for the same message, and Send adds none.
package mail

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	netmail "net/mail"
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/emersion/go-message"

	"sportello/shared/domain/pec"
)

// Outgoing is a certified message to compose. There is no Bcc: RFC 6109, 3.1.1, has providers refuse a message that has one.
type Outgoing struct {
	MessageID   string // required, with or without brackets; it also decides the boundary
	From        string // required: the mailbox's own address, or the provider refuses the message
	FromName    string
	To          []string  // required: bare addresses, at least one
	Subject     string    // required
	Text        string    // plain text; lines end as they like
	Date        time.Time // required
	InReplyTo   string    // Message-ID
	References  []string  // Message-IDs
	Attachments []Attachment
}

// Attachment is a file of a message.
type Attachment struct {
	Name      string
	MediaType string // empty or not well formed: application/octet-stream
	Body      []byte
	// Damaged tells, of an incoming message, that the transfer encoding is broken: Body holds what could be read.
	Damaged bool
}

// ErrCompose is returned, wrapped, for a message that cannot be one, whatever the mail server.
var ErrCompose = errors.New("mail: message cannot be composed")

// MaxMessage is the largest message composed or read. RFC 6109, 3.1.1: size times recipients is at most 30 MB; base64 adds a third.
const MaxMessage = 45 << 20

// Compose writes the message as RFC 5322 bytes. Equal messages give equal bytes. No value can add a header: addresses and ids must be
// well formed, all other text is encoded.
func Compose(o Outgoing) ([]byte, error) {
	header, err := o.header()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if len(o.Attachments) == 0 {
		copyFields(&header, textHeader())
		err = writeSingle(&out, header, o.Text)
	} else {
		header.SetContentType("multipart/mixed", map[string]string{"boundary": boundary(o.MessageID)})
		err = o.writeMultipart(&out, header)
	}
	if err != nil {
		return nil, fmt.Errorf("composing message: %w", err)
	}
	if out.Len() > MaxMessage {
		return nil, fmt.Errorf("%w: larger than %d bytes", ErrCompose, MaxMessage)
	}
	return out.Bytes(), nil
}

// header makes the message's own fields. go-message writes the field that was added last first, hence from last to first.
func (o Outgoing) header() (message.Header, error) {
	var h message.Header
	from, err := address(o.From)
	if err != nil {
		return h, fmt.Errorf("%w: sender's address", ErrCompose)
	}
	from.Name = oneLine(o.FromName)
	to, err := addresses(o.To)
	if err != nil {
		return h, err
	}
	subject := oneLine(o.Subject)
	switch {
	case !wellFormed(o.MessageID):
		return h, fmt.Errorf("%w: Message-ID", ErrCompose)
	case subject == "":
		return h, fmt.Errorf("%w: no subject", ErrCompose)
	case o.Date.IsZero():
		return h, fmt.Errorf("%w: no date", ErrCompose)
	}
	// The delivery receipt carries the message back: with it we can prove what was delivered. Raw, so that the name is written as the
	// rules of certified mail write it.
	h.AddRaw([]byte("X-TipoRicevuta: completa\r\n"))
	h.AddRaw([]byte("MIME-Version: 1.0\r\n"))
	h.Set("Subject", encoded(subject))
	if err := o.thread(&h); err != nil {
		return h, err
	}
	h.AddRaw([]byte("Message-ID: <" + pec.Bare(o.MessageID) + ">\r\n"))
	h.Set("To", to)
	h.Set("From", from.String())
	h.Set("Date", o.Date.UTC().Format("Mon, 02 Jan 2006 15:04:05 -0700"))
	return h, nil
}

// thread adds what the message answers to.
func (o Outgoing) thread(h *message.Header) error {
	if len(o.References) > 0 {
		ids := make([]string, 0, len(o.References))
		for _, id := range o.References {
			if !wellFormed(id) {
				return fmt.Errorf("%w: References", ErrCompose)
			}
			ids = append(ids, "<"+pec.Bare(id)+">")
		}
		h.Set("References", strings.Join(ids, " "))
	}
	if o.InReplyTo != "" {
		if !wellFormed(o.InReplyTo) {
			return fmt.Errorf("%w: In-Reply-To", ErrCompose)
		}
		h.Set("In-Reply-To", "<"+pec.Bare(o.InReplyTo)+">")
	}
	return nil
}

// encoded writes one line of text as encoded words (RFC 2047), short enough for the header to be folded between them; plain ASCII
// stays as it is.
func encoded(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r > '~' }) && !strings.Contains(s, "=?") {
		return s
	}
	const longest = 36 // bytes of a word: 48 characters in base64, 60 with its frame
	var words []string
	for rest := s; rest != ""; {
		end := min(longest, len(rest))
		for end < len(rest) && !utf8.RuneStart(rest[end]) {
			end--
		}
		words = append(words, "=?utf-8?b?"+base64.StdEncoding.EncodeToString([]byte(rest[:end]))+"?=")
		rest = rest[end:]
	}
	return strings.Join(words, " ")
}

// messageID is msg-id of RFC 5322, 3.6.4, without the obsolete forms. Long enough for any provider's, short enough for a line.
var messageID = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile("^[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,200}@[A-Za-z0-9.\\[\\]:-]{1,200}$")
})

func wellFormed(id string) bool { return messageID().MatchString(pec.Bare(id)) }

// address reads one bare address: no display name, no comment, no line break, nothing outside ASCII (certified mailboxes have none).
func address(s string) (*netmail.Address, error) {
	a, err := netmail.ParseAddress(s)
	if err != nil || a.Address != s || a.Name != "" || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, ErrCompose
	}
	return a, nil
}

func addresses(list []string) (string, error) {
	if len(list) == 0 {
		return "", fmt.Errorf("%w: no recipient", ErrCompose)
	}
	formatted := make([]string, len(list))
	for i, s := range list {
		a, err := address(s)
		if err != nil {
			return "", fmt.Errorf("%w: recipient %d", ErrCompose, i+1)
		}
		formatted[i] = a.String()
	}
	return strings.Join(formatted, ", "), nil
}

// boundary is derived from the Message-ID, so that a message composed again is the same. "=_" cannot stand in quoted-printable nor in
// base64 text, so no content can hold it.
func boundary(id string) string {
	digest := sha256.Sum256([]byte(pec.Bare(id)))
	return "=_" + hex.EncodeToString(digest[:16])
}

func textHeader() message.Header {
	var h message.Header
	h.Set("Content-Transfer-Encoding", "quoted-printable")
	h.SetContentType("text/plain", map[string]string{"charset": "utf-8"})
	return h
}

// attachmentHeader names the file as RFC 2231 says, which mime.FormatMediaType does; it encodes anything that could break a line.
func attachmentHeader(a Attachment) message.Header {
	var h message.Header
	h.Set("Content-Transfer-Encoding", "base64")
	name := fileName(a.Name)
	if name == "" {
		name = "allegato"
	}
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	mediaType, params, err := mime.ParseMediaType(a.MediaType)
	formatted := mime.FormatMediaType(mediaType, params)
	// Composite types may not be sent in base64 (RFC 2045, 6.4), and an .eml is a file here like any other.
	if err != nil || formatted == "" || strings.HasPrefix(mediaType, "multipart/") || strings.HasPrefix(mediaType, "message/") {
		formatted = "application/octet-stream"
	}
	h.Set("Content-Type", formatted)
	return h
}

func (o Outgoing) writeMultipart(out io.Writer, header message.Header) error {
	w, err := message.CreateWriter(out, header)
	if err != nil {
		return err
	}
	if err := writePart(w, textHeader(), []byte(clean(o.Text))); err != nil {
		return err
	}
	for _, a := range o.Attachments {
		if err := writePart(w, attachmentHeader(a), a.Body); err != nil {
			return err
		}
	}
	return w.Close()
}

func writePart(w *message.Writer, header message.Header, body []byte) error {
	part, err := w.CreatePart(header)
	if err != nil {
		return err
	}
	if _, err := part.Write(body); err != nil {
		return err
	}
	return part.Close()
}

func writeSingle(out io.Writer, header message.Header, text string) error {
	w, err := message.CreateWriter(out, header)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(w, clean(text)); err != nil {
		return err
	}
	return w.Close()
}

func copyFields(to *message.Header, from message.Header) {
	for fields := from.Fields(); fields.Next(); {
		to.Set(fields.Key(), fields.Value())
	}
}

// oneLine makes a text fit for a header: valid, and without line breaks and other control characters.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "�"), func(r rune) bool { return unicode.IsControl(r) || r == ' ' }), " ")
}

// clean makes a text fit for a body: valid, without NUL.
func clean(s string) string { return strings.ReplaceAll(strings.ToValidUTF8(s, "�"), "\x00", "") }

// fileName makes a name safe to show and to save: one line, no path.
func fileName(s string) string {
	s = oneLine(s)
	if i := strings.LastIndexAny(s, `/\`); i >= 0 {
		s = s[i+1:]
	}
	if s == "." || s == ".." {
		return ""
	}
	const longest = 150
	if runes := []rune(s); len(runes) > longest {
		s = string(runes[:longest/2]) + "…" + string(runes[len(runes)-longest/2:])
	}
	return strings.TrimSpace(s)
}
