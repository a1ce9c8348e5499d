package timestamp

import (
	"bytes"
	"errors"
	"math/big"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/notaryproject/tspclient-go"
	"github.com/notaryproject/tspclient-go/pki"

	"sportello/shared/platform/timestamp/timestamptest"
)

func client(t *testing.T, a *timestamptest.TSA, roots []byte) *Client {
	t.Helper()
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	c, err := New(Config{URL: server.URL + "/tsa", Roots: roots})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTokenIsGivenAndHolds(t *testing.T) {
	a := timestamptest.New(t, timestamptest.Good)
	c := client(t, a, a.Roots)
	content := []byte("il sigillo del giorno")
	token, err := c.Stamp(t.Context(), content)
	if err != nil {
		t.Fatal(err)
	}
	at, err := c.Verify(t.Context(), token, content)
	if err != nil || time.Since(at).Abs() > time.Minute {
		t.Errorf("verified: %v, %v", at, err)
	}
	if _, err := c.Verify(t.Context(), token, []byte("altro")); !errors.Is(err, ErrToken) {
		t.Errorf("about something else: %v", err)
	}
	for n := range token {
		bent := bytes.Clone(token)
		bent[n] ^= 0x10
		// Some bytes are vouched for by nobody (tags that a reader may overlook, the root's copy); the time never is among them.
		if got, err := c.Verify(t.Context(), bent, content); err == nil && !got.Equal(at) {
			t.Fatalf("byte %d changed the time unseen", n)
		}
	}
}

func TestWhatIsNotBelieved(t *testing.T) {
	good := timestamptest.New(t, timestamptest.Good)
	for name, test := range map[string]struct {
		kind timestamptest.Kind
		bend func(*timestamptest.TSA)
		// roots are others than its own
		strange bool
		want    error
	}{
		"down":                 {bend: func(a *timestamptest.TSA) { a.Down = true }, want: ErrUnavailable},
		"waiting":              {bend: func(a *timestamptest.TSA) { a.Status = pki.StatusWaiting }, want: ErrUnavailable},
		"no time source":       {bend: func(a *timestamptest.TSA) { a.Status, a.Fail = pki.StatusRejection, 14 }, want: ErrUnavailable},
		"system failure":       {bend: func(a *timestamptest.TSA) { a.Status, a.Fail = pki.StatusRejection, 25 }, want: ErrUnavailable},
		"refused":              {bend: func(a *timestamptest.TSA) { a.Status, a.Fail = pki.StatusRejection, 2 }, want: ErrRefused},
		"another nonce":        {bend: bend(func(i *tspclient.TSTInfo) { i.Nonce = big.NewInt(5) }), want: ErrToken},
		"no nonce":             {bend: bend(func(i *tspclient.TSTInfo) { i.Nonce = nil }), want: ErrToken},
		"another imprint":      {bend: bend(func(i *tspclient.TSTInfo) { i.MessageImprint.HashedMessage[3] ^= 1 }), want: ErrToken},
		"another version":      {bend: bend(func(i *tspclient.TSTInfo) { i.Version = 2 }), want: ErrToken},
		"time of long ago":     {bend: func(a *timestamptest.TSA) { a.Skew = -time.Hour }, want: ErrToken},
		"time to come":         {bend: func(a *timestamptest.TSA) { a.Skew = time.Hour }, want: ErrToken},
		"purpose not critical": {kind: timestamptest.NotCritical, want: ErrToken},
		"another purpose":      {kind: timestamptest.OtherPurpose, want: ErrToken},
		"another root":         {strange: true, want: ErrToken},
	} {
		t.Run(name, func(t *testing.T) {
			a := timestamptest.New(t, test.kind)
			if test.bend != nil {
				test.bend(a)
			}
			roots := a.Roots
			if test.strange {
				roots = good.Roots
			}
			if _, err := client(t, a, roots).Stamp(t.Context(), []byte("contenuto")); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

func bend(do func(*tspclient.TSTInfo)) func(*timestamptest.TSA) {
	return func(a *timestamptest.TSA) { a.Bend = do }
}

func TestConfiguration(t *testing.T) {
	good := timestamptest.New(t, timestamptest.Good)
	for name, c := range map[string]Config{"no URL": {Roots: good.Roots}, "no roots": {URL: "http://x"}, "no PEM": {URL: "http://x", Roots: []byte("x")}} {
		if _, err := New(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// A stranger's tool reads the same.
func TestOpenSSL(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not on this machine: the token is checked by our own reading alone")
	}
	a := timestamptest.New(t, timestamptest.Good)
	content := []byte("il sigillo del giorno")
	token, err := client(t, a, a.Roots).Stamp(t.Context(), content)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, data := range map[string][]byte{"data": content, "token": token, "ca.pem": a.Roots} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.Command(openssl, "ts", "-verify", "-data", "data", "-in", "token", "-token_in", "-CAfile", "ca.pem")
	command.Dir = dir
	if out, err := command.CombinedOutput(); err != nil {
		t.Errorf("openssl ts: %v\n%s", err, out)
	}
}
