package institute

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"sportello/infra/local/outside/bearer"
)

// Ways a payment can go, besides well.
const (
	Ok            = "ok"
	NotifiedTwice = "callback-twice"
	NotifiedLate  = "callback-late"
	NeverNotified = "callback-never"
	WrongAmount   = "wrong-amount"
	ForgedFirst   = "callback-forged"
	CutFirst      = "callback-truncated"
	OutOfOrder    = "out-of-order"
	Twice         = "twice"
	LateMoney     = "late-settlement"
	Refused       = "refuse"
	Abandoned     = "abandon"
)

// Behaviour is a way a payment can go, with its Italian words.
type Behaviour struct{ Name, Note string }

// Behaviours lists them in the order in which the page shows them.
func Behaviours() []Behaviour {
	return []Behaviour{
		{Ok, "Tutto regolare"},
		{NotifiedTwice, "Avviso alla Camera due volte"},
		{NotifiedLate, "Avviso alla Camera in ritardo (minuti qui sotto)"},
		{NeverNotified, "Nessun avviso alla Camera: se ne accorge chiedendo"},
		{WrongAmount, "Importo sbagliato (un euro in meno)"},
		{ForgedFirst, "Prima un avviso con firma falsa, poi quello vero"},
		{CutFirst, "Prima un avviso troncato, poi quello intero"},
		{OutOfOrder, "Avvisi in disordine: il rifiuto di un tentativo precedente arriva dopo il pagamento"},
		{Twice, "Pagato due volte, con due ricevute"},
		{LateMoney, "Pagato anche se scaduto o annullato"},
	}
}

func known(behaviour string) bool {
	for _, b := range Behaviours() {
		if b.Name == behaviour {
			return true
		}
	}
	return behaviour == Refused || behaviour == Abandoned
}

// Methods of payment.
const (
	Card    = "CP"  // card, at the virtual point of sale
	Account = "BP"  // the institute's own account
	Counter = "CNT" // elsewhere, by notice number
)

// ours is the institute as payment service provider.
const ours = "Istituto di pagamento di prova S.p.A."

// Payment is what somebody does with a position.
type Payment struct {
	Method    string
	Behaviour string
	Late      time.Duration // of the callback, for NotifiedLate
}

// ErrRefused is a payment that pagoPA does not let begin.
type ErrRefused struct{ Why string }

func (e ErrRefused) Error() string { return e.Why }

// Pay pays a position, or does what the behaviour says.
func (i *Institute) Pay(key string, pay Payment) (Position, error) {
	if pay.Behaviour == "" {
		pay.Behaviour = Ok
	}
	if !known(pay.Behaviour) {
		return Position{}, fmt.Errorf("comportamento %q sconosciuto", pay.Behaviour)
	}
	p, err := i.change(key, func(p *Position) error {
		now := i.Clock.Now()
		if err := payable(*p, now, pay.Behaviour); err != nil {
			return err
		}
		switch pay.Behaviour {
		case Abandoned:
		case Refused:
			p.notify(i.failed(*p, now))
		default:
			i.settle(p, pay, now)
		}
		return nil
	})
	if err == nil {
		i.Wake()
	}
	return p, err
}

// payable tells why a position cannot be paid. Money that comes all the same is what two behaviours
// are for.
func payable(p Position, now time.Time, behaviour string) error {
	switch s := p.at(now); {
	case s == Draft:
		return ErrRefused{"L’avviso non è ancora stato pubblicato."}
	case s == Paid && behaviour != Twice:
		return ErrRefused{"L’avviso è già stato pagato."}
	case s == Expired && behaviour != LateMoney:
		return ErrRefused{"L’avviso è scaduto."}
	case s == Invalid && behaviour != LateMoney:
		return ErrRefused{"L’avviso è stato annullato."}
	}
	return nil
}

// settle makes the receipt, or two of them, and promises the callbacks.
func (i *Institute) settle(p *Position, pay Payment, now time.Time) {
	amount := p.Amount
	if pay.Behaviour == WrongAmount {
		amount = max(1, amount-100)
	}
	times := 1
	if pay.Behaviour == Twice && len(p.Receipts) == 0 {
		times = 2
	}
	for range times {
		r := Receipt{ID: strings.ToUpper(bearer.NewHex(16)), Amount: amount, PaidAt: now, PSP: ours, Method: pay.Method}
		p.Receipts = append(p.Receipts, r)
		p.notify(i.notices(*p, r, pay, now)...)
	}
	p.State, p.UpdatedAt = Paid, now
}

// notices are the callbacks of a receipt, as the behaviour has them.
func (i *Institute) notices(p Position, r Receipt, pay Payment, now time.Time) []Notice {
	n := i.notice(p, Settled, r.Amount, r.PaidAt, r.ID, now)
	n.PSP = r.PSP
	first := n
	switch pay.Behaviour {
	case NotifiedTwice:
		return []Notice{n, n}
	case NotifiedLate:
		n.Due = now.Add(pay.Late)
	case NeverNotified:
		n.Withheld = true
	case ForgedFirst:
		first.Flaw = "forged"
		return []Notice{first, n}
	case CutFirst:
		first.Flaw = "truncated"
		return []Notice{first, n}
	case OutOfOrder:
		return []Notice{n, i.failed(p, now.Add(-time.Minute))}
	}
	return []Notice{n}
}

func (i *Institute) failed(p Position, at time.Time) Notice {
	return i.notice(p, Failed, p.Amount, at, "", i.Clock.Now())
}

// refundDelay is the world's time between asking for a refund and money on the way.
const refundDelay = 10 * time.Minute

// Errors of a refund.
var (
	ErrNoReceipt = errors.New("ricevuta sconosciuta")
	ErrTooMuch   = errors.New("l’importo supera quanto resta della ricevuta")
	ErrReused    = errors.New("la chiave appartiene a un’altra richiesta")
)

// Refund takes a request in; asked again with the same key it is the same refund.
func (i *Institute) Refund(p Position, asked Refund) (Position, Refund, error) {
	i.mu.Lock()
	owner, used := i.refunds["key/"+asked.Key]
	i.mu.Unlock()
	if used && owner != p.key() {
		return p, Refund{}, ErrReused
	}
	var kept Refund
	p, err := i.change(p.key(), func(p *Position) error {
		for _, r := range p.Refunds {
			if r.Key == asked.Key {
				kept = r
				if r.ReceiptID != asked.ReceiptID || r.Amount != asked.Amount {
					return ErrReused
				}
				return nil
			}
		}
		left, found := p.left(asked.ReceiptID)
		if !found {
			return ErrNoReceipt
		}
		if asked.Amount < 1 || asked.Amount > left {
			return ErrTooMuch
		}
		kept = asked
		kept.ID, kept.RequestedAt = "R"+strings.ToUpper(bearer.NewHex(8)), i.Clock.Now()
		kept.Due = kept.RequestedAt.Add(refundDelay)
		p.Refunds = append(p.Refunds, kept)
		return nil
	})
	return p, kept, err
}

// left is what has not been given back of a receipt.
func (p Position) left(receipt string) (int64, bool) {
	for _, r := range p.Receipts {
		if r.ID != receipt {
			continue
		}
		left := r.Amount
		for _, back := range p.Refunds {
			if back.ReceiptID == receipt {
				left -= back.Amount
			}
		}
		return left, true
	}
	return 0, false
}

// FindRefund finds a refund and its position.
func (i *Institute) FindRefund(id string) (Position, Refund, bool) {
	i.mu.Lock()
	key, found := i.refunds[id]
	i.mu.Unlock()
	if !found {
		return Position{}, Refund{}, false
	}
	p, _ := i.positions.Get(key)
	for _, r := range p.Refunds {
		if r.ID == id {
			return p, r, true
		}
	}
	return Position{}, Refund{}, false
}

// SettleRefund gives the money back now, whatever the clock says.
func (i *Institute) SettleRefund(id string) error {
	p, _, found := i.FindRefund(id)
	if !found {
		return errors.New("rimborso sconosciuto")
	}
	_, err := i.change(p.key(), func(p *Position) error {
		i.settleRefunds(p, func(r Refund) bool { return r.ID == id })
		return nil
	})
	i.Wake()
	return err
}

func (i *Institute) settleRefunds(p *Position, due func(Refund) bool) {
	now := i.Clock.Now()
	for n := range p.Refunds {
		r := &p.Refunds[n]
		if !r.SettledAt.IsZero() || !due(*r) {
			continue
		}
		r.SettledAt = now
		notice := i.notice(*p, RefundSettled, r.Amount, now, r.ReceiptID, now)
		notice.PSP = ours
		p.notify(notice)
	}
}

// body is the callback's JSON.
func (n Notice) body(p Position) ([]byte, error) {
	return json.Marshal(struct {
		ID           string    `json:"id"`
		Type         string    `json:"type"`
		Organization string    `json:"organization"`
		IUV          string    `json:"iuv"`
		NoticeNumber string    `json:"noticeNumber"`
		IUPD         string    `json:"iupd"`
		Amount       int64     `json:"amount"`
		PaidAt       time.Time `json:"paidAt"`
		ReceiptID    string    `json:"receiptId,omitempty"`
		PSP          string    `json:"psp,omitempty"`
	}{n.ID, n.Type, p.Organization, p.IUV, p.NAV, p.IUPD, n.Amount, n.PaidAt, n.ReceiptID, n.PSP})
}
