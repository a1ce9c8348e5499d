package emulator

import (
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// Clients speak to the emulators as the functions do.
type Clients struct {
	DynamoDB *dynamodb.Client
	S3       *s3.Client
	SQS      *sqs.Client
}

// NewClients makes clients for the emulators of c, of the user that all know.
func NewClients(c Config) Clients { return NewClientsOf(c, AccessKey, c.Transport()) }

// NewClientsOf makes clients of another user, on a way of their own.
func NewClientsOf(c Config, accessKey string, way http.RoundTripper) Clients {
	base := aws.Config{
		Region:      c.Region,
		Credentials: credentials.NewStaticCredentialsProvider(accessKey, SecretKey, ""),
		// A long poll lasts twenty seconds; nothing here takes longer than that.
		HTTPClient:       &http.Client{Timeout: 40 * time.Second, Transport: way},
		RetryMaxAttempts: 3,
	}
	return Clients{
		DynamoDB: dynamodb.NewFromConfig(base, func(o *dynamodb.Options) { o.BaseEndpoint = aws.String(c.DynamoDBEndpoint()) }),
		S3: s3.NewFromConfig(base, func(o *s3.Options) {
			o.BaseEndpoint, o.UsePathStyle = aws.String(c.S3Endpoint()), true
		}),
		SQS: sqs.NewFromConfig(base, func(o *sqs.Options) { o.BaseEndpoint = aws.String(c.SQSEndpoint()) }),
	}
}
