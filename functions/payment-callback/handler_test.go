package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"sportello/shared/domain/application"
	"sportello/shared/domain/layout"
	money "sportello/shared/domain/payment"
	"sportello/shared/domain/problem"
	"sportello/shared/edge/edgetest"
	"sportello/shared/flow/access"
	"sportello/shared/flow/flowtest"
	"sportello/shared/flow/payment"
	"sportello/shared/platform/payments"
	"sportello/shared/platform/payments/paymentstest"
)

var ctx = context.Background()

type function struct {
	*edgetest.Function
	w         *flowtest.World
	institute *paymentstest.Institute
}

func newFunction(t *testing.T) function {
	t.Helper()
	f := function{edgetest.New(t), flowtest.New(t), paymentstest.New(t)}
	client, err := payments.New(payments.Config{
		Base: f.institute.URL, Key: paymentstest.Key, Provider: payment.Provider, Now: f.w.Now, Timeout: time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	h := &handler{f.API, f.w.Payments, client}
	f.Handle, err = h.register(func(_ context.Context, cookie string) (access.Applicant, error) {
		switch cookie {
		case "giulia":
			return f.w.Applicant(), nil
		case "anna":
			return f.w.Stranger(), nil
		}
		return access.Applicant{}, problem.New(problem.Unauthenticated, "Accedi.")
	})
	if err != nil {
		t.Fatal(err)
	}
	f.Values["cookie"], f.Values["provider"] = "giulia", payment.Provider
	return f
}

// notice is what the institute writes of a payment for a case.
func (f function) notice(id string, cents int, receipt string) map[string]any {
	iuv := f.w.Meta(id).Fee.IUV
	return map[string]any{
		"id": "n-" + receipt, "type": "payment.settled", "organization": f.w.TheChamber().TaxCode, "iuv": iuv, "noticeNumber": money.NoticeNumber(iuv),
		"iupd": money.IUPD(id), "amount": cents, "paidAt": f.w.Now().Format(time.RFC3339), "receiptId": receipt, "psp": "Banca di prova",
	}
}

// tell sends a notice as the institute does, changed on the way.
func (f function) tell(notice map[string]any, changes ...edgetest.Change) edgetest.Answer {
	f.T.Helper()
	body, err := json.Marshal(notice)
	if err != nil {
		f.T.Fatal(err)
	}
	f.Values["signature"] = f.institute.Sign("k1", body)
	return f.Call("notice.json", append([]edgetest.Change{text(string(body))}, changes...)...)
}

func text(body string) edgetest.Change { return func(event map[string]any) { event["body"] = body } }

// A notice presents the application, once, however often it comes; and it is kept as it came.
func TestNotice(t *testing.T) {
	f := newFunction(t)
	id := f.w.Unpaid()
	n := f.notice(id, 300, "R1")
	for range 3 {
		f.tell(n).Is(200, nil)
	}
	f.w.Settle()
	f.w.State(id, application.Registered)
	kept, err := f.w.Archive.List(ctx, "payments/"+f.w.Meta(id).Fee.IUV+"/", "", 10)
	if err != nil || len(kept) != 3 { // the signatures differ: each is kept
		t.Errorf("kept %v, %v", kept, err)
	}
	raw, err := f.w.Archive.Get(ctx, kept[0])
	if err != nil || strings.Count(string(raw), ".") != 2 {
		t.Errorf("kept %s, %v", raw, err)
	}
	if n := f.w.Told(id, application.WasPaid); n != 1 {
		t.Errorf("told %d times", n)
	}
	// What has to go back is recorded too, and answered alike.
	f.tell(f.notice(id, 300, "R2")).Is(200, nil)
	f.tell(map[string]any{
		"id": "n", "type": "payment.failed", "organization": f.w.TheChamber().TaxCode, "iuv": n["iuv"], "noticeNumber": n["noticeNumber"],
	}).Is(200, nil)
	if p := f.w.Payment(f.w.Meta(id).Fee.IUV); len(p.Refunds) != 1 {
		t.Errorf("refunds %+v", p.Refunds)
	}
	if strings.Contains(f.Log.String(), "R1") || strings.Contains(f.Log.String(), flowtest.Company) {
		t.Errorf("log %s", f.Log.String())
	}
	f.w.Check()
}

func TestRefusals(t *testing.T) {
	f := newFunction(t)
	id := f.w.Unpaid()
	good := f.notice(id, 300, "R1")
	changed, stray := f.notice(id, 900, "R1"), f.notice(id, 300, "R9")
	stray["organization"], stray["iuv"], stray["noticeNumber"] = "02313821007", "01000000000000144", "301000000000000144"
	forged, _ := json.Marshal(changed)
	for name, c := range map[string]struct {
		notice map[string]any
		change edgetest.Change
		status int
		kind   problem.Kind
	}{
		"no signature":      {good, edgetest.Header("x-jws-signature", ""), 401, problem.Unauthenticated},
		"another content":   {good, text(string(forged)), 401, problem.Unauthenticated},
		"truncated":         {good, text(string(forged[:60])), 401, problem.Unauthenticated},
		"nothing":           {good, text(""), 401, problem.Unauthenticated},
		"too long":          {good, text(strings.Repeat(" ", 17<<10)), 413, problem.TooLarge},
		"signed nonsense":   {map[string]any{"id": 1}, edgetest.Header("accept", "*/*"), 400, problem.Malformed},
		"nobody of ours":    {stray, edgetest.Header("accept", "*/*"), 422, problem.Invalid},
		"past the portal":   {good, edgetest.Header("x-origin-verify", "guess"), 403, problem.Forbidden},
		"another institute": {good, func(e map[string]any) { e["rawPath"] = "/api/v1/payments/callback/banca" }, 404, problem.NotFound},
	} {
		t.Run(name, func(t *testing.T) {
			f.T = t
			f.tell(c.notice, c.change).Refused(c.status, c.kind)
		})
	}
	f.T = t
	f.w.State(id, application.AwaitingPayment)
	if p := f.w.Payment(f.w.Meta(id).Fee.IUV); p.State() != money.Requested {
		t.Errorf("payment %s", p.State())
	}
	for _, item := range f.w.Applications.Snapshot() {
		if strings.HasPrefix(item.PK, layout.PaymentPrefix) && strings.HasPrefix(item.SK, "N#") {
			t.Errorf("recorded %s", item.SK)
		}
	}
}

func TestCheckout(t *testing.T) {
	f := newFunction(t)
	f.Values["id"] = f.w.Unpaid()
	var first, second payment.Page
	f.Call("checkout.json").Is(201, &first)
	f.Call("checkout.json").Is(201, &second)
	if first.URL == "" || first == second {
		t.Errorf("%v, then %v", first, second)
	}
	f.Call("checkout.json", edgetest.Cookie("anna")).Refused(404, problem.NotFound)
	f.Call("checkout.json", edgetest.Cookie("")).Refused(401, problem.Unauthenticated)
	f.Call("checkout.json", edgetest.Header("origin", "http://bergamo.localhost:8080")).Refused(403, problem.Forbidden)
	f.w.Institute.Down = true
	f.Call("checkout.json").Refused(503, problem.Unavailable)
	f.w.Institute.Down = false
	f.tell(f.notice(f.Values["id"], 300, "R1")).Is(200, nil)
	f.Call("checkout.json").Refused(409, problem.Conflict)
}
