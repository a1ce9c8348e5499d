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

var citation = regexp.MustCompile(`art\. ?([0-9]+(?:-[a-z]+)?)|RFC ([0-9]+)|UNI ([0-9]+)`)

// TestLaw: each row of law.md has a clause, a rule and files, and each of the files names the clause where it obeys it.
func TestLaw(t *testing.T) {
	rows := 0
	for line := range strings.Lines(read(t, "infra/docs/law.md")) {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| clause") {
			continue
		}
		rows++
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		clause := citation.FindString(cells[0])
		if len(cells) != 3 || clause == "" || !quoted.MatchString(cells[2]) {
			t.Errorf("law.md: no clause, rule and file in %q", strings.TrimSpace(line))
			continue
		}
		for _, m := range quoted.FindAllStringSubmatch(cells[2], -1) {
			if !names(read(t, m[1]), clause) {
				t.Errorf("%s does not name %s, which law.md says it obeys", m[1], clause)
			}
		}
	}
	if rows == 0 {
		t.Error("law.md has no rows")
	}
}

// articles is a list or a range of articles, such as "art. 53-57 and 61".
var articles = regexp.MustCompile(`art\. ?([0-9]+)-([0-9]+)`)

// names tells whether a text has a citation of its own or inside a range.
func names(text, clause string) bool {
	want := citation.FindStringSubmatch(clause)
	for _, m := range citation.FindAllStringSubmatch(text, -1) {
		if slices.Equal(m[1:], want[1:]) {
			return true
		}
	}
	number, err := strconv.Atoi(want[1])
	if err != nil {
		return false
	}
	for _, m := range articles.FindAllStringSubmatch(text, -1) {
		from, _ := strconv.Atoi(m[1])
		to, _ := strconv.Atoi(m[2])
		if from <= number && number <= to {
			return true
		}
	}
	return false
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
