// Package infocameretest plays InfoCamere's services for tests: it checks assertions and tokens as they do, and leaves the answers to
// the test.
package infocameretest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"sportello/shared/platform/jws"
	"sportello/shared/platform/jws/jwstest"
)

// ClientID is the one registered client, whose key is jwstest's.
const ClientID = "sportello-di-prova"

// Server is one InfoCamere service.
type Server struct {
	URL string
	t   testing.TB
	mux *http.ServeMux
	key jwstest.Key

	mu     sync.Mutex
	valid  map[string]bool
	seen   map[string]bool // jti of assertions: each is good once
	tokens int
}

// New starts a server that stops with the test.
func New(t testing.TB) *Server {
	s := &Server{t: t, mux: http.NewServeMux(), key: jwstest.New(t), valid: map[string]bool{}, seen: map[string]bool{}}
	s.mux.HandleFunc("POST /authentication", s.authenticate)
	server := httptest.NewServer(s.mux)
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

// Handle answers calls that carry a valid token.
func (s *Server) Handle(pattern string, answer http.HandlerFunc) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		ok := s.valid[r.Header.Get("Authorization")]
		s.mu.Unlock()
		if !ok || r.Header.Get("scope") == "" || r.URL.Query().Get("client_id") != ClientID {
			w.WriteHeader(http.StatusUnauthorized)
			w.Write([]byte(`{"code":"401","message":"Unauthorized"}`))
			return
		}
		answer(w, r)
	})
}

// Tokens is how many tokens were given; Revoke makes all of them worthless.
func (s *Server) Tokens() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tokens
}

func (s *Server) Revoke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.valid)
}

func (s *Server) authenticate(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var claims struct {
		Iss, Sub, Aud, Jti, Scope string
		Exp                       int64
	}
	assertion, err := jose.ParseSignedCompact(string(body), []jose.SignatureAlgorithm{jose.RS256})
	if err == nil {
		var payload []byte
		if payload, err = assertion.Verify(&s.key.PublicKey); err == nil {
			err = json.Unmarshal(payload, &claims)
		}
	}
	life := time.Until(time.Unix(claims.Exp, 0))
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil || claims.Iss != ClientID || claims.Sub != ClientID || claims.Aud != s.URL || claims.Scope == "" || s.seen[claims.Jti] || life < 0 {
		s.t.Logf("assertion refused: %v", err)
		w.WriteHeader(http.StatusUnauthorized)
		w.Write([]byte(`{"code":"401","message":"Unauthorized"}`))
		return
	}
	s.seen[claims.Jti] = true
	s.tokens++
	token := jws.ID()
	s.valid["Bearer "+token] = true
	json.NewEncoder(w).Encode(token)
}
