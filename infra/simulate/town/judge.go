package town

import (
	"context"
	"errors"

	"sportello/infra/simulate/audit"
	"sportello/infra/simulate/fault"
	"sportello/infra/simulate/outside"
	"sportello/shared/domain/problem"
	"sportello/shared/domain/register"
	"sportello/shared/flow/keeping"
	"sportello/shared/flow/step"
	"sportello/shared/platform/ledger"
)

// judge looks at how a step ended. An error that a person is told, or that was injected, is one thing; one that nobody caused is a fault of the
// steps, or of the simulation.
func (w *World) judge(f *fault.Frame, err error) {
	if err == nil || f.Faulty || expected(err) {
		return
	}
	w.audit.Report(audit.Fault, "%s failed and nothing was wrong: %v", f.Step, err)
}

func expected(err error) bool {
	var p *problem.Problem
	var refused register.Violations
	return errors.As(err, &p) || errors.As(err, &refused) || errors.Is(err, outside.ErrDown) || errors.Is(err, fault.ErrInjected) || errors.Is(err, outside.ErrTemporary) ||
		errors.Is(err, keeping.ErrRefused) || errors.Is(err, outside.ErrUnreadable) ||
		errors.Is(err, ledger.ErrUnknownNumber) || errors.Is(err, step.ErrBusy)
}

// report takes what a step tells its log.
func (w *World) report(_ context.Context, item string, err error) {
	w.note(w.during(), "reports "+item, err.Error())
	if f := w.inject.Frame(); f != nil {
		w.judge(f, err)
	}
}
