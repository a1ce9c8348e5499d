package pec

import (
	"bytes"
	"crypto/x509"
	"fmt"

	"github.com/smallstep/pkcs7"
)

// Flaw is something wrong with a receipt, made on purpose.
type Flaw string

// Flaws that can be asked for.
const (
	Sound          Flaw = ""
	Unsigned       Flaw = "unsigned"        // no signature at all
	WrongAuthority Flaw = "wrong-authority" // signed by a certificate nobody trusts
	Tampered       Flaw = "tampered"        // changed after signing
	BadXML         Flaw = "bad-xml"         // daticert.xml cut in half, signed
	WrongReference Flaw = "wrong-reference" // about a message nobody sent, signed
)

// Flaws lists the flaws.
func Flaws() []Flaw {
	return []Flaw{Sound, Unsigned, WrongAuthority, Tampered, BadXML, WrongReference}
}

// seal wraps the content, a whole MIME entity ending in CRLF, into a multipart/signed message
// (RFC 8551 section 3.5.3): the signature is detached and covers the entity without the line break
// that belongs to the boundary.
func (p *Provider) seal(header [][2]string, content []byte, flaw Flaw, boundary string) ([]byte, error) {
	var buf bytes.Buffer
	for _, h := range header {
		buf.WriteString(h[0] + ": " + h[1] + "\r\n")
	}
	if flaw == Unsigned {
		buf.WriteString("MIME-Version: 1.0\r\n")
		buf.Write(content)
		return buf.Bytes(), nil
	}
	signature, err := p.sign(content, flaw)
	if err != nil {
		return nil, err
	}
	if flaw == Tampered {
		content = bytes.Replace(content, []byte("Identificativo"), []byte("identificativo"), 1)
	}
	fmt.Fprintf(&buf, "MIME-Version: 1.0\r\nContent-Type: multipart/signed; protocol=\"application/x-pkcs7-signature\"; micalg=\"sha-256\"; boundary=\"%s\"\r\n\r\nThis is an S/MIME signed message\r\n\r\n--%s\r\n", boundary, boundary)
	buf.Write(content)
	fmt.Fprintf(&buf, "\r\n--%s\r\nContent-Type: application/x-pkcs7-signature; name=\"smime.p7s\"\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=\"smime.p7s\"\r\n\r\n", boundary)
	buf.Write(wrapped(signature))
	fmt.Fprintf(&buf, "\r\n\r\n--%s--\r\n", boundary)
	return buf.Bytes(), nil
}

func (p *Provider) sign(content []byte, flaw Flaw) ([]byte, error) {
	signed, err := pkcs7.NewSignedData(content)
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	signed.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	if flaw == WrongAuthority {
		err = signed.AddSigner(p.Stranger.Certificate, p.Stranger.Key, pkcs7.SignerInfoConfig{})
	} else {
		err = signed.AddSignerChain(p.Signer.Certificate, p.Signer.Key,
			[]*x509.Certificate{p.Authority.Certificate}, pkcs7.SignerInfoConfig{})
	}
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	signed.Detach()
	der, err := signed.Finish()
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	return der, nil
}
