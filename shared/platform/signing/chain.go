package signing

import (
	"crypto/x509"
	"slices"
	"time"

	"sportello/shared/platform/signing/trust"
)

// chain finds the way from a certificate to one of a list's services, below first. The certificate's own period is the caller's to judge,
// so the chain is built at an instant inside it. Nil means that there is none.
func chain(leaf *x509.Certificate, others []*x509.Certificate, pool *x509.CertPool, at time.Time) []*x509.Certificate {
	if at.After(leaf.NotAfter) {
		at = leaf.NotAfter
	}
	if at.Before(leaf.NotBefore) {
		at = leaf.NotBefore
	}
	leaf = tolerant(leaf)
	intermediates := x509.NewCertPool()
	for _, c := range others {
		if c.IsCA {
			intermediates.AddCert(c)
		}
	}
	chains, err := leaf.Verify(x509.VerifyOptions{Roots: pool, Intermediates: intermediates, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil || len(chains) == 0 {
		return nil
	}
	// The shortest leaves least to check.
	return slices.MinFunc(chains, func(a, b []*x509.Certificate) int { return len(a) - len(b) })
}

// tolerant is the certificate without the marks on extensions that are judged here and not by crypto/x509.
func tolerant(c *x509.Certificate) *x509.Certificate {
	known := *c
	known.UnhandledCriticalExtensions = nil
	for _, oid := range c.UnhandledCriticalExtensions {
		if !oid.Equal(oidQCStatements) {
			known.UnhandledCriticalExtensions = append(known.UnhandledCriticalExtensions, oid)
		}
	}
	return &known
}

// granted is the service that a certificate stands for, if one was granted at an instant.
func granted(x *trust.Index, anchor *x509.Certificate, at time.Time, kind func(*trust.Service) bool) *trust.Service {
	for _, s := range x.Services(anchor) {
		if kind(s) && s.Granted(at) {
			return s
		}
	}
	return nil
}
