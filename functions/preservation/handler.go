package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"sportello/shared/domain/application"
	"sportello/shared/domain/catalogue"
	"sportello/shared/domain/deadline"
	"sportello/shared/domain/payment"
	"sportello/shared/flow/casefile"
	"sportello/shared/flow/keeping"
	"sportello/shared/flow/receipt"
	"sportello/shared/flow/sealing"
	"sportello/shared/flow/signatures"
	"sportello/shared/flow/step"
	"sportello/shared/platform/pdf"
	"sportello/shared/platform/provider"
	"sportello/shared/platform/queue"
	seal "sportello/shared/platform/sealing"
	"sportello/shared/platform/timestamp"
)

type handler struct {
	receipts   *receipt.Desk
	statements *sealing.Desk
	keeping    *keeping.Desk
	verdicts   *signatures.Desk
}

// work does what an envelope asks for.
func (h handler) work(ctx context.Context, e queue.Envelope) error {
	switch step.Kind(e.Kind) {
	case step.Receipt:
		return h.receipts.Make(ctx, e)
	case step.Statement:
		return h.statements.Declare(ctx, e)
	case step.Preserve:
		return h.keeping.Keep(ctx, e)
	case step.Verify:
		return h.verdicts.Settle(ctx, e)
	}
	return fmt.Errorf("working on %q: %w: unknown kind", e.Kind, queue.ErrPermanent)
}

// print prints a receipt as package pdf does. The registration may be under way or done: the receipt speaks of the presentation.
func print(w io.Writer, a application.Application, r casefile.Receipt) error {
	service, err := catalogue.Find(a.Chamber, a.Service)
	if err != nil {
		return err
	}
	due, err := deadline.ParseDate(r.Due)
	if err != nil {
		return err
	}
	p := pdf.Presentation{
		ID: r.ID, Application: r.Application, Chamber: service.Chamber.Name, Colour: service.Chamber.Colours.Primary,
		Service: service.Title, Subject: r.Subject, Applicant: a.Filer.Name, PresentedAt: r.PresentedAt, Digest: r.Digest,
		Office: r.Office, Address: service.Office.PEC, Responsible: r.Responsible, Substitute: r.Substitute, Due: due,
		TermDays: service.TermDays, Silence: r.Silence, Remedies: r.Remedies, Access: r.Access,
	}
	if a.Owner.Kind == application.Company {
		p.OnBehalf = a.Owner.Name
	}
	if fee := a.Fee; fee != nil {
		last, err := deadline.ParseDate(fee.Due)
		if err != nil {
			return err
		}
		p.Price = &pdf.Price{Cents: fee.Cents, Notice: payment.NoticeNumber(fee.IUV), Due: last}
	}
	for _, f := range r.Attachments {
		p.Attachments = append(p.Attachments, pdf.File{Name: f.Name, SHA256: f.SHA256})
	}
	return pdf.Receipt(w, p)
}

// sealReceipt seals a printed receipt as the chamber's.
func sealReceipt(s *seal.Sealer) receipt.Sealer {
	return func(ctx context.Context, printed []byte, a application.Application, at time.Time) ([]byte, error) {
		chamber, ok := catalogue.ChamberByID(a.Chamber)
		if !ok {
			return nil, fmt.Errorf("sealing for an unknown chamber %q", a.Chamber)
		}
		return s.PDF(ctx, printed, seal.Note{At: at, Name: chamber.Name, Reason: "Ricevuta di presentazione (legge 241/1990, articolo 18-bis)"})
	}
}

// stamps is the time-stamping authority.
type stamps struct{ client *timestamp.Client }

var _ sealing.Stamper = stamps{}

// Stamp implements sealing.Stamper.
func (s stamps) Stamp(ctx context.Context, content []byte) ([]byte, error) {
	token, err := s.client.Stamp(ctx, content)
	if errors.Is(err, timestamp.ErrRefused) {
		return nil, fmt.Errorf("%w: %w", sealing.ErrRefused, err)
	}
	return token, err
}

// keeper is the preservation provider.
type keeper struct {
	client *provider.Client
	trust  *provider.Trust
}

var _ keeping.Provider = keeper{}

// Deposit implements keeping.Provider.
func (k keeper) Deposit(ctx context.Context, id string, zip []byte) error {
	err := k.client.Deposit(ctx, id, zip)
	if errors.Is(err, provider.ErrRefused) {
		return fmt.Errorf("%w: %w", keeping.ErrRefused, err)
	}
	return err
}

// Receipt implements keeping.Provider.
func (k keeper) Receipt(ctx context.Context, id string) (keeping.Receipt, error) {
	r, err := k.client.Receipt(ctx, id)
	if err != nil {
		return keeping.Receipt{}, err
	}
	return keeping.Receipt{State: keeping.State(r.State), Signed: r.P7M, Reason: r.Reason}, nil
}

// Verify implements keeping.Provider. Certificates are judged at the real time, as TLS is, also where the local cloud's clock was moved.
func (k keeper) Verify(signed []byte, id string, digest [32]byte, _ time.Time) error {
	_, err := k.trust.Verify(signed, id, digest, time.Now())
	return err
}
