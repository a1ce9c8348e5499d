package inbox

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"sportello/shared/domain/application"
	"sportello/shared/domain/catalogue"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/pec"
	"sportello/shared/domain/problem"
	"sportello/shared/domain/register"
	"sportello/shared/flow/casefile"
	"sportello/shared/flow/correspondence"
	"sportello/shared/flow/problems"
	"sportello/shared/flow/step"
	"sportello/shared/platform/table"
)

// event is the message's id as an event: derived from what it is, so that the same message read twice is one event. It has the shape of a UUID
// (version 8, RFC 9562).
func (a arrival) event() string {
	identity := a.Ident
	if identity == "" || a.Class != pec.ClassCertified {
		identity = a.digest
	}
	sum := sha256.Sum256([]byte("certified mail\n" + a.chamber.PEC + "\n" + identity))
	sum[6] = sum[6]&0x0f | 0x80
	sum[8] = sum[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[0:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// register gives a message that somebody sent its place: a filing for the register, the case it belongs to, and what it moves there.
func (a arrival) register(ctx context.Context) error {
	var owed step.Owed
	event := a.event()
	err := step.Retry(ctx, func() error {
		owed = step.Owed{}
		_, item, there, err := casefile.One[correspondence.Incoming](ctx, a.Table, layout.Incoming(a.chamber.ID, event))
		if err != nil || there {
			return err
		}
		c, matched, err := a.match(ctx)
		if err != nil {
			return err
		}
		owed, err = a.commit(ctx, event, item, c, matched)
		return err
	})
	if err == nil && owed.Event != "" {
		a.Post.Send(ctx, owed)
	}
	return err
}

// match finds the case that a message is about: an answer to one of our messages, or one that names the case. Only a certified message counts.
func (a arrival) match(ctx context.Context) (casefile.Case, bool, error) {
	if a.Class != pec.ClassCertified {
		return casefile.Case{}, false, nil
	}
	var candidates []string
	for _, reference := range a.InReplyTo {
		if id, err := pec.ParseMessageID(reference); err == nil {
			candidates = append(candidates, id.Application)
		}
	}
	candidates = append(candidates, named(a.Subject)...)
	seen := map[string]bool{}
	for _, id := range candidates {
		if seen[id] || len(seen) == maxCandidates {
			continue
		}
		seen[id] = true
		c, err := casefile.Load(ctx, a.Table, id)
		if err != nil && !problem.Is(err, problem.NotFound) {
			return c, false, err // a table that fails for a moment must not make the message anybody's
		}
		if err == nil && c.Chamber == a.chamber.ID && c.State != application.Draft && !c.Unbought() {
			return c, true, nil
		}
	}
	return casefile.Case{}, false, nil
}

// maxCandidates is how many cases are looked for: who writes chooses how many they name, and a mailbox waits for each message.
const maxCandidates = 50

// named finds application ids in a subject.
func named(subject string) []string {
	return slices.DeleteFunc(strings.FieldsFunc(subject, func(r rune) bool {
		return r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'f')
	}), func(word string) bool { return len(word) != 36 || strings.Count(word, "-") != 4 })
}

func (a arrival) commit(ctx context.Context, event string, item table.Item, c casefile.Case, matched bool) (step.Owed, error) {
	var changes casefile.Changes
	now := a.Now()
	row := correspondence.Incoming{
		ID: event, Chamber: a.chamber.ID, MessageID: register.OneLine(a.MessageID, maxHeader), From: register.OneLine(a.From, maxHeader),
		Subject: register.OneLine(a.Subject, 200), At: a.At,
		Object: a.object, SHA256: a.digest, Size: int64(len(a.raw)), Untrusted: register.OneLine(a.Reason, maxHeader),
	}
	filing := correspondence.Filing{Entry: a.entry(event, now), Target: correspondence.ToIncoming, ID: event}
	if matched {
		row.Application = c.ID
		filing.Entry.Application, filing.Entry.Reserved = c.ID, c.Reserved
		if service, err := catalogue.Find(c.Chamber, c.Service); err == nil {
			filing.Entry.Classification = service.Classification.Code
		}
		filing.Target = correspondence.ToDocument
		if err := a.toCase(ctx, &changes, event, c, now); err != nil {
			return step.Owed{}, err
		}
	} else if err := a.unmatched(ctx, &changes, event, now); err != nil {
		return step.Owed{}, err
	}
	changes.Add(casefile.Row(item, layout.Incoming(a.chamber.ID, event), row))
	owed := correspondence.File(&changes, a.chamber.ID, filing, event, filing.Entry.Application, now)
	return owed, changes.Commit(ctx, a.Table)
}

// maxHeader and maxText bound what the rows hold of a message, in characters: a row has room for 400 kB, a message for a hundred times as
// much. The whole of it is the document.
const (
	maxHeader = register.MaxAddress
	maxText   = 5000
)

// text is the message's text as the case shows it.
func (a arrival) text() string {
	runes := []rune(strings.ToValidUTF8(strings.TrimSpace(a.Text), "\ufffd"))
	if len(runes) > maxText {
		runes = append(runes[:maxText-1:maxText-1], '…')
	}
	return string(runes)
}

// Unclassified is the place in the filing plan of what a person has still to classify. Classification may change later, with
// its history (AgID guidelines 3.1.5); what art. 53 calls not modifiable may not.
const Unclassified = "00"

// entry is the message as the register names it.
func (a arrival) entry(event string, now time.Time) register.Entry {
	from := a.From
	if from == "" {
		from = "mittente non indicato"
	}
	return register.Entry{
		Direction: register.In, Kind: register.IncomingMail, Event: event, Chamber: a.chamber.ID, Book: correspondence.Book(a.chamber),
		PresentedAt: register.Instant(now), PresentationDate: register.Date(now),
		Senders:    []register.Party{{Name: register.OneLine(from, 300), Address: register.OneLine(address(a.From), register.MaxAddress)}},
		Recipients: []register.Party{correspondence.Us(a.chamber)},
		Subject:    register.OneLine(orNone(a.Subject), 1000), Document: register.Document{SHA256: a.digest, MediaType: "message/rfc822"},
		Classification: Unclassified,
	}
}

func orNone(subject string) string {
	if strings.TrimSpace(subject) == "" {
		return "(senza oggetto)"
	}
	return subject
}

func address(from string) string {
	if strings.Contains(from, "@") {
		return from
	}
	return ""
}

// toCase shows the message in its case. From the applicant's own certified address it is an answer like any other (CAD art. 65 c.1 c-bis),
// and moves the clock.
func (a arrival) toCase(ctx context.Context, changes *casefile.Changes, event string, c casefile.Case, now time.Time) error {
	changes.Add(casefile.Row(table.Item{}, layout.Document(c.ID, event), application.Document{
		ID: event, Kind: application.MailDocument, Name: "messaggio.eml", MediaType: "message/rfc822", Size: int64(len(a.raw)),
		SHA256: a.digest, Key: layout.DocumentKey(c.ID, a.digest), At: now, Text: a.text(),
	}))
	if err := a.Documents.Put(ctx, layout.DocumentKey(c.ID, a.digest), a.raw, "message/rfc822"); err != nil {
		return err
	}
	line := application.Line{At: now, Event: application.MailReceived, Actor: application.MailBox, Document: event, Text: a.text()}
	answers, err := a.answers(ctx, c)
	if err != nil {
		return err
	}
	next := c.Application
	if answers {
		at := a.sent(now)
		moved := application.Line{}
		if next, moved, err = Answered(ctx, a.Table, changes, c, event, a.text(), nil, at); err != nil {
			return err
		}
		line.At, line.From, line.To, line.Event = at, moved.From, moved.To, moved.Event
	}
	next.UpdatedAt = now // whoever watches what changed sees it, and a case that closes at this moment does not close over it
	changes.Add(c.Put(next))
	changes.Add(casefile.Tell(c.ID, event, line))
	if c.State.Open() {
		return nil
	}
	return a.open(ctx, changes, problems.Problem{
		ID: "IN-" + event, Kind: problems.MailUnmatched, At: now, Application: c.ID,
		Text: "È arrivato un messaggio PEC su una pratica già conclusa: leggerlo e decidere se riguarda un'altra pratica.",
	})
}

// sent is the instant that the provider certified, which is when the message counts as sent (DPR 68/2005 art. 6); never later than now.
func (a arrival) sent(now time.Time) time.Time {
	if a.At.IsZero() || a.At.After(now) {
		return now
	}
	return a.At.UTC().Truncate(time.Millisecond)
}

// answers tells whether the message answers the open integration request: it is the owner's, and was sent after the question.
func (a arrival) answers(ctx context.Context, c casefile.Case) (bool, error) {
	if c.State != application.AwaitingIntegration {
		return false, nil
	}
	request, _, asked, err := casefile.One[application.Request](ctx, a.Table, layout.Request(c.ID, c.Request))
	if err != nil || !asked || a.sent(a.Now()).Before(request.At.Truncate(time.Second)) {
		return false, err
	}
	return a.fromOwner(ctx, c)
}

// fromOwner tells whether the message came from an address that we have served the owner at: the domicile of the case, or the one the
// registers gave.
func (a arrival) fromOwner(ctx context.Context, c casefile.Case) (bool, error) {
	mails, err := casefile.Rows[correspondence.Mail](ctx, a.Table, c.ID, layout.MailPrefix)
	if err != nil {
		return false, err
	}
	return a.From != "" && strings.EqualFold(c.Domicile, a.From) || slices.ContainsFunc(mails, func(m correspondence.Mail) bool {
		return m.Kind != correspondence.OfficeNotice && m.Address != "" && strings.EqualFold(m.Address, a.From)
	}), nil
}

// Answered returns the application with its open integration request answered: the term goes on (L. 241/1990 art. 2 c.7).
func Answered(ctx context.Context, t table.Table, changes *casefile.Changes, c casefile.Case, event, text string, files []string, now time.Time) (application.Application, application.Line, error) {
	next, line, err := c.Move(application.IntegrationReceived, now, application.Applicant)
	if err != nil {
		return next, line, err
	}
	term, err := c.Term.Resume(now)
	if err != nil {
		term = *c.Term // asked a second time, without a suspension: the term was running
	}
	next.Term, next.Request = &term, ""
	request, item, there, err := casefile.One[application.Request](ctx, t, layout.Request(c.ID, c.Request))
	if err != nil || !there {
		return next, line, err
	}
	request.Answered, request.Reply, request.RepliedAt, request.Attachments = event, text, &now, files
	changes.Add(casefile.Row(item, item.Key, request))
	return next, line, nil
}

// unmatched opens a problem: a person must read the message and find its case.
func (a arrival) unmatched(ctx context.Context, changes *casefile.Changes, event string, now time.Time) error {
	p := problems.Problem{
		ID: "IN-" + event, Kind: problems.MailUnmatched, At: now,
		Text: "È arrivato un messaggio PEC che non appartiene a una pratica nota: leggerlo e assegnarlo.",
	}
	if a.Class == pec.ClassUntrusted {
		p.Kind = problems.MailUntrusted
		p.Text = "È arrivato un messaggio che si presenta come PEC ma non è autentico o non è leggibile: aprirlo con cautela nella casella."
	}
	return a.open(ctx, changes, p)
}

func (a arrival) open(ctx context.Context, changes *casefile.Changes, p problems.Problem) error {
	change, ok, err := problems.Open(ctx, a.Table, a.chamber.ID, p)
	if ok {
		changes.List = append(changes.List, change)
	}
	return err
}
