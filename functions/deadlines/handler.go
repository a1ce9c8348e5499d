package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sportello/shared/domain/catalogue"
	"sportello/shared/edge/lambdafn"
	"sportello/shared/flow/deadlines"
	"sportello/shared/flow/officers"
	"sportello/shared/flow/registration"
	"sportello/shared/flow/trustlist"
)

type handler struct {
	desk     *deadlines.Desk
	registry *registration.Desk
	keyring  *officers.Keyring
	trust    *trustlist.Desk
	p        *lambdafn.Process
}

// handle does the task that the schedule asks for.
func (h handler) handle(ctx context.Context, task lambdafn.Task) error {
	switch task.Task {
	case "sweep":
		return h.sweep(ctx)
	case "watch":
		return h.watch(ctx)
	case "close-day":
		return h.closeDays(ctx)
	case "trust-list":
		return h.trustList(ctx)
	}
	return fmt.Errorf("unknown task %q", task.Task)
}

// late is after how long an effect that is owed is named in the log, for whom the alarm wakes.
const late = 5 * time.Minute

// sweep does what is due, and tells the alarms what is late.
func (h handler) sweep(ctx context.Context) error {
	swept, err := h.desk.Sweep(ctx)
	if err != nil {
		return err
	}
	m := h.p.Metrics
	m.Put("OldestOverdueOutboxSeconds", lambdafn.Seconds, swept.OldestOverdue.Seconds())
	m.Put("RegistrationAgeSeconds", lambdafn.Seconds, swept.OldestRegistration.Seconds())
	m.Count("SweepHeartbeat", 1)
	if oldest := swept.Oldest; swept.OldestOverdue > late {
		h.p.Log.WarnContext(ctx, "an effect is missing", "kind", oldest.Kind, "chamber", oldest.Chamber, "application", oldest.Application,
			"event", oldest.Event, "attempts", oldest.Attempts, "seconds", int(swept.OldestOverdue.Seconds()))
	}
	if swept.Failed > 0 {
		h.p.Log.WarnContext(ctx, "sweep left items behind", "done", swept.Done, "failed", swept.Failed)
	}
	return nil
}

// watch tells the alarms what waits for a person, chamber by chamber. It stands beside the sweep, and runs less often: what a person has to do waits for
// minutes, and a look that fails must not keep the sweep from its work. One that fails at a chamber tells what it saw at the others, but nothing of
// unsealed days: that alarm rings when nothing is told.
func (h handler) watch(ctx context.Context) error {
	var all watched
	var failed error
	for _, c := range catalogue.Chambers() {
		if err := h.look(ctx, c.ID, &all); err != nil {
			h.p.Log.ErrorContext(ctx, "not looked at", "chamber", c.ID, "error", err)
			failed = errors.Join(failed, err)
		}
	}
	m := h.p.Metrics
	m.Put("MailWithoutReceiptHours", lambdafn.Count, all.silence.Hours())
	m.Count("OpenProblems", all.problems)
	m.Count("KeysEnding", all.ending)
	if failed == nil {
		m.Count("DayUnsealed", all.unsealed)
	}
	return failed
}

// watched is what waits for a person.
type watched struct {
	unsealed, problems, ending int
	silence                    time.Duration // of the mail that has had no receipt for longest
}

// look adds what waits at a chamber.
func (h handler) look(ctx context.Context, chamber string, w *watched) error {
	open, err := h.desk.OpenProblems(ctx, chamber)
	if err == nil {
		w.problems, w.silence = w.problems+open.Problems, max(w.silence, open.OldestSilence)
	}
	keys, failed := h.keyring.Ending(ctx, chamber)
	if failed == nil {
		w.ending += keys
	}
	days, unknown := h.registry.Unsealed(ctx, chamber)
	if unknown == nil {
		w.unsealed += days
	}
	return errors.Join(err, failed, unknown)
}

// closeDays promises the sealing of the days that are over, chamber by chamber.
func (h handler) closeDays(ctx context.Context) error {
	var failed error
	for _, c := range catalogue.Chambers() {
		if err := h.registry.PlanDays(ctx, c.ID); err != nil {
			h.p.Log.ErrorContext(ctx, "days not planned", "chamber", c.ID, "error", err)
			failed = errors.Join(failed, err)
		}
	}
	return failed
}
