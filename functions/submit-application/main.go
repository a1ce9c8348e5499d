// Submit-application presents an application: the moment from which nothing may be lost.
//
// Trigger: HTTP API, POST /api/v1/applications/{id}/submission with an Idempotency-Key.
//
// Effect: the snapshot in the documents bucket, then one transaction (state, story, pending row, outbox rows), then messages on the
// registration and preservation queues at best effort.
//
// On retry: the same key gets the same answer. A crash before the transaction leaves a draft, after it an application that is presented
// and will be registered even if no message was sent.
//
// On poison: there is no queue; an application that is not complete is answered with the fields that are wrong.
package main

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/kms"

	"sportello/shared/assembly"
	"sportello/shared/edge/lambdafn"
	"sportello/shared/flow/submit"
	"sportello/shared/platform/companies"
	"sportello/shared/platform/kmssign"
)

type environment struct {
	lambdafn.Environment
	assembly.Queues
	assembly.InfoCamere
	Applications string `env:"TABLE_APPLICATIONS,required,notEmpty"`
	Sessions     string `env:"TABLE_SESSIONS,required,notEmpty"`
	Documents    string `env:"BUCKET_DOCUMENTS,required,notEmpty"`
	Portal       string `env:"PORTAL_BASE,required,notEmpty"`
	IdentityKey  string `env:"IDENTITY_KEY,required,notEmpty"`
	Companies    string `env:"COMPANIES_URL,required,notEmpty"`
}

func main() { lambdafn.Main(wire) }

func wire(ctx context.Context, p *lambdafn.Process, env environment) (any, error) {
	parameters, err := p.Parameters(ctx, assembly.OriginParameter)
	if err != nil {
		return nil, err
	}
	api, err := assembly.API(p, env.Portal, parameters[assembly.OriginParameter])
	if err != nil {
		return nil, err
	}
	sessions, err := assembly.Sessions(p, env.Sessions)
	if err != nil {
		return nil, err
	}
	signer, err := kmssign.New(kms.NewFromConfig(p.AWS), env.IdentityKey)
	if err != nil {
		return nil, err
	}
	infocamere, err := env.InfoCamere.Companies(env.Companies, signer)
	if err != nil {
		return nil, err
	}
	register, err := companies.New(infocamere)
	if err != nil {
		return nil, err
	}
	table, documents := assembly.Table(p, env.Applications), assembly.Bucket(p, env.Documents)
	verifier, err := assembly.Signatures(p, table, documents)
	if err != nil {
		return nil, err
	}
	desk, err := submit.New(submit.Config{
		Table: table, Documents: documents, Signatures: verifier,
		Representation: assembly.Representation{Client: register}, Post: assembly.Post(p, env.Queues), Now: p.Now, NewID: p.NewID,
	})
	if err != nil {
		return nil, err
	}
	return handler{desk}.register(api, sessions.Applicant)
}
