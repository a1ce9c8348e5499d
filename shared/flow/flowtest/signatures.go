package flowtest

import (
	"bytes"
	"context"
	"io"
	"strings"
	"time"

	"sportello/shared/domain/register"
	"sportello/shared/domain/signature"
)

// Signatures plays the verifier: a file is signed by whoever its words name (SignedBy), validly unless it says that it is broken. While Down,
// nothing can be verified.
type Signatures struct {
	Down    bool
	Spoiled bool // no signature holds any more: what was revoked before anybody said so
	Now     func() time.Time
	Asked   int
}

// SignedBy is a file that the verifier takes as signed by a person.
func SignedBy(taxCode string) string { return "%PDF-1.7 listino, firmato da " + taxCode + "\n" }

// Broken makes the signature of a file worthless.
func Broken(file string) string { return file + "alterato\n" }

// Timestamped has the signature of a file timestamped.
func Timestamped(file string) string { return file + "con marca\n" }

// Wrapped is in a file that the verifier takes as an envelope around a text.
const Wrapped = "busta intorno a un testo, "

// Verify implements signatures.Verifier.
func (s *Signatures) Verify(_ context.Context, file io.ReaderAt, size int64, at time.Time) (signature.Report, error) {
	s.Asked++
	body, err := io.ReadAll(io.NewSectionReader(file, 0, size))
	if err != nil {
		return signature.Report{}, err
	}
	r := signature.Report{
		Schema: signature.Schema, Format: signature.PAdES, Verdict: signature.Valid, Code: signature.OK, CheckedAt: s.Now(), ReferenceTime: at,
		SHA256: register.Digest(body), Size: size,
	}
	if strings.Contains(string(body), Wrapped) {
		r.Format, r.Envelopes, r.ContentType = signature.CAdES, 1, "text/plain"
	}
	_, rest, signed := strings.Cut(string(body), "firmato da ")
	if !signed {
		r.Format, r.Verdict, r.Code, r.Text = signature.None, signature.Invalid, signature.Unsigned, "Il file non è firmato."
		return r, nil
	}
	person, rest, _ := strings.Cut(rest, "\n")
	switch {
	case s.Spoiled, strings.HasPrefix(rest, "alterato"):
		r.Verdict, r.Code, r.Text = signature.Invalid, signature.Altered, "La firma non è valida: il file è cambiato dopo la firma."
	case s.Down:
		r.Verdict, r.Code, r.Text = signature.Indeterminate, signature.Unreachable, "La firma non è verificabile ora."
	default:
		r.Text = "La firma è valida."
	}
	var stamped *time.Time
	if strings.HasPrefix(rest, "con marca") {
		stamped = &at
	}
	r.Signers = []signature.Signer{{
		Name: person, TaxCode: person, Verdict: r.Verdict, Code: r.Code, Text: r.Text, TimeThatCounts: at, TimestampedAt: stamped, Qualified: true, CoversWholeDocument: true,
	}}
	return r, nil
}

// Acting is in a file that would do something when opened.
const Acting = "/JavaScript"

// inspected plays the inspection of uploaded files.
func inspected(file []byte, mediaType string) string {
	switch {
	case bytes.Contains(file, []byte(Acting)):
		return "Il file contiene istruzioni che si eseguono da sole."
	case (mediaType == "application/pdf") != bytes.HasPrefix(file, []byte("%PDF-")):
		return "Il file non è del tipo dichiarato."
	}
	return ""
}
