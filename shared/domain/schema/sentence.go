package schema

import (
	"fmt"
	"math/big"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// isChoice tells the errors whose causes are the reasons of several alternatives: listing them all would tell a person to do
// contradictory things.
func isChoice(err *jsonschema.ValidationError) bool {
	switch err.ErrorKind.(type) {
	case *kind.AnyOf, *kind.OneOf, *kind.Not, *kind.PropertyNames, *kind.Contains, *kind.MinContains, *kind.MaxContains:
		return true
	}
	return false
}

// properties names the members that an error of an object is about: each is reported at its own place.
func properties(err *jsonschema.ValidationError) []string {
	switch k := err.ErrorKind.(type) {
	case *kind.Required:
		return k.Missing
	case *kind.DependentRequired:
		return k.Missing
	case *kind.AdditionalProperties:
		return k.Properties
	case *kind.PropertyNames:
		return []string{k.Property}
	}
	return nil
}

// sentence says in Italian what a keyword asks. What was sent is never repeated: it may be personal.
func sentence(err *jsonschema.ValidationError) string {
	switch k := err.ErrorKind.(type) {
	case *kind.Required, *kind.DependentRequired:
		return "Questo campo è obbligatorio."
	case *kind.AdditionalProperties, *kind.FalseSchema, *kind.PropertyNames:
		return "Questo campo non è previsto."
	case *kind.Type:
		return "Qui serve " + typeNames(k.Want) + "."
	case *kind.Enum:
		return enumSentence(k.Want)
	case *kind.Const:
		return constSentence(k.Want)
	case *kind.Format:
		return formatSentence(k.Want)
	case *kind.Pattern:
		return "Il formato non è quello richiesto."
	case *kind.UniqueItems:
		return "L’elenco contiene due volte la stessa voce."
	}
	return boundSentence(err)
}

// boundSentence is for the keywords that count or compare.
func boundSentence(err *jsonschema.ValidationError) string {
	switch k := err.ErrorKind.(type) {
	case *kind.MinLength:
		if k.Want == 1 {
			return "Questo campo non può essere vuoto."
		}
		return fmt.Sprintf("%s almeno %s (ora %s).", one(k.Want, "Serve", "Servono"), count(k.Want, "carattere", "caratteri"), are(k.Got))
	case *kind.MaxLength:
		return fmt.Sprintf("%s al massimo %s (ora %s).", one(k.Want, "È ammesso", "Sono ammessi"), count(k.Want, "carattere", "caratteri"), are(k.Got))
	case *kind.MinItems:
		return fmt.Sprintf("Serve un elenco di almeno %s.", count(k.Want, "voce", "voci"))
	case *kind.MaxItems:
		return fmt.Sprintf("L’elenco può avere al massimo %s.", count(k.Want, "voce", "voci"))
	case *kind.MinProperties:
		return fmt.Sprintf("%s almeno %s.", one(k.Want, "Serve", "Servono"), count(k.Want, "campo", "campi"))
	case *kind.MaxProperties:
		return fmt.Sprintf("%s al massimo %s.", one(k.Want, "È ammesso", "Sono ammessi"), count(k.Want, "campo", "campi"))
	case *kind.Minimum:
		return "Il valore minimo è " + number(k.Want) + "."
	case *kind.Maximum:
		return "Il valore massimo è " + number(k.Want) + "."
	case *kind.ExclusiveMinimum:
		return "Il valore deve essere maggiore di " + number(k.Want) + "."
	case *kind.ExclusiveMaximum:
		return "Il valore deve essere minore di " + number(k.Want) + "."
	case *kind.MultipleOf:
		return "Il valore deve essere un multiplo di " + number(k.Want) + "."
	}
	return "Il valore non è tra quelli previsti."
}

func one(n int, singular, plural string) string {
	if n == 1 {
		return singular
	}
	return plural
}

func count(n int, singular, plural string) string {
	return fmt.Sprintf("%d %s", n, one(n, singular, plural))
}

func are(n int) string { return fmt.Sprintf("%s %d", one(n, "è", "sono"), n) }

// number writes a bound with the decimal comma.
func number(n *big.Rat) string {
	if n.IsInt() {
		return n.Num().String()
	}
	text := strings.TrimRight(n.FloatString(6), "0")
	return strings.Replace(text, ".", ",", 1)
}

var italianTypes = map[string]string{
	"string": "un testo", "integer": "un numero intero", "number": "un numero", "boolean": "vero o falso",
	"object": "un gruppo di campi", "array": "un elenco", "null": "nessun valore",
}

func typeNames(types []string) string {
	var names []string
	for _, t := range types {
		if t != "null" || len(types) == 1 { // a person need not be told that nothing will do too
			names = append(names, italianTypes[t])
		}
	}
	return strings.Join(names, " oppure ")
}

// maxListed is how many values of an enumeration are listed in a sentence.
const maxListed = 12

func enumSentence(values []any) string {
	if len(values) > maxListed {
		return "Il valore non è tra quelli previsti."
	}
	names := make([]string, len(values))
	for n, v := range values {
		names[n] = fmt.Sprint(v)
	}
	return "Il valore non è tra quelli previsti: " + strings.Join(names, ", ") + "."
}

func constSentence(want any) string {
	if want == true {
		return "Questa casella va spuntata."
	}
	return fmt.Sprintf("Il valore previsto è: %v.", want)
}

func formatSentence(format string) string {
	switch format {
	case "date":
		return "Scrivi una data che esiste, nel formato AAAA-MM-GG."
	case "date-time":
		return "Scrivi data e ora nel formato AAAA-MM-GGThh:mm:ssZ."
	case "time":
		return "Scrivi un’ora nel formato hh:mm:ss."
	case "email":
		return "Scrivi un indirizzo di posta elettronica valido."
	case "uuid":
		return "L’identificativo non è valido."
	case "uri", "uri-reference", "iri":
		return "Scrivi un indirizzo web valido."
	}
	return "Il formato non è quello richiesto."
}
