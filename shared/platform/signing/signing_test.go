package signing_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/ocsp"

	"sportello/shared/domain/signature"
	"sportello/shared/platform/signing"
	"sportello/shared/platform/signing/signingtest"
	"sportello/shared/platform/signing/trust"
)

type (
	style    = signingtest.Style
	pdfStyle = signingtest.PDFStyle
	options  = signingtest.Options
)

var now = signingtest.Now

func verifier(t testing.TB, w *signingtest.World) *signing.Verifier {
	t.Helper()
	v, err := signing.New(signing.Config{List: w.List, Fetch: w.Fetch, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func verify(t testing.TB, w *signingtest.World, file []byte) signature.Report {
	t.Helper()
	r, err := verifier(t, w).Verify(context.Background(), bytes.NewReader(file), int64(len(file)), now)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// day is a day of 2026 at noon.
func day(month time.Month, d int) time.Time { return time.Date(2026, month, d, 12, 0, 0, 0, time.UTC) }

var document = []byte("Listino prezzi 2026\n")

// scene is a world with who signs in it.
type scene struct {
	*signingtest.World
	t testing.TB
}

func (s scene) person(o options) *signingtest.Identity { return s.Person(o) }
func (s scene) rsa(bits int) *signingtest.Identity {
	return s.Person(options{Key: signingtest.RSA(s.t, bits)})
}
func (s scene) envelope(st style, o options) []byte {
	return signingtest.Envelope(document, st, s.Person(o))
}
func (s scene) stamp(at time.Time) []func([]byte) []byte {
	return []func([]byte) []byte{signingtest.Stamp(s.Stamper(options{}), at)}
}
func (s scene) revoked(o options, at time.Time, reason int) *signingtest.Identity {
	who := s.Person(o)
	s.Revoke(who.Certificate, at, reason)
	return who
}

const (
	ok      = "è valida: certificato qualificato di Autorità di Prova, valido e non revocato il 22 novembre 2026 alle ore 10:30."
	changed = "il documento è stato modificato dopo la firma. Firma di nuovo"
)

// cases: each makes a file; the code and a part of the sentence say what must be found.
const font = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"

// laid signs a second time, visibly, and writes more into the form than that needs.
func laid(s scene, one []byte, more string) []byte {
	return signingtest.Sign(one, 20, pdfStyle{Unreachable: true, Also: map[int]string{
		1: "<< /Type /Catalog /Pages 2 0 R /AcroForm << /SigFlags 3 /Fields [ 11 0 R 21 0 R] " + more + " >> >>",
		3: onPage(" 21 0 R"), 21: fmt.Sprintf(overlay, 20, 22), 22: drawn, 23: font,
	}}, s.person(options{Name: "Marco Bianchi", TaxCode: "BNCMRC75C10F205K"}))
}

var cases = []struct {
	name string
	file func(s scene) []byte
	code signature.Code
	text string
}{
	{"CAdES, ECDSA P-256", func(s scene) []byte { return s.envelope(style{}, options{}) }, signature.OK, "La firma di Giulia Rinaldi " + ok},
	{"ECDSA P-384", func(s scene) []byte {
		return s.envelope(style{Digest: crypto.SHA384}, options{Key: signingtest.EC(s.t, elliptic.P384())})
	}, signature.OK, ok},
	{"RSA 2048", func(s scene) []byte { return signingtest.Envelope(document, style{}, s.rsa(2048)) }, signature.OK, ok},
	{"RSA, SHA-512", func(s scene) []byte { return signingtest.Envelope(document, style{Digest: crypto.SHA512}, s.rsa(2048)) }, signature.OK, ok},
	{"RSASSA-PSS", func(s scene) []byte { return signingtest.Envelope(document, style{PSS: true}, s.rsa(2048)) }, signature.OK, ok},
	{"RSASSA-PSS, SHA-384, odd salt", func(s scene) []byte {
		return signingtest.Envelope(document, style{PSS: true, Digest: crypto.SHA384, PSSSalt: 20}, s.rsa(2048))
	}, signature.OK, ok},
	{"RSASSA-PSS, longest salt", func(s scene) []byte {
		return signingtest.Envelope(document, style{PSS: true, PSSSalt: 256 - 32 - 2}, s.rsa(2048))
	}, signature.OK, ok},
	{"PEM", func(s scene) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: "CMS", Bytes: s.envelope(style{}, options{})})
	}, signature.OK, ok},
	{"base64 on one line", func(s scene) []byte { return []byte(base64.StdEncoding.EncodeToString(s.envelope(style{}, options{}))) }, signature.OK, ok},
	{"BER in pieces", func(s scene) []byte {
		return signingtest.Envelope(bytes.Repeat(document, 500), style{Streamed: true}, s.person(options{}))
	}, signature.OK, ok},
	{"zeros after the end", func(s scene) []byte { return append(s.envelope(style{}, options{}), 0, 0, '\n') }, signature.OK, ok},
	{"named by key identifier", func(s scene) []byte { return s.envelope(style{KeyID: true}, options{}) }, signature.OK, ok},
	{"signing-certificate v1", func(s scene) []byte { return s.envelope(style{BindingV1: true}, options{}) }, signature.OK, ok},
	{"intermediate authority", func(s scene) []byte { return s.envelope(style{}, options{Issuer: s.SubCA}) }, signature.OK, "certificato qualificato di Autorità di Prova 2"},
	{"critical statements", func(s scene) []byte { return s.envelope(style{}, options{CriticalQC: true}) }, signature.OK, ok},
	{"old form of the tax code", func(s scene) []byte { return s.envelope(style{}, options{RawSerial: "IT:RNLGLI80A41F205X"}) }, signature.OK, ok},
	{"delegated responder", func(s scene) []byte { s.Delegated = true; return s.envelope(style{}, options{}) }, signature.OK, ok},
	{"CRL where OCSP is down", func(s scene) []byte { s.NoOCSP = true; return s.envelope(style{}, options{}) }, signature.OK, ok},
	{"two signers", func(s scene) []byte {
		return signingtest.Envelope(document, style{}, s.person(options{}), s.person(options{Name: "Marco Bianchi", TaxCode: "BNCMRC75C10F205K"}))
	}, signature.OK, "Le 2 firme sono valide: Giulia Rinaldi e Marco Bianchi."},
	{"two signers, one revoked", func(s scene) []byte {
		return signingtest.Envelope(document, style{}, s.person(options{}), s.revoked(options{Name: "Marco Bianchi", TaxCode: "BNCMRC75C10F205K"}, day(3, 3), 1))
	}, signature.Revoked, "La firma di Marco Bianchi non è valida: il certificato era revocato dal 3 marzo 2026."},
	{"p7m in p7m", func(s scene) []byte {
		return signingtest.Envelope(s.envelope(style{}, options{}), style{}, s.person(options{Name: "Marco Bianchi", TaxCode: "BNCMRC75C10F205K"}))
	}, signature.OK, "Le 2 firme sono valide: Marco Bianchi e Giulia Rinaldi."},
	{"streamed p7m in base64 in p7m", func(s scene) []byte {
		inner := base64.StdEncoding.EncodeToString(signingtest.Envelope(bytes.Repeat(document, 300), style{Streamed: true}, s.person(options{})))
		return signingtest.Envelope([]byte(inner), style{Streamed: true}, s.person(options{}))
	}, signature.OK, "Le 2 firme sono valide: Giulia Rinaldi."},
	{"p7m in p7m, inner one altered", func(s scene) []byte {
		return signingtest.Envelope(s.envelope(style{WrongDigest: true}, options{}), style{}, s.person(options{Name: "Marco Bianchi", TaxCode: "BNCMRC75C10F205K"}))
	}, signature.Altered, "La firma di Giulia Rinaldi non è valida: il documento è stato modificato dopo la firma."},
	{"six envelopes", func(s scene) []byte {
		who, file := s.person(options{}), document
		for range 6 {
			file = signingtest.Envelope(file, style{}, who)
		}
		return file
	}, signature.TooDeep, "oltre le cinque buste ammesse"},
	{"signed PDF in a p7m", func(s scene) []byte {
		return signingtest.Envelope(signingtest.Sign(signingtest.PDF("x"), 10, pdfStyle{}, s.person(options{Name: "Marco Bianchi", TaxCode: "BNCMRC75C10F205K"})), style{}, s.person(options{}))
	}, signature.OK, "Le 2 firme sono valide: Giulia Rinaldi e Marco Bianchi."},
	{"timestamp before revocation", func(s scene) []byte {
		return signingtest.Envelope(document, style{Timestamp: s.stamp(day(3, 1))}, s.revoked(options{}, day(3, 3), 1))
	}, signature.OK, "non revocato quando la marca temporale è stata apposta, il 1° marzo 2026 alle ore 13:00."},
	{"timestamp before expiry, answer in the file", func(s scene) []byte {
		who := s.person(options{NotBefore: day(1, 1), NotAfter: day(6, 1)})
		return signingtest.Envelope(document, style{Timestamp: s.stamp(day(5, 8)), OCSPs: [][]byte{s.OCSP(s.CA, who.Certificate.SerialNumber, day(5, 9))}}, who)
	}, signature.OK, "l’8 maggio 2026 alle ore 14:00."},
	{"list in the file, service down", func(s scene) []byte {
		s.Down = true
		return s.envelope(style{CRLs: [][]byte{s.CRL(s.CA, now)}}, options{})
	}, signature.OK, ok},
	{"timestamp before withdrawal", func(s scene) []byte {
		return s.envelope(style{Timestamp: s.stamp(day(4, 30))}, options{Issuer: s.Withdrawn})
	}, signature.OK, "certificato qualificato di Autorità Cessata"},
	{"revoked after the presentation", func(s scene) []byte {
		return signingtest.Envelope(document, style{}, s.revoked(options{}, now.Add(time.Hour), 1))
	}, signature.OK, ok},

	{"altered content", func(s scene) []byte {
		return bytes.Replace(s.envelope(style{}, options{}), []byte("prezzi"), []byte("prezzo"), 1)
	}, signature.Altered, changed},
	{"signature broken", func(s scene) []byte { return signingtest.Envelope(document, style{Break: true}, s.rsa(2048)) }, signature.Broken, "non corrisponde al certificato"},
	{"RSASSA-PSS broken", func(s scene) []byte {
		return signingtest.Envelope(document, style{PSS: true, Break: true}, s.rsa(2048))
	}, signature.Broken, "non corrisponde al certificato"},
	{"RSASSA-PSS of SHA-1", func(s scene) []byte {
		return signingtest.Envelope(document, style{PSS: true, PSSDefault: true}, s.rsa(2048))
	}, signature.SHA1, "SHA-1"},
	{"SHA-1", func(s scene) []byte { return signingtest.Envelope(document, style{Digest: crypto.SHA1}, s.rsa(2048)) }, signature.SHA1, "SHA-1"},
	{"key of 1024 bits", func(s scene) []byte { return signingtest.Envelope(document, style{}, s.rsa(1024)) }, signature.WeakKey, "troppo corta"},
	{"no signing-certificate", func(s scene) []byte { return s.envelope(style{NoBinding: true}, options{}) }, signature.NoBinding, "non indica il certificato"},
	{"no attributes at all", func(s scene) []byte { return s.envelope(style{NoAttributes: true}, options{}) }, signature.NoBinding, "non indica il certificato"},
	{"another signing-certificate", func(s scene) []byte {
		return s.envelope(style{BindTo: s.person(options{}).Certificate}, options{})
	}, signature.WrongBinding, "un certificato diverso"},
	{"another signing-certificate, v1", func(s scene) []byte {
		return s.envelope(style{BindingV1: true, BindTo: s.person(options{}).Certificate}, options{})
	}, signature.WrongBinding, "un certificato diverso"},
	{"two digests", func(s scene) []byte { return s.envelope(style{DoubleDigest: true}, options{}) }, signature.Malformed, "danneggiata"},
	{"another content type", func(s scene) []byte { return s.envelope(style{WrongType: true}, options{}) }, signature.Malformed, "danneggiata"},
	{"no certificate", func(s scene) []byte { return s.envelope(style{NoCertificate: true}, options{}) }, signature.NoCertificate, "non contiene il certificato"},
	{"detached", func(s scene) []byte { return s.envelope(style{Detached: true}, options{}) }, signature.Detached, "La firma di Giulia Rinaldi non è valida: la firma è separata dal documento."},
	{"for logging in", func(s scene) []byte { return s.envelope(style{}, options{Usage: x509.KeyUsageDigitalSignature}) }, signature.KeyUsage, "non è fatto per firmare documenti"},
	{"untrusted", func(s scene) []byte { return s.envelope(style{}, options{Issuer: s.Stranger}) }, signature.Untrusted, "elenco di fiducia"},
	{"untrusted, brings its authority", func(s scene) []byte {
		return s.envelope(style{Extra: []*x509.Certificate{s.Stranger.Certificate}}, options{Issuer: s.Stranger})
	}, signature.Untrusted, "elenco di fiducia"},
	{"of another member state", func(s scene) []byte { return s.envelope(style{}, options{Issuer: s.Foreign}) }, signature.Foreign,
		"La firma di Giulia Rinaldi non si può verificare qui: il certificato è di un prestatore di un altro Stato"},
	{"of another member state, not qualified", func(s scene) []byte { return s.envelope(style{}, options{Issuer: s.Foreign, Unqualified: true}) }, signature.Untrusted,
		"elenco di fiducia"},
	{"XAdES", func(scene) []byte {
		return []byte(`<?xml version="1.0"?><a><ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"/></a>`)
	}, signature.Elsewhere, "La firma è in un formato (XAdES, ASiC o TSD) che qui non si può verificare. Firma di nuovo scegliendo"},
	{"ASiC", func(scene) []byte { return []byte("PK\x03\x04mimetypeapplication/vnd.etsi.asic-e+zip") }, signature.Elsewhere, "XAdES, ASiC o TSD"},
	{"TSD", func(scene) []byte {
		return []byte{0x30, 0x80, 6, 0x0b, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 16, 1, 31, 0xa0, 0x80}
	}, signature.Elsewhere, "XAdES, ASiC o TSD"},
	{"encrypted envelope", func(scene) []byte {
		return []byte{0x30, 0x80, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 3, 0xa0, 0x80}
	}, signature.Encrypted, "Il file è cifrato"},
	{"issued by a timestamp authority", func(s scene) []byte { return s.envelope(style{}, options{Issuer: s.TSA}) }, signature.Untrusted, "elenco di fiducia"},
	{"issuer withdrawn", func(s scene) []byte { return s.envelope(style{}, options{Issuer: s.Withdrawn}) }, signature.Withdrawn, "non era più qualificato"},
	{"timestamp after withdrawal", func(s scene) []byte {
		return s.envelope(style{Timestamp: s.stamp(day(5, 2))}, options{Issuer: s.Withdrawn})
	}, signature.Withdrawn, "non era più qualificato"},
	{"not qualified", func(s scene) []byte { return s.envelope(style{}, options{Unqualified: true}) }, signature.NotQualified, "non è qualificato"},
	{"a seal's certificate", func(s scene) []byte { return s.envelope(style{}, options{Seal: true}) }, signature.NotQualified, "non è qualificato"},
	{"expired", func(s scene) []byte { return s.envelope(style{}, options{NotAfter: day(3, 11)}) }, signature.Expired, "il certificato era scaduto dall’11 marzo 2026."},
	{"not valid yet", func(s scene) []byte { return s.envelope(style{}, options{NotBefore: day(12, 1)}) }, signature.NotYetValid, "il certificato vale solo dal 1° dicembre 2026."},
	{"timestamp before the certificate", func(s scene) []byte {
		return s.envelope(style{Timestamp: s.stamp(day(1, 2))}, options{NotBefore: day(2, 1)})
	}, signature.NotYetValid, "vale solo dal 1° febbraio 2026"},
	{"revoked", func(s scene) []byte {
		return signingtest.Envelope(document, style{}, s.revoked(options{}, day(3, 3), 1))
	}, signature.Revoked, "era revocato dal 3 marzo 2026."},
	{"revoked, by CRL", func(s scene) []byte {
		s.NoOCSP = true
		return signingtest.Envelope(document, style{}, s.revoked(options{}, day(3, 8), 1))
	}, signature.Revoked, "era revocato dall’8 marzo 2026."},
	{"suspended", func(s scene) []byte {
		return signingtest.Envelope(document, style{}, s.revoked(options{}, day(10, 20), ocsp.CertificateHold))
	}, signature.Suspended, "era sospeso dal 20 ottobre 2026. Rivolgiti"},
	{"authority revoked", func(s scene) []byte {
		s.Revoke(s.SubCA.Certificate, day(3, 3), 2)
		return s.envelope(style{}, options{Issuer: s.SubCA})
	}, signature.IssuerRevoked, "certificato del prestatore"},
	{"revoked, though the file says not", func(s scene) []byte {
		who := s.person(options{})
		old := s.OCSP(s.CA, who.Certificate.SerialNumber, day(3, 1))
		s.Revoke(who.Certificate, day(3, 3), 1)
		return signingtest.Envelope(document, style{OCSPs: [][]byte{old}}, who)
	}, signature.Revoked, "era revocato"},
	{"timestamp over something else", func(s scene) []byte {
		return signingtest.Envelope(document, style{Timestamp: []func([]byte) []byte{signingtest.StampOther(s.Stamper(options{}), day(3, 1))}}, s.revoked(options{}, day(3, 3), 1))
	}, signature.Revoked, "era revocato"},
	{"timestamp of a stranger", func(s scene) []byte {
		return signingtest.Envelope(document, style{Timestamp: []func([]byte) []byte{signingtest.Stamp(s.Stamper(options{Issuer: s.Stranger}), day(3, 1))}}, s.revoked(options{}, day(3, 3), 1))
	}, signature.Revoked, "era revocato"},
	{"timestamp by somebody who signs", func(s scene) []byte {
		return signingtest.Envelope(document, style{Timestamp: []func([]byte) []byte{signingtest.Stamp(s.person(options{}), day(3, 1))}}, s.revoked(options{}, day(3, 3), 1))
	}, signature.Revoked, "era revocato"},
	{"timestamp of tomorrow", func(s scene) []byte {
		return s.envelope(style{Timestamp: s.stamp(now.AddDate(0, 0, 1))}, options{NotAfter: now.Add(-time.Hour)})
	}, signature.Expired, "era scaduto"},
	{"cut off", func(s scene) []byte { return s.envelope(style{}, options{})[:400] }, signature.Malformed, "danneggiata"},
	{"trailing bytes", func(s scene) []byte { return append(s.envelope(style{}, options{}), "altro"...) }, signature.Malformed, "danneggiata"},
	{"nobody signed", func(s scene) []byte { return signingtest.Envelope(document, style{}) }, signature.NoSigner, "La busta non contiene firme."},
	{"not signed", func(scene) []byte { return document }, signature.Unsigned, "Il file non contiene alcuna firma. Firma il documento"},
	{"PDF not signed", func(scene) []byte { return signingtest.PDF("x") }, signature.Unsigned, "Il file non contiene alcuna firma."},
	{"empty", func(scene) []byte { return nil }, signature.Unsigned, "Il file non contiene alcuna firma."},

	{"revocation services down", func(s scene) []byte { s.Down = true; return s.envelope(style{}, options{}) }, signature.Unreachable,
		"non è verificabile ora: il servizio che dice se il certificato è revocato non risponde. Non devi fare nulla: la verifica sarà ripetuta."},
	{"no revocation service named", func(s scene) []byte { return s.envelope(style{}, options{NoServices: true}) }, signature.Unreachable, "non è verificabile ora"},
	{"answers of last month", func(s scene) []byte { s.Stale = true; return s.envelope(style{}, options{}) }, signature.Unreachable, "non è verificabile ora"},
	{"OCSP of a stranger, no CRL", func(s scene) []byte {
		s.Forged = true
		return s.envelope(style{}, options{Issuer: s.CA})
	}, signature.OK, ok},
	{"OCSP does not know", func(s scene) []byte {
		unknown := ocsp.Unknown
		s.OCSPStatus = &unknown
		s.Stale = false
		return s.envelope(style{}, options{})
	}, signature.OK, ok},
	{"OCSP does not know, no CRL", func(s scene) []byte {
		unknown := ocsp.Unknown
		s.OCSPStatus, s.NoCRL = &unknown, true
		return s.envelope(style{}, options{})
	}, signature.StatusUnknown, "non è verificabile ora: il prestatore non sa dire se il certificato è revocato. Rivolgiti"},
	{"OCSP of a stranger alone", func(s scene) []byte { s.Forged, s.NoCRL = true, true; return s.envelope(style{}, options{}) }, signature.Unreachable,
		"non è verificabile ora"},
	{"OCSP of one whom nobody delegated", func(s scene) []byte {
		s.Delegated, s.Upstart, s.NoCRL = true, true, true
		return s.envelope(style{}, options{})
	}, signature.Unreachable, "non è verificabile ora"},
	{"OCSP of one whose time is over", func(s scene) []byte {
		s.Delegated, s.Outlived, s.NoCRL = true, true, true
		return s.envelope(style{}, options{})
	}, signature.Unreachable, "non è verificabile ora"},
	{"answer about another certificate in the file", func(s scene) []byte {
		s.Down = true
		return s.envelope(style{OCSPs: [][]byte{s.OCSP(s.CA, s.person(options{}).Certificate.SerialNumber, now)}}, options{})
	}, signature.Unreachable, "non è verificabile ora"},
	{"answer of another authority in the file", func(s scene) []byte {
		s.Down = true
		who := s.person(options{})
		return signingtest.Envelope(document, style{OCSPs: [][]byte{s.OCSP(s.Stranger, who.Certificate.SerialNumber, now)}, CRLs: [][]byte{s.CRL(s.Stranger, now)}}, who)
	}, signature.Unreachable, "non è verificabile ora"},
	{"list of another part in the file", func(s scene) []byte {
		s.Down = true
		return s.envelope(style{CRLs: [][]byte{s.CRL(s.CA, now, signingtest.Part("http://trust.test/ca-2.crl"))}}, options{})
	}, signature.Unreachable, "non è verificabile ora"},
	{"list of the certificate's own part in the file", func(s scene) []byte {
		s.Down = true
		return s.envelope(style{CRLs: [][]byte{s.CRL(s.CA, now, signingtest.Part("http://trust.test/ca.crl"))}}, options{})
	}, signature.OK, ok},
	{"list of what is new in the file", func(s scene) []byte {
		s.Down = true
		return s.envelope(style{CRLs: [][]byte{s.CRL(s.CA, now, signingtest.Delta())}}, options{})
	}, signature.Unreachable, "non è verificabile ora"},
	{"list of people's certificates, for a person", func(s scene) []byte {
		s.Down = true
		return s.envelope(style{CRLs: [][]byte{s.CRL(s.CA, now, signingtest.Users())}}, options{})
	}, signature.OK, ok},
	{"list of people's certificates, for an authority", func(s scene) []byte {
		s.Down = true
		return s.envelope(style{CRLs: [][]byte{s.CRL(s.SubCA, now), s.CRL(s.CA, now, signingtest.Users())}}, options{Issuer: s.SubCA})
	}, signature.Unreachable, "non è verificabile ora"},
	{"answer about the same number of another authority, among others", func(s scene) []byte {
		s.Down = true
		who := s.person(options{})
		return signingtest.Envelope(document, style{OCSPs: [][]byte{s.OCSPTwice(s.CA, s.SubCA, who.Certificate.SerialNumber, now, false)}}, who)
	}, signature.Unreachable, "non è verificabile ora"},
	{"answer about the same number of another authority, behind the right one", func(s scene) []byte {
		s.Down = true
		who := s.person(options{})
		return signingtest.Envelope(document, style{OCSPs: [][]byte{s.OCSPTwice(s.CA, s.SubCA, who.Certificate.SerialNumber, now, true)}}, who)
	}, signature.Revoked, "era revocato"},
	{"timestamp of a key that came into other hands later", func(s scene) []byte {
		by := s.Stamper(options{})
		s.Revoke(by.Certificate, day(6, 1), ocsp.KeyCompromise)
		return signingtest.Envelope(document, style{Timestamp: []func([]byte) []byte{signingtest.Stamp(by, day(3, 1))}}, s.revoked(options{}, day(3, 3), 1))
	}, signature.Revoked, "era revocato"},
	{"timestamp of a key that was replaced later", func(s scene) []byte {
		by := s.Stamper(options{})
		s.Revoke(by.Certificate, day(6, 1), ocsp.Superseded)
		return signingtest.Envelope(document, style{Timestamp: []func([]byte) []byte{signingtest.Stamp(by, day(3, 1))}}, s.revoked(options{}, day(3, 3), 1))
	}, signature.OK, "il 1° marzo 2026"},
	{"ECDSA P-224", func(s scene) []byte { return s.envelope(style{}, options{Key: signingtest.EC(s.t, elliptic.P224())}) }, signature.WeakKey, "troppo corta"},
	{"a key without end", func(s scene) []byte {
		return s.envelope(style{}, options{Public: &rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), 1<<20, 1), E: 1<<31 - 1}})
	}, signature.Algorithm, "algoritmo"},
	{"PEM, twice", func(s scene) []byte {
		one := pem.EncodeToMemory(&pem.Block{Type: "CMS", Bytes: s.envelope(style{}, options{})})
		return append(one, one...)
	}, signature.Malformed, "danneggiata"},
	{"damaged PDF in a p7m", func(s scene) []byte {
		return signingtest.Envelope(append(signingtest.PDF("x"), "altro"...), style{}, s.person(options{}))
	}, signature.OK, ok},
	{"damaged signed PDF in a p7m", func(s scene) []byte {
		return signingtest.Envelope(append(signingtest.Sign(signingtest.PDF("x"), 10, pdfStyle{}, s.person(options{})), "altro"...), style{}, s.person(options{}))
	}, signature.Damaged, "Il PDF è danneggiato"},
	{"more signatures than a report holds", func(s scene) []byte {
		all := make([]*signingtest.Identity, 32)
		for i := range all {
			all[i] = s.person(options{})
		}
		return signingtest.Envelope(signingtest.Envelope(s.envelope(style{}, options{}), style{}, all...), style{}, all...)
	}, signature.TooMany, "Il file ha più di 64 firme."},
	{"expired since, status kept as the trust list says", func(s scene) []byte {
		s.Trust().Services[0].KeepsExpired = day(1, 1)
		return s.envelope(style{Timestamp: s.stamp(day(5, 8))}, options{NotAfter: day(6, 1)})
	}, signature.OK, "l’8 maggio 2026"},
	{"timestamp authority's revocation down", func(s scene) []byte {
		s.NoCRL = true // timestamp authorities here have no other
		return s.envelope(style{Timestamp: s.stamp(day(5, 8))}, options{})
	}, signature.Unreachable, "non è verificabile ora"},
	{"expired since, status not kept", func(s scene) []byte {
		return s.envelope(style{Timestamp: s.stamp(day(5, 8))}, options{NotAfter: day(6, 1)})
	}, signature.StatusNotKept, "non dice più se era revocato"},
	{"broken, and services down", func(s scene) []byte { s.Down = true; return s.envelope(style{Break: true}, options{}) }, signature.Broken, "non è valida"},

	{"PAdES", func(s scene) []byte {
		return signingtest.Sign(signingtest.PDF("x"), 10, pdfStyle{}, s.person(options{}))
	}, signature.OK, ok},
	{"PAdES of the older kind", func(s scene) []byte {
		return signingtest.Sign(signingtest.PDF("x"), 10, pdfStyle{SubFilter: "adbe.pkcs7.detached"}, s.person(options{}))
	}, signature.OK, ok},
	{"PAdES over packed objects, wide offsets", func(s scene) []byte {
		return signingtest.Sign(signingtest.PackedWide("x"), 10, pdfStyle{}, s.person(options{}))
	}, signature.OK, ok},
	{"PAdES over packed objects", func(s scene) []byte {
		return signingtest.Sign(signingtest.Packed("x"), 10, pdfStyle{}, s.person(options{}))
	}, signature.OK, ok},
	{"PAdES, RSASSA-PSS", func(s scene) []byte {
		return signingtest.Sign(signingtest.PDF("x"), 10, pdfStyle{Style: style{PSS: true}}, s.rsa(2048))
	}, signature.OK, ok},
	{"PAdES, two", func(s scene) []byte {
		one := signingtest.Sign(signingtest.PDF("x"), 10, pdfStyle{}, s.person(options{}))
		return signingtest.Sign(one, 20, pdfStyle{}, s.person(options{Name: "Marco Bianchi", TaxCode: "BNCMRC75C10F205K"}))
	}, signature.OK, "Le 2 firme sono valide: Giulia Rinaldi e Marco Bianchi."},
	{"PAdES, two, the second seen and by a program that lays resources by", func(s scene) []byte {
		one := signingtest.Sign(signingtest.PDF("x"), 10, pdfStyle{}, s.person(options{}))
		return laid(s, one, "/DA (/Helv 0 Tf 0 g ) /DR << /Font << /Helv 23 0 R >> >>")
	}, signature.OK, "Le 2 firme sono valide"},
	{"PAdES, two, the second adds to the resources laid by", func(s scene) []byte {
		doc := signingtest.PDF("x", "/AcroForm << /SigFlags 3 /Fields [ 11 0 R] /DA (/Helv 0 Tf 0 g ) /DR << /Font << /Helv 24 0 R >> >> >>")
		doc = signingtest.Update(doc, map[int]string{3: onPage(""), 24: font, 11: "<< /Type /Annot /Subtype /Widget /FT /Sig /T (Firma11) /Rect [0 0 0 0] /P 3 0 R >>"})
		one := signingtest.Sign(doc, 10, pdfStyle{UseField: 11}, s.person(options{}))
		return laid(s, one, "/DA (/Helv 0 Tf 0 g ) /DR << /Font << /Helv 24 0 R /ZaDb 23 0 R >> /XObject << /FRM 22 0 R >> >>")
	}, signature.OK, "Le 2 firme sono valide"},
	{"PAdES in a field that was there", func(s scene) []byte {
		empty := signingtest.PDF("x", "/AcroForm << /SigFlags 3 /Fields [8 0 R] >>")
		empty = signingtest.Update(empty, map[int]string{8: "<< /Type /Annot /Subtype /Widget /FT /Sig /T (Firma8) /Rect [0 0 0 0] /F 132 /P 3 0 R >>"})
		one := signingtest.Sign(empty, 10, pdfStyle{}, s.person(options{}))
		return signingtest.Sign(one, 20, pdfStyle{UseField: 8}, s.person(options{}))
	}, signature.OK, "Le 2 firme sono valide"},
	{"PAdES with store and document timestamp", func(s scene) []byte {
		who := s.person(options{NotAfter: day(6, 1)})
		one := signingtest.Sign(signingtest.PDF("x"), 10, pdfStyle{}, who)
		one = signingtest.Store(one, 20, [][]byte{s.OCSP(s.CA, who.Certificate.SerialNumber, day(5, 9))}, nil)
		return signingtest.StampPDF(one, 30, signingtest.Stamp(s.Stamper(options{}), day(5, 8)))
	}, signature.OK, "quando la marca temporale è stata apposta, l’8 maggio 2026"},
	{"PAdES with signature timestamp", func(s scene) []byte {
		return signingtest.Sign(signingtest.PDF("x"), 10, pdfStyle{Style: style{Timestamp: s.stamp(day(3, 1))}}, s.revoked(options{}, day(3, 3), 1))
	}, signature.OK, "il 1° marzo 2026"},
	{"PAdES altered", func(s scene) []byte {
		return bytes.Replace(signingtest.Sign(signingtest.PDF("costa 100"), 10, pdfStyle{}, s.person(options{})), []byte("costa 100"), []byte("costa 900"), 1)
	}, signature.Altered, changed},
	{"PAdES, content changed after", func(s scene) []byte {
		one := signingtest.Sign(signingtest.PDF("costa 100"), 10, pdfStyle{}, s.person(options{}))
		return signingtest.Update(one, map[int]string{4: signingtest.Stream("", []byte("BT (costa 900) Tj ET"))})
	}, signature.ModifiedAfter, changed},
	{"PAdES untrusted, content changed after", func(s scene) []byte {
		one := signingtest.Sign(signingtest.PDF("costa 100"), 10, pdfStyle{}, s.person(options{Issuer: s.Stranger}))
		return signingtest.Update(one, map[int]string{4: signingtest.Stream("", []byte("BT (costa 900) Tj ET"))})
	}, signature.ModifiedAfter, changed},
	{"PAdES, page changed after", func(s scene) []byte {
		one := signingtest.Sign(signingtest.PDF("x"), 10, pdfStyle{}, s.person(options{}))
		return signingtest.Update(one, map[int]string{3: "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents [4 0 R 40 0 R] /Resources << >> /Annots [ 11 0 R] >>",
			40: signingtest.Stream("", []byte("BT (e altro) Tj ET"))})
	}, signature.ModifiedAfter, changed},
	{"PAdES, catalogue changed after", func(s scene) []byte {
		one := signingtest.Sign(signingtest.PDF("x"), 10, pdfStyle{}, s.person(options{}))
		return signingtest.Update(one, map[int]string{1: "<< /Type /Catalog /Pages 40 0 R >>", 40: "<< /Type /Pages /Kids [] /Count 0 >>"})
	}, signature.ModifiedAfter, changed},
	{"PAdES, note added after", func(s scene) []byte {
		one := signingtest.Sign(signingtest.PDF("x"), 10, pdfStyle{}, s.person(options{}))
		return signingtest.Update(one, map[int]string{3: "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << >> /Annots [ 11 0 R 40 0 R] >>",
			40: "<< /Type /Annot /Subtype /FreeText /Rect [0 0 500 500] /Contents (900 euro) >>"})
	}, signature.ModifiedAfter, changed},
	{"PAdES, empty field laid over", func(s scene) []byte {
		one := signingtest.Sign(signingtest.PDF("x"), 10, pdfStyle{}, s.person(options{}))
		return signingtest.Update(one, map[int]string{3: "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << >> /Annots [ 11 0 R 40 0 R] >>",
			40: "<< /Type /Annot /Subtype /Widget /FT /Sig /T (Sopra) /Rect [0 0 500 500] /AP << /N 41 0 R >> >>", 41: signingtest.Stream("/Type /XObject /Subtype /Form", []byte("x"))})
	}, signature.ModifiedAfter, changed},
	{"PAdES, gap in the signed revision filled after", func(s scene) []byte {
		one := signingtest.Sign(signingtest.PDF("x", "/Extra 40 0 R"), 10, pdfStyle{}, s.person(options{}))
		return signingtest.Update(one, map[int]string{40: "<< /Type /Anything >>"})
	}, signature.ModifiedAfter, changed},
	{"PAdES, content changed under the name of metadata", func(s scene) []byte {
		doc := signingtest.Update(signingtest.PDF("x", "/Metadata 4 0 R"), map[int]string{4: signingtest.Stream("/Type /Metadata /Subtype /XML", []byte("BT (100) Tj ET"))})
		one := signingtest.Sign(doc, 10, pdfStyle{}, s.person(options{}))
		return signingtest.Update(one, map[int]string{4: signingtest.Stream("/Type /Metadata /Subtype /XML", []byte("BT (900) Tj ET"))})
	}, signature.ModifiedAfter, changed},
	{"PAdES, metadata changed after", func(s scene) []byte {
		doc := signingtest.Update(signingtest.PDF("x", "/Metadata 40 0 R"), map[int]string{40: signingtest.Stream("/Type /Metadata /Subtype /XML", []byte("<a/>"))})
		one := signingtest.Sign(doc, 10, pdfStyle{}, s.person(options{}))
		return signingtest.Update(one, map[int]string{40: signingtest.Stream("/Type /Metadata /Subtype /XML", []byte("<b/>")), 5: "<< /Producer (altro) >>"})
	}, signature.OK, ok},
	{"PAdES, content changed under the name of the store", func(s scene) []byte {
		doc := signingtest.Update(signingtest.PDF("x", "/DSS << /Certs 40 0 R >>"), map[int]string{40: "[4 0 R]",
			3: "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 40 0 R /Resources << >> >>"})
		one := signingtest.Sign(doc, 10, pdfStyle{}, s.person(options{}))
		return signingtest.Update(one, map[int]string{40: "[41 0 R]", 41: signingtest.Stream("", []byte("BT (900) Tj ET"))})
	}, signature.ModifiedAfter, changed},
	{"PAdES, resources changed under the name of information", func(s scene) []byte {
		doc := signingtest.Update(signingtest.PDF("x"), map[int]string{3: "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources 5 0 R >>"})
		one := signingtest.Sign(doc, 10, pdfStyle{}, s.person(options{}))
		return signingtest.Update(one, map[int]string{5: "<< /Producer (prova) /Font << /F1 41 0 R >> >>", 41: "<< /Type /Font >>"})
	}, signature.ModifiedAfter, changed},
	{"PAdES, store written anew with another signature", func(s scene) []byte {
		who := s.person(options{})
		one := signingtest.Sign(signingtest.PDF("x"), 10, pdfStyle{}, who)
		one = signingtest.Store(one, 20, [][]byte{s.OCSP(s.CA, who.Certificate.SerialNumber, now)}, nil)
		two := signingtest.Sign(one, 30, pdfStyle{}, who)
		return signingtest.Update(two, map[int]string{20: "<< /Type /DSS /OCSPs [21 0 R] /CRLs [50 0 R] >>", 50: signingtest.Deflated("", s.CRL(s.CA, now))})
	}, signature.OK, "Le 2 firme sono valide"},
	{"PAdES, object deleted after", func(s scene) []byte {
		one := signingtest.Sign(signingtest.PDF("x"), 10, pdfStyle{}, s.person(options{}))
		return signingtest.Update(one, map[int]string{4: "null"})
	}, signature.ModifiedAfter, changed},
	{"PAdES, signature taken out after", func(s scene) []byte {
		one := signingtest.Sign(signingtest.PDF("x"), 10, pdfStyle{}, s.person(options{}))
		return signingtest.Update(one, map[int]string{1: "<< /Type /Catalog /Pages 2 0 R >>"})
	}, signature.ModifiedAfter, changed},
	{"PAdES, second one changes the page", func(s scene) []byte {
		one := signingtest.Sign(signingtest.PDF("costa 100"), 10, pdfStyle{}, s.person(options{}))
		return signingtest.Sign(one, 20, pdfStyle{Also: map[int]string{4: signingtest.Stream("", []byte("BT (costa 900) Tj ET"))}}, s.person(options{}))
	}, signature.ModifiedAfter, changed},
	{"PAdES, certified against any change, then signed", func(s scene) []byte {
		one := signingtest.Sign(signingtest.PDF("x"), 10, pdfStyle{DocMDP: 1}, s.person(options{}))
		return signingtest.Sign(one, 20, pdfStyle{}, s.person(options{}))
	}, signature.ModifiedAfter, changed},
	{"PAdES, certified against any change, then timestamped", func(s scene) []byte {
		one := signingtest.Sign(signingtest.PDF("x"), 10, pdfStyle{DocMDP: 1}, s.person(options{}))
		return signingtest.StampPDF(one, 20, signingtest.Stamp(s.Stamper(options{}), now))
	}, signature.OK, "è valida"},
	{"PAdES, bytes after the end", func(s scene) []byte {
		return append(signingtest.Sign(signingtest.PDF("x"), 10, pdfStyle{}, s.person(options{})), "altro"...)
	}, signature.Damaged, "Il PDF è danneggiato e non si può dire se e da chi è firmato. Crea di nuovo"},
	{"PAdES, range not from the start", func(s scene) []byte {
		return signingtest.Sign(signingtest.PDF("x"), 10, pdfStyle{Range: func(r [4]int) [4]int { return [4]int{9, r[1] - 9, r[2], r[3]} }}, s.person(options{}))
	}, signature.NotWhole, "non copre tutto il documento"},
	{"PAdES, range with a larger gap", func(s scene) []byte {
		return signingtest.Sign(signingtest.PDF("x"), 10, pdfStyle{Range: func(r [4]int) [4]int { return [4]int{0, r[1] - 40, r[2], r[3]} }}, s.person(options{}))
	}, signature.NotWhole, "non copre tutto il documento"},
	{"PAdES, range that ends early", func(s scene) []byte {
		return signingtest.Sign(signingtest.PDF("x"), 10, pdfStyle{Range: func(r [4]int) [4]int { return [4]int{0, r[1], r[2], r[3] - 20} }}, s.person(options{}))
	}, signature.NotWhole, "non copre tutto il documento"},
	{"PAdES of SHA-1", func(s scene) []byte {
		return signingtest.Sign(signingtest.PDF("x"), 10, pdfStyle{SubFilter: "adbe.pkcs7.sha1"}, s.person(options{}))
	}, signature.SHA1, "SHA-1"},
	{"PAdES of an unknown form", func(s scene) []byte {
		return signingtest.Sign(signingtest.PDF("x"), 10, pdfStyle{SubFilter: "x.y"}, s.person(options{}))
	}, signature.Algorithm, "algoritmo di firma che non è riconosciuto"},
	{"PAdES that brings its own content", func(s scene) []byte {
		return signingtest.Sign(signingtest.PDF("x"), 10, pdfStyle{Attached: true}, s.person(options{}))
	}, signature.Malformed, "danneggiata"},
	{"PAdES, nonsense for a signature", func(s scene) []byte {
		return signingtest.Sign(signingtest.PDF("x"), 10, pdfStyle{Contents: []byte("nonsense")}, s.person(options{}))
	}, signature.Malformed, "danneggiata"},
	{"PAdES, no cross-references", func(s scene) []byte {
		return bytes.ReplaceAll(signingtest.Sign(signingtest.PDF("x"), 10, pdfStyle{}, s.person(options{})), []byte("startxref"), []byte("startyref"))
	}, signature.Damaged, "Il PDF è danneggiato"},
	{"PAdES cut off", func(s scene) []byte {
		return signingtest.Sign(signingtest.PDF("x"), 10, pdfStyle{}, s.person(options{}))[:300]
	}, signature.Damaged, "Il PDF è danneggiato"},
	{"PAdES revoked", func(s scene) []byte {
		return signingtest.Sign(signingtest.PDF("x"), 10, pdfStyle{}, s.revoked(options{}, day(3, 3), 1))
	}, signature.Revoked, "era revocato dal 3 marzo 2026."},
	{"PAdES expired, document timestamp of a stranger", func(s scene) []byte {
		one := signingtest.Sign(signingtest.PDF("x"), 10, pdfStyle{}, s.person(options{NotAfter: day(6, 1)}))
		return signingtest.StampPDF(one, 30, signingtest.Stamp(s.Stamper(options{Issuer: s.Stranger}), day(5, 8)))
	}, signature.Expired, "era scaduto"},
	{"PAdES expired, document timestamp cannot be judged now", func(s scene) []byte {
		s.NoCRL = true
		one := signingtest.Sign(signingtest.PDF("x"), 10, pdfStyle{}, s.person(options{NotAfter: day(6, 1)}))
		return signingtest.StampPDF(one, 30, signingtest.Stamp(s.Stamper(options{}), day(5, 8)))
	}, signature.Unreachable, "non è verificabile ora"},
	{"encrypted PDF", func(s scene) []byte {
		return bytes.ReplaceAll(signingtest.PDF("x"), []byte("/Size 1000"), []byte("/Encrypt 9 0 R"))
	}, signature.Encrypted, "Il file è cifrato"},
}

func TestVerify(t *testing.T) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := signingtest.New(t)
			r := verify(t, w, c.file(scene{w, t}))
			if r.Code != c.code || !strings.Contains(r.Text, c.text) || r.Verdict != signature.VerdictOf(c.code) {
				t.Errorf("%s %s: %s\n%s; want %s: %s", r.Format, r.Verdict, r.Code, r.Text, c.code, c.text)
			}
			if r.Verdict == signature.Valid != r.SignedBy("rnlgli80a41f205x") {
				t.Errorf("signed by the one who signed: %v, %+v", r.SignedBy("RNLGLI80A41F205X"), r.Signers)
			}
		})
	}
}

func TestReport(t *testing.T) {
	w := signingtest.New(t)
	s := scene{w, t}
	inner := signingtest.Envelope(document, style{SignedAt: day(11, 20)}, s.person(options{}))
	r := verify(t, w, signingtest.Envelope(inner, style{Timestamp: s.stamp(day(11, 21))}, s.person(options{Name: "Marco Bianchi", TaxCode: "BNCMRC75C10F205K"})))
	if r.Envelopes != 2 || r.Format != signature.CAdES || r.ContentSHA256 == "" || r.SHA256 == "" || r.TrustList.Sequence != 7 || len(r.Signers) != 2 || r.Schema != signature.Schema {
		t.Fatalf("%+v", r)
	}
	outer, first := r.Signers[0], r.Signers[1]
	if outer.Layer != 1 || first.Layer != 2 || !outer.Timestamped() || first.Timestamped() || !first.SignedAt.Equal(day(11, 20)) || !outer.TimeThatCounts.Equal(day(11, 21)) {
		t.Errorf("%+v", r.Signers)
	}
	if first.Name != "Giulia Rinaldi" || first.TaxCode != "RNLGLI80A41F205X" || first.Country != "IT" || !first.Qualified || !first.Device || first.Algorithm != "ECDSA SHA-256" || first.Revocation != "ocsp" {
		t.Errorf("%+v", first)
	}
	if !r.SignedBy("BNCMRC75C10F205K") || r.SignedBy("", "VRDLGU70A01F205Z") {
		t.Error("who signed")
	}
}

func TestTrustListTrouble(t *testing.T) {
	w := signingtest.New(t)
	s := scene{w, t}
	good, broken := s.envelope(style{}, options{}), s.envelope(style{Break: true}, options{})
	expired := trust.New(trust.List{Territory: "IT", Sequence: 6, NextUpdate: now.Add(-time.Hour), Services: w.Trust().Services})
	for name, c := range map[string]struct {
		list *trust.List
		err  error
		file []byte
		code signature.Code
	}{
		"expired":             {expired, nil, good, signature.ListExpired},
		"not there":           {nil, errors.New("no list"), good, signature.ListUnavailable},
		"not there, yet bad":  {nil, errors.New("no list"), broken, signature.Broken},
		"expired, not signed": {expired, nil, document, signature.Unsigned},
	} {
		v, err := signing.New(signing.Config{List: func(context.Context) (*trust.List, error) { return c.list, c.err }, Fetch: w.Fetch, Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		r, err := v.Verify(context.Background(), bytes.NewReader(c.file), int64(len(c.file)), now)
		if err != nil || r.Code != c.code || r.Verdict != signature.VerdictOf(c.code) {
			t.Errorf("%s: %s %s, %v", name, r.Code, r.Text, err)
		}
	}
}

func TestConfig(t *testing.T) {
	if _, err := signing.New(signing.Config{}); err == nil {
		t.Error("a verifier that knows nothing is made")
	}
}

type endless struct{}

func (endless) ReadAt(p []byte, _ int64) (int, error) { return len(p), nil }

func TestReading(t *testing.T) {
	w := signingtest.New(t)
	r, err := verifier(t, w).Verify(context.Background(), endless{}, signing.MaxSize+1, now)
	if err != nil || r.Code != signature.TooLarge {
		t.Errorf("over 30 MB: %s, %v", r.Code, err)
	}
	if _, err := verifier(t, w).Verify(context.Background(), bytes.NewReader(nil), 10, now); err == nil {
		t.Error("a file that ends too soon is no fault")
	}
}

// TestSingleBytes changes bytes that a signature covers, one at a time: never is the file valid.
func TestSingleBytes(t *testing.T) {
	w := signingtest.New(t)
	s := scene{w, t}
	who := s.person(options{})
	envelope := signingtest.Envelope(document, style{}, who)
	pdf := signingtest.Sign(signingtest.PDF("costa 100"), 10, pdfStyle{}, who)
	two := signingtest.Sign(pdf, 20, pdfStyle{}, who)
	gap := bytes.Index(pdf, []byte("/Contents <")) + len("/Contents ")
	for name, c := range map[string]struct {
		file     []byte
		from, to int
		step     int
		skip     func(at int) bool
	}{
		"content of an envelope": {envelope, bytes.Index(envelope, document), bytes.Index(envelope, document) + len(document), 1, nil},
		// The certificate and the signer's statement; what is not authenticated in a CMS is its own versions and lists of algorithms.
		"certificate":  {envelope, bytes.Index(envelope, who.Certificate.Raw), bytes.Index(envelope, who.Certificate.Raw) + len(who.Certificate.Raw), 1, nil},
		"a signed PDF": {pdf, 0, len(pdf), 7, func(at int) bool { return at >= gap && at < gap+12002 || at > len(pdf)-2 }},
		"signed twice": {two, 0, len(pdf), 31, func(at int) bool { return at >= gap && at < gap+12002 }},
	} {
		for at := c.from; at < c.to; at += c.step {
			if c.skip != nil && c.skip(at) {
				continue
			}
			for _, flip := range []byte{1, 0x20, 0xff} {
				bad := bytes.Clone(c.file)
				bad[at] ^= flip
				if r := verify(t, w, bad); r.Verdict == signature.Valid {
					t.Fatalf("%s: byte %d, %q for %q: %s", name, at, bad[at], c.file[at], r.Text)
				}
			}
		}
	}
}

func TestBoundedQuestions(t *testing.T) {
	w := signingtest.New(t)
	w.Down = true
	s := scene{w, t}
	var signers []*signingtest.Identity
	for i := range 30 {
		signers = append(signers, s.person(options{Name: fmt.Sprintf("Persona %d", i), TaxCode: "X"}))
	}
	if r := verify(t, w, signingtest.Envelope(document, style{}, signers...)); r.Verdict != signature.Indeterminate || len(w.Asked) > 24 {
		t.Errorf("%s, %d questions", r.Code, len(w.Asked))
	}
}

// What an envelope is around is told by its bytes.
func TestContentType(t *testing.T) {
	w := signingtest.New(t)
	who := scene{w, t}.person(options{})
	for want, content := range map[string][]byte{"text/plain": document, "application/pdf": signingtest.PDF("x"), "application/octet-stream": {0, 1, 2}} {
		if r := verify(t, w, signingtest.Envelope(signingtest.Envelope(content, style{}, who), style{}, who)); r.ContentType != want || r.Verdict != signature.Valid {
			t.Errorf("%s: %s, %s", want, r.ContentType, r.Text)
		}
	}
}

// TestManyRevisions: a file that is all structure is not read again for each of its signatures without end; an ordinary one is read for each.
func TestManyRevisions(t *testing.T) {
	w := signingtest.New(t)
	who := scene{w, t}.person(options{})
	for size, want := range map[int]signature.Code{1 << 10: signature.OK, 3 << 20: signature.TooComplex} {
		file := signingtest.Update(signingtest.PDF("x"), map[int]string{500: "[" + strings.Repeat("<</A 1>> ", min(size/9, 250_000)) + "]",
			501: "[" + strings.Repeat("<</A 1>> ", size/18) + "]"})
		for i := range 20 {
			file = signingtest.Sign(file, 10+10*i, pdfStyle{}, who)
		}
		if r := verify(t, w, file); r.Code != want {
			t.Errorf("%d bytes: %s", len(file), r.Text)
		}
	}
}

// TestReportFits: whatever a certificate calls itself and however many timestamps fail, a report has room on the file's row.
func TestReportFits(t *testing.T) {
	w := signingtest.New(t)
	s := scene{w, t}
	long := strings.Repeat("\U0001F58B", 2000)
	bad := make([]func([]byte) []byte, 60)
	for i := range bad {
		bad[i] = signingtest.StampOther(w.Stamper(options{}), now)
	}
	all := make([]*signingtest.Identity, 32)
	for i := range all {
		all[i] = s.person(options{Name: long + " " + long, RawSerial: long, Country: long, NotAfter: day(3, 3)})
	}
	file := signingtest.Envelope(signingtest.Envelope(document, style{}, all...), style{Timestamp: bad}, all...)
	r := verify(t, w, file)
	if body, err := json.Marshal(r); err != nil || r.Code != signature.Expired || len(body) > 300<<10 {
		t.Errorf("%s: %d bytes, %v", r.Code, len(body), err)
	}
}

// TestPatience: services that take a question and never answer do not hold up who presents the file: it is not verifiable now, long before their
// request ends.
func TestPatience(t *testing.T) {
	w := signingtest.New(t)
	s := scene{w, t}
	file := signingtest.Envelope(document, style{}, s.person(options{}), s.person(options{Name: "Marco Bianchi", TaxCode: "X"}), s.person(options{Name: "Anna Neri", TaxCode: "Y"}))
	synctest.Test(t, func(t *testing.T) {
		mute := func(ctx context.Context, _, _ string, _ []byte) ([]byte, error) {
			ctx, end := context.WithTimeout(ctx, 5*time.Second)
			defer end()
			<-ctx.Done()
			return nil, ctx.Err()
		}
		v, err := signing.New(signing.Config{List: w.List, Fetch: mute, Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		r, err := v.Verify(t.Context(), bytes.NewReader(file), int64(len(file)), now)
		if waited := time.Since(began); err != nil || r.Code != signature.Unreachable || waited > 12*time.Second {
			t.Errorf("%s after %s, %v", r.Code, waited, err)
		}
	})
}

func FuzzVerify(f *testing.F) {
	w := signingtest.New(f)
	s := scene{w, f}
	who := s.person(options{})
	f.Add(signingtest.Envelope(document, style{}, who))
	f.Add(signingtest.Envelope(document, style{Streamed: true}, who))
	f.Add(signingtest.Sign(signingtest.PDF("x"), 10, pdfStyle{}, who))
	f.Add(signingtest.StampPDF(signingtest.Store(signingtest.Sign(signingtest.Packed("x"), 10, pdfStyle{}, who), 20, nil, [][]byte{w.CRL(w.CA, now)}), 30, signingtest.Stamp(w.Stamper(options{}), now)))
	twice := signingtest.Sign(signingtest.Sign(signingtest.PDF("x"), 10, pdfStyle{}, who), 20, pdfStyle{}, who)
	f.Add(twice)
	f.Add(signingtest.Update(twice, map[int]string{4: "null", 9: "<< /A 1 >>"}))
	f.Add(signingtest.Envelope(document, style{CRLs: [][]byte{w.CRL(w.CA, now, signingtest.Users())}, OCSPs: [][]byte{w.OCSPTwice(w.CA, w.SubCA, who.Certificate.SerialNumber, now, true)}}, who))
	f.Add([]byte("-----BEGIN PKCS7-----\nMIIB\n-----END PKCS7-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := verify(t, w, data)
		if r.Text == "" || r.Code == "" || r.Verdict != signature.VerdictOf(r.Code) {
			t.Fatalf("%+v", r)
		}
	})
}

// TestMemory: a large file is held once, whatever it is wrapped in.
func TestMemory(t *testing.T) {
	w := signingtest.New(t)
	s := scene{w, t}
	who := s.person(options{})
	content := bytes.Repeat([]byte("0123456789abcdef"), 8<<16) // 8 MB
	streamed := signingtest.Envelope(content, style{Streamed: true}, who)
	for name, file := range map[string][]byte{
		"binary":             signingtest.Envelope(content, style{}, who),
		"streamed in base64": []byte(base64.StdEncoding.EncodeToString(streamed)),
		"twice":              signingtest.Envelope(streamed, style{Streamed: true}, who),
		"PDF":                signingtest.Sign(signingtest.Update(signingtest.PDF("x"), map[int]string{9: signingtest.Stream("", content)}), 10, pdfStyle{}, who),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r := verify(t, w, file)
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; r.Verdict != signature.Valid || used > uint64(len(file))+4<<20 {
			t.Errorf("%s: %s, %d MB for %d MB", name, r.Code, used>>20, len(file)>>20)
		}
	}
}
