package partner

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestPublic(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	defer server.Close()
	resp, err := Public(true).Get(server.URL)
	if err != nil {
		t.Fatalf("loopback where it is let through: %v", err)
	}
	resp.Body.Close()
	for _, address := range []string{
		server.URL, "http://localhost:1/", "http://[::1]:1/", "http://10.0.0.1/", "http://192.168.1.1/", "http://169.254.169.254/latest/meta-data/",
		"http://[fd00:ec2::254]/", "http://[::ffff:127.0.0.1]:1/", "http://0.0.0.0:1/", "http://100.64.0.1/", "http://224.0.0.1/",
	} {
		resp, err := Public(false).Get(address)
		if err == nil {
			resp.Body.Close()
		}
		if !errors.Is(err, errPrivate) {
			t.Errorf("%s: %v", address, err)
		}
	}
	if _, err := Public(true).Get("http://169.254.169.254/latest/meta-data/"); !errors.Is(err, errPrivate) {
		t.Errorf("on one computer, the metadata service: %v", err)
	}
}
