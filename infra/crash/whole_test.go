//go:build road

package crash

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"sportello/infra/road"
	"sportello/shared/domain/register"
	"sportello/shared/domain/survey"
	provider "sportello/shared/flow/keeping"
	"sportello/shared/platform/queue"
)

// whole holds the invariants to the town as a whole, once everything has ended.
func (w *town) whole(ctx context.Context) error {
	if err := errors.Join(w.ended(ctx), w.kept(ctx)); err != nil {
		return err
	}
	output, err := road.Verify(ctx, root+"/.local/bin/verify", w.Cloud)
	if err == nil {
		fmt.Print(output)
	}
	return errors.Join(err, w.paid(ctx), w.balanced(ctx), w.alive(ctx), w.known(ctx), w.rated(ctx), w.each(func(l *lane) error {
		return errors.Join(l.closed(ctx), l.accounted(ctx))
	}))
}

// kept lets time go by until the preservation provider has answered about the days that were handed to it.
func (w *town) kept(ctx context.Context) error {
	for range 6 {
		left, err := w.promises(ctx)
		if err != nil || len(left) == 0 {
			return err
		}
		if err := w.Advance(ctx, provider.Wait+time.Minute); err != nil {
			return err
		}
		if err := w.Fire(ctx, "Sweep"); err != nil {
			return err
		}
		if err := w.drained(ctx); err != nil {
			return err
		}
	}
	return nil // what is left is told by who looks for it
}

// paid: I1, nothing is owed any more and nothing is pending.
func (w *town) paid(ctx context.Context) error {
	left, err := w.promises(ctx)
	for _, r := range left {
		err = errors.Join(err, fmt.Errorf("I1: %s %s is left over", r.PK, r.SK))
	}
	return err
}

// alive: I1, no message fails for ever. One that died of the clock's jumps is put back, as an operator would, and must then be taken; what
// a killed schedule left behind does not count, for the next run did its work.
func (w *town) alive(ctx context.Context) error {
	for name, dead := range map[string]string{
		"registration.fifo": "registration-dead.fifo", "registered": "registered-dead", "pec": "pec-dead", "preservation": "preservation-dead",
	} {
		if err := w.redrive(ctx, name, dead); err != nil {
			return err
		}
	}
	if err := w.drained(ctx); err != nil {
		return err
	}
	queues, err := w.Queues(ctx)
	for _, q := range queues {
		if n := q.Visible + q.InFlight + q.Delayed; n > 0 && !dead(q) {
			err = errors.Join(err, fmt.Errorf("I1: %d messages in %s", n, q.ID))
		}
	}
	return err
}

// redrive moves the dead letters of a queue back to it.
func (w *town) redrive(ctx context.Context, name, dead string) error {
	from := w.SQS + "/000000000000/sportello-local-" + dead
	for {
		out, err := w.queue.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &from, MaxNumberOfMessages: 10})
		if err != nil || len(out.Messages) == 0 {
			return err
		}
		for _, m := range out.Messages {
			if newer([]byte(*m.Body)) {
				continue // it waits for the newer code
			}
			e, err := queue.Parse([]byte(*m.Body))
			if err != nil {
				return fmt.Errorf("a dead letter in %s: %w", name, err)
			}
			chamber := strings.Split(e.PK, "#")[2]
			if err := w.post(ctx, chamber, e); err != nil {
				return err
			}
			if _, err := w.queue.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &from, ReceiptHandle: m.ReceiptHandle}); err != nil {
				return err
			}
		}
	}
}

// known: I3, every message that a chamber sent is a letter of a case, and left as often as the case says.
func (w *town) known(ctx context.Context) error {
	mails, err := w.Mails(ctx)
	if err != nil {
		return err
	}
	cases := map[string]bool{}
	for _, l := range w.lanes {
		for _, f := range l.all {
			cases[f.id] = true
		}
	}
	for _, m := range mails {
		id, _, _ := strings.Cut(road.Bare(m.MessageID), ".")
		if strings.HasPrefix(m.From, "protocollo@") && !cases[id] {
			err = errors.Join(err, fmt.Errorf("I3: message %s is of no case", m.MessageID))
		}
	}
	return err
}

// rated: I3, the public figures count each rating once.
func (w *town) rated(ctx context.Context) error {
	figures, err := w.scan(ctx, "STAT#", "STAT#")
	if err != nil {
		return err
	}
	counted := 0
	for _, r := range figures {
		total, err := decode[survey.Aggregate](r)
		if err != nil {
			return err
		}
		counted += total.Count
	}
	given := 0
	for _, l := range w.lanes {
		for _, f := range l.all {
			rows, err := f.items(ctx)
			if err != nil {
				return err
			}
			given += rows.ratings
		}
	}
	if counted != given {
		return fmt.Errorf("I3: %d ratings counted, %d given", counted, given)
	}
	return nil
}

// closed: I4, to another citizen the lane's cases do not exist.
func (l *lane) closed(ctx context.Context) error {
	if len(l.all) == 0 {
		return nil
	}
	stranger := road.OpenBrowser(l.Cloud, l.chamber)
	if err := insist(ctx, func() error { return stranger.Login(ctx, "spid", "marco") }); err != nil {
		return err
	}
	f := l.all[0]
	return road.Hidden(ctx, stranger, f.path(""), f.path("/timeline"))
}

// accounted: I2, the chamber's register is without gap or double, and every number is of a document of a known case.
func (l *lane) accounted(ctx context.Context) error {
	now, err := l.Now(ctx)
	if err != nil {
		return err
	}
	entries, err := road.Register(ctx, l.office, register.Year(register.Date(now)))
	if err != nil {
		return err
	}
	err = road.Unbroken(entries)
	documents := map[string]bool{}
	for _, neighbour := range l.lanes {
		if neighbour.chamber != l.chamber {
			continue
		}
		for _, f := range neighbour.all {
			rows, wrong := f.items(ctx)
			if wrong != nil {
				return wrong
			}
			for _, d := range rows.documents {
				documents[d.ID] = true
			}
		}
	}
	for _, e := range entries {
		if !documents[e.Event] {
			err = errors.Join(err, fmt.Errorf("I2: number %s is of no document", e.Number))
		}
	}
	return err
}
