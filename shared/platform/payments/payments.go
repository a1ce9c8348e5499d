// Package payments is the client of the payment institute, which is also the chambers' intermediary with pagoPA: positions (GPD v1), hosted pages
// (Checkout "carts"), refunds, and the signatures of its notices.
//
// Sources: pagopa/pagopa-debt-position, openapi of GPD v1; pagopa/pagopa-infra, openapi of Checkout "ec" v1; RFC 7515 appendix F (detached content).
package payments

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"sportello/shared/domain/deadline"
	money "sportello/shared/domain/payment"
	"sportello/shared/platform/partner"
)

// Config says where the institute is.
type Config struct {
	Base string // its address: https://istituto.example.it
	Key  string // subscription key
	// Provider is its name in our rows.
	Provider string
	HTTP     *http.Client // nil: one of its own
	Timeout  time.Duration
	Now      func() time.Time
}

// Client calls the institute. It may be used by several goroutines.
type Client struct {
	caller   *partner.Caller
	base     string
	key      string
	provider string
	keys     keySet
}

// timeout bounds one call: a person waits for three of them at most, and the sweep for one that fails.
const timeout = 6 * time.Second

// limit is how much of an answer is read: a position is a few kilobytes.
const limit = 256 << 10

// New checks the configuration.
func New(c Config) (*Client, error) {
	base, err := url.Parse(c.Base)
	if err != nil || base.Host == "" || c.Key == "" || c.Provider == "" || c.Now == nil {
		return nil, errors.New("payments: incomplete configuration")
	}
	if c.Timeout <= 0 {
		c.Timeout = timeout
	}
	client := &Client{
		caller: partner.New(partner.Config{Name: "istituto di pagamento", HTTP: c.HTTP, Timeout: c.Timeout, Limit: limit}),
		base:   strings.TrimSuffix(c.Base, "/"), key: c.Key, provider: c.Provider,
	}
	client.keys = keySet{now: c.Now, fetch: client.fetchKeys}
	return client, nil
}

func (c *Client) positions(organization string) string {
	return "/gpd/debt-positions-service/v1/organizations/" + url.PathEscape(organization) + "/debtpositions"
}

// call sends in as JSON, if there is any.
func (c *Client) call(ctx context.Context, method, path string, in any, header map[string]string) (partner.Answer, error) {
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return partner.Answer{}, fmt.Errorf("writing request: %w", err)
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return partner.Answer{}, errors.New("payments: address of the institute cannot be called") // it may hold an id
	}
	req.Header.Set("Ocp-Apim-Subscription-Key", c.key)
	req.Header.Set("Accept", "application/json")
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	return c.caller.Do(ctx, req)
}

// ---- positions ----

type transfer struct {
	ID         string `json:"idTransfer"`
	Amount     int    `json:"amount"`
	Remittance string `json:"remittanceInformation"`
	Category   string `json:"category"`
	IBAN       string `json:"iban"`
}

type option struct {
	NAV         string     `json:"nav"`
	IUV         string     `json:"iuv"`
	Amount      int        `json:"amount"`
	Description string     `json:"description"`
	Partial     bool       `json:"isPartialPayment"`
	DueDate     string     `json:"dueDate"`
	Transfers   []transfer `json:"transfer"`
}

type debt struct {
	IUPD            string   `json:"iupd"`
	Type            string   `json:"type"`
	FiscalCode      string   `json:"fiscalCode"`
	FullName        string   `json:"fullName"`
	CompanyName     string   `json:"companyName"`
	SwitchToExpired bool     `json:"switchToExpired"`
	Options         []option `json:"paymentOption"`
}

// anonymous is GPD's word for a payer without an Italian tax code.
const anonymous = "ANONIMO"

func debtOf(p money.Position) (debt, error) {
	due, err := deadline.ParseDate(p.Due)
	if err != nil {
		return debt{}, fmt.Errorf("writing position: %w", err)
	}
	kind, payer := "F", p.PayerTaxCode
	if p.PayerCompany {
		kind = "G"
	}
	if payer == "" {
		payer = anonymous
	}
	return debt{
		IUPD: p.IUPD, Type: kind, FiscalCode: payer, FullName: p.PayerName, CompanyName: p.Creditor, SwitchToExpired: true,
		Options: []option{{
			NAV: money.NoticeNumber(p.IUV), IUV: p.IUV, Amount: p.Cents, Description: p.Description,
			DueDate:   due.End().Add(-time.Second).UTC().Format("2006-01-02T15:04:05"),
			Transfers: []transfer{{"1", p.Cents, p.Description, p.Category, p.IBAN}},
		}},
	}, nil
}

// Open makes the position and publishes it. Where there is one under the same name it must be the same.
func (c *Client) Open(ctx context.Context, p money.Position) error {
	d, err := debtOf(p)
	if err != nil {
		return err
	}
	a, err := c.call(ctx, http.MethodPost, c.positions(p.Organization)+"?toPublish=true", d, nil)
	if err != nil {
		return err
	}
	switch a.Status {
	case http.StatusCreated, http.StatusOK:
		return nil
	case http.StatusConflict:
		there, err := c.position(ctx, p.Organization, p.IUPD)
		if err != nil {
			return err
		}
		if there != nil && len(there.Options) == 1 && there.Options[0].IUV == p.IUV {
			return nil
		}
	}
	return c.caller.Unexpected(a)
}

// receipt is a payment that was made, as GPD tells it within an option.
type receipt struct {
	ID     string    `json:"idReceipt"`
	Amount int       `json:"amount"`
	PaidAt time.Time `json:"paymentDate"`
	PSP    string    `json:"pspCompany"`
}

// answer is a position as GPD tells it.
type answer struct {
	IUPD    string `json:"iupd"`
	Status  string `json:"status"`
	Options []struct {
		receipt
		IUV    string `json:"iuv"`
		Status string `json:"status"`
	} `json:"paymentOption"`
	raw []byte
}

// position reads a position; nil if there is none.
func (c *Client) position(ctx context.Context, organization, iupd string) (*answer, error) {
	a, err := c.call(ctx, http.MethodGet, c.positions(organization)+"/"+url.PathEscape(iupd), nil, nil)
	switch {
	case err != nil:
		return nil, err
	case a.Status == http.StatusNotFound:
		return nil, nil
	case a.Status != http.StatusOK:
		return nil, c.caller.Unexpected(a)
	}
	p := answer{raw: a.Body}
	if err := json.Unmarshal(a.Body, &p); err != nil {
		return nil, c.caller.Malformed(errors.New("no JSON of a position"))
	}
	if p.IUPD != iupd {
		return nil, c.caller.Malformed(errors.New("another position"))
	}
	return &p, nil
}

// receipts asks for all that was paid under a number: GPD tells of one receipt alone, and a number may be paid twice.
func (c *Client) receipts(ctx context.Context, organization, iuv string) (all []receipt, raw []byte, err error) {
	a, err := c.call(ctx, http.MethodGet, "/receipts?"+url.Values{"organization": {organization}, "iuv": {iuv}}.Encode(), nil, nil)
	if err != nil {
		return nil, nil, err
	}
	if a.Status != http.StatusOK {
		return nil, nil, c.caller.Unexpected(a)
	}
	var out struct {
		IUV      string    `json:"iuv"`
		Receipts []receipt `json:"receipts"`
	}
	if err := json.Unmarshal(a.Body, &out); err != nil || out.IUV != iuv {
		return nil, nil, c.caller.Malformed(errors.New("no receipts of this number"))
	}
	return out.Receipts, a.Body, nil
}

// Status asks what the institute knows of a position, and, where it was paid, by which receipts.
func (c *Client) Status(ctx context.Context, organization, iupd string) (money.Status, error) {
	p, err := c.position(ctx, organization, iupd)
	if err != nil || p == nil {
		return money.Status{}, err
	}
	if len(p.Options) != 1 {
		return money.Status{}, c.caller.Malformed(errors.New("not one option of payment"))
	}
	s := money.Status{Found: true, Closed: p.Status == "EXPIRED" || p.Status == "INVALID", Raw: p.raw}
	o := p.Options[0]
	switch o.Status {
	case "PO_UNPAID":
		return s, nil
	case "PO_PAID", "PO_PARTIALLY_REPORTED", "PO_FINALIZED":
	default:
		return money.Status{}, c.caller.Malformed(errors.New("unknown state of payment"))
	}
	all, raw, err := c.receipts(ctx, organization, o.IUV)
	if err != nil {
		return money.Status{}, err
	}
	if !slices.ContainsFunc(all, func(r receipt) bool { return r.ID == o.ID }) {
		return money.Status{}, c.caller.Malformed(errors.New("the position's receipt is not among the receipts"))
	}
	s.Raw = raw
	for _, r := range all {
		n := money.Notice{
			Provider: c.provider, Type: money.TypeSettled, Organization: organization, IUV: o.IUV, Cents: r.Amount, PaidAt: r.PaidAt.UTC(),
			Receipt: r.ID, PSP: r.PSP,
		}
		if err := n.Check(); err != nil {
			return money.Status{}, c.caller.Malformed(err)
		}
		s.Paid = append(s.Paid, n)
	}
	return s, nil
}

// Close has the institute take no more money for a position. One that is paid, closed or unknown it refuses: Status tells which.
func (c *Client) Close(ctx context.Context, organization, iupd string) error {
	a, err := c.call(ctx, http.MethodPost, c.positions(organization)+"/"+url.PathEscape(iupd)+"/invalidate", nil, nil)
	if err != nil {
		return err
	}
	switch a.Status {
	case http.StatusOK, http.StatusNoContent, http.StatusConflict, http.StatusNotFound:
		return nil
	}
	return c.caller.Unexpected(a)
}

// ---- hosted page ----

type cart struct {
	Notices []cartNotice `json:"paymentNotices"`
	Return  struct {
		OK        string `json:"returnOkUrl"`
		Cancelled string `json:"returnCancelUrl"`
		Failed    string `json:"returnErrorUrl"`
	} `json:"returnUrls"`
}

type cartNotice struct {
	Number       string `json:"noticeNumber"`
	Organization string `json:"fiscalCode"`
	Amount       int    `json:"amount"`
	Creditor     string `json:"companyName"`
	Description  string `json:"description"`
}

// Page returns the address of a page on which a person pays a position: Checkout answers with a redirect that is the person's to follow.
func (c *Client) Page(ctx context.Context, p money.Position, ok, cancelled, failed string) (string, error) {
	in := cart{Notices: []cartNotice{{money.NoticeNumber(p.IUV), p.Organization, p.Cents, p.Creditor, p.Description}}}
	in.Return.OK, in.Return.Cancelled, in.Return.Failed = ok, cancelled, failed
	a, err := c.call(ctx, http.MethodPost, "/checkout/ec/v1/carts", in, nil)
	if err != nil {
		return "", err
	}
	if a.Status != http.StatusFound {
		return "", c.caller.Unexpected(a)
	}
	to, err := url.Parse(a.Header.Get("Location"))
	if err != nil || to.Host == "" || to.Scheme != "https" && to.Scheme != "http" {
		return "", c.caller.Malformed(errors.New("no address of a page"))
	}
	return to.String(), nil
}

// ---- refunds ----

type refund struct {
	Organization string `json:"organization"`
	IUV          string `json:"iuv"`
	Receipt      string `json:"receiptId"`
	Amount       int    `json:"amount"`
	Reason       string `json:"reason"`
}

// ErrRefused is returned, wrapped, by Refund for an order that the institute does not take, whatever the number of tries.
var ErrRefused = errors.New("payments: refund refused")

// Refund orders that a receipt's money goes back; under the same key it is the same order. settled tells that the money has gone, all of it.
func (c *Client) Refund(ctx context.Context, iuv string, r money.Refund) (settled bool, err error) {
	in := refund{r.Organization, iuv, r.Receipt, r.Cents, r.Reason.Italian()}
	a, err := c.call(ctx, http.MethodPost, "/refunds", in, map[string]string{"Idempotency-Key": r.Key(iuv)})
	if err != nil {
		return false, err
	}
	switch a.Status {
	case http.StatusAccepted, http.StatusCreated, http.StatusOK:
	case http.StatusBadRequest, http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity:
		return false, fmt.Errorf("ordering refund: %w: status %d", ErrRefused, a.Status)
	default:
		return false, c.caller.Unexpected(a)
	}
	var out struct {
		State   string `json:"state"`
		Receipt string `json:"receiptId"`
		Amount  int    `json:"amount"`
	}
	if err := json.Unmarshal(a.Body, &out); err != nil || out.State == "" || out.Receipt != r.Receipt || out.Amount != r.Cents {
		return false, c.caller.Malformed(errors.New("no state of this refund"))
	}
	return out.State == "settled", nil
}
