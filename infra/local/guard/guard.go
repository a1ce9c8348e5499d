// Package guard stands before the emulators and holds each function to the
// permissions that the template gives its role, as AWS would: it knows the
// caller by the access key in the signature, derives the actions and resources
// that IAM would be asked about, and answers a refused call in the words of its
// service. It also keeps which grants were ever used.
//
// It is no wall: who wants to pass as another function can. It is there so that
// a missing permission shows before a deployment, and a superfluous one at all.
package guard

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"

	"sportello/infra/local/operation"
	"sportello/infra/local/policy"
	"sportello/infra/local/template"
)

// Config is what a guard needs.
type Config struct {
	Cloud           *template.Cloud
	Region, Account string
	// Administrator is the access key of who is not checked: the operator's
	// tool, the verifier and tests, whose rights are no matter of the template.
	Administrator string
	Ledger        *Ledger
	Log           *slog.Logger
}

// Guard checks calls.
type Guard struct {
	config Config
	// functions are by access key, the others by name.
	functions map[string]template.Function
	tables    map[string]template.Table
	keys      map[string]string
	// policies are those of resources, by ARN.
	policies map[string][]policy.Statement

	mu      sync.Mutex
	refused []Refusal
	calls   map[Call]int
}

// Call is one kind of call that a function makes.
type Call struct {
	Function string `json:"function"`
	Service  string `json:"service"`
	Action   string `json:"action"`
}

// Count is how often it was made.
type Count struct {
	Call
	Times int `json:"times"`
}

// Calls counts what the functions asked of the services, those that the cloud makes in their name (a queue's consumer) among them.
func (g *Guard) Calls() []Count {
	g.mu.Lock()
	defer g.mu.Unlock()
	counts := []Count{}
	for call, times := range g.calls {
		counts = append(counts, Count{call, times})
	}
	return counts
}

func (g *Guard) count(c Call) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.calls[c]++
}

// AccessKey is the access key of a function: it names it.
func AccessKey(function string) string { return function }

// New returns a guard of what the template declares.
func New(c Config) *Guard {
	g := &Guard{
		config: c, functions: map[string]template.Function{}, tables: map[string]template.Table{},
		keys: map[string]string{}, policies: map[string][]policy.Statement{}, calls: map[Call]int{},
	}
	for _, f := range c.Cloud.Functions {
		g.functions[AccessKey(f.ID)] = f
	}
	for _, t := range c.Cloud.Tables {
		g.tables[t.Name] = t
	}
	for _, k := range c.Cloud.Keys {
		for _, name := range append([]string{k.KeyID}, k.Aliases...) {
			g.keys[name] = g.arn("kms", "key/"+k.KeyID)
		}
	}
	for _, p := range c.Cloud.Policies {
		g.policies[p.ARN] = append(g.policies[p.ARN], p.Statements...)
	}
	return g
}

func (g *Guard) arn(service, rest string) string {
	return fmt.Sprintf("arn:aws:%s:%s:%s:%s", service, g.config.Region, g.config.Account, rest)
}

// Refusal is a call that was refused.
type Refusal struct {
	Function string `json:"function"`
	Action   string `json:"action"`
	Resource string `json:"resource"`
	Because  string `json:"because"`
}

// Refused are the calls that were refused, the first of each kind.
func (g *Guard) Refused() []Refusal {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]Refusal{}, g.refused...)
}

// signature is what a request says of who made it.
type signature struct{ key, service string }

// signatureOf reads the credential scope in the header, or in the address of a
// request signed beforehand.
func signatureOf(r *http.Request) (signature, bool) {
	scope := r.URL.Query().Get("X-Amz-Credential")
	if _, after, ok := strings.Cut(r.Header.Get("Authorization"), "Credential="); ok {
		scope, _, _ = strings.Cut(after, ",")
	}
	parts := strings.Split(scope, "/") // key, day, region, service, aws4_request
	if len(parts) != 5 {
		return signature{}, false
	}
	return signature{parts[0], parts[3]}, true
}

// check returns the answer of a call that must not be made, or nil. Body is
// nil for S3, which says everything in the address and the headers.
func (g *Guard) check(r *http.Request, body []byte) *denial {
	service, name := operation.Of(r)
	who, signed := signatureOf(r)
	if !signed {
		if service == "s3" && r.Method == http.MethodOptions {
			return nil // a browser's question before it sends something signed
		}
		return unsigned(service)
	}
	if who.key == g.config.Administrator {
		return nil
	}
	f, ok := g.functions[who.key]
	if !ok {
		return stranger(service)
	}
	if who.service != service {
		service, name = who.service, r.Method+" "+r.URL.Path
	}
	g.count(Call{f.ID, service, name})
	asks, err := g.asks(service, name, r, body)
	if err != nil {
		return g.refuse(r.Context(), f, service, ask{service + ":" + name, "*", nil}, err.Error())
	}
	for _, a := range asks {
		if because := g.decide(f, service, a); because != "" {
			return g.refuse(r.Context(), f, service, a, because)
		}
	}
	return nil
}

// ask is one question to IAM.
type ask struct {
	action, resource string
	// context are the condition keys of this request alone.
	context map[string][]string
}

// decide returns why not, or nothing.
func (g *Guard) decide(f template.Function, service string, a ask) string {
	r := policy.Request{Principal: f.Role, Action: a.action, Resource: a.resource, Context: map[string][]string{
		"aws:principalarn": {f.Role},
		// Nothing here is encrypted on its way: what demands it is taken as met.
		"aws:securetransport": {"true"},
	}}
	for key, values := range a.context {
		r.Context[key] = values
	}
	owner := a.resource
	if service == "s3" {
		owner, _, _ = strings.Cut(a.resource, "/")
	}
	var d policy.Decision
	if service == "kms" {
		d = policy.DecideKey(r, fmt.Sprintf("arn:aws:iam::%s:root", g.config.Account), f.Statements, g.policies[owner])
	} else {
		d = policy.Decide(r, f.Statements, g.policies[owner])
	}
	switch {
	case d.Deny != nil && d.Deny.Principals != nil:
		return "with an explicit deny in a resource-based policy: " + d.Deny.Sid
	case d.Deny != nil:
		return "with an explicit deny in an identity-based policy: " + d.Deny.Sid
	case !d.Allowed:
		return fmt.Sprintf("because no identity-based policy allows the %s action", a.action)
	}
	if d.Allow != nil {
		g.config.Ledger.use(f.ID, d.Allow, r)
	}
	return ""
}

// refuse writes down a refused call. The resource is the emulator's own name of
// it and never a person's, but for leading keys, which are not told.
func (g *Guard) refuse(ctx context.Context, f template.Function, service string, a ask, because string) *denial {
	one := Refusal{Function: f.ID, Action: a.action, Resource: a.resource, Because: because}
	g.config.Log.ErrorContext(ctx, "access denied", "function", f.ID, "action", a.action, "resource", a.resource, "because", because)
	g.mu.Lock()
	if !slices.Contains(g.refused, one) && len(g.refused) < 100 {
		g.refused = append(g.refused, one)
	}
	g.mu.Unlock()
	session := strings.Replace(strings.Replace(f.Role, ":iam:", ":sts:", 1), ":role/", ":assumed-role/", 1) + "/" + f.Name
	return denied(service, fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %s %s", session, a.action, a.resource, because))
}

// most is the largest body of the JSON protocols: 16 MB are DynamoDB's limit.
const most = 17 << 20

// buffer reads the body of a call of the JSON protocols; S3's may be large, and
// says nothing that matters here.
func buffer(r *http.Request) ([]byte, error) {
	if r.Header.Get("X-Amz-Target") == "" || r.Body == nil {
		return nil, nil
	}
	defer r.Body.Close()
	return io.ReadAll(io.LimitReader(r.Body, most))
}

func restore(r *http.Request, body []byte) {
	if body == nil {
		return
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
}

// Before puts the guard before a service of our own.
func (g *Guard) Before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// What has no target is API Gateway's, whose calls are by address.
		body, err := buffer(r)
		if err != nil {
			return
		}
		if d := g.check(r, body); d != nil {
			d.write(w, r)
			return
		}
		restore(r, body)
		next.ServeHTTP(w, r)
	})
}

// Over puts the guard on the way to an emulator.
func (g *Guard) Over(next http.RoundTripper) http.RoundTripper { return transport{g, next} }

type transport struct {
	guard *Guard
	next  http.RoundTripper
}

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := buffer(r)
	if err != nil {
		return nil, err
	}
	if d := t.guard.check(r, body); d != nil {
		drain(r)
		return d.response(r), nil
	}
	out := r.Clone(r.Context())
	restore(out, body)
	if body != nil {
		t.guard.anonymous(out)
	}
	response, err := t.next.RoundTrip(out)
	if err != nil || response.StatusCode != http.StatusNotFound {
		return response, err
	}
	if d := t.guard.hides(r); d != nil {
		_ = response.Body.Close()
		return d.response(r), nil
	}
	return response, nil
}

// drain reads what a refused caller still sends: it reads the answer only then.
func drain(r *http.Request) {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
	}
}

// Caller is the header that names, to what stands before an emulator, the function whose call this is.
const Caller = "X-Local-Caller"

// anonymous has the emulators of tables and queues, which check no signature,
// see one caller: DynamoDB Local keeps a database for each.
func (g *Guard) anonymous(r *http.Request) {
	who, ok := signatureOf(r)
	if ok && who.key != g.config.Administrator {
		r.Header.Set(Caller, who.key)
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "Credential="+who.key+"/", "Credential="+g.config.Administrator+"/", 1))
	}
}

// hides tells whether S3 would keep from the caller that an object is not
// there: it says so only to who may list the bucket.
func (g *Guard) hides(r *http.Request) *denial {
	who, _ := signatureOf(r)
	f, ok := g.functions[who.key]
	service, name := operation.Of(r)
	if !ok || service != "s3" || !slices.Contains([]string{"GetObject", "HeadObject", "CopyObject"}, name) {
		return nil
	}
	bucket, _ := objectOf(r)
	if name == "CopyObject" {
		bucket, _, _ = strings.Cut(copySource(r), "/")
	}
	a := ask{"s3:ListBucket", "arn:aws:s3:::" + bucket, nil}
	if because := g.decide(f, service, a); because != "" {
		return g.refuse(r.Context(), f, service, a, because)
	}
	return nil
}

// queueARN makes an ARN of a queue's address.
func (g *Guard) queueARN(url string) string { return g.arn("sqs", path.Base(url)) }
