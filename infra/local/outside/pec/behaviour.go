package pec

import (
	"slices"
	"strings"
	"time"
)

// Behaviour is what the provider does with a recipient whose local part has that name.
type Behaviour struct{ Name, Note string }

// Behaviours lists the failure values, for people to read. Any other local part is a normal one:
// acceptance, then delivery.
func Behaviours() []Behaviour {
	return []Behaviour{
		{"mancata.consegna", "accettazione, poi mancata consegna: indirizzo inesistente"},
		{"casella.piena", "accettazione, poi mancata consegna: casella piena"},
		{"dominio.inesistente", "accettazione, poi mancata consegna: dominio inesistente"},
		{"virus", "accettazione, poi mancata consegna per virus"},
		{"ritardo", "accettazione, preavviso di mancata consegna, poi consegna"},
		{"doppia", "ogni ricevuta arriva due volte, identica"},
		{"disordine", "la ricevuta di consegna arriva prima di quella di accettazione"},
		{"mai", "nessuna ricevuta, mai"},
		{"solo.accettazione", "accettazione e poi più nulla"},
		{"nonaccetta", "avviso di non accettazione"},
		{"falsa", "accettazione vera, poi una ricevuta di consegna firmata da un’autorità sconosciuta"},
		{"rifiuta", "il server SMTP risponde 550 al destinatario"},
		{"temporaneo", "il server SMTP risponde 451 ai primi due tentativi dello stesso messaggio"},
		{"interrotta", "il messaggio è preso in carico ma la connessione cade prima del 250, la prima volta"},
	}
}

const normal = "normale"

func behaviourOf(address string) string {
	local, _, _ := strings.Cut(strings.ToLower(address), "@")
	known := slices.ContainsFunc(Behaviours(), func(b Behaviour) bool { return b.Name == local })
	if known {
		return local
	}
	return normal
}

// plan lists the steps for a message just taken in charge. now is real time, at the simulated one.
func plan(m Message, defect string, now, at time.Time, pace time.Duration) []Step {
	if !m.Certified {
		steps := []Step{}
		for _, r := range m.To {
			steps = append(steps, Step{Kind: anomaly, Recipient: r.Address, Due: now})
		}
		return steps
	}
	if has(m, "nonaccetta") && defect == "" {
		defect = "5.6.0 - Gestore PEC di prova - messaggio non accettato su richiesta (nonaccetta@)"
	}
	if defect != "" {
		return []Step{{Kind: NonAcceptance, Due: now, Error: "altro", Detail: defect}}
	}
	var later []Step
	for _, r := range m.To {
		later = append(later, recipientPlan(r, now.Add(pace), pace)...)
	}
	if len(later) == 0 && all(m, "mai") {
		return nil
	}
	accepted := Step{Kind: Acceptance, Due: now}
	if has(m, "disordine") {
		// It bears the time at which it should have come.
		accepted.Due, accepted.Stamp = now.Add(2*pace), at
		return append(later, accepted)
	}
	if has(m, "doppia") {
		return append([]Step{accepted, accepted}, later...)
	}
	return append([]Step{accepted}, later...)
}

func has(m Message, behaviour string) bool {
	return slices.ContainsFunc(m.To, func(r Recipient) bool { return r.Behaviour == behaviour })
}

func all(m Message, behaviour string) bool {
	return !slices.ContainsFunc(m.To, func(r Recipient) bool { return r.Behaviour != behaviour })
}

// recipientPlan is what follows acceptance for one recipient, from due on. Mail to an ordinary
// address leaves certified mail: nobody certifies its delivery.
func recipientPlan(r Recipient, due time.Time, pace time.Duration) []Step {
	if !r.Certified {
		return nil
	}
	failed := func(code, detail string) []Step {
		return []Step{{Kind: DeliveryError, Recipient: r.Address, Due: due, Error: code, Detail: detail}}
	}
	arrives := Step{Kind: transport, Recipient: r.Address, Due: due}
	delivered := Step{Kind: Delivery, Recipient: r.Address, Due: due}
	switch r.Behaviour {
	case "mai", "solo.accettazione":
		return nil
	case "mancata.consegna":
		return failed("no-dest", "5.1.1 - Gestore PEC di prova - indirizzo non valido")
	case "casella.piena":
		return failed("altro", "5.2.2 - Gestore PEC di prova - casella piena")
	case "dominio.inesistente":
		return failed("no-dominio", "5.1.2 - Gestore PEC di prova - dominio non valido")
	case "virus":
		return failed("virus", "5.7.1 - Gestore PEC di prova - il messaggio contiene un virus")
	case "falsa":
		delivered.Flaw = WrongAuthority
		return []Step{delivered}
	case "doppia":
		return []Step{arrives, delivered, delivered}
	case "ritardo":
		warning := Step{
			Kind: Warning, Recipient: r.Address, Due: due, Error: "altro",
			Detail: "4.4.7 - Gestore PEC di prova - consegna non avvenuta nelle prime 12 ore",
		}
		arrives.Due, delivered.Due = due.Add(2*pace), due.Add(2*pace)
		return []Step{warning, arrives, delivered}
	}
	return []Step{arrives, delivered}
}
