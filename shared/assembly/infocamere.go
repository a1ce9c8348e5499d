package assembly

import (
	"crypto/x509"
	"encoding/base64"
	"errors"

	"sportello/shared/platform/infocamere"
	"sportello/shared/platform/jws"
)

// InfoCamere is who we are at InfoCamere's services (Registro Imprese and INI-PEC).
type InfoCamere struct {
	InfoCamereClientID    string `env:"INFOCAMERE_CLIENT_ID,required,notEmpty"`
	InfoCamereCertificate string `env:"INFOCAMERE_CERTIFICATE"` // DER in base64; empty: none is sent
}

// Certificate is the chain that goes with our assertions, DER; nil if there is none.
func (c InfoCamere) Certificate() ([][]byte, error) {
	if c.InfoCamereCertificate == "" {
		return nil, nil
	}
	der, err := base64.StdEncoding.DecodeString(c.InfoCamereCertificate)
	if err == nil {
		_, err = x509.ParseCertificate(der)
	}
	if err != nil {
		return nil, errors.New("reading INFOCAMERE_CERTIFICATE: not a certificate, DER in base64")
	}
	return [][]byte{der}, nil
}

// Companies is how to call Registro Imprese at an address.
func (c InfoCamere) Companies(url string, signer jws.Signer) (infocamere.Config, error) {
	certificate, err := c.Certificate()
	return infocamere.Config{URL: url, ClientID: c.InfoCamereClientID, Certificate: certificate, Signer: signer}, err
}
