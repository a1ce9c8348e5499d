package template

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Distribution is a CloudFront distribution. The last behaviour is the default
// one and has no pattern.
type Distribution struct {
	ID, DefaultRoot string
	Behaviors       []Behavior
}

// Behavior says what becomes of requests whose path matches Pattern.
type Behavior struct {
	Pattern string
	Methods []string
	Origin  Origin
	// ViewerRequest and ViewerResponse are the source texts of functions, or empty.
	ViewerRequest, ViewerResponse string
	Headers                       []Header
	Remove                        []string
}

// Origin is a bucket or an API, one of which is the logical id.
type Origin struct {
	Bucket, API string
	// Path is put before the path of the request.
	Path string
	// Headers are added to each request.
	Headers []Header
}

// Header is a header; Override tells whether it replaces one that is there.
type Header struct {
	Name, Value string
	Override    bool
}

func (r *resolver) distribution(n node) error {
	config := n.child("DistributionConfig")
	d := Distribution{ID: n.id, DefaultRoot: config.text("DefaultRootObject")}
	origins := map[string]Origin{}
	for _, o := range config.children("Origins") {
		origin, err := r.origin(o)
		if err != nil {
			return fmt.Errorf("origin %s: %w", o.text("Id"), err)
		}
		origins[o.text("Id")] = origin
	}
	for _, b := range append(config.children("CacheBehaviors"), config.child("DefaultCacheBehavior")) {
		behavior, err := r.behavior(b, origins)
		if err != nil {
			return fmt.Errorf("behaviour %s: %w", b.textOr("PathPattern", "default"), err)
		}
		d.Behaviors = append(d.Behaviors, behavior)
	}
	r.cloud.Distributions = append(r.cloud.Distributions, d)
	return nil
}

// origin recognises a domain name as that of a bucket or of an API here.
func (r *resolver) origin(n node) (Origin, error) {
	o := Origin{Path: n.text("OriginPath")}
	for _, h := range n.children("OriginCustomHeaders") {
		o.Headers = append(o.Headers, Header{Name: h.text("HeaderName"), Value: h.text("HeaderValue"), Override: true})
	}
	host, domain, _ := strings.Cut(n.text("DomainName"), ".")
	if strings.HasPrefix(domain, "execute-api.") {
		for _, api := range r.cloud.APIs {
			if api.PhysicalID == host {
				o.API = api.ID
				return o, nil
			}
		}
	}
	for _, id := range sorted(r.template.resources) {
		res := r.template.resources[id]
		if res.kind != "AWS::S3::Bucket" {
			continue
		}
		name, err := r.name(res)
		if err != nil {
			return o, err
		}
		if name == host {
			o.Bucket = id
			return o, nil
		}
	}
	return o, fmt.Errorf("domain %s is neither a bucket nor an API of this template", n.text("DomainName"))
}

func (r *resolver) behavior(n node, origins map[string]Origin) (Behavior, error) {
	origin, ok := origins[n.text("TargetOriginId")]
	if !ok {
		return Behavior{}, fmt.Errorf("there is no origin %s", n.text("TargetOriginId"))
	}
	b := Behavior{Pattern: n.text("PathPattern"), Methods: n.texts("AllowedMethods"), Origin: origin}
	if len(b.Methods) == 0 {
		b.Methods = []string{"GET", "HEAD"}
	}
	for _, a := range n.children("FunctionAssociations") {
		code, err := r.edgeCode(a.text("FunctionARN"))
		if err != nil {
			return b, err
		}
		switch a.text("EventType") {
		case "viewer-request":
			b.ViewerRequest = code
		case "viewer-response":
			b.ViewerResponse = code
		default:
			return b, fmt.Errorf("EventType %s is not supported by the local cloud", a.text("EventType"))
		}
	}
	if id := n.text("ResponseHeadersPolicyId"); id != "" {
		if err := r.responseHeaders(id, &b); err != nil {
			return b, err
		}
	}
	return b, nil
}

// edgeCode is the source of the CloudFront function with this ARN.
func (r *resolver) edgeCode(arn string) (string, error) {
	for _, id := range sorted(r.template.resources) {
		if r.template.resources[id].kind != "AWS::CloudFront::Function" || functionARN(r.set.Account, id) != arn {
			continue
		}
		n, err := r.node(id)
		if err != nil {
			return "", err
		}
		if rt := n.child("FunctionConfig").text("Runtime"); rt != "cloudfront-js-2.0" {
			return "", fmt.Errorf("function %s: Runtime %s is not supported by the local cloud", id, rt)
		}
		return n.text("FunctionCode"), nil
	}
	return "", fmt.Errorf("there is no CloudFront function %s", arn)
}

// managedSecurityHeaders is the id of the policy that CloudFront itself offers.
const managedSecurityHeaders = "67f7725c-6f97-4210-82d7-5512b31e9d03"

func (r *resolver) responseHeaders(policy string, b *Behavior) error {
	if policy == managedSecurityHeaders {
		b.Headers = []Header{
			{"x-xss-protection", "1; mode=block", false}, {"x-frame-options", "SAMEORIGIN", false},
			{"referrer-policy", "strict-origin-when-cross-origin", false}, {"x-content-type-options", "nosniff", true},
			{"strict-transport-security", "max-age=31536000", false},
		}
		return nil
	}
	for _, id := range sorted(r.template.resources) {
		res := r.template.resources[id]
		if res.kind != "AWS::CloudFront::ResponseHeadersPolicy" {
			continue
		}
		if name, err := r.name(res); err != nil || name != policy {
			continue
		}
		n, err := r.node(id)
		if err != nil {
			return err
		}
		b.Headers, b.Remove, err = policyHeaders(n.child("ResponseHeadersPolicyConfig"))
		return err
	}
	return fmt.Errorf("ResponseHeadersPolicyId %s is no policy of this template", policy)
}

func policyHeaders(config node) (add []Header, remove []string, err error) {
	for _, h := range config.child("CustomHeadersConfig").children("Items") {
		add = append(add, Header{strings.ToLower(h.text("Header")), h.text("Value"), h.bool("Override")})
	}
	security := config.child("SecurityHeadersConfig")
	for _, kind := range sorted(security.properties) {
		s := security.child(kind)
		name, value, e := securityHeader(kind, s)
		err = errors.Join(err, e)
		add = append(add, Header{name, value, s.bool("Override")})
	}
	for _, h := range config.child("RemoveHeadersConfig").children("Items") {
		remove = append(remove, strings.ToLower(h.text("Header")))
	}
	return slices.Clip(add), remove, err
}

func securityHeader(kind string, s node) (name, value string, err error) {
	switch kind {
	case "ContentSecurityPolicy":
		return "content-security-policy", s.text("ContentSecurityPolicy"), nil
	case "ContentTypeOptions":
		return "x-content-type-options", "nosniff", nil
	case "FrameOptions":
		return "x-frame-options", s.text("FrameOption"), nil
	case "ReferrerPolicy":
		return "referrer-policy", s.text("ReferrerPolicy"), nil
	case "StrictTransportSecurity":
		value = "max-age=" + s.text("AccessControlMaxAgeSec")
		if s.bool("IncludeSubdomains") {
			value += "; includeSubDomains"
		}
		if s.bool("Preload") {
			value += "; preload"
		}
		return "strict-transport-security", value, nil
	case "XSSProtection":
		value = "0"
		if s.bool("Protection") {
			value = "1"
			if s.bool("ModeBlock") {
				value += "; mode=block"
			}
		}
		return "x-xss-protection", value, nil
	}
	return "", "", fmt.Errorf("security header %s is not supported by the local cloud", kind)
}
