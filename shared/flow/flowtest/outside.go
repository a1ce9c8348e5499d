package flowtest

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"sportello/shared/domain/application"
	"sportello/shared/domain/catalogue"
	"sportello/shared/domain/pec"
	"sportello/shared/flow/casefile"
	"sportello/shared/flow/external"
	"sportello/shared/flow/inbox"
	"sportello/shared/flow/keeping"
	"sportello/shared/flow/notify"
	"sportello/shared/flow/sealing"
	"sportello/shared/flow/submit"
)

// ErrOutside is what a partner answers that is out of service.
var ErrOutside = errors.New("flowtest: partner out of service")

// ---- certified mail ----

// Mail is the certified mail provider: it takes messages, and holds the chambers' mailboxes.
type Mail struct {
	now func() time.Time
	// Answers are what Send returns to the next calls, in order; when there are none left it takes the message.
	Answers []error
	// Silent keeps receipts back; Bounce makes every message come back undelivered.
	Silent, Bounce bool
	// Closed are mailboxes that take nothing: what is sent there comes back.
	Closed []string
	// Taken are the messages taken, in order; a message twice is there twice.
	Taken []notify.Message
	// Searched counts the looks into a mailbox for a receipt.
	Searched int

	boxes   map[string]*box
	ident   int
	arrived int
}

type box struct {
	validity uint32
	messages []inbox.Raw
}

// ErrTakenUnheard is an answer for Mail.Answers: the message is taken, and the 250 lost.
var ErrTakenUnheard = errors.New("flowtest: taken, unheard")

// Compose implements notify.Writer.
func (m *Mail) Compose(message notify.Message) ([]byte, error) { return json.Marshal(message) }

// Send implements notify.Provider.
func (m *Mail) Send(_ context.Context, chamber, to string, raw []byte) error {
	var answer error
	if len(m.Answers) > 0 {
		answer, m.Answers = m.Answers[0], m.Answers[1:]
	}
	if answer != nil && !errors.Is(answer, ErrTakenUnheard) {
		return answer
	}
	var message notify.Message
	if err := json.Unmarshal(raw, &message); err != nil {
		return err
	}
	m.Taken = append(m.Taken, message)
	if !m.Silent {
		m.Receipt(chamber, message.MessageID, to, pec.Accepted)
		kind := pec.Delivered
		if m.Bounce || slices.Contains(m.Closed, to) {
			kind = pec.NotDelivered
		}
		m.Receipt(chamber, message.MessageID, to, kind)
	}
	if answer != nil {
		return fmt.Errorf("%w: %w", notify.ErrUnclear, answer)
	}
	return nil
}

// Receipt puts a receipt into a chamber's mailbox, and returns it.
func (m *Mail) Receipt(chamber, messageID, to string, kind pec.Kind) pec.Receipt {
	c, _ := catalogue.ChamberByID(chamber)
	m.ident++
	r := pec.Receipt{
		Kind: kind, Sender: c.PEC, Ident: fmt.Sprintf("opec%d", m.ident), At: m.now().Truncate(time.Second), MessageRef: pec.Bare(messageID),
		Recipient: to, Addressees: []pec.Addressee{{Address: to, Certified: true}},
	}
	if kind == pec.NotDelivered || kind == pec.NotAccepted {
		r.Failure = pec.NoRecipient
	}
	m.Arrive(chamber, inbox.Message{Class: pec.ClassReceipt, Receipt: &r, Ident: r.Ident, At: r.At})
	return r
}

// Arrive puts a message into a chamber's mailbox.
func (m *Mail) Arrive(chamber string, message inbox.Message) {
	raw, err := json.Marshal(message)
	if err != nil {
		panic("flowtest: " + err.Error())
	}
	m.Raw(chamber, inbox.Raw{Bytes: raw})
}

// Raw puts anything into a chamber's mailbox.
func (m *Mail) Raw(chamber string, raw inbox.Raw) {
	b := m.box(chamber)
	raw.UID = uint32(len(b.messages) + 1)
	m.arrived++
	b.messages = append(b.messages, raw)
}

// Rebuild gives the mailbox another validity, as after a restore at the provider: every message is read again.
func (m *Mail) Rebuild(chamber string) { m.box(chamber).validity++ }

func (m *Mail) box(chamber string) *box {
	if m.boxes == nil {
		m.boxes = map[string]*box{}
	}
	if m.boxes[chamber] == nil {
		m.boxes[chamber] = &box{validity: 7}
	}
	return m.boxes[chamber]
}

// Since implements inbox.Mailbox.
func (m *Mail) Since(_ context.Context, chamber string, validity, last uint32, limit int) ([]inbox.Raw, uint32, error) {
	b := m.box(chamber)
	if b.validity != validity {
		last = 0
	}
	unread := b.messages[min(int(last), len(b.messages)):]
	return slices.Clone(unread[:min(limit, len(unread))]), b.validity, nil
}

// Read implements inbox.Reader.
func (m *Mail) Read(raw []byte, at time.Time) (inbox.Message, error) {
	var message inbox.Message
	if err := json.Unmarshal(raw, &message); err != nil {
		return message, err
	}
	if message.At.IsZero() {
		message.At = at
	}
	return message, nil
}

// HasReceipt implements notify.Provider.
func (m *Mail) HasReceipt(_ context.Context, chamber, messageID string, _ time.Time) (bool, error) {
	m.Searched++
	for _, raw := range m.box(chamber).messages {
		message, err := m.Read(raw.Bytes, m.now())
		if err == nil && message.Receipt != nil && pec.SameMessage(message.Receipt.MessageRef, messageID) {
			return true, nil
		}
	}
	return false, nil
}

// ---- registers ----

// Registers are the company register and the registers of certified addresses.
type Registers struct {
	Down bool
	// Represent lists the companies of each person, now.
	Represent map[string][]string
	// Addresses are the certified addresses, by tax code, and Others those that some have besides; Pending is how often the next question for one is put off.
	Addresses map[string]string
	Others    map[string][]string
	Pending   int
	Asked     int
}

// Represents implements submit.Representation.
func (r *Registers) Represents(_ context.Context, person, company string) (bool, error) {
	if r.Down || len(person) != 16 { // it has no answer for what is no person's tax code
		return false, ErrOutside
	}
	return slices.Contains(r.Represent[person], company), nil
}

// Certified implements notify.Addresses.
func (r *Registers) Certified(_ context.Context, who application.Party, tried []string, _, ticket string) (string, bool, string, error) {
	r.Asked++
	switch {
	case r.Down:
		return "", false, "", ErrOutside
	case r.Pending > 0:
		r.Pending--
		return "", true, ticket + "t", nil
	}
	for _, address := range append([]string{r.Addresses[who.TaxCode]}, r.Others[who.TaxCode]...) {
		if !slices.Contains(tried, address) {
			return address, false, "", nil
		}
	}
	return "", false, "", nil
}

// ---- chambers' own protocols ----

// Protocol is the protocols that chambers keep themselves.
type Protocol struct {
	Now func() time.Time
	// Down does not answer; Refuse takes no document; Lose is how often a number is given and the answer lost; Twice makes two numbers of one.
	Down, Refuse, Twice bool
	Lose                int
	// Ended answers as a call does whose time is over.
	Ended bool
	// Numbers are those given, by reference, and Asked the documents that a number was asked for, in order.
	Numbers map[string][]application.External
	Asked   []external.Question
	given   int
}

// Find implements external.System.
func (p *Protocol) Find(ctx context.Context, _, reference string) ([]application.External, error) {
	if p.Down {
		return nil, ErrOutside
	}
	if p.Ended {
		return nil, ctx.Err()
	}
	return p.Numbers[reference], nil
}

// Register implements external.System.
func (p *Protocol) Register(_ context.Context, chamber string, q external.Question) (application.External, error) {
	switch {
	case p.Down:
		return application.External{}, ErrOutside
	case p.Refuse:
		return application.External{}, external.ErrRefused
	}
	p.Asked = append(p.Asked, q)
	if p.Numbers == nil {
		p.Numbers = map[string][]application.External{}
	}
	times := 1
	if p.Twice {
		times = 2
	}
	for range times {
		p.given++
		p.Numbers[q.Reference] = append(p.Numbers[q.Reference], application.External{
			Number: fmt.Sprintf("%07d", 900+p.given), Year: p.Now().Year(), Date: p.Now().Format(time.DateOnly), Register: "PG-" + chamber,
		})
	}
	if p.Lose > 0 {
		p.Lose--
		return application.External{}, ErrOutside
	}
	return p.Numbers[q.Reference][0], nil
}

// ---- preservation ----

// Keeper is the preservation provider.
type Keeper struct {
	// States are what Receipt says at the next calls about a package it has, in order; then it is preserved.
	States []keeping.Receipt
	// Refuse makes Deposit refuse; Forge makes receipts that nobody signed.
	Refuse, Forge, Down bool
	// Packages are what was deposited, by id, with how often.
	Packages map[string][]byte
	Deposits int
}

// Deposit implements keeping.Provider.
func (k *Keeper) Deposit(_ context.Context, id string, zip []byte) error {
	switch {
	case k.Down:
		return ErrOutside
	case k.Refuse:
		return keeping.ErrRefused
	}
	if kept, ok := k.Packages[id]; ok && !slices.Equal(kept, zip) {
		return errors.New("flowtest: other bytes under the same id")
	}
	k.Packages[id] = zip
	k.Deposits++
	return nil
}

// Receipt implements keeping.Provider.
func (k *Keeper) Receipt(_ context.Context, id string) (keeping.Receipt, error) {
	zip, ok := k.Packages[id]
	switch {
	case k.Down:
		return keeping.Receipt{}, ErrOutside
	case !ok:
		return keeping.Receipt{State: keeping.Unknown}, nil
	case len(k.States) > 0:
		r := k.States[0]
		k.States = k.States[1:]
		return r, nil
	}
	sum := sha256.Sum256(zip)
	signed := fmt.Sprintf("signed %s %x", id, sum)
	if k.Forge {
		signed = "forged"
	}
	return keeping.Receipt{State: keeping.Preserved, Signed: []byte(signed)}, nil
}

// Verify implements keeping.Provider.
func (k *Keeper) Verify(receipt []byte, id string, digest [32]byte, _ time.Time) error {
	if string(receipt) != fmt.Sprintf("signed %s %x", id, digest) {
		return errors.New("flowtest: not signed")
	}
	return nil
}

// ---- seals and timestamps ----

// Seals is the key that seals: the same input, the same bytes.
type Seals struct {
	Down   bool
	Sealed int
}

// Detached implements sealing.Sealer.
func (s *Seals) Detached(_ context.Context, content []byte, at time.Time) ([]byte, error) {
	if s.Down {
		return nil, ErrOutside
	}
	s.Sealed++
	return fmt.Appendf(nil, "sealed %x at %s", sha256.Sum256(content), at.Format(time.RFC3339)), nil
}

// Receipt implements receipt.Sealer.
func (s *Seals) Receipt(ctx context.Context, printed []byte, _ application.Application, at time.Time) ([]byte, error) {
	seal, err := s.Detached(ctx, printed, at)
	return slices.Concat(printed, seal), err
}

// Stamper is the time-stamping authority: no two of its tokens are the same.
type Stamper struct {
	Down, Refuse bool
	Stamped      int
}

// Stamp implements sealing.Stamper.
func (s *Stamper) Stamp(_ context.Context, content []byte) ([]byte, error) {
	switch {
	case s.Down:
		return nil, ErrOutside
	case s.Refuse:
		return nil, sealing.ErrRefused
	}
	s.Stamped++
	return fmt.Appendf(nil, "stamped %x, token %d", sha256.Sum256(content), s.Stamped), nil
}

// printed is a receipt as the tests print it: the same data, the same bytes.
func printed(w io.Writer, a application.Application, r casefile.Receipt) error {
	return json.NewEncoder(w).Encode(map[string]any{"owner": a.Owner, "receipt": r})
}

var (
	_ notify.Writer         = (*Mail)(nil)
	_ notify.Provider       = (*Mail)(nil)
	_ inbox.Mailbox         = (*Mail)(nil)
	_ inbox.Reader          = (*Mail)(nil)
	_ submit.Representation = (*Registers)(nil)
	_ notify.Addresses      = (*Registers)(nil)
	_ keeping.Provider      = (*Keeper)(nil)
	_ external.System       = (*Protocol)(nil)
	_ sealing.Sealer        = (*Seals)(nil)
	_ sealing.Stamper       = (*Stamper)(nil)
)
