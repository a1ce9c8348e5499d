package pec

import (
	"encoding/xml"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func fixture(t *testing.T, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// standard reads a sample of the standards folder that some working copies have beside the repository.
func standard(t *testing.T, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "shared", "standards", "pec", name))
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("sample %s is not beside this working copy", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestParseData(t *testing.T) {
	for name, want := range map[string]Data{
		"avvenuta-consegna.xml": {
			Kind: Delivered, Sender: "protocollo@milano.pec.example.it", ReplyTo: "protocollo@milano.pec.example.it",
			Addressees: []Addressee{{"rossi@pec.example.it", true}, {"mario@example.org", false}},
			Subject:    "Ricevuta & protocollo – n. 0000042", Provider: "Gestore <di prova> S.p.A.",
			At:         time.Date(2026, 7, 20, 22, 30, 15, 0, time.UTC),
			Ident:      "opec1.20260721.1@pec.example.it",
			MessageRef: "019f0000-0000-7000-8000-000000000001.outcome-0@pec.example.it",
			Level:      "completa", Recipient: "rossi@pec.example.it",
		},
		"latin1.xml": {
			Kind: NotDelivered, Failure: OtherCause, Sender: "protocollo@milano.pec.example.it", ReplyTo: "x@y.it",
			Addressees: []Addressee{{"rossi@pec.example.it", true}}, Subject: "Attività di società", Provider: "Gestore",
			At: time.Date(2026, 11, 15, 17, 21, 3, 0, time.UTC), Ident: "id-2", Detail: "5.2.2 - casella piena: capacità esaurita",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseData(fixture(t, name))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if r := got.Receipt(); r.Kind != got.Kind || !r.At.Equal(got.At) || r.Recipient != got.Recipient {
				t.Errorf("receipt %+v", r)
			}
		})
	}
}

func TestParseStandardSamples(t *testing.T) {
	const ref = "SN05IE$951DEC16C1CFD3E4FD8FF1B1D24A99AE@fakepec.it"
	for name, want := range map[string]Receipt{
		"daticert_accettazione.xml": {
			Kind: Accepted, Sender: "sender@fakepec.it", MessageRef: ref, Ident: "opec210312.20241115182038.288127.606.1.53@fakepec.it",
			At: time.Date(2024, 11, 15, 17, 20, 38, 0, time.UTC), Addressees: []Addressee{{"rec@fakepec.it", true}},
		},
		"daticert_errore-consegna.xml": { // it has stray text, as providers' files do
			Kind: NotDelivered, Sender: "sender@fakepec.it", Failure: NoRecipient, MessageRef: ref, Ident: "opec210312.20241115182038.288127.606.1.53@fakepec.it",
			At: time.Date(2024, 11, 15, 17, 21, 3, 0, time.UTC), Recipient: "rec@fakepec.it",
			Detail: "5.1.1 - FAKE Pec S.p.A. - indirizzo non valido", Addressees: []Addressee{{"rec@pec.it", true}},
		},
		"daticert_trasporto_gcc.xml": {
			Kind: Certified, Sender: "mittente@pec.example.it", Ident: "E82D9D8F.000073B6.E8F90950.8520A581.posta-certificata@postecert.it",
			At: time.Date(2012, 9, 21, 13, 16, 38, 0, time.UTC), Addressees: []Addressee{{"destinatario@example.org", false}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseData(standard(t, name))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got.Receipt()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseDataRefuses(t *testing.T) {
	good := string(fixture(t, "avvenuta-consegna.xml"))
	for name, raw := range map[string]string{
		"empty":            "",
		"no XML":           "ricevuta",
		"other root":       "<postacertificata/>",
		"unknown kind":     strings.Replace(good, "avvenuta-consegna", "avvenuta-lettura", 1),
		"no sender":        strings.Replace(good, "<mittente>protocollo@milano.pec.example.it</mittente>", "<mittente> </mittente>", 1),
		"no identifier":    strings.Replace(good, "opec1.20260721.1@pec.example.it", "", 1),
		"no such day":      strings.Replace(good, "21/07/2026", "31/06/2026", 1),
		"no zone":          strings.Replace(good, `zona="+0200"`, "", 1),
		"unknown entity":   strings.Replace(good, "&amp;", "&xxe;", 1),
		"unknown charset":  strings.Replace(good, "UTF-8", "EBCDIC", 1),
		"not UTF-8":        strings.Replace(good, "Ricevuta", "Ricevut\xe0", 1),
		"too large":        good + strings.Repeat(" ", MaxData),
		"cut in the midst": good[:len(good)/2],
	} {
		if _, err := ParseData([]byte(raw)); !errors.Is(err, ErrData) {
			t.Errorf("%s: %v, want ErrData", name, err)
		}
	}
}

func TestEntitiesAreNotExpanded(t *testing.T) {
	raw := `<!DOCTYPE postacert [<!ENTITY x SYSTEM "file:///etc/passwd">]>` + strings.Replace(
		string(fixture(t, "avvenuta-consegna.xml"))[len(`<?xml version="1.0" encoding="UTF-8"?>`):], "<!DOCTYPE postacert SYSTEM \"postacert.dtd\">", "", 1)
	if _, err := ParseData([]byte(strings.Replace(raw, "&amp;", "&x;", 1))); !errors.Is(err, ErrData) {
		t.Errorf("%v, want ErrData", err)
	}
	if _, err := ParseData([]byte(raw)); err != nil {
		t.Errorf("a DOCTYPE alone is no reason to refuse: %v", err)
	}
}

func TestConcerns(t *testing.T) {
	r := Receipt{Kind: Delivered, Sender: "Protocollo@milano.pec.example.it", MessageRef: "a.m@pec.example.it"}
	if !r.Concerns("<a.m@pec.example.it>", "protocollo@milano.pec.example.it") {
		t.Error("our own receipt is not recognised")
	}
	if r.Concerns("<a.m@pec.example.it>", "protocollo@bergamo.pec.example.it") || r.Concerns("<a.n@pec.example.it>", r.Sender) {
		t.Error("a receipt about another sender's or another message is taken for ours")
	}
	if (Receipt{Sender: r.Sender}).Concerns("", r.Sender) {
		t.Error("a receipt about no message concerns one")
	}
}

func FuzzParseData(f *testing.F) {
	for _, name := range []string{"avvenuta-consegna.xml", "latin1.xml"} {
		raw, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := ParseData(raw)
		if err != nil {
			return
		}
		for _, s := range []string{d.Sender, d.Subject, d.Ident, d.MessageRef, d.Recipient, d.Detail} {
			if strings.ContainsAny(s, "\r\n") {
				t.Fatalf("value over two lines: %q", s)
			}
		}
		if d.At.IsZero() && d.At.Year() != 1 {
			t.Fatal("no instant")
		}
		Evaluate(StateSending, []string{d.Recipient, "a@b"}, []Receipt{d.Receipt()})
	})
}

// What a provider writes with an XML library reads back as it was, whatever the texts.
func TestDataReadsBack(t *testing.T) {
	text := rapid.Custom(func(t *rapid.T) string {
		return line(rapid.StringOfN(rapid.RuneFrom([]rune("aàZ0 @.<>&\"'€–\t😀")), 0, 20, -1).Draw(t, "text"))
	})
	rapid.Check(t, func(t *rapid.T) {
		some := func(label string) string { return "x" + text.Draw(t, label) }
		want := Data{
			Kind: rapid.SampledFrom([]Kind{Accepted, NotAccepted, Delivered, NotDelivered, Delayed}).Draw(t, "kind"), Failure: OtherCause,
			Sender: some("sender"), ReplyTo: text.Draw(t, "replies"), Subject: text.Draw(t, "subject"), Provider: text.Draw(t, "provider"),
			At:    time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "at"), 0).UTC(),
			Ident: some("ident"), MessageRef: "a.b@c.it", Recipient: text.Draw(t, "recipient"), Detail: text.Draw(t, "detail"),
		}
		var x dataXML
		x.Kind, x.Failure = string(want.Kind), string(want.Failure)
		x.Header.Sender, x.Header.ReplyTo, x.Header.Subject = want.Sender, want.ReplyTo, want.Subject
		for range rapid.IntRange(1, 3).Draw(t, "addressees") {
			a := Addressee{Address: some("address"), Certified: rapid.Bool().Draw(t, "certified")}
			want.Addressees = append(want.Addressees, a)
			x.Header.Addressees = append(x.Header.Addressees, addresseeXML{Kind: map[bool]string{true: "certificato", false: "esterno"}[a.Certified], Address: a.Address})
		}
		zone := time.FixedZone("", rapid.IntRange(-12, 12).Draw(t, "zone")*3600)
		x.Body.Provider, x.Body.Ident, x.Body.MsgID = want.Provider, want.Ident, "<"+want.MessageRef+">"
		x.Body.Date.Zone, x.Body.Date.Day, x.Body.Date.Hour = want.At.In(zone).Format("-0700"), want.At.In(zone).Format("02/01/2006"), want.At.In(zone).Format("15:04:05")
		x.Body.Recipient, x.Body.Detail = want.Recipient, want.Detail
		raw, err := xml.Marshal(x)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseData(raw)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%s\n%s", diff, raw)
		}
	})
}
