package town

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"sportello/infra/simulate/fault"
	"sportello/infra/simulate/outside"
	"sportello/shared/domain/application"
	"sportello/shared/domain/signature"
	"sportello/shared/flow/casefile"
	"sportello/shared/flow/deadlines"
	"sportello/shared/flow/draft"
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
	"sportello/shared/platform/table"
)

// instance is one process of every function: what it keeps in memory is lost when it is killed.
type instance struct {
	drafts       *draft.Desk
	submit       *submit.Desk
	cases        *exchange.Desk
	office       *office.Desk
	survey       *survey.Desk
	registration *registration.Desk
	external     *external.Desk
	receipts     *receipt.Desk
	notify       *notify.Desk
	inbox        *inbox.Desk
	keeping      *keeping.Desk
	statements   *sealing.Desk
	verdicts     *signatures.Desk
	payments     *payment.Desk
	deadlines    *deadlines.Desk
}

// instance returns the process that runs at a depth, a new one if the last was killed.
func (w *World) instance(depth int) *instance {
	for len(w.instances) <= depth {
		w.instances = append(w.instances, nil)
	}
	if w.instances[depth] == nil {
		w.instances[depth] = w.wire()
	}
	return w.instances[depth]
}

// restart kills all processes.
func (w *World) restart() { w.instances = nil }

// wire makes a process as the functions' mains do, over stores and partners that may fail.
func (w *World) wire() *instance {
	applications, registerTable := w.table("applications", w.applications), w.table("register", w.register)
	documents := fault.Documents{Inner: w.documents, Injector: w.inject}
	archive := fault.Store{Inner: w.archive, Injector: w.inject, Opening: "open book", Down: &w.readOnly}
	post := step.Post{
		Registration: w.sender(w.queues.registration), Registered: w.sender(w.queues.registered),
		Mail: w.sender(w.queues.mail), Preservation: w.sender(w.queues.preservation),
		Missed: func(context.Context, step.Kind, error) { w.tally["messages not sent"]++ },
	}
	p := partners{w}
	i := &instance{}
	i.drafts = must(draft.New(draft.Config{
		Table: applications, Documents: documents, Signatures: verifier{w}, Inspect: harmless, Now: w.clock, NewID: w.newID, Report: func(context.Context, string, error) {},
	}))
	i.submit = must(submit.New(submit.Config{
		Table: applications, Documents: documents, Representation: p, Signatures: verifier{w}, Post: post, Now: w.clock, NewID: w.newID,
	}))
	i.cases = must(exchange.New(exchange.Config{Table: applications, Documents: documents, Inspect: harmless, Post: post, Now: w.clock, NewID: w.newID}))
	i.office = must(office.New(office.Config{
		Table: applications, Register: registerTable, Archive: archive, Documents: documents, Signatures: verifier{w}, Inspect: harmless, Post: post, Now: w.clock,
		NewID: w.newID,
	}))
	i.survey = must(survey.New(survey.Config{Table: applications, Now: w.clock}))
	i.registration = must(registration.New(registration.Config{
		Applications: applications, Register: registerTable, Archive: archive, Post: post, Now: w.clock, Random: reader{w.ids},
		MailDomain: mailDomain, Portal: portal, Report: w.report,
	}))
	i.external = must(external.New(external.Config{Table: applications, System: protocols{w}, Now: w.clock, Report: w.report}))
	i.receipts = must(receipt.New(receipt.Config{Table: applications, Documents: documents, Print: printReceipt, Seal: p.receipt, Now: w.clock}))
	i.notify = must(notify.New(notify.Config{
		Table: applications, Documents: documents, Archive: archive, Writer: w.mail, Provider: p, Addresses: p, Now: w.clock,
	}))
	i.inbox = must(inbox.New(inbox.Config{
		Table: applications, Archive: archive, Documents: documents, Mailbox: p, Reader: w.mail, Post: post, Now: w.clock, Report: w.report,
	}))
	i.statements = must(sealing.New(sealing.Config{
		Table: applications, Archive: archive, Sealer: p, Stamper: p, Post: post, Random: reader{w.ids}, Now: w.clock,
	}))
	i.keeping = must(keeping.New(keeping.Config{Table: applications, Documents: documents, Archive: archive, Provider: p, Now: w.clock}))
	i.verdicts = must(signatures.New(signatures.Config{Table: applications, Documents: documents, Verifier: verifier{w}, Now: w.clock}))
	i.payments = must(payment.New(payment.Config{
		Table: applications, Documents: documents, Archive: archive, Institute: bank{w}, Post: post, Now: w.clock, Portal: portal,
	}))
	i.deadlines = must(deadlines.New(deadlines.Config{
		Table: applications, Documents: documents, Post: post, Payments: i.payments, Now: w.clock, NewID: w.newID, Report: w.report,
	}))
	return i
}

// harmless inspects files: the town's people upload none that would do anything.
func harmless([]byte, string) string { return "" }

const mailDomain = "pec.sportello.example.it"

func portal(chamber, path string) string {
	return "https://" + chamber + ".sportello.example.it" + path
}

// must is for configurations that are complete.
func must[T any](v T, err error) T {
	if err != nil {
		panic("town: " + err.Error())
	}
	return v
}

// table puts the faults, and the experiment if there is one, in front of a table.
func (w *World) table(name string, t table.Table) table.Table {
	if w.Guard != nil {
		t = w.Guard(name, t)
	}
	return fault.Table{Inner: t, Name: name, Injector: w.inject, Part: part}
}

// part names what a function is at, where it does several things: told by the row it reads first.
func part(step string, key table.Key) string {
	sort, _, _ := strings.Cut(key.SK, "#")
	switch {
	case step == "register" && strings.HasPrefix(key.PK, "OUT#DAY#"):
		return "close day"
	case step == "register" && strings.HasPrefix(key.PK, "OUT#REG#"):
		return "register"
	case step == "apply" && strings.HasPrefix(key.PK, "OUT#EXT#"):
		return "ask the chamber's protocol"
	case step == "apply" && strings.HasPrefix(key.PK, "OUT#REG#"):
		return "apply"
	case step == "sweep" && strings.HasPrefix(key.PK, "PAY#"):
		return "sweep: payment"
	case step == "sweep" && strings.HasPrefix(key.PK, "OUT#"):
		return "sweep: owed"
	case step == "sweep" && sort == "PEC":
		return "sweep: mail"
	case step == "sweep" && sort == "META":
		return "sweep: case"
	}
	return ""
}

// newID makes a UUIDv7 from the simulated clock.
func (w *World) newID() string {
	var id [16]byte
	binary.BigEndian.PutUint64(id[:8], uint64(w.now.UnixMilli())<<16|0x7000|uint64(w.ids.IntN(1<<12)))
	binary.BigEndian.PutUint64(id[8:], w.ids.Uint64()>>2|1<<63)
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

// reader reads from a seeded source.
type reader struct{ *rand.Rand }

func (r reader) Read(p []byte) (int, error) {
	for n := range p {
		p[n] = byte(r.Uint32())
	}
	return len(p), nil
}

// printReceipt stands for the PDF: the same data always as the same bytes.
func printReceipt(out io.Writer, a application.Application, r casefile.Receipt) error {
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%%PDF-1.7 %s %s", a.Filer.Name, data)
	return err
}

// partners are the outside world as the steps see it, with faults in front.
type partners struct{ *World }

var (
	_ submit.Representation = partners{}
	_ notify.Provider       = partners{}
	_ notify.Addresses      = partners{}
	_ inbox.Mailbox         = partners{}
	_ keeping.Provider      = partners{}
	_ sealing.Sealer        = partners{}
	_ sealing.Stamper       = partners{}
)

// Represents implements submit.Representation.
func (p partners) Represents(_ context.Context, person, company string) (yes bool, err error) {
	err = p.inject.Do("companies.Represents", fault.Read, nil, func() (err error) {
		yes, err = p.registers.Represents(person, company)
		return err
	})
	return yes, err
}

// verifier looks at signatures as the real one does: what its partners do not answer is a verdict that is owed.
type verifier struct{ *World }

var _ signatures.Verifier = verifier{}

// Verify implements signatures.Verifier.
func (v verifier) Verify(_ context.Context, file io.ReaderAt, size int64, at time.Time) (r signature.Report, err error) {
	err = v.inject.Do("signatures.Verify", fault.Read, nil, func() (err error) {
		r, err = v.revocation.Verify(file, size, v.now, at)
		return err
	})
	return r, err
}

// protocols are those that chambers keep themselves.
type protocols struct{ *World }

var _ external.System = protocols{}

// Find implements external.System.
func (p protocols) Find(_ context.Context, chamber, reference string) (given []application.External, err error) {
	err = p.inject.Do("protocol.Find", fault.Read, nil, func() (err error) {
		given, err = p.protocol.Find(chamber, reference)
		return err
	})
	return given, err
}

// Register implements external.System.
func (p protocols) Register(_ context.Context, chamber string, q external.Question) (number application.External, err error) {
	err = p.inject.Do("protocol.Register", fault.Write, nil, func() (err error) {
		number, err = p.protocol.Register(chamber, q)
		return err
	})
	return number, err
}

// Send implements notify.Provider.
func (p partners) Send(_ context.Context, chamber, to string, raw []byte) error {
	return p.inject.Do("mail.Send", fault.Write, notify.ErrUnclear, func() error { return p.mail.Send(chamber, to, raw) })
}

// HasReceipt implements notify.Provider.
func (p partners) HasReceipt(_ context.Context, chamber, messageID string, _ time.Time) (found bool, err error) {
	err = p.inject.Do("mail.HasReceipt", fault.Read, nil, func() (err error) {
		found, err = p.mail.HasReceipt(chamber, messageID)
		return err
	})
	return found, err
}

// Since implements inbox.Mailbox.
func (p partners) Since(ctx context.Context, chamber string, validity, last uint32, limit int) (raws []inbox.Raw, now uint32, err error) {
	err = p.inject.Do("mail.Since", fault.Read, nil, func() (err error) {
		raws, now, err = p.mail.Since(ctx, chamber, validity, last, limit)
		return err
	})
	return raws, now, err
}

// Certified implements notify.Addresses.
func (p partners) Certified(_ context.Context, who application.Party, tried []string, _, ticket string) (address string, pending bool, next string, err error) {
	err = p.inject.Do("addresses.Certified", fault.Write, nil, func() (err error) {
		address, pending, next, err = p.registers.Certified(who, tried, ticket)
		return err
	})
	return address, pending, next, err
}

// Deposit implements keeping.Provider.
func (p partners) Deposit(_ context.Context, id string, zip []byte) error {
	return p.inject.Do("preservation.Deposit", fault.Write, nil, func() error { return p.keeper.Deposit(id, zip) })
}

// Receipt implements keeping.Provider.
func (p partners) Receipt(_ context.Context, id string) (r keeping.Receipt, err error) {
	err = p.inject.Do("preservation.Receipt", fault.Read, nil, func() (err error) {
		r, err = p.keeper.Receipt(id)
		return err
	})
	return r, err
}

// Verify implements keeping.Provider.
func (p partners) Verify(receipt []byte, id string, digest [32]byte, at time.Time) error {
	return p.keeper.Verify(receipt, id, digest, at)
}

// Detached implements sealing.Sealer.
func (p partners) Detached(_ context.Context, content []byte, at time.Time) (seal []byte, err error) {
	err = p.inject.Do("seal.Sign", fault.Read, nil, func() error {
		seal = outside.Seal(content, at)
		return nil
	})
	return seal, err
}

// receipt implements receipt.Sealer.
func (p partners) receipt(ctx context.Context, printed []byte, _ application.Application, at time.Time) ([]byte, error) {
	seal, err := p.Detached(ctx, printed, at)
	return slices.Concat(printed, seal), err
}

// Stamp implements sealing.Stamper.
func (p partners) Stamp(_ context.Context, content []byte) (token []byte, err error) {
	err = p.inject.Do("timestamp.Stamp", fault.Read, nil, func() (err error) {
		token, err = p.authority.Stamp(content)
		return err
	})
	return token, err
}
