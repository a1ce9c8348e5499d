package aws

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Parameters is SSM's parameter store, in one file of mode 0600.
type Parameters struct {
	config Config
	mu     sync.RWMutex
	values map[string]stored
}

type stored struct {
	Type     string    `json:"type"`
	Value    string    `json:"value"`
	Version  int       `json:"version"`
	Modified time.Time `json:"modified"`
}

func openParameters(c Config) (*Parameters, error) {
	p := &Parameters{config: c, values: map[string]stored{}}
	return p, load(p.path(), &p.values)
}

func (p *Parameters) path() string { return filepath.Join(p.config.Dir, "ssm.json") }

// Value is a parameter's value.
func (p *Parameters) Value(name string) (string, bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	v, ok := p.values[name]
	return v.Value, ok
}

// Put writes a parameter; one that has the value already is left alone.
func (p *Parameters) Put(name, kind, value string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	old := p.values[name]
	if old.Type == kind && old.Value == value {
		return nil
	}
	p.values[name] = stored{Type: kind, Value: value, Version: old.Version + 1, Modified: p.config.Now()}
	if err := save(p.path(), p.values); err != nil {
		return fmt.Errorf("saving parameters: %w", err)
	}
	return nil
}

// Seed writes a parameter unless it is there.
func (p *Parameters) Seed(name, kind string, value func() string) error {
	if _, ok := p.Value(name); ok {
		return nil
	}
	return p.Put(name, kind, value())
}

func (p *Parameters) call(name string, body []byte) (any, error) {
	handlers := map[string]func([]byte) (any, error){
		"GetParameter":        operation(p.get),
		"GetParameters":       operation(p.getSome),
		"GetParametersByPath": operation(p.getPath),
		"PutParameter":        operation(p.put),
	}
	h, ok := handlers[name]
	if !ok {
		return nil, refuse("UnsupportedOperationException", "SSM %s is not part of the local cloud", name)
	}
	return h(body)
}

type getInput struct {
	Name           string
	Names          []string
	Path           string
	Recursive      bool
	WithDecryption bool
	MaxResults     int
	NextToken      string
	Filters        json.RawMessage `json:"ParameterFilters"`
}

func (p *Parameters) get(in getInput) (any, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	v, ok := p.values[in.Name]
	if !ok {
		return nil, refuse("ParameterNotFound", "")
	}
	return map[string]any{"Parameter": p.describe(in.Name, v, in.WithDecryption)}, nil
}

func (p *Parameters) getSome(in getInput) (any, error) {
	if len(in.Names) > 10 {
		return nil, refuse("ValidationException", "1 validation error detected: Value at 'names' failed to satisfy constraint: Member must have length less than or equal to 10")
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	found, missing := []any{}, []string{}
	for _, name := range in.Names {
		if v, ok := p.values[name]; ok {
			found = append(found, p.describe(name, v, in.WithDecryption))
		} else {
			missing = append(missing, name)
		}
	}
	return map[string]any{"Parameters": found, "InvalidParameters": missing}, nil
}

func (p *Parameters) getPath(in getInput) (any, error) {
	if len(in.Filters) > 0 && string(in.Filters) != "null" && string(in.Filters) != "[]" {
		return nil, refuse("InvalidFilterKey", "filters are not part of the local cloud")
	}
	from := 0
	if in.NextToken != "" {
		n, err := strconv.Atoi(in.NextToken)
		if err != nil || n < 0 {
			return nil, refuse("InvalidNextToken", "the token is not one of ours")
		}
		from = n
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	prefix := strings.TrimSuffix(in.Path, "/") + "/"
	var names []string
	for _, name := range slices.Sorted(maps.Keys(p.values)) {
		rest, ok := strings.CutPrefix(name, prefix)
		if ok && (in.Recursive || !strings.Contains(rest, "/")) {
			names = append(names, name)
		}
	}
	size := in.MaxResults
	if size <= 0 || size > 10 {
		size = 10
	}
	page := names[min(from, len(names)):min(from+size, len(names))]
	out := map[string]any{}
	list := []any{}
	for _, name := range page {
		list = append(list, p.describe(name, p.values[name], in.WithDecryption))
	}
	out["Parameters"] = list
	if from+size < len(names) {
		out["NextToken"] = strconv.Itoa(from + size)
	}
	return out, nil
}

// describe shows a secret only to who asked for it in clear, as SSM does.
func (p *Parameters) describe(name string, v stored, clear bool) map[string]any {
	value := v.Value
	if v.Type == "SecureString" && !clear {
		value = base64.StdEncoding.EncodeToString([]byte("encrypted"))
	}
	return map[string]any{
		"Name": name, "Type": v.Type, "Value": value, "Version": v.Version, "DataType": "text", "LastModifiedDate": seconds(v.Modified),
		"ARN": fmt.Sprintf("arn:aws:ssm:%s:%s:parameter%s", p.config.Region, p.config.Account, name),
	}
}

type putInput struct {
	Name, Type, Value string
	Overwrite         bool
}

func (p *Parameters) put(in putInput) (any, error) {
	if _, ok := p.Value(in.Name); ok && !in.Overwrite {
		return nil, refuse("ParameterAlreadyExists", "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.")
	}
	if in.Name == "" || in.Value == "" || !slices.Contains([]string{"String", "SecureString", "StringList"}, in.Type) {
		return nil, refuse("ValidationException", "a parameter needs a name, a type and a value")
	}
	if err := p.Put(in.Name, in.Type, in.Value); err != nil {
		return nil, err
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	return map[string]any{"Version": p.values[in.Name].Version, "Tier": "Standard"}, nil
}
