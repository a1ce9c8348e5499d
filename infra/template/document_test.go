package template_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// document is template.yaml as plain maps, lists and scalars. A short intrinsic such as !Ref X becomes its long form,
// {"Ref": "X"}, so that rules see one shape.
type document map[string]any

// root is the repository's top, seen from this package.
const root = "../.."

func load(t *testing.T, name string) document {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	d, err := parse(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return d
}

func parse(text []byte) (document, error) {
	var n yaml.Node
	if err := yaml.Unmarshal(text, &n); err != nil {
		return nil, err
	}
	if len(n.Content) != 1 {
		return nil, fmt.Errorf("parsing template: %d documents", len(n.Content))
	}
	v, err := plain(n.Content[0])
	if err != nil {
		return nil, err
	}
	d, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("parsing template: the top is no mapping")
	}
	return d, nil
}

// plain turns a node into Go values. What CloudFormation takes but this project does not use (anchors, merges, other
// intrinsics) is an error: the local cloud would not know it either.
func plain(n *yaml.Node) (any, error) {
	v, err := plainContent(n)
	if err != nil {
		return nil, err
	}
	switch {
	case n.Tag == "!Ref":
		return map[string]any{"Ref": v}, nil
	case slices.Contains([]string{"!Sub", "!GetAtt", "!Join", "!If"}, n.Tag):
		return map[string]any{"Fn::" + n.Tag[1:]: v}, nil
	case strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!"):
		return nil, fmt.Errorf("line %d: intrinsic %s is not used here", n.Line, n.Tag)
	}
	return v, nil
}

func plainContent(n *yaml.Node) (any, error) {
	switch n.Kind {
	case yaml.ScalarNode:
		if strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!") {
			return n.Value, nil
		}
		var v any
		err := n.Decode(&v)
		return v, err
	case yaml.SequenceNode:
		list := make([]any, 0, len(n.Content))
		for _, c := range n.Content {
			v, err := plain(c)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	case yaml.MappingNode:
		m := make(map[string]any, len(n.Content)/2)
		for i := 0; i < len(n.Content); i += 2 {
			key := n.Content[i].Value
			if _, twice := m[key]; twice {
				return nil, fmt.Errorf("line %d: %s stands twice", n.Content[i].Line, key)
			}
			v, err := plain(n.Content[i+1])
			if err != nil {
				return nil, err
			}
			m[key] = v
		}
		return m, nil
	}
	return nil, fmt.Errorf("line %d: anchors are not used here", n.Line)
}

// at walks down mappings by key; anything missing is nil.
func at(v any, path ...string) any {
	for _, key := range path {
		switch m := v.(type) {
		case document:
			v = m[key]
		case map[string]any:
			v = m[key]
		default:
			return nil
		}
	}
	return v
}

func text(v any, path ...string) string {
	s, _ := at(v, path...).(string)
	return s
}

func number(v any, path ...string) int {
	n, _ := at(v, path...).(int)
	return n
}

func list(v any, path ...string) []any {
	v = at(v, path...)
	if l, ok := v.([]any); ok {
		return l
	}
	if v == nil {
		return nil
	}
	return []any{v} // policies may write one action or resource without a list
}

func texts(v any, path ...string) []string {
	var all []string
	for _, e := range list(v, path...) {
		s, _ := e.(string)
		all = append(all, s)
	}
	return all
}

func keys(v any, path ...string) []string {
	m, _ := at(v, path...).(map[string]any)
	names := make([]string, 0, len(m))
	for k := range m {
		names = append(names, k)
	}
	sort.Strings(names)
	return names
}

// names lists the resources of a type.
func (d document) names(kind string) []string {
	var all []string
	for _, id := range keys(d, "Resources") {
		if text(d, "Resources", id, "Type") == kind {
			all = append(all, id)
		}
	}
	return all
}

func (d document) functions() []string { return d.names("AWS::Serverless::Function") }

func (d document) property(id string, path ...string) any {
	return at(d, append([]string{"Resources", id, "Properties"}, path...)...)
}

// setting is a function's property, or the one of Globals.
func (d document) setting(id, name string) any {
	if v := d.property(id, name); v != nil {
		return v
	}
	return at(d, "Globals", "Function", name)
}

// event is one event source of one function.
type event struct {
	function, name, kind string
	properties           any
}

func (d document) events() []event {
	var all []event
	for _, f := range d.functions() {
		for _, name := range keys(d.property(f), "Events") {
			e := d.property(f, "Events", name)
			all = append(all, event{f, name, text(e, "Type"), at(e, "Properties")})
		}
	}
	return all
}

// ref is the resource that {"Ref": X}, {"Fn::GetAtt": "X.A"} or {"Fn::Sub": "${X.A}/…"} is about, or "".
func ref(v any) string {
	if s := text(v, "Ref"); s != "" {
		return s
	}
	if s := text(v, "Fn::GetAtt"); s != "" {
		id, _, _ := strings.Cut(s, ".")
		return id
	}
	s := text(v, "Fn::Sub")
	if after, ok := strings.CutPrefix(s, "${"); ok {
		id, _, _ := strings.Cut(after, "}")
		id, _, _ = strings.Cut(id, ".")
		return id
	}
	return ""
}

// visit calls f for every mapping of the tree, with its path.
func visit(v any, path string, f func(path string, m map[string]any)) {
	switch v := v.(type) {
	case document:
		visit(map[string]any(v), path, f)
	case map[string]any:
		f(path, v)
		for _, k := range keys(v) {
			visit(v[k], path+"/"+k, f)
		}
	case []any:
		for i, e := range v {
			visit(e, fmt.Sprintf("%s/%d", path, i), f)
		}
	}
}
