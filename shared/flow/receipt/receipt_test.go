package receipt_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"sportello/shared/domain/application"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/register"
	"sportello/shared/flow/casefile"
	"sportello/shared/flow/flowtest"
	"sportello/shared/flow/problems"
	"sportello/shared/flow/receipt"
	"sportello/shared/platform/queue"
)

var ctx = context.Background()

// owed is a case whose receipt is owed.
func owed(t *testing.T) (*flowtest.World, string, queue.Message) {
	t.Helper()
	w := flowtest.New(t)
	id := w.Presented()
	messages := w.PreservationQueue.Take()
	if len(messages) != 1 {
		t.Fatalf("%d receipts are owed", len(messages))
	}
	return w, id, messages[0]
}

func receiptOf(w *flowtest.World, id string) (application.Document, bool) {
	documents := w.DocumentsOf(id)
	n := slices.IndexFunc(documents, func(d application.Document) bool { return d.Kind == application.ReceiptDocument })
	if n < 0 {
		return application.Document{}, false
	}
	return documents[n], true
}

// The receipt is made once, whatever becomes of its commit and however often it is asked for.
func TestMake(t *testing.T) {
	for _, fault := range append([]flowtest.Fault{0}, flowtest.Faults...) {
		w, id, m := owed(t)
		if fault != 0 {
			w.Applications.FailNext(fault)
		}
		for range 3 {
			if err := w.Deliver(m); err != nil && !errors.Is(err, flowtest.ErrDown) {
				t.Errorf("%v: %v", fault, err)
			}
			w.Pass(time.Second)
		}
		d, made := receiptOf(w, id)
		if !made || w.Told(id, application.ReceiptIssued) != 1 {
			t.Fatalf("%v: made %v, told %d times", fault, made, w.Told(id, application.ReceiptIssued))
		}
		body, err := w.Documents.Get(ctx, d.Key)
		if err != nil || register.Digest(body) != d.SHA256 || int64(len(body)) != d.Size {
			t.Errorf("%v: %d bytes of %d, %v", fault, len(body), d.Size, err)
		}
		if keys, _ := w.Documents.List(ctx, "documents/", "", 10); len(keys) != 1 {
			t.Errorf("%v: %d objects", fault, len(keys))
		}
		w.Check()
	}
}

// It speaks of what was presented: files that came later are not in it.
func TestLaterFiles(t *testing.T) {
	w := flowtest.New(t)
	id := w.Draft()
	w.Attach(id, "prova.pdf")
	w.Present(id)
	m := w.PreservationQueue.Take()
	w.Settle()
	w.Must(func() error { _, err := w.Office.Assign(ctx, w.Officer(), id, ""); return err })
	w.OfficeFile(id)
	var seen casefile.Receipt
	c := w.Receipts.Config
	c.Print = func(out io.Writer, _ application.Application, r casefile.Receipt) error {
		seen = r
		_, err := out.Write([]byte("printed"))
		return err
	}
	desk, err := receipt.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := desk.Make(ctx, m[0].Envelope); err != nil {
		t.Fatal(err)
	}
	if len(seen.Attachments) != 1 || seen.Attachments[0].Name != "prova.pdf" {
		t.Errorf("files %+v", seen.Attachments)
	}
}

// A receipt that cannot be printed is tried again and again, somebody has a problem, and the case does not close without it.
func TestPrinterBroken(t *testing.T) {
	w := flowtest.New(t)
	c := w.Receipts.Config
	good := c.Print
	c.Print = func(io.Writer, application.Application, casefile.Receipt) error { return errors.New("out of paper") }
	w.Receipts = &receipt.Desk{Config: c}
	id := w.Decided()
	for range 12 {
		w.Pass(time.Hour)
		w.Sweep()
		w.Settle()
	}
	if got := w.Kinds(); !slices.Equal(got, []problems.Kind{problems.Overdue}) {
		t.Errorf("problems %v", got)
	}
	w.Pass(40 * 24 * time.Hour)
	w.Rest()
	w.State(id, application.Decided)
	c.Print = good
	w.Receipts = &receipt.Desk{Config: c}
	w.Rest()
	w.Pass(2 * time.Hour)
	w.Rest()
	w.State(id, application.Preserved)
	if got := w.Kinds(); len(got) != 0 {
		t.Errorf("problems %v", got)
	}
	if _, err := w.Documents.Get(ctx, layout.SnapshotKey(id, w.Meta(id).Submission.Digest)); err != nil {
		t.Error(err)
	}
}
