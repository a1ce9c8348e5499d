package signing

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"slices"
	"time"

	"golang.org/x/crypto/ocsp"

	"sportello/shared/domain/signature"
	"sportello/shared/platform/cms"
)

// skew is how far another machine's clock may be from ours.
const skew = 5 * time.Minute

// stale is how old an answer may be that does not say when the next one comes.
const stale = 24 * time.Hour

// maxFetches bounds what one file may make us ask in all.
const maxFetches = 24

var errFetches = errors.New("too many revocation services to ask for one file")

func (c *check) fetch(ctx context.Context, address, contentType string, body []byte) ([]byte, error) {
	if c.fetches++; c.fetches > maxFetches {
		return nil, errFetches
	}
	return c.v.c.Fetch(ctx, address, contentType, body)
}

// maxAddresses bounds how many addresses of one certificate are asked: they are the certificate's word.
const maxAddresses = 3

// answer is what is known of one certificate's revocation.
type answer struct {
	code   signature.Code // OK, Revoked, Suspended, Unreachable, StatusUnknown, StatusNotKept
	at     time.Time      // of revocation
	source string         // ocsp, crl, and with -embedded
	reason int
}

// revocation tells whether a certificate was revoked at an instant. What the file brings along is enough if it was issued at that instant
// or later; else the services that the certificate names are asked, OCSP before CRL. No service named, or none answering, is never a
// yes.
func (c *check) revocation(ctx context.Context, q question) answer {
	for _, der := range c.ocsps {
		if f, ok := q.ocsp(der); ok && q.proves(f.found) {
			return f.named("ocsp-embedded").judgedFor(q)
		}
	}
	for _, der := range c.crls {
		if c.read += len(der); c.read > maxRead {
			break
		}
		if f, ok := q.crl(der); ok && q.proves(f.found) {
			return f.named("crl-embedded").judgedFor(q)
		}
	}
	key := sha256.Sum256(append(slices.Clip(q.of.Raw), q.issuer.Raw...))
	asked, known := c.asked[key]
	if !known {
		asked = c.ask(ctx, q)
		c.asked[key] = asked
	}
	return asked.judge(q)
}

// keep collects what a message brings along about revocation. Each piece is signed by who vouches for it, so it may serve any signature
// of the file.
func (c *check) keep(m *cms.Message) {
	for _, s := range m.Signers {
		e := s.Evidence()
		c.crls, c.ocsps = append(c.crls, e.CRLs...), append(c.ocsps, e.OCSPs...)
	}
	c.crls, c.ocsps = append(c.crls, m.Revocation.CRLs...), append(c.ocsps, m.Revocation.OCSPs...)
	c.crls, c.ocsps = c.crls[:min(len(c.crls), maxEvidence)], c.ocsps[:min(len(c.ocsps), maxEvidence)]
}

// maxEvidence bounds how many things that came with a file are read for each certificate, maxRead how many bytes of lists in all: each is read
// again for each certificate.
const (
	maxEvidence = 64
	maxRead     = 64 << 20
)

// found is what an answer of a service says, before it is held against the time that counts.
type found struct {
	status     int // ocsp.Good, Revoked, Unknown
	reason     int
	revokedAt  time.Time
	thisUpdate time.Time
	keepsSince time.Time // since when the source keeps certificates that have expired; zero: it does not
	source     string
}

// named is a found as an answer under a source's name.
func (f found) named(source string) answer {
	f.source = source
	return f.answer()
}

func (f found) answer() answer {
	switch {
	case f.status == ocsp.Unknown:
		return answer{code: signature.StatusUnknown, source: f.source}
	case f.status == ocsp.Revoked && f.reason == ocsp.CertificateHold:
		return answer{signature.Suspended, f.revokedAt, f.source, f.reason}
	case f.status == ocsp.Revoked:
		return answer{signature.Revoked, f.revokedAt, f.source, f.reason}
	}
	return answer{code: signature.OK, source: f.source}
}

// question is about one certificate at one instant.
type question struct {
	of, issuer *x509.Certificate
	at, now    time.Time
	keeps      time.Time // the trust list's word that expired certificates are kept
	clock      bool      // about who made a timestamp, which proves its own time
}

// proves tells whether something that came with the file settles the matter: issued at the time that counts or later, and while the
// certificate was still being looked after.
func (q question) proves(f found) bool {
	return !f.thisUpdate.Before(q.at) && !f.thisUpdate.After(q.now.Add(skew)) && f.status != ocsp.Unknown && q.kept(f)
}

// kept tells whether the source still speaks of a certificate that had expired when it spoke.
func (q question) kept(f found) bool {
	expired := q.of.NotAfter
	return !f.thisUpdate.After(expired) || !f.keepsSince.IsZero() && !f.keepsSince.After(expired) || !q.keeps.IsZero() && !q.keeps.After(expired)
}

// judge holds what a service said against the time that counts.
func (f *found) judge(q question) answer {
	if f == nil {
		return answer{code: signature.Unreachable}
	}
	if a := f.answer(); a.code != signature.OK || q.kept(*f) {
		return a.judgedFor(q)
	}
	return answer{code: signature.StatusNotKept, source: f.source}
}

// judgedFor is the answer for an instant: what was revoked later was not revoked then. A timestamp's key that was revoked for anything but
// the end of its use may have been in other hands, which write any time they like (RFC 3161 4): its word is worth nothing from then on.
func (a answer) judgedFor(q question) answer {
	ended := slices.Contains([]int{ocsp.AffiliationChanged, ocsp.Superseded, ocsp.CessationOfOperation}, a.reason)
	if (a.code == signature.Revoked || a.code == signature.Suspended) && a.at.After(q.at) && (!q.clock || ended) {
		return answer{code: signature.OK, source: a.source}
	}
	return a
}

// ask goes to the services that the certificate names. Nil: none answered so that it can be believed.
func (c *check) ask(ctx context.Context, q question) *found {
	var unknown *found
	for _, address := range q.of.OCSPServer[:min(len(q.of.OCSPServer), maxAddresses)] {
		f := c.askOCSP(ctx, address, q)
		if f != nil && f.status != ocsp.Unknown {
			return f
		}
		if f != nil {
			unknown = f
		}
	}
	for _, address := range q.of.CRLDistributionPoints[:min(len(q.of.CRLDistributionPoints), maxAddresses)] {
		der, err := c.fetch(ctx, address, "", nil)
		if err != nil {
			continue
		}
		if f, ok := q.crl(der); ok && q.fresh(f.thisUpdate, f.nextUpdate) {
			f.source = "crl"
			return &f.found
		}
	}
	return unknown
}

func (c *check) askOCSP(ctx context.Context, address string, q question) *found {
	request, err := ocsp.CreateRequest(q.of, q.issuer, &ocsp.RequestOptions{Hash: crypto.SHA1}) // a name for the issuer, which every responder knows
	if err != nil {
		return nil
	}
	der, err := c.fetch(ctx, address, "application/ocsp-request", request)
	if err != nil {
		return nil
	}
	f, ok := q.ocsp(der)
	if !ok || !q.fresh(f.thisUpdate, f.nextUpdate) {
		return nil
	}
	f.source = "ocsp"
	return &f.found
}

// fresh tells whether an answer is still one.
func (q question) fresh(this, next time.Time) bool {
	if this.After(q.now.Add(skew)) {
		return false
	}
	if next.IsZero() {
		return q.now.Sub(this) < stale
	}
	return !q.now.After(next.Add(skew))
}

// dated is a found with its own expiry.
type dated struct {
	found
	nextUpdate time.Time
}

var oidArchiveCutoff = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 6}

// ocsp reads an answer about the certificate and checks who signed it: the issuer itself, or one whom the issuer certified for that
// (RFC 6960 4.2.2.2), at a time when that certificate was good.
func (q question) ocsp(der []byte) (d dated, ok bool) {
	about, sane := q.looked(der)
	if !sane {
		return d, false
	}
	r, err := ocsp.ParseResponseForCert(der, q.of, q.issuer)
	if err != nil || !q.responder(r) || outdated(r.SignatureAlgorithm) || !q.aboutIssuer(about, r.IssuerHash) {
		return d, false
	}
	d.status, d.reason, d.revokedAt, d.thisUpdate, d.nextUpdate = r.Status, r.RevocationReason, r.RevokedAt.UTC(), r.ThisUpdate, r.NextUpdate
	for _, e := range r.Extensions {
		if e.Id.Equal(oidArchiveCutoff) {
			_, _ = asn1.Unmarshal(e.Value, &d.keepsSince) // unreadable: as if it were not there
		}
	}
	return d, true
}

// responder checks a delegated responder's certificate; that the issuer signed it, golang.org/x/crypto/ocsp has checked.
func (q question) responder(r *ocsp.Response) bool {
	if r.Certificate == nil || bytes.Equal(r.Certificate.Raw, q.issuer.Raw) {
		return true
	}
	when := r.ProducedAt
	return slices.Contains(r.Certificate.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning) && !when.Before(r.Certificate.NotBefore) && !when.After(r.Certificate.NotAfter)
}

// maxOCSP is several times what an answer with its responder's chain has.
const maxOCSP = 64 << 10

// certID is how an answer names a certificate (RFC 6960 4.1.1).
type certID struct {
	Hash      pkix.AlgorithmIdentifier
	Name, Key []byte
	Serial    *big.Int
}

// looked reads what golang.org/x/crypto/ocsp does not tell of an answer: by which issuer it names the certificate of this number, and whether the
// responder's key is of a size to reckon with. It returns the first that has the number, as that library does.
func (q question) looked(der []byte) (about certID, sane bool) {
	var outer struct {
		Status asn1.Enumerated
		Body   struct {
			Type     asn1.ObjectIdentifier
			Response []byte
		} `asn1:"explicit,tag:0,optional"`
	}
	var basic struct {
		Data struct {
			Version   int `asn1:"optional,default:0,explicit,tag:0"`
			Responder asn1.RawValue
			At        time.Time `asn1:"generalized"`
			Answers   []struct{ ID certID }
		}
		Algorithm    pkix.AlgorithmIdentifier
		Signature    asn1.BitString
		Certificates []asn1.RawValue `asn1:"explicit,tag:0,optional"`
	}
	if len(der) > maxOCSP {
		return about, false
	}
	if _, err := asn1.Unmarshal(der, &outer); err != nil {
		return about, false
	}
	if _, err := asn1.Unmarshal(outer.Body.Response, &basic); err != nil {
		return about, false
	}
	for _, raw := range basic.Certificates[:min(len(basic.Certificates), 1)] { // the only one that is looked at
		if c, err := x509.ParseCertificate(raw.FullBytes); err != nil || !cms.Usable(c) {
			return about, false
		}
	}
	for _, one := range basic.Data.Answers {
		if one.ID.Serial != nil && one.ID.Serial.Cmp(q.of.SerialNumber) == 0 {
			return one.ID, true
		}
	}
	return about, false
}

// aboutIssuer checks that the answer is about a certificate of this issuer: numbers alone are not unique, and one responder may serve several.
func (q question) aboutIssuer(about certID, hash crypto.Hash) bool {
	request, err := ocsp.CreateRequest(q.of, q.issuer, &ocsp.RequestOptions{Hash: hash})
	if err != nil {
		return false
	}
	wanted, err := ocsp.ParseRequest(request)
	return err == nil && bytes.Equal(about.Key, wanted.IssuerKeyHash) && bytes.Equal(about.Name, wanted.IssuerNameHash)
}

func outdated(a x509.SignatureAlgorithm) bool {
	return slices.Contains([]x509.SignatureAlgorithm{x509.UnknownSignatureAlgorithm, x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA,
		x509.DSAWithSHA1, x509.DSAWithSHA256, x509.ECDSAWithSHA1}, a)
}

var oidExpiredCertsOnCRL = asn1.ObjectIdentifier{2, 5, 29, 60}

// What limits a list to some certificates (RFC 5280 5.2.4, 5.2.5), and where a certificate says that its list is.
var (
	oidIssuingPoint = asn1.ObjectIdentifier{2, 5, 29, 28}
	oidDelta        = asn1.ObjectIdentifier{2, 5, 29, 27}
	oidPoints       = asn1.ObjectIdentifier{2, 5, 29, 31}
)

// crl reads the issuer's own, complete list.
func (q question) crl(der []byte) (d dated, ok bool) {
	list, err := x509.ParseRevocationList(der)
	if err != nil || !bytes.Equal(list.RawIssuer, q.issuer.RawSubject) || outdated(list.SignatureAlgorithm) || list.CheckSignatureFrom(q.issuer) != nil {
		return d, false
	}
	for _, e := range list.Extensions {
		switch {
		case e.Id.Equal(oidExpiredCertsOnCRL):
			_, _ = asn1.Unmarshal(e.Value, &d.keepsSince)
		case e.Id.Equal(oidIssuingPoint) && !q.within(e.Value), e.Id.Equal(oidDelta), e.Critical && !e.Id.Equal(oidIssuingPoint):
			return d, false
		}
	}
	d.thisUpdate, d.nextUpdate = list.ThisUpdate, list.NextUpdate
	for _, entry := range list.RevokedCertificateEntries {
		at := entry.RevocationTime.UTC()
		if entry.SerialNumber.Cmp(q.of.SerialNumber) == 0 && entry.ReasonCode != ocsp.RemoveFromCRL && (d.revokedAt.IsZero() || at.Before(d.revokedAt)) {
			d.status, d.reason, d.revokedAt = ocsp.Revoked, entry.ReasonCode, at
		}
	}
	return d, true
}

// within tells whether the certificate is of those that an issuing distribution point limits its list to: the part of the certificates that name
// the same point, those of users or those of authorities. An issuer that splits its lists says nothing in one of the certificates in another.
func (q question) within(der []byte) bool {
	var point struct {
		Point      asn1.RawValue  `asn1:"optional,tag:0"`
		Users      bool           `asn1:"optional,tag:1"`
		CAs        bool           `asn1:"optional,tag:2"`
		Reasons    asn1.BitString `asn1:"optional,tag:3"`
		Indirect   bool           `asn1:"optional,tag:4"`
		Attributes bool           `asn1:"optional,tag:5"`
	}
	_, err := asn1.Unmarshal(der, &point)
	switch {
	case err != nil || point.Indirect || point.Attributes || point.Reasons.BitLength > 0:
		return false
	case point.Users && q.of.IsCA || point.CAs && !q.of.IsCA:
		return false
	}
	return len(point.Point.FullBytes) == 0 || q.named(point.Point.Bytes)
}

// named tells whether the certificate names one of a distribution point's full names as its own.
func (q question) named(der []byte) bool {
	var full asn1.RawValue
	if _, err := asn1.Unmarshal(der, &full); err != nil || full.Class != asn1.ClassContextSpecific || full.Tag != 0 {
		return false
	}
	for rest := full.Bytes; len(rest) > 0; {
		var name asn1.RawValue
		var err error
		if rest, err = asn1.Unmarshal(rest, &name); err != nil {
			return false
		}
		if slices.ContainsFunc(q.of.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(oidPoints) && bytes.Contains(e.Value, name.FullBytes) }) {
			return true
		}
	}
	return false
}
