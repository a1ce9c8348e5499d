package shared_test

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// The direction of imports is the architecture: functions -> edge, flow, platform, domain; flow -> domain and the pure halves of platform;
// edge -> domain; platform -> domain; the domain is pure.

// rule says what a package may import of ours, and what it may never depend on.
type rule struct {
	under   string   // packages whose path begins so
	may     []string // our packages it may import directly, by beginning of path
	never   []string // packages that must not be in its whole dependency
	because string
}

var impure = []string{"github.com/aws/", "net/http", "net/smtp", "os/exec", "database/sql"}

var rules = []rule{
	{"shared/domain/", []string{"shared/domain/"}, append([]string{"os"}, impure...), "the law is pure"},
	{"shared/flow/", []string{"shared/domain/", "shared/flow/", "shared/platform/table", "shared/platform/archive", "shared/platform/queue", "shared/platform/ledger"}, impure,
		"the steps also run in one process under a seeded scheduler"},
	{"shared/platform/", []string{"shared/domain/", "shared/platform/"}, nil, "the platform knows the domain, not the steps"},
	{"shared/edge/", []string{"shared/domain/", "shared/edge/"}, nil, "the edge translates"},
	{"shared/assembly", []string{"shared/"}, nil, "wiring that functions share"},
	{"functions/", []string{"shared/"}, nil, "no function imports another"},
	{"infra/verify", []string{"infra/verify"}, nil, "the verifier has a reading path of its own"},
	{"infra/demo", []string{"infra/demo", "infra/road"}, nil, "the demo goes through the public APIs only"},
	{"infra/rush", []string{"infra/rush", "infra/road"}, nil, "the crowd goes through the public APIs only"},
	{"infra/road", []string{"infra/road"}, nil, "it stands outside: everything goes over the wire"},
}

// only lists packages that only the named ones may import.
var only = map[string][]string{
	"shared/platform/ledger":       {"shared/flow/registration", "infra/simulate", "infra/bench"}, // the bench measures it on a table of its own
	"shared/assembly":              {"functions/"},
	"shared/platform/table/dynamo": {"shared/assembly", "infra/operator", "infra/bench"},
	"shared/platform/archive/s3":   {"shared/assembly"},
	"shared/platform/queue/sqs":    {"shared/assembly", "functions/"},
}

// pkg is a package as `go list` tells it.
type pkg struct {
	path    string // without the module's name
	imports []string
	deps    []string
}

func TestImports(t *testing.T) {
	for _, broken := range check(list(t), rules, only) {
		t.Error(broken)
	}
}

// list asks the go tool for all packages of the module, tests left out: a test may look anywhere.
func list(t *testing.T) []pkg {
	t.Helper()
	format := `{{.ImportPath}}|{{join .Imports ","}}|{{join .Deps ","}}`
	command := exec.Command("go", "list", "-f", format, "sportello/...")
	command.Dir = ".."
	out, err := command.Output()
	if err != nil {
		t.Fatalf("listing packages: %v", err)
	}
	var packages []pkg
	for line := range strings.Lines(string(out)) {
		parts := strings.Split(strings.TrimSpace(line), "|")
		packages = append(packages, pkg{ours(parts[0]), strings.Split(parts[1], ","), strings.Split(parts[2], ",")})
	}
	if len(packages) < 20 {
		t.Fatalf("only %d packages found", len(packages))
	}
	return packages
}

func ours(path string) string {
	own, _ := strings.CutPrefix(path, "sportello/")
	return own
}

func isOurs(path string) bool { return strings.HasPrefix(path, "sportello/") }

// check returns a sentence for every import against the rules.
func check(packages []pkg, rules []rule, only map[string][]string) []string {
	var broken []string
	for _, p := range packages {
		for _, r := range rules {
			if strings.HasPrefix(p.path+"/", r.under) {
				broken = append(broken, r.check(p)...)
			}
		}
		for _, i := range p.imports {
			allowed, limited := only[ours(i)]
			if isOurs(i) && limited && !begins(p.path+"/", allowed) && !strings.HasPrefix(p.path, ours(i)) {
				broken = append(broken, fmt.Sprintf("%s imports %s, which only %v may", p.path, ours(i), allowed))
			}
		}
	}
	return broken
}

func (r rule) check(p pkg) []string {
	var broken []string
	for _, i := range p.imports {
		if isOurs(i) && !begins(ours(i)+"/", r.may) && !within(p.path, ours(i), r.under) {
			broken = append(broken, fmt.Sprintf("%s imports %s: %s", p.path, ours(i), r.because))
		}
	}
	// The whole dependency counts for what is reached through our own packages and for what is imported outright; libraries may use
	// what they like inside (a JSON Schema validator knows net/url and os).
	for _, i := range p.imports {
		if begins(i+"/", r.never) && slices.ContainsFunc(r.never, func(n string) bool { return i == n || strings.HasPrefix(i, strings.TrimSuffix(n, "/")+"/") }) {
			broken = append(broken, fmt.Sprintf("%s imports %s: %s", p.path, i, r.because))
		}
	}
	for _, d := range p.deps {
		if strings.HasPrefix(d, "github.com/aws/") && begins(d, r.never) {
			broken = append(broken, fmt.Sprintf("%s depends on %s: %s", p.path, d, r.because))
			break
		}
	}
	return broken
}

// within tells whether a package imports one of its own folder, where that is allowed: a function may have packages beneath it.
func within(from, to, under string) bool {
	folder, _, _ := strings.Cut(strings.TrimPrefix(from, under), "/")
	return under == "functions/" && strings.HasPrefix(to, under+folder+"/")
}

func begins(path string, any []string) bool {
	return slices.ContainsFunc(any, func(prefix string) bool {
		return strings.HasPrefix(path, prefix) || strings.TrimSuffix(path, "/") == prefix
	})
}

// A rule that cannot fail is no rule.
func TestImportsFailWhenBroken(t *testing.T) {
	for name, p := range map[string]pkg{
		"domain imports AWS":                 {"shared/domain/application", []string{"github.com/aws/aws-sdk-go-v2/aws"}, nil},
		"domain imports net/http":            {"shared/domain/pec", []string{"net/http"}, nil},
		"domain reads the environment":       {"shared/domain/pec", []string{"os"}, nil},
		"domain imports platform":            {"shared/domain/layout", []string{"sportello/shared/platform/table"}, nil},
		"domain reaches AWS through another": {"shared/domain/pec", nil, []string{"github.com/aws/smithy-go"}},
		"flow imports net/http":              {"shared/flow/notify", []string{"net/http"}, nil},
		"flow imports a client":              {"shared/flow/notify", []string{"sportello/shared/platform/mail"}, nil},
		"flow imports edge":                  {"shared/flow/login", []string{"sportello/shared/edge/httpapi"}, nil},
		"edge imports flow":                  {"shared/edge/httpapi", []string{"sportello/shared/flow/access"}, nil},
		"platform imports flow":              {"shared/platform/mail", []string{"sportello/shared/flow/notify"}, nil},
		"a function imports another":         {"functions/login", []string{"sportello/functions/applications"}, nil},
		"a function writes the ledger":       {"functions/back-office", []string{"sportello/shared/platform/ledger"}, nil},
		"another step writes the ledger":     {"shared/flow/office", []string{"sportello/shared/platform/ledger"}, nil},
		"the verifier uses the writer":       {"infra/verify", []string{"sportello/shared/platform/ledger"}, nil},
	} {
		if len(check([]pkg{p}, rules, only)) == 0 {
			t.Errorf("%s: not noticed", name)
		}
	}
	sound := pkg{"functions/login", []string{"sportello/shared/flow/login", "sportello/shared/platform/oidc", "net/http"}, []string{"github.com/aws/smithy-go"}}
	if broken := check([]pkg{sound}, rules, only); len(broken) > 0 {
		t.Errorf("a sound package is refused: %v", broken)
	}
}

// The clock comes in from outside: domain and flow never ask the machine for the time, nor for chance that cannot be seeded (secrets come from crypto/rand unless something else is injected).
func TestNoClock(t *testing.T) {
	command := exec.Command("grep", "-rnE", `time\.(Now|Since|Until|Sleep|After|Tick)\(|"math/rand`, "--include=*.go", "--exclude=*_test.go", "domain", "flow")
	out, err := command.Output()
	if err == nil {
		t.Errorf("the machine's clock or chance:\n%s", out)
	}
	if exit, ok := err.(*exec.ExitError); err != nil && (!ok || exit.ExitCode() != 1) {
		t.Fatal(err)
	}
}
