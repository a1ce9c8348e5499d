package people

import "strings"

// oddValues are the weights of the characters in odd positions (DM 23 December 1976): digits
// first, then letters; a letter weighs what the digit of the same rank weighs.
var oddValues = map[byte]int{
	'0': 1, '1': 0, '2': 5, '3': 7, '4': 9, '5': 13, '6': 15, '7': 17, '8': 19, '9': 21,
	'A': 1, 'B': 0, 'C': 5, 'D': 7, 'E': 9, 'F': 13, 'G': 15, 'H': 17, 'I': 19, 'J': 21,
	'K': 2, 'L': 4, 'M': 18, 'N': 20, 'O': 11, 'P': 3, 'Q': 6, 'R': 8, 'S': 12, 'T': 14,
	'U': 16, 'V': 10, 'W': 22, 'X': 25, 'Y': 24, 'Z': 23,
}

// ValidTaxCode tells whether s is the tax code of a person (16 characters) with the right check
// character. It does not look at the shape of each position: the registers accept omocodia.
func ValidTaxCode(s string) bool {
	s = strings.ToUpper(s)
	if len(s) != 16 {
		return false
	}
	sum := 0
	for i := range 15 {
		c := s[i]
		odd, known := oddValues[c]
		switch {
		case !known:
			return false
		case i%2 == 0:
			sum += odd
		case c <= '9':
			sum += int(c - '0')
		default:
			sum += int(c - 'A')
		}
	}
	return s[15] == byte('A'+sum%26)
}

// ValidCompanyCode tells whether s is the 11-digit tax code of a company with the right check digit.
func ValidCompanyCode(s string) bool {
	if len(s) != 11 || s == "00000000000" {
		return false
	}
	sum := 0
	for i := range 11 {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
		d := int(s[i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}
