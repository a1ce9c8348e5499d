package pec

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"sportello/infra/local/outside/bearer"
	"sportello/infra/local/outside/mailbox"
	"sportello/infra/local/outside/state"
	"sportello/infra/local/outside/trust"
)

// Config is what the provider needs; every field is required but Pace.
type Config struct {
	Name   string // gestore-emittente
	Domain string // of posta-certificata@ and of the identifiers
	// Signer signs receipts and envelopes, its chain ends in Authority. Stranger is a signer of an
	// authority nobody trusts.
	Signer, Stranger *trust.Identity
	Authority        *trust.Authority
	Mailboxes        *mailbox.Store
	Dir              string // of the provider's own records
	Clock            state.Clock
	Log              *slog.Logger
	// Pace is the real time between acceptance and delivery.
	Pace time.Duration
}

// Provider is a certified-mail provider. Its methods may be called from several goroutines.
type Provider struct {
	Config
	messages *state.Collection[Message]
	attempts *state.Collection[int]
	holdFile string

	mu      sync.Mutex
	hold    Hold
	pending map[string]bool
	wake    chan struct{}
	tick    sync.Mutex // one run of the steps at a time
}

// Hold is the switch that stops the automatic steps.
type Hold struct {
	On bool `json:"on"`
	// Until, if set, releases the hold when the simulated clock passes it.
	Until time.Time `json:"until,omitzero"`
}

// MaxSize is the most that recipients times size may be (RFC 6109 section 3.1.1).
const MaxSize = 30 << 20

// Open reads the provider's records. Steps that a crash left undone are done by Run.
func Open(cfg Config) (*Provider, error) {
	if cfg.Name == "" || cfg.Domain == "" || cfg.Signer == nil || cfg.Stranger == nil || cfg.Authority == nil ||
		cfg.Mailboxes == nil || cfg.Dir == "" || cfg.Log == nil {
		return nil, errors.New("pec: incomplete configuration")
	}
	p := &Provider{
		Config: cfg, holdFile: filepath.Join(cfg.Dir, "hold.json"),
		pending: map[string]bool{}, wake: make(chan struct{}, 1),
	}
	var err error
	if p.messages, err = state.OpenCollection[Message](filepath.Join(cfg.Dir, "messages")); err != nil {
		return nil, err
	}
	if p.attempts, err = state.OpenCollection[int](filepath.Join(cfg.Dir, "attempts")); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(cfg.Dir, "originals"), 0o700); err != nil {
		return nil, fmt.Errorf("opening the provider: %w", err)
	}
	if _, err := state.ReadJSON(p.holdFile, &p.hold); err != nil {
		return nil, err
	}
	for _, m := range p.messages.All() {
		if m.Pending() {
			p.pending[m.ID] = true
		}
	}
	return p, nil
}

// Submission is a message as it reaches the provider.
type Submission struct {
	From      string
	To        []string
	Raw       []byte
	Certified bool
}

// Submit takes a message in charge: when it returns, the message is on disk and its receipts will
// come. The same message submitted twice is two messages, as it is with a real provider.
func (p *Provider) Submit(s Submission) (Message, error) {
	now := time.Now()
	at := p.Clock.Now()
	id := fmt.Sprintf("%013d-%s", now.UnixMilli(), strings.ToLower(bearer.NewHex(6)))
	m := Message{
		ID: id, From: mailbox.Normal(s.From), Certified: s.Certified, ReceivedAt: at, Size: len(s.Raw),
		Identifier: fmt.Sprintf("opec.%s.%s@%s", at.Format("20060102150405"), strings.ReplaceAll(id, "-", "."), p.Domain),
	}
	for _, to := range s.To {
		m.To = append(m.To, Recipient{Address: mailbox.Normal(to), Certified: Certified(to), Behaviour: behaviourOf(to)})
	}
	defect := p.read(&m, s.Raw)
	m.Steps = plan(m, defect, now, at, p.Pace)
	if err := state.WriteFile(p.original(id), s.Raw, 0o600); err != nil {
		return Message{}, fmt.Errorf("taking a message in charge: %w", err)
	}
	if err := p.messages.Put(id, m); err != nil {
		return Message{}, fmt.Errorf("taking a message in charge: %w", err)
	}
	if m.Pending() {
		p.mu.Lock()
		p.pending[id] = true
		p.mu.Unlock()
		p.Wake()
	}
	return m, nil
}

func (p *Provider) original(id string) string {
	return filepath.Join(p.Dir, "originals", filepath.Base(id)+".eml")
}

// Original returns the bytes of a message as it was submitted.
func (p *Provider) Original(id string) ([]byte, error) { return os.ReadFile(p.original(id)) }

// Messages lists the messages, oldest first; with an address, those from it or to it.
func (p *Provider) Messages(address string) []Message {
	list := p.messages.All()
	if address = mailbox.Normal(address); address == "" {
		return list
	}
	return slices.DeleteFunc(list, func(m Message) bool {
		return m.From != address && !slices.ContainsFunc(m.To, func(r Recipient) bool { return r.Address == address })
	})
}

// Message returns one message.
func (p *Provider) Message(id string) (Message, bool) { return p.messages.Get(id) }

// Attempt counts the attempts at a message, this one included.
func (p *Provider) Attempt(key string) (int, error) {
	n := 0
	err := p.attempts.Update(key, func(v *int, _ bool) error {
		*v++
		n = *v
		return nil
	})
	return n, err
}

// SetHold turns the hold on or off.
func (p *Provider) SetHold(h Hold) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := state.WriteJSON(p.holdFile, h); err != nil {
		return err
	}
	p.hold = h
	p.Wake()
	return nil
}

// Holding tells whether the automatic steps are stopped now.
func (p *Provider) Holding() (Hold, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hold, p.hold.On || p.Clock.Now().Before(p.hold.Until)
}

// Wake makes Run look at once.
func (p *Provider) Wake() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Run does the automatic steps when they are due, until the context ends.
func (p *Provider) Run(ctx context.Context) {
	for {
		wait := p.Advance(time.Now())
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-p.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// idle is how long Run waits when nothing is due; the clock that a hold depends on moves unannounced.
const idle = time.Second

// Advance does every step due at now and tells how long to wait for the next.
func (p *Provider) Advance(now time.Time) time.Duration {
	p.tick.Lock()
	defer p.tick.Unlock()
	if _, held := p.Holding(); held {
		return idle
	}
	wait := idle
	for _, id := range p.due() {
		m, _ := p.messages.Get(id)
		next, err := p.advance(m, now)
		if err != nil {
			p.Log.Error("certified message not moved on", "id", id, "err", err)
			continue
		}
		if next < wait {
			wait = next
		}
	}
	return wait
}

func (p *Provider) due() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	ids := make([]string, 0, len(p.pending))
	for id := range p.pending {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// advance does the due steps of one message in order.
func (p *Provider) advance(m Message, now time.Time) (time.Duration, error) {
	for i, s := range m.Steps {
		if s.Done {
			continue
		}
		if wait := s.Due.Sub(now); wait > 0 {
			return wait, nil
		}
		if err := p.do(m.ID, i, s); err != nil {
			return 0, err
		}
	}
	p.mu.Lock()
	delete(p.pending, m.ID)
	p.mu.Unlock()
	return idle, nil
}

// do makes the message of a step, delivers it and records that. The mailbox knows the step by its
// key: a crash before the record makes the step be done again, and delivered no second time.
func (p *Provider) do(id string, i int, s Step) error {
	m, _ := p.messages.Get(id)
	at := s.Stamp
	if at.IsZero() {
		at = p.Clock.Now()
	}
	address := m.From
	if s.Kind == transport || s.Kind == anomaly {
		address = s.Recipient
	}
	box, err := p.Mailboxes.Box(address)
	if err != nil {
		return err
	}
	raw, err := p.again(m, s, box)
	if raw == nil && err == nil {
		raw, err = p.compose(m, s, at)
	}
	if err != nil {
		return fmt.Errorf("composing %s: %w", s.Kind, err)
	}
	uid, err := box.Deliver(fmt.Sprintf("%s/%d", id, i), raw)
	if err != nil {
		return err
	}
	return p.messages.Update(id, func(m *Message, _ bool) error {
		m.Steps[i].Done = true
		if address == m.From && s.Kind != transport && s.Kind != anomaly {
			m.Receipts = append(m.Receipts, Receipt{Kind: s.Kind, Recipient: s.Recipient, At: at, Flaw: s.Flaw, Mailbox: address, UID: uid})
		}
		return nil
	})
}

// again returns the very bytes of a receipt that was given already, for the behaviour that gives
// each twice; nil when it was not, or is not in the mailbox any more.
func (p *Provider) again(m Message, s Step, box *mailbox.Mailbox) ([]byte, error) {
	for _, r := range m.Receipts {
		if r.Kind == s.Kind && r.Recipient == s.Recipient {
			raw, err := box.Read(r.UID)
			if errors.Is(err, os.ErrNotExist) {
				return nil, nil
			}
			return raw, err
		}
	}
	return nil, nil
}

// Issue makes a receipt on demand and puts it into the sender's mailbox.
func (p *Provider) Issue(id string, s Step) (Receipt, error) {
	m, found := p.messages.Get(id)
	if !found {
		return Receipt{}, fmt.Errorf("nessun messaggio %q", id)
	}
	if !slices.Contains(Kinds(), s.Kind) {
		return Receipt{}, fmt.Errorf("tipo di ricevuta %q sconosciuto", s.Kind)
	}
	if !slices.Contains(Flaws(), s.Flaw) {
		return Receipt{}, fmt.Errorf("difetto %q sconosciuto", s.Flaw)
	}
	if s.Recipient == "" && len(m.To) > 0 && s.Kind != Acceptance && s.Kind != NonAcceptance {
		s.Recipient = m.To[0].Address
	}
	s = explained(s)
	at := s.Stamp
	if at.IsZero() {
		at = p.Clock.Now()
	}
	raw, err := p.compose(m, s, at)
	if err != nil {
		return Receipt{}, fmt.Errorf("composing %s: %w", s.Kind, err)
	}
	box, err := p.Mailboxes.Box(m.From)
	if err != nil {
		return Receipt{}, err
	}
	uid, err := box.Deliver("", raw)
	if err != nil {
		return Receipt{}, err
	}
	r := Receipt{Kind: s.Kind, Recipient: s.Recipient, At: at, Flaw: s.Flaw, Mailbox: m.From, UID: uid}
	return r, p.messages.Update(id, func(m *Message, _ bool) error {
		m.Receipts = append(m.Receipts, r)
		return nil
	})
}

// explained gives an error receipt the code and words it cannot be without.
func explained(s Step) Step {
	if s.Error != "" {
		return s
	}
	switch s.Kind {
	case NonAcceptance:
		s.Error, s.Detail = "altro", "5.6.0 - Gestore PEC di prova - messaggio non accettato"
	case DeliveryError:
		s.Error, s.Detail = "no-dest", "5.1.1 - Gestore PEC di prova - indirizzo non valido"
	case Warning:
		s.Error, s.Detail = "altro", "4.4.7 - Gestore PEC di prova - consegna non avvenuta nelle prime 12 ore"
	case VirusFound:
		s.Error, s.Detail = "virus", "5.7.1 - Gestore PEC di prova - il messaggio contiene un virus"
	}
	return s
}
