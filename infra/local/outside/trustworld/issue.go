package trustworld

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"sportello/infra/local/outside/people"
)

// Standing is what is the matter with a person's certificate.
type Standing string

// The standings.
const (
	Good              Standing = ""
	Expired           Standing = "expired"
	NotYetValid       Standing = "not-yet-valid"
	Revoked           Standing = "revoked"
	Suspended         Standing = "suspended"
	Untrusted         Standing = "untrusted"
	WithdrawnService  Standing = "withdrawn-service"
	SelfSigned        Standing = "self-signed"
	Authentication    Standing = "wrong-key-usage"
	RevokedAfterwards Standing = "revoked-after-timestamp"
)

// Reasons of a revocation (RFC 5280, 5.3.1).
const (
	keyCompromise   = 1
	superseded      = 4
	certificateHold = 6
)

// record is a certificate that an authority issued; revocation and OCSP answer from these.
type record struct {
	Serial      string    `json:"serial"` // hexadecimal
	Authority   string    `json:"authority"`
	Purpose     string    `json:"purpose"`
	Base        string    `json:"base"` // where its services were when it was issued
	Certificate []byte    `json:"certificate"`
	From        time.Time `json:"from"` // the same purpose gets this certificate from here to there
	Until       time.Time `json:"until"`
	RevokedAt   time.Time `json:"revokedAt,omitzero"`
	Reason      int       `json:"reason,omitempty"`
}

// Identity is the certificate of a person in a standing, with its key: made when it is first asked
// for and kept while it serves, as a person keeps the card. One key serves every standing.
func (t *Trust) Identity(p people.Person, kind KeyKind, standing Standing) (*Identity, error) {
	key, err := t.keys.key("signer-"+p.ID+"-"+string(kind), kind)
	if err != nil {
		return nil, err
	}
	issuer := t.issuerOf(kind, standing)
	purpose := strings.Join([]string{p.ID, string(kind), string(standing)}, "/")
	c, rec, err := t.issue(purpose, issuer, func(now time.Time) (*x509.Certificate, record, error) {
		tmpl, rec, err := personTemplate(p, standing, now)
		if err != nil {
			return nil, rec, err
		}
		t.point(tmpl, issuer)
		c, err := t.create(tmpl, issuer, key)
		return c, rec, err
	})
	if err != nil {
		return nil, fmt.Errorf("certifying %s: %w", p.ID, err)
	}
	return t.identity(c, rec, issuer, key), nil
}

func (t *Trust) issuerOf(kind KeyKind, standing Standing) *Authority {
	switch {
	case standing == SelfSigned:
		return nil
	case standing == Untrusted:
		return t.authorities[Foreign]
	case standing == WithdrawnService:
		return t.authorities[Withdrawn]
	case kind == P256 || kind == P384:
		return t.authorities[ECDSA]
	}
	return t.authorities[RSA]
}

// issue finds the certificate of a purpose that still serves, or makes and records one.
func (t *Trust) issue(purpose string, issuer *Authority, fresh func(now time.Time) (*x509.Certificate, record, error)) (*x509.Certificate, record, error) {
	t.issuing.Lock()
	defer t.issuing.Unlock()
	now := t.Clock.Now()
	for _, r := range t.issued.All() {
		if r.Purpose != purpose || r.Base != t.Base || now.Before(r.From) || now.After(r.Until) {
			continue
		}
		if c, err := x509.ParseCertificate(r.Certificate); err == nil && (issuer == nil || c.CheckSignatureFrom(issuer.Certificate) == nil) {
			return c, r, nil
		}
	}
	c, rec, err := fresh(now)
	if err != nil {
		return nil, rec, err
	}
	rec.Serial, rec.Purpose, rec.Base, rec.Certificate = serial(c.SerialNumber), purpose, t.Base, c.Raw
	if issuer != nil {
		rec.Authority = issuer.Name
	}
	return c, rec, t.issued.Put(rec.Serial, rec)
}

func serial(n *big.Int) string { return fmt.Sprintf("%x", n) }

func personTemplate(p people.Person, standing Standing, now time.Time) (*x509.Certificate, record, error) {
	tmpl := &x509.Certificate{
		Subject: pkix.Name{
			Country: []string{"IT"}, CommonName: p.Name(), SerialNumber: "TINIT-" + p.TaxCode,
			ExtraNames: []pkix.AttributeTypeAndValue{
				{Type: asn1.ObjectIdentifier{2, 5, 4, 4}, Value: p.FamilyName},
				{Type: asn1.ObjectIdentifier{2, 5, 4, 42}, Value: p.GivenName},
			},
		},
		NotBefore: now.Add(-year), NotAfter: now.Add(2 * year), BasicConstraintsValid: true,
	}
	rec := record{From: now, Until: now.Add(year)} // a year later the standing would be another
	const day = 24 * time.Hour
	switch standing {
	case Expired:
		tmpl.NotBefore, tmpl.NotAfter = now.Add(-3*year), now.Add(-30*day)
	case NotYetValid:
		// Longer away than the certificate is kept, so that it never comes to hold.
		tmpl.NotBefore, tmpl.NotAfter = now.Add(year+30*day), now.Add(4*year)
	case Revoked:
		rec.RevokedAt, rec.Reason = now.Add(-10*day), keyCompromise
	case RevokedAfterwards:
		rec.RevokedAt, rec.Reason = now.Add(-day), superseded
	case Suspended:
		rec.RevokedAt, rec.Reason = now.Add(-10*day), certificateHold
	}
	if standing == Authentication {
		tmpl.KeyUsage, tmpl.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		return tmpl, rec, nil
	}
	return tmpl, rec, qualify(tmpl, eSign, "2")
}

func (t *Trust) identity(c *x509.Certificate, rec record, issuer *Authority, key crypto.Signer) *Identity {
	id := &Identity{Certificate: c, Key: key, RevokedAt: rec.RevokedAt}
	if issuer != nil {
		id.Chain = append([]*x509.Certificate{issuer.Certificate}, issuer.Chain...)
	}
	return id
}

// Types of a qualified certificate (EN 319 412-5, 4.2.3).
var (
	eSign = asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 6, 1}
	eSeal = asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 6, 2}
)

// qualify writes what makes a certificate a qualified one: usage for what one commits to, the
// statements of EN 319 412-5 (complies, the key is in a device, type), the policy of EN 319 411-2.
func qualify(tmpl *x509.Certificate, kind asn1.ObjectIdentifier, policy string) error {
	tmpl.KeyUsage = x509.KeyUsageContentCommitment
	oid, err := x509.ParseOID("0.4.0.194112.1." + policy)
	if err != nil {
		return err
	}
	tmpl.Policies = []x509.OID{oid}
	type statement struct {
		ID   asn1.ObjectIdentifier
		Info []asn1.ObjectIdentifier `asn1:"optional,omitempty"`
	}
	raw, err := asn1.Marshal([]statement{
		{ID: asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 1}},
		{ID: asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 4}},
		{ID: asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 6}, Info: []asn1.ObjectIdentifier{kind}},
	})
	if err != nil {
		return err
	}
	tmpl.ExtraExtensions = append(tmpl.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 3}, Value: raw})
	return nil
}

// ErrSeal is returned by SealCertificate for a request that cannot be certified; its text is for people.
var ErrSeal = errors.New("richiesta di certificato non valida")

// SealCertificate certifies an electronic seal's public key (SubjectPublicKeyInfo in DER) for an
// organisation, and returns the chain in PEM, leaf first. The same key and names get the same
// certificate while it is valid.
func (t *Trust) SealCertificate(public []byte, name, organization string) ([]byte, error) {
	key, err := x509.ParsePKIXPublicKey(public)
	if err != nil {
		return nil, fmt.Errorf("%w: il corpo non è una chiave pubblica (SubjectPublicKeyInfo in DER)", ErrSeal)
	}
	if name == "" || len(name) > 64 || len(organization) > 64 {
		return nil, fmt.Errorf("%w: «name» e «organization» sono di 64 caratteri al massimo, e «name» è necessario", ErrSeal)
	}
	sum := sha256.Sum256([]byte(string(public) + "\x00" + name + "\x00" + organization))
	issuer := t.authorities[RSA]
	c, _, err := t.issue("seal/"+hex.EncodeToString(sum[:]), issuer, func(now time.Time) (*x509.Certificate, record, error) {
		tmpl := &x509.Certificate{
			Subject:   pkix.Name{Country: []string{"IT"}, Organization: []string{name}, CommonName: name},
			NotBefore: now.Add(-time.Hour), NotAfter: now.Add(3 * year), BasicConstraintsValid: true,
		}
		if organization != "" {
			tmpl.Subject.ExtraNames = organizationID(organization)
		}
		if err := qualify(tmpl, eSeal, "3"); err != nil {
			return nil, record{}, err
		}
		t.point(tmpl, issuer)
		c, err := sign(tmpl, issuer.Certificate, key, issuer.Key)
		if err != nil {
			err = fmt.Errorf("%w: %w", ErrSeal, err)
		}
		return c, record{From: tmpl.NotBefore, Until: tmpl.NotAfter}, err
	})
	if err != nil {
		return nil, err
	}
	chain := pemOf(c)
	for _, above := range append([]*x509.Certificate{issuer.Certificate}, issuer.Chain...) {
		chain = append(chain, pemOf(above)...)
	}
	return chain, nil
}
