//go:build emulator

package outsidetest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"sportello/shared/domain/pec"
	"sportello/shared/platform/mail"
)

const milano = "protocollo@milano.pec.example.it"

// post is one certified mailbox of ours with its clients.
type post struct {
	t       *testing.T
	sender  *mail.Sender
	mailbox *mail.Mailbox
	trust   *mail.Trust

	validity, last uint32
}

func open(t *testing.T, w *world) *post {
	t.Helper()
	account := w.mailboxes[milano]
	sender, err := mail.NewSender(mail.SenderConfig{Addr: w.SMTP, User: account.User, Password: account.Password, TLS: w.tls})
	if err != nil {
		t.Fatal(err)
	}
	mailbox, err := mail.NewMailbox(mail.MailboxConfig{Addr: w.IMAP, User: account.User, Password: account.Password, TLS: w.tls})
	if err != nil {
		t.Fatal(err)
	}
	trust, err := mail.NewTrust(w.file(t, "pec-ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	return &post{t: t, sender: sender, mailbox: mailbox, trust: trust}
}

func (p *post) send(id, to string) error {
	p.t.Helper()
	raw, err := mail.Compose(mail.Outgoing{
		MessageID: id, From: milano, To: []string{to}, Subject: "Esito della pratica: è fondata", Text: "Gentile utente,\n.\nsaluti", Date: time.Now(),
		Attachments: []mail.Attachment{{Name: "esito.pdf", MediaType: "application/pdf", Body: []byte("%PDF-1.7")}},
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return p.sender.Send(p.t.Context(), milano, []string{to}, raw)
}

// read returns what is new in the mailbox.
func (p *post) read() []mail.Received {
	p.t.Helper()
	raws, validity, err := p.mailbox.Since(p.t.Context(), p.validity, p.last, 50)
	if err != nil {
		p.t.Fatal(err)
	}
	p.validity = validity
	var all []mail.Received
	for _, raw := range raws {
		p.last = raw.UID
		r, err := p.trust.Read(raw.Bytes, time.Now())
		if err != nil {
			p.t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

func messageID(name string) string {
	return pec.MessageID{Application: "019f0000-0000-7000-8000-000000000001", Mail: name, Domain: "pec.example.it"}.String()
}

func TestCertifiedMail(t *testing.T) {
	w := start(t)
	p := open(t, w)
	var all []pec.Receipt
	state := func(id, to string) pec.State {
		for _, r := range p.read() {
			if r.Receipt != nil {
				all = append(all, *r.Receipt)
			}
		}
		var own []pec.Receipt
		for _, r := range all {
			if r.Concerns(id, milano) {
				own = append(own, r)
			}
		}
		return pec.Evaluate(pec.StateSending, []string{to}, own).State
	}
	for to, want := range map[string]pec.State{
		"giulia.rinaldi@pec.example.it":   pec.StateDelivered,
		"mancata.consegna@pec.example.it": pec.StateFailed,
		"casella.piena@pec.example.it":    pec.StateFailed,
		"ritardo@pec.example.it":          pec.StateDelivered,
		"doppia@pec.example.it":           pec.StateDelivered,
		"disordine@pec.example.it":        pec.StateDelivered,
		"nonaccetta@pec.example.it":       pec.StateFailed,
	} {
		id := messageID(strings.Replace(to[:strings.Index(to, "@")], ".", "-", 1))
		if err := p.send(id, to); err != nil {
			t.Errorf("%s: %v", to, err)
			continue
		}
		eventually(t, to+" "+string(want), func() bool { return state(id, to) == want })
		if raws, err := p.mailbox.FindReceipts(t.Context(), id, time.Now().Add(-time.Hour)); err != nil || len(raws) == 0 {
			t.Errorf("%s: %d receipts found, %v", to, len(raws), err)
		}
	}
}

func TestMailThatIsRefused(t *testing.T) {
	w := start(t)
	p := open(t, w)
	var reply *mail.Reply
	if err := p.send(messageID("refused"), "rifiuta@pec.example.it"); !errors.Is(err, mail.ErrRefused) || !errors.As(err, &reply) || reply.Code != 550 {
		t.Errorf("rifiuta: %v", err)
	}
	for range 2 {
		if err := p.send(messageID("later"), "temporaneo@pec.example.it"); !errors.Is(err, mail.ErrTemporary) {
			t.Errorf("temporaneo: %v", err)
		}
	}
	if err := p.send(messageID("later"), "temporaneo@pec.example.it"); err != nil {
		t.Errorf("temporaneo, third time: %v", err)
	}
	id := messageID("unclear")
	if err := p.send(id, "interrotta@pec.example.it"); !errors.Is(err, mail.ErrUnclear) {
		t.Errorf("interrotta: %v", err)
	}
	eventually(t, "the receipts that solve the doubt", func() bool {
		raws, err := p.mailbox.FindReceipts(t.Context(), id, time.Now().Add(-time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		return len(raws) > 0
	})
}

func TestFalseReceipt(t *testing.T) {
	w := start(t)
	p := open(t, w)
	if err := p.send(messageID("false"), "falsa@pec.example.it"); err != nil {
		t.Fatal(err)
	}
	var genuine, untrusted int
	eventually(t, "a true and a false receipt", func() bool {
		for _, r := range p.read() {
			switch {
			case r.Class == pec.ClassReceipt && r.Receipt.Kind == pec.Accepted:
				genuine++
			case r.Class == pec.ClassUntrusted && r.Receipt == nil && r.Reason != "":
				untrusted++
			default:
				t.Errorf("%+v", r)
			}
		}
		return genuine == 1 && untrusted == 1
	})
}

func TestIncomingMail(t *testing.T) {
	w := start(t)
	p := open(t, w)
	w.control(t, "/pec/incoming", map[string]any{
		"from": "giulia.rinaldi@pec.example.it", "to": milano, "subject": "Integrazione: perché no", "text": "Ecco quanto chiesto – à",
		"inReplyTo": messageID("request"), "attachments": []map[string]any{{"name": "città.pdf", "mediaType": "application/pdf", "content": []byte("%PDF")}},
	})
	w.control(t, "/pec/incoming", map[string]any{"from": "mario@example.org", "to": milano, "subject": "Domanda", "text": "Ciao", "certified": false})
	var certified, anomaly *mail.Received
	eventually(t, "both messages", func() bool {
		for _, r := range p.read() {
			switch r.Class {
			case pec.ClassCertified:
				certified = &r
			case pec.ClassAnomaly:
				anomaly = &r
			}
		}
		return certified != nil && anomaly != nil
	})
	m := certified.Message
	if !certified.Verified || certified.Data.Sender != "giulia.rinaldi@pec.example.it" || m.From != "giulia.rinaldi@pec.example.it" ||
		!pec.SameMessage(m.InReplyTo, messageID("request")) || m.Subject != "Integrazione: perché no" || !strings.Contains(m.Text, "Ecco quanto chiesto – à") ||
		len(m.Attachments) != 1 || m.Attachments[0].Name != "città.pdf" || string(m.Attachments[0].Body) != "%PDF" {
		t.Errorf("certified: %+v", m)
	}
	if anomaly.Data != nil || anomaly.Message.From != "mario@example.org" || anomaly.Message.Subject != "Domanda" || anomaly.Message.Text != "Ciao" {
		t.Errorf("anomaly: %+v", anomaly.Message)
	}
}
