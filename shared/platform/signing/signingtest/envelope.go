package signingtest

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // what must be refused has to be made
	"crypto/x509"
	"encoding/asn1"
	"slices"
	"time"
)

// Style says how an envelope is made, and what is wrong with it. The zero Style is a CAdES-BES envelope with SHA-256.
type Style struct {
	Digest     crypto.Hash
	PSS        bool
	PSSSalt    int
	PSSDefault bool // parameters left out, which means SHA-1
	KeyID      bool // the certificate is named by its key identifier
	Detached   bool
	Streamed   bool // BER: indefinite lengths, content in pieces
	SignedAt   time.Time
	Timestamp  []func(signature []byte) []byte // tokens over the signature

	BindingV1, NoBinding bool
	BindTo               *x509.Certificate // instead of the signer's
	NoCertificate        bool
	NoAttributes         bool
	WrongDigest          bool
	WrongType            bool
	Break                bool // the signature's last byte
	DoubleDigest         bool // two messageDigest attributes
	Extra                []*x509.Certificate
	CRLs, OCSPs          [][]byte // revocation values
	Type                 []byte   // content type, instead of data
}

// tlv writes a value in DER.
func tlv(tag byte, parts ...[]byte) []byte {
	body := bytes.Join(parts, nil)
	head := []byte{tag}
	switch n := len(body); {
	case n < 0x80:
		head = append(head, byte(n))
	case n < 0x100:
		head = append(head, 0x81, byte(n))
	case n < 0x10000:
		head = append(head, 0x82, byte(n>>8), byte(n))
	default:
		head = append(head, 0x84, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	return append(head, body...)
}

func seq(parts ...[]byte) []byte { return tlv(0x30, parts...) }
func set(parts ...[]byte) []byte {
	parts = slices.Clone(parts)
	slices.SortFunc(parts, bytes.Compare)
	return tlv(0x31, parts...)
}
func octets(b []byte) []byte { return tlv(4, b) }
func integer(n int) []byte   { return must(n) }
func oid(n ...int) []byte    { return must(asn1.ObjectIdentifier(n)) }

func must(v any) []byte {
	der, err := asn1.Marshal(v)
	if err != nil {
		panic(err)
	}
	return der
}

var (
	oidData   = oid(1, 2, 840, 113549, 1, 7, 1)
	oidSigned = oid(1, 2, 840, 113549, 1, 7, 2)
	oidTST    = oid(1, 2, 840, 113549, 1, 9, 16, 1, 4)
)

var hashOIDs = map[crypto.Hash][]byte{crypto.SHA1: oid(1, 3, 14, 3, 2, 26), crypto.SHA256: oid(2, 16, 840, 1, 101, 3, 4, 2, 1),
	crypto.SHA384: oid(2, 16, 840, 1, 101, 3, 4, 2, 2), crypto.SHA512: oid(2, 16, 840, 1, 101, 3, 4, 2, 3)}

var ecdsaOIDs = map[crypto.Hash]int{crypto.SHA256: 2, crypto.SHA384: 3, crypto.SHA512: 4}

func sum(h crypto.Hash, b []byte) []byte {
	d := h.New()
	d.Write(b)
	return d.Sum(nil)
}

func attribute(id []byte, values ...[]byte) []byte { return seq(id, tlv(0x31, values...)) }

// Envelope signs content with each of the signers side by side.
func Envelope(content []byte, s Style, signers ...*Identity) []byte {
	kind := s.Type
	if kind == nil {
		kind = oidData
	}
	if s.Digest == 0 {
		s.Digest = crypto.SHA256
	}
	var infos, certificates [][]byte
	for _, who := range signers {
		infos = append(infos, signerInfo(content, kind, s, who))
		if !s.NoCertificate {
			certificates = append(certificates, who.Certificate.Raw)
			if who.Issuer.parent != nil {
				certificates = append(certificates, who.Issuer.Certificate.Raw)
			}
		}
	}
	for _, c := range s.Extra {
		certificates = append(certificates, c.Raw)
	}
	tail := bytes.Join([][]byte{tlv(0xa0, certificates...), tlv(0x31, infos...)}, nil)
	head := bytes.Join([][]byte{integer(1), set(seq(hashOIDs[s.Digest]))}, nil)
	if s.Streamed {
		return streamed(content, kind, head, tail)
	}
	encapsulated := seq(kind, tlv(0xa0, octets(content)))
	if s.Detached {
		encapsulated = seq(kind)
	}
	return seq(oidSigned, tlv(0xa0, seq(head, encapsulated, tail)))
}

// streamed is what a program writes that does not know the length beforehand.
func streamed(content, kind, head, tail []byte) []byte {
	var b bytes.Buffer
	b.Write([]byte{0x30, 0x80})
	b.Write(oidSigned)
	b.Write([]byte{0xa0, 0x80, 0x30, 0x80})
	b.Write(head)
	b.Write([]byte{0x30, 0x80})
	b.Write(kind)
	b.Write([]byte{0xa0, 0x80, 0x24, 0x80})
	for piece := range slices.Chunk(content, 1000) {
		b.Write(octets(piece))
	}
	b.Write(make([]byte, 6)) // the ends of string, wrapper and content
	b.Write(tail)
	b.Write(make([]byte, 6))
	return b.Bytes()
}

func signerInfo(content, kind []byte, s Style, who *Identity) []byte {
	digest := sum(s.Digest, content)
	if s.WrongDigest {
		digest[0] ^= 1
	}
	claimed := kind
	if s.WrongType {
		claimed = oidTST
	}
	attributes := [][]byte{attribute(oid(1, 2, 840, 113549, 1, 9, 3), claimed), attribute(oid(1, 2, 840, 113549, 1, 9, 4), octets(digest))}
	if s.DoubleDigest {
		attributes = append(attributes, attribute(oid(1, 2, 840, 113549, 1, 9, 4), octets(sum(s.Digest, []byte("x")))))
	}
	if !s.SignedAt.IsZero() {
		attributes = append(attributes, attribute(oid(1, 2, 840, 113549, 1, 9, 5), must(s.SignedAt.UTC())))
	}
	if !s.NoBinding {
		attributes = append(attributes, binding(s, who))
	}
	toSign := set(attributes...)
	version, sid := integer(1), seq(who.Certificate.RawIssuer, must(who.Certificate.SerialNumber))
	if s.KeyID {
		version, sid = integer(3), tlv(0x80, who.Certificate.SubjectKeyId)
	}
	parts := [][]byte{version, sid, seq(hashOIDs[s.Digest])}
	if s.NoAttributes {
		toSign = content
	} else {
		parts = append(parts, append([]byte{0xa0}, toSign[1:]...))
	}
	scheme, value := sign(toSign, s, who.Key)
	if s.Break {
		value[len(value)-1] ^= 1
	}
	parts = append(parts, scheme, octets(value))
	var unsigned [][]byte
	for _, stamp := range s.Timestamp {
		unsigned = append(unsigned, attribute(oid(1, 2, 840, 113549, 1, 9, 16, 2, 14), stamp(value)))
	}
	if s.CRLs != nil || s.OCSPs != nil {
		unsigned = append(unsigned, attribute(oid(1, 2, 840, 113549, 1, 9, 16, 2, 24), revocationValues(s)))
	}
	if unsigned != nil {
		parts = append(parts, tlv(0xa1, unsigned...))
	}
	return seq(parts...)
}

// revocationValues takes the basic answer out of each OCSP response.
func revocationValues(s Style) []byte {
	var parts, basic [][]byte
	if s.CRLs != nil {
		parts = append(parts, tlv(0xa0, seq(s.CRLs...)))
	}
	for _, der := range s.OCSPs {
		var whole struct {
			Status asn1.Enumerated
			Body   struct {
				Type     asn1.ObjectIdentifier
				Response []byte
			} `asn1:"explicit,tag:0"`
		}
		if _, err := asn1.Unmarshal(der, &whole); err != nil {
			panic(err)
		}
		basic = append(basic, whole.Body.Response)
	}
	if basic != nil {
		parts = append(parts, tlv(0xa1, seq(basic...)))
	}
	return seq(parts...)
}

func binding(s Style, who *Identity) []byte {
	c := who.Certificate
	if s.BindTo != nil {
		c = s.BindTo
	}
	serial := seq(seq(tlv(0xa4, c.RawIssuer)), must(c.SerialNumber))
	if s.BindingV1 {
		h := sha1.Sum(c.Raw) //nolint:gosec // RFC 2634
		return attribute(oid(1, 2, 840, 113549, 1, 9, 16, 2, 12), seq(seq(seq(octets(h[:]), serial))))
	}
	if s.Digest == crypto.SHA512 {
		return attribute(oid(1, 2, 840, 113549, 1, 9, 16, 2, 47), seq(seq(seq(seq(hashOIDs[crypto.SHA512]), octets(sum(crypto.SHA512, c.Raw))))))
	}
	return attribute(oid(1, 2, 840, 113549, 1, 9, 16, 2, 47), seq(seq(seq(octets(sum(crypto.SHA256, c.Raw)), serial))))
}

func sign(toSign []byte, s Style, key crypto.Signer) (scheme, value []byte) {
	digest := sum(s.Digest, toSign)
	var options crypto.SignerOpts = s.Digest
	switch key.(type) {
	case *ecdsa.PrivateKey:
		scheme = seq(oid(1, 2, 840, 10045, 4, 3, ecdsaOIDs[s.Digest]))
	case *rsa.PrivateKey:
		scheme = seq(oid(1, 2, 840, 113549, 1, 1, 1), []byte{5, 0})
		if s.PSS {
			salt := s.PSSSalt
			if salt == 0 {
				salt = s.Digest.Size()
			}
			options = &rsa.PSSOptions{SaltLength: salt, Hash: s.Digest}
			hash := seq(hashOIDs[s.Digest], []byte{5, 0})
			parameters := seq(tlv(0xa0, hash), tlv(0xa1, seq(oid(1, 2, 840, 113549, 1, 1, 8), hash)), tlv(0xa2, integer(salt)))
			if s.PSSDefault {
				parameters = seq()
			}
			scheme = seq(oid(1, 2, 840, 113549, 1, 1, 10), parameters)
		}
	}
	value, err := key.Sign(rand.Reader, digest, options)
	if err != nil {
		panic(err)
	}
	return scheme, value
}

// Stamp makes timestamp tokens (RFC 3161) of an instant.
func Stamp(by *Identity, at time.Time) func(data []byte) []byte {
	return func(data []byte) []byte {
		info := seq(integer(1), oid(1, 2, 3, 4), seq(seq(hashOIDs[crypto.SHA256]), octets(sum(crypto.SHA256, data))), integer(1),
			tlv(0x18, []byte(at.UTC().Format("20060102150405Z"))))
		return Envelope(info, Style{Type: oidTST}, by)
	}
}

// StampOther makes tokens over something else.
func StampOther(by *Identity, at time.Time) func(data []byte) []byte {
	return func([]byte) []byte { return Stamp(by, at)([]byte("something else")) }
}
