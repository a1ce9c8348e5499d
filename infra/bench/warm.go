package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"sportello/shared/platform/queue"
)

// doesNothing builds the no-op function once, with the flags of the others.
func (b *bench) doesNothing() (string, error) {
	if b.noop != "" {
		return b.noop, nil
	}
	binary := filepath.Join(b.folder, "noop", "bootstrap")
	if err := b.compile(b.ctx, nil, "-o", binary, "./infra/bench/noop"); err != nil {
		return "", err
	}
	b.noop = binary
	return binary, nil
}

// hosts makes a host for a function of the template and one for the no-op function, with the same environment.
func (b *bench) hosts(f function, other map[string]string) (ours, nothing *host, err error) {
	c, err := b.local()
	if err != nil {
		return nil, nil, err
	}
	environment, err := c.environment(b.ctx, f.ID, other)
	if err != nil {
		return nil, nil, err
	}
	noop, err := b.doesNothing()
	if err != nil {
		return nil, nil, err
	}
	binary := filepath.Join(b.bin, f.Folder, "bootstrap")
	if err := exists(binary); err != nil {
		return nil, nil, err
	}
	if ours, err = newHost(binary, environment); err != nil {
		return nil, nil, err
	}
	if nothing, err = newHost(noop, environment); err != nil {
		ours.close()
	}
	return ours, nothing, err
}

// warm measures, for each function that can be asked something without a partner, how much longer it takes than the no-op function, event by
// event in turn: what our own code adds between the Runtime API and the first call to anybody.
func warm(b *bench) ([]line, error) {
	var lines []line
	for _, f := range b.deployment.functions {
		if !f.by("HttpApi") && !f.by("SQS") {
			continue // a schedule's event has no way to ask for nothing
		}
		l, err := b.warmOne(f)
		if err != nil {
			l = failure("warm."+f.Folder, err)
		}
		lines = append(lines, l)
	}
	return lines, nil
}

func (b *bench) warmOne(f function) (line, error) {
	endpoint, err := b.tables()
	if err != nil {
		return line{}, err
	}
	m, err := newMeter(endpoint) // tells whether the handler called anybody
	if err != nil {
		return line{}, err
	}
	defer m.close()
	ours, nothing, err := b.hosts(f, map[string]string{"AWS_ENDPOINT_URL_DYNAMODB": m.address, "AWS_ENDPOINT_URL_S3": m.address, "AWS_ENDPOINT_URL_SQS": m.address})
	if err != nil {
		return line{}, err
	}
	defer ours.close()
	defer nothing.close()
	for _, h := range []*host{ours, nothing} {
		if _, err := h.start(b.ctx); err != nil {
			return line{}, err
		}
	}
	asked, err := b.question(f, ours, m)
	if err != nil {
		return line{}, err
	}
	var took [2]times
	rounds, warmUp := b.rounds(1500), 100
	for n := range rounds + warmUp {
		for side := range 2 {
			which := (n + side) % 2
			_, one, err := []*host{ours, nothing}[which].invoke(asked.event)
			if err != nil {
				return line{}, err
			}
			if n >= warmUp {
				took[which] = append(took[which], one)
			}
		}
	}
	if called := len(m.taken()); called > 0 {
		return line{}, fmt.Errorf("the handler made %d calls", called)
	}
	return result("warm."+f.Folder, excess(took[0], took[1]), "ms at p50", atMost(1), map[string]any{
		"functionP50Millis": round(millis(took[0].median())), "noopP50Millis": round(millis(took[1].median())), "functionP99Millis": round(millis(took[0].at(0.99))),
		"invocations": rounds, "event": asked.name, "answer": asked.answer,
	}), nil
}

// question is an event that needs no partner.
type question struct {
	name, answer string
	event        []byte
}

// question finds one: ten messages that nobody can read on, or of the routes that are answered without a call to a table, a bucket or a queue the
// one that takes longest. Routes that may speak to identity providers or to the chambers' own systems are asked only if there is no other.
func (b *bench) question(f function, h *host, m *meter) (question, error) {
	if f.by("SQS") {
		return b.unreadable(h)
	}
	secret, err := b.cloud.origin(b.ctx)
	if err != nil {
		return question{}, err
	}
	routes := slices.DeleteFunc(slices.Clone(f.Events), func(e event) bool { return e.Type != "HttpApi" })
	slices.SortStableFunc(routes, func(x, y event) int { return cmp.Compare(rank(x), rank(y)) })
	var hardest question
	var longest time.Duration
	for _, route := range routes {
		if rank(route) == farthest && hardest.event != nil {
			break
		}
		q, status, err := b.ask(h, route, secret)
		if err != nil {
			return question{}, err
		}
		if len(m.taken()) > 0 || status >= 500 {
			continue
		}
		took, err := tried(h, q.event)
		if err != nil {
			return question{}, err
		}
		if took > longest {
			hardest, longest = q, took
		}
	}
	if hardest.event == nil {
		return question{}, errors.New("no route is answered without a partner")
	}
	return hardest, nil
}

// tried is how long an event typically takes: often enough to tell a hard one from an easy one.
func tried(h *host, event []byte) (time.Duration, error) {
	const trials = 40
	var took times
	for range trials {
		_, one, err := h.invoke(event)
		if err != nil {
			return 0, err
		}
		took = append(took, one)
	}
	return took.median(), nil
}

// unreadable is a batch of ten messages that name no kind, each of a group of its own: they are read, given up for good and logged.
func (b *bench) unreadable(h *host) (question, error) {
	var batch events.SQSEvent
	for n := range block {
		body, err := json.Marshal(queue.Envelope{Version: queue.Version, PK: "APP#x", SK: fmt.Sprint(n)})
		if err != nil {
			return question{}, err
		}
		batch.Records = append(batch.Records, events.SQSMessage{
			MessageId: fmt.Sprintf("2e1424d4-f796-459a-8184-%012d", n), Body: string(body), EventSource: "aws:sqs",
			EventSourceARN: "arn:aws:sqs:eu-south-1:000000000000:bench.fifo", Attributes: map[string]string{"MessageGroupId": fmt.Sprint(n)},
		})
	}
	text, err := json.Marshal(batch)
	if err != nil {
		return question{}, err
	}
	body, _, err := h.invoke(text)
	if err != nil {
		return question{}, err
	}
	var answer events.SQSEventResponse
	if err := json.Unmarshal(body, &answer); err != nil || answer.BatchItemFailures == nil {
		return question{}, fmt.Errorf("ten unreadable messages are answered by %s", body)
	}
	return question{"ten messages that name no kind", fmt.Sprint(len(answer.BatchItemFailures), " are to come again"), text}, nil
}

// farthest is the rank of routes that may need somebody outside.
const farthest = 3

// rank puts first the routes that most likely need nobody: those that ask who is there, then those with a name to be refused; last those
// that speak to identity providers.
func rank(e event) int {
	switch {
	case strings.HasSuffix(e.Path, "/session"):
		return 0
	case strings.Contains(e.Path, "/login"), strings.Contains(e.Path, "{proxy+}"):
		return farthest
	case strings.Contains(e.Path, "{"):
		return 1
	}
	return 2
}

// ask puts a route's question, by a browser that nobody is signed in at.
func (b *bench) ask(h *host, route event, secret string) (question, int, error) {
	method := route.Method
	if method == "ANY" {
		method = "GET"
	}
	path := route.Path
	for _, name := range []string{"{proxy+}", "{id}", "{token}", "{provider}"} {
		path = strings.ReplaceAll(path, name, "x")
	}
	host := strings.Replace(strings.TrimPrefix(b.cloud.Portal, "http://"), "localhost", chamber+".localhost", 1)
	text, err := json.Marshal(map[string]any{
		"version": "2.0", "routeKey": route.Method + " " + route.Path, "rawPath": path, "rawQueryString": "", "isBase64Encoded": false,
		"headers": map[string]string{
			"accept": "application/json", "content-type": "application/json", "host": "bench", "x-forwarded-host": host, "origin": "http://" + host,
			"x-forwarded-proto": "http", "x-origin-verify": secret, "x-requested-with": "sportello", "sec-fetch-site": "same-origin",
		},
		"requestContext": map[string]any{
			"http": map[string]string{"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1"}, "requestId": "bench",
			"routeKey": route.Method + " " + route.Path, "stage": "$default", "timeEpoch": time.Now().UnixMilli(),
		},
		"body": "{}",
	})
	if err != nil {
		return question{}, 0, err
	}
	body, _, err := h.invoke(text)
	if err != nil {
		return question{}, 0, err
	}
	var answer struct{ StatusCode int }
	if err := json.Unmarshal(body, &answer); err != nil {
		return question{}, 0, err
	}
	return question{method + " " + route.Path + ", nobody signed in", fmt.Sprint("status ", answer.StatusCode), text}, answer.StatusCode, nil
}
