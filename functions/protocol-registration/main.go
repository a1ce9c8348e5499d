// Protocol-registration is the only writer of the register (protocollo informatico), and writes each number into its case.
//
// Trigger: SQS. registration.fifo, one group per chamber: documents to be numbered, days to be sealed. registered (standard): numbers
// to be applied, and numbers to be asked of the protocols that chambers keep themselves.
//
// Effect: the register table, in one transaction for each block; the archived block; then, through the second queue, the case, its
// timeline and the letters that follow.
//
// On retry: an event that has a number keeps it; the block is archived again as the same bytes; a number that was applied finds its outbox row gone;
// a chamber's own protocol is first asked what it has under our reference.
//
// On poison: a document that the register's rules refuse becomes a problem with an owner, and its group goes on.
package main

import (
	"context"
	"crypto/rand"

	"sportello/shared/assembly"
	"sportello/shared/edge/lambdafn"
	"sportello/shared/flow/external"
	"sportello/shared/flow/registration"
)

type environment struct {
	lambdafn.Environment
	assembly.Queues
	Applications string `env:"TABLE_APPLICATIONS,required,notEmpty"`
	Register     string `env:"TABLE_REGISTER,required,notEmpty"`
	Archive      string `env:"BUCKET_ARCHIVE,required,notEmpty"`
	Portal       string `env:"PORTAL_BASE,required,notEmpty"`
	MailDomain   string `env:"PEC_DOMAIN,required,notEmpty"`
}

func main() { lambdafn.Main(wire) }

func wire(_ context.Context, p *lambdafn.Process, env environment) (any, error) {
	portal, err := assembly.Portal(env.Portal)
	if err != nil {
		return nil, err
	}
	desk, err := registration.New(registration.Config{
		Applications: assembly.Table(p, env.Applications), Register: assembly.Table(p, env.Register), Archive: assembly.Bucket(p, env.Archive),
		Post: assembly.Post(p, env.Queues), Now: p.Now, Random: rand.Reader, MailDomain: env.MailDomain, Portal: portal,
		Report: func(ctx context.Context, event string, err error) {
			p.Log.ErrorContext(ctx, "registering", "event", event, "error", err)
		},
	})
	if err != nil {
		return nil, err
	}
	outside, err := external.New(external.Config{
		Table: assembly.Table(p, env.Applications), System: assembly.ChamberProtocols(p), Now: p.Now,
		Report: func(ctx context.Context, event string, err error) {
			p.Log.WarnContext(ctx, "chamber's own protocol, left to the sweep", "event", event, "error", err)
		},
	})
	if err != nil {
		return nil, err
	}
	return handler{desk, outside, p.Log}.handle, nil
}
