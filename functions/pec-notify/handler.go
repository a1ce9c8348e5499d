package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sportello/shared/assembly"
	"sportello/shared/domain/application"
	"sportello/shared/domain/catalogue"
	"sportello/shared/domain/identity"
	"sportello/shared/edge/lambdafn"
	"sportello/shared/flow/notify"
	"sportello/shared/platform/addresses"
	"sportello/shared/platform/mail"
	"sportello/shared/platform/queue"
)

// writer composes messages as package mail does.
type writer struct{}

var _ notify.Writer = writer{}

func (writer) Compose(m notify.Message) ([]byte, error) {
	out := mail.Outgoing{
		MessageID: m.MessageID, From: m.From, FromName: m.FromName, To: []string{m.To}, Subject: m.Subject, Text: m.Text, Date: m.Date,
	}
	for _, e := range m.Enclosures {
		out.Attachments = append(out.Attachments, mail.Attachment{Name: e.Name, MediaType: e.MediaType, Body: e.Body})
	}
	raw, err := mail.Compose(out)
	if errors.Is(err, mail.ErrCompose) {
		return nil, fmt.Errorf("%w: %w", queue.ErrPermanent, err)
	}
	return raw, err
}

// provider is the certified mail provider, one account for each chamber.
type provider struct {
	senders map[string]*mail.Sender
	boxes   map[string]*mail.Mailbox
	trust   *mail.Trust
}

var _ notify.Provider = (*provider)(nil)

func newProvider(ctx context.Context, p *lambdafn.Process, env environment) (*provider, error) {
	accounts, err := assembly.Accounts(ctx, p)
	if err != nil {
		return nil, err
	}
	boxes, err := assembly.Mailboxes(accounts, env.IMAP)
	if err != nil {
		return nil, err
	}
	senders := map[string]*mail.Sender{}
	for chamber, a := range accounts {
		if senders[chamber], err = mail.NewSender(mail.SenderConfig{Addr: env.SMTP, User: a.User, Password: a.Password}); err != nil {
			return nil, fmt.Errorf("account of %s: %w", chamber, err)
		}
	}
	parameters, err := p.Parameters(ctx, assembly.TrustParameter)
	if err != nil {
		return nil, err
	}
	trust, err := mail.NewTrust([]byte(parameters[assembly.TrustParameter]))
	return &provider{senders, boxes, trust}, err
}

// Send implements notify.Provider.
func (p *provider) Send(ctx context.Context, chamber, to string, raw []byte) error {
	c, ok := catalogue.ChamberByID(chamber)
	if !ok {
		return fmt.Errorf("sending for %q: %w: unknown chamber", chamber, queue.ErrPermanent)
	}
	err := p.senders[chamber].Send(ctx, c.PEC, []string{to}, raw)
	switch {
	case errors.Is(err, mail.ErrRefused):
		return fmt.Errorf("%w: %w", notify.ErrRefused, err)
	case errors.Is(err, mail.ErrUnclear):
		return fmt.Errorf("%w: %w", notify.ErrUnclear, err)
	}
	return err
}

// HasReceipt implements notify.Provider. Only a receipt that a provider signed, about a message that our mailbox sent, is believed.
func (p *provider) HasReceipt(ctx context.Context, chamber, messageID string, since time.Time) (bool, error) {
	c, ok := catalogue.ChamberByID(chamber)
	if !ok {
		return false, fmt.Errorf("looking for %q: %w: unknown chamber", chamber, queue.ErrPermanent)
	}
	found, err := p.boxes[chamber].FindReceipts(ctx, messageID, since)
	if err != nil {
		return false, err
	}
	for _, raw := range found {
		received, err := p.trust.Read(raw.Bytes, time.Now())
		if err == nil && received.Receipt != nil && received.Receipt.Concerns(messageID, c.PEC) {
			return true, nil
		}
	}
	return false, nil
}

// register finds certified addresses.
type register struct{ book *addresses.Book }

var _ notify.Addresses = register{}

// Certified implements notify.Addresses.
func (r register) Certified(ctx context.Context, who application.Party, tried []string, reference, ticket string) (string, bool, string, error) {
	answer, err := r.book.Certified(ctx, addresses.Query{
		TaxCode: identity.TaxCode(who.TaxCode), Kind: identity.Kind(who.Kind), Except: tried, Reference: reference, Ticket: ticket,
	})
	return answer.Address, answer.Pending, answer.Ticket, err
}
