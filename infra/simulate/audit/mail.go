package audit

import (
	"maps"
	"slices"
	"strings"

	"sportello/shared/domain/catalogue"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/pec"
	"sportello/shared/flow/correspondence"
)

// Arrived notes that somebody's message is in a chamber's mailbox, about a case or about none.
func (a *Auditor) Arrived(messageID, about string) { a.arrived[messageID] = about }

// Filed holds an answer to a person to what was committed: the document exists.
func (a *Auditor) Filed(event string) {
	if _, ok := a.filings[event]; !ok {
		a.Report(Safe, "somebody was told that %s is filed, and it is not", event)
	}
}

// mail holds the messages to what the provider took: one transmission for each, or two with the doubt recorded.
func (a *Auditor) mail() {
	taken := maps.Clone(a.Transmissions())
	letters := map[string]int{}
	for _, item := range rows(a.Applications, "APP#") {
		if !strings.HasPrefix(item.SK, layout.MailPrefix) {
			continue
		}
		m := parse[correspondence.Mail](item)
		n := taken[m.MessageID]
		delete(taken, m.MessageID)
		if n > 2 || n == 2 && !m.Doubt {
			a.Report(Once, "message %s was sent %d times, doubt recorded: %v", m.ID, n, m.Doubt)
		}
		if len(m.Tried) == 0 { // a letter goes on to the next address when it cannot be delivered
			letters[m.Application+" "+m.Kind]++
		}
		a.receipts(m)
	}
	for _, id := range slices.Sorted(maps.Keys(taken)) {
		a.Report(Once, "message %s was sent, and no row knows it", id)
	}
	for _, letter := range slices.Sorted(maps.Keys(letters)) {
		if n := letters[letter]; n > 1 {
			a.Report(Once, "%d letters for %s", n, letter)
		}
	}
}

// receipts holds a message's receipts to it: each once, each about this very message of this very sender.
func (a *Auditor) receipts(m correspondence.Mail) {
	chamber, _ := catalogue.ChamberByID(m.Chamber)
	seen := map[string]bool{}
	for _, r := range m.Receipts {
		if !r.Concerns(m.MessageID, chamber.PEC) {
			a.Report(Once, "message %s has a receipt of somebody else's message", m.ID)
		}
		key := string(r.Kind) + r.Ident
		if seen[key] {
			a.Report(Once, "message %s has the same receipt twice", m.ID)
		}
		seen[key] = true
	}
	if want := pec.Evaluate(correspondence.Own(m), []string{m.Address}, m.Receipts).State; m.State != want {
		a.Report(Once, "message %s is %s, its receipts say %s", m.ID, m.State, want)
	}
}

// received: every message that people sent has a number, once, and is in the case that it is about.
func (a *Auditor) received() {
	got := map[string]correspondence.Incoming{}
	for _, item := range rows(a.Applications, "CH#") {
		if strings.HasPrefix(item.SK, layout.IncomingPrefix) {
			row := parse[correspondence.Incoming](item)
			got[row.MessageID] = row
		}
	}
	for _, id := range slices.Sorted(maps.Keys(a.arrived)) {
		row, ok := got[id]
		if !ok {
			a.Report(Safe, "message %s arrived and was never registered", id)
			continue
		}
		if _, numbered := a.events[row.ID]; !numbered {
			a.Report(Safe, "message %s arrived and has no number", id)
		}
		if row.Application != a.arrived[id] {
			a.Report(Safe, "message %s is about case %q, it was taken for %q", id, a.arrived[id], row.Application)
		}
	}
}

// Sent lists the Message-IDs that the provider took.
func (a *Auditor) Sent() []string { return slices.Sorted(maps.Keys(a.Transmissions())) }
