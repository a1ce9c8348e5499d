package lambdafn

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/google/go-cmp/cmp"

	"sportello/shared/domain/catalogue"
)

// store is a Parameter Store that fails the test when it is asked what the real one refuses.
type store struct {
	t      *testing.T
	values map[string]string
	calls  int
	err    error
}

func (s *store) GetParameters(_ context.Context, in *ssm.GetParametersInput, _ ...func(*ssm.Options)) (*ssm.GetParametersOutput, error) {
	s.calls++
	if len(in.Names) > 10 || len(in.Names) == 0 || !aws.ToBool(in.WithDecryption) {
		s.t.Errorf("asked for %d names, decrypted %v", len(in.Names), in.WithDecryption)
	}
	out := &ssm.GetParametersOutput{}
	for _, name := range in.Names {
		if value, ok := s.values[name]; ok {
			out.Parameters = append(out.Parameters, types.Parameter{Name: aws.String(name), Value: aws.String(value)})
		} else {
			out.InvalidParameters = append(out.InvalidParameters, name)
		}
	}
	return out, s.err
}

func TestParameters(t *testing.T) {
	s := &store{t: t, values: map[string]string{}}
	var names []string
	want := map[string]string{}
	for _, letter := range "abcdefghijklmnopqrstuvwxyz" {
		name := "/pec/" + string(letter)
		names = append(names, name)
		s.values["/sportello/test"+name], want[name] = "value "+string(letter), "value "+string(letter)
	}
	p := &Process{parameters: s, prefix: "/sportello/test"}
	got, err := p.Parameters(context.Background(), names...)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" || s.calls != 3 {
		t.Errorf("%d calls (-want +got):\n%s", s.calls, diff)
	}

	delete(s.values, "/sportello/test/pec/a")
	delete(s.values, "/sportello/test/pec/z")
	_, err = p.Parameters(context.Background(), names...)
	if err == nil || !strings.Contains(err.Error(), "/sportello/test/pec/a, /sportello/test/pec/z") || strings.Contains(err.Error(), "value") {
		t.Errorf("missing: %v", err)
	}
	got, err = p.OptionalParameters(context.Background(), names...)
	if _, there := got["/pec/a"]; err != nil || there || len(got) != 24 {
		t.Errorf("optional: %d values, %v", len(got), err)
	}
	s.err = errors.New("denied")
	if _, err := p.Parameters(context.Background(), "/x"); !errors.Is(err, s.err) {
		t.Errorf("refused: %v", err)
	}
}

func TestMetrics(t *testing.T) {
	var out bytes.Buffer
	m := NewMetrics(&out, func() time.Time { return time.UnixMilli(1_795_342_530_123) }, "prod", "deadlines")
	m.Count("Registered", 3, Dimension{"Chamber", "milano"})
	m.Put("OldestOverdueOutboxSeconds", Seconds, 1.5)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	want := []string{
		`{"Chamber":"milano","Function":"deadlines","Registered":3,"Stage":"prod","_aws":{"CloudWatchMetrics":[{"Dimensions":[["Stage","Chamber"]],"Metrics":[{"Name":"Registered","Unit":"Count"}],"Namespace":"Sportello"}],"Timestamp":1795342530123}}`,
		`{"Function":"deadlines","OldestOverdueOutboxSeconds":1.5,"Stage":"prod","_aws":{"CloudWatchMetrics":[{"Dimensions":[["Stage"]],"Metrics":[{"Name":"OldestOverdueOutboxSeconds","Unit":"Seconds"}],"Namespace":"Sportello"}],"Timestamp":1795342530123}}`,
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

func TestLogger(t *testing.T) {
	var out bytes.Buffer
	log := NewLogger(&out, slog.LevelWarn).With(slog.String("stage", "prod"))
	ctx := lambdacontext.NewContext(context.Background(), &lambdacontext.LambdaContext{AwsRequestID: "invocation-1"})
	log.InfoContext(ctx, "not shown")
	log.WarnContext(ctx, "shown", slog.Int("count", 3))
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	delete(line, "timestamp")
	if diff := cmp.Diff(map[string]any{"level": "WARN", "message": "shown", "stage": "prod", "count": 3.0, "requestId": "invocation-1"}, line); diff != "" {
		t.Errorf("line (-want +got):\n%s", diff)
	}
}

// A process starts from its environment, without calling anything, and nothing is wired when something is missing.
func TestStart(t *testing.T) {
	t.Setenv("AWS_REGION", "eu-south-1")
	t.Setenv("AWS_ENDPOINT_URL", "")
	setenv(t, map[string]string{"STAGE": "test", "PARAMETERS": "/sportello/test", "TABLE_APPLICATIONS": "applications"})
	var made *Process
	handler, err := start(func(ctx context.Context, p *Process, env environment) (any, error) {
		made = p
		if _, bounded := ctx.Deadline(); !bounded {
			t.Error("wiring is not bounded in time")
		}
		return env.Table, nil
	})
	if err != nil || handler != "applications" {
		t.Fatalf("%v, %v", handler, err)
	}
	first, second := made.NewID(), made.NewID()
	if made.AWS.Region != "eu-south-1" || made.Stage != "test" || first >= second || time.Since(made.Now()) > time.Minute {
		t.Errorf("process %+v", made)
	}
	if got := made.AWS.Retryer().MaxAttempts(); got != attempts {
		t.Errorf("%d attempts", got)
	}

	setenv(t, map[string]string{"STAGE": catalogue.Production, "PARAMETERS": "/sportello/production", "TABLE_APPLICATIONS": "applications"})
	wired := false
	_, err = start(func(context.Context, *Process, environment) (any, error) {
		wired = true
		return nil, nil
	})
	if want := catalogue.Ready(catalogue.Production); wired != (want == nil) || wired != (err == nil) || want != nil && err.Error() != want.Error() {
		t.Errorf("in production: wired %v, %v, want %v", wired, err, want)
	}

	setenv(t, nil)
	if _, err := start(func(context.Context, *Process, environment) (any, error) {
		t.Error("wired without environment")
		return nil, nil
	}); err == nil || !slices.Contains(strings.Fields(strings.ReplaceAll(err.Error(), ",", "")), "STAGE") {
		t.Errorf("error %v", err)
	}
}
