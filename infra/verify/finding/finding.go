// Package finding is what the verifier says of a record that does not hold: where it is, which it is, what is wrong with it. The words
// are Italian, for the people of the office, and hold nothing of a record's contents: they are personal data.
package finding

import (
	"errors"
	"fmt"
)

// Broken is one finding. It travels as an error up to the audit, which stops at the first.
type Broken struct {
	// Where is the object's key, or the table and the row's key.
	Where string `json:"where"`
	// What is wrong, in Italian.
	What string `json:"what"`
	// Record says which record of the object, if it has more than one.
	Record string `json:"record,omitempty"`
}

// New makes a finding whose place is still to be told.
func New(record, format string, args ...any) *Broken {
	return &Broken{Record: record, What: fmt.Sprintf(format, args...)}
}

// At makes a finding at a place.
func At(where, record, format string, args ...any) *Broken {
	return New(record, format, args...).In(where)
}

// In returns the finding with its place.
func (b *Broken) In(where string) *Broken {
	c := *b
	c.Where = where
	return &c
}

// Error is the finding in one line.
func (b *Broken) Error() string {
	if b.Record == "" {
		return b.Where + ": " + b.What
	}
	return b.Where + ": " + b.Record + ": " + b.What
}

// Of tells a finding from an error that kept us from looking.
func Of(err error) (*Broken, bool) {
	var b *Broken
	ok := errors.As(err, &b)
	return b, ok
}

// In gives the finding that err is, if it is one, its place.
func In(where string, err error) error {
	if b, ok := err.(*Broken); ok && b.Where == "" {
		return b.In(where)
	}
	return err
}
