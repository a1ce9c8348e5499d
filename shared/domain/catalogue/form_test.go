package catalogue

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// fixture is one of data/services/<id>/fixtures: the page's own validator is held to the same files.
type fixture struct {
	Title   string          `json:"title"`
	Today   string          `json:"today"`
	Rule    string          `json:"rule"`
	Answers json.RawMessage `json:"answers"`
	Errors  []string        `json:"errors"`
}

func fixtures(t *testing.T, verdict string) map[string]fixture {
	t.Helper()
	paths, err := filepath.Glob("data/services/*/fixtures/" + verdict + "/*.json")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no %s fixtures: %v", verdict, err)
	}
	all := map[string]fixture{}
	for _, path := range paths {
		body, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var f fixture
		if err := strict(body, &f); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		all[path] = f
	}
	return all
}

func serviceOf(path string) string { return strings.Split(filepath.ToSlash(path), "/")[2] }

func TestFixtures(t *testing.T) {
	for _, verdict := range []string{"valid", "invalid"} {
		for path, f := range fixtures(t, verdict) {
			if (verdict == "valid") != (len(f.Errors) == 0) {
				t.Errorf("%s says %v and lies under %s", path, f.Errors, verdict)
			}
			got := ValidateAnswers(serviceOf(path), f.Answers, f.Today)
			want := slices.Sorted(slices.Values(f.Errors))
			if diff := cmp.Diff(want, slices.Sorted(slices.Values(pointers(got)))); diff != "" {
				t.Errorf("%s: %s (-want +got):\n%s", path, f.Title, diff)
			}
			for _, field := range got {
				if field.Pointer != "#/answers/colour" && !strings.HasPrefix(field.Detail, "«") {
					t.Errorf("%s: %s does not name its field: %s", path, field.Pointer, field.Detail)
				}
			}
			// Whatever can be submitted can be kept as a draft.
			if draft := ValidateDraft(serviceOf(path), f.Answers); verdict == "valid" && draft != nil {
				t.Errorf("%s as a draft: %v", path, draft)
			}
		}
	}
}

func TestValidateDraft(t *testing.T) {
	for _, test := range []struct {
		name    string
		answers string
		want    []string
	}{
		{"nothing yet", `{}`, nil},
		{"blank fields", `{"facts":"","factsDate":"","subject":"","phone":""}`, nil},
		{"half a sentence", `{"facts":"Ho","factsDate":"2026-1","phone":"chiama","pec":"mario@"}`, nil},
		{"notice not yet read", `{"privacy":false}`, nil},
		{"a choice that is gone", `{"subject":"anagrafe"}`, nil},
		{"unknown field", `{"colour":"red"}`, []string{"#/answers/colour"}},
		{"field with a name of its own", `{"a b <script>":"red"}`, []string{"#/answers"}},
		{"wrong type", `{"facts":42}`, []string{"#/answers/facts"}},
		{"object for a text", `{"facts":{"a":1}}`, []string{"#/answers/facts"}},
		{"too long", `{"officer":"` + strings.Repeat("è", 121) + `"}`, []string{"#/answers/officer"}},
		{"exactly as long", `{"officer":"` + strings.Repeat("è", 120) + `"}`, nil},
		{"control character", `{"facts":"a\u0000b"}`, []string{"#/answers/facts"}},
		{"no character", `{"facts":"a\uffffb"}`, []string{"#/answers/facts"}},
		{"a field twice", `{"facts":"a","facts":"b"}`, []string{"#/answers"}},
		{"no object", `[]`, []string{"#/answers"}},
		{"no JSON", `{`, []string{"#/answers"}},
		{"more than one value", `{} {}`, []string{"#/answers"}},
		{"not UTF-8", "{\"facts\":\"\xff\"}", []string{"#/answers"}},
	} {
		if diff := cmp.Diff(test.want, pointers(ValidateDraft("reclami", []byte(test.answers)))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
	if got := pointers(ValidateDraft("anagrafe", []byte(`{}`))); !cmp.Equal(got, []string{"#/service"}) {
		t.Errorf("unknown service: %v", got)
	}
}

// Blanks fill no field, however many.
func TestValidateAnswersBlank(t *testing.T) {
	answers := `{"subject":"altro","office":" \u200b\u00a0 ","factsDate":"2026-11-20","facts":"` + strings.Repeat(" ", 30) + `","request":"` +
		strings.Repeat(`\n`, 30) + `","domicile":"portal","privacy":true}`
	got := pointers(ValidateAnswers("reclami", []byte(answers), "2026-11-22"))
	if diff := cmp.Diff([]string{"#/answers/facts", "#/answers/office", "#/answers/request"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A draft is never held to more than a submission.
func TestDraftIsLooser(t *testing.T) {
	names := []string{"subject", "office", "officer", "factsDate", "facts", "relatedCase", "request", "domicile", "pec", "phone", "privacy", "colour"}
	values := []any{"", "altro", "elected", "2026-10-05", "2026-13-99", 42, true, false, nil, strings.Repeat("x", 30), strings.Repeat("x", 6000), "a@b.it", []any{"x"}}
	rapid.Check(t, func(t *rapid.T) {
		answers := rapid.MapOfN(rapid.SampledFrom(names), rapid.SampledFrom(values), 0, len(names)).Draw(t, "answers")
		body, err := json.Marshal(answers)
		if err != nil {
			t.Fatal(err)
		}
		full := pointers(ValidateAnswers("reclami", body, "2026-11-22"))
		for _, p := range pointers(ValidateDraft("reclami", body)) {
			if !slices.Contains(full, p) {
				t.Fatalf("%s: only the draft complains of %s", body, p)
			}
		}
	})
}

func FuzzValidateAnswers(f *testing.F) {
	f.Add([]byte(`{"facts":"Ho presentato una pratica"}`))
	f.Add([]byte(`{"facts":42,"a/b":1,"~":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, field := range ValidateAnswers("reclami", body, "2026-11-22") {
			if !strings.HasPrefix(field.Pointer, "#/answers") || field.Detail == "" {
				t.Errorf("%+v", field)
			}
		}
		ValidateDraft("reclami", body)
	})
}
