// Package deadline counts the terms of the law: dates in Europe/Rome, the Italian holidays, and the clock of a case, which starts with
// the application, stops once while the applicant completes it, and goes on.
package deadline

import (
	"errors"
	"fmt"
	"sync"
	"time"

	_ "time/tzdata" // the Lambda runtime has no time zone files, and every legal date depends on one
)

// Rome is the zone of every legal date.
var Rome = sync.OnceValue(func() *time.Location {
	rome, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		panic("deadline: the embedded zone data lack Europe/Rome") // cannot happen: they are compiled in above
	}
	return rome
})

// Date is a day of the calendar. The zero Date is no day. It marshals as 2026-11-22; the zero Date as the empty string.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// DateOf is the day on which t falls in Europe/Rome.
func DateOf(t time.Time) Date {
	year, month, day := t.In(Rome()).Date()
	return Date{year, month, day}
}

// ErrDate is returned, wrapped, for a text that is no date.
var ErrDate = errors.New("deadline: not a date")

// ParseDate reads YYYY-MM-DD.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return Date{}, ErrDate
	}
	return Date{t.Year(), t.Month(), t.Day()}, nil
}

func (d Date) utc() time.Time { return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC) }

func fromUTC(t time.Time) Date { return Date{t.Year(), t.Month(), t.Day()} }

// AddDays is the day n days later, or earlier when n is negative.
func (d Date) AddDays(n int) Date { return fromUTC(d.utc().AddDate(0, 0, n)) }

// DaysUntil counts the days from d to other; negative when other is earlier.
func (d Date) DaysUntil(other Date) int { return int(other.utc().Sub(d.utc()) / (24 * time.Hour)) }

// Weekday is the day of the week.
func (d Date) Weekday() time.Weekday { return d.utc().Weekday() }

// Before and After compare two days.
func (d Date) Before(other Date) bool { return d.utc().Before(other.utc()) }
func (d Date) After(other Date) bool  { return other.Before(d) }

// IsZero tells whether d is no day.
func (d Date) IsZero() bool { return d == Date{} }

// Start is the first instant of the day in Europe/Rome; End the first instant after it, so that a day has 23, 24 or 25 hours.
func (d Date) Start() time.Time { return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, Rome()).UTC() }
func (d Date) End() time.Time   { return d.AddDays(1).Start() }

// String writes YYYY-MM-DD, or nothing for the zero Date.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return fmt.Sprintf("%04d-%02d-%02d", d.Year, int(d.Month), d.Day)
}

// MarshalText and UnmarshalText make a Date a string in JSON.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

func (d *Date) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*d = Date{}
		return nil
	}
	parsed, err := ParseDate(string(text))
	*d = parsed
	return err
}
