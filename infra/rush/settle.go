package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sportello/infra/road"
)

// entries are the numbers of every chamber's register.
func (r *rush) entries(ctx context.Context) (map[string][]road.Entry, error) {
	now, err := r.Now(ctx)
	if err != nil {
		return nil, err
	}
	all := map[string][]road.Entry{}
	for _, chamber := range chambers {
		for try := 1; ; try++ {
			if all[chamber], err = road.Register(ctx, r.offices[chamber], now.In(road.Rome()).Year()); err == nil {
				break
			}
			if try == tries || ctx.Err() != nil {
				return nil, err
			}
			r.tally.retry("register", err)
			time.Sleep(time.Second)
		}
	}
	return all, nil
}

// missing counts the wanted cases that have no number.
func (r *rush) missing(ctx context.Context, wanted func(*filed) bool) (int, error) {
	all, err := r.entries(ctx)
	if err != nil {
		return 0, err
	}
	has := map[string]bool{}
	for _, list := range all {
		for _, e := range list {
			has[e.Application] = true
		}
	}
	missing := 0
	for _, f := range r.cases {
		if wanted(f) && !has[f.id] {
			missing++
		}
	}
	return missing, nil
}

// look is how often the registers are read: each reading takes many pages, and a chamber's key has its limit.
const look = 5 * time.Second

// untold counts the wanted cases that do not show their number yet: it is in the register first, and a killed function may hold up the rest.
func (r *rush) untold(ctx context.Context, wanted func(*filed) bool) int {
	var left []*filed
	for _, f := range r.cases {
		if wanted(f) && !f.shown {
			left = append(left, f)
		}
	}
	r.abreast(left, func(c *client, f *filed) {
		v, err := c.view(ctx, f)
		if f.shown = err == nil && v.Protocol != nil; f.shown {
			f.seen = time.Now()
		}
	})
	return len(slices.DeleteFunc(left, func(f *filed) bool { return f.shown }))
}

// numbered waits until the wanted cases have and show their numbers, or patience ends: the schedules run by themselves meanwhile.
func (r *rush) numbered(ctx context.Context, wanted func(*filed) bool, patience time.Duration) error {
	for deadline := time.Now().Add(patience); ; {
		missing, err := r.missing(ctx, wanted)
		if err == nil && missing == 0 {
			missing = r.untold(ctx, wanted)
		}
		if err != nil || missing == 0 || time.Now().After(deadline) {
			return err
		}
		fmt.Printf("  %d ancora senza numero\n", missing)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(look):
		}
	}
}

// rounds is how often the clock is moved for what is left; a sweep asks the institute about fifty payments at most.
const rounds = 60

// late moves the clock for payments that nobody told us of, and for what else is owed, until every case has its number and its receipt.
func (r *rush) late(ctx context.Context) error {
	r.moved = r.untold(ctx, (*filed).prompt)
	fmt.Println("  l'orologio va avanti per i pagamenti di cui nessuno ha avvisato")
	before := 0
	for n := range rounds {
		if n == 0 || before > 0 && n%5 == 0 {
			if err := r.Advance(ctx, 16*time.Minute); err != nil {
				return err
			}
		}
		if err := r.Fire(ctx, "Sweep"); err != nil {
			return err
		}
		missing, err := r.missing(ctx, func(f *filed) bool { return f.failed == nil })
		if err != nil {
			return err
		}
		if missing == 0 {
			return r.received(ctx)
		}
		if missing != before {
			fmt.Printf("  %d ancora senza numero\n", missing)
		}
		before = missing
		time.Sleep(time.Second)
	}
	return nil // what is left is told by who looks for it
}

// received waits for the receipts, and for problems that close by themselves.
func (r *rush) received(ctx context.Context) error {
	left := slices.Clone(r.cases)
	for range 8 {
		short := make(chan *filed, len(left))
		r.abreast(left, func(c *client, f *filed) {
			if v, err := c.view(ctx, f); f.failed == nil && (err != nil || receipts(v) == 0 || v.Protocol == nil) {
				short <- f
			}
		})
		close(short)
		left = left[:0]
		for f := range short {
			left = append(left, f)
		}
		if len(left) == 0 {
			return ctx.Err()
		}
		fmt.Printf("  %d ancora senza ricevuta\n", len(left))
		if err := r.Advance(ctx, 5*time.Minute); err != nil {
			return err
		}
		if err := r.Fire(ctx, "Sweep"); err != nil {
			return err
		}
		time.Sleep(2 * time.Second)
	}
	return nil
}

// view is a case as its applicant sees it.
func (c *client) view(ctx context.Context, f *filed) (v road.View, err error) {
	b, err := c.browser(ctx, f)
	if err == nil {
		err = c.insist(ctx, "view", f, func() error { v = road.View{}; return b.Get(ctx, f.path(""), &v) })
	}
	return v, err
}

// receipts counts the receipts of presentation.
func receipts(v road.View) int {
	n := 0
	for _, d := range v.Documents {
		if d.Kind == "receipt" {
			n++
		}
	}
	return n
}
