package lambdafn

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
)

// The defaults of every AWS client. A package that knows better (package dynamo does) sets its own on top.
const (
	connectTimeout = time.Second
	// answerTimeout is how long a service may take to begin its answer. It is not a limit on the whole exchange,
	// since bodies of documents are streamed: that limit is the context's, hence the function's timeout.
	answerTimeout = 10 * time.Second
	// attempts and backoff: 4 attempts within about 3 s ride out a throttle or a lost connection; what lasts longer is
	// the queue's and the sweep's to retry.
	attempts = 4
	backoff  = 2 * time.Second
)

// awsConfig reads region, credentials and endpoints from the environment, where Lambda and the local cloud put them.
func awsConfig(ctx context.Context) (aws.Config, error) {
	client := awshttp.NewBuildableClient().
		WithDialerOptions(func(d *net.Dialer) { d.Timeout = connectTimeout }).
		WithTransportOptions(func(t *http.Transport) {
			t.ResponseHeaderTimeout = answerTimeout
			t.MaxIdleConnsPerHost = 64 // a batch hands over in parallel
		})
	loaded, err := config.LoadDefaultConfig(ctx, config.WithHTTPClient(client), config.WithRetryer(newRetryer))
	if err != nil {
		return aws.Config{}, fmt.Errorf("loading AWS configuration: %w", err)
	}
	return loaded, nil
}

func newRetryer() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = attempts
		o.MaxBackoff = backoff
	})
}
