package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"sportello/infra/road"
)

// crowd is a plan whose cases have been presented, with the registers that they should come to.
func crowd(n int) (*rush, map[string][]road.Entry) {
	r := &rush{options: options{N: n, Seed: 7}}
	r.cases = r.plan()
	all := map[string][]road.Entry{}
	for _, f := range r.cases {
		f.id = f.key
		number := []string{"0000001", "0000002", "0000003", "0000004", "0000005"}[len(all[f.chamber])]
		all[f.chamber] = append(all[f.chamber], road.Entry{Number: number, Event: f.key, Kind: "application", Application: f.id})
	}
	return r, all
}

// TestPlan: half of each service, every chamber as many, and a seed that draws the same again.
func TestPlan(t *testing.T) {
	r, _ := crowd(12)
	priced, at := 0, map[string]int{}
	again := r.plan()
	for n, f := range r.cases {
		if f.priced {
			priced++
		}
		at[f.chamber]++
		if o := again[n]; o.n != f.n || o.persona != f.persona || o.company != f.company || o.paying != f.paying || o.style != f.style {
			t.Errorf("the seed draws %+v, then %+v", f, o)
		}
	}
	if priced != 6 || at["milano"] != 4 || at["bergamo"] != 4 || at["sondrio"] != 4 {
		t.Errorf("%d price lists, %v", priced, at)
	}
}

// TestRegister: what is lost, doubled, out of its place or of nobody is told.
func TestRegister(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(list []road.Entry) []road.Entry
		want  string
	}{
		"whole":           {func(l []road.Entry) []road.Entry { return l }, ""},
		"gap":             {func(l []road.Entry) []road.Entry { return l[1:] }, "è al posto 1"},
		"event twice":     {func(l []road.Entry) []road.Entry { l[1].Event = l[0].Event; return l }, "registrato due volte"},
		"of nobody":       {func(l []road.Entry) []road.Entry { l[0].Application = "nobody"; return l }, "nessuno ha presentato"},
		"no application":  {func(l []road.Entry) []road.Entry { l[0].Kind = "decision"; return l }, "nessuno ha presentato"},
		"another chamber": {func(l []road.Entry) []road.Entry { l[0].Application = "elsewhere"; return l }, "nessuno ha presentato"},
	} {
		t.Run(name, func(t *testing.T) {
			r, all := crowd(12)
			for _, f := range r.cases {
				if f.chamber == "bergamo" {
					f.id = "elsewhere"
				}
			}
			delete(all, "bergamo")
			all["milano"] = c.spoil(all["milano"])
			wrong := &breaches{}
			r.register(all, wrong)
			if said := strings.Join(wrong.list, "; "); !strings.Contains(said, c.want) || c.want == "" && said != "" {
				t.Errorf("said %q, want %q", said, c.want)
			}
		})
	}
}

// TestMoney: a payment too many or too few, another amount or a refund is told.
func TestMoney(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(p *position)
		sound bool
	}{
		"whole":        {func(*position) {}, true},
		"paid twice":   {func(p *position) { p.Receipts = append(p.Receipts, p.Receipts[0]) }, false},
		"not paid":     {func(p *position) { p.Receipts = nil }, false},
		"wrong amount": {func(p *position) { p.Receipts[0].Amount = 200 }, false},
		"given back":   {func(p *position) { p.Refunds = append(p.Refunds, struct{ ID string }{"R1"}) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := crowd(4)
			positions := map[string]position{}
			for _, f := range r.cases {
				if f.priced {
					p := position{NAV: f.key, State: "PAID", Amount: 300}
					p.Receipts = append(p.Receipts, struct {
						ID     string
						Amount int
					}{f.key, 300})
					c.spoil(&p)
					positions[f.key] = p
				}
			}
			wrong := &breaches{}
			r.money(positions, wrong)
			if (len(wrong.list) == 0) != c.sound {
				t.Errorf("said %v", wrong.list)
			}
			for key, p := range positions {
				v := road.View{Payment: &road.Payment{State: "paid", Amount: 300, NoticeNumber: key, ReceiptID: key}}
				if err := settled(v, p); (err == nil) != c.sound {
					t.Errorf("the case's payment: %v", err)
				}
			}
		})
	}
}

// TestSpread: the middle, the slow and the slowest.
func TestSpread(t *testing.T) {
	var list []time.Duration
	for n := 100; n >= 0; n-- {
		list = append(list, time.Duration(n)*time.Second)
	}
	if w := spread(list); w != (wait{101, 50, 95, 100}) {
		t.Errorf("spread %+v", w)
	}
	if w := spread(nil); w != (wait{}) {
		t.Errorf("spread of nothing %+v", w)
	}
}

// TestArchived: the verifier's count is held against the offices', chamber by chamber.
func TestArchived(t *testing.T) {
	const said = "Registri            2     milano#2026 fino a seq 3, sondrio#2026 fino a seq 2\nRegistrazioni       5     più 0 annotazioni\nTUTTO TORNA\n"
	for name, c := range map[string]struct {
		said    string
		entries map[string]int
		sound   bool
	}{
		"whole":             {said, map[string]int{"milano": 3, "sondrio": 2, "bergamo": 0}, true},
		"one too few":       {said, map[string]int{"milano": 2, "sondrio": 2}, false},
		"one too many":      {said, map[string]int{"milano": 4, "sondrio": 1}, false},
		"a chamber missing": {said, map[string]int{"milano": 3}, false},
		"a chamber more":    {said, map[string]int{"milano": 3, "sondrio": 1, "bergamo": 1}, false},
		"nothing said":      {"TUTTO TORNA", map[string]int{"milano": 3}, false},
	} {
		if err := archived(c.said, c.entries); (err == nil) != c.sound {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestHonest: what a case tells of its instants is what we saw, also where the cloud's clock is ahead of ours.
func TestHonest(t *testing.T) {
	start := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	f := filed{asked: at(10), answered: at(20), seen: at(60)}
	for name, c := range map[string]struct {
		submitted, registered int
		ahead                 time.Duration
		sound                 bool
	}{
		"as we saw":                   {15, 40, 0, true},
		"ahead":                       {3615, 3640, time.Hour, true},
		"presented before we asked":   {5, 40, 0, false},
		"presented after the answer":  {25, 40, 0, false},
		"numbered after we saw it":    {15, 70, 0, false},
		"numbered before presented":   {15, 14, 0, false},
		"an hour that nobody ordered": {3615, 3640, 0, false},
	} {
		if err := f.honest(at(c.submitted), at(c.registered), c.ahead); (err == nil) != c.sound {
			t.Errorf("%s: %v", name, err)
		}
	}
	f.seen = time.Time{}
	if err := f.honest(at(15), at(3600), 0); err != nil {
		t.Errorf("numbered after the clock was moved: %v", err)
	}
}

// TestDraw: functions are struck evenly, however many processes each has, and those at work more often.
func TestDraw(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	running := []function{{"many", []int{1, 2, 3, 4, 5, 6, 7, 8}, false}, {"one", []int{9}, false}, {"idle", []int{10}, false}}
	drawn := map[string]int{}
	for range 3000 {
		drawn[draw(running, random).name]++
	}
	for name, n := range drawn {
		if n < 900 || n > 1100 {
			t.Errorf("%s %d times of 3000", name, n)
		}
	}
	running[1].busy = true
	drawn = map[string]int{}
	for range 3000 {
		drawn[draw(running, random).name]++
	}
	if n := drawn["one"]; n < 1900 || n > 2100 || drawn["idle"] == 0 || drawn["many"] == 0 {
		t.Errorf("one at work of three: %v", drawn)
	}
}

// TestFailures: a failure is what a function says of itself, not what the gateway says of one that was killed.
func TestFailures(t *testing.T) {
	const log = `02:35:12.526 back-office           INFO request method=GET ms=3 route="GET /chamber/v1/problems" stage=local status=200
02:32:28.456 local                 WARN GET /chamber/v1/{proxy+} 500 api=ChamberApi ms=30
02:32:29.456 login                 ERROR request method=GET ms=3 route="GET /api/v1/session" stage=local status=500
`
	if got := failures([]byte(log)); len(got) != 1 || !strings.Contains(got[0], "/session") {
		t.Errorf("failures %q", got)
	}
}

// TestRetry: what was answered well and is not done yet is told apart from what got no answer.
func TestRetry(t *testing.T) {
	var ta tally
	for _, err := range []error{fmt.Errorf("judging: %w", errNotYet), io.ErrUnexpectedEOF, &road.Problem{Status: 500}} {
		ta.retry("signature", err)
	}
	for _, kind := range []string{"signature not yet", "signature no answer", "signature 500"} {
		if ta.retries[kind] != 1 {
			t.Errorf("%s: %v", kind, ta.retries)
		}
	}
}
