package provider

import (
	"bytes"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"strings"
	"time"

	"sportello/shared/platform/cms"
)

// Why a receipt is not believed, wrapped with what is wrong. Nothing has been preserved then: a problem for the office.
var ErrReceipt = errors.New("provider: receipt not to be believed")

// Trust knows the preservation provider's certification authority. It may be used by several goroutines.
type Trust struct{ roots *cms.Roots }

// NewTrust reads a bundle of PEM certificates.
func NewTrust(bundle []byte) (*Trust, error) {
	roots, err := cms.ParseRoots(bundle)
	if err != nil {
		return nil, err
	}
	return &Trust{roots}, nil
}

// Report is a receipt that has been checked.
type Report struct {
	ID      string    // the provider's unique name of the receipt
	Package string    // our id of the package
	At      time.Time // UTC
}

// reportXML is what we read of a rapporto di versamento. The law says what it must tell, not its format: names are those of our
// agreement with the provider, in any namespace.
type reportXML struct {
	ID      string   `xml:"IdRapporto"`
	Package string   `xml:"IdPacchetto"`
	Time    string   `xml:"DataOra"`
	Outcome string   `xml:"Esito"`
	Digests []digest `xml:"Impronta"`
}

type digest struct {
	Algorithm string `xml:"algoritmo,attr"`
	Value     string `xml:",chardata"`
}

// Verify checks a signed receipt: the signature, the signer as of at, that it is about the package of this id, and that the SHA-256 it
// certifies is that of the bytes we handed over. It must say what the law wants of one (AgID guidelines 4.7): a name of its own, when in UTC, and
// the digest of the whole package; and, by our agreement, that the package was taken.
func (t *Trust) Verify(p7m []byte, id string, sha256 [32]byte, at time.Time) (Report, error) {
	content, err := t.roots.Enveloped(p7m, at)
	if err != nil {
		return Report{}, fmt.Errorf("%w: %w", ErrReceipt, err)
	}
	var x reportXML
	if err := xml.NewDecoder(bytes.NewReader(content)).Decode(&x); err != nil {
		return Report{}, fmt.Errorf("%w: not readable", ErrReceipt)
	}
	when, err := time.Parse(time.RFC3339, strings.TrimSpace(x.Time))
	_, offset := when.Zone()
	switch {
	case err != nil || offset != 0:
		return Report{}, fmt.Errorf("%w: no time reference in UTC", ErrReceipt)
	case strings.TrimSpace(x.ID) == "":
		return Report{}, fmt.Errorf("%w: it has no name", ErrReceipt)
	case strings.TrimSpace(x.Package) != id:
		return Report{}, fmt.Errorf("%w: about another package", ErrReceipt)
	case !strings.EqualFold(strings.TrimSpace(x.Outcome), "POSITIVO"):
		return Report{}, fmt.Errorf("%w: outcome is not positive", ErrReceipt)
	case !certifies(x.Digests, sha256):
		return Report{}, fmt.Errorf("%w: other digest", ErrReceipt)
	}
	return Report{ID: strings.TrimSpace(x.ID), Package: id, At: when.UTC()}, nil
}

// certifies tells whether one of the digests is the SHA-256 given, and no other SHA-256 contradicts it.
func certifies(digests []digest, want [32]byte) bool {
	found := false
	for _, d := range digests {
		algorithm := strings.ToUpper(strings.ReplaceAll(strings.TrimSpace(d.Algorithm), "-", ""))
		if algorithm != "SHA256" && algorithm != "" {
			continue
		}
		value := decodeDigest(strings.TrimSpace(d.Value))
		if subtle.ConstantTimeCompare(value, want[:]) != 1 {
			return false
		}
		found = true
	}
	return found
}

// decodeDigest reads 32 bytes in hexadecimal, which takes 64 characters, or in base64, which takes 44.
func decodeDigest(s string) []byte {
	decode := base64.StdEncoding.DecodeString
	if len(s) == hex.EncodedLen(32) {
		decode = hex.DecodeString
	}
	value, err := decode(s)
	if err != nil {
		return nil
	}
	return value
}
