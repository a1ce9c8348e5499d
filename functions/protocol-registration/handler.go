package main

import (
	"context"
	"log/slog"
	"strings"

	"github.com/aws/aws-lambda-go/events"

	"sportello/shared/flow/registration"
	"sportello/shared/platform/queue"
	"sportello/shared/platform/queue/sqs"
)

type handler struct {
	desk *registration.Desk
	log  *slog.Logger
}

// handle works a batch of either queue; all records of a batch come from one.
func (h handler) handle(ctx context.Context, event events.SQSEvent) (events.SQSEventResponse, error) {
	batch := sqs.Received(event)
	if fromFIFO(event) {
		return sqs.Response(h.desk.Handle(ctx, batch)), nil
	}
	failed := queue.Consume(ctx, batch, h.desk.Apply, func(r queue.Received, err error) {
		h.log.ErrorContext(ctx, "applying", "message", r.ID, "error", err)
	})
	return sqs.Response(failed), nil
}

func fromFIFO(event events.SQSEvent) bool {
	return len(event.Records) > 0 && strings.HasSuffix(event.Records[0].EventSourceARN, ".fifo")
}
