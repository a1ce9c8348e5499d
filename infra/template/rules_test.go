// Package template_test holds the house rules of template.yaml: what must be there and what must not. Each rule is
// shown to bite by at least one mutation of the template (mutations_test.go).
package template_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// rule returns one sentence for each place that breaks it.
type rule struct {
	name  string
	check func(d document) findings
}

type findings []string

func (f *findings) add(format string, args ...any) { *f = append(*f, fmt.Sprintf(format, args...)) }

// demand adds a finding where something that must hold does not.
func (f *findings) demand(holds bool, format string, args ...any) {
	if !holds {
		f.add(format, args...)
	}
}

var rules = slices.Concat(storageRules, queueRules, functionRules, permissionRules, edgeRules, watchRules)

func TestTemplate(t *testing.T) {
	d := load(t, "template.yaml")
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			for _, finding := range r.check(d) {
				t.Error(finding)
			}
		})
	}
}

// storageRules: what is stored cannot be lost by a change of the stack.
var storageRules = []rule{
	{"stateful resources are retained", retained},
	{"tables are protected and restorable", tablesProtected},
	{"only sessions expire", onlySessionsExpire},
	{"indexes are complete from day one", indexesComplete},
	{"buckets are closed and encrypted without a key of ours", bucketsClosed},
	{"the archive is locked by parameters", archiveLocked},
	{"the archive is write-once for everyone", archiveWriteOnce},
	{"buckets and queues speak TLS only", tlsOnly},
	{"keys only sign", keysOnlySign},
	{"no streams, no event bus, no VPC", nothingForbidden},
}

func retained(d document) (f findings) {
	kinds := []string{"AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::KMS::Key", "AWS::KMS::Alias"}
	for _, kind := range kinds {
		for _, id := range d.names(kind) {
			for _, policy := range []string{"DeletionPolicy", "UpdateReplacePolicy"} {
				f.demand(text(d, "Resources", id, policy) == "Retain", "%s: %s is not Retain", id, policy)
			}
		}
	}
	return f
}

func tablesProtected(d document) (f findings) {
	for _, id := range d.names("AWS::DynamoDB::Table") {
		f.demand(d.property(id, "DeletionProtectionEnabled") == true, "%s: no deletion protection", id)
		f.demand(d.property(id, "PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled") == true,
			"%s: no point-in-time recovery", id)
		f.demand(d.property(id, "SSESpecification", "SSEEnabled") == true, "%s: no encryption", id)
		f.demand(d.property(id, "BillingMode") == "PAY_PER_REQUEST", "%s: capacity is not on demand", id)
		f.demand(d.property(id, "TableName") == nil, "%s: a fixed name would block a replacement", id)
	}
	return f
}

func onlySessionsExpire(d document) (f findings) {
	for _, id := range d.names("AWS::DynamoDB::Table") {
		expires := d.property(id, "TimeToLiveSpecification") != nil
		f.demand(expires == (id == "SessionsTable"), "%s: time to live: %v", id, expires)
	}
	return f
}

func indexesComplete(d document) (f findings) {
	want := map[string][]string{
		"by-state": {"gs_pk", "gs_sk"}, "by-officer": {"go_pk", "go_sk"},
		"by-due": {"gd_pk", "gd_sk"}, "timers": {"gt_pk", "gt_sk"},
	}
	for _, index := range list(d.property("ApplicationsTable", "GlobalSecondaryIndexes")) {
		name := text(index, "IndexName")
		f.demand(slices.Equal(keyNames(index), want[name]), "index %s: keys %v, want %v", name, keyNames(index), want[name])
		f.demand(text(index, "Projection", "ProjectionType") == "ALL", "index %s: not all attributes", name)
		delete(want, name)
	}
	for name := range want {
		f.add("index %s is missing", name)
	}
	for _, id := range d.names("AWS::DynamoDB::Table") {
		f.demand(slices.Equal(keyNames(d.property(id)), []string{"pk", "sk"}), "%s: keys %v", id, keyNames(d.property(id)))
	}
	return f
}

func keyNames(v any) []string {
	var names []string
	for _, k := range list(v, "KeySchema") {
		names = append(names, text(k, "AttributeName"))
	}
	return names
}

func bucketsClosed(d document) (f findings) {
	for _, id := range d.names("AWS::S3::Bucket") {
		for _, block := range []string{"BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"} {
			f.demand(d.property(id, "PublicAccessBlockConfiguration", block) == true, "%s: %s is not set", id, block)
		}
		rules := list(d.property(id, "OwnershipControls"), "Rules")
		f.demand(len(rules) == 1 && text(rules[0], "ObjectOwnership") == "BucketOwnerEnforced", "%s: owner not enforced", id)
		encryption := list(d.property(id, "BucketEncryption"), "ServerSideEncryptionConfiguration")
		f.demand(len(encryption) == 1 && text(encryption[0], "ServerSideEncryptionByDefault", "SSEAlgorithm") == "AES256",
			"%s: not under SSE-S3", id)
		f.demand(d.property(id, "BucketName") == nil, "%s: a fixed name would block a replacement", id)
	}
	return f
}

func archiveLocked(d document) (f findings) {
	const id = "ArchiveBucket"
	f.demand(d.property(id, "VersioningConfiguration", "Status") == "Enabled", "archive: not versioned")
	f.demand(d.property(id, "ObjectLockEnabled") == true, "archive: object lock is off")
	retention := d.property(id, "ObjectLockConfiguration", "Rule", "DefaultRetention")
	f.demand(text(retention, "Mode", "Ref") == "ObjectLockMode", "archive: lock mode is no parameter")
	f.demand(text(retention, "Days", "Ref") == "ObjectLockDays", "archive: lock days are no parameter")
	f.demand(d.property(id, "LifecycleConfiguration") == nil, "archive: a lifecycle would expire objects")
	f.demand(d.property("DocumentsBucket", "LifecycleConfiguration") != nil, "documents: uploads never expire")
	return f
}

func archiveWriteOnce(d document) (f findings) {
	policy := d.property("ArchiveBucketPolicy", "PolicyDocument")
	deleting := denied(policy, "s3:DeleteObject", "s3:DeleteObjectVersion", "s3:BypassGovernanceRetention")
	f.demand(deleting != nil && at(deleting, "Condition") == nil, "archive: deletion is not denied to all")
	overwriting := denied(policy, "s3:PutObject")
	f.demand(text(overwriting, "Condition", "Null", "s3:if-none-match") == "true", "archive: a blind put is not denied")
	for _, s := range list(policy, "Statement") {
		f.demand(text(s, "Effect") == "Deny", "archive: its policy grants something")
	}
	return f
}

// denied is the statement that denies exactly these actions to everyone.
func denied(policy any, actions ...string) any {
	for _, s := range list(policy, "Statement") {
		if text(s, "Effect") == "Deny" && text(s, "Principal") == "*" && slices.Equal(texts(s, "Action"), actions) {
			return s
		}
	}
	return nil
}

func tlsOnly(d document) (f findings) {
	covered := map[string]bool{}
	for _, id := range slices.Concat(d.names("AWS::S3::BucketPolicy"), d.names("AWS::SQS::QueuePolicy")) {
		policy := d.property(id, "PolicyDocument")
		deny := denied(policy, "s3:*")
		if deny == nil {
			deny = denied(policy, "sqs:*")
		}
		if text(deny, "Condition", "Bool", "aws:SecureTransport") != "false" {
			continue
		}
		for _, target := range append(list(d.property(id, "Queues")), d.property(id, "Bucket")) {
			covered[ref(target)] = true
		}
		if d.property(id, "Bucket") != nil {
			f.demand(len(list(deny, "Resource")) == 2, "%s: covers bucket or objects, not both", id)
		}
	}
	for _, id := range slices.Concat(d.names("AWS::S3::Bucket"), d.names("AWS::SQS::Queue")) {
		f.demand(covered[id], "%s: plain text is not denied", id)
	}
	return f
}

func keysOnlySign(d document) (f findings) {
	want := map[string]string{"IdentityKey": "RSA_2048", "SealKey": "RSA_3072"}
	for _, id := range d.names("AWS::KMS::Key") {
		f.demand(want[id] != "" && d.property(id, "KeySpec") == want[id], "%s: key spec %v", id, d.property(id, "KeySpec"))
		f.demand(d.property(id, "KeyUsage") == "SIGN_VERIFY", "%s: does more than sign", id)
		delete(want, id)
	}
	f.demand(len(want) == 0, "keys missing: %v", want)
	return f
}

func nothingForbidden(d document) (f findings) {
	forbidden := []string{"AWS::EC2::", "AWS::Events::", "AWS::Pipes::", "AWS::Lambda::EventSourceMapping", "AWS::RDS::", "AWS::Kinesis::"}
	for _, id := range keys(d, "Resources") {
		kind := text(d, "Resources", id, "Type")
		for _, prefix := range forbidden {
			f.demand(!strings.HasPrefix(kind, prefix), "%s: a %s has no place here", id, kind)
		}
	}
	visit(d, "", func(path string, m map[string]any) {
		for _, name := range []string{"VpcConfig", "StreamSpecification", "KinesisStreamSpecification", "EventBridgeConfiguration"} {
			_, there := m[name]
			f.demand(!there, "%s: %s has no place here", path, name)
		}
	})
	return f
}
