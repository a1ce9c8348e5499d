package main

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"sportello/infra/road"
)

// service is what is a service's own on the road that all go.
type service struct {
	id       string
	answers  func(t *told) map[string]any
	attach   func(t *told, ctx context.Context) error
	settle   func(t *told, ctx context.Context) error // between presentation and number
	examine  func(t *told, ctx context.Context) error // between charge and decision
	outcome  string
	decision string
	signed   bool     // so must the office's act be
	states   []string // all of its road: nothing is skipped, and nothing comes twice but the work that an answer resumes
}

var complaint = service{
	id:      "reclami",
	answers: func(t *told) map[string]any { return road.Complaint(t.domicile) },
	attach: func(t *told, ctx context.Context) error {
		_, err := t.citizen.Upload(ctx, t.path("/attachments"), "evidence", "biglietto.pdf", "application/pdf", road.PDF("Numero di attesa 42"))
		return err
	},
	settle:  func(*told, context.Context) error { return nil },
	examine: (*told).discuss,
	outcome: "founded", decision: "Il reclamo è fondato: da oggi i tempi di attesa sono esposti all'ingresso.",
	states: []string{"draft", "presented", "registered", "in_progress", "awaiting_integration", "in_progress", "decided", "closed", "preserved"},
}

var priceList = service{
	id:      "listino-prezzi",
	answers: func(*told) map[string]any { return road.PriceList() },
	attach:  (*told).sign,
	settle:  (*told).pay,
	examine: func(*told, context.Context) error { return nil },
	outcome: "deposited", decision: "Il listino è depositato: la Camera attesta il deposito.", signed: true,
	states: []string{"draft", "awaiting_payment", "presented", "registered", "in_progress", "decided", "closed", "preserved"},
}

// sign has bad signatures refused with a sentence each, and goes on with one of the legal representative's, made at the signing desk.
func (t *told) sign(ctx context.Context) error {
	// The list of who issues qualified certificates is fetched once a minute while there is none.
	if err := t.Fire(ctx, "TrustList"); err != nil {
		return err
	}
	for _, bad := range []url.Values{
		{"persona": {t.persona}, "style": {"pades"}, "fault": {"changed-after"}},
		{"persona": {t.persona}, "style": {"cades"}, "fault": {"revoked"}},
	} {
		file, found, err := t.signed(ctx, bad)
		if err != nil {
			return err
		}
		if found.Verdict != "invalid" {
			return fmt.Errorf("a signature with the fault %s is %s: %s", bad.Get("fault"), found.Verdict, found.Text)
		}
		t.say("firma rifiutata: %s", found.Text)
		if err := t.citizen.Call(ctx, "DELETE", t.path("/attachments/"+file), nil, nil, nil); err != nil {
			return err
		}
	}
	_, found, err := t.signed(ctx, url.Values{"persona": {t.persona}, "style": {"pades-t"}})
	if err != nil {
		return err
	}
	if found.Verdict != "valid" {
		return fmt.Errorf("the legal representative's signature is %s: %s", found.Verdict, found.Text)
	}
	t.say("%s", found.Text)
	return nil
}

// signed signs a price list at the desk and uploads it; it returns the file's id and what was found.
func (t *told) signed(ctx context.Context, how url.Values) (string, road.Signature, error) {
	name, mediaType := "listino.pdf", "application/pdf"
	if how.Get("style") == "cades" {
		name, mediaType = "listino.pdf.p7m", "application/pkcs7-mime"
	}
	how.Set("name", "listino.pdf")
	raw, err := t.Sign(ctx, how, road.PDF("Listino prezzi 2027, pagina 1 di 1"))
	if err != nil {
		return "", road.Signature{}, err
	}
	file, err := t.citizen.Upload(ctx, t.path("/attachments"), "list", name, mediaType, raw)
	if err != nil {
		return "", road.Signature{}, err
	}
	v, err := t.look(ctx)
	if err != nil {
		return "", road.Signature{}, err
	}
	for _, a := range v.Attachments {
		if a.ID == file && a.Signature != nil {
			return file, *a.Signature, nil
		}
	}
	return "", road.Signature{}, fmt.Errorf("nothing is said of the signature of %s", name)
}

// pay pays what buys the act, through the institute; the notice of it arrives twice.
func (t *told) pay(ctx context.Context) error {
	if t.presented.State != "awaiting_payment" || t.presented.Payment.Amount != 300 {
		return fmt.Errorf("presented as %s, to pay %d cents", t.presented.State, t.presented.Payment.Amount)
	}
	var checkout struct{ URL string }
	if err := t.citizen.Post(ctx, t.path("/checkout"), map[string]any{}, &checkout); err != nil {
		return err
	}
	v, err := t.look(ctx)
	if err != nil {
		return err
	}
	if v.State != "awaiting_payment" || v.Protocol != nil {
		return fmt.Errorf("not paid, and %s", v.State)
	}
	t.say("in attesa di pagamento: %d,%02d euro, avviso n. %s", v.Payment.Amount/100, v.Payment.Amount%100, v.Payment.NoticeNumber)
	if err := t.World().Post(ctx, "/control/institute/pay", map[string]any{"noticeNumber": v.Payment.NoticeNumber, "behaviour": t.paying}, nil); err != nil {
		return err
	}
	if t.paying == "callback-never" { // then the institute is asked
		if err := t.Advance(ctx, 16*time.Minute); err != nil {
			return err
		}
	}
	v, err = t.until(ctx, "paid", func(v road.View) bool { return v.Payment.State == "paid" })
	if err == nil {
		t.say("pagata: ricevuta %s; la data resta quella della presentazione", v.Payment.ReceiptID)
	}
	return err
}
