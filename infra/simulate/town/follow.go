package town

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"sportello/infra/simulate/audit"
	"sportello/shared/domain/application"
	"sportello/shared/domain/catalogue"
	"sportello/shared/domain/deadline"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/pec"
	"sportello/shared/domain/survey"
	"sportello/shared/flow/inbox"
	"sportello/shared/flow/notify"
)

// presented plans what the person does with a case that is on its way.
func (e *errand) presented() {
	for range 1 + e.life.IntN(3) {
		wait := time.Duration(e.life.Int64N(int64(25 * 24 * time.Hour)))
		if e.life.IntN(4) == 0 {
			wait = time.Duration(e.life.IntN(120)) * time.Second
		}
		e.after(wait, e.follow)
	}
	if e.life.IntN(12) == 0 { // some think better of it, a few at once
		e.after(time.Duration(e.life.Int64N(int64([]time.Duration{time.Minute, 10 * 24 * time.Hour}[e.life.IntN(2)]))), e.withdraw)
	}
	if e.life.IntN(8) == 0 {
		e.soon(e.repeat)
	}
}

// follow does one of the things that people do with a case that was presented.
func (e *errand) follow() {
	switch e.life.IntN(8) {
	case 0:
		e.list()
	case 1:
		e.show()
	case 2:
		_ = e.call("timeline", e.id, func(i *instance) error {
			_, err := i.cases.Timeline(context.Background(), e.who.Applicant, e.id)
			return err
		})
	case 3:
		e.download()
	case 4, 5:
		e.message(false)
	case 6:
		e.message(true)
	case 7:
		e.byMail()
	}
}

func (e *errand) list() {
	_ = e.call("list cases", "", func(i *instance) error {
		list, _, err := i.cases.List(context.Background(), e.who.Applicant, e.profile.ID, nil)
		for _, c := range list {
			if c.Profile.TaxCode != e.profile.TaxCode {
				e.audit.Report(audit.Hidden, "a list shows somebody else's case %s", c.ID)
			}
		}
		return err
	})
}

func (e *errand) download() {
	_ = e.call("download", e.id, func(i *instance) error {
		_, err := i.cases.Download(context.Background(), e.who.Applicant, e.id, e.answer.Receipt.ID)
		return err
	})
}

func (e *errand) message(formal bool) {
	name := "message"
	if formal {
		name = "formal statement"
	}
	_ = e.call(name, e.id, func(i *instance) error {
		sent, err := i.cases.Message(context.Background(), e.who.Applicant, e.id, "A che punto è la mia pratica?", formal)
		if err == nil && formal {
			e.audit.Filed(sent.ID)
		}
		return err
	})
}

func (e *errand) withdraw() {
	err := e.call("withdraw", e.id, func(i *instance) error {
		_, err := i.cases.Withdraw(context.Background(), e.who.Applicant, e.id, "Ho risolto in altro modo.")
		return err
	})
	if again(err) && !e.closing {
		e.soon(e.withdraw)
	}
}

// asked: the office wants something. Most answer, at the desk or by certified mail; some too late, some never.
func (e *errand) asked(request string) {
	if e.life.IntN(8) == 0 {
		return
	}
	wait := time.Duration(e.life.Int64N(int64([]time.Duration{20, 20, 40}[e.life.IntN(3)] * 24 * time.Hour)))
	if e.who.address != "" && e.life.IntN(5) < 2 {
		e.after(wait, func() { e.replyByMail(request) })
		return
	}
	e.after(wait, func() { e.reply(request, 0) })
}

// reply answers at the desk, with a file or without.
func (e *errand) reply(request string, tries int) {
	var files []string
	if e.life.IntN(3) > 0 {
		id, err := e.replyFile()
		if again(err) && tries < 8 {
			e.soon(func() { e.reply(request, tries+1) })
			return
		}
		if err == nil {
			files = append(files, id)
		}
	}
	err := e.call("reply", e.id, func(i *instance) error {
		sent, err := i.cases.Reply(context.Background(), e.who.Applicant, e.id, request, "Ecco quanto richiesto.", files)
		if err == nil {
			e.audit.Filed(sent.ID)
		}
		return err
	})
	if again(err) && tries < 8 {
		e.soon(func() { e.reply(request, tries+1) })
	}
}

func (e *errand) replyFile() (id string, err error) {
	body, claim := e.file()
	err = e.call("attach to reply", e.id, func(i *instance) error {
		a, err := i.cases.Attach(context.Background(), e.who.Applicant, e.id, claim)
		id = a.ID
		return err
	})
	if err != nil {
		return "", err
	}
	if err := e.documents.Upload(layout.UploadKey(e.id, id), body, claim.MediaType); err != nil {
		e.audit.Report(audit.Fault, "an upload was refused: %v", err)
	}
	for range 6 {
		err = e.call("complete file of reply", e.id, func(i *instance) error {
			_, err := i.cases.Complete(context.Background(), e.who.Applicant, e.id, id)
			return err
		})
		if !again(err) {
			break
		}
	}
	return id, err
}

// replyByMail answers the certified message with the request; at the desk, if none came.
func (e *errand) replyByMail(request string) {
	mail := pec.MessageID{Application: e.id, Mail: request + "-a", Domain: mailDomain}
	if e.mail.Transmissions[mail.String()] == 0 {
		e.reply(request, 0)
		return
	}
	e.writes(inbox.Message{
		Class: pec.ClassCertified, From: e.who.address, Subject: "Re: Richiesta di integrazione", Text: "In allegato quanto richiesto.",
		InReplyTo: []string{mail.String()},
	})
	e.tally["answers by mail"]++
}

// byMail writes about the case without being asked.
func (e *errand) byMail() {
	if e.audit.Unbought(e.id) {
		return // it is no case of an office's yet: what is written about it is anybody's mail
	}
	from := e.who.address
	if from == "" {
		from = "qualcuno@posta.example.it"
	}
	e.writes(inbox.Message{Class: pec.ClassCertified, From: from, Subject: "Pratica " + e.id, Text: "Chiedo notizie."})
}

// writes sends a message about the case: it must end in the case.
func (e *errand) writes(m inbox.Message) { e.audit.Arrived(e.mail.Incoming(e.chamber, m), e.id) }

// delivered: a certified message is in somebody's mailbox. The outcome's carries the token of the survey.
func (w *World) delivered(_ string, m notify.Message) {
	_, after, found := strings.Cut(m.Text, "/valuta/?t=")
	if !found {
		return
	}
	token, _, _ := strings.Cut(after, "\n")
	w.gotToken(token)
}

func (w *World) gotToken(token string) {
	if w.tokens[token] {
		return
	}
	w.tokens[token] = true
	if w.life.IntN(10) < 7 {
		stars := 1 + w.life.IntN(5)
		for range 1 + w.life.IntN(2) { // some press the button twice
			w.after(time.Duration(w.life.Int64N(int64(12*24*time.Hour))), func() { w.rate(token, stars, 0) })
		}
	}
}

// rate gives a rating; who presses twice gives the same, a few another one.
func (w *World) rate(token string, stars, tries int) {
	if w.life.IntN(20) == 0 {
		stars = 6 - stars
	}
	_ = w.call("show survey", "", func(i *instance) error {
		_, err := i.survey.Show(context.Background(), token)
		return err
	})
	err := w.call("rate", "", func(i *instance) error {
		return i.survey.Rate(context.Background(), token, survey.Rating{Stars: stars, Text: fmt.Sprintf("Voto %d.", stars)})
	})
	if err == nil {
		w.tally["ratings"]++
	}
	if again(err) && tries < 6 {
		w.after(time.Minute, func() { w.rate(token, stars, tries+1) })
	}
}

// planMail decides what else arrives in a chamber's mailbox on a day.
func (w *World) planMail(c catalogue.Chamber, date deadline.Date) {
	for range w.life.IntN(4) {
		w.at(date.Start().Add(time.Duration(w.life.Int64N(int64(24*time.Hour)))), func() { w.unrelated(c) })
	}
}

// unrelated is mail that belongs to no case, or pretends to.
func (w *World) unrelated(c catalogue.Chamber) {
	m := inbox.Message{Class: pec.ClassCertified, From: "fornitore@posta.example.it", Subject: "Fattura\nn. 12", Text: "Si allega fattura."}
	switch w.life.IntN(8) {
	case 0:
		m.Class, m.Reason = pec.ClassUntrusted, "firma non valida"
	case 1:
		m.Class, m.From = pec.ClassOrdinary, "qualcuno@example.com"
	case 2:
		w.mail.Garbage(c.ID)
		return
	case 3:
		w.mail.Again(c.ID)
		return
	case 4: // a receipt of something that nobody sent
		m.Class = pec.ClassReceipt
		m.Receipt = &pec.Receipt{
			Kind: pec.Delivered, Sender: c.PEC, Ident: fmt.Sprintf("opec-x%d", w.life.IntN(1e6)), At: w.now.Truncate(time.Second),
			MessageRef: []string{"altro@example.com", "aaaa.bbbb@" + mailDomain}[w.life.IntN(2)],
		}
	case 5:
		m.From, m.Subject = "", " "
	case 6: // a genuine receipt, of a message that somebody else sent under one of our Message-IDs
		if ids := w.audit.Sent(); len(ids) > 0 {
			m.Class = pec.ClassReceipt
			m.Receipt = &pec.Receipt{
				Kind: pec.Delivered, Sender: "qualcuno@posta.example.it", Ident: fmt.Sprintf("opec-y%d", w.life.IntN(1e6)),
				At: w.now.Truncate(time.Second), MessageRef: pec.Bare(ids[w.life.IntN(len(ids))]),
			}
		}
	}
	w.audit.Arrived(w.mail.Incoming(c.ID, m), "")
}

// rival is something that somebody does to the same case while a step works on it: another device, the office, a second click.
func (e *errand) rival() {
	e.tally["rivals"]++
	meta := e.audit.State(e.id)
	switch {
	case meta == "" && !e.ended && e.answer == nil:
		[]func(){
			func() { e.show(); e.save(true) }, func() { e.save(e.life.IntN(2) == 0) }, e.attach,
			func() { e.submit() }, func() { e.submit() }, func() { e.submit() }, func() { e.submit() },
			func() {
				if len(e.files) > 0 {
					e.finishFile(true)
				}
			},
		}[e.sky.IntN(8)]()
		if e.sky.IntN(40) == 0 {
			_ = e.discard()
		}
	case meta != "" && e.answer != nil && slices.Contains([]application.State{
		application.Presented, application.Registered, application.InProgress, application.AwaitingIntegration,
	}, meta):
		[]func(){
			func() { e.message(false) }, func() { e.message(true) }, func() { e.show() }, e.repeat, func() { e.office(e.chamberOf(), 0, e.id) },
			func() { e.office(e.chamberOf(), 1, e.id) },
		}[e.sky.IntN(6)]()
		if e.sky.IntN(15) == 0 {
			e.withdraw()
		}
	}
}

func (e *errand) chamberOf() catalogue.Chamber {
	c, _ := catalogue.ChamberByID(e.chamber)
	return c
}
