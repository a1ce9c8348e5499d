package road

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Line is a line of a case's timeline.
type Line struct {
	At    time.Time
	Event string
}

// Story is the timeline that the applicant reads.
func Story(ctx context.Context, applicant *Browser, id string) ([]Line, error) {
	var timeline struct{ Items []Line }
	err := applicant.Get(ctx, "/api/v1/applications/"+id+"/timeline", &timeline)
	return timeline.Items, err
}

// leads tells which events move a case, and to which state; taking charge of a case that waits leaves it waiting.
var leads = map[string]string{
	"submitted": "presented", "registered": "registered", "taken_in_charge": "in_progress", "integration_requested": "awaiting_integration",
	"integration_received": "in_progress", "integration_lapsed": "in_progress", "decided": "decided", "withdrawn": "withdrawn",
	"closed": "closed", "preserved": "preserved", "paid": "presented", "payment_expired": "expired",
}

// unpaid tells whether a story is of an act that a fee buys: it tells how the payment ended. Such an act waits for it.
func unpaid(story []Line) bool {
	return slices.ContainsFunc(story, func(l Line) bool { return l.Event == "paid" || l.Event == "payment_expired" })
}

// States are the states that a story went through, from the draft on. They are read from what is kept, so that a state in which a case was
// for a moment is not missed; a story out of order is an error.
func States(story []Line) ([]string, error) {
	states := []string{"draft"}
	for n, l := range story {
		if n > 0 && l.At.Before(story[n-1].At) {
			return states, fmt.Errorf("%s è raccontato dopo %s, che è successo dopo", l.Event, story[n-1].Event)
		}
		now := states[len(states)-1]
		next := leads[l.Event]
		if l.Event == "submitted" && unpaid(story) {
			next = "awaiting_payment"
		}
		if next == "" || next == now || l.Event == "taken_in_charge" && now == "awaiting_integration" || l.Event == "registered" && now == "withdrawn" {
			continue
		}
		states = append(states, next)
	}
	return states, nil
}
