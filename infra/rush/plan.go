package main

import (
	"math/rand/v2"
	"time"

	"sportello/infra/road"
)

var chambers = []string{"milano", "bergamo", "sondrio"}

// officer is the tax code of the persona who reads the registers.
const officer = "CLMNNA74P48F205H"

// who is an applicant: a persona, for herself or for a company of hers.
type who struct {
	persona, provider, company string
	domicile                   map[string]any
}

var (
	registered = map[string]any{"domicile": "registered"}
	// complainants are persons and companies; payers are companies, whose legal representative signs. All can be reached by certified mail or chose
	// the portal, so that no problem is left to an office at the end.
	complainants = []who{
		{"giulia", "spid", "", map[string]any{"domicile": "elected", "pec": "giulia.rinaldi@pec.example.it"}},
		{"luca", "cie", "", map[string]any{"domicile": "elected", "pec": "luca.marini@pec.example.it"}},
		{"sofia", "spid", "", map[string]any{"domicile": "portal"}},
		{"giulia", "spid", "09900000010", registered},
		{"giulia", "spid", "09900000028", registered},
	}
	payers = []who{
		{"giulia", "spid", "09900000010", registered},
		{"giulia", "spid", "09900000028", registered},
	}
)

// Ways a payment is told of.
const (
	toldTwice = "callback-twice"
	toldLate  = "callback-late"
	neverTold = "callback-never"
)

// lateMinutes is after how long a late notice comes. Only the clock's move brings it, or it would be of no use.
const lateMinutes = 14

// behaviour draws how a payment is told of.
func behaviour(random *rand.Rand) string {
	switch n := random.IntN(100); {
	case n < 60:
		return "ok"
	case n < 80:
		return toldTwice
	case n < 90:
		return toldLate
	}
	return neverTold
}

// filed is one application.
type filed struct {
	who
	n       int
	chamber string
	priced  bool   // a price list: signed and paid for
	paying  string // how its payment is told of
	style   string // of its signature
	key     string // its Idempotency-Key

	id        string
	presented road.Submitted
	shown     bool // its number is in the case
	// By our clock: between which instants it was presented, and when we first saw its number; the last only before the cloud's clock was moved.
	asked, answered, seen time.Time
	failed                error
}

// prompt tells whether its number follows from what was told at once.
func (f *filed) prompt() bool {
	return f.failed == nil && (!f.priced || f.paying != toldLate && f.paying != neverTold)
}

func (f *filed) path(rest string) string { return "/api/v1/applications/" + f.id + rest }

// plan says who presents what, where: half complaints, half price lists, in an order that the seed draws.
func (r *rush) plan() []*filed {
	random := rand.New(rand.NewPCG(r.Seed, 1))
	cases := make([]*filed, r.N)
	for n := range cases {
		f := &filed{n: n, chamber: chambers[n/2%len(chambers)], priced: n%2 == 1, key: road.UUID()}
		if f.priced {
			f.who, f.paying = payers[random.IntN(len(payers))], behaviour(random)
			f.style = []string{"pades-t", "pades", "cades"}[random.IntN(3)]
		} else {
			f.who = complainants[random.IntN(len(complainants))]
		}
		cases[n] = f
	}
	random.Shuffle(len(cases), func(a, b int) { cases[a], cases[b] = cases[b], cases[a] })
	return cases
}
