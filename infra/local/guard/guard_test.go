package guard_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"sportello/infra/local/aws"
	"sportello/infra/local/emulator"
	"sportello/infra/local/guard"
	"sportello/infra/local/template"
)

const (
	region  = "eu-south-1"
	account = "000000000000"
)

// world is the real emulators with a guard before them.
type world struct {
	guard   *guard.Guard
	ledger  *guard.Ledger
	storage emulator.Config
	// control is the address of KMS and SSM.
	control string
	log     *bytes.Buffer
}

func start(t *testing.T) *world {
	t.Helper()
	modules, e1 := filepath.Abs("../npm")
	gateway, e2 := filepath.Abs("../../../.local/bin/versitygw")
	for _, file := range []string{filepath.Join(modules, "node_modules", "fauxqs"), gateway} {
		if _, err := os.Stat(file); err != nil {
			absent(t, "the emulators are not there: local build")
		}
	}
	ports, e3 := freePorts(3)
	if err := errors.Join(e1, e2, e3); err != nil {
		t.Fatal(err)
	}
	w := &world{log: &bytes.Buffer{}}
	w.storage = emulator.Config{
		Modules: modules, Gateway: gateway, Data: t.TempDir(), ClockFile: filepath.Join(t.TempDir(), "clock"), Region: region,
		DynamoDB: ports[0], S3: ports[1], SQS: ports[2], AccessKeys: []string{"Work", "Idle"}, Output: func(string) io.Writer { return io.Discard },
	}
	cloud := resolve(t, w.storage)
	var err error
	if w.ledger, err = guard.OpenLedger(filepath.Join(t.TempDir(), "grants"), cloud); err != nil {
		t.Fatal(err)
	}
	w.guard = guard.New(guard.Config{
		Cloud: cloud, Region: region, Account: account, Administrator: emulator.AccessKey, Ledger: w.ledger, Log: slog.New(slog.NewJSONHandler(w.log, nil)),
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	running, err := emulator.Start(ctx, w.storage)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { running.Stop(context.Background()) })
	services, err := aws.Open(aws.Config{Dir: t.TempDir(), Region: region, Account: account, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(
		emulator.NewClients(w.storage).Provision(ctx, cloud), services.Keys.Provision(cloud.Keys),
		services.Parameters.Put("/desk/one", "String", "1"), services.Parameters.Put("/other", "String", "2"),
	)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(w.guard.Before(services))
	t.Cleanup(server.Close)
	w.control = server.URL
	return w
}

func resolve(t *testing.T, c emulator.Config) *template.Cloud {
	t.Helper()
	parsed, err := template.Load("testdata/template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	cloud, err := parsed.Resolve(template.Settings{Region: region, Account: account, Stack: "stack", QueueBase: c.SQSEndpoint()})
	if err != nil {
		t.Fatal(err)
	}
	return cloud
}

func freePorts(n int) ([]int, error) {
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// caller is what a function has: clients with its access key.
type caller struct {
	emulator.Clients
	kms *kms.Client
	ssm *ssm.Client
	url string // of queues, without the name
}

func (w *world) as(key string) caller {
	config := sdk.Config{Region: region, Credentials: credentials.NewStaticCredentialsProvider(key, emulator.SecretKey, ""), BaseEndpoint: &w.control}
	return caller{
		emulator.NewClientsOf(w.storage, key, w.guard.Over(w.storage.Transport())), kms.NewFromConfig(config), ssm.NewFromConfig(config),
		w.storage.SQSEndpoint() + "/" + account + "/stack-",
	}
}

func text(v string) dynamotypes.AttributeValue { return &dynamotypes.AttributeValueMemberS{Value: v} }

func key(pk string) map[string]dynamotypes.AttributeValue {
	return map[string]dynamotypes.AttributeValue{"pk": text(pk), "sk": text("META")}
}

func (c caller) get(ctx context.Context, pk string) error {
	_, err := c.DynamoDB.GetItem(ctx, &dynamodb.GetItemInput{TableName: sdk.String("stack-Things"), Key: key(pk)})
	return err
}

func (c caller) batch(ctx context.Context, pks ...string) error {
	var keys []map[string]dynamotypes.AttributeValue
	for _, pk := range pks {
		keys = append(keys, key(pk))
	}
	_, err := c.DynamoDB.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]dynamotypes.KeysAndAttributes{"stack-Things": {Keys: keys}}})
	return err
}

// query asks for a partition of the table or of an index.
func (c caller) query(ctx context.Context, index, attribute, value string) error {
	in := &dynamodb.QueryInput{
		TableName: sdk.String("stack-Things"), KeyConditionExpression: sdk.String("begins_with(#s, :s) AND #p = :p"),
		ExpressionAttributeNames:  map[string]string{"#p": attribute, "#s": "sk"},
		ExpressionAttributeValues: map[string]dynamotypes.AttributeValue{":p": text(value), ":s": text("M")},
	}
	if index != "" {
		in.IndexName = &index
	}
	if attribute == "sk" {
		in.KeyConditionExpression, in.ExpressionAttributeNames = sdk.String("sk=:p"), nil
		delete(in.ExpressionAttributeValues, ":s")
	}
	_, err := c.DynamoDB.Query(ctx, in)
	return err
}

func (c caller) transact(ctx context.Context, items ...dynamotypes.TransactWriteItem) error {
	_, err := c.DynamoDB.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: items})
	return err
}

func put(pk string) dynamotypes.TransactWriteItem {
	return dynamotypes.TransactWriteItem{Put: &dynamotypes.Put{TableName: sdk.String("stack-Things"), Item: key(pk)}}
}

func (c caller) putObject(ctx context.Context, bucket, name string, condition *string) error {
	_, err := c.S3.PutObject(ctx, &s3.PutObjectInput{Bucket: sdk.String("stack-" + bucket), Key: &name, Body: strings.NewReader("body"), IfNoneMatch: condition})
	return err
}

func (c caller) getObject(ctx context.Context, bucket, name string) error {
	out, err := c.S3.GetObject(ctx, &s3.GetObjectInput{Bucket: sdk.String("stack-" + bucket), Key: &name})
	if err == nil {
		err = out.Body.Close()
	}
	return err
}

func (c caller) copyObject(ctx context.Context, from, to string) error {
	_, err := c.S3.CopyObject(ctx, &s3.CopyObjectInput{Bucket: sdk.String("stack-documents"), Key: &to, CopySource: &from})
	return err
}

func (c caller) send(ctx context.Context, queue string) error {
	_, err := c.SQS.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{
		QueueUrl: sdk.String(c.url + queue), Entries: []sqstypes.SendMessageBatchRequestEntry{{Id: sdk.String("1"), MessageBody: sdk.String("x")}},
	})
	return err
}

func (c caller) receive(ctx context.Context, queue string) error {
	_, err := c.SQS.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: sdk.String(c.url + queue)})
	return err
}

func (c caller) sign(ctx context.Context, alias string) error {
	_, err := c.kms.Sign(ctx, &kms.SignInput{KeyId: &alias, Message: []byte("x"), SigningAlgorithm: kmstypes.SigningAlgorithmSpecEcdsaSha256})
	return err
}

func (c caller) parameters(ctx context.Context, names ...string) error {
	_, err := c.ssm.GetParameters(ctx, &ssm.GetParametersInput{Names: names})
	return err
}

// answer is an error's code as the SDK reads it, and the status: nothing for success.
func answer(err error) (code string, status int) {
	var api smithy.APIError
	var response *smithyhttp.ResponseError
	if errors.As(err, &api) && errors.As(err, &response) {
		return api.ErrorCode(), response.HTTPStatusCode()
	}
	if err != nil {
		return err.Error(), 0
	}
	return "", 0
}

func TestGuard(t *testing.T) {
	w := start(t)
	work, ctx := w.as("Work"), t.Context()
	star := sdk.String("*")
	for _, c := range []struct {
		name string
		call func() error
		// code is empty for a call that is allowed.
		code   string
		status int
		// logged is the action and the resource of the one line in the log.
		logged string
	}{
		{"get", func() error { return work.get(ctx, "A#1") }, "", 0, ""},
		{"get, another leading key", func() error { return work.get(ctx, "C#1") }, "AccessDeniedException", 400, "dynamodb:GetItem arn:aws:dynamodb:eu-south-1:000000000000:table/stack-Things"},
		{"batch", func() error { return work.batch(ctx, "A#1", "B#1") }, "", 0, ""},
		{"batch, one other key", func() error { return work.batch(ctx, "A#1", "C#1") }, "AccessDeniedException", 400, "dynamodb:BatchGetItem arn:aws:dynamodb:eu-south-1:000000000000:table/stack-Things"},
		{"query", func() error { return work.query(ctx, "", "pk", "A#1") }, "", 0, ""},
		{"query, another key", func() error { return work.query(ctx, "", "pk", "C#1") }, "AccessDeniedException", 400, "dynamodb:Query arn:aws:dynamodb:eu-south-1:000000000000:table/stack-Things"},
		{"query of an index", func() error { return work.query(ctx, "by-due", "due", "now") }, "", 0, ""},
		{"query of another index", func() error { return work.query(ctx, "by-owner", "sk", "META") }, "AccessDeniedException", 400, "dynamodb:Query arn:aws:dynamodb:eu-south-1:000000000000:table/stack-Things/index/by-owner"},
		{"transaction", func() error { return work.transact(ctx, put("A#1"), put("B#1")) }, "", 0, ""},
		{"transaction, one other key", func() error { return work.transact(ctx, put("A#1"), put("C#1")) }, "AccessDeniedException", 400, "dynamodb:PutItem arn:aws:dynamodb:eu-south-1:000000000000:table/stack-Things"},
		{"transaction that deletes", func() error {
			return work.transact(ctx, put("A#1"), dynamotypes.TransactWriteItem{Delete: &dynamotypes.Delete{TableName: sdk.String("stack-Things"), Key: key("A#2")}})
		}, "AccessDeniedException", 400, "dynamodb:DeleteItem arn:aws:dynamodb:eu-south-1:000000000000:table/stack-Things"},
		{"a call nobody foresaw", func() error {
			_, err := work.DynamoDB.ListTables(ctx, &dynamodb.ListTablesInput{})
			return err
		}, "AccessDeniedException", 400, "dynamodb:ListTables *"},
		{"put", func() error { return work.putObject(ctx, "documents", "up/è 1", nil) }, "", 0, ""},
		{"put elsewhere", func() error { return work.putObject(ctx, "documents", "down/1", nil) }, "AccessDenied", 403, "s3:PutObject arn:aws:s3:::stack-documents/down/1"},
		{"put with a condition", func() error { return work.putObject(ctx, "hidden", "1", star) }, "", 0, ""},
		{"put without the bucket's condition", func() error { return work.putObject(ctx, "hidden", "2", nil) }, "AccessDenied", 403, "s3:PutObject arn:aws:s3:::stack-hidden/2"},
		{"get an object", func() error { return work.getObject(ctx, "documents", "up/è 1") }, "", 0, ""},
		{"copy", func() error { return work.copyObject(ctx, "stack-documents/up/%C3%A8%201", "up/2") }, "", 0, ""},
		{"copy from elsewhere", func() error { return work.copyObject(ctx, "stack-documents/down/1", "up/2") }, "AccessDenied", 403, "s3:GetObject arn:aws:s3:::stack-documents/down/1"},
		{"copy to elsewhere", func() error { return work.copyObject(ctx, "stack-documents/up/2", "down/2") }, "AccessDenied", 403, "s3:PutObject arn:aws:s3:::stack-documents/down/2"},
		{"delete", func() error {
			_, err := work.S3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: sdk.String("stack-documents"), Key: sdk.String("up/2")})
			return err
		}, "AccessDenied", 403, "s3:DeleteObject arn:aws:s3:::stack-documents/up/2"},
		{"not there, and he may list", func() error { return work.getObject(ctx, "documents", "up/none") }, "NoSuchKey", 404, ""},
		{"not there, and he may not list", func() error { return work.getObject(ctx, "hidden", "none") }, "AccessDenied", 403, "s3:ListBucket arn:aws:s3:::stack-hidden"},
		{"send", func() error { return work.send(ctx, "Jobs") }, "", 0, ""},
		{"send elsewhere", func() error { return work.send(ctx, "Others") }, "AccessDenied", 403, "sqs:SendMessage arn:aws:sqs:eu-south-1:000000000000:stack-Others"},
		{"receive by the role that SAM makes", func() error { return work.receive(ctx, "Jobs") }, "", 0, ""},
		{"receive, and the queue has another consumer", func() error { return work.receive(ctx, "Others") }, "AccessDenied", 403, "sqs:ReceiveMessage arn:aws:sqs:eu-south-1:000000000000:stack-Others"},
		{"sign", func() error { return work.sign(ctx, "alias/open") }, "", 0, ""},
		{"sign with another key", func() error { return work.sign(ctx, "alias/closed") }, "AccessDeniedException", 400, "kms:Sign arn:aws:kms:eu-south-1:000000000000:key/"},
		{"parameters", func() error { return work.parameters(ctx, "/desk/one") }, "", 0, ""},
		{"parameters, one other", func() error { return work.parameters(ctx, "/desk/one", "/other") }, "AccessDeniedException", 400, "ssm:GetParameters arn:aws:ssm:eu-south-1:000000000000:parameter/other"},
		{"another function", func() error { return w.as("Idle").get(ctx, "A#1") }, "AccessDeniedException", 400, "dynamodb:GetItem arn:aws:dynamodb:eu-south-1:000000000000:table/stack-Things"},
		{"the administrator", func() error { return w.as(emulator.AccessKey).get(ctx, "C#1") }, "", 0, ""},
		{"nobody's key, DynamoDB", func() error { return w.as("Nobody").get(ctx, "A#1") }, "UnrecognizedClientException", 400, ""},
		{"nobody's key, S3", func() error { return w.as("Nobody").getObject(ctx, "documents", "up/1") }, "InvalidAccessKeyId", 403, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.log.Reset()
			code, status := answer(c.call())
			if code != c.code || status != c.status {
				t.Errorf("answered %d %q, want %d %q", status, code, c.status, c.code)
			}
			checkLog(t, w.log.String(), c.logged)
		})
	}
	t.Run("signed beforehand", func(t *testing.T) { presigned(t, w, work) })
	t.Run("ledger", func(t *testing.T) {
		want := []string{
			"Work Files s3:GetObject stack-hidden/*", // asked for, and not there: allowed all the same
		}
		if used := w.ledger.Used(); !slices.Contains(used, want[0]) || !slices.Contains(used, "Work Own LeadingKeys B#*") {
			t.Errorf("used: %q", used)
		}
		if unused := w.ledger.Unused(); len(unused) != 0 {
			t.Errorf("unused: %q", unused)
		}
		if refused := w.guard.Refused(); len(refused) < 15 || refused[0].Function != "Work" {
			t.Errorf("refused: %+v", refused)
		}
	})
	t.Run("calls", func(t *testing.T) {
		counted := map[guard.Call]int{}
		for _, c := range w.guard.Calls() {
			counted[c.Call] = c.Times
		}
		// Refused ones count, the administrator's do not: he is no function.
		if counted[guard.Call{Function: "Work", Service: "dynamodb", Action: "BatchGetItem"}] != 2 || counted[guard.Call{Function: "Idle", Service: "dynamodb", Action: "GetItem"}] != 1 {
			t.Errorf("counted: %v", counted)
		}
		if n := len(w.guard.Calls()); n == 0 || counted[guard.Call{Function: emulator.AccessKey, Service: "dynamodb", Action: "GetItem"}] != 0 {
			t.Errorf("counted: %v", counted)
		}
	})
}

func checkLog(t *testing.T, log, want string) {
	t.Helper()
	action, resource, _ := strings.Cut(want, " ")
	switch lines := strings.Count(log, "\n"); {
	case want == "" && lines > 0, want != "" && lines != 1:
		t.Errorf("logged %d lines: %s", lines, log)
	case !strings.Contains(log, `"action":"`+action), !strings.Contains(log, `"resource":"`+resource):
		if want != "" {
			t.Errorf("logged %s, want %s", log, want)
		}
	case strings.Contains(log, "C#1"):
		t.Errorf("the key is in the log: %s", log)
	}
}

// presigned: an address is as good as the rights of who signed it, and S3 still
// holds it to what was signed.
func presigned(t *testing.T, w *world, c caller) {
	sign := func(name string) string {
		signed, err := s3.NewPresignClient(c.S3).PresignPutObject(t.Context(), &s3.PutObjectInput{Bucket: sdk.String("stack-documents"), Key: &name})
		if err != nil {
			t.Fatal(err)
		}
		return signed.URL
	}
	send := func(method, url string) int {
		request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader("body"))
		if err != nil {
			t.Fatal(err)
		}
		response, err := w.guard.Over(w.storage.Transport()).RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		return response.StatusCode
	}
	if got := send("PUT", sign("up/signed")); got != http.StatusOK {
		t.Errorf("upload: %d", got)
	}
	if got := send("PUT", sign("down/signed")); got != http.StatusForbidden {
		t.Errorf("upload where the signer may not: %d", got)
	}
	if got := send("PUT", strings.Replace(sign("up/signed"), "up/signed", "up/forged", 1)); got != http.StatusForbidden {
		t.Errorf("upload with another's signature: %d", got)
	}
	if got := send("PUT", w.storage.S3Endpoint()+"/stack-documents/up/bare"); got != http.StatusForbidden {
		t.Errorf("upload without a signature: %d", got)
	}
}

// TestLedgerLasts: what one run used, the next knows.
func TestLedgerLasts(t *testing.T) {
	cloud := resolve(t, emulator.Config{SQS: 1})
	path := filepath.Join(t.TempDir(), "grants")
	all := guard.Grants(cloud)
	if err := os.WriteFile(path, []byte(all[0]+"\nWork Gone s3:GetObject nowhere\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := guard.OpenLedger(path, cloud)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if used := l.Used(); !slices.Equal(used, all[:1]) || len(l.Unused()) != len(all)-1 {
		t.Errorf("used %q of %q", used, all)
	}
	want := "Work Files s3:PutObject stack-documents/up/*"
	if !slices.Contains(all, want) || slices.ContainsFunc(all, func(s string) bool { return strings.Contains(s, "AWSLambda") }) {
		t.Errorf("granted: %q", all)
	}
}

func absent(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("EMULATORS") == "required" {
		t.Fatal(what)
	}
	t.Skip(what)
}
