package audit_test

import (
	"maps"
	"slices"
	"strings"
	"time"
)

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// Cases, and events by a letter each.
const (
	caseA = "01939f3e-0000-7000-8000-0000000000aa"
	caseB = "01939f3e-0000-7000-8000-0000000000bb"
	caseC = "01939f3e-0000-7000-8000-0000000000cc"
	caseD = "01939f3e-0000-7000-8000-0000000000dd"
	box   = "protocollo@milano.pec.example.it"
)

func event(letter string) string { return "01939f3e-0000-7000-8000-00000000ee0" + letter }

// filed is a numbered entry to be.
type filed struct {
	chamber, page      string
	event, application string
	kind               string
	presentedAt        string
	subject            string
	document           string // digest
	attachments        []string
}

func (f filed) body() string {
	direction, sender, recipient := "in", members{{"name", "Giulia Rinaldi"}, {"taxCode", "RNLGLI79D52F205F"}}, members{{"name", "Camera"}, {"address", "protocollo@" + f.chamber + ".pec.example.it"}}
	if f.kind == "decision" {
		direction, sender, recipient = "out", recipient, sender
	}
	m := members{{"direction", direction}, {"kind", f.kind}, {"event", f.event}}
	if f.application != "" {
		m = append(m, pair{"application", f.application})
	}
	day := must(time.Parse(time.RFC3339, f.presentedAt)).In(must(time.LoadLocation("Europe/Rome"))).Format(time.DateOnly)
	attachments := []any{}
	for _, a := range f.attachments {
		attachments = append(attachments, members{{"sha256", a}, {"mediaType", "application/pdf"}})
	}
	return text(append(m, pair{"chamber", f.chamber}, pair{"book", registerOf(f.chamber, f.page[:4])}, pair{"presentedAt", f.presentedAt},
		pair{"presentationDate", day}, pair{"registrationDate", f.page}, pair{"deferred", f.page != day}, pair{"senders", []any{sender}},
		pair{"recipients", []any{recipient}}, pair{"subject", f.subject}, pair{"document", members{{"sha256", f.document}, {"mediaType", "application/json"}}},
		pair{"attachments", attachments}, pair{"classification", "01.06.02"}, pair{"reserved", false}), false)
}

// enter appends a block of entries to a book.
func (w *world) enter(chamber string, block ...filed) {
	name := chamber + "#" + block[0].page[:4]
	b := w.books[name]
	if b == nil {
		b = &written{name: name}
		w.books[name] = b
	}
	first := len(b.records) + 1
	number := 0
	for _, r := range b.records {
		number = max(number, r.number)
	}
	for _, f := range block {
		number++
		b.records = append(b.records, record{
			book: name, seq: len(b.records) + 1, number: number, event: f.event, page: f.page, body: f.body(), first: first, count: len(block),
		})
	}
}

// annul appends an annulment, a block of its own.
func (w *world) annul(chamber, event, at, page string, number, annex int) {
	b := w.books[chamber+"#2026"]
	n := len(b.records) + 1
	body := text(members{
		{"kind", "annulment"}, {"event", event}, {"book", registerOf(chamber, "2026")}, {"number", "000000" + string(rune('0'+number))},
		{"reason", "Registrata due volte"}, {"provision", "Det. 12/2026"}, {"operator", "CLMNNA74P48F205H"}, {"at", at}, {"date", page},
	}, false)
	b.records = append(b.records, record{book: b.name, seq: n, number: number, annex: annex, event: event, page: page, body: body, first: n, count: 1})
}

// Contents of the documents of the first case.
var (
	snapshotA   = `{"format":"istanza","case":"A"}`
	attachmentA = "%PDF-1.7 allegato"
	decisionA   = "%PDF-1.7 esito"
	mailA       = message(caseA, event("1")+"-a")
	mailC       = message(caseC, event("7")+"-a")
)

// build makes a world in which everything holds: a New Year, a deferred entry, something that still waits, an annulment, certified mail, one case
// preserved.
func build() *world {
	w := &world{
		objects: map[string][]byte{}, versions: map[string]int{}, deleted: map[string]bool{}, register: map[[2]string]string{},
		applications: map[[2]string]string{}, books: map[string]*written{}, days: map[string]*sealedDay{},
	}
	incoming := certified(theTrust().mail, "From: \"Per conto di: ditta@pec.example.it\" <posta-certificata@pec.example.it>\r\nTo: "+box+
		"\r\nX-Trasporto: posta-certificata\r\n", "posta-certificata", "abc@ditta.example.it", message(caseD, "x"))
	w.letterBox(incoming)

	w.enter("milano",
		filed{"milano", "2026-12-28", event("1"), caseA, "application", "2026-12-28T08:00:00.123Z", "Reclamo: «ritardo» & <disservizio>", digest(snapshotA), []string{digest(attachmentA)}},
		filed{"milano", "2026-12-28", event("2"), caseB, "application", "2026-12-28T08:00:01.000Z", "Reclamo \"doppio\" \\ già noto", digest("B"), nil},
		filed{"milano", "2026-12-28", event("3"), "", "incoming-mail", "2026-12-28T10:00:00.000Z", "Richiesta", digest(incoming), nil})
	w.enter("milano", filed{"milano", "2026-12-28", event("4"), caseB, "withdrawal", "2026-12-28T11:00:00.000Z", "Rinuncia", digest("W"), nil})
	w.enter("milano", filed{"milano", "2026-12-29", event("5"), caseA, "decision", "2026-12-29T09:00:00.000Z", "Esito: fondato", digest(decisionA), nil})
	w.annul("milano", event("6"), "2026-12-29T23:30:00.000Z", "2026-12-30", 2, 1)
	w.enter("milano", filed{"milano", "2026-12-31", event("7"), caseC, "application", "2026-12-31T22:59:59.999Z", "Reclamo", digest("C"), nil})
	w.enter("milano",
		filed{"milano", "2027-01-02", event("8"), caseD, "application", "2026-12-31T22:30:00.000Z", "Reclamo differito", digest("D"), nil},
		filed{"milano", "2027-01-02", event("9"), caseC, "message", "2027-01-02T09:00:00.000Z", "Dichiarazione", digest("M"), nil})
	w.annul("milano", event("a"), "2027-01-03T09:00:00.000Z", "2027-01-03", 2, 2) // of a number of the old year, in its book
	w.enter("milano", filed{"milano", "2027-01-04", event("b"), caseC, "integration", "2027-01-04T08:00:00.000Z", "Integrazione", digest("I"), nil})
	w.enter("milano", filed{"milano", "2027-01-04", event("c"), caseC, "message", "2027-01-04T08:30:00.000Z", "Dichiarazione", digest("N"), nil})
	w.enter("bergamo", filed{"bergamo", "2026-12-30", event("d"), "01939f3e-0000-7000-8000-0000000000ff", "application", "2026-12-30T08:00:00.000Z", "Reclamo", digest("F"), nil})

	for n, d := range []sealedDay{
		{day: "2026-12-28", head: 4}, {day: "2026-12-29", head: 5}, {day: "2026-12-30", head: 6},
		{day: "2026-12-31", head: 7, pending: []pending{{event("8"), caseD, "2026-12-31T22:30:00.000Z"}, {event("e"), caseB, "2026-12-31T22:45:00.000Z"}}},
		{day: "2027-01-01", head: 0}, {day: "2027-01-02", head: 2}, {day: "2027-01-03", head: 2},
	} {
		d.chamber, d.sealedAt = "milano", []string{"2026-12-29", "2026-12-30", "2026-12-31", "2027-01-02", "2027-01-02", "2027-01-04", "2027-01-04"}[n]+"T02:00:00.000Z"
		w.days["milano/"+d.day] = &d
	}
	w.applications[[2]string{"PEND#milano#2026-12-31", event("e")}] = `{"event":"` + event("e") + `"}`
	w.applications[[2]string{"APP#" + caseB, "META"}] = `{"state":"withdrawn"}`
	w.rewrite("archive", "seals", "tables")
	w.mails()
	w.preserve(nil)
	w.declare()
	return w
}

// letterBox archives a received message and returns its key.
func (w *world) letterBox(raw string) string {
	key := "mail/in/" + box + "/" + digest(raw) + ".eml"
	w.objects[key] = []byte(raw)
	return key
}

// mails archives what was sent and what came back.
func (w *world) mails() {
	headers := func(kind, reference string) string {
		return "From: posta-certificata@pec.example.it\r\nTo: " + box + "\r\nX-Ricevuta: " + kind + "\r\nX-Riferimento-Message-ID: <" + reference + ">\r\n"
	}
	for _, sent := range []struct{ application, mail, raw string }{{caseA, event("1") + "-a", mailA}, {caseC, event("7") + "-a", mailC}} {
		w.objects["mail/out/"+sent.application+"/"+sent.mail+".eml"] = []byte(sent.raw)
		id := sent.application + "." + sent.mail + "@sportello.example.it"
		w.letterBox(certified(theTrust().mail, headers("accettazione", id), "accettazione", id, ""))
		receipt := certified(theTrust().mail, headers("avvenuta-consegna", id), "avvenuta-consegna", id, sent.raw)
		w.letterBox(receipt)
		if sent.application == caseA {
			w.deliveredA = receipt
		}
	}
}

// documentsA are the documents of the first case.
func (w *world) documentsA() []packed {
	stamp := func(number, date string) string { return "cciaa_milano|A1|PROT-MI|" + number + "|" + date }
	return []packed{
		{event("1"), "istanza.json", snapshotA, "Istanza", "E", stamp("0000001", "2026-12-28")},
		{"att-1", "prova.pdf", attachmentA, "Allegato", "E", stamp("0000001", "2026-12-28")},
		{"ric-1", "ricevuta.pdf", "%PDF-1.7 ricevuta", "Ricevuta di presentazione", "I", ""},
		{event("1") + "-a", "acknowledgement.eml", mailA, kindMail, "U", stamp("0000001", "2026-12-28")},
		{event("1") + "-a-1", "avvenuta-consegna.eml", w.deliveredA, kindReceipt, "E", ""},
		{event("5"), "esito.pdf", decisionA, "Provvedimento o comunicazione di esito", "U", stamp("0000005", "2026-12-29")},
		{"story", "cronologia.json", "[]", "Cronologia della pratica", "I", ""},
	}
}

// preserve archives the first case's package and its receipt.
func (w *world) preserve(changed func(map[string]string)) {
	pack := zipped(contents(caseA, w.documentsA(), changed))
	w.objects["packages/"+caseA+"/package.zip"] = pack
	w.objects["packages/"+caseA+"/receipt.p7m"] = rapporto(theTrust().preservation, caseA, pack)
	w.applications[[2]string{"APP#" + caseA, "META"}] = `{"state":"preserved","package":"` + digest(string(pack)) + `"}`
}

// swap exchanges two objects.
func (w *world) swap(a, b string) { w.objects[a], w.objects[b] = w.objects[b], w.objects[a] }

// replace changes a text in an object.
func (w *world) replace(key, old, new string) {
	changed := strings.Replace(string(w.objects[key]), old, new, 1)
	if changed == string(w.objects[key]) {
		panic(key + " has no " + old)
	}
	w.objects[key] = []byte(changed)
}
