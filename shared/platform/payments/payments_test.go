package payments_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	money "sportello/shared/domain/payment"
	"sportello/shared/platform/partner"
	"sportello/shared/platform/payments"
	"sportello/shared/platform/payments/paymentstest"
)

var ctx = context.Background()

type world struct {
	*paymentstest.Institute
	client *payments.Client
	now    time.Time
}

func start(t *testing.T) *world {
	t.Helper()
	w := &world{Institute: paymentstest.New(t), now: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)}
	var err error
	w.client, err = payments.New(payments.Config{
		Base: w.URL, Key: paymentstest.Key, Provider: "istituto", Now: func() time.Time { return w.now }, Timeout: time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

var position = money.Position{
	IUPD: "SPT-019aab6e-3c00-7d4a-9f3e-000000000001", IUV: "01000000000004285", Organization: "99000000051", Creditor: "Camera di prova",
	IBAN: "IT60X0542811101000000123456", Category: "9/0399199TS/", PayerTaxCode: "09900000010", PayerName: "Rinaldi S.r.l.", PayerCompany: true,
	Cents: 300, Description: "Deposito del listino prezzi", Due: "2026-11-28",
}

func body(change ...string) []byte {
	text := `{"id":"n1","type":"payment.settled","organization":"99000000051","iuv":"01000000000004285","noticeNumber":"301000000000004285",` +
		`"iupd":"SPT-1","amount":300,"paidAt":"2026-11-23T09:00:00Z","receiptId":"ABCDEF","psp":"Banca di prova"}`
	return []byte(strings.NewReplacer(change...).Replace(text))
}

func TestPositions(t *testing.T) {
	w := start(t)
	for range 2 { // the second finds it
		if err := w.client.Open(ctx, position); err != nil {
			t.Fatal(err)
		}
	}
	other := position
	other.IUV = "01000000000000144"
	if err := w.client.Open(ctx, other); !errors.Is(err, partner.ErrAnswer) {
		t.Errorf("another position under the same name: %v", err)
	}
	sent := w.Positions[position.IUPD]
	option := sent["paymentOption"].([]any)[0].(map[string]any)
	if sent["type"] != "G" || sent["switchToExpired"] != true || option["nav"] != "301000000000004285" || option["dueDate"] != "2026-11-28T22:59:59" {
		t.Errorf("sent %v", sent)
	}
	s, err := w.client.Status(ctx, position.Organization, position.IUPD)
	if err != nil || !s.Found || s.Paid != nil || s.Closed {
		t.Errorf("status %+v, %v", s, err)
	}
	if s, err := w.client.Status(ctx, position.Organization, "SPT-x"); err != nil || s.Found {
		t.Errorf("status of none %+v, %v", s, err)
	}
	url, err := w.client.Page(ctx, position, "http://a/ok", "http://a/no", "http://a/err")
	if err != nil || url != w.URL+"/paga/1" {
		t.Errorf("page %q, %v", url, err)
	}
	if err := w.client.Close(ctx, position.Organization, position.IUPD); err != nil {
		t.Error(err)
	}
	if s, err := w.client.Status(ctx, position.Organization, position.IUPD); err != nil || !s.Closed {
		t.Errorf("status %+v, %v", s, err)
	}
	w.Paid[position.IUPD] = map[string]any{
		"status": "PO_PAID", "idReceipt": "ABCDEF", "paymentDate": "2026-11-23T10:00:00+01:00", "pspCompany": "Banca di prova", "amount": 200,
	}
	w.More = append(w.More, map[string]any{"idReceipt": "FEDCBA", "paymentDate": "2026-11-23T11:00:00+01:00", "pspCompany": "Altra banca", "amount": 300})
	s, err = w.client.Status(ctx, position.Organization, position.IUPD)
	want := []money.Notice{
		{Provider: "istituto", Type: money.TypeSettled, Organization: position.Organization, IUV: position.IUV, Cents: 200, PaidAt: w.now, Receipt: "ABCDEF", PSP: "Banca di prova"},
		{Provider: "istituto", Type: money.TypeSettled, Organization: position.Organization, IUV: position.IUV, Cents: 300, PaidAt: w.now.Add(time.Hour), Receipt: "FEDCBA", PSP: "Altra banca"},
	}
	if diff := cmp.Diff(want, s.Paid); diff != "" || err != nil || !strings.Contains(string(s.Raw), "FEDCBA") {
		t.Errorf("paid twice: %v, %s\n%s", err, s.Raw, diff)
	}
	if err := w.client.Close(ctx, position.Organization, position.IUPD); err != nil { // paid: refused over there, no error here
		t.Error(err)
	}
	settled, err := w.client.Refund(ctx, position.IUV, money.Refund{Receipt: "ABCDEF", Organization: position.Organization, Cents: 200, Reason: money.WrongAmount})
	if err != nil || settled {
		t.Errorf("refund %v, %v", settled, err)
	}
}

// What the institute may answer besides.
func TestTrouble(t *testing.T) {
	calls := func(w *world) map[string]error {
		_, status := w.client.Status(ctx, position.Organization, position.IUPD)
		_, page := w.client.Page(ctx, position, "http://a", "http://a", "http://a")
		_, refund := w.client.Refund(ctx, position.IUV, money.Refund{Receipt: "A"})
		return map[string]error{
			"open": w.client.Open(ctx, position), "status": status, "page": page, "refund": refund, "close": w.client.Close(ctx, position.Organization, position.IUPD),
		}
	}
	for name, c := range map[string]struct {
		answer func(w http.ResponseWriter, r *http.Request)
		want   error
	}{
		"down":     {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, partner.ErrUnavailable},
		"too much": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(429) }, partner.ErrUnavailable},
		"refusing": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(418) }, partner.ErrAnswer},
		"without end": {func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, strings.Repeat(" ", 300<<10))
		}, partner.ErrAnswer},
	} {
		w := start(t)
		w.Answer = c.answer
		for call, err := range calls(w) {
			if name == "without end" && call != "status" && call != "refund" {
				continue // they want no body
			}
			if !errors.Is(err, c.want) {
				t.Errorf("%s: %s: %v", name, call, err)
			}
			if err != nil && strings.Contains(err.Error(), position.Organization) {
				t.Errorf("%s: %s repeats the address: %v", name, call, err)
			}
		}
	}
	of := func(rest string) string { return `{"iupd":"` + position.IUPD + `",` + rest }
	paid := of(`"status":"PAID","paymentOption":[{"status":"PO_PAID","iuv":"01000000000004285","amount":300,"idReceipt":"A","paymentDate":"2026-11-23T10:00:00Z"}]}`)
	receipts := `{"iuv":"01000000000004285","receipts":[{"idReceipt":"A","amount":300,"paymentDate":"2026-11-23T10:00:00Z"}]}`
	for name, c := range map[string]struct{ position, receipts string }{
		"no JSON":          {"<html>", ""},
		"cut":              {paid[:60], receipts},
		"no option":        {of(`"status":"VALID","paymentOption":[]}`), ""},
		"unknown state":    {of(`"status":"VALID","paymentOption":[{"status":"PO_MAYBE"}]}`), ""},
		"another position": {strings.Replace(paid, position.IUPD, "SPT-2", 1), receipts},
		"paid by nobody":   {strings.Replace(paid, `"idReceipt":"A",`, "", 1), receipts},
		"another number":   {strings.ReplaceAll(paid, "01000000000004285", "1"), strings.ReplaceAll(receipts, "01000000000004285", "1")},
		"no receipts":      {paid, "<html>"},
		"another's":        {paid, strings.Replace(receipts, "01000000000004285", "01000000000000144", 1)},
		"another receipt":  {paid, strings.Replace(receipts, `"A"`, `"B"`, 1)},
		"a fortune":        {strings.Replace(paid, "300", "3e9", 1), strings.Replace(receipts, "300", "3000000000", 1)},
		"less than paid":   {paid, strings.Replace(receipts, "300", "-300", 1)},
	} {
		w := start(t)
		w.Answer = func(out http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/receipts" {
				fmt.Fprint(out, c.receipts)
				return
			}
			fmt.Fprint(out, c.position)
		}
		if s, err := w.client.Status(ctx, position.Organization, position.IUPD); !errors.Is(err, partner.ErrAnswer) || len(s.Paid) > 0 {
			t.Errorf("%s: %+v, %v", name, s.Paid, err)
		}
	}
}

// A refund that is refused is told apart from one that got no answer; what is said of another refund, or of another sum, is no answer.
func TestRefund(t *testing.T) {
	r := money.Refund{Receipt: "ABCDEF", Organization: position.Organization, Cents: 200, Reason: money.WrongAmount}
	for name, c := range map[string]struct {
		status int
		body   string
		want   error
	}{
		"no such receipt":  {404, "{}", payments.ErrRefused},
		"too much":         {422, "{}", payments.ErrRefused},
		"another's key":    {409, "{}", payments.ErrRefused},
		"down":             {502, "<html>", partner.ErrUnavailable},
		"no state":         {202, `{"receiptId":"ABCDEF","amount":200}`, partner.ErrAnswer},
		"another receipt":  {200, `{"state":"settled","receiptId":"FEDCBA","amount":200}`, partner.ErrAnswer},
		"another sum":      {200, `{"state":"settled","receiptId":"ABCDEF","amount":199}`, partner.ErrAnswer},
		"settled at last":  {200, `{"state":"settled","receiptId":"ABCDEF","amount":200}`, nil},
		"settled in words": {200, `ok`, partner.ErrAnswer},
	} {
		w := start(t)
		w.Answer = func(out http.ResponseWriter, _ *http.Request) {
			out.WriteHeader(c.status)
			fmt.Fprint(out, c.body)
		}
		settled, err := w.client.Refund(ctx, position.IUV, r)
		if !errors.Is(err, c.want) || settled != (c.want == nil) {
			t.Errorf("%s: %v, %v", name, settled, err)
		}
	}
}

func TestRead(t *testing.T) {
	w := start(t)
	n, signed, err := w.client.Read(ctx, body(), w.Sign("k1", body()))
	if err != nil || n.Cents != 300 || n.Receipt != "ABCDEF" || n.Type != money.TypeSettled {
		t.Fatalf("notice %+v, %v", n, err)
	}
	// What is kept can be verified by anybody.
	parsed, err := jose.ParseSignedCompact(string(signed), []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	if content, err := parsed.Verify(w.Keys["k1"].Public()); err != nil || string(content) != string(body()) {
		t.Errorf("kept %s, %v", content, err)
	}
	asked := len(w.Asked)
	w.now = w.now.Add(time.Minute)
	w.Rotate("k2")
	for range 3 { // the new key is asked for once
		if _, _, err := w.client.Read(ctx, body(), w.Sign("k2", body())); err != nil {
			t.Fatal(err)
		}
	}
	if len(w.Asked) != asked+1 {
		t.Errorf("asked %v", w.Asked[asked:])
	}
}

func TestReadRefuses(t *testing.T) {
	w := start(t)
	stranger, private := paymentstest.New(t), mustRSA(t)
	good := w.Sign("k1", body())
	for name, c := range map[string]struct {
		body      []byte
		signature string
		want      error
	}{
		"no signature":         {body(), "", payments.ErrForged},
		"attached":             {body(), strings.Replace(good, "..", ".e30.", 1), payments.ErrForged},
		"truncated":            {body()[:100], good, payments.ErrForged},
		"changed":              {body("300", "900"), good, payments.ErrForged},
		"another key":          {body(), stranger.Sign("k1", body()), payments.ErrForged},
		"another name":         {body(), paymentstest.Detached(t, jose.ES256, "k9", w.Keys["k1"], body()), payments.ErrForged},
		"no name":              {body(), paymentstest.Detached(t, jose.ES256, "", w.Keys["k1"], body()), payments.ErrForged},
		"another algorithm":    {body(), paymentstest.Detached(t, jose.RS256, "k1", private, body()), payments.ErrForged},
		"none":                 {body(), "eyJhbGciOiJub25lIiwia2lkIjoiazEifQ..", payments.ErrForged},
		"a shared secret":      {body(), paymentstest.Detached(t, jose.HS256, "k1", []byte("01234567890123456789012345678901"), body()), payments.ErrForged},
		"signed nonsense":      {[]byte("{"), w.Sign("k1", []byte("{")), payments.ErrMalformed},
		"two values":           {append(body(), "{}"...), w.Sign("k1", append(body(), "{}"...)), payments.ErrMalformed},
		"an unknown field":     {body(`"id"`, `"more":1,"id"`), w.Sign("k1", body(`"id"`, `"more":1,"id"`)), payments.ErrMalformed},
		"two numbers":          {body("301000000000004285", "301000000000000144"), w.Sign("k1", body("301000000000004285", "301000000000000144")), payments.ErrMalformed},
		"a negative amount":    {body("300", "-300"), w.Sign("k1", body("300", "-300")), payments.ErrMalformed},
		"two amounts":          {body(`"amount":300`, `"amount":1,"amount":300`), w.Sign("k1", body(`"amount":300`, `"amount":1,"amount":300`)), payments.ErrMalformed},
		"two amounts, one odd": {body(`"amount":300`, `"amount":1,"Amount":300`), w.Sign("k1", body(`"amount":300`, `"amount":1,"Amount":300`)), payments.ErrMalformed},
		"an amount in letters": {body("300", `"300"`), w.Sign("k1", body("300", `"300"`)), payments.ErrMalformed},
	} {
		w.now = w.now.Add(time.Hour)
		if n, _, err := w.client.Read(ctx, c.body, c.signature); !errors.Is(err, c.want) || n != (money.Notice{}) {
			t.Errorf("%s: %+v, %v", name, n, err)
		}
	}
	down := start(t)
	signature := down.Sign("k1", body())
	down.Close()
	if _, _, err := down.client.Read(ctx, body(), signature); !errors.Is(err, payments.ErrUnavailable) {
		t.Errorf("without keys: %v", err)
	}
}

// Invented names do not make us hammer the institute.
func TestKeysPause(t *testing.T) {
	w := start(t)
	for n := range 20 {
		_, _, _ = w.client.Read(ctx, body(), paymentstest.Detached(t, jose.ES256, fmt.Sprint("x", n), w.Keys["k1"], body()))
	}
	if len(w.Asked) != 1 {
		t.Errorf("asked %d times", len(w.Asked))
	}
}

// An institute that is down is not asked for each forged notice: everybody would wait.
func TestKeysRest(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.WriteHeader(http.StatusBadGateway)
	}))
	defer server.Close()
	now := time.Now()
	client, err := payments.New(payments.Config{Base: server.URL, Key: "k", Provider: "istituto", Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	w := start(t)
	signature := paymentstest.Detached(t, jose.ES256, "k1", w.Keys["k1"], body())
	for range 20 {
		if _, _, err := client.Read(ctx, body(), signature); !errors.Is(err, payments.ErrUnavailable) {
			t.Fatal(err)
		}
	}
	now = now.Add(10 * time.Second)
	_, _, _ = client.Read(ctx, body(), signature)
	if asked != 2 {
		t.Errorf("asked %d times", asked)
	}
}

func mustRSA(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Whatever comes, no notice is believed that the institute did not sign, and nothing panics.
func FuzzRead(f *testing.F) {
	f.Add(string(body()), "a..b")
	f.Add("{}", "eyJhbGciOiJFUzI1NiIsImtpZCI6ImsxIn0..AAAA")
	client, err := payments.New(payments.Config{Base: "http://127.0.0.1:1", Key: "k", Provider: "istituto", Now: time.Now, Timeout: time.Second})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body, signature string) {
		if n, raw, err := client.Read(ctx, []byte(body), signature); err == nil || raw != nil || n != (money.Notice{}) {
			t.Errorf("believed %+v", n)
		}
	})
}
