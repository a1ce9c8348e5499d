package main

import (
	"context"
	"fmt"
	"time"

	"sportello/infra/road"
)

// demo is the whole story.
type demo struct {
	*road.Cloud
	verifier string
	cases    []*told
	days     []string // the days that were sealed
}

// Tax codes of the personas who work for the chambers (the identity provider's list).
const (
	anna  = "CLMNNA74P48F205H"
	paolo = "GRCPLA82E17A794J"
)

// tell drives complaints and price lists, at four chambers, by three kinds of applicant.
func (d *demo) tell(ctx context.Context) error {
	keys, err := d.Keys()
	if err != nil {
		return err
	}
	d.cases = []*told{
		{service: complaint, chamber: "milano", persona: "giulia", provider: "spid", company: "09900000010", officerID: anna,
			domicile: map[string]any{"domicile": "registered"}},
		{service: complaint, chamber: "bergamo", persona: "luca", provider: "cie", officerID: paolo, byMail: true,
			domicile: map[string]any{"domicile": "elected", "pec": "luca.marini@pec.example.it"}},
		{service: complaint, chamber: "sondrio", persona: "sofia", provider: "spid", officerID: anna,
			domicile: map[string]any{"domicile": "portal"}},
		{service: priceList, chamber: "milano", persona: "giulia", provider: "spid", company: "09900000010", officerID: anna,
			domicile: map[string]any{"domicile": "registered"}, paying: "callback-twice"},
		{service: priceList, chamber: "bergamo", persona: "giulia", provider: "cie", company: "09900000028", officerID: paolo,
			domicile: map[string]any{"domicile": "registered"}, paying: "callback-never"},
		// Varese keeps a protocol of its own: its number stands beside ours.
		{service: complaint, chamber: "varese", persona: "sofia", provider: "spid", officerID: anna,
			domicile: map[string]any{"domicile": "portal"}},
	}
	fmt.Println("Quattro reclami e due listini prezzi, quattro Camere, dal login alla conservazione")
	for _, t := range d.cases {
		t.Cloud = d.Cloud
		t.citizen = road.OpenBrowser(d.Cloud, t.chamber)
		t.office = road.OpenOffice(d.Cloud, keys[t.chamber], t.officerID)
	}
	for _, part := range []func(*told) error{
		func(t *told) error { return t.file(ctx) },
		func(t *told) error { return t.work(ctx) },
		func(t *told) error { return t.rate(ctx) },
		func(t *told) error { return t.keep(ctx) },
	} {
		for _, t := range d.cases {
			if err := part(t); err != nil {
				return fmt.Errorf("%s: %w", t.chamber, err)
			}
		}
	}
	if err := d.seal(ctx); err != nil {
		return err
	}
	return d.prove(ctx)
}

// prove has every applicant take the evidence of their case away, once the day of its number is declared, and verifies it as a stranger would.
func (d *demo) prove(ctx context.Context) error {
	for _, t := range d.cases {
		if err := t.declared(ctx, d.days[0]); err != nil {
			return fmt.Errorf("%s: %w", t.chamber, err)
		}
	}
	return nil
}

// seal moves the clock past the next working day's close and waits until every chamber's day is sealed.
func (d *demo) seal(ctx context.Context) error {
	now, err := d.Now(ctx)
	if err != nil {
		return err
	}
	day := now.In(road.Rome()).Format(time.DateOnly)
	sealed, err := d.sealed(ctx, day)
	if err != nil {
		return err
	}
	if sealed {
		return fmt.Errorf("the day %s is sealed before it has ended", day)
	}
	for range 7 { // until the next working day: a weekend and holidays lie between at most
		if err := d.Advance(ctx, 24*time.Hour); err != nil {
			return err
		}
		if err := d.Fire(ctx, "Daily"); err != nil {
			return err
		}
		for range 20 {
			if sealed, err = d.sealed(ctx, day); sealed || err != nil {
				break
			}
			time.Sleep(250 * time.Millisecond)
		}
		if sealed || err != nil {
			break
		}
	}
	if !sealed && err == nil {
		err = fmt.Errorf("the day %s was not sealed within a week", day)
	}
	if err == nil {
		d.days = append(d.days, day)
		fmt.Printf("  registro del %s chiuso per tutte le Camere\n", day)
	}
	return err
}

func (d *demo) sealed(ctx context.Context, day string) (bool, error) {
	for _, t := range d.cases {
		var seal struct{ State string }
		if err := t.office.Get(ctx, "/chamber/v1/seals/"+day, &seal); err != nil {
			return false, err
		}
		if seal.State != "sealed" {
			return false, nil
		}
	}
	return true, nil
}
