//go:build road

package crash

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"sportello/infra/road"
)

// lane is one chamber with the people who work there. It carries one case at a time: queue group, register and mailbox are the chamber's, so
// what fails in one lane leaves the others alone.
type lane struct {
	*town
	chamber, pec    string
	who             citizen
	citizen, office *road.Browser
	ready           map[stage][]*filed // cases that later rounds go on with
	all             []*filed
}

// stage is how far a case has come, with everything that follows from it done.
type stage int

const (
	drafted stage = iota
	registered
	charged  // in charge of an officer, nothing asked yet
	answered // in charge, whether or not something was asked and answered
	decided
	preserved
	// Beside the road:
	asked // an integration is awaited
	withdrawn
	// Of an act that a fee buys, before it is paid for or instead; one that is paid for is registered.
	listed    // a draft with its signed file
	unpaid    // awaiting payment, and there is a position to pay
	repaid    // awaiting payment still, for the wrong sum came, and went back
	renounced // taken back unpaid
	expired
)

// filed is one application.
type filed struct {
	*lane
	id    string
	key   string          // its Idempotency-Key
	told  *road.Submitted // what its applicant was answered, nil if the answer was lost
	file  string          // the office's document for the outcome
	token string          // of the survey
	open  string          // the integration request
	wrote int             // messages by certified mail
	day   string          // that is being sealed, at night
	list  bool            // its signed file is there
	// handed: its number is known to have been handed over; before that, no such message exists.
	handed bool
}

// citizen is a persona of the identity provider, and where she wants the answer.
type citizen struct {
	persona, provider string
	domicile          map[string]any
}

// giulia is the citizen of every lane; her company's address is in the registers.
var giulia = citizen{"giulia", "spid", map[string]any{"domicile": "elected", "pec": "giulia.rinaldi@pec.example.it"}}

const (
	company = "09900000010"
	officer = "CLMNNA74P48F205H"
)

// enter signs the citizen in.
func (l *lane) enter(ctx context.Context) error {
	return insist(ctx, func() error { return l.citizen.Login(ctx, l.who.provider, l.who.persona) })
}

// insist does again what did not succeed, as people do: a slow machine is not what is tested where nothing is made to fail.
func insist(ctx context.Context, do func() error) error {
	for n := 0; ; n++ {
		err := do()
		if status := road.Status(err); err == nil || n == 20 || ctx.Err() != nil || status > 0 && status < http.StatusInternalServerError {
			return err
		}
		time.Sleep(time.Duration(n) * look)
	}
}

// ask makes a request of the citizen's, who signs in again if the clock has moved past her session.
func (l *lane) ask(ctx context.Context, method, path string, in, out any, header http.Header) error {
	err := l.citizen.Call(ctx, method, path, in, out, header)
	if road.Status(err) != http.StatusUnauthorized {
		return err
	}
	if err := l.enter(ctx); err != nil {
		return err
	}
	return l.citizen.Call(ctx, method, path, in, out, header)
}

// read downloads a document of the case, as ask asks.
func (f *filed) read(ctx context.Context, document string) ([]byte, error) {
	data, err := f.citizen.Download(ctx, f.path("/documents/"+document))
	if road.Status(err) != http.StatusUnauthorized {
		return data, err
	}
	if err := f.enter(ctx); err != nil {
		return nil, err
	}
	return f.citizen.Download(ctx, f.path("/documents/"+document))
}

func (f *filed) path(rest string) string { return "/api/v1/applications/" + f.id + rest }
func (f *filed) desk(rest string) string { return "/chamber/v1/applications/" + f.id + rest }

// draft opens and fills in a complaint: of the citizen herself, or of her company, whose address the registers know. Or the company's price list.
func (l *lane) draft(ctx context.Context, what need) (*filed, error) {
	ofCompany := what.company || what.priced
	var profiles struct {
		Items []struct{ ID, Kind, TaxCode string }
	}
	if err := l.ask(ctx, "GET", "/api/v1/profiles", nil, &profiles, nil); err != nil {
		return nil, err
	}
	profile, service, answers := "", "reclami", road.Complaint(l.who.domicile)
	switch {
	case what.priced:
		service, answers = "listino-prezzi", road.PriceList()
	case ofCompany:
		answers = road.Complaint(map[string]any{"domicile": "registered"})
	}
	for _, p := range profiles.Items {
		if !ofCompany && p.Kind == "person" || ofCompany && p.TaxCode == company {
			profile = p.ID
		}
	}
	var v road.View
	if err := l.ask(ctx, "POST", "/api/v1/applications", map[string]any{"chamber": l.chamber, "service": service, "profile": profile}, &v, nil); err != nil {
		return nil, err
	}
	f := &filed{lane: l, id: v.ID, key: road.UUID()}
	match := http.Header{"If-Match": {fmt.Sprintf("%q", fmt.Sprint(v.Version))}}
	return f, l.ask(ctx, "PATCH", f.path(""), map[string]any{"answers": answers}, nil, match)
}

// submit presents, always with the same key. Whatever was answered once must be answered for ever.
func (f *filed) submit(ctx context.Context) error {
	var answer road.Submitted
	err := f.ask(ctx, "POST", f.path("/submission"), map[string]any{}, &answer, http.Header{"Idempotency-Key": {f.key}})
	if err != nil {
		return err
	}
	if f.told != nil && *f.told != answer {
		return fmt.Errorf("the same key got another answer: %+v, not %+v", answer, *f.told)
	}
	f.told = &answer
	return nil
}

// charge takes the case in charge; asked again it changes nothing.
func (f *filed) charge(ctx context.Context) error {
	return f.office.Post(ctx, f.desk("/assignment"), map[string]any{}, nil)
}

// upload brings the document of the outcome.
func (f *filed) upload(ctx context.Context) (err error) {
	if f.file == "" {
		f.file, err = f.office.Upload(ctx, f.desk("/attachments"), "", "esito.pdf", "application/pdf", road.PDF("Il reclamo è fondato"))
	}
	return err
}

// decide concludes. The officer who asks again because no answer came is told that it was done.
func (f *filed) decide(ctx context.Context) error {
	err := f.office.Post(ctx, f.desk("/decision"), map[string]any{"outcome": "founded", "text": "Il reclamo è fondato.", "document": f.file}, nil)
	return done(err)
}

// done takes a conflict for success: what is asked for is there already.
func done(err error) error {
	if road.Status(err) == http.StatusConflict {
		return nil
	}
	return err
}

var tokenShape = regexp.MustCompile(`/valuta/\?t=3?D?([A-Za-z0-9_-]{22})`)

// invited reads the survey's token out of the outcome message, as its recipient would.
func (f *filed) invited(ctx context.Context) error {
	rows, err := f.items(ctx)
	if err != nil {
		return err
	}
	mails, err := f.Mails(ctx)
	if err != nil {
		return err
	}
	for _, m := range mails {
		if !rows.sent(m, "outcome") {
			continue
		}
		text, err := f.Original(ctx, m.ID)
		if err != nil {
			return err
		}
		if shown := tokenShape.FindStringSubmatch(strings.ReplaceAll(text, "=\r\n", "")); shown != nil {
			f.token = shown[1]
			return nil
		}
	}
	return fmt.Errorf("no outcome message holds a survey link")
}

// rate gives the one rating; the same again succeeds.
func (f *filed) rate(ctx context.Context) error {
	rating := map[string]any{"rating": 4, "reasons": []string{"Le indicazioni erano chiare"}}
	return f.citizen.Anonymous().Post(ctx, "/api/v1/surveys/"+f.token, rating, nil)
}

// write answers by certified mail, as the law allows (CAD art. 65 c.1 c-bis).
func (f *filed) write(ctx context.Context) error {
	f.wrote++
	return f.Write(ctx, f.who.domicile["pec"].(string), f.pec, "Pratica "+f.id, "Aggiungo che l'attesa è durata tre ore.", "")
}

// withdraw takes the application back; asked again it changes nothing.
func (f *filed) withdraw(ctx context.Context) error {
	return f.ask(ctx, "POST", f.path("/withdrawal"), map[string]any{"reason": "Risolto allo sportello."}, nil, nil)
}

// request asks the citizen for something; an officer who asks again is told that it was done.
func (f *filed) request(ctx context.Context) error {
	return done(f.office.Post(ctx, f.desk("/integration-requests"), map[string]any{"text": "Indichi l'orario di arrivo.", "days": 10}, nil))
}

// requested looks up what was asked.
func (f *filed) requested(ctx context.Context) error {
	var v road.View
	if err := f.ask(ctx, "GET", f.path(""), nil, &v, nil); err != nil {
		return err
	}
	if len(v.Requests) != 1 {
		return fmt.Errorf("%d integration requests", len(v.Requests))
	}
	f.open = v.Requests[0].ID
	return nil
}

// reply answers it, without a file; a citizen who answers again is told that it was done.
func (f *filed) reply(ctx context.Context) error {
	return done(f.ask(ctx, "POST", f.path("/replies"), map[string]any{"request": f.open, "text": "Alle 9:10.", "attachments": []string{}}, nil, nil))
}

// need says what case is wanted.
type need struct {
	fresh   bool // not one that an earlier round left
	company bool // the citizen's company's, hence fresh
	priced  bool // of the service whose fee buys the act
}

// bring returns a case of the lane that has come so far: one that an earlier round left, or a new one.
func (l *lane) bring(ctx context.Context, to stage, what need) (*filed, error) {
	if waiting := l.ready[to]; len(waiting) > 0 && !what.fresh && !what.company {
		l.ready[to] = waiting[1:]
		return waiting[0], nil
	}
	if to == drafted {
		var f *filed
		err := insist(ctx, func() (err error) { f, err = l.draft(ctx, what); return err })
		if err == nil {
			l.all = append(l.all, f)
		}
		return f, err
	}
	way := ways[to]
	f, err := l.bring(ctx, way.from, what)
	if err != nil {
		return nil, err
	}
	for _, act := range way.deeds {
		if err := insist(ctx, func() error { return act(f, ctx) }); err != nil {
			return nil, err
		}
	}
	return f, f.reach(ctx, to, nil)
}

// ways are what people do to bring a case to a stage.
var ways = map[stage]way{
	registered: {drafted, []deed{(*filed).submit}},
	charged:    {registered, []deed{(*filed).charge}},
	asked:      {charged, []deed{(*filed).request}},
	answered:   {charged, nil},
	decided:    {answered, []deed{(*filed).upload, (*filed).decide}},
	preserved:  {decided, []deed{(*filed).invited, (*filed).rate}},
	listed:     {drafted, []deed{(*filed).sign}},
	unpaid:     {listed, []deed{(*filed).submit, (*filed).checkout}},
	repaid:     {unpaid, []deed{pay(wrongAmount)}},
	expired:    {unpaid, []deed{(*filed).outlive}},
}

type way struct {
	from  stage
	deeds []deed
}

// reach waits until the case has settled at a stage, and until what must be there besides is there.
func (f *filed) reach(ctx context.Context, to stage, also func(*rows, context.Context) string) error {
	var missing string
	ok, err := f.until(ctx, func() (bool, error) {
		rows, err := f.items(ctx)
		if err != nil {
			return false, err
		}
		if missing = rows.missing(to); missing != "" {
			return false, nil
		}
		if err := rows.promised(ctx); err != nil {
			return false, err
		}
		if missing = rows.missing(to); missing == "" && also != nil {
			missing = also(rows, ctx)
		}
		return missing == "", nil
	})
	if err == nil && !ok {
		err = fmt.Errorf("case %s: %s", f.id, missing)
	}
	return err
}

func decode[T any](r row) (T, error) {
	var v T
	err := json.Unmarshal(r.Body, &v)
	return v, err
}
