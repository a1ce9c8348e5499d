package identity

import (
	"strings"
	"testing"

	"sportello/shared/domain/problem"
)

func TestParseTaxCodeAccepts(t *testing.T) {
	for _, c := range []struct {
		in, want string
		person   bool
	}{
		{"RSSMRA80A01H501U", "RSSMRA80A01H501U", true},
		{" rssmra80a01h501u ", "RSSMRA80A01H501U", true},
		{"MRTMTT25D09F205Z", "MRTMTT25D09F205Z", true},
		{"VRDLGU75M45F205E", "VRDLGU75M45F205E", true}, // a woman: day plus 40
		{"BNCGNN02P24F205T", "BNCGNN02P24F205T", true},
		{"RSSMRA80A01H50MM", "RSSMRA80A01H50MM", true}, // omocodia: one, two, all places
		{"RSSMRA80A01H5LMX", "RSSMRA80A01H5LMX", true},
		{"RSSMRAULALMHRLMD", "RSSMRAULALMHRLMD", true},
		{"02313821007", "02313821007", false},
		{"00743110157", "00743110157", false},
		{"86334519757", "86334519757", false},
		{"02342520158", "02342520158", false},
		{"12345678903", "12345678903", false},
	} {
		got, err := ParseTaxCode(c.in)
		if err != nil || string(got) != c.want || got.IsPerson() != c.person || got.IsCompany() == c.person {
			t.Errorf("ParseTaxCode(%q) = %q, %v", c.in, got, err)
		}
	}
}

func TestParseTaxCodeRefuses(t *testing.T) {
	for in, reason := range map[string]string{
		"":                  "obbligatorio",
		"RSSMRA80A01H501":   "16 caratteri",
		"RSSMRA80A01H501X":  "ultimo carattere",
		"RRANGL74M28R701V":  "ultimo carattere", // an example published with a wrong check character
		"ABCXYZ00W00Z000Z":  "non ammesso",      // W is no month
		"RSSMRA80A00H501T":  "data di nascita",
		"RSSMRA80B30H501Y":  "data di nascita",
		"RSSMRA80A32H501X":  "data di nascita",
		"RSSMRA80A72H501X":  "data di nascita",
		"RSSMRÀ80A01H501":   "non ammesso", // 16 bytes, 15 characters
		"RSSMRA8OA01H501U":  "non ammesso", // O is no omocodia letter
		"77777777777":       "ultima cifra",
		"00000000000":       "ultima cifra",
		"0231382100A":       "senza lettere",
		"023138210071":      "16 caratteri",
		"RSSMRA80A01H501U1": "16 caratteri",
	} {
		_, err := ParseTaxCode(in)
		p, ok := err.(*problem.Problem)
		if !ok || p.Kind != problem.Invalid || !strings.Contains(p.Detail, reason) {
			t.Errorf("ParseTaxCode(%q): %v, want a reason about %q", in, err, reason)
		}
		if ok && in != "" && strings.Contains(p.Detail+p.Error(), in) {
			t.Errorf("ParseTaxCode(%q): the reason repeats the code", in)
		}
	}
}

func TestPlain(t *testing.T) {
	for in, want := range map[TaxCode]TaxCode{
		"RSSMRA80A01H50MM": "RSSMRA80A01H501U",
		"RSSMRAULALMHRLMD": "RSSMRA80A01H501U",
		"RSSMRA80A01H501U": "RSSMRA80A01H501U",
		"02313821007":      "02313821007",
	} {
		if got := in.Plain(); got != want {
			t.Errorf("%s.Plain() = %s, want %s", in, got, want)
		}
	}
}

// A check digit exists to catch one mistyped digit: no company code that differs in one place may pass.
func TestOneWrongDigit(t *testing.T) {
	const code = "02313821007"
	for i := range code {
		for d := byte('0'); d <= '9'; d++ {
			if d == code[i] {
				continue
			}
			wrong := code[:i] + string(d) + code[i+1:]
			if _, err := ParseTaxCode(wrong); err == nil {
				t.Errorf("%s passes", wrong)
			}
		}
	}
}

func FuzzParseTaxCode(f *testing.F) {
	for _, s := range []string{"RSSMRA80A01H501U", "RSSMRAULALMHRLMD", "02313821007", "00000000000", "àààààààà", "RSSMRÀ80A01H501"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		code, err := ParseTaxCode(s)
		if err != nil {
			return
		}
		again, err := ParseTaxCode(string(code))
		if err != nil || again != code {
			t.Fatalf("%q parses to %q, which does not parse to itself: %v", s, code, err)
		}
		if plain, err := ParseTaxCode(string(code.Plain())); err != nil || plain.Plain() != plain {
			t.Fatalf("plain form of %q does not parse: %v", code, err)
		}
	})
}
