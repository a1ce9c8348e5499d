package preservation

import (
	"bytes"
	"encoding/base64"
)

// LooksSigned tells whether a file bears an electronic signature, without verifying it: it is a CMS container of signed data, or a PDF with a
// signature in it. What it says of a file is that somebody put a signature there, not who, nor whether it holds.
func LooksSigned(mediaType string, file []byte) bool {
	switch mediaType {
	case "application/pkcs7-mime":
		return isSignedData(file)
	case "application/pdf":
		return hasSignature(file)
	}
	return false
}

// signedData is the content type of CMS signed data, 1.2.840.113549.1.7.2 (RFC 5652, 5.1), which stands at the beginning of its container.
var signedData = []byte{0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x02}

// isSignedData takes the container as it is, or as base64 text with or without the lines of PEM around it.
func isSignedData(file []byte) bool {
	if _, body, found := bytes.Cut(file[:min(len(file), 200)], []byte("-----\n")); found {
		file = body
	}
	head := file[:min(len(file), 64)]
	if bytes.Contains(head[:min(len(head), 32)], signedData) {
		return true
	}
	text := bytes.Join(bytes.Fields(head), nil)
	raw := make([]byte, len(text))
	n, _ := base64.StdEncoding.Decode(raw, text[:len(text)/4*4])
	return bytes.Contains(raw[:n], signedData)
}

// hasSignature looks for a signature dictionary (ISO 32000-2, 12.8.1). Its ByteRange names places in the file, so it is never compressed, and
// its SubFilter tells a signature from a timestamp of the whole document.
func hasSignature(file []byte) bool {
	if !bytes.Contains(file, []byte("/ByteRange")) {
		return false
	}
	return bytes.Contains(file, []byte("/adbe.pkcs7.")) || bytes.Contains(file, []byte("/adbe.x509.")) || bytes.Contains(file, []byte("/ETSI.CAdES."))
}
