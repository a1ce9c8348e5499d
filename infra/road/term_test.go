package road

import (
	"slices"
	"testing"
	"time"
)

func at(day string) time.Time {
	t, err := time.ParseInLocation("2006-01-02 15:04", day+" 12:00", Rome())
	if err != nil {
		panic(err)
	}
	return t
}

func TestDue(t *testing.T) {
	for _, c := range []struct {
		chamber, presented, asked string
		days                      int
		answered, want            string
	}{
		{"milano", "2026-11-23", "", 0, "", "2026-12-23"},
		{"milano", "2026-11-07", "", 0, "", "2026-12-09"},                      // Sant'Ambrogio, then the Immaculate
		{"bergamo", "2026-11-07", "", 0, "", "2026-12-07"},                     // no patron of theirs
		{"milano", "2026-11-25", "", 0, "", "2026-12-28"},                      // Christmas, St Stephen, a Sunday
		{"milano", "2026-03-06", "", 0, "", "2026-04-07"},                      // Easter and its Monday
		{"milano", "2026-11-05", "", 0, "", "2026-12-05"},                      // a Saturday is no holiday
		{"milano", "2026-09-04", "", 0, "", "2026-10-05"},                      // St Francis, a Sunday too
		{"milano", "2026-11-23", "2026-11-25", 10, "2026-11-28", "2026-12-28"}, // three days, then Boxing Day and a Sunday
		{"milano", "2026-11-23", "2026-11-23", 10, "2026-11-23", "2026-12-23"}, // asked and answered on one day
		{"milano", "2026-11-23", "2026-11-25", 10, "", "2027-01-02"},           // no answer: all ten
		{"milano", "2026-11-23", "2026-11-25", 10, "2026-12-20", "2027-01-02"}, // and one that is late
		{"milano", "2026-11-23", "2026-11-25", 60, "", "2027-01-22"},           // never more than thirty
		{"milano", "2026-10-01", "2026-11-02", 5, "", "2026-11-07"},            // beyond the term only by a holiday: not before the answer is due
	} {
		term := Term{Chamber: c.chamber, Service: "reclami", Presented: at(c.presented), Days: min(c.days, maxSuspension)}
		if c.asked != "" {
			term.Asked = at(c.asked)
		}
		if c.answered != "" {
			term.Answered = at(c.answered)
		}
		if got := term.Due(); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
	// Half past midnight in Rome is a day later than in Greenwich.
	if got := (Term{Service: "reclami", Presented: time.Date(2026, 9, 30, 22, 30, 0, 0, time.UTC)}).Due(); got != "2026-10-31" {
		t.Errorf("at half past midnight: %s", got)
	}
}

func TestEaster(t *testing.T) {
	for _, day := range []string{"2024-03-31", "2025-04-20", "2026-04-05", "2027-03-28", "2038-04-25", "1981-04-19", "2049-04-18", "2076-04-19"} {
		want, _ := time.Parse(time.DateOnly, day)
		if got := easter(want.Year()); !got.Equal(want) {
			t.Errorf("%d: %s, want %s", want.Year(), got.Format(time.DateOnly), day)
		}
	}
}

func TestStates(t *testing.T) {
	story := func(events ...string) (lines []Line) {
		for n, e := range events {
			lines = append(lines, Line{At: at("2026-11-23").Add(time.Duration(n) * time.Second), Event: e})
		}
		return lines
	}
	told := story("submitted", "receipt_issued", "registered", "taken_in_charge", "message", "integration_requested", "taken_in_charge",
		"integration_received", "numbered", "taken_in_charge", "decided", "mail_delivered", "rated", "closed", "preserved")
	want := []string{"draft", "presented", "registered", "in_progress", "awaiting_integration", "in_progress", "decided", "closed", "preserved"}
	if got, err := States(told); err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := States(story("submitted", "withdrawn", "registered")); err != nil || !slices.Equal(got, []string{"draft", "presented", "withdrawn"}) {
		t.Errorf("withdrawn: %v, %v", got, err)
	}
	paid := story("submitted", "receipt_issued", "paid", "registered")
	if got, err := States(paid); err != nil || !slices.Equal(got, []string{"draft", "awaiting_payment", "presented", "registered"}) {
		t.Errorf("paid for: %v, %v", got, err)
	}
	told[2].At, told[4].At = told[4].At, told[2].At
	if _, err := States(told); err == nil {
		t.Error("a story out of order passes")
	}
	if got := TermOf("milano", "reclami", story("submitted", "integration_requested", "integration_received", "integration_requested"), 60); got.Days != 30 ||
		!got.Asked.Equal(at("2026-11-23").Add(time.Second)) || got.Answered.IsZero() {
		t.Errorf("%+v", got)
	}
}
