package outside

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/smallstep/pkcs7"

	"sportello/infra/local/outside/preservation"
	"sportello/infra/local/outside/state"
)

func bundle(t *testing.T, text string) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	f, err := z.Create("index.xml")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func (w *world) keeperHeader() http.Header {
	w.t.Helper()
	var c preservation.Credentials
	if _, err := state.ReadJSON(filepath.Join(w.data, "preservation.json"), &c); err != nil {
		w.t.Fatal(err)
	}
	basic := base64.StdEncoding.EncodeToString([]byte(c.User + ":" + c.Password))
	return http.Header{"Authorization": {"Basic " + basic}, "Content-Type": {"application/zip"}}
}

func (w *world) deposit(id string, raw []byte) (*http.Response, []byte) {
	w.t.Helper()
	h := w.keeperHeader()
	sum := sha256.Sum256(raw)
	h["Idempotency-Key"] = []string{id}
	h["Digest"] = []string{"SHA-256=" + base64.StdEncoding.EncodeToString(sum[:])}
	return w.do("POST", "/conservazione/packages", h, bytes.NewReader(raw))
}

type packageState struct {
	ID, State, SHA256, Reason string
	Receipts                  int
}

func (w *world) packageState(id string) packageState {
	w.t.Helper()
	resp, body := w.do("GET", "/conservazione/packages/"+id, w.keeperHeader(), nil)
	wantStatus(w.t, resp, body, http.StatusOK)
	var s packageState
	decode(w.t, body, &s)
	return s
}

func TestPackageIsPreserved(t *testing.T) {
	w := start(t)
	raw := bundle(t, "fascicolo")
	resp, body := w.deposit("pdv-1", raw)
	wantStatus(t, resp, body, http.StatusAccepted)
	eventually(t, "preservation", func() bool { return w.packageState("pdv-1").State == "preserved" })
	resp, p7m := w.do("GET", "/conservazione/packages/pdv-1/receipt", w.keeperHeader(), nil)
	wantStatus(t, resp, p7m, http.StatusOK)
	p7, err := pkcs7.Parse(p7m)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pem, err := os.ReadFile(filepath.Join(w.data, "preservation-ca.pem"))
	if err != nil || !pool.AppendCertsFromPEM(pem) {
		t.Fatal(err)
	}
	if err := p7.VerifyWithChain(pool); err != nil {
		t.Errorf("report: %v", err)
	}
	var report struct {
		Package string `xml:"IdPacchetto"`
		Time    string `xml:"DataOra"`
		Digest  string `xml:"Impronta"`
	}
	if err := xml.Unmarshal(p7.Content, &report); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(raw)
	if report.Package != "pdv-1" || report.Digest != base64.StdEncoding.EncodeToString(sum[:]) || !strings.HasSuffix(report.Time, "Z") {
		t.Errorf("report: %+v", report)
	}
	if got := w.packageState("pdv-1").SHA256; got != hex.EncodeToString(sum[:]) {
		t.Errorf("digest %s", got)
	}
}

func TestPackageIsIdempotent(t *testing.T) {
	w := start(t)
	raw := bundle(t, "uno")
	for range 2 {
		resp, body := w.deposit("pdv-1", raw)
		wantStatus(t, resp, body, http.StatusAccepted)
	}
	resp, body := w.deposit("pdv-1", bundle(t, "due"))
	wantStatus(t, resp, body, http.StatusConflict)
	w.stop()
	again := startIn(t, w.data)
	resp, body = again.deposit("pdv-1", raw)
	wantStatus(t, resp, body, http.StatusAccepted)
	eventually(t, "preservation", func() bool { return again.packageState("pdv-1").State == "preserved" })
	if got := again.packageState("pdv-1").Receipts; got != 1 {
		t.Errorf("%d reports, want 1", got)
	}
}

func TestPackageRefusals(t *testing.T) {
	w := start(t)
	raw := bundle(t, "x")
	h := w.keeperHeader()
	h["Idempotency-Key"] = []string{"a"}
	cases := map[string]struct {
		change func(http.Header)
		want   int
	}{
		"wrong digest":   {func(h http.Header) { h.Set("Digest", "SHA-256="+base64.StdEncoding.EncodeToString(make([]byte, 32))) }, http.StatusUnprocessableEntity},
		"no digest":      {func(http.Header) {}, http.StatusBadRequest},
		"other digest":   {func(h http.Header) { h.Set("Digest", "MD5=xx") }, http.StatusBadRequest},
		"no id":          {func(h http.Header) { h.Del("Idempotency-Key") }, http.StatusBadRequest},
		"bad id":         {func(h http.Header) { h.Set("Idempotency-Key", "../x") }, http.StatusBadRequest},
		"wrong password": {func(h http.Header) { h.Set("Authorization", "Basic eDp5") }, http.StatusUnauthorized},
	}
	for name, c := range cases {
		h := h.Clone()
		c.change(h)
		resp, body := w.do("POST", "/conservazione/packages", h, bytes.NewReader(raw))
		if resp.StatusCode != c.want {
			t.Errorf("%s: %d %s, want %d", name, resp.StatusCode, body, c.want)
		}
	}
	resp, body := w.do("GET", "/conservazione/packages/niente", w.keeperHeader(), nil)
	wantStatus(t, resp, body, http.StatusNotFound)
}

func TestPreservationFailureValues(t *testing.T) {
	w := start(t)
	put := func(next, id string, status int) {
		t.Helper()
		w.control("POST", "/control/preservation", map[string]string{"next": next}, nil, http.StatusOK)
		resp, body := w.deposit(id, bundle(t, id))
		wantStatus(t, resp, body, status)
	}
	put("refuse", "a1", http.StatusAccepted)
	eventually(t, "refusal", func() bool { return w.packageState("a1").State == "refused" })
	if w.packageState("a1").Reason == "" {
		t.Error("refused without a reason")
	}
	put("twice", "a2", http.StatusAccepted)
	eventually(t, "two reports", func() bool { return w.packageState("a2").Receipts == 2 })
	_, first := w.do("GET", "/conservazione/packages/a2/receipt?n=1", w.keeperHeader(), nil)
	_, second := w.do("GET", "/conservazione/packages/a2/receipt?n=2", w.keeperHeader(), nil)
	if bytes.Equal(first, second) {
		t.Error("the two reports are one")
	}
	put("never", "a3", http.StatusAccepted)
	w.keeper.Advance()
	resp, body := w.do("GET", "/conservazione/packages/a3/receipt", w.keeperHeader(), nil)
	wantStatus(t, resp, body, http.StatusNotFound)
	w.control("POST", "/control/packages/a3/decision", map[string]bool{"refuse": false}, nil, http.StatusOK)
	if got := w.packageState("a3").State; got != "preserved" {
		t.Errorf("decided by hand: %s", got)
	}
	put("error", "a4", http.StatusServiceUnavailable)
	resp, body = w.deposit("a4", bundle(t, "a4"))
	wantStatus(t, resp, body, http.StatusAccepted)
	put("lost", "a5", http.StatusBadGateway)
	resp, body = w.deposit("a5", bundle(t, "a5"))
	wantStatus(t, resp, body, http.StatusAccepted)
	put("delay", "a6", http.StatusAccepted)
	w.keeper.Advance()
	if got := w.packageState("a6").State; got != "received" {
		t.Errorf("delay: %s", got)
	}
	if err := os.WriteFile(filepath.Join(w.data, "clock"), []byte("90000000"), 0o600); err != nil { // 25 hours
		t.Fatal(err)
	}
	w.keeper.Advance()
	if got := w.packageState("a6").State; got != "preserved" {
		t.Errorf("a day later: %s", got)
	}
	resp, body = w.deposit("caso-refuse-1", bundle(t, "m"))
	wantStatus(t, resp, body, http.StatusAccepted)
	eventually(t, "refusal by marker", func() bool { return w.packageState("caso-refuse-1").State == "refused" })
}
