package application_test

import (
	"testing"

	"sportello/shared/domain/application"
	"sportello/shared/domain/problem"
)

// An act that a fee buys waits for it: paid, it is presented; unpaid, it ends where it is, and nobody works on it.
func TestAwaitingPayment(t *testing.T) {
	for _, c := range []struct {
		from application.State
		on   application.Event
		to   application.State
	}{
		{application.Draft, application.SubmittedUnpaid, application.AwaitingPayment},
		{application.AwaitingPayment, application.WasPaid, application.Presented},
		{application.AwaitingPayment, application.PaymentExpired, application.Expired},
		{application.AwaitingPayment, application.WasWithdrawn, application.Withdrawn},
	} {
		if got, err := c.from.Next(c.on); err != nil || got != c.to {
			t.Errorf("%s on %s: %s, %v", c.from, c.on, got, err)
		}
	}
	for _, s := range []application.State{application.AwaitingPayment, application.Expired} {
		if s.Open() || s.Italian() == string(s) {
			t.Errorf("%s: open %v, %q", s, s.Open(), s.Italian())
		}
		for _, on := range []application.Event{
			application.Submitted, application.WasRegistered, application.TakenInCharge, application.IntegrationRequested, application.WasDecided, application.WasClosed,
		} {
			if _, err := s.Next(on); !problem.Is(err, problem.Conflict) {
				t.Errorf("%s on %s: %v", s, on, err)
			}
		}
	}
	for _, on := range []application.Event{application.WasPaid, application.PaymentExpired, application.WasWithdrawn} {
		if application.Expired.Can(on) {
			t.Errorf("expired and %s", on)
		}
	}
	if !application.Expired.Final() || application.AwaitingPayment.Final() {
		t.Error("final: expired, and not awaiting payment")
	}
}

func TestUnbought(t *testing.T) {
	fee := &application.Fee{IUV: "05000000000000133", Cents: 300, Due: "2026-11-28"}
	for name, c := range map[string]struct {
		a    application.Application
		want bool
	}{
		"awaiting":             {application.Application{State: application.AwaitingPayment, Fee: fee}, true},
		"expired":              {application.Application{State: application.Expired, Fee: fee}, true},
		"withdrawn unpaid":     {application.Application{State: application.Withdrawn, Fee: fee}, true},
		"paid":                 {application.Application{State: application.Presented, Fee: fee}, false},
		"numbered, withdrawn":  {application.Application{State: application.Withdrawn, Fee: fee, Protocol: &application.Protocol{}}, false},
		"withdrawn, no fee":    {application.Application{State: application.Withdrawn}, false},
		"presented, withdrawn": {application.Application{State: application.Presented}, false},
	} {
		if got := c.a.Unbought(); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
