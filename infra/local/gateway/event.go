package gateway

import (
	"encoding/base64"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"unicode/utf8"
)

type eventV2 struct {
	Version               string            `json:"version"`
	RouteKey              string            `json:"routeKey"`
	RawPath               string            `json:"rawPath"`
	RawQueryString        string            `json:"rawQueryString"`
	Cookies               []string          `json:"cookies,omitempty"`
	Headers               map[string]string `json:"headers"`
	QueryStringParameters map[string]string `json:"queryStringParameters,omitempty"`
	PathParameters        map[string]string `json:"pathParameters,omitempty"`
	RequestContext        contextV2         `json:"requestContext"`
	Body                  string            `json:"body,omitempty"`
	IsBase64Encoded       bool              `json:"isBase64Encoded"`
}

type contextV2 struct {
	AccountID    string        `json:"accountId"`
	APIID        string        `json:"apiId"`
	DomainName   string        `json:"domainName"`
	DomainPrefix string        `json:"domainPrefix"`
	HTTP         contextV2HTTP `json:"http"`
	RequestID    string        `json:"requestId"`
	RouteKey     string        `json:"routeKey"`
	Stage        string        `json:"stage"`
	Time         string        `json:"time"`
	TimeEpoch    int64         `json:"timeEpoch"`
}

type contextV2HTTP struct {
	Method    string `json:"method"`
	Path      string `json:"path"`
	Protocol  string `json:"protocol"`
	SourceIP  string `json:"sourceIp"`
	UserAgent string `json:"userAgent"`
}

const commonLog = "02/Jan/2006:15:04:05 -0700"

// httpEvent makes an event in payload format 2.0: header names in lower case,
// repeated headers and query values joined by commas, cookies apart.
func (a *API) httpEvent(r *http.Request, m match, body []byte) eventV2 {
	now := a.config.Now()
	key := m.route.Method + " " + m.route.Path
	e := eventV2{
		Version: "2.0", RouteKey: key, RawPath: r.URL.Path, RawQueryString: r.URL.RawQuery,
		Headers: map[string]string{"host": a.Domain()}, PathParameters: m.parameters,
		RequestContext: contextV2{
			AccountID: a.config.Account, APIID: a.config.API.PhysicalID, DomainName: a.Domain(), DomainPrefix: a.config.API.PhysicalID,
			HTTP: contextV2HTTP{
				Method: r.Method, Path: r.URL.Path, Protocol: "HTTP/1.1", SourceIP: source(r), UserAgent: r.UserAgent(),
			},
			RequestID: identifier() + "=", RouteKey: key, Stage: a.config.API.Stage,
			Time: now.UTC().Format(commonLog), TimeEpoch: now.UnixMilli(),
		},
	}
	if a.config.API.Stage != "$default" {
		e.RawPath = "/" + a.config.API.Stage + r.URL.Path
		e.RequestContext.HTTP.Path = e.RawPath
	}
	for name, values := range r.Header {
		name = strings.ToLower(name)
		if name == "cookie" {
			e.Cookies = cookies(values)
			continue
		}
		e.Headers[name] = strings.Join(values, ",")
	}
	query := r.URL.Query()
	if len(query) > 0 {
		e.QueryStringParameters = map[string]string{}
	}
	for name, values := range query {
		e.QueryStringParameters[name] = strings.Join(values, ",")
	}
	e.Body, e.IsBase64Encoded = encode(body, !textual(r.Header.Get("Content-Type")))
	return e
}

func cookies(headers []string) []string {
	var out []string
	for _, h := range headers {
		for c := range strings.SplitSeq(h, ";") {
			if c = strings.TrimSpace(c); c != "" {
				out = append(out, c)
			}
		}
	}
	return out
}

// textual says whether an HTTP API hands a body of this type over as text.
func textual(contentType string) bool {
	t, _, _ := strings.Cut(contentType, ";")
	t = strings.ToLower(strings.TrimSpace(t))
	switch t {
	case "application/json", "application/xml", "application/javascript":
		return true
	}
	return strings.HasPrefix(t, "text/") || strings.HasSuffix(t, "+json") || strings.HasSuffix(t, "+xml")
}

func encode(body []byte, binary bool) (string, bool) {
	if len(body) == 0 {
		return "", false
	}
	if binary || !utf8.Valid(body) {
		return base64.StdEncoding.EncodeToString(body), true
	}
	return string(body), false
}

type eventV1 struct {
	Resource                        string              `json:"resource"`
	Path                            string              `json:"path"`
	HTTPMethod                      string              `json:"httpMethod"`
	Headers                         map[string]string   `json:"headers"`
	MultiValueHeaders               map[string][]string `json:"multiValueHeaders"`
	QueryStringParameters           map[string]string   `json:"queryStringParameters"`
	MultiValueQueryStringParameters map[string][]string `json:"multiValueQueryStringParameters"`
	PathParameters                  map[string]string   `json:"pathParameters"`
	StageVariables                  map[string]string   `json:"stageVariables"`
	RequestContext                  contextV1           `json:"requestContext"`
	Body                            *string             `json:"body"`
	IsBase64Encoded                 bool                `json:"isBase64Encoded"`
}

type contextV1 struct {
	ResourceID        string     `json:"resourceId"`
	ResourcePath      string     `json:"resourcePath"`
	HTTPMethod        string     `json:"httpMethod"`
	ExtendedRequestID string     `json:"extendedRequestId"`
	RequestTime       string     `json:"requestTime"`
	Path              string     `json:"path"`
	AccountID         string     `json:"accountId"`
	Protocol          string     `json:"protocol"`
	Stage             string     `json:"stage"`
	DomainPrefix      string     `json:"domainPrefix"`
	RequestTimeEpoch  int64      `json:"requestTimeEpoch"`
	RequestID         string     `json:"requestId"`
	Identity          identityV1 `json:"identity"`
	DomainName        string     `json:"domainName"`
	APIID             string     `json:"apiId"`
}

type identityV1 struct {
	CognitoIdentityPoolID *string `json:"cognitoIdentityPoolId"`
	AccountID             *string `json:"accountId"`
	CognitoIdentityID     *string `json:"cognitoIdentityId"`
	Caller                *string `json:"caller"`
	APIKey                *string `json:"apiKey,omitempty"`
	APIKeyID              *string `json:"apiKeyId,omitempty"`
	SourceIP              string  `json:"sourceIp"`
	AccessKey             *string `json:"accessKey"`
	UserARN               *string `json:"userArn"`
	UserAgent             string  `json:"userAgent"`
	User                  *string `json:"user"`
}

// restEvent makes a REST API's event: header names as they came, the last of
// repeated values in the plain maps and all of them in the multi-value ones,
// null where there is nothing.
func (a *API) restEvent(r *http.Request, m match, body []byte, keyID string) eventV1 {
	now := a.config.Now()
	headers := r.Header.Clone()
	headers.Set("Host", a.Domain())
	e := eventV1{
		Resource: m.route.Path, Path: r.URL.Path, HTTPMethod: r.Method,
		Headers: map[string]string{}, MultiValueHeaders: map[string][]string{}, PathParameters: m.parameters,
		RequestContext: contextV1{
			ResourceID: resourceID(m.route.Path), ResourcePath: m.route.Path, HTTPMethod: r.Method,
			ExtendedRequestID: identifier() + "=", RequestTime: now.UTC().Format(commonLog), Path: "/" + a.config.API.Stage + r.URL.Path,
			AccountID: a.config.Account, Protocol: "HTTP/1.1", Stage: a.config.API.Stage, DomainPrefix: a.config.API.PhysicalID,
			RequestTimeEpoch: now.UnixMilli(), RequestID: uuid(), DomainName: a.Domain(), APIID: a.config.API.PhysicalID,
			Identity: identityV1{SourceIP: source(r), UserAgent: r.UserAgent()},
		},
	}
	if len(m.parameters) == 0 {
		e.PathParameters = nil
	}
	if keyID != "" {
		value := r.Header.Get("X-Api-Key")
		e.RequestContext.Identity.APIKey, e.RequestContext.Identity.APIKeyID = &value, &keyID
	}
	for name, values := range headers {
		name = original(name)
		e.Headers[name], e.MultiValueHeaders[name] = values[len(values)-1], values
	}
	e.QueryStringParameters, e.MultiValueQueryStringParameters = queries(r.URL.Query())
	if len(body) > 0 {
		text, encoded := encode(body, a.binary(r.Header.Get("Content-Type")))
		e.Body, e.IsBase64Encoded = &text, encoded
	}
	return e
}

func queries(q url.Values) (map[string]string, map[string][]string) {
	if len(q) == 0 {
		return nil, nil
	}
	last := map[string]string{}
	for name, values := range q {
		last[name] = values[len(values)-1]
	}
	return last, q
}

// original undoes Go's spelling of the few names that CloudFront and clients
// spell otherwise; handlers must not rely on case anyway.
func original(name string) string {
	switch name {
	case "X-Api-Key", "X-Origin-Verify", "X-Forwarded-Host":
		return strings.ToLower(name)
	}
	return textproto.CanonicalMIMEHeaderKey(name)
}

// source is the address nearest to the gateway.
func source(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
