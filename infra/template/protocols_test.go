package template_test

import (
	"strings"
	"testing"

	"sportello/shared/domain/catalogue"
)

// A chamber that keeps a protocol of its own is asked by the function that numbers: it may read where that protocol answers, and of no other.
func TestChambersProtocolsAreReadable(t *testing.T) {
	d := load(t, "template.yaml")
	read := map[string]bool{}
	for _, g := range d.grants() {
		if g.function != "ProtocolRegistrationFunction" {
			continue
		}
		for _, r := range list(g.statement, "Resource") {
			if _, chamber, found := strings.Cut(text(r, "Fn::Sub"), "/sportello/${Stage}/protocol/"); found {
				read[chamber] = true
			}
		}
	}
	for _, c := range catalogue.Chambers() {
		if read[c.ID] != c.Register.External() {
			t.Errorf("%s: external register %v, parameter in the role %v", c.ID, c.Register.External(), read[c.ID])
		}
	}
}
