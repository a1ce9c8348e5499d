package keeping_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"sportello/shared/domain/application"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/pec"
	"sportello/shared/domain/register"
	"sportello/shared/flow/casefile"
	"sportello/shared/flow/correspondence"
	"sportello/shared/flow/draft"
	"sportello/shared/flow/flowtest"
	"sportello/shared/flow/keeping"
	"sportello/shared/flow/problems"
	"sportello/shared/flow/receipt"
	"sportello/shared/platform/queue"
)

var ctx = context.Background()

// closed is a case whose package is owed.
func closed(t *testing.T) (*flowtest.World, string, queue.Message) {
	t.Helper()
	w := flowtest.New(t)
	id := w.Closed()
	messages := w.PreservationQueue.Take()
	if len(messages) != 1 {
		t.Fatalf("%d packages are owed", len(messages))
	}
	return w, id, messages[0]
}

// What the provider does, how the case ends, and who has a problem meanwhile.
func TestProvider(t *testing.T) {
	received, refused := keeping.Receipt{State: keeping.Received}, keeping.Receipt{State: keeping.Refused, Reason: "indice non leggibile"}
	for name, c := range map[string]struct {
		spoil   func(k *flowtest.Keeper)
		mend    func(k *flowtest.Keeper)
		pass    time.Duration
		problem []problems.Kind
	}{
		"at once":         {func(*flowtest.Keeper) {}, nil, 0, nil},
		"after a while":   {func(k *flowtest.Keeper) { k.States = []keeping.Receipt{received, received, received} }, nil, 0, nil},
		"after a day":     {func(k *flowtest.Keeper) { k.States = slices.Repeat([]keeping.Receipt{received}, 100) }, nil, 26 * time.Hour, nil},
		"down":            {func(k *flowtest.Keeper) { k.Down = true }, func(k *flowtest.Keeper) { k.Down = false }, 10 * time.Hour, []problems.Kind{problems.Overdue}},
		"forged receipt":  {func(k *flowtest.Keeper) { k.Forge = true }, func(k *flowtest.Keeper) { k.Forge = false }, 10 * time.Hour, []problems.Kind{problems.Overdue}},
		"will not take":   {func(k *flowtest.Keeper) { k.Refuse = true }, func(k *flowtest.Keeper) { k.Refuse = false }, time.Hour, []problems.Kind{problems.Refused}},
		"refuses later":   {func(k *flowtest.Keeper) { k.States = []keeping.Receipt{received, refused} }, func(*flowtest.Keeper) {}, time.Hour, []problems.Kind{problems.Refused}},
		"refuses at once": {func(k *flowtest.Keeper) { k.States = []keeping.Receipt{refused, refused} }, func(*flowtest.Keeper) {}, time.Hour, []problems.Kind{problems.Refused}},
	} {
		t.Run(name, func(t *testing.T) {
			w, id, message := closed(t)
			c.spoil(w.Keeper)
			_ = w.Deliver(message)
			for passed := time.Duration(0); passed <= c.pass; passed += 10 * time.Minute {
				w.Pass(10 * time.Minute)
				w.Sweep()
				w.Settle()
			}
			if got := w.Kinds(); !slices.Equal(got, append([]problems.Kind{}, c.problem...)) {
				t.Fatalf("problems %v, want %v", got, c.problem)
			}
			if c.mend != nil {
				w.State(id, application.Closed)
				c.mend(w.Keeper)
				if err := w.Office.RetryProblem(ctx, w.Officer(), w.Problems()[0].ID); err != nil {
					t.Fatal(err)
				}
				w.Settle()
			}
			w.Rest()
			w.State(id, application.Preserved)
			receipt, err := w.Archive.Get(ctx, layout.PackageReceipt(id))
			if err != nil || !strings.HasPrefix(string(receipt), "signed "+id) {
				t.Errorf("receipt %q, %v", receipt, err)
			}
			if got := w.Kinds(); len(got) != 0 {
				t.Errorf("problems %v", got)
			}
			if len(w.Outbox()) != 0 {
				t.Errorf("%d still owed", len(w.Outbox()))
			}
			w.Check()
		})
	}
}

// anew is a provider that signs a receipt anew whenever it is asked.
type anew struct {
	*flowtest.Keeper
	signed int
}

func (a *anew) Receipt(ctx context.Context, id string) (keeping.Receipt, error) {
	r, err := a.Keeper.Receipt(ctx, id)
	if r.State == keeping.Preserved {
		a.signed++
		r.Signed = fmt.Appendf(r.Signed, ", %d", a.signed)
	}
	return r, err
}

func (a *anew) Verify(receipt []byte, id string, digest [32]byte, at time.Time) error {
	first, _, _ := bytes.Cut(receipt, []byte(", "))
	return a.Keeper.Verify(first, id, digest, at)
}

// The provider answers twice, each time with a receipt of its own: the first that was archived stays, and the case is preserved once.
func TestProviderAnswersTwice(t *testing.T) {
	for _, fault := range flowtest.Faults {
		w, id, message := closed(t)
		c := w.Keeping.Config
		keeper := &anew{Keeper: w.Keeper}
		c.Provider = keeper
		w.Keeping = &keeping.Desk{Config: c}
		w.Applications.FailNext(fault)
		for range 3 {
			_ = w.Deliver(message)
		}
		receipt, err := w.Archive.Get(ctx, layout.PackageReceipt(id))
		if want := fmt.Sprintf("signed %s %s, 1", id, w.Meta(id).Package); err != nil || string(receipt) != want {
			t.Errorf("%v: receipt %q, want %q, %v", fault, receipt, want, err)
		}
		w.State(id, application.Preserved)
		if n := w.Told(id, application.WasPreserved); n != 1 || keeper.signed == 0 || w.Keeper.Deposits != 1 {
			t.Errorf("%v: told %d times, signed %d times, handed over %d times", fault, n, keeper.signed, w.Keeper.Deposits)
		}
		w.Check()
	}
}

// Each commit fails in the four ways, and the message comes twice: one package, one receipt, one line.
func TestFaults(t *testing.T) {
	for _, fault := range flowtest.Faults {
		t.Run(fault.String(), func(t *testing.T) {
			w, id, message := closed(t)
			w.Applications.FailNext(fault)
			for range 3 {
				_ = w.Deliver(message)
			}
			w.State(id, application.Preserved)
			if n := w.Told(id, application.WasPreserved); n != 1 {
				t.Errorf("told %d times", n)
			}
			if len(w.Meta(id).Package) != 64 {
				t.Errorf("package %q", w.Meta(id).Package)
			}
			w.Check()
		})
	}
}

// The package that was archived is the one that is handed over: what comes later does not change it, and a second process makes no other.
func TestPackageStays(t *testing.T) {
	w, id, message := closed(t)
	w.Keeper.Down = true
	_ = w.Deliver(message)
	first, err := w.Archive.Get(ctx, layout.Package(id))
	if err != nil {
		t.Fatal(err)
	}
	// A late receipt, of a message that had one already.
	m := w.Letter(id, correspondence.OutcomeLetter)
	w.Mail.Receipt(flowtest.Chamber, m.MessageID, m.Address, pec.NotDelivered)
	w.Settle()
	w.Keeper.Down = false
	w.Rest()
	w.State(id, application.Preserved)
	if !bytes.Equal(w.Keeper.Packages[id], first) {
		t.Error("another package was handed over than the one archived")
	}
	if got := w.Letter(id, correspondence.OutcomeLetter); len(got.Receipts) != 3 || got.State != pec.StateDelivered {
		t.Errorf("%d receipts, %s", len(got.Receipts), got.State)
	}
}

// The same case gives the same package, byte by byte.
func TestDeterministic(t *testing.T) {
	make := func() []byte {
		w, id, message := closed(t)
		if err := w.Deliver(message); err != nil {
			t.Fatal(err)
		}
		return w.Keeper.Packages[id]
	}
	if one, two := make(), make(); !bytes.Equal(one, two) || len(one) == 0 {
		t.Errorf("%d and %d bytes", len(one), len(two))
	}
}

// Everything that belongs to the case is in the package, and what was never filed is not.
func TestContents(t *testing.T) {
	w := flowtest.New(t)
	id := w.Draft()
	w.Attach(id, "prova.pdf")
	w.Present(id)
	w.Settle()
	w.Must(func() error { _, err := w.Cases.Message(ctx, w.Applicant(), id, "Dichiaro.", true); return err })
	w.Must(func() error { _, err := w.Office.Assign(ctx, w.Officer(), id, ""); return err })
	request := w.Ask(id, 10)
	files := []string{}
	for _, name := range []string{"filed.pdf", "idle.pdf"} {
		body, claim := flowtest.PDF(name)
		a, err := w.Cases.Attach(ctx, w.Applicant(), id, claim)
		if err != nil {
			t.Fatal(err)
		}
		w.Upload(id, a.ID, body, claim.MediaType)
		w.Must(func() error { _, err := w.Cases.Complete(ctx, w.Applicant(), id, a.ID); return err })
		files = append(files, a.ID)
	}
	w.Must(func() error { _, err := w.Cases.Reply(ctx, w.Applicant(), id, request, "Ecco.", files[:1]); return err })
	w.Rest()
	w.Decide(id)
	w.Rest()
	w.Pass(31 * 24 * time.Hour)
	w.Rest()
	w.State(id, application.Preserved)
	listing := list(t, w.Keeper.Packages[id])
	for _, part := range []string{
		"prova.pdf", "filed.pdf", "istanza.json", "ricevuta.pdf", "esito.pdf", "integration-request.txt", "reply.json", "message.json",
		"cronologia.json", "acknowledgement.eml", "outcome.eml", "office-notice.eml", "avvenuta-consegna.eml", "accettazione.eml", "PIndex.xml",
	} {
		if !strings.Contains(listing, part) {
			t.Errorf("%s is missing in\n%s", part, listing)
		}
	}
	if strings.Contains(listing, "idle.pdf") {
		t.Errorf("a file that was never filed is in\n%s", listing)
	}
}

// The metadata name the applicant by the parts of their name and the person responsible, and do not call unsigned what bears a signature.
func TestMetadata(t *testing.T) {
	w := flowtest.New(t)
	c := w.Receipts.Config
	c.Print = func(out io.Writer, _ application.Application, _ casefile.Receipt) error {
		_, err := io.WriteString(out, "%PDF-1.7 << /Type /Sig /SubFilter /ETSI.CAdES.detached /ByteRange [0 1 2 3] >>")
		return err
	}
	w.Receipts = &receipt.Desk{Config: c}
	id := w.Draft()
	for name, body := range map[string]string{
		"firmata.pdf": "%PDF-1.7 << /Type /Sig /SubFilter /ETSI.CAdES.detached /ByteRange [0 1 2 3] >>", "semplice.pdf": "%PDF-1.7 prova",
		"firmata.p7m": "0\x80\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x07\x02\xA0\x80",
	} {
		claim := draft.Claim{Field: "evidence", Name: name, Size: int64(len(body)), SHA256: register.Digest([]byte(body)), MediaType: "application/pdf"}
		if strings.HasSuffix(name, ".p7m") {
			claim.MediaType = "application/pkcs7-mime"
		}
		a, err := w.Drafts.Attach(ctx, w.Applicant(), id, claim)
		if err != nil {
			t.Fatal(err)
		}
		w.Upload(id, a.ID, []byte(body), claim.MediaType)
		w.Must(func() error { _, err := w.Drafts.Complete(ctx, w.Applicant(), id, a.ID); return err })
	}
	w.Present(id)
	w.Settle()
	w.Must(func() error { _, err := w.Office.Assign(ctx, w.Officer(), id, ""); return err })
	w.Decide(id)
	w.Rest()
	w.Pass(31 * 24 * time.Hour)
	w.Rest()
	w.State(id, application.Preserved)
	about := metadata(t, w.Keeper.Packages[id])
	signed, sealed := map[string]bool{}, map[string]bool{}
	for name, text := range about {
		signed[name] = strings.Contains(text, "<FirmatoDigitalmente>true<")
		sealed[name] = strings.Contains(text, "<SigillatoElettronicamente>true<")
	}
	for _, part := range []string{"<Cognome>Rinaldi</Cognome>", "<Nome>Giulia</Nome>", "<RUP>", "Responsabile dell&#39;ufficio relazioni con il pubblico"} {
		if text := about["fascicolo.xml"]; !strings.Contains(text, part) {
			t.Errorf("no %s in %s", part, text)
		}
	}
	if !signed["firmata.pdf"] || !signed["firmata.p7m"] || signed["semplice.pdf"] || signed["istanza.json"] || signed["ricevuta.pdf"] {
		t.Errorf("signed %v", signed)
	}
	if !sealed["ricevuta.pdf"] || sealed["firmata.pdf"] {
		t.Errorf("sealed %v", sealed)
	}
}

// A case of a person from another state, of a company, with all that can be withdrawn, can be packed too.
func TestAllKindsOfCases(t *testing.T) {
	for name, make := range map[string]func(w *flowtest.World) string{
		"company": func(w *flowtest.World) string {
			id := w.DraftOf(w.Applicant(), "c-giulia")
			w.Present(id)
			return id
		},
		"another state's": func(w *flowtest.World) string {
			who := w.Applicant()
			who.TaxCode, who.Profiles = "eidas:ES:02635542Y", who.Profiles[:1]
			who.Profiles[0].TaxCode = who.TaxCode
			id := w.DraftOf(who, "me", "domicile", "portal")
			w.PresentAs(who, id)
			return id
		},
		"portal": func(w *flowtest.World) string { return w.Presented("domicile", "portal") },
	} {
		for _, withdrawn := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, withdrawn %v", name, withdrawn), func(t *testing.T) {
				w := flowtest.New(t)
				id := make(w)
				w.Rest()
				if withdrawn {
					who := w.Applicant()
					who.Profiles[0].TaxCode = w.Meta(id).Owner.TaxCode
					w.Must(func() error { _, err := w.Cases.Withdraw(ctx, who, id, "Ho risolto."); return err })
				} else {
					w.Must(func() error { _, err := w.Office.Assign(ctx, w.Officer(), id, ""); return err })
					w.Decide(id)
				}
				w.Rest()
				w.Pass(31 * 24 * time.Hour)
				w.Rest()
				w.State(id, application.Preserved)
				if got := w.Kinds(); len(got) != 0 {
					t.Errorf("problems %v", got)
				}
				w.Check()
			})
		}
	}
}

// metadata are those of a package's documents, by their names, and of the case, by the file's.
func metadata(t *testing.T, body []byte) map[string]string {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	about := map[string]string{}
	for _, f := range r.File {
		c, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(c)
		if err != nil {
			t.Fatal(err)
		}
		if _, name, found := strings.Cut(string(text), "<NomeDelDocumento>"); found {
			name, _, _ = strings.Cut(name, "<")
			about[name] = string(text)
		}
		if f.Name == "fascicolo.xml" {
			about[f.Name] = string(text)
		}
	}
	return about
}

func list(t *testing.T, body []byte) string {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	var names strings.Builder
	for _, f := range r.File {
		fmt.Fprintln(&names, f.Name)
		c, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, c); err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
		c.Close()
	}
	return names.String()
}

// What was found of a signature is kept with the signed file, the applicant's and the office's, beside the proof of what paid for the act.
func TestTheVerdictOnASignatureIsPacked(t *testing.T) {
	w := flowtest.New(t)
	id := w.Unpaid()
	w.Checkout(id)
	w.Tell(w.Pay(id, 300))
	w.Rest()
	w.Must(func() error { _, err := w.Office.Assign(ctx, w.Officer(), id, ""); return err })
	file := w.OfficeFileOf(id, flowtest.Timestamped(flowtest.SignedBy(flowtest.Lucia)))
	w.Must(func() error {
		_, err := w.Office.Decide(ctx, w.Officer(), id, "deposited", "Il listino è depositato.", file)
		return err
	})
	w.Rest()
	w.Pass(31 * 24 * time.Hour)
	w.Rest()
	w.State(id, application.Preserved)
	listing := list(t, w.Keeper.Packages[id])
	for _, part := range []string{"verifica-firma.json", "pagamento.jws"} {
		if !strings.Contains(listing, part) {
			t.Errorf("%s is missing in\n%s", part, listing)
		}
	}
	if n := strings.Count(listing, "verifica-firma.json"); n != 2 {
		t.Errorf("%d verdicts in\n%s", n, listing)
	}
	about := metadata(t, w.Keeper.Packages[id])
	for name, want := range map[string]bool{"listino.pdf": false, "esito.pdf": true} {
		if text := about[name]; !strings.Contains(text, fmt.Sprintf("<MarcaturaTemporale>%v<", want)) {
			t.Errorf("%s, timestamped %v: %s", name, want, text)
		}
	}
}

// Who asks that a list stay between the company and the office has it said of every document, in the register and in the package.
func TestReservedCase(t *testing.T) {
	for answer, want := range map[string]bool{"reserved": true, "public": false} {
		w := flowtest.New(t)
		id := w.List()
		v, err := w.Cases.Show(ctx, w.Applicant(), id)
		if err != nil {
			t.Fatal(err)
		}
		answers := strings.Replace(string(v.Answers), `"public":"public"`, `"public":"`+answer+`"`, 1)
		w.Must(func() error {
			_, err := w.Drafts.Save(ctx, w.Applicant(), id, v.Version, json.RawMessage(answers))
			return err
		})
		w.Present(id)
		w.Checkout(id)
		w.Tell(w.Pay(id, 300))
		w.Rest()
		w.Must(func() error { _, err := w.Office.Assign(ctx, w.Officer(), id, ""); return err })
		file := w.OfficeFile(id)
		w.Must(func() error {
			_, err := w.Office.Decide(ctx, w.Officer(), id, "deposited", "Il listino è depositato.", file)
			return err
		})
		w.Rest()
		entries, _, err := w.Office.Entries(ctx, w.Officer(), 2026, 1, 0, nil)
		if err != nil || len(entries) != 2 {
			t.Fatalf("%d entries, %v", len(entries), err)
		}
		for _, e := range entries {
			if e.Reserved != want {
				t.Errorf("%s: the entry %s is reserved %v", answer, e.Kind, e.Reserved)
			}
		}
		w.Pass(31 * 24 * time.Hour)
		w.Rest()
		w.State(id, application.Preserved)
		for name, text := range metadata(t, w.Keeper.Packages[id]) {
			if name != "fascicolo.xml" && strings.Contains(text, "<Riservato>true<") != want {
				t.Errorf("%s: in the package %s is reserved %v", answer, name, !want)
			}
		}
	}
}
