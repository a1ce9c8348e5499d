// Package cms checks CMS (PKCS #7) signatures against a closed list of certification authorities: those of the certified mail
// providers, that of the preservation provider. Signatures of people, with trust lists and revocation, are another matter.
package cms

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"github.com/smallstep/pkcs7"
)

// Roots is a closed list of authorities. It may be used by several goroutines.
type Roots struct{ pool *x509.CertPool }

// ParseRoots reads a bundle of PEM certificates. An empty bundle is an error: it would trust nobody, and say so of everything.
func ParseRoots(bundle []byte) (*Roots, error) {
	pool, found := x509.NewCertPool(), 0
	for block, rest := pem.Decode(bundle); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("reading trusted certificates: certificate %d: %w", found+1, err)
		}
		pool.AddCert(certificate)
		found++
	}
	if found == 0 {
		return nil, errors.New("reading trusted certificates: none found")
	}
	return &Roots{pool}, nil
}

// Why a signature is not believed. The texts go to operators as they are.
var (
	ErrMalformed = errors.New("signature malformed")
	ErrAltered   = errors.New("content altered after signing")
	ErrInvalid   = errors.New("signature not valid")
	ErrUntrusted = errors.New("signer not among the trusted ones")
	ErrExpired   = errors.New("signer's certificate expired or not valid yet")
)

// maxSignature bounds a detached signature: some certificates and a few hundred bytes.
const maxSignature = 256 << 10

// Detached checks a signature that stands beside content, whose signer must have been trustworthy at an instant.
func (r *Roots) Detached(content, der []byte, at time.Time) error {
	if len(der) > maxSignature {
		return ErrMalformed
	}
	p7, err := parse(der)
	if err != nil {
		return err
	}
	if len(p7.Content) != 0 {
		return ErrMalformed // it brings a content of its own: which one is signed?
	}
	p7.Content = content
	return r.check(p7, at)
}

// Enveloped checks a signature that carries its content, and returns that.
func (r *Roots) Enveloped(der []byte, at time.Time) ([]byte, error) {
	p7, err := parse(der)
	if err != nil {
		return nil, err
	}
	if len(p7.Content) == 0 {
		return nil, ErrMalformed
	}
	if err := r.check(p7, at); err != nil {
		return nil, err
	}
	return p7.Content, nil
}

// parse reads one signed object with one signer. The library has met hostile bytes badly before: a panic is malformed input.
func parse(der []byte) (p7 *pkcs7.PKCS7, err error) {
	defer func() {
		if recover() != nil {
			p7, err = nil, ErrMalformed
		}
	}()
	p7, err = pkcs7.Parse(der)
	if err != nil || p7.GetOnlySigner() == nil {
		return nil, ErrMalformed
	}
	return p7, nil
}

func (r *Roots) check(p7 *pkcs7.PKCS7, at time.Time) (err error) {
	defer func() {
		if recover() != nil {
			err = ErrMalformed
		}
	}()
	// Without a pool this checks the signature alone; the chain is checked below, where its errors can be told apart.
	err = p7.VerifyWithChainAtTime(nil, at)
	switch {
	case errors.As(err, new(*pkcs7.MessageDigestMismatchError)):
		return ErrAltered
	case errors.As(err, new(*pkcs7.SigningTimeNotValidError)):
		return ErrExpired
	case err != nil:
		return ErrInvalid
	}
	return r.chain(p7.GetOnlySigner(), p7.Certificates, at)
}

func (r *Roots) chain(signer *x509.Certificate, others []*x509.Certificate, at time.Time) error {
	intermediates := x509.NewCertPool()
	for _, certificate := range others {
		intermediates.AddCert(certificate)
	}
	_, err := signer.Verify(x509.VerifyOptions{
		Roots: r.pool, Intermediates: intermediates, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	var invalid x509.CertificateInvalidError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return ErrExpired
	}
	return ErrUntrusted
}
