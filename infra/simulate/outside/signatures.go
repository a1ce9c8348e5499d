package outside

import (
	"io"
	"strings"
	"time"

	"sportello/shared/domain/signature"
)

// Revocation is the services that say whether a signer's certificate still counts.
type Revocation struct{ Down bool }

// SignedBy is a file that a person signed.
func SignedBy(taxCode, text string) []byte {
	return []byte("%PDF-1.7 " + text + " firmato da " + taxCode + "\n")
}

// Verify says what a file's signature is worth: that of whoever its words name; nobody knows while the services are down.
func (r *Revocation) Verify(file io.ReaderAt, size int64, now, at time.Time) (signature.Report, error) {
	body, err := io.ReadAll(io.NewSectionReader(file, 0, size))
	if err != nil {
		return signature.Report{}, err
	}
	report := signature.Report{
		Schema: signature.Schema, Format: signature.PAdES, Verdict: signature.Valid, Code: signature.OK, Text: "La firma è valida.",
		CheckedAt: now, ReferenceTime: at, Size: size,
	}
	_, rest, signed := strings.Cut(string(body), "firmato da ")
	if !signed {
		report.Format, report.Verdict, report.Code, report.Text = signature.None, signature.Invalid, signature.Unsigned, "Il file non è firmato."
		return report, nil
	}
	if r.Down {
		report.Verdict, report.Code, report.Text = signature.Indeterminate, signature.Unreachable, "La firma non è verificabile ora."
	}
	person, _, _ := strings.Cut(rest, "\n")
	report.Signers = []signature.Signer{{
		Name: person, TaxCode: person, Verdict: report.Verdict, Code: report.Code, Text: report.Text, TimeThatCounts: at, CoversWholeDocument: true,
	}}
	return report, nil
}
