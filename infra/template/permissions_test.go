package template_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// permissionRules: a function can do what its step needs and no more.
var permissionRules = []rule{
	{"every function has its own inline permissions", ownPermissions},
	{"no action and no resource is a wildcard", noWildcards},
	{"nobody scans", nobodyScans},
	{"tables are reached by leading keys", leadingKeys},
	{"leading keys are those of the layout", keysOfLayout},
	{"only registration writes the register, and never deletes", registerWriter},
	{"the archive is written under each writer's own prefix", archiveWriters},
	{"what was presented is never deleted", documentsDeleted},
	{"seals are signed by preservation alone", sealers},
	{"parameters are read by name", parametersByName},
}

// grant is one statement of one function.
type grant struct {
	function  string
	statement any
}

func (g grant) actions() []string { return texts(g.statement, "Action") }

// on tells whether the statement is about a resource, or something inside it.
func (g grant) on(id string) bool {
	return slices.ContainsFunc(list(g.statement, "Resource"), func(r any) bool { return ref(r) == id })
}

func (g grant) allows(action string) bool { return slices.Contains(g.actions(), action) }

func (d document) grants() []grant {
	var all []grant
	for _, id := range d.functions() {
		for _, policy := range list(d.property(id), "Policies") {
			for _, s := range list(policy, "Statement") {
				all = append(all, grant{id, s})
			}
		}
	}
	return all
}

func ownPermissions(d document) (f findings) {
	for _, id := range d.functions() {
		policies := list(d.property(id), "Policies")
		f.demand(len(policies) > 0, "%s: no policies", id)
		for _, p := range policies {
			f.demand(at(p, "Statement") != nil, "%s: %v is not its own", id, p)
		}
		f.demand(d.setting(id, "Role") == nil, "%s: shares a role", id)
	}
	for _, g := range d.grants() {
		f.demand(text(g.statement, "Effect") == "Allow" && text(g.statement, "Sid") != "", "%s: a statement without name or effect", g.function)
	}
	return f
}

func noWildcards(d document) (f findings) {
	services := []string{"dynamodb", "s3", "sqs", "kms", "ssm"}
	for _, g := range d.grants() {
		for _, a := range g.actions() {
			service, _, _ := strings.Cut(a, ":")
			f.demand(!strings.Contains(a, "*"), "%s: action %s", g.function, a)
			f.demand(slices.Contains(services, service), "%s: no function speaks to %s", g.function, service)
		}
		f.demand(len(g.actions()) > 0, "%s: a statement without actions", g.function)
		for _, r := range list(g.statement, "Resource") {
			_, literal := r.(string)
			f.demand(!literal, "%s: resource %v is not one of the stack", g.function, r)
		}
	}
	return f
}

func nobodyScans(d document) (f findings) {
	for _, g := range d.grants() {
		f.demand(!g.allows("dynamodb:Scan"), "%s: scans a table", g.function)
	}
	return f
}

// leadingKeys: an index has keys of its own, and the register is read as a whole.
func leadingKeys(d document) (f findings) {
	for _, g := range d.grants() {
		if !strings.HasPrefix(strings.Join(g.actions(), " "), "dynamodb:") {
			continue
		}
		index := slices.ContainsFunc(list(g.statement, "Resource"), func(r any) bool { return strings.Contains(text(r, "Fn::Sub"), "/index/") })
		reading := g.on("RegisterTable") && !slices.ContainsFunc(g.actions(), writes)
		if index || reading {
			f.demand(!slices.ContainsFunc(g.actions(), writes), "%s: writes an index", g.function)
			continue
		}
		f.demand(len(keysOf(g)) > 0, "%s/%s: reaches every key of its table", g.function, text(g.statement, "Sid"))
	}
	return f
}

func writes(action string) bool {
	return strings.HasPrefix(action, "dynamodb:") && !slices.Contains([]string{"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query", "dynamodb:ConditionCheckItem"}, action)
}

func keysOf(g grant) []string {
	return texts(g.statement, "Condition", "ForAllValues:StringLike", "dynamodb:LeadingKeys")
}

var layoutPrefix = regexp.MustCompile(`"([A-Z]+#)`)

// keysOfLayout: a prefix that shared/domain/layout does not build is a permission for nothing, or a missing one.
func keysOfLayout(d document) (f findings) {
	body, err := os.ReadFile(filepath.Join(root, "shared/domain/layout/layout.go"))
	if err != nil {
		f.add("%v", err)
	}
	built := map[string]bool{}
	for _, p := range layoutPrefix.FindAllStringSubmatch(string(body), -1) {
		built[p[1]] = true
	}
	for _, g := range d.grants() {
		for _, key := range keysOf(g) {
			f.demand(built[strings.TrimSuffix(key, "*")], "%s: no key begins with %s", g.function, key)
			f.demand(strings.HasSuffix(key, "#*"), "%s: key %s has no separator", g.function, key)
		}
	}
	return f
}

func registerWriter(d document) (f findings) {
	written := false
	for _, g := range d.grants() {
		if !g.on("RegisterTable") {
			continue
		}
		for _, a := range g.actions() {
			f.demand(a != "dynamodb:DeleteItem" && a != "dynamodb:UpdateItem", "%s: %s on the register", g.function, a)
			f.demand(!writes(a) || g.function == "ProtocolRegistrationFunction", "%s: writes the register", g.function)
		}
		written = written || g.allows("dynamodb:PutItem")
	}
	f.demand(written, "nobody writes the register")
	return f
}

// archivePrefix is where each writer writes; the prefixes are those of shared/domain/layout.
var archivePrefix = map[string][]string{
	"ProtocolRegistrationFunction": {"register/"},
	"PecNotifyFunction":            {"mail/out/"},
	"PecInboxFunction":             {"mail/in/"},
	"PaymentCallbackFunction":      {"payments/"},
	"DeadlinesFunction":            {"payments/"},
	"PreservationFunction":         {"packages/", "days/"},
}

func archiveWriters(d document) (f findings) {
	writers := 0
	for _, g := range d.grants() {
		if !g.on("ArchiveBucket") {
			continue
		}
		for _, a := range g.actions() {
			f.demand(slices.Contains([]string{"s3:GetObject", "s3:PutObject", "s3:ListBucket"}, a), "%s: %s on the archive", g.function, a)
		}
		if !g.allows("s3:PutObject") {
			continue
		}
		writers++
		for _, r := range list(g.statement, "Resource") {
			prefix, _ := strings.CutPrefix(text(r, "Fn::Sub"), "${ArchiveBucket.Arn}/")
			own := slices.Contains(archivePrefix[g.function], strings.TrimSuffix(prefix, "*")) && strings.HasSuffix(prefix, "/*")
			f.demand(own, "%s: writes %s", g.function, text(r, "Fn::Sub"))
		}
	}
	f.demand(writers == len(archivePrefix), "%d functions write the archive", writers)
	return f
}

// documentsDeleted: uploads and files of drafts go; snapshots of what was presented do not, but by the clock's hand those of what was never paid for.
func documentsDeleted(d document) (f findings) {
	for _, g := range d.grants() {
		if !g.allows("s3:DeleteObject") {
			continue
		}
		f.demand(slices.Contains([]string{"ApplicationsFunction", "DeadlinesFunction"}, g.function), "%s: deletes objects", g.function)
		for _, r := range list(g.statement, "Resource") {
			name := text(r, "Fn::Sub")
			unpaid := g.function == "DeadlinesFunction" && name == "${DocumentsBucket.Arn}/snapshots/*"
			f.demand(name == "${DocumentsBucket.Arn}/uploads/*" || name == "${DocumentsBucket.Arn}/documents/*" || unpaid, "%s: deletes %s", g.function, name)
		}
	}
	return f
}

// sealers: one function seals, and does nothing else with the key.
func sealers(d document) (f findings) {
	seals := 0
	for _, g := range d.grants() {
		if g.on("SealKey") {
			seals++
			f.demand(g.function == "PreservationFunction" && slices.Equal(g.actions(), []string{"kms:Sign"}), "%s: reaches the key of seals", g.function)
		}
		for _, a := range g.actions() {
			f.demand(!strings.HasPrefix(a, "kms:") || a == "kms:Sign" || a == "kms:GetPublicKey", "%s: %s", g.function, a)
		}
	}
	f.demand(seals == 1, "%d grants on the key of seals", seals)
	return f
}

func parametersByName(d document) (f findings) {
	for _, g := range d.grants() {
		for _, a := range g.actions() {
			f.demand(!strings.HasPrefix(a, "ssm:") || a == "ssm:GetParameter" || a == "ssm:GetParameters", "%s: %s", g.function, a)
			if !strings.HasPrefix(a, "ssm:") {
				continue
			}
			for _, r := range list(g.statement, "Resource") {
				name := text(r, "Fn::Sub")
				f.demand(strings.Contains(name, ":parameter/sportello/${Stage}/") && (!strings.Contains(name, "*") || strings.HasSuffix(name, "/pec/*")),
					"%s: reads %s", g.function, name)
			}
		}
	}
	return f
}
