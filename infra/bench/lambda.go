package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// host is Lambda's Runtime API for one instance at a time of one function: how starts and invocations are timed. Two hosts differ in nothing
// but the program they run.
type host struct {
	binary      string
	environment []string
	server      *http.Server
	address     string
	ready       chan time.Time // the instance asked for its first invocation
	events      chan []byte
	answers     chan answer
	instance    *instance
}

// instance is one process of the function.
type instance struct {
	command *exec.Cmd
	began   time.Time
	ended   chan struct{}
	output  bytes.Buffer
}

type answer struct {
	body []byte
	at   time.Time
	err  error
}

// patience bounds one start and one invocation.
const patience = 60 * time.Second

func newHost(binary string, environment []string) (*host, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	h := &host{
		binary: binary, environment: environment, address: listener.Addr().String(),
		ready: make(chan time.Time, 1), events: make(chan []byte), answers: make(chan answer, 1),
	}
	const api = "/2018-06-01/runtime"
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+api+"/invocation/next", h.next)
	mux.HandleFunc("POST "+api+"/invocation/{id}/response", h.take(nil))
	mux.HandleFunc("POST "+api+"/invocation/{id}/error", h.take(errors.New("the function answered with an error")))
	mux.HandleFunc("POST "+api+"/init/error", h.take(errors.New("the function could not start")))
	h.server = &http.Server{Handler: mux, ReadHeaderTimeout: patience}
	go func() { _ = h.server.Serve(listener) }()
	return h, nil
}

func (h *host) close() {
	h.stop()
	_ = h.server.Close()
}

func (h *host) next(w http.ResponseWriter, r *http.Request) {
	select {
	case h.ready <- time.Now():
	default: // only the first time is waited for
	}
	select {
	case event := <-h.events:
		header := w.Header()
		header.Set("Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
		header.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(patience).UnixMilli(), 10))
		header.Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-south-1:000000000000:function:bench")
		header.Set("Lambda-Runtime-Trace-Id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0")
		header.Set("Content-Type", "application/json")
		_, _ = w.Write(event)
	case <-r.Context().Done():
	}
}

func (h *host) take(failed error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		at := time.Now()
		w.WriteHeader(http.StatusAccepted)
		if failed != nil {
			err = fmt.Errorf("%w: %s", failed, body)
		}
		h.answers <- answer{body, at, err}
	}
}

// start starts an instance and returns how long it took from before the process is made to its first request for an invocation.
func (h *host) start(ctx context.Context) (time.Duration, error) {
	select {
	case <-h.ready:
	default:
	}
	folder := filepath.Dir(h.binary)
	i := &instance{command: exec.CommandContext(ctx, h.binary), ended: make(chan struct{})}
	i.command.Dir, i.command.Stdout, i.command.Stderr = folder, &i.output, &i.output
	i.command.Env = append([]string{"AWS_LAMBDA_RUNTIME_API=" + h.address, "LAMBDA_TASK_ROOT=" + folder}, h.environment...)
	i.began = time.Now()
	if err := i.command.Start(); err != nil {
		return 0, err
	}
	go func() {
		_ = i.command.Wait()
		close(i.ended)
	}()
	h.instance = i
	select {
	case at := <-h.ready:
		return at.Sub(i.began), nil
	case wrong := <-h.answers:
		h.stop()
		return 0, wrong.err
	case <-i.ended:
		return 0, fmt.Errorf("starting %s: it ended: %s", h.binary, tail(i.output.Bytes()))
	case <-time.After(patience):
		h.stop()
		return 0, fmt.Errorf("starting %s: not ready in %s", h.binary, patience)
	}
}

// stop kills the instance and returns, when it is gone, the processor's time that it took: what else the machine does hardly changes it.
func (h *host) stop() time.Duration {
	if h.instance == nil {
		return 0
	}
	_ = h.instance.command.Process.Kill()
	<-h.instance.ended
	state := h.instance.command.ProcessState
	h.instance = nil
	if state == nil {
		return 0
	}
	return state.UserTime() + state.SystemTime()
}

// invoke runs the function once and returns its answer, and how long it took: from when the event was there to when the answer was.
func (h *host) invoke(event []byte) ([]byte, time.Duration, error) {
	limit := time.NewTimer(patience)
	defer limit.Stop()
	began := time.Now()
	select {
	case h.events <- event:
	case <-h.instance.ended:
		return nil, 0, fmt.Errorf("invoking %s: it has ended: %s", h.binary, tail(h.instance.output.Bytes()))
	case <-limit.C:
		return nil, 0, fmt.Errorf("invoking %s: it takes no event", h.binary)
	}
	select {
	case a := <-h.answers:
		return a.body, a.at.Sub(began), a.err
	case <-h.instance.ended:
		return nil, 0, fmt.Errorf("invoking %s: it ended: %s", h.binary, tail(h.instance.output.Bytes()))
	case <-limit.C:
		return nil, 0, fmt.Errorf("invoking %s: no answer in %s", h.binary, patience)
	}
}

// tail is the end of what a program printed.
func tail(text []byte) string {
	const most = 600
	return string(bytes.TrimSpace(text[max(0, len(text)-most):]))
}

// exists tells whether a program is there, and what makes it.
func exists(file string) error {
	if _, err := os.Stat(file); err != nil {
		return fmt.Errorf("not built (make built): %w", err)
	}
	return nil
}
