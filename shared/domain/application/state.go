package application

import "sportello/shared/domain/problem"

// State is where an application is on its way.
type State string

// The states. The outcome is a field of its own, and silence an event of the clock: neither is a state.
const (
	Draft               State = "draft"
	AwaitingPayment     State = "awaiting_payment" // presented, and the act is not paid for yet
	Presented           State = "presented"
	Registered          State = "registered"
	InProgress          State = "in_progress"
	AwaitingIntegration State = "awaiting_integration"
	Decided             State = "decided"
	Closed              State = "closed"
	Preserved           State = "preserved"
	Withdrawn           State = "withdrawn"
	Expired             State = "expired" // the act was never paid for: it never entered the register
)

// Event is what moves an application; each is a line of its timeline.
type Event string

// The events that move, and those that only tell.
const (
	Submitted            Event = "submitted"
	SubmittedUnpaid      Event = "submitted_unpaid" // the same act, where the fee buys it: the story tells it as Submitted
	WasPaid              Event = "paid"
	PaymentExpired       Event = "payment_expired"
	WasRegistered        Event = "registered"
	TakenInCharge        Event = "taken_in_charge"
	IntegrationRequested Event = "integration_requested"
	IntegrationReceived  Event = "integration_received"
	IntegrationLapsed    Event = "integration_lapsed"
	WasDecided           Event = "decided"
	WasWithdrawn         Event = "withdrawn"
	WasClosed            Event = "closed"
	WasPreserved         Event = "preserved"

	ReceiptIssued Event = "receipt_issued"
	// SignatureVerified: a verdict that was owed at presentation, for a service did not answer.
	SignatureVerified Event = "signature_verified"
	MessageSent       Event = "message"
	MailReceived      Event = "mail_received"
	MailDelivered     Event = "mail_delivered"
	MailFailed        Event = "mail_failed"
	OutcomeDelivered  Event = "outcome_delivered"
	WasRated          Event = "rated"
	TermExpired       Event = "term_expired"
	Numbered          Event = "numbered"         // a later document of the case got its own number
	NumberedOutside   Event = "numbered_outside" // the chamber's own protocol gave its number
	PaymentRefunding  Event = "payment_refunding"
	PaymentRefunded   Event = "payment_refunded"
)

// edge is one allowed move.
type edge struct {
	from State
	on   Event
	to   State
}

// edges are all the moves there are. Anything else is refused.
var edges = []edge{
	{Draft, Submitted, Presented},
	// A fee that buys the act itself holds registration up, and nothing else does: the instant of presentation is the submission's all the same.
	{Draft, SubmittedUnpaid, AwaitingPayment},
	{AwaitingPayment, WasPaid, Presented},
	{AwaitingPayment, PaymentExpired, Expired},
	{AwaitingPayment, WasWithdrawn, Withdrawn},
	{Presented, WasRegistered, Registered},
	// A withdrawn application is numbered all the same and keeps its state (DATA, crash table).
	{Withdrawn, WasRegistered, Withdrawn},
	{Registered, TakenInCharge, InProgress},
	{InProgress, TakenInCharge, InProgress}, // handed to another officer
	{AwaitingIntegration, TakenInCharge, AwaitingIntegration},
	{InProgress, IntegrationRequested, AwaitingIntegration},
	{AwaitingIntegration, IntegrationReceived, InProgress},
	{AwaitingIntegration, IntegrationLapsed, InProgress},
	{InProgress, WasDecided, Decided},
	{AwaitingIntegration, WasDecided, Decided}, // nothing forbids to decide without what was asked
	{Presented, WasWithdrawn, Withdrawn},
	{Registered, WasWithdrawn, Withdrawn},
	{InProgress, WasWithdrawn, Withdrawn},
	{AwaitingIntegration, WasWithdrawn, Withdrawn},
	{Decided, WasClosed, Closed},
	{Withdrawn, WasClosed, Closed},
	{Closed, WasPreserved, Preserved},
}

// Next returns the state that follows, or a problem that says in Italian why the event cannot happen now.
func (s State) Next(on Event) (State, error) {
	for _, e := range edges {
		if e.from == s && e.on == on {
			return e.to, nil
		}
	}
	return s, problem.Newf(problem.Conflict, "La pratica è «%s»: in questo stato l'operazione richiesta non è possibile.", s.Italian())
}

// Can tells whether the event may happen in this state.
func (s State) Can(on Event) bool {
	_, err := s.Next(on)
	return err == nil
}

// Open tells whether the office still has work to do.
func (s State) Open() bool {
	switch s {
	case Presented, Registered, InProgress, AwaitingIntegration:
		return true
	}
	return false
}

// Final tells whether nothing more will happen by itself. What was never paid for has no number and nothing to preserve: it ends where it is.
func (s State) Final() bool { return s == Preserved || s == Expired }

// Italian is the state's name for people.
func (s State) Italian() string {
	switch s {
	case Draft:
		return "bozza"
	case AwaitingPayment:
		return "in attesa di pagamento"
	case Presented:
		return "presentata"
	case Registered:
		return "protocollata"
	case InProgress:
		return "in lavorazione"
	case AwaitingIntegration:
		return "in attesa di integrazione"
	case Decided:
		return "decisa"
	case Closed:
		return "chiusa"
	case Preserved:
		return "conservata"
	case Withdrawn:
		return "ritirata"
	case Expired:
		return "scaduta"
	}
	return string(s)
}
