package cms

import (
	"bytes"
	"crypto"
	"crypto/sha1" //nolint:gosec // RFC 2634 binds the certificate by its SHA-1: read, to be told apart from none
	"crypto/x509"
	"encoding/asn1"
	"math/big"
)

// Binding checks that the signer signed the very certificate that the message names (ESS signing-certificate-v2 of RFC 5035, or the
// older one of RFC 2634 whose SHA-1 is only a name here: the chain is checked anyway). ETSI EN 319 122-1 (6.3) asks one of them of every
// baseline signature, since otherwise the certificate could be changed for another one of the same key.
func (s *SignerInfo) Binding(by *x509.Certificate) error {
	if value, err := s.Value(OIDSigningCertificateV2); err != nil {
		return ErrMalformed
	} else if value != nil {
		return bound(value, by)
	}
	value, err := s.Value(OIDSigningCertificate)
	switch {
	case err != nil:
		return ErrMalformed
	case value == nil:
		return ErrNoBinding
	}
	var v1 struct {
		Certificates []struct {
			Hash   []byte
			Serial asn1.RawValue `asn1:"optional"`
		}
		Policies asn1.RawValue `asn1:"optional"`
	}
	if _, err := asn1.Unmarshal(value, &v1); err != nil || len(v1.Certificates) == 0 {
		return ErrMalformed
	}
	if sum := sha1.Sum(by.Raw); !bytes.Equal(sum[:], v1.Certificates[0].Hash) { //nolint:gosec // see above
		return ErrBinding
	}
	return issuerSerial(v1.Certificates[0].Serial.FullBytes, by)
}

func bound(value []byte, by *x509.Certificate) error {
	r := valuesOf(value)
	list := r.take(universal, tagSequence).inside(2)
	first := list.take(universal, tagSequence).inside(3)
	hash := crypto.SHA256
	if r.err != nil || list.err != nil || first.err != nil {
		return ErrMalformed
	}
	if len(first.rest) > 0 && first.rest[0] == 0x30 {
		named := algorithmOf(first.any()).OID
		if outdated[named] {
			return ErrSHA1
		}
		var known bool
		if hash, known = digests[named]; !known {
			return ErrAlgorithm
		}
	}
	sum := first.take(universal, tagOctetString)
	if first.err != nil {
		return ErrMalformed
	}
	h := hash.New()
	h.Write(by.Raw)
	if !bytes.Equal(h.Sum(nil), sum.body) {
		return ErrBinding
	}
	if first.more() {
		return issuerSerial(first.any().raw, by)
	}
	return nil
}

func valuesOf(der []byte) *reader {
	v, _, err := next(der, 0)
	if err != nil {
		return &reader{err: err}
	}
	return v.inside(1)
}

// issuerSerial checks the IssuerSerial of a binding, which may be left out: GeneralNames with one directory name, and the number.
func issuerSerial(der []byte, by *x509.Certificate) error {
	if len(der) == 0 {
		return nil
	}
	r := valuesOf(der)
	names := r.take(universal, tagSequence).inside(2)
	number := r.take(universal, tagInteger)
	if r.err != nil || names.err != nil {
		return ErrMalformed
	}
	if new(big.Int).SetBytes(number.body).Cmp(by.SerialNumber) != 0 {
		return ErrBinding
	}
	for names.more() {
		name := names.any()
		if name.is(context, 4) && !bytes.Equal(name.body, by.RawIssuer) {
			return ErrBinding
		}
	}
	return names.err
}
