// Package chamberprotocol is the protocol system (protocollo informatico) that a chamber keeps itself: it gives numbers of its own to
// what other systems of the chamber register with it. Whoever asks twice with the same Idempotency-Key gets the same number;
// whoever asks twice without one gets two.
package chamberprotocol

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"sportello/infra/local/outside/calls"
	"sportello/infra/local/outside/people"
	"sportello/infra/local/outside/state"
)

// Service is the system's name among those that have a switch.
const Service = "protocollo-camera"

// Outcomes a person or a test can ask for, for the next registration.
const (
	Normal    = "ok"
	Error     = "error"     // 503, nothing is kept
	Lost      = "lost"      // numbered, but the answer is a 502
	Duplicate = "duplicate" // two numbers for one reference
	Never     = "never"     // taken in, and numbered only by hand
	Refuse    = "refuse"    // 422
)

// Outcomes lists them.
func Outcomes() []string { return []string{Normal, Error, Lost, Duplicate, Never, Refuse} }

// Registration is what was asked and the number it has.
type Registration struct {
	ID        string    `json:"id"`
	Chamber   string    `json:"chamber"`
	Key       string    `json:"key,omitempty"` // Idempotency-Key it came with
	Reference string    `json:"riferimento"`
	Direction string    `json:"flusso"` // E entrata, U uscita
	Subject   string    `json:"oggetto"`
	Digest    string    `json:"impronta"`
	Repertory string    `json:"repertorio"` // the number the asking system gave
	Number    int       `json:"numero,omitempty"`
	Year      int       `json:"anno,omitempty"`
	At        time.Time `json:"ricevuta"`
	Date      string    `json:"data,omitempty"`
}

// NumberText is the number with at least seven digits (DPR 445/2000 art. 57).
func (r Registration) NumberText() string {
	if r.Number == 0 {
		return ""
	}
	return fmt.Sprintf("%07d", r.Number)
}

// Config is what the system needs; every field is required.
type Config struct {
	Dir string
	// KeyFile holds the key of each chamber's clients; it is honoured if it is there, else made.
	KeyFile string
	Calls   *calls.Log
	Clock   state.Clock
	Log     *slog.Logger
}

// System keeps the protocols of all chambers. It may be used from several goroutines.
type System struct {
	Config
	keys map[string]string

	mu       sync.Mutex
	register *state.Collection[Registration]
	next     string
	last     map[string]int // chamber and year -> last number
}

// Open reads the registers.
func Open(cfg Config) (*System, error) {
	if cfg.Dir == "" || cfg.KeyFile == "" || cfg.Calls == nil || cfg.Log == nil {
		return nil, errors.New("chamberprotocol: incomplete configuration")
	}
	s := &System{Config: cfg, keys: map[string]string{}, next: Normal, last: map[string]int{}}
	var err error
	if s.register, err = state.OpenCollection[Registration](filepath.Join(cfg.Dir, "register")); err != nil {
		return nil, err
	}
	for _, r := range s.register.All() {
		s.last[book(r.Chamber, r.Year)] = max(s.last[book(r.Chamber, r.Year)], r.Number)
	}
	if _, err := state.ReadJSON(s.nextFile(), &s.next); err != nil {
		return nil, err
	}
	found, err := state.ReadJSON(cfg.KeyFile, &s.keys)
	if err != nil || found {
		return s, err
	}
	for _, chamber := range people.Chambers() {
		s.keys[chamber] = rand.Text()
	}
	return s, state.WriteJSON(cfg.KeyFile, s.keys)
}

func book(chamber string, year int) string { return fmt.Sprintf("%s#%d", chamber, year) }

func (s *System) nextFile() string { return filepath.Join(s.Dir, "next.json") }

// SetNext chooses what happens to the next registration.
func (s *System) SetNext(outcome string) error {
	if !slices.Contains(Outcomes(), outcome) {
		return fmt.Errorf("esito %q sconosciuto", outcome)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = outcome
	return state.WriteJSON(s.nextFile(), outcome)
}

// Next is what will happen to the next registration.
func (s *System) Next() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.next
}

// What Register may answer besides a number.
var (
	ErrUnavailable = errors.New("servizio non disponibile")
	ErrLost        = errors.New("risposta persa")
	ErrRefused     = errors.New("registrazione rifiutata (rifiuto di prova)")
	ErrOther       = errors.New("la chiave appartiene a un’altra registrazione")
)

// Register takes a document in and numbers it. fresh is false when the same key has been here before.
func (s *System) Register(asked Registration) (r Registration, fresh bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked.ID = strings.ToLower(rand.Text())
	if asked.Key != "" {
		asked.ID = asked.Chamber + " " + asked.Key
		if before, found := s.register.Get(asked.ID); found {
			if before.Reference != asked.Reference || before.Digest != asked.Digest {
				return r, false, ErrOther
			}
			return before, false, nil
		}
	}
	outcome := s.next
	if outcome != Normal {
		s.next = Normal
		if err := state.WriteJSON(s.nextFile(), Normal); err != nil {
			return r, false, err
		}
	}
	switch outcome {
	case Error:
		return r, false, ErrUnavailable
	case Refuse:
		return r, false, ErrRefused
	}
	asked.At = s.Clock.Now()
	if outcome != Never {
		s.number(&asked)
	}
	if err := s.register.Put(asked.ID, asked); err != nil {
		return r, false, err
	}
	switch outcome {
	case Duplicate:
		second := asked
		second.ID, second.Key = strings.ToLower(rand.Text()), ""
		s.number(&second)
		return asked, true, s.register.Put(second.ID, second)
	case Lost:
		return asked, true, ErrLost
	}
	return asked, true, nil
}

// number gives the next number of the year in Rome.
func (s *System) number(r *Registration) {
	at := s.Clock.Now()
	if rome, err := time.LoadLocation("Europe/Rome"); err == nil {
		at = at.In(rome)
	}
	r.Year, r.Date = at.Year(), at.Format(time.DateOnly)
	s.last[book(r.Chamber, r.Year)]++
	r.Number = s.last[book(r.Chamber, r.Year)]
}

// Number numbers by hand what was only taken in.
func (s *System) Number(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, found := s.register.Get(id)
	if !found || r.Number != 0 {
		return errors.New("nessuna registrazione in attesa con questo identificativo")
	}
	s.number(&r)
	return s.register.Put(id, r)
}

// Find lists what has a reference, by number; what waits for one is not there.
func (s *System) Find(chamber, reference string) []Registration {
	found := []Registration{}
	for _, r := range s.register.All() {
		if r.Chamber == chamber && r.Reference == reference && r.Number != 0 {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(a, b Registration) int { return a.Year*1e8 + a.Number - b.Year*1e8 - b.Number })
	return found
}

// All lists everything, newest first.
func (s *System) All() []Registration {
	list := s.register.All()
	slices.SortStableFunc(list, func(a, b Registration) int { return b.At.Compare(a.At) })
	return list
}
