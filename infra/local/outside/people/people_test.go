package people

import "testing"

func TestTaxCodesAreValid(t *testing.T) {
	if len(Persons()) != 6 {
		t.Fatalf("personas: got %d, want 6", len(Persons()))
	}
	for _, p := range Persons() {
		if !ValidTaxCode(p.TaxCode) {
			t.Errorf("%s: tax code %s has a wrong check character", p.ID, p.TaxCode)
		}
	}
	for _, c := range Companies() {
		if !ValidCompanyCode(c.TaxCode) {
			t.Errorf("%s: tax code %s has a wrong check digit", c.Name, c.TaxCode)
		}
		for _, r := range c.Representatives {
			if _, ok := FindPerson(r); !ok {
				t.Errorf("%s: representative %s is nobody", c.Name, r)
			}
		}
	}
}

func TestCheckCharacters(t *testing.T) {
	for code, want := range map[string]bool{
		"RSSMRA80A01H501U": true, "MRTMTT25D09F205Z": true, "RSSMRA80A01H50MM": true,
		"RSSMRA80A01H501X": false, "RRANGL74M28R701V": false, "": false, "RSSMRA80A01H50à": false,
	} {
		if got := ValidTaxCode(code); got != want {
			t.Errorf("ValidTaxCode(%q) = %v, want %v", code, got, want)
		}
	}
	for code, want := range map[string]bool{
		"02313821007": true, "12345678903": true, "77777777777": false, "00000000000": false, "1234567890a": false,
	} {
		if got := ValidCompanyCode(code); got != want {
			t.Errorf("ValidCompanyCode(%q) = %v, want %v", code, got, want)
		}
	}
}

func TestRepresentation(t *testing.T) {
	if got := len(Represented("RNLGLI79D52F205F")); got != 2 {
		t.Errorf("Giulia represents %d companies, want 2", got)
	}
	if got := len(Represented("CNTSFO91L65A794B")); got != 0 {
		t.Errorf("Sofia represents %d companies, want 0", got)
	}
}
