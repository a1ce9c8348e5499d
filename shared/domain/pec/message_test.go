package pec

import (
	"errors"
	"strings"
	"testing"
)

func TestMessageID(t *testing.T) {
	const application = "019f0000-0000-7000-8000-000000000001"
	for _, mail := range []string{"019f0000-0000-7000-8000-000000000002", "outcome.applicant", "a_b-c"} {
		m, err := NewMessageID(application, mail, "PEC.Example.it")
		if err != nil {
			t.Fatal(err)
		}
		if want := "<" + application + "." + mail + "@pec.example.it>"; m.String() != want {
			t.Errorf("%s, want %s", m, want)
		}
		for _, s := range []string{m.String(), Bare(m.String()), " " + m.String() + "\r\n", strings.Replace(m.String(), "pec.example", "PEC.EXAMPLE", 1)} {
			if back, err := ParseMessageID(s); err != nil || back != m {
				t.Errorf("ParseMessageID(%q) = %v, %v", s, back, err)
			}
		}
		if !SameMessage(m.String(), Bare(m.String())) || SameMessage("", " <> ") {
			t.Error("SameMessage")
		}
	}
}

func TestMessageIDRefuses(t *testing.T) {
	for _, c := range [][3]string{
		{"", "m", "d.it"}, {"a", "", "d.it"}, {"a", "m", ""}, {"a.b", "m@", "d.it"}, {"a", "m..n", "d.it"}, {"a", "m\r\nBcc: x", "d.it"},
		{"a", "m", "d.it>\r\nBcc: x"}, {"a", strings.Repeat("m", 250), "d.it"}, {"a", "m", "d..it"}, {"à", "m", "d.it"},
	} {
		if m, err := NewMessageID(c[0], c[1], c[2]); !errors.Is(err, ErrMessageID) {
			t.Errorf("NewMessageID(%q) = %v, %v", c, m, err)
		}
	}
	for _, s := range []string{"", "<>", "@", "opec210312.20241115182103.186549@", "<SN05IE$951DEC@fakepec.it>", "x@y.it"} {
		if m, err := ParseMessageID(s); !errors.Is(err, ErrMessageID) {
			t.Errorf("ParseMessageID(%q) = %v, %v", s, m, err)
		}
	}
}

func TestClassify(t *testing.T) {
	for _, c := range []struct {
		transport, receipt string
		signed             *Data
		want               Class
	}{
		{"posta-certificata", "", &Data{Kind: Certified}, ClassCertified},
		{"", "accettazione", &Data{Kind: Accepted}, ClassReceipt},
		{"", "avvenuta-consegna", &Data{Kind: Delivered}, ClassReceipt},
		{"", "", &Data{Kind: NotDelivered}, ClassReceipt}, // the signed certification rules, not the header
		{"errore", "", nil, ClassAnomaly},
		{" Errore ", "", nil, ClassAnomaly},
		{"", "", nil, ClassOrdinary},
		{"", "accettazione", nil, ClassUntrusted},
		{"posta-certificata", "", nil, ClassUntrusted},
	} {
		if got := Classify(c.transport, c.receipt, c.signed); got != c.want {
			t.Errorf("Classify(%q, %q, %v) = %s, want %s", c.transport, c.receipt, c.signed, got, c.want)
		}
	}
}

func FuzzParseMessageID(f *testing.F) {
	f.Add("<019f0000-0000-7000-8000-000000000001.outcome@pec.example.it>")
	f.Add("a.b@c")
	f.Fuzz(func(t *testing.T, s string) {
		m, err := ParseMessageID(s)
		if err != nil {
			return
		}
		if back, err := NewMessageID(m.Application, m.Mail, m.Domain); err != nil || back != m {
			t.Fatalf("%q parses to %v, which does not come back: %v %v", s, m, back, err)
		}
	})
}
