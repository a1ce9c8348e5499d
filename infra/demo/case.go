package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"sportello/infra/road"
)

// told is one application on its way.
type told struct {
	*road.Cloud
	service                    service
	chamber, persona, provider string
	company                    string // tax code, if a company's
	domicile                   map[string]any
	officerID                  string
	byMail                     bool   // the integration is answered by certified mail
	paying                     string // how the institute tells of the payment

	citizen, office *road.Browser
	id              string
	presented       road.Submitted
	rating          int
	address         string // where the applicant's mail went
	evidence        []byte
}

func (t *told) path(rest string) string { return "/api/v1/applications/" + t.id + rest }
func (t *told) desk(rest string) string { return "/chamber/v1/applications/" + t.id + rest }

// say prints a line of the story.
func (t *told) say(format string, args ...any) {
	fmt.Printf("  %-10s "+format+"\n", append([]any{t.chamber}, args...)...)
}

func (t *told) look(ctx context.Context) (road.View, error) {
	var v road.View
	err := t.citizen.Get(ctx, t.path(""), &v)
	if road.Status(err) == http.StatusUnauthorized { // the clock was moved past the session's end
		if err = t.citizen.Login(ctx, t.provider, t.persona); err == nil {
			err = t.citizen.Get(ctx, t.path(""), &v)
		}
	}
	return v, err
}

// until waits for a view of the case that satisfies ok.
func (t *told) until(ctx context.Context, what string, ok func(road.View) bool) (v road.View, err error) {
	err = t.Eventually(ctx, t.chamber+": "+what, func() (bool, error) {
		if v, err = t.look(ctx); err != nil {
			return false, err
		}
		return ok(v), nil
	})
	return v, err
}

// file goes from login to presentation.
func (t *told) file(ctx context.Context) error {
	if err := t.citizen.Login(ctx, t.provider, t.persona); err != nil {
		return err
	}
	profile, err := t.profile(ctx)
	if err != nil {
		return err
	}
	var v road.View
	if err := t.citizen.Post(ctx, "/api/v1/applications", map[string]any{"chamber": t.chamber, "service": t.service.id, "profile": profile}, &v); err != nil {
		return err
	}
	t.id = v.ID
	t.say("%s entra con %s e apre una bozza", t.persona, strings.ToUpper(t.provider))
	if err := t.fill(ctx, v.Version); err != nil {
		return err
	}
	if err := t.service.attach(t, ctx); err != nil {
		return err
	}
	return t.submit(ctx)
}

func (t *told) profile(ctx context.Context) (string, error) {
	var profiles struct {
		Items []struct{ ID, Kind, TaxCode string }
	}
	if err := t.citizen.Get(ctx, "/api/v1/profiles", &profiles); err != nil {
		return "", err
	}
	for _, p := range profiles.Items {
		if t.company == "" && p.Kind == "person" || p.TaxCode == t.company {
			return p.ID, nil
		}
	}
	return "", fmt.Errorf("%s has no profile for %q", t.persona, t.company)
}

// fill saves the form and resumes it.
func (t *told) fill(ctx context.Context, version int64) error {
	answers := t.service.answers(t)
	match := http.Header{"If-Match": {fmt.Sprintf("%q", fmt.Sprint(version))}}
	var v road.View
	if err := t.citizen.Call(ctx, "PATCH", t.path(""), map[string]any{"answers": answers}, &v, match); err != nil {
		return err
	}
	if err := t.citizen.Call(ctx, "PATCH", t.path(""), map[string]any{"answers": map[string]any{"phone": "02 1234567"}}, nil, match); road.Status(err) != http.StatusPreconditionFailed {
		return fmt.Errorf("saving an old version was not refused: %v", err)
	}
	t.say("bozza salvata, una copia vecchia rifiutata")
	return nil
}

// submit presents, and asks again with the same key: the answer must be the same.
func (t *told) submit(ctx context.Context) error {
	key := http.Header{"Idempotency-Key": {road.UUID()}}
	if err := t.citizen.Call(ctx, "POST", t.path("/submission"), map[string]any{}, &t.presented, key); err != nil {
		return err
	}
	var again road.Submitted
	if err := t.citizen.Call(ctx, "POST", t.path("/submission"), map[string]any{}, &again, key); err != nil {
		return err
	}
	if again != t.presented {
		return fmt.Errorf("the same key got another answer")
	}
	t.say("presentata il %s, impronta %s…, risposta entro il %s", t.presented.PresentedAt.Format(time.RFC3339), t.presented.Receipt.Digest[:12], t.presented.Receipt.Due)
	if err := t.service.settle(t, ctx); err != nil {
		return err
	}
	v, err := t.until(ctx, "number and receipt", func(v road.View) bool {
		return v.Protocol != nil && len(v.Documents) >= 2
	})
	if err != nil {
		return err
	}
	t.say("protocollo n. %s/%d del %s; ricevuta in PDF", v.Protocol.Number, v.Protocol.Year, v.Protocol.Date)
	for _, d := range v.Documents {
		data, err := t.citizen.Download(ctx, t.path("/documents/"+d.ID))
		if err != nil {
			return err
		}
		if int64(len(data)) != d.Size {
			return fmt.Errorf("document %s has %d bytes instead of %d", d.Kind, len(data), d.Size)
		}
	}
	return nil
}

// daysToAnswer is what the office gives the applicant.
const daysToAnswer = 10

// work is the office's part, from taking charge to the decision.
func (t *told) work(ctx context.Context) error {
	if err := t.office.Post(ctx, t.desk("/assignment"), map[string]any{}, nil); err != nil {
		return err
	}
	if err := t.service.examine(t, ctx); err != nil {
		return err
	}
	return t.decide(ctx)
}

// discuss is what comes between charge and decision of a complaint: messages, and an integration that is asked for and given.
func (t *told) discuss(ctx context.Context) error {
	if err := t.office.Post(ctx, t.desk("/messages"), map[string]any{"text": "Buongiorno, stiamo verificando quanto segnalato."}, nil); err != nil {
		return err
	}
	if _, err := t.look(ctx); err != nil { // the clock may have moved past the session's end
		return err
	}
	if err := t.citizen.Post(ctx, t.path("/messages"), map[string]any{"text": "Grazie, resto in attesa."}, nil); err != nil {
		return err
	}
	var asked struct{ ID, Due string }
	if err := t.office.Post(ctx, t.desk("/integration-requests"), map[string]any{"text": "Per favore indichi l'orario di arrivo.", "days": daysToAnswer}, &asked); err != nil {
		return err
	}
	v, err := t.until(ctx, "integration request", func(v road.View) bool { return v.State == "awaiting_integration" && v.Deadline.Suspended })
	if err != nil {
		return err
	}
	t.say("presa in carico; l'ufficio chiede un'integrazione entro il %s: il termine è sospeso, ora scade il %s", asked.Due, v.Deadline.Due)
	if err := t.answer(ctx, asked.ID); err != nil {
		return err
	}
	v, err = t.until(ctx, "integration received", func(v road.View) bool { return v.State == "in_progress" })
	if err != nil {
		return err
	}
	if t.byMail {
		t.say("tre giorni dopo, integrazione arrivata per PEC dal domicilio digitale: il termine riparte e scade il %s", v.Deadline.Due)
	} else {
		t.say("integrazione inviata dal portale con un allegato: il termine riparte e scade il %s", v.Deadline.Due)
	}
	return nil
}

// answer answers the integration request at the desk, or by certified mail as the law allows (CAD art. 65 c.1 c-bis).
func (t *told) answer(ctx context.Context, request string) error {
	if !t.byMail {
		file, err := t.citizen.Upload(ctx, t.path("/attachments"), "reply", "orario.pdf", "application/pdf", road.PDF("Arrivo alle 9:10"))
		if err != nil {
			return err
		}
		return t.citizen.Post(ctx, t.path("/replies"), map[string]any{"request": request, "text": "Sono arrivato alle 9:10.", "attachments": []string{file}}, nil)
	}
	asked, err := t.received(ctx, "integration-request")
	if err != nil {
		return err
	}
	t.address = asked.To[0]
	if err := t.Advance(ctx, 3*24*time.Hour); err != nil { // for so long the term stands still
		return err
	}
	return t.Write(ctx, asked.To[0], asked.From, "Re: "+asked.Subject, "Sono arrivato alle 9:10.", asked.MessageID)
}

// received waits until a letter of a kind has been delivered, and returns it.
func (t *told) received(ctx context.Context, kind string) (road.Mail, error) {
	v, err := t.until(ctx, "letter "+kind+" delivered", func(v road.View) bool {
		for _, m := range v.Mail {
			if m.Kind == kind && m.State == "delivered" {
				return true
			}
		}
		return false
	})
	if err != nil {
		return road.Mail{}, err
	}
	mails, err := t.Mails(ctx)
	if err != nil {
		return road.Mail{}, err
	}
	for _, m := range v.Mail {
		for _, seen := range mails {
			if m.Kind == kind && road.Bare(seen.MessageID) == road.Bare(m.MessageID) {
				return seen, nil
			}
		}
	}
	return road.Mail{}, fmt.Errorf("letter %s was never at the provider", kind)
}

// officer is who signs for the chambers.
const officer = "anna"

// draw uploads an act, and returns the decision by it.
func (t *told) draw(ctx context.Context, act []byte) (map[string]any, error) {
	file, err := t.office.Upload(ctx, t.desk("/attachments"), "", "esito.pdf", "application/pdf", act)
	return map[string]any{"outcome": t.service.outcome, "text": t.service.decision, "document": file}, err
}

// decide uploads the outcome's document and decides.
func (t *told) decide(ctx context.Context) error {
	act := road.PDF(t.service.decision)
	body, err := t.draw(ctx, act)
	if err != nil {
		return err
	}
	if t.service.signed { // the act must be too
		if err := t.office.Post(ctx, t.desk("/decision"), body, nil); road.Status(err) != http.StatusUnprocessableEntity {
			return fmt.Errorf("an act that nobody signed was not refused: %v", err)
		}
		if act, err = t.Sign(ctx, url.Values{"persona": {officer}, "style": {"pades"}, "name": {"esito.pdf"}}, act); err != nil {
			return err
		}
		if body, err = t.draw(ctx, act); err != nil {
			return err
		}
	}
	if err := t.office.Post(ctx, t.desk("/decision"), body, nil); err != nil {
		return err
	}
	if err := t.office.Post(ctx, t.desk("/decision"), body, nil); road.Status(err) != http.StatusConflict {
		return fmt.Errorf("a second decision was not refused: %v", err)
	}
	signed := ""
	v, err := t.until(ctx, "outcome numbered", func(v road.View) bool {
		for _, d := range v.Documents {
			if d.Kind == "outcome" && d.Protocol != nil {
				if d.Signature != nil {
					signed = d.Signature.Text
				}
				return true
			}
		}
		return false
	})
	if err != nil {
		return err
	}
	if t.service.signed == (signed == "") {
		return fmt.Errorf("of the act's signature it is said %q", signed)
	}
	t.say("decisa: %s, atto in uscita registrato. %s", v.Outcome.Kind, signed)
	return nil
}

var tokenShape = regexp.MustCompile(`/valuta/\?t=3?D?([A-Za-z0-9_-]{22})`)

// rate takes the token from the outcome message, or from the desk of who receives no mail, and rates once.
func (t *told) rate(ctx context.Context) error {
	token := ""
	if t.domicile["domicile"] == "portal" {
		v, err := t.look(ctx)
		if err != nil {
			return err
		}
		token = v.Survey.Token
	} else {
		if t.company != "" { // the register of companies' addresses answers at the second question
			if err := t.Advance(ctx, 6*time.Minute); err != nil {
				return err
			}
		}
		outcome, err := t.received(ctx, "outcome")
		if err != nil {
			return err
		}
		if _, err := t.until(ctx, "outcome effective", func(v road.View) bool { return v.Outcome.DeliveredAt != nil }); err != nil {
			return err
		}
		t.say("esito consegnato per PEC a %s", outcome.To[0])
		text, err := t.Original(ctx, outcome.ID)
		if err != nil {
			return err
		}
		found := tokenShape.FindStringSubmatch(strings.ReplaceAll(text, "=\r\n", ""))
		if found == nil {
			return fmt.Errorf("the outcome message holds no survey link")
		}
		token = found[1]
	}
	t.rating = 5
	rating := map[string]any{"rating": 5, "reasons": []string{"Le indicazioni erano chiare"}, "text": "Risposta rapida."}
	anyone := t.citizen.Anonymous()
	if err := anyone.Post(ctx, "/api/v1/surveys/"+token, rating, nil); err != nil {
		return err
	}
	if err := anyone.Post(ctx, "/api/v1/surveys/"+token, rating, nil); err != nil {
		return fmt.Errorf("the same rating again: %w", err)
	}
	rating["rating"], rating["reasons"] = 1, []string{"Altro"}
	if err := anyone.Post(ctx, "/api/v1/surveys/"+token, rating, nil); road.Status(err) != http.StatusConflict {
		return fmt.Errorf("a second rating was not refused: %v", err)
	}
	t.say("valutata con 5 stelle; una seconda valutazione rifiutata")
	return nil
}

// keep lets time pass until every message has arrived, and waits until the case is closed and preserved.
func (t *told) keep(ctx context.Context) error {
	if err := t.Advance(ctx, 5*time.Minute); err != nil { // an address that a register was still looking for
		return err
	}
	_, err := t.until(ctx, "every message delivered", func(v road.View) bool {
		for _, m := range v.Mail {
			if m.State != "delivered" {
				return false
			}
		}
		return true
	})
	if err != nil {
		return err
	}
	if err := t.Advance(ctx, 61*time.Minute); err != nil { // the closing is tried again after an hour
		return err
	}
	if _, err := t.until(ctx, "closed", func(v road.View) bool { return v.State == "closed" || v.State == "preserved" }); err != nil {
		return err
	}
	// The provider may take its time: it is asked again every five minutes.
	asked := 0
	_, err = t.until(ctx, "preserved", func(v road.View) bool {
		if asked++; asked%8 == 0 && v.State == "closed" {
			err = t.Advance(ctx, 6*time.Minute)
		}
		return v.State == "preserved" || err != nil
	})
	if err == nil {
		t.say("chiusa, pacchetto versato, rapporto di versamento archiviato")
	}
	return err
}
