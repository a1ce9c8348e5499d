// Package notify sends certified messages (PEC), each once as far as a provider lets that be known (I3).
//
// A message goes prepared -> sending -> (250 recorded) -> what the receipts say. The message is archived before it is offered, and marked
// sending before the provider is spoken to. A recorded 250 is never sent again. If a crash leaves sending, the mailbox is looked
// at after half an hour: a receipt proves that the provider has it; without one it is sent a second time under the same Message-ID, and the
// doubt is recorded.
package notify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"sportello/shared/domain/application"
	"sportello/shared/domain/catalogue"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/pec"
	"sportello/shared/flow/casefile"
	"sportello/shared/flow/correspondence"
	"sportello/shared/flow/problems"
	"sportello/shared/flow/step"
	"sportello/shared/platform/archive"
	"sportello/shared/platform/queue"
	"sportello/shared/platform/table"
)

// Writer composes a message: the same message always as the same bytes. queue.ErrPermanent: this one never.
type Writer interface {
	Compose(m Message) ([]byte, error)
}

// Message is what is to be composed.
type Message struct {
	MessageID, From, FromName, To, Subject, Text string
	Date                                         time.Time
	Enclosures                                   []Enclosure
}

// Enclosure is a file with its bytes.
type Enclosure struct {
	Name, MediaType string
	Body            []byte
}

// Provider is the chamber's certified mail provider.
type Provider interface {
	// Send offers the message. nil means a 250. ErrRefused: never with this message. ErrUnclear: it may have been taken. Any other error:
	// it was not taken.
	Send(ctx context.Context, chamber, to string, raw []byte) error
	// HasReceipt looks in the chamber's mailbox for any receipt of the message since an instant.
	HasReceipt(ctx context.Context, chamber, messageID string, since time.Time) (bool, error)
}

// Addresses finds certified addresses.
type Addresses interface {
	// Certified returns the address of a person or company, the first that is none of tried. pending: the register answers later, ask again with
	// the ticket. Empty and not pending: there is none.
	Certified(ctx context.Context, who application.Party, tried []string, reference, ticket string) (address string, pending bool, next string, err error)
}

var (
	// ErrRefused is returned by a Provider that will never take this message.
	ErrRefused = errors.New("notify: message refused")
	// ErrUnclear is returned by a Provider when it is unknown whether the message was taken.
	ErrUnclear = errors.New("notify: unknown whether the message was taken")
)

// Config is what the step needs; every field is required.
type Config struct {
	Table     table.Table // applications
	Documents archive.Documents
	Archive   archive.Store
	Writer    Writer
	Provider  Provider
	Addresses Addresses
	Now       step.Clock
}

// Desk sends messages.
type Desk struct{ Config }

// New checks the configuration.
func New(c Config) (*Desk, error) {
	if c.Table == nil || c.Documents == nil || c.Archive == nil || c.Writer == nil || c.Provider == nil || c.Addresses == nil || c.Now == nil {
		return nil, errors.New("notify: incomplete configuration")
	}
	return &Desk{c}, nil
}

// Doubt is how long a message may be in sending before the mailbox is looked at.
const Doubt = 30 * time.Minute

// sending is one message at work.
type sending struct {
	owed     step.Owed
	owedItem table.Item
	mail     correspondence.Mail
	mailItem table.Item
}

// Send works on the message that the envelope points at, as far as it comes now. An error means that the queue shall deliver it again, unless
// it is permanent: then the work is parked, and has a problem.
func (d *Desk) Send(ctx context.Context, e queue.Envelope) error {
	return problems.Halt(ctx, d.Table, e, d.Now(), d.send(ctx, e))
}

func (d *Desk) send(ctx context.Context, e queue.Envelope) error {
	s, there, err := d.read(ctx, table.Key{PK: e.PK, SK: e.SK})
	if err != nil || !there {
		return err
	}
	switch {
	case s.mail.SentAt != nil || s.mail.State != pec.StatePrepared && s.mail.State != pec.StateSending:
		return d.paid(ctx, s) // sent, or known from its receipts: only the outbox row is left over
	case s.mail.State == pec.StateSending:
		return d.doubtful(ctx, s)
	}
	if ready, err := d.addressed(ctx, &s); err != nil || !ready {
		return err
	}
	return d.offer(ctx, s)
}

func (d *Desk) read(ctx context.Context, key table.Key) (s sending, there bool, err error) {
	s.owed, s.owedItem, there, err = step.Read(ctx, d.Table, key)
	if err != nil || !there || s.owed.Parked {
		return s, false, err
	}
	s.mail, s.mailItem, there, err = casefile.One[correspondence.Mail](ctx, d.Table, layout.Mail(s.owed.Application, s.owed.Event))
	if err == nil && !there {
		return s, false, fmt.Errorf("sending %s: %w: no message", s.owed.Event, queue.ErrPermanent)
	}
	return s, there, err
}

// paid deletes the outbox row of a message that needs no more sending.
func (d *Desk) paid(ctx context.Context, s sending) error {
	changes, err := problems.Paid(ctx, d.Table, s.owed, s.owedItem, d.Now())
	if err != nil {
		return err
	}
	return lost(d.Table.Commit(ctx, changes...))
}

// lost takes a lost race as done: another delivery did the same, and whatever is left is swept.
func lost(err error) error {
	if errors.Is(err, table.ErrConflict) {
		return nil
	}
	return err
}

// addressed makes sure that the message has a recipient, asking the registers if need be.
func (d *Desk) addressed(ctx context.Context, s *sending) (ready bool, err error) {
	if s.mail.Address != "" {
		return true, nil
	}
	reference := s.mail.Application
	address, pending, ticket, err := d.Addresses.Certified(ctx, s.mail.To, s.mail.Tried, reference, s.mail.Ticket)
	if err != nil {
		return false, fmt.Errorf("looking up certified address: %w", err)
	}
	if pending {
		return false, d.waitForAddress(ctx, *s, ticket)
	}
	if address == "" && len(s.mail.Tried) > 0 {
		return false, d.fail(ctx, *s, problems.MailFailed, "Un messaggio PEC non è stato consegnato e il destinatario non ha altri indirizzi certificati: proporre la consegna su carta.")
	}
	if address == "" {
		return false, d.fail(ctx, *s, problems.NoAddress, "Il destinatario non ha un domicilio digitale: proporre la consegna su carta.")
	}
	s.mail.Address = address
	change, err := s.mail.Row(s.mailItem)
	if err != nil {
		return false, err
	}
	if err := d.Table.Commit(ctx, change); err != nil {
		return false, lost(err)
	}
	s.mailItem.Version++
	return true, nil
}

// AddressWait is after how long the register is asked again for an address it is still looking for.
const AddressWait = time.Minute

// Patience is how long an address may be looked for before the sweep counts its tries against the step.
const Patience = 24 * time.Hour

func (d *Desk) waitForAddress(ctx context.Context, s sending, ticket string) error {
	s.mail.Ticket = ticket
	if d.Now().Before(s.owed.CreatedAt.Add(Patience)) {
		s.owed.Attempts, s.owed.Waits = 0, d.Now().Add(AddressWait) // the register answers in its own time: no failure
	}
	mail, err := s.mail.Row(s.mailItem)
	if err != nil {
		return err
	}
	owed, err := s.owed.Row(s.owedItem, d.Now().Add(AddressWait))
	if err != nil {
		return err
	}
	return lost(d.Table.Commit(ctx, mail, table.Put(owed)))
}

// offer archives the message, marks it, and speaks to the provider.
func (d *Desk) offer(ctx context.Context, s sending) error {
	chamber, ok := catalogue.ChamberByID(s.mail.Chamber)
	if !ok {
		return fmt.Errorf("sending for chamber %q: %w: unknown", s.mail.Chamber, queue.ErrPermanent)
	}
	raw, err := d.compose(ctx, s.mail, chamber)
	if errors.Is(err, queue.ErrPermanent) {
		return d.fail(ctx, s, problems.MailFailed, "Il messaggio non si può inviare per PEC, per esempio perché gli allegati sono troppo grandi: proporre la consegna su carta.")
	}
	if err != nil {
		return err
	}
	if raw, err = d.archived(ctx, s.mail, raw); err != nil {
		return fmt.Errorf("archiving message: %w", err)
	}
	if marked, err := d.mark(ctx, &s); err != nil || !marked {
		return err
	}
	err = d.Provider.Send(ctx, s.mail.Chamber, s.mail.Address, raw)
	switch {
	case err == nil:
		return d.sent(ctx, s)
	case errors.Is(err, ErrRefused):
		return d.fail(ctx, s, problems.MailFailed, "Il gestore della PEC ha rifiutato il messaggio.")
	case errors.Is(err, ErrUnclear):
		return nil // still sending: the sweep comes back when the doubt is due
	}
	return d.unmark(ctx, s, err)
}

// archived keeps the message, and returns what is kept: a second send under the same Message-ID is of the same bytes, also if another
// release composes others.
func (d *Desk) archived(ctx context.Context, m correspondence.Mail, raw []byte) ([]byte, error) {
	key := layout.MailObject(m.Application, m.ID)
	err := d.Archive.Put(ctx, key, raw, "message/rfc822")
	if errors.Is(err, archive.ErrDifferent) {
		return d.Archive.Get(ctx, key)
	}
	return raw, err
}

func (d *Desk) compose(ctx context.Context, m correspondence.Mail, chamber catalogue.Chamber) ([]byte, error) {
	message := Message{
		MessageID: m.MessageID, From: chamber.PEC, FromName: chamber.Name, To: m.Address, Subject: m.Subject, Text: m.Text, Date: m.CreatedAt,
	}
	for _, e := range m.Documents {
		object, err := d.Documents.Open(ctx, e.Key)
		if err != nil {
			return nil, fmt.Errorf("enclosing document: %w", err)
		}
		body, err := io.ReadAll(object.Body)
		object.Body.Close()
		if err != nil {
			return nil, fmt.Errorf("enclosing document: %w", err)
		}
		message.Enclosures = append(message.Enclosures, Enclosure{e.Name, e.MediaType, body})
	}
	return d.Writer.Compose(message)
}

// mark commits that the provider is about to be spoken to. Whoever loses the race leaves the message to the winner.
func (d *Desk) mark(ctx context.Context, s *sending) (bool, error) {
	now := d.Now()
	if s.mail.State == pec.StateSending {
		s.mail.Doubt = true
	}
	s.mail.State, s.mail.SendingAt = pec.StateSending, &now
	mail, err := s.mail.Row(s.mailItem)
	if err != nil {
		return false, err
	}
	s.owed.Waits = now.Add(Doubt)
	owed, err := s.owed.Row(s.owedItem, s.owed.Waits)
	if err != nil {
		return false, err
	}
	if err := d.Table.Commit(ctx, mail, table.Put(owed)); err != nil {
		return false, lost(err) // an unclear mark leaves sending without a send: the doubt resolves it
	}
	s.mailItem.Version++
	s.owedItem.Version++
	return true, nil
}

// unmark records that the provider did not take the message this time; the queue and the sweep try again.
func (d *Desk) unmark(ctx context.Context, s sending, cause error) error {
	if s.mail.Doubt {
		s.mail.Doubt = false // this second send is known not to have arrived; the first is still in doubt
	} else {
		s.mail.State, s.mail.SendingAt = pec.StatePrepared, nil
	}
	mail, err := s.mail.Row(s.mailItem)
	if err != nil {
		return err
	}
	s.owed.Waits = time.Time{}
	owed, err := s.owed.Row(s.owedItem, d.Now().Add(step.Backoff(s.owed.Attempts)))
	if err != nil {
		return err
	}
	if err := d.Table.Commit(ctx, mail, table.Put(owed)); err != nil {
		return fmt.Errorf("%w (and recording it: %w)", cause, err)
	}
	return cause
}

// sent records the provider's 250 and pays the outbox row.
func (d *Desk) sent(ctx context.Context, s sending) error {
	now := d.Now()
	return step.Retry(ctx, func() error {
		mail, item, there, err := casefile.One[correspondence.Mail](ctx, d.Table, layout.Mail(s.mail.Application, s.mail.ID))
		if err != nil || !there {
			return err
		}
		owed, owedItem, owes, err := step.Read(ctx, d.Table, s.owed.Key())
		if err != nil || !owes {
			return err // gone: an unclear commit that went through, or receipts that were quicker
		}
		if mail.SentAt == nil {
			mail.SentAt = &now
		}
		mail.State = correspondence.StateOf(mail)
		change, err := mail.Row(item)
		if err != nil {
			return err
		}
		paid, err := problems.Paid(ctx, d.Table, owed, owedItem, now)
		if err != nil {
			return err
		}
		return d.Table.Commit(ctx, append(paid, change)...)
	})
}

// doubtful decides about a message that a crash left in sending.
func (d *Desk) doubtful(ctx context.Context, s sending) error {
	if s.mail.SendingAt != nil && d.Now().Before(s.mail.SendingAt.Add(Doubt)) {
		return nil // too early to tell: the outbox row's timer comes back
	}
	found, err := d.Provider.HasReceipt(ctx, s.mail.Chamber, s.mail.MessageID, s.mail.CreatedAt.Add(-time.Hour))
	if err != nil {
		return fmt.Errorf("looking for receipts: %w", err)
	}
	if found {
		return d.sent(ctx, s)
	}
	if s.mail.Doubt {
		return d.fail(ctx, s, problems.MailUncertain, "Il messaggio è stato spedito due volte e nessuna ricevuta lo conferma: chiedere al gestore della PEC.")
	}
	return d.offer(ctx, s)
}

// fail ends the sending with a problem that has an owner; the case's story says so.
func (d *Desk) fail(ctx context.Context, s sending, kind problems.Kind, text string) error {
	now := d.Now()
	s.mail.Failed = text
	s.mail.State = pec.StateFailed
	if kind == problems.MailUncertain {
		s.mail.State = pec.StateUncertain
	}
	var changes casefile.Changes
	changes.Add(s.mail.Row(s.mailItem))
	paid, err := problems.Paid(ctx, d.Table, s.owed, s.owedItem, now)
	if err != nil {
		return err
	}
	changes.List = append(changes.List, paid...)
	if s.mail.Address != "" || len(s.mail.Tried) == 0 { // else the story tells already that the letter was not delivered
		changes.Add(casefile.Tell(s.mail.Application, s.mail.ID, application.Line{
			At: now, Event: application.MailFailed, Actor: application.System, Text: text,
		}))
	}
	// A person without a digital domicile is not a fault when the message was only to tell a number that the desk shows.
	if kind != problems.NoAddress || s.mail.Kind != correspondence.Acknowledgement {
		change, ok, err := problems.Open(ctx, d.Table, s.mail.Chamber, problems.Problem{
			ID: problems.MailOf(s.mail.Origin()), Kind: kind, At: now, Application: s.mail.Application, Text: text,
		})
		if err != nil {
			return err
		}
		if ok {
			changes.List = append(changes.List, change)
		}
	}
	return lost(changes.Commit(ctx, d.Table))
}
