package chamberprotocol

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"sportello/infra/local/outside/calls"
	"sportello/infra/local/outside/state"
)

type desk struct {
	*System
	t      *testing.T
	server *httptest.Server
}

func open(t *testing.T, dir string) *desk {
	t.Helper()
	log, err := calls.Open(filepath.Join(dir, "registers.json"), state.Clock{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(Config{Dir: dir, KeyFile: filepath.Join(dir, "keys.json"), Calls: log, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	s.Routes(mux)
	d := &desk{s, t, httptest.NewServer(mux)}
	t.Cleanup(d.server.Close)
	return d
}

func (d *desk) call(method, path, body string, header ...string) (int, string) {
	d.t.Helper()
	req, err := http.NewRequest(method, d.server.URL+path, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+d.keys["varese"])
	for n := 0; n < len(header); n += 2 {
		req.Header.Set(header[n], header[n+1])
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return resp.StatusCode, string(raw)
}

const place = "/protocollo-camera/varese/registrazioni"

func document(reference string) string {
	return `{"riferimento":"` + reference + `","flusso":"E","oggetto":"Istanza","impronta":"` + strings.Repeat("a", 64) +
		`","repertorio":{"registro":"PROT-VA","numero":"0000007","data":"2026-11-23"}}`
}

// register asks for a number, with an Idempotency-Key if there is one.
func (d *desk) register(reference, key string) (int, string) {
	d.t.Helper()
	if key == "" {
		return d.call("POST", place, document(reference))
	}
	return d.call("POST", place, document(reference), "Idempotency-Key", key)
}

func (d *desk) numbers(reference string) []string {
	d.t.Helper()
	status, body := d.call("GET", place+"?riferimento="+reference, "")
	var out struct {
		Items []struct {
			Number string `json:"numero"`
		} `json:"registrazioni"`
	}
	if err := json.Unmarshal([]byte(body), &out); err != nil || status != http.StatusOK {
		d.t.Fatalf("%d %s: %v", status, body, err)
	}
	list := []string{}
	for _, i := range out.Items {
		list = append(list, i.Number)
	}
	return list
}

func TestOneNumberForAKey(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	first, body := d.register("e1", "e1")
	if second, again := d.register("e1", "e1"); first != http.StatusCreated || second != http.StatusOK || again != body || !strings.Contains(body, `"0000001"`) {
		t.Errorf("%d %s, then %d %s", first, body, second, again)
	}
	if status, _ := d.register("e2", "e1"); status != http.StatusConflict {
		t.Errorf("another document under the key: %d", status)
	}
	d = open(t, dir)
	d.register("e2", "")
	d.register("e2", "")
	if got := d.numbers("e2"); len(got) != 2 || got[0] != "0000002" || got[1] != "0000003" {
		t.Errorf("without a key, after a restart: %v", got)
	}
}

func TestOutcomes(t *testing.T) {
	for outcome, want := range map[string]struct{ status, kept, again int }{
		Normal: {201, 1, 200}, Error: {503, 0, 201}, Lost: {502, 1, 200}, Duplicate: {201, 2, 200}, Never: {202, 0, 202}, Refuse: {422, 0, 201},
	} {
		d := open(t, t.TempDir())
		if status, body := d.call("POST", "/control/protocol", `{"next":"`+outcome+`"}`); status != http.StatusOK {
			t.Fatalf("%d %s", status, body)
		}
		status, _ := d.register("e1", "e1")
		kept := len(d.numbers("e1"))
		if again, _ := d.register("e1", "e1"); status != want.status || kept != want.kept || again != want.again {
			t.Errorf("%s: %d, %d kept, then %d; want %+v", outcome, status, kept, again, want)
		}
	}
}

func TestNumberedByHand(t *testing.T) {
	d := open(t, t.TempDir())
	if err := d.SetNext(Never); err != nil {
		t.Fatal(err)
	}
	d.register("e1", "e1")
	_, body := d.call("GET", "/protocollo", "")
	if !strings.Contains(body, "in attesa") || !strings.Contains(body, "<h1>") {
		t.Errorf("page: %s", body)
	}
	form := url.Values{"number": {d.All()[0].ID}}.Encode()
	status, _ := d.call("POST", "/protocollo", form, "Content-Type", "application/x-www-form-urlencoded")
	if status != http.StatusSeeOther || len(d.numbers("e1")) != 1 {
		t.Errorf("%d, %v", status, d.numbers("e1"))
	}
	if status, _ = d.call("POST", "/control/protocol", `{"number":"nessuno"}`); status != http.StatusBadRequest {
		t.Errorf("a number for nothing: %d", status)
	}
}

func TestStrangersAndNonsense(t *testing.T) {
	d := open(t, t.TempDir())
	if status, _ := d.call("POST", place, document("e1"), "Authorization", "Bearer x"); status != http.StatusUnauthorized {
		t.Errorf("a stranger: %d", status)
	}
	if status, _ := d.call("GET", "/protocollo-camera/roma/registrazioni?riferimento=x", "", "Authorization", "Bearer "); status != http.StatusUnauthorized {
		t.Errorf("no such chamber: %d", status)
	}
	for _, body := range []string{"{", "{}", strings.Replace(document("e1"), "aaaa", "zzzz", 1)} {
		if status, _ := d.call("POST", place, body); status != http.StatusBadRequest {
			t.Errorf("%s: %d", body, status)
		}
	}
	if err := d.Calls.SetMode(Service, calls.Down); err != nil {
		t.Fatal(err)
	}
	if status, _ := d.register("e1", "e1"); status != http.StatusServiceUnavailable {
		t.Errorf("down: %d", status)
	}
}
