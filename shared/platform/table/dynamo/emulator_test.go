//go:build emulator

package dynamo_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"sportello/shared/platform/emulatortest"
	"sportello/shared/platform/table"
	"sportello/shared/platform/table/dynamo"
	"sportello/shared/platform/table/tabletest"
)

func TestDynamoDB(t *testing.T) {
	config := emulatortest.DynamoDB(t)
	client := dynamo.NewClient(config)
	tabletest.Run(t, func(t *testing.T) table.Table { return dynamo.New(client, emulatortest.Table(t, config)) })
}

// An answer that is lost after the write is done: a put cannot be told from somebody else's, a transaction is recognised.
func TestAnswerLost(t *testing.T) {
	config := emulatortest.DynamoDB(t)
	name := emulatortest.Table(t, config)
	lossy, lose := losing(t, *config.BaseEndpoint)
	behind := config
	behind.BaseEndpoint = aws.String(lossy)
	tt := dynamo.New(dynamo.NewClient(behind), name)

	lose.Store(1)
	if got := outcome(tt.Commit(context.Background(), put("single"))); got != "unclear" {
		t.Errorf("put: %s", got)
	}
	lose.Store(1)
	if got := outcome(tt.Commit(context.Background(), put("a"), put("b"))); got != "written" {
		t.Errorf("transaction: %s", got)
	}
	items, err := tt.Get(context.Background(), table.Key{PK: "P", SK: "single"}, table.Key{PK: "P", SK: "a"}, table.Key{PK: "P", SK: "b"})
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range items {
		if item.Version != 1 {
			t.Errorf("%s is at version %d", item.SK, item.Version)
		}
	}
}

// losing is a proxy that passes requests on and cuts the connection instead of answering, as many times as told.
func losing(t *testing.T, endpoint string) (string, *atomic.Int32) {
	t.Helper()
	target, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	lose := new(atomic.Int32)
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.ModifyResponse = func(*http.Response) error {
		if lose.Add(-1) >= 0 {
			panic(http.ErrAbortHandler)
		}
		return nil
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	return server.URL, lose
}
