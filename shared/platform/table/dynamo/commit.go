package dynamo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"sportello/shared/platform/table"
)

// Commit implements table.Table.
//
// A single put or delete is a PutItem or DeleteItem with a condition: half the price and half the time of a transaction.
// It has no request token, so if an attempt got no answer and the next one finds its condition broken, either the first
// was done or somebody else was faster, and only ErrUnclear is true. That is why the SDK does not retry these calls: it
// would show that case as a plain conflict. A transaction carries a token, by which DynamoDB answers a repeated request as
// it answered the first for ten minutes: there a conflict is a conflict.
func (t *Table) Commit(ctx context.Context, changes ...table.Change) error {
	if err := table.Validate(changes); err != nil {
		return err
	}
	send, repeatable, err := t.request(changes)
	if err != nil {
		return err
	}
	return t.attempt(ctx, send, repeatable)
}

// request prepares the call; repeatable tells whether DynamoDB recognises it when it is sent again.
func (t *Table) request(changes []table.Change) (send func(context.Context) error, repeatable bool, err error) {
	if len(changes) > 1 || changes[0].Op == table.OpCheck {
		send, err = t.transaction(changes)
		return send, true, err
	}
	item := changes[0].Item
	where := conditionOn(item)
	if changes[0].Op == table.OpDelete {
		in := &dynamodb.DeleteItemInput{
			TableName: &t.name, Key: keyAttributes(item.Key), ConditionExpression: where.expression, ExpressionAttributeValues: where.values,
		}
		return func(ctx context.Context) error {
			_, err := t.client.DeleteItem(ctx, in, once)
			return err
		}, false, nil
	}
	attributes, err := encode(item)
	if err != nil {
		return nil, false, err
	}
	in := &dynamodb.PutItemInput{
		TableName: &t.name, Item: attributes, ConditionExpression: where.expression, ExpressionAttributeValues: where.values,
	}
	return func(ctx context.Context) error {
		_, err := t.client.PutItem(ctx, in, once)
		return err
	}, false, nil
}

func (t *Table) transaction(changes []table.Change) (func(context.Context) error, error) {
	in := &dynamodb.TransactWriteItemsInput{ClientRequestToken: aws.String(rand.Text())}
	for _, change := range changes {
		part, err := t.part(change)
		if err != nil {
			return nil, err
		}
		in.TransactItems = append(in.TransactItems, part)
	}
	return func(ctx context.Context) error {
		_, err := t.client.TransactWriteItems(ctx, in, once)
		return err
	}, nil
}

func (t *Table) part(change table.Change) (types.TransactWriteItem, error) {
	where, key := conditionOn(change.Item), keyAttributes(change.Item.Key)
	switch change.Op {
	case table.OpPut:
		attributes, err := encode(change.Item)
		return types.TransactWriteItem{Put: &types.Put{
			TableName: &t.name, Item: attributes, ConditionExpression: where.expression, ExpressionAttributeValues: where.values,
		}}, err
	case table.OpDelete:
		return types.TransactWriteItem{Delete: &types.Delete{
			TableName: &t.name, Key: key, ConditionExpression: where.expression, ExpressionAttributeValues: where.values,
		}}, nil
	case table.OpCheck:
		return types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{
			TableName: &t.name, Key: key, ConditionExpression: where.expression, ExpressionAttributeValues: where.values,
		}}, nil
	}
	return types.TransactWriteItem{}, fmt.Errorf("%w: operation %d", table.ErrInvalid, change.Op)
}

type where struct {
	expression *string
	values     map[string]types.AttributeValue
}

func conditionOn(item table.Item) where {
	if item.Version == 0 {
		return where{expression: aws.String("attribute_not_exists(pk)")}
	}
	return where{aws.String("v = :v"), map[string]types.AttributeValue{":v": number(item.Version)}}
}

// once keeps the SDK from retrying: attempt does.
func once(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} }

// attempt sends until the outcome is known, at most attempts times.
func (t *Table) attempt(ctx context.Context, send func(context.Context) error, repeatable bool) error {
	unclear := false // an attempt may have been done without our hearing of it
	for n := 1; ; n++ {
		if err := ctx.Err(); err != nil && !unclear {
			return fmt.Errorf("committing: %w", err)
		}
		err := send(ctx)
		if err == nil {
			return nil
		}
		what := judge(err)
		unclear = unclear || what.unclear
		switch {
		case what.conflict != nil && (!unclear || repeatable):
			return what.conflict
		case what.again && n < attempts && t.pause(ctx, n) == nil:
			continue
		case unclear:
			return fmt.Errorf("committing: %w: %w", table.ErrUnclear, err)
		}
		return fmt.Errorf("committing: %w", err)
	}
}

// verdict is what an error says of one attempt.
type verdict struct {
	conflict *table.Conflict // its conditions did not hold: nothing was written
	unclear  bool            // it may have been written
	again    bool            // sending again may help
}

func judge(err error) verdict {
	var (
		canceled *types.TransactionCanceledException
		failed   *types.ConditionalCheckFailedException
		busy     *types.TransactionConflictException
		response *smithyhttp.ResponseError
	)
	switch {
	case errors.As(err, &canceled):
		return judgeReasons(canceled.CancellationReasons)
	case errors.As(err, &failed):
		return verdict{conflict: &table.Conflict{Failed: []int{0}}}
	case errors.As(err, &busy):
		return verdict{conflict: &table.Conflict{}}
	case errors.As(err, &response) && response.HTTPStatusCode() > 0: // 0: there was no response
		return judgeAnswer(err, response.HTTPStatusCode())
	case neverLeft(err):
		return verdict{again: true}
	}
	return verdict{unclear: true, again: true}
}

// judgeReasons reads why a transaction was cancelled; reasons come in the order of the changes.
func judgeReasons(reasons []types.CancellationReason) verdict {
	conflict, throttled := &table.Conflict{}, false
	for n, reason := range reasons {
		switch aws.ToString(reason.Code) {
		case "None", "":
		case "ConditionalCheckFailed":
			conflict.Failed = append(conflict.Failed, n)
		case "TransactionConflict":
			// Somebody else is writing the item: whether our condition holds is not known, so it is not listed.
		case "ThrottlingError", "ProvisionedThroughputExceeded":
			throttled = true
		default:
			return verdict{} // ValidationError, ItemCollectionSizeLimitExceeded
		}
	}
	if throttled && len(conflict.Failed) == 0 {
		return verdict{again: true}
	}
	return verdict{conflict: conflict}
}

// judgeAnswer reads the other errors that DynamoDB answers: it was too busy, it refuses, or it failed. Only the last leaves a
// doubt.
func judgeAnswer(err error, status int) verdict {
	var answer smithy.APIError
	if errors.As(err, &answer) {
		switch answer.ErrorCode() {
		case "ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded":
			return verdict{again: true}
		case "TransactionInProgressException":
			return verdict{unclear: true, again: true}
		}
	}
	if status >= 400 && status < 500 {
		return verdict{}
	}
	return verdict{unclear: true, again: true}
}

// neverLeft tells errors from before the request was sent: no connection, no address.
func neverLeft(err error) bool {
	var operation *net.OpError
	var name *net.DNSError
	return errors.As(err, &operation) && operation.Op == "dial" || errors.As(err, &name)
}
