package town

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"sportello/shared/domain/application"
	"sportello/shared/domain/catalogue"
	"sportello/shared/flow/access"
)

// person is somebody with a digital identity.
type person struct {
	access.Applicant
	address  string // certified, empty for none
	domicile string // what they choose in the form: registered, elected or portal
}

// profiles returns the person, then the companies they represent.
func (p *person) profile(n int) access.Profile { return p.Profiles[n%len(p.Profiles)] }

// habits are the beginnings of addresses whose providers misbehave; most behave.
var habits = []string{"mancata", "piena", "ritardo", "doppia", "disordine", "mai", "rifiuta", "temporaneo", "nonaccetta"}

// address makes a certified address; every third is of a provider with a habit.
func (w *World) address(name string, n int) string {
	if n%3 == 2 {
		name = habits[(n/3)%len(habits)] + "." + name
	}
	return name + "@posta.example.it"
}

const (
	citizens  = 90
	companies = 40
)

// populate makes people and companies and writes them into the registers.
func (w *World) populate() {
	for n := range citizens {
		p := &person{Applicant: access.Applicant{TaxCode: fmt.Sprintf("CTTDN%03dA01F205%c", n, 'A'+rune(n%26)), GivenName: fmt.Sprintf("Nome%d", n), FamilyName: "Cittadino"}}
		switch {
		case n%30 == 29: // identified through another state: no Italian tax code
			p.TaxCode = fmt.Sprintf("eidas:ES:0263%04dY", n)
		case n%45 == 44: // a code that a fault elsewhere let through, and that the register's rules refuse
			p.TaxCode = fmt.Sprintf("codice-%d", n)
		}
		p.Profiles = []access.Profile{{ID: fmt.Sprintf("p-%d", n), Kind: application.Person, Party: application.Party{
			Kind: application.Person, TaxCode: p.TaxCode, Name: p.Name(),
		}}}
		p.domicile = []string{"registered", "elected", "portal", "registered", "elected", "registered", "elected"}[n%7]
		if n%11 != 10 {
			p.address = w.address(fmt.Sprintf("persona%d", n), n)
		}
		w.registers.Domicile(p.TaxCode, p.address)
		if n%5 == 0 { // a professional's, beside their own
			w.registers.Domicile(p.TaxCode, w.address(fmt.Sprintf("studio%d", n), n/5))
		}
		w.people = append(w.people, p)
	}
	for n := range companies {
		code := fmt.Sprintf("%011d", 10000000000+n)
		if n%9 != 8 {
			w.registers.Domicile(code, w.address(fmt.Sprintf("impresa%d", n), n))
		}
		// Two people may file for each company, each seeing the other's cases.
		for _, at := range []int{n % citizens, (n*7 + 3) % citizens} {
			p := w.people[at]
			w.registers.Represent(p.TaxCode, code, true)
			p.Profiles = append(p.Profiles, access.Profile{
				ID: fmt.Sprintf("c-%d-%d", n, at), Kind: application.Company, Role: "legale rappresentante",
				Party: application.Party{Kind: application.Company, TaxCode: code, Name: fmt.Sprintf("Impresa %d s.r.l.", n)},
			})
		}
	}
}

// forget leaves drafts of the year before that nobody finished: they expire in the course of this one.
func (w *World) forget() {
	today, off := w.now, w.inject.Off
	w.inject.Off = true
	for n := range 60 {
		p := w.people[n%len(w.people)]
		c := w.chambers[n%len(w.chambers)]
		w.now = today.AddDate(0, 0, -365).Add(time.Duration(w.life.Int64N(int64(time.Duration(w.Days) * 24 * time.Hour)))).Truncate(time.Millisecond)
		var id string
		_ = w.call("create draft", "", func(i *instance) error {
			v, err := i.drafts.Create(context.Background(), p.Applicant, c.ID, service, p.Profiles[0].ID)
			id = v.ID
			return err
		})
		if n%2 == 0 {
			_, claim := w.file()
			_ = w.call("attach", id, func(i *instance) error {
				_, err := i.drafts.Attach(context.Background(), p.Applicant, id, claim)
				return err
			})
		}
	}
	w.now, w.inject.Off = today, off
}

// regret leaves price lists of the year before that were presented, never paid for and taken back: they are removed in the course of this one, from its
// fourth day on. Their receipts are made by then.
func (w *World) regret() {
	today, off := w.now, w.inject.Off
	w.inject.Off = true
	for n := range 40 {
		p := w.people[n%len(w.people)]
		at := slices.IndexFunc(p.Profiles, func(profile access.Profile) bool { return profile.Kind == application.Company })
		if at < 0 {
			continue
		}
		e := &errand{
			World: w, who: p, profile: p.Profiles[at], chamber: w.chambers[n%len(w.chambers)].ID, service: priceList, key: fmt.Sprintf("key-%d", w.life.Uint64()),
		}
		w.now = today.AddDate(0, 0, -362).Add(time.Duration(w.life.Int64N(int64(time.Duration(w.Days) * 24 * time.Hour)))).Truncate(time.Millisecond)
		_ = w.call("create draft", "", func(i *instance) error {
			v, err := i.drafts.Create(context.Background(), p.Applicant, e.chamber, e.service, e.profile.ID)
			e.id, e.version = v.ID, v.Version
			return err
		})
		e.save(true)
		e.attach()
		e.finishFile(false)
		if answer, err := e.present(e.key, 0); err == nil { // else it is a draft that expires
			w.audit.Answered(e.id, answer.PresentedAt)
			e.withdraw()
		}
	}
	w.now, w.inject.Off = today, off
}

// answers fill in the form. n makes one save differ from the next; whole says whether nothing is missing.
func (w *World) answers(p *person, owner application.Party, n int, whole bool) json.RawMessage {
	form := map[string]any{
		"subject": "registro-imprese", "factsDate": w.now.AddDate(0, 0, -3).Format("2006-01-02"),
		"facts":    fmt.Sprintf("Ho presentato una pratica e dopo due mesi non ho avuto risposta (versione %d).", n),
		"request":  "Chiedo di sapere lo stato della pratica.",
		"domicile": p.domicile, "privacy": true,
	}
	if p.domicile == "elected" {
		if p.address == "" || owner.Kind == application.Company {
			form["domicile"] = "registered"
		} else {
			form["pec"] = p.address
		}
	}
	if w.life.IntN(12) == 0 {
		form["officer"] = "Luca Neri"
	}
	if !whole {
		delete(form, "request")
		delete(form, "privacy")
	}
	return must(json.Marshal(form))
}

// officers are two of each chamber; one of them is now and then who a complaint is about.
func officers(c catalogue.Chamber) []access.Officer {
	rights := []access.Right{access.Work, access.Register}
	return []access.Officer{
		{Chamber: c.ID, TaxCode: "VRDNNA70A41F205X", Name: "Anna Verdi", Rights: rights},
		{Chamber: c.ID, TaxCode: "NREMRC70A01F205X", Name: "Marco Neri", Rights: rights, Key: "protocollo"},
		{Chamber: c.ID, TaxCode: "NRELCU70A01F205X", Name: "Luca Neri", Rights: []access.Right{access.Work}},
	}
}
