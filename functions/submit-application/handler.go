package main

import (
	"context"

	"sportello/shared/domain/problem"
	"sportello/shared/edge/httpapi"
	"sportello/shared/flow/access"
	"sportello/shared/flow/submit"
)

type handler struct{ desk *submit.Desk }

// register registers the route and returns what Lambda calls.
func (h handler) register(api *httpapi.API, sessions httpapi.Sessions[access.Applicant]) (any, error) {
	httpapi.JSON(httpapi.Cookie(api, "/api/v1", sessions), "POST /applications/{id}/submission", h.submit)
	return api.Handler()
}

// submit presents the draft. With If-Match it presents only the version that the person saw in the summary.
func (h handler) submit(ctx context.Context, c httpapi.Call[access.Applicant], _ httpapi.None) (submit.Presented, error) {
	key, err := c.IdempotencyKey()
	if err != nil {
		return submit.Presented{}, err
	}
	version, err := c.Version()
	if problem.Is(err, problem.VersionRequired) {
		version, err = 0, nil // it is optional here
	}
	if err != nil {
		return submit.Presented{}, err
	}
	return h.desk.Present(ctx, c.Caller, c.Path("id"), key, version)
}
