package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"sportello/shared/domain/pec"
	"sportello/shared/flow/correspondence"
	"sportello/shared/flow/flowtest"
	"sportello/shared/flow/notify"
	"sportello/shared/platform/mail"
	"sportello/shared/platform/queue"
	"sportello/shared/platform/queue/sqs"
)

func event(t *testing.T, file string, m queue.Message) events.SQSEvent {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	var e events.SQSEvent
	if err := json.Unmarshal([]byte(strings.NewReplacer("{pk}", m.PK, "{sk}", m.SK).Replace(string(raw))), &e); err != nil {
		t.Fatal(err)
	}
	return e
}

// taker takes whatever it is offered, as the provider's server does.
type taker struct{ raw [][]byte }

func (p *taker) Send(_ context.Context, _, _ string, raw []byte) error {
	p.raw = append(p.raw, raw)
	return nil
}

func (p *taker) HasReceipt(context.Context, string, string, time.Time) (bool, error) {
	return false, nil
}

// A letter is composed as a message that can be read back, sent, and not sent again.
func TestSend(t *testing.T) {
	w := flowtest.New(t)
	provider := &taker{}
	c := w.Notify.Config
	c.Writer, c.Provider = writer{}, provider
	desk, err := notify.New(c)
	if err != nil {
		t.Fatal(err)
	}
	w.Notify = desk
	id := w.InProgress()
	w.Decide(id)
	for _, q := range []*queue.Memory{w.RegistrationQueue, w.RegisteredQueue} {
		for _, m := range q.Take() {
			if err := w.Deliver(m); err != nil {
				t.Fatal(err)
			}
		}
	}
	provider.raw = nil
	owed := w.MailQueue.Take()
	if len(owed) != 1 {
		t.Fatalf("%d letters are owed", len(owed))
	}
	handle := sqs.Handler(slog.New(slog.DiscardHandler), desk.Send)
	for range 2 {
		if out, err := handle(context.Background(), event(t, "letter.json", owed[0])); err != nil || len(out.BatchItemFailures) != 0 {
			t.Fatalf("%+v, %v", out, err)
		}
	}
	if len(provider.raw) != 1 {
		t.Fatalf("sent %d times", len(provider.raw))
	}
	letter := w.Letter(id, correspondence.OutcomeLetter)
	m, err := mail.ParseMessage(provider.raw[0])
	if err != nil {
		t.Fatal(err)
	}
	if !pec.SameMessage(m.MessageID, letter.MessageID) || m.Subject != letter.Subject || !strings.Contains(m.Text, "/valuta/?t=") || len(m.Attachments) != 1 ||
		!bytes.HasPrefix(m.Attachments[0].Body, []byte("%PDF-")) {
		t.Errorf("message %+v", m)
	}
}

// The same message always as the same bytes; one that nobody could send is refused for good.
func TestCompose(t *testing.T) {
	m := notify.Message{
		MessageID: "<a.b@pec.example.it>", From: "protocollo@milano.pec.example.it", FromName: "Camera di commercio", To: "giulia@pec.example.it",
		Subject: "Esito: è fondata", Text: "Gentile utente,\n.\nsaluti", Date: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC),
		Enclosures: []notify.Enclosure{{Name: "esito.pdf", MediaType: "application/pdf", Body: []byte("%PDF-1.7")}},
	}
	one, err := writer{}.Compose(m)
	if err != nil {
		t.Fatal(err)
	}
	if other, err := (writer{}).Compose(m); err != nil || !bytes.Equal(one, other) {
		t.Errorf("other bytes, %v", err)
	}
	m.Enclosures[0].Body = make([]byte, mail.MaxMessage)
	if _, err := (writer{}).Compose(m); !errors.Is(err, queue.ErrPermanent) {
		t.Errorf("too large: %v", err)
	}
}
