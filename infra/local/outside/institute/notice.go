package institute

import (
	"errors"
	"fmt"
	"strconv"
)

// ErrCheckDigits is a number whose last two digits are not those of the other sixteen.
var ErrCheckDigits = errors.New("le cifre di controllo non sono giuste")

// maxSegregation is the last segregation code that pagoPA assigns to creditors.
const maxSegregation = 45

// CheckNumber looks at a notice number with auxiliary digit 3, the only one that SACI 3.2 keeps:
// 3, segregation code (2), base of the IUV (13), check digits (2).
func CheckNumber(nav string) error {
	if len(nav) != 18 {
		return errors.New("il numero di avviso ha 18 cifre")
	}
	for _, c := range nav {
		if c < '0' || c > '9' {
			return errors.New("il numero di avviso ha solo cifre")
		}
	}
	if nav[0] != '3' {
		return errors.New("il numero di avviso comincia con 3 (codice di segregazione)")
	}
	if segregation, _ := strconv.Atoi(nav[1:3]); segregation > maxSegregation {
		return fmt.Errorf("il codice di segregazione va da 00 a %d", maxSegregation)
	}
	base, _ := strconv.ParseUint(nav[:16], 10, 64) // sixteen digits: they fit
	if fmt.Sprintf("%02d", base%93) != nav[16:] {
		return ErrCheckDigits
	}
	return nil
}
