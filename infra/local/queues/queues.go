// Package queues feeds queues to functions as Lambda's event source mappings
// do: it polls, invokes with a batch, deletes what succeeded and leaves the
// rest to become visible again.
package queues

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"sportello/infra/local/runtime"
	"sportello/infra/local/template"
)

// SQS is the part of SQS that a mapping needs.
type SQS interface {
	ReceiveMessage(context.Context, *sqs.ReceiveMessageInput, ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error)
	DeleteMessageBatch(context.Context, *sqs.DeleteMessageBatchInput, ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error)
}

var _ SQS = (*sqs.Client)(nil)

// Config describes one mapping.
type Config struct {
	Mapping template.Mapping
	Queue   template.Queue
	Region  string
	SQS     SQS
	Invoke  func(ctx context.Context, payload []byte) (runtime.Result, error)
	Log     *slog.Logger
}

// Mapping is one event source mapping.
type Mapping struct{ config Config }

// New returns a mapping that does nothing until Run.
func New(c Config) *Mapping { return &Mapping{c} }

// pollers is how many batches are in flight when the template sets no
// MaximumConcurrency: Lambda starts with five.
const pollers = 5

// Run polls until ctx is over, and returns when the last batch is done with.
func (m *Mapping) Run(ctx context.Context) {
	n := pollers
	if most := m.config.Mapping.MaxConcurrency; most > 0 {
		// More pollers than instances would only hold messages back.
		n = min(most, pollers)
	}
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() { m.poll(ctx) })
	}
	wg.Wait()
}

func (m *Mapping) poll(ctx context.Context) {
	for ctx.Err() == nil {
		messages, err := m.receive(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			m.config.Log.ErrorContext(ctx, "receiving messages", "queue", m.config.Queue.ID, "error", err)
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
			continue
		}
		if len(messages) == 0 {
			continue
		}
		if err := m.process(ctx, messages); err != nil && ctx.Err() == nil {
			m.config.Log.ErrorContext(ctx, "processing messages", "queue", m.config.Queue.ID, "error", err)
		}
	}
}

// receive gets a batch: one long poll, and with a batching window more of them
// until the batch is full or the window closes.
func (m *Mapping) receive(ctx context.Context) ([]types.Message, error) {
	batch, err := m.once(ctx, m.config.Mapping.Batch, 20)
	if err != nil || len(batch) == 0 || m.config.Mapping.Window == 0 {
		return batch, err
	}
	closes := time.Now().Add(m.config.Mapping.Window)
	for len(batch) < m.config.Mapping.Batch {
		left := time.Until(closes)
		if left <= 0 {
			break
		}
		more, err := m.once(ctx, m.config.Mapping.Batch-len(batch), int32(left.Seconds())+1)
		if err != nil {
			// What is in hand is worth more than the rest of the batch.
			break
		}
		batch = append(batch, more...)
	}
	return batch, nil
}

func (m *Mapping) once(ctx context.Context, most int, wait int32) ([]types.Message, error) {
	out, err := m.config.SQS.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: aws.String(m.config.Queue.URL), MaxNumberOfMessages: int32(min(most, 10)), WaitTimeSeconds: min(wait, 20),
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
		MessageAttributeNames:       []string{"All"},
	})
	if err != nil {
		return nil, err
	}
	return out.Messages, nil
}

// process invokes the function and deletes what it has done. What it has not
// stays in flight until its visibility timeout ends, as in the cloud.
func (m *Mapping) process(ctx context.Context, messages []types.Message) error {
	payload, err := json.Marshal(m.event(messages))
	if err != nil {
		return err
	}
	// Once received, a batch is worked through even while we are stopping.
	ctx = context.WithoutCancel(ctx)
	result, err := m.config.Invoke(ctx, payload)
	if err != nil {
		return err
	}
	if result.Failed {
		return nil
	}
	failed, err := m.failures(result.Payload, messages)
	if err != nil {
		return err
	}
	return m.remove(ctx, messages, failed)
}

// failures reads a partial batch response: the ids that failed. As in Lambda,
// no answer means that all succeeded, and one that is not understood, or names
// a message that is not in the batch, that all failed.
func (m *Mapping) failures(payload []byte, messages []types.Message) (map[string]bool, error) {
	failed := map[string]bool{}
	text := strings.TrimSpace(string(payload))
	if !m.config.Mapping.Partial || text == "" || text == "null" {
		return failed, nil
	}
	var response struct {
		Failures []struct {
			ID *string `json:"itemIdentifier"`
		} `json:"batchItemFailures"`
	}
	if err := json.Unmarshal(payload, &response); err != nil {
		return nil, fmt.Errorf("the function's partial batch response is not valid: %w", err)
	}
	known := map[string]bool{}
	for _, one := range messages {
		known[aws.ToString(one.MessageId)] = true
	}
	for _, f := range response.Failures {
		if f.ID == nil || !known[*f.ID] {
			return nil, errors.New("the function's partial batch response names no message of the batch: all of it failed")
		}
		failed[*f.ID] = true
	}
	return failed, nil
}

func (m *Mapping) remove(ctx context.Context, messages []types.Message, failed map[string]bool) error {
	var entries []types.DeleteMessageBatchRequestEntry
	for i, one := range messages {
		if !failed[aws.ToString(one.MessageId)] {
			entries = append(entries, types.DeleteMessageBatchRequestEntry{Id: aws.String(fmt.Sprint(i)), ReceiptHandle: one.ReceiptHandle})
		}
	}
	for len(entries) > 0 {
		n := min(len(entries), 10)
		out, err := m.config.SQS.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: aws.String(m.config.Queue.URL), Entries: entries[:n]})
		if err != nil {
			return fmt.Errorf("deleting messages: %w", err)
		}
		if len(out.Failed) > 0 {
			return fmt.Errorf("deleting messages: %d were refused: %s", len(out.Failed), aws.ToString(out.Failed[0].Message))
		}
		entries = entries[n:]
	}
	return nil
}

type event struct {
	Records []record `json:"Records"`
}

type record struct {
	MessageID         string               `json:"messageId"`
	ReceiptHandle     string               `json:"receiptHandle"`
	Body              string               `json:"body"`
	Attributes        map[string]string    `json:"attributes"`
	MessageAttributes map[string]attribute `json:"messageAttributes"`
	MD5OfBody         string               `json:"md5OfBody"`
	MD5OfAttributes   string               `json:"md5OfMessageAttributes,omitempty"`
	EventSource       string               `json:"eventSource"`
	EventSourceARN    string               `json:"eventSourceARN"`
	AWSRegion         string               `json:"awsRegion"`
}

type attribute struct {
	StringValue      *string  `json:"stringValue,omitempty"`
	BinaryValue      *string  `json:"binaryValue,omitempty"`
	StringListValues []string `json:"stringListValues"`
	BinaryListValues []string `json:"binaryListValues"`
	DataType         string   `json:"dataType"`
}

func (m *Mapping) event(messages []types.Message) event {
	e := event{Records: make([]record, 0, len(messages))}
	for _, one := range messages {
		r := record{
			MessageID: aws.ToString(one.MessageId), ReceiptHandle: aws.ToString(one.ReceiptHandle), Body: aws.ToString(one.Body),
			Attributes: one.Attributes, MessageAttributes: map[string]attribute{},
			MD5OfBody: aws.ToString(one.MD5OfBody), MD5OfAttributes: aws.ToString(one.MD5OfMessageAttributes),
			EventSource: "aws:sqs", EventSourceARN: m.config.Queue.ARN, AWSRegion: m.config.Region,
		}
		for name, a := range one.MessageAttributes {
			made := attribute{StringValue: a.StringValue, StringListValues: []string{}, BinaryListValues: []string{}, DataType: aws.ToString(a.DataType)}
			if a.BinaryValue != nil {
				text := base64.StdEncoding.EncodeToString(a.BinaryValue)
				made.BinaryValue = &text
			}
			r.MessageAttributes[name] = made
		}
		e.Records = append(e.Records, r)
	}
	return e
}
