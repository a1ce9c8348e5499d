package flowtest_test

import (
	"context"
	"testing"
	"time"

	"sportello/shared/domain/application"
	"sportello/shared/domain/survey"
	"sportello/shared/flow/flowtest"
	"sportello/shared/flow/problems"
	"sportello/shared/platform/queue"
)

var ctx = context.Background()

// whole is a life from draft to archive, with all that may happen on the way. Whoever asks presses the button again; time mends the rest.
func whole(t testing.TB, w *flowtest.World) {
	id := w.Draft()
	w.Attach(id, "prova.pdf")
	first := w.Present(id)
	w.Settle()
	w.Must(func() error {
		_, err := w.Cases.Message(ctx, w.Applicant(), id, "Quando avrò risposta?", true)
		return err
	})
	w.Rest()
	w.Must(func() error {
		_, err := w.Office.Assign(ctx, w.Officer(), id, "")
		return err
	})
	request := w.Ask(id, 10)
	w.Must(func() error {
		if w.Meta(id).Request == "" {
			return nil
		}
		_, err := w.Cases.Reply(ctx, w.Applicant(), id, request, "Ecco la copia.", nil)
		return err
	})
	w.Rest()
	w.Decide(id)
	w.Rest()
	w.Pass(24 * time.Hour)
	w.CloseDays()
	w.CloseDays()
	w.Rest()
	w.Pass(30 * 24 * time.Hour)
	w.Rest()
	w.State(id, application.Preserved)
	if got := w.Meta(id).Submission.PresentedAt; !got.Equal(first.PresentedAt) {
		t.Errorf("presented at %s, the applicant was told %s", got, first.PresentedAt)
	}
	if again := w.Present(id); again.PresentedAt != first.PresentedAt || again.Receipt.ID != first.Receipt.ID {
		t.Errorf("asked again: %+v, want %+v", again, first)
	}
	if owed := w.Outbox(); len(owed) > 0 {
		t.Errorf("%d effects are still owed", len(owed))
	}
	if open := w.Kinds(); len(open) > 0 {
		t.Errorf("open problems %v", open)
	}
	if len(w.Keeper.Packages) != 2 || w.Keeper.Packages[id] == nil { // the case, and the day it was registered on
		t.Errorf("%d packages", len(w.Keeper.Packages))
	}
	w.Check()
}

func TestWholeLife(t *testing.T) {
	w := flowtest.New(t)
	whole(t, w)
	t.Logf("%d commits on applications, %d on register", w.Applications.Commits, w.Register.Commits)
}

// Every commit of a life fails once in each of the four ways.
func TestEveryCommitFails(t *testing.T) { flowtest.EachFault(t, whole) }

// Every message is delivered twice, the second time at once or after all others, and the newest first.
func TestEveryMessageTwice(t *testing.T) {
	for name, order := range map[string]func(w *flowtest.World, m []queue.Message) []queue.Message{
		"at once": func(_ *flowtest.World, m []queue.Message) []queue.Message {
			var twice []queue.Message
			for _, one := range m {
				twice = append(twice, one, one)
			}
			return twice
		},
		"after the others": func(_ *flowtest.World, m []queue.Message) []queue.Message { return append(m, m...) },
		"backwards": func(_ *flowtest.World, m []queue.Message) []queue.Message {
			var back []queue.Message
			for n := range m {
				back = append(back, m[len(m)-1-n])
			}
			return append(back, back...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := flowtest.New(t)
			var seen []queue.Message
			settle := func() {
				for range 6 {
					batch := w.Waiting()
					seen = append(seen, batch...)
					for _, m := range order(w, batch) {
						if err := w.Deliver(m); err != nil {
							t.Fatal(err)
						}
					}
					if err := w.ReadMail(); err != nil {
						t.Fatal(err)
					}
				}
			}
			id := w.Draft()
			w.Present(id)
			settle()
			w.Must(func() error { _, err := w.Office.Assign(ctx, w.Officer(), id, ""); return err })
			w.Decide(id)
			settle()
			w.Pass(31 * 24 * time.Hour)
			w.CloseDays()
			w.Sweep()
			settle()
			w.State(id, application.Preserved)
			for _, m := range seen { // and once more, when all is over
				if err := w.Deliver(m); err != nil {
					t.Errorf("%s delivered late: %v", m.Kind, err)
				}
			}
			w.Check()
			if len(w.Outbox()) > 0 || len(w.Mail.Taken) != 3 {
				t.Errorf("%d owed, %d messages taken", len(w.Outbox()), len(w.Mail.Taken))
			}
		})
	}
}

// Nothing is sent right after a commit: the sweep alone brings every case to its end.
func TestQueuesLoseEverything(t *testing.T) {
	w := flowtest.New(t)
	id := w.Presented()
	w.Waiting() // wiped
	w.Rest()
	w.State(id, application.Registered)
	w.Must(func() error { _, err := w.Office.Assign(ctx, w.Officer(), id, ""); return err })
	w.Decide(id)
	w.Waiting()
	w.Rest()
	w.Must(func() error {
		return w.Survey.Rate(ctx, token(t, w, id), survey.Rating{Stars: 5})
	})
	w.Sweep()
	w.Waiting()
	w.Rest()
	w.State(id, application.Preserved)
	w.Check()
	if open := w.Kinds(); len(open) != 0 {
		t.Errorf("open problems %v", open)
	}
}

// A problem that the sweep opened closes by itself when the step succeeds at last, and opens again if a retry does not help.
func TestOverdue(t *testing.T) {
	w := flowtest.New(t)
	w.Registers.Down = true
	id := w.Presented()
	for range 40 {
		w.Pass(20 * time.Minute)
		w.Sweep()
		w.Settle()
	}
	open := w.Problems()
	if len(open) != 1 || open[0].Kind != problems.Overdue || open[0].Application != id || open[0].Work == nil {
		t.Fatalf("open problems %+v, want one that is overdue and can be retried", open)
	}
	if err := w.Office.RetryProblem(ctx, w.Officer(), open[0].ID); err != nil {
		t.Fatal(err)
	}
	if len(w.Problems()) != 0 {
		t.Error("the problem is still open after the retry")
	}
	w.Rest()
	if again := w.Problems(); len(again) != 1 || again[0].ID == open[0].ID {
		t.Fatalf("the retry did not help, and the open problems are %+v", again)
	}
	w.Registers.Down = false
	w.Rest()
	w.State(id, application.Registered)
	if left := w.Problems(); len(left) != 0 {
		t.Errorf("all is well, and open are %+v", left)
	}
	w.Check()
}
