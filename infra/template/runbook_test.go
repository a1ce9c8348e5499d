package template_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

var (
	runbookResource = regexp.MustCompile(`(?:--logical-resource-id |\()([A-Z][A-Za-z]+Function[A-Za-z]*)|\b([A-Z][A-Za-z]+Function[A-Z][a-z]+)\b`)
	runbookOutput   = regexp.MustCompile(`\$\(name ([A-Za-z]+)\)`)
	runbookSecret   = regexp.MustCompile(`--name /sportello/test/([a-z-]+)`)
)

// The runbook's commands name what there is: functions and their queues' mappings, outputs, parameters.
func TestRunbook(t *testing.T) {
	body, err := os.ReadFile(filepath.Join(root, "infra/docs/runbook.md"))
	if err != nil {
		t.Fatal(err)
	}
	d := load(t, "template.yaml")
	known := d.functions()
	for _, e := range d.events() {
		known = append(known, e.function+e.name)
	}
	resources := runbookResource.FindAllStringSubmatch(string(body), -1)
	for _, m := range resources {
		if name := m[1] + m[2]; !slices.Contains(known, name) {
			t.Errorf("the template has no %s", name)
		}
	}
	outputs := runbookOutput.FindAllStringSubmatch(string(body), -1)
	for _, m := range outputs {
		if at(d, "Outputs", m[1]) == nil {
			t.Errorf("the template has no output %s", m[1])
		}
	}
	secrets := runbookSecret.FindAllStringSubmatch(string(body), -1)
	for _, m := range secrets {
		if !regexp.MustCompile("`/sportello/<stage>/" + m[1] + "`").Match(body) {
			t.Errorf("the table of secrets has no %s", m[1])
		}
	}
	if len(resources) < 4 || len(outputs) < 4 || len(secrets) < 5 {
		t.Errorf("read %d resources, %d outputs, %d secrets: the runbook is written otherwise", len(resources), len(outputs), len(secrets))
	}
}
