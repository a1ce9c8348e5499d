package audit_test

import (
	"strings"
	"testing"

	"sportello/infra/verify/audit"
)

const (
	block1   = "register/milano/2026/blocks/0000000001.jsonl"
	block4   = "register/milano/2026/blocks/0000000004.jsonl"
	block5   = "register/milano/2026/blocks/0000000005.jsonl"
	block8   = "register/milano/2026/blocks/0000000008.jsonl"
	newYear1 = "register/milano/2027/blocks/0000000001.jsonl"
	newYear4 = "register/milano/2027/blocks/0000000004.jsonl"
	packageA = "packages/" + caseA + "/package.zip"
	receiptA = "packages/" + caseA + "/receipt.p7m"
)

// mutation breaks a world in one way; the audit must name the first record that does not hold.
type mutation struct {
	name   string
	change func(*world)
	config func(*audit.Config)
	where  string // what the finding's place begins with
	record string // what its record contains
	what   string // what it says
}

// registerMutations are of blocks, chain and entries.
var registerMutations = []mutation{
	{name: "an entry's subject is changed", where: block1, record: "riga 2 (seq 2, protocollo 0000002)", what: "l'impronta della catena non corrisponde",
		change: func(w *world) { w.replace(block1, "già noto", "già visto") }},
	{name: "two numbers are swapped", where: block1, record: "riga 1 (seq 1", what: "l'impronta della catena",
		change: func(w *world) {
			w.replace(block1, `"seq":1,"number":1`, `"seq":1,"number":9`)
			w.replace(block1, `"seq":2,"number":2`, `"seq":2,"number":1`)
			w.replace(block1, `"number":9`, `"number":2`)
		}},
	{name: "two numbers are swapped and the chain is computed anew", where: block1, record: "riga 1 (seq 1, protocollo 0000002)", what: "ha il numero 0000002 dopo il 0000000",
		change: func(w *world) {
			r := w.books["milano#2026"].records
			r[0].number, r[1].number = 2, 1
			w.rewrite("archive", "seals", "tables")
		}},
	{name: "first and count, which no hash covers, are changed", where: block1, record: "riga 1", what: "dichiara di stare nel blocco",
		change: func(w *world) { w.replace(block1, `"first":1`, `"first":2`) }},
	{name: "a block is removed from the middle", where: block5, record: "seq 5", what: "manca il blocco",
		change: func(w *world) { delete(w.objects, block5) }},
	{name: "the first block is removed", where: block1, record: "seq 1", what: "manca il blocco",
		change: func(w *world) { delete(w.objects, block1) }},
	{name: "the tail is cut, the table tells", where: newYear4, record: "seq 4", what: "la testa della tabella arriva a seq 4",
		change: func(w *world) { delete(w.objects, newYear4) }},
	{name: "the tail is cut within sealed days, a seal tells", where: newYear1, record: "seq 1", what: "il sigillo del 2027-01-02 arriva a seq 2",
		config: alone,
		change: func(w *world) {
			for _, key := range []string{newYear1, "register/milano/2027/blocks/0000000003.jsonl", newYear4} {
				delete(w.objects, key)
			}
		}},
	{name: "the last line of a block is cut", where: block1, record: "riga 2", what: "il blocco ha 2 registrazioni e dichiara di averne 3",
		change: func(w *world) {
			lines := strings.SplitAfter(string(w.objects[block1]), "\n")
			w.objects[block1] = []byte(lines[0] + lines[1])
		}},
	{name: "a block is cut in mid-line", where: block1, record: "riga 3", what: "forma prevista",
		change: func(w *world) { w.objects[block1] = w.objects[block1][:len(w.objects[block1])-20] }},
	{name: "a block loses its last line feed", where: block4, record: "riga 1", what: "troncato",
		change: func(w *world) { w.objects[block4] = w.objects[block4][:len(w.objects[block4])-1] }},
	{name: "a block is emptied", where: block4, what: "il blocco è vuoto", change: func(w *world) { w.objects[block4] = nil }},
	{name: "two blocks are swapped", where: block4, record: "riga 1 (seq 5", what: "ha seq 5 dopo seq 3",
		change: func(w *world) { w.swap(block4, block5) }},
	{name: "a block lies in another book", where: "register/bergamo/2026/blocks/0000000001.jsonl", record: "riga 1", what: `è del registro "milano#2026"`,
		change: func(w *world) { w.objects["register/bergamo/2026/blocks/0000000001.jsonl"] = w.objects[block1] }},
	{name: "a block is there twice, under a second name", where: "register/milano/2026/blocks/0000000002.jsonl", what: "è già in un blocco precedente",
		change: func(w *world) { w.objects["register/milano/2026/blocks/0000000002.jsonl"] = w.objects[block1] }},
	{name: "a line is written with a blank more", where: block4, record: "riga 1", what: "forma prevista",
		change: func(w *world) { w.replace(block4, `{"book":`, `{ "book":`) }},
	{name: "an entry is replaced and the chain computed anew in the archive: the table tells", where: "tabella registro, E#milano#2026/0000002", record: "seq 2",
		what: "non sono uguali", change: func(w *world) { w.forge(); w.rewrite("archive") }},
	{name: "the same without the table: the seal tells", where: block1, record: "riga 2 (seq 2", what: "non è quella che il sigillo del 2026-12-28 elenca",
		config: alone, change: func(w *world) { w.forge(); w.rewrite("archive") }},
	{name: "the same in archive and table: the seal tells", where: block1, record: "riga 2 (seq 2", what: "non è quella che il sigillo del 2026-12-28 elenca",
		change: func(w *world) { w.forge(); w.rewrite("archive", "tables") }},
	{name: "the same everywhere, seals too: the package tells", where: packageA, record: "documenti/0006-esito.pdf", what: "non ha l'impronta che il registro dà",
		change: func(w *world) {
			r := w.books["milano#2026"].records
			r[4].body = strings.Replace(r[4].body, digest(decisionA), digest("altro esito"), 1)
			w.rewrite("archive", "seals", "tables")
		}},
	{name: "the same everywhere, of what no package holds: an earlier report tells", where: "milano#2026", record: "seq 8", what: "non è più quella di un controllo precedente",
		config: func(c *audit.Config) { c.Before = &before }, change: func(w *world) { w.forge(); w.rewrite("archive", "seals", "tables", "days") }},
	{name: "the same everywhere but in what was declared: the leaves tell", where: dayKey("2026-12-28", "leaves.json"), record: "seq 2 del 2026", what: "non è di una registrazione che il sigillo elenca",
		change: func(w *world) { w.forge(); w.rewrite("archive", "seals", "tables") }},
	{name: "an event is registered twice", where: "register/milano/2027/blocks/0000000001.jsonl", record: "riga 1", what: "lo stesso evento è già registrato in " + block1,
		config: alone,
		change: func(w *world) { w.rebody("milano#2027", 0, event("8"), event("1")); w.rewrite("archive", "seals") }},
	{name: "a seal names a head that the chain does not pass", where: sealKey("milano", "2027-01-01"), record: "testa, seq 1", what: "la catena archiviata non passa",
		config: alone, change: func(w *world) {
			w.replace(sealKey("milano", "2027-01-01"), `"head":{"seq":0,"hash":"`+zeros, `"head":{"seq":1,"hash":"`+digest("x"))
		}},
	{name: "an annulment of a number that is not there", where: "register/milano/2026/blocks/0000000006.jsonl", record: "seq 6", what: "non esiste",
		change: func(w *world) { w.books["milano#2026"].records[5].number = 9; w.rewrite("archive", "seals", "tables") }},
	{name: "an annulment of another number than its body says", where: "register/milano/2026/blocks/0000000006.jsonl", record: "seq 6", what: "di un altro numero",
		change: func(w *world) { w.books["milano#2026"].records[5].number = 1; w.rewrite("archive", "seals", "tables") }},
	{name: "the second annulment before the first", where: block8, record: "annotazione 3", what: "dopo la 1",
		change: func(w *world) { w.books["milano#2026"].records[7].annex = 3; w.rewrite("archive", "seals", "tables") }},
}

// alone is the archive without its table: what a seal says is held to the records, not to its own copy.
func alone(c *audit.Config) { c.Register = nil }

// forge rewrites what the second entry says.
func (w *world) forge() { w.rebody("milano#2026", 1, "già noto", "già visto") }

// rebody changes a record's own words and leaves the chain to be computed anew.
func (w *world) rebody(book string, n int, old, new string) {
	r := &w.books[book].records[n]
	if !strings.Contains(r.body, old) {
		panic("no " + old)
	}
	r.body = strings.Replace(r.body, old, new, 1)
	r.event = strings.Replace(r.event, old, new, 1)
}

// bodyMutations change what an entry says and then everything that hashes it: only the rules are left to object.
var bodyMutations = []struct {
	name, book string
	n          int
	old, new   string
	what       string
}{
	{"day of registration", "milano#2026", 0, `"registrationDate":"2026-12-28"`, `"registrationDate":"2026-12-29"`, "la data di registrazione non è il giorno"},
	{"day of presentation", "milano#2026", 0, `"presentationDate":"2026-12-28"`, `"presentationDate":"2026-12-27"`, "la data di presentazione non è quella dell'istante"},
	{"deferred and not", "milano#2026", 0, `"deferred":false`, `"deferred":true`, "segnata come differita"},
	{"not deferred and is", "milano#2027", 0, `"deferred":true`, `"deferred":false`, "segnata come differita"},
	{"instant", "milano#2026", 0, `T08:00:00.123Z`, `T08:00:00Z`, "l'istante di presentazione non è scritto"},
	{"year", "milano#2026", 0, `"year":2026`, `"year":2027`, "l'anno del registro"},
	{"chamber", "milano#2026", 0, `"chamber":"milano"`, `"chamber":"varese"`, "un'altra Camera"},
	{"register", "milano#2026", 0, `"code":"PROT-MI"`, `"code":"PROT MI"`, "non identifica amministrazione"},
	{"kind", "milano#2026", 0, `"kind":"application"`, `"kind":"decision"`, "tipo di documento o verso"},
	{"application", "milano#2026", 0, `"application":"` + caseA + `",`, ``, "manca la pratica"},
	{"subject", "milano#2026", 0, `"subject":"Reclamo: `, `"subject":" `, "manca l'oggetto"},
	{"digest", "milano#2026", 0, `"sha256":"`, `"sha256":"A`, "l'impronta di un documento"},
	{"attachments", "milano#2026", 1, `"attachments":[]`, `"attachments":null`, "manca una lista"},
	{"sender", "milano#2026", 1, `"senders":[{"name":"Giulia Rinaldi","taxCode":"RNLGLI79D52F205F"}]`, `"senders":[]`, "manca il mittente"},
	{"tax code", "milano#2026", 1, `RNLGLI79D52F205F`, `rnlgli79d52f205f`, "un mittente o un destinatario"},
	{"classification", "milano#2026", 1, `"classification":"01.06.02"`, `"classification":""`, "manca la classificazione"},
	{"unknown member", "milano#2026", 1, `"reserved":false`, `"reserved":false,"more":1`, "forma prevista"},
	{"order", "milano#2026", 1, `"direction":"in","kind":"application"`, `"kind":"application","direction":"in"`, "forma prevista"},
	{"annulment's number", "milano#2026", 5, `"number":"0000002"`, `"number":"2"`, "di un altro numero"},
	{"annulment's provision", "milano#2026", 5, `"provision":"Det. 12/2026"`, `"provision":""`, "mancano motivo"},
	{"annulment's day", "milano#2026", 5, `"at":"2026-12-29T23:30`, `"at":"2026-12-29T21:30`, "la data dell'annullamento"},
}

// sealMutations are of days, deferred entries and what is pending.
var sealMutations = []mutation{
	{name: "a seal is changed, without the table: the next one tells", where: "register/milano/seals/2026-12-30.json", what: "giorno prima non corrisponde",
		config: alone, change: func(w *world) { w.replace(sealKey("milano", "2026-12-29"), "T02:00:00.000Z", "T03:00:00.000Z") }},
	{name: "the last seal is changed: the table tells", where: sealKey("milano", "2027-01-03"), what: "quello della tabella non sono uguali",
		change: func(w *world) { w.replace(sealKey("milano", "2027-01-03"), "T02:00:00.000Z", "T03:00:00.000Z") }},
	{name: "a record's hash is changed in a seal: the seal is named, not the record", where: sealKey("milano", "2026-12-29"), what: "quello della tabella non sono uguali",
		change: func(w *world) {
			w.replace(sealKey("milano", "2026-12-29"), w.books["milano#2026"].records[4].hash, digest("x"))
		}},
	{name: "the table's copy of a seal is changed: the row is named, not the seal", where: "tabella registro, DAY#milano#2026#2026-12-29", what: "non è il sigillo archiviato",
		change: func(w *world) { w.inRow("DAY#milano#2026#2026-12-29", "DAY", "T02:00", "T03:00") }},
	{name: "the table's copy of the last seal is changed: the statement tells", where: "tabella registro, DAY#milano#2027#2027-01-03", what: "statement.json conferma",
		change: func(w *world) { w.inRow("DAY#milano#2027#2027-01-03", "DAY", "T02:00", "T03:00") }},
	{name: "the first seal follows a day that was never closed", where: sealKey("milano", "2026-12-28"), what: "quello della tabella non sono uguali",
		change: func(w *world) { w.replace(sealKey("milano", "2026-12-28"), zeros, digest("x")) }},
	{name: "a seal is removed", where: sealKey("milano", "2026-12-30"), what: "manca il sigillo del giorno prima del 2026-12-31",
		change: func(w *world) { delete(w.objects, sealKey("milano", "2026-12-30")) }},
	{name: "the first seal is removed", where: sealKey("milano", "2026-12-28"), what: "manca il sigillo del giorno prima del 2026-12-29",
		change: func(w *world) { delete(w.objects, sealKey("milano", "2026-12-28")) }},
	{name: "the last seal is removed: the table tells", where: sealKey("milano", "2027-01-03"), what: "manca il sigillo di un giorno che la tabella dà per chiuso",
		change: func(w *world) { delete(w.objects, sealKey("milano", "2027-01-03")) }},
	{name: "two seals are swapped", where: sealKey("milano", "2026-12-28"), what: "di un altro giorno",
		change: func(w *world) { w.swap(sealKey("milano", "2026-12-28"), sealKey("milano", "2026-12-29")) }},
	{name: "a day between is left out, and the chain of days mended", where: sealKey("milano", "2027-01-01"), what: "manca il sigillo del giorno prima del 2027-01-02",
		change: func(w *world) { w.without("2027-01-01"); w.rewrite("seals", "tables") }},
	{name: "a seal leaves out a record", where: block5, record: "seq 5", what: "il sigillo del 2026-12-29 non la elenca",
		config: alone, change: func(w *world) {
			key := sealKey("milano", "2026-12-29")
			w.replace(key, string(between(w.objects[key], `"entries":[`, `]`)), "")
		}},
	{name: "a seal lists a record that is not of the day", where: sealKey("milano", "2026-12-29"), record: "seq 4", what: "non è di quel giorno",
		config: alone, change: func(w *world) {
			r := w.books["milano#2026"].records[3]
			w.replace(sealKey("milano", "2026-12-29"), `"entries":[`, `"entries":[{"seq":4,"number":"0000004","hash":"`+r.hash+`"},`)
		}},
	{name: "a record enters a day that was closed", where: "register/milano/2026/blocks/0000000009.jsonl", record: "seq 9", what: "era già chiuso",
		change: func(w *world) {
			w.enter("milano", filed{"milano", "2026-12-31", event("f"), caseC, "message", "2026-12-31T10:00:00.000Z", "Tardi", digest("T"), nil})
			w.rewrite("archive", "tables")
		}},
	{name: "the day of a record was never closed", where: "register/milano/2026/blocks/0000000001.jsonl", record: "seq 1", what: "non è mai stato chiuso",
		change: func(w *world) { w.without("2026-12-28"); w.rewrite("seals", "tables") }},
	{name: "what was pending is entered as if it had not been", where: newYear1, record: "seq 1", what: "con un altro istante di presentazione",
		change: func(w *world) {
			w.days["milano/2026-12-31"].pending[0].presentedAt = "2026-12-31T22:29:00.000Z"
			w.rewrite("seals", "tables")
		}},
	{name: "what was pending had a number already", where: sealKey("milano", "2026-12-31"), record: "evento " + event("7"), what: "aveva già un numero",
		change: func(w *world) {
			d := w.days["milano/2026-12-31"]
			d.pending = append(d.pending, pending{event("7"), caseC, "2026-12-31T22:59:59.999Z"})
			w.rewrite("seals", "tables")
		}},
	{name: "what was pending is lost", where: sealKey("milano", "2026-12-31"), record: "evento " + event("e"), what: "è andata persa",
		change: func(w *world) { delete(w.applications, [2]string{"PEND#milano#2026-12-31", event("e")}) }},
	{name: "a deferred entry that nobody waited for", where: newYear1, record: "seq 1", what: "non la elenca tra ciò che era in attesa",
		change: func(w *world) {
			w.days["milano/2026-12-31"].pending = w.days["milano/2026-12-31"].pending[1:]
			w.rewrite("seals", "tables")
		}},
	{name: "a seal goes back behind the day before", where: sealKey("milano", "2026-12-31"), what: "la testa torna indietro",
		change: func(w *world) {
			w.days["milano/2026-12-30"].head = 8
			w.rewrite("seals", "tables")
		}},
	{name: "a day is closed before it is over", where: sealKey("milano", "2026-12-31"), what: "prima di essere finito",
		change: func(w *world) {
			w.days["milano/2026-12-31"].sealedAt = "2026-12-31T22:00:00.000Z"
			w.rewrite("seals", "tables")
		}},
}

func (w *world) without(day string) {
	delete(w.days, "milano/"+day)
	delete(w.objects, sealKey("milano", day))
	delete(w.register, [2]string{"DAY#milano#" + day[:4] + "#" + day, "DAY"})
}

func between(body []byte, from, to string) []byte {
	_, rest, _ := strings.Cut(string(body), from)
	inside, _, _ := strings.Cut(rest, to)
	return []byte(inside)
}

// row is the key of a row of the register.
func row(pk, sk string) [2]string { return [2]string{pk, sk} }

// tableMutations are of the register's table.
var tableMutations = []mutation{
	{name: "a row is removed", where: "tabella registro, E#milano#2026/0000004", record: "seq 4", what: "non ha la riga",
		change: func(w *world) { delete(w.register, row("E#milano#2026", "0000004")) }},
	{name: "a row is changed", where: "tabella registro, E#milano#2026/0000002#A1", record: "seq 6", what: "non sono uguali",
		change: func(w *world) { w.inRow("E#milano#2026", "0000002#A1", "Det. 12", "Det. 13") }},
	{name: "a row more, at the head", where: "register/milano/2027/blocks/0000000005.jsonl", record: "seq 5", what: "manca il blocco",
		change: func(w *world) {
			w.enter("milano", filed{"milano", "2027-01-04", event("f"), caseC, "message", "2027-01-04T10:00:00.000Z", "Mai archiviata", digest("T"), nil})
			w.rewrite("tables")
		}},
	{name: "a row more, beside", where: "tabella registro, E#milano#2026/0000003#A1", what: "che l'archivio non ha",
		change: func(w *world) { w.register[row("E#milano#2026", "0000003#A1")] = `{"seq":3}` }},
	{name: "the head goes back", where: "tabella registro, H#milano#2027/HEAD", record: "seq 3", what: "rimasta indietro: l'archivio arriva a seq 4",
		change: func(w *world) {
			r := w.books["milano#2027"].records
			w.register[row("H#milano#2027", "HEAD")] = text(members{
				{"number", 3}, {"seq", 3}, {"hash", r[2].hash}, {"sealedThrough", "2027-01-03"}, {"last", r[2].place()},
			}, true)
		}},
	{name: "the head's hash is another", where: "tabella registro, H#milano#2027/HEAD", record: "seq 4", what: "la testa non è quella",
		change: func(w *world) { w.inRow("H#milano#2027", "HEAD", `"hash":"`, `"hash":"0`) }},
	{name: "the head is gone", where: "tabella registro, H#milano#2027/HEAD", what: "non ha la testa",
		change: func(w *world) { delete(w.register, row("H#milano#2027", "HEAD")) }},
	{name: "the head's number is another", where: "tabella registro, H#milano#2027/HEAD", record: "seq 4", what: "la testa non è quella",
		change: func(w *world) { w.inRow("H#milano#2027", "HEAD", `"number":4`, `"number":5`) }},
	{name: "the head knows another sealed day", where: "tabella registro, H#milano#2027/HEAD", what: "l'ultimo giorno chiuso",
		change: func(w *world) { w.inRow("H#milano#2027", "HEAD", "2027-01-03", "2027-01-02") }},
	{name: "the head leads to another record", where: "tabella registro, H#milano#2027/HEAD", record: "seq 4", what: "la testa non porta",
		change: func(w *world) {
			w.inRow("H#milano#2027", "HEAD", `"last":{"book":"milano#2027","number":4`, `"last":{"book":"milano#2027","number":3`)
		}},
	{name: "an event leads nowhere", where: "tabella registro, D#" + event("4"), what: "non porta alla sua registrazione",
		change: func(w *world) { delete(w.register, row("D#"+event("4"), "D")) }},
	{name: "an event leads to another record", where: "tabella registro, D#" + event("4"), what: "non porta alla sua registrazione",
		change: func(w *world) { w.inRow("D#"+event("4"), "D", `"number":4`, `"number":3`) }},
	{name: "a second event leads to a record", where: "tabella registro, D#" + event("f"), what: "porta a una registrazione che non c'è",
		change: func(w *world) { w.register[row("D#"+event("f"), "D")] = `{"book":"milano#2026","number":4}` }},
	{name: "a day lists a number less", where: "tabella registro, DAY#milano#2026#2026-12-28", what: "non elenca le sue registrazioni",
		change: func(w *world) { w.inRow("DAY#milano#2026#2026-12-28", "DAY", `"last":4`, `"last":3`) }},
	{name: "a day is gone", where: "tabella registro, DAY#milano#2027#2027-01-04", what: "manca il giorno",
		change: func(w *world) { delete(w.register, row("DAY#milano#2027#2027-01-04", "DAY")) }},
	{name: "a day lists what it does not have", where: "tabella registro, DAY#milano#2027#2027-01-05", what: "elenca registrazioni che non ha",
		change: func(w *world) {
			w.register[row("DAY#milano#2027#2027-01-05", "DAY")] = `{"ranges":[{"first":1,"last":1}]}`
		}},
	{name: "a sealed day is open in the table", where: "tabella registro, DAY#milano#2026#2026-12-29", what: "dà per aperto",
		change: func(w *world) {
			w.register[row("DAY#milano#2026#2026-12-29", "DAY")] = `{"ranges":[{"first":5,"last":5}]}`
		}},
	{name: "a row that is none of the register's", where: "tabella registro, X#1", what: "non è tra quelle",
		change: func(w *world) { w.register[row("X#1", "X")] = "{}" }},
	{name: "a row that cannot be read", where: "tabella registro, H#milano#2026/HEAD", what: "forma prevista",
		change: func(w *world) { w.register[row("H#milano#2026", "HEAD")] = "{" }},
}

func (w *world) inRow(pk, sk, old, new string) {
	changed := strings.Replace(w.register[row(pk, sk)], old, new, 1)
	if changed == w.register[row(pk, sk)] {
		panic(pk + " has no " + old)
	}
	w.register[row(pk, sk)] = changed
}

// archiveMutations are of packages, mail and what an archive should not have.
var archiveMutations = []mutation{
	{name: "one byte of the package is changed", where: packageA, record: "documenti/0007-cronologia.json", what: "somma di controllo",
		change: func(w *world) { w.replace(packageA, "[]", "[ ") }},
	{name: "a document is changed, and index and zip made anew: the receipt tells", where: receiptA, what: "certifica un'altra impronta",
		change: func(w *world) {
			old := w.objects[receiptA]
			documents := w.documentsA()
			documents[6].body = "[ ]"
			w.pack(documents)
			w.objects[receiptA] = old
		}},
	{name: "a document is changed with index and receipt, not its metadata", where: packageA, record: "metadati/0007.xml", what: "i metadati sono di un altro documento",
		change: func(w *world) {
			w.preserve(func(files map[string]string) { files["documenti/0007-cronologia.json"] = "[ ]" })
		}},
	{name: "a file more in the package", where: packageA, record: "documenti/9999.txt", what: "è nel pacchetto e non nell'indice",
		change: func(w *world) { w.repack(func(files map[string]string) { files["documenti/9999.txt"] = "x" }) }},
	{name: "a file less in the package", where: packageA, record: "documenti/0002-prova.pdf", what: "è nell'indice e non nel pacchetto",
		change: func(w *world) { w.repack(func(files map[string]string) { delete(files, "documenti/0002-prova.pdf") }) }},
	{name: "the package has no index", where: packageA, what: "non ha l'indice", change: func(w *world) {
		w.repack(func(files map[string]string) { delete(files, "PIndex.xml") })
	}},
	{name: "the package is no zip", where: packageA, what: "non è uno zip leggibile", change: func(w *world) { w.objects[packageA] = []byte("PK") }},
	{name: "the case's metadata leave out a document", where: packageA, record: "fascicolo.xml", what: "non elenca tutti i documenti",
		change: func(w *world) {
			last := docID(w.documentsA()[6])
			w.preserve(func(files map[string]string) {
				files["fascicolo.xml"] = strings.Replace(files["fascicolo.xml"], last, "", 1)
			})
		}},
	{name: "the receipt of another package", where: receiptA, what: "è di un altro pacchetto",
		change: func(w *world) { w.objects[receiptA] = rapporto(theTrust().preservation, caseB, w.objects[packageA]) }},
	{name: "a receipt for other bytes", where: receiptA, what: "certifica un'altra impronta",
		change: func(w *world) { w.objects[receiptA] = rapporto(theTrust().preservation, caseA, []byte("x")) }},
	{name: "a receipt signed by a stranger", where: receiptA, what: "non è tra quelli di cui ci si fida",
		change: func(w *world) { w.objects[receiptA] = rapporto(theTrust().stranger, caseA, w.objects[packageA]) }},
	{name: "the content of a receipt is changed", where: receiptA, what: "la firma non è valida",
		change: func(w *world) { w.replace(receiptA, "<IdRapporto>r<", "<IdRapporto>s<") }},
	{name: "the package of a receipt is gone", where: packageA, what: "manca il pacchetto di un rapporto",
		change: func(w *world) { delete(w.objects, packageA) }},
	{name: "the receipt of a preserved case is gone", where: receiptA, what: "manca il rapporto di versamento di una pratica conservata",
		change: func(w *world) { delete(w.objects, receiptA) }},
	{name: "package and receipt of a preserved case are gone", where: packageA, what: "manca il pacchetto di una pratica conservata",
		change: func(w *world) { delete(w.objects, packageA); delete(w.objects, receiptA) }},
	{name: "another package than the table's, with its own receipt", where: packageA, what: "non è il pacchetto che la tabella",
		change: func(w *world) {
			meta := w.applications[row("APP#"+caseA, "META")]
			w.repack(func(files map[string]string) {}, packed{"more", "altro.txt", "x", "Allegato", "E", ""})
			w.applications[row("APP#"+caseA, "META")] = meta
		}},
	{name: "the package is another case's", where: receiptKey(caseB), what: "è di un altro pacchetto",
		change: func(w *world) {
			w.objects["packages/"+caseB+"/package.zip"], w.objects[receiptKey(caseB)] = w.objects[packageA], w.objects[receiptA]
			delete(w.objects, packageA)
			delete(w.objects, receiptA)
		}},
	{name: "the package lacks a registered document", where: block1, record: "seq 1", what: "non è nel pacchetto della pratica",
		change: func(w *world) {
			documents := w.documentsA()
			w.pack(append(documents[:1:1], documents[2:]...))
		}},
	{name: "the package has a number that the register does not have", where: packageA, record: "documenti/0003-ricevuta.pdf", what: "nel registro non c'è",
		change: func(w *world) {
			documents := w.documentsA()
			documents[2].stamp = "cciaa_milano|A1|PROT-MI|0000099|2026-12-28"
			w.pack(documents)
		}},
	{name: "the package has the number of another case", where: packageA, record: "documenti/0003-ricevuta.pdf", what: "la segnatura di un'altra pratica",
		change: func(w *world) {
			documents := w.documentsA()
			documents[2].stamp = "cciaa_milano|A1|PROT-MI|0000002|2026-12-28"
			w.pack(documents)
		}},
	{name: "a received message is changed", where: "mail/in/" + box + "/", what: "non ha l'impronta che è il suo nome",
		change: func(w *world) { w.replace(mailIn(w.deliveredA), "Ricevuta", "Ricevute") }},
	{name: "a received message is renamed", where: "mail/in/" + box + "/" + digest("x"), what: "non ha l'impronta che è il suo nome",
		change: func(w *world) { w.move(mailIn(w.deliveredA), "mail/in/"+box+"/"+digest("x")+".eml") }},
	{name: "a receipt lies in another mailbox", where: "mail/in/protocollo@bergamo.pec.example.it/", what: "non è indirizzata alla casella",
		change: func(w *world) {
			w.move(mailIn(w.deliveredA), "mail/in/protocollo@bergamo.pec.example.it/"+digest(w.deliveredA)+".eml")
		}},
	{name: "a receipt that a package holds is gone", where: packageA, record: "documenti/0005-avvenuta-consegna.eml", what: "non è tra i messaggi ricevuti",
		change: func(w *world) { delete(w.objects, mailIn(w.deliveredA)) }},
	{name: "a registered message is gone", where: block1, record: "riga 3 (seq 3", what: "non è tra quelli ricevuti e archiviati",
		change: func(w *world) { delete(w.objects, w.incoming()) }},
	{name: "a sent message is renamed", where: "mail/out/" + caseB + "/", what: "il Message-ID non è quello",
		change: func(w *world) {
			w.move("mail/out/"+caseC+"/"+event("7")+"-a.eml", "mail/out/"+caseB+"/"+event("7")+"-a.eml")
		}},
	{name: "two sent messages are swapped", where: "mail/out/" + caseA, what: "non è quello del pacchetto",
		change: func(w *world) {
			w.swap("mail/out/"+caseA+"/"+event("1")+"-a.eml", "mail/out/"+caseC+"/"+event("7")+"-a.eml")
		}},
	{name: "a sent message is changed: the package tells", where: "mail/out/" + caseA, what: "non è quello del pacchetto",
		change: func(w *world) { w.replace("mail/out/"+caseA+"/"+event("1")+"-a.eml", "ha un numero", "ha due numeri") }},
	{name: "a sent message is changed: the delivery receipt tells", where: "mail/out/" + caseC, what: "non è quello che la ricevuta di consegna riporta",
		change: func(w *world) { w.replace("mail/out/"+caseC+"/"+event("7")+"-a.eml", "ha un numero", "ha due numeri") }},
	{name: "a sent message's header is changed: the delivery receipt tells", where: "mail/out/" + caseC, what: "non è quello che la ricevuta di consegna riporta",
		change: func(w *world) { w.replace("mail/out/"+caseC+"/"+event("7")+"-a.eml", "To: giulia", "To: giulio") }},
	{name: "a sent message's id is changed: the delivery receipt tells", where: "mail/out/" + caseC, what: "non è quello che la ricevuta di consegna riporta",
		change: func(w *world) {
			w.replace("mail/out/"+caseC+"/"+event("7")+"-a.eml", "@sportello.example.it", "@sportelli.example.it")
		}},
	{name: "a receipt in a package that a stranger signed", where: "mail/in/" + box, what: "non è tra quelli di cui ci si fida",
		config: func(c *audit.Config) { c.Mail = roots(theTrust().stranger) }, change: func(*world) {}},
	{name: "an object was written again", where: block1, what: "è stato riscritto", change: func(w *world) { w.versions[block1] = 2 }},
	{name: "an object was deleted", where: "mail/in/" + box, what: "è stato cancellato", change: func(w *world) {
		w.deleted[w.letterBox(certified(theTrust().mail, "To: "+box+"\r\nX-Ricevuta: accettazione\r\n", "accettazione", "z@z", ""))] = true
	}},
	{name: "an object that is none of the archive's", where: "register/milano/note.txt", what: "non è tra quelli che l'archivio tiene",
		change: func(w *world) { w.objects["register/milano/note.txt"] = []byte("x") }},
	{name: "a block with a number of too few digits", where: "register/milano/2026/blocks/9.jsonl", what: "non è tra quelli che l'archivio tiene",
		change: func(w *world) { w.objects["register/milano/2026/blocks/9.jsonl"] = []byte("x") }},
}

func receiptKey(application string) string { return "packages/" + application + "/receipt.p7m" }

func mailIn(raw string) string { return "mail/in/" + box + "/" + digest(raw) + ".eml" }

func (w *world) move(from, to string) {
	w.objects[to] = w.objects[from]
	delete(w.objects, from)
}

// incoming is the key of the registered message.
func (w *world) incoming() string {
	for _, key := range sorted(w.objects) {
		if strings.Contains(string(w.objects[key]), "X-Trasporto: posta-certificata") {
			return key
		}
	}
	panic("no incoming message")
}

// pack archives the first case's package with other documents, its receipt and its row to match.
func (w *world) pack(documents []packed) { w.seal(zipped(contents(caseA, documents, nil))) }

// repack changes the files of the package after its index was written.
func (w *world) repack(change func(map[string]string), more ...packed) {
	files := contents(caseA, append(w.documentsA(), more...), nil)
	change(files)
	w.seal(zipped(files))
}

func (w *world) seal(pack []byte) {
	w.objects[packageA], w.objects[receiptA] = pack, rapporto(theTrust().preservation, caseA, pack)
	w.applications[row("APP#"+caseA, "META")] = `{"state":"preserved","package":"` + digest(string(pack)) + `"}`
}

// before is what a report on the sound world saw.
var before audit.Memory

func TestMutations(t *testing.T) {
	sound := build()
	before = look(t, sound.config()).Memory
	all := map[string][]mutation{"register": registerMutations, "seals": sealMutations, "tables": tableMutations, "archive": archiveMutations, "statements": statementMutations}
	for _, b := range bodyMutations {
		all["bodies"] = append(all["bodies"], mutation{
			name: b.name, what: b.what, where: "register/" + strings.ReplaceAll(b.book, "#", "/") + "/blocks/",
			change: func(w *world) { w.rebody(b.book, b.n, b.old, b.new); w.rewrite("archive", "seals", "tables") },
		})
	}
	for _, group := range sorted(all) {
		for _, m := range all[group] {
			t.Run(group+"/"+m.name, func(t *testing.T) {
				w := sound.clone()
				m.change(w)
				c := w.config()
				if m.config != nil {
					m.config(&c)
				}
				m.check(t, look(t, c))
			})
		}
	}
}

func (m mutation) check(t *testing.T, r audit.Report) {
	t.Helper()
	switch b := r.Broken; {
	case b == nil || r.OK:
		t.Fatal("not noticed")
	case !strings.HasPrefix(b.Where, m.where) || !strings.Contains(b.Record, m.record) || !strings.Contains(b.What, m.what):
		t.Errorf("found\n  %s\nwant\n  %s: %s: …%s…", b, m.where, m.record, m.what)
	}
}
