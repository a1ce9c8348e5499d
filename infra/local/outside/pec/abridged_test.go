package pec

import (
	"bytes"
	"strings"
	"testing"
)

const withAttachment = "Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\ntesto\r\n" +
	"--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=\"a.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\naGFzaA==\r\n--b--\r\n"

func TestAbridged(t *testing.T) {
	got := string(abridged([]byte(withAttachment)))
	// SHA-256 of "hash", the decoded attachment.
	for _, want := range []string{"testo", "a.pdf.hash", "d04b98f48e8f8bcc15c6ae5ac050801cd6dcfd428fb5f9e65c4e16e7807340fa"} {
		if !strings.Contains(got, want) {
			t.Errorf("the abridged message has no %s:\n%s", want, got)
		}
	}
	if strings.Contains(got, "aGFzaA==") {
		t.Error("the attachment is still there")
	}
	for _, whole := range []string{"", "x", "Subject: x\r\n\r\ntesto", strings.Replace(withAttachment, "--b--", "", 1)} {
		if got := abridged([]byte(whole)); string(got) != whole {
			t.Errorf("%q became %q", whole, got)
		}
	}
}

func FuzzAbridged(f *testing.F) {
	f.Add([]byte(withAttachment))
	f.Add([]byte("Content-Type: multipart/mixed; boundary=\"\"\r\n\r\n----\r\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		once := abridged(raw)
		if bytes.Equal(once, raw) {
			return
		}
		if _, err := Header(once); err != nil {
			t.Errorf("the abridged message does not parse: %v", err)
		}
	})
}

// FuzzFormalChecks reads any bytes as a message: whatever they are, they get a plan and words.
func FuzzFormalChecks(f *testing.F) {
	f.Add([]byte(withAttachment))
	f.Add([]byte("From: =?x?=\r\nTo: ,\r\nBcc: \r\nX-TipoRicevuta: boh\r\n\r\n"))
	p := &Provider{Config: Config{Name: "x", Domain: "pec.example.it"}}
	f.Fuzz(func(t *testing.T, raw []byte) {
		m := Message{From: "a@pec.example.it", Certified: true, To: []Recipient{{Address: "b@pec.example.it", Certified: true, Behaviour: normal}}}
		p.read(&m, raw)
		for _, kind := range append(Kinds(), transport) {
			if _, err := p.daticert(m, explained(Step{Kind: kind, Recipient: "b@pec.example.it"}), m.ReceivedAt); err != nil {
				t.Errorf("%s: %v", kind, err)
			}
		}
	})
}
