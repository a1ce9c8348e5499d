// Package infocamere holds a session with the services of InfoCamere (Registro Imprese and INI-PEC), which share one way of proving who
// calls: a signed assertion is exchanged for a token, and the token goes with each call.
package infocamere

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"sportello/shared/platform/jws"
	"sportello/shared/platform/partner"
)

// Config says with whom and as whom to speak.
type Config struct {
	Name        string        // of the service, for errors: "Registro Imprese"
	URL         string        // base address, required
	ClientID    string        // as registered with InfoCamere, required
	Scope       string        // of the service, required by its specification; DefaultScope if empty
	Signer      jws.Signer    // the registered key, required
	Certificate [][]byte      // DER of the key's certificate and its chain, sent as x5c; may be absent
	HTTP        *http.Client  // nil: one of its own
	Timeout     time.Duration // of one call; 0: partner.DefaultTimeout
	Now         func() time.Time
}

// DefaultScope is the scope of InfoCamere's services for public bodies.
const DefaultScope = "pa"

// Session makes authenticated calls. It may be used by several goroutines.
type Session struct {
	config Config
	caller *partner.Caller

	mu     sync.Mutex
	token  string
	expiry time.Time
}

// assertionLife is how long an assertion of ours is good for: 360 s, as InfoCamere's own generator has it.
const assertionLife = 360 * time.Second

// New checks the configuration. Nothing is called yet.
func New(config Config) (*Session, error) {
	if config.URL == "" || config.ClientID == "" || config.Signer == nil {
		return nil, errors.New("configuring " + config.Name + ": URL, ClientID and Signer are required")
	}
	config.URL = strings.TrimSuffix(config.URL, "/")
	if config.Scope == "" {
		config.Scope = DefaultScope
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	return &Session{config: config, caller: partner.New(partner.Config{Name: config.Name, HTTP: config.HTTP, Timeout: config.Timeout})}, nil
}

// Failure is what an answer that reports one says of itself, whatever its status. Empty: it reports none.
type Failure struct{ Code string }

// failureOf reads the code, which the specification has as a string in one place and as a number in another.
func failureOf(body []byte) Failure {
	var f struct {
		Code any `json:"code"`
	}
	if json.Unmarshal(body, &f) != nil || f.Code == nil {
		return Failure{}
	}
	return Failure{Code: fmt.Sprint(f.Code)}
}

// Call makes one call and decodes a 200 into out. Any other answer is returned with what it says of itself; only errors of
// package partner come as errors. path is joined to the base address, and its variable parts must be escaped.
func (s *Session) Call(ctx context.Context, method, path string, query url.Values, body, out any) (int, Failure, error) {
	answer, err := s.authenticated(ctx, method, path, query, body)
	if err != nil {
		return 0, Failure{}, err
	}
	failure := failureOf(answer.Body)
	if answer.Status != http.StatusOK {
		if failure.Code == "" {
			return answer.Status, failure, s.caller.Unexpected(answer) // not from the service: a wrong address, a proxy
		}
		return answer.Status, failure, nil
	}
	if err := json.Unmarshal(answer.Body, out); err != nil {
		return answer.Status, failure, s.caller.Malformed(errors.New("not the JSON of the specification"))
	}
	return answer.Status, failure, nil
}

// authenticated makes the call with a token, and once more with a fresh one if the first was refused: tokens may be revoked early.
func (s *Session) authenticated(ctx context.Context, method, path string, query url.Values, body any) (partner.Answer, error) {
	var payload []byte
	if body != nil {
		var err error
		if payload, err = json.Marshal(body); err != nil {
			return partner.Answer{}, err
		}
	}
	for attempt := 0; ; attempt++ {
		token, err := s.bearer(ctx, attempt > 0)
		if err != nil {
			return partner.Answer{}, err
		}
		req, err := s.request(method, path, query, payload)
		if err != nil {
			return partner.Answer{}, err
		}
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("scope", s.config.Scope)
		answer, err := s.caller.Do(ctx, req)
		if err != nil || answer.Status != http.StatusUnauthorized || attempt > 0 {
			return answer, err
		}
	}
}

func (s *Session) request(method, path string, query url.Values, payload []byte) (*http.Request, error) {
	q := url.Values{"client_id": {s.config.ClientID}}
	for name, values := range query {
		q[name] = values
	}
	req, err := http.NewRequest(method, s.config.URL+path+"?"+q.Encode(), strings.NewReader(string(payload)))
	if err != nil {
		return nil, errors.New("calling " + s.config.Name + ": address malformed")
	}
	req.Header.Set("Accept", "application/json")
	if payload != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// bearer returns the token of the session. The lock is held through the exchange, so that one is made however many calls wait.
func (s *Session) bearer(ctx context.Context, fresh bool) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.config.Now()
	if !fresh && now.Before(s.expiry) {
		return s.token, nil
	}
	s.token, s.expiry = "", time.Time{}
	assertion, err := s.assertion(ctx, now)
	if err != nil {
		return "", err
	}
	req, err := s.request(http.MethodPost, "/authentication", nil, []byte(assertion))
	if err != nil {
		return "", err
	}
	answer, err := s.caller.Do(ctx, req)
	if err != nil {
		return "", err
	}
	token := tokenOf(answer.Body)
	if answer.Status != http.StatusOK || token == "" {
		return "", s.caller.Unexpected(answer)
	}
	s.token, s.expiry = token, expiryOf(token, now)
	return token, nil
}

func (s *Session) assertion(ctx context.Context, now time.Time) (string, error) {
	header := map[string]any{"typ": "JWT", "use": "sig"}
	if len(s.config.Certificate) > 0 {
		header["x5c"] = s.config.Certificate // []byte marshals to the standard base64 that RFC 7515, 4.1.6 wants
	}
	return jws.Compact(ctx, s.config.Signer, header, map[string]any{
		"aud": s.config.URL, "iss": s.config.ClientID, "sub": s.config.ClientID, "scope": s.config.Scope,
		"iat": now.Unix(), "exp": now.Add(assertionLife).Unix(), "jti": jws.ID(),
	})
}

// tokenOf reads the token, which comes as a JSON string or bare.
func tokenOf(body []byte) string {
	var token string
	if json.Unmarshal(body, &token) != nil {
		token = string(body)
	}
	token = strings.TrimSpace(token)
	if strings.ContainsAny(token, " \r\n\t<>{}") {
		return "" // a page or an object, not a token
	}
	return token
}

// expiryOf is until when to use a token: half a minute less than it says of itself, and never more than five minutes.
func expiryOf(token string, now time.Time) time.Time {
	const longest, margin = 5 * time.Minute, 30 * time.Second
	expiry := now.Add(longest)
	if parts := strings.Split(token, "."); len(parts) == 3 {
		var claims struct {
			Exp int64 `json:"exp"`
		}
		payload, err := base64.RawURLEncoding.DecodeString(parts[1])
		if err == nil && json.Unmarshal(payload, &claims) == nil && claims.Exp > 0 {
			if own := time.Unix(claims.Exp, 0).Add(-margin); own.Before(expiry) {
				expiry = own
			}
		}
	}
	return expiry
}
