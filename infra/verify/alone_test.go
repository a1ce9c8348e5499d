package main

import (
	"os/exec"
	"strings"
	"testing"
)

// The verifier shares no code with what writes the register: all that is linked into it of this module is its own, and of other modules the functions have
// nothing of it but the SDK that gets bytes from AWS.
func TestSharesNothing(t *testing.T) {
	functions := map[string]bool{}
	for _, path := range linked(t, "sportello/functions/...") {
		functions[path] = true
	}
	own := 0
	for _, path := range linked(t, "sportello/infra/verify") {
		module, _, _ := strings.Cut(path, "/")
		switch {
		case strings.HasPrefix(path, "sportello/infra/verify"):
			own++
		case module == "sportello":
			t.Errorf("the verifier depends on %s", path)
		case !strings.Contains(module, "."), strings.HasPrefix(path, "github.com/aws/"):
		case functions[path]:
			t.Errorf("the verifier and the functions both depend on %s", path)
		}
	}
	if own < 10 {
		t.Errorf("%d packages of its own", own)
	}
}

func linked(t *testing.T, what string) []string {
	t.Helper()
	out, err := exec.Command("go", "list", "-deps", what).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(out))
}
