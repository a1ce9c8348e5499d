// Package evidence writes the evidence file (fascicolo di prova) of an application: one file that its owner keeps, and that proves without us what
// was presented, what it got as a number, and that the register of that day was closed, sealed and timestamped with it inside. It tells of nobody
// else. infra/docs/evidence.md describes it for whoever writes another verifier; infra/verify is ours, and shares no code with this.
package evidence

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"regexp"
	"slices"

	"sportello/shared/domain/register"
)

// Format names this version of the file.
const Format = "sportello evidence v1"

// Manifest is the first file inside: what the others are, and how they prove each other.
type Manifest struct {
	Format      string `json:"format"` // Format
	Application string `json:"application"`
	Chamber     string `json:"chamber"`
	Service     string `json:"service"`
	// CreatedAt is the instant of the latest fact inside, not of the download: the same facts give the same bytes.
	CreatedAt   string       `json:"createdAt"`
	Files       []File       `json:"files"` // all the others, in the order of the zip
	Attachments []Attachment `json:"attachments"`
	Register    []Record     `json:"register"` // by date, then seq
	Days        []Day        `json:"days"`     // by day
	Mail        []Mail       `json:"mail"`
	Missing     []Missing    `json:"missing"` // what is not inside, or not yet
}

// File is one file of the zip.
type File struct {
	Path   string `json:"path"`
	Role   Role   `json:"role"`
	SHA256 string `json:"sha256"`
	Size   int    `json:"size"`
}

// Role says what a file is.
type Role string

// The roles. A document of the case has the kind it has there: receipt, outcome, payment…
const (
	ReadMe       Role = "readme"
	Application  Role = "application"
	Report       Role = "signature-report"
	Entry        Role = "record"
	Statement    Role = "statement"
	Seal         Role = "seal"
	Timestamp    Role = "timestamp"
	Certificates Role = "certificates"
	Message      Role = "mail"
	Receipt      Role = "mail-receipt"
)

// Attachment is a file of the applicant's, by its digest: its bytes are theirs already.
type Attachment struct {
	Role      string `json:"role"` // the field of the form
	Name      string `json:"name"`
	Size      int64  `json:"size"`
	SHA256    string `json:"sha256"`
	MediaType string `json:"mediaType"`
	Filed     string `json:"filed"`            // the event it was registered with
	Report    string `json:"report,omitempty"` // path of what was found of its signatures
}

// Record is a record of the register about the application.
type Record struct {
	Document string `json:"document,omitempty"` // digest of what was registered; an annulment has none
	Entry    string `json:"entry"`              // path
	Book     string `json:"book"`
	Seq      uint64 `json:"seq"`
	Number   string `json:"number"`
	Annex    int    `json:"annex,omitempty"`
	Date     string `json:"date"`
	Previous string `json:"previous"` // hash of the record before
	Hash     string `json:"hash"`
	// Proof is the place under the root of its day's statement; nil before the day is declared.
	Proof *Proof `json:"proof,omitempty"`
}

// Proof is an audit path (RFC 6962, 2.1.1) over the day's salted leaves.
type Proof struct {
	Day   string   `json:"day"`
	Index int      `json:"index"`
	Size  int      `json:"size"`
	Salt  string   `json:"salt"`
	Path  []string `json:"path"` // hex, from the leaf up
}

// Day is a declared day of the register. Timestamp is empty while the authority has not answered.
type Day struct {
	Day          string `json:"day"`
	Statement    string `json:"statement"` // paths
	Seal         string `json:"seal,omitempty"`
	Timestamp    string `json:"timestamp,omitempty"`
	Certificates string `json:"certificates,omitempty"`
}

// Mail is a certified message to the applicant and its receipts.
type Mail struct {
	ID       string   `json:"id"`
	Kind     string   `json:"kind"`
	Message  string   `json:"message,omitempty"` // path
	Receipts []string `json:"receipts"`
}

// Missing is something that is not inside, and why, in Italian.
type Missing struct {
	What   string `json:"what"`
	Why    string `json:"why"`
	SHA256 string `json:"sha256,omitempty"` // of what is left out for its size
}

// File names of what every evidence file has.
const (
	manifestName = "manifest.json"
	readmeName   = "leggimi.txt"
)

var pathShape = regexp.MustCompile(`^[a-z0-9][A-Za-z0-9._-]*(/[a-z0-9][A-Za-z0-9._-]*)*$`)

// Builder gathers an evidence file.
type Builder struct {
	Manifest
	contents [][]byte
	size     int
	err      error
}

// Add puts a file in, and returns its path. Two files cannot have one path.
func (b *Builder) Add(role Role, path string, body []byte) string {
	if !pathShape.MatchString(path) || path == manifestName || path == readmeName || slices.ContainsFunc(b.Files, func(f File) bool { return f.Path == path }) {
		b.err = errors.Join(b.err, fmt.Errorf("evidence: path %q", path))
	}
	b.Files = append(b.Files, File{Path: path, Role: role, SHA256: register.Digest(body), Size: len(body)})
	b.contents = append(b.contents, body)
	b.size += len(body)
	return path
}

// Size is how much was put in.
func (b *Builder) Size() int { return b.size }

// Miss says that something is not inside.
func (b *Builder) Miss(what, why, sha256 string) {
	b.Missing = append(b.Missing, Missing{what, why, sha256})
}

// Bytes writes the file: manifest, read-me, and the others in the order they were added.
func (b *Builder) Bytes() ([]byte, error) {
	if b.err != nil {
		return nil, b.err
	}
	m := b.Manifest
	m.Format = Format
	m.Attachments, m.Register, m.Days = some(m.Attachments), some(m.Register), some(m.Days)
	m.Mail, m.Missing = some(m.Mail), some(m.Missing)
	readme := []byte(m.readme())
	m.Files = append([]File{{readmeName, ReadMe, register.Digest(readme), len(readme)}}, m.Files...)
	manifest, err := m.encode()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	out.Grow(b.size + len(manifest) + len(readme) + 256*len(m.Files) + 1024)
	z := zip.NewWriter(&out)
	contents := append([][]byte{manifest, readme}, b.contents...)
	for n, body := range contents {
		name := manifestName
		if n > 0 {
			name = m.Files[n-1].Path
		}
		if err := store(z, name, body); err != nil {
			return nil, err
		}
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("writing evidence: %w", err)
	}
	return out.Bytes(), nil
}

func some[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func (m Manifest) encode() ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(m); err != nil {
		return nil, fmt.Errorf("writing manifest: %w", err)
	}
	return out.Bytes(), nil
}

// store writes one file as the format wants it: uncompressed, sizes before the bytes, 1 January 1980, nothing else. So there is one zip of the
// same files, and a verifier can hold it to that.
func store(z *zip.Writer, name string, body []byte) error {
	header := &zip.FileHeader{
		Name: name, Method: zip.Store, CreatorVersion: 20, ReaderVersion: 20,
		CRC32: crc32.ChecksumIEEE(body), CompressedSize64: uint64(len(body)), UncompressedSize64: uint64(len(body)),
	}
	//lint:ignore SA1019 CreateRaw writes this field and not Modified
	header.ModifiedDate = 1<<5 | 1
	w, err := z.CreateRaw(header)
	if err == nil {
		_, err = w.Write(body)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return nil
}
