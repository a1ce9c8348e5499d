package pec

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
)

// MessageID names one of our certified messages. It is derived from the event that caused it, so that a message sent again in doubt
// has the same name, and a receipt leads back to the case without a search.
type MessageID struct {
	Application string // the application's id: letters, digits and hyphens
	Mail        string // the message within the application; may hold dots
	Domain      string // PEC_DOMAIN, lower case
}

// String writes it as the Message-ID header has it: <application.mail@domain>.
func (m MessageID) String() string { return "<" + m.Application + "." + m.Mail + "@" + m.Domain + ">" }

// ErrMessageID is returned for a Message-ID that is not one of ours.
var ErrMessageID = errors.New("pec: not a message id of ours")

// The left side is a dot-atom (RFC 5322, 3.2.3) narrowed to what our ids use; 250 characters fit every provider's header line.
var ownID = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^([A-Za-z0-9-]{1,64})\.([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)@([a-z0-9-]+(?:\.[a-z0-9-]+)*)$`)
})

const maxMessageID = 250

// NewMessageID makes a message id, or returns ErrMessageID when a part could not be read back from it.
func NewMessageID(application, mail, domain string) (MessageID, error) {
	m := MessageID{Application: application, Mail: mail, Domain: strings.ToLower(domain)}
	back, err := ParseMessageID(m.String())
	if err != nil || back != m {
		return MessageID{}, fmt.Errorf("%w: making one", ErrMessageID)
	}
	return m, nil
}

// ParseMessageID reads a Message-ID, with or without brackets. One that is not of our form is ErrMessageID; whether the domain is
// ours is for the caller to compare.
func ParseMessageID(s string) (MessageID, error) {
	s = Bare(s)
	if at := strings.LastIndexByte(s, '@'); at >= 0 {
		s = s[:at] + strings.ToLower(s[at:])
	}
	m := ownID().FindStringSubmatch(s)
	if m == nil || len(s) > maxMessageID {
		return MessageID{}, ErrMessageID
	}
	return MessageID{Application: m[1], Mail: m[2], Domain: m[3]}, nil
}

// Bare strips blanks and one pair of brackets: providers write message ids in either way, and they are compared without.
func Bare(id string) string {
	id = strings.TrimSpace(id)
	if strings.HasPrefix(id, "<") && strings.HasSuffix(id, ">") {
		id = id[1 : len(id)-1]
	}
	return strings.TrimSpace(id)
}

// SameMessage tells whether two Message-IDs name the same message. An empty one names none.
func SameMessage(a, b string) bool { return Bare(a) != "" && Bare(a) == Bare(b) }

// Class says what an incoming message is, before anybody reads it.
type Class string

// The classes.
const (
	ClassReceipt   Class = "receipt"   // certifies something about a message of ours
	ClassCertified Class = "certified" // somebody's certified message: the original is inside
	ClassAnomaly   Class = "anomaly"   // an ordinary message that our provider wrapped (X-Trasporto: errore)
	ClassOrdinary  Class = "ordinary"  // an ordinary message, as it came
	ClassUntrusted Class = "untrusted" // calls itself a receipt or certified mail and carries no valid provider's signature
)

// Classify decides from the two headers of RFC 6109 (3.2, 3.3) and from the certification. signed is nil unless the provider's
// signature over it was verified: headers alone prove nothing, since anybody can write them, so they never make a receipt.
func Classify(xTrasporto, xRicevuta string, signed *Data) Class {
	transport, receipt := strings.ToLower(strings.TrimSpace(xTrasporto)), strings.TrimSpace(xRicevuta)
	switch {
	case signed != nil && signed.Kind == Certified:
		return ClassCertified
	case signed != nil:
		return ClassReceipt
	case transport == "errore":
		return ClassAnomaly
	case transport != "" || receipt != "":
		return ClassUntrusted
	}
	return ClassOrdinary
}
