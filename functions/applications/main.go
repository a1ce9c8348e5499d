// Applications is the applicant's desk: drafts and their files, and after presentation the list of cases, the story of each, messages,
// replies and withdrawal.
//
// Trigger: HTTP API, everything under /api/v1/applications but the submission.
//
// Effect: rows of the applications table; objects under uploads/, documents/ and evidence/; messages on the registration queue for what must be
// numbered.
//
// On retry: a repeated save of the same answers, a repeated completion, a repeated deletion change nothing more. A message or reply that is
// sent again by the person is a second one, as with letters.
//
// On poison: there is no queue; what is wrong is answered with a problem that says where.
package main

import (
	"context"

	"sportello/shared/assembly"
	"sportello/shared/edge/lambdafn"
	"sportello/shared/flow/draft"
	"sportello/shared/flow/evidence"
	"sportello/shared/flow/exchange"
)

type environment struct {
	lambdafn.Environment
	assembly.Queues
	Applications string `env:"TABLE_APPLICATIONS,required,notEmpty"`
	Sessions     string `env:"TABLE_SESSIONS,required,notEmpty"`
	Register     string `env:"TABLE_REGISTER,required,notEmpty"`
	Documents    string `env:"BUCKET_DOCUMENTS,required,notEmpty"`
	Archive      string `env:"BUCKET_ARCHIVE,required,notEmpty"`
	Portal       string `env:"PORTAL_BASE,required,notEmpty"`
}

func main() { lambdafn.Main(wire) }

func wire(ctx context.Context, p *lambdafn.Process, env environment) (any, error) {
	parameters, err := p.Parameters(ctx, assembly.OriginParameter, assembly.KeyParameter)
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
	cursors, err := assembly.Cursors(parameters[assembly.KeyParameter])
	if err != nil {
		return nil, err
	}
	table, documents := assembly.Table(p, env.Applications), assembly.Bucket(p, env.Documents)
	verifier, err := assembly.Signatures(p, table, documents)
	if err != nil {
		return nil, err
	}
	drafts, err := draft.New(draft.Config{
		Table: table, Documents: documents, Signatures: verifier, Inspect: assembly.Inspect, Now: p.Now, NewID: p.NewID,
		Report: func(ctx context.Context, item string, err error) {
			p.Log.WarnContext(ctx, "went on", "item", item, "error", err)
		},
	})
	if err != nil {
		return nil, err
	}
	cases, err := exchange.New(exchange.Config{
		Table: table, Documents: documents, Inspect: assembly.Inspect, Post: assembly.Post(p, env.Queues), Now: p.Now, NewID: p.NewID,
	})
	if err != nil {
		return nil, err
	}
	proofs, err := evidence.New(evidence.Config{
		Table: table, Register: assembly.Table(p, env.Register), Archive: assembly.Bucket(p, env.Archive), Documents: documents,
	})
	if err != nil {
		return nil, err
	}
	h := &handler{drafts: drafts, cases: cases, evidence: proofs, cursors: cursors}
	return h.register(api, sessions.Applicant)
}
