//go:build emulator

package emulatortest

import (
	"context"
	"os"
	"os/exec"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// SQS returns the configuration of a client of SQS.
func SQS(t testing.TB) aws.Config {
	t.Helper()
	if endpoint := os.Getenv("SQS_ENDPOINT"); endpoint != "" {
		return config(endpoint)
	}
	installed(t, "run npm ci in infra/local/npm", "infra", "local", "npm", "node_modules", "fauxqs")
	script := installed(t, "it is part of the repository", "infra", "local", "npm", "queues.mjs")
	node, err := exec.LookPath("node")
	if err != nil {
		lack(t, "Node is not installed")
	}
	return config(start(t, program{
		path: node,
		args: func(string) []string { return []string{script} },
		env:  func(port string) []string { return []string{"PORT=" + port, "REGION=" + Region, "CLOCK_FILE="} },
	}))
}

// Queue makes an empty queue and returns its URL.
func Queue(t testing.TB, config aws.Config, fifo bool) string {
	t.Helper()
	client := sqs.NewFromConfig(config)
	in := &sqs.CreateQueueInput{QueueName: aws.String(unique(t))}
	if fifo {
		in.QueueName = aws.String(*in.QueueName + ".fifo")
		in.Attributes = map[string]string{"FifoQueue": "true", "ContentBasedDeduplication": "false"}
	}
	out, err := client.CreateQueue(context.Background(), in)
	if err != nil {
		t.Fatalf("creating queue: %v", err)
	}
	t.Cleanup(func() {
		_, _ = client.DeleteQueue(context.Background(), &sqs.DeleteQueueInput{QueueUrl: out.QueueUrl})
	})
	return *out.QueueUrl
}
