package gateway

import (
	"net/url"
	"strings"

	"sportello/infra/local/template"
)

// match is a route that fits a request.
type match struct {
	route      template.Route
	parameters map[string]string
}

// segment kinds, the most specific first.
const (
	literal = iota
	variable
	greedy
)

func kind(segment string) (int, string) {
	name, ok := strings.CutPrefix(segment, "{")
	if !ok {
		return literal, ""
	}
	name = strings.TrimSuffix(name, "}")
	if rest, ok := strings.CutSuffix(name, "+"); ok {
		return greedy, rest
	}
	return variable, name
}

// fit matches a path, still percent-encoded, with a route's pattern.
func fit(pattern, path string) (map[string]string, bool) {
	want, have := segments(pattern), segments(path)
	parameters := map[string]string{}
	for i, w := range want {
		k, name := kind(w)
		if k == greedy {
			rest := strings.Join(have[min(i, len(have)):], "/")
			if rest == "" {
				return nil, false
			}
			parameters[name] = decode(rest)
			return parameters, true
		}
		if i >= len(have) || have[i] == "" {
			return nil, false
		}
		if k == literal && decode(have[i]) != w {
			return nil, false
		}
		if k == variable {
			parameters[name] = decode(have[i])
		}
	}
	return parameters, len(have) == len(want)
}

func segments(path string) []string { return strings.Split(strings.TrimPrefix(path, "/"), "/") }

func decode(s string) string {
	if d, err := url.PathUnescape(s); err == nil {
		return d
	}
	return s
}

// better says whether pattern a is more specific than b.
func better(a, b string) bool {
	as, bs := segments(a), segments(b)
	for i := range min(len(as), len(bs)) {
		ka, _ := kind(as[i])
		kb, _ := kind(bs[i])
		if ka != kb {
			return ka < kb
		}
	}
	return len(as) > len(bs)
}

// find picks a route as the API's kind does: an HTTP API takes the most
// specific route that fits path and method, a REST API the most specific
// resource for the path and then that resource's method.
func find(api template.API, method, path string) (match, bool) {
	var best *match
	for _, r := range api.Routes {
		methodFits := r.Method == "ANY" || r.Method == method
		if !api.REST && !methodFits {
			continue
		}
		parameters, ok := fit(r.Path, path)
		if !ok {
			continue
		}
		if best == nil || better(r.Path, best.route.Path) || r.Path == best.route.Path && closer(r, best.route, method) {
			best = &match{r, parameters}
		}
	}
	if best == nil || best.route.Method != "ANY" && best.route.Method != method {
		return match{}, false
	}
	return *best, true
}

// closer prefers a route of the very method to ANY, and either to another method.
func closer(a, b template.Route, method string) bool {
	rank := func(r template.Route) int {
		switch r.Method {
		case method:
			return 0
		case "ANY":
			return 1
		}
		return 2
	}
	return rank(a) < rank(b)
}
