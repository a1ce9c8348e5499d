package casefile

import (
	"time"

	"sportello/shared/domain/signature"
)

// SignatureView is what was found of a file's signatures, as applicant and office read it.
type SignatureView struct {
	Verdict   string       `json:"verdict"` // valid | invalid | indeterminate
	Text      string       `json:"text"`
	Format    string       `json:"format"` // cades | pades | none
	CheckedAt time.Time    `json:"checkedAt"`
	Signers   []SignerView `json:"signers"`
}

// SignerView is one signature. SignedAt is the instant that a timestamp proves or, without one, that the signer claims.
type SignerView struct {
	Name        string     `json:"name"`
	TaxCode     string     `json:"taxCode,omitempty"`
	Issuer      string     `json:"issuer,omitempty"`
	Verdict     string     `json:"verdict"`
	Text        string     `json:"text"`
	SignedAt    *time.Time `json:"signedAt,omitempty"`
	Timestamped bool       `json:"timestamped"`
}

// SignatureOf shows a report; nil if there is none.
func SignatureOf(r *signature.Report) *SignatureView {
	if r == nil {
		return nil
	}
	v := &SignatureView{Verdict: string(r.Verdict), Text: r.Text, Format: string(r.Format), CheckedAt: r.CheckedAt, Signers: []SignerView{}}
	for _, s := range r.Signers {
		at := s.SignedAt
		if s.Timestamped() {
			at = s.TimestampedAt
		}
		v.Signers = append(v.Signers, SignerView{s.Name, s.TaxCode, s.Issuer, string(s.Verdict), s.Text, at, s.Timestamped()})
	}
	return v
}
