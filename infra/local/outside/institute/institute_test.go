package institute

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"sportello/infra/local/outside/calls"
	"sportello/infra/local/outside/state"
)

// counter is an institute with a creditor that keeps what it is told.
type counter struct {
	*Institute
	t       *testing.T
	server  *httptest.Server
	offset  time.Duration
	answers int // what the creditor answers
	heard   []heard
}

type heard struct {
	body      []byte
	signature string
}

const creditor = "09900000990"

func open(t *testing.T) *counter {
	t.Helper()
	c := &counter{t: t, answers: http.StatusOK}
	portal := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		c.heard = append(c.heard, heard{body, r.Header.Get("X-JWS-Signature")})
		w.WriteHeader(c.answers)
	}))
	t.Cleanup(portal.Close)
	c.reopen(t.TempDir(), portal.URL)
	return c
}

func (c *counter) reopen(dir, callback string) {
	c.t.Helper()
	clock := state.Clock{File: filepath.Join(dir, "clock")}
	log, err := calls.Open(filepath.Join(dir, "registers.json"), clock, 0)
	if err != nil {
		c.t.Fatal(err)
	}
	c.Institute, err = Open(Config{
		Base: "http://outside.test", Callback: callback, Dir: filepath.Join(dir, "institute"), KeyDir: filepath.Join(dir, "keys"),
		KeyFile: filepath.Join(dir, "institute.json"), Calls: log, Clock: clock, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		c.t.Fatal(err)
	}
	mux := http.NewServeMux()
	c.Routes(mux)
	c.server = httptest.NewServer(mux)
	c.t.Cleanup(c.server.Close)
}

// pass lets time pass in the world, and does what is due.
func (c *counter) pass(d time.Duration) {
	c.t.Helper()
	c.offset += d
	if err := os.WriteFile(c.Clock.File, fmt.Append(nil, c.offset.Milliseconds()), 0o600); err != nil {
		c.t.Fatal(err)
	}
	c.Advance(context.Background())
}

func (c *counter) call(method, path string, in any, header ...string) (*http.Response, []byte) {
	c.t.Helper()
	var body io.Reader
	switch in := in.(type) {
	case nil:
	case url.Values:
		body = strings.NewReader(in.Encode())
		header = append(header, "Content-Type", "application/x-www-form-urlencoded")
	case string:
		body = strings.NewReader(in)
	default:
		raw, err := json.Marshal(in)
		if err != nil {
			c.t.Fatal(err)
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequest(method, c.server.URL+path, body)
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Ocp-Apim-Subscription-Key", c.key)
	for n := 0; n < len(header); n += 2 {
		req.Header.Set(header[n], header[n+1])
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return resp, raw
}

// want calls and wants a status.
func (c *counter) want(status int, method, path string, in any, header ...string) []byte {
	c.t.Helper()
	resp, raw := c.call(method, path, in, header...)
	if resp.StatusCode != status {
		c.t.Fatalf("%s %s: %d %s, want %d", method, path, resp.StatusCode, raw, status)
	}
	return raw
}

const gpd = "/istituto/gpd/debt-positions-service/v1/organizations/" + creditor + "/debtpositions"

// iuv makes a right IUV: check digits are those of the notice number.
func iuv(segregation, base int) string {
	head := fmt.Sprintf("3%02d%013d", segregation, base)
	var rest int
	for _, c := range head {
		rest = (rest*10 + int(c-'0')) % 93
	}
	return fmt.Sprintf("%s%02d", head[1:], rest)
}

func debt(iupd, iuv string, due time.Time) map[string]any {
	return map[string]any{
		"iupd": iupd, "type": "F", "fiscalCode": "RNLGLI79D52F205F", "fullName": "Giulia Rinaldi", "companyName": "Camera di prova",
		"switchToExpired": true, "paymentOption": []any{map[string]any{
			"iuv": iuv, "amount": 300, "description": "Deposito del listino", "isPartialPayment": false, "dueDate": due.Format(time.RFC3339),
			"transfer": []any{map[string]any{
				"idTransfer": "1", "amount": 300, "remittanceInformation": "Listino", "category": "9/0101100IM/", "iban": "IT60X0542811101000000123456",
			}},
		}},
	}
}

// owed makes a position to be paid within a week.
func (c *counter) owed(iupd string) Position {
	c.t.Helper()
	c.want(http.StatusCreated, "POST", gpd+"?toPublish=true", debt(iupd, iuv(1, len(c.Positions())+1), c.Clock.Now().Add(7*24*time.Hour)))
	p, found := c.Position(creditor, iupd)
	if !found {
		c.t.Fatalf("no position %s", iupd)
	}
	return p
}

func (c *counter) pay(p Position, behaviour string) {
	c.t.Helper()
	c.want(http.StatusOK, "POST", "/control/institute/pay", map[string]any{"noticeNumber": p.NAV, "behaviour": behaviour, "minutes": 30})
	c.Advance(context.Background())
}

type told struct {
	ID, Type, Organization, IUV, NoticeNumber, IUPD, ReceiptID, PSP string
	Amount                                                          int64
	PaidAt                                                          time.Time
}

// told reads a callback as a creditor would: by the published keys, the body being the payload.
func (c *counter) told(n int) (told, error) {
	c.t.Helper()
	if n >= len(c.heard) {
		c.t.Fatalf("%d callbacks, wanted number %d", len(c.heard), n)
	}
	var keys jose.JSONWebKeySet
	if err := json.Unmarshal(c.want(http.StatusOK, "GET", "/istituto/jwks.json", nil), &keys); err != nil {
		c.t.Fatal(err)
	}
	h := c.heard[n]
	jws, err := jose.ParseDetached(h.signature, h.body, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		c.t.Fatal(err)
	}
	header := jws.Signatures[0].Protected
	if iat, ok := header.ExtraHeaders["iat"].(float64); !ok || c.Clock.Now().Sub(time.Unix(int64(iat), 0)).Abs() > time.Hour {
		c.t.Errorf("iat: %v", header.ExtraHeaders["iat"])
	}
	found := keys.Key(header.KeyID)
	if len(found) != 1 {
		c.t.Fatalf("%d keys named %q", len(found), header.KeyID)
	}
	if err := jws.DetachedVerify(h.body, found[0].Key); err != nil {
		return told{}, err
	}
	var v told
	return v, json.Unmarshal(h.body, &v)
}

func (c *counter) mustTell(n int, kind string) told {
	c.t.Helper()
	v, err := c.told(n)
	if err != nil || v.Type != kind {
		c.t.Fatalf("callback %d: %+v, %v; want %s", n, v, err, kind)
	}
	return v
}

func (c *counter) status(p Position) (position, option map[string]any) {
	c.t.Helper()
	if err := json.Unmarshal(c.want(http.StatusOK, "GET", gpd+"/"+p.IUPD, nil), &position); err != nil {
		c.t.Fatal(err)
	}
	return position, position["paymentOption"].([]any)[0].(map[string]any)
}

func TestNoticeNumbers(t *testing.T) {
	for nav, right := range map[string]bool{
		"301000000000004285": true, "301000000000004286": false, "301000000000000144": true, "300176380560000087": true,
		"347000000000004265": false, // its digits are right, its segregation code is beyond those assigned
		"001000000000000141": false, // auxiliary digit 0
		"302012387654312384": false, "302012387654312386": true, "30201238765431238": false, "30201238765431238x": false, "": false,
	} {
		if err := CheckNumber(nav); (err == nil) != right {
			t.Errorf("%s: %v", nav, err)
		}
	}
}

// Every right number passes; with one digit changed, or two unlike neighbours of the base swapped,
// none does: 93 divides neither d·10^k nor 9·d·10^k for any digit d but 0.
func TestCheckDigitsSeeSlips(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		nav := "3" + iuv(random.IntN(46), random.IntN(1e13))
		if err := CheckNumber(nav); err != nil {
			t.Fatalf("%s: %v", nav, err)
		}
		wrong := []byte(nav)
		at := 3 + random.IntN(15)
		wrong[at] = '0' + (wrong[at]-'0'+byte(1+random.IntN(9)))%10
		if err := CheckNumber(string(wrong)); !errors.Is(err, ErrCheckDigits) {
			t.Errorf("%s passes for %s: %v", wrong, nav, err)
		}
		swapped := []byte(nav)
		at = 3 + random.IntN(12)
		swapped[at], swapped[at+1] = swapped[at+1], swapped[at]
		if err := CheckNumber(string(swapped)); swapped[at] != swapped[at+1] && !errors.Is(err, ErrCheckDigits) {
			t.Errorf("%s passes for %s: %v", swapped, nav, err)
		}
	}
}

func TestPositionIsCreatedOnce(t *testing.T) {
	c := open(t)
	p := c.owed("app-1")
	again := debt("app-1", p.IUV, p.DueDate)
	c.want(http.StatusConflict, "POST", gpd+"?toPublish=true", again)
	c.want(http.StatusConflict, "POST", gpd, debt("app-2", p.IUV, p.DueDate))
	v, option := c.status(p)
	if v["status"] != Valid || option["status"] != "PO_UNPAID" || option["nav"] != p.NAV || option["amount"] != 300.0 {
		t.Errorf("position: %v", v)
	}
	c.want(http.StatusNotFound, "GET", gpd+"/nessuna", nil)
	c.want(http.StatusUnauthorized, "GET", gpd+"/app-1", nil, "Ocp-Apim-Subscription-Key", "altra")
	var list struct {
		Items []any `json:"payment_position_list"`
	}
	if err := json.Unmarshal(c.want(http.StatusOK, "GET", gpd+"?status=VALID&limit=10&page=0", nil), &list); err != nil || len(list.Items) != 1 {
		t.Errorf("list: %v, %v", list, err)
	}
}

func TestDraftIsPublished(t *testing.T) {
	c := open(t)
	c.want(http.StatusCreated, "POST", gpd, debt("app-1", iuv(1, 1), c.Clock.Now().Add(time.Hour)))
	c.want(http.StatusConflict, "POST", "/control/institute/pay", map[string]any{"iuv": iuv(1, 1)})
	c.want(http.StatusOK, "POST", gpd+"/app-1/publish", nil)
	c.want(http.StatusConflict, "POST", gpd+"/app-1/publish", nil)
	c.want(http.StatusOK, "POST", "/control/institute/pay", map[string]any{"iuv": iuv(1, 1)})
}

func TestWrongPositionsAreRefused(t *testing.T) {
	c := open(t)
	due := c.Clock.Now().Add(time.Hour)
	good := iuv(1, 7)
	option := func(v map[string]any) map[string]any { return v["paymentOption"].([]any)[0].(map[string]any) }
	transfer := func(v map[string]any) map[string]any { return option(v)["transfer"].([]any)[0].(map[string]any) }
	for name, spoil := range map[string]func(map[string]any){
		"check digits": func(v map[string]any) { option(v)["iuv"] = good[:16] + string('0'+(good[16]-'0'+1)%10) },
		"nav":          func(v map[string]any) { option(v)["nav"] = "3" + iuv(1, 8) },
		"amount":       func(v map[string]any) { option(v)["amount"] = 0 },
		"sum":          func(v map[string]any) { transfer(v)["amount"] = 299 },
		"iban":         func(v map[string]any) { delete(transfer(v), "iban") },
		"due date":     func(v map[string]any) { option(v)["dueDate"] = "domani" },
		"description":  func(v map[string]any) { option(v)["description"] = strings.Repeat("x", 141) },
		"iupd":         func(v map[string]any) { v["iupd"] = "a/b" },
		"type":         func(v map[string]any) { v["type"] = "X" },
		"switch":       func(v map[string]any) { delete(v, "switchToExpired") },
		"options":      func(v map[string]any) { v["paymentOption"] = []any{} },
	} {
		v := debt("app-1", good, due)
		spoil(v)
		if resp, raw := c.call("POST", gpd, v); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, resp.StatusCode, raw)
		}
	}
	c.want(http.StatusBadRequest, "POST", gpd, "{")
	if n := len(c.Positions()); n != 0 {
		t.Errorf("%d positions were kept", n)
	}
}

func TestPaymentIsToldOnceAndSigned(t *testing.T) {
	c := open(t)
	p := c.owed("app-1")
	c.pay(p, "")
	v := c.mustTell(0, Settled)
	_, option := c.status(p)
	want := told{
		ID: v.ID, Type: Settled, Organization: creditor, IUV: p.IUV, NoticeNumber: p.NAV, IUPD: "app-1", Amount: 300,
		ReceiptID: option["idReceipt"].(string), PSP: option["pspCompany"].(string), PaidAt: v.PaidAt,
	}
	if v != want || v.ID == "" || option["status"] != "PO_PAID" || option["paymentDate"] != v.PaidAt.Format(time.RFC3339Nano) {
		t.Errorf("told %+v, status %v", v, option)
	}
	c.pass(100 * time.Hour)
	if len(c.heard) != 1 {
		t.Errorf("told %d times", len(c.heard))
	}
	c.want(http.StatusConflict, "POST", "/control/institute/pay", map[string]any{"noticeNumber": p.NAV})
}

func TestBehaviours(t *testing.T) {
	for behaviour, check := range map[string]func(*counter, Position){
		NotifiedTwice: func(c *counter, _ Position) {
			if c.mustTell(0, Settled) != c.mustTell(1, Settled) {
				c.t.Error("the second one differs")
			}
		},
		NotifiedLate: func(c *counter, _ Position) {
			c.pass(29 * time.Minute)
			if len(c.heard) != 0 {
				c.t.Error("told too early")
			}
			c.pass(2 * time.Minute)
			c.mustTell(0, Settled)
		},
		NeverNotified: func(c *counter, p Position) {
			c.pass(1000 * time.Hour)
			if _, option := c.status(p); len(c.heard) != 0 || option["status"] != "PO_PAID" || option["idReceipt"] == nil {
				c.t.Errorf("told %d times; %v", len(c.heard), option)
			}
		},
		WrongAmount: func(c *counter, p Position) {
			if _, option := c.status(p); c.mustTell(0, Settled).Amount != 200 || option["amount"] != 200.0 {
				c.t.Errorf("amount: %v", option)
			}
		},
		ForgedFirst: func(c *counter, _ Position) {
			if _, err := c.told(0); !errors.Is(err, jose.ErrCryptoFailure) {
				c.t.Errorf("forged: %v", err)
			}
			c.mustTell(1, Settled)
		},
		CutFirst: func(c *counter, _ Position) {
			if _, err := c.told(0); err == nil || json.Valid(c.heard[0].body) {
				c.t.Error("the truncated one is whole")
			}
			c.mustTell(1, Settled)
		},
		OutOfOrder: func(c *counter, _ Position) {
			if paid, failed := c.mustTell(0, Settled), c.mustTell(1, Failed); !failed.PaidAt.Before(paid.PaidAt) {
				c.t.Error("the refusal does not come before the payment")
			}
		},
		Twice: func(c *counter, _ Position) {
			if a, b := c.mustTell(0, Settled), c.mustTell(1, Settled); a.ReceiptID == b.ReceiptID || a.ID == b.ID {
				c.t.Errorf("one receipt: %+v %+v", a, b)
			}
		},
		Refused: func(c *counter, p Position) {
			if v, option := c.status(p); c.mustTell(0, Failed).ReceiptID != "" || v["status"] != Valid || option["status"] != "PO_UNPAID" {
				c.t.Errorf("position: %v", v)
			}
		},
		Abandoned: func(c *counter, p Position) {
			if v, _ := c.status(p); len(c.heard) != 0 || v["status"] != Valid {
				c.t.Errorf("told %d times; %v", len(c.heard), v)
			}
		},
	} {
		t.Run(behaviour, func(t *testing.T) {
			c := open(t)
			p := c.owed("app-1")
			c.pay(p, behaviour)
			check(c, p)
		})
	}
	c := open(t)
	p := c.owed("app-1")
	c.want(http.StatusBadRequest, "POST", "/control/institute/pay", map[string]any{"iuv": p.IUV, "behaviour": "altro"})
	c.want(http.StatusNotFound, "POST", "/control/institute/pay", map[string]any{"iuv": "00000000000000000"})
}

func TestPositionExpiresByTheWorldsClock(t *testing.T) {
	c := open(t)
	p := c.owed("app-1")
	c.pass(8 * 24 * time.Hour)
	if v, _ := c.status(p); v["status"] != Expired {
		t.Errorf("position: %v", v)
	}
	c.want(http.StatusConflict, "POST", "/control/institute/pay", map[string]any{"iuv": p.IUV})
	c.want(http.StatusConflict, "POST", gpd+"/app-1/invalidate", nil)
	c.pay(p, LateMoney)
	c.mustTell(0, Settled)
}

func TestInvalidatedPositionIsNotPaid(t *testing.T) {
	c := open(t)
	p := c.owed("app-1")
	c.want(http.StatusOK, "POST", gpd+"/app-1/invalidate", nil)
	c.want(http.StatusConflict, "POST", gpd+"/app-1/invalidate", nil)
	c.want(http.StatusConflict, "POST", "/control/institute/pay", map[string]any{"iuv": p.IUV})
	paid := c.owed("app-2")
	c.pay(paid, "")
	c.want(http.StatusConflict, "POST", gpd+"/app-2/invalidate", nil)
	c.want(http.StatusNotFound, "POST", gpd+"/app-3/invalidate", nil)
}

func TestPaidTwiceOverTime(t *testing.T) {
	c := open(t)
	p := c.owed("app-1")
	c.pay(p, "")
	c.pay(p, Twice)
	if a, b := c.mustTell(0, Settled), c.mustTell(1, Settled); a.ReceiptID == b.ReceiptID || len(c.heard) != 2 {
		t.Errorf("%d callbacks, receipts %s and %s", len(c.heard), a.ReceiptID, b.ReceiptID)
	}
	var all struct {
		IUV      string
		Receipts []struct {
			ID     string `json:"idReceipt"`
			Amount int64
		}
	}
	if err := json.Unmarshal(c.want(http.StatusOK, "GET", "/istituto/receipts?organization="+creditor+"&iuv="+p.IUV, nil), &all); err != nil {
		t.Fatal(err)
	}
	if _, option := c.status(p); all.IUV != p.IUV || len(all.Receipts) != 2 || all.Receipts[0].ID != option["idReceipt"] || all.Receipts[1].Amount != p.Amount {
		t.Errorf("receipts %+v", all)
	}
	c.want(http.StatusNotFound, "GET", "/istituto/receipts?organization=02313821007&iuv="+p.IUV, nil)
	c.want(http.StatusNotFound, "GET", "/istituto/receipts?organization=&iuv="+p.IUV, nil)
}

func TestCallbackIsRepeatedUntilTaken(t *testing.T) {
	c := open(t)
	c.failing(func() {
		c.pay(c.owed("app-1"), "")
		for _, pause := range []time.Duration{time.Minute, 5 * time.Minute} {
			before := len(c.heard)
			c.pass(pause - 2*time.Second)
			if len(c.heard) != before {
				t.Fatalf("told again before %v", pause)
			}
			c.pass(3 * time.Second)
			if len(c.heard) != before+1 {
				t.Fatalf("not told again after %v", pause)
			}
		}
	})
	c.pass(16 * time.Minute)
	if first, last := c.mustTell(0, Settled), c.mustTell(3, Settled); first != last {
		t.Errorf("first %+v, last %+v", first, last)
	}
	if c.pass(100 * time.Hour); len(c.heard) != 4 {
		t.Errorf("%d callbacks", len(c.heard))
	}
}

func (c *counter) failing(during func()) {
	c.answers = http.StatusServiceUnavailable
	during()
	c.answers = http.StatusOK
}

func TestCallbackIsGivenUp(t *testing.T) {
	c := open(t)
	c.answers = http.StatusServiceUnavailable
	p := c.owed("app-1")
	c.pay(p, "")
	for range 40 {
		c.pass(6*time.Hour + time.Second)
	}
	n := len(c.heard)
	if p, _ = c.Position(creditor, "app-1"); p.Notices[0].State() != "abbandonato" || n < 8 || n > 20 || len(c.waiting()) != 0 {
		t.Errorf("%d callbacks, %s", n, p.Notices[0].State())
	}
}

func TestRestartForgetsNothing(t *testing.T) {
	c := open(t)
	c.failing(func() { c.pay(c.owed("app-1"), "") })
	key := c.key
	c.reopen(filepath.Dir(c.Clock.File), c.Callback)
	if c.key != key {
		t.Error("the subscription key changed")
	}
	c.pass(2 * time.Minute)
	if c.mustTell(0, Settled) != c.mustTell(1, Settled) {
		t.Error("another callback after the restart")
	}
}

func TestRefund(t *testing.T) {
	c := open(t)
	p := c.owed("app-1")
	c.pay(p, "")
	receipt := c.mustTell(0, Settled).ReceiptID
	ask := func(amount int, receipt string) map[string]any {
		return map[string]any{"organization": creditor, "iuv": p.IUV, "receiptId": receipt, "amount": amount, "reason": "pagato due volte"}
	}
	var first, second struct{ ID, State string }
	for _, out := range []any{&first, &second} {
		if err := json.Unmarshal(c.want(http.StatusAccepted, "POST", "/istituto/refunds", ask(300, receipt), "Idempotency-Key", "k1"), out); err != nil {
			t.Fatal(err)
		}
	}
	if first != second || first.State != "accepted" {
		t.Errorf("first %+v, second %+v", first, second)
	}
	c.want(http.StatusConflict, "POST", "/istituto/refunds", ask(200, receipt), "Idempotency-Key", "k1")
	c.want(http.StatusUnprocessableEntity, "POST", "/istituto/refunds", ask(1, receipt), "Idempotency-Key", "k2")
	c.want(http.StatusNotFound, "POST", "/istituto/refunds", ask(1, "altra"), "Idempotency-Key", "k3")
	c.want(http.StatusBadRequest, "POST", "/istituto/refunds", ask(1, receipt))
	c.pass(9 * time.Minute)
	if len(c.heard) != 1 {
		t.Fatal("settled too early")
	}
	c.pass(2 * time.Minute)
	if v := c.mustTell(1, RefundSettled); v.Amount != 300 || v.ReceiptID != receipt {
		t.Errorf("told %+v", v)
	}
	if raw := c.want(http.StatusOK, "GET", "/istituto/refunds/"+first.ID, nil); !bytes.Contains(raw, []byte(`"settled"`)) {
		t.Errorf("refund: %s", raw)
	}
	c.want(http.StatusNotFound, "GET", "/istituto/refunds/R0", nil)
}

func cart(p Position) map[string]any {
	return map[string]any{
		"paymentNotices": []any{map[string]any{
			"noticeNumber": p.NAV, "fiscalCode": p.Organization, "amount": p.Amount, "companyName": p.CompanyName, "description": p.Description,
		}},
		"returnUrls": map[string]any{
			"returnOkUrl": "http://a.test/ok", "returnCancelUrl": "http://a.test/annullato", "returnErrorUrl": "http://a.test/errore",
		},
	}
}

const carts = "/istituto/checkout/ec/v1/carts"

// hosted makes a cart and returns the path of its page.
func (c *counter) hosted(p Position) string {
	c.t.Helper()
	resp, raw := c.call("POST", carts, cart(p))
	path, ok := strings.CutPrefix(resp.Header.Get("Location"), "http://outside.test")
	if resp.StatusCode != http.StatusFound || !ok {
		c.t.Fatalf("cart: %d %s", resp.StatusCode, raw)
	}
	return path
}

func TestHostedPage(t *testing.T) {
	c := open(t)
	p := c.owed("app-1")
	path := c.hosted(p)
	text := string(c.want(http.StatusOK, "GET", path, nil))
	for _, want := range []string{"Deposito del listino", "Camera di prova", "3,00 €", p.NAV, "con carta", "conto cliente", "<details>"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not have %q", want)
		}
	}
	for _, step := range []struct{ action, behaviour, location string }{
		{"abandon", "", "http://a.test/annullato"}, {"refuse", "", "http://a.test/errore"}, {"account", "callback-twice", "http://a.test/ok"},
	} {
		resp, raw := c.call("POST", path, url.Values{"action": {step.action}, "behaviour": {step.behaviour}, "minutes": {"x"}})
		if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != step.location {
			t.Errorf("%s: %d to %q: %s", step.action, resp.StatusCode, resp.Header.Get("Location"), raw)
		}
	}
	c.Advance(context.Background())
	c.mustTell(0, Failed)
	c.mustTell(1, Settled)
	c.mustTell(2, Settled)
	if p, _ = c.Position(creditor, "app-1"); len(p.Receipts) != 1 || p.Receipts[0].Method != Account {
		t.Errorf("receipts: %+v", p.Receipts)
	}
	raw := c.want(http.StatusConflict, "POST", path, url.Values{"action": {"card"}})
	if !strings.Contains(string(raw), "già stato pagato") {
		t.Errorf("paid again: %s", raw)
	}
	c.want(http.StatusNotFound, "GET", "/istituto/paga/nessuno", nil)
}

func TestCartsAreChecked(t *testing.T) {
	c := open(t)
	p := c.owed("app-1")
	for name, spoil := range map[string]func(map[string]any){
		"no notices": func(v map[string]any) { v["paymentNotices"] = []any{} },
		"number":     func(v map[string]any) { v["paymentNotices"].([]any)[0].(map[string]any)["noticeNumber"] = "3" },
		"return":     func(v map[string]any) { v["returnUrls"].(map[string]any)["returnOkUrl"] = "javascript:alert(1)" },
	} {
		v := cart(p)
		spoil(v)
		if resp, raw := c.call("POST", carts, v); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, resp.StatusCode, raw)
		}
	}
	c.want(http.StatusUnauthorized, "POST", carts, cart(p), "Ocp-Apim-Subscription-Key", "")
	p.Amount = 200
	c.want(http.StatusConflict, "POST", c.hosted(p), url.Values{"action": {"card"}})
}

func TestPaymentElsewhere(t *testing.T) {
	c := open(t)
	p := c.owed("app-1")
	c.want(http.StatusOK, "GET", "/istituto/avviso", nil)
	c.want(http.StatusBadRequest, "POST", "/istituto/avviso", url.Values{"number": {"123"}})
	c.want(http.StatusNotFound, "POST", "/istituto/avviso", url.Values{"number": {"3" + iuv(1, 99)}})
	resp, raw := c.call("POST", "/istituto/avviso", url.Values{"number": {p.NAV[:4] + " " + p.NAV[4:]}})
	if resp.StatusCode != http.StatusSeeOther {
		t.Fatalf("%d %s", resp.StatusCode, raw)
	}
	path := resp.Header.Get("Location")
	if resp, _ = c.call("POST", path, url.Values{"action": {"card"}}); resp.Header.Get("Location") != path {
		t.Errorf("after paying: %q", resp.Header.Get("Location"))
	}
	if raw = c.want(http.StatusOK, "GET", path, nil); !strings.Contains(string(raw), "Ricevuta") {
		t.Errorf("no receipt on %s", raw)
	}
	c.Advance(context.Background())
	c.mustTell(0, Settled)
}

func TestOverviewShowsWhatHappened(t *testing.T) {
	c := open(t)
	p := c.owed("app-1")
	c.pay(p, NeverNotified)
	p, _ = c.Position(creditor, "app-1")
	c.want(http.StatusAccepted, "POST", "/istituto/refunds",
		map[string]any{"organization": creditor, "iuv": p.IUV, "receiptId": p.Receipts[0].ID, "amount": 100}, "Idempotency-Key", "k")
	text := string(c.want(http.StatusOK, "GET", "/istituto", nil))
	for _, want := range []string{p.NAV, p.Receipts[0].ID, "non inviato", "1,00 €", "in corso", "callback-forged"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not have %q", want)
		}
	}
	p, _ = c.Position(creditor, "app-1")
	c.want(http.StatusSeeOther, "POST", "/istituto/callback", url.Values{"position": {p.key()}, "notice": {p.Notices[0].ID}})
	c.want(http.StatusSeeOther, "POST", "/istituto/rimborso", url.Values{"id": {p.Refunds[0].ID}})
	c.Advance(context.Background())
	c.mustTell(0, Settled)
	c.mustTell(1, RefundSettled)
	c.want(http.StatusNotFound, "POST", "/control/institute/refunds/R0/settle", nil)
}

func TestSwitches(t *testing.T) {
	c := open(t)
	p := c.owed("app-1")
	for service, path := range map[string]string{GPDService: gpd, CheckoutService: carts} {
		if err := c.Calls.SetMode(service, calls.Down); err != nil {
			t.Fatal(err)
		}
		c.want(http.StatusServiceUnavailable, "POST", path, cart(p))
	}
	if got := c.Calls.Recent(); !slices.ContainsFunc(got, func(c calls.Call) bool { return c.Service == CheckoutService && c.Status == 503 }) {
		t.Errorf("calls: %v", got)
	}
}
