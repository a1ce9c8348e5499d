package deposit

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"sportello/infra/verify/finding"
	"sportello/infra/verify/signature"
)

// Receipt is a provider's receipt whose signature holds.
type Receipt struct {
	Package string
	At      time.Time
	// Unsigned are the bytes of the signature that nobody vouches for; nil if there are none.
	Unsigned []byte

	digests []certified
	size    []int64
	outcome string
	files   []string
}

type report struct {
	Package string      `xml:"IdPacchetto"`
	Time    string      `xml:"DataOra"`
	Outcome string      `xml:"Esito"`
	Size    []int64     `xml:"Dimensione"`
	Digests []certified `xml:"Impronta"`
	Files   []string    `xml:"Contenuto>File"`
}

type certified struct {
	Algorithm string `xml:"algoritmo,attr"`
	Value     string `xml:",chardata"`
}

// OpenReceipt reads a signed receipt (.p7m). The signer must be the roots' as of the instant the receipt names; with no roots the signature alone
// is checked.
func OpenReceipt(p7m []byte, roots *signature.Roots) (Receipt, error) {
	signed, err := signature.Parse(p7m)
	if err != nil {
		return Receipt{}, finding.New("", "rapporto di versamento: %s", err)
	}
	r, err := parseReport(signed.Content)
	if err != nil {
		return r, err
	}
	if err := signed.Verify(roots, r.At); err != nil {
		return r, finding.New("", "rapporto di versamento: %s", err)
	}
	r.Unsigned = signed.Unsigned()
	return r, nil
}

// parseReport reads what is signed: nothing of it is believed yet.
func parseReport(content []byte) (Receipt, error) {
	var x report
	if err := readXML(content, &x); err != nil {
		return Receipt{}, finding.New("", "il rapporto di versamento non è leggibile")
	}
	at, err := time.Parse(time.RFC3339, strings.TrimSpace(x.Time))
	if err != nil {
		return Receipt{}, finding.New("", "il rapporto di versamento non ha un riferimento temporale")
	}
	return Receipt{
		Package: strings.TrimSpace(x.Package), At: at, digests: x.Digests, size: x.Size, outcome: strings.TrimSpace(x.Outcome), files: x.Files,
	}, nil
}

// About holds the receipt to the package: its id, the digest of the whole, and where told its size and the files in it.
func (r Receipt) About(application string, size int, digest string, names []string) error {
	switch {
	case r.Package != application:
		return finding.New("", "il rapporto di versamento è di un altro pacchetto")
	case r.outcome != "" && !strings.EqualFold(r.outcome, "POSITIVO"):
		return finding.New("", "l'esito del versamento non è positivo")
	case !r.certifies(digest):
		return finding.New("", "il rapporto di versamento certifica un'altra impronta: il pacchetto non è quello versato")
	case len(r.size) > 0 && !slices.Equal(r.size, []int64{int64(size)}):
		return finding.New("", "il rapporto di versamento dichiara un'altra dimensione")
	case len(r.files) > 0 && !equalSets(r.files, names):
		return finding.New("", "il rapporto di versamento elenca altri file")
	}
	return nil
}

// certifies wants at least one SHA-256, and none that differs.
func (r Receipt) certifies(digest string) bool {
	want, err := hex.DecodeString(digest)
	found := false
	for _, d := range r.digests {
		if !strings.EqualFold(strings.ReplaceAll(strings.TrimSpace(d.Algorithm), "-", ""), "SHA256") && d.Algorithm != "" {
			continue
		}
		value := strings.TrimSpace(d.Value)
		raw, err := hex.DecodeString(value)
		if err != nil || len(raw) != len(want) {
			raw, err = base64.StdEncoding.DecodeString(value)
		}
		if err != nil || !bytes.Equal(raw, want) {
			return false
		}
		found = true
	}
	return found && err == nil
}

func equalSets(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}
