package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	_ "time/tzdata" // Europe/Rome, wherever it runs
)

// report is what demo.json holds.
type report struct {
	Cases      []caseReport      `json:"cases"`
	Invariants map[string]string `json:"invariants"` // "ok", or what is wrong
	Seconds    float64           `json:"seconds"`
	verifier   string
}

type caseReport struct {
	Service     string      `json:"service"`
	Chamber     string      `json:"chamber"`
	Application string      `json:"application"`
	States      []string    `json:"states"`
	Protocol    *protocol   `json:"protocol"`
	PEC         []mailState `json:"pec"`
	Payment     any         `json:"payment"`
	Outcome     string      `json:"outcome"`
	Rating      int         `json:"rating"`
	Package     string      `json:"package"`
	Evidence    *string     `json:"evidence"`
}

// check holds the invariants against what can be seen from outside.
func (d *demo) check(ctx context.Context) report {
	r := report{Invariants: map[string]string{}}
	for _, t := range d.cases {
		r.Cases = append(r.Cases, d.caseOf(ctx, t))
	}
	for name, hold := range map[string]func(context.Context) error{
		"I1": d.accepted, "I2": d.register, "I3": d.once, "I4": d.strangers, "I5": d.clock,
	} {
		r.Invariants[name] = "ok"
		if err := hold(ctx); err != nil {
			r.Invariants[name] = err.Error()
		}
	}
	output, err := d.verify(ctx)
	r.verifier = output
	if err != nil {
		r.Invariants["I2"] = "verifica: " + err.Error()
	}
	return r
}

func (d *demo) caseOf(ctx context.Context, t *told) caseReport {
	c := caseReport{Service: "reclami", Chamber: t.chamber, Application: t.id, Rating: t.rating, PEC: []mailState{}}
	v, err := t.look(ctx)
	if err != nil {
		return c
	}
	c.States, c.Protocol, c.PEC = t.states, v.Protocol, v.Mail
	if v.Outcome != nil {
		c.Outcome = v.Outcome.Kind
	}
	var packages struct {
		Items []struct{ ID, SHA256 string }
	}
	if err := d.outside().get(ctx, "/control/packages", &packages); err == nil {
		for _, p := range packages.Items {
			if strings.Contains(p.ID, t.id) {
				c.Package = p.SHA256
			}
		}
	}
	return c
}

// accepted: I1, every application came to its end, and no problem is open.
func (d *demo) accepted(ctx context.Context) error {
	for _, t := range d.cases {
		v, err := t.look(ctx)
		if err != nil {
			return err
		}
		if v.State != "preserved" {
			return fmt.Errorf("%s: pratica %s ferma in %s", t.chamber, t.id, v.State)
		}
		var problems struct {
			Items []struct{ Kind, Detail string }
		}
		if err := t.office.get(ctx, "/chamber/v1/problems", &problems); err != nil {
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
		var page struct {
			Items []struct{ Number, Event, Kind string }
		}
		if err := t.office.get(ctx, fmt.Sprintf("/chamber/v1/register/%d", v.Protocol.Year), &page); err != nil {
			return err
		}
		events := map[string]bool{}
		for n, e := range page.Items {
			if e.Number != fmt.Sprintf("%07d", n+1) {
				return fmt.Errorf("%s: il numero %s è al posto %d", t.chamber, e.Number, n+1)
			}
			if events[e.Event] {
				return fmt.Errorf("%s: l'evento del numero %s è registrato due volte", t.chamber, e.Number)
			}
			events[e.Event] = true
		}
		if len(page.Items) < 4 { // application, request, answer, decision
			return fmt.Errorf("%s: solo %d registrazioni", t.chamber, len(page.Items))
		}
	}
	return nil
}

// once: I3, every certified message left once.
func (d *demo) once(ctx context.Context) error {
	mails, err := d.mails(ctx)
	if err != nil {
		return err
	}
	seen := map[string]int{}
	for _, m := range mails {
		seen[bare(m.MessageID)]++
	}
	for id, n := range seen {
		if n > 1 {
			return fmt.Errorf("il messaggio %s è partito %d volte", id, n)
		}
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
	for n, t := range d.cases {
		other := d.cases[(n+1)%len(d.cases)]
		stranger := openBrowser(d.cloud, t.chamber)
		if err := stranger.login(ctx, "spid", "marco"); err != nil {
			return err
		}
		for _, path := range []string{t.path(""), t.path("/timeline"), t.path("/documents/" + t.presented.Receipt.ID)} {
			if err := stranger.get(ctx, path, nil); status(err) != http.StatusNotFound {
				return fmt.Errorf("uno sconosciuto su %s ottiene %v", path, err)
			}
		}
		if err := other.office.get(ctx, t.desk(""), nil); status(err) != http.StatusNotFound {
			return fmt.Errorf("la chiave di %s vede una pratica di %s: %v", other.chamber, t.chamber, err)
		}
		nobody := openBrowser(d.cloud, t.chamber)
		if err := nobody.get(ctx, t.path(""), nil); status(err) != http.StatusUnauthorized {
			return fmt.Errorf("senza accesso si ottiene %v", err)
		}
	}
	return nil
}

// clock: I5, the instant of presentation is the submission's, and the register keeps its date.
func (d *demo) clock(ctx context.Context) error {
	for _, t := range d.cases {
		v, err := t.look(ctx)
		if err != nil {
			return err
		}
		if v.PresentedAt == nil || !v.PresentedAt.Equal(t.presented.PresentedAt) {
			return fmt.Errorf("%s: presentata il %v, non il %v", t.chamber, v.PresentedAt, t.presented.PresentedAt)
		}
		if v.Protocol.Date != t.presented.PresentedAt.In(rome()).Format(time.DateOnly) {
			return fmt.Errorf("%s: protocollata il %s", t.chamber, v.Protocol.Date)
		}
	}
	return nil
}

// verify has the offline verifier read register, chain and archive.
func (d *demo) verify(ctx context.Context) (string, error) {
	program, err := filepath.Abs(d.verifier)
	if err != nil {
		return "", err
	}
	command := exec.CommandContext(ctx, program, "--data", d.Data, "--s3", d.S3, "--dynamodb", d.Dynamo)
	output, err := command.CombinedOutput()
	if err != nil {
		return string(output), fmt.Errorf("%w: %s", err, output)
	}
	return string(output), nil
}

func (r report) sound() bool {
	for _, v := range r.Invariants {
		if v != "ok" {
			return false
		}
	}
	return true
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
	names := []string{}
	for name := range r.Invariants {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Printf("  %s %s\n", name, r.Invariants[name])
	}
	fmt.Printf("  %.0f secondi\n", r.Seconds)
}
