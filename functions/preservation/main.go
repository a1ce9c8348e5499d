// Preservation makes what carries the sportello's seal, receipts of presentation and statements of the registers' days, and hands closed cases
// and days to the preservation provider (conservatore).
//
// Trigger: SQS, one message at a time: receipts to be made, days to be declared, cases and days to be preserved.
//
// Effect: receipt documents in the documents bucket; statements with seal and timestamp, packages and the provider's signed receipts in the
// write-once archive; a declared day's public row.
//
// On retry: a receipt is printed and sealed as the same bytes; of a day each part that was archived is taken as it is; so is a package; the
// provider's receipt is asked for until it comes.
//
// On poison: a package that the provider refuses becomes a problem with an owner.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/kms"

	"sportello/shared/assembly"
	"sportello/shared/edge/lambdafn"
	"sportello/shared/flow/keeping"
	"sportello/shared/flow/receipt"
	"sportello/shared/flow/sealing"
	"sportello/shared/flow/signatures"
	"sportello/shared/flow/step"
	"sportello/shared/platform/kmssign"
	"sportello/shared/platform/provider"
	"sportello/shared/platform/queue/sqs"
	seal "sportello/shared/platform/sealing"
	"sportello/shared/platform/timestamp"
)

type environment struct {
	lambdafn.Environment
	Applications string `env:"TABLE_APPLICATIONS,required,notEmpty"`
	Documents    string `env:"BUCKET_DOCUMENTS,required,notEmpty"`
	Archive      string `env:"BUCKET_ARCHIVE,required,notEmpty"`
	Queue        string `env:"QUEUE_PRESERVATION,required,notEmpty"`
	Provider     string `env:"PRESERVATION_URL,required,notEmpty"`
	SealKey      string `env:"SEAL_KEY,required,notEmpty"`
	Timestamp    string `env:"TIMESTAMP_URL,required,notEmpty"`
}

// The parameters read at start.
const (
	accountParameter = "/preservation"       // JSON {"user","password"}
	trustParameter   = "/preservation-trust" // PEM
	sealParameter    = "/seal-certificate"   // PEM, the seal's own certificate first
	stampParameter   = "/timestamp-trust"    // PEM
)

func main() { lambdafn.Main(wire) }

func wire(ctx context.Context, p *lambdafn.Process, env environment) (any, error) {
	parameters, err := p.Parameters(ctx, accountParameter, trustParameter, sealParameter, stampParameter)
	if err != nil {
		return nil, err
	}
	keeper, err := newKeeper(parameters, env)
	if err != nil {
		return nil, err
	}
	seals, err := newSealer(p, parameters, env)
	if err != nil {
		return nil, err
	}
	stamper, err := timestamp.New(timestamp.Config{URL: env.Timestamp, Roots: []byte(parameters[stampParameter]), Now: p.Now})
	if err != nil {
		return nil, err
	}
	table, documents, archive := assembly.Table(p, env.Applications), assembly.Bucket(p, env.Documents), assembly.Bucket(p, env.Archive)
	receipts, err := receipt.New(receipt.Config{Table: table, Documents: documents, Print: print, Seal: sealReceipt(seals), Now: p.Now})
	if err != nil {
		return nil, err
	}
	post := step.Post{
		Preservation: sqs.New(sqs.NewClient(p.AWS), env.Queue),
		Missed: func(ctx context.Context, kind step.Kind, err error) {
			p.Log.WarnContext(ctx, "message not sent, the sweep will", "kind", kind, "error", err)
		},
	}
	statements, err := sealing.New(sealing.Config{
		Table: table, Archive: archive, Sealer: seals, Stamper: stamps{stamper}, Post: post, Random: rand.Reader, Now: p.Now,
	})
	if err != nil {
		return nil, err
	}
	keeping, err := keeping.New(keeping.Config{
		Table: table, Documents: documents, Archive: archive, Provider: keeper, Now: p.Now,
	})
	if err != nil {
		return nil, err
	}
	verifier, err := assembly.Signatures(p, table, documents)
	if err != nil {
		return nil, err
	}
	verdicts, err := signatures.New(signatures.Config{Table: table, Documents: documents, Verifier: verifier, Now: p.Now})
	if err != nil {
		return nil, err
	}
	return sqs.Handler(p.Log, handler{receipts, statements, keeping, verdicts}.work), nil
}

// newSealer names the key of seals. Nothing is asked of KMS yet.
func newSealer(p *lambdafn.Process, parameters map[string]string, env environment) (*seal.Sealer, error) {
	key, err := kmssign.New(kms.NewFromConfig(p.AWS), env.SealKey)
	if err != nil {
		return nil, err
	}
	return seal.New(key, []byte(parameters[sealParameter]))
}

func newKeeper(parameters map[string]string, env environment) (keeper, error) {
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
