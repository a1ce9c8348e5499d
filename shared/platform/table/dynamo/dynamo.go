// Package dynamo is the Table of package table on DynamoDB.
//
// An item has these attributes: pk and sk (its key), v (version, a number), n (schema number), b (body, the JSON text byte
// for byte), ttl (Unix seconds, only if it expires) and, for each index it stands in, that index's own pair: gs_pk and
// gs_sk for by-state, go_ for by-officer, gd_ for by-due, gt_ for timers. Indexes are sparse.
package dynamo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sportello/shared/platform/table"
)

const (
	// callTimeout bounds one call. DynamoDB answers in milliseconds; one that has not answered by then is not going to, and
	// a new connection is the better try.
	callTimeout = 3 * time.Second
	// attempts and maxBackoff: four tries within about two seconds. Whatever lasts longer is the queue's to retry.
	attempts   = 4
	maxBackoff = 500 * time.Millisecond
)

// NewClient makes the client that the tables of a process share. Reads are retried by the SDK, commits by this package.
func NewClient(config aws.Config) *dynamodb.Client {
	return dynamodb.NewFromConfig(config, func(o *dynamodb.Options) {
		o.Retryer = retry.NewStandard(func(s *retry.StandardOptions) {
			s.MaxAttempts = attempts
			s.MaxBackoff = maxBackoff
		})
		if client, ok := o.HTTPClient.(*awshttp.BuildableClient); ok {
			o.HTTPClient = client.WithTimeout(callTimeout)
		}
	})
}

// Table is one DynamoDB table.
type Table struct {
	client *dynamodb.Client
	name   string
	pause  func(ctx context.Context, attempt int) error
}

var _ table.Table = (*Table)(nil)

// New returns the table of that name.
func New(client *dynamodb.Client, name string) *Table {
	return &Table{client: client, name: name, pause: pause}
}

// Get implements table.Table: one key by GetItem, more by BatchGetItem (100 at most, which is MaxChanges), both strongly
// consistent.
func (t *Table) Get(ctx context.Context, keys ...table.Key) ([]table.Item, error) {
	if len(keys) == 0 || len(keys) > table.MaxChanges {
		return nil, fmt.Errorf("%w: %d keys", table.ErrInvalid, len(keys))
	}
	found := make(map[table.Key]table.Item, len(keys))
	var err error
	if len(keys) == 1 {
		err = t.getOne(ctx, keys[0], found)
	} else {
		err = t.getMany(ctx, keys, found)
	}
	if err != nil {
		return nil, err
	}
	items := make([]table.Item, len(keys))
	for n, key := range keys {
		items[n] = found[key]
		items[n].Key = key
	}
	return items, nil
}

func (t *Table) getOne(ctx context.Context, key table.Key, found map[table.Key]table.Item) error {
	out, err := t.client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &t.name, Key: keyAttributes(key), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return fmt.Errorf("getting item: %w", err)
	}
	return collect(found, out.Item)
}

func (t *Table) getMany(ctx context.Context, keys []table.Key, found map[table.Key]table.Item) error {
	wanted := distinct(keys)
	for attempt := 0; len(wanted) > 0; attempt++ {
		// Unprocessed keys are DynamoDB's word for "slower, please"; it sends what it could read, so progress is made.
		if attempt > 0 {
			if err := t.pause(ctx, attempt); err != nil {
				return fmt.Errorf("getting items: %w", err)
			}
		}
		out, err := t.client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
			t.name: {Keys: wanted, ConsistentRead: aws.Bool(true)},
		}})
		if err != nil {
			return fmt.Errorf("getting items: %w", err)
		}
		for _, attributes := range out.Responses[t.name] {
			if err := collect(found, attributes); err != nil {
				return err
			}
		}
		left := out.UnprocessedKeys[t.name].Keys
		if len(left) == len(wanted) && attempt+1 >= attempts {
			return errors.New("getting items: DynamoDB processes no key")
		}
		wanted = left
	}
	return nil
}

func distinct(keys []table.Key) []map[string]types.AttributeValue {
	seen := make(map[table.Key]bool, len(keys))
	var wanted []map[string]types.AttributeValue
	for _, key := range keys {
		if !seen[key] {
			seen[key] = true
			wanted = append(wanted, keyAttributes(key))
		}
	}
	return wanted
}

func collect(found map[table.Key]table.Item, attributes map[string]types.AttributeValue) error {
	if len(attributes) == 0 {
		return nil
	}
	item, err := decode(attributes)
	if err != nil {
		return err
	}
	found[item.Key] = item
	return nil
}

// pause waits before an attempt: 50, 100, 200 … ms, half of it random, so that those who met do not meet again.
func pause(ctx context.Context, attempt int) error {
	wait := min(25*time.Millisecond<<attempt, maxBackoff)
	timer := time.NewTimer(wait/2 + jitter(wait/2))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
