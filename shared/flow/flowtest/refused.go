package flowtest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"sportello/shared/domain/problem"
)

// Refused holds an error to a kind of problem, told in words, and the places it points at.
func Refused(t testing.TB, what string, err error, kind problem.Kind, pointers ...string) {
	t.Helper()
	p, ok := err.(*problem.Problem)
	if !ok || p.Kind != kind {
		t.Errorf("%s: %v, want %s", what, err, kind)
		return
	}
	var got []string
	for _, f := range p.Fields {
		got = append(got, f.Pointer)
	}
	if diff := cmp.Diff(pointers, got); diff != "" {
		t.Errorf("%s points elsewhere:\n%s", what, diff)
	}
	if p.Detail == "" {
		t.Errorf("%s without a word", what)
	}
}
