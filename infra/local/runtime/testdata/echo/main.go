// Command echo is the function that the tests of the local cloud run. Its event
// says what it should do.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
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
	case "env":
		return map[string]string{"value": os.Getenv(o.Env)}, nil
	}
	fmt.Println(`{"level":"INFO","msg":"done","pid":` + fmt.Sprint(os.Getpid()) + `}`)
	return map[string]any{"statusCode": 200, "body": string(event), "pid": os.Getpid()}, nil
}
