package cms

import (
	"crypto"
	"encoding/asn1"
	"fmt"
	"math/big"
	"time"
)

// Timestamp is what a timestamp token says (RFC 3161, TSTInfo).
type Timestamp struct {
	Hash   crypto.Hash
	Digest []byte
	At     time.Time
	Serial *big.Int
	Policy string
}

// ParseTimestamp reads the content of a timestamp token. Who made it is still to be checked.
func ParseTimestamp(m *Message) (*Timestamp, error) {
	if m.ContentType != OIDTSTInfo || m.Detached {
		return nil, ErrMalformed
	}
	var info struct {
		Version int
		Policy  asn1.ObjectIdentifier
		Imprint struct {
			Hash   hashAlgorithm
			Digest []byte
		}
		Serial *big.Int
		At     time.Time
	}
	// Accuracy, ordering and the rest are optional and of many shapes: what stands after the time is not read.
	if err := sequenceHead(m.Content, &info.Version, &info.Policy, &info.Imprint, &info.Serial, &info.At); err != nil {
		return nil, ErrMalformed
	}
	hash, known := digests[info.Imprint.Hash.OID.String()]
	switch {
	case outdated[info.Imprint.Hash.OID.String()]:
		return nil, ErrSHA1
	case !known:
		return nil, ErrAlgorithm
	case info.Version != 1 || len(info.Imprint.Digest) != hash.Size():
		return nil, ErrMalformed
	}
	return &Timestamp{hash, info.Imprint.Digest, info.At.UTC(), info.Serial, info.Policy.String()}, nil
}

// sequenceHead reads the first fields of a sequence.
func sequenceHead(der []byte, fields ...any) error {
	var outer asn1.RawValue
	rest, err := asn1.Unmarshal(der, &outer)
	if err != nil || len(rest) > 0 || outer.Tag != asn1.TagSequence || !outer.IsCompound {
		return ErrMalformed
	}
	rest = outer.Bytes
	for i, field := range fields {
		if rest, err = asn1.Unmarshal(rest, field); err != nil {
			return fmt.Errorf("field %d: %w", i, err)
		}
	}
	return nil
}
