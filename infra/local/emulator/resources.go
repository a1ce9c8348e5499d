package emulator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"sportello/infra/local/template"
)

// Provision makes what the template declares and is not there yet. What is
// there keeps its contents.
func (c Clients) Provision(ctx context.Context, cloud *template.Cloud) error {
	problems := make(chan error, 3)
	go func() { problems <- c.tables(ctx, cloud.Tables) }()
	go func() { problems <- c.buckets(ctx, cloud.Buckets) }()
	go func() { problems <- c.queues(ctx, cloud.Queues) }()
	return errors.Join(<-problems, <-problems, <-problems)
}

func (c Clients) tables(ctx context.Context, tables []template.Table) error {
	for _, t := range tables {
		if err := c.table(ctx, t); err != nil {
			return fmt.Errorf("table %s: %w", t.ID, err)
		}
	}
	return nil
}

func (c Clients) table(ctx context.Context, t template.Table) error {
	found, err := c.DynamoDB.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &t.Name})
	var absent *dynamotypes.ResourceNotFoundException
	if errors.As(err, &absent) {
		return c.createTable(ctx, t)
	}
	if err != nil {
		return fmt.Errorf("describing: %w", err)
	}
	var have, want []string
	for _, x := range found.Table.GlobalSecondaryIndexes {
		have = append(have, aws.ToString(x.IndexName))
	}
	for _, x := range t.Indexes {
		want = append(want, x.Name)
	}
	slices.Sort(have)
	slices.Sort(want)
	if !slices.Equal(have, want) {
		return fmt.Errorf("the table has indexes %v and the template wants %v: indexes are made with the table, so start with a new --data folder", have, want)
	}
	return nil
}

func (c Clients) createTable(ctx context.Context, t template.Table) error {
	input := &dynamodb.CreateTableInput{
		TableName: &t.Name, BillingMode: dynamotypes.BillingModePayPerRequest, KeySchema: keySchema(t.Key),
	}
	for _, name := range slices.Sorted(maps.Keys(t.Types)) {
		input.AttributeDefinitions = append(input.AttributeDefinitions, dynamotypes.AttributeDefinition{
			AttributeName: aws.String(name), AttributeType: dynamotypes.ScalarAttributeType(t.Types[name]),
		})
	}
	for _, x := range t.Indexes {
		projection := &dynamotypes.Projection{ProjectionType: dynamotypes.ProjectionType(x.Projection)}
		if len(x.Include) > 0 {
			projection.NonKeyAttributes = x.Include
		}
		input.GlobalSecondaryIndexes = append(input.GlobalSecondaryIndexes, dynamotypes.GlobalSecondaryIndex{
			IndexName: aws.String(x.Name), KeySchema: keySchema(x.Key), Projection: projection,
		})
	}
	if _, err := c.DynamoDB.CreateTable(ctx, input); err != nil {
		return fmt.Errorf("creating: %w", err)
	}
	if t.TTL == "" {
		return nil
	}
	_, err := c.DynamoDB.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{
		TableName: &t.Name,
		TimeToLiveSpecification: &dynamotypes.TimeToLiveSpecification{
			AttributeName: aws.String(t.TTL), Enabled: aws.Bool(true),
		},
	})
	if err != nil {
		return fmt.Errorf("setting time to live: %w", err)
	}
	return nil
}

func keySchema(key []string) []dynamotypes.KeySchemaElement {
	kinds := []dynamotypes.KeyType{dynamotypes.KeyTypeHash, dynamotypes.KeyTypeRange}
	var out []dynamotypes.KeySchemaElement
	for i, name := range key {
		out = append(out, dynamotypes.KeySchemaElement{AttributeName: aws.String(name), KeyType: kinds[i]})
	}
	return out
}

func (c Clients) buckets(ctx context.Context, buckets []template.Bucket) error {
	for _, b := range buckets {
		if err := c.bucket(ctx, b); err != nil {
			return fmt.Errorf("bucket %s: %w", b.ID, err)
		}
	}
	return nil
}

func (c Clients) bucket(ctx context.Context, b template.Bucket) error {
	_, err := c.S3.CreateBucket(ctx, &s3.CreateBucketInput{
		Bucket: &b.Name, ObjectLockEnabledForBucket: aws.Bool(b.Lock),
		CreateBucketConfiguration: &s3types.CreateBucketConfiguration{
			LocationConstraint: s3types.BucketLocationConstraint(c.S3.Options().Region),
		},
	})
	var owned *s3types.BucketAlreadyOwnedByYou
	var exists *s3types.BucketAlreadyExists
	if err != nil && !errors.As(err, &owned) && !errors.As(err, &exists) {
		return fmt.Errorf("creating: %w", err)
	}
	if b.Versioned && !b.Lock {
		// Object Lock brings versioning with it.
		_, err := c.S3.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{
			Bucket: &b.Name, VersioningConfiguration: &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusEnabled},
		})
		if err != nil {
			return fmt.Errorf("turning on versions: %w", err)
		}
	}
	if b.Mode != "" {
		if err := c.retention(ctx, b); err != nil {
			return err
		}
	}
	return c.cors(ctx, b)
}

func (c Clients) retention(ctx context.Context, b template.Bucket) error {
	_, err := c.S3.PutObjectLockConfiguration(ctx, &s3.PutObjectLockConfigurationInput{
		Bucket: &b.Name,
		ObjectLockConfiguration: &s3types.ObjectLockConfiguration{
			ObjectLockEnabled: s3types.ObjectLockEnabledEnabled,
			Rule: &s3types.ObjectLockRule{DefaultRetention: &s3types.DefaultRetention{
				Mode: s3types.ObjectLockRetentionMode(b.Mode), Days: aws.Int32(int32(b.Days)),
			}},
		},
	})
	if err != nil {
		return fmt.Errorf("setting retention: %w", err)
	}
	return nil
}

func (c Clients) cors(ctx context.Context, b template.Bucket) error {
	if len(b.CORS) == 0 {
		return nil
	}
	var rules []s3types.CORSRule
	for _, r := range b.CORS {
		rule := s3types.CORSRule{AllowedOrigins: r.Origins, AllowedMethods: r.Methods, AllowedHeaders: r.Headers, ExposeHeaders: r.Exposed}
		if r.MaxAge > 0 {
			rule.MaxAgeSeconds = aws.Int32(int32(r.MaxAge))
		}
		rules = append(rules, rule)
	}
	_, err := c.S3.PutBucketCors(ctx, &s3.PutBucketCorsInput{Bucket: &b.Name, CORSConfiguration: &s3types.CORSConfiguration{CORSRules: rules}})
	if err != nil {
		return fmt.Errorf("setting CORS: %w", err)
	}
	return nil
}

// queues makes those without a dead-letter queue first: they are the others'
// dead-letter queues.
func (c Clients) queues(ctx context.Context, queues []template.Queue) error {
	ordered := slices.Clone(queues)
	slices.SortStableFunc(ordered, func(a, b template.Queue) int { return strings.Compare(a.DeadLetter, b.DeadLetter) })
	for _, q := range ordered {
		made, err := c.SQS.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String(q.Name), Attributes: q.Attributes})
		if err != nil {
			return fmt.Errorf("queue %s: %w", q.ID, err)
		}
		if got := aws.ToString(made.QueueUrl); got != q.URL {
			return fmt.Errorf("queue %s has URL %s, not the expected %s", q.ID, got, q.URL)
		}
	}
	return nil
}

// Wipe empties the queues, as a restart of the emulator would.
func (c Clients) Wipe(ctx context.Context, queues []template.Queue) error {
	var problems []error
	for _, q := range queues {
		_, err := c.SQS.PurgeQueue(ctx, &sqs.PurgeQueueInput{QueueUrl: aws.String(q.URL)})
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

// Count is how many messages a queue has.
type Count struct {
	ID       string `json:"id"`
	Visible  int    `json:"visible"`
	InFlight int    `json:"inFlight"`
	Delayed  int    `json:"delayed"`
}

// Count counts the messages of each queue.
func (c Clients) Count(ctx context.Context, queues []template.Queue) ([]Count, error) {
	out := []Count{}
	for _, q := range queues {
		got, err := c.SQS.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
			QueueUrl: aws.String(q.URL), AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameAll},
		})
		if err != nil {
			return nil, fmt.Errorf("counting %s: %w", q.ID, err)
		}
		number := func(name sqstypes.QueueAttributeName) int {
			n, _ := strconv.Atoi(got.Attributes[string(name)])
			return n
		}
		out = append(out, Count{
			ID: q.ID, Visible: number(sqstypes.QueueAttributeNameApproximateNumberOfMessages),
			InFlight: number(sqstypes.QueueAttributeNameApproximateNumberOfMessagesNotVisible),
			Delayed:  number(sqstypes.QueueAttributeNameApproximateNumberOfMessagesDelayed),
		})
	}
	return out, nil
}
