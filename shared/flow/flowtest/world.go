// Package flowtest is the kit with which the steps of the road are tested: a sportello in memory with stateful fakes around it, cases brought to
// any state in a line, and a table that fails at the commit a test chooses. It is used by tests only.
//
//	w := flowtest.New(t)
//	id := w.InProgress()          // presented, registered, taken in charge; letters sent and delivered
//	w.Pass(31 * 24 * time.Hour)   // time goes by
//	w.Sweep()
//	w.Settle()                    // queues emptied, mail read, until nothing moves
//	w.Check()                     // the invariants
package flowtest

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"sportello/shared/domain/application"
	"sportello/shared/domain/catalogue"
	"sportello/shared/domain/problem"
	"sportello/shared/flow/access"
	"sportello/shared/flow/deadlines"
	"sportello/shared/flow/draft"
	"sportello/shared/flow/evidence"
	"sportello/shared/flow/exchange"
	"sportello/shared/flow/external"
	"sportello/shared/flow/inbox"
	"sportello/shared/flow/keeping"
	"sportello/shared/flow/notify"
	"sportello/shared/flow/office"
	"sportello/shared/flow/payment"
	"sportello/shared/flow/receipt"
	"sportello/shared/flow/registration"
	"sportello/shared/flow/sealing"
	"sportello/shared/flow/signatures"
	"sportello/shared/flow/step"
	"sportello/shared/flow/submit"
	"sportello/shared/flow/survey"
	"sportello/shared/platform/archive"
	"sportello/shared/platform/queue"
)

// The world's chamber, its office and its people.
const (
	Chamber = "milano"
	Other   = "bergamo"
	Service = "reclami"

	Giulia  = "RNLGLI79D52F205F" // applicant, represents Company
	Marco   = "BNCMRC75A01F205X" // represents Company too
	Company = "09900000010"
	Lucia   = "FRRLCU80A41F205S" // officer
	Pietro  = "NRIPTR70A01F205Z" // another

	Address        = "giulia@pec.example.it"
	CompanyAddress = "impresa@pec.example.it"
	MailDomain     = "pec.sportello.example.it"
)

// World is a sportello in memory.
type World struct {
	T testing.TB

	Applications, Register *Table
	Documents, Archive     *archive.Memory

	Mail       *Mail
	Registers  *Registers
	Keeper     *Keeper
	Protocol   *Protocol
	Institute  *Institute
	Seals      *Seals
	Stamper    *Stamper
	Signatures *Signatures

	RegistrationQueue, RegisteredQueue, MailQueue, PreservationQueue *queue.Memory

	Drafts       *draft.Desk
	Submit       *submit.Desk
	Cases        *exchange.Desk
	Office       *office.Desk
	Evidence     *evidence.Desk
	Survey       *survey.Desk
	Registration *registration.Desk
	External     *external.Desk
	Receipts     *receipt.Desk
	Notify       *notify.Desk
	Inbox        *inbox.Desk
	Keeping      *keeping.Desk
	Sealing      *sealing.Desk
	Verdicts     *signatures.Desk
	Payments     *payment.Desk
	Deadlines    *deadlines.Desk

	// Reported are the errors that steps told their log.
	Reported []error

	now  time.Time
	made int
	read int // of what arrived by mail
}

// New returns a world on Monday 23 November 2026, ten in the morning in Rome.
func New(t testing.TB) *World {
	t.Helper()
	w := &World{
		T: t, now: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC),
		Applications: NewTable(), Register: NewTable(), Documents: archive.NewMemory(), Archive: archive.NewMemory(),
		RegistrationQueue: &queue.Memory{}, RegisteredQueue: &queue.Memory{}, MailQueue: &queue.Memory{}, PreservationQueue: &queue.Memory{},
		Keeper: &Keeper{Packages: map[string][]byte{}}, Seals: &Seals{}, Stamper: &Stamper{},
		Registers: &Registers{
			Represent: map[string][]string{Giulia: {Company}, Marco: {Company}},
			Addresses: map[string]string{Giulia: Address, Company: CompanyAddress},
		},
	}
	w.Mail = &Mail{now: w.Now}
	w.Protocol = &Protocol{Now: w.Now}
	w.Institute = &Institute{now: w.Now}
	w.Signatures = &Signatures{Now: w.Now}
	w.Restart()
	return w
}

// Restart makes new processes of every function: what they kept in memory is gone.
func (w *World) Restart() {
	w.T.Helper()
	post := step.Post{Registration: w.RegistrationQueue, Registered: w.RegisteredQueue, Mail: w.MailQueue, Preservation: w.PreservationQueue}
	report := func(_ context.Context, _ string, err error) { w.Reported = append(w.Reported, err) }
	portal := func(chamber, path string) string { return "https://" + chamber + ".sportello.example.it" + path }
	t, d := w.Applications, w.Documents
	errs := []error{
		set(&w.Drafts)(draft.New(draft.Config{Table: t, Documents: d, Signatures: w.Signatures, Inspect: inspected, Now: w.Now, NewID: w.NewID, Report: report})),
		set(&w.Submit)(submit.New(submit.Config{
			Table: t, Documents: d, Representation: w.Registers, Signatures: w.Signatures, Post: post, Now: w.Now, NewID: w.NewID,
		})),
		set(&w.Verdicts)(signatures.New(signatures.Config{Table: t, Documents: d, Verifier: w.Signatures, Now: w.Now})),
		set(&w.Cases)(exchange.New(exchange.Config{Table: t, Documents: d, Inspect: inspected, Post: post, Now: w.Now, NewID: w.NewID})),
		set(&w.Office)(office.New(office.Config{
			Table: t, Register: w.Register, Archive: w.Archive, Documents: d, Signatures: w.Signatures, Inspect: inspected, Post: post, Now: w.Now, NewID: w.NewID,
		})),
		set(&w.Evidence)(evidence.New(evidence.Config{Table: t, Register: w.Register, Archive: w.Archive, Documents: d})),
		set(&w.Survey)(survey.New(survey.Config{Table: t, Now: w.Now})),
		set(&w.Registration)(registration.New(registration.Config{
			Applications: t, Register: w.Register, Archive: w.Archive, Post: post, Now: w.Now, Random: random{w}, MailDomain: MailDomain,
			Portal: portal, Report: report,
		})),
		set(&w.External)(external.New(external.Config{Table: t, System: w.Protocol, Now: w.Now, Report: report})),
		set(&w.Receipts)(receipt.New(receipt.Config{Table: t, Documents: d, Print: printed, Seal: w.Seals.Receipt, Now: w.Now})),
		set(&w.Notify)(notify.New(notify.Config{
			Table: t, Documents: d, Archive: w.Archive, Writer: w.Mail, Provider: w.Mail, Addresses: w.Registers, Now: w.Now,
		})),
		set(&w.Inbox)(inbox.New(inbox.Config{
			Table: t, Archive: w.Archive, Documents: d, Mailbox: w.Mail, Reader: w.Mail, Post: post, Now: w.Now, Report: report,
		})),
		set(&w.Keeping)(keeping.New(keeping.Config{Table: t, Documents: d, Archive: w.Archive, Provider: w.Keeper, Now: w.Now})),
		set(&w.Sealing)(sealing.New(sealing.Config{
			Table: t, Archive: w.Archive, Sealer: w.Seals, Stamper: w.Stamper, Post: post, Random: random{w}, Now: w.Now,
		})),
		set(&w.Payments)(payment.New(payment.Config{
			Table: t, Documents: d, Archive: w.Archive, Institute: w.Institute, Post: post, Now: w.Now, Portal: portal,
		})),
	}
	errs = append(errs,
		set(&w.Deadlines)(deadlines.New(deadlines.Config{Table: t, Documents: d, Post: post, Payments: w.Payments, Now: w.Now, NewID: w.NewID, Report: report})),
	)
	if err := errors.Join(errs...); err != nil {
		w.T.Fatal(err)
	}
}

func set[T any](to *T) func(T, error) error {
	return func(v T, err error) error {
		*to = v
		return err
	}
}

// Now is the world's clock.
func (w *World) Now() time.Time { return w.now }

// Pass lets time go by.
func (w *World) Pass(d time.Duration) { w.now = w.now.Add(d) }

// At sets the clock, which never goes back.
func (w *World) At(at time.Time) {
	w.T.Helper()
	if at.Before(w.now) {
		w.T.Fatalf("the clock would go back to %s", at)
	}
	w.now = at.UTC()
}

// NewID makes UUIDs that count.
func (w *World) NewID() string {
	w.made++
	return fmt.Sprintf("019aab6e-3c00-7d4a-9f3e-%012x", w.made)
}

// random is randomness that repeats.
type random struct{ w *World }

func (r random) Read(p []byte) (int, error) {
	r.w.made++
	seed := binary.BigEndian.AppendUint64(nil, uint64(r.w.made))
	return copy(p, bytes.Repeat(seed, len(p)/len(seed)+1)), nil
}

var _ io.Reader = random{}

// Applicant is Giulia, for herself and for the company.
func (w *World) Applicant() access.Applicant {
	return person(Giulia, "Giulia", "Rinaldi", companyProfile("c-giulia"))
}

// Colleague is Marco, who represents the company too.
func (w *World) Colleague() access.Applicant {
	return person(Marco, "Marco", "Bianchi", companyProfile("c-marco"))
}

// Former is Giulia when she does not represent the company any more.
func (w *World) Former() access.Applicant { return person(Giulia, "Giulia", "Rinaldi") }

// Stranger represents another company.
func (w *World) Stranger() access.Applicant {
	return person("VRDNNA85A41F205W", "Anna", "Verdi", access.Profile{ID: "c-anna", Kind: application.Company, Party: application.Party{
		Kind: application.Company, TaxCode: "09900000028", Name: "Altra S.r.l.",
	}})
}

func person(taxCode, given, family string, companies ...access.Profile) access.Applicant {
	a := access.Applicant{TaxCode: taxCode, GivenName: given, FamilyName: family}
	me := access.Profile{ID: "me", Kind: application.Person, Party: a.Party()}
	a.Profiles = append([]access.Profile{me}, companies...)
	return a
}

func companyProfile(id string) access.Profile {
	return access.Profile{ID: id, Kind: application.Company, Role: "legale rappresentante", Party: application.Party{
		Kind: application.Company, TaxCode: Company, Name: "Rinaldi S.r.l.",
	}}
}

// Officer works for the chamber with every right.
func (w *World) Officer() access.Officer {
	return access.Officer{Chamber: Chamber, TaxCode: Lucia, Name: "Lucia Ferrari", Rights: []access.Right{access.Work, access.Register, access.Manage}}
}

// Answers are answers to the form, changed by the pairs of name and value; an empty value takes the name away.
func Answers(changes ...string) json.RawMessage {
	form := map[string]any{
		"subject": "registro-imprese", "factsDate": "2026-10-05", "facts": "Ho presentato una pratica e dopo due mesi non ho avuto risposta.",
		"request": "Chiedo di sapere lo stato della pratica.", "domicile": "registered", "privacy": true,
	}
	for n := 0; n+1 < len(changes); n += 2 {
		if form[changes[n]] = changes[n+1]; changes[n+1] == "" {
			delete(form, changes[n])
		}
	}
	body, err := json.Marshal(form)
	if err != nil {
		panic("flowtest: " + err.Error())
	}
	return body
}

// Do asks until the answer is no fault of ours, as a person does who presses the button again. It returns the last error.
func (w *World) Do(ask func() error) error {
	var err error
	for range 4 {
		err = ask()
		var p *problem.Problem
		if err == nil || errors.As(err, &p) && p.Kind != problem.Unavailable {
			return err
		}
	}
	return err
}

// Must is Do for what must succeed in the end.
func (w *World) Must(ask func() error) {
	w.T.Helper()
	if err := w.Do(ask); err != nil {
		w.T.Fatal(err)
	}
}

// TheChamber is the world's chamber.
func (w *World) TheChamber() catalogue.Chamber {
	c, _ := catalogue.ChamberByID(Chamber)
	return c
}
