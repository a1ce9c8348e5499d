// Package trustworld is the world a signature is judged by: certification authorities and what they
// issued, the Italian trust list that names them, and the services that tell whether a certificate
// still holds.
//
// Authorities: a root with two qualified authorities (RSA and ECDSA), one for timestamps, one whose
// service was withdrawn, and one that no list knows. Keys are made at the first start and kept with
// the other keys; a certificate is made again when the world's clock has left it behind or when the
// world has moved to another address, with the same key and name.
//
// Trust list: GET /trust/TSL-IT.xml, in the shape of ETSI TS 119 612, signed by the operator whose
// certificate is at /trust/operator.pem.
//
// Revocation: GET /trust/crl/<authority>.crl and POST or GET /trust/ocsp/<authority> (RFC 5280, RFC
// 6960). Timestamps: POST /trust/tsa (RFC 3161).
//
// Everything tells the time of the world's movable clock, and each service has a switch.
package trustworld

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"sync"
	"time"

	"sportello/infra/local/outside/state"
)

// Config is what the trust world needs; every field but the clock's file is required.
type Config struct {
	Base  string // public URL of the HTTP side: it goes into the certificates
	Keys  string // folder of the private keys
	Dir   string // folder of the records
	Clock state.Clock
	Log   *slog.Logger
}

// Trust is the whole of it. Its methods may be called from several goroutines.
type Trust struct {
	Config
	keys        *keyring
	authorities map[string]*Authority
	operator    *Identity
	stamper     *Identity
	issued      *state.Collection[record]
	switches    *Switches
	started     time.Time // when the first list was issued

	issuing sync.Mutex
}

// Authority is a certification authority; Name is its name in addresses.
type Authority struct {
	Identity
	Name string
	definition
	responder *Identity
}

// Identity is a certificate, those above it and its key.
type Identity struct {
	Certificate *x509.Certificate
	Chain       []*x509.Certificate
	Key         crypto.Signer
	// RevokedAt is when the certificate is, or was, revoked or suspended; zero when never.
	RevokedAt time.Time
}

// Names of the authorities, as in addresses.
const (
	Root      = "radice"
	RSA       = "qualificata-rsa"
	ECDSA     = "qualificata-ecdsa"
	Stamps    = "marche-temporali"
	Withdrawn = "cessata"
	Foreign   = "estranea"
)

type definition struct {
	name, parent, CommonName, Organization, VAT string
	kind                                        KeyKind
}

const (
	trusted = "Fiduciaria di Prova S.p.A."
	ceased  = "Certificatore Cessato di Prova S.r.l."
)

// definitions are in an order in which a parent comes before its children.
var definitions = []definition{
	{Root, "", "Fiduciaria di Prova Radice", trusted, "VATIT-09900000093", P384},
	{RSA, Root, "Fiduciaria di Prova Firma Qualificata 1", trusted, "VATIT-09900000093", RSA2048},
	{ECDSA, Root, "Fiduciaria di Prova Firma Qualificata 2", trusted, "VATIT-09900000093", P256},
	{Stamps, Root, "Fiduciaria di Prova Marche Temporali", trusted, "VATIT-09900000093", P256},
	{Withdrawn, "", "Certificatore Cessato di Prova Firma", ceased, "VATIT-09900000085", P256},
	{Foreign, "", "Autorità Estranea di Prova", "Autorità Estranea di Prova S.r.l.", "VATIT-09900000077", P256},
}

// Authorities live long on both sides of today: the clock may be moved by years.
const (
	year     = 365 * 24 * time.Hour
	backdate = 10 * year
	lifetime = 25 * year
)

// Open reads or makes the authorities, the list's operator and the timestamp unit.
func Open(cfg Config) (*Trust, error) {
	if cfg.Base == "" || cfg.Keys == "" || cfg.Dir == "" || cfg.Log == nil {
		return nil, errors.New("trustworld: incomplete configuration")
	}
	t := &Trust{Config: cfg, keys: &keyring{dir: cfg.Keys}, authorities: map[string]*Authority{}}
	var err error
	if t.issued, err = state.OpenCollection[record](cfg.Dir + "/issued"); err != nil {
		return nil, err
	}
	if t.switches, err = openSwitches(cfg.Dir + "/switches.json"); err != nil {
		return nil, err
	}
	for _, d := range definitions {
		if err := t.openAuthority(d); err != nil {
			return nil, fmt.Errorf("opening authority %s: %w", d.name, err)
		}
	}
	t.started = t.authorities[Root].Certificate.NotBefore
	if err := t.openOperator(); err != nil {
		return nil, fmt.Errorf("opening the list's operator: %w", err)
	}
	if err := t.openStamper(); err != nil {
		return nil, fmt.Errorf("opening the timestamp unit: %w", err)
	}
	return t, nil
}

// Switches are the switches of the services.
func (t *Trust) Switches() *Switches { return t.switches }

// Authorities are the certification authorities, root first.
func (t *Trust) Authorities() []*Authority {
	var list []*Authority
	for _, d := range definitions {
		list = append(list, t.authorities[d.name])
	}
	return list
}

func (t *Trust) openAuthority(d definition) error {
	parent := t.authorities[d.parent]
	id, err := t.kept("trust-"+d.name, d.kind, parent, func(tmpl *x509.Certificate) {
		tmpl.Subject = pkix.Name{Country: []string{"IT"}, Organization: []string{d.Organization}, CommonName: d.CommonName, ExtraNames: organizationID(d.VAT)}
		t.point(tmpl, parent)
		tmpl.IsCA = true
		tmpl.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
		if parent != nil {
			tmpl.MaxPathLenZero = true
		}
	})
	if err != nil {
		return err
	}
	a := &Authority{Identity: *id, Name: d.name, definition: d}
	responder, err := t.kept("trust-ocsp-"+d.name, P256, a, func(tmpl *x509.Certificate) {
		tmpl.Subject = pkix.Name{Country: []string{"IT"}, Organization: []string{d.Organization}, CommonName: d.CommonName + " OCSP"}
		tmpl.KeyUsage, tmpl.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}
		// RFC 6960, 4.2.2.2.1: whoever asks need not ask about the responder itself.
		tmpl.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}, Value: asn1.NullBytes}}
	})
	if err != nil {
		return err
	}
	a.responder = responder
	t.authorities[d.name] = a
	return nil
}

// openOperator makes the certificate the list is signed with: self-signed, to be pinned as the real
// ones are through the list of lists; its extended usage is id-tsl-kp-tslSigning (TS 119 612, 5.7.1).
func (t *Trust) openOperator() error {
	var err error
	t.operator, err = t.kept("trust-operator", RSA2048, nil, func(tmpl *x509.Certificate) {
		tmpl.Subject = pkix.Name{Country: []string{"IT"}, Organization: []string{operatorName}, CommonName: "Firma dell’elenco di fiducia di prova"}
		tmpl.KeyUsage = x509.KeyUsageDigitalSignature
		tmpl.UnknownExtKeyUsage = []asn1.ObjectIdentifier{{0, 4, 0, 2231, 3, 0}}
	})
	return err
}

// OperatorPEM is the certificate the trust list is signed with.
func (t *Trust) OperatorPEM() []byte { return pemOf(t.operator.Certificate) }

// openStamper makes the timestamp unit; RFC 3161, 2.3 wants its extended usage alone and critical.
func (t *Trust) openStamper() error {
	usage, err := asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}})
	if err != nil {
		return err
	}
	t.stamper, err = t.kept("trust-tsa", RSA2048, t.authorities[Stamps], func(tmpl *x509.Certificate) {
		tmpl.Subject = pkix.Name{Country: []string{"IT"}, Organization: []string{trusted}, CommonName: "Fiduciaria di Prova TSU 1"}
		t.point(tmpl, t.authorities[Stamps])
		tmpl.KeyUsage = x509.KeyUsageContentCommitment
		tmpl.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: usage}}
	})
	return err
}

// address is where a service of an authority answers.
func (t *Trust) address(service, name string) string {
	suffix := map[string]string{"crl": ".crl", "ca": ".crt"}[service]
	return t.Base + "/trust/" + service + "/" + name + suffix
}

// point writes into a template where to ask about the certificate. The root of a chain says nothing.
func (t *Trust) point(tmpl *x509.Certificate, parent *Authority) {
	if parent == nil {
		return
	}
	tmpl.CRLDistributionPoints = []string{t.address("crl", parent.Name)}
	tmpl.OCSPServer = []string{t.address("ocsp", parent.Name)}
	tmpl.IssuingCertificateURL = []string{t.address("ca", parent.Name)}
}

// kept loads a long-lived certificate and its key, or has it issued: by itself when parent is nil.
func (t *Trust) kept(name string, kind KeyKind, parent *Authority, fill func(*x509.Certificate)) (*Identity, error) {
	key, err := t.keys.key(name, kind)
	if err != nil {
		return nil, err
	}
	id := &Identity{Key: key}
	if parent != nil {
		id.Chain = append([]*x509.Certificate{parent.Certificate}, parent.Chain...)
	}
	now := t.Clock.Now()
	id.Certificate, err = t.keys.certificate(name)
	if err != nil || t.serves(id.Certificate, key, parent, now) {
		return id, err
	}
	tmpl := &x509.Certificate{NotBefore: now.Add(-backdate), NotAfter: now.Add(lifetime), BasicConstraintsValid: true}
	fill(tmpl)
	if id.Certificate, err = t.create(tmpl, parent, key); err != nil {
		return nil, err
	}
	return id, t.keys.save(name, id.Certificate)
}

// serves tells whether a certificate on disk is still the one to use.
func (t *Trust) serves(c *x509.Certificate, key crypto.Signer, parent *Authority, now time.Time) bool {
	if c == nil || now.Before(c.NotBefore) || now.After(c.NotAfter.Add(-year)) || !sameKey(c.PublicKey, key.Public()) {
		return false
	}
	if parent == nil {
		return true
	}
	here := len(c.CRLDistributionPoints) == 0 || strings.HasPrefix(c.CRLDistributionPoints[0], t.Base+"/")
	return here && c.CheckSignatureFrom(parent.Certificate) == nil
}

// create signs a certificate over key, with the authority's key or, when parent is nil, with itself.
func (t *Trust) create(tmpl *x509.Certificate, parent *Authority, key crypto.Signer) (*x509.Certificate, error) {
	if parent == nil {
		return sign(tmpl, tmpl, key.Public(), key)
	}
	return sign(tmpl, parent.Certificate, key.Public(), parent.Key)
}

func sign(tmpl, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, fmt.Errorf("making a serial number: %w", err)
	}
	tmpl.SerialNumber = serial
	raw, err := x509.CreateCertificate(rand.Reader, tmpl, parent, public, key)
	if err != nil {
		return nil, fmt.Errorf("issuing: %w", err)
	}
	return x509.ParseCertificate(raw)
}

func organizationID(id string) []pkix.AttributeTypeAndValue {
	return []pkix.AttributeTypeAndValue{{Type: asn1.ObjectIdentifier{2, 5, 4, 97}, Value: id}}
}
