package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"path"
	"path/filepath"
	"time"

	sdkaws "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"sportello/infra/local/emulator"
	"sportello/infra/local/gateway"
	"sportello/infra/local/guard"
	"sportello/infra/local/runtime"
	"sportello/infra/local/site"
	"sportello/infra/local/template"
)

// startFunctions makes the pools. Every function that is not built is reported.
func (s *Supervisor) startFunctions() error {
	made, err := newLines(s)
	if err != nil {
		return err
	}
	s.lines = made
	var problems []error
	for _, f := range s.cloud.Functions {
		folder := path.Base(f.Folder)
		pool, err := runtime.New(runtime.Config{
			Name: f.ID, ARN: f.ARN, Binary: filepath.Join(s.config.Bin, folder, "bootstrap"),
			Timeout: f.Timeout, Most: f.Reserved, Output: s.console.Speaker(folder),
			Environment: func(slot int) ([]string, error) { return s.environment(f, slot) },
		})
		if err != nil {
			problems = append(problems, err)
			continue
		}
		s.pools[f.ID], s.functions[f.ID] = pool, f
	}
	return errors.Join(problems...)
}

// environment is what Lambda gives a function, what the template adds, and the
// addresses of this machine.
func (s *Supervisor) environment(f template.Function, slot int) ([]string, error) {
	at, err := s.lines.addresses(f.ID, slot)
	if err != nil {
		return nil, err
	}
	values := map[string]string{
		"AWS_LAMBDA_FUNCTION_NAME": f.Name, "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": fmt.Sprint(f.Memory), "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/" + f.Name, "AWS_LAMBDA_LOG_STREAM_NAME": fmt.Sprintf("local/[$LATEST]%d", slot),
		"AWS_EXECUTION_ENV": "AWS_Lambda_provided.al2023", "_HANDLER": "bootstrap", "LAMBDA_RUNTIME_DIR": "/var/runtime",
		"AWS_REGION": region, "AWS_DEFAULT_REGION": region,
		"AWS_ACCESS_KEY_ID": guard.AccessKey(f.ID), "AWS_SECRET_ACCESS_KEY": emulator.SecretKey,
		"AWS_EC2_METADATA_DISABLED": "true",
		"TZ":                        ":UTC", "LANG": "en_US.UTF-8", "PATH": "/usr/local/bin:/usr/bin:/bin",
	}
	for name, v := range f.Environment {
		values[name] = v
	}
	for name, v := range at.environment() {
		values[name] = v
	}
	values["LOCAL_CLOCK_FILE"] = s.clock.Path()
	out := make([]string, 0, len(values))
	for name, v := range values {
		out = append(out, name+"="+v)
	}
	return out, nil
}

// invokeLater is an asynchronous invocation: repeated on failure as often as
// the function's configuration says, after one minute and then two, and told
// to the failure queue when given up.
func (s *Supervisor) invokeLater(ctx context.Context, function string, payload []byte) {
	f, pool := s.functions[function], s.pools[function]
	var result runtime.Result
	for attempt := 0; ; attempt++ {
		var err error
		result, err = pool.Invoke(ctx, payload)
		if err == nil && !result.Failed {
			return
		}
		if err != nil || ctx.Err() != nil {
			return
		}
		if attempt == f.AsyncRetries {
			break
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Duration(min(attempt+1, 2)) * time.Minute):
		}
	}
	if err := s.giveUp(ctx, f, payload, result); err != nil {
		s.log.ErrorContext(ctx, "telling the failure queue", "function", f.ID, "error", err)
	}
}

// giveUp sends the failed event to the queue of the function's OnFailure.
func (s *Supervisor) giveUp(ctx context.Context, f template.Function, payload []byte, result runtime.Result) error {
	if f.OnFailure == "" {
		return nil
	}
	body, err := json.Marshal(map[string]any{
		"version": "1.0", "timestamp": s.clock.Now().UTC().Format(time.RFC3339),
		"requestContext": map[string]any{
			"functionArn": f.ARN + ":$LATEST", "condition": "RetriesExhausted", "approximateInvokeCount": f.AsyncRetries + 1,
		},
		"requestPayload":  json.RawMessage(payload),
		"responseContext": map[string]any{"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
		"responsePayload": json.RawMessage(result.Payload),
	})
	if err != nil {
		return err
	}
	for _, q := range s.cloud.Queues {
		if q.ARN == f.OnFailure {
			_, err := s.clientsOf(f.ID).SQS.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: sdkaws.String(q.URL), MessageBody: sdkaws.String(string(body))})
			return err
		}
	}
	return fmt.Errorf("%s is no queue of this template", f.OnFailure)
}

// serve puts the APIs and the site behind the portal, and opens the ports.
func (s *Supervisor) serve() error {
	apis := map[string]http.Handler{}
	for _, a := range s.cloud.APIs {
		apis[a.ID] = gateway.New(gateway.Config{
			API: a, Region: region, Account: account, Keys: s.services.Gateway, Now: s.clock.Now, Log: s.logRequest,
			Invoke: func(ctx context.Context, function string, payload []byte) (runtime.Result, error) {
				return s.pools[function].Invoke(ctx, payload)
			},
		})
	}
	if len(s.cloud.Distributions) != 1 {
		return fmt.Errorf("the local cloud serves one distribution, not %d", len(s.cloud.Distributions))
	}
	portal, err := site.New(site.Config{
		Distribution: s.cloud.Distributions[0], APIs: apis,
		// The built site is what a deployment uploads to this bucket.
		Buckets: map[string]http.Handler{"SiteBucket": site.Folder(filepath.Join(s.config.Root, "infra", "site", "dist"))},
	})
	if err != nil {
		return err
	}
	s.open("portal", portal)
	s.open("aws", s.guard.Before(s.services))
	storage := s.guard.Over(s.storage.Transport())
	for name, port := range map[string]int{"dynamodb": s.config.Ports.DynamoDB, "s3": s.config.Ports.S3, "sqs": s.config.Ports.SQS} {
		s.open(name, passed(storage, loopback(port)))
	}
	s.open("control", s.control())
	return nil
}

// passed passes calls on to one emulator. One that is gone leaves its callers
// without an answer, as it would by itself.
func passed(next http.RoundTripper, address string) http.Handler {
	return &httputil.ReverseProxy{
		Transport: next,
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL.Scheme, p.Out.URL.Host, p.Out.Host = "http", address, p.In.Host
			p.Out.Header.Del("Expect")
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
}

func (s *Supervisor) open(name string, h http.Handler) {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	s.servers = append(s.servers, server)
	for _, l := range s.listeners[name] {
		go func() {
			if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				s.failed <- fmt.Errorf("serving %s: %w", name, err)
			}
		}()
	}
}

func (s *Supervisor) logRequest(api, method, route string, status int, took time.Duration) {
	if route == "" {
		route = "(no route)"
	}
	level := slog.LevelInfo
	if status >= 500 {
		level = slog.LevelWarn
	}
	s.log.Log(context.Background(), level, fmt.Sprintf("%s %s %d", method, route, status), "api", api, "ms", took.Milliseconds())
}
