package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sportello/infra/road"
)

// report is what demo.json holds.
type report struct {
	Cases      []caseReport      `json:"cases"`
	Invariants map[string]string `json:"invariants"` // "ok", or what is wrong
	Seconds    float64           `json:"seconds"`
	grants     error             // what is wrong with the functions' permissions
	verifier   string
	tampered   []string // what the verifier said of bytes that were changed
}

type caseReport struct {
	Service     string           `json:"service"`
	Chamber     string           `json:"chamber"`
	Application string           `json:"application"`
	States      []string         `json:"states"`
	Protocol    *road.Protocol   `json:"protocol"`
	PEC         []road.MailState `json:"pec"`
	Payment     *payment         `json:"payment"`
	Outcome     string           `json:"outcome"`
	Rating      int              `json:"rating"`
	Package     string           `json:"package"`
	Evidence    *string          `json:"evidence"`
}

// payment is what was paid, in cents.
type payment struct {
	Amount int    `json:"amount"`
	State  string `json:"state"`
}

func (r *report) keep(name string, err error) {
	r.Invariants[name] = "ok"
	if err != nil {
		r.Invariants[name] = err.Error()
	}
}

// check holds the invariants against what can be seen from outside.
func (d *demo) check(ctx context.Context, folder string) report {
	r := report{Invariants: map[string]string{}}
	for _, t := range d.cases {
		r.Cases = append(r.Cases, d.caseOf(ctx, t))
	}
	for name, hold := range map[string]func(context.Context) error{
		"I1": d.accepted, "I2": d.register, "I3": d.once, "I4": d.strangers, "I5": d.clock,
	} {
		r.keep(name, hold(ctx))
	}
	r.keep("fascicoli", d.offline(ctx, folder, r.Cases))
	r.grants = d.grants(ctx) // last: what the others ask takes permissions too
	output, err := road.Verify(ctx, d.verifier, d.Cloud)
	r.verifier = output
	if err != nil {
		r.Invariants["I2"] = "verifica: " + err.Error()
	}
	return r
}

// proveVerifier stops the cloud, changes one byte of each kind of record and has the verifier name it: an "ok" of its own would prove nothing.
func (r *report) proveVerifier(ctx context.Context, d *demo) {
	if !r.sound() {
		return // there is something else to look at first
	}
	list, err := d.tamperings(ctx)
	if err == nil {
		d.Stop()
		r.tampered, err = tamper(ctx, d.verifier, d.Data, list)
	}
	if err != nil {
		r.Invariants["I2"] = "verifica: " + err.Error()
	}
}

func (d *demo) caseOf(ctx context.Context, t *told) caseReport {
	c := caseReport{Service: t.service.id, Chamber: t.chamber, Application: t.id, Rating: t.rating, PEC: []road.MailState{}}
	v, err := t.look(ctx)
	if err != nil {
		return c
	}
	c.Protocol, c.PEC = v.Protocol, v.Mail
	if c.States, err = t.states(ctx); err != nil {
		return c
	}
	if v.Outcome != nil {
		c.Outcome = v.Outcome.Kind
	}
	if v.Payment != nil {
		c.Payment = &payment{v.Payment.Amount, v.Payment.State}
	}
	packages, err := d.Packages(ctx)
	if err != nil {
		return c
	}
	for _, p := range packages {
		if strings.Contains(p.ID, t.id) {
			c.Package = p.SHA256
		}
	}
	return c
}

// states are those that the case's own story tells of.
func (t *told) states(ctx context.Context) ([]string, error) {
	story, err := road.Story(ctx, t.citizen, t.id)
	if err != nil {
		return nil, err
	}
	return road.States(story)
}

// accepted: I1, every application came to its end by every state of its road, and no problem is open.
func (d *demo) accepted(ctx context.Context) error {
	for _, t := range d.cases {
		v, err := t.look(ctx)
		if err != nil {
			return err
		}
		if v.State != "preserved" {
			return fmt.Errorf("%s: pratica %s ferma in %s", t.chamber, t.id, v.State)
		}
		switch states, err := t.states(ctx); {
		case err != nil:
			return fmt.Errorf("%s: %w", t.chamber, err)
		case !slices.Equal(states, t.service.states):
			return fmt.Errorf("%s: la pratica %s è passata per %s", t.chamber, t.id, strings.Join(states, " > "))
		}
		var problems struct {
			Items []struct{ Kind, Detail string }
		}
		if err := t.office.Get(ctx, "/chamber/v1/problems", &problems); err != nil {
			return err
		}
		if len(problems.Items) > 0 {
			return fmt.Errorf("%s: problema aperto: %s", t.chamber, problems.Items[0].Detail)
		}
	}
	return nil
}

// register: I2, numbers 1..n, each event once.
func (d *demo) register(ctx context.Context) error {
	for _, t := range d.cases {
		v, err := t.look(ctx)
		if err != nil {
			return err
		}
		entries, err := road.Register(ctx, t.office, v.Protocol.Year)
		if err == nil {
			err = road.Unbroken(entries)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", t.chamber, err)
		}
		if len(entries) < 4 { // application, request, answer, decision
			return fmt.Errorf("%s: solo %d registrazioni", t.chamber, len(entries))
		}
	}
	return nil
}

// once: I3, every certified message left once.
func (d *demo) once(ctx context.Context) error {
	mails, err := d.Mails(ctx)
	if err != nil {
		return err
	}
	if err := road.Once(mails, func(string) bool { return false }); err != nil {
		return err
	}
	for _, t := range d.cases {
		v, err := t.look(ctx)
		if err != nil {
			return err
		}
		if !v.Survey.Rated {
			return fmt.Errorf("%s: la valutazione non è registrata", t.chamber)
		}
		for _, m := range v.Mail {
			if m.State != "delivered" {
				return fmt.Errorf("%s: la PEC %s è %s", t.chamber, m.Kind, m.State)
			}
		}
	}
	return nil
}

// strangers: I4, another person, another chamber and nobody at all get the same answer.
func (d *demo) strangers(ctx context.Context) error {
	for _, t := range d.cases {
		other := d.cases[slices.IndexFunc(d.cases, func(o *told) bool { return o.chamber != t.chamber })]
		stranger := road.OpenBrowser(d.Cloud, t.chamber)
		if err := stranger.Login(ctx, "spid", "marco"); err != nil {
			return err
		}
		if err := road.Hidden(ctx, stranger, t.path(""), t.path("/timeline"), t.path("/documents/"+t.presented.Receipt.ID)); err != nil {
			return err
		}
		if err := road.Hidden(ctx, other.office, t.desk("")); err != nil {
			return fmt.Errorf("la chiave di %s per una pratica di %s: %w", other.chamber, t.chamber, err)
		}
		nobody := road.OpenBrowser(d.Cloud, t.chamber)
		if err := nobody.Get(ctx, t.path(""), nil); road.Status(err) != http.StatusUnauthorized {
			return fmt.Errorf("senza accesso si ottiene %v", err)
		}
	}
	return nil
}

// clock: I5, the instant of presentation is the submission's, the register keeps its date, and the term ends when the law says: at first by
// the receipt, at last with the suspension that there was.
func (d *demo) clock(ctx context.Context) error {
	for _, t := range d.cases {
		v, err := t.look(ctx)
		if err != nil {
			return err
		}
		if err := road.OnTime(v, t.presented.PresentedAt); err != nil {
			return fmt.Errorf("%s: %w", t.chamber, err)
		}
		if v.Protocol.Date != t.presented.PresentedAt.In(road.Rome()).Format(time.DateOnly) {
			return fmt.Errorf("%s: protocollata il %s", t.chamber, v.Protocol.Date)
		}
		first := road.Term{Chamber: t.chamber, Service: t.service.id, Presented: t.presented.PresentedAt}
		if due := t.presented.Receipt.Due; due != first.Due() {
			return fmt.Errorf("%s: la ricevuta promette una risposta entro il %s, per legge è il %s", t.chamber, due, first.Due())
		}
		if err := road.InTerm(ctx, t.citizen, t.chamber, v, daysToAnswer); err != nil {
			return fmt.Errorf("%s: %w", t.chamber, err)
		}
	}
	return nil
}

func (r report) sound() bool {
	for _, v := range r.Invariants {
		if v != "ok" {
			return false
		}
	}
	return r.grants == nil
}

func (r report) write(path string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o644)
}

func (r report) print() {
	fmt.Println()
	for _, c := range r.Cases {
		number := "-"
		if c.Protocol != nil {
			number = fmt.Sprintf("%s/%d", c.Protocol.Number, c.Protocol.Year)
		}
		fmt.Printf("  %-10s %s  %s  %s  %d stelle  pacchetto %.12s…\n", c.Chamber, number, strings.Join(c.States, " > "), c.Outcome, c.Rating, c.Package)
		for _, m := range c.PEC {
			fmt.Printf("             PEC %-20s %-10s %s\n", m.Kind, m.State, m.MessageID)
		}
	}
	fmt.Println()
	fmt.Println(strings.TrimSpace(r.verifier))
	if len(r.tampered) > 0 {
		fmt.Println("\nCambiato un byte, il verificatore dice:")
	}
	for _, line := range r.tampered {
		fmt.Println(" ", line)
	}
	fmt.Println()
	names := []string{}
	for name := range r.Invariants {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Printf("  %s %s\n", name, r.Invariants[name])
	}
	permissions := "ok"
	if r.grants != nil {
		permissions = r.grants.Error()
	}
	fmt.Printf("  permessi %s\n  %.0f secondi\n", permissions, r.Seconds)
}
