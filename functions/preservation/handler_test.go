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

	"sportello/shared/domain/application"
	"sportello/shared/flow/casefile"
	"sportello/shared/flow/flowtest"
	"sportello/shared/flow/receipt"
	"sportello/shared/flow/sealing"
	"sportello/shared/platform/queue"
	"sportello/shared/platform/queue/sqs"
	seal "sportello/shared/platform/sealing"
	"sportello/shared/platform/sealing/sealingtest"
)

// event is the event of a file, about an outbox row.
func event(t *testing.T, file string, m queue.Message) events.SQSEvent {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("{pk}", m.PK, "{sk}", m.SK, "RCP", m.Kind).Replace(string(raw))
	var e events.SQSEvent
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		t.Fatal(err)
	}
	return e
}

// The receipt is a sealed PDF, of the same bytes whenever it is asked for; the package of a closed case goes the same way, and a day's statement.
func TestWork(t *testing.T) {
	w := flowtest.New(t)
	c := w.Receipts.Config
	key, chain, _ := sealingtest.New(t)
	sealer, err := seal.New(key, chain)
	if err != nil {
		t.Fatal(err)
	}
	c.Print, c.Seal = print, sealReceipt(sealer)
	desk, err := receipt.New(c)
	if err != nil {
		t.Fatal(err)
	}
	w.Receipts = desk
	handle := sqs.Handler(slog.New(slog.DiscardHandler), handler{desk, w.Sealing, w.Keeping, w.Verdicts}.work)
	id := w.Draft()
	w.Attach(id, "prova.pdf")
	w.Present(id)
	owed := w.PreservationQueue.Take()[0]
	for range 2 {
		out, err := handle(context.Background(), event(t, "receipt.json", owed))
		if err != nil || len(out.BatchItemFailures) != 0 {
			t.Fatalf("%+v, %v", out, err)
		}
	}
	made := false
	for _, d := range w.DocumentsOf(id) {
		if d.Kind != application.ReceiptDocument {
			continue
		}
		made = true
		body, err := w.Documents.Get(context.Background(), d.Key)
		if err != nil || !bytes.HasPrefix(body, []byte("%PDF-")) {
			t.Errorf("the receipt is %q, %v", body[:min(len(body), 20)], err)
		}
		if !bytes.Contains(body, []byte("/SubFilter /ETSI.CAdES.detached /M (D:20261123090000+00'00')")) {
			t.Error("the receipt is not sealed with the instant of its presentation")
		}
	}
	if keys, _ := w.Documents.List(context.Background(), "documents/", "", 10); !made || len(keys) != 2 {
		t.Errorf("made %v, objects %v", made, keys)
	}

	closed := w.Closed()
	for _, m := range w.PreservationQueue.Take() {
		if out, err := handle(context.Background(), event(t, "receipt.json", m)); err != nil || len(out.BatchItemFailures) != 0 {
			t.Fatalf("%+v, %v", out, err)
		}
	}
	w.State(closed, application.Preserved)
	w.At(time.Date(2027, 1, 7, 9, 0, 0, 0, time.UTC))
	w.CloseDays()
	for _, m := range w.Waiting() {
		if err := w.Deliver(m); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range w.PreservationQueue.Take() {
		if out, err := handle(context.Background(), event(t, "receipt.json", m)); err != nil || len(out.BatchItemFailures) != 0 {
			t.Fatalf("%+v, %v", out, err)
		}
	}
	if _, ok, err := sealing.Find(context.Background(), w.Applications, flowtest.Chamber, "2026-11-23"); err != nil || !ok {
		t.Errorf("the day is not declared: %v", err)
	}
	// A kind that is none is acknowledged: no retry makes it one.
	owed.Kind = "XXX"
	if out, err := handle(context.Background(), event(t, "receipt.json", owed)); err != nil || len(out.BatchItemFailures) != 0 {
		t.Errorf("%+v, %v", out, err)
	}
	if err := (handler{desk, w.Sealing, w.Keeping, w.Verdicts}).work(context.Background(), owed.Envelope); !errors.Is(err, queue.ErrPermanent) {
		t.Errorf("unknown kind: %v", err)
	}
}

// Where a fee buys the act the receipt says so: it must not promise a number that only the payment brings.
func TestReceiptTellsWhatIsToBePaid(t *testing.T) {
	w := flowtest.New(t)
	a := w.Meta(w.Unpaid())
	var priced, free bytes.Buffer
	r := casefile.ReceiptOf(a, nil)
	if err := print(&priced, a, r); err != nil {
		t.Fatal(err)
	}
	a.Fee = nil
	if err := print(&free, a, r); err != nil || bytes.Equal(priced.Bytes(), free.Bytes()) {
		t.Errorf("the same receipt, to be paid for or not: %v", err)
	}
}
