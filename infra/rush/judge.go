package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"sportello/infra/road"
)

// breaches is what does not hold.
type breaches struct {
	sync.Mutex
	list []string
}

func (b *breaches) add(format string, args ...any) {
	b.Lock()
	defer b.Unlock()
	b.list = append(b.list, fmt.Sprintf(format, args...))
}

// judge holds everything against what was presented.
func (r *rush) judge(ctx context.Context) result {
	out, wrong := r.outcome(), &breaches{}
	out.Moved = r.moved
	all, err := r.entries(ctx)
	if err != nil {
		wrong.add("i registri non si leggono: %v", err)
	}
	numbers := r.register(all, wrong)
	positions, err := r.positions(ctx)
	if err != nil {
		wrong.add("l'istituto non risponde: %v", err)
	}
	out.Payments = r.money(positions, wrong)
	times := &times{}
	r.abreast(r.cases, func(c *client, f *filed) {
		if f.failed != nil {
			wrong.add("pratica %d (%s, %s): %v", f.n, f.chamber, f.id, f.failed)
			return
		}
		if err := c.judge(ctx, f, numbers[f.id], positions[f.presented.Payment.NoticeNumber], times); err != nil {
			wrong.add("pratica %d (%s, %s): %v", f.n, f.chamber, f.id, err)
		}
	})
	out.Entries, out.Registered = map[string]int{}, len(numbers)
	for chamber, list := range all {
		out.Entries[chamber] = len(list)
	}
	out.measure(times)
	out.Payments.Ours, out.Payments.OurCents = times.payments, times.cents
	if p := out.Payments; p.Ours != p.Receipts || p.OurCents != p.Cents {
		wrong.add("l'istituto ha incassato %d volte, %d centesimi; le pratiche ne dicono %d, %d centesimi", p.Receipts, p.Cents, p.Ours, p.OurCents)
	}
	r.problems(ctx, wrong)
	if log, err := os.ReadFile(r.LogFile()); err != nil {
		wrong.add("il log non si legge: %v", err)
	} else {
		for _, line := range failures(log) {
			wrong.add("errore interno: %s", line)
		}
	}
	said, err := road.Verify(ctx, r.verify, r.Cloud)
	out.Verifier = strings.TrimSpace(said)
	if err != nil || !strings.Contains(said, "TUTTO TORNA") {
		wrong.add("il verificatore: %v", err)
	} else if err := archived(said, out.Entries); err != nil {
		wrong.add("il verificatore: %v", err)
	}
	out.Retries = r.tally.retries
	out.Breaches = wrong.list
	return out
}

// register: numbers 1..n in each chamber, an entry for each application and none for what nobody presented. It returns the numbers by application.
func (r *rush) register(all map[string][]road.Entry, wrong *breaches) map[string][]string {
	home := map[string]string{}
	for _, f := range r.cases {
		home[f.id] = f.chamber
	}
	numbers := map[string][]string{}
	for chamber, list := range all {
		if err := road.Unbroken(list); err != nil {
			wrong.add("%s: %v", chamber, err)
		}
		for _, e := range list {
			if home[e.Application] != chamber || e.Kind != "application" {
				wrong.add("%s: il numero %s (%s) è di %s, che nessuno ha presentato qui", chamber, e.Number, e.Kind, e.Application)
			}
			numbers[e.Application] = append(numbers[e.Application], e.Number)
		}
	}
	return numbers
}

var (
	entered = regexp.MustCompile(`Registrazioni\s+(\d+)`)
	upTo    = regexp.MustCompile(`([a-z-]+)#\d{4} fino a seq (\d+)`)
)

// failed is a request that a function itself answered with a failure of its own. What a killed one leaves unanswered the gateway answers, and
// nobody logs.
var failed = regexp.MustCompile(`(?m)^.*\brequest\b.*\bstatus=500\b.*$`)

func failures(log []byte) (lines []string) {
	for _, line := range failed.FindAll(log, -1) {
		lines = append(lines, string(line))
	}
	return lines
}

// archived: what the verifier read in table, chain and archive are the numbers that the offices read, as many at each chamber.
func archived(said string, entries map[string]int) error {
	total, last := 0, map[string]int{}
	for chamber, n := range entries {
		total += n
		last[chamber] = 0
	}
	for _, found := range upTo.FindAllStringSubmatch(said, -1) {
		last[found[1]], _ = strconv.Atoi(found[2])
	}
	for chamber, seq := range last {
		if seq < entries[chamber] || entries[chamber] == 0 && seq > 0 {
			return fmt.Errorf("%s fino a seq %d, con %d numeri", chamber, seq, entries[chamber])
		}
	}
	if found := entered.FindStringSubmatch(said); found == nil || found[1] != strconv.Itoa(total) {
		return fmt.Errorf("%v, con %d numeri", found, total)
	}
	return nil
}

// position is a debt position as the institute tells of it.
type position struct {
	NAV, State string
	Amount     int
	Receipts   []struct {
		ID     string
		Amount int
	}
	Refunds []struct{ ID string }
}

// positions are all of the institute's, by notice number.
func (r *rush) positions(ctx context.Context) (map[string]position, error) {
	var list struct{ Positions []position }
	err := r.World().Get(ctx, "/control/institute", &list)
	byNumber := map[string]position{}
	for _, p := range list.Positions {
		byNumber[p.NAV] = p
	}
	if len(byNumber) != len(list.Positions) {
		return byNumber, fmt.Errorf("%d posizioni con %d numeri di avviso", len(list.Positions), len(byNumber))
	}
	return byNumber, err
}

// money: the institute has a position for each price list, and no other; nothing goes back.
func (r *rush) money(positions map[string]position, wrong *breaches) payments {
	var p payments
	p.Told = map[string]int{}
	for _, f := range r.cases {
		if f.priced {
			p.Owed++
			p.Told[f.paying]++
		}
	}
	for _, at := range positions {
		for _, receipt := range at.Receipts {
			p.Receipts++
			p.Cents += receipt.Amount
		}
		p.Refunds += len(at.Refunds)
	}
	p.Positions = len(positions)
	if p.Positions != p.Owed || p.Receipts != p.Owed || p.Cents != 300*p.Owed || p.Refunds > 0 {
		wrong.add("%d listini: l'istituto ha %d posizioni, %d ricevute per %d centesimi, %d rimborsi", p.Owed, p.Positions, p.Receipts, p.Cents, p.Refunds)
	}
	return p
}

// judge: one number, the one that the case shows; one receipt that can be read; paid once, by the institute's own receipt.
func (c *client) judge(ctx context.Context, f *filed, numbers []string, paid position, t *times) error {
	v, err := c.view(ctx, f)
	if err != nil {
		return err
	}
	switch {
	case len(numbers) != 1:
		return fmt.Errorf("%d numeri: %v", len(numbers), numbers)
	case v.Protocol == nil || v.Protocol.Number != numbers[0]:
		return fmt.Errorf("numero %s nel registro, %v nella pratica (%s)", numbers[0], v.Protocol, v.State)
	case v.State != "registered":
		return fmt.Errorf("stato %s", v.State)
	case receipts(v) != 1:
		return fmt.Errorf("%d ricevute", receipts(v))
	}
	if err := road.OnTime(v, f.presented.PresentedAt); err != nil {
		return err
	}
	if err := c.readable(ctx, f, v); err != nil {
		return err
	}
	if f.priced {
		if err := settled(v, paid); err != nil {
			return err
		}
		t.count(v.Payment.Amount)
	} else if v.Payment != nil {
		return fmt.Errorf("un reclamo con un pagamento")
	}
	return c.timed(ctx, f, t)
}

// settled: the institute's one receipt is ours.
func settled(v road.View, paid position) error {
	switch {
	case len(paid.Receipts) != 1 || paid.Receipts[0].Amount != 300 || paid.State != "PAID" || len(paid.Refunds) > 0:
		return fmt.Errorf("per l'istituto la posizione è %+v", paid)
	case v.Payment == nil || v.Payment.State != "paid" || v.Payment.Amount != 300 || v.Payment.NoticeNumber != paid.NAV:
		return fmt.Errorf("per noi il pagamento è %+v", v.Payment)
	case v.Payment.ReceiptID != paid.Receipts[0].ID:
		return fmt.Errorf("ricevuta %s dell'istituto, %s nella pratica", paid.Receipts[0].ID, v.Payment.ReceiptID)
	}
	return nil
}

// readable downloads the receipt and compares it with its digest.
func (c *client) readable(ctx context.Context, f *filed, v road.View) error {
	at := slices.IndexFunc(v.Documents, func(d road.Document) bool { return d.Kind == "receipt" })
	d := v.Documents[at]
	b, err := c.browser(ctx, f)
	if err != nil {
		return err
	}
	var data []byte
	err = c.insist(ctx, "receipt", f, func() (err error) { data, err = b.Download(ctx, f.path("/documents/"+d.ID)); return err })
	if err != nil {
		return err
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != d.SHA256 {
		return fmt.Errorf("la ricevuta non ha l'impronta dichiarata")
	}
	return nil
}

// times are the instants that the cases tell of.
type times struct {
	sync.Mutex
	first, last time.Time       // of those whose numbers the clock's move has no part in
	waits       []time.Duration // from presented, or paid, to number: what was told at once
	complaints  []time.Duration
	paid        []time.Duration

	payments, cents int // that the cases tell of
}

func (t *times) count(cents int) {
	t.Lock()
	defer t.Unlock()
	t.payments++
	t.cents += cents
}

// slack is by how much two clocks may differ, and a moment that was written down be off.
const slack = 2 * time.Second

// honest: the instants that a case tells of are those that we saw: presented between our asking and the answer, numbered before we saw the number.
func (f *filed) honest(submitted, registered time.Time, ahead time.Duration) error {
	submitted, registered = submitted.Add(-ahead), registered.Add(-ahead)
	switch {
	case submitted.Before(f.asked.Add(-slack)) || submitted.After(f.answered.Add(slack)):
		return fmt.Errorf("presentata alle %s, ma chiesta alle %s e confermata alle %s", submitted, f.asked, f.answered)
	case !f.seen.IsZero() && registered.After(f.seen.Add(slack)):
		return fmt.Errorf("numerata alle %s, ma il numero si vedeva alle %s", registered, f.seen)
	case registered.Before(submitted):
		return fmt.Errorf("numerata alle %s, prima di essere presentata", registered)
	}
	return nil
}

// timed reads the case's own story: each of its events once.
func (c *client) timed(ctx context.Context, f *filed, t *times) error {
	b, err := c.browser(ctx, f)
	if err != nil {
		return err
	}
	var story []road.Line
	err = c.insist(ctx, "timeline", f, func() (err error) { story, err = road.Story(ctx, b, f.id); return err })
	if err != nil {
		return err
	}
	at, seen := map[string]time.Time{}, map[string]int{}
	for _, l := range story {
		at[l.Event] = l.At
		seen[l.Event]++
	}
	from, want := "submitted", []string{"submitted", "registered"}
	if f.priced {
		from, want = "paid", append(want, "paid")
	}
	for _, event := range want {
		if seen[event] != 1 {
			return fmt.Errorf("la storia dice %d volte %s", seen[event], event)
		}
	}
	if err := f.honest(at["submitted"], at["registered"], c.ahead); err != nil {
		return err
	}
	if f.seen.IsZero() { // the clock was moved before
		return nil
	}
	t.Lock()
	defer t.Unlock()
	if t.first.IsZero() || at["submitted"].Before(t.first) {
		t.first = at["submitted"]
	}
	if at["registered"].After(t.last) {
		t.last = at["registered"]
	}
	wait := at["registered"].Sub(at[from])
	t.waits = append(t.waits, wait)
	if f.priced {
		t.paid = append(t.paid, wait)
	} else {
		t.complaints = append(t.complaints, wait)
	}
	return nil
}

// problems: what was in trouble for a while has ended.
func (r *rush) problems(ctx context.Context, wrong *breaches) {
	for _, chamber := range chambers {
		var open struct {
			Items []struct{ Kind, Detail string }
		}
		if err := r.offices[chamber].Get(ctx, "/chamber/v1/problems", &open); err != nil {
			wrong.add("%s: i problemi non si leggono: %v", chamber, err)
		}
		for _, p := range open.Items {
			wrong.add("%s: problema aperto, %s: %s", chamber, p.Kind, p.Detail)
		}
	}
}
