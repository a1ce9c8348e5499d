package letter

import (
	"bytes"
	"testing"
)

// The cover of a certified message is what stands around the signed part and the signature, no byte of either.
func TestUnsigned(t *testing.T) {
	raw := []byte("Date: x\r\nContent-Type: multipart/signed; boundary=\"b\"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nsigned\r\n" +
		"--b\r\nContent-Type: application/pkcs7-signature\r\n\r\nAAAA\r\n--b--\r\n")
	for text, want := range map[string]bool{
		"Date": true, "text/plain": false, "signed\r\n--b": false, "application/pkcs7": true, "AAAA": false, "--b--": true,
	} {
		if got := Unsigned(raw, bytes.Index(raw, []byte(text))); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
	if Unsigned([]byte("Subject: x\r\n\r\nbody"), 2) {
		t.Error("a message that is not signed has a cover")
	}
}
