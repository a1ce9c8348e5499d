package town

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"sportello/infra/simulate/audit"
	"sportello/infra/simulate/outside"
	"sportello/shared/domain/application"
	"sportello/shared/domain/catalogue"
	"sportello/shared/domain/deadline"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/problem"
	"sportello/shared/flow/access"
	"sportello/shared/flow/casefile"
	"sportello/shared/flow/office"
	"sportello/shared/flow/problems"
)

// planOffice decides when a chamber's officers look at their lists: some times on each working day.
func (w *World) planOffice(c catalogue.Chamber, date deadline.Date) {
	if !casefile.Calendar(c.ID).Working(date) {
		return
	}
	for range 5 {
		at := date.Start().Add(8*time.Hour + time.Duration(w.life.Int64N(int64(9*time.Hour))))
		who := w.life.IntN(2)
		if w.life.IntN(12) == 0 {
			who = 2
		}
		w.at(at, func() { w.round(c, who) })
	}
	w.at(date.Start().Add(16*time.Hour), func() { w.problems(c) })
	if w.life.IntN(3) == 0 {
		w.at(date.Start().Add(time.Duration(9+w.life.IntN(7))*time.Hour), func() { w.registry(c) })
	}
}

// round is one look at the list, by an officer who then works on some of what it shows.
func (w *World) round(c catalogue.Chamber, n int) {
	who := officers(c)[n]
	filter := []office.Filter{
		{}, {State: string(application.Registered)}, {Assignee: "none"}, {Assignee: who.TaxCode}, {State: string(application.InProgress)},
	}[w.life.IntN(5)]
	var list []casefile.Summary
	_ = w.call("list office", "", func(i *instance) error {
		page, next, err := i.office.List(context.Background(), who, filter, nil)
		list = page
		if err == nil && next != nil && w.life.IntN(2) == 0 {
			page, _, err = i.office.List(context.Background(), who, filter, next)
			list = append(list, page...)
		}
		return err
	})
	for _, s := range list {
		if s.Chamber != c.ID {
			w.audit.Report(audit.Hidden, "the list of %s shows case %s of %s", c.ID, s.ID, s.Chamber)
		}
	}
	w.life.Shuffle(len(list), func(a, b int) { list[a], list[b] = list[b], list[a] })
	for _, s := range list[:min(len(list), 10)] {
		w.office(c, n, s.ID)
	}
}

// slow tells whether the office lets a case lie for long: what happens when the term runs out must happen too.
func (w *World) slow(id string) bool {
	at, ok := w.audit.Presented(id)
	return ok && id[len(id)-1] == '7' && w.now.Before(at.AddDate(0, 0, 50)) && !w.closing
}

// office does what a case needs next.
func (w *World) office(c catalogue.Chamber, n int, id string) {
	who := officers(c)[n]
	switch state := w.audit.State(id); {
	case w.slow(id):
	case state == application.Registered:
		_ = w.call("assign", id, func(i *instance) error {
			_, err := i.office.Assign(context.Background(), who, id, "")
			return err
		})
	case state == application.InProgress, state == application.AwaitingIntegration && w.life.IntN(10) == 0:
		w.handle(c, who, id)
	}
}

// handle works on a case that is in charge.
func (w *World) handle(c catalogue.Chamber, who access.Officer, id string) {
	switch chance := w.life.IntN(100); {
	case chance < 8 && !w.closing:
		_ = w.call("office message", id, func(i *instance) error {
			_, err := i.office.Message(context.Background(), who, id, "La pratica è in lavorazione.")
			return err
		})
	case chance < 30 && !w.closing:
		w.ask(who, id)
	case chance < 34:
		_ = w.call("assign", id, func(i *instance) error {
			_, err := i.office.Assign(context.Background(), who, id, officers(c)[w.life.IntN(2)].TaxCode)
			return err
		})
	case chance < 40:
		_ = w.call("show office", id, func(i *instance) error {
			_, err := i.office.Show(context.Background(), who, id)
			return err
		})
	case chance < 46:
		_ = w.call("timeline office", id, func(i *instance) error {
			_, err := i.office.Timeline(context.Background(), who, id)
			return err
		})
	default:
		w.decide(who, id)
	}
}

func (w *World) ask(who access.Officer, id string) {
	days := 1 + w.life.IntN(32) // 31 and 32 are refused
	err := w.call("ask integration", id, func(i *instance) error {
		sent, err := i.office.RequestIntegration(context.Background(), who, id, "Manca la copia del documento.", days)
		if e := w.errands[id]; err == nil && e != nil {
			e.asked(sent.ID)
		}
		return err
	})
	if err == nil {
		w.tally["integration requests"]++
	}
}

// decide uploads the outcome and decides; whatever fails, the officer begins again another time.
func (w *World) decide(who access.Officer, id string) {
	body, claim := w.file()
	list := w.errands[id] != nil && w.errands[id].service == priceList
	if list && w.life.IntN(15) > 0 { // else it is refused, and signed another time
		body = outside.SignedBy(who.TaxCode, "esito "+id)
		sum := sha256.Sum256(body)
		claim.Size, claim.SHA256 = int64(len(body)), hex.EncodeToString(sum[:])
	}
	var file string
	err := w.call("attach outcome", id, func(i *instance) error {
		a, err := i.office.Attach(context.Background(), who, id, claim)
		file = a.ID
		return err
	})
	if err != nil {
		return
	}
	if err := w.documents.Upload(layout.UploadKey(id, file), body, claim.MediaType); err != nil {
		w.audit.Report(audit.Fault, "an upload was refused: %v", err)
	}
	err = w.call("complete outcome", id, func(i *instance) error {
		_, err := i.office.Complete(context.Background(), who, id, file)
		return err
	})
	if err != nil {
		return
	}
	outcomes := []string{"founded", "unfounded", "redirected"}
	if list {
		outcomes = []string{"deposited", "refused"}
	}
	outcome := outcomes[w.life.IntN(len(outcomes))]
	err = w.call("decide", id, func(i *instance) error {
		_, err := i.office.Decide(context.Background(), who, id, outcome, "Esaminati i fatti, si comunica l'esito.", file)
		return err
	})
	if err == nil {
		w.tally["decisions"]++
	}
}

// problems is an officer's daily look at what went wrong. What was parked is tried again; what only tells something is dealt with; an outcome
// that never arrived is sent on paper, in some days.
func (w *World) problems(c catalogue.Chamber) {
	who := officers(c)[0]
	var list []office.ProblemView
	_ = w.call("list problems", "", func(i *instance) (err error) {
		list, err = i.office.Problems(context.Background(), who)
		return err
	})
	for _, p := range list {
		switch problems.Kind(p.Kind) {
		case problems.Poisoned:
			if w.life.IntN(8) > 0 {
				continue // the developers take their time
			}
		case problems.MailFailed, problems.MailUncertain, problems.NoAddress:
			if w.life.IntN(3) > 0 {
				continue
			}
		}
		err := w.call("retry problem", "", func(i *instance) error {
			return i.office.RetryProblem(context.Background(), who, p.ID)
		})
		if err == nil {
			w.tally["problems dealt with"]++
		}
	}
}

// registry reads the register, and now and then annuls a number. Every fourth reason is written as the rules refuse it.
func (w *World) registry(c catalogue.Chamber) {
	who := officers(c)[0]
	year := w.now.Year()
	last := w.audit.Last(c.ID, year)
	if last == 0 {
		return
	}
	var list []office.RegisteredView
	_ = w.call("read register", "", func(i *instance) (err error) {
		list, _, err = i.office.Entries(context.Background(), who, year, 1+w.life.Uint64N(last), 0, nil)
		if err == nil {
			_, err = i.office.Seal(context.Background(), who, w.now.AddDate(0, 0, -2).Format(time.DateOnly))
		}
		return err
	})
	if len(list) == 0 {
		return
	}
	reason := "Registrato per errore"
	if w.life.IntN(4) == 0 {
		reason = "Registrato\nper errore"
	}
	number := list[w.life.IntN(len(list))].Number
	err := w.call("annul", "", func(i *instance) error {
		var n uint64
		for _, digit := range number {
			n = n*10 + uint64(digit-'0')
		}
		_, err := i.office.Annul(context.Background(), who, year, n, reason, "Determinazione n. 7")
		return err
	})
	if err == nil {
		w.tally["annulments asked"]++
	} else if problem.Is(err, problem.Conflict) {
		w.tally["annulments refused"]++
	}
}
