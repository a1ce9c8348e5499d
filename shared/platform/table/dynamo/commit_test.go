package dynamo_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"

	"sportello/shared/platform/table"
	"sportello/shared/platform/table/dynamo"
)

// answer is how a scripted DynamoDB answers one request.
type answer struct {
	status int // 0: the connection is cut
	body   string
}

func refuse(kind string) answer {
	return answer{400, `{"__type":"com.amazonaws.dynamodb.v20120810#` + kind + `","message":"no"}`}
}

func canceled(codes ...string) answer {
	type reason struct{ Code string }
	reasons := []reason{}
	for _, code := range codes {
		reasons = append(reasons, reason{code})
	}
	body, _ := json.Marshal(map[string]any{
		"__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException", "CancellationReasons": reasons,
	})
	return answer{400, string(body)}
}

var (
	done   = answer{200, `{}`}
	failed = answer{500, `{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError"}`}
	cut    = answer{}
)

// script is a DynamoDB that answers as told, one answer a request, and keeps what it was asked.
type script struct {
	mu       sync.Mutex
	answers  []answer
	requests []map[string]any
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	var request map[string]any
	_ = json.Unmarshal(body, &request)
	s.requests = append(s.requests, request)
	next := answer{418, `{"__type":"NotScripted"}`}
	if len(s.answers) > 0 {
		next, s.answers = s.answers[0], s.answers[1:]
	}
	if next.status == 0 {
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(next.status)
	_, _ = io.WriteString(w, next.body)
}

func (s *script) asked() []map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

func open(t *testing.T, answers ...answer) (*dynamo.Table, *script) {
	t.Helper()
	s := &script{answers: answers}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return at(server.URL), s
}

func at(endpoint string) *dynamo.Table {
	return dynamo.New(dynamo.NewClient(aws.Config{
		Region: "eu-south-1", BaseEndpoint: &endpoint, Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""),
	}), "applications")
}

func put(sk string) table.Change {
	return table.Put(table.Item{Key: table.Key{PK: "P", SK: sk}, Body: []byte(`1`)})
}

// outcome is what a caller can tell from an error of Commit.
func outcome(err error) string {
	var conflict *table.Conflict
	switch {
	case err == nil:
		return "written"
	case errors.As(err, &conflict):
		return "conflict"
	case errors.Is(err, table.ErrUnclear):
		return "unclear"
	}
	return "nothing written"
}

// Whatever fails on the way, Commit says no more than is known.
func TestCommitOutcomes(t *testing.T) {
	conflict := refuse("ConditionalCheckFailedException")
	throttled := refuse("ProvisionedThroughputExceededException")
	for _, c := range []struct {
		name     string
		answers  []answer
		single   string // outcome of a put
		together string // outcome of a transaction
	}{
		{"done", []answer{done}, "written", "written"},
		{"refused", []answer{refuse("ValidationException")}, "nothing written", "nothing written"},
		{"throttled, then done", []answer{throttled, throttled, done}, "written", "written"},
		{"throttled for long", []answer{throttled, throttled, throttled, throttled}, "nothing written", "nothing written"},
		{"failed, then done", []answer{failed, done}, "written", "written"},
		{"cut off, then done", []answer{cut, done}, "written", "written"},
		{"failed for long", []answer{failed, failed, failed, failed}, "unclear", "unclear"},
		{"cut off for long", []answer{cut, cut, cut, cut}, "unclear", "unclear"},
		{"failed, then throttled", []answer{failed, throttled, throttled, throttled}, "unclear", "unclear"},
		{"failed, then refused", []answer{failed, refuse("ValidationException")}, "unclear", "unclear"},
		{"somebody else is writing", []answer{refuse("TransactionConflictException")}, "conflict", "conflict"},
		// The first attempt may have been the writer: only a transaction's token tells.
		{"condition, after a failure", []answer{failed, conflict}, "unclear", "conflict"},
		{"condition, after a cut", []answer{cut, conflict}, "unclear", "conflict"},
		{"condition", []answer{conflict}, "conflict", "conflict"},
		{"in progress, then done", []answer{failed, refuse("TransactionInProgressException"), done}, "written", "written"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			single, _ := open(t, c.answers...)
			if got := outcome(single.Commit(context.Background(), put("1"))); got != c.single {
				t.Errorf("put: %s, want %s", got, c.single)
			}
			together, s := open(t, c.answers...)
			if got := outcome(together.Commit(context.Background(), put("1"), put("2"))); got != c.together {
				t.Errorf("transaction: %s, want %s", got, c.together)
			}
			asked := s.asked()
			for _, request := range asked {
				if token := request["ClientRequestToken"]; token == "" || token != asked[0]["ClientRequestToken"] {
					t.Errorf("token %v, first was %v", token, asked[0]["ClientRequestToken"])
				}
			}
		})
	}
}

func TestCancellationReasons(t *testing.T) {
	for _, c := range []struct {
		name    string
		answers []answer
		outcome string
		failed  []int
	}{
		{"conditions", []answer{canceled("None", "ConditionalCheckFailed", "ConditionalCheckFailed")}, "conflict", []int{1, 2}},
		{"somebody writing", []answer{canceled("TransactionConflict", "None", "None")}, "conflict", nil},
		{"both", []answer{canceled("TransactionConflict", "None", "ConditionalCheckFailed")}, "conflict", []int{2}},
		{"throttled and condition", []answer{canceled("ThrottlingError", "ConditionalCheckFailed", "None")}, "conflict", []int{1}},
		{"throttled, then done", []answer{canceled("ThrottlingError", "None", "None"), done}, "written", nil},
		{"invalid", []answer{canceled("None", "ValidationError", "None")}, "nothing written", nil},
		{"no reasons", []answer{canceled()}, "conflict", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			tt, _ := open(t, c.answers...)
			err := tt.Commit(context.Background(), put("1"), put("2"), put("3"))
			if got := outcome(err); got != c.outcome {
				t.Errorf("%s, want %s (%v)", got, c.outcome, err)
			}
			var conflict *table.Conflict
			if errors.As(err, &conflict) {
				if diff := cmp.Diff(c.failed, conflict.Failed); diff != "" {
					t.Errorf("failed (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestCommitContext(t *testing.T) {
	before, cancel := context.WithCancel(context.Background())
	cancel()
	tt, s := open(t, done)
	if got := outcome(tt.Commit(before, put("1"))); got != "nothing written" || len(s.asked()) != 0 {
		t.Errorf("cancelled before: %s after %d requests", got, len(s.asked()))
	}

	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // else the server does not see the client go
		<-r.Context().Done()
	}))
	defer server.Close()
	during, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if got := outcome(at(server.URL).Commit(during, put("1"))); got != "unclear" {
		t.Errorf("cancelled during: %s", got)
	}
}

// Nobody listens: the request never left.
func TestCommitWithoutConnection(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	if got := outcome(at(server.URL).Commit(context.Background(), put("1"))); got != "nothing written" {
		t.Error(got)
	}
}

// Keys that DynamoDB leaves are asked again, until it takes none.
func TestGetUnprocessed(t *testing.T) {
	one := `{"pk":{"S":"P"},"sk":{"S":"1"},"v":{"N":"4"},"n":{"N":"1"},"b":{"S":"1"}}`
	two := `{"pk":{"S":"P"},"sk":{"S":"2"},"v":{"N":"5"},"n":{"N":"1"},"b":{"S":"2"}}`
	left := `"UnprocessedKeys":{"applications":{"Keys":[{"pk":{"S":"P"},"sk":{"S":"2"}}]}}`
	keys := []table.Key{{PK: "P", SK: "2"}, {PK: "P", SK: "1"}}

	tt, s := open(t, answer{200, `{"Responses":{"applications":[` + one + `]},` + left + `}`},
		answer{200, `{"Responses":{"applications":[` + two + `]}}`})
	items, err := tt.Get(context.Background(), keys...)
	if err != nil || len(s.asked()) != 2 || items[0].Version != 5 || items[1].Version != 4 {
		t.Errorf("%+v after %d requests, %v", items, len(s.asked()), err)
	}

	nothing := answer{200, `{"Responses":{},` + left + `}`}
	tt, _ = open(t, nothing, nothing, nothing, nothing, nothing, nothing)
	if _, err := tt.Get(context.Background(), keys...); err == nil {
		t.Error("no error although DynamoDB gives no key")
	}
}

// What is not ours is not read as if it were.
func TestGetForeignItem(t *testing.T) {
	for _, body := range []string{
		`{"Item":{"pk":{"S":"P"},"sk":{"S":"1"}}}`,
		`{"Item":{"pk":{"S":"P"},"sk":{"S":"1"},"v":{"S":"1"},"n":{"N":"1"}}}`,
		`{"Item":{"pk":{"S":"P"},"sk":{"S":"1"},"v":{"N":"1"},"n":{"N":"1.5"}}}`,
	} {
		tt, _ := open(t, answer{200, body})
		if _, err := tt.Get(context.Background(), table.Key{PK: "P", SK: "1"}); err == nil {
			t.Errorf("read %s", body)
		}
	}
}
