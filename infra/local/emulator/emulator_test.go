package emulator_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"

	"sportello/infra/local/emulator"
	"sportello/infra/local/template"
)

// These tests pin what the product needs of the emulators: a new version of one
// must pass them. They start the real programs, once.

const root = "../../.."

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.emulators != nil {
		shared.emulators.Stop(context.Background())
	}
	if shared.dir != "" {
		_ = os.RemoveAll(shared.dir)
	}
	os.Exit(code)
}

var shared struct {
	once      sync.Once
	err       error
	dir       string
	config    emulator.Config
	emulators *emulator.Emulators
	clients   emulator.Clients
}

func start(t *testing.T) emulator.Clients {
	t.Helper()
	modules := filepath.Join(root, "infra", "local", "npm")
	if _, err := os.Stat(filepath.Join(modules, "node_modules", "fauxqs")); err != nil {
		absent(t, "the emulators are not installed: npm ci in infra/local/npm")
	}
	gateway, err := filepath.Abs(filepath.Join(root, ".local", "bin", "versitygw"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(gateway); err != nil {
		absent(t, "versitygw is not built: local build, or make emulators")
	}
	shared.once.Do(func() {
		shared.dir, shared.err = os.MkdirTemp("", "emulators-")
		if shared.err != nil {
			return
		}
		modules, _ = filepath.Abs(modules)
		ports := freePorts(t, 3)
		shared.config = emulator.Config{
			Modules: modules, Gateway: gateway, Data: shared.dir, ClockFile: filepath.Join(shared.dir, "clock"), Region: "eu-south-1",
			DynamoDB: ports[0], S3: ports[1], SQS: ports[2], Output: func(string) io.Writer { return io.Discard },
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if shared.emulators, shared.err = emulator.Start(ctx, shared.config); shared.err != nil {
			return
		}
		shared.clients = emulator.NewClients(shared.config)
		shared.err = shared.clients.Provision(ctx, cloud(shared.config.SQSEndpoint()))
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.clients
}

func freePorts(t *testing.T, n int) []int {
	t.Helper()
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

// cloud has one of each kind, as the product's template makes them.
func cloud(queueBase string) *template.Cloud {
	types := map[string]string{"pk": "S", "sk": "S", "gs_pk": "S", "gs_sk": "S"}
	url := queueBase + "/000000000000/"
	arn := "arn:aws:sqs:eu-south-1:000000000000:"
	redrive := func(name string, n int) string {
		return fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":%d}`, arn+name, n)
	}
	return &template.Cloud{
		Tables: []template.Table{{
			ID: "Things", Name: "things", TTL: "ttl", Types: types, Key: []string{"pk", "sk"},
			Indexes: []template.Index{{Name: "by-state", Projection: "ALL", Key: []string{"gs_pk", "gs_sk"}}},
		}},
		Buckets: []template.Bucket{
			{ID: "Documents", Name: "documents", CORS: []template.CORSRule{{
				Origins: []string{"http://localhost:8080", "http://*.localhost:8080"}, Methods: []string{"PUT"},
				Headers: []string{"content-type", "if-none-match", "x-amz-checksum-sha256"}, Exposed: []string{"ETag"}, MaxAge: 300,
			}}},
			{ID: "Archive", Name: "archive", Versioned: true, Lock: true, Mode: "GOVERNANCE", Days: 1},
		},
		Queues: []template.Queue{
			{ID: "Fifo", Name: "fifo.fifo", URL: url + "fifo.fifo", ARN: arn + "fifo.fifo", DeadLetter: arn + "dead.fifo",
				Attributes: map[string]string{"FifoQueue": "true", "ContentBasedDeduplication": "false", "VisibilityTimeout": "120", "RedrivePolicy": redrive("dead.fifo", 2)}},
			{ID: "Dead", Name: "dead.fifo", URL: url + "dead.fifo", ARN: arn + "dead.fifo", Attributes: map[string]string{"FifoQueue": "true"}},
			{ID: "Plain", Name: "plain", URL: url + "plain", ARN: arn + "plain", Attributes: map[string]string{"VisibilityTimeout": "120"}},
		},
	}
}

func s(v string) dynamotypes.AttributeValue { return &dynamotypes.AttributeValueMemberS{Value: v} }

func item(pk, sk, value string) map[string]dynamotypes.AttributeValue {
	return map[string]dynamotypes.AttributeValue{"pk": s(pk), "sk": s(sk), "value": s(value)}
}

func put(pk, sk, value, condition string, values map[string]dynamotypes.AttributeValue) dynamotypes.TransactWriteItem {
	return dynamotypes.TransactWriteItem{Put: &dynamotypes.Put{
		TableName: aws.String("things"), Item: item(pk, sk, value), ConditionExpression: aws.String(condition),
		ExpressionAttributeValues: values, ReturnValuesOnConditionCheckFailure: dynamotypes.ReturnValuesOnConditionCheckFailureAllOld,
	}}
}

func TestProvisionTwice(t *testing.T) {
	clients := start(t)
	if err := clients.Provision(t.Context(), cloud(shared.config.SQSEndpoint())); err != nil {
		t.Fatal(err)
	}
}

func TestTransactionTellsWhichConditionFailed(t *testing.T) {
	clients := start(t)
	ctx := t.Context()
	if _, err := clients.DynamoDB.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String("things"), Item: item("T#1", "META", "old")}); err != nil {
		t.Fatal(err)
	}
	_, err := clients.DynamoDB.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []dynamotypes.TransactWriteItem{
		put("T#2", "META", "new", "attribute_not_exists(pk)", nil),
		put("T#1", "META", "new", "attribute_not_exists(pk)", nil),
		{ConditionCheck: &dynamotypes.ConditionCheck{TableName: aws.String("things"), Key: map[string]dynamotypes.AttributeValue{"pk": s("T#9"), "sk": s("META")}, ConditionExpression: aws.String("attribute_not_exists(pk)")}},
	}})
	var cancelled *dynamotypes.TransactionCanceledException
	if !errors.As(err, &cancelled) {
		t.Fatalf("got %v, want a cancelled transaction", err)
	}
	var codes []string
	for _, r := range cancelled.CancellationReasons {
		codes = append(codes, aws.ToString(r.Code))
	}
	if want := []string{"None", "ConditionalCheckFailed", "None"}; !slices.Equal(codes, want) {
		t.Errorf("reasons are %v, want %v", codes, want)
	}
	old, ok := cancelled.CancellationReasons[1].Item["value"].(*dynamotypes.AttributeValueMemberS)
	if !ok || old.Value != "old" {
		t.Errorf("the reason has item %v, want the old one", cancelled.CancellationReasons[1].Item)
	}
	got, err := clients.DynamoDB.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String("things"), ConsistentRead: aws.Bool(true), Key: map[string]dynamotypes.AttributeValue{"pk": s("T#2"), "sk": s("META")}})
	if err != nil || len(got.Item) != 0 {
		t.Errorf("a cancelled transaction left %v (%v)", got.Item, err)
	}
}

func TestTransactionTokenIsIdempotent(t *testing.T) {
	clients := start(t)
	input := &dynamodb.TransactWriteItemsInput{
		ClientRequestToken: aws.String("token-1"),
		TransactItems:      []dynamotypes.TransactWriteItem{put("T#token", "META", "new", "attribute_not_exists(pk)", nil)},
	}
	for i := range 2 {
		if _, err := clients.DynamoDB.TransactWriteItems(t.Context(), input); err != nil {
			t.Fatalf("call %d: %v", i+1, err)
		}
	}
}

func TestContendedCounter(t *testing.T) {
	clients := start(t)
	ctx := t.Context()
	if _, err := clients.DynamoDB.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String("things"), Item: item("C#1", "HEAD", "0")}); err != nil {
		t.Fatal(err)
	}
	const workers, each = 8, 10
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range each {
				if err := increment(ctx, clients); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	got, err := clients.DynamoDB.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String("things"), ConsistentRead: aws.Bool(true), Key: map[string]dynamotypes.AttributeValue{"pk": s("C#1"), "sk": s("HEAD")}})
	if err != nil {
		t.Fatal(err)
	}
	if v := got.Item["value"].(*dynamotypes.AttributeValueMemberS).Value; v != fmt.Sprint(workers*each) {
		t.Errorf("the counter is %s after %d increments", v, workers*each)
	}
}

// increment compares and swaps until it wins.
func increment(ctx context.Context, clients emulator.Clients) error {
	for {
		got, err := clients.DynamoDB.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String("things"), ConsistentRead: aws.Bool(true), Key: map[string]dynamotypes.AttributeValue{"pk": s("C#1"), "sk": s("HEAD")}})
		if err != nil {
			return err
		}
		var n int
		old := got.Item["value"].(*dynamotypes.AttributeValueMemberS).Value
		if _, err := fmt.Sscan(old, &n); err != nil {
			return err
		}
		put := put("C#1", "HEAD", fmt.Sprint(n+1), "#v = :old", map[string]dynamotypes.AttributeValue{":old": s(old)})
		put.Put.ExpressionAttributeNames = map[string]string{"#v": "value"}
		_, err = clients.DynamoDB.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []dynamotypes.TransactWriteItem{put}})
		var lost *dynamotypes.TransactionCanceledException
		var conflict *dynamotypes.TransactionConflictException
		if err == nil || !errors.As(err, &lost) && !errors.As(err, &conflict) {
			return err
		}
	}
}

func TestSparseIndexPages(t *testing.T) {
	clients := start(t)
	ctx := t.Context()
	for i := range 5 {
		one := item("I#"+fmt.Sprint(i), "META", "x")
		if i != 2 {
			one["gs_pk"], one["gs_sk"] = s("milano#presented"), s(fmt.Sprintf("%04d", i))
		}
		if _, err := clients.DynamoDB.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String("things"), Item: one}); err != nil {
			t.Fatal(err)
		}
	}
	var found []string
	var from map[string]dynamotypes.AttributeValue
	for {
		page, err := clients.DynamoDB.Query(ctx, &dynamodb.QueryInput{
			TableName: aws.String("things"), IndexName: aws.String("by-state"), Limit: aws.Int32(2), ExclusiveStartKey: from,
			KeyConditionExpression: aws.String("gs_pk = :pk AND gs_sk >= :from"), ScanIndexForward: aws.Bool(false),
			ExpressionAttributeValues: map[string]dynamotypes.AttributeValue{":pk": s("milano#presented"), ":from": s("0001")},
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range page.Items {
			found = append(found, one["gs_sk"].(*dynamotypes.AttributeValueMemberS).Value)
		}
		if from = page.LastEvaluatedKey; from == nil {
			break
		}
	}
	if want := []string{"0004", "0003", "0001"}; !slices.Equal(found, want) {
		t.Errorf("the index gave %v, want %v", found, want)
	}
}

func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return fmt.Sprint(err)
}

func TestWriteOnce(t *testing.T) {
	clients := start(t)
	write := func(body string) error {
		_, err := clients.S3.PutObject(t.Context(), &s3.PutObjectInput{
			Bucket: aws.String("archive"), Key: aws.String("register/once"), Body: strings.NewReader(body), IfNoneMatch: aws.String("*"),
			ChecksumAlgorithm: s3types.ChecksumAlgorithmSha256,
		})
		return err
	}
	if err := write("first"); err != nil {
		t.Fatal(err)
	}
	if err := write("second"); code(err) != "PreconditionFailed" {
		t.Errorf("the second write gave %v, want PreconditionFailed", err)
	}
	got, err := clients.S3.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("archive"), Key: aws.String("register/once"), ChecksumMode: s3types.ChecksumModeEnabled})
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	if err != nil || string(body) != "first" {
		t.Errorf("read %q (%v)", body, err)
	}
	if aws.ToString(got.ChecksumSHA256) != digest("first") {
		t.Errorf("checksum is %q", aws.ToString(got.ChecksumSHA256))
	}
}

func TestConcurrentWriteOnce(t *testing.T) {
	clients := start(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for i := range 8 {
		wg.Go(func() {
			_, err := clients.S3.PutObject(t.Context(), &s3.PutObjectInput{
				Bucket: aws.String("archive"), Key: aws.String("register/race"), Body: strings.NewReader(fmt.Sprint(i)), IfNoneMatch: aws.String("*"),
			})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won++
			}
		})
	}
	wg.Wait()
	if won != 1 {
		t.Errorf("%d writers won", won)
	}
}

// The bucket's default retention holds at deletion; versitygw does not write it
// down for each object, so only a retention asked for by the put can be read.
func TestLockedVersionStays(t *testing.T) {
	clients := start(t)
	ctx := t.Context()
	until := time.Now().Add(48 * time.Hour).Truncate(time.Second)
	for key, input := range map[string]*s3.PutObjectInput{
		"default":  {},
		"explicit": {ObjectLockMode: s3types.ObjectLockModeGovernance, ObjectLockRetainUntilDate: &until},
	} {
		input.Bucket, input.Key, input.Body = aws.String("archive"), aws.String(key), strings.NewReader("x")
		made, err := clients.S3.PutObject(ctx, input)
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		_, err = clients.S3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: input.Bucket, Key: input.Key, VersionId: made.VersionId})
		if code(err) != "AccessDenied" {
			t.Errorf("%s: deleting a version under retention gave %v", key, err)
		}
	}
	kept, err := clients.S3.GetObjectRetention(ctx, &s3.GetObjectRetentionInput{Bucket: aws.String("archive"), Key: aws.String("explicit")})
	if err != nil {
		t.Fatal(err)
	}
	if kept.Retention.Mode != s3types.ObjectLockRetentionModeGovernance || !aws.ToTime(kept.Retention.RetainUntilDate).Equal(until) {
		t.Errorf("retention is %+v", kept.Retention)
	}
}

func digest(body string) string {
	h := sha256.Sum256([]byte(body))
	return base64.StdEncoding.EncodeToString(h[:])
}

// upload makes the browser's request: a presigned PUT whose length, type and
// digest are signed.
func upload(t *testing.T, clients emulator.Clients, key, signed, sent string) *http.Response {
	t.Helper()
	made, err := s3.NewPresignClient(clients.S3).PresignPutObject(t.Context(), &s3.PutObjectInput{
		Bucket: aws.String("documents"), Key: aws.String(key), ContentLength: aws.Int64(int64(len(signed))), ContentType: aws.String("application/pdf"),
		ChecksumSHA256: aws.String(digest(signed)), IfNoneMatch: aws.String("*"),
	})
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), made.Method, made.URL, bytes.NewReader([]byte(sent)))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range made.SignedHeader {
		if name != "Host" && name != "Content-Length" {
			request.Header[name] = values
		}
	}
	request.Header.Set("Origin", "http://milano.localhost:8080")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(response.Body)
	_ = response.Body.Close()
	t.Logf("%s: %s %s", key, response.Status, body)
	return response
}

func TestPresignedUpload(t *testing.T) {
	clients := start(t)
	got := upload(t, clients, "uploads/good", "hello", "hello")
	if got.StatusCode != http.StatusOK {
		t.Errorf("upload answered %s", got.Status)
	}
	if got.Header.Get("Access-Control-Allow-Origin") == "" {
		t.Error("a browser would not see the answer: no Access-Control-Allow-Origin")
	}
	if again := upload(t, clients, "uploads/good", "hello", "hello"); again.StatusCode != http.StatusPreconditionFailed {
		t.Errorf("the second upload answered %s, want 412", again.Status)
	}
	if wrong := upload(t, clients, "uploads/other", "hello", "jello"); wrong.StatusCode/100 == 2 {
		t.Errorf("other bytes than those signed for were taken: %s", wrong.Status)
	}
	if longer := upload(t, clients, "uploads/longer", "hello", "hello and more"); longer.StatusCode/100 == 2 {
		t.Errorf("another length than the one signed for was taken: %s", longer.Status)
	}
	if _, err := clients.S3.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String("documents"), Key: aws.String("uploads/other")}); err == nil {
		t.Error("a refused upload left an object")
	}
}

func TestPreflight(t *testing.T) {
	start(t)
	for origin, allowed := range map[string]bool{"http://milano.localhost:8080": true, "http://localhost:8080": true, "http://evil.example": false} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, shared.config.S3Endpoint()+"/documents/uploads/x", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Origin", origin)
		request.Header.Set("Access-Control-Request-Method", "PUT")
		request.Header.Set("Access-Control-Request-Headers", "content-type,if-none-match,x-amz-checksum-sha256")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		got := response.StatusCode == http.StatusOK && response.Header.Get("Access-Control-Allow-Origin") == origin
		if got != allowed {
			t.Errorf("%s: %s, headers %v", origin, response.Status, response.Header)
		}
	}
}

func TestFifo(t *testing.T) {
	clients := start(t)
	ctx := t.Context()
	url := shared.config.SQSEndpoint() + "/000000000000/fifo.fifo"
	send := func(group, body, dedup string) {
		t.Helper()
		_, err := clients.SQS.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &body, MessageGroupId: &group, MessageDeduplicationId: &dedup})
		if err != nil {
			t.Fatal(err)
		}
	}
	receive := func() (bodies []string, handles []string) {
		t.Helper()
		out, err := clients.SQS.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 10})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range out.Messages {
			bodies, handles = append(bodies, *m.Body), append(handles, *m.ReceiptHandle)
		}
		return bodies, handles
	}
	for _, body := range []string{"m1", "m2", "m3"} {
		send("milano", body, body+".1")
	}
	send("milano", "m1", "m1.1")
	send("varese", "v1", "v1.1")
	got, handles := receive()
	if want := []string{"m1", "m2", "m3", "v1"}; !slices.Equal(got, want) {
		t.Fatalf("received %v, want %v", got, want)
	}
	send("milano", "m4", "m4.1")
	if more, _ := receive(); len(more) > 0 {
		t.Errorf("received %v while the group is in flight", more)
	}
	// m1 and v1 are done with; the others fail and come back in order, before m4.
	for _, i := range []int{0, 3} {
		if _, err := clients.SQS.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: &handles[i]}); err != nil {
			t.Fatal(err)
		}
	}
	// A jump of the clock ends the visibility timeout.
	moveClock(t, 121*time.Second)
	waitFor(t, func() bool { got, handles = receive(); return len(got) > 0 })
	if want := []string{"m2", "m3", "m4"}; !slices.Equal(got, want) {
		t.Fatalf("received %v after the timeout, want %v", got, want)
	}
	// After maxReceiveCount a message goes to the dead-letter queue.
	moveClock(t, 242*time.Second)
	waitFor(t, func() bool { got, _ = receive(); return len(got) > 0 })
	if want := []string{"m4"}; !slices.Equal(got, want) {
		t.Errorf("received %v, want %v", got, want)
	}
	counts, err := clients.Count(ctx, cloud(shared.config.SQSEndpoint()).Queues)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range counts {
		if c.ID == "Dead" && c.Visible != 2 {
			t.Errorf("the dead-letter queue has %d messages, want 2", c.Visible)
		}
	}
}

func moveClock(t *testing.T, offset time.Duration) {
	t.Helper()
	if err := os.WriteFile(shared.config.ClockFile, fmt.Appendln(nil, offset.Milliseconds()), 0o600); err != nil {
		t.Fatal(err)
	}
}

func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if done() {
			return
		}
	}
	t.Fatal("it never happened")
}

// TestLostAttributes copies the objects as cp -r does.
func TestLostAttributes(t *testing.T) {
	start(t)
	if _, err := os.Stat(filepath.Join(shared.dir, "s3-metadata")); err == nil {
		t.Skip("this file system has no extended attributes")
	}
	c := shared.config
	c.Data = t.TempDir()
	if err := os.MkdirAll(filepath.Join(c.Data, "s3", "archive"), 0o755); err != nil {
		t.Fatal(err)
	}
	if e, err := emulator.Start(t.Context(), c); err == nil || !strings.Contains(err.Error(), "extended attributes") {
		if e != nil {
			e.Stop(t.Context())
		}
		t.Errorf("got %v", err)
	}
}

func TestStartsAgainWithItsData(t *testing.T) {
	clients := start(t)
	ctx := t.Context()
	if _, err := clients.DynamoDB.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String("things"), Item: item("P#1", "META", "kept")}); err != nil {
		t.Fatal(err)
	}
	if _, err := clients.S3.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("documents"), Key: aws.String("kept"), Body: strings.NewReader("kept")}); err != nil {
		t.Fatal(err)
	}
	shared.emulators.Stop(ctx)
	restarted, err := emulator.Start(ctx, shared.config)
	if err != nil {
		t.Fatal(err)
	}
	shared.emulators = restarted
	if err := clients.Provision(ctx, cloud(shared.config.SQSEndpoint())); err != nil {
		t.Fatal(err)
	}
	got, err := clients.DynamoDB.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String("things"), ConsistentRead: aws.Bool(true), Key: map[string]dynamotypes.AttributeValue{"pk": s("P#1"), "sk": s("META")}})
	if err != nil || len(got.Item) == 0 {
		t.Errorf("the item is gone (%v)", err)
	}
	if _, err := clients.S3.HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String("documents"), Key: aws.String("kept")}); err != nil {
		t.Errorf("the object is gone: %v", err)
	}
}

// absent skips a test for want of an emulator, or fails it where they are
// required.
func absent(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("EMULATORS") == "required" {
		t.Fatal(what)
	}
	t.Skip(what)
}
