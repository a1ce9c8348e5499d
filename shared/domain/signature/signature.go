// Package signature holds what was found about the signatures of a file: the report that is kept with the file for as long as the file
// is, the verdicts, and the Italian sentences that applicants and officers read. Checking the bytes is platform/signing's; what a
// finding means is decided here, in one table.
//
// By CAD art. 20 c.1-bis a document with a digital signature has the form and force of a written one, so a doubtful signature is never
// called valid: there are three verdicts (as in ETSI EN 319 102-1), and the third only says that it must be asked again.
package signature

import (
	"slices"
	"strings"
	"time"
)

// Schema is the version of a report's JSON. Reports are read years after they were written: a field is added, never changed.
const Schema = 1

// Verdict is what a signature, or all signatures of a file, came to.
type Verdict string

// The verdicts.
const (
	Valid         Verdict = "valid"
	Invalid       Verdict = "invalid"       // whatever happens later
	Indeterminate Verdict = "indeterminate" // somebody did not answer: asked again later, never taken as valid
)

// Format is how a file bears its signatures.
type Format string

// The formats.
const (
	CAdES Format = "cades" // an envelope (.p7m) around the document
	PAdES Format = "pades" // signatures inside a PDF
	None  Format = "none"
)

// Report is what one verification found. It names people: it is kept beside the file and shown to who may see the file.
type Report struct {
	Schema        int       `json:"schema"`
	Format        Format    `json:"format"`
	Verdict       Verdict   `json:"verdict"`
	Code          Code      `json:"code"` // of the worst finding
	Text          string    `json:"text"` // Italian, for people
	CheckedAt     time.Time `json:"checkedAt"`
	ReferenceTime time.Time `json:"referenceTime"` // the time that counts where no timestamp proves an earlier one
	SHA256        string    `json:"sha256"`        // of the whole file, hex
	Size          int64     `json:"size"`
	Envelopes     int       `json:"envelopes"`               // envelopes opened, one inside the other; 0 for a PDF
	ContentSHA256 string    `json:"contentSha256,omitempty"` // of what the innermost envelope holds
	ContentType   string    `json:"contentType,omitempty"`   // its media type, by its bytes
	TrustList     *List     `json:"trustList,omitempty"`     // the list that trust came from
	Signers       []Signer  `json:"signers"`                 // outermost envelope first; a PDF's in the order of its revisions
	Notes         []string  `json:"notes,omitempty"`         // Italian, about the file
}

// List names the edition of the trust list that a report rests on.
type List struct {
	Territory  string    `json:"territory"`
	Sequence   int       `json:"sequence"`
	IssuedAt   time.Time `json:"issuedAt"`
	NextUpdate time.Time `json:"nextUpdate"`
}

// Signer is one signature of a file.
type Signer struct {
	Name      string    `json:"name"`
	TaxCode   string    `json:"taxCode,omitempty"` // upper case, without the TINIT- before it
	Country   string    `json:"country,omitempty"` // of TaxCode, else of the certificate's subject
	Issuer    string    `json:"issuer,omitempty"`
	Serial    string    `json:"serial,omitempty"` // of the certificate, hex
	NotBefore time.Time `json:"notBefore,omitzero"`
	NotAfter  time.Time `json:"notAfter,omitzero"`

	Verdict Verdict `json:"verdict"`
	Code    Code    `json:"code"`
	Text    string  `json:"text"` // Italian, for people

	SignedAt       *time.Time `json:"signedAt,omitempty"`      // as the signer claims: nobody vouches for it
	TimestampedAt  *time.Time `json:"timestampedAt,omitempty"` // as a trusted timestamp proves
	TimeThatCounts time.Time  `json:"timeThatCounts"`          // at which certificate, chain and revocation were judged
	RevokedAt      *time.Time `json:"revokedAt,omitempty"`
	Revocation     string     `json:"revocation,omitempty"` // what told: ocsp, crl, ocsp-embedded, crl-embedded

	Algorithm           string   `json:"algorithm,omitempty"` // such as RSASSA-PSS SHA-256
	Qualified           bool     `json:"qualified"`           // a qualified certificate of a trust service granted at the time that counts
	Device              bool     `json:"device"`              // the certificate says that its key is in a qualified device
	CoversWholeDocument bool     `json:"coversWholeDocument"`
	Layer               int      `json:"layer,omitempty"`    // envelope, 1 the outermost
	Revision            int      `json:"revision,omitempty"` // of a PDF, from 1
	Notes               []string `json:"notes,omitempty"`    // Italian
}

// Timestamped tells whether a trusted timestamp proves when the signature was there.
func (s Signer) Timestamped() bool { return s.TimestampedAt != nil }

// SignedBy tells whether the file is valid as a whole and one of these persons (those who represent the company) has signed all of it.
func (r Report) SignedBy(taxCodes ...string) bool {
	return r.Verdict == Valid && slices.ContainsFunc(r.Signers, func(s Signer) bool {
		return s.Verdict == Valid && s.CoversWholeDocument && s.TaxCode != "" &&
			slices.ContainsFunc(taxCodes, func(c string) bool { return strings.EqualFold(strings.TrimSpace(c), s.TaxCode) })
	})
}
