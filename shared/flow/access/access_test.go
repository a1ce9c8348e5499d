package access_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sportello/shared/domain/application"
	"sportello/shared/domain/problem"
	"sportello/shared/flow/access"
	"sportello/shared/flow/flowtest"
	"sportello/shared/flow/office"
	"sportello/shared/platform/table"
)

var ctx = context.Background()

// hidden holds an attempt to the one answer that tells nothing: what is not theirs does not exist.
func hidden(t *testing.T, what string, err error) {
	t.Helper()
	if !problem.Is(err, problem.NotFound) {
		t.Errorf("%s: %v, want %s", what, err, problem.NotFound)
		return
	}
	if diff := cmp.Diff(problem.Hidden().Detail, err.(*problem.Problem).Detail); diff != "" {
		t.Errorf("%s tells more than that there is nothing:\n%s", what, diff)
	}
}

// snapshot is every row, to show that nothing was written.
func snapshot(w *flowtest.World) []table.Item { return w.Applications.Snapshot() }

// applicantActs are all that an applicant can do to a case, or read of it.
func applicantActs(w *flowtest.World, who access.Applicant, id, aid string) map[string]func() error {
	_, claim := flowtest.PDF("prova.pdf")
	return map[string]func() error{
		"show":       func() error { _, err := w.Cases.Show(ctx, who, id); return err },
		"timeline":   func() error { _, err := w.Cases.Timeline(ctx, who, id); return err },
		"document":   func() error { _, err := w.Cases.Download(ctx, who, id, w.Meta(id).ID); return err },
		"attachment": func() error { _, err := w.Cases.Download(ctx, who, id, aid); return err },
		"message":    func() error { _, err := w.Cases.Message(ctx, who, id, "Ciao", false); return err },
		"statement":  func() error { _, err := w.Cases.Message(ctx, who, id, "Ciao", true); return err },
		"reply":      func() error { _, err := w.Cases.Reply(ctx, who, id, "r", "Ciao", nil); return err },
		"withdraw":   func() error { _, err := w.Cases.Withdraw(ctx, who, id, ""); return err },
		"attach":     func() error { _, err := w.Cases.Attach(ctx, who, id, claim); return err },
		"complete":   func() error { _, err := w.Cases.Complete(ctx, who, id, aid); return err },
		"detach":     func() error { return w.Cases.Detach(ctx, who, id, aid) },
		"save":       func() error { _, err := w.Drafts.Save(ctx, who, id, 1, flowtest.Answers()); return err },
		"discard":    func() error { return w.Drafts.Discard(ctx, who, id) },
		"attach to draft": func() error {
			_, err := w.Drafts.Attach(ctx, who, id, claim)
			return err
		},
		"complete in draft": func() error { _, err := w.Drafts.Complete(ctx, who, id, aid); return err },
		"detach from draft": func() error { return w.Drafts.Detach(ctx, who, id, aid) },
		"submit":            func() error { _, err := w.Submit.Present(ctx, who, id, flowtest.Key(id), 0); return err },
	}
}

func TestApplicants(t *testing.T) {
	for name, c := range map[string]struct {
		who     func(*flowtest.World) access.Applicant
		profile string // whose case it is
	}{
		"a stranger":              {(*flowtest.World).Stranger, "me"},
		"another company":         {(*flowtest.World).Stranger, "c-giulia"},
		"a colleague, not theirs": {(*flowtest.World).Colleague, "me"},
		"a former representative": {(*flowtest.World).Former, "c-giulia"},
	} {
		for _, state := range []application.State{application.Draft, application.AwaitingIntegration, application.Preserved} {
			t.Run(name+" "+string(state), func(t *testing.T) {
				w := flowtest.New(t)
				id := w.DraftOf(w.Applicant(), c.profile)
				aid := w.Attach(id, "prova.pdf")
				bring(w, id, state)
				before := snapshot(w)
				for what, act := range applicantActs(w, c.who(w), id, aid) {
					hidden(t, what, act())
				}
				if diff := cmp.Diff(before, snapshot(w)); diff != "" {
					t.Errorf("something was written:\n%s", diff)
				}
				list, _, err := w.Cases.List(ctx, c.who(w), "", nil)
				if err != nil || len(list) != 0 {
					t.Errorf("their list has %d cases, %v", len(list), err)
				}
			})
		}
	}
}

// bring takes a draft to a state.
func bring(w *flowtest.World, id string, state application.State) {
	if state == application.Draft {
		return
	}
	w.Present(id)
	w.Settle()
	w.Must(func() error { _, err := w.Office.Assign(ctx, w.Officer(), id, ""); return err })
	if state == application.AwaitingIntegration {
		w.Ask(id, 10)
		return
	}
	w.Decide(id)
	w.Rest()
	w.Pass(31 * 24 * 3600e9)
	w.Rest()
	w.State(id, application.Preserved)
}

// A colleague who represents the company too sees its case, whoever filed it.
func TestColleague(t *testing.T) {
	w := flowtest.New(t)
	id := w.DraftOf(w.Applicant(), "c-giulia")
	if _, err := w.Cases.Show(ctx, w.Colleague(), id); err != nil {
		t.Error(err)
	}
	list, _, err := w.Cases.List(ctx, w.Colleague(), "c-marco", nil)
	if err != nil || len(list) != 1 {
		t.Errorf("%d cases, %v", len(list), err)
	}
	if _, _, err := w.Cases.List(ctx, w.Colleague(), "c-giulia", nil); !problem.Is(err, problem.NotFound) {
		t.Errorf("another person's profile: %v", err)
	}
}

// officerActs are all that an office can do to a case, or read of it.
func officerActs(w *flowtest.World, who access.Officer, id, aid string) map[string]func() error {
	_, claim := flowtest.PDF("esito.pdf")
	return map[string]func() error{
		"show":       func() error { _, err := w.Office.Show(ctx, who, id); return err },
		"timeline":   func() error { _, err := w.Office.Timeline(ctx, who, id); return err },
		"document":   func() error { _, err := w.Office.Download(ctx, who, id, w.Meta(id).ID); return err },
		"attachment": func() error { _, err := w.Office.Download(ctx, who, id, aid); return err },
		"assign":     func() error { _, err := w.Office.Assign(ctx, who, id, ""); return err },
		"message":    func() error { _, err := w.Office.Message(ctx, who, id, "Ciao"); return err },
		"attach":     func() error { _, err := w.Office.Attach(ctx, who, id, claim); return err },
		"complete":   func() error { _, err := w.Office.Complete(ctx, who, id, aid); return err },
		"ask":        func() error { _, err := w.Office.RequestIntegration(ctx, who, id, "Manca", 10); return err },
		"decide":     func() error { _, err := w.Office.Decide(ctx, who, id, "founded", "Sì", aid); return err },
	}
}

func TestOfficers(t *testing.T) {
	for name, change := range map[string]func(*access.Officer){
		"another chamber's":         func(o *access.Officer) { o.Chamber = flowtest.Other },
		"another chamber's key":     func(o *access.Officer) { o.Chamber, o.Key, o.Name = flowtest.Other, "gestionale", "" },
		"another office's":          func(o *access.Officer) { o.Offices = []string{"protesti"} },
		"complained of":             func(o *access.Officer) { o.Name = "Pietro Neri" },
		"complained of, other form": func(o *access.Officer) { o.Name = "NERI PIETRO" },
		"perhaps complained of":     func(o *access.Officer) { o.Name, o.Key = "", "gestionale" },
	} {
		t.Run(name, func(t *testing.T) {
			w := flowtest.New(t)
			id := w.InProgress("officer", "Dott. Pietro  NERI, sportello 3")
			aid := w.OfficeFile(id)
			who := w.Officer()
			change(&who)
			before := snapshot(w)
			for what, act := range officerActs(w, who, id, aid) {
				hidden(t, what, act())
			}
			for _, f := range []office.Filter{{}, {State: "in_progress"}, {Assignee: flowtest.Lucia}} {
				list, _, err := w.Office.List(ctx, who, f, nil)
				if err != nil || len(list) != 0 {
					t.Errorf("list %+v has %d cases, %v", f, len(list), err)
				}
			}
			if diff := cmp.Diff(before, snapshot(w)); diff != "" {
				t.Errorf("something was written:\n%s", diff)
			}
		})
	}
}

// A draft is nobody's but the applicant's.
func TestOfficersSeeNoDraft(t *testing.T) {
	w := flowtest.New(t)
	id := w.Draft()
	aid := w.Attach(id, "prova.pdf")
	for what, act := range officerActs(w, w.Officer(), id, aid) {
		hidden(t, what, act())
	}
	for _, state := range []string{"", "draft"} {
		if list, _, err := w.Office.List(ctx, w.Officer(), office.Filter{State: state}, nil); err != nil || len(list) != 0 {
			t.Errorf("list of %q has %d cases, %v", state, len(list), err)
		}
	}
}

func TestRights(t *testing.T) {
	w := flowtest.New(t)
	id := w.InProgress()
	who := w.Officer()
	who.Rights = []access.Right{access.Register}
	for what, act := range officerActs(w, who, id, "x") {
		switch what {
		case "show", "timeline", "document", "attachment":
		default:
			if err := act(); !problem.Is(err, problem.Forbidden) {
				t.Errorf("%s without the right: %v", what, err)
			}
		}
	}
	who.Rights = []access.Right{access.Work}
	for what, act := range map[string]func() error{
		"entries": func() error { _, _, err := w.Office.Entries(ctx, who, 2026, 0, 0, nil); return err },
		"entry":   func() error { _, err := w.Office.Entry(ctx, who, 2026, 1); return err },
		"annul":   func() error { _, err := w.Office.Annul(ctx, who, 2026, 1, "Errore", "Det. 1"); return err },
		"seal":    func() error { _, err := w.Office.Seal(ctx, who, "2026-11-23"); return err },
	} {
		if err := act(); !problem.Is(err, problem.Forbidden) {
			t.Errorf("%s without the right: %v", what, err)
		}
	}
	other := w.Officer()
	other.Chamber = flowtest.Other
	if list, _, err := w.Office.Entries(ctx, other, 2026, 0, 0, nil); err != nil || len(list) != 0 {
		t.Errorf("another chamber's register has %d entries, %v", len(list), err)
	}
}

// Attachments and documents are found only within their own case, and what one side has not filed yet is nothing to the other.
func TestFilesOfTheirOwnCase(t *testing.T) {
	w := flowtest.New(t)
	mine, _ := w.Asked(10)
	body, claim := flowtest.PDF("copia.pdf")
	reply, err := w.Cases.Attach(ctx, w.Applicant(), mine, claim)
	if err != nil {
		t.Fatal(err)
	}
	w.Upload(mine, reply.ID, body, claim.MediaType)
	w.Must(func() error { _, err := w.Cases.Complete(ctx, w.Applicant(), mine, reply.ID); return err })
	unfiled := w.OfficeFile(mine)
	another, request := w.Asked(10)

	get := func(id, doc string) error { _, err := w.Cases.Download(ctx, w.Applicant(), id, doc); return err }
	look := func(id, doc string) error { _, err := w.Office.Download(ctx, w.Officer(), id, doc); return err }
	hidden(t, "the office's unfiled file, by the applicant", get(mine, unfiled))
	hidden(t, "the applicant's unfiled file, by the office", look(mine, reply.ID))
	hidden(t, "another case's attachment", get(another, reply.ID))
	hidden(t, "another case's attachment, by the office", look(another, unfiled))
	hidden(t, "another case's document", get(another, w.DocumentsOf(mine)[0].ID))
	for what, err := range map[string]error{"their own reply file": get(mine, reply.ID), "the office's own file": look(mine, unfiled)} {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}

	_, err = w.Cases.Reply(ctx, w.Applicant(), another, request, "Ecco", []string{reply.ID})
	if !problem.Is(err, problem.Invalid) {
		t.Errorf("a reply with another case's file: %v", err)
	}
	_, err = w.Cases.Reply(ctx, w.Applicant(), mine, w.Meta(mine).Request, "Ecco", []string{unfiled})
	if !problem.Is(err, problem.Invalid) {
		t.Errorf("a reply with the office's file: %v", err)
	}
	_, err = w.Office.Decide(ctx, w.Officer(), mine, "founded", "Sì", reply.ID)
	if !problem.Is(err, problem.Invalid) {
		t.Errorf("a decision with the applicant's file: %v", err)
	}
	_, err = w.Office.Decide(ctx, w.Officer(), another, "founded", "Sì", unfiled)
	if !problem.Is(err, problem.Invalid) {
		t.Errorf("a decision with another case's file: %v", err)
	}
	hidden(t, "completing the office's file", second(w.Cases.Complete(ctx, w.Applicant(), mine, unfiled)))
	hidden(t, "completing the applicant's file", second(w.Office.Complete(ctx, w.Officer(), mine, reply.ID)))
	hidden(t, "deleting the office's file", w.Cases.Detach(ctx, w.Applicant(), mine, unfiled))
	hidden(t, "a request of another case", hiddenRequest(w, mine, request))
}

func second[T any](_ T, err error) error { return err }

// hiddenRequest answers a request of another case: it is told as unknown, which for a field of one's own request is the same.
func hiddenRequest(w *flowtest.World, id, request string) error {
	_, err := w.Cases.Reply(ctx, w.Applicant(), id, request, "Ecco", nil)
	if problem.Is(err, problem.Invalid) {
		return problem.Hidden()
	}
	return err
}

func TestOfficerNamed(t *testing.T) {
	for _, c := range []struct {
		against, name string
		want          bool
	}{
		{"Pietro Neri", "Pietro Neri", true},
		{"il sig. neri pietro", "Pietro Neri", true},
		{"Neri", "Pietro Neri", false},
		{"Pietro Nerini", "Pietro Neri", false},
		{"", "Pietro Neri", false},
		{"D'Angelo Niccolò", "Niccolò D’Angelo", true},
		{"Niccolo D'Angelo", "Niccolò D’Angelo", true},
		{"Niccolo\u0300 D'ANGELO", "Niccolò D’Angelo", true},
		{"NICCOLO' D’ANGELO", "Niccolò D’Angelo", true},
		{"Pie\u200btro\u00a0Neri", "Pietro Neri", true},
		{"Pietro Neri", "", true},
		{"", "", false},
	} {
		o := access.Officer{Chamber: "milano", Name: c.name}
		err := o.Check(application.Application{Chamber: "milano", State: application.Presented, Against: c.against}, "reclami")
		if got := err != nil; got != c.want {
			t.Errorf("%q of %q: hidden %v, want %v", c.name, c.against, got, c.want)
		}
	}
}
