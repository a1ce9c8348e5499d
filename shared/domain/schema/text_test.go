package schema_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"sportello/shared/domain/schema"
)

func TestUnwritable(t *testing.T) {
	value, err := schema.Parse([]byte(`{
		"a":"è\n\t\r😀 \u202d+39\u202c \u05d0\u200f", "b":"\u0000", "c":["x",{"d/e":"\u001b"}], "f":"\u0085", "g":"\ufffe", "h":"\u202etxt.exe", "i":1, "l":null
	}`))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, field := range schema.Unwritable(value, "#") {
		got = append(got, field.Pointer)
	}
	if diff := cmp.Diff([]string{"#/b", "#/c/1/d~1e", "#/f", "#/g", "#/h"}, got); diff != "" {
		t.Errorf("pointers (-want +got):\n%s", diff)
	}
}

func TestIsBlank(t *testing.T) {
	for text, want := range map[string]bool{"": true, " \n\t": true, "\u200b\u00a0\u2028\u2060": true, "\u0301": true, "x": false, "?": false, "😀": false, "١": false} {
		if got := schema.IsBlank(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// A name twice in one object is refused wherever it stands and however it is spelled; in two objects it is two members.
func TestParseMembersTwice(t *testing.T) {
	for text, fine := range map[string]bool{
		`{"a":1,"a":1}`:                        false,
		`{"a":1,"\u0061":2}`:                   false,
		`[{"x":{"a":[],"b":{},"a":{}}}]`:       false,
		`{"a":{"a":"a","b":["a","a"]},"b":1}`:  true,
		`{"a":[{"a":1},{"a":1}],"":"","b":""}`: true,
		`["a","a"]`:                            true,
		`"a"`:                                  true,
	} {
		if _, err := schema.Parse([]byte(text)); (err == nil) != fine {
			t.Errorf("%s: %v", text, err)
		}
	}
}
