package pdf

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"sportello/shared/domain/deadline"
	"sportello/shared/domain/register"
)

// Presentation is what the receipt of an application says. "Dell'avvenuta presentazione di istanze, segnalazioni o comunicazioni è rilasciata
// immediatamente, anche in via telematica, una ricevuta, che attesta l'avvenuta presentazione dell'istanza, della segnalazione e della
// comunicazione e indica i termini entro i quali l'amministrazione è tenuta, ove previsto, a rispondere, ovvero entro i quali il silenzio
// dell'amministrazione equivale ad accoglimento dell'istanza" (L. 241/1990 art. 18-bis c. 1). With what art. 8 c. 2 asks, it is the
// notice of art. 7 that the procedure has begun.
type Presentation struct {
	ID          string // of the receipt
	Application string
	Chamber     string
	Colour      string // of the chamber, #rrggbb; may be empty
	Service     string
	Subject     string // oggetto
	Applicant   string
	OnBehalf    string // the company, if the applicant acts for one
	PresentedAt time.Time
	Digest      string // SHA-256 of what was presented, hex
	Attachments []File

	Office, Address string // Address: the office's domicilio digitale
	Responsible     string
	Substitute      string // holder of the substitute power (art. 2 c. 9-bis)
	Due             deadline.Date
	TermDays        int
	Silence         string // effect of silence, a sentence
	Remedies        string
	Access          string // how to see the file

	Price *Price // of the act, where a fee buys it: registration waits for the payment
}

// Price is what is to be paid for the act.
type Price struct {
	Cents  int
	Notice string // pagoPA's number, 18 digits
	Due    deadline.Date
}

// File is an attachment by its impronta.
type File struct{ Name, SHA256 string }

// ErrIncomplete is returned for a receipt that would lack what the law wants in it. Nothing was written.
var ErrIncomplete = errors.New("pdf: receipt is incomplete")

// Receipt writes the receipt of presentation.
func Receipt(w io.Writer, p Presentation) error {
	if err := p.check(); err != nil {
		return err
	}
	s := newSheet(about{
		title:   "Ricevuta di presentazione " + p.ID,
		subject: p.Service + " - " + p.Subject,
		author:  p.Chamber,
		at:      p.PresentedAt,
		colour:  p.Colour,
		footer:  "Ricevuta " + p.ID,
	})
	s.title(p)
	s.presentation(p)
	s.documents(p)
	s.procedure(p)
	return s.write(w)
}

func (p Presentation) check() error {
	for what, value := range map[string]string{
		"id": p.ID, "application": p.Application, "chamber": p.Chamber, "service": p.Service, "subject": p.Subject, "applicant": p.Applicant,
		"digest": p.Digest, "office": p.Office, "responsible": p.Responsible, "substitute": p.Substitute, "silence": p.Silence,
		"remedies": p.Remedies, "access": p.Access,
	} {
		if strings.TrimSpace(value) == "" {
			return fmt.Errorf("%w: %s", ErrIncomplete, what)
		}
	}
	if p.Price != nil && (p.Price.Cents < 1 || p.Price.Notice == "" || p.Price.Due.IsZero()) {
		return fmt.Errorf("%w: what is to be paid", ErrIncomplete)
	}
	if p.PresentedAt.IsZero() || p.Due.IsZero() {
		return fmt.Errorf("%w: instant of presentation or end date", ErrIncomplete)
	}
	return nil
}

// title is the head of the first page.
func (s *sheet) title(p Presentation) {
	s.pdf.SetFillColor(s.red, s.green, s.blu)
	s.pdf.Rect(0, 0, 210, 6, "F")
	s.pdf.SetFont(textFont, "B", 11)
	s.pdf.SetTextColor(s.red, s.green, s.blu)
	s.pdf.MultiCell(textWidth, 6, clean(p.Chamber), "", "L", false)
	s.pdf.Ln(4)
	s.pdf.SetFont(textFont, "B", 19)
	s.pdf.SetTextColor(0, 0, 0)
	s.pdf.MultiCell(textWidth, 9, "Ricevuta di presentazione", "", "L", false)
	s.pdf.Ln(1)
	s.paragraph("Rilasciata ai sensi dell'articolo 18-bis della legge 7 agosto 1990, n. 241. Vale come comunicazione di avvio del procedimento (articoli 7 e 8 della stessa legge).")
	s.paragraph("Il documento porta il sigillo elettronico dello sportello: se dopo ne cambia anche un solo byte, un lettore di PDF lo segnala.")
}

func (s *sheet) presentation(p Presentation) {
	s.heading("Che cosa è stato presentato")
	s.row("Numero della ricevuta", p.ID)
	s.row("Numero della pratica", p.Application)
	s.row("Servizio", p.Service)
	s.row("Oggetto", p.Subject)
	s.row("Presentata da", p.Applicant)
	s.row("Per conto di", p.OnBehalf)
	s.row("Presentata il", longInstant(p.PresentedAt)+" (ora italiana)\nTempo universale: "+register.Instant(p.PresentedAt))
	if p.Price == nil {
		s.row("Protocollo", "Registrazione di protocollo in corso: il numero sarà nell'area personale. La data di protocollo è quella di presentazione.")
		return
	}
	s.row("Da pagare", fmt.Sprintf("%d,%02d euro con pagoPA, avviso n. %s, entro il %s. La ricevuta non attesta il pagamento.",
		p.Price.Cents/100, p.Price.Cents%100, p.Price.Notice, longDate(p.Price.Due)))
	s.row("Protocollo", "L'istanza si registra quando il pagamento è arrivato: il numero sarà nell'area personale. La data della presentazione resta quella di questa ricevuta.")
}

func (s *sheet) documents(p Presentation) {
	s.heading("Documenti ricevuti e loro impronta")
	s.paragraph("L'impronta SHA-256 identifica ogni documento: se ne cambia anche un solo carattere, l'impronta è diversa.")
	s.digest("Istanza con le risposte al modulo", p.Digest)
	for _, f := range p.Attachments {
		s.digest("Allegato: "+f.Name, f.SHA256)
	}
	if len(p.Attachments) == 0 {
		s.paragraph("Nessun allegato.")
	}
}

func (s *sheet) procedure(p Presentation) {
	s.heading("Chi segue la pratica e in quanto tempo")
	s.row("Amministrazione", p.Chamber)
	s.row("Ufficio", p.Office)
	s.row("Domicilio digitale", p.Address)
	s.row("Responsabile del procedimento", p.Responsible)
	s.row("Titolare del potere sostitutivo", p.Substitute)
	due := "entro il " + longDate(p.Due)
	if p.TermDays > 0 {
		due += fmt.Sprintf(" (%d giorni dalla presentazione)", p.TermDays)
	}
	s.row("Termine per la risposta", due+", salvo sospensione nei casi previsti dalla legge")
	s.row("Se l'ufficio non risponde", p.Silence)
	s.row("Rimedi", p.Remedies)
	s.row("Come vedere la pratica", p.Access)
}
