// Package institute is a payment institute that is also the intermediary of its creditors at
// pagoPA: debt positions with a notice number (GPD version 1), a hosted page where a person pays
// (Checkout carts), signed callbacks, refunds. Money and cards are made up; what goes wrong in real
// life can be asked for, by a person on the page or by a test.
//
// A position holds everything that happened to it, callbacks to be made included, in one record:
// what the institute has answered is on disk, and a killed process goes on where it stopped.
package institute

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"sportello/infra/local/outside/calls"
	"sportello/infra/local/outside/state"
)

// States of a position, as GPD names them.
const (
	Draft   = "DRAFT"
	Valid   = "VALID"
	Paid    = "PAID"
	Expired = "EXPIRED"
	Invalid = "INVALID"
)

// Position is a debt position with its one payment option, and its history.
type Position struct {
	IUPD            string     `json:"iupd"`
	Organization    string     `json:"organization"`
	Type            string     `json:"type"`
	FiscalCode      string     `json:"fiscalCode"`
	FullName        string     `json:"fullName"`
	CompanyName     string     `json:"companyName"`
	SwitchToExpired bool       `json:"switchToExpired"`
	IUV             string     `json:"iuv"`
	NAV             string     `json:"nav"`
	Amount          int64      `json:"amount"`
	Description     string     `json:"description"`
	DueDate         time.Time  `json:"dueDate"`
	Transfers       []Transfer `json:"transfers"`
	State           string     `json:"state"`
	InsertedAt      time.Time  `json:"insertedAt"`
	PublishedAt     time.Time  `json:"publishedAt,omitzero"`
	UpdatedAt       time.Time  `json:"updatedAt"`

	Receipts []Receipt `json:"receipts"`
	Notices  []Notice  `json:"notices"`
	Refunds  []Refund  `json:"refunds"`
}

// Receipt is a payment that was made.
type Receipt struct {
	ID     string    `json:"id"`
	Amount int64     `json:"amount"`
	PaidAt time.Time `json:"paidAt"`
	PSP    string    `json:"psp"`
	Method string    `json:"method"`
}

// Refund is money given back, or on its way.
type Refund struct {
	ID          string    `json:"id"`
	Key         string    `json:"key"` // the creditor's idempotency key
	ReceiptID   string    `json:"receiptId"`
	Amount      int64     `json:"amount"`
	Reason      string    `json:"reason,omitempty"`
	RequestedAt time.Time `json:"requestedAt"`
	Due         time.Time `json:"due"`
	SettledAt   time.Time `json:"settledAt,omitzero"`
}

// key is the record's id: an IUPD is unique within its creditor only.
func (p Position) key() string { return p.Organization + "/" + p.IUPD }

// at is the state at an instant: a position that says so expires by itself.
func (p Position) at(now time.Time) string {
	if p.State == Valid && p.SwitchToExpired && now.After(p.DueDate) {
		return Expired
	}
	return p.State
}

// restless tells whether time alone will make something happen to it.
func (p Position) restless() bool {
	return slices.ContainsFunc(p.Notices, Notice.waiting) ||
		slices.ContainsFunc(p.Refunds, func(r Refund) bool { return r.SettledAt.IsZero() })
}

// Config is what the institute needs; every field is required but Client.
type Config struct {
	Base     string // public URL of the outside world
	Callback string // where the creditor takes callbacks
	Dir      string
	KeyDir   string
	// KeyFile holds the subscription key; it is honoured if it is there, else made.
	KeyFile string
	Calls   *calls.Log
	Clock   state.Clock
	Log     *slog.Logger
	Client  *http.Client
}

// Institute may be used from several goroutines.
type Institute struct {
	Config
	key       string
	sealer    *sealer
	positions *state.Collection[Position]
	carts     *state.Collection[Cart]
	wake      chan struct{}

	mu       sync.Mutex
	numbers  map[string]string   // organization/NAV -> position
	refunds  map[string]string   // refund or idempotency key -> position
	restless map[string]struct{} // positions that time will change
}

// Errors of what a creditor or a person asks.
var (
	ErrUnknown  = errors.New("posizione debitoria sconosciuta")
	ErrConflict = errors.New("la posizione debitoria esiste già")
)

// callbackPatience is how long the institute waits for one answer of the creditor.
const callbackPatience = 20 * time.Second

// Open reads the institute's records.
func Open(cfg Config) (*Institute, error) {
	if cfg.Base == "" || cfg.Dir == "" || cfg.KeyDir == "" || cfg.KeyFile == "" || cfg.Calls == nil || cfg.Log == nil {
		return nil, errors.New("institute: incomplete configuration")
	}
	i := &Institute{
		Config: cfg, wake: make(chan struct{}, 1),
		numbers: map[string]string{}, refunds: map[string]string{}, restless: map[string]struct{}{},
	}
	if i.Client == nil {
		i.Client = &http.Client{Timeout: callbackPatience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	var err error
	if i.sealer, err = openSealer(cfg.KeyDir, "institute"); err != nil {
		return nil, err
	}
	if i.key, err = subscription(cfg.KeyFile); err != nil {
		return nil, err
	}
	if i.carts, err = state.OpenCollection[Cart](cfg.Dir + "/carts"); err != nil {
		return nil, err
	}
	if i.positions, err = state.OpenCollection[Position](cfg.Dir + "/positions"); err != nil {
		return nil, err
	}
	for _, p := range i.positions.All() {
		i.index(p)
	}
	return i, nil
}

func subscription(file string) (string, error) {
	var kept struct {
		Key string `json:"key"`
	}
	found, err := state.ReadJSON(file, &kept)
	if err != nil || found {
		return kept.Key, err
	}
	kept.Key = rand.Text()
	return kept.Key, state.WriteJSON(file, kept)
}

func (i *Institute) index(p Position) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.numbers[p.Organization+"/"+p.NAV] = p.key()
	for _, r := range p.Refunds {
		i.refunds[r.ID], i.refunds["key/"+r.Key] = p.key(), p.key()
	}
	delete(i.restless, p.key())
	if p.restless() {
		i.restless[p.key()] = struct{}{}
	}
}

// Create keeps a new position. A creditor that repeats itself is told so and has to ask how its
// position is, as with the real one.
func (i *Institute) Create(p Position) (Position, error) {
	now := i.Clock.Now()
	p.InsertedAt, p.UpdatedAt = now, now
	if p.State == Valid {
		p.PublishedAt = now
	}
	if !i.reserve(p) {
		return Position{}, ErrConflict
	}
	err := i.positions.Update(p.key(), func(v *Position, found bool) error {
		if found {
			return ErrConflict
		}
		*v = p
		return nil
	})
	return p, err
}

// reserve takes the notice number, unless another position has it.
func (i *Institute) reserve(p Position) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	owner, taken := i.numbers[p.Organization+"/"+p.NAV]
	if taken && owner != p.key() {
		return false
	}
	if _, found := i.positions.Get(p.key()); !found {
		i.numbers[p.Organization+"/"+p.NAV] = p.key()
	}
	return true
}

// change changes a position under the collection's lock and keeps the indexes.
func (i *Institute) change(key string, f func(p *Position) error) (Position, error) {
	var changed Position
	err := i.positions.Update(key, func(p *Position, found bool) error {
		if !found {
			return ErrUnknown
		}
		err := f(p)
		changed = *p
		return err
	})
	if err == nil {
		i.index(changed)
	}
	return changed, err
}

// Position finds a position by creditor and IUPD.
func (i *Institute) Position(organization, iupd string) (Position, bool) {
	return i.positions.Get(organization + "/" + iupd)
}

// Find finds a position by notice number or IUV; without a creditor, any creditor's.
func (i *Institute) Find(organization, number string) (Position, bool) {
	if len(number) == 17 {
		number = "3" + number
	}
	i.mu.Lock()
	key, found := i.numbers[organization+"/"+number]
	if organization == "" {
		for of, p := range i.numbers {
			if strings.HasSuffix(of, "/"+number) {
				key, found = p, true
			}
		}
	}
	i.mu.Unlock()
	if !found {
		return Position{}, false
	}
	return i.positions.Get(key)
}

// Positions lists them, newest first.
func (i *Institute) Positions() []Position {
	list := i.positions.All()
	slices.SortStableFunc(list, func(a, b Position) int { return b.InsertedAt.Compare(a.InsertedAt) })
	return list
}

// Publish makes a draft payable.
func (i *Institute) Publish(key string) (Position, error) {
	return i.change(key, func(p *Position) error {
		if p.State != Draft {
			return fmt.Errorf("la posizione è %s, non in bozza", p.at(i.Clock.Now()))
		}
		p.State, p.PublishedAt, p.UpdatedAt = Valid, i.Clock.Now(), i.Clock.Now()
		return nil
	})
}

// Invalidate makes a position that nobody has paid unpayable.
func (i *Institute) Invalidate(key string) (Position, error) {
	return i.change(key, func(p *Position) error {
		now := i.Clock.Now()
		if s := p.at(now); s != Valid {
			return fmt.Errorf("la posizione è %s, non può essere annullata", s)
		}
		p.State, p.UpdatedAt = Invalid, now
		return nil
	})
}
