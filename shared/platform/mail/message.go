package mail

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"html"
	"io"
	"mime"
	netmail "net/mail"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset" // mail arrives in the charsets of twenty years
	"github.com/emersion/go-message/textproto"

	"sportello/shared/domain/pec"
)

// ErrMessage is returned, wrapped, for bytes that are no message that can be read: no header, too large, too many parts.
var ErrMessage = errors.New("mail: not a readable message")

// Limits of what is taken apart. A certified message has some ten parts; what has more is not read further than this.
const (
	maxParts   = 200
	maxNesting = 12
	maxText    = 1 << 20
)

// Message is an incoming message, taken apart. Everything in it was written by a stranger.
type Message struct {
	From        string // bare address, lower case; empty if there is none that can be read
	FromName    string
	To          []string // bare addresses, lower case
	Subject     string
	MessageID   string // without brackets, like the next two
	InReplyTo   string
	References  []string
	Date        time.Time // as the sender says; zero if unreadable
	Text        string    // the text to read; of an HTML message, its text
	Attachments []Attachment
	// Damaged: some part could not be decoded to its end. The raw message is the truth.
	Damaged bool
}

// ParseMessage takes a message apart. It reads what real mail programs write, right or wrong, and never more than MaxMessage.
func ParseMessage(raw []byte) (Message, error) {
	entity, err := readEntity(raw)
	if err != nil {
		return Message{}, err
	}
	m := heading(entity.Header)
	w := walker{message: &m}
	if err := w.walk(entity, 0); err != nil {
		return Message{}, err
	}
	w.finish()
	return m, nil
}

// readEntity reads the header of a message. An unknown charset or encoding is no error: the bytes are then taken as they are.
func readEntity(raw []byte) (*message.Entity, error) {
	if len(raw) > MaxMessage {
		return nil, fmt.Errorf("%w: larger than %d bytes", ErrMessage, MaxMessage)
	}
	entity, err := message.Read(bytes.NewReader(raw))
	if entity == nil || err != nil && !message.IsUnknownCharset(err) && !message.IsUnknownEncoding(err) {
		return nil, fmt.Errorf("%w: header", ErrMessage) // the library's own text quotes the message
	}
	return entity, nil
}

func heading(h message.Header) Message {
	m := Message{
		Subject: headerText(h, "Subject"), MessageID: firstID(h.Get("Message-Id")),
		InReplyTo: firstID(h.Get("In-Reply-To")), References: ids(h.Get("References")),
	}
	if list := addressList(h, "From"); len(list) > 0 {
		m.From, m.FromName = strings.ToLower(list[0].Address), oneLine(list[0].Name)
	}
	for _, a := range addressList(h, "To") {
		m.To = append(m.To, strings.ToLower(a.Address))
	}
	if at, err := netmail.ParseDate(h.Get("Date")); err == nil {
		m.Date = at.UTC()
	}
	return m
}

func headerText(h message.Header, name string) string {
	text, err := h.Text(name)
	if err != nil {
		text = h.Get(name)
	}
	return oneLine(text)
}

func addressList(h message.Header, name string) []*netmail.Address {
	parser := netmail.AddressParser{WordDecoder: &mime.WordDecoder{CharsetReader: message.CharsetReader}}
	list, err := parser.ParseList(h.Get(name))
	if err == nil {
		return list
	}
	// A display name with a stray quote must not cost us the address.
	if m := angled.FindStringSubmatch(h.Get(name)); m != nil {
		return []*netmail.Address{{Address: m[1]}}
	}
	return nil
}

var angled = regexp.MustCompile(`<([^<>@\s]+@[^<>@\s]+)>\s*$`)

// ids reads a list of Message-IDs; what is none is left out.
func ids(s string) []string {
	var list []string
	for _, field := range strings.Fields(strings.ReplaceAll(s, "><", "> <")) {
		if id := pec.Bare(field); wellFormed(id) && len(list) < 100 {
			list = append(list, id)
		}
	}
	return list
}

func firstID(s string) string {
	if list := ids(s); len(list) > 0 {
		return list[0]
	}
	return ""
}

// walker gathers text and files from a message's parts.
type walker struct {
	message *Message
	parts   int
	text    strings.Builder
	html    []byte
}

func (w *walker) walk(entity *message.Entity, depth int) error {
	if w.parts++; w.parts > maxParts || depth > maxNesting {
		return fmt.Errorf("%w: too many parts", ErrMessage)
	}
	if parts := entity.MultipartReader(); parts != nil {
		return w.walkParts(parts, depth)
	}
	body, err := io.ReadAll(io.LimitReader(entity.Body, MaxMessage))
	damaged := err != nil
	w.message.Damaged = w.message.Damaged || damaged
	w.take(entity.Header, body, damaged)
	return nil
}

func (w *walker) walkParts(parts message.MultipartReader, depth int) error {
	for {
		part, err := parts.NextPart()
		switch {
		case err == io.EOF:
			return nil
		case part == nil:
			w.message.Damaged = true // cut short, or a header that is none: what came before stands
			return nil
		}
		if err := w.walk(part, depth+1); err != nil {
			return err
		}
	}
}

// take sorts one part: text to read, or a file.
func (w *walker) take(h message.Header, body []byte, damaged bool) {
	mediaType, name, disposition := describe(h)
	inline := disposition != "attachment" && name == ""
	switch {
	case inline && mediaType == "text/plain":
		w.addText(body)
	case inline && mediaType == "text/html" && w.html == nil:
		w.html = body
	case len(body) == 0 && name == "":
	default:
		w.attach(name, mediaType, body, damaged)
	}
}

func (w *walker) addText(body []byte) {
	text := strings.TrimSpace(strings.ReplaceAll(clean(string(body)), "\r\n", "\n"))
	if text == "" || w.text.Len()+len(text) > maxText {
		w.message.Damaged = w.message.Damaged || text != ""
		return
	}
	if w.text.Len() > 0 {
		w.text.WriteString("\n\n")
	}
	w.text.WriteString(text)
}

func (w *walker) attach(name, mediaType string, body []byte, damaged bool) {
	if name == "" {
		name = "allegato-" + strconv.Itoa(len(w.message.Attachments)+1) + extension(mediaType)
	}
	w.message.Attachments = append(w.message.Attachments, Attachment{Name: name, MediaType: mediaType, Body: body, Damaged: damaged})
}

// finish gives an HTML-only message its text, and keeps the HTML beside it as a file, since its text may not be all it says.
func (w *walker) finish() {
	if w.html != nil && w.text.Len() == 0 {
		w.addText([]byte(textOf(string(w.html))))
		w.message.Attachments = append(w.message.Attachments, Attachment{Name: "messaggio.html", MediaType: "text/html", Body: w.html})
	}
	w.message.Text = w.text.String()
}

// describe reads what a part says of itself.
func describe(h message.Header) (mediaType, name, disposition string) {
	mediaType, params, err := h.ContentType()
	if err != nil {
		mediaType, params = "application/octet-stream", nil
	}
	disposition, more, _ := h.ContentDisposition()
	name = fileName(more["filename"])
	if name == "" {
		name = fileName(params["name"])
	}
	return strings.ToLower(mediaType), name, strings.ToLower(disposition)
}

func extension(mediaType string) string {
	switch mediaType {
	case "message/rfc822":
		return ".eml"
	case "application/pdf":
		return ".pdf"
	case "text/plain":
		return ".txt"
	case "text/html":
		return ".html"
	}
	return ".bin"
}

var (
	unseen = regexp.MustCompile(`(?is)<(script|style|head|title)\b.*?</(script|style|head|title)\s*>|<!--.*?-->`)
	breaks = regexp.MustCompile(`(?i)<(br|/p|/div|/tr|/li|/h[1-6])\b[^>]*>`)
	tags   = regexp.MustCompile(`<[^>]*>`)
	blanks = regexp.MustCompile(`[ \t\x{a0}]+`)
	gaps   = regexp.MustCompile(`\n\s*\n\s*`)
)

// textOf reduces HTML to its words. The result is text: nothing in it is ever treated as HTML again.
func textOf(s string) string {
	s = strings.Join(strings.Fields(unseen.ReplaceAllString(s, " ")), " ")
	s = html.UnescapeString(tags.ReplaceAllString(breaks.ReplaceAllString(s, "\n"), ""))
	return strings.TrimSpace(gaps.ReplaceAllString(blanks.ReplaceAllString(s, " "), "\n\n"))
}

// splitHeader separates a message's or a part's header from its body, byte by byte: a signature covers bytes, not what a parser made
// of them.
func splitHeader(raw []byte) (message.Header, []byte, error) {
	end, skip := bytes.Index(raw, []byte("\r\n\r\n")), 4
	if lf := bytes.Index(raw, []byte("\n\n")); lf >= 0 && (end < 0 || lf < end) {
		end, skip = lf, 2
	}
	if end < 0 {
		return message.Header{}, nil, fmt.Errorf("%w: no body", ErrMessage)
	}
	const maxHeader = 1 << 20
	if end > maxHeader {
		return message.Header{}, nil, fmt.Errorf("%w: header", ErrMessage)
	}
	h, err := textproto.ReadHeader(bufio.NewReader(bytes.NewReader(raw[:end+skip])))
	if err != nil {
		return message.Header{}, nil, fmt.Errorf("%w: header", ErrMessage)
	}
	return message.Header{Header: h}, raw[end+skip:], nil
}
