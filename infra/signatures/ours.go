package main

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"sportello/shared/platform/inspect"
	"sportello/shared/platform/signing"
	"sportello/shared/platform/signing/trust"
	"sportello/shared/platform/signing/trustlist"
)

// judge is our own verifier, with the desk's trust list and revocation services.
type judge struct {
	verifier *signing.Verifier
	list     *trust.List
}

func newJudge(ctx context.Context, base string) (*judge, error) {
	document, err := ask(ctx, base+"/trust/TSL-IT.xml", "", nil)
	if err != nil {
		return nil, err
	}
	bundle, err := ask(ctx, base+"/trust/operator.pem", "", nil)
	if err != nil {
		return nil, err
	}
	operators, err := trustlist.ParseOperators(bundle)
	if err != nil {
		return nil, err
	}
	list, err := trustlist.Parse(document, operators, time.Now())
	if err != nil {
		return nil, err
	}
	verifier, err := signing.New(signing.Config{List: func(context.Context) (*trust.List, error) { return list, nil }, Fetch: ask, Now: time.Now})
	return &judge{verifier, list}, err
}

// Verdicts of the columns.
const (
	valid   = "valid"
	invalid = "invalid"
	refused = "refused" // not for its signature: the file itself is not to be taken
	missing = "missing" // the tool is not here
	waiting = "indeterminate"
)

// opinion is what somebody says of a file.
type opinion struct {
	Verdict string `json:"verdict"`
	Words   string `json:"words,omitempty"` // our code, or the tool's own words
}

func (o opinion) accepts() bool { return o.Verdict == valid }

// of is our opinion: as at an upload, the file itself is looked at before its signatures.
func (j *judge) of(ctx context.Context, file []byte) (opinion, error) {
	report, err := j.verifier.Verify(ctx, bytes.NewReader(file), int64(len(file)), time.Now())
	if err != nil {
		return opinion{}, fmt.Errorf("verifying: %w", err)
	}
	// A file that cannot be read is both damaged and badly signed: its signature says more.
	if f := inspect.Bytes(bytes.Clone(file)).Finding; f != nil && f.Code != inspect.Damaged {
		return opinion{refused, string(f.Code)}, nil
	}
	return opinion{string(report.Verdict), string(report.Code)}, nil
}
