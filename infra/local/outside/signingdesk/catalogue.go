package signingdesk

import (
	"slices"
	"strings"

	"sportello/infra/local/outside/trustworld"
)

// Style is a shape a signed file can have.
type Style struct {
	ID   string `json:"id"`
	Text string `json:"text"`
	// Detached is set when the document is not in the file: whatever the fault, the file alone proves nothing.
	Detached bool     `json:"detached"`
	Faults   []string `json:"faults"` // those that can be combined with it
}

// pdf tells whether the signature goes inside a PDF.
func (s Style) pdf() bool { return strings.HasPrefix(s.ID, "pades") }

var styles = []Style{
	{ID: "cades", Text: "CAdES: busta .p7m (DER)"},
	{ID: "cades-pem", Text: "CAdES: busta .p7m scritta come PEM"},
	{ID: "cades-base64", Text: "CAdES: busta .p7m scritta in base64"},
	{ID: "cades-ber", Text: "CAdES: busta .p7m a lunghezza indefinita (BER)"},
	{ID: "cades-nested", Text: "CAdES: busta dentro una busta (.p7m.p7m), due firmatari"},
	{ID: "cades-t", Text: "CAdES con marca temporale"},
	{ID: "cades-detached", Detached: true, Text: "CAdES separata: la sola firma, .p7s (il documento non c’è: da sola non si può verificare)"},
	{ID: "pades", Text: "PAdES: firma dentro il PDF"},
	{ID: "pades-t", Text: "PAdES con marca temporale"},
	{ID: "pades-twice", Text: "PAdES: due firmatari, uno dopo l’altro"},
	{ID: "pades-adbe", Text: "Firma PDF di vecchio stile (adbe.pkcs7.detached)"},
}

// Key is a kind of key to sign with.
type Key struct {
	ID   string `json:"id"`
	Text string `json:"text"`
	kind trustworld.KeyKind
	pss  bool
}

var keys = []Key{
	{"rsa2048", "RSA di 2048 bit", trustworld.RSA2048, false},
	{"rsa3072", "RSA di 3072 bit", trustworld.RSA3072, false},
	{"rsa4096", "RSA di 4096 bit", trustworld.RSA4096, false},
	{"pss", "RSA di 2048 bit, RSASSA-PSS", trustworld.RSA2048, true},
	{"p256", "ECDSA P-256", trustworld.P256, false},
}

// Expected verdicts of a careful reader.
const (
	valid   = "valid"
	invalid = "invalid"
	refused = "refused" // not for its signature: the file itself is not to be taken
)

// scope says which styles a fault can be combined with.
type scope int

const (
	anywhere scope = iota
	attached       // CAdES with the content inside
	inPDF          // PAdES
	withPDF        // a PDF is inside or is the file itself
)

// Fault is one thing that is wrong, or looks wrong, with a signed file.
type Fault struct {
	ID       string `json:"id"`
	Text     string `json:"text"`
	Expected string `json:"expected"`
	scope    scope
	standing trustworld.Standing
}

// sound is the choice of no fault.
const sound = "none"

var faults = []Fault{
	{sound, "Nessuno: la firma è valida", valid, anywhere, trustworld.Good},
	{"expired", "Il certificato è scaduto", invalid, anywhere, trustworld.Expired},
	{"expired-with-timestamp", "Il certificato è scaduto, ma una marca temporale prova che la firma è di prima: è valida", valid, anywhere, trustworld.Expired},
	{"not-yet-valid", "Il certificato non è ancora valido", invalid, anywhere, trustworld.NotYetValid},
	{"revoked", "Il certificato è revocato", invalid, anywhere, trustworld.Revoked},
	{"revoked-after-timestamp", "Il certificato è stato revocato dopo la marca temporale: la firma è valida", valid, anywhere, trustworld.RevokedAfterwards},
	{"suspended", "Il certificato è sospeso", invalid, anywhere, trustworld.Suspended},
	{"untrusted", "L’autorità non è nell’elenco di fiducia", invalid, anywhere, trustworld.Untrusted},
	{"withdrawn-service", "Il servizio dell’autorità è stato revocato nell’elenco di fiducia", invalid, anywhere, trustworld.WithdrawnService},
	{"self-signed", "Il certificato è firmato da sé stesso", invalid, anywhere, trustworld.SelfSigned},
	{"wrong-key-usage", "Il certificato è di autenticazione, non di firma", invalid, anywhere, trustworld.Authentication},
	{"broken", "Il valore della firma è alterato", invalid, anywhere, trustworld.Good},
	{"changed-after", "Il contenuto è cambiato dopo la firma", invalid, anywhere, trustworld.Good},
	{"wrong-certid", "L’attributo signing-certificate-v2 nomina un altro certificato", invalid, anywhere, trustworld.Good},
	{"no-certid", "Manca l’attributo signing-certificate-v2", invalid, anywhere, trustworld.Good},
	{"no-signer-cert", "Manca il certificato di chi firma", invalid, anywhere, trustworld.Good},
	{"wrong-digest-algorithm", "L’impronta è SHA-1, non più ammessa", invalid, anywhere, trustworld.Good},
	{"truncated", "Il file è tagliato", invalid, anywhere, trustworld.Good},
	{"empty", "Il file è vuoto", refused, anywhere, trustworld.Good},
	{"other-person", "Firma una persona che non rappresenta alcuna impresa", valid, anywhere, trustworld.Good},
	{"executable-inside", "Dentro la busta c’è un programma eseguibile", refused, attached, trustworld.Good},
	{"appended", "Dopo la firma una nuova revisione cambia la pagina", invalid, inPDF, trustworld.Good},
	{"appended-harmless", "Dopo la firma una nuova revisione aggiunge solo dati per la verifica (DSS): la firma è valida", valid, inPDF, trustworld.Good},
	{"pdf-javascript", "Il PDF contiene JavaScript", refused, withPDF, trustworld.Good},
	{"pdf-bomb", "Il PDF contiene un flusso che, aperto, supera 1 GB", refused, withPDF, trustworld.Good},
}

func (f Fault) fits(s Style) bool {
	switch f.scope {
	case attached:
		return !s.pdf() && !s.Detached
	case inPDF:
		return s.pdf()
	case withPDF:
		return !s.Detached
	}
	return true
}

// Styles lists the shapes, each with the faults it can have.
func Styles() []Style {
	list := slices.Clone(styles)
	for i, s := range list {
		for _, f := range faults {
			if f.fits(s) {
				list[i].Faults = append(list[i].Faults, f.ID)
			}
		}
	}
	return list
}

// Keys lists the kinds of key.
func Keys() []Key { return slices.Clone(keys) }

// Faults lists what can be wrong.
func Faults() []Fault { return slices.Clone(faults) }
