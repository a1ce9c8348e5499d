package trustworld

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"time"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"sportello/infra/local/outside/cms"
)

// window is how long an answer on revocation holds: from and until.
func (t *Trust) window(service string) (time.Time, time.Time) {
	now := t.Clock.Now().Truncate(time.Second)
	if t.switches.Mode(service) == stale {
		return now.Add(-72 * time.Hour), now.Add(-48 * time.Hour)
	}
	return now, now.Add(24 * time.Hour)
}

// crl is the authority's list of revoked certificates, made anew for each reader. Certificates that
// have expired stay on it (2.5.29.60, ExpiredCertsOnCRL): old signatures are judged too.
func (t *Trust) crl(a *Authority) ([]byte, error) {
	from, until := t.window("crl")
	var entries []x509.RevocationListEntry
	for _, r := range t.issued.All() {
		if r.Authority != a.Name || r.RevokedAt.IsZero() || r.RevokedAt.After(from) {
			continue
		}
		n, ok := new(big.Int).SetString(r.Serial, 16)
		if !ok {
			return nil, fmt.Errorf("record with serial %q", r.Serial)
		}
		entries = append(entries, x509.RevocationListEntry{SerialNumber: n, RevocationTime: r.RevokedAt.UTC().Truncate(time.Second), ReasonCode: r.Reason})
	}
	since, err := asn1.MarshalWithParams(a.Certificate.NotBefore.UTC(), "generalized")
	if err != nil {
		return nil, err
	}
	return x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		RevokedCertificateEntries: entries, Number: big.NewInt(t.Clock.Now().UnixMilli()), ThisUpdate: from, NextUpdate: until,
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 60}, Value: since}},
	}, a.Certificate, a.Key)
}

// Statuses of an OCSP answer without a body (RFC 6960, 4.2.1).
const (
	malformedRequest = 1
	unauthorized     = 6
)

var (
	basicResponse = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 1}
	nonceID       = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 2}
	archiveCutoff = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 6}
	ecdsaSHA256   = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}
)

// certID is one question: Raw goes back as it came.
type certID struct {
	raw      []byte
	ofIssuer bool
	serial   *big.Int
}

// ocsp answers a request about certificates of the authority.
func (t *Trust) ocsp(a *Authority, request []byte) ([]byte, error) {
	asked, nonce, err := parseOCSP(request, a.Certificate)
	if err != nil {
		return ocspError(malformedRequest), nil
	}
	for _, q := range asked {
		if !q.ofIssuer {
			return ocspError(unauthorized), nil
		}
	}
	data, err := t.responseData(a, asked, nonce)
	if err != nil {
		return nil, err
	}
	h := crypto.SHA256.New()
	h.Write(data)
	signature, err := a.responder.Key.Sign(rand.Reader, h.Sum(nil), crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("signing an OCSP answer: %w", err)
	}
	var basic cryptobyte.Builder
	basic.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(data)
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(ecdsaSHA256) })
		b.AddASN1BitString(signature)
		b.AddASN1(tagged(0), func(b *cryptobyte.Builder) {
			b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(a.responder.Certificate.Raw) })
		})
	})
	inner, err := basic.Bytes()
	if err != nil {
		return nil, err
	}
	var answer cryptobyte.Builder
	answer.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Enum(0)
		b.AddASN1(tagged(0), func(b *cryptobyte.Builder) {
			b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(basicResponse)
				b.AddASN1OctetString(inner)
			})
		})
	})
	return answer.Bytes()
}

func tagged(n uint8) der.Tag { return der.Tag(n).ContextSpecific().Constructed() }

func ocspError(status int64) []byte {
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1Enum(status) })
	return b.BytesOrPanic() // two bytes in a sequence
}

func (t *Trust) responseData(a *Authority, asked []certID, nonce []byte) ([]byte, error) {
	from, until := t.window("ocsp")
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(tagged(1), func(b *cryptobyte.Builder) { b.AddBytes(a.responder.Certificate.RawSubject) })
		b.AddASN1GeneralizedTime(from)
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			for _, q := range asked {
				b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddBytes(q.raw)
					t.addStatus(b, a, q.serial, from)
					b.AddASN1GeneralizedTime(from)
					b.AddASN1(tagged(0), func(b *cryptobyte.Builder) { b.AddASN1GeneralizedTime(until) })
					b.AddASN1(tagged(1), func(b *cryptobyte.Builder) { addCutoff(b, a.Certificate.NotBefore) })
				})
			}
		})
		if nonce != nil {
			b.AddASN1(tagged(1), func(b *cryptobyte.Builder) {
				b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(nonce) })
			})
		}
	})
	return b.Bytes()
}

// addCutoff says since when the answers keep certificates that have expired (RFC 6960, 4.4.4): always.
func addCutoff(b *cryptobyte.Builder, since time.Time) {
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(archiveCutoff)
			b.AddASN1(der.OCTET_STRING, func(b *cryptobyte.Builder) { b.AddASN1GeneralizedTime(since.UTC()) })
		})
	})
}

// addStatus says unknown of what the authority did not issue (RFC 6960, 2.2).
func (t *Trust) addStatus(b *cryptobyte.Builder, a *Authority, number *big.Int, at time.Time) {
	r, found := t.issued.Get(serial(number))
	switch {
	case t.switches.Mode("ocsp") == unknown || !t.knows(a, r, found, number):
		b.AddASN1(der.Tag(2).ContextSpecific(), func(*cryptobyte.Builder) {})
	case found && !r.RevokedAt.IsZero() && !r.RevokedAt.After(at):
		b.AddASN1(tagged(1), func(b *cryptobyte.Builder) {
			b.AddASN1GeneralizedTime(r.RevokedAt.UTC().Truncate(time.Second))
			b.AddASN1(tagged(0), func(b *cryptobyte.Builder) { b.AddASN1Enum(int64(r.Reason)) })
		})
	default:
		b.AddASN1(der.Tag(0).ContextSpecific(), func(*cryptobyte.Builder) {})
	}
}

// knows tells whether the authority issued the certificate: to a person or a seal, or to one of this world's own services.
func (t *Trust) knows(a *Authority, r record, found bool, number *big.Int) bool {
	if found {
		return r.Authority == a.Name
	}
	own := []*Identity{a.responder, t.stamper}
	for _, below := range t.authorities {
		own = append(own, &below.Identity)
	}
	for _, id := range own {
		if id.Certificate.SerialNumber.Cmp(number) == 0 && id.Certificate.CheckSignatureFrom(a.Certificate) == nil {
			return true
		}
	}
	return false
}

var errRequest = errors.New("not an OCSP request")

// parseOCSP reads an OCSPRequest (RFC 6960, 4.1.1); the signature of one, optional, is not looked at.
func parseOCSP(raw []byte, issuer *x509.Certificate) (asked []certID, nonce []byte, err error) {
	input := cryptobyte.String(raw)
	var request, tbs, list cryptobyte.String
	if !input.ReadASN1(&request, der.SEQUENCE) || !input.Empty() || !request.ReadASN1(&tbs, der.SEQUENCE) ||
		!tbs.SkipOptionalASN1(tagged(0)) || !tbs.SkipOptionalASN1(tagged(1)) || !tbs.ReadASN1(&list, der.SEQUENCE) {
		return nil, nil, errRequest
	}
	for !list.Empty() {
		q, err := parseCertID(&list, issuer)
		if err != nil || len(asked) == 20 {
			return nil, nil, errRequest
		}
		asked = append(asked, q)
	}
	if len(asked) == 0 {
		return nil, nil, errRequest
	}
	var wrapper, extensions cryptobyte.String
	var present bool
	if !tbs.ReadOptionalASN1(&wrapper, &present, tagged(2)) || present && !wrapper.ReadASN1(&extensions, der.SEQUENCE) {
		return nil, nil, errRequest
	}
	for !extensions.Empty() {
		var whole, body cryptobyte.String
		var id asn1.ObjectIdentifier
		if !extensions.ReadASN1Element(&whole, der.SEQUENCE) {
			return nil, nil, errRequest
		}
		if e := whole; e.ReadASN1(&body, der.SEQUENCE) && body.ReadASN1ObjectIdentifier(&id) && id.Equal(nonceID) {
			nonce = whole
		}
	}
	return asked, nonce, nil
}

func parseCertID(list *cryptobyte.String, issuer *x509.Certificate) (certID, error) {
	var one, whole, body, algorithm, nameHash, keyHash cryptobyte.String
	var id asn1.ObjectIdentifier
	number := new(big.Int)
	if !list.ReadASN1(&one, der.SEQUENCE) || !one.ReadASN1Element(&whole, der.SEQUENCE) {
		return certID{}, errRequest
	}
	if e := whole; !e.ReadASN1(&body, der.SEQUENCE) || !body.ReadASN1(&algorithm, der.SEQUENCE) || !algorithm.ReadASN1ObjectIdentifier(&id) ||
		!body.ReadASN1(&nameHash, der.OCTET_STRING) || !body.ReadASN1(&keyHash, der.OCTET_STRING) || !body.ReadASN1Integer(number) {
		return certID{}, errRequest
	}
	hash, known := cms.HashOf(id)
	return certID{
		raw: whole, serial: number,
		ofIssuer: known && string(digest(hash, issuer.RawSubject)) == string(nameHash) && string(digest(hash, publicBits(issuer))) == string(keyHash),
	}, nil
}

func digest(hash crypto.Hash, raw []byte) []byte {
	h := hash.New()
	h.Write(raw)
	return h.Sum(nil)
}

// publicBits is the subjectPublicKey without its algorithm, as certificate ids hash it.
func publicBits(c *x509.Certificate) []byte {
	var info, algorithm cryptobyte.String
	var bits asn1.BitString
	s := cryptobyte.String(c.RawSubjectPublicKeyInfo)
	if !s.ReadASN1(&info, der.SEQUENCE) || !info.ReadASN1(&algorithm, der.SEQUENCE) || !info.ReadASN1BitString(&bits) {
		return nil
	}
	return bits.Bytes
}
