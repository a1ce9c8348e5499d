package gateway_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sportello/infra/local/gateway"
	"sportello/infra/local/template"
)

// product is an API of the template that is deployed.
func product(t *testing.T, id string) template.API {
	t.Helper()
	parsed, err := template.Load("../../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{
		"CertificateArn": "arn:aws:acm:us-east-1:000000000000:certificate/local", "PecSmtp": "localhost:1", "PecImap": "localhost:1", "PecDomain": "example.it",
		"AlarmEmail": "a@example.it", "PortalDomain": "localhost:8080",
	}
	for _, name := range []string{"SpidIssuer", "CieIssuer", "OidcClientId", "CompaniesUrl", "InipecUrl", "InadUrl", "PdndUrl", "PreservationUrl", "TimestampUrl", "InstituteUrl", "TrustListUrl",
		"InfocamereClientId", "PdndClientId", "PdndPurposeId",
	} {
		values[name] = "http://localhost"
	}
	cloud, err := parsed.Resolve(template.Settings{
		Region: "eu-south-1", Account: "000000000000", Stack: "stack", QueueBase: "http://127.0.0.1:1", BucketHost: "127.0.0.1:1",
		Stored: func(string) (string, bool) { return "secret", true }, Parameters: values,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, api := range cloud.APIs {
		if api.ID == id {
			return api
		}
	}
	t.Fatalf("no %s", id)
	return template.API{}
}

func answer(api http.Handler, r *http.Request) *http.Response {
	w := httptest.NewRecorder()
	api.ServeHTTP(w, r)
	return w.Result()
}

// What the gateway itself refuses is said as everything else is: a problem in Italian, with the id of the request.
func TestRefusalsOfTheProduct(t *testing.T) {
	api := product(t, "ChamberApi")
	known := keys{"ChamberApi good": "key1", "ChamberApi revoked": "key2"}
	f := &fake{answer: `{"statusCode":200}`}
	a := gateway.New(gateway.Config{API: api, Region: "eu-south-1", Account: "000000000000", Invoke: f.invoke, Keys: known, Now: time.Now})
	const path = "http://h/chamber/v1/applications"
	if got := answer(a, request("GET", path, "", "X-Api-Key", "revoked")); got.StatusCode != http.StatusOK {
		t.Fatalf("before its revocation the key gets %s", got.Status)
	}
	delete(known, "ChamberApi revoked")
	broken := &fake{failed: true}
	b := gateway.New(gateway.Config{API: api, Region: "eu-south-1", Account: "000000000000", Invoke: broken.invoke, Keys: known, Now: time.Now})
	large := strings.Repeat("x", 10<<20+1)
	for name, c := range map[string]struct {
		api    http.Handler
		r      *http.Request
		status int
		kind   string
	}{
		"no key":      {a, request("GET", path, ""), 403, "non-consentito"},
		"wrong key":   {a, request("GET", path, "", "X-Api-Key", "guess"), 403, "non-consentito"},
		"revoked key": {a, request("GET", path, "", "X-Api-Key", "revoked"), 403, "non-consentito"},
		"nowhere":     {a, request("GET", "http://h/elsewhere", ""), 404, "non-trovato"},
		"too large":   {a, request("POST", path, large, "X-Api-Key", "good"), 413, "troppo-grande"},
		"broken":      {b, request("GET", path, "", "X-Api-Key", "good"), 500, "errore-interno"},
	} {
		t.Run(name, func(t *testing.T) {
			got := answer(c.api, c.r)
			body, err := io.ReadAll(got.Body)
			if err != nil {
				t.Fatal(err)
			}
			var problem struct {
				Type, Title, Detail, Instance string
				Status                        int
			}
			if err := json.Unmarshal(body, &problem); err != nil {
				t.Fatalf("%s: %v", body, err)
			}
			if got.StatusCode != c.status || problem.Status != c.status || problem.Type != "https://sportello.example/problemi/"+c.kind {
				t.Errorf("%d %s", got.StatusCode, body)
			}
			if problem.Title == "" || problem.Detail == "" || len(problem.Instance) != 36 {
				t.Errorf("%s", body)
			}
			if h := got.Header; h.Get("Content-Type") != "application/problem+json" || h.Get("Content-Language") != "it" || h.Get("Cache-Control") != "no-store" {
				t.Errorf("headers %v", h)
			}
		})
	}
}

// An address of the citizen API that no function has goes to a function all the same, whose router says so in Italian; those that have one
// keep it.
func TestElsewhere(t *testing.T) {
	api := product(t, "CitizenApi")
	for target, want := range map[string]string{
		"GET /api/v1/anything": "LoginFunction", "DELETE /api/v1/statistics": "LoginFunction", "POST /api/v1/a/b/c": "LoginFunction",
		"GET /api/v1/office/x": "BackOfficeFunction", "GET /api/v1/applications/a1": "ApplicationsFunction", "GET /api/v1/applications": "ApplicationsFunction",
		"POST /api/v1/applications/a1/submission": "SubmitApplicationFunction", "GET /api/v1/statistics": "SatisfactionSurveyFunction",
		"POST /api/v1/surveys/t": "SatisfactionSurveyFunction", "GET /api/v1/session": "LoginFunction",
	} {
		f := &fake{answer: `{"statusCode":200}`}
		method, path, _ := strings.Cut(target, " ")
		serve(api, f, request(method, "http://h"+path, ""))
		if f.function != want {
			t.Errorf("%s: %q, want %s", target, f.function, want)
		}
	}
}
