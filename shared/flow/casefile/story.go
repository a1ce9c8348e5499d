package casefile

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"sportello/shared/domain/application"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/problem"
	"sportello/shared/platform/archive"
	"sportello/shared/platform/table"
)

// Story is the timeline of a case, with what comes next.
type Story struct {
	Items []Told `json:"items"`
	Next  []Step `json:"next"`
}

// Told is a line of the timeline as people read it.
type Told struct {
	At       time.Time `json:"at"`
	Event    string    `json:"event"`
	Actor    string    `json:"actor"`
	Title    string    `json:"title"`
	Text     string    `json:"text,omitempty"`
	Document string    `json:"document,omitempty"`
}

// Step is what is expected next, and by when.
type Step struct {
	Title string `json:"title"`
	Due   string `json:"due,omitempty"`
}

// Story reads the timeline.
func (c Case) Story(ctx context.Context, t table.Table) (Story, error) {
	lines, err := Rows[application.Line](ctx, t, c.ID, layout.TimelinePrefix)
	if err != nil {
		return Story{}, err
	}
	story := Story{Items: []Told{}, Next: c.next()}
	for _, l := range fitting(lines) {
		story.Items = append(story.Items, Told{l.At, string(l.Event), string(l.Actor), title(l), l.Text, l.Document})
	}
	return story, nil
}

// A story is one answer, and an answer has at most 6 MB: who writes without end must not hide the case from the office.
const (
	maxLines = 1000
	maxTexts = 3 << 20 // bytes, as JSON
)

// fitting returns the lines that one answer can hold: of too many the oldest messages go, of too much text the oldest texts.
func fitting(lines []application.Line) []application.Line {
	excess := len(lines) - maxLines
	lines = slices.DeleteFunc(lines, func(l application.Line) bool {
		goes := excess > 0 && (l.Event == application.MessageSent || l.Event == application.MailReceived)
		if goes {
			excess--
		}
		return goes
	})
	left := maxTexts
	for n := len(lines) - 1; n >= 0; n-- {
		written, _ := json.Marshal(lines[n].Text) // a text always marshals
		if left -= len(written); left < 0 {
			lines[n].Text = ""
		}
	}
	return lines
}

func title(l application.Line) string {
	switch l.Event {
	case application.Submitted:
		return "Istanza presentata"
	case application.WasPaid:
		return "Pagamento ricevuto"
	case application.PaymentExpired:
		return "Termine per il pagamento scaduto"
	case application.PaymentRefunding:
		return "Pagamento da restituire"
	case application.PaymentRefunded:
		return "Pagamento restituito"
	case application.WasRegistered:
		return "Istanza registrata al protocollo"
	case application.TakenInCharge:
		return "Presa in carico dall'ufficio"
	case application.IntegrationRequested:
		return "L'ufficio chiede un'integrazione"
	case application.IntegrationReceived:
		return "Integrazione ricevuta"
	case application.IntegrationLapsed:
		return "Termine per l'integrazione scaduto"
	case application.WasDecided:
		return "Decisione"
	case application.WasWithdrawn:
		return "Istanza ritirata"
	case application.WasClosed:
		return "Pratica chiusa"
	case application.WasPreserved:
		return "Pratica inviata in conservazione"
	case application.ReceiptIssued:
		return "Ricevuta disponibile"
	case application.MessageSent:
		if l.Actor == application.Office {
			return "Messaggio dell'ufficio"
		}
		return "Messaggio inviato all'ufficio"
	case application.MailReceived:
		return "PEC ricevuta"
	case application.MailDelivered:
		return "PEC consegnata"
	case application.MailFailed:
		return "PEC non consegnata"
	case application.OutcomeDelivered:
		return "Esito consegnato per PEC"
	case application.WasRated:
		return "Servizio valutato"
	case application.TermExpired:
		return "Termine di legge scaduto"
	case application.Numbered:
		return "Documento registrato al protocollo"
	case application.NumberedOutside:
		return "Numero del protocollo della Camera"
	}
	return string(l.Event)
}

// next tells what is expected, so that nobody has to guess why nothing happens.
func (c Case) next() []Step {
	switch c.State {
	case application.Draft:
		return []Step{{Title: "Completa e presenta l'istanza"}}
	case application.AwaitingPayment:
		return []Step{
			{Title: "Il tuo pagamento", Due: c.Fee.Due}, {Title: "Registrazione al protocollo, quando il pagamento arriva"},
		}
	case application.Presented:
		return []Step{{Title: "Registrazione al protocollo, di solito in pochi minuti"}, {Title: "Risposta dell'ufficio", Due: Due(c.Application).String()}}
	case application.Registered:
		return []Step{{Title: "Presa in carico dall'ufficio"}, {Title: "Risposta dell'ufficio", Due: Due(c.Application).String()}}
	case application.InProgress:
		return []Step{{Title: "Risposta dell'ufficio", Due: Due(c.Application).String()}}
	case application.AwaitingIntegration:
		return []Step{
			{Title: "La tua risposta alla richiesta dell'ufficio", Due: c.Term.ReplyBy.String()},
			{Title: "Risposta dell'ufficio", Due: Due(c.Application).String()},
		}
	case application.Decided:
		if c.Outcome.DeliveredAt == nil && c.Domicile != application.PortalOnly {
			return []Step{{Title: "Consegna dell'esito per PEC"}}
		}
		return []Step{{Title: "La tua valutazione del servizio"}, {Title: "Chiusura e conservazione della pratica"}}
	case application.Closed:
		return []Step{{Title: "Conservazione a norma"}}
	}
	return []Step{}
}

// Say is the commit that adds a message to a case; done tells that it is there already. The case changes with it, so that whoever watches
// what changed sees it, and a case that closes at this moment does not close over it.
func Say(ctx context.Context, t table.Table, c Case, m application.Message) (changes *Changes, done bool, err error) {
	key := layout.Message(c.ID, m.At, m.ID)
	_, item, there, err := One[application.Message](ctx, t, key)
	if err != nil || there {
		return nil, there, err
	}
	if c.State == application.Closed || c.State == application.Preserved || c.Unbought() {
		return nil, false, problem.New(problem.Conflict, "La pratica è chiusa: nessuno leggerebbe più il messaggio. Presenta una nuova istanza.")
	}
	if m.From == application.Applicant {
		if err := enough(ctx, t, c.ID, m.At); err != nil {
			return nil, false, err
		}
	}
	changes = &Changes{}
	changes.Add(c.Touch(m.At))
	changes.Add(Row(item, key, m))
	line := application.Line{At: m.At, Event: application.MessageSent, Actor: m.From, By: m.By, Text: m.Text}
	changes.Add(Tell(c.ID, m.ID, line))
	return changes, false, nil
}

// MaxMessages is how many messages a case takes in a day before its applicant has to wait: each formal one has a number in the register.
const MaxMessages = 50

// enough refuses a message after too many.
func enough(ctx context.Context, t table.Table, id string, now time.Time) error {
	items, err := table.All(ctx, t, table.Query{
		PK: layout.Application(id), From: layout.Message(id, now.Add(-24*time.Hour), "").SK, To: layout.Message(id, now, "~").SK,
	})
	if err != nil {
		return err
	}
	own := 0
	for _, item := range items {
		m, err := table.Decode[application.Message](item, application.Schema)
		if err != nil {
			return err
		}
		if m.From == application.Applicant {
			own++
		}
	}
	if own >= MaxMessages {
		return problem.Newf(problem.Conflict, "In un giorno si possono scrivere al massimo %d messaggi per una pratica: riprova domani.", MaxMessages)
	}
	return nil
}

// Link returns an address from which a browser can fetch a document or an attachment of the case, on whose side it asks: what one side
// uploaded is nothing to the other until it is filed.
func (c Case) Link(ctx context.Context, t table.Table, documents archive.Documents, id string, side application.Actor) (string, error) {
	d, _, ok, err := One[application.Document](ctx, t, layout.Document(c.ID, id))
	if err != nil {
		return "", err
	}
	if ok {
		return documents.Link(ctx, d.Key, d.Name)
	}
	a, _, ok, err := One[application.Attachment](ctx, t, layout.Attachment(c.ID, id))
	if err != nil {
		return "", err
	}
	unfiled := a.Used == "" && (a.Field == application.OfficeFile && side != application.Office || a.Field == application.ReplyFile && side != application.Applicant)
	if !ok || !a.Complete || unfiled {
		return "", problem.Hidden()
	}
	return documents.Link(ctx, layout.DocumentKey(c.ID, a.SHA256), a.Name)
}

// Look is the change-less record that somebody of the office opened the case: who, and when. It is written by itself, before anything is shown.
func Look(ctx context.Context, t table.Table, id, who string, at time.Time) error {
	body, err := json.Marshal(map[string]string{"who": who})
	if err != nil {
		return err
	}
	item := table.Item{Key: layout.Seen(id, at, who), Schema: application.Schema, Body: body}
	err = t.Commit(ctx, table.Put(item))
	if isConflict(err) {
		return nil // the same person in the same millisecond
	}
	return err
}
