package trustworld

import (
	"crypto"
	"crypto/rand"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"time"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"sportello/infra/local/outside/cms"
)

// stampPolicy is the timestamp policy of EN 319 421 (best practices for qualified timestamps).
var stampPolicy = asn1.ObjectIdentifier{0, 4, 0, 2023, 1, 1}

// Failures of a timestamp request (RFC 3161, 2.4.2): the bits of PKIFailureInfo.
const (
	badAlgorithm      = 0
	badRequest        = 2
	badDataFormat     = 5
	systemFailure     = 25
	unacceptedPolicy  = 15
	unacceptedFeature = 16
)

// stampRequest is a TimeStampReq.
type stampRequest struct {
	hash    crypto.Hash
	imprint []byte // the whole MessageImprint
	nonce   *big.Int
	certs   bool
}

// refusal is a request that gets no timestamp; text is for the requester, in Italian.
type refusal struct {
	bit  int
	text string
}

func (r *refusal) Error() string { return r.text }

// parseStamp reads a TimeStampReq; its error is always a refusal.
func parseStamp(raw []byte) (stampRequest, error) {
	malformed := &refusal{badDataFormat, "la richiesta non è un TimeStampReq di RFC 3161"}
	var q stampRequest
	var request, imprint, algorithm, hashed cryptobyte.String
	var version int
	var id asn1.ObjectIdentifier
	input := cryptobyte.String(raw)
	if !input.ReadASN1(&request, der.SEQUENCE) || !input.Empty() || !request.ReadASN1Integer(&version) || !request.ReadASN1Element(&imprint, der.SEQUENCE) {
		return q, malformed
	}
	if version != 1 {
		return q, &refusal{badRequest, "la versione della richiesta non è 1"}
	}
	q.imprint = imprint
	var body cryptobyte.String
	if !imprint.ReadASN1(&body, der.SEQUENCE) || !body.ReadASN1(&algorithm, der.SEQUENCE) || !algorithm.ReadASN1ObjectIdentifier(&id) ||
		!body.ReadASN1(&hashed, der.OCTET_STRING) || !body.Empty() {
		return q, malformed
	}
	var known bool
	if q.hash, known = cms.HashOf(id); !known || q.hash == crypto.SHA1 {
		return q, &refusal{badAlgorithm, "l’algoritmo dell’impronta non è accettato: SHA-256, SHA-384 o SHA-512"}
	}
	if len(hashed) != q.hash.Size() {
		return q, &refusal{badDataFormat, "l’impronta non è lunga quanto il suo algoritmo vuole"}
	}
	return q, q.options(request)
}

// options reads what may follow the imprint.
func (q *stampRequest) options(rest cryptobyte.String) error {
	malformed := &refusal{badDataFormat, "la richiesta non è un TimeStampReq di RFC 3161"}
	if rest.PeekASN1Tag(der.OBJECT_IDENTIFIER) {
		var policy asn1.ObjectIdentifier
		if !rest.ReadASN1ObjectIdentifier(&policy) {
			return malformed
		}
		if !policy.Equal(stampPolicy) {
			return &refusal{unacceptedPolicy, "la politica chiesta non è quella di questo servizio"}
		}
	}
	if rest.PeekASN1Tag(der.INTEGER) {
		q.nonce = new(big.Int)
		if !rest.ReadASN1Integer(q.nonce) {
			return malformed
		}
	}
	if rest.PeekASN1Tag(der.BOOLEAN) && !rest.ReadASN1Boolean(&q.certs) {
		return malformed
	}
	if rest.PeekASN1Tag(tagged(0)) {
		return &refusal{unacceptedFeature, "questo servizio non conosce estensioni della richiesta"}
	}
	if !rest.Empty() {
		return malformed
	}
	return nil
}

// stamp answers a timestamp query with a TimeStampResp.
func (t *Trust) stamp(raw []byte) ([]byte, error) {
	q, err := parseStamp(raw)
	mode := t.switches.Mode("tsa")
	if mode == rejection {
		err = &refusal{systemFailure, "rifiuto di prova: il servizio è stato impostato così"}
	}
	var no *refusal
	if errors.As(err, &no) {
		return refused(no)
	}
	if err != nil {
		return nil, err
	}
	switch {
	case mode == wrongPrint:
		q.imprint = imprintOf(q.hash, digest(q.hash, []byte("un altro documento")))
	case mode == wrongNonce && q.nonce == nil:
		q.nonce = big.NewInt(1)
	case mode == wrongNonce:
		q.nonce = new(big.Int).Add(q.nonce, big.NewInt(1))
	}
	token, err := t.token(q, t.Clock.Now())
	if err != nil {
		return nil, err
	}
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1Int64(0) })
		b.AddBytes(token)
	})
	return b.Bytes()
}

func refused(no *refusal) ([]byte, error) {
	bits := make([]byte, no.bit/8+1)
	bits[no.bit/8] = 0x80 >> (no.bit % 8)
	failure, err := asn1.Marshal(asn1.BitString{Bytes: bits, BitLength: no.bit + 1})
	if err != nil {
		return nil, err
	}
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1Int64(2) // rejection
			b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1(der.UTF8String, func(b *cryptobyte.Builder) { b.AddBytes([]byte(no.text)) })
			})
			b.AddBytes(failure)
		})
	})
	return b.Bytes()
}

func imprintOf(hash crypto.Hash, sum []byte) []byte {
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(cms.DigestID(hash)) })
		b.AddASN1OctetString(sum)
	})
	return b.BytesOrPanic() // fixed shape
}

// Timestamp is a token over the SHA-256 of raw that says at: the signing desk stamps in the past.
func (t *Trust) Timestamp(raw []byte, at time.Time) ([]byte, error) {
	return t.token(stampRequest{hash: crypto.SHA256, imprint: imprintOf(crypto.SHA256, digest(crypto.SHA256, raw)), certs: true}, at)
}

// token is a TimeStampToken: a TSTInfo inside a SignedData (RFC 3161, 2.4.2).
func (t *Trust) token(q stampRequest, at time.Time) ([]byte, error) {
	number, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, fmt.Errorf("making a timestamp's number: %w", err)
	}
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(1)
		b.AddASN1ObjectIdentifier(stampPolicy)
		b.AddBytes(q.imprint)
		b.AddASN1BigInt(number)
		b.AddASN1GeneralizedTime(at.UTC().Truncate(time.Second))
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1Int64(1) }) // accuracy: a second
		if q.nonce != nil {
			b.AddASN1BigInt(q.nonce)
		}
		b.AddASN1(tagged(0), func(b *cryptobyte.Builder) {
			b.AddASN1(tagged(4), func(b *cryptobyte.Builder) { b.AddBytes(t.stamper.Certificate.RawSubject) })
		})
	})
	info, err := b.Bytes()
	if err != nil {
		return nil, fmt.Errorf("writing a timestamp: %w", err)
	}
	return cms.Sign(cms.Signer{Certificate: t.stamper.Certificate, Chain: t.stamper.Chain[:1], Key: t.stamper.Key},
		cms.Message{Content: info, Type: cms.TSTInfo, SigningTime: at, NoCertificates: !q.certs})
}
