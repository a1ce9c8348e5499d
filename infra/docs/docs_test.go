// Package docs_test keeps the documents true: what they name must exist, and what must be named is.
package docs_test

import (
	"bufio"
	"encoding/json"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const root = "../.."

func read(t *testing.T, name string) string {
	t.Helper()
	body, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// TestDependencies: every direct dependency of every module and package has one line of why, under its own heading, and
// no line outlives its dependency.
func TestDependencies(t *testing.T) {
	said := sections(read(t, "infra/docs/dependencies.md"))
	for heading, direct := range map[string][]string{
		"Go: the product (go.mod)":                      goDirect(t, "", "infra/local"),
		"Go: the local cloud (infra/local/go.mod)":      goDirect(t, "infra/local", "infra/local/tools"),
		"Go: tools (infra/local/tools/go.mod)":          goTools(t, "infra/local/tools"),
		"npm: the site (infra/site/package.json)":       npmDirect(t, "infra/site"),
		"npm: emulators (infra/local/npm/package.json)": npmDirect(t, "infra/local/npm"),
		"npm: readers (infra/readers/package.json)":     npmDirect(t, "infra/readers"),
	} {
		lines, ok := said[heading]
		if !ok {
			t.Errorf("dependencies.md has no heading %q", heading)
		}
		for _, name := range direct {
			if lines[name] == "" {
				t.Errorf("%s: %s has no line of why", heading, name)
			}
			delete(lines, name)
		}
		for name := range lines {
			t.Errorf("%s: %s is no direct dependency", heading, name)
		}
	}
}

var dependencyLine = regexp.MustCompile("^- `([^`]+)`: (.+)$")

// sections reads the lines "- `name`: why" under each heading.
func sections(text string) map[string]map[string]string {
	all := map[string]map[string]string{}
	heading := ""
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		if h, ok := strings.CutPrefix(lines.Text(), "## "); ok {
			heading = h
			all[heading] = map[string]string{}
		}
		if m := dependencyLine.FindStringSubmatch(lines.Text()); m != nil && heading != "" {
			all[heading][m[1]] = m[2]
		}
	}
	return all
}

// goDirect lists the required modules that a module's sources import. go.mod's own marks are not asked: they are only as
// good as the last tidy.
func goDirect(t *testing.T, folder, without string) []string {
	t.Helper()
	required := goRequired(t, folder)
	found := map[string]bool{}
	top := filepath.Join(root, folder)
	err := filepath.WalkDir(top, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() {
			skip := e.Name() == "node_modules" || path == filepath.Join(root, without) || path != top && strings.HasPrefix(e.Name(), ".")
			if skip {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, i := range file.Imports {
			name, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			if m := moduleOf(name, required); m != "" {
				found[m] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for m := range found {
		all = append(all, m)
	}
	return all
}

// moduleOf is the longest required module that holds a package.
func moduleOf(pkg string, required []string) string {
	longest := ""
	for _, m := range required {
		if (pkg == m || strings.HasPrefix(pkg, m+"/")) && len(m) > len(longest) {
			longest = m
		}
	}
	return longest
}

var requireLine = regexp.MustCompile(`^(?:require )?\s*([a-z0-9.-]+\.[a-z]+/\S+|[a-z0-9.-]+\.[a-z]+/\S+/\S+) v\S+`)

func goRequired(t *testing.T, folder string) []string {
	var all []string
	for line := range strings.Lines(read(t, filepath.Join(folder, "go.mod"))) {
		if m := requireLine.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
			all = append(all, m[1])
		}
	}
	return all
}

var toolLine = regexp.MustCompile(`(?m)^(?:tool )?\t?([a-z0-9.-]+\.[a-z]+/\S+)$`)

// goTools lists the modules of the tool directives.
func goTools(t *testing.T, folder string) []string {
	required := goRequired(t, folder)
	var all []string
	for _, m := range toolLine.FindAllStringSubmatch(read(t, filepath.Join(folder, "go.mod")), -1) {
		if module := moduleOf(m[1], required); module != "" {
			all = append(all, module)
		}
	}
	return all
}

func npmDirect(t *testing.T, folder string) []string {
	var p struct {
		Dependencies, DevDependencies, OptionalDependencies map[string]string
	}
	if err := json.Unmarshal([]byte(read(t, filepath.Join(folder, "package.json"))), &p); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, m := range []map[string]string{p.Dependencies, p.DevDependencies, p.OptionalDependencies} {
		for name := range m {
			all = append(all, name)
		}
	}
	return all
}

// TestLocks: lock files name packages and digests. An address would tie the build to the registry of whoever wrote it.
func TestLocks(t *testing.T) {
	for _, folder := range []string{"infra/site", "infra/local/npm", "infra/readers"} {
		lock := read(t, filepath.Join(folder, "package-lock.json"))
		if strings.Contains(lock, `"resolved": "http`) {
			t.Errorf("%s: the lock file names a registry", folder)
		}
		if !strings.Contains(lock, `"integrity": "sha512-`) {
			t.Errorf("%s: the lock file has no digests", folder)
		}
		if !strings.Contains(read(t, filepath.Join(folder, ".npmrc")), "omit-lockfile-registry-resolved=true") {
			t.Errorf("%s: the next npm install would write addresses into the lock file", folder)
		}
	}
}

var quoted = regexp.MustCompile("`([^`\n]+)`")

// TestPaths: every path that a document names exists.
func TestPaths(t *testing.T) {
	for _, name := range []string{"README.md", "infra/docs/law.md", "infra/docs/runbook.md", "infra/docs/dependencies.md", "infra/docs/cycle.md"} {
		text := read(t, name)
		checked := 0
		for _, m := range quoted.FindAllStringSubmatch(text, -1) {
			path := strings.TrimSuffix(m[1], "/")
			if !isPath(path) {
				continue
			}
			checked++
			if _, err := os.Stat(filepath.Join(root, path)); err != nil {
				t.Errorf("%s names %s, which does not exist", name, m[1])
			}
		}
		if name == "infra/docs/law.md" && checked == 0 {
			t.Error("law.md names no path")
		}
	}
}

// isPath tells our own paths from addresses, keys and commands.
func isPath(s string) bool {
	top, _, _ := strings.Cut(s, "/")
	return slices.Contains([]string{"functions", "infra", "shared"}, top) && !strings.ContainsAny(s, " *<>{}$…") &&
		!strings.HasSuffix(s, "/dist") && !strings.HasSuffix(s, "node_modules")
}

// TestLaw: each row of law.md has a clause, a rule and files, and each of the files names the clause where it obeys it.
func TestLaw(t *testing.T) {
	rows := lawRows(t)
	if len(rows) == 0 {
		t.Error("law.md has no rows")
	}
	for _, r := range rows {
		for _, file := range r.files {
			if !slices.ContainsFunc(r.clauses, func(c clause) bool { return c.in(cited(prose(read(t, file)))) }) {
				t.Errorf("%s does not name %v, which law.md says it obeys", file, r.clauses)
			}
		}
	}
}

// TestLawIsWhole: every clause of law that a comment of the product cites has a row in law.md.
func TestLawIsWhole(t *testing.T) {
	var known []clause
	for _, r := range lawRows(t) {
		known = append(known, r.clauses...)
		known = append(known, r.beside...)
	}
	found := 0
	err := filepath.WalkDir(filepath.Join(root, "shared"), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		var comments strings.Builder
		for _, group := range file.Comments {
			comments.WriteString(group.Text() + "\n")
		}
		for _, c := range cited(prose(comments.String())) {
			if c.act == "RFC" || c.act == "UNI" {
				continue // a standard: law.md has those that a step obeys, not each that a parser reads
			}
			found++
			if !c.in(known) {
				t.Errorf("%s cites %v, which has no row in law.md", path, c)
			}
		}
		return nil
	})
	if err != nil || found == 0 {
		t.Errorf("%d citations, %v", found, err)
	}
}

func TestCited(t *testing.T) {
	for text, want := range map[string]string{
		"by L. 241/1990 art. 18-bis c.1 (the receipt) and art. 8 c.2": "L. 241/1990 art. 18-bis c.1, L. 241/1990 art. 8 c.2",
		"DPR 445/2000 art. 53-55 and 61; L. 241/1990 art. 2":          "DPR 445/2000 art. 53, DPR 445/2000 art. 54, DPR 445/2000 art. 55, DPR 445/2000 art. 61, L. 241/1990 art. 2",
		"(art. 57 DPR 445/2000: each year), CAD art. 65 c.1 c-bis":    "DPR 445/2000 art. 57, CAD art. 65 c.1",
		"L. 27 maggio 1949 n. 260, art. 2, as amended (L. 54/1977)":   "L. 260/1949 art. 2, L. 54/1977",
		"CAD, d.lgs 82/2005, art. 7 and 63: services":                 "CAD art. 7, CAD art. 63",
		"C.c. art. 2963: likewise c.p.c. art. 155 c.1 and c.4.":       "c.c. art. 2963, c.p.c. art. 155 c.1, c.p.c. art. 155 c.4",
		"DM 23 dicembre 1976, art. 4 ff.; DM 2 novembre 2005":         "DM 23/12/1976 art. 4, DM 2/11/2005",
		"articoli 13 e 14 del Regolamento UE 2016/679":                "GDPR art. 13, GDPR art. 14",
		"AgID guidelines 3.1.6; AgID, Allegato 5; RFC 6109, 3.1":      "AgID guidelines 3.1.6, AgID annex 5, RFC 6109",
		"whole articles, the art of it, part. 3 of C.C. or a DM":      "",
	} {
		var got []string
		for _, c := range cited(text) {
			got = append(got, c.String())
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%s:\n got %s\nwant %s", text, strings.Join(got, ", "), want)
		}
	}
}

// row is a row of law.md; beside are the clauses that its rule names besides the one it is about, such as later amendments.
type row struct {
	clauses, beside []clause
	files           []string
}

func lawRows(t *testing.T) (rows []row) {
	t.Helper()
	for line := range strings.Lines(read(t, "infra/docs/law.md")) {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| clause") {
			continue
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 3 {
			t.Errorf("law.md: no clause, rule and file in %q", strings.TrimSpace(line))
			continue
		}
		r := row{clauses: cited(cells[0]), beside: cited(cells[1])}
		for _, m := range quoted.FindAllStringSubmatch(cells[2], -1) {
			r.files = append(r.files, m[1])
		}
		if len(r.clauses) == 0 || len(r.files) == 0 {
			t.Errorf("law.md: no clause, rule and file in %q", strings.TrimSpace(line))
		}
		rows = append(rows, r)
	}
	return rows
}

// clause is a place of the law. A comma is not always named, and an act may be cited as a whole.
type clause struct{ act, article, comma string }

func (c clause) String() string {
	text := c.act
	switch {
	case c.act == "AgID" && !strings.HasPrefix(c.article, "annex"):
		text += " guidelines " + c.article
	case c.act == "AgID" || c.act == "RFC" || c.act == "UNI":
		text += " " + c.article
	case c.article != "":
		text += " art. " + c.article
	}
	if c.comma != "" {
		text += " c." + c.comma
	}
	return text
}

// in tells whether one of others is this clause, or says it less closely. A clause whose act is not said is one of any act.
func (c clause) in(others []clause) bool {
	return slices.ContainsFunc(others, func(o clause) bool {
		return (o.act == c.act || o.act == "" || c.act == "") && (o.article == c.article || c.article == "") &&
			(o.comma == c.comma || o.comma == "" || c.comma == "")
	})
}

const (
	number = `[0-9]+(?:-(?:bis|ter|quater|quinquies|sexies|septies|octies|novies|nonies|decies))?`
	act    = `L\. [0-9]+/[0-9]{4}|L\. [0-9]+ [a-z]+ [0-9]{4} n\. [0-9]+|DPR [0-9]+/[0-9]{4}|DPCM [0-9]+/[0-9]+/[0-9]{4}|DPCM on preservation|` +
		`DM [0-9]+/[0-9]+/[0-9]{4}|DM [0-9]+ [a-z]+ [0-9]{4}|d\.lgs\.? [0-9]+/[0-9]{4}|CAD\b|GDPR\b|\b[Cc]\.c\.|\b[Cc]\.p\.c\.|` +
		`Reg(?:\.|olamento|ulation) \(?(?:EU|UE)\)? [0-9]+/[0-9]+`
)

var (
	places = regexp.MustCompile(`AgID guidelines,? ((?:annex )?[0-9]+(?:\.[0-9]+)*)|AgID, Linee guida[^§;]{0,120}§ ?([0-9]+(?:\.[0-9]+)*)|` +
		`(?:AgID(?:, | |'s )|of )Allegato ([0-9]+)|RFC ([0-9]+)|UNI (?:CEI EN )?([0-9]+)|` +
		`\b(?:[Aa]rtt?\. ?|[Aa]rticol[io] |[Aa]rticles? )(` + number + `)|(` + act + `)`)
	commaNext   = regexp.MustCompile(`^(?:,? | and | e )c\. ?(` + number + `)`)
	letterNext  = regexp.MustCompile(`^ (?:lett\. )?[a-z](?:-bis|-ter)?\b`)
	articleNext = regexp.MustCompile(`^(-|, | and | e )(` + number + `)\b`)
	actNext     = regexp.MustCompile(`^ (?:of |del |della )?(` + act + `)`)
)

// cited finds the clauses that a text names, in the forms that this project writes them in. An article without act is of the act named
// last.
func cited(text string) (all []clause) {
	last := ""
	for {
		at := places.FindStringSubmatchIndex(text)
		if at == nil {
			return all
		}
		group := func(n int) string {
			if at[2*n] < 0 {
				return ""
			}
			return text[at[2*n]:at[2*n+1]]
		}
		rest := text[at[1]:]
		switch {
		case group(1)+group(2) != "":
			all = append(all, clause{act: "AgID", article: group(1) + group(2)})
		case group(3) != "":
			all = append(all, clause{act: "AgID", article: "annex " + group(3)})
		case group(4) != "":
			all = append(all, clause{act: "RFC", article: group(4)})
		case group(5) != "":
			all = append(all, clause{act: "UNI", article: group(5)})
		case group(6) != "":
			var found []clause
			if found, rest = articlesAt(group(6), rest); actNext.MatchString(rest) {
				m := actNext.FindStringSubmatch(rest)
				last, rest = plain(m[1]), rest[len(m[0]):]
			}
			for _, c := range found {
				c.act = last
				all = append(all, c)
			}
		default:
			last = plain(group(7))
			if !followed.MatchString(rest) {
				all = append(all, clause{act: last})
			}
		}
		text = rest
	}
}

// followed tells that an article of the act just named comes next, or the act's other name.
var followed = regexp.MustCompile(`^,? (?:[Aa]rtt?\. ?|d\.lgs)`)

// articlesAt reads the list or range that begins with an article, with the commas that are named of them.
func articlesAt(first, rest string) (found []clause, after string) {
	found = []clause{{article: first}}
	for {
		last := &found[len(found)-1]
		if m := commaNext.FindStringSubmatch(rest); m != nil {
			if last.comma == "" {
				last.comma = m[1]
			} else {
				found = append(found, clause{article: last.article, comma: m[1]})
			}
			rest = rest[len(m[0]):]
			continue
		}
		if m := articleNext.FindStringSubmatch(rest); m != nil {
			from, _ := strconv.Atoi(last.article)
			to, _ := strconv.Atoi(m[2])
			for n := from + 1; m[1] == "-" && n < to; n++ {
				found = append(found, clause{article: strconv.Itoa(n)})
			}
			found = append(found, clause{article: m[2]})
			rest = rest[len(m[0]):]
			continue
		}
		if m := letterNext.FindString(rest); m != "" {
			rest = rest[len(m):]
			continue
		}
		return found, rest
	}
}

// prose is a source's text on one line, without the marks of its comments.
func prose(source string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(source, "//", " ")), " ")
}

var (
	longLaw = regexp.MustCompile(`^L\. [0-9]+ [a-z]+ ([0-9]{4}) n\. ([0-9]+)$`)
	longDM  = regexp.MustCompile(`^DM ([0-9]+) ([a-z]+) ([0-9]{4})$`)
	months  = []string{"gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno", "luglio", "agosto", "settembre", "ottobre", "novembre", "dicembre"}
)

// plain is an act under one name, however it was written.
func plain(act string) string {
	if m := longLaw.FindStringSubmatch(act); m != nil {
		return "L. " + m[2] + "/" + m[1]
	}
	if m := longDM.FindStringSubmatch(act); m != nil {
		return "DM " + m[1] + "/" + strconv.Itoa(slices.Index(months, m[2])+1) + "/" + m[3]
	}
	switch {
	case strings.EqualFold(act, "c.c.") || strings.EqualFold(act, "c.p.c."):
		return strings.ToLower(act)
	case strings.HasSuffix(act, "82/2005"):
		return "CAD"
	case strings.HasSuffix(act, "2016/679"):
		return "GDPR"
	case act == "DPCM on preservation":
		return "DPCM 3/12/2013"
	case strings.HasPrefix(act, "Reg"):
		return "Reg. (EU) " + act[strings.LastIndex(act, " ")+1:]
	}
	return act
}

var alarmResource = regexp.MustCompile(`(?m)^  (\w+)Alarm:$`)

// TestAlarms: the runbook says what to do at each alarm.
func TestAlarms(t *testing.T) {
	runbook := read(t, "infra/docs/runbook.md")
	for _, name := range []string{"template.yaml", "infra/account/template.yaml"} {
		found := alarmResource.FindAllStringSubmatch(read(t, name), -1)
		if len(found) == 0 {
			t.Errorf("%s has no alarm", name)
		}
		for _, m := range found {
			if !strings.Contains(runbook, m[1]) {
				t.Errorf("the runbook does not know the alarm %s", m[1])
			}
		}
	}
}

var target = regexp.MustCompile("`make ([a-z-]+)")

// TestTargets: every `make x` that a document names is a target with a line in `make help`.
func TestTargets(t *testing.T) {
	makefile := read(t, "Makefile")
	for _, name := range []string{"README.md", "infra/docs/runbook.md", "infra/docs/cycle.md"} {
		for _, m := range target.FindAllStringSubmatch(read(t, name), -1) {
			if !regexp.MustCompile(`(?m)^` + m[1] + `:.*## `).MatchString(makefile) {
				t.Errorf("%s names make %s, which make help does not list", name, m[1])
			}
		}
	}
}
