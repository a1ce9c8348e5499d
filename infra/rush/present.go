package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"sportello/infra/road"
)

// present brings every case from the draft to its presentation, and pays for it.
func (r *rush) present(ctx context.Context) {
	r.tally.began = time.Now()
	r.abreast(r.cases, func(c *client, f *filed) {
		if ctx.Err() != nil {
			f.failed = ctx.Err()
			return
		}
		if err := c.file(ctx, f); err != nil {
			f.failed = err
			fmt.Printf("  pratica %d (%s): %v\n", f.n, f.chamber, err)
		}
		r.passed()
	})
}

// passed says now and then how far it has come.
func (r *rush) passed() {
	r.tally.Lock()
	defer r.tally.Unlock()
	r.tally.done++
	if r.tally.done%max(1, r.N/10) == 0 {
		took := time.Since(r.tally.began).Seconds()
		fmt.Printf("  %d presentate in %.0f s, %.1f al secondo\n", r.tally.done, took, float64(r.tally.done)/took)
	}
}

// file goes from the draft to the presentation, and for a price list to the payment.
func (c *client) file(ctx context.Context, f *filed) error {
	b, err := c.browser(ctx, f)
	if err != nil {
		return err
	}
	if err := c.draft(ctx, b, f); err != nil {
		return err
	}
	if f.priced {
		if err := c.sign(ctx, b, f); err != nil {
			return err
		}
	}
	header := http.Header{"Idempotency-Key": {f.key}}
	f.asked = time.Now()
	err = c.insist(ctx, "submission", f, func() error {
		return b.Call(ctx, "POST", f.path("/submission"), map[string]any{}, &f.presented, header)
	})
	f.answered = time.Now()
	if err != nil || !f.priced {
		return err
	}
	return c.pay(ctx, b, f)
}

// draft opens a case and fills in its form. A draft whose answer got lost stays behind, as with people; nobody presents it.
func (c *client) draft(ctx context.Context, b *road.Browser, f *filed) error {
	profile, err := c.profile(ctx, b, f)
	if err != nil {
		return err
	}
	service, answers := "reclami", road.Complaint(f.domicile)
	if f.priced {
		service, answers = "listino-prezzi", road.PriceList()
	}
	var v road.View
	err = c.insist(ctx, "draft", f, func() error {
		return b.Post(ctx, "/api/v1/applications", map[string]any{"chamber": f.chamber, "service": service, "profile": profile}, &v)
	})
	if err != nil {
		return err
	}
	f.id = v.ID
	return c.insist(ctx, "form", f, func() error {
		if err := b.Get(ctx, f.path(""), &v); err != nil { // what was saved without our hearing of it has another version
			return err
		}
		match := http.Header{"If-Match": {fmt.Sprintf("%q", fmt.Sprint(v.Version))}}
		return b.Call(ctx, "PATCH", f.path(""), map[string]any{"answers": answers}, nil, match)
	})
}

// files is what the site knows of a case's attachments.
type files struct {
	Attachments []struct {
		ID, State string
		Signature *road.Signature
	}
}

// sign signs a price list at the desk and uploads it, until it is there and its signature is found valid.
func (c *client) sign(ctx context.Context, b *road.Browser, f *filed) error {
	name, mediaType := "listino.pdf", "application/pdf"
	if f.style == "cades" {
		name, mediaType = "listino.pdf.p7m", "application/pkcs7-mime"
	}
	how := url.Values{"persona": {f.persona}, "style": {f.style}, "name": {"listino.pdf"}}
	raw, err := c.Sign(ctx, how, road.PDF(fmt.Sprintf("Listino prezzi 2027, n. %d", f.n)))
	if err != nil {
		return err
	}
	file := ""
	err = c.insist(ctx, "upload", f, func() error {
		if file != "" { // all is there but the word that it is complete
			return b.Post(ctx, f.path("/attachments/"+file+"/completion"), map[string]any{}, nil)
		}
		if err := c.tidy(ctx, b, f); err != nil {
			return err
		}
		file, err = b.Upload(ctx, f.path("/attachments"), "list", name, mediaType, raw)
		return err
	})
	if err != nil {
		return err
	}
	return c.insist(ctx, "signature", f, func() error { return c.judged(ctx, b, f, file) })
}

// tidy removes what an upload left that was not heard of again.
func (c *client) tidy(ctx context.Context, b *road.Browser, f *filed) error {
	var v files
	if err := b.Get(ctx, f.path(""), &v); err != nil {
		return err
	}
	for _, a := range v.Attachments {
		if err := b.Call(ctx, "DELETE", f.path("/attachments/"+a.ID), nil, nil, nil); err != nil {
			return err
		}
	}
	return nil
}

// judged: the signature is valid; one that could not be verified now is asked for again.
func (c *client) judged(ctx context.Context, b *road.Browser, f *filed, file string) error {
	var v files
	if err := b.Get(ctx, f.path(""), &v); err != nil {
		return err
	}
	for _, a := range v.Attachments {
		if a.ID != file || a.Signature == nil {
			continue
		}
		switch a.Signature.Verdict {
		case "valid":
			return nil
		case "invalid":
			return &road.Problem{Status: http.StatusUnprocessableEntity, Detail: a.Signature.Text}
		}
		if err := b.Post(ctx, f.path("/attachments/"+file+"/completion"), map[string]any{}, nil); err != nil {
			return err
		}
	}
	return fmt.Errorf("judging the signature of %s: %w", file, errNotYet)
}

// pay goes to the institute's page and pays there.
func (c *client) pay(ctx context.Context, b *road.Browser, f *filed) error {
	if f.presented.State != "awaiting_payment" || f.presented.Payment.Amount != 300 {
		return fmt.Errorf("presented as %s, to pay %d cents", f.presented.State, f.presented.Payment.Amount)
	}
	err := c.insist(ctx, "checkout", f, func() error { return b.Post(ctx, f.path("/checkout"), map[string]any{}, nil) })
	if err != nil {
		return err
	}
	order := map[string]any{"noticeNumber": f.presented.Payment.NoticeNumber, "behaviour": f.paying}
	if f.paying == toldLate {
		order["minutes"] = lateMinutes
	}
	return c.World().Post(ctx, "/control/institute/pay", order, nil)
}
