// Package outside is the world around the sportello as the simulation needs it: a certified mail provider with everybody's mailboxes, a
// preservation provider, the company register and the registers of addresses. Each remembers what was done to it, so that the checks can
// ask it and not us.
package outside

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"sportello/shared/domain/pec"
	"sportello/shared/flow/inbox"
	"sportello/shared/flow/notify"
)

var (
	// ErrDown is what a partner that is out of service answers.
	ErrDown = errors.New("outside: out of service")
	// ErrTemporary is what the mail provider answers to a message that it does not take yet.
	ErrTemporary = errors.New("outside: 451, try again")
	// ErrUnreadable is returned for what is no message.
	ErrUnreadable = errors.New("outside: unreadable")
)

// Mail is the certified mail provider of all chambers.
type Mail struct {
	Now    func() time.Time
	Random *rand.Rand
	// After runs something later.
	After func(wait time.Duration, do func())
	// Arrived is told that a chamber's mailbox has something new; Delivered that a person got a message.
	Arrived   func(chamber string)
	Delivered func(to string, m notify.Message)
	Down      bool
	// Calm is set when the year is over: receipts come at once and in order.
	Calm bool

	// Transmissions counts how often each message was taken, by its Message-ID.
	Transmissions map[string]int

	boxes    map[string]*box
	attempts map[string]int
	idents   int
}

// box is a chamber's mailbox.
type box struct {
	validity uint32
	messages [][]byte
	receipts map[string]bool // messages that have one
}

// NewMail returns a provider with an empty mailbox for each chamber.
func NewMail(chambers ...string) *Mail {
	m := &Mail{Transmissions: map[string]int{}, boxes: map[string]*box{}, attempts: map[string]int{}}
	for _, c := range chambers {
		m.boxes[c] = &box{validity: 1, receipts: map[string]bool{}}
	}
	return m
}

// Compose implements notify.Writer: the message as JSON.
func (m *Mail) Compose(message notify.Message) ([]byte, error) { return json.Marshal(message) }

// habit is how a recipient's provider behaves, told by the beginning of the address.
func habit(address string) string {
	for _, h := range []string{"mancata", "piena", "ritardo", "doppia", "disordine", "mai", "rifiuta", "temporaneo", "nonaccetta"} {
		if strings.HasPrefix(address, h) {
			return h
		}
	}
	return ""
}

// Send takes a message, or not.
func (m *Mail) Send(chamber, to string, raw []byte) error {
	var message notify.Message
	if err := json.Unmarshal(raw, &message); err != nil {
		return fmt.Errorf("%w: no message", notify.ErrRefused)
	}
	h := habit(to)
	m.attempts[message.MessageID]++
	switch {
	case m.Down:
		return ErrDown
	case h == "rifiuta":
		return fmt.Errorf("%w: 550", notify.ErrRefused)
	case h == "temporaneo" && m.attempts[message.MessageID] <= 2:
		return ErrTemporary
	}
	m.Transmissions[message.MessageID]++
	m.answer(chamber, to, h, message)
	return nil
}

// answer schedules what the providers certify about a message that was taken.
func (m *Mail) answer(chamber, to, habit string, message notify.Message) {
	accepted := m.wait(time.Second, 30*time.Second)
	delivered := accepted + m.wait(time.Second, 2*time.Minute)
	if !m.Calm && m.Random.Float64() < 0.03 {
		delivered += m.wait(time.Hour, 30*time.Hour) // on the way for long
	}
	switch habit {
	case "mai":
		return
	case "nonaccetta":
		m.receipt(chamber, message, to, pec.NotAccepted, accepted)
		return
	case "mancata", "piena":
		m.receipt(chamber, message, to, pec.Accepted, accepted)
		m.receipt(chamber, message, to, pec.NotDelivered, delivered)
		return
	case "ritardo":
		m.receipt(chamber, message, to, pec.Delayed, accepted+12*time.Hour)
		delivered = accepted + m.wait(13*time.Hour, 40*time.Hour)
	case "disordine":
		accepted += 3 * time.Hour // it arrives long after; its own time is that of the acceptance
	}
	if m.Calm || m.Random.Float64() > 0.005 { // seldom a receipt never comes
		m.receipt(chamber, message, to, pec.Accepted, accepted)
	}
	if !m.Calm && m.Random.Float64() < 0.005 {
		return
	}
	m.receipt(chamber, message, to, pec.Delivered, delivered)
	if habit == "doppia" {
		m.receipt(chamber, message, to, pec.Delivered, delivered+m.wait(time.Second, time.Hour))
	}
	m.After(delivered, func() { m.Delivered(to, message) })
}

func (m *Mail) wait(least, most time.Duration) time.Duration {
	return least + time.Duration(m.Random.Int64N(int64(most-least)))
}

// receipt puts a certification into the chamber's mailbox after a while; sometimes late, sometimes twice.
func (m *Mail) receipt(chamber string, message notify.Message, to string, kind pec.Kind, wait time.Duration) {
	m.idents++
	r := pec.Receipt{
		Kind: kind, Sender: message.From, MessageRef: pec.Bare(message.MessageID), Ident: fmt.Sprintf("opec%08d", m.idents),
		At: m.Now().Add(wait).Truncate(time.Second), Recipient: to, // daticert.xml knows seconds
		Addressees: []pec.Addressee{{Address: to, Certified: true}},
	}
	raw := m.encode(inbox.Message{Class: pec.ClassReceipt, Receipt: &r, Ident: r.Ident, MessageID: "<" + r.Ident + "@gestore.example.it>", Subject: string(kind), At: r.At})
	arrives, copies := wait, 1
	if !m.Calm && m.Random.Float64() < 0.05 {
		arrives += m.wait(time.Minute, 20*time.Hour)
	}
	if !m.Calm && m.Random.Float64() < 0.02 {
		copies = 2
	}
	for range copies {
		m.After(arrives, func() {
			m.boxes[chamber].receipts[message.MessageID] = true
			m.put(chamber, raw)
		})
		arrives += m.wait(time.Second, time.Hour)
	}
}

func (m *Mail) encode(v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		panic("outside: a message cannot be encoded: " + err.Error())
	}
	return raw
}

func (m *Mail) put(chamber string, raw []byte) {
	b := m.boxes[chamber]
	b.messages = append(b.messages, raw)
	m.Arrived(chamber)
}

// Incoming puts somebody's message into a chamber's mailbox and returns its Message-ID.
func (m *Mail) Incoming(chamber string, message inbox.Message) string {
	m.idents++
	message.At = m.Now().Truncate(time.Second)
	if message.Ident == "" {
		message.Ident = fmt.Sprintf("opec%08d", m.idents)
	}
	if message.MessageID == "" {
		message.MessageID = fmt.Sprintf("<%08d@posta.example.it>", m.idents)
	}
	m.put(chamber, m.encode(message))
	return message.MessageID
}

// Garbage puts something that is no message into a mailbox.
func (m *Mail) Garbage(chamber string) {
	m.idents++
	m.put(chamber, fmt.Appendf(nil, "\x00garbage %d", m.idents))
}

// Again puts a message that is there already into the mailbox once more.
func (m *Mail) Again(chamber string) {
	if b := m.boxes[chamber]; len(b.messages) > 0 {
		m.put(chamber, b.messages[m.Random.IntN(len(b.messages))])
	}
}

// Rebuild gives a mailbox a new validity: all messages are new to whoever reads it.
func (m *Mail) Rebuild(chamber string) {
	m.boxes[chamber].validity++
	m.Arrived(chamber)
}

// Since implements inbox.Mailbox.
func (m *Mail) Since(_ context.Context, chamber string, validity, last uint32, limit int) ([]inbox.Raw, uint32, error) {
	if m.Down {
		return nil, 0, ErrDown
	}
	b := m.boxes[chamber]
	if validity != b.validity {
		last = 0
	}
	var raws []inbox.Raw
	for n := int(last); n < len(b.messages) && len(raws) < limit; n++ {
		raws = append(raws, inbox.Raw{UID: uint32(n + 1), Bytes: b.messages[n]})
	}
	return raws, b.validity, nil
}

// Unread tells whether a mailbox has messages after a cursor.
func (m *Mail) Unread(chamber string, validity, last uint32) bool {
	b := m.boxes[chamber]
	return validity != b.validity || int(last) < len(b.messages)
}

// HasReceipt looks for any receipt of a message.
func (m *Mail) HasReceipt(chamber, messageID string) (bool, error) {
	if m.Down {
		return false, ErrDown
	}
	return m.boxes[chamber].receipts[messageID], nil
}

// Read implements inbox.Reader.
func (m *Mail) Read(raw []byte, at time.Time) (inbox.Message, error) {
	var message inbox.Message
	if err := json.Unmarshal(raw, &message); err != nil {
		return message, ErrUnreadable
	}
	if message.Class != pec.ClassCertified && message.Class != pec.ClassReceipt {
		message.At = at
	}
	return message, nil
}
