// Package assembly wires what several functions wire alike: stores, queues and doors, from the environment that template.yaml gives. It holds no
// logic. Only functions import it.
package assembly

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"

	"sportello/shared/domain/catalogue"
	"sportello/shared/domain/identity"
	"sportello/shared/edge/httpapi"
	"sportello/shared/edge/lambdafn"
	"sportello/shared/flow/login"
	"sportello/shared/flow/step"
	"sportello/shared/platform/archive/s3"
	"sportello/shared/platform/companies"
	"sportello/shared/platform/queue/sqs"
	"sportello/shared/platform/table"
	"sportello/shared/platform/table/dynamo"
)

// Queues are the addresses of the steps' queues.
type Queues struct {
	Registration string `env:"QUEUE_REGISTRATION,required,notEmpty"`
	Registered   string `env:"QUEUE_REGISTERED,required,notEmpty"`
	Mail         string `env:"QUEUE_PEC,required,notEmpty"`
	Preservation string `env:"QUEUE_PRESERVATION,required,notEmpty"`
}

// Post sends to the queues; a send that does not succeed is logged and left to the sweep.
func Post(p *lambdafn.Process, q Queues) step.Post {
	client := sqs.NewClient(p.AWS)
	return step.Post{
		Registration: sqs.New(client, q.Registration),
		Registered:   sqs.New(client, q.Registered),
		Mail:         sqs.New(client, q.Mail),
		Preservation: sqs.New(client, q.Preservation),
		Missed: func(ctx context.Context, kind step.Kind, err error) {
			p.Log.WarnContext(ctx, "message not sent, the sweep will", "kind", kind, "error", err)
		},
	}
}

// Table is a DynamoDB table.
func Table(p *lambdafn.Process, name string) table.Table {
	return dynamo.New(dynamo.NewClient(p.AWS), name)
}

// Bucket is an S3 bucket, as write-once store and as store of documents.
func Bucket(p *lambdafn.Process, name string) *s3.Bucket {
	return s3.New(s3.NewClient(p.AWS), name, p.Now)
}

// The parameters that HTTP functions read at start.
const (
	OriginParameter = "/origin"
	KeyParameter    = "/cursor-key"
)

// API is an HTTP API that only CloudFront reaches.
func API(p *lambdafn.Process, portal, originSecret string) (*httpapi.API, error) {
	return httpapi.New(httpapi.Config{
		Log: p.Log, Portal: portal, OriginSecret: originSecret,
		Chamber: func(label string) (string, bool) {
			c, ok := catalogue.ChamberByHost(label)
			return c.ID, ok
		},
	})
}

// Sessions tells who is signed in.
func Sessions(p *lambdafn.Process, sessionsTable string) (*login.Sessions, error) {
	return login.NewSessions(login.SessionsConfig{
		Table: Table(p, sessionsTable), Now: p.Now, Chamber: httpapi.Chamber,
		Missed: func(ctx context.Context, err error) { p.Log.WarnContext(ctx, "went on without", "error", err) },
	})
}

// Cursors signs the cursors of lists with the installation's key.
func Cursors(secret string) (*httpapi.Cursors, error) {
	key, err := hex.DecodeString(strings.TrimSpace(secret))
	if err != nil {
		return nil, fmt.Errorf("reading %s: not hexadecimal", KeyParameter) // the value is secret
	}
	return httpapi.NewCursors(key)
}

// Portal returns how a page of a chamber is addressed from outside.
func Portal(base string) (func(chamber, path string) string, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("reading PORTAL_BASE: not scheme and domain")
	}
	return func(chamber, path string) string { return u.Scheme + "://" + chamber + "." + u.Host + path }, nil
}

// Representation asks the company register as flow/submit does.
type Representation struct{ Client *companies.Client }

// Represents implements submit.Representation.
func (r Representation) Represents(ctx context.Context, person, company string) (bool, error) {
	return r.Client.Represents(ctx, identity.TaxCode(person), identity.TaxCode(company))
}
