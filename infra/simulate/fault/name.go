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
	case strings.HasPrefix(key.PK, "PAY#") && strings.HasPrefix(key.SK, "N#"):
		return "NOTICE"
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

// queried names a query: the table's own or an index's. Reads are not told apart by what they read: a crash around one leaves nothing behind.
func queried(q table.Query) string {
	if q.Index != "" {
		return "Query " + string(q.Index)
	}
	return "Query"
}

// committed names a commit by the sorts of rows it touches: deleted ones with a minus, checked ones with a question mark. What may come along
// or not is left out: the pending row that goes with an outbox row, the problem that opens or closes with a case's own rows.
func committed(changes []table.Change) string {
	var kinds []string
	for _, c := range changes {
		k := kind(c.Item.Key)
		switch {
		case c.Op == table.OpDelete && k == "PEND":
			continue
		case c.Op == table.OpDelete:
			k = "-" + k
		case c.Op == table.OpCheck:
			k = "?" + k
		}
		if !slices.Contains(kinds, k) {
			kinds = append(kinds, k)
		}
	}
	if n := slices.Index(kinds, "PRB"); n >= 0 && slices.ContainsFunc(kinds, func(k string) bool { return k != "PRB" && k != "OUT" }) {
		kinds = slices.Delete(kinds, n, n+1)
	} else if n == 0 && len(kinds) == 2 {
		slices.Reverse(kinds) // one problem closes as the next one opens: the same parking, whichever is written first
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
	case "days":
		return "day/" + parts[len(parts)-1]
	}
	return parts[0]
}

// listed names a listing by the folder that is listed.
func listed(prefix string) string { return object(prefix + "x") }
