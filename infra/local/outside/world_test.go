package outside

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"sportello/infra/local/outside/bearer"
	"sportello/infra/local/outside/mailbox"
	"sportello/infra/local/outside/state"
)

// world is a running outside world and the client registered with it.
type world struct {
	*World
	t          *testing.T
	data       string
	base       string
	smtp, imap string
	key        *rsa.PrivateKey
	stop       func()
}

const (
	clientID    = "sportello-test"
	redirectURI = "http://accesso.localhost:8080/api/v1/login/callback"
	secret      = "un-valore-lungo-e-casuale-abbastanza"
)

// keys are made once: they are what takes time.
var keys struct {
	dir    string
	client *rsa.PrivateKey
}

func TestMain(m *testing.M) {
	code, err := prepared(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func prepared(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "outside-keys-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	if _, err := Open(Config{Data: dir, Base: "http://localhost", Log: slog.New(slog.DiscardHandler)}); err != nil {
		return 0, err
	}
	keys.dir = filepath.Join(dir, "keys")
	if keys.client, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		return 0, err
	}
	return m.Run(), nil
}

// start runs a world in a new folder; its steps follow each other at once.
func start(t *testing.T) *world {
	t.Helper()
	return startIn(t, folder(t))
}

// folder is a new data folder that has its keys already.
func folder(t *testing.T) string {
	t.Helper()
	data := t.TempDir()
	if err := os.CopyFS(filepath.Join(data, "keys"), os.DirFS(keys.dir)); err != nil {
		t.Fatal(err)
	}
	return data
}

func startIn(t *testing.T, data string) *world {
	t.Helper()
	doors := Listeners{HTTP: listener(t), SMTP: listener(t), IMAP: listener(t)}
	w := &world{
		t: t, data: data, base: "http://" + doors.HTTP.Addr().String(), key: keys.client,
		smtp: doors.SMTP.Addr().String(), imap: doors.IMAP.Addr().String(),
	}
	var err error
	w.World, err = Open(Config{
		Data: data, Base: w.base, Portal: "http://localhost:1", ClockFile: filepath.Join(data, "clock"),
		Log: slog.New(slog.DiscardHandler), SlowCall: time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: keys.client.Public(), KeyID: "k1", Use: "sig", Algorithm: "RS256"}}}
	registered := bearer.Client{ID: clientID, Keys: set, RedirectURIs: []string{redirectURI}}
	if err := state.WriteJSON(filepath.Join(data, "clients.json"), registered); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- w.Serve(ctx, doors) }()
	stopped := false
	w.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-served; err != nil {
			t.Errorf("serving: %v", err)
		}
	}
	t.Cleanup(w.stop)
	return w
}

func listener(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// eventually waits for what another goroutine does; it gives up after a time that only a broken
// program needs.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if done() {
			return
		}
	}
	t.Fatalf("waiting for %s: it never happened", what)
}

func (w *world) account(address string) mailbox.Account {
	w.t.Helper()
	all := map[string]mailbox.Account{}
	if _, err := state.ReadJSON(filepath.Join(w.data, "mailboxes.json"), &all); err != nil {
		w.t.Fatal(err)
	}
	a, ok := all[address]
	if !ok {
		w.t.Fatalf("no account %s", address)
	}
	return a
}

func (w *world) roots() *x509.CertPool {
	w.t.Helper()
	pool := x509.NewCertPool()
	pem, err := os.ReadFile(filepath.Join(w.data, "ca.pem"))
	if err != nil || !pool.AppendCertsFromPEM(pem) {
		w.t.Fatalf("reading ca.pem: %v", err)
	}
	return pool
}

func (w *world) tls() *tls.Config { return &tls.Config{RootCAs: w.roots(), ServerName: "localhost"} }

// assertion is a JWS of the client; change alters its claims.
func (w *world) assertion(audience string, change func(map[string]any)) string {
	w.t.Helper()
	now := time.Now()
	claims := map[string]any{
		"iss": clientID, "sub": clientID, "aud": audience, "jti": bearer.NewID(),
		"iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(),
	}
	if change != nil {
		change(claims)
	}
	return signed(w.t, w.key, claims)
}

func signed(t *testing.T, key *rsa.PrivateKey, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// plain is an HTTP client that stops at redirects.
var plain = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

func (w *world) do(method, path string, header http.Header, body io.Reader) (*http.Response, []byte) {
	w.t.Helper()
	target := path
	if strings.HasPrefix(path, "/") {
		target = w.base + path
	}
	req, err := http.NewRequest(method, target, body)
	if err != nil {
		w.t.Fatal(err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	resp, err := plain.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp, raw
}

func (w *world) form(path string, values url.Values) (*http.Response, []byte) {
	w.t.Helper()
	return w.do("POST", path, http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, strings.NewReader(values.Encode()))
}

// control posts JSON, wants the status and decodes the answer into out, which may be nil.
func (w *world) control(method, path string, in, out any, status int) {
	w.t.Helper()
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			w.t.Fatal(err)
		}
		body = bytes.NewReader(raw)
	}
	resp, raw := w.do(method, path, nil, body)
	if resp.StatusCode != status {
		w.t.Fatalf("%s %s: %d %s, want %d", method, path, resp.StatusCode, raw, status)
	}
	if out != nil {
		decode(w.t, raw, out)
	}
}

func decode(t *testing.T, raw []byte, out any) {
	t.Helper()
	if err := json.Unmarshal(raw, out); err != nil {
		t.Fatalf("decoding %s: %v", raw, err)
	}
}

func wantStatus(t *testing.T, resp *http.Response, body []byte, status int) {
	t.Helper()
	if resp.StatusCode != status {
		t.Fatalf("status %d, want %d: %s", resp.StatusCode, status, body)
	}
}

func TestFilesForTheSupervisor(t *testing.T) {
	w := start(t)
	for _, name := range []string{"ca.pem", "pec-ca.pem", "preservation-ca.pem", "personas.json", "mailboxes.json", "preservation.json", "institute.json", "protocols.json", "trust-operator.pem"} {
		if _, err := os.Stat(filepath.Join(w.data, name)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	a := w.account("protocollo@milano.pec.example.it")
	if a.Chamber != "milano" || a.Password == "" {
		t.Errorf("account of Milano: chamber %q, password there: %v", a.Chamber, a.Password != "")
	}
	var people Population
	w.control("GET", "/control/personas", nil, &people, http.StatusOK)
	if len(people.Persons) != 6 {
		t.Errorf("personas: %d", len(people.Persons))
	}
}

func TestOpenNeedsItsConfiguration(t *testing.T) {
	if _, err := Open(Config{}); err == nil {
		t.Error("Open accepted an empty configuration")
	}
}

func TestAccountsAreHonoured(t *testing.T) {
	data := folder(t)
	mine := map[string]mailbox.Account{"protocollo@milano.pec.example.it": {
		Address: "protocollo@milano.pec.example.it", User: "milano", Password: "scelta", Chamber: "milano",
	}}
	if err := state.WriteJSON(filepath.Join(data, "mailboxes.json"), mine); err != nil {
		t.Fatal(err)
	}
	w := startIn(t, data)
	if got := w.account("protocollo@milano.pec.example.it"); got.Password != "scelta" || got.User != "milano" {
		t.Errorf("account changed to user %q", got.User)
	}
	w.account("protocollo@varese.pec.example.it")
}
