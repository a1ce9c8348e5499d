package main

import (
	"context"

	"sportello/shared/domain/catalogue"
	"sportello/shared/domain/deadline"
	"sportello/shared/domain/problem"
	rating "sportello/shared/domain/survey"
	"sportello/shared/edge/httpapi"
	"sportello/shared/flow/sealing"
	"sportello/shared/flow/survey"
	"sportello/shared/platform/table"
)

type handler struct {
	desk  *survey.Desk
	table table.Table
}

type call = httpapi.Call[httpapi.None]

// register registers the routes and returns what Lambda calls. Nobody signs in here: the token is the right to rate.
func (h handler) register(api *httpapi.API) (any, error) {
	public := httpapi.Open(api, "/api/v1")
	httpapi.JSON(public, "GET /surveys/{token}", h.show)
	httpapi.JSON(public, "POST /surveys/{token}", h.rate)
	httpapi.JSON(public, "GET /statistics", h.statistics)
	httpapi.JSON(public, "GET /seals/{chamber}/{date}", h.declared)
	return api.Handler()
}

func (h handler) show(ctx context.Context, c call, _ httpapi.None) (survey.Subject, error) {
	return h.desk.Show(ctx, c.Path("token"))
}

func (h handler) rate(ctx context.Context, c call, in rating.Rating) (httpapi.None, error) {
	return httpapi.None{}, h.desk.Rate(ctx, c.Path("token"), in)
}

type statistics struct {
	Chamber  string           `json:"chamber"`
	Services []survey.Figures `json:"services"`
}

func (h handler) statistics(ctx context.Context, c call, _ httpapi.None) (statistics, error) {
	chamber := c.Query("chamber")
	figures, err := h.desk.Statistics(ctx, chamber)
	return statistics{chamber, figures}, err
}

// declared shows a day of a register as it was declared, byte for byte: whoever keeps it can hold the register to it.
func (h handler) declared(ctx context.Context, c call, _ httpapi.None) (sealing.Declared, error) {
	c.Header().Set("Access-Control-Allow-Origin", "*") // whoever checks the register may do so from a page of their own
	chamber, day := c.Path("chamber"), c.Path("date")
	if _, ok := catalogue.ChamberByID(chamber); !ok {
		return sealing.Declared{}, problem.Hidden()
	}
	if _, err := deadline.ParseDate(day); err != nil {
		return sealing.Declared{}, problem.Hidden()
	}
	declared, ok, err := sealing.Find(ctx, h.table, chamber, day)
	if err == nil && !ok {
		err = problem.Hidden()
	}
	if err == nil {
		c.Header().Set("Cache-Control", "public, max-age=31536000, immutable") // what was declared never changes
	}
	return declared, err
}
