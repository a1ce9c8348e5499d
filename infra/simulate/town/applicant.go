package town

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"sportello/infra/simulate/audit"
	"sportello/infra/simulate/outside"
	"sportello/shared/domain/application"
	"sportello/shared/domain/catalogue"
	"sportello/shared/domain/deadline"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/problem"
	"sportello/shared/flow/access"
	"sportello/shared/flow/casefile"
	"sportello/shared/flow/draft"
	"sportello/shared/flow/submit"
)

// errand is one application as who files it sees it.
type errand struct {
	*World
	who     *person
	profile access.Profile
	chamber string
	service string
	id      string
	key     string // the Idempotency-Key of its submission
	version int64
	whole   bool // everything is filled in
	saves   int
	files   []string // declared, and not complete yet
	signed  bool     // the list that must be signed is there
	tries   int
	answer  *submit.Presented
	ended   bool
}

// planApplicants decides who files on a day: more on working days, in waves around midnight, and once in a while all at once.
func (w *World) planApplicants(c catalogue.Chamber, date deadline.Date) {
	filings := w.life.IntN(2)
	if casefile.Calendar(c.ID).Working(date) {
		filings += 1 + w.life.IntN(2)
	}
	for range filings {
		w.errandAt(c, date.Start().Add(time.Duration(w.life.Int64N(int64(24*time.Hour)))))
	}
	newYear := date.Month == time.December && date.Day == 31
	if newYear || w.life.IntN(60) == 0 { // around midnight
		for range 12 {
			w.errandAt(c, date.End().Add(time.Duration(w.life.IntN(40)-39)*time.Minute))
		}
	}
	if w.life.IntN(120) == 0 { // a click day: blocks fill
		opens := date.Start().Add(time.Duration(8+w.life.IntN(8)) * time.Hour)
		for range 30 {
			w.errandAt(c, opens.Add(time.Duration(w.life.IntN(90))*time.Second))
		}
	}
}

func (w *World) errandAt(c catalogue.Chamber, at time.Time) {
	p := w.people[w.life.IntN(len(w.people))]
	e := &errand{
		World: w, who: p, profile: p.profile(w.life.IntN(len(p.Profiles))), chamber: c.ID, service: service, key: fmt.Sprintf("key-%d", w.life.Uint64()),
	}
	if e.profile.Kind == application.Company && w.life.IntN(4) > 0 {
		e.service = priceList
	}
	w.at(at, e.create)
}

// soon and later come back to the errand.
func (e *errand) soon(do func())  { e.after(time.Duration(2+e.life.IntN(60))*time.Second, do) }
func (e *errand) later(do func()) { e.after(time.Duration(1+e.life.IntN(300))*time.Minute, do) }

// again tells whether an error is not the person's: the page says to try again.
func again(err error) bool {
	var p *problem.Problem
	return err != nil && (!errors.As(err, &p) || p.Kind == problem.Unavailable)
}

func (e *errand) create() {
	if e.closing {
		return
	}
	err := e.call("create draft", "", func(i *instance) error {
		v, err := i.drafts.Create(context.Background(), e.who.Applicant, e.chamber, e.service, e.profile.ID)
		if err == nil {
			e.id, e.version = v.ID, v.Version
		}
		return err
	})
	if again(err) {
		e.soon(e.create)
		return
	}
	if e.id != "" {
		e.errands[e.id] = e
		e.byPerson[e.who] = append(e.byPerson[e.who], e)
		e.soon(e.write)
	}
}

// The services: one that is free, and one that is signed and paid for.
const (
	service   = "reclami"
	priceList = "listino-prezzi"
)

// write does one thing to the draft, and comes back until it is presented.
func (e *errand) write() {
	if e.ended || e.answer != nil {
		return
	}
	if e.tries++; e.tries > 60 {
		e.ended = true // the person gives up; the draft will expire
		return
	}
	next := e.soon
	switch chance := e.life.IntN(100); {
	case !e.whole || chance < 10:
		e.save(chance > 15)
	case chance < 14:
		e.otherDevice()
	case len(e.files) == 0 && (chance < 28 && e.service == service || e.service == priceList && !e.signed):
		e.attach()
	case len(e.files) > 0:
		e.finishFile(chance < 30)
	case chance < 30:
		e.show()
	case chance < 38:
		if again(e.discard()) {
			e.soon(func() { e.discard() })
		}
		next = e.later
	case chance < 40:
		e.reuseKey()
	default:
		next = e.submit()
	}
	if !e.ended && e.answer == nil {
		next(e.write)
	}
}

func (e *errand) save(whole bool) {
	e.saves++
	body := e.form(whole)
	err := e.call("save draft", e.id, func(i *instance) error {
		v, err := i.drafts.Save(context.Background(), e.who.Applicant, e.id, e.version, body)
		if err == nil {
			e.version = v.Version
		}
		return err
	})
	if err == nil {
		e.whole = whole
		return
	}
	e.show() // a new version, or an answer that was lost
}

// otherDevice saves from a page that was opened before.
func (e *errand) otherDevice() {
	e.saves++
	err := e.call("save draft", e.id, func(i *instance) error {
		_, err := i.drafts.Save(context.Background(), e.who.Applicant, e.id, e.version-1, e.form(true))
		return err
	})
	if err == nil {
		e.audit.Report(audit.Safe, "a draft of case %s was saved over a newer one", e.id)
	}
}

// show reads the case again, as the page does when it is loaded.
func (e *errand) show() {
	err := e.call("show case", e.id, func(i *instance) error {
		v, err := i.cases.Show(context.Background(), e.who.Applicant, e.id)
		if err != nil {
			return err
		}
		e.version = v.Version
		if v.State != string(application.Draft) {
			e.tries = 0
		}
		var form map[string]any
		_ = json.Unmarshal(v.Answers, &form)
		e.whole = form["privacy"] != nil
		e.files, e.signed = nil, false
		for _, a := range v.Attachments {
			if a.State == "pending" {
				e.files = append(e.files, a.ID)
			}
			e.signed = e.signed || a.Field == "list"
		}
		return nil
	})
	if problem.Is(err, problem.NotFound) {
		e.ended = true // discarded meanwhile, or a company that is not theirs any more
	}
}

// file makes a file that looks like a PDF.
func (w *World) file() (body []byte, claim draft.Claim) {
	body = fmt.Appendf(nil, "%%PDF-1.7 %d", w.life.Uint64())
	sum := sha256.Sum256(body)
	return body, draft.Claim{Field: "evidence", Name: "prova.pdf", Size: int64(len(body)), SHA256: hex.EncodeToString(sum[:]), MediaType: "application/pdf"}
}

// priceList is a price list, signed by who files it; by nobody, now and then.
func (e *errand) priceList() (body []byte, claim draft.Claim) {
	body = outside.SignedBy(e.who.TaxCode, fmt.Sprint(e.life.Uint64()))
	if e.life.IntN(15) == 0 {
		body = []byte("%PDF-1.7 listino")
	}
	sum := sha256.Sum256(body)
	return body, draft.Claim{Field: "list", Name: "listino.pdf", Size: int64(len(body)), SHA256: hex.EncodeToString(sum[:]), MediaType: "application/pdf"}
}

// form fills in the form of the service that is asked for.
func (e *errand) form(whole bool) json.RawMessage {
	if e.service == service {
		return e.answers(e.who, e.profile.Party, e.saves, whole)
	}
	form := map[string]any{
		"sector": "altro", "listName": fmt.Sprintf("Listino %d", e.saves), "validFrom": "2027-01-01", "public": "public", "domicile": "registered", "privacy": true,
	}
	if !whole {
		delete(form, "privacy")
	}
	return must(json.Marshal(form))
}

func (e *errand) attach() {
	body, claim := e.file()
	if e.service == priceList {
		body, claim = e.priceList()
	}
	id := ""
	err := e.call("attach", e.id, func(i *instance) error {
		a, err := i.drafts.Attach(context.Background(), e.who.Applicant, e.id, claim)
		id = a.ID
		return err
	})
	if err != nil {
		e.show()
		return
	}
	e.files, e.signed = append(e.files, id), true
	if e.life.IntN(10) > 0 { // else the browser was closed before the upload
		if err := e.documents.Upload(layout.UploadKey(e.id, id), body, claim.MediaType); err != nil {
			e.audit.Report(audit.Fault, "an upload was refused: %v", err)
		}
	}
}

// finishFile completes a file, or takes it out again.
func (e *errand) finishFile(out bool) {
	id := e.files[0]
	if out || !e.documents.Has(layout.UploadKey(e.id, id)) {
		if err := e.call("detach", e.id, func(i *instance) error {
			return i.drafts.Detach(context.Background(), e.who.Applicant, e.id, id)
		}); err != nil && !again(err) {
			e.show()
			return
		}
	} else if err := e.call("complete file", e.id, func(i *instance) error {
		_, err := i.drafts.Complete(context.Background(), e.who.Applicant, e.id, id)
		return err
	}); again(err) {
		return
	}
	e.show()
}

func (e *errand) discard() error {
	err := e.call("discard", e.id, func(i *instance) error {
		return i.drafts.Discard(context.Background(), e.who.Applicant, e.id)
	})
	if err == nil {
		e.ended = true
	}
	return err
}

// submit presents the draft. After an error that is not theirs the person tries again with the same key, at once or hours later.
func (e *errand) submit() (next func(func())) {
	version := int64(0)
	if e.life.IntN(2) == 0 {
		version = e.version
	}
	answer, err := e.present(e.key, version)
	switch {
	case err == nil:
		e.audit.Answered(e.id, answer.PresentedAt)
		e.answer = &answer
		e.tally["presented"]++
		e.presented()
		e.pays()
	case problem.Is(err, problem.Unavailable):
		return e.later
	case problem.Is(err, problem.Forbidden), problem.Is(err, problem.NotFound):
		e.ended = true
	case problem.Is(err, problem.KeyReused):
		// Something changed after it was presented, or before: the page makes a new key for what it shows now.
		e.key = fmt.Sprintf("key-%d", e.life.Uint64())
		e.show()
	case !again(err):
		e.show()
	}
	return e.soon
}

func (e *errand) present(key string, version int64) (answer submit.Presented, err error) {
	err = e.call("submit", e.id, func(i *instance) (err error) {
		answer, err = i.submit.Present(context.Background(), e.who.Applicant, e.id, key, version)
		return err
	})
	return answer, err
}

// reuseKey presents with a key that was used for another application: never done.
func (e *errand) reuseKey() {
	for _, other := range e.byPerson[e.who] {
		if other.answer == nil || other.id == e.id || other.profile.ID != e.profile.ID {
			continue
		}
		if _, err := e.present(other.key, 0); err == nil {
			e.audit.Report(audit.Safe, "the key of case %s presented case %s too", other.id, e.id)
		}
		return
	}
}

// repeat asks again with the same key: the answer must be the first one.
func (e *errand) repeat() {
	answer, err := e.present(e.key, 0)
	if err == nil && string(must(json.Marshal(answer))) != string(must(json.Marshal(*e.answer))) {
		e.audit.Report(audit.Once, "the second answer for case %s is another one", e.id)
	}
}
