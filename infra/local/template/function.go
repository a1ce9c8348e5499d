package template

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

// accountConcurrency bounds the instances of a function that reserves none: two
// cores serve no more at once anyway.
const accountConcurrency = 10

func (r *resolver) function(n node) error {
	if err := n.need("CodeUri", "Handler"); err != nil {
		return err
	}
	if rt := n.textOr("Runtime", "provided.al2023"); !strings.HasPrefix(rt, "provided.") {
		return fmt.Errorf("Runtime %s is not supported by the local cloud", rt)
	}
	if h := n.text("Handler"); h != "bootstrap" {
		return fmt.Errorf("Handler %s is not supported by the local cloud: it runs bootstrap", h)
	}
	f := Function{ID: n.id, Folder: path.Clean(n.text("CodeUri")), Environment: map[string]string{}}
	for name, v := range mapping(n.child("Environment").properties["Variables"]) {
		f.Environment[name] = text(v)
	}
	timeout, e1 := n.number("Timeout", 3)
	memory, e2 := n.number("MemorySize", 128)
	reserved, e3 := n.number("ReservedConcurrentExecutions", accountConcurrency)
	retries, e4 := n.child("EventInvokeConfig").number("MaximumRetryAttempts", 2)
	if err := errors.Join(e1, e2, e3, e4); err != nil {
		return err
	}
	f.Timeout, f.Memory, f.Reserved, f.AsyncRetries = time.Duration(timeout)*time.Second, memory, reserved, retries
	if failed := n.child("EventInvokeConfig").child("DestinationConfig").child("OnFailure"); failed.has("Destination") {
		if kind := failed.text("Type"); kind != "SQS" {
			return fmt.Errorf("EventInvokeConfig destination of type %s is not supported by the local cloud", kind)
		}
		f.OnFailure = failed.text("Destination")
	}
	name, err := r.attribute(n.id, "")
	if err != nil {
		return err
	}
	arn, err := r.attribute(n.id, "Arn")
	if err != nil {
		return err
	}
	f.Name, f.ARN = text(name), text(arn)
	if err := r.permissions(n, &f); err != nil {
		return err
	}
	r.cloud.Functions = append(r.cloud.Functions, f)
	return r.events(n)
}

func (r *resolver) events(n node) error {
	var problems []error
	events := n.child("Events")
	for _, name := range sorted(events.properties) {
		e := events.child(name)
		build := map[string]func(*resolver, string, string, node) error{
			"HttpApi": (*resolver).route, "Api": (*resolver).restRoute, "SQS": (*resolver).mapping,
			"ScheduleV2": (*resolver).schedule, "Schedule": (*resolver).rule,
		}[e.text("Type")]
		if err := build(r, n.id, name, e.child("Properties")); err != nil {
			problems = append(problems, fmt.Errorf("event %s: %w", name, err))
		}
	}
	return errors.Join(problems...)
}

// implicitly named APIs of SAM, used by events that name none.
const (
	implicitHTTP = "ServerlessHttpApi"
	implicitREST = "ServerlessRestApi"
)

func (r *resolver) api(physical, implicit string) (*API, error) {
	for i := range r.cloud.APIs {
		if r.cloud.APIs[i].PhysicalID == physical {
			return &r.cloud.APIs[i], nil
		}
	}
	if physical == "" {
		return nil, fmt.Errorf("the implicit %s is not supported by the local cloud: name the API", implicit)
	}
	return nil, fmt.Errorf("there is no API %s", physical)
}

func (r *resolver) route(function, _ string, e node) error {
	if v := e.textOr("PayloadFormatVersion", "2.0"); v != "2.0" {
		return fmt.Errorf("PayloadFormatVersion %s is not supported by the local cloud", v)
	}
	return r.addRoute(function, e, e.text("ApiId"), implicitHTTP, 30000, false)
}

func (r *resolver) restRoute(function, _ string, e node) error {
	return r.addRoute(function, e, e.text("RestApiId"), implicitREST, 29000, e.child("Auth").bool("ApiKeyRequired"))
}

func (r *resolver) addRoute(function string, e node, id, implicit string, limit int, key bool) error {
	if err := e.need("Path", "Method"); err != nil {
		return err
	}
	api, err := r.api(id, implicit)
	if err != nil {
		return err
	}
	timeout, err := e.number("TimeoutInMillis", limit)
	if err != nil {
		return err
	}
	route := Route{
		Function: function, Method: strings.ToUpper(e.text("Method")), Path: e.text("Path"),
		Timeout: time.Duration(timeout) * time.Millisecond,
	}
	if api.REST {
		route.KeyRequired = key || r.keyByDefault(api.ID) && !e.child("Auth").has("ApiKeyRequired")
	}
	if slices.ContainsFunc(api.Routes, func(o Route) bool { return o.Method == route.Method && o.Path == route.Path }) {
		return fmt.Errorf("%s %s is routed twice", route.Method, route.Path)
	}
	api.Routes = append(api.Routes, route)
	return nil
}

func (r *resolver) keyByDefault(api string) bool {
	n, err := r.node(api)
	return err == nil && n.child("Auth").bool("ApiKeyRequired")
}

func (r *resolver) httpAPI(n node) error {
	r.cloud.APIs = append(r.cloud.APIs, API{
		ID: n.id, PhysicalID: strings.ToLower(n.id), Name: n.textOr("Name", n.id), Stage: n.textOr("StageName", "$default"),
	})
	return nil
}

func (r *resolver) restAPI(n node) error {
	if err := n.need("StageName"); err != nil {
		return err
	}
	var binary []string
	for _, t := range n.texts("BinaryMediaTypes") {
		binary = append(binary, strings.ReplaceAll(t, "~1", "/"))
	}
	responses, err := gatewayAnswers(n.child("GatewayResponses"))
	if err != nil {
		return err
	}
	r.cloud.APIs = append(r.cloud.APIs, API{
		ID: n.id, PhysicalID: strings.ToLower(n.id), Name: n.textOr("Name", n.id), Stage: n.text("StageName"),
		REST: true, BinaryTypes: binary, Responses: responses,
	})
	return nil
}

func gatewayAnswers(n node) (map[string]Response, error) {
	var problems []error
	out := map[string]Response{}
	for _, kind := range sorted(n.properties) {
		response, err := gatewayAnswer(n.child(kind))
		if err != nil {
			problems = append(problems, fmt.Errorf("GatewayResponses.%s: %w", kind, err))
		}
		out[kind] = response
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, errors.Join(problems...)
}

// variable is what a body of the gateway's own may name.
var variable = regexp.MustCompile(`\$[A-Za-z][A-Za-z.]*`)

// RequestIDVariable is the one of them that is known here.
const RequestIDVariable = "$context.requestId"

func gatewayAnswer(n node) (Response, error) {
	status, err := n.number("StatusCode", 0)
	if err != nil {
		return Response{}, err
	}
	out := Response{Status: status, Headers: map[string]string{}}
	for name, v := range n.child("ResponseParameters").child("Headers").properties {
		value, opened := strings.CutPrefix(text(v), "'")
		value, closed := strings.CutSuffix(value, "'")
		if !opened || !closed {
			return out, fmt.Errorf("header %s: only a text in single quotes is supported by the local cloud", name)
		}
		out.Headers[name] = value
	}
	for kind, v := range n.child("ResponseTemplates").properties {
		if kind != "application/json" {
			return out, fmt.Errorf("a template for %s is not supported by the local cloud", kind)
		}
		out.Body = text(v)
	}
	for _, name := range variable.FindAllString(out.Body, -1) {
		if name != RequestIDVariable {
			return out, fmt.Errorf("%s is not supported by the local cloud", name)
		}
	}
	return out, nil
}

func (r *resolver) mapping(function, name string, e node) error {
	if err := e.need("Queue"); err != nil {
		return err
	}
	if e.has("Enabled") && !e.bool("Enabled") {
		return nil
	}
	batch, e1 := e.number("BatchSize", 10)
	window, e2 := e.number("MaximumBatchingWindowInSeconds", 0)
	most, e3 := e.child("ScalingConfig").number("MaximumConcurrency", 0)
	if err := errors.Join(e1, e2, e3); err != nil {
		return err
	}
	m := Mapping{
		Function: function, Name: name, QueueARN: e.text("Queue"), Batch: batch,
		Window: time.Duration(window) * time.Second, MaxConcurrency: most,
	}
	for _, kind := range e.texts("FunctionResponseTypes") {
		if kind != "ReportBatchItemFailures" {
			return fmt.Errorf("FunctionResponseTypes %s is not supported by the local cloud", kind)
		}
		m.Partial = true
	}
	r.cloud.Mappings = append(r.cloud.Mappings, m)
	return nil
}

func (r *resolver) schedule(function, name string, e node) error {
	if err := e.need("ScheduleExpression"); err != nil {
		return err
	}
	if mode := e.child("FlexibleTimeWindow").textOr("Mode", "OFF"); mode != "OFF" {
		return fmt.Errorf("FlexibleTimeWindow.Mode %s is not supported by the local cloud", mode)
	}
	retries, err := e.child("RetryPolicy").number("MaximumRetryAttempts", 185)
	if err != nil {
		return err
	}
	return r.addSchedule(Schedule{
		Function: function, Name: e.textOr("Name", function+name), Expression: e.text("ScheduleExpression"),
		Zone: e.textOr("ScheduleExpressionTimezone", "UTC"), Input: e.text("Input"),
		Enabled: e.textOr("State", "ENABLED") == "ENABLED", Retries: retries,
	})
}

// rule is the older EventBridge rule, always in UTC.
func (r *resolver) rule(function, name string, e node) error {
	if err := e.need("Schedule"); err != nil {
		return err
	}
	retries, err := e.child("RetryPolicy").number("MaximumRetryAttempts", 185)
	if err != nil {
		return err
	}
	enabled := e.textOr("State", "ENABLED") == "ENABLED"
	if e.has("Enabled") {
		enabled = e.bool("Enabled")
	}
	return r.addSchedule(Schedule{
		Function: function, Name: e.textOr("Name", function+name), Expression: e.text("Schedule"),
		Zone: "UTC", Input: e.text("Input"), Enabled: enabled, Retries: retries,
	})
}

func (r *resolver) addSchedule(s Schedule) error {
	s.ARN = fmt.Sprintf("arn:aws:scheduler:%s:%s:schedule/default/%s", r.set.Region, r.set.Account, s.Name)
	r.cloud.Schedules = append(r.cloud.Schedules, s)
	return nil
}

func (r *resolver) plan(n node) error {
	if err := n.need("UsagePlanName"); err != nil {
		return err
	}
	p := Plan{ID: n.id, PhysicalID: strings.ToLower(n.id), Name: n.text("UsagePlanName")}
	for _, stage := range n.children("ApiStages") {
		api, err := r.api(stage.text("ApiId"), implicitREST)
		if err != nil {
			return err
		}
		if stage.text("Stage") != api.Stage {
			return fmt.Errorf("API %s has no stage %s", api.ID, stage.text("Stage"))
		}
		p.APIs = append(p.APIs, api.ID)
	}
	r.cloud.Plans = append(r.cloud.Plans, p)
	return nil
}
