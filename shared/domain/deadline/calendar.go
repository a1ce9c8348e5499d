package deadline

import "time"

// Anniversary is a day that comes back every year.
type Anniversary struct {
	Month time.Month `json:"month"`
	Day   int        `json:"day"`
}

// Calendar knows the holidays of one chamber's seat: the national ones and the patron's day. The zero Calendar knows the national ones.
type Calendar struct{ patrons []Anniversary }

// NewCalendar is the calendar of a seat with these patron's days.
func NewCalendar(patrons ...Anniversary) Calendar { return Calendar{patrons: patrons} }

// national are the fixed holidays of L. 27 maggio 1949 n. 260, art. 2, as amended (L. 54/1977, DPR 792/1985, L. 336/2000). Of those
// that have moved in and out of the list only the present state is known here: terms before 2001 are nobody's concern.
var national = [...]Anniversary{
	{time.January, 1}, {time.January, 6}, {time.April, 25}, {time.May, 1}, {time.June, 2}, {time.August, 15},
	{time.November, 1}, {time.December, 8}, {time.December, 25}, {time.December, 26},
}

// saintFrancis is the holiday of L. 8 ottobre 2025 n. 151, from 2026 on.
var saintFrancis = Anniversary{time.October, 4}

const saintFrancisSince = 2026

// Holiday tells whether d is a "giorno festivo": a Sunday, a national holiday, Easter Monday or the patron's day. Saturday is none:
// c.p.c. art. 155 c.6, "giornata del sabato, che ad ogni effetto è considerata lavorativa".
func (c Calendar) Holiday(d Date) bool {
	if d.Weekday() == time.Sunday || d == easter(d.Year).AddDays(1) {
		return true
	}
	day := Anniversary{d.Month, d.Day}
	if day == saintFrancis && d.Year >= saintFrancisSince {
		return true
	}
	for _, holiday := range national {
		if day == holiday {
			return true
		}
	}
	for _, patron := range c.patrons {
		if day == patron {
			return true
		}
	}
	return false
}

// Working tells whether the office works on d: Monday to Friday, no holiday. It serves what the office must do on a "giornata
// lavorativa", such as handing the day's register to preservation (DPCM on preservation, "entro la giornata lavorativa
// successiva"); terms of the law use Holiday.
func (c Calendar) Working(d Date) bool { return d.Weekday() != time.Saturday && !c.Holiday(d) }

// Expiry is the last day of a term of so many days that starts with the event of day start.
//
// C.c. art. 2963: "Non si computa il giorno nel corso del quale cade il momento iniziale del termine e la prescrizione si verifica con
// lo spirare dell'ultimo istante del giorno finale. Se il termine scade in giorno festivo, è prorogato di diritto al giorno seguente
// non festivo." Likewise c.p.c. art. 155 c.1 and c.4. The extension of c.5 to terms that end on a Saturday is for acts of a lawsuit.
func (c Calendar) Expiry(start Date, days int) Date {
	last := start.AddDays(days)
	for c.Holiday(last) {
		last = last.AddDays(1)
	}
	return last
}

// easter is Easter Sunday of a year of the Gregorian calendar (the algorithm of Meeus, Jones and Butcher).
func easter(year int) Date {
	a, b, c := year%19, year/100, year%100
	d, e := b/4, b%4
	g := (8*b + 13) / 25
	h := (19*a + b - d - g + 15) % 30
	i, k := c/4, c%4
	l := (32 + 2*e + 2*i - h - k) % 7
	m := (a + 11*h + 19*l) / 433
	month := (h + l - 7*m + 90) / 25
	day := (h + l - 7*m + 33*month + 19) % 32
	return Date{year, time.Month(month), day}
}
