package payment_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/shared/domain/payment"
)

func TestIUV(t *testing.T) {
	for notice, want := range map[string]bool{
		"301000000000004285": true, "301000000000000144": true, "347000000000004265": true, "300176380560000087": true, // published, or worked out from the rule
		"301000000000004286": false, "302012387654312384": false, "302012387654312385": false, // one digit off; examples that break their own rule
		"350000000000004240": false, "30100000000000428": false, "3010000000000042855": false, "30100000000000428x": false,
	} {
		if got := payment.ValidIUV(notice[1:]); got != want {
			t.Errorf("%s: valid %v", notice, got)
		}
	}
	seen := map[string]bool{}
	for n := range 2000 {
		iuv, err := payment.IUV("07", fmt.Sprint(n/4), n%4)
		if err != nil || !payment.ValidIUV(iuv) || iuv[:2] != "07" || seen[iuv] {
			t.Fatalf("number %s, %v, seen %v", iuv, err, seen[iuv])
		}
		seen[iuv] = true
	}
	first, _ := payment.IUV("01", "a case", 0)
	again, _ := payment.IUV("01", "a case", 0)
	if first != again || len(payment.NoticeNumber(first)) != 18 {
		t.Errorf("%s, then %s", first, again)
	}
	for _, code := range []string{"", "1", "46", "99", "a1", "001"} {
		if _, err := payment.IUV(code, "x", 0); err == nil {
			t.Errorf("segregation code %q taken", code)
		}
	}
}

var now = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

func awaited() payment.Payment {
	return payment.Payment{
		IUV: "01000000000004285", Application: "a", Chamber: "milano", Organization: "99000000051", Cents: 300, Due: "2026-12-08", CreatedAt: now,
	}
}

func settled(receipt string, cents int) payment.Notice {
	return payment.Notice{
		Provider: "istituto", Type: payment.TypeSettled, Organization: "99000000051", IUV: "01000000000004285", Cents: cents, PaidAt: now, Receipt: receipt,
	}
}

// The table: what a notice does, in every state, and what is owed afterwards.
func TestDecide(t *testing.T) {
	paid := awaited().Apply(settled("r1", 300), payment.Pays, now)
	late := awaited()
	late.Expired = &now
	wrong := awaited().Apply(settled("r1", 299), payment.WrongAmount, now)
	returned, _ := wrong.Returned("r1", 299, now)
	other := settled("r2", 300)
	other.Organization = "99000000069"
	for name, c := range map[string]struct {
		p     payment.Payment
		n     payment.Notice
		want  payment.Verdict
		state payment.State
	}{
		"the first right one":            {awaited(), settled("r1", 300), payment.Pays, payment.Settled},
		"the same again":                 {paid, settled("r1", 300), payment.Known, payment.Settled},
		"another receipt":                {paid, settled("r2", 300), payment.Twice, payment.Settled},
		"a cent less":                    {awaited(), settled("r1", 299), payment.WrongAmount, payment.Refunding},
		"a cent more":                    {awaited(), settled("r1", 301), payment.WrongAmount, payment.Refunding},
		"the wrong one again":            {wrong, settled("r1", 299), payment.Known, payment.Refunding},
		"the right one after":            {wrong, settled("r2", 300), payment.Pays, payment.Settled},
		"the right one after the refund": {returned, settled("r2", 300), payment.Pays, payment.Settled},
		"the refunded one again":         {returned, settled("r1", 299), payment.Known, payment.Refunded},
		"after the end":                  {late, settled("r1", 300), payment.TooLate, payment.Refunding},
		"wrong and after the end":        {late, settled("r1", 1), payment.TooLate, payment.Refunding},
		"another's money":                {awaited(), other, payment.NotOurs, payment.Refunding},
		"a number never given":           {payment.Payment{IUV: "01000000000004285"}, settled("r1", 300), payment.Unknown, payment.Refunding},
	} {
		got := c.p.Decide(c.n)
		after := c.p.Apply(c.n, got, now)
		if got != c.want || after.State() != c.state {
			t.Errorf("%s: %s, %s; want %s, %s", name, got, after.State(), c.want, c.state)
		}
		sum := 0
		for _, cents := range payment.Balance(after.Entries()) {
			sum += cents
		}
		if sum != 0 {
			t.Errorf("%s: the books are off by %d", name, sum)
		}
		if again := after.Decide(c.n); again != payment.Known {
			t.Errorf("%s: told again it is %s", name, again)
		}
	}
}

func TestBooks(t *testing.T) {
	p := awaited().Apply(settled("r1", 300), payment.Pays, now).Apply(settled("r2", 300), payment.Twice, now)
	want := map[payment.Account]int{payment.Institute: 600, payment.Fees: -300, payment.Owed: -300}
	if diff := cmp.Diff(want, payment.Balance(p.Entries())); diff != "" {
		t.Errorf("paid twice:\n%s", diff)
	}
	p, ok := p.Returned("r2", 300, now)
	if _, twice := p.Returned("r2", 300, now); !ok || twice || p.State() != payment.Settled || p.Owes() {
		t.Errorf("returned %v, then %v, %s", ok, twice, p.State())
	}
	want = map[payment.Account]int{payment.Institute: 300, payment.Fees: -300, payment.Owed: 0}
	if diff := cmp.Diff(want, payment.Balance(p.Entries())); diff != "" {
		t.Errorf("returned:\n%s", diff)
	}
}

// Asked at a quarter of an hour, then hourly, then daily, and when the last day is over.
func TestNext(t *testing.T) {
	p := awaited()
	var after []time.Duration
	for at := now; len(after) < 44; {
		at = p.Next(at)
		after = append(after, at.Sub(now))
	}
	want := []time.Duration{15 * time.Minute}
	for n := range 24 {
		want = append(want, 15*time.Minute+time.Duration(n+1)*time.Hour)
	}
	if diff := cmp.Diff(want, after[:25]); diff != "" {
		t.Error(diff)
	}
	end := time.Date(2026, 12, 8, 23, 0, 0, 0, time.UTC).Sub(now) // midnight in Rome
	if after[39] != end || after[38] >= end || after[40] != end+24*time.Hour {
		t.Errorf("at the end asked after %v, want %v", after[38:41], end)
	}
	if p.Overdue(now.Add(end-time.Millisecond)) || !p.Overdue(now.Add(end)) {
		t.Error("overdue at another instant")
	}
}

func TestCheck(t *testing.T) {
	if err := settled("r1", 300).Check(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(n *payment.Notice){
		"no amount":          func(n *payment.Notice) { n.Cents = 0 },
		"less than nothing":  func(n *payment.Notice) { n.Cents = -300 },
		"a fortune":          func(n *payment.Notice) { n.Cents = payment.MaxCents + 1 },
		"no number":          func(n *payment.Notice) { n.IUV = "" },
		"a wrong number":     func(n *payment.Notice) { n.IUV = "01000000000004286" },
		"no receipt":         func(n *payment.Notice) { n.Receipt = "" },
		"a receipt like key": func(n *payment.Notice) { n.Receipt = "a#b" },
		"no organization":    func(n *payment.Notice) { n.Organization = "RNLGLI79D52F205F" },
		"no instant":         func(n *payment.Notice) { n.PaidAt = time.Time{} },
		"no type":            func(n *payment.Notice) { n.Type = "payment.maybe" },
		"another provider":   func(n *payment.Notice) { n.Provider = "../x" },
	} {
		n := settled("r1", 300)
		change(&n)
		if n.Check() == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
