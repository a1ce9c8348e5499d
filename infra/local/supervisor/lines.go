package supervisor

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"

	"sportello/infra/local/fault"
)

// lines are the ways from functions to what they call: straight, or through
// fault proxies, one set for each instance so that the right one is killed.
type lines struct {
	supervisor *Supervisor
	mu         sync.Mutex
	made       map[string]map[int]*line

	// With faults: the mail proxies' own authority, what certifies the real
	// servers, and a file with both for the functions.
	authority *fault.Authority
	roots     *x509.CertPool
	bundle    string
}

// line is what one instance is told.
type line struct {
	dynamoDB, s3, sqs, aws, smtp, imap string
	outside                            string // where the payment institute is
	authorities                        string
	closers                            []func()
}

// newLines is called when the outside world is up: it has made its authority.
func newLines(s *Supervisor) (*lines, error) {
	l := &lines{supervisor: s, made: map[string]map[int]*line{}}
	if !s.config.Faults {
		return l, nil
	}
	outside, err := os.ReadFile(l.straight().authorities)
	if err != nil {
		return nil, fmt.Errorf("reading the outside world's authority: %w", err)
	}
	l.roots = x509.NewCertPool()
	if !l.roots.AppendCertsFromPEM(outside) {
		return nil, errors.New("the outside world's authority is not a certificate")
	}
	if l.authority, err = fault.NewAuthority(); err != nil {
		return nil, err
	}
	l.bundle = filepath.Join(s.config.Data, "fault-ca.pem")
	both := append(append(outside, '\n'), l.authority.PEM...)
	return l, os.WriteFile(l.bundle, both, 0o600)
}

func (l *line) environment() map[string]string {
	return map[string]string{
		"AWS_ENDPOINT_URL": l.aws, "AWS_ENDPOINT_URL_DYNAMODB": l.dynamoDB,
		"AWS_ENDPOINT_URL_S3": l.s3, "AWS_ENDPOINT_URL_SQS": l.sqs,
		"PEC_SMTP": l.smtp, "PEC_IMAP": l.imap, "SSL_CERT_FILE": l.authorities,
		"INSTITUTE_URL": l.outside + instituteFolder,
	}
}

// straight is the line without proxies.
func (l *lines) straight() *line {
	a := l.supervisor.addresses
	return &line{
		dynamoDB: a.DynamoDB, s3: a.S3, sqs: a.SQS, aws: a.AWS, smtp: a.SMTP, imap: a.IMAP, outside: a.Outside,
		authorities: filepath.Join(l.supervisor.config.Data, "outside", "ca.pem"),
	}
}

// addresses gives a slot's line; the proxies of a slot stay as long as the
// local cloud runs, so that a link signed by an instance outlives it.
func (l *lines) addresses(function string, slot int) (*line, error) {
	if !l.supervisor.config.Faults {
		return l.straight(), nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if have, ok := l.made[function][slot]; ok {
		return have, nil
	}
	made, err := l.proxied(function, slot)
	if err != nil {
		return nil, err
	}
	if l.made[function] == nil {
		l.made[function] = map[int]*line{}
	}
	l.made[function][slot] = made
	return made, nil
}

func (l *lines) proxied(function string, slot int) (*line, error) {
	set := &l.supervisor.faults
	victim := fault.Victim{Function: function, Kill: func() { l.supervisor.pools[function].KillSlot(slot) }}
	made := l.straight()
	var problems []error
	// One step for each call: these proxies are before the emulators themselves,
	// guard included, and only that of our own services is before its listener.
	over := l.supervisor.guard.Over(l.supervisor.storage.Transport())
	for address, next := range map[*string]http.RoundTripper{
		&made.dynamoDB: over, &made.s3: over, &made.sqs: over, &made.aws: l.supervisor.storage.Transport(),
	} {
		p, err := fault.NewProxy(set, victim, *address, next)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		*address = p.Address()
		made.closers = append(made.closers, p.Close)
	}
	for service, address := range map[string]*string{"smtp": &made.smtp, "imap": &made.imap} {
		m, err := fault.NewMail(fault.MailConfig{
			Set: set, Victim: victim, Service: service, Upstream: *address, Roots: l.roots, Authority: l.authority,
		})
		if err != nil {
			problems = append(problems, err)
			continue
		}
		*address = m.Address()
		made.closers = append(made.closers, m.Close)
	}
	if p, err := fault.NewInstitute(set, victim, made.outside); err != nil {
		problems = append(problems, err)
	} else {
		made.outside = p.Address()
		made.closers = append(made.closers, p.Close)
	}
	made.authorities = l.bundle
	return made, errors.Join(problems...)
}

func (l *lines) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, slots := range l.made {
		for _, one := range slots {
			for _, c := range one.closers {
				c()
			}
		}
	}
}
