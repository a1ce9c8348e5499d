package flowtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	"sportello/shared/domain/application"
	"sportello/shared/domain/catalogue"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/problem"
	"sportello/shared/flow/access"
	"sportello/shared/flow/casefile"
	"sportello/shared/flow/correspondence"
	"sportello/shared/flow/draft"
	"sportello/shared/flow/problems"
	"sportello/shared/flow/submit"
	"sportello/shared/platform/table"
)

var ctx = context.Background()

// Draft opens a draft for the person, filled in as the pairs say (see Answers).
func (w *World) Draft(changes ...string) string {
	w.T.Helper()
	return w.DraftOf(w.Applicant(), "me", changes...)
}

// DraftOf opens a draft for a profile of somebody's.
func (w *World) DraftOf(who access.Applicant, profile string, changes ...string) string {
	w.T.Helper()
	return w.open(who, Service, profile, Answers(changes...))
}

func (w *World) open(who access.Applicant, service, profile string, answers json.RawMessage) string {
	w.T.Helper()
	var v casefile.View
	w.Must(func() (err error) {
		v, err = w.Drafts.Create(ctx, who, Chamber, service, profile)
		return err
	})
	id := v.ID
	for range 2 { // the second time for a page that somebody else saved over
		w.Must(func() error {
			v, err := w.Cases.Show(ctx, who, id)
			if err == nil {
				_, err = w.Drafts.Save(ctx, who, id, v.Version, answers)
			}
			if problem.Is(err, problem.VersionMismatch) {
				return nil
			}
			return err
		})
	}
	return id
}

// PDF is a file that looks like one, and its claim.
func PDF(name string) ([]byte, draft.Claim) {
	body := []byte("%PDF-1.7 " + name)
	sum := sha256.Sum256(body)
	return body, draft.Claim{Field: "evidence", Name: name, Size: int64(len(body)), SHA256: hex.EncodeToString(sum[:]), MediaType: "application/pdf"}
}

// Upload plays the browser's PUT.
func (w *World) Upload(id, attachment string, body []byte, mediaType string) {
	w.T.Helper()
	if err := w.Documents.Upload(layout.UploadKey(id, attachment), body, mediaType); err != nil {
		w.T.Fatal(err)
	}
}

// Attach attaches a file to a draft, bytes and all.
func (w *World) Attach(id, name string) string {
	w.T.Helper()
	body, claim := PDF(name)
	var a draft.Attached
	w.Must(func() (err error) {
		a, err = w.Drafts.Attach(ctx, w.Applicant(), id, claim)
		return err
	})
	w.Upload(id, a.ID, body, claim.MediaType)
	w.Must(func() error {
		_, err := w.Drafts.Complete(ctx, w.Applicant(), id, a.ID)
		return err
	})
	return a.ID
}

// Key is the Idempotency-Key with which the world presents a draft.
func Key(id string) string { return "3f0c8a54-0000-4000-8000-" + id[len(id)-12:] }

// Present presents a draft.
func (w *World) Present(id string) submit.Presented {
	w.T.Helper()
	return w.PresentAs(w.Applicant(), id)
}

// PresentAs presents somebody's draft.
func (w *World) PresentAs(who access.Applicant, id string) submit.Presented {
	w.T.Helper()
	var p submit.Presented
	w.Must(func() (err error) {
		p, err = w.Submit.Present(ctx, who, id, Key(id), 0)
		return err
	})
	return p
}

// Presented is a case that was presented; nothing has followed yet.
func (w *World) Presented(changes ...string) string {
	w.T.Helper()
	id := w.Draft(changes...)
	w.Present(id)
	return id
}

// Registered is a case with its number; its letters are sent and delivered.
func (w *World) Registered(changes ...string) string {
	w.T.Helper()
	id := w.Presented(changes...)
	w.Settle()
	return id
}

// InProgress is a case that an officer has in charge.
func (w *World) InProgress(changes ...string) string {
	w.T.Helper()
	id := w.Registered(changes...)
	w.Must(func() error {
		_, err := w.Office.Assign(ctx, w.Officer(), id, "")
		return err
	})
	return id
}

// Asked is a case whose owner was asked for something, with the request's id.
func (w *World) Asked(days int, changes ...string) (id, request string) {
	w.T.Helper()
	id = w.InProgress(changes...)
	return id, w.Ask(id, days)
}

// Ask asks the owner for something, and has the letter sent.
func (w *World) Ask(id string, days int) string {
	w.T.Helper()
	w.Must(func() error {
		if w.Meta(id).Request != "" { // an unclear commit that went through
			return nil
		}
		_, err := w.Office.RequestIntegration(ctx, w.Officer(), id, "Manca la copia del documento.", days)
		return err
	})
	w.Settle()
	return w.Meta(id).Request
}

// OfficeFile uploads the outcome's document, signed by the officer where the service wants that.
func (w *World) OfficeFile(id string) string {
	w.T.Helper()
	body := "%PDF-1.7 esito.pdf"
	if service, err := catalogue.Find(Chamber, w.Meta(id).Service); err == nil && service.Rules.OutcomeSigned {
		body = SignedBy(w.Officer().TaxCode)
	}
	return w.OfficeFileOf(id, body)
}

// OfficeFileOf uploads a document of the office's.
func (w *World) OfficeFileOf(id, text string) string {
	w.T.Helper()
	body := []byte(text)
	sum := sha256.Sum256(body)
	claim := draft.Claim{Name: "esito.pdf", Size: int64(len(body)), SHA256: hex.EncodeToString(sum[:]), MediaType: "application/pdf"}
	var a draft.Attached
	w.Must(func() (err error) {
		a, err = w.Office.Attach(ctx, w.Officer(), id, claim)
		return err
	})
	w.Upload(id, a.ID, body, claim.MediaType)
	w.Must(func() error {
		_, err := w.Office.Complete(ctx, w.Officer(), id, a.ID)
		return err
	})
	return a.ID
}

// Decide decides a case; the letter is not sent yet.
func (w *World) Decide(id string) {
	w.T.Helper()
	file := w.OfficeFile(id)
	w.Must(func() error {
		if w.Meta(id).Outcome != nil {
			return nil
		}
		_, err := w.Office.Decide(ctx, w.Officer(), id, "founded", "Il reclamo è fondato.", file)
		return err
	})
}

// Decided is a case whose outcome was delivered.
func (w *World) Decided(changes ...string) string {
	w.T.Helper()
	id := w.InProgress(changes...)
	w.Decide(id)
	w.Settle()
	return id
}

// Closed is a case whose package is owed.
func (w *World) Closed(changes ...string) string {
	w.T.Helper()
	id := w.Decided(changes...)
	w.Pass(31 * 24 * time.Hour)
	w.Sweep()
	return id
}

// Preserved is a case at its end.
func (w *World) Preserved(changes ...string) string {
	w.T.Helper()
	id := w.Closed(changes...)
	w.Settle()
	return id
}

// Meta reads a case's row.
func (w *World) Meta(id string) application.Application {
	w.T.Helper()
	c, err := casefile.Load(ctx, w.Applications, id)
	if err != nil {
		w.T.Fatalf("reading case: %v", err)
	}
	return c.Application
}

// State holds a case to a state.
func (w *World) State(id string, want application.State) {
	w.T.Helper()
	if got := w.Meta(id).State; got != want {
		w.T.Errorf("the case is %s, want %s", got, want)
	}
}

// Mails reads a case's certified messages.
func (w *World) Mails(id string) []correspondence.Mail {
	w.T.Helper()
	return rows[correspondence.Mail](w, id, layout.MailPrefix)
}

// Letter reads the one certified message of a kind.
func (w *World) Letter(id, kind string) correspondence.Mail {
	w.T.Helper()
	for _, m := range w.Mails(id) {
		if m.Kind == kind {
			return m
		}
	}
	w.T.Fatalf("the case has no letter of kind %s", kind)
	return correspondence.Mail{}
}

// DocumentsOf reads a case's documents, Lines its story, Requests what the office asked, Files its attachments.
func (w *World) DocumentsOf(id string) []application.Document {
	return rows[application.Document](w, id, layout.DocumentPrefix)
}
func (w *World) Lines(id string) []application.Line {
	return rows[application.Line](w, id, layout.TimelinePrefix)
}
func (w *World) Requests(id string) []application.Request {
	return rows[application.Request](w, id, layout.RequestPrefix)
}
func (w *World) Files(id string) []application.Attachment {
	return rows[application.Attachment](w, id, layout.AttachmentPrefix)
}

func rows[T any](w *World, id, prefix string) []T {
	w.T.Helper()
	list, err := casefile.Rows[T](ctx, w.Applications, id, prefix)
	if err != nil {
		w.T.Fatal(err)
	}
	return list
}

// Told counts the lines of an event in a case's story.
func (w *World) Told(id string, event application.Event) int {
	n := 0
	for _, l := range w.Lines(id) {
		if l.Event == event {
			n++
		}
	}
	return n
}

// Problems lists the chamber's open problems.
func (w *World) Problems() []problems.Problem {
	w.T.Helper()
	return w.ProblemsOf(Chamber)
}

// ProblemsOf lists another chamber's.
func (w *World) ProblemsOf(chamber string) []problems.Problem {
	w.T.Helper()
	list, err := problems.List(ctx, w.Applications, chamber)
	if err != nil {
		w.T.Fatal(err)
	}
	return list
}

// Kinds lists the kinds of the open problems, newest first.
func (w *World) Kinds() []problems.Kind {
	w.T.Helper()
	kinds := []problems.Kind{}
	for _, p := range w.Problems() {
		kinds = append(kinds, p.Kind)
	}
	return kinds
}

// Outbox lists what is owed.
func (w *World) Outbox() []table.Item {
	var owed []table.Item
	for _, item := range w.Applications.Snapshot() {
		if strings.HasPrefix(item.PK, "OUT#") {
			owed = append(owed, item)
		}
	}
	return owed
}

// decode reads a row's JSON.
func decode[T any](w *World, item table.Item) T {
	w.T.Helper()
	var v T
	if err := json.Unmarshal(item.Body, &v); err != nil {
		w.T.Fatalf("reading %s: %v", item.SK, err)
	}
	return v
}
