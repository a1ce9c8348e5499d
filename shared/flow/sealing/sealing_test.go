package sealing_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"sportello/shared/domain/layout"
	"sportello/shared/domain/register"
	"sportello/shared/flow/flowtest"
	"sportello/shared/flow/keeping"
	"sportello/shared/flow/problems"
	"sportello/shared/flow/sealing"
	"sportello/shared/flow/step"
	"sportello/shared/platform/archive"
	"sportello/shared/platform/queue"
	"sportello/shared/platform/table"
)

var ctx = context.Background()

const monday, tuesday, wednesday = "2026-11-23", "2026-11-24", "2026-11-25"

// sealed is a world on the next morning: Monday, with two numbers, is sealed and its statement owed.
func sealed(t testing.TB) (*flowtest.World, queue.Message) {
	t.Helper()
	w := flowtest.New(t)
	w.Registered()
	w.Registered()
	w.Pass(24 * time.Hour)
	return w, statementOwed(t, w)
}

// statementOwed closes the days that are over and takes the message of the last one's statement.
func statementOwed(t testing.TB, w *flowtest.World) queue.Message {
	t.Helper()
	w.CloseDays()
	var last queue.Message
	for range 2 { // the closing, then what it promised
		for _, m := range w.Waiting() {
			if m.Kind == string(step.Statement) {
				last = m
				continue
			}
			if err := w.Deliver(m); err != nil {
				t.Fatal(err)
			}
		}
	}
	if last.Kind == "" {
		t.Fatal("no statement is owed")
	}
	return last
}

// held checks a published day from beginning to end, against what the archive has.
func held(t testing.TB, w *flowtest.World, day string) register.Statement {
	t.Helper()
	declared, ok, err := sealing.Find(ctx, w.Applications, flowtest.Chamber, day)
	if err != nil || !ok {
		t.Fatalf("%s is not published: %v", day, err)
	}
	for key, want := range map[string][]byte{
		layout.Statement(flowtest.Chamber, day): declared.Statement, layout.StatementSignature(flowtest.Chamber, day): declared.Signature,
		layout.StatementTimestamp(flowtest.Chamber, day): declared.Timestamp,
	} {
		if got, err := w.Archive.Get(ctx, key); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %q, %v", key, got, err)
		}
	}
	statement, err := register.ParseStatement(declared.Statement)
	if err != nil {
		t.Fatal(err)
	}
	words := get(t, w, layout.Seal(flowtest.Chamber, day))
	leaves, err := register.ParseLeaves(get(t, w, layout.Leaves(flowtest.Chamber, day)))
	if err != nil {
		t.Fatal(err)
	}
	want, err := register.StatementOf(words, leaves, statement.Previous)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := want.Encode(); err != nil || !bytes.Equal(again, declared.Statement) {
		t.Errorf("the statement of %s is not that of its leaves", day)
	}
	return statement
}

func get(t testing.TB, w *flowtest.World, key string) []byte {
	t.Helper()
	body, err := w.Archive.Get(ctx, key)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func TestDayIsDeclaredPublishedAndPreserved(t *testing.T) {
	w, message := sealed(t)
	if err := w.Deliver(message); err != nil {
		t.Fatal(err)
	}
	first := held(t, w, monday)
	if first.Tree.Size != 2 || first.Previous != register.NoSeal || first.Records[0].Count != 2 {
		t.Errorf("statement %+v", first)
	}
	w.Settle()
	id := layout.DayPackageID(flowtest.Chamber, monday)
	if w.Keeper.Packages[id] == nil {
		t.Fatal("the day was not handed over")
	}
	if got := get(t, w, layout.DayPackageReceipt(flowtest.Chamber, monday)); !strings.HasPrefix(string(got), "signed "+id) {
		t.Errorf("receipt %q", got)
	}
	w.Pass(24 * time.Hour)
	if err := w.Deliver(statementOwed(t, w)); err != nil {
		t.Fatal(err)
	}
	second := held(t, w, tuesday)
	declared, _, _ := sealing.Find(ctx, w.Applications, flowtest.Chamber, monday)
	if second.Previous != register.Digest(declared.Statement) || second.Tree.Size != 0 {
		t.Errorf("the chain of statements: %+v", second)
	}
	w.Settle()
	if owed := w.Outbox(); len(owed) != 0 {
		t.Errorf("%d still owed", len(owed))
	}
	w.Check()
}

// What is published tells of nobody, and the salts stay with us.
func TestNothingPersonalIsPublished(t *testing.T) {
	w, message := sealed(t)
	if err := w.Deliver(message); err != nil {
		t.Fatal(err)
	}
	declared, _, err := sealing.Find(ctx, w.Applications, flowtest.Chamber, monday)
	if err != nil {
		t.Fatal(err)
	}
	leaves, err := register.ParseLeaves(get(t, w, layout.Leaves(flowtest.Chamber, monday)))
	if err != nil {
		t.Fatal(err)
	}
	secrets := []string{flowtest.Giulia, flowtest.Company, "Rinaldi"}
	for _, leaf := range leaves.Leaves {
		secrets = append(secrets, leaf.Salt, leaf.Hash)
	}
	for _, e := range w.Entries("milano#2026") {
		secrets = append(secrets, e.Event)
	}
	for _, secret := range secrets {
		if bytes.Contains(declared.Statement, []byte(secret)) {
			t.Errorf("the statement tells %q", secret)
		}
	}
}

// Each commit fails in the four ways, each put of the archive is the last thing the process did, and the message comes again.
func TestFaults(t *testing.T) {
	for commit := range 2 {
		for _, fault := range flowtest.Faults {
			t.Run(fault.String(), func(t *testing.T) {
				w, message := sealed(t)
				w.Applications.FailAt(w.Applications.Commits+1+commit, fault)
				for range 3 {
					_ = w.Deliver(message)
				}
				held(t, w, monday)
				w.Rest()
				if n := w.Keeper.Deposits; n != 1 {
					t.Errorf("handed over %d times", n)
				}
				if owed := w.Outbox(); len(owed) != 0 {
					t.Errorf("%d still owed", len(owed))
				}
				w.Check()
			})
		}
	}
}

// dying is an archive whose process dies after some puts.
type dying struct {
	archive.Store
	left int
}

var errKilled = errors.New("killed")

func (d *dying) Put(ctx context.Context, key string, body []byte, mediaType string) error {
	if d.left == 0 {
		return errKilled
	}
	d.left--
	return d.Store.Put(ctx, key, body, mediaType)
}

// The process dies after any of the parts was kept; the next one goes on with the same leaves, the same seal, the same token.
func TestKilledBetweenTheParts(t *testing.T) {
	for puts := range 5 {
		w, message := sealed(t)
		config := w.Sealing.Config
		config.Archive = &dying{Store: config.Archive, left: puts}
		desk, err := sealing.New(config)
		if err != nil {
			t.Fatal(err)
		}
		_ = desk.Declare(ctx, message.Envelope)
		kept := map[string][]byte{}
		for _, key := range []string{layout.Leaves(flowtest.Chamber, monday), layout.Statement(flowtest.Chamber, monday), layout.StatementSignature(flowtest.Chamber, monday), layout.StatementTimestamp(flowtest.Chamber, monday)} {
			if body, err := w.Archive.Get(ctx, key); err == nil {
				kept[key] = body
			}
		}
		if len(kept) != min(puts, 4) {
			t.Fatalf("after %d puts the archive has %d parts", puts, len(kept))
		}
		w.Restart()
		w.Pass(time.Hour)
		if err := w.Deliver(message); err != nil {
			t.Fatal(err)
		}
		held(t, w, monday)
		for key, body := range kept {
			if !bytes.Equal(get(t, w, key), body) {
				t.Errorf("%s was made again", key)
			}
		}
		w.Rest()
		w.Check()
	}
}

// The authority is out of service for more than a day: nothing is lost, somebody is told, and the day is declared with the token that came.
func TestAuthorityDown(t *testing.T) {
	w, message := sealed(t)
	w.Stamper.Down = true
	if err := w.Deliver(message); err == nil {
		t.Fatal("declared without its time")
	}
	signature := get(t, w, layout.StatementSignature(flowtest.Chamber, monday))
	for range 30 {
		w.Pass(time.Hour)
		w.Sweep()
		w.Settle()
	}
	if got := w.Kinds(); !slices.Equal(got, []problems.Kind{problems.Overdue}) {
		t.Fatalf("problems %v", got)
	}
	if _, ok, _ := sealing.Find(ctx, w.Applications, flowtest.Chamber, monday); ok {
		t.Fatal("published without its time")
	}
	w.CloseDays() // the next day waits behind it
	w.Settle()
	w.Stamper.Down = false
	w.Rest()
	held(t, w, monday)
	held(t, w, tuesday)
	if !bytes.Equal(signature, get(t, w, layout.StatementSignature(flowtest.Chamber, monday))) {
		t.Error("sealed again")
	}
	if got := w.Kinds(); len(got) != 0 {
		t.Errorf("problems %v", got)
	}
	w.Check()
}

// A refusal is no outage: it is parked with an owner, and tried again when he says so.
func TestAuthorityRefuses(t *testing.T) {
	w, message := sealed(t)
	w.Stamper.Refuse = true
	if err := w.Deliver(message); err != nil {
		t.Fatal(err)
	}
	if got := w.Kinds(); !slices.Equal(got, []problems.Kind{problems.Halted}) {
		t.Fatalf("problems %v", got)
	}
	w.Stamper.Refuse = false
	if err := w.Office.RetryProblem(ctx, w.Officer(), w.Problems()[0].ID); err != nil {
		t.Fatal(err)
	}
	w.Settle()
	held(t, w, monday)
	w.Check()
}

// Days that were sealed on the way to another are owed by no row: they are declared first. So are those whose rows were lost with a restored table.
func TestDaysOnTheWay(t *testing.T) {
	w, _ := sealed(t)
	for _, item := range w.Outbox() {
		if err := w.Applications.Commit(ctx, table.Delete(item)); err != nil {
			t.Fatal(err)
		}
	}
	w.Pass(48 * time.Hour)
	message := statementOwed(t, w)
	if !strings.Contains(message.PK, wednesday) && !strings.Contains(message.PK, tuesday) {
		t.Fatalf("owed: %s", message.PK)
	}
	w.Again(message)
	w.Rest()
	before := register.NoSeal
	for _, day := range []string{monday, tuesday, wednesday} {
		if s := held(t, w, day); s.Previous != before {
			t.Errorf("%s follows %s, want %s", day, s.Previous, before)
		}
		declared, _, _ := sealing.Find(ctx, w.Applications, flowtest.Chamber, day)
		before = register.Digest(declared.Statement)
	}
	if n := len(w.Keeper.Packages); n != 3 {
		t.Errorf("%d days handed over", n)
	}
	w.Check()
}

// Two deliveries at once make one statement.
func TestTwoDeliveries(t *testing.T) {
	w, message := sealed(t)
	w.Applications.Interfere(func() {
		if err := w.Deliver(message); err != nil {
			t.Error(err)
		}
	})
	if err := w.Deliver(message); err != nil {
		t.Fatal(err)
	}
	held(t, w, monday)
	w.Rest()
	if w.Stamper.Stamped != 1 || w.Keeper.Deposits != 1 {
		t.Errorf("stamped %d times, handed over %d times", w.Stamper.Stamped, w.Keeper.Deposits)
	}
	w.Check()
}

// The provider of preservation refuses a day: the day stays published, and somebody is told.
func TestProviderRefusesADay(t *testing.T) {
	w, message := sealed(t)
	w.Keeper.Refuse = true
	if err := w.Deliver(message); err != nil {
		t.Fatal(err)
	}
	w.Settle()
	held(t, w, monday)
	if got := w.Kinds(); !slices.Equal(got, []problems.Kind{problems.Refused}) {
		t.Fatalf("problems %v", got)
	}
	w.Keeper.Refuse = false
	w.Keeper.States = []keeping.Receipt{{State: keeping.Received}}
	if err := w.Office.RetryProblem(ctx, w.Officer(), w.Problems()[0].ID); err != nil {
		t.Fatal(err)
	}
	w.Settle()
	w.Rest()
	if len(w.Kinds()) != 0 || len(w.Outbox()) != 0 {
		t.Errorf("problems %v, owed %v", w.Kinds(), w.Outbox())
	}
	w.Check()
}

func TestIncomplete(t *testing.T) {
	if _, err := sealing.New(sealing.Config{}); err == nil {
		t.Error("accepted")
	}
}
