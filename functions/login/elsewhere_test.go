package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
)

// The template sends here what no other route of the citizen API takes: it is no page, and that is said as every error is.
func TestElsewhere(t *testing.T) {
	f := newFunction(t)
	for _, at := range []string{"GET /api/v1/anything", "DELETE /api/v1/statistics", "POST /api/v1/a/b/c", "GET /api/v1/surveys/"} {
		method, path, _ := strings.Cut(at, " ")
		got := f.call("session.json", func(e *events.APIGatewayV2HTTPRequest) {
			e.RouteKey, e.RawPath = "ANY /api/v1/{proxy+}", path
			e.RequestContext.RouteKey, e.RequestContext.HTTP.Path, e.RequestContext.HTTP.Method = e.RouteKey, path, method
		})
		var problem struct {
			Type, Instance string
			Status         int
		}
		if err := json.Unmarshal([]byte(got.Body), &problem); err != nil || got.StatusCode != http.StatusNotFound || problem.Status != http.StatusNotFound ||
			!strings.HasSuffix(problem.Type, "/non-trovato") || problem.Instance == "" {
			t.Errorf("%s: %d %s", at, got.StatusCode, got.Body)
		}
		if kind := got.Headers["content-type"] + got.Headers["Content-Type"]; kind != "application/problem+json" {
			t.Errorf("%s: %q", at, kind)
		}
	}
}
