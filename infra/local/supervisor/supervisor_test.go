package supervisor_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"sportello/infra/local/supervisor"
)

// repository makes a root with the test's own template, the real emulators and
// outside world, and the echo function for each function.
func repository(t *testing.T) (root, bin string) {
	t.Helper()
	root, bin = t.TempDir(), t.TempDir()
	here, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	gateway := filepath.Join(here, "..", "..", ".local", "bin", "versitygw")
	if _, err := os.Stat(filepath.Join(here, "npm", "node_modules", "fauxqs")); err != nil {
		absent(t, "the emulators are not installed: npm ci in infra/local/npm")
	}
	if _, err := os.Stat(gateway); err != nil {
		absent(t, "versitygw is not built: local build, or make emulators")
	}
	text, err := os.ReadFile("testdata/template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	dist := filepath.Join(root, "infra", "site", "dist")
	err = errors.Join(
		os.WriteFile(filepath.Join(root, "template.yaml"), text, 0o644),
		os.MkdirAll(filepath.Join(root, "infra", "local"), 0o755), os.MkdirAll(dist, 0o755),
		os.WriteFile(filepath.Join(dist, "index.html"), []byte("home"), 0o644),
		os.Symlink(filepath.Join(here, "npm"), filepath.Join(root, "infra", "local", "npm")),
		os.Symlink(gateway, filepath.Join(bin, "versitygw")),
	)
	if err != nil {
		t.Fatal(err)
	}
	for target, source := range map[string]string{"web/bootstrap": "./runtime/testdata/echo", "outside": "./cmd/outside"} {
		build := exec.Command("go", "build", "-tags=lambda.norpc", "-o", filepath.Join(bin, target), source)
		build.Dir = here
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", source, err, out)
		}
	}
	if err := errors.Join(os.Mkdir(filepath.Join(bin, "worker"), 0o755), os.Link(filepath.Join(bin, "web", "bootstrap"), filepath.Join(bin, "worker", "bootstrap"))); err != nil {
		t.Fatal(err)
	}
	return root, bin
}

func config(t *testing.T, root, bin, data string, args ...string) supervisor.Config {
	t.Helper()
	var c supervisor.Config
	set := flag.NewFlagSet("test", flag.ContinueOnError)
	complete := c.Flags(set, func(string) string { return "" })
	if err := set.Parse(append([]string{"--root", root, "--bin", bin, "--data", data, "--plain"}, args...)); err != nil {
		t.Fatal(err)
	}
	if err := complete(); err != nil {
		t.Fatal(err)
	}
	return c
}

// cloud is a local cloud that runs.
type cloud struct {
	t    *testing.T
	at   supervisor.Addresses
	stop func() error
	// ended gets what Run returned, once.
	ended chan error
}

func start(t *testing.T, c supervisor.Config) *cloud {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan supervisor.Addresses, 1), make(chan error, 1)
	log := &strings.Builder{}
	go func() { ended <- supervisor.Run(ctx, c, log, func(a supervisor.Addresses) { ready <- a }) }()
	select {
	case at := <-ready:
		stopped := false
		stop := func() error {
			if stopped {
				return nil
			}
			stopped = true
			cancel()
			return <-ended
		}
		t.Cleanup(func() {
			_ = stop()
			if t.Failed() {
				t.Log(log.String())
			}
		})
		return &cloud{t, at, stop, ended}
	case err := <-ended:
		cancel()
		t.Fatalf("it did not start: %v\n%s", err, log)
		return nil
	}
}

// call makes a request and decodes the JSON answer.
func (c *cloud) call(method, url, body string, headers ...string) (int, map[string]any) {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	var out map[string]any
	if json.Unmarshal(text, &out) != nil {
		out = map[string]any{"text": string(text)}
	}
	return response.StatusCode, out
}

// want makes a control call that must succeed.
func (c *cloud) want(method, path, body string) map[string]any {
	c.t.Helper()
	status, out := c.call(method, c.at.Control+path, body)
	if status != http.StatusOK {
		c.t.Fatalf("%s %s: %d %v", method, path, status, out)
	}
	return out
}

func (c *cloud) await(what string, done func() bool) {
	c.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if done() {
			return
		}
	}
	c.t.Fatal(what)
}

// function is one function's figures.
func (c *cloud) function(name string) map[string]any {
	c.t.Helper()
	for _, f := range c.want("GET", "/status", "")["functions"].([]any) {
		if one := f.(map[string]any); one["name"] == name {
			return one
		}
	}
	c.t.Fatalf("no function %s", name)
	return nil
}

// visible counts a queue's messages.
func (c *cloud) visible(queue string) float64 {
	c.t.Helper()
	for _, q := range c.want("GET", "/queues", "")["items"].([]any) {
		if one := q.(map[string]any); one["id"] == queue {
			return one["visible"].(float64) + one["inFlight"].(float64)
		}
	}
	c.t.Fatalf("no queue %s", queue)
	return 0
}

func (c *cloud) send(body string) {
	c.t.Helper()
	text, err := json.Marshal(map[string]string{"QueueUrl": c.at.SQS + "/000000000000/sportello-local-WorkQueue", "MessageBody": body})
	if err != nil {
		c.t.Fatal(err)
	}
	status, out := c.call("POST", c.at.SQS, string(text), "Content-Type", "application/x-amz-json-1.0", "X-Amz-Target", "AmazonSQS.SendMessage",
		"Authorization", "AWS4-HMAC-SHA256 Credential=LOCALACCESSKEY/20260101/eu-south-1/sqs/aws4_request, SignedHeaders=host, Signature=none")
	if status != http.StatusOK {
		c.t.Fatalf("sending: %d %v", status, out)
	}
}

func TestRun(t *testing.T) {
	root, bin := repository(t)
	data := t.TempDir()
	c := start(t, config(t, root, bin, data, "--free-ports", "--faults"))

	t.Run("site and APIs", func(t *testing.T) {
		if status, out := c.call("GET", c.at.Portal+"/", ""); status != http.StatusOK || out["text"] != "home" {
			t.Errorf("the site answers %d %v", status, out)
		}
		status, out := c.call("GET", c.at.Portal+"/api/v1/session", "")
		if status != http.StatusOK || out["rawPath"] != "/api/v1/session" {
			t.Errorf("the citizen API answers %d %v", status, out)
		}
		if secret := out["headers"].(map[string]any)["x-origin-verify"]; len(fmt.Sprint(secret)) != 64 {
			t.Errorf("the origin's secret is %v", secret)
		}
		if status, _ := c.call("GET", c.at.Portal+"/chamber/v1/applications", "", "X-Api-Key", "guess"); status != http.StatusForbidden {
			t.Errorf("the chamber API without a key answers %d", status)
		}
	})

	t.Run("environment", func(t *testing.T) {
		for name, want := range map[string]string{
			"AWS_LAMBDA_FUNCTION_NAME": "sportello-local-WorkFunction", "LOCAL_CLOCK_FILE": filepath.Join(data, "clock"),
			"IDENTITY_KEY": "alias/sportello-local-identity", "AWS_REGION": "eu-south-1", "HOME": "",
		} {
			out := c.want("POST", "/functions/WorkFunction/invoke", fmt.Sprintf(`{"do":"env","env":%q}`, name))
			if got := out["payload"].(map[string]any)["value"]; got != want {
				t.Errorf("%s is %v, want %q", name, got, want)
			}
		}
	})

	t.Run("queue", func(t *testing.T) {
		before := c.function("WorkFunction")["invocations"].(float64)
		c.send("hello")
		c.await("the message was not worked", func() bool {
			return c.function("WorkFunction")["invocations"].(float64) > before && c.visible("WorkQueue") == 0
		})
	})

	t.Run("clock, schedule and failure queue", func(t *testing.T) {
		moved := c.want("POST", "/clock", `{"advance":"24h"}`)
		if moved["offsetMs"] != float64(24*time.Hour/time.Millisecond) {
			t.Errorf("the clock is %v", moved)
		}
		c.await("the schedule did not fire and fail", func() bool { return c.visible("FailedQueue") == 1 })
		c.want("POST", "/schedules/Nightly/fire", "")
		c.await("the schedule did not fire by hand", func() bool { return c.visible("FailedQueue") == 2 })
		if status, _ := c.call("POST", c.at.Control+"/schedules/Nothing/fire", ""); status != http.StatusNotFound {
			t.Errorf("an unknown schedule gave %d", status)
		}
		c.want("POST", "/queues/wipe", "")
		if n := c.visible("FailedQueue"); n != 0 {
			t.Errorf("%v messages are left", n)
		}
		c.want("POST", "/clock", `{"offsetMs":0}`)
	})

	t.Run("kill", func(t *testing.T) {
		before := c.function("WorkFunction")["pids"].([]any)
		if out := c.want("POST", "/functions/WorkFunction/kill", ""); out["killed"] != float64(len(before)) || len(before) == 0 {
			t.Errorf("killed %v of %v", out, before)
		}
		if out := c.want("POST", "/functions/WorkFunction/invoke", `{}`); out["failed"] != false {
			t.Errorf("the next invocation gave %v", out)
		}
		for _, pid := range c.function("WorkFunction")["pids"].([]any) {
			if slices.Contains(before, pid) {
				t.Errorf("%v still runs", pid)
			}
		}
	})

	t.Run("faults", func(t *testing.T) {
		call := func() map[string]any {
			body, err := json.Marshal(map[string]string{
				"do": "call", "env": "AWS_ENDPOINT_URL_SQS", "service": "sqs", "target": "AmazonSQS.SendMessage",
				"body": fmt.Sprintf(`{"QueueUrl":"%s/000000000000/sportello-local-FailedQueue","MessageBody":"from the function"}`, c.at.SQS),
			})
			if err != nil {
				t.Fatal(err)
			}
			return c.want("POST", "/functions/WebFunction/invoke", string(body))
		}
		if out := call(); out["failed"] != false || c.visible("FailedQueue") != 1 {
			t.Fatalf("without a fault: %v", out)
		}
		c.want("POST", "/faults", `{"function":"WebFunction","service":"sqs","action":"SendMessage","match":"from the function","when":"after","effect":"kill"}`)
		out := call()
		if out["failed"] != true || !strings.Contains(fmt.Sprint(out["payload"]), "signal: killed") || c.visible("FailedQueue") != 2 {
			t.Errorf("after, kill: %v, %v messages", out, c.visible("FailedQueue"))
		}
		c.want("POST", "/faults", `{"function":"WebFunction","service":"sqs","action":"SendMessage","when":"before","effect":"error"}`)
		if out := call(); out["payload"].(map[string]any)["status"] != float64(500) || c.visible("FailedQueue") != 2 {
			t.Errorf("before, error: %v, %v messages", out, c.visible("FailedQueue"))
		}
		if items := c.want("GET", "/faults", "")["items"].([]any); len(items) != 2 || items[0].(map[string]any)["hits"] != float64(1) {
			t.Errorf("faults are %v", items)
		}
		c.want("DELETE", "/faults", "")
		if status, _ := c.call("POST", c.at.Control+"/faults", `{"function":"NoFunction","service":"sqs","when":"before","effect":"drop"}`); status != http.StatusNotFound {
			t.Errorf("a fault of no function gave %d", status)
		}
	})

	t.Run("permissions", func(t *testing.T) {
		call := func(service, operation, endpoint, body string) map[string]any {
			order, err := json.Marshal(map[string]string{"do": "call", "env": endpoint, "service": service, "target": operation, "body": body})
			if err != nil {
				t.Fatal(err)
			}
			return c.want("POST", "/functions/WebFunction/invoke", string(order))["payload"].(map[string]any)
		}
		queue := fmt.Sprintf(`{"QueueUrl":"%s/000000000000/sportello-local-WorkQueue","MessageBody":"x"}`, c.at.SQS)
		for _, one := range []struct {
			service, operation, endpoint, body string
			status                             float64
		}{
			{"sqs", "AmazonSQS.SendMessage", "AWS_ENDPOINT_URL_SQS", queue, 403},
			{"dynamodb", "DynamoDB_20120810.Scan", "AWS_ENDPOINT_URL_DYNAMODB", `{"TableName":"sportello-local-Things"}`, 400},
			{"ssm", "AmazonSSM.GetParameter", "AWS_ENDPOINT_URL", `{"Name":"/sportello/local/origin"}`, 400},
			{"kms", "TrentService.GetPublicKey", "AWS_ENDPOINT_URL", `{"KeyId":"alias/sportello-local-identity"}`, 400},
			{"apigateway", "", "AWS_ENDPOINT_URL", "", 400},
		} {
			out := call(one.service, one.operation, one.endpoint, one.body)
			if out["status"] != one.status || !strings.Contains(fmt.Sprint(out["body"]), "assumed-role/sportello-local-WebFunctionRole") {
				t.Errorf("%s: %v", one.service, out)
			}
		}
		if status, out := c.call("POST", c.at.SQS, queue, "X-Amz-Target", "AmazonSQS.SendMessage"); status != http.StatusBadRequest {
			t.Errorf("unsigned: %d %v", status, out)
		}
		grants := c.want("GET", "/grants", "")
		if want := []any{"WebFunction Fail sqs:SendMessage sportello-local-FailedQueue"}; !slices.Equal(grants["used"].([]any), want) {
			t.Errorf("used: %v", grants["used"])
		}
		if len(grants["refused"].([]any)) != 5 {
			t.Errorf("refused: %v", grants["refused"])
		}
		if calls := fmt.Sprint(c.want("GET", "/calls", "")["items"]); !strings.Contains(calls, "action:Scan function:WebFunction service:dynamodb times:1") {
			t.Errorf("calls: %s", calls)
		}
		if given := fmt.Sprint(c.want("GET", "/functions/WebFunction/environment", "")["environment"]); !strings.Contains(given, "AWS_ACCESS_KEY_ID=WebFunction") {
			t.Errorf("environment: %s", given)
		}
		if status, _ := c.call("GET", c.at.Control+"/functions/NoFunction/environment", ""); status != http.StatusNotFound {
			t.Errorf("environment of no function: %d", status)
		}
		var unused strings.Builder
		if err := supervisor.Unused(config(t, root, bin, data), &unused); err != nil || unused.String() != "WebFunction Never sqs:PurgeQueue sportello-local-FailedQueue\n" {
			t.Errorf("unused: %q, %v", unused.String(), err)
		}
	})

	t.Run("one at a time", func(t *testing.T) {
		err := supervisor.Run(t.Context(), config(t, root, bin, data, "--free-ports"), io.Discard, nil)
		if err == nil || !strings.Contains(err.Error(), data) {
			t.Errorf("a second start on the same folder gave %v", err)
		}
	})

	t.Run("a busy port is named", func(t *testing.T) {
		busy := strings.TrimPrefix(c.at.S3, "http://127.0.0.1:")
		err := supervisor.Run(t.Context(), config(t, root, bin, t.TempDir(), "--s3-port", busy), io.Discard, nil)
		if err == nil || !strings.Contains(err.Error(), busy) || !strings.Contains(err.Error(), "S3_PORT") {
			t.Errorf("got %v", err)
		}
	})

	t.Run("nothing is left", func(t *testing.T) {
		var pids []float64
		for _, name := range []string{"WebFunction", "WorkFunction"} {
			for _, pid := range c.function(name)["pids"].([]any) {
				pids = append(pids, pid.(float64))
			}
		}
		if err := c.stop(); err != nil {
			t.Errorf("it ended with %v", err)
		}
		for _, pid := range pids {
			if syscall.Kill(int(pid), 0) == nil {
				t.Errorf("function %v still runs", pid)
			}
		}
		for _, address := range []string{c.at.Portal, c.at.Outside, c.at.DynamoDB, c.at.S3, c.at.SQS, c.at.AWS, c.at.Control} {
			_, port, _ := net.SplitHostPort(strings.TrimPrefix(address, "http://"))
			l, err := net.Listen("tcp", "127.0.0.1:"+port)
			if err != nil {
				t.Errorf("%s still answers: %v", address, err)
				continue
			}
			_ = l.Close()
		}
	})
}

// TestKeeps starts twice on one folder: what was made the first time is there.
func TestKeeps(t *testing.T) {
	root, bin := repository(t)
	data := t.TempDir()
	secret := func() any {
		c := start(t, config(t, root, bin, data, "--free-ports"))
		_, out := c.call("GET", c.at.Portal+"/api/v1/session", "")
		if err := c.stop(); err != nil {
			t.Fatal(err)
		}
		return out["headers"].(map[string]any)["x-origin-verify"]
	}
	if first, second := secret(), secret(); first != second {
		t.Error("the second start made another secret")
	}
}

// TestEndsWithWhatItNeeds: without one of its programs the local cloud would
// only look alive.
func TestEndsWithWhatItNeeds(t *testing.T) {
	root, bin := repository(t)
	for _, program := range []string{"outside", "sqs"} {
		c := start(t, config(t, root, bin, t.TempDir(), "--free-ports"))
		pid := c.want("GET", "/status", "")["programs"].(map[string]any)[program].(float64)
		if status, _ := c.call("POST", c.at.Control+"/clock", `{"advance":"1h"}`, "Origin", "http://page.example"); status != http.StatusForbidden {
			t.Errorf("a web page moved the clock: %d", status)
		}
		if err := syscall.Kill(int(pid), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-c.ended:
			c.ended <- err
			if err == nil || !strings.Contains(err.Error(), program) {
				t.Errorf("%s: it ended with %v", program, err)
			}
		case <-time.After(30 * time.Second):
			t.Errorf("%s: it goes on", program)
		}
	}
}

func TestTemplateErrorsComeFirst(t *testing.T) {
	root, data := t.TempDir(), t.TempDir()
	text := "Resources:\n  Stream:\n    Type: AWS::Kinesis::Stream\n"
	if err := os.WriteFile(filepath.Join(root, "template.yaml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	err := supervisor.Run(t.Context(), config(t, root, t.TempDir(), data, "--free-ports"), io.Discard, nil)
	if err == nil || !strings.Contains(err.Error(), "Stream") || !strings.Contains(err.Error(), "AWS::Kinesis::Stream") {
		t.Errorf("got %v", err)
	}
}

func TestPortFlagsAndEnvironment(t *testing.T) {
	var c supervisor.Config
	set := flag.NewFlagSet("test", flag.ContinueOnError)
	environment := map[string]string{"PORTAL_PORT": "9000", "S3_PORT": "9001", "DATA": t.TempDir()}
	complete := c.Flags(set, func(name string) string { return environment[name] })
	if err := set.Parse([]string{"--root", t.TempDir(), "--s3-port", "9002"}); err != nil {
		t.Fatal(err)
	}
	if err := complete(); err != nil {
		t.Fatal(err)
	}
	if c.Ports.Portal != 9000 || c.Ports.S3 != 9002 || c.Ports.Outside != 8090 || c.Data != environment["DATA"] {
		t.Errorf("got %+v", c)
	}
	environment["PORTAL_PORT"] = "many"
	var wrong supervisor.Config
	if err := wrong.Flags(flag.NewFlagSet("test", flag.ContinueOnError), func(name string) string { return environment[name] })(); err == nil || !strings.Contains(err.Error(), "PORTAL_PORT") {
		t.Errorf("got %v", err)
	}
}

// absent skips a test for want of an emulator, or fails it where they are
// required.
func absent(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("EMULATORS") == "required" {
		t.Fatal(what)
	}
	t.Skip(what)
}
