// Satisfaction-survey takes one rating for each application, and shows what is public: the figures, and the registers' declared days.
//
// Trigger: HTTP API, GET and POST /api/v1/surveys/{token}, GET /api/v1/statistics, GET /api/v1/seals/{chamber}/{date}.
//
// Effect: the rating's row, the case's timeline, the service's total, in one transaction.
//
// On retry: the same rating again succeeds and counts once; another rating for the same token is refused.
//
// On poison: there is no queue.
package main

import (
	"context"

	"sportello/shared/assembly"
	"sportello/shared/edge/lambdafn"
	"sportello/shared/flow/survey"
)

type environment struct {
	lambdafn.Environment
	Applications string `env:"TABLE_APPLICATIONS,required,notEmpty"`
	Portal       string `env:"PORTAL_BASE,required,notEmpty"`
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
	table := assembly.Table(p, env.Applications)
	desk, err := survey.New(survey.Config{Table: table, Now: p.Now})
	if err != nil {
		return nil, err
	}
	return handler{desk, table}.register(api)
}
