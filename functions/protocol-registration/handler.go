package main

import (
	"context"
	"log/slog"
	"strings"

	"github.com/aws/aws-lambda-go/events"

	"sportello/shared/flow/registration"
	"sportello/shared/platform/queue/sqs"
)

type handler struct {
	desk *registration.Desk
	log  *slog.Logger
}

// handle works a batch of either queue; all records of a batch come from one.
func (h handler) handle(ctx context.Context, event events.SQSEvent) (events.SQSEventResponse, error) {
	if fromFIFO(event) {
		return sqs.Response(h.desk.Handle(ctx, sqs.Received(event))), nil
	}
	return sqs.Handler(h.log, h.desk.Apply)(ctx, event)
}

func fromFIFO(event events.SQSEvent) bool {
	return len(event.Records) > 0 && strings.HasSuffix(event.Records[0].EventSourceARN, ".fifo")
}
