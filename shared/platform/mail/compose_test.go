package mail

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

func letter() Outgoing {
	return Outgoing{
		MessageID: "<019f0000-0000-7000-8000-000000000001.outcome-a@pec.example.it>",
		From:      "protocollo@milano.pec.example.it", FromName: "Camera di Commercio di Milano",
		To:      []string{"acme@pec.example.it"},
		Subject: "Esito della pratica n. 0000042 del 22/11/2026: il reclamo è fondato, con rimedio già disposto dall'ufficio competente",
		Text:    "Gentile utente,\n\nl'ufficio ha deciso: perché il ritardo c'è stato.\n.\n--\nFrom qui in poi, una riga molto lunga " + strings.Repeat("abcdefghi ", 30),
		Date:    time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC), InReplyTo: "<x.y@pec.example.it>",
		References:  []string{"a@b.it", "<x.y@pec.example.it>"},
		Attachments: []Attachment{{Name: "esito – città.pdf", MediaType: "application/pdf", Body: bytes.Repeat([]byte("%PDF-1.7\x00\xff"), 20)}},
	}
}

func TestComposeGolden(t *testing.T) {
	plain := letter()
	plain.Attachments, plain.References, plain.InReplyTo, plain.FromName = nil, nil, "", ""
	for name, o := range map[string]Outgoing{"letter.eml": letter(), "plain.eml": plain} {
		got, err := Compose(o)
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile("testdata/"+name, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s differs (-update writes it anew):\n%s", name, diff)
		}
	}
}

func TestComposedIsReadBack(t *testing.T) {
	o := letter()
	raw, err := Compose(o)
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(strings.TrimSuffix(string(raw), "\r\n"), "\r\n") {
		if len(line) > 998 || strings.ContainsAny(line, "\r\n\x00") {
			t.Errorf("line %d is no line of RFC 5322: %q", i+1, line)
		}
	}
	if err := sendable(o.From, o.To, raw); err != nil {
		t.Errorf("what was composed cannot be sent as it is: %v", err)
	}
	m, err := ParseMessage(raw)
	if err != nil {
		t.Fatal(err)
	}
	want := Message{
		From: o.From, FromName: o.FromName, To: o.To, Subject: o.Subject, MessageID: "019f0000-0000-7000-8000-000000000001.outcome-a@pec.example.it",
		InReplyTo: "x.y@pec.example.it", References: []string{"a@b.it", "x.y@pec.example.it"}, Date: o.Date, Text: strings.TrimSpace(o.Text),
		Attachments: o.Attachments,
	}
	if diff := cmp.Diff(want, m); diff != "" {
		t.Error(diff)
	}
	if again, _ := Compose(o); !bytes.Equal(raw, again) {
		t.Error("composed twice, it differs")
	}
	o.MessageID = "<019f0000-0000-7000-8000-000000000001.outcome-o@pec.example.it>"
	if other, _ := Compose(o); bytes.Contains(other, []byte(boundary(letter().MessageID))) {
		t.Error("another message has the same boundary")
	}
}

func TestNothingCanBeInjected(t *testing.T) {
	const evil = "x\r\nBcc: spia@example.org\r\n\r\n<script>"
	o := letter()
	o.Subject, o.FromName, o.Text = evil, evil, "."+evil
	o.Attachments = []Attachment{
		{Name: "../../" + evil, MediaType: "text/html; charset=\"x\r\nBcc: y\"", Body: []byte(evil)},
		{Name: `a"; filename="b.exe`, MediaType: "message/rfc822", Body: []byte("Bcc: z")},
	}
	raw, err := Compose(o)
	if err != nil {
		t.Fatal(err)
	}
	header, _, err := splitHeader(raw)
	if err != nil {
		t.Fatal(err)
	}
	if header.Has("Bcc") || len(strings.Split(header.Get("Subject"), "\n")) != 1 {
		t.Errorf("a header was added: %q", raw[:400])
	}
	m, err := ParseMessage(raw)
	if err != nil || len(m.Attachments) != 2 {
		t.Fatalf("%+v, %v", m, err)
	}
	if m.Attachments[1].MediaType != "application/octet-stream" || strings.ContainsAny(m.Attachments[0].Name, "/\r\n") {
		t.Errorf("attachments %q %q", m.Attachments[0].Name, m.Attachments[1].MediaType)
	}
	for name, change := range map[string]func(*Outgoing){
		"sender":          func(o *Outgoing) { o.From = "a@b.it\r\nBcc: c@d.it" },
		"sender's name":   func(o *Outgoing) { o.From = "Nome <a@b.it>" },
		"recipient":       func(o *Outgoing) { o.To = []string{"a@b.it", "c@d.it, e@f.it"} },
		"recipient, IDN":  func(o *Outgoing) { o.To = []string{"à@b.it"} },
		"no recipient":    func(o *Outgoing) { o.To = nil },
		"message id":      func(o *Outgoing) { o.MessageID = "<a@b.it>\r\nBcc: c@d.it" },
		"no message id":   func(o *Outgoing) { o.MessageID = "" },
		"in reply to":     func(o *Outgoing) { o.InReplyTo = "a b@c" },
		"references":      func(o *Outgoing) { o.References = []string{"a@b.it\r\nBcc: c"} },
		"subject":         func(o *Outgoing) { o.Subject = " \r\n" },
		"date":            func(o *Outgoing) { o.Date = time.Time{} },
		"more than 45 MB": func(o *Outgoing) { o.Attachments = []Attachment{{Name: "x", Body: make([]byte, MaxMessage)}} },
	} {
		o := letter()
		change(&o)
		if _, err := Compose(o); !errors.Is(err, ErrCompose) {
			t.Errorf("%s: %v, want ErrCompose", name, err)
		}
	}
}

func FuzzCompose(f *testing.F) {
	f.Add("Oggetto è", "testo\n.\r\nFrom x", "nome.pdf", "application/pdf", []byte("%PDF"))
	f.Add("=?utf-8?q?x?=", "--=_abc", "a\x00b/..", "multipart/mixed; boundary=x", []byte{0xff})
	f.Fuzz(func(t *testing.T, subject, text, name, mediaType string, body []byte) {
		o := letter()
		o.Subject, o.Text, o.Attachments = subject, text, []Attachment{{Name: name, MediaType: mediaType, Body: body}}
		raw, err := Compose(o)
		if err != nil {
			return
		}
		if err := sendable(o.From, o.To, raw); err != nil {
			t.Fatalf("cannot be sent as it is: %v\n%q", err, raw)
		}
		m, err := ParseMessage(raw)
		if err != nil || m.From != o.From || len(m.To) != 1 || m.To[0] != o.To[0] || len(m.Attachments) != 1 || !bytes.Equal(m.Attachments[0].Body, body) {
			t.Fatalf("does not come back: %+v, %v\n%q", m, err, raw)
		}
	})
}
