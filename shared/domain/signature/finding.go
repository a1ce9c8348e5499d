package signature

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"sportello/shared/domain/deadline"
)

// Code says what was found, for machines: it stays the same when the sentences are improved.
type Code string

// The codes. Their verdicts and sentences are in findings.
const (
	OK Code = "ok"

	Unsigned   Code = "unsigned"
	Detached   Code = "detached"
	TooDeep    Code = "too-deep"
	TooLarge   Code = "too-large"
	Malformed  Code = "malformed"
	Damaged    Code = "damaged-pdf"
	Encrypted  Code = "encrypted"
	TooComplex Code = "too-complex"
	TooMany    Code = "too-many-signers"
	NoSigner   Code = "no-signer"
	Elsewhere  Code = "unsupported-format"

	// OtherContent is found by who knows what was asked for: the signatures may be good.
	OtherContent Code = "other-content"

	Altered       Code = "altered"
	ModifiedAfter Code = "modified-after"
	NotWhole      Code = "not-whole"
	Broken        Code = "broken"
	SHA1          Code = "sha1"
	Algorithm     Code = "algorithm"
	WeakKey       Code = "weak-key"
	NoCertificate Code = "no-certificate"
	NoBinding     Code = "no-signing-certificate"
	WrongBinding  Code = "wrong-signing-certificate"
	Untrusted     Code = "untrusted"
	Foreign       Code = "foreign"
	Withdrawn     Code = "issuer-withdrawn"
	IssuerRevoked Code = "issuer-revoked"
	NotYetValid   Code = "not-yet-valid"
	Expired       Code = "expired"
	KeyUsage      Code = "key-usage"
	NotQualified  Code = "not-qualified"
	Revoked       Code = "revoked"
	Suspended     Code = "suspended"

	Unreachable     Code = "revocation-unavailable"
	StatusUnknown   Code = "revocation-unknown"
	StatusNotKept   Code = "revocation-not-kept"
	ListExpired     Code = "list-expired"
	ListUnavailable Code = "list-unavailable"
)

// finding is what a code means: its verdict, the reason as it follows "non è valida: ", and what to do next.
type finding struct {
	verdict Verdict
	reason  string
	next    string
}

const (
	signAgain   = "Firma di nuovo il documento e carica il nuovo file."
	otherCert   = "Firma di nuovo il documento con un certificato di firma valido e carica il nuovo file."
	otherTool   = "Firma di nuovo il documento con un programma di firma aggiornato e carica il nuovo file."
	otherForm   = "Firma di nuovo scegliendo la busta che contiene il documento (file .p7m) oppure la firma PDF."
	askAgain    = "Non devi fare nulla: la verifica sarà ripetuta."
	askProvider = "Rivolgiti a chi ti ha rilasciato la firma, oppure firma di nuovo con un altro certificato."
)

// findings holds every code. A %s is the day of revocation, suspension or expiry.
//
// CAD art. 24 c.4-bis: a signature on a certificate that was revoked, expired or suspended is as no signature. What the certificate and its
// issuer must have been at the time of signing is Reg. (EU) 910/2014 art. 32.
var findings = map[Code]finding{
	Unsigned:   {Invalid, "il file non contiene alcuna firma", "Firma il documento e carica il file firmato."},
	Detached:   {Invalid, "la firma è separata dal documento", otherForm},
	Elsewhere:  {Invalid, "la firma è in un formato (XAdES, ASiC o TSD) che qui non si può verificare", otherForm},
	TooDeep:    {Invalid, "il file è firmato più volte una dentro l’altra, oltre le cinque buste ammesse", signAgain},
	TooLarge:   {Invalid, "il file supera i 30 MB", "Riduci il documento, firmalo di nuovo e carica il nuovo file."},
	Malformed:  {Invalid, "la firma è danneggiata e non si può leggere", signAgain},
	Damaged:    {Invalid, "il PDF è danneggiato e non si può dire se e da chi è firmato", "Crea di nuovo il PDF, firmalo e carica il nuovo file."},
	Encrypted:  {Invalid, "il file è cifrato e non si può leggere", "Firma il documento senza cifrarlo né proteggerlo con una password e carica il nuovo file."},
	TooComplex: {Invalid, "il PDF è troppo complesso per essere verificato", "Crea un PDF più semplice, per esempio stampandolo in PDF, firmalo e carica il nuovo file."},
	TooMany:    {Invalid, "il file ha più di 64 firme", signAgain},
	NoSigner:   {Invalid, "la busta non contiene firme", signAgain},

	OtherContent: {Invalid, "nella busta firmata non c’è un documento del tipo richiesto", "Firma il PDF e carica il nuovo file."},

	Altered:       {Invalid, "il documento è stato modificato dopo la firma", signAgain},
	ModifiedAfter: {Invalid, "il documento è stato modificato dopo la firma", signAgain},
	NotWhole:      {Invalid, "la firma non copre tutto il documento", signAgain},
	Broken:        {Invalid, "la firma non corrisponde al certificato di chi firma", signAgain},
	SHA1:          {Invalid, "usa un’impronta SHA-1 o MD5, che non è più ammessa", otherTool},
	Algorithm:     {Invalid, "usa un algoritmo di firma che non è riconosciuto", otherTool},
	WeakKey:       {Invalid, "la chiave di firma è troppo corta", otherCert},
	NoCertificate: {Invalid, "il file non contiene il certificato di chi firma", otherTool},
	NoBinding:     {Invalid, "la firma non indica il certificato con cui è fatta, come richiesto per le firme qualificate", otherTool},
	WrongBinding:  {Invalid, "la firma indica un certificato diverso da quello allegato", signAgain},
	Untrusted:     {Invalid, "il certificato non è di un prestatore dell’elenco di fiducia", otherCert},
	Foreign: {Invalid, "il certificato è di un prestatore di un altro Stato, e qui si verificano soltanto quelli dell’elenco di fiducia italiano",
		"Firma di nuovo con un certificato rilasciato in Italia, oppure scrivi all’assistenza dello sportello."},
	Withdrawn:     {Invalid, "il prestatore che ha rilasciato il certificato non era più qualificato", otherCert},
	IssuerRevoked: {Invalid, "il certificato del prestatore che ha rilasciato la firma è stato revocato", otherCert},
	NotYetValid:   {Invalid, "il certificato vale solo %s", otherCert},
	Expired:       {Invalid, "il certificato era scaduto %s", otherCert},
	KeyUsage:      {Invalid, "il certificato non è fatto per firmare documenti (per esempio serve solo per accedere ai servizi)", otherCert},
	NotQualified:  {Invalid, "il certificato non è qualificato per la firma", otherCert},
	Revoked:       {Invalid, "il certificato era revocato %s", otherCert},
	Suspended:     {Invalid, "il certificato era sospeso %s", askProvider},

	Unreachable:     {Indeterminate, "il servizio che dice se il certificato è revocato non risponde", askAgain},
	StatusUnknown:   {Indeterminate, "il prestatore non sa dire se il certificato è revocato", askProvider},
	StatusNotKept:   {Indeterminate, "il certificato è scaduto e il prestatore non dice più se era revocato", askProvider},
	ListExpired:     {Indeterminate, "l’elenco di fiducia dei prestatori è scaduto e se ne attende uno nuovo", askAgain},
	ListUnavailable: {Indeterminate, "l’elenco di fiducia dei prestatori non è disponibile", askAgain},
}

// meaning of a code. A code that nobody knows is not valid.
func meaning(c Code) finding {
	if f, known := findings[c]; known {
		return f
	}
	return finding{Invalid, "non si può verificare", signAgain}
}

// VerdictOf is the verdict of a code.
func VerdictOf(c Code) Verdict {
	if c == OK {
		return Valid
	}
	return meaning(c).verdict
}

// Conclude fills in the verdicts and sentences of the signers and of the file from their codes. Code is left as it is when the file has
// no signer that could be judged.
//
// A file is valid when each of its signatures is: an office cannot accept one and overlook that another, on the same sheet, is broken.
func (r *Report) Conclude() {
	r.Schema = Schema
	if r.Signers == nil {
		r.Signers = []Signer{}
	}
	worst := OK
	for i := range r.Signers {
		s := &r.Signers[i]
		s.Verdict = VerdictOf(s.Code)
		s.Text = s.sentence()
		if rank(s.Verdict) > rank(VerdictOf(worst)) {
			worst = s.Code
		}
	}
	if r.Code == "" || r.Code == OK {
		r.Code = worst
		if len(r.Signers) == 0 {
			r.Code = Unsigned
		}
	}
	r.Verdict = VerdictOf(r.Code)
	r.Text = r.sentence()
}

// Refuse sets aside what the signatures came to: something else stands against the file as a whole.
func (r *Report) Refuse(c Code) {
	r.Code, r.Verdict = c, VerdictOf(c)
	r.Text = r.sentence()
}

func rank(v Verdict) int { return slices.Index([]Verdict{Valid, Indeterminate, Invalid}, v) }

func (s Signer) sentence() string {
	who := "La firma"
	if s.Name != "" {
		who += " di " + s.Name
	}
	f := meaning(s.Code)
	switch s.Verdict {
	case Valid:
		return fmt.Sprintf("%s è valida: certificato qualificato%s, valido e non revocato %s.", who, of(s.Issuer), s.when())
	case Indeterminate:
		return fmt.Sprintf("%s non è verificabile ora: %s. %s", who, f.reason, f.next)
	default:
		verb := "non è valida"
		if s.Code == Foreign {
			verb = "non si può verificare qui" // it may well be valid: it is we who do not read that list
		}
		return fmt.Sprintf("%s %s: %s. %s", who, verb, s.reason(f), f.next)
	}
}

func of(issuer string) string {
	if issuer == "" {
		return ""
	}
	return " di " + issuer
}

func (s Signer) when() string {
	if s.TimestampedAt != nil && s.TimeThatCounts.Equal(*s.TimestampedAt) {
		return "quando la marca temporale è stata apposta, " + the(s.TimeThatCounts) + " alle ore " + hour(s.TimeThatCounts)
	}
	return the(s.TimeThatCounts) + " alle ore " + hour(s.TimeThatCounts)
}

func (s Signer) reason(f finding) string {
	switch s.Code {
	case NotYetValid:
		return fmt.Sprintf(f.reason, since(s.NotBefore))
	case Expired:
		return fmt.Sprintf(f.reason, since(s.NotAfter))
	case Revoked, Suspended:
		if s.RevokedAt == nil {
			return strings.TrimSuffix(f.reason, " %s")
		}
		return fmt.Sprintf(f.reason, since(*s.RevokedAt))
	}
	return f.reason
}

func (r Report) sentence() string {
	if len(r.Signers) == 1 && r.Signers[0].Code == r.Code {
		return r.Signers[0].Text
	}
	if len(r.Signers) == 0 || VerdictOf(r.Code) == Invalid && !slices.ContainsFunc(r.Signers, func(s Signer) bool { return s.Code == r.Code }) {
		f := meaning(r.Code)
		return strings.ToUpper(f.reason[:1]) + f.reason[1:] + ". " + f.next
	}
	if r.Verdict == Valid {
		return fmt.Sprintf("Le %d firme sono valide: %s.", len(r.Signers), enumeration(r.Signers))
	}
	var bad []string
	for _, s := range r.Signers {
		if s.Verdict != Valid {
			bad = append(bad, s.Text)
		}
	}
	return strings.Join(slices.Compact(bad), " ")
}

func enumeration(signers []Signer) string {
	var names []string
	for _, s := range signers {
		if !slices.Contains(names, s.Name) {
			names = append(names, s.Name)
		}
	}
	if len(names) == 1 {
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " e " + names[len(names)-1]
}

var months = [...]string{"gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno", "luglio", "agosto", "settembre", "ottobre", "novembre", "dicembre"}

func day(t time.Time) string {
	d := deadline.DateOf(t)
	number := fmt.Sprint(d.Day)
	if d.Day == 1 {
		number = "1°"
	}
	return fmt.Sprintf("%s %s %d", number, months[d.Month-1], d.Year)
}

// elided tells the days whose name begins with a vowel: l’8, l’11.
func elided(t time.Time) bool { d := deadline.DateOf(t).Day; return d == 8 || d == 11 }

func the(t time.Time) string {
	if elided(t) {
		return "l’" + day(t)
	}
	return "il " + day(t)
}

func since(t time.Time) string {
	if elided(t) {
		return "dall’" + day(t)
	}
	return "dal " + day(t)
}

func hour(t time.Time) string { return t.In(deadline.Rome()).Format("15:04") }
