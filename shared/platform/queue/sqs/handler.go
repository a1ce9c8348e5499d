package sqs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"

	"github.com/aws/aws-lambda-go/events"

	"sportello/shared/platform/queue"
)

// Handler makes the function that Lambda calls with a batch. Only what failed is delivered again; the event source must
// report partial failures (FunctionResponseTypes: ReportBatchItemFailures). Errors end here, in the log.
func Handler(log *slog.Logger, handle func(ctx context.Context, envelope queue.Envelope) error) func(context.Context, events.SQSEvent) (events.SQSEventResponse, error) {
	return func(ctx context.Context, event events.SQSEvent) (events.SQSEventResponse, error) {
		failed := queue.Consume(ctx, Received(event), guarded(log, handle), Report(ctx, log))
		return Response(failed), nil
	}
}

// Report logs why a message failed, by the id of its delivery.
func Report(ctx context.Context, log *slog.Logger) func(queue.Received, error) {
	return func(received queue.Received, err error) {
		level, again := slog.LevelError, !errors.Is(err, queue.ErrPermanent)
		if again {
			level = slog.LevelWarn // it comes again; what never succeeds ends in the dead letter queue, which alarms
		}
		log.LogAttrs(ctx, level, "message failed", slog.String("message", received.ID), slog.Bool("again", again), slog.Any("error", err))
	}
}

// guarded turns a panic into an error of the one message, so that the others of its batch are not delivered again for nothing.
func guarded(log *slog.Logger, handle func(context.Context, queue.Envelope) error) func(context.Context, queue.Envelope) error {
	return func(ctx context.Context, envelope queue.Envelope) (err error) {
		defer func() {
			if reason := recover(); reason != nil {
				// The value of a panic may quote data; its type and the stack say where to look.
				log.ErrorContext(ctx, "panic", slog.String("type", fmt.Sprintf("%T", reason)), slog.String("stack", string(debug.Stack())))
				err = fmt.Errorf("handling message: panic of type %T", reason)
			}
		}()
		return handle(ctx, envelope)
	}
}

// Received converts an event, in its order, which is the queue's within a group.
func Received(event events.SQSEvent) []queue.Received {
	batch := make([]queue.Received, len(event.Records))
	for n, record := range event.Records {
		batch[n] = queue.Received{ID: record.MessageId, Group: group(record), Body: []byte(record.Body)}
	}
	return batch
}

// group is the message's group on a FIFO queue. A standard queue may carry a group too (fair queues), where it orders nothing.
func group(record events.SQSMessage) string {
	if !strings.HasSuffix(record.EventSourceARN, ".fifo") {
		return ""
	}
	return record.Attributes["MessageGroupId"]
}

// Response reports the failed messages. An empty list means that all is done; it must be a list, not null.
func Response(failed []string) events.SQSEventResponse {
	response := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
	for _, id := range failed {
		response.BatchItemFailures = append(response.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: id})
	}
	return response
}
