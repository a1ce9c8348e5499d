package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"sportello/infra/local/fault"
	"sportello/infra/local/schedule"
)

// control is the API that moves the clock, fires schedules, kills functions
// and makes their calls fail. It is for tests and for the demo, on loopback.
func (s *Supervisor) control() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, f func(*http.Request) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			out, err := f(r)
			answer(w, out, err)
		})
	}
	handle("GET /status", s.status)
	handle("GET /clock", s.readClock)
	handle("POST /clock", s.moveClock)
	handle("POST /schedules/{name}/fire", s.fire)
	handle("GET /schedules", func(*http.Request) (any, error) { return map[string]any{"items": s.scheduler.Names()}, nil })
	handle("POST /functions/{id}/kill", s.kill)
	handle("POST /functions/{id}/invoke", s.invoke)
	handle("POST /queues/wipe", s.wipe)
	handle("GET /queues", s.queueStatus)
	handle("GET /grants", func(*http.Request) (any, error) {
		return map[string]any{"used": s.ledger.Used(), "unused": s.ledger.Unused(), "refused": s.guard.Refused()}, nil
	})
	handle("GET /calls", func(*http.Request) (any, error) { return map[string]any{"items": s.guard.Calls()}, nil })
	handle("GET /functions/{id}/environment", s.environmentOf)
	handle("POST /faults", s.addFault)
	handle("GET /faults", func(*http.Request) (any, error) { return map[string]any{"items": s.faults.List()}, nil })
	handle("DELETE /faults", func(*http.Request) (any, error) { s.faults.Clear(); return map[string]any{}, nil })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A page that someone reads meanwhile must not move our clock: browsers
		// say where a request comes from, tests and the demo do not.
		if r.Header.Get("Origin") != "" {
			answer(w, nil, mistake{http.StatusForbidden, errors.New("not from a browser")})
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// mistake is an error of the caller.
type mistake struct {
	status int
	err    error
}

func (m mistake) Error() string { return m.err.Error() }

func answer(w http.ResponseWriter, out any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		status := http.StatusInternalServerError
		var m mistake
		if errors.As(err, &m) {
			status = m.status
		}
		w.WriteHeader(status)
		out = map[string]string{"error": err.Error()}
	}
	_ = json.NewEncoder(w).Encode(out)
}

func decode(r *http.Request, v any) error {
	d := json.NewDecoder(http.MaxBytesReader(nil, r.Body, 1<<20))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return mistake{http.StatusBadRequest, err}
	}
	return nil
}

func (s *Supervisor) status(*http.Request) (any, error) {
	functions := []any{}
	for _, f := range s.cloud.Functions {
		functions = append(functions, s.pools[f.ID].Status())
	}
	programs := map[string]int{"outside": s.outside.process.PID()}
	for _, p := range s.emulators.Processes() {
		programs[p.Name] = p.PID()
	}
	return map[string]any{"addresses": s.addresses, "functions": functions, "programs": programs}, nil
}

func (s *Supervisor) readClock(*http.Request) (any, error) {
	return map[string]any{"offsetMs": s.clock.Offset().Milliseconds(), "now": s.clock.Now().UTC().Format("2006-01-02T15:04:05.000Z")}, nil
}

func (s *Supervisor) moveClock(r *http.Request) (any, error) {
	var in struct {
		Advance  string `json:"advance"`
		OffsetMs *int64 `json:"offsetMs"`
	}
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	var err error
	switch {
	case in.OffsetMs != nil:
		err = s.clock.Set(time.Duration(*in.OffsetMs) * time.Millisecond)
	default:
		d, wrong := time.ParseDuration(in.Advance)
		if wrong != nil {
			return nil, mistake{http.StatusBadRequest, wrong}
		}
		err = s.clock.Advance(d)
	}
	if err != nil {
		return nil, err
	}
	return s.readClock(r)
}

func (s *Supervisor) fire(r *http.Request) (any, error) {
	err := s.scheduler.Fire(r.PathValue("name"))
	if errors.Is(err, schedule.ErrUnknown) {
		return nil, mistake{http.StatusNotFound, err}
	}
	return map[string]any{}, err
}

func (s *Supervisor) kill(r *http.Request) (any, error) {
	pool, ok := s.pools[r.PathValue("id")]
	if !ok {
		return nil, mistake{http.StatusNotFound, fmt.Errorf("there is no function %s", r.PathValue("id"))}
	}
	return map[string]int{"killed": pool.Kill()}, nil
}

// environmentOf is what a function's instance is started with, for who starts one of their own to measure it.
func (s *Supervisor) environmentOf(r *http.Request) (any, error) {
	f, ok := s.functions[r.PathValue("id")]
	if !ok {
		return nil, mistake{http.StatusNotFound, fmt.Errorf("there is no function %s", r.PathValue("id"))}
	}
	variables, err := s.environment(f, 0)
	return map[string]any{"environment": variables}, err
}

// invoke runs a function with the body as its event and waits for the answer.
func (s *Supervisor) invoke(r *http.Request) (any, error) {
	pool, ok := s.pools[r.PathValue("id")]
	if !ok {
		return nil, mistake{http.StatusNotFound, fmt.Errorf("there is no function %s", r.PathValue("id"))}
	}
	payload, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, 6<<20))
	if err != nil || !json.Valid(payload) {
		return nil, mistake{http.StatusBadRequest, errors.New("the event is not JSON")}
	}
	result, err := pool.Invoke(r.Context(), payload)
	if err != nil {
		return nil, err
	}
	return map[string]any{"failed": result.Failed, "payload": json.RawMessage(result.Payload)}, nil
}

func (s *Supervisor) wipe(r *http.Request) (any, error) {
	return map[string]any{}, s.clients.Wipe(r.Context(), s.cloud.Queues)
}

// queueStatus counts the messages of each queue.
func (s *Supervisor) queueStatus(r *http.Request) (any, error) {
	ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
	defer cancel()
	counts, err := s.clients.Count(ctx, s.cloud.Queues)
	return map[string]any{"items": counts}, err
}

func (s *Supervisor) addFault(r *http.Request) (any, error) {
	if !s.config.Faults {
		return nil, mistake{http.StatusConflict, errors.New("the local cloud was not started with --faults")}
	}
	var f fault.Fault
	if err := decode(r, &f); err != nil {
		return nil, err
	}
	if _, ok := s.pools[f.Function]; !ok {
		return nil, mistake{http.StatusNotFound, fmt.Errorf("there is no function %q", f.Function)}
	}
	id, err := s.faults.Add(f)
	if err != nil {
		return nil, mistake{http.StatusBadRequest, err}
	}
	return map[string]string{"id": id}, nil
}
