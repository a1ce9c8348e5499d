//go:build road

package crash

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"sportello/infra/road"
	"sportello/shared/domain/application"
	"sportello/shared/domain/register"
	"sportello/shared/flow/correspondence"
)

// verdict collects what does not hold.
type verdict []string

func (v *verdict) hold(ok bool, format string, args ...any) {
	if !ok {
		*v = append(*v, fmt.Sprintf(format, args...))
	}
}

func (v *verdict) err(what string, err error) {
	if err != nil {
		*v = append(*v, what+": "+err.Error())
	}
}

// seen is what the outside world and the register hold, read once for all cases of a round.
type seen struct {
	mails    []road.Mail
	packages []road.Package
	money    []position
	register []road.Entry // of the lane's chamber
}

// look reads what the outside world and the chamber's register hold.
func (l *lane) look(ctx context.Context) (s seen, err error) {
	if s.mails, err = l.Mails(ctx); err != nil {
		return s, err
	}
	if s.packages, err = l.Packages(ctx); err != nil {
		return s, err
	}
	if s.money, err = l.positions(ctx); err != nil {
		return s, err
	}
	now, err := l.Now(ctx)
	if err != nil {
		return s, err
	}
	s.register, err = road.Register(ctx, l.office, register.Year(register.Date(now)))
	return s, err
}

// check holds the invariants to a case that should have settled at a stage.
func (f *filed) check(ctx context.Context, at stage, s seen) verdict {
	var v verdict
	r, err := f.rows(ctx)
	if err != nil {
		return verdict{err.Error()}
	}
	v.hold(r.missing(at) == "", "I1: %s", r.missing(at))
	v.hold(r.unread(ctx) == "", "I3: %s", r.unread(ctx))
	v.hold(r.timer != "" || r.meta.State == application.Preserved || r.meta.Unbought(), "I1: nothing will ever wake the case in state %s", r.meta.State)
	v.err("I1", f.problems(ctx))
	v.numbered(r, s.register)
	v.story(r, at)
	v.letters(r, s.mails)
	v.kept(r, s.packages)
	v.money(r, s.money)
	v.err("I4", f.hidden(ctx))
	v.presented(ctx, r)
	return v
}

// problems: nothing that failed and was mended may look open, but for what only took long: that had an owner, as it should.
func (f *filed) problems(ctx context.Context) error {
	var open struct {
		Items []struct{ Kind, Detail, Application string }
	}
	if err := f.office.Get(ctx, "/chamber/v1/problems", &open); err != nil {
		return err
	}
	for _, p := range open.Items {
		if p.Application == f.id && p.Kind != "overdue" {
			return fmt.Errorf("open problem: %s", p.Detail)
		}
	}
	return nil
}

// numbered: I2, each document of the case has exactly one number, and the one that it shows.
func (v *verdict) numbered(r *rows, entries []road.Entry) {
	v.err("I2", road.Unbroken(entries))
	places := map[string][]road.Entry{}
	for _, e := range entries {
		if e.Application == r.id {
			places[e.Event] = append(places[e.Event], e)
		}
	}
	count := 0
	for _, d := range r.documents {
		if !numbered(d) || r.meta.Unbought() {
			continue
		}
		count++
		given := places[d.ID]
		if len(given) != 1 || d.Protocol == nil || given[0].Number != d.Protocol.Number {
			v.hold(false, "I2: %s has %d numbers and shows %v", d.Kind, len(given), d.Protocol)
			continue
		}
		presented := register.Date(d.At)
		v.hold(given[0].Date == presented || given[0].Deferred && given[0].Date > presented, "I5: %s of %s is registered on %s", d.Kind, presented, given[0].Date)
	}
	v.hold(len(places) == count, "I2: %d numbers for %d documents", len(places), count)
}

// story: one line for each event, whatever was repeated, and no event that should be there missing.
func (v *verdict) story(r *rows, at stage) {
	times, kinds := map[string]int{}, map[application.Event]int{}
	for _, line := range r.story {
		times[string(line.Event)+" "+line.id]++
		kinds[line.Event]++
	}
	for what, n := range times {
		v.hold(n == 1, "I3: %s is told %d times", what, n)
	}
	once := []application.Event{application.Submitted, application.ReceiptIssued}
	if !unbought(at) {
		once = append(once, application.WasRegistered)
	}
	switch at {
	case charged, asked, answered:
		once = append(once, application.TakenInCharge)
	case decided:
		once = append(once, application.TakenInCharge, application.WasDecided, application.OutcomeDelivered)
	case preserved:
		once = append(once, application.WasDecided, application.OutcomeDelivered, application.WasRated, application.WasClosed, application.WasPreserved)
	case expired:
		once = append(once, application.PaymentExpired)
	case withdrawn, renounced:
		once = append(once, application.WasWithdrawn)
	}
	for _, e := range once {
		v.hold(kinds[e] == 1, "I3: %s is told %d times", e, kinds[e])
	}
	v.hold(!unbought(at) || kinds[application.WasRegistered]+kinds[application.WasPaid] == 0, "I3: an act that nobody paid for is told as paid or registered")
	v.hold(r.ratings == kinds[application.WasRated], "I3: %d ratings, %d told", r.ratings, kinds[application.WasRated])
}

// letters: I3, each message left once, or twice where the doubt is recorded.
func (v *verdict) letters(r *rows, mails []road.Mail) {
	var mine []road.Mail
	taken := map[string]bool{}
	for _, m := range mails {
		if strings.HasPrefix(road.Bare(m.MessageID), r.id+".") {
			mine = append(mine, m)
			taken[road.Bare(m.MessageID)] = true
		}
	}
	v.err("I3", road.Once(mine, func(id string) bool {
		m := r.mail(id)
		return m != nil && m.Doubt
	}))
	for _, m := range r.mails {
		v.hold(taken[road.Bare(m.MessageID)], "I3: letter %s never left", m.Kind)
	}
	v.hold(len(taken) == len(r.mails), "I3: %d messages at the provider for %d letters", len(taken), len(r.mails))
	about := 2 // the number: to the applicant, unless she has no address, and to the office
	if r.meta.Domicile == application.PortalOnly {
		about = 1
	}
	if r.meta.Unbought() {
		about = 0
	}
	acts := slices.DeleteFunc(slices.Clone(r.mails), func(m correspondence.Mail) bool { return m.Kind == "acknowledgement" || m.Kind == "office-notice" })
	v.hold(len(r.mails)-len(acts) == about, "I3: %d letters about the number", len(r.mails)-len(acts))
}

// kept: the preservation provider has one package of a preserved case, the one that the case names.
func (v *verdict) kept(r *rows, packages []road.Package) {
	var digests []string
	for _, p := range packages {
		if strings.Contains(p.ID, r.id) {
			digests = append(digests, p.SHA256)
		}
	}
	want := 0
	if r.meta.State == application.Preserved {
		want = 1
	}
	v.hold(len(digests) == want && (want == 0 || digests[0] == r.meta.Package), "I3: packages %v at the provider, the case names %q", digests, r.meta.Package)
}

// hidden: I4, for another chamber the case does not exist.
func (f *filed) hidden(ctx context.Context) error {
	other := slices.IndexFunc(f.lanes, func(l *lane) bool { return l.chamber != f.chamber })
	return road.Hidden(ctx, f.lanes[other].office, f.desk(""))
}

// presented: I5 and I1, the applicant sees the instant that the answer named, asking again gets that answer, and the papers can be read.
func (v *verdict) presented(ctx context.Context, r *rows) {
	if err := insist(ctx, func() error { return r.submit(ctx) }); err != nil {
		v.err("I1: asked again", err)
		return
	}
	var view road.View
	if err := r.ask(ctx, "GET", r.path(""), nil, &view, nil); err != nil {
		v.err("I1", err)
		return
	}
	v.err("I5", road.OnTime(view, r.told.PresentedAt))
	if r.meta.Unbought() {
		v.hold(view.Deadline.Due == "", "I5: a term runs for an act that nobody paid for")
	} else {
		v.err("I5", road.InTerm(ctx, r.citizen, r.chamber, view, 10)) // days to answer, as the office asks
	}
	for _, d := range view.Documents {
		data, err := r.read(ctx, d.ID)
		sum := sha256.Sum256(data)
		v.hold(err == nil && hex.EncodeToString(sum[:]) == d.SHA256, "I1: %s cannot be read as it was: %v", d.Kind, err)
	}
}
