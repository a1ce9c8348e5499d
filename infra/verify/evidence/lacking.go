package evidence

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"sportello/infra/verify/book"
	"sportello/infra/verify/finding"
)

// lacking holds what the list says of itself to what is there: createdAt is not before any fact inside, and missing names what a reader would expect to
// find and does not, and nothing that is there.
func (c *checking) lacking() error {
	created, _ := book.ParseInstant(c.CreatedAt)
	if latest := c.latest(); created.Before(latest) {
		return finding.At(manifestName, "createdAt", "è prima di un fatto che il fascicolo prova (%s)", latest.UTC().Format(time.RFC3339))
	}
	for _, want := range c.expected() {
		if !c.says(want[0], want[1]) {
			return finding.At(manifestName, "missing", "non dice che manca: %s", strings.Join(want[:], " "))
		}
	}
	for _, m := range c.Missing {
		if c.has(m) {
			return finding.At(manifestName, "missing", "dice che manca, e c'è: %s", m.What)
		}
	}
	return nil
}

// latest is the latest instant that records and statements tell.
func (c *checking) latest() time.Time {
	latest := c.present
	for _, p := range c.records {
		if p.Checked.Entry == nil {
			continue
		}
		if at, _ := book.ParseInstant(p.Checked.Entry.PresentedAt); at.After(latest) {
			latest = at
		}
	}
	for _, d := range c.days {
		if at, _ := book.ParseInstant(d.SealedAt); at.After(latest) {
			latest = at
		}
	}
	return latest
}

// expected is what is not there and must be said: how it is called, or its digest.
func (c *checking) expected() (list [][2]string) {
	for _, p := range c.records {
		if p.Proof == nil {
			list = append(list, [2]string{"sigillo del registro del " + p.Date})
		}
		if p.Document != "" && !slices.ContainsFunc(c.Files, func(l listed) bool { return l.SHA256 == p.Document }) {
			list = append(list, [2]string{"documento", p.Document})
		}
	}
	for _, d := range c.Days {
		if d.Seal == "" {
			list = append(list, [2]string{"sigillo del registro del " + d.Day})
		}
		if d.Timestamp == "" {
			list = append(list, [2]string{"marca temporale del " + d.Day})
		}
	}
	for _, m := range c.Mail {
		if m.Message == "" {
			list = append(list, [2]string{"messaggio PEC (" + m.Kind + ")"})
		}
		if len(m.Receipts) == 0 {
			list = append(list, [2]string{"ricevut"}) // ricevute PEC that have not come, or a ricevuta PEC too large
		}
	}
	slices.SortFunc(list, func(a, b [2]string) int { return strings.Compare(a[0]+a[1], b[0]+b[1]) })
	return list
}

// says tells whether the list says that something is missing.
func (c *checking) says(what, sha256 string) bool {
	return slices.ContainsFunc(c.Missing, func(m missing) bool {
		return strings.HasPrefix(m.What, what) && (sha256 == "" || m.SHA256 == sha256)
	})
}

// has tells whether something is there that is said to be missing.
func (c *checking) has(m missing) bool {
	if day, is := strings.CutPrefix(m.What, "sigillo del registro del "); is && c.days[day].sealed {
		return true
	}
	if day, is := strings.CutPrefix(m.What, "marca temporale del "); is && !c.days[day].at.IsZero() {
		return true
	}
	if strings.HasPrefix(m.What, "registrazione ") {
		return slices.ContainsFunc(c.Register, func(r record) bool { return r.Document != "" && r.Document == m.SHA256 })
	}
	return m.SHA256 != "" && slices.ContainsFunc(c.Files, func(l listed) bool { return l.SHA256 == m.SHA256 })
}

// unsigned lists the bytes of the list that say something of their own.
func (c *checking) unsigned() {
	at := 0
	seek := func(text string) int {
		at += max(0, bytes.Index(c.list[at:], []byte(text)))
		return at
	}
	between := func(from, to, what, why string) {
		begin := seek(from) + len(from)
		at = begin
		if seek(to); begin < at {
			c.leave("manifest.json, "+what, why)
			c.report.Unauthenticated = append(c.report.Unauthenticated, finding.Open{Where: manifestName, From: begin, To: at, Why: what + ": " + why})
		}
	}
	between(`"createdAt": "`, `"`, "createdAt", "è quando furono raccolti i fatti: si controlla solo che non sia prima di nessuno di loro")
	seek("\n  \"attachments\": [")
	for _, a := range c.Attachments {
		if p := c.records[a.Filed]; p == nil || p.Checked.Entry == nil || p.Checked.Entry.Kind != book.Application {
			const what, why = "nome, tipo e dimensione di un allegato di una risposta", "il protocollo ne registra l'impronta"
			between("\n      \"role\": ", "\n      \"sha256\": ", what, why)
			between("\n      \"mediaType\": ", "\n      \"filed\": ", what, why)
		}
		seek("\n      \"filed\": ")
	}
	seek("\n  \"mail\": [")
	for range c.Mail {
		between("\n      \"kind\": \"", `"`, "mail, kind", "è un'etichetta: che cosa dice il messaggio lo dice il messaggio")
	}
	between("\n  \"missing\": [", "]\n}\n", "missing", "vi deve stare ciò che altre parti del fascicolo fanno attendere, e nulla che c'è; le ragioni, e ciò che non fu spedito, non le firma nessuno")
}
