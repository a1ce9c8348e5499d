package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"sportello/shared/domain/catalogue"
	"sportello/shared/edge/lambdafn"
	"sportello/shared/flow/inbox"
	"sportello/shared/platform/mail"
)

type handler struct {
	desk *inbox.Desk
	p    *lambdafn.Process
}

// handle reads every chamber's mailbox, each minute beginning with another, and tells the alarm how old the oldest reading is.
func (h handler) handle(ctx context.Context, _ lambdafn.Task) error {
	var failed error
	oldest := time.Duration(0)
	for _, chamber := range turn(catalogue.Chambers(), h.p.Now()) {
		read, err := h.read(ctx, chamber)
		if err != nil {
			h.p.Log.ErrorContext(ctx, "mailbox not read", "chamber", chamber.ID, "error", err)
			failed = errors.Join(failed, err)
		}
		if read > 0 {
			h.p.Log.InfoContext(ctx, "mail read", "chamber", chamber.ID, "messages", read)
		}
		age, err := h.desk.Age(ctx, chamber)
		if err != nil {
			failed = errors.Join(failed, err)
		}
		oldest = max(oldest, age)
	}
	h.p.Metrics.Put("MailboxCursorAgeMinutes", lambdafn.Count, oldest.Minutes())
	return failed
}

// read gives one mailbox at most half of the time that is left: a provider that hangs does not keep the others waiting.
func (h handler) read(ctx context.Context, chamber catalogue.Chamber) (int, error) {
	if end, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(end)/2)
		defer cancel()
	}
	return h.desk.Read(ctx, chamber)
}

// turn is the chambers from another one on each minute.
func turn(chambers []catalogue.Chamber, now time.Time) []catalogue.Chamber {
	first := int(now.Unix()/60) % len(chambers)
	return append(slices.Clone(chambers[first:]), chambers[:first]...)
}

// mailboxes are the chambers' mailboxes at their provider.
type mailboxes map[string]*mail.Mailbox

var _ inbox.Mailbox = mailboxes{}

// Since implements inbox.Mailbox.
func (m mailboxes) Since(ctx context.Context, chamber string, validity, last uint32, limit int) ([]inbox.Raw, uint32, error) {
	raws, now, err := m[chamber].Since(ctx, validity, last, limit)
	list := make([]inbox.Raw, len(raws))
	for n, r := range raws {
		list[n] = inbox.Raw{UID: r.UID, Bytes: r.Bytes, TooLarge: r.TooLarge}
	}
	return list, now, err
}

// reader understands messages as far as the providers' signatures go.
type reader struct{ trust *mail.Trust }

var _ inbox.Reader = reader{}

// Read implements inbox.Reader. Certificates are judged at the real time, as TLS is, also where the local cloud's clock was moved.
func (r reader) Read(raw []byte, at time.Time) (inbox.Message, error) {
	received, err := r.trust.Read(raw, time.Now())
	if err != nil {
		return inbox.Message{MessageID: received.MessageID, Subject: received.Subject, From: received.From}, err
	}
	m := inbox.Message{
		Class: received.Class, Reason: received.Reason, MessageID: received.MessageID, Subject: received.Subject, From: received.From,
		Receipt: received.Receipt, At: at,
	}
	if m.Receipt != nil && m.Receipt.MessageRef == "" {
		receipt := *m.Receipt
		receipt.MessageRef = received.Reference
		m.Receipt = &receipt
	}
	if received.Data != nil {
		m.Ident, m.At = received.Data.Ident, received.Data.At
	}
	if original := received.Message; original != nil {
		m.From, m.Subject, m.Text, m.MessageID = original.From, original.Subject, original.Text, original.MessageID
		m.InReplyTo = append([]string{original.InReplyTo}, original.References...)
	}
	return m, nil
}
