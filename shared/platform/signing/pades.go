package signing

import (
	"bytes"
	"cmp"
	"context"
	"crypto"
	"errors"
	"slices"
	"time"

	"sportello/shared/domain/signature"
	"sportello/shared/platform/cms"
	"sportello/shared/platform/pdffile"
)

// maxPDFSignatures is how many signatures of one PDF are judged.
const maxPDFSignatures = 32

// signed is one signature dictionary of a PDF.
type signed struct {
	number    int
	dict      pdffile.Dict
	contents  pdffile.String
	end       int // of what it covers; 0 if its byte range is not sane
	subFilter pdffile.Name
	stampedAt time.Time      // of a document timestamp that holds
	pending   signature.Code // of one that cannot be judged now
}

func (s *signed) isTimestamp() bool { return s.subFilter == "ETSI.RFC3161" }

// pdf judges every signature of a PDF, and what changed after each.
func (c *check) pdf(ctx context.Context, data []byte) {
	file, err := pdffile.Open(data)
	if err != nil {
		signed := bytes.Contains(data, []byte("/ByteRange"))
		if signed {
			c.padesFormat()
		}
		if signed || c.report.Envelopes == 0 { // a damaged document is well signed by an envelope around it
			c.report.Code = signature.Damaged // without cross-references nobody can say what is signed
		}
		return
	}
	if slices.ContainsFunc(file.Sections, func(s pdffile.Section) bool { return s.Trailer["Encrypt"] != nil }) {
		c.report.Code = signature.Encrypted
		return
	}
	all, err := signatures(file)
	if err != nil {
		c.padesFormat()
		c.report.Code = signature.TooComplex // nothing else ends the search
		return
	}
	if !slices.ContainsFunc(all, func(s *signed) bool { return !s.isTimestamp() }) {
		return
	}
	c.padesFormat()
	c.store(file)
	for _, s := range all {
		if s.isTimestamp() {
			c.documentTimestamp(ctx, data, s)
		}
	}
	for revision, s := range all {
		if !s.isTimestamp() {
			c.pdfSignature(ctx, file, all, s, revision+1)
		}
	}
}

func (c *check) padesFormat() {
	if c.report.Envelopes == 0 {
		c.report.Format = signature.PAdES
	}
}

// signatures finds every signature dictionary of every revision: one that a later revision hides was there all the same.
func signatures(file *pdffile.File) ([]*signed, error) {
	var all []*signed
	err := file.All(func(number int, o any) error {
		dict, ok := o.(pdffile.Dict)
		if !ok {
			return nil
		}
		// The dictionary may also stand inside its field.
		for _, d := range []pdffile.Dict{dict, inner(dict, "V")} {
			contents, ok := d["Contents"].(pdffile.String)
			if d["ByteRange"] == nil || !ok {
				continue
			}
			s := &signed{number: number, dict: d, contents: contents}
			s.subFilter, _ = d["SubFilter"].(pdffile.Name)
			s.end = covered(d, contents, file.Data())
			all = append(all, s)
		}
		if len(all) > maxPDFSignatures {
			return pdffile.ErrTooMuch
		}
		return nil
	})
	slices.SortStableFunc(all, func(a, b *signed) int {
		return cmp.Or(cmp.Compare(a.contents.At, b.contents.At), cmp.Compare(a.number, b.number))
	})
	return slices.CompactFunc(all, func(a, b *signed) bool { return a.contents.At == b.contents.At && a.number == b.number }), err
}

func inner(d pdffile.Dict, key pdffile.Name) pdffile.Dict {
	v, _ := d[key].(pdffile.Dict)
	return v
}

// covered checks a byte range: from the start, all but the very string of Contents, to the end of a revision. It returns that end, 0 if
// the range is anything else.
func covered(d pdffile.Dict, contents pdffile.String, data []byte) int {
	list, _ := d["ByteRange"].(pdffile.Array)
	if len(list) != 4 || !contents.Hex {
		return 0
	}
	var at [4]int
	for i, v := range list {
		n, ok := v.(float64)
		if !ok || n < 0 || n > float64(len(data)) || n != float64(int(n)) {
			return 0
		}
		at[i] = int(n)
	}
	end := at[2] + at[3]
	if at[0] != 0 || at[1] != contents.At || at[2] != contents.End || end > len(data) {
		return 0
	}
	if !bytes.HasSuffix(bytes.TrimRight(data[:end], "\r\n\t "), []byte("%%EOF")) {
		return 0
	}
	return end
}

// parts are the bytes that a signature is over.
func (s *signed) parts(data []byte) func(crypto.Hash) []byte {
	return digests(data[:s.contents.At], data[s.contents.End:s.end])
}

// documentTimestamp checks a timestamp over the whole document (PAdES-B-LTA), which proves when what it covers was there.
func (c *check) documentTimestamp(ctx context.Context, data []byte, s *signed) {
	code := signature.NotWhole
	if s.end > 0 {
		s.stampedAt, code = c.timestamp(ctx, s.contents.Value, s.parts(data))
	}
	if code == signature.OK {
		return
	}
	s.stampedAt = time.Time{}
	if signature.VerdictOf(code) == signature.Indeterminate {
		s.pending = code
	} else {
		c.report.Notes = noted(c.report.Notes,
			"Una marca temporale del documento non è valida e non è stata considerata.")
	}
}

func (c *check) pdfSignature(ctx context.Context, file *pdffile.File, all []*signed, s *signed, revision int) {
	j := judgement{check: c, message: &cms.Message{}, info: &cms.SignerInfo{}}
	j.result = signature.Signer{Revision: revision, Layer: c.report.Envelopes, TimeThatCounts: c.at}
	if c.report.Envelopes > 0 {
		j.result.Layer++
	}
	defer func() { c.report.Signers = append(c.report.Signers, j.result) }()
	code := formatOf(s.subFilter)
	m, err := cms.ParseMessage(bytes.Clone(s.contents.Value))
	if err == nil && (len(m.Signers) != 1 || code == signature.OK && !m.Detached) {
		err = cms.ErrMalformed
	}
	if err == nil {
		j.message, j.info = m, m.Signers[0]
		j.identify()
	}
	switch {
	case code != signature.OK:
	case err != nil:
		code = signature.Malformed
	case s.end == 0:
		code = signature.NotWhole
	default:
		code = c.pdfChanges(file, all, s)
	}
	if code == signature.Malformed || code == signature.NotWhole || code == signature.TooComplex || code == signature.SHA1 || code == signature.Algorithm {
		j.result.Code = code
		return
	}
	j.digest = s.parts(file.Data())
	j.proofs, j.pending = proofs(all, s)
	j.judge(ctx)
	j.result.CoversWholeDocument = code == signature.OK
	// Who signed matters less than that the document is no longer what was signed, and more than that nothing was.
	if code != signature.OK && !slices.Contains(unsound, j.result.Code) {
		j.result.Code = code
	}
}

// unsound are the findings about the signature's own bytes.
var unsound = []signature.Code{signature.Altered, signature.Broken, signature.SHA1, signature.Algorithm, signature.WeakKey,
	signature.NoCertificate, signature.NoBinding, signature.WrongBinding, signature.Malformed}

func (c *check) pdfChanges(file *pdffile.File, all []*signed, s *signed) signature.Code {
	err := unchanged(file, all, s)
	switch {
	case err == nil:
		return signature.OK
	case errors.Is(err, errChanged):
		return signature.ModifiedAfter
	case errors.Is(err, pdffile.ErrTooMuch):
		return signature.TooComplex
	}
	return signature.Malformed
}

// proofs are the times of document timestamps over a signature. Pending is why one of them cannot be judged now.
func proofs(all []*signed, s *signed) (times []time.Time, pending signature.Code) {
	for _, other := range all {
		switch {
		case other.end <= s.end:
		case other.pending != "":
			pending = other.pending
		case !other.stampedAt.IsZero():
			times = append(times, other.stampedAt)
		}
	}
	return times, pending
}

// formatOf refuses the forms of PDF signatures that are not CMS over the document's own digest.
func formatOf(subFilter pdffile.Name) signature.Code {
	switch subFilter {
	case "ETSI.CAdES.detached", "adbe.pkcs7.detached":
		return signature.OK
	case "adbe.pkcs7.sha1", "adbe.x509.rsa_sha1":
		return signature.SHA1
	}
	return signature.Algorithm
}
