// Package trust knows a member state's trusted list (ETSI TS 119 612) once it was read and verified: which services issue qualified
// certificates and timestamps, and since when, so that a signature is judged by what its issuer was at the time that counts. Reading the
// list's XML is the package trustlist's, so that who only verifies signatures starts without an XML library.
package trust

import (
	"bytes"
	"compress/gzip"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// List is a trusted list that was verified.
type List struct {
	Territory  string    `json:"territory"`
	Sequence   int       `json:"sequence"`
	IssuedAt   time.Time `json:"issuedAt"`
	NextUpdate time.Time `json:"nextUpdate"` // zero: the list is closed and will have no next edition
	Services   []Service `json:"services"`

	index func() *Index
}

// Service is one trust service with its history.
type Service struct {
	Provider     string   `json:"provider"`
	Name         string   `json:"name"`
	Type         string   `json:"type"`         // URI of the service type
	Certificates [][]byte `json:"certificates"` // DER
	Statuses     []Status `json:"statuses"`     // newest first
	// KeepsExpired is since when the service goes on telling the revocation of certificates that have expired; zero if it does not say.
	KeepsExpired time.Time `json:"keepsExpired,omitzero"`
}

// Status is what a service was from an instant on.
type Status struct {
	URI        string    `json:"uri"`
	From       time.Time `json:"from"`
	Signatures *bool     `json:"signatures,omitempty"` // whether for electronic signatures, where the list says for what
}

// Kinds of service, as the list names them.
const (
	typePrefix   = "http://uri.etsi.org/TrstSvc/Svctype/"
	statusPrefix = "http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/"

	Issuer = typePrefix + "CA/QC"
)

var timestamping = map[string]bool{typePrefix + "TSA/QTST": true, typePrefix + "TSA": true, typePrefix + "TSA/TSS-QC": true, typePrefix + "TSA/TSS-AdESQCandQES": true}

// good statuses: those of today, and those from before Reg. (EU) 910/2014 took over (1 July 2016).
var good = map[string]bool{statusPrefix + "granted": true, statusPrefix + "undersupervision": true, statusPrefix + "supervisionincessation": true, statusPrefix + "accredited": true}

// recognised is what a national scheme says of timestamps that are not qualified ones.
const recognised = statusPrefix + "recognisedatnationallevel"

// IsIssuer tells whether the service issues qualified certificates; IsTimestamping whether it makes timestamps.
func (s *Service) IsIssuer() bool       { return s.Type == Issuer }
func (s *Service) IsTimestamping() bool { return timestamping[s.Type] }

// at is the status that held at an instant.
func (s *Service) at(t time.Time) (Status, bool) {
	for _, status := range s.Statuses {
		if !status.From.After(t) {
			return status, true
		}
	}
	return Status{}, false
}

// Granted tells whether the service was good for signatures (issuers), or at all (timestamps), at an instant.
func (s *Service) Granted(t time.Time) bool {
	status, there := s.at(t)
	if s.IsTimestamping() && there && status.URI == recognised {
		return true
	}
	return there && good[status.URI] && (status.Signatures == nil || *status.Signatures || !s.IsIssuer())
}

// Fresh tells whether the list may still be relied on: an edition whose successor is overdue may hide a withdrawal.
func (l *List) Fresh(now time.Time) bool { return now.Before(l.NextUpdate) }

// Index is the list's certificates, to build chains with.
type Index struct {
	Issuers, Timestamping *x509.CertPool
	services              map[string][]*Service // by certificate
}

// Index reads the certificates, once. A List must not be changed or copied after that.
func (l *List) Index() *Index {
	if l.index == nil {
		return l.read() // made without New: right, only slow
	}
	return l.index()
}

// New makes a list fit for use. Certificates that cannot be read are passed over: those of other states have keys of every kind.
func New(l List) *List {
	made := &l
	made.index = sync.OnceValue(made.read)
	return made
}

func (l *List) read() *Index {
	x := &Index{x509.NewCertPool(), x509.NewCertPool(), map[string][]*Service{}}
	for i := range l.Services {
		s := &l.Services[i]
		pool := x.Issuers
		switch {
		case s.IsTimestamping():
			pool = x.Timestamping
		case !s.IsIssuer():
			continue
		}
		for _, der := range s.Certificates {
			c, err := x509.ParseCertificate(der)
			if err != nil {
				continue
			}
			pool.AddCert(c)
			x.services[string(der)] = append(x.services[string(der)], s)
		}
	}
	return x
}

// Services are those that a certificate stands for.
func (x *Index) Services(c *x509.Certificate) []*Service { return x.services[string(c.Raw)] }

// maxCompact bounds what a compact form may grow to: Italy's list has about 2 MB of certificates.
const maxCompact = 32 << 20

// Compact is the list in the form it is kept in between two editions: JSON, compressed.
func (l *List) Compact() ([]byte, error) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if err := json.NewEncoder(w).Encode(l); err != nil {
		return nil, fmt.Errorf("writing trusted list: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("writing trusted list: %w", err)
	}
	return b.Bytes(), nil
}

// ParseCompact reads what Compact wrote. It is not verified again: it must come from where only the verifier of lists writes.
func ParseCompact(b []byte) (*List, error) {
	r, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("reading trusted list: %w", err)
	}
	bounded := &io.LimitedReader{R: r, N: maxCompact}
	var l List
	if err := json.NewDecoder(bounded).Decode(&l); err != nil {
		return nil, fmt.Errorf("reading trusted list: %w", err)
	}
	if len(l.Services) == 0 {
		return nil, errors.New("reading trusted list: no services")
	}
	return New(l), nil
}
