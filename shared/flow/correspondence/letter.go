package correspondence

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"sportello/shared/domain/application"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/pec"
	"sportello/shared/domain/register"
	"sportello/shared/flow/casefile"
	"sportello/shared/flow/step"
	"sportello/shared/platform/table"
)

// Letter is a certified message that is to be written: what it says is fixed here, who exactly receives it may still be looked up.
type Letter struct {
	Kind    string `json:"kind"`
	Subject string `json:"subject"`
	// Text is the message, in Italian. Mark is replaced by the number the letter was registered with.
	Text string `json:"text"`
	// Address is the recipient's certified address, empty if it must be asked of the registers.
	Address string `json:"address,omitempty"`
	// To is the recipient.
	To        application.Party `json:"to"`
	Documents []Enclosure       `json:"documents,omitempty"`
	// Survey asks for a one-use token in the text, in the place of Token.
	Survey bool `json:"survey,omitempty"`
}

// Placeholders in a letter's text.
const (
	Mark  = "{{protocollo}}"
	Token = "{{valutazione}}"
)

// Kinds of letters.
const (
	Acknowledgement = "acknowledgement" // to the applicant: registered
	OfficeNotice    = "office-notice"   // to the office: a new case
	RequestLetter   = "integration-request"
	OutcomeLetter   = "outcome"
)

// Roles tell the messages of one event apart.
const (
	ToApplicant = "a"
	ToOffice    = "o"
)

// Enclosure is a file that goes with a letter.
type Enclosure struct {
	Name      string `json:"name"`
	Key       string `json:"key"` // in the documents bucket
	MediaType string `json:"mediaType"`
	SHA256    string `json:"sha256"`
}

// Mail is a certified message: one row, from the promise to the last receipt.
type Mail struct {
	ID          string `json:"id"`
	Application string `json:"application"`
	Chamber     string `json:"chamber"`
	Letter
	// MessageID is derived from case and message, so that every receipt leads back here (X-Riferimento-Message-ID).
	MessageID string                `json:"messageId"`
	Protocol  *application.Protocol `json:"protocol,omitempty"`
	CreatedAt time.Time             `json:"createdAt"`
	State     pec.State             `json:"state"`
	Receipts  []pec.Receipt         `json:"receipts,omitempty"`
	Proofs    []Proof               `json:"proofs,omitempty"` // the receipts as they came, one for each

	// Tried are the addresses at which messages before this one, with the same letter, were not delivered; First is the first of those messages.
	Tried []string `json:"tried,omitempty"`
	First string   `json:"first,omitempty"`

	Ticket string `json:"ticket,omitempty"` // of an address that is being looked up
	// SendingAt is when the provider was last spoken to; SentAt when its 250 was recorded. Between the two is doubt.
	SendingAt *time.Time `json:"sendingAt,omitempty"`
	SentAt    *time.Time `json:"sentAt,omitempty"`
	// Doubt records that the message was sent a second time, under the same Message-ID, because nothing told whether the first had
	// arrived (I3 allows exactly that).
	Doubt  bool   `json:"doubt,omitempty"`
	Failed string `json:"failed,omitempty"` // why it could not be sent, for the office
	// Late is when the office was told that no receipt had come.
	Late *time.Time `json:"late,omitempty"`
}

// Proof is where a receipt is archived as it came, signature and all.
type Proof struct {
	Key    string    `json:"key"`
	SHA256 string    `json:"sha256"`
	Size   int64     `json:"size"`
	Kind   pec.Kind  `json:"kind"`
	At     time.Time `json:"at"`
}

// Write adds to a commit a message and its outbox row.
func Write(changes *casefile.Changes, m Mail, day string) step.Owed {
	m.State = pec.StatePrepared
	changes.Add(casefile.Row(table.Item{}, layout.Mail(m.Application, m.ID), m))
	owed := step.Owed{
		Kind: step.Mail, Chamber: m.Chamber, Day: day, Event: m.ID, Application: m.Application, CreatedAt: m.CreatedAt,
	}
	changes.Add(owed.Promise())
	return owed
}

// New makes the message of an event for one recipient.
func New(l Letter, event, role, applicationID, chamber, domain string, at time.Time) Mail {
	id := event + "-" + role
	return Mail{
		ID: id, Application: applicationID, Chamber: chamber, Letter: l, CreatedAt: at,
		MessageID: pec.MessageID{Application: applicationID, Mail: id, Domain: domain}.String(),
	}
}

// Elsewhere is the message that brings the same letter to the recipient's next certified address, after m could not be delivered. It is one of
// its own, with its own name; that name follows from m, so it is made once. Which address that is, the registers say when it is sent.
func (m Mail) Elsewhere(at time.Time) (Mail, error) {
	name, err := pec.ParseMessageID(m.MessageID)
	if err != nil {
		return Mail{}, err
	}
	next := Mail{
		Application: m.Application, Chamber: m.Chamber, Letter: m.Letter, Protocol: m.Protocol, CreatedAt: at,
		Tried: append(slices.Clone(m.Tried), m.Address), First: m.Origin(),
	}
	next.ID = next.First + strconv.Itoa(len(next.Tried)+1)
	next.Address = ""
	next.MessageID = pec.MessageID{Application: m.Application, Mail: next.ID, Domain: name.Domain}.String()
	return next, nil
}

// Origin is the id of the first message with this letter: a problem about the letter is about all of them.
func (m Mail) Origin() string {
	if m.First != "" {
		return m.First
	}
	return m.ID
}

// Stamped returns the message with its number written where the text asks for it.
func (m Mail) Stamped(p application.Protocol) Mail {
	m.Protocol = &p
	m.Text = strings.ReplaceAll(m.Text, Mark, Cite(p))
	m.Subject = strings.ReplaceAll(m.Subject, Mark, Cite(p))
	return m
}

// Cite names a place in the register as people do, with the chamber's own number where there is one.
func Cite(p application.Protocol) string {
	text := fmt.Sprintf("n. %s del %s", p.Number, Italian(p.Date))
	if p.External != nil {
		text += ", protocollo della Camera " + CiteExternal(*p.External)
	}
	return text
}

// CiteExternal names a place in the chamber's own protocol.
func CiteExternal(e application.External) string {
	return fmt.Sprintf("n. %s del %s", e.Number, Italian(e.Date))
}

// Italian writes a date of law as people do: 22/11/2026.
func Italian(date string) string {
	if len(date) != 10 {
		return date
	}
	return date[8:] + "/" + date[5:7] + "/" + date[:4]
}

// Row is the change that replaces the message, placed before the sweep while a receipt is still awaited.
func (m Mail) Row(item table.Item) (table.Change, error) {
	item, err := item.With(application.Schema, m)
	if err != nil {
		return table.Change{}, err
	}
	if at, ok := m.wake(); ok {
		item = item.Indexed(layout.Timers, layout.TimerPlace(at, m.ID))
	}
	return table.Put(item), nil
}

// Silence is after how long without a delivery receipt the office is told: the provider owes a notice within 24 hours
// (DM 2/11/2005).
const Silence = 25 * time.Hour

func (m Mail) wake() (time.Time, bool) {
	if m.SentAt == nil || m.Late != nil || m.State == pec.StateDelivered || m.State == pec.StateFailed {
		return time.Time{}, false
	}
	return m.SentAt.Add(Silence), true
}

// Day is the day of an instant for outbox keys.
func Day(at time.Time) string { return register.Date(at) }

// StateOf is the state that a message's own row and its receipts say together.
func StateOf(m Mail) pec.State {
	return pec.Evaluate(Own(m), []string{m.Address}, m.Receipts).State
}

// Own is what a message's own row says, without its receipts.
func Own(m Mail) pec.State {
	switch {
	case m.State == pec.StateUncertain && m.SentAt == nil:
		return pec.StateUncertain
	case m.Failed != "" && m.SentAt == nil:
		return pec.StateFailed
	case m.SentAt != nil:
		return pec.StateAccepted
	case m.SendingAt != nil:
		return pec.StateSending
	}
	return pec.StatePrepared
}

// Silent tells whether the message has waited too long for its final receipt and nobody was told.
func (m Mail) Silent(now time.Time) bool {
	at, waits := m.wake()
	return waits && !at.After(now)
}
