package preservation

import (
	"encoding/base64"
	"strings"
	"testing"
)

func TestLooksSigned(t *testing.T) {
	der := string([]byte{0x30, 0x82, 0x10, 0x00, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x02, 0xA0, 0x82}) + strings.Repeat("x", 400)
	ber := string([]byte{0x30, 0x80, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x02, 0xA0, 0x80}) + strings.Repeat("x", 400)
	enveloped := strings.Replace(der, "\x07\x02", "\x07\x03", 1)
	text := base64.StdEncoding.EncodeToString([]byte(der))
	const pdf, cms = "application/pdf", "application/pkcs7-mime"
	for name, c := range map[string]struct {
		mediaType, file string
		want            bool
	}{
		"container":                {cms, der, true},
		"of unknown length":        {cms, ber, true},
		"as base64":                {cms, text, true},
		"as base64, in lines":      {cms, text[:20] + "\r\n" + text[20:], true},
		"as PEM":                   {cms, "-----BEGIN PKCS7-----\n" + text, true},
		"encrypted, not signed":    {cms, enveloped, false},
		"empty":                    {cms, "", false},
		"one byte":                 {cms, "0", false},
		"signed PDF":               {pdf, "%PDF-1.7 << /Type /Sig /SubFilter /ETSI.CAdES.detached /ByteRange [0 1 2 3] >>", true},
		"signed PDF, older form":   {pdf, "%PDF-1.4 <</Type/Sig/SubFilter/adbe.pkcs7.detached/ByteRange[0 1 2 3]>>", true},
		"PDF":                      {pdf, "%PDF-1.7 provaccia", false},
		"PDF with a timestamp":     {pdf, "%PDF-1.7 <</Type/DocTimeStamp/SubFilter/ETSI.RFC3161/ByteRange[0 1 2 3]>>", false},
		"PDF that speaks of them":  {pdf, "%PDF-1.7 (/ETSI.CAdES.detached)", false},
		"a picture with the bytes": {"image/png", der, false},
	} {
		if got := LooksSigned(c.mediaType, []byte(c.file)); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
