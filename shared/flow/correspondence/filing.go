// Package correspondence holds what several steps share about documents that come in and go out: the filing that asks for a number
// in the register, and the letter that becomes a certified message.
package correspondence

import (
	"strings"
	"time"

	"sportello/shared/domain/application"
	"sportello/shared/domain/catalogue"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/register"
	"sportello/shared/flow/casefile"
	"sportello/shared/flow/step"
	"sportello/shared/platform/table"
)

// Filing is the payload of a REG row: a document that must get a number, and what becomes of the case when it has it.
type Filing struct {
	Entry register.Entry `json:"entry"`
	// Target is the row that takes the number.
	Target Target `json:"target"`
	ID     string `json:"id,omitempty"` // of that row
	// Letter is the certified message that goes out once the number is known, if any.
	Letter *Letter `json:"letter,omitempty"`
	// Survey is set when the applicant is asked for a rating and no letter can carry the token: the desk shows it.
	Survey bool `json:"survey,omitempty"`
	// Annul is set when the filing annuls a number instead of asking for one.
	Annul *Annul `json:"annul,omitempty"`
}

// Annul names the number that is annulled (AgID guidelines 3.1.5; DPR 445/2000 art. 54).
type Annul struct {
	Year      int       `json:"year"`
	Number    uint64    `json:"number"`
	Reason    string    `json:"reason"`
	Provision string    `json:"provision"`
	Operator  string    `json:"operator"`
	At        time.Time `json:"at"`
}

// Target says which row of the case takes the number.
type Target string

// The targets.
const (
	ToApplication Target = "application" // META
	ToDocument    Target = "document"    // DOC#id
	ToIncoming    Target = "incoming"    // CH#chamber / IN#id: certified mail that was matched to no case
	ToNothing     Target = "nothing"     // an annulment
)

// Pending is a PEND row: what was presented on a day and is not yet registered. The day's seal lists it.
type Pending struct {
	Event       string    `json:"event"`
	Application string    `json:"application,omitempty"`
	PresentedAt time.Time `json:"presentedAt"`
	// Awaiting is what it waits for; "" is registration.
	Awaiting register.Awaiting `json:"awaiting,omitempty"`
}

// File adds to a commit everything that makes a document owed to the register: the outbox row and the pending row of its day.
func File(changes *casefile.Changes, chamber string, filing Filing, event, applicationID string, at time.Time) step.Owed {
	owed := step.Owed{
		Kind: step.Register, Chamber: chamber, Day: register.Date(at), Event: event, Application: applicationID, CreatedAt: at,
	}
	owed, err := owed.With(filing)
	if err != nil {
		changes.Add(table.Change{}, err)
		return owed
	}
	changes.Add(owed.Promise())
	changes.Add(casefile.Row(table.Item{}, layout.Pending(chamber, owed.Day, event), Pending{Event: event, Application: applicationID, PresentedAt: at}))
	return owed
}

// Hold adds to a commit that a document is pending on its day and waits for its payment: nothing is owed to the register yet.
func Hold(changes *casefile.Changes, a application.Application) {
	changes.Add(casefile.Row(table.Item{}, layout.Pending(a.Chamber, register.Date(a.PresentedAt()), a.Submission.Event), Pending{
		Event: a.Submission.Event, Application: a.ID, PresentedAt: a.PresentedAt(), Awaiting: register.AwaitingPayment,
	}))
}

// FilePaid is File for an application that waited for its payment: it is pending already, on the day it was presented, and the register owes it
// its number from now.
func FilePaid(changes *casefile.Changes, filing Filing, a application.Application, pending table.Item, now time.Time) step.Owed {
	event := a.Submission.Event
	owed := step.Owed{
		Kind: step.Register, Chamber: a.Chamber, Day: register.Date(a.PresentedAt()), Event: event, Application: a.ID, CreatedAt: now,
	}
	owed, err := owed.With(filing)
	if err != nil {
		changes.Add(table.Change{}, err)
		return owed
	}
	changes.Add(owed.Promise())
	changes.Add(casefile.Row(pending, layout.Pending(a.Chamber, owed.Day, event), Pending{Event: event, Application: a.ID, PresentedAt: a.PresentedAt()}))
	return owed
}

// Application is an application as the register will name it (DPR 445/2000 art. 53 c.1), with the files of its form.
func Application(a application.Application, service catalogue.Service, files []application.Attachment) Filing {
	entry := register.Entry{
		Direction: register.In, Kind: register.Application, Event: a.Submission.Event, Application: a.ID, Chamber: a.Chamber,
		Book:        Book(service.Chamber),
		PresentedAt: register.Instant(a.PresentedAt()), PresentationDate: register.Date(a.PresentedAt()),
		Senders: []register.Party{PartyOf(a.Owner)}, Recipients: []register.Party{Us(service.Chamber)},
		Subject: service.Title, Document: register.Document{SHA256: a.Submission.Digest, MediaType: "application/json"},
		Classification: service.Classification.Code, Reserved: a.Reserved,
	}
	for _, file := range files {
		entry.Attachments = append(entry.Attachments, register.Document{SHA256: file.SHA256, MediaType: file.MediaType})
	}
	return Filing{Entry: entry, Target: ToApplication}
}

// Book names the register of a chamber for its entries (DPR 445/2000 art. 55: identification of the administration).
func Book(c catalogue.Chamber) register.Book {
	return register.Book{Administration: c.IPA, AOO: c.AOO, Code: c.Register.Code}
}

// PartyOf is a party of the case as the register names it: by name alone if another state identified them (eIDAS), for what names them in our
// lists is no Italian tax code, and the register's rules would refuse the document.
func PartyOf(p application.Party) register.Party {
	if strings.HasPrefix(p.TaxCode, foreign) {
		return register.Party{Name: p.Name}
	}
	return register.Party{Name: p.Name, TaxCode: p.TaxCode}
}

// foreign is how the key of a person without an Italian tax code begins (identity.Person.Key).
const foreign = "eidas:"

// Us is the chamber as sender or recipient.
func Us(c catalogue.Chamber) register.Party {
	return register.Party{Name: c.Name, TaxCode: c.TaxCode, Address: c.PEC}
}
