package pec

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var day = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

func at(minutes int) time.Time { return day.Add(time.Duration(minutes) * time.Minute) }

func receipt(kind Kind, minutes int, to string) Receipt {
	return Receipt{Kind: kind, At: at(minutes), Recipient: to, Ident: fmt.Sprint("id-", kind)}
}

func TestEvaluate(t *testing.T) {
	one := []string{"a@pec.it"}
	two := []string{"a@pec.it", "b@pec.it"}
	failure := Receipt{Kind: NotDelivered, Failure: NoRecipient, Detail: "5.1.1", At: at(3), Recipient: "a@pec.it"}
	for name, c := range map[string]struct {
		own        State
		recipients []string
		receipts   []Receipt
		want       State
		at         time.Time // of the state
	}{
		"nothing yet":                    {StateSending, one, nil, StateSending, time.Time{}},
		"250 recorded":                   {StateAccepted, one, nil, StateAccepted, time.Time{}},
		"refused by the server":          {StateFailed, one, nil, StateFailed, time.Time{}},
		"accepted":                       {StateSending, one, []Receipt{receipt(Accepted, 1, "")}, StateAccepted, at(1)},
		"doubt solved by a receipt":      {StateUncertain, one, []Receipt{receipt(Accepted, 1, "")}, StateAccepted, at(1)},
		"delivered":                      {StateAccepted, one, []Receipt{receipt(Accepted, 1, ""), receipt(Delivered, 2, "a@pec.it")}, StateDelivered, at(2)},
		"delivery before acceptance":     {StateSending, one, []Receipt{receipt(Delivered, 2, "A@PEC.it")}, StateDelivered, at(2)},
		"not accepted":                   {StateAccepted, one, []Receipt{receipt(NotAccepted, 1, "")}, StateFailed, at(1)},
		"a refused copy of an accepted":  {StateUncertain, one, []Receipt{receipt(NotAccepted, 5, ""), receipt(Accepted, 1, "")}, StateAccepted, at(1)},
		"warning keeps accepted":         {StateAccepted, one, []Receipt{receipt(Accepted, 1, ""), receipt(Delayed, 720, "a@pec.it")}, StateAccepted, at(1)},
		"virus found on the way":         {StateSending, one, []Receipt{receipt(Virus, 2, "")}, StateAccepted, time.Time{}},
		"not delivered":                  {StateAccepted, one, []Receipt{receipt(Accepted, 1, ""), failure}, StateFailed, at(3)},
		"delivered after a failure":      {StateAccepted, one, []Receipt{failure, receipt(Delivered, 9, "a@pec.it")}, StateDelivered, at(9)},
		"a copy failed after delivery":   {StateAccepted, one, []Receipt{receipt(Delivered, 2, "a@pec.it"), failure}, StateDelivered, at(2)},
		"delivered twice, first counts":  {StateAccepted, one, []Receipt{receipt(Delivered, 7, "a@pec.it"), receipt(Delivered, 2, "a@pec.it")}, StateDelivered, at(2)},
		"one of two delivered":           {StateAccepted, two, []Receipt{receipt(Accepted, 1, ""), receipt(Delivered, 2, "a@pec.it")}, StateAccepted, at(1)},
		"two of two delivered":           {StateAccepted, two, []Receipt{receipt(Delivered, 5, "b@pec.it"), receipt(Delivered, 2, "a@pec.it")}, StateDelivered, at(5)},
		"one delivered, one failed":      {StateAccepted, two, []Receipt{receipt(Delivered, 2, "b@pec.it"), failure}, StateFailed, at(3)},
		"address in another form":        {StateAccepted, one, []Receipt{receipt(Delivered, 2, "alias@pec.it")}, StateDelivered, at(2)},
		"somebody we did not write to":   {StateAccepted, two, []Receipt{receipt(Delivered, 2, "c@pec.it")}, StateAccepted, time.Time{}},
		"a certified message is no mark": {StateSending, one, []Receipt{receipt(Certified, 2, "a@pec.it")}, StateSending, time.Time{}},
	} {
		t.Run(name, func(t *testing.T) {
			got := Evaluate(c.own, c.recipients, c.receipts)
			if got.State != c.want {
				t.Fatalf("state %s, want %s", got.State, c.want)
			}
			when := map[State]time.Time{StateAccepted: got.AcceptedAt, StateDelivered: got.DeliveredAt, StateFailed: got.FailedAt}[got.State]
			if !when.Equal(c.at) {
				t.Errorf("at %v, want %v", when, c.at)
			}
		})
	}
}

func TestEvaluateTellsTheStory(t *testing.T) {
	got := Evaluate(StateAccepted, []string{"a@pec.it", "x@example.org"}, []Receipt{
		{Kind: Accepted, At: at(1), Addressees: []Addressee{{"a@pec.it", true}, {"x@example.org", false}}},
		{Kind: Delayed, At: at(720), Recipient: "a@pec.it"},
		{Kind: NotDelivered, At: at(1440), Recipient: "a@pec.it", Failure: OtherCause, Detail: "casella piena"},
	})
	want := Outcome{
		State: StateFailed, AcceptedAt: at(1), FailedAt: at(1440), Failure: OtherCause, Detail: "casella piena",
		Recipients: []Delivery{
			{Address: "a@pec.it", State: StateFailed, DelayedAt: at(720), FailedAt: at(1440), Failure: OtherCause, Detail: "casella piena"},
			{Address: "x@example.org", State: StateAccepted, External: true},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// The state is a function of the set of receipts: any order, any duplicates, and more receipts never undo a delivery.
func TestEvaluateIsAFunctionOfTheSet(t *testing.T) {
	recipients := []string{"a@pec.it", "b@pec.it"}
	kinds := []Kind{Accepted, NotAccepted, TakenInCharge, Delivered, NotDelivered, Delayed, Virus}
	rapid.Check(t, func(t *rapid.T) {
		one := rapid.Custom(func(t *rapid.T) Receipt {
			return Receipt{
				Kind: rapid.SampledFrom(kinds).Draw(t, "kind"), At: at(rapid.IntRange(0, 5).Draw(t, "at")),
				Recipient: rapid.SampledFrom(append(recipients, "", "c@pec.it")).Draw(t, "to"),
				Failure:   rapid.SampledFrom([]Failure{"", NoRecipient}).Draw(t, "failure"),
				Detail:    rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "detail"),
			}
		})
		set := rapid.SliceOfN(one, 0, 8).Draw(t, "receipts")
		own := rapid.SampledFrom([]State{StateSending, StateUncertain, StateAccepted, StateFailed}).Draw(t, "own")
		want := Evaluate(own, recipients, set)

		again := set
		if len(set) > 0 {
			again = append(again, rapid.SliceOfN(rapid.SampledFrom(set), 0, 4).Draw(t, "doubled")...)
		}
		again = rapid.Permutation(again).Draw(t, "order")
		if diff := cmp.Diff(want, Evaluate(own, recipients, again)); diff != "" {
			t.Fatalf("another order or a duplicate changes the outcome:\n%s", diff)
		}
		more := Evaluate(own, recipients, append(again, one.Draw(t, "late")))
		if want.State == StateDelivered && more.State != StateDelivered {
			t.Fatalf("a late receipt undid a delivery: %s", more.State)
		}
	})
}
