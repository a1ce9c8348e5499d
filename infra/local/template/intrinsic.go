package template

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// noValue stands for AWS::NoValue: the property that has it is left out.
type noValue struct{}

// scope evaluates the intrinsic functions of one template for one set of
// parameters.
type scope struct {
	template *Template
	values   map[string]string
	pseudo   map[string]string
	// attribute gives a resource's attribute; the empty name is what Ref gives.
	attribute func(id, name string) (any, error)
	// stored gives the value of an SSM parameter.
	stored     func(name string) (string, bool)
	conditions map[string]bool
	resolving  map[string]bool
}

type intrinsic func(s *scope, arg any) (any, error)

// intrinsics is filled in init: its functions evaluate their arguments, so a
// composite literal here would be an initialisation cycle.
var intrinsics map[string]intrinsic

func init() {
	intrinsics = map[string]intrinsic{
		"Fn::Sub": (*scope).sub, "Fn::GetAtt": (*scope).getAtt, "Fn::If": (*scope).ifElse,
		"Fn::Join": (*scope).join, "Fn::Select": (*scope).choose, "Fn::Split": (*scope).split,
		"Fn::FindInMap": (*scope).findInMap, "Fn::Base64": (*scope).base64,
		"Fn::Equals": (*scope).boolean, "Fn::Not": (*scope).boolean,
		"Fn::And": (*scope).boolean, "Fn::Or": (*scope).boolean,
	}
}

func isIntrinsic(m map[string]any) bool {
	if len(m) != 1 {
		return false
	}
	for k := range m {
		return k == "Ref" || k == "Condition" || strings.HasPrefix(k, "Fn::")
	}
	return false
}

// eval returns v with every intrinsic function replaced by its value.
func (s *scope) eval(v any) (any, error) {
	switch x := v.(type) {
	case map[string]any:
		if isIntrinsic(x) {
			return s.call(x)
		}
		return s.evalMap(x)
	case []any:
		out := make([]any, 0, len(x))
		for _, item := range x {
			e, err := s.eval(item)
			if err != nil {
				return nil, err
			}
			if _, none := e.(noValue); !none {
				out = append(out, e)
			}
		}
		return out, nil
	case string:
		return s.dynamic(x)
	}
	return v, nil
}

var dynamicReference = regexp.MustCompile(`\{\{resolve:([^}]*)\}\}`)

// dynamic replaces references to SSM parameters by their values.
func (s *scope) dynamic(v string) (any, error) {
	if !strings.Contains(v, "{{resolve:") {
		return v, nil
	}
	var problem error
	out := dynamicReference.ReplaceAllStringFunc(v, func(m string) string {
		service, name, _ := strings.Cut(dynamicReference.FindStringSubmatch(m)[1], ":")
		if service != "ssm" {
			problem = errors.Join(problem, fmt.Errorf("dynamic reference to %s is not supported by the local cloud", service))
			return ""
		}
		value, ok := s.stored(name)
		if !ok {
			problem = errors.Join(problem, fmt.Errorf("dynamic reference: there is no SSM parameter %s", name))
		}
		return value
	})
	return out, problem
}

func (s *scope) evalMap(m map[string]any) (any, error) {
	out := make(map[string]any, len(m))
	for _, k := range sorted(m) {
		e, err := s.eval(m[k])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", k, err)
		}
		if _, none := e.(noValue); !none {
			out[k] = e
		}
	}
	return out, nil
}

func (s *scope) call(m map[string]any) (any, error) {
	for name, arg := range m {
		switch name {
		case "Ref":
			return s.ref(text(arg))
		case "Condition":
			return s.condition(text(arg))
		}
		f, ok := intrinsics[name]
		if !ok {
			return nil, fmt.Errorf("intrinsic function %s is not supported by the local cloud", name)
		}
		v, err := f(s, arg)
		if made, ok := v.(string); ok && err == nil {
			return s.dynamic(made)
		}
		return v, err
	}
	return nil, errors.New("empty intrinsic")
}

func (s *scope) ref(name string) (any, error) {
	if name == "AWS::NoValue" {
		return noValue{}, nil
	}
	if v, ok := s.pseudo[name]; ok {
		return v, nil
	}
	if p, ok := s.template.parameters[name]; ok {
		v := s.values[name]
		if p.kind == "CommaDelimitedList" {
			return list(v), nil
		}
		return v, nil
	}
	if _, ok := s.template.resources[name]; ok {
		return s.attribute(name, "")
	}
	return nil, fmt.Errorf("Ref %s: nothing has this name, or it is not supported by the local cloud", name)
}

func list(v string) []any {
	if v == "" {
		return nil
	}
	var out []any
	for part := range strings.SplitSeq(v, ",") {
		out = append(out, strings.TrimSpace(part))
	}
	return out
}

var reference = regexp.MustCompile(`\$\{(!?)([^}]*)\}`)

func (s *scope) sub(arg any) (any, error) {
	format, locals := arg, map[string]any{}
	if pair, ok := arg.([]any); ok {
		if len(pair) != 2 {
			return nil, errors.New("Fn::Sub wants a text and a mapping")
		}
		format = pair[0]
		e, err := s.eval(pair[1])
		if err != nil {
			return nil, err
		}
		maps.Copy(locals, mapping(e))
	}
	var problem error
	out := reference.ReplaceAllStringFunc(text(format), func(m string) string {
		parts := reference.FindStringSubmatch(m)
		if parts[1] == "!" {
			return "${" + parts[2] + "}"
		}
		v, err := s.variable(strings.TrimSpace(parts[2]), locals)
		problem = errors.Join(problem, err)
		return v
	})
	return out, problem
}

func (s *scope) variable(name string, locals map[string]any) (string, error) {
	if v, ok := locals[name]; ok {
		return text(v), nil
	}
	var v any
	var err error
	if id, attribute, dotted := strings.Cut(name, "."); dotted {
		v, err = s.getAtt([]any{id, attribute})
	} else {
		v, err = s.ref(name)
	}
	return text(v), err
}

func (s *scope) getAtt(arg any) (any, error) {
	if dotted, ok := arg.(string); ok {
		id, attribute, _ := strings.Cut(dotted, ".")
		arg = []any{id, attribute}
	}
	pair, ok := arg.([]any)
	if !ok || len(pair) != 2 {
		return nil, fmt.Errorf("Fn::GetAtt %v wants a resource and an attribute", arg)
	}
	if _, ok := s.template.resources[text(pair[0])]; !ok {
		return nil, fmt.Errorf("Fn::GetAtt %s.%s: there is no such resource", pair[0], pair[1])
	}
	return s.attribute(text(pair[0]), text(pair[1]))
}

func (s *scope) ifElse(arg any) (any, error) {
	parts, ok := arg.([]any)
	if !ok || len(parts) != 3 {
		return nil, errors.New("Fn::If wants a condition and two values")
	}
	yes, err := s.condition(text(parts[0]))
	if err != nil {
		return nil, err
	}
	if yes {
		return s.eval(parts[1])
	}
	return s.eval(parts[2])
}

// condition evaluates a named condition, once.
func (s *scope) condition(name string) (bool, error) {
	if v, ok := s.conditions[name]; ok {
		return v, nil
	}
	expression, ok := s.template.conditions[name]
	if !ok {
		return false, fmt.Errorf("there is no condition %s", name)
	}
	if s.resolving["condition "+name] {
		return false, fmt.Errorf("condition %s depends on itself", name)
	}
	s.resolving["condition "+name] = true
	defer delete(s.resolving, "condition "+name)
	v, err := s.truth(expression)
	if err != nil {
		return false, fmt.Errorf("condition %s: %w", name, err)
	}
	s.conditions[name] = v
	return v, nil
}

func (s *scope) boolean(arg any) (any, error) {
	return nil, errors.New("Fn::Equals, Fn::Not, Fn::And and Fn::Or belong in Conditions")
}

func (s *scope) truth(v any) (bool, error) {
	m, ok := v.(map[string]any)
	if !ok || len(m) != 1 {
		return false, fmt.Errorf("%v is not a condition", v)
	}
	for name, arg := range m {
		args, _ := arg.([]any)
		switch name {
		case "Condition":
			return s.condition(text(arg))
		case "Fn::Equals":
			return s.equals(args)
		case "Fn::Not":
			if len(args) != 1 {
				return false, errors.New("Fn::Not wants one condition")
			}
			yes, err := s.truth(args[0])
			return !yes, err
		case "Fn::And", "Fn::Or":
			return s.all(args, name == "Fn::And")
		}
		return false, fmt.Errorf("%s is not supported in a condition by the local cloud", name)
	}
	return false, nil
}

func (s *scope) equals(args []any) (bool, error) {
	if len(args) != 2 {
		return false, errors.New("Fn::Equals wants two values")
	}
	a, err := s.eval(args[0])
	if err != nil {
		return false, err
	}
	b, err := s.eval(args[1])
	return err == nil && text(a) == text(b), err
}

// all is And when every is set, Or otherwise.
func (s *scope) all(args []any, every bool) (bool, error) {
	for _, a := range args {
		yes, err := s.truth(a)
		if err != nil || yes != every {
			return !every, err
		}
	}
	return every, nil
}

func (s *scope) join(arg any) (any, error) {
	parts, ok := arg.([]any)
	if !ok || len(parts) != 2 {
		return nil, errors.New("Fn::Join wants a separator and a list")
	}
	items, err := s.eval(parts[1])
	if err != nil {
		return nil, err
	}
	values, ok := items.([]any)
	if !ok {
		return nil, errors.New("Fn::Join wants a list")
	}
	var out []string
	for _, v := range values {
		out = append(out, text(v))
	}
	return strings.Join(out, text(parts[0])), nil
}

func (s *scope) choose(arg any) (any, error) {
	e, err := s.eval(arg)
	if err != nil {
		return nil, err
	}
	parts, ok := e.([]any)
	if !ok || len(parts) != 2 {
		return nil, errors.New("Fn::Select wants an index and a list")
	}
	items, ok := parts[1].([]any)
	var index int
	if _, err := fmt.Sscan(text(parts[0]), &index); err != nil || !ok || index < 0 || index >= len(items) {
		return nil, fmt.Errorf("Fn::Select: no item %v", parts[0])
	}
	return items[index], nil
}

func (s *scope) split(arg any) (any, error) {
	e, err := s.eval(arg)
	if err != nil {
		return nil, err
	}
	parts, ok := e.([]any)
	if !ok || len(parts) != 2 {
		return nil, errors.New("Fn::Split wants a separator and a text")
	}
	var out []any
	for part := range strings.SplitSeq(text(parts[1]), text(parts[0])) {
		out = append(out, part)
	}
	return out, nil
}

func (s *scope) findInMap(arg any) (any, error) {
	e, err := s.eval(arg)
	if err != nil {
		return nil, err
	}
	path, ok := e.([]any)
	if !ok || len(path) != 3 {
		return nil, errors.New("Fn::FindInMap wants a map and two keys")
	}
	var v any = s.template.mappings
	for _, key := range path {
		next, ok := mapping(v)[text(key)]
		if !ok {
			return nil, fmt.Errorf("Fn::FindInMap: no %v", path)
		}
		v = next
	}
	return v, nil
}

func (s *scope) base64(arg any) (any, error) {
	e, err := s.eval(arg)
	if err != nil {
		return nil, err
	}
	return base64.StdEncoding.EncodeToString([]byte(text(e))), nil
}

// newScope checks the values given against the template's parameters.
func newScope(t *Template, given, pseudo map[string]string) (*scope, error) {
	s := &scope{
		stored:   func(string) (string, bool) { return "", false },
		template: t, values: map[string]string{}, pseudo: pseudo,
		conditions: map[string]bool{}, resolving: map[string]bool{},
	}
	var problems []error
	for _, name := range sorted(t.parameters) {
		p := t.parameters[name]
		v, ok := given[name]
		switch {
		case !ok && p.fallback != nil && !strings.HasPrefix(p.kind, "AWS::SSM::"):
			v = *p.fallback
		case !ok:
			problems = append(problems, fmt.Errorf("parameter %s has no default and no local value", name))
			continue
		}
		if err := p.check(v); err != nil {
			problems = append(problems, fmt.Errorf("parameter %s: %w", name, err))
		}
		s.values[name] = v
	}
	return s, errors.Join(problems...)
}

// check says whether v keeps to the parameter's constraints.
func (p parameter) check(v string) error {
	if p.allowed != nil && !slices.Contains(p.allowed, v) {
		return fmt.Errorf("%q is not an allowed value", v)
	}
	if p.pattern != nil && !p.pattern.MatchString(v) {
		return fmt.Errorf("%q does not match %s", v, p.pattern)
	}
	if p.kind != "Number" {
		return nil
	}
	number, err := strconv.ParseFloat(v, 64)
	if err != nil {
		return fmt.Errorf("%q is not a number", v)
	}
	if p.least != nil && number < *p.least || p.most != nil && number > *p.most {
		return fmt.Errorf("%s is out of range", v)
	}
	return nil
}
