package inbox_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/shared/domain/application"
	"sportello/shared/domain/catalogue"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/pec"
	"sportello/shared/flow/correspondence"
	"sportello/shared/flow/flowtest"
	"sportello/shared/flow/inbox"
	"sportello/shared/flow/problems"
	"sportello/shared/platform/table"
)

var ctx = context.Background()

// sent is a case whose letters were taken by the provider, without any receipt yet.
func sent(t *testing.T) (*flowtest.World, string, correspondence.Mail) {
	t.Helper()
	w := flowtest.New(t)
	w.Mail.Silent = true
	id := w.Registered()
	return w, id, w.Letter(id, correspondence.Acknowledgement)
}

// Receipts in any order, twice, read by two readers: the state is what their own instants say.
func TestReceipts(t *testing.T) {
	const a, d, n, l, x = pec.Accepted, pec.Delivered, pec.NotDelivered, pec.Delayed, pec.NotAccepted
	for name, c := range map[string]struct {
		order   []pec.Kind
		want    pec.State
		problem []problems.Kind
	}{
		"in order":             {[]pec.Kind{a, d}, pec.StateDelivered, nil},
		"delivery first":       {[]pec.Kind{d, a}, pec.StateDelivered, nil},
		"acceptance only":      {[]pec.Kind{a}, pec.StateAccepted, nil},
		"late":                 {[]pec.Kind{a, l, d}, pec.StateDelivered, nil},
		"not delivered":        {[]pec.Kind{a, l, n}, pec.StateFailed, []problems.Kind{problems.MailFailed}},
		"refused":              {[]pec.Kind{x}, pec.StateFailed, []problems.Kind{problems.MailFailed}},
		"failed, then in":      {[]pec.Kind{a, n, d}, pec.StateDelivered, nil},
		"failed and in, mixed": {[]pec.Kind{d, n, a}, pec.StateDelivered, nil},
	} {
		for _, again := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, again %v", name, again), func(t *testing.T) {
				w, id, mail := sent(t)
				for _, kind := range c.order {
					w.Mail.Receipt(flowtest.Chamber, mail.MessageID, mail.Address, kind)
					w.Settle()
				}
				if again {
					w.Mail.Rebuild(flowtest.Chamber)
					if _, err := w.Inbox.Read(ctx, w.TheChamber()); err != nil {
						t.Fatal(err)
					}
				}
				got := w.Letter(id, correspondence.Acknowledgement)
				if got.State != c.want || len(got.Receipts) != len(c.order) || len(got.Proofs) != len(c.order) {
					t.Errorf("state %s with %d receipts and %d proofs, want %s with %d", got.State, len(got.Receipts), len(got.Proofs), c.want, len(c.order))
				}
				if kinds := w.Kinds(); !slices.Equal(kinds, append([]problems.Kind{}, c.problem...)) {
					t.Errorf("problems %v, want %v", kinds, c.problem)
				}
				for _, event := range []application.Event{application.MailDelivered, application.MailFailed} {
					if n := w.Told(id, event); n > 1 {
						t.Errorf("%s is told %d times", event, n)
					}
				}
				w.Check()
			})
		}
	}
}

// What does not certify a message of ours moves nothing; the office sees it and it has a number.
func TestNotOurReceipt(t *testing.T) {
	for name, spoil := range map[string]func(r *pec.Receipt, m *inbox.Message){
		"another sender's":   func(r *pec.Receipt, _ *inbox.Message) { r.Sender = "altri@pec.example.it" },
		"another chamber's":  func(r *pec.Receipt, _ *inbox.Message) { r.Sender = "protocollo@bergamo.pec.example.it" },
		"a message unknown":  func(r *pec.Receipt, _ *inbox.Message) { r.MessageRef = "aaaaaaaa.bbbbbbbb@" + flowtest.MailDomain },
		"another form of id": func(r *pec.Receipt, _ *inbox.Message) { r.MessageRef = "1234@altrove.example" },
		"forged": func(_ *pec.Receipt, m *inbox.Message) {
			m.Class, m.Receipt, m.Reason = pec.ClassUntrusted, nil, "signature of nobody: internal detail"
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, id, mail := sent(t)
			r := pec.Receipt{
				Kind: pec.Delivered, Sender: w.TheChamber().PEC, Ident: "opec-x", At: w.Now(), MessageRef: pec.Bare(mail.MessageID), Recipient: mail.Address,
			}
			m := inbox.Message{Class: pec.ClassReceipt, Receipt: &r, Subject: "CONSEGNA", From: "posta@pec.example.it", At: w.Now()}
			spoil(&r, &m)
			w.Mail.Arrive(flowtest.Chamber, m)
			w.Settle()
			if got := w.Letter(id, correspondence.Acknowledgement); got.State != pec.StateAccepted || len(got.Receipts) != 0 {
				t.Errorf("it moved the message to %s", got.State)
			}
			open := w.Problems()
			if len(open) != 1 || open[0].Kind != problems.MailUnmatched && open[0].Kind != problems.MailUntrusted {
				t.Fatalf("problems %+v", open)
			}
			if strings.Contains(open[0].Text, "internal") {
				t.Errorf("the problem tells internals: %s", open[0].Text)
			}
			w.Check()
		})
	}
	// A receipt that lies in another chamber's mailbox is not about this chamber's message.
	w, id, mail := sent(t)
	other, _ := catalogue.ChamberByID(flowtest.Other)
	r := pec.Receipt{Kind: pec.Delivered, Sender: w.TheChamber().PEC, Ident: "x", At: w.Now(), MessageRef: pec.Bare(mail.MessageID), Recipient: mail.Address}
	w.Mail.Arrive(flowtest.Other, inbox.Message{Class: pec.ClassReceipt, Receipt: &r, At: w.Now()})
	if _, err := w.Inbox.Read(ctx, other); err != nil {
		t.Fatal(err)
	}
	if got := w.Letter(id, correspondence.Acknowledgement); len(got.Receipts) != 0 {
		t.Error("another chamber's mailbox moved the message")
	}
}

// What comes back goes to the recipient's next certified address, as a message of its own, once; only when there is no other does somebody have
// a problem.
func TestNextAddress(t *testing.T) {
	const elected, studio = "altra@pec.example.it", "studio@pec.example.it"
	for name, c := range map[string]struct {
		closed  []string
		tried   []string // the addresses written to, in order
		problem []problems.Kind
	}{
		"all open":          {nil, []string{elected}, nil},
		"the elected":       {[]string{elected}, []string{elected, flowtest.Address}, nil},
		"the first two":     {[]string{elected, flowtest.Address}, []string{elected, flowtest.Address, studio}, nil},
		"whatever there is": {[]string{elected, flowtest.Address, studio}, []string{elected, flowtest.Address, studio}, []problems.Kind{problems.MailFailed}},
	} {
		t.Run(name, func(t *testing.T) {
			w := flowtest.New(t)
			w.Registers.Others = map[string][]string{flowtest.Giulia: {studio}}
			id := w.InProgress("domicile", "elected", "pec", elected)
			w.Mail.Closed, w.Mail.Taken = c.closed, nil
			w.Decide(id)
			w.Settle()
			w.Mail.Rebuild(flowtest.Chamber) // all receipts come once more
			w.Settle()
			w.Rest()
			var tried []string
			for _, m := range w.Mail.Taken {
				if m.To != w.Letter(id, correspondence.OfficeNotice).Address {
					tried = append(tried, m.To)
				}
			}
			if !slices.Equal(tried, c.tried) {
				t.Errorf("written to %v, want %v", tried, c.tried)
			}
			if got := w.Kinds(); !slices.Equal(got, append([]problems.Kind{}, c.problem...)) {
				t.Fatalf("problems %v", got)
			}
			if delivered := w.Meta(id).Outcome.DeliveredAt != nil; delivered != (len(c.problem) == 0) {
				t.Errorf("the outcome is delivered: %v", delivered)
			}
			w.Check()
			if len(c.problem) > 0 {
				if err := w.Office.RetryProblem(ctx, w.Officer(), w.Problems()[0].ID); err != nil {
					t.Fatal(err)
				}
			}
			w.Pass(32 * 24 * time.Hour)
			w.Rest()
			w.State(id, application.Preserved)
			w.Check()
		})
	}
}

// The receipts of one letter in any order, some of them long after, and commits that fail: one further message at most, and the outcome is told
// as delivered once.
func TestNextAddressOnce(t *testing.T) {
	const n, d, x = pec.NotDelivered, pec.Delivered, pec.NotAccepted
	for _, order := range [][]pec.Kind{{n, n, d}, {d, n}, {n, d, n}, {x, n}, {n, x, d}} {
		commits := moved(t, order, 0, 0)
		for at := 1; at <= commits; at++ {
			for _, fault := range flowtest.Faults {
				moved(t, order, at, fault)
			}
		}
	}
}

// moved lets receipts of an outcome arrive, one commit after the first going wrong, and returns how many commits there were.
func moved(t *testing.T, order []pec.Kind, at int, fault flowtest.Fault) int {
	t.Helper()
	w := flowtest.New(t)
	w.Registers.Others = map[string][]string{flowtest.Giulia: {"studio@pec.example.it"}}
	id := w.InProgress()
	w.Mail.Silent = true
	w.Decide(id)
	w.Settle()
	w.Rest()
	w.Mail.Silent = false
	mail := w.Letter(id, correspondence.OutcomeLetter)
	before := w.Applications.Commits
	w.Applications.FailAt(before+at, fault)
	for _, kind := range order {
		w.Mail.Receipt(flowtest.Chamber, mail.MessageID, mail.Address, kind)
		w.Settle()
		w.Rest()
	}
	outcomes, want := 0, 2
	if order[0] == pec.Delivered {
		want = 1
	}
	for _, m := range w.Mails(id) {
		if m.Kind == correspondence.OutcomeLetter {
			outcomes++
		}
	}
	if told := w.Told(id, application.OutcomeDelivered); outcomes != want || told != 1 || len(w.Problems()) != 0 {
		t.Errorf("%v, %s at %d: %d messages, told %d times, problems %v", order, fault, at, outcomes, told, w.Kinds())
	}
	w.Check()
	return w.Applications.Commits - before
}

// A virus would go along to every address, and the office's own has no other: there the problem comes at once.
func TestNoNextAddress(t *testing.T) {
	w := flowtest.New(t)
	w.Mail.Silent = true
	id := w.Registered()
	for _, kind := range []string{correspondence.Acknowledgement, correspondence.OfficeNotice} {
		mail := w.Letter(id, kind)
		r := pec.Receipt{
			Kind: pec.NotDelivered, Sender: w.TheChamber().PEC, Ident: "opec-" + kind, At: w.Now(), MessageRef: pec.Bare(mail.MessageID),
			Recipient: mail.Address, Failure: pec.HasVirus,
		}
		if kind == correspondence.OfficeNotice {
			r.Failure = pec.NoRecipient
		}
		w.Mail.Arrive(flowtest.Chamber, inbox.Message{Class: pec.ClassReceipt, Receipt: &r, At: r.At})
	}
	w.Settle()
	if got := w.Kinds(); len(w.Mails(id)) != 2 || !slices.Equal(got, []problems.Kind{problems.MailFailed, problems.MailFailed}) {
		t.Errorf("%d messages, problems %v", len(w.Mails(id)), got)
	}
	w.Check()
}

// The outcome is effective from the instant of its delivery, told once.
func TestOutcomeDelivered(t *testing.T) {
	w := flowtest.New(t)
	id := w.InProgress()
	w.Mail.Silent = true
	w.Decide(id)
	w.Settle()
	mail := w.Letter(id, correspondence.OutcomeLetter)
	at := w.Now()
	w.Mail.Receipt(flowtest.Chamber, mail.MessageID, mail.Address, pec.Delivered)
	w.Pass(2 * 24 * time.Hour) // and read two days later
	w.Settle()
	if o := w.Meta(id).Outcome; o.DeliveredAt == nil || !o.DeliveredAt.Equal(at.Truncate(time.Second)) {
		t.Errorf("delivered at %v, want %s", o.DeliveredAt, at)
	}
	w.Mail.Receipt(flowtest.Chamber, mail.MessageID, mail.Address, pec.Accepted)
	w.Settle()
	if n := w.Told(id, application.OutcomeDelivered); n != 1 {
		t.Errorf("told %d times", n)
	}
}

// letterFrom is a certified message of somebody's.
func letterFrom(from, subject string, w *flowtest.World) inbox.Message {
	return inbox.Message{Class: pec.ClassCertified, From: from, Subject: subject, Text: "Ecco quanto richiesto.", Ident: fmt.Sprintf("opec-in-%d", w.Now().UnixMilli()), At: w.Now()}
}

// A message is matched by what it answers or by the case it names; from the owner's own address it answers the request and moves the clock.
func TestIncoming(t *testing.T) {
	for name, c := range map[string]struct {
		from    string
		subject func(id string) string
		reply   bool
		answers bool
		matched bool
	}{
		"own address, answering":   {flowtest.Address, nil, true, true, true},
		"own address, in capitals": {strings.ToUpper(flowtest.Address), nil, true, true, true},
		"own address, naming":      {flowtest.Address, func(id string) string { return "Pratica " + id + " integrazione" }, false, true, true},
		"another's, answering":     {"altri@pec.example.it", nil, true, false, true},
		"another's, naming":        {"altri@pec.example.it", func(id string) string { return "pratica:" + id }, false, false, true},
		"own address, no case":     {flowtest.Address, nil, false, false, false},
		"the office's address":     {"ufficio.reclami@milano.pec.example.it", nil, true, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := flowtest.New(t)
			id, request := w.Asked(10)
			w.Pass(3 * 24 * time.Hour)
			m := letterFrom(c.from, "Integrazione", w)
			if c.reply {
				m.InReplyTo = []string{"<altro@example.com>", w.Letter(id, correspondence.RequestLetter).MessageID}
			}
			if c.subject != nil {
				m.Subject = c.subject(id)
			}
			w.Mail.Arrive(flowtest.Chamber, m)
			w.Settle()
			want := application.AwaitingIntegration
			if c.answers {
				want = application.InProgress
			}
			w.State(id, want)
			if r := w.Requests(id)[0]; (r.Answered != "") != c.answers || r.ID != request {
				t.Errorf("request %+v", r)
			}
			if c.answers && w.Meta(id).Term.Resumed.String() != "2026-11-26" {
				t.Errorf("resumed on %s", w.Meta(id).Term.Resumed)
			}
			mails := 0
			for _, d := range w.DocumentsOf(id) {
				if d.Kind == application.MailDocument {
					mails++
					if d.Protocol == nil {
						t.Error("it has no number")
					}
				}
			}
			if (mails == 1) != c.matched || (len(w.Problems()) == 0) != c.matched {
				t.Errorf("%d messages in the case, problems %v", mails, w.Kinds())
			}
			w.Check()
		})
	}
}

// What a chamber's mailbox receives does not reach another chamber's case, nor a draft.
func TestNotTheirCase(t *testing.T) {
	w := flowtest.New(t)
	id, draft := w.Registered(), w.Draft()
	other, _ := catalogue.ChamberByID(flowtest.Other)
	w.Mail.Arrive(flowtest.Other, letterFrom(flowtest.Address, "Pratica "+id, w))
	if _, err := w.Inbox.Read(ctx, other); err != nil {
		t.Fatal(err)
	}
	w.Mail.Arrive(flowtest.Chamber, letterFrom(flowtest.Address, "Bozza "+draft, w))
	w.Settle()
	for _, one := range []string{id, draft} {
		if n := w.Told(one, application.MailReceived); n != 0 {
			t.Errorf("a case got %d messages that are not its", n)
		}
	}
}

// The clock is the law's: an answer that the provider certified on the third day resumes the term then, whenever the mailbox was read. One
// that was sent before the question answers nothing.
func TestCertifiedInstant(t *testing.T) {
	w := flowtest.New(t)
	id, _ := w.Asked(10)
	w.Pass(3 * 24 * time.Hour)
	answer := letterFrom(flowtest.Address, "Pratica "+id, w)
	w.Pass(4 * 24 * time.Hour)
	w.Mail.Arrive(flowtest.Chamber, answer)
	w.Settle()
	if got := w.Meta(id); got.State != application.InProgress || got.Term.Resumed.String() != "2026-11-26" || !got.UpdatedAt.Equal(w.Now()) {
		t.Errorf("%s, resumed on %s, updated at %s", got.State, got.Term.Resumed, got.UpdatedAt)
	}

	w = flowtest.New(t)
	id = w.InProgress()
	early := letterFrom(flowtest.Address, "Pratica "+id, w)
	w.Pass(time.Hour)
	w.Ask(id, 10)
	w.Mail.Arrive(flowtest.Chamber, early)
	w.Settle()
	w.State(id, application.AwaitingIntegration)
	if n := w.Told(id, application.MailReceived); n != 1 {
		t.Errorf("told %d times", n)
	}
}

// A message about a case that is over is registered and shown, and somebody is told: nobody looks there any more.
func TestAfterTheEnd(t *testing.T) {
	w := flowtest.New(t)
	id := w.Preserved()
	w.Mail.Arrive(flowtest.Chamber, letterFrom(flowtest.Address, "Pratica "+id, w))
	w.Settle()
	open := w.Problems()
	if len(open) != 1 || open[0].Application != id {
		t.Errorf("problems %+v", open)
	}
	w.State(id, application.Preserved)
	w.Check()
}

// Whatever arrives is archived as it came and the mailbox goes on: unreadable, endless, without sender or subject, too large.
func TestAnythingArrives(t *testing.T) {
	w := flowtest.New(t)
	id := w.Registered()
	w.Mail.Raw(flowtest.Chamber, inbox.Raw{Bytes: []byte("\x00\xff not a message")})
	endless := letterFrom(flowtest.Address, "Pratica "+id, w)
	endless.Text, endless.From = strings.Repeat("parola ", 200_000), strings.Repeat("a", 100_000)+"@pec.example.it"
	endless.MessageID, endless.Subject = strings.Repeat("m", 100_000), endless.Subject+strings.Repeat(" lungo", 100_000)
	w.Mail.Arrive(flowtest.Chamber, endless)
	w.Mail.Arrive(flowtest.Chamber, inbox.Message{Class: pec.ClassOrdinary, Subject: " \n ", At: w.Now()})
	w.Mail.Raw(flowtest.Chamber, inbox.Raw{TooLarge: true})
	last := letterFrom(flowtest.Address, "Pratica "+id, w)
	last.Ident = "opec-last"
	w.Mail.Arrive(flowtest.Chamber, last)
	w.Settle()
	if n := w.Told(id, application.MailReceived); n != 2 {
		t.Errorf("%d messages came to the case", n)
	}
	for _, item := range w.Applications.Snapshot() {
		if len(item.Body) > 64<<10 {
			t.Errorf("%s has %d bytes", item.SK, len(item.Body))
		}
	}
	want := []problems.Kind{problems.MailUnmatched, problems.MailUnmatched, problems.MailUntrusted}
	got := w.Kinds()
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, i := range incoming(w) {
		if i.Protocol == nil && i.Application == "" { // of a case's, the document has it
			t.Errorf("%q has no number", i.Subject)
		}
	}
	if len(w.Outbox()) != 0 {
		t.Errorf("%d still owed", len(w.Outbox()))
	}

	// What was dealt with is not told again when the mailbox is rebuilt or read by a second reader.
	for _, p := range w.Problems() {
		if err := w.Office.RetryProblem(ctx, w.Officer(), p.ID); err != nil {
			t.Fatal(err)
		}
	}
	before := len(w.Entries("milano#2026"))
	w.Pass(inbox.Lease)
	forget(t, w)
	if n, err := w.Inbox.Read(ctx, w.TheChamber()); err != nil || n == 0 {
		t.Fatalf("read %d, %v", n, err)
	}
	w.Settle()
	if after := len(w.Entries("milano#2026")); after != before || len(w.Problems()) != 0 {
		t.Errorf("%d entries after %d, problems %v", after, before, w.Kinds())
	}
	w.Check()
}

// What cannot be read but for its header is registered as from who sent it (DPR 445/2000 art. 53 c.1 c).
func TestUnreadableBody(t *testing.T) {
	w := flowtest.New(t)
	w.Mail.Raw(flowtest.Chamber, inbox.Raw{Bytes: []byte(`{"Subject":"Fattura","From":"fornitore@pec.example.it","Text":[]}`)})
	w.Settle()
	rows := incoming(w)
	if len(rows) != 1 || rows[0].Subject != "(messaggio illeggibile) Fattura" || rows[0].From != "fornitore@pec.example.it" || rows[0].Untrusted == "" {
		t.Errorf("%+v", rows)
	}
	entry, err := w.Office.Entry(ctx, w.Officer(), 2026, 1)
	if err != nil || entry.Senders[0].Address != "fornitore@pec.example.it" {
		t.Errorf("%+v, %v", entry, err)
	}
	if kinds := w.Kinds(); !slices.Equal(kinds, []problems.Kind{problems.MailUntrusted}) {
		t.Errorf("problems %v", kinds)
	}
	w.Check()
}

// A message whose words no row can hold is taken in without them, and those behind it are not kept waiting.
func TestWordsThatFitNowhere(t *testing.T) {
	w := flowtest.New(t)
	huge := letterFrom(strings.Repeat("a", 500_000)+"@pec.example.it", "Fattura", w)
	w.Mail.Arrive(flowtest.Chamber, huge)
	receipt := pec.Receipt{Kind: pec.Delivered, Sender: w.TheChamber().PEC, Ident: strings.Repeat("i", 500_000), At: w.Now(), Recipient: flowtest.Address}
	id := w.Registered()
	receipt.MessageRef = pec.Bare(w.Letter(id, correspondence.Acknowledgement).MessageID)
	w.Mail.Arrive(flowtest.Chamber, inbox.Message{Class: pec.ClassReceipt, Receipt: &receipt, Subject: "CONSEGNA", At: w.Now()})
	last := letterFrom("fornitore@pec.example.it", "Fattura", w)
	last.Ident = "opec-last"
	w.Mail.Arrive(flowtest.Chamber, last)
	w.Settle()
	var subjects []string
	for _, i := range incoming(w) {
		if i.Protocol == nil {
			t.Errorf("%q has no number", i.Subject)
		}
		subjects = append(subjects, i.Subject)
	}
	slices.Sort(subjects)
	if diff := cmp.Diff([]string{"(messaggio illeggibile)", "Fattura", "Fattura"}, subjects); diff != "" {
		t.Error(diff)
	}
	if kinds := w.Kinds(); len(kinds) != 3 {
		t.Errorf("problems %v", kinds)
	}
	w.Check()
}

// Who names many cases does not have them all looked for.
func TestManyCasesNamed(t *testing.T) {
	w := flowtest.New(t)
	id := w.Registered()
	var subject strings.Builder
	for n := range 5_000 {
		fmt.Fprintf(&subject, "00000000-0000-0000-0000-%012d ", n)
	}
	reads := &counted{Table: w.Applications}
	w.Inbox.Table = reads
	w.Mail.Arrive(flowtest.Chamber, letterFrom("fornitore@pec.example.it", id+" "+subject.String(), w))
	many := letterFrom("fornitore@pec.example.it", subject.String()+id, w)
	many.Ident = "opec-many"
	w.Mail.Arrive(flowtest.Chamber, many)
	if _, err := w.Inbox.Read(ctx, w.TheChamber()); err != nil {
		t.Fatal(err)
	}
	if n := w.Told(id, application.MailReceived); n != 1 || reads.gets > 100 {
		t.Errorf("%d messages came to the case after %d reads", n, reads.gets)
	}
}

// counted counts the reads of a table.
type counted struct {
	table.Table
	gets int
}

func (c *counted) Get(ctx context.Context, keys ...table.Key) ([]table.Item, error) {
	c.gets++
	return c.Table.Get(ctx, keys...)
}

func incoming(w *flowtest.World) []correspondence.Incoming {
	list, err := table.All(ctx, w.Applications, table.Query{PK: layout.Chamber(flowtest.Chamber), Prefix: layout.IncomingPrefix})
	if err != nil {
		w.T.Fatal(err)
	}
	var rows []correspondence.Incoming
	for _, item := range list {
		row, err := table.Decode[correspondence.Incoming](item, 1)
		if err != nil {
			w.T.Fatal(err)
		}
		rows = append(rows, row)
	}
	return rows
}

// forget loses the mailbox's cursor.
func forget(t *testing.T, w *flowtest.World) {
	t.Helper()
	item, err := table.One(ctx, w.Applications, layout.Mailbox(flowtest.Chamber, w.TheChamber().PEC))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Applications.Commit(ctx, table.Delete(item)); err != nil {
		t.Fatal(err)
	}
}

// One reader at a time; a second one does no harm; a rebuilt mailbox is read from its beginning, without effect.
func TestReaders(t *testing.T) {
	w, id, mail := sent(t)
	w.Mail.Receipt(flowtest.Chamber, mail.MessageID, mail.Address, pec.Delivered)
	second := 0
	if n, err := w.Inbox.Read(ctx, w.TheChamber()); err != nil || n != 1 {
		t.Fatalf("read %d, %v", n, err)
	}
	w.Mail.Receipt(flowtest.Chamber, mail.MessageID, mail.Address, pec.Accepted)
	w.Applications.Interfere(func() { // the first is about to take the lease when the second has it
		var err error
		if second, err = w.Inbox.Read(ctx, w.TheChamber()); err != nil {
			t.Error(err)
		}
	})
	first, err := w.Inbox.Read(ctx, w.TheChamber())
	if err != nil || first+second != 1 {
		t.Errorf("the first read %d, the second %d, %v", first, second, err)
	}
	w.Mail.Rebuild(flowtest.Chamber)
	if n, err := w.Inbox.Read(ctx, w.TheChamber()); err != nil || n != 2 {
		t.Errorf("rebuilt: read %d, %v", n, err)
	}
	if got := w.Letter(id, correspondence.Acknowledgement); len(got.Receipts) != 2 || got.State != pec.StateDelivered {
		t.Errorf("%d receipts, %s", len(got.Receipts), got.State)
	}
}

// More than a batch is read in one go, and the cursor stands behind the last.
func TestManyMessages(t *testing.T) {
	w := flowtest.New(t)
	for n := range 2*inbox.Batch + 3 {
		m := letterFrom("fornitore@pec.example.it", fmt.Sprintf("Fattura %d", n), w)
		m.Ident = fmt.Sprintf("opec-%d", n)
		w.Mail.Arrive(flowtest.Chamber, m)
	}
	if n, err := w.Inbox.Read(ctx, w.TheChamber()); err != nil || n != 2*inbox.Batch+3 {
		t.Fatalf("read %d, %v", n, err)
	}
	if n, err := w.Inbox.Read(ctx, w.TheChamber()); err != nil || n != 0 {
		t.Errorf("then %d, %v", n, err)
	}
	w.Settle()
	w.Check()
}

// Every commit of a reading fails in the four ways: what was read is read again, once in its effects.
func TestFaults(t *testing.T) {
	for n := 1; n <= 6; n++ {
		for _, fault := range flowtest.Faults {
			t.Run(fmt.Sprintf("%d %s", n, fault), func(t *testing.T) {
				w := flowtest.New(t)
				id, _ := w.Asked(10)
				w.Pass(24 * time.Hour)
				w.Mail.Arrive(flowtest.Chamber, letterFrom(flowtest.Address, "Pratica "+id, w))
				w.Applications.FailAt(w.Applications.Commits+n, fault)
				w.Settle()
				w.Rest()
				w.State(id, application.InProgress)
				if got := w.Told(id, application.IntegrationReceived); got != 1 {
					t.Errorf("told %d times", got)
				}
				w.Check()
			})
		}
	}
}

// down is an archive that is out of service: nothing is understood before it is archived.
func TestArchivedFirst(t *testing.T) {
	w, id, mail := sent(t)
	w.Mail.Receipt(flowtest.Chamber, mail.MessageID, mail.Address, pec.Delivered)
	c := w.Inbox.Config
	c.Archive = down{}
	desk, err := inbox.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := desk.Read(ctx, w.TheChamber()); err == nil {
		t.Error("read without an archive")
	}
	if got := w.Letter(id, correspondence.Acknowledgement); len(got.Receipts) != 0 {
		t.Error("a receipt counts that is not archived")
	}
	w.Pass(inbox.Lease)
	w.Settle()
	if got := w.Letter(id, correspondence.Acknowledgement); got.State != pec.StateDelivered {
		t.Errorf("then %s", got.State)
	}
}

type down struct{}

var errDown = errors.New("archive out of service")

func (down) Put(context.Context, string, []byte, string) error           { return errDown }
func (down) Get(context.Context, string) ([]byte, error)                 { return nil, errDown }
func (down) List(context.Context, string, string, int) ([]string, error) { return nil, errDown }

func TestAge(t *testing.T) {
	w := flowtest.New(t)
	if age, err := w.Inbox.Age(ctx, w.TheChamber()); err != nil || age != 0 {
		t.Errorf("never tried: %s, %v", age, err)
	}
	// A password that was wrong from the first: the mailbox was never read, and its age counts from the first try.
	c := w.Inbox.Config
	c.Mailbox = locked{}
	desk, err := inbox.New(c)
	if err != nil {
		t.Fatal(err)
	}
	for minute := range 30 {
		if _, err := desk.Read(ctx, w.TheChamber()); err == nil && minute == 0 {
			t.Fatal("read a locked mailbox")
		}
		if age, err := desk.Age(ctx, w.TheChamber()); err != nil || age != time.Duration(minute)*time.Minute {
			t.Fatalf("never read, after %d minutes: %s, %v", minute, age, err)
		}
		w.Pass(time.Minute)
	}
	if _, err := w.Inbox.Read(ctx, w.TheChamber()); err != nil {
		t.Fatal(err)
	}
	w.Pass(time.Hour)
	if age, err := w.Inbox.Age(ctx, w.TheChamber()); err != nil || age != time.Hour {
		t.Errorf("an hour ago: %s, %v", age, err)
	}
}

// locked is a mailbox whose password is wrong.
type locked struct{}

func (locked) Since(context.Context, string, uint32, uint32, int) ([]inbox.Raw, uint32, error) {
	return nil, 0, errors.New("wrong password")
}

// stuck is a table that cannot read one case for the moment.
type stuck struct {
	table.Table
	key table.Key
	bad bool
}

func (s *stuck) Get(ctx context.Context, keys ...table.Key) ([]table.Item, error) {
	if s.bad && slices.Contains(keys, s.key) {
		return nil, errDown
	}
	return s.Table.Get(ctx, keys...)
}

// A table that fails for a moment does not make a case's message anybody's: it is read again.
func TestMatchFails(t *testing.T) {
	w := flowtest.New(t)
	id, _ := w.Asked(10)
	w.Pass(time.Hour)
	w.Mail.Arrive(flowtest.Chamber, letterFrom(flowtest.Address, "Pratica "+id, w))
	c := w.Inbox.Config
	s := &stuck{w.Applications, layout.Meta(id), true}
	c.Table = s
	desk, err := inbox.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := desk.Read(ctx, w.TheChamber()); err == nil {
		t.Error("read, and the case was not")
	}
	s.bad = false
	w.Pass(inbox.Lease)
	w.Settle()
	w.State(id, application.InProgress)
	if got := w.Kinds(); len(got) != 0 {
		t.Errorf("problems %v", got)
	}
}

// Mail about an application that was not paid for is no office's case yet: it is registered, and somebody reads it.
func TestAboutUnpaid(t *testing.T) {
	w := flowtest.New(t)
	id := w.Unpaid()
	w.Mail.Arrive(flowtest.Chamber, inbox.Message{
		Class: pec.ClassCertified, From: flowtest.CompanyAddress, Subject: "Pratica " + id, Text: "Chiedo notizie.", Ident: "opec-unpaid", At: w.Now(),
	})
	w.Settle()
	w.State(id, application.AwaitingPayment)
	if got := w.Kinds(); !slices.Contains(got, problems.MailUnmatched) {
		t.Errorf("problems %v", got)
	}
	for _, d := range w.DocumentsOf(id) {
		if d.Kind == application.MailDocument {
			t.Error("filed in a case that never entered the register")
		}
	}
	w.Check()
}
