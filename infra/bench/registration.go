package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"sportello/shared/flow/step"
	"sportello/shared/platform/queue"
)

// registrationFunction is the function's logical id in template.yaml.
const registrationFunction = "ProtocolRegistrationFunction"

// registrations measures how many documents a second the real function registers, its number and then its case, over a bare sequential loop of
// the very calls that it makes.
//
// One complaint is presented in the local cloud and its rows are kept as they were before anybody went on; copies of it under other ids fill
// three sets of tables on one emulator. On the first the function works through meters that write down its calls; on the second it works in
// its turn, and on the third the written calls are made again by the SDK, batch by batch, each side first every other time. What the calls
// answer is the same on all three, so both do the same work and end with the same register.
func registrations(b *bench) ([]line, error) {
	told, err := b.told()
	if err != nil {
		return nil, err
	}
	presented := told.of(complaints).presented
	batches := b.rounds(40) + 1 // the first opens the book, and is not measured
	towns := make([]*town, 3)
	for n := range towns {
		if towns[n], err = b.found(n, presented, batches*block); err != nil {
			return nil, err
		}
	}
	written, err := b.write(towns[0], presented, batches)
	if err != nil {
		return nil, fmt.Errorf("writing down the calls: %w", err)
	}
	ours, bare, spent, err := b.race(towns[1], towns[2], presented, written)
	if err != nil {
		return nil, err
	}
	for _, t := range towns {
		if n, err := t.registered(b.ctx); err != nil || n != batches*block {
			return nil, fmt.Errorf("town %d has %d entries instead of %d: %w", t.number, n, batches*block, err)
		}
	}
	calls, kinds := 0, map[string]float64{}
	for _, w := range written[1:] {
		for _, c := range slices.Concat(w[0], w[1]) {
			calls++
			kinds[c.service+":"+c.action] += 1 / float64((batches-1)*block)
		}
	}
	for kind, n := range kinds {
		kinds[kind] = round(n)
	}
	perSecond := func(t times) float64 { return float64(len(t)*block) / t.sum().Seconds() }
	perEntry := func(d time.Duration) float64 { return round(millis(d) / float64(batches*block)) }
	return []line{result("registration.throughput", ratio(bare, ours), "ratio", atLeast(0.8), map[string]any{
		"functionEntriesPerSecond": round(perSecond(ours)), "bareEntriesPerSecond": round(perSecond(bare)), "batches": batches - 1, "batch": block,
		"ratioOfWholeTimes": round(perSecond(ours) / perSecond(bare)), "functionBatchMillis": round(millis(ours.median())),
		"bareBatchMillis":                 round(millis(bare.median())),
		"functionProcessorMillisPerEntry": perEntry(spent[0]), "bareProcessorMillisPerEntry": perEntry(spent[1]),
		"callsPerEntry": round(float64(calls) / float64((batches-1)*block)), "callsPerEntryByKind": kinds,
	})}, nil
}

// row is an item of a table of the cloud.
type row struct {
	table string // applications or register
	item  map[string]types.AttributeValue
}

// promised reads the rows that a transaction wrote, and the rest of the application they belong to.
func (c *cloud) promised(ctx context.Context, body []byte) ([]row, error) {
	var transaction struct {
		TransactItems []struct {
			Put *struct {
				TableName string
				Item      struct{ PK, SK struct{ S string } }
			}
		}
	}
	if err := json.Unmarshal(body, &transaction); err != nil {
		return nil, err
	}
	kept := map[string]row{}
	for _, part := range transaction.TransactItems {
		if part.Put == nil {
			continue
		}
		items, err := query(ctx, c.rows, part.Put.TableName, part.Put.Item.PK.S)
		if err != nil {
			return nil, err
		}
		for _, i := range items {
			whole := strings.HasPrefix(part.Put.Item.PK.S, "APP#")
			if whole || text(i["sk"]) == part.Put.Item.SK.S {
				kept[text(i["pk"])+" "+text(i["sk"])] = row{"applications", i}
			}
		}
	}
	return slices.Collect(maps.Values(kept)), nil
}

// uuid is a UUIDv7: what names applications and events.
var uuid = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`)

// copied is the text with other ids, the same for the same number.
func copied(s string, number int) string {
	return uuid.ReplaceAllStringFunc(s, func(id string) string {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", id, number))
		return id[:24] + hex.EncodeToString(sum[:6])
	})
}

// copyItem is an item with other ids. Rows hold texts and numbers only.
func copyItem(i map[string]types.AttributeValue, number int) map[string]types.AttributeValue {
	out := map[string]types.AttributeValue{}
	for name, v := range i {
		if s, ok := v.(*types.AttributeValueMemberS); ok {
			v = &types.AttributeValueMemberS{Value: copied(s.Value, number)}
		}
		out[name] = v
	}
	return out
}

// town is one set of tables, bucket and queues.
type town struct {
	number       int
	at           emulators
	table        *dynamodb.Client
	store        *s3.Client
	post         *sqs.Client
	bucket       string
	queues       map[string]string // by variable of the environment
	applications string
	register     string
}

func (b *bench) found(number int, presented []row, copies int) (*town, error) {
	at, err := b.storage()
	if err != nil {
		return nil, err
	}
	t := &town{
		number: number, at: at, table: dynamodb.NewFromConfig(config(at.dynamoDB)), post: sqs.NewFromConfig(config(at.sqs)),
		store:  s3.NewFromConfig(config(at.s3), func(o *s3.Options) { o.UsePathStyle = true }),
		bucket: t0(number, "archive"), queues: map[string]string{}, applications: t0(number, "applications"), register: t0(number, "register"),
	}
	if err := errors.Join(makeTable(b.ctx, t.table, t.applications, "gs", "go", "gd", "gt"), makeTable(b.ctx, t.table, t.register)); err != nil {
		return nil, err
	}
	if _, err := t.store.CreateBucket(b.ctx, &s3.CreateBucketInput{
		Bucket: &t.bucket, ObjectLockEnabledForBucket: aws.Bool(true),
		CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: region},
	}); err != nil {
		return nil, err
	}
	for _, variable := range []string{"QUEUE_REGISTRATION", "QUEUE_REGISTERED", "QUEUE_PEC", "QUEUE_PRESERVATION"} {
		in := &sqs.CreateQueueInput{QueueName: aws.String(t0(number, strings.ToLower(strings.ReplaceAll(variable, "_", "-"))))}
		if variable == "QUEUE_REGISTRATION" {
			in.QueueName = aws.String(*in.QueueName + ".fifo")
			in.Attributes = map[string]string{"FifoQueue": "true"}
		}
		out, err := t.post.CreateQueue(b.ctx, in)
		if err != nil {
			return nil, err
		}
		t.queues[variable] = aws.ToString(out.QueueUrl)
	}
	return t, t.fill(b.ctx, presented, copies)
}

// t0 names something of a town; the names of two towns are equally long and differ in one digit.
func t0(number int, what string) string { return fmt.Sprintf("bench%d-%s", number, what) }

// fill puts the copies in, twenty-five rows at a time.
func (t *town) fill(ctx context.Context, presented []row, copies int) error {
	var waiting []types.WriteRequest
	flush := func() error {
		if len(waiting) == 0 {
			return nil
		}
		_, err := t.table.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{t.applications: waiting}})
		waiting = nil
		return err
	}
	for n := range copies {
		for _, r := range presented {
			if copied(text(r.item["pk"]), n) == text(r.item["pk"]) && copied(text(r.item["sk"]), n) == text(r.item["sk"]) {
				continue // it belongs to the browser's request, not to the application
			}
			waiting = append(waiting, types.WriteRequest{PutRequest: &types.PutRequest{Item: copyItem(r.item, n)}})
			if len(waiting) == 25 {
				if err := flush(); err != nil {
					return err
				}
			}
		}
	}
	return flush()
}

// registered counts the entries of the town's register.
func (t *town) registered(ctx context.Context) (int, error) {
	entries := 0
	for pages := dynamodb.NewScanPaginator(t.table, &dynamodb.ScanInput{TableName: &t.register, ConsistentRead: aws.Bool(true)}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return 0, err
		}
		for _, i := range page.Items {
			var entry struct{ Hash, Event string }
			if json.Unmarshal([]byte(text(i["b"])), &entry) == nil && entry.Hash != "" && entry.Event != "" {
				entries++
			}
		}
	}
	return entries, nil
}

// function starts the real function on this town; through says where its services are.
func (b *bench) function(t *town, through emulators) (*host, error) {
	other := map[string]string{
		"AWS_ACCESS_KEY_ID": accessKey, "AWS_SECRET_ACCESS_KEY": secretKey, "AWS_ENDPOINT_URL_DYNAMODB": through.dynamoDB,
		"AWS_ENDPOINT_URL_S3": through.s3, "AWS_ENDPOINT_URL_SQS": through.sqs, "TABLE_APPLICATIONS": t.applications, "TABLE_REGISTER": t.register,
		"BUCKET_ARCHIVE": t.bucket,
	}
	maps.Copy(other, t.queues)
	environment, err := b.cloud.environment(b.ctx, registrationFunction, other)
	if err != nil {
		return nil, err
	}
	h, err := newHost(filepath.Join(b.bin, "protocol-registration", "bootstrap"), environment)
	if err != nil {
		return nil, err
	}
	_, err = h.start(b.ctx)
	return h, err
}

// batch is the two events by which ten documents get their numbers, and then ten cases theirs.
func batch(presented []row, number int) ([2][]byte, error) {
	var both [2]events.SQSEvent
	for n := range block {
		for _, r := range presented {
			pk, sk := copied(text(r.item["pk"]), number*block+n), copied(text(r.item["sk"]), number*block+n)
			if !strings.HasPrefix(pk, "OUT#"+string(step.Register)+"#") {
				continue
			}
			for side, kind := range []step.Kind{step.Register, step.Apply} {
				body, err := json.Marshal(queue.Envelope{Version: queue.Version, Kind: string(kind), PK: pk, SK: sk})
				if err != nil {
					return [2][]byte{}, err
				}
				arn := []string{"arn:aws:sqs:eu-south-1:000000000000:bench-registration.fifo", "arn:aws:sqs:eu-south-1:000000000000:bench-registered"}
				both[side].Records = append(both[side].Records, events.SQSMessage{
					MessageId: fmt.Sprintf("2e1424d4-f796-459a-8184-%012d", n), Body: string(body), EventSource: "aws:sqs", EventSourceARN: arn[side],
					Attributes: map[string]string{"MessageGroupId": "milano", "ApproximateReceiveCount": "1"},
				})
			}
		}
	}
	first, err := json.Marshal(both[0])
	if err != nil {
		return [2][]byte{}, err
	}
	second, err := json.Marshal(both[1])
	return [2][]byte{first, second}, err
}

// register has the function work one event off; every message must succeed.
func register(h *host, event []byte) (time.Duration, error) {
	body, took, err := h.invoke(event)
	if err != nil {
		return 0, err
	}
	var answer events.SQSEventResponse
	if err := json.Unmarshal(body, &answer); err != nil || len(answer.BatchItemFailures) > 0 {
		return 0, fmt.Errorf("messages failed: %s %s", body, tail(h.instance.output.Bytes()))
	}
	return took, nil
}

// write has the function work off all batches on the first town and returns the calls of each event.
func (b *bench) write(t *town, presented []row, batches int) ([][2][]call, error) {
	meters, through, err := metered(t.at)
	defer func() {
		for _, m := range meters {
			m.close()
		}
	}()
	if err != nil {
		return nil, err
	}
	h, err := b.function(t, through)
	if err != nil {
		return nil, err
	}
	defer h.close()
	var written [][2][]call
	for n := range batches {
		both, err := batch(presented, n)
		if err != nil {
			return nil, err
		}
		var calls [2][]call
		for side, event := range both {
			if _, err := register(h, event); err != nil {
				return nil, err
			}
			calls[side] = b.order(meters)
		}
		written = append(written, calls)
	}
	return written, nil
}

// metered puts meters before the three services. They share one sequence, so that calls stay in their order.
func metered(at emulators) (meters []*meter, through emulators, err error) {
	for _, m := range []struct{ to, from *string }{{&at.dynamoDB, &through.dynamoDB}, {&at.s3, &through.s3}, {&at.sqs, &through.sqs}} {
		made, err := newMeter(*m.to)
		if err != nil {
			return meters, through, err
		}
		meters, *m.from = append(meters, made), made.address
	}
	return meters, through, nil
}

// order is the calls of all meters as they were answered.
func (b *bench) order(meters []*meter) []call {
	var calls []call
	for _, m := range meters {
		calls = append(calls, m.taken()...)
	}
	slices.SortStableFunc(calls, func(x, y call) int { return x.at.Compare(y.at) })
	return calls
}

// processor is the processor's time that the bench itself has taken.
func processor() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// collecting lets the bench collect its garbage as seldom as the function does, by the GOGC of the function's environment, until the end: the loop
// is not to lose by its heap.
func collecting(environment []string) (end func()) {
	growth := 100
	for _, v := range environment {
		if value, ok := strings.CutPrefix(v, "GOGC="); ok {
			if n, err := strconv.Atoi(value); err == nil {
				growth = n
			}
		}
	}
	before := debug.SetGCPercent(growth)
	return func() { debug.SetGCPercent(before) }
}

// race works each batch off twice: by the function on one town, and by its calls alone on the other. It tells how long each batch took, and the
// processor's time of each side as a whole, the function's start included.
func (b *bench) race(ours, bare *town, presented []row, written [][2][]call) (function, loop times, spent [2]time.Duration, err error) {
	h, err := b.function(ours, ours.at)
	if err != nil {
		return nil, nil, spent, err
	}
	defer h.close()
	defer collecting(h.environment)()
	r := newReplay(bare)
	for n, calls := range written {
		both, err := batch(presented, n)
		if err != nil {
			return nil, nil, spent, err
		}
		var took [2]time.Duration
		for side := range 2 {
			if (n+side)%2 == 0 {
				for _, event := range both {
					one, err := register(h, event)
					if err != nil {
						return nil, nil, spent, err
					}
					took[0] += one
				}
				continue
			}
			prepared, err := r.prepare(b.ctx, slices.Concat(calls[0], calls[1]))
			if err != nil {
				return nil, nil, spent, err
			}
			runtime.GC() // what preparing left is not the loop's to clean up
			began, before := time.Now(), processor()
			for _, send := range prepared {
				if err := send(b.ctx); err != nil {
					return nil, nil, spent, fmt.Errorf("making a call again: %w", err)
				}
			}
			took[1] = time.Since(began)
			spent[1] += processor() - before
		}
		if n > 0 {
			function, loop = append(function, took[0]), append(loop, took[1])
		}
	}
	spent[0] = h.stop()
	return function, loop, spent, nil
}
