package provider

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/shared/platform/cms/cmstest"
	"sportello/shared/platform/partner"
)

// keeper is a small preservation provider: it keeps packages by id, and signs a receipt once it is told that it has preserved one.
type keeper struct {
	t         *testing.T
	authority *cmstest.Authority

	mu       sync.Mutex
	packages map[string][]byte
	states   map[string]State
	unsigned map[string]bool
	down     bool
	lose     int // how many times to take the package and answer nothing
}

func newKeeper(t *testing.T) (*keeper, *Client) {
	k := &keeper{
		t: t, authority: cmstest.New(t, "Conservatore", time.Now().Add(-time.Hour)),
		packages: map[string][]byte{}, states: map[string]State{}, unsigned: map[string]bool{},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /conservazione/packages", k.deposit)
	mux.HandleFunc("GET /conservazione/packages/{id}", k.state)
	mux.HandleFunc("GET /conservazione/packages/{id}/receipt", k.receipt)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		k.mu.Lock()
		defer k.mu.Unlock()
		user, password, _ := r.BasicAuth()
		switch {
		case k.down:
			w.WriteHeader(503)
		case user != "sportello" || password != "segreto":
			w.WriteHeader(401)
		default:
			mux.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	client, err := New(Config{URL: server.URL + "/conservazione/", User: "sportello", Password: "segreto", Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return k, client
}

// set changes what the provider will do.
func (k *keeper) set(do func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	do()
}

func (k *keeper) deposit(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	digest := sha256.Sum256(body)
	id := r.Header.Get("Idempotency-Key")
	switch {
	case err != nil || id == "" || r.Header.Get("Content-Type") != "application/zip":
		w.WriteHeader(400)
		return
	case r.Header.Get("Digest") != "SHA-256="+base64.StdEncoding.EncodeToString(digest[:]) || len(body) == 0:
		w.WriteHeader(422)
		return
	}
	if old, ok := k.packages[id]; ok && string(old) != string(body) {
		w.WriteHeader(409)
		return
	}
	if _, ok := k.packages[id]; !ok {
		k.packages[id], k.states[id] = body, Received
	}
	if k.lose > 0 {
		k.lose--
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(202)
	json.NewEncoder(w).Encode(map[string]string{"id": id, "state": string(k.states[id])})
}

func (k *keeper) state(w http.ResponseWriter, r *http.Request) {
	state, ok := k.states[r.PathValue("id")]
	if !ok {
		w.WriteHeader(404)
		return
	}
	json.NewEncoder(w).Encode(map[string]string{"id": r.PathValue("id"), "state": string(state), "reason": "Formato\n non ammesso"})
}

func (k *keeper) receipt(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if k.unsigned[id] {
		w.WriteHeader(404)
		return
	}
	digest := sha256.Sum256(k.packages[id])
	w.Write(k.authority.Enveloped(k.t, []byte(report(id, base64.StdEncoding.EncodeToString(digest[:])))))
}

func report(id, digest string) string {
	return fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?>
<RapportoVersamento xmlns="urn:prova"><IdRapporto>RDV-1</IdRapporto><IdPacchetto>%s</IdPacchetto><DataOra>2026-11-22T10:00:00.000Z</DataOra>
<Esito>POSITIVO</Esito><Impronta algoritmo="SHA-256" codifica="base64">%s</Impronta></RapportoVersamento>`, id, digest)
}

func TestPackageIsPreserved(t *testing.T) {
	k, c := newKeeper(t)
	zip := []byte("PK\x03\x04 il fascicolo")
	digest := sha256.Sum256(zip)
	if got, err := c.Receipt(t.Context(), "app-1"); err != nil || got.State != Unknown {
		t.Fatalf("before: %+v, %v", got, err)
	}
	for range 2 { // handing over twice is handing over once
		if err := c.Deposit(t.Context(), "app-1", zip); err != nil {
			t.Fatal(err)
		}
	}
	if len(k.packages) != 1 {
		t.Errorf("%d packages", len(k.packages))
	}
	if got, err := c.Receipt(t.Context(), "app-1"); err != nil || got.State != Received || got.P7M != nil {
		t.Fatalf("while waiting: %+v, %v", got, err)
	}
	k.states["app-1"], k.unsigned["app-1"] = Preserved, true
	if got, err := c.Receipt(t.Context(), "app-1"); err != nil || got.State != Received {
		t.Fatalf("before the receipt is signed: %+v, %v", got, err)
	}
	k.unsigned["app-1"] = false
	got, err := c.Receipt(t.Context(), "app-1")
	if err != nil || got.State != Preserved {
		t.Fatalf("%+v, %v", got, err)
	}
	trust, err := NewTrust(k.authority.PEM)
	if err != nil {
		t.Fatal(err)
	}
	checked, err := trust.Verify(got.P7M, "app-1", digest, time.Now())
	want := Report{ID: "RDV-1", Package: "app-1", At: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)}
	if diff := cmp.Diff(want, checked); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

func TestDepositErrors(t *testing.T) {
	k, c := newKeeper(t)
	if err := c.Deposit(t.Context(), "app-1", []byte("one")); err != nil {
		t.Fatal(err)
	}
	if err := c.Deposit(t.Context(), "app-1", []byte("two")); !errors.Is(err, ErrConflict) {
		t.Errorf("other bytes: %v", err)
	}
	if err := c.Deposit(t.Context(), "app-2", nil); !errors.Is(err, ErrRefused) {
		t.Errorf("empty: %v", err)
	}
	k.set(func() { k.lose = 10 }) // net/http itself repeats a request with an Idempotency-Key when a kept connection breaks
	if err := c.Deposit(t.Context(), "app-3", []byte("three")); !errors.Is(err, ErrUnavailable) {
		t.Errorf("answer lost: %v", err)
	}
	k.set(func() { k.lose = 0 })
	if err := c.Deposit(t.Context(), "app-3", []byte("three")); err != nil {
		t.Errorf("handed over again: %v", err)
	}
	k.set(func() { k.down = true })
	if err := c.Deposit(t.Context(), "app-4", []byte("four")); !errors.Is(err, ErrUnavailable) {
		t.Errorf("down: %v", err)
	}
	if _, err := c.Receipt(t.Context(), "app-1"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("down: %v", err)
	}
	k.set(func() { k.down = false })
	c.config.Password = "sbagliata"
	if err := c.Deposit(t.Context(), "app-1", []byte("one")); !errors.Is(err, partner.ErrAnswer) {
		t.Errorf("wrong password: %v", err)
	}
}

func TestRefusedPackage(t *testing.T) {
	k, c := newKeeper(t)
	if err := c.Deposit(t.Context(), "app-1", []byte("one")); err != nil {
		t.Fatal(err)
	}
	k.set(func() { k.states["app-1"] = Refused })
	if got, err := c.Receipt(t.Context(), "app-1"); err != nil || got.State != Refused || got.Reason != "Formato non ammesso" {
		t.Errorf("%+v, %v", got, err)
	}
	k.set(func() { k.states["app-1"] = "archived" })
	if _, err := c.Receipt(t.Context(), "app-1"); !errors.Is(err, partner.ErrAnswer) {
		t.Errorf("a state nobody agreed on: %v", err)
	}
}

func TestReceiptsNotBelieved(t *testing.T) {
	authority, stranger := cmstest.New(t, "Conservatore", time.Now().Add(-time.Hour)), cmstest.New(t, "Estraneo", time.Now().Add(-time.Hour))
	trust, err := NewTrust(authority.PEM)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256([]byte("package"))
	right := base64.StdEncoding.EncodeToString(digest[:])
	changed := func(old, new string) []byte {
		good := report("app-1", right)
		if !strings.Contains(good, old) {
			t.Fatalf("%q is not in the receipt", old)
		}
		return authority.Enveloped(t, []byte(strings.Replace(good, old, new, 1)))
	}
	for name, p7m := range map[string][]byte{
		"a stranger's":           stranger.Enveloped(t, []byte(report("app-1", right))),
		"another package":        authority.Enveloped(t, []byte(report("app-2", right))),
		"another digest":         authority.Enveloped(t, []byte(report("app-1", base64.StdEncoding.EncodeToString(make([]byte, 32))))),
		"no digest":              authority.Enveloped(t, []byte(report("app-1", ""))),
		"not XML":                authority.Enveloped(t, []byte("POSITIVO")),
		"no time":                changed("<DataOra>2026-11-22T10:00:00.000Z</DataOra>", ""),
		"a time not in UTC":      changed("10:00:00.000Z", "11:00:00.000+01:00"),
		"no name":                changed("<IdRapporto>RDV-1</IdRapporto>", "<IdRapporto> </IdRapporto>"),
		"no outcome":             changed("<Esito>POSITIVO</Esito>", ""),
		"negative":               changed("POSITIVO", "NEGATIVO"),
		"other algorithm":        changed(`algoritmo="SHA-256"`, `algoritmo="MD5"`),
		"two, one of them wrong": changed("</RapportoVersamento>", "<Impronta>AAAA</Impronta></RapportoVersamento>"),
		"no receipt at all":      []byte("ricevuta"),
	} {
		if got, err := trust.Verify(p7m, "app-1", digest, time.Now()); !errors.Is(err, ErrReceipt) || got != (Report{}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	hexadecimal := authority.Enveloped(t, []byte(report("app-1", hex.EncodeToString(digest[:]))))
	if _, err := trust.Verify(hexadecimal, "app-1", digest, time.Now()); err != nil {
		t.Errorf("digest in hexadecimal: %v", err)
	}
}
