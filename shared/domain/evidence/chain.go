package evidence

import (
	"bytes"
	"encoding/asn1"
	"encoding/pem"
	"errors"
)

// ErrChain is returned for a seal that carries no certificates where CMS has them.
var ErrChain = errors.New("evidence: the seal carries no certificates")

// Chain copies the certificates that a CMS signature carries to PEM, in its order: what a program is given that cannot find them there.
func Chain(cms []byte) ([]byte, error) {
	var info struct {
		Type    asn1.ObjectIdentifier
		Content struct {
			Version      int
			Digests      asn1.RawValue
			Content      asn1.RawValue
			Certificates asn1.RawValue `asn1:"optional,tag:0"`
		} `asn1:"explicit,tag:0"`
	}
	// What follows the certificates is not looked at: it belongs to whoever verifies.
	if _, err := asn1.Unmarshal(cms, &info); err != nil || len(info.Content.Certificates.Bytes) == 0 {
		return nil, ErrChain
	}
	var out bytes.Buffer
	for rest := info.Content.Certificates.Bytes; len(rest) > 0; {
		var one asn1.RawValue
		var err error
		if rest, err = asn1.Unmarshal(rest, &one); err != nil {
			return nil, ErrChain
		}
		if err := pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: one.FullBytes}); err != nil {
			return nil, ErrChain
		}
	}
	return out.Bytes(), nil
}
