// Package signingdesk is where a persona signs a file, in the shapes and with the faults that
// people's files have: CAdES envelopes (ETSI EN 319 122-1) and PAdES signatures inside a PDF (EN 319
// 142-1). It signs with the certificates of the trust world and checks nothing: judging is for others.
package signingdesk

import (
	"bytes"
	"crypto"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sportello/infra/local/outside/cms"
	"sportello/infra/local/outside/people"
	"sportello/infra/local/outside/state"
	"sportello/infra/local/outside/trustworld"
)

// Config is what the desk needs; the clock's file may be empty.
type Config struct {
	Trust *trustworld.Trust
	Clock state.Clock
	Log   *slog.Logger
}

// Desk signs.
type Desk struct{ Config }

// New checks the configuration.
func New(cfg Config) (*Desk, error) {
	if cfg.Trust == nil || cfg.Log == nil {
		return nil, errors.New("signingdesk: incomplete configuration")
	}
	return &Desk{cfg}, nil
}

// Request is what to sign and how. Second is the other signer of the styles that have two; Style,
// Key, Fault and Second may be empty.
type Request struct {
	Persona, Second, Style, Key, Fault string
	Name                               string // the file's
	Content                            []byte
}

// File is a signed file.
type File struct {
	Name, Type string
	Content    []byte
}

// FieldError is a choice that cannot be; Field is the name of the form's field, Text is for people.
type FieldError struct{ Field, Text string }

func (e *FieldError) Error() string { return e.Text }

// job is a request that was understood.
type job struct {
	persona, second people.Person
	style           Style
	key             Key
	fault           Fault
	name            string
	content         []byte
}

// understand finds what the request names.
func understand(r Request) (job, error) {
	j := job{content: r.Content, name: baseName(r.Name)}
	var found bool
	if j.persona, found = people.FindPerson(r.Persona); !found {
		return j, &FieldError{"persona", "Scegliere chi firma fra le persone di prova."}
	}
	if j.second = otherThan(j.persona); r.Second != "" {
		if j.second, found = people.FindPerson(r.Second); !found {
			return j, &FieldError{"second", "Il secondo firmatario non è fra le persone di prova."}
		}
	}
	i := slices.IndexFunc(styles, func(s Style) bool { return s.ID == orElse(r.Style, "cades") })
	if i < 0 {
		return j, &FieldError{"style", "Formato di firma sconosciuto."}
	}
	j.style = styles[i]
	if i = slices.IndexFunc(keys, func(k Key) bool { return k.ID == orElse(r.Key, "rsa2048") }); i < 0 {
		return j, &FieldError{"key", "Chiave sconosciuta."}
	}
	j.key = keys[i]
	if i = slices.IndexFunc(faults, func(f Fault) bool { return f.ID == orElse(r.Fault, sound) }); i < 0 {
		return j, &FieldError{"fault", "Difetto sconosciuto."}
	}
	if j.fault = faults[i]; !j.fault.fits(j.style) {
		return j, &FieldError{"fault", "Questo difetto non si può dare al formato scelto (" + j.style.Text + ")."}
	}
	if len(j.content) == 0 {
		return j, &FieldError{"file", "Scegliere il file da firmare: quello arrivato è vuoto."}
	}
	if j.fault.ID == "other-person" {
		j.persona = stranger(j.persona)
	}
	return j, nil
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func baseName(name string) string {
	name = filepath.Base(strings.ReplaceAll(strings.TrimSpace(name), `\`, "/"))
	if name == "." || name == "/" {
		return "documento.pdf"
	}
	return name
}

// otherThan is the second signer when none is named.
func otherThan(p people.Person) people.Person {
	for _, other := range people.Persons() {
		if other.ID != p.ID {
			return other
		}
	}
	return p
}

// stranger is somebody, p if it can be, who represents no company.
func stranger(p people.Person) people.Person {
	if len(people.Represented(p.TaxCode)) == 0 {
		return p
	}
	for _, other := range people.Persons() {
		if len(people.Represented(other.TaxCode)) == 0 {
			return other
		}
	}
	return p
}

// Sign signs. A *FieldError says what of the request cannot be.
func (d *Desk) Sign(r Request) (File, error) {
	j, err := understand(r)
	if err != nil {
		return File{}, err
	}
	if err := j.spoil(); err != nil {
		return File{}, err
	}
	var f File
	if j.style.pdf() {
		f, err = d.signPDF(j)
	} else {
		f, err = d.envelope(j)
	}
	if err != nil {
		return File{}, err
	}
	switch j.fault.ID {
	case "truncated":
		f.Content = f.Content[:len(f.Content)*2/3]
	case "empty":
		f.Content = nil
	}
	return f, nil
}

// spoil changes the content before it is signed, for the faults that are the content's own.
func (j *job) spoil() error {
	if j.fault.ID == "executable-inside" {
		j.content = executable()
	}
	if j.fault.scope != withPDF {
		return nil
	}
	doc, err := openPDF(j.content)
	if err != nil {
		return notPDF(err)
	}
	if j.fault.ID == "pdf-javascript" {
		j.content, err = doc.withScript()
	} else {
		j.content, err = doc.withBomb()
	}
	if err != nil {
		return notPDF(err)
	}
	return nil
}

func notPDF(err error) error {
	return &FieldError{"file", "Il file non è un PDF che questo banco sappia firmare: " + err.Error() + "."}
}

// executable is the beginning of a Windows program: enough to be known as one, nothing that runs.
func executable() []byte {
	raw := make([]byte, 128)
	copy(raw, "MZ")
	raw[60] = 64
	copy(raw[64:], "PE\x00\x00")
	return append(raw, "This program cannot be run in DOS mode."...)
}

// signature is how one person signs: the signer, and the message but for its content.
type signature struct {
	signer  cms.Signer
	message cms.Message
	at      time.Time
}

// prepare turns a fault into a signature. The second of two signers is always sound.
func (d *Desk) prepare(p people.Person, key Key, fault Fault, stamped bool) (signature, error) {
	id, err := d.Trust.Identity(p, key.kind, fault.standing)
	if err != nil {
		return signature{}, err
	}
	s := signature{
		signer: cms.Signer{Certificate: id.Certificate, Chain: id.Chain, Key: id.Key, PSS: key.pss},
		at:     d.Clock.Now(),
	}
	switch fault.ID {
	case "expired-with-timestamp":
		s.at, stamped = id.Certificate.NotAfter.Add(-30*24*time.Hour), true
	case "revoked-after-timestamp":
		s.at, stamped = id.RevokedAt.Add(-9*24*time.Hour), true
	case "broken":
		s.message.Alter = func(value []byte) { value[len(value)/2] ^= 1 }
	case "no-certid":
		s.message.NoCertificateID = true
	case "no-signer-cert":
		s.message.NoCertificates = true
	case "wrong-digest-algorithm":
		s.message.Hash = crypto.SHA1
	case "wrong-certid":
		// The same key under another certificate: what the attribute is there to tell apart.
		other, err := d.Trust.Identity(p, key.kind, trustworld.Authentication)
		if err != nil {
			return signature{}, err
		}
		s.message.Named = other.Certificate
	}
	if stamped {
		s.message.Timestamp = func(value []byte) ([]byte, error) { return d.Trust.Timestamp(value, s.at) }
	}
	return s, nil
}

// envelope makes a CAdES file.
func (d *Desk) envelope(j job) (File, error) {
	s, err := d.prepare(j.persona, j.key, j.fault, j.style.ID == "cades-t")
	if err != nil {
		return File{}, err
	}
	m := s.message
	m.Content, m.SigningTime = j.content, s.at
	if m.Detached = j.style.Detached; j.fault.ID == "changed-after" {
		m.Shown = changed(j.content)
		if m.Detached { // whoever has the file has the other content
			m.Content = m.Shown
		}
	}
	raw, err := cms.Sign(s.signer, m)
	if err != nil {
		return File{}, err
	}
	f := File{Name: j.name + ".p7m", Type: "application/pkcs7-mime", Content: raw}
	switch j.style.ID {
	case "cades-detached":
		f.Name, f.Type = j.name+".p7s", "application/pkcs7-signature"
	case "cades-pem":
		f.Content = pem.EncodeToMemory(&pem.Block{Type: "PKCS7", Bytes: raw})
	case "cades-base64":
		f.Content = lines(base64.StdEncoding.EncodeToString(raw))
	case "cades-ber":
		f.Content, err = cms.BER(raw)
	case "cades-nested":
		f.Name += ".p7m"
		f.Content, err = d.wrap(j, raw)
	}
	return f, err
}

// wrap signs an envelope again.
func (d *Desk) wrap(j job, inner []byte) ([]byte, error) {
	s, err := d.prepare(j.second, j.key, faults[0], false)
	if err != nil {
		return nil, err
	}
	s.message.Content, s.message.SigningTime = inner, s.at
	return cms.Sign(s.signer, s.message)
}

// lines breaks base64 as MIME does.
func lines(text string) []byte {
	var b bytes.Buffer
	for len(text) > 64 {
		b.WriteString(text[:64] + "\r\n")
		text = text[64:]
	}
	b.WriteString(text + "\r\n")
	return b.Bytes()
}

// changed is the content after somebody changed it: a figure of a page when it can be seen, else a bit.
func changed(content []byte) []byte {
	if at := shownDigit(content); at >= 0 {
		return withDigit(content, at)
	}
	out := bytes.Clone(content)
	out[len(out)/2] ^= 1
	return out
}

// signPDF makes a PAdES file.
func (d *Desk) signPDF(j job) (File, error) {
	s, err := d.prepare(j.persona, j.key, j.fault, j.style.ID == "pades-t")
	if err != nil {
		return File{}, err
	}
	raw, err := addSignature(j.content, s, j.persona, j.style.ID == "pades-adbe")
	if err != nil {
		return File{}, err
	}
	if j.style.ID == "pades-twice" {
		second, err := d.prepare(j.second, j.key, faults[0], false)
		if err != nil {
			return File{}, err
		}
		if raw, err = addSignature(raw, second, j.second, false); err != nil {
			return File{}, err
		}
	}
	name := strings.TrimSuffix(j.name, filepath.Ext(j.name)) + "-firmato.pdf"
	raw, err = afterwards(raw, j.fault.ID, s.signer)
	if err != nil {
		return File{}, fmt.Errorf("changing a signed PDF: %w", err)
	}
	return File{Name: name, Type: "application/pdf", Content: raw}, nil
}

// afterwards is what happens to a PDF after it was signed.
func afterwards(raw []byte, fault string, signer cms.Signer) ([]byte, error) {
	if fault == "changed-after" {
		if at := shownDigit(raw); at >= 0 {
			return withDigit(raw, at), nil
		}
		// No text to be seen: the date in the signature's dictionary is covered by it as well.
		return withDigit(raw, bytes.LastIndex(raw, []byte("/M (D:"))+len("/M (D:2026010112300")), nil
	}
	if fault != "appended" && fault != "appended-harmless" {
		return raw, nil
	}
	doc, err := openPDF(raw)
	if err != nil {
		return nil, err
	}
	if fault == "appended" {
		return doc.withOverlay()
	}
	return doc.withEvidence(signer.Chain)
}
