package fault

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Proxy passes the calls of one function instance to one HTTP service.
type Proxy struct {
	set      *Set
	victim   Victim
	upstream *url.URL
	client   *http.Transport
	server   *http.Server
	listener net.Listener
}

// NewProxy listens on a free loopback port. Upstream is the service's address;
// the Host header is passed on as it came, so that signatures hold.
func NewProxy(set *Set, victim Victim, upstream string) (*Proxy, error) {
	target, err := url.Parse(upstream)
	if err != nil {
		return nil, fmt.Errorf("starting fault proxy: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("starting fault proxy: %w", err)
	}
	p := &Proxy{
		set: set, victim: victim, upstream: target, listener: listener,
		client: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 16, IdleConnTimeout: 30 * time.Second},
	}
	p.server = &http.Server{Handler: p, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = p.server.Serve(listener) }()
	return p, nil
}

// Address is where the function finds the service.
func (p *Proxy) Address() string { return "http://" + p.listener.Addr().String() }

// Close stops listening.
func (p *Proxy) Close() {
	_ = p.server.Close()
	p.client.CloseIdleConnections()
}

func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	service, action := operation(r)
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
	// The body is whole in memory: it goes out with its length, which is what
	// S3 wants too.
	out.TransferEncoding = nil
	out.Header.Del("Expect")
	response, err := p.client.RoundTrip(out)
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

// operation names the service and the operation of a request.
func operation(r *http.Request) (service, action string) {
	target, operation, found := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if !found {
		return "s3", objectOperation(r)
	}
	switch {
	case strings.HasPrefix(target, "DynamoDB"):
		return "dynamodb", operation
	case target == "AmazonSQS":
		return "sqs", operation
	case target == "TrentService":
		return "kms", operation
	case target == "AmazonSSM":
		return "ssm", operation
	}
	return strings.ToLower(target), operation
}

// objectOperation names the S3 operation of a request addressed by path.
func objectOperation(r *http.Request) string {
	_, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	query := r.URL.Query()
	if key == "" {
		switch {
		case r.Method == http.MethodGet && query.Has("versions"):
			return "ListObjectVersions"
		case r.Method == http.MethodGet:
			return "ListObjectsV2"
		case r.Method == http.MethodHead:
			return "HeadBucket"
		case r.Method == http.MethodPost && query.Has("delete"):
			return "DeleteObjects"
		}
		return r.Method + "Bucket"
	}
	for _, sub := range []struct{ query, name string }{
		{"retention", "ObjectRetention"}, {"legal-hold", "ObjectLegalHold"}, {"tagging", "ObjectTagging"}, {"attributes", "ObjectAttributes"},
	} {
		if query.Has(sub.query) {
			return strings.ToUpper(r.Method[:1]) + strings.ToLower(r.Method[1:]) + sub.name
		}
	}
	switch r.Method {
	case http.MethodPut:
		switch {
		case query.Has("uploadId"):
			return "UploadPart"
		case r.Header.Get("X-Amz-Copy-Source") != "":
			return "CopyObject"
		}
		return "PutObject"
	case http.MethodPost:
		if query.Has("uploads") {
			return "CreateMultipartUpload"
		}
		return "CompleteMultipartUpload"
	case http.MethodHead:
		return "HeadObject"
	case http.MethodDelete:
		return "DeleteObject"
	}
	return "GetObject"
}
