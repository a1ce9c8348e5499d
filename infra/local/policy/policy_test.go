package policy_test

import (
	"strings"
	"testing"

	"sportello/infra/local/policy"
)

const (
	role    = "arn:aws:iam::000000000000:role/stack-WorkRole"
	account = "arn:aws:iam::000000000000:root"
	table   = "arn:aws:dynamodb:eu-south-1:000000000000:table/things"
	bucket  = "arn:aws:s3:::bucket"
	queue   = "arn:aws:sqs:eu-south-1:000000000000:jobs"
)

type object = map[string]any

func document(statements ...any) object {
	return object{"Version": "2012-10-17", "Statement": statements}
}

func parse(t *testing.T, ofResource bool, statements ...any) []policy.Statement {
	t.Helper()
	if len(statements) == 0 {
		return nil
	}
	out, err := policy.Parse(document(statements...), ofResource)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func allow(action, resource any) object {
	return object{"Effect": "Allow", "Action": action, "Resource": resource}
}

func with(s object, more ...any) object {
	out := object{}
	for k, v := range s {
		out[k] = v
	}
	for i := 0; i < len(more); i += 2 {
		out[more[i].(string)] = more[i+1]
	}
	return out
}

func deny(s object, condition object) object {
	return with(s, "Effect", "Deny", "Principal", "*", "Condition", condition)
}

func leading(values ...any) object {
	return object{"ForAllValues:StringLike": object{"dynamodb:LeadingKeys": values}}
}

func TestDecide(t *testing.T) {
	keys := func(values ...string) map[string][]string { return map[string][]string{"dynamodb:leadingkeys": values} }
	notOurs := deny(allow("sqs:ReceiveMessage", queue), object{"ArnNotEquals": object{"aws:PrincipalArn": role}})
	once := deny(allow("s3:PutObject", bucket+"/*"), object{"Null": object{"s3:if-none-match": "true"}, "Bool": object{"s3:ObjectCreationOperation": "true"}})
	for name, c := range map[string]struct {
		role, resource []any
		action, on     string
		context        map[string][]string
		want           bool
		// denied is the statement that forbids.
		denied string
	}{
		"allowed":                        {role: []any{allow("s3:GetObject", bucket+"/a")}, action: "s3:GetObject", on: bucket + "/a", want: true},
		"another action":                 {role: []any{allow("s3:GetObject", bucket+"/a")}, action: "s3:GetObjectVersion", on: bucket + "/a"},
		"another resource":               {role: []any{allow("s3:GetObject", bucket+"/a")}, action: "s3:GetObject", on: bucket + "/ab"},
		"nothing granted":                {action: "s3:GetObject", on: bucket + "/a"},
		"second of two actions":          {role: []any{allow([]any{"s3:PutObject", "s3:GetObject"}, bucket+"/a")}, action: "s3:GetObject", on: bucket + "/a", want: true},
		"actions have no case":           {role: []any{allow("S3:getobject", bucket+"/a")}, action: "s3:GetObject", on: bucket + "/a", want: true},
		"resources have case":            {role: []any{allow("s3:GetObject", bucket+"/A")}, action: "s3:GetObject", on: bucket + "/a"},
		"action wildcard":                {role: []any{allow("s3:Get*", bucket+"/a")}, action: "s3:GetObjectVersion", on: bucket + "/a", want: true},
		"action wildcard of one":         {role: []any{allow("s3:GetObjec?", bucket+"/a")}, action: "s3:GetObject", on: bucket + "/a", want: true},
		"everything":                     {role: []any{allow("*", "*")}, action: "s3:GetObject", on: bucket + "/a", want: true},
		"resource wildcard":              {role: []any{allow("s3:GetObject", bucket+"/up/*")}, action: "s3:GetObject", on: bucket + "/up/a/b", want: true},
		"resource wildcard, other begin": {role: []any{allow("s3:GetObject", bucket+"/up/*")}, action: "s3:GetObject", on: bucket + "/down/up/a"},
		"wildcard in the middle":         {role: []any{allow("s3:GetObject", bucket+"/*/b?d/*")}, action: "s3:GetObject", on: bucket + "/a/b/bad/c", want: true},
		"wildcard in a part":             {role: []any{allow("sqs:SendMessage", "arn:aws:sqs:*:*:jobs")}, action: "sqs:SendMessage", on: queue, want: true},
		"wildcard stays in its part":     {role: []any{allow("sqs:SendMessage", "arn:aws:*:000000000000:jobs:")}, action: "sqs:SendMessage", on: queue},
		"bucket is not its objects":      {role: []any{allow("s3:ListBucket", bucket+"/*")}, action: "s3:ListBucket", on: bucket},
		"table is not its index":         {role: []any{allow("dynamodb:Query", table)}, action: "dynamodb:Query", on: table + "/index/by-due"},
		"index":                          {role: []any{allow("dynamodb:Query", table+"/index/by-due")}, action: "dynamodb:Query", on: table + "/index/by-due", want: true},
		"another index":                  {role: []any{allow("dynamodb:Query", table+"/index/by-due")}, action: "dynamodb:Query", on: table + "/index/timers"},
		"explicit deny wins": {role: []any{allow("s3:*", "*"), with(allow("s3:DeleteObject", bucket+"/*"), "Effect", "Deny", "Sid", "Never")},
			action: "s3:DeleteObject", on: bucket + "/a", denied: "Never"},
		"the deny is about another": {role: []any{allow("s3:*", "*"), with(allow("s3:DeleteObject", bucket+"/*"), "Effect", "Deny")},
			action: "s3:PutObject", on: bucket + "/a", want: true},
		"leading key": {role: []any{with(allow("dynamodb:GetItem", table), "Condition", leading("A#*", "B#*"))},
			action: "dynamodb:GetItem", on: table, context: keys("B#1"), want: true},
		"other leading key": {role: []any{with(allow("dynamodb:GetItem", table), "Condition", leading("A#*"))},
			action: "dynamodb:GetItem", on: table, context: keys("C#1")},
		"one leading key of two": {role: []any{with(allow("dynamodb:BatchGetItem", table), "Condition", leading("A#*"))},
			action: "dynamodb:BatchGetItem", on: table, context: keys("A#1", "C#1")},
		"no leading keys, for all of them": {role: []any{with(allow("dynamodb:Scan", table), "Condition", leading("A#*"))},
			action: "dynamodb:Scan", on: table, want: true},
		"no leading keys, for any of them": {role: []any{with(allow("dynamodb:Scan", table), "Condition", object{"ForAnyValue:StringLike": object{"dynamodb:LeadingKeys": "A#*"}})},
			action: "dynamodb:Scan", on: table},
		"all conditions must hold": {role: []any{with(allow("s3:GetObject", bucket+"/a"), "Condition",
			object{"Bool": object{"aws:SecureTransport": "true"}, "StringEquals": object{"s3:if-none-match": "*"}})},
			action: "s3:GetObject", on: bucket + "/a", context: map[string][]string{"aws:securetransport": {"true"}}},
		"absent key, if exists": {role: []any{with(allow("s3:PutObject", bucket+"/a"), "Condition", object{"StringEqualsIfExists": object{"s3:if-none-match": "*"}})},
			action: "s3:PutObject", on: bucket + "/a", want: true},
		"absent key, negation": {role: []any{with(allow("s3:PutObject", bucket+"/a"), "Condition", object{"StringNotEquals": object{"s3:if-none-match": "x"}})},
			action: "s3:PutObject", on: bucket + "/a", want: true},
		"the queue refuses another consumer": {role: []any{allow("sqs:*", "*")}, resource: []any{with(notOurs, "Condition", object{"ArnNotEquals": object{"aws:PrincipalArn": role + "2"}}, "Sid", "OneConsumer")},
			action: "sqs:ReceiveMessage", on: queue, denied: "OneConsumer"},
		"the queue takes its consumer": {role: []any{allow("sqs:*", "*")}, resource: []any{notOurs}, action: "sqs:ReceiveMessage", on: queue, want: true},
		"the bucket wants a condition": {role: []any{allow("s3:PutObject", bucket+"/*")}, resource: []any{with(once, "Sid", "Once")},
			action: "s3:PutObject", on: bucket + "/a", context: map[string][]string{"s3:objectcreationoperation": {"true"}}, denied: "Once"},
		"the bucket has its condition": {role: []any{allow("s3:PutObject", bucket+"/*")}, resource: []any{once},
			action: "s3:PutObject", on: bucket + "/a", context: map[string][]string{"s3:objectcreationoperation": {"true"}, "s3:if-none-match": {"*"}}, want: true},
		"a part creates no object": {role: []any{allow("s3:PutObject", bucket+"/*")}, resource: []any{once},
			action: "s3:PutObject", on: bucket + "/a", context: map[string][]string{"s3:objectcreationoperation": {"false"}}, want: true},
		"the resource allows by itself": {resource: []any{with(allow("s3:GetObject", bucket+"/a"), "Principal", object{"AWS": role})},
			action: "s3:GetObject", on: bucket + "/a", want: true},
		"the resource allows a service": {resource: []any{with(allow("s3:GetObject", bucket+"/a"), "Principal", object{"Service": "cloudfront.amazonaws.com"})},
			action: "s3:GetObject", on: bucket + "/a"},
	} {
		context := map[string][]string{"aws:principalarn": {role}}
		for k, v := range c.context {
			context[k] = v
		}
		request := policy.Request{Principal: role, Action: c.action, Resource: c.on, Context: context}
		got := policy.Decide(request, parse(t, false, c.role...), parse(t, true, c.resource...))
		if got.Allowed != c.want || (got.Deny != nil) != (c.denied != "") || got.Deny != nil && got.Deny.Sid != c.denied {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}

// TestDecideKey: a key that leaves nothing to the account is closed, whatever a
// role may.
func TestDecideKey(t *testing.T) {
	const key = "arn:aws:kms:eu-south-1:000000000000:key/1"
	r := policy.Request{Principal: role, Action: "kms:Sign", Resource: key}
	granted := parse(t, false, allow("kms:Sign", key))
	to := func(principal string) []policy.Statement {
		return parse(t, true, with(allow("kms:*", "*"), "Principal", object{"AWS": principal}))
	}
	for name, c := range map[string]struct {
		role, key []policy.Statement
		want      bool
	}{
		"account and role":  {granted, to(account), true},
		"account alone":     {nil, to(account), false},
		"role alone":        {granted, to(role + "2"), false},
		"the key names him": {nil, to(role), true},
	} {
		if got := policy.DecideKey(r, account, c.role, c.key); got.Allowed != c.want {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}

// TestUnsupported: what is not understood is named.
func TestUnsupported(t *testing.T) {
	good := allow("s3:GetObject", "*")
	for want, s := range map[string]any{
		"dynamodb:Attributes": with(good, "Condition", object{"ForAllValues:StringEquals": object{"dynamodb:Attributes": "pk"}}),
		"DateLessThan":        with(good, "Condition", object{"DateLessThan": object{"aws:SecureTransport": "2026-01-01"}}),
		"ForSomeValues":       with(good, "Condition", object{"ForSomeValues:StringLike": object{"dynamodb:LeadingKeys": "A"}}),
		"LeadingKeys":         with(good, "Condition", object{"StringLike": object{"dynamodb:LeadingKeys": "A"}}),
		"NotAction":           object{"Effect": "Allow", "NotAction": "s3:GetObject", "Resource": "*"},
		"Principal":           with(good, "Principal", "*"),
		"Effect":              with(good, "Effect", "Perhaps"),
		"${aws:username}":     allow("s3:GetObject", "arn:aws:s3:::bucket/${aws:username}"),
		"arn:aws:sqs:*:jobs":  allow("sqs:SendMessage", "arn:aws:sqs:*:jobs"),
		"Action and Resource": object{"Effect": "Allow", "Action": "s3:GetObject"},
		"has no values":       with(good, "Condition", object{"Bool": object{"aws:SecureTransport": []any{}}}),
	} {
		_, err := policy.Parse(document(with(s.(object), "Sid", "Odd")), false)
		if err == nil || !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(want)) || !strings.Contains(err.Error(), "Odd") {
			t.Errorf("%s: got %v", want, err)
		}
	}
	for want, document := range map[string]any{
		"AmazonS3FullAccess": "AmazonS3FullAccess",
		"S3ReadPolicy":       object{"S3ReadPolicy": object{"BucketName": "b"}},
		"2008-10-17":         object{"Version": "2008-10-17", "Statement": good},
		"called Odd":         document(with(good, "Sid", "Odd"), with(good, "Sid", "Odd")),
	} {
		if _, err := policy.Parse(document, false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", want, err)
		}
	}
	if _, err := policy.Parse(document(with(good, "Principal", object{"Federated": "x"})), true); err == nil || !strings.Contains(err.Error(), "Federated") {
		t.Errorf("got %v", err)
	}
}
