// Package template reads the SAM template the cloud is deployed from and
// turns it into the few things the local cloud must run: functions, routes,
// queues, schedules, tables, buckets, keys and the distribution.
//
// There is no second wiring: whatever this package does not understand
// (a resource type, a property, an event, an intrinsic function) is an error
// that names it and the resource it is in, never something left out in
// silence. What is understood, and what exists only in the cloud, is listed
// in catalogue.go.
package template

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Template is a parsed template whose intrinsic functions are not yet evaluated.
type Template struct {
	parameters map[string]parameter
	mappings   map[string]any
	conditions map[string]any
	globals    map[string]any
	resources  map[string]resource
}

type parameter struct {
	kind        string
	fallback    *string
	allowed     []string
	pattern     *regexp.Regexp
	least, most *float64
}

type resource struct {
	id         string
	kind       string
	condition  string
	properties map[string]any
}

// Load reads and checks the template at path. Every unsupported name found is
// reported, joined in one error, so that they can be mended together.
func Load(path string) (*Template, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading template: %w", err)
	}
	t, err := Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

// Parse reads and checks a template.
func Parse(text []byte) (*Template, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("parsing YAML: %w", err)
	}
	if len(doc.Content) == 0 {
		return nil, errors.New("empty template")
	}
	tree, err := convert(doc.Content[0])
	if err != nil {
		return nil, err
	}
	root, ok := tree.(map[string]any)
	if !ok {
		return nil, errors.New("the template is not a mapping")
	}
	return build(root)
}

// sections are the top-level names a template may have. Outputs and Rules
// matter to the deployment only.
var sections = strings.Fields("AWSTemplateFormatVersion Transform Description Metadata Parameters Mappings Conditions Globals Resources Outputs Rules")

func build(root map[string]any) (*Template, error) {
	t := &Template{
		parameters: map[string]parameter{},
		mappings:   mapping(root["Mappings"]),
		conditions: mapping(root["Conditions"]),
		globals:    mapping(root["Globals"]),
		resources:  map[string]resource{},
	}
	var problems []error
	for _, name := range sorted(root) {
		if !slices.Contains(sections, name) {
			problems = append(problems, fmt.Errorf("section %s is not supported by the local cloud", name))
		}
	}
	if err := checkTransform(root["Transform"]); err != nil {
		problems = append(problems, err)
	}
	for _, name := range sorted(mapping(root["Parameters"])) {
		p, err := readParameter(name, mapping(root["Parameters"])[name])
		if err != nil {
			problems = append(problems, err)
		}
		t.parameters[name] = p
	}
	for _, name := range sorted(t.globals) {
		if !slices.Contains(globalSections, name) {
			problems = append(problems, fmt.Errorf("Globals.%s is not supported by the local cloud", name))
		}
	}
	for _, id := range sorted(mapping(root["Resources"])) {
		r, err := t.readResource(id, mapping(root["Resources"])[id])
		problems = append(problems, err...)
		t.resources[id] = r
		if r.kind == "AWS::Serverless::Function" {
			t.resources[id+"Role"] = resource{id: id + "Role", kind: generatedRole, condition: r.condition}
		}
	}
	return t, errors.Join(problems...)
}

func checkTransform(v any) error {
	names, ok := v.([]any)
	if !ok && v != nil {
		names = []any{v}
	}
	for _, n := range names {
		if n != "AWS::Serverless-2016-10-31" {
			return fmt.Errorf("transform %v is not supported by the local cloud", n)
		}
	}
	return nil
}

// parameterFields are the attributes of a parameter. Lengths and the way it is
// shown matter to whoever types it, not here.
var parameterFields = strings.Fields("Type Default AllowedValues AllowedPattern MinValue MaxValue Description ConstraintDescription MinLength MaxLength NoEcho")

func readParameter(name string, v any) (parameter, error) {
	fields, ok := v.(map[string]any)
	if !ok {
		return parameter{}, fmt.Errorf("parameter %s is not a mapping", name)
	}
	var problems []error
	for _, field := range sorted(fields) {
		if !slices.Contains(parameterFields, field) {
			problems = append(problems, fmt.Errorf("parameter %s: %s is not supported by the local cloud", name, field))
		}
	}
	p := parameter{kind: text(fields["Type"]), least: float(fields["MinValue"]), most: float(fields["MaxValue"])}
	if d, ok := fields["Default"]; ok {
		s := text(d)
		p.fallback = &s
	}
	if list, ok := fields["AllowedValues"].([]any); ok {
		for _, a := range list {
			p.allowed = append(p.allowed, text(a))
		}
	}
	if pattern := text(fields["AllowedPattern"]); pattern != "" {
		compiled, err := regexp.Compile("^(?:" + pattern + ")$")
		if err != nil {
			problems = append(problems, fmt.Errorf("parameter %s: %w", name, err))
		}
		p.pattern = compiled
	}
	if !slices.Contains(parameterTypes, p.kind) {
		problems = append(problems, fmt.Errorf("parameter %s: type %q is not supported by the local cloud", name, p.kind))
	}
	return p, errors.Join(problems...)
}

var parameterTypes = strings.Fields("String Number CommaDelimitedList AWS::SSM::Parameter::Value<String>")

func float(v any) *float64 {
	f, err := strconv.ParseFloat(text(v), 64)
	if err != nil {
		return nil
	}
	return &f
}

// resourceFields are the attributes a resource may have beside its properties.
var resourceFields = strings.Fields("Type Properties Metadata DependsOn Condition DeletionPolicy UpdateReplacePolicy CreationPolicy UpdatePolicy")

func (t *Template) readResource(id string, v any) (resource, []error) {
	fields, ok := v.(map[string]any)
	if !ok {
		return resource{}, []error{fmt.Errorf("resource %s is not a mapping", id)}
	}
	r := resource{
		id: id, kind: text(fields["Type"]), condition: text(fields["Condition"]),
		properties: mapping(fields["Properties"]),
	}
	var problems []error
	for _, name := range sorted(fields) {
		if !slices.Contains(resourceFields, name) {
			problems = append(problems, fmt.Errorf("resource %s: attribute %s is not supported by the local cloud", id, name))
		}
	}
	if cloudOnly(r.kind) {
		return r, problems
	}
	if section, ok := globalSection[r.kind]; ok {
		if g, ok := t.globals[section].(map[string]any); ok {
			r.properties = merge(g, r.properties).(map[string]any)
		}
	}
	return r, append(problems, checkResource(r)...)
}

// globalSection tells which section of Globals a resource type inherits from.
var globalSection = map[string]string{
	"AWS::Serverless::Function": "Function",
	"AWS::Serverless::Api":      "Api",
	"AWS::Serverless::HttpApi":  "HttpApi",
}

var globalSections = []string{"Function", "Api", "HttpApi"}

// merge lays own over global as SAM does: mappings are merged, lists are
// joined with the global part first, anything else is replaced.
func merge(global, own any) any {
	switch o := own.(type) {
	case nil:
		return global
	case map[string]any:
		g, ok := global.(map[string]any)
		if !ok || isIntrinsic(o) || isIntrinsic(g) {
			return own
		}
		out := make(map[string]any, len(g)+len(o))
		for k, v := range g {
			out[k] = v
		}
		for k, v := range o {
			out[k] = merge(g[k], v)
		}
		return out
	case []any:
		if g, ok := global.([]any); ok {
			return append(slices.Clone(g), o...)
		}
	}
	return own
}

func mapping(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

func sorted[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// text is the string CloudFormation makes of a scalar.
func text(v any) string {
	switch x := v.(type) {
	case nil:
		return ""
	case string:
		return x
	}
	return fmt.Sprint(v)
}
