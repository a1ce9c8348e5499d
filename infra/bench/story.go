package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sportello/infra/road"
	"sportello/shared/domain/application"
	"sportello/shared/domain/deadline"
	"sportello/shared/domain/layout"
	"sportello/shared/flow/casefile"
	"sportello/shared/flow/correspondence"
	"sportello/shared/flow/step"
)

// stories are what an application of each service takes, and what passes whether or not anybody applies.
type stories struct {
	each     []*story
	runs     map[string]work // what one run of each schedule takes, by its name, with nothing to do, in the afternoon of a working day
	day      passed          // by closing one chamber's day: its list, its seal, its declaration, its package
	chambers int
}

// of is the story of a service.
func (s *stories) of(service string) *story {
	return s.each[slices.IndexFunc(s.each, func(one *story) bool { return one.service.id == service })]
}

// story is one application from login to preservation, and what it took.
type story struct {
	*cloud
	service         service
	functions       []function
	citizen, office *road.Browser
	cases, register string          // names of tables
	runs            map[string]work // the same before noon
	id              string
	rated           map[string]bool // surveys that an earlier story answered

	presented []row // the rows as the presentation left them
	passed
}

// passed is what happened between two moments.
type passed struct {
	used    usage // what runs anyway taken off
	entries int   // of the register
	tables  int64 // bytes in tables
	objects int64 // bytes in buckets
	logs    int64 // bytes printed
}

// service is what is a service's own on the road that all go.
type service struct {
	id, company       string // of the applicant: none is the person
	answers           map[string]any
	attach, settle    func(*story, context.Context) error // the form's file; what is between presentation and number
	outcome, decision string
}

// Who takes part: personas of the identity provider.
const (
	chamber = "milano"
	citizen = "giulia"
	address = "giulia.rinaldi@pec.example.it"
	company = "09900000010" // hers
	officer = "CLMNNA74P48F205H"
)

const (
	complaints = "reclami"
	priceLists = "listino-prezzi"
)

// services are the two, of the plainest case each: nobody asks for more, and the payment's notice comes.
func services() []service {
	return []service{
		{
			id: complaints, answers: road.Complaint(map[string]any{"domicile": "elected", "pec": address}),
			attach: func(s *story, ctx context.Context) error {
				_, err := s.citizen.Upload(ctx, s.path("/attachments"), "evidence", "biglietto.pdf", "application/pdf", road.PDF("Numero di attesa 42"))
				return err
			},
			settle:  func(*story, context.Context) error { return nil },
			outcome: "founded", decision: "Il reclamo è fondato.",
		},
		{
			id: priceLists, company: company, answers: road.PriceList(), attach: (*story).sign, settle: (*story).pay,
			outcome: "deposited", decision: "Il listino è depositato: la Camera attesta il deposito.",
		},
	}
}

// told tells the stories once in a run, also when they come to no end.
func (b *bench) told() (*stories, error) {
	if b.stories == nil && b.untold == nil {
		b.stories, b.untold = b.recount()
	}
	return b.stories, b.untold
}

func (b *bench) recount() (*stories, error) {
	c, err := b.local()
	if err != nil {
		return nil, err
	}
	keys, err := c.Keys()
	if err != nil {
		return nil, err
	}
	all, rated := &stories{chambers: len(keys)}, map[string]bool{}
	var runs map[string]work
	// From noon of a working day on it is looked for days without a seal, and in a register's first days that takes long: the stories are over by then.
	if err := c.reachHour(b.ctx, 4); err != nil {
		return nil, err
	}
	if err := c.Fire(b.ctx, "TrustList"); err != nil { // it is fetched once a minute while there is none
		return nil, err
	}
	for _, of := range services() {
		s := &story{cloud: c, service: of, functions: b.deployment.functions, rated: rated}
		s.citizen, s.office = road.OpenBrowser(c.Cloud, chamber), road.OpenOffice(c.Cloud, keys[chamber], officer)
		if s.cases, err = c.table(b.ctx, "applications"); err != nil {
			return nil, err
		}
		if s.register, err = c.table(b.ctx, "register"); err != nil {
			return nil, err
		}
		if runs == nil {
			if runs, err = s.rest(b.ctx); err != nil {
				return nil, err
			}
		}
		s.runs = runs
		if err := s.tell(b.ctx); err != nil {
			return nil, fmt.Errorf("telling the story of %s: %w", of.id, err)
		}
		all.each = append(all.each, s)
	}
	if all.day, err = all.each[0].night(b.ctx); err != nil {
		return nil, fmt.Errorf("closing the day: %w", err)
	}
	if err := c.reachHour(b.ctx, 13); err != nil { // when the schedules do most
		return nil, err
	}
	all.runs, err = all.each[0].rest(b.ctx)
	return all, err
}

// reachHour moves the clock to an hour of the next working day.
func (c *cloud) reachHour(ctx context.Context, hour int) error {
	now, err := c.Now(ctx)
	if err != nil {
		return err
	}
	day := deadline.DateOf(now).AddDays(1)
	for !casefile.Calendar(chamber).Working(day) {
		day = day.AddDays(1)
	}
	return c.Advance(ctx, day.Start().Add(time.Duration(hour)*time.Hour).Sub(now))
}

// tell goes the way of an application and counts what happens between its first request and its last effect.
func (s *story) tell(ctx context.Context) (err error) {
	var failed error
	s.meter.after = func(made call) {
		if made.action == "TransactWriteItems" && strings.Contains(string(made.body), `"OUT#`+string(step.Register)) && s.presented == nil {
			s.presented, failed = s.promised(ctx, made.body)
		}
	}
	defer func() { s.meter.after = nil }()
	s.passed, err = s.passing(ctx, s.file, s.work, s.rate, s.keep)
	if err == nil && failed == nil && len(s.presented) == 0 {
		failed = errors.New("the promise of a number was not seen")
	}
	return errors.Join(err, failed)
}

// passing is what happens while the parts are gone through, without what the schedules' runs take when there is nothing to do.
func (s *story) passing(ctx context.Context, parts ...func(context.Context) error) (p passed, err error) {
	start, err := s.size(ctx)
	if err != nil {
		return p, err
	}
	p.used, err = s.during(ctx, func(ctx context.Context) error {
		for _, part := range parts {
			if err := part(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return p, err
	}
	for _, f := range s.functions {
		if one, some := s.idle(f); some {
			p.used[f.ID] = p.used[f.ID].plus(one, -p.used[f.ID].invocations).positive()
		}
	}
	end, err := s.size(ctx)
	p.entries, p.tables, p.objects, p.logs = end.entries-start.entries, end.tables-start.tables, end.objects-start.objects, end.logs-start.logs
	return p, err
}

// night moves the clock past a working day's close and counts what is done for a chamber's day, until nothing is owed any more.
func (s *story) night(ctx context.Context) (passed, error) {
	now, err := s.Now(ctx)
	if err != nil {
		return passed{}, err
	}
	declared := layout.Declared(chamber, now.In(road.Rome()).Format(time.DateOnly))
	return s.passing(ctx, func(ctx context.Context) error {
		looks := 0
		return until(ctx, "the day is closed", func() (bool, error) {
			if looks%40 == 0 { // until the next working day: a weekend and holidays lie between at most
				if err := s.Advance(ctx, 24*time.Hour); err != nil {
					return false, err
				}
				if err := s.Fire(ctx, "Daily"); err != nil {
					return false, err
				}
			}
			looks++
			rows, err := s.partition(ctx, s.cases, declared.PK)
			return rows[declared.SK] != nil, err
		})
	}, func(ctx context.Context) error {
		looks := 0
		return until(ctx, "the day is preserved", func() (bool, error) {
			if looks++; looks%40 == 0 {
				if err := s.Advance(ctx, 6*time.Minute); err != nil { // the provider is asked again every five minutes
					return false, err
				}
			}
			items, err := scan(ctx, s.rows, s.cases)
			return !slices.ContainsFunc(items, func(i map[string]types.AttributeValue) bool { return strings.HasPrefix(text(i["pk"]), "OUT#") }), err
		})
	})
}

// rest counts what a run of each schedule takes when there is nothing to do.
func (s *story) rest(ctx context.Context) (map[string]work, error) {
	each := map[string]work{}
	for _, f := range s.functions {
		for _, e := range f.Events {
			if e.Type != "ScheduleV2" {
				continue
			}
			var err error
			if each[e.Name], err = s.idleRun(ctx, f, e.Name); err != nil {
				return nil, err
			}
		}
	}
	return each, nil
}

// idleRun is one run's work, the mean of three, in which no other schedule's fell; the first run, which may start the function, does not count.
func (s *story) idleRun(ctx context.Context, f function, schedule string) (work, error) {
	const runs, tries = 3, 5
	if err := s.idly(ctx, schedule, 1); err != nil {
		return work{}, err
	}
	for range tries {
		used, err := s.during(ctx, func(ctx context.Context) error { return s.idly(ctx, schedule, runs) })
		if err != nil {
			return work{}, err
		}
		if did := used[f.ID]; did.invocations == runs {
			return work{}.plus(did, 1./runs), nil
		}
	}
	return work{}, fmt.Errorf("the schedule %s was never alone, or did not run", schedule)
}

func (s *story) idly(ctx context.Context, schedule string, times int) error {
	for range times {
		if err := s.Fire(ctx, schedule); err != nil {
			return err
		}
		time.Sleep(300 * time.Millisecond)
	}
	return nil
}

// schedules are fired while a story waits, together, as most of them are when the clock moves: so what is taken off for a run is the mean of all. The one
// at night is fired where a day is closed.
var schedules = []string{"Inbox", "Sweep", "TrustList", "Watch"}

// idle is what a run of the function takes in that mean.
func (s *story) idle(f function) (mean work, some bool) {
	var sum work
	n := 0
	for _, e := range f.Events {
		if slices.Contains(schedules, e.Name) {
			sum, n = sum.plus(s.runs[e.Name], 1), n+1
		}
	}
	if n == 0 {
		return work{}, false
	}
	return work{}.plus(sum, 1/float64(n)), true
}

func (s *story) path(rest string) string { return "/api/v1/applications/" + s.id + rest }
func (s *story) desk(rest string) string { return "/chamber/v1/applications/" + s.id + rest }

// file goes from login to the number and the receipt.
func (s *story) file(ctx context.Context) error {
	if err := s.citizen.Login(ctx, "spid", citizen); err != nil {
		return err
	}
	var profiles struct {
		Items []struct{ ID, Kind, TaxCode string }
	}
	if err := s.citizen.Get(ctx, "/api/v1/profiles", &profiles); err != nil {
		return err
	}
	profile := ""
	for _, p := range profiles.Items {
		if s.service.company == "" && p.Kind == "person" || s.service.company != "" && p.TaxCode == s.service.company {
			profile = p.ID
		}
	}
	var v road.View
	if err := s.citizen.Post(ctx, "/api/v1/applications", map[string]any{"chamber": chamber, "service": s.service.id, "profile": profile}, &v); err != nil {
		return err
	}
	s.id = v.ID
	match := http.Header{"If-Match": {fmt.Sprintf("%q", fmt.Sprint(v.Version))}}
	if err := s.citizen.Call(ctx, "PATCH", s.path(""), map[string]any{"answers": s.service.answers}, nil, match); err != nil {
		return err
	}
	if err := s.service.attach(s, ctx); err != nil {
		return err
	}
	if err := s.citizen.Call(ctx, "POST", s.path("/submission"), map[string]any{}, nil, http.Header{"Idempotency-Key": {road.UUID()}}); err != nil {
		return err
	}
	if err := s.service.settle(s, ctx); err != nil {
		return err
	}
	err := s.reach(ctx, "number and receipt", func(k *kept) bool { return k.meta.Protocol != nil && k.documents >= 2 })
	if err != nil {
		return err
	}
	return s.citizen.Get(ctx, s.path(""), nil)
}

// sign uploads a list that the legal representative has signed at the signing desk.
func (s *story) sign(ctx context.Context) error {
	how := url.Values{"persona": {citizen}, "style": {"pades-t"}, "name": {"listino.pdf"}}
	signed, err := s.Sign(ctx, how, road.PDF("Listino prezzi 2027, pagina 1 di 1"))
	if err != nil {
		return err
	}
	file, err := s.citizen.Upload(ctx, s.path("/attachments"), "list", "listino.pdf", "application/pdf", signed)
	if err != nil {
		return err
	}
	var v road.View
	if err := s.citizen.Get(ctx, s.path(""), &v); err != nil {
		return err
	}
	for _, a := range v.Attachments {
		if a.ID == file && a.Signature != nil && a.Signature.Verdict == "valid" {
			return nil
		}
	}
	return errors.New("the signature is not found valid")
}

// pay goes from the case to the institute's page and pays there; the institute tells of it.
func (s *story) pay(ctx context.Context) error {
	var v road.View
	if err := s.citizen.Get(ctx, s.path(""), &v); err != nil {
		return err
	}
	if v.State != "awaiting_payment" || v.Payment == nil {
		return fmt.Errorf("presented as %s", v.State)
	}
	if err := s.citizen.Post(ctx, s.path("/checkout"), map[string]any{}, nil); err != nil {
		return err
	}
	return s.World().Post(ctx, "/control/institute/pay", map[string]any{"noticeNumber": v.Payment.NoticeNumber, "behaviour": "ok"}, nil)
}

// work is the office's part, up to the certified delivery of the outcome.
func (s *story) work(ctx context.Context) error {
	if err := s.office.Get(ctx, s.desk(""), nil); err != nil {
		return err
	}
	if err := s.office.Post(ctx, s.desk("/assignment"), map[string]any{}, nil); err != nil {
		return err
	}
	act := road.PDF(s.service.decision)
	if s.service.id == "listino-prezzi" { // the office's act is signed too
		var err error
		if act, err = s.Sign(ctx, url.Values{"persona": {"anna"}, "style": {"pades"}, "name": {"esito.pdf"}}, act); err != nil {
			return err
		}
	}
	document, err := s.office.Upload(ctx, s.desk("/attachments"), "", "esito.pdf", "application/pdf", act)
	if err != nil {
		return err
	}
	decision := map[string]any{"outcome": s.service.outcome, "text": s.service.decision, "document": document}
	if err := s.office.Post(ctx, s.desk("/decision"), decision, nil); err != nil {
		return err
	}
	err = s.reach(ctx, "outcome delivered", func(k *kept) bool { return k.meta.Outcome != nil && k.meta.Outcome.DeliveredAt != nil && k.delivered })
	if err != nil {
		return err
	}
	return s.citizen.Get(ctx, s.path(""), nil)
}

var survey = regexp.MustCompile(`/valuta/\?t=3?D?([A-Za-z0-9_-]{22})`)

// rate follows the link in the outcome's message.
func (s *story) rate(ctx context.Context) error {
	mails, err := s.Mails(ctx)
	if err != nil {
		return err
	}
	for _, m := range mails {
		message, err := s.Original(ctx, m.ID)
		if err != nil {
			return err
		}
		if found := survey.FindStringSubmatch(strings.ReplaceAll(message, "=\r\n", "")); found != nil && !s.rated[found[1]] {
			s.rated[found[1]] = true
			anyone := s.citizen.Anonymous()
			if err := anyone.Get(ctx, "/api/v1/surveys/"+found[1], nil); err != nil {
				return err
			}
			return anyone.Post(ctx, "/api/v1/surveys/"+found[1], map[string]any{"rating": 5, "reasons": []string{}}, nil)
		}
	}
	return errors.New("no message holds a link to the survey")
}

// keep lets the time pass after which a case is closed, and waits for the preservation's receipt.
func (s *story) keep(ctx context.Context) error {
	if err := s.Advance(ctx, 61*time.Minute); err != nil {
		return err
	}
	return s.reach(ctx, "preserved", func(k *kept) bool { return k.meta.State == application.Preserved })
}

// kept is the case as the table holds it.
type kept struct {
	meta      application.Application
	documents int
	delivered bool // every message
}

// reach waits until the case is so. It looks at the table, past the meter, so that looking costs the application nothing; now and then it
// fires the schedules that a minute's wait would, and lets the minutes pass after which a partner is asked again.
func (s *story) reach(ctx context.Context, what string, ok func(*kept) bool) error {
	looks := 0
	return until(ctx, what, func() (bool, error) {
		if looks++; looks%80 == 0 {
			if err := s.Advance(ctx, 6*time.Minute); err != nil {
				return false, err
			}
		}
		if looks%20 == 0 {
			for _, schedule := range schedules {
				if err := s.Fire(ctx, schedule); err != nil {
					return false, err
				}
			}
		}
		rows, err := s.partition(ctx, s.cases, layout.Application(s.id))
		if err != nil {
			return false, err
		}
		k := kept{delivered: true}
		for sk, body := range rows {
			switch {
			case sk == "META":
				err = json.Unmarshal(body, &k.meta)
			case strings.HasPrefix(sk, layout.DocumentPrefix):
				k.documents++
			case strings.HasPrefix(sk, layout.MailPrefix):
				var m correspondence.Mail
				err = json.Unmarshal(body, &m)
				k.delivered = k.delivered && m.State == "delivered"
			}
			if err != nil {
				return false, fmt.Errorf("reading %s: %w", sk, err)
			}
		}
		return ok(&k), nil
	})
}

// stored is what is kept and printed at a moment.
type stored struct {
	entries               int
	tables, objects, logs int64
}

func (s *story) size(ctx context.Context) (stored, error) {
	var all stored
	for _, table := range []string{s.cases, s.register} {
		items, err := scan(ctx, s.rows, table)
		if err != nil {
			return all, err
		}
		for _, i := range items {
			all.tables += weight(i)
			if table == s.register && strings.HasPrefix(text(i["b"]), `{"book"`) && strings.Contains(text(i["b"]), `"hash"`) {
				all.entries++
			}
		}
	}
	var err error
	if all.objects, err = folder(filepath.Join(s.Data, "data", "s3")); err != nil {
		return all, err
	}
	for _, f := range s.functions {
		if info, err := os.Stat(filepath.Join(s.Data, "logs", f.Folder+".log")); err == nil {
			all.logs += info.Size()
		}
	}
	return all, nil
}

func scan(ctx context.Context, client *dynamodb.Client, table string) ([]map[string]types.AttributeValue, error) {
	var items []map[string]types.AttributeValue
	for pages := dynamodb.NewScanPaginator(client, &dynamodb.ScanInput{TableName: &table, ConsistentRead: aws.Bool(true)}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		items = append(items, page.Items...)
	}
	return items, nil
}

// weight is an item's size as DynamoDB bills storage: names and values, and a hundred bytes of its own.
func weight(i map[string]types.AttributeValue) int64 {
	size := int64(100)
	for name, v := range i {
		size += int64(len(name))
		switch v := v.(type) {
		case *types.AttributeValueMemberS:
			size += int64(len(v.Value))
		case *types.AttributeValueMemberN:
			size += int64(len(v.Value)/2 + 1)
		}
	}
	return size
}

// folder is how many bytes the files under a folder have.
func folder(path string) (size int64, err error) {
	err = filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			size += info.Size()
		}
		return nil
	})
	return size, err
}

// applications lists what one application of each service takes: write units for each entry of the register, and calls; and what a day takes.
func applications(b *bench) ([]line, error) {
	all, err := b.told()
	if err != nil {
		return nil, err
	}
	var lines []line
	for _, s := range all.each {
		if s.entries == 0 {
			return nil, fmt.Errorf("the story of %s left no entry in the register", s.service.id)
		}
		_, _, byTable := s.passed.counted()
		register := byTable[s.register]
		lines = append(lines,
			result("register.write-units."+s.service.id, register.Table/float64(s.entries), "WRU/entry", nil, map[string]any{
				"entries": s.entries, "writeUnits": round(register.Table), "readUnits": round(register.Read),
				"method": "ConsumedCapacity as the local cloud's DynamoDB tells it of the register's table, in blocks of one, since one application was " +
					"under way; ledger.throughput has it for blocks of ten; indexes: the table has none",
			}),
			s.passed.calls("application", s.service.id, "one application in the local cloud, from login to preservation, with an attachment (signed and paid for, where "+
				"the service asks for it), a document of outcome, certified mail and a rating; calls counted where the local cloud checks permissions, "+
				"browsers' uploads by signed address and the parameters that each function reads at its start among them (the first story has the starts); "+
				"what a schedule's run takes with nothing to do is taken off as the mean of such runs, and in cost.year: the number moves by a tenth between runs"),
		)
	}
	return append(lines, all.day.calls("day", "chamber", "closing one chamber's day with the entries of both stories: list, seal, declaration with signature and "+
		"timestamp, package handed to preservation; what a schedule's run takes with nothing to do is taken off")), nil
}

// counted sums up what passed: calls by service, calls by function, units by table. The queues' consumers ask whether or not there is anything:
// cost.year has them.
func (p passed) counted() (services, byFunction map[string]map[string]float64, byTable map[string]units) {
	services, byFunction, byTable = map[string]map[string]float64{}, map[string]map[string]float64{}, map[string]units{}
	for function, w := range p.used {
		for table, u := range w.units {
			byTable[table] = byTable[table].plus(u, 1)
		}
		for kind, n := range w.calls {
			if service, action, _ := strings.Cut(kind, ":"); action != "ReceiveMessage" {
				add(services, service, action, n)
				add(byFunction, function, kind, n)
			}
		}
	}
	return services, byFunction, byTable
}

// calls is the line of how many calls there were, with the units that they consumed.
func (p passed) calls(of, what, method string) line {
	services, byFunction, byTable := p.counted()
	calls, written, invocations := 0.0, 0.0, map[string]float64{}
	for _, actions := range services {
		for _, n := range actions {
			calls += n
		}
	}
	for _, u := range byTable {
		written += u.Table + u.Indexes
	}
	for function, w := range p.used {
		if w.invocations > 0 {
			invocations[function] = round(w.invocations)
		}
	}
	return result(of+".calls."+what, calls, "calls", nil, map[string]any{
		"byService": services, "byFunction": byFunction, "invocations": invocations, "unitsByTable": byTable, "writeUnits": round(written),
		"method": method,
	})
}

func add(to map[string]map[string]float64, one, other string, n float64) {
	if to[one] == nil {
		to[one] = map[string]float64{}
	}
	to[one][other] = round(to[one][other] + n)
}
