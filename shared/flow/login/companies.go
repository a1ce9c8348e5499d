package login

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sportello/shared/domain/application"
	"sportello/shared/domain/identity"
	"sportello/shared/domain/layout"
	"sportello/shared/flow/step"
	"sportello/shared/platform/table"
)

// companies is what we know of whom a person represents, at one moment.
type companies struct {
	person string // the person's key
	list   []Company
	// at is when the register said so; zero if it never did, as for people without a tax code, whom it cannot know.
	at time.Time
	// incomplete means that the register did not answer just now: list is what it last said, or empty.
	incomplete bool
}

// remembered is the R# row: what the register last said of a person. Without it an owner would be locked out of what is already
// filed whenever the register is down.
type remembered struct {
	Companies []Company `json:"companies"`
	At        time.Time `json:"at"`
}

// ask asks the register whom a person represents. It never fails: a register that is down must not keep anybody out.
func (d *Desk) ask(ctx context.Context, person identity.Person) companies {
	known := companies{person: person.Key()}
	if person.TaxCode == "" {
		return known
	}
	list, err := d.companies.Represented(ctx, person.TaxCode)
	if err == nil {
		known.list, known.at = list, d.now()
		return known
	}
	d.sessions.missed(ctx, fmt.Errorf("asking the company register: %w", err))
	known.incomplete = true
	last, _, err := table.Load[remembered](ctx, d.table, d.rememberedKey(known.person), schema)
	switch {
	case errors.Is(err, table.ErrNotFound):
	case err != nil:
		d.sessions.missed(ctx, fmt.Errorf("reading companies last known: %w", err))
	case d.now().Sub(last.At) <= rememberedLife:
		known.list, known.at = last.Companies, last.At
	}
	return known
}

func (d *Desk) rememberedKey(person string) table.Key {
	return layout.Represented(hex.EncodeToString(d.mac("represented", person)))
}

// remember is the change that keeps what the register just said; none if it did not answer, or if the same was kept a little while ago: somebody who
// signs in at several counters at once would keep each from going on.
func (d *Desk) remember(ctx context.Context, answer companies) ([]table.Change, error) {
	if answer.incomplete || answer.at.IsZero() {
		return nil, nil
	}
	key := d.rememberedKey(answer.person)
	items, err := d.table.Get(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("reading companies last known: %w", err)
	}
	if items[0].Exists() {
		last, err := table.Decode[remembered](items[0], schema)
		if err != nil { // a later release's: it must not keep anybody out, and stays for that release
			d.sessions.missed(ctx, fmt.Errorf("reading companies last known: %w", err))
			return nil, nil
		}
		if answer.at.Sub(last.At) < rememberEvery && alike(last.Companies, answer.list) {
			return nil, nil
		}
	}
	item, err := items[0].With(schema, remembered{answer.list, answer.at})
	item.Expires = answer.at.Add(rememberedLife)
	return []table.Change{table.Put(item)}, err
}

// alike tells whether two lists name the same companies; the register promises no order.
func alike(a, b []Company) bool {
	byTaxCode := func(a, b Company) int { return strings.Compare(string(a.TaxCode), string(b.TaxCode)) }
	return slices.Equal(slices.SortedFunc(slices.Values(a), byTaxCode), slices.SortedFunc(slices.Values(b), byTaxCode))
}

// representative is how a company's profile names the person's part in it.
const representative = "legale rappresentante"

// record begins a session's record: the person, and in whose name they may act.
func (d *Desk) record(person identity.Person, known companies, now time.Time) record {
	r := record{GivenName: person.GivenName, FamilyName: person.FamilyName, TaxCode: person.Key(), Registered: person.TaxCode != ""}
	return d.withCompanies(r, known, now)
}

func (d *Desk) withCompanies(r record, known companies, now time.Time) record {
	r.AskedAt, r.CompaniesAt, r.Incomplete = now, known.at, known.incomplete
	name := identity.Person{GivenName: r.GivenName, FamilyName: r.FamilyName}.Name()
	r.Profiles = []profile{{d.profileID(r.TaxCode, application.Person, r.TaxCode), application.Person, r.TaxCode, name, ""}}
	for _, c := range known.list {
		id := d.profileID(r.TaxCode, application.Company, string(c.TaxCode))
		r.Profiles = append(r.Profiles, profile{id, application.Company, string(c.TaxCode), c.Name, representative})
	}
	return r
}

// profileIDBytes of a 256-bit authenticator are plenty to tell a person's profiles apart and to give nothing away.
const profileIDBytes = 16

// profileID is opaque, the same at every login, and different for two people who represent the same company.
func (d *Desk) profileID(person, kind, taxCode string) string {
	return base64.RawURLEncoding.EncodeToString(d.mac("profile", person, kind, taxCode)[:profileIDBytes])
}

// Refresh asks the register again where it did not answer, or a day has passed, and returns the session as it then is.
func (d *Desk) Refresh(ctx context.Context, s Session) (Session, error) {
	if !s.record.askDue(d.now()) {
		return s, nil
	}
	answer := d.ask(ctx, s.record.person())
	err := step.Retry(ctx, func() error {
		r, item, err := d.sessions.live(ctx, s.digest)
		if err != nil {
			return ended(err)
		}
		r = d.withCompanies(r, answer, d.now())
		row, err := r.row(item)
		if err != nil {
			return err
		}
		more, err := d.remember(ctx, answer)
		if err != nil {
			return err
		}
		s = r.session(s.digest)
		return d.table.Commit(ctx, append(more, table.Put(row))...)
	})
	if err != nil {
		return Session{}, fmt.Errorf("refreshing companies: %w", err)
	}
	return s, nil
}

// askDue tells whether to ask the register again. Who has no tax code is not in it.
func (r record) askDue(now time.Time) bool {
	if !r.Registered {
		return false
	}
	if r.Incomplete {
		return now.Sub(r.AskedAt) >= askAgain
	}
	return now.Sub(r.CompaniesAt) >= companiesLife
}

func (r record) person() identity.Person {
	p := identity.Person{GivenName: r.GivenName, FamilyName: r.FamilyName}
	if r.Registered {
		p.TaxCode = identity.TaxCode(r.TaxCode)
	}
	return p
}
