package audit_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sportello/infra/verify/audit"
	"sportello/infra/verify/signature"
	"sportello/infra/verify/source"
)

// world is an archive with its tables, made by a writer of its own: text by text, from infra/docs/register-format.md.
type world struct {
	awaits       map[string]string // what pending events wait for, if not for registration
	objects      map[string][]byte
	versions     map[string]int
	deleted      map[string]bool
	register     map[[2]string]string
	applications map[[2]string]string

	books map[string]*written
	days  map[string]*sealedDay // by chamber/day

	deliveredA string // the delivery receipt of mailA
}

// written is a book while it is written.
type written struct {
	name    string
	records []record
}

type record struct {
	book         string
	seq, number  int
	annex        int
	event, page  string
	body         string
	prev, hash   string
	first, count int
}

type sealedDay struct {
	chamber, day, sealedAt string
	head                   int // seq
	pending                []pending
}

type pending struct{ event, application, presentedAt string }

// ---- the writer ----

// pair is a member of a JSON object; members keeps their order.
type pair struct {
	name  string
	value any
}
type members []pair

// text writes JSON. html escapes as rows of the table do.
func text(v any, html bool) string {
	switch v := v.(type) {
	case members:
		var parts []string
		for _, p := range v {
			parts = append(parts, text(p.name, html)+":"+text(p.value, html))
		}
		return "{" + strings.Join(parts, ",") + "}"
	case []any:
		var parts []string
		for _, one := range v {
			parts = append(parts, text(one, html))
		}
		return "[" + strings.Join(parts, ",") + "]"
	case string:
		return quote(v, html)
	case int:
		return strconv.Itoa(v)
	case bool:
		return strconv.FormatBool(v)
	}
	panic(fmt.Sprintf("writing %T", v))
}

func quote(s string, html bool) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case r == '\n':
			b.WriteString(`\n`)
		case r < ' ', r == 0x2028, r == 0x2029, html && strings.ContainsRune("<>&", r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func (r record) members() members {
	m := members{{"book", r.book}, {"seq", r.seq}, {"number", r.number}}
	if r.annex > 0 {
		m = append(m, pair{"annex", r.annex})
	}
	return append(m, pair{"event", r.event}, pair{"page", r.page}, pair{"body", r.body}, pair{"prev", r.prev}, pair{"hash", r.hash},
		pair{"first", r.first}, pair{"count", r.count})
}

func (r record) chain() string {
	return digest(fmt.Sprintf("sportello register entry v1\n%s\n%d\n%d\n%d\n%s\n%s\n%s\n%s\n",
		r.book, r.seq, r.number, r.annex, r.event, r.page, r.prev, digest(r.body)))
}

func (r record) row() string {
	if r.annex > 0 {
		return fmt.Sprintf("%07d#A%d", r.number, r.annex)
	}
	return fmt.Sprintf("%07d", r.number)
}

func (r record) place() members {
	m := members{{"book", r.book}, {"number", r.number}}
	if r.annex > 0 {
		m = append(m, pair{"annex", r.annex})
	}
	return m
}

var zeros = strings.Repeat("0", 64)

// link computes the chain of a book anew, from its records' bodies.
func (b *written) link() {
	prev := zeros
	for n := range b.records {
		b.records[n].prev = prev
		b.records[n].hash = b.records[n].chain()
		prev = b.records[n].hash
	}
}

func (w *world) blockKey(b *written, first int) string {
	return "register/" + strings.ReplaceAll(b.name, "#", "/") + fmt.Sprintf("/blocks/%010d.jsonl", first)
}

// archive writes the blocks of a book.
func (w *world) archive(b *written) {
	blocks := map[int]string{}
	for _, r := range b.records {
		blocks[r.first] += text(r.members(), false) + "\n"
	}
	for first, lines := range blocks {
		w.objects[w.blockKey(b, first)] = []byte(lines)
	}
}

// tables writes the rows of a book.
func (w *world) tables(b *written) {
	head := members{{"number", 0}, {"seq", 0}, {"hash", zeros}}
	days := map[string][]record{}
	number := 0
	for _, r := range b.records {
		w.register[[2]string{"E#" + b.name, r.row()}] = text(r.members(), true)
		w.register[[2]string{"D#" + r.event, "D"}] = text(r.place(), true)
		days[r.page] = append(days[r.page], r)
		if r.annex == 0 {
			number = r.number
		}
		head = members{{"number", number}, {"seq", r.seq}, {"hash", r.hash}}
	}
	chamber, year, _ := strings.Cut(b.name, "#")
	for _, d := range w.days {
		if d.chamber == chamber && strings.HasPrefix(d.day, year) && days[d.day] == nil {
			days[d.day] = []record{}
		}
	}
	last := ""
	for day, records := range days {
		page := members{}
		var ranges, annexes []any
		for _, r := range records {
			if r.annex > 0 {
				annexes = append(annexes, r.place())
			} else if n := len(ranges); n > 0 && ranges[n-1].(members)[1].value.(int)+1 == r.number {
				ranges[n-1].(members)[1].value = r.number
			} else {
				ranges = append(ranges, members{{"first", r.number}, {"last", r.number}})
			}
		}
		if ranges != nil {
			page = append(page, pair{"ranges", ranges})
		}
		if annexes != nil {
			page = append(page, pair{"annexes", annexes})
		}
		if w.days[chamber+"/"+day] != nil && strings.HasPrefix(day, year) {
			page = append(page, pair{"sealed", true}, pair{"seal", string(w.objects[sealKey(chamber, day)])})
			last = max(last, day)
		}
		w.register[[2]string{"DAY#" + b.name + "#" + day, "DAY"}] = text(page, true)
	}
	if last != "" {
		head = append(head, pair{"sealedThrough", last})
	}
	if first := b.firstDay(); first != "" {
		head = append(head, pair{"from", first})
	}
	if len(b.records) > 0 {
		head = append(head, pair{"last", b.records[len(b.records)-1].place()})
	}
	w.register[[2]string{"H#" + b.name, "HEAD"}] = text(head, true)
}

// firstDay is the first day that anything was entered on.
func (b *written) firstDay() string {
	first := ""
	for _, r := range b.records {
		if first == "" || r.page < first {
			first = r.page
		}
	}
	return first
}

func sealKey(chamber, day string) string { return "register/" + chamber + "/seals/" + day + ".json" }

func registerOf(chamber, year string) members {
	n, _ := strconv.Atoi(year)
	return members{{"administration", "cciaa_" + chamber}, {"aoo", "A1"}, {"code", "PROT-" + strings.ToUpper(chamber[:2])}, {"year", n}}
}

// seals writes all sealed days, each chained to the day before.
func (w *world) seals() {
	previous := map[string]string{}
	for _, at := range slices.Sorted(maps.Keys(w.days)) {
		d := w.days[at]
		year := d.day[:4]
		entries, waiting := []any{}, []any{}
		head := members{{"seq", 0}, {"hash", zeros}}
		if b := w.books[d.chamber+"#"+year]; b != nil {
			for _, r := range b.records {
				if r.page == d.day {
					e := members{{"seq", r.seq}, {"number", fmt.Sprintf("%07d", r.number)}}
					if r.annex > 0 {
						e = append(e, pair{"annex", r.annex})
					}
					entries = append(entries, append(e, pair{"hash", r.hash}))
				}
			}
			if d.head > 0 {
				head = members{{"seq", d.head}, {"hash", b.records[d.head-1].hash}}
			}
		}
		for _, p := range d.pending {
			waiting = append(waiting, members{{"event", p.event}, {"application", p.application}, {"presentedAt", p.presentedAt}, {"awaiting", cmp.Or(w.awaits[p.event], "registration")}})
		}
		if previous[d.chamber] == "" {
			previous[d.chamber] = zeros
		}
		words := text(members{
			{"format", "sportello register day v1"}, {"chamber", d.chamber}, {"book", registerOf(d.chamber, year)}, {"day", d.day},
			{"sealedAt", d.sealedAt}, {"entries", entries}, {"earlier", w.earlier(d)}, {"pending", waiting}, {"head", head}, {"previous", previous[d.chamber]},
		}.without("earlier"), false)
		w.objects[sealKey(d.chamber, d.day)] = []byte(words)
		previous[d.chamber] = digest(words)
	}
}

// earlier lists what stands on a day in the books of earlier years.
func (w *world) earlier(d *sealedDay) []any {
	list := []any{}
	for _, name := range slices.Sorted(maps.Keys(w.books)) {
		chamber, year, _ := strings.Cut(name, "#")
		if chamber != d.chamber || year >= d.day[:4] {
			continue
		}
		entries := []any{}
		for _, r := range w.books[name].records {
			if r.page == d.day {
				entries = append(entries, members{{"seq", r.seq}, {"number", fmt.Sprintf("%07d", r.number)}, {"annex", r.annex}, {"hash", r.hash}})
			}
		}
		if n, _ := strconv.Atoi(year); len(entries) > 0 {
			list = append(list, members{{"year", n}, {"entries", entries}})
		}
	}
	return list
}

// without leaves out an empty list.
func (m members) without(name string) members {
	return slices.DeleteFunc(m, func(p pair) bool {
		list, is := p.value.([]any)
		return is && p.name == name && len(list) == 0
	})
}

// rewrite writes books, seals and rows anew from what the world now says: what who holds every key could do.
func (w *world) rewrite(what ...string) {
	for _, b := range w.books {
		b.link()
		if slices.Contains(what, "archive") {
			w.archive(b)
		}
	}
	if slices.Contains(what, "seals") {
		w.seals()
	}
	if slices.Contains(what, "days") {
		w.declare()
	}
	if slices.Contains(what, "tables") {
		for _, b := range w.books {
			w.tables(b)
		}
	}
}

// ---- as a source ----

func (w *world) List(context.Context) ([]source.Object, error) {
	var list []source.Object
	for _, key := range slices.Sorted(maps.Keys(w.objects)) {
		list = append(list, source.Object{Key: key, Size: int64(len(w.objects[key])), Versions: max(1, w.versions[key]), Deleted: w.deleted[key]})
	}
	return list, nil
}

func (w *world) Get(_ context.Context, key string) ([]byte, error) {
	body, ok := w.objects[key]
	if !ok || w.deleted[key] {
		return nil, source.ErrNotFound
	}
	return body, nil
}

// table is a table in memory.
type table map[[2]string]string

func (t table) Get(_ context.Context, pk, sk string) (source.Row, error) {
	body, ok := t[[2]string{pk, sk}]
	if !ok {
		return source.Row{}, source.ErrNotFound
	}
	return source.Row{PK: pk, SK: sk, Body: body}, nil
}

func (t table) Scan(_ context.Context, visit func(source.Row) error) error {
	for key, body := range t {
		if err := visit(source.Row{PK: key[0], SK: key[1], Body: body}); err != nil {
			return err
		}
	}
	return nil
}

// config looks at everything.
func (w *world) config() audit.Config {
	return audit.Config{
		Objects: w, Register: table(w.register), Applications: table(w.applications),
		Preservation: roots(theTrust().preservation), Mail: roots(theTrust().mail), Seals: roots(theTrust().seals), Stamps: roots(theTrust().stamps),
	}
}

func roots(i identity) *signature.Roots {
	r, err := signature.ParseRoots(i.authority)
	if err != nil {
		panic(err)
	}
	return r
}

// look runs the audit.
func look(t testing.TB, c audit.Config) audit.Report {
	t.Helper()
	report, err := audit.Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// clone copies the world, so that each test breaks its own.
func (w *world) clone() *world {
	c := &world{
		objects: map[string][]byte{}, versions: maps.Clone(w.versions), deleted: maps.Clone(w.deleted), register: maps.Clone(w.register),
		applications: maps.Clone(w.applications), books: map[string]*written{}, days: map[string]*sealedDay{}, deliveredA: w.deliveredA,
	}
	for key, body := range w.objects {
		c.objects[key] = slices.Clone(body)
	}
	for name, b := range w.books {
		c.books[name] = &written{name: b.name, records: slices.Clone(b.records)}
	}
	for at, d := range w.days {
		copied := *d
		copied.pending = slices.Clone(d.pending)
		c.days[at] = &copied
	}
	return c
}

func runAudit(t testing.TB, c audit.Config) (audit.Report, error) { return audit.Run(t.Context(), c) }
