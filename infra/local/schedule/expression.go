// Package schedule fires functions by the clock as EventBridge Scheduler does:
// rate, cron and at expressions, in a time zone, on the movable clock.
package schedule

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	// The zones are compiled in: not every system has them.
	_ "time/tzdata"
)

// Expression tells when a schedule fires.
type Expression interface {
	// Next is the first instant after t, or the zero time if there is none.
	Next(t time.Time) time.Time
}

// Parse reads rate(…), cron(…) or at(…); zone names a location.
func Parse(text, zone string) (Expression, error) {
	location, err := time.LoadLocation(zone)
	if err != nil {
		return nil, fmt.Errorf("schedule %s: %w", text, err)
	}
	name, rest, ok := strings.Cut(strings.TrimSpace(text), "(")
	arg, closed := strings.CutSuffix(rest, ")")
	if !ok || !closed {
		return nil, fmt.Errorf("schedule %q is no expression", text)
	}
	var e Expression
	switch name {
	case "rate":
		e, err = parseRate(arg)
	case "cron":
		e, err = parseCron(arg, location)
	case "at":
		e, err = parseAt(arg, location)
	default:
		err = errors.New("it must be rate, cron or at")
	}
	if err != nil {
		return nil, fmt.Errorf("schedule %s: %w", text, err)
	}
	return e, nil
}

type rate time.Duration

func (r rate) Next(t time.Time) time.Time { return t.Add(time.Duration(r)) }

func parseRate(arg string) (Expression, error) {
	number, unit, _ := strings.Cut(strings.TrimSpace(arg), " ")
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 {
		return nil, errors.New("a rate needs a positive number")
	}
	units := map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}
	d, ok := units[strings.TrimSuffix(unit, "s")]
	if !ok {
		return nil, fmt.Errorf("%q is no unit", unit)
	}
	return rate(time.Duration(n) * d), nil
}

type at time.Time

func (a at) Next(t time.Time) time.Time {
	if time.Time(a).After(t) {
		return time.Time(a)
	}
	return time.Time{}
}

func parseAt(arg string, location *time.Location) (Expression, error) {
	t, err := time.ParseInLocation("2006-01-02T15:04:05", arg, location)
	return at(t), err
}

// cron has the six fields of AWS: minute, hour, day of month, month, day of
// week, year.
type cron struct {
	location                    *time.Location
	minutes, hours, months      []int
	years                       []int // nil means every year
	dayOfMonth, dayOfWeek       []dayRule
	anyDayOfMonth, anyDayOfWeek bool
}

// dayRule says whether a date fits one term of a day field.
type dayRule func(d time.Time) bool

func parseCron(arg string, location *time.Location) (Expression, error) {
	fields := strings.Fields(arg)
	if len(fields) != 6 {
		return nil, fmt.Errorf("a cron expression has six fields, not %d", len(fields))
	}
	c := &cron{location: location}
	var errs [6]error
	c.minutes, errs[0] = parseSet(fields[0], 0, 59, nil)
	c.hours, errs[1] = parseSet(fields[1], 0, 23, nil)
	c.dayOfMonth, c.anyDayOfMonth, errs[2] = parseDayOfMonth(fields[2])
	c.months, errs[3] = parseSet(fields[3], 1, 12, monthNames)
	c.dayOfWeek, c.anyDayOfWeek, errs[4] = parseDayOfWeek(fields[4])
	if fields[5] != "*" {
		c.years, errs[5] = parseSet(fields[5], 1970, 2199, nil)
	}
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	if (fields[2] == "?") == (fields[4] == "?") {
		return nil, errors.New("exactly one of day of month and day of week must be ?")
	}
	return c, nil
}

var (
	monthNames = names("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC")
	dayNames   = names("SUN MON TUE WED THU FRI SAT")
)

func names(list string) map[string]int {
	out := map[string]int{}
	for i, name := range strings.Fields(list) {
		out[name] = i + 1
	}
	return out
}

// parseSet reads *, n, a-b, */s, a/s, a-b/s and lists of them.
func parseSet(field string, low, high int, named map[string]int) ([]int, error) {
	var out []int
	for term := range strings.SplitSeq(field, ",") {
		span, stepText, stepped := strings.Cut(term, "/")
		step := 1
		if stepped {
			n, err := strconv.Atoi(stepText)
			if err != nil || n < 1 {
				return nil, fmt.Errorf("%q has no valid step", term)
			}
			step = n
		}
		from, to, err := parseSpan(span, low, high, stepped, named)
		if err != nil {
			return nil, err
		}
		for v := from; v <= to; v += step {
			out = append(out, v)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

func parseSpan(span string, low, high int, stepped bool, named map[string]int) (from, to int, err error) {
	if span == "*" {
		return low, high, nil
	}
	first, last, ranged := strings.Cut(span, "-")
	from, err = parseNumber(first, low, high, named)
	if err != nil {
		return 0, 0, err
	}
	switch {
	case ranged:
		to, err = parseNumber(last, low, high, named)
	case stepped:
		to = high
	default:
		to = from
	}
	if err == nil && from > to {
		err = fmt.Errorf("%q runs backwards", span)
	}
	return from, to, err
}

func parseNumber(s string, low, high int, named map[string]int) (int, error) {
	if n, ok := named[strings.ToUpper(s)]; ok {
		return n, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < low || n > high {
		return 0, fmt.Errorf("%q is not between %d and %d", s, low, high)
	}
	return n, nil
}

func parseDayOfMonth(field string) (rules []dayRule, every bool, err error) {
	switch {
	case field == "*" || field == "?":
		return nil, true, nil
	case field == "L":
		return []dayRule{func(d time.Time) bool { return d.AddDate(0, 0, 1).Day() == 1 }}, false, nil
	case strings.HasSuffix(field, "W"):
		n, err := parseNumber(strings.TrimSuffix(field, "W"), 1, 31, nil)
		return []dayRule{func(d time.Time) bool { return d.Day() == nearestWeekday(d, n) }}, false, err
	}
	set, err := parseSet(field, 1, 31, nil)
	return []dayRule{func(d time.Time) bool { return slices.Contains(set, d.Day()) }}, false, err
}

// nearestWeekday is the weekday of d's month nearest to day n.
func nearestWeekday(d time.Time, n int) int {
	last := time.Date(d.Year(), d.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
	n = min(n, last)
	switch time.Date(d.Year(), d.Month(), n, 0, 0, 0, 0, time.UTC).Weekday() {
	case time.Saturday:
		if n == 1 {
			return 3
		}
		return n - 1
	case time.Sunday:
		if n == last {
			return n - 2
		}
		return n + 1
	}
	return n
}

// weekday numbers days as AWS does: 1 is Sunday.
func weekday(d time.Time) int { return int(d.Weekday()) + 1 }

func parseDayOfWeek(field string) (rules []dayRule, every bool, err error) {
	if field == "*" || field == "?" {
		return nil, true, nil
	}
	if field == "L" {
		field = "7"
	}
	if day, nth, ok := strings.Cut(field, "#"); ok {
		n, e1 := parseNumber(day, 1, 7, dayNames)
		k, e2 := parseNumber(nth, 1, 5, nil)
		return []dayRule{func(d time.Time) bool { return weekday(d) == n && (d.Day()-1)/7+1 == k }}, false, errors.Join(e1, e2)
	}
	if day, ok := strings.CutSuffix(field, "L"); ok {
		n, err := parseNumber(day, 1, 7, dayNames)
		return []dayRule{func(d time.Time) bool { return weekday(d) == n && d.AddDate(0, 0, 7).Month() != d.Month() }}, false, err
	}
	set, err := parseSet(field, 1, 7, dayNames)
	return []dayRule{func(d time.Time) bool { return slices.Contains(set, weekday(d)) }}, false, err
}

func (c *cron) dayFits(d time.Time) bool {
	if !slices.Contains(c.months, int(d.Month())) || c.years != nil && !slices.Contains(c.years, d.Year()) {
		return false
	}
	fits := func(rules []dayRule, every bool) bool {
		return every || slices.ContainsFunc(rules, func(r dayRule) bool { return r(d) })
	}
	return fits(c.dayOfMonth, c.anyDayOfMonth) && fits(c.dayOfWeek, c.anyDayOfWeek)
}

// horizon is how far ahead a date is looked for: 29 February on one weekday
// comes back within 28 years, or 40 across a century.
const horizon = 41 * 366

// Next walks the calendar of the zone day by day. A time that a change of the
// clocks leaves out fires at the instant the change makes of it; one that
// comes twice fires once.
func (c *cron) Next(t time.Time) time.Time {
	local := t.In(c.location)
	day := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, time.UTC)
	for range horizon {
		if c.dayFits(day) {
			for _, hour := range c.hours {
				for _, minute := range c.minutes {
					at := time.Date(day.Year(), day.Month(), day.Day(), hour, minute, 0, 0, c.location)
					if at.After(t) {
						return at
					}
				}
			}
		}
		day = day.AddDate(0, 0, 1)
	}
	return time.Time{}
}
