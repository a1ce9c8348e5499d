package flowtest_test

import (
	"strings"
	"testing"

	"sportello/shared/flow/correspondence"
	"sportello/shared/flow/flowtest"
)

// token is the survey's token as the outcome's letter carries it.
func token(t testing.TB, w *flowtest.World, id string) string {
	t.Helper()
	_, after, found := strings.Cut(w.Letter(id, correspondence.OutcomeLetter).Text, "/valuta/?t=")
	if !found {
		t.Fatal("the outcome's letter carries no token")
	}
	token, _, _ := strings.Cut(after, "\n")
	return token
}
