package road

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"time"
)

// Browser is a persona at a chamber's host, with cookies, as a browser would be; or another client of the APIs.
type Browser struct {
	client *http.Client
	base   string // http://<chamber>.localhost:port
}

// transport finds every *.localhost on this machine, as browsers do (RFC 6761).
var transport = &http.Transport{
	MaxIdleConnsPerHost: 8,
	DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(address)
		if err == nil && (host == "localhost" || strings.HasSuffix(host, ".localhost")) {
			address = net.JoinHostPort("127.0.0.1", port)
		}
		return (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, network, address)
	},
}

// timeout bounds one request of anybody.
const timeout = 60 * time.Second

// OpenBrowser opens a chamber's host; nobody is signed in.
func OpenBrowser(c *Cloud, chamber string) *Browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		panic(err) // documented never to happen
	}
	return &Browser{client: &http.Client{Jar: jar, Transport: transport, Timeout: timeout}, base: host(c, chamber)}
}

func host(c *Cloud, chamber string) string {
	return strings.Replace(c.Portal, "://", "://"+chamber+".", 1)
}

// Reopen is the same browser, cookies and all, at the address that the cloud has now.
func (b *Browser) Reopen(c *Cloud, chamber string) { b.base = host(c, chamber) }

// Anonymous is a client of the same host without cookies.
func (b *Browser) Anonymous() *Browser {
	return &Browser{client: &http.Client{Transport: transport, Timeout: timeout}, base: b.base}
}

// OpenOffice is a chamber's own system, which comes through the door of the API key.
func OpenOffice(c *Cloud, key, officer string) *Browser {
	return &Browser{client: &http.Client{Transport: keyed{key, officer}, Timeout: timeout}, base: c.Portal}
}

// keyed adds the key to requests that go to the portal.
type keyed struct{ key, officer string }

func (k keyed) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasPrefix(r.URL.Path, "/chamber/") {
		r = r.Clone(r.Context())
		r.Header.Set("X-Api-Key", k.key)
		r.Header.Set("X-Officer", k.officer)
	}
	return transport.RoundTrip(r)
}

// Login signs a persona in at an identity provider, following the browser's redirects.
func (b *Browser) Login(ctx context.Context, provider, persona string) error {
	client := *b.client // the same cookies; other requests may be under way
	client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if strings.HasSuffix(r.URL.Path, "/authorize") {
			return http.ErrUseLastResponse // here a person chooses who they are
		}
		return nil
	}
	start, err := http.NewRequestWithContext(ctx, "GET", b.base+"/api/v1/login?provider="+provider+"&return=/area-personale/", nil)
	if err != nil {
		return err
	}
	answer, err := client.Do(start)
	if err != nil {
		return err
	}
	answer.Body.Close()
	authorize, err := answer.Location()
	if err != nil {
		return fmt.Errorf("signing in: the portal does not send to the identity provider: %s", answer.Status)
	}
	form := authorize.Query()
	form.Set("persona", persona)
	authorize.RawQuery = ""
	request, err := http.NewRequestWithContext(ctx, "POST", authorize.String(), strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	last, err := b.client.Do(request)
	if err != nil {
		return fmt.Errorf("signing in: %w", err)
	}
	last.Body.Close()
	if refused := last.Request.URL.Query().Get("errore"); refused != "" {
		return fmt.Errorf("signing in: refused: %s", refused)
	}
	if last.StatusCode >= http.StatusInternalServerError {
		return &Problem{Status: last.StatusCode, Detail: last.Status, path: "GET " + last.Request.URL.Path}
	}
	return b.Get(ctx, "/api/v1/session", nil)
}

// Problem is an RFC 9457 answer.
type Problem struct {
	Status int    `json:"status"`
	Type   string `json:"type"`
	Detail string `json:"detail"`
	Errors []struct {
		Pointer string `json:"pointer"`
		Detail  string `json:"detail"`
	} `json:"errors"`
	path string
}

func (p *Problem) Error() string {
	return fmt.Sprintf("%s: %d %s %v", p.path, p.Status, p.Detail, p.Errors)
}

// Status returns the HTTP status of an error that is a Problem, else 0.
func Status(err error) int {
	var p *Problem
	if errors.As(err, &p) {
		return p.Status
	}
	return 0
}

// Send makes a request and returns the answer as it is; the caller closes its body.
func (b *Browser) Send(ctx context.Context, method, path string, body any, header http.Header) (*http.Response, error) {
	var reader io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		reader = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, method, b.base+path, reader)
	if err != nil {
		return nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	request.Header.Set("X-Requested-With", "sportello")
	for name, values := range header {
		request.Header[name] = values
	}
	return b.client.Do(request)
}

// Call makes a request and decodes the answer into out (nil: thrown away). An answer from 400 on is a Problem.
func (b *Browser) Call(ctx context.Context, method, path string, in, out any, header http.Header) error {
	answer, err := b.Send(ctx, method, path, in, header)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode >= 400 {
		p := &Problem{path: method + " " + path}
		_ = json.Unmarshal(data, p)
		p.Status = answer.StatusCode
		if p.Detail == "" {
			p.Detail = string(data)
		}
		return p
	}
	if out == nil || len(data) == 0 {
		return nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}

// Get asks for a resource.
func (b *Browser) Get(ctx context.Context, path string, out any) error {
	return b.Call(ctx, "GET", path, nil, out, nil)
}

// Post posts in as JSON.
func (b *Browser) Post(ctx context.Context, path string, in, out any) error {
	return b.Call(ctx, "POST", path, in, out, nil)
}

// Download fetches a document through its redirect and returns its bytes.
func (b *Browser) Download(ctx context.Context, path string) ([]byte, error) {
	answer, err := b.Send(ctx, "GET", path, nil, nil)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = &Problem{Status: answer.StatusCode, Detail: answer.Status, path: "GET " + path}
	}
	return data, err
}

// Upload declares a file under path, puts its bytes as it is told to, and completes it. It returns the file's id.
func (b *Browser) Upload(ctx context.Context, path, field, name, mediaType string, data []byte) (string, error) {
	sum := sha256.Sum256(data)
	claim := map[string]any{"name": name, "size": len(data), "sha256": hex.EncodeToString(sum[:]), "mediaType": mediaType}
	if field != "" {
		claim["field"] = field
	}
	var declared struct {
		ID     string
		Upload struct {
			URL, Method string
			Headers     map[string]string
		}
	}
	if err := b.Post(ctx, path, claim, &declared); err != nil {
		return "", err
	}
	request, err := http.NewRequestWithContext(ctx, declared.Upload.Method, declared.Upload.URL, bytes.NewReader(data))
	if err != nil {
		return "", err
	}
	for name, value := range declared.Upload.Headers {
		request.Header.Set(name, value)
	}
	answer, err := b.client.Do(request)
	if err != nil {
		return "", err
	}
	text, _ := io.ReadAll(answer.Body)
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK && answer.StatusCode != http.StatusPreconditionFailed {
		return "", fmt.Errorf("uploading %s: %s %s", name, answer.Status, text)
	}
	return declared.ID, b.Post(ctx, path+"/"+declared.ID+"/completion", map[string]any{}, nil)
}

// UUID makes a random UUID, such as an Idempotency-Key.
func UUID() string {
	raw := make([]byte, 16)
	_, _ = rand.Read(raw) // never fails
	raw[6], raw[8] = raw[6]&0x0f|0x40, raw[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", raw[:4], raw[4:6], raw[6:8], raw[8:10], raw[10:])
}
