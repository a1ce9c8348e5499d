package signature

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"slices"
	"strings"
	"time"
)

// Signer is the certificate that the signature is made with.
func (s *Signed) Signer() *x509.Certificate { return s.p7.GetOnlySigner() }

// Certificates are those inside.
func (s *Signed) Certificates() []*x509.Certificate { return s.p7.Certificates }

// Fingerprint is the SHA-256 of a certificate, in hex.
func Fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}

// Content types, and the attributes that are read.
var (
	timestampType        = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}
	certificateAttribute = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47}
)

// Strict wants of a seal what CAdES and RFC 3161 want and nothing beside: DER, a certificate named by its digest under the signature
// (signing-certificate-v2), nothing that is not signed, no certificate that leads nowhere.
func (s *Signed) Strict() error {
	if s.only == nil || len(s.only.Unsigned.FullBytes) > 0 || !s.names(s.Signer()) || !s.chained() {
		return ErrMalformed
	}
	return nil
}

// names tells whether the signed attributes name a certificate by its digest.
func (s *Signed) names(c *x509.Certificate) bool {
	for rest := s.only.Signed.Bytes; len(rest) > 0; {
		var attribute struct {
			Type   asn1.ObjectIdentifier
			Values asn1.RawValue `asn1:"set"`
		}
		var err error
		if rest, err = asn1.Unmarshal(rest, &attribute); err != nil {
			return false
		}
		if !attribute.Type.Equal(certificateAttribute) {
			continue
		}
		var named struct{ Certificates []asn1.RawValue }
		if _, err := asn1.Unmarshal(attribute.Values.Bytes, &named); err != nil || len(named.Certificates) == 0 {
			return false
		}
		// ESSCertIDv2: [algorithm, SHA-256 if left out], digest, [issuer and serial number]
		var first asn1.RawValue
		inside, err := asn1.Unmarshal(named.Certificates[0].Bytes, &first)
		if err == nil && first.Tag == asn1.TagSequence {
			_, err = asn1.Unmarshal(inside, &first)
		}
		sum := sha256.Sum256(c.Raw)
		return err == nil && first.Tag == asn1.TagOctetString && bytes.Equal(first.Bytes, sum[:])
	}
	return false
}

// chained: every certificate inside is the signer's, or issued one that is inside; and what is signed by one that is inside holds.
func (s *Signed) chained() bool {
	issued := map[string]bool{string(s.Signer().Raw): true}
	for range s.p7.Certificates {
		for _, child := range s.p7.Certificates {
			if !issued[string(child.Raw)] {
				continue
			}
			for _, parent := range s.p7.Certificates {
				if bytes.Equal(child.RawIssuer, parent.RawSubject) {
					if child.CheckSignatureFrom(parent) != nil {
						return false
					}
					issued[string(parent.Raw)] = true
				}
			}
		}
	}
	return len(issued) == len(s.p7.Certificates)
}

// Unsigned are the attributes that nobody vouches for, as they are written; nil if there are none.
func (s *Signed) Unsigned() []byte {
	if s.only == nil {
		return nil
	}
	return s.only.Unsigned.FullBytes
}

// Unvouched are the certificates inside that neither the signature names nor one that is inside has issued: without authorities nobody vouches for them.
func (s *Signed) Unvouched() []*x509.Certificate {
	return slices.DeleteFunc(slices.Clone(s.p7.Certificates), func(c *x509.Certificate) bool {
		return c == s.Signer() || slices.ContainsFunc(s.p7.Certificates, func(other *x509.Certificate) bool { return bytes.Equal(c.RawIssuer, other.RawSubject) })
	})
}

// Token is an RFC 3161 timestamp as its authority signed it.
type Token struct {
	*Signed
	At time.Time
}

type tokenInfo struct {
	Version int
	Policy  asn1.ObjectIdentifier
	Imprint struct {
		Algorithm algorithm
		Digest    []byte
	}
	Serial   *big.Int
	At       time.Time     `asn1:"generalized"`
	Accuracy asn1.RawValue `asn1:"optional"`
	Ordering bool          `asn1:"optional"`
	Nonce    *big.Int      `asn1:"optional"`
	TSA      asn1.RawValue `asn1:"optional,tag:0"`
	More     asn1.RawValue `asn1:"optional,tag:1"`
}

// ParseToken reads a timestamp token over some bytes. Its signature is Verify's to check, at the time it tells.
func ParseToken(der, stamped []byte) (t *Token, err error) {
	defer func() {
		if recover() != nil {
			t, err = nil, ErrMalformed
		}
	}()
	s, err := Parse(der)
	if err != nil {
		return nil, err
	}
	var outer contentInfo
	if _, err := asn1.Unmarshal(der, &outer); err != nil || !outer.Content.Content.Type.Equal(timestampType) {
		return nil, ErrMalformed
	}
	var info tokenInfo
	if rest, err := asn1.Unmarshal(s.Content, &info); err != nil || len(rest) > 0 || info.Version != 1 {
		return nil, ErrMalformed
	}
	hash, known := hashes[info.Imprint.Algorithm.Type.String()]
	if !known || hash.Size() < sha256.Size {
		return nil, ErrMalformed
	}
	sum := hash.New()
	sum.Write(stamped)
	if !bytes.Equal(sum.Sum(nil), info.Imprint.Digest) {
		return nil, ErrInvalid
	}
	purposes := s.Signer().ExtKeyUsage
	if len(purposes) != 1 || purposes[0] != x509.ExtKeyUsageTimeStamping {
		return nil, ErrUntrusted
	}
	return &Token{s, info.At}, nil
}

// Bundle writes certificates in PEM.
func Bundle(list []*x509.Certificate) string {
	var out strings.Builder
	for _, c := range list {
		_ = pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
	}
	return out.String()
}
