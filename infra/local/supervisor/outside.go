package supervisor

import (
	"bufio"
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sportello/infra/local/process"
)

// clientID is our name at the identity providers and registers.
const clientID = "sportello-local"

// pdndPurpose is what the simulated PDND approved.
const pdndPurpose = "5a1d0f5e-1f0a-4c53-9d6e-3c1f2b7a9e10"

// world is the outside world's process.
type world struct {
	process *process.Process
}

func (s *Supervisor) outsideFolder() string { return filepath.Join(s.config.Data, "outside") }

// startOutside starts the outside world, tells it who we are, and takes from it
// what a real installation gets by contract: accounts and certificates.
func (s *Supervisor) startOutside(ctx context.Context) error {
	folder := s.outsideFolder()
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("preparing the outside world: %w", err)
	}
	if err := s.writeClients(folder); err != nil {
		return err
	}
	read, write := io.Pipe()
	p, err := process.Start(process.Config{
		Name: "outside", Path: filepath.Join(s.config.Bin, "outside"), Output: s.console.Speaker("outside"), Stdout: write,
		Args: []string{
			"--http", loopback(s.config.Ports.Outside), "--smtp", s.addresses.SMTP, "--imap", s.addresses.IMAP,
			"--data", folder, "--clock-file", s.clock.Path(), "--portal", s.addresses.Portal, "--base", s.addresses.Outside,
		},
		Env: process.Environment(),
	})
	if err != nil {
		return err
	}
	s.outside = &world{p}
	go func() {
		<-p.Done()
		_ = write.Close()
		if s.running.Err() == nil {
			s.failed <- fmt.Errorf("the outside world ended: %w", p.Err())
		}
	}()
	if err := s.awaitOutside(ctx, read); err != nil {
		return err
	}
	if err := s.takeAccounts(folder); err != nil {
		return err
	}
	return s.takeCertificates(ctx)
}

// awaitOutside reads its output up to the READY line, and then goes on putting
// it in the log.
func (s *Supervisor) awaitOutside(ctx context.Context, output io.Reader) error {
	ready := make(chan error, 1)
	go func() {
		speaker := s.console.Speaker("outside")
		scanner := bufio.NewScanner(output)
		scanner.Buffer(nil, 1<<20)
		for scanner.Scan() {
			if strings.HasPrefix(scanner.Text(), "READY ") {
				ready <- nil
				continue
			}
			_, _ = io.WriteString(speaker, scanner.Text()+"\n")
		}
		ready <- errors.New("the outside world ended before it was ready")
	}()
	select {
	case err := <-ready:
		return err
	case <-ctx.Done():
		return fmt.Errorf("waiting for the outside world: %w", context.Cause(ctx))
	}
}

// writeClients registers us: the public half of the identity key, and where
// browsers come back to.
func (s *Supervisor) writeClients(folder string) error {
	alias := ""
	for _, f := range s.cloud.Functions {
		alias = max(alias, f.Environment["IDENTITY_KEY"])
	}
	public, err := s.services.Keys.Public(alias)
	if err != nil {
		return fmt.Errorf("finding the identity key %q: %w", alias, err)
	}
	key, ok := public.(*rsa.PublicKey)
	if !ok {
		return fmt.Errorf("the identity key %q is not an RSA key", alias)
	}
	client := map[string]any{
		"client_id": clientID, "jwks": map[string]any{"keys": []any{webKey(key)}},
		"redirect_uris": []string{fmt.Sprintf("http://accesso.localhost:%d/api/v1/login/callback", s.config.Ports.Portal)},
	}
	return writeJSON(filepath.Join(folder, "clients.json"), client)
}

// webKey is a JSON Web Key; its id is the thumbprint of RFC 7638.
func webKey(key *rsa.PublicKey) map[string]string {
	n := base64.RawURLEncoding.EncodeToString(key.N.Bytes())
	e := base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes())
	print := sha256.Sum256(fmt.Appendf(nil, `{"e":%q,"kty":"RSA","n":%q}`, e, n))
	return map[string]string{
		"kty": "RSA", "use": "sig", "alg": "RS256", "n": n, "e": e, "kid": base64.RawURLEncoding.EncodeToString(print[:]),
	}
}

// mailbox is an account at the certified mail provider.
type mailbox struct {
	Address  string `json:"address"`
	User     string `json:"user"`
	Password string `json:"password"`
	Chamber  string `json:"chamber,omitempty"`
}

// takeAccounts puts into SSM what the outside world made: the mailboxes'
// passwords, the preservation account, the payment institute's key, and the authorities to be trusted.
func (s *Supervisor) takeAccounts(folder string) error {
	var mailboxes map[string]mailbox
	if err := readJSON(filepath.Join(folder, "mailboxes.json"), &mailboxes); err != nil {
		return err
	}
	parameters := s.services.Parameters
	var problems []error
	for _, name := range sortedKeys(mailboxes) {
		box := mailboxes[name]
		if box.Chamber == "" || !strings.HasPrefix(name, "protocollo@") {
			continue
		}
		chamber := box.Chamber
		box.Chamber = ""
		text, err := json.Marshal(box)
		problems = append(problems, err, parameters.Put(prefix+"/pec/"+chamber, "SecureString", string(text)))
	}
	for file, name := range map[string]string{"pec-ca.pem": "/pec-trust", "preservation-ca.pem": "/preservation-trust"} {
		text, err := os.ReadFile(filepath.Join(folder, file))
		problems = append(problems, err)
		if err == nil {
			problems = append(problems, parameters.Put(prefix+name, "String", string(text)))
		}
	}
	var provider map[string]string
	if err := readJSON(filepath.Join(folder, "preservation.json"), &provider); err != nil {
		return err
	}
	text, err := json.Marshal(provider)
	problems = append(problems, err, parameters.Put(prefix+"/preservation", "SecureString", string(text)))
	var institute struct {
		Key string `json:"key"`
	}
	if err := readJSON(filepath.Join(folder, "institute.json"), &institute); err != nil {
		return err
	}
	problems = append(problems, parameters.Put(prefix+"/institute-key", "SecureString", institute.Key))
	return errors.Join(append(problems, s.takeProtocols(folder))...)
}

// takeProtocols puts into SSM where each chamber's own protocol answers, and the key that it knows us by.
func (s *Supervisor) takeProtocols(folder string) error {
	var keys map[string]string
	if err := readJSON(filepath.Join(folder, "protocols.json"), &keys); err != nil {
		return err
	}
	var problems []error
	for _, chamber := range sortedKeys(keys) {
		text, err := json.Marshal(map[string]string{"url": s.addresses.Outside + "/protocollo-camera/" + chamber, "key": keys[chamber]})
		problems = append(problems, err, s.services.Parameters.Put(prefix+"/protocol/"+chamber, "SecureString", string(text)))
	}
	return errors.Join(problems...)
}

func sortedKeys[V any](m map[string]V) []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func readJSON(path string, v any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	return nil
}

// writeJSON replaces a file in one step: another program may be reading it.
func writeJSON(path string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
