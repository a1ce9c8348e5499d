package register

import (
	"fmt"
	"sync/atomic"
)

// Annulment marks an entry as annulled. The entry stays as it is and stays readable: object, sender and recipient are never
// changed, only annulled, and both stand side by side. "Le informazioni annullate devono rimanere memorizzate nella base di dati per
// essere sottoposte alle elaborazioni previste dalla procedura" (DPR 445/2000 art. 54). In the ledger it is an annex to the number.
type Annulment struct {
	Kind      string `json:"kind"` // always "annulment"
	Event     string `json:"event"`
	Book      Book   `json:"book"`
	Number    string `json:"number"`
	Reason    string `json:"reason"`
	Provision string `json:"provision"` // extremes of the act that authorises it
	Operator  string `json:"operator"`  // the officer's tax code or id
	At        string `json:"at"`        // instant
	Date      string `json:"date"`      // its day in Rome, the ledger's page
}

const annulmentKind = "annulment"

// AnnulmentRule is one clause that an annulment must obey.
type AnnulmentRule struct {
	ID        string
	Citation  string
	Effective string
	Check     func(Annulment) string
}

// AnnulmentRules returns the clauses of art. 54.
func AnnulmentRules() []AnnulmentRule { return append([]AnnulmentRule(nil), annulmentRules...) }

var annulmentRules = []AnnulmentRule{
	{"art54-1", "DPR 445/2000 art. 54 c. 1", dpr445, annulledNumber},
	{"art54-2-provision", "DPR 445/2000 art. 54 c. 2", dpr445, provision},
	{"art54-2-operator", "DPR 445/2000 art. 54 c. 2", dpr445, operator},
	{"art54-2-date", "DPR 445/2000 art. 54 c. 2", dpr445, annulledAt},
}

func annulledNumber(a Annulment) string {
	if _, err := ParseNumber(a.Number); err != nil {
		return "Il numero da annullare non è un numero di protocollo."
	}
	if a.Kind != annulmentKind || !eventShape.MatchString(a.Event) || !codeShape.MatchString(a.Book.Code) ||
		!ipaShape.MatchString(a.Book.Administration) || !ipaShape.MatchString(a.Book.AOO) || a.Book.Year < 1900 {
		return "Manca il registro o l'evento dell'annullamento."
	}
	return ""
}

// "La procedura per indicare l'annullamento riporta, secondo i casi, una dicitura o un segno in posizione sempre visibile e tale,
// comunque, da consentire la lettura di tutte le informazioni originarie unitamente alla data, all'identificativo
// dell'operatore ed agli estremi del provvedimento d'autorizzazione"
func provision(a Annulment) string {
	if !line(a.Provision, MaxName) {
		return "Mancano gli estremi del provvedimento che autorizza l'annullamento."
	}
	if !line(a.Reason, MaxSubject) {
		return "Manca il motivo dell'annullamento."
	}
	return ""
}

func operator(a Annulment) string {
	if !line(a.Operator, maxTerm) {
		return "Manca l'identificativo dell'operatore."
	}
	return ""
}

func annulledAt(a Annulment) string {
	at, err := ParseInstant(a.At)
	if err != nil || Date(at) != a.Date {
		return "L'istante dell'annullamento manca o non corrisponde alla sua data."
	}
	return ""
}

// CheckedAnnulment is to an annulment what Checked is to an entry.
type CheckedAnnulment struct{ token *annulmentToken }

type annulmentToken struct {
	used      atomic.Bool
	annulment Annulment
	body      []byte
}

// CheckAnnulment holds an annulment to the rules; the error is Violations. Kind and Date are filled in.
func CheckAnnulment(a Annulment) (CheckedAnnulment, error) {
	a.Kind = annulmentKind
	if at, err := ParseInstant(a.At); err == nil {
		a.Date = Date(at)
	}
	var broken Violations
	for _, rule := range annulmentRules {
		if detail := rule.Check(a); detail != "" {
			broken = append(broken, Violation{rule.ID, rule.Citation, detail})
		}
	}
	if broken != nil {
		return CheckedAnnulment{}, broken
	}
	body, err := encode(a)
	if err != nil {
		return CheckedAnnulment{}, err
	}
	return CheckedAnnulment{&annulmentToken{annulment: a, body: body}}, nil
}

// Use hands over the annulment and its canonical JSON, once.
func (c CheckedAnnulment) Use() (Annulment, []byte, error) {
	if c.token == nil || c.token.used.Swap(true) {
		return Annulment{}, nil, ErrUsed
	}
	return c.token.annulment, c.token.body, nil
}

// ParseAnnulment reads the body of an annex.
func ParseAnnulment(body []byte) (Annulment, error) {
	var a Annulment
	if err := decode(body, &a, func() ([]byte, error) { return encode(a) }); err != nil {
		return Annulment{}, fmt.Errorf("parsing annulment: %w", err)
	}
	if a.Kind != annulmentKind {
		return Annulment{}, fmt.Errorf("parsing annulment: %w: kind", ErrNotCanonical)
	}
	return a, nil
}
