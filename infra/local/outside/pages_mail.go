package outside

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset" // receipts are in Latin 1

	"sportello/infra/local/outside/mailbox"
	"sportello/infra/local/outside/page"
	"sportello/infra/local/outside/pec"
	"sportello/infra/local/outside/people"
)

func (w *World) showMailboxes(rw http.ResponseWriter, r *http.Request) {
	type row struct {
		Address string
		mailbox.Status
	}
	var rows []row
	for _, a := range w.mailboxes.Addresses() {
		box, err := w.mailboxes.Box(a)
		if err != nil {
			w.trouble(rw, http.StatusInternalServerError, err)
			return
		}
		rows = append(rows, row{a, box.Status()})
	}
	mailboxesPage.Write(rw, http.StatusOK, w.view(r, "Caselle", "caselle", rows))
}

// box is the mailbox of the address in the path; false after it answered that there is none.
func (w *World) box(rw http.ResponseWriter, r *http.Request) (*mailbox.Mailbox, bool) {
	address := mailbox.Normal(r.PathValue("address"))
	if !slices.Contains(w.mailboxes.Addresses(), address) {
		http.NotFound(rw, r)
		return nil, false
	}
	box, err := w.mailboxes.Box(address)
	if err != nil {
		w.trouble(rw, http.StatusInternalServerError, err)
		return nil, false
	}
	return box, true
}

func (w *World) showMailbox(rw http.ResponseWriter, r *http.Request) {
	box, ok := w.box(rw, r)
	if !ok {
		return
	}
	type row struct {
		UID           uint32
		Date          time.Time
		Subject, From string
	}
	var metas []mailbox.Message
	box.Walk(func(_ uint32, m mailbox.Message) { metas = append(metas, m) })
	slices.Reverse(metas)
	total := len(metas)
	if total > listed {
		metas = metas[:listed]
	}
	var rows []row
	for _, m := range metas {
		line := row{UID: m.UID, Date: m.Date, Subject: "(illeggibile)"}
		if raw, err := box.Read(m.UID); err == nil {
			if h, err := pec.Header(raw); err == nil {
				line.Subject, line.From = pec.Decoded(h.Get("Subject")), pec.Decoded(h.Get("From"))
			}
		}
		rows = append(rows, line)
	}
	mailboxPage.Write(rw, http.StatusOK, w.view(r, "Casella "+box.Address, "caselle", map[string]any{
		"Address": box.Address, "Rows": rows, "Total": total,
	}))
}

// mail is the message of the path; false after it answered that there is none.
func (w *World) mail(rw http.ResponseWriter, r *http.Request) (string, []byte, bool) {
	box, ok := w.box(rw, r)
	if !ok {
		return "", nil, false
	}
	uid, err := strconv.ParseUint(r.PathValue("uid"), 10, 32)
	if err != nil {
		http.NotFound(rw, r)
		return "", nil, false
	}
	raw, err := box.Read(uint32(uid))
	if err != nil {
		http.NotFound(rw, r)
		return "", nil, false
	}
	return box.Address, raw, true
}

func (w *World) showMail(rw http.ResponseWriter, r *http.Request) {
	address, raw, ok := w.mail(rw, r)
	if !ok {
		return
	}
	m := readMail(raw)
	readPage.Write(rw, http.StatusOK, w.view(r, m.Subject, "caselle", map[string]any{
		"Address": address, "UID": r.PathValue("uid"), "Mail": m, "Reply": reply(address, m),
	}))
}

func (w *World) downloadMail(rw http.ResponseWriter, r *http.Request) {
	_, raw, ok := w.mail(rw, r)
	if !ok {
		return
	}
	rw.Header().Set("Content-Type", "message/rfc822")
	rw.Header().Set("Content-Disposition", `attachment; filename="message.eml"`)
	_, _ = rw.Write(raw) // the peer has gone: nothing to do about it
}

// reply is the address of the form that answers a message.
func reply(address string, m mailView) string {
	subject := strings.TrimPrefix(m.Subject, "POSTA CERTIFICATA: ")
	if !strings.HasPrefix(strings.ToLower(subject), "re:") {
		subject = "Re: " + subject
	}
	q := url.Values{"from": {address}, "to": {m.ReplyTo}, "subject": {subject}, "inReplyTo": {m.MessageID}}
	return "/scrivi?" + q.Encode()
}

// mailView is a message for a page.
type mailView struct {
	Subject, From, To, Date, MessageID, ReplyTo string
	Transport, Receipt, Reference               string
	Texts                                       []string
	Files                                       []fileView
}

type fileView struct {
	Name, Type string
	Size       int
}

// readMail takes a message apart; what does not parse is left out.
func readMail(raw []byte) mailView {
	v := mailView{Subject: "(senza oggetto)"}
	h, err := pec.Header(raw)
	if err != nil {
		return v
	}
	if s := pec.Decoded(h.Get("Subject")); s != "" {
		v.Subject = s
	}
	v.From, v.To, v.Date, v.MessageID = pec.Decoded(h.Get("From")), pec.Decoded(h.Get("To")), h.Get("Date"), h.Get("Message-Id")
	v.Transport, v.Receipt, v.Reference = h.Get("X-Trasporto"), h.Get("X-Ricevuta"), h.Get("X-Riferimento-Message-Id")
	for _, field := range []string{"From", "Reply-To"} {
		if list, err := h.AddressList(field); err == nil && len(list) > 0 {
			v.ReplyTo = list[0].Address
		}
	}
	if e, _ := message.Read(bytes.NewReader(raw)); e != nil {
		v.collect(e, 0)
	}
	return v
}

const deepest = 8 // nested parts shown

func (v *mailView) collect(e *message.Entity, depth int) {
	kind, params, _ := e.Header.ContentType()
	if parts := e.MultipartReader(); parts != nil && depth < deepest {
		for {
			p, err := parts.NextPart()
			if p == nil || err == io.EOF {
				return
			}
			v.collect(p, depth+1)
		}
	}
	body, err := io.ReadAll(e.Body)
	if err != nil {
		return
	}
	_, disposition, _ := e.Header.ContentDisposition()
	name := disposition["filename"]
	if name == "" {
		name = params["name"]
	}
	switch {
	case kind == "message/rfc822" && depth < deepest:
		v.Files = append(v.Files, fileView{name, kind, len(body)})
		inner := readMail(body)
		v.Texts = append(v.Texts, inner.Texts...)
		for _, f := range inner.Files {
			v.Files = append(v.Files, fileView{name + " › " + f.Name, f.Type, f.Size})
		}
	case kind == "text/plain" && name == "":
		v.Texts = append(v.Texts, string(body))
	case kind == "text/html" && name == "":
	default:
		v.Files = append(v.Files, fileView{name, kind, len(body)})
	}
}

func (w *World) showLetter(rw http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	letterPage.Write(rw, http.StatusOK, w.view(r, "Invia una PEC", "scrivi", letterForm(Letter{
		From: q.Get("from"), To: q.Get("to"), Subject: q.Get("subject"), InReplyTo: q.Get("inReplyTo"),
	})))
}

func letterForm(l Letter) map[string]any {
	var senders, chambers []string
	for _, p := range people.Persons() {
		if p.Domicile != "" {
			senders = append(senders, p.Domicile)
		}
	}
	for _, c := range people.Companies() {
		if c.PEC != "" {
			senders = append(senders, c.PEC)
		}
	}
	for _, c := range people.Chambers() {
		chambers = append(chambers, "protocollo@"+c+"."+PECDomain)
	}
	if l.From == "" {
		l.From = senders[0]
	}
	return map[string]any{"Letter": l, "Senders": senders, "Chambers": chambers}
}

const maxAttachment = 20 << 20

func (w *World) formLetter(rw http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(rw, r.Body, maxAttachment+1<<20)
	certified := r.FormValue("certified") != "no"
	l := Letter{
		From: r.FormValue("from"), To: r.FormValue("to"), Subject: r.FormValue("subject"), Text: r.FormValue("text"),
		InReplyTo: r.FormValue("inReplyTo"), Certified: &certified,
	}
	file, err := uploaded(r)
	if err == nil && file != nil {
		l.Attachments = append(l.Attachments, *file)
	}
	var m pec.Message
	if err == nil {
		m, err = w.post(l)
	}
	if err != nil {
		letterPage.Write(rw, http.StatusBadRequest, page.View{Title: "Invia una PEC", Section: "scrivi", Error: err.Error(), Data: letterForm(l)})
		return
	}
	back(rw, r, "/pec/"+m.ID, "inviata")
}

// uploaded is the file of the form, nil when none was chosen.
func uploaded(r *http.Request) (*Upload, error) {
	f, head, err := r.FormFile("attachment")
	if err == http.ErrMissingFile || err == http.ErrNotMultipart {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("allegato illeggibile: %w", err)
	}
	defer f.Close()
	raw, err := io.ReadAll(f)
	if err != nil {
		return nil, fmt.Errorf("allegato illeggibile: %w", err)
	}
	return &Upload{Name: head.Filename, MediaType: head.Header.Get("Content-Type"), Content: raw}, nil
}
