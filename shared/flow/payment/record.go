package payment

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"sportello/shared/domain/application"
	"sportello/shared/domain/catalogue"
	"sportello/shared/domain/layout"
	money "sportello/shared/domain/payment"
	"sportello/shared/domain/problem"
	"sportello/shared/domain/register"
	"sportello/shared/flow/casefile"
	"sportello/shared/flow/correspondence"
	"sportello/shared/flow/problems"
	"sportello/shared/flow/step"
	"sportello/shared/platform/table"
)

// Raw is a notice as it came.
type Raw struct {
	Bytes []byte
	Kind  string // how it is written: JWS or JSON
}

// The kinds, which are also the ends of file names.
const (
	JWS  = "jws"  // signed by the institute, called back
	JSON = "json" // the institute's answer to our question
)

func (r Raw) digest() string {
	sum := sha256.Sum256(r.Bytes)
	return hex.EncodeToString(sum[:])
}

func (r Raw) mediaType() string {
	if r.Kind == JWS {
		return "application/jose"
	}
	return "application/json"
}

// told is the row of a notice: that this receipt was seen, and what it did.
type told struct {
	money.Notice
	Verdict money.Verdict `json:"verdict"`
	At      time.Time     `json:"at"`
	Raw     string        `json:"raw"` // key in the archive
}

// Record takes in what the institute tells: archived as it came, then recorded once. Told again it changes nothing, and succeeds.
func (d *Desk) Record(ctx context.Context, n money.Notice, raw Raw) error {
	if err := n.Check(); err != nil {
		return problem.New(problem.Invalid, "L'avviso di pagamento non è valido.").Because(err)
	}
	key, err := d.keep(ctx, n.IUV, raw)
	if err != nil {
		return err
	}
	switch n.Type {
	case money.TypeSettled:
		return d.settled(ctx, n, raw, key)
	case money.TypeRefunded:
		return d.returned(ctx, n.IUV, n.Receipt, n.Cents)
	}
	return nil // an attempt that failed: the person was told by the institute, and may try again
}

// keep archives a notice, and returns where.
func (d *Desk) keep(ctx context.Context, iuv string, raw Raw) (string, error) {
	key := layout.PaymentNotice(iuv, raw.digest(), raw.Kind)
	if err := d.Archive.Put(ctx, key, raw.Bytes, raw.mediaType()); err != nil {
		return "", fmt.Errorf("archiving notice: %w", err)
	}
	return key, nil
}

// settled records money that came.
func (d *Desk) settled(ctx context.Context, n money.Notice, raw Raw, key string) error {
	var owed step.Owed
	err := step.Retry(ctx, func() error {
		owed = step.Owed{}
		s, known, err := d.read(ctx, n)
		if err != nil || known {
			return err
		}
		verdict := s.p.Decide(n)
		if verdict == money.Known {
			return nil
		}
		now := d.Now()
		s.p = s.p.Apply(n, verdict, now)
		s.changes.Add(casefile.Row(s.told, s.told.Key, told{n, verdict, now, key}))
		if verdict == money.Pays {
			s.p.NextAt, s.p.Misses = s.p.Rest(now), 0
			owed, err = d.present(ctx, &s, raw, now)
		} else {
			s.p.NextAt = now
			err = d.refuse(ctx, &s, n, verdict, now)
		}
		if err != nil {
			return err
		}
		s.changes.Add(row(s.item, s.p))
		return s.changes.Commit(ctx, d.Table)
	})
	if err == nil && owed.Event != "" {
		d.Post.Send(ctx, owed)
	}
	return err
}

// settling is a notice of money on its way into its payment.
type settling struct {
	p       money.Payment
	item    table.Item
	told    table.Item
	changes casefile.Changes
}

// read loads the payment, or makes one for money under a number that we never gave; known tells that the receipt was recorded before.
func (d *Desk) read(ctx context.Context, n money.Notice) (s settling, known bool, err error) {
	_, s.told, known, err = casefile.One[told](ctx, d.Table, layout.Notice(n.IUV, n.Provider, n.Receipt))
	if err != nil || known {
		return s, known, err
	}
	s.told.Key = layout.Notice(n.IUV, n.Provider, n.Receipt)
	var there bool
	if s.p, s.item, there, err = load(ctx, d.Table, n.IUV); err != nil || there {
		return s, false, err
	}
	for _, c := range catalogue.Chambers() {
		if c.TaxCode == n.Organization {
			s.p = money.Payment{IUV: n.IUV, Chamber: c.ID, Organization: n.Organization, CreatedAt: d.Now()}
			return s, false, nil
		}
	}
	return s, false, problem.New(problem.Invalid, "L'avviso riguarda un ente che non fa parte di questo sportello.")
}

// present: the act is paid for, and what waited for that goes on: the application is presented, as of the instant it was submitted, and owed to
// the register.
func (d *Desk) present(ctx context.Context, s *settling, raw Raw, now time.Time) (step.Owed, error) {
	c, err := d.waiting(ctx, s.p)
	if err != nil {
		return step.Owed{}, err
	}
	next, line, err := c.Move(application.WasPaid, now, application.System)
	if err != nil {
		return step.Owed{}, err
	}
	proof, err := d.proof(ctx, c, s.p, raw)
	if err != nil {
		return step.Owed{}, err
	}
	line.Text, line.Document = "Ricevuti "+Euro(s.p.Cents), proof.ID
	s.changes.Add(c.Put(next))
	s.changes.Add(casefile.Tell(c.ID, proof.ID, line))
	s.changes.Add(casefile.Row(table.Item{}, layout.Document(c.ID, proof.ID), proof))
	return d.register(ctx, s, next, now)
}

// waiting loads the case that waits for a payment. One that does so no more was moved after the payment was read, which moves with it: a conflict.
func (d *Desk) waiting(ctx context.Context, p money.Payment) (casefile.Case, error) {
	c, err := casefile.Load(ctx, d.Table, p.Application)
	if err == nil && c.State != application.AwaitingPayment {
		err = fmt.Errorf("reading the case of payment %s: %w", p.IUV, table.ErrConflict)
	}
	return c, err
}

// register owes the application to the register, as presenting it would have.
func (d *Desk) register(ctx context.Context, s *settling, a application.Application, now time.Time) (step.Owed, error) {
	service, err := catalogue.Find(a.Chamber, a.Service)
	if err != nil {
		return step.Owed{}, err
	}
	files, err := casefile.Rows[application.Attachment](ctx, d.Table, a.ID, layout.AttachmentPrefix)
	if err != nil {
		return step.Owed{}, err
	}
	pending, err := table.One(ctx, d.Table, layout.Pending(a.Chamber, register.Date(a.PresentedAt()), a.Submission.Event))
	if err != nil && !errors.Is(err, table.ErrNotFound) { // a row that is gone is written anew: money waits for no list
		return step.Owed{}, err
	}
	filing := correspondence.Application(a, service, casefile.Form(files))
	return correspondence.FilePaid(&s.changes, filing, a, pending, now), nil
}

// proof keeps the notice among the documents of the case, so that its owner can have it and its package holds it.
func (d *Desk) proof(ctx context.Context, c casefile.Case, p money.Payment, raw Raw) (application.Document, error) {
	document := application.Document{
		ID: c.Submission.Event + "-p", Kind: application.PaymentDocument, Name: "pagamento." + raw.Kind, MediaType: raw.mediaType(),
		Size: int64(len(raw.Bytes)), SHA256: raw.digest(), At: d.Now(),
	}
	document.Key = layout.DocumentKey(c.ID, document.SHA256)
	return document, d.Documents.Put(ctx, document.Key, raw.Bytes, document.MediaType)
}

// refuse: money that is no payment goes back, and the office knows.
func (d *Desk) refuse(ctx context.Context, s *settling, n money.Notice, v money.Verdict, now time.Time) error {
	opened, ok, err := problems.Open(ctx, d.Table, s.p.Chamber, problems.Problem{
		ID: problems.RefundOf(s.p.IUV, n.Receipt), Kind: problems.Refund, At: now, Application: s.p.Application,
		Text: "È arrivato un pagamento di " + Euro(n.Cents) + " che non vale (" + v.Italian() + "): il rimborso è ordinato all'istituto. Codice di versamento " + s.p.IUV + ".",
	})
	if err != nil {
		return err
	}
	if ok {
		s.changes.List = append(s.changes.List, opened)
	}
	if s.p.Application == "" {
		return nil
	}
	s.changes.Add(casefile.Tell(s.p.Application, "refund-"+n.Receipt, application.Line{
		At: now, Event: application.PaymentRefunding, Actor: application.System,
		Text: "Sono arrivati " + Euro(n.Cents) + ", ma " + v.Italian() + ": la somma ti viene restituita.",
	}))
	return nil
}

// returned records that money is back where it came from, and closes the office's problem about it. Money that nobody asked back, or another sum than
// is owed, is the office's to find out about: what counts as paid may be gone.
func (d *Desk) returned(ctx context.Context, iuv, receipt string, cents int) error {
	return step.Retry(ctx, func() error {
		p, item, there, err := load(ctx, d.Table, iuv)
		if err != nil || !there {
			return err
		}
		now := d.Now()
		p, ok := p.Returned(receipt, cents, now)
		if !ok {
			return d.unasked(ctx, p, receipt, cents, now)
		}
		p.NextAt = p.Rest(now)
		var changes casefile.Changes
		changes.Add(row(item, p))
		closing, err := problems.Close(ctx, d.Table, p.Chamber, problems.RefundOf(iuv, receipt), now)
		if err != nil {
			return err
		}
		changes.List = append(changes.List, closing...)
		if p.Application != "" {
			changes.Add(casefile.Tell(p.Application, "refunded-"+receipt, application.Line{
				At: now, Event: application.PaymentRefunded, Actor: application.System, Text: "Restituiti " + Euro(cents),
			}))
		}
		return changes.Commit(ctx, d.Table)
	})
}

// unasked tells the office of money that went back and was not owed; of what is back already it was told.
func (d *Desk) unasked(ctx context.Context, p money.Payment, receipt string, cents int, now time.Time) error {
	if slices.ContainsFunc(p.Refunds, func(r money.Refund) bool { return r.Receipt == receipt && r.Cents == cents }) {
		return nil
	}
	opened, ok, err := problems.Open(ctx, d.Table, p.Chamber, problems.Problem{
		ID: problems.RefundOf(p.IUV, receipt) + "-unasked", Kind: problems.Refund, At: now, Application: p.Application,
		Text: "L'istituto di pagamento dice di aver restituito " + Euro(cents) + ", che nessuno gli ha chiesto di restituire: va chiarito con l'istituto. " +
			"Codice di versamento " + p.IUV + ".",
	})
	if err != nil || !ok {
		return err
	}
	return d.Table.Commit(ctx, opened)
}
