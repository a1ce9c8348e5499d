// Package sealing puts the electronic seal of the sportello on what it makes: CAdES baseline B (ETSI EN 319 122-1) beside or around a file,
// PAdES baseline B (ETSI EN 319 142-1) within a PDF that we printed ourselves.
//
// The key is RSA under PKCS #1 v1.5 and every instant is the caller's, so the same input gives the same bytes: a redelivery repeats a sealed
// document instead of making another. The key itself is elsewhere (platform/kmssign); its certificates are configuration. A key in KMS is in no
// qualified device, so this is an advanced seal: evidence (Reg. (EU) 910/2014 art. 35), without the presumption that a qualified one carries.
package sealing

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Signer signs a message: RSASSA-PKCS1-v1_5 with SHA-256.
type Signer interface {
	Sign(ctx context.Context, message []byte) ([]byte, error)
}

// Sealer seals with one key and its certificates. It may be used by several goroutines.
type Sealer struct {
	signer Signer
	chain  []*x509.Certificate // the signer's own first
}

// ErrKey is returned when what was signed does not hold under the certificate: the one configured is of another key.
var ErrKey = errors.New("sealing: the certificate is not of the signing key")

// New reads the chain, in PEM, the seal's own certificate first.
func New(signer Signer, chain []byte) (*Sealer, error) {
	s := &Sealer{signer: signer}
	for block, rest := pem.Decode(chain); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("reading the seal's certificates: certificate %d: %w", len(s.chain)+1, err)
		}
		s.chain = append(s.chain, certificate)
	}
	if signer == nil || len(s.chain) == 0 {
		return nil, errors.New("making a sealer: signer or certificates missing")
	}
	if _, ok := s.chain[0].PublicKey.(*rsa.PublicKey); !ok {
		return nil, errors.New("making a sealer: the first certificate is not of an RSA key")
	}
	return s, nil
}

// Detached is the CAdES signature to stand beside content. at is the signing time that it claims.
func (s *Sealer) Detached(ctx context.Context, content []byte, at time.Time) ([]byte, error) {
	return s.sign(ctx, content, false, &at)
}

// Attached is the CAdES signature with its content inside.
func (s *Sealer) Attached(ctx context.Context, content []byte, at time.Time) ([]byte, error) {
	return s.sign(ctx, content, true, &at)
}

var (
	oidData          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidSignedData    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidContentType   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	oidMessageDigest = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
	oidSigningTime   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 5}
	oidCertificateV2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47}
	oidSHA256        = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	oidSHA256WithRSA = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}
)

// sign makes the SignedData of one signer. Without at no signing time is claimed: in a PDF it stands in the dictionary.
func (s *Sealer) sign(ctx context.Context, content []byte, attached bool, at *time.Time) ([]byte, error) {
	attributes, err := s.attributes(content, at)
	if err != nil {
		return nil, err
	}
	signed := element(asn1.TagSet, attributes) // what is signed is the SET, what is sent is tagged [0]
	signature, err := s.signer.Sign(ctx, signed)
	if err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	if s.chain[0].CheckSignature(x509.SHA256WithRSA, signed, signature) != nil {
		return nil, ErrKey
	}
	own := s.chain[0]
	signer := sequence(
		integer(1),
		sequence(own.RawIssuer, must(own.SerialNumber)),
		algorithm(oidSHA256, false),
		context0(attributes),
		algorithm(oidSHA256WithRSA, true),
		element(asn1.TagOctetString, signature),
	)
	inside := must(oidData)
	if attached {
		inside = append(inside, context0(element(asn1.TagOctetString, content))...)
	}
	var certificates [][]byte
	for _, c := range s.chain {
		certificates = append(certificates, c.Raw)
	}
	data := sequence(
		integer(1),
		element(asn1.TagSet, algorithm(oidSHA256, false)),
		sequence(inside),
		context0(sorted(certificates)),
		element(asn1.TagSet, signer),
	)
	return sequence(must(oidSignedData), context0(data)), nil
}

// attributes are the signed attributes in the order of DER, without their header.
func (s *Sealer) attributes(content []byte, at *time.Time) ([]byte, error) {
	digest, certificate := sha256.Sum256(content), sha256.Sum256(s.chain[0].Raw)
	own := s.chain[0]
	issuer := sequence(element(asn1.TagSequence, explicit(4, own.RawIssuer)), must(own.SerialNumber))
	list := [][]byte{
		attribute(oidContentType, must(oidData)),
		attribute(oidMessageDigest, element(asn1.TagOctetString, digest[:])),
		// ESSCertIDv2; its hash is SHA-256, which DER leaves out as the default
		attribute(oidCertificateV2, sequence(sequence(sequence(element(asn1.TagOctetString, certificate[:]), issuer)))),
	}
	if at != nil {
		claimed, err := asn1.Marshal(at.UTC().Truncate(time.Second))
		if err != nil {
			return nil, fmt.Errorf("sealing: signing time: %w", err)
		}
		list = append(list, attribute(oidSigningTime, claimed))
	}
	return sorted(list), nil
}

// ---- DER, as far as it is needed ----

func attribute(id asn1.ObjectIdentifier, value []byte) []byte {
	return sequence(must(id), element(asn1.TagSet, value))
}

func algorithm(id asn1.ObjectIdentifier, null bool) []byte {
	if null {
		return sequence(must(id), []byte{asn1.TagNull, 0})
	}
	return sequence(must(id))
}

// sorted puts the elements of a SET OF in the order that DER wants.
func sorted(elements [][]byte) []byte {
	slices.SortFunc(elements, bytes.Compare)
	return bytes.Join(elements, nil)
}

func sequence(parts ...[]byte) []byte { return element(asn1.TagSequence, bytes.Join(parts, nil)) }

func integer(n int) []byte { return must(n) }

func context0(content []byte) []byte { return explicit(0, content) }

func explicit(tag int, content []byte) []byte {
	return must(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tag, IsCompound: true, Bytes: content})
}

func element(tag int, content []byte) []byte {
	compound := tag == asn1.TagSequence || tag == asn1.TagSet
	return must(asn1.RawValue{Class: asn1.ClassUniversal, Tag: tag, IsCompound: compound, Bytes: content})
}

// must marshals what always can be.
func must(v any) []byte {
	out, err := asn1.Marshal(v)
	if err != nil {
		panic("sealing: " + err.Error())
	}
	return out
}
