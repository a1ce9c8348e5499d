//go:build road

package crash

import (
	"context"
	"fmt"
	"strings"
	"time"

	"sportello/infra/road"
	"sportello/shared/domain/application"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/pec"
	"sportello/shared/domain/register"
	"sportello/shared/flow/correspondence"
	"sportello/shared/flow/step"
	"sportello/shared/platform/queue"
)

// rows is everything the tables hold of a case.
type rows struct {
	*filed
	meta      application.Application
	timer     string // when time will do something to the case
	story     []told
	documents []application.Document
	mails     []correspondence.Mail
	ratings   int
	owed      []step.Owed // outbox rows of the case
	pending   int         // PEND rows of the case
	foreseen  bool        // what is owed and pending was read
	files     []application.Attachment
	fee       *fee // nil: the act costs nothing, or was not presented yet
}

// told is a line of the story with the event it belongs to.
type told struct {
	application.Line
	id string
}

// rows reads the case, and what is promised about it.
func (f *filed) rows(ctx context.Context) (*rows, error) {
	r, err := f.items(ctx)
	if err != nil {
		return nil, err
	}
	return r, r.promised(ctx)
}

// items reads the case alone.
func (f *filed) items(ctx context.Context) (*rows, error) {
	r := &rows{filed: f}
	items, err := f.partition(ctx, f.cases, layout.Application(f.id))
	if err != nil {
		return nil, err
	}
	for _, item := range items {
		if err := r.add(item); err != nil {
			return nil, fmt.Errorf("reading %s: %w", item.SK, err)
		}
	}
	if r.meta.Fee != nil {
		r.fee, err = f.payment(ctx, r.meta.Fee.IUV)
	}
	return r, err
}

// promised adds what is still to come.
func (r *rows) promised(ctx context.Context) error {
	r.foreseen = true
	left, err := r.promises(ctx)
	if err != nil {
		return err
	}
	for _, item := range left {
		if err := r.await(item); err != nil {
			return fmt.Errorf("reading %s: %w", item.PK, err)
		}
	}
	return nil
}

func (r *rows) add(item row) (err error) {
	switch sk := item.SK; {
	case sk == "META":
		r.meta, err = decode[application.Application](item)
		r.timer = item.Timer
	case sk == "RATING":
		r.ratings++
	case strings.HasPrefix(sk, layout.TimelinePrefix):
		line := told{id: sk[strings.LastIndex(sk, "#")+1:]}
		line.Line, err = decode[application.Line](item)
		r.story = append(r.story, line)
	case strings.HasPrefix(sk, layout.AttachmentPrefix):
		var a application.Attachment
		a, err = decode[application.Attachment](item)
		r.files = append(r.files, a)
	case strings.HasPrefix(sk, layout.DocumentPrefix):
		var d application.Document
		d, err = decode[application.Document](item)
		r.documents = append(r.documents, d)
	case strings.HasPrefix(sk, layout.MailPrefix):
		var m correspondence.Mail
		m, err = decode[correspondence.Mail](item)
		r.mails = append(r.mails, m)
	}
	return err
}

// await notes a row that says that something of the case is still to come.
func (r *rows) await(item row) error {
	if strings.HasPrefix(item.PK, "PEND#") {
		p, err := decode[correspondence.Pending](item)
		if err == nil && p.Application == r.id {
			r.pending++
		}
		return err
	}
	owed, err := decode[step.Owed](item)
	if err == nil && (owed.Application == r.id || owed.Kind == step.Seal && owed.Chamber == r.chamber) {
		r.owed = append(r.owed, owed)
	}
	return err
}

// missing says what is still missing for the case to have settled at a stage; empty: nothing.
func (r *rows) missing(to stage) string {
	if to == drafted || to == listed {
		return ""
	}
	for _, o := range r.owed {
		if !o.Parked {
			return fmt.Sprintf("%s still owed", o.Kind)
		}
	}
	if r.document(application.ReceiptDocument) == nil {
		return "no receipt"
	}
	if unbought(to) {
		return r.unsettled(to)
	}
	switch {
	case r.pending > 0:
		return "still pending"
	case r.meta.Protocol == nil:
		return "no number"
	case r.fee != nil && (r.fee.Paid == nil || r.fee.Owes()):
		return "money neither counted nor given back"
	case to == charged && r.meta.State != application.InProgress:
		return "state " + string(r.meta.State)
	case to == decided && (r.meta.Outcome == nil || r.meta.Outcome.DeliveredAt == nil):
		return "outcome not delivered"
	case to == withdrawn && r.meta.State != application.Withdrawn:
		return "state " + string(r.meta.State)
	case to == preserved && r.meta.State != application.Preserved:
		return "state " + string(r.meta.State)
	}
	for _, d := range r.documents {
		if d.Protocol == nil && numbered(d) {
			return d.Kind + " not numbered"
		}
		if d.Protocol != nil && (d.Protocol.External != nil) != r.keepsProtocol() {
			return d.Kind + " without the chamber's own number, or with one that nobody gave"
		}
	}
	for _, m := range r.mails {
		if m.State != pec.StateDelivered {
			return m.Kind + " " + string(m.State)
		}
	}
	return ""
}

// numbered tells whether a document gets a number of its own: what we make of a presentation, and what proves a payment, does not.
func numbered(d application.Document) bool {
	return d.Kind != application.ReceiptDocument && d.Kind != application.PaymentDocument
}

// unread says whether messages that the citizen wrote are missing in the case.
func (r *rows) unread(context.Context) string {
	n := 0
	for _, d := range r.documents {
		if d.Kind == application.MailDocument {
			n++
		}
	}
	if n != r.wrote {
		return fmt.Sprintf("%d messages taken in, %d written", n, r.wrote)
	}
	return ""
}

func (r *rows) document(kind string) *application.Document {
	for n := range r.documents {
		if r.documents[n].Kind == kind {
			return &r.documents[n]
		}
	}
	return nil
}

// mail returns the row of a message by its Message-ID.
func (r *rows) mail(messageID string) *correspondence.Mail {
	for n := range r.mails {
		if road.Bare(r.mails[n].MessageID) == road.Bare(messageID) {
			return &r.mails[n]
		}
	}
	return nil
}

// doubtful counts the letters whose second sending is recorded as a doubt.
func (r *rows) doubtful() int {
	n := 0
	for _, m := range r.mails {
		if m.Doubt {
			n++
		}
	}
	return n
}

// certain says whether a message was sent again without need.
func (r *rows) certain(context.Context) string {
	if r.doubtful() > 0 {
		return "a message was sent again although its receipts are there"
	}
	return ""
}

// sent tells whether a message that the provider took is the case's letter of a kind.
func (r *rows) sent(m road.Mail, kind string) bool {
	mine := r.mail(m.MessageID)
	return mine != nil && mine.Kind == kind
}

// envelopes are all the messages that ever pointed at an outbox row of the case, in the order of the road, as far as the rows tell.
func (r *rows) envelopes() []queue.Envelope {
	var list []queue.Envelope
	if r.day != "" {
		list = append(list, r.sealing())
	}
	add := func(kind step.Kind, box step.Kind, at time.Time, event string) {
		key := layout.Outbox(string(box), r.chamber, register.Date(at), event)
		list = append(list, queue.Envelope{Version: queue.Version, Kind: string(kind), PK: key.PK, SK: key.SK})
	}
	for _, d := range r.documents {
		if !numbered(d) {
			continue
		}
		if d.Kind == application.ApplicationDocument {
			add(step.Receipt, step.Receipt, d.At, d.ID)
		}
		if d.Kind == application.ApplicationDocument && r.fee != nil {
			add(step.Verify, step.Verify, d.At, d.ID)
		}
		add(step.Register, step.Register, d.At, d.ID)
		if r.handed || d.Protocol != nil {
			add(step.Apply, step.Register, d.At, d.ID)
		}
		if d.Protocol != nil && r.keepsProtocol() {
			add(step.External, step.External, d.At, d.ID)
		}
	}
	for _, m := range r.mails {
		add(step.Mail, step.Mail, m.CreatedAt, m.ID)
	}
	for _, line := range r.story {
		if line.Event == application.WasClosed {
			add(step.Preserve, step.Preserve, line.At, line.id)
		}
	}
	return list
}
