package runtime

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"sportello/infra/local/process"
)

// slot is a place for one instance at a time, with a Runtime API of its own:
// that is how an invocation finds its instance and an instance its invocation.
type slot struct {
	number   int
	address  string
	server   *http.Server
	mu       sync.Mutex
	instance *instance
	closed   bool
}

func newSlot(number int) (*slot, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("opening the Runtime API: %w", err)
	}
	s := &slot{number: number, address: listener.Addr().String()}
	mux := http.NewServeMux()
	const api = "/2018-06-01/runtime"
	mux.HandleFunc("GET "+api+"/invocation/next", s.next)
	mux.HandleFunc("POST "+api+"/invocation/{id}/response", s.response)
	mux.HandleFunc("POST "+api+"/invocation/{id}/error", s.failure)
	mux.HandleFunc("POST "+api+"/init/error", s.initFailure)
	s.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.server.Serve(listener) }()
	return s, nil
}

func (s *slot) start(c Config) (*instance, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	environment, err := c.Environment(s.number)
	if err != nil {
		return nil, err
	}
	i := &instance{
		slot: s, config: c, ready: make(chan struct{}), initError: make(chan []byte, 1),
		next: make(chan *invocation),
	}
	i.process, err = process.Start(process.Config{
		Name: c.Name, Path: c.Binary, Dir: filepath.Dir(c.Binary), Output: c.Output,
		Env: append(environment, "AWS_LAMBDA_RUNTIME_API="+s.address, "LAMBDA_TASK_ROOT="+filepath.Dir(c.Binary)),
	})
	if err != nil {
		return nil, err
	}
	s.instance = i
	return i, nil
}

func (s *slot) current() *instance {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.instance
}

// clear forgets i and says whether it was the slot's instance.
func (s *slot) clear(i *instance) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.instance != i {
		return false
	}
	s.instance = nil
	return true
}

func (s *slot) kill() bool {
	i := s.current()
	if i == nil || !i.alive() {
		return false
	}
	i.kill()
	<-i.process.Done()
	return true
}

func (s *slot) pid() int {
	if i := s.current(); i != nil && i.alive() {
		return i.process.PID()
	}
	return 0
}

func (s *slot) close() {
	s.mu.Lock()
	s.closed = true
	i := s.instance
	s.mu.Unlock()
	if i != nil {
		i.kill()
		<-i.process.Done()
	}
	_ = s.server.Close()
}

// instance is one running process of a function.
type instance struct {
	slot      *slot
	config    Config
	process   *process.Process
	once      sync.Once
	ready     chan struct{} // closed at the first request for an invocation
	initError chan []byte
	next      chan *invocation

	mu      sync.Mutex
	running *invocation
}

// invocation is one event on its way through an instance.
type invocation struct {
	id       string
	payload  []byte
	deadline time.Time
	answer   chan Result
}

func (i *instance) alive() bool {
	select {
	case <-i.process.Done():
		return false
	default:
		return true
	}
}

func (i *instance) kill() { i.process.Kill() }

// invoke runs one invocation and says whether the instance can take another.
func (i *instance) invoke(payload []byte) (Result, bool) {
	if result, ok := i.started(); !ok {
		return result, false
	}
	now := time.Now()
	v := &invocation{id: requestID(), payload: payload, deadline: now.Add(i.config.Timeout), answer: make(chan Result, 1)}
	i.mu.Lock()
	i.running = v
	i.mu.Unlock()
	defer func() {
		i.mu.Lock()
		i.running = nil
		i.mu.Unlock()
	}()
	timeout := time.NewTimer(i.config.Timeout)
	defer timeout.Stop()
	next := i.next
	for {
		select {
		case next <- v:
			next = nil
		case result := <-v.answer:
			return result, true
		case <-i.process.Done():
			select {
			case result := <-v.answer:
				return result, false
			default:
				return i.exited(v.id), false
			}
		case <-timeout.C:
			i.kill()
			fmt.Fprintf(i.config.Output, "%s Task timed out after %.2f seconds\n", v.id, i.config.Timeout.Seconds())
			return failed("Sandbox.Timedout", fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds", v.id, i.config.Timeout.Seconds())), false
		}
	}
}

// started waits until the instance has asked for its first invocation.
func (i *instance) started() (Result, bool) {
	select {
	case <-i.ready:
		return Result{}, true
	default:
	}
	limit := time.NewTimer(i.config.InitTimeout)
	defer limit.Stop()
	select {
	case <-i.ready:
		return Result{}, true
	case document := <-i.initError:
		i.kill()
		return Result{Payload: document, Failed: true}, false
	case <-i.process.Done():
		select {
		case document := <-i.initError:
			return Result{Payload: document, Failed: true}, false
		default:
			return i.exited(requestID()), false
		}
	case <-limit.C:
		i.kill()
		return failed("Sandbox.Timedout", fmt.Sprintf("RequestId: %s Error: Init timed out after %.2f seconds", requestID(), i.config.InitTimeout.Seconds())), false
	}
}

func (i *instance) exited(id string) Result {
	how := "exit status 0"
	if err := i.process.Err(); err != nil {
		how = err.Error()
	}
	fmt.Fprintf(i.config.Output, "%s Runtime exited: %s\n", id, how)
	return failed("Runtime.ExitError", fmt.Sprintf("RequestId: %s Error: Runtime exited with error: %s", id, how))
}

// largest is Lambda's limit for a synchronous answer.
const largest = 6 << 20

func (s *slot) next(w http.ResponseWriter, r *http.Request) {
	i := s.current()
	if i == nil {
		http.Error(w, "no instance", http.StatusGone)
		return
	}
	i.once.Do(func() { close(i.ready) })
	select {
	case <-r.Context().Done():
	case <-i.process.Done():
	case v := <-i.next:
		h := w.Header()
		h.Set("Lambda-Runtime-Aws-Request-Id", v.id)
		h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(v.deadline.UnixMilli(), 10))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", i.config.ARN)
		h.Set("Lambda-Runtime-Trace-Id", traceID())
		h.Set("Content-Type", "application/json")
		_, _ = w.Write(v.payload)
	}
}

// running is the invocation with this id, if it is still waited for.
func (s *slot) running(id string) *invocation {
	i := s.current()
	if i == nil {
		return nil
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.running == nil || i.running.id != id {
		return nil
	}
	return i.running
}

func (s *slot) response(w http.ResponseWriter, r *http.Request) {
	s.finish(w, r, func(body []byte) Result { return Result{Payload: body} })
}

func (s *slot) failure(w http.ResponseWriter, r *http.Request) {
	s.finish(w, r, func(body []byte) Result { return Result{Payload: body, Failed: true} })
}

func (s *slot) finish(w http.ResponseWriter, r *http.Request, result func([]byte) Result) {
	v := s.running(r.PathValue("id"))
	if v == nil {
		refuse(w, http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, largest))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		v.answer <- failed("Function.ResponseSizeTooLarge", "Response payload size exceeded maximum allowed payload size (6291556 bytes).")
		refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "the response is too large")
		return
	}
	if err != nil {
		// The process died while it answered: its end says so.
		return
	}
	select {
	case v.answer <- result(body):
		accept(w)
	default:
		refuse(w, http.StatusBadRequest, "InvalidStateTransition", "the invocation has been answered")
	}
}

func (s *slot) initFailure(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, largest))
	if i := s.current(); i != nil && err == nil {
		select {
		case i.initError <- body:
		default:
		}
	}
	accept(w)
}

func accept(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"status":"OK"}`)
}

func refuse(w http.ResponseWriter, status int, kind, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"errorType":%q,"errorMessage":%q}`, kind, message)
}
