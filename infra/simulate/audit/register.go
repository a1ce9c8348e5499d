package audit

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"sportello/infra/simulate/store"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/register"
	"sportello/shared/platform/table"
)

// record is an entry of the register as infra/docs/register-format.md describes it.
type record struct {
	Book   string `json:"book"`
	Seq    uint64 `json:"seq"`
	Number uint64 `json:"number"`
	Annex  int    `json:"annex"`
	Event  string `json:"event"`
	Page   string `json:"page"`
	Body   string `json:"body"`
	Prev   string `json:"prev"`
	Hash   string `json:"hash"`
	First  uint64 `json:"first"`
	Count  int    `json:"count"`
}

// hash computes the chain's link anew.
func (r record) hash() string {
	body := sha256.Sum256([]byte(r.Body))
	text := fmt.Sprintf("sportello register entry v1\n%s\n%d\n%d\n%d\n%s\n%s\n%s\n%s\n",
		r.Book, r.Seq, r.Number, r.Annex, r.Event, r.Page, r.Prev, hex.EncodeToString(body[:]))
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// place is where an event was numbered.
type place struct {
	book   string
	number uint64
	annex  int
	page   string
	seq    uint64
}

// book is the shadow of a register of one year.
type book struct {
	chamber       string
	year          int
	records       []record
	number        uint64
	annexes       map[uint64]int
	sealedThrough string
}

func (b *book) clone() *book {
	c := *b
	c.records, c.annexes = slices.Clone(b.records), maps.Clone(b.annexes)
	return &c
}

func (b *book) last() (seq uint64, hash string) {
	if n := len(b.records); n > 0 {
		return b.records[n-1].Seq, b.records[n-1].Hash
	}
	return 0, strings.Repeat("0", 64)
}

func (a *Auditor) book(name string) *book {
	b, ok := a.books[name]
	if !ok {
		chamber, text, _ := strings.Cut(name, "#")
		year, _ := strconv.Atoi(text)
		b = &book{chamber: chamber, year: year, annexes: map[uint64]int{}}
		a.books[name] = b
	}
	return b
}

// head and page are rows of the register, as far as the checks need them.
type head struct {
	Number        uint64 `json:"number"`
	Seq           uint64 `json:"seq"`
	Hash          string `json:"hash"`
	SealedThrough string `json:"sealedThrough"`
}

type page struct {
	Sealed bool   `json:"sealed"`
	Seal   string `json:"seal"`
}

// register looks at a commit on the register's table: entries first, in the order of seq, then what must follow from them.
func (a *Auditor) register(changes []store.Applied) {
	var entered []record
	for _, c := range changes {
		key := c.Key()
		if !strings.HasPrefix(key.PK, "E#") {
			continue
		}
		if c.Before.Exists() {
			a.Report(Register, "entry %s of %s was changed or removed", key.SK, key.PK)
			continue
		}
		entered = append(entered, parse[record](c.After))
	}
	slices.SortFunc(entered, func(x, y record) int { return cmp.Compare(x.Seq, y.Seq) })
	for _, r := range entered {
		a.enter(r)
	}
	for _, c := range changes {
		key := c.Key()
		kind, name, _ := strings.Cut(key.PK, "#")
		switch kind {
		case "H":
			a.head(name, parse[head](c.After))
		case "D":
			if c.Before.Exists() {
				a.Report(Register, "the place of event %s was changed", name)
			}
		case "DAY":
			a.page(name, parse[page](c.Before), parse[page](c.After))
		}
	}
}

// enter holds one new record to everything that is known.
func (a *Auditor) enter(r record) {
	b := a.book(r.Book)
	seq, hash := b.last()
	switch {
	case r.Seq != seq+1:
		a.Report(Register, "%s: seq %d after %d", r.Book, r.Seq, seq)
	case r.Prev != hash:
		a.Report(Register, "%s: seq %d does not follow the hash of seq %d", r.Book, r.Seq, seq)
	case r.Hash != r.hash():
		a.Report(Register, "%s: the hash of seq %d is not its own", r.Book, r.Seq)
	case r.Annex == 0 && r.Number != b.number+1:
		a.Report(Register, "%s: number %d after %d", r.Book, r.Number, b.number)
	case r.Annex > 0 && (r.Number > b.number || r.Annex != b.annexes[r.Number]+1):
		a.Report(Register, "%s: annex %d of number %d is out of order", r.Book, r.Annex, r.Number)
	case r.Page <= b.sealedThrough || a.seals[b.chamber+" "+r.Page] != "":
		a.Report(Register, "%s: seq %d was entered on %s, which was sealed", r.Book, r.Seq, r.Page)
	}
	if at, twice := a.events[r.Event]; twice {
		a.Report(Register, "event %s has two places: %s %d and %s %d", r.Event, at.book, at.number, r.Book, r.Number)
	}
	a.lost.back(a, r)
	if r.Annex == 0 {
		b.number = r.Number
		a.words(b, r)
	} else {
		b.annexes[r.Number] = r.Annex
	}
	b.records = append(b.records, r)
	a.events[r.Event] = place{r.Book, r.Number, r.Annex, r.Page, r.Seq}
}

// words holds what an entry says to what was filed.
func (a *Auditor) words(b *book, r record) {
	e, err := register.ParseEntry([]byte(r.Body))
	if err != nil {
		a.Report(Register, "%s: number %d cannot be read: %v", r.Book, r.Number, err)
		return
	}
	f, filed := a.filings[r.Event]
	today := register.Date(a.Now())
	switch {
	case !filed:
		a.Report(Register, "%s: number %d was given to an event that nobody filed", r.Book, r.Number)
	case e.Event != r.Event || e.Chamber != b.chamber || f.chamber != b.chamber:
		a.Report(Register, "%s: number %d is of another chamber or event", r.Book, r.Number)
	case e.RegistrationDate != r.Page || register.Year(r.Page) != b.year || e.Book.Year != b.year:
		a.Report(Register, "%s: number %d stands on %s, registered %s", r.Book, r.Number, r.Page, e.RegistrationDate)
	case e.PresentedAt != f.presentedAt || e.PresentationDate != f.date:
		a.Report(Register, "%s: number %d was presented at %s, filed at %s", r.Book, r.Number, e.PresentedAt, f.presentedAt)
	case e.Deferred != (r.Page != f.date) || r.Page > today:
		a.Report(Register, "%s: number %d of %s on %s, deferred %v", r.Book, r.Number, f.date, r.Page, e.Deferred)
	case e.Deferred && !a.lost.expects(r) && a.seals[b.chamber+" "+f.date] == "":
		a.Report(Register, "%s: number %d is deferred although %s was open", r.Book, r.Number, f.date)
	}
}

// head holds the head to the last record.
func (a *Auditor) head(name string, h head) {
	b := a.book(name)
	seq, hash := b.last()
	if h.Seq != seq || h.Hash != hash || h.Number != b.number {
		a.Report(Register, "%s: the head says number %d seq %d, the last record is number %d seq %d", name, h.Number, h.Seq, b.number, seq)
	}
	if h.SealedThrough < b.sealedThrough {
		a.Report(Register, "%s: sealed through %s was taken back to %q", name, b.sealedThrough, h.SealedThrough)
	}
	b.sealedThrough = h.SealedThrough
}

// page looks at a day: once sealed it never changes, and its seal is the truth.
func (a *Auditor) page(name string, before, after page) {
	at := strings.LastIndexByte(name, '#')
	book, day := name[:at], name[at+1:]
	switch {
	case before.Sealed && after != before:
		a.Report(Register, "%s: sealed day %s was changed", book, day)
	case !before.Sealed && after.Sealed:
		a.sealed(a.book(book), day, after.Seal)
	}
}

// sealed holds a new seal to what was entered and what was pending at this moment.
func (a *Auditor) sealed(b *book, day, words string) {
	key := b.chamber + " " + day
	again := a.lost.seal(a, key, words)
	a.seals[key] = words
	if again {
		return // it came back as it was, and was looked at then
	}
	s, err := register.ParseSeal([]byte(words))
	if err != nil {
		a.Report(Register, "the seal of %s cannot be read: %v", key, err)
		return
	}
	var want []register.Sealed
	for _, r := range b.records {
		if r.Page == day {
			want = append(want, register.Sealed{Seq: r.Seq, Number: register.Number(r.Number), Annex: r.Annex, Hash: r.Hash})
		}
	}
	if !slices.Equal(want, s.Entries) && len(want)+len(s.Entries) > 0 {
		a.Report(Register, "the seal of %s lists %d entries, there are %d", key, len(s.Entries), len(want))
	}
	sameRecords := func(x, y register.Earlier) bool { return x.Year == y.Year && slices.Equal(x.Entries, y.Entries) }
	if want := a.earlier(b, day); !slices.EqualFunc(want, s.Earlier, sameRecords) {
		a.Report(Register, "the seal of %s lists %v of earlier years, there are %v", key, s.Earlier, want)
	}
	if before, ok := a.seals[b.chamber+" "+yesterday(day)]; ok && s.Previous != register.Digest([]byte(before)) ||
		!ok && s.Previous != register.NoSeal {
		a.Report(Register, "the seal of %s does not follow that of the day before", key)
	} else if !ok && a.anySeal(b.chamber) {
		a.Report(Register, "%s was sealed before %s", day, yesterday(day))
	}
	if seq, hash := b.last(); s.Head.Seq != seq || s.Head.Hash != hash && seq > 0 {
		a.Report(Register, "the seal of %s names seq %d as head, it is %d", key, s.Head.Seq, seq)
	}
	a.pendingOn(key, s, day)
}

// anySeal tells whether any day of a chamber but the one at hand was sealed.
func (a *Auditor) anySeal(chamber string) bool {
	n := 0
	for key := range a.seals {
		if strings.HasPrefix(key, chamber+" ") {
			n++
		}
	}
	return n > 1
}

// pendingOn compares the seal's list of what waits with what was filed that day and has no number.
func (a *Auditor) pendingOn(key string, s register.Seal, day string) {
	var want, got []string
	for _, event := range a.byDay[key] {
		_, filed := a.filings[event]
		if _, numbered := a.events[event]; !numbered && (filed || a.unpaid[event]) { // what was never paid for is forgotten
			want = append(want, event)
		}
	}
	for _, p := range s.Pending {
		got = append(got, p.Event)
		if _, filed := a.filings[p.Event]; (p.Awaiting == register.AwaitingPayment) == filed {
			a.Report(Register, "the seal of %s says that %s waits for %s", key, p.Event, p.Awaiting)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		a.Report(Register, "the seal of %s lists %d pending, there are %d", key, len(got), len(want))
	}
}

// Last is the last number of a chamber's register of a year.
func (a *Auditor) Last(chamber string, year int) uint64 {
	if b, ok := a.books[layout.Book(chamber, year)]; ok {
		return b.number
	}
	return 0
}

// archived compares a book with its archived blocks. whole says that nothing may be missing at the end.
func (a *Auditor) archived(name string, whole bool) {
	b := a.books[name]
	at := 0
	for _, key := range a.Archive.Keys(layout.BlockPrefix(name)) {
		data, err := a.Archive.Get(context.Background(), key)
		if err != nil {
			a.Report(Register, "%s: block %s: %v", name, key, err)
			return
		}
		for line := range strings.Lines(string(data)) {
			var r record
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				a.Report(Register, "%s: block %s cannot be read", name, key)
				return
			}
			for at < len(b.records) && b.records[at].Seq < r.Seq && !whole {
				at++ // a block that is not archived yet
			}
			if at == len(b.records) && a.lost.expects(r) {
				return // restored, and nobody has taken the archive in yet
			}
			if at >= len(b.records) || b.records[at] != r {
				a.Report(Register, "%s: archived seq %d is not the table's", name, r.Seq)
				return
			}
			at++
		}
	}
	if whole && at != len(b.records) {
		a.Report(Register, "%s: %d of %d records are archived", name, at, len(b.records))
	}
}

// table compares the shadow of a book with the table's rows: nothing was changed behind our back.
func (a *Auditor) table(name string) {
	b := a.books[name]
	for _, r := range b.records {
		key := layout.LedgerEntry(name, r.Number)
		if r.Annex > 0 {
			key = layout.LedgerAnnex(name, r.Number, r.Annex)
		}
		item := a.Register.Peek(key)
		if !item.Exists() || parse[record](item) != r {
			a.Report(Register, "%s: the row of seq %d is not what was entered", name, r.Seq)
			return
		}
	}
	item := a.Register.Peek(layout.LedgerHead(name))
	a.head(name, parse[head](item))
}

// rows is what a table holds, for the checks at the end.
func rows(t *store.Table, prefix string) []table.Item {
	var items []table.Item
	t.Items(func(item table.Item) {
		if strings.HasPrefix(item.PK, prefix) {
			items = append(items, item)
		}
	})
	return items
}
