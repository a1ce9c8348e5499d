package deadline

import (
	"errors"
	"time"
)

// Clock is the term of a case. It is a small value that a row keeps; its methods return the new one.
type Clock struct {
	Start     Date `json:"start"`              // the day of the event that starts the term
	Days      int  `json:"days"`               // its length
	Suspended Date `json:"suspended,omitzero"` // the day on which the one suspension began
	Limit     int  `json:"limit,omitempty"`    // how many days that suspension lasts at most
	ReplyBy   Date `json:"replyBy,omitzero"`   // until when the applicant may answer
	Resumed   Date `json:"resumed,omitzero"`   // the day on which the answer ended it
}

// MaxSuspension is in days.
//
// L. 241/1990, art. 2 c.7: "i termini di cui ai commi 2, 3, 4 e 5 del presente articolo possono essere sospesi, per una sola volta e per
// un periodo non superiore a trenta giorni, per l'acquisizione di informazioni o di certificazioni relative a fatti, stati o qualità
// non attestati in documenti già in possesso dell'amministrazione stessa".
const MaxSuspension = 30

var (
	// ErrAlreadySuspended is returned by Suspend the second time: the law allows one. The office may still ask, but the term runs.
	ErrAlreadySuspended = errors.New("deadline: the term has been suspended before")
	// ErrSuspensionLength is returned by Suspend for less than a day or more than MaxSuspension.
	ErrSuspensionLength = errors.New("deadline: a suspension lasts between 1 and 30 days")
	// ErrExpired is returned by Suspend when the term has already ended: there is nothing left to suspend.
	ErrExpired = errors.New("deadline: the term has ended")
	// ErrNotSuspended is returned by Resume when no suspension is open. For a repeated answer it means: already done.
	ErrNotSuspended = errors.New("deadline: the term is not suspended")
	// ErrBackwards is returned for an instant before one the clock already knows.
	ErrBackwards = errors.New("deadline: the instant is before the clock's own")
)

// Start begins a term of so many days.
//
// L. 241/1990, art. 2 c.6: "I termini per la conclusione del procedimento decorrono dall'inizio del procedimento d'ufficio o dal
// ricevimento della domanda, se il procedimento è ad iniziativa di parte." The application is received when it is presented.
func Start(presented time.Time, days int) Clock { return Clock{Start: DateOf(presented), Days: days} }

// Suspend stops the term for at most so many days, from the day of at, while the applicant is asked for something.
func (c Clock) Suspend(at time.Time, days int, cal Calendar) (Clock, error) {
	day := DateOf(at)
	switch {
	case !c.Suspended.IsZero():
		return c, ErrAlreadySuspended
	case days < 1 || days > MaxSuspension:
		return c, ErrSuspensionLength
	case day.Before(c.Start):
		return c, ErrBackwards
	case day.After(c.Due(cal)):
		return c, ErrExpired
	}
	c.Suspended, c.Limit, c.ReplyBy = day, days, cal.Expiry(day, days)
	return c, nil
}

// Resume ends the suspension with the answer received at an instant. An answer that came after the limit changes nothing more: the
// term went on by itself when the limit was reached.
func (c Clock) Resume(at time.Time) (Clock, error) {
	day := DateOf(at)
	switch {
	case c.Suspended.IsZero() || !c.Resumed.IsZero():
		return c, ErrNotSuspended
	case day.Before(c.Suspended):
		return c, ErrBackwards
	}
	c.Resumed = day
	return c, nil
}

// pause is how many days the term stood still, or will if nobody answers.
func (c Clock) pause() int {
	switch {
	case c.Suspended.IsZero():
		return 0
	case c.Resumed.IsZero():
		return c.Limit
	}
	return min(c.Suspended.DaysUntil(c.Resumed), c.Limit)
}

// Due is the last day of the term. While a suspension is open it is the latest it can become.
func (c Clock) Due(cal Calendar) Date {
	due := cal.Expiry(c.Start, c.Days+c.pause())
	if c.Suspended.IsZero() {
		return due
	}
	// Suspended on a day that only a holiday had added, the term has no day left, and yet does not end before its suspension does.
	end := c.ReplyBy
	if !c.Resumed.IsZero() && c.Resumed.Before(end) {
		end = cal.Expiry(c.Resumed, 0)
	}
	if due.Before(end) {
		return end
	}
	return due
}
