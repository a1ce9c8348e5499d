package fault

import (
	"slices"
	"strings"

	"sportello/shared/platform/table"
)

// kind names the sort of row that a key leads to: what distinguishes one effect of a step from another.
func kind(key table.Key) string {
	switch {
	case strings.HasPrefix(key.PK, "E#"):
		return "ENTRY"
	case strings.HasPrefix(key.PK, "APP#"), strings.HasPrefix(key.PK, "CH#"):
		return head(key.SK)
	}
	return head(key.PK)
}

// head is the part before the first hash sign.
func head(s string) string {
	before, _, _ := strings.Cut(s, "#")
	return before
}

// queried names a query: the index, or the partition and the prefix.
func queried(q table.Query) string {
	if q.Index != "" {
		return "index " + string(q.Index)
	}
	if prefix := head(q.Prefix); prefix != "" && !strings.HasPrefix(q.PK, "E#") {
		return head(q.PK) + "/" + prefix
	}
	return head(q.PK)
}

// committed names a commit by the sorts of rows it touches: deleted ones with a minus, checked ones with a question mark. The pending row
// is left out where it is deleted: it goes with the outbox row, if it is still there.
func committed(changes []table.Change) string {
	var kinds []string
	for _, c := range changes {
		k := kind(c.Item.Key)
		switch c.Op {
		case table.OpDelete:
			if k == "PEND" {
				continue
			}
			k = "-" + k
		case table.OpCheck:
			k = "?" + k
		}
		if !slices.Contains(kinds, k) {
			kinds = append(kinds, k)
		}
	}
	return strings.Join(kinds, " ")
}

// object names an archived object by its folder.
func object(key string) string {
	parts := strings.Split(key, "/")
	switch parts[0] {
	case "register":
		return parts[len(parts)-2] // blocks or seals
	case "mail":
		return parts[0] + "/" + parts[1]
	case "packages":
		return parts[len(parts)-1]
	}
	return parts[0]
}

// listed names a listing by the folder that is listed.
func listed(prefix string) string { return object(prefix + "x") }
