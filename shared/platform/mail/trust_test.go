package mail

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/shared/domain/pec"
	"sportello/shared/platform/cms/cmstest"
)

var received = time.Now()

const daticert = `<?xml version="1.0" encoding="UTF-8"?>
<postacert tipo="%s" errore="nessuno"><intestazione><mittente>%s</mittente><destinatari tipo="certificato">acme@pec.example.it</destinatari>
<risposte>x@pec.example.it</risposte><oggetto>Oggetto</oggetto></intestazione><dati><gestore-emittente>Gestore</gestore-emittente>
<data zona="+0100"><giorno>22/11/2026</giorno><ora>10:00:00</ora></data><identificativo>id-1</identificativo>%s<consegna>acme@pec.example.it</consegna></dati></postacert>
`

const (
	ours    = "019f0000-0000-7000-8000-000000000001.outcome-a@pec.example.it"
	mittent = "protocollo@milano.pec.example.it"
)

// envelope is what a provider signs and sends; its fields are the ways in which it may differ.
type envelope struct {
	kind      string // of daticert
	sender    string
	msgid     bool
	original  string // postacert.eml
	headers   string
	noData    bool
	twoData   bool
	data      string // instead of daticert
	boundary  string // of multipart/signed
	signature []byte // instead of the true one
	edit      func(content string) string
}

func (e envelope) content() string {
	data := e.data
	if data == "" {
		msgid := ""
		if e.msgid {
			msgid = "<msgid>&lt;" + ours + "&gt;</msgid>"
		}
		data = fmt.Sprintf(daticert, e.kind, e.sender, msgid)
	}
	part := "--in\r\nContent-Type: application/xml; name=\"daticert.xml\"\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: inline; filename=\"daticert.xml\"\r\n\r\n" +
		base64.StdEncoding.EncodeToString([]byte(data)) + "\r\n"
	content := "Content-Type: multipart/mixed; boundary=\"in\"\r\n\r\n--in\r\nContent-Type: text/plain; charset=\"iso-8859-1\"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nIl messaggio =E8 stato consegnato\r\n"
	if !e.noData {
		content += part
	}
	if e.twoData {
		content += part
	}
	if e.original != "" {
		content += "--in\r\nContent-Type: message/rfc822; name=\"postacert.eml\"\r\nContent-Disposition: attachment; filename=\"postacert.eml\"\r\n\r\n" + e.original + "\r\n"
	}
	return content + "--in--\r\n"
}

func (e envelope) raw(t testing.TB, a *cmstest.Authority) []byte {
	content := e.content()
	signature := e.signature
	if signature == nil {
		signature = a.Detached(t, []byte(content))
	}
	if e.edit != nil {
		content = e.edit(content)
	}
	if e.boundary == "" {
		e.boundary = "out"
	}
	return []byte("From: posta-certificata@pec.example.it\r\nMessage-ID: <opec1@pec.example.it>\r\nSubject: CONSEGNA: Oggetto\r\n" + e.headers +
		"MIME-Version: 1.0\r\nContent-Type: multipart/signed; protocol=\"application/x-pkcs7-signature\"; micalg=\"sha-256\"; boundary=\"" + e.boundary + "\"\r\n\r\n" +
		"This is an S/MIME signed message\r\n\r\n--" + e.boundary + "\r\n" + content + "\r\n--" + e.boundary + "\r\n" +
		"Content-Type: application/x-pkcs7-signature; name=\"smime.p7s\"\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
		base64.StdEncoding.EncodeToString(signature) + "\r\n--" + e.boundary + "--\r\n")
}

func provider(t testing.TB) (*cmstest.Authority, *Trust) {
	a := cmstest.New(t, "Gestore", received.Add(-time.Hour))
	trust, err := NewTrust(a.PEM)
	if err != nil {
		t.Fatal(err)
	}
	return a, trust
}

func delivery() envelope {
	return envelope{kind: "avvenuta-consegna", sender: mittent, msgid: true, headers: "X-Ricevuta: avvenuta-consegna\r\nX-Riferimento-Message-ID: <" + ours + ">\r\n"}
}

func TestReadReceipt(t *testing.T) {
	a, trust := provider(t)
	for name, e := range map[string]envelope{
		"plain":                    delivery(),
		"with the original inside": func() envelope { e := delivery(); e.original = "Subject: x\r\n\r\nx"; return e }(),
		"header names another of ours": func() envelope {
			e := delivery()
			e.headers = "X-Ricevuta: accettazione\r\nX-Riferimento-Message-ID: <other@pec.example.it>\r\n"
			return e
		}(),
		"no msgid certified, header does": func() envelope { e := delivery(); e.msgid = false; return e }(),
		"line ends changed on the way": func() envelope {
			e := delivery()
			e.edit = func(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") }
			return e
		}(),
	} {
		t.Run(name, func(t *testing.T) {
			r, err := trust.Read(e.raw(t, a), received)
			if err != nil {
				t.Fatal(err)
			}
			if r.Class != pec.ClassReceipt || !r.Verified || r.Reason != "" || r.Reference != ours || r.Message != nil {
				t.Fatalf("%+v", r)
			}
			if r.Receipt.Kind != pec.Delivered || r.Receipt.Recipient != "acme@pec.example.it" || !r.Receipt.Concerns("<"+ours+">", mittent) ||
				!r.Receipt.At.Equal(time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)) {
				t.Errorf("%+v", r.Receipt)
			}
			if r.MessageID != "opec1@pec.example.it" || r.Subject != "CONSEGNA: Oggetto" || r.From != "posta-certificata@pec.example.it" {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestReadDistrusts(t *testing.T) {
	a, trust := provider(t)
	stranger := cmstest.New(t, "Estraneo", received.Add(-time.Hour))
	with := func(change func(*envelope)) []byte {
		e := delivery()
		change(&e)
		return e.raw(t, a)
	}
	whole := delivery().raw(t, a)
	for name, c := range map[string]struct {
		raw    []byte
		at     time.Time
		reason string
	}{
		"signed by a stranger": {delivery().raw(t, stranger), received, "not among the trusted"},
		"altered":              {with(func(e *envelope) { e.edit = func(s string) string { return strings.Replace(s, "stato", "Stato", 1) } }), received, "altered"},
		"certificate expired":  {whole, received.AddDate(3, 0, 0), "expired"},
		"signature is garbage": {with(func(e *envelope) { e.signature = []byte("garbage") }), received, "malformed"},
		"daticert unreadable":  {with(func(e *envelope) { e.data = "<postacert" }), received, "daticert.xml unreadable"},
		"two daticert":         {with(func(e *envelope) { e.twoData = true }), received, "unreadable"},
		"signature cut off":    {whole[:len(whole)-1200], received, "two parts"},
		"not signed at all": {
			[]byte("From: posta-certificata@pec.example.it\r\nX-Ricevuta: avvenuta-consegna\r\n" + delivery().content()), received, "not signed",
		},
		"no daticert":               {with(func(e *envelope) { e.noData = true }), received, "daticert.xml missing"},
		"certified without content": {with(func(e *envelope) { e.kind, e.headers = "posta-certificata", "X-Trasporto: posta-certificata\r\n" }), received, "postacert.eml missing"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := trust.Read(c.raw, c.at)
			if err != nil {
				t.Fatal(err)
			}
			if r.Class != pec.ClassUntrusted || r.Receipt != nil || r.Data != nil || r.Message != nil || r.Reference != "" {
				t.Errorf("something of it is believed: %+v", r)
			}
			if !strings.Contains(r.Reason, c.reason) {
				t.Errorf("reason %q, want %q", r.Reason, c.reason)
			}
		})
	}
}

const incoming = "From: Mario Rossi <Mario.Rossi@PEC.example.it>\r\nTo: protocollo@milano.pec.example.it\r\nMessage-ID: <m1@pec.example.it>\r\n" +
	"In-Reply-To: <" + ours + ">\r\nReferences: <x@y.it> <" + ours + ">\r\nDate: Sun, 22 Nov 2026 10:00:00 +0100\r\nSubject: =?utf-8?q?Perch=C3=A9?=\r\n" +
	"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"b\"\r\n\r\n--b\r\nContent-Type: text/plain; charset=windows-1252\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" +
	"Ecco l\x92integrazione.\r\n--b\r\nContent-Type: application/xml\r\nContent-Disposition: attachment; filename=daticert.xml\r\n\r\n<postacert tipo=\"avvenuta-consegna\"/>\r\n--b--\r\n"

func TestReadCertifiedMessage(t *testing.T) {
	a, trust := provider(t)
	e := envelope{kind: "posta-certificata", sender: "mario.rossi@pec.example.it", original: incoming, headers: "X-Trasporto: posta-certificata\r\n"}
	r, err := trust.Read(e.raw(t, a), received)
	if err != nil || r.Class != pec.ClassCertified || !r.Verified || r.Receipt != nil {
		t.Fatalf("%+v, %v", r, err)
	}
	want := Message{
		From: "mario.rossi@pec.example.it", FromName: "Mario Rossi", To: []string{mittent}, Subject: "Perché", MessageID: "m1@pec.example.it",
		InReplyTo: ours, References: []string{"x@y.it", ours}, Date: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC), Text: "Ecco l’integrazione.",
		// What looks like a receipt inside a stranger's message is a file of theirs.
		Attachments: []Attachment{{Name: "daticert.xml", MediaType: "application/xml", Body: []byte("<postacert tipo=\"avvenuta-consegna\"/>")}},
	}
	if diff := cmp.Diff(&want, r.Message); diff != "" {
		t.Error(diff)
	}
	e.original = "\x00\x01 not a message"
	if r, err := trust.Read(e.raw(t, a), received); err != nil || r.Class != pec.ClassCertified || r.Message == nil || !r.Message.Damaged || r.Message.From != "mario.rossi@pec.example.it" {
		t.Errorf("unreadable original: %+v, %v", r, err)
	}
}

func TestReadOtherMail(t *testing.T) {
	a, trust := provider(t)
	r, err := trust.Read([]byte(incoming), received)
	if err != nil || r.Class != pec.ClassOrdinary || r.Verified || r.Reason != "" || r.Message.From != "mario.rossi@pec.example.it" {
		t.Errorf("ordinary: %+v, %v", r, err)
	}
	anomaly := envelope{noData: true, original: incoming, headers: "X-Trasporto: errore\r\n"}
	if r, err := trust.Read(anomaly.raw(t, a), received); err != nil || r.Class != pec.ClassAnomaly || r.Message.Subject != "Perché" || r.Receipt != nil {
		t.Errorf("anomaly: %+v, %v", r, err)
	}
	anomaly.original = ""
	if r, err := trust.Read(anomaly.raw(t, a), received); err != nil || r.Class != pec.ClassAnomaly || r.Message == nil {
		t.Errorf("anomaly without a message: %+v, %v", r, err)
	}
	for _, raw := range []string{"", "no header", strings.Repeat("x", MaxMessage+1)} {
		if _, err := trust.Read([]byte(raw), received); !errors.Is(err, ErrMessage) {
			t.Errorf("%.10q: %v", raw, err)
		}
	}
}

// The samples' signatures were taken away, so they are what a forger sends: to be read, and not believed.
func TestStandardSamplesAreNotBelieved(t *testing.T) {
	_, trust := provider(t)
	for _, name := range []string{"accettazione_sample.eml", "errore-consegna_sample.eml"} {
		raw, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "shared", "standards", "pec", name))
		if errors.Is(err, os.ErrNotExist) {
			t.Skipf("sample %s is not beside this working copy", name)
		}
		if err != nil {
			t.Fatal(err)
		}
		r, err := trust.Read(raw, received)
		if err != nil || r.Class != pec.ClassUntrusted || r.Receipt != nil || r.Reason == "" {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		// Their content, signed by somebody we trust, is a receipt.
		a, trust := provider(t)
		m, err := ParseMessage(raw)
		if err != nil {
			t.Fatal(err)
		}
		e := envelope{headers: "X-Ricevuta: accettazione\r\n"}
		for _, file := range m.Attachments {
			if file.Name == dataName {
				e.data = string(file.Body)
			}
		}
		if r, err := trust.Read(e.raw(t, a), received); err != nil || r.Class != pec.ClassReceipt || !strings.HasPrefix(r.Reference, "SN05IE$") {
			t.Errorf("%s, signed: %+v, %v", name, r, err)
		}
	}
}

func TestParseMessageMendsWhatItCan(t *testing.T) {
	for name, c := range map[string]struct {
		raw  string
		want Message
	}{
		"HTML only": {
			"From: a@b.it\r\nContent-Type: text/html\r\n\r\n<html><head><style>p{}</style></head><body><p>Buongiorno,</p><p>chiedo&nbsp;l&#39;esito.<br>Grazie</p><script>x()</script></body></html>",
			Message{
				From: "a@b.it", Text: "Buongiorno,\nchiedo l'esito.\nGrazie",
				Attachments: []Attachment{{Name: "messaggio.html", MediaType: "text/html", Body: []byte("<html><head><style>p{}</style></head><body><p>Buongiorno,</p><p>chiedo&nbsp;l&#39;esito.<br>Grazie</p><script>x()</script></body></html>")}},
			},
		},
		"broken base64": {
			"From: a@b.it\r\nContent-Type: application/pdf; name=x.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERi0x!!!!",
			Message{From: "a@b.it", Attachments: []Attachment{{Name: "x.pdf", MediaType: "application/pdf", Body: []byte("%PDF-1"), Damaged: true}}, Damaged: true},
		},
		"unknown charset and encoding": {
			"From: a@b.it\r\nContent-Type: text/plain; charset=x-unknown\r\nContent-Transfer-Encoding: x-foo\r\n\r\nciao",
			Message{From: "a@b.it", Text: "ciao"},
		},
		"stray quote in the name": {"From: \"Rossi <mario@b.it>\r\nSubject: x\r\n\r\nciao", Message{From: "mario@b.it", Subject: "x", Text: "ciao"}},
		"cut short": {
			"From: a@b.it\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nprima\r\n--b\r\nContent-Type: application/pdf\r\n\r\n%PDF",
			Message{From: "a@b.it", Text: "prima", Attachments: []Attachment{{Name: "allegato-1.pdf", MediaType: "application/pdf", Body: []byte("%PDF"), Damaged: true}}, Damaged: true},
		},
		"path in a file name": {
			"From: a@b.it\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=\"C:\\\\x\\\\..\\\\evil.exe\"\r\n\r\nMZ",
			Message{From: "a@b.it", Attachments: []Attachment{{Name: "evil.exe", MediaType: "application/octet-stream", Body: []byte("MZ")}}},
		},
		"no sender, no date": {"Subject: x\r\nDate: ieri\r\nIn-Reply-To: sua del 22\r\n\r\n", Message{Subject: "x"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseMessage([]byte(c.raw))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseMessageHasLimits(t *testing.T) {
	many := "From: a@b.it\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat("--b\r\n\r\nx\r\n", maxParts+1) + "--b--\r\n"
	deep := "From: a@b.it\r\n"
	for i := range maxNesting + 2 {
		deep += fmt.Sprintf("Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i)
	}
	for name, raw := range map[string]string{"many parts": many, "deep": deep + "\r\nx"} {
		if _, err := ParseMessage([]byte(raw)); !errors.Is(err, ErrMessage) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	a, trust := provider(f)
	good := delivery().raw(f, a)
	f.Add(good)
	f.Add(bytes.ReplaceAll(good, []byte("\r\n"), []byte("\n")))
	f.Add([]byte(incoming))
	f.Add(envelope{kind: "posta-certificata", sender: "m@pec.it", original: incoming, headers: "X-Trasporto: posta-certificata\r\n"}.raw(f, a))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := trust.Read(raw, received)
		if err != nil {
			return
		}
		if (r.Data != nil || r.Receipt != nil) && !r.Verified {
			t.Fatalf("believed without a signature: %+v", r)
		}
		if r.Verified && r.Receipt != nil && r.Receipt.Kind != pec.Delivered {
			t.Fatalf("another receipt than the signed one: %+v", r.Receipt)
		}
	})
}

func FuzzParseMessage(f *testing.F) {
	f.Add([]byte(incoming))
	f.Add([]byte("From: a\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := ParseMessage(raw)
		if err != nil {
			return
		}
		for _, s := range append([]string{m.Subject, m.From, m.FromName, m.MessageID, m.InReplyTo}, m.References...) {
			if strings.ContainsAny(s, "\r\n\x00") {
				t.Fatalf("more than a line: %q", s)
			}
		}
		for _, a := range m.Attachments {
			if a.Name == "" || strings.ContainsAny(a.Name, "/\\\r\n\x00") {
				t.Fatalf("file name %q", a.Name)
			}
		}
	})
}
