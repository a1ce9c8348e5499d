// Back-office is the work of a chamber's office, with one handler behind two doors: the officer's session under /api/v1/office, the
// chamber's API key under /chamber/v1.
//
// Trigger: HTTP API and REST API, everything under those prefixes.
//
// Effect: rows of the applications table, objects of the documents bucket, messages on the registration queue for what must be numbered.
// Every look at a case is recorded before it is shown.
//
// On retry: taking charge twice is once; a decision or a request that was committed is refused the second time by the case's state.
//
// On poison: there is no queue; what the state or the law does not allow is answered with a problem that says why.
package main

import (
	"context"

	"sportello/shared/assembly"
	"sportello/shared/domain/catalogue"
	"sportello/shared/edge/httpapi"
	"sportello/shared/edge/lambdafn"
	"sportello/shared/flow/evidence"
	"sportello/shared/flow/office"
	"sportello/shared/flow/officers"
)

type environment struct {
	lambdafn.Environment
	assembly.Queues
	Applications string `env:"TABLE_APPLICATIONS,required,notEmpty"`
	Register     string `env:"TABLE_REGISTER,required,notEmpty"`
	Sessions     string `env:"TABLE_SESSIONS,required,notEmpty"`
	Documents    string `env:"BUCKET_DOCUMENTS,required,notEmpty"`
	Archive      string `env:"BUCKET_ARCHIVE,required,notEmpty"`
	Portal       string `env:"PORTAL_BASE,required,notEmpty"`
}

func main() { lambdafn.Main(wire) }

// offices names a chamber's offices.
func offices(chamber string) []string {
	c, _ := catalogue.ChamberByID(chamber)
	ids := []string{}
	for _, o := range c.Offices {
		ids = append(ids, o.ID)
	}
	return ids
}

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
	applications := assembly.Table(p, env.Applications)
	people, err := officers.New(officers.Config{
		Applications: applications, Sessions: assembly.Table(p, env.Sessions), SignedIn: sessions.Applicant,
		Chamber: httpapi.Chamber, Now: p.Now, NewID: p.NewID, Offices: offices,
	})
	if err != nil {
		return nil, err
	}
	register, archive, documents := assembly.Table(p, env.Register), assembly.Bucket(p, env.Archive), assembly.Bucket(p, env.Documents)
	verifier, err := assembly.Signatures(p, applications, documents)
	if err != nil {
		return nil, err
	}
	desk, err := office.New(office.Config{
		Table: applications, Register: register, Archive: archive,
		Documents: documents, Signatures: verifier, Inspect: assembly.Inspect, Post: assembly.Post(p, env.Queues), Now: p.Now, NewID: p.NewID,
		Colleague: people.Colleague,
	})
	if err != nil {
		return nil, err
	}
	proofs, err := evidence.New(evidence.Config{Table: applications, Register: register, Archive: archive, Documents: documents})
	if err != nil {
		return nil, err
	}
	h := &handler{desk: desk, people: people, evidence: proofs, cursors: cursors}
	h.register(httpapi.Cookie(api, "/api/v1/office", people.Officer))
	h.register(httpapi.Keyed(api, "/chamber/v1", people.Key))
	return api.Handler()
}
