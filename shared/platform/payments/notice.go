package payments

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	money "sportello/shared/domain/payment"
	"sportello/shared/platform/partner"
)

// ErrForged is returned for a notice that the institute did not sign: another signature, another content, another algorithm, no signature.
var ErrForged = errors.New("payments: not signed by the institute")

// ErrMalformed is returned for a notice that the institute signed and that says nothing.
var ErrMalformed = errors.New("payments: not a notice")

// ErrUnavailable is returned, wrapped, when the institute's keys cannot be had: nothing can be said of the notice now.
var ErrUnavailable = partner.ErrUnavailable

// algorithm is the only one that the institute signs with. A header that names another, or none, is not asked what it means.
const algorithm = jose.ES256

// Read believes a notice or refuses it: body as it came, signature the detached JWS that came with it. What is returned beside the notice is the JWS
// with its content, by which anybody can verify it again.
func (c *Client) Read(ctx context.Context, body []byte, signature string) (money.Notice, []byte, error) {
	parsed, err := jose.ParseDetached(strings.TrimSpace(signature), body, []jose.SignatureAlgorithm{algorithm})
	if err != nil || len(parsed.Signatures) != 1 || parsed.Signatures[0].Header.KeyID == "" {
		return money.Notice{}, nil, fmt.Errorf("%w: no detached signature", ErrForged)
	}
	keys, err := c.keys.named(ctx, parsed.Signatures[0].Header.KeyID)
	if err != nil {
		return money.Notice{}, nil, err
	}
	if !signedBy(parsed, body, keys) {
		return money.Notice{}, nil, fmt.Errorf("%w: signature", ErrForged)
	}
	n, err := c.notice(body)
	if err != nil {
		return money.Notice{}, nil, err
	}
	head, tail, _ := strings.Cut(strings.TrimSpace(signature), "..")
	return n, []byte(head + "." + base64.RawURLEncoding.EncodeToString(body) + "." + tail), nil
}

func signedBy(parsed *jose.JSONWebSignature, body []byte, keys []jose.JSONWebKey) bool {
	for _, key := range keys {
		if key.Use != "enc" && parsed.DetachedVerify(body, key.Key) == nil {
			return true
		}
	}
	return false
}

// wire is a notice as the institute writes it.
type wire struct {
	ID           string    `json:"id"`
	Type         string    `json:"type"`
	Organization string    `json:"organization"`
	IUV          string    `json:"iuv"`
	NoticeNumber string    `json:"noticeNumber"`
	IUPD         string    `json:"iupd"`
	Amount       int       `json:"amount"`
	PaidAt       time.Time `json:"paidAt"`
	Receipt      string    `json:"receiptId"`
	PSP          string    `json:"psp"`
}

// plain tells whether a text begins with a flat JSON object that names each field once. A field said twice is signed twice, and another who reads the
// notice, years from now, may take the other one for what was paid.
func plain(body []byte) bool {
	decoder := json.NewDecoder(bytes.NewReader(body))
	if first, err := decoder.Token(); err != nil || first != json.Delim('{') {
		return false
	}
	named := map[string]bool{}
	for decoder.More() {
		key, err := decoder.Token()
		name, ok := key.(string)
		name = strings.ToLower(name) // our decoder takes either
		if err != nil || !ok || named[name] {
			return false
		}
		named[name] = true
		value, err := decoder.Token()
		if _, nested := value.(json.Delim); err != nil || nested {
			return false
		}
	}
	return true
}

// notice reads one JSON object, of these fields and no others.
func (c *Client) notice(body []byte) (money.Notice, error) {
	var w wire
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&w); err != nil || !plain(body) {
		return money.Notice{}, fmt.Errorf("%w: JSON", ErrMalformed)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return money.Notice{}, fmt.Errorf("%w: more than one value", ErrMalformed)
	}
	n := money.Notice{
		Provider: c.provider, Type: money.Type(w.Type), Organization: w.Organization, IUV: w.IUV, Cents: w.Amount, PaidAt: w.PaidAt.UTC(),
		Receipt: w.Receipt, PSP: w.PSP,
	}
	if err := n.Check(); err != nil {
		return money.Notice{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if w.NoticeNumber != money.NoticeNumber(w.IUV) {
		return money.Notice{}, fmt.Errorf("%w: the two numbers differ", ErrMalformed)
	}
	return n, nil
}

// keySet keeps the institute's public keys.
type keySet struct {
	now   func() time.Time
	fetch func(ctx context.Context) (jose.JSONWebKeySet, error)

	mu     sync.Mutex
	keys   jose.JSONWebKeySet
	at     time.Time
	failed time.Time // when they could not be had, last
}

// A notice may name a key that we have not seen, after a rotation. Keys are asked for again at most this often, or anybody could make us hammer the
// institute with invented names; and they are forgotten after a day, so that one that was withdrawn signs nothing for longer.
const (
	keysPause = 30 * time.Second
	keysLife  = 24 * time.Hour
	keysRest  = 5 * time.Second // where they could not be had: a true notice comes again
)

func (k *keySet) named(ctx context.Context, kid string) ([]jose.JSONWebKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	age := k.now().Sub(k.at)
	found := k.keys.Key(kid)
	if len(found) > 0 && age < keysLife || len(found) == 0 && age < keysPause && !k.at.IsZero() {
		return found, nil
	}
	if since := k.now().Sub(k.failed); since >= 0 && since < keysRest {
		return nil, fmt.Errorf("reading keys: %w: asked a moment ago", ErrUnavailable)
	}
	fresh, err := k.fetch(ctx)
	if err != nil {
		k.failed = k.now()
		return nil, err
	}
	k.keys, k.at = fresh, k.now()
	return k.keys.Key(kid), nil
}

func (c *Client) fetchKeys(ctx context.Context) (jose.JSONWebKeySet, error) {
	var keys jose.JSONWebKeySet
	a, err := c.call(ctx, http.MethodGet, "/jwks.json", nil, nil)
	if err != nil {
		return keys, err
	}
	if a.Status != http.StatusOK {
		return keys, c.caller.Unexpected(a)
	}
	if err := json.Unmarshal(a.Body, &keys); err != nil {
		return keys, c.caller.Malformed(errors.New("no key set"))
	}
	return keys, nil
}
