package template

import (
	"slices"
	"strings"
)

// decoration has no effect in the cloud either.
var decoration = words("Description Comment Tags Metadata PropagateTags OmitName")

// unenforced is what the template asks for and only the cloud does, each once:
// properties by type (UsagePlan.Quota), and whole types (CloudWatch::Alarm).
func (t *Template) unenforced() []string {
	seen := map[string]bool{}
	for _, r := range t.resources {
		if cloudOnly(r.kind) {
			seen[strings.TrimPrefix(r.kind, "AWS::")] = true
			continue
		}
		cloudNames(r.kind, r.properties, seen)
		for _, e := range mapping(r.properties["Events"]) {
			cloudNames("event "+text(mapping(e)["Type"]), mapping(mapping(e)["Properties"]), seen)
		}
	}
	return sorted(seen)
}

// cloudNames notes the names in a mapping, and below, that are accepted unread.
func cloudNames(path string, v any, seen map[string]bool) {
	switch x := v.(type) {
	case map[string]any:
		for name, item := range x {
			switch {
			case !slices.Contains(catalogue[path].cloud, name):
				cloudNames(path+"."+name, item, seen)
			case !slices.Contains(decoration, name):
				seen[short(path)+"."+name] = true
			}
		}
	case []any:
		for _, item := range x {
			cloudNames(path, item, seen)
		}
	}
}

// short is the end of a path: the type, or the mapping inside it.
func short(path string) string {
	return path[strings.LastIndexAny(path, " :.")+1:]
}
