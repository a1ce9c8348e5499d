//go:build road

package crash

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"sportello/infra/road"
	"sportello/shared/domain/catalogue"
	"sportello/shared/domain/deadline"
	"sportello/shared/flow/casefile"
)

// town is a local cloud under test, with hands on its tables and queues.
type town struct {
	*road.Cloud
	table         *dynamodb.Client
	queue         *sqs.Client
	objects       *s3.Client
	cases, ledger string // the names of the tables
	archive       string // of the bucket
	lanes         []*lane

	pulse pulse
	sight sight
}

// root is the repository.
const root = "../.."

// starts is how often a town may try to start: a port that was free may be taken by the time it is used.
const starts = 3

// found starts a town: every chamber with a citizen who is signed in and an office. It is gone when the test ends.
func found(t *testing.T, flags ...string) (*town, error) {
	program, err := filepath.Abs(root + "/.local/bin/local")
	if err == nil {
		_, err = os.Stat(program)
	}
	if err != nil {
		return nil, fmt.Errorf("the local cloud is not built (go run ./cmd/local build in infra/local): %w", err)
	}
	var cloud *road.Cloud
	for range starts {
		if cloud, err = road.Start(t.Context(), program, append([]string{"--root", root}, flags...)...); err == nil {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	w := &town{Cloud: cloud}
	t.Cleanup(func() {
		w.Stop()
		if t.Failed() {
			t.Logf("data and log are kept in %s", w.Folder)
			return
		}
		w.Remove()
	})
	if err := w.connect(t.Context()); err != nil {
		return nil, err
	}
	return w, w.people(t.Context())
}

// connect makes clients of the emulators; after a restart they have other addresses.
func (w *town) connect(ctx context.Context) error {
	config := aws.Config{
		Region: "eu-south-1", Credentials: credentials.NewStaticCredentialsProvider("LOCALACCESSKEY", "local-secret-key", ""), RetryMaxAttempts: 3,
	}
	w.table = dynamodb.NewFromConfig(config, func(o *dynamodb.Options) { o.BaseEndpoint = &w.DynamoDB })
	w.queue = sqs.NewFromConfig(config, func(o *sqs.Options) { o.BaseEndpoint = &w.SQS })
	w.objects = s3.NewFromConfig(config, func(o *s3.Options) { o.BaseEndpoint, o.UsePathStyle = &w.S3, true })
	buckets, err := w.objects.ListBuckets(ctx, &s3.ListBucketsInput{})
	if err != nil {
		return err
	}
	for _, b := range buckets.Buckets {
		if strings.Contains(*b.Name, "archive") {
			w.archive = *b.Name
		}
	}
	tables, err := w.table.ListTables(ctx, &dynamodb.ListTablesInput{})
	if err != nil {
		return err
	}
	for _, name := range tables.TableNames {
		switch {
		case strings.Contains(strings.ToLower(name), "applications"):
			w.cases = name
		case strings.Contains(strings.ToLower(name), "register"):
			w.ledger = name
		}
	}
	return nil
}

// people opens a lane for each chamber, with its citizen and its office.
func (w *town) people(ctx context.Context) error {
	keys, err := w.Keys()
	if err != nil {
		return err
	}
	for _, c := range catalogue.Chambers() {
		l := &lane{
			town: w, chamber: c.ID, pec: c.PEC, who: giulia, citizen: road.OpenBrowser(w.Cloud, c.ID),
			office: road.OpenOffice(w.Cloud, keys[c.ID], officer), ready: map[stage][]*filed{},
		}
		w.lanes = append(w.lanes, l)
	}
	return w.each(func(l *lane) error { return l.enter(ctx) })
}

// each runs do in every lane at once and returns the first error.
func (w *town) each(do func(*lane) error) error {
	ends := make(chan error, len(w.lanes))
	for _, l := range w.lanes {
		go func() {
			err := do(l)
			if err != nil {
				err = fmt.Errorf("%s: %w", l.chamber, err)
			}
			ends <- err
		}()
	}
	var first error
	for range w.lanes {
		if err := <-ends; err != nil && first == nil {
			first = err
		}
	}
	return first
}

// row is an item of a table.
type row struct {
	PK, SK string
	Body   json.RawMessage
	Timer  string // its place before the sweep, if any
}

func read(item map[string]types.AttributeValue) row {
	text := func(name string) string {
		s, _ := item[name].(*types.AttributeValueMemberS)
		if s == nil {
			return ""
		}
		return s.Value
	}
	return row{text("pk"), text("sk"), json.RawMessage(text("b")), text("gt_sk")}
}

// partition returns the rows of a partition, consistently.
func (w *town) partition(ctx context.Context, table, pk string) ([]row, error) {
	var rows []row
	in := &dynamodb.QueryInput{
		TableName: &table, KeyConditionExpression: aws.String("pk = :p"), ConsistentRead: aws.Bool(true),
		ExpressionAttributeValues: map[string]types.AttributeValue{":p": &types.AttributeValueMemberS{Value: pk}},
	}
	for pages := dynamodb.NewQueryPaginator(w.table, in); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, item := range page.Items {
			rows = append(rows, read(item))
		}
	}
	return rows, nil
}

// scan returns the rows of the applications table whose partition begins with one of two texts.
func (w *town) scan(ctx context.Context, one, other string) ([]row, error) {
	var rows []row
	in := &dynamodb.ScanInput{
		TableName: &w.cases, ConsistentRead: aws.Bool(true), FilterExpression: aws.String("begins_with(pk, :a) OR begins_with(pk, :b)"),
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":a": &types.AttributeValueMemberS{Value: one}, ":b": &types.AttributeValueMemberS{Value: other},
		},
	}
	for pages := dynamodb.NewScanPaginator(w.table, in); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, item := range page.Items {
			rows = append(rows, read(item))
		}
	}
	return rows, nil
}

// drained waits until no queue holds a message, seen or unseen, but for dead letters.
func (w *town) drained(ctx context.Context) error {
	var left []road.Queue
	ok, err := w.until(ctx, func() (bool, error) {
		queues, err := w.Queues(ctx)
		if err != nil {
			return false, err
		}
		left = slices.DeleteFunc(queues, func(q road.Queue) bool { return dead(q) || q.Visible+q.InFlight+q.Delayed == 0 })
		return len(left) == 0, nil
	})
	if err == nil && !ok {
		err = fmt.Errorf("I1: the queues do not run empty: %s", inQueues(left))
	}
	return err
}

// quietWeek moves the clock to five in the morning of a Monday whose week has no holiday in any chamber, so that the tests see the same
// calendar on whatever day they run.
func (w *town) quietWeek(ctx context.Context) error {
	now, err := w.Now(ctx)
	if err != nil {
		return err
	}
	day := deadline.DateOf(now).AddDays(1)
	for !working(day) {
		day = day.AddDays(1)
	}
	return w.Advance(ctx, day.Start().Add(5*time.Hour).Sub(now))
}

// working tells whether the day begins five working days of every chamber, Monday to Friday.
func working(day deadline.Date) bool {
	if day.Start().In(road.Rome()).Weekday() != time.Monday {
		return false
	}
	for _, c := range catalogue.Chambers() {
		calendar := casefile.Calendar(c.ID)
		for n := range 5 {
			if !calendar.Working(day.AddDays(n)) {
				return false
			}
		}
	}
	return true
}
