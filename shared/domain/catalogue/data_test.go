package catalogue

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func strict(body []byte, v any) error {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	return decoder.Decode(v)
}

// Every field of the files is one that this package knows: a misspelt one would be silently without effect.
func TestFilesHoldNothingUnknown(t *testing.T) {
	for pattern, v := range map[string]func() any{
		"data/chambers/*.json":         func() any { return new(Chamber) },
		"data/services/*/service.json": func() any { return new(Sheet) },
	} {
		paths, _ := filepath.Glob(pattern)
		for _, path := range paths {
			body, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := strict(body, v()); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
}

func TestSevenChambers(t *testing.T) {
	var ids []string
	for _, c := range Chambers() {
		ids = append(ids, c.ID)
	}
	want := []string{"bergamo", "brescia", "como-lecco", "cremona-mantova-pavia", "milano", "sondrio", "varese"}
	if diff := cmp.Diff(want, ids); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// The twelve provinces of Lombardy belong to one chamber each; hosts, mailboxes, codes and colours' names are nobody else's.
func TestChambersDoNotOverlap(t *testing.T) {
	seen := map[string]string{}
	once := func(c Chamber, what, value string) {
		if value == "" {
			t.Errorf("%s has no %s", c.ID, what)
		}
		if other, taken := seen[what+value]; taken {
			t.Errorf("%s and %s share %s %s", other, c.ID, what, value)
		}
		seen[what+value] = c.ID
	}
	provinces := 0
	for _, c := range Chambers() {
		for what, value := range map[string]string{
			"id": c.ID, "name": c.Name, "tax code": c.TaxCode, "AOO": c.AOO, "register": c.Register.Code, "mailbox": c.PEC,
		} {
			once(c, what, value)
		}
		for _, host := range c.Hosts {
			once(c, "host", host)
		}
		for _, province := range c.Provinces {
			once(c, "province", province)
			provinces++
		}
		for _, office := range c.Offices {
			once(c, "mailbox", office.PEC)
		}
	}
	if provinces != 12 {
		t.Errorf("%d provinces", provinces)
	}
}

func TestChambers(t *testing.T) {
	shapes := map[string]*regexp.Regexp{
		"id":          regexp.MustCompile(`^[a-z][a-z-]{2,40}$`),
		"taxCode":     regexp.MustCompile(`^[0-9]{11}$`),
		"code":        regexp.MustCompile(`^[A-Za-z0-9_.-]{1,16}$`),
		"patronDay":   regexp.MustCompile(`^(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$`),
		"pec":         regexp.MustCompile(`^[a-z0-9.]+@[a-z0-9.-]+$`),
		"ipaAndAOO":   regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}/[A-Za-z0-9_.-]{1,64}$`),
		"mode":        regexp.MustCompile(`^(internal|external)$`),
		"segregation": regexp.MustCompile(`^([0-3][0-9]|4[0-5])$`), "iban": regexp.MustCompile(`^IT[0-9]{2}[A-Z][0-9]{10}[0-9A-Z]{12}$`),
		"category":   regexp.MustCompile(`^[0-9]/[0-9A-Z]{9}/$`),
		"fileOfLogo": regexp.MustCompile(`^[a-z-]+\.svg$`),
	}
	for _, c := range Chambers() {
		for what, value := range map[string]string{
			"id": c.ID, "taxCode": c.TaxCode, "code": c.Register.Code, "patronDay": c.PatronDay, "pec": c.PEC,
			"ipaAndAOO": c.IPA + "/" + c.AOO, "mode": c.Register.Mode, "fileOfLogo": c.Logo,
			"segregation": c.Payments.Segregation, "iban": c.Payments.IBAN, "category": c.Payments.Category,
		} {
			if !shapes[what].MatchString(value) {
				t.Errorf("%s: %s is %q", c.ID, what, value)
			}
		}
		if !vatDigit(c.TaxCode) {
			t.Errorf("%s: the check digit of %s is wrong", c.ID, c.TaxCode)
		}
		if ratio := contrast("#ffffff", c.Colours.Primary); ratio < 4.5 || c.Colours.Primary == "#0066cc" {
			t.Errorf("%s: white on %s is %.2f:1", c.ID, c.Colours.Primary, ratio)
		}
		if ratio := contrast(c.Colours.OnPrimary, c.Colours.Primary); ratio < 4.5 {
			t.Errorf("%s: %s on %s is %.2f:1", c.ID, c.Colours.OnPrimary, c.Colours.Primary, ratio)
		}
		logo, err := os.ReadFile(filepath.Join("data/chambers", c.Logo))
		if err != nil || bytes.Contains(bytes.ToLower(logo), []byte("script")) {
			t.Errorf("%s: logo missing or with a script: %v", c.ID, err)
		}
		checkSettings(t, c)
		checkPlaceholders(t, c)
	}
}

// checkSettings: every service a chamber offers exists and has exactly one office with people who answer for it.
func checkSettings(t *testing.T, c Chamber) {
	t.Helper()
	for id, choice := range c.Settings {
		if _, ok := data().services[id]; !ok {
			t.Errorf("%s offers %s, which has no sheet", c.ID, id)
		}
		if choice.TermDays < 0 || choice.TermDays > 180 {
			t.Errorf("%s: %s in %d days", c.ID, id, choice.TermDays)
		}
		offices := 0
		for _, office := range c.Offices {
			if slices.Contains(office.Services, id) {
				offices++
				if office.Name == "" || office.Responsible.Name == "" || office.Substitute.Name == "" {
					t.Errorf("%s: nobody answers for %s", c.ID, id)
				}
			}
		}
		if offices != 1 {
			t.Errorf("%s: %d offices for %s", c.ID, offices, id)
		}
	}
	for _, office := range c.Offices {
		for _, id := range office.Services {
			if _, ok := c.Settings[id]; !ok {
				t.Errorf("%s: office %s answers for %s, which the chamber does not set", c.ID, office.ID, id)
			}
		}
	}
}

// checkPlaceholders: every pointer leads to a value, and what is visibly invented is declared.
func checkPlaceholders(t *testing.T, c Chamber) {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("data/chambers", c.ID+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var root any
	if err := json.Unmarshal(body, &root); err != nil {
		t.Fatal(err)
	}
	walk(root, "", func(at string, value any) {
		text, _ := value.(string)
		invented := strings.Contains(text, "ESEMPIO") || strings.Contains(text, "example.it")
		if invented && !slices.Contains(c.Placeholders, at) && !strings.HasPrefix(at, "/placeholders") {
			t.Errorf("%s: %s is invented and not declared", c.ID, at)
		}
	})
	for _, pointer := range c.Placeholders {
		found := false
		walk(root, "", func(at string, _ any) { found = found || at == pointer })
		if !found {
			t.Errorf("%s: placeholder %s leads nowhere", c.ID, pointer)
		}
	}
}

func walk(node any, at string, visit func(string, any)) {
	visit(at, node)
	switch v := node.(type) {
	case map[string]any:
		for name, child := range v {
			walk(child, at+"/"+name, visit)
		}
	case []any:
		for n, child := range v {
			walk(child, at+"/"+strconv.Itoa(n), visit)
		}
	}
}

func vatDigit(code string) bool {
	sum := 0
	for n := range code {
		digit := int(code[n] - '0')
		if n%2 == 1 {
			if digit *= 2; digit > 9 {
				digit -= 9
			}
		}
		sum += digit
	}
	return sum%10 == 0 && code != "00000000000"
}

// contrast is the ratio of WCAG 2.1, success criterion 1.4.3.
func contrast(a, b string) float64 {
	light, dark := luminance(a), luminance(b)
	if light < dark {
		light, dark = dark, light
	}
	return (light + 0.05) / (dark + 0.05)
}

func luminance(colour string) float64 {
	sum := 0.0
	for n, weight := range []float64{0.2126, 0.7152, 0.0722} {
		raw, err := strconv.ParseUint(colour[1+2*n:3+2*n], 16, 8)
		if err != nil {
			return math.NaN()
		}
		c := float64(raw) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}

func TestContrast(t *testing.T) {
	for colour, want := range map[string]float64{"#000000": 21, "#8b1e3f": 8.92, "#00695c": 6.61, "#e87722": 2.96} {
		if got := contrast("#ffffff", colour); math.Abs(got-want) > 0.01 {
			t.Errorf("white on %s is %.2f, want %.2f", colour, got, want)
		}
	}
}

// spoken finds a text that addresses somebody, familiarly or formally.
var spoken = regexp.MustCompile(`\b([Pp]uoi|[Dd]evi|[Hh]ai|[Tt]i|[Tt]u[oaie]?|tuoi|Lei|Suo|Sua|Suoi|Sue)\b`)

func TestSheets(t *testing.T) {
	for id, o := range data().services {
		s := o.sheet
		if s.ID != id || s.Version < 1 {
			t.Errorf("%s: id %q, version %d", id, s.ID, s.Version)
		}
		for what, text := range map[string]string{
			"title": s.Title, "short": s.Short, "what": s.What, "result": s.Result, "remedies": s.Remedies, "access": s.Access,
			"silence": s.Silence.Text, "classification": s.Classification.Code, "document type": s.DocumentType, "cost": s.Cost.Text,
		} {
			if strings.TrimSpace(text) == "" {
				t.Errorf("%s has no %s", id, what)
			}
		}
		if spoken.MatchString(s.Remedies) {
			t.Errorf("%s: the remedies speak to somebody, and stand in letters as well as on pages: %s", id, s.Remedies)
		}
		if !slices.Contains([]Effect{NoEffect, Assent, Refusal, Breach}, s.Silence.Effect) {
			t.Errorf("%s: silence has effect %q", id, s.Silence.Effect)
		}
		// Only what buys the act holds it up, and what is free costs nothing.
		if !slices.Contains([]string{"free", "fee", "act"}, s.Cost.Kind) || (s.Cost.Kind == "free") != (s.Cost.Cents == 0) || s.Cost.Cents < 0 {
			t.Errorf("%s: cost %+v", id, s.Cost)
		}
		signed := slices.ContainsFunc(o.form.uploads, func(f UploadField) bool { return f.Signed })
		if signed != s.Rules.SignatureRequired {
			t.Errorf("%s: signatureRequired is %t, and of a file %t", id, s.Rules.SignatureRequired, signed)
		}
		// L. 241/1990 art. 2 c. 2-4 and 7.
		if s.Term.Days < 1 || s.Term.Days > 180 || s.Term.SuspensionDays > 30 || s.Term.Suspendable != (s.Term.SuspensionDays > 0) {
			t.Errorf("%s: term %+v", id, s.Term)
		}
		if len(s.Synonyms) < 3 || len(s.Outcomes) == 0 || len(s.Law) == 0 {
			t.Errorf("%s: %d synonyms, %d outcomes, %d sources", id, len(s.Synonyms), len(s.Outcomes), len(s.Law))
		}
		seen := map[string]bool{}
		for _, out := range s.Outcomes {
			if out.ID == "" || seen[out.ID] || out.Title == "" || out.Text == "" {
				t.Errorf("%s: outcome %+v", id, out)
			}
			seen[out.ID] = true
		}
		for _, word := range s.Synonyms {
			if seen["synonym "+word] {
				t.Errorf("%s: synonym %q twice", id, word)
			}
			seen["synonym "+word] = true
		}
	}
}

// schemaFile is a form as its lint sees it.
type schemaFile struct {
	ID         string                    `json:"$id"`
	Additional *bool                     `json:"additionalProperties"`
	Required   []string                  `json:"required"`
	Properties map[string]map[string]any `json:"properties"`
	Uploads    map[string]UploadField    `json:"x-attachments"`
	Steps      []struct {
		Fields      []string `json:"fields"`
		Attachments []string `json:"attachments"`
	} `json:"x-steps"`
}

func TestForms(t *testing.T) {
	ids := map[string]bool{}
	for id, o := range data().services {
		body, err := fs.ReadFile(files, "data/services/"+id+"/form.json")
		if err != nil {
			t.Fatal(err)
		}
		var f schemaFile
		if err := json.Unmarshal(body, &f); err != nil {
			t.Fatal(err)
		}
		if ids[f.ID] || f.ID == "" {
			t.Errorf("%s: $id %q", id, f.ID)
		}
		ids[f.ID] = true
		if f.Additional == nil || *f.Additional {
			t.Errorf("%s takes fields it does not know", id)
		}
		o.form.full()
		o.form.draft()
		for name, property := range f.Properties {
			checkProperty(t, id+"."+name, property)
			if shown, ok := property["x-show-if"].(map[string]any); ok && f.Properties[fmt.Sprint(shown["field"])] == nil {
				t.Errorf("%s.%s is shown by a field that is not there", id, name)
			}
			if other, ok := property["x-after"].(string); ok && (property["format"] != "date" || f.Properties[other]["format"] != "date") {
				t.Errorf("%s.%s comes after %s, and one of them is no date", id, name, other)
			}
		}
		checkSteps(t, id, f)
		for name, u := range f.Uploads {
			checkUploads(t, id+"."+name, u)
		}
	}
}

func checkProperty(t *testing.T, at string, property map[string]any) {
	t.Helper()
	if property["title"] == nil || property["type"] == nil {
		t.Errorf("%s has no title or no type", at)
	}
	if property["type"] == "string" && property["maxLength"] == nil {
		t.Errorf("%s has no maxLength", at)
	}
	if pattern, ok := property["pattern"].(string); ok {
		if !strings.HasPrefix(pattern, "^") || !strings.HasSuffix(pattern, "$") {
			t.Errorf("%s: pattern is not anchored", at)
		}
		// What RE2 and ECMAScript read alike: no classes of one of them, no groups with a question mark.
		if _, err := regexp.Compile(pattern); err != nil || regexp.MustCompile(`\\[dDwWsSbBpPAzZQEx]|\(\?|\[\[:`).MatchString(pattern) {
			t.Errorf("%s: pattern is not common to RE2 and ECMAScript: %v", at, err)
		}
	}
	if choices, ok := property["oneOf"].([]any); ok {
		for _, choice := range choices {
			option, _ := choice.(map[string]any)
			if value, _ := option["const"].(string); value == "" || option["title"] == nil || float64(len(value)) > property["maxLength"].(float64) {
				t.Errorf("%s: choice %v", at, choice)
			}
		}
	}
}

// checkSteps: every field and every upload is on exactly one page of the form.
func checkSteps(t *testing.T, id string, f schemaFile) {
	t.Helper()
	placed := map[string]int{}
	for _, step := range f.Steps {
		for _, name := range step.Fields {
			placed[name]++
		}
		for _, name := range step.Attachments {
			placed["files "+name]++
		}
	}
	for name := range f.Properties {
		if placed[name] != 1 {
			t.Errorf("%s.%s is on %d pages", id, name, placed[name])
		}
		delete(placed, name)
	}
	for name := range f.Uploads {
		if placed["files "+name] != 1 {
			t.Errorf("%s.%s is on %d pages", id, name, placed["files "+name])
		}
		delete(placed, "files "+name)
	}
	for name := range placed {
		t.Errorf("%s: a page shows %s, which is not there", id, name)
	}
	for _, name := range f.Required {
		if f.Properties[name] == nil {
			t.Errorf("%s requires %s, which is not there", id, name)
		}
	}
}

func checkUploads(t *testing.T, at string, u UploadField) {
	t.Helper()
	if u.Title == "" || u.Max < 1 || u.Min < 0 || u.Min > u.Max || u.MaxBytes < 1 || u.MaxBytes > 50<<20 {
		t.Errorf("%s: %+v", at, u)
	}
	if !slices.Contains(u.MediaTypes, "application/pdf") {
		t.Errorf("%s does not take PDF", at)
	}
	for _, extension := range u.Extensions {
		if !slices.Contains(u.MediaTypes, mediaTypes[extension]) {
			t.Errorf("%s: files %s would have a type that is refused", at, extension)
		}
	}
}
