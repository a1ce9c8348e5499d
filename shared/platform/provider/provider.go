// Package provider hands archive packages to the preservation provider (conservatore), and checks the signed receipts it gives back.
//
// "Linee guida sulla formazione, gestione e conservazione dei documenti informatici", 4.7: the provider answers each package handed over
// (pacchetto di versamento) with a receipt (rapporto di versamento), "univocamente identificato", with a UTC time reference and one or
// more digests of the whole content of the package. Until that receipt is checked and kept, nothing has been preserved.
package provider

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"sportello/shared/platform/partner"
)

var (
	// ErrUnavailable is returned, wrapped, when the provider cannot be reached now. A package may or may not have arrived: hand it over
	// again under the same id.
	ErrUnavailable = partner.ErrUnavailable
	// ErrConflict is returned by Deposit when the provider holds other bytes under this id: somebody is wrong, nothing was changed.
	ErrConflict = errors.New("provider: holds other bytes under this id")
	// ErrRefused is returned, wrapped, by Deposit when the provider will not take the package, whatever the number of tries.
	ErrRefused = errors.New("provider: package refused")
)

// Config says how to reach the provider.
type Config struct {
	URL      string // base address, required
	User     string // required
	Password string // required
	HTTP     *http.Client
	Timeout  time.Duration // of one call; 0: DefaultTimeout
}

// DefaultTimeout bounds one call: a package has tens of megabytes.
const DefaultTimeout = 2 * time.Minute

// maxReceipt bounds what is read of an answer; a receipt of a package of a thousand files is far smaller.
const maxReceipt = 16 << 20

// Client speaks with the provider. It may be used by several goroutines.
type Client struct {
	config Config
	caller *partner.Caller
}

// New checks the configuration. Nothing is called yet.
func New(config Config) (*Client, error) {
	if config.URL == "" || config.User == "" || config.Password == "" {
		return nil, errors.New("configuring preservation provider: URL, User and Password are required")
	}
	config.URL = strings.TrimSuffix(config.URL, "/")
	if config.Timeout <= 0 {
		config.Timeout = DefaultTimeout
	}
	return &Client{config, partner.New(partner.Config{
		Name: "preservation provider", HTTP: config.HTTP, Timeout: config.Timeout, Limit: maxReceipt,
	})}, nil
}

// Deposit hands over a package. It may be repeated with the same id and bytes: the provider keeps one. nil means that the provider has
// it, not that it is preserved.
func (c *Client) Deposit(ctx context.Context, id string, zip []byte) error {
	digest := sha256.Sum256(zip)
	req, err := c.request(http.MethodPost, "/packages", zip)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/zip")
	req.Header.Set("Digest", "SHA-256="+base64.StdEncoding.EncodeToString(digest[:])) // RFC 3230
	req.Header.Set("Idempotency-Key", id)
	answer, err := c.caller.Do(ctx, req)
	if err != nil {
		return err
	}
	switch answer.Status {
	case http.StatusOK, http.StatusCreated, http.StatusAccepted:
		return nil
	case http.StatusConflict:
		return ErrConflict
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		return fmt.Errorf("handing over package: %w: status %d", ErrRefused, answer.Status)
	}
	return c.caller.Unexpected(answer)
}

// State says where a package stands with the provider.
type State string

// The states.
const (
	Unknown   State = "unknown"   // the provider does not have it
	Received  State = "received"  // ask again later
	Preserved State = "preserved" // the receipt is there
	Refused   State = "refused"   // it will not be preserved as it is
)

// Receipt is what the provider says of a package. P7M is there when Preserved: check it with Trust before believing anything. Reason is
// the provider's, in Italian, when Refused.
type Receipt struct {
	State  State
	P7M    []byte
	Reason string
}

// Receipt asks for a package's state and, once it is preserved, for the signed receipt.
func (c *Client) Receipt(ctx context.Context, id string) (Receipt, error) {
	place := "/packages/" + url.PathEscape(id)
	answer, err := c.get(ctx, place)
	if err != nil {
		return Receipt{}, err
	}
	if answer.Status == http.StatusNotFound {
		return Receipt{State: Unknown}, nil
	}
	if answer.Status != http.StatusOK {
		return Receipt{}, c.caller.Unexpected(answer)
	}
	var out struct{ State, Reason string }
	if json.Unmarshal(answer.Body, &out) != nil {
		return Receipt{}, c.caller.Malformed(errors.New("not the JSON of the agreement"))
	}
	switch State(out.State) {
	case Received:
		return Receipt{State: Received}, nil
	case Refused:
		return Receipt{State: Refused, Reason: strings.Join(strings.Fields(out.Reason), " ")}, nil
	case Preserved:
		return c.signed(ctx, place)
	}
	return Receipt{}, c.caller.Malformed(errors.New("unknown state"))
}

func (c *Client) signed(ctx context.Context, place string) (Receipt, error) {
	answer, err := c.get(ctx, place+"/receipt")
	switch {
	case err != nil:
		return Receipt{}, err
	case answer.Status == http.StatusNotFound:
		return Receipt{State: Received}, nil // preserved, and its receipt not signed yet
	case answer.Status != http.StatusOK:
		return Receipt{}, c.caller.Unexpected(answer)
	}
	return Receipt{State: Preserved, P7M: answer.Body}, nil
}

func (c *Client) get(ctx context.Context, path string) (partner.Answer, error) {
	req, err := c.request(http.MethodGet, path, nil)
	if err != nil {
		return partner.Answer{}, err
	}
	return c.caller.Do(ctx, req)
}

func (c *Client) request(method, path string, body []byte) (*http.Request, error) {
	req, err := http.NewRequest(method, c.config.URL+path, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("calling preservation provider: address malformed")
	}
	req.SetBasicAuth(c.config.User, c.config.Password)
	return req, nil
}
