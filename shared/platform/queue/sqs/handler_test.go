package sqs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"sportello/shared/platform/queue"
	"sportello/shared/platform/queue/sqs"
)

func event(t *testing.T, name string) events.SQSEvent {
	t.Helper()
	body, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var event events.SQSEvent
	if err := json.Unmarshal(body, &event); err != nil {
		t.Fatal(err)
	}
	return event
}

// On a FIFO queue the rest of a failed message's group fails with it; other groups and what came before do not.
func TestHandlerFIFO(t *testing.T) {
	var log bytes.Buffer
	var handled []string
	handler := sqs.Handler(slog.New(slog.NewJSONHandler(&log, nil)), func(_ context.Context, e queue.Envelope) error {
		handled = append(handled, e.SK)
		switch e.SK {
		case "milano-2":
			return errors.New("not now")
		case "varese-1":
			return fmt.Errorf("poisoned: %w", queue.ErrPermanent)
		}
		return nil
	})
	response, err := handler(context.Background(), event(t, "fifo.json"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"milano-1", "varese-1", "milano-2", "varese-2"}, handled); diff != "" {
		t.Errorf("handled (-want +got):\n%s", diff)
	}
	got, err := json.Marshal(response)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"batchItemFailures":[{"itemIdentifier":"00000000-0000-4000-8000-000000000003"},{"itemIdentifier":"00000000-0000-4000-8000-000000000004"}]}`
	if string(got) != want {
		t.Errorf("response %s", got)
	}
	if n := strings.Count(log.String(), "\n"); n != 2 || strings.Contains(log.String(), "milano-2") {
		t.Errorf("log:\n%s", &log)
	}
}

// A panic and a body that is no envelope concern their own message only.
func TestHandlerStandard(t *testing.T) {
	handler := sqs.Handler(slog.New(slog.DiscardHandler), func(_ context.Context, e queue.Envelope) error {
		if e.SK == "panics" {
			panic("personal data")
		}
		return nil
	})
	response, err := handler(context.Background(), event(t, "standard.json"))
	if err != nil {
		t.Fatal(err)
	}
	want := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{
		{ItemIdentifier: "00000000-0000-4000-8000-000000000011"}, // panics
		{ItemIdentifier: "00000000-0000-4000-8000-000000000013"}, // of newer code
	}}
	if diff := cmp.Diff(want, response); diff != "" {
		t.Errorf("response (-want +got):\n%s", diff)
	}
}

func TestHandlerSaysAllDoneAsList(t *testing.T) {
	got, err := json.Marshal(sqs.Response(nil))
	if err != nil || string(got) != `{"batchItemFailures":[]}` {
		t.Errorf("%s, %v", got, err)
	}
}
