package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// meter stands before one emulator and keeps what is asked of it. DynamoDB it also asks what each call consumed.
type meter struct {
	upstream string // host:port
	server   *http.Server
	address  string
	client   *http.Client

	mu    sync.Mutex
	calls []call
	units map[consumer]units
	// after is told of each call of DynamoDB that succeeded, before its caller is.
	after func(call)
}

// call is one request and what it was for.
type call struct {
	service, action string
	method, uri     string
	header          http.Header
	at              time.Time // when it was answered
	body            []byte
}

// consumer is who consumed of which table. The local cloud's guard names the function; nobody is the bench itself.
type consumer struct{ function, table string }

// caller is the header by which it does.
const caller = "X-Local-Caller"

// units are what calls of DynamoDB consumed of a table: what is written to the table, what to its indexes, and what is read.
type units struct {
	Table   float64 `json:"tableWrites"`
	Indexes float64 `json:"indexWrites"`
	Read    float64 `json:"reads"`
}

func (u units) plus(v units, times float64) units {
	return units{u.Table + times*v.Table, u.Indexes + times*v.Indexes, u.Read + times*v.Read}
}

func newMeter(endpoint string) (*meter, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	m := &meter{
		upstream: strings.TrimPrefix(endpoint, "http://"), address: "http://" + listener.Addr().String(), units: map[consumer]units{},
		client: &http.Client{Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64}},
	}
	m.server = &http.Server{Handler: m}
	go func() { _ = m.server.Serve(listener) }()
	return m, nil
}

func (m *meter) close() { _ = m.server.Close() }

// taken returns the calls since it was last asked.
func (m *meter) taken() []call {
	m.mu.Lock()
	defer m.mu.Unlock()
	calls := m.calls
	m.calls = nil
	return calls
}

// consumed returns what was consumed since it was last asked.
func (m *meter) consumed() map[consumer]units {
	m.mu.Lock()
	defer m.mu.Unlock()
	consumed := m.units
	m.units = map[consumer]units{}
	return consumed
}

func (m *meter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	c := call{method: r.Method, uri: r.URL.RequestURI(), header: r.Header.Clone(), body: body}
	c.service, c.action = named(r)
	status, header, answer, err := m.pass(r, c)
	if err != nil {
		panic(http.ErrAbortHandler) // an emulator that is gone gives no answer
	}
	m.keep(c, status, answer)
	for name, values := range header {
		w.Header()[name] = values
	}
	w.WriteHeader(status)
	_, _ = w.Write(answer)
}

// pass hands the call on as it is, but for what a call of DynamoDB consumed: the emulators of tables check no signature.
func (m *meter) pass(r *http.Request, c call) (int, http.Header, []byte, error) {
	body := c.body
	if c.service == "dynamodb" {
		body = measured(body)
	}
	out, err := http.NewRequestWithContext(r.Context(), r.Method, "http://"+m.upstream+c.uri, bytes.NewReader(body))
	if err != nil {
		return 0, nil, nil, err
	}
	out.Header, out.Host = r.Header.Clone(), r.Host
	out.Header.Del("Expect")
	answer, err := m.client.Do(out)
	if err != nil {
		return 0, nil, nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return answer.StatusCode, answer.Header, text, err
}

func (m *meter) keep(c call, status int, answer []byte) {
	m.mu.Lock()
	c.at = time.Now()
	m.calls = append(m.calls, c)
	if status == http.StatusOK && c.service == "dynamodb" {
		m.charge(c, answer)
	}
	after := m.after
	m.mu.Unlock()
	if after != nil && status == http.StatusOK {
		after(c)
	}
}

// measured adds to a call of DynamoDB the wish to be told what it consumed.
func measured(body []byte) []byte {
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil {
		return body
	}
	fields["ReturnConsumedCapacity"] = json.RawMessage(`"INDEXES"`)
	with, err := json.Marshal(fields)
	if err != nil {
		return body
	}
	return with
}

// capacity is what DynamoDB says a call consumed.
type capacity struct {
	TableName     string
	CapacityUnits float64
	Table         struct{ CapacityUnits float64 }
}

func (m *meter) charge(made call, answer []byte) {
	for _, c := range consumption(answer) {
		who := consumer{made.header.Get(caller), c.TableName}
		u := m.units[who]
		switch made.action {
		case "PutItem", "DeleteItem", "UpdateItem", "TransactWriteItems", "BatchWriteItem":
			u.Table += c.Table.CapacityUnits
			u.Indexes += c.CapacityUnits - c.Table.CapacityUnits
		default:
			u.Read += c.CapacityUnits
		}
		m.units[who] = u
	}
}

// consumption reads it: one for a call about one table, a list for the others.
func consumption(answer []byte) []capacity {
	var list struct{ ConsumedCapacity []capacity }
	if json.Unmarshal(answer, &list) == nil {
		return list.ConsumedCapacity
	}
	var one struct{ ConsumedCapacity capacity }
	if json.Unmarshal(answer, &one) == nil {
		return []capacity{one.ConsumedCapacity}
	}
	return nil
}

// named names what a request asks.
func named(r *http.Request) (service, action string) {
	target, operation, ok := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if ok {
		if strings.HasPrefix(target, "DynamoDB") {
			return "dynamodb", operation
		}
		return strings.ToLower(strings.TrimPrefix(target, "Amazon")), operation
	}
	_, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch {
	case key == "" && r.Method == http.MethodGet:
		return "s3", "ListObjectsV2"
	case r.Method == http.MethodPut:
		return "s3", "PutObject"
	case r.Method == http.MethodGet:
		return "s3", "GetObject"
	case r.Method == http.MethodHead:
		return "s3", "HeadObject"
	}
	return "s3", fmt.Sprintf("%s %t", r.Method, key == "")
}
