// Package queue chains the steps. A message is only a pointer to an outbox row: the row is the truth, so a message may be
// lost, doubled, late or out of order, and carries no personal data. Memory is here; SQS is in package sqs.
package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// Version is the envelope format this code writes, and the newest it reads.
const Version = 1

// Envelope is what travels: which outbox row to work on.
type Envelope struct {
	Version int    `json:"v"`
	Kind    string `json:"kind"` // the outbox kind, such as REG
	PK      string `json:"pk"`
	SK      string `json:"sk"`
	// Attempt counts how many times the sweep has sent it again; it makes the message's deduplication id new.
	Attempt int `json:"attempt"`
}

// Message is an Envelope on its way. Group orders messages on a FIFO queue (there it is required) and is ignored on a
// standard one.
type Message struct {
	Envelope
	Group string
}

// DedupID is the FIFO deduplication id. The attempt is part of it, so that a resend within SQS's five minutes is delivered.
func (m Message) DedupID() string { return fmt.Sprintf("%s.%d", m.SK, m.Attempt) }

// Sender puts messages on one queue. A nil error means the queue has it; any error means it may or may not: the sweep will
// send it again.
type Sender interface {
	Send(ctx context.Context, messages ...Message) error
}

var (
	// ErrPermanent marks an error that no retry can mend: the message is acknowledged and the step has left a problem row.
	ErrPermanent = errors.New("queue: permanent")
	// ErrNewerVersion is returned by Parse for an envelope of newer code: retryable, because a rollback may be rolled forward.
	ErrNewerVersion = errors.New("queue: newer envelope version")
)

// Parse reads an envelope. A body that is no envelope is permanent: it can never become one.
func Parse(body []byte) (Envelope, error) {
	var e Envelope
	if err := json.Unmarshal(body, &e); err != nil {
		return e, fmt.Errorf("parsing envelope: %w: %w", ErrPermanent, err)
	}
	if e.Version > Version {
		return e, fmt.Errorf("parsing envelope: %w: %d", ErrNewerVersion, e.Version)
	}
	if e.Version < 1 || e.Kind == "" || e.PK == "" || e.SK == "" {
		return e, fmt.Errorf("parsing envelope: %w: incomplete", ErrPermanent)
	}
	return e, nil
}

// Received is a message as a consumer sees it. ID is the delivery's id, by which it is reported as failed.
type Received struct {
	ID    string
	Group string // empty on a standard queue
	Body  []byte
}

// Consume hands each message to handle and returns the ids of those to be delivered again. A permanent error counts as done. On
// a FIFO queue the first failure of a group also fails the rest of that group, so that order is kept.
// report is called for each error, permanent or not: return or log, and here the error ends.
func Consume(ctx context.Context, batch []Received, handle func(context.Context, Envelope) error, report func(Received, error)) (failed []string) {
	stopped := map[string]bool{}
	for _, received := range batch {
		if received.Group != "" && stopped[received.Group] {
			failed = append(failed, received.ID)
			continue
		}
		envelope, err := Parse(received.Body)
		if err == nil {
			err = handle(ctx, envelope)
		}
		if err == nil {
			continue
		}
		report(received, err)
		if errors.Is(err, ErrPermanent) {
			continue
		}
		failed = append(failed, received.ID)
		stopped[received.Group] = received.Group != ""
	}
	return failed
}
