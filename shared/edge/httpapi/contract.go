package httpapi

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"sportello/shared/domain/problem"
	"sportello/shared/domain/schema"
)

//go:embed openapi.json
var openAPI []byte

// Document returns the OpenAPI 3.1 description of both APIs, as published with the site.
func Document() []byte { return openAPI }

// contract is openapi.json as the handlers use it.
type contract struct {
	document *schema.Document
	strict   bool
}

func readContract(strict bool) (*contract, error) {
	body := openAPI
	if strict {
		var err error
		if body, err = closed(body); err != nil {
			return nil, fmt.Errorf("httpapi: %w", err)
		}
	}
	document, err := schema.New("https://sportello.example/openapi.json", body)
	if err != nil {
		return nil, fmt.Errorf("httpapi: %w", err)
	}
	return &contract{document, strict}, nil
}

// closed returns the document with every object closed that lists its properties: to a client unknown members are news,
// to a test they are something we send and do not describe.
func closed(body []byte) ([]byte, error) {
	var document map[string]any
	if err := json.Unmarshal(body, &document); err != nil {
		return nil, err
	}
	var walk func(node any)
	walk = func(node any) {
		switch node := node.(type) {
		case map[string]any:
			if _, open := node["additionalProperties"]; !open && node["type"] == "object" && node["properties"] != nil {
				node["additionalProperties"] = false
			}
			for _, child := range node {
				walk(child)
			}
		case []any:
			for _, child := range node {
				walk(child)
			}
		}
	}
	walk(document)
	return json.Marshal(document)
}

// operation is what the contract says of one method of one path.
type operation struct {
	status       int            // of the success
	answer       *schema.Schema // what it looks like; nil unless strict
	body         compiled       // nil: none is expected
	bodyOptional bool
	path, query  map[string]parameter
}

type parameter struct {
	schema   compiled
	kind     string // the JSON type its text stands for
	required bool
}

// compiled gives a schema, which is compiled when the first request needs it: a function starts with dozens of operations and may serve
// one before it ends.
type compiled func() *schema.Schema

// schema panics, when it is asked for, on one that cannot be compiled: the contract is embedded, and the tests compile every one.
func (c *contract) schema(pointer string) (compiled, error) {
	get := sync.OnceValues(func() (*schema.Schema, error) { return c.document.Schema(pointer) })
	if c.strict {
		if _, err := get(); err != nil {
			return nil, fmt.Errorf("httpapi: %w", err)
		}
	}
	return func() *schema.Schema {
		s, err := get()
		if err != nil {
			panic("httpapi: embedded contract: " + err.Error())
		}
		return s
	}, nil
}

// node is an object of the document and where it stands.
type node struct {
	pointer string
	object  map[string]any
}

func (c *contract) at(pointer string) (node, bool) {
	value, _ := c.document.At(pointer)
	object, ok := value.(map[string]any)
	reference, isReference := object["$ref"].(string)
	if !isReference {
		return node{pointer, object}, ok
	}
	target, err := url.PathUnescape(strings.TrimPrefix(reference, "#"))
	if err != nil {
		return node{}, false
	}
	return c.at(target)
}

func (c *contract) child(n node, name string) (node, bool) {
	return c.at(n.pointer + "/" + schema.Escape(name))
}

// operation reads the description of a ServeMux pattern; patterns and OpenAPI write path parameters alike.
func (c *contract) operation(pattern string) (*operation, error) {
	method, path, ok := strings.Cut(pattern, " ")
	item, found := c.at("/paths/" + schema.Escape(path))
	if !ok || !found {
		return nil, fmt.Errorf("httpapi: %s is not in openapi.json", pattern)
	}
	described, found := c.child(item, strings.ToLower(method))
	if !found {
		return nil, fmt.Errorf("httpapi: %s is not in openapi.json", pattern)
	}
	op := &operation{path: map[string]parameter{}, query: map[string]parameter{}}
	if err := c.parameters(op, item); err != nil {
		return nil, err
	}
	if err := c.parameters(op, described); err != nil {
		return nil, err
	}
	if err := c.body(op, described); err != nil {
		return nil, err
	}
	return op, c.success(op, described)
}

func (c *contract) parameters(op *operation, n node) error {
	listed, _ := n.object["parameters"].([]any)
	for index := range listed {
		described, _ := c.at(n.pointer + "/parameters/" + strconv.Itoa(index))
		compiled, err := c.schema(described.pointer + "/schema")
		if err != nil {
			return err
		}
		kind, _ := c.child(described, "schema")
		p := parameter{schema: compiled, required: described.object["required"] == true}
		p.kind, _ = kind.object["type"].(string)
		name, _ := described.object["name"].(string)
		switch described.object["in"] {
		case "path":
			op.path[name] = p
		case "query":
			op.query[name] = p
		}
	}
	return nil
}

func (c *contract) body(op *operation, described node) error {
	request, ok := c.child(described, "requestBody")
	if !ok {
		return nil
	}
	compiled, err := c.schema(request.pointer + "/content/application~1json/schema")
	if err != nil {
		return err
	}
	op.body, op.bodyOptional = compiled, request.object["required"] != true
	return nil
}

// success finds the one answer of the operation that is no problem.
func (c *contract) success(op *operation, described node) error {
	responses, _ := c.child(described, "responses")
	for code := range responses.object {
		status, err := strconv.Atoi(code)
		if err != nil || status >= http.StatusBadRequest {
			continue
		}
		if op.status != 0 {
			return fmt.Errorf("httpapi: %s has several successes", described.pointer)
		}
		op.status = status
	}
	if op.status == 0 {
		return fmt.Errorf("httpapi: %s has no success", described.pointer)
	}
	content := responses.pointer + "/" + strconv.Itoa(op.status) + "/content/application~1json/schema"
	if _, ok := c.at(content); !ok || !c.strict {
		return nil
	}
	var err error
	op.answer, err = c.document.Schema(content)
	return err
}

// checkAnswer refuses an answer that the contract does not describe.
func (op *operation) checkAnswer(body []byte) error {
	if op.answer == nil {
		return nil
	}
	value, err := schema.Parse(body)
	if err != nil {
		return err
	}
	if fields := op.answer.Check(value); len(fields) > 0 {
		return fmt.Errorf("answer is not as described: %v", fields)
	}
	return nil
}

// checkPath refuses ids that cannot be: whatever they name does not exist.
func (op *operation) checkPath(r *http.Request) error {
	for name, p := range op.path {
		if p.invalid(r.PathValue(name)) != nil {
			return problem.Hidden()
		}
	}
	return nil
}

// checkQuery refuses unknown parameters too: a filter misspelt and ignored would show what was not asked for.
func (op *operation) checkQuery(r *http.Request) error {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return problem.New(problem.Malformed, "I parametri dell’indirizzo non sono leggibili.")
	}
	refused := problem.New(problem.Malformed, "Uno o più parametri dell’indirizzo non sono validi.")
	for name, values := range query {
		p, known := op.query[name]
		switch {
		case !known:
			refused.At("?"+url.QueryEscape(name), "Questo parametro non è previsto.")
		case len(values) > 1:
			refused.At("?"+name, "Questo parametro si indica una volta sola.")
		default:
			for _, field := range p.invalid(values[0]) {
				refused.At("?"+name, field.Detail)
			}
		}
	}
	for name, p := range op.query {
		if p.required && !query.Has(name) {
			refused.At("?"+name, "Questo parametro è obbligatorio.")
		}
	}
	if len(refused.Fields) > 0 {
		return refused
	}
	return nil
}

// invalid checks the text of a parameter as the JSON value it stands for.
func (p parameter) invalid(text string) []problem.Field {
	switch p.kind {
	case "integer":
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return p.schema().Check(n)
		}
	case "boolean":
		if text == "true" || text == "false" {
			return p.schema().Check(text == "true")
		}
	}
	return p.schema().Check(text)
}
