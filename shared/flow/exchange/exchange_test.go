package exchange_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/shared/domain/application"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/problem"
	"sportello/shared/flow/casefile"
	"sportello/shared/flow/correspondence"
	"sportello/shared/flow/draft"
	"sportello/shared/flow/flowtest"
	"sportello/shared/platform/table"
)

var ctx = context.Background()

// replyFile uploads a file for a reply.
func replyFile(t *testing.T, w *flowtest.World, id, name string) string {
	t.Helper()
	body, claim := flowtest.PDF(name)
	a, err := w.Cases.Attach(ctx, w.Applicant(), id, claim)
	if err != nil {
		t.Fatal(err)
	}
	w.Upload(id, a.ID, body, claim.MediaType)
	if _, err := w.Cases.Complete(ctx, w.Applicant(), id, a.ID); err != nil {
		t.Fatal(err)
	}
	return a.ID
}

// A reply is registered, files its files, and the term goes on from its day.
func TestReply(t *testing.T) {
	w := flowtest.New(t)
	id, request := w.Asked(10)
	filed, dropped, idle := replyFile(t, w, id, "copia.pdf"), replyFile(t, w, id, "sbagliato.pdf"), replyFile(t, w, id, "altro.pdf")
	if err := w.Cases.Detach(ctx, w.Applicant(), id, dropped); err != nil {
		t.Fatal(err)
	}
	w.Pass(4 * 24 * time.Hour)
	sent, err := w.Cases.Reply(ctx, w.Applicant(), id, request, "Ecco la copia.", []string{filed})
	if err != nil {
		t.Fatal(err)
	}
	w.Settle()
	w.State(id, application.InProgress)
	if term := w.Meta(id).Term; term.Resumed.String() != "2026-11-27" {
		t.Errorf("resumed on %s", term.Resumed)
	}
	r := w.Requests(id)[0]
	if r.Answered != sent.ID || r.Reply != "Ecco la copia." || !slices.Equal(r.Attachments, []string{filed}) {
		t.Errorf("request %+v", r)
	}
	v, err := w.Office.Show(ctx, w.Officer(), id)
	if err != nil {
		t.Fatal(err)
	}
	if len(v.Attachments) != 1 || v.Attachments[0].ID != filed {
		t.Errorf("the office sees files %+v", v.Attachments)
	}
	if _, err := w.Office.Download(ctx, w.Officer(), id, filed); err != nil {
		t.Errorf("the office cannot read it: %v", err)
	}
	flowtest.Refused(t, "deleting a file that was filed", w.Cases.Detach(ctx, w.Applicant(), id, filed), problem.Conflict)
	_, err = w.Office.Download(ctx, w.Officer(), id, idle)
	flowtest.Refused(t, "a file that no reply filed", err, problem.NotFound)
	_, err = w.Cases.Reply(ctx, w.Applicant(), id, request, "Ancora.", nil)
	flowtest.Refused(t, "a second reply", err, problem.Conflict)
	w.Check()
}

func TestReplyRefuses(t *testing.T) {
	w := flowtest.New(t)
	id, request := w.Asked(10)
	file := replyFile(t, w, id, "copia.pdf")
	_, claim := flowtest.PDF("a.pdf")
	pending, err := w.Cases.Attach(ctx, w.Applicant(), id, claim)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		request string
		files   []string
		pointer string
	}{
		"unknown request": {"nothing", nil, "#/request"},
		"unknown file":    {request, []string{file, "nothing"}, "#/attachments/1"},
		"pending file":    {request, []string{pending.ID}, "#/attachments/0"},
		"file twice":      {request, []string{file, file}, "#/attachments/1"},
	} {
		_, err := w.Cases.Reply(ctx, w.Applicant(), id, c.request, "Ecco.", c.files)
		flowtest.Refused(t, name, err, problem.Invalid, c.pointer)
	}
	lost := replyFile(t, w, id, "persa.pdf")
	for _, a := range w.Files(id) {
		if a.ID == lost {
			_ = w.Documents.Delete(ctx, layout.DocumentKey(id, a.SHA256))
		}
	}
	_, err = w.Cases.Reply(ctx, w.Applicant(), id, request, "Ecco.", []string{file, lost})
	flowtest.Refused(t, "a file that was lost", err, problem.FileMismatch, "#/attachments/1")
	w.State(id, application.AwaitingIntegration)
	for name, c := range map[string]struct {
		change  func(*draft.Claim)
		pointer string
	}{
		"type":      {func(c *draft.Claim) { c.MediaType = "text/html" }, "#/mediaType"},
		"name":      {func(c *draft.Claim) { c.Name = "a.exe" }, "#/name"},
		"mismatch":  {func(c *draft.Claim) { c.Name = "a.png" }, "#/mediaType"},
		"empty":     {func(c *draft.Claim) { c.Size = 0 }, "#/size"},
		"too large": {func(c *draft.Claim) { c.Size = 11 << 20 }, "#/size"},
	} {
		bad := claim
		c.change(&bad)
		_, err := w.Cases.Attach(ctx, w.Applicant(), id, bad)
		flowtest.Refused(t, "attaching: "+name, err, problem.Invalid, c.pointer)
	}
}

// After the day of the answer is over the reply is late: until time has told so it is taken, then it is not; the term went on by itself.
func TestReplyLate(t *testing.T) {
	w := flowtest.New(t)
	id, request := w.Asked(10) // from 23 November: until 3 December
	w.At(time.Date(2026, 12, 3, 22, 59, 59, 0, time.UTC))
	w.Sweep()
	w.State(id, application.AwaitingIntegration)
	w.Pass(2 * time.Second)
	w.Sweep()
	w.State(id, application.InProgress)
	_, err := w.Cases.Reply(ctx, w.Applicant(), id, request, "Eccola.", nil)
	flowtest.Refused(t, "after the lapse", err, problem.Conflict)
	if r := w.Requests(id)[0]; !r.Lapsed || r.Answered != "" {
		t.Errorf("request %+v", r)
	}
	_, claim := flowtest.PDF("a.pdf")
	_, err = w.Cases.Attach(ctx, w.Applicant(), id, claim)
	flowtest.Refused(t, "a file after the lapse", err, problem.Conflict)
	if term := w.Meta(id).Term; !term.Resumed.IsZero() || term.Limit != 10 {
		t.Errorf("term %+v", term)
	}

	w = flowtest.New(t)
	id, request = w.Asked(10)
	w.At(time.Date(2026, 12, 5, 9, 0, 0, 0, time.UTC))
	if _, err := w.Cases.Reply(ctx, w.Applicant(), id, request, "Eccola.", nil); err != nil {
		t.Errorf("late, and nobody had said so: %v", err)
	}
	w.Sweep()
	w.State(id, application.InProgress)
	w.Check()
}

// Withdrawal in each state.
func TestWithdraw(t *testing.T) {
	for name, c := range map[string]struct {
		make func(w *flowtest.World) string
		can  bool
	}{
		"draft":       {func(w *flowtest.World) string { return w.Draft() }, false},
		"presented":   {func(w *flowtest.World) string { return w.Presented() }, true},
		"registered":  {func(w *flowtest.World) string { return w.Registered() }, true},
		"in progress": {func(w *flowtest.World) string { return w.InProgress() }, true},
		"awaiting":    {func(w *flowtest.World) string { id, _ := w.Asked(10); return id }, true},
		"decided":     {func(w *flowtest.World) string { return w.Decided() }, false},
		"closed":      {func(w *flowtest.World) string { return w.Closed() }, false},
		"preserved":   {func(w *flowtest.World) string { return w.Preserved() }, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := flowtest.New(t)
			id := c.make(w)
			before := w.Meta(id)
			v, err := w.Cases.Withdraw(ctx, w.Applicant(), id, "Ho risolto.")
			if !c.can {
				flowtest.Refused(t, "withdrawing", err, problem.Conflict)
				w.State(id, before.State)
				return
			}
			if err != nil || v.State != string(application.Withdrawn) || v.Outcome.Kind != application.Withdrawal || v.Survey != nil {
				t.Fatalf("%+v, %v", v, err)
			}
			for range 2 {
				if _, err := w.Cases.Withdraw(ctx, w.Applicant(), id, "Ho risolto."); err != nil {
					t.Errorf("again: %v", err)
				}
			}
			if _, err := w.Office.Decide(ctx, w.Officer(), id, "founded", "Sì", "x"); !problem.Is(err, problem.Invalid) && !problem.Is(err, problem.Conflict) {
				t.Errorf("decided after it was withdrawn: %v", err)
			}
			if !w.Meta(id).Submission.PresentedAt.Equal(before.PresentedAt()) {
				t.Error("another instant of presentation")
			}
			w.Rest()
			w.Pass(25 * time.Hour)
			w.Rest()
			w.State(id, application.Preserved)
			if w.Meta(id).Protocol == nil {
				t.Error("no number")
			}
			w.Check()
		})
	}
}

// Each commit of what an applicant does fails in the four ways, and is done once.
func TestFaults(t *testing.T) {
	for name, act := range map[string]func(w *flowtest.World, id, request string) error{
		"reply": func(w *flowtest.World, id, request string) error {
			_, err := w.Cases.Reply(ctx, w.Applicant(), id, request, "Ecco.", nil)
			return err
		},
		"statement": func(w *flowtest.World, id, _ string) error {
			_, err := w.Cases.Message(ctx, w.Applicant(), id, "Dichiaro.", true)
			return err
		},
		"withdrawal": func(w *flowtest.World, id, _ string) error {
			_, err := w.Cases.Withdraw(ctx, w.Applicant(), id, "")
			return err
		},
	} {
		for _, fault := range flowtest.Faults {
			t.Run(fmt.Sprintf("%s %s", name, fault), func(t *testing.T) {
				w := flowtest.New(t)
				id, request := w.Asked(10)
				documents := len(w.DocumentsOf(id))
				w.Applications.FailNext(fault)
				err := act(w, id, request)
				if fault == flowtest.Before {
					if err == nil {
						t.Fatal("done, and nothing was written")
					}
					err = act(w, id, request)
				}
				if err != nil {
					t.Fatal(err)
				}
				if n := len(w.DocumentsOf(id)) - documents; n != 1 {
					t.Errorf("%d documents", n)
				}
				w.Rest()
				for _, d := range w.DocumentsOf(id) {
					if d.Protocol == nil && d.Kind != application.ReceiptDocument {
						t.Errorf("%s has no number", d.Kind)
					}
				}
				w.Check()
			})
		}
	}
}

// A message is always taken while anybody reads it, and raises the case to who watches what changed; a closed case says so.
func TestMessage(t *testing.T) {
	for name, c := range map[string]struct {
		make func(w *flowtest.World) string
		can  bool
	}{
		"draft":     {func(w *flowtest.World) string { return w.Draft() }, false},
		"presented": {func(w *flowtest.World) string { return w.Presented() }, true},
		"decided":   {func(w *flowtest.World) string { return w.Decided() }, true},
		"closed":    {func(w *flowtest.World) string { return w.Closed() }, false},
		"preserved": {func(w *flowtest.World) string { return w.Preserved() }, false},
	} {
		w := flowtest.New(t)
		id := c.make(w)
		w.Pass(time.Minute)
		before := w.Meta(id)
		for _, formal := range []bool{false, true} {
			_, err := w.Cases.Message(ctx, w.Applicant(), id, "Quando avrò risposta?", formal)
			if !c.can {
				flowtest.Refused(t, name, err, problem.Conflict)
				continue
			}
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		after := w.Meta(id)
		if c.can && !after.UpdatedAt.Equal(w.Now()) {
			t.Errorf("%s: updated at %s", name, after.UpdatedAt)
		}
		after.UpdatedAt = before.UpdatedAt
		if diff := cmp.Diff(before, after); diff != "" {
			t.Errorf("%s: a message changed the case:\n%s", name, diff)
		}
	}
}

// A statement that comes in while the case closes is not closed over.
func TestStatementWhileClosing(t *testing.T) {
	w := flowtest.New(t)
	id := w.Decided()
	w.Pass(31 * 24 * time.Hour)
	w.Applications.Interfere(func() {
		if _, err := w.Cases.Message(ctx, w.Applicant(), id, "Dichiaro.", true); err != nil {
			t.Error(err)
		}
	})
	w.Sweep()
	w.State(id, application.Decided)
	w.Rest()
	w.Pass(2 * time.Hour)
	w.Rest()
	w.State(id, application.Preserved)
	for _, d := range w.DocumentsOf(id) {
		if d.Kind == application.MessageDocument && d.Protocol == nil {
			t.Error("preserved without its number")
		}
	}
}

// The list is the owner's, page by page, newest first; drafts that are gone leave no trace.
func TestList(t *testing.T) {
	w := flowtest.New(t)
	var ids []string
	for range 30 {
		ids = append(ids, w.Draft())
		w.Pass(time.Second)
	}
	w.DraftOf(w.Applicant(), "c-giulia")
	if err := w.Drafts.Discard(ctx, w.Applicant(), ids[29]); err != nil {
		t.Fatal(err)
	}
	var seen []string
	var after *table.Cursor
	for {
		list, next, err := w.Cases.List(ctx, w.Applicant(), "", after)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range list {
			seen = append(seen, s.ID)
		}
		if after = next; after == nil {
			break
		}
	}
	slices.Reverse(ids)
	if diff := cmp.Diff(ids[1:], seen); diff != "" {
		t.Error(diff)
	}
	if list, _, err := w.Cases.List(ctx, w.Applicant(), "c-giulia", nil); err != nil || len(list) != 1 {
		t.Errorf("the company has %d, %v", len(list), err)
	}
	if list, _, err := w.Cases.List(ctx, w.Stranger(), "", nil); err != nil || list == nil || len(list) != 0 {
		t.Errorf("a stranger's list is %v, %v", list, err)
	}
}

// A list says of what waits for its payment how much, and by when; of nothing else.
func TestListToPay(t *testing.T) {
	w := flowtest.New(t)
	id := w.Unpaid()
	row := func() casefile.Summary {
		list, _, err := w.Cases.List(ctx, w.Applicant(), "c-giulia", nil)
		if err != nil || len(list) != 1 || list[0].ID != id {
			t.Fatalf("list %+v, %v", list, err)
		}
		return list[0]
	}
	if got := row(); got.ToPay == nil || got.ToPay.Amount != 300 || got.ToPay.Due != "2026-11-28" {
		t.Errorf("unpaid: %+v", got.ToPay)
	}
	w.Pay(id, 300)
	w.State(id, application.Presented)
	if got := row(); got.ToPay != nil {
		t.Errorf("paid: %+v", got.ToPay)
	}
}

// The applicant is told who answers for the case, never the officer's tax code, nor the text of letters to the office.
func TestShownToApplicant(t *testing.T) {
	w := flowtest.New(t)
	id := w.Decided()
	v, err := w.Cases.Show(ctx, w.Applicant(), id)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := json.Marshal(v)
	story, err := w.Cases.Timeline(ctx, w.Applicant(), id)
	if err != nil {
		t.Fatal(err)
	}
	told, _ := json.Marshal(story)
	for _, text := range []string{string(body), string(told)} {
		if strings.Contains(text, flowtest.Lucia) {
			t.Errorf("the officer's tax code is in %s", text)
		}
	}
	if v.Officer == nil || v.Officer.Name == "" || v.Outcome == nil || v.Outcome.Text == "" {
		t.Errorf("officer %+v, outcome %+v", v.Officer, v.Outcome)
	}
	if m := w.Letter(id, correspondence.OutcomeLetter); m.Protocol == nil {
		t.Error("the outcome's letter bears no number")
	}
}

// What an applicant reads of an officer is the responsible's name, in a case and in the list (L. 241/1990 art. 5 c.3).
func TestOfficerIsNotNamed(t *testing.T) {
	w := flowtest.New(t)
	id := w.InProgress()
	list, _, err := w.Cases.List(ctx, w.Applicant(), "", nil)
	if err != nil || len(list) != 1 || list[0].Officer == nil || list[0].Officer.Name == "" {
		t.Fatalf("list %+v, %v", list, err)
	}
	v, err := w.Cases.Show(ctx, w.Applicant(), id)
	if err != nil || v.Officer == nil || v.Officer.Name == "" {
		t.Fatalf("case %+v, %v", v.Officer, err)
	}
	for _, shown := range []any{list, v} {
		body, err := json.Marshal(shown)
		if err != nil || strings.Contains(string(body), flowtest.Lucia) {
			t.Errorf("the officer's tax code is told: %s, %v", body, err)
		}
	}
}
