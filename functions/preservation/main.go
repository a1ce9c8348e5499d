// Preservation makes the receipts of presentation, and hands closed cases to the preservation provider (conservatore).
//
// Trigger: SQS, one message at a time: receipts to be made, cases to be preserved.
//
// Effect: receipt documents in the documents bucket; packages and the provider's signed receipts in the write-once archive.
//
// On retry: a receipt is printed as the same bytes; a package that was archived is handed over as it is; the provider's receipt is asked for
// until it comes.
//
// On poison: a package that the provider refuses becomes a problem with an owner.
package main

import (
	"context"
	"encoding/json"
	"errors"

	"sportello/shared/assembly"
	"sportello/shared/edge/lambdafn"
	"sportello/shared/flow/keeping"
	"sportello/shared/flow/receipt"
	"sportello/shared/platform/provider"
	"sportello/shared/platform/queue/sqs"
)

type environment struct {
	lambdafn.Environment
	Applications string `env:"TABLE_APPLICATIONS,required,notEmpty"`
	Documents    string `env:"BUCKET_DOCUMENTS,required,notEmpty"`
	Archive      string `env:"BUCKET_ARCHIVE,required,notEmpty"`
	Provider     string `env:"PRESERVATION_URL,required,notEmpty"`
}

// The parameters read at start.
const (
	accountParameter = "/preservation"       // JSON {"user","password"}
	trustParameter   = "/preservation-trust" // PEM
)

func main() { lambdafn.Main(wire) }

func wire(ctx context.Context, p *lambdafn.Process, env environment) (any, error) {
	keeper, err := newKeeper(ctx, p, env)
	if err != nil {
		return nil, err
	}
	table, documents := assembly.Table(p, env.Applications), assembly.Bucket(p, env.Documents)
	receipts, err := receipt.New(receipt.Config{Table: table, Documents: documents, Print: print, Now: p.Now})
	if err != nil {
		return nil, err
	}
	keeping, err := keeping.New(keeping.Config{
		Table: table, Documents: documents, Archive: assembly.Bucket(p, env.Archive), Provider: keeper, Now: p.Now,
	})
	if err != nil {
		return nil, err
	}
	return sqs.Handler(p.Log, handler{receipts, keeping}.work), nil
}

func newKeeper(ctx context.Context, p *lambdafn.Process, env environment) (keeper, error) {
	parameters, err := p.Parameters(ctx, accountParameter, trustParameter)
	if err != nil {
		return keeper{}, err
	}
	var account struct{ User, Password string }
	if err := json.Unmarshal([]byte(parameters[accountParameter]), &account); err != nil {
		return keeper{}, errors.New("reading " + accountParameter + ": no JSON") // the value is secret
	}
	client, err := provider.New(provider.Config{URL: env.Provider, User: account.User, Password: account.Password})
	if err != nil {
		return keeper{}, err
	}
	trust, err := provider.NewTrust([]byte(parameters[trustParameter]))
	return keeper{client, trust}, err
}
