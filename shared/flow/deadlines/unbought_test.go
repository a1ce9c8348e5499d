package deadlines_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"sportello/shared/domain/application"
	"sportello/shared/domain/layout"
	money "sportello/shared/domain/payment"
	"sportello/shared/flow/casefile"
	"sportello/shared/flow/flowtest"
	"sportello/shared/platform/table"
)

// lapsed is a price list that was presented and never paid for; checked out, so that the institute has a position to close.
func lapsed(w *flowtest.World) string {
	id := w.Unpaid()
	w.Checkout(id)
	days(w, 8)
	w.State(id, application.Expired)
	return id
}

func days(w *flowtest.World, n int) {
	for range n {
		w.Pass(24 * time.Hour)
		w.Sweep()
		w.Settle()
	}
}

// left lists what is still kept of a case: rows by their key, then files.
func left(t *testing.T, w *flowtest.World, a application.Application) []string {
	t.Helper()
	var found []string
	for _, item := range w.Applications.Snapshot() {
		of := item.PK == layout.Application(a.ID) || item.Key == layout.Owned(a.Owner.TaxCode, a.CreatedAt, a.ID) ||
			item.Key == layout.Idempotency(a.Filer.TaxCode, a.Submission.Key)
		if of || bytes.Contains(item.Body, []byte(a.ID)) && !strings.HasPrefix(item.PK, layout.PaymentPrefix) && !strings.HasPrefix(item.SK, layout.ProblemPrefix) {
			found = append(found, item.PK+" "+item.SK)
		}
	}
	keys, err := w.Documents.List(ctx, "", "", 10_000)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		if strings.Contains(key, a.ID) {
			found = append(found, key)
		}
	}
	return found
}

// A case that ended unpaid goes a year after its end, with its files; its payment stays, and takes money that comes even then.
func TestUnboughtIsForgotten(t *testing.T) {
	for name, end := range map[string]func(w *flowtest.World) string{
		"expired": lapsed,
		"withdrawn": func(w *flowtest.World) string {
			id := w.Unpaid()
			w.Must(func() error { _, err := w.Cases.Withdraw(ctx, w.Applicant(), id, "Ci ho ripensato."); return err })
			days(w, 1)
			return id
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := flowtest.New(t)
			id, other := end(w), w.Presented()
			a := w.Meta(id)
			w.At(a.UpdatedAt.Add(casefile.DraftLife - time.Hour))
			w.Sweep()
			if len(left(t, w, a)) < 8 {
				t.Fatalf("before its time only %v is left", left(t, w, a))
			}
			w.Pass(2 * time.Hour)
			w.Sweep()
			if got := left(t, w, a); len(got) > 0 {
				t.Errorf("left: %v", got)
			}
			iuv := a.Fee.IUV
			if p := w.Payment(iuv); p.Application != "" || !p.Closed || p.Expired == nil || p.Paid != nil || !p.CreatedAt.Equal(a.PresentedAt()) {
				t.Errorf("whoever verifies the register could not tell it from a lost one: %+v", p)
			}
			n := money.Notice{
				Provider: "istituto", Type: money.TypeSettled, Organization: w.TheChamber().TaxCode, IUV: iuv, Cents: a.Fee.Cents, PaidAt: w.Now(), Receipt: "R1",
			}
			w.Tell(n)
			w.Pass(time.Minute)
			w.Sweep()
			w.GiveBack()
			if p := w.Payment(iuv); len(p.Refunds) != 1 || p.Owes() || len(left(t, w, a)) > 0 {
				t.Errorf("late money: %+v, left %v", p, left(t, w, a))
			}
			w.Meta(other) // nobody else's
			w.Check()
		})
	}
}

// As long as money is to go back, its owner sees the case.
func TestUnboughtWaitsForItsRefund(t *testing.T) {
	w := flowtest.New(t)
	id := lapsed(w)
	w.Pay(id, 300)
	a := w.Meta(id)
	w.At(a.UpdatedAt.Add(casefile.DraftLife + time.Hour))
	w.Sweep()
	w.State(id, application.Expired)
	w.GiveBack()
	w.Pass(casefile.DraftLife + time.Hour)
	w.Sweep()
	if got := left(t, w, a); len(got) > 0 {
		t.Errorf("left: %v", got)
	}
	w.Check()
}

// Whoever dies in the middle goes on at the next sweep.
func TestUnboughtIsForgottenWhateverFails(t *testing.T) {
	for _, fault := range flowtest.Faults {
		t.Run(fmt.Sprint(fault), func(t *testing.T) {
			w := flowtest.New(t)
			a := w.Meta(lapsed(w))
			w.At(a.UpdatedAt.Add(casefile.DraftLife + time.Hour))
			for range 4 {
				w.Applications.FailNext(fault)
				w.Sweep()
				w.Pass(time.Minute)
			}
			w.Sweep()
			if got := left(t, w, a); len(got) > 0 {
				t.Errorf("left: %v", got)
			}
		})
	}
}

// A long story is removed in several commits.
func TestLongStoryIsForgotten(t *testing.T) {
	w := flowtest.New(t)
	a := w.Meta(lapsed(w))
	for n := range 2 * table.MaxChanges {
		line, err := casefile.Tell(a.ID, fmt.Sprint("e", n), application.Line{At: w.Now(), Event: application.MessageSent})
		if err == nil {
			err = w.Applications.Commit(ctx, line)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	w.At(a.UpdatedAt.Add(casefile.DraftLife + time.Hour))
	w.Sweep()
	if got := left(t, w, a); len(got) > 0 {
		t.Errorf("%d left", len(got))
	}
}
