//go:build emulator

package outsidetest

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	money "sportello/shared/domain/payment"
	"sportello/shared/platform/payments"
)

// told is a notice as it came over the wire.
type told struct {
	body      []byte
	signature string
}

// The payment institute from a position to its refund: what it is asked, what it calls back, and what it answers when it never called.
func TestPaymentInstitute(t *testing.T) {
	notices := make(chan told, 10)
	portal := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.URL.Path == "/api/v1/payments/callback/istituto" {
			notices <- told{body, r.Header.Get("X-JWS-Signature")}
		}
	}))
	t.Cleanup(portal.Close)
	w := start(t, "--portal", portal.URL)
	var account struct{ Key string }
	if err := json.Unmarshal(w.file(t, "institute.json"), &account); err != nil {
		t.Fatal(err)
	}
	client, err := payments.New(payments.Config{Base: w.HTTP + "/istituto", Key: account.Key, Provider: "istituto", Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	iuv, err := money.IUV("05", "a case", 0)
	if err != nil {
		t.Fatal(err)
	}
	p := money.Position{
		IUPD: money.IUPD("019aab6e-3c00-7d4a-9f3e-000000000001"), IUV: iuv, Organization: "99000000051", Creditor: "Camera di prova",
		IBAN: "IT60X0542811101000000123456", Category: "9/0399199TS/", PayerTaxCode: string(milan), PayerName: "Rinaldi S.r.l.", PayerCompany: true,
		Cents: 300, Description: "Deposito del listino prezzi", Due: time.Now().AddDate(0, 0, 5).Format(time.DateOnly),
	}
	if s, err := client.Status(t.Context(), p.Organization, p.IUPD); err != nil || s.Found {
		t.Fatalf("%+v, %v", s, err)
	}
	for range 2 {
		if err := client.Open(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	back := portal.URL + "/pagamento/?id=x&esito="
	url, err := client.Page(t.Context(), p, back+"ok", back+"annullato", back+"errore")
	if err != nil || !strings.Contains(url, "/istituto/paga/") {
		t.Fatalf("%q, %v", url, err)
	}
	w.control(t, "/institute/pay", map[string]any{"noticeNumber": money.NoticeNumber(iuv), "behaviour": "callback-forged"})
	forged, first := <-notices, <-notices
	if _, _, err := client.Read(t.Context(), forged.body, forged.signature); !errors.Is(err, payments.ErrForged) {
		t.Errorf("the forged one: %v", err)
	}
	n, _, err := client.Read(t.Context(), first.body, first.signature)
	if err != nil || n.Type != money.TypeSettled || n.Cents != 300 || n.IUV != iuv || n.Organization != p.Organization {
		t.Fatalf("%+v, %v", n, err)
	}
	s, err := client.Status(t.Context(), p.Organization, p.IUPD)
	if err != nil || len(s.Paid) != 1 || s.Paid[0].Receipt != n.Receipt || s.Paid[0].Cents != n.Cents || !s.Paid[0].PaidAt.Equal(n.PaidAt) {
		t.Errorf("asked, it says %+v, %v; told, %+v", s.Paid, err, n)
	}
	if err := client.Close(t.Context(), p.Organization, p.IUPD); err != nil {
		t.Errorf("closing what is paid: %v", err)
	}
	order := money.Refund{Receipt: n.Receipt, Organization: p.Organization, Cents: 300, Reason: money.TooLate}
	for range 2 {
		if settled, err := client.Refund(t.Context(), iuv, order); err != nil || settled {
			t.Fatalf("%v, %v", settled, err)
		}
	}
	// A second position, closed before anybody paid.
	q := p
	q.IUPD = money.IUPD("019aab6e-3c00-7d4a-9f3e-000000000002")
	if q.IUV, err = money.IUV("05", "another case", 0); err != nil {
		t.Fatal(err)
	}
	if err := client.Open(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	if err := client.Close(t.Context(), q.Organization, q.IUPD); err != nil {
		t.Fatal(err)
	}
	if s, err := client.Status(t.Context(), q.Organization, q.IUPD); err != nil || !s.Closed || s.Paid != nil {
		t.Errorf("%+v, %v", s, err)
	}
}
