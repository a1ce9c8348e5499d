// Package inbox reads a chamber's certified mailbox: receipts of our own messages, in any order and twice, and messages that people
// sent. Every message is archived as it came before it is understood, and the cursor moves last, so that a crash reads again what it
// may have lost, without effect.
package inbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"sportello/shared/domain/catalogue"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/pec"
	"sportello/shared/flow/problems"
	"sportello/shared/flow/step"
	"sportello/shared/platform/archive"
	"sportello/shared/platform/table"
)

// Mailbox is a chamber's mailbox at its provider.
type Mailbox interface {
	// Since returns messages after a cursor, oldest first, at most limit, and the mailbox's validity: when that differs from the
	// cursor's, the mailbox was rebuilt and the messages are from its beginning.
	Since(ctx context.Context, chamber string, validity, last uint32, limit int) ([]Raw, uint32, error)
}

// Raw is a message as it lies in the mailbox.
type Raw struct {
	UID   uint32
	Bytes []byte
	// TooLarge: the message is over what certified mail allows and was not fetched. It stays in the mailbox, and the office is told.
	TooLarge bool
}

// Reader understands a message, trusting only what a provider's signature covers. Of one that it cannot read it returns, with the error,
// what the header says.
type Reader interface {
	Read(raw []byte, at time.Time) (Message, error)
}

// Message is a message that was understood.
type Message struct {
	Class     pec.Class
	Reason    string // why it is not trusted, if it is not
	MessageID string
	Subject   string
	From      string
	Ident     string // the provider's own identification of a certified message
	At        time.Time
	Receipt   *pec.Receipt
	// Of a certified message that a person sent:
	Text       string
	InReplyTo  []string
	Attachment []Attachment
}

// Attachment is a file that came by mail.
type Attachment struct {
	Name, MediaType string
	Body            []byte
}

// Config is what the step needs; every field is required.
type Config struct {
	Table     table.Table // applications
	Archive   archive.Store
	Documents archive.Documents
	Mailbox   Mailbox
	Reader    Reader
	Post      step.Post
	Now       step.Clock
	Report    func(ctx context.Context, chamber string, err error)
}

// Desk reads mailboxes.
type Desk struct{ Config }

// New checks the configuration.
func New(c Config) (*Desk, error) {
	if c.Table == nil || c.Archive == nil || c.Documents == nil || c.Mailbox == nil || c.Reader == nil || c.Now == nil || c.Report == nil || !c.Post.Complete() {
		return nil, errors.New("inbox: incomplete configuration")
	}
	return &Desk{c}, nil
}

const schema = 1

// cursor is how far a mailbox was read, and who is reading it now.
type cursor struct {
	Validity uint32    `json:"validity"`
	Last     uint32    `json:"last"`
	Since    time.Time `json:"since,omitzero"` // when it was first tried
	ReadAt   time.Time `json:"readAt"`         // when it was last read to its end
	Lease    time.Time `json:"lease"`          // nobody else reads before
}

const (
	// Lease is how long one reader keeps others away. Two readers do no harm, only work twice.
	Lease = 2 * time.Minute
	// Batch is how many messages are read at a time.
	Batch = 50
)

// Read reads what is new in a chamber's mailbox. It returns how many messages it understood.
func (d *Desk) Read(ctx context.Context, chamber catalogue.Chamber) (int, error) {
	c, item, err := d.lease(ctx, chamber)
	if err != nil || !item.Exists() {
		return 0, err
	}
	read := 0
	for {
		raws, validity, err := d.Mailbox.Since(ctx, chamber.ID, c.Validity, c.Last, Batch)
		if err != nil {
			return read, fmt.Errorf("reading mailbox of %s: %w", chamber.ID, err)
		}
		if validity != c.Validity {
			c.Validity, c.Last = validity, 0
		}
		for _, raw := range raws {
			if err := d.take(ctx, chamber, validity, raw); err != nil {
				return read, fmt.Errorf("taking in message %d of %s: %w", raw.UID, chamber.ID, err)
			}
			c.Last = max(c.Last, raw.UID)
			read++
		}
		if len(raws) < Batch {
			c.ReadAt = d.Now()
		}
		if item, err = d.move(ctx, item, c, len(raws) < Batch); err != nil || !item.Exists() {
			return read, err
		}
		if len(raws) < Batch {
			return read, nil
		}
	}
}

// lease takes the mailbox for this reader; an item that does not exist means that somebody else has it.
func (d *Desk) lease(ctx context.Context, chamber catalogue.Chamber) (cursor, table.Item, error) {
	c, item, err := table.Load[cursor](ctx, d.Table, layout.Mailbox(chamber.ID, chamber.PEC), schema)
	if err != nil && !errors.Is(err, table.ErrNotFound) {
		return c, table.Item{}, err
	}
	if d.Now().Before(c.Lease) {
		return c, table.Item{}, nil
	}
	if c.Since.IsZero() {
		c.Since = d.Now()
	}
	item, err = d.write(ctx, item, c, d.Now().Add(Lease))
	return c, item, err
}

// move writes the cursor on, after all that was read has been dealt with.
func (d *Desk) move(ctx context.Context, item table.Item, c cursor, release bool) (table.Item, error) {
	until := d.Now().Add(Lease)
	if release {
		until = time.Time{}
	}
	return d.write(ctx, item, c, until)
}

// write commits the cursor. A lost race gives up the mailbox: the messages are read again, without effect.
func (d *Desk) write(ctx context.Context, item table.Item, c cursor, lease time.Time) (table.Item, error) {
	c.Lease = lease
	next, err := item.With(schema, c)
	if err != nil {
		return table.Item{}, err
	}
	err = d.Table.Commit(ctx, table.Put(next))
	if errors.Is(err, table.ErrConflict) || errors.Is(err, table.ErrUnclear) {
		return table.Item{}, nil
	}
	if err != nil {
		return table.Item{}, err
	}
	next.Version++
	return next, nil
}

// take takes in a message of the mailbox.
func (d *Desk) take(ctx context.Context, chamber catalogue.Chamber, validity uint32, raw Raw) error {
	if !raw.TooLarge {
		return d.one(ctx, chamber, raw.Bytes)
	}
	id := fmt.Sprintf("IN-%d-%d", validity, raw.UID)
	if _, err := table.One(ctx, d.Table, layout.Problem(chamber.ID, id)); !errors.Is(err, table.ErrNotFound) {
		return err // told already, and perhaps dealt with
	}
	change, ok, err := problems.Open(ctx, d.Table, chamber.ID, problems.Problem{
		ID: id, Kind: problems.MailUnmatched, At: d.Now(),
		Text: fmt.Sprintf("Nella casella PEC c'è un messaggio troppo grande per essere letto (numero %d): aprirlo nella casella.", raw.UID),
	})
	if err != nil || !ok {
		return err
	}
	err = d.Table.Commit(ctx, change)
	if errors.Is(err, table.ErrConflict) {
		return nil
	}
	return err
}

// one archives a message as it came, and takes it in by what it is.
func (d *Desk) one(ctx context.Context, chamber catalogue.Chamber, raw []byte) error {
	sum := sha256.Sum256(raw)
	object := layout.ReceivedMail(chamber.PEC, hex.EncodeToString(sum[:]))
	if err := d.Archive.Put(ctx, object, raw, "message/rfc822"); err != nil {
		return fmt.Errorf("archiving: %w", err)
	}
	message, err := d.Reader.Read(raw, d.Now())
	if err != nil {
		// What cannot be read is still mail: it is registered and shown to the office as it came.
		d.Report(ctx, chamber.ID, err)
		message = message.unreadable(d.Now())
	}
	in := arrival{Desk: d, chamber: chamber, raw: raw, object: object, digest: hex.EncodeToString(sum[:]), Message: message}
	err = in.takeIn(ctx)
	if errors.Is(err, table.ErrInvalid) {
		// What it says can be kept nowhere. The mailbox does not stop for it: it is taken in without its own words.
		d.Report(ctx, chamber.ID, err)
		in.Message = Message{}.unreadable(d.Now())
		err = in.takeIn(ctx)
	}
	return err
}

// unreadable stands for a message that cannot be read: it is still mail, and says who sent it if its header could be read.
func (m Message) unreadable(at time.Time) Message {
	subject := "(messaggio illeggibile)"
	if strings.TrimSpace(m.Subject) != "" {
		subject += " " + m.Subject
	}
	return Message{Class: pec.ClassUntrusted, Reason: "messaggio illeggibile", MessageID: m.MessageID, From: m.From, Subject: subject, At: at}
}

func (a arrival) takeIn(ctx context.Context) error {
	if a.Class == pec.ClassReceipt && a.Receipt != nil {
		return a.receipt(ctx)
	}
	return a.register(ctx)
}

// Age is how long ago a mailbox was last read to its end, or, if it never was, first tried; zero for one that nobody tried yet.
func (d *Desk) Age(ctx context.Context, chamber catalogue.Chamber) (time.Duration, error) {
	c, _, err := table.Load[cursor](ctx, d.Table, layout.Mailbox(chamber.ID, chamber.PEC), schema)
	if errors.Is(err, table.ErrNotFound) {
		return 0, nil
	}
	last := c.Since
	if c.ReadAt.After(last) {
		last = c.ReadAt
	}
	if err != nil || last.IsZero() {
		return 0, err
	}
	return max(d.Now().Sub(last), 0), nil
}
