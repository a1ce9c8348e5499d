package addresses

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"sportello/shared/domain/identity"
	"sportello/shared/platform/infocamere"
	"sportello/shared/platform/partner"
)

// inipec asks INI-PEC in its two steps: a request is left, and its answer fetched later.
type inipec struct {
	session *infocamere.Session
	now     func() time.Time

	mu      sync.Mutex
	tickets map[identity.TaxCode]string // of requests this process left, for callers that lost theirs
}

// A request that has no answer after this long is taken for lost, and left again.
const ticketLife = 24 * time.Hour

// remembered bounds the memory of tickets; beyond it the oldest knowledge is simply dropped.
const remembered = 1000

func newINIPEC(session *infocamere.Session, now func() time.Time) *inipec {
	return &inipec{session: session, now: now, tickets: map[identity.TaxCode]string{}}
}

func (i *inipec) find(ctx context.Context, q Query) (Answer, error) {
	request, left, ok := readTicket(q.Ticket)
	if !ok {
		request, left, ok = readTicket(i.recall(q.TaxCode))
	}
	if !ok || i.now().Sub(left) > ticketLife {
		return i.leave(ctx, q.TaxCode)
	}
	answer, known, err := i.fetch(ctx, q, request)
	switch {
	case err != nil:
		return Answer{}, err
	case !known:
		return i.leave(ctx, q.TaxCode)
	case answer.Pending:
		answer.Ticket = ticket(request, left)
	default:
		i.forget(q.TaxCode)
	}
	return answer, nil
}

func (i *inipec) leave(ctx context.Context, code identity.TaxCode) (Answer, error) {
	type cf struct {
		CF string `json:"cf"`
	}
	in := struct {
		Codes []cf   `json:"elencoCf"`
		At    string `json:"dataOraRichiesta"`
	}{[]cf{{string(code)}}, i.now().UTC().Format(time.RFC3339)}
	var out struct {
		Request string `json:"identificativoRichiesta"`
	}
	status, failure, err := i.session.Call(ctx, http.MethodPost, "/richiestaElencoPec", nil, in, &out)
	if err != nil {
		return Answer{}, err
	}
	if status != http.StatusOK || out.Request == "" {
		return Answer{}, inipecRefused(status, failure)
	}
	answer := Answer{Pending: true, Source: INIPEC, Ticket: ticket(out.Request, i.now())}
	i.remember(code, answer.Ticket)
	return answer, nil
}

// notReady is what InfoCamere says of a request whose answer is still being made.
const notReady = "WSPA_ERR_05"

// fetch asks for the answer to a request; known is false when INI-PEC does not have that request, or not any more.
func (i *inipec) fetch(ctx context.Context, q Query, request string) (answer Answer, known bool, err error) {
	var out struct {
		List *[]struct {
			CF  string `json:"cf"`
			PEC string `json:"pecImpresa"`
		} `json:"elencoPec"`
	}
	status, failure, err := i.session.Call(ctx, http.MethodGet, "/getElencoPec/"+url.PathEscape(request), nil, nil, &out)
	switch {
	case err != nil:
		return Answer{}, false, err
	case failure.Code == notReady:
		return Answer{Pending: true, Source: INIPEC}, true, nil
	case status == http.StatusNotFound:
		return Answer{}, false, nil
	case status != http.StatusOK || out.List == nil:
		return Answer{}, false, inipecRefused(status, failure)
	}
	for _, entry := range *out.List {
		address := strings.TrimSpace(entry.PEC)
		if strings.EqualFold(strings.TrimSpace(entry.CF), string(q.TaxCode)) && q.wanted(address) {
			return Answer{Address: address, Source: INIPEC}, true, nil
		}
	}
	return Answer{Source: INIPEC}, true, nil
}

func inipecRefused(status int, failure infocamere.Failure) error {
	return fmt.Errorf("asking INI-PEC: %w: status %d, code %.20q", partner.ErrAnswer, status, failure.Code)
}

func ticket(request string, left time.Time) string {
	return strconv.FormatInt(left.Unix(), 10) + "." + request
}

func readTicket(s string) (request string, left time.Time, ok bool) {
	seconds, request, found := strings.Cut(s, ".")
	at, err := strconv.ParseInt(seconds, 10, 64)
	return request, time.Unix(at, 0), found && err == nil && request != ""
}

func (i *inipec) remember(code identity.TaxCode, ticket string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.tickets) >= remembered {
		clear(i.tickets)
	}
	i.tickets[code] = ticket
}

func (i *inipec) recall(code identity.TaxCode) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.tickets[code]
}

func (i *inipec) forget(code identity.TaxCode) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.tickets, code)
}
