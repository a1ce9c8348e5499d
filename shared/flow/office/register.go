package office

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"sportello/shared/domain/application"
	"sportello/shared/domain/catalogue"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/problem"
	"sportello/shared/domain/register"
	"sportello/shared/flow/access"
	"sportello/shared/flow/casefile"
	"sportello/shared/flow/correspondence"
	"sportello/shared/flow/problems"
	"sportello/shared/flow/step"
	"sportello/shared/platform/archive"
	"sportello/shared/platform/table"
)

// RegisteredView is an entry of the register on the wire.
type RegisteredView struct {
	Number         string              `json:"number"`
	Year           int                 `json:"year"`
	Date           string              `json:"date"`
	Direction      register.Direction  `json:"direction"`
	Kind           register.Kind       `json:"kind"`
	Event          string              `json:"event"`
	Application    string              `json:"application,omitempty"`
	PresentedAt    string              `json:"presentedAt"`
	Deferred       bool                `json:"deferred"`
	Subject        string              `json:"subject"`
	Senders        []register.Party    `json:"senders"`
	Recipients     []register.Party    `json:"recipients"`
	Document       register.Document   `json:"document"`
	Attachments    []register.Document `json:"attachments"`
	Classification string              `json:"classification"`
	Reserved       bool                `json:"reserved"`
	Hash           string              `json:"hash"`
	Annulled       bool                `json:"annulled"`
	Annulments     []AnnulmentView     `json:"annulments"`
}

// AnnulmentView stands beside the entry, which stays readable (DPR 445/2000 art. 54).
type AnnulmentView struct {
	Reason    string `json:"reason"`
	Provision string `json:"provision"`
	Date      string `json:"date"`
}

// ledgerRow is what the office reads of the ledger's rows. Only flow/registration writes them, with package ledger; here they are read for
// show.
type ledgerRow struct {
	Number uint64 `json:"number"`
	Annex  int    `json:"annex"`
	Page   string `json:"page"`
	Body   string `json:"body"`
	Hash   string `json:"hash"`
}

// maxRegisterPage is how many entries one answer holds.
const maxRegisterPage = 50

// Entries returns a page of the chamber's register of a year, between two numbers (0: no bound).
func (d *Desk) Entries(ctx context.Context, who access.Officer, year int, from, to uint64, after *table.Cursor) ([]RegisteredView, *table.Cursor, error) {
	if err := who.May(access.Register); err != nil {
		return nil, nil, err
	}
	if to == 0 || to > lastNumber {
		to = lastNumber
	}
	if from > to {
		return []RegisteredView{}, nil, nil
	}
	book := layout.Book(who.Chamber, year)
	page, err := d.Register.Query(ctx, table.Query{
		PK: layout.LedgerEntries(book), From: layout.LedgerEntry(book, from).SK, To: layout.LedgerEntry(book, to).SK + "#~",
		Limit: maxRegisterPage, After: after,
	})
	if err != nil {
		return nil, nil, err
	}
	items, err := d.withAnnexes(ctx, page)
	if err != nil {
		return nil, nil, err
	}
	list, err := entries(items, year)
	return list, page.Next, err
}

// lastNumber is the last number of seven digits: beyond it text order is no longer the order of numbers.
const lastNumber = 9_999_999

// withAnnexes adds the annexes of the page's last number that fell on the next page: an annulled number never shows without its annulment.
func (d *Desk) withAnnexes(ctx context.Context, page table.Page) ([]table.Item, error) {
	if page.Next == nil {
		return page.Items, nil
	}
	last := page.Items[len(page.Items)-1].Key
	number, _, _ := strings.Cut(last.SK, "#")
	annexes, err := table.All(ctx, d.Register, table.Query{PK: last.PK, From: last.SK + "\x00", To: number + "#~"})
	return append(page.Items, annexes...), err
}

// Entry returns one number of the register with its annulments.
func (d *Desk) Entry(ctx context.Context, who access.Officer, year int, number uint64) (RegisteredView, error) {
	if err := who.May(access.Register); err != nil {
		return RegisteredView{}, err
	}
	book := layout.Book(who.Chamber, year)
	items, err := table.All(ctx, d.Register, table.Query{PK: layout.LedgerEntries(book), Prefix: layout.LedgerEntry(book, number).SK})
	if err != nil {
		return RegisteredView{}, err
	}
	list, err := entries(items, year)
	if err != nil {
		return RegisteredView{}, err
	}
	if len(list) == 0 {
		return RegisteredView{}, problem.New(problem.NotFound, "Il numero indicato non esiste nel registro di quell'anno.")
	}
	return list[0], nil
}

// entries reads ledger rows: each number followed by its annexes.
func entries(items []table.Item, year int) ([]RegisteredView, error) {
	list := []RegisteredView{}
	for _, item := range items {
		row, err := table.Decode[ledgerRow](item, 1)
		if err != nil {
			return nil, err
		}
		if row.Annex > 0 {
			a, err := register.ParseAnnulment([]byte(row.Body))
			if err != nil {
				return nil, err
			}
			if n := len(list); n > 0 && list[n-1].Number == register.Number(row.Number) {
				list[n-1].Annulled = true
				list[n-1].Annulments = append(list[n-1].Annulments, AnnulmentView{a.Reason, a.Provision, a.Date})
			}
			continue
		}
		e, err := register.ParseEntry([]byte(row.Body))
		if err != nil {
			return nil, err
		}
		list = append(list, RegisteredView{
			Number: register.Number(row.Number), Year: year, Date: row.Page, Direction: e.Direction, Kind: e.Kind, Event: e.Event,
			Application: e.Application, PresentedAt: e.PresentedAt, Deferred: e.Deferred, Subject: e.Subject, Senders: e.Senders,
			Recipients: e.Recipients, Document: e.Document, Attachments: e.Attachments, Classification: e.Classification, Reserved: e.Reserved, Hash: row.Hash,
			Annulments: []AnnulmentView{},
		})
	}
	return list, nil
}

// Annul asks for the annulment of a number: never a change, but a record appended beside it, with reason and authorising provision. A number is
// annulled once: asked for again with the same words while the record is on its way it is the same request, with other words a conflict.
func (d *Desk) Annul(ctx context.Context, who access.Officer, year int, number uint64, reason, provision string) (string, error) {
	entry, err := d.Entry(ctx, who, year, number)
	if err != nil {
		return "", err
	}
	if entry.Annulled {
		return "", problem.New(problem.Conflict, "Il numero è già annullato.")
	}
	chamber, ok := catalogue.ChamberByID(who.Chamber)
	if !ok {
		return "", problem.Hidden()
	}
	// One line each: the register takes no other.
	reason, provision = register.OneLine(reason, register.MaxSubject), register.OneLine(provision, register.MaxName)
	at := d.Now()
	event := "annul-" + who.Chamber + "-" + strconv.Itoa(year) + "-" + entry.Number
	filing := correspondence.Filing{
		Target: correspondence.ToNothing,
		Entry:  register.Entry{Chamber: who.Chamber, Book: correspondence.Book(chamber)},
		Annul: &correspondence.Annul{
			Year: year, Number: number, Reason: reason, Provision: provision, Operator: who.TaxCode, At: at,
		},
	}
	filing.Entry.Book.Year = year
	// The day is the number's own, so that asked for again tomorrow it is the same row.
	owed := step.Owed{Kind: step.Register, Chamber: who.Chamber, Day: entry.Date, Event: event, CreatedAt: at}
	if owed, err = owed.With(filing); err != nil {
		return "", err
	}
	err = step.Retry(ctx, func() error {
		asked, _, there, err := step.Read(ctx, d.Table, owed.Key())
		if err != nil {
			return err
		}
		if there {
			return sameAnnulment(asked, *filing.Annul)
		}
		promise, err := owed.Promise()
		if err != nil {
			return err
		}
		return d.Table.Commit(ctx, promise)
	})
	if err == nil {
		d.Post.Send(ctx, owed)
	}
	return event, err
}

// sameAnnulment tells whether what is owed already is the annulment asked for.
func sameAnnulment(asked step.Owed, wanted correspondence.Annul) error {
	var filing correspondence.Filing
	if err := json.Unmarshal(asked.Payload, &filing); err != nil {
		return fmt.Errorf("reading annulment: %w", err)
	}
	if filing.Annul == nil || filing.Annul.Reason != wanted.Reason || filing.Annul.Provision != wanted.Provision {
		return problem.New(problem.Conflict, "L'annullamento di questo numero è già stato chiesto, con un altro motivo o provvedimento.")
	}
	return nil
}

// SealView is a day of the register: open, or sealed with its list.
type SealView struct {
	Chamber  string          `json:"chamber"`
	Day      string          `json:"day"`
	State    string          `json:"state"` // open | sealed
	SealedAt string          `json:"sealedAt,omitempty"`
	Seal     json.RawMessage `json:"seal,omitempty"`
}

// Seal returns the seal of a day from the archive.
func (d *Desk) Seal(ctx context.Context, who access.Officer, day string) (SealView, error) {
	if err := who.May(access.Register); err != nil {
		return SealView{}, err
	}
	view := SealView{Chamber: who.Chamber, Day: day, State: "open"}
	data, err := d.Archive.Get(ctx, layout.Seal(who.Chamber, day))
	if errors.Is(err, archive.ErrNotFound) {
		return view, nil
	}
	if err != nil {
		return view, err
	}
	seal, err := register.ParseSeal(data)
	if err != nil {
		return view, err
	}
	view.State, view.SealedAt, view.Seal = "sealed", seal.SealedAt, data
	return view, nil
}

// ProblemView is an open problem on the wire.
type ProblemView struct {
	ID          string    `json:"id"`
	Kind        string    `json:"kind"`
	At          time.Time `json:"at"`
	Application string    `json:"application,omitempty"`
	Detail      string    `json:"detail"`
	Owner       string    `json:"owner"`
	State       string    `json:"state"`
	Retryable   bool      `json:"retryable"`
}

// Problems lists the chamber's open problems: who works cases must see them, for they are the owners.
func (d *Desk) Problems(ctx context.Context, who access.Officer) ([]ProblemView, error) {
	list, err := problems.List(ctx, d.Table, who.Chamber)
	if err != nil {
		return nil, err
	}
	views := []ProblemView{}
	for _, p := range list {
		views = append(views, ProblemView{p.ID, string(p.Kind), p.At, p.Application, p.Text, who.Chamber, "open", p.Work != nil})
	}
	return views, nil
}

// RetryProblem wakes the parked work of a problem, or notes that the owner has dealt with it.
func (d *Desk) RetryProblem(ctx context.Context, who access.Officer, id string) error {
	if err := who.May(access.Work); err != nil {
		return err
	}
	now := d.Now()
	return problems.Retry(ctx, d.Table, d.Post, who.Chamber, id, who.TaxCode, now, func(ctx context.Context, p problems.Problem) ([]table.Change, error) {
		return d.dealtWith(ctx, p, now)
	})
}

// dealtWith is what an officer's word means for the case: a term that ran out is mended only by a decision; an outcome that certified
// mail did not bring, and that was handed over in another way, lets the case go on to its end.
func (d *Desk) dealtWith(ctx context.Context, p problems.Problem, now time.Time) ([]table.Change, error) {
	switch p.Kind {
	case problems.TermExpired, problems.MailFailed, problems.MailUncertain, problems.NoAddress:
	default:
		return nil, nil
	}
	c, err := casefile.Load(ctx, d.Table, p.Application)
	if err != nil {
		return nil, err
	}
	if p.Kind == problems.TermExpired {
		if c.State.Open() {
			return nil, problem.New(problem.Conflict, "Il termine è scaduto: il problema si chiude con la decisione della pratica.")
		}
		return nil, nil
	}
	if c.State != application.Decided || c.CloseAt != nil || !aboutOutcome(c, p.ID) {
		return nil, nil
	}
	next := c.Application
	closing := now.Add(casefile.LastWord)
	next.CloseAt, next.UpdatedAt = &closing, now
	change, err := c.Put(next)
	return []table.Change{change}, err
}

// aboutOutcome tells whether a problem is about the certified message with the outcome, or one that took it to another address: their ids begin
// alike.
func aboutOutcome(c casefile.Case, id string) bool {
	mail := c.Outcome.Event + "-" + correspondence.ToApplicant
	return strings.HasPrefix(id, problems.MailOf(mail)) || strings.HasPrefix(id, problems.LateMailOf(mail))
}
