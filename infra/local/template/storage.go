package template

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

func (r *resolver) table(n node) error {
	if err := n.need("AttributeDefinitions", "KeySchema"); err != nil {
		return err
	}
	if mode := n.textOr("BillingMode", "PROVISIONED"); mode != "PAY_PER_REQUEST" {
		return fmt.Errorf("BillingMode %s is not supported by the local cloud", mode)
	}
	t := Table{ID: n.id, Types: map[string]string{}, Key: keys(n)}
	for _, a := range n.children("AttributeDefinitions") {
		t.Types[a.text("AttributeName")] = a.text("AttributeType")
	}
	for _, x := range n.children("GlobalSecondaryIndexes") {
		p := x.child("Projection")
		t.Indexes = append(t.Indexes, Index{
			Name: x.text("IndexName"), Projection: p.textOr("ProjectionType", "ALL"), Key: keys(x), Include: p.texts("NonKeyAttributes"),
		})
	}
	if ttl := n.child("TimeToLiveSpecification"); ttl.bool("Enabled") {
		t.TTL = ttl.text("AttributeName")
	}
	name, err := r.attribute(n.id, "")
	t.Name = text(name)
	r.cloud.Tables = append(r.cloud.Tables, t)
	return err
}

// keys are the attribute names of a key schema, hash key first.
func keys(n node) []string {
	var out []string
	for _, k := range n.children("KeySchema") {
		if k.text("KeyType") == "HASH" {
			out = slices.Insert(out, 0, k.text("AttributeName"))
		} else {
			out = append(out, k.text("AttributeName"))
		}
	}
	return out
}

func (r *resolver) bucket(n node) error {
	retention := n.child("ObjectLockConfiguration").child("Rule").child("DefaultRetention")
	days, e1 := retention.number("Days", 0)
	years, e2 := retention.number("Years", 0)
	name, e3 := r.attribute(n.id, "")
	if err := errors.Join(e1, e2, e3); err != nil {
		return err
	}
	b := Bucket{
		ID: n.id, Name: text(name), Versioned: n.child("VersioningConfiguration").text("Status") == "Enabled",
		Lock: n.bool("ObjectLockEnabled"), Mode: retention.text("Mode"), Days: days + 365*years,
	}
	for _, c := range n.child("CorsConfiguration").children("CorsRules") {
		age, err := c.number("MaxAge", 0)
		if err != nil {
			return err
		}
		b.CORS = append(b.CORS, CORSRule{
			Origins: c.texts("AllowedOrigins"), Methods: c.texts("AllowedMethods"),
			Headers: c.texts("AllowedHeaders"), Exposed: c.texts("ExposedHeaders"), MaxAge: age,
		})
	}
	r.cloud.Buckets = append(r.cloud.Buckets, b)
	return nil
}

// queueAttributes are the properties that CreateQueue takes under the same name.
var queueAttributes = words("FifoQueue ContentBasedDeduplication DeduplicationScope FifoThroughputLimit VisibilityTimeout MessageRetentionPeriod DelaySeconds MaximumMessageSize")

func (r *resolver) queue(n node) error {
	name, e1 := r.attribute(n.id, "QueueName")
	url, e2 := r.attribute(n.id, "")
	arn, e3 := r.attribute(n.id, "Arn")
	if err := errors.Join(e1, e2, e3); err != nil {
		return err
	}
	q := Queue{ID: n.id, Name: text(name), URL: text(url), ARN: text(arn), Attributes: map[string]string{}}
	for _, a := range queueAttributes {
		if n.has(a) {
			q.Attributes[a] = n.text(a)
		}
	}
	if n.has("ReceiveMessageWaitTimeSeconds") {
		q.Attributes["ReceiveMessageWaitTimeSeconds"] = n.text("ReceiveMessageWaitTimeSeconds")
	}
	if redrive := n.child("RedrivePolicy"); redrive.has("deadLetterTargetArn") {
		q.DeadLetter = redrive.text("deadLetterTargetArn")
		count, err := redrive.number("maxReceiveCount", 10)
		if err != nil {
			return err
		}
		policy, err := json.Marshal(map[string]any{"deadLetterTargetArn": q.DeadLetter, "maxReceiveCount": count})
		if err != nil {
			return err
		}
		q.Attributes["RedrivePolicy"] = string(policy)
	}
	r.cloud.Queues = append(r.cloud.Queues, q)
	return nil
}

func (r *resolver) key(n node) error {
	r.cloud.Keys = append(r.cloud.Keys, Key{
		ID: n.id, KeyID: keyID(n.id), Spec: n.textOr("KeySpec", "SYMMETRIC_DEFAULT"), Usage: n.textOr("KeyUsage", "ENCRYPT_DECRYPT"),
	})
	return r.keyPolicy(n)
}

// keyID makes a UUID of a logical id.
func keyID(id string) string {
	h := sha256.Sum256([]byte("sportello local key " + id))
	return fmt.Sprintf("%x-%x-%x-%x-%x", h[0:4], h[4:6], h[6:8], h[8:10], h[10:16])
}

func (r *resolver) alias(n node) error {
	if err := n.need("AliasName", "TargetKeyId"); err != nil {
		return err
	}
	target := n.text("TargetKeyId")
	for i, k := range r.cloud.Keys {
		if target == k.KeyID || target == fmt.Sprintf("arn:aws:kms:%s:%s:key/%s", r.set.Region, r.set.Account, k.KeyID) {
			r.cloud.Keys[i].Aliases = append(k.Aliases, n.text("AliasName"))
			return nil
		}
	}
	return fmt.Errorf("TargetKeyId %s is no key of this template", target)
}

func (r *resolver) parameter(n node) error {
	if err := n.need("Type", "Value"); err != nil {
		return err
	}
	name, err := r.attribute(n.id, "")
	r.cloud.Parameters = append(r.cloud.Parameters, Parameter{Name: text(name), Type: n.text("Type"), Value: n.text("Value")})
	return err
}
