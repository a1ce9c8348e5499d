package signing

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
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
}

// revocation tells whether a certificate was revoked at an instant. What the file brings along is enough if it was issued at that instant
// or later; else the services that the certificate names are asked, OCSP before CRL. No service named, or none answering, is never a
// yes.
func (c *check) revocation(ctx context.Context, of, issuer *x509.Certificate, at time.Time, keeps time.Time) answer {
	q := question{of: of, issuer: issuer, at: at, now: c.now, keeps: keeps}
	for _, der := range c.ocsps {
		if f, ok := q.ocsp(der); ok && q.proves(f.found) {
			return f.named("ocsp-embedded").judgedAt(at)
		}
	}
	for _, der := range c.crls {
		if f, ok := q.crl(der); ok && q.proves(f.found) {
			return f.named("crl-embedded").judgedAt(at)
		}
	}
	key := sha256.Sum256(append(slices.Clip(of.Raw), issuer.Raw...))
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

// maxEvidence bounds how much that came with a file is read for each certificate.
const maxEvidence = 64

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
		return answer{signature.Suspended, f.revokedAt, f.source}
	case f.status == ocsp.Revoked:
		return answer{signature.Revoked, f.revokedAt, f.source}
	}
	return answer{code: signature.OK, source: f.source}
}

// question is about one certificate at one instant.
type question struct {
	of, issuer *x509.Certificate
	at, now    time.Time
	keeps      time.Time // the trust list's word that expired certificates are kept
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
		return a.judgedAt(q.at)
	}
	return answer{code: signature.StatusNotKept, source: f.source}
}

// judgedAt is the answer for an instant: what was revoked later was not revoked then.
func (a answer) judgedAt(at time.Time) answer {
	if (a.code == signature.Revoked || a.code == signature.Suspended) && a.at.After(at) {
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
	r, err := ocsp.ParseResponseForCert(der, q.of, q.issuer)
	if err != nil || !q.responder(r) || outdated(r.SignatureAlgorithm) || !q.aboutIssuer(r.TBSResponseData, r.IssuerHash) {
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

// aboutIssuer checks that the answer is about a certificate of this issuer: numbers alone are not unique.
func (q question) aboutIssuer(signed []byte, hash crypto.Hash) bool {
	request, err := ocsp.CreateRequest(q.of, q.issuer, &ocsp.RequestOptions{Hash: hash})
	if err != nil {
		return false
	}
	wanted, err := ocsp.ParseRequest(request)
	return err == nil && bytes.Contains(signed, wanted.IssuerKeyHash) && bytes.Contains(signed, wanted.IssuerNameHash)
}

func outdated(a x509.SignatureAlgorithm) bool {
	return slices.Contains([]x509.SignatureAlgorithm{x509.UnknownSignatureAlgorithm, x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA,
		x509.DSAWithSHA1, x509.DSAWithSHA256, x509.ECDSAWithSHA1}, a)
}

var oidExpiredCertsOnCRL = asn1.ObjectIdentifier{2, 5, 29, 60}

// oidIndirect is the issuing distribution point: a list of only some certificates or reasons says nothing of the others.
var oidIssuingPoint = asn1.ObjectIdentifier{2, 5, 29, 28}

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
		case e.Id.Equal(oidIssuingPoint) && !wholePoint(e.Value), e.Critical && !e.Id.Equal(oidIssuingPoint):
			return d, false
		}
	}
	d.thisUpdate, d.nextUpdate = list.ThisUpdate, list.NextUpdate
	for _, entry := range list.RevokedCertificateEntries {
		if entry.SerialNumber.Cmp(q.of.SerialNumber) == 0 && entry.ReasonCode != ocsp.RemoveFromCRL {
			d.status, d.reason, d.revokedAt = ocsp.Revoked, entry.ReasonCode, entry.RevocationTime.UTC()
		}
	}
	return d, true
}

// wholePoint tells whether an issuing distribution point limits the list to nothing that a signer's certificate is not.
func wholePoint(der []byte) bool {
	var point struct {
		Point      asn1.RawValue  `asn1:"optional,tag:0"`
		Users      bool           `asn1:"optional,tag:1"`
		CAs        bool           `asn1:"optional,tag:2"`
		Reasons    asn1.BitString `asn1:"optional,tag:3"`
		Indirect   bool           `asn1:"optional,tag:4"`
		Attributes bool           `asn1:"optional,tag:5"`
	}
	_, err := asn1.Unmarshal(der, &point)
	return err == nil && !point.CAs && !point.Indirect && !point.Attributes && point.Reasons.BitLength == 0
}
