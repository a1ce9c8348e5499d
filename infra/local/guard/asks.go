package guard

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"sportello/infra/local/template"
)

// asks derives what IAM is asked about a call. A call that is not here is an
// error: to let it pass would be to grant it.
func (g *Guard) asks(service, name string, r *http.Request, body []byte) ([]ask, error) {
	switch service {
	case "s3":
		return objectAsks(name, r)
	case "dynamodb":
		return g.tableAsks(name, body)
	case "sqs":
		return g.queueAsks(name, body)
	case "kms":
		return g.keyAsks(name, body)
	case "ssm":
		return g.parameterAsks(name, body)
	}
	return nil, unknown(service, name)
}

func unknown(service, name string) error {
	return fmt.Errorf("because the local cloud does not know which permissions %s %s needs: package guard must be taught", service, name)
}

// ---- DynamoDB

// tableInput is what the calls of DynamoDB say of tables and keys.
type tableInput struct {
	TableName, IndexName      string
	Key, Item                 map[string]attribute
	KeyConditionExpression    string
	ExpressionAttributeNames  map[string]string
	ExpressionAttributeValues map[string]attribute
}

type attribute struct{ S, N, B *string }

func (a attribute) text() []string {
	for _, v := range []*string{a.S, a.N, a.B} {
		if v != nil {
			return []string{*v}
		}
	}
	return nil
}

// transactions are the members of transactions and the permissions they need.
var transactions = map[string]string{
	"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem", "Get": "GetItem",
}

func (g *Guard) tableAsks(name string, body []byte) ([]ask, error) {
	switch name {
	case "GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan", "DescribeTable":
		var in tableInput
		if err := json.Unmarshal(body, &in); err != nil {
			return nil, unreadable(name)
		}
		a, err := g.tableAsk(name, in)
		return []ask{a}, err
	case "TransactWriteItems", "TransactGetItems":
		var in struct{ TransactItems []map[string]tableInput }
		if err := json.Unmarshal(body, &in); err != nil {
			return nil, unreadable(name)
		}
		return g.transactionAsks(in.TransactItems)
	case "BatchGetItem":
		return g.batchAsks(body)
	}
	return nil, unknown("DynamoDB", name)
}

func unreadable(name string) error {
	return fmt.Errorf("because the request of %s cannot be read", name)
}

func (g *Guard) transactionAsks(items []map[string]tableInput) ([]ask, error) {
	var out []ask
	for _, item := range items {
		for kind, in := range item {
			if transactions[kind] == "" {
				return nil, unknown("DynamoDB", kind)
			}
			a, err := g.tableAsk(transactions[kind], in)
			if err != nil {
				return nil, err
			}
			out = append(out, a)
		}
	}
	return out, nil
}

func (g *Guard) batchAsks(body []byte) ([]ask, error) {
	var in struct {
		RequestItems map[string]struct{ Keys []map[string]attribute }
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, unreadable("BatchGetItem")
	}
	var out []ask
	for table, request := range in.RequestItems {
		var leading []string
		for _, key := range request.Keys {
			leading = append(leading, key[g.hash(table, "")].text()...)
		}
		out = append(out, g.leadingAsk("BatchGetItem", table, "", leading))
	}
	return out, nil
}

func (g *Guard) tableAsk(action string, in tableInput) (ask, error) {
	hash := g.hash(in.TableName, in.IndexName)
	var leading []string
	switch action {
	case "Scan", "DescribeTable":
	case "Query":
		value, ok := partition(in, hash)
		if !ok {
			return ask{}, unreadable("Query")
		}
		leading = value
	case "PutItem":
		leading = in.Item[hash].text()
	default:
		leading = in.Key[hash].text()
	}
	return g.leadingAsk(action, in.TableName, in.IndexName, leading), nil
}

func (g *Guard) leadingAsk(action, table, index string, leading []string) ask {
	resource := "table/" + tableName(table)
	if index != "" {
		resource += "/index/" + index
	}
	a := ask{action: "dynamodb:" + action, resource: g.arn("dynamodb", resource)}
	if len(leading) > 0 {
		a.context = map[string][]string{"dynamodb:leadingkeys": leading}
	}
	return a
}

// tableName takes a table's name or its ARN.
func tableName(s string) string {
	_, name, found := strings.Cut(s, ":table/")
	if found {
		return name
	}
	return s
}

// hash is the name of the partition key.
func (g *Guard) hash(table, index string) string {
	t := g.tables[tableName(table)]
	key := t.Key
	if i := slices.IndexFunc(t.Indexes, func(x template.Index) bool { return x.Name == index }); i >= 0 {
		key = t.Indexes[i].Key
	}
	if len(key) == 0 {
		return ""
	}
	return key[0]
}

// equality is the only condition that a query may put on the partition key.
var equality = regexp.MustCompile(`([#\w.-]+)\s*=\s*(:\w+)`)

func partition(in tableInput, hash string) ([]string, bool) {
	for _, m := range equality.FindAllStringSubmatch(in.KeyConditionExpression, -1) {
		name := m[1]
		if strings.HasPrefix(name, "#") {
			name = in.ExpressionAttributeNames[name]
		}
		if value := in.ExpressionAttributeValues[m[2]].text(); name == hash && value != nil {
			return value, true
		}
	}
	return nil, false
}

// ---- S3

// objectActions are the permissions on the object, by operation.
var objectActions = map[string][]string{
	"PutObject": {"PutObject"}, "CopyObject": {"PutObject"}, "CreateMultipartUpload": {"PutObject"}, "UploadPart": {"PutObject"},
	"CompleteMultipartUpload": {"PutObject"}, "AbortMultipartUpload": {"AbortMultipartUpload"}, "ListParts": {"ListMultipartUploadParts"},
	"GetObjectRetention": {"GetObjectRetention"}, "PutObjectRetention": {"PutObjectRetention"},
	"GetObjectLegalHold": {"GetObjectLegalHold"}, "PutObjectLegalHold": {"PutObjectLegalHold"},
}

// versioned are those that are others when a version is named.
var versioned = map[string]string{"GetObject": "GetObject", "HeadObject": "GetObject", "DeleteObject": "DeleteObject"}

// bucketActions are the permissions on the bucket.
var bucketActions = map[string]string{"ListObjectsV2": "ListBucket", "HeadBucket": "ListBucket", "ListObjectVersions": "ListBucketVersions"}

// headerActions are needed beside the operation's own when a header is sent.
var headerActions = []struct{ header, action string }{
	{"X-Amz-Object-Lock-Mode", "PutObjectRetention"}, {"X-Amz-Object-Lock-Retain-Until-Date", "PutObjectRetention"},
	{"X-Amz-Object-Lock-Legal-Hold", "PutObjectLegalHold"}, {"X-Amz-Tagging", "PutObjectTagging"}, {"X-Amz-Acl", "PutObjectAcl"},
	{"X-Amz-Bypass-Governance-Retention", "BypassGovernanceRetention"}, {"If-Match", "GetObject"},
}

// creating are the operations that make an object.
var creating = []string{"PutObject", "CopyObject", "CompleteMultipartUpload"}

func objectAsks(name string, r *http.Request) ([]ask, error) {
	bucket, key := objectOf(r)
	if action, ok := bucketActions[name]; ok {
		return []ask{{"s3:" + action, "arn:aws:s3:::" + bucket, nil}}, nil
	}
	actions := objectActions[name]
	if action, ok := versioned[name]; ok {
		if r.URL.Query().Get("versionId") != "" {
			action += "Version"
		}
		actions = []string{action}
	}
	if actions == nil {
		return nil, unknown("S3", name)
	}
	context := map[string][]string{"s3:objectcreationoperation": {fmt.Sprint(slices.Contains(creating, name))}}
	if value := r.Header.Get("If-None-Match"); value != "" && slices.Contains(creating, name) {
		context["s3:if-none-match"] = []string{value}
	}
	for _, h := range headerActions {
		writes := name != "GetObject" && name != "HeadObject"
		if writes && r.Header.Get(h.header) != "" && !slices.Contains(actions, h.action) {
			actions = append(slices.Clone(actions), h.action)
		}
	}
	var out []ask
	if name == "CopyObject" {
		source, version, _ := strings.Cut(copySource(r), "?versionId=")
		action := "s3:GetObject"
		if version != "" {
			action += "Version"
		}
		out = append(out, ask{action, "arn:aws:s3:::" + source, nil})
	}
	for _, action := range actions {
		out = append(out, ask{"s3:" + action, "arn:aws:s3:::" + bucket + "/" + key, context})
	}
	return out, nil
}

// objectOf is the bucket and the key of a request addressed by path.
func objectOf(r *http.Request) (bucket, key string) {
	bucket, key, _ = strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	return bucket, key
}

func copySource(r *http.Request) string {
	source := strings.TrimPrefix(r.Header.Get("X-Amz-Copy-Source"), "/")
	if plain, err := url.PathUnescape(source); err == nil {
		return plain
	}
	return source
}

// ---- SQS

// queueActions: a batch needs the permission of its single message.
var queueActions = map[string]string{
	"SendMessage": "SendMessage", "SendMessageBatch": "SendMessage", "ReceiveMessage": "ReceiveMessage",
	"DeleteMessage": "DeleteMessage", "DeleteMessageBatch": "DeleteMessage", "GetQueueAttributes": "GetQueueAttributes",
	"ChangeMessageVisibility": "ChangeMessageVisibility", "ChangeMessageVisibilityBatch": "ChangeMessageVisibility",
	"PurgeQueue": "PurgeQueue", "GetQueueUrl": "GetQueueUrl",
}

func (g *Guard) queueAsks(name string, body []byte) ([]ask, error) {
	var in struct{ QueueURL, QueueName string }
	if queueActions[name] == "" {
		return nil, unknown("SQS", name)
	}
	if err := json.Unmarshal(body, &in); err != nil || in.QueueURL+in.QueueName == "" {
		return nil, unreadable(name)
	}
	return []ask{{"sqs:" + queueActions[name], g.queueARN(in.QueueURL + in.QueueName), nil}}, nil
}

// ---- KMS

var keyActions = []string{"Sign", "Verify", "GetPublicKey", "DescribeKey", "Encrypt", "Decrypt", "GenerateDataKey"}

// keyAsks: a key may be called by its alias, but it is the key that is asked
// about.
func (g *Guard) keyAsks(name string, body []byte) ([]ask, error) {
	var in struct{ KeyID string }
	if !slices.Contains(keyActions, name) {
		return nil, unknown("KMS", name)
	}
	if err := json.Unmarshal(body, &in); err != nil || in.KeyID == "" {
		return nil, unreadable(name)
	}
	called := in.KeyID
	if _, rest, found := strings.Cut(called, ":"+g.config.Account+":"); found {
		called = strings.TrimPrefix(rest, "key/")
	}
	key, ok := g.keys[called]
	if !ok {
		key = g.arn("kms", called)
	}
	return []ask{{"kms:" + name, key, nil}}, nil
}

// ---- SSM

// parameterAsks: a SecureString under AWS's own key, which ours are, needs no
// permission on that key.
func (g *Guard) parameterAsks(name string, body []byte) ([]ask, error) {
	var in struct {
		Name, Path string
		Names      []string
	}
	if !slices.Contains([]string{"GetParameter", "GetParameters", "GetParametersByPath", "PutParameter"}, name) {
		return nil, unknown("SSM", name)
	}
	names := func() []string {
		one := in.Name
		if name == "GetParametersByPath" {
			one = in.Path
		}
		if one != "" {
			return []string{one}
		}
		return in.Names
	}
	if err := json.Unmarshal(body, &in); err != nil || len(names()) == 0 {
		return nil, unreadable(name)
	}
	var out []ask
	for _, n := range names() {
		arn := n
		if !strings.HasPrefix(n, "arn:") {
			arn = g.arn("ssm", "parameter/"+strings.TrimPrefix(n, "/"))
		}
		out = append(out, ask{"ssm:" + name, arn, nil})
	}
	return out, nil
}
