package trial

import (
	"path"
	"regexp"
	"slices"
)

const rowKind = "righe della tabella del registro"

// kinds of objects, by the shape of their keys.
var kinds = []struct {
	shape *regexp.Regexp
	name  string
}{
	{regexp.MustCompile(`^register/.*/blocks/`), "blocchi archiviati"},
	{regexp.MustCompile(`^register/.*/seals/`), "elenchi dei giorni chiusi"},
	{regexp.MustCompile(`^days/.*/leaves\.json$`), "foglie dei giorni"},
	{regexp.MustCompile(`^days/.*/statement\.json$`), "dichiarazioni dei giorni"},
	{regexp.MustCompile(`^days/.*/statement\.p7s$`), "sigilli"},
	{regexp.MustCompile(`^days/.*/statement\.tst$`), "marche temporali"},
	{regexp.MustCompile(`^days/.*/package\.zip$`), "pacchetti dei giorni"},
	{regexp.MustCompile(`^packages/.*/package\.zip$`), "pacchetti delle pratiche"},
	{regexp.MustCompile(`/receipt\.p7m$`), "rapporti di versamento"},
	{regexp.MustCompile(`^mail/in/`), "messaggi PEC ricevuti"},
	{regexp.MustCompile(`^mail/out/`), "messaggi PEC spediti"},
	{regexp.MustCompile(`^payments/`), "avvisi di pagamento"},
}

func kindOf(name string) string {
	for _, k := range kinds {
		if k.shape.MatchString(name) {
			return k.name
		}
	}
	return "altro"
}

// after are, of the parts of a folder, those that vouch for another: the first of them to be looked at is named when that one has changed.
var after = map[string][]string{
	"leaves.json": {"statement.json"}, "statement.json": {"statement.p7s", "statement.tst"}, "statement.p7s": {"statement.tst"}, "package.zip": {"receipt.p7m"},
}

// follows tells whether what is named is the first thing that depends on what was changed.
func follows(changed, named string) bool {
	folder, part := path.Split(changed)
	return slices.ContainsFunc(after[part], func(other string) bool { return named == folder+other })
}
