package main

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"sportello/shared/flow/external"
	"sportello/shared/flow/registration"
	"sportello/shared/flow/step"
	"sportello/shared/platform/queue"
	"sportello/shared/platform/queue/sqs"
)

type handler struct {
	desk     *registration.Desk
	external *external.Desk
	log      *slog.Logger
}

// handle works a batch of either queue; all records of a batch come from one.
func (h handler) handle(ctx context.Context, event events.SQSEvent) (events.SQSEventResponse, error) {
	if fromFIFO(event) {
		return sqs.Response(h.desk.Handle(ctx, sqs.Received(event))), nil
	}
	ctx, cancel := beforeEnd(ctx)
	defer cancel()
	slices.SortStableFunc(event.Records, outsideLast)
	return sqs.Handler(h.log, h.work)(ctx, event)
}

func (h handler) work(ctx context.Context, e queue.Envelope) error {
	if e.Kind == string(step.External) {
		return h.external.Ask(ctx, e)
	}
	return h.desk.Apply(ctx, e)
}

// outsideLast puts what asks a chamber's own protocol behind what does not: one that is slow delays nobody's number but its own.
func outsideLast(a, b events.SQSMessage) int {
	return outside(a) - outside(b)
}

func outside(m events.SQSMessage) int {
	if e, err := queue.Parse([]byte(m.Body)); err == nil && e.Kind == string(step.External) {
		return 1
	}
	return 0
}

// margin is what a batch leaves of its time to say which messages failed: cut off, all of them would come again.
const margin = 2 * time.Second

func beforeEnd(ctx context.Context) (context.Context, context.CancelFunc) {
	end, limited := ctx.Deadline()
	if !limited {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, end.Add(-margin))
}

func fromFIFO(event events.SQSEvent) bool {
	return len(event.Records) > 0 && strings.HasSuffix(event.Records[0].EventSourceARN, ".fifo")
}
