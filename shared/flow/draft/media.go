package draft

import (
	"bytes"
	"unicode/utf8"
)

// Inspector looks at a whole file, by its bytes: at what it is, and at what it would do when opened. It returns an Italian sentence for who
// uploaded it if the file is not to be taken, else nothing. It may change the bytes.
type Inspector func(file []byte, mediaType string) string

// Looks tells whether a file's first bytes look like its declared type. Types that have no mark of their own (plain text) must at
// least be text. A type not listed here is refused: the catalogue must not accept what nobody looks at.
func Looks(mediaType string, head []byte) bool {
	switch mediaType {
	case "application/pdf":
		return bytes.HasPrefix(head, []byte("%PDF-"))
	case "image/jpeg":
		return bytes.HasPrefix(head, []byte{0xFF, 0xD8, 0xFF})
	case "image/png":
		return bytes.HasPrefix(head, []byte("\x89PNG\r\n\x1a\n"))
	case "image/heic":
		return len(head) >= 12 && string(head[4:8]) == "ftyp"
	case "application/pkcs7-mime":
		// DER SEQUENCE, PEM, or base64 text of a SEQUENCE.
		return len(head) > 2 && (head[0] == 0x30 || bytes.HasPrefix(head, []byte("-----BEGIN")) || bytes.HasPrefix(head, []byte("MI")))
	case "message/rfc822", "text/plain", "text/csv":
		return isText(head)
	case "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
		"application/vnd.oasis.opendocument.text", "application/zip":
		return bytes.HasPrefix(head, []byte("PK\x03\x04"))
	}
	return false
}

// isText allows for the cut at the end of head, which may split a character.
func isText(head []byte) bool {
	if bytes.IndexByte(head, 0) >= 0 {
		return false
	}
	for n := 0; n < utf8.UTFMax && n <= len(head); n++ {
		if utf8.Valid(head[:len(head)-n]) {
			return true
		}
	}
	return false
}
