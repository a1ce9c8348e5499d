package flowtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"sportello/shared/domain/application"
	"sportello/shared/domain/layout"
	money "sportello/shared/domain/payment"
	"sportello/shared/flow/draft"
	"sportello/shared/flow/payment"
	"sportello/shared/platform/table"
)

// PriceList is the service whose fee buys the act.
const PriceList = "listino-prezzi"

// Institute is the payment institute. It holds money; what it tells of it, a test says.
type Institute struct {
	now  func() time.Time
	Down bool
	// Silent keeps its notices back: only who asks learns what was paid.
	Silent bool
	// Positions are what it collects, by IUPD.
	Positions map[string]*Position
	// Notices are what it called back, and Calls how often it was asked anything.
	Notices []money.Notice
	Calls   int
	// Orders are the refunds it took, by key; one it was ordered twice is there once.
	Orders map[string]money.Refund

	// Refuses are the receipts whose money it will not give back.
	Refuses map[string]bool

	// Meanwhile runs once, before the next position is made.
	Meanwhile func()

	receipts int
}

// Position is one of them.
type Position struct {
	money.Position
	Closed bool
	Paid   []money.Notice
}

var errInstitute = fmt.Errorf("%w: %w", payment.ErrSilent, ErrOutside)

var _ payment.Institute = (*Institute)(nil)

// Open implements payment.Institute.
func (i *Institute) Open(_ context.Context, p money.Position) error {
	if i.Calls++; i.Down {
		return errInstitute
	}
	if do := i.Meanwhile; do != nil {
		i.Meanwhile = nil
		do()
	}
	if i.Positions == nil {
		i.Positions = map[string]*Position{}
	}
	if there := i.Positions[p.IUPD]; there == nil {
		i.Positions[p.IUPD] = &Position{Position: p}
	} else if there.Position != p {
		return fmt.Errorf("flowtest: another position under %s", p.IUPD)
	}
	return nil
}

// Page implements payment.Institute.
func (i *Institute) Page(_ context.Context, p money.Position, back payment.Return) (string, error) {
	if i.Calls++; i.Down {
		return "", errInstitute
	}
	if i.Positions[p.IUPD] == nil || back.OK == "" {
		return "", fmt.Errorf("flowtest: no position %s", p.IUPD)
	}
	return fmt.Sprintf("https://istituto.example.it/paga/%s?n=%d", p.IUV, i.Calls), nil
}

// Status implements payment.Institute.
func (i *Institute) Status(_ context.Context, _, iupd string) (money.Status, error) {
	if i.Calls++; i.Down {
		return money.Status{}, errInstitute
	}
	p := i.Positions[iupd]
	if p == nil {
		return money.Status{}, nil
	}
	raw, err := json.Marshal(p.Paid)
	return money.Status{Found: true, Paid: p.Paid, Closed: p.Closed, Raw: raw}, err
}

// Close implements payment.Institute.
func (i *Institute) Close(_ context.Context, _, iupd string) error {
	if i.Calls++; i.Down {
		return errInstitute
	}
	if p := i.Positions[iupd]; p != nil && len(p.Paid) == 0 {
		p.Closed = true
	}
	return nil
}

// Refund implements payment.Institute.
func (i *Institute) Refund(_ context.Context, iuv string, r money.Refund) (bool, error) {
	if i.Calls++; i.Down {
		return false, errInstitute
	}
	if i.Orders == nil {
		i.Orders = map[string]money.Refund{}
	}
	if i.Refuses[r.Receipt] {
		return false, fmt.Errorf("flowtest: %w", payment.ErrRefused)
	}
	i.Orders[r.Key(iuv)] = r
	return false, nil
}

// Pay is money that comes for a position; the notice of it is returned, and told unless the institute is silent.
func (w *World) Pay(id string, cents int) money.Notice {
	w.T.Helper()
	fee := w.Meta(id).Fee
	i := w.Institute
	i.receipts++
	n := money.Notice{
		Provider: payment.Provider, Type: money.TypeSettled, Organization: w.TheChamber().TaxCode, IUV: fee.IUV, Cents: cents, PaidAt: w.Now(),
		Receipt: fmt.Sprintf("R%08d", i.receipts), PSP: "Banca di prova",
	}
	if p := i.Positions[money.IUPD(id)]; p != nil {
		p.Paid = append(p.Paid, n)
	}
	if !i.Silent {
		w.Tell(n)
	}
	return n
}

// Tell is the institute's callback, again and again until it is taken.
func (w *World) Tell(n money.Notice) {
	w.T.Helper()
	w.Institute.Notices = append(w.Institute.Notices, n)
	w.Must(func() error { return w.Payments.Record(ctx, n, signed(n)) })
}

func signed(n money.Notice) payment.Raw {
	body, err := json.Marshal(n)
	if err != nil {
		panic("flowtest: " + err.Error())
	}
	return payment.Raw{Bytes: body, Kind: payment.JWS}
}

// GiveBack is the institute doing what it was ordered, and telling it.
func (w *World) GiveBack() {
	w.T.Helper()
	var keys []string
	for key := range w.Institute.Orders {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		r := w.Institute.Orders[key]
		iuv := key[len("refund-") : len("refund-")+17]
		w.Tell(money.Notice{
			Provider: payment.Provider, Type: money.TypeRefunded, Organization: r.Organization, IUV: iuv, Cents: r.Cents, PaidAt: w.Now(), Receipt: r.Receipt,
		})
	}
}

// Payment reads what became of a case's payment.
func (w *World) Payment(iuv string) money.Payment {
	w.T.Helper()
	p, _, err := table.Load[money.Payment](ctx, w.Applications, layout.Payment(iuv), money.Schema)
	if err != nil {
		w.T.Fatalf("reading payment: %v", err)
	}
	return p
}

// List is a draft of a price list of the company's, with its signed file.
func (w *World) List() string {
	w.T.Helper()
	who := w.Applicant()
	answers, err := json.Marshal(map[string]any{
		"sector": "arredo-serramenti", "listName": "Listino serramenti 2027", "validFrom": "2027-01-01", "public": "public",
		"domicile": "registered", "privacy": true,
	})
	if err != nil {
		w.T.Fatal(err)
	}
	id := w.open(who, PriceList, "c-giulia", answers)
	body := []byte(SignedBy(Giulia))
	sum := sha256.Sum256(body)
	claim := draft.Claim{Field: "list", Name: "listino.pdf", Size: int64(len(body)), SHA256: hex.EncodeToString(sum[:]), MediaType: "application/pdf"}
	var a draft.Attached
	w.Must(func() (err error) {
		a, err = w.Drafts.Attach(ctx, who, id, claim)
		return err
	})
	w.Upload(id, a.ID, body, claim.MediaType)
	w.Must(func() error {
		_, err := w.Drafts.Complete(ctx, who, id, a.ID)
		return err
	})
	return id
}

// Unpaid is a price list that was presented and waits for its payment.
func (w *World) Unpaid() string {
	w.T.Helper()
	id := w.List()
	w.Present(id)
	w.State(id, application.AwaitingPayment)
	return id
}

// Checkout has the payment's page made.
func (w *World) Checkout(id string) string {
	w.T.Helper()
	var page payment.Page
	w.Must(func() (err error) {
		page, err = w.Payments.Checkout(ctx, w.Applicant(), id)
		return err
	})
	return page.URL
}
