package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"sportello/infra/road"
)

// cloud is a local cloud whose tables are on the bench's DynamoDB, behind a meter.
type cloud struct {
	*road.Cloud
	meter *meter
	rows  *dynamodb.Client // straight to the emulator: what the bench looks at counts for nobody
	aws   string           // the address of our own services
}

// local starts the local cloud when the first measurement needs it.
func (b *bench) local() (*cloud, error) {
	if b.cloud != nil {
		return b.cloud, nil
	}
	endpoint, err := b.tables()
	if err != nil {
		return nil, err
	}
	m, err := newMeter(endpoint)
	if err != nil {
		return nil, err
	}
	b.closers = append(b.closers, m.close)
	b.note("starting a local cloud")
	running, err := road.Start(b.ctx, filepath.Join(b.bin, "local"), "--root", b.root, "--bin", b.bin, "--dynamodb-endpoint", m.address)
	if err != nil {
		return nil, err
	}
	b.closers = append(b.closers, func() {
		running.Stop()
		running.Remove()
	})
	var status struct {
		Addresses struct {
			AWS string `json:"aws"`
		} `json:"addresses"`
	}
	if err := running.Controls().Get(b.ctx, "/status", &status); err != nil {
		return nil, err
	}
	b.cloud = &cloud{running, m, dynamodb.NewFromConfig(config(endpoint)), status.Addresses.AWS}
	return b.cloud, nil
}

// environment is what the cloud starts a function with, with other values for some variables.
func (c *cloud) environment(ctx context.Context, function string, other map[string]string) ([]string, error) {
	var given struct{ Environment []string }
	if err := c.Controls().Get(ctx, "/functions/"+function+"/environment", &given); err != nil {
		return nil, err
	}
	var variables []string
	for _, v := range given.Environment {
		name, _, _ := strings.Cut(v, "=")
		if _, ok := other[name]; !ok {
			variables = append(variables, v)
		}
	}
	for name, value := range other {
		variables = append(variables, name+"="+value)
	}
	return variables, nil
}

// origin is the secret by which functions know that a request came through the distribution.
func (c *cloud) origin(ctx context.Context) (string, error) {
	out, err := ssm.NewFromConfig(config(c.aws)).GetParameters(ctx, &ssm.GetParametersInput{
		Names: []string{"/sportello/local/origin"}, WithDecryption: aws.Bool(true),
	})
	if err != nil || len(out.Parameters) != 1 {
		return "", fmt.Errorf("reading the origin's secret: %w", err)
	}
	return aws.ToString(out.Parameters[0].Value), nil
}

// usage is what functions did.
type usage map[string]work

// work is what one function did.
type work struct {
	invocations, millis float64
	calls               map[string]float64 // by service:action
	units               map[string]units   // by table
}

// plus is this and so many times that.
func (w work) plus(v work, times float64) work {
	sum := work{w.invocations + times*v.invocations, w.millis + times*v.millis, map[string]float64{}, map[string]units{}}
	maps.Copy(sum.calls, w.calls)
	maps.Copy(sum.units, w.units)
	for kind, n := range v.calls {
		if sum.calls[kind] += times * n; sum.calls[kind] == 0 {
			delete(sum.calls, kind)
		}
	}
	for table, u := range v.units {
		sum.units[table] = sum.units[table].plus(u, times)
	}
	return sum
}

// positive leaves out what is less than nothing: a mean that was taken off too often.
func (w work) positive() work {
	w.millis = max(w.millis, 0)
	maps.DeleteFunc(w.calls, func(_ string, n float64) bool { return n < 0.5 })
	for table, u := range w.units {
		w.units[table] = units{max(u.Table, 0), max(u.Indexes, 0), max(u.Read, 0)}
	}
	return w
}

// usage is what the functions have done so far, but for what they consumed of the tables.
func (c *cloud) usage(ctx context.Context) (usage, error) {
	u := usage{}
	var status struct {
		Functions []struct {
			Name                string
			Invocations, Millis float64
		}
	}
	if err := c.Controls().Get(ctx, "/status", &status); err != nil {
		return nil, err
	}
	for _, f := range status.Functions {
		u[f.Name] = work{f.Invocations, f.Millis, map[string]float64{}, map[string]units{}}
	}
	var counted struct {
		Items []struct {
			Function, Service, Action string
			Times                     float64
		}
	}
	err := c.Controls().Get(ctx, "/calls", &counted)
	for _, i := range counted.Items {
		u[i.Function].calls[i.Service+":"+i.Action] = i.Times
	}
	return u, err
}

// during is what the functions did while do ran, and until they had nothing more to do.
func (c *cloud) during(ctx context.Context, do func(context.Context) error) (usage, error) {
	if err := c.idle(ctx); err != nil {
		return nil, err
	}
	before, err := c.usage(ctx)
	if err != nil {
		return nil, err
	}
	c.meter.consumed()
	if err := errors.Join(do(ctx), c.idle(ctx)); err != nil {
		return nil, err
	}
	after, err := c.usage(ctx)
	if err != nil {
		return nil, err
	}
	done := usage{}
	for function, w := range after {
		done[function] = w.plus(before[function], -1)
	}
	for who, u := range c.meter.consumed() {
		if w, ok := done[who.function]; ok {
			w.units[who.table] = u
		}
	}
	return done, nil
}

// idle waits until no function works.
func (c *cloud) idle(ctx context.Context) error {
	return until(ctx, "functions at rest", func() (bool, error) {
		var status struct{ Functions []struct{ Busy int } }
		err := c.Controls().Get(ctx, "/status", &status)
		for _, f := range status.Functions {
			if f.Busy > 0 {
				return false, err
			}
		}
		return true, err
	})
}

// partition reads the rows of a partition, consistently, as their sort keys and bodies.
func (c *cloud) partition(ctx context.Context, table, pk string) (map[string]json.RawMessage, error) {
	items, err := query(ctx, c.rows, table, pk)
	rows := map[string]json.RawMessage{}
	for _, item := range items {
		rows[text(item["sk"])] = json.RawMessage(text(item["b"]))
	}
	return rows, err
}

func query(ctx context.Context, client *dynamodb.Client, table, pk string) ([]map[string]types.AttributeValue, error) {
	var items []map[string]types.AttributeValue
	in := &dynamodb.QueryInput{
		TableName: &table, KeyConditionExpression: aws.String("pk = :p"), ConsistentRead: aws.Bool(true),
		ExpressionAttributeValues: map[string]types.AttributeValue{":p": &types.AttributeValueMemberS{Value: pk}},
	}
	for pages := dynamodb.NewQueryPaginator(client, in); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		items = append(items, page.Items...)
	}
	return items, nil
}

func text(v types.AttributeValue) string {
	s, _ := v.(*types.AttributeValueMemberS)
	if s == nil {
		return ""
	}
	return s.Value
}

// table is the name of the cloud's table that is called so in the template.
func (c *cloud) table(ctx context.Context, part string) (string, error) {
	out, err := c.rows.ListTables(ctx, &dynamodb.ListTablesInput{})
	if err != nil {
		return "", err
	}
	for _, name := range out.TableNames {
		if strings.HasPrefix(name, "sportello-") && strings.Contains(strings.ToLower(name), part) {
			return name, nil
		}
	}
	return "", fmt.Errorf("there is no table %s", part)
}

// until asks until the answer is yes.
func until(ctx context.Context, what string, ok func() (bool, error)) error {
	limit := time.Now().Add(patience)
	for {
		done, err := ok()
		if done || err != nil {
			return err
		}
		if time.Now().After(limit) {
			return fmt.Errorf("waited in vain: %s", what)
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
