package lambdafn

import (
	"context"
	"io"
	"log/slog"

	"github.com/aws/aws-lambda-go/lambdacontext"
)

// NewLogger returns the logger of a function: one JSON object a line, with the names of Lambda's own JSON format
// (timestamp, level, message, requestId), so that its level filter and the queries over all functions understand it.
//
// Log lines carry ids, kinds, counts and durations. They never carry personal data: no tax code, name, address, text
// of an application, nor a URL with a token.
func NewLogger(w io.Writer, level slog.Level) *slog.Logger {
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: lambdacontext.ReplaceAttr}
	return slog.New(invocation{slog.NewJSONHandler(w, options)})
}

// invocation adds the id of the Lambda invocation to each line.
type invocation struct{ slog.Handler }

func (h invocation) Handle(ctx context.Context, record slog.Record) error {
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		record.AddAttrs(slog.String("requestId", lc.AwsRequestID))
	}
	return h.Handler.Handle(ctx, record)
}

func (h invocation) WithAttrs(attrs []slog.Attr) slog.Handler {
	return invocation{h.Handler.WithAttrs(attrs)}
}

func (h invocation) WithGroup(name string) slog.Handler {
	return invocation{h.Handler.WithGroup(name)}
}

func functionName() string { return lambdacontext.FunctionName }
