package evidence

import (
	"bytes"
	"encoding/json"
	"io"
	"regexp"

	"sportello/infra/verify/book"
	"sportello/infra/verify/finding"
)

// manifest says what the files are, in the order of its fields.
type manifest struct {
	Format      string       `json:"format"`
	Application string       `json:"application"`
	Chamber     string       `json:"chamber"`
	Service     string       `json:"service"`
	CreatedAt   string       `json:"createdAt"`
	Files       []listed     `json:"files"`
	Attachments []attachment `json:"attachments"`
	Register    []record     `json:"register"`
	Days        []day        `json:"days"`
	Mail        []mail       `json:"mail"`
	Missing     []missing    `json:"missing"`
}

type listed struct {
	Path   string `json:"path"`
	Role   string `json:"role"`
	SHA256 string `json:"sha256"`
	Size   int    `json:"size"`
}

type attachment struct {
	Role      string `json:"role"`
	Name      string `json:"name"`
	Size      int64  `json:"size"`
	SHA256    string `json:"sha256"`
	MediaType string `json:"mediaType"`
	Filed     string `json:"filed"`
	Report    string `json:"report,omitempty"`
}

type record struct {
	Document string `json:"document,omitempty"`
	Entry    string `json:"entry"`
	Book     string `json:"book"`
	Seq      uint64 `json:"seq"`
	Number   string `json:"number"`
	Annex    int    `json:"annex,omitempty"`
	Date     string `json:"date"`
	Previous string `json:"previous"`
	Hash     string `json:"hash"`
	Proof    *proof `json:"proof,omitempty"`
}

type proof struct {
	Day   string   `json:"day"`
	Index int      `json:"index"`
	Size  int      `json:"size"`
	Salt  string   `json:"salt"`
	Path  []string `json:"path"`
}

type day struct {
	Day          string `json:"day"`
	Statement    string `json:"statement"`
	Seal         string `json:"seal,omitempty"`
	Timestamp    string `json:"timestamp,omitempty"`
	Certificates string `json:"certificates,omitempty"`
}

type mail struct {
	ID       string   `json:"id"`
	Kind     string   `json:"kind"`
	Message  string   `json:"message,omitempty"`
	Receipts []string `json:"receipts"`
}

type missing struct {
	What   string `json:"what"`
	Why    string `json:"why"`
	SHA256 string `json:"sha256,omitempty"`
}

const manifestName = "manifest.json"

var pathShape = regexp.MustCompile(`^[a-z0-9][A-Za-z0-9._-]*(/[a-z0-9][A-Za-z0-9._-]*)*$`)

// readManifest reads a text that must be written exactly so.
func readManifest(data []byte) (manifest, error) {
	var m manifest
	if err := canonical(data, &m); err != nil || m.Format != "sportello evidence v1" {
		return m, finding.At(manifestName, "", "non è l'elenco di un fascicolo di prova scritto nella forma prevista")
	}
	if _, ok := book.ParseInstant(m.CreatedAt); !ok {
		return m, finding.At(manifestName, "createdAt", "non è un istante scritto nella forma prevista")
	}
	return m, nil
}

// canonical decodes JSON with two blanks of indentation, one spelling, nothing after it.
func canonical(data []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return io.ErrUnexpectedEOF
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(into); err != nil || !bytes.Equal(out.Bytes(), data) {
		return io.ErrUnexpectedEOF
	}
	return nil
}
