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
// minutes, and a look at every chamber that fails must not keep the sweep from its work.
func (h handler) watch(ctx context.Context) error {
	unsealed, open, silence, ending := 0, 0, time.Duration(0), 0
	for _, c := range catalogue.Chambers() {
		days, err := h.registry.Unsealed(ctx, c.ID)
		if err != nil {
			return err
		}
		unsealed += days
		problems, err := h.desk.OpenProblems(ctx, c.ID)
		if err != nil {
			return err
		}
		open, silence = open+problems.Problems, max(silence, problems.OldestSilence)
		keys, err := h.keyring.Ending(ctx, c.ID)
		if err != nil {
			return err
		}
		ending += keys
	}
	m := h.p.Metrics
	m.Put("MailWithoutReceiptHours", lambdafn.Count, silence.Hours())
	m.Count("OpenProblems", open)
	m.Count("DayUnsealed", unsealed)
	m.Count("KeysEnding", ending)
	return nil
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
