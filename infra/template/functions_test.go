package template_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// functionRules: how functions are built, run and configured.
var functionRules = []rule{
	{"functions on disk are the functions of the template", functionsOnDisk},
	{"functions are built alike", builtAlike},
	{"HTTP functions end before their API does", endInTime},
	{"the environment is one for all", oneEnvironment},
	{"what functions read is in the environment", environmentComplete},
	{"each function has a log group with retention", logsKept},
	{"partner addresses have no default", addressesGiven},
	{"no secret stands in the template", noSecrets},
	{"a deployment takes secrets anew", revised},
	{"intrinsics stay plain", plainIntrinsics},
	{"every reference has its resource", references},
}

func functionsOnDisk(d document) (f findings) {
	folders, err := filepath.Glob(filepath.Join(root, "functions", "*", "main.go"))
	if err != nil {
		f.add("%v", err)
	}
	onDisk := map[string]bool{}
	for _, main := range folders {
		onDisk["functions/"+filepath.Base(filepath.Dir(main))+"/"] = true
	}
	for _, id := range d.functions() {
		uri := text(d.property(id), "CodeUri")
		f.demand(onDisk[uri], "%s: no code in %q", id, uri)
		f.demand(id == camel(strings.TrimPrefix(uri, "functions/"))+"Function", "%s: named otherwise than its folder %s", id, uri)
		delete(onDisk, uri)
	}
	for folder := range onDisk {
		f.add("%s is no function of the template", folder)
	}
	return f
}

// camel turns submit-application/ into SubmitApplication.
func camel(folder string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(strings.Trim(folder, "/"), "-") {
		if word != "" {
			b.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return b.String()
}

func builtAlike(d document) (f findings) {
	for _, id := range d.functions() {
		f.demand(d.setting(id, "Runtime") == "provided.al2023", "%s: runtime %v", id, d.setting(id, "Runtime"))
		f.demand(slices.Equal(texts(d.setting(id, "Architectures")), []string{"arm64"}), "%s: not on arm64", id)
		f.demand(d.setting(id, "Handler") == "bootstrap", "%s: handler %v", id, d.setting(id, "Handler"))
		f.demand(text(d, "Resources", id, "Metadata", "BuildMethod") == "go1.x", "%s: not built by go1.x", id)
		f.demand(d.setting(id, "FunctionName") == nil, "%s: a fixed name would block a replacement", id)
	}
	return f
}

// endInTime: an HTTP API gives up at 30 s, and the caller would then see a failure of something that happens.
func endInTime(d document) (f findings) {
	for _, e := range d.events() {
		if e.kind == "HttpApi" || e.kind == "Api" {
			timeout, _ := d.setting(e.function, "Timeout").(int)
			f.demand(timeout > 0 && timeout < 30, "%s: may take %d s", e.function, timeout)
		}
	}
	return f
}

func oneEnvironment(d document) (f findings) {
	for _, id := range d.functions() {
		f.demand(d.property(id, "Environment") == nil, "%s: has an environment of its own", id)
	}
	for _, name := range keys(d, "Globals", "Function", "Environment", "Variables") {
		_, literal := at(d, "Globals", "Function", "Environment", "Variables", name).(string)
		f.demand(!literal, "%s: a value instead of a reference", name)
	}
	return f
}

var environmentTag = regexp.MustCompile("`env:\"([A-Z][A-Z0-9_]*)[,\"]")

// environmentComplete reads the `env` tags of the functions' sources and demands each name that is not Lambda's own.
func environmentComplete(d document) (f findings) {
	given := keys(d, "Globals", "Function", "Environment", "Variables")
	for _, name := range sources("functions", "shared") {
		body, err := os.ReadFile(name)
		if err != nil {
			f.add("%v", err)
		}
		for _, tag := range environmentTag.FindAllStringSubmatch(string(body), -1) {
			own := strings.HasPrefix(tag[1], "AWS_") || strings.HasPrefix(tag[1], "LOCAL_")
			f.demand(own || slices.Contains(given, tag[1]), "%s reads %s, which the template does not give", filepath.Base(filepath.Dir(name)), tag[1])
		}
	}
	return f
}

// sources lists the Go files, tests apart, under some folders of the repository.
func sources(folders ...string) []string {
	var all []string
	for _, folder := range folders {
		_ = filepath.WalkDir(filepath.Join(root, folder), func(path string, e os.DirEntry, err error) error {
			if err == nil && !e.IsDir() && strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
				all = append(all, path)
			}
			return nil
		})
	}
	return all
}

func logsKept(d document) (f findings) {
	used := map[string]bool{}
	for _, id := range d.functions() {
		group := ref(d.property(id, "LoggingConfig", "LogGroup"))
		f.demand(group == strings.TrimSuffix(id, "Function")+"LogGroup" && d.property(group) != nil, "%s: logs to %q", id, group)
		used[group] = true
	}
	for _, id := range d.names("AWS::Logs::LogGroup") {
		f.demand(text(d.property(id), "RetentionInDays", "Ref") == "LogRetentionDays", "%s: kept for ever", id)
		f.demand(used[id] || id == "CitizenApiLogGroup", "%s: nobody logs there", id)
	}
	format := text(d.property("CitizenApi"), "AccessLogSettings", "Format")
	for _, personal := range []string{"identity", "sourceIp", "context.path", "rawPath", "authorizer", "requestOverride"} {
		f.demand(!strings.Contains(format, personal), "access log: %s is personal", personal)
	}
	return f
}

// addressesGiven: a default address would send test traffic to a partner, or production traffic nowhere.
func addressesGiven(d document) (f findings) {
	for _, name := range []string{"PortalDomain", "CertificateArn", "SpidIssuer", "CieIssuer", "OidcClientId", "CompaniesUrl",
		"InipecUrl", "InadUrl", "PdndUrl", "PreservationUrl", "TimestampUrl", "InstituteUrl", "TrustListUrl", "PecSmtp", "PecImap", "PecDomain", "AlarmEmail"} {
		f.demand(at(d, "Parameters", name) != nil, "parameter %s is missing", name)
		f.demand(at(d, "Parameters", name, "Default") == nil, "parameter %s has a default", name)
	}
	return f
}

var (
	secretName  = regexp.MustCompile(`(?i)secret|password|passwd|token$|apikey|privatekey`)
	secretValue = regexp.MustCompile(`AKIA[0-9A-Z]{16}|-----BEGIN|[0-9a-f]{40,}`)
)

func noSecrets(d document) (f findings) {
	for _, name := range append(keys(d, "Parameters"), keys(d, "Globals", "Function", "Environment", "Variables")...) {
		f.demand(!secretName.MatchString(name), "%s: a secret goes by name, in Parameter Store", name)
	}
	visit(d, "", func(path string, m map[string]any) {
		for _, k := range keys(m) {
			s, _ := m[k].(string)
			f.demand(!secretValue.MatchString(s), "%s/%s: looks like a secret", path, k)
			f.demand(!strings.Contains(s, "resolve:") || strings.HasPrefix(s, "{{resolve:ssm:/sportello/${Stage}/"), "%s/%s: resolves %s", path, k, s)
		}
		if m["HeaderName"] == "x-origin-verify" {
			// Functions accept a list while the secret is being changed; a list is nothing to send.
			f.demand(text(m, "HeaderValue", "Fn::Sub") == "{{resolve:ssm:/sportello/${Stage}/origin-sent}}", "%s: the origin secret stands in the template", path)
		}
	})
	return f
}

// revised: a secret that alone has changed reaches nobody unless something else changes with it.
func revised(d document) (f findings) {
	f.demand(ref(at(d, "Globals", "Function", "Environment", "Variables", "REVISION")) == "Revision", "functions are not started anew")
	f.demand(strings.Contains(text(d.property("Distribution", "DistributionConfig"), "Comment", "Fn::Sub"), "${Revision}"), "the distribution sends an old secret")
	config, err := os.ReadFile(filepath.Join(root, "samconfig.toml"))
	f.demand(err == nil && strings.Count(string(config), `"Revision=0"`) == strings.Count(string(config), `"Stage=`), "samconfig.toml: a stage without revision")
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	f.demand(err == nil && strings.Contains(string(makefile), `sed 's/"Revision=[^"]*"/"Revision=$(REVISION)"/' samconfig.toml`), "make deploy gives no revision")
	return f
}

func plainIntrinsics(d document) (f findings) {
	plain := []string{"Fn::Sub", "Fn::GetAtt", "Fn::Join", "Fn::If"}
	visit(d, "", func(path string, m map[string]any) {
		for k := range m {
			f.demand(!strings.HasPrefix(k, "Fn::") || slices.Contains(plain, k), "%s: %s is not used here", path, k)
		}
	})
	return f
}

var placeholder = regexp.MustCompile(`\$\{([A-Za-z0-9]+)(\.[A-Za-z.]+)?\}`)

// references: sam validate says the same; this says it where SAM is not installed.
func references(d document) (f findings) {
	known := map[string]bool{}
	for _, id := range append(keys(d, "Parameters"), keys(d, "Resources")...) {
		known[id] = true
	}
	for _, id := range d.functions() {
		known[id+"Role"] = true // made by SAM
	}
	visit(d, "", func(path string, m map[string]any) {
		var ids []string
		if s := text(m, "Ref"); s != "" {
			ids = append(ids, s)
		}
		if s := text(m, "Fn::GetAtt"); s != "" {
			ids = append(ids, ref(m))
		}
		for _, found := range placeholder.FindAllStringSubmatch(text(m, "Fn::Sub"), -1) {
			ids = append(ids, found[1])
		}
		for _, id := range ids {
			f.demand(known[id] || strings.HasPrefix(id, "AWS::"), "%s: %s does not exist", path, id)
		}
	})
	return f
}
