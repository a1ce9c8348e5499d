package template_test

import (
	"encoding/json"
	"io/fs"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"sportello/shared/domain/problem"
	"sportello/shared/edge/httpapi"
)

// edgeRules: what the world sees.
var edgeRules = []rule{
	{"the chamber API asks for a key and each chamber has a plan", chamberPlans},
	{"the gateway refuses as we do", refusals},
	{"routes stand under their API's prefix", routes},
	{"the portal is behind TLS, APIs pass uncached", distribution},
	{"the page policy is strict", pagePolicy},
	{"the viewer function knows every chamber and every page", viewerFunction},
	{"the site is read by the distribution only", siteReaders},
	{"uploads are allowed from the portal's own pages", uploadOrigins},
}

// chamber is what the catalogue says of one chamber that the cloud must know.
type chamber struct {
	ID    string   `json:"id"`
	Hosts []string `json:"hosts"`
}

func chambers() ([]chamber, error) {
	files, err := filepath.Glob(filepath.Join(root, "shared/domain/catalogue/data/chambers/*.json"))
	if err != nil {
		return nil, err
	}
	var all []chamber
	for _, name := range files {
		body, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		var c chamber
		if err := json.Unmarshal(body, &c); err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

func chamberPlans(d document) (f findings) {
	f.demand(d.property("ChamberApi", "Auth", "ApiKeyRequired") == true, "the chamber API asks for no key")
	all, err := chambers()
	f.demand(err == nil && len(all) > 0, "no chambers in the catalogue: %v", err)
	var want []string
	for _, c := range all {
		id := camel(c.ID) + "UsagePlan"
		want = append(want, id)
		f.demand(text(d.property(id), "UsagePlanName", "Fn::Sub") == "sportello-${Stage}-"+c.ID, "%s: no plan of its name", c.ID)
		f.demand(number(d.property(id), "Throttle", "RateLimit") > 0 && number(d.property(id), "Quota", "Limit") > 0, "%s: no limit", id)
		stages := list(d.property(id), "ApiStages")
		f.demand(len(stages) == 1 && ref(at(stages[0], "ApiId")) == "ChamberApi" && at(stages[0], "Stage") == d.property("ChamberApi", "StageName"),
			"%s: not on the chamber API", id)
	}
	for _, id := range d.names("AWS::ApiGateway::UsagePlan") {
		f.demand(slices.Contains(want, id), "%s: a plan of no chamber", id)
	}
	return f
}

// refused are the causes for which a gateway answers by itself, and the kind of problem that each is.
var refused = map[string]problem.Kind{
	"ACCESS_DENIED": problem.Forbidden, "BAD_REQUEST_BODY": problem.Malformed, "BAD_REQUEST_PARAMETERS": problem.Malformed,
	"INVALID_API_KEY": problem.Forbidden, "MISSING_AUTHENTICATION_TOKEN": problem.NotFound, "QUOTA_EXCEEDED": problem.TooMany,
	"REQUEST_TOO_LARGE": problem.TooLarge, "THROTTLED": problem.TooMany, "UNSUPPORTED_MEDIA_TYPE": problem.UnsupportedMedia,
	"DEFAULT_4XX": problem.Malformed, "DEFAULT_5XX": "errore-interno",
}

// refusals: each says what the edge would say of the same kind of problem. An API of the other kind cannot be told what to say: there a
// route takes what no other does.
func refusals(d document) (f findings) {
	edge, err := httpapi.New(httpapi.Config{
		Log: slog.New(slog.DiscardHandler), Portal: "https://sportello.example.it", OriginSecret: "secret",
		Chamber: func(string) (string, bool) { return "", false },
	})
	if err != nil {
		return append(f, err.Error())
	}
	for cause, kind := range refused {
		answer := d.property("ChamberApi", "GatewayResponses", cause)
		w := httptest.NewRecorder()
		edge.Fail(w, httptest.NewRequest("GET", "/", nil), problem.New(kind, "Un dettaglio."))
		var want, got map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &want); err != nil {
			return append(f, err.Error())
		}
		if err := json.Unmarshal([]byte(text(answer, "ResponseTemplates", "application/json")), &got); err != nil {
			f.add("%s: no problem: %v", cause, err)
			continue
		}
		f.demand(number(answer, "StatusCode") == w.Code, "%s: status %d, the edge says %d", cause, number(answer, "StatusCode"), w.Code)
		for _, name := range []string{"type", "title", "status"} {
			f.demand(got[name] == want[name], "%s: %s %v, the edge says %v", cause, name, got[name], want[name])
		}
		f.demand(got["detail"] != nil && got["instance"] == "$context.requestId", "%s: no detail, or no request to name", cause)
		for _, name := range []string{"Content-Type", "Content-Language", "Cache-Control"} {
			f.demand(text(answer, "ResponseParameters", "Headers", name) == "'"+w.Header().Get(name)+"'", "%s: header %s", cause, name)
		}
		f.demand(w.Header().Get("Retry-After") == "" || text(answer, "ResponseParameters", "Headers", "Retry-After") != "", "%s: retry when?", cause)
	}
	for cause := range mapOf(d.property("ChamberApi", "GatewayResponses")) {
		f.demand(refused[cause] != "", "%s: of no kind that is known", cause)
	}
	f.demand(slices.ContainsFunc(d.events(), func(e event) bool {
		return e.kind == "HttpApi" && text(e.properties, "Method") == "ANY" && text(e.properties, "Path") == "/api/v1/{proxy+}"
	}), "an address of the citizen API that is none is answered in English")
	return f
}

func mapOf(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

func routes(d document) (f findings) {
	owner := map[string]string{}
	for _, e := range d.events() {
		prefix, api := "/api/v1/", ref(at(e.properties, "ApiId"))
		switch e.kind {
		case "Api":
			prefix, api = "/chamber/v1/", ref(at(e.properties, "RestApiId"))
			f.demand(api == "ChamberApi", "%s/%s: on API %q", e.function, e.name, api)
		case "HttpApi":
			f.demand(api == "CitizenApi", "%s/%s: on API %q", e.function, e.name, api)
		default:
			continue
		}
		path := text(e.properties, "Path")
		f.demand(strings.HasPrefix(path, prefix), "%s/%s: path %s", e.function, e.name, path)
		route := text(e.properties, "Method") + " " + path
		f.demand(owner[route] == "", "%s: %s and %s", route, owner[route], e.function)
		owner[route] = e.function
	}
	return f
}

// The managed policies of CloudFront that we use, by their fixed ids.
const (
	cachingDisabled       = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
	allViewerExceptHost   = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
	viewerFunctionRequest = "viewer-request"
)

func distribution(d document) (f findings) {
	c := d.property("Distribution", "DistributionConfig")
	f.demand(text(c, "ViewerCertificate", "MinimumProtocolVersion") == "TLSv1.2_2021", "old TLS is taken")
	f.demand(text(c, "ViewerCertificate", "AcmCertificateArn", "Ref") == "CertificateArn", "the certificate is no parameter")
	f.demand(at(c, "CustomErrorResponses") == nil, "error pages of a distribution would replace the APIs' own")
	behaviours := append(list(c, "CacheBehaviors"), at(c, "DefaultCacheBehavior"))
	patterns := map[string]bool{}
	for _, b := range behaviours {
		pattern := text(b, "PathPattern")
		patterns[pattern] = true
		f.demand(slices.Contains([]string{"https-only", "redirect-to-https"}, text(b, "ViewerProtocolPolicy")), "%q: plain text", pattern)
		f.demand(ref(at(b, "ResponseHeadersPolicyId")) == "SiteHeaders", "%q: no security headers", pattern)
		association := list(b, "FunctionAssociations")
		f.demand(len(association) == 1 && text(association[0], "EventType") == viewerFunctionRequest && ref(at(association[0], "FunctionARN")) == "SiteFunction",
			"%q: no viewer function", pattern)
		if pattern == "" {
			f.demand(text(b, "TargetOriginId") == "site", "the site is not the default")
			continue
		}
		f.demand(text(b, "CachePolicyId") == cachingDisabled, "%s: cached", pattern)
		f.demand(text(b, "OriginRequestPolicyId") == allViewerExceptHost, "%s: headers are lost, or Host is not", pattern)
		f.demand(len(list(b, "AllowedMethods")) == 7, "%s: not every method", pattern)
	}
	f.demand(patterns["/api/v1/*"] && patterns["/chamber/v1/*"], "an API is not behind the portal")
	return append(f, origins(c)...)
}

func origins(config any) (f findings) {
	for _, o := range list(config, "Origins") {
		id := text(o, "Id")
		if id == "site" {
			f.demand(ref(at(o, "OriginAccessControlId")) == "SiteAccess", "the site's bucket is reached without signature")
			continue
		}
		f.demand(text(o, "CustomOriginConfig", "OriginProtocolPolicy") == "https-only", "%s: plain text", id)
		headers := list(o, "OriginCustomHeaders")
		f.demand(len(headers) == 1 && text(headers[0], "HeaderName") == "x-origin-verify", "%s: no origin secret", id)
	}
	return f
}

func pagePolicy(d document) (f findings) {
	headers := d.property("SiteHeaders", "ResponseHeadersPolicyConfig", "SecurityHeadersConfig")
	join := list(headers, "ContentSecurityPolicy", "ContentSecurityPolicy", "Fn::Join")
	f.demand(len(join) == 2, "no content security policy")
	var policy []string
	if len(join) == 2 {
		for _, p := range join[1].([]any) {
			s, ok := p.(string)
			if !ok {
				s = text(p, "Fn::Sub")
			}
			policy = append(policy, s)
		}
	}
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:",
		"connect-src 'self' ${DocumentsBucket.RegionalDomainName}", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} {
		f.demand(slices.Contains(policy, want), "content security policy without %s", want)
	}
	f.demand(!strings.Contains(strings.Join(policy, ";"), "unsafe"), "content security policy allows something unsafe")
	f.demand(number(headers, "StrictTransportSecurity", "AccessControlMaxAgeSec") >= 31536000, "HSTS for less than a year")
	f.demand(at(headers, "ContentTypeOptions", "Override") == true, "content types may be guessed")
	f.demand(text(headers, "FrameOptions", "FrameOption") == "DENY", "pages may be framed")
	f.demand(slices.Contains([]string{"same-origin", "no-referrer"}, text(headers, "ReferrerPolicy", "ReferrerPolicy")), "addresses leak as referrer")
	return f
}

var jsList = regexp.MustCompile(`(?s)var (\w+) = \[(.*?)\];`)

// viewerFunction compares the lists in the function with the catalogue and, where the site has been built, its pages.
func viewerFunction(d document) (f findings) {
	code := text(d.property("SiteFunction"), "FunctionCode")
	f.demand(len(code) > 0 && len(code) < 10*1024, "viewer function: %d bytes, CloudFront takes 10 kB", len(code))
	f.demand(text(d.property("SiteFunction"), "FunctionConfig", "Runtime") == "cloudfront-js-2.0", "viewer function: another runtime")
	lists := map[string][]string{}
	for _, m := range jsList.FindAllStringSubmatch(code, -1) {
		for item := range strings.SplitSeq(m[2], ",") {
			lists[m[1]] = append(lists[m[1]], strings.Trim(strings.TrimSpace(item), `'"`))
		}
	}
	all, err := chambers()
	f.demand(err == nil, "%v", err)
	var ids []string
	for _, c := range all {
		ids = append(ids, c.ID)
	}
	f.demand(slices.Equal(lists["chambers"], ids), "viewer function: chambers %v, catalogue %v", lists["chambers"], ids)
	pages, err := builtPages()
	if err != nil {
		return f // not built: the site's own tests come after its build
	}
	for _, p := range pages {
		f.demand(slices.Contains(lists["pages"], p), "viewer function: page %s is not known and would be answered 404", p)
	}
	for _, p := range lists["pages"] {
		f.demand(slices.Contains(pages, p), "viewer function: the site has no page %s", p)
	}
	return f
}

// builtPages lists the addresses of the built site: /x/ for x/index.html.
func builtPages() ([]string, error) {
	dist := os.DirFS(filepath.Join(root, "infra/site/dist"))
	var pages []string
	err := fs.WalkDir(dist, ".", func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && filepath.Base(path) == "index.html" {
			pages = append(pages, "/"+strings.TrimSuffix(path, "index.html"))
		}
		return err
	})
	return pages, err
}

func siteReaders(d document) (f findings) {
	for _, s := range list(d.property("SiteBucketPolicy", "PolicyDocument"), "Statement") {
		if text(s, "Effect") == "Deny" {
			continue
		}
		f.demand(text(s, "Principal", "Service") == "cloudfront.amazonaws.com", "site: open to %v", at(s, "Principal"))
		f.demand(strings.HasSuffix(text(s, "Condition", "StringEquals", "aws:SourceArn", "Fn::Sub"), ":distribution/${Distribution}"),
			"site: open to any distribution")
		for _, a := range texts(s, "Action") {
			f.demand(a == "s3:GetObject" || a == "s3:ListBucket", "site: %s", a)
		}
	}
	return f
}

func uploadOrigins(d document) (f findings) {
	rules := list(d.property("DocumentsBucket", "CorsConfiguration"), "CorsRules")
	f.demand(len(rules) == 1, "uploads: %d rules", len(rules))
	for _, r := range rules {
		f.demand(slices.Equal(texts(r, "AllowedMethods"), []string{"PUT"}), "uploads: methods %v", texts(r, "AllowedMethods"))
		for _, o := range list(r, "AllowedOrigins") {
			f.demand(strings.HasSuffix(text(o, "Fn::Sub"), "${PortalDomain}"), "uploads: from %v", o)
		}
		for _, header := range []string{"content-type", "if-none-match", "x-amz-checksum-sha256"} {
			f.demand(slices.Contains(texts(r, "AllowedHeaders"), header), "uploads: %s is refused", header)
		}
	}
	f.demand(d.property("ArchiveBucket", "CorsConfiguration") == nil, "the archive answers browsers")
	return f
}
