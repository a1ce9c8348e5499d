package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"sportello/infra/road"
)

// tally counts what clients met.
type tally struct {
	sync.Mutex
	retries map[string]int // what was done again, and what had been answered
	done    int
	began   time.Time
}

func (t *tally) retry(kind string, err error) {
	t.Lock()
	defer t.Unlock()
	if t.retries == nil {
		t.retries = map[string]int{}
	}
	answer := "no answer"
	if status := road.Status(err); status != 0 {
		answer = fmt.Sprint(status)
	} else if errors.Is(err, errNotYet) {
		answer = "not yet"
	}
	t.retries[kind+" "+answer]++
}

// errNotYet is of what was answered well, and is asked again because it is not done.
var errNotYet = errors.New("not yet")

// client is who works at one of the desks side by side: a browser for each person at each chamber.
type client struct {
	*rush
	browsers map[string]*road.Browser
	profiles map[string]string
}

// tries is how often something is asked before it is given up: a list of trust whose fetching was killed comes with the next minute.
const tries = 120

// insist does again what got no answer or one of a server in trouble, as the site does. Who was signed out signs in.
func (c *client) insist(ctx context.Context, kind string, f *filed, do func() error) error {
	for n := 1; ; n++ {
		err := do()
		if err == nil || n == tries || ctx.Err() != nil {
			return err
		}
		switch status := road.Status(err); {
		case status == http.StatusUnauthorized && f != nil:
			if err := c.enter(ctx, f); err != nil {
				return err
			}
		case status != 0 && status < 500 && status != http.StatusTooManyRequests:
			return err
		}
		c.tally.retry(kind, err)
		time.Sleep(min(time.Duration(n)*100*time.Millisecond, 2*time.Second))
	}
}

func (f *filed) seat() string { return f.persona + "@" + f.chamber }

// browser is the applicant's, signed in.
func (c *client) browser(ctx context.Context, f *filed) (*road.Browser, error) {
	if b := c.browsers[f.seat()]; b != nil {
		return b, nil
	}
	err := c.enter(ctx, f)
	return c.browsers[f.seat()], err
}

// enter signs in anew. A failed sign-in is begun again.
func (c *client) enter(ctx context.Context, f *filed) error {
	b := c.browsers[f.seat()]
	if b == nil {
		b = road.OpenBrowser(c.Cloud, f.chamber)
	}
	err := c.insist(ctx, "sign-in", nil, func() error {
		err := b.Login(ctx, f.provider, f.persona)
		if road.Status(err) == http.StatusUnauthorized { // no session came of it
			return errors.New("signed in, and no session")
		}
		return err
	})
	c.browsers[f.seat()] = b
	return err
}

// profile is the id under which the applicant is here: the person, or the company.
func (c *client) profile(ctx context.Context, b *road.Browser, f *filed) (string, error) {
	if id := c.profiles[f.seat()+f.company]; id != "" {
		return id, nil
	}
	var profiles struct {
		Items []struct{ ID, Kind, TaxCode string }
	}
	if err := c.insist(ctx, "profiles", f, func() error { return b.Get(ctx, "/api/v1/profiles", &profiles) }); err != nil {
		return "", err
	}
	for _, p := range profiles.Items {
		if f.company == "" && p.Kind == "person" || f.company != "" && p.TaxCode == f.company {
			c.profiles[f.seat()+f.company] = p.ID
			return p.ID, nil
		}
	}
	return "", fmt.Errorf("%s has no profile for %q", f.persona, f.company)
}

// abreast does something for every case, a few at a time, each at a desk of its own.
func (r *rush) abreast(cases []*filed, do func(*client, *filed)) {
	next := make(chan *filed)
	var desks sync.WaitGroup
	for range r.Parallel {
		desks.Go(func() {
			c := &client{rush: r, browsers: map[string]*road.Browser{}, profiles: map[string]string{}}
			for f := range next {
				do(c, f)
			}
		})
	}
	for _, f := range cases {
		next <- f
	}
	close(next)
	desks.Wait()
}
