//go:build road

package crash

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"sportello/infra/road"
	"sportello/shared/domain/deadline"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/register"
	"sportello/shared/flow/step"
	"sportello/shared/platform/queue"
)

// closing is a point of the night in which a chamber's day is sealed. The case is a new one, of that day.
func closing(name string, call func(*filed) road.Fault) point {
	return point{row: "close-day", name: name, needs: registered, ends: registered, act: (*filed).sleep, also: (*rows).unsealed, call: call, what: need{fresh: true}}
}

// declaring is a point at which a part of a sealed day is archived, on its way to being declared.
func declaring(name, part string) point {
	p := closing(name, func(f *filed) road.Fault { return puts(preserving, "days/"+f.chamber+"/"+f.day+"/"+part) })
	p.row, p.also = "day declared", (*rows).undeclared
	return p
}

// sleep: nobody does anything at night.
func (f *filed) sleep(context.Context) error { return nil }

// nightPoints are the writes that seal a day, in their order.
var nightPoints = []point{
	closing("promised", func(f *filed) road.Fault { return writes(sweeping, "OUT#DAY#"+f.chamber+"#"+f.day) }),
	closing("sent", func(f *filed) road.Fault { return sends(sweeping, "OUT#DAY#"+f.chamber+"#"+f.day) }),
	closing("sealed in the register", sealing),
	closing("seal archived", func(f *filed) road.Fault { return puts(registering, "register/"+f.chamber+"/seals/"+f.day) }),
	closing("statement promised", func(f *filed) road.Fault { return commits(registering, "OUT#DAY#"+f.chamber+".*OUT#SGL#"+f.chamber) }),
	only(declaring("leaves archived", "leaves.json"), killedAfter),
	only(declaring("sealed / no timestamp", "statement.p7s"), failsBefore, killedAfter),
	only(declaring("timestamped / not published", "statement.tst"), killedAfter),
	{
		row: "close-day with pending", name: "registration never sent", needs: drafted, ends: registered, before: (*filed).unsent, act: (*filed).submit,
		also: (*rows).deferred, only: []effect{failsBefore},
		call: registrationSwept,
	},
	{
		row: "close-day with pending", name: "sealed in the register", needs: drafted, ends: registered, before: (*filed).unswept, act: (*filed).submit,
		also: (*rows).deferred, only: []effect{failsAfter, killedAfter}, call: sealing,
	},
}

// sealing is where a day is sealed in the register.
func sealing(f *filed) road.Fault {
	head, sealed := "H#"+f.chamber+"#", field("sealedThrough", f.day)
	return commits(registering, "("+head+".*"+sealed+"|"+sealed+".*"+head+")")
}

func registrationSwept(f *filed) road.Fault { return sends(sweeping, "OUT#REG#"+f.chamber) }

// unsent has the submission's own message fail too, so that the case waits over night.
func (f *filed) unsent(ctx context.Context) error {
	return f.never(ctx, sends(submitting, "OUT#REG#"+f.chamber))
}

// unswept has the sweep's fail as well.
func (f *filed) unswept(ctx context.Context) error {
	return errors.Join(f.unsent(ctx), f.never(ctx, registrationSwept(f)))
}

// never makes calls fail before they are done, until all is healed.
func (f *filed) never(ctx context.Context, fault road.Fault) error {
	fault.When, fault.Effect, fault.Times = failsBefore.when, failsBefore.effect, always
	_, err := f.Arm(ctx, fault)
	return err
}

// dusk says which day is sealed in this round: the one before the next 3:30. Empty: none.
func (r *round) dusk(ctx context.Context) (string, error) {
	if !r.night {
		return "", nil
	}
	now, err := r.Now(ctx)
	if err != nil {
		return "", err
	}
	today := deadline.DateOf(now)
	r.dawn = today.Start().Add(3*time.Hour + 30*time.Minute)
	if !now.Before(r.dawn.Add(-time.Hour)) {
		today = today.AddDays(1)
		r.dawn = today.Start().Add(3*time.Hour + 30*time.Minute)
	}
	return today.AddDays(-1).String(), nil
}

// sleep moves the clock to the morning. The schedule that closes days fires by itself, and as often as the sweep does, for it may be
// killed half way through the chambers.
func (r *round) sleep(ctx context.Context) error {
	if !r.night {
		return nil
	}
	now, err := r.Now(ctx)
	if err != nil {
		return err
	}
	r.pulse.besides = []string{"Daily"}
	return r.Advance(ctx, r.dawn.Sub(now))
}

// sealing is the envelope that asks for the day to be sealed.
func (f *filed) sealing() queue.Envelope {
	key := layout.Outbox(string(step.Seal), f.chamber, f.day, "day-"+f.chamber+"-"+f.day)
	return queue.Envelope{Version: queue.Version, Kind: string(step.Seal), PK: key.PK, SK: key.SK}
}

// unsealed says what is wrong with the day's seal: it must list the numbers of that day, all of them, and nothing that waits.
func (r *rows) unsealed(ctx context.Context) string { return r.sealed(ctx) }

// undeclared says what is wrong with the day as anybody can read it.
func (r *rows) undeclared(ctx context.Context) string {
	if wrong := r.unsealed(ctx); wrong != "" {
		return wrong
	}
	var declared struct{ Statement, Signature, Timestamp []byte }
	if err := r.citizen.Anonymous().Get(ctx, "/api/v1/seals/"+r.chamber+"/"+r.day, &declared); err != nil {
		return err.Error()
	}
	statement, err := register.ParseStatement(declared.Statement)
	if err != nil {
		return err.Error()
	}
	if statement.Chamber != r.chamber || statement.Day != r.day || len(declared.Signature) == 0 || len(declared.Timestamp) == 0 {
		return r.day + " is declared as something else"
	}
	return ""
}

// deferred says what is wrong with a case that waited over night: the seal must list it as pending, and its number be of the day after.
func (r *rows) deferred(ctx context.Context) string {
	if wrong := r.sealed(ctx, r.meta.Submission.Event); wrong != "" {
		return wrong
	}
	if r.meta.Protocol.Date <= r.day {
		return "registered on a sealed day"
	}
	return ""
}

// sealed holds the day's seal to the register and to what should have been pending.
func (r *rows) sealed(ctx context.Context, waiting ...string) string {
	var answer struct {
		State string
		Seal  json.RawMessage
	}
	if err := r.office.Get(ctx, "/chamber/v1/seals/"+r.day, &answer); err != nil {
		return err.Error()
	}
	if answer.State != "sealed" {
		return r.day + " is not sealed"
	}
	seal, err := register.ParseSeal(answer.Seal)
	if err != nil {
		return err.Error()
	}
	entries, err := road.Register(ctx, r.office, seal.Book.Year)
	if err != nil {
		return err.Error()
	}
	var given, listed, pending []string
	for _, e := range entries {
		if e.Date == r.day {
			given = append(given, e.Number)
		}
	}
	for _, e := range seal.Entries {
		listed = append(listed, e.Number)
	}
	for _, p := range seal.Pending {
		pending = append(pending, p.Event)
	}
	if !slices.Equal(given, listed) || !slices.Equal(waiting, pending) {
		return fmt.Sprintf("the seal of %s lists %v and pending %v, not %v and %v", r.day, listed, pending, given, waiting)
	}
	return ""
}
