package audit_test

import (
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

var plainData = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}

func dayKey(day, part string) string { return "days/milano/" + day + "/" + part }

// leaf is a record of a day, as the statement commits to it.
type leaf struct {
	year, seq int
	hash      string
	line      string // as its block has it
}

func (l leaf) salt() string { return digest(fmt.Sprint(l.year, l.seq))[:32] }

// declare writes the statements of all sealed days, sealed, stamped, published and handed over.
func (w *world) declare() {
	previous := zeros
	for _, at := range slices.Sorted(maps.Keys(w.days)) {
		d := w.days[at]
		leaves := w.leaves(d)
		w.objects[dayKey(d.day, "leaves.json")] = []byte(leavesText(d, leaves))
		statement := w.statement(d, leaves, previous)
		previous = digest(statement)
		w.sealStatement(d, statement)
		w.publish(d)
		w.deposit(d, leaves)
	}
}

func (w *world) leaves(d *sealedDay) []leaf {
	var list []leaf
	for _, name := range slices.Sorted(maps.Keys(w.books)) {
		chamber, year, _ := strings.Cut(name, "#")
		for _, r := range w.books[name].records {
			if n, _ := strconv.Atoi(year); chamber == d.chamber && r.page == d.day {
				list = append(list, leaf{n, r.seq, r.hash, text(r.members(), false) + "\n"})
			}
		}
	}
	return list
}

func leavesText(d *sealedDay, leaves []leaf) string {
	list := []any{}
	for _, l := range leaves {
		list = append(list, members{{"year", l.year}, {"seq", l.seq}, {"hash", l.hash}, {"salt", l.salt()}})
	}
	return text(members{{"format", "sportello register leaves v1"}, {"chamber", d.chamber}, {"day", d.day}, {"leaves", list}}, false)
}

func (w *world) statement(d *sealedDay, leaves []leaf, previous string) string {
	spans := []any{}
	var hashes []string
	for _, l := range leaves {
		if n := len(spans); n == 0 || spans[n-1].(members)[0].value != l.year {
			spans = append(spans, members{{"year", l.year}, {"first", l.seq}, {"last", l.seq}, {"count", 0}})
		}
		last := spans[len(spans)-1].(members)
		last[2].value, last[3].value = l.seq, last[3].value.(int)+1
		hashes = append(hashes, hashed(fmt.Sprintf("\x00sportello register leaf v1\n%d\n%d\n%s\n%s\n", l.year, l.seq, l.hash, l.salt())))
	}
	return text(members{
		{"format", "sportello register statement v1"}, {"chamber", d.chamber}, {"book", registerOf(d.chamber, d.day[:4])}, {"day", d.day},
		{"sealedAt", d.sealedAt}, {"records", spans}, {"pending", len(d.pending)}, {"seal", digest(string(w.objects[sealKey(d.chamber, d.day)]))},
		{"tree", members{{"size", len(leaves)}, {"root", hex.EncodeToString([]byte(tree(hashes)))}}}, {"previous", previous},
	}, false)
}

func hashed(s string) string {
	sum := sha256.Sum256([]byte(s))
	return string(sum[:])
}

// tree is RFC 6962, level by level: an odd one out goes up as it is.
func tree(level []string) string {
	if len(level) == 0 {
		return hashed("")
	}
	for len(level) > 1 {
		var next []string
		for n := 0; n+1 < len(level); n += 2 {
			next = append(next, hashed("\x01"+level[n]+level[n+1]))
		}
		if len(level)%2 == 1 {
			next = append(next, level[len(level)-1])
		}
		level = next
	}
	return level[0]
}

func (w *world) sealStatement(d *sealedDay, statement string) {
	w.objects[dayKey(d.day, "statement.json")] = []byte(statement)
	seal := theTrust().seals.named([]byte(statement), plainData, 1, true)
	w.objects[dayKey(d.day, "statement.p7s")] = seal
	w.objects[dayKey(d.day, "statement.tst")] = theTrust().stamps.stamp(seal, time.Date(2027, 1, 5, 8, 0, 0, 0, time.UTC))
}

func (w *world) publish(d *sealedDay) {
	part := func(name string) string {
		return base64.StdEncoding.EncodeToString(w.objects[dayKey(d.day, name)])
	}
	w.applications[[2]string{"SEAL#" + d.chamber, d.day}] = text(members{
		{"chamber", d.chamber}, {"day", d.day}, {"statement", part("statement.json")}, {"signature", part("statement.p7s")}, {"timestamp", part("statement.tst")},
	}, true)
}

func (w *world) deposit(d *sealedDay, leaves []leaf) {
	lines := ""
	for _, l := range leaves {
		lines += l.line
	}
	part := func(id, name, body string) packed {
		return packed{id, name, body, "Registro giornaliero di protocollo", "I", ""}
	}
	pack := zipped(contents("registro-milano-"+d.day, []packed{
		part("registro", "registro.jsonl", lines), part("elenco", "elenco.json", string(w.objects[sealKey(d.chamber, d.day)])),
		part("dichiarazione", "dichiarazione.json", string(w.objects[dayKey(d.day, "statement.json")])),
		part("sigillo", "dichiarazione.json.p7s", string(w.objects[dayKey(d.day, "statement.p7s")])),
		part("marca", "dichiarazione.json.p7s.tst", string(w.objects[dayKey(d.day, "statement.tst")])),
	}, nil))
	w.objects[dayKey(d.day, "package.zip")] = pack
	w.objects[dayKey(d.day, "receipt.p7m")] = rapporto(theTrust().preservation, "registro-milano-"+d.day, pack)
}

// undeclared takes the later parts of a day away, from one on.
func (w *world) undeclared(day string, parts ...string) {
	for _, part := range parts {
		delete(w.objects, dayKey(day, part))
	}
}

const tuesday = "2026-12-29" // a declared day in the middle

// statementMutations are of declared days.
var statementMutations = []mutation{
	{name: "a byte of a statement is changed", where: dayKey(tuesday, "statement.json"), what: "non dice ciò che dice il sigillo",
		change: func(w *world) { w.replace(dayKey(tuesday, "statement.json"), `"pending":0`, `"pending":7`) }},
	{name: "a statement has another root", where: dayKey(tuesday, "statement.json"), what: "la radice dichiarata",
		change: func(w *world) {
			key := dayKey(tuesday, "statement.json")
			w.replace(key, string(between(w.objects[key], `"root":"`, `"`)), digest("another root"))
		}},
	{name: "the first statement follows one of a day that was never closed", where: dayKey("2026-12-28", "statement.json"), what: "che non fu chiuso",
		change: func(w *world) { w.replace(dayKey("2026-12-28", "statement.json"), zeros, digest("x")) }},
	{name: "a salt is changed", where: dayKey(tuesday, "statement.json"), what: "la radice dichiarata",
		change: func(w *world) { w.replace(dayKey(tuesday, "leaves.json"), digest("2026 5")[:32], digest("x")[:32]) }},
	{name: "a leaf is of another record", where: dayKey(tuesday, "leaves.json"), record: "seq 6 del 2026", what: "non è di una registrazione",
		change: func(w *world) { w.replace(dayKey(tuesday, "leaves.json"), `"seq":5`, `"seq":6`) }},
	{name: "a seal of a statement is changed", where: dayKey(tuesday, "statement.tst"), what: "marca temporale: la firma non è valida",
		change: func(w *world) { w.objects[dayKey(tuesday, "statement.p7s")][700] ^= 1 }},
	{name: "a statement is sealed by a stranger", where: dayKey(tuesday, "statement.p7s"), what: "non è tra quelli di cui ci si fida",
		change: func(w *world) {
			seal := theTrust().stranger.named(w.objects[dayKey(tuesday, "statement.json")], plainData, 1, true)
			w.objects[dayKey(tuesday, "statement.p7s")] = seal
			w.objects[dayKey(tuesday, "statement.tst")] = theTrust().stamps.stamp(seal, time.Date(2027, 1, 5, 8, 0, 0, 0, time.UTC))
		}},
	{name: "a timestamp is of somebody who may not stamp", where: dayKey(tuesday, "statement.tst"), what: "non è tra quelli di cui ci si fida",
		change: func(w *world) {
			w.objects[dayKey(tuesday, "statement.tst")] = theTrust().seals.stamp(w.objects[dayKey(tuesday, "statement.p7s")], time.Date(2027, 1, 5, 8, 0, 0, 0, time.UTC))
		}},
	{name: "two timestamps are swapped", where: dayKey("2026-12-28", "statement.tst"), what: "la firma non è valida",
		change: func(w *world) { w.swap(dayKey(tuesday, "statement.tst"), dayKey("2026-12-28", "statement.tst")) }},
	{name: "a statement is gone from the middle", where: dayKey(tuesday, "statement.json"), what: "manca",
		change: func(w *world) {
			w.undeclared(tuesday, "leaves.json", "statement.json", "statement.p7s", "statement.tst", "package.zip", "receipt.p7m")
		}},
	{name: "a part of a day is gone", where: dayKey(tuesday, "statement.p7s"), what: "manca: c'è ciò che ne fu fatto",
		change: func(w *world) { w.undeclared(tuesday, "statement.p7s") }},
	{name: "the statements are written anew from one on, without the first", where: dayKey("2026-12-30", "statement.json"), what: "giorno prima non corrisponde",
		change: func(w *world) {
			d := w.days["milano/2026-12-30"]
			w.sealStatement(d, w.statement(d, w.leaves(d), digest("another")))
		}},
	{name: "another statement is published", where: "tabella pratiche, SEAL#milano/" + tuesday, what: "non è ciò che è archiviato",
		change: func(w *world) {
			w.applications[[2]string{"SEAL#milano", tuesday}] = strings.Replace(w.applications[[2]string{"SEAL#milano", "2026-12-28"}], "2026-12-28", tuesday, 1)
		}},
	{name: "the package of a day is another day's", where: dayKey("2026-12-28", "package.zip"), what: "un altro giorno",
		change: func(w *world) { w.swap(dayKey(tuesday, "package.zip"), dayKey("2026-12-28", "package.zip")) }},
	{name: "the package of a day has not its records", where: dayKey(tuesday, "package.zip"), record: "registro.jsonl", what: "non ha le registrazioni del giorno",
		change: func(w *world) { d := w.days["milano/"+tuesday]; w.deposit(d, nil) }},
	{name: "an annulment of an earlier year is in no seal", where: block8, record: "seq 8", what: "il sigillo del 2027-01-03 non la elenca",
		config: alone, change: func(w *world) {
			key := sealKey("milano", "2027-01-03")
			w.replace(key, string(between(w.objects[key], `"earlier":[`, `],"pending"`)), "")
			w.replace(key, `"earlier":[],`, "")
		}},
}
