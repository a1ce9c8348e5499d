package signing

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"

	"sportello/shared/domain/signature"
	"sportello/shared/platform/cms"
)

// maxEnvelopes is how many envelopes are opened, one inside the other.
const maxEnvelopes = 5

// maxSigners is how many signatures of one file's envelopes are judged: a report has to fit into the file's row.
const maxSigners = 64

// file opens the envelopes, judging the signatures of each, and looks at what is inside.
func (c *check) file(ctx context.Context, data []byte) {
	for layer := 1; cms.Looks(data); layer++ {
		c.report.Format = signature.CAdES
		if layer > maxEnvelopes {
			c.report.Code = signature.TooDeep
			return
		}
		m, err := opened(data)
		if err != nil {
			c.report.Code = signature.Malformed
			return
		}
		c.report.Envelopes = layer
		if len(m.Signers) == 0 {
			c.report.Code = signature.NoSigner
			return
		}
		if len(c.report.Signers)+len(m.Signers) > maxSigners {
			c.report.Code = signature.TooMany
			return
		}
		c.envelope(ctx, m, layer)
		if m.Detached {
			return
		}
		data = m.Content
	}
	c.content(ctx, data)
}

func opened(data []byte) (*cms.Message, error) {
	der, err := cms.Open(data)
	if err != nil {
		return nil, err
	}
	return cms.ParseMessage(der)
}

// envelope judges the signatures side by side in one envelope.
func (c *check) envelope(ctx context.Context, m *cms.Message, layer int) {
	digest := digests(m.Content)
	for _, s := range m.Signers {
		j := judgement{check: c, message: m, info: s, digest: digest}
		j.result.CoversWholeDocument = true
		j.result.Layer = layer
		if m.Detached {
			j.identify()
			j.result.Code, j.result.CoversWholeDocument, j.result.TimeThatCounts = signature.Detached, false, c.at
		} else {
			j.judge(ctx)
		}
		c.report.Signers = append(c.report.Signers, j.result)
	}
}

// digests works out each digest of a content once.
func digests(content ...[]byte) func(crypto.Hash) []byte {
	known := map[crypto.Hash][]byte{}
	return func(h crypto.Hash) []byte {
		if known[h] == nil {
			d := h.New()
			for _, part := range content {
				d.Write(part)
			}
			known[h] = d.Sum(nil)
		}
		return known[h]
	}
}

// content is what no envelope is around any more: it may be a PDF with signatures of its own.
func (c *check) content(ctx context.Context, data []byte) {
	if c.report.Envelopes > 0 {
		sum := sha256.Sum256(data)
		c.report.ContentSHA256 = hex.EncodeToString(sum[:])
		c.report.ContentType, _, _ = strings.Cut(http.DetectContentType(data), ";")
	}
	switch {
	case bytes.HasPrefix(data, []byte("%PDF-")):
		c.pdf(ctx, data)
	case cms.IsEncrypted(data):
		c.report.Code = signature.Encrypted
	case c.report.Envelopes == 0 && elsewhere(data):
		c.report.Code = signature.Elsewhere
	}
}

// elsewhere tells the forms of signatures that are not read here, so that nobody who signed is told that they did not.
func elsewhere(data []byte) bool {
	switch {
	case cms.IsTimestamped(data):
		return true
	case bytes.HasPrefix(data, []byte("PK\x03\x04")):
		return bytes.Contains(data, []byte("META-INF/signature")) || bytes.Contains(data, []byte("application/vnd.etsi.asic"))
	case bytes.HasPrefix(bytes.TrimLeft(data[:min(len(data), 64)], "\xef\xbb\xbf \t\r\n"), []byte("<")):
		return bytes.Contains(data, []byte("http://www.w3.org/2000/09/xmldsig#"))
	}
	return false
}
