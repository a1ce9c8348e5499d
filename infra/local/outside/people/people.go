// Package people holds the inhabitants of the outside world: six fictional persons and the
// companies they represent. They are fixed, so that tests, the demo and a reader of the pages
// speak of the same ones. The tax codes have right check characters and belong to nobody known.
package people

import (
	"slices"
	"strings"
)

// Person is one persona that can sign in with SPID or CIE.
type Person struct {
	ID         string `json:"id"`
	GivenName  string `json:"givenName"`
	FamilyName string `json:"familyName"`
	TaxCode    string `json:"taxCode"`
	Birthdate  string `json:"birthdate"` // YYYY-MM-DD
	Gender     string `json:"gender"`    // male | female
	// BirthPlace is the Belfiore code of the municipality, Province its car-plate acronym.
	BirthPlace string `json:"birthPlace"`
	Province   string `json:"province"`
	Email      string `json:"email"`
	// Domicile is the digital domicile in INAD, empty when there is none.
	Domicile string `json:"domicile,omitempty"`
	// Chamber is set on officers: the chamber they work for.
	Chamber string `json:"chamber,omitempty"`
	// Note tells in Italian what the persona is for.
	Note string `json:"note"`
}

// Name is the given name followed by the family name.
func (p Person) Name() string { return p.GivenName + " " + p.FamilyName }

var persons = []Person{
	{
		ID: "giulia", GivenName: "Giulia", FamilyName: "Rinaldi", TaxCode: "RNLGLI79D52F205F",
		Birthdate: "1979-04-12", Gender: "female", BirthPlace: "F205", Province: "MI",
		Email: "giulia.rinaldi@example.it", Domicile: "giulia.rinaldi@pec.example.it",
		Note: "Legale rappresentante di due imprese, una a Milano e una a Bergamo, con PEC funzionante.",
	},
	{
		ID: "marco", GivenName: "Marco", FamilyName: "Bellini", TaxCode: "BLLMRC68S03B157Y",
		Birthdate: "1968-11-03", Gender: "male", BirthPlace: "B157", Province: "BS",
		Email: "marco.bellini@example.it",
		Note:  "Legale rappresentante di un’impresa la cui PEC non riceve: ogni messaggio torna come mancata consegna.",
	},
	{
		ID: "sofia", GivenName: "Sofia", FamilyName: "Conti", TaxCode: "CNTSFO91L65A794B",
		Birthdate: "1991-07-25", Gender: "female", BirthPlace: "A794", Province: "BG",
		Email: "sofia.conti@example.it",
		Note:  "Cittadina senza domicilio digitale e senza imprese.",
	},
	{
		ID: "luca", GivenName: "Luca", FamilyName: "Marini", TaxCode: "MRNLCU85A30C933X",
		Birthdate: "1985-01-30", Gender: "male", BirthPlace: "C933", Province: "CO",
		Email: "luca.marini@example.it", Domicile: "luca.marini@pec.example.it",
		Note: "Legale rappresentante di un’impresa senza PEC e di una per cui il Registro Imprese non risponde.",
	},
	{
		ID: "anna", GivenName: "Anna", FamilyName: "Colombo", TaxCode: "CLMNNA74P48F205H",
		Birthdate: "1974-09-08", Gender: "female", BirthPlace: "F205", Province: "MI",
		Email: "anna.colombo@example.it", Chamber: "milano",
		Note: "Addetta della Camera di commercio di Milano Monza Brianza Lodi.",
	},
	{
		ID: "paolo", GivenName: "Paolo", FamilyName: "Greco", TaxCode: "GRCPLA82E17A794J",
		Birthdate: "1982-05-17", Gender: "male", BirthPlace: "A794", Province: "BG",
		Email: "paolo.greco@example.it", Chamber: "bergamo",
		Note: "Addetto della Camera di commercio di Bergamo.",
	},
}

// Persons returns a copy of all the personas, in a fixed order.
func Persons() []Person { return slices.Clone(persons) }

// FindPerson finds a persona by id or tax code, in any case.
func FindPerson(key string) (Person, bool) {
	key = strings.TrimSpace(key)
	for _, p := range persons {
		if strings.EqualFold(p.ID, key) || strings.EqualFold(p.TaxCode, key) {
			return p, true
		}
	}
	return Person{}, false
}

// Officer returns the persona that works for a chamber; a chamber without one is served by the
// first officer, because the key holder's word names the officer anyway.
func Officer(chamber string) Person {
	first := Person{}
	for _, p := range persons {
		if p.Chamber == chamber {
			return p
		}
		if first.ID == "" && p.Chamber != "" {
			first = p
		}
	}
	return first
}
