// Package identity knows who a person is: the tax code and its check, the person behind a login, and in whose name they act.
package identity

import (
	"strings"
	"time"

	"sportello/shared/domain/problem"
)

// TaxCode is an Italian tax code (codice fiscale): 16 characters for a person, 11 digits for a company or other body. A value made
// by ParseTaxCode is upper case and has a right check character. Two codes name the same subject only if they are equal.
type TaxCode string

// ParseTaxCode reads a tax code as people write it (lower case, spaces around). The error is a problem of kind Invalid whose detail
// says in Italian what is wrong; it never repeats the code.
func ParseTaxCode(s string) (TaxCode, error) {
	code := strings.ToUpper(strings.TrimSpace(s))
	var reason string
	switch len(code) {
	case 0:
		reason = "Il codice fiscale è obbligatorio."
	case personLength:
		reason = checkPerson(code)
	case companyLength:
		reason = checkCompany(code)
	default:
		reason = "Il codice fiscale deve avere 16 caratteri (persone) o 11 cifre (imprese ed enti)."
	}
	if reason != "" {
		return "", problem.New(problem.Invalid, reason)
	}
	return TaxCode(code), nil
}

const (
	personLength  = 16
	companyLength = 11
)

// IsPerson tells whether the code has a person's form.
func (c TaxCode) IsPerson() bool { return len(c) == personLength }

// IsCompany tells whether the code has the form of a company or other body.
func (c TaxCode) IsCompany() bool { return len(c) == companyLength }

// Plain undoes omocodia: the letters that stand for digits become digits again and the check character is computed anew. It serves to
// read what the code says, and to ask services that refuse letters there. It does NOT name the same person: omocodia exists to
// tell apart two people whose plain codes are equal. A company's code is returned as it is.
func (c TaxCode) Plain() TaxCode {
	if !c.IsPerson() {
		return c
	}
	plain := []byte(c)
	for _, i := range digitPlaces {
		if d, ok := omocodiaDigit(plain[i]); ok {
			plain[i] = '0' + d
		}
	}
	plain[personLength-1] = personCheck(string(plain[:personLength-1]))
	return TaxCode(plain)
}

// DM 23 dicembre 1976, art. 4 ff.: year, month, day and place follow six letters of surname and name. These are the seven places of
// digits, which art. 6 lets be replaced by letters, from the right, when two people would have the same code.
var digitPlaces = [...]int{6, 7, 9, 10, 12, 13, 14}

const omocodiaLetters = "LMNPQRSTUV" // for 0 to 9

const monthLetters = "ABCDEHLMPRST" // for January to December

func checkPerson(code string) string {
	for i := 0; i < personLength; i++ {
		if !rightKind(i, code[i]) {
			return "Il codice fiscale contiene un carattere non ammesso in quella posizione: controlla di averlo scritto per intero e senza errori."
		}
	}
	if !validBirth(string(TaxCode(code).Plain())) {
		return "Il codice fiscale contiene una data di nascita inesistente: controlla di averlo scritto senza errori."
	}
	if personCheck(code[:personLength-1]) != code[personLength-1] {
		return "L'ultimo carattere del codice fiscale non corrisponde agli altri: controlla di averlo scritto senza errori."
	}
	return ""
}

// rightKind tells whether c may stand at place i of a person's code.
func rightKind(i int, c byte) bool {
	for _, place := range digitPlaces {
		if i == place {
			_, letter := omocodiaDigit(c)
			return letter || isDigit(c)
		}
	}
	if i == 8 {
		return strings.IndexByte(monthLetters, c) >= 0
	}
	return c >= 'A' && c <= 'Z'
}

func omocodiaDigit(c byte) (byte, bool) {
	i := strings.IndexByte(omocodiaLetters, c)
	return byte(i), i >= 0
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func twoDigits(s string) int { return int(s[0]-'0')*10 + int(s[1]-'0') }

// validBirth checks day and month of a plain code. The century is not written, so 29 February is right if either century had it.
func validBirth(plain string) bool {
	year, month, day := twoDigits(plain[6:8]), strings.IndexByte(monthLetters, plain[8])+1, twoDigits(plain[9:11])
	if day > 40 { // women: day of birth plus 40
		day -= 40
	}
	return dateExists(1900+year, month, day) || dateExists(2000+year, month, day)
}

func dateExists(year, month, day int) bool {
	d := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	return d.Day() == day && d.Month() == time.Month(month)
}

// oddValues are the values of characters in odd places (the first, the third, …), for 0-9 and equally for A-J, then K to Z.
var oddValues = [26]int{1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23}

// personCheck computes the check letter of the first 15 characters (DM 23 dicembre 1976, art. 5): values of odd and even places are
// added, the remainder by 26 is the letter.
func personCheck(body string) byte {
	sum := 0
	for i := 0; i < len(body); i++ {
		value := int(body[i] - '0')
		if !isDigit(body[i]) {
			value = int(body[i] - 'A')
		}
		if i%2 == 0 { // counted from one, an odd place
			value = oddValues[value]
		}
		sum += value
	}
	return byte('A' + sum%26)
}

func checkCompany(code string) string {
	sum := 0
	for i := 0; i < companyLength; i++ {
		if !isDigit(code[i]) {
			return "Il codice fiscale di un'impresa o di un ente ha 11 cifre, senza lettere."
		}
		digit := int(code[i] - '0')
		if i%2 == 1 { // counted from one, an even place: doubled
			digit *= 2
			if digit > 9 {
				digit -= 9
			}
		}
		sum += digit
	}
	// Eleven zeros pass the arithmetic and belong to nobody.
	if code == "00000000000" || sum%10 != 0 {
		return "L'ultima cifra del codice fiscale non corrisponde alle altre: controlla di averlo scritto senza errori."
	}
	return ""
}
