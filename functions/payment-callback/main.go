// Payment-callback is where money is asked for and where it is told of: the payment institute's notices, and the page on which a person pays.
//
// Trigger: HTTP API, POST /api/v1/payments/callback/{provider} by the institute, POST /api/v1/applications/{id}/checkout by an applicant.
//
// Effect: a notice that the institute signed is archived as it came, then recorded once in one transaction: the payment, the application that it
// presents, its outbox row; money that is no payment becomes a problem and a refund. A checkout makes the position at the institute, then a page.
//
// On retry: the same notice again changes nothing and is answered 200. A crash before the transaction leaves an archived notice that the institute
// brings again, or that the sweep asks for.
//
// On poison: there is no queue; a notice that is forged or cut is answered 401 or 400 and changes nothing.
package main

import (
	"context"

	"sportello/shared/assembly"
	"sportello/shared/edge/lambdafn"
	"sportello/shared/flow/payment"
)

type environment struct {
	lambdafn.Environment
	assembly.Queues
	Applications string `env:"TABLE_APPLICATIONS,required,notEmpty"`
	Sessions     string `env:"TABLE_SESSIONS,required,notEmpty"`
	Documents    string `env:"BUCKET_DOCUMENTS,required,notEmpty"`
	Archive      string `env:"BUCKET_ARCHIVE,required,notEmpty"`
	Portal       string `env:"PORTAL_BASE,required,notEmpty"`
	Institute    string `env:"INSTITUTE_URL,required,notEmpty"`
}

func main() { lambdafn.Main(wire) }

func wire(ctx context.Context, p *lambdafn.Process, env environment) (any, error) {
	parameters, err := p.Parameters(ctx, assembly.OriginParameter, assembly.InstituteParameter)
	if err != nil {
		return nil, err
	}
	api, err := assembly.API(p, env.Portal, parameters[assembly.OriginParameter])
	if err != nil {
		return nil, err
	}
	portal, err := assembly.Portal(env.Portal)
	if err != nil {
		return nil, err
	}
	sessions, err := assembly.Sessions(p, env.Sessions)
	if err != nil {
		return nil, err
	}
	institute, err := assembly.NewInstitute(p, env.Institute, parameters[assembly.InstituteParameter])
	if err != nil {
		return nil, err
	}
	desk, err := payment.New(payment.Config{
		Table: assembly.Table(p, env.Applications), Documents: assembly.Bucket(p, env.Documents), Archive: assembly.Bucket(p, env.Archive),
		Institute: institute, Post: assembly.Post(p, env.Queues), Now: p.Now, Portal: portal,
	})
	if err != nil {
		return nil, err
	}
	return (&handler{api, desk, institute.Client}).register(sessions.Applicant)
}
