// Package site stands in for CloudFront: it runs the viewer functions of the
// template in a JavaScript engine, serves the built site where the bucket would
// be, passes API paths through with the headers an origin gets, and adds the
// headers of the response policy.
package site

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"

	"sportello/infra/local/template"
)

// Config is what a distribution needs.
type Config struct {
	Distribution template.Distribution
	// Buckets and APIs give the handler of an origin by logical id.
	Buckets, APIs map[string]http.Handler
}

// Site is an http.Handler for one distribution.
type Site struct {
	root      string
	behaviors []behavior
}

type behavior struct {
	template.Behavior
	pattern           *regexp.Regexp
	request, response *function
	origin            http.Handler
}

// New compiles the viewer functions and finds the origins.
func New(c Config) (*Site, error) {
	s := &Site{root: c.Distribution.DefaultRoot}
	for _, b := range c.Distribution.Behaviors {
		one := behavior{Behavior: b, pattern: wildcard(b.Pattern)}
		one.origin = c.Buckets[b.Origin.Bucket]
		if b.Origin.API != "" {
			one.origin = c.APIs[b.Origin.API]
		}
		if one.origin == nil {
			return nil, fmt.Errorf("behaviour %q: the origin %s%s is not served by the local cloud", b.Pattern, b.Origin.Bucket, b.Origin.API)
		}
		var e1, e2 error
		one.request, e1 = compile(b.ViewerRequest, "viewer-request")
		one.response, e2 = compile(b.ViewerResponse, "viewer-response")
		if err := errors.Join(e1, e2); err != nil {
			return nil, fmt.Errorf("behaviour %q: %w", b.Pattern, err)
		}
		s.behaviors = append(s.behaviors, one)
	}
	return s, nil
}

// wildcard turns a path pattern into an expression; none means every path.
func wildcard(pattern string) *regexp.Regexp {
	if pattern == "" {
		return regexp.MustCompile("")
	}
	if !strings.HasPrefix(pattern, "/") {
		pattern = "/" + pattern
	}
	quoted := regexp.QuoteMeta(pattern)
	quoted = strings.ReplaceAll(strings.ReplaceAll(quoted, `\*`, ".*"), `\?`, ".")
	return regexp.MustCompile("^" + quoted + "$")
}

func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i := slices.IndexFunc(s.behaviors, func(b behavior) bool { return b.pattern.MatchString(r.URL.Path) })
	if i < 0 {
		http.NotFound(w, r)
		return
	}
	b := s.behaviors[i]
	if !slices.Contains(b.Methods, r.Method) {
		forbidden(w)
		return
	}
	out := &answer{ResponseWriter: w, behavior: b}
	request := r.Clone(r.Context())
	if b.request != nil {
		v, err := b.request.request(r)
		if err != nil {
			// CloudFront answers 503 for a function that fails and says no more.
			http.Error(w, "The CloudFront function associated with the CloudFront distribution is invalid or could not run: "+err.Error(), http.StatusServiceUnavailable)
			return
		}
		if v.response != nil {
			v.response.write(w)
			return
		}
		request = v.apply(request)
	}
	if request.URL.Path == "/" && s.root != "" {
		request.URL.Path = "/" + s.root
	}
	b.forward(out, request)
}

func forbidden(w http.ResponseWriter) {
	w.Header().Set("X-Cache", "Error from cloudfront")
	http.Error(w, "This distribution is not configured to allow the HTTP request method that was used for this request.", http.StatusForbidden)
}

// forward passes a request to the origin with what CloudFront adds. The
// origin's path prefix (an API's stage) is the API's own concern here.
func (b behavior) forward(w http.ResponseWriter, r *http.Request) {
	viewer, _, _ := strings.Cut(r.RemoteAddr, ":")
	if before := r.Header.Get("X-Forwarded-For"); before != "" {
		viewer = before + ", " + viewer
	}
	r.Header.Set("X-Forwarded-For", viewer)
	r.Header.Set("Via", "2.0 localhost (CloudFront)")
	r.Header.Set("X-Amz-Cf-Id", trace())
	for _, name := range []string{"Connection", "Upgrade", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Proxy-Authorization"} {
		r.Header.Del(name)
	}
	for _, h := range b.Origin.Headers {
		r.Header.Set(h.Name, h.Value)
	}
	r.Host = ""
	b.origin.ServeHTTP(w, r)
}

func trace() string {
	var b [40]byte
	_, _ = rand.Read(b[:])
	return base64.URLEncoding.EncodeToString(b[:])
}

// answer adds the behaviour's headers when the origin's are known.
type answer struct {
	http.ResponseWriter
	behavior behavior
	done     bool
}

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if !a.done {
		a.done = true
		h := a.Header()
		for _, name := range a.behavior.Remove {
			h.Del(name)
		}
		for _, one := range a.behavior.Headers {
			if one.Override || h.Get(one.Name) == "" {
				h.Set(one.Name, one.Value)
			}
		}
		h.Set("X-Cache", "Miss from cloudfront")
		if a.behavior.response != nil {
			status = a.behavior.response.response(status, h)
		}
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (a *answer) Write(p []byte) (int, error) {
	if !a.done {
		a.WriteHeader(http.StatusOK)
	}
	return a.ResponseWriter.Write(p)
}

// Folder serves a folder as an S3 bucket that allows listing does: no
// directory pages, no redirects, an XML error for what is not there.
type Folder string

func (f Folder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := path.Clean("/" + r.URL.Path)
	if strings.HasSuffix(r.URL.Path, "/") {
		absent(w)
		return
	}
	file, err := http.Dir(f).Open(name)
	if err != nil {
		absent(w)
		return
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || info.IsDir() {
		absent(w)
		return
	}
	w.Header().Set("Content-Type", mediaType(name))
	w.Header().Set("ETag", fmt.Sprintf(`"%x-%x"`, info.ModTime().UnixNano(), info.Size()))
	w.Header().Set("Cache-Control", cacheControl(name))
	http.ServeContent(w, r, name, info.ModTime(), file)
}

func absent(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(http.StatusNotFound)
	_, _ = fmt.Fprint(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>`)
}

// cacheControl keeps a browser from holding on to what the next build changes.
func cacheControl(string) string { return "no-cache" }

// mediaTypes does not depend on what the system has in /etc/mime.types.
var mediaTypes = map[string]string{
	".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
	".mjs": "text/javascript; charset=utf-8", ".json": "application/json", ".svg": "image/svg+xml", ".png": "image/png",
	".jpg": "image/jpeg", ".webp": "image/webp", ".ico": "image/x-icon", ".woff2": "font/woff2", ".woff": "font/woff",
	".txt": "text/plain; charset=utf-8", ".xml": "application/xml", ".pdf": "application/pdf",
	".webmanifest": "application/manifest+json", ".map": "application/json", ".wasm": "application/wasm",
}

func mediaType(name string) string {
	if t, ok := mediaTypes[strings.ToLower(path.Ext(name))]; ok {
		return t
	}
	return "binary/octet-stream"
}
