// Package policy evaluates IAM policy documents as AWS does, for the part of
// their language that the template uses. What is not understood (an element, an
// operator, a condition key) is an error that names it: a statement that is
// half read would grant or deny something else.
package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Statement is one statement of a policy document.
type Statement struct {
	Sid  string
	Deny bool
	// Principals is who a statement of a resource's own policy is about; "*" is
	// anyone. Policies of roles have none.
	Principals []string
	Actions    []string
	Resources  []string
	Conditions []Condition
	// Added is set on what the deployment adds to a role by itself.
	Added bool
}

// Condition is one key of one operator.
type Condition struct {
	// Set is ForAllValues, ForAnyValue or empty.
	Set      string
	Operator string
	IfExists bool
	Key      string
	Values   []string
}

// Request is one action that somebody asks to do.
type Request struct {
	// Principal is the ARN of the role.
	Principal        string
	Action, Resource string
	// Context has the values of condition keys, by their names in lower case;
	// one that the request does not have is not in it.
	Context map[string][]string
}

// Decision is what AWS would say.
type Decision struct {
	Allowed bool
	// Allow is the first statement of the role that allows; nil when the
	// resource's own policy does.
	Allow *Statement
	// Deny is the statement that forbids, or nil when none allows.
	Deny *Statement
}

// Decide evaluates a request of a role to something of its own account: what is
// denied anywhere is denied, and either side may allow.
func Decide(r Request, role, resource []Statement) Decision {
	if deny := find(r, true, role, resource); deny != nil {
		return Decision{Deny: deny}
	}
	if allow := find(r, false, role); allow != nil {
		return Decision{Allowed: true, Allow: allow}
	}
	return Decision{Allowed: find(r, false, resource) != nil}
}

// DecideKey is Decide for a KMS key: its policy must allow, to the role itself
// or to the account, which leaves the decision to the role's own policies.
func DecideKey(r Request, account string, role, key []Statement) Decision {
	d := Decide(r, role, key)
	if !d.Allowed || d.Allow == nil {
		return d
	}
	whole := r
	whole.Principal = account
	if find(r, false, key) == nil && find(whole, false, key) == nil {
		return Decision{}
	}
	return d
}

// find is the first statement of that effect that applies.
func find(r Request, deny bool, documents ...[]Statement) *Statement {
	for _, statements := range documents {
		for i := range statements {
			if s := &statements[i]; s.Deny == deny && s.applies(r) {
				return s
			}
		}
	}
	return nil
}

func (s *Statement) applies(r Request) bool {
	if s.Principals != nil && !slices.ContainsFunc(s.Principals, func(p string) bool { return p == "*" || p == r.Principal }) {
		return false
	}
	return s.Action(r.Action) != "" && s.Resource(r.Resource) != "" &&
		!slices.ContainsFunc(s.Conditions, func(c Condition) bool { return !c.holds(r.Context) })
}

// Action is the pattern of the statement that matches the action, or empty.
func (s *Statement) Action(action string) string {
	return first(s.Actions, func(pattern string) bool { return like(strings.ToLower(pattern), strings.ToLower(action)) })
}

// Resource is the pattern of the statement that matches the resource, or empty.
func (s *Statement) Resource(arn string) string {
	return first(s.Resources, func(pattern string) bool { return likeARN(pattern, arn) })
}

func first(patterns []string, matches func(string) bool) string {
	if i := slices.IndexFunc(patterns, matches); i >= 0 {
		return patterns[i]
	}
	return ""
}

// operator compares one value of the request with one of the condition.
type operator func(want, got string) bool

// operators are those without negation; Null is evaluated by itself.
var operators = map[string]operator{
	"StringEquals": func(want, got string) bool { return want == got },
	"StringLike":   like,
	"ArnEquals":    likeARN, // the two are the same to AWS
	"ArnLike":      likeARN,
	"Bool":         strings.EqualFold,
}

var negated = map[string]string{
	"StringNotEquals": "StringEquals", "StringNotLike": "StringLike", "ArnNotEquals": "ArnEquals", "ArnNotLike": "ArnLike",
}

func (c Condition) holds(context map[string][]string) bool {
	got, present := context[c.Key]
	if c.Operator == "Null" {
		return strings.EqualFold(c.Values[0], "true") != present
	}
	if !present && c.IfExists {
		return true
	}
	plain, not := negated[c.Operator]
	if !not {
		plain = c.Operator
	}
	one := func(value string) bool {
		return not != slices.ContainsFunc(c.Values, func(want string) bool { return operators[plain](want, value) })
	}
	switch {
	case c.Set == "ForAllValues": // no values: all of them
		return !slices.ContainsFunc(got, func(value string) bool { return !one(value) })
	case c.Set == "ForAnyValue":
		return slices.ContainsFunc(got, one)
	case !present:
		return not
	}
	return one(got[0])
}

// Matching are the values of the conditions on key that the request's own
// values match: the part of them that the request made use of.
func (s *Statement) Matching(key string, context map[string][]string) []string {
	var out []string
	for _, c := range s.Conditions {
		if c.Key != key || operators[c.Operator] == nil {
			continue
		}
		for _, value := range context[key] {
			if p := first(c.Values, func(want string) bool { return operators[c.Operator](want, value) }); p != "" {
				out = append(out, p)
			}
		}
	}
	return out
}

// Values are the values of the conditions on key.
func (s *Statement) Values(key string) []string {
	var out []string
	for _, c := range s.Conditions {
		if c.Key == key {
			out = append(out, c.Values...)
		}
	}
	return out
}

// like matches * and ?.
func like(pattern, s string) bool {
	star, mark, p, i := -1, 0, 0, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// likeARN matches each of the six parts of an ARN by itself: a * does not reach
// over a colon, but in the last part, which may have colons of its own.
func likeARN(pattern, arn string) bool {
	want, got := strings.SplitN(pattern, ":", 6), strings.SplitN(arn, ":", 6)
	if pattern == "*" || len(want) != len(got) {
		return pattern == "*"
	}
	for i := range want {
		if !like(want[i], got[i]) {
			return false
		}
	}
	return true
}

// keys are the condition keys that are understood, in lower case: package guard
// fills them from a request. True stands for a key of many values.
var keys = map[string]bool{
	"aws:principalarn": false, "aws:securetransport": false, "aws:sourcearn": false,
	"dynamodb:leadingkeys": true,
	"s3:if-none-match":     false, "s3:objectcreationoperation": false,
}

// Parse reads an evaluated policy document: the policy of a role, or of a
// resource, whose statements name their principals.
func Parse(document any, ofResource bool) ([]Statement, error) {
	doc, ok := document.(map[string]any)
	if !ok {
		return nil, unsupported("policy %v", document)
	}
	var problems []error
	for _, name := range sorted(doc) {
		if name != "Version" && name != "Id" && name != "Statement" {
			problems = append(problems, unsupported("policy element %s", name))
		}
	}
	if v := fmt.Sprint(doc["Version"]); v != "2012-10-17" {
		problems = append(problems, unsupported("policy version %s", v))
	}
	var out []Statement
	for i, item := range list(doc["Statement"]) {
		s, err := parse(item, ofResource)
		if s.Sid == "" {
			s.Sid = fmt.Sprintf("#%d", i+1)
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("statement %s: %w", s.Sid, err))
		}
		if slices.ContainsFunc(out, func(o Statement) bool { return o.Sid == s.Sid }) {
			problems = append(problems, fmt.Errorf("two statements are called %s", s.Sid))
		}
		out = append(out, s)
	}
	if len(out) == 0 {
		problems = append(problems, errors.New("a policy without statements"))
	}
	return out, errors.Join(problems...)
}

func unsupported(format string, args ...any) error {
	return fmt.Errorf(format+" is not supported by the local cloud", args...)
}

func parse(item any, ofResource bool) (Statement, error) {
	m, _ := item.(map[string]any)
	s := Statement{Actions: texts(m["Action"]), Resources: texts(m["Resource"])}
	if sid, ok := m["Sid"]; ok {
		s.Sid = fmt.Sprint(sid)
	}
	var problems []error
	for _, name := range sorted(m) {
		known := slices.Contains([]string{"Sid", "Effect", "Action", "Resource", "Condition"}, name)
		if !known && (name != "Principal" || !ofResource) {
			problems = append(problems, unsupported("element %s", name))
		}
	}
	switch m["Effect"] {
	case "Allow":
	case "Deny":
		s.Deny = true
	default:
		problems = append(problems, unsupported("effect %v", m["Effect"]))
	}
	if len(s.Actions) == 0 || len(s.Resources) == 0 {
		problems = append(problems, errors.New("a statement needs Action and Resource"))
	}
	if ofResource {
		var err error
		s.Principals, err = principals(m["Principal"])
		problems = append(problems, err)
	}
	for _, text := range slices.Concat(s.Actions, s.Resources) {
		problems = append(problems, plain(text))
	}
	for _, r := range s.Resources {
		if r != "*" && strings.Count(r, ":") < 5 {
			problems = append(problems, unsupported("resource %s", r))
		}
	}
	var err error
	s.Conditions, err = conditions(m["Condition"])
	return s, errors.Join(append(problems, err)...)
}

// plain refuses policy variables.
func plain(text string) error {
	if strings.Contains(text, "${") {
		return unsupported("policy variable in %s", text)
	}
	return nil
}

// principals are ARNs, and services by their names: no function is one.
func principals(v any) ([]string, error) {
	if v == "*" {
		return []string{"*"}, nil
	}
	m, ok := v.(map[string]any)
	if !ok || len(m) == 0 {
		return nil, unsupported("principal %v", v)
	}
	var out []string
	for _, kind := range sorted(m) {
		if kind != "AWS" && kind != "Service" {
			return nil, unsupported("principal %s", kind)
		}
		out = append(out, texts(m[kind])...)
	}
	return out, nil
}

func conditions(v any) ([]Condition, error) {
	m, _ := v.(map[string]any)
	var out []Condition
	var problems []error
	for _, name := range sorted(m) {
		values, ok := m[name].(map[string]any)
		if !ok {
			problems = append(problems, unsupported("condition %v", m[name]))
		}
		for _, key := range sorted(values) {
			c, err := parseCondition(name, key, texts(values[key]))
			out, problems = append(out, c), append(problems, err)
		}
	}
	return out, errors.Join(problems...)
}

func parseCondition(name, key string, values []string) (Condition, error) {
	c := Condition{Operator: name, Key: strings.ToLower(key), Values: values}
	if set, rest, found := strings.Cut(name, ":"); found {
		c.Set, c.Operator = set, rest
	}
	c.Operator, c.IfExists = strings.CutSuffix(c.Operator, "IfExists")
	many, known := keys[c.Key]
	switch {
	case !known:
		return c, unsupported("condition key %s", key)
	case operators[c.Operator] == nil && negated[c.Operator] == "" && c.Operator != "Null",
		!slices.Contains([]string{"", "ForAllValues", "ForAnyValue"}, c.Set),
		c.Operator == "Null" && (c.IfExists || c.Set != ""):
		return c, unsupported("condition operator %s", name)
	case many != (c.Set != "") && c.Operator != "Null":
		return c, fmt.Errorf("condition key %s does not go with operator %s: a key of many values, and no other, wants ForAllValues or ForAnyValue", key, name)
	case len(values) == 0:
		return c, fmt.Errorf("condition key %s has no values", key)
	}
	for _, value := range values {
		if err := plain(value); err != nil {
			return c, err
		}
	}
	return c, nil
}

// list is v as a list: a single item may stand for itself.
func list(v any) []any {
	switch x := v.(type) {
	case nil:
		return nil
	case []any:
		return x
	}
	return []any{v}
}

func texts(v any) []string {
	var out []string
	for _, item := range list(v) {
		out = append(out, fmt.Sprint(item))
	}
	return out
}

func sorted(m map[string]any) []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
