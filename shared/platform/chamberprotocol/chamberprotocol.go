// Package chamberprotocol asks a chamber's own protocol system for its number of a document that has ours already.
//
// The system knows a document by our reference, the event's id, which is also the Idempotency-Key: asked again, it answers with the number
// it gave. What was registered before an answer got lost is found by the reference.
package chamberprotocol

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"sportello/shared/platform/partner"
)

var (
	// ErrUnavailable is returned, wrapped, when the system did not answer, or has no number yet. The same call may succeed later.
	ErrUnavailable = partner.ErrUnavailable
	// ErrRefused is returned, wrapped, by Register for a document that the system does not take, whatever the number of tries.
	ErrRefused = errors.New("chamber protocol: document refused")
)

// Config says how to reach one chamber's system.
type Config struct {
	URL     string // base address, required
	Key     string // that it knows us by, required
	HTTP    *http.Client
	Timeout time.Duration // of one call; 0: DefaultTimeout
}

// DefaultTimeout is short: nobody waits for the answer, and the process has other work.
const DefaultTimeout = 4 * time.Second

// Client speaks with one chamber's system. It may be used by several goroutines.
type Client struct {
	config Config
	caller *partner.Caller
}

// New checks the configuration. Nothing is called yet.
func New(config Config) (*Client, error) {
	if u, err := url.Parse(config.URL); err != nil || u.Host == "" || config.Key == "" {
		return nil, errors.New("configuring chamber protocol: URL and Key are required")
	}
	config.URL = strings.TrimSuffix(config.URL, "/")
	if config.Timeout <= 0 {
		config.Timeout = DefaultTimeout
	}
	return &Client{config, partner.New(partner.Config{Name: "chamber protocol", HTTP: config.HTTP, Timeout: config.Timeout, Limit: 1 << 20})}, nil
}

// Document is what the system is told: what its register must hold of a document (DPR 445/2000 art. 53), and where it stands in ours.
type Document struct {
	Reference      string    `json:"riferimento"`
	Direction      string    `json:"flusso"` // E (entrata) or U (uscita)
	Subject        string    `json:"oggetto"`
	Senders        []Party   `json:"mittenti"`
	Recipients     []Party   `json:"destinatari"`
	Digest         string    `json:"impronta"` // SHA-256, hexadecimal
	Presented      string    `json:"presentata"`
	Classification string    `json:"classificazione"`
	Reserved       bool      `json:"riservato"`
	Repertory      Repertory `json:"repertorio"`
}

// Party is a sender or a recipient.
type Party struct {
	Name    string `json:"denominazione"`
	TaxCode string `json:"codiceFiscale,omitempty"`
}

// Repertory is the document's place in our register.
type Repertory struct {
	Register string `json:"registro"`
	Number   string `json:"numero"`
	Date     string `json:"data"`
}

// Number is a place in the chamber's protocol.
type Number struct {
	Number   string `json:"numero"`
	Year     int    `json:"anno"`
	Date     string `json:"data"`
	Register string `json:"registro"`
}

// Find asks for the numbers that a reference has: none, one, or more, if somebody asked without an Idempotency-Key. The first given is first.
func (c *Client) Find(ctx context.Context, reference string) ([]Number, error) {
	answer, err := c.do(ctx, http.MethodGet, "?riferimento="+url.QueryEscape(reference), "", nil)
	if err != nil {
		return nil, err
	}
	if answer.Status != http.StatusOK {
		return nil, c.caller.Unexpected(answer)
	}
	var out struct {
		Numbers []registration `json:"registrazioni"`
	}
	if json.Unmarshal(answer.Body, &out) != nil {
		return nil, c.caller.Malformed(errors.New("not the JSON of the agreement"))
	}
	numbers := []Number{}
	for _, n := range out.Numbers {
		if err := n.check(reference); err != nil {
			return nil, c.caller.Malformed(err)
		}
		numbers = append(numbers, n.Number)
	}
	return numbers, nil
}

// Register asks for a number.
func (c *Client) Register(ctx context.Context, d Document) (Number, error) {
	body, err := json.Marshal(d)
	if err != nil {
		return Number{}, fmt.Errorf("encoding document: %w", err)
	}
	answer, err := c.do(ctx, http.MethodPost, "", d.Reference, body)
	if err != nil {
		return Number{}, err
	}
	switch answer.Status {
	case http.StatusOK, http.StatusCreated:
	case http.StatusAccepted:
		return Number{}, fmt.Errorf("asking for a number: %w: not numbered yet", ErrUnavailable)
	case http.StatusBadRequest, http.StatusConflict, http.StatusUnprocessableEntity:
		return Number{}, fmt.Errorf("asking for a number: %w: status %d", ErrRefused, answer.Status)
	default:
		return Number{}, c.caller.Unexpected(answer)
	}
	var n registration
	if json.Unmarshal(answer.Body, &n) != nil {
		return Number{}, c.caller.Malformed(errors.New("not the JSON of the agreement"))
	}
	if err := n.check(d.Reference); err != nil {
		return Number{}, c.caller.Malformed(err)
	}
	return n.Number, nil
}

// registration is a number as the system tells it: of what.
type registration struct {
	Reference string `json:"riferimento"`
	Number
}

var (
	digits   = regexp.MustCompile(`^[0-9]{1,20}$`)
	register = regexp.MustCompile(`^[A-Za-z0-9_./-]{0,40}$`)
)

// check: what is printed in letters and shown to people is what it should be, and of the document that was asked about.
func (n registration) check(reference string) error {
	if n.Reference != reference {
		return errors.New("a number of another document")
	}
	day, err := time.Parse(time.DateOnly, n.Date)
	if err != nil || !digits.MatchString(n.Number.Number) || !register.MatchString(n.Register) || n.Year != day.Year() {
		return errors.New("not a number with its day")
	}
	return nil
}

func (c *Client) do(ctx context.Context, method, query, key string, body []byte) (partner.Answer, error) {
	req, err := http.NewRequest(method, c.config.URL+"/registrazioni"+query, bytes.NewReader(body))
	if err != nil {
		return partner.Answer{}, errors.New("calling chamber protocol: address malformed")
	}
	req.Header.Set("Authorization", "Bearer "+c.config.Key)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Idempotency-Key", key)
	}
	return c.caller.Do(ctx, req)
}
