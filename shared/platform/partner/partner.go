// Package partner makes the HTTP calls to the services of others: with a time limit on each, a limit on what is read, no redirects, and
// errors that say whether trying later can help. Their addresses hold tax codes, so no error here repeats one.
package partner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// DefaultTimeout bounds one call, connection and body included, when a Config names none. A person is waiting at most of them, and an
// HTTP API ends at 30 s.
const DefaultTimeout = 8 * time.Second

// DefaultLimit is how much of an answer is read when a Config names no other limit.
const DefaultLimit = 4 << 20

// ErrUnavailable is returned, wrapped, when the partner did not answer, or answered that it cannot now (429, 5xx). Nothing can be
// concluded about what was asked; the same call may succeed later.
var ErrUnavailable = errors.New("partner unavailable")

// ErrAnswer is returned, wrapped, for an answer that is not what the partner's specification says. Trying again will not help.
var ErrAnswer = errors.New("partner answered something else")

// Config says how to call. The zero Config is usable but for the Name.
type Config struct {
	Name    string        // of the service, for errors and logs: "INAD"
	HTTP    *http.Client  // nil: a client of its own
	Timeout time.Duration // 0: DefaultTimeout
	Limit   int64         // bytes of an answer; 0: DefaultLimit
}

// Caller calls one partner. It may be used by several goroutines.
type Caller struct {
	name    string
	http    *http.Client
	timeout time.Duration
	limit   int64
}

// New makes a Caller.
func New(config Config) *Caller {
	c := &Caller{name: config.Name, timeout: config.Timeout, limit: config.Limit, http: &http.Client{}}
	if config.HTTP != nil {
		copied := *config.HTTP
		c.http = &copied
	}
	if c.timeout <= 0 {
		c.timeout = DefaultTimeout
	}
	if c.limit <= 0 {
		c.limit = DefaultLimit
	}
	// A redirect would carry a tax code, a token or a file to an address nobody agreed on.
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c
}

// Answer is what a partner said, read to the end.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Do makes a call. Statuses below 500 other than 429 are answers, whatever they say; all else is ErrUnavailable.
func (c *Caller) Do(ctx context.Context, req *http.Request) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	resp, err := c.http.Do(req.WithContext(ctx))
	if err != nil {
		return Answer{}, c.unavailable(Plain(err))
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, c.limit+1))
	switch {
	case err != nil:
		return Answer{}, c.unavailable(err)
	case resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests:
		return Answer{}, c.unavailable(fmt.Errorf("status %d", resp.StatusCode))
	case int64(len(body)) > c.limit:
		return Answer{}, fmt.Errorf("calling %s: %w: longer than %d bytes", c.name, ErrAnswer, c.limit)
	}
	return Answer{Status: resp.StatusCode, Header: resp.Header, Body: body}, nil
}

func (c *Caller) unavailable(err error) error {
	return fmt.Errorf("calling %s: %w: %w", c.name, ErrUnavailable, err)
}

// Unexpected is the error for an answer the caller has no use for.
func (c *Caller) Unexpected(a Answer) error {
	return fmt.Errorf("calling %s: %w: status %d", c.name, ErrAnswer, a.Status)
}

// Malformed is the error for an answer whose body cannot be read. The cause must not repeat the body.
func (c *Caller) Malformed(cause error) error {
	return fmt.Errorf("calling %s: %w: %w", c.name, ErrAnswer, cause)
}

// Plain strips the address that net/http puts into its errors.
func Plain(err error) error {
	var called *url.Error
	if errors.As(err, &called) {
		err = called.Err
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return errors.New("no answer in time")
	}
	return err
}
