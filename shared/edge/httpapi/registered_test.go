package httpapi_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sportello/shared/edge/httpapi"
)

// Every operation that openapi.json describes is registered by one function. (That nothing else is, JSON sees to at start.)
func TestEveryOperationIsRegistered(t *testing.T) {
	registered := map[string][]string{} // "GET /api/v1/…" -> functions
	for folder, patterns := range patternsOf(t, filepath.Join("..", "..", "..", "functions")) {
		for _, pattern := range patterns {
			registered[pattern] = append(registered[pattern], folder)
		}
	}
	if len(registered) < 50 {
		t.Fatalf("only %d patterns were found: is the source read as it is written?", len(registered))
	}
	for _, operation := range operations(t) {
		switch by := registered[operation]; len(by) {
		case 0:
			t.Errorf("%s is described, and no function serves it", operation)
		case 1:
		default:
			t.Errorf("%s is served by %v", operation, by)
		}
	}
}

// operations lists what openapi.json describes.
func operations(t *testing.T) []string {
	t.Helper()
	var document struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(httpapi.Document(), &document); err != nil {
		t.Fatal(err)
	}
	var list []string
	for path, item := range document.Paths {
		if _, refers := item["$ref"]; refers { // the chamber's door has the office's operations
			item = document.Paths[strings.Replace(path, "/chamber/v1", "/api/v1/office", 1)]
		}
		for method := range item {
			if m := strings.ToUpper(method); slices.Contains([]string{"GET", "POST", "PATCH", "PUT", "DELETE"}, m) {
				list = append(list, m+" "+path)
			}
		}
	}
	slices.Sort(list)
	return list
}

// patternsOf reads the patterns that each function registers, out of its source: those of httpapi.JSON below the prefixes of its doors, and
// those of Handle as they stand.
func patternsOf(t *testing.T, root string) map[string][]string {
	t.Helper()
	folders, err := filepath.Glob(filepath.Join(root, "*"))
	if err != nil {
		t.Fatal(err)
	}
	patterns := map[string][]string{}
	for _, folder := range folders {
		s := source{constants: map[string]string{}}
		files := parsed(t, folder)
		for _, read := range []func(ast.Node) bool{s.constant, s.call} { // constants first
			for _, file := range files {
				ast.Inspect(file, read)
			}
		}
		name := filepath.Base(folder)
		patterns[name] = s.whole
		for _, prefix := range s.prefixes {
			for _, pattern := range s.below {
				method, path, _ := strings.Cut(pattern, " ")
				patterns[name] = append(patterns[name], method+" "+prefix+path)
			}
		}
	}
	return patterns
}

func parsed(t *testing.T, folder string) []*ast.File {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

// source is what a function's source says about its routes.
type source struct {
	constants              map[string]string
	prefixes, below, whole []string
}

func (s *source) constant(n ast.Node) bool {
	if v, ok := n.(*ast.ValueSpec); ok {
		for i, name := range v.Names {
			if i < len(v.Values) {
				if text, ok := s.text(v.Values[i]); ok {
					s.constants[name.Name] = text
				}
			}
		}
	}
	return true
}

func (s *source) call(n ast.Node) bool {
	call, ok := n.(*ast.CallExpr)
	if !ok || len(call.Args) < 2 {
		return true
	}
	selector, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return true
	}
	first, _ := s.text(call.Args[0])
	second, ok := s.text(call.Args[1])
	switch selector.Sel.Name {
	case "Cookie", "Keyed", "Open":
		if ok && strings.HasPrefix(second, "/") {
			s.prefixes = append(s.prefixes, second)
		}
	case "JSON":
		if ok {
			s.below = append(s.below, second)
		}
	case "Handle":
		if first != "" {
			s.whole = append(s.whole, first)
		}
	}
	return true
}

// text evaluates a text that is written out, a constant, or both joined.
func (s *source) text(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil && e.Kind == token.STRING
	case *ast.Ident:
		text, ok := s.constants[e.Name]
		return text, ok
	case *ast.BinaryExpr:
		x, okX := s.text(e.X)
		y, okY := s.text(e.Y)
		return x + y, okX && okY && e.Op == token.ADD
	}
	return "", false
}
