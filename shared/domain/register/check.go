package register

import (
	"errors"
	"strings"
	"sync/atomic"
)

// Violation says which clause a record breaks. Detail is Italian and holds no personal data.
type Violation struct {
	Rule     string
	Citation string
	Detail   string
}

// Violations is the error of Check and CheckAnnulment. It is permanent: the same record will be refused again, so the event becomes
// a problem and the register goes on.
type Violations []Violation

func (v Violations) Error() string {
	var b strings.Builder
	b.WriteString("register: entry refused")
	for _, one := range v {
		b.WriteString("; " + one.Rule + ": " + one.Detail)
	}
	return b.String()
}

// Sentence tells a person, in Italian, everything that was refused and by which clause.
func (v Violations) Sentence() string {
	var b strings.Builder
	for n, one := range v {
		if n > 0 {
			b.WriteString(" ")
		}
		b.WriteString(one.Detail + " (" + one.Citation + ")")
	}
	return b.String()
}

// ErrUsed is returned when a token is used a second time.
var ErrUsed = errors.New("register: token already used")

// Checked stands for an entry that obeys every rule at the moment it was checked. Only Check makes one, it cannot be changed, and
// it is good for one attempt to append. After a conflict the caller places and checks the entry again: the day it stood on may have
// been sealed meanwhile.
type Checked struct{ token *token }

type token struct {
	used     atomic.Bool
	admitted Admitted
}

// Admitted is what goes into the ledger.
type Admitted struct {
	Entry Entry
	Event string // the ledger's event
	Page  string // the ledger's page: the day of registration
	Body  []byte // the entry's canonical JSON
}

// Check holds an entry to the rules. The error is Violations, with every rule that is broken.
func Check(e Entry) (Checked, error) {
	var broken Violations
	for _, rule := range rules {
		// An entry without a date is held to everything.
		if validDate(e.RegistrationDate) && e.RegistrationDate < rule.Effective {
			continue
		}
		if detail := rule.Check(e); detail != "" {
			broken = append(broken, Violation{rule.ID, rule.Citation, detail})
		}
	}
	if broken != nil {
		return Checked{}, broken
	}
	body, err := e.Encode()
	if err != nil {
		return Checked{}, err
	}
	// Read back, so that the token shares no memory with the caller's entry.
	own, err := ParseEntry(body)
	if err != nil {
		return Checked{}, err
	}
	return Checked{&token{admitted: Admitted{Entry: own, Event: own.Event, Page: own.RegistrationDate, Body: body}}}, nil
}

// Use hands over the entry, once. The zero token is used up.
func (c Checked) Use() (Admitted, error) {
	if c.token == nil || c.token.used.Swap(true) {
		return Admitted{}, ErrUsed
	}
	return c.token.admitted, nil
}
