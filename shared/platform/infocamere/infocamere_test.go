package infocamere_test

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"sportello/shared/platform/infocamere"
	"sportello/shared/platform/infocamere/infocameretest"
	"sportello/shared/platform/jws/jwstest"
	"sportello/shared/platform/partner"
)

func session(t *testing.T, s *infocameretest.Server, now func() time.Time) *infocamere.Session {
	t.Helper()
	session, err := infocamere.New(infocamere.Config{
		Name: "PROVA", URL: s.URL + "/", ClientID: infocameretest.ClientID, Signer: jwstest.New(t), Certificate: [][]byte{certificate(t)},
		Timeout: time.Second, Now: now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return session
}

// certificate is a self-signed one for the client's key, as x5c carries it.
func certificate(t *testing.T) []byte {
	t.Helper()
	key := jwstest.New(t)
	template := x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func get(t *testing.T, s *infocamere.Session, path string) (string, int, infocamere.Failure, error) {
	var out struct{ Said string }
	status, failure, err := s.Call(t.Context(), http.MethodGet, path, url.Values{"x": {"1"}}, nil, &out)
	return out.Said, status, failure, err
}

func TestTokenIsSharedAndRenewed(t *testing.T) {
	server := infocameretest.New(t)
	server.Handle("GET /hello", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("x") != "1" || r.Header.Get("scope") != infocamere.DefaultScope {
			t.Errorf("called %s with scope %q", r.URL, r.Header.Get("scope"))
		}
		json.NewEncoder(w).Encode(map[string]string{"said": "yes"})
	})
	now := time.Now()
	s := session(t, server, func() time.Time { return now })
	for range 3 {
		if said, _, _, err := get(t, s, "/hello"); said != "yes" || err != nil {
			t.Fatal(said, err)
		}
	}
	if server.Tokens() != 1 {
		t.Errorf("%d tokens for three calls", server.Tokens())
	}
	server.Revoke() // a token refused before its time is replaced, once
	if said, _, _, err := get(t, s, "/hello"); said != "yes" || err != nil || server.Tokens() != 2 {
		t.Errorf("after revocation: %q, %v, %d tokens", said, err, server.Tokens())
	}
	now = now.Add(time.Hour)
	if _, _, _, err := get(t, s, "/hello"); err != nil || server.Tokens() != 3 {
		t.Errorf("after expiry: %v, %d tokens", err, server.Tokens())
	}
}

func TestAnswers(t *testing.T) {
	server := infocameretest.New(t)
	server.Handle("GET /missing", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(404)
		w.Write([]byte(`{"code":404,"description":"Mario Rossi non trovato"}`)) // a number here, a string elsewhere
	})
	server.Handle("GET /page", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(404)
		w.Write([]byte(`<html>not this service</html>`))
	})
	server.Handle("GET /garbage", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(`<html>`)) })
	server.Handle("GET /never", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) })
	server.Handle("GET /down", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	s := session(t, server, nil)
	if _, status, failure, err := get(t, s, "/missing"); status != 404 || failure.Code != "404" || err != nil {
		t.Errorf("missing: %d %v %v", status, failure, err)
	}
	for path, want := range map[string]error{
		"/page": partner.ErrAnswer, "/garbage": partner.ErrAnswer, "/never": partner.ErrAnswer, "/down": partner.ErrUnavailable,
	} {
		if _, _, _, err := get(t, s, path); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
	}
}

func TestAuthenticationFails(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter)
		want   error
	}{
		"down":     {func(w http.ResponseWriter) { w.WriteHeader(503) }, partner.ErrUnavailable},
		"refused":  {func(w http.ResponseWriter) { w.WriteHeader(401) }, partner.ErrAnswer},
		"a page":   {func(w http.ResponseWriter) { w.Write([]byte("<html> </html>")) }, partner.ErrAnswer},
		"no token": {func(w http.ResponseWriter) { w.Write([]byte(`""`)) }, partner.ErrAnswer},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { c.answer(w) }))
		s, err := infocamere.New(infocamere.Config{Name: "PROVA", URL: server.URL, ClientID: "c", Signer: jwstest.New(t)})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, _, err := get(t, s, "/hello/RSSMRA80A01H501U"); !errors.Is(err, c.want) || strings.Contains(err.Error(), "RSSMRA") {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		server.Close()
	}
	if _, err := infocamere.New(infocamere.Config{Name: "PROVA", URL: "http://x"}); err == nil {
		t.Error("no error for a configuration without client and key")
	}
}
