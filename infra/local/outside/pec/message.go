// Package pec is a certified-mail provider: it takes messages in charge, delivers them in signed
// transport envelopes and gives back signed receipts with daticert.xml (RFC 6109; the shapes are
// those of real messages). One provider serves every certified address of the outside world.
//
// What happens to a message is decided by the local part of its recipients, see Behaviours.
package pec

import (
	"strings"
	"time"

	"sportello/infra/local/outside/mailbox"
)

// Kinds of receipts, as in daticert.xml and in the header X-Ricevuta.
const (
	Acceptance    = "accettazione"
	NonAcceptance = "non-accettazione"
	TakenInCharge = "presa-in-carico"
	Delivery      = "avvenuta-consegna"
	DeliveryError = "errore-consegna"
	Warning       = "preavviso-errore-consegna"
	VirusFound    = "rilevazione-virus"
)

// Kinds lists the kinds of receipts that can be issued by hand.
func Kinds() []string {
	return []string{Acceptance, NonAcceptance, TakenInCharge, Delivery, DeliveryError, Warning, VirusFound}
}

// transport is the step that puts the envelope into a recipient's mailbox; anomaly is its likeness
// for ordinary mail.
const (
	transport = "posta-certificata"
	anomaly   = "anomalia"
)

// Message is a message handed to the provider.
type Message struct {
	ID         string      `json:"id"`
	MessageID  string      `json:"messageId"` // of the original, with its brackets; empty if it had none
	Identifier string      `json:"identifier"`
	From       string      `json:"from"`
	To         []Recipient `json:"to"`
	Subject    string      `json:"subject"`
	ReplyTo    string      `json:"replyTo"`
	Certified  bool        `json:"certified"` // false: ordinary mail that came from outside
	Wanted     string      `json:"wanted"`    // X-TipoRicevuta: completa, breve, sintetica
	ReceivedAt time.Time   `json:"receivedAt"`
	Size       int         `json:"size"`
	Steps      []Step      `json:"steps"`
	Receipts   []Receipt   `json:"receipts"`
}

// Recipient is one address of the envelope.
type Recipient struct {
	Address   string `json:"address"`
	Certified bool   `json:"certified"`
	Behaviour string `json:"behaviour"`
}

// Step is something the provider will do about a message.
type Step struct {
	Kind      string `json:"kind"`
	Recipient string `json:"recipient,omitempty"`
	// Due is in real time. Stamp, if set, is the time the receipt bears instead of the time it is made.
	Due   time.Time `json:"due"`
	Stamp time.Time `json:"stamp,omitzero"`
	// Error and Detail are daticert's errore and errore-esteso.
	Error  string `json:"error,omitempty"`
	Detail string `json:"detail,omitempty"`
	Flaw   Flaw   `json:"flaw,omitempty"`
	Done   bool   `json:"done"`
}

// Receipt is a receipt that is in the sender's mailbox.
type Receipt struct {
	Kind      string    `json:"kind"`
	Recipient string    `json:"recipient,omitempty"`
	At        time.Time `json:"at"`
	Flaw      Flaw      `json:"flaw,omitempty"`
	Mailbox   string    `json:"mailbox"`
	UID       uint32    `json:"uid"`
}

// Pending tells whether automatic steps are still to be done.
func (m Message) Pending() bool {
	for _, s := range m.Steps {
		if !s.Done {
			return true
		}
	}
	return false
}

// Last is the kind of the latest receipt, or "".
func (m Message) Last() string {
	if len(m.Receipts) == 0 {
		return ""
	}
	return m.Receipts[len(m.Receipts)-1].Kind
}

// Certified tells whether an address belongs to certified mail. In this world it does when a label
// of its domain is "pec", as in pec.example.it or milano.pec.example.it.
func Certified(address string) bool {
	_, domain, ok := strings.Cut(mailbox.Normal(address), "@")
	if !ok {
		return false
	}
	for _, label := range strings.Split(domain, ".") {
		if label == "pec" {
			return true
		}
	}
	return false
}
