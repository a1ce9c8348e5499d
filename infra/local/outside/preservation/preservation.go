// Package preservation is a long-term preservation provider (conservatore): it takes submission
// packages in (pacchetti di versamento), checks their digest, and gives back a signed report
// (rapporto di versamento) with UTC time and the digest of the whole package.
package preservation

import (
	"context"
	"crypto/rand"
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
	"sportello/infra/local/outside/state"
	"sportello/infra/local/outside/trust"
)

// States of a package.
const (
	Received  = "received"
	Preserved = "preserved"
	Refused   = "refused"
)

// Outcomes a person or a test can ask for, either for the next package that comes in or by a
// marker anywhere in the package's id.
const (
	Normal = "ok"
	Refuse = "refuse" // refused, with a reason
	Delay  = "delay"  // preserved a simulated day later, or on demand
	Twice  = "twice"  // two reports, with different identifiers
	Never  = "never"  // stays received until asked by hand
	Error  = "error"  // 503 to the submission, nothing is kept
	Lost   = "lost"   // kept, but the answer to the submission is a 502
)

// Outcomes lists them.
func Outcomes() []string { return []string{Normal, Refuse, Delay, Twice, Never, Error, Lost} }

// Package is a package that was taken in.
type Package struct {
	ID         string    `json:"id"`
	State      string    `json:"state"`
	SHA256     string    `json:"sha256"` // hexadecimal, of the whole package
	Size       int64     `json:"size"`
	ReceivedAt time.Time `json:"receivedAt"`
	DecidedAt  time.Time `json:"decidedAt,omitzero"`
	Reason     string    `json:"reason,omitempty"`
	Outcome    string    `json:"outcome"`
	Due        time.Time `json:"due,omitzero"` // simulated time of a delayed decision
	// Submissions counts how many times it was submitted with the same bytes.
	Submissions int      `json:"submissions"`
	Reports     []Report `json:"reports"`
	Entries     []string `json:"entries"` // names of the files inside
}

// Report is a rapporto di versamento; the signed bytes are in a file named by its id.
type Report struct {
	ID string    `json:"id"`
	At time.Time `json:"at"`
}

// Credentials of the one client.
type Credentials struct {
	User     string `json:"user"`
	Password string `json:"password"`
}

// Config is what the provider needs; every field is required but Pace.
type Config struct {
	Name      string
	Signer    *trust.Identity
	Authority *trust.Authority
	Dir       string
	// CredentialsFile is honoured if it is there, else made with a random password.
	CredentialsFile string
	Clock           state.Clock
	Log             *slog.Logger
	// Pace is the real time between taking in and preserving.
	Pace time.Duration
}

// Provider is a preservation provider. Its methods may be called from several goroutines.
type Provider struct {
	Config
	credentials Credentials
	packages    *state.Collection[Package]

	mu   sync.Mutex
	next string
	wake chan struct{}
}

// ErrOther is returned by Take for an id that was used with other bytes.
var ErrOther = errors.New("preservation: the id belongs to another package")

// Open reads the provider's records.
func Open(cfg Config) (*Provider, error) {
	if cfg.Name == "" || cfg.Signer == nil || cfg.Authority == nil || cfg.Dir == "" || cfg.CredentialsFile == "" || cfg.Log == nil {
		return nil, errors.New("preservation: incomplete configuration")
	}
	p := &Provider{Config: cfg, next: Normal, wake: make(chan struct{}, 1)}
	found, err := state.ReadJSON(cfg.CredentialsFile, &p.credentials)
	if err != nil {
		return nil, err
	}
	if !found {
		p.credentials = Credentials{User: "sportello", Password: rand.Text()}
		if err := state.WriteJSON(cfg.CredentialsFile, p.credentials); err != nil {
			return nil, err
		}
	}
	for _, sub := range []string{"content", "reports"} {
		if err := os.MkdirAll(filepath.Join(cfg.Dir, sub), 0o700); err != nil {
			return nil, fmt.Errorf("opening the provider: %w", err)
		}
	}
	if p.packages, err = state.OpenCollection[Package](filepath.Join(cfg.Dir, "packages")); err != nil {
		return nil, err
	}
	if _, err := state.ReadJSON(p.nextFile(), &p.next); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *Provider) nextFile() string { return filepath.Join(p.Dir, "next.json") }

// SetNext chooses what happens to the next new package.
func (p *Provider) SetNext(outcome string) error {
	if !slices.Contains(Outcomes(), outcome) {
		return fmt.Errorf("esito %q sconosciuto", outcome)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := state.WriteJSON(p.nextFile(), outcome); err != nil {
		return err
	}
	p.next = outcome
	return nil
}

// Next is what will happen to the next new package.
func (p *Provider) Next() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.next
}

// outcome spends the choice made for the next package; a marker in the id comes first and leaves
// the choice for a package without one.
func (p *Provider) outcome(id string) (string, error) {
	for _, o := range Outcomes() {
		if o != Normal && slices.Contains(strings.FieldsFunc(strings.ToLower(id), separator), o) {
			return o, nil
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	chosen := p.next
	if chosen == Normal {
		return Normal, nil
	}
	if err := state.WriteJSON(p.nextFile(), Normal); err != nil {
		return "", err
	}
	p.next = Normal
	return chosen, nil
}

func separator(r rune) bool { return strings.ContainsRune("-_./: ", r) }

// ErrUnavailable is returned by Take when the outcome is Error: nothing was kept.
var ErrUnavailable = errors.New("preservation: not available")

// Take keeps a package. The same id with the same bytes returns the package as it is; with other
// bytes, ErrOther. When it returns without error the bytes and the record are on disk.
func (p *Provider) Take(id, digest string, raw []byte) (Package, error) {
	if old, found := p.packages.Get(id); found {
		return p.repeated(old, digest)
	}
	outcome, err := p.outcome(id)
	if err != nil {
		return Package{}, err
	}
	if outcome == Error {
		return Package{}, ErrUnavailable
	}
	if err := state.WriteFile(filepath.Join(p.Dir, "content", digest+".zip"), raw, 0o600); err != nil {
		return Package{}, fmt.Errorf("taking a package in: %w", err)
	}
	fresh := Package{
		ID: id, State: Received, SHA256: digest, Size: int64(len(raw)), ReceivedAt: p.Clock.Now(),
		Outcome: outcome, Submissions: 1, Entries: entries(raw),
	}
	if outcome == Delay {
		fresh.Due = fresh.ReceivedAt.Add(24 * time.Hour)
	}
	kept, err := p.keep(fresh)
	p.Wake()
	return kept, err
}

// keep writes the record, unless another submission of the same id came first.
func (p *Provider) keep(fresh Package) (Package, error) {
	kept := fresh
	err := p.packages.Update(fresh.ID, func(v *Package, found bool) error {
		if found {
			kept = *v
			return state.ErrSkip
		}
		*v = fresh
		return nil
	})
	if err != nil {
		return Package{}, fmt.Errorf("taking a package in: %w", err)
	}
	if kept.SHA256 != fresh.SHA256 {
		return Package{}, ErrOther
	}
	return kept, nil
}

func (p *Provider) repeated(old Package, digest string) (Package, error) {
	if old.SHA256 != digest {
		return Package{}, ErrOther
	}
	err := p.packages.Update(old.ID, func(v *Package, _ bool) error {
		v.Submissions++
		old = *v
		return nil
	})
	return old, err
}

// Packages lists the packages, oldest first.
func (p *Provider) Packages() []Package {
	list := p.packages.All()
	slices.SortStableFunc(list, func(a, b Package) int { return a.ReceivedAt.Compare(b.ReceivedAt) })
	return list
}

// Package returns one package.
func (p *Provider) Package(id string) (Package, bool) { return p.packages.Get(id) }

// Wake makes Run look at once.
func (p *Provider) Wake() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Run decides the packages that are due, until the context ends.
func (p *Provider) Run(ctx context.Context) {
	for {
		p.Advance()
		timer := time.NewTimer(time.Second)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-p.wake:
			timer.Stop()
			time.Sleep(p.Pace)
		case <-timer.C:
		}
	}
}

// Advance decides every package that is due.
func (p *Provider) Advance() {
	for _, k := range p.Packages() {
		if k.State != Received || k.Outcome == Never || k.Outcome == Delay && p.Clock.Now().Before(k.Due) {
			continue
		}
		if err := p.Decide(k.ID, k.Outcome == Refuse); err != nil {
			p.Log.Error("package not decided", "id", k.ID, "err", err)
		}
	}
}

// Decide preserves a package, making its report, or refuses it. A package already decided is left
// as it is. The report's file is on disk before the record names it.
func (p *Provider) Decide(id string, refuse bool) error {
	k, found := p.packages.Get(id)
	if !found {
		return fmt.Errorf("nessun pacchetto %q", id)
	}
	if k.State != Received {
		return nil
	}
	k.DecidedAt = p.Clock.Now()
	if refuse {
		k.State, k.Reason = Refused, "ANOMALIA-001: il pacchetto non supera le verifiche del conservatore (rifiuto di prova)"
	} else {
		k.State = Preserved
		copies := 1
		if k.Outcome == Twice {
			copies = 2
		}
		for range copies {
			r, err := p.report(k)
			if err != nil {
				return err
			}
			k.Reports = append(k.Reports, r)
		}
	}
	return p.packages.Update(id, func(v *Package, _ bool) error {
		if v.State != Received {
			return state.ErrSkip
		}
		k.Submissions = v.Submissions
		*v = k
		return nil
	})
}

// report writes a signed rapporto di versamento.
func (p *Provider) report(k Package) (Report, error) {
	r := Report{ID: "RdV-" + bearer.NewHex(8), At: k.DecidedAt}
	signed, err := p.signedReport(k, r)
	if err != nil {
		return Report{}, fmt.Errorf("writing the report: %w", err)
	}
	if err := state.WriteFile(p.reportFile(r.ID), signed, 0o600); err != nil {
		return Report{}, fmt.Errorf("writing the report: %w", err)
	}
	return r, nil
}

func (p *Provider) reportFile(id string) string {
	return filepath.Join(p.Dir, "reports", filepath.Base(id)+".xml.p7m")
}

// Receipt returns the signed report of a package: the first one, or the n-th with n from 1.
func (p *Provider) Receipt(id string, n int) ([]byte, bool, error) {
	k, found := p.packages.Get(id)
	if !found || n < 1 || n > len(k.Reports) {
		return nil, false, nil
	}
	raw, err := os.ReadFile(p.reportFile(k.Reports[n-1].ID))
	return raw, err == nil, err
}
