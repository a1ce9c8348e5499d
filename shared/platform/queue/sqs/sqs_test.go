package sqs_test

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"sportello/shared/platform/queue"
	"sportello/shared/platform/queue/sqs"
)

// SQS may take a part of a batch: the rest is an error, and the batches after it are sent all the same.
func TestPartialFailure(t *testing.T) {
	var taken []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			Entries []struct{ Id, MessageBody, MessageGroupId, MessageDeduplicationId string }
		}
		_ = json.NewDecoder(r.Body).Decode(&in)
		var done, failed []map[string]any
		for _, e := range in.Entries {
			if strings.Contains(e.MessageBody, "bad") {
				failed = append(failed, map[string]any{"Id": e.Id, "SenderFault": true, "Code": "InternalError"})
				continue
			}
			taken = append(taken, e.MessageGroupId+" "+e.MessageDeduplicationId)
			done = append(done, map[string]any{"Id": e.Id, "MessageId": e.Id, "MD5OfMessageBody": md5Of(e.MessageBody)})
		}
		body, _ := json.Marshal(map[string]any{"Successful": done, "Failed": failed})
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		_, _ = w.Write(body)
	}))
	defer server.Close()
	q := sqs.New(sqs.NewClient(aws.Config{
		Region: "eu-south-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""),
	}), server.URL+"/000000000000/registration.fifo")
	var messages []queue.Message
	for n := range 12 {
		sk := string(rune('a' + n))
		if n == 3 {
			sk = "bad"
		}
		messages = append(messages, queue.Message{Group: "milano", Envelope: queue.Envelope{Version: 1, Kind: "REG", PK: "P", SK: sk, Attempt: 2}})
	}
	err := q.Send(context.Background(), messages...)
	if err == nil || !strings.Contains(err.Error(), "message 3 of 10: InternalError") {
		t.Errorf("error %v", err)
	}
	if len(taken) != 11 || taken[0] != "milano a.2" {
		t.Errorf("taken %v", taken)
	}
}

func md5Of(text string) string {
	sum := md5.Sum([]byte(text)) // what SQS answers with, and the SDK checks
	return hex.EncodeToString(sum[:])
}
