package outside

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"net/mail"
	"net/smtp"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/google/go-cmp/cmp"
	"github.com/smallstep/pkcs7"
)

const milano = "protocollo@milano.pec.example.it"

// letter is a message of the chamber, as its system would write it.
func letter(from string, to ...string) string {
	return "From: " + from + "\r\nTo: " + strings.Join(to, ", ") + "\r\nSubject: =?utf-8?q?Esito_dell=27istanza_perch=C3=A9?=\r\n" +
		"Message-ID: <a1.m1@sportello.example.it>\r\nDate: Mon, 01 Jun 2026 10:00:00 +0200\r\nMIME-Version: 1.0\r\n" +
		"Content-Type: multipart/mixed; boundary=\"b\"\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nTesto con accenti: perché.\r\n" +
		"--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=\"esito.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
		base64.StdEncoding.EncodeToString([]byte("%PDF-1.4 esito")) + "\r\n--b--\r\n"
}

// send submits with net/smtp over STARTTLS, as the account of the sender.
func (w *world) send(from string, to []string, raw string) error {
	w.t.Helper()
	c, err := smtp.Dial(w.smtp)
	if err != nil {
		w.t.Fatal(err)
	}
	defer c.Close()
	if err := c.StartTLS(w.tls()); err != nil {
		w.t.Fatal(err)
	}
	a := w.account(from)
	if err := c.Auth(smtp.PlainAuth("", a.User, a.Password, "127.0.0.1")); err != nil {
		w.t.Fatal(err)
	}
	if err := c.Mail(from); err != nil {
		return err
	}
	for _, r := range to {
		if err := c.Rcpt(r); err != nil {
			return err
		}
	}
	d, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := io.WriteString(d, raw); err != nil {
		return err
	}
	return d.Close()
}

func (w *world) imapClient(address string) *imapclient.Client {
	w.t.Helper()
	c, err := imapclient.DialStartTLS(w.imap, &imapclient.Options{TLSConfig: w.tls()})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = c.Close() })
	a := w.account(address)
	if err := c.Login(a.User, a.Password).Wait(); err != nil {
		w.t.Fatal(err)
	}
	return c
}

// messages reads a whole mailbox with a real client.
func (w *world) messages(address string) [][]byte {
	w.t.Helper()
	c := w.imapClient(address)
	selected, err := c.Select("INBOX", nil).Wait()
	if err != nil {
		w.t.Fatal(err)
	}
	if selected.NumMessages == 0 {
		return nil
	}
	section := &imap.FetchItemBodySection{Peek: true}
	list, err := c.Fetch(imap.UIDSet{{Start: 1}}, &imap.FetchOptions{UID: true, BodySection: []*imap.FetchItemBodySection{section}}).Collect()
	if err != nil {
		w.t.Fatal(err)
	}
	var out [][]byte
	for _, m := range list {
		out = append(out, m.FindBodySection(section))
	}
	return out
}

// inbox waits for n messages.
func (w *world) inbox(address string, n int) []received {
	w.t.Helper()
	box, err := w.mailboxes.Box(address)
	if err != nil {
		w.t.Fatal(err)
	}
	eventually(w.t, fmt.Sprintf("%d messages in %s", n, address), func() bool { return box.Status().Messages >= uint32(n) })
	eventually(w.t, "the end of the steps", func() bool {
		for _, m := range w.provider.Messages("") {
			if m.Pending() {
				return false
			}
		}
		return true
	})
	raws := w.messages(address)
	if len(raws) != n {
		w.t.Fatalf("%s has %d messages, want %d", address, len(raws), n)
	}
	var out []received
	for _, raw := range raws {
		out = append(out, parse(w.t, raw))
	}
	return out
}

// received is a message taken apart.
type received struct {
	raw       []byte
	header    mail.Header
	subject   string
	signed    []byte // the part that is signed
	signature []byte
	parts     map[string][]byte // by file name or media type
}

func parse(t *testing.T, raw []byte) received {
	t.Helper()
	msg, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatalf("parsing %s: %v", raw, err)
	}
	r := received{raw: raw, header: msg.Header, parts: map[string][]byte{}}
	if r.subject, err = new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject")); err != nil {
		t.Fatal(err)
	}
	kind, params, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	if kind != "multipart/signed" {
		return r
	}
	if params["micalg"] != "sha-256" || params["protocol"] != "application/x-pkcs7-signature" {
		t.Errorf("multipart/signed with %v", params)
	}
	// The signed bytes are cut out as they stand, as a verifier must do.
	pieces := bytes.Split(raw, []byte("--"+params["boundary"]))
	if len(pieces) != 4 {
		t.Fatalf("multipart/signed with %d pieces", len(pieces))
	}
	r.signed = bytes.TrimSuffix(bytes.TrimPrefix(pieces[1], []byte("\r\n")), []byte("\r\n"))
	signature, err := mail.ReadMessage(bytes.NewReader(bytes.TrimPrefix(pieces[2], []byte("\r\n"))))
	if err != nil {
		t.Fatal(err)
	}
	if r.signature, err = io.ReadAll(base64.NewDecoder(base64.StdEncoding, signature.Body)); err != nil {
		t.Fatal(err)
	}
	collect(t, r.signed, r.parts)
	return r
}

func collect(t *testing.T, entity []byte, parts map[string][]byte) {
	t.Helper()
	br := bufio.NewReader(bytes.NewReader(entity))
	h, err := textproto.NewReader(br).ReadMIMEHeader()
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(br)
	kind, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(kind, "multipart/") {
		name := params["name"]
		if name == "" {
			name = kind
		}
		if h.Get("Content-Transfer-Encoding") == "base64" {
			body, err = io.ReadAll(base64.NewDecoder(base64.StdEncoding, bytes.NewReader(body)))
			if err != nil {
				t.Fatal(err)
			}
		}
		parts[name] = body
		return
	}
	mr := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for {
		p, err := mr.NextRawPart()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		var buf bytes.Buffer
		for k, v := range p.Header {
			fmt.Fprintf(&buf, "%s: %s\r\n", k, v[0])
		}
		buf.WriteString("\r\n")
		_, _ = io.Copy(&buf, p)
		collect(t, buf.Bytes(), parts)
	}
}

// verify checks the signature up to the provider's authority.
func (w *world) verify(r received) error {
	w.t.Helper()
	p7, err := pkcs7.Parse(r.signature)
	if err != nil {
		return err
	}
	p7.Content = r.signed
	pool := x509.NewCertPool()
	pem, err := os.ReadFile(filepath.Join(w.data, "pec-ca.pem"))
	if err != nil || !pool.AppendCertsFromPEM(pem) {
		w.t.Fatalf("reading pec-ca.pem: %v", err)
	}
	if err := p7.VerifyWithChain(pool); err != nil {
		return err
	}
	if got := p7.GetOnlySigner().EmailAddresses; len(got) != 1 || got[0] != "posta-certificata@pec.example.it" {
		return fmt.Errorf("signer's e-mail %v", got)
	}
	return nil
}

type daticert struct {
	Kind  string   `xml:"tipo,attr"`
	Error string   `xml:"errore,attr"`
	From  string   `xml:"intestazione>mittente"`
	To    []string `xml:"intestazione>destinatari"`
	Sub   string   `xml:"intestazione>oggetto"`
	ID    string   `xml:"dati>identificativo"`
	MsgID string   `xml:"dati>msgid"`
	Recv  string   `xml:"dati>consegna"`
	Ext   string   `xml:"dati>errore-esteso"`
	Day   string   `xml:"dati>data>giorno"`
	Hour  string   `xml:"dati>data>ora"`
	Want  struct {
		Kind string `xml:"tipo,attr"`
	} `xml:"dati>ricevuta"`
}

func (r received) daticert(t *testing.T) daticert {
	t.Helper()
	var d daticert
	if err := xml.Unmarshal(r.parts["daticert.xml"], &d); err != nil {
		t.Fatalf("daticert.xml: %v\n%s", err, r.parts["daticert.xml"])
	}
	return d
}

func kinds(list []received) []string {
	var out []string
	for _, r := range list {
		out = append(out, r.header.Get("X-Ricevuta"))
	}
	return out
}

func TestCertifiedMessageFromSendingToDelivery(t *testing.T) {
	w := start(t)
	to := "officine.rinaldi@pec.example.it"
	if err := w.send(milano, []string{to}, letter(milano, to)); err != nil {
		t.Fatal(err)
	}
	receipts := w.inbox(milano, 2)
	if diff := cmp.Diff([]string{"accettazione", "avvenuta-consegna"}, kinds(receipts)); diff != "" {
		t.Error(diff)
	}
	prefixes := []string{"ACCETTAZIONE: ", "CONSEGNA: "}
	for i, r := range receipts {
		if err := w.verify(r); err != nil {
			t.Errorf("receipt %d: %v", i, err)
		}
		d := r.daticert(t)
		if d.From != milano || d.MsgID != "<a1.m1@sportello.example.it>" || d.To[0] != to || d.Sub != "Esito dell'istanza perché" || d.Error != "nessuno" {
			t.Errorf("receipt %d: daticert %+v", i, d)
		}
		if r.header.Get("X-Riferimento-Message-Id") != "<a1.m1@sportello.example.it>" || r.subject != prefixes[i]+"Esito dell'istanza perché" {
			t.Errorf("receipt %d: header %v", i, r.header)
		}
	}
	delivered := receipts[1]
	if d := delivered.daticert(t); d.Recv != to || d.Want.Kind != "completa" {
		t.Errorf("delivery: %+v", d)
	}
	if got := string(delivered.parts["postacert.eml"]); got != letter(milano, to) {
		t.Errorf("postacert.eml of the delivery receipt:\n%q", got)
	}
	arrived := w.inbox(to, 1)[0]
	if err := w.verify(arrived); err != nil {
		t.Errorf("envelope: %v", err)
	}
	if arrived.header.Get("X-Trasporto") != "posta-certificata" || !strings.HasPrefix(arrived.subject, "POSTA CERTIFICATA: ") {
		t.Errorf("envelope: %v", arrived.header)
	}
	if d := arrived.daticert(t); d.Kind != "posta-certificata" || "<"+d.ID+">" != arrived.header.Get("Message-Id") {
		t.Errorf("envelope: daticert %+v", d)
	}
	if got := string(arrived.parts["postacert.eml"]); got != letter(milano, to) {
		t.Errorf("postacert.eml of the envelope:\n%q", got)
	}
}

func TestReceiptTypes(t *testing.T) {
	w := start(t)
	to := "officine.rinaldi@pec.example.it"
	for i, wanted := range []string{"breve", "sintetica"} {
		raw := "X-TipoRicevuta: " + wanted + "\r\n" + letter(milano, to)
		if err := w.send(milano, []string{to}, raw); err != nil {
			t.Fatal(err)
		}
		r := w.inbox(milano, 2*(i+1))[2*i+1]
		if d := r.daticert(t); d.Want.Kind != wanted {
			t.Errorf("%s: daticert says %q", wanted, d.Want.Kind)
		}
		attached, has := r.parts["postacert.eml"]
		if has != (wanted == "breve") {
			t.Errorf("%s: postacert.eml there: %v", wanted, has)
		}
		if has && (!bytes.Contains(attached, []byte("esito.pdf.hash")) || bytes.Contains(attached, []byte("JVBERi"))) {
			t.Errorf("brief receipt:\n%s", attached)
		}
	}
}

func TestBehaviours(t *testing.T) {
	cases := map[string]struct {
		receipts []string
		code     string
	}{
		"mancata.consegna":    {[]string{"accettazione", "errore-consegna"}, "no-dest"},
		"casella.piena":       {[]string{"accettazione", "errore-consegna"}, "altro"},
		"dominio.inesistente": {[]string{"accettazione", "errore-consegna"}, "no-dominio"},
		"virus":               {[]string{"accettazione", "errore-consegna"}, "virus"},
		"ritardo":             {[]string{"accettazione", "preavviso-errore-consegna", "avvenuta-consegna"}, "nessuno"},
		"doppia":              {[]string{"accettazione", "accettazione", "avvenuta-consegna", "avvenuta-consegna"}, "nessuno"},
		"disordine":           {[]string{"avvenuta-consegna", "accettazione"}, "nessuno"},
		"mai":                 {nil, ""},
		"solo.accettazione":   {[]string{"accettazione"}, "nessuno"},
		"nonaccetta":          {[]string{"non-accettazione"}, "altro"},
	}
	w := start(t)
	chambers := []string{"bergamo", "brescia", "como-lecco", "cremona-mantova-pavia", "milano", "sondrio", "varese"}
	i := 0
	for local, c := range cases {
		from := []string{"protocollo@", "ufficio.reclami@"}[i/7] + chambers[i%7] + ".pec.example.it"
		i++
		to := local + "@impresa.pec.example.it"
		if err := w.send(from, []string{to}, letter(from, to)); err != nil {
			t.Errorf("%s: %v", local, err)
			continue
		}
		list := w.inbox(from, len(c.receipts))
		if diff := cmp.Diff(c.receipts, kinds(list)); diff != "" {
			t.Errorf("%s: %s", local, diff)
		}
		for n, r := range list {
			if err := w.verify(r); err != nil {
				t.Errorf("%s, receipt %d: %v", local, n, err)
			}
		}
		if len(list) == 0 {
			continue
		}
		last := list[len(list)-1].daticert(t)
		if last.Error != c.code {
			t.Errorf("%s: errore %q, want %q", local, last.Error, c.code)
		}
		if last.Kind == "errore-consegna" && (last.Recv != to || last.Ext == "") {
			t.Errorf("%s: %+v", local, last)
		}
		if local == "doppia" && !bytes.Equal(list[0].raw, list[1].raw) {
			t.Error("doppia: the two receipts are not the same bytes")
		}
		if local == "disordine" {
			first := list[0].daticert(t)
			if last.Day+last.Hour > first.Day+first.Hour {
				t.Error("disordine: the acceptance bears a later time than the delivery")
			}
		}
	}
}

func TestForgedReceipts(t *testing.T) {
	w := start(t)
	to := "falsa@impresa.pec.example.it"
	if err := w.send(milano, []string{to}, letter(milano, to)); err != nil {
		t.Fatal(err)
	}
	list := w.inbox(milano, 2)
	if w.verify(list[0]) != nil || w.verify(list[1]) == nil {
		t.Errorf("falsa: acceptance %v, delivery %v", w.verify(list[0]), w.verify(list[1]))
	}
	id := w.provider.Messages("")[0].ID
	for _, flaw := range []string{"tampered", "bad-xml", "unsigned", "wrong-reference"} {
		w.control("POST", "/control/pec/"+id+"/receipts", map[string]string{"kind": "avvenuta-consegna", "flaw": flaw}, nil, http.StatusCreated)
	}
	list = w.inbox(milano, 6)
	if w.verify(list[2]) == nil {
		t.Error("tampered: it verified")
	}
	if err := w.verify(list[3]); err != nil || xml.Unmarshal(list[3].parts["daticert.xml"], new(daticert)) == nil {
		t.Errorf("bad-xml: %v", err)
	}
	if list[4].signature != nil {
		t.Error("unsigned: it is signed")
	}
	if err := w.verify(list[5]); err != nil || list[5].daticert(t).MsgID == "<a1.m1@sportello.example.it>" {
		t.Errorf("wrong-reference: %v", err)
	}
}

func TestSMTPRefusals(t *testing.T) {
	w := start(t)
	to := "rifiuta@impresa.pec.example.it"
	if err := w.send(milano, []string{to}, letter(milano, to)); err == nil || !strings.HasPrefix(err.Error(), "550") {
		t.Errorf("rifiuta: %v", err)
	}
	to = "temporaneo@impresa.pec.example.it"
	for attempt := range 3 {
		err := w.send(milano, []string{to}, letter(milano, to))
		if refused := err != nil && strings.HasPrefix(err.Error(), "451"); refused != (attempt < 2) {
			t.Errorf("temporaneo, attempt %d: %v", attempt+1, err)
		}
	}
	to = "interrotta@impresa.pec.example.it"
	if err := w.send(milano, []string{to}, letter(milano, to)); err == nil {
		t.Error("interrotta: the 250 arrived")
	}
	var list []messageView
	w.control("GET", "/control/pec?address="+to, nil, &list, http.StatusOK)
	if len(list) != 1 {
		t.Errorf("interrotta: %d messages were taken in charge, want 1", len(list))
	}
	if err := w.send(milano, []string{to}, letter(milano, to)); err != nil {
		t.Errorf("interrotta, second attempt: %v", err)
	}
	if err := w.send(milano, []string{"a@b.pec.example.it"}, letter(milano, "a@b.pec.example.it")); err != nil {
		t.Error(err)
	}
}

func (w *world) secured() *smtp.Client {
	w.t.Helper()
	c, err := smtp.Dial(w.smtp)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = c.Close() })
	if err := c.Hello("localhost"); err != nil {
		w.t.Fatal(err)
	}
	if ok, _ := c.Extension("AUTH"); ok {
		w.t.Error("AUTH is offered without TLS")
	}
	if err := c.StartTLS(w.tls()); err != nil {
		w.t.Fatal(err)
	}
	return c
}

func TestSMTPAuthentication(t *testing.T) {
	w := start(t)
	if err := w.secured().Mail(milano); err == nil || !strings.HasPrefix(err.Error(), "530") {
		t.Errorf("MAIL without login: %v", err)
	}
	if err := w.secured().Auth(smtp.PlainAuth("", milano, "sbagliata", "127.0.0.1")); err == nil || !strings.HasPrefix(err.Error(), "535") {
		t.Errorf("wrong password: %v", err)
	}
	c, a := w.secured(), w.account(milano)
	if err := c.Auth(loginAuth{a.User, a.Password}); err != nil {
		t.Errorf("AUTH LOGIN: %v", err)
	}
	if err := c.Mail("protocollo@varese.pec.example.it"); err == nil || !strings.HasPrefix(err.Error(), "553") {
		t.Errorf("another's sender: %v", err)
	}
}

// loginAuth is AUTH LOGIN, which net/smtp does not have.
type loginAuth struct{ user, password string }

func (l loginAuth) Start(*smtp.ServerInfo) (string, []byte, error) { return "LOGIN", nil, nil }

func (l loginAuth) Next(question []byte, more bool) ([]byte, error) {
	switch {
	case !more:
		return nil, nil
	case bytes.HasPrefix(question, []byte("User")):
		return []byte(l.user), nil
	}
	return []byte(l.password), nil
}

func TestFormalChecks(t *testing.T) {
	w := start(t)
	to := "officine.rinaldi@pec.example.it"
	cases := map[string]string{
		"other From":        strings.Replace(letter(milano, to), "From: "+milano, "From: altro@pec.example.it", 1),
		"Bcc":               "Bcc: x@pec.example.it\r\n" + letter(milano, to),
		"recipient unnamed": letter(milano, "altro@pec.example.it"),
	}
	n := 0
	for name, raw := range cases {
		if err := w.send(milano, []string{to}, raw); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		n++
		list := w.inbox(milano, n)
		if got := list[n-1].header.Get("X-Ricevuta"); got != "non-accettazione" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestIncomingMail(t *testing.T) {
	w := start(t)
	var m messageView
	w.control("POST", "/control/pec/incoming", Letter{
		From: "giulia.rinaldi@pec.example.it", To: milano, Subject: "Integrazione", Text: "Allego quanto chiesto.", InReplyTo: "a1.m1@sportello.example.it",
		Attachments: []Upload{{Name: "prova è.pdf", MediaType: "application/pdf", Content: []byte("%PDF-1.4")}},
	}, &m, http.StatusCreated)
	arrived := w.inbox(milano, 1)[0]
	if err := w.verify(arrived); err != nil {
		t.Error(err)
	}
	original, err := mail.ReadMessage(bytes.NewReader(arrived.parts["postacert.eml"]))
	if err != nil {
		t.Fatal(err)
	}
	if original.Header.Get("In-Reply-To") != "<a1.m1@sportello.example.it>" || original.Header.Get("Message-Id") != m.MessageID {
		t.Errorf("original: %v", original.Header)
	}
	if got := kinds(w.inbox("giulia.rinaldi@pec.example.it", 2)); !cmp.Equal(got, []string{"accettazione", "avvenuta-consegna"}) {
		t.Errorf("the sender's receipts: %v", got)
	}
	no := false
	w.control("POST", "/control/pec/incoming", Letter{From: "sofia.conti@example.it", To: milano, Subject: "Ciao", Text: "x", Certified: &no}, nil, http.StatusCreated)
	ordinary := w.inbox(milano, 2)[1]
	if ordinary.header.Get("X-Trasporto") != "errore" || !strings.HasPrefix(ordinary.subject, "ANOMALIA MESSAGGIO: ") {
		t.Errorf("anomaly: %v", ordinary.header)
	}
	if _, has := ordinary.parts["daticert.xml"]; has {
		t.Error("anomaly: there is a daticert.xml")
	}
	if err := w.verify(ordinary); err != nil {
		t.Error(err)
	}
	for _, bad := range []Letter{
		{From: "a@pec.example.it", To: "no", Subject: "x"},
		{From: "a@example.it", To: milano, Subject: "x"},
		{From: "a@pec.example.it", To: milano},
	} {
		w.control("POST", "/control/pec/incoming", bad, nil, http.StatusBadRequest)
	}
}

func TestMailAsItIs(t *testing.T) {
	w := start(t)
	from := "giulia.rinaldi@pec.example.it"
	raw := strings.ReplaceAll(letter(from, milano), "\r\n", "\n") // bare line feeds, as some programs write
	w.control("POST", "/control/pec/incoming", Letter{From: from, To: milano, Raw: []byte(raw)}, nil, http.StatusCreated)
	arrived := w.inbox(milano, 1)[0]
	if err := w.verify(arrived); err != nil || string(arrived.parts["postacert.eml"]) != letter(from, milano) {
		t.Errorf("raw message: %v\n%q", err, arrived.parts["postacert.eml"])
	}
	for _, junk := range []string{"", "\x00\xff", "X-Ricevuta: accettazione\r\nSubject: ACCETTAZIONE: falso\r\n\r\nx"} {
		resp, body := w.do("POST", "/control/mailboxes/"+milano, nil, strings.NewReader(junk))
		wantStatus(t, resp, body, http.StatusCreated)
	}
	got := w.messages(milano)
	if len(got) != 4 || string(got[2]) != "\x00\xff" {
		t.Errorf("%d messages, the third %q", len(got), got[2])
	}
	w.page("/caselle/"+milano, http.StatusOK)
	for uid := range 4 {
		w.page(fmt.Sprintf("/caselle/%s/%d", milano, uid+1), http.StatusOK)
	}
}

func TestOrdinaryRecipientGetsNoDelivery(t *testing.T) {
	w := start(t)
	to := "sofia.conti@example.it"
	if err := w.send(milano, []string{to}, letter(milano, to)); err != nil {
		t.Fatal(err)
	}
	list := w.inbox(milano, 1)
	if !bytes.Contains(list[0].parts["daticert.xml"], []byte(`tipo="esterno"`)) {
		t.Errorf("daticert:\n%s", list[0].parts["daticert.xml"])
	}
}

func TestHoldAndReceiptsByHand(t *testing.T) {
	w := start(t)
	w.control("POST", "/control/hold", map[string]bool{"on": true}, nil, http.StatusOK)
	to := "officine.rinaldi@pec.example.it"
	if err := w.send(milano, []string{to}, letter(milano, to)); err != nil {
		t.Fatal(err)
	}
	w.provider.Advance(time.Now())
	if got := w.messages(milano); len(got) != 0 {
		t.Fatalf("%d receipts while held", len(got))
	}
	id := w.provider.Messages("")[0].ID
	w.control("POST", "/control/pec/"+id+"/receipts", map[string]string{"kind": "accettazione"}, nil, http.StatusCreated)
	w.control("POST", "/control/pec/"+id+"/receipts", map[string]string{"kind": "inventata"}, nil, http.StatusBadRequest)
	if got := kinds([]received{parse(t, w.messages(milano)[0])}); got[0] != "accettazione" {
		t.Errorf("by hand: %v", got)
	}
	w.control("POST", "/control/release", nil, nil, http.StatusOK)
	w.inbox(milano, 3)
}

func TestReceiptsAreStampedByTheMovedClock(t *testing.T) {
	w := start(t)
	if err := os.WriteFile(filepath.Join(w.data, "clock"), []byte("86400000000"), 0o600); err != nil { // a thousand days
		t.Fatal(err)
	}
	to := "officine.rinaldi@pec.example.it"
	if err := w.send(milano, []string{to}, letter(milano, to)); err != nil {
		t.Fatal(err)
	}
	r := w.inbox(milano, 2)[0]
	date, err := r.header.Date()
	if err != nil || date.Before(time.Now().AddDate(0, 0, 999)) {
		t.Errorf("Date %v, %v", date, err)
	}
	if err := w.verify(r); err != nil {
		t.Error(err)
	}
}

// TestKilledBetweenAcknowledgementAndReceipts leaves a message held, drops everything that is only
// in memory, and starts again on the same folder.
func TestKilledBetweenAcknowledgementAndReceipts(t *testing.T) {
	w := start(t)
	w.control("POST", "/control/hold", map[string]bool{"on": true}, nil, http.StatusOK)
	to := "officine.rinaldi@pec.example.it"
	if err := w.send(milano, []string{to}, letter(milano, to)); err != nil {
		t.Fatal(err)
	}
	w.stop()
	again := startIn(t, w.data)
	again.control("POST", "/control/release", nil, nil, http.StatusOK)
	again.inbox(milano, 2)
	again.stop()
	third := startIn(t, w.data)
	third.inbox(milano, 2)
}

func TestSameMessageTwiceIsTwoMessages(t *testing.T) {
	w := start(t)
	to := "officine.rinaldi@pec.example.it"
	for range 2 {
		if err := w.send(milano, []string{to}, letter(milano, to)); err != nil {
			t.Fatal(err)
		}
	}
	var list []messageView
	w.control("GET", "/control/pec?messageId=a1.m1@sportello.example.it", nil, &list, http.StatusOK)
	if len(list) != 2 {
		t.Errorf("%d messages listed, want 2", len(list))
	}
	w.inbox(to, 2)
}

func TestIMAPClientCommands(t *testing.T) {
	w := start(t)
	to := "officine.rinaldi@pec.example.it"
	for range 3 {
		if err := w.send(milano, []string{to}, letter(milano, to)); err != nil {
			t.Fatal(err)
		}
	}
	w.inbox(milano, 6)
	c := w.imapClient(milano)
	if _, err := c.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	search := func(criteria *imap.SearchCriteria) []imap.UID {
		t.Helper()
		data, err := c.UIDSearch(criteria, nil).Wait()
		if err != nil {
			t.Fatal(err)
		}
		return data.AllUIDs()
	}
	delivered := &imap.SearchCriteria{Header: []imap.SearchCriteriaHeaderField{{Key: "X-Ricevuta", Value: "avvenuta-consegna"}}}
	if got := search(delivered); len(got) != 3 {
		t.Errorf("search by header: %v", got)
	}
	if got := search(&imap.SearchCriteria{Header: []imap.SearchCriteriaHeaderField{{Key: "X-Riferimento-Message-ID", Value: "a1.m1@"}}, Not: []imap.SearchCriteria{*delivered}}); len(got) != 3 {
		t.Errorf("search with not: %v", got)
	}
	if got := search(&imap.SearchCriteria{UID: []imap.UIDSet{{{Start: 5}}}}); !cmp.Equal(got, []imap.UID{5, 6}) {
		t.Errorf("search 5:*: %v", got)
	}
	if got := search(&imap.SearchCriteria{Since: time.Now().AddDate(0, 0, 2)}); len(got) != 0 {
		t.Errorf("search since the day after tomorrow: %v", got)
	}
	if got := search(&imap.SearchCriteria{Body: []string{"stato consegnato nella casella"}}); len(got) != 3 {
		t.Errorf("search in the body: %v", got)
	}
	flags := &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{"\\seen", imap.FlagDeleted}}
	if _, err := c.Store(imap.UIDSetNum(1, 2), flags, nil).Collect(); err != nil {
		t.Fatal(err)
	}
	if got := search(&imap.SearchCriteria{NotFlag: []imap.Flag{imap.FlagSeen}}); len(got) != 4 {
		t.Errorf("unseen: %v", got)
	}
	if _, err := c.UIDExpunge(imap.UIDSetNum(1)).Collect(); err != nil {
		t.Fatal(err)
	}
	if got := search(&imap.SearchCriteria{}); !cmp.Equal(got, []imap.UID{2, 3, 4, 5, 6}) {
		t.Errorf("after expunging 1: %v", got)
	}
	status, err := c.Status("INBOX", &imap.StatusOptions{NumMessages: true, UIDNext: true, UIDValidity: true, NumUnseen: true}).Wait()
	if err != nil || *status.NumMessages != 5 || status.UIDNext != 7 || *status.NumUnseen != 4 {
		t.Errorf("status %+v, %v", status, err)
	}
	validity := status.UIDValidity
	envelopes, err := c.Fetch(imap.UIDSetNum(3), &imap.FetchOptions{
		Envelope: true, Flags: true, InternalDate: true, RFC822Size: true, BodyStructure: &imap.FetchItemBodyStructure{Extended: true},
	}).Collect()
	if err != nil || len(envelopes) != 1 || envelopes[0].Envelope.From[0].Addr() != "posta-certificata@pec.example.it" {
		t.Errorf("fetch: %+v, %v", envelopes, err)
	}
	w.stop()
	again := startIn(t, w.data)
	c = again.imapClient(milano)
	data, err := c.Select("INBOX", nil).Wait()
	if err != nil || data.UIDValidity != validity || data.UIDNext != 7 || data.NumMessages != 5 {
		t.Errorf("after a restart: %+v, %v", data, err)
	}
}

func TestIMAPTellsOfNewMail(t *testing.T) {
	w := start(t)
	told := make(chan uint32, 8)
	c, err := imapclient.DialStartTLS(w.imap, &imapclient.Options{
		TLSConfig: w.tls(),
		UnilateralDataHandler: &imapclient.UnilateralDataHandler{Mailbox: func(d *imapclient.UnilateralDataMailbox) {
			if d.NumMessages != nil {
				told <- *d.NumMessages
			}
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	a := w.account(milano)
	if err := c.Login(a.User, a.Password).Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	idle, err := c.Idle()
	if err != nil {
		t.Fatal(err)
	}
	w.control("POST", "/control/pec/incoming", Letter{From: "giulia.rinaldi@pec.example.it", To: milano, Subject: "x", Text: "x"}, nil, http.StatusCreated)
	select {
	case n := <-told:
		if n != 1 {
			t.Errorf("told of %d messages", n)
		}
	case <-time.After(20 * time.Second):
		t.Error("IDLE said nothing")
	}
	if err := idle.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestIMAPNeedsTLSAndPassword(t *testing.T) {
	w := start(t)
	conn, err := net.Dial("tcp", w.imap)
	if err != nil {
		t.Fatal(err)
	}
	plainClient := imapclient.New(conn, nil)
	defer plainClient.Close()
	a := w.account(milano)
	if err := plainClient.Login(a.User, a.Password).Wait(); err == nil {
		t.Error("LOGIN was accepted without TLS")
	}
	c, err := imapclient.DialStartTLS(w.imap, &imapclient.Options{TLSConfig: w.tls()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Login(a.User, "sbagliata").Wait(); err == nil {
		t.Error("a wrong password was accepted")
	}
	if _, err := imapclient.DialStartTLS(w.imap, &imapclient.Options{TLSConfig: &tls.Config{ServerName: "localhost"}}); err == nil {
		t.Error("the server's certificate was trusted without ca.pem")
	}
}
