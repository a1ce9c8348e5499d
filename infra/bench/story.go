package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sportello/infra/road"
	"sportello/shared/domain/application"
	"sportello/shared/domain/layout"
	"sportello/shared/flow/correspondence"
	"sportello/shared/flow/step"
)

// story is one complaint from login to preservation, and what it took.
type story struct {
	*cloud
	functions       []function
	citizen, office *road.Browser
	cases, register string // names of tables
	id, document    string

	presented []row // the rows as the presentation left them
	used      usage // by the application, what runs anyway taken off
	runs      usage // of one run of each function that a schedule calls, with nothing to do
	entries   int   // of the register
	tables    int64 // bytes in tables
	objects   int64 // bytes in buckets
	logs      int64 // bytes printed
}

// Who takes part: personas of the identity provider.
const (
	chamber = "milano"
	citizen = "giulia"
	address = "giulia.rinaldi@pec.example.it"
	officer = "CLMNNA74P48F205H"
)

// told tells the story once in a run.
func (b *bench) told() (*story, error) {
	if b.story != nil {
		return b.story, nil
	}
	c, err := b.local()
	if err != nil {
		return nil, err
	}
	keys, err := c.Keys()
	if err != nil {
		return nil, err
	}
	s := &story{cloud: c, functions: b.deployment.functions, citizen: road.OpenBrowser(c.Cloud, chamber), office: road.OpenOffice(c.Cloud, keys[chamber], officer)}
	if s.cases, err = c.table(b.ctx, "applications"); err != nil {
		return nil, err
	}
	if s.register, err = c.table(b.ctx, "register"); err != nil {
		return nil, err
	}
	if err := s.tell(b.ctx); err != nil {
		return nil, fmt.Errorf("telling the application's story: %w", err)
	}
	b.story = s
	return s, nil
}

// tell goes the way of a complaint and counts what happens between its first request and its last effect.
func (s *story) tell(ctx context.Context) error {
	if err := s.rest(ctx); err != nil {
		return err
	}
	start, err := s.size(ctx)
	if err != nil {
		return err
	}
	var failed error
	s.meter.after = func(made call) {
		if made.action == "TransactWriteItems" && strings.Contains(string(made.body), `"OUT#`+string(step.Register)) && s.presented == nil {
			s.presented, failed = s.promised(ctx, made.body)
		}
	}
	defer func() { s.meter.after = nil }()
	s.used, err = s.during(ctx, func(ctx context.Context) error {
		for _, part := range []func(context.Context) error{s.file, s.work, s.rate, s.keep} {
			if err := part(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for function, one := range s.runs {
		s.used[function] = s.used[function].plus(one, -s.used[function].invocations).positive()
	}
	end, err := s.size(ctx)
	s.entries, s.tables, s.objects, s.logs = end.entries-start.entries, end.tables-start.tables, end.objects-start.objects, end.logs-start.logs
	if failed == nil && len(s.presented) == 0 {
		failed = errors.New("the presentation was not seen")
	}
	return errors.Join(err, failed)
}

// rest counts what a run of each schedule takes when there is nothing to do; the first, which starts the function, does not count.
func (s *story) rest(ctx context.Context) error {
	const idleRuns = 3
	fire := func(times float64) error {
		for range int(times) {
			for _, schedule := range schedules {
				if err := s.Fire(ctx, schedule); err != nil {
					return err
				}
			}
			time.Sleep(300 * time.Millisecond)
		}
		return nil
	}
	if err := fire(1); err != nil {
		return err
	}
	runs, err := s.during(ctx, func(context.Context) error { return fire(idleRuns) })
	if err != nil {
		return err
	}
	s.runs = usage{}
	for _, f := range s.functions {
		if w := runs[f.ID]; f.by("ScheduleV2") && w.invocations > 0 {
			s.runs[f.ID] = work{}.plus(w, 1/w.invocations)
		}
	}
	return nil
}

// schedules are fired by the names that the local cloud knows; the one at night only sends a message for each chamber.
var schedules = []string{"Inbox", "Sweep"}

func (s *story) path(rest string) string { return "/api/v1/applications/" + s.id + rest }
func (s *story) desk(rest string) string { return "/chamber/v1/applications/" + s.id + rest }

// file goes from login to the number and the receipt.
func (s *story) file(ctx context.Context) error {
	if err := s.citizen.Login(ctx, "spid", citizen); err != nil {
		return err
	}
	var profiles struct {
		Items []struct{ ID, Kind string }
	}
	if err := s.citizen.Get(ctx, "/api/v1/profiles", &profiles); err != nil {
		return err
	}
	profile := ""
	for _, p := range profiles.Items {
		if p.Kind == "person" {
			profile = p.ID
		}
	}
	var v road.View
	if err := s.citizen.Post(ctx, "/api/v1/applications", map[string]any{"chamber": chamber, "service": "reclami", "profile": profile}, &v); err != nil {
		return err
	}
	s.id = v.ID
	match := http.Header{"If-Match": {fmt.Sprintf("%q", fmt.Sprint(v.Version))}}
	answers := map[string]any{"answers": road.Complaint(map[string]any{"domicile": "elected", "pec": address})}
	if err := s.citizen.Call(ctx, "PATCH", s.path(""), answers, nil, match); err != nil {
		return err
	}
	if _, err := s.citizen.Upload(ctx, s.path("/attachments"), "evidence", "biglietto.pdf", "application/pdf", road.PDF("Numero di attesa 42")); err != nil {
		return err
	}
	if err := s.citizen.Call(ctx, "POST", s.path("/submission"), map[string]any{}, nil, http.Header{"Idempotency-Key": {road.UUID()}}); err != nil {
		return err
	}
	err := s.reach(ctx, "number and receipt", func(k *kept) bool { return k.meta.Protocol != nil && k.documents >= 2 })
	if err != nil {
		return err
	}
	return s.citizen.Get(ctx, s.path(""), nil)
}

// work is the office's part, up to the certified delivery of the outcome.
func (s *story) work(ctx context.Context) (err error) {
	if err := s.office.Get(ctx, s.desk(""), nil); err != nil {
		return err
	}
	if err := s.office.Post(ctx, s.desk("/assignment"), map[string]any{}, nil); err != nil {
		return err
	}
	if s.document, err = s.office.Upload(ctx, s.desk("/attachments"), "", "esito.pdf", "application/pdf", road.PDF("Il reclamo è fondato")); err != nil {
		return err
	}
	decision := map[string]any{"outcome": "founded", "text": "Il reclamo è fondato.", "document": s.document}
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
		if found := survey.FindStringSubmatch(strings.ReplaceAll(message, "=\r\n", "")); found != nil {
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
	looks := 0
	return s.reach(ctx, "preserved", func(k *kept) bool {
		if looks++; looks%40 == 0 {
			_ = s.Advance(ctx, 6*time.Minute) // the provider is asked again every five minutes
		}
		return k.meta.State == application.Preserved
	})
}

// kept is the case as the table holds it.
type kept struct {
	meta      application.Application
	documents int
	delivered bool // every message
}

// reach waits until the case is so. It looks at the table, past the meter, so that looking costs the application nothing; now and then it
// fires the schedules that a minute's wait would.
func (s *story) reach(ctx context.Context, what string, ok func(*kept) bool) error {
	looks := 0
	return until(ctx, what, func() (bool, error) {
		if looks++; looks%20 == 0 {
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

// applications lists what one application takes: write units for each entry of the register, and calls.
func applications(b *bench) ([]line, error) {
	s, err := b.told()
	if err != nil {
		return nil, err
	}
	if s.entries == 0 {
		return nil, errors.New("the story left no entry in the register")
	}
	calls, services, byFunction, byTable := 0.0, map[string]map[string]float64{}, map[string]map[string]float64{}, map[string]units{}
	invocations := map[string]float64{}
	for function, w := range s.used {
		invocations[function] = round(w.invocations)
		for table, u := range w.units {
			byTable[table] = byTable[table].plus(u, 1)
		}
		for kind, n := range w.calls {
			service, action, _ := strings.Cut(kind, ":")
			if action == "ReceiveMessage" {
				continue // the queues' consumers ask whether or not there is anything: cost.year has them
			}
			add(services, service, action, n)
			add(byFunction, function, kind, n)
			calls += n
		}
	}
	register := byTable[s.register]
	return []line{
		result("register.write-units", register.Table/float64(s.entries), "WRU/entry", nil, map[string]any{
			"entries": s.entries, "writeUnits": round(register.Table), "readUnits": round(register.Read),
			"method": "ConsumedCapacity as the local cloud's DynamoDB tells it of the register's table, in blocks of one, since one application was " +
				"under way; ledger.throughput has it for blocks of ten; indexes: the table has none",
		}),
		result("application.calls", calls, "calls", nil, map[string]any{
			"byService": services, "byFunction": byFunction, "invocations": invocations, "unitsByTable": byTable,
			"method": "one complaint in the local cloud, from login to preservation, with an attachment, a document of outcome, certified mail and a " +
				"rating; calls counted where the local cloud checks permissions, browsers' uploads by signed address and the parameters that each " +
				"function reads at its start among them; what a schedule's run takes with nothing to do is taken off, and in cost.year",
		}),
	}, nil
}

func add(to map[string]map[string]float64, one, other string, n float64) {
	if to[one] == nil {
		to[one] = map[string]float64{}
	}
	to[one][other] = round(to[one][other] + n)
}
