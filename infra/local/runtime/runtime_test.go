package runtime_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	// testdata/echo needs it, and go mod tidy does not look there.
	_ "github.com/aws/aws-lambda-go/lambda"

	"sportello/infra/local/runtime"
)

var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "runtime-")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "bootstrap")
	build := exec.Command("go", "build", "-tags=lambda.norpc", "-o", binary, "./testdata/echo")
	build.Stderr = os.Stderr
	code := 1
	if err := build.Run(); err == nil {
		code = m.Run()
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

func pool(t *testing.T, change func(*runtime.Config)) *runtime.Pool {
	t.Helper()
	c := runtime.Config{
		Name: "EchoFunction", ARN: "arn:aws:lambda:eu-south-1:000000000000:function:echo", Binary: binary,
		Timeout: time.Minute, Most: 3,
		Environment: func(slot int) ([]string, error) { return []string{fmt.Sprint("SLOT=", slot)}, nil },
	}
	if change != nil {
		change(&c)
	}
	p, err := runtime.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func invoke(t *testing.T, p *runtime.Pool, event string) (runtime.Result, map[string]any) {
	t.Helper()
	result, err := p.Invoke(t.Context(), []byte(event))
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(result.Payload, &out); err != nil {
		t.Fatalf("%s: %v", result.Payload, err)
	}
	return result, out
}

func TestStaysWarm(t *testing.T) {
	p := pool(t, nil)
	_, first := invoke(t, p, `{"do":"sleep","millis":5,"a":1}`)
	_, second := invoke(t, p, `{"a":2}`)
	if first["pid"] != second["pid"] {
		t.Error("the second invocation ran in another instance")
	}
	if second["body"] != `{"a":2}` {
		t.Errorf("the function saw %v", second["body"])
	}
	if s := p.Status(); s.Invocations != 2 || s.Errors != 0 || len(s.PIDs) != 1 || s.Millis < 5 {
		t.Errorf("status is %+v", s)
	}
}

func TestSeveralAtOnceUpToTheLimit(t *testing.T) {
	p := pool(t, nil)
	var wg sync.WaitGroup
	var mu sync.Mutex
	pids := map[any]bool{}
	for range 12 {
		wg.Go(func() {
			_, out := invoke(t, p, `{"do":"sleep","millis":50}`)
			mu.Lock()
			defer mu.Unlock()
			pids[out["pid"]] = true
		})
	}
	wg.Wait()
	if len(pids) < 2 || len(pids) > 3 {
		t.Errorf("%d instances ran, want 2 or 3", len(pids))
	}
}

func TestEnvironment(t *testing.T) {
	p := pool(t, nil)
	for name, want := range map[string]string{"SLOT": "0", "LAMBDA_TASK_ROOT": filepath.Dir(binary), "HOME": ""} {
		_, out := invoke(t, p, fmt.Sprintf(`{"do":"env","env":%q}`, name))
		if out["value"] != want {
			t.Errorf("%s is %v, want %q", name, out["value"], want)
		}
	}
}

func TestDeadline(t *testing.T) {
	p := pool(t, nil)
	_, out := invoke(t, p, `{"do":"deadline"}`)
	if left, ok := out["left"].(float64); !ok || left <= 0 || left > 60_000 {
		t.Errorf("the function saw %v ms left of a minute", out["left"])
	}
}

func TestFailures(t *testing.T) {
	for _, c := range []struct{ event, kind, message string }{
		{`{"do":"error"}`, "errorString", "as ordered"},
		{`{"do":"panic"}`, "string", "as ordered"},
		{`{"do":"exit"}`, "Runtime.ExitError", "exit status 1"},
		{`{"do":"sleep","millis":60000}`, "Sandbox.Timedout", "Task timed out after 0.50 seconds"},
	} {
		t.Run(c.event, func(t *testing.T) {
			p := pool(t, func(c *runtime.Config) { c.Timeout = 500 * time.Millisecond })
			result, out := invoke(t, p, c.event)
			if !result.Failed || out["errorType"] != c.kind || !strings.Contains(fmt.Sprint(out["errorMessage"]), c.message) {
				t.Errorf("got failed=%v %v", result.Failed, out)
			}
			p.Close()
			p = pool(t, nil)
			if again, _ := invoke(t, p, `{}`); again.Failed {
				t.Error("the next invocation failed too")
			}
		})
	}
}

func TestReplacesWhatCrashed(t *testing.T) {
	p := pool(t, func(c *runtime.Config) { c.Most = 1 })
	_, first := invoke(t, p, `{}`)
	if result, _ := invoke(t, p, `{"do":"exit"}`); !result.Failed {
		t.Fatal("a crash did not fail the invocation")
	}
	_, second := invoke(t, p, `{}`)
	if first["pid"] == second["pid"] {
		t.Error("the crashed instance was not replaced")
	}
}

func TestInitFailure(t *testing.T) {
	p := pool(t, func(c *runtime.Config) {
		c.Environment = func(int) ([]string, error) { return []string{"ECHO_INIT=exit"}, nil }
	})
	result, out := invoke(t, p, `{}`)
	if !result.Failed || out["errorType"] != "Runtime.ExitError" || !strings.Contains(fmt.Sprint(out["errorMessage"]), "exit status 3") {
		t.Errorf("got %v", out)
	}
}

// TestKill kills an instance in mid-work: its invocation fails, those that
// wait for it go on in a new one.
func TestKill(t *testing.T) {
	p := pool(t, func(c *runtime.Config) { c.Most = 1 })
	invoke(t, p, `{}`)
	var wg sync.WaitGroup
	var failed, waited runtime.Result
	wg.Go(func() { failed, _ = p.Invoke(context.Background(), []byte(`{"do":"sleep","millis":60000}`)) })
	for p.Status().Invocations < 2 {
		time.Sleep(time.Millisecond)
	}
	wg.Go(func() { waited, _ = p.Invoke(context.Background(), []byte(`{}`)) })
	if n := p.Kill(); n != 1 {
		t.Errorf("%d instances were killed", n)
	}
	wg.Wait()
	if !failed.Failed || !strings.Contains(string(failed.Payload), "signal: killed") {
		t.Errorf("the killed invocation gave %s", failed.Payload)
	}
	if waited.Failed || waited.Payload == nil {
		t.Errorf("the waiting invocation gave %s", waited.Payload)
	}
}

func TestGivesUpWaiting(t *testing.T) {
	p := pool(t, func(c *runtime.Config) { c.Most = 1 })
	go func() { _, _ = p.Invoke(context.Background(), []byte(`{"do":"sleep","millis":60000}`)) }()
	for len(p.Status().PIDs) == 0 {
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Invoke(ctx, []byte(`{}`)); err == nil {
		t.Error("an invocation without an instance did not give up")
	}
}

func TestClosed(t *testing.T) {
	p := pool(t, nil)
	invoke(t, p, `{}`)
	p.Close()
	if pids := p.Status().PIDs; len(pids) != 0 {
		t.Errorf("instances %v still run", pids)
	}
	if _, err := p.Invoke(t.Context(), []byte(`{}`)); err == nil {
		t.Error("a closed pool took an invocation")
	}
}

func TestNotBuilt(t *testing.T) {
	_, err := runtime.New(runtime.Config{Name: "NoneFunction", Binary: filepath.Join(t.TempDir(), "bootstrap"), Environment: func(int) ([]string, error) { return nil, nil }})
	if err == nil || !strings.Contains(err.Error(), "NoneFunction") {
		t.Errorf("got %v, want an error with the function's name", err)
	}
}
