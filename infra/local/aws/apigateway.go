package aws

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/json"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"sportello/infra/local/template"
)

// Gateway is the part of API Gateway's control API that deals with API keys:
// CreateApiKey, GetApiKeys, GetApiKey, UpdateApiKey (enabled), DeleteApiKey,
// GetUsagePlans, CreateUsagePlanKey, GetUsagePlanKeys, DeleteUsagePlanKey.
// Plans come from the template, keys are kept in a file.
type Gateway struct {
	config Config
	mu     sync.RWMutex
	plans  []template.Plan
	keys   map[string]apiKey
}

type apiKey struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	Value       string    `json:"value"`
	Enabled     bool      `json:"enabled"`
	Created     time.Time `json:"created"`
	Plans       []string  `json:"plans"`
}

func openGateway(c Config) (*Gateway, error) {
	g := &Gateway{config: c, keys: map[string]apiKey{}}
	return g, load(g.path(), &g.keys)
}

func (g *Gateway) path() string { return filepath.Join(g.config.Dir, "apikeys.json") }

// Provision takes the template's usage plans.
func (g *Gateway) Provision(plans []template.Plan) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.plans = plans
}

// Allowed gives the id of the enabled key with this value that a usage plan of
// the API (by logical id) admits.
func (g *Gateway) Allowed(api, value string) (string, bool) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	for _, k := range g.keys {
		if value == "" || k.Value != value || !k.Enabled {
			continue
		}
		for _, p := range g.plans {
			if slices.Contains(p.APIs, api) && slices.Contains(k.Plans, p.PhysicalID) {
				return k.ID, true
			}
		}
	}
	return "", false
}

func (g *Gateway) serve(w http.ResponseWriter, r *http.Request, body []byte) {
	mux := http.NewServeMux()
	handle := func(pattern string, status int, f func(*http.Request, []byte) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			out, err := f(r, body)
			if err != nil || status == http.StatusOK {
				write(w, "application/json", out, err)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			if out != nil {
				_ = json.NewEncoder(w).Encode(out)
			}
		})
	}
	handle("POST /apikeys", http.StatusCreated, g.create)
	handle("GET /apikeys", http.StatusOK, g.list)
	handle("GET /apikeys/{id}", http.StatusOK, g.get)
	handle("PATCH /apikeys/{id}", http.StatusOK, g.update)
	handle("DELETE /apikeys/{id}", http.StatusAccepted, g.remove)
	handle("GET /usageplans", http.StatusOK, g.listPlans)
	handle("POST /usageplans/{plan}/keys", http.StatusCreated, g.attach)
	handle("GET /usageplans/{plan}/keys", http.StatusOK, g.attached)
	handle("DELETE /usageplans/{plan}/keys/{id}", http.StatusAccepted, g.detach)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		write(w, "application/json", nil, refuse("BadRequestException", "%s %s is not part of the local cloud", r.Method, r.URL.Path))
	})
	mux.ServeHTTP(w, r)
}

func absent(what string) error {
	return failure{"NotFoundException", "Invalid " + what + " identifier specified", http.StatusNotFound}
}

func (k apiKey) describe(withValue bool) map[string]any {
	out := map[string]any{
		"id": k.ID, "name": k.Name, "description": k.Description, "enabled": k.Enabled,
		"createdDate": k.Created.Unix(), "lastUpdatedDate": k.Created.Unix(), "stageKeys": []string{},
	}
	if withValue {
		out["value"] = k.Value
	}
	return out
}

func (g *Gateway) create(_ *http.Request, body []byte) (any, error) {
	var in struct {
		Name        string `json:"name"`
		Description string `json:"description"`
		Value       string `json:"value"`
		Enabled     bool   `json:"enabled"`
	}
	if json.Unmarshal(body, &in) != nil {
		return nil, refuse("BadRequestException", "the request is not the JSON expected")
	}
	if in.Value == "" {
		in.Value = rand.Text() + rand.Text()
	}
	if len(in.Value) < 20 || len(in.Value) > 128 {
		return nil, refuse("BadRequestException", "API Key value should be at least 20 characters and at most 128")
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, k := range g.keys {
		if k.Value == in.Value {
			return nil, failure{"ConflictException", "API Key already exists", http.StatusConflict}
		}
	}
	k := apiKey{ID: shortID(), Name: in.Name, Description: in.Description, Value: in.Value, Enabled: in.Enabled, Created: g.config.Now()}
	return k.describe(true), g.store(k)
}

// store saves a key; the caller holds the lock.
func (g *Gateway) store(k apiKey) error {
	g.keys[k.ID] = k
	return save(g.path(), g.keys)
}

func shortID() string {
	var b [10]byte
	_, _ = rand.Read(b[:])
	return strings.ToLower(base32.StdEncoding.EncodeToString(b[:])[:10])
}

func (g *Gateway) list(r *http.Request, _ []byte) (any, error) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	q := r.URL.Query()
	items := []any{}
	for _, id := range slices.Sorted(maps.Keys(g.keys)) {
		if k := g.keys[id]; strings.HasPrefix(k.Name, q.Get("name")) {
			items = append(items, k.describe(q.Get("includeValues") == "true"))
		}
	}
	// The REST API really calls its list "item".
	return map[string]any{"item": items}, nil
}

func (g *Gateway) get(r *http.Request, _ []byte) (any, error) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	k, ok := g.keys[r.PathValue("id")]
	if !ok {
		return nil, absent("API Key")
	}
	return k.describe(r.URL.Query().Get("includeValue") == "true"), nil
}

func (g *Gateway) update(r *http.Request, body []byte) (any, error) {
	var in struct {
		Operations []struct {
			Op    string `json:"op"`
			Path  string `json:"path"`
			Value string `json:"value"`
		} `json:"patchOperations"`
	}
	if json.Unmarshal(body, &in) != nil {
		return nil, refuse("BadRequestException", "the request is not the JSON expected")
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	k, ok := g.keys[r.PathValue("id")]
	if !ok {
		return nil, absent("API Key")
	}
	for _, o := range in.Operations {
		switch o.Op + " " + o.Path {
		case "replace /enabled":
			k.Enabled = o.Value == "true"
		case "replace /description":
			k.Description = o.Value
		case "replace /name":
			k.Name = o.Value
		default:
			return nil, refuse("BadRequestException", "Invalid patch path %s", o.Path)
		}
	}
	return k.describe(false), g.store(k)
}

func (g *Gateway) remove(r *http.Request, _ []byte) (any, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, ok := g.keys[r.PathValue("id")]; !ok {
		return nil, absent("API Key")
	}
	delete(g.keys, r.PathValue("id"))
	return nil, save(g.path(), g.keys)
}

func (g *Gateway) listPlans(r *http.Request, _ []byte) (any, error) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	key := r.URL.Query().Get("keyId")
	items := []any{}
	for _, p := range g.plans {
		if key != "" && !slices.Contains(g.keys[key].Plans, p.PhysicalID) {
			continue
		}
		items = append(items, map[string]any{"id": p.PhysicalID, "name": p.Name})
	}
	return map[string]any{"item": items}, nil
}

func (g *Gateway) plan(r *http.Request) (string, error) {
	id := r.PathValue("plan")
	if !slices.ContainsFunc(g.plans, func(p template.Plan) bool { return p.PhysicalID == id }) {
		return "", absent("Usage Plan")
	}
	return id, nil
}

func (g *Gateway) attach(r *http.Request, body []byte) (any, error) {
	var in struct {
		KeyID   string `json:"keyId"`
		KeyType string `json:"keyType"`
	}
	if json.Unmarshal(body, &in) != nil || in.KeyType != "API_KEY" {
		return nil, refuse("BadRequestException", "a usage plan key needs a keyId and the keyType API_KEY")
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	plan, err := g.plan(r)
	if err != nil {
		return nil, err
	}
	k, ok := g.keys[in.KeyID]
	if !ok {
		return nil, absent("API Key")
	}
	if slices.Contains(k.Plans, plan) {
		return nil, failure{"ConflictException", "Usage Plan already has this key", http.StatusConflict}
	}
	k.Plans = append(slices.Clone(k.Plans), plan)
	return planKey(k), g.store(k)
}

func planKey(k apiKey) map[string]any {
	return map[string]any{"id": k.ID, "type": "API_KEY", "name": k.Name, "value": k.Value}
}

func (g *Gateway) attached(r *http.Request, _ []byte) (any, error) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	plan, err := g.plan(r)
	if err != nil {
		return nil, err
	}
	items := []any{}
	for _, id := range slices.Sorted(maps.Keys(g.keys)) {
		if k := g.keys[id]; slices.Contains(k.Plans, plan) {
			items = append(items, planKey(k))
		}
	}
	return map[string]any{"item": items}, nil
}

func (g *Gateway) detach(r *http.Request, _ []byte) (any, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	plan, err := g.plan(r)
	if err != nil {
		return nil, err
	}
	k, ok := g.keys[r.PathValue("id")]
	if !ok || !slices.Contains(k.Plans, plan) {
		return nil, absent("API Key")
	}
	k.Plans = slices.DeleteFunc(slices.Clone(k.Plans), func(p string) bool { return p == plan })
	return nil, g.store(k)
}
