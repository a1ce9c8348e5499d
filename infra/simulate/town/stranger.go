package town

import (
	"context"
	"errors"
	"time"

	"sportello/infra/simulate/audit"
	"sportello/shared/domain/application"
	"sportello/shared/domain/deadline"
	"sportello/shared/domain/problem"
	"sportello/shared/flow/access"
	"sportello/shared/flow/survey"
)

// planStrangers lets people and officers try, some times a day, what is not theirs.
func (w *World) planStrangers(date deadline.Date) {
	for range 3 {
		w.at(date.Start().Add(time.Duration(w.life.Int64N(int64(24*time.Hour)))), func() {
			if w.inject.Depth() == 0 {
				w.trespass()
			}
		})
	}
}

// trespass tries every way to somebody else's case. Nothing fails meanwhile, so each must answer that there is no such case.
func (w *World) trespass() {
	victim := w.someone()
	if victim == nil {
		return
	}
	off := w.inject.Off
	w.inject.Off = true
	defer func() { w.inject.Off = off }()
	stranger := w.people[w.life.IntN(len(w.people))]
	for stranger.Owns(victim.owned()) {
		stranger = w.people[w.life.IntN(len(w.people))]
	}
	w.asApplicant(stranger.Applicant, victim)
	for _, c := range w.chambers {
		for n, who := range officers(c) {
			switch {
			case c.ID != victim.chamber, w.audit.State(victim.id) == "":
				w.asOfficer(who, victim) // another chamber's, or nobody's but the applicant's yet
			case n == 2 && w.audit.Against(victim.id) != "":
				w.asOfficer(who, victim) // the officer complained of
			}
		}
	}
	w.tally["trespasses"]++
}

func (w *World) someone() *errand {
	mine := w.byPerson[w.people[w.life.IntN(len(w.people))]]
	for _, e := range mine {
		if !e.ended && w.life.IntN(len(mine)) == 0 {
			return e
		}
	}
	return nil
}

// hidden holds an attempt to its answer.
func (w *World) hidden(what, id string, attempt func(ctx context.Context, i *instance) error) {
	var err error
	_ = w.call("trespass", "", func(i *instance) error {
		err = attempt(context.Background(), i)
		return err
	})
	var p *problem.Problem
	if !errors.As(err, &p) || p.Kind != problem.NotFound || p.Detail != problem.Hidden().Detail {
		w.audit.Report(audit.Hidden, "%s of case %s by a stranger: %v", what, id, err)
	}
}

// attempt is one way to a case.
type attempt struct {
	what string
	do   func(ctx context.Context, i *instance) error
}

func (w *World) asApplicant(who access.Applicant, e *errand) {
	id := e.id
	_, claim := w.file()
	for _, a := range []attempt{
		{"show", func(ctx context.Context, i *instance) error { _, err := i.cases.Show(ctx, who, id); return err }},
		{"timeline", func(ctx context.Context, i *instance) error { _, err := i.cases.Timeline(ctx, who, id); return err }},
		{"download", func(ctx context.Context, i *instance) error { _, err := i.cases.Download(ctx, who, id, id); return err }},
		{"message", func(ctx context.Context, i *instance) error {
			_, err := i.cases.Message(ctx, who, id, "Che cosa dice?", true)
			return err
		}},
		{"reply", func(ctx context.Context, i *instance) error {
			_, err := i.cases.Reply(ctx, who, id, id, "Ecco.", nil)
			return err
		}},
		{"attach to reply", func(ctx context.Context, i *instance) error {
			_, err := i.cases.Attach(ctx, who, id, claim)
			return err
		}},
		{"complete file of reply", func(ctx context.Context, i *instance) error { _, err := i.cases.Complete(ctx, who, id, id); return err }},
		{"withdraw", func(ctx context.Context, i *instance) error { _, err := i.cases.Withdraw(ctx, who, id, ""); return err }},
		{"save", func(ctx context.Context, i *instance) error {
			_, err := i.drafts.Save(ctx, who, id, e.version, w.answers(e.who, e.profile.Party, 0, true))
			return err
		}},
		{"attach", func(ctx context.Context, i *instance) error {
			_, err := i.drafts.Attach(ctx, who, id, claim)
			return err
		}},
		{"complete file", func(ctx context.Context, i *instance) error {
			_, err := i.drafts.Complete(ctx, who, id, id)
			return err
		}},
		{"detach", func(ctx context.Context, i *instance) error { return i.drafts.Detach(ctx, who, id, id) }},
		{"discard", func(ctx context.Context, i *instance) error { return i.drafts.Discard(ctx, who, id) }},
		{"submit", func(ctx context.Context, i *instance) error {
			_, err := i.submit.Present(ctx, who, id, e.key, 0)
			return err
		}},
		{"survey", func(ctx context.Context, i *instance) error { return unknownToken(i.survey.Show(ctx, id)) }},
	} {
		w.hidden(a.what, id, a.do)
	}
}

func (w *World) asOfficer(who access.Officer, e *errand) {
	id := e.id
	_, claim := w.file()
	for _, a := range []attempt{
		{"show office", func(ctx context.Context, i *instance) error { _, err := i.office.Show(ctx, who, id); return err }},
		{"timeline office", func(ctx context.Context, i *instance) error { _, err := i.office.Timeline(ctx, who, id); return err }},
		{"download office", func(ctx context.Context, i *instance) error {
			_, err := i.office.Download(ctx, who, id, id)
			return err
		}},
		{"assign", func(ctx context.Context, i *instance) error { _, err := i.office.Assign(ctx, who, id, ""); return err }},
		{"office message", func(ctx context.Context, i *instance) error {
			_, err := i.office.Message(ctx, who, id, "Ecco.")
			return err
		}},
		{"attach outcome", func(ctx context.Context, i *instance) error {
			_, err := i.office.Attach(ctx, who, id, claim)
			return err
		}},
		{"complete outcome", func(ctx context.Context, i *instance) error {
			_, err := i.office.Complete(ctx, who, id, id)
			return err
		}},
		{"ask integration", func(ctx context.Context, i *instance) error {
			_, err := i.office.RequestIntegration(ctx, who, id, "Che cosa?", 10)
			return err
		}},
		{"decide", func(ctx context.Context, i *instance) error {
			_, err := i.office.Decide(ctx, who, id, "founded", "Sì.", id)
			return err
		}},
	} {
		w.hidden(a.what, id, a.do)
	}
}

// unknownToken: whoever guesses a token is told that the link is not good, in words of its own; that is as good as hidden.
func unknownToken(_ survey.Subject, err error) error {
	if problem.Is(err, problem.NotFound) {
		return problem.Hidden()
	}
	return err
}

// owned is the case as far as its owner is concerned.
func (e *errand) owned() application.Application {
	return application.Application{Owner: e.profile.Party}
}
