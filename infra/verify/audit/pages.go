package audit

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sportello/infra/verify/book"
	"sportello/infra/verify/finding"
	"sportello/infra/verify/source"
)

// pages holds the days of the table to the records and to the seals.
func (a *audit) pages() error {
	if a.rows == nil {
		return nil
	}
	for _, name := range a.books() {
		s := a.shelves[name]
		for _, on := range sortedKeys(s.pages) {
			if err := a.page(s, on); err != nil {
				return err
			}
		}
	}
	for _, at := range sortedKeys(a.rows.pages) {
		page := a.rows.pages[at]
		cut := strings.LastIndexByte(at, '#')
		if cut < 0 || a.shelves[at[:cut]] == nil {
			return finding.At(rowName("DAY#"+at, "DAY"), "", "il giorno è di un registro che non c'è")
		}
		if err := a.pageSeal(a.shelves[at[:cut]], at[cut+1:], page); err != nil {
			return err
		}
		if !page.seen && (len(page.Ranges) > 0 || len(page.Annexes) > 0) && !a.later(a.shelves[at[:cut]], page) {
			return finding.At(rowName("DAY#"+at, "DAY"), "", "il giorno elenca registrazioni che non ha")
		}
	}
	return a.unpaged()
}

// later tells whether all that a page lists came after the head that was read.
func (a *audit) later(s *shelf, page *pageRow) bool {
	cut := a.upTo(s, page)
	return len(cut.Ranges) == 0 && len(cut.Annexes) == 0
}

// upTo cuts from a page what came after the head that was read.
func (a *audit) upTo(s *shelf, page *pageRow) pageRow {
	head := a.rows.heads[s.Name]
	var cut pageRow
	for _, r := range page.Ranges {
		if r.First <= head.Number {
			cut.Ranges = append(cut.Ranges, numbers{r.First, min(r.Last, head.Number)})
		}
	}
	for _, p := range page.Annexes {
		row, there := a.rows.entries[p.Book+"/"+book.Record{Number: p.Number, Annex: p.Annex}.Row()]
		if !there || row.seq <= head.Seq {
			cut.Annexes = append(cut.Annexes, p)
		}
	}
	return cut
}

// page holds one day's list to the records of that day.
func (a *audit) page(s *shelf, on string) error {
	head := a.rows.heads[s.Name]
	var want pageRow
	for _, k := range s.pages[on] {
		switch n := len(want.Ranges); {
		case k.seq > head.Seq:
		case k.annex > 0:
			want.Annexes = append(want.Annexes, k.place())
		case n > 0 && want.Ranges[n-1].Last+1 == k.number:
			want.Ranges[n-1].Last = k.number
		default:
			want.Ranges = append(want.Ranges, numbers{k.number, k.number})
		}
	}
	row, there := a.rows.pages[s.Name+"#"+on]
	if !there && len(want.Ranges)+len(want.Annexes) == 0 {
		return nil
	}
	where := rowName("DAY#"+s.Name+"#"+on, "DAY")
	if !there {
		return finding.At(where, "", "manca il giorno di una registrazione")
	}
	row.seen = true
	got := a.upTo(s, row)
	if !slices.Equal(got.Ranges, want.Ranges) || !slices.Equal(got.Annexes, want.Annexes) {
		return finding.At(where, "", "il giorno non elenca le sue registrazioni")
	}
	return nil
}

// pageSeal holds a day's seal in the table to the one in the archive.
func (a *audit) pageSeal(s *shelf, on string, page *pageRow) error {
	archived := a.days[s.Chamber][on]
	if own := on >= strconv.Itoa(s.Year) && on < strconv.Itoa(s.Year+1); !own {
		if page.Sealed {
			return finding.At(rowName("DAY#"+s.Name+"#"+on, "DAY"), "", "è chiuso un giorno di un altro anno")
		}
		return nil
	}
	switch {
	case page.Sealed && archived == nil:
		return finding.At(sealKeyOf(s.Chamber, on), "", "manca il sigillo di un giorno che la tabella dà per chiuso")
	case !page.Sealed && archived != nil:
		return finding.At(rowName("DAY#"+s.Name+"#"+on, "DAY"), "", "la tabella dà per aperto un giorno che l'archivio ha chiuso")
	}
	return nil
}

// copied holds a day's seal to the copy that the table keeps. Where the two differ a third tells which has changed: the seal of the day after, or what
// was declared of the day.
func (a *audit) copied(d *day) error {
	if a.rows == nil {
		return nil
	}
	at := fmt.Sprintf("DAY#%s#%04d#%s", d.Chamber, d.Book.Year, d.Day)
	page := a.rows.pages[strings.TrimPrefix(at, "DAY#")]
	if page == nil || !page.Sealed || page.digest == d.digest {
		return nil
	}
	for _, key := range []string{sealKeyOf(d.Chamber, book.DayAfter(d.Day)), partKey(d.Chamber, d.Day, statementPart)} {
		body, err := a.Objects.Get(a.ctx, key)
		if err != nil && !errors.Is(err, source.ErrNotFound) {
			return err
		}
		if strings.Contains(string(body), `"`+d.digest+`"`) {
			return finding.At(rowName(at, "DAY"), "", "la copia del sigillo nella tabella non è il sigillo archiviato (%s), che %s conferma", d.key, key)
		}
	}
	return finding.At(d.key, "", "il sigillo archiviato e quello della tabella non sono uguali (%s)", rowName(at, "DAY"))
}

// unpaged: every archived seal has its day in the table, and the head knows the last of them.
func (a *audit) unpaged() error {
	last := map[string]string{}
	for _, k := range a.sealed {
		name := k.chamber + "#" + k.day[:4]
		if a.rows.pages[name+"#"+k.day] == nil {
			return finding.At(rowName("DAY#"+name+"#"+k.day, "DAY"), "", "manca il giorno di un sigillo archiviato")
		}
		last[name] = k.day
	}
	for _, name := range a.books() {
		if head := a.rows.heads[name]; head.SealedThrough != last[name] {
			return finding.At(rowName("H#"+name, headKey), "", "l'ultimo giorno chiuso è %q per la tabella e %q per l'archivio", head.SealedThrough, last[name])
		}
		if first := a.shelves[name].firstDay(); a.rows.heads[name].From != first {
			return finding.At(rowName("H#"+name, headKey), "", "il primo giorno è %q per la testa e %q per le registrazioni", a.rows.heads[name].From, first)
		}
	}
	return nil
}

// firstDay is the first day that anything was entered on; empty for a book without records.
func (s *shelf) firstDay() string {
	first := ""
	if s == nil {
		return first
	}
	for day := range s.pages {
		if first == "" || day < first {
			first = day
		}
	}
	return first
}
