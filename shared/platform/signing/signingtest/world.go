// Package signingtest gives tests a world of trust services in one process: authorities on a trust list, people's certificates, OCSP,
// CRLs and timestamps, and writers of CAdES envelopes and signed PDFs, each of which can also be done wrong.
package signingtest

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"sportello/shared/platform/signing/trust"
)

// Now is when everything happens.
var Now = time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)

// World is what signatures are judged by. Its switches may be turned before a verification.
type World struct {
	CA, SubCA, Withdrawn, Stranger, Foreign, TSA *Authority

	Down       bool // revocation services answer nothing
	NoOCSP     bool // OCSP alone does not answer
	NoCRL      bool // no CRL is to be had
	OCSPStatus *int // instead of what is so
	Stale      bool // answers of last month
	Delegated  bool // OCSP is signed by a responder of its own
	Upstart    bool // the responder was not certified for that
	Outlived   bool // the responder's certificate has expired
	Forged     bool // OCSP is signed by a stranger
	Asked      []string

	t       testing.TB
	serial  int64
	revoked map[string]Revocation
	list    *trust.List
}

// Revocation is one entry of a CRL.
type Revocation struct {
	At     time.Time
	Reason int
}

// Authority issues certificates.
type Authority struct {
	Certificate *x509.Certificate
	Key         crypto.Signer
	parent      *Authority
	address     string
}

// Identity is a certificate with its key.
type Identity struct {
	Certificate *x509.Certificate
	Key         crypto.Signer
	Issuer      *Authority
}

// Options change a certificate from that of an ordinary signer.
type Options struct {
	Issuer              *Authority
	Name, TaxCode       string
	RawSerial           string // instead of TINIT- and the tax code
	Key                 crypto.Signer
	NotBefore, NotAfter time.Time
	Usage               x509.KeyUsage
	ExtUsage            []x509.ExtKeyUsage
	Unqualified         bool
	Seal                bool // a qualified certificate for seals
	NoServices          bool // names neither OCSP nor CRL
	CriticalQC          bool
	Public              crypto.PublicKey // instead of the key's own
	Country             string           // IT unless said
}

var keys sync.Map

// RSA is a key made once for each size.
func RSA(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	made, _ := keys.LoadOrStore(bits, sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, bits) }))
	key, err := made.(func() (*rsa.PrivateKey, error))()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// EC is a new key.
func EC(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// New makes a world: a qualified authority with one below it, one withdrawn since May 2026, one on no list, and a timestamp authority.
func New(t testing.TB) *World {
	t.Helper()
	w := &World{t: t, serial: 100, revoked: map[string]Revocation{}}
	w.CA = w.authority("Autorità di Prova", nil, "ca")
	w.SubCA = w.authority("Autorità di Prova 2", w.CA, "sub")
	w.Withdrawn = w.authority("Autorità Cessata", nil, "withdrawn")
	w.Stranger = w.authority("Autorità Estranea", nil, "stranger")
	w.Foreign = w.authority("Vertrauensdienst", nil, "foreign")
	w.TSA = w.authority("Marche di Prova", nil, "tsa")
	const prefix, status = "http://uri.etsi.org/TrstSvc/Svctype/", "http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/"
	since := trust.Status{URI: status + "granted", From: Now.AddDate(-5, 0, 0)}
	w.list = trust.New(trust.List{Territory: "IT", Sequence: 7, IssuedAt: Now.AddDate(0, -1, 0), NextUpdate: Now.AddDate(0, 2, 0), Services: []trust.Service{
		{Provider: "Prova", Name: "CA", Type: prefix + "CA/QC", Certificates: [][]byte{w.CA.Certificate.Raw}, Statuses: []trust.Status{since}},
		{Provider: "Cessata", Name: "CA", Type: prefix + "CA/QC", Certificates: [][]byte{w.Withdrawn.Certificate.Raw}, Statuses: []trust.Status{
			{URI: status + "withdrawn", From: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)}, since}},
		{Provider: "Prova", Name: "TSA", Type: prefix + "TSA/QTST", Certificates: [][]byte{w.TSA.Certificate.Raw}, Statuses: []trust.Status{since}},
	}})
	return w
}

// List is the trust list, as a verifier wants it.
func (w *World) List(context.Context) (*trust.List, error) { return w.list, nil }

// Trust is the list itself.
func (w *World) Trust() *trust.List { return w.list }

func (w *World) next() *big.Int {
	w.serial++
	return big.NewInt(w.serial)
}

func (w *World) authority(name string, parent *Authority, address string) *Authority {
	a := &Authority{Key: EC(w.t, elliptic.P256()), parent: parent, address: address}
	country := "IT"
	if address == "foreign" {
		country = "DE"
	}
	template := &x509.Certificate{SerialNumber: w.next(), Subject: pkix.Name{CommonName: name, Organization: []string{name}, Country: []string{country}},
		NotBefore: Now.AddDate(-10, 0, 0), NotAfter: Now.AddDate(10, 0, 0), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign}
	above, key := template, a.Key
	if parent != nil {
		above, key = parent.Certificate, parent.Key
		template.CRLDistributionPoints = []string{"http://trust.test/" + parent.address + ".crl"}
	}
	a.Certificate = w.issue(template, above, a.Key.Public(), key)
	return a
}

func (w *World) issue(template, parent *x509.Certificate, public any, key crypto.Signer) *x509.Certificate {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		w.t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// Person makes somebody's signing certificate.
func (w *World) Person(o Options) *Identity {
	w.t.Helper()
	if o.Issuer == nil {
		o.Issuer = w.CA
	}
	if o.Name == "" {
		o.Name, o.TaxCode = "Giulia Rinaldi", "RNLGLI80A41F205X"
	}
	if o.Key == nil {
		o.Key = EC(w.t, elliptic.P256())
	}
	if o.NotBefore.IsZero() {
		o.NotBefore = Now.AddDate(-1, 0, 0)
	}
	if o.NotAfter.IsZero() {
		o.NotAfter = Now.AddDate(2, 0, 0)
	}
	if o.Usage == 0 {
		o.Usage = x509.KeyUsageContentCommitment
	}
	if o.Country == "" {
		o.Country = "IT"
	}
	if o.Public == nil {
		o.Public = o.Key.Public()
	}
	given, surname, _ := strings.Cut(o.Name, " ")
	number := o.RawSerial
	if number == "" {
		number = "TINIT-" + o.TaxCode
	}
	template := &x509.Certificate{SerialNumber: w.next(), NotBefore: o.NotBefore, NotAfter: o.NotAfter, KeyUsage: o.Usage, ExtKeyUsage: o.ExtUsage, SubjectKeyId: w.next().Bytes(),
		Subject: pkix.Name{CommonName: o.Name, SerialNumber: number, Country: []string{o.Country}, ExtraNames: []pkix.AttributeTypeAndValue{
			{Type: asn1.ObjectIdentifier{2, 5, 4, 42}, Value: given}, {Type: asn1.ObjectIdentifier{2, 5, 4, 4}, Value: surname}}}}
	if !o.NoServices {
		template.OCSPServer = []string{"http://trust.test/ocsp/" + o.Issuer.address}
		template.CRLDistributionPoints = []string{"http://trust.test/" + o.Issuer.address + ".crl"}
	}
	if !o.Unqualified {
		template.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 3}, Critical: o.CriticalQC, Value: statements(o.Seal)}}
	}
	return &Identity{w.issue(template, o.Issuer.Certificate, o.Public, o.Issuer.Key), o.Key, o.Issuer}
}

func statements(seal bool) []byte {
	kind := oid(0, 4, 0, 1862, 1, 6, 1)
	if seal {
		kind = oid(0, 4, 0, 1862, 1, 6, 2)
	}
	return seq(seq(oid(0, 4, 0, 1862, 1, 1)), seq(oid(0, 4, 0, 1862, 1, 4)), seq(oid(0, 4, 0, 1862, 1, 6), seq(kind)))
}

// Stamper is the certificate that timestamps are made with.
func (w *World) Stamper(o Options) *Identity {
	o.Name, o.TaxCode = "Marca Temporale", "00000000000"
	if o.Issuer == nil {
		o.Issuer = w.TSA
	}
	o.Unqualified, o.Usage = true, x509.KeyUsageDigitalSignature
	eku := pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: seq(oid(1, 3, 6, 1, 5, 5, 7, 3, 8))}
	key := EC(w.t, elliptic.P256())
	template := &x509.Certificate{SerialNumber: w.next(), NotBefore: Now.AddDate(-3, 0, 0), NotAfter: Now.AddDate(3, 0, 0), KeyUsage: o.Usage, ExtraExtensions: []pkix.Extension{eku},
		Subject: pkix.Name{CommonName: o.Name}, CRLDistributionPoints: []string{"http://trust.test/" + o.Issuer.address + ".crl"}}
	return &Identity{w.issue(template, o.Issuer.Certificate, key.Public(), o.Issuer.Key), key, o.Issuer}
}

// Revoke enters a certificate into its issuer's list.
func (w *World) Revoke(c *x509.Certificate, at time.Time, reason int) {
	w.revoked[string(c.RawIssuer)+c.SerialNumber.String()] = Revocation{at, reason}
}

var errDown = errors.New("no answer")

// Fetch answers for the revocation services.
func (w *World) Fetch(_ context.Context, url, _ string, body []byte) ([]byte, error) {
	w.Asked = append(w.Asked, url)
	name, isOCSP := strings.CutPrefix(url, "http://trust.test/ocsp/")
	if w.Down || isOCSP && w.NoOCSP || !isOCSP && w.NoCRL {
		return nil, errDown
	}
	if !isOCSP {
		name = strings.TrimSuffix(strings.TrimPrefix(url, "http://trust.test/"), ".crl")
	}
	for _, a := range []*Authority{w.CA, w.SubCA, w.Withdrawn, w.Stranger, w.TSA} {
		if a.address == name && isOCSP {
			request, err := ocsp.ParseRequest(body)
			if err != nil {
				return nil, err
			}
			return w.OCSP(a, request.SerialNumber, w.updated()), nil
		}
		if a.address == name {
			return w.CRL(a, w.updated()), nil
		}
	}
	return nil, errDown
}

func (w *World) updated() time.Time {
	if w.Stale {
		return Now.AddDate(0, -1, 0)
	}
	return Now.Add(-time.Minute)
}

// OCSP is an answer about one number, as of an instant, good for a day.
func (w *World) OCSP(a *Authority, serial *big.Int, at time.Time) []byte {
	answer := ocsp.Response{Status: ocsp.Good, SerialNumber: serial, ThisUpdate: at, NextUpdate: at.AddDate(0, 0, 1)}
	if r, there := w.revoked[string(a.Certificate.RawSubject)+serial.String()]; there {
		answer.Status, answer.RevokedAt, answer.RevocationReason = ocsp.Revoked, r.At, r.Reason
	}
	if w.OCSPStatus != nil {
		answer.Status = *w.OCSPStatus
	}
	responder, key := a.Certificate, a.Key
	if w.Delegated || w.Forged {
		by := a
		if w.Forged {
			by = w.Stranger
		}
		key = EC(w.t, elliptic.P256())
		template := &x509.Certificate{SerialNumber: w.next(), Subject: pkix.Name{CommonName: "OCSP"}, NotBefore: Now.AddDate(-20, 0, 0), NotAfter: Now.AddDate(20, 0, 0), // answers bear the real time
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}}
		if w.Upstart {
			template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection}
		}
		if w.Outlived {
			template.NotAfter = Now.AddDate(0, -1, 0)
		}
		responder = w.issue(template, by.Certificate, key.Public(), by.Key)
		answer.Certificate = responder
	}
	der, err := ocsp.CreateResponse(a.Certificate, responder, answer, key)
	if err != nil {
		w.t.Fatal(err)
	}
	return der
}

// OCSPTwice is an answer of the first authority's responder about one number of both of them, the second one's first. Only the second one's
// certificate is good, unless the order is turned.
func (w *World) OCSPTwice(a, other *Authority, serial *big.Int, at time.Time, turned bool) []byte {
	single := func(issuer *Authority, status []byte) []byte {
		request, err := ocsp.CreateRequest(&x509.Certificate{SerialNumber: serial}, issuer.Certificate, &ocsp.RequestOptions{Hash: crypto.SHA256})
		if err != nil {
			w.t.Fatal(err)
		}
		read, err := ocsp.ParseRequest(request)
		if err != nil {
			w.t.Fatal(err)
		}
		id := seq(seq(hashOIDs[crypto.SHA256], []byte{5, 0}), octets(read.IssuerNameHash), octets(read.IssuerKeyHash), must(serial))
		return seq(id, status, moment(at))
	}
	good, revoked := []byte{0x80, 0}, tlv(0xa1, moment(at.AddDate(0, -1, 0)))
	all := seq(single(other, good), single(a, revoked))
	if turned {
		all = seq(single(a, revoked), single(other, good))
	}
	data := seq(tlv(0xa1, a.Certificate.RawSubject), moment(at), all)
	scheme, value := sign(data, Style{Digest: crypto.SHA256}, a.Key)
	basic := seq(data, scheme, tlv(3, []byte{0}, value))
	return seq([]byte{10, 1, 0}, tlv(0xa0, seq(oid(1, 3, 6, 1, 5, 5, 7, 48, 1, 1), octets(basic))))
}

func moment(at time.Time) []byte { return tlv(0x18, []byte(at.UTC().Format("20060102150405Z"))) }

// Part is the extension that limits a CRL to the certificates that name one address; Users limits it to those of no authority, Delta to what is new.
func Part(address string) pkix.Extension {
	return pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 28}, Critical: true, Value: seq(tlv(0xa0, tlv(0xa0, tlv(0x86, []byte(address)))))}
}
func Users() pkix.Extension {
	return pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 28}, Critical: true, Value: seq([]byte{0x81, 1, 0xff})}
}
func Delta() pkix.Extension {
	return pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 27}, Value: integer(1)}
}

// CRL is an authority's list as of an instant, good for a week.
func (w *World) CRL(a *Authority, at time.Time, limits ...pkix.Extension) []byte {
	list := x509.RevocationList{Number: big.NewInt(1), ThisUpdate: at, NextUpdate: at.AddDate(0, 0, 7), ExtraExtensions: limits}
	for id, r := range w.revoked {
		number, mine := strings.CutPrefix(id, string(a.Certificate.RawSubject))
		if serial, ok := new(big.Int).SetString(number, 10); mine && ok {
			list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: serial, RevocationTime: r.At, ReasonCode: r.Reason})
		}
	}
	der, err := x509.CreateRevocationList(rand.Reader, &list, a.Certificate, a.Key)
	if err != nil {
		w.t.Fatal(err)
	}
	return der
}
