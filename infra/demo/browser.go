package main

import (
	"bytes"
	"context"
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

// browser is a persona at a chamber's host, with cookies, as a browser would be.
type browser struct {
	client *http.Client
	base   string // http://<chamber>.localhost:port
}

// transport finds every *.localhost on this machine, as browsers do (RFC 6761).
func transport() *http.Transport {
	return &http.Transport{
		MaxIdleConnsPerHost: 8,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			host, port, err := net.SplitHostPort(address)
			if err == nil && (host == "localhost" || strings.HasSuffix(host, ".localhost")) {
				address = net.JoinHostPort("127.0.0.1", port)
			}
			return (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, network, address)
		},
	}
}

var shared = transport()

// openBrowser opens a chamber's host; nobody is signed in.
func openBrowser(c *cloud, chamber string) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		panic(err) // documented never to happen
	}
	host := strings.Replace(c.Portal, "://", "://"+chamber+".", 1)
	return &browser{client: &http.Client{Jar: jar, Transport: shared, Timeout: 60 * time.Second}, base: host}
}

// login signs a persona in at an identity provider, following the browser's redirects.
func (b *browser) login(ctx context.Context, provider, persona string) error {
	b.client.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		if strings.HasSuffix(r.URL.Path, "/authorize") {
			return http.ErrUseLastResponse // here a person chooses who they are
		}
		return nil
	}
	defer func() { b.client.CheckRedirect = nil }()
	answer, err := b.send(ctx, "GET", "/api/v1/login?provider="+provider+"&return=/area-personale/", nil, nil)
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
	b.client.CheckRedirect = nil
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
	if errore := last.Request.URL.Query().Get("errore"); errore != "" {
		return fmt.Errorf("signing in: refused: %s", errore)
	}
	var session struct{ Person struct{ TaxCode string } }
	return b.get(ctx, "/api/v1/session", &session)
}

// problem is an RFC 9457 answer.
type problem struct {
	Status int    `json:"status"`
	Type   string `json:"type"`
	Detail string `json:"detail"`
	Errors []struct {
		Pointer string `json:"pointer"`
		Detail  string `json:"detail"`
	} `json:"errors"`
	path string
}

func (p *problem) Error() string {
	return fmt.Sprintf("%s: %d %s %v", p.path, p.Status, p.Detail, p.Errors)
}

// status returns the HTTP status of an error that is a problem, else 0.
func status(err error) int {
	var p *problem
	if errors.As(err, &p) {
		return p.Status
	}
	return 0
}

func (b *browser) send(ctx context.Context, method, path string, body any, header http.Header) (*http.Response, error) {
	var reader io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		reader = bytes.NewReader(data)
	}
	target := path
	if strings.HasPrefix(path, "/") {
		target = b.base + path
	}
	request, err := http.NewRequestWithContext(ctx, method, target, reader)
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

// call makes a request and decodes the answer into out (nil: thrown away).
func (b *browser) call(ctx context.Context, method, path string, in, out any, header http.Header) error {
	answer, err := b.send(ctx, method, path, in, header)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode >= 400 {
		p := &problem{path: method + " " + path}
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

func (b *browser) get(ctx context.Context, path string, out any) error {
	return b.call(ctx, "GET", path, nil, out, nil)
}

func (b *browser) post(ctx context.Context, path string, in, out any) error {
	return b.call(ctx, "POST", path, in, out, nil)
}

// download fetches a document through its redirect and returns its bytes.
func (b *browser) download(ctx context.Context, path string) ([]byte, error) {
	answer, err := b.send(ctx, "GET", path, nil, nil)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("downloading %s: %s", path, answer.Status)
	}
	return data, err
}

// upload declares a file under path, puts its bytes as it is told to, and completes it. It returns the file's id.
func (b *browser) upload(ctx context.Context, path, field, name, mediaType string, data []byte) (string, error) {
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
	if err := b.post(ctx, path, claim, &declared); err != nil {
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
	return declared.ID, b.post(ctx, path+"/"+declared.ID+"/completion", map[string]any{}, nil)
}

// office is a chamber's own system, which comes through the door of the API key.
func openOffice(c *cloud, key, officer string) *browser {
	return &browser{
		client: &http.Client{Transport: keyed{key, officer}, Timeout: 60 * time.Second}, base: c.Portal,
	}
}

// keyed adds the key to requests that go to the portal.
type keyed struct{ key, officer string }

func (k keyed) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasPrefix(r.URL.Path, "/chamber/") {
		r = r.Clone(r.Context())
		r.Header.Set("X-Api-Key", k.key)
		r.Header.Set("X-Officer", k.officer)
	}
	return shared.RoundTrip(r)
}
