package institute

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"sportello/infra/local/outside/bearer"
	"sportello/infra/local/outside/state"
)

// Types of callback.
const (
	Settled       = "payment.settled"
	Failed        = "payment.failed"
	RefundSettled = "refund.settled"
)

// Notice is a callback: to be made, made, or given up.
type Notice struct {
	ID        string    `json:"id"`
	Type      string    `json:"type"`
	Amount    int64     `json:"amount"`
	PaidAt    time.Time `json:"paidAt"`
	ReceiptID string    `json:"receiptId,omitempty"`
	PSP       string    `json:"psp,omitempty"`
	// Flaw is what is wrong with it, if it was asked for: forged or truncated. Such a one is sent
	// once, whatever the answer.
	Flaw     string    `json:"flaw,omitempty"`
	Withheld bool      `json:"withheld,omitempty"` // sent only by hand
	Due      time.Time `json:"due"`
	Done     bool      `json:"done,omitempty"` // taken by the creditor, or not to be sent again
	Attempts []Attempt `json:"attempts"`
}

// Attempt is one delivery with what was answered.
type Attempt struct {
	At     time.Time `json:"at"`
	Status int       `json:"status,omitempty"`
	Error  string    `json:"error,omitempty"`
}

func (n Notice) waiting() bool { return !n.Done && !n.Withheld }

// State is the Italian word for it.
func (n Notice) State() string {
	switch last := n.last(); {
	case n.Withheld:
		return "non inviato"
	case !n.Done && len(n.Attempts) == 0:
		return "da inviare"
	case !n.Done:
		return "da ripetere"
	case last.Status/100 == 2:
		return "ricevuto"
	case n.Flaw != "":
		return "respinto"
	}
	return "abbandonato"
}

func (n Notice) last() Attempt {
	if len(n.Attempts) == 0 {
		return Attempt{}
	}
	return n.Attempts[len(n.Attempts)-1]
}

// pauses are between deliveries, on the world's clock; the last one repeats until patience ends.
var pauses = []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 6 * time.Hour}

// patience is how long a callback is repeated.
const patience = 3 * 24 * time.Hour

// record notes an attempt and says what comes after it.
func (n *Notice) record(a Attempt) {
	n.Attempts = append(n.Attempts, a)
	next := a.At.Add(pauses[min(len(n.Attempts), len(pauses))-1])
	n.Done = a.Status/100 == 2 || n.Flaw != "" || next.After(n.Attempts[0].At.Add(patience))
	n.Due = next
}

func (i *Institute) notice(_ Position, kind string, amount int64, at time.Time, receipt string, due time.Time) Notice {
	return Notice{ID: bearer.NewID(), Type: kind, Amount: amount, PaidAt: at, ReceiptID: receipt, Due: due}
}

func (p *Position) notify(n ...Notice) { p.Notices = append(p.Notices, n...) }

// Wake makes Run look at once.
func (i *Institute) Wake() {
	select {
	case i.wake <- struct{}{}:
	default:
	}
}

// Run makes the callbacks that are due and gives back what is to be given back, until the context
// ends.
func (i *Institute) Run(ctx context.Context) {
	for ctx.Err() == nil {
		i.Advance(ctx)
		timer := time.NewTimer(time.Second)
		select {
		case <-ctx.Done():
		case <-i.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// couriers is how many positions' callbacks travel at the same time.
const couriers = 8

// Advance does everything that is due by the world's clock. Callbacks of one position follow each
// other; a creditor that hangs on one does not hold up the other positions'.
func (i *Institute) Advance(ctx context.Context) {
	free := make(chan struct{}, couriers)
	var running sync.WaitGroup
	for _, key := range i.waiting() {
		free <- struct{}{}
		running.Go(func() {
			defer func() { <-free }()
			if err := i.attend(ctx, key); err != nil {
				i.Log.Error("payment callbacks not made", "err", err)
			}
		})
	}
	running.Wait()
}

func (i *Institute) waiting() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	var keys []string
	for key := range i.restless {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func (i *Institute) attend(ctx context.Context, key string) error {
	p, found := i.positions.Get(key)
	if !found {
		return ErrUnknown
	}
	now := i.Clock.Now()
	if slices.ContainsFunc(p.Refunds, func(r Refund) bool { return r.SettledAt.IsZero() && !r.Due.After(now) }) {
		var err error
		p, err = i.change(key, func(p *Position) error {
			i.settleRefunds(p, func(r Refund) bool { return !r.Due.After(now) })
			return nil
		})
		if err != nil {
			return err
		}
	}
	for n, notice := range p.Notices {
		if ctx.Err() != nil || !notice.waiting() || notice.Due.After(now) {
			continue
		}
		if err := i.deliver(ctx, p, n); err != nil {
			return err
		}
	}
	return nil
}

// deliver makes one attempt and records it. Killed in between, it makes it again.
func (i *Institute) deliver(ctx context.Context, p Position, n int) error {
	attempt := i.send(ctx, p, p.Notices[n])
	if ctx.Err() != nil {
		return nil
	}
	_, err := i.change(p.key(), func(p *Position) error {
		if p.Notices[n].Done {
			return state.ErrSkip
		}
		p.Notices[n].record(attempt)
		return nil
	})
	return err
}

func (i *Institute) send(ctx context.Context, p Position, n Notice) Attempt {
	a := Attempt{At: i.Clock.Now()}
	body, err := n.body(p)
	if err != nil {
		a.Error = err.Error()
		return a
	}
	sign := i.sealer.sign
	if n.Flaw == "forged" {
		sign = i.sealer.forge
	}
	signature, err := sign(body, a.At)
	if err != nil {
		a.Error = err.Error()
		return a
	}
	if n.Flaw == "truncated" {
		body = body[:len(body)/2]
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, i.Callback, bytes.NewReader(body))
	if err != nil {
		a.Error = err.Error()
		return a
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-JWS-Signature", signature)
	resp, err := i.Client.Do(req)
	if err != nil {
		a.Error = err.Error()
		return a
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20)) // only so that the connection can be used again
	a.Status = resp.StatusCode
	return a
}

// Release sends a callback that was held back.
func (i *Institute) Release(key, id string) error {
	_, err := i.change(key, func(p *Position) error {
		for n := range p.Notices {
			if p.Notices[n].ID == id && p.Notices[n].Withheld {
				p.Notices[n].Withheld, p.Notices[n].Due = false, i.Clock.Now()
				return nil
			}
		}
		return fmt.Errorf("nessun avviso da inviare")
	})
	i.Wake()
	return err
}
