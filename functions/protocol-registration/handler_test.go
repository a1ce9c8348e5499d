package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"sportello/shared/domain/application"
	"sportello/shared/flow/correspondence"
	"sportello/shared/flow/external"
	"sportello/shared/flow/flowtest"
	"sportello/shared/flow/step"
	"sportello/shared/platform/queue"
)

// event reads an event and puts the messages in the place of its records' bodies.
func event(t *testing.T, file string, messages ...queue.Message) events.SQSEvent {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	var e events.SQSEvent
	if err := json.Unmarshal(raw, &e); err != nil {
		t.Fatal(err)
	}
	for n, m := range messages {
		body, err := json.Marshal(m.Envelope)
		if err != nil {
			t.Fatal(err)
		}
		e.Records[n].Body = string(body)
	}
	e.Records = e.Records[:len(messages)]
	return e
}

func failures(r events.SQSEventResponse) []string {
	list := []string{}
	for _, f := range r.BatchItemFailures {
		list = append(list, f.ItemIdentifier)
	}
	return list
}

// Two documents get their numbers through the first queue, and their cases through the second; both twice.
func TestBothQueues(t *testing.T) {
	w := flowtest.New(t)
	var log bytes.Buffer
	h := handler{w.Registration, w.External, slog.New(slog.NewJSONHandler(&log, nil))}
	ids := []string{w.Presented(), w.Presented()}
	documents := w.RegistrationQueue.Take()
	for range 2 {
		out, err := h.handle(context.Background(), event(t, "fifo.json", documents...))
		if err != nil || len(out.BatchItemFailures) != 0 || out.BatchItemFailures == nil {
			t.Fatalf("%+v, %v", out, err)
		}
	}
	numbers := w.RegisteredQueue.Take()
	if len(numbers) != 4 {
		t.Fatalf("%d numbers handed over, want two, twice", len(numbers))
	}
	for range 2 {
		out, err := h.handle(context.Background(), event(t, "registered.json", numbers[:2]...))
		if err != nil || len(out.BatchItemFailures) != 0 {
			t.Fatalf("%+v, %v", out, err)
		}
	}
	for _, id := range ids {
		w.State(id, application.Registered)
	}
	w.Check()
	if strings.Contains(log.String(), flowtest.Giulia) {
		t.Errorf("the log names a person: %s", log.String())
	}
}

// After the first failure of a group the rest waits; on the other queue each message stands alone.
func TestPartialFailures(t *testing.T) {
	w := flowtest.New(t)
	h := handler{w.Registration, w.External, slog.New(slog.DiscardHandler)}
	w.Presented()
	w.Presented()
	documents := w.RegistrationQueue.Take()
	e := event(t, "fifo.json", documents...)
	w.Register.FailAt(2, flowtest.Before) // the first makes the book
	out, err := h.handle(context.Background(), e)
	if err != nil || !slices.Equal(failures(out), []string{e.Records[0].MessageId, e.Records[1].MessageId}) {
		t.Errorf("%+v, %v", out, err)
	}
	if out, err = h.handle(context.Background(), e); err != nil || len(out.BatchItemFailures) != 0 {
		t.Errorf("then %+v, %v", out, err)
	}
	numbers := w.RegisteredQueue.Take()
	e = event(t, "registered.json", numbers...)
	w.Applications.FailNext(flowtest.Before)
	out, err = h.handle(context.Background(), e)
	if err != nil || !slices.Equal(failures(out), []string{e.Records[0].MessageId}) {
		t.Errorf("%+v, %v", out, err)
	}
	// Garbage is acknowledged: it can never become a message.
	e = event(t, "registered.json", numbers[0], numbers[1])
	e.Records[0].Body = "{"
	if out, err = h.handle(context.Background(), e); err != nil || len(out.BatchItemFailures) != 0 {
		t.Errorf("%+v, %v", out, err)
	}
	w.Rest()
	w.Check()
}

// What asks a chamber's own protocol comes last in its batch, and what there is no time for comes again.
func TestOutsideComesLast(t *testing.T) {
	w := flowtest.New(t)
	h := handler{w.Registration, w.External, slog.New(slog.DiscardHandler)}
	id := w.Presented()
	if out, err := h.handle(context.Background(), event(t, "fifo.json", w.RegistrationQueue.Take()...)); err != nil || len(out.BatchItemFailures) != 0 {
		t.Fatalf("%+v, %v", out, err)
	}
	owed, err := step.Owed{Kind: step.External, Chamber: "varese", Day: "2026-11-23", Event: "e", CreatedAt: w.Now()}.With(external.Question{
		Reference: "e", Target: correspondence.ToDocument, ID: "e",
	})
	if err != nil {
		t.Fatal(err)
	}
	change, err := owed.Promise()
	if err == nil {
		err = w.Applications.Commit(context.Background(), change)
	}
	if err != nil {
		t.Fatal(err)
	}
	asking := queue.Message{Envelope: owed.Envelope()}
	e := event(t, "registered.json", append([]queue.Message{asking}, w.RegisteredQueue.Take()...)...)
	late, cancel := context.WithDeadline(context.Background(), time.Now().Add(margin))
	defer cancel()
	w.Protocol.Ended = true
	out, err := h.handle(late, e)
	if err != nil || !slices.Equal(failures(out), []string{e.Records[len(e.Records)-1].MessageId}) {
		t.Errorf("%+v, %v", out, err)
	}
	w.State(id, application.Registered)
	w.Protocol.Ended = false
	if out, err = h.handle(context.Background(), e); err != nil || len(out.BatchItemFailures) != 0 || len(w.Protocol.Asked) != 1 {
		t.Errorf("%+v, %v, asked %+v", out, err, w.Protocol.Asked)
	}
}
