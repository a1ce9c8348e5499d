package flowtest_test

import (
	"testing"

	"sportello/shared/flow/exchange"
	"sportello/shared/flow/flowtest"
	"sportello/shared/flow/inbox"
	"sportello/shared/flow/office"
	"sportello/shared/flow/registration"
	"sportello/shared/flow/submit"
)

// A desk that could not send something is refused when it is made, not when the first person waits for it.
func TestPostIsRequired(t *testing.T) {
	w := flowtest.New(t)
	for name, make := range map[string]func() error{
		"submit":       func() error { c := w.Submit.Config; c.Post.Registration = nil; return second(submit.New(c)) },
		"exchange":     func() error { c := w.Cases.Config; c.Post.Registered = nil; return second(exchange.New(c)) },
		"office":       func() error { c := w.Office.Config; c.Post.Mail = nil; return second(office.New(c)) },
		"inbox":        func() error { c := w.Inbox.Config; c.Post.Preservation = nil; return second(inbox.New(c)) },
		"registration": func() error { c := w.Registration.Config; c.Post.Mail = nil; return second(registration.New(c)) },
	} {
		if make() == nil {
			t.Errorf("%s was made without a queue", name)
		}
	}
}

func second[T any](_ T, err error) error { return err }
