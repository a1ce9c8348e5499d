package evidence

import (
	"fmt"
	"strings"

	"sportello/shared/domain/catalogue"
)

// readme tells a person what the file is and how to check it. It proves nothing by itself.
func (m Manifest) readme() string {
	var t strings.Builder
	chamber, service := m.Chamber, m.Service
	if known, err := catalogue.Find(chamber, service); err == nil {
		chamber, service = known.Chamber.Name, known.Title
	}
	fmt.Fprintf(&t, readmeHead, m.Application, chamber, service)
	t.WriteString("COSA MANCA\n\n")
	if len(m.Missing) == 0 {
		t.WriteString("Nulla: il fascicolo è completo per quanto è accaduto finora.\n")
	}
	for _, missing := range m.Missing {
		fmt.Fprintf(&t, "- %s: %s\n", missing.What, missing.Why)
	}
	t.WriteString(readmeTail)
	return t.String()
}

const readmeHead = `FASCICOLO DI PROVA
pratica %s
%s
servizio: %s

COS'È

Questo file prova, anche senza lo sportello che lo ha prodotto, che cosa è stato presentato, con quale numero è stato
registrato al protocollo, e che il registro di quel giorno è stato chiuso, sigillato e marcato temporalmente con quella
registrazione dentro. Riguarda solo questa pratica: di altri non dice nulla. Contiene dati personali: va custodito.

COSA CONTIENE

manifest.json     l'elenco dei file con le impronte SHA-256 e i collegamenti fra loro
istanza.json      l'istanza come è stata presentata: la sua impronta SHA-256 è quella registrata al protocollo
firme/            che cosa lo sportello ha trovato sulle firme dei file allegati e dell'atto che decide
documenti/        la ricevuta, l'esito e gli altri documenti della pratica
registro/         le registrazioni di protocollo della pratica, come stanno nell'archivio
registro/giorni/  per ogni giorno: la dichiarazione di chiusura del registro (statement.json), il sigillo elettronico
                  (statement.p7s), la marca temporale sul sigillo (statement.tst), i certificati del sigillo
pec/              i messaggi di posta certificata spediti e le ricevute dei gestori

Gli allegati sono indicati con nome, dimensione e impronta: i file sono già di chi li ha presentati.

`

const readmeTail = `
COME SI CONTROLLA

Con il verificatore dello sportello, un solo programma che non si collega a nulla:

  sportello-verify -evidence fascicolo.zip -trust autorita.pem

dove autorita.pem contiene i certificati delle autorità che hanno rilasciato il sigillo e la marca temporale, presi da
una fonte di cui ci si fida. Senza -trust il controllo è lo stesso, ma dice che gli emittenti non sono stati confrontati.

A mano, con programmi comuni:

- impronta di un file (anche di un allegato in proprio possesso):  sha256sum istanza.json
- sigillo di un giorno:
  openssl cms -verify -binary -inform DER -in statement.p7s -content statement.json -CAfile autorita.pem -purpose any -out /dev/null
- marca temporale sul sigillo:
  openssl ts -verify -token_in -in statement.tst -data statement.p7s -CAfile autorita.pem
- firma dentro un PDF: qualunque programma di firma; ricevute PEC: qualunque programma di posta

Il formato, con il calcolo dell'impronta delle registrazioni e dell'albero del giorno (RFC 6962), è descritto in
infra/docs/evidence.md, nel codice pubblico dello sportello: chiunque può scrivere un altro verificatore.
`
