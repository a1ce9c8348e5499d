// Command echo is the function that the tests of the local cloud run. Its event
// says what it should do.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
)

func main() {
	if os.Getenv("ECHO_INIT") == "exit" {
		os.Exit(3)
	}
	lambda.Start(handle)
}

type order struct {
	Do     string `json:"do"`
	Millis int    `json:"millis"`
	Env    string `json:"env"`
	// Service, Target and Body are of a call of AWS.
	Service string `json:"service"`
	Target  string `json:"target"`
	Body    string `json:"body"`
}

func handle(ctx context.Context, event json.RawMessage) (any, error) {
	var o order
	_ = json.Unmarshal(event, &o)
	switch o.Do {
	case "error":
		return nil, errors.New("as ordered")
	case "exit":
		os.Exit(1)
	case "panic":
		panic("as ordered")
	case "sleep":
		time.Sleep(time.Duration(o.Millis) * time.Millisecond)
	case "deadline":
		deadline, _ := ctx.Deadline()
		return map[string]int64{"left": time.Until(deadline).Milliseconds()}, nil
	case "call":
		return call(ctx, o)
	case "env":
		return map[string]string{"value": os.Getenv(o.Env)}, nil
	}
	fmt.Println(`{"level":"INFO","msg":"done","pid":` + fmt.Sprint(os.Getpid()) + `}`)
	return map[string]any{"statusCode": 200, "body": string(event), "pid": os.Getpid()}, nil
}

// call makes one call of an AWS service, at the address in the variable named.
func call(ctx context.Context, o order) (any, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, os.Getenv(o.Env), strings.NewReader(o.Body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-amz-json-1.0")
	request.Header.Set("X-Amz-Target", o.Target)
	// The emulators of JSON protocols check no signature: who calls is enough.
	scope := fmt.Sprintf("Credential=%s/20260101/%s/%s/aws4_request", os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_REGION"), o.Service)
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 "+scope+", SignedHeaders=host, Signature=none")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return map[string]any{"status": response.StatusCode, "body": string(body)}, err
}
