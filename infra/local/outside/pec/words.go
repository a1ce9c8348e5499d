package pec

import (
	"fmt"
	"strings"
	"time"
)

// wording is the text of a receipt, for people.
type wording struct{ prefix, title, body string }

// words says in Italian what a receipt or an envelope means, as real providers do.
func words(m Message, s Step, at time.Time) wording {
	when := at.In(rome).Format("Il giorno 02/01/2006 alle ore 15:04:05 (-0700)")
	about := fmt.Sprintf("il messaggio con Oggetto\n%q inviato da %q", m.Subject, m.From)
	switch s.Kind {
	case Acceptance:
		return wording{"ACCETTAZIONE", "Ricevuta di accettazione",
			fmt.Sprintf("%s %s\ned indirizzato a:\n%s\nè stato accettato dal sistema ed inoltrato.", when, about, recipients(m))}
	case NonAcceptance:
		return wording{"AVVISO DI NON ACCETTAZIONE", "Avviso di non accettazione",
			fmt.Sprintf("%s nel messaggio con Oggetto\n%q è stato rilevato un problema che ne impedisce l'accettazione:\n%s\nIl messaggio non è stato accettato.", when, m.Subject, s.Detail)}
	case TakenInCharge:
		return wording{"PRESA IN CARICO", "Ricevuta di presa in carico",
			fmt.Sprintf("%s %s\nè stato accettato dal sistema.", when, about)}
	case Delivery:
		return wording{"CONSEGNA", "Ricevuta di avvenuta consegna",
			fmt.Sprintf("%s %s\ne destinato a %q\nè stato consegnato nella casella di destinazione.", when, about, s.Recipient)}
	case Warning:
		return wording{"AVVISO DI MANCATA CONSEGNA PER SUP. TEMPO MASSIMO", "Avviso di mancata consegna per superamento dei tempi massimi previsti",
			fmt.Sprintf("%s %s\ne destinato all'utente %q\nnon è stato consegnato nelle prime dodici ore dal suo invio.\nNon escludendo che questo possa avvenire in seguito, si ritiene utile considerare che\nl'invio potrebbe non andare a buon fine.", when, about, s.Recipient)}
	case DeliveryError:
		return wording{"AVVISO DI MANCATA CONSEGNA", "Avviso di mancata consegna",
			fmt.Sprintf("%s nel messaggio con Oggetto\n%q inviato da %q\ne destinato all'utente %q\nè stato rilevato il seguente errore:\n%s\nIl messaggio è stato rifiutato dal sistema.", when, m.Subject, m.From, s.Recipient, s.Detail)}
	case VirusFound:
		return wording{"PROBLEMA DI SICUREZZA", "Avviso di rilevazione di virus informatico",
			fmt.Sprintf("%s nel messaggio con Oggetto\n%q inviato da %q\nè stato rilevato un problema di sicurezza:\n%s", when, m.Subject, m.From, s.Detail)}
	case anomaly:
		return wording{"ANOMALIA MESSAGGIO", "Anomalia nel messaggio",
			fmt.Sprintf("%s è stato ricevuto il messaggio\n%q proveniente da %q\ned indirizzato a:\n%s\nTali dati non sono stati certificati per il seguente errore:\nmessaggio di posta elettronica ordinaria.\nIl messaggio originale è incluso in allegato.", when, m.Subject, m.From, recipients(m))}
	default:
		return wording{"POSTA CERTIFICATA", "Messaggio di posta certificata",
			fmt.Sprintf("%s il messaggio\n%q è stato inviato da %q\nindirizzato a:\n%s\nIl messaggio originale è incluso in allegato.", when, m.Subject, m.From, recipients(m))}
	}
}

// text is the plain body of a receipt.
func (w wording) text(m Message, certified bool) string {
	lines := []string{"-- " + w.title + " --", "", w.body, "Identificativo del messaggio: " + m.Identifier}
	if certified {
		lines = append(lines, "L'allegato daticert.xml contiene informazioni di servizio sulla trasmissione.")
	}
	return strings.Join(lines, "\n") + "\n"
}

func recipients(m Message) string {
	lines := make([]string, 0, len(m.To))
	for _, r := range m.To {
		kind := "posta ordinaria"
		if r.Certified {
			kind = "posta certificata"
		}
		lines = append(lines, fmt.Sprintf("%s (%q)", r.Address, kind))
	}
	return strings.Join(lines, "\n")
}
