package audit

import (
	"maps"
	"slices"
	"strings"

	"sportello/infra/simulate/store"
	"sportello/shared/domain/application"
	"sportello/shared/domain/catalogue"
	"sportello/shared/domain/deadline"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/survey"
	"sportello/shared/flow/casefile"
)

// single are the events that a case can live only once.
var single = map[application.Event]bool{
	application.Submitted: true, application.WasRegistered: true, application.WasDecided: true, application.WasWithdrawn: true,
	application.WasClosed: true, application.WasPreserved: true, application.ReceiptIssued: true, application.WasRated: true,
	application.TermExpired: true, application.OutcomeDelivered: true, application.IntegrationRequested: true,
	application.WasPaid: true, application.PaymentExpired: true,
}

// line looks at a line of a timeline: written once, one for each event.
func (a *Auditor) line(id, sk string, c store.Applied) {
	if !c.After.Exists() && a.forgotten(id) {
		return
	}
	if c.Before.Exists() {
		a.Report(Once, "a line of the story of %s was changed or removed", id)
		return
	}
	l := parse[application.Line](c.After)
	parts := strings.SplitN(sk, "#", 3)
	mark := id + " " + string(l.Event)
	if !single[l.Event] {
		mark += " " + parts[2]
	}
	if a.told[mark] {
		a.Report(Once, "the story of %s tells %q twice", id, l.Event)
	}
	a.told[mark] = true
}

// ratings counts anew.
func (a *Auditor) ratings() {
	want := map[string]survey.Aggregate{}
	for _, item := range rows(a.Applications, "APP#") {
		if item.SK != "RATING" {
			continue
		}
		meta := parse[application.Application](a.Applications.Peek(layout.Meta(strings.TrimPrefix(item.PK, "APP#"))))
		key := meta.Chamber + " " + meta.Service
		want[key] = want[key].Add(parse[survey.Rating](item))
	}
	for _, item := range rows(a.Applications, "STAT#") {
		key := strings.TrimPrefix(item.PK, "STAT#") + " " + item.SK
		if got := parse[survey.Aggregate](item); got != want[key] {
			a.Report(Once, "%d ratings were given to %s, %d are counted", want[key].Count, key, got.Count)
		}
		delete(want, key)
	}
	for _, key := range slices.Sorted(maps.Keys(want)) {
		a.Report(Once, "the ratings of %s are not counted", key)
	}
}

// terms computes every legal clock anew, from the story.
func (a *Auditor) terms() {
	lines := map[string][]application.Line{}
	requests := map[string]application.Request{}
	for _, item := range rows(a.Applications, "APP#") {
		id := strings.TrimPrefix(item.PK, "APP#")
		switch {
		case strings.HasPrefix(item.SK, layout.TimelinePrefix):
			lines[id] = append(lines[id], parse[application.Line](item))
		case strings.HasPrefix(item.SK, layout.RequestPrefix):
			requests[id] = parse[application.Request](item)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(a.cases)) {
		if a.cases[id].gone {
			continue
		}
		meta := parse[application.Application](a.Applications.Peek(layout.Meta(id)))
		a.term(meta, lines[id], requests[id])
	}
}

func (a *Auditor) term(c application.Application, story []application.Line, request application.Request) {
	service, err := catalogue.Lookup(c.Chamber, c.Service)
	if err != nil || c.Term == nil {
		a.Report(Clock, "case %s has no term", c.ID)
		return
	}
	cal := casefile.Calendar(c.Chamber)
	want := deadline.Clock{Start: deadline.DateOf(a.cases[c.ID].presented), Days: service.TermDays}
	for _, l := range story {
		switch l.Event {
		case application.IntegrationRequested:
			// How many days were given is in the clock alone: they must lead to the date that the applicant was told.
			want.Suspended, want.Limit = deadline.DateOf(l.At), c.Term.Limit
			want.ReplyBy = cal.Expiry(want.Suspended, want.Limit)
			if want.ReplyBy.String() != request.Due {
				a.Report(Clock, "case %s: the applicant was told to answer by %s, the clock says %s", c.ID, request.Due, want.ReplyBy)
			}
		case application.IntegrationReceived:
			want.Resumed = deadline.DateOf(l.At)
		case application.Submitted:
			if !l.At.Equal(a.cases[c.ID].presented) {
				a.Report(Clock, "case %s: the story tells another instant of presentation", c.ID)
			}
		}
	}
	if *c.Term != want || want.Limit > deadline.MaxSuspension {
		a.Report(Clock, "case %s: the clock is %+v, the story says %+v", c.ID, *c.Term, want)
	}
	if c.TermExpired != nil && c.TermExpired.Before(want.Due(cal).End()) {
		a.Report(Clock, "case %s: the term was called expired at %s, it ends on %s", c.ID, c.TermExpired, want.Due(cal))
	}
}
