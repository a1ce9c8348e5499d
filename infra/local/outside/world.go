// Package outside is the world around the product, in one process: identity providers, registers,
// certified mail, preservation, a chamber's own case system, and pages for people. Each speaks the
// protocol of the real thing; state is on disk and survives a kill.
package outside

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"sportello/infra/local/outside/addresses"
	"sportello/infra/local/outside/bearer"
	"sportello/infra/local/outside/calls"
	"sportello/infra/local/outside/casedesk"
	"sportello/infra/local/outside/chamberprotocol"
	"sportello/infra/local/outside/companies"
	"sportello/infra/local/outside/identity"
	"sportello/infra/local/outside/imapd"
	"sportello/infra/local/outside/institute"
	"sportello/infra/local/outside/mailbox"
	"sportello/infra/local/outside/pdnd"
	"sportello/infra/local/outside/pec"
	"sportello/infra/local/outside/people"
	"sportello/infra/local/outside/preservation"
	"sportello/infra/local/outside/signingdesk"
	"sportello/infra/local/outside/smtpd"
	"sportello/infra/local/outside/state"
	"sportello/infra/local/outside/trust"
	"sportello/infra/local/outside/trustworld"
)

// Config is what the world needs; Data, Base and Log are required.
type Config struct {
	Data      string // folder of everything that lasts
	Base      string // public URL of the HTTP side, without a final slash
	Portal    string // public URL of the product's portal
	ClockFile string // offset of the simulated clock, may be absent
	Log       *slog.Logger
	// Pace is the real time between the steps of certified mail and of preservation; SlowCall is
	// how long a register switched to slow takes.
	Pace, SlowCall time.Duration
}

// World is the whole of it. Open makes it, Serve runs it.
type World struct {
	cfg       Config
	clock     state.Clock
	calls     *calls.Log
	mailboxes *mailbox.Store
	provider  *pec.Provider
	keeper    *preservation.Provider
	institute *institute.Institute
	protocols *chamberprotocol.System
	desk      *casedesk.Desk
	fiduciary *trustworld.Trust
	signing   *signingdesk.Desk
	smtp      *smtpd.Server
	imap      *imapd.Server
	http      *http.Server
	mux       *http.ServeMux
}

// PECDomain is the domain of the certified-mail provider.
const PECDomain = "pec.example.it"

// Open reads or makes everything that lasts, and connects the parts.
func Open(cfg Config) (*World, error) {
	if cfg.Data == "" || cfg.Base == "" || cfg.Log == nil {
		return nil, errors.New("outside: incomplete configuration")
	}
	w := &World{cfg: cfg, clock: state.Clock{File: cfg.ClockFile}, mux: http.NewServeMux()}
	var err error
	if w.mailboxes, err = mailbox.Open(w.path("mailboxes"), w.clock); err != nil {
		return nil, err
	}
	if w.calls, err = calls.Open(w.path("registers.json"), w.clock, cfg.SlowCall); err != nil {
		return nil, err
	}
	for _, open := range []func() error{w.openPersonas, w.openIdentity, w.openRegisters, w.openMail, w.openPreservation, w.openInstitute, w.openProtocols, w.openDesk, w.openTrust} {
		if err := open(); err != nil {
			return nil, err
		}
	}
	w.routes()
	w.http = &http.Server{
		Handler: w.handler(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(cfg.Log.Handler(), slog.LevelDebug),
	}
	return w, nil
}

func (w *World) path(parts ...string) string {
	return filepath.Join(append([]string{w.cfg.Data}, parts...)...)
}

func (w *World) openPersonas() error {
	return state.WriteJSON(w.path("personas.json"), Personas())
}

// keys is the folder of the private keys.
func (w *World) keys() string { return w.path("keys") }

func (w *World) signer(name string) (*bearer.Signer, error) {
	key, err := trust.OpenKey(w.keys(), name)
	if err != nil {
		return nil, err
	}
	return bearer.NewSigner(key)
}

func (w *World) verifier() *bearer.Verifier {
	return &bearer.Verifier{Registry: bearer.Registry{File: w.path("clients.json")}}
}

func (w *World) openIdentity() error {
	stranger, err := w.signer("stranger")
	if err != nil {
		return err
	}
	for _, kind := range []identity.Kind{identity.SPID, identity.CIE} {
		signer, err := w.signer(string(kind))
		if err != nil {
			return err
		}
		codes, err := state.OpenCollection[identity.Grant](w.path("codes", string(kind)))
		if err != nil {
			return err
		}
		p, err := identity.New(identity.Config{
			Kind: kind, Issuer: w.cfg.Base + "/" + string(kind), Signer: signer, Stranger: stranger,
			Verifier: w.verifier(), Codes: codes,
		})
		if err != nil {
			return err
		}
		p.Routes(w.mux)
	}
	return nil
}

func (w *World) openRegisters() error {
	signer, err := w.signer("infocamere")
	if err != nil {
		return err
	}
	register, err := companies.New(companies.Config{
		Issuer: w.cfg.Base + "/registro-imprese", Signer: signer, Verifier: w.verifier(), Calls: w.calls, Clock: w.clock,
		Audiences: []string{
			w.cfg.Base, w.cfg.Base + "/registro-imprese", w.cfg.Base + "/inipec",
			w.cfg.Base + "/registro-imprese/authentication", w.cfg.Base + "/inipec/authentication",
		},
	})
	if err != nil {
		return err
	}
	register.Routes(w.mux)
	batches, err := state.OpenCollection[addresses.Batch](w.path("inipec"))
	if err != nil {
		return err
	}
	(&addresses.INIPEC{Register: register, Calls: w.calls, Batches: batches, Clock: w.clock, NotReady: 1}).Routes(w.mux)
	if signer, err = w.signer("pdnd"); err != nil {
		return err
	}
	platform, err := pdnd.New(pdnd.Config{Issuer: w.cfg.Base + "/pdnd", Signer: signer, Verifier: w.verifier(), Calls: w.calls})
	if err != nil {
		return err
	}
	platform.Routes(w.mux)
	(&addresses.INAD{Check: platform.Check, Calls: w.calls}).Routes(w.mux)
	return nil
}

func (w *World) openMail() error {
	accounts, err := mailbox.OpenAccounts(w.path("mailboxes.json"), accounts())
	if err != nil {
		return err
	}
	for _, a := range accounts.Addresses() {
		if _, err := w.mailboxes.Box(a); err != nil {
			return err
		}
	}
	if err := w.openProvider(); err != nil {
		return err
	}
	secured, err := w.openTLS()
	if err != nil {
		return err
	}
	if w.smtp, err = smtpd.New(smtpd.Config{TLS: secured, Provider: w.provider, Accounts: accounts, Log: w.cfg.Log}); err != nil {
		return err
	}
	w.imap, err = imapd.New(imapd.Config{TLS: secured, Mailboxes: w.mailboxes, Accounts: accounts, Log: w.cfg.Log})
	return err
}

// accounts are the mailboxes of the world: three for each chamber, one for each company and person
// that has a certified address.
func accounts() []mailbox.Account {
	var list []mailbox.Account
	for _, chamber := range people.Chambers() {
		domain := chamber + "." + PECDomain
		list = append(list,
			mailbox.Account{Address: "protocollo@" + domain, Chamber: chamber},
			mailbox.Account{Address: "ufficio.reclami@" + domain},
			mailbox.Account{Address: "ufficio.listini@" + domain})
	}
	for _, c := range people.Companies() {
		if c.PEC != "" {
			list = append(list, mailbox.Account{Address: c.PEC})
		}
	}
	for _, p := range people.Persons() {
		if p.Domicile != "" {
			list = append(list, mailbox.Account{Address: p.Domicile})
		}
	}
	return list
}

func (w *World) openProvider() error {
	authority, err := w.authority("pec-ca", "Autorità di certificazione PEC di prova")
	if err != nil {
		return err
	}
	leaf := trust.Leaf{
		CommonName: "posta-certificata@" + PECDomain, Organization: "Gestore PEC di prova", Emails: []string{"posta-certificata@" + PECDomain},
		Usage: x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment, Extended: []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection},
	}
	signer, err := authority.OpenLeaf(w.keys(), "pec-signer", leaf)
	if err != nil {
		return err
	}
	unknown, err := trust.OpenAuthority(w.keys(), "unknown-ca", "Autorità sconosciuta")
	if err != nil {
		return err
	}
	stranger, err := unknown.OpenLeaf(w.keys(), "pec-stranger", leaf)
	if err != nil {
		return err
	}
	w.provider, err = pec.Open(pec.Config{
		Name: "Gestore PEC di prova S.p.A.", Domain: PECDomain, Signer: signer, Stranger: stranger, Authority: authority,
		Mailboxes: w.mailboxes, Dir: w.path("pec"), Clock: w.clock, Log: w.cfg.Log, Pace: w.cfg.Pace,
	})
	return err
}

// authority keeps the key with the other keys and publishes the certificate where others look.
func (w *World) authority(name, commonName string) (*trust.Authority, error) {
	a, err := trust.OpenAuthority(w.keys(), name, commonName)
	if err != nil {
		return nil, err
	}
	return a, state.WriteFile(w.path(name+".pem"), a.PEM(), 0o644)
}

func (w *World) openTLS() (*tls.Config, error) {
	authority, err := w.authority("ca", "Autorità TLS di prova")
	if err != nil {
		return nil, err
	}
	server, err := authority.OpenLeaf(w.keys(), "server", trust.Leaf{
		CommonName: "localhost", Organization: "Mondo esterno di prova",
		DNSNames: []string{"localhost", "*.localhost"}, IPs: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		Usage:    x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		Extended: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		Certificates: []tls.Certificate{{
			Certificate: [][]byte{server.Certificate.Raw}, PrivateKey: server.Key, Leaf: server.Certificate,
		}},
	}, nil
}

func (w *World) openPreservation() error {
	authority, err := w.authority("preservation-ca", "Autorità di certificazione del conservatore di prova")
	if err != nil {
		return err
	}
	signer, err := authority.OpenLeaf(w.keys(), "preservation-signer", trust.Leaf{
		CommonName: "Responsabile del servizio di conservazione", Organization: "Conservatore di prova S.p.A.",
		Usage: x509.KeyUsageContentCommitment | x509.KeyUsageDigitalSignature,
		// Emails lets `openssl cms -verify` accept it for its default purpose.
		Emails: []string{"conservazione@example.it"}, Extended: []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection},
	})
	if err != nil {
		return err
	}
	w.keeper, err = preservation.Open(preservation.Config{
		Name: "Conservatore di prova S.p.A.", Signer: signer, Authority: authority, Dir: w.path("preservation"),
		CredentialsFile: w.path("preservation.json"), Clock: w.clock, Log: w.cfg.Log, Pace: w.cfg.Pace,
	})
	return err
}

// openInstitute opens the payment institute; it calls back at the portal's public address.
func (w *World) openInstitute() error {
	var err error
	w.institute, err = institute.Open(institute.Config{
		Base: w.cfg.Base, Callback: w.cfg.Portal + "/api/v1/payments/callback/istituto", Dir: w.path("institute"),
		KeyDir: w.keys(), KeyFile: w.path("institute.json"), Calls: w.calls, Clock: w.clock, Log: w.cfg.Log,
	})
	return err
}

func (w *World) openProtocols() error {
	var err error
	w.protocols, err = chamberprotocol.Open(chamberprotocol.Config{
		Dir: w.path("protocols"), KeyFile: w.path("protocols.json"), Calls: w.calls, Clock: w.clock, Log: w.cfg.Log,
	})
	return err
}

func (w *World) openDesk() error {
	var err error
	w.desk, err = casedesk.New(casedesk.Config{
		Portal: w.cfg.Portal, KeysFile: w.path("keys.json"), Clock: w.clock, Log: w.cfg.Log,
		Sign: func(persona, name string, pdf []byte) ([]byte, error) {
			f, err := w.signing.Sign(signingdesk.Request{Persona: persona, Style: "pades", Name: name, Content: pdf})
			return f.Content, err
		},
	})
	return err
}

// openTrust also publishes the certificate that the trust list is signed with, where others look.
func (w *World) openTrust() error {
	var err error
	w.fiduciary, err = trustworld.Open(trustworld.Config{
		Base: w.cfg.Base, Keys: w.keys(), Dir: w.path("trust"), Clock: w.clock, Log: w.cfg.Log,
	})
	if err != nil {
		return err
	}
	w.signing, err = signingdesk.New(signingdesk.Config{Trust: w.fiduciary, Clock: w.clock, Log: w.cfg.Log})
	if err != nil {
		return err
	}
	return state.WriteFile(w.path("trust-operator.pem"), w.fiduciary.OperatorPEM(), 0o644)
}

// Listeners are the three doors.
type Listeners struct{ HTTP, SMTP, IMAP net.Listener }

// Serve runs until the context ends. What was acknowledged is on disk already, so there is nothing
// to flush at the end.
func (w *World) Serve(ctx context.Context, l Listeners) error {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	running.Go(func() { w.provider.Run(ctx) })
	running.Go(func() { w.keeper.Run(ctx) })
	running.Go(func() { w.institute.Run(ctx) })
	failed := make(chan error, 3)
	go func() { failed <- wrap("HTTP", w.http.Serve(l.HTTP)) }()
	go func() { failed <- wrap("SMTP", w.smtp.Serve(l.SMTP)) }()
	go func() { failed <- wrap("IMAP", w.imap.Serve(l.IMAP)) }()
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	closing, done := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer done()
	_ = w.http.Shutdown(closing)
	_ = w.smtp.Close()
	_ = w.imap.Close()
	return err
}

func wrap(door string, err error) error {
	if err == nil || errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serving %s: %w", door, err)
}

// Population is what --personas prints.
type Population struct {
	Persons   []people.Person  `json:"persons"`
	Companies []people.Company `json:"companies"`
}

// Personas are the people and companies of the world.
func Personas() Population {
	return Population{Persons: people.Persons(), Companies: people.Companies()}
}
