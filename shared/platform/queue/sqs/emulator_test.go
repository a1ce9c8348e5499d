//go:build emulator

package sqs_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"

	"sportello/shared/platform/emulatortest"
	"sportello/shared/platform/queue"
	"sportello/shared/platform/queue/sqs"
)

func message(n, attempt int) queue.Message {
	return queue.Message{Group: "milano", Envelope: queue.Envelope{
		Version: queue.Version, Kind: "REG", PK: "OUT#REG#milano#2026-11-22", SK: fmt.Sprintf("event-%02d", n), Attempt: attempt,
	}}
}

// receive takes what is in the queue, deleting it, until nothing comes.
func receive(t *testing.T, client *awssqs.Client, url string) []types.Message {
	t.Helper()
	var all []types.Message
	for {
		out, err := client.ReceiveMessage(context.Background(), &awssqs.ReceiveMessageInput{
			QueueUrl: &url, MaxNumberOfMessages: 10, MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Messages) == 0 {
			return all
		}
		for _, m := range out.Messages {
			if _, err := client.DeleteMessage(context.Background(), &awssqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: m.ReceiptHandle}); err != nil {
				t.Fatal(err)
			}
		}
		all = append(all, out.Messages...)
	}
}

func envelopes(t *testing.T, messages []types.Message) []queue.Envelope {
	t.Helper()
	var all []queue.Envelope
	for _, m := range messages {
		e, err := queue.Parse([]byte(aws.ToString(m.Body)))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

func TestSQS(t *testing.T) {
	config := emulatortest.SQS(t)
	client := sqs.NewClient(config)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var messages []queue.Message
	var want []queue.Envelope
	for n := range 23 {
		messages = append(messages, message(n, 0))
		want = append(want, messages[n].Envelope)
	}

	t.Run("FIFO", func(t *testing.T) {
		url := emulatortest.Queue(t, config, true)
		q := sqs.New(client, url)
		for range 2 { // the second time SQS knows them by their deduplication ids
			if err := q.Send(ctx, messages...); err != nil {
				t.Fatal(err)
			}
		}
		got := receive(t, client, url)
		if diff := cmp.Diff(want, envelopes(t, got)); diff != "" {
			t.Errorf("received (-sent +got):\n%s", diff)
		}
		if group := got[0].Attributes["MessageGroupId"]; group != "milano" {
			t.Errorf("group %q", group)
		}
		if err := q.Send(ctx, message(0, 1)); err != nil {
			t.Fatal(err)
		}
		if got := envelopes(t, receive(t, client, url)); len(got) != 1 || got[0].Attempt != 1 {
			t.Errorf("a new attempt was not delivered: %v", got)
		}
		if err := q.Send(ctx, queue.Message{Envelope: message(1, 2).Envelope}); err == nil {
			t.Error("a message without group was sent")
		}
	})

	t.Run("Standard", func(t *testing.T) {
		url := emulatortest.Queue(t, config, false)
		if err := sqs.New(client, url).Send(ctx, messages...); err != nil {
			t.Fatal(err)
		}
		if got := receive(t, client, url); len(got) != len(messages) {
			t.Errorf("%d messages", len(got))
		}
		if err := sqs.New(client, url).Send(ctx); err != nil {
			t.Errorf("sending nothing: %v", err)
		}
	})

	t.Run("NoQueue", func(t *testing.T) {
		if err := sqs.New(client, *config.BaseEndpoint+"/000000000000/nobody").Send(ctx, messages...); err == nil {
			t.Error("sent to a queue that does not exist")
		}
	})
}
