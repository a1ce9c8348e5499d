// Package payment is what is owed for an act and what became of it: the numbers by which people pay (IUV, notice number), the payment's row, the
// notices that tell what was paid, and the table that says what a notice does. It is pure: no clock, no storage, no institute.
//
// Sources: PagoPA, SACI "Specifiche attuative dei codici identificativi di versamento, riversamento e rendicontazione", 3.2; CAD (d.lgs. 82/2005) art. 5.
package payment

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"
)

// aux is the auxiliary digit of every notice number: SACI 3.2 keeps no other, and says that a segregation code follows.
const aux = "3"

// IUV makes a number of payment (identificativo univoco di versamento): 17 digits, the creditor's segregation code, 13 of ours and two check
// digits. seed is what is paid for, and the try: who finds the number taken tries the next.
func IUV(segregation, seed string, try int) (string, error) {
	if !digits(segregation, 2) || segregation > "45" {
		return "", fmt.Errorf("payment: segregation code %q is not between 00 and 45", segregation)
	}
	sum := sha256.Sum256([]byte("iuv\x00" + seed + "\x00" + strconv.Itoa(try)))
	base := fmt.Sprintf("%s%013d", segregation, binary.BigEndian.Uint64(sum[:8])%1e13)
	return base + check(base), nil
}

// NoticeNumber is the number that people pay by (numero avviso): 18 digits.
func NoticeNumber(iuv string) string { return aux + iuv }

// ValidIUV tells whether a text is a number of payment: length, digits, segregation code (to 49: SACI 3.0 gave those out) and check digits.
func ValidIUV(iuv string) bool {
	return digits(iuv, 17) && iuv[:2] <= "49" && iuv[15:] == check(iuv[:15])
}

// check is the first 16 digits of the notice number, aux among them, modulo 93, in two digits.
func check(base string) string {
	n, _ := strconv.ParseUint(aux+base, 10, 64) // sixteen digits always fit
	return fmt.Sprintf("%02d", n%93)
}

func digits(s string, n int) bool {
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(s) == n
}

// IUPD is how the institute and we name the position of an application: derived, so that making it again makes the same.
func IUPD(application string) string { return "SPT-" + application }
