package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// result is what rush.json holds.
type result struct {
	Options    options        `json:"options"`
	Seconds    float64        `json:"seconds"`
	Registered int            `json:"registered"`
	Entries    map[string]int `json:"entries"` // of each chamber's register
	Payments   payments       `json:"payments"`
	Kills      map[string]int `json:"kills"` // processes, by function
	Killed     int            `json:"killed"`
	KilledBusy int            `json:"killedAtWork"`
	Retries    map[string]int `json:"retries"` // of clients: what was done again, and what had been answered
	PerSecond  float64        `json:"perSecond"`
	// Moved are cases that had no number yet, and should, when the clock was moved for the payments told of late or never.
	Moved int `json:"withoutNumberWhenTheClockMoved"`
	// Waits are from presented to number; of what is paid for, from paid to number. What was numbered after the clock was moved is not among them.
	Waits    map[string]wait `json:"waits"`
	Breaches []string        `json:"breaches"`
	Verifier string          `json:"verifier"`
}

// payments are counted at the institute.
type payments struct {
	Owed      int            `json:"owed"`
	Positions int            `json:"positions"`
	Receipts  int            `json:"receipts"`
	Cents     int            `json:"cents"`
	Refunds   int            `json:"refunds"`
	Ours      int            `json:"ours"` // that the cases tell of
	OurCents  int            `json:"ourCents"`
	Told      map[string]int `json:"told"` // how the institute told of them
}

// wait is a distribution, in seconds.
type wait struct {
	Count int     `json:"count"`
	P50   float64 `json:"p50"`
	P95   float64 `json:"p95"`
	Max   float64 `json:"max"`
}

func (r *rush) outcome() result {
	r.kills.Lock()
	defer r.kills.Unlock()
	for name := range r.kills.ran {
		r.kills.of[name] += 0 // one that ran and was spared is told too
	}
	return result{Options: r.options, Kills: r.kills.of, Killed: r.kills.all, KilledBusy: r.kills.busy}
}

func (out *result) measure(t *times) {
	if span := t.last.Sub(t.first).Seconds(); span > 0 {
		out.PerSecond = float64(len(t.waits)) / span
	}
	out.Waits = map[string]wait{"all": spread(t.waits), "reclami": spread(t.complaints), "listino-prezzi": spread(t.paid)}
}

func spread(list []time.Duration) wait {
	if len(list) == 0 {
		return wait{}
	}
	slices.Sort(list)
	at := func(share float64) float64 { return list[int(share*float64(len(list)-1)+0.5)].Seconds() }
	return wait{Count: len(list), P50: at(0.5), P95: at(0.95), Max: at(1)}
}

func (out result) write(path string) error {
	data, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o644)
}

// shown is how many breaches are printed; rush.json has all.
const shown = 20

func (out result) print() {
	fmt.Printf("\n%d pratiche numerate su %d; registri %v\n", out.Registered, out.Options.N, out.Entries)
	p := out.Payments
	fmt.Printf("pagamenti: %d dovuti; all'istituto %d posizioni, %d ricevute, %d,%02d euro, %d rimborsi; nelle pratiche %d pagati, %d,%02d euro; avvisi %v\n",
		p.Owed, p.Positions, p.Receipts, p.Cents/100, p.Cents%100, p.Refunds, p.Ours, p.OurCents/100, p.OurCents%100, p.Told)
	fmt.Printf("processi uccisi: %d, di cui %d di funzioni al lavoro\n", out.Killed, out.KilledBusy)
	for _, name := range slices.Sorted(maps.Keys(out.Kills)) {
		fmt.Printf("  %-32s %d\n", name, out.Kills[name])
	}
	fmt.Println("richieste ripetute:")
	for _, name := range slices.Sorted(maps.Keys(out.Retries)) {
		fmt.Printf("  %-32s %d\n", name, out.Retries[name])
	}
	fmt.Printf("%.1f pratiche al secondo, dalla prima presentazione all'ultimo numero (senza i pagamenti avvisati tardi o mai)\n", out.PerSecond)
	if out.Moved > 0 {
		fmt.Printf("  senza contarne %d che non avevano ancora il numero quando l'orologio è andato avanti\n", out.Moved)
	}
	for _, name := range slices.Sorted(maps.Keys(out.Waits)) {
		w := out.Waits[name]
		fmt.Printf("  %-16s %5d: p50 %.2f s, p95 %.2f s, massimo %.2f s da presentata (o pagata) al numero\n", name, w.Count, w.P50, w.P95, w.Max)
	}
	fmt.Printf("\n%s\n\n", out.Verifier)
	for _, b := range out.Breaches[:min(shown, len(out.Breaches))] {
		fmt.Println("  NON REGGE", b)
	}
	if n := len(out.Breaches); n > shown {
		fmt.Printf("  e altri %d\n", n-shown)
	}
	fmt.Printf("%.0f secondi, %d cose che non reggono\n", out.Seconds, len(out.Breaches))
}
