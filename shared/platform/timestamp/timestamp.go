// Package timestamp asks a time-stamping authority (TSA) for RFC 3161 tokens, and believes none that it has not checked to the end: what was
// stamped, the nonce, the signature, the chain to the configured roots, the signer's one critical purpose, the time. Whether it is a qualified
// timestamp (Reg. (EU) 910/2014 art. 41) is a matter of which authority is asked.
package timestamp

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/notaryproject/tspclient-go"
	"github.com/notaryproject/tspclient-go/pki"

	"sportello/shared/platform/partner"
)

var (
	// ErrUnavailable is returned, wrapped, when the TSA cannot be reached or cannot stamp now: the same call may succeed later.
	ErrUnavailable = partner.ErrUnavailable
	// ErrRefused is returned, wrapped, when it answered that it will not stamp this.
	ErrRefused = errors.New("timestamp: refused")
	// ErrToken is returned, wrapped, for an answer that does not hold: nothing of it is kept.
	ErrToken = errors.New("timestamp: token does not hold")
)

// Config says whom to ask.
type Config struct {
	URL   string // of the TSA, required
	Roots []byte // PEM, required
	HTTP  *http.Client
	// Now is the time that a token's is compared with. nil: the real one, by which certificates are judged too.
	Now func() time.Time
}

// drift is how far the TSA's clock and ours may be apart, the call itself included.
const drift = 5 * time.Minute

// maxAnswer bounds an answer: a token with its chain has some kilobytes.
const maxAnswer = 256 << 10

// Client asks one TSA. It may be used by several goroutines.
type Client struct {
	url    string
	roots  *x509.CertPool
	caller *partner.Caller
	now    func() time.Time
}

// New checks the configuration. Nothing is called yet.
func New(c Config) (*Client, error) {
	roots := x509.NewCertPool()
	found := 0
	for block, rest := pem.Decode(c.Roots); block != nil; block, rest = pem.Decode(rest) {
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("reading the TSA's roots: certificate %d: %w", found+1, err)
		}
		roots.AddCert(certificate)
		found++
	}
	if c.URL == "" || found == 0 {
		return nil, errors.New("configuring timestamps: URL or roots missing")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	caller := partner.New(partner.Config{Name: "time-stamping authority", HTTP: c.HTTP, Timeout: 20 * time.Second, Limit: maxAnswer})
	return &Client{url: c.URL, roots: roots, caller: caller, now: c.Now}, nil
}

// Stamp has content's digest stamped and returns the token, checked.
func (c *Client) Stamp(ctx context.Context, content []byte) ([]byte, error) {
	// Asked with a nonce and for the certificates: a token must be readable when the TSA is long gone.
	request, err := tspclient.NewRequest(tspclient.RequestOptions{Content: content, HashAlgorithm: crypto.SHA256})
	if err != nil {
		return nil, fmt.Errorf("asking for a timestamp: %w", err)
	}
	body, err := request.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("asking for a timestamp: %w", err)
	}
	http, err := http.NewRequest(http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("asking for a timestamp: address malformed")
	}
	http.Header.Set("Content-Type", tspclient.MediaTypeTimestampQuery)
	answer, err := c.caller.Do(ctx, http)
	if err != nil {
		return nil, err
	}
	if answer.Status != 200 || answer.Header.Get("Content-Type") != tspclient.MediaTypeTimestampReply {
		return nil, c.caller.Unexpected(answer)
	}
	return c.granted(ctx, request, answer.Body, content)
}

// granted reads the answer to a request.
func (c *Client) granted(ctx context.Context, request *tspclient.Request, body, content []byte) (token []byte, err error) {
	defer func() {
		if recover() != nil {
			token, err = nil, fmt.Errorf("%w: malformed", ErrToken)
		}
	}()
	var response tspclient.Response
	if rest, err := asn1.Unmarshal(body, &response); err != nil || len(rest) != 0 {
		return nil, fmt.Errorf("%w: malformed", ErrToken)
	}
	switch response.Status.Status {
	case pki.StatusGranted, pki.StatusGrantedWithMods:
	case pki.StatusWaiting:
		return nil, fmt.Errorf("asking for a timestamp: %w: told to wait", ErrUnavailable)
	default:
		if c.passing(response.Status) {
			return nil, fmt.Errorf("asking for a timestamp: %w: no time or no system now", ErrUnavailable)
		}
		return nil, fmt.Errorf("%w: status %d", ErrRefused, response.Status.Status)
	}
	if err := response.Validate(request); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrToken, err)
	}
	at, err := c.Verify(ctx, response.TimestampToken.FullBytes, content)
	if err != nil {
		return nil, err
	}
	if now := c.now(); at.Before(now.Add(-drift)) || at.After(now.Add(drift)) {
		return nil, fmt.Errorf("%w: its time is not now", ErrToken)
	}
	return response.TimestampToken.FullBytes, nil
}

// passing tells a failure of theirs from a fault of ours: timeNotAvailable (14) and systemFailure (25) of RFC 3161, 2.4.2.
func (c *Client) passing(status pki.StatusInfo) bool {
	return status.FailInfo.At(14) == 1 || status.FailInfo.At(25) == 1
}

// Verify checks a token over content that was kept, and returns its time. The chain is judged at that time.
func (c *Client) Verify(ctx context.Context, token, content []byte) (at time.Time, err error) {
	defer func() {
		if recover() != nil {
			at, err = time.Time{}, fmt.Errorf("%w: malformed", ErrToken)
		}
	}()
	signed, err := tspclient.ParseSignedToken(token)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: %w", ErrToken, err)
	}
	info, err := signed.Info()
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: %w", ErrToken, err)
	}
	imprint := sha256.Sum256(content)
	if !bytes.Equal(info.MessageImprint.HashedMessage, imprint[:]) {
		return time.Time{}, fmt.Errorf("%w: it is about something else", ErrToken)
	}
	if _, err := info.Validate(content); err != nil {
		return time.Time{}, fmt.Errorf("%w: %w", ErrToken, err)
	}
	if _, err := signed.Verify(ctx, x509.VerifyOptions{Roots: c.roots, CurrentTime: info.GenTime}); err != nil {
		return time.Time{}, fmt.Errorf("%w: %w", ErrToken, err)
	}
	return info.GenTime, nil
}
