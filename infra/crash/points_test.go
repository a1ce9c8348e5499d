//go:build road

package crash

import (
	"context"

	"sportello/infra/road"
)

// point is a write of the road at which the world ends.
type point struct {
	row  string // of the table of crash points
	name string
	// needs is where the case must be before, ends where it must come to; also is what must be there besides.
	needs, ends stage
	also        func(*rows, context.Context) string
	// before prepares while nothing is armed; act is what people do to make the write happen, meanwhile what else they do once it was
	// struck; again is what they do when no answer came, and what must then succeed.
	before, act, meanwhile, again deed
	call                          func(*filed) road.Fault
	what                          need
	handed                        bool     // the number was handed over when the fault strikes
	only                          []effect // nil: all
}

// deed is something that a person does.
type deed func(*filed, context.Context) error

// effect is how the world ends there.
type effect struct {
	name         string
	when, effect string
	times        int
}

// always is more often than anything is tried.
const always = 1_000_000

var (
	failsBefore  = effect{"fails before", "before", "error", always}
	failsAfter   = effect{"fails after", "after", "drop", always} // done, and every answer withheld
	killedBefore = effect{"killed before", "before", "kill", 1}
	killedAfter  = effect{"killed after", "after", "kill", 1}
)

// cases are the cases of a point.
func (p point) cases() []*crash {
	effects := p.only
	if effects == nil {
		effects = []effect{failsBefore, failsAfter, killedBefore, killedAfter}
	}
	var list []*crash
	for _, e := range effects {
		list = append(list, &crash{point: p, effect: e})
	}
	return list
}

// The functions, by their names in the template.
const (
	submitting  = "SubmitApplicationFunction"
	registering = "ProtocolRegistrationFunction"
	notifying   = "PecNotifyFunction"
	reading     = "PecInboxFunction"
	preserving  = "PreservationFunction"
	sweeping    = "DeadlinesFunction"
	deciding    = "BackOfficeFunction"
	exchanging  = "ApplicationsFunction"
	paying      = "PaymentCallbackFunction"
	surveying   = "SatisfactionSurveyFunction"
)

// commits, writes, puts and sends name a call of a function by what its request says.
func commits(function, match string) road.Fault {
	return road.Fault{Function: function, Service: "dynamodb", Action: "TransactWriteItems", Match: "(?s)" + match}
}

func writes(function, match string) road.Fault {
	return road.Fault{Function: function, Service: "dynamodb", Action: "PutItem", Match: "(?s)" + match}
}

func puts(function, match string) road.Fault {
	return road.Fault{Function: function, Service: "s3", Action: "PutObject", Match: "(?s)" + match}
}

func sends(function, match string) road.Fault {
	return road.Fault{Function: function, Service: "sqs", Action: "SendMessageBatch", Match: "(?s)" + match}
}

// field matches a JSON field inside the text of an item's body.
func field(name, value string) string { return name + `\\":\\"?` + value }

// filing is a point between the submission and the last receipt about the number.
func filing(row, name string, call func(*filed) road.Fault) point {
	return point{row: row, name: name, needs: drafted, ends: registered, act: (*filed).submit, again: (*filed).submit, call: call}
}

// ofCompany makes the case the company's, whose address is looked up.
func (p point) ofCompany() point { p.what.company = true; return p }

// certainly wants no message to leave twice: its receipts, which come before anybody is in doubt, tell all.
func (p point) certainly() point {
	p.meanwhile, p.also = (*filed).answered, (*rows).certain
	return p
}

// afterHandOver says that the number has been handed over when the fault strikes.
func (p point) afterHandOver() point { p.handed = true; return p }

// filingPoints are the writes from the submission on, in their order.
var filingPoints = []point{
	filing("submit: snapshot / no transaction", "snapshot",
		func(f *filed) road.Fault { return puts(submitting, "snapshots/"+f.id) }),
	filing("transaction / no reply", "submission commit",
		func(f *filed) road.Fault { return commits(submitting, f.id) }),
	filing("transaction / no send", "send to registration",
		func(f *filed) road.Fault { return sends(submitting, "OUT#REG#"+f.chamber) }),
	filing("transaction / no send", "send to receipt",
		func(f *filed) road.Fault { return sends(submitting, "OUT#RCP#"+f.chamber) }),

	filing("register committed / not archived", "register commit",
		func(f *filed) road.Fault { return commits(registering, "H#"+f.chamber+"#.*"+f.id) }),
	filing("register committed / not archived", "block archived",
		func(f *filed) road.Fault { return puts(registering, f.id) }),
	filing("register committed / not handed over", "hand-over",
		func(f *filed) road.Fault { return sends(registering, `APP\\".*OUT#REG#`+f.chamber) }),
	filing("handed over / not applied", "number into the case", numbering).afterHandOver(),
	filing("handed over / not applied", "send letters",
		func(f *filed) road.Fault { return sends(registering, "OUT#PEC#"+f.chamber) }).afterHandOver(),

	filing("submitted / receipt not made", "receipt kept",
		func(f *filed) road.Fault { return puts(preserving, "documents/"+f.id) }),
	filing("submitted / receipt not made", "receipt commit",
		func(f *filed) road.Fault { return commits(preserving, "APP#"+f.id+".*OUT#RCP#") }),

	filing("mail sending / before the server's 250", "address found",
		func(f *filed) road.Fault { return writes(notifying, f.id) }).ofCompany(),
	filing("mail sending / before the server's 250", "message archived",
		func(f *filed) road.Fault { return puts(notifying, "mail/out/"+f.id) }),
	filing("mail sending / before the server's 250", "marked sending", marking),
	filing("mail sending / after the server's 250", "end of DATA", offering),
	filing("mail sending / after the server's 250", "250 recorded", recording).certainly(),

	filing("receipt archived / cursor not moved", "receipt archived",
		func(f *filed) road.Fault { return puts(reading, "mail/in/protocollo(@|%40)"+f.chamber) }),
	filing("receipt archived / cursor not moved", "acceptance commit",
		func(f *filed) road.Fault { return writes(reading, f.id) }),
	filing("receipt archived / cursor not moved", "delivery commit",
		func(f *filed) road.Fault { return commits(reading, f.id) }),
	filing("receipt archived / cursor not moved", "cursor", func(f *filed) road.Fault {
		box, released := "MBX#protocollo@"+f.chamber, field("lease", "0001-")
		return writes(reading, "("+box+".*"+released+"|"+released+".*"+box+")")
	}),
}

// numbering is where a number, of the application or of a later document, is written into the case.
func numbering(f *filed) road.Fault { return commits(registering, "APP#"+f.id+".*OUT#REG#") }

func marking(f *filed) road.Fault   { return commits(notifying, f.id+".*"+field("state", "sending")) }
func recording(f *filed) road.Fault { return commits(notifying, f.id+".*"+field("sentAt", "")) }

func offering(f *filed) road.Fault {
	return road.Fault{Function: notifying, Service: "smtp", Action: "DATA", Match: f.id}
}

// workPoints are the writes of what people do with a case that has its number.
var workPoints = []point{
	{row: "receipt archived / cursor not moved", name: "incoming message commit", needs: registered, ends: registered, act: (*filed).write, also: (*rows).unread,
		call: func(f *filed) road.Fault { return commits(reading, "OUT#REG#"+f.chamber) }},
	{row: "transaction / no send", name: "send incoming message", needs: registered, ends: registered, act: (*filed).write, also: (*rows).unread,
		call: func(f *filed) road.Fault { return sends(reading, "OUT#REG#"+f.chamber) }},

	{row: "transaction / no reply", name: "withdrawal kept", needs: registered, ends: withdrawn, act: (*filed).withdraw, again: (*filed).withdraw,
		call: func(f *filed) road.Fault { return puts(exchanging, "documents/"+f.id) }, only: []effect{failsBefore, killedAfter}},
	{row: "transaction / no reply", name: "withdrawal commit", needs: registered, ends: withdrawn, act: (*filed).withdraw, again: (*filed).withdraw,
		call: func(f *filed) road.Fault { return commits(exchanging, f.id) }},

	{row: "transaction / no reply", name: "charge commit", needs: registered, ends: charged, act: (*filed).charge, again: (*filed).charge,
		call: func(f *filed) road.Fault { return commits(deciding, f.id) }},
	{row: "transaction / no reply", name: "request commit", needs: charged, ends: asked, act: (*filed).request, again: (*filed).request,
		call: func(f *filed) road.Fault { return commits(deciding, f.id) }},
	{row: "transaction / no reply", name: "reply commit", needs: asked, ends: answered, before: (*filed).requested, act: (*filed).reply, again: (*filed).reply,
		call: func(f *filed) road.Fault { return commits(exchanging, f.id) }},
	{row: "transaction / no send", name: "send reply", needs: asked, ends: answered, before: (*filed).requested, act: (*filed).reply, again: (*filed).reply,
		call: func(f *filed) road.Fault { return sends(exchanging, "OUT#REG#"+f.chamber) }, only: []effect{failsBefore, killedBefore}},
	{row: "transaction / no reply", name: "decision commit", needs: answered, ends: decided, before: (*filed).upload, act: (*filed).decide, again: (*filed).decide,
		call: func(f *filed) road.Fault { return commits(deciding, f.id) }},
	{row: "transaction / no send", name: "send decision", needs: answered, ends: decided, before: (*filed).upload, act: (*filed).decide, again: (*filed).decide,
		call: func(f *filed) road.Fault { return sends(deciding, "OUT#REG#"+f.chamber) }},
	{row: "handed over / not applied", name: "number into the outcome", needs: answered, ends: decided, before: (*filed).upload, act: (*filed).decide,
		again: (*filed).decide, call: numbering, handed: true},
	{row: "receipt archived / cursor not moved", name: "outcome delivered", needs: answered, ends: decided, before: (*filed).upload, act: (*filed).decide,
		again: (*filed).decide, call: func(f *filed) road.Fault { return commits(reading, f.id) }},
}

// keeping is a point between the rating and the preservation provider's receipt.
func keeping(row, name string, call func(*filed) road.Fault) point {
	return point{
		row: row, name: name, needs: decided, ends: preserved, before: (*filed).invited, act: (*filed).rate, again: (*filed).rate, call: call,
	}
}

// keepingPoints are the writes that end a case.
var keepingPoints = []point{
	keeping("transaction / no reply", "rating commit", func(f *filed) road.Fault { return commits(surveying, f.id) }),
	keeping("closing: transaction / no send", "closing commit", func(f *filed) road.Fault { return commits(sweeping, "keep-"+f.id) }),
	keeping("closing: transaction / no send", "send package", func(f *filed) road.Fault { return sends(sweeping, "OUT#PRS#"+f.chamber) }),
	keeping("package archived / not handed over", "package archived", func(f *filed) road.Fault { return puts(preserving, "packages/"+f.id+"/package") }),
	keeping("package handed over / not recorded", "to be asked again", func(f *filed) road.Fault { return writes(preserving, "keep-"+f.id) }),
	keeping("package handed over / not recorded", "receipt archived", func(f *filed) road.Fault { return puts(preserving, "packages/"+f.id+"/receipt") }),
	keeping("package handed over / not recorded", "preserved commit", func(f *filed) road.Fault { return commits(preserving, "keep-"+f.id) }),
}
