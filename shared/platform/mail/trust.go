package mail

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/emersion/go-message"

	"sportello/shared/domain/pec"
	"sportello/shared/platform/cms"
)

// Trust knows the certification authorities of the certified mail providers, and reads what arrives in a mailbox with that
// knowledge. It may be used by several goroutines.
type Trust struct{ roots *cms.Roots }

// NewTrust reads a bundle of PEM certificates. An empty bundle is an error: it would trust nobody and say so of every receipt.
func NewTrust(bundle []byte) (*Trust, error) {
	roots, err := cms.ParseRoots(bundle)
	if err != nil {
		return nil, err
	}
	return &Trust{roots}, nil
}

// Received is a message from our mailbox, as far as it can be believed.
type Received struct {
	Class    pec.Class
	Verified bool   // a trusted provider's signature covers Data and the certified Message
	Reason   string // why not Verified, for the operator; empty for ordinary mail, which carries no provider's signature

	MessageID string // of the outer message, without brackets; written by whoever sent it
	Subject   string // likewise
	From      string // likewise
	// Reference is the Message-ID of ours that a receipt is about, without brackets: as certified, or, where the provider certified none, as
	// the outer header X-Riferimento-Message-ID says. Compare with pec.Receipt.Concerns.
	Reference string

	Data    *pec.Data    // the certification; only when Verified
	Receipt *pec.Receipt // what it says about a message of ours; only of class receipt
	// Message is the content: of a certified message the original, vouched for by the provider as coming from Data.Sender; of an anomaly
	// or an ordinary message what it says, vouched for by nobody. Nil for receipts and for what cannot be believed.
	Message *Message
}

// Read takes apart a message from our mailbox. Signatures are checked as of at: the instant it was received. An error means
// that the bytes are no message; anything else, however wrong, is a Received.
func (t *Trust) Read(raw []byte, at time.Time) (Received, error) {
	if len(raw) > MaxMessage {
		return Received{}, fmt.Errorf("%w: larger than %d bytes", ErrMessage, MaxMessage)
	}
	header, body, err := splitHeader(raw)
	if err != nil {
		return Received{}, err
	}
	outer := heading(header)
	r := Received{MessageID: outer.MessageID, Subject: outer.Subject, From: outer.From}
	signed, reason := t.open(header, body, at)
	if signed == nil {
		r.Reason = reason
	} else {
		r.Verified = true
		if err := r.certification(signed); err != nil {
			r.Verified, r.Data, r.Reason = false, nil, err.Error()
		}
	}
	r.Class = pec.Classify(header.Get("X-Trasporto"), header.Get("X-Ricevuta"), r.Data)
	if r.Class == pec.ClassUntrusted && r.Reason == "" {
		r.Reason = "daticert.xml missing"
	}
	return r, r.content(raw, signed, header)
}

// content fills in what the class allows.
func (r *Received) content(raw []byte, signed *parts, header message.Header) error {
	switch r.Class {
	case pec.ClassReceipt:
		receipt := r.Data.Receipt()
		if receipt.MessageRef == "" {
			receipt.MessageRef = firstID(header.Get("X-Riferimento-Message-Id"))
		}
		r.Receipt, r.Reference = &receipt, receipt.MessageRef
	case pec.ClassCertified:
		return r.original(signed)
	case pec.ClassAnomaly:
		return r.wrapped(raw)
	case pec.ClassOrdinary:
		r.Reason = ""
		m, err := ParseMessage(raw)
		r.Message = &m
		return err
	}
	return nil
}

// original reads the message inside a certified envelope. One that cannot be read does not make the envelope less certified: the
// message then has no content but is still the sender's, and the raw bytes are kept.
func (r *Received) original(signed *parts) error {
	m, err := ParseMessage(signed.original)
	if err != nil {
		m = Message{From: strings.ToLower(r.Data.Sender), Subject: r.Data.Subject, Damaged: true}
	}
	r.Message = &m
	return nil
}

// wrapped reads an ordinary message that our provider put into an anomaly envelope (RFC 6109, 3.2.2): the one attached, or, failing
// that, the envelope.
func (r *Received) wrapped(raw []byte) error {
	m, err := ParseMessage(raw)
	if err != nil {
		return err
	}
	for _, a := range m.Attachments {
		if strings.EqualFold(a.Name, originalName) || a.MediaType == "message/rfc822" {
			if inner, err := ParseMessage(a.Body); err == nil {
				m = inner
			}
			break
		}
	}
	r.Message, r.Reason = &m, ""
	return nil
}

// Names of the parts, RFC 6109, 3.1 and 4.
const (
	dataName     = "daticert.xml"
	originalName = "postacert.eml"
)

// parts are what a provider signed.
type parts struct{ data, original []byte }

// certification reads daticert.xml out of the signed parts. A signed message without one is no certification, and no error.
func (r *Received) certification(signed *parts) error {
	if signed.data == nil {
		return nil
	}
	data, err := pec.ParseData(signed.data)
	if err != nil {
		return errors.New("daticert.xml unreadable")
	}
	if data.Kind == pec.Certified && signed.original == nil {
		return errors.New("postacert.eml missing")
	}
	r.Data = &data
	return nil
}

// open checks the provider's signature over the message (RFC 6109, 3.1.4; RFC 8551, 3.5.3) and returns the signed parts, or why not.
func (t *Trust) open(header message.Header, body []byte, at time.Time) (*parts, string) {
	mediaType, params, err := header.ContentType()
	if err != nil || !strings.EqualFold(mediaType, "multipart/signed") {
		return nil, "not signed"
	}
	content, signature, ok := splitSigned(body, params["boundary"])
	if !ok {
		return nil, "signed message without its two parts"
	}
	der, ok := decodeSignature(signature)
	if !ok {
		return nil, "signature unreadable"
	}
	if err := t.verify(content, der, at); err != nil {
		return nil, err.Error()
	}
	signed, err := gather(content)
	if err != nil {
		return nil, "signed content unreadable"
	}
	return signed, ""
}

// verify checks a detached signature. Some gateways turn CRLF into LF: the canonical form is tried then (RFC 8551, 3.1.1).
func (t *Trust) verify(content, der []byte, at time.Time) error {
	err := t.roots.Detached(content, der, at)
	if errors.Is(err, cms.ErrAltered) {
		err = t.roots.Detached(canonical(content), der, at)
	}
	return err
}

// canonical makes every line end with CRLF.
func canonical(b []byte) []byte {
	return bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
}

// splitSigned finds the two parts of a multipart/signed body, byte by byte. The line break before a boundary belongs to the boundary
// (RFC 2046, 5.1.1).
func splitSigned(body []byte, boundary string) (content, signature []byte, ok bool) {
	if boundary == "" {
		return nil, nil, false
	}
	delimiter := []byte("--" + boundary)
	start, ok := afterDelimiter(body, delimiter)
	if !ok {
		return nil, nil, false
	}
	content, rest, ok := untilDelimiter(body[start:], delimiter)
	if !ok {
		return nil, nil, false
	}
	start, ok = afterDelimiter(rest, delimiter)
	if !ok {
		return nil, nil, false
	}
	signature, _, ok = untilDelimiter(rest[start:], delimiter)
	return content, signature, ok
}

// afterDelimiter returns the place after the first delimiter line.
func afterDelimiter(b, delimiter []byte) (int, bool) {
	for from := 0; ; {
		i := bytes.Index(b[from:], delimiter)
		if i < 0 {
			return 0, false
		}
		i += from
		end := i + len(delimiter)
		line := bytes.IndexByte(b[end:], '\n')
		if line < 0 {
			return 0, false
		}
		if (i == 0 || b[i-1] == '\n') && len(bytes.TrimSpace(b[end:end+line])) == 0 {
			return end + line + 1, true
		}
		from = end
	}
}

// untilDelimiter returns what stands before the next delimiter line, and the rest from that line on.
func untilDelimiter(b, delimiter []byte) (before, rest []byte, ok bool) {
	for from := 0; ; {
		i := bytes.Index(b[from:], delimiter)
		if i < 0 {
			return nil, nil, false
		}
		i += from
		if i > 0 && b[i-1] == '\n' && delimiterLine(b[i+len(delimiter):]) {
			before = bytes.TrimSuffix(bytes.TrimSuffix(b[:i], []byte("\n")), []byte("\r"))
			return before, b[i:], true
		}
		from = i + len(delimiter)
	}
}

// delimiterLine tells whether a line that began with the delimiter ends as one: "--" for the last, then blanks.
func delimiterLine(after []byte) bool {
	if i := bytes.IndexByte(after, '\n'); i >= 0 {
		after = after[:i]
	}
	return len(bytes.TrimSpace(bytes.TrimPrefix(after, []byte("--")))) == 0
}

// decodeSignature reads the signature part to DER.
func decodeSignature(part []byte) ([]byte, bool) {
	header, body, err := splitHeader(part)
	if err != nil {
		return nil, false
	}
	switch mediaType, _, _ := header.ContentType(); strings.ToLower(mediaType) {
	case "application/pkcs7-signature", "application/x-pkcs7-signature":
	default:
		return nil, false
	}
	if !strings.EqualFold(strings.TrimSpace(header.Get("Content-Transfer-Encoding")), "base64") {
		return body, true
	}
	der, err := base64.StdEncoding.DecodeString(string(bytes.Join(bytes.Fields(body), nil)))
	return der, err == nil
}

// gather finds the two named parts in what was signed. It does not look into postacert.eml: what is in there was written by the sender,
// and a daticert.xml among it would be a forgery. For the same reason a name that occurs twice makes the whole unreadable.
func gather(content []byte) (*parts, error) {
	m, err := ParseMessage(content)
	if err != nil {
		return nil, err
	}
	var found parts
	for _, a := range m.Attachments {
		var place *[]byte
		switch strings.ToLower(a.Name) {
		case dataName:
			place = &found.data
		case originalName:
			place = &found.original
		default:
			continue
		}
		if *place != nil || a.Damaged {
			return nil, ErrMessage
		}
		*place = a.Body
	}
	return &found, nil
}
