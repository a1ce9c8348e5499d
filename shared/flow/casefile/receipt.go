package casefile

import (
	"time"

	"sportello/shared/domain/application"
	"sportello/shared/domain/catalogue"
	"sportello/shared/domain/deadline"
)

// Receipt is the data of the receipt that L. 241/1990 art. 18-bis owes at once; its document is made in the next seconds.
type Receipt struct {
	ID          string        `json:"id"`
	Application string        `json:"application"`
	PresentedAt time.Time     `json:"presentedAt"`
	Subject     string        `json:"subject"`
	Digest      string        `json:"digest"`
	Attachments []ReceiptFile `json:"attachments"`
	Office      string        `json:"office"`
	Responsible string        `json:"responsible"`
	Substitute  string        `json:"substitute"`
	Due         string        `json:"due"`
	Silence     string        `json:"silence"`
	Remedies    string        `json:"remedies"`
	Access      string        `json:"access"`
}

// ReceiptFile is a file that was presented.
type ReceiptFile struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
}

// Form are the files of the form, of all that a case has: the office's and those of replies came later.
func Form(all []application.Attachment) []application.Attachment {
	var form []application.Attachment
	for _, a := range all {
		if a.Field != application.OfficeFile && a.Field != application.ReplyFile {
			form = append(form, a)
		}
	}
	return form
}

// ReceiptOf is the receipt's data for an application that was presented with these files, with the contents that L. 241/1990 asks for: art. 18-bis c.1 (the
// receipt, the terms within which the administration must answer, the effect of its silence) and art. 8 c.2
// (administration, subject, office and person responsible, end date and remedies against inertia, how to see the file).
func ReceiptOf(a application.Application, attachments []application.Attachment) Receipt {
	files := []ReceiptFile{}
	for _, f := range attachments {
		files = append(files, ReceiptFile{f.Name, f.SHA256})
	}
	r := Receipt{
		ID: a.Submission.Event, Application: a.ID, PresentedAt: a.PresentedAt(), Digest: a.Submission.Digest, Attachments: files,
		Due: firstDue(a).String(),
	}
	if service, err := catalogue.Find(a.Chamber, a.Service); err == nil {
		r.Subject, r.Office = service.Title, service.Office.Name
		r.Responsible, r.Substitute = service.Office.Responsible.Name, service.Office.Substitute.Name
		r.Silence, r.Remedies, r.Access = service.Silence.Text, service.Remedies, service.Access
	}
	return r
}

// firstDue is the end of the term as it was at presentation, before any suspension.
func firstDue(a application.Application) deadline.Date {
	service, err := catalogue.Find(a.Chamber, a.Service)
	if err != nil {
		return Due(a)
	}
	return deadline.Start(a.PresentedAt(), service.TermDays).Due(Calendar(a.Chamber))
}
