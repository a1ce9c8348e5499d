package registration_test

import (
	"context"
	"testing"

	"sportello/shared/domain/application"
	"sportello/shared/domain/layout"
	"sportello/shared/flow/flowtest"
	"sportello/shared/flow/registration"
	"sportello/shared/platform/table"
)

// between does something the first time that one key is read.
type between struct {
	table.Table
	key table.Key
	do  func()
}

func (b *between) Get(ctx context.Context, keys ...table.Key) ([]table.Item, error) {
	if do := b.do; do != nil && len(keys) == 1 && keys[0] == b.key {
		b.do = nil
		do()
	}
	return b.Table.Get(ctx, keys...)
}

// Two deliveries of one hand-over at once: the one that read the outbox row and comes second to the case finds the work done, and is no failure.
func TestAppliedMeanwhile(t *testing.T) {
	w := flowtest.New(t)
	id := w.Presented()
	if failed := w.Registration.Handle(ctx, batch(registrations(w)...)); len(failed) != 0 {
		t.Fatalf("failed: %v", w.Reported)
	}
	handed := w.RegisteredQueue.Take()
	config := w.Registration.Config
	config.Applications = &between{config.Applications, layout.Meta(id), func() {
		w.Must(func() error { return w.Registration.Apply(ctx, handed[0].Envelope) })
	}}
	second, err := registration.New(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Apply(ctx, handed[0].Envelope); err != nil {
		t.Errorf("the second delivery: %v", err)
	}
	w.Settle()
	w.State(id, application.Registered)
	if n := w.Told(id, application.WasRegistered); n != 1 {
		t.Errorf("told %d times", n)
	}
	w.Check()
}
