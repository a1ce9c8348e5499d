package road

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// The term of a case, counted here from the law and from nothing of the product: what both had wrong would not show.
const maxSuspension = 30 // L. 241/1990 art. 2 c.7

// termDays are the services' terms: that of L. 241/1990 art. 2 c.2, or what a service says of itself.
var termDays = map[string]int{"reclami": 30, "listino-prezzi": 5}

// Term is what a case's last day comes from.
type Term struct {
	Chamber   string
	Service   string
	Presented time.Time
	Asked     time.Time // zero: nothing was asked
	Days      int       // given to answer
	Answered  time.Time // zero: no answer yet, or none in time
}

// TermOf reads a term from a case's story, in which the office gave so many days to answer. Only the first request stops the term.
func TermOf(chamber, service string, story []Line, days int) Term {
	t := Term{Chamber: chamber, Service: service, Days: min(days, maxSuspension)}
	for _, l := range story {
		switch {
		case l.Event == "submitted":
			t.Presented = l.At
		case l.Event == "integration_requested" && t.Asked.IsZero():
			t.Asked = l.At
		case l.Event == "integration_received" && !t.Asked.IsZero() && t.Answered.IsZero():
			t.Answered = l.At
		}
	}
	return t
}

// Due is the last day, as YYYY-MM-DD in Europe/Rome. The day of presentation does not count and the last one does (c.c. art. 2963); the
// days that the term stood still are added; a last day that is a holiday moves on to the next that is none. No term ends before its own
// suspension.
func (t Term) Due() string {
	start, stood := dayOf(t.Presented), 0
	end := start // of the suspension
	if !t.Asked.IsZero() {
		stood, end = t.Days, t.working(dayOf(t.Asked).AddDate(0, 0, t.Days))
		if !t.Answered.IsZero() {
			answered := dayOf(t.Answered)
			stood = min(days(dayOf(t.Asked), answered), t.Days)
			if answered.Before(end) {
				end = t.working(answered)
			}
		}
	}
	due := t.working(start.AddDate(0, 0, termDays[t.Service]+stood))
	if due.Before(end) {
		due = end
	}
	return due.Format(time.DateOnly)
}

// working is a day or, if it is a holiday, the next that is none. A Saturday is none.
func (t Term) working(day time.Time) time.Time {
	for t.holiday(day) {
		day = day.AddDate(0, 0, 1)
	}
	return day
}

// holidays of the whole country, and patrons' days of the chambers' seats: MM-DD.
var (
	holidays = []string{"01-01", "01-06", "04-25", "05-01", "06-02", "08-15", "10-04", "11-01", "12-08", "12-25", "12-26"}
	patrons  = map[string]string{
		"bergamo": "08-26", "brescia": "02-15", "como-lecco": "08-31", "cremona-mantova-pavia": "03-18", "milano": "12-07",
		"sondrio": "06-19", "varese": "05-08",
	}
)

func (t Term) holiday(day time.Time) bool {
	date := day.Format("01-02")
	return day.Weekday() == time.Sunday || slices.Contains(holidays, date) || date == patrons[t.Chamber] || day.Equal(easter(day.Year()).AddDate(0, 0, 1))
}

// easter is Easter Sunday, as Gauss counts it for this century and the last.
func easter(year int) time.Time {
	d := (19*(year%19) + 24) % 30
	e := (2*(year%4) + 4*(year%7) + 6*d + 5) % 7
	if d == 29 && e == 6 || d == 28 && e == 6 && year%19 > 10 {
		e = -1
	}
	return time.Date(year, time.March, 22+d+e, 0, 0, 0, 0, time.UTC)
}

// dayOf is the day of an instant in Rome, as midnight in UTC: days of equal length.
func dayOf(at time.Time) time.Time {
	year, month, day := at.In(Rome()).Date()
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

func days(from, to time.Time) int { return int(to.Sub(from) / (24 * time.Hour)) }

// InTerm: I5, the last day that a case shows is the one that the law gives to its story, as who may see it is told the story.
func InTerm(ctx context.Context, who *Browser, chamber string, v View, given int) error {
	story, err := Story(ctx, who, v.ID)
	if err != nil {
		return err
	}
	if want := TermOf(chamber, v.Service, story, given).Due(); v.Deadline.Due != want {
		return fmt.Errorf("il termine scade il %s, per legge il %s", v.Deadline.Due, want)
	}
	return nil
}
