// Package office is the work of a chamber's office on its cases, the same through both doors: the officer's session and the chamber's API
// key. Every look at a case is recorded before it is shown.
package office

import (
	"context"
	"errors"
	"time"

	"sportello/shared/domain/application"
	"sportello/shared/domain/catalogue"
	"sportello/shared/domain/deadline"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/problem"
	"sportello/shared/domain/register"
	"sportello/shared/flow/access"
	"sportello/shared/flow/casefile"
	"sportello/shared/flow/correspondence"
	"sportello/shared/flow/draft"
	"sportello/shared/flow/problems"
	"sportello/shared/flow/signatures"
	"sportello/shared/flow/step"
	"sportello/shared/platform/archive"
	"sportello/shared/platform/table"
)

// Config is what the office needs; every field but Colleague is required.
type Config struct {
	Table      table.Table // applications
	Register   table.Table // read only
	Archive    archive.Store
	Documents  archive.Documents
	Signatures signatures.Verifier
	Inspect    draft.Inspector
	Post       step.Post
	Now        step.Clock
	NewID      step.IDs
	// Colleague says who somebody is whom an officer gives a case to; a problem at #/officer if they work for no office of the chamber. nil:
	// whoever is named is taken at the officer's word.
	Colleague func(ctx context.Context, by access.Officer, taxCode string) (access.Officer, error)
}

// Desk serves officers.
type Desk struct{ Config }

// New checks the configuration.
func New(c Config) (*Desk, error) {
	if c.Table == nil || c.Register == nil || c.Archive == nil || c.Documents == nil || c.Signatures == nil || c.Inspect == nil || c.Now == nil || c.NewID == nil || !c.Post.Complete() {
		return nil, errors.New("office: incomplete configuration")
	}
	return &Desk{c}, nil
}

// open loads a case of the officer's chamber and offices.
func (d *Desk) open(ctx context.Context, who access.Officer, id string) (casefile.Case, error) {
	c, err := casefile.Load(ctx, d.Table, id)
	if err != nil {
		return c, err
	}
	if c.Chamber != who.Chamber {
		return c, problem.Hidden()
	}
	service, err := catalogue.Find(c.Chamber, c.Service)
	if err != nil {
		return c, err
	}
	return c, who.Check(c.Application, service.Office.ID)
}

// look opens a case to be shown, after having recorded who looks (GDPR art. 5 c.2: accountability).
func (d *Desk) look(ctx context.Context, who access.Officer, id string) (casefile.Case, error) {
	c, err := d.open(ctx, who, id)
	if err != nil {
		return c, err
	}
	return c, casefile.Look(ctx, d.Table, id, who.TaxCode, d.Now())
}

// Look opens a case for something else that shows it, and records who looks.
func (d *Desk) Look(ctx context.Context, who access.Officer, id string) (casefile.Case, error) {
	return d.look(ctx, who, id)
}

// Show returns a case.
func (d *Desk) Show(ctx context.Context, who access.Officer, id string) (casefile.View, error) {
	c, err := d.look(ctx, who, id)
	if err != nil {
		return casefile.View{}, err
	}
	v, err := c.Show(ctx, d.Table)
	v.Officer = c.InCharge()
	if v.Survey != nil {
		v.Survey.Token = "" // the rating is the applicant's alone
	}
	return v, err
}

// Timeline tells the story of a case.
func (d *Desk) Timeline(ctx context.Context, who access.Officer, id string) (casefile.Story, error) {
	c, err := d.look(ctx, who, id)
	if err != nil {
		return casefile.Story{}, err
	}
	return c.Story(ctx, d.Table)
}

// Download returns an address from which a document can be fetched.
func (d *Desk) Download(ctx context.Context, who access.Officer, id, document string) (string, error) {
	c, err := d.look(ctx, who, id)
	if err != nil {
		return "", err
	}
	return c.Link(ctx, d.Table, d.Documents, document, application.Office)
}

// Filter narrows the office's list. At most one of State and Assignee chooses the index; the rest is looked at item by item.
type Filter struct {
	State        string
	Service      string
	Assignee     string // a tax code, or Nobody
	DueBefore    string // YYYY-MM-DD
	ChangedSince time.Time
}

// Nobody is the assignee of a case that no officer has in charge.
const Nobody = "none"

const pageSize = 50

// List returns a page of the chamber's cases: by state if asked, else by assignee, else the open ones by due date.
func (d *Desk) List(ctx context.Context, who access.Officer, f Filter, after *table.Cursor) ([]casefile.Summary, *table.Cursor, error) {
	page, err := d.Table.Query(ctx, f.query(who.Chamber, after))
	if err != nil {
		return nil, nil, err
	}
	list := []casefile.Summary{}
	for _, item := range page.Items {
		c, err := casefile.Of(item)
		if err != nil {
			return nil, nil, err
		}
		service, err := catalogue.Find(c.Chamber, c.Service)
		if err != nil {
			return nil, nil, err
		}
		if f.admits(c) && who.Check(c.Application, service.Office.ID) == nil {
			list = append(list, c.Summary(c.InCharge()))
		}
	}
	return list, page.Next, nil
}

// query asks the index; its partition comes from the officer's chamber, never from the request.
func (f Filter) query(chamber string, after *table.Cursor) table.Query {
	q := table.Query{Limit: pageSize, After: after}
	switch {
	case f.State != "":
		q.Index, q.PK = layout.ByState, layout.State(chamber, f.State)
	case f.Assignee == Nobody:
		q.Index, q.PK = layout.ByOfficer, layout.Officer(chamber, "")
	case f.Assignee != "":
		q.Index, q.PK = layout.ByOfficer, layout.Officer(chamber, f.Assignee)
	default:
		q.Index, q.PK = layout.ByDue, layout.Open(chamber)
	}
	return q
}

func (f Filter) admits(c casefile.Case) bool {
	due := casefile.Due(c.Application).String()
	return (f.Service == "" || c.Service == f.Service) &&
		(f.State == "" || string(c.State) == f.State) && // the index may lag
		(f.DueBefore == "" || due < f.DueBefore) &&
		(f.ChangedSince.IsZero() || !c.UpdatedAt.Before(f.ChangedSince))
}

// Assign takes a case in charge, or hands it to another officer.
func (d *Desk) Assign(ctx context.Context, who access.Officer, id, officer string) (casefile.View, error) {
	if officer == "" {
		officer = who.TaxCode
	}
	colleague, err := d.colleague(ctx, who, officer)
	if err != nil {
		return casefile.View{}, err
	}
	event, at := d.NewID(), d.Now()
	err = d.work(ctx, who, id, func(c casefile.Case, changes *casefile.Changes) (bool, error) {
		if err := d.suits(c, colleague); err != nil {
			return false, err
		}
		if c.Officer == officer && c.State != application.Registered {
			return false, nil
		}
		next, line, err := c.Move(application.TakenInCharge, at, application.Office)
		if err != nil {
			return false, err
		}
		next.Officer, line.By = officer, who.TaxCode
		changes.Add(c.Put(next))
		changes.Add(casefile.Tell(id, event, line))
		return true, nil
	})
	if err != nil {
		return casefile.View{}, err
	}
	return d.Show(ctx, who, id)
}

// colleague says who the case is given to.
func (d *Desk) colleague(ctx context.Context, who access.Officer, officer string) (access.Officer, error) {
	switch {
	case officer == who.TaxCode:
		return who, nil
	case d.Colleague == nil:
		return access.Officer{Chamber: who.Chamber, TaxCode: officer}, nil
	}
	return d.Colleague(ctx, who, officer)
}

// suits tells whether a case can be given to somebody: who may not see it may not have it.
func (d *Desk) suits(c casefile.Case, colleague access.Officer) error {
	service, err := catalogue.Find(c.Chamber, c.Service)
	if err != nil {
		return err
	}
	if colleague.Check(c.Application, service.Office.ID) != nil {
		return problem.New(problem.Invalid, "La pratica non può essere assegnata a questa persona.").At("#/officer", "Scegli un'altra persona dell'ufficio.")
	}
	return nil
}

// work runs an act of the office on a case; do returns whether there is anything to commit.
func (d *Desk) work(ctx context.Context, who access.Officer, id string, do func(casefile.Case, *casefile.Changes) (bool, error)) error {
	if err := who.May(access.Work); err != nil {
		return err
	}
	return step.Retry(ctx, func() error {
		c, err := d.open(ctx, who, id)
		if err != nil {
			return err
		}
		var changes casefile.Changes
		any, err := do(c, &changes)
		if err != nil || !any {
			return err
		}
		return changes.Commit(ctx, d.Table)
	})
}

// Sent says that a message or a request has gone out.
type Sent struct {
	ID  string    `json:"id"`
	At  time.Time `json:"at"`
	Due string    `json:"due,omitempty"`
}

// Message writes to the applicant.
func (d *Desk) Message(ctx context.Context, who access.Officer, id, text string) (Sent, error) {
	m := application.Message{ID: d.NewID(), From: application.Office, By: who.TaxCode, Text: text, At: d.Now()}
	err := d.work(ctx, who, id, func(c casefile.Case, changes *casefile.Changes) (bool, error) {
		said, done, err := casefile.Say(ctx, d.Table, c, m)
		if err != nil || done {
			return false, err
		}
		*changes = *said
		return true, nil
	})
	return Sent{ID: m.ID, At: m.At}, err
}

// RequestIntegration asks the applicant for something. The term is suspended, once and for at most thirty days (L. 241/1990 art. 2 c.7);
// a second request does not stop it again, and is refused so that nobody believes it does.
func (d *Desk) RequestIntegration(ctx context.Context, who access.Officer, id, text string, days int) (Sent, error) {
	event, at := d.NewID(), d.Now()
	sent := Sent{ID: event, At: at}
	var owed step.Owed
	err := d.work(ctx, who, id, func(c casefile.Case, changes *casefile.Changes) (bool, error) {
		if c.Request == event {
			return false, nil
		}
		service, err := catalogue.Find(c.Chamber, c.Service)
		if err != nil {
			return false, err
		}
		if !service.Allows(catalogue.IntegrationRequest) {
			return false, problem.New(problem.Conflict, "Per questo servizio il termine non può essere sospeso: puoi scrivere un messaggio.")
		}
		next, line, err := c.Move(application.IntegrationRequested, at, application.Office)
		if err != nil {
			return false, err
		}
		term, err := c.Term.Suspend(at, days, casefile.Calendar(c.Chamber))
		if err != nil {
			return false, suspension(err)
		}
		next.Term, next.Request = &term, event
		sent.Due = term.ReplyBy.String()
		line.By, line.Text, line.Document = who.TaxCode, text, event
		changes.Add(c.Put(next))
		changes.Add(casefile.Tell(id, event, line))
		changes.Add(casefile.Row(table.Item{}, layout.Request(id, event), application.Request{
			ID: event, Text: text, By: who.TaxCode, At: at, Due: sent.Due,
		}))
		owed, err = d.send(ctx, changes, c, act{
			event: event, at: at, kind: register.IntegrationRequest, document: application.RequestDocument, letter: correspondence.RequestLetter,
			subject: "Richiesta di integrazione", text: text + "\n\nPuò rispondere entro il " + correspondence.Italian(sent.Due) + ".",
		})
		return true, err
	})
	if err == nil && owed.Event != "" {
		d.Post.Send(ctx, owed)
	}
	return sent, err
}

func suspension(err error) error {
	switch {
	case errors.Is(err, deadline.ErrAlreadySuspended):
		return problem.New(problem.Conflict, "Il termine è già stato sospeso una volta: la legge non consente una seconda sospensione (art. 2, comma 7, L. 241/1990). Puoi scrivere un messaggio.").Because(err)
	case errors.Is(err, deadline.ErrExpired):
		return problem.New(problem.Conflict, "Il termine è già scaduto e non può più essere sospeso.").Because(err)
	case errors.Is(err, deadline.ErrSuspensionLength):
		return problem.New(problem.Invalid, "La durata della sospensione non è ammessa.").At("#/days", "Da 1 a 30 giorni.").Because(err)
	}
	return err
}

// Decide concludes the procedure with an express act (L. 241/1990 art. 2 c.1): the outcome, its reasons, its document.
func (d *Desk) Decide(ctx context.Context, who access.Officer, id, outcome, text, document string) (casefile.View, error) {
	event, at := d.NewID(), d.Now()
	var owed step.Owed
	err := d.work(ctx, who, id, func(c casefile.Case, changes *casefile.Changes) (bool, error) {
		if c.Outcome != nil && c.Outcome.Event == event {
			return false, nil
		}
		service, err := catalogue.Find(c.Chamber, c.Service)
		if err != nil {
			return false, err
		}
		chosen, ok := service.Outcome(outcome)
		if !ok {
			return false, problem.New(problem.Invalid, "L'esito indicato non è previsto per questo servizio.").At("#/outcome", "Scegli uno degli esiti del servizio.")
		}
		file, item, err := d.document(ctx, c, document)
		if err != nil {
			return false, err
		}
		next, line, err := c.Move(application.WasDecided, at, application.Office)
		if err != nil {
			return false, err
		}
		if file.Signature, err = d.signed(ctx, who, c, file, at); err != nil {
			return false, err
		}
		next.Outcome = &application.Outcome{Kind: outcome, Event: event, At: at, Document: event}
		next.Request = ""
		if c.Domicile == application.PortalOnly {
			closing := at.Add(casefile.LastWord)
			next.CloseAt = &closing
		}
		line.By, line.Text, line.Document = who.TaxCode, chosen.Title, event
		file.Used = event
		over, err := problems.Close(ctx, d.Table, c.Chamber, problems.TermOf(id), at) // late, and yet decided
		if err != nil {
			return false, err
		}
		changes.List = append(changes.List, over...)
		changes.Add(c.Put(next))
		changes.Add(casefile.Tell(id, event, line))
		changes.Add(casefile.Row(item, item.Key, file))
		if signatures.Pending([]application.Attachment{file}) {
			verdict := signatures.Promise(c.Chamber, register.Date(at), event, id, at)
			changes.Add(verdict.Promise())
		}
		owed, err = d.send(ctx, changes, c, act{
			event: event, at: at, kind: register.Decision, document: application.OutcomeDocument, letter: correspondence.OutcomeLetter,
			subject: "Esito: " + chosen.Title, text: text, file: &file, survey: true,
		})
		return true, err
	})
	if err != nil {
		return casefile.View{}, err
	}
	if owed.Event != "" {
		d.Post.Send(ctx, owed)
	}
	return d.Show(ctx, who, id)
}

// act is something of the office's that goes out: a document that is registered and sent.
type act struct {
	event    string
	at       time.Time
	kind     register.Kind
	document string // kind of the document
	letter   string // kind of the letter
	subject  string
	text     string
	file     *application.Attachment // nil: the text itself is the document
	survey   bool
}

// send adds to a commit the act's document, its place in the register's queue, and the letter that follows the number.
func (d *Desk) send(ctx context.Context, changes *casefile.Changes, c casefile.Case, a act) (step.Owed, error) {
	service, err := catalogue.Find(c.Chamber, c.Service)
	if err != nil {
		return step.Owed{}, err
	}
	document, err := d.keep(ctx, c, a)
	if err != nil {
		return step.Owed{}, err
	}
	changes.Add(casefile.Row(table.Item{}, layout.Document(c.ID, a.event), document))
	filing := correspondence.Filing{
		Entry: register.Entry{
			Direction: register.Out, Kind: a.kind, Event: a.event, Application: c.ID, Chamber: c.Chamber,
			Book: correspondence.Book(service.Chamber), PresentedAt: register.Instant(a.at), PresentationDate: register.Date(a.at),
			Senders: []register.Party{correspondence.Us(service.Chamber)}, Recipients: []register.Party{correspondence.PartyOf(c.Owner)},
			Subject:  register.OneLine(a.subject+" - "+service.Title, 1000),
			Document: register.Document{SHA256: document.SHA256, MediaType: document.MediaType}, Classification: service.Classification.Code,
			Reserved: c.Reserved,
		},
		Target: correspondence.ToDocument, ID: a.event,
	}
	if c.Domicile == application.PortalOnly {
		filing.Survey = a.survey
	} else {
		filing.Letter = letter(c, service, a, document)
	}
	return correspondence.File(changes, c.Chamber, filing, a.event, c.ID, a.at), nil
}

// keep makes sure that the act has a document: the office's file, or its text.
func (d *Desk) keep(ctx context.Context, c casefile.Case, a act) (application.Document, error) {
	document := application.Document{ID: a.event, Kind: a.document, At: a.at, Text: a.text}
	if a.file != nil {
		document.Name, document.MediaType, document.Size = a.file.Name, a.file.MediaType, a.file.Size
		document.SHA256, document.Key = a.file.SHA256, layout.DocumentKey(c.ID, a.file.SHA256)
		return document, nil
	}
	body := []byte(a.subject + "\n\n" + a.text + "\n")
	document.Name, document.MediaType, document.Size = a.document+".txt", "text/plain", int64(len(body))
	document.SHA256 = register.Digest(body)
	document.Key = layout.DocumentKey(c.ID, document.SHA256)
	return document, d.Documents.Put(ctx, document.Key, body, document.MediaType)
}

func letter(c casefile.Case, service catalogue.Service, a act, document application.Document) *correspondence.Letter {
	text := "Gentile utente,\n\nper la sua istanza «" + service.Title + "»"
	if c.Protocol != nil {
		text += " (protocollo " + correspondence.Cite(*c.Protocol) + ")"
	}
	text += " la " + service.Chamber.Name + " le comunica quanto segue, con atto registrato al protocollo " + correspondence.Mark + ".\n\n" +
		a.subject + "\n\n" + a.text + "\n"
	if a.survey {
		text += "\nPuò valutare il servizio, una sola volta, a questo indirizzo:\n" + correspondence.Token + "\n"
	}
	l := &correspondence.Letter{
		Kind: a.letter, To: c.Owner, Address: c.Domicile, Survey: a.survey, Text: text,
		Subject: a.subject + " - protocollo " + correspondence.Mark + " - pratica " + c.ID,
	}
	if a.file != nil {
		l.Documents = []correspondence.Enclosure{{Name: document.Name, Key: document.Key, MediaType: document.MediaType, SHA256: document.SHA256}}
	}
	return l
}
