package officers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"sportello/shared/domain/identity"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/problem"
	"sportello/shared/flow/access"
	"sportello/shared/flow/step"
	"sportello/shared/platform/table"
)

// Officer is a person on a chamber's list: the OFF# row.
type Officer struct {
	ID      string         `json:"id"` // opaque: what an address names them by
	TaxCode string         `json:"taxCode"`
	Name    string         `json:"name"`
	Offices []string       `json:"offices"` // empty: every office
	Rights  []access.Right `json:"rights"`
	Since   time.Time      `json:"since"`
	// RevokedAt is when they left the list.
	RevokedAt *time.Time `json:"revokedAt,omitempty"`
}

func (o Officer) isLive() bool { return o.ID != "" && o.RevokedAt == nil }

func (o Officer) isManager() bool { return o.isLive() && slices.Contains(o.Rights, access.Manage) }

// Details describe an officer to be put on the list, or how one is to be from now on (TaxCode is then not looked at).
type Details struct {
	TaxCode string         `json:"taxCode"`
	Name    string         `json:"name"`
	Offices []string       `json:"offices"`
	Rights  []access.Right `json:"rights"`
}

// Act is what a line of audit tells of.
type Act string

// The acts.
const (
	Added   Act = "officer-added"
	Changed Act = "officer-changed"
	Removed Act = "officer-removed"
)

// line is the AUD# row: who did what to whom. It is never changed.
type line struct {
	At      time.Time      `json:"at"`
	By      string         `json:"by"`            // tax code, or Operator
	Key     string         `json:"key,omitempty"` // the API key it came with: By is then its holder's assertion
	Act     Act            `json:"act"`
	Officer string         `json:"officer"` // id
	TaxCode string         `json:"taxCode"`
	Offices []string       `json:"offices"`
	Rights  []access.Right `json:"rights"`
}

// Operator is who appoints a chamber's first officer, from the command line.
const Operator = "operator"

// Roster keeps the chambers' lists of officers.
type Roster struct {
	table   table.Table
	now     step.Clock
	newID   step.IDs
	offices func(chamber string) []string
}

// NewRoster returns a Roster over the applications table; offices may be nil.
func NewRoster(t table.Table, now step.Clock, newID step.IDs, offices func(chamber string) []string) (*Roster, error) {
	if t == nil || now == nil || newID == nil {
		return nil, errors.New("officers: roster without table, clock or ids")
	}
	return &Roster{t, now, newID, offices}, nil
}

var errNotListed = errors.New("officers: not on the list")

// find returns a live officer by tax code.
func (r *Roster) find(ctx context.Context, chamber, taxCode string) (Officer, error) {
	o, _, err := table.Load[Officer](ctx, r.table, layout.OfficerRow(chamber, taxCode), schema)
	switch {
	case errors.Is(err, table.ErrNotFound), err == nil && !o.isLive():
		return o, errNotListed
	case err != nil:
		return o, fmt.Errorf("reading officer: %w", err)
	}
	return o, nil
}

// Find returns a colleague of by's, as one who can be given work; a problem at #/officer if there is none.
func (r *Roster) Find(ctx context.Context, by access.Officer, taxCode string) (Officer, error) {
	code, err := personTaxCode(taxCode)
	if err == nil {
		var o Officer
		o, err = r.find(ctx, by.Chamber, code)
		if err == nil || !errors.Is(err, errNotListed) {
			return o, err
		}
	}
	return Officer{}, problem.New(problem.Invalid, "L’addetto indicato non è tra quelli della Camera di commercio.").
		At("#/officer", "Indica il codice fiscale di un addetto in elenco.")
}

// Named returns the officer of by's chamber with an id, also one who has left: their cases may still be theirs. ok is false if there is none.
func (r *Roster) Named(ctx context.Context, by access.Officer, id string) (o Officer, ok bool, err error) {
	entries, err := r.all(ctx, by.Chamber)
	if err != nil {
		return Officer{}, false, err
	}
	n := slices.IndexFunc(entries, func(e entry) bool { return e.ID == id && id != "" })
	if n < 0 {
		return Officer{}, false, nil
	}
	return entries[n].Officer, true, nil
}

// Colleague is Find as the office's desk asks it: who they are to the cases. A key holder's assertion of somebody who is not on the list
// is taken as such.
func (r *Roster) Colleague(ctx context.Context, by access.Officer, taxCode string) (access.Officer, error) {
	o, err := r.Find(ctx, by, taxCode)
	if problem.Is(err, problem.Invalid) && by.Key != "" {
		code, wrong := personTaxCode(taxCode)
		if wrong != nil {
			return access.Officer{}, err
		}
		return access.Officer{Chamber: by.Chamber, TaxCode: code}, nil
	}
	if err != nil {
		return access.Officer{}, err
	}
	return access.Officer{Chamber: by.Chamber, TaxCode: o.TaxCode, Name: o.Name, Offices: o.Offices, Rights: o.Rights}, nil
}

// entry is an officer with the item it was read from.
type entry struct {
	Officer
	item table.Item
}

// all returns everybody who is or was on the list.
func (r *Roster) all(ctx context.Context, chamber string) ([]entry, error) {
	items, err := table.All(ctx, r.table, table.Query{PK: layout.Chamber(chamber), Prefix: layout.OfficerPrefix})
	if err != nil {
		return nil, fmt.Errorf("reading officers: %w", err)
	}
	entries := make([]entry, len(items))
	for n, item := range items {
		o, err := table.Decode[Officer](item, schema)
		if err != nil {
			return nil, err
		}
		entries[n] = entry{o, item}
	}
	return entries, nil
}

// List returns the officers of by's chamber, by name.
func (r *Roster) List(ctx context.Context, by access.Officer) ([]Officer, error) {
	if err := by.May(access.Manage); err != nil {
		return nil, err
	}
	entries, err := r.all(ctx, by.Chamber)
	if err != nil {
		return nil, err
	}
	live := []Officer{}
	for _, e := range entries {
		if e.isLive() {
			live = append(live, e.Officer)
		}
	}
	slices.SortFunc(live, func(a, b Officer) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	return live, nil
}

// Add puts somebody on the list of by's chamber. Who is on it already is a conflict; who was once may come back.
func (r *Roster) Add(ctx context.Context, by access.Officer, n Details) (Officer, error) {
	if err := by.May(access.Manage); err != nil {
		return Officer{}, err
	}
	return r.add(ctx, by, n, false)
}

// Appoint is Add by the operator, for whom it is right also when it was done before: a chamber's first officer must be made by
// somebody, and a command may be given twice.
func (r *Roster) Appoint(ctx context.Context, chamber string, n Details) (Officer, error) {
	return r.add(ctx, access.Officer{Chamber: chamber, TaxCode: Operator}, n, true)
}

func (r *Roster) add(ctx context.Context, by access.Officer, n Details, replace bool) (Officer, error) {
	taxCode, n, err := r.checked(by.Chamber, n)
	if err != nil {
		return Officer{}, err
	}
	id, event, at := r.newID(), r.newID(), r.now()
	var o Officer
	err = step.Retry(ctx, func() error {
		old, item, err := table.Load[Officer](ctx, r.table, layout.OfficerRow(by.Chamber, taxCode), schema)
		if err != nil && !errors.Is(err, table.ErrNotFound) {
			return fmt.Errorf("reading officer: %w", err)
		}
		o = Officer{ID: id, TaxCode: taxCode, Name: n.Name, Offices: n.Offices, Rights: n.Rights, Since: at}
		act := Added
		switch {
		case old.ID == id: // an earlier try of ours, whose outcome was unclear
			return nil
		case old.isLive() && !replace:
			return problem.New(problem.Conflict, "Questa persona è già tra gli addetti.").At("#/taxCode", "Codice fiscale già in elenco.")
		case old.isLive():
			o.ID, o.Since, act = old.ID, old.Since, Changed
		}
		if old.same(o) {
			return nil
		}
		return r.write(ctx, by, at, event, item, o, act)
	})
	return o, err
}

// same tells whether nothing would change.
func (o Officer) same(other Officer) bool {
	return o.ID == other.ID && o.Name == other.Name && slices.Equal(o.Offices, other.Offices) && slices.Equal(o.Rights, other.Rights)
}

// Change gives an officer another name, other offices or rights.
func (r *Roster) Change(ctx context.Context, by access.Officer, id string, n Details) (Officer, error) {
	return r.update(ctx, by, id, Changed, func(o Officer) (Officer, error) {
		n.TaxCode = o.TaxCode
		_, n, err := r.checked(by.Chamber, n)
		o.Name, o.Offices, o.Rights = n.Name, n.Offices, n.Rights
		return o, err
	})
}

// Remove takes an officer off the list. The last who may manage it stays: nobody could put anybody on it any more.
func (r *Roster) Remove(ctx context.Context, by access.Officer, id string) error {
	at := r.now()
	_, err := r.update(ctx, by, id, Removed, func(o Officer) (Officer, error) {
		o.RevokedAt = &at
		return o, nil
	})
	return err
}

// Dismiss is Remove by the operator, by tax code, who may also take the last: the account may have been abused.
func (r *Roster) Dismiss(ctx context.Context, chamber, taxCode string) error {
	at, event := r.now(), r.newID()
	by := access.Officer{Chamber: chamber, TaxCode: Operator}
	return step.Retry(ctx, func() error {
		o, item, err := table.Load[Officer](ctx, r.table, layout.OfficerRow(chamber, taxCode), schema)
		switch {
		case errors.Is(err, table.ErrNotFound):
			return problem.New(problem.NotFound, "Nessun addetto con questo codice fiscale nell’elenco della Camera di commercio.")
		case err != nil:
			return fmt.Errorf("reading officer: %w", err)
		case !o.isLive():
			return nil
		}
		o.RevokedAt = &at
		return r.write(ctx, by, at, event, item, o, Removed)
	})
}

// update changes the live officer with an id. A change that was made by an earlier try, whose outcome was unclear, is found by its line.
func (r *Roster) update(ctx context.Context, by access.Officer, id string, act Act, change func(Officer) (Officer, error)) (Officer, error) {
	if err := by.May(access.Manage); err != nil {
		return Officer{}, err
	}
	event, at := r.newID(), r.now()
	var changed Officer
	err := step.Retry(ctx, func() error {
		done, err := r.isWritten(ctx, by.Chamber, at, event)
		if err != nil || done {
			return err
		}
		entries, err := r.all(ctx, by.Chamber)
		if err != nil {
			return err
		}
		n := slices.IndexFunc(entries, func(e entry) bool { return e.ID == id && e.isLive() })
		if n < 0 {
			return problem.Hidden()
		}
		if changed, err = change(entries[n].Officer); err != nil {
			return err
		}
		more, err := guard(entries, entries[n].Officer, changed)
		if err != nil {
			return err
		}
		return r.write(ctx, by, at, event, entries[n].item, changed, act, more...)
	})
	return changed, err
}

func (r *Roster) isWritten(ctx context.Context, chamber string, at time.Time, event string) (bool, error) {
	items, err := r.table.Get(ctx, layout.Audit(chamber, at, event))
	if err != nil {
		return false, fmt.Errorf("reading audit line: %w", err)
	}
	return items[0].Exists(), nil
}

// guard keeps one manager on the list: a change that takes the right away is held to another manager being still what they were.
// So of two managers who remove each other at the same moment one succeeds.
func guard(entries []entry, before, after Officer) ([]table.Change, error) {
	if !before.isManager() || after.isManager() {
		return nil, nil
	}
	for _, e := range entries {
		if e.isManager() && e.TaxCode != before.TaxCode {
			return []table.Change{table.Check(e.item)}, nil
		}
	}
	return nil, problem.New(problem.Conflict, "È l’unica persona che può gestire gli addetti: prima affida la gestione a un’altra.")
}

// write commits the officer's row together with the line of who did it.
func (r *Roster) write(ctx context.Context, by access.Officer, at time.Time, event string, item table.Item, o Officer, act Act,
	more ...table.Change) error {
	row, err := item.With(schema, o)
	if err != nil {
		return err
	}
	told := line{At: at, By: by.TaxCode, Key: by.Key, Act: act, Officer: o.ID, TaxCode: o.TaxCode, Offices: o.Offices, Rights: o.Rights}
	audit, err := table.Item{Key: layout.Audit(by.Chamber, at, event)}.With(schema, told)
	if err != nil {
		return err
	}
	return r.table.Commit(ctx, append(more, table.Put(row), table.Put(audit))...)
}

// maxName bounds a name to what a page can show.
const maxName = 120

// checked checks what is to be on the list and puts it in order.
func (r *Roster) checked(chamber string, n Details) (string, Details, error) {
	refused := problem.New(problem.Invalid, "Alcuni dati mancano o non sono validi: correggi i campi indicati.")
	taxCode, err := personTaxCode(n.TaxCode)
	if err != nil {
		refused.At("#/taxCode", err.Error())
	}
	n.Name = strings.Join(strings.Fields(n.Name), " ")
	if n.Name == "" || utf8.RuneCountInString(n.Name) > maxName || strings.ContainsFunc(n.Name, unicode.IsControl) {
		refused.At("#/name", fmt.Sprintf("Scrivi nome e cognome (al massimo %d caratteri).", maxName))
	}
	if len(n.Rights) == 0 {
		refused.At("#/rights", "Indica almeno un compito.")
	}
	for i, right := range n.Rights {
		if !slices.Contains(Rights(), right) {
			refused.At(fmt.Sprintf("#/rights/%d", i), "Compito sconosciuto.")
		}
	}
	for i, office := range n.Offices {
		if r.offices != nil && !slices.Contains(r.offices(chamber), office) {
			refused.At(fmt.Sprintf("#/offices/%d", i), "Ufficio sconosciuto in questa Camera di commercio.")
		}
	}
	if len(refused.Fields) > 0 {
		return "", n, refused
	}
	n.Offices, n.Rights = tidy(n.Offices), tidy(n.Rights)
	return taxCode, n, nil
}

// tidy sorts and removes doubles; the result is never nil, so that JSON shows a list.
func tidy[T ~string](list []T) []T {
	list = append([]T{}, list...)
	slices.Sort(list)
	return slices.Compact(list)
}

// Rights are all there are.
func Rights() []access.Right { return []access.Right{access.Work, access.Register, access.Manage} }

// taxCodeError is a reason in Italian that never repeats the code.
type taxCodeError string

func (e taxCodeError) Error() string { return string(e) }

func personTaxCode(s string) (string, error) {
	code, err := identity.ParseTaxCode(s)
	var p *problem.Problem
	switch {
	case errors.As(err, &p):
		return "", taxCodeError(p.Detail)
	case err != nil:
		return "", err
	case !code.IsPerson():
		return "", taxCodeError("Serve il codice fiscale di una persona.")
	}
	return string(code), nil
}
