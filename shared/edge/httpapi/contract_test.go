package httpapi

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"sportello/shared/domain/catalogue"
)

// patterns are all the operations of the contract, as ServeMux writes them.
func patterns(t *testing.T) []string {
	t.Helper()
	c, err := readContract(false)
	if err != nil {
		t.Fatal(err)
	}
	paths, _ := c.at("/paths")
	var all []string
	for path := range paths.object {
		item, ok := c.child(paths, path)
		if !ok {
			t.Fatalf("%s leads nowhere", path)
		}
		for method := range item.object {
			switch method {
			case "get", "post", "put", "patch", "delete":
				all = append(all, strings.ToUpper(method)+" "+path)
			}
		}
	}
	return all
}

func TestEveryOperationIsUsable(t *testing.T) {
	c, err := readContract(true)
	if err != nil {
		t.Fatal(err)
	}
	all := patterns(t)
	if len(all) < 50 {
		t.Errorf("%d operations", len(all))
	}
	for _, pattern := range all {
		op, err := c.operation(pattern)
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
			continue
		}
		for part := range strings.SplitSeq(pattern, "/") {
			if name, ok := strings.CutPrefix(part, "{"); ok {
				if _, described := op.path[strings.TrimSuffix(name, "}")]; !described {
					t.Errorf("%s: %s is not described", pattern, part)
				}
			}
		}
	}
}

func TestDocumentIsOpenAPI(t *testing.T) {
	loader := openapi3.NewLoader()
	document, err := loader.LoadFromData(Document())
	if err != nil {
		t.Fatal(err)
	}
	if err := document.Validate(context.Background(), openapi3.AllowExtraSiblingFields("description", "summary", "examples")); err != nil {
		t.Fatal(err)
	}
}

// Requests are closed and every text in them has a length: nobody sends what we did not think of.
func TestRequestsAreClosedAndBounded(t *testing.T) {
	c, err := readContract(false)
	if err != nil {
		t.Fatal(err)
	}
	for _, pattern := range patterns(t) {
		method, path, _ := strings.Cut(pattern, " ")
		item, _ := c.at("/paths/" + strings.ReplaceAll(path, "/", "~1"))
		op, _ := c.child(item, strings.ToLower(method))
		request, ok := c.child(op, "requestBody")
		if !ok {
			continue
		}
		body, _ := c.at(request.pointer + "/content/application~1json/schema")
		if body.object["additionalProperties"] != false {
			t.Errorf("%s: unknown members are not refused", pattern)
		}
		properties, _ := c.child(body, "properties")
		for name := range properties.object {
			property, _ := c.child(properties, name)
			if unbounded(property.object) {
				t.Errorf("%s: %s has no bound", pattern, name)
			}
		}
	}
}

func unbounded(schema map[string]any) bool {
	bound := map[any]string{"string": "maxLength", "integer": "maximum", "array": "maxItems", "object": "maxProperties"}[schema["type"]]
	_, bounded := schema[bound]
	_, listed := schema["enum"]
	return bound != "" && !bounded && !listed
}

func TestSummariesAreThere(t *testing.T) {
	var document struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(Document(), &document); err != nil {
		t.Fatal(err)
	}
	for path, item := range document.Paths {
		for method, raw := range item {
			var operation struct{ Summary string }
			if method == "parameters" || method == "$ref" {
				continue
			}
			if err := json.Unmarshal(raw, &operation); err != nil || operation.Summary == "" {
				t.Errorf("%s %s has no summary: %v", method, path, err)
			}
		}
	}
}

// A decision may take every outcome that some service has, and no other: which of them a case's own service has is the step's to say.
func TestOutcomesAreTheServices(t *testing.T) {
	c, err := readContract(false)
	if err != nil {
		t.Fatal(err)
	}
	outcome, _ := c.at("/components/schemas/Decision/properties/outcome")
	enum, _ := outcome.object["enum"].([]any)
	var listed, wanted []string
	for _, one := range enum {
		listed = append(listed, one.(string))
	}
	for _, chamber := range catalogue.Chambers() {
		for _, service := range catalogue.Services(chamber.ID) {
			for _, outcome := range service.Outcomes {
				wanted = append(wanted, outcome.ID)
			}
		}
	}
	slices.Sort(wanted)
	if wanted = slices.Compact(wanted); !slices.Equal(listed, wanted) {
		t.Errorf("listed %v, the services have %v", listed, wanted)
	}
}
