package template_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/infra/local/policy"
	"sportello/infra/local/template"
)

func settings() template.Settings {
	return template.Settings{
		Region: "eu-south-1", Account: "000000000000", Stack: "stack", QueueBase: "http://127.0.0.1:8103", BucketHost: "127.0.0.1:8102",
		Stored:     func(name string) (string, bool) { return "secret", name == "/origin" },
		Parameters: map[string]string{"Domain": "localhost:8080", "Ignored": "x"},
	}
}

func resolve(t *testing.T) *template.Cloud {
	t.Helper()
	parsed, err := template.Load("testdata/small.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c, err := parsed.Resolve(settings())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestResolve(t *testing.T) {
	got := resolve(t)
	keyID := got.Keys[0].KeyID
	const role = "arn:aws:iam::000000000000:role/stack-WorkRole"
	want := &template.Cloud{
		Functions: []template.Function{{
			ID: "Work", Name: "stack-Work", ARN: "arn:aws:lambda:eu-south-1:000000000000:function:stack-Work", Folder: "functions/worker",
			Memory: 256, Timeout: 15 * time.Second, Reserved: 10, AsyncRetries: 1, OnFailure: "arn:aws:sqs:eu-south-1:000000000000:stack-dead.fifo",
			Environment: map[string]string{
				"STAGE": "test", "TABLE": "stack-Things", "QUEUE": "http://127.0.0.1:8103/000000000000/stack-Jobs.fifo", "KEY": "alias/test-seal",
				"LITERAL": "${not.this} arn:aws:dynamodb:eu-south-1:000000000000:table/stack-Things",
			},
			Role: role,
			Statements: []policy.Statement{
				{
					Sid: "Own", Actions: []string{"dynamodb:Query"},
					Resources: []string{
						"arn:aws:dynamodb:eu-south-1:000000000000:table/stack-Things", "arn:aws:dynamodb:eu-south-1:000000000000:table/stack-Things/index/by",
					},
					Conditions: []policy.Condition{{Set: "ForAllValues", Operator: "StringLike", Key: "dynamodb:leadingkeys", Values: []string{"A#*"}}},
				},
				{
					Sid: "AWSLambdaSQSQueueExecutionRole", Added: true, Resources: []string{"*"},
					Actions: []string{"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"},
				},
				{Sid: "OnFailure", Added: true, Actions: []string{"sqs:SendMessage"}, Resources: []string{"arn:aws:sqs:eu-south-1:000000000000:stack-dead.fifo"}},
			},
		}},
		APIs: []template.API{
			{ID: "Chambers", PhysicalID: "chambers", Name: "Chambers", Stage: "live", REST: true,
				Routes: []template.Route{{Function: "Work", Method: "ANY", Path: "/chamber/{proxy+}", KeyRequired: true, Timeout: 29 * time.Second}}},
			{ID: "Citizens", PhysicalID: "citizens", Name: "Citizens", Stage: "$default",
				Routes: []template.Route{{Function: "Work", Method: "GET", Path: "/api/{id}", Timeout: 30 * time.Second}}},
		},
		Mappings: []template.Mapping{{Function: "Work", Name: "Three", QueueARN: "arn:aws:sqs:eu-south-1:000000000000:stack-Jobs.fifo", Batch: 10, Partial: true, MaxConcurrency: 5}},
		Schedules: []template.Schedule{{
			Function: "Work", Name: "WorkFour", ARN: "arn:aws:scheduler:eu-south-1:000000000000:schedule/default/WorkFour",
			Expression: "rate(1 minute)", Zone: "Europe/Rome", Input: `{"task":"sweep"}`, Enabled: true, Retries: 185,
		}},
		Tables: []template.Table{{ID: "Things", Name: "stack-Things", TTL: "ttl", Types: map[string]string{"pk": "S", "sk": "S"}, Key: []string{"pk", "sk"}}},
		Buckets: []template.Bucket{
			{ID: "Archive", Name: "stack-archive", Lock: true, Mode: "GOVERNANCE", Days: 3},
			{ID: "Documents", Name: "sportello-test-documents", CORS: []template.CORSRule{{
				Origins: []string{"http://*.localhost:8080"}, Methods: []string{"PUT"}, Headers: []string{}, Exposed: []string{}, MaxAge: 60,
			}}},
			{ID: "Site", Name: "stack-site"},
		},
		Queues: []template.Queue{
			{
				ID: "Jobs", Name: "stack-Jobs.fifo", URL: "http://127.0.0.1:8103/000000000000/stack-Jobs.fifo", ARN: "arn:aws:sqs:eu-south-1:000000000000:stack-Jobs.fifo",
				DeadLetter: "arn:aws:sqs:eu-south-1:000000000000:stack-dead.fifo",
				Attributes: map[string]string{
					"FifoQueue": "true", "VisibilityTimeout": "120",
					"RedrivePolicy": `{"deadLetterTargetArn":"arn:aws:sqs:eu-south-1:000000000000:stack-dead.fifo","maxReceiveCount":5}`,
				},
			},
			{
				ID: "JobsDead", Name: "stack-dead.fifo", URL: "http://127.0.0.1:8103/000000000000/stack-dead.fifo", ARN: "arn:aws:sqs:eu-south-1:000000000000:stack-dead.fifo",
				Attributes: map[string]string{"FifoQueue": "true"},
			},
		},
		Keys: []template.Key{{ID: "Key", KeyID: keyID, Spec: "ECC_NIST_P256", Usage: "SIGN_VERIFY", Aliases: []string{"alias/test-seal"}}},
		Policies: []template.ResourcePolicy{
			{ID: "Key", ARN: "arn:aws:kms:eu-south-1:000000000000:key/" + keyID, Statements: []policy.Statement{{
				Sid: "Default", Principals: []string{"arn:aws:iam::000000000000:root"}, Actions: []string{"kms:*"}, Resources: []string{"*"},
			}}},
			{ID: "JobsPolicy", ARN: "arn:aws:sqs:eu-south-1:000000000000:stack-Jobs.fifo", Statements: []policy.Statement{{
				Sid: "OneConsumer", Deny: true, Principals: []string{"*"}, Actions: []string{"sqs:ReceiveMessage"},
				Resources:  []string{"arn:aws:sqs:eu-south-1:000000000000:stack-Jobs.fifo"},
				Conditions: []policy.Condition{{Operator: "ArnNotEquals", Key: "aws:principalarn", Values: []string{role}}},
			}}},
			{ID: "SitePolicy", ARN: "arn:aws:s3:::stack-site", Statements: []policy.Statement{{
				Sid: "#1", Principals: []string{"cloudfront.amazonaws.com"}, Actions: []string{"s3:GetObject"}, Resources: []string{"arn:aws:s3:::stack-site/*"},
			}}},
		},
		Plans: []template.Plan{{ID: "MilanoPlan", PhysicalID: "milanoplan", Name: "milano", APIs: []string{"Chambers"}}},
		Distributions: []template.Distribution{{ID: "Front", Behaviors: []template.Behavior{
			{Pattern: "/api/*", Methods: []string{"GET", "POST"}, Origin: template.Origin{API: "Citizens", Headers: []template.Header{{Name: "x-origin-verify", Value: "secret", Override: true}}}},
			{
				Methods: []string{"GET", "HEAD"}, Origin: template.Origin{Bucket: "Site"}, ViewerRequest: "function handler(event) { return event.request; }",
				Headers: []template.Header{{Name: "content-security-policy", Value: "connect-src 127.0.0.1:8102", Override: true}},
			},
		}}},
		Unenforced: []string{"CloudWatch::Alarm", "DefaultCacheBehavior.ViewerProtocolPolicy", "Table.DeletionProtectionEnabled"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestParametersAreChecked(t *testing.T) {
	parsed, err := template.Load("testdata/small.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ parameter, value, want string }{
		"pattern": {"Stage", "NO", "parameter Stage"},
		"allowed": {"Scheme", "ftp", "parameter Scheme"},
		"range":   {"Days", "11", "parameter Days"},
		"number":  {"Days", "few", "parameter Days"},
	} {
		set := settings()
		set.Parameters[c.parameter] = c.value
		if _, err := parsed.Resolve(set); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
	set := settings()
	delete(set.Parameters, "Domain")
	if _, err := parsed.Resolve(set); err == nil || !strings.Contains(err.Error(), "parameter Domain") {
		t.Errorf("missing: got %v", err)
	}
}

// TestUnsupported changes one thing at a time in a template that is fine: each
// must stop the start, with its name and where it is.
func TestUnsupported(t *testing.T) {
	text, err := os.ReadFile("testdata/small.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		old, new string
		want     []string
	}{
		"resource type":     {"Type: AWS::CloudWatch::Alarm", "Type: AWS::Kinesis::Stream", []string{"Watch", "AWS::Kinesis::Stream"}},
		"property":          {"DeletionProtectionEnabled: true", "StreamSpecification: { StreamViewType: KEYS_ONLY }", []string{"Things", "StreamSpecification"}},
		"nested property":   {"MaxAge: 60", "MaxAge: 60, Surprise: 1", []string{"Documents", "CorsRules.Surprise"}},
		"event type":        {"Type: ScheduleV2", "Type: IoTRule", []string{"Work", "Four", "IoTRule"}},
		"event property":    {"BatchSize: 10", "FilterCriteria: {}", []string{"Work", "Three", "FilterCriteria"}},
		"global":            {"Timeout: 15", "Layers: [x]", []string{"Work", "Layers"}},
		"global section":    {"Globals:\n  Function:", "Globals:\n  SimpleTable: {}\n  Function:", []string{"Globals.SimpleTable"}},
		"attribute":         {"DeletionPolicy: Retain", "Fn::Transform: x", []string{"Things", "Fn::Transform"}},
		"intrinsic":         {"!Ref Days", "!ImportValue days", []string{"!ImportValue"}},
		"long intrinsic":    {"Days: !Ref Days", "Days: { 'Fn::ImportValue': days }", []string{"Archive", "Fn::ImportValue"}},
		"section":           {"Outputs:", "Hooks:", []string{"section Hooks"}},
		"transform":         {"AWS::Serverless-2016-10-31", "AWS::LanguageExtensions", []string{"AWS::LanguageExtensions"}},
		"attribute of":      {"TABLE: !Ref Things", "TABLE: !GetAtt Things.StreamArn", []string{"Work", "StreamArn", "Things"}},
		"cloud-only value":  {"TABLE: !Ref Things", "TABLE: !Ref Watch", []string{"Work", "Watch", "only in the cloud"}},
		"unknown name":      {"TABLE: !Ref Things", "TABLE: !Ref Nothing", []string{"Work", "Nothing"}},
		"parameter type":    {"Domain: { Type: String }", "Domain: { Type: 'AWS::EC2::VPC::Id' }", []string{"Domain", "AWS::EC2::VPC::Id"}},
		"parameter field":   {"Domain: { Type: String }", "Domain: { Type: String, Surprise: 1 }", []string{"Domain", "Surprise"}},
		"dynamic reference": {"{{resolve:ssm:/origin}}", "{{resolve:secretsmanager:x}}", []string{"Front", "secretsmanager"}},
		"absent parameter":  {"{{resolve:ssm:/origin}}", "{{resolve:ssm:/other}}", []string{"Front", "/other"}},
		"billing":           {"PAY_PER_REQUEST", "PROVISIONED", []string{"Things", "BillingMode"}},
		"runtime":           {"Handler: bootstrap", "Handler: index.handler", []string{"Work", "index.handler"}},
		"origin":            {"!GetAtt Site.RegionalDomainName", "example.org", []string{"Front", "example.org"}},
		"route twice":       {"Type: Api, Properties: { RestApiId: !Ref Chambers, Method: ANY, Path: \"/chamber/{proxy+}\"", "Type: HttpApi, Properties: { ApiId: !Ref Citizens, Method: GET, Path: \"/api/{id}\"", []string{"Work", "Two", "routed twice"}},
		"duplicate":         {"Site: { Type: AWS::S3::Bucket }", "Archive: { Type: AWS::S3::Bucket }", []string{"Archive", "twice"}},
		"condition key":     {"dynamodb:LeadingKeys", "dynamodb:Attributes", []string{"Work", "statement Own", "dynamodb:Attributes"}},
		"policy by name":    {"        - Version: \"2012-10-17\"\n          Statement:\n            - Sid: Own", "        - AmazonS3FullAccess\n        - Version: \"2012-10-17\"\n          Statement:\n            - Sid: Own", []string{"Work", "AmazonS3FullAccess"}},
		"policy of a queue": {"ArnNotEquals: { aws:PrincipalArn", "ArnNotEquals: { aws:SourceVpc", []string{"JobsPolicy", "aws:SourceVpc"}},
		"gateway's cause":   {restAPI, restAPI + ", GatewayResponses: { TEAPOT: { StatusCode: 418 } }", []string{"Chambers", "TEAPOT"}},
		"gateway's words":   {restAPI, restAPI + ", GatewayResponses: { THROTTLED: { ResponseTemplates: { application/json: '$context.error.message' } } }", []string{"Chambers", "THROTTLED", "$context.error.message"}},
		"gateway's type":    {restAPI, restAPI + ", GatewayResponses: { THROTTLED: { ResponseTemplates: { text/html: x } } }", []string{"Chambers", "THROTTLED", "text/html"}},
		"gateway's header":  {restAPI, restAPI + ", GatewayResponses: { THROTTLED: { ResponseParameters: { Headers: { A: method.request.header.B } } } }", []string{"Chambers", "THROTTLED", "header A"}},
		"gateway's place":   {restAPI, restAPI + ", GatewayResponses: { THROTTLED: { ResponseParameters: { Paths: { A: B } } } }", []string{"Chambers", "Paths"}},
		"role":              {"CodeUri: functions/worker/", "CodeUri: functions/worker/\n      Role: arn:aws:iam::000000000000:role/x", []string{"Work", "Role"}},
		"loop":              {"BucketName: !Join", "BucketName: !Sub '${Documents}'\n      LifecycleConfiguration: !Join", []string{"Documents"}},
	} {
		t.Run(name, func(t *testing.T) {
			changed := strings.Replace(string(text), c.old, c.new, 1)
			if changed == string(text) {
				t.Fatalf("the fixture has no %q", c.old)
			}
			parsed, err := template.Parse([]byte(changed))
			if err == nil {
				_, err = parsed.Resolve(settings())
			}
			if err == nil {
				t.Fatal("it was taken")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not name %q", err, want)
				}
			}
		})
	}
}

// What only the cloud does is named, wherever it stands.
func TestUnenforced(t *testing.T) {
	text, err := os.ReadFile("testdata/small.yaml")
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.NewReplacer(
		"UsagePlanName: milano", "UsagePlanName: milano\n      Quota: { Limit: 1, Period: DAY }\n      Description: x",
		"Site: { Type: AWS::S3::Bucket }", "Site: { Type: AWS::S3::Bucket, Properties: { LifecycleConfiguration: { Rules: [] } } }",
		restAPI, restAPI+", MethodSettings: []", "ScheduleExpression: ", "DeadLetterConfig: { Arn: x }, ScheduleExpression: ",
	).Replace(string(text))
	parsed, err := template.Parse([]byte(changed))
	if err != nil {
		t.Fatal(err)
	}
	cloud, err := parsed.Resolve(settings())
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"Api.MethodSettings", "Bucket.LifecycleConfiguration", "CloudWatch::Alarm", "DefaultCacheBehavior.ViewerProtocolPolicy", "ScheduleV2.DeadLetterConfig",
		"Table.DeletionProtectionEnabled", "UsagePlan.Quota",
	}
	if diff := cmp.Diff(want, cloud.Unenforced); diff != "" {
		t.Error(diff)
	}
}

const restAPI = "StageName: live, Auth: { ApiKeyRequired: true }"

// TestProduct reads the template that is deployed: all of it must be understood.
func TestProduct(t *testing.T) {
	parsed, err := template.Load("../../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_ = parsed
}
