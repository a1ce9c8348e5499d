package people

import "slices"

// Company is an enterprise as the Registro Imprese and INI-PEC know it.
type Company struct {
	TaxCode string  `json:"taxCode"` // 11 digits
	Name    string  `json:"name"`
	REA     string  `json:"rea"`
	Seat    Address `json:"seat"`
	// PEC is the address in INI-PEC, empty when the company has none.
	PEC string `json:"pec,omitempty"`
	// Representatives are the tax codes of the legal representatives.
	Representatives []string `json:"representatives"`
	// Failing makes the register answer 503 to every question about this very company.
	Failing bool   `json:"failing,omitempty"`
	Note    string `json:"note"`
}

// Address is a seat, in the words of the register's own contract.
type Address struct {
	Toponym      string `json:"toponym"`
	Street       string `json:"street"`
	Number       string `json:"number"`
	Municipality string `json:"municipality"`
	Province     string `json:"province"`
	PostCode     string `json:"postCode"`
}

var companies = []Company{
	{
		TaxCode: "09900000010", Name: "OFFICINE RINALDI S.R.L.", REA: "MI-9900001",
		Seat:            Address{"VIA", "DELLE ROGGE FINTE", "12", "MILANO", "MI", "20100"},
		PEC:             "officine.rinaldi@pec.example.it",
		Representatives: []string{"RNLGLI79D52F205F"},
		Note:            "PEC funzionante.",
	},
	{
		TaxCode: "09900000028", Name: "TESSITURA RINALDI VALSERIANA S.R.L.", REA: "BG-9900002",
		Seat:            Address{"VIA", "DEL TELAIO", "3", "ALBINO", "BG", "24021"},
		PEC:             "tessitura.valseriana@pec.example.it",
		Representatives: []string{"RNLGLI79D52F205F"},
		Note:            "PEC funzionante.",
	},
	{
		TaxCode: "09900000036", Name: "BELLINI TRASPORTI S.R.L.", REA: "BS-9900003",
		Seat:            Address{"VIA", "DELLA DARSENA IMMAGINARIA", "45", "BRESCIA", "BS", "25100"},
		PEC:             "mancata.consegna@bellini-trasporti.pec.example.it",
		Representatives: []string{"BLLMRC68S03B157Y"},
		Note:            "La PEC torna sempre come mancata consegna.",
	},
	{
		TaxCode: "09900000044", Name: "MARINI VINI DI VALTELLINA S.A.S.", REA: "SO-9900004",
		Seat:            Address{"CONTRADA", "DEI TERRAZZAMENTI", "7", "SONDRIO", "SO", "23100"},
		Representatives: []string{"MRNLCU85A30C933X"},
		Note:            "Nessuna PEC in INI-PEC.",
	},
	{
		TaxCode: "09900000051", Name: "LARIO NAUTICA S.R.L.", REA: "CO-9900005",
		Seat:            Address{"LUNGOLAGO", "DI PROVA", "1", "COMO", "CO", "22100"},
		PEC:             "lario.nautica@pec.example.it",
		Representatives: []string{"MRNLCU85A30C933X"}, Failing: true,
		Note: "Il Registro Imprese risponde 503 a ogni domanda su questa impresa.",
	},
}

// Companies returns a copy of all the companies, in a fixed order.
func Companies() []Company { return slices.Clone(companies) }

// FindCompany finds a company by its tax code.
func FindCompany(taxCode string) (Company, bool) {
	for _, c := range companies {
		if c.TaxCode == taxCode {
			return c, true
		}
	}
	return Company{}, false
}

// Represented lists the companies a person legally represents.
func Represented(taxCode string) []Company {
	var out []Company
	for _, c := range companies {
		if slices.Contains(c.Representatives, taxCode) {
			out = append(out, c)
		}
	}
	return out
}

// Chambers are the ids of the seven chambers, as in host names and mailbox domains.
func Chambers() []string {
	return []string{"bergamo", "brescia", "como-lecco", "cremona-mantova-pavia", "milano", "sondrio", "varese"}
}
