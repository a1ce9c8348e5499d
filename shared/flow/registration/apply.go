package registration

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"sportello/shared/domain/application"
	"sportello/shared/domain/catalogue"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/register"
	"sportello/shared/flow/casefile"
	"sportello/shared/flow/correspondence"
	"sportello/shared/flow/external"
	"sportello/shared/flow/problems"
	"sportello/shared/flow/step"
	"sportello/shared/flow/survey"
	"sportello/shared/platform/ledger"
	"sportello/shared/platform/queue"
	"sportello/shared/platform/table"
)

// Apply writes a number into the case that it was given for, and promises the letters that follow from it. Applied twice, the second
// finds the outbox row gone.
func (d *Desk) Apply(ctx context.Context, e queue.Envelope) error {
	if e.Kind != string(step.Apply) {
		return fmt.Errorf("applying %q: %w: unknown kind", e.Kind, queue.ErrPermanent)
	}
	return problems.Halt(ctx, d.Applications, e, d.Now(), d.apply(ctx, e))
}

func (d *Desk) apply(ctx context.Context, e queue.Envelope) error {
	var letters []step.Owed
	err := step.Retry(ctx, func() error {
		letters = nil
		owed, item, there, err := step.Read(ctx, d.Applications, table.Key{PK: e.PK, SK: e.SK})
		if err != nil || !there {
			return err
		}
		entry, numbered, err := d.ledger.Find(ctx, owed.Event)
		if err != nil {
			return err
		}
		if !numbered {
			return nil // handed over before its time: the sweep will ask for the number again
		}
		filing, err := step.Payload[correspondence.Filing](owed)
		if err != nil {
			return err
		}
		a := applying{Desk: d, work: work{owed, item, filing}, entry: entry}
		letters, err = a.commit(ctx)
		return err
	})
	if err != nil {
		return err
	}
	d.Post.Send(ctx, letters...)
	return nil
}

// applying is one number on its way into its case.
type applying struct {
	*Desk
	work
	entry   ledger.Entry
	changes casefile.Changes
	letters []step.Owed
}

func (a *applying) protocol() application.Protocol {
	return application.Protocol{
		Number: register.Number(a.entry.Number), Year: register.Year(a.entry.Page), Date: a.entry.Page,
	}
}

func (a *applying) commit(ctx context.Context) ([]step.Owed, error) {
	if err := a.target(ctx); err != nil {
		return nil, err
	}
	pending, err := table.One(ctx, a.Applications, layout.Pending(a.owed.Chamber, a.owed.Day, a.owed.Event))
	if err == nil {
		a.changes.List = append(a.changes.List, table.Delete(pending))
	} else if !errors.Is(err, table.ErrNotFound) {
		return nil, err
	}
	paid, err := problems.Paid(ctx, a.Applications, a.owed, a.item, a.Now())
	if err != nil {
		return nil, err
	}
	a.changes.List = append(a.changes.List, paid...)
	a.askOutside()
	if err := a.changes.Commit(ctx, a.Applications); err != nil {
		return nil, err
	}
	return a.letters, nil
}

// askOutside promises the question for the chamber's own number, where the chamber keeps a protocol.
func (a *applying) askOutside() {
	chamber, _ := catalogue.ChamberByID(a.owed.Chamber)
	if chamber.Register.External() && a.filing.Target != correspondence.ToNothing {
		a.letters = append(a.letters, external.Promise(&a.changes, a.owed, a.filing, a.protocol(), a.Now()))
	}
}

// target writes the number where it belongs.
func (a *applying) target(ctx context.Context) error {
	switch a.filing.Target {
	case correspondence.ToApplication:
		return a.toApplication(ctx)
	case correspondence.ToDocument:
		return a.toDocument(ctx)
	case correspondence.ToIncoming:
		return a.toIncoming(ctx)
	case correspondence.ToNothing:
		return nil
	}
	return fmt.Errorf("applying to %q: %w: unknown target", a.filing.Target, queue.ErrPermanent)
}

// toApplication: the application has its number. State changes only from presented: what was withdrawn meanwhile stays withdrawn.
func (a *applying) toApplication(ctx context.Context) error {
	c, err := casefile.Load(ctx, a.Applications, a.owed.Application)
	if err != nil {
		return err
	}
	if c.Protocol != nil {
		// Another delivery applied the number after we had read the outbox row: reading again finds the row gone.
		return fmt.Errorf("applying the number: %w", table.ErrConflict)
	}
	protocol := a.protocol()
	now := a.Now()
	next, line, err := c.Move(application.WasRegistered, now, application.System)
	if err != nil {
		return err
	}
	next.Protocol = &protocol
	line.Text = "Protocollo " + correspondence.Cite(protocol)
	a.changes.Add(c.Put(next))
	a.changes.Add(casefile.Tell(c.ID, a.owed.Event+numberLine, line))
	if err := a.number(ctx, layout.Document(c.ID, a.owed.Event), protocol); err != nil {
		return err
	}
	service, err := catalogue.Find(c.Chamber, c.Service)
	if err != nil {
		return err
	}
	a.write(a.officeNotice(next, service), correspondence.ToOffice, protocol)
	if wantsMail(next) {
		a.write(a.acknowledgement(next, service), correspondence.ToApplicant, protocol)
	}
	return nil
}

// numberLine tells the line of an event's number apart from the line of the event itself, which may be of the same millisecond.
const numberLine = "-number"

func wantsMail(a application.Application) bool { return a.Domicile != application.PortalOnly }

// write promises a letter, stamped with the number.
func (a *applying) write(l correspondence.Letter, role string, protocol application.Protocol) {
	mail := correspondence.New(l, a.owed.Event, role, a.owed.Application, a.owed.Chamber, a.MailDomain, a.Now()).Stamped(protocol)
	a.letters = append(a.letters, correspondence.Write(&a.changes, mail, correspondence.Day(a.Now())))
}

// number writes the number on a document of the case.
func (a *applying) number(ctx context.Context, key table.Key, protocol application.Protocol) error {
	document, item, there, err := casefile.One[application.Document](ctx, a.Applications, key)
	if err != nil || !there {
		return err
	}
	document.Protocol = &protocol
	a.changes.Add(casefile.Row(item, key, document))
	return nil
}

// toDocument: a later document of the case has its number; if it goes out, its letter is promised.
func (a *applying) toDocument(ctx context.Context) error {
	protocol := a.protocol()
	if err := a.number(ctx, layout.Document(a.owed.Application, a.filing.ID), protocol); err != nil {
		return err
	}
	a.changes.Add(casefile.Tell(a.owed.Application, a.owed.Event+numberLine, application.Line{
		At: a.Now(), Event: application.Numbered, Actor: application.System, Document: a.filing.ID,
		Text: "Protocollo " + correspondence.Cite(protocol),
	}))
	if a.filing.Survey {
		return a.survey(ctx)
	}
	if a.filing.Letter == nil {
		return nil
	}
	letter := *a.filing.Letter
	if letter.Survey {
		token, err := a.token(a.owed.Application)
		if err != nil {
			return err
		}
		letter.Text = strings.ReplaceAll(letter.Text, correspondence.Token, a.Portal(a.owed.Chamber, "/valuta/?t="+token))
	}
	a.write(letter, correspondence.ToApplicant, protocol)
	return nil
}

// survey keeps the token where its owner finds it, when no letter can carry it.
func (a *applying) survey(ctx context.Context) error {
	c, err := casefile.Load(ctx, a.Applications, a.owed.Application)
	if err != nil {
		return err
	}
	next := c.Application
	if next.Survey, err = a.token(c.ID); err != nil {
		return err
	}
	a.changes.Add(c.Put(next))
	return nil
}

// token makes the one-use token of the survey; only its digest is kept.
func (a *applying) token(id string) (string, error) {
	raw := make([]byte, 16)
	if _, err := io.ReadFull(a.Random, raw); err != nil {
		return "", fmt.Errorf("making survey token: %w", err)
	}
	token := base64.RawURLEncoding.EncodeToString(raw)
	sum := sha256.Sum256([]byte(token))
	a.changes.Add(survey.Invite(hex.EncodeToString(sum[:]), id, a.Now()))
	return token, nil
}

// toIncoming: certified mail that belongs to no known case has its number.
func (a *applying) toIncoming(ctx context.Context) error {
	key := layout.Incoming(a.owed.Chamber, a.filing.ID)
	row, item, there, err := casefile.One[correspondence.Incoming](ctx, a.Applications, key)
	if err != nil || !there {
		return err
	}
	protocol := a.protocol()
	row.Protocol = &protocol
	a.changes.Add(casefile.Row(item, key, row))
	return nil
}

// acknowledgement tells the applicant the number, with what L. 241/1990 art. 8 asks for.
func (a *applying) acknowledgement(c application.Application, s catalogue.Service) correspondence.Letter {
	return correspondence.Letter{
		Kind: correspondence.Acknowledgement, To: c.Owner, Address: c.Domicile,
		Subject: "Istanza registrata: " + s.Title + " - protocollo " + correspondence.Mark,
		Text: "Gentile utente,\n\nl'istanza «" + s.Title + "», presentata il " +
			correspondence.Italian(register.Date(c.PresentedAt())) + " alla " + s.Chamber.Name +
			", è stata registrata al protocollo " + correspondence.Mark + ".\n\n" +
			"Ufficio competente: " + s.Office.Name + "\nResponsabile del procedimento: " + s.Office.Responsible.Name +
			"\nTermine per la risposta: " + correspondence.Italian(casefile.Due(c).String()) + "\n" +
			"Titolare del potere sostitutivo, se la risposta non arriva: " + s.Office.Substitute.Name + "\n\n" + s.Remedies + "\n\n" +
			"Per seguire la pratica: " + a.Portal(c.Chamber, "/pratica/?id="+c.ID) + "\n",
	}
}

// officeNotice tells the office that a case has arrived.
func (a *applying) officeNotice(c application.Application, s catalogue.Service) correspondence.Letter {
	return correspondence.Letter{
		Kind: correspondence.OfficeNotice, To: application.Party{Name: s.Office.Name}, Address: s.Office.PEC,
		Subject: "Nuova istanza: " + s.Title + " - protocollo " + correspondence.Mark,
		Text: "È arrivata una nuova istanza «" + s.Title + "», protocollo " + correspondence.Mark + ".\n" +
			"Pratica: " + c.ID + "\nDa concludere entro: " + correspondence.Italian(casefile.Due(c).String()) + "\n",
	}
}
