// Deadlines is what time does: it sends again what a step still owes, ends terms, closes cases, lets drafts expire, asks the payment institute what it
// never told, and has the days that are over sealed.
//
// Trigger: schedules. {"task":"sweep"} and {"task":"trust-list"} each minute, {"task":"watch"} each five minutes, {"task":"close-day"} at 03:00
// in Europe/Rome.
//
// Effect: outbox rows and cases in the applications table, messages on the queues.
//
// On retry: a sweep decides on what it reads, so it may run twice, late, or stop in the middle.
//
// On poison: an item that fails is reported and does not keep the others waiting; after five attempts it has a problem with an owner.
package main

import (
	"context"
	"crypto/rand"

	"sportello/shared/assembly"
	"sportello/shared/edge/lambdafn"
	"sportello/shared/flow/deadlines"
	"sportello/shared/flow/officers"
	"sportello/shared/flow/payment"
	"sportello/shared/flow/registration"
	"sportello/shared/flow/trustlist"
)

type environment struct {
	lambdafn.Environment
	assembly.Queues
	Applications string `env:"TABLE_APPLICATIONS,required,notEmpty"`
	Register     string `env:"TABLE_REGISTER,required,notEmpty"`
	Sessions     string `env:"TABLE_SESSIONS,required,notEmpty"`
	Documents    string `env:"BUCKET_DOCUMENTS,required,notEmpty"`
	Archive      string `env:"BUCKET_ARCHIVE,required,notEmpty"`
	Portal       string `env:"PORTAL_BASE,required,notEmpty"`
	MailDomain   string `env:"PEC_DOMAIN,required,notEmpty"`
	Institute    string `env:"INSTITUTE_URL,required,notEmpty"`
	TrustList    string `env:"TRUST_LIST_URL,required,notEmpty"`
}

func main() { lambdafn.Main(wire) }

func wire(ctx context.Context, p *lambdafn.Process, env environment) (any, error) {
	portal, err := assembly.Portal(env.Portal)
	if err != nil {
		return nil, err
	}
	report := func(ctx context.Context, item string, err error) {
		p.Log.ErrorContext(ctx, "due item failed", "item", item, "error", err)
	}
	table, post := assembly.Table(p, env.Applications), assembly.Post(p, env.Queues)
	parameters, err := p.Parameters(ctx, assembly.InstituteParameter, operatorParameter)
	if err != nil {
		return nil, err
	}
	institute, err := assembly.NewInstitute(p, env.Institute, parameters[assembly.InstituteParameter])
	if err != nil {
		return nil, err
	}
	documents := assembly.Bucket(p, env.Documents)
	payments, err := payment.New(payment.Config{
		Table: table, Documents: documents, Archive: assembly.Bucket(p, env.Archive), Institute: institute, Post: post, Now: p.Now, Portal: portal,
	})
	if err != nil {
		return nil, err
	}
	desk, err := deadlines.New(deadlines.Config{
		Table: table, Documents: documents, Post: post, Payments: payments, Now: p.Now, NewID: p.NewID, Report: report,
	})
	if err != nil {
		return nil, err
	}
	// Of the registry office only its calendar is used here: this function may read the register, not write it.
	registry, err := registration.New(registration.Config{
		Applications: table, Register: assembly.Table(p, env.Register), Archive: assembly.Bucket(p, env.Archive), Post: post, Now: p.Now,
		Random: rand.Reader, MailDomain: env.MailDomain, Portal: portal, Report: report,
	})
	if err != nil {
		return nil, err
	}
	// Of the chambers' keys only their ends are read: without randomness none can be made.
	keyring, err := officers.NewKeyring(assembly.Table(p, env.Sessions), p.Now, nil)
	if err != nil {
		return nil, err
	}
	list, err := newPublisher(p, env.TrustList, parameters[operatorParameter])
	if err != nil {
		return nil, err
	}
	trust, err := trustlist.New(trustlist.Config{Table: table, Documents: documents, Publisher: list, Now: p.Now})
	if err != nil {
		return nil, err
	}
	return handler{desk, registry, keyring, trust, p}.handle, nil
}
