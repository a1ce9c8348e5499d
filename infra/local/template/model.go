package template

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"sportello/infra/local/policy"
)

// Settings are the facts of this machine that a template is evaluated for.
type Settings struct {
	Region  string
	Account string
	// Stack prefixes the names of resources that the template leaves unnamed.
	Stack string
	// QueueBase is the address of the SQS emulator: a queue's URL begins with it.
	QueueBase string
	// BucketHost is the host and port of the S3 emulator, which serves all
	// buckets by path.
	BucketHost string
	// Stored gives the values of SSM parameters, for dynamic references.
	Stored func(name string) (string, bool)
	// Parameters holds values for the template's parameters. Values for
	// parameters that the template does not have are ignored.
	Parameters map[string]string
}

// Cloud is what the local cloud has to run.
type Cloud struct {
	Functions     []Function
	APIs          []API
	Mappings      []Mapping
	Schedules     []Schedule
	Tables        []Table
	Buckets       []Bucket
	Queues        []Queue
	Keys          []Key
	Parameters    []Parameter
	Distributions []Distribution
	Plans         []Plan
	// Policies are those of buckets, queues and keys.
	Policies []ResourcePolicy
	// Unenforced names what the template asks for and only the cloud does.
	Unenforced []string
}

// ResourcePolicy is what a resource itself says about who may do what with it.
type ResourcePolicy struct {
	// ID is the template's, ARN the resource's.
	ID, ARN    string
	Statements []policy.Statement
}

// Function is one Lambda function. Folder is CodeUri, relative to the template.
type Function struct {
	ID, Name, ARN, Folder string
	Memory                int
	Timeout               time.Duration
	Environment           map[string]string
	// Reserved is the most instances that may run; zero means the account's limit.
	Reserved int
	// AsyncRetries is how often a failed asynchronous invocation is repeated;
	// OnFailure is the ARN of the queue told of one given up, or empty.
	AsyncRetries int
	OnFailure    string
	// Role is the ARN of the role that SAM makes for it, with these permissions.
	Role       string
	Statements []policy.Statement
}

// API is an HTTP API (payload format 2.0) or a REST API.
type API struct {
	ID, PhysicalID, Name, Stage string
	REST                        bool
	BinaryTypes                 []string
	Routes                      []Route
	// Responses are what a REST API answers by itself, by the cause.
	Responses map[string]Response
}

// Response is an answer of the gateway's own. The body may name $context.requestId.
type Response struct {
	Status  int
	Headers map[string]string
	Body    string
}

// Route sends requests of an API to a function. Method is upper case or ANY.
type Route struct {
	Function, Method, Path string
	KeyRequired            bool
	Timeout                time.Duration
}

// Mapping feeds a queue's messages to a function.
type Mapping struct {
	Function, Name, QueueARN string
	Batch                    int
	Window                   time.Duration
	Partial                  bool
	MaxConcurrency           int
}

// Schedule invokes a function by the clock. Input is the payload, or empty for
// the scheduler's own event.
type Schedule struct {
	Function, Name, ARN, Expression, Zone, Input string
	Enabled                                      bool
	Retries                                      int
}

// Table is a DynamoDB table. A key is one or two attribute names, hash first.
type Table struct {
	ID, Name, TTL string
	Types         map[string]string
	Key           []string
	Indexes       []Index
}

// Index is a global secondary index. Projection is ALL, KEYS_ONLY or INCLUDE.
type Index struct {
	Name, Projection string
	Key, Include     []string
}

// Bucket is an S3 bucket.
type Bucket struct {
	ID, Name  string
	Versioned bool
	Lock      bool
	// Mode and Days are the default retention; no mode means none.
	Mode string
	Days int
	CORS []CORSRule
}

// CORSRule is one rule of a bucket's CORS configuration.
type CORSRule struct {
	Origins, Methods, Headers, Exposed []string
	MaxAge                             int
}

// Queue is an SQS queue; Attributes are those of CreateQueue.
type Queue struct {
	ID, Name, URL, ARN string
	Attributes         map[string]string
	// DeadLetter is the ARN of the queue that failed messages go to.
	DeadLetter string
}

// Key is a KMS key with its aliases. KeyID is fixed by the logical id, so that
// it is the same at every start.
type Key struct {
	ID, KeyID, Spec, Usage string
	Aliases                []string
}

// Plan is a usage plan: its keys open the stages of these APIs (logical ids).
type Plan struct {
	ID, PhysicalID, Name string
	APIs                 []string
}

// Parameter is an SSM parameter that the template itself creates.
type Parameter struct{ Name, Type, Value string }

// Resolve evaluates the template.
func (t *Template) Resolve(set Settings) (*Cloud, error) {
	s, err := newScope(t, set.Parameters, map[string]string{
		"AWS::Region": set.Region, "AWS::AccountId": set.Account, "AWS::StackName": set.Stack,
		"AWS::Partition": "aws", "AWS::URLSuffix": "amazonaws.com",
		"AWS::StackId": fmt.Sprintf("arn:aws:cloudformation:%s:%s:stack/%s/local", set.Region, set.Account, set.Stack),
	})
	if err != nil {
		return nil, err
	}
	r := &resolver{scope: s, set: set, cloud: &Cloud{}, properties: map[string]map[string]any{}}
	s.attribute = r.attribute
	if set.Stored != nil {
		s.stored = set.Stored
	}
	if err := r.all(); err != nil {
		return nil, err
	}
	r.cloud.Unenforced = t.unenforced()
	return r.cloud, nil
}

// resolver builds a Cloud from one scope.
type resolver struct {
	*scope
	set        Settings
	cloud      *Cloud
	properties map[string]map[string]any
	// cloudNames makes a bucket's domain the one it would have in the cloud:
	// a distribution's origins are told apart by it. Anything else (a content
	// security policy) wants the address that browsers here will use.
	cloudNames bool
}

var builders = map[string]func(*resolver, node) error{
	"AWS::Serverless::Function":              (*resolver).function,
	"AWS::Serverless::HttpApi":               (*resolver).httpAPI,
	"AWS::Serverless::Api":                   (*resolver).restAPI,
	"AWS::ApiGateway::UsagePlan":             (*resolver).plan,
	"AWS::DynamoDB::Table":                   (*resolver).table,
	"AWS::S3::Bucket":                        (*resolver).bucket,
	"AWS::S3::BucketPolicy":                  (*resolver).bucketPolicy,
	"AWS::SQS::Queue":                        (*resolver).queue,
	"AWS::SQS::QueuePolicy":                  (*resolver).queuePolicy,
	"AWS::KMS::Key":                          (*resolver).key,
	"AWS::KMS::Alias":                        (*resolver).alias,
	"AWS::SSM::Parameter":                    (*resolver).parameter,
	"AWS::CloudFront::Distribution":          (*resolver).distribution,
	"AWS::CloudFront::Function":              nil,
	"AWS::CloudFront::ResponseHeadersPolicy": nil,
}

// first lists the types that others refer to and must be built before them.
var first = []string{"AWS::Serverless::HttpApi", "AWS::Serverless::Api", "AWS::KMS::Key"}

func (r *resolver) all() error {
	var problems []error
	build := func(early bool) {
		for _, id := range sorted(r.template.resources) {
			res := r.template.resources[id]
			if isFirst(res.kind) != early {
				continue
			}
			if err := r.one(res); err != nil {
				problems = append(problems, fmt.Errorf("resource %s (%s): %w", id, res.kind, err))
			}
		}
	}
	build(true)
	build(false)
	return errors.Join(problems...)
}

func isFirst(kind string) bool {
	for _, k := range first {
		if k == kind {
			return true
		}
	}
	return false
}

func (r *resolver) one(res resource) error {
	exists, err := r.exists(res)
	if err != nil || !exists || cloudOnly(res.kind) || res.kind == generatedRole {
		return err
	}
	build := builders[res.kind]
	if build == nil {
		return nil
	}
	n, err := r.node(res.id)
	if err != nil {
		return err
	}
	return build(r, n)
}

func (r *resolver) exists(res resource) (bool, error) {
	if res.condition == "" {
		return true, nil
	}
	return r.condition(res.condition)
}

// node evaluates the properties of a resource that the local cloud reads.
func (r *resolver) node(id string) (node, error) {
	if p, ok := r.properties[id]; ok {
		return node{id, p}, nil
	}
	res := r.template.resources[id]
	if r.resolving[id] {
		return node{}, fmt.Errorf("%s depends on itself", id)
	}
	r.resolving[id] = true
	outer := r.cloudNames
	r.cloudNames = res.kind == "AWS::CloudFront::Distribution"
	defer func() {
		delete(r.resolving, id)
		r.cloudNames = outer
	}()
	kept := make(map[string]any, len(res.properties))
	for name, v := range res.properties {
		if !contains(catalogue[res.kind].cloud, name) {
			kept[name] = v
		}
	}
	v, err := r.eval(r.withoutCloud(res.kind, kept))
	if err != nil {
		return node{}, err
	}
	r.properties[id] = v.(map[string]any)
	return node{id, r.properties[id]}, nil
}

// withoutCloud drops what exists only in the cloud before evaluation: it may
// refer to resources that have no local attributes.
func (r *resolver) withoutCloud(path string, v any) any {
	switch x := v.(type) {
	case map[string]any:
		if isIntrinsic(x) {
			return x
		}
		out := make(map[string]any, len(x))
		for name, item := range x {
			if !contains(catalogue[path].cloud, name) {
				out[name] = r.withoutCloud(path+"."+name, item)
			}
		}
		return out
	case []any:
		out := make([]any, len(x))
		for i, item := range x {
			out[i] = r.withoutCloud(path, item)
		}
		return out
	}
	return v
}

func contains(list []string, s string) bool {
	for _, item := range list {
		if item == s {
			return true
		}
	}
	return false
}

// attribute is what Ref (no name) and Fn::GetAtt give for a resource.
func (r *resolver) attribute(id, name string) (any, error) {
	res := r.template.resources[id]
	if exists, err := r.exists(res); err != nil || !exists {
		return nil, errors.Join(err, fmt.Errorf("resource %s does not exist under its condition", id))
	}
	physical, err := r.name(res)
	if err != nil {
		return nil, err
	}
	arn := func(service, rest string) string {
		return fmt.Sprintf("arn:aws:%s:%s:%s:%s", service, r.set.Region, r.set.Account, rest)
	}
	switch res.kind + "." + name {
	case "AWS::Serverless::Function.", "AWS::DynamoDB::Table.", "AWS::S3::Bucket.", "AWS::KMS::Key.", "AWS::KMS::Alias.",
		"AWS::SSM::Parameter.", "AWS::Serverless::HttpApi.", "AWS::Serverless::Api.", "AWS::ApiGateway::UsagePlan.", "AWS::SQS::Queue.QueueName",
		"AWS::KMS::Key.KeyId", "AWS::CloudFront::Distribution.", "AWS::CloudFront::Distribution.Id",
		"AWS::CloudFront::ResponseHeadersPolicy.", "AWS::CloudFront::ResponseHeadersPolicy.Id":
		return physical, nil
	case "AWS::Serverless::Function.Arn":
		return arn("lambda", "function:"+physical), nil
	case "AWS::DynamoDB::Table.Arn":
		return arn("dynamodb", "table/"+physical), nil
	case "AWS::S3::Bucket.Arn":
		return "arn:aws:s3:::" + physical, nil
	case "AWS::S3::Bucket.RegionalDomainName":
		if !r.cloudNames {
			return r.set.BucketHost, nil
		}
		return fmt.Sprintf("%s.s3.%s.amazonaws.com", physical, r.set.Region), nil
	case "AWS::S3::Bucket.DomainName":
		if !r.cloudNames {
			return r.set.BucketHost, nil
		}
		return physical + ".s3.amazonaws.com", nil
	case "AWS::SQS::Queue.", "AWS::SQS::Queue.QueueUrl":
		return fmt.Sprintf("%s/%s/%s", r.set.QueueBase, r.set.Account, physical), nil
	case generatedRole + ".Arn":
		return fmt.Sprintf("arn:aws:iam::%s:role/%s", r.set.Account, physical), nil
	case "AWS::SQS::Queue.Arn":
		return arn("sqs", physical), nil
	case "AWS::KMS::Key.Arn":
		return arn("kms", "key/"+physical), nil
	case "AWS::CloudFront::Function.FunctionARN", "AWS::CloudFront::Function.FunctionMetadata.FunctionARN", "AWS::CloudFront::Function.":
		return functionARN(r.set.Account, id), nil
	case "AWS::Serverless::HttpApi.ApiEndpoint":
		return fmt.Sprintf("https://%s.execute-api.%s.amazonaws.com", physical, r.set.Region), nil
	case "AWS::CloudFront::Distribution.DomainName":
		return "d" + strings.ToLower(id) + ".cloudfront.net", nil
	}
	if cloudOnly(res.kind) {
		// Only reached from a property the local cloud reads: what it would say
		// is not known here, and guessing would hide a missing wire.
		return nil, fmt.Errorf("%s (%s) exists only in the cloud and has no local %s", id, res.kind, orRef(name))
	}
	return nil, fmt.Errorf("%s of %s (%s) is not supported by the local cloud", orRef(name), id, res.kind)
}

func orRef(attribute string) string {
	if attribute == "" {
		return "Ref"
	}
	return attribute
}

func functionARN(account, id string) string {
	return fmt.Sprintf("arn:aws:cloudfront::%s:function/%s", account, id)
}

// nameProperty is the property that names a resource of a type.
var nameProperty = map[string]string{
	"AWS::Serverless::Function": "FunctionName", "AWS::DynamoDB::Table": "TableName",
	"AWS::S3::Bucket": "BucketName", "AWS::SQS::Queue": "QueueName",
	"AWS::KMS::Alias": "AliasName", "AWS::SSM::Parameter": "Name",
}

// name is a resource's physical name: its own if the template gives one, else
// made of the stack's name and the logical id.
func (r *resolver) name(res resource) (string, error) {
	if v, ok := res.properties[nameProperty[res.kind]]; ok {
		if r.resolving["name of "+res.id] {
			return "", fmt.Errorf("the name of %s depends on itself", res.id)
		}
		r.resolving["name of "+res.id] = true
		given, err := r.eval(v)
		delete(r.resolving, "name of "+res.id)
		if err != nil {
			return "", err
		}
		if _, none := given.(noValue); !none {
			return text(given), nil
		}
	}
	made := r.set.Stack + "-" + res.id
	switch res.kind {
	case "AWS::S3::Bucket":
		return strings.ToLower(made), nil
	case "AWS::SQS::Queue":
		if text(res.properties["FifoQueue"]) == "true" {
			made += ".fifo"
		}
	case "AWS::KMS::Key":
		return keyID(res.id), nil
	case "AWS::Serverless::HttpApi", "AWS::Serverless::Api", "AWS::ApiGateway::UsagePlan":
		return strings.ToLower(res.id), nil
	}
	return made, nil
}
