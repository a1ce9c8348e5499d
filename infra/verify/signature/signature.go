// Package signature checks CMS signatures (RFC 5652) against a closed list of authorities. Beyond the signature it holds the structure itself
// to one spelling, so that there is no byte of a signed receipt that could change unnoticed, but for unsigned attributes, which by
// their nature nobody vouches for.
package signature

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"github.com/smallstep/pkcs7"
)

// Roots is a closed list of authorities.
type Roots struct{ pool *x509.CertPool }

// ParseRoots reads a bundle of PEM certificates.
func ParseRoots(bundle []byte) (*Roots, error) {
	pool, found := x509.NewCertPool(), 0
	for block, rest := pem.Decode(bundle); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("reading trusted certificates: %w", err)
		}
		pool.AddCert(certificate)
		found++
	}
	if found == 0 {
		return nil, errors.New("reading trusted certificates: none found")
	}
	return &Roots{pool}, nil
}

// What is wrong with a signature, in Italian.
var (
	ErrMalformed = errors.New("la firma non è scritta nella forma prevista")
	ErrInvalid   = errors.New("la firma non è valida")
	ErrUntrusted = errors.New("chi ha firmato non è tra quelli di cui ci si fida")
)

// Signed is a signed object with one signer.
type Signed struct {
	// Content is what is signed: carried inside, or set by whoever has a detached signature.
	Content []byte
	p7      *pkcs7.PKCS7
	only    *signer // nil: not DER
}

// Parse reads a signed object. Hostile bytes have made libraries panic before: that is malformed input.
func Parse(der []byte) (s *Signed, err error) {
	defer func() {
		if recover() != nil {
			s, err = nil, ErrMalformed
		}
	}()
	p7, err := pkcs7.Parse(der)
	if err != nil || p7.GetOnlySigner() == nil {
		return nil, ErrMalformed
	}
	s = &Signed{Content: p7.Content, p7: p7}
	// Indefinite lengths (BER) have many spellings; they are read, and only their signature counts.
	if len(der) > 1 && der[1] != 0x80 {
		if s.only, err = strict(der, p7.Certificates); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Verify checks the signature over Content. With roots, the signer and every certificate inside must be theirs as of at; without, whoever
// signed, signed this.
func (s *Signed) Verify(roots *Roots, at time.Time) (err error) {
	defer func() {
		if recover() != nil {
			err = ErrMalformed
		}
	}()
	s.p7.Content = s.Content
	if s.p7.VerifyWithChainAtTime(nil, at) != nil || s.only != nil && !s.only.signs(s.Content, s.p7.GetOnlySigner()) {
		return ErrInvalid
	}
	if roots == nil {
		return nil
	}
	inside := x509.NewCertPool()
	for _, certificate := range s.p7.Certificates {
		inside.AddCert(certificate)
	}
	for _, certificate := range s.p7.Certificates {
		_, err := certificate.Verify(x509.VerifyOptions{
			Roots: roots.pool, Intermediates: inside, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
		})
		if err != nil {
			return ErrUntrusted
		}
	}
	return nil
}

// ---- one spelling ----

type contentInfo struct {
	Type    asn1.ObjectIdentifier
	Content signedData `asn1:"explicit,tag:0"`
}

type signedData struct {
	Version      int
	Digests      []algorithm `asn1:"set"`
	Content      encapsulated
	Certificates asn1.RawValue `asn1:"optional,tag:0"`
	Revocations  asn1.RawValue `asn1:"optional,tag:1"`
	Signers      []signer      `asn1:"set"`
}

type encapsulated struct {
	Type    asn1.ObjectIdentifier
	Content asn1.RawValue `asn1:"optional,explicit,tag:0"`
}

type signer struct {
	Version    int
	ID         asn1.RawValue
	Digest     algorithm
	Signed     asn1.RawValue `asn1:"optional,tag:0"`
	Encryption algorithm
	Signature  []byte
	Unsigned   asn1.RawValue `asn1:"optional,tag:1"`
}

type algorithm struct {
	Type       asn1.ObjectIdentifier
	Parameters asn1.RawValue `asn1:"optional"`
}

var (
	dataType   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	signedType = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
)

// strict holds the structure to what RFC 5652 says it must be, in DER: written again from what was understood, it is the same.
func strict(der []byte, certificates []*x509.Certificate) (*signer, error) {
	var info contentInfo
	rest, err := asn1.Unmarshal(der, &info)
	if err != nil || len(rest) > 0 || !info.Type.Equal(signedType) || len(info.Content.Signers) != 1 || len(info.Content.Digests) != 1 {
		return nil, ErrMalformed
	}
	if again, err := asn1.Marshal(info); err != nil || !bytes.Equal(again, der) {
		return nil, ErrMalformed
	}
	data, only := info.Content, info.Content.Signers[0]
	version := 3
	if data.Content.Type.Equal(dataType) {
		version = 1
	}
	switch {
	// § 5.1: 1 for plain data whose signer is named by issuer and serial number, else 3. § 5.3: such a signer is version 1.
	case data.Version != version, only.Version != 1, only.ID.Tag != asn1.TagSequence:
		return nil, ErrMalformed
	case !data.Digests[0].equal(only.Digest), !only.Digest.plain(), !only.Encryption.plain():
		return nil, ErrMalformed
	case len(data.Revocations.FullBytes) > 0, !octets(data.Content.Content), !whole(data.Certificates, certificates):
		return nil, ErrMalformed
	}
	return &only, attributes(only.Signed, data.Content.Type)
}

// whole tells that the certificates are all there is where certificates are.
func whole(field asn1.RawValue, certificates []*x509.Certificate) bool {
	var raw []byte
	for _, certificate := range certificates {
		raw = append(raw, certificate.Raw...)
	}
	return bytes.Equal(field.Bytes, raw)
}

// hashes are by object identifier. SHA-1 is there for certified mail: some providers' receipts still had it when our archive began.
var hashes = map[string]crypto.Hash{
	"1.3.14.3.2.26":          crypto.SHA1,
	"2.16.840.1.101.3.4.2.1": crypto.SHA256, "2.16.840.1.101.3.4.2.2": crypto.SHA384, "2.16.840.1.101.3.4.2.3": crypto.SHA512,
}

var algorithms = map[x509.PublicKeyAlgorithm]map[crypto.Hash]x509.SignatureAlgorithm{
	x509.RSA:   {crypto.SHA1: x509.SHA1WithRSA, crypto.SHA256: x509.SHA256WithRSA, crypto.SHA384: x509.SHA384WithRSA, crypto.SHA512: x509.SHA512WithRSA},
	x509.ECDSA: {crypto.SHA256: x509.ECDSAWithSHA256, crypto.SHA384: x509.ECDSAWithSHA384, crypto.SHA512: x509.ECDSAWithSHA512},
}

// signs checks the signature over the signed attributes as they stand (RFC 5652, 5.4); the library writes them anew before it looks.
func (s *signer) signs(content []byte, certificate *x509.Certificate) bool {
	algorithm, known := algorithms[certificate.PublicKeyAlgorithm][hashes[s.Digest.Type.String()]]
	if !known {
		return false
	}
	signed := content
	if len(s.Signed.FullBytes) > 0 {
		signed = bytes.Clone(s.Signed.FullBytes)
		signed[0] = asn1.TagSet | 0x20
	}
	return certificate.CheckSignature(algorithm, signed, s.Signature) == nil
}

func (a algorithm) equal(b algorithm) bool {
	return a.Type.Equal(b.Type) && bytes.Equal(a.Parameters.FullBytes, b.Parameters.FullBytes)
}

// plain tells an algorithm without parameters, which may be written as NULL.
func (a algorithm) plain() bool {
	p := a.Parameters.FullBytes
	return len(p) == 0 || bytes.Equal(p, asn1.NullBytes)
}

// octets tells a content that is absent, or one octet string in one piece.
func octets(wrapped asn1.RawValue) bool {
	if len(wrapped.FullBytes) == 0 {
		return true
	}
	var v asn1.RawValue
	rest, err := asn1.Unmarshal(wrapped.Bytes, &v)
	return err == nil && len(rest) == 0 && v.Class == asn1.ClassUniversal && v.Tag == asn1.TagOctetString && !v.IsCompound
}

var contentTypeAttribute = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}

// attributes wants the signed attributes to name the type of what is signed (RFC 5652, 5.3), which the library does not look at.
func attributes(signed asn1.RawValue, contentType asn1.ObjectIdentifier) error {
	if len(signed.FullBytes) == 0 {
		return nil
	}
	for rest := signed.Bytes; len(rest) > 0; {
		var attribute struct {
			Type   asn1.ObjectIdentifier
			Values asn1.RawValue `asn1:"set"`
		}
		var err error
		if rest, err = asn1.Unmarshal(rest, &attribute); err != nil {
			return ErrMalformed
		}
		if !attribute.Type.Equal(contentTypeAttribute) {
			continue
		}
		var named asn1.ObjectIdentifier
		if _, err := asn1.Unmarshal(attribute.Values.Bytes, &named); err != nil || !named.Equal(contentType) {
			return ErrMalformed
		}
		return nil
	}
	return ErrMalformed
}
