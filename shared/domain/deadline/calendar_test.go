package deadline

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func d(s string) Date {
	date, err := ParseDate(s)
	if err != nil {
		panic(err)
	}
	return date
}

var milano = NewCalendar(Anniversary{time.December, 7})

func TestHolidays(t *testing.T) {
	for day, want := range map[string]bool{
		"2026-01-01": true, "2026-01-06": true, "2026-04-05": true, "2026-04-06": true, "2026-04-03": false, // Good Friday is none
		"2026-04-25": true, "2026-05-01": true, "2026-06-02": true, "2026-08-15": true, "2026-11-01": true,
		"2026-12-07": true, "2026-12-08": true, "2026-12-25": true, "2026-12-26": true,
		"2026-11-22": true,                      // a Sunday
		"2026-11-21": false,                     // a Saturday
		"2027-10-04": true, "2025-10-04": false, // a holiday again from 2026
		"2026-11-04": false, "2026-03-19": false,
		"2025-04-21": true, "2027-03-29": true, "2024-04-01": true, "2038-04-26": true, // Easter Mondays, early and late
	} {
		if got := milano.Holiday(d(day)); got != want {
			t.Errorf("%s: holiday %v, want %v", day, got, want)
		}
	}
	if (Calendar{}).Holiday(d("2026-12-07")) {
		t.Error("another seat keeps Milan's patron")
	}
}

func TestWorking(t *testing.T) {
	for day, want := range map[string]bool{
		"2026-11-20": true, "2026-11-21": false, "2026-11-22": false, "2026-11-23": true, // Friday to Monday
		"2026-12-04": true, "2026-12-07": false, "2026-12-08": false, "2026-12-09": true, // patron, Immaculate
		"2026-12-24": true, "2026-12-25": false, "2026-12-28": true, "2027-01-01": false, "2027-01-04": true,
	} {
		if got := milano.Working(d(day)); got != want {
			t.Errorf("%s: %v, want %v", day, got, want)
		}
	}
}

func TestExpiry(t *testing.T) {
	for _, c := range []struct {
		start string
		days  int
		want  string
	}{
		{"2026-11-23", 30, "2026-12-23"}, // first day out, last day in
		{"2026-11-22", 1, "2026-11-23"},  // it may start on a holiday
		{"2026-11-24", 5, "2026-11-30"},  // ends on a Sunday
		{"2026-11-25", 10, "2026-12-05"}, // ends on a Saturday, which is no holiday
		{"2026-11-27", 10, "2026-12-09"}, // patron, then Immaculate
		{"2026-11-25", 30, "2026-12-28"}, // Christmas, St Stephen, Sunday
		{"2026-03-06", 30, "2026-04-07"}, // Easter and its Monday
		{"2024-02-28", 1, "2024-02-29"},
	} {
		if got := milano.Expiry(d(c.start), c.days); got != d(c.want) {
			t.Errorf("%s + %d: %s, want %s", c.start, c.days, got, c.want)
		}
	}
}

func TestDates(t *testing.T) {
	// 23:30 UTC of 30 June is 1 July in Rome; clocks change on 29 March and 25 October 2026.
	if got := DateOf(time.Date(2026, 6, 30, 23, 30, 0, 0, time.UTC)); got != d("2026-07-01") {
		t.Errorf("DateOf: %s", got)
	}
	if got := DateOf(time.Date(2026, 12, 31, 22, 59, 59, 0, time.UTC)); got != d("2026-12-31") {
		t.Errorf("DateOf: %s", got)
	}
	for day, hours := range map[string]float64{"2026-03-29": 23, "2026-10-25": 25, "2026-11-22": 24} {
		if got := d(day).End().Sub(d(day).Start()).Hours(); got != hours {
			t.Errorf("%s has %v hours, want %v", day, got, hours)
		}
	}
	for _, s := range []string{"", "2026-02-29", "2026-1-1", "22/11/2026", "2026-11-22T00:00:00Z"} {
		if _, err := ParseDate(s); !errors.Is(err, ErrDate) {
			t.Errorf("ParseDate(%q): %v", s, err)
		}
	}
	raw, err := json.Marshal(struct{ A, B Date }{A: d("2026-11-22")})
	if err != nil || string(raw) != `{"A":"2026-11-22","B":""}` {
		t.Errorf("%s, %v", raw, err)
	}
	var back struct{ A, B Date }
	if err := json.Unmarshal(raw, &back); err != nil || back.A != d("2026-11-22") || !back.B.IsZero() {
		t.Errorf("%+v, %v", back, err)
	}
}

func drawDate(t *rapid.T, label string) Date {
	return d("2020-01-01").AddDays(rapid.IntRange(0, 20*365).Draw(t, label))
}

func TestExpiryProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start, days := drawDate(t, "start"), rapid.IntRange(1, 400).Draw(t, "days")
		end := milano.Expiry(start, days)
		if milano.Holiday(end) {
			t.Fatalf("%s is a holiday", end)
		}
		// The longest run of holidays is four days (St Stephen to a Sunday, or a weekend with patron and Immaculate).
		if late := start.AddDays(days).DaysUntil(end); late < 0 || late > 4 {
			t.Fatalf("%d days beyond the term", late)
		}
		for day := start.AddDays(days); day.Before(end); day = day.AddDays(1) {
			if !milano.Holiday(day) {
				t.Fatalf("%s was skipped and is no holiday", day)
			}
		}
		if milano.Expiry(start, days+1).Before(end) {
			t.Fatal("a longer term ends earlier")
		}
	})
}

func TestEasterIsASundayInSpring(t *testing.T) {
	for year := 1990; year <= 2200; year++ {
		e := easter(year)
		if e.Weekday() != time.Sunday || e.Before(Date{year, time.March, 22}) || e.After(Date{year, time.April, 25}) {
			t.Errorf("Easter of %d: %s, a %s", year, e, e.Weekday())
		}
	}
}
