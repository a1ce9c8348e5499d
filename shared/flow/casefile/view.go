package casefile

import (
	"context"
	"encoding/json"
	"fmt"
	"sort"
	"time"

	"sportello/shared/domain/application"
	"sportello/shared/domain/catalogue"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/payment"
	"sportello/shared/domain/pec"
	"sportello/shared/platform/table"
)

// View is an application on the wire: times RFC 3339 in UTC, dates in Europe/Rome.
type View struct {
	ID          string           `json:"id"`
	Chamber     string           `json:"chamber"`
	Service     string           `json:"service"`
	Profile     ProfileView      `json:"profile"`
	Filer       *ProfileView     `json:"filer,omitempty"` // who wrote it, when that is somebody else than the profile
	State       string           `json:"state"`
	Version     int64            `json:"version"`
	Answers     json.RawMessage  `json:"answers"`
	Attachments []AttachmentView `json:"attachments"`
	CreatedAt   time.Time        `json:"createdAt"`
	UpdatedAt   time.Time        `json:"updatedAt"`
	ExpiresAt   *time.Time       `json:"expiresAt,omitempty"` // of a draft
	PresentedAt *time.Time       `json:"presentedAt,omitempty"`
	Protocol    *ProtocolView    `json:"protocol,omitempty"`
	Payment     *PaymentView     `json:"payment,omitempty"` // where a fee buys the act
	Deadline    *DeadlineView    `json:"deadline,omitempty"`
	Officer     *OfficerView     `json:"officer,omitempty"`
	Outcome     *OutcomeView     `json:"outcome,omitempty"`
	Documents   []DocumentView   `json:"documents"`
	Requests    []RequestView    `json:"requests"`
	Mail        []MailView       `json:"mail"`
	Survey      *SurveyView      `json:"survey,omitempty"`
	Receipt     *Receipt         `json:"receipt,omitempty"`  // of an application that was presented
	Evidence    bool             `json:"evidence,omitempty"` // there is an evidence file to download

	files []application.Attachment
}

// ProfileView is a party as it is shown.
type ProfileView struct {
	ID      string `json:"id,omitempty"`
	Kind    string `json:"kind"`
	TaxCode string `json:"taxCode"`
	Name    string `json:"name"`
}

// AttachmentView is a file of the form.
type AttachmentView struct {
	ID        string `json:"id"`
	Field     string `json:"field"`
	Name      string `json:"name"`
	Size      int64  `json:"size"`
	SHA256    string `json:"sha256"`
	MediaType string `json:"mediaType"`
	State     string `json:"state"` // pending | complete

	Signature *SignatureView `json:"signature,omitempty"` // where the form wants a signed file
}

// ProtocolView is a place in the register.
type ProtocolView = application.Protocol

// PaymentView is what is owed for the act, and what became of it. Only the institute's word moves it, never a browser's return.
type PaymentView struct {
	State        string     `json:"state"`
	Amount       int        `json:"amount"` // euro cents
	NoticeNumber string     `json:"noticeNumber"`
	IUV          string     `json:"iuv"`
	Due          string     `json:"due"`
	PaidAt       *time.Time `json:"paidAt,omitempty"`
	ReceiptID    string     `json:"receiptId,omitempty"`
}

// paid shows the case's payment.
func (c Case) paid(ctx context.Context, t table.Table) (*PaymentView, error) {
	if c.Fee == nil {
		return nil, nil
	}
	p, _, err := table.Load[payment.Payment](ctx, t, layout.Payment(c.Fee.IUV), payment.Schema)
	if err != nil {
		return nil, fmt.Errorf("loading payment: %w", err)
	}
	v := &PaymentView{State: string(p.State()), Amount: p.Cents, NoticeNumber: payment.NoticeNumber(p.IUV), IUV: p.IUV, Due: p.Due}
	if p.Paid != nil {
		v.PaidAt, v.ReceiptID = &p.Paid.PaidAt, p.Paid.Receipt
	}
	return v, nil
}

// DeadlineView is the legal clock as a date.
type DeadlineView struct {
	Due       string `json:"due"`
	Suspended bool   `json:"suspended"`
	Expired   bool   `json:"expired,omitempty"`
}

// OfficerView says who has the case: to the office by tax code, as it was assigned; to an applicant the responsible officer's name and no more
// (L. 241/1990 art. 5 c.3).
type OfficerView struct {
	Name    string `json:"name,omitempty"`
	TaxCode string `json:"taxCode,omitempty"`
}

// InCharge says to the office who has the case in charge; nil: nobody.
func (c Case) InCharge() *OfficerView {
	if c.Officer == "" {
		return nil
	}
	return &OfficerView{TaxCode: c.Officer}
}

// Responsible says to an applicant who answers for the case, once the office has it in charge.
func (c Case) Responsible() *OfficerView {
	service, err := catalogue.Find(c.Chamber, c.Service)
	if err != nil || c.Officer == "" {
		return nil
	}
	return &OfficerView{Name: service.Office.Responsible.Name}
}

// OutcomeView is what was decided.
type OutcomeView struct {
	Kind        string     `json:"kind"`
	Label       string     `json:"label"`
	Text        string     `json:"text,omitempty"`
	At          time.Time  `json:"at"`
	DeliveredAt *time.Time `json:"deliveredAt,omitempty"`
	Document    string     `json:"document,omitempty"`
}

// DocumentView is a document that can be downloaded.
type DocumentView struct {
	ID        string        `json:"id"`
	Kind      string        `json:"kind"`
	Name      string        `json:"name"`
	MediaType string        `json:"mediaType"`
	Size      int64         `json:"size"`
	SHA256    string        `json:"sha256"`
	At        time.Time     `json:"at"`
	Protocol  *ProtocolView `json:"protocol,omitempty"`

	Signature *SignatureView `json:"signature,omitempty"` // of the act that decided
}

// RequestView is an integration request.
type RequestView struct {
	ID       string    `json:"id"`
	Kind     string    `json:"kind"`
	Text     string    `json:"text"`
	At       time.Time `json:"at"`
	Due      string    `json:"due"`
	Answered bool      `json:"answered"`
	Lapsed   bool      `json:"lapsed,omitempty"`
}

// MailView is a certified message about the case: what it was for and how far it came.
type MailView struct {
	ID        string    `json:"id"`
	Kind      string    `json:"kind"`
	State     string    `json:"state"`
	At        time.Time `json:"at"`
	MessageID string    `json:"messageId,omitempty"`
}

// SurveyView tells whether the case was rated. The token travels in the outcome message; only who receives none finds it here.
type SurveyView struct {
	Token string `json:"token,omitempty"`
	Rated bool   `json:"rated"`
}

// Show reads everything there is to see of a case, but who has it: InCharge or Responsible, by who is looking.
func (c Case) Show(ctx context.Context, t table.Table) (View, error) {
	// From the answers to the requests, by sort key: the story and who looked come after, and grow without end.
	items, err := table.All(ctx, t, table.Query{PK: layout.Application(c.ID), From: layout.Answers(c.ID).SK, To: layout.RequestPrefix + "~"})
	if err != nil {
		return View{}, err
	}
	v := c.brief()
	if v.Payment, err = c.paid(ctx, t); err != nil {
		return View{}, err
	}
	for _, item := range items {
		if err := v.add(item, c.ID); err != nil {
			return View{}, err
		}
	}
	if c.State != application.Draft {
		receipt := ReceiptOf(c.Application, Form(v.files))
		v.Receipt = &receipt
	}
	sort.SliceStable(v.Documents, func(a, b int) bool { return v.Documents[a].At.Before(v.Documents[b].At) })
	return v, nil
}

// brief is the view of META alone.
func (c Case) brief() View {
	v := View{
		ID: c.ID, Chamber: c.Chamber, Service: c.Service, State: string(c.State), Version: c.Item.Version,
		Profile: ProfileView{Kind: c.Owner.Kind, TaxCode: c.Owner.TaxCode, Name: c.Owner.Name},
		Answers: json.RawMessage("{}"), Attachments: []AttachmentView{}, Documents: []DocumentView{},
		Requests: []RequestView{}, Mail: []MailView{},
		CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt, Protocol: c.Protocol, Evidence: c.Protocol != nil,
	}
	if c.Filer.TaxCode != c.Owner.TaxCode {
		v.Filer = &ProfileView{Kind: c.Filer.Kind, TaxCode: c.Filer.TaxCode, Name: c.Filer.Name}
	}
	if c.State == application.Draft {
		expires := c.CreatedAt.Add(DraftLife)
		v.ExpiresAt = &expires
		return v
	}
	presented := c.PresentedAt()
	v.PresentedAt = &presented
	v.Outcome = c.outcome()
	if c.Unbought() {
		return v // no office owes an answer
	}
	v.Deadline = &DeadlineView{
		Due: Due(c.Application).String(), Suspended: c.State == application.AwaitingIntegration, Expired: c.TermExpired != nil,
	}
	if c.Outcome != nil && c.Outcome.Kind != application.Withdrawal {
		v.Survey = &SurveyView{Token: c.Application.Survey, Rated: c.Rated}
	}
	return v
}

func (c Case) outcome() *OutcomeView {
	if c.Outcome == nil {
		return nil
	}
	o := &OutcomeView{
		Kind: c.Outcome.Kind, Label: "Ritirata", At: c.Outcome.At,
		DeliveredAt: c.Outcome.DeliveredAt, Document: c.Outcome.Document,
	}
	if service, err := catalogue.Find(c.Chamber, c.Service); err == nil {
		if known, ok := service.Outcome(c.Outcome.Kind); ok {
			o.Label = known.Title
		}
	}
	return o
}

// add shows one more row of the case.
func (v *View) add(item table.Item, id string) error {
	switch sk := item.SK; {
	case item.Key == layout.Answers(id):
		return show(item, func(a application.Answers) { v.Answers = a.Values })
	case has(sk, layout.AttachmentPrefix):
		return show(item, v.attachment)
	case has(sk, layout.DocumentPrefix):
		return show(item, v.document)
	case has(sk, layout.RequestPrefix):
		return show(item, v.request)
	case has(sk, layout.MailPrefix):
		return show(item, v.mail)
	}
	return nil
}

func has(sk, prefix string) bool { return len(sk) > len(prefix) && sk[:len(prefix)] == prefix }

func show[T any](item table.Item, into func(T)) error {
	row, err := table.Decode[T](item, application.Schema)
	if err == nil {
		into(row)
	}
	return err
}

func (v *View) attachment(a application.Attachment) {
	v.files = append(v.files, a)
	if a.Field == application.OfficeFile || a.Field == application.ReplyFile && a.Used == "" {
		return // the office's are shown as documents, once they are filed; those of a reply once it is given
	}
	state := "pending"
	if a.Complete {
		state = "complete"
	}
	v.Attachments = append(v.Attachments, AttachmentView{a.ID, a.Field, a.Name, a.Size, a.SHA256, a.MediaType, state, SignatureOf(a.Signature)})
}

func (v *View) document(d application.Document) {
	shown := DocumentView{d.ID, d.Kind, d.Name, d.MediaType, d.Size, d.SHA256, d.At, d.Protocol, nil}
	for _, f := range v.files { // the rows of files come before those of documents
		if f.Field == application.OfficeFile && f.Used == d.ID {
			shown.Signature = SignatureOf(f.Signature)
		}
	}
	v.Documents = append(v.Documents, shown)
	if v.Outcome != nil && d.ID == v.Outcome.Document {
		v.Outcome.Text = d.Text
	}
}

func (v *View) request(r application.Request) {
	v.Requests = append(v.Requests, RequestView{r.ID, "integration", r.Text, r.At, r.Due, r.Answered != "", r.Lapsed})
}

// mailRow is what the view needs of a certified message; the row itself belongs to package correspondence.
type mailRow struct {
	ID        string    `json:"id"`
	Kind      string    `json:"kind"`
	State     pec.State `json:"state"`
	CreatedAt time.Time `json:"createdAt"`
	MessageID string    `json:"messageId"`
}

func (v *View) mail(m mailRow) {
	v.Mail = append(v.Mail, MailView{m.ID, m.Kind, string(m.State), m.CreatedAt, m.MessageID})
}

// Summary is a case in a list.
type Summary struct {
	ID          string        `json:"id"`
	Chamber     string        `json:"chamber"`
	Service     string        `json:"service"`
	Profile     ProfileView   `json:"profile"`
	State       string        `json:"state"`
	CreatedAt   time.Time     `json:"createdAt"`
	UpdatedAt   time.Time     `json:"updatedAt"`
	ExpiresAt   *time.Time    `json:"expiresAt,omitempty"` // of a draft
	PresentedAt *time.Time    `json:"presentedAt,omitempty"`
	Protocol    *ProtocolView `json:"protocol,omitempty"`
	ToPay       *ToPayView    `json:"toPay,omitempty"`
	Deadline    *DeadlineView `json:"deadline,omitempty"`
	Officer     *OfficerView  `json:"officer,omitempty"`
}

// ToPayView is what a case waits for: how much, and the last day.
type ToPayView struct {
	Amount int    `json:"amount"` // cents
	Due    string `json:"due"`
}

func (c Case) toPay() *ToPayView {
	if c.State != application.AwaitingPayment || c.Fee == nil {
		return nil
	}
	return &ToPayView{c.Fee.Cents, c.Fee.Due}
}

// Summary is the case as a line of a list; officer is InCharge or Responsible, by who is looking.
func (c Case) Summary(officer *OfficerView) Summary {
	v := c.brief()
	return Summary{
		v.ID, v.Chamber, v.Service, v.Profile, v.State, v.CreatedAt, v.UpdatedAt, v.ExpiresAt, v.PresentedAt, v.Protocol, c.toPay(), v.Deadline, officer,
	}
}

// Of decodes a META item that came with others, such as an index page.
func Of(item table.Item) (Case, error) {
	a, err := table.Decode[application.Application](item, application.Schema)
	return Case{a, item}, err
}
