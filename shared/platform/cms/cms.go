// Package cms reads CMS (PKCS #7) signatures, and checks them against a closed list of certification authorities: those of the certified
// mail providers, that of the preservation provider. Signatures of people, with trust lists and revocation, are platform/signing's, which
// reads them with what is here.
package cms

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"
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
	m, err := parse(der)
	if err != nil {
		return err
	}
	if !m.Detached {
		return ErrMalformed // it brings a content of its own: which one is signed?
	}
	return r.check(m, content, at)
}

// Enveloped checks a signature that carries its content, and returns that.
func (r *Roots) Enveloped(der []byte, at time.Time) ([]byte, error) {
	m, err := parse(der)
	if err != nil {
		return nil, err
	}
	if len(m.Content) == 0 {
		return nil, ErrMalformed
	}
	if err := r.check(m, m.Content, at); err != nil {
		return nil, err
	}
	return m.Content, nil
}

// parse reads one signed object with one signer. The caller's bytes stay as they are.
func parse(der []byte) (*Message, error) {
	m, err := ParseMessage(bytes.Clone(der))
	if err != nil || len(m.Signers) != 1 || m.Certificate(m.Signers[0]) == nil {
		return nil, ErrMalformed
	}
	return m, nil
}

func (r *Roots) check(m *Message, content []byte, at time.Time) error {
	signer := m.Signers[0]
	certificate := m.Certificate(signer)
	hash, err := signer.Hash()
	if err != nil {
		return ErrInvalid
	}
	digest := hash.New()
	digest.Write(content)
	switch err := signer.Check(m.ContentType, digest.Sum(nil), certificate); {
	case errors.Is(err, ErrAltered) || errors.Is(err, ErrMalformed):
		return err
	case err != nil:
		return ErrInvalid
	}
	return r.chain(certificate, m.Certificates, at)
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
