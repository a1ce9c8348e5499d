package assembly

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"sportello/shared/domain/application"
	"sportello/shared/domain/catalogue"
	"sportello/shared/domain/register"
	"sportello/shared/edge/lambdafn"
	"sportello/shared/flow/external"
	"sportello/shared/platform/chamberprotocol"
)

// protocolParameter is where the address and the key of a chamber's own protocol stand: JSON {"url","key"}.
const protocolParameter = "/protocol/"

// Protocols are those that chambers keep themselves.
type Protocols struct {
	read func(ctx context.Context, names ...string) (map[string]string, error)

	mu      sync.Mutex
	clients map[string]*chamberprotocol.Client
}

// ChamberProtocols finds each chamber's protocol when it is first asked: most processes never ask, and no start waits for them.
func ChamberProtocols(p *lambdafn.Process) *Protocols {
	return &Protocols{read: p.Parameters, clients: map[string]*chamberprotocol.Client{}}
}

var _ external.System = (*Protocols)(nil)

func (p *Protocols) client(ctx context.Context, chamber string) (*chamberprotocol.Client, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.clients[chamber]; c != nil {
		return c, nil
	}
	name := protocolParameter + chamber
	parameters, err := p.read(ctx, name)
	if err != nil {
		return nil, err
	}
	var door struct{ URL, Key string }
	if err := json.Unmarshal([]byte(parameters[name]), &door); err != nil {
		return nil, fmt.Errorf("reading %s: no JSON", name) // the value is secret
	}
	c, err := chamberprotocol.New(chamberprotocol.Config{URL: door.URL, Key: door.Key})
	if err == nil {
		p.clients[chamber] = c
	}
	return c, err
}

// Find implements external.System.
func (p *Protocols) Find(ctx context.Context, chamber, reference string) ([]application.External, error) {
	c, err := p.client(ctx, chamber)
	if err != nil {
		return nil, err
	}
	found, err := c.Find(ctx, reference)
	var given []application.External
	for _, n := range found {
		given = append(given, application.External(n))
	}
	return given, err
}

// Register implements external.System.
func (p *Protocols) Register(ctx context.Context, chamber string, q external.Question) (application.External, error) {
	c, err := p.client(ctx, chamber)
	if err != nil {
		return application.External{}, err
	}
	n, err := c.Register(ctx, told(chamber, q))
	if errors.Is(err, chamberprotocol.ErrRefused) {
		err = fmt.Errorf("%w: %w", external.ErrRefused, err)
	}
	return application.External(n), err
}

// told is what a chamber's protocol is told of a document.
func told(chamber string, q external.Question) chamberprotocol.Document {
	c, _ := catalogue.ChamberByID(chamber)
	direction := "E"
	if q.Entry.Direction == register.Out {
		direction = "U"
	}
	return chamberprotocol.Document{
		Reference: q.Reference, Direction: direction, Subject: q.Entry.Subject, Senders: parties(q.Entry.Senders), Recipients: parties(q.Entry.Recipients),
		Digest: q.Entry.Document.SHA256, Presented: q.Entry.PresentedAt, Classification: q.Entry.Classification, Reserved: q.Entry.Reserved,
		Repertory: chamberprotocol.Repertory{Register: c.Register.Code, Number: q.Protocol.Number, Date: q.Protocol.Date},
	}
}

func parties(list []register.Party) []chamberprotocol.Party {
	out := []chamberprotocol.Party{}
	for _, p := range list {
		out = append(out, chamberprotocol.Party{Name: p.Name, TaxCode: p.TaxCode})
	}
	return out
}
