// Package sqs is the queue of package queue on SQS: sending, and consuming what Lambda delivers.
package sqs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"sportello/shared/platform/queue"
)

// Sending follows a commit, and the person waits: a call is tried twice, for a short time each, and what the queue has not
// taken then is the sweep's. A message sent twice is a case that every consumer knows.
const (
	callTimeout = 3 * time.Second
	attempts    = 2
)

// NewClient makes the client that the queues of a process share.
func NewClient(config aws.Config) *sqs.Client {
	return sqs.NewFromConfig(config, func(o *sqs.Options) {
		o.Retryer = retry.AddWithMaxAttempts(o.Retryer, attempts)
		if client, ok := o.HTTPClient.(*awshttp.BuildableClient); ok {
			o.HTTPClient = client.WithTimeout(callTimeout)
		}
	})
}

// Queue sends to one SQS queue.
type Queue struct {
	client *sqs.Client
	url    string
	fifo   bool
}

var _ queue.Sender = (*Queue)(nil)

// New returns the queue at that URL. A FIFO queue's name ends in .fifo (it must, says SQS).
func New(client *sqs.Client, url string) *Queue {
	return &Queue{client, url, strings.HasSuffix(url, ".fifo")}
}

// batchSize is how many messages SQS takes at once.
const batchSize = 10

// Send implements queue.Sender. All batches are tried even when one fails, so that one bad message does not hold up the others.
func (q *Queue) Send(ctx context.Context, messages ...queue.Message) error {
	var errs []error
	for some := range slices.Chunk(messages, batchSize) {
		errs = append(errs, q.sendBatch(ctx, some))
	}
	return errors.Join(errs...)
}

func (q *Queue) sendBatch(ctx context.Context, messages []queue.Message) error {
	in := &sqs.SendMessageBatchInput{QueueUrl: &q.url}
	for n, message := range messages {
		entry, err := q.entry(n, message)
		if err != nil {
			return err
		}
		in.Entries = append(in.Entries, entry)
	}
	out, err := q.client.SendMessageBatch(ctx, in)
	if err != nil {
		return fmt.Errorf("sending %d messages: %w", len(messages), err)
	}
	var errs []error
	for _, failed := range out.Failed {
		errs = append(errs, fmt.Errorf("sending message %s of %d: %s", aws.ToString(failed.Id), len(messages), aws.ToString(failed.Code)))
	}
	return errors.Join(errs...)
}

func (q *Queue) entry(n int, message queue.Message) (types.SendMessageBatchRequestEntry, error) {
	body, err := json.Marshal(message.Envelope)
	if err != nil {
		return types.SendMessageBatchRequestEntry{}, fmt.Errorf("encoding envelope: %w", err)
	}
	entry := types.SendMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(n)), MessageBody: aws.String(string(body))}
	if q.fifo {
		if message.Group == "" {
			return entry, errors.New("sending to a FIFO queue: message without group")
		}
		entry.MessageGroupId, entry.MessageDeduplicationId = &message.Group, aws.String(message.DedupID())
	}
	return entry, nil
}
