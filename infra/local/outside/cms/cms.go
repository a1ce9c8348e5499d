// Package cms writes the signatures of the outside world: CMS SignedData (RFC 5652) with the signed
// attributes of CAdES (ETSI EN 319 122-1), in the shapes people really send, and with the flaws a
// test asks for. Keys are RSA (PKCS #1 v1.5 or PSS) and ECDSA. It writes only: nothing here reads
// what others made, but for the two rewritings of its own output (BER and a timestamp's request).
package cms

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha1" // a flaw signs with it
	_ "crypto/sha256"
	_ "crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

// Object identifiers of RFC 5652, RFC 5035, RFC 3161, RFC 4055 and RFC 5480.
var (
	Data          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	TSTInfo       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}
	signedData    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	contentType   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	messageDigest = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
	signingTime   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 5}
	certificateV2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47}
	timeStamp     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 14}
	rsaEncryption = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	rsaPSS        = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}
	maskMGF1      = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 8}
)

// hashes are the digests and, beside each, its ECDSA signature.
var hashes = map[crypto.Hash]struct{ digest, ecdsa asn1.ObjectIdentifier }{
	crypto.SHA1:   {asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}, asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 1}},
	crypto.SHA256: {asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}, asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}},
	crypto.SHA384: {asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 2}, asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 3}},
	crypto.SHA512: {asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}, asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 4}},
}

// HashOf finds a digest algorithm by its identifier.
func HashOf(id asn1.ObjectIdentifier) (crypto.Hash, bool) {
	for h, ids := range hashes {
		if ids.digest.Equal(id) {
			return h, true
		}
	}
	return 0, false
}

// DigestID is the identifier of a digest algorithm that HashOf finds.
func DigestID(h crypto.Hash) asn1.ObjectIdentifier { return hashes[h].digest }

// Signer is who signs. Chain are the certificates sent along beside the signer's own.
type Signer struct {
	Certificate *x509.Certificate
	Chain       []*x509.Certificate
	Key         crypto.Signer
	PSS         bool
}

// Message is what is signed, and how. The zero value of each field but Content is the ordinary choice.
type Message struct {
	Content  []byte
	Type     asn1.ObjectIdentifier // Data
	Detached bool                  // the content is left out
	Hash     crypto.Hash           // SHA-256
	// SigningTime is written as a signed attribute unless it is zero: PAdES wants none.
	SigningTime time.Time
	// Timestamp gets the signature value and returns the RFC 3161 token that goes beside it.
	Timestamp func(signature []byte) ([]byte, error)

	// The flaws. Shown takes the content's place after signing; Named is the certificate that
	// signing-certificate-v2 names instead of the signer's; Alter changes the signature value.
	Shown           []byte
	Named           *x509.Certificate
	NoCertificateID bool
	NoCertificates  bool
	Alter           func(signature []byte)
}

// Sign returns a DER ContentInfo.
func Sign(s Signer, m Message) ([]byte, error) {
	if m.Hash == 0 {
		m.Hash = crypto.SHA256
	}
	if m.Type == nil {
		m.Type = Data
	}
	if s.Certificate == nil || s.Key == nil {
		return nil, errors.New("cms: no certificate or no key")
	}
	attributes, err := signedAttributes(s, m)
	if err != nil {
		return nil, err
	}
	value, err := s.sign(attributes, m.Hash)
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	if m.Alter != nil {
		m.Alter(value)
	}
	var token []byte
	if m.Timestamp != nil {
		if token, err = m.Timestamp(value); err != nil {
			return nil, fmt.Errorf("timestamping the signature: %w", err)
		}
	}
	return assemble(s, m, attributes, value, token)
}

// signedAttributes are the DER SET OF that is signed; inside the SignerInfo its tag becomes [0].
func signedAttributes(s Signer, m Message) ([]byte, error) {
	h := m.Hash.New()
	h.Write(m.Content)
	list := [][]byte{
		attribute(contentType, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(m.Type) }),
		attribute(messageDigest, func(b *cryptobyte.Builder) { b.AddASN1OctetString(h.Sum(nil)) }),
	}
	if !m.SigningTime.IsZero() {
		list = append(list, attribute(signingTime, func(b *cryptobyte.Builder) { b.AddASN1UTCTime(m.SigningTime.UTC()) }))
	}
	if !m.NoCertificateID {
		named := s.Certificate
		if m.Named != nil {
			named = m.Named
		}
		list = append(list, attribute(certificateV2, func(b *cryptobyte.Builder) { addCertificateID(b, named) }))
	}
	slices.SortFunc(list, bytes.Compare) // DER orders the elements of a SET OF
	var b cryptobyte.Builder
	b.AddASN1(der.SET, func(b *cryptobyte.Builder) {
		for _, a := range list {
			b.AddBytes(a)
		}
	})
	return b.Bytes()
}

func attribute(id asn1.ObjectIdentifier, value cryptobyte.BuilderContinuation) []byte {
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(id)
		b.AddASN1(der.SET, value)
	})
	return b.BytesOrPanic() // fixed shapes and values that were encoded before: they encode
}

// addCertificateID is SigningCertificateV2 (RFC 5035): SHA-256 is the default and so is not written.
func addCertificateID(b *cryptobyte.Builder, c *x509.Certificate) {
	h := crypto.SHA256.New()
	h.Write(c.Raw)
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1OctetString(h.Sum(nil))
				b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddASN1(der.Tag(4).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) { b.AddBytes(c.RawIssuer) })
					})
					b.AddASN1BigInt(c.SerialNumber)
				})
			})
		})
	})
}

func (s Signer) sign(attributes []byte, hash crypto.Hash) ([]byte, error) {
	h := hash.New()
	h.Write(attributes)
	if s.PSS {
		return s.Key.Sign(rand.Reader, h.Sum(nil), &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash})
	}
	return s.Key.Sign(rand.Reader, h.Sum(nil), hash)
}

func assemble(s Signer, m Message, attributes, value, token []byte) ([]byte, error) {
	version := int64(1)
	if !m.Type.Equal(Data) {
		version = 3
	}
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(signedData)
		b.AddASN1(explicit(0), func(b *cryptobyte.Builder) {
			b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1Int64(version)
				b.AddASN1(der.SET, func(b *cryptobyte.Builder) { addDigest(b, m.Hash) })
				b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) { addContent(b, m) })
				if !m.NoCertificates {
					b.AddASN1(explicit(0), func(b *cryptobyte.Builder) { addCertificates(b, s) })
				}
				b.AddASN1(der.SET, func(b *cryptobyte.Builder) {
					b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) { addSignerInfo(b, s, m.Hash, attributes, value, token) })
				})
			})
		})
	})
	return b.Bytes()
}

func explicit(n uint8) der.Tag { return der.Tag(n).ContextSpecific().Constructed() }

func addDigest(b *cryptobyte.Builder, hash crypto.Hash) {
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(hashes[hash].digest) })
}

func addContent(b *cryptobyte.Builder, m Message) {
	b.AddASN1ObjectIdentifier(m.Type)
	if m.Detached {
		return
	}
	shown := m.Content
	if m.Shown != nil {
		shown = m.Shown
	}
	b.AddASN1(explicit(0), func(b *cryptobyte.Builder) { b.AddASN1OctetString(shown) })
}

func addCertificates(b *cryptobyte.Builder, s Signer) {
	list := [][]byte{s.Certificate.Raw}
	for _, c := range s.Chain {
		list = append(list, c.Raw)
	}
	slices.SortFunc(list, bytes.Compare)
	for _, raw := range list {
		b.AddBytes(raw)
	}
}

func addSignerInfo(b *cryptobyte.Builder, s Signer, hash crypto.Hash, attributes, value, token []byte) {
	b.AddASN1Int64(1)
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(s.Certificate.RawIssuer)
		b.AddASN1BigInt(s.Certificate.SerialNumber)
	})
	addDigest(b, hash)
	implicit := slices.Clone(attributes)
	implicit[0] = 0xa0 // SET OF becomes [0] IMPLICIT: one byte either way
	b.AddBytes(implicit)
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) { addSignatureAlgorithm(b, s, hash) })
	b.AddASN1OctetString(value)
	if token != nil {
		b.AddASN1(explicit(1), func(b *cryptobyte.Builder) {
			b.AddBytes(attribute(timeStamp, func(b *cryptobyte.Builder) { b.AddBytes(token) }))
		})
	}
}

func addSignatureAlgorithm(b *cryptobyte.Builder, s Signer, hash crypto.Hash) {
	if _, ok := s.Key.Public().(*ecdsa.PublicKey); ok {
		b.AddASN1ObjectIdentifier(hashes[hash].ecdsa)
		return
	}
	if !s.PSS {
		b.AddASN1ObjectIdentifier(rsaEncryption)
		b.AddASN1NULL()
		return
	}
	// RSASSA-PSS-params (RFC 4055): hash, mask generation with the same hash, salt of its length.
	b.AddASN1ObjectIdentifier(rsaPSS)
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(explicit(0), func(b *cryptobyte.Builder) { addDigest(b, hash) })
		b.AddASN1(explicit(1), func(b *cryptobyte.Builder) {
			b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(maskMGF1)
				addDigest(b, hash)
			})
		})
		b.AddASN1(explicit(2), func(b *cryptobyte.Builder) { b.AddASN1Int64(int64(hash.Size())) })
	})
}
