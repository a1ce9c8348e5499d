package registration_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sportello/shared/domain/application"
	"sportello/shared/domain/catalogue"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/problem"
	"sportello/shared/domain/register"
	"sportello/shared/flow/casefile"
	"sportello/shared/flow/correspondence"
	"sportello/shared/flow/flowtest"
	"sportello/shared/flow/inbox"
	"sportello/shared/flow/problems"
	"sportello/shared/flow/sealing"
	"sportello/shared/flow/step"
	"sportello/shared/platform/archive"
	"sportello/shared/platform/queue"
	"sportello/shared/platform/table"
)

var ctx = context.Background()

const book = "milano#2026"

// batch is messages as the queue delivers them.
func batch(messages ...queue.Message) []queue.Received {
	var list []queue.Received
	for _, m := range messages {
		list = append(list, flowtest.Received(m))
	}
	return list
}

// registrations takes the registration queue's messages.
func registrations(w *flowtest.World) []queue.Message { return w.RegistrationQueue.Take() }

// A batch of ten, with doubles, a poisoned document, garbage and an unknown kind among them: the good ones are numbered in one block.
func TestBatch(t *testing.T) {
	w := flowtest.New(t)
	for n := range 8 {
		w.Presented("request", fmt.Sprintf("Chiedo la cosa numero %d.", n))
	}
	poison(t, w, "poisoned-1")
	messages := registrations(w)
	received := batch(slices.Concat(messages, messages[2:4])...)
	received = append(received, queue.Received{ID: "garbage", Group: flowtest.Chamber, Body: []byte("{")},
		queue.Received{ID: "unknown", Group: flowtest.Chamber, Body: []byte(`{"v":1,"kind":"XXX","pk":"a","sk":"b"}`)})
	if failed := w.Registration.Handle(ctx, received); len(failed) != 0 {
		t.Fatalf("failed: %v, %v", failed, w.Reported)
	}
	if entries := w.Entries(book); len(entries) != 8 {
		t.Errorf("%d entries", len(entries))
	}
	blocks, err := w.Archive.List(ctx, layout.BlockPrefix(book), "", 10)
	if err != nil || len(blocks) != 1 {
		t.Errorf("blocks %v, %v", blocks, err)
	}
	if kinds := w.Kinds(); !slices.Equal(kinds, []problems.Kind{problems.Poisoned}) {
		t.Errorf("problems %v", kinds)
	}
	if len(w.Reported) != 3 { // poison, garbage, unknown
		t.Errorf("reported %v", w.Reported)
	}
	// And all of it again.
	if failed := w.Registration.Handle(ctx, received); len(failed) != 0 {
		t.Fatalf("the second time: %v", failed)
	}
	w.Settle()
	if entries := w.Entries(book); entries[7].Number != 8 {
		t.Errorf("the numbers given twice: %+v", entries)
	}
	w.Check()
}

// poison files a document that the register's rules refuse.
func poison(t *testing.T, w *flowtest.World, event string) {
	t.Helper()
	entry := register.Entry{Direction: register.In, Kind: register.IncomingMail, Event: event, Chamber: flowtest.Chamber}.Presented(w.Now())
	file(t, w, correspondence.Filing{Entry: entry, Target: correspondence.ToNothing}, event)
}

func file(t *testing.T, w *flowtest.World, f correspondence.Filing, event string) {
	t.Helper()
	var changes casefile.Changes
	owed := correspondence.File(&changes, flowtest.Chamber, f, event, "", w.Now())
	if err := changes.Commit(ctx, w.Applications); err != nil {
		t.Fatal(err)
	}
	w.Again(queue.Message{Envelope: owed.Envelope(), Group: flowtest.Chamber})
}

// A document whose payload nobody can read, or without a day, becomes a problem and the group goes on. The retry asks the rules again.
func TestPoison(t *testing.T) {
	for name, spoil := range map[string]func(o *step.Owed, f *correspondence.Filing){
		"unreadable": func(o *step.Owed, _ *correspondence.Filing) { o.Payload = json.RawMessage(`"?"`) },
		"no day":     func(_ *step.Owed, f *correspondence.Filing) { f.Entry.PresentationDate = "" },
		"rules":      func(_ *step.Owed, f *correspondence.Filing) { f.Entry.Subject = "" },
	} {
		t.Run(name, func(t *testing.T) {
			w := flowtest.New(t)
			bad, good := w.Presented(), w.Presented()
			messages := registrations(w)
			var saved step.Owed
			rewrite(t, w, messages[0], func(o *step.Owed) {
				saved = *o
				f, err := step.Payload[correspondence.Filing](*o)
				if err != nil {
					t.Fatal(err)
				}
				spoil(o, &f)
				if name != "unreadable" {
					*o, _ = o.With(f)
				}
			})
			if failed := w.Registration.Handle(ctx, batch(messages...)); len(failed) != 0 {
				t.Fatalf("failed %v: %v", failed, w.Reported)
			}
			w.Settle()
			w.State(bad, application.Presented)
			w.State(good, application.Registered)
			open := w.Problems()
			if len(open) != 1 || open[0].Kind != problems.Poisoned || open[0].Work == nil {
				t.Fatalf("problems %+v", open)
			}
			w.Rest() // parked: the sweep leaves it alone
			if got := w.Problems(); len(got) != 1 || got[0].ID != open[0].ID {
				t.Errorf("problems %+v", got)
			}
			// Still bad: the retry opens another. Mended by the developers: the retry gives the number.
			retry(t, w, open[0].ID)
			again := w.Problems()
			if len(again) != 1 || again[0].ID == open[0].ID {
				t.Fatalf("problems after a vain retry %+v", again)
			}
			rewrite(t, w, messages[0], func(o *step.Owed) { o.Payload = saved.Payload })
			retry(t, w, again[0].ID)
			w.State(bad, application.Registered)
			if left := w.Kinds(); len(left) != 0 {
				t.Errorf("problems left %v", left)
			}
			w.Check()
		})
	}
}

func retry(t *testing.T, w *flowtest.World, id string) {
	t.Helper()
	w.Pass(time.Minute)
	if err := w.Office.RetryProblem(ctx, w.Officer(), id); err != nil {
		t.Fatal(err)
	}
	w.Settle()
}

// rewrite changes an outbox row by hand.
func rewrite(t *testing.T, w *flowtest.World, m queue.Message, change func(*step.Owed)) {
	t.Helper()
	owed, item, there, err := step.Read(ctx, w.Applications, table.Key{PK: m.PK, SK: m.SK})
	if err != nil || !there {
		t.Fatalf("no outbox row: %v", err)
	}
	change(&owed)
	next, err := owed.Row(item, w.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Applications.Commit(ctx, table.Put(next)); err != nil {
		t.Fatal(err)
	}
}

// An envelope of newer code waits for newer code, and all behind it in the group; what stood before it is done.
func TestNewerEnvelope(t *testing.T) {
	w := flowtest.New(t)
	first := w.Presented()
	w.Presented()
	messages := registrations(w)
	messages[1].Version = queue.Version + 1
	received := batch(messages...)
	if failed := w.Registration.Handle(ctx, received); !slices.Equal(failed, []string{received[1].ID}) {
		t.Errorf("failed %v", failed)
	}
	w.Settle()
	w.State(first, application.Registered)
}

// The day is sealed in the middle of a batch: what stood before it is of that day, what came after is deferred to the open one.
func TestDayInTheMiddle(t *testing.T) {
	w := flowtest.New(t)
	w.Registered() // the register's first day
	before := w.Presented()
	w.At(time.Date(2026, 11, 23, 22, 59, 0, 0, time.UTC))
	late := w.Presented()
	messages := registrations(w)
	w.At(time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC))
	w.CloseDays()
	day := registrations(w)
	if len(messages) != 2 || len(day) != 1 || day[0].Kind != string(step.Seal) {
		t.Fatalf("%d documents, days %+v", len(messages), day)
	}
	received := batch(messages[0], day[0], messages[1])
	if failed := w.Registration.Handle(ctx, received); len(failed) != 0 {
		t.Fatalf("failed %v: %v", failed, w.Reported)
	}
	w.Settle()
	if p := w.Meta(before).Protocol; p.Date != "2026-11-23" {
		t.Errorf("before the seal: %+v", p)
	}
	if p := w.Meta(late).Protocol; p.Date != "2026-11-24" {
		t.Errorf("after the seal: %+v", p)
	}
	seal := sealOf(t, w, "2026-11-23")
	if len(seal.Entries) != 2 || len(seal.Pending) != 1 || seal.Pending[0].Application != late || seal.Previous != register.NoSeal {
		t.Errorf("%d entries, pending %+v", len(seal.Entries), seal.Pending)
	}
	if got := w.Meta(late).Submission.PresentedAt; register.Date(got) != "2026-11-23" {
		t.Errorf("presented on %s", register.Date(got))
	}
	w.Check()
}

func sealOf(t *testing.T, w *flowtest.World, day string) register.Seal {
	t.Helper()
	body, err := w.Archive.Get(ctx, layout.Seal(flowtest.Chamber, day))
	if err != nil {
		t.Fatalf("day %s: %v", day, err)
	}
	seal, err := register.ParseSeal(body)
	if err != nil {
		t.Fatal(err)
	}
	return seal
}

// New Year: what was presented before midnight has the old year's number as long as the day is open; after that it is deferred into the new
// year's book. The days are chained across.
func TestNewYear(t *testing.T) {
	w := flowtest.New(t)
	w.At(time.Date(2026, 12, 31, 10, 0, 0, 0, time.UTC))
	w.Registered()
	w.At(time.Date(2026, 12, 31, 22, 59, 59, 0, time.UTC))
	inTime, late := w.Presented(), w.Presented()
	messages := registrations(w)
	w.At(time.Date(2026, 12, 31, 23, 0, 1, 0, time.UTC)) // a second past midnight in Rome
	if failed := w.Registration.Handle(ctx, batch(messages[0])); len(failed) != 0 {
		t.Fatal(w.Reported)
	}
	newYears := w.Presented()
	w.Settle()
	if p := w.Meta(inTime).Protocol; p.Year != 2026 || p.Date != "2026-12-31" {
		t.Errorf("the day was open: %+v", p)
	}
	if p := w.Meta(newYears).Protocol; p.Year != 2027 || p.Number != "0000001" {
		t.Errorf("the new year's first: %+v", p)
	}
	// 4 January is the first working day: it seals 31 December, 1, 2 and 3 January.
	w.At(time.Date(2027, 1, 2, 3, 0, 0, 0, time.UTC))
	w.CloseDays()
	if days := registrations(w); len(days) != 0 {
		t.Errorf("%d days are sealed on a Saturday", len(days))
	}
	w.At(time.Date(2027, 1, 4, 2, 0, 0, 0, time.UTC))
	w.CloseDays()
	w.Settle()
	previous := register.Digest(mustSeal(t, w, "2026-12-31"))
	for _, day := range []string{"2027-01-01", "2027-01-02", "2027-01-03"} {
		seal := sealOf(t, w, day)
		if seal.Previous != previous || seal.Book.Year != 2027 {
			t.Errorf("%s is not chained to the day before", day)
		}
		previous = register.Digest(mustSeal(t, w, day))
	}
	if seal := sealOf(t, w, "2026-12-31"); len(seal.Pending) != 1 || seal.Pending[0].Application != late {
		t.Errorf("pending %+v", seal.Pending)
	}
	w.Again(messages[1])
	w.Settle()
	if p := w.Meta(late).Protocol; p.Year != 2027 || p.Date != "2027-01-04" {
		t.Errorf("deferred into %+v", p)
	}
	w.Check()
}

func mustSeal(t *testing.T, w *flowtest.World, day string) []byte {
	t.Helper()
	body, err := w.Archive.Get(ctx, layout.Seal(flowtest.Chamber, day))
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// 31 December is sealed by another instance between the choice of the book and the commit: the document must not get the old year's number
// with the new year's date.
func TestSealedUnderOurFeet(t *testing.T) {
	w := flowtest.New(t)
	w.At(time.Date(2026, 12, 31, 10, 0, 0, 0, time.UTC))
	w.Registered()
	late := w.Presented()
	messages := registrations(w)
	w.At(time.Date(2027, 1, 4, 2, 0, 0, 0, time.UTC))
	w.CloseDays()
	days := registrations(w)
	w.Register.Interfere(func() {
		if failed := w.Registration.Handle(ctx, batch(days...)); len(failed) != 0 {
			t.Errorf("sealing failed: %v", w.Reported)
		}
	})
	received := batch(messages...)
	if failed := w.Registration.Handle(ctx, received); len(failed) != 1 {
		t.Errorf("failed %v, want the document to come back", failed)
	}
	if failed := w.Registration.Handle(ctx, received); len(failed) != 0 {
		t.Errorf("failed again: %v", w.Reported)
	}
	w.Settle()
	if p := w.Meta(late).Protocol; p == nil || p.Year != 2027 || p.Date != "2027-01-04" {
		t.Errorf("registered as %+v", p)
	}
	w.Check()
}

// Every commit of a registration and of its application fails in the four ways; the archive's block is the same bytes whoever writes it.
func TestFaults(t *testing.T) {
	for _, on := range []string{"register", "applications"} {
		for n := 1; n <= 3; n++ {
			for _, fault := range flowtest.Faults {
				t.Run(fmt.Sprintf("%s %d %s", on, n, fault), func(t *testing.T) {
					w := flowtest.New(t)
					one, two := w.Presented(), w.Presented()
					faulty := map[string]*flowtest.Table{"register": w.Register, "applications": w.Applications}[on]
					faulty.FailAt(faulty.Commits+n, fault)
					w.Settle()
					w.Rest()
					w.State(one, application.Registered)
					w.State(two, application.Registered)
					w.Check()
					if left := w.Kinds(); len(left) != 0 {
						t.Errorf("problems %v", left)
					}
				})
			}
		}
	}
}

// A withdrawn application is numbered all the same, keeps its state, and the withdrawal gets its own number after it.
func TestWithdrawnMeanwhile(t *testing.T) {
	w := flowtest.New(t)
	id := w.Presented()
	messages := registrations(w)
	w.Must(func() error { _, err := w.Cases.Withdraw(ctx, w.Applicant(), id, "Ho risolto."); return err })
	w.Again(messages[0])
	w.Settle()
	w.State(id, application.Withdrawn)
	if p := w.Meta(id).Protocol; p == nil {
		t.Error("no number")
	}
	for _, d := range w.DocumentsOf(id) {
		if d.Protocol == nil && d.Kind != application.ReceiptDocument {
			t.Errorf("%s has no number", d.Kind)
		}
	}
	w.Check()
}

// An annulment is a record beside the entry, which stays; asked twice with the same words it is one, and a number that does not exist is a
// problem.
func TestAnnulment(t *testing.T) {
	w := flowtest.New(t)
	w.Registered()
	var ids []string
	for range 2 {
		id, err := w.Office.Annul(ctx, w.Officer(), 2026, 1, "Registrato\ndue volte", "Determinazione n. 7")
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	if ids[0] != ids[1] {
		t.Errorf("two events: %v", ids)
	}
	// A second officer, with other words, before the first annulment stands beside the number.
	if _, err := w.Office.Annul(ctx, w.Officer(), 2026, 1, "Destinatario errato", "Determinazione n. 8"); !problem.Is(err, problem.Conflict) {
		t.Errorf("annulled twice, for two reasons: %v", err)
	}
	w.Settle()
	entry, err := w.Office.Entry(ctx, w.Officer(), 2026, 1)
	if err != nil || !entry.Annulled || len(entry.Annulments) != 1 || entry.Annulments[0].Reason != "Registrato due volte" || entry.Subject == "" {
		t.Errorf("entry %+v, %v", entry, err)
	}
	if _, err := w.Office.Annul(ctx, w.Officer(), 2026, 1, "Ancora", "Determinazione n. 8"); err == nil {
		t.Error("annulled a second time")
	}
	entries := w.Entries(book)
	if last := entries[len(entries)-1]; last.Annex != 1 || last.Number != 1 {
		t.Errorf("the last record is %+v", last)
	}
	var filing correspondence.Filing
	filing.Target = correspondence.ToNothing
	filing.Entry.Book = correspondence.Book(w.TheChamber())
	filing.Entry.Book.Year = 2026
	filing.Annul = &correspondence.Annul{Year: 2026, Number: 999, Reason: "Errore", Provision: "Det. 9", Operator: flowtest.Lucia}
	file(t, w, filing, "annul-2026-0000999-x")
	w.Settle()
	if kinds := w.Kinds(); !slices.Equal(kinds, []problems.Kind{problems.Poisoned}) {
		t.Errorf("problems %v", kinds)
	}
	w.Check()
}

// An annulment of last year's number is of the day it is made on: it stands under that day's seal, by book and seq.
func TestAnnulmentOfAnEarlierYear(t *testing.T) {
	w := flowtest.New(t)
	w.Registered()
	w.At(time.Date(2027, 1, 7, 9, 0, 0, 0, time.UTC))
	w.CloseDays()
	w.Rest()
	if _, err := w.Office.Annul(ctx, w.Officer(), 2026, 1, "Registrato due volte", "Determinazione n. 7"); err != nil {
		t.Fatal(err)
	}
	w.Settle()
	w.Pass(24 * time.Hour)
	w.CloseDays()
	w.Rest()
	seal := sealOf(t, w, "2027-01-07")
	if len(seal.Earlier) != 1 || seal.Earlier[0].Year != 2026 || len(seal.Entries) != 0 {
		t.Fatalf("seal %+v", seal)
	}
	entries := w.Entries(book)
	last := entries[len(entries)-1]
	if got := seal.Earlier[0].Entries; len(got) != 1 || got[0] != (register.Sealed{Seq: last.Seq, Number: "0000001", Annex: 1, Hash: last.Hash}) {
		t.Errorf("it lists %+v, the register has %+v", got, last)
	}
	w.Check()
}

// No annulment of last year's number slips under a day that is being sealed: either it is in the list, or it is of a later day.
func TestAnnulmentAgainstTheClosing(t *testing.T) {
	w := flowtest.New(t)
	w.Registered()
	w.At(time.Date(2027, 1, 7, 9, 0, 0, 0, time.UTC))
	for range 2 { // thirty days at a time: last year's book is not touched any more
		w.CloseDays()
		w.Rest()
	}
	w.Registered() // so that this year's book is there
	if _, err := w.Office.Annul(ctx, w.Officer(), 2026, 1, "Registrato due volte", "Determinazione n. 7"); err != nil {
		t.Fatal(err)
	}
	messages := registrations(w)
	// The annulment read both heads on the day; before it commits, the day is over and sealed by another process.
	late := w.Now()
	w.Register.Interfere(func() {
		w.Pass(24 * time.Hour)
		w.Restart()
		w.CloseDays()
		for _, m := range registrations(w) {
			if err := w.Deliver(m); err != nil {
				t.Error(err)
			}
		}
	})
	if failed := w.Registration.Handle(ctx, batch(messages...)); len(failed) != 0 {
		t.Fatalf("failed: %v", w.Reported)
	}
	w.Rest()
	w.Pass(72 * time.Hour)
	w.CloseDays()
	w.Rest()
	entries := w.Entries(book)
	last := entries[len(entries)-1]
	if last.Annex != 1 || last.Page == register.Date(late) {
		t.Errorf("the annulment is of %s, which was sealed without it", last.Page)
	}
	if seal := sealOf(t, w, last.Page); len(seal.Earlier) != 1 {
		t.Errorf("seal %+v", seal)
	}
	w.Check()
}

// A number that nobody knows how to apply is parked with an owner; it keeps its place in the register.
func TestUnknownTarget(t *testing.T) {
	w := flowtest.New(t)
	event := w.NewID()
	entry := register.Entry{
		Direction: register.In, Kind: register.IncomingMail, Event: event, Chamber: flowtest.Chamber, Book: correspondence.Book(w.TheChamber()),
	}.Presented(w.Now())
	entry.Senders = []register.Party{{Name: "Giulia Rinaldi"}}
	entry.Recipients = []register.Party{correspondence.Us(w.TheChamber())}
	entry.Subject, entry.Document = "Messaggio", register.Document{SHA256: register.Digest(nil), MediaType: "message/rfc822"}
	entry.Classification = inbox.Unclassified
	file(t, w, correspondence.Filing{Entry: entry, Target: "elsewhere"}, event)
	w.Settle()
	if kinds := w.Kinds(); !slices.Equal(kinds, []problems.Kind{problems.Halted}) || len(w.Entries(book)) != 1 {
		t.Errorf("problems %v, %d entries, reported %v", kinds, len(w.Entries(book)), w.Reported)
	}
}

// A register table restored to an earlier moment takes its archived blocks and seals in again before it gives a number.
func TestRestore(t *testing.T) {
	w := flowtest.New(t)
	w.Registered()
	w.At(time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC))
	copied := w.Register.Snapshot()
	w.Registered()
	w.CloseDays()
	w.Settle()
	before := w.Entries(book)

	w.Register = flowtest.NewTable() // the copy of an earlier moment
	for _, item := range copied {
		version := item.Version
		for item.Version = 0; item.Version < version; item.Version++ {
			if err := w.Register.Commit(ctx, table.Put(item)); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.Restart()
	late := w.Registered()
	after := w.Entries(book)
	if len(after) <= len(before) || !slices.Equal(after[:len(before)], before) {
		t.Errorf("%d entries before, %d after", len(before), len(after))
	}
	if p := w.Meta(late).Protocol; p.Number != register.Number(after[len(before)].Number) {
		t.Errorf("the next number is %s", p.Number)
	}
	// The sealed day stays sealed.
	w.At(time.Date(2026, 11, 25, 2, 0, 0, 0, time.UTC))
	w.CloseDays()
	for _, m := range registrations(w) {
		if want := "OUT#DAY#milano#2026-11-24"; m.PK != want {
			t.Errorf("to be sealed: %s, want %s", m.PK, want)
		}
	}
	w.Check()
}

// readOnly is an archive that takes nothing for now.
type readOnly struct{ archive.Store }

func (readOnly) Put(context.Context, string, []byte, string) error {
	return errors.New("out of service")
}

// An archive that takes nothing while a message is given up leaves no gap behind the numbers that follow, of whatever kind they are.
func TestArchiveGap(t *testing.T) {
	annul := func(w *flowtest.World) {
		w.Must(func() error {
			_, err := w.Office.Annul(ctx, w.Officer(), 2026, 1, "Registrato due volte", "Determinazione n. 7")
			return err
		})
	}
	present := func(w *flowtest.World) { w.Presented() }
	for _, c := range []struct {
		name          string
		lost, follows func(w *flowtest.World)
	}{
		{"number, number", present, present}, {"annulment, number", annul, present}, {"number, annulment", present, annul},
		{"number, day", present, func(w *flowtest.World) {
			w.At(time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC))
			w.CloseDays()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := flowtest.New(t)
			w.Registered()
			w.Registration.Archive = readOnly{w.Archive}
			c.lost(w)
			failed := 0
			for _, m := range w.Waiting() { // and nobody delivers it again
				if w.Deliver(m) != nil {
					failed++
				}
			}
			if failed != 1 {
				t.Errorf("%d messages failed", failed)
			}
			w.Restart()
			c.follows(w)
			for _, m := range w.Waiting() {
				if err := w.Deliver(m); err != nil {
					t.Error(err)
				}
			}
			seq := 0
			blocks, _ := w.Archive.List(ctx, layout.BlockPrefix(book), "", 100)
			for _, key := range blocks {
				block, _ := w.Archive.Get(ctx, key)
				if key != layout.Block(book, uint64(seq)+1) {
					t.Errorf("after seq %d: %s", seq, key)
				}
				seq += strings.Count(string(block), "\n")
			}
			if entered := len(w.Entries(book)); seq != entered {
				t.Errorf("%d records archived of %d", seq, entered)
			}
			w.Rest()
			w.Check()
		})
	}
}

// A lost table is not begun again at one: the archive knows better.
func TestLostTable(t *testing.T) {
	w := flowtest.New(t)
	w.Registered()
	before := len(w.Entries(book))
	w.Register = flowtest.NewTable()
	w.Restart()
	id := w.Registered()
	if p := w.Meta(id).Protocol; p.Number != register.Number(uint64(before+1)) {
		t.Errorf("number %s after %d entries", p.Number, before)
	}
	w.Check()
}

// Days are planned once, sealed in order, and every calendar day has a seal, entries or not.
func TestDays(t *testing.T) {
	w := flowtest.New(t)
	w.Registered()
	for range 3 {
		w.CloseDays()
	}
	if got := registrations(w); len(got) != 0 {
		t.Errorf("the day that is not over is to be sealed: %v", got)
	}
	w.At(time.Date(2026, 11, 30, 2, 0, 0, 0, time.UTC)) // Monday
	w.CloseDays()
	w.CloseDays()
	messages := registrations(w)
	if len(messages) != 7 {
		t.Fatalf("%d days to be sealed, want 7", len(messages))
	}
	w.Registration.Handle(ctx, batch(append(messages, messages...)...))
	for n := range 7 {
		sealOf(t, w, fmt.Sprintf("2026-11-%d", 23+n))
	}
	w.At(time.Date(2026, 11, 30, 11, 0, 0, 0, time.UTC))
	if n, err := w.Registration.Unsealed(ctx, flowtest.Chamber); err != nil || n != 0 {
		t.Errorf("%d days unsealed at noon, %v", n, err)
	}
	w.Check()
	for _, c := range catalogue.Chambers() {
		if keys, _ := w.Archive.List(ctx, layout.SealPrefix(c.ID), "", 10); c.ID != flowtest.Chamber && len(keys) != 0 {
			t.Errorf("%s has no register and %d seals", c.ID, len(keys))
		}
	}
}

// A register's first day is not that of its first number when something was presented before that and waits for its payment: the seal of its
// own day lists it, and its number is a deferred one.
func TestTheFirstDayMayHaveNoNumber(t *testing.T) {
	w := flowtest.New(t)
	id := w.Unpaid()
	first := register.Date(w.Now())
	w.Pass(24 * time.Hour)
	w.Registered()
	w.Pass(24 * time.Hour)
	w.CloseDays()
	w.Settle()
	data, err := w.Archive.Get(context.Background(), layout.Seal(flowtest.Chamber, first))
	if err != nil {
		t.Fatalf("the day is not sealed: %v", err)
	}
	seal, err := register.ParseSeal(data)
	if err != nil || len(seal.Pending) != 1 || seal.Pending[0].Application != id {
		t.Fatalf("%+v, %v", seal.Pending, err)
	}
	submission := w.Meta(id).Submission
	if p := seal.Pending[0]; p.Awaiting != register.AwaitingPayment || p.PresentedAt != register.Instant(submission.PresentedAt) || p.Event != submission.Event {
		t.Errorf("pending %+v", p)
	}
	declared, there, err := sealing.Find(context.Background(), w.Applications, flowtest.Chamber, first)
	if err != nil || !there {
		t.Fatalf("the day is not declared: %v", err)
	}
	if s, err := register.ParseStatement(declared.Statement); err != nil || s.Pending != 1 || s.Tree.Size != 0 || s.Seal != register.Digest(data) {
		t.Errorf("statement %+v, %v", s, err)
	}
	w.Checkout(id)
	w.Tell(w.Pay(id, 300))
	w.Settle()
	if p := w.Meta(id).Protocol; p == nil || p.Date != register.Date(w.Now()) {
		t.Errorf("numbered %+v", p)
	}
	entries, _, err := w.Office.Entries(context.Background(), w.Officer(), 2026, 1, 0, nil)
	if err != nil || len(entries) != 2 || !entries[1].Deferred || entries[1].PresentedAt != register.Instant(submission.PresentedAt) {
		t.Errorf("entries %+v, %v", entries, err)
	}
	w.Check()
}
