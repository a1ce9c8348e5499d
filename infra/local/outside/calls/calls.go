// Package calls keeps what was asked of the registers, for the page that shows it, and the
// switches by which a person or a test makes a register fail.
package calls

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"sportello/infra/local/outside/state"
)

// Call is one request a register answered.
type Call struct {
	At      time.Time `json:"at"`
	Service string    `json:"service"`
	Method  string    `json:"method"`
	Path    string    `json:"path"`
	Subject string    `json:"subject,omitempty"` // the code asked about
	Status  int       `json:"status"`
}

// Modes of a service.
const (
	Ok     = "ok"
	Down   = "down"   // 503 to everything
	Refuse = "refuse" // 401 to everything
	Slow   = "slow"   // answers after the delay of Log
	Never  = "never"  // takes the question and says nothing, until the caller goes away
)

// Services that have a switch.
func Services() []string {
	return []string{"registro-imprese", "inipec", "inad", "pdnd", "istituto", "checkout", "protocollo-camera"}
}

const kept = 500

// Log is the list of the last calls, which a restart forgets, and the switches, which it does not.
type Log struct {
	clock state.Clock
	file  string
	delay time.Duration

	mu    sync.Mutex
	calls []Call
	modes map[string]string
}

// Open reads the switches from a file. delay is how long a slow service takes.
func Open(file string, clock state.Clock, delay time.Duration) (*Log, error) {
	l := &Log{clock: clock, file: file, delay: delay, modes: map[string]string{}}
	if _, err := state.ReadJSON(file, &l.modes); err != nil {
		return nil, err
	}
	return l, nil
}

// SetMode turns a service's switch.
func (l *Log) SetMode(service, mode string) error {
	if !slices.Contains(Services(), service) {
		return fmt.Errorf("servizio %q sconosciuto", service)
	}
	if !slices.Contains([]string{Ok, Down, Refuse, Slow, Never}, mode) {
		return fmt.Errorf("modo %q sconosciuto", mode)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.modes[service] = mode
	return state.WriteJSON(l.file, l.modes)
}

// Modes returns the switch of every service.
func (l *Log) Modes() map[string]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := map[string]string{}
	for _, s := range Services() {
		out[s] = l.mode(s)
	}
	return out
}

func (l *Log) mode(service string) string {
	if m := l.modes[service]; m != "" {
		return m
	}
	return Ok
}

// Recent returns the last calls, newest first.
func (l *Log) Recent() []Call {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := slices.Clone(l.calls)
	slices.Reverse(out)
	return out
}

// Handler records each call of a service and obeys its switch. The path values cf and cfPersona,
// when the pattern has them, tell whom the call was about.
func (l *Log) Handler(service string, h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		rec := &recorder{ResponseWriter: w, status: http.StatusOK}
		defer func() { l.record(service, r, rec.status) }()
		l.mu.Lock()
		mode := l.mode(service)
		l.mu.Unlock()
		switch mode {
		case Down:
			http.Error(rec, `{"code":"503","description":"Servizio non disponibile"}`, http.StatusServiceUnavailable)
			return
		case Refuse:
			http.Error(rec, `{"code":"401","description":"Utente non abilitato al servizio"}`, http.StatusUnauthorized)
			return
		case Slow:
			select {
			case <-time.After(l.delay):
			case <-r.Context().Done():
				rec.status = 499
				return
			}
		case Never:
			<-r.Context().Done()
			rec.status = 499
			return
		}
		h(rec, r)
	}
}

func (l *Log) record(service string, r *http.Request, status int) {
	subject := r.PathValue("cf")
	if subject == "" {
		subject = r.PathValue("cfPersona")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = append(l.calls, Call{
		At: l.clock.Now(), Service: service, Method: r.Method, Path: r.URL.Path, Subject: subject, Status: status,
	})
	if over := len(l.calls) - kept; over > 0 {
		l.calls = slices.Delete(l.calls, 0, over)
	}
}

type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}
