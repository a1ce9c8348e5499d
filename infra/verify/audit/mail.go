package audit

import (
	"regexp"
	"slices"
	"strings"

	"sportello/infra/verify/book"
	"sportello/infra/verify/finding"
	"sportello/infra/verify/letter"
)

// received is a message of a mailbox.
type received struct {
	key    string
	reason string // why it certifies nothing; empty: it does
}

func contains(list []string, s string) bool { return slices.Contains(list, s) }

// mailIn holds received mail to the digest in its name, and incoming mail of the register to the mailboxes.
func (a *audit) mailIn() error {
	var keys []string
	names := map[string]mailKey{}
	for _, m := range a.mailGot {
		keys = append(keys, m.key)
		names[m.key] = m
	}
	err := a.each(keys, func(key string, raw []byte) error {
		a.report.Checked.Mails++
		if book.Digest(raw) != names[key].name {
			return finding.New("", "il messaggio non ha l'impronta che è il suo nome")
		}
		return a.mailbox(names[key], raw)
	})
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for _, m := range a.mailGot {
		there[m.owner+"/"+m.name] = true
	}
	for _, name := range a.books() {
		for _, k := range a.shelves[name].records {
			if k.kind == book.IncomingMail && !slices.ContainsFunc(k.recipientBoxes, func(box string) bool { return there[box+"/"+k.digests[0]] }) {
				return k.broken("il messaggio registrato non è tra quelli ricevuti e archiviati")
			}
		}
	}
	return nil
}

// mailbox looks at one message: a receipt is addressed to the mailbox it lies in, and what its provider signed holds.
func (a *audit) mailbox(m mailKey, raw []byte) error {
	l, _ := recall(a, "letter", func() (certified, error) { return a.letter(raw), nil }, raw)
	if l.Receipt != "" && !contains(l.To, strings.ToLower(m.owner)) {
		return finding.New("", "la ricevuta non è indirizzata alla casella in cui sta")
	}
	if l.Certified && l.reason != "" {
		a.report.untrusted++
	}
	if l.carries() {
		if a.carried == nil {
			a.carried = map[string][][]byte{}
		}
		a.carried[local(l.said.Reference)] = append(a.carried[local(l.said.Reference)], l.said.Original)
	}
	a.received[m.name] = received{m.key, l.reason}
	return nil
}

// certified is a received message: its header, and what its provider signed.
type certified struct {
	letter.Header
	said   *letter.Certification // nil: nobody was asked, or reason says why there is none
	reason string                // why it certifies nothing
}

// letter reads a message and checks its provider's signature.
func (a *audit) letter(raw []byte) certified {
	h, err := letter.Parse(raw)
	switch {
	case err != nil:
		return certified{reason: "non è leggibile"}
	case !h.Certified:
		return certified{h, nil, "non è una ricevuta né un messaggio certificato"}
	case a.Mail == nil:
		return certified{Header: h}
	}
	said, err := letter.Certify(raw, a.Mail)
	if err != nil {
		return certified{h, nil, err.Error()}
	}
	return certified{Header: h, said: said}
}

// carries: what a delivery receipt carries back confirms the message that was sent.
func (l certified) carries() bool {
	return l.said != nil && l.said.Kind == "avvenuta-consegna" && l.said.Original != nil && l.said.Reference != ""
}

// local is a Message-ID without its domain: it names the case and the message, so that one changed in its domain still meets its receipts.
func local(id string) string {
	name, _, _ := strings.Cut(id, "@")
	return name
}

var messageID = regexp.MustCompile(`^([A-Za-z0-9-]{1,64})\.([A-Za-z0-9_.-]+)@[a-z0-9-]+(\.[a-z0-9-]+)*$`)

// mailOut holds sent mail to its name, and to what came back of it.
func (a *audit) mailOut() error {
	var keys []string
	names := map[string]mailKey{}
	for _, m := range a.mailSent {
		keys = append(keys, m.key)
		names[m.key] = m
	}
	return a.each(keys, func(key string, raw []byte) error {
		a.report.Checked.Mails++
		m := names[key]
		h, err := letter.Parse(raw)
		if err != nil {
			return finding.New("", "%s", err)
		}
		if len(h.MessageIDs) != 1 {
			return finding.New("", "il messaggio non ha un solo Message-ID")
		}
		id := letter.Bare(h.MessageIDs[0])
		found := messageID.FindStringSubmatch(id)
		if found == nil || found[1] != m.owner || found[2] != m.name {
			return finding.New("", "il Message-ID non è quello della pratica e del messaggio nel suo nome")
		}
		for _, original := range a.carried[local(id)] {
			if !letter.Confirms(original, raw) {
				return finding.New("", "il messaggio archiviato non è quello che la ricevuta di consegna riporta")
			}
			a.confirmed(key)
		}
		if !a.confirmations[key] {
			a.report.unconfirmed++
			a.leave(key, raw, "finché né un pacchetto né una ricevuta di consegna lo riporta, del messaggio spedito si controlla solo il Message-ID")
		}
		return nil
	})
}
