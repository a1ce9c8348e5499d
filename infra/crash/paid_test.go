//go:build road

package crash

import (
	"context"
	"errors"
	"slices"
	"time"

	"sportello/infra/road"
	"sportello/shared/domain/payment"
	"sportello/shared/domain/signature"
	"sportello/shared/flow/signatures"
)

// What a payment and the verdict on a signature write, from the presentation of an act that a fee buys to the money that counts or went back.

// priced is a point of an act that a fee buys.
func priced(row, name string, needs, ends stage, act deed, call func(*filed) road.Fault, only ...effect) point {
	p := point{row: row, name: name, needs: needs, ends: ends, act: act, call: call, only: only, what: need{priced: true}}
	if ends == unpaid {
		p.also = (*rows).payable
	}
	return p
}

// repeated is what people do again when no answer came.
func (p point) repeated() point { p.again = p.act; return p }

// interrupted is what else they do once the fault has struck.
func (p point) interrupted(meanwhile deed) point { p.meanwhile = meanwhile; return p }

// deaf has the notice of money that went back come to nothing until all is healed.
func (p point) deaf() point {
	p.before = func(f *filed, ctx context.Context) error { return f.never(ctx, returning(f)) }
	return p
}

// nth strikes at another than the first of the calls that match.
func nth(n int, call func(*filed) road.Fault) func(*filed) road.Fault {
	return func(f *filed) road.Fault {
		fault := call(f)
		fault.Nth = n
		return fault
	}
}

// asks names a call of the institute.
func asks(function, method, match string) road.Fault {
	return road.Fault{Function: function, Service: "institute", Action: method, Match: "(?s)" + match}
}

// A sweep that met silence asks the institute nothing else: one that is silent for ever would hold up the other cases of the round.
var (
	silentOnce = effect{"fails before", "before", "error", 1}
	lostOnce   = effect{"fails after", "after", "drop", 1}
)

// The calls and writes by which money moves, of whichever function does them.
func opening(function string) func(*filed) road.Fault {
	return func(f *filed) road.Fault { return asks(function, "POST", `"iupd":"`+payment.IUPD(f.id)) }
}

func noting(function, what string) func(*filed) road.Fault {
	return func(f *filed) road.Fault { return writes(function, both("PAY#"+f.iuv(), named(what))) }
}

func settling(function string) func(*filed) road.Fault {
	return func(f *filed) road.Fault { return commits(function, "PAY#"+f.iuv()) }
}

func archiving(function string) func(*filed) road.Fault {
	return func(f *filed) road.Fault { return puts(function, "payments/"+f.iuv()) }
}

func owing(function string) func(*filed) road.Fault {
	return func(f *filed) road.Fault { return sends(function, "OUT#REG#"+f.chamber) }
}

// refusing is where money that is no payment is recorded, returning where it is back.
func refusing(f *filed) road.Fault  { return commits(paying, both("PAY#"+f.iuv(), "#refund-")) }
func returning(f *filed) road.Fault { return commits(paying, both("PAY#"+f.iuv(), "#refunded-")) }

func ordering(f *filed) road.Fault {
	return asks(sweeping, "POST", `"iuv":"`+f.iuv()+`","receiptId"`)
}

func inquiring(f *filed) road.Fault { return asks(sweeping, "GET", payment.IUPD(f.id)) }
func invalidating(f *filed) road.Fault {
	return asks(sweeping, "POST", payment.IUPD(f.id)+"/invalidate")
}

// named matches the name of a JSON field inside the text of an item's body.
func named(field string) string { return field + `\\":` }

// both matches a text that holds two, in whatever order.
func both(one, other string) string { return "(" + one + ".*" + other + "|" + other + ".*" + one + ")" }

// presenting presents and goes on to pay, as a person does.
var presenting = acts((*filed).submit, (*filed).checkout)

// demandPoints are the writes from the file of the form to the position that can be paid.
var demandPoints = []point{
	priced("file uploaded / not complete", "file copied", drafted, unpaid, (*filed).sign,
		func(f *filed) road.Fault {
			return road.Fault{Function: exchanging, Service: "s3", Action: "CopyObject", Match: "documents/" + f.id}
		},
		killedAfter).presentedAgain(),
	priced("file uploaded / not complete", "file complete", drafted, unpaid, (*filed).sign,
		func(f *filed) road.Fault { return commits(exchanging, both("APP#"+f.id, named("complete")+"true")) }).presentedAgain(),

	priced("transaction / no reply", "submission of an act to be paid", listed, unpaid, (*filed).submit,
		func(f *filed) road.Fault { return commits(submitting, "PAY#"+f.iuv()) }).presentedAgain(),
	priced("PAY / provider not called", "checkout noted", listed, unpaid, presenting, noting(paying, "opened"), killedBefore, killedAfter).repeated(),
	priced("PAY / provider not called", "position made", listed, unpaid, presenting, opening(paying)).repeated(),
}

// sweptPoints are those of a position that nobody went on to: the sweep makes it.
var sweptPoints = []point{
	priced("PAY / provider not called", "noted by the sweep", listed, unpaid, (*filed).submit, noting(sweeping, "opened"),
		killedBefore, killedAfter).presentedAgain(),
	priced("PAY / provider not called", "position made by the sweep", listed, unpaid, (*filed).submit, opening(sweeping),
		silentOnce, lostOnce, killedBefore, killedAfter),
	priced("PAY / provider not called", "put off until it is asked", listed, unpaid, (*filed).submit, nth(2, noting(sweeping, "opened")),
		killedBefore, killedAfter),
}

// presentedAgain has the person go on to the payment, whatever was answered.
func (p point) presentedAgain() point {
	p.again = acts((*filed).sign, (*filed).submit, (*filed).checkout)
	return p
}

// noticePoints are the writes of a notice, as the institute brings it and as it comes otherwise.
var noticePoints = []point{
	priced("notice archived / no transaction", "notice archived", unpaid, registered, pay(paysWell), archiving(paying)),
	priced("notice archived / no transaction", "notice among the documents", unpaid, registered, pay(paysWell),
		func(f *filed) road.Fault { return puts(paying, "documents/"+f.id) }, killedBefore, killedAfter),
	priced("notice archived / no transaction", "paid commit", unpaid, registered, pay(paysWell), settling(paying)),
	priced("transaction / no send", "send what is paid for", unpaid, registered, pay(paysWell), owing(paying)),
	priced("notice out of turn", "position made, paid before the checkout's answer", listed, registered, presenting, opening(paying), killedAfter).
		interrupted(pay(paysWell)).repeated(),
	priced("notice out of turn", "page made, paid before the checkout's answer", listed, registered, presenting,
		func(f *filed) road.Fault { return asks(paying, "POST", "paymentNotices.*"+f.iuv()) }, killedAfter).
		interrupted(pay(paysWell)).repeated(),
	priced("notice out of turn", "told twice", unpaid, registered, pay(toldTwice), settling(paying), killedAfter),
	priced("notice out of turn", "a failure told after", unpaid, registered, pay(outOfOrder), settling(paying), killedAfter),
	priced("notice out of turn", "a forged one before", unpaid, registered, pay(forgedFirst), nil, plain("as it comes")...),
}

// askedPoints are the writes about a payment that nobody tells of.
var askedPoints = []point{
	priced("paid and never told", "institute asked", unpaid, registered, pay(neverTold),
		inquiring, silentOnce, lostOnce, killedBefore, killedAfter),
	priced("paid and never told", "answer archived", unpaid, registered, pay(neverTold), archiving(sweeping), killedBefore, killedAfter),
	priced("paid and never told", "paid commit", unpaid, registered, pay(neverTold), settling(sweeping)),
	priced("paid and never told", "send what is paid for", unpaid, registered, pay(neverTold), owing(sweeping)),
}

// backPoints are the writes about money that goes back.
var backPoints = []point{
	priced("money that is no payment", "paid twice, second commit", unpaid, registered, pay(paysTwice), refusing),
	priced("money that is no payment", "wrong sum, archived", unpaid, repaid, pay(wrongAmount), archiving(paying), killedAfter),
	priced("money that is no payment", "wrong sum, commit", unpaid, repaid, pay(wrongAmount), refusing, killedBefore, killedAfter),
}

// refundPoints are the writes by which it goes back, returnPoints those once the institute tells that it is there, learntPoints those once it is
// asked, for we do not hear.
var (
	refundPoints = []point{
		priced("refund ordered / not noted", "refund ordered", unpaid, repaid, pay(wrongAmount), ordering,
			silentOnce, lostOnce, killedBefore, killedAfter),
		priced("refund ordered / not noted", "order noted", unpaid, repaid, pay(wrongAmount), noting(sweeping, "ordered"),
			failsAfter, killedBefore, killedAfter),
	}
	returnPoints = []point{
		priced("refund ordered / not noted", "return told, archived", unpaid, repaid, pay(wrongAmount), nth(2, archiving(paying)), killedBefore, killedAfter),
		priced("refund ordered / not noted", "return noted", unpaid, repaid, pay(wrongAmount), returning),
	}
	learntPoints = []point{
		priced("refund ordered / not noted", "return asked for, noted", unpaid, repaid, pay(wrongAmount),
			func(f *filed) road.Fault { return commits(sweeping, both("PAY#"+f.iuv(), "#refunded-")) }, silentOnce, lostOnce, killedBefore, killedAfter).deaf(),
	}
)

// renouncedPoints are applications taken back before they were paid for.
var renouncedPoints = []point{
	priced("application withdrawn unpaid", "withdrawal commit", unpaid, renounced, (*filed).withdraw,
		func(f *filed) road.Fault { return commits(exchanging, f.id) }).repeated(),
	priced("application withdrawn unpaid", "position closed", unpaid, renounced, (*filed).withdraw, invalidating,
		silentOnce, lostOnce, killedBefore, killedAfter),
	priced("application withdrawn unpaid", "closing noted", unpaid, renounced, (*filed).withdraw, noting(sweeping, "closed"),
		lostOnce, killedBefore, killedAfter),
	priced("application withdrawn unpaid", "paid all the same", unpaid, renounced, acts((*filed).withdraw, pay(moneyTooLate)), refusing,
		failsAfter, killedAfter),
	priced("application withdrawn unpaid", "after the wrong sum", repaid, renounced, (*filed).withdraw,
		func(f *filed) road.Fault { return commits(exchanging, f.id) }, killedAfter).repeated(),
}

// expiredPoints are the writes about a payment that nobody made, latePoints about money that comes after that. The institute closes by itself what
// expired there: only what is taken back is closed by us.
var (
	expiredPoints = []point{
		priced("payment never made", "institute asked", unpaid, expired, (*filed).sleep, inquiring, silentOnce, lostOnce, killedAfter),
		priced("payment never made", "expired commit", unpaid, expired, (*filed).sleep, settling(sweeping)),
	}
	latePoints = []point{
		priced("money that is no payment", "too late, commit", expired, expired, pay(moneyTooLate), refusing),
	}
)

// owedPoints are the writes about a verdict that nobody can give while the revocation services are down; verdictPoints those once they answer.
var (
	owedPoints = []point{
		unverified("submission commit", promising, failsAfter, killedBefore, killedAfter),
		unverified("put off", func(f *filed) road.Fault { return writes(preserving, "OUT#SIG#"+f.chamber) }),
	}
	verdictPoints = []point{
		unverified("sent by the sweep", func(f *filed) road.Fault { return sends(sweeping, "OUT#SIG#"+f.chamber) }, failsBefore, killedBefore, killedAfter),
		unverified("verdict commit", func(f *filed) road.Fault { return commits(preserving, "OUT#SIG#"+f.chamber) }),
	}
)

// unverified is a point of an act whose signature could not be verified when it was presented.
func unverified(name string, call func(*filed) road.Fault, only ...effect) point {
	p := priced("verdict owed", name, drafted, unpaid, (*filed).submit, call, only...).presentedAgain()
	p.before, p.also = acts((*filed).unanswered, (*filed).sign), (*rows).verified
	return p
}

func promising(f *filed) road.Fault {
	return commits(submitting, both("APP#"+f.id, "OUT#SIG#"+f.chamber))
}

// unanswered puts the revocation services out of order.
func (f *filed) unanswered(ctx context.Context) error { return f.revocation(ctx, "down") }

// revocation puts the revocation services into a mode.
func (w *town) revocation(ctx context.Context, mode string) error {
	set := func(service string) error {
		return w.World().Post(ctx, "/control/trust", map[string]any{"service": service, "mode": mode}, nil)
	}
	return errors.Join(set("ocsp"), set("crl"))
}

// verified says which file's signature is not known to be good.
func (r *rows) verified(context.Context) string {
	for _, a := range r.files {
		if a.Signature == nil || a.Signature.Verdict != signature.Valid {
			return "the verdict on " + a.Name + " is owed"
		}
	}
	return ""
}

// paidRounds are the writes about a payment that is made, and about a verdict that is owed.
func (w *town) paidRounds() []*round {
	answer := func(ctx context.Context) error { return w.revocation(ctx, "ok") }
	owed := w.later(signatures.Wait+time.Minute, w.abreast(casesOf(owedPoints), false))
	for _, r := range owed {
		r.late = answer
	}
	verdicts := w.abreast(casesOf(verdictPoints), false)
	for _, r := range verdicts {
		r.then = func(ctx context.Context) error {
			return errors.Join(answer(ctx), w.Advance(ctx, signatures.Wait+time.Minute))
		}
	}
	return slices.Concat(
		w.anHour(w.abreast(casesOf(demandPoints, noticePoints), false)),
		w.anHour(w.later(15*time.Minute, w.abreast(casesOf(sweptPoints), false))),
		w.anHour(w.later(time.Hour+time.Minute, w.abreast(casesOf(askedPoints), false))),
		owed, verdicts,
	)
}

// refundRounds are the writes about money that goes back, and about what nobody pays for. The last of them let all days of payment go by.
func (w *town) refundRounds() []*round {
	return slices.Concat(
		w.gone(backPoints),
		w.abreast(casesOf(refundPoints), false),
		w.returned(),
		w.learnt(),
		w.anHour(w.abreast(casesOf(renouncedPoints), false)),
		w.later(week, w.abreast(casesOf(expiredPoints), false)),
		w.gone(latePoints),
	)
}

// later has rounds wait until the clock has moved, once people have done what they do.
func (w *town) later(by time.Duration, rounds []*round) []*round {
	for _, r := range rounds {
		r.then = func(ctx context.Context) error { return w.Advance(ctx, by) }
	}
	return rounds
}

// anHour has an hour pass when the faults have struck: the institute is asked once more.
func (w *town) anHour(rounds []*round) []*round {
	for _, r := range rounds {
		r.late = func(ctx context.Context) error { return errors.Join(r.Heal(ctx), w.Advance(ctx, time.Hour-late)) }
	}
	return rounds
}

// returned are rounds in which money comes back and the institute tells, for whoever asks gets no answer.
func (w *town) returned() []*round {
	rounds := w.abreast(casesOf(returnPoints), false)
	for _, r := range rounds {
		r.then = func(ctx context.Context) error {
			mute := func(c *crash) error { return c.never(ctx, ordering(c.filed)) }
			return errors.Join(r.ordered(ctx), r.each(mute), r.Advance(ctx, refundTime))
		}
	}
	return rounds
}

// learnt are rounds in which it comes back, and somebody has to ask.
func (w *town) learnt() []*round {
	rounds := w.abreast(casesOf(learntPoints), false)
	for _, r := range rounds {
		r.then = func(ctx context.Context) error {
			err := errors.Join(r.back(ctx), r.all(ctx, func(c *crash) (bool, error) {
				all, err := c.positions(ctx)
				return slices.ContainsFunc(all, func(p position) bool { return p.IUV == c.iuv() && p.Refunds[0].SettledAt != nil }), err
			}))
			return errors.Join(err, r.Advance(ctx, payment.AskRefund))
		}
	}
	return rounds
}

// gone are rounds after which money is owed back, and comes back by itself.
func (w *town) gone(points []point) []*round {
	rounds := w.abreast(casesOf(points), false)
	for _, r := range rounds {
		r.late = func(ctx context.Context) error { return errors.Join(r.Heal(ctx), r.back(ctx)) }
	}
	return rounds
}

// back waits until every case's money is ordered back, and as long as the institute takes.
func (r *round) back(ctx context.Context) error {
	return errors.Join(r.ordered(ctx), r.Advance(ctx, refundTime))
}

func (r *round) ordered(ctx context.Context) error {
	return r.all(ctx, func(c *crash) (bool, error) {
		p, err := c.payment(ctx, c.iuv())
		return err == nil && len(p.Refunds) > 0 && p.Refunds[0].Ordered != nil, err
	})
}

// all waits until something is so for every case; what is not is told by who looks for it.
func (r *round) all(ctx context.Context, so func(*crash) (bool, error)) error {
	return r.each(func(c *crash) error {
		_, err := c.until(ctx, func() (bool, error) { return so(c) })
		return err
	})
}

// refundTime is longer than the institute takes to give money back.
const refundTime = 11 * time.Minute
