package keeping

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"sportello/shared/domain/application"
	"sportello/shared/domain/catalogue"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/preservation"
	"sportello/shared/domain/register"
	"sportello/shared/domain/signature"
	"sportello/shared/flow/casefile"
	"sportello/shared/flow/correspondence"
)

// collecting gathers what belongs to a case.
type collecting struct {
	*Desk
	ctx     context.Context
	c       casefile.Case
	service catalogue.Service
	files   []application.Attachment
	list    []preservation.Document
}

// collect gathers everything that a case's package holds.
func (d *Desk) collect(ctx context.Context, c casefile.Case) (preservation.Case, error) {
	service, err := catalogue.Find(c.Chamber, c.Service)
	if err != nil {
		return preservation.Case{}, err
	}
	files, err := casefile.Rows[application.Attachment](ctx, d.Table, c.ID, layout.AttachmentPrefix)
	if err != nil {
		return preservation.Case{}, err
	}
	g := &collecting{Desk: d, ctx: ctx, c: c, service: service, files: files}
	for _, gather := range []func() error{g.documents, g.attachments, g.mail, g.story} {
		if err := gather(); err != nil {
			return preservation.Case{}, err
		}
	}
	chamber := service.Chamber
	for n := range g.list {
		g.list[n].Reserved = c.Reserved
	}
	return preservation.Case{
		ID: "pdv-" + c.ID, Application: c.ID, Service: service.Title, Subject: service.Title,
		Producer: preservation.Administration{
			Name: chamber.Name, TaxCode: chamber.TaxCode, IPA: chamber.IPA, AOO: chamber.AOO, Office: service.Office.Name, PEC: chamber.PEC,
		},
		Classification: preservation.Classification{Index: service.Classification.Code, Description: service.Classification.Title},
		OpenedAt:       c.PresentedAt(), ClosedAt: c.UpdatedAt,
		Applicant: applicant(c.Application),
		// By name or by post, as the receipt named them (L. 241/1990 art. 8 c.2).
		Responsible:    &preservation.Subject{Name: service.Office.Responsible.Name},
		RetentionYears: Retention, Documents: g.list,
	}, nil
}

// Retention is how many years a complaint is kept. The chambers' disposal plan (massimario di scarto, Unioncamere) rules; until it is
// configured per service nothing is disposed of.
const Retention = preservation.Forever

func applicant(a application.Application) preservation.Subject {
	s := preservation.Subject{
		Company: a.Owner.Kind == application.Company, Name: a.Owner.Name, TaxCode: correspondence.PartyOf(a.Owner).TaxCode, Address: served(a.Domicile),
	}
	if given := a.Owner.Given(); given != "" && !s.Company {
		s.Given, s.Family = given, a.Owner.Family
	}
	return s
}

func served(domicile string) string {
	if domicile == application.PortalOnly {
		return ""
	}
	return domicile
}

func (g *collecting) stamp(p *application.Protocol) *register.Stamp {
	if p == nil {
		return nil
	}
	book := correspondence.Book(g.service.Chamber)
	return &register.Stamp{Administration: book.Administration, AOO: book.AOO, Code: book.Code, Number: p.Number, Date: p.Date}
}

// stored opens an object of the documents bucket.
func (g *collecting) stored(key string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) {
		object, err := g.Documents.Open(g.ctx, key)
		return object.Body, err
	}
}

// signed tells whether a stored file bears a signature. Verification is another matter: the package does not claim that there is none.
func (g *collecting) signed(mediaType, key string) (bool, error) {
	if mediaType != "application/pdf" && mediaType != "application/pkcs7-mime" {
		return false, nil
	}
	body, err := g.stored(key)()
	if err != nil {
		return false, err
	}
	defer body.Close()
	data, err := io.ReadAll(body)
	return preservation.LooksSigned(mediaType, data), err
}

func held(data []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
}

// kindOf is the package's name for a kind of document, and which way it went.
var kindOf = map[string]struct {
	kind preservation.Kind
	flow preservation.Flow
}{
	application.ApplicationDocument: {preservation.Application, preservation.In},
	application.ReceiptDocument:     {preservation.Receipt, preservation.Internal},
	application.OutcomeDocument:     {preservation.Outcome, preservation.Out},
	application.RequestDocument:     {preservation.IntegrationRequest, preservation.Out},
	application.ReplyDocument:       {preservation.Reply, preservation.In},
	application.WithdrawalDocument:  {preservation.Withdrawal, preservation.In},
	application.MessageDocument:     {preservation.Message, preservation.In},
	application.MailDocument:        {preservation.Mail, preservation.In},
	application.PaymentDocument:     {preservation.PaymentReceipt, preservation.In},
}

func (g *collecting) documents() error {
	documents, err := casefile.Rows[application.Document](g.ctx, g.Table, g.c.ID, layout.DocumentPrefix)
	if err != nil {
		return err
	}
	for _, d := range documents {
		as, ok := kindOf[d.Kind]
		if !ok {
			return fmt.Errorf("packing document of kind %q: unknown", d.Kind)
		}
		signed, err := g.signed(d.MediaType, d.Key)
		if err != nil {
			return err
		}
		packed := preservation.Document{
			ID: d.ID, Kind: as.kind, Name: d.Name, MediaType: d.MediaType, Size: d.Size, SHA256: d.SHA256, At: d.At, Flow: as.flow,
			Protocol: g.stamp(d.Protocol), Signed: signed, Timestamped: timestamped(g.act(d.ID).Signature), Open: g.stored(d.Key),
		}
		if d.Kind == application.ReceiptDocument {
			packed.Signed, packed.Sealed = false, signed // nobody signed it: the sportello sealed it
		}
		if d.Kind == application.PaymentDocument {
			packed.Primary = g.c.Submission.Event // it belongs to what it paid for, and has no number of its own
		}
		g.list = append(g.list, packed)
	}
	return nil
}

// act is the office's file that became a document; of none, one without anything.
func (g *collecting) act(document string) application.Attachment {
	for _, f := range g.files {
		if f.Field == application.OfficeFile && f.Used == document {
			return f
		}
	}
	return application.Attachment{}
}

// timestamped tells whether a trusted timestamp proves when a document was signed.
func timestamped(r *signature.Report) bool {
	return r != nil && slices.ContainsFunc(r.Signers, signature.Signer.Timestamped)
}

// attachments packs the applicant's files: those of the form, and those that a reply filed. The office's are documents once they are filed.
func (g *collecting) attachments() error {
	for _, f := range g.files {
		if !f.Complete || (f.Field == application.OfficeFile || f.Field == application.ReplyFile) && f.Used == "" {
			continue
		}
		if f.Field == application.OfficeFile {
			if err := g.verified(f, f.Used); err != nil {
				return err
			}
			continue
		}
		key := layout.DocumentKey(g.c.ID, f.SHA256)
		signed, err := g.signed(f.MediaType, key)
		if err != nil {
			return err
		}
		d := preservation.Document{
			ID: f.ID, Kind: preservation.Attachment, Name: f.Name, MediaType: f.MediaType, Size: f.Size, SHA256: f.SHA256, At: f.CreatedAt,
			Flow: preservation.In, Signed: signed, Timestamped: timestamped(f.Signature), Open: g.stored(key),
		}
		d.Primary, d.Protocol = g.c.Submission.Event, g.stamp(g.c.Protocol)
		if f.Field == application.ReplyFile {
			d.Primary, d.Protocol = f.Used, g.number(f.Used)
		}
		g.list = append(g.list, d)
		if err := g.verified(f, f.ID); err != nil {
			return err
		}
	}
	return nil
}

// verified packs beside a signed document what was found of its signatures: years from now the services that told of its certificate are silent.
func (g *collecting) verified(f application.Attachment, document string) error {
	if f.Signature == nil {
		return nil
	}
	data, err := json.MarshalIndent(f.Signature, "", "  ")
	if err != nil {
		return err
	}
	sum := sha256.Sum256(data)
	g.list = append(g.list, preservation.Document{
		ID: f.ID + "-v", Kind: preservation.Verification, Name: "verifica-firma.json", MediaType: "application/json", Size: int64(len(data)),
		SHA256: hex.EncodeToString(sum[:]), At: f.Signature.CheckedAt, Flow: preservation.Internal, Primary: document, Open: held(data),
	})
	return nil
}

// number is the segnatura of a document that was gathered before.
func (g *collecting) number(id string) *register.Stamp {
	for _, d := range g.list {
		if d.ID == id {
			return d.Protocol
		}
	}
	return nil
}

// mail packs the certified messages as they went out, and their receipts as they came.
func (g *collecting) mail() error {
	mails, err := casefile.Rows[correspondence.Mail](g.ctx, g.Table, g.c.ID, layout.MailPrefix)
	if err != nil {
		return err
	}
	for _, m := range mails {
		if m.SentAt == nil {
			continue // never left: the story tells why
		}
		if err := g.archived(m.ID, layout.MailObject(g.c.ID, m.ID), preservation.Mail, preservation.Out, m, ""); err != nil {
			return err
		}
		for n, p := range m.Proofs {
			data, err := g.Archive.Get(g.ctx, p.Key)
			if err != nil {
				return err
			}
			g.list = append(g.list, preservation.Document{
				ID: fmt.Sprintf("%s-%d", m.ID, n+1), Kind: preservation.MailReceipt, Name: string(p.Kind) + ".eml", MediaType: "message/rfc822",
				Size: p.Size, SHA256: p.SHA256, At: p.At, Flow: preservation.In, Primary: m.ID, Open: held(data),
			})
		}
	}
	return nil
}

func (g *collecting) archived(id, key string, kind preservation.Kind, flow preservation.Flow, m correspondence.Mail, primary string) error {
	data, err := g.Archive.Get(g.ctx, key)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(data)
	g.list = append(g.list, preservation.Document{
		ID: id, Kind: kind, Name: m.Kind + ".eml", MediaType: "message/rfc822", Size: int64(len(data)), SHA256: hex.EncodeToString(sum[:]),
		At: m.CreatedAt, Flow: flow, Protocol: g.stamp(m.Protocol), Primary: primary, Open: held(data),
	})
	return nil
}

// story packs the timeline.
func (g *collecting) story() error {
	lines, err := casefile.Rows[application.Line](g.ctx, g.Table, g.c.ID, layout.TimelinePrefix)
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(lines, "", "  ")
	if err != nil {
		return err
	}
	sum := sha256.Sum256(data)
	g.list = append(g.list, preservation.Document{
		ID: "story", Kind: preservation.Story, Name: "cronologia.json", MediaType: "application/json", Size: int64(len(data)),
		SHA256: hex.EncodeToString(sum[:]), At: g.c.UpdatedAt, Flow: preservation.Internal, Open: held(data),
	})
	return nil
}
