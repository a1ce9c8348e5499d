package audit

import (
	"fmt"

	"sportello/infra/verify/book"
	"sportello/infra/verify/finding"
)

// day is a sealed day that holds.
type day struct {
	book.Seal
	key    string
	digest string
	// statement is the digest of what was declared of the day, once that is done to the end and holds; else empty.
	statement string
}

// listed finds a pending event of the day.
func (d *day) listed(event string) (book.Pending, bool) {
	for _, p := range d.Pending {
		if p.Event == event {
			return p, true
		}
	}
	return book.Pending{}, false
}

// seals holds every sealed day to the day before, to the records of the day and to what was pending.
func (a *audit) seals() error {
	var keys []string
	for _, k := range a.sealed {
		keys = append(keys, k.key)
	}
	n := 0
	var before *day
	err := a.each(keys, func(key string, body []byte) error {
		k := a.sealed[n]
		n++
		if before != nil && before.Chamber != k.chamber {
			before = nil
		}
		s, err := book.ParseSeal(k.chamber, k.day, body)
		if err != nil {
			return err
		}
		d := &day{Seal: s, key: key, digest: book.Digest(body)}
		if err := a.seal(d, before); err != nil {
			return err
		}
		if a.days[k.chamber] == nil {
			a.days[k.chamber] = map[string]*day{}
		}
		a.days[k.chamber][k.day] = d
		a.report.Checked.Seals++
		before = d
		return nil
	})
	if err != nil {
		return err
	}
	return a.unsealed()
}

func (a *audit) seal(d, before *day) error {
	if err := a.copied(d); err != nil {
		return err
	}
	if err := follows(d, before); err != nil {
		return err
	}
	s := a.shelves[fmt.Sprintf("%s#%04d", d.Chamber, d.Book.Year)]
	if s == nil {
		s = &shelf{Chain: &book.Chain{}} // a day before the first record of its year
	}
	if d.Head.Seq > s.Seq {
		return finding.At(blockKey(d.Chamber, d.Book.Year, s.Seq+1), fmt.Sprintf("seq %d", s.Seq+1),
			"manca il blocco: l'archivio finisce a seq %d e il sigillo del %s arriva a seq %d", s.Seq, d.Day, d.Head.Seq)
	}
	if err := sameRecords(d, s.pages[d.Day]); err != nil {
		return err
	}
	if err := a.earlier(d); err != nil {
		return err
	}
	switch {
	case d.Head.Hash != s.hashAt(d.Head.Seq):
		return finding.New(fmt.Sprintf("testa, seq %d", d.Head.Seq), "la catena archiviata non passa per la testa che il sigillo dichiara")
	case before != nil && before.Book.Year == d.Book.Year && before.Head.Seq > d.Head.Seq:
		return finding.New("", "la testa torna indietro rispetto al giorno prima")
	}
	return nil
}

// follows holds a seal to that of the calendar day before: days are sealed one after the other, none left out.
func follows(d, before *day) error {
	yesterday := book.DayBefore(d.Day)
	switch {
	case before == nil && d.Previous == book.Zero:
		return nil
	case before == nil || before.Day != yesterday:
		return finding.At(sealKeyOf(d.Chamber, yesterday), "", "manca il sigillo del giorno prima del %s", d.Day)
	case d.Previous != before.digest:
		return finding.New("", "l'impronta del sigillo del giorno prima non corrisponde: è cambiato l'uno o l'altro")
	}
	return nil
}

// sameRecords holds the seal's list to the records that stand on the day.
func sameRecords(d *day, records []*kept) error {
	for n, k := range records {
		if k.seq > d.Head.Seq {
			return k.broken("è registrata il %s, che era già chiuso a seq %d", d.Day, d.Head.Seq)
		}
		if n >= len(d.Entries) || d.Entries[n].Seq != k.seq {
			break
		}
		e := d.Entries[n]
		if e.Hash != k.hash || e.Number != book.Number(k.number) || e.Annex != k.annex {
			return k.broken("non è quella che il sigillo del %s elenca", d.Day)
		}
		if k.register != d.Book {
			return k.broken("è di un registro diverso da quello del sigillo del %s", d.Day)
		}
	}
	for n, e := range d.Entries {
		if n >= len(records) || records[n].seq != e.Seq {
			if n < len(records) && records[n].seq < e.Seq {
				return records[n].broken("il sigillo del %s non la elenca", d.Day)
			}
			return finding.New(fmt.Sprintf("seq %d", e.Seq), "il sigillo elenca una registrazione che non è di quel giorno")
		}
	}
	if len(records) > len(d.Entries) {
		return records[len(d.Entries)].broken("il sigillo del %s non la elenca", d.Day)
	}
	return nil
}

// earlier holds the seal's lists of earlier years' books to the records that stand there on the day.
func (a *audit) earlier(d *day) error {
	listed := map[int][]book.Sealed{}
	for _, b := range d.Earlier {
		listed[b.Year] = b.Entries
	}
	for _, name := range a.books() {
		s := a.shelves[name]
		if s.Chamber != d.Chamber || s.Year >= d.Book.Year {
			continue
		}
		entries := listed[s.Year]
		delete(listed, s.Year)
		for n, k := range s.pages[d.Day] {
			if n >= len(entries) || entries[n].Seq > k.seq {
				return k.broken("il sigillo del %s non la elenca", d.Day)
			}
			if entries[n] != (book.Sealed{Seq: k.seq, Number: book.Number(k.number), Annex: k.annex, Hash: k.hash}) {
				return k.broken("non è quella che il sigillo del %s elenca", d.Day)
			}
		}
		if n := len(s.pages[d.Day]); n < len(entries) {
			return finding.New(fmt.Sprintf("seq %d del %d", entries[n].Seq, s.Year), "il sigillo elenca una registrazione che non è di quel giorno")
		}
	}
	for _, b := range d.Earlier {
		if _, left := listed[b.Year]; left {
			return finding.New("", "il sigillo elenca registrazioni di un registro che non c'è")
		}
	}
	return nil
}

// unsealed: no record stands on a day that is over and was left out.
func (a *audit) unsealed() error {
	last := map[string]string{}
	for _, k := range a.sealed {
		last[k.chamber] = k.day
	}
	for _, name := range a.books() {
		s := a.shelves[name]
		for _, on := range sortedKeys(s.pages) {
			if on > last[s.Chamber] || a.days[s.Chamber][on] != nil {
				continue
			}
			return s.pages[on][0].broken("è del %s, che non è mai stato chiuso, e il %s lo è", on, last[s.Chamber])
		}
	}
	return nil
}

// waiting holds what was pending to what became of it, and every deferred entry to what was pending.
func (a *audit) waiting() error {
	for _, k := range a.sealed {
		d := a.days[k.chamber][k.day]
		for _, p := range d.Pending {
			if err := a.pending(d, p); err != nil {
				return finding.In(d.key, err)
			}
		}
	}
	for _, name := range a.books() {
		for _, k := range a.shelves[name].records {
			if k.deferred {
				if err := a.deferred(k); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (a *audit) pending(d *day, p book.Pending) error {
	record := "in attesa, evento " + p.Event
	k := a.events[p.Event]
	if k == nil {
		return a.stillPending(d, p, record)
	}
	switch {
	case k.shelf.Chamber != d.Chamber:
		return k.broken("era in attesa in un'altra Camera di commercio (%s)", d.key)
	case k.shelf.Year == d.Book.Year && k.seq <= d.Head.Seq:
		return finding.New(record, "il sigillo la dà in attesa e aveva già un numero (%s, %s)", k.key, k.label)
	case k.annex > 0:
		return nil // an annulment has no day of presentation
	case !k.deferred:
		return k.broken("era in attesa alla chiusura del %s e non è segnata come differita", d.Day)
	case k.presented != d.Day, k.presentedAt != p.PresentedAt, k.application != p.Application:
		return k.broken("era in attesa alla chiusura del %s con un altro istante di presentazione o un'altra pratica", d.Day)
	}
	return nil
}

// stillPending: what never got a number must still wait for one.
func (a *audit) stillPending(d *day, p book.Pending, record string) error {
	if a.Applications == nil {
		a.report.awaiting++
		return nil
	}
	_, there, err := rowOf(a.ctx, a.Applications, "PEND#"+d.Chamber+"#"+d.Day, p.Event)
	if err != nil {
		return err
	}
	if !there && p.Awaiting == "payment" {
		if over, err := a.unpaid(d.Chamber, p); err != nil || over {
			return err
		}
	}
	if !there {
		return finding.New(record, "non ha avuto un numero e non lo aspetta più: è andata persa")
	}
	a.report.awaiting++
	return nil
}

// deferred: what enters later than it was presented was pending when its day was closed.
func (a *audit) deferred(k *kept) error {
	days := a.days[k.shelf.Chamber]
	d := days[k.presented]
	if d == nil {
		if first := firstOf(days); first != "" && k.presented < first {
			return nil // the register was not sealed yet
		}
		return k.broken("è differita, e il giorno in cui fu presentata (%s) non risulta chiuso", k.presented)
	}
	if _, listed := d.listed(k.event); !listed {
		return k.broken("è differita, e il sigillo del %s non la elenca tra ciò che era in attesa", k.presented)
	}
	return nil
}

func firstOf(days map[string]*day) string {
	if keys := sortedKeys(days); len(keys) > 0 {
		return keys[0]
	}
	return ""
}
