package inbox

import (
	"context"
	"slices"
	"time"

	"sportello/shared/domain/application"
	"sportello/shared/domain/catalogue"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/pec"
	"sportello/shared/flow/casefile"
	"sportello/shared/flow/correspondence"
	"sportello/shared/flow/problems"
	"sportello/shared/flow/step"
	"sportello/shared/platform/table"
)

// arrival is one message on its way in.
type arrival struct {
	*Desk
	Message
	chamber catalogue.Chamber
	raw     []byte
	object  string
	digest  string
}

// receipt adds a receipt to the message it is about and computes the message's state anew from all its receipts' own times.
func (a arrival) receipt(ctx context.Context) error {
	id, err := pec.ParseMessageID(a.Receipt.MessageRef)
	if err != nil {
		return a.register(ctx) // a receipt of something we did not send: the office must see it
	}
	known := true
	var owed []step.Owed
	err = step.Retry(ctx, func() error {
		owed = nil
		mail, item, there, err := casefile.One[correspondence.Mail](ctx, a.Table, layout.Mail(id.Application, id.Mail))
		if err != nil {
			return err
		}
		// A genuine receipt of somebody else's message may name ours: only one that certifies our mailbox as the sender counts.
		if known = there && mail.Chamber == a.chamber.ID && a.Receipt.Concerns(mail.MessageID, a.chamber.PEC); !known {
			return nil
		}
		if holds(mail.Receipts, *a.Receipt) {
			return nil
		}
		owed, err = a.add(ctx, mail, item)
		return err
	})
	if err == nil && !known {
		return a.register(ctx)
	}
	if err == nil {
		a.Post.Send(ctx, owed...)
	}
	return err
}

// holds tells whether the receipt is there already: providers repeat them, and so do we.
func holds(receipts []pec.Receipt, r pec.Receipt) bool {
	return slices.ContainsFunc(receipts, func(o pec.Receipt) bool {
		return o.Kind == r.Kind && o.Ident == r.Ident && o.Recipient == r.Recipient && o.At.Equal(r.At)
	})
}

// add returns what the new receipt makes owed.
func (a arrival) add(ctx context.Context, mail correspondence.Mail, item table.Item) (owed []step.Owed, err error) {
	before := mail.State
	mail.Receipts = append(mail.Receipts, *a.Receipt)
	mail.Proofs = append(mail.Proofs, correspondence.Proof{
		Key: a.object, SHA256: a.digest, Size: int64(len(a.raw)), Kind: a.Receipt.Kind, At: a.Receipt.At,
	})
	outcome := pec.Evaluate(correspondence.Own(mail), []string{mail.Address}, mail.Receipts)
	mail.State = outcome.State
	if mail.SentAt == nil && outcome.State != pec.StatePrepared {
		sent := a.Receipt.At // a receipt proves that the provider had it
		mail.SentAt = &sent
	}
	var changes casefile.Changes
	changes.Add(mail.Row(item))
	if mail.State != before {
		if owed, err = a.consequences(ctx, &changes, mail, outcome); err != nil {
			return nil, err
		}
	}
	return owed, changes.Commit(ctx, a.Table)
}

// consequences is what a message's new state means for its case.
func (a arrival) consequences(ctx context.Context, changes *casefile.Changes, mail correspondence.Mail, outcome pec.Outcome) ([]step.Owed, error) {
	switch mail.State {
	case pec.StateDelivered:
		if err := a.over(ctx, changes, mail, problems.MailOf(mail.Origin()), problems.LateMailOf(mail.ID)); err != nil {
			return nil, err
		}
		return nil, a.delivered(ctx, changes, mail, outcome.DeliveredAt)
	case pec.StateFailed:
		if err := a.over(ctx, changes, mail, problems.LateMailOf(mail.ID)); err != nil {
			return nil, err
		}
		return a.failed(ctx, changes, mail, outcome)
	}
	return nil, nil
}

// over closes the problems about a message that its new state puts an end to.
func (a arrival) over(ctx context.Context, changes *casefile.Changes, mail correspondence.Mail, ids ...string) error {
	for _, id := range ids {
		closing, err := problems.Close(ctx, a.Table, mail.Chamber, id, a.Now())
		if err != nil {
			return err
		}
		changes.List = append(changes.List, closing...)
	}
	return nil
}

// delivered: what was served is served from this instant (CAD art. 6 c.1; L. 241/1990 art. 21-bis).
func (a arrival) delivered(ctx context.Context, changes *casefile.Changes, mail correspondence.Mail, at time.Time) error {
	if mail.Kind == correspondence.OfficeNotice {
		return nil
	}
	line := application.Line{At: at, Event: application.MailDelivered, Actor: application.MailBox}
	if mail.Kind == correspondence.OutcomeLetter {
		c, err := casefile.Load(ctx, a.Table, mail.Application)
		if err != nil {
			return err
		}
		if c.Outcome != nil && c.Outcome.DeliveredAt == nil { // else it had arrived at another address
			line.Event = application.OutcomeDelivered
			next := Served(c.Application, at, a.Now())
			changes.Add(c.Put(next))
		}
	}
	changes.Add(casefile.Tell(mail.Application, mail.ID+"-"+string(pec.StateDelivered), line))
	return nil
}

// Served returns the application with its outcome effective from at; it will close by itself.
func Served(a application.Application, at, now time.Time) application.Application {
	outcome := *a.Outcome
	outcome.DeliveredAt = &at
	a.Outcome = &outcome
	a.UpdatedAt = now
	if a.State != application.Decided {
		return a // closed already, after the outcome had been handed over in another way
	}
	closing := now.Add(casefile.LastWord)
	if a.Rated {
		closing = now
	}
	a.CloseAt = &closing
	return a
}

// failed: the letter goes to the recipient's next certified address, if the registers have another; else the office is told, with the reason, and
// proposes paper or another address.
func (a arrival) failed(ctx context.Context, changes *casefile.Changes, mail correspondence.Mail, outcome pec.Outcome) ([]step.Owed, error) {
	changes.Add(casefile.Tell(mail.Application, mail.ID+"-"+string(pec.StateFailed), application.Line{
		At: outcome.FailedAt, Event: application.MailFailed, Actor: application.MailBox, Text: "La PEC non è stata consegnata.",
	}))
	if mail.Kind != correspondence.OfficeNotice && outcome.Failure != pec.HasVirus { // a virus goes along to every address
		return a.elsewhere(ctx, changes, mail)
	}
	text := "Un messaggio PEC non è stato consegnato (" + string(outcome.Failure) + "): proporre un altro indirizzo o la consegna su carta."
	change, ok, err := problems.Open(ctx, a.Table, mail.Chamber, problems.Problem{
		ID: problems.MailOf(mail.Origin()), Kind: problems.MailFailed, At: a.Now(), Application: mail.Application, Text: text,
	})
	if ok {
		changes.List = append(changes.List, change)
	}
	return nil, err
}

// elsewhere promises the letter's next message. Its step asks the registers, and opens the problem if they know no other address.
func (a arrival) elsewhere(ctx context.Context, changes *casefile.Changes, mail correspondence.Mail) ([]step.Owed, error) {
	now := a.Now()
	next, err := mail.Elsewhere(now)
	if err != nil {
		return nil, err
	}
	_, _, there, err := casefile.One[correspondence.Mail](ctx, a.Table, layout.Mail(next.Application, next.ID))
	if err != nil || there {
		return nil, err
	}
	return []step.Owed{correspondence.Write(changes, next, correspondence.Day(now))}, nil
}
