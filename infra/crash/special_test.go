//go:build road

package crash

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sportello/infra/road"
	"sportello/shared/domain/catalogue"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/register"
	"sportello/shared/flow/step"
	"sportello/shared/platform/queue"
)

// What no single write is about: messages lost and doubled, instances side by side, people who do not wait.

// plain is an effect without a fault: the point's deeds are the trouble.
func plain(name string) []effect { return []effect{{name: name}} }

// wipedPoints leave a message on each queue, in the hands of an instance that was killed; then the queues are emptied.
var wipedPoints = []point{
	filing("queue wiped", "registration", func(f *filed) road.Fault { return commits(registering, "H#"+f.chamber+"#.*"+f.id) }),
	filing("queue wiped", "registered", numbering).afterHandOver(),
	filing("queue wiped", "preservation, a receipt", func(f *filed) road.Fault { return commits(preserving, "APP#"+f.id+".*OUT#RCP#") }),
	filing("queue wiped", "pec", marking),
	keeping("queue wiped", "preservation, a package", func(f *filed) road.Fault { return puts(preserving, "packages/"+f.id) }),
}

// heldPoints leave a message in doubt while no receipt tells anything.
var heldPoints = []point{
	only(filing("mail sending / after the server's 250", "end of DATA, receipts late", offering), failsAfter, killedAfter),
	only(filing("mail sending / after the server's 250", "250 recorded, receipts late", recording), killedBefore),
	only(filing("mail sending / before the server's 250", "marked sending, receipts late", marking), killedAfter),
}

// asked leaves messages in doubt whose receipts lie in the mailbox, and keeps the reader of mailboxes from reading them: only who sends can
// look there.
func (w *town) asked() *round {
	p := filing("mail sending / after the server's 250", "end of DATA, receipts unread", offering)
	p.before, p.also, p.only = (*filed).blind, (*rows).certain, []effect{failsAfter, killedAfter}
	r := &round{town: w, crashes: p.cases()}
	r.late = func(ctx context.Context) error {
		if err := r.Heal(ctx); err != nil {
			return err
		}
		err := r.each(func(c *crash) error { return errors.Join(c.blind(ctx), c.answered(ctx)) })
		if err == nil {
			err = r.Advance(ctx, late)
		}
		if err != nil {
			return err
		}
		return r.each(func(c *crash) error {
			ok, err := c.until(ctx, func() (bool, error) {
				rows, err := c.rows(ctx)
				return err == nil && rows.meta.Protocol != nil && len(rows.owed) == 0, err
			})
			c.verdict.hold(ok, "I3: nobody looked into the mailbox")
			return err
		})
	}
	return r
}

// blind makes reading the chamber's mailbox fail.
func (f *filed) blind(ctx context.Context) error {
	return f.never(ctx, puts(reading, "mail/in/protocollo(@|%40)"+f.chamber))
}

// answered waits until the provider has put its receipts of every message of the case into the mailbox.
func (f *filed) answered(ctx context.Context) error {
	ok, err := f.until(ctx, func() (bool, error) {
		mails, err := f.Mails(ctx)
		receipts := 0
		for _, m := range mails {
			if strings.HasPrefix(road.Bare(m.MessageID), f.id+".") {
				receipts += len(m.Receipts)
			}
		}
		return receipts >= 4, err // acceptance and delivery, of two letters
	})
	if err == nil && !ok {
		err = errors.New("the provider made no receipts")
	}
	return err
}

func only(p point, effects ...effect) point {
	p.only = effects
	return p
}

// withdrawnPoints are applications whose owners do not wait.
var withdrawnPoints = []point{
	withdrawnMeanwhile("register commit", func(f *filed) road.Fault { return commits(registering, "H#"+f.chamber+"#.*"+f.id) }),
	withdrawnMeanwhile("number into the case", numbering),
}

// outsidePoints are the writes about the number that a chamber gives which keeps a protocol of its own, and an answer of that protocol that
// gets lost.
var outsidePoints = []point{
	outside("chamber's number into the case", func(f *filed) road.Fault { return commits(registering, "APP#"+f.id+`.*external\\":\{`) }),
	only(outside("send to the chamber's protocol", func(f *filed) road.Fault { return sends(registering, "OUT#EXT#"+f.chamber) }), killedBefore),
	answerLost(),
}

func outside(name string, call func(*filed) road.Fault) point {
	p := filing("numbered here / not by the chamber", name, call).afterHandOver()
	p.also = (*rows).oneOutside
	return p
}

func answerLost() point {
	p := only(outside("chamber's protocol asked", nil), effect{name: "its answer lost"})
	p.before = func(f *filed, ctx context.Context) error {
		return f.World().Post(ctx, "/control/protocol", map[string]any{"next": "lost"}, nil)
	}
	return p
}

// oneOutside says whether the chamber's protocol gave each document of the case one number, the one that it shows.
func (r *rows) oneOutside(ctx context.Context) string {
	var protocol struct {
		Items []struct {
			Reference string `json:"riferimento"`
			Number    int    `json:"numero"`
		}
	}
	if err := r.World().Get(ctx, "/control/protocol", &protocol); err != nil {
		return err.Error()
	}
	given := map[string][]string{}
	for _, i := range protocol.Items {
		given[i.Reference] = append(given[i.Reference], fmt.Sprintf("%07d", i.Number))
	}
	for _, d := range r.documents {
		if d.Protocol == nil {
			continue
		}
		if n := given[d.ID]; len(n) != 1 || d.Protocol.External == nil || d.Protocol.External.Number != n[0] {
			return fmt.Sprintf("the chamber gave %v, %s shows %+v", n, d.Kind, d.Protocol.External)
		}
	}
	return ""
}

// outsideRounds are cases of the chamber that keeps a protocol of its own.
func (w *town) outsideRounds() []*round {
	own := w.lanes[slices.IndexFunc(w.lanes, func(l *lane) bool { return l.keepsProtocol() })]
	var rounds []*round
	for _, p := range outsidePoints {
		r := &round{town: w, crashes: p.cases()}
		for _, c := range r.crashes {
			c.filed = &filed{lane: own}
		}
		rounds = append(rounds, r)
	}
	return rounds
}

// keepsProtocol tells whether the chamber keeps a protocol of its own.
func (l *lane) keepsProtocol() bool {
	c, _ := catalogue.ChamberByID(l.chamber)
	return c.Register.External()
}

// hastyPoints are queues and providers that do more than they should.
var hastyPoints = []point{
	{row: "message sent twice", name: "at once", needs: drafted, ends: registered, act: (*filed).submitTwice, only: plain("under two deduplication ids")},
	{row: "message sent twice", name: "again after five minutes", needs: drafted, ends: registered, act: (*filed).submit, meanwhile: (*filed).resend,
		only: plain("under the same deduplication id")},
	deposit("error"),
}

// withdrawnMeanwhile is an application that its owner takes back while the register is down.
func withdrawnMeanwhile(name string, call func(*filed) road.Fault) point {
	return point{
		row: "application withdrawn meanwhile", name: name, needs: drafted, ends: withdrawn, act: (*filed).submit, meanwhile: (*filed).withdraw,
		again: (*filed).withdraw, call: call,
	}
}

// deposit is a hand-over to the preservation provider that goes wrong outside: not taken, or taken and not answered, or two receipts. Only one
// in a round, for the provider does it to the next package.
func deposit(how string) point {
	p := keeping("package archived / not handed over", "deposit", nil)
	p.only = plain("provider: " + how)
	p.before = func(f *filed, ctx context.Context) error {
		return errors.Join(f.invited(ctx), f.World().Post(ctx, "/control/preservation", map[string]any{"next": how}, nil))
	}
	p.also = func(r *rows, ctx context.Context) string {
		var provider struct{ Next string }
		if err := r.World().Get(ctx, "/control/packages", &provider); err != nil || provider.Next != "ok" {
			return "the provider was not asked"
		}
		return ""
	}
	return p
}

// submitTwice presents and doubles every message the moment it was sent.
func (f *filed) submitTwice(ctx context.Context) error {
	if err := f.submit(ctx); err != nil {
		return err
	}
	_, err := f.redeliver(ctx)
	return err
}

// resend sends the first message again as it was, at once and when SQS has forgotten it.
func (f *filed) resend(ctx context.Context) error {
	e := f.registration()
	for range 2 {
		if err := f.postAs(ctx, f.chamber, e, e.SK+".0"); err != nil {
			return err
		}
		if err := f.Advance(ctx, 6*time.Minute); err != nil {
			return err
		}
	}
	return nil
}

// registration is the envelope that asks for the application's number.
func (f *filed) registration() queue.Envelope {
	key := layout.Outbox(string(step.Register), f.chamber, "1970-01-01", f.id) // of nothing, before it is presented
	if f.told != nil {
		key = layout.Outbox(string(step.Register), f.chamber, register.Date(f.told.PresentedAt), f.told.Receipt.ID)
	}
	return queue.Envelope{Version: queue.Version, Kind: string(step.Register), PK: key.PK, SK: key.SK}
}

// instances is how many work on the same messages at once.
const instances = 4

// sideBySide are cases of one lane whose messages are lost, until several instances get all of them at once, each in another order.
func (w *town) sideBySide() *round {
	p := filing("visibility ends in mid-block, second instance starts", "block of five", func(f *filed) road.Fault {
		return sends(submitting, "OUT#REG#"+f.chamber)
	})
	p.only = []effect{{"four instances on one head", "before", "error", always}}
	r := &round{town: w}
	for range 5 {
		c := p.cases()[0]
		c.filed = &filed{lane: w.lanes[0]}
		c.point.name = fmt.Sprintf("block of five, %d", len(r.crashes)+1)
		if len(r.crashes) > 0 {
			c.call = nil // the fault of the first is the chamber's: it loses the messages of all
		}
		r.crashes = append(r.crashes, c)
	}
	r.late = func(ctx context.Context) error {
		if err := r.Heal(ctx); err != nil {
			return err
		}
		return r.flood(ctx)
	}
	return r
}

// flood invokes the register's function several times at once with the messages of all cases.
func (r *round) flood(ctx context.Context) error {
	ends := make(chan error, instances)
	for n := range instances {
		var records []map[string]any
		for k := range r.crashes {
			c := r.crashes[(k+n)%len(r.crashes)]
			records = append(records, record(fmt.Sprintf("%d-%d", n, k), c.chamber, c.registration()))
		}
		go func() { ends <- r.invoke(ctx, registering, map[string]any{"Records": records}) }()
	}
	var all error
	for range instances {
		all = errors.Join(all, <-ends)
	}
	return all
}

// record is a message of the registration queue as Lambda hands it over.
func record(id, group string, e queue.Envelope) map[string]any {
	body, err := json.Marshal(e)
	if err != nil {
		panic(err) // strings and numbers
	}
	return map[string]any{
		"messageId": id, "receiptHandle": id, "body": string(body), "eventSource": "aws:sqs", "awsRegion": "eu-south-1",
		"eventSourceARN": "arn:aws:sqs:eu-south-1:000000000000:sportello-local-registration.fifo",
		"attributes":     map[string]string{"MessageGroupId": group, "ApproximateReceiveCount": "1"}, "messageAttributes": map[string]any{},
	}
}

// invoke runs a function and wants it to have done everything.
func (w *town) invoke(ctx context.Context, function string, event any) error {
	var out struct {
		Failed  bool
		Payload struct{ BatchItemFailures []any }
	}
	if err := w.Controls().Post(ctx, "/functions/"+function+"/invoke", event, &out); err != nil {
		return err
	}
	if out.Failed || len(out.Payload.BatchItemFailures) > 0 {
		return fmt.Errorf("%s left %d messages undone", function, len(out.Payload.BatchItemFailures))
	}
	return nil
}

// overtaken are cases whose messages become visible while an instance still works on them: it goes on failing, a second one starts, and both
// come through at once.
func (w *town) overtaken() *round {
	r := &round{town: w}
	for _, name := range []string{"register commit", "register commit of a second", "register commit of a third"} {
		p := only(filing("visibility ends in mid-block, second instance starts", name, func(f *filed) road.Fault {
			return commits(registering, "H#"+f.chamber+"#.*"+f.id)
		}), effect{"still trying", "before", "error", always})
		r.crashes = append(r.crashes, p.cases()...)
	}
	r.late = func(ctx context.Context) error { return r.Advance(ctx, 125*time.Second) }
	return r
}
