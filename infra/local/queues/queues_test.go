package queues_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"

	"sportello/infra/local/queues"
	"sportello/infra/local/runtime"
	"sportello/infra/local/template"
)

// store is a queue in memory. What is received is in flight for good: the tests
// look at what is deleted.
type store struct {
	t       *testing.T
	mu      sync.Mutex
	waiting []types.Message
	flying  map[string]types.Message
	deleted []string
	idle    chan struct{} // closed when a poll finds nothing
	once    sync.Once
}

var _ queues.SQS = (*store)(nil)

func newStore(t *testing.T, n int) *store {
	s := &store{t: t, flying: map[string]types.Message{}, idle: make(chan struct{})}
	for i := range n {
		id := fmt.Sprint("m", i+1)
		s.waiting = append(s.waiting, types.Message{
			MessageId: &id, ReceiptHandle: aws.String("h-" + id), Body: aws.String("body of " + id), MD5OfBody: aws.String("md5"),
			Attributes:        map[string]string{"ApproximateReceiveCount": "1", "MessageGroupId": "milano"},
			MessageAttributes: map[string]types.MessageAttributeValue{"kind": {DataType: aws.String("String"), StringValue: aws.String("x")}},
		})
	}
	return s
}

func (s *store) ReceiveMessage(ctx context.Context, in *sqs.ReceiveMessageInput, _ ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error) {
	if in.MaxNumberOfMessages < 1 || in.MaxNumberOfMessages > 10 || in.WaitTimeSeconds > 20 {
		s.t.Errorf("SQS would refuse %+v", in)
	}
	s.mu.Lock()
	n := min(len(s.waiting), int(in.MaxNumberOfMessages))
	got := slices.Clone(s.waiting[:n])
	s.waiting = s.waiting[n:]
	for _, m := range got {
		s.flying[*m.ReceiptHandle] = m
	}
	s.mu.Unlock()
	if n == 0 {
		s.once.Do(func() { close(s.idle) })
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
	return &sqs.ReceiveMessageOutput{Messages: got}, nil
}

func (s *store) DeleteMessageBatch(_ context.Context, in *sqs.DeleteMessageBatchInput, _ ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(in.Entries) < 1 || len(in.Entries) > 10 {
		s.t.Errorf("SQS would refuse %d entries", len(in.Entries))
	}
	for _, e := range in.Entries {
		m, ok := s.flying[*e.ReceiptHandle]
		if !ok {
			s.t.Errorf("%s is not in flight", *e.ReceiptHandle)
		}
		delete(s.flying, *e.ReceiptHandle)
		s.deleted = append(s.deleted, *m.MessageId)
	}
	return &sqs.DeleteMessageBatchOutput{}, nil
}

// run works a queue empty and returns what was deleted and the batches' sizes.
func run(t *testing.T, s *store, m template.Mapping, answer func(event []byte) (runtime.Result, error)) (deleted []string, batches []int) {
	t.Helper()
	var mu sync.Mutex
	mapping := queues.New(queues.Config{
		Mapping: m, Queue: template.Queue{ID: "Queue", URL: "http://q", ARN: "arn:aws:sqs:eu-south-1:000000000000:q"}, Region: "eu-south-1",
		SQS: s, Log: slog.New(slog.DiscardHandler),
		Invoke: func(_ context.Context, payload []byte) (runtime.Result, error) {
			var event struct{ Records []any }
			if err := json.Unmarshal(payload, &event); err != nil {
				t.Error(err)
			}
			mu.Lock()
			batches = append(batches, len(event.Records))
			mu.Unlock()
			return answer(payload)
		},
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { mapping.Run(ctx); close(done) }()
	<-s.idle
	cancel()
	<-done
	slices.Sort(s.deleted)
	return s.deleted, batches
}

func TestPartialFailures(t *testing.T) {
	for name, c := range map[string]struct {
		partial bool
		result  runtime.Result
		err     error
		want    []string
	}{
		"all done":            {true, runtime.Result{Payload: []byte(`{"batchItemFailures":[]}`)}, nil, []string{"m1", "m2", "m3"}},
		"no answer":           {true, runtime.Result{Payload: []byte(`null`)}, nil, []string{"m1", "m2", "m3"}},
		"empty answer":        {true, runtime.Result{}, nil, []string{"m1", "m2", "m3"}},
		"one failed":          {true, runtime.Result{Payload: []byte(`{"batchItemFailures":[{"itemIdentifier":"m2"}]}`)}, nil, []string{"m1", "m3"}},
		"all failed":          {true, runtime.Result{Payload: []byte(`{"batchItemFailures":[{"itemIdentifier":"m1"},{"itemIdentifier":"m2"},{"itemIdentifier":"m3"}]}`)}, nil, nil},
		"unknown id":          {true, runtime.Result{Payload: []byte(`{"batchItemFailures":[{"itemIdentifier":"m9"}]}`)}, nil, nil},
		"empty id":            {true, runtime.Result{Payload: []byte(`{"batchItemFailures":[{"itemIdentifier":""}]}`)}, nil, nil},
		"no id":               {true, runtime.Result{Payload: []byte(`{"batchItemFailures":[{}]}`)}, nil, nil},
		"not understood":      {true, runtime.Result{Payload: []byte(`[1]`)}, nil, nil},
		"function failed":     {true, runtime.Result{Payload: []byte(`{}`), Failed: true}, nil, nil},
		"not invoked":         {true, runtime.Result{}, runtime.ErrClosed, nil},
		"not partial":         {false, runtime.Result{Payload: []byte(`{"batchItemFailures":[{"itemIdentifier":"m2"}]}`)}, nil, []string{"m1", "m2", "m3"}},
		"not partial, failed": {false, runtime.Result{Failed: true}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, _ := run(t, newStore(t, 3), template.Mapping{Batch: 10, Partial: c.partial, MaxConcurrency: 1},
				func([]byte) (runtime.Result, error) { return c.result, c.err })
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestBatchSize(t *testing.T) {
	ok := func([]byte) (runtime.Result, error) { return runtime.Result{Payload: []byte(`{}`)}, nil }
	deleted, batches := run(t, newStore(t, 25), template.Mapping{Batch: 10, MaxConcurrency: 1}, ok)
	if len(deleted) != 25 || !slices.Equal(batches, []int{10, 10, 5}) {
		t.Errorf("deleted %d in batches of %v", len(deleted), batches)
	}
	if _, batches := run(t, newStore(t, 3), template.Mapping{Batch: 1, MaxConcurrency: 1}, ok); !slices.Equal(batches, []int{1, 1, 1}) {
		t.Errorf("batches of %v", batches)
	}
}

func TestWindowFillsTheBatch(t *testing.T) {
	s := newStore(t, 25)
	_, batches := run(t, s, template.Mapping{Batch: 25, Window: time.Minute, MaxConcurrency: 1},
		func([]byte) (runtime.Result, error) { return runtime.Result{Payload: []byte(`{}`)}, nil })
	if !slices.Equal(batches, []int{25}) {
		t.Errorf("batches of %v, want one of 25", batches)
	}
}

func TestEvent(t *testing.T) {
	var got map[string]any
	run(t, newStore(t, 1), template.Mapping{Batch: 10, MaxConcurrency: 1}, func(event []byte) (runtime.Result, error) {
		return runtime.Result{}, json.Unmarshal(event, &got)
	})
	want := map[string]any{"Records": []any{map[string]any{
		"messageId": "m1", "receiptHandle": "h-m1", "body": "body of m1", "md5OfBody": "md5",
		"attributes":        map[string]any{"ApproximateReceiveCount": "1", "MessageGroupId": "milano"},
		"messageAttributes": map[string]any{"kind": map[string]any{"stringValue": "x", "stringListValues": []any{}, "binaryListValues": []any{}, "dataType": "String"}},
		"eventSource":       "aws:sqs", "eventSourceARN": "arn:aws:sqs:eu-south-1:000000000000:q", "awsRegion": "eu-south-1",
	}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestConcurrency lets the functions wait for each other: as many batches as
// the mapping allows are in flight at once, and no more.
func TestConcurrency(t *testing.T) {
	var mu sync.Mutex
	running, most := 0, 0
	together := make(chan struct{})
	run(t, newStore(t, 9), template.Mapping{Batch: 1, MaxConcurrency: 3}, func([]byte) (runtime.Result, error) {
		mu.Lock()
		running++
		if most = max(most, running); most == 3 && running == 3 {
			select {
			case <-together:
			default:
				close(together)
			}
		}
		mu.Unlock()
		<-together
		mu.Lock()
		running--
		mu.Unlock()
		return runtime.Result{}, nil
	})
	if most != 3 {
		t.Errorf("%d batches were in flight at once", most)
	}
}
