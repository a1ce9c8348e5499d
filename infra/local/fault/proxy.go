package fault

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"time"

	"sportello/infra/local/operation"
)

// Proxy passes the calls of one function instance to one HTTP service.
type Proxy struct {
	set      *Set
	victim   Victim
	name     func(*http.Request) (service, action string)
	upstream *url.URL
	next     http.RoundTripper
	server   *http.Server
	listener net.Listener
}

// NewProxy listens on a free loopback port. Upstream is the service's address,
// reached by next; the Host header is passed on as it came, so that signatures
// hold.
func NewProxy(set *Set, victim Victim, upstream string, next http.RoundTripper) (*Proxy, error) {
	target, err := url.Parse(upstream)
	if err != nil {
		return nil, fmt.Errorf("starting fault proxy: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("starting fault proxy: %w", err)
	}
	p := &Proxy{set: set, victim: victim, upstream: target, listener: listener, next: next, name: operation.Of}
	p.server = &http.Server{Handler: p, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = p.server.Serve(listener) }()
	return p, nil
}

// Institute is the payment institute among the services: money moves there too.
const Institute = "institute"

// NewInstitute is a proxy before the payment institute.
func NewInstitute(set *Set, victim Victim, upstream string) (*Proxy, error) {
	p, err := NewProxy(set, victim, upstream, http.DefaultTransport)
	if err == nil {
		p.name = func(r *http.Request) (string, string) { return Institute, r.Method }
	}
	return p, err
}

// Address is where the function finds the service.
func (p *Proxy) Address() string { return "http://" + p.listener.Addr().String() }

// Close stops listening.
func (p *Proxy) Close() { _ = p.server.Close() }

func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	service, action := p.name(r)
	f, struck := p.set.Find(Call{
		Function: p.victim.Function, Service: service, Action: action, Content: []string{string(body), r.URL.RequestURI()},
	})
	if struck && f.When == "before" {
		p.strike(w, f, service)
		return
	}
	response, content, err := p.forward(r, body)
	if struck {
		p.strike(w, f, service)
		return
	}
	if err != nil {
		hangUp(w)
		return
	}
	maps.Copy(w.Header(), response.Header)
	w.WriteHeader(response.StatusCode)
	_, _ = w.Write(content)
}

// forward makes the call and reads the whole answer: "after" means that the
// service has done its work.
func (p *Proxy) forward(r *http.Request, body []byte) (*http.Response, []byte, error) {
	out := r.Clone(r.Context())
	out.URL.Scheme, out.URL.Host, out.RequestURI = p.upstream.Scheme, p.upstream.Host, ""
	out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	// The body is whole in memory: it goes out with its length, which is what
	// S3 wants too.
	out.TransferEncoding = nil
	out.Header.Del("Expect")
	response, err := p.next.RoundTrip(out)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	return response, content, err
}

func (p *Proxy) strike(w http.ResponseWriter, f Fault, service string) {
	switch f.Effect {
	case "kill":
		p.victim.Kill()
		hangUp(w)
	case "drop":
		hangUp(w)
	case "error":
		refuse(w, service)
	}
}

// hangUp closes the connection without an answer.
func hangUp(w http.ResponseWriter) {
	if h, ok := w.(http.Hijacker); ok {
		if connection, _, err := h.Hijack(); err == nil {
			if tcp, ok := connection.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0)
			}
			_ = connection.Close()
		}
	}
}

// refuse answers a retryable server error in the service's own words.
func refuse(w http.ResponseWriter, service string) {
	if service == "s3" {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>InternalError</Code><Message>We encountered an internal error. Please try again.</Message></Error>`)
		return
	}
	kind := map[string]string{"sqs": "InternalError", "kms": "KMSInternalException"}[service]
	if kind == "" {
		kind = "InternalServerError"
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.Header().Set("X-Amzn-Errortype", kind)
	w.WriteHeader(http.StatusInternalServerError)
	_, _ = fmt.Fprintf(w, `{"__type":%q,"message":"Internal error"}`, kind)
}
