// Package lambdafn is how every function of the sportello starts: environment, logger, AWS configuration, clock, ids,
// parameters and metrics, made once per process, before the first event.
//
// A function's main is one line, lambdafn.Main(wire), where wire builds the handler from a Process and the function's own
// environment. Anything wrong at start ends the process with one log line that names all that is missing, so a
// broken deploy is seen in its first invocation and never half works.
package lambdafn

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"

	"sportello/shared/domain/catalogue"
)

// Process is what a function works with. All of it may be used by several goroutines.
type Process struct {
	Log *slog.Logger
	// AWS is the configuration that every client of the process is made from.
	AWS aws.Config
	// Now is the clock of the sportello: UTC, to the millisecond. Deadlines of contexts, TLS and tokens stay on real time.
	Now func() time.Time
	// NewID makes UUIDv7 that sort in the order they were made by this process.
	NewID   func() string
	Metrics *Metrics
	Stage   string
	// Local tells that AWS is this computer: what must not be reached in the cloud (loopback) is the outside world here.
	Local bool

	parameters parameterStore
	prefix     string
}

// initTimeout bounds what is done before the first event: Lambda ends the init phase at 10 s and starts it again.
const initTimeout = 9 * time.Second

// Main runs a function: it loads the environment E, makes the Process, lets wire make the handler, and serves events
// until Lambda ends the process. The handler is anything that lambda.Start takes.
func Main[E Base](wire func(ctx context.Context, p *Process, env E) (handler any, err error)) {
	handler, err := start(wire)
	if err != nil {
		NewLogger(os.Stdout, slog.LevelInfo).Error("function does not start", slog.Any("error", err))
		os.Exit(1)
	}
	lambda.Start(handler)
}

func start[E Base](wire func(ctx context.Context, p *Process, env E) (any, error)) (any, error) {
	ctx, cancel := context.WithTimeout(context.Background(), initTimeout)
	defer cancel()
	env, err := Load[E]()
	if err != nil {
		return nil, err
	}
	if err := catalogue.Ready(env.base().Stage); err != nil {
		return nil, err // nobody is served in the name of a chamber whose codes and addresses are invented
	}
	p, err := New(ctx, env.base())
	if err != nil {
		return nil, err
	}
	return wire(ctx, p, env)
}

// New makes the Process. It calls no service.
func New(ctx context.Context, env Environment) (*Process, error) {
	config, err := awsConfig(ctx)
	if err != nil {
		return nil, err
	}
	clock := NewClock(localClockFile(os.Getenv))
	return &Process{
		Log:        NewLogger(os.Stdout, env.LogLevel).With(slog.String("stage", env.Stage)),
		AWS:        config,
		Now:        clock.Now,
		NewID:      NewIDs(clock.Now, nil).New,
		Metrics:    NewMetrics(os.Stdout, clock.Now, env.Stage, functionName()),
		Stage:      env.Stage,
		Local:      isLocal(os.Getenv),
		parameters: newParameterStore(config),
		prefix:     env.Parameters,
	}, nil
}

// Task is the input of a schedule: what the function is asked to do.
type Task struct {
	Task string `json:"task"`
}
