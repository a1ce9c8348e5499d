//go:build road

package crash

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"sportello/infra/road"
	"sportello/shared/flow/step"
	"sportello/shared/platform/queue"
)

// queues are the queues by what travels on them.
var queues = map[step.Kind]string{
	step.Register: "registration.fifo", step.Seal: "registration.fifo", step.Apply: "registered", step.Mail: "pec",
	step.External: "registered", step.Receipt: "preservation", step.Preserve: "preservation", step.Statement: "preservation", step.Verify: "preservation",
}

// post puts a message on its queue, as if a delivery were repeated: on the FIFO queue under a deduplication id of its own.
func (w *town) post(ctx context.Context, chamber string, e queue.Envelope) error {
	return w.postAs(ctx, chamber, e, road.UUID())
}

// postAs posts under a deduplication id, where the queue has such.
func (w *town) postAs(ctx context.Context, chamber string, e queue.Envelope, id string) error {
	body, err := json.Marshal(e)
	if err != nil {
		return err
	}
	name := queues[step.Kind(e.Kind)]
	in := &sqs.SendMessageInput{QueueUrl: aws.String(w.SQS + "/000000000000/sportello-local-" + name), MessageBody: aws.String(string(body))}
	if strings.HasSuffix(name, ".fifo") {
		in.MessageGroupId, in.MessageDeduplicationId = &chamber, &id
	}
	if _, err := w.queue.SendMessage(ctx, in); err != nil {
		return fmt.Errorf("posting %s again: %w", e.Kind, err)
	}
	return nil
}

// redeliver repeats every message of the case twice, the last first, and every notice of its money. It returns how many that were.
func (f *filed) redeliver(ctx context.Context) (int, error) {
	rows, err := f.items(ctx)
	if err != nil {
		return 0, err
	}
	again := rows.envelopes()
	slices.Reverse(again)
	again = append(again, again...)
	for _, e := range again {
		if err := f.post(ctx, f.chamber, e); err != nil {
			return 0, err
		}
	}
	told, err := f.tell(ctx, rows)
	return len(again) + told, err
}
