package letter

import (
	"bytes"
	"slices"
	"testing"
)

// The cover of a certified message is what stands around the signed part and the signature, no byte of either.
func TestUnsigned(t *testing.T) {
	raw := []byte("Date: x\r\nContent-Type: multipart/signed; boundary=\"b\"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nsigned\r\n" +
		"--b\r\nContent-Type: application/pkcs7-signature\r\n\r\nAAAA\r\n--b--\r\n")
	for text, want := range map[string]bool{
		"Date": true, "text/plain": false, "signed\r\n--b": false, "application/pkcs7": true, "AAAA": false, "--b--": true,
	} {
		at := bytes.Index(raw, []byte(text))
		if got := slices.ContainsFunc(Unsigned(raw), func(r [2]int) bool { return r[0] <= at && at < r[1] }); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
	if got := Breaks(bytes.Replace(raw, []byte("AAAA"), []byte("AA\r\nAA"), 1)); len(got) != 1 || got[0][1]-got[0][0] != 2 {
		t.Errorf("breaks within the signature: %v", got)
	}
	if Unsigned([]byte("Subject: x\r\n\r\nbody")) != nil {
		t.Error("a message that is not signed has a cover")
	}
}
