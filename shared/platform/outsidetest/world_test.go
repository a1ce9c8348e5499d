//go:build emulator

package outsidetest

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"sportello/shared/platform/jws/jwstest"
)

const clientID = "sportello-di-prova"

// world is the outside world, running.
type world struct {
	HTTP, SMTP, IMAP string
	data             string
	mailboxes        map[string]struct{ User, Password string }
	tls              *tls.Config
}

// binary builds the outside world once per test process.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "outside")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "outside")
	local, err := filepath.Abs(filepath.Join("..", "..", "..", "infra", "local"))
	if err != nil {
		return "", err
	}
	out, err := exec.Command("go", "build", "-C", local, "-o", path, "./cmd/outside").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building the outside world: %w: %s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := binary(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// start runs an outside world of its own for the test, with more flags if there are any.
func start(t *testing.T, flags ...string) *world {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{data: t.TempDir()}
	w.register(t)
	all := append([]string{"--http", "127.0.0.1:0", "--smtp", "127.0.0.1:0", "--imap", "127.0.0.1:0", "--data", w.data, "--pace", "20ms"}, flags...)
	command := exec.Command(path, all...)
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var problems bytes.Buffer
	command.Stderr = &problems
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		command.Process.Kill()
		command.Wait()
	})
	ready, err := bufio.NewReader(output).ReadString('\n')
	if err != nil || json.Unmarshal([]byte(strings.TrimPrefix(ready, "READY ")), w) != nil {
		t.Fatalf("the outside world did not start: %q %v %s", ready, err, problems.String())
	}
	if err := json.Unmarshal(w.file(t, "mailboxes.json"), &w.mailboxes); err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(w.file(t, "ca.pem"))
	w.tls = &tls.Config{RootCAs: roots}
	return w
}

// register writes the client's registration, as the operator of the real services would.
func (w *world) register(t *testing.T) {
	key := jose.JSONWebKey{Key: &jwstest.New(t).PublicKey, KeyID: "test", Use: "sig", Algorithm: "RS256"}
	raw, err := json.Marshal(map[string]any{
		"client_id": clientID, "jwks": jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key}}, "redirect_uris": []string{"http://accesso.localhost:8080/api/v1/login/callback"},
	})
	if err == nil {
		err = os.WriteFile(filepath.Join(w.data, "clients.json"), raw, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) file(t *testing.T, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(w.data, name))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// control posts to the outside world's door for tests.
func (w *world) control(t *testing.T, path string, body any) map[string]any {
	t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post(w.HTTP+"/control"+path, "application/json", bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var out map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil || resp.StatusCode >= 300 {
		t.Fatalf("POST /control%s: %d %v %v", path, resp.StatusCode, out, err)
	}
	return out
}

// eventually waits for something that takes the outside world a moment.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); time.Now().Before(deadline); time.Sleep(30 * time.Millisecond) {
		if done() {
			return
		}
	}
	t.Fatalf("waited in vain for %s", what)
}
