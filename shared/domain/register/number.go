package register

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrNumber is returned for a text that is no protocol number.
var ErrNumber = errors.New("register: not a protocol number")

// Number writes a protocol number. "Il numero di protocollo è progressivo e costituito da almeno sette cifre numeriche"
// (DPR 445/2000 art. 57): the ten-millionth of a year has eight.
func Number(n uint64) string { return fmt.Sprintf("%07d", n) }

// ParseNumber reads what Number writes, and nothing else: at least seven digits, padded only up to seven, not zero.
func ParseNumber(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n == 0 || Number(n) != s {
		return 0, fmt.Errorf("parsing %q: %w", s, ErrNumber)
	}
	return n, nil
}

// Stamp is the segnatura of an entry as data: what art. 55 c. 1 wants on every document. It carries no signature: the signed XML form
// (AgID, Allegato 6) is for what one administration sends to another.
type Stamp struct {
	Administration string `json:"administration"`
	AOO            string `json:"aoo"`
	Code           string `json:"code"`
	Number         string `json:"number"`
	Date           string `json:"date"` // of registration
}

// StampOf returns the segnatura of an entry that was given number n.
func StampOf(e Entry, n uint64) Stamp {
	return Stamp{e.Book.Administration, e.Book.AOO, e.Book.Code, Number(n), e.RegistrationDate}
}

// Text writes the segnatura in one line, as metadata and stamps carry it: ipa|AOO|register|number|date.
func (s Stamp) Text() string {
	return strings.Join([]string{s.Administration, s.AOO, s.Code, s.Number, s.Date}, "|")
}
