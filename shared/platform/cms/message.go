package cms

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"math/big"
)

// Message is a CMS signed-data (RFC 5652 section 5) as it was read; nothing of it is believed yet.
//
// It is read here and not by smallstep/pkcs7, which knows no RSASSA-PSS and no key identifiers, keeps unsigned attributes to itself and
// copies a large envelope several times.
type Message struct {
	ContentType  string // of the content, as an OID
	Content      []byte
	Detached     bool // it brings no content
	Certificates []*x509.Certificate
	Unreadable   int // certificates that could not be read
	Revocation   Revocation
	Signers      []*SignerInfo
}

// Revocation is what a message brings along to show that certificates were not revoked.
type Revocation struct {
	CRLs  [][]byte
	OCSPs [][]byte // OCSPResponse, DER
}

// SignerInfo is one signature of a message.
type SignerInfo struct {
	Signature []byte
	Signed    []Attribute
	Unsigned  []Attribute

	issuer, keyID []byte
	serial        *big.Int
	signedBytes   []byte // the signed attributes as they were signed: a SET; nil if there are none
	digest        algorithm
	scheme        algorithm
}

// Attribute is a signed or an unsigned one.
type Attribute struct {
	OID    string
	Values [][]byte // each with its tag
}

type algorithm struct {
	OID        string
	Parameters []byte // with its tag; nil if absent
}

// Object identifiers of CMS and of ESS (RFC 5652, 5035, 3161).
const (
	OIDData          = "1.2.840.113549.1.7.1"
	OIDSignedData    = "1.2.840.113549.1.7.2"
	OIDEnvelopedData = "1.2.840.113549.1.7.3"
	OIDTSTInfo       = "1.2.840.113549.1.9.16.1.4"

	oidTimestamped = "1.2.840.113549.1.9.16.1.31" // RFC 5544

	OIDContentType          = "1.2.840.113549.1.9.3"
	OIDMessageDigest        = "1.2.840.113549.1.9.4"
	OIDSigningTime          = "1.2.840.113549.1.9.5"
	OIDSigningCertificate   = "1.2.840.113549.1.9.16.2.12"
	OIDSigningCertificateV2 = "1.2.840.113549.1.9.16.2.47"
	OIDTimestamp            = "1.2.840.113549.1.9.16.2.14"
	OIDRevocationValues     = "1.2.840.113549.1.9.16.2.24"
	OIDAdobeRevocation      = "1.2.840.113583.1.1.8"

	oidRevocationOCSP = "1.3.6.1.5.5.7.16.2"
)

// Limits of one message: more of anything is an attack, not a document.
const (
	maxSigners      = 32
	maxCertificates = 64
	maxRevocation   = 64
	maxAttributes   = 64
)

// IsMessage tells whether bytes begin like a CMS signed-data.
func IsMessage(data []byte) bool { return begins(data, OIDSignedData) }

// IsEncrypted tells whether bytes begin like a CMS enveloped-data.
func IsEncrypted(data []byte) bool { return begins(data, OIDEnvelopedData) }

// IsTimestamped tells whether bytes begin like a document in a timestamp's envelope (.tsd, RFC 5544).
func IsTimestamped(data []byte) bool { return begins(data, oidTimestamped) }

// begins looks at the head only: the whole may not be there.
func begins(data []byte, oid string) bool {
	if len(data) < 4 || data[0] != 0x30 {
		return false
	}
	skip := 2
	if data[1] > 0x80 {
		skip += int(data[1] & 0x7f)
	}
	if skip > len(data) {
		return false
	}
	v, _, err := next(data[skip:], 0)
	return err == nil && v.is(universal, tagOID) && oidOf(v) == oid
}

// ParseMessage reads a signed-data. Bytes belong to the message from then on: a content in pieces is drawn together in place. After the
// message there may be nothing but the fill that some programs leave (zeros, line ends).
func ParseMessage(data []byte) (*Message, error) {
	outer, rest, err := next(data, 0)
	if err != nil || !outer.is(universal, tagSequence) || len(bytes.Trim(rest, "\x00\r\n \t")) > 0 {
		return nil, ErrMalformed
	}
	info := outer.inside(1)
	kind := info.take(universal, tagOID)
	wrapped := info.take(context, 0)
	if info.err != nil || oidOf(kind) != OIDSignedData || info.more() {
		return nil, ErrMalformed
	}
	holder := wrapped.inside(2)
	signed := holder.take(universal, tagSequence)
	if holder.err != nil || holder.more() {
		return nil, ErrMalformed
	}
	return signedData(signed.inside(3))
}

func signedData(r *reader) (*Message, error) {
	m := &Message{}
	r.take(universal, tagInteger)
	r.take(universal, tagSet) // digest algorithms: a hint for streaming
	content := r.take(universal, tagSequence)
	if r.err != nil {
		return nil, r.err
	}
	// What follows the content is read first: drawing the content together overwrites only its own bytes, and errors come cheap.
	certificates, hasCertificates := r.optional(context, 0)
	revocation, hasRevocation := r.optional(context, 1)
	signers := r.take(universal, tagSet)
	if r.err != nil || r.more() {
		return nil, ErrMalformed
	}
	var err error
	if hasCertificates {
		err = m.certificates(certificates.inside(4))
	}
	if hasRevocation && err == nil {
		err = m.revocation(revocation.inside(4))
	}
	for s := signers.inside(4); err == nil && s.more(); {
		var one *SignerInfo
		if one, err = signerInfo(s.take(universal, tagSequence).inside(5)); err == nil {
			m.Signers = append(m.Signers, one)
		}
		if s.err != nil || len(m.Signers) > maxSigners {
			err = ErrMalformed
		}
	}
	if err == nil {
		err = m.content(content.inside(4))
	}
	if err != nil {
		return nil, ErrMalformed
	}
	return m, nil
}

func (m *Message) content(r *reader) error {
	m.ContentType = oidOf(r.take(universal, tagOID))
	holder, there := r.optional(context, 0)
	if r.err != nil || r.more() || m.ContentType == "" {
		return ErrMalformed
	}
	if !there {
		m.Detached = true
		return nil
	}
	inner := holder.inside(5)
	octets := inner.take(universal, tagOctetString)
	if inner.err != nil || inner.more() {
		return ErrMalformed
	}
	var err error
	m.Content, err = octets.octets(6)
	return err
}

// certificates reads those that are X.509; attribute certificates and what Go cannot read are passed over.
func (m *Message) certificates(r *reader) error {
	for n := 0; r.more(); n++ {
		v := r.any()
		if n > maxCertificates {
			return ErrMalformed
		}
		c, err := x509.ParseCertificate(v.raw)
		if err != nil || !Usable(c) {
			m.Unreadable++
			continue
		}
		m.Certificates = append(m.Certificates, c)
	}
	return r.err
}

func (m *Message) revocation(r *reader) error {
	for n := 0; r.more(); n++ {
		v := r.any()
		switch {
		case n > maxRevocation:
			return ErrMalformed
		case v.is(universal, tagSequence):
			m.Revocation.CRLs = append(m.Revocation.CRLs, v.raw)
		case v.is(context, 1):
			other := v.inside(5)
			format, answer := other.take(universal, tagOID), other.any()
			if other.err == nil && oidOf(format) == oidRevocationOCSP {
				m.Revocation.OCSPs = append(m.Revocation.OCSPs, answer.raw)
			}
		}
	}
	return r.err
}

func signerInfo(r *reader) (*SignerInfo, error) {
	s := &SignerInfo{}
	r.take(universal, tagInteger)
	if id, there := r.optional(context, 0); there {
		s.keyID, _ = id.octets(6)
	} else {
		name := r.take(universal, tagSequence).inside(6)
		s.issuer = name.take(universal, tagSequence).raw
		s.serial = new(big.Int).SetBytes(name.take(universal, tagInteger).body)
		if name.err != nil {
			return nil, ErrMalformed
		}
	}
	s.digest = algorithmOf(r.take(universal, tagSequence))
	attributes, there := r.optional(context, 0)
	if there {
		// RFC 5652 5.4: what was signed is the DER of the attributes as a SET. A stream has no DER to speak of.
		if attributes.indefinite || !attributes.constructed {
			return nil, ErrMalformed
		}
		s.signedBytes = append([]byte{0x31}, attributes.raw[1:]...)
		s.Signed = attributesOf(attributes.inside(6))
	}
	s.scheme = algorithmOf(r.take(universal, tagSequence))
	signature := r.take(universal, tagOctetString)
	if r.err != nil || s.digest.OID == "" || s.scheme.OID == "" || there && s.Signed == nil {
		return nil, ErrMalformed
	}
	var err error
	if s.Signature, err = signature.octets(6); err != nil {
		return nil, err
	}
	if unsigned, there := r.optional(context, 1); there {
		s.Unsigned = attributesOf(unsigned.inside(6))
	}
	if r.err != nil || r.more() {
		return nil, ErrMalformed
	}
	return s, nil
}

// attributesOf is nil when they cannot be read.
func attributesOf(r *reader) (all []Attribute) {
	for r.more() {
		one := r.take(universal, tagSequence).inside(7)
		a := Attribute{OID: oidOf(one.take(universal, tagOID))}
		for values := one.take(universal, tagSet).inside(8); values.more(); {
			a.Values = append(a.Values, values.any().raw)
			if values.err != nil || len(a.Values) > maxAttributes {
				return nil
			}
		}
		all = append(all, a)
		if one.err != nil || one.more() || len(all) > maxAttributes || a.OID == "" {
			return nil
		}
	}
	if r.err != nil {
		return nil
	}
	return all
}

func algorithmOf(v value) (a algorithm) {
	r := v.inside(8)
	a.OID = oidOf(r.take(universal, tagOID))
	if r.more() {
		a.Parameters = r.any().raw
	}
	if r.err != nil || r.more() {
		return algorithm{}
	}
	return a
}

// oidOf is empty when the value is none.
func oidOf(v value) string {
	var oid asn1.ObjectIdentifier
	if len(v.raw) == 0 || len(v.raw) > 64 {
		return ""
	}
	if rest, err := asn1.Unmarshal(v.raw, &oid); err != nil || len(rest) > 0 {
		return ""
	}
	return oid.String()
}

// Value is the one value of a signed attribute; there may not be two of a kind, lest two readers choose differently.
func (s *SignerInfo) Value(oid string) ([]byte, error) { return only(s.Signed, oid) }

// only is nil when there is none.
func only(attributes []Attribute, oid string) (found []byte, err error) {
	for _, a := range attributes {
		if a.OID != oid {
			continue
		}
		if found != nil || len(a.Values) != 1 {
			return nil, ErrMalformed
		}
		found = a.Values[0]
	}
	return found, nil
}

// UnsignedValues are all values of an unsigned attribute.
func (s *SignerInfo) UnsignedValues(oid string) (all [][]byte) {
	for _, a := range s.Unsigned {
		if a.OID == oid {
			all = append(all, a.Values...)
		}
	}
	return all
}

// Certificate is the one that the signer names, nil if the message does not bring it.
func (m *Message) Certificate(s *SignerInfo) *x509.Certificate {
	for _, c := range m.Certificates {
		if s.keyID != nil && bytes.Equal(c.SubjectKeyId, s.keyID) ||
			s.serial != nil && c.SerialNumber.Cmp(s.serial) == 0 && bytes.Equal(c.RawIssuer, s.issuer) {
			return c
		}
	}
	return nil
}

// Evidence is what a signature brings along about revocation: the values of CAdES-LT (ETSI TS 101 733 6.3.4) and what Adobe's programs
// sign with the document. What cannot be read is as if it were not there.
func (s *SignerInfo) Evidence() (r Revocation) {
	for _, value := range s.UnsignedValues(OIDRevocationValues) {
		r.add(value, func(basic []byte) []byte { return wrapOCSP(basic) })
	}
	if value, err := s.Value(OIDAdobeRevocation); err == nil && value != nil {
		r.add(value, func(whole []byte) []byte { return whole })
	}
	return r
}

// add reads {[0] {CRLs}, [1] {OCSP answers}}.
func (r *Revocation) add(value []byte, whole func([]byte) []byte) {
	fields := valuesOf(value)
	for n := 0; fields.more() && n < maxRevocation; {
		field := fields.any()
		list := field.inside(2)
		for items := list.take(universal, tagSequence).inside(3); items.more() && n < maxRevocation; n++ {
			switch item := items.any(); {
			case field.is(context, 0):
				r.CRLs = append(r.CRLs, item.raw)
			case field.is(context, 1):
				r.OCSPs = append(r.OCSPs, whole(item.raw))
			}
		}
	}
}

// wrapOCSP makes a whole OCSPResponse of a basic one (RFC 6960 4.2.1).
func wrapOCSP(basic []byte) []byte {
	type body struct {
		Type     asn1.ObjectIdentifier
		Response []byte
	}
	der, err := asn1.Marshal(struct {
		Status asn1.Enumerated
		Body   body `asn1:"explicit,tag:0"`
	}{0, body{asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 1}, basic}})
	if err != nil {
		return nil
	}
	return der
}
