package cms

import (
	"bytes"
	"errors"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

// chunk is how much of the content each piece of its constructed OCTET STRING holds.
const chunk = 1000

var errNotOurs = errors.New("cms: not an attached SignedData in DER")

// BER rewrites an attached SignedData of this package as programs that stream write it: the outer
// structures and the content have indefinite length, the content comes in pieces (X.690, 8.1.3.6).
// What is signed does not change.
func BER(raw []byte) ([]byte, error) {
	var info, outer, signed, version, digests, content, eContent, octets cryptobyte.String
	input := cryptobyte.String(raw)
	var id, kind cryptobyte.String
	ok := input.ReadASN1(&info, der.SEQUENCE) && input.Empty() &&
		info.ReadASN1Element(&id, der.OBJECT_IDENTIFIER) && info.ReadASN1(&outer, explicit(0)) &&
		outer.ReadASN1(&signed, der.SEQUENCE) &&
		signed.ReadASN1Element(&version, der.INTEGER) && signed.ReadASN1Element(&digests, der.SET) &&
		signed.ReadASN1(&content, der.SEQUENCE) &&
		content.ReadASN1Element(&kind, der.OBJECT_IDENTIFIER) && content.ReadASN1(&eContent, explicit(0)) &&
		eContent.ReadASN1(&octets, der.OCTET_STRING)
	if !ok {
		return nil, errNotOurs
	}
	pieces := [][]byte{}
	for rest := []byte(octets); len(rest) > 0; {
		n := min(chunk, len(rest))
		var b cryptobyte.Builder
		b.AddASN1OctetString(rest[:n])
		pieces, rest = append(pieces, b.BytesOrPanic()), rest[n:]
	}
	contentInfo := indefinite(0x30, kind, indefinite(0xa0, indefinite(0x24, pieces...)))
	return indefinite(0x30, id, indefinite(0xa0, indefinite(0x30, version, digests, contentInfo, signed))), nil
}

// indefinite is a constructed value that ends where two zero bytes say.
func indefinite(tag byte, parts ...[]byte) []byte {
	var b bytes.Buffer
	b.Write([]byte{tag, 0x80})
	for _, p := range parts {
		b.Write(p)
	}
	b.Write([]byte{0, 0})
	return b.Bytes()
}
