package template

import (
	"errors"
	"fmt"
	"path"

	"sportello/infra/local/policy"
)

// generatedRole is the kind of the role that SAM makes for each function. The
// template may speak of it as <function>Role.
const generatedRole = "role of a function"

// permissions are the statements of a function's own policies, and those that
// SAM adds to its role. Policies by name and SAM's policy templates are refused:
// what they grant is written elsewhere, and would not be what is checked here.
func (r *resolver) permissions(n node, f *Function) error {
	role, err := r.attribute(n.id+"Role", "Arn")
	if err != nil {
		return err
	}
	f.Role = text(role)
	policies, ok := n.properties["Policies"].([]any)
	if !ok && n.has("Policies") {
		policies = []any{n.properties["Policies"]}
	}
	var problems []error
	for i, document := range policies {
		statements, err := policy.Parse(document, false)
		if err != nil {
			problems = append(problems, fmt.Errorf("Policies, number %d: %w", i+1, err))
		}
		f.Statements = append(f.Statements, statements...)
	}
	f.Statements = append(f.Statements, added(n, f.OnFailure)...)
	return errors.Join(problems...)
}

// added is what SAM adds: to who reads queues AWSLambdaSQSQueueExecutionRole,
// and to who has a failure queue the right to send to it.
func added(n node, failed string) []policy.Statement {
	var out []policy.Statement
	events := n.child("Events")
	for _, name := range sorted(events.properties) {
		if events.child(name).text("Type") == "SQS" {
			out = append(out, policy.Statement{
				Sid: "AWSLambdaSQSQueueExecutionRole", Added: true, Resources: []string{"*"},
				Actions: []string{"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"},
			})
			break
		}
	}
	if failed != "" {
		out = append(out, policy.Statement{Sid: "OnFailure", Added: true, Actions: []string{"sqs:SendMessage"}, Resources: []string{failed}})
	}
	return out
}

func (r *resolver) resourcePolicy(id, arn string, document any) error {
	statements, err := policy.Parse(document, true)
	r.cloud.Policies = append(r.cloud.Policies, ResourcePolicy{ID: id, ARN: arn, Statements: statements})
	return err
}

func (r *resolver) bucketPolicy(n node) error {
	if err := n.need("Bucket", "PolicyDocument"); err != nil {
		return err
	}
	return r.resourcePolicy(n.id, "arn:aws:s3:::"+n.text("Bucket"), n.properties["PolicyDocument"])
}

func (r *resolver) queuePolicy(n node) error {
	if err := n.need("Queues", "PolicyDocument"); err != nil {
		return err
	}
	var problems []error
	for _, url := range n.texts("Queues") {
		arn := fmt.Sprintf("arn:aws:sqs:%s:%s:%s", r.set.Region, r.set.Account, path.Base(url))
		problems = append(problems, r.resourcePolicy(n.id, arn, n.properties["PolicyDocument"]))
	}
	return errors.Join(problems...)
}

// keyPolicy is the key's own; a key without one has KMS's default, which leaves
// the decision to the policies of the account's roles.
func (r *resolver) keyPolicy(n node) error {
	document := n.properties["KeyPolicy"]
	if document == nil {
		document = map[string]any{"Version": "2012-10-17", "Statement": map[string]any{
			"Sid": "Default", "Effect": "Allow", "Action": "kms:*", "Resource": "*",
			"Principal": map[string]any{"AWS": fmt.Sprintf("arn:aws:iam::%s:root", r.set.Account)},
		}}
	}
	return r.resourcePolicy(n.id, fmt.Sprintf("arn:aws:kms:%s:%s:key/%s", r.set.Region, r.set.Account, keyID(n.id)), document)
}
