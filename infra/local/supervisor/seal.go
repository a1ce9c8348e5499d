package supervisor

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// sealName is whom the seal's certificate names.
const sealName = "Sportello virtuale di prova"

// takeCertificates gets from the outside world's trust services what a real
// installation orders once: the certificate of the seal's key, the root
// under which timestamps are believed, and who signs the trust list.
// A template none of whose functions seals needs none of them.
func (s *Supervisor) takeCertificates(ctx context.Context) error {
	alias := s.sealKey()
	if alias == "" {
		return nil
	}
	chain, err := s.sealCertificate(ctx, alias)
	if err != nil {
		return fmt.Errorf("having the seal's key certified: %w", err)
	}
	root, err := s.ask(ctx, http.MethodGet, "/trust/ca/radice.crt", nil)
	if err != nil {
		return fmt.Errorf("getting the timestamps' root: %w", err)
	}
	operator, err := s.ask(ctx, http.MethodGet, "/trust/operator.pem", nil)
	if err != nil {
		return fmt.Errorf("getting the certificate of the trust list's operator: %w", err)
	}
	root = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root})
	return errors.Join(
		os.WriteFile(filepath.Join(s.outsideFolder(), "trust-ca.pem"), root, 0o600), // for who verifies the data folder
		s.services.Parameters.Put(prefix+"/seal-certificate", "String", string(chain)),
		s.services.Parameters.Put(prefix+"/timestamp-trust", "String", string(root)),
		s.services.Parameters.Put(prefix+"/trust-list-operator", "String", string(operator)),
	)
}

// sealKey is the alias of the key that the functions seal with.
func (s *Supervisor) sealKey() string {
	alias := ""
	for _, f := range s.cloud.Functions {
		alias = max(alias, f.Environment["SEAL_KEY"])
	}
	return alias
}

// sealCertificate sends the public half of the key to be certified. The same
// key gets the same certificate at each start.
func (s *Supervisor) sealCertificate(ctx context.Context, alias string) ([]byte, error) {
	public, err := s.services.Keys.Public(alias)
	if err != nil {
		return nil, fmt.Errorf("finding the key of seals %q: %w", alias, err)
	}
	body, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, err
	}
	return s.ask(ctx, http.MethodPost, "/control/trust/seal-certificate?name="+url.QueryEscape(sealName), body)
}

// ask calls the outside world.
func (s *Supervisor) ask(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, s.addresses.Outside+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d: %s", answer.StatusCode, text)
	}
	return text, err
}
