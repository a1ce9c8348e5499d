package assembly

import (
	"errors"
	"net/http"
	"testing"
	"time"

	money "sportello/shared/domain/payment"
	"sportello/shared/flow/payment"
	"sportello/shared/platform/payments"
	"sportello/shared/platform/payments/paymentstest"
)

// What the institute refused, and what it did not answer, reach the step in its own words: it goes on after the one, and stops asking after the other.
func TestInstituteSays(t *testing.T) {
	server := paymentstest.New(t)
	client, err := payments.New(payments.Config{Base: server.URL, Key: paymentstest.Key, Provider: payment.Provider, Now: time.Now, Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	i := Institute{client}
	calls := func() map[string]error {
		_, status := i.Status(t.Context(), "99000000051", "SPT-1")
		_, page := i.Page(t.Context(), money.Position{}, payment.Return{})
		_, refund := i.Refund(t.Context(), "01000000000004285", money.Refund{Receipt: "A", Cents: 1})
		return map[string]error{
			"open": i.Open(t.Context(), money.Position{Due: "2026-11-28"}), "status": status, "page": page, "refund": refund,
			"close": i.Close(t.Context(), "99000000051", "SPT-1"),
		}
	}
	server.Answer = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnprocessableEntity) }
	for call, err := range calls() {
		if err == nil || errors.Is(err, payment.ErrSilent) || errors.Is(err, payment.ErrRefused) != (call == "refund") {
			t.Errorf("%s, refused: %v", call, err)
		}
	}
	server.Close()
	for call, err := range calls() {
		if !errors.Is(err, payment.ErrSilent) {
			t.Errorf("%s, of nobody: %v", call, err)
		}
	}
}
