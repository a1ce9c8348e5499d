package addresses

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"sportello/shared/platform/jws"
	"sportello/shared/platform/partner"
)

// voucher gets and keeps the access token of the interoperability platform (PDND) for one purpose.
type voucher struct {
	config   Config
	endpoint string
	audience string
	caller   *partner.Caller

	mu     sync.Mutex
	token  string
	expiry time.Time
}

const (
	clientAssertion = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	assertionLife   = 5 * time.Minute
	voucherMargin   = 30 * time.Second // renewed this long before it ends
)

func newVoucher(config Config) *voucher {
	v := &voucher{
		config: config, endpoint: strings.TrimSuffix(config.PDNDURL, "/") + "/token.oauth2", audience: config.Audience,
		caller: partner.New(partner.Config{Name: "PDND", HTTP: config.HTTP, Timeout: config.Timeout}),
	}
	if v.audience == "" {
		v.audience = config.PDNDURL
	}
	return v
}

// get returns a token that still holds. The lock is held through the exchange, so that one is made however many calls wait.
func (v *voucher) get(ctx context.Context, fresh bool) (string, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.config.Now()
	if !fresh && now.Before(v.expiry) {
		return v.token, nil
	}
	v.token, v.expiry = "", time.Time{}
	req, err := v.request(ctx, now)
	if err != nil {
		return "", err
	}
	answer, err := v.caller.Do(ctx, req)
	if err != nil {
		return "", err
	}
	if answer.Status != http.StatusOK {
		return "", v.caller.Unexpected(answer)
	}
	var out struct {
		Token   string `json:"access_token"`
		Seconds int    `json:"expires_in"`
	}
	if json.Unmarshal(answer.Body, &out) != nil || out.Token == "" {
		return "", v.caller.Malformed(errors.New("no access_token"))
	}
	v.token, v.expiry = out.Token, now.Add(time.Duration(out.Seconds)*time.Second-voucherMargin)
	return v.token, nil
}

func (v *voucher) request(ctx context.Context, now time.Time) (*http.Request, error) {
	header := map[string]any{"typ": "JWT"}
	if v.config.KeyID != nil {
		kid, err := v.config.KeyID(ctx)
		if err != nil {
			return nil, err
		}
		header["kid"] = kid
	}
	assertion, err := jws.Compact(ctx, v.config.Signer, header, map[string]any{
		"iss": v.config.PDNDClientID, "sub": v.config.PDNDClientID, "aud": v.audience, "purposeId": v.config.PurposeID,
		"iat": now.Unix(), "exp": now.Add(assertionLife).Unix(), "jti": jws.ID(),
	})
	if err != nil {
		return nil, err
	}
	form := url.Values{
		"client_id": {v.config.PDNDClientID}, "grant_type": {"client_credentials"},
		"client_assertion_type": {clientAssertion}, "client_assertion": {assertion},
	}
	req, err := http.NewRequest(http.MethodPost, v.endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, errors.New("asking PDND: address malformed")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	return req, nil
}
