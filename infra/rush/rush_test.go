package main

import (
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
