// Pec-inbox reads the chambers' certified mailboxes: receipts of our messages, and messages that people sent.
//
// Trigger: schedule, every minute.
//
// Effect: every message archived as it came; receipts added to the message they are about; what people sent filed for the register and
// matched to its case. The cursor of each mailbox moves last.
//
// On retry: what was read is read again without effect: objects are write-once, events are derived from the message.
//
// On poison: a message that cannot be read is registered and shown to the office as it came. One mailbox's failure does not keep the others
// waiting.
package main

import (
	"context"

	"sportello/shared/assembly"
	"sportello/shared/edge/lambdafn"
	"sportello/shared/flow/inbox"
	"sportello/shared/platform/mail"
)

type environment struct {
	lambdafn.Environment
	assembly.Queues
	Applications string `env:"TABLE_APPLICATIONS,required,notEmpty"`
	Documents    string `env:"BUCKET_DOCUMENTS,required,notEmpty"`
	Archive      string `env:"BUCKET_ARCHIVE,required,notEmpty"`
	IMAP         string `env:"PEC_IMAP,required,notEmpty"`
}

func main() { lambdafn.Main(wire) }

func wire(ctx context.Context, p *lambdafn.Process, env environment) (any, error) {
	accounts, err := assembly.Accounts(ctx, p)
	if err != nil {
		return nil, err
	}
	boxes, err := assembly.Mailboxes(accounts, env.IMAP)
	if err != nil {
		return nil, err
	}
	parameters, err := p.Parameters(ctx, assembly.TrustParameter)
	if err != nil {
		return nil, err
	}
	trust, err := mail.NewTrust([]byte(parameters[assembly.TrustParameter]))
	if err != nil {
		return nil, err
	}
	desk, err := inbox.New(inbox.Config{
		Table: assembly.Table(p, env.Applications), Archive: assembly.Bucket(p, env.Archive), Documents: assembly.Bucket(p, env.Documents),
		Mailbox: mailboxes(boxes), Reader: reader{trust}, Post: assembly.Post(p, env.Queues), Now: p.Now,
		Report: func(ctx context.Context, chamber string, err error) {
			p.Log.WarnContext(ctx, "message not readable", "chamber", chamber, "error", err)
		},
	})
	if err != nil {
		return nil, err
	}
	return handler{desk, p}.handle, nil
}
