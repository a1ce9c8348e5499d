package cms

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/subtle"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"time"

	// The digests that signatures name.
	_ "crypto/sha256"
	_ "crypto/sha512"
)

// Why a signature is refused before anybody asks who signed.
var (
	ErrSHA1      = errors.New("signature with SHA-1 or MD5")
	ErrAlgorithm = errors.New("signature algorithm not known")
	ErrWeakKey   = errors.New("signing key too short")
	ErrNoBinding = errors.New("no signing-certificate attribute")
	ErrBinding   = errors.New("signing-certificate attribute names another certificate")
)

var digests = map[string]crypto.Hash{
	"2.16.840.1.101.3.4.2.1": crypto.SHA256,
	"2.16.840.1.101.3.4.2.2": crypto.SHA384,
	"2.16.840.1.101.3.4.2.3": crypto.SHA512,
}

// outdated are the digests that no longer prove anything, by their own OID or in a signature's.
var outdated = map[string]bool{
	"1.3.14.3.2.26": true, "1.2.840.113549.2.5": true, "1.2.840.113549.2.2": true, // SHA-1, MD5, MD2
	"1.2.840.113549.1.1.2": true, "1.2.840.113549.1.1.4": true, "1.2.840.113549.1.1.5": true, "1.3.14.3.2.29": true, // with RSA
	"1.2.840.10045.4.1": true, "1.2.840.10040.4.3": true, // with ECDSA, with DSA
}

const (
	schemeRSA   = "RSA"
	schemePSS   = "RSASSA-PSS"
	schemeECDSA = "ECDSA"

	oidPSS  = "1.2.840.113549.1.1.10"
	oidMGF1 = "1.2.840.113549.1.1.8"
)

// schemes have the digest 0 where they leave it to the digest algorithm.
var schemes = map[string]struct {
	name   string
	digest crypto.Hash
}{
	"1.2.840.113549.1.1.1":  {schemeRSA, 0},
	"1.2.840.113549.1.1.11": {schemeRSA, crypto.SHA256},
	"1.2.840.113549.1.1.12": {schemeRSA, crypto.SHA384},
	"1.2.840.113549.1.1.13": {schemeRSA, crypto.SHA512},
	oidPSS:                  {schemePSS, 0},
	"1.2.840.10045.2.1":     {schemeECDSA, 0},
	"1.2.840.10045.4.3.2":   {schemeECDSA, crypto.SHA256},
	"1.2.840.10045.4.3.3":   {schemeECDSA, crypto.SHA384},
	"1.2.840.10045.4.3.4":   {schemeECDSA, crypto.SHA512},
}

// Algorithm names what the signature is made with, such as "RSASSA-PSS SHA-256"; an OID where the name is not known.
func (s *SignerInfo) Algorithm() string {
	scheme, hash := s.scheme.OID, s.digest.OID
	if known, ok := schemes[scheme]; ok {
		scheme = known.name
	}
	if known, ok := digests[hash]; ok {
		hash = known.String()
	}
	return scheme + " " + hash
}

// Hash is the digest that the signature is over.
func (s *SignerInfo) Hash() (crypto.Hash, error) {
	if outdated[s.digest.OID] || outdated[s.scheme.OID] {
		return 0, ErrSHA1
	}
	hash, known := digests[s.digest.OID]
	scheme, knownScheme := schemes[s.scheme.OID]
	if !known || !knownScheme || scheme.digest != 0 && scheme.digest != hash {
		return 0, ErrAlgorithm
	}
	return hash, nil
}

// Check verifies the signature over a content whose digest, by Hash, is given: that the digest is the signed one (ErrAltered) and
// that the certificate's key made the signature (ErrInvalid).
func (s *SignerInfo) Check(contentType string, digest []byte, by *x509.Certificate) error {
	hash, err := s.Hash()
	if err != nil {
		return err
	}
	if s.signedBytes == nil {
		return s.verify(by, hash, digest)
	}
	signed, err := s.signedDigest(contentType)
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(signed, digest) != 1 {
		return ErrAltered
	}
	h := hash.New()
	h.Write(s.signedBytes)
	return s.verify(by, hash, h.Sum(nil))
}

// signedDigest reads the signed attributes that RFC 5652 11.1 and 11.2 ask for.
func (s *SignerInfo) signedDigest(contentType string) ([]byte, error) {
	kind, err := s.Value(OIDContentType)
	if err != nil || kind == nil {
		return nil, ErrMalformed
	}
	if v, _, err := next(kind, 0); err != nil || oidOf(v) != contentType {
		return nil, ErrMalformed
	}
	value, err := s.Value(OIDMessageDigest)
	var digest []byte
	if err != nil || value == nil {
		return nil, ErrMalformed
	}
	if rest, err := asn1.Unmarshal(value, &digest); err != nil || len(rest) > 0 {
		return nil, ErrMalformed
	}
	return digest, nil
}

func (s *SignerInfo) verify(by *x509.Certificate, hash crypto.Hash, digest []byte) error {
	key, err := publicKey(by)
	if err != nil {
		return err
	}
	switch key := key.(type) {
	case *rsa.PublicKey:
		return s.verifyRSA(key, hash, digest)
	case *ecdsa.PublicKey:
		if schemes[s.scheme.OID].name != schemeECDSA {
			return ErrInvalid
		}
		if key.Curve.Params().BitSize < minCurve {
			return ErrWeakKey
		}
		if !ecdsa.VerifyASN1(key, digest, s.Signature) {
			return ErrInvalid
		}
		return nil
	}
	return ErrAlgorithm
}

// minRSA and minCurve are the least that ETSI TS 119 312 still has in its tables, maxRSA twice the longest that anybody uses: reckoning with a key
// takes time that grows by the square of its length, and a file has room for one of millions of bits.
const (
	minRSA   = 2048
	minCurve = 256
	maxRSA   = 8192
)

// Usable tells whether a certificate's key is of a size to reckon with.
func Usable(c *x509.Certificate) bool {
	key, ok := c.PublicKey.(*rsa.PublicKey)
	return !ok || key.N.BitLen() <= maxRSA
}

func (s *SignerInfo) verifyRSA(key *rsa.PublicKey, hash crypto.Hash, digest []byte) error {
	if key.N.BitLen() < minRSA {
		return ErrWeakKey
	}
	if key.N.BitLen() > maxRSA {
		return ErrAlgorithm
	}
	var err error
	switch schemes[s.scheme.OID].name {
	case schemeRSA:
		err = rsa.VerifyPKCS1v15(key, hash, digest, s.Signature)
	case schemePSS:
		var salt int
		if salt, err = pssSalt(s.scheme.Parameters, hash); err != nil {
			return err
		}
		err = rsa.VerifyPSS(key, hash, digest, s.Signature, &rsa.PSSOptions{SaltLength: salt, Hash: hash})
	default:
		return ErrInvalid
	}
	if err != nil {
		return ErrInvalid
	}
	return nil
}

// publicKey also reads keys that are for RSASSA-PSS alone (RFC 4055 1.2), which crypto/x509 leaves unread.
func publicKey(c *x509.Certificate) (any, error) {
	if c.PublicKey != nil {
		return c.PublicKey, nil
	}
	var info struct {
		Algorithm struct {
			OID        asn1.ObjectIdentifier
			Parameters asn1.RawValue `asn1:"optional"`
		}
		Key asn1.BitString
	}
	if _, err := asn1.Unmarshal(c.RawSubjectPublicKeyInfo, &info); err != nil || info.Algorithm.OID.String() != oidPSS {
		return nil, ErrAlgorithm
	}
	key, err := x509.ParsePKCS1PublicKey(info.Key.RightAlign())
	if err != nil {
		return nil, ErrAlgorithm
	}
	return key, nil
}

type pssParameters struct {
	Hash    hashAlgorithm `asn1:"explicit,optional,tag:0"`
	MGF     hashAlgorithm `asn1:"explicit,optional,tag:1"`
	Salt    int           `asn1:"explicit,optional,tag:2,default:20"`
	Trailer int           `asn1:"explicit,optional,tag:3,default:1"`
}

type hashAlgorithm struct {
	OID        asn1.ObjectIdentifier
	Parameters asn1.RawValue `asn1:"optional"`
}

// maxSalt is more than the longest key has room for: some programs fill all of it.
const maxSalt = 1 << 10

// pssSalt reads the parameters of RSASSA-PSS (RFC 4055 3.1): the digest must be the message's own, also in MGF1. What is left out is
// SHA-1 by default, and refused.
func pssSalt(der []byte, hash crypto.Hash) (int, error) {
	var p pssParameters
	if rest, err := asn1.Unmarshal(der, &p); err != nil || len(rest) > 0 {
		return 0, ErrAlgorithm
	}
	if p.Hash.OID == nil || p.MGF.OID == nil || outdated[p.Hash.OID.String()] {
		return 0, ErrSHA1
	}
	var inner hashAlgorithm
	if _, err := asn1.Unmarshal(p.MGF.Parameters.FullBytes, &inner); err != nil || p.MGF.OID.String() != oidMGF1 {
		return 0, ErrAlgorithm
	}
	if outdated[inner.OID.String()] {
		return 0, ErrSHA1
	}
	if digests[p.Hash.OID.String()] != hash || digests[inner.OID.String()] != hash || p.Trailer != 1 || p.Salt < 1 || p.Salt > maxSalt {
		return 0, ErrAlgorithm
	}
	return p.Salt, nil
}

// SigningTime is when the signer says to have signed; zero if it does not say.
func (s *SignerInfo) SigningTime() time.Time {
	value, err := s.Value(OIDSigningTime)
	if err != nil || value == nil {
		return time.Time{}
	}
	var at time.Time
	if rest, err := asn1.Unmarshal(value, &at); err != nil || len(rest) > 0 {
		return time.Time{}
	}
	return at.UTC()
}
