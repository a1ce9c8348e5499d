package deadlines

import (
	"context"
	"slices"
	"strings"
	"time"

	"sportello/shared/domain/application"
	"sportello/shared/domain/catalogue"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/pec"
	"sportello/shared/domain/problem"
	"sportello/shared/flow/casefile"
	"sportello/shared/flow/correspondence"
	"sportello/shared/flow/draft"
	"sportello/shared/flow/problems"
	"sportello/shared/flow/step"
	"sportello/shared/platform/table"
)

// wake does what is due in a case.
func (d *Desk) wake(ctx context.Context, key table.Key, now time.Time) error {
	id, isCase := strings.CutPrefix(key.PK, "APP#")
	if !isCase || key.SK != "META" {
		return nil
	}
	err := step.Retry(ctx, func() error {
		c, err := casefile.Load(ctx, d.Table, id)
		if problem.Is(err, problem.NotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if at, ok := casefile.Wake(c.Application); !ok || at.After(now) {
			return nil
		}
		return d.happen(ctx, c, now)
	})
	return err
}

// happen applies what time does to a case in its state.
func (d *Desk) happen(ctx context.Context, c casefile.Case, now time.Time) error {
	switch c.State {
	case application.Draft:
		return draft.Remove(ctx, d.Table, d.Documents, c)
	case application.Expired:
		return d.forget(ctx, c, now)
	case application.Decided, application.Withdrawn:
		if c.Unbought() {
			return d.forget(ctx, c, now)
		}
		return d.close(ctx, c, now)
	case application.AwaitingIntegration:
		return d.lapse(ctx, c, now)
	}
	return d.expire(ctx, c, now)
}

// lapse: the applicant did not answer in time. The term goes on by itself (L. 241/1990 art. 2 c.7), and the office decides on what it has.
func (d *Desk) lapse(ctx context.Context, c casefile.Case, now time.Time) error {
	next, line, err := c.Move(application.IntegrationLapsed, now, application.System)
	if err != nil {
		return err
	}
	next.Request = ""
	var changes casefile.Changes
	changes.Add(c.Put(next))
	changes.Add(casefile.Tell(c.ID, c.Request+"-lapsed", line))
	request, item, there, err := casefile.One[application.Request](ctx, d.Table, layout.Request(c.ID, c.Request))
	if err != nil {
		return err
	}
	if there {
		request.Lapsed = true
		changes.Add(casefile.Row(item, item.Key, request))
	}
	return changes.Commit(ctx, d.Table)
}

// expire: the term ran out without an answer. Silence is an event with an effect, not an outcome: the office still owes a decision, and the
// applicant is told whom to turn to (L. 241/1990 art. 2 c.9-ter).
func (d *Desk) expire(ctx context.Context, c casefile.Case, now time.Time) error {
	service, err := catalogue.Find(c.Chamber, c.Service)
	if err != nil {
		return err
	}
	next := c.Application
	next.TermExpired, next.UpdatedAt = &now, now
	var changes casefile.Changes
	changes.Add(c.Put(next))
	changes.Add(casefile.Tell(c.ID, c.Submission.Event+"-expired", application.Line{
		At: now, Event: application.TermExpired, Actor: application.System, Text: service.Silence.Text,
	}))
	opened, ok, err := problems.Open(ctx, d.Table, c.Chamber, problems.Problem{
		ID: problems.TermOf(c.ID), Kind: problems.TermExpired, At: now, Application: c.ID,
		Text: "Il termine di legge per rispondere è scaduto: la pratica va conclusa senza ritardo.",
	})
	if err != nil {
		return err
	}
	if ok {
		changes.List = append(changes.List, opened)
	}
	return changes.Commit(ctx, d.Table)
}

// Again is after how long the closing of a case is tried again that still has something on its way.
const Again = time.Hour

// close ends a case and promises its package, once every document has its number, also the chamber's own, and every message its end.
func (d *Desk) close(ctx context.Context, c casefile.Case, now time.Time) error {
	settled, err := d.settled(ctx, c)
	if err != nil {
		return err
	}
	if !settled {
		later := now.Add(Again)
		next := c.Application
		next.CloseAt = &later
		change, err := c.Put(next)
		if err != nil {
			return err
		}
		return d.Table.Commit(ctx, change)
	}
	next, line, err := c.Move(application.WasClosed, now, application.System)
	if err != nil {
		return err
	}
	next.CloseAt = nil
	owed := step.Owed{
		Kind: step.Preserve, Chamber: c.Chamber, Day: correspondence.Day(now), Event: "keep-" + c.ID, Application: c.ID, CreatedAt: now,
	}
	var changes casefile.Changes
	changes.Add(c.Put(next))
	changes.Add(casefile.Tell(c.ID, owed.Event, line))
	changes.Add(owed.Promise())
	over, err := problems.Close(ctx, d.Table, c.Chamber, problems.TermOf(c.ID), now) // of a case that was withdrawn after its term
	if err != nil {
		return err
	}
	changes.List = append(changes.List, over...)
	if err := changes.Commit(ctx, d.Table); err != nil {
		return err
	}
	d.Post.Send(ctx, owed)
	return nil
}

// settled tells whether nothing of the case is on its way any more.
func (d *Desk) settled(ctx context.Context, c casefile.Case) (bool, error) {
	documents, err := casefile.Rows[application.Document](ctx, d.Table, c.ID, layout.DocumentPrefix)
	if err != nil {
		return false, err
	}
	chamber, _ := catalogue.ChamberByID(c.Chamber)
	waits := func(p *application.Protocol) bool {
		return p == nil || chamber.Register.External() && p.External == nil
	}
	unnumbered := slices.ContainsFunc(documents, func(doc application.Document) bool {
		return waits(doc.Protocol) && doc.Kind != application.ReceiptDocument && doc.Kind != application.PaymentDocument
	})
	mails, err := casefile.Rows[correspondence.Mail](ctx, d.Table, c.ID, layout.MailPrefix)
	if err != nil {
		return false, err
	}
	travelling := slices.ContainsFunc(mails, func(m correspondence.Mail) bool {
		switch m.State {
		case pec.StateDelivered, pec.StateFailed, pec.StateUncertain:
			return false
		}
		return m.Late == nil
	})
	receipt := slices.ContainsFunc(documents, func(doc application.Document) bool { return doc.Kind == application.ReceiptDocument })
	return !unnumbered && !travelling && receipt, nil
}
