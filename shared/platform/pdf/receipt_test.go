package pdf

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sportello/shared/domain/deadline"
)

func complaint() Presentation {
	return Presentation{
		ID: "01939f3e-0000-7000-8000-000000000001", Application: "01939f3e-0000-7000-8000-0000000000aa",
		Chamber: "Camera di commercio di Milano Monza Brianza Lodi", Colour: "#9e1b32",
		Service: "Reclami e segnalazioni", Subject: "Reclamo: «ritardo» nella risposta – Registro delle imprese",
		Applicant: "Giulia Rinaldi", OnBehalf: "Rinaldi & figli S.r.l. (09900000010)",
		PresentedAt: time.Date(2026, 11, 22, 10, 15, 0, 123e6, time.UTC),
		Digest:      strings.Repeat("ab", 32),
		Attachments: []File{{"Perché è così.pdf", strings.Repeat("cd", 32)}, {"foto.jpeg", strings.Repeat("ef", 32)}},
		Office:      "Ufficio relazioni con il pubblico", Address: "ufficio.reclami@milano.pec.example.it",
		Responsible: "Responsabile dell'ufficio relazioni con il pubblico", Substitute: "Segretario generale",
		Due: deadline.Date{Year: 2026, Month: time.December, Day: 22}, TermDays: 30,
		Silence:  "Se il termine passa senza risposta, il silenzio non vale né accoglimento né rigetto: puoi rivolgerti al titolare del potere sostitutivo.",
		Remedies: "Il reclamo non è un ricorso e non sospende i termini per proporne uno. In caso di mancata risposta puoi chiedere l'intervento del titolare del potere sostitutivo indicato nella ricevuta (art. 2, comma 9-bis, della legge 7 agosto 1990, n. 241).",
		Access:   "Puoi vedere lo stato della pratica, i documenti e la data entro cui l'ufficio deve rispondere nella tua area personale, con la stessa identità digitale.",
	}
}

func receipt(t testing.TB, p Presentation) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := Receipt(&out, p); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestReceiptDescribesItself(t *testing.T) {
	body := receipt(t, complaint())
	for _, want := range []string{"%PDF-1.", "/Lang (it-IT)", "/Title ", "/CreationDate (D:20261122101500)", "%%EOF"} {
		if !bytes.Contains(body, []byte(want)) {
			t.Errorf("%q is not in the file", want)
		}
	}
}

// A receipt made after others shows the same letters, and instances of a function that make the same receipt at the same time put the same object.
func TestSameInputSameBytes(t *testing.T) {
	first := receipt(t, complaint())
	for n := range 20 {
		if !bytes.Equal(receipt(t, complaint()), first) {
			t.Fatalf("receipt %d differs from the first", n+2)
		}
	}
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			var out bytes.Buffer
			if err := Receipt(&out, complaint()); err != nil || !bytes.Equal(out.Bytes(), first) {
				t.Errorf("another receipt: %v", err)
			}
		})
	}
	wait.Wait()
}

func TestReceiptIncomplete(t *testing.T) {
	for name, change := range map[string]func(*Presentation){
		"no instant":     func(p *Presentation) { p.PresentedAt = time.Time{} },
		"no end date":    func(p *Presentation) { p.Due = deadline.Date{} },
		"no responsible": func(p *Presentation) { p.Responsible = " " },
		"no substitute":  func(p *Presentation) { p.Substitute = "" },
		"no remedies":    func(p *Presentation) { p.Remedies = "" },
		"no digest":      func(p *Presentation) { p.Digest = "" },
		"no notice":      func(p *Presentation) { p.Price = &Price{Cents: 300, Due: p.Due} },
		"no silence":     func(p *Presentation) { p.Silence = "" },
		"no office":      func(p *Presentation) { p.Office = "" },
		"no access":      func(p *Presentation) { p.Access = "" },
		"no id":          func(p *Presentation) { p.ID = "" },
	} {
		p := complaint()
		change(&p)
		var out bytes.Buffer
		if err := Receipt(&out, p); !errors.Is(err, ErrIncomplete) || out.Len() > 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"Perché «è» – così…": "Perché «è» – così…", "e\u0301": "é", "日本": "??", "👍 bene": "? bene", "a\tb\x00\u202ec": "a bc",
		"riga\nriga": "riga\nriga", "a\xffb": "a?b", "Łódź Ελλάδα Київ": "Łódź Ελλάδα Київ",
	} {
		if got := clean(in); got != want {
			t.Errorf("clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestLongDate(t *testing.T) {
	for want, d := range map[string]deadline.Date{
		"1° gennaio 2027": {Year: 2027, Month: 1, Day: 1}, "31 dicembre 2026": {Year: 2026, Month: 12, Day: 31},
	} {
		if got := longDate(d); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// No text that a person can write breaks a receipt.
func TestAnyTexts(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := complaint()
		p.Subject = "Oggetto " + rapid.String().Draw(rt, "subject")
		p.Applicant = "N" + rapid.StringN(0, 300, -1).Draw(rt, "applicant")
		p.Attachments[0].Name = rapid.String().Draw(rt, "file")
		var out bytes.Buffer
		if err := Receipt(&out, p); err != nil {
			rt.Fatal(err)
		}
	})
}

func BenchmarkReceipt(b *testing.B) {
	p := complaint()
	for b.Loop() {
		receipt(b, p)
	}
}
