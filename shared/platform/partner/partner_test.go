package partner

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestDo(t *testing.T) {
	release := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/ok", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("yes")) })
	mux.HandleFunc("/missing", http.NotFound)
	mux.HandleFunc("/down", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	mux.HandleFunc("/busy", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(429) })
	mux.HandleFunc("/elsewhere", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/ok", http.StatusFound) })
	mux.HandleFunc("/long", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(strings.Repeat("x", 100))) })
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) { <-release })
	mux.HandleFunc("/cut", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "10")
		w.Write([]byte("half"))
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	defer close(release)
	caller := New(Config{Name: "PROVA", Timeout: 200 * time.Millisecond, Limit: 50})
	for path, c := range map[string]struct {
		status int
		err    error
	}{
		"/ok": {200, nil}, "/missing": {404, nil}, "/elsewhere": {302, nil},
		"/down": {0, ErrUnavailable}, "/busy": {0, ErrUnavailable}, "/slow": {0, ErrUnavailable}, "/cut": {0, ErrUnavailable},
		"/long": {0, ErrAnswer},
	} {
		req, _ := http.NewRequest("GET", server.URL+path+"?cf=RSSMRA80A01H501U", nil)
		answer, err := caller.Do(t.Context(), req)
		if !errors.Is(err, c.err) || answer.Status != c.status {
			t.Errorf("%s: %d, %v", path, answer.Status, err)
		}
		if err != nil && (strings.Contains(err.Error(), "RSSMRA") || !strings.Contains(err.Error(), "PROVA")) {
			t.Errorf("%s: error %q repeats the address or does not name the partner", path, err)
		}
	}
}

func TestNobodyThere(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	req, _ := http.NewRequest("GET", server.URL+"/extract/RSSMRA80A01H501U", nil)
	_, err := New(Config{Name: "PROVA"}).Do(t.Context(), req)
	if !errors.Is(err, ErrUnavailable) || strings.Contains(err.Error(), "RSSMRA") {
		t.Errorf("%v", err)
	}
}
