// Package pec knows the rules of certified mail (posta elettronica certificata): what a receipt says, what state a message is in
// given its receipts, and which message a receipt belongs to. It trusts what it is given: signatures are checked by platform/mail.
//
// Sources: DPR 68/2005; DM 2 novembre 2005 and its technical rules; RFC 6109, where the same rules are in English.
package pec

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// Kind is what a certification says: the attribute tipo of daticert.xml (RFC 6109, 4.4).
type Kind string

// The kinds of certification.
const (
	Accepted      Kind = "accettazione"              // our provider took the message: the instant it counts as sent
	NotAccepted   Kind = "non-accettazione"          // our provider refused it
	TakenInCharge Kind = "presa-in-carico"           // between providers
	Delivered     Kind = "avvenuta-consegna"         // it is in the recipient's mailbox: the instant it counts as delivered
	Certified     Kind = "posta-certificata"         // the envelope of a message of somebody's
	NotDelivered  Kind = "errore-consegna"           // it could not be delivered
	Delayed       Kind = "preavviso-errore-consegna" // twelve hours without delivery; twelve more follow
	Virus         Kind = "rilevazione-virus"         // between providers
)

// Failure is why: the attribute errore of daticert.xml. Empty stands for none.
type Failure string

// The failures.
const (
	NoFailure   Failure = "nessuno"
	NoRecipient Failure = "no-dest"
	NoDomain    Failure = "no-dominio"
	HasVirus    Failure = "virus"
	OtherCause  Failure = "altro"
)

// Addressee is one destinatari of daticert.xml.
type Addressee struct {
	Address   string
	Certified bool // false: an ordinary mailbox, from which no delivery receipt will ever come
}

// Data is a daticert.xml: the provider's certification of one event in a message's life.
type Data struct {
	Kind       Kind
	Failure    Failure
	Sender     string
	Addressees []Addressee
	ReplyTo    string
	Subject    string
	Provider   string
	At         time.Time // UTC
	Ident      string    // identificativo: the provider's own name of the message
	MessageRef string    // msgid: the Message-ID that the message had when it was sent, without brackets; may be empty
	Level      string    // ricevuta tipo: completa, breve, sintetica, or empty
	Recipient  string    // consegna: to whom it was (not) delivered
	Detail     string    // errore-esteso
}

// MaxData is the largest daticert.xml read. A message has at most a few hundred recipients of some hundred bytes each.
const MaxData = 1 << 20

// ErrData is returned, wrapped, for bytes that are no daticert.xml we can rely on.
var ErrData = errors.New("pec: not a valid daticert")

type dataXML struct {
	XMLName xml.Name `xml:"postacert"`
	Kind    string   `xml:"tipo,attr"`
	Failure string   `xml:"errore,attr"`
	Header  struct {
		Sender     string         `xml:"mittente"`
		Addressees []addresseeXML `xml:"destinatari"`
		ReplyTo    string         `xml:"risposte"`
		Subject    string         `xml:"oggetto"`
	} `xml:"intestazione"`
	Body struct {
		Provider string `xml:"gestore-emittente"`
		Date     struct {
			Zone string `xml:"zona,attr"`
			Day  string `xml:"giorno"`
			Hour string `xml:"ora"`
		} `xml:"data"`
		Ident string `xml:"identificativo"`
		MsgID string `xml:"msgid"`
		Level struct {
			Kind string `xml:"tipo,attr"`
		} `xml:"ricevuta"`
		Recipient string `xml:"consegna"`
		Detail    string `xml:"errore-esteso"`
	} `xml:"dati"`
}

type addresseeXML struct {
	Kind    string `xml:"tipo,attr"`
	Address string `xml:",chardata"`
}

// ParseData reads a daticert.xml. It reads UTF-8, ISO-8859-1, ISO-8859-15 and Windows-1252, expands no entity of its own, and
// tolerates stray text and a foreign order of elements, which providers do produce. Kind, sender, instant and identifier must be there.
func ParseData(raw []byte) (Data, error) {
	if len(raw) > MaxData {
		return Data{}, fmt.Errorf("%w: larger than %d bytes", ErrData, MaxData)
	}
	var x dataXML
	decoder := xml.NewDecoder(bytes.NewReader(raw))
	decoder.CharsetReader = charsetReader
	if err := decoder.Decode(&x); err != nil {
		return Data{}, fmt.Errorf("%w: %w", ErrData, err)
	}
	at, err := instant(x.Body.Date.Day, x.Body.Date.Hour, x.Body.Date.Zone)
	if err != nil {
		return Data{}, fmt.Errorf("%w: %w", ErrData, err)
	}
	d := Data{
		Kind: Kind(line(x.Kind)), Failure: Failure(line(x.Failure)),
		Sender: line(x.Header.Sender), ReplyTo: line(x.Header.ReplyTo), Subject: line(x.Header.Subject),
		Provider: line(x.Body.Provider), At: at, Ident: line(x.Body.Ident), MessageRef: Bare(line(x.Body.MsgID)),
		Level: line(x.Body.Level.Kind), Recipient: line(x.Body.Recipient), Detail: line(x.Body.Detail),
	}
	if d.Failure == NoFailure {
		d.Failure = ""
	}
	for _, a := range x.Header.Addressees {
		// The DTD gives tipo the default "certificato".
		d.Addressees = append(d.Addressees, Addressee{Address: line(a.Address), Certified: line(a.Kind) != "esterno"})
	}
	return d, d.check()
}

func (d Data) check() error {
	switch d.Kind {
	case Accepted, NotAccepted, TakenInCharge, Delivered, Certified, NotDelivered, Delayed, Virus:
	default:
		return fmt.Errorf("%w: unknown tipo", ErrData)
	}
	if d.Sender == "" || d.Ident == "" {
		return fmt.Errorf("%w: mittente or identificativo missing", ErrData)
	}
	return nil
}

// instant reads giorno dd/mm/yyyy, ora hh:mm:ss and zona such as +0100.
func instant(day, hour, zone string) (time.Time, error) {
	t, err := time.Parse("02/01/2006 15:04:05 -0700", line(day)+" "+line(hour)+" "+strings.Replace(line(zone), ":", "", 1))
	if err != nil {
		return time.Time{}, errors.New("data is no instant") // time's own error would repeat what it read
	}
	return t.UTC(), nil
}

// line trims a text and makes it one line: values of daticert.xml end up in headings and logs of ours.
func line(s string) string { return strings.Join(strings.Fields(s), " ") }

// Receipt is what a certification says about one of our messages.
type Receipt struct {
	Kind       Kind        `json:"kind"`
	Sender     string      `json:"sender,omitempty"` // of the message it is about
	Failure    Failure     `json:"failure,omitempty"`
	MessageRef string      `json:"messageRef,omitempty"` // without brackets
	Ident      string      `json:"ident"`
	At         time.Time   `json:"at"`
	Recipient  string      `json:"recipient,omitempty"`
	Detail     string      `json:"detail,omitempty"`
	Addressees []Addressee `json:"addressees,omitempty"`
}

// Receipt reduces the certification to what a message's state depends on.
func (d Data) Receipt() Receipt {
	return Receipt{
		Kind: d.Kind, Sender: d.Sender, Failure: d.Failure, MessageRef: d.MessageRef, Ident: d.Ident, At: d.At,
		Recipient: d.Recipient, Detail: d.Detail, Addressees: d.Addressees,
	}
}

// Concerns tells whether the receipt is about the message of this id that this address sent. The sender must be compared too: who got
// a message of ours knows its Message-ID, may send one of their own under the same, and holds a genuine receipt for it.
func (r Receipt) Concerns(messageID, from string) bool {
	return SameMessage(r.MessageRef, messageID) && strings.EqualFold(r.Sender, from)
}

// charsetReader decodes the charsets met in daticert.xml without a library: ISO-8859-1 and its two relatives.
func charsetReader(label string, input io.Reader) (io.Reader, error) {
	var relative map[byte]rune
	switch strings.ToLower(strings.TrimSpace(label)) {
	case "utf-8", "utf8", "us-ascii", "ascii":
		return input, nil
	case "iso-8859-1", "iso8859-1", "latin1", "l1":
	case "iso-8859-15", "iso8859-15", "latin-9":
		relative = latin9
	case "windows-1252", "cp1252":
		relative = windows1252
	default:
		return nil, errors.New("charset not supported")
	}
	raw, err := io.ReadAll(io.LimitReader(input, MaxData))
	if err != nil {
		return nil, err
	}
	text := make([]byte, 0, len(raw)+len(raw)/8)
	for _, c := range raw {
		r, ok := relative[c]
		if !ok {
			r = rune(c)
		}
		text = utf8.AppendRune(text, r)
	}
	return bytes.NewReader(text), nil
}

var latin9 = map[byte]rune{0xa4: '€', 0xa6: 'Š', 0xa8: 'š', 0xb4: 'Ž', 0xb8: 'ž', 0xbc: 'Œ', 0xbd: 'œ', 0xbe: 'Ÿ'}

// Of Windows-1252 only what people type: quotes, dashes, the ellipsis, the euro. The rest of 0x80-0x9f stays a control character,
// which XML refuses.
var windows1252 = map[byte]rune{0x80: '€', 0x85: '…', 0x91: '‘', 0x92: '’', 0x93: '“', 0x94: '”', 0x95: '•', 0x96: '–', 0x97: '—', 0x99: '™'}
