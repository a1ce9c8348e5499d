package assembly

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"time"

	"sportello/shared/edge/lambdafn"
	"sportello/shared/flow/trustlist"
	"sportello/shared/platform/archive"
	"sportello/shared/platform/partner"
	"sportello/shared/platform/signing"
	"sportello/shared/platform/signing/trust"
	"sportello/shared/platform/table"
)

// listAge is how long a process goes on with the trust list it read: editions come every few months, and a withdrawal must count soon.
const listAge = 15 * time.Minute

// Signatures verifies signed files by the trust list that deadlines keeps at hand, and the revocation services that certificates name.
func Signatures(p *lambdafn.Process, applications table.Table, documents archive.Documents) (*signing.Verifier, error) {
	load := func(ctx context.Context) ([]byte, error) { return trustlist.Load(ctx, applications, documents) }
	return signing.New(signing.Config{List: trust.Cached(load, p.Now, listAge), Fetch: revocation(p), Now: p.Now})
}

// revocation asks the services that say whether a certificate was revoked. Their addresses stand in what people upload: only the public network
// is reached. Lists of large issuers have some megabytes.
func revocation(p *lambdafn.Process) signing.Fetcher {
	caller := partner.New(partner.Config{Name: "revocation", HTTP: partner.Public(p.Local), Timeout: 5 * time.Second, Limit: 16 << 20})
	return func(ctx context.Context, url, contentType string, body []byte) ([]byte, error) {
		method := http.MethodGet
		if body != nil {
			method = http.MethodPost
		}
		req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
		if err != nil {
			return nil, fmt.Errorf("asking for revocation: %w", err)
		}
		if body != nil {
			req.Header.Set("Content-Type", contentType)
		}
		answer, err := caller.Do(ctx, req)
		if err != nil {
			return nil, err
		}
		if answer.Status != http.StatusOK {
			return nil, caller.Unexpected(answer)
		}
		return answer.Body, nil
	}
}
