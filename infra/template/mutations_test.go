package template_test

import (
	"slices"
	"testing"
)

// mutation breaks the template in one place, and names the rule that must notice.
type mutation struct {
	rule, what string
	spoil      func(d document)
}

// put sets a value; path is walked through mappings, and through lists by index.
func put(value any, path ...any) func(document) {
	return func(d document) {
		parent, last := walk(d, path)
		switch p := parent.(type) {
		case map[string]any:
			p[last.(string)] = value
		case []any:
			p[last.(int)] = value
		default:
			panic("no such place in the template")
		}
	}
}

// drop removes what must be there.
func drop(path ...any) func(document) {
	return func(d document) {
		parent, last := walk(d, path)
		m := parent.(map[string]any)
		if _, there := m[last.(string)]; !there {
			panic("nothing to remove at " + last.(string))
		}
		delete(m, last.(string))
	}
}

func walk(d document, path []any) (parent, last any) {
	parent = map[string]any(d)
	for _, key := range path[:len(path)-1] {
		switch p := parent.(type) {
		case map[string]any:
			parent = p[key.(string)]
		case []any:
			parent = p[key.(int)]
		}
	}
	return parent, path[len(path)-1]
}

// property is a path below a resource's properties.
func property(id string, path ...any) []any {
	return append([]any{"Resources", id, "Properties"}, path...)
}

func statement(function string, n int, path ...any) []any {
	return append(property(function, "Policies", 0, "Statement", n), path...)
}

// resource is a whole resource for put.
func resource(kind string, properties map[string]any) map[string]any {
	return map[string]any{"Type": kind, "Properties": properties}
}

var mutations = slices.Concat(storageMutations, queueMutations, functionMutations, permissionMutations, edgeMutations, watchMutations)

var storageMutations = []mutation{
	{"stateful resources are retained", "table deleted with its stack", drop("Resources", "RegisterTable", "DeletionPolicy")},
	{"stateful resources are retained", "bucket lost at replacement", drop("Resources", "ArchiveBucket", "UpdateReplacePolicy")},
	{"stateful resources are retained", "key deleted with its stack", put("Delete", "Resources", "SealKey", "DeletionPolicy")},
	{"tables are protected and restorable", "no protection", drop(property("RegisterTable", "DeletionProtectionEnabled")...)},
	{"tables are protected and restorable", "no recovery", put(false, property("ApplicationsTable", "PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled")...)},
	{"tables are protected and restorable", "fixed name", put("register", property("RegisterTable", "TableName")...)},
	{"only sessions expire", "register expires", put(map[string]any{"AttributeName": "ttl", "Enabled": true}, property("RegisterTable", "TimeToLiveSpecification")...)},
	{"indexes are complete from day one", "index lost", put([]any{}, property("ApplicationsTable", "GlobalSecondaryIndexes")...)},
	{"indexes are complete from day one", "index on other keys", put("gt_pk", property("ApplicationsTable", "GlobalSecondaryIndexes", 0, "KeySchema", 0, "AttributeName")...)},
	{"indexes are complete from day one", "table on other keys", put("id", property("SessionsTable", "KeySchema", 0, "AttributeName")...)},
	{"buckets are closed and encrypted without a key of ours", "public", put(false, property("DocumentsBucket", "PublicAccessBlockConfiguration", "BlockPublicPolicy")...)},
	{"buckets are closed and encrypted without a key of ours", "under KMS", put("aws:kms", property("ArchiveBucket", "BucketEncryption", "ServerSideEncryptionConfiguration", 0, "ServerSideEncryptionByDefault", "SSEAlgorithm")...)},
	{"buckets are closed and encrypted without a key of ours", "access lists", drop(property("SiteBucket", "OwnershipControls")...)},
	{"the archive is locked by parameters", "unlocked", drop(property("ArchiveBucket", "ObjectLockEnabled")...)},
	{"the archive is locked by parameters", "fixed mode", put("GOVERNANCE", property("ArchiveBucket", "ObjectLockConfiguration", "Rule", "DefaultRetention", "Mode")...)},
	{"the archive is locked by parameters", "expiry", put(map[string]any{}, property("ArchiveBucket", "LifecycleConfiguration")...)},
	{"the archive is write-once for everyone", "deletion allowed", put([]any{"s3:DeleteObject"}, property("ArchiveBucketPolicy", "PolicyDocument", "Statement", 1, "Action")...)},
	{"the archive is write-once for everyone", "deletion denied to some", put(map[string]any{}, property("ArchiveBucketPolicy", "PolicyDocument", "Statement", 1, "Condition")...)},
	{"the archive is write-once for everyone", "blind puts", drop(property("ArchiveBucketPolicy", "PolicyDocument", "Statement", 2, "Condition", "Null")...)},
	{"the archive is write-once for everyone", "a grant", put("Allow", property("ArchiveBucketPolicy", "PolicyDocument", "Statement", 0, "Effect")...)},
	{"buckets and queues speak TLS only", "bucket without policy", drop("Resources", "DocumentsBucketPolicy")},
	{"buckets and queues speak TLS only", "condition turned", put("true", property("PecQueuePolicy", "PolicyDocument", "Statement", 0, "Condition", "Bool", "aws:SecureTransport")...)},
	{"buckets and queues speak TLS only", "objects forgotten", put(map[string]any{"Fn::GetAtt": "SiteBucket.Arn"}, property("SiteBucketPolicy", "PolicyDocument", "Statement", 0, "Resource")...)},
	{"keys only sign", "encrypts", put("ENCRYPT_DECRYPT", property("IdentityKey", "KeyUsage")...)},
	{"keys only sign", "another key", put(resource("AWS::KMS::Key", map[string]any{"KeyUsage": "SIGN_VERIFY"}), "Resources", "ThirdKey")},
	{"no streams, no event bus, no VPC", "stream", put(map[string]any{"StreamViewType": "NEW_IMAGE"}, property("ApplicationsTable", "StreamSpecification")...)},
	{"no streams, no event bus, no VPC", "bus", put(resource("AWS::Events::EventBus", nil), "Resources", "Bus")},
	{"no streams, no event bus, no VPC", "network", put(map[string]any{"SubnetIds": []any{"subnet"}}, property("PecNotifyFunction", "VpcConfig")...)},
}

var queueMutations = []mutation{
	{"every queue parks after five receives", "no dead letters", drop(property("PecQueue", "RedrivePolicy")...)},
	{"every queue parks after five receives", "another's dead letters", put(map[string]any{"Fn::GetAtt": "PecDeadLetterQueue.Arn"}, property("RegisteredQueue", "RedrivePolicy", "deadLetterTargetArn")...)},
	{"every queue parks after five receives", "forgets early", put(345600, property("RegistrationQueue", "MessageRetentionPeriod")...)},
	{"every queue parks after five receives", "order lost", drop(property("RegistrationDeadLetterQueue", "FifoQueue")...)},
	{"every queue parks after five receives", "resend swallowed", put(true, property("RegistrationQueue", "ContentBasedDeduplication")...)},
	{"visibility is six times the consumer's timeout", "short", put(59, property("PreservationQueue", "VisibilityTimeout")...)},
	{"visibility is six times the consumer's timeout", "slow consumer", put(61, property("PecNotifyFunction", "Timeout")...)},
	{"consumers report each failed item", "whole batch", drop(property("ProtocolRegistrationFunction", "Events", "Registration", "Properties", "FunctionResponseTypes")...)},
	{"concurrency is bounded at the source", "unbounded", drop(property("PreservationFunction", "Events", "Preservation", "Properties", "ScalingConfig")...)},
	{"concurrency is bounded at the source", "too much mail", put(6, property("PecNotifyFunction", "Events", "Pec", "Properties", "ScalingConfig", "MaximumConcurrency")...)},
	{"concurrency is bounded at the source", "reserved", put(5, property("PecNotifyFunction", "ReservedConcurrentExecutions")...)},
	{"a queue has one consumer", "two", put(map[string]any{"Fn::GetAtt": "PecQueue.Arn"}, property("PreservationFunction", "Events", "Preservation", "Properties", "Queue")...)},
	{"a queue has one consumer", "anyone", drop(property("RegistrationQueuePolicy", "PolicyDocument", "Statement", 1, "Condition")...)},
	{"a queue has one consumer", "another", put(map[string]any{"Fn::GetAtt": "PecNotifyFunctionRole.Arn"}, property("RegistrationQueuePolicy", "PolicyDocument", "Statement", 1, "Condition", "ArnNotEquals", "aws:PrincipalArn")...)},
	{"schedules are in Rome and keep what they could not deliver", "in Greenwich", put("UTC", property("DeadlinesFunction", "Events", "Daily", "Properties", "ScheduleExpressionTimezone")...)},
	{"schedules are in Rome and keep what they could not deliver", "named for all stages", drop(property("DeadlinesFunction", "Events", "Sweep", "Properties", "OmitName")...)},
	{"schedules are in Rome and keep what they could not deliver", "old kind", put("Schedule", property("PecInboxFunction", "Events", "Inbox", "Type")...)},
	{"schedules are in Rome and keep what they could not deliver", "lost", drop(property("DeadlinesFunction", "Events", "Sweep", "Properties", "DeadLetterConfig")...)},
	{"schedules are in Rome and keep what they could not deliver", "silent failure", drop(property("DeadlinesFunction", "EventInvokeConfig")...)},
}

var functionMutations = []mutation{
	{"functions on disk are the functions of the template", "function gone", drop("Resources", "LoginFunction")},
	{"functions on disk are the functions of the template", "folder gone", put("functions/elsewhere/", property("LoginFunction", "CodeUri")...)},
	{"functions are built alike", "other runtime", put("python3.13", property("LoginFunction", "Runtime")...)},
	{"functions are built alike", "other processor", put([]any{"x86_64"}, "Globals", "Function", "Architectures")},
	{"functions are built alike", "not built", drop("Resources", "DeadlinesFunction", "Metadata")},
	{"HTTP functions end before their API does", "too long", put(30, property("BackOfficeFunction", "Timeout")...)},
	{"the environment is one for all", "its own", put(map[string]any{"Variables": map[string]any{"A": "b"}}, property("LoginFunction", "Environment")...)},
	{"the environment is one for all", "a literal", put("sportello-applications", "Globals", "Function", "Environment", "Variables", "TABLE_APPLICATIONS")},
	{"what functions read is in the environment", "not given", drop("Globals", "Function", "Environment", "Variables", "STAGE")},
	{"each function has a log group with retention", "for ever", drop(property("LoginLogGroup", "RetentionInDays")...)},
	{"each function has a log group with retention", "the default group", drop(property("LoginFunction", "LoggingConfig")...)},
	{"each function has a log group with retention", "addresses of people", put("$context.identity.sourceIp", property("CitizenApi", "AccessLogSettings", "Format")...)},
	{"partner addresses have no default", "default", put("https://registro-imprese.example.it", "Parameters", "CompaniesUrl", "Default")},
	{"partner addresses have no default", "gone", drop("Parameters", "PecSmtp")},
	{"no secret stands in the template", "parameter", put(map[string]any{"Type": "String", "NoEcho": true}, "Parameters", "PecPassword")},
	{"no secret stands in the template", "environment", put(map[string]any{"Ref": "Stage"}, "Globals", "Function", "Environment", "Variables", "ORIGIN_SECRET")},
	{"no secret stands in the template", "value", put("AKIA"+"ABCDEFGHIJKLMNOP", property("LoginFunction", "Description")...)},
	{"no secret stands in the template", "origin by value", put("s3cret", property("Distribution", "DistributionConfig", "Origins", 1, "OriginCustomHeaders", 0, "HeaderValue")...)},
	{"no secret stands in the template", "a list is sent", put(map[string]any{"Fn::Sub": "{{resolve:ssm:/sportello/${Stage}/origin}}"}, property("Distribution", "DistributionConfig", "Origins", 1, "OriginCustomHeaders", 0, "HeaderValue")...)},
	{"a deployment takes secrets anew", "functions", drop("Globals", "Function", "Environment", "Variables", "REVISION")},
	{"a deployment takes secrets anew", "distribution", put("Sportello", property("Distribution", "DistributionConfig", "Comment")...)},
	{"intrinsics stay plain", "import", put(map[string]any{"Fn::ImportValue": "x"}, property("LoginFunction", "Description")...)},
	{"every reference has its resource", "dangling", put(map[string]any{"Ref": "Nowhere"}, property("LoginFunction", "Description")...)},
	{"every reference has its resource", "dangling in a text", put(map[string]any{"Fn::Sub": "${Nowhere.Arn}/*"}, property("LoginFunction", "Description")...)},
}

var permissionMutations = []mutation{
	{"every function has its own inline permissions", "managed policy", put([]any{"AmazonDynamoDBFullAccess"}, property("LoginFunction", "Policies")...)},
	{"every function has its own inline permissions", "shared role", put(map[string]any{"Ref": "Stage"}, property("LoginFunction", "Role")...)},
	{"every function has its own inline permissions", "none", drop(property("LoginFunction", "Policies")...)},
	{"no action and no resource is a wildcard", "every action", put([]any{"dynamodb:*"}, statement("LoginFunction", 0, "Action")...)},
	{"no action and no resource is a wildcard", "every resource", put("*", statement("LoginFunction", 0, "Resource")...)},
	{"no action and no resource is a wildcard", "another service", put([]any{"iam:PassRole"}, statement("LoginFunction", 0, "Action")...)},
	{"nobody scans", "scan", put([]any{"dynamodb:Scan"}, statement("LoginFunction", 0, "Action")...)},
	{"tables are reached by leading keys", "every key", drop(statement("ApplicationsFunction", 2, "Condition")...)},
	{"leading keys are those of the layout", "no such key", put([]any{"XYZ#*"}, statement("LoginFunction", 0, "Condition", "ForAllValues:StringLike", "dynamodb:LeadingKeys")...)},
	{"leading keys are those of the layout", "too wide", put([]any{"S*"}, statement("LoginFunction", 0, "Condition", "ForAllValues:StringLike", "dynamodb:LeadingKeys")...)},
	{"only registration writes the register, and never deletes", "deletes", put([]any{"dynamodb:PutItem", "dynamodb:DeleteItem"}, statement("ProtocolRegistrationFunction", 0, "Action")...)},
	{"only registration writes the register, and never deletes", "another writer", put(map[string]any{"Fn::GetAtt": "RegisterTable.Arn"}, statement("PecInboxFunction", 0, "Resource")...)},
	{"the archive is written under each writer's own prefix", "another writer", put(map[string]any{"Fn::Sub": "${ArchiveBucket.Arn}/*"}, statement("SubmitApplicationFunction", 5, "Resource")...)},
	{"the archive is written under each writer's own prefix", "another's prefix", put(map[string]any{"Fn::Sub": "${ArchiveBucket.Arn}/register/*"}, statement("PecNotifyFunction", 3, "Resource")...)},
	{"the archive is written under each writer's own prefix", "deletes", put([]any{"s3:DeleteObject"}, statement("PecNotifyFunction", 3, "Action")...)},
	{"what was presented is never deleted", "snapshots", put(map[string]any{"Fn::Sub": "${DocumentsBucket.Arn}/*"}, statement("ApplicationsFunction", 7, "Resource")...)},
	{"what was presented is never deleted", "by the office", put([]any{"s3:DeleteObject"}, statement("BackOfficeFunction", 6, "Action")...)},
	{"seals are signed by preservation alone", "another signer", put(map[string]any{"Fn::GetAtt": "SealKey.Arn"}, statement("LoginFunction", 1, "Resource")...)},
	{"seals are signed by preservation alone", "key management", put([]any{"kms:ScheduleKeyDeletion"}, statement("LoginFunction", 1, "Action")...)},
	{"parameters are read by name", "all of them", put([]any{map[string]any{"Fn::Sub": "arn:aws:ssm:::parameter/sportello/${Stage}/*"}}, statement("LoginFunction", 2, "Resource")...)},
	{"parameters are read by name", "by path", put([]any{"ssm:GetParametersByPath"}, statement("LoginFunction", 2, "Action")...)},
}

var edgeMutations = []mutation{
	{"the chamber API asks for a key and each chamber has a plan", "no key", put(false, property("ChamberApi", "Auth", "ApiKeyRequired")...)},
	{"the chamber API asks for a key and each chamber has a plan", "chamber without plan", drop("Resources", "MilanoUsagePlan")},
	{"the chamber API asks for a key and each chamber has a plan", "no limit", drop(property("VareseUsagePlan", "Quota")...)},
	{"the gateway refuses as we do", "in English", drop(property("ChamberApi", "GatewayResponses", "INVALID_API_KEY")...)},
	{"the gateway refuses as we do", "another status", put(401, property("ChamberApi", "GatewayResponses", "INVALID_API_KEY", "StatusCode")...)},
	{"the gateway refuses as we do", "as plain JSON", drop(property("ChamberApi", "GatewayResponses", "THROTTLED", "ResponseParameters", "Headers", "Content-Type")...)},
	{"the gateway refuses as we do", "unknown cause", put(map[string]any{}, property("ChamberApi", "GatewayResponses", "TEAPOT")...)},
	{"the gateway refuses as we do", "nowhere", drop(property("LoginFunction", "Events", "Elsewhere")...)},
	{"routes stand under their API's prefix", "elsewhere", put("/session", property("LoginFunction", "Events", "Session", "Properties", "Path")...)},
	{"routes stand under their API's prefix", "twice", put("/api/v1/login", property("LoginFunction", "Events", "Session", "Properties", "Path")...)},
	{"the portal is behind TLS, APIs pass uncached", "old TLS", put("TLSv1", property("Distribution", "DistributionConfig", "ViewerCertificate", "MinimumProtocolVersion")...)},
	{"the portal is behind TLS, APIs pass uncached", "error pages", put([]any{}, property("Distribution", "DistributionConfig", "CustomErrorResponses")...)},
	{"the portal is behind TLS, APIs pass uncached", "cached API", put("658327ea-f89d-4fab-a63d-7e88639e58f6", property("Distribution", "DistributionConfig", "CacheBehaviors", 0, "CachePolicyId")...)},
	{"the portal is behind TLS, APIs pass uncached", "plain text", put("allow-all", property("Distribution", "DistributionConfig", "DefaultCacheBehavior", "ViewerProtocolPolicy")...)},
	{"the portal is behind TLS, APIs pass uncached", "open origin", drop(property("Distribution", "DistributionConfig", "Origins", 2, "OriginCustomHeaders")...)},
	{"the page policy is strict", "inline scripts", put("script-src 'self' 'unsafe-inline'", property("SiteHeaders", "ResponseHeadersPolicyConfig", "SecurityHeadersConfig", "ContentSecurityPolicy", "ContentSecurityPolicy", "Fn::Join", 1, 1)...)},
	{"the page policy is strict", "no HSTS", drop(property("SiteHeaders", "ResponseHeadersPolicyConfig", "SecurityHeadersConfig", "StrictTransportSecurity")...)},
	{"the viewer function knows every chamber and every page", "no lists", put("var chambers = [];", property("SiteFunction", "FunctionCode")...)},
	{"the site is read by the distribution only", "public", put("*", property("SiteBucketPolicy", "PolicyDocument", "Statement", 1, "Principal")...)},
	{"the site is read by the distribution only", "any distribution", drop(property("SiteBucketPolicy", "PolicyDocument", "Statement", 2, "Condition")...)},
	{"uploads are allowed from the portal's own pages", "from anywhere", put([]any{"*"}, property("DocumentsBucket", "CorsConfiguration", "CorsRules", 0, "AllowedOrigins")...)},
	{"uploads are allowed from the portal's own pages", "reads", put([]any{"GET"}, property("DocumentsBucket", "CorsConfiguration", "CorsRules", 0, "AllowedMethods")...)},
}

var watchMutations = []mutation{
	{"every alarm reaches the topic", "mute", drop(property("OpenProblemsAlarm", "AlarmActions")...)},
	{"every alarm reaches the topic", "deaf", put([]any{}, property("AlarmTopic", "Subscription")...)},
	{"the house's own numbers are watched", "gone", drop("Resources", "DayUnsealedAlarm")},
	{"the house's own numbers are watched", "elsewhere", put("Custom", property("DayUnsealedAlarm", "Namespace")...)},
	{"the house's own numbers are watched", "nobody reports it", put("deadlines", property("MailboxCursorAgeMinutesAlarm", "MetricName")...)},
	{"a contradiction of register and archive is watched", "another error", put(`{ $.error = "*no such error*" }`, property("VerifyMismatchFilter", "FilterPattern")...)},
	{"a contradiction of register and archive is watched", "another metric", put("Mismatch", property("VerifyMismatchAlarm", "MetricName")...)},
	{"silence of a heartbeat is an alarm", "silence is fine", put("notBreaching", property("SweepHeartbeatAlarm", "TreatMissingData")...)},
	{"silence of a heartbeat is an alarm", "nobody looks at the days", put("notBreaching", property("DayUnsealedAlarm", "TreatMissingData")...)},
	{"what is looked at now and then falls into each period", "a short one", put(300, property("KeysEndingAlarm", "Period")...)},
	{"what is looked at now and then falls into each period", "seldom", put("rate(1 hour)", property("DeadlinesFunction", "Events", "Watch", "Properties", "ScheduleExpression")...)},
	{"every dead letter queue and every table is watched", "unwatched", drop("Resources", "DeadLetterAlarm")},
}

// TestRulesBite breaks the template once for each mutation: its rule must say so, and every rule must have one.
func TestRulesBite(t *testing.T) {
	whole := load(t, "template.yaml")
	byName := map[string]rule{}
	for _, r := range rules {
		byName[r.name] = r
	}
	for _, m := range mutations {
		t.Run(m.rule+"/"+m.what, func(t *testing.T) {
			r, ok := byName[m.rule]
			if !ok {
				t.Fatalf("no rule %q", m.rule)
			}
			before := len(r.check(whole))
			d := document(clone(map[string]any(whole)).(map[string]any))
			m.spoil(d)
			if after := r.check(d); len(after) <= before {
				t.Errorf("the rule does not notice; it says %q", after)
			}
		})
	}
	for name := range byName {
		if !slices.ContainsFunc(mutations, func(m mutation) bool { return m.rule == name }) {
			t.Errorf("no mutation shows that the rule %q bites", name)
		}
	}
}

// clone copies mappings and lists, so that a mutation does not outlive its test.
func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for k, e := range v {
			m[k] = clone(e)
		}
		return m
	case []any:
		l := make([]any, len(v))
		for i, e := range v {
			l[i] = clone(e)
		}
		return l
	}
	return v
}

// TestParse: what the parser refuses, the local cloud would not know.
func TestParse(t *testing.T) {
	for name, text := range map[string]string{
		"twice":          "A: 1\nA: 2\n",
		"unknown":        "A: !ImportValue x\n",
		"anchor":         "A: &a {b: c}\nD: *a\n",
		"a list on top":  "- A\n",
		"broken":         "A: [",
		"unknown inside": "A: {B: [!Select [0, [x]]]}\n",
	} {
		if d, err := parse([]byte(text)); err == nil {
			t.Errorf("%s: parsed as %v", name, d)
		}
	}
}
